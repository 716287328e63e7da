/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Claims that several locals are in one place at once.
 *
 * The engine's value labels get mixed up where locals begin as the same constant: a register just
 * cleared to pass an argument 0 is given as the place of every local that started as 0, though they
 * have changed since.  Nothing in the image tells which of such claims is true, so none is taken.
 * Locals that really are copies of each other lose their places with them.
 */
#include "map/cwasm.h"

#include <string.h>

#include "base/error.h"

struct claim {
	uint32_t place, lo, hi, range;
};

struct shared {
	struct wdx_map *map;
	WDX_VEC(struct claim) claims; /* of one function */
	WDX_VEC(struct wdx_map_range) ranges;
	WDX_VEC(struct wdx_map_entity) entities;
};

static int by_place(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

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

/* Ranges of one local are disjoint, so what overlaps at one place belongs to two.  A dropped range
 * is marked by being empty. */
static void drop_overlaps(struct shared *s)
{
	struct wdx_map_range *ranges = s->map->ranges.data;
	size_t far = 0; /* the claim at this place that reaches furthest */

	if (s->claims.len)
		qsort(s->claims.data, s->claims.len, sizeof(*s->claims.data), by_place);
	for (size_t i = 1; i < s->claims.len; i++) {
		const struct claim *a = &s->claims.data[far], *b = &s->claims.data[i];

		if (a->place == b->place && b->lo < a->hi) {
			ranges[a->range].hi = ranges[a->range].lo;
			ranges[b->range].hi = ranges[b->range].lo;
		}
		if (a->place != b->place || b->hi > a->hi)
			far = i;
	}
}

static bool keep_ranges(struct shared *s, const struct wdx_map_entity *e)
{
	struct wdx_map_entity out = *e, *slot;

	out.first = (uint32_t)s->ranges.len;
	for (uint32_t k = e->first; k < e->first + e->n; k++) {
		const struct wdx_map_range *r = &s->map->ranges.data[k];
		struct wdx_map_range *to;

		if (r->lo == r->hi) {
			s->map->faults++;
			continue;
		}
		to = wdx_vec_push(&s->ranges);
		if (!to)
			return false;
		*to = *r;
	}
	out.n = (uint32_t)s->ranges.len - out.first;
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

	for (uint32_t i = 0; i < f->nentities; i++)
		if (!keep_ranges(s, &s->map->entities.data[f->first_entity + i]))
			return false;
	f->first_entity = first;
	f->nentities = (uint32_t)s->entities.len - first;
	return true;
}

struct wdx_error *wdx_cwasm_drop_shared(struct wdx_cwasm *c)
{
	struct shared s = {.map = c->map};
	struct wdx_map_func *f;
	bool ok = true;

	wdx_vec_each (f, &c->map->funcs) {
		ok = ok && collect(&s, f);
		if (ok)
			drop_overlaps(&s);
		ok = ok && keep_func(&s, f);
	}
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
