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
#include <string.h>

struct wdx_error;

/* Whether bytes in big-endian (or else little-endian) order are in this machine's. */
#define WDX_IS_HOST_ORDER(big) ((big) == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))

struct wdx_reader {
	const uint8_t *start, *pos, *end;
	uint64_t origin;    /* what `start` counts as in messages: a file or section offset */
	const char *failed; /* NULL, or the first reason */
	uint64_t failed_at; /* offset (origin included) of the item that failed */
	bool big;	    /* byte order */
};

static inline void wdx_reader_init(struct wdx_reader *r, const void *data, size_t size,
				   uint64_t origin, bool big)
{
	static const uint8_t none[1];

	/* Arithmetic on NULL is undefined even where nothing is read. */
	r->start = r->pos = data ? (const uint8_t *)data : none;
	r->end = r->start + (data ? size : 0);
	r->origin = origin;
	r->failed = NULL;
	r->failed_at = 0;
	r->big = big;
}

/* Up to 8 bytes as one number, a key for tables of what repeats; of more, or none, 0. */
static inline uint64_t wdx_bytes_key(const void *p, size_t n)
{
	uint64_t v = 0;

	if (n && n <= sizeof(v))
		memcpy(&v, p, n);
	return v;
}

/* Where in a table of 2^bits that key is looked for. */
static inline size_t wdx_key_slot(uint64_t key, unsigned bits)
{
	return (size_t)(key * 0x9e3779b97f4a7c15ULL >> (64 - bits));
}

/* A reader over the next n bytes, which are skipped here; fails here when there are fewer. */
struct wdx_reader wdx_read_sub(struct wdx_reader *r, uint64_t n);

/* Reads of the whole; the inline functions below take the usual, short case out of line's way. */
uint64_t wdx_read_uint_slow(struct wdx_reader *r, unsigned size);
uint64_t wdx_read_uleb_slow(struct wdx_reader *r, unsigned bits);
int64_t wdx_read_sleb_slow(struct wdx_reader *r, unsigned bits);

static inline uint8_t wdx_read_u8(struct wdx_reader *r)
{
	return r->pos < r->end ? *r->pos++ : (uint8_t)wdx_read_uint_slow(r, 1);
}

static inline uint16_t wdx_read_u16(struct wdx_reader *r)
{
	uint16_t v;

	if (r->end - r->pos < 2)
		return (uint16_t)wdx_read_uint_slow(r, 2);
	memcpy(&v, r->pos, 2);
	r->pos += 2;
	return WDX_IS_HOST_ORDER(r->big) ? v : __builtin_bswap16(v);
}

static inline uint32_t wdx_read_u32(struct wdx_reader *r)
{
	uint32_t v;

	if (r->end - r->pos < 4)
		return (uint32_t)wdx_read_uint_slow(r, 4);
	memcpy(&v, r->pos, 4);
	r->pos += 4;
	return WDX_IS_HOST_ORDER(r->big) ? v : __builtin_bswap32(v);
}

static inline uint64_t wdx_read_u64(struct wdx_reader *r)
{
	uint64_t v;

	if (r->end - r->pos < 8)
		return wdx_read_uint_slow(r, 8);
	memcpy(&v, r->pos, 8);
	r->pos += 8;
	return WDX_IS_HOST_ORDER(r->big) ? v : __builtin_bswap64(v);
}

static inline uint64_t wdx_read_uint(struct wdx_reader *r, unsigned size) /* size 1 to 8 */
{
	switch (size) {
	case 1:
		return wdx_read_u8(r);
	case 2:
		return wdx_read_u16(r);
	case 4:
		return wdx_read_u32(r);
	case 8:
		return wdx_read_u64(r);
	}
	return wdx_read_uint_slow(r, size);
}

/* LEB128 of at most `bits` value bits, wasm's rules: at most ceil(bits/7) bytes, unused
 * bits 0 (or the sign).  bits 64 accepts DWARF's padded forms of any length as long as the value
 * fits. */
static inline uint64_t wdx_read_uleb(struct wdx_reader *r, unsigned bits)
{
	if (bits >= 7 && r->pos < r->end && *r->pos < 0x80)
		return *r->pos++;
	return wdx_read_uleb_slow(r, bits);
}

static inline int64_t wdx_read_sleb(struct wdx_reader *r, unsigned bits)
{
	if (bits >= 7 && r->pos < r->end && *r->pos < 0x80)
		return (int64_t)(*r->pos++ ^ 0x40) - 0x40;
	return wdx_read_sleb_slow(r, bits);
}

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
