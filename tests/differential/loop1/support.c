/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * What clang calls without being asked, for the host program.  The C library's own are reached
 * through stubs that lldb 19 cannot walk out of: it runs on to the caller's caller.
 */
#include <stddef.h>

void *memset(void *to, int c, size_t n)
{
	for (char *p = to; n--; p++)
		*p = (char)c;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	const char *q = from;

	for (char *p = to; n--; p++)
		*p = *q++;
	return to;
}
