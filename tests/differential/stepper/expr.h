/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The inside of the evaluator: decoding, the stack, arithmetic. */
#ifndef DIFFERENTIAL_STEPPER_EXPR_H
#define DIFFERENTIAL_STEPPER_EXPR_H

#include "stepper/stepper.h"

#define OP_WASM 0xed /* DW_OP_WASM_location */

struct op_name {
	const char *name, *operands;
};
extern const struct op_name op_names[256]; /* decode.c */

#define EVAL_DEPTH 64

struct entry {
	uint64_t bits;
	const struct base_type *type; /* NULL: generic */
};

struct eval {
	const struct expr *e;
	const struct machine *m;
	void *ctx;
	struct value *out;
	struct entry stack[EVAL_DEPTH];
	unsigned depth;
	bool stop;  /* out->outcome is final */
	bool value; /* DW_OP_stack_value seen */
	int reg;    /* DW_OP_reg: the register, else -1 */
	const struct op *implicit;
};

/* The first reason to stop is the outcome. */
void eval_stop(struct eval *r, enum outcome o, const char *why);
unsigned eval_width(const struct eval *r, const struct base_type *t); /* bytes; NULL: generic */
uint64_t eval_mask(uint64_t v, unsigned bytes);
void eval_push_raw(struct eval *r, uint64_t bits, const struct base_type *t);
void eval_push(struct eval *r, uint64_t bits, const struct base_type *t); /* wrapped */
struct entry eval_pop(struct eval *r);

/* arith.c: operands popped, result pushed. */
void eval_compare(struct eval *r, uint8_t code);
void eval_binary(struct eval *r, uint8_t code);
void eval_unary(struct eval *r, uint8_t code);
void eval_convert(struct eval *r, const struct base_type *to);
void eval_reinterpret(struct eval *r, const struct base_type *to);

#endif
