/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The evaluator.  What DWARF leaves open is done as gdb does it: the generic type is signed, shifts
 * to the right and modulo treat it as unsigned; a value shows its low bytes.  A wasm local keeps
 * all its bits until an operation wraps it at the width of the generic type.
 */
#include <dwarf.h>
#include <string.h>

#include "stepper/expr.h"

void eval_stop(struct eval *r, enum outcome o, const char *why)
{
	if (r->stop)
		return;
	r->stop = true;
	r->out->outcome = o;
	r->out->why = why;
}

/* ---- the stack ------------------------------------------------------------------------------- */

unsigned eval_width(const struct eval *r, const struct base_type *t)
{
	return t ? t->size : r->m->width;
}

uint64_t eval_mask(uint64_t v, unsigned bytes)
{
	return bytes < 8 ? v & ((UINT64_C(1) << 8 * bytes) - 1) : v;
}

void eval_push_raw(struct eval *r, uint64_t bits, const struct base_type *t)
{
	if (r->depth == EVAL_DEPTH)
		eval_stop(r, EVAL_CANT, "a deep stack");
	else
		r->stack[r->depth++] = (struct entry){bits, t};
}

void eval_push(struct eval *r, uint64_t bits, const struct base_type *t)
{
	eval_push_raw(r, eval_mask(bits, eval_width(r, t)), t);
}

struct entry eval_pop(struct eval *r)
{
	if (r->depth)
		return r->stack[--r->depth];
	eval_stop(r, EVAL_WRONG, "the stack is empty");
	return (struct entry){0, NULL};
}

static struct entry peek(struct eval *r, uint64_t i)
{
	if (i < r->depth)
		return r->stack[r->depth - 1 - i];
	eval_stop(r, EVAL_WRONG, "the stack is not that deep");
	return (struct entry){0, NULL};
}

static uint64_t pop_address(struct eval *r)
{
	return eval_mask(eval_pop(r).bits, r->m->width);
}

/* ---- what the machine gives ------------------------------------------------------------------ */

static void do_load(struct eval *r, uint64_t size, const struct base_type *t)
{
	uint64_t at = pop_address(r), v = 0;

	if (r->stop)
		return;
	if (!size || size > 8)
		eval_stop(r, EVAL_CANT, "a load of more than 8 bytes");
	else if (!r->m->read(r->ctx, at, &v, size))
		eval_stop(r, EVAL_WRONG, "a load from no memory");
	else
		eval_push(r, v, t);
}

static void do_register(struct eval *r, unsigned number, int64_t offset, const struct base_type *t)
{
	uint8_t bytes[16] = {0};
	unsigned size;
	uint64_t v;

	if (!r->m->reg || !r->m->reg(r->ctx, number, bytes, &size)) {
		eval_stop(r, EVAL_NONE, "a register that is not saved");
		return;
	}
	memcpy(&v, bytes, 8);
	eval_push(r, v + (uint64_t)offset, t);
}

static void do_wasm(struct eval *r, const struct op *o)
{
	uint64_t v;

	if (!r->m->wasm)
		eval_stop(r, EVAL_WRONG, "a wasm location on a native machine");
	else if (o->b < UINT32_MAX && r->m->wasm(r->ctx, (unsigned)o->a, (uint32_t)o->b, &v))
		eval_push_raw(r, v, NULL);
	else
		eval_stop(r, EVAL_NONE, "a wasm entity that is not there");
}

static void do_frame(struct eval *r, const struct op *o)
{
	bool cfa = o->code == DW_OP_call_frame_cfa;
	bool (*get)(void *, uint64_t *) = cfa ? r->m->cfa : r->m->frame_base;
	uint64_t v;

	if (!get || !get(r->ctx, &v))
		eval_stop(r, EVAL_NONE, cfa ? "no frame address" : "no frame base");
	else
		eval_push(r, v + (cfa ? 0 : o->a), NULL);
}

static void do_entry(struct eval *r, const struct op *o)
{
	bool reg = o->a == 1 && *o->data >= DW_OP_reg0 && *o->data <= DW_OP_reg31;
	uint64_t v;

	if (!reg || !r->m->entry || !r->m->entry(r->ctx, *o->data - (unsigned)DW_OP_reg0, &v))
		eval_stop(r, EVAL_NONE, "an entry value");
	else
		eval_push(r, v, NULL);
}

static void do_address(struct eval *r, const struct op *o)
{
	eval_push(r, r->m->relocate ? r->m->relocate(r->ctx, o->a, r->e->n == 1) : o->a, NULL);
}

static void do_const_type(struct eval *r, const struct op *o)
{
	uint64_t v = 0;

	if (!o->type || o->a != o->type->size) {
		eval_stop(r, EVAL_WRONG, "a constant of another size than its type");
		return;
	}
	memcpy(&v, o->data, o->a);
	eval_push(r, v, o->type);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void value_piece(struct eval *r, struct piece *p)
{
	struct entry a = eval_pop(r);

	p->kind = PIECE_VALUE;
	memcpy(p->bytes, &a.bits, 8);
	p->n = a.type ? a.type->size : 8;
}

static void register_piece(struct eval *r, struct piece *p)
{
	unsigned size = 0;

	if (!r->m->reg || !r->m->reg(r->ctx, (unsigned)r->reg, p->bytes, &size))
		return;
	p->kind = PIECE_VALUE;
	p->n = size;
}

/* Describes what stands before a piece operation or the end. */
static void end_piece(struct eval *r, uint64_t size)
{
	struct piece *p = &r->out->piece[r->out->n];

	if (r->out->n == MAX_PIECES) {
		eval_stop(r, EVAL_CANT, "many pieces");
		return;
	}
	*p = (struct piece){.kind = PIECE_NONE, .size = size};
	if (r->implicit) {
		p->kind = PIECE_VALUE;
		p->data = r->implicit->data;
		p->n = r->implicit->a;
	} else if (r->reg >= 0) {
		register_piece(r, p);
	} else if (r->value) {
		value_piece(r, p);
	} else if (r->depth) {
		p->kind = PIECE_MEMORY;
		p->address = pop_address(r);
	}
	r->out->n++;
	r->depth = 0;
	r->reg = -1;
	r->value = false;
	r->implicit = NULL;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void do_stack(struct eval *r, const struct op *o)
{
	struct entry a, b, c;

	switch (o->code) {
	case DW_OP_dup:
	case DW_OP_over:
	case DW_OP_pick:
		a = peek(r, o->code == DW_OP_dup ? 0 : o->code == DW_OP_over ? 1 : o->a);
		eval_push_raw(r, a.bits, a.type);
		return;
	case DW_OP_drop:
		eval_pop(r);
		return;
	case DW_OP_swap:
		b = eval_pop(r), a = eval_pop(r);
		eval_push_raw(r, b.bits, b.type);
		eval_push_raw(r, a.bits, a.type);
		return;
	default:
		c = eval_pop(r), b = eval_pop(r), a = eval_pop(r);
		eval_push_raw(r, c.bits, c.type);
		eval_push_raw(r, a.bits, a.type);
		eval_push_raw(r, b.bits, b.type);
	}
}

static void do_typed(struct eval *r, const struct op *o)
{
	switch (o->code) {
	case DW_OP_const_type:
	case DW_OP_GNU_const_type:
		do_const_type(r, o);
		return;
	case DW_OP_regval_type:
	case DW_OP_GNU_regval_type:
		do_register(r, (unsigned)o->a, 0, o->type);
		return;
	case DW_OP_deref_type:
	case DW_OP_GNU_deref_type:
		do_load(r, o->a, o->type);
		return;
	case DW_OP_reinterpret:
	case DW_OP_GNU_reinterpret:
		eval_reinterpret(r, o->type);
		return;
	case DW_OP_convert:
	case DW_OP_GNU_convert:
		eval_convert(r, o->type);
		return;
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
		do_entry(r, o);
		return;
	default:
		eval_stop(r, EVAL_CANT, op_names[o->code].name);
	}
}

static void do_other(struct eval *r, const struct op *o)
{
	switch (o->code) {
	case DW_OP_addr:
		do_address(r, o);
		return;
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		do_address(r, o);
		return;
	case DW_OP_constx:
	case DW_OP_GNU_const_index:
	case DW_OP_const1u ... DW_OP_consts:
		eval_push(r, o->a, NULL);
		return;
	case DW_OP_deref:
		do_load(r, r->m->width, NULL);
		return;
	case DW_OP_deref_size:
		do_load(r, o->a, NULL);
		return;
	case DW_OP_plus_uconst: {
		struct entry a = eval_pop(r);

		eval_push(r, a.bits + o->a, a.type);
		return;
	}
	case DW_OP_fbreg:
	case DW_OP_call_frame_cfa:
		do_frame(r, o);
		return;
	case DW_OP_bregx:
		do_register(r, (unsigned)o->a, (int64_t)o->b, NULL);
		return;
	case DW_OP_regx:
		r->reg = (int)o->a;
		return;
	case OP_WASM:
		do_wasm(r, o);
		return;
	case DW_OP_nop:
		return;
	default:
		do_typed(r, o);
	}
}

static void do_piece(struct eval *r, const struct op *o)
{
	if (o->code == DW_OP_piece)
		end_piece(r, o->a);
	else if (o->a % 8 || o->b)
		eval_stop(r, EVAL_CANT, "a piece of bits");
	else
		end_piece(r, o->a / 8);
}

static void step(struct eval *r, const struct op *o)
{
	switch (o->code) {
	case DW_OP_lit0 ... DW_OP_lit31:
		eval_push(r, o->code - (uint64_t)DW_OP_lit0, NULL);
		return;
	case DW_OP_reg0 ... DW_OP_reg31:
		r->reg = o->code - DW_OP_reg0;
		return;
	case DW_OP_breg0 ... DW_OP_breg31:
		do_register(r, o->code - (unsigned)DW_OP_breg0, (int64_t)o->a, NULL);
		return;
	case DW_OP_dup ... DW_OP_rot:
		do_stack(r, o);
		return;
	case DW_OP_eq ... DW_OP_ne:
		eval_compare(r, o->code);
		return;
	case DW_OP_abs:
	case DW_OP_neg:
	case DW_OP_not:
		eval_unary(r, o->code);
		return;
	case DW_OP_and:
	case DW_OP_div ... DW_OP_mul:
	case DW_OP_or:
	case DW_OP_plus:
	case DW_OP_shl ... DW_OP_xor:
		eval_binary(r, o->code);
		return;
	case DW_OP_stack_value:
		r->value = true;
		return;
	case DW_OP_implicit_value:
		r->implicit = o;
		return;
	case DW_OP_piece:
	case DW_OP_bit_piece:
		do_piece(r, o);
		return;
	default:
		do_other(r, o);
	}
}

static bool all_empty(const struct value *v)
{
	for (unsigned i = 0; i < v->n; i++)
		if (v->piece[i].kind != PIECE_NONE)
			return false;
	return true;
}

/* A piece that is not available leaves the others as they are: goes to its end, if it has one. */
static size_t skip_piece(struct eval *r, size_t i)
{
	while (i < r->e->n && r->e->op[i].code != DW_OP_piece &&
	       r->e->op[i].code != DW_OP_bit_piece)
		i++;
	if (i == r->e->n)
		return i;
	r->stop = r->value = false;
	r->out->outcome = EVAL_OK;
	r->depth = 0;
	r->reg = -1;
	r->implicit = NULL;
	step(r, &r->e->op[i]);
	return i;
}

void expr_eval(const struct expr *e, const struct machine *m, void *ctx, struct value *out)
{
	struct eval r;

	r.e = e;
	r.m = m;
	r.ctx = ctx;
	r.out = out;
	r.depth = 0;
	r.stop = r.value = false;
	r.reg = -1;
	r.implicit = NULL;
	out->outcome = EVAL_OK;
	out->why = NULL;
	out->n = 0;
	if (e->bad)
		eval_stop(&r, EVAL_CANT, e->bad);
	else if (!e->n)
		eval_stop(&r, EVAL_NONE, "an empty expression");
	for (size_t i = 0; i < e->n && !r.stop; i++) {
		step(&r, &e->op[i]);
		if (r.stop && out->outcome == EVAL_NONE)
			i = skip_piece(&r, i);
	}
	if (!r.stop && (!out->n || r.depth || r.reg >= 0 || r.implicit))
		end_piece(&r, UINT64_MAX);
	if (!r.stop && all_empty(out))
		eval_stop(&r, EVAL_NONE, "empty pieces");
}

bool expr_number(const struct expr *e, const struct machine *m, void *ctx, uint64_t *out)
{
	struct value v;

	expr_eval(e, m, ctx, &v);
	if (v.outcome != EVAL_OK || v.n != 1)
		return false;
	if (v.piece[0].kind == PIECE_MEMORY)
		*out = v.piece[0].address;
	else
		memcpy(out, v.piece[0].bytes, 8);
	*out = eval_mask(*out, m->width);
	return true;
}
