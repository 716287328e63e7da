/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "base/sort.h"

#include <string.h>

/* The end of the ascending stretch that begins at i. */
static size_t stretch_end(const uint64_t *a, size_t i, size_t n)
{
	for (i++; i < n && a[i - 1] <= a[i]; i++)
		;
	return i;
}

/* Merges [i, mid) and [mid, end) of `from` into `to`. */
static void merge(const uint64_t *from, size_t i, size_t mid, size_t end, uint64_t *to)
{
	size_t k = mid, out = i;

	while (i < mid && k < end)
		to[out++] = from[k] < from[i] ? from[k++] : from[i++];
	memcpy(to + out, i < mid ? from + i : from + k, (end - out) * sizeof(*to));
}

/* Merges stretches two by two; false: there was but one, and nothing was done. */
static bool merge_pairs(const uint64_t *from, size_t n, uint64_t *to)
{
	size_t mid = stretch_end(from, 0, n), end;

	if (mid == n)
		return false;
	for (size_t i = 0; i < n; i = end, mid = end < n ? stretch_end(from, end, n) : n) {
		end = mid < n ? stretch_end(from, mid, n) : n;
		merge(from, i, mid, end, to);
	}
	return true;
}

void wdx_sort(uint64_t *a, size_t n, uint64_t *room)
{
	while (n && merge_pairs(a, n, room))
		if (!merge_pairs(room, n, a)) {
			memcpy(a, room, n * sizeof(*a));
			return;
		}
}
