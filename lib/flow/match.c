/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Machine values are wasm values by what they are computed from: sums, other operations, merges. */
#include <string.h>

#include "flow/flow_work.h"

/* How often guesses are gone through. */
enum { MAX_ROUNDS = 256, MAX_GUESSES = 4 };

/* ---- sums -------------------------------------------------------------------------------------
 */

/* How many additions one after the other are looked through. */
enum { MAX_SUMS = 4 };

/* Looks through additions of constants for a value that is known: *off is what has been added to
 * it, up to `width` bytes of it count. */
static uint32_t summand(const struct flow *x, uint32_t mv, uint64_t *off, unsigned *width)
{
	*off = 0;
	*width = 8;
	for (unsigned n = 0; n < MAX_SUMS; n++) {
		const struct wdx_mvalue *v = &x->m.values.data[mv];
		const struct wdx_minsn *i = &x->m.insns.data[v->insn];

		if (v->kind != WDX_MV_INSN || i->based != mv || i->a->kind != WDX_DO_ADDR)
			return 0;
		*off += (uint64_t)i->a->disp;
		if (i->a->width < *width)
			*width = i->a->width;
		if (wdx_held_width(v->base) < *width)
			*width = wdx_held_width(v->base);
		mv = wdx_held_value(v->base);
		if (x->assoc[mv] && x->assoc[mv] != CONTEXT)
			return x->assoc[mv];
	}
	return 0;
}

/* By opcode of wasm from i32.add on, and the same for i64. */
static const int8_t ops[] = {
	WDX_OP_ADD, WDX_OP_SUB, WDX_OP_MUL, -1,		-1,	    -1,		-1,
	WDX_OP_AND, WDX_OP_OR,	WDX_OP_XOR, WDX_OP_SHL, WDX_OP_SAR, WDX_OP_SHR,
};

static bool is_commutative(unsigned op)
{
	return op == WDX_OP_ADD || (op >= WDX_OP_MUL && op <= WDX_OP_XOR) || op == WDX_OP_SELECT;
}

/* Whether a value is known to have four bytes. */
static bool is_narrow(const struct flow *x, uint32_t value)
{
	const struct wdx_value *v = &x->v.values.data[value];
	uint8_t type = v->type;

	switch (v->kind) {
	case WDX_VALUE_CONST:
		break;
	case WDX_VALUE_PARAM:
	case WDX_VALUE_PHI:
		type = wdx_flow_type_of(x, v->arg);
		break;
	case WDX_VALUE_INSN: /* comparisons, and what begins with "i32." */
		return type == WDX_WASM_I32_LOAD ||
		       (type >= WDX_WASM_I32_LOAD8_S && type <= WDX_WASM_I32_LOAD16_U) ||
		       (type >= WDX_WASM_I32_EQZ && type <= WDX_WASM_I32_ROTR) ||
		       (type >= WDX_WASM_I32_WRAP_I64 && type <= WDX_WASM_I32_TRUNC_F64_U);
	default:
		return false;
	}
	return wdx_flow_width_of(type) == 4;
}

/* Whether the instruction of wasm computes the same of what it takes; a select takes one of two as
 * that at its own position. */
bool wdx_flow_same_op(const struct flow *x, const struct wdx_value *v, const struct wdx_minsn *i)
{
	unsigned n = v->type -
		     (unsigned)(v->type < WDX_WASM_I64_ADD ? WDX_WASM_I32_ADD : WDX_WASM_I64_ADD);

	if (v->kind != WDX_VALUE_INSN)
		return false;
	if (v->type == WDX_WASM_SELECT)
		return i->a->op == WDX_OP_SELECT &&
		       wdx_code_position(x->code, x->f, i->at) == v->pos &&
		       (i->a->width == 8 || is_narrow(x, v->operands[0]));
	return n < sizeof(ops) && ops[n] == i->a->op &&
	       i->a->width == (v->type < WDX_WASM_I64_ADD ? 4 : 8);
}

static bool is_operand(const struct flow *x, wdx_held h, uint32_t value, unsigned width)
{
	return value && wdx_held_width(h) >= width && wdx_flow_is_value(x, h, value);
}

/* Whether what the machine's instruction takes besides its base is that value. */
static bool is_other(const struct flow *x, const struct wdx_mvalue *mv, const struct wdx_minsn *i,
		     uint32_t value)
{
	const struct wdx_value *v = &x->v.values.data[value];

	if (i->a->src >= 0)
		return is_operand(x, mv->other, value, i->a->width);
	return v->kind == WDX_VALUE_CONST &&
	       wdx_same_low(v->bits, (uint64_t)i->a->imm, i->a->width);
}

static bool computes(const struct flow *x, uint32_t mv, uint32_t value)
{
	const struct wdx_mvalue *m = &x->m.values.data[mv];
	const struct wdx_minsn *i = &x->m.insns.data[m->insn];
	const struct wdx_value *v = &x->v.values.data[value];

	if (!wdx_flow_same_op(x, v, i))
		return false;
	if (is_operand(x, m->base, v->operands[0], i->a->width) &&
	    is_other(x, m, i, v->operands[1]))
		return true;
	return is_commutative(i->a->op) && is_operand(x, m->base, v->operands[1], i->a->width) &&
	       is_other(x, m, i, v->operands[0]);
}

/* Of several candidates the one at the position of the machine's instruction, else the first. */
static uint32_t prefer(const struct flow *x, uint32_t mv, uint32_t best, uint32_t value)
{
	const struct wdx_value *v = x->v.values.data;
	uint32_t pos;

	if (!best)
		return value;
	pos = wdx_code_position(x->code, x->f, x->m.values.data[mv].at);
	return v[best].pos != pos && v[value].pos == pos ? value : best;
}

/* The value of wasm that is computed from those that the machine's is, in the same way. */
static uint32_t find_computed(const struct flow *x, uint32_t mv)
{
	const struct wdx_mvalue *m = &x->m.values.data[mv];
	uint32_t from = x->assoc[wdx_held_value(m->base)], best = 0;
	const uint32_t *start;

	if (!from && m->other)
		from = x->assoc[wdx_held_value(m->other)];
	if (!from || from == CONTEXT)
		return 0;
	start = x->inputs_of.start.data + from;
	for (uint32_t i = start[0]; i < start[1] && *x->steps; i++, --*x->steps) {
		uint32_t value = x->inputs.data[x->inputs_of.items.data[i]].to;

		if (computes(x, mv, value))
			best = prefer(x, mv, best, value);
	}
	return best;
}

/* Whether a sum of wasm is that: known + off, of which `width` bytes count. */
static bool is_sum(struct wdx_term is, struct wdx_term known, uint64_t off, unsigned width)
{
	return is.root == known.root && width >= is.width &&
	       wdx_same_low(is.off, known.off + off, is.width);
}

/* The sum of wasm that the machine's is. */
static uint32_t find_sum(const struct flow *x, uint32_t mv)
{
	uint64_t off;
	unsigned width;
	uint32_t known = summand(x, mv, &off, &width), best = 0;
	struct wdx_term k;

	if (!known)
		return 0;
	k = wdx_value_term(&x->v, known);
	for (uint32_t i = *wdx_flow_sums(x, k.root, k.off + off); i && *x->steps; --*x->steps) {
		const struct term *t = &x->terms.data[i - 1];

		if (is_sum(t->is, k, off, width))
			best = prefer(x, mv, best, t->value);
		i = t->next;
	}
	return best;
}

static bool is_binary(const struct flow *x, uint32_t mv)
{
	return x->m.insns.data[x->m.values.data[mv].insn].a->kind == WDX_DO_BINARY;
}

static bool still_computed(const struct flow *x, uint32_t mv)
{
	uint64_t off;
	unsigned width;
	uint32_t known;
	struct wdx_term is;

	if (is_binary(x, mv))
		return computes(x, mv, x->assoc[mv]);
	known = summand(x, mv, &off, &width);
	is = wdx_value_term(&x->v, x->assoc[mv]);
	return known && is.root != x->assoc[mv] &&
	       is_sum(is, wdx_value_term(&x->v, known), off, width);
}

/* ---- rounds -----------------------------------------------------------------------------------
 */

/* Merges, and values computed from others, are looked at when something that goes into them has
 * become known, or is known no more: they are due then. */

static bool is_due(const uint64_t *bits, uint32_t mv)
{
	return bits[mv / 64] >> mv % 64 & 1;
}

static void make_due(uint64_t *bits, uint32_t mv)
{
	bits[mv / 64] |= 1ULL << mv % 64;
}

/* The first that is due in [mv, end), which then is so no more; `end`: none is. */
static uint32_t next_due(struct flow *x, uint32_t mv, uint32_t end)
{
	uint64_t bits = mv < end ? x->due.data[mv / 64] >> mv % 64 << mv % 64 : 0;

	for (mv -= mv % 64; !bits && mv + 64 < end; bits = x->due.data[mv / 64])
		mv += 64;
	if (!bits || mv + (uint32_t)__builtin_ctzll(bits) >= end)
		return end;
	mv += (uint32_t)__builtin_ctzll(bits);
	x->due.data[mv / 64] &= ~(1ULL << mv % 64);
	return mv;
}

static void add_taker(struct flow *x, wdx_held h, uint32_t mv)
{
	uint32_t value = wdx_held_value(h);
	struct taker *t = value && value != mv ? wdx_vec_push(&x->takers) : NULL;

	if (!t) {
		x->nomem |= value && value != mv;
		return;
	}
	*t = (struct taker){mv, x->taken[value]};
	x->taken[value] = (uint32_t)x->takers.len;
}

/* Whether it is a merge of its place, not what another one has become. */
static bool is_merge(const struct flow *x, uint32_t mv)
{
	const struct wdx_mvalue *v = &x->m.values.data[mv];

	/* the function's entry is one more way into its first block, which is not looked at */
	return v->at && wdx_held_value(wdx_machine_in(&x->m, v->at)[v->reg]) == mv;
}

/* Constants are known from the start. */
static void note_merge(struct flow *x, uint32_t mv)
{
	const struct wdx_mvalue *v = &x->m.values.data[mv];
	const struct wdx_mblock *b = &x->m.blocks.data[v->at];

	if (x->hints[mv - x->m.first_phi])
		make_due(x->due.data, mv);
	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k];
		wdx_held h = wdx_machine_out(&x->m, from)[v->reg];

		if (!x->m.blocks.data[from].reached)
			continue;
		add_taker(x, h, mv);
		if (x->m.values.data[wdx_held_value(h)].kind == WDX_MV_CONST)
			make_due(x->due.data, mv);
	}
}

/* What goes into it has changed in what is known of it, and into sums of it. */
static void stir(struct flow *x, uint32_t value, unsigned depth)
{
	const struct taker *t;

	for (uint32_t i = x->taken[value]; i; i = t->next) {
		t = &x->takers.data[i - 1];
		make_due(x->due.data, t->mv);
		if (depth && t->mv < x->m.first_phi && !is_binary(x, t->mv))
			stir(x, t->mv, depth - 1);
	}
}

static bool prepare_rounds(struct flow *x)
{
	size_t n = x->m.values.len, words = n / 64 + 1;

	x->takers.len = x->due.len = x->given.len = 0;
	if (!wdx_vec_reserve(&x->due, words) || !wdx_vec_reserve(&x->given, words))
		return false;
	memset(x->due.data, 0, words * sizeof(*x->due.data));
	memset(x->given.data, 0, words * sizeof(*x->given.data));
	memset(x->taken, 0, n * sizeof(*x->taken));
	return true;
}

/* Of each value what it goes into; what may be known by what is known so far is due. */
static void find_takers(struct flow *x)
{
	const uint32_t *mv;

	wdx_vec_each (mv, &x->m.based) {
		unsigned kind = x->m.insns.data[x->m.values.data[*mv].insn].a->kind;

		if (kind == WDX_DO_ADDR || kind == WDX_DO_BINARY)
			add_taker(x, x->m.values.data[*mv].base, *mv);
		if (kind == WDX_DO_BINARY)
			add_taker(x, x->m.values.data[*mv].other, *mv);
	}
	for (uint32_t i = (uint32_t)x->m.first_phi; i < x->m.values.len; i++)
		if (is_merge(x, i))
			note_merge(x, i);
	for (uint32_t i = 1; i < x->m.values.len && !x->nomem; i++)
		if (x->assoc[i])
			stir(x, i, MAX_SUMS);
}

static uint32_t find_match(const struct flow *x, uint32_t mv)
{
	return mv >= x->m.first_phi ? wdx_flow_guess(x, mv)
	       : is_binary(x, mv)   ? find_computed(x, mv)
				    : find_sum(x, mv);
}

/* Goes once through those that are due, also by what is found meanwhile; whether any was found. */
static bool match_due(struct flow *x)
{
	uint32_t end = (uint32_t)x->m.values.len;
	bool found = false;

	for (uint32_t mv = next_due(x, 0, end); mv < end; mv = next_due(x, mv + 1, end)) {
		if (x->assoc[mv])
			continue;
		x->assoc[mv] = find_match(x, mv);
		if (!x->assoc[mv])
			continue;
		make_due(x->given.data, mv);
		stir(x, mv, MAX_SUMS);
		found = true;
	}
	return found;
}

static bool still_given(const struct flow *x, uint32_t mv)
{
	const struct wdx_mvalue *v = &x->m.values.data[mv];

	return v->kind == WDX_MV_PHI ? wdx_flow_agrees(x, v->at, v->reg, x->assoc[mv], false)
				     : still_computed(x, mv);
}

/* Goes once through those that were given a value and are due; whether any does not hold. */
static bool check_due(struct flow *x, bool trust)
{
	uint32_t end = (uint32_t)x->m.values.len;
	bool found = false;

	for (uint32_t mv = next_due(x, 0, end); mv < end; mv = next_due(x, mv + 1, end)) {
		if (!is_due(x->given.data, mv) || !x->assoc[mv] || (trust && still_given(x, mv)))
			continue;
		x->assoc[mv] = 0;
		stir(x, mv, MAX_SUMS);
		found = true;
	}
	return found;
}

/* Takes back what does not hold, until all that is left bears each other out; where that takes too
 * long, all of it. */
static void take_back(struct flow *x)
{
	unsigned rounds = 0;

	memcpy(x->due.data, x->given.data, (x->m.values.len / 64 + 1) * sizeof(*x->due.data));
	while (rounds < MAX_ROUNDS && check_due(x, true))
		rounds++;
	if (rounds < MAX_ROUNDS)
		return;
	memcpy(x->due.data, x->given.data, (x->m.values.len / 64 + 1) * sizeof(*x->due.data));
	check_due(x, false);
}

/* Guesses are hopeful where loops come back. */
void wdx_flow_match_all(struct flow *x)
{
	*x->steps = MAX_STEPS;
	wdx_flow_find_edges(x);
	if (x->nomem || !prepare_rounds(x)) {
		x->nomem = true;
		return;
	}
	find_takers(x);
	for (unsigned n = 0; n < MAX_GUESSES && !x->nomem && match_due(x); n++)
		;
	if (!x->nomem)
		take_back(x);
}

/* ---- for those who judge claims ----------------------------------------------------------------
 */

bool wdx_match_is(const struct flow *x, wdx_held h, uint32_t value)
{
	return wdx_flow_is_value(x, h, value);
}

uint32_t wdx_match_summand(const struct flow *x, uint32_t mv, uint64_t *off, unsigned *width)
{
	return summand(x, mv, off, width);
}

uint32_t wdx_match_result(const struct flow *x, uint8_t type)
{
	unsigned class, way;

	if (!wdx_flow_class_of(type, &class))
		return NONE;
	way = x->convention->way[class][MAX_ARGS];
	return way < x->m.nregs ? way : NONE;
}
