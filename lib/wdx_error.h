/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Errors of libwdx: objects with a code and one complete sentence.
 *
 * A function that can fail returns `struct wdx_error *`: NULL is success, anything else is
 * owned by the caller, who passes it on or frees it with wdx_error_destroy().  The message is
 * ready to print after the program's name: "FILE: place: reason", without a newline.
 */
#ifndef WDX_ERROR_H
#define WDX_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WDX_API __attribute__((visibility("default")))
#define WDX_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define WDX_API
#define WDX_PRINTF(f, a)
#endif

/* What went wrong; the numbers are the exit statuses of the command. */
enum wdx_code {
	WDX_OK = 0,	  /* no error: the code of a NULL error */
	WDX_E_INPUT = 1,  /* bad or unsupported input */
	WDX_E_USAGE = 2,  /* the caller asked for something that cannot be */
	WDX_E_SYSTEM = 3, /* the system said no: files, memory, threads */
};

struct wdx_error;

/* The code of err; WDX_OK for NULL. */
WDX_API enum wdx_code wdx_error_code(const struct wdx_error *err);

/* The message of err, owned by err; "" for NULL.  Never NULL. */
WDX_API const char *wdx_error_message(const struct wdx_error *err);

/* Frees err; NULL is allowed. */
WDX_API void wdx_error_destroy(struct wdx_error *err);

#ifdef __cplusplus
}
#endif
#endif
