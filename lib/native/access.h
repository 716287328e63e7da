/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What one native instruction does to memory and to registers, as far as it takes to follow a
 * pointer through a few instructions.  x86-64 and aarch64.
 */
#ifndef WDX_NATIVE_ACCESS_H
#define WDX_NATIVE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wdx_error.h"

struct wdx_target;
struct wdx_accesses; /* belongs to one thread; refers to no target */

/* What an instruction does with values that can be followed.  Registers are DWARF numbers below
 * 128, those of the whole register also for its parts; one that reads as zero has none.
 *
 * Stores other than WDX_DO_STORE put something unknown at the address, such as two registers or the
 * result of a read-modify-write.  With `indexed`, or of width 0, they may write anywhere around it.
 * WDX_DO_ADDR with `store` moves the base first: the bytes are at result's new value. */
enum wdx_access_kind {
	WDX_DO_OTHER,  /* whatever it writes is new; with `load`, what is loaded,
			 zeros above; or with the sign above, and then without a result */
	WDX_DO_COPY,   /* result = src, the low `width` bytes; what is above them becomes zero or is
			  unspecified */
	WDX_DO_CONST,  /* result = imm, of `width` bytes */
	WDX_DO_LOAD,   /* result = the `width` bytes at the address */
	WDX_DO_STORE,  /* the `width` bytes at the address = src, or imm when src is -1 */
	WDX_DO_ADDR,   /* result = base + disp, the low `width` bytes, zeros above: lea, and
			  additions of constants to a register, such as to the stack pointer */
	WDX_DO_PUSH,   /* stack pointer -= width; the bytes there = src (-1: unknown) */
	WDX_DO_POP,    /* result = the bytes there; stack pointer += width */
	WDX_DO_BINARY, /* result = base OP src, or imm when src is -1: `op`, of `width` bytes,
			  zeros above */
	WDX_DO_FLOAT,  /* result = what `op` makes of two floats of `width` bytes, or of one */
	WDX_DO_LEAVE, /* stack pointer = base + disp, frame pointer (result) = what it had pushed */
};

/* What a WDX_DO_BINARY or WDX_DO_FLOAT computes; shifts by so many bits modulo those of the width.
 */
enum wdx_access_op {
	WDX_OP_ADD,
	WDX_OP_SUB,
	WDX_OP_MUL, /* the low half */
	WDX_OP_AND,
	WDX_OP_OR,
	WDX_OP_XOR,
	WDX_OP_SHL,
	WDX_OP_SAR,
	WDX_OP_SHR,
	WDX_OP_SELECT, /* one of the two, by flags */
	WDX_OP_FSQRT,  /* of a WDX_DO_FLOAT from here on */
	WDX_OP_FADD,
	WDX_OP_FSUB,
	WDX_OP_FMUL,
	WDX_OP_FDIV,
};

struct wdx_access {
	uint8_t size;  /* bytes to go on by, at least 1, also when ok is not set */
	bool ok;       /* decodable */
	bool leaves;   /* jump, call, return: the next instruction may not be the next executed */
	bool call;     /* comes back behind itself */
	bool falls;    /* the next instruction may be executed next: not a jump, return or trap */
	bool indirect; /* jumps to where a register or memory says; not of calls and returns */
	bool load;     /* from the address below; no read-modify-write, no arithmetic */
	bool store;    /* to it; read-modify-write too */
	bool writes_memory; /* any memory but the stack's: no push, no spill, no call */
	bool indexed;	    /* a register that is not in disp is added to base */
	uint8_t kind;	    /* enum wdx_access_kind */
	uint8_t op;	    /* enum wdx_access_op */
	uint8_t width;	    /* bytes loaded, stored or copied; 0: unknown */
	int8_t base;	 /* DWARF number of the address's base register; -1: none that is known */
	int8_t src;	 /* of a copy, store or push; -1: none */
	int8_t result;	 /* of the register a load, copy... fills; -1: none */
	uint32_t target; /* of a direct jump: position like `at`; UINT32_MAX: none */
	int64_t disp;	 /* added to base */
	int64_t imm;	 /* of a constant, sign-extended or not as the instruction does */
	uint64_t writes[2]; /* bit n: the register of DWARF number n is written, in whole or in part
			     */
	uint64_t reads[2];  /* the same of those read, so far as MC lists them: not what a callee
			       or a caller reads */
};

/* *out is NULL for an architecture other than these two. */
struct wdx_error *wdx_accesses_create(struct wdx_accesses **out, const struct wdx_target *t);
void wdx_accesses_destroy(struct wdx_accesses *a);

/* The instruction at the n (> 0) bytes of p, which stand at position `at` in the code. */
void wdx_target_decode(struct wdx_accesses *a, const uint8_t *p, size_t n, uint32_t at,
		       struct wdx_access *out);

static inline struct wdx_access wdx_target_mem_access(struct wdx_accesses *a, const uint8_t *p,
						      size_t n, uint32_t at)
{
	struct wdx_access out;

	wdx_target_decode(a, p, n, at, &out);
	return out;
}

#endif
