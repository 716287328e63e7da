/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Between the parts of the reader of Wasmtime's images (cwasm*.c).
 *
 * An image is an ELF64 file of OSABI 0xc8.  Native offsets count from the start of .text; sections
 * beside it, .eh_frame above all, have the address "file offset minus that of .text".
 */
#ifndef WDX_MAP_CWASM_H
#define WDX_MAP_CWASM_H

#include "base/reader.h"
#include "map/map.h"

struct wdx_target;

struct wdx_cwasm_section {
	const char *name;
	uint32_t type, link, info; /* sh_type, sh_link, sh_info */
	uint64_t offset;	   /* in the file */
	const uint8_t *data;	   /* borrowed; NULL when the section has no bytes in the file */
	size_t size;
};

struct wdx_cwasm_holders { /* from `at` on: bit n: register n holds the context pointer */
	uint32_t at;
	uint64_t regs;
};

struct wdx_cwasm {
	struct wdx_map *map;
	const struct wdx_wasm *wasm;
	const struct wdx_target *target;
	const uint8_t *data;
	size_t size;
	unsigned machine;			    /* EM_* */
	WDX_VEC(struct wdx_cwasm_section) sections; /* by section index */
	const struct wdx_cwasm_section *text;
	bool has_frames; /* there are frame tables */
	uint32_t *parts; /* of defined function i: its part; from symbols */

	/* from the synthetic DWARF (cwasm_vars.c) for cwasm_cells.c */
	uint32_t described; /* functions the engine described */
	bool has_memory;    /* VMContext has a `memory` member: memory 0's base is there */
	uint64_t memory;    /* its offset */

	/* from the frame tables (cwasm_slots.c) for cwasm_cells.c */
	WDX_VEC(struct wdx_cwasm_holders) holders; /* sorted */
};

/* cwasm_elf.c.  Reads headers; sections are slices of the image. */
struct wdx_error *wdx_cwasm_open(struct wdx_cwasm *c);

/* The first section of that name that has bytes, or NULL. */
const struct wdx_cwasm_section *wdx_cwasm_find(const struct wdx_cwasm *c, const char *name);

/* Appends the section's bytes to out with its relocations applied. */
struct wdx_error *wdx_cwasm_relocate(const struct wdx_cwasm *c, const struct wdx_cwasm_section *s,
				     struct wdx_buf *out);

/* cwasm_funcs.c.  Symbols to functions and parts; an image of another module is an error. */
struct wdx_error *wdx_cwasm_funcs(struct wdx_cwasm *c);

/* The part that holds native offset `at`, or NULL. */
struct wdx_map_part *wdx_cwasm_part_at(const struct wdx_cwasm *c, uint64_t at);

/* cwasm_pairs.c.  The address map. */
struct wdx_error *wdx_cwasm_pairs(struct wdx_cwasm *c);

/* cwasm_cfi.c.  Unwind rows and the preserved registers. */
struct wdx_error *wdx_cwasm_rows(struct wdx_cwasm *c);

/* cwasm_vars.c.  Places of locals and of the context pointer. */
struct wdx_error *wdx_cwasm_vars(struct wdx_cwasm *c);

/* cwasm_names.c.  How the engine calls the locals of one function: by the name section, or var<N>.
 * A name that two locals share means neither. */
struct wdx_cwasm_name {
	const char *s;
	uint32_t len, local;
};
struct wdx_cwasm_names {
	struct wdx_reader *funcs; /* name map of defined function i; empty when it has none */
	WDX_VEC(struct wdx_cwasm_name) of; /* of the function loaded last, sorted by name */
	WDX_VEC(uint32_t) named;	   /* the same locals, sorted by index */
};
struct wdx_error *wdx_cwasm_names_init(struct wdx_cwasm_names *n, const struct wdx_wasm *wasm);
void wdx_cwasm_names_deinit(struct wdx_cwasm_names *n);
struct wdx_error *wdx_cwasm_names_load(struct wdx_cwasm_names *n, uint32_t func);
/* The local that name means, or UINT32_MAX. */
uint32_t wdx_cwasm_local(const struct wdx_cwasm_names *n, const char *name, uint32_t nlocals);

/* cwasm_loc.c.  DWARF location descriptions to places.  UINT32_MAX: not one that can be kept. */
struct wdx_error *wdx_cwasm_place(const struct wdx_cwasm *c, const uint8_t *expr, size_t n,
				  uint32_t *place);

/* cwasm_cells.c.  Memories and globals, learnt from the code. */
struct wdx_error *wdx_cwasm_cells(struct wdx_cwasm *c);

/* cwasm_frames.c.  The frame tables of guest debugging, where an image has them. */
struct wdx_cwasm_slots { /* a function's slot in its frame: locals, then the operand stack */
	uint32_t func;	 /* defined function */
	uint32_t to_fp;	 /* the frame pointer is so far above the slot */
	uint32_t stack;	 /* offset of the operand stack's bottom */
	uint32_t nlocals, nshapes;
	const uint8_t *locals;	       /* words: offset of each local */
	const uint8_t *parents, *tops; /* words, of each shape: its parent, its top's offset */
	const uint8_t *local_types, *top_types; /* the engine's numbers of types */
};
struct wdx_cwasm_patch { /* where a breakpoint goes, before each wasm instruction */
	uint32_t lo, hi; /* native */
	uint32_t wasm;	 /* codepos */
	uint32_t desc;	 /* whose slot */
	uint32_t shape;	 /* of the operand stack; UINT32_MAX: empty */
	bool inlined;	 /* in code of another function: only lo and hi count */
};
struct wdx_cwasm_frames {
	uint32_t ndescs, npoints, nwords;
	const uint8_t *points, *offsets, *frames; /* words */
	WDX_VEC(struct wdx_cwasm_slots) slots;
	WDX_VEC(struct wdx_cwasm_patch) patches; /* sorted, disjoint */
};
struct wdx_error *wdx_cwasm_frames(struct wdx_cwasm *c);
uint32_t wdx_cwasm_word(const uint8_t *words, size_t i);
unsigned wdx_cwasm_slot_size(uint8_t type);
bool wdx_cwasm_slot_shown(uint8_t type); /* no reference */

/* cwasm_slots.c.  Where what the tables say is true; replaces what the map has of locals, operand
 * stack and context, and the positions where the tables know better. */
struct wdx_error *wdx_cwasm_take_slots(struct wdx_cwasm *c, const struct wdx_cwasm_frames *f);

/* cwasm_shared.c.  The claims of several locals to one place at once become doubtful; counted as
 * faults. */
struct wdx_error *wdx_cwasm_doubt_shared(struct wdx_cwasm *c);

#endif
