/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The builder: output sections in work.  The emitters of wdx_pass.h are its public half.
 *
 * An entry's header can be written only when its attributes are known and whether it has children,
 * so the innermost entry is pending: its forms and values are collected, and flushed when a child
 * begins or it ends.  References are written as zeros and patched at the end of the run.
 */
#ifndef WDX_DWARF_BUILD_H
#define WDX_DWARF_BUILD_H

#include "base/error.h"
#include "dwarf/encode.h"
#include "dwarf/input.h"

enum wdx_out {
	WDX_OUT_INFO,
	WDX_OUT_ABBREV,
	WDX_OUT_STR,
	WDX_OUT_LINE,
	WDX_OUT_LINE_STR,
	WDX_OUT_LOCLISTS,
	WDX_OUT_RNGLISTS,
	WDX_OUT_LOC,
	WDX_OUT_RANGES,
	WDX_OUT_FRAME,
	WDX_OUT_MACRO,
	WDX_OUT_MACINFO,
	WDX_OUT_TYPES,
	WDX_OUT_COUNT
};

enum wdx_patch_kind {
	WDX_PATCH_UNIT4, /* 4 bytes, relative to the unit */
	WDX_PATCH_UNIT2, /* 2 bytes, relative to the unit */
	WDX_PATCH_INFO4, /* 4 bytes, relative to .debug_info */
	WDX_PATCH_ULEB4, /* ULEB128 padded to 4 bytes, relative to the unit */
	WDX_PATCH_ULEB3, /* the same padded to 3 */
	WDX_PATCH_NONE,	 /* an address, complete as it stands: see wdx_pass_config.addresses */
};

struct wdx_patch {
	uint8_t out, kind;
	uint32_t at, unit; /* unit: offset of the unit in its section */
	wdx_ident id;
};

struct wdx_out_spec {
	uint16_t name, form;
};

struct wdx_out_abbrev {
	uint32_t hash, first, n; /* specs */
	uint16_t tag;
	bool children;
};

struct wdx_expr {
	struct wdx_emit *e;
	uint32_t start, end; /* in wdx_emit.xbytes */
	uint32_t fix, nfix;  /* in wdx_emit.xfixes; their `at` is relative to start */
};

struct wdx_strings { /* strings appended to an output section: a hash table of offsets */
	uint32_t *slots;
	size_t nslots, n;
	enum wdx_out out;
};

struct wdx_emit {
	struct wdx_input *in;
	const struct wdx_pass_config *config;
	struct wdx_buf out[WDX_OUT_COUNT];
	struct wdx_error *err;		 /* the first */
	const struct wdx_cursor *cursor; /* where the walk is, for wdx_visitor.lost */
	uint64_t room;		   /* bytes an output section may have: see wdx_build_room() */
	WDX_VEC(uint32_t) offsets; /* of each identity in the output; UINT32_MAX: not written */
	WDX_VEC(uint32_t)
	homes; /* of each identity that was made: an entry of the input in whose
		  unit it is to be; UINT32_MAX: the unit where it was made */
	WDX_VEC(struct wdx_patch) patches;
	struct wdx_strings strs, line_strs;

	/* the unit in work */
	const struct wdx_in_unit *unit; /* of the input; NULL: the visitor's own */
	unsigned version, address_size;
	enum wdx_out info; /* where its entries go: WDX_OUT_TYPES for type units of version 4 */
	uint32_t unit_start, first_new; /* first identity made in this unit */
	uint32_t unit_patches;		/* patches before this unit */
	size_t abbrev_at;		/* of the abbreviation offset in its header */
	uint64_t base;
	unsigned depth;
	WDX_VEC(struct wdx_out_abbrev) abbrevs;
	WDX_VEC(struct wdx_out_spec) abbrev_specs;
	uint32_t *abbrev_slots;
	size_t nabbrev_slots;
	WDX_VEC(uint8_t) open; /* a byte per open entry: it has children */
	struct wdx_line_writer line;
	WDX_VEC(uint32_t)
	files; /* output number of each file of the unit's table; empty: file_shift */
	uint8_t file_shift;
	uint32_t line_offset; /* of the unit's table; WDX_NO_LINES: none yet */
	bool line_open;

	/* the pending entry */
	bool pending;
	uint16_t tag;
	wdx_ident id;
	WDX_VEC(struct wdx_out_spec) specs;
	struct wdx_buf vals;
	WDX_VEC(struct wdx_patch) vpatches; /* at: in vals */

	/* expressions of the entry begun last */
	struct wdx_buf xbytes;
	WDX_VEC(struct wdx_patch) xfixes;
	struct wdx_arena xarena;

	/* the last table of .debug_loclists and of .debug_rnglists: where it begins, its addresses
	 */
	struct wdx_list_table {
		size_t at;
		uint8_t address_size;
	} tables[2];
};

#define WDX_NO_LINES UINT32_MAX

struct wdx_error *wdx_emit_init(struct wdx_emit *e, struct wdx_input *in,
				const struct wdx_pass_config *config);
void wdx_emit_deinit(struct wdx_emit *e);

/* Begins the output of an input unit, its type and (of type units) signature kept. */
void wdx_build_unit(struct wdx_emit *e, const struct wdx_in_unit *u, unsigned version,
		    unsigned address_size);

/* Takes the unit in work out again. */
void wdx_build_unit_drop(struct wdx_emit *e);

/* Whether a section may grow further.  Pieces of the input that are shared or overlap come out once
 * per use; an input made of nothing else must not take all memory.  false: that error is latched.
 */
bool wdx_build_room(struct wdx_emit *e, const struct wdx_buf *b);

/* Overwrites bytes of an expression. */
void wdx_build_patch_expr(struct wdx_expr *x, uint32_t at, uint64_t v, unsigned size);

/* Applies the patches; afterwards the sections are complete. */
struct wdx_error *wdx_build_finish(struct wdx_emit *e);

/* Latches an error (consumed). */
void wdx_emit_latch(struct wdx_emit *e, struct wdx_error *err);

/* The output's number for a file number of the input's line table. */
uint64_t wdx_build_file(const struct wdx_emit *e, uint64_t file);

/* Ends the unit's line table when one is open. */
void wdx_build_line_end(struct wdx_emit *e);

/* An attribute with this form whose value the caller appends to e->vals. */
static inline void wdx_build_spec(struct wdx_emit *e, unsigned at, unsigned form)
{
	struct wdx_out_spec *s = wdx_vec_push(&e->specs);

	if (!s)
		wdx_emit_latch(e, &wdx_nomem);
	else
		*s = (struct wdx_out_spec){(uint16_t)at, (uint16_t)form};
}

/* Offset of s in an output string section, appended when new. */
uint32_t wdx_build_str(struct wdx_emit *e, struct wdx_strings *t, const char *s);

void wdx_build_addr_value(struct wdx_emit *e, uint64_t v);

/* Whole list attributes; `l` may hold one entry that is whole. */
void wdx_build_ranges(struct wdx_emit *e, uint16_t at, const struct wdx_range *r, size_t n);

#endif
