/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

void wdx_buf_deinit(struct wdx_buf *b)
{
	free(b->data);
	*b = (struct wdx_buf){0};
}

void wdx_buf_reset(struct wdx_buf *b)
{
	b->len = 0;
	b->failed = false;
}

/* Doubles the buffer, or more, until n further bytes fit. */
static bool grow(struct wdx_buf *b, size_t n)
{
	size_t need, want = b->cap ? b->cap : 64;
	uint8_t *p = NULL;

	if (!__builtin_add_overflow(b->len, n, &need) && need <= PTRDIFF_MAX) {
		while (want < need)
			want *= 2;
		p = realloc(b->data, want);
	}
	if (!p) {
		b->failed = true;
		b->cap = b->len;
		return false;
	}
	b->data = p;
	b->cap = want;
	return true;
}

/* Where n new bytes go, or NULL. */
static uint8_t *extend(struct wdx_buf *b, size_t n)
{
	uint8_t *p;

	if (b->failed || (b->cap - b->len < n && !grow(b, n)))
		return NULL;
	p = b->data + b->len;
	b->len += n;
	return p;
}

/* Through a whole word: the loop over bytes would be the writer's hottest. */
static void put(uint8_t *p, uint64_t v, unsigned size, bool big)
{
	if (big)
		v <<= 64 - 8 * size;
	if (big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__))
		v = __builtin_bswap64(v);
	switch (size) {
	case 4:
		memcpy(p, &v, 4);
		return;
	case 8:
		memcpy(p, &v, 8);
		return;
	}
	memcpy(p, &v, size);
}

void wdx_buf_uint(struct wdx_buf *b, uint64_t v, unsigned size)
{
	uint8_t *p = extend(b, size);

	if (p)
		put(p, v, size, b->big);
}

enum { MAX_LEB = 10 }; /* bytes of a number */

void wdx_buf_uleb_slow(struct wdx_buf *b, uint64_t v)
{
	uint8_t *p = extend(b, MAX_LEB), *at = p;

	if (!p)
		return;
	for (; v > 0x7f; v >>= 7)
		*at++ = (uint8_t)(v | 0x80);
	*at++ = (uint8_t)v;
	b->len -= MAX_LEB - (size_t)(at - p);
}

void wdx_buf_sleb_slow(struct wdx_buf *b, int64_t v)
{
	uint8_t *p = extend(b, MAX_LEB), *at = p;

	if (!p)
		return;
	for (; v < -64 || v > 63; v >>= 7)
		*at++ = (uint8_t)(v | 0x80);
	*at++ = (uint8_t)(v & 0x7f);
	b->len -= MAX_LEB - (size_t)(at - p);
}

static void put_uleb_padded(uint8_t *p, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++, v >>= 7)
		p[i] = (uint8_t)((v & 0x7f) | (i + 1 < size ? 0x80 : 0));
}

void wdx_buf_uleb_padded(struct wdx_buf *b, uint64_t v, unsigned size)
{
	uint8_t *p = extend(b, size);

	if (p)
		put_uleb_padded(p, v, size);
}

void wdx_buf_bytes(struct wdx_buf *b, const void *data, size_t n)
{
	uint8_t *p = extend(b, n);

	if (p && n)
		memcpy(p, data, n);
}

void wdx_buf_str(struct wdx_buf *b, const char *s)
{
	wdx_buf_bytes(b, s, strlen(s) + 1);
}

void wdx_buf_zeros(struct wdx_buf *b, size_t n)
{
	uint8_t *p = extend(b, n);

	if (p && n)
		memset(p, 0, n);
}

void wdx_buf_align(struct wdx_buf *b, size_t align)
{
	size_t over = align ? b->len % align : 0;

	if (over)
		wdx_buf_zeros(b, align - over);
}

/* After a failure the place may not exist; the failure is reported at the end anyway. */
static bool written(const struct wdx_buf *b, size_t at, unsigned size)
{
	return at <= b->len && b->len - at >= size;
}

void wdx_buf_patch(struct wdx_buf *b, size_t at, uint64_t v, unsigned size)
{
	if (written(b, at, size))
		put(b->data + at, v, size, b->big);
}

void wdx_buf_patch_uleb(struct wdx_buf *b, size_t at, uint64_t v, unsigned size)
{
	if (written(b, at, size))
		put_uleb_padded(b->data + at, v, size);
}
