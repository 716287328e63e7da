/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The values of a wasm function: which definition each local holds at each instruction, and each
 * slot of the operand stack where that is wanted.
 *
 * A definition is a parameter, a constant, the result of an instruction, or the merge of several at
 * a label (a phi).  Copies by local.get, local.set and local.tee are resolved away, and equal
 * constants are one definition.  Positions are offsets in the code section.
 */
#ifndef WDX_FLOW_VALUES_H
#define WDX_FLOW_VALUES_H

#include "base/vec.h"
#include "wasm/wasm.h"

enum wdx_value_kind {
	WDX_VALUE_UNKNOWN,
	WDX_VALUE_PARAM, /* arg: index of the local */
	WDX_VALUE_CONST, /* type, bits */
	WDX_VALUE_INSN,	 /* pos: of the instruction; type: its opcode, if it has one byte and one
			    result.  Of constants added or taken away, arg: the value to which they
			    are, bits: their sum.  WDX_VALUE_CALL, bits: the result's type.  Of a
			    selection, bits: the condition */
	WDX_VALUE_PHI,	 /* pos: of the label; arg: the local; inputs */
};

enum { WDX_VALUE_CALL = 0x10 }; /* all kinds of calls that have one result */

struct wdx_value {
	uint8_t kind, type;
	uint32_t pos, arg;
	union {
		uint64_t bits;
		uint32_t ways; /* of a phi: the ways by which its inputs come */
	};
	union {
		struct {
			uint32_t first, n; /* of a phi: inputs; of a constant: values.c's own */
		};
		uint32_t operands[2]; /* of an instruction with an opcode: the first two */
	};
};

/* A slot of the operand stack, 0 is the bottom of the function's, is wanted before the instructions
 * at positions in [lo, hi). */
struct wdx_operand {
	uint32_t lo, hi, slot;
	uint8_t type; /* found: enum wdx_valtype of what it holds there; 0: nothing known,
			 WDX_OPERAND_MIXED: several, or one that is not known */
};

enum { WDX_OPERAND_MIXED = 0xff };

struct wdx_operands {
	WDX_VEC(struct wdx_operand);
};

/* A local or slot holds `value` before the instruction at `pos` and those that follow in the body,
 * up to the next segment of the same one. */
struct wdx_segment {
	uint32_t pos, value;
};

struct wdx_wasm_store { /* where a store goes: address and offset; the sum of a constant address */
	uint32_t pos, value;
	uint64_t offset;
};

struct wdx_value_use { /* an instruction takes the value from the operand stack */
	uint32_t pos, value;
};

struct wdx_values {
	WDX_VEC(struct wdx_value) values; /* [0] is unknown */
	WDX_VEC(uint32_t) inputs;	  /* of merges, for each way: what the local holds then */
	WDX_VEC(uint32_t)
	ways; /* of labels, by position: the control instruction by which
		 control comes: a branch, `else`, `if`, or the `loop` or `end`
		 it falls into; all merges of a label share them */
	WDX_VEC(struct wdx_segment) segments;  /* holder after holder, by position */
	WDX_VEC(struct wdx_wasm_store) stores; /* by position */
	WDX_VEC(struct wdx_value_use) uses;    /* by position; the topmost first */
	WDX_VEC(uint32_t) sums;		       /* values that are one of a constant and another */
	struct wdx_operand *operands;	       /* to be set: what is wanted in the body, by lo; */
	size_t noperands;		       /* their types are filled in */
	WDX_VEC(uint32_t) slots; /* those of them, ascending: holders behind the locals */
	uint32_t *first;	 /* of each holder, nlocals + slots.len + 1 */
	uint32_t nlocals;
	struct wdx_values_work *work; /* kept between functions */
};

/* Computes them for one function; what v held before is forgotten.  *known is false for a
 * function with instructions whose effect on the stack is not known here, or too large to be worth
 * it. */
struct wdx_error *wdx_values_of(struct wdx_values *v, const struct wdx_wasm *m,
				const struct wdx_wasm_func *f, bool *known);
void wdx_values_deinit(struct wdx_values *v);

/* What the local or slot holds before the instruction at pos. */
uint32_t wdx_value_at(const struct wdx_values *v, uint32_t holder, uint32_t pos);

/* The holder that is the slot of the operand stack; UINT32_MAX: it is not wanted. */
uint32_t wdx_values_slot(const struct wdx_values *v, uint32_t slot);

/* enum wdx_valtype of a value; 0: not known. */
uint8_t wdx_value_type(const struct wdx_wasm *m, const struct wdx_wasm_func *f,
		       const struct wdx_values *v, uint32_t value);

/* The first use at that position or behind it. */
size_t wdx_value_first_use(const struct wdx_values *v, uint32_t pos);

/* A value as root + off, of which so many bytes count. */
struct wdx_term {
	uint32_t root;
	unsigned width;
	uint64_t off;
};

/* What constants have been added to, and their sum; a value that is no such sum is its own root. */
struct wdx_term wdx_value_term(const struct wdx_values *v, uint32_t value);

static inline bool wdx_same_low(uint64_t a, uint64_t b, unsigned width)
{
	return !((a ^ b) << (64 - 8 * width));
}

/* The first store behind the one at `pos`, up to position `end`, that goes to the same address; 0:
 * none is known to. */
uint32_t wdx_store_again(const struct wdx_values *v, uint32_t pos, uint32_t end);

#endif
