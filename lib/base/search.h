/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Binary search. */
#ifndef WDX_BASE_SEARCH_H
#define WDX_BASE_SEARCH_H

/* The first i in [from, to), numbers or pointers, of which an expression is false; `to` when there
 * is none.  The expression, in the name given for i, is true up to some point and false from there
 * on. */
#define wdx_search(i, from, to, ...)                                                               \
	({                                                                                         \
		__typeof__((to) + 0) wdx_lo_ = (from), wdx_hi_ = (to);                             \
		while (wdx_lo_ < wdx_hi_) {                                                        \
			__typeof__(wdx_lo_) i = wdx_lo_ + (wdx_hi_ - wdx_lo_) / 2;                 \
			if (__VA_ARGS__)                                                           \
				wdx_lo_ = i + 1;                                                   \
			else                                                                       \
				wdx_hi_ = i;                                                       \
		}                                                                                  \
		wdx_lo_;                                                                           \
	})

#endif
