/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The map in memory: what the compiler says of its code.  Two readers fill it (the JSON format of
 * wasm-jit-map(5), and Wasmtime's .cwasm images) and one check makes it trustworthy in form.
 *
 * Native positions are offsets from the start of the code (wdx_native.v); wasm positions are
 * offsets in the code section, whatever the file counted in.  All lists are pooled: an owner
 * names `first` and `n` in the pool.  Everything lives until wdx_map_deinit().
 */
#ifndef WDX_MAP_H
#define WDX_MAP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "wasm/wasm.h"

enum wdx_place_kind {
	WDX_PLACE_REG,	 /* the value is in register `reg` */
	WDX_PLACE_MEM,	 /* the value is in memory: base + offsets[0], then for each further
			    offset: load a pointer from there, add the offset */
	WDX_PLACE_CONST, /* the value is `value` */
	WDX_PLACE_EXPR,	 /* a DWARF location description, raw, in the target's byte order */
	/* of no reader, but lib/flow's: */
	WDX_PLACE_SUM,	    /* the integer at place `first`, plus `value` */
	WDX_PLACE_COMPUTED, /* what the wasm instruction with opcode `value` makes of n operands,
			       integers whose lower `reg` bytes count (computed.def) */
	WDX_PLACE_ENTRY,    /* what register `reg` held when the function was entered, if the
			       caller's frame still shows it: see struct wdx_map_argument */
};

enum wdx_base_kind {
	WDX_BASE_CFA,	  /* the frame's canonical frame address */
	WDX_BASE_REG,	  /* register `reg` */
	WDX_BASE_CONTEXT, /* the context pointer, wherever it is at that address */
	WDX_BASE_ABS,	  /* 0: offsets[0] is an absolute address */
};

struct wdx_place {
	uint8_t kind, base;
	uint16_t reg;	   /* DWARF number */
	uint32_t first, n; /* MEM: in wdx_map.offsets, n >= 1; EXPR: in wdx_map.blob; SUM: in
			      wdx_map.places; COMPUTED: in wdx_map.offsets, which are numbers of
			      places */
	uint64_t value;	   /* CONST, SUM, COMPUTED */
};

enum wdx_entity_kind {
	WDX_ENT_LOCAL,	  /* index: wasm local */
	WDX_ENT_STACK,	  /* index: operand-stack slot, 0 is the bottom of the function's */
	WDX_ENT_GLOBAL,	  /* index: wasm global, where it is held outside its cell */
	WDX_ENT_CONTEXT,  /* the context pointer's value */
	WDX_ENT_MEMORY,	  /* index: memory; the value is the address of its byte 0 */
	WDX_ENT_DOUBTFUL, /* index: wasm local: claims that only count where code bears them out */
};

struct wdx_map_range { /* half-open; sorted by lo and disjoint within an entity */
	uint32_t lo, hi;
	uint32_t place; /* in wdx_map.places */
};

struct wdx_map_entity { /* sorted by kind, index within a function */
	uint32_t kind, index;
	uint32_t first, n; /* ranges */
};

struct wdx_map_pair { /* holds up to the next pair or the end of its part */
	uint32_t native;
	uint32_t wasm; /* codepos, or UINT32_MAX: none */
};

struct wdx_map_part { /* one contiguous piece of a function's code */
	uint32_t lo, hi;
	uint32_t func;		   /* in wdx_map.funcs */
	uint32_t first, n;	   /* pairs, sorted by native, all within [lo, hi) */
	uint32_t first_row, nrows; /* unwind rows, sorted; the first is at lo when there are any */
};

/* DWARF 5 §6.4.1 */
enum wdx_rule_kind {
	WDX_RULE_UNDEFINED,
	WDX_RULE_SAME,
	WDX_RULE_OFFSET,     /* saved at CFA + value */
	WDX_RULE_VAL_OFFSET, /* is CFA + value */
	WDX_RULE_REG,	     /* saved in register `value` */
	WDX_RULE_EXPR,	     /* saved at: bytes first, n in wdx_map.blob */
	WDX_RULE_VAL_EXPR,
};

struct wdx_rule {
	uint16_t reg; /* DWARF number; the return-address column among them */
	uint16_t kind;
	int32_t value;
	uint32_t first, n; /* expressions: in wdx_map.blob */
};

struct wdx_map_row { /* the whole unwind state from `native` on, not a difference */
	uint32_t native;
	uint16_t cfa_reg; /* CFA = register + offset, unless cfa_n */
	int32_t cfa_off;
	uint32_t cfa_first, cfa_n; /* CFA by DWARF expression: bytes in wdx_map.blob */
	uint32_t first, n; /* rules, sorted by reg; a register not named has the caller's value when
			      it is preserved (see wdx_map.preserved) and is undefined otherwise */
};

#define WDX_NO_INDEX UINT32_MAX

struct wdx_map_func {
	uint32_t index;	    /* wasm function index; WDX_NO_INDEX: a trampoline or helper */
	const char *symbol; /* never NULL */
	uint32_t first_part, nparts;
	uint32_t first_entity, nentities;
	uint32_t first_call, ncalls; /* return addresses of calls, sorted */
};

struct wdx_map_memory { /* where the base address of a memory is read, outside any range */
	uint32_t index;
	uint32_t place; /* MEM on CONTEXT or ABS, or CONST; its value is the base address */
	bool is64;
};

struct wdx_map_global { /* the cell of a global */
	uint32_t index;
	uint32_t place; /* MEM on CONTEXT or ABS */
};

struct wdx_map_argument { /* what a call passes is known while the callee runs */
	uint32_t call;	  /* return address */
	uint32_t func;	  /* called: in wdx_map.funcs */
	uint16_t reg;	  /* that brings it: DWARF number */
	uint16_t width;	  /* bytes that count */
	uint32_t place;	  /* in the caller's frame */
};

struct wdx_map {
	const char *producer; /* free text; NULL: unknown */
	const char *triple;   /* never NULL */
	uint64_t code_size;   /* below 4 GiB */
	uint64_t code_base;   /* address it was loaded at, 0: unknown */
	const uint8_t *code;  /* code_size bytes, or NULL */
	bool has_locals;      /* false: the producer kept no places of locals (warn) */
	bool instrumented; /* the code itself keeps all locals where the map says: no witness, and
			      nothing to check against the code */
	const char *hint;  /* how to get a better map, for that warning; NULL: none */
	struct {
		bool known;
		uint64_t size;
		uint8_t sha256[32];
	} module;
	WDX_VEC(struct wdx_map_func) funcs; /* sorted by their first part's lo */
	WDX_VEC(struct wdx_map_part) parts; /* of one function adjacent */
	WDX_VEC(struct wdx_map_pair) pairs;
	WDX_VEC(struct wdx_map_entity) entities;
	WDX_VEC(struct wdx_map_range) ranges;
	WDX_VEC(struct wdx_map_row) rows;
	WDX_VEC(struct wdx_rule) rules;
	WDX_VEC(uint32_t) calls;
	WDX_VEC(struct wdx_place) places;
	WDX_VEC(int64_t) offsets;
	WDX_VEC(uint8_t) blob;
	WDX_VEC(struct wdx_map_memory) memories;
	WDX_VEC(struct wdx_map_global) globals;
	WDX_VEC(struct wdx_map_argument) arguments; /* of lib/flow's; sorted by call, reg */
	WDX_VEC(uint16_t) preserved; /* DWARF numbers of call-preserved registers, sorted */
	uint32_t results[2];   /* where functions return integers, and floats, as the code shows
				  (lib/flow): 1 + DWARF number of the register; 0: not known */
	uint64_t faults;       /* claims of the producer dropped by an importer as malformed */
	uint32_t *place_slots; /* map.c: hash of places, by content; place + 1, 0 is free */
	size_t nplace_slots;   /* a power of two, or 0 */
	struct wdx_arena arena;
};

struct wdx_target; /* native/native.h */

/* Reads either kind, told apart by content.  `path` is for messages and for files named in the map.
 * The wasm module is needed to turn file offsets into code offsets and to check identity.
 * The bytes are borrowed and must outlive the map.  On success *target describes map->triple and
 * is the caller's; on error *map is empty and *target NULL. */
struct wdx_error *wdx_map_read(struct wdx_map *map, struct wdx_target **target, const char *path,
			       const uint8_t *data, size_t size, const struct wdx_wasm *wasm);
void wdx_map_deinit(struct wdx_map *map);

/* The two readers behind it (json.c, cwasm.c): fill, do not check.  `target` as above. */
struct wdx_error *wdx_map_read_json(struct wdx_map *map, struct wdx_target **target,
				    const char *path, const uint8_t *data, size_t size,
				    const struct wdx_wasm *wasm);
struct wdx_error *wdx_map_read_cwasm(struct wdx_map *map, struct wdx_target **target,
				     const char *path, const uint8_t *data, size_t size,
				     const struct wdx_wasm *wasm);

/* Everything the rest of the library relies on (check.c): order, bounds, disjointness, registers,
 * positions that are instruction starts, identity.  One clear error naming function and address. */
struct wdx_error *wdx_map_check(const struct wdx_map *map, const struct wdx_wasm *wasm);

/* Writes the map as JSON (emit.c).  A map read back from it equals this one in all that the
 * translation uses.  code bytes are written as base64 when the map has them. */
void wdx_map_emit(const struct wdx_map *map, const struct wdx_target *target,
		  const struct wdx_wasm *wasm, struct wdx_buf *out);

/* Appends what debuggers' Python has to know of the code beside its DWARF (extract.c), in the byte
 * order of out. */
void wdx_map_extract(const struct wdx_map *map, const struct wdx_wasm *wasm, struct wdx_buf *out);

/* Building blocks for readers (map.c): intern a place (equal places share an index). UINT32_MAX
 * when memory is out. offsets/bytes are copied. */
uint32_t wdx_map_place_reg(struct wdx_map *m, unsigned reg);
uint32_t wdx_map_place_mem(struct wdx_map *m, enum wdx_base_kind base, unsigned reg,
			   const int64_t *offsets, size_t n);
uint32_t wdx_map_place_const(struct wdx_map *m, uint64_t value);
uint32_t wdx_map_place_expr(struct wdx_map *m, const uint8_t *bytes, size_t n);
uint32_t wdx_map_place_sum(struct wdx_map *m, uint32_t place, uint64_t addend);
uint32_t wdx_map_place_computed(struct wdx_map *m, uint8_t opcode, unsigned width,
				const int64_t *places, unsigned n);
uint32_t wdx_map_place_entry(struct wdx_map *m, unsigned reg);

#endif
