/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A growing array of half-open ranges. */
#ifndef WDX_BASE_RANGES_H
#define WDX_BASE_RANGES_H

#include "base/vec.h"
#include "wdx_pass.h"

struct wdx_ranges {
	WDX_VEC(struct wdx_range);
};

#endif
