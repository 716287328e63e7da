/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Sorting of numbers that mostly are in order already: a merge of the ascending runs that are
 * there, n log(runs) steps, none when there is one run.  Stable sorts of records: put the key above
 * the index into one number.
 */
#ifndef WDX_BASE_SORT_H
#define WDX_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Ascending; scratch has room for n. */
void wdx_sort_u64(uint64_t *keys, size_t n, uint64_t *scratch);

#endif
