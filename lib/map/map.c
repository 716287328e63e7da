/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "map/map.h"

#include <string.h>

#include "base/error.h"
#include "map/check.h"
#include "native/native.h"

/* --- Places ------------------------------------------------------------------------------------
 */

/* A place together with the offsets or bytes it names. */
struct content {
	struct wdx_place p;
	const void *data;
	size_t size; /* bytes */
};

static bool has_offsets(const struct wdx_place *p)
{
	return p->kind == WDX_PLACE_MEM || p->kind == WDX_PLACE_COMPUTED;
}

static struct content content_of(const struct wdx_map *m, const struct wdx_place *p)
{
	struct content c = {.p = *p};

	if (has_offsets(p)) {
		c.data = m->offsets.data + p->first;
		c.size = p->n * sizeof(int64_t);
	} else if (p->kind == WDX_PLACE_EXPR) {
		c.data = m->blob.data + p->first;
		c.size = p->n;
	} else if (p->kind == WDX_PLACE_SUM) {
		c.data = &p->first;
		c.size = sizeof(p->first);
	}
	return c;
}

static bool same(const struct content *a, const struct content *b)
{
	return a->p.kind == b->p.kind && a->p.base == b->p.base && a->p.reg == b->p.reg &&
	       a->p.value == b->p.value && a->size == b->size &&
	       (!a->size || !memcmp(a->data, b->data, a->size));
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* The table's own address goes in, so that nobody can write a map whose places all collide. */
static size_t hash(const struct wdx_map *m, const struct content *c)
{
	uint64_t h = mix((uintptr_t)m->place_slots, c->p.value), word;
	const uint8_t *s = c->data;
	size_t n;

	h = mix(h, (uint64_t)c->p.kind << 32 | (uint64_t)c->p.base << 16 | c->p.reg);
	for (n = 0; n < c->size; n += 8) {
		word = 0;
		memcpy(&word, s + n, c->size - n < 8 ? c->size - n : 8);
		h = mix(h, word);
	}
	return (size_t)mix(h, c->size) & (m->nplace_slots - 1);
}

/* The slot that has these contents, or the free one where they belong. */
static uint32_t *find_slot(const struct wdx_map *m, const struct content *c)
{
	size_t i = hash(m, c);
	struct content have;

	for (; m->place_slots[i]; i = (i + 1) & (m->nplace_slots - 1)) {
		have = content_of(m, &m->places.data[m->place_slots[i] - 1]);
		if (same(&have, c))
			break;
	}
	return &m->place_slots[i];
}

/* Keeps at least half of the slots free. */
static bool make_room(struct wdx_map *m)
{
	size_t i, n = m->nplace_slots ? m->nplace_slots * 2 : 64;
	struct content c;
	uint32_t *slots;

	if (m->places.len < m->nplace_slots / 2)
		return true;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return false;
	free(m->place_slots);
	m->place_slots = slots;
	m->nplace_slots = n;
	for (i = 0; i < m->places.len; i++) {
		c = content_of(m, &m->places.data[i]);
		*find_slot(m, &c) = (uint32_t)i + 1;
	}
	return true;
}

static bool append(struct wdx_map *m, struct content *c)
{
	if (has_offsets(&c->p)) {
		if (m->offsets.len > UINT32_MAX - c->p.n || !wdx_vec_reserve(&m->offsets, c->p.n))
			return false;
		c->p.first = (uint32_t)m->offsets.len;
		memcpy(m->offsets.data + m->offsets.len, c->data, c->size);
		m->offsets.len += c->p.n;
	} else if (c->p.kind == WDX_PLACE_EXPR) {
		if (m->blob.len > UINT32_MAX - c->p.n || !wdx_vec_reserve(&m->blob, c->p.n))
			return false;
		c->p.first = (uint32_t)m->blob.len;
		memcpy(m->blob.data + m->blob.len, c->data, c->size);
		m->blob.len += c->p.n;
	}
	return true;
}

static uint32_t intern(struct wdx_map *m, struct content c)
{
	struct wdx_place *p;
	uint32_t *slot;

	if (m->places.len >= UINT32_MAX - 1 || !make_room(m))
		return UINT32_MAX;
	slot = find_slot(m, &c);
	if (*slot)
		return *slot - 1;
	if (!wdx_vec_reserve(&m->places, 1) || !append(m, &c))
		return UINT32_MAX;
	p = wdx_vec_push(&m->places);
	*p = c.p;
	*slot = (uint32_t)m->places.len;
	return *slot - 1;
}

uint32_t wdx_map_place_reg(struct wdx_map *m, unsigned reg)
{
	return intern(m, (struct content){.p = {.kind = WDX_PLACE_REG, .reg = (uint16_t)reg}});
}

uint32_t wdx_map_place_mem(struct wdx_map *m, enum wdx_base_kind base, unsigned reg,
			   const int64_t *offsets, size_t n)
{
	struct content c = {.p = {.kind = WDX_PLACE_MEM, .base = (uint8_t)base}, .data = offsets};

	if (n > UINT32_MAX / sizeof(*offsets))
		return UINT32_MAX;
	c.p.reg = base == WDX_BASE_REG ? (uint16_t)reg : 0;
	c.p.n = (uint32_t)n;
	c.size = n * sizeof(*offsets);
	return intern(m, c);
}

uint32_t wdx_map_place_const(struct wdx_map *m, uint64_t value)
{
	return intern(m, (struct content){.p = {.kind = WDX_PLACE_CONST, .value = value}});
}

uint32_t wdx_map_place_expr(struct wdx_map *m, const uint8_t *bytes, size_t n)
{
	struct content c = {.p = {.kind = WDX_PLACE_EXPR}, .data = bytes, .size = n};

	if (n > UINT32_MAX)
		return UINT32_MAX;
	c.p.n = (uint32_t)n;
	return intern(m, c);
}

uint32_t wdx_map_place_sum(struct wdx_map *m, uint32_t place, uint64_t addend)
{
	struct content c = {.p = {.kind = WDX_PLACE_SUM, .first = place, .value = addend},
			    .data = &place,
			    .size = sizeof(place)};

	return intern(m, c);
}

uint32_t wdx_map_place_computed(struct wdx_map *m, uint8_t opcode, unsigned width,
				const int64_t *places, unsigned n)
{
	struct content c = {
		.p = {.kind = WDX_PLACE_COMPUTED, .reg = (uint16_t)width, .n = n, .value = opcode},
		.data = places,
		.size = n * sizeof(*places)};

	return intern(m, c);
}

uint32_t wdx_map_place_entry(struct wdx_map *m, unsigned reg)
{
	return intern(m, (struct content){.p = {.kind = WDX_PLACE_ENTRY, .reg = (uint16_t)reg}});
}

/* --- The whole ---------------------------------------------------------------------------------
 */

void wdx_map_deinit(struct wdx_map *map)
{
	wdx_vec_free(&map->funcs);
	wdx_vec_free(&map->parts);
	wdx_vec_free(&map->pairs);
	wdx_vec_free(&map->entities);
	wdx_vec_free(&map->ranges);
	wdx_vec_free(&map->rows);
	wdx_vec_free(&map->rules);
	wdx_vec_free(&map->calls);
	wdx_vec_free(&map->places);
	wdx_vec_free(&map->offsets);
	wdx_vec_free(&map->blob);
	wdx_vec_free(&map->memories);
	wdx_vec_free(&map->globals);
	wdx_vec_free(&map->arguments);
	wdx_vec_free(&map->preserved);
	free(map->place_slots);
	wdx_arena_deinit(&map->arena);
	memset(map, 0, sizeof(*map));
}

static int by_kind(const void *a, const void *b)
{
	const struct wdx_map_entity *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	/* Ranges are appended as entities come, so their position is the order of coming; an
	 * entity without any came before the one that owns those at the same position. */
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (!x->n != !y->n)
		return x->n ? 1 : -1;
	return x->index < y->index ? -1 : x->index > y->index;
}

void wdx_map_sort_entities(struct wdx_map *map, const struct wdx_map_func *func)
{
	if (func->nentities)
		qsort(map->entities.data + func->first_entity, func->nentities,
		      sizeof(struct wdx_map_entity), by_kind);
}

static struct wdx_error *read_json(struct wdx_map *map, struct wdx_target **target,
				   const struct wdx_json_text *t, const struct wdx_wasm *wasm)
{
	struct wdx_json_path where = {0};
	struct wdx_error *err;

	err = wdx_map_read_json(map, target, t->path, t->data, t->size, wasm);
	if (err)
		return err;
	err = wdx_map_check_at(map, NULL, wasm, &where);
	return err ? wdx_map_json_error(t, &where, err) : NULL;
}

static struct wdx_error *read_cwasm(struct wdx_map *map, struct wdx_target **target,
				    const struct wdx_json_text *t, const struct wdx_wasm *wasm)
{
	struct wdx_error *err;

	err = wdx_map_read_cwasm(map, target, t->path, t->data, t->size, wasm);
	return err ? err : wdx_error_at(wdx_map_check_named(map, *target, wasm), "%s", t->path);
}

static struct wdx_error *unknown_kind(const struct wdx_json_text *t)
{
	if (!t->size)
		return wdx_bad_input("%s: empty file", t->path);
	if (t->size >= 4 && !memcmp(t->data, "\0asm", 4))
		return wdx_bad_input("%s: a wasm module where the map should be", t->path);
	return wdx_bad_input("%s: neither a JSON map (see wasm-jit-map(5)) nor a .cwasm image",
			     t->path);
}

struct wdx_error *wdx_map_read(struct wdx_map *map, struct wdx_target **target, const char *path,
			       const uint8_t *data, size_t size, const struct wdx_wasm *wasm)
{
	const struct wdx_json_text t = {.path = path, .data = data, .size = size};
	struct wdx_error *err;
	size_t i = 0;

	memset(map, 0, sizeof(*map));
	*target = NULL;
	while (i < size && (data[i] == ' ' || (data[i] >= '\t' && data[i] <= '\r')))
		i++;
	if (size >= 4 && !memcmp(data,
				 "\x7f"
				 "ELF",
				 4))
		err = read_cwasm(map, target, &t, wasm);
	else if (i < size && data[i] == '{')
		err = read_json(map, target, &t, wasm);
	else
		err = unknown_kind(&t);
	if (err) {
		wdx_map_deinit(map);
		wdx_target_destroy(*target);
		*target = NULL;
	}
	return err;
}
