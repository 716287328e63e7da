/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The code, indexed: for each function its native intervals with the wasm position they show, and
 * the way from wasm ranges to native ones.
 *
 * An interval without a position of its own stands between two others; it belongs to a wasm range
 * only when both neighbours do, or when it only leads to the one behind it.  An interval is
 * displaced when the compiler moved it past an effect (store, call, global write), into another
 * block's code or behind the head of a loop that comes after it: what its position claims is not
 * the state of the machine there.  A stretch is code
 * that runs through from its first interval to its last; each wasm block has its chief stretch, and
 * what is elsewhere was moved.  Only what does not depend on that state holds over such intervals.
 * Slow paths out of line are not displaced as long as they lead to an effect or a trap.  It is
 * stale where a store before it, in its block, has no code: compilers drop stores that a later one
 * overwrites.
 */
#ifndef WDX_FLOW_CODE_H
#define WDX_FLOW_CODE_H

#include "base/ranges.h"
#include "base/vec.h"
#include "map/map.h"
#include "native/skim.h"
#include "wasm/wasm.h"

enum wdx_interval_flags {
	WDX_IV_DISPLACED = 1,
	WDX_IV_STALE = 2,  /* linear memory may lack a store that wasm has made by then */
	WDX_IV_PART = 4,   /* the first of its part */
	WDX_IV_EFFECT = 8, /* the first in native order in which its instruction's effect happens */
	WDX_IV_ASTRAY = 16, /* true, but out of the order of its stretch: no place to stop at */
	WDX_IV_LATE = 32,  /* stale, and it may be a static's: what is shown of those is not true */
	WDX_IV_ASIDE = 64, /* without position, and leads to the code behind it: it stands where
			      that was moved out of line */
};

struct wdx_interval {
	uint32_t lo, hi; /* native, half-open */
	uint32_t wasm;	 /* UINT32_MAX: none */
	uint32_t flags;
};

/* Of 64 intervals in a row a bit each: any wasm range is put together from these. */
struct wdx_code_word {
	uint64_t chosen; /* scratch; 0 */
	uint64_t placed; /* with position */
	uint64_t displaced, stale, part;
	uint64_t between; /* without position, in one part with both neighbours */
	uint64_t aside;
};

struct wdx_code_func {
	const struct wdx_map_func *map;
	const struct wdx_wasm_func *wasm; /* NULL: a trampoline or helper */
	uint32_t first, n;		  /* intervals, in native order, part after part */
	uint32_t first_page;		  /* in pages, of its body's first byte */
};

enum { WDX_CODE_PAGE = 32 }; /* bytes of a body to each of wdx_codeindex.pages */

struct wdx_accesses;
struct wdx_target;

struct wdx_codeindex {
	const struct wdx_wasm *module;
	const struct wdx_map *map;
	struct wdx_accesses *accesses; /* NULL: code is not looked into */
	wdx_skim_fn *skim;	       /* the target's; there when accesses are */
	WDX_VEC(struct wdx_interval) intervals;
	WDX_VEC(struct wdx_code_func) funcs; /* as in the map */
	struct wdx_code_word *words;	     /* of all intervals, and one more */
	WDX_VEC(uint32_t) chain;	     /* scratch */
	uint32_t *by_wasm;   /* numbers of a function's intervals by wasm position; at the same
				indices as its intervals, those without position last */
	uint32_t *positions; /* of those in by_wasm, together for searches */
	uint32_t *pages;     /* for every so many bytes of a body, and for its end, the index in
				by_wasm of the first at or behind them */
	size_t npages;
	uint32_t *of_func; /* defined wasm function -> funcs, UINT32_MAX: no code */
};

/* The target may be NULL: then stores are found by their positions alone. */
struct wdx_error *wdx_code_init(struct wdx_codeindex *c, const struct wdx_wasm *module,
				const struct wdx_map *map, const struct wdx_target *target);
void wdx_code_deinit(struct wdx_codeindex *c);
/* Code will not be looked into any more, only what is known of it asked for: gives back what that
 * took, as much as a megabyte. */
void wdx_code_settle(struct wdx_codeindex *c);

/* The code of the function whose body holds that wasm position; NULL: none. */
const struct wdx_code_func *wdx_code_func_at(const struct wdx_codeindex *c, uint64_t wasm);

/* Index in by_wasm of the first interval of the function at or behind that position. */
uint32_t wdx_code_bound(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			uint64_t wasm);

/* The first position at or behind that one which native code shows; UINT32_MAX: none is. */
uint32_t wdx_code_next(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t wasm);

/* Whether any native code shows a position in [lo, hi). */
bool wdx_code_any(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
		  uint64_t hi);

/* Whether any shows one there that stands where it belongs: an effect, a branch, or what may trap.
 */
bool wdx_code_fixed(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t lo,
		    uint32_t hi);

/* Whether another basic block begins behind the wasm instruction; `block` only opens a label. */
bool wdx_code_ends_block(const struct wdx_codeindex *c, uint32_t wasm);

/* The first interval of the function that ends behind that native address; behind its last one:
 * there is none. */
uint32_t wdx_code_interval(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			   uint32_t at);

/* The wasm position of the native code at that address; UINT32_MAX: none. */
uint32_t wdx_code_position(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			   uint32_t at);

/* The native address where execution goes on that reaches the position: of its own instruction or,
 * where that has no code, of the next one that has and that nothing but falling through leads to.
 * UINT32_MAX: there is none. */
uint32_t wdx_code_native(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			 uint64_t wasm);

/* Appends the native ranges of wasm range [lo, hi), sorted and merged among themselves, without
 * intervals that have a flag of `avoid`.  false: memory is out. */
bool wdx_code_map(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
		  uint64_t hi, unsigned avoid, struct wdx_ranges *out);

/* Sorts and merges out->data[first..]. */
void wdx_ranges_merge(struct wdx_ranges *r, size_t first);

/* The instruction that ends at that wasm position, if it is a call; UINT32_MAX otherwise. */
uint32_t wdx_code_call_before(const struct wdx_codeindex *c, uint64_t wasm);

/* The native return address of the call at that wasm position when there is exactly one, else 0. */
uint32_t wdx_code_return(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			 uint32_t call);

#endif
