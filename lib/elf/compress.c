/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "elf/compress.h"

#include <elf.h>
#include <zlib.h>
#include <zstd.h>

#include "base/error.h"

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2 /* younger than the elf.h of glibc 2.36 */
#endif

/* A way to pack: bytes needed at worst, and the packing, which gives the size or 0. */
struct method {
	uint32_t type;
	size_t (*bound)(size_t size);
	size_t (*pack)(void *to, size_t room, const void *from, size_t size);
};

static size_t zlib_bound(size_t size)
{
	return compressBound(size);
}

static size_t zlib_pack(void *to, size_t room, const void *from, size_t size)
{
	uLongf n = room;

	return compress2(to, &n, from, size, Z_DEFAULT_COMPRESSION) == Z_OK ? n : 0;
}

static size_t zstd_bound(size_t size)
{
	size_t n = ZSTD_compressBound(size);

	return ZSTD_isError(n) ? SIZE_MAX : n;
}

static size_t zstd_pack(void *to, size_t room, const void *from, size_t size)
{
	size_t n = ZSTD_compress(to, room, from, size, ZSTD_CLEVEL_DEFAULT);

	return ZSTD_isError(n) ? 0 : n;
}

static const struct method methods[] = {
	[WDX_COMPRESS_ZLIB] = {ELFCOMPRESS_ZLIB, zlib_bound, zlib_pack},
	[WDX_COMPRESS_ZSTD] = {ELFCOMPRESS_ZSTD, zstd_bound, zstd_pack},
};

static void put_chdr(struct wdx_buf *b, uint32_t type, uint64_t size, bool is64)
{
	unsigned word = is64 ? 8 : 4;

	wdx_buf_u32(b, type);
	if (is64)
		wdx_buf_u32(b, 0); /* ch_reserved */
	wdx_buf_uint(b, size, word);
	wdx_buf_uint(b, 1, word); /* ch_addralign */
}

struct wdx_error *wdx_elf_compress(const struct wdx_section *s, enum wdx_compression how, bool is64,
				   struct wdx_buf *out)
{
	const struct method *m = &methods[how];
	size_t start = out->len, body, room, packed;

	if (!m->pack || !s->size)
		return NULL;
	put_chdr(out, m->type, s->size, is64);
	body = out->len;
	room = m->bound(s->size);
	wdx_buf_zeros(out, room);
	if (out->failed)
		return &wdx_nomem;
	packed = m->pack(out->data + body, room, s->data, s->size);
	if (!packed) /* with room for the worst case only memory can be short */
		return &wdx_nomem;
	out->len = body + packed;
	if (out->len - start >= s->size)
		out->len = start;
	return NULL;
}
