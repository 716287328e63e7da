/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * .wasmtime.frames, in images compiled for guest debugging: the same in 48 and 50; 24 and 36 cannot
 * make such.  Little-endian u32, then three pools.
 *
 *   counts of slot descriptors, program points, breakpoints; sizes of the three pools: the
 *   descriptors in bytes, the frames in words, the patches in bytes
 *   per descriptor where it begins and ends in its pool; then per descriptor how far the frame
 *   pointer is above its slot
 *   per program point native offset << 1 | before; then per point where its frames begin
 *   per breakpoint its position in the module; the native offset of its patch; where that ends in
 *   the pool
 *
 * A descriptor: namespace and index of the function; counts of locals and stack shapes; offsets of
 * the locals in the slot; of each shape its parent, or ~0, and the offset of its top; a byte for
 * each local's type; a byte for each shape's top's.  At offset 0 of every slot is the context
 * pointer.  A frame: position in the module (top bit: one inlined into it follows), descriptor,
 * shape (~0: empty stack).
 *
 * Before every wasm instruction there is a call that is patched in for a breakpoint, a nop
 * otherwise, with a program point behind it.  All else that has program points (calls, traps) is
 * checked for form and not used.
 */
#include "map/cwasm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/search.h"

#define NONE UINT32_MAX

enum { WASM_FUNCTION = 0, TYPES = 10 }; /* namespace of module 0's functions; types known */

static const char *const name = ".wasmtime.frames";

/* By the numbers the engine gives its types; 0: a reference, nothing to show. */
static const struct {
	uint8_t type, size;
} types[TYPES] = {{WDX_I32, 4}, {WDX_I64, 8}, {WDX_F32, 4}, {WDX_F64, 8}, {WDX_V128, 16},
		  {0, 4},	{0, 8},	      {0, 4},	    {0, 4},	  {0, 16}};

uint32_t wdx_cwasm_word(const uint8_t *words, size_t i)
{
	const uint8_t *p = words + 4 * i;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static struct wdx_error *cut_short(void)
{
	return wdx_bad_input("%s: its tables are not as long as its header says", name);
}

/* --- Descriptors -------------------------------------------------------------------------------
 */

static struct wdx_error *wild(uint32_t desc, const char *what)
{
	return wdx_bad_input("%s: descriptor %" PRIu32 ": %s", name, desc, what);
}

unsigned wdx_cwasm_slot_size(uint8_t type)
{
	return type < TYPES ? types[type].size : 0;
}

bool wdx_cwasm_slot_shown(uint8_t type)
{
	return type < TYPES && types[type].type;
}

static bool fits(const struct wdx_cwasm_slots *s, uint32_t offset, uint8_t type)
{
	return type < TYPES && offset >= 8 && offset <= s->to_fp &&
	       types[type].size <= s->to_fp - offset;
}

static struct wdx_error *check_locals(const struct wdx_cwasm *c, uint32_t desc,
				      const struct wdx_cwasm_slots *s)
{
	const struct wdx_wasm_func *f = &c->wasm->funcs.data[s->func];
	uint32_t i, at = 8;
	uint8_t type;

	if (s->nlocals != f->nlocals)
		return wild(desc, "another number of locals than the function has");
	for (i = 0; i < s->nlocals; i++) {
		type = s->local_types[i];
		if (!fits(s, wdx_cwasm_word(s->locals, i), type))
			return wild(desc, "a local outside of the frame, or of unknown type");
		if (wdx_cwasm_word(s->locals, i) != at)
			return wild(desc, "locals that do not follow one another");
		at += types[type].size;
		if (types[type].type && types[type].type != wdx_wasm_local_type(c->wasm, f, i))
			return wild(desc, "a local of another type than the function's");
	}
	return NULL;
}

/* Parents come first, so that every chain ends. */
static struct wdx_error *check_shapes(uint32_t desc, struct wdx_cwasm_slots *s)
{
	uint32_t i, parent, at, bottom;

	bottom = s->nlocals ? wdx_cwasm_word(s->locals, s->nlocals - 1) +
				      types[s->local_types[s->nlocals - 1]].size
			    : 8;
	s->stack = bottom;
	for (i = 0; i < s->nshapes; i++) {
		parent = wdx_cwasm_word(s->parents, i);
		if (parent != NONE && parent >= i)
			return wild(desc, "a stack shape before its parent");
		at = parent == NONE
			     ? bottom
			     : wdx_cwasm_word(s->tops, parent) + types[s->top_types[parent]].size;
		if (!fits(s, wdx_cwasm_word(s->tops, i), s->top_types[i]))
			return wild(desc, "a stack slot outside of the frame, or of unknown type");
		if (wdx_cwasm_word(s->tops, i) != at)
			return wild(desc, "stack slots that do not follow one another");
	}
	return NULL;
}

static struct wdx_error *read_descriptor(const struct wdx_cwasm *c, uint32_t desc,
					 struct wdx_reader *in, struct wdx_cwasm_slots *s)
{
	uint32_t space = wdx_read_u32(in), func = wdx_read_u32(in);
	struct wdx_error *err;

	s->nlocals = wdx_read_u32(in);
	s->nshapes = wdx_read_u32(in);
	s->locals = wdx_read_bytes(in, 4 * (uint64_t)s->nlocals);
	s->parents = wdx_read_bytes(in, 4 * (uint64_t)s->nshapes);
	s->tops = wdx_read_bytes(in, 4 * (uint64_t)s->nshapes);
	s->local_types = wdx_read_bytes(in, s->nlocals);
	s->top_types = wdx_read_bytes(in, s->nshapes);
	if (in->failed)
		return wild(desc, "cut short");
	if (space != WASM_FUNCTION || func >= c->wasm->funcs.len)
		return wild(desc, "of a function that the module does not define");
	s->func = func;
	err = check_locals(c, desc, s);
	return err ? err : check_shapes(desc, s);
}

static struct wdx_error *read_descriptors(const struct wdx_cwasm *c, struct wdx_cwasm_frames *f,
					  const uint8_t *ranges, const uint8_t *to_fp,
					  const uint8_t *pool, uint32_t size)
{
	struct wdx_error *err = NULL;
	struct wdx_cwasm_slots *s;
	uint32_t i, lo, hi, last = 0;
	struct wdx_reader in;

	if (!wdx_vec_reserve(&f->slots, f->ndescs))
		return &wdx_nomem;
	for (i = 0; !err && i < f->ndescs; i++) {
		lo = wdx_cwasm_word(ranges, 2 * (size_t)i);
		hi = wdx_cwasm_word(ranges, 2 * (size_t)i + 1);
		if (lo < last || hi < lo || hi > size)
			return wild(i, "outside of its pool");
		last = hi;
		s = &f->slots.data[f->slots.len++];
		*s = (struct wdx_cwasm_slots){.to_fp = wdx_cwasm_word(to_fp, i)};
		if (s->to_fp > INT32_MAX)
			return wild(i, "a frame beyond reason");
		wdx_reader_init(&in, pool + lo, hi - lo, lo, false);
		err = read_descriptor(c, i, &in, s);
	}
	return err;
}

/* --- Program points ----------------------------------------------------------------------------
 */

static struct wdx_error *check_frames(const struct wdx_cwasm_frames *f, uint32_t point, uint32_t lo,
				      uint32_t hi)
{
	uint32_t wasm, desc, shape;

	do {
		if (hi - lo < 3)
			return wdx_bad_input("%s: program point %" PRIu32 ": frames cut short",
					     name, point);
		wasm = wdx_cwasm_word(f->frames, lo);
		desc = wdx_cwasm_word(f->frames, (size_t)lo + 1);
		shape = wdx_cwasm_word(f->frames, (size_t)lo + 2);
		if (desc >= f->ndescs || (shape != NONE && shape >= f->slots.data[desc].nshapes))
			return wdx_bad_input("%s: program point %" PRIu32
					     ": a descriptor or stack shape that there is not",
					     name, point);
		lo += 3;
	} while (wasm >> 31);
	return NULL;
}

static struct wdx_error *check_points(const struct wdx_cwasm *c, const struct wdx_cwasm_frames *f)
{
	struct wdx_error *err = NULL;
	uint32_t i, lo, hi;

	for (i = 0; !err && i < f->npoints; i++) {
		if (i && wdx_cwasm_word(f->points, i) <= wdx_cwasm_word(f->points, i - 1))
			return wdx_bad_input("%s: program points are not sorted", name);
		if (wdx_cwasm_word(f->points, i) >> 1 > c->text->size)
			return wdx_bad_input("%s: a program point outside of the code", name);
		lo = wdx_cwasm_word(f->offsets, i);
		hi = i + 1 < f->npoints ? wdx_cwasm_word(f->offsets, i + 1) : f->nwords;
		if (lo > hi || hi > f->nwords)
			return wdx_bad_input("%s: frames outside of their pool", name);
		err = check_frames(f, i, lo, hi);
	}
	return err;
}

/* The program point behind what ends at that native offset, or NONE. */
static uint32_t point_behind(const struct wdx_cwasm_frames *f, uint32_t native)
{
	uint32_t lo = wdx_search(i, 0, f->npoints, wdx_cwasm_word(f->points, i) < native << 1);

	return lo < f->npoints && wdx_cwasm_word(f->points, lo) == native << 1 ? lo : NONE;
}

/* --- Breakpoints -------------------------------------------------------------------------------
 */

static struct wdx_error *bad_breakpoint(uint32_t i, const char *what)
{
	return wdx_bad_input("%s: breakpoint %" PRIu32 ": %s", name, i, what);
}

/* The patch's own frame must be of the function whose code it is in. */
static struct wdx_error *read_frame(const struct wdx_cwasm *c, const struct wdx_cwasm_frames *f,
				    uint32_t i, uint32_t file, struct wdx_cwasm_patch *p)
{
	const struct wdx_map_part *part = wdx_cwasm_part_at(c, p->lo);
	uint32_t point = point_behind(f, p->hi), at, func;
	const struct wdx_wasm_func *body;

	if (point == NONE)
		return bad_breakpoint(i, "no program point behind its patch");
	at = wdx_cwasm_word(f->offsets, point);
	p->desc = wdx_cwasm_word(f->frames, (size_t)at + 1);
	p->shape = wdx_cwasm_word(f->frames, (size_t)at + 2);
	p->inlined = wdx_cwasm_word(f->frames, at) >> 31;
	func = f->slots.data[p->desc].func;
	if (!part || p->hi > part->hi ||
	    c->map->funcs.data[part->func].index != c->wasm->nimported_funcs + func)
		return bad_breakpoint(i, "its patch is not in its function's code");
	if (p->inlined)
		return NULL;
	body = &c->wasm->funcs.data[func];
	p->wasm = wdx_wasm_codepos(c->wasm, (wdx_filepos){file}).v;
	if (file != wdx_cwasm_word(f->frames, at) || p->wasm < body->code.v ||
	    p->wasm >= body->end.v || !(c->wasm->kinds[p->wasm] & WDX_INSN_START))
		return bad_breakpoint(i, "its position is no instruction of its function");
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct wdx_cwasm_patch *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static struct wdx_error *read_breakpoints(const struct wdx_cwasm *c, struct wdx_cwasm_frames *f,
					  const uint8_t *wasm, const uint8_t *native,
					  const uint8_t *ends, uint32_t n, uint32_t size)
{
	struct wdx_error *err = NULL;
	struct wdx_cwasm_patch *p;
	uint32_t i, end, last = 0;

	if (!wdx_vec_reserve(&f->patches, n))
		return &wdx_nomem;
	for (i = 0; !err && i < n; i++) {
		end = wdx_cwasm_word(ends, i);
		p = &f->patches.data[f->patches.len++];
		*p = (struct wdx_cwasm_patch){.lo = wdx_cwasm_word(native, i)};
		if (end <= last || end > size)
			return bad_breakpoint(i, "its patch is outside of its pool");
		if (p->lo > c->text->size || end - last > c->text->size - p->lo)
			return bad_breakpoint(i, "its patch is outside of the code");
		p->hi = p->lo + (end - last);
		last = end;
		err = read_frame(c, f, i, wdx_cwasm_word(wasm, i), p);
	}
	if (err)
		return err;
	if (n)
		qsort(f->patches.data, n, sizeof(*f->patches.data), by_address);
	for (i = 1; i < n; i++)
		if (f->patches.data[i].lo < f->patches.data[i - 1].hi)
			return wdx_bad_input("%s: patches that overlap", name);
	return NULL;
}

/* --- The whole ---------------------------------------------------------------------------------
 */

static struct wdx_error *read_tables(const struct wdx_cwasm *c, struct wdx_cwasm_frames *f,
				     struct wdx_reader *in)
{
	uint32_t nbreaks, pool, patches;
	const uint8_t *ranges, *to_fp, *wasm, *native, *ends, *descs;
	struct wdx_error *err;

	f->ndescs = wdx_read_u32(in);
	f->npoints = wdx_read_u32(in);
	nbreaks = wdx_read_u32(in);
	pool = wdx_read_u32(in);
	f->nwords = wdx_read_u32(in);
	patches = wdx_read_u32(in);
	ranges = wdx_read_bytes(in, 8 * (uint64_t)f->ndescs);
	to_fp = wdx_read_bytes(in, 4 * (uint64_t)f->ndescs);
	f->points = wdx_read_bytes(in, 4 * (uint64_t)f->npoints);
	f->offsets = wdx_read_bytes(in, 4 * (uint64_t)f->npoints);
	wasm = wdx_read_bytes(in, 4 * (uint64_t)nbreaks);
	native = wdx_read_bytes(in, 4 * (uint64_t)nbreaks);
	ends = wdx_read_bytes(in, 4 * (uint64_t)nbreaks);
	descs = wdx_read_bytes(in, pool);
	f->frames = wdx_read_bytes(in, 4 * (uint64_t)f->nwords);
	wdx_read_bytes(in, patches);
	if (in->failed || wdx_reader_left(in))
		return cut_short();
	err = read_descriptors(c, f, ranges, to_fp, descs, pool);
	if (!err)
		err = check_points(c, f);
	return err ? err : read_breakpoints(c, f, wasm, native, ends, nbreaks, patches);
}

struct wdx_error *wdx_cwasm_frames(struct wdx_cwasm *c)
{
	const struct wdx_cwasm_section *s = wdx_cwasm_find(c, name);
	struct wdx_cwasm_frames f = {0};
	struct wdx_error *err;
	struct wdx_reader in;

	if (!s)
		return NULL;
	wdx_reader_init(&in, s->data, s->size, 0, false);
	err = read_tables(c, &f, &in);
	if (!err)
		err = wdx_cwasm_take_slots(c, &f);
	wdx_vec_free(&f.slots);
	wdx_vec_free(&f.patches);
	return err;
}
