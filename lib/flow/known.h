/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What a compiler cannot know of a wasm value: then two such values, or one and a constant, are
 * not the same, and one is never put in the place of the other.
 *
 * Free are parameters, results of calls, and a global read where nothing in the function has been
 * able to change it.  Of these a compiler may still learn something
 *   - from a condition on it: behind `if (x == 0)` x may be taken for 0.  No condition may depend
 *     on it, through whatever it is computed to, or stored in;
 *   - from other functions: an argument that is always 5, a function that returns its argument.
 *     But a compiler that knows does not keep the value: it must have been copied.
 */
#ifndef WDX_FLOW_KNOWN_H
#define WDX_FLOW_KNOWN_H

#include "flow/check.h"

enum {
	WDX_VALUE_TESTED = 1,
	WDX_VALUE_KEPT = 2,
	WDX_VALUE_FREE = 4,
	WDX_VALUE_MADE = 8,
	WDX_VALUE_NEEDED = 16
};

struct wdx_known {
	const struct wdx_match *match;
	WDX_VEC(uint8_t) flags; /* by wasm value */
	WDX_VEC(uint32_t) todo; /* scratch */
	WDX_VEC(uint8_t) sets;	/* by wasm global: whether any function sets it */
	const struct wdx_wasm *sets_of;
	WDX_VEC(uint32_t) calls; /* wasm positions of calls that are there in the code, sorted */
	size_t taken;
	bool all_tested, memory, globals, nomem;
};

/* A value as a root plus a constant; root 0: the constant alone. */
struct wdx_sum {
	uint32_t root;
	uint64_t off;
	unsigned width; /* bytes of it that are known */
};

/* Learns of the function; false: memory is out. */
bool wdx_known_of(struct wdx_known *k, const struct wdx_match *match);
void wdx_known_deinit(struct wdx_known *k);

/* What the wasm value is, with width 0 where nothing can be said; of at most `width` bytes. */
struct wdx_sum wdx_known_sum(const struct wdx_known *k, uint32_t value, unsigned width);

/* Whether the machine's value `is` cannot be the wasm value `wanted`. */
bool wdx_known_differ(const struct wdx_known *k, struct wdx_sum is, struct wdx_sum wanted);

/* Whether a place with the wasm value `is` cannot be one of `wanted`: the code makes both, each by
 * its own instruction.  A compiler that takes one for the other makes only one of them, unless it
 * makes it for another reason (it may trap), or has learned of it from a condition. */
bool wdx_known_apart(const struct wdx_known *k, uint32_t is, uint32_t wanted);

/* Whether a wasm value is free: nothing outside of the wasm code can be it. */
bool wdx_known_free(const struct wdx_known *k, uint32_t value);

/* Whether the wasm call at that position is there in the code. */
bool wdx_known_calls(const struct wdx_known *k, uint32_t pos);

#endif
