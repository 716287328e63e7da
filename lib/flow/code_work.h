/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the files share that make the index of the code, and ask it. */
#ifndef WDX_FLOW_CODE_WORK_H
#define WDX_FLOW_CODE_WORK_H

#include "flow/code.h"
#include "wasm/opcode.h"

#define NONE UINT32_MAX

static inline bool wdx_code_is(const struct wdx_codeindex *c, uint32_t wasm, unsigned flag)
{
	return c->module->kinds[wasm] & flag;
}

static inline uint8_t wdx_code_opcode(const struct wdx_codeindex *c, uint32_t wasm)
{
	return c->module->data[c->module->code.v + wasm];
}

struct effect { /* of an instruction */
	uint32_t pos, block;
};

struct head {		 /* a jump back */
	uint32_t at;	 /* native: where it leads */
	uint32_t branch; /* the wasm instruction that it is of */
	uint32_t loop;	 /* the one that the branch goes back to; NONE: none */
};

/* Scratch of one function. */
struct marking {
	struct wdx_codeindex *c;
	const struct wdx_code_func *f;
	/* by byte of the body */
	uint32_t *counts;  /* where in by_wasm the intervals of the next position begin */
	uint32_t *numbers; /* how many basic blocks end before it */
	/* by block; in the same memory as those, which are needed only until it is filled */
	uint32_t *chief;  /* the first interval of the block's chief stretch */
	uint32_t *weight; /* in the stretch at hand */
	uint32_t *best;	  /* weight of the block's code in its chief stretch */
	uint32_t nblocks;
	/* by interval, from the function's first on */
	uint32_t *blocks;    /* block of each that has a position */
	uint32_t *stretches; /* the first of each stretch, and behind the last the end */
	uint32_t nstretches;
	WDX_VEC(struct effect) effects; /* by pos */
	WDX_VEC(struct head) heads;	/* by `at`, when their loops are known */
	WDX_VEC(uint32_t) controls;	/* positions of all instructions of control */
	WDX_VEC(uint32_t) labels;	/* open ones: positions of what opened them */
	bool nomem;
};

/* The instruction at `at`, of a kind that says all that is asked here (code.c). */
void wdx_code_skim(const struct wdx_codeindex *c, uint32_t at, struct wdx_skim *out);

/* Marks what does not show the state that its position claims (displaced.c).  false: memory is out.
 */
bool wdx_code_mark_displaced(struct marking *m);

/* code_ask.c: the first return address of the function above that native position, its index in the
 * pool. */
uint32_t wdx_code_return_above(const struct wdx_codeindex *c, const struct wdx_map_func *f,
			       uint32_t native);

#endif
