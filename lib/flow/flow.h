/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Checks the map's claims of where locals live against the machine code, and recovers what the map
 * does not say: the values of the wasm function (values.h) and of its machine code (machine.h) are
 * numbered and matched.  A claim is a witness: when the value in the claimed place was computed by
 * the wasm instruction that defines the local, that machine value is the local's, wherever it is.
 */
#ifndef WDX_FLOW_H
#define WDX_FLOW_H

#include "flow/code.h"
#include "flow/values.h"

struct wdx_check; /* check.h */

struct wdx_flow_stats {
	uint64_t functions, followed; /* functions with locals; of these the code was understood */
	uint64_t claims, proved;      /* ranges of the map looked at; borne out by the code */
};

struct wdx_flow_wish {
	struct wdx_operands operands; /* slots of the operand stack that are to be found, by lo */
	bool compute; /* what is nowhere may be computed: by constants, sums, and what made it; or
			 be what callers show it to be */
	struct wdx_check *check; /* NULL: the claims are not judged */
};

/* Replaces the ranges of locals, operand slots and the context pointer in the map by those proved,
 * in functions whose code can be followed; others keep what the map claims. */
struct wdx_error *wdx_flow_refine(struct wdx_map *map, const struct wdx_wasm *wasm,
				  const struct wdx_target *target, const struct wdx_codeindex *code,
				  struct wdx_flow_wish *wish, struct wdx_flow_stats *stats);

#endif
