/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * For xexpr.c: stand-ins for the builder and the target, a made-up machine, and native expressions
 * evaluated on it the way gdb and the way lldb do it.
 */
#ifndef WDX_XEXPR_MACHINE_H
#define WDX_XEXPR_MACHINE_H

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "xlat/expr.h"

#define VECTOR_REG 17
#define NREGS 48

/* ---- stand-ins --------------------------------------------------------------------------------
 */

struct wdx_target {
	unsigned word;
	bool big;
};

bool wdx_target_big_endian(const struct wdx_target *t)
{
	return t->big;
}

unsigned wdx_target_address_size(const struct wdx_target *t)
{
	return t->word;
}

unsigned wdx_target_reg_size(const struct wdx_target *t, unsigned dwarf)
{
	return dwarf >= VECTOR_REG && dwarf < VECTOR_REG + 8 ? 64 : t->word;
}

struct wdx_expr {
	struct wdx_buf b;
	unsigned word;
};

void wdx_expr_op(struct wdx_expr *x, uint8_t code)
{
	wdx_buf_u8(&x->b, code);
}

void wdx_expr_op_uint(struct wdx_expr *x, uint8_t code, uint64_t v)
{
	wdx_buf_u8(&x->b, code);
	wdx_buf_uleb(&x->b, v);
}

void wdx_expr_op_sint(struct wdx_expr *x, uint8_t code, int64_t v)
{
	wdx_buf_u8(&x->b, code);
	wdx_buf_sleb(&x->b, v);
}

void wdx_expr_const(struct wdx_expr *x, uint64_t v)
{
	if (v < 32)
		wdx_expr_op(x, (uint8_t)(DW_OP_lit0 + v));
	else
		wdx_expr_op_uint(x, DW_OP_constu, v);
}

void wdx_expr_addr(struct wdx_expr *x, uint64_t address)
{
	wdx_buf_u8(&x->b, DW_OP_addr);
	wdx_buf_uint(&x->b, address, x->word);
}

void wdx_expr_raw(struct wdx_expr *x, const void *p, size_t n)
{
	wdx_buf_bytes(&x->b, p, n);
}

/* Base types of the test, by their offset in the unit; TYPE_GONE is not in the output. */
enum type { TYPE_S8 = 0x20, TYPE_U8, TYPE_S32, TYPE_U32, TYPE_S64, TYPE_U64, TYPE_GONE };

bool wdx_expr_copy(struct wdx_expr *x, const struct wdx_cursor *c, const struct wdx_op *op)
{
	(void)c;
	if (op->ref && op->arg[op->ref - 1] == TYPE_GONE)
		return false;
	wdx_expr_raw(x, op->bytes, op->size);
	return true;
}

bool wdx_resolve_addrx(const struct wdx_cursor *c, uint64_t index, uint64_t *out)
{
	(void)c;
	*out = 0x1000 + index;
	return index < 16;
}

/* ---- random numbers ---------------------------------------------------------------------------
 */

static uint64_t seed;

static uint64_t rnd(void)
{
	seed += 0x9e3779b97f4a7c15u;
	uint64_t z = seed;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
	return (unsigned)(rnd() % n);
}

static bool chance(unsigned percent)
{
	return below(100) < percent;
}

/* Numbers near the edges. */
static uint64_t edge(void)
{
	static const uint64_t edges[] = {0,
					 1,
					 2,
					 7,
					 31,
					 32,
					 63,
					 0x7f,
					 0x80,
					 0xff,
					 0x7fff,
					 0x8000,
					 0xffff,
					 0x7fffffff,
					 0x80000000,
					 0x80000001,
					 0xfffffff8,
					 0xffffffff,
					 0x100000000ull,
					 INT64_MAX,
					 1ull << 63,
					 UINT64_MAX,
					 -8ull,
					 -128ull,
					 INT32_MIN};

	return chance(60) ? edges[below(sizeof(edges) / sizeof(*edges))] : rnd() >> below(64);
}

/* ---- the machine ------------------------------------------------------------------------------
 */

static struct wdx_target target;
static uint64_t regs[NREGS], cfa, context, base, object;
static uint64_t frame; /* wasm address of the frame */

/* Native memory: what was stored, and a hash of the address elsewhere. */
static struct {
	uint64_t at;
	uint8_t v;
} stored[512];
static unsigned nstored;

static uint64_t clip(uint64_t v)
{
	return target.word == 4 ? (uint32_t)v : v;
}

static uint8_t byte_at(uint64_t a)
{
	a = clip(a);
	for (unsigned i = nstored; i--;)
		if (stored[i].at == a)
			return stored[i].v;
	return (uint8_t)((a * 0x9e3779b97f4a7c15u) >> 40 ^ a >> 3);
}

static uint64_t load(uint64_t a, unsigned size, bool big)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size && i < 8; i++)
		v |= (uint64_t)byte_at(a + (big ? size - 1 - i : i)) << (8 * i);
	return v;
}

static void store(uint64_t a, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size && nstored < 512; i++) {
		stored[nstored].at = clip(a + (target.big ? size - 1 - i : i));
		stored[nstored++].v = (uint8_t)(v >> (8 * i));
	}
}

/* ---- native expressions -----------------------------------------------------------------------
 */

enum loc_kind { LOC_NONE, LOC_REG, LOC_MEM, LOC_VALUE, LOC_BYTES };

struct loc {
	enum loc_kind kind;
	uint64_t v;
	unsigned type;	      /* VALUE: 0, or a base type */
	const uint8_t *bytes; /* BYTES */
	uint64_t piece;	      /* size of the piece that it is */
};

struct entry {
	uint64_t v;
	bool sign; /* lldb: what it came from had a sign */
	unsigned type;
};

struct eval {
	struct wdx_reader r;
	struct entry s[256];
	unsigned n;
	bool lldb, bad, zero; /* zero: a division by 0 */
	struct loc loc[40];
	unsigned nloc;
};

static unsigned type_bits(unsigned type)
{
	return type <= TYPE_U8 ? 8 : type <= TYPE_U32 ? 32 : 64;
}

/* The value of that type in v's low bits, extended to 64 as the type says. */
static uint64_t as_type(uint64_t v, unsigned type)
{
	unsigned shift = 64 - type_bits(type);

	return type & 1 ? v << shift >> shift : (uint64_t)((int64_t)(v << shift) >> shift);
}

static int64_t as_signed(uint64_t v)
{
	return target.word == 4 ? (int32_t)v : (int64_t)v;
}

static void push(struct eval *e, uint64_t v, bool sign)
{
	if (e->n == 256)
		e->bad = true;
	else
		e->s[e->n++] = (struct entry){clip(v), sign, 0};
}

static struct entry pop(struct eval *e)
{
	if (e->n)
		return e->s[--e->n];
	e->bad = true;
	return (struct entry){0};
}

static struct entry *peek(struct eval *e, unsigned i)
{
	static struct entry none;

	if (i < e->n)
		return &e->s[e->n - 1 - i];
	e->bad = true;
	return &none;
}

static uint64_t divided(struct eval *e, uint64_t a, uint64_t b)
{
	if (!b)
		e->zero = true;
	return !b ? 0 : as_signed(b) == -1 ? 0 - a : (uint64_t)(as_signed(a) / as_signed(b));
}

static uint64_t remainder_(struct eval *e, uint64_t a, uint64_t b, bool sign)
{
	if (!b)
		e->zero = true;
	if (!b || (sign && as_signed(b) == -1))
		return 0;
	return sign ? (uint64_t)(as_signed(a) % as_signed(b)) : a % b;
}

static uint64_t ordered(uint8_t op, uint64_t a, uint64_t b, bool sign)
{
	bool lt = sign ? as_signed(a) < as_signed(b) : a < b;

	switch (op) {
	case DW_OP_lt:
		return lt;
	case DW_OP_ge:
		return !lt;
	case DW_OP_le:
		return lt || a == b;
	default:
		return !lt && a != b;
	}
}

static uint64_t binary(struct eval *e, uint8_t op, uint64_t a, uint64_t b, bool sign)
{
	unsigned bits = target.word * 8;

	switch (op) {
	case DW_OP_plus:
		return a + b;
	case DW_OP_minus:
		return a - b;
	case DW_OP_mul:
		return a * b;
	case DW_OP_and:
		return a & b;
	case DW_OP_or:
		return a | b;
	case DW_OP_xor:
		return a ^ b;
	case DW_OP_div:
		return divided(e, a, b);
	case DW_OP_mod:
		return remainder_(e, a, b, e->lldb && sign);
	case DW_OP_shl:
		e->bad |= b >= bits; /* nobody agrees on these */
		return a << (b & (bits - 1));
	case DW_OP_shr:
		e->bad |= b >= bits;
		return a >> (b & (bits - 1));
	case DW_OP_shra:
		e->bad |= b >= bits;
		return !e->lldb || sign ? (uint64_t)(as_signed(a) >> (b & (bits - 1)))
					: a >> (b & (bits - 1));
	case DW_OP_eq:
		return a == b;
	case DW_OP_ne:
		return a != b;
	default:
		return ordered(op, a, b, !e->lldb || sign);
	}
}

/* Typed values are of 64 bits here and of a sign of their own. */
static void typed_binary(struct eval *e, uint8_t op, struct entry a, struct entry b)
{
	if (a.type != b.type || (op != DW_OP_plus && op != DW_OP_minus && op != DW_OP_mul))
		e->bad = true;
	uint64_t v = op == DW_OP_plus ? a.v + b.v : op == DW_OP_minus ? a.v - b.v : a.v * b.v;

	e->s[e->n++] = (struct entry){as_type(v, a.type), false, a.type};
}

static void do_binary(struct eval *e, uint8_t op)
{
	struct entry b = pop(e), a = pop(e);
	bool sign = a.sign && b.sign;

	if (a.type || b.type)
		typed_binary(e, op, a, b);
	else
		push(e, binary(e, op, a.v, b.v, sign), sign || op == DW_OP_div);
}

static void do_unary(struct eval *e, uint8_t op)
{
	struct entry a = pop(e);
	bool negative = as_signed(a.v) < 0 && (!e->lldb || a.sign);

	e->bad |= a.type != 0;
	push(e,
	     op == DW_OP_not   ? ~a.v
	     : op == DW_OP_neg ? 0 - a.v
	     : negative	       ? 0 - a.v
			       : a.v,
	     a.sign);
}

static void do_convert(struct eval *e, unsigned type)
{
	struct entry *a = peek(e, 0);

	if (!a->type)
		a->v = (uint64_t)as_signed(a->v);
	a->v = type ? as_type(a->v, type) : clip(a->v);
	a->type = type;
}

static void do_stack(struct eval *e, uint8_t op)
{
	struct entry t = *peek(e, 0);

	if (op == DW_OP_dup) {
		e->s[e->n++] = t;
	} else if (op == DW_OP_swap) {
		*peek(e, 0) = *peek(e, 1);
		*peek(e, 1) = t;
	} else if (op == DW_OP_rot) {
		*peek(e, 0) = *peek(e, 1);
		*peek(e, 1) = *peek(e, 2);
		*peek(e, 2) = t;
	}
	e->bad |= e->n > 250;
}

static uint64_t reg_value(struct eval *e, uint64_t n)
{
	if (n < NREGS && wdx_target_reg_size(&target, (unsigned)n) == target.word)
		return regs[n];
	e->bad = true;
	return 0;
}

static void do_place(struct eval *e, uint8_t op)
{
	uint64_t v;

	if (op >= DW_OP_breg0 && op <= DW_OP_breg31) {
		v = reg_value(e, op - (uint64_t)DW_OP_breg0);
		push(e, v + (uint64_t)wdx_read_sleb(&e->r, 64), false);
	} else if (op == DW_OP_bregx) {
		v = reg_value(e, wdx_read_uleb(&e->r, 64));
		push(e, v + (uint64_t)wdx_read_sleb(&e->r, 64), false);
	} else if (op == DW_OP_fbreg) {
		push(e, base + frame + (uint64_t)wdx_read_sleb(&e->r, 64), false);
	} else if (op == DW_OP_call_frame_cfa) {
		push(e, cfa, false);
	} else if (op == DW_OP_push_object_address) {
		push(e, object, false);
	} else {
		e->bad = true;
	}
}

static void do_const(struct eval *e, uint8_t op)
{
	if (op <= DW_OP_lit31 && op >= DW_OP_lit0)
		push(e, op - (uint64_t)DW_OP_lit0, false);
	else if (op == DW_OP_constu)
		push(e, wdx_read_uleb(&e->r, 64), false);
	else if (op == DW_OP_consts)
		push(e, (uint64_t)wdx_read_sleb(&e->r, 64), true);
	else
		push(e, wdx_read_uint(&e->r, target.word), false); /* addr */
}

static struct loc *add_loc(struct eval *e, enum loc_kind kind, uint64_t v)
{
	struct loc *l = &e->loc[e->nloc < 39 ? e->nloc++ : 39];

	*l = (struct loc){.kind = kind, .v = v};
	return l;
}

/* What is left on the stack is an address. */
static void add_mem(struct eval *e)
{
	if (e->n)
		add_loc(e, LOC_MEM, pop(e).v);
	else
		add_loc(e, LOC_NONE, 0);
}

static bool do_location(struct eval *e, uint8_t op)
{
	struct loc *l;
	uint64_t n;

	if (op >= DW_OP_reg0 && op <= DW_OP_reg31) {
		add_loc(e, LOC_REG, op - (uint64_t)DW_OP_reg0);
	} else if (op == DW_OP_regx) {
		add_loc(e, LOC_REG, wdx_read_uleb(&e->r, 64));
	} else if (op == DW_OP_stack_value) {
		l = add_loc(e, LOC_VALUE, peek(e, 0)->v);
		l->type = pop(e).type;
	} else if (op == DW_OP_implicit_value) {
		n = wdx_read_uleb(&e->r, 64);
		l = add_loc(e, LOC_BYTES, n);
		l->bytes = wdx_read_bytes(&e->r, n);
	} else {
		return false;
	}
	return true;
}

static void do_piece(struct eval *e, unsigned *described)
{
	if (*described == e->nloc)
		add_mem(e);
	e->bad |= e->nloc != *described + 1 || e->n;
	e->loc[*described].piece = wdx_read_uleb(&e->r, 64);
	*described = e->nloc;
	e->n = 0;
}

static void run(struct eval *e, const struct wdx_buf *b, bool lldb)
{
	unsigned described = 0;

	memset(e, 0, sizeof(*e));
	e->lldb = lldb;
	wdx_reader_init(&e->r, b->data, b->len, 0, target.big);
	while (e->r.pos < e->r.end && !e->bad) {
		uint8_t op = wdx_read_u8(&e->r);

		if (do_location(e, op))
			continue;
		if (op == DW_OP_piece)
			do_piece(e, &described);
		else if (op == DW_OP_convert)
			do_convert(e, (unsigned)wdx_read_uleb(&e->r, 64));
		else if (op == DW_OP_plus_uconst)
			peek(e, 0)->v = clip(peek(e, 0)->v + wdx_read_uleb(&e->r, 64));
		else if (op == DW_OP_deref)
			push(e, load(pop(e).v, target.word, target.big), false);
		else if (op == DW_OP_deref_size)
			push(e, load(pop(e).v, wdx_read_u8(&e->r), target.big), false);
		else if (op == DW_OP_dup || op == DW_OP_swap || op == DW_OP_rot)
			do_stack(e, op);
		else if (op == DW_OP_abs || op == DW_OP_neg || op == DW_OP_not)
			do_unary(e, op);
		else if ((op >= DW_OP_abs && op <= DW_OP_plus) ||
			 (op >= DW_OP_shl && op <= DW_OP_xor) || (op >= DW_OP_eq && op <= DW_OP_ne))
			do_binary(e, op);
		else if ((op >= DW_OP_lit0 && op <= DW_OP_lit31) || op == DW_OP_constu ||
			 op == DW_OP_consts || op == DW_OP_addr)
			do_const(e, op);
		else
			do_place(e, op);
	}
	if (!e->nloc)
		add_mem(e);
	e->bad |= e->r.failed != NULL;
}

/* What a debugger reads for the first `size` bytes of a number kept there; false: nothing. */
static bool show(const struct loc *l, unsigned size, uint64_t *v)
{
	uint64_t mask = size == 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;

	switch (l->kind) {
	case LOC_REG:
		*v = regs[l->v] & mask;
		return true;
	case LOC_MEM:
		*v = load(l->v, size, target.big);
		return true;
	case LOC_VALUE:
		*v = l->v & mask;
		return true;
	case LOC_BYTES:
		*v = 0;
		for (unsigned i = 0; i < size; i++)
			*v |= (uint64_t)l->bytes[target.big ? l->v - 1 - i : i] << (8 * i);
		return l->v >= size;
	default:
		return false;
	}
}

#endif
