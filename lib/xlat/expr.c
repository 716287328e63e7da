/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Expressions are run over an abstract stack, once to see what they need and then for each set of
 * places to write them.  Constants, frame addresses and whole locals stay pending on that stack
 * until an operation needs them, so that the commonest expressions come out as plain register
 * locations, DW_OP_fbreg and DW_OP_addr.
 *
 * Numbers of 32 bits live in wider native stack entries: `clean` says that the upper bits are known
 * to be zero.  Sums wrap at 32 bits because they are masked before anything looks at the upper
 * half.
 */
#include "xlat/expr.h"

#include <dwarf.h>
#include <string.h>

#include "dwarf/decode.h"

#define STACK_MAX 16

enum val_kind { VAL_NUMBER, VAL_CONST, VAL_FRAME, VAL_NEED, VAL_TYPED };

struct val {
	uint8_t kind; /* all but NUMBER and TYPED are pending: not written yet */
	uint8_t bits; /* 32 or 64 */
	bool clean;
	bool scalar;	/* NEED: an integer, fit for arithmetic */
	uint64_t value; /* CONST; FRAME: offset, as int64_t; NEED: its number */
};

struct run {
	struct wdx_xexpr *parsing; /* first run: collects needs; then NULL */
	const struct wdx_xexpr *x;
	const struct wdx_xplaces *places; /* NULL in the first run */
	struct wdx_expr *out;		  /* likewise */
	struct val stack[STACK_MAX];
	unsigned n;
	bool implicit;		 /* stack_value was seen */
	bool described;		 /* the location is complete: implicit_value and the like */
	unsigned given, missing; /* pieces */
	enum wdx_loss loss;	 /* the first reason to give up */
};

static void give_up(struct run *r, enum wdx_loss why)
{
	if (r->loss == WDX_LOSS_NONE)
		r->loss = why;
}

static bool writing(const struct run *r)
{
	return r->out && r->loss == WDX_LOSS_NONE;
}

static void op(struct run *r, uint8_t code)
{
	if (writing(r))
		wdx_expr_op(r->out, code);
}

static void op_uint(struct run *r, uint8_t code, uint64_t v)
{
	if (writing(r))
		wdx_expr_op_uint(r->out, code, v);
}

static void constant(struct run *r, uint64_t v)
{
	if (writing(r))
		wdx_expr_const(r->out, v);
}

static unsigned native_bits(const struct run *r)
{
	return wdx_target_address_size(r->x->env->target) * 8;
}

static unsigned generic_bits(const struct run *r)
{
	return r->x->env->address64 ? 64 : 32;
}

static uint64_t wrap(uint64_t v, unsigned bits)
{
	return bits == 32 ? (uint32_t)v : v;
}

/* ---- needs and places -------------------------------------------------------------------------
 */

/* The number of that need, noted when it is new. */
static unsigned need(struct run *r, uint32_t kind, uint32_t index)
{
	struct wdx_xexpr *x = r->parsing;

	for (unsigned i = 0; i < r->x->nneeds; i++)
		if (r->x->needs[i].kind == kind && r->x->needs[i].index == index)
			return i;
	if (!x || x->nneeds == WDX_XEXPR_MAX_NEEDS) {
		give_up(r, WDX_LOSS_EXPR_SIZE);
		return 0;
	}
	x->needs[x->nneeds] = (struct wdx_need){kind, index};
	return (unsigned)x->nneeds++;
}

static void breg(struct run *r, unsigned reg, int64_t off)
{
	if (!writing(r))
		return;
	if (reg < 32) {
		wdx_expr_op_sint(r->out, (uint8_t)(DW_OP_breg0 + reg), off);
		return;
	}
	wdx_expr_op_uint(r->out, DW_OP_bregx, reg);
	uint8_t sleb[10];
	size_t n = 0;

	do {
		uint8_t b = off & 0x7f;

		off >>= 7;
		bool more = !((off == 0 && !(b & 0x40)) || (off == -1 && (b & 0x40)));

		sleb[n++] = more ? b | 0x80 : b;
		if (!more)
			break;
	} while (n < sizeof(sleb));
	wdx_expr_raw(r->out, sleb, n);
}

static void add_offset(struct run *r, int64_t off)
{
	if (off > 0) {
		op_uint(r, DW_OP_plus_uconst, (uint64_t)off);
	} else if (off < 0) {
		constant(r, (uint64_t)-off);
		op(r, DW_OP_minus);
	}
}

/* Writes the address of a place in memory. */
static void place_address(struct run *r, const struct wdx_place *p, unsigned depth);

static void place_value(struct run *r, const struct wdx_place *p, unsigned size, unsigned depth)
{
	switch (p->kind) {
	case WDX_PLACE_REG:
		breg(r, p->reg, 0);
		return;
	case WDX_PLACE_CONST:
		constant(r, p->value);
		return;
	case WDX_PLACE_MEM:
		place_address(r, p, depth);
		if (size == native_bits(r) / 8) {
			op(r, DW_OP_deref);
		} else if (writing(r)) {
			uint8_t b[2] = {DW_OP_deref_size, (uint8_t)size};

			wdx_expr_raw(r->out, b, 2);
		}
		return;
	default:
		give_up(r, WDX_LOSS_MIXED_EXPR);
	}
}

static void place_address(struct run *r, const struct wdx_place *p, unsigned depth)
{
	const int64_t *off = r->x->env->map->offsets.data + p->first;

	switch (p->base) {
	case WDX_BASE_CFA:
		op(r, DW_OP_call_frame_cfa);
		add_offset(r, off[0]);
		break;
	case WDX_BASE_REG:
		breg(r, p->reg, off[0]);
		break;
	case WDX_BASE_CONTEXT:
		if (depth || !r->places->context) {
			give_up(r, WDX_LOSS_NO_PLACE);
			return;
		}
		place_value(r, r->places->context, native_bits(r) / 8, depth + 1);
		add_offset(r, off[0]);
		break;
	case WDX_BASE_ABS:
		constant(r, (uint64_t)off[0]);
		break;
	}
	for (uint32_t i = 1; i < p->n; i++) {
		op(r, DW_OP_deref);
		add_offset(r, off[i]);
	}
}

static const struct wdx_place *place_of(struct run *r, unsigned i)
{
	const struct wdx_place *p = r->places ? r->places->need[i] : NULL;

	if (r->places && !p)
		give_up(r, r->x->needs[i].kind == WDX_ENT_MEMORY   ? WDX_LOSS_NO_MEMORY_BASE
			   : r->x->needs[i].kind == WDX_ENT_GLOBAL ? WDX_LOSS_NO_GLOBAL
			   : r->x->needs[i].kind == WDX_ENT_STACK  ? WDX_LOSS_OPERAND_STACK
								   : WDX_LOSS_NO_PLACE);
	return p;
}

static void reads_memory(struct run *r)
{
	if (r->parsing)
		r->parsing->reads_memory = true;
	if (wdx_target_big_endian(r->x->env->target))
		give_up(r, WDX_LOSS_BIG_ENDIAN_MEMORY);
}

/* Pushes the native address of byte 0 of linear memory. */
static void push_base(struct run *r)
{
	unsigned i = need(r, WDX_ENT_MEMORY, 0);
	const struct wdx_place *p = place_of(r, i);

	if (p)
		place_value(r, p, native_bits(r) / 8, 0);
}

/* ---- the abstract stack -----------------------------------------------------------------------
 */

static void push(struct run *r, struct val v)
{
	if (r->n == STACK_MAX)
		give_up(r, WDX_LOSS_EXPR_SIZE);
	else
		r->stack[r->n++] = v;
}

static struct val *top(struct run *r, unsigned i)
{
	static const struct val zero;

	if (r->n <= i) {
		give_up(r, WDX_LOSS_BAD_EXPR);
		r->stack[0] = zero;
		return &r->stack[0];
	}
	return &r->stack[r->n - 1 - i];
}

static void mask(struct run *r, struct val *v)
{
	if (v->bits == 32 && !v->clean && native_bits(r) == 64) {
		constant(r, UINT32_MAX);
		op(r, DW_OP_and);
	}
	v->clean = true;
}

static void write_frame_number(struct run *r, struct val *v)
{
	if (writing(r))
		wdx_expr_op_sint(r->out, DW_OP_fbreg, (int64_t)v->value);
	push_base(r);
	op(r, DW_OP_minus);
	*v = (struct val){.kind = VAL_NUMBER, .bits = (uint8_t)generic_bits(r)};
}

static void write_need(struct run *r, struct val *v)
{
	const struct wdx_place *p = place_of(r, (unsigned)v->value);

	if (!v->scalar)
		give_up(r, WDX_LOSS_FLOAT_ARITHMETIC);
	else if (v->bits > native_bits(r))
		give_up(r, WDX_LOSS_MIXED_EXPR);
	else if (p)
		place_value(r, p, v->bits / 8, 0);
	/* memory and constants have no garbage above 32 bits */
	v->clean = v->bits == 64 || (p && p->kind == WDX_PLACE_MEM);
	v->kind = VAL_NUMBER;
}

/* Writes what is pending, from the bottom, so that the native stack is as the abstract one. */
static void settle(struct run *r)
{
	for (unsigned i = 0; i < r->n && r->loss == WDX_LOSS_NONE; i++) {
		struct val *v = &r->stack[i];

		switch (v->kind) {
		case VAL_CONST:
			constant(r, v->value);
			v->kind = VAL_NUMBER;
			v->clean = true;
			break;
		case VAL_FRAME:
			write_frame_number(r, v);
			break;
		case VAL_NEED:
			write_need(r, v);
			break;
		default:
			break;
		}
	}
}

/* ---- operations -------------------------------------------------------------------------------
 */

static void push_const(struct run *r, uint64_t v)
{
	push(r, (struct val){.kind = VAL_CONST,
			     .bits = (uint8_t)generic_bits(r),
			     .clean = true,
			     .value = wrap(v, generic_bits(r))});
}

static unsigned type_bits(uint8_t type)
{
	return type == WDX_I64 || type == WDX_F64   ? 64
	       : type == WDX_I32 || type == WDX_F32 ? 32
						    : 0;
}

static void push_need(struct run *r, uint32_t kind, uint32_t index, uint8_t type)
{
	unsigned i = need(r, kind, index);

	push(r, (struct val){.kind = VAL_NEED,
			     .bits = (uint8_t)(type_bits(type) ? type_bits(type) : 64),
			     .scalar = type == WDX_I32 || type == WDX_I64,
			     .value = i});
}

static void wasm_location(struct run *r, const struct wdx_op *o)
{
	const struct wdx_wasm *m = r->x->env->wasm;
	uint32_t index = (uint32_t)o->arg[1];
	uint8_t type;

	switch (o->arg[0]) {
	case 0:
	case 4:
		type = r->x->func && o->arg[1] <= UINT32_MAX
			       ? wdx_wasm_local_type(m, r->x->func, index)
			       : 0;
		if (!type)
			give_up(r, WDX_LOSS_NO_LOCAL);
		else
			push_need(r, WDX_ENT_LOCAL, index, type);
		return;
	case 1:
	case 3:
		if (o->arg[1] >= m->globals.len) {
			give_up(r, WDX_LOSS_NO_GLOBAL);
			return;
		}
		if (r->parsing)
			r->parsing->innermost = true;
		push_need(r, WDX_ENT_GLOBAL, index, m->globals.data[index].type);
		return;
	case 2:
		/* its type is not known here: fit for a whole value only */
		push_need(r, WDX_ENT_STACK, index, 0);
		return;
	default:
		give_up(r, WDX_LOSS_UNKNOWN_OP);
	}
}

static void plus_const(struct run *r, uint64_t n)
{
	struct val *v = top(r, 0);

	switch (v->kind) {
	case VAL_CONST:
		v->value = wrap(v->value + n, v->bits);
		return;
	case VAL_FRAME:
		v->value += generic_bits(r) == 32 ? (uint64_t)(int32_t)n : n;
		return;
	default:
		settle(r);
		v = top(r, 0);
		if (v->kind == VAL_TYPED) {
			give_up(r, WDX_LOSS_MIXED_EXPR);
			return;
		}
		op_uint(r, DW_OP_plus_uconst, n);
		v->clean = v->bits == 64;
	}
}

static bool fold_sum(struct run *r, uint8_t code)
{
	struct val *a = top(r, 1), *b = top(r, 0);
	uint64_t n = b->value;

	if (b->kind != VAL_CONST || (a->kind != VAL_CONST && a->kind != VAL_FRAME))
		return false;
	r->n--;
	plus_const(r, code == DW_OP_plus ? n : 0 - n);
	return true;
}

/* Makes the top entry's native form the sign extension of its 32 bits. */
static void sign_extend(struct run *r, struct val *v)
{
	mask(r, v);
	if (v->bits == 32 && native_bits(r) == 64) {
		constant(r, 0x80000000u);
		op(r, DW_OP_xor);
		constant(r, 0x80000000u);
		op(r, DW_OP_minus);
	}
}

enum arith { SUM, BITS, CLEAN, SIGNED };

static void binary(struct run *r, uint8_t code, enum arith how)
{
	if ((code == DW_OP_plus || code == DW_OP_minus) && fold_sum(r, code))
		return;
	bool b_const = top(r, 0)->kind == VAL_CONST;
	uint64_t b_value = top(r, 0)->value;

	settle(r);
	struct val *b = top(r, 0), *a = top(r, 1);

	if (a->kind == VAL_TYPED || b->kind == VAL_TYPED || r->n < 2) {
		give_up(r, a->kind == b->kind ? WDX_LOSS_FLOAT_ARITHMETIC : WDX_LOSS_MIXED_EXPR);
		return;
	}
	/* LLVM means 64-bit arithmetic where the operands are; a small constant is the same in both
	 */
	if (a->bits != b->bits && !(b_const && b_value < 0x80000000u)) {
		give_up(r, WDX_LOSS_MIXED_EXPR);
		return;
	}
	bool clean = code == DW_OP_and ? a->clean || b->clean : a->clean && b->clean;

	if (how == CLEAN || how == SIGNED) {
		if (how == CLEAN)
			mask(r, b);
		else
			sign_extend(r, b);
		if (!a->clean || how == SIGNED) {
			op(r, DW_OP_swap);
			if (how == CLEAN)
				mask(r, a);
			else
				sign_extend(r, a);
			op(r, DW_OP_swap);
		}
		clean = how == CLEAN || (code >= DW_OP_eq && code <= DW_OP_ne);
	}
	op(r, code);
	a->bits = a->bits > b->bits ? a->bits : b->bits;
	a->clean = a->bits == 64 || (how == SUM ? false : clean);
	r->n--;
}

static void unary(struct run *r, uint8_t code)
{
	settle(r);
	struct val *v = top(r, 0);

	if (v->kind == VAL_TYPED) {
		give_up(r, WDX_LOSS_FLOAT_ARITHMETIC);
		return;
	}
	if (code == DW_OP_abs)
		sign_extend(r, v);
	op(r, code);
	v->clean = v->bits == 64;
}

/* The native address of what the top of the stack points to in linear memory. */
static void to_native(struct run *r)
{
	struct val *v = top(r, 0);

	reads_memory(r);
	if (v->kind == VAL_FRAME && r->n == 1) {
		if (writing(r))
			wdx_expr_op_sint(r->out, DW_OP_fbreg, (int64_t)v->value);
		v->kind = VAL_NUMBER;
		v->bits = 64;
		v->clean = true;
		return;
	}
	settle(r);
	v = top(r, 0);
	/* a number wider than addresses are is not meant to be one */
	if (v->kind == VAL_TYPED || v->bits > generic_bits(r))
		give_up(r, WDX_LOSS_MIXED_EXPR);
	mask(r, v);
	push_base(r);
	op(r, DW_OP_plus);
}

static void load(struct run *r, unsigned size)
{
	uint8_t b[2] = {DW_OP_deref_size, (uint8_t)size};

	if (size == 0 || size > native_bits(r) / 8) {
		give_up(r, WDX_LOSS_MIXED_EXPR);
		return;
	}
	to_native(r);
	if (writing(r))
		wdx_expr_raw(r->out, b, 2);
	struct val *v = top(r, 0);

	*v = (struct val){.kind = VAL_NUMBER, .bits = size > 4 ? 64 : 32, .clean = true};
}

static void convert(struct run *r, const struct wdx_op *o)
{
	settle(r);
	struct val *v = top(r, 0);

	if (v->kind != VAL_TYPED)
		mask(r, v);
	if (!o->ref) { /* back to the generic type, which is wider on the target */
		if (writing(r))
			wdx_expr_copy(r->out, r->x->cursor, o);
		*v = (struct val){.kind = VAL_NUMBER, .bits = (uint8_t)generic_bits(r)};
		return;
	}
	if (writing(r) && !wdx_expr_copy(r->out, r->x->cursor, o))
		give_up(r, WDX_LOSS_REF_LOST);
	v->kind = VAL_TYPED;
}

/* ---- the end of a location or piece -----------------------------------------------------------
 */

/* A whole local, global or stack slot: where it is kept is where the variable is. */
static void whole(struct run *r, const struct val *v)
{
	const struct wdx_place *p = place_of(r, (unsigned)v->value);

	if (!p)
		return;
	switch (p->kind) {
	case WDX_PLACE_REG:
		if (p->reg < 32)
			op(r, (uint8_t)(DW_OP_reg0 + p->reg));
		else
			op_uint(r, DW_OP_regx, p->reg);
		return;
	case WDX_PLACE_MEM:
		place_address(r, p, 0);
		return;
	case WDX_PLACE_CONST:
		if (!v->scalar) {
			give_up(r, WDX_LOSS_FLOAT_ARITHMETIC);
			return;
		}
		constant(r, wrap(p->value, v->bits));
		op(r, DW_OP_stack_value);
		return;
	case WDX_PLACE_EXPR:
		if (writing(r))
			wdx_expr_raw(r->out, r->x->env->map->blob.data + p->first, p->n);
	}
}

static void implicit(struct run *r)
{
	struct val *v = top(r, 0);

	if (v->kind == VAL_NEED && r->n == 1) {
		whole(r, v);
		return;
	}
	settle(r);
	v = top(r, 0);
	if (v->kind != VAL_TYPED)
		mask(r, v);
	op(r, DW_OP_stack_value);
}

static void in_memory(struct run *r)
{
	struct val *v = top(r, 0);
	const struct wdx_xenv *env = r->x->env;

	if (v->kind != VAL_CONST) {
		to_native(r);
		return;
	}
	reads_memory(r);
	/* the linker's marks of what it removed */
	if (v->value == 0 || v->value >= wrap(UINT64_MAX - 1, v->bits))
		give_up(r, WDX_LOSS_DEAD_DATA);
	else if (v->value >= env->memory_size)
		give_up(r, WDX_LOSS_STATIC_OUTSIDE);
	else if (writing(r))
		wdx_expr_addr(r->out, env->memory_addr + v->value);
}

static void finish(struct run *r)
{
	if (r->described || r->loss != WDX_LOSS_NONE)
		return;
	if (!r->n)
		return; /* an empty piece or location: nothing is known */
	if (r->x->use == WDX_USE_FRAME_BASE)
		to_native(r);
	else if (r->implicit)
		implicit(r);
	else if (r->x->use == WDX_USE_VALUE)
		give_up(r, WDX_LOSS_MIXED_EXPR);
	else
		in_memory(r);
}

static void begin_location(struct run *r)
{
	r->n = 0;
	r->implicit = r->described = false;
}

/* A piece that cannot be said is left empty; others are not lost with it.  What was written of it
 * before it failed would be wrong, so each piece is tried before it is written. */
static bool piece_possible(struct run *r, size_t from, size_t to);

/* ---- running ----------------------------------------------------------------------------------
 */

static void step(struct run *r, const struct wdx_op *o)
{
	if (o->code >= DW_OP_lit0 && o->code <= DW_OP_lit31) {
		push_const(r, (uint64_t)(o->code - DW_OP_lit0));
		return;
	}
	if (o->code >= DW_OP_reg0 && o->code <= DW_OP_breg31) {
		give_up(r, WDX_LOSS_NATIVE_REGISTER);
		return;
	}
	switch (o->code) {
	case WDX_OP_WASM_LOCATION:
		wasm_location(r, o);
		return;
	case DW_OP_addr:
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		push_const(r, o->arg[0]);
		return;
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
	case DW_OP_constx:
	case DW_OP_GNU_const_index: {
		uint64_t v = 0;

		if (!wdx_resolve_addrx(r->x->cursor, o->arg[0], &v))
			give_up(r, WDX_LOSS_BAD_EXPR);
		push_const(r, v);
		return;
	}
	case DW_OP_fbreg:
		if (r->parsing)
			r->parsing->uses_frame = true;
		push(r, (struct val){.kind = VAL_FRAME, .bits = 64, .value = o->arg[0]});
		return;
	case DW_OP_plus_uconst:
		plus_const(r, o->arg[0]);
		return;
	case DW_OP_plus:
	case DW_OP_minus:
	case DW_OP_mul:
		binary(r, o->code, SUM);
		return;
	case DW_OP_and:
	case DW_OP_or:
	case DW_OP_xor:
		binary(r, o->code, BITS);
		return;
	case DW_OP_shr:
	case DW_OP_mod:
		binary(r, o->code, CLEAN);
		return;
	case DW_OP_div:
	case DW_OP_eq:
	case DW_OP_ge:
	case DW_OP_gt:
	case DW_OP_le:
	case DW_OP_lt:
	case DW_OP_ne:
		binary(r, o->code, SIGNED);
		return;
	case DW_OP_neg:
	case DW_OP_not:
	case DW_OP_abs:
		unary(r, o->code);
		return;
	case DW_OP_deref:
		load(r, generic_bits(r) / 8);
		return;
	case DW_OP_deref_size:
		load(r, (unsigned)o->arg[0]);
		return;
	case DW_OP_dup:
		settle(r);
		op(r, DW_OP_dup);
		push(r, *top(r, 0));
		return;
	case DW_OP_drop:
		settle(r);
		top(r, 0);
		op(r, DW_OP_drop);
		r->n -= r->n > 0;
		return;
	case DW_OP_swap: {
		settle(r);
		struct val v = *top(r, 0);

		*top(r, 0) = *top(r, 1);
		*top(r, 1) = v;
		op(r, DW_OP_swap);
		return;
	}
	case DW_OP_convert:
	case DW_OP_GNU_convert:
		convert(r, o);
		return;
	case DW_OP_stack_value:
		r->implicit = true;
		return;
	case DW_OP_implicit_value:
	case DW_OP_implicit_pointer:
	case DW_OP_GNU_implicit_pointer:
		if (o->ref)
			give_up(r, WDX_LOSS_MIXED_EXPR);
		else if (writing(r))
			wdx_expr_raw(r->out, o->bytes, o->size);
		r->described = true;
		return;
	case DW_OP_nop:
		return;
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
		give_up(r, WDX_LOSS_ENTRY_VALUE);
		return;
	case DW_OP_form_tls_address:
	case DW_OP_GNU_push_tls_address:
		give_up(r, WDX_LOSS_TLS);
		return;
	case DW_OP_regx:
	case DW_OP_bregx:
	case DW_OP_call_frame_cfa:
		give_up(r, WDX_LOSS_NATIVE_REGISTER);
		return;
	default:
		give_up(r, WDX_LOSS_MIXED_EXPR);
	}
}

static bool is_piece(const struct wdx_op *o)
{
	return o->code == DW_OP_piece || o->code == DW_OP_bit_piece;
}

/* The operations [from, to) make one location. */
static void one_location(struct run *r, size_t from, size_t to)
{
	begin_location(r);
	for (size_t i = from; i < to && r->loss == WDX_LOSS_NONE; i++) {
		/* behind its description a location may not go on */
		if (r->implicit || r->described)
			give_up(r, WDX_LOSS_BAD_EXPR);
		else
			step(r, &r->x->ops[i]);
	}
	finish(r);
}

static bool piece_possible(struct run *r, size_t from, size_t to)
{
	struct run dry = *r;

	dry.out = NULL;
	one_location(&dry, from, to);
	return dry.loss == WDX_LOSS_NONE && (dry.n || dry.described);
}

static void run_pieces(struct run *r)
{
	size_t from = 0;

	for (size_t i = 0; i < r->x->nops && r->loss == WDX_LOSS_NONE; i++) {
		const struct wdx_op *o = &r->x->ops[i];

		if (!is_piece(o))
			continue;
		bool possible = i > from && piece_possible(r, from, i);

		if (possible)
			one_location(r, from, i);
		r->given += possible;
		r->missing += !possible;
		if (writing(r))
			wdx_expr_raw(r->out, o->bytes, o->size);
		from = i + 1;
	}
	if (!r->given)
		give_up(r, WDX_LOSS_NO_PLACE);
}

static void run(struct run *r)
{
	if (r->x->pieces)
		run_pieces(r);
	else
		one_location(r, 0, r->x->nops);
	if (!r->x->nops)
		give_up(r, WDX_LOSS_NO_PLACE);
}

enum wdx_loss wdx_xexpr_parse(struct wdx_xexpr *x, const struct wdx_cursor *c,
			      const struct wdx_xenv *env, const struct wdx_wasm_func *func,
			      enum wdx_xexpr_use use, const uint8_t *expr, size_t size)
{
	struct run r = {.parsing = x, .x = x};
	const char *why;

	x->cursor = c;
	x->env = env;
	x->func = func;
	x->use = use;
	x->nneeds = 0;
	x->uses_frame = x->reads_memory = x->innermost = x->pieces = false;
	if (!wdx_decode_expr(c->unit, expr, size, x->ops, WDX_XEXPR_MAX_OPS, &x->nops, &why))
		return x->nops == WDX_XEXPR_MAX_OPS ? WDX_LOSS_EXPR_SIZE : WDX_LOSS_BAD_EXPR;
	for (size_t i = 0; i < x->nops; i++)
		x->pieces |= is_piece(&x->ops[i]);
	run(&r);
	return r.loss;
}

enum wdx_loss wdx_xexpr_emit(const struct wdx_xexpr *x, const struct wdx_xplaces *p,
			     struct wdx_expr *out)
{
	struct run r = {.x = x, .places = p, .out = out};

	run(&r);
	return r.loss;
}
