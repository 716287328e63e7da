/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <string.h>

#include "flow/flow_work.h"

/* How far merges of merges are looked through. */
enum { MAX_DEPTH = 2 };

/* How often guesses are gone through. */
enum { MAX_ROUNDS = 256, MAX_GUESSES = 4 };

/* ---- results ----------------------------------------------------------------------------------
 */

/* Bytes that a load reads, by opcode from i32.load on; 0: those that extend the sign are not known
 * from others of the same size. */
static const uint8_t load_widths[] = {4, 8, 4, 8, 0, 1, 0, 2, 0, 1, 0, 2, 0, 4};

static unsigned load_width(const struct wdx_value *v)
{
	unsigned i = v->type - (unsigned)WDX_WASM_I32_LOAD;

	return v->kind == WDX_VALUE_INSN && i < sizeof(load_widths) ? load_widths[i] : 0;
}

static bool is_load(const struct wdx_value *v)
{
	return v->kind == WDX_VALUE_INSN &&
	       v->type - (unsigned)WDX_WASM_I32_LOAD < sizeof(load_widths);
}

static bool is_call(const struct wdx_value *v)
{
	return v->kind == WDX_VALUE_INSN && v->type == WDX_VALUE_CALL && v->bits;
}

static bool is_global_get(const struct wdx_value *v)
{
	return v->kind == WDX_VALUE_INSN && v->type == WDX_WASM_GLOBAL_GET;
}

/* WDX_OP_FSQRT and those behind it, in the order of wasm's opcodes; -1: no such operation. */
static int float_op(const struct wdx_value *v)
{
	unsigned n = v->type - (unsigned)(v->type < WDX_WASM_F64_SQRT ? WDX_WASM_F32_SQRT
								      : WDX_WASM_F64_SQRT);

	return v->kind == WDX_VALUE_INSN && n <= WDX_OP_FDIV - WDX_OP_FSQRT
		       ? (int)(WDX_OP_FSQRT + n)
		       : -1;
}

static void find_makers(struct flow *x)
{
	x->makers.len = 0;
	for (uint32_t i = 1; i < x->v.values.len; i++) {
		const struct wdx_value *v = &x->v.values.data[i];
		struct maker *k;

		if (!is_load(v) && !is_call(v) && !is_global_get(v) && float_op(v) < 0)
			continue;
		k = wdx_vec_push(&x->makers);
		if (k)
			*k = (struct maker){v->pos, i, 0, 0};
		x->nomem |= !k;
	}
}

/* Of each interval the maker at its position: number + 1.  Both go by position. */
static bool assign_makers(struct flow *x)
{
	const struct wdx_code_func *f = x->f;
	size_t k = 0;

	x->made.len = 0;
	if (!wdx_vec_reserve(&x->made, f->n))
		return false;
	for (uint32_t n = f->first; n < f->first + f->n; n++) {
		uint32_t pos = x->code->positions[n];

		while (k < x->makers.len && x->makers.data[k].pos < pos)
			k++;
		x->made.data[x->code->by_wasm[n] - f->first] =
			k < x->makers.len && x->makers.data[k].pos == pos ? (uint32_t)k + 1 : 0;
	}
	return true;
}

/* Whether a load is one of linear memory, not of what the context leads to: an address of memory is
 * a sum, or else what is loaded is too small to be a pointer. */
static bool is_access(const struct flow *x, const struct wdx_minsn *i)
{
	uint32_t base;

	if (!i->a->load || !i->based || i->slot != NONE)
		return false;
	base = wdx_held_value(x->m.values.data[i->based].base);
	return base > x->m.nentries && x->assoc[base] != CONTEXT &&
	       (i->a->width < 8 || i->a->indexed);
}

/* What a load makes of one. */
static uint32_t loaded(const struct flow *x, const struct wdx_minsn *i, const struct wdx_value *v)
{
	unsigned width = load_width(v);

	if (!is_access(x, i))
		return 0;
	return !width ? NONE : i->a->width == width ? i->based : 0;
}

/* Whether a load is one of the cell of the global that global.get names. */
static bool is_cell_access(const struct flow *x, const struct wdx_minsn *i, uint32_t get)
{
	wdx_held base = x->m.values.data[i->based].base;
	int64_t off;

	if (!i->a->load || !i->based || i->a->indexed || i->slot != NONE ||
	    x->assoc[wdx_held_value(base)] != CONTEXT || wdx_held_width(base) < 8)
		return false;
	return wdx_flow_cell_of(x, get, &off) == i->a->width && off == i->a->disp;
}

/* The value that the instruction makes if it is what that of wasm became; 0: none, NONE: not known.
 */
static uint32_t made_by(const struct flow *x, const struct wdx_minsn *i, const struct wdx_value *v)
{
	unsigned class, reg, value = i->values;

	if (float_op(v) >= 0)
		return i->a->kind == WDX_DO_FLOAT && i->a->op == float_op(v) &&
				       i->does == WDX_DOES_ONE &&
				       i->a->width == (v->type < WDX_WASM_F64_SQRT ? 4 : 8)
			       ? i->values
			       : 0;
	if (v->type == WDX_WASM_GLOBAL_GET)
		return is_cell_access(x, i, v->pos) ? i->based : 0;
	if (v->type != WDX_VALUE_CALL)
		return loaded(x, i, v);
	if (!i->a->call)
		return 0;
	if (!wdx_flow_class_of((uint8_t)v->bits, &class))
		return NONE;
	reg = x->convention->way[class][MAX_ARGS];
	if (reg >= x->m.nregs || !(wdx_machine_gives(&x->m, i, reg / 64) >> reg % 64 & 1))
		return NONE;
	for (unsigned k = 0; k < reg; k++)
		value += wdx_machine_gives(&x->m, i, k / 64) >> k % 64 & 1;
	return value;
}

static uint32_t block_of(const struct flow *x, uint32_t insn)
{
	uint32_t lo = 0, hi = (uint32_t)x->m.blocks.len;

	while (lo + 1 < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (x->m.blocks.data[mid].first <= insn)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Whether the instruction, of code at that position or at none, is behind another one; *on: whether
 * the block can be left for more such code. */
static bool is_behind(const struct flow *x, uint32_t from, uint32_t block, uint32_t insn,
		      uint32_t pos, bool *on)
{
	const struct wdx_mblock *b = &x->m.blocks.data[block];

	*on = true;
	for (uint32_t i = from; *on && i < b->first + b->n; i++) {
		uint32_t at = wdx_code_position(x->code, x->f, x->m.insns.data[i].at);

		if (i == insn)
			return true;
		*on = at == pos || at == NONE;
	}
	return false;
}

/* Blocks that the code of one instruction is looked through for. */
enum { MAX_OF_ONE = 16 };

/* Whether one instruction leads to another without leaving the code of the position. */
static bool leads_to(const struct flow *x, uint32_t from, uint32_t to, uint32_t pos)
{
	uint32_t seen[MAX_OF_ONE] = {block_of(x, from)}, n = 1;
	bool on;

	for (uint32_t i = 0; i < n; i++) {
		const struct wdx_mblock *b = &x->m.blocks.data[seen[i]];

		if (is_behind(x, i ? b->first : from + 1, seen[i], to, pos, &on))
			return true;
		for (uint32_t k = 0; on && k < b->nsuccs && n < MAX_OF_ONE; k++) {
			uint32_t next = x->m.succs.data[b->first_succ + k], s = 0;

			while (s < n && seen[s] != next)
				s++;
			if (s == n)
				seen[n++] = next;
		}
	}
	return false;
}

/* Another candidate, which the instruction gives.  Of several calls for a call_indirect the one
 * that the others lead to makes the result: they fetch what is called. */
static void add_candidate(const struct flow *x, struct maker *k, uint32_t mv, uint32_t insn)
{
	bool two = k->mv && k->mv != NONE && mv != NONE;
	bool fetch = two && wdx_flow_is_opcode(x, k->pos, WDX_WASM_CALL_INDIRECT);
	bool before = fetch && leads_to(x, insn, k->first, k->pos);
	bool behind = fetch && leads_to(x, k->first, insn, k->pos);

	if (k->mv && before == behind) {
		k->mv = NONE;
	} else if (!before) {
		k->mv = mv;
		k->first = insn;
	}
}

/* Of addresses that are computed from what is loaded, how far that is looked for. */
enum { MAX_ADDRESS = 8 };

static const struct maker *maker_at(const struct flow *x, uint32_t pos)
{
	size_t lo = 0, hi = x->makers.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->makers.data[mid].pos < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->makers.len && x->makers.data[lo].pos == pos ? &x->makers.data[lo] : NULL;
}

/* Whether a load goes into the value, by what is no load itself, that has no code of its own.  A
 * compiler may have moved it to where its result is used. */
static bool takes_moved(const struct flow *x, uint32_t value, unsigned depth)
{
	const struct wdx_value *v = &x->v.values.data[value];
	const struct maker *k;

	if (v->kind != WDX_VALUE_INSN || is_call(v) || is_global_get(v))
		return false;
	if (is_load(v)) {
		k = maker_at(x, v->pos);
		return !k || !k->mv;
	}
	return !depth || takes_moved(x, v->operands[0], depth - 1) ||
	       takes_moved(x, v->operands[1], depth - 1) ||
	       (v->type == WDX_WASM_SELECT && takes_moved(x, (uint32_t)v->bits, depth - 1));
}

/* Whether the load at the position may be that of another whose result is the address. */
static bool may_be_moved(const struct flow *x, const struct maker *k)
{
	const struct wdx_value *v = &x->v.values.data[k->value];

	return is_load(v) && takes_moved(x, v->operands[0], MAX_ADDRESS);
}

/* The only load of the right size, the only call, or the only operation on floats of that kind and
 * size in the code of a wasm instruction is what has become of it: its result needs no claim.
 * Compilers may not do arithmetic of floats in another way, nor share steps of it. */
void wdx_flow_take_results(struct flow *x)
{
	const struct wdx_interval *iv = &x->code->intervals.data[x->f->first];
	const struct wdx_interval *end = iv + x->f->n;
	const struct wdx_minsn *i = x->m.insns.data, *last = i + x->m.insns.len;
	const uint32_t *made;
	struct maker *k;

	find_makers(x);
	if (x->nomem || !assign_makers(x)) {
		x->nomem = true;
		return;
	}
	made = x->made.data;
	for (; iv < end && x->makers.len; iv++, made++) {
		k = *made ? &x->makers.data[*made - 1] : NULL;
		for (; i < last && i->at < iv->hi; i++) {
			uint32_t mv = !k || i->at < iv->lo
					      ? 0
					      : made_by(x, i, &x->v.values.data[k->value]);

			if (mv)
				add_candidate(x, k, mv, (uint32_t)(i - x->m.insns.data));
		}
	}
	wdx_vec_each (k, &x->makers) {
		if (k->mv && may_be_moved(x, k))
			k->mv = 0;
		if (k->mv && k->mv != NONE && !x->assoc[k->mv])
			x->assoc[k->mv] = k->value;
	}
}

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
static bool same_op(const struct flow *x, const struct wdx_value *v, const struct wdx_minsn *i)
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

	if (!same_op(x, v, i))
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

/* ---- merges -----------------------------------------------------------------------------------
 */

/* Where the basic block of that wasm position ends: the control instruction by which it is left. */
static uint32_t way_out(const struct flow *x, uint32_t pos)
{
	uint32_t end = x->f->wasm->end.v;

	while (pos < end && !wdx_code_ends_block(x->code, pos))
		pos++;
	return pos;
}

static uint32_t input_key(const struct flow *x, size_t item)
{
	return x->inputs.data[item].value;
}

static void add_input(struct flow *x, uint32_t value, uint32_t to)
{
	struct input *in = wdx_vec_push(&x->inputs);

	if (in)
		*in = (struct input){value, to};
	x->nomem |= !in;
}

static void add_merge(struct flow *x, uint32_t phi)
{
	const struct wdx_value *v = &x->v.values.data[phi];
	const uint32_t *in = x->v.inputs.data + v->first;

	for (uint32_t k = 0; k < v->n; k++)
		if (!k || in[k] != in[k - 1]) /* most arrivals bring the same */
			add_input(x, in[k], phi);
}

/* Of each position the ways of labels that begin there. */
static bool index_ways(struct flow *x)
{
	uint32_t start = x->f->wasm->start.v, size = x->f->wasm->end.v - start;

	x->way_at.len = x->next_way.len = 0;
	if (!wdx_vec_reserve(&x->way_at, (size_t)size + 1) ||
	    !wdx_vec_reserve(&x->next_way, x->v.ways.len))
		return false;
	memset(x->way_at.data, 0, ((size_t)size + 1) * sizeof(*x->way_at.data));
	for (uint32_t i = (uint32_t)x->v.ways.len; i; i--) { /* the last first */
		uint32_t *head = &x->way_at.data[x->v.ways.data[i - 1] - start];

		x->next_way.data[i - 1] = *head;
		*head = i;
	}
	return true;
}

/* Of each value the merges that it goes into come first. */
void wdx_flow_index_inputs(struct flow *x)
{
	const struct wdx_value *v = x->v.values.data;
	uint32_t n = (uint32_t)x->v.values.len;

	x->inputs.len = 0;
	for (uint32_t i = 1; i < n && !x->nomem; i++)
		if (v[i].kind == WDX_VALUE_PHI)
			add_merge(x, i);
	for (uint32_t i = 1; i < n && !x->nomem; i++)
		for (uint32_t k = 0; k < 2 && v[i].kind == WDX_VALUE_INSN; k++)
			if (v[i].operands[k])
				add_input(x, v[i].operands[k], i);
	if (!x->nomem)
		wdx_flow_build_index(x, &x->inputs_of, n, x->inputs.len, input_key);
	x->nomem |= !index_ways(x);
}

/* What the merge gets when control comes by the instruction at `from`, maybe through other merges
 * of the same local that have no code of their own; 0: not known. */
static uint32_t input_from(const struct flow *x, uint32_t phi, uint32_t from, unsigned depth)
{
	if (!*x->steps)
		return 0;
	--*x->steps;

	const struct wdx_value *v = &x->v.values.data[phi];
	const uint32_t *in = x->v.inputs.data + v->first;

	for (uint32_t i = x->way_at.data[from - x->f->wasm->start.v]; i;
	     i = x->next_way.data[i - 1])
		if (i - 1 - v->ways < v->n)
			return in[i - 1 - v->ways];
	for (uint32_t k = 0; depth && k < v->n; k++) {
		const struct wdx_value *inner = &x->v.values.data[in[k]];
		uint32_t found;

		if (k && in[k] == in[k - 1]) /* most arrivals bring the same */
			continue;
		if (inner->kind != WDX_VALUE_PHI || inner->arg != v->arg || in[k] == phi)
			continue;
		found = input_from(x, in[k], from, depth - 1);
		if (found)
			return found;
	}
	return 0;
}

/* The first and the last interval that shows a state in each block; both go by address. */
static void find_shown(struct flow *x)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t i = x->f->first, end = i + x->f->n;

	for (uint32_t b = 0; b < x->m.blocks.len; b++) {
		const struct wdx_mblock *block = &x->m.blocks.data[b];
		const struct wdx_minsn *last = &x->m.insns.data[block->first + block->n - 1];
		uint32_t lo = x->m.insns.data[block->first].at, hi = last->at + last->a->size;
		struct edge *e = &x->edges.data[b];

		*e = (struct edge){NONE, NONE, NONE, NONE, NONE};
		while (i < end && iv[i].hi <= lo)
			i++;
		for (uint32_t k = i; k < end && iv[k].lo < hi; k++) {
			if (!wdx_flow_shows(&iv[k]))
				continue;
			e->first = e->first == NONE ? k : e->first;
			e->last = k;
		}
	}
}

/* The last position that a block of machine code shows before it is left; NONE: not known. */
static uint32_t find_last(const struct flow *x, uint32_t block)
{
	for (unsigned step = 0; step < 4; step++) {
		const struct wdx_mblock *b = &x->m.blocks.data[block];
		uint32_t i = x->edges.data[block].last;

		if (i != NONE)
			return x->code->intervals.data[i].wasm;
		if (b->npreds != 1)
			break;
		block = x->m.preds.data[b->first_pred];
	}
	return NONE;
}

/* The position where a block of machine code comes to show a state; NONE: not known. */
static uint32_t way_in(const struct flow *x, uint32_t block)
{
	for (unsigned step = 0; step < 4; step++) {
		const struct wdx_mblock *b = &x->m.blocks.data[block];

		if (x->edges.data[block].in != NONE || b->nsuccs != 1)
			break;
		block = x->m.succs.data[b->first_succ];
	}
	return x->edges.data[block].in;
}

/* What the phi is at `in`, a block's way in, when control comes by ways that are tried one after
 * the other: from positions on, up to the next control instruction. */
struct arrival {
	uint32_t phi, in;
	bool force;	/* the phi is in force where they begin */
	bool several;	/* it may be one or another, or it is not known */
	bool unclear;	/* a way has code, of which it is not known whether it is the block's */
	uint32_t value; /* 0: none of them led there so far */
	struct ways open;
};

static void arrive(struct arrival *a, uint32_t value)
{
	a->several |= !value || (a->value && a->value != value);
	a->value = value;
}

/* Goes on behind a control instruction.  By which one control comes to a label tells what its phi
 * gets; then that way is at its end. */
static void go_on(const struct flow *x, struct arrival *a, uint32_t pos)
{
	uint32_t value = input_from(x, a->phi, pos, MAX_DEPTH);
	bool table = wdx_flow_is_opcode(x, pos, WDX_WASM_BR_TABLE);
	struct ways w;

	if (value)
		arrive(a, value);
	a->several |= !wdx_flow_ways_on(x, pos, &w);
	for (unsigned i = value && !table; i < w.n; i++)
		if (!value || w.to[i] - 1 != x->v.values.data[a->phi].pos)
			a->several |= !wdx_flow_add_way(&a->open, w.to[i]);
}

/* Goes on from a position that control comes to without any code before.  Code that is there and
 * stands where it belongs would have been executed first, if it is not that of the block. */
static void come_to(const struct flow *x, struct arrival *a, uint32_t pos)
{
	uint32_t next = way_out(x, pos);

	if (a->in >= pos && a->in <= next)
		arrive(a, a->force ? a->phi : 0);
	else if (next >= x->f->wasm->end.v)
		return;
	else if (wdx_code_fixed(x->code, x->f, pos, next + 1))
		a->unclear |= a->in == NONE;
	else
		go_on(x, a, next);
}

/* What the phi is where a block of machine code leads to another, whose way in is at `in`.  It is
 * left behind what it shows last: control may come to that position at once, if it does not have to
 * go `back`, or first come to a label of the phi's, with or without code on other ways that it may
 * take.  All ways without code must bring the same.  Where none leads to such a label, the phi must
 * be in force already.  0: not known. */
static uint32_t wanted(const struct flow *x, uint32_t phi, const struct edge *e, uint32_t in,
		       bool back)
{
	struct arrival a = {.phi = phi, .in = in};

	a.force = wdx_value_at(&x->v, x->v.values.data[phi].arg, e->out) == phi;
	if (in >= e->from + back && in <= e->out)
		return a.force ? phi : 0;
	if (e->out >= x->f->wasm->end.v)
		return a.force ? phi : 0;
	go_on(x, &a, e->out);
	for (unsigned i = 0; i < a.open.n && !a.several && *x->steps; i++)
		come_to(x, &a, a.open.to[i]);
	if (a.several || !*x->steps || (a.unclear && a.value && a.value != phi))
		return 0;
	return a.value ? a.value : a.force ? phi : 0;
}

/* Whether control comes from outside of a loop of machine code to its head. */
static bool enters_loop(const struct flow *x, uint32_t from, uint32_t head)
{
	const struct wdx_mblock *b = &x->m.blocks.data[head];
	const uint32_t *rank = x->m.rank;
	bool loop = false;

	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t pred = x->m.preds.data[b->first_pred + k];

		loop |= x->m.blocks.data[pred].reached && rank[pred] >= rank[head];
	}
	return loop && rank[from] < rank[head];
}

/* Whether a block brings to the head of a loop what the loop's merge begins with.  By whatever
 * instruction it is left (what was moved out of the loop seems to leave it by the loop's own
 * branch), the way into a loop of wasm is one. */
static bool begins_with(const struct flow *x, uint32_t from, uint32_t head, uint32_t phi,
			wdx_held held)
{
	uint32_t pos = x->v.values.data[phi].pos, at = x->edges.data[head].in, value;

	if (at == NONE || wdx_value_at(&x->v, x->v.values.data[phi].arg, at) != phi)
		return false;
	if (!wdx_flow_is_opcode(x, pos, WDX_WASM_LOOP) || !enters_loop(x, from, head))
		return false;
	value = input_from(x, phi, pos, 0);
	return value && wdx_flow_is_value(x, held, value);
}

/* Whether a machine value that nothing is known of is computed as that value of wasm is: what goes
 * into it may be the merge at hand. */
static bool may_become(const struct flow *x, uint32_t mv, uint32_t value)
{
	const struct wdx_mvalue *m = &x->m.values.data[mv];
	const struct wdx_value *v = &x->v.values.data[value];
	const struct wdx_minsn *i = &x->m.insns.data[m->insn];

	if (x->assoc[mv] || m->kind != WDX_MV_INSN || i->based != mv)
		return false;
	return i->a->kind == WDX_DO_ADDR ? v->kind == WDX_VALUE_INSN && v->arg : same_op(x, v, i);
}

/* Whether the merge of the machine's at the block is that wasm value: every way in brings what the
 * value is on that way.  Merges not looked at yet are given the benefit of the doubt when `hope`.
 */
static bool agrees(const struct flow *x, uint32_t block, uint32_t place, uint32_t value, bool hope)
{
	const struct wdx_mblock *b = &x->m.blocks.data[block];
	uint32_t self = wdx_held_value(wdx_machine_in(&x->m, block)[place]);
	bool phi = value != CONTEXT && x->v.values.data[value].kind == WDX_VALUE_PHI;

	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k], want = value, exit;
		wdx_held h = wdx_machine_out(&x->m, from)[place];
		uint32_t mv = wdx_held_value(h);

		if (!x->m.blocks.data[from].reached)
			continue;
		if (!phi && (mv == self || wdx_flow_is_value(x, h, value)))
			continue;
		if (hope && mv != self && mv >= x->m.first_phi && !x->assoc[mv])
			continue;
		exit = phi ? x->edges.data[from].out : NONE;
		want = exit == NONE ? 0
				    : wanted(x, value, &x->edges.data[from], way_in(x, block),
					     x->m.rank[from] >= x->m.rank[block]);
		if (hope && want && mv != self && may_become(x, mv, want))
			continue;
		if (!(want && (mv == self ? want == value : wdx_flow_is_value(x, h, want))) &&
		    !(phi && begins_with(x, from, block, value, h)))
			return false;
	}
	return true;
}

/* A merge of the local, or one of merges of it, that is in force at the position and that the value
 * goes into; 0: none that agrees. */
static uint32_t merge_with(const struct flow *x, uint32_t block, uint32_t place, uint32_t value,
			   uint32_t pos, unsigned depth)
{
	const uint32_t *start = x->inputs_of.start.data + value, *item = x->inputs_of.items.data;
	uint32_t before = 0;

	for (uint32_t i = start[0]; i < start[1]; i++) {
		uint32_t phi = x->inputs.data[item[i]].to, found;

		if (x->v.values.data[phi].kind != WDX_VALUE_PHI)
			break; /* they come first */
		if (phi == value || phi == before)
			continue;
		before = phi;
		if (wdx_value_at(&x->v, x->v.values.data[phi].arg, pos) == phi &&
		    agrees(x, block, place, phi, true))
			return phi;
		found = depth ? merge_with(x, block, place, phi, pos, depth - 1) : 0;
		if (found)
			return found;
	}
	return 0;
}

/* The only block from which control comes from outside to the head of a loop of machine code; NONE:
 * there is none, or several. */
static uint32_t find_way_in(const struct flow *x, uint32_t head)
{
	const struct wdx_mblock *b = &x->m.blocks.data[head];
	uint32_t found = NONE;
	bool loop = false;

	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k];
		bool back = x->m.rank[from] >= x->m.rank[head];

		if (!x->m.blocks.data[from].reached)
			continue;
		if (!back && found != NONE)
			return NONE;
		found = back ? found : from;
		loop |= back;
	}
	return loop ? found : NONE;
}

/* A merge of a loop that is in force at the position, where nothing is known of what goes into it
 * but that it begins with a constant. */
static uint32_t guess_loop(const struct flow *x, uint32_t block, uint32_t place, uint32_t pos)
{
	uint32_t from = find_way_in(x, block);
	wdx_held begin = from == NONE ? 0 : wdx_machine_out(&x->m, from)[place];

	if (x->m.values.data[wdx_held_value(begin)].kind != WDX_MV_CONST)
		return 0;
	for (uint32_t i = 0; i < x->v.nlocals && *x->steps; i++, --*x->steps) {
		uint32_t phi = wdx_value_at(&x->v, i, pos), loop = x->v.values.data[phi].pos;

		if (x->v.values.data[phi].kind == WDX_VALUE_PHI &&
		    wdx_flow_is_opcode(x, loop, WDX_WASM_LOOP) &&
		    wdx_flow_is_value(x, begin, input_from(x, phi, loop, 0)) &&
		    agrees(x, block, place, phi, true))
			return phi;
	}
	return 0;
}

/* A first guess, made where one way in is known, or where a claim says what the merge is. */
static uint32_t guess(const struct flow *x, uint32_t mv)
{
	uint32_t block = x->m.values.data[mv].at, place = x->m.values.data[mv].reg;
	uint32_t pos = x->edges.data[block].in, value = x->hints[mv - x->m.first_phi], found;
	const struct wdx_mblock *b = &x->m.blocks.data[block];

	if (value && agrees(x, block, place, value, true))
		return value;
	value = 0;
	for (uint32_t k = 0; k < b->npreds && !value; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k];

		if (x->m.blocks.data[from].reached)
			value = x->assoc[wdx_held_value(wdx_machine_out(&x->m, from)[place])];
	}
	if (!value)
		return pos == NONE ? 0 : guess_loop(x, block, place, pos);
	if (value != CONTEXT && pos != NONE) {
		found = merge_with(x, block, place, value, pos, 1);
		if (found)
			return found;
	}
	return agrees(x, block, place, value, true) ? value : 0;
}

static void find_edges(struct flow *x)
{
	x->edges.len = 0;
	if (!wdx_vec_reserve(&x->edges, x->m.blocks.len)) {
		x->nomem = true;
		return;
	}
	find_shown(x);
	wdx_flow_find_labels(x);
	for (uint32_t b = 0; b < x->m.blocks.len; b++) {
		struct edge *e = &x->edges.data[b];

		if (e->first != NONE)
			e->in = x->code->intervals.data[e->first].wasm;
		e->from = find_last(x, b);
		e->out = e->from == NONE ? NONE : way_out(x, e->from);
	}
	x->edges.len = x->m.blocks.len;
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
	return mv >= x->m.first_phi ? guess(x, mv)
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

	return v->kind == WDX_MV_PHI ? agrees(x, v->at, v->reg, x->assoc[mv], false)
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
void wdx_flow_match_merges(struct flow *x)
{
	*x->steps = MAX_STEPS;
	find_edges(x);
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
