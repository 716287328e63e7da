/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Bounded reader over borrowed bytes, sticky like the writer.
 *
 * A read past the end or a LEB128 that does not fit latches `failed` (a static string saying
 * why), moves to the end and gives 0; so a loop `while (r.pos < r.end)` always ends and a
 * record's reader checks once.  wdx_reader_error() makes the message with the offset.
 */
#ifndef WDX_BASE_READER_H
#define WDX_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wdx_error;

struct wdx_reader {
	const uint8_t *start, *pos, *end;
	uint64_t origin;    /* what `start` counts as in messages: a file or section offset */
	const char *failed; /* NULL, or the first reason */
	uint64_t failed_at; /* offset (origin included) of the item that failed */
	bool big;	    /* byte order */
};

void wdx_reader_init(struct wdx_reader *r, const void *data, size_t size, uint64_t origin,
		     bool big);

/* A reader over the next n bytes, which are skipped here; fails here when there are fewer. */
struct wdx_reader wdx_read_sub(struct wdx_reader *r, uint64_t n);

uint8_t wdx_read_u8(struct wdx_reader *r);
uint16_t wdx_read_u16(struct wdx_reader *r);
uint32_t wdx_read_u32(struct wdx_reader *r);
uint64_t wdx_read_u64(struct wdx_reader *r);
uint64_t wdx_read_uint(struct wdx_reader *r, unsigned size); /* size 1 to 8 */
/* LEB128 of at most `bits` value bits, wasm's rules: at most ceil(bits/7) bytes, unused bits 0 (or
 * the sign).  bits 64 accepts DWARF's padded forms of any length as long as the value fits. */
uint64_t wdx_read_uleb(struct wdx_reader *r, unsigned bits);
int64_t wdx_read_sleb(struct wdx_reader *r, unsigned bits);
const uint8_t *wdx_read_bytes(struct wdx_reader *r, uint64_t n); /* borrowed; NULL on failure */
const char *wdx_read_str(struct wdx_reader *r); /* NUL-terminated; NULL on failure */
void wdx_read_skip(struct wdx_reader *r, uint64_t n);
void wdx_read_seek(struct wdx_reader *r, uint64_t at); /* absolute: offset from start */

static inline size_t wdx_reader_at(const struct wdx_reader *r)
{
	return (size_t)(r->pos - r->start);
}

static inline size_t wdx_reader_left(const struct wdx_reader *r)
{
	return (size_t)(r->end - r->pos);
}

/* Latches a failure of the caller's own at the current place. */
void wdx_reader_fail(struct wdx_reader *r, const char *why);

/* NULL, or an input error "offset 0x...: why". */
struct wdx_error *wdx_reader_error(const struct wdx_reader *r);

#endif
