/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wdx_error {
	enum wdx_code code;
	const char *message; /* behind the object in the same allocation, or static */
};

struct wdx_error wdx_nomem = {WDX_E_SYSTEM, "out of memory"};

enum wdx_code wdx_error_code(const struct wdx_error *err)
{
	return err ? err->code : WDX_OK;
}

const char *wdx_error_message(const struct wdx_error *err)
{
	return err ? err->message : "";
}

void wdx_error_destroy(struct wdx_error *err)
{
	if (err != &wdx_nomem)
		free(err);
}

/* An error whose message is PREFIX (made from fmt), sep and rest. */
static struct wdx_error *create(enum wdx_code code, const char *sep, const char *rest,
				const char *fmt, va_list ap)
{
	size_t nsep = strlen(sep), nrest = strlen(rest);
	struct wdx_error *err;
	va_list again;
	char *text;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return &wdx_nomem;
	err = malloc(sizeof(*err) + (size_t)n + nsep + nrest + 1);
	if (!err)
		return &wdx_nomem;
	text = (char *)(err + 1);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	memcpy(text + n, sep, nsep);
	memcpy(text + n + nsep, rest, nrest + 1);
	err->code = code;
	err->message = text;
	return err;
}

struct wdx_error *wdx_error_create(enum wdx_code code, const char *fmt, ...)
{
	struct wdx_error *err;
	va_list ap;

	va_start(ap, fmt);
	err = create(code, "", "", fmt, ap);
	va_end(ap);
	return err;
}

struct wdx_error *wdx_bad_input(const char *fmt, ...)
{
	struct wdx_error *err;
	va_list ap;

	va_start(ap, fmt);
	err = create(WDX_E_INPUT, "", "", fmt, ap);
	va_end(ap);
	return err;
}

struct wdx_error *wdx_error_errno(int errnum, const char *path, const char *what)
{
	char buf[128];

	/* The GNU strerror_r: strerror() is not safe with threads. */
	return wdx_error_create(WDX_E_SYSTEM, "%s: %s: %s", path, what,
				strerror_r(errnum, buf, sizeof(buf)));
}

struct wdx_error *wdx_error_at(struct wdx_error *err, const char *fmt, ...)
{
	struct wdx_error *outer;
	va_list ap;

	if (!err || err == &wdx_nomem)
		return err;
	va_start(ap, fmt);
	outer = create(err->code, ": ", err->message, fmt, ap);
	va_end(ap);
	wdx_error_destroy(err);
	return outer;
}
