/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The stepper, what its files share: a debugger without a user.  It stops a native process at the
 * statements of a side-car, brings an interpreter to the same wasm instruction, and compares what
 * the side-car's DWARF shows of the one with what the module's DWARF shows of the other.
 *
 * Positions have two kinds: `native`, an offset in the machine code (wdx_native), and `wasm`, an
 * offset in the code section's contents, which is what DWARF calls an address.  The interpreter
 * counts from the start of the file.  Failures that leave nothing to compare end the program.
 */
#ifndef DIFFERENTIAL_STEPPER_H
#define DIFFERENTIAL_STEPPER_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "interp/interp.h"
#include "map/map.h"
#include "wasm/wasm.h"

#define NOWHERE UINT32_MAX

_Noreturn void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *xalloc(size_t size);				     /* cleared, never NULL */
void *xgrow(void *data, size_t n, size_t *cap, size_t elem); /* room for one more */
uint8_t *read_file(const char *path, size_t *size);

/* ---- expr.c: one expression evaluator for both sides ----------------------------------
 */

struct base_type {	  /* of a typed stack entry */
	uint8_t size;	  /* 1 to 8 */
	uint8_t encoding; /* DW_ATE_* */
};

struct op {
	uint8_t code;
	uint64_t a, b;
	const uint8_t *data; /* a block of `a` bytes */
	const struct base_type *type;
};

struct expr {
	const char *bad; /* why it cannot be evaluated; NULL: it can */
	const uint8_t *bytes;
	size_t size, n;
	struct op op[];
};

/* Where the evaluator gets what it needs; `ctx` is handed on.  false: not to be had. */
struct machine {
	unsigned width; /* bytes of the generic type */
	bool (*reg)(void *ctx, unsigned number, uint8_t out[16], unsigned *size);
	bool (*wasm)(void *ctx, unsigned kind, uint32_t index, uint64_t *v);
	bool (*read)(void *ctx, uint64_t address, void *out, size_t n);
	bool (*cfa)(void *ctx, uint64_t *v);
	/* what the register held when the frame's function was entered */
	bool (*entry)(void *ctx, unsigned number, uint64_t *v);
	bool (*frame_base)(void *ctx, uint64_t *v);
	uint64_t (*relocate)(void *ctx, uint64_t address, bool alone); /* of DW_OP_addr */
};

enum piece_kind { PIECE_NONE, PIECE_MEMORY, PIECE_VALUE };

struct piece {
	enum piece_kind kind;
	uint64_t size; /* bytes; UINT64_MAX: all there is */
	uint64_t address;
	uint8_t bytes[16];   /* of a VALUE, n of them */
	const uint8_t *data; /* ... or here */
	size_t n;
};

#define MAX_PIECES 32

enum outcome {
	EVAL_OK,
	EVAL_NONE,  /* not available: what debuggers call optimized out */
	EVAL_CANT,  /* beyond this evaluator, or not defined at all */
	EVAL_WRONG, /* a debugger would report an error */
};

struct value {
	enum outcome outcome;
	const char *why; /* when not OK */
	unsigned n;
	struct piece piece[MAX_PIECES];
};

struct unit;
struct expr *expr_decode(const struct unit *u, const uint8_t *bytes, size_t size);
void expr_eval(const struct expr *e, const struct machine *m, void *ctx, struct value *out);
/* As a frame base or canonical frame address: a number. */
bool expr_number(const struct expr *e, const struct machine *m, void *ctx, uint64_t *out);
void expr_print(const struct expr *e, FILE *f);

/* ---- dwarf.c: one side's DWARF as a tree of what has names, code or places ------------
 */

struct range {
	uint64_t lo, hi;
};

struct place { /* one entry of a location; whole: lo 0, hi UINT64_MAX */
	uint64_t lo, hi;
	const uint8_t *bytes;
	size_t size;
	struct expr *expr; /* when asked for */
};

struct location {
	bool present;  /* has the attribute */
	bool constant; /* DW_AT_const_value: bytes at `data` */
	uint8_t data[16];
	const uint8_t *block;
	size_t size;
	size_t n;
	struct place *places;
};

struct node {
	struct node *parent, *child, *next, *last; /* last: of the children */
	struct node *peer;			   /* the same on the other side */
	struct unit *unit;
	Dwarf_Off offset;
	int tag;
	const char *name;
	unsigned file, line, call_line;
	uint64_t size; /* of a variable's type; UINT64_MAX: unknown */
	size_t nranges;
	struct range *ranges;
	struct location location;   /* of a variable */
	struct location frame_base; /* of a subprogram */
};

struct side;

struct unit {
	struct side *side;
	Dwarf_Die die;
	uint16_t version;
	uint8_t address_size, offset_size;
	uint64_t offset; /* of its header */
	uint64_t low_pc, addr_base, loclists_base;
	Dwarf_Lines *lines;
	size_t nlines;
	struct node *root;
};

struct call_argument {
	unsigned reg;
	struct expr *value;
};

struct call_site {
	uint64_t pc;	     /* where it returns */
	uint64_t callee;     /* 0: by target, or not known */
	struct expr *target; /* NULL: by callee */
	size_t n;
	struct call_argument *arguments;
};

struct bytes {
	const uint8_t *data;
	size_t size;
};

struct side {
	const char *name;
	Dwarf *dwarf;
	Elf *elf;
	struct bytes loc, loclists, addr;
	struct unit *units;
	size_t nunits;
	uint64_t code_lo, code_hi; /* addresses of code; all else is dead */
	struct node **funcs;	   /* by wasm function, imports counted; NULL: none */
	size_t nfuncs;
	struct call_site *sites; /* by pc */
	size_t nsites, sites_cap;
};

void side_load(struct side *s);
struct expr *location_at(const struct node *n, struct location *l, uint64_t pc);
bool node_covers(const struct node *n, uint64_t pc);
/* The row in force: false when there is none.  `first`, `last` number rows with its address. */
struct row {
	const char *file;
	int line;
	bool is_stmt, prologue_end;
	Dwarf_Addr address;
};
bool line_at(const struct unit *u, uint64_t pc, size_t *first, size_t *last);
struct row line_row(const struct unit *u, size_t i);

/* ---- sites.c ------------------------------------------------------------------------- */

void site_read(struct unit *u, Dwarf_Die *die);
void sites_sort(struct side *s);
const struct call_site *site_at(const struct side *s, uint64_t pc); /* NULL: none */

/* ---- world.c: the inputs ------------------------------------------------------------- */

struct world {
	const char *module_path, *image_path, *sidecar_path, *map_path;
	uint8_t *module, *map_text;
	size_t module_size, map_size;
	struct wdx_wasm wasm;
	struct wdx_map map;
	struct wdx_target *target;
	struct side in, out;
	uint64_t text_addr, memory_addr, memory_size; /* in the side-car */
	uint64_t text, memory;			      /* in the process */
	uint32_t *parts_by_lo;
};

void world_load(struct world *w);
/* The map's function at a native offset, or NULL. */
const struct wdx_map_func *world_func(const struct world *w, uint32_t native,
				      const struct wdx_map_part **part);
/* The wasm position of a native offset, NOWHERE; *start: where its interval begins. */
uint32_t world_position(const struct world *w, uint32_t native, uint32_t *start);
const struct wdx_wasm_func *world_body(const struct world *w, uint32_t index);
/* Whether the map puts most of a native range into a wasm range. */
bool world_agrees(const struct world *w, const struct node *in, const struct node *out);

/* reloc.c: in an object file, applies the relocations of debug sections. */
void relocate_all(const char *path, uint8_t *data, size_t size);

/* ---- match.c ------------------------------------------------------------------------- */

struct match_count {
	uint64_t units, scopes, variables; /* matched */
	uint64_t lost_scopes, lost_variables,
		size;	/* live ones without a peer; sizes that differ */
	uint64_t spare; /* only in the output */
};
void match_sides(struct world *w, struct match_count *count);

#endif
