/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Decoders of everything in DWARF that is not an entry: expressions, location and range lists,
 * line tables, call frame information, macros.
 *
 * All input is hostile.  What is decoded borrows from the input sections where it can; line tables
 * own their arrays in the caller's arena.  Nothing here keeps state between calls but the iterators
 * that the caller holds.  `why` and `warning` are static strings without a newline; decoders that
 * answer with a bool set *why on failure and leave it alone on success.
 *
 * Expressions: wdx_decode_expr() is declared in wdx_pass.h; an expression of n bytes has at most n
 * operations.  In struct wdx_op,
 *  - addrx, constx and their GNU forms have the index in arg[0];
 *  - WASM_location has the kind in arg[0] and the index in arg[1];
 *  - bra and skip have the displacement in arg[0] and the target's index in target;
 *  - const_type has the type in arg[0] and the value in data; implicit_value and entry_value have
 *    data only;
 *  - convert and reinterpret to the generic type (operand 0) have ref == 0.
 */
#ifndef WDX_DWARF_DECODE_H
#define WDX_DWARF_DECODE_H

#include "base/arena.h"
#include "base/reader.h"
#include "base/ranges.h"
#include "base/vec.h"
#include "wdx_pass.h"

/* ---- expressions (DWARF 5 §7.7.1; ops.c, ops.def) ---------------------------------------------
 */

/* WebAssembly DWARF, "Location": no standard header has it. */
#define WDX_OP_WASM_LOCATION 0xed

/* "DW_OP_plus"; NULL for a code that wdx_decode_expr() does not know. */
const char *wdx_op_name(uint8_t code);

/* ---- lists (DWARF 5 §2.6.2, §2.17.3; DWARF 4 the same; lists.c) -------------------------------
 */

struct wdx_locs {
	WDX_VEC(struct wdx_loc);
};

/* Where lists are read from. */
struct wdx_list_ctx {
	const struct wdx_unit *unit; /* version chooses the format; low_pc is the first base */
	const uint8_t
		*data; /* .debug_loclists, .debug_rnglists; before 5 .debug_loc, .debug_ranges */
	size_t size;
	bool (*addrx)(void *arg, uint64_t index,
		      uint64_t *out); /* false: no such index; may be NULL */
	void *arg;
};

/*
 * Appends the entries of the list at that offset of the section, addresses made absolute and
 * wrapped at the address size.  Left out are empty and inverted entries and those of dead code:
 * what starts at, or is relative to a base at, a tombstone (the greatest address or the one below
 * it). false: malformed, or memory is out; what was read before stays appended.
 */
bool wdx_read_locs(const struct wdx_list_ctx *ctx, uint64_t offset, struct wdx_locs *out,
		   const char **why);
bool wdx_read_ranges(const struct wdx_list_ctx *ctx, uint64_t offset, struct wdx_ranges *out,
		     const char **why);

/* Whether that address marks dead code: all ones, or one less. */
bool wdx_is_tombstone(uint64_t address, unsigned address_size);

/* ---- line tables (DWARF 5 §6.2; line.c) -------------------------------------------------------
 */

struct wdx_line_input {
	const uint8_t *line, *str,
		*line_str; /* .debug_line, .debug_str, .debug_line_str; or NULL */
	size_t line_size, str_size, line_str_size;
	bool big_endian;
	uint8_t address_size; /* of the unit: versions before 5 do not say it themselves */
	const char *comp_dir; /* DW_AT_comp_dir, or NULL: becomes dirs[0] before version 5 */
};

/*
 * Reads the line table at that offset of .debug_line.  *out borrows strings from the sections and
 * owns its arrays in the arena.  An error: the header is malformed or of an unknown version, or
 * memory is out.  A malformed program is none: the sequences that were complete are kept and
 * *warning (if warning is not NULL) says what is wrong; else it is set to NULL.
 * Rows are as the program makes them, dead sequences included; index 0 of files has name NULL
 * before version 5 and is a real file from then on.
 */
struct wdx_error *wdx_read_lines(const struct wdx_line_input *in, uint64_t offset,
				 struct wdx_arena *arena, struct wdx_line_table *out,
				 const char **warning);

/* ---- call frame information (DWARF 5 §6.4; frame.c) -------------------------------------------
 */

/* An iterator over .debug_frame; plain data, nothing to free. */
struct wdx_frames {
	struct wdx_reader r;  /* the section */
	uint8_t address_size; /* of CIEs that do not say it: versions before 4 */
	const char *bad_cie;  /* why the CIE read last is malformed, or NULL */
	uint64_t cie_offset;  /* of the CIE read last; UINT64_MAX: none yet */
	struct wdx_frame cie; /* the CIE read last */
	uint8_t cie_segment;  /* its segment selector size */
};

void wdx_frames_init(struct wdx_frames *it, const uint8_t *data, size_t size, bool big_endian,
		     uint8_t address_size);

/*
 * The next entry.  false: the section has ended.  true with *why NULL: *out is it; true with *why
 * set: the entry at out->offset is malformed and was skipped (where a length leads out of the
 * section the next call ends).  FDEs whose CIE is malformed are malformed.
 */
bool wdx_frames_next(struct wdx_frames *it, struct wdx_frame *out, const char **why);

/* ---- macros (DWARF 5 §6.3, DWARF 4 §6.3 and its GNU extension; macro.c) -----------------------
 */

struct wdx_macro_input {
	const uint8_t *data, *str; /* .debug_macro or .debug_macinfo; .debug_str, or NULL */
	size_t size, str_size;
	bool macinfo; /* data is .debug_macinfo */
	bool big_endian;
	bool (*strx)(void *arg, uint64_t index, const char **out); /* may be NULL */
	void *arg;
};

/* An iterator over one macro unit; plain data, nothing to free. */
struct wdx_macros {
	const struct wdx_macro_input *in;
	struct wdx_reader r;
	uint16_t version; /* 4 (GNU) or 5; 0 for macinfo */
	uint8_t offset_size;
	bool has_line;
	uint64_t line_offset;  /* of the line table that start_file refers to, if has_line */
	size_t str_size;       /* usable bytes of in->str */
	const uint8_t *vendor; /* opcode_operands_table, checked */
	const uint8_t *vendor_end;
};

/* false: the header is malformed. *in must outlive the iterator. */
bool wdx_macros_init(struct wdx_macros *it, const struct wdx_macro_input *in, uint64_t offset,
		     const char **why);

/*
 * The next entry; type is one of DW_MACRO_define, undef, start_file, end_file and import: the strp,
 * strx and macinfo forms come as the plain ones with their text.  Entries that refer to a
 * supplementary file and vendor entries are skipped.  false: the unit ended, or is malformed (*why
 * set; NULL else).
 */
bool wdx_macros_next(struct wdx_macros *it, struct wdx_macro *out, const char **why);

#endif
