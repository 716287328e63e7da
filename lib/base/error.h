/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Making errors (the public half is wdx_error.h).
 *
 * Every function here returns an error owned by the caller.  When memory for it runs out the
 * static out-of-memory error comes back instead, so the result is never NULL.
 */
#ifndef WDX_BASE_ERROR_H
#define WDX_BASE_ERROR_H

#include "wdx_error.h"

/* The one static error: out of memory.  Destroying it is harmless. */
extern struct wdx_error wdx_nomem;

/* A new error; fmt gives the whole message. */
struct wdx_error *wdx_error_create(enum wdx_code code, const char *fmt, ...) WDX_PRINTF(2, 3);

/* Shorthand for the commonest code, WDX_E_INPUT. */
struct wdx_error *wdx_bad_input(const char *fmt, ...) WDX_PRINTF(1, 2);

/* "PATH: WHAT: strerror(errnum)", code WDX_E_SYSTEM. */
struct wdx_error *wdx_error_errno(int errnum, const char *path, const char *what);

/* Puts "PREFIX: " before the message of err (consumed; the result replaces it).  NULL stays NULL,
 * so a call can wrap another: return wdx_error_at(parse(...), "%s", path). */
struct wdx_error *wdx_error_at(struct wdx_error *err, const char *fmt, ...) WDX_PRINTF(2, 3);

#endif
