/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Over which code places hold wasm values, by the match: one walk over the machine code. */
#include <string.h>

#include "flow/flow_work.h"

static void close_holding(struct flow *x, const struct open *o, uint32_t place, uint32_t at)
{
	struct holding *h;

	if (!o->value || o->since >= at)
		return;
	h = wdx_vec_push(&x->holdings);
	if (h)
		*h = (struct holding){o->value, place, o->width, o->since, at};
	x->nomem |= !h;
}

/* behind: the address behind a call, or 0.  What that takes away ends a byte before, where outer
 * frames are looked up. */
static void change_place(struct flow *x, uint32_t p, uint32_t value, uint32_t at, uint32_t behind)
{
	struct open *o = &x->open[p];
	uint32_t width = wdx_held_width(x->state[p]);
	uint64_t bit = 1ULL << p % 64, *occupied = &x->occupied[p / 64];
	bool taken = at == behind && p < x->m.nregs && !x->preserved[p];

	if (value == o->value && width == o->width)
		return;
	close_holding(x, o, p, taken ? at - 1 : at);
	*o = (struct open){value, width, at};
	*occupied = value ? *occupied | bit : *occupied & ~bit;
}

/* Most of what is held is nothing to wasm. */
static inline void update_place(struct flow *x, uint32_t p, uint32_t at, uint32_t behind)
{
	uint32_t value = x->assoc[wdx_held_value(x->state[p])];

	x->seen[p] = x->state[p];
	if (value | x->open[p].value)
		change_place(x, p, value, at, behind);
}

static void update_chunk(struct flow *x, uint32_t c, uint32_t at, uint32_t behind)
{
	for (uint32_t p = c; p < c + WDX_CHUNK; p++)
		if (x->state[p] != x->seen[p])
			update_place(x, p, at, behind);
}

static void update_all(struct flow *x, uint32_t at, uint32_t behind)
{
	for (uint32_t c = 0; c < x->m.stride; c += WDX_CHUNK) {
		if (!wdx_same_chunk(x->state + c, x->seen + c))
			update_chunk(x, c, at, behind);
	}
}

/* Control comes to a block; in all that stays as it was nothing has changed. */
static void enter(struct flow *x, const wdx_held *in, uint32_t at)
{
	for (uint32_t c = 0; c < x->m.stride; c += WDX_CHUNK) {
		if (wdx_same_chunk(x->state + c, in + c))
			continue;
		memcpy(x->state + c, in + c, WDX_CHUNK * sizeof(*x->state));
		update_chunk(x, c, at, 0);
	}
}

/* After the step over the instruction, of what it changed.  Of what it only takes away, most held
 * nothing. */
static void update(struct flow *x, const struct wdx_minsn *i)
{
	uint32_t at = i->at + i->a->size, behind = i->a->call ? at : 0;

	if (x->m.wide) {
		update_all(x, at, behind);
		return;
	}
	for (uint32_t k = 0; k < 2; k++)
		for (uint64_t bits =
			     i->writes[k] & (x->occupied[k] | wdx_machine_gives(&x->m, i, k));
		     bits; bits &= bits - 1)
			update_place(x, 64 * k + (uint32_t)__builtin_ctzll(bits), at, behind);
	if (i->slot != NONE && i->a->kind == WDX_DO_STORE)
		update_place(x, i->slot, at, behind);
}

/* From there on no place holds anything. */
static void forget_all(struct flow *x, uint32_t at)
{
	memset(x->state, 0, x->m.stride * sizeof(*x->state));
	update_all(x, at, 0);
}

/* Calls are noted with the wasm position of the interval they are in; *iv: where to look for it. */
static void note_call(struct flow *x, const struct wdx_minsn *call, uint32_t *iv)
{
	const struct wdx_interval *all = x->code->intervals.data;
	uint32_t end = x->f->first + x->f->n;

	while (*iv < end && all[*iv].hi <= call->at)
		++*iv;
	if (*iv < end && all[*iv].lo <= call->at)
		wdx_flow_note_call(x, call, all[*iv].wasm);
}

static void go_through(struct flow *x, uint32_t block, uint32_t *iv)
{
	const struct wdx_mblock *b = &x->m.blocks.data[block];
	const struct wdx_minsn *i = &x->m.insns.data[b->first], *end = i + b->n;

	enter(x, wdx_machine_in(&x->m, block), i->at);
	for (; i < end; i++) {
		if (i->does == WDX_DOES_NOTHING)
			continue;
		wdx_machine_step(&x->m, i, x->state);
		if (i->a->call && x->wish->compute)
			note_call(x, i, iv);
		update(x, i);
	}
}

static uint32_t holding_key(const struct flow *x, size_t item)
{
	return wdx_flow_value_key(x, x->holdings.data[item].value);
}

/* Blocks, instructions and intervals all go by address. */
void wdx_flow_find_holdings(struct flow *x)
{
	uint32_t at = 0, iv = x->f->first;

	x->holdings.len = 0;
	memset(x->state, 0, x->m.stride * sizeof(*x->state));
	memset(x->seen, 0, x->m.stride * sizeof(*x->seen));
	memset(x->open, 0, x->m.stride * sizeof(*x->open));
	memset(x->occupied, 0, sizeof(x->occupied));
	for (uint32_t b = 0; b < x->m.blocks.len && !x->nomem; b++) {
		const struct wdx_mblock *block = &x->m.blocks.data[b];
		const struct wdx_minsn *first = &x->m.insns.data[block->first],
				       *last = first + block->n - 1;

		if (first->at != at || !block->reached)
			forget_all(x, at);
		at = last->at + last->a->size;
		if (block->reached)
			go_through(x, b, &iv);
	}
	forget_all(x, at);
	if (!x->nomem)
		wdx_flow_build_index(x, &x->holdings_of, x->v.values.len + 1, x->holdings.len,
				     holding_key);
}
