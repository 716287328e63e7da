/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Expressions that repeat.  Functions have few locals and compilers few registers, so most entries
 * of location lists say what others have said already, and become what those became.
 *
 * A short expression is looked up by its bytes; what its parse depends on beside them is the unit
 * and the types of the locals that it reads.  What it was translated to is kept with it, by places.
 */
#ifndef WDX_XLAT_EXPR_KNOWN_H
#define WDX_XLAT_EXPR_KNOWN_H

#include "xlat/expr.h"

enum {
	WDX_XKNOWN_BITS = 6,  /* that many expressions, to the power of two */
	WDX_XKNOWN_SAID = 16, /* of each */
	WDX_XKNOWN_NEEDS = 2, /* an expression with more is not among them */
	WDX_XKNOWN_BYTES = 22 /* nor a translation that is longer */
};

struct wdx_xsaid { /* a translation */
	const struct wdx_place *context, *need[WDX_XKNOWN_NEEDS];
	uint64_t var_size;
	bool said; /* false: there is none */
	uint8_t loss, size;
	uint8_t bytes[WDX_XKNOWN_BYTES];
};

struct wdx_xknown_expr {
	const struct wdx_unit *unit;
	uint64_t bytes;
	uint8_t size; /* of the expression; 0: there is none */
	uint8_t use;
	bool plain; /* its translation depends on what wdx_xsaid holds alone */
	struct wdx_xexpr x;
	struct wdx_xsaid said[WDX_XKNOWN_SAID];
};

/* Zero-initialised is empty. */
struct wdx_xknown {
	struct wdx_xknown_expr exprs[1 << WDX_XKNOWN_BITS], other; /* other: what is not kept */
};

/* As wdx_xexpr_parse().  *x is good until the next call. */
enum wdx_loss wdx_xknown_parse(struct wdx_xknown *k, const struct wdx_cursor *c,
			       const struct wdx_xenv *env, const struct wdx_wasm_func *func,
			       enum wdx_xexpr_use use, const uint8_t *expr, size_t size,
			       struct wdx_xexpr **x);

/* As wdx_xexpr_emit(), of what was parsed last. */
enum wdx_loss wdx_xknown_emit(struct wdx_xexpr *x, const struct wdx_xplaces *p,
			      struct wdx_expr *out);

#endif
