/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * .wasmtime.addrmap.  Two layouts:
 *
 * - up to 48: u32 count; count native offsets, u32 each; count positions, u32 each;
 * - from 50 on: u32 count; u32 number of blocks; per block u32 first native offset and u32 place in
 *   what follows; then blocks of 128 entries: uleb (native delta << 1 | no position), and where
 * there is a position, the block's first as uleb, then sleb deltas.
 *
 * Positions are offsets in the module's file; ~0 is none.  The size tells the layouts apart, but
 * for modules of two or three pairs: then the fourth word is the first block's place, 0, where the
 * first layout has an address behind another or a position, neither of which is 0.
 */
#include "map/cwasm.h"

#include <inttypes.h>

#include "base/error.h"

enum { BLOCK = 128 };

static const char *const name = ".wasmtime.addrmap";

struct reading {
	struct wdx_cwasm *c;
	struct wdx_map_part *part;	  /* the one that held the pair before */
	const struct wdx_wasm_func *body; /* of its function; NULL: a trampoline */
	uint64_t before;		  /* native offset of the pair before */
	bool any;
};

static struct wdx_error *foreign(const struct reading *r, uint32_t native, uint32_t file)
{
	return wdx_bad_input("%s: 0x%" PRIx32 " in %.128s comes from module offset 0x%" PRIx32
			     ", outside that function's body: the image is of another module",
			     name, native, r->c->map->funcs.data[r->part->func].symbol, file);
}

/* Frame tables, where there are any, tell of functions inlined into others, and whose image it is.
 * The end of a body is a position of its own. */
static bool is_inlined(const struct wdx_cwasm *c, wdx_codepos pos)
{
	return c->has_frames && pos.v != UINT32_MAX &&
	       (wdx_wasm_func_at(c->wasm, pos) ||
		(pos.v && wdx_wasm_func_at(c->wasm, (wdx_codepos){pos.v - 1})));
}

static struct wdx_error *position(const struct reading *r, uint32_t native, uint32_t file,
				  uint32_t *out)
{
	wdx_codepos pos;

	*out = UINT32_MAX;
	if (file == UINT32_MAX)
		return NULL;
	if (!r->body) { /* a trampoline has no wasm code to come from */
		r->c->map->faults++;
		return NULL;
	}
	pos = wdx_wasm_codepos(r->c->wasm, (wdx_filepos){file});
	if (pos.v < r->body->start.v || pos.v > r->body->end.v)
		return is_inlined(r->c, pos) ? NULL : foreign(r, native, file);
	/* Zeros for declared locals come from the declaration, wherever in the code they are made:
	 * that is no state of the function. */
	if (pos.v >= r->body->code.v)
		*out = pos.v;
	return NULL;
}

static struct wdx_error *append(struct reading *r, uint32_t native, uint32_t wasm)
{
	struct wdx_map *m = r->c->map;
	struct wdx_map_pair *p;

	if (!r->part->n)
		r->part->first = (uint32_t)m->pairs.len;
	/* Of several pairs at one address only the last has bytes to speak of. */
	if (r->part->n && m->pairs.data[m->pairs.len - 1].native == native)
		p = &m->pairs.data[m->pairs.len - 1];
	else if ((p = wdx_vec_push(&m->pairs)))
		r->part->n++;
	if (!p)
		return &wdx_nomem;
	*p = (struct wdx_map_pair){.native = native, .wasm = wasm};
	return NULL;
}

static void enter_part(struct reading *r, uint64_t native)
{
	const struct wdx_map_func *f;

	r->part = wdx_cwasm_part_at(r->c, native);
	f = r->part ? &r->c->map->funcs.data[r->part->func] : NULL;
	r->body = f && f->index != WDX_NO_INDEX
			  ? &r->c->wasm->funcs.data[f->index - r->c->wasm->nimported_funcs]
			  : NULL;
}

static struct wdx_error *add(struct reading *r, uint64_t native, uint32_t file)
{
	struct wdx_error *err;
	uint32_t wasm;

	if (r->any && native < r->before)
		return wdx_bad_input("%s: not sorted: 0x%" PRIx64 " comes after 0x%" PRIx64, name,
				     native, r->before);
	if (native > r->c->text->size)
		return wdx_bad_input("%s: 0x%" PRIx64 " lies outside the code", name, native);
	r->any = true;
	r->before = native;
	if (!r->part || native >= r->part->hi)
		enter_part(r, native);
	if (!r->part) { /* the end of a function, or padding */
		r->c->map->faults += file != UINT32_MAX;
		return NULL;
	}
	err = position(r, (uint32_t)native, file, &wasm);
	return err ? err : append(r, (uint32_t)native, wasm);
}

static struct wdx_error *read_arrays(struct reading *r, const struct wdx_cwasm_section *s,
				     uint32_t n)
{
	struct wdx_reader native, file;
	struct wdx_error *err = NULL;

	if (!wdx_vec_reserve(&r->c->map->pairs, n))
		return &wdx_nomem;
	wdx_reader_init(&native, s->data + 4, 4 * (size_t)n, 4, false);
	wdx_reader_init(&file, s->data + 4 + 4 * (size_t)n, 4 * (size_t)n, 0, false);
	while (!err && n--)
		err = add(r, wdx_read_u32(&native), wdx_read_u32(&file));
	return err;
}

/* One entry; *file is the position before it in the block, -1 when there was none. */
static struct wdx_error *read_entry(struct reading *r, struct wdx_reader *in, uint64_t *native,
				    int64_t *file)
{
	uint64_t word = wdx_read_uleb(in, 64);

	if (word >> 1 > UINT32_MAX) {
		wdx_reader_fail(in, "address out of range");
		return NULL;
	}
	*native += word >> 1;
	if (word & 1)
		return add(r, *native, UINT32_MAX);
	if (*file < 0)
		*file = (int64_t)wdx_read_uleb(in, 32);
	else
		*file += wdx_read_sleb(in, 33);
	if (in->failed)
		return NULL;
	if (*file < 0 || *file >= UINT32_MAX) {
		wdx_reader_fail(in, "position out of range");
		return NULL;
	}
	return add(r, *native, (uint32_t)*file);
}

static struct wdx_error *read_block(struct reading *r, struct wdx_reader *in, uint64_t native,
				    uint32_t n)
{
	struct wdx_error *err = NULL;
	int64_t file = -1;

	while (!err && n-- && !in->failed)
		err = read_entry(r, in, &native, &file);
	return err ? err : wdx_error_at(wdx_reader_error(in), "%s", name);
}

static struct wdx_error *read_blocks(struct reading *r, const struct wdx_cwasm_section *s,
				     uint32_t n)
{
	struct wdx_error *err = NULL;
	struct wdx_reader index, in;
	uint32_t blocks, native;
	size_t bodies;

	wdx_reader_init(&index, s->data + 4, s->size - 4, 4, false);
	blocks = wdx_read_u32(&index);
	if (index.failed || blocks != (n + (uint64_t)BLOCK - 1) / BLOCK ||
	    blocks > wdx_reader_left(&index) / 8)
		return wdx_bad_input("%s: neither of the layouts of Wasmtime 24 to 50", name);
	if (!wdx_vec_reserve(&r->c->map->pairs, n < s->size ? n : s->size))
		return &wdx_nomem;
	bodies = 8 + 8 * (size_t)blocks;
	wdx_reader_init(&in, s->data + bodies, s->size - bodies, bodies, false);
	for (; !err && n; n -= n < BLOCK ? n : BLOCK) {
		native = wdx_read_u32(&index);
		wdx_read_seek(&in, wdx_read_u32(&index));
		err = read_block(r, &in, native, n < BLOCK ? n : BLOCK);
	}
	return err;
}

static bool is_arrays(const struct wdx_cwasm_section *s, uint32_t n)
{
	struct wdx_reader r;

	if (s->size != 4 + 8 * (uint64_t)n)
		return false;
	wdx_reader_init(&r, s->data, s->size, 0, false);
	wdx_read_skip(&r, 12);
	return n < 2 || wdx_read_u32(&r) != 0;
}

struct wdx_error *wdx_cwasm_pairs(struct wdx_cwasm *c)
{
	const struct wdx_cwasm_section *s = wdx_cwasm_find(c, name);
	struct reading r = {.c = c};
	struct wdx_reader head;
	uint32_t n;

	if (!s)
		return wdx_bad_input(
			"the image has no address map (%s): compile it with debug_info on", name);
	wdx_reader_init(&head, s->data, s->size, 0, false);
	n = wdx_read_u32(&head);
	if (head.failed)
		return wdx_bad_input("%s: cut short", name);
	if (is_arrays(s, n))
		return read_arrays(&r, s, n);
	return read_blocks(&r, s, n);
}
