/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "base/vec.h"

#include <stdint.h>
#include <string.h>

bool wdx_vec_grow_(void **data, size_t *cap, size_t len, size_t more, size_t elem)
{
	size_t need, want, bytes;
	void *p;

	if (*cap - len >= more)
		return true;
	if (__builtin_add_overflow(len, more, &need))
		return false;
	want = *cap < 8 ? 8 : *cap <= SIZE_MAX / 2 ? *cap * 2 : SIZE_MAX;
	if (want < need)
		want = need;
	if (__builtin_mul_overflow(want, elem, &bytes) || bytes > PTRDIFF_MAX)
		return false;
	/* *data is really a T *: copied as bytes, so that the compiler need not believe the cast.
	 */
	memcpy(&p, data, sizeof(p));
	p = realloc(p, bytes);
	if (!p)
		return false;
	memcpy(data, &p, sizeof(p));
	*cap = want;
	return true;
}
