/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The state of one run: what struct wdx_cursor.pass points to. */
#ifndef WDX_DWARF_PASS_H
#define WDX_DWARF_PASS_H

#include "dwarf/build.h"
#include "dwarf/decode.h"

struct wdx_moved { /* a line table or macro unit: where it was, where it is now */
	uint64_t from;
	uint32_t to;
	uint32_t first, n; /* of a line table: its file numbers, in wdx_pass.files */
	uint8_t shift;
};

struct wdx_pass {
	struct wdx_input *in;
	const struct wdx_pass_config *config;
	const struct wdx_visitor *v;
	struct wdx_emit emit;
	const struct wdx_in_unit *unit;
	struct wdx_unit pub; /* of unit; for the section events an empty one */
	struct wdx_cursor cursor;
	struct wdx_decoded decoded;
	WDX_VEC(uint32_t) open;		 /* indices of the open entries */
	bool again;			 /* inside wdx_emit_again(): */
	uint32_t again_root;		 /* index of the entry that is written once more */
	wdx_ident again_id;		 /* and its identity */
	WDX_VEC(uint32_t) todo;		 /* first pass: targets of references */
	WDX_VEC(struct wdx_moved) lines; /* tables written, by where they were */
	WDX_VEC(uint32_t) files;
	struct wdx_locs locs;
	struct wdx_ranges ranges;
	WDX_VEC(struct wdx_expr_loc) out_locs;
	WDX_VEC(struct wdx_op) ops;
	WDX_VEC(uint32_t) starts; /* of each operation in its copy */
	struct {
		uint64_t at, type; /* offset of an entry that others are instances of; its type */
	} origins[256];
	uint32_t *type_sizes;	/* by index of the type's entry: 1 + bytes; 0: not looked up */
	struct wdx_arena arena; /* of the unit */
};

/* The first pass: which entries exist in the output (keep.c). */
struct wdx_error *wdx_pass_keep(struct wdx_pass *p);

/* The default treatment of one attribute, events included (copy.c). */
void wdx_pass_attrs(struct wdx_pass *p);

/* Whether units of that kind can be written. */
bool wdx_pass_supports(const struct wdx_in_unit *u);

/* Whether the visitor took the event; what it failed with is latched. */
static inline bool wdx_pass_taken(struct wdx_pass *p, enum wdx_verdict v)
{
	if (v == WDX_FAIL && !p->emit.err)
		wdx_emit_fail(&p->emit, "the visitor failed");
	return v != WDX_COPY;
}

void wdx_pass_lost(struct wdx_pass *p, enum wdx_lost what, const char *detail);

#endif
