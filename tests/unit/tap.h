/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Test Anything Protocol for unit tests: ok() per check, `return done();` at the end of main().
 */
#ifndef WDX_TAP_H
#define WDX_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_n, tap_bad;

__attribute__((format(printf, 2, 3))) static inline bool ok(bool cond, const char *fmt, ...)
{
	va_list ap;

	tap_bad += !cond;
	printf("%sok %d - ", cond ? "" : "not ", ++tap_n);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	return cond;
}

static inline int done(void)
{
	printf("1..%d\n", tap_n);
	return tap_bad != 0;
}

#endif
