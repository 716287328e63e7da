/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Binary search, without branches on what is compared: nothing could foretell them. */
#ifndef WDX_BASE_SEARCH_H
#define WDX_BASE_SEARCH_H

#include <stddef.h>

/* The first i in [from, to), numbers or pointers, of which an expression is false; `to` when there
 * is none.  The expression, in the name given for i, is true up to some point and false from there
 * on. */
#define wdx_search(i, from, to, ...)                                                               \
	({                                                                                         \
		__typeof__((to) + 0) wdx_lo_ = (from);                                             \
		for (size_t wdx_n_ = (size_t)((to) - wdx_lo_), wdx_half_; wdx_n_; wdx_n_ /= 2) {   \
			wdx_half_ = wdx_n_ - wdx_n_ / 2;                                           \
			__typeof__(wdx_lo_) i = wdx_lo_ + wdx_half_ - 1;                           \
			wdx_lo_ += wdx_half_ & -(size_t)!!(__VA_ARGS__);                           \
		}                                                                                  \
		wdx_lo_;                                                                           \
	})

#endif
