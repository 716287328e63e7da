/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Sticky writer: appends integers, LEB128 and bytes to a growing buffer.
 *
 * Out of memory latches `failed`; later appends do nothing, so a writer checks once, at its end.
 * Zero-initialised is an empty little-endian buffer.
 */
#ifndef WDX_BASE_BUF_H
#define WDX_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wdx_buf {
	uint8_t *data;
	size_t len, cap;
	bool big;    /* byte order of multi-byte integers: big-endian */
	bool failed; /* memory ran out */
};

void wdx_buf_deinit(struct wdx_buf *b);
void wdx_buf_reset(struct wdx_buf *b); /* empties, keeps the memory and the byte order */

/* The low `size` bytes of v; size is 1 to 8. */
void wdx_buf_uint(struct wdx_buf *b, uint64_t v, unsigned size);
/* LEB128 (DWARF 5 §7.6); the padded form always takes `size` bytes, so that it can be patched. */
void wdx_buf_uleb_slow(struct wdx_buf *b, uint64_t v);
void wdx_buf_sleb_slow(struct wdx_buf *b, int64_t v);
void wdx_buf_uleb_padded(struct wdx_buf *b, uint64_t v, unsigned size);
void wdx_buf_bytes(struct wdx_buf *b, const void *p, size_t n);
void wdx_buf_str(struct wdx_buf *b, const char *s); /* with its NUL */
void wdx_buf_zeros(struct wdx_buf *b, size_t n);
void wdx_buf_align(struct wdx_buf *b, size_t align); /* zeros up to a multiple of align */

/* A failed buffer has no room: cap is len. */
static inline void wdx_buf_u8(struct wdx_buf *b, uint8_t v)
{
	if (b->len < b->cap)
		b->data[b->len++] = v;
	else
		wdx_buf_uint(b, v, 1);
}

static inline void wdx_buf_u16(struct wdx_buf *b, uint16_t v)
{
	wdx_buf_uint(b, v, 2);
}

static inline void wdx_buf_u32(struct wdx_buf *b, uint32_t v)
{
	if (b->big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) || b->cap - b->len < 4) {
		wdx_buf_uint(b, v, 4);
		return;
	}
	memcpy(b->data + b->len, &v, 4);
	b->len += 4;
}

static inline void wdx_buf_u64(struct wdx_buf *b, uint64_t v)
{
	wdx_buf_uint(b, v, 8);
}

static inline void wdx_buf_uleb(struct wdx_buf *b, uint64_t v)
{
	if (v < 0x80)
		wdx_buf_u8(b, (uint8_t)v);
	else
		wdx_buf_uleb_slow(b, v);
}

static inline void wdx_buf_sleb(struct wdx_buf *b, int64_t v)
{
	if (v >= -64 && v < 64)
		wdx_buf_u8(b, (uint8_t)(v & 0x7f));
	else
		wdx_buf_sleb_slow(b, v);
}

/* Overwrites `size` bytes at `at`, which must have been written already. */
void wdx_buf_patch(struct wdx_buf *b, size_t at, uint64_t v, unsigned size);
void wdx_buf_patch_uleb(struct wdx_buf *b, size_t at, uint64_t v, unsigned size);

#endif
