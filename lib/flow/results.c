/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What loads, calls, global.get and arithmetic of the wasm code have become in the machine code. */
#include "base/search.h"
#include "flow/flow_work.h"

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
	const struct wdx_mblock *b = x->m.blocks.data;

	return wdx_search(i, 1u, (uint32_t)x->m.blocks.len, b[i].first <= insn) - 1;
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
	const struct maker *end = x->makers.data + x->makers.len;
	const struct maker *k = wdx_search(i, x->makers.data, end, i->pos < pos);

	return k < end && k->pos == pos ? k : NULL;
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
