/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "map/map.h"

#include <inttypes.h>
#include <string.h>

#include "map/text.h"
#include "native/native.h"

struct emit {
	const struct wdx_map *map;
	const struct wdx_target *target;
	struct wdx_buf *out;
};

static void put(struct emit *e, const char *s)
{
	wdx_buf_bytes(e->out, s, strlen(s));
}

#define putf(e, ...) wdx_text_printf((e)->out, __VA_ARGS__)

/* Between the i-th item of a list and the one before. */
static void comma(struct emit *e, size_t i, const char *space)
{
	put(e, i ? "," : "");
	put(e, space);
}

static void string(struct emit *e, const char *key, const char *s)
{
	putf(e, "  \"%s\": ", key);
	wdx_text_put_string(e->out, s);
	put(e, ",\n");
}

/* Programs that keep numbers as doubles read 53 bits right; the rest goes out in hexadecimal. */
static void number(struct emit *e, uint64_t v)
{
	putf(e, v >> 53 ? "\"0x%" PRIx64 "\"" : "%" PRIu64, v);
}

static void offset(struct emit *e, int64_t v)
{
	if (v < -((int64_t)1 << 53))
		number(e, (uint64_t)v);
	else if (v < 0)
		putf(e, "%" PRId64, v);
	else
		number(e, (uint64_t)v);
}

static void bytes(struct emit *e, uint32_t first, uint32_t n)
{
	put(e, "\"");
	wdx_text_put_hex(e->out, e->map->blob.data + first, n);
	put(e, "\"");
}

/* The name when it leads back to the number. */
static const char *reg_name(const struct emit *e, unsigned reg)
{
	const char *name = wdx_target_reg_name(e->target, reg);

	return name && wdx_target_reg_by_name(e->target, name) == (int)reg ? name : NULL;
}

static void reg(struct emit *e, unsigned number)
{
	const char *name = reg_name(e, number);

	if (name)
		wdx_text_put_string(e->out, name);
	else
		putf(e, "%u", number);
}

/* --- Places ------------------------------------------------------------------------------------
 */

static void offsets(struct emit *e, const struct wdx_place *p)
{
	const int64_t *v = e->map->offsets.data + p->first;
	uint32_t i;

	if (p->n == 1) {
		offset(e, v[0]);
		return;
	}
	put(e, "[");
	for (i = 0; i < p->n; i++) {
		comma(e, i, "");
		offset(e, v[i]);
	}
	put(e, "]");
}

static void memory_place(struct emit *e, const struct wdx_place *p)
{
	static const char *const keys[] = {
		[WDX_BASE_CFA] = "\"cfa\":",
		[WDX_BASE_REG] = ",\"offset\":",
		[WDX_BASE_CONTEXT] = "\"context\":",
		[WDX_BASE_ABS] = "\"absolute\":",
	};

	if (p->base == WDX_BASE_REG) {
		put(e, "\"base\":");
		reg(e, p->reg);
	}
	put(e, keys[p->base]);
	offsets(e, p);
}

static void place(struct emit *e, uint32_t index)
{
	const struct wdx_place *p = &e->map->places.data[index];

	put(e, "{");
	switch (p->kind) {
	case WDX_PLACE_REG:
		put(e, "\"reg\":");
		reg(e, p->reg);
		break;
	case WDX_PLACE_MEM:
		memory_place(e, p);
		break;
	case WDX_PLACE_CONST:
		put(e, "\"const\":");
		number(e, p->value);
		break;
	case WDX_PLACE_EXPR:
		put(e, "\"expr\":");
		bytes(e, p->first, p->n);
		break;
	}
	put(e, "}");
}

/* --- Parts -------------------------------------------------------------------------------------
 */

static void pairs(struct emit *e, const struct wdx_map_part *part)
{
	const struct wdx_map_pair *p = e->map->pairs.data + part->first;
	uint32_t i;

	if (!part->n)
		return;
	put(e, ",\n       \"pairs\": [");
	for (i = 0; i < part->n; i++) {
		/* Lines of a bearable length: they are what messages point at. */
		comma(e, i, i % 8 ? " " : "\n        ");
		if (p[i].wasm == UINT32_MAX)
			putf(e, "[%" PRIu32 ",null]", p[i].native);
		else
			putf(e, "[%" PRIu32 ",%" PRIu32 "]", p[i].native, p[i].wasm);
	}
	put(e, "]");
}

static void rule(struct emit *e, const struct wdx_rule *r)
{
	const char *name = reg_name(e, r->reg);

	if (name)
		wdx_text_put_string(e->out, name);
	else
		putf(e, "\"%u\"", r->reg);
	put(e, ":");
	switch (r->kind) {
	case WDX_RULE_UNDEFINED:
		put(e, "\"undefined\"");
		return;
	case WDX_RULE_SAME:
		put(e, "\"same\"");
		return;
	case WDX_RULE_OFFSET:
		putf(e, "%" PRId32, r->value);
		return;
	case WDX_RULE_VAL_OFFSET:
		putf(e, "{\"value\":%" PRId32, r->value);
		break;
	case WDX_RULE_REG:
		put(e, "{\"reg\":");
		reg(e, (unsigned)r->value);
		break;
	default:
		putf(e, "{\"%s\":", r->kind == WDX_RULE_EXPR ? "expr" : "value_expr");
		bytes(e, r->first, r->n);
	}
	put(e, "}");
}

static void row(struct emit *e, const struct wdx_map_row *r)
{
	uint32_t i;

	putf(e, "{\"at\":%" PRIu32 ",\"cfa\":{", r->native);
	if (r->cfa_n) {
		put(e, "\"expr\":");
		bytes(e, r->cfa_first, r->cfa_n);
	} else {
		put(e, "\"reg\":");
		reg(e, r->cfa_reg);
		putf(e, ",\"offset\":%" PRId32, r->cfa_off);
	}
	put(e, "}");
	if (r->n)
		put(e, ",\"rules\":{");
	for (i = 0; i < r->n; i++) {
		comma(e, i, "");
		rule(e, &e->map->rules.data[r->first + i]);
	}
	put(e, r->n ? "}}" : "}");
}

static void part(struct emit *e, const struct wdx_map_part *p)
{
	uint32_t i;

	putf(e, "{\"lo\": %" PRIu32 ", \"hi\": %" PRIu32, p->lo, p->hi);
	pairs(e, p);
	if (p->nrows)
		put(e, ",\n       \"unwind\": [");
	for (i = 0; i < p->nrows; i++) {
		comma(e, i, "\n        ");
		row(e, &e->map->rows.data[p->first_row + i]);
	}
	put(e, p->nrows ? "]}" : "}");
}

/* --- Entities ----------------------------------------------------------------------------------
 */

static void ranges(struct emit *e, const struct wdx_map_entity *ent, const char *space)
{
	const struct wdx_map_range *r = e->map->ranges.data + ent->first;
	uint32_t i;

	put(e, "[");
	for (i = 0; i < ent->n; i++) {
		comma(e, i, space);
		putf(e, "[%" PRIu32 ",%" PRIu32 ",", r[i].lo, r[i].hi);
		place(e, r[i].place);
		put(e, "]");
	}
	put(e, "]");
}

static void entity(struct emit *e, const struct wdx_map_entity *ent)
{
	putf(e, "{\"index\":%" PRIu32 ",\"ranges\":", ent->index);
	ranges(e, ent, "");
	put(e, "}");
}

/* The entities of one kind, which is that of the first; returns the first of the next. */
static uint32_t entities(struct emit *e, const struct wdx_map_entity *ent, uint32_t i, uint32_t n)
{
	static const char *const keys[] = {
		[WDX_ENT_LOCAL] = "locals",    [WDX_ENT_STACK] = "stack",
		[WDX_ENT_GLOBAL] = "globals",  [WDX_ENT_CONTEXT] = "context",
		[WDX_ENT_MEMORY] = "memories", [WDX_ENT_DOUBTFUL] = "doubtful",
	};
	uint32_t first = i;

	putf(e, ",\n     \"%s\": ", keys[ent[i].kind]);
	if (ent[i].kind == WDX_ENT_CONTEXT) {
		ranges(e, &ent[i], "\n      ");
		return i + 1;
	}
	put(e, "[");
	for (; i < n && ent[i].kind == ent[first].kind; i++) {
		comma(e, i - first, "\n      ");
		entity(e, &ent[i]);
	}
	put(e, "]");
	return i;
}

/* --- Functions ---------------------------------------------------------------------------------
 */

static void calls(struct emit *e, const struct wdx_map_func *f)
{
	uint32_t i;

	if (!f->ncalls)
		return;
	put(e, ",\n     \"calls\": [");
	for (i = 0; i < f->ncalls; i++) {
		comma(e, i, i && i % 12 == 0 ? "\n      " : "");
		putf(e, "%" PRIu32, e->map->calls.data[f->first_call + i]);
	}
	put(e, "]");
}

static void func(struct emit *e, const struct wdx_map_func *f)
{
	const struct wdx_map_entity *ent = e->map->entities.data + f->first_entity;
	uint32_t i;

	if (f->index == WDX_NO_INDEX)
		put(e, "{\"index\": null");
	else
		putf(e, "{\"index\": %" PRIu32, f->index);
	put(e, ", \"symbol\": ");
	wdx_text_put_string(e->out, f->symbol);
	put(e, ",\n     \"parts\": [");
	for (i = 0; i < f->nparts; i++) {
		comma(e, i, "\n      ");
		part(e, &e->map->parts.data[f->first_part + i]);
	}
	put(e, "]");
	calls(e, f);
	for (i = 0; i < f->nentities;)
		i = entities(e, ent, i, f->nentities);
	put(e, "}");
}

/* --- The whole ---------------------------------------------------------------------------------
 */

static void module(struct emit *e, const struct wdx_wasm *wasm)
{
	uint8_t digest[32];

	wdx_sha256(wasm->data, wasm->size, digest);
	putf(e, "  \"module\": {\"size\": %zu, \"sha256\": \"", wasm->size);
	wdx_text_put_hex(e->out, digest, sizeof(digest));
	put(e, "\"},\n  \"offsets\": \"code-section\",\n");
}

static void code(struct emit *e)
{
	putf(e, "  \"code\": {\"size\": %" PRIu64, e->map->code_size);
	if (e->map->code_base) {
		put(e, ", \"base\": ");
		number(e, e->map->code_base);
	}
	if (e->map->code) {
		put(e, ", \"bytes\": \"");
		wdx_text_put_base64(e->out, e->map->code, (size_t)e->map->code_size);
		put(e, "\"");
	}
	put(e, "},\n");
}

static void statics(struct emit *e)
{
	const struct wdx_map *m = e->map;
	size_t i;

	put(e, "  \"preserved\": [");
	for (i = 0; i < m->preserved.len; i++) {
		comma(e, i, "");
		reg(e, m->preserved.data[i]);
	}
	put(e, "],\n  \"memories\": [");
	for (i = 0; i < m->memories.len; i++) {
		comma(e, i, "\n    ");
		putf(e, "{\"index\": %" PRIu32 ", \"is64\": %s, \"place\": ",
		     m->memories.data[i].index, m->memories.data[i].is64 ? "true" : "false");
		place(e, m->memories.data[i].place);
		put(e, "}");
	}
	put(e, "],\n  \"globals\": [");
	for (i = 0; i < m->globals.len; i++) {
		comma(e, i, "\n    ");
		putf(e, "{\"index\": %" PRIu32 ", \"place\": ", m->globals.data[i].index);
		place(e, m->globals.data[i].place);
		put(e, "}");
	}
	put(e, "],\n");
}

static void head(struct emit *e, const struct wdx_wasm *wasm)
{
	const struct wdx_map *m = e->map;

	put(e, "{\n  \"format\": \"wasm-jit-map\",\n  \"version\": 1,\n");
	string(e, "triple", m->triple);
	if (m->producer)
		string(e, "producer", m->producer);
	if (m->hint)
		string(e, "hint", m->hint);
	putf(e, "  \"has_locals\": %s,\n", m->has_locals ? "true" : "false");
	if (m->instrumented)
		putf(e, "  \"instrumented\": true,\n");
	if (m->faults) {
		put(e, "  \"faults\": ");
		number(e, m->faults);
		put(e, ",\n");
	}
	module(e, wasm);
	code(e);
	statics(e);
}

void wdx_map_emit(const struct wdx_map *map, const struct wdx_target *target,
		  const struct wdx_wasm *wasm, struct wdx_buf *out)
{
	struct emit e = {.map = map, .target = target, .out = out};
	size_t i;

	head(&e, wasm);
	put(&e, "  \"functions\": [");
	for (i = 0; i < map->funcs.len; i++) {
		comma(&e, i, "\n    ");
		func(&e, &map->funcs.data[i]);
	}
	put(&e, "]\n}\n");
}
