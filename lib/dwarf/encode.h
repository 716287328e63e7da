/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Encoders of everything in DWARF that is not an entry: location and range lists, line tables, call
 * frame information, macros.
 *
 * All append to a struct wdx_buf that holds one whole section (offsets are positions in it), in its
 * byte order and in the 32-bit format.  A buffer latches want of memory; what cannot be said in
 * DWARF is told by the return value, or latched by the writers that have an object.
 */
#ifndef WDX_DWARF_ENCODE_H
#define WDX_DWARF_ENCODE_H

#include "base/buf.h"
#include "wdx_pass.h"

/* What could not be written, where a position is returned otherwise; nothing was appended. */
#define WDX_NOT_WRITTEN SIZE_MAX

/* ---- lists (write_lists.c) --------------------------------------------------------------------
 */

/* The header of a version 5 table in .debug_loclists or .debug_rnglists, without offset entries.
 * Returns the position of its length, which wdx_write_list_length() patches behind the last list.
 */
size_t wdx_write_list_header(struct wdx_buf *b, uint8_t address_size);
void wdx_write_list_length(struct wdx_buf *b, size_t at);

/*
 * One entry of a location list up to the length of its expression; the caller appends exactly
 * expr_size bytes.  base is the base in force, the unit's low_pc (0: none).
 * Returns where the expression starts; WDX_NOT_WRITTEN when lo >= hi, the addresses do not fit the
 * address size, or before version 5 the expression exceeds 65,535 bytes or lo lies below base and
 * cannot be said by wrapping (address size below 8, or lo is base - 1).
 */
size_t wdx_write_loc_entry(struct wdx_buf *b, uint16_t version, uint8_t address_size, uint64_t base,
			   uint64_t lo, uint64_t hi, size_t expr_size);
/* The same for DW_LLE_default_location; WDX_NOT_WRITTEN before version 5. */
size_t wdx_write_loc_default(struct wdx_buf *b, uint16_t version, size_t expr_size);
void wdx_write_loc_end(struct wdx_buf *b, uint16_t version, uint8_t address_size);

/* One entry of a range list; false (nothing written) when lo >= hi or they do not fit. */
bool wdx_write_range_entry(struct wdx_buf *b, uint16_t version, uint8_t address_size, uint64_t base,
			   uint64_t lo, uint64_t hi);
void wdx_write_range_end(struct wdx_buf *b, uint16_t version, uint8_t address_size);

/* ---- line tables (write_line.c) ---------------------------------------------------------------
 */

struct wdx_line_options {
	uint16_t version; /* 4 or 5 */
	uint8_t address_size;
	const char *name;     /* the unit's primary file: file 0 when 2-4 becomes 5; NULL: "" */
	const char *comp_dir; /* directory 0 when the input has none of its own; NULL: "" */
	uint32_t (*line_str)(void *arg,
			     const char *s); /* offset in .debug_line_str, for version 5 */
	void *arg;
};

/*
 * Writes one line table: begin, rows sequence after sequence (addresses ascending, each sequence
 * ended by an END_SEQUENCE row, of which only the address counts), end.  A misuse or a limit of the
 * format latches `failed`, and what follows is ignored; begin clears it.
 *
 * File numbers of rows are the input's.  file_shift is what the writer adds to get the output's:
 * 1 from version 5 to 4, else 0; DW_AT_decl_file and the like must follow.  Directory numbers stay.
 */
struct wdx_line_writer {
	struct wdx_buf *buf;
	const char *failed; /* NULL, or a static string */
	uint8_t file_shift;
	size_t address; /* where the address of the last sequence stands in buf; 0: none yet */

	/* private */
	size_t start; /* of the unit_length in buf */
	uint8_t version, address_size;
	bool default_is_stmt;
	bool open;	   /* in a sequence */
	struct wdx_row at; /* the state machine's registers, file shifted */
};

void wdx_line_begin(struct wdx_line_writer *w, struct wdx_buf *b, const struct wdx_line_table *t,
		    const struct wdx_line_options *o);
void wdx_line_row(struct wdx_line_writer *w, const struct wdx_row *row);
void wdx_line_end(struct wdx_line_writer *w);

/* ---- call frame information (write_frame.c) ---------------------------------------------------
 */

/*
 * A version 4 CIE of .debug_frame with address_size, code_align, data_align, return_reg and
 * instructions of *cie (the augmentation becomes ""), padded with nops.  Returns its offset;
 * WDX_NOT_WRITTEN when the address size is not 1, 2, 4 or 8 or the section exceeds 4 GiB.
 */
size_t wdx_write_cie(struct wdx_buf *b, const struct wdx_frame *cie);
/* An FDE for [lo, hi) of the CIE at offset cie; the same conditions, and lo <= hi. */
size_t wdx_write_fde(struct wdx_buf *b, size_t cie, uint8_t address_size, uint64_t lo, uint64_t hi,
		     const uint8_t *insns, size_t n);

/*
 * Call frame instructions, in their shortest forms.  Offsets are in bytes; alignments those of the
 * CIE.  false: the number is no multiple of the alignment where it has to be; nothing written.
 */
bool wdx_cfa_advance(struct wdx_buf *b, uint64_t delta, uint64_t code_align);
bool wdx_cfa_def_cfa(struct wdx_buf *b, uint64_t reg, int64_t offset, int64_t data_align);
bool wdx_cfa_def_cfa_offset(struct wdx_buf *b, int64_t offset, int64_t data_align);
bool wdx_cfa_offset(struct wdx_buf *b, uint64_t reg, int64_t offset, int64_t data_align);
bool wdx_cfa_val_offset(struct wdx_buf *b, uint64_t reg, int64_t offset, int64_t data_align);
void wdx_cfa_def_cfa_register(struct wdx_buf *b, uint64_t reg);
void wdx_cfa_def_cfa_expression(struct wdx_buf *b, const uint8_t *expr, size_t n);
void wdx_cfa_expression(struct wdx_buf *b, uint64_t reg, const uint8_t *expr, size_t n);
void wdx_cfa_val_expression(struct wdx_buf *b, uint64_t reg, const uint8_t *expr, size_t n);
void wdx_cfa_register(struct wdx_buf *b, uint64_t reg, uint64_t in);
void wdx_cfa_same_value(struct wdx_buf *b, uint64_t reg);
void wdx_cfa_undefined(struct wdx_buf *b, uint64_t reg);
void wdx_cfa_restore(struct wdx_buf *b, uint64_t reg);
void wdx_cfa_remember_state(struct wdx_buf *b);
void wdx_cfa_restore_state(struct wdx_buf *b);

/* ---- macros (write_macro.c) -------------------------------------------------------------------
 */

struct wdx_macro_writer {
	struct wdx_buf *buf;
	uint32_t (*str)(void *arg, const char *s); /* offset in .debug_str; NULL: strings inline */
	void *arg;
};

/* The header of a unit of .debug_macro, version 4 (GNU) or 5; line is the offset of its line table,
 * UINT64_MAX: none.  Returns its offset; WDX_NOT_WRITTEN when line exceeds 32 bits. */
size_t wdx_macros_begin(struct wdx_macro_writer *w, uint16_t version, uint64_t line);
/*
 * One entry as wdx_macros_next() gives it.  Returns, for an import, the position of the 4-byte
 * offset, written as it stands, so that it can be patched; for others that of the entry;
 * WDX_NOT_WRITTEN for an unknown type or an import beyond 32 bits.
 */
size_t wdx_macros_write(struct wdx_macro_writer *w, const struct wdx_macro *m);
void wdx_macros_end(struct wdx_macro_writer *w);

#endif
