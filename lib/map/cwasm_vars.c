/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The DWARF that the engine makes up for functions that brought none: units of producer "wasmtime"
 * with a subprogram per function, and in it a variable or parameter per wasm local and __vmctx.
 * Locations are expressions or DWARF 4 lists.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "elf/elf.h"
#include "map/cwasm.h"

enum { MAX_SECTIONS = 5 };

struct found { /* a range before it is sorted and cut */
	uint64_t lo, hi;
	size_t order; /* in the list */
	uint32_t place;
};

struct reading {
	struct wdx_cwasm *c;
	Dwarf *dwarf;
	struct wdx_buf loc; /* .debug_loc, relocated */
	size_t budget;	    /* list entries that may still be read; lists may be shared */
	struct wdx_cwasm_names names;
	uint8_t *seen; /* of defined function i: described already */
	WDX_VEC(struct found) found;

	struct wdx_map_part *part;	   /* of the subprogram at hand */
	const struct wdx_wasm_func *body;
	uint64_t base; /* of the unit: what lists count from */
};

/* --- The sections ------------------------------------------------------------------------------ */

static const char *const names[MAX_SECTIONS] = {".debug_info", ".debug_abbrev", ".debug_str",
						".debug_line_str", ".debug_str_offsets"};

/* Copies of what libdw reads, relocated and wrapped as a file of their own. */
static struct wdx_error *wrap(struct wdx_cwasm *c, struct wdx_buf *copies, struct wdx_buf *out)
{
	struct wdx_section sections[MAX_SECTIONS];
	const struct wdx_cwasm_section *s;
	struct wdx_error *err;
	size_t i, n = 0;

	for (i = 0; i < MAX_SECTIONS; i++) {
		s = wdx_cwasm_find(c, names[i]);
		if (!s)
			continue;
		err = wdx_cwasm_relocate(c, s, &copies[i]);
		if (err)
			return err;
		sections[n++] = (struct wdx_section){names[i], copies[i].data, copies[i].len};
	}
	return wdx_elf_wrap(sections, n, true, false, out);
}

/* --- Ranges ------------------------------------------------------------------------------------ */

static void fault(struct reading *r)
{
	r->c->map->faults++;
}

/* Notes one range, cut to the function. */
static struct wdx_error *add_found(struct reading *r, uint64_t lo, uint64_t hi, const uint8_t *expr,
				   size_t n)
{
	struct wdx_error *err;
	struct found *f;
	uint32_t place;

	if (lo == hi)
		return NULL;
	if (lo < r->part->lo)
		lo = r->part->lo;
	if (hi > r->part->hi)
		hi = r->part->hi;
	if (lo >= hi) {
		fault(r);
		return NULL;
	}
	err = wdx_cwasm_place(r->c, expr, n, &place);
	if (err)
		return err;
	if (place == UINT32_MAX) {
		fault(r);
		return NULL;
	}
	f = wdx_vec_push(&r->found);
	if (!f)
		return &wdx_nomem;
	*f = (struct found){.lo = lo, .hi = hi, .order = r->found.len, .place = place};
	return NULL;
}

/* DWARF 4 §2.6.2. */
static struct wdx_error *read_list(struct reading *r, uint64_t offset)
{
	struct wdx_error *err = NULL;
	uint64_t base = r->base, lo, hi;
	struct wdx_reader in;
	const uint8_t *expr;
	uint16_t n;

	wdx_reader_init(&in, r->loc.data, r->loc.len, 0, false);
	wdx_read_seek(&in, offset);
	while (!err && !in.failed) {
		if (!r->budget--)
			return wdx_bad_input(".debug_loc: lists shared beyond reason");
		lo = wdx_read_u64(&in);
		hi = wdx_read_u64(&in);
		if (in.failed || (!lo && !hi))
			break;
		if (lo == UINT64_MAX) {
			base = hi;
			continue;
		}
		n = wdx_read_u16(&in);
		expr = wdx_read_bytes(&in, n);
		if (expr)
			err = add_found(r, base + lo, base + hi, expr, n);
	}
	if (in.failed)
		fault(r);
	return err;
}

static struct wdx_error *read_location(struct reading *r, Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Word offset;
	Dwarf_Block block;

	r->found.len = 0;
	if (!dwarf_attr(die, DW_AT_location, &attr))
		return NULL;
	switch (dwarf_whatform(&attr)) {
	case DW_FORM_exprloc:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
	case DW_FORM_block:
		if (!dwarf_formblock(&attr, &block))
			return add_found(r, r->part->lo, r->part->hi, block.data, block.length);
		break;
	default:
		/* Not dwarf_formudata() alone: it wants .debug_loc, which libdw is not given. */
		if (dwarf_whatform(&attr) == DW_FORM_sec_offset &&
		    attr.valp + 4 <= attr.cu->endp /* DWARF32 */) {
			memcpy(&(uint32_t){0}, attr.valp, 4);
		}
		if (!dwarf_formudata(&attr, &offset))
			return read_list(r, offset);
	}
	fault(r);
	return NULL;
}

static int by_start(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static struct wdx_error *put_range(struct reading *r, struct wdx_map_entity *e, const struct found *f)
{
	struct wdx_map *m = r->c->map;
	struct wdx_map_range *last = e->n ? &m->ranges.data[m->ranges.len - 1] : NULL;
	uint32_t lo = (uint32_t)f->lo, hi = (uint32_t)f->hi;

	if (last && last->place == f->place && lo <= last->hi) {
		last->hi = hi > last->hi ? hi : last->hi;
		return NULL;
	}
	if (last && lo < last->hi) {
		fault(r);
		lo = last->hi;
	}
	if (lo >= hi)
		return NULL;
	last = wdx_vec_push(&m->ranges);
	if (!last)
		return &wdx_nomem;
	*last = (struct wdx_map_range){.lo = lo, .hi = hi, .place = f->place};
	e->n++;
	return NULL;
}

static struct wdx_error *put_entity(struct reading *r, unsigned kind, uint32_t index)
{
	struct wdx_map *m = r->c->map;
	struct wdx_map_func *f = &m->funcs.data[r->part->func];
	struct wdx_map_entity *e;
	struct wdx_error *err = NULL;
	size_t i;

	if (!r->found.len)
		return NULL;
	for (i = 0; i < f->nentities; i++) {
		e = &m->entities.data[f->first_entity + i];
		if (e->kind == kind && e->index == index) {
			fault(r);
			return NULL;
		}
	}
	qsort(r->found.data, r->found.len, sizeof(*r->found.data), by_start);
	e = wdx_vec_push(&m->entities);
	if (!e)
		return &wdx_nomem;
	*e = (struct wdx_map_entity){.kind = kind, .index = index, .first = (uint32_t)m->ranges.len};
	f->nentities++;
	for (i = 0; !err && i < r->found.len; i++)
		err = put_range(r, e, &r->found.data[i]);
	return err;
}
