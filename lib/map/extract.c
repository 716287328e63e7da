/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * .wasm.map: what debuggers' Python cannot learn from DWARF.  Records, each left out when nothing
 * is known: a kind (4 bytes), the size of what follows (4), and that, a multiple of four bytes.
 *
 *  1  by what the code is found in a process: its size (8 bytes), the CRC-32 of all of it, and its
 *     first 64 bytes, zeros behind the end
 *  2  where the address of memory 0 is read: 1 (from the context pointer) or 2 (absolute), the
 *     width of its offsets in bytes; then 8 bytes each, an offset, and for each further one: load a
 *     pointer, add it.  The address is what is in memory there.  Or 3, the width, and the address
 *     itself; or 0, the width, and nothing more: it is not known
 *  3  table 0, by which C calls through pointers, when it can never change: pairs of an index,
 *     ascending, and of the offset of the function's entry in .text
 *  4  what memory 0 begins with: of the first segments their offset (8 bytes), size (4) and CRC-32
 */
#include <stdlib.h>
#include <zlib.h>

#include "map/map.h"

enum { EXTRACT_CODE = 1, EXTRACT_MEMORY, EXTRACT_TABLE, EXTRACT_DATA };
enum { UNKNOWN, FROM_CONTEXT, FROM_ABSOLUTE, IS_CONSTANT };
enum { PROBE = 64, SEGMENTS = 16 };

/* The place behind the size, which end() fills in. */
static size_t begin(struct wdx_buf *out, uint32_t kind)
{
	wdx_buf_u32(out, kind);
	wdx_buf_u32(out, 0);
	return out->len;
}

static void end(struct wdx_buf *out, size_t at)
{
	if (!out->failed)
		wdx_buf_patch(out, at - 4, out->len - at, 4);
}

static void put_code(const struct wdx_map *map, struct wdx_buf *out)
{
	size_t first = map->code_size < PROBE ? (size_t)map->code_size : PROBE, at;

	if (!map->code || !map->code_size)
		return;
	at = begin(out, EXTRACT_CODE);
	wdx_buf_u64(out, map->code_size);
	wdx_buf_u32(out, (uint32_t)crc32_z(0, map->code, map->code_size));
	wdx_buf_bytes(out, map->code, first);
	wdx_buf_zeros(out, PROBE - first);
	end(out, at);
}

/* Where the map says the base of memory 0 is, or NULL. */
static const struct wdx_place *memory_place(const struct wdx_map *map)
{
	const struct wdx_map_memory *m;

	wdx_vec_each (m, &map->memories)
		if (!m->index)
			return &map->places.data[m->place];
	return NULL;
}

static unsigned place_kind(const struct wdx_place *p)
{
	if (!p)
		return UNKNOWN;
	if (p->kind == WDX_PLACE_CONST)
		return IS_CONSTANT;
	if (p->kind != WDX_PLACE_MEM)
		return UNKNOWN;
	return p->base == WDX_BASE_CONTEXT ? FROM_CONTEXT
	       : p->base == WDX_BASE_ABS   ? FROM_ABSOLUTE
					   : UNKNOWN;
}

static void put_memory(const struct wdx_map *map, const struct wdx_wasm *wasm, struct wdx_buf *out)
{
	const struct wdx_place *p = memory_place(map);
	unsigned kind = place_kind(p);
	size_t at;

	if (!wasm->memories.len)
		return;
	at = begin(out, EXTRACT_MEMORY);
	wdx_buf_u32(out, kind);
	wdx_buf_u32(out, wasm->memories.data[0].is64 ? 8 : 4);
	if (kind == IS_CONSTANT)
		wdx_buf_u64(out, p->value);
	else if (kind != UNKNOWN)
		for (uint32_t i = 0; i < p->n; i++)
			wdx_buf_u64(out, (uint64_t)map->offsets.data[p->first + i]);
	end(out, at);
}

struct slot { /* of the table */
	uint32_t index, order, func;
};

static int by_index(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* The entry of each function of the module, by its index; UINT32_MAX: it has none. */
static uint32_t *entries(const struct wdx_map *map, size_t n)
{
	uint32_t *e = malloc((n + 1) * sizeof(*e));
	const struct wdx_map_func *f;

	for (size_t i = 0; e && i < n; i++)
		e[i] = UINT32_MAX;
	if (e)
		wdx_vec_each (f, &map->funcs)
			if (f->index < n && f->nparts)
				e[f->index] = map->parts.data[f->first_part].lo;
	return e;
}

static void put_slots(const struct slot *s, size_t n, const uint32_t *entry, size_t nentries,
		      struct wdx_buf *out)
{
	size_t at = begin(out, EXTRACT_TABLE);

	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n || s[i + 1].index != s[i].index;

		if (!last || s[i].func >= nentries || entry[s[i].func] == UINT32_MAX)
			continue;
		wdx_buf_u32(out, s[i].index);
		wdx_buf_u32(out, entry[s[i].func]);
	}
	end(out, at);
}

static void put_table(const struct wdx_map *map, const struct wdx_wasm *wasm, struct wdx_buf *out)
{
	size_t n = wasm->slots.len, nfuncs = wasm->nimported_funcs + wasm->funcs.len;
	struct slot *s;
	uint32_t *entry;

	if (!n || !wdx_wasm_table_is_fixed(wasm))
		return;
	s = calloc(n, sizeof(*s));
	entry = entries(map, nfuncs);
	for (size_t i = 0; s && i < n; i++)
		s[i] = (struct slot){wasm->slots.data[i].index, (uint32_t)i,
				     wasm->slots.data[i].func};
	out->failed |= !s || !entry;
	if (!out->failed) {
		qsort(s, n, sizeof(*s), by_index);
		put_slots(s, n, entry, nfuncs, out);
	}
	free(entry);
	free(s);
}

static void put_data(const struct wdx_wasm *wasm, struct wdx_buf *out)
{
	size_t at;

	if (!wasm->segments.len)
		return;
	at = begin(out, EXTRACT_DATA);
	for (size_t i = 0; i < wasm->segments.len && i < SEGMENTS; i++) {
		const struct wdx_wasm_data *d = &wasm->segments.data[i];

		wdx_buf_u64(out, d->offset);
		wdx_buf_u32(out, (uint32_t)d->size);
		wdx_buf_u32(out, (uint32_t)crc32_z(0, d->bytes, d->size));
	}
	end(out, at);
}

void wdx_map_extract(const struct wdx_map *map, const struct wdx_wasm *wasm, struct wdx_buf *out)
{
	put_code(map, out);
	put_memory(map, wasm, out);
	put_table(map, wasm, out);
	put_data(wasm, out);
}
