/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the files share that find the values of a wasm function. */
#ifndef WDX_FLOW_VALUES_WORK_H
#define WDX_FLOW_VALUES_WORK_H

#include "flow/values.h"

#define NONE UINT32_MAX

struct arrival { /* control comes to a label */
	uint32_t from;
	uint32_t time; /* changes made before */
};

struct label {
	uint8_t opcode;
	bool dead;	 /* what follows in it is not reached */
	bool born_dead;	 /* the whole block is not */
	uint32_t height; /* of the stack below its parameters */
	uint32_t params, results, branch_arity;
	uint32_t arrivals;  /* the first of them, in work.arrivals */
	uint32_t first_phi; /* of a loop, in work.phis */
	uint32_t opened;    /* changes made before */
	uint32_t pos;
};

struct loop_phi {
	uint32_t local, value, before; /* before: what the local holds where the loop is entered */
};

struct change {
	uint32_t local;
	uint32_t before; /* the local's change before this one */
	struct wdx_segment s;
};

struct set {
	uint32_t pos, local;
};

struct watch {		  /* a wanted slot, while the walk is in its range */
	uint32_t operand; /* in wdx_values.operands */
	uint32_t holder;  /* in wdx_values.slots */
};

struct watched { /* what was found of one */
	uint32_t holder;
	struct wdx_segment s;
};

struct wdx_values_work {
	const struct wdx_wasm *m;
	const struct wdx_wasm_func *f;
	struct wdx_values *v;
	WDX_VEC(uint32_t) stack;
	WDX_VEC(uint32_t) open; /* find_sets(): labels, 1 + number of a loop */
	WDX_VEC(struct label) labels;
	WDX_VEC(struct arrival) arrivals; /* of open labels, in the order of the labels */
	WDX_VEC(struct loop_phi) phis;
	WDX_VEC(struct change) changes;
	WDX_VEC(struct set) sets; /* in the outermost loop at hand */
	WDX_VEC(uint32_t) same;	  /* by value: what it is, itself if nothing else */
	WDX_VEC(struct watch) watches;
	WDX_VEC(struct watched) watched;
	WDX_VEC(uint32_t) held; /* by each of wdx_values.slots, as seen last */
	size_t next_operand;
	WDX_VEC(uint32_t)
	ends; /* of that and the loops inside of it, in the order in which they begin */
	uint32_t *locals, *last; /* by local: its value, its last change */
	uint32_t constants[256]; /* by hash: the last of them, 0: none */
	uint32_t next_loop;
	uint32_t at; /* the instruction */
	uint64_t budget;
	bool unknown, nomem;
};

/* Takes so much of what may be spent on the function. */
static inline void wdx_values_spend(struct wdx_values_work *w, uint64_t n)
{
	w->unknown |= w->budget < n;
	w->budget -= w->unknown ? 0 : n;
}

/* ---- slots.c: what the wanted slots of the operand stack hold ----------------------------------
 */

/* Which slots are wanted anywhere. */
void wdx_values_find_slots(struct wdx_values_work *w);
/* Whether any is wanted at pos. */
static inline bool wdx_values_watched(const struct wdx_values_work *w, uint32_t pos)
{
	return w->watches.len ||
	       (w->next_operand < w->v->noperands && w->v->operands[w->next_operand].lo <= pos);
}

/* What they hold before the instruction at pos. */
void wdx_values_watch(struct wdx_values_work *w, uint32_t pos);

/* ---- same.c: merges of one value ---------------------------------------------------------------
 */

/* Puts what they are in their place. */
void wdx_values_resolve_same(struct wdx_values_work *w);

#endif
