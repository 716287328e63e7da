/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The generic pass: walks input DWARF read-only, calls a visitor for everything in it and writes
 * what the visitor emits.  It knows nothing of wasm or of machine code.
 *
 * One run is two passes.  The first calls keep() for every debugging information entry and
 * decides what exists in the output; every such entry gets an identity, so that references
 * (forwards, backwards, across units) resolve whatever becomes of the entry.  The second calls the
 * event callbacks and writes.
 *
 * Every callback of the visitor may be NULL, and every event it does not handle is copied
 * faithfully: an all-NULL visitor is the identity.  Events nest: a callback that answers WDX_COPY
 * for an outer thing lets the pass go on to its parts.
 *
 * Event data is borrowed for the time of the callback; what is emitted is copied.  Emitters return
 * nothing: the builder latches its first error, and wdx_pass_run() returns it.
 */
#ifndef WDX_PASS_H
#define WDX_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wdx_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is visited ------------------------------------------------------------------------ */

/* A section of the input, by its ELF name (".debug_info"); borrowed. */
struct wdx_debug_section {
	const char *name;
	const uint8_t *data;
	size_t size;
};

/* A unit (DWARF 5 §7.5.1). */
struct wdx_unit {
	uint64_t offset;      /* of its header in .debug_info */
	uint64_t size;	      /* bytes, header and initial length included */
	uint16_t version;     /* 2 to 5 */
	uint8_t type;	      /* DW_UT_*, DW_UT_compile before version 5 */
	uint8_t address_size; /* bytes */
	uint8_t offset_size;  /* 4 or 8 */
	bool big_endian;
	uint64_t low_pc;  /* base address of its lists; 0 when it has none */
	const char *name; /* DW_AT_name, or "" */
};

/* The class of a form, after indirections (DWARF 5 §7.5.5). */
enum wdx_class {
	WDX_CLASS_UNKNOWN,
	WDX_CLASS_ADDRESS,  /* value: the address, indices resolved */
	WDX_CLASS_BLOCK,    /* data, size */
	WDX_CLASS_CONSTANT, /* value (sign-extended for sdata and implicit_const), or data of 16
			       bytes */
	WDX_CLASS_EXPR,	    /* data, size: a DWARF expression */
	WDX_CLASS_FLAG,	    /* value */
	WDX_CLASS_LINE,	    /* value: offset in .debug_line */
	WDX_CLASS_LOCLIST,  /* value: offset in the section of location lists, indices resolved */
	WDX_CLASS_RANGES,   /* value: offset in the section of range lists, indices resolved */
	WDX_CLASS_MACRO,    /* value: offset in .debug_macro or .debug_macinfo */
	WDX_CLASS_REF,	    /* value: offset in .debug_info of the entry referred to */
	WDX_CLASS_REF_SIG,  /* value: type signature */
	WDX_CLASS_REF_SUP,  /* value: into a supplementary file */
	WDX_CLASS_STRING,   /* data: NUL-terminated */
	WDX_CLASS_OFFSET,   /* value: some other section offset */
};

struct wdx_attr {
	uint16_t name, form; /* DW_AT_*, DW_FORM_* */
	uint8_t form_class;  /* enum wdx_class */
	uint64_t value;	     /* of a string in .debug_str or .debug_line_str: its offset there */
	const uint8_t *data;
	size_t size; /* of data; not counted for strings */
};

/* A debugging information entry. */
struct wdx_die {
	uint64_t offset; /* in .debug_info */
	uint16_t tag;	 /* DW_TAG_* */
	bool has_children;
	uint64_t names; /* bit N: it may have an attribute whose name modulo 64 is N */
	const struct wdx_attr *attrs;
	size_t nattrs;
};

/* One entry of a location list; an expression in the attribute itself comes as one that is whole.
 */
struct wdx_loc {
	uint64_t lo, hi; /* half-open, base applied; unused when whole */
	bool whole;	 /* holds everywhere: an exprloc, or DW_LLE_default_location */
	const uint8_t *expr;
	size_t size;
};

struct wdx_range {
	uint64_t lo, hi; /* half-open, base applied */
};

/* One operation of an expression (DWARF 5 §7.7.1, and extensions). */
struct wdx_op {
	uint8_t code;	      /* DW_OP_* */
	uint8_t nargs;	      /* numbers in arg */
	uint8_t ref;	      /* 0; else 1 + which arg refers to an entry: see ref_global */
	bool ref_global;      /* that arg is an offset in .debug_info; else relative to the unit */
	uint32_t offset;      /* in the expression */
	uint32_t size;	      /* bytes of the whole operation */
	uint32_t target;      /* of bra, skip: index of the operation jumped to; n: the end */
	uint64_t arg[2];      /* signed ones sign-extended */
	const uint8_t *bytes; /* the whole operation, `size` of them */
	const uint8_t *data;  /* of operations that hold a block (implicit_value, entry_value,
				 const_type) */
	size_t data_size;
};

/* A row of a line table (DWARF 5 §6.2.2). */
enum wdx_row_flags {
	WDX_ROW_IS_STMT = 1,
	WDX_ROW_BASIC_BLOCK = 2,
	WDX_ROW_END_SEQUENCE = 4,
	WDX_ROW_PROLOGUE_END = 8,
	WDX_ROW_EPILOGUE_BEGIN = 16,
};

struct wdx_row {
	uint64_t address;
	uint32_t file, line, column, discriminator;
	uint8_t isa, op_index, flags;
};

struct wdx_line_file {
	const char *name;
	uint64_t dir, mtime, length;
	const uint8_t *md5; /* 16 bytes, or NULL */
	const char *source; /* DW_LNCT_LLVM_source, or NULL */
};

/* A line table: header and rows, sequence after sequence as they stand in the program. */
struct wdx_line_table {
	uint64_t offset; /* in .debug_line */
	uint16_t version;
	uint8_t address_size;
	const char **dirs; /* [0] is the compilation directory ("" or NULL before version 5) */
	size_t ndirs;
	const struct wdx_line_file
		*files; /* index 0 is used from version 5 on; before, [0] has name NULL */
	size_t nfiles;
	const struct wdx_row *rows; /* every sequence ends with an END_SEQUENCE row */
	size_t nrows;
	bool default_is_stmt;
	uint8_t min_inst_length;
};

/* A CIE or FDE of .debug_frame (DWARF 5 §6.4.1). */
struct wdx_frame {
	uint64_t offset; /* in .debug_frame */
	bool is_cie;
	uint64_t cie;		  /* of an FDE: offset of its CIE */
	uint64_t lo, hi;	  /* of an FDE: its code, half-open */
	uint64_t code_align;	  /* of a CIE */
	int64_t data_align;	  /* of a CIE */
	uint64_t return_reg;	  /* of a CIE */
	uint8_t version;	  /* of a CIE */
	uint8_t address_size;	  /* of both */
	const char *augmentation; /* of a CIE */
	const uint8_t *insns;	  /* call frame instructions */
	size_t size;
};

/* An entry of .debug_macro or .debug_macinfo (DWARF 5 §6.3). */
struct wdx_macro {
	uint8_t type;	  /* DW_MACRO_*; of macinfo the corresponding one */
	uint32_t line;	  /* define, undef, start_file */
	uint32_t file;	  /* start_file: index in the unit's line table */
	const char *text; /* define, undef: "NAME VALUE" */
	uint64_t offset;  /* import: the macro unit it names, in .debug_macro */
};

/* Where the walk is. */
struct wdx_cursor {
	const struct wdx_unit *unit;
	const struct wdx_die
		*die;	/* the entry whose event this is; NULL at a unit's or a section's event */
	unsigned depth; /* of die; the unit's own entry is at 0 */
	const struct wdx_pass *pass;
};

/* ---- what is emitted ------------------------------------------------------------------------ */

struct wdx_emit; /* the builder of the output unit in work */

/* An entry of the output.  Input entries that are kept have one already (wdx_ident()). */
typedef uint32_t wdx_ident;
#define WDX_NO_IDENT UINT32_MAX

/* An expression being made.  Opaque; from wdx_expr_begin(), valid until another entry begins. */
struct wdx_expr;

struct wdx_expr_loc {
	uint64_t lo, hi;
	bool whole; /* DW_LLE_default_location; left out before version 5 */
	const struct wdx_expr *expr;
};

/* The identity of the kept input entry at that .debug_info offset; WDX_NO_IDENT: not kept. */
WDX_API wdx_ident wdx_ident_of(const struct wdx_cursor *c, uint64_t offset);
/* A fresh identity for an entry that the visitor makes itself, in the unit in work. */
WDX_API wdx_ident wdx_ident_new(struct wdx_emit *e);
/* The same in the unit of the input entry at that .debug_info offset, which may come later or be
 * past; WDX_NO_IDENT: no entry is there. */
WDX_API wdx_ident wdx_ident_beside(struct wdx_emit *e, uint64_t offset);

/* Entries.  Attributes of an entry come before its children. */
WDX_API void wdx_emit_die(struct wdx_emit *e, uint16_t tag,
			  wdx_ident id); /* id may be WDX_NO_IDENT */
WDX_API void wdx_emit_die_end(struct wdx_emit *e);
/* Writes the input's entry at that offset once more, with what is below it, by the same events: in
 * its die event, as what stands before it, or in its parent's die_end.  It gets that identity;
 * entries below it get none. */
WDX_API void wdx_emit_again(struct wdx_emit *e, const struct wdx_cursor *c, uint64_t offset,
			    wdx_ident id);

/* Attributes of the entry begun last.  The form is chosen by value and output version. */
WDX_API void wdx_emit_uint(struct wdx_emit *e, uint16_t at, uint64_t v);
WDX_API void wdx_emit_sint(struct wdx_emit *e, uint16_t at, int64_t v);
WDX_API void wdx_emit_flag(struct wdx_emit *e, uint16_t at);
WDX_API void wdx_emit_string(struct wdx_emit *e, uint16_t at, const char *s);
WDX_API void wdx_emit_block(struct wdx_emit *e, uint16_t at, const void *p, size_t n);
WDX_API void wdx_emit_ref(struct wdx_emit *e, uint16_t at, wdx_ident id);
/* The same in 2 or 3 bytes, for what is in the unit in work, unless that is large. */
WDX_API void wdx_emit_ref_short(struct wdx_emit *e, uint16_t at, wdx_ident id);
/* Gives the entry begun last an identity, in place of the one it has. */
WDX_API void wdx_emit_ident(struct wdx_emit *e, wdx_ident id);
WDX_API void wdx_emit_addr(struct wdx_emit *e, uint16_t at, uint64_t address);
WDX_API void wdx_emit_expr(struct wdx_emit *e, uint16_t at, const struct wdx_expr *x);
WDX_API void wdx_emit_loclist(struct wdx_emit *e, uint16_t at, const struct wdx_expr_loc *l,
			      size_t n);
/* low_pc and high_pc for one range, DW_AT_ranges for more; nothing for none. */
WDX_API void wdx_emit_pcs(struct wdx_emit *e, const struct wdx_range *r, size_t n);
/* Copies an attribute of the input as it stands; what it refers to must be kept. */
WDX_API void wdx_emit_attr(struct wdx_emit *e, const struct wdx_cursor *c,
			   const struct wdx_attr *a);

/* Expressions. */
WDX_API struct wdx_expr *wdx_expr_begin(struct wdx_emit *e);
WDX_API void wdx_expr_op(struct wdx_expr *x, uint8_t code);
WDX_API void wdx_expr_op_uint(struct wdx_expr *x, uint8_t code, uint64_t v); /* ULEB128 operand */
WDX_API void wdx_expr_op_sint(struct wdx_expr *x, uint8_t code, int64_t v);  /* SLEB128 operand */
WDX_API void wdx_expr_const(struct wdx_expr *x, uint64_t v); /* the shortest unsigned constant */
WDX_API void wdx_expr_addr(struct wdx_expr *x, uint64_t address); /* DW_OP_addr */
/* DW_OP_call4 of an entry in the unit in work; DW_OP_call2 where that stands near the unit's begin
 * already. */
WDX_API void wdx_expr_call(struct wdx_expr *x, wdx_ident id);
WDX_API void wdx_expr_raw(struct wdx_expr *x, const void *p,
			  size_t n); /* bytes without references */
/* An operation of the input, its reference to an entry remapped.  false: that entry is not kept. */
WDX_API bool wdx_expr_copy(struct wdx_expr *x, const struct wdx_cursor *c, const struct wdx_op *op);
WDX_API size_t wdx_expr_size(const struct wdx_expr *x);
/* So many, good until more of any expression is written; references in them are not yet filled in.
 */
WDX_API const uint8_t *wdx_expr_bytes(const struct wdx_expr *x);
/* Whether both have the same bytes and refer to the same entries. */
WDX_API bool wdx_expr_equal(const struct wdx_expr *a, const struct wdx_expr *b);

/* Stops the run with this input error. */
WDX_API void wdx_emit_fail(struct wdx_emit *e, const char *why);
/* The version and address size of the output unit in work. */
WDX_API unsigned wdx_emit_version(const struct wdx_emit *e);
/* Base address of the unit's lists: its DW_AT_low_pc.  To be set in the unit event. */
WDX_API void wdx_emit_base(struct wdx_emit *e, uint64_t address);
/* Bytes of call frame information: a whole .debug_frame, in the output's byte order. */
WDX_API void wdx_emit_frames(struct wdx_emit *e, const void *p, size_t n);
/* A unit of the visitor's own (in end()): its header; then entries as usual, beginning with the
 * DW_TAG_compile_unit. */
WDX_API void wdx_emit_unit(struct wdx_emit *e, unsigned version, unsigned address_size);
WDX_API void wdx_emit_unit_end(struct wdx_emit *e);
/* DW_AT_stmt_list of the entry begun last: the table begun with wdx_emit_line_header(). */
WDX_API void wdx_emit_stmt_list(struct wdx_emit *e);

/* The line table of the unit in work: header once, then rows by sequence, addresses ascending. */
WDX_API void wdx_emit_line_header(struct wdx_emit *e, const struct wdx_line_table *t);
WDX_API void wdx_emit_row(struct wdx_emit *e, const struct wdx_row *row);

/* Decodes an expression into at most max operations; *n tells how many.  false: malformed, *why
 * says how (static string).  Operations of unknown length end it so. */
WDX_API bool wdx_decode_expr(const struct wdx_unit *u, const uint8_t *p, size_t size,
			     struct wdx_op *ops, size_t max, size_t *n, const char **why);

/* low_pc to high_pc, or the ranges, of the entry at the cursor, in either pass; tombstones and
 * empty ranges left out.  Borrowed until the next call or event. */
WDX_API void wdx_die_pcs(const struct wdx_cursor *c, const struct wdx_range **r, size_t *n);

/* The entries of an attribute of class WDX_CLASS_EXPR or WDX_CLASS_LOCLIST of the entry at the
 * cursor, in either pass; none of a malformed list.  Borrowed until the next call or event. */
WDX_API void wdx_die_locs(const struct wdx_cursor *c, const struct wdx_attr *a,
			  const struct wdx_loc **l, size_t *n);

/* The attribute of that name, or NULL. */
WDX_API const struct wdx_attr *wdx_die_attr(const struct wdx_die *die, unsigned name);

/* Bytes of a value of the entry at the cursor, whose type may stand in the entry that it is an
 * instance of; through typedefs and qualifiers.  0: not known, as of arrays.  Second pass only. */
WDX_API uint64_t wdx_type_size(const struct wdx_cursor *c);

/* The same, of arrays too. */
WDX_API uint64_t wdx_type_extent(const struct wdx_cursor *c);

/* What that type is, behind typedefs and qualifiers.  tag 0: there is none, or it is not known;
 * encoding is that of a base type (DW_ATE_...).  Second pass only. */
struct wdx_type_kind {
	unsigned tag, encoding;
	uint64_t size; /* as of wdx_type_size() */
};
WDX_API struct wdx_type_kind wdx_type_kind(const struct wdx_cursor *c);

/* Offset of the type of the entry at the cursor, or of what it is an instance of; 0: none.  Second
 * pass only. */
WDX_API uint64_t wdx_type_of(const struct wdx_cursor *c);

/* The address at an index of the unit's address table (DW_OP_addrx); false: there is none. */
WDX_API bool wdx_resolve_addrx(const struct wdx_cursor *c, uint64_t index, uint64_t *out);

/* ---- the visitor ---------------------------------------------------------------------------- */

enum wdx_verdict {
	WDX_COPY, /* go on: to the parts, and in the end to a faithful copy */
	WDX_DROP, /* leave it out, with all that is in it; the visitor has counted why */
	WDX_DONE, /* the visitor emitted what it wanted in its place */
	WDX_FAIL, /* stop the run; wdx_emit_fail() has said why */
};

/* What the pass itself may have to leave out. */
enum wdx_lost {
	WDX_LOST_REF,  /* a reference to an entry that is not in the output */
	WDX_LOST_ATTR, /* a malformed attribute or an unknown form */
	WDX_LOST_LIST, /* a malformed location or range list */
	WDX_LOST_EXPR, /* a malformed expression */
	WDX_LOST_LINE, /* a malformed line table */
	WDX_LOST_MACRO,
	WDX_LOST_UNIT, /* a unit of a kind that is not supported */
};

enum wdx_keep {
	WDX_KEEP,     /* entry and, unless they say otherwise, its children */
	WDX_KEEP_NOT, /* neither it nor what is in it, unless something kept refers to that; then
			 the part referred to and its parents are kept, `bare` */
};

struct wdx_visitor {
	/* First pass. `die` has its attributes. */
	enum wdx_keep (*keep)(const struct wdx_cursor *c, void *arg);
	/* Second pass. */
	enum wdx_verdict (*unit)(const struct wdx_cursor *c, struct wdx_emit *e, void *arg);
	enum wdx_verdict (*die)(const struct wdx_cursor *c, bool bare, struct wdx_emit *e,
				void *arg);
	/* behind the copied attributes of an entry, and behind its children (then the attributes of
	 * one that has children are gone) */
	void (*attrs_end)(const struct wdx_cursor *c, struct wdx_emit *e, void *arg);
	void (*die_end)(const struct wdx_cursor *c, struct wdx_emit *e, void *arg);
	/* low_pc, high_pc and ranges of an entry, at once; DONE: emitted */
	enum wdx_verdict (*pcs)(const struct wdx_cursor *c, const struct wdx_range *r, size_t n,
				struct wdx_emit *e, void *arg);
	/* any other attribute */
	enum wdx_verdict (*attr)(const struct wdx_cursor *c, const struct wdx_attr *a,
				 struct wdx_emit *e, void *arg);
	/* an attribute that holds an expression or a location list */
	enum wdx_verdict (*location)(const struct wdx_cursor *c, const struct wdx_attr *a,
				     const struct wdx_loc *l, size_t n, struct wdx_emit *e,
				     void *arg);
	/* one operation, while an expression is copied; DONE: it wrote to x itself; DROP: the whole
	 * expression is left out */
	enum wdx_verdict (*op)(const struct wdx_cursor *c, const struct wdx_op *op,
			       struct wdx_expr *x, void *arg);
	/* the line table of a unit; DONE: header and rows emitted */
	enum wdx_verdict (*lines)(const struct wdx_cursor *c, const struct wdx_line_table *t,
				  struct wdx_emit *e, void *arg);
	enum wdx_verdict (*row)(const struct wdx_cursor *c, const struct wdx_row *row,
				struct wdx_emit *e, void *arg);
	/* call frame information, entry by entry */
	enum wdx_verdict (*frame)(const struct wdx_cursor *c, const struct wdx_frame *f,
				  struct wdx_emit *e, void *arg);
	/* macro entries */
	enum wdx_verdict (*macro)(const struct wdx_cursor *c, const struct wdx_macro *m,
				  struct wdx_emit *e, void *arg);
	/* at the end of all units: what else belongs into the output */
	void (*end)(const struct wdx_cursor *c, struct wdx_emit *e, void *arg);
	/* the pass itself had to leave something out: malformed, or a reference to what is not kept
	 */
	void (*lost)(const struct wdx_cursor *c, enum wdx_lost what, const char *detail, void *arg);
};

/* ---- running ----------------------------------------------------------------------------------
 */

struct wdx_input;

/* Opens DWARF given as sections, through libdw.  The bytes are borrowed until wdx_input_close(). */
WDX_API struct wdx_error *wdx_input_open(struct wdx_input **out, const struct wdx_debug_section *s,
					 size_t n, bool big_endian);
WDX_API void wdx_input_close(struct wdx_input *in);
/* Entries in all units, known after a run. */
WDX_API size_t wdx_input_dies(const struct wdx_input *in);

struct wdx_pass_config {
	const struct wdx_visitor *visitor; /* NULL: the identity */
	void *arg;
	unsigned version;      /* DWARF version of the output, 4 or 5; 0: each unit's own */
	unsigned address_size; /* of the output; 0: each unit's own */
	bool big_endian;       /* byte order of the output */
	bool addresses;	       /* tell where addresses stand in the output */
	/* Between the passes, when what exists is known; may be NULL.  An error ends the run. */
	struct wdx_error *(*between)(void *arg);
	void *between_arg;
	void (*progress)(uint64_t done, uint64_t total,
			 void *arg); /* bytes of .debug_info; may be NULL */
	void *progress_arg;
};

struct wdx_address_site { /* of an address of the output: section of `sections`, offset in it */
	uint32_t section, offset;
};

struct wdx_pass_output {
	struct wdx_debug_section *sections; /* non-empty ones, in a fixed order */
	size_t n;
	struct wdx_address_site
		*addresses; /* on demand, by section; but those in lists, relative to a base */
	size_t naddresses;
	void *priv;
};

/* Runs both passes.  On success *out is the caller's, to be freed with wdx_pass_output_deinit(). */
WDX_API struct wdx_error *wdx_pass_run(struct wdx_input *in, const struct wdx_pass_config *config,
				       struct wdx_pass_output *out);
WDX_API void wdx_pass_output_deinit(struct wdx_pass_output *out);

/* A visitor that wraps another and prints every event, the input beside what became of it, to `to`
 * (a FILE *).  Use *result as the visitor and `state` as its arg; free with wdx_trace_destroy(). */
struct wdx_trace;
WDX_API struct wdx_error *wdx_trace_create(struct wdx_trace **out, const struct wdx_visitor *inner,
					   void *arg, void *to);
WDX_API const struct wdx_visitor *wdx_trace_visitor(const struct wdx_trace *t);
WDX_API void wdx_trace_destroy(struct wdx_trace *t);

#ifdef __cplusplus
}
#endif
#endif
