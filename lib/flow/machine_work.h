/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the parts of machine.h share, in the order in which a function goes through them. */
#ifndef WDX_FLOW_MACHINE_WORK_H
#define WDX_FLOW_MACHINE_WORK_H

#include "flow/machine.h"
#include "native/reach.h"

#define WDX_NO_PLACE UINT32_MAX

struct wdx_mframe { /* CFA offsets of stack and frame pointer, where known */
	int64_t sp, fp;
	bool sp_known, fp_known, reached;
};

struct wdx_mframe_access { /* of a slot: its offset, and how many bytes at most are put there */
	int64_t off;
	uint32_t width;
};

enum { WDX_NOTED = 64 };

struct wdx_machine_work {
	const struct wdx_wasm *wasm;
	const struct wdx_codeindex *code;
	int sp, fp;
	/* A bit for each register. */
	uint64_t pointers;     /* sp and fp, which are below 64 */
	uint64_t followed[2];  /* whose values are: all but the stack pointer */
	uint64_t clobbered[2]; /* by calls */
	uint64_t halved;       /* from 64 on: by calls, above the low eight bytes */
	uint64_t arguments[2]; /* that calls may take */
	bool unknown, nomem;

	/* cfg.c */
	struct wdx_reach reach; /* its `where` is the number of the block in the end */
	WDX_VEC(uint32_t) todo;
	WDX_VEC(uint32_t) order; /* blocks that can be reached, in reverse postorder */
	uint32_t *rank;		 /* of block: place in the order, UINT32_MAX: none */
	size_t nrank;

	/* frame.c */
	WDX_VEC(struct wdx_mframe) frames; /* at the beginning of blocks */
	WDX_VEC(uint32_t) framed;	   /* instructions that have to do with the frame */
	WDX_VEC(uint32_t) first_framed;	   /* of each block, and behind the last */
	struct wdx_mframe_accesses {
		WDX_VEC(struct wdx_mframe_access);
		struct wdx_mframe_access noted[WDX_NOTED];
	} stored, loaded;

	/* machine.c */
	uint32_t *slots;     /* hash of constants: index, 0 is free */
	size_t nslots, room; /* in use; allocated */
	uint64_t *live; /* places that may be read before they are written: `words` of each block */
	uint64_t *reads, *kills; /* behind it */
	size_t words, nlive;
	wdx_held *meeting; /* behind the states in `in` */
	uint8_t *dirty;	   /* by block; behind those in `out` */
	size_t ncells;
};

/* How many ways a jump table has: for m->work->reach, arg is m. */
uint64_t wdx_cfg_ways(void *arg, uint32_t jump);

/* Decodes the function and finds its blocks. */
void wdx_cfg_find(struct wdx_machine *m);

/* The slots of the frame, and which of them each instruction loads, stores or spoils. */
void wdx_frame_find(struct wdx_machine *m);

#endif
