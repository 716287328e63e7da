/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The map of instrumented code: where its slots show the state of which wasm instruction
 * (cwasm_follow.c).  All places are relative to the canonical frame address, where the unwind rows
 * say that it is two words above the frame pointer, and only there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "map/cwasm_follow.h"

#define NONE UINT32_MAX

enum { MAX_DEPTH = 64 }; /* deeper operand stacks than compilers make have no places */

enum { RANGES_PER_BYTE = 4 }; /* that may be made, per byte of code and of the image */

struct span {
	uint32_t lo, hi;
	uint32_t index; /* of a local or stack slot */
	uint32_t place;
};

typedef WDX_VEC(struct span) spans;

struct slots {
	struct wdx_follow w;
	uint64_t budget; /* ranges that may still be made */

	/* of the function at hand */
	spans known; /* where the position is */
	spans up;    /* where the context pointer is in its slot */
	spans lost;  /* where a local may have been overwritten */
	spans stack;
	struct span open[MAX_DEPTH];
	uint32_t nopen;

	/* the outcome */
	WDX_VEC(struct wdx_map_pair) pairs;
	WDX_VEC(struct wdx_map_entity) entities;
	WDX_VEC(struct wdx_map_range) ranges;
};

static uint32_t depth_of(const struct slots *x, uint32_t shape)
{
	uint32_t n = 0;

	for (; shape != NONE && n <= MAX_DEPTH; n++)
		shape = wdx_cwasm_word(x->w.s->parents, shape);
	return n;
}

/* --- What is where -----------------------------------------------------------------------------
 */

static void add_span(struct slots *x, spans *v, struct span s)
{
	struct span *last = v->len ? &v->data[v->len - 1] : NULL;

	if (s.lo >= s.hi)
		return;
	if (last && last->hi == s.lo && last->index == s.index && last->place == s.place) {
		last->hi = s.hi;
		return;
	}
	last = wdx_vec_push(v);
	if (last)
		*last = s;
	x->w.nomem |= !last;
}

/* The frame pointer is two words below the canonical frame address, where the unwind rows say so:
 * only there are slots looked for. */
enum { CFA_TO_FP = 2 * WDX_FOLLOW_POINTER };

static uint32_t slot_place(struct slots *x, uint32_t offset)
{
	int64_t at = (int64_t)offset - (int64_t)x->w.s->to_fp - CFA_TO_FP;
	uint32_t place = wdx_map_place_mem(x->w.c->map, WDX_BASE_CFA, 0, &at, 1);

	x->w.nomem |= place == NONE;
	return place;
}

/* The places on the operand stack in that state, from the bottom; how many. */
static uint32_t stack_in(struct slots *x, const struct wdx_follow_state *s, struct span *out)
{
	const struct wdx_cwasm_patch *p = &x->w.f->patches.data[s->patch];
	uint32_t shape = p->shape, n, next, keep, depth;
	struct wdx_follow_op op = wdx_follow_op(&x->w, p->wasm);

	keep = depth = depth_of(x, shape);
	next = s->stage == WDX_DONE ? wdx_follow_next(&x->w, s->patch, &op) : NONE;
	if (next != NONE) {
		shape = x->w.f->patches.data[next].shape;
		keep = depth = depth_of(x, shape);
	} else if (s->stage != WDX_BEFORE && op.local == NONE) {
		keep = op.known && op.operands <= depth ? depth - op.operands : 0;
	}
	if (depth > MAX_DEPTH)
		return 0;
	for (n = depth; n-- > 0; shape = wdx_cwasm_word(x->w.s->parents, shape)) {
		bool shown = n < keep && wdx_cwasm_slot_shown(x->w.s->top_types[shape]);

		out[n].index = n;
		out[n].place = shown ? slot_place(x, wdx_cwasm_word(x->w.s->tops, shape)) : NONE;
	}
	return keep;
}

static void close_stack(struct slots *x, uint32_t from, uint32_t at)
{
	while (x->nopen > from) {
		struct span s = x->open[--x->nopen];

		s.hi = at;
		if (s.place != NONE)
			add_span(x, &x->stack, s);
	}
}

static void update_stack(struct slots *x, const struct wdx_follow_state *s, uint32_t at)
{
	struct span now[MAX_DEPTH];
	uint32_t n = stack_in(x, s, now), same = 0;

	while (same < n && same < x->nopen && now[same].place == x->open[same].place)
		same++;
	close_stack(x, same, at);
	for (; x->nopen < n; x->nopen++) {
		x->open[x->nopen] = now[x->nopen];
		x->open[x->nopen].lo = at;
	}
}

static void add_known(struct slots *x, const struct wdx_follow_insn *i,
		      const struct wdx_follow_insn *before)
{
	const struct wdx_follow_state *s = &i->in;
	uint32_t hi = i->at + i->a.size;
	struct wdx_follow_op op;

	add_span(x, &x->known, (struct span){.lo = i->at, .hi = hi});
	if (!before || before->in.level != WDX_KNOWN || before->in.patch != s->patch ||
	    before->in.stage != s->stage)
		update_stack(x, s, i->at);
	if (s->stage != WDX_DIRTY)
		return;
	op = wdx_follow_op(&x->w, x->w.f->patches.data[s->patch].wasm);
	if (op.local != NONE)
		add_span(x, &x->lost, (struct span){.lo = i->at, .hi = hi, .index = op.local});
}

/* The unwind row in force at `at`; *row only grows. */
static bool is_framed(const struct slots *x, uint32_t at, uint32_t *row)
{
	const struct wdx_map_row *rows = x->w.c->map->rows.data + x->w.part->first_row;

	while (*row < x->w.part->nrows && rows[*row].native <= at)
		++*row;
	return *row && !rows[*row - 1].cfa_n && rows[*row - 1].cfa_reg == x->w.fp &&
	       rows[*row - 1].cfa_off == CFA_TO_FP;
}

static void find_spans(struct slots *x)
{
	const struct wdx_follow_insn *before = NULL;
	uint32_t row = 0;
	struct wdx_follow_insn *i;

	x->known.len = x->up.len = x->lost.len = x->stack.len = x->nopen = 0;
	wdx_vec_each (i, &x->w.insns) {
		if (before && before->at + before->a.size != i->at) {
			close_stack(x, 0, before->at + before->a.size);
			before = NULL;
		}
		if (i->in.level > WDX_DOWN && !is_framed(x, i->at, &row))
			i->in.level = WDX_DOWN;
		if (i->in.level > WDX_DOWN && x->w.filled != NONE)
			add_span(x, &x->up, (struct span){.lo = i->at, .hi = i->at + i->a.size});
		if (i->in.level == WDX_KNOWN)
			add_known(x, i, before);
		else
			close_stack(x, 0, i->at);
		before = i;
	}
	if (before)
		close_stack(x, 0, before->at + before->a.size);
}

/* --- The outcome -------------------------------------------------------------------------------
 */

static void put_pair(struct slots *x, uint32_t first, uint32_t native, uint32_t wasm)
{
	struct wdx_map_pair *last = x->pairs.len > first ? &x->pairs.data[x->pairs.len - 1] : NULL;

	if (last && last->wasm == wasm)
		return;
	if (!last || last->native != native)
		last = wdx_vec_push(&x->pairs);
	if (last)
		*last = (struct wdx_map_pair){native, wasm};
	x->w.nomem |= !last;
}

static uint32_t position(const struct slots *x, const struct wdx_follow_state *s)
{
	uint32_t pos = x->w.f->patches.data[s->patch].wasm;

	return s->stage == WDX_DONE ? wdx_follow_op(&x->w, pos).next : pos;
}

/* Code that is no function of the module's keeps what the address map says of it. */
static void keep_pairs(struct slots *x, const struct wdx_map_part *part)
{
	const struct wdx_map_pair *p = x->w.c->map->pairs.data + part->first;

	for (uint32_t i = 0; i < part->n && !x->w.nomem; i++) {
		struct wdx_map_pair *to = wdx_vec_push(&x->pairs);

		if (to)
			*to = p[i];
		x->w.nomem |= !to;
	}
}

/* Elsewhere only what is certain is a position: the address map gives those of moved code, too. */
static void put_positions(struct slots *x, uint32_t first)
{
	const struct wdx_follow_insn *i;
	uint32_t end = 0;

	wdx_vec_each (i, &x->w.insns) {
		if (end && end != i->at)
			put_pair(x, first, end, NONE);
		put_pair(x, first, i->at, i->in.level == WDX_KNOWN ? position(x, &i->in) : NONE);
		end = i->at + i->a.size;
	}
	if (end && end < x->w.part->hi)
		put_pair(x, first, end, NONE);
}

/* In code that could not be followed, only at the patches. */
static void put_patches(struct slots *x, uint32_t first)
{
	put_pair(x, first, x->w.part->lo, NONE);
	for (uint32_t k = x->w.first; k < x->w.end; k++) {
		const struct wdx_cwasm_patch *p = &x->w.f->patches.data[k];

		if (p->inlined)
			continue;
		put_pair(x, first, p->lo, p->wasm);
		if (p->hi < x->w.part->hi)
			put_pair(x, first, p->hi, NONE);
	}
}

static struct wdx_map_entity *put_entity(struct slots *x, uint32_t kind, uint32_t index)
{
	struct wdx_map_entity *e = wdx_vec_push(&x->entities);

	if (e)
		*e = (struct wdx_map_entity){kind, index, (uint32_t)x->ranges.len, 0};
	x->w.nomem |= !e;
	return e;
}

static void put_range(struct slots *x, struct wdx_map_entity *e, uint32_t lo, uint32_t hi,
		      uint32_t place)
{
	struct wdx_map_range *r = lo < hi ? wdx_vec_push(&x->ranges) : NULL;

	if (r) {
		*r = (struct wdx_map_range){lo, hi, place};
		e->n++;
	}
	x->w.nomem |= !r && lo < hi;
}

/* Known spans without those where the local is lost: lost[*k..]. */
static void put_local(struct slots *x, uint32_t local, size_t *k)
{
	struct wdx_map_entity *e;
	const struct span *s;
	uint32_t place, lo;

	if (!wdx_cwasm_slot_shown(x->w.s->local_types[local]))
		return;
	e = put_entity(x, WDX_ENT_LOCAL, local);
	place = slot_place(x, wdx_cwasm_word(x->w.s->locals, local));
	while (*k < x->lost.len && x->lost.data[*k].index < local)
		++*k;
	for (s = x->known.data; !x->w.nomem && s < x->known.data + x->known.len; s++) {
		for (lo = s->lo; *k < x->lost.len && x->lost.data[*k].index == local &&
				 x->lost.data[*k].lo < s->hi;
		     ++*k) {
			put_range(x, e, lo, x->lost.data[*k].lo, place);
			lo = x->lost.data[*k].hi;
		}
		put_range(x, e, lo, s->hi, place);
	}
}

static int by_index(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void sort_spans(spans *v)
{
	if (v->len)
		qsort(v->data, v->len, sizeof(*v->data), by_index);
}

static void put_stack(struct slots *x)
{
	struct wdx_map_entity *e = NULL;
	struct wdx_map_range *last;
	const struct span *s;

	sort_spans(&x->stack);
	wdx_vec_each (s, &x->stack) {
		if (!e || e->index != s->index)
			e = put_entity(x, WDX_ENT_STACK, s->index);
		last = e && e->n ? &x->ranges.data[x->ranges.len - 1] : NULL;
		if (last && last->hi == s->lo && last->place == s->place)
			last->hi = s->hi;
		else if (!x->w.nomem)
			put_range(x, e, s->lo, s->hi, s->place);
		if (x->w.nomem)
			return;
	}
}

static void put_context(struct slots *x)
{
	struct wdx_map_entity *e;
	uint32_t place;

	if (!x->up.len)
		return;
	e = put_entity(x, WDX_ENT_CONTEXT, 0);
	place = slot_place(x, 0);
	for (size_t i = 0; i < x->up.len && !x->w.nomem; i++)
		put_range(x, e, x->up.data[i].lo, x->up.data[i].hi, place);
}

static void put_holders(struct slots *x)
{
	struct wdx_cwasm_holders *h;
	uint64_t regs = 0;
	struct wdx_follow_insn *i;

	wdx_vec_each (i, &x->w.insns) {
		if (i->in.regs == regs)
			continue;
		regs = i->in.regs;
		h = wdx_vec_push(&x->w.c->holders);
		if (h)
			*h = (struct wdx_cwasm_holders){i->at, regs};
		x->w.nomem |= !h;
	}
	h = regs ? wdx_vec_push(&x->w.c->holders) : NULL;
	if (h)
		*h = (struct wdx_cwasm_holders){x->w.part->hi, 0};
	x->w.nomem |= regs && !h;
}

static void put_entities(struct slots *x)
{
	uint64_t cost = (uint64_t)x->w.s->nlocals * x->known.len + x->lost.len + x->stack.len;
	size_t k = 0;

	if (cost > x->budget) {
		x->w.c->map->faults++;
		return;
	}
	x->budget -= cost;
	sort_spans(&x->lost);
	for (uint32_t i = 0; i < x->w.s->nlocals && x->known.len && !x->w.nomem; i++)
		put_local(x, i, &k);
	if (!x->w.nomem)
		put_stack(x);
	if (!x->w.nomem)
		put_context(x);
}

/* --- Functions ---------------------------------------------------------------------------------
 */

static void take_function(struct slots *x, struct wdx_map_part *part)
{
	struct wdx_map_func *func = &x->w.c->map->funcs.data[part->func];
	uint32_t first = (uint32_t)x->pairs.len;

	func->first_entity = (uint32_t)x->entities.len;
	if (func->index == WDX_NO_INDEX) {
		keep_pairs(x, part);
	} else if (wdx_follow(&x->w, part)) {
		find_spans(x);
		put_entities(x);
		put_holders(x);
		put_positions(x, first);
	} else {
		x->w.c->map->faults++;
		put_patches(x, first);
	}
	func->nentities = (uint32_t)x->entities.len - func->first_entity;
	part->first = first;
	part->n = (uint32_t)x->pairs.len - first;
}

/* --- The whole ---------------------------------------------------------------------------------
 */

static void replace(struct slots *x)
{
	struct wdx_map *m = x->w.c->map;

	wdx_vec_free(&m->pairs);
	wdx_vec_free(&m->entities);
	wdx_vec_free(&m->ranges);
	memcpy(&m->pairs, &x->pairs, sizeof(x->pairs));
	memcpy(&m->entities, &x->entities, sizeof(x->entities));
	memcpy(&m->ranges, &x->ranges, sizeof(x->ranges));
	memset(&x->pairs, 0, sizeof(x->pairs));
	memset(&x->entities, 0, sizeof(x->entities));
	memset(&x->ranges, 0, sizeof(x->ranges));
}

static void deinit(struct slots *x)
{
	wdx_follow_deinit(&x->w);
	wdx_vec_free(&x->known);
	wdx_vec_free(&x->up);
	wdx_vec_free(&x->lost);
	wdx_vec_free(&x->stack);
	wdx_vec_free(&x->pairs);
	wdx_vec_free(&x->entities);
	wdx_vec_free(&x->ranges);
	free(x);
}

struct wdx_error *wdx_cwasm_take_slots(struct wdx_cwasm *c, const struct wdx_cwasm_frames *f)
{
	struct slots *x = calloc(1, sizeof(*x));
	struct wdx_map_part *part;
	struct wdx_error *err;

	if (!x)
		return &wdx_nomem;
	x->budget = RANGES_PER_BYTE * ((uint64_t)c->text->size + c->size);
	err = wdx_follow_init(&x->w, c, f);
	wdx_vec_each (part, &c->map->parts)
		if (!err && !x->w.nomem)
			take_function(x, part);
	if (!err && x->w.nomem)
		err = &wdx_nomem;
	if (!err)
		replace(x);
	c->map->instrumented = !err;
	deinit(x);
	return err;
}
