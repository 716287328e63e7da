/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Sorts numbers that mostly ascend already. */
#ifndef WDX_BASE_SORT_H
#define WDX_BASE_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sorts the n numbers at `a`; `room` is for n more.  Takes time in proportion to n times the
 * logarithm of how many stretches of them ascend. */
void wdx_sort(uint64_t *a, size_t n, uint64_t *room);

#endif
