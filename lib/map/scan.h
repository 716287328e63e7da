/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * JSON text as a stream of events (RFC 8259, over yajl), and places in it.
 *
 * The text is one borrowed block; events point into it or into the parser's buffer and last for
 * the callback.  Nothing is kept: a place is an offset in the text, and a path that is known only
 * later (a check after reading) is found again by a second scan.
 */
#ifndef WDX_MAP_SCAN_H
#define WDX_MAP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wdx_error.h"

enum wdx_json_type {
	WDX_JSON_NULL,
	WDX_JSON_BOOL,
	WDX_JSON_NUMBER, /* text in s */
	WDX_JSON_STRING,
	WDX_JSON_OBJECT, /* its start; likewise ARRAY */
	WDX_JSON_ARRAY,
	WDX_JSON_KEY,
	WDX_JSON_END, /* of an object or array */
};

struct wdx_json_event {
	enum wdx_json_type type;
	const char *s; /* NUMBER, STRING, KEY: n bytes, without escapes, not NUL-terminated */
	size_t n;
	bool yes;  /* BOOL */
	size_t at; /* for wdx_json_token() */
};

/* false ends the scan. */
typedef bool wdx_json_fn(void *ctx, const struct wdx_json_event *ev);

enum wdx_json_status { WDX_JSON_DONE, WDX_JSON_STOPPED, WDX_JSON_BROKEN };

struct wdx_json_text {
	const char *path; /* for messages */
	const uint8_t *data;
	size_t size;
};

/* Scans the whole text.  BROKEN: not JSON, with *err "PATH:LINE:COL: reason". */
enum wdx_json_status wdx_json_scan(const struct wdx_json_text *t, wdx_json_fn *fn, void *ctx,
				   struct wdx_error **err);

/* The offset of the token of an event with that `at`. */
size_t wdx_json_token(const struct wdx_json_text *t, size_t at);

/* Makes err (consumed) say where: "PATH:LINE:COL: ...".  Columns count bytes from 1. */
struct wdx_error *wdx_json_place(const struct wdx_json_text *t, size_t at, struct wdx_error *err);

/* A path into a JSON value: keys and positions from the root. */
struct wdx_json_step {
	const char *key; /* NULL: position `index` in an array */
	size_t index;
};

struct wdx_json_path {
	unsigned n;
	struct wdx_json_step step[12];
};

/* The offset of the value at that path, or of the innermost value around it that exists. */
size_t wdx_json_find(const struct wdx_json_text *t, const struct wdx_json_path *path);

/* "$.functions[3].parts", cut to size. */
void wdx_json_path_text(const struct wdx_json_path *path, char *buf, size_t size);

#endif
