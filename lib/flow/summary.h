/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What those who call a function may rely on.
 *
 * It returns one of its parameters, as memset does; compilers go on with what it has returned.
 *
 * It leaves globals as it found them, such as the shadow-stack pointer, so that their values can be
 * followed across calls like those of locals.  Such a global is an integer of the module alone
 * (neither imported nor exported), and on every way out of every function that sets it, it is
 * proved to hold what it held on entry, provided that the functions called meanwhile keep to that
 * too.  Nothing is said of modules that catch exceptions, which leave functions by other ways.
 */
#ifndef WDX_FLOW_SUMMARY_H
#define WDX_FLOW_SUMMARY_H

#include "map/map.h"
#include "wasm/wasm.h"

enum { WDX_MAX_GLOBALS = 4 };

struct wdx_summary {
	uint8_t *returns; /* by function of the module, without imports: 1 + the parameter */
	uint32_t nglobals;
	struct wdx_kept_global {
		uint32_t index;
		uint32_t place; /* of its cell, in the map */
		int64_t off;	/* of its cell, from what the context pointer points to */
		uint8_t type;
	} globals[WDX_MAX_GLOBALS];
};

/* Globals are those whose cell the map places at an offset from the context. */
struct wdx_error *wdx_summary_init(struct wdx_summary *s, const struct wdx_wasm *wasm,
				   const struct wdx_map *map);
void wdx_summary_deinit(struct wdx_summary *s);

#endif
