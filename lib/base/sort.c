/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "base/sort.h"

#include <stdbool.h>
#include <string.h>

/* One past the ascending run that starts at i. */
static size_t run_end(const uint64_t *keys, size_t i, size_t n)
{
	for (i++; i < n && keys[i - 1] <= keys[i]; i++)
		;
	return i;
}

static void merge(uint64_t *out, const uint64_t *a, const uint64_t *a_end, const uint64_t *b,
		  const uint64_t *b_end)
{
	while (a < a_end && b < b_end)
		*out++ = *b < *a ? *b++ : *a++;
	memcpy(out, a, (size_t)(a_end - a) * sizeof(*a));
	memcpy(out + (a_end - a), b, (size_t)(b_end - b) * sizeof(*b));
}

/* Merges runs two by two; false when there was only one. */
static bool merge_runs(const uint64_t *keys, size_t n, uint64_t *out)
{
	size_t i = 0, runs = 0;

	while (i < n) {
		size_t mid = run_end(keys, i, n);
		size_t end = mid < n ? run_end(keys, mid, n) : mid;

		if (end - i == n && mid == n)
			return false;
		merge(out + i, keys + i, keys + mid, keys + mid, keys + end);
		i = end;
		runs++;
	}
	return runs > 0;
}

void wdx_sort_u64(uint64_t *keys, size_t n, uint64_t *scratch)
{
	uint64_t *from = keys, *to = scratch, *swap;

	while (merge_runs(from, n, to)) {
		swap = from;
		from = to;
		to = swap;
	}
	if (from != keys)
		memcpy(keys, from, n * sizeof(*keys));
}
