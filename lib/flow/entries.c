/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Parameters that no place holds any more.  Such a one is what its register held when the function
 * was entered; and what that was a debugger may find in the caller's frame, as call sites say
 * (DWARF 5, 2.5.1.7 and 3.4.2).
 *
 * The operands of the wasm call are the parameters, whatever the machine code does to pass them;
 * the register is a name by which both sides speak of the same one.  A function that is followed
 * leaves by returning only, so what has the return address of a call is what was called there, and
 * no tail call has put itself in its place.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/flow_work.h"

/* A call site costs so many bytes that it is not worth it for less code without the parameter. */
enum { MIN_CODE = 32 };

/* ---- callees ----------------------------------------------------------------------------------
 */

static bool is_integer(uint8_t type)
{
	return type == WDX_I32 || type == WDX_I64;
}

void wdx_flow_use_entry(struct flow *x, uint32_t value)
{
	const struct wdx_value *v = &x->v.values.data[value];
	struct found how = {.rank = RANK_ENTRY};
	uint32_t reg;

	if (v->kind != WDX_VALUE_PARAM || !is_integer(wdx_flow_type_of(x, v->arg)))
		return;
	reg = wdx_flow_argument_register(x, x->f->wasm, v->arg);
	if (reg >= x->m.nentries || x->assoc[reg + 1] != value)
		return;
	how.place = reg;
	wdx_flow_add_where(x, &x->found, 0, UINT32_MAX, &how);
}

/* ---- callers ----------------------------------------------------------------------------------
 */

/* The function that the wasm code calls there, when the machine code calls it, too; NONE: not. */
static uint32_t callee_of(const struct flow *x, const struct wdx_minsn *call, uint32_t pos)
{
	const uint8_t *insn = x->wasm->data + x->wasm->code.v + pos;
	const struct wdx_map *map = x->map;
	struct wdx_reader r;
	uint64_t defined;
	uint32_t f, to;

	if (*insn != WDX_WASM_CALL)
		return NONE;
	wdx_reader_init(&r, insn + 1, x->f->wasm->end.v - pos - 1, 0, false);
	defined = wdx_read_uleb(&r, 32) - x->wasm->nimported_funcs;
	if (r.failed || defined >= x->wasm->funcs.len)
		return NONE;
	f = x->code->of_func[defined];
	to = wdx_target_callee(x->m.target, map->code + call->at, call->a->size, call->at);
	return f != NONE && map->parts.data[map->funcs.data[f].first_part].lo == to ? f : NONE;
}

static bool is_kept(const struct flow *x, uint32_t place, uint32_t width)
{
	wdx_held h = x->state[place];

	return h && h == x->seen[place] && wdx_held_width(h) >= width &&
	       (place >= x->m.nregs || x->preserved[place]);
}

/* Takes the place for the value if it holds that, or one that differs by a constant and is the
 * first to; whether it holds the value itself. */
static bool take_kept(const struct flow *x, uint32_t place, uint32_t value, struct found *how)
{
	uint32_t is = x->open[place].value;
	struct wdx_term t, other;

	if (is == value) {
		*how = (struct found){.place = place, .value = value, .rank = RANK_LASTING};
		return true;
	}
	if (is == CONTEXT || how->place != NONE)
		return false;
	t = wdx_value_term(&x->v, value);
	other = wdx_value_term(&x->v, is);
	if (other.root == t.root)
		*how = (struct found){.place = place,
				      .value = value,
				      .rank = RANK_SUM,
				      .addend = t.off - other.off};
	return false;
}

/* Where the frame holds the value while the call lasts. */
static bool find_kept(const struct flow *x, uint32_t value, uint32_t width, struct found *how)
{
	*how = (struct found){.place = NONE, .value = value};
	if (x->v.values.data[value].kind == WDX_VALUE_CONST)
		return true;
	for (uint32_t k = 0; k < PLACE_WORDS; k++)
		for (uint64_t bits = x->occupied[k]; bits; bits &= bits - 1) {
			uint32_t p = 64 * k + (uint32_t)__builtin_ctzll(bits);

			if (is_kept(x, p, width) && take_kept(x, p, value, how))
				return true;
		}
	return how->place != NONE;
}

static void note_argument(struct flow *x, struct wdx_map_argument a, uint32_t value)
{
	struct wdx_map_argument *slot;
	struct found how;

	if (!value || !find_kept(x, value, a.width, &how))
		return;
	a.place = wdx_flow_map_place(x, &how);
	slot = a.place == NONE ? NULL : wdx_vec_push(&x->arguments);
	if (slot)
		*slot = a;
	x->nomem |= !slot;
}

void wdx_flow_note_call(struct flow *x, const struct wdx_minsn *call, uint32_t pos)
{
	const struct wdx_wasm_func *f;
	const struct wdx_wasm_type *t;
	uint32_t callee;
	size_t first;

	if (pos == NONE || pos < x->f->wasm->start.v || pos >= x->f->wasm->end.v)
		return;
	callee = callee_of(x, call, pos);
	if (callee == NONE)
		return;
	f = x->code->funcs.data[callee].wasm;
	t = &x->wasm->types.data[f->type];
	first = wdx_value_first_use(&x->v, pos);
	for (uint32_t i = 0; i < t->nparams && !x->nomem; i++) {
		uint32_t reg = wdx_flow_argument_register(x, f, i);
		size_t use = first + (t->nparams - 1 - i);

		if (reg == NONE || !is_integer(t->params[i]) || use >= x->v.uses.len ||
		    x->v.uses.data[use].pos != pos)
			continue;
		note_argument(x,
			      (struct wdx_map_argument){
				      .call = call->at + call->a->size,
				      .func = callee,
				      .reg = (uint16_t)reg,
				      .width = (uint16_t)wdx_flow_width_of(t->params[i])},
			      x->v.uses.data[use].value);
	}
}

/* ---- both -------------------------------------------------------------------------------------
 */

struct entry { /* a parameter of a function that is known on entry only */
	uint32_t func;
	uint16_t reg;
	bool passed; /* some call site says it */
	uint64_t bytes;
};

struct entries {
	WDX_VEC(struct entry);
};

static int by_func(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->func != y->func)
		return x->func < y->func ? -1 : 1;
	return x->reg < y->reg ? -1 : x->reg > y->reg;
}

static bool is_entry(const struct flow *x, const struct wdx_map_range *r)
{
	return x->map->places.data[r->place].kind == WDX_PLACE_ENTRY;
}

/* The functions come in order, so what is of one stands together. */
static void add_entry(struct flow *x, struct entries *all, uint32_t func,
		      const struct wdx_map_range *r)
{
	uint16_t reg = x->map->places.data[r->place].reg;
	struct entry *e;

	for (size_t i = all->len; i-- && all->data[i].func == func;)
		if (all->data[i].reg == reg) {
			all->data[i].bytes += r->hi - r->lo;
			return;
		}
	e = wdx_vec_push(all);
	if (e)
		*e = (struct entry){func, reg, false, r->hi - r->lo};
	x->nomem |= !e;
}

static struct entry *find_entry(const struct entries *all, uint32_t func, uint16_t reg)
{
	struct entry key = {.func = func, .reg = reg};
	struct entry *e =
		all->len ? bsearch(&key, all->data, all->len, sizeof(key), by_func) : NULL;

	return e && e->bytes >= MIN_CODE ? e : NULL;
}

static void find_entries(struct flow *x, struct entries *all)
{
	for (size_t f = 0; f < x->map->funcs.len; f++) {
		const struct wdx_map_func *func = &x->map->funcs.data[f];

		for (uint32_t i = 0; i < func->nentities; i++) {
			const struct wdx_map_entity *e = &x->entities.data[func->first_entity + i];
			const struct wdx_map_range *r = x->ranges.data + e->first;

			for (uint32_t k = 0; k < e->n; k++)
				if (is_entry(x, &r[k]))
					add_entry(x, all, (uint32_t)f, &r[k]);
		}
	}
	if (all->len)
		qsort(all->data, all->len, sizeof(*all->data), by_func);
}

static int by_call(const void *a, const void *b)
{
	const struct wdx_map_argument *x = a, *y = b;

	if (x->call != y->call)
		return x->call < y->call ? -1 : 1;
	return x->reg < y->reg ? -1 : x->reg > y->reg;
}

static void keep_arguments(struct flow *x, const struct entries *all)
{
	size_t n = 0;

	for (size_t i = 0; i < x->arguments.len; i++) {
		const struct wdx_map_argument *a = &x->arguments.data[i];
		struct entry *e = find_entry(all, a->func, a->reg);

		if (!e)
			continue;
		e->passed = true;
		x->arguments.data[n++] = *a;
	}
	x->arguments.len = n;
	if (n)
		qsort(x->arguments.data, n, sizeof(*x->arguments.data), by_call);
}

static void keep_ranges(struct flow *x, const struct entries *all, uint32_t func,
			struct wdx_map_entity *e)
{
	struct wdx_map_range *r = x->ranges.data + e->first;
	uint32_t n = 0;

	for (uint32_t k = 0; k < e->n; k++) {
		const struct entry *is =
			is_entry(x, &r[k])
				? find_entry(all, func, x->map->places.data[r[k].place].reg)
				: NULL;

		if (!is_entry(x, &r[k]) || (is && is->passed))
			r[n++] = r[k];
	}
	e->n = n;
}

void wdx_flow_settle_entries(struct flow *x)
{
	struct entries all = {0};

	find_entries(x, &all);
	if (!x->nomem)
		keep_arguments(x, &all);
	for (size_t f = 0; f < x->map->funcs.len && !x->nomem; f++) {
		const struct wdx_map_func *func = &x->map->funcs.data[f];

		for (uint32_t i = 0; i < func->nentities; i++)
			keep_ranges(x, &all, (uint32_t)f,
				    &x->entities.data[func->first_entity + i]);
	}
	wdx_vec_free(&all);
}
