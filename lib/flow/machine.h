/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The values of a function's machine code: which value each register and frame slot holds at each
 * instruction, whatever path led there.
 *
 * A value is what a register held on entry, a constant, an address in the frame, what an
 * instruction computed, or the merge of several where paths join (a phi).  Copies, spills and
 * reloads pass values on.  What is not followed is unknown: a place that holds it holds nothing of
 * interest.
 */
#ifndef WDX_FLOW_MACHINE_H
#define WDX_FLOW_MACHINE_H

#include "base/vec.h"
#include "flow/code.h"
#include "native/access.h"
#include "native/native.h"

enum wdx_mvalue_kind {
	WDX_MV_UNKNOWN,
	WDX_MV_ENTRY, /* reg: as it was when the function was entered */
	WDX_MV_CONST, /* imm */
	WDX_MV_FRAME, /* imm: CFA + imm */
	WDX_MV_INSN,  /* at: of the instruction; reg: which of its results */
	WDX_MV_PHI,   /* at: of the block; reg: the place */
};

struct wdx_mvalue {
	uint8_t kind;
	uint8_t copied; /* is, or was, in more than one place */
	uint16_t reg;
	uint32_t at;
	int64_t imm;
};

struct wdx_held { /* what a place holds: the low `width` bytes of a value */
	uint32_t value;
	uint32_t width;
};

struct wdx_minsn {
	uint32_t at;
	uint32_t pops;	    /* a call: bytes of arguments that the callee takes off the stack */
	uint32_t values;    /* the first of those it computes: one for each register in `writes` */
	uint64_t writes[2]; /* registers that hold something new behind it */
	struct wdx_access a;
};

struct wdx_mblock {
	uint32_t first, n;	     /* instructions */
	uint32_t first_succ, nsuccs; /* in succs: blocks */
	uint32_t first_pred, npreds;
	bool reached;
};

enum { WDX_MAX_SLOTS = 192 };

struct wdx_machine {
	const struct wdx_map *map;
	const struct wdx_target *target;
	struct wdx_accesses *accesses;
	const struct wdx_code_func *f;
	WDX_VEC(struct wdx_minsn) insns; /* by address */
	WDX_VEC(struct wdx_mblock) blocks;
	WDX_VEC(uint32_t) succs, preds;
	WDX_VEC(struct wdx_mvalue) values; /* [0] is unknown */
	uint32_t nregs;			   /* places below are registers by DWARF number */
	int64_t slots[WDX_MAX_SLOTS];	   /* CFA offset of the slot at place nregs + i */
	bool reloaded[WDX_MAX_SLOTS];	   /* others may be arguments, which callees own */
	uint32_t nslots, nplaces;
	bool escaped; /* an address in the frame is taken: calls may write there */
	bool wide; /* the last step changed more than the registers that the instruction writes */
	struct wdx_held *in, *out; /* of block b: nplaces from b * nplaces on */
	struct wdx_machine_work *work;
};

struct wdx_error *wdx_machine_init(struct wdx_machine *m, const struct wdx_map *map,
				   const struct wdx_target *target);
void wdx_machine_deinit(struct wdx_machine *m);

/* Whether the target's code can be followed at all. */
bool wdx_machine_able(const struct wdx_machine *m);

/* Decodes and follows one function; what m held before is forgotten.  *known is false for code that
 * cannot be followed: an indirect jump that is no jump table, bytes that are no instructions. */
struct wdx_error *wdx_machine_of(struct wdx_machine *m, const struct wdx_wasm *wasm,
				 const struct wdx_code_func *f, const struct wdx_codeindex *code,
				 bool *known);

/* Applies the instruction to state, nplaces of it. */
void wdx_machine_step(struct wdx_machine *m, const struct wdx_minsn *insn, struct wdx_held *state);

#endif
