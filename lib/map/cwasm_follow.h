/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Instrumented code, followed: which patch (cwasm.h) each instruction is behind.  For one function
 * at a time; cwasm_slots.c makes the map of it.
 */
#ifndef WDX_MAP_CWASM_FOLLOW_H
#define WDX_MAP_CWASM_FOLLOW_H

#include "map/cwasm.h"
#include "native/reach.h"

enum { WDX_FOLLOW_REGS = 64, WDX_FOLLOW_POINTER = 8 };

enum wdx_follow_level {
	WDX_UNREACHED,
	WDX_DOWN,  /* no frame, or not filled yet */
	WDX_UP,	   /* there is one; the context pointer is in it */
	WDX_KNOWN, /* `patch` was the last that was passed */
};

enum wdx_follow_stage {
	WDX_BEFORE, /* the state is that before the patch's instruction */
	WDX_DIRTY,  /* the same, but what the instruction writes may have been written */
	WDX_DONE,   /* the state is that before the next instruction */
};

struct wdx_follow_state {
	uint8_t level, stage;
	uint32_t patch; /* in f->patches */
	uint64_t regs;	/* bit n: register n holds the context pointer */
};

struct wdx_follow_insn {
	uint32_t at;
	struct wdx_access a;
	struct wdx_follow_state in; /* before it */
};

struct wdx_follow {
	struct wdx_cwasm *c;
	const struct wdx_cwasm_frames *f;
	int sp, fp;
	uint64_t preserved; /* registers */

	/* the function at hand */
	const struct wdx_map_part *part;
	const struct wdx_cwasm_slots *s;
	uint32_t first, end; /* its patches */
	uint32_t filled;     /* the instruction that stores the context pointer, in insns;
				  UINT32_MAX: none */
	WDX_VEC(struct wdx_follow_insn) insns; /* by address */

	/* of the work */
	uint32_t size; /* of the slot */
	bool hidden;   /* control comes by ways that are not in the code */
	bool unknown;  /* the code cannot be followed */
	bool dist_known;
	int64_t dist;	       /* frame pointer minus stack pointer */
	uint64_t holders;      /* the registers that hold the context pointer at `filled` */
	struct wdx_reach code; /* its `where` is in insns in the end */
	WDX_VEC(uint32_t) todo;
	bool nomem;
};

/* *w is zero. */
struct wdx_error *wdx_follow_init(struct wdx_follow *w, struct wdx_cwasm *c,
				  const struct wdx_cwasm_frames *f);
void wdx_follow_deinit(struct wdx_follow *w);

/* Fills in first and end, and the rest when true; false: the code cannot be followed, or memory is
 * out (nomem). */
bool wdx_follow(struct wdx_follow *w, const struct wdx_map_part *part);

/* What a wasm instruction writes of the slot. */
struct wdx_follow_op {
	uint32_t local; /* UINT32_MAX: none */
	bool known;	/* its operands and results are */
	unsigned operands, results;
	uint32_t next; /* position behind it */
};
struct wdx_follow_op wdx_follow_op(const struct wdx_follow *w, uint32_t pos);

/* The patch of the instruction behind this one's, or UINT32_MAX. */
uint32_t wdx_follow_next(const struct wdx_follow *w, uint32_t patch,
			 const struct wdx_follow_op *op);

#endif
