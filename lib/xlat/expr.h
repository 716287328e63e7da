/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * One wasm expression, translated for one set of places.
 *
 * wdx_xexpr_parse() reads an expression of wasm DWARF once and says what it needs: wasm locals,
 * globals, operand-stack slots, the base of linear memory, the frame base.  The caller walks the
 * native ranges over which each need has a constant place, and for each such range calls
 * wdx_xexpr_emit(), which writes the native expression.
 */
#ifndef WDX_XLAT_EXPR_H
#define WDX_XLAT_EXPR_H

#include "map/map.h"
#include "native/native.h"
#include "wasm/wasm.h"
#include "wdx_pass.h"
#include "xlat/loss.h"

#define WDX_XEXPR_MAX_OPS 64
#define WDX_XEXPR_MAX_NEEDS 8

/* What does not change from expression to expression. */
struct wdx_xenv {
	const struct wdx_wasm *wasm;
	const struct wdx_map *map;
	const struct wdx_target *target;
	uint64_t memory_addr;	/* of .wasm.memory in the side-car: where statics are placed */
	uint64_t memory_size;	/* of .wasm.memory; an address beyond it is no static */
	bool address64;		/* the unit's wasm addresses are 64 bits wide */
	unsigned dwarf_version; /* of the output */
};

struct wdx_need {
	uint32_t kind, index; /* enum wdx_entity_kind: LOCAL, STACK, GLOBAL, MEMORY */
};

enum wdx_xexpr_use {
	WDX_USE_VARIABLE,   /* DW_AT_location */
	WDX_USE_FRAME_BASE, /* DW_AT_frame_base: the native address of the frame in linear memory;
			       right for whatever else is to give a native address (data_location)
			     */
	WDX_USE_VALUE,	    /* byte sizes, bounds...: a plain number, no address */
};

struct wdx_xexpr {
	const struct wdx_cursor *cursor;
	const struct wdx_xenv *env;
	const struct wdx_wasm_func *func; /* whose locals are meant; NULL outside functions */
	enum wdx_xexpr_use use;
	struct wdx_op ops[WDX_XEXPR_MAX_OPS];
	size_t nops;
	struct wdx_need needs[WDX_XEXPR_MAX_NEEDS];
	size_t nneeds;
	/* enum wdx_valtype of each need; 0: unknown, as that of an operand-stack slot is unless the
	 * caller sets it between parse and emit.  Unknown ones go whole, and into what comes out
	 * right for 32 and for 64 bits. */
	uint8_t need_type[WDX_XEXPR_MAX_NEEDS];
	/* Bytes of the variable; 0, as parse leaves it: unknown.  Set by the caller, it keeps a
	 * variable from reading beyond a narrower value. */
	uint64_t var_size;
	/* A composite is filled up to that many bytes with an empty piece; 0, as parse leaves it:
	 * it is not. */
	uint64_t fill;
	bool uses_frame;   /* reads the frame base by DW_OP_fbreg */
	bool reads_memory; /* the location is in linear memory or something there is loaded */
	bool innermost;	   /* true in the innermost frame only: reads a mutable wasm global */
	bool pieces;	   /* composite: a missing need costs only its piece */
	bool pointer;	   /* see wdx_xexpr_pointer() */
};

/* A place of the context pointer and of each need where the expression is wanted. */
struct wdx_xplaces {
	const struct wdx_place *context;		   /* NULL: unknown there */
	const struct wdx_place *need[WDX_XEXPR_MAX_NEEDS]; /* NULL: unknown there */
};

/* Reads the expression.  WDX_LOSS_NONE, or the reason why it cannot be translated anywhere. */
enum wdx_loss wdx_xexpr_parse(struct wdx_xexpr *x, const struct wdx_cursor *c,
			      const struct wdx_xenv *env, const struct wdx_wasm_func *func,
			      enum wdx_xexpr_use use, const uint8_t *expr, size_t size);

/* The variable is a pointer of that many bytes in wasm; what is emitted is the address it stands
 * for, as a value, and null stays null.  After parse; WDX_LOSS_NONE, or the reason why not. */
enum wdx_loss wdx_xexpr_pointer(struct wdx_xexpr *x);

/* The reason why there is nothing to emit where that need has no place. */
enum wdx_loss wdx_xexpr_missing(const struct wdx_need *need);

/* Writes the number of `size` bytes that is at a place which is no location of raw bytes and needs
 * no context pointer; above them it is zero. */
enum wdx_loss wdx_xexpr_place(const struct wdx_xenv *env, const struct wdx_place *p, unsigned size,
			      struct wdx_expr *out);

/* Writes the native expression to out.  WDX_LOSS_NONE; WDX_LOSS_NO_PLACE when a need is missing (of
 * a composite: all of its pieces); another reason when it is not provable with these places.
 * What was written to out is to be thrown away unless the answer is WDX_LOSS_NONE. */
enum wdx_loss wdx_xexpr_emit(const struct wdx_xexpr *x, const struct wdx_xplaces *p,
			     struct wdx_expr *out);

#endif
