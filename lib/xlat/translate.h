/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The wasm-to-native visitor: its state, shared by the files that handle entries (die.c), locations
 * (location.c), line tables (lines.c) and frames (frames.c).
 */
#ifndef WDX_XLAT_TRANSLATE_H
#define WDX_XLAT_TRANSLATE_H

#include "native/native.h"
#include "wdx.h"
#include "wdx_pass.h"
#include "flow/code.h"
#include "flow/values.h"
#include "xlat/expr_known.h"
#include "xlat/loss.h"
#include "xlat/pointers.h"

struct wdx_described {	       /* a function that has an entry, found in the first pass */
	uint64_t unit, offset; /* offsets of the unit and of the entry */
	uint32_t func;	       /* in wdx_codeindex.funcs */
};

struct wdx_scope { /* an open entry that has code */
	unsigned depth;
	size_t first; /* native ranges, from here to the next scope's, in wdx_xlat.scope_ranges */
	bool function;
	bool inlined; /* it is an inlined call, or in one */
};

struct wdx_origin { /* an entry is an instance of the one at that offset */
	uint32_t offset, of;
};

enum wdx_parameter { WDX_PARAMETER_NONE, WDX_PARAMETER_THIS, WDX_PARAMETER_OTHER };

struct wdx_xlat {
	const struct wdx_wasm *wasm;
	const struct wdx_map *map;
	const struct wdx_target *target;
	struct wdx_codeindex code;
	struct wdx_xenv env;
	uint64_t text_addr; /* of native offset 0 in the side-car */
	const char *module_name;
	bool *preserved; /* by DWARF register number; npreserved of them */
	size_t npreserved;
	bool *described;    /* by function of the map: has an entry */
	uint32_t *entry_of; /* likewise: 1 + which of `entries` is its first; 0: it has none */

	WDX_VEC(struct wdx_described) entries; /* by unit, as the walk goes */
	size_t next_entry;		       /* the first of units not yet written */

	WDX_VEC(struct wdx_origin) silent;  /* of functions that return in memory; by offset */
	WDX_VEC(struct wdx_origin) origins; /* of functions without code */

	struct wdx_operands operands; /* wanted: found in the first pass; then sorted */

	struct wdx_pointers pointers;

	/* where the walk is */
	bool bare;
	uint32_t call_return; /* of the call site in work */
	const struct wdx_code_func *func;
	unsigned func_depth;
	const struct wdx_code_func *near; /* found last; NULL: none */
	wdx_ident context_type;	      /* of the unit in work; WDX_NO_IDENT: calls are not refused */
	enum wdx_parameter parameter; /* the first of the function in work */
	unsigned declared_depth;      /* of the member function that is declared; 0: none */
	const struct wdx_code_func *context_of; /* whose context pointer was looked for last, */
	const struct wdx_map_entity *context;	/* and what was found; NULL: nothing */
	WDX_VEC(struct wdx_scope) scopes;
	struct wdx_ranges scope_ranges;
	struct wdx_ranges
		body; /* all of the function but displaced code: where its state is known */
	struct wdx_ranges memory;	/* of these where linear memory is known, too */
	struct wdx_ranges frame_ranges; /* where the function's frame base is known */

	/* scratch */
	struct wdx_ranges ranges, clipped;
	WDX_VEC(struct wdx_expr_loc) locs;
	struct wdx_xknown *known;
	struct wdx_xexpr *xexpr; /* one of known's */
	uint64_t sized, size;	 /* offset of the variable sized last, and its bytes */
	uint64_t input_bytes;	 /* of the attribute in work, as far as its entries were read */
	uint64_t entry_bytes;	 /* of the same: located by WDX_PLACE_ENTRY */

	uint64_t losses[WDX_LOSS_COUNT];
	struct wdx_stats stats;
};

struct wdx_error *wdx_xlat_init(struct wdx_xlat *x, const struct wdx_wasm *wasm,
				const struct wdx_map *map, const struct wdx_target *target);
void wdx_xlat_deinit(struct wdx_xlat *x);

/* The visitor; its arg is the struct wdx_xlat. */
extern const struct wdx_visitor wdx_xlat_visitor;

static inline void wdx_xlat_lose(struct wdx_xlat *x, enum wdx_loss why)
{
	x->losses[why]++;
}

/* Native ranges of the innermost open scope, or of the function; n 0 outside functions. */
const struct wdx_range *wdx_xlat_scope(const struct wdx_xlat *x, size_t *n);

/* Events (see struct wdx_visitor). */
enum wdx_verdict wdx_xlat_location(const struct wdx_cursor *c, const struct wdx_attr *a,
				   const struct wdx_loc *l, size_t n, struct wdx_emit *e,
				   void *arg);
enum wdx_verdict wdx_xlat_lines(const struct wdx_cursor *c, const struct wdx_line_table *t,
				struct wdx_emit *e, void *arg);

/* Operand slots (operands.c).  Notes those that the locations of a variable read: in the first
 * pass, with the code that the walk is in. */
void wdx_xlat_note_operands(struct wdx_xlat *x, const struct wdx_cursor *c);
/* Between the passes. */
void wdx_xlat_sort_operands(struct wdx_xlat *x);
/* Tells the parsed expression of the entry what is known of the slots that it reads.  false: of one
 * it is known that it may hold things of several types there. */
bool wdx_xlat_type_operands(struct wdx_xlat *x, const struct wdx_loc *l);

/* What becomes of a type that debuggers lay out their own way (layout.c). */
enum wdx_verdict wdx_xlat_layout(struct wdx_xlat *x, const struct wdx_cursor *c,
				 struct wdx_emit *e);

/* Whether that attribute is a constant that the debugger would show wrong. */
bool wdx_xlat_constant_lies(const struct wdx_xlat *x, const struct wdx_cursor *c,
			    const struct wdx_attr *a);

/* Calls (calls.c).  What is said of how the function at the cursor is called: behind its attributes
 * and behind its children; and what these need: of each entry, and behind the attributes of a unit.
 */
void wdx_xlat_convention(const struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);
void wdx_xlat_context(const struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);
void wdx_xlat_parameter(struct wdx_xlat *x, const struct wdx_cursor *c);
void wdx_xlat_context_type(struct wdx_xlat *x, struct wdx_emit *e);
/* Whether the type of what the function at the cursor returns is to be left out; for that, each
 * function in the first pass (f NULL: without code), and once between the passes.  The latter are
 * false when memory is out. */
bool wdx_xlat_drops_return(const struct wdx_xlat *x, const struct wdx_cursor *c);
bool wdx_xlat_note_return(struct wdx_xlat *x, const struct wdx_die *die,
			  const struct wdx_code_func *f);
bool wdx_xlat_spread_returns(struct wdx_xlat *x);

/* Call sites of our own (sites.c): whether there is one in place of the input's for the call, in
 * the open function, that returns there; whether the function at the cursor says itself if all of
 * its calls have some; that, behind its attributes; and they themselves, behind its children. */
bool wdx_xlat_replaces(const struct wdx_xlat *x, uint32_t call);
bool wdx_xlat_promises(const struct wdx_xlat *x, const struct wdx_cursor *c);
void wdx_xlat_promise(const struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);
void wdx_xlat_sites(const struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);

/* The whole .debug_frame of the map, appended to b. */
struct wdx_error *wdx_xlat_frames(const struct wdx_xlat *x, unsigned address_size,
				  struct wdx_buf *b);

#endif
