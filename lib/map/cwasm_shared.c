/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Claims that several locals are in one place at once.
 *
 * The engine's value labels get mixed up where locals begin as the same constant: a register just
 * cleared to pass an argument 0 is given as the place of every local that started as 0, though they
 * have changed since.  Nothing in the image but its code tells which of such claims are true: they
 * become doubtful.
 */
#include "map/cwasm.h"

#include <string.h>

#include "base/error.h"
#include "base/sort.h"

struct claim {
	uint32_t place, lo, hi, range;
};

#define NONE UINT32_MAX

struct shared {
	struct wdx_map *map;
	WDX_VEC(struct claim) claims; /* of one function */
	WDX_VEC(uint64_t) order;      /* of those: lo, and which one */
	uint32_t *far;		      /* by place: the claim that reaches furthest; NONE: none */
	WDX_VEC(struct wdx_map_range) ranges;
	WDX_VEC(struct wdx_map_entity) entities;
};

static bool collect(struct shared *s, const struct wdx_map_func *f)
{
	s->claims.len = 0;
	for (uint32_t i = 0; i < f->nentities; i++) {
		const struct wdx_map_entity *e = &s->map->entities.data[f->first_entity + i];

		for (uint32_t k = e->first; e->kind == WDX_ENT_LOCAL && k < e->first + e->n; k++) {
			const struct wdx_map_range *r = &s->map->ranges.data[k];
			struct claim *c = wdx_vec_push(&s->claims);

			if (!c)
				return false;
			*c = (struct claim){r->place, r->lo, r->hi, k};
		}
	}
	return true;
}

/* The claims by where they begin; room for as many more behind them.  NULL: memory is out. */
static const uint64_t *in_order(struct shared *s)
{
	size_t n = s->claims.len;

	s->order.len = 0;
	if (!wdx_vec_reserve(&s->order, 2 * n + 1))
		return NULL;
	for (size_t i = 0; i < n; i++)
		s->order.data[i] = (uint64_t)s->claims.data[i].lo << 32 | i;
	wdx_sort(s->order.data, n, s->order.data + n);
	return s->order.data;
}

static bool is_marked(const struct wdx_map_range *r)
{
	return r->hi < r->lo;
}

static void mark(struct wdx_map_range *r)
{
	if (!is_marked(r))
		*r = (struct wdx_map_range){r->hi, r->lo, r->place};
}

/* Ranges of one local are disjoint, so what overlaps at one place belongs to two.  Such a range is
 * marked: its ends change places. */
static bool mark_overlaps(struct shared *s)
{
	struct wdx_map_range *ranges = s->map->ranges.data;
	const struct claim *claims = s->claims.data;
	const uint64_t *order = in_order(s);

	for (size_t i = 0; order && i < s->claims.len; i++) {
		const struct claim *b = &claims[(uint32_t)order[i]];
		uint32_t *far = &s->far[b->place];
		const struct claim *a = *far == NONE ? NULL : &claims[*far];

		if (a && b->lo < a->hi) {
			mark(&ranges[a->range]);
			mark(&ranges[b->range]);
		}
		if (!a || b->hi > a->hi)
			*far = (uint32_t)order[i];
	}
	for (size_t i = 0; i < s->claims.len; i++)
		s->far[claims[i].place] = NONE;
	return order;
}

static bool keep_range(struct shared *s, const struct wdx_map_range *r)
{
	struct wdx_map_range *to = wdx_vec_push(&s->ranges);

	if (to && is_marked(r))
		*to = (struct wdx_map_range){r->hi, r->lo, r->place};
	else if (to)
		*to = *r;
	return to;
}

/* The entity's ranges, those that are marked or the others. */
static bool keep_ranges(struct shared *s, const struct wdx_map_entity *e, bool marked)
{
	struct wdx_map_entity out = *e, *slot;

	out.first = (uint32_t)s->ranges.len;
	out.kind = marked ? WDX_ENT_DOUBTFUL : e->kind;
	for (uint32_t k = e->first; k < e->first + e->n; k++)
		if (is_marked(&s->map->ranges.data[k]) == marked &&
		    !keep_range(s, &s->map->ranges.data[k]))
			return false;
	out.n = (uint32_t)s->ranges.len - out.first;
	s->map->faults += marked ? out.n : 0;
	if (!out.n)
		return true;
	slot = wdx_vec_push(&s->entities);
	if (slot)
		*slot = out;
	return slot;
}

static bool keep_func(struct shared *s, struct wdx_map_func *f)
{
	uint32_t first = (uint32_t)s->entities.len;

	for (uint32_t i = 0; i < 2 * f->nentities; i++)
		if (!keep_ranges(s, &s->map->entities.data[f->first_entity + i % f->nentities],
				 i >= f->nentities))
			return false;
	f->first_entity = first;
	f->nentities = (uint32_t)s->entities.len - first;
	return true;
}

struct wdx_error *wdx_cwasm_doubt_shared(struct wdx_cwasm *c)
{
	struct shared s = {.map = c->map};
	struct wdx_map_func *f;
	bool ok;

	s.far = malloc((c->map->places.len + 1) * sizeof(*s.far));
	ok = s.far;
	if (ok)
		memset(s.far, 0xff, c->map->places.len * sizeof(*s.far));
	wdx_vec_each (f, &c->map->funcs)
		ok = ok && collect(&s, f) && mark_overlaps(&s) && keep_func(&s, f);
	free(s.far);
	wdx_vec_free(&s.order);
	wdx_vec_free(&s.claims);
	if (!ok) {
		wdx_vec_free(&s.ranges);
		wdx_vec_free(&s.entities);
		return &wdx_nomem;
	}
	wdx_vec_free(&c->map->ranges);
	wdx_vec_free(&c->map->entities);
	memcpy(&c->map->ranges, &s.ranges, sizeof(s.ranges));
	memcpy(&c->map->entities, &s.entities, sizeof(s.entities));
	return NULL;
}
