/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What arithmetic may be done on numbers whose width is known, or not quite: see expr_tree.h.
 */
#include "xlat/expr_tree.h"

#include <dwarf.h>

#define ALL UINT64_MAX
#define POSITIVE32 ((uint64_t)INT32_MAX)

static const struct wdx_xnode *node_at(const struct wdx_xtree *t, uint8_t i)
{
	return &t->node[i];
}

static bool is_const(const struct wdx_xtree *t, uint8_t i)
{
	return t->node[i].kind == WDX_X_CONST;
}

/* Whether computing with 32 bits and with 64 agree in what 32 bits show. */
static bool agrees(const struct wdx_xnode *n)
{
	return n->kind != WDX_X_CONST || (uint32_t)n->v64 == n->v32;
}

uint64_t wdx_xtree_max(const struct wdx_xnode *n)
{
	if (n->kind == WDX_X_CONST)
		return n->v64 == n->v32 ? n->v64 : ALL;
	return n->max;
}

bool wdx_xtree_number(struct wdx_xtree *t, uint8_t i)
{
	const struct wdx_xnode *n = node_at(t, i);
	uint8_t type = n->kind == WDX_X_ENTITY ? t->x->need_type[n->need] : (uint8_t)WDX_I32;

	if (n->typed || n->bad)
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	else if (type == WDX_F32 || type == WDX_F64 || type == WDX_V128)
		wdx_xtree_fail(t, WDX_LOSS_FLOAT_ARITHMETIC);
	else if (type && type != WDX_I32 && type != WDX_I64)
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	else if (!t->native64 && (n->width == WDX_W_64 || (!type && !t->parsing)))
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	else if (n->kind == WDX_X_NATIVE) /* less the base it is a number of wasm's */
		wdx_xtree_need(t, WDX_ENT_MEMORY, 0, 0);
	return t->loss == WDX_LOSS_NONE;
}

/* ---- constants --------------------------------------------------------------------------------
 */

static int64_t signed_of(uint64_t v, unsigned bits)
{
	return bits == 32 ? (int32_t)v : (int64_t)v;
}

static uint64_t divide(uint64_t a, uint64_t b, unsigned bits)
{
	int64_t x = signed_of(a, bits), y = signed_of(b, bits);

	return y == -1 ? 0 - a : (uint64_t)(x / y);
}

static uint64_t shift_signed(uint64_t a, uint64_t n, unsigned bits)
{
	return (uint64_t)(signed_of(a, bits) >> (n < bits ? n : bits - 1));
}

/* The operation on numbers of so many bits, both without anything above them; b is no 0 divisor. */
static uint64_t compute(uint8_t op, uint64_t a, uint64_t b, unsigned bits)
{
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
		return divide(a, b, bits);
	case DW_OP_mod:
		return a % b;
	case DW_OP_shl:
		return b < bits ? a << b : 0;
	case DW_OP_shr:
		return b < bits ? a >> b : 0;
	case DW_OP_shra:
		return shift_signed(a, b, bits);
	case DW_OP_eq:
		return a == b;
	case DW_OP_ne:
		return a != b;
	case DW_OP_lt:
		return signed_of(a, bits) < signed_of(b, bits);
	case DW_OP_le:
		return signed_of(a, bits) <= signed_of(b, bits);
	case DW_OP_gt:
		return signed_of(a, bits) > signed_of(b, bits);
	case DW_OP_ge:
		return signed_of(a, bits) >= signed_of(b, bits);
	case DW_OP_neg:
		return 0 - a;
	case DW_OP_not:
		return ~a;
	default: /* DW_OP_abs */
		return signed_of(a, bits) < 0 ? 0 - a : a;
	}
}

static bool divides(uint8_t op)
{
	return op == DW_OP_div || op == DW_OP_mod;
}

static bool orders(uint8_t op)
{
	return op >= DW_OP_ge && op <= DW_OP_lt;
}

static bool compares(uint8_t op)
{
	return op >= DW_OP_eq && op <= DW_OP_ne;
}

static void fold(struct wdx_xtree *t, uint8_t op, uint8_t a, uint8_t b)
{
	const struct wdx_xnode x = *node_at(t, a), y = *node_at(t, b);

	if (divides(op) && (!y.v32 || !y.v64)) {
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		return;
	}
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_CONST);

	n->v32 = (uint32_t)compute(op, x.v32, y.v32, 32);
	n->v64 = compute(op, x.v64, y.v64, 64);
}

/* ---- native addresses -------------------------------------------------------------------------
 */

/* How far a constant may move a native address: within an object, not round linear memory, where
 * wasm's sum wraps. */
#define OBJECT_MAX (1 << 24)

/* A native address plus a constant is one, too. */
static bool native_offset(struct wdx_xtree *t, uint8_t op, uint8_t a, uint8_t b)
{
	if (op == DW_OP_plus && is_const(t, a)) {
		uint8_t c = a;

		a = b;
		b = c;
	}
	if (node_at(t, a)->kind != WDX_X_NATIVE || !is_const(t, b) ||
	    (op != DW_OP_plus && op != DW_OP_minus))
		return false;
	const struct wdx_xnode *c = node_at(t, b);
	int64_t add = t->x->env->address64 ? (int64_t)c->v64 : (int32_t)c->v32;

	if (add < -OBJECT_MAX || add > OBJECT_MAX)
		return false;
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_NATIVE);

	n->op = node_at(t, a)->op;
	n->width = node_at(t, a)->width;
	n->off = node_at(t, a)->off + (op == DW_OP_plus ? add : -add);
	return true;
}

/* ---- what may be done -------------------------------------------------------------------------
 */

/* The width of two operands taken together: what is known of one goes for the other. */
static bool unify(struct wdx_xtree *t, uint8_t a, uint8_t b, uint8_t *width)
{
	const struct wdx_xnode *x = node_at(t, a), *y = node_at(t, b);

	*width = x->width == WDX_W_ANY ? y->width : x->width;
	if (y->width != WDX_W_ANY && y->width != *width)
		return false;
	return *width != WDX_W_ANY || (agrees(x) && agrees(y));
}

/* A number not above both can have no other bits than these. */
static uint64_t bits_up_to(uint64_t a, uint64_t b)
{
	uint64_t v = a | b;

	for (unsigned i = 1; i < 64; i *= 2)
		v |= v >> i;
	return v;
}

/* Sums and products that do not reach 2^32 are the same for both widths. */
static uint64_t below_wrap(uint8_t op, uint64_t a, uint64_t b)
{
	if (a > UINT32_MAX || b > UINT32_MAX)
		return ALL;
	uint64_t v = op == DW_OP_plus ? a + b : a * b;

	return v > UINT32_MAX ? ALL : v;
}

static uint64_t max_of(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case DW_OP_plus:
	case DW_OP_mul:
		return below_wrap(op, a, b);
	case DW_OP_and:
	case DW_OP_mod:
		return a < b ? a : b;
	case DW_OP_or:
	case DW_OP_xor:
		return bits_up_to(a, b);
	case DW_OP_div:
		return a;
	default:
		return ALL;
	}
}

/* Whether values below 2^32 (2^31) are enough for both widths to agree, and are given. */
static bool any_allowed(uint8_t op, uint64_t a, uint64_t b)
{
	uint64_t limit = op == DW_OP_div || orders(op)	   ? POSITIVE32
			 : op == DW_OP_mod || compares(op) ? UINT32_MAX
							   : ALL;

	return a <= limit && b <= limit;
}

/* Debuggers differ in whether an entry of the target's full width has a sign: gdb orders as if,
 * lldb as if not, and lldb's remainder has the sign of what the operands came from. */
static bool full_width_allowed(const struct wdx_xtree *t, uint8_t op, uint8_t a, uint8_t b)
{
	return !orders(op) && (op != DW_OP_mod || is_const(t, a) || is_const(t, b));
}

static bool zero_divisor(const struct wdx_xnode *n, uint8_t width)
{
	return n->kind == WDX_X_CONST && !(width == WDX_W_32 ? n->v32 : n->v64);
}

static bool allowed(const struct wdx_xtree *t, uint8_t op, uint8_t a, uint8_t b, uint8_t width)
{
	const struct wdx_xnode *x = node_at(t, a), *y = node_at(t, b);

	if (divides(op) && zero_divisor(y, width))
		return false;
	if (width == WDX_W_ANY)
		return any_allowed(op, wdx_xtree_max(x), wdx_xtree_max(y));
	if (width == WDX_W_64 || !t->native64)
		return full_width_allowed(t, op, a, b);
	return true;
}

static struct wdx_xnode *push_binary(struct wdx_xtree *t, uint8_t op, uint8_t a, uint8_t b)
{
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_BINARY);

	n->op = op;
	n->a = a;
	n->b = b;
	return n;
}

/* The mask with which LLVM spells a zero extension makes a number that 64 bits show alike. */
static bool masks(const struct wdx_xtree *t, uint8_t i)
{
	return is_const(t, i) && node_at(t, i)->v64 == node_at(t, i)->v32;
}

static void arith(struct wdx_xtree *t, uint8_t op, uint8_t a, uint8_t b)
{
	uint8_t width;

	if (!unify(t, a, b, &width) || !allowed(t, op, a, b, width)) {
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		return;
	}
	struct wdx_xnode *n = push_binary(t, op, a, b);
	uint64_t x = wdx_xtree_max(node_at(t, a)), y = wdx_xtree_max(node_at(t, b));

	n->width = n->operands = width;
	n->max = max_of(op, x, y);
	if (compares(op)) {
		n->width = WDX_W_ANY;
		n->max = 1;
	} else if (op == DW_OP_and && width == WDX_W_32 && (masks(t, a) || masks(t, b))) {
		n->width = WDX_W_ANY;
		n->max = masks(t, a) ? x : y;
	}
}

/* Shifts by what is not constant are given up: nothing says that the amount stays below the width.
 */
static void shift(struct wdx_xtree *t, uint8_t op, uint8_t a, uint8_t b)
{
	const struct wdx_xnode *x = node_at(t, a), *y = node_at(t, b);
	uint64_t max = wdx_xtree_max(x), by = y->v64, limit = x->width == WDX_W_64 ? 64 : 32;
	bool right = op != DW_OP_shl, bad = false;

	if (!is_const(t, b) || y->v32 != y->v64 || by >= (t->native64 ? 64 : 32))
		bad = true;
	else if (x->width == WDX_W_ANY && right)
		bad = max > (op == DW_OP_shr ? UINT32_MAX : POSITIVE32);
	if (bad || (by >= limit && (right || x->width == WDX_W_64))) {
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		return;
	}
	struct wdx_xnode *n = push_binary(t, op, a, b);

	n->width = n->operands = x->width;
	n->bad = x->width == WDX_W_32 && by >= limit;
	n->max = right ? max >> by : max <= UINT32_MAX >> (by & 31) && by < 32 ? max << by : ALL;
}

/* x | ((x >> (n - 1)) * ~0) << n: the sign extension from n bits, also to 64.  Its 32 bits are the
 * same whatever is meant. */
static bool sign_extension(struct wdx_xtree *t, uint8_t a, uint8_t b)
{
	const struct wdx_xnode *shl = node_at(t, b), *mul, *shr;

	if (shl->kind != WDX_X_BINARY || shl->op != DW_OP_shl || node_at(t, a)->width != WDX_W_32)
		return false;
	mul = node_at(t, shl->a);
	if (mul->kind != WDX_X_BINARY || mul->op != DW_OP_mul || !is_const(t, mul->b) ||
	    node_at(t, mul->b)->v64 != ALL)
		return false;
	shr = node_at(t, mul->a);
	uint64_t bits = node_at(t, shl->b)->v64;

	if (shr->kind != WDX_X_BINARY || shr->op != DW_OP_shr || shr->a != a || !bits ||
	    node_at(t, shr->b)->v64 != bits - 1 || bits > (t->native64 ? 32 : 31))
		return false;
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_SEXT);

	n->a = a;
	n->off = (int64_t)bits;
	n->operands = WDX_W_32;
	n->max = ALL;
	return true;
}

/* ---- operations -------------------------------------------------------------------------------
 */

/* Arithmetic on values of one base type is the same everywhere: it is copied. */
static void typed_binary(struct wdx_xtree *t, const struct wdx_op *op, uint8_t a, uint8_t b)
{
	const struct wdx_xnode x = *node_at(t, a), *y = node_at(t, b);
	struct wdx_xnode *n;

	if (!x.typed || !y->typed || x.type != y->type) {
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		return;
	}
	n = wdx_xtree_push(t, WDX_X_TYPED);
	n->src = op;
	n->a = a;
	n->b = b;
	n->type = x.type;
	n->typed = !compares(op->code);
	n->max = 1;
}

void wdx_xtree_binary(struct wdx_xtree *t, const struct wdx_op *op)
{
	uint8_t b = wdx_xtree_pop(t), a = wdx_xtree_pop(t), code = op->code;

	if (t->loss != WDX_LOSS_NONE)
		return;
	if (node_at(t, a)->typed || node_at(t, b)->typed) {
		typed_binary(t, op, a, b);
		return;
	}
	if (native_offset(t, code, a, b) || (code == DW_OP_or && sign_extension(t, a, b)) ||
	    !wdx_xtree_number(t, a) || !wdx_xtree_number(t, b))
		return;
	if (is_const(t, a) && is_const(t, b))
		fold(t, code, a, b);
	else if (code == DW_OP_shl || code == DW_OP_shr || code == DW_OP_shra)
		shift(t, code, a, b);
	else
		arith(t, code, a, b);
}

void wdx_xtree_plus_const(struct wdx_xtree *t, const struct wdx_op *op)
{
	static const struct wdx_op plus = {.code = DW_OP_plus};
	struct wdx_xnode *n;

	if (t->depth && node_at(t, t->stack[t->depth - 1])->typed) {
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		return;
	}
	n = wdx_xtree_push(t, WDX_X_CONST);
	n->v32 = (uint32_t)op->arg[0];
	n->v64 = op->arg[0];
	wdx_xtree_binary(t, &plus);
}

static void typed_unary(struct wdx_xtree *t, const struct wdx_op *op, uint8_t a)
{
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_TYPED);

	n->src = op;
	n->a = a;
	n->typed = true;
	n->type = node_at(t, a)->type;
}

void wdx_xtree_unary(struct wdx_xtree *t, const struct wdx_op *op)
{
	uint8_t a = wdx_xtree_pop(t);
	struct wdx_xnode x, *n;

	if (t->loss != WDX_LOSS_NONE)
		return;
	x = *node_at(t, a);
	if (x.typed) {
		typed_unary(t, op, a);
		return;
	}
	if (!wdx_xtree_number(t, a))
		return;
	if (x.width == WDX_W_ANY && x.kind != WDX_X_CONST && op->code == DW_OP_abs &&
	    x.max > POSITIVE32) {
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		return;
	}
	n = wdx_xtree_push(t, x.kind == WDX_X_CONST ? WDX_X_CONST : WDX_X_UNARY);
	n->op = op->code;
	n->a = a;
	n->width = n->operands = x.width;
	n->max = op->code == DW_OP_abs ? x.max : ALL;
	n->v32 = (uint32_t)compute(op->code, x.v32, 0, 32);
	n->v64 = compute(op->code, x.v64, 0, 64);
}
