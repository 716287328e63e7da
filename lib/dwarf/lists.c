/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/decode.h"

#include <dwarf.h>

/* GCC's extension: two numbers of views, which say nothing about places. */
#define VIEW_PAIR 9
#define UNKNOWN_KIND 0xff

static const char no_memory[] = "out of memory";

/* A list being read. */
struct list {
	const struct wdx_list_ctx *ctx;
	struct wdx_reader r;
	uint64_t mask; /* of an address */
	uint64_t base;
	bool dead; /* base is a tombstone */
	bool locs; /* entries have expressions */
};

static uint64_t address_mask(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ULL << 8 * size) - 1;
}

bool wdx_is_tombstone(uint64_t address, unsigned address_size)
{
	uint64_t mask = address_mask(address_size);

	return address == mask || address == mask - 1;
}

static void set_base(struct list *l, uint64_t base)
{
	l->base = base & l->mask;
	l->dead = wdx_is_tombstone(l->base, l->ctx->unit->address_size);
}

static uint64_t read_address(struct list *l)
{
	return wdx_read_uint(&l->r, l->ctx->unit->address_size);
}

static uint64_t read_addrx(struct list *l)
{
	uint64_t index = wdx_read_uleb(&l->r, 64), address = 0;
	const struct wdx_list_ctx *c = l->ctx;

	if (!l->r.failed && !(c->addrx && c->addrx(c->arg, index, &address)))
		wdx_reader_fail(&l->r, "list entry with an invalid address index");
	return address & l->mask;
}

static void read_expr(struct list *l, uint64_t size, struct wdx_loc *e)
{
	e->expr = wdx_read_bytes(&l->r, size);
	e->size = e->expr ? (size_t)size : 0;
}

/* Whether an entry from lo to hi, before the base is added where it is relative, holds anywhere;
 * fills in the range. */
static bool live(const struct list *l, uint64_t lo, uint64_t hi, bool relative, struct wdx_loc *e)
{
	unsigned size = l->ctx->unit->address_size;
	uint64_t add = relative ? l->base : 0;

	e->lo = (lo + add) & l->mask;
	e->hi = (hi + add) & l->mask;
	return !(relative && l->dead) && !wdx_is_tombstone(lo, size) &&
	       !wdx_is_tombstone(e->lo, size) && e->lo < e->hi;
}

/* What comes of one entry. */
enum step { STEP_END, STEP_SKIP, STEP_ENTRY };

static enum step pair_step(struct list *l, struct wdx_loc *e)
{
	uint64_t lo = read_address(l), hi = read_address(l);
	bool holds;

	if (l->r.failed || (!lo && !hi))
		return STEP_END;
	if (lo == l->mask) {
		set_base(l, hi);
		return STEP_SKIP;
	}
	holds = live(l, lo, hi, true, e);
	if (l->locs)
		read_expr(l, wdx_read_u16(&l->r), e);
	return holds ? STEP_ENTRY : STEP_SKIP;
}

/* Range lists number their kinds without DW_LLE_default_location. */
static uint8_t read_kind(struct list *l)
{
	static const uint8_t of_rle[] = {
		[DW_RLE_end_of_list] = DW_LLE_end_of_list,
		[DW_RLE_base_addressx] = DW_LLE_base_addressx,
		[DW_RLE_startx_endx] = DW_LLE_startx_endx,
		[DW_RLE_startx_length] = DW_LLE_startx_length,
		[DW_RLE_offset_pair] = DW_LLE_offset_pair,
		[DW_RLE_base_address] = DW_LLE_base_address,
		[DW_RLE_start_end] = DW_LLE_start_end,
		[DW_RLE_start_length] = DW_LLE_start_length,
	};
	uint8_t kind = wdx_read_u8(&l->r);

	if (l->locs)
		return kind;
	return kind < sizeof(of_rle) ? of_rle[kind] : UNKNOWN_KIND;
}

/* The addresses of an entry of version 5 that has some. */
static void read_bounds(struct list *l, uint8_t kind, uint64_t *lo, uint64_t *hi)
{
	bool indexed = kind == DW_LLE_startx_endx || kind == DW_LLE_startx_length;
	bool length = kind == DW_LLE_startx_length || kind == DW_LLE_start_length;

	if (kind == DW_LLE_offset_pair)
		*lo = wdx_read_uleb(&l->r, 64);
	else
		*lo = indexed ? read_addrx(l) : read_address(l);
	if (kind == DW_LLE_offset_pair || length)
		*hi = wdx_read_uleb(&l->r, 64) + (length ? *lo : 0);
	else
		*hi = indexed ? read_addrx(l) : read_address(l);
}

static enum step entry_step(struct list *l, struct wdx_loc *e)
{
	uint8_t kind = read_kind(l);
	bool holds = true;
	uint64_t lo, hi;

	switch (kind) {
	case DW_LLE_end_of_list:
		return STEP_END;
	case DW_LLE_base_addressx:
	case DW_LLE_base_address:
		set_base(l, kind == DW_LLE_base_address ? read_address(l) : read_addrx(l));
		return STEP_SKIP;
	case VIEW_PAIR:
		wdx_read_uleb(&l->r, 64);
		wdx_read_uleb(&l->r, 64);
		return STEP_SKIP;
	case DW_LLE_default_location:
		e->whole = true;
		break;
	case DW_LLE_offset_pair:
	case DW_LLE_startx_endx:
	case DW_LLE_startx_length:
	case DW_LLE_start_end:
	case DW_LLE_start_length:
		read_bounds(l, kind, &lo, &hi);
		holds = live(l, lo, hi, kind == DW_LLE_offset_pair, e);
		break;
	default:
		wdx_reader_fail(&l->r, "unknown kind of list entry");
		return STEP_END;
	}
	if (l->locs)
		read_expr(l, wdx_read_uleb(&l->r, 64), e);
	return holds ? STEP_ENTRY : STEP_SKIP;
}

/* The next entry that holds anywhere; false at the end and on failure. */
static bool next(struct list *l, struct wdx_loc *e)
{
	enum step step;

	do {
		*e = (struct wdx_loc){0};
		step = l->ctx->unit->version >= 5 ? entry_step(l, e) : pair_step(l, e);
	} while (step == STEP_SKIP && !l->r.failed);
	return step == STEP_ENTRY && !l->r.failed;
}

static void start(struct list *l, const struct wdx_list_ctx *ctx, uint64_t offset, bool locs)
{
	unsigned size = ctx->unit->address_size;

	*l = (struct list){.ctx = ctx, .locs = locs, .mask = address_mask(size)};
	wdx_reader_init(&l->r, ctx->data, ctx->size, 0, ctx->unit->big_endian);
	if (size < 1 || size > 8)
		wdx_reader_fail(&l->r, "impossible address size");
	if (offset >= ctx->size)
		wdx_reader_fail(&l->r, "list lies outside its section");
	wdx_read_seek(&l->r, offset);
	set_base(l, ctx->unit->low_pc);
}

static bool finish(const struct list *l, const char **why)
{
	if (l->r.failed)
		*why = l->r.failed;
	return !l->r.failed;
}

bool wdx_read_locs(const struct wdx_list_ctx *ctx, uint64_t offset, struct wdx_locs *out,
		   const char **why)
{
	struct list l;
	struct wdx_loc e, *to;

	start(&l, ctx, offset, true);
	while (!l.r.failed && next(&l, &e)) {
		to = wdx_vec_push(out);
		if (to)
			*to = e;
		else
			wdx_reader_fail(&l.r, no_memory);
	}
	return finish(&l, why);
}

bool wdx_read_ranges(const struct wdx_list_ctx *ctx, uint64_t offset, struct wdx_ranges *out,
		     const char **why)
{
	struct list l;
	struct wdx_loc e;
	struct wdx_range *to;

	start(&l, ctx, offset, false);
	while (!l.r.failed && next(&l, &e)) {
		to = wdx_vec_push(out);
		if (to)
			*to = (struct wdx_range){e.lo, e.hi};
		else
			wdx_reader_fail(&l.r, no_memory);
	}
	return finish(&l, why);
}
