/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The evaluator's arithmetic, on generic and on typed entries.
 */
#include <dwarf.h>
#include <string.h>

#include "stepper/expr.h"

static int64_t extend(uint64_t v, unsigned bytes)
{
	unsigned shift = 64 - 8 * bytes;

	return (int64_t)(v << shift) >> shift;
}

/* ---- operations ------------------------------------------------------------------------------ */

static bool is_float(const struct base_type *t)
{
	return t && t->encoding == DW_ATE_float;
}

static bool is_signed(const struct base_type *t)
{
	return !t || t->encoding == DW_ATE_signed || t->encoding == DW_ATE_signed_char;
}

static double to_double(struct entry e)
{
	double d;
	float f;

	if (e.type->size == 8) {
		memcpy(&d, &e.bits, 8);
		return d;
	}
	memcpy(&f, &e.bits, 4);
	return (double)f;
}

static uint64_t from_double(double d, unsigned size)
{
	uint64_t bits = 0;
	float f = (float)d;

	if (size == 8)
		memcpy(&bits, &d, 8);
	else
		memcpy(&bits, &f, 4);
	return bits;
}

static bool float_op(uint8_t code, double a, double b, double *v)
{
	switch (code) {
	case DW_OP_plus:
		*v = a + b;
		return true;
	case DW_OP_minus:
		*v = a - b;
		return true;
	case DW_OP_mul:
		*v = a * b;
		return true;
	case DW_OP_div:
		*v = a / b;
		return true;
	default:
		return false;
	}
}

static int compare(const struct eval *r, struct entry a, struct entry b)
{
	unsigned w = eval_width(r, a.type);

	if (is_float(a.type)) {
		double x = to_double(a), y = to_double(b);

		return x < y ? -1 : x > y;
	}
	if (is_signed(a.type)) {
		int64_t x = extend(a.bits, w), y = extend(b.bits, w);

		return x < y ? -1 : x > y;
	}
	return eval_mask(a.bits, w) < eval_mask(b.bits, w)
		       ? -1
		       : eval_mask(a.bits, w) > eval_mask(b.bits, w);
}

void eval_compare(struct eval *r, uint8_t code)
{
	struct entry b = eval_pop(r), a = eval_pop(r);
	int c = compare(r, a, b);
	bool yes = code == DW_OP_eq   ? c == 0
		   : code == DW_OP_ne ? c != 0
		   : code == DW_OP_lt ? c < 0
		   : code == DW_OP_le ? c <= 0
		   : code == DW_OP_gt ? c > 0
				      : c >= 0;

	eval_push(r, yes, NULL);
}

static uint64_t divide(struct eval *r, const struct base_type *t, uint64_t a, uint64_t b)
{
	unsigned w = eval_width(r, t);

	if (!eval_mask(b, w)) {
		eval_stop(r, EVAL_WRONG, "a division by zero");
		return 0;
	}
	if (!is_signed(t))
		return eval_mask(a, w) / eval_mask(b, w);
	if (extend(b, w) == -1)
		return 0 - a;
	return (uint64_t)(extend(a, w) / extend(b, w));
}

static uint64_t modulo(struct eval *r, const struct base_type *t, uint64_t a, uint64_t b)
{
	unsigned w = eval_width(r, t);

	if (!eval_mask(b, w)) {
		eval_stop(r, EVAL_WRONG, "a division by zero");
		return 0;
	}
	if (!t || !is_signed(t))
		return eval_mask(a, w) % eval_mask(b, w);
	return extend(b, w) == -1 ? 0 : (uint64_t)(extend(a, w) % extend(b, w));
}

static uint64_t shift(uint8_t code, uint64_t a, uint64_t b, unsigned w)
{
	bool far = b >= 8 * w;

	if (code == DW_OP_shl)
		return far ? 0 : a << b;
	if (code == DW_OP_shr)
		return far ? 0 : eval_mask(a, w) >> b;
	return (uint64_t)(extend(a, w) >> (far ? 63 : b));
}

static uint64_t integer_op(struct eval *r, uint8_t code, struct entry a, struct entry b)
{
	unsigned w = eval_width(r, a.type);

	switch (code) {
	case DW_OP_plus:
		return a.bits + b.bits;
	case DW_OP_minus:
		return a.bits - b.bits;
	case DW_OP_mul:
		return a.bits * b.bits;
	case DW_OP_and:
		return a.bits & b.bits;
	case DW_OP_or:
		return a.bits | b.bits;
	case DW_OP_xor:
		return a.bits ^ b.bits;
	case DW_OP_div:
		return divide(r, a.type, a.bits, b.bits);
	case DW_OP_mod:
		return modulo(r, a.type, a.bits, b.bits);
	default:
		return shift(code, a.bits, eval_mask(b.bits, eval_width(r, b.type)), w);
	}
}

void eval_binary(struct eval *r, uint8_t code)
{
	struct entry b = eval_pop(r), a = eval_pop(r);
	bool shifts = code == DW_OP_shl || code == DW_OP_shr || code == DW_OP_shra;
	double d;

	if (!shifts && (!a.type != !b.type || (a.type && a.type->size != b.type->size)))
		eval_stop(r, EVAL_WRONG, "operands of different types");
	if (r->stop)
		return;
	if (!is_float(a.type))
		eval_push(r, integer_op(r, code, a, b), a.type);
	else if (is_float(b.type) && float_op(code, to_double(a), to_double(b), &d))
		eval_push(r, from_double(d, a.type->size), a.type);
	else
		eval_stop(r, EVAL_WRONG, "an operation that floats do not have");
}

void eval_unary(struct eval *r, uint8_t code)
{
	struct entry a = eval_pop(r);
	int64_t v = extend(a.bits, eval_width(r, a.type));

	if (is_float(a.type) && code != DW_OP_not) {
		double d = to_double(a);

		eval_push(r, from_double(code == DW_OP_neg || d < 0 ? -d : d, a.type->size),
			  a.type);
		return;
	}
	if (code == DW_OP_not)
		eval_push(r, ~a.bits, a.type);
	else
		eval_push(r, code == DW_OP_neg || v < 0 ? 0 - a.bits : a.bits, a.type);
}

void eval_convert(struct eval *r, const struct base_type *to)
{
	struct entry a = eval_pop(r);
	unsigned w = eval_width(r, a.type);
	double d;

	if (is_float(a.type)) {
		d = to_double(a);
		if (is_float(to))
			eval_push(r, from_double(d, to->size), to);
		else if (d > -9.2e18 && d < 1.8e19)
			eval_push(r, d < 0 ? (uint64_t)(int64_t)d : (uint64_t)d, to);
		else
			eval_stop(r, EVAL_CANT, "a float without an integer");
	} else if (is_float(to)) {
		d = is_signed(a.type) ? (double)extend(a.bits, w) : (double)eval_mask(a.bits, w);
		eval_push(r, from_double(d, to->size), to);
	} else {
		/* an untyped wasm local still has all its bits */
		eval_push(r, a.type && is_signed(a.type) ? (uint64_t)extend(a.bits, w) : a.bits,
			  to);
	}
}

void eval_reinterpret(struct eval *r, const struct base_type *to)
{
	struct entry a = eval_pop(r);

	if (eval_width(r, to) != eval_width(r, a.type))
		eval_stop(r, EVAL_WRONG, "a reinterpretation in another size");
	eval_push(r, a.bits, to);
}
