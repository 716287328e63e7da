/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/encode.h"

#include <dwarf.h>
#include <string.h>

#define LNCT_LLVM_SOURCE 0x2001

/*
 * Rows of machine code lie a few bytes and a few lines apart, so line_range is as in LLVM and GCC;
 * min_inst_length is 1 for every target, because places between instructions occur too.
 */
enum {
	LINE_BASE = -5,
	LINE_RANGE = 14,
	OPCODE_BASE = 13,
	CONST_ADD = (255 - OPCODE_BASE) / LINE_RANGE
};

static const uint8_t standard_lengths[OPCODE_BASE - 1] = {0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1};

static void fail(struct wdx_line_writer *w, const char *why)
{
	if (!w->failed)
		w->failed = why;
}

/* ---- header ---------------------------------------------------------------------------------- */

/* A header being written. */
struct header {
	struct wdx_buf *b;
	const struct wdx_line_table *t;
	const struct wdx_line_options *o;
	struct wdx_line_file primary; /* entry 0 that an old table lacks */
	bool md5, source, times;
};

/* Before version 5 an empty name would end its table. */
static const char *not_empty(const char *s, const char *other)
{
	return s && *s ? s : other;
}

static bool from_v5(const struct header *h)
{
	return h->t->version >= 5;
}

static void old_tables(struct header *h)
{
	const struct wdx_line_table *t = h->t;

	for (size_t i = 1; i < t->ndirs; i++)
		wdx_buf_str(h->b, not_empty(t->dirs[i], "."));
	wdx_buf_u8(h->b, 0);
	for (size_t i = from_v5(h) ? 0 : 1; i < t->nfiles; i++) {
		wdx_buf_str(h->b, not_empty(t->files[i].name, "<unknown>"));
		wdx_buf_uleb(h->b, t->files[i].dir);
		wdx_buf_uleb(h->b, t->files[i].mtime);
		wdx_buf_uleb(h->b, t->files[i].length);
	}
	wdx_buf_u8(h->b, 0);
}

static void string(struct header *h, const char *s)
{
	if (h->o->line_str)
		wdx_buf_u32(h->b, h->o->line_str(h->o->arg, s ? s : ""));
	else
		wdx_buf_str(h->b, s ? s : "");
}

static uint8_t string_form(const struct header *h)
{
	return h->o->line_str ? DW_FORM_line_strp : DW_FORM_string;
}

static void directories(struct header *h)
{
	const struct wdx_line_table *t = h->t;
	const char *first = t->ndirs ? t->dirs[0] : NULL;

	wdx_buf_u8(h->b, 1);
	wdx_buf_uleb(h->b, DW_LNCT_path);
	wdx_buf_uleb(h->b, string_form(h));
	wdx_buf_uleb(h->b, t->ndirs ? t->ndirs : 1);
	string(h, not_empty(first, h->o->comp_dir));
	for (size_t i = 1; i < t->ndirs; i++)
		string(h, t->dirs[i]);
}

/*
 * File 0 of what was a table of version 2 to 4: the entry of the primary file, if it has one, so
 * that a debugger sees one file, not two.
 */
static void find_primary(struct header *h)
{
	const char *name = h->o->name ? h->o->name : "";

	h->primary = (struct wdx_line_file){.name = name};
	for (size_t i = 1; i < h->t->nfiles; i++) {
		const struct wdx_line_file *f = &h->t->files[i];

		if (f->name && f->dir == 0 && strcmp(f->name, name) == 0) {
			h->primary = *f;
			return;
		}
	}
}

static const struct wdx_line_file *file_at(const struct header *h, size_t i)
{
	return i == 0 && !from_v5(h) ? &h->primary : &h->t->files[i];
}

/* Which columns the table needs: MD5 only if all have one, the rest if any has. */
static void choose_columns(struct header *h, size_t n)
{
	h->md5 = n > 0;
	for (size_t i = 0; i < n; i++) {
		const struct wdx_line_file *f = file_at(h, i);

		h->md5 = h->md5 && f->md5;
		h->source = h->source || f->source;
		h->times = h->times || f->mtime || f->length;
	}
}

static void column(struct header *h, unsigned type, unsigned form)
{
	wdx_buf_uleb(h->b, type);
	wdx_buf_uleb(h->b, form);
}

static void file_formats(struct header *h)
{
	wdx_buf_u8(h->b, (uint8_t)(2 + 2 * h->times + h->md5 + h->source));
	column(h, DW_LNCT_path, string_form(h));
	column(h, DW_LNCT_directory_index, DW_FORM_udata);
	if (h->times) {
		column(h, DW_LNCT_timestamp, DW_FORM_udata);
		column(h, DW_LNCT_size, DW_FORM_udata);
	}
	if (h->md5)
		column(h, DW_LNCT_MD5, DW_FORM_data16);
	if (h->source)
		column(h, LNCT_LLVM_SOURCE, string_form(h));
}

static void files(struct header *h)
{
	size_t n = from_v5(h) || h->t->nfiles ? h->t->nfiles : 1;

	if (!from_v5(h))
		find_primary(h);
	choose_columns(h, n);
	file_formats(h);
	wdx_buf_uleb(h->b, n);
	for (size_t i = 0; i < n; i++) {
		const struct wdx_line_file *f = file_at(h, i);

		string(h, f->name);
		wdx_buf_uleb(h->b, f->dir);
		if (h->times) {
			wdx_buf_uleb(h->b, f->mtime);
			wdx_buf_uleb(h->b, f->length);
		}
		if (h->md5)
			wdx_buf_bytes(h->b, f->md5, 16);
		if (h->source)
			string(h, f->source);
	}
}

static void header(struct wdx_line_writer *w, struct header *h)
{
	struct wdx_buf *b = w->buf;
	size_t length_at;

	wdx_buf_u32(b, 0);
	wdx_buf_u16(b, w->version);
	if (w->version >= 5) {
		wdx_buf_u8(b, w->address_size);
		wdx_buf_u8(b, 0); /* segment selector size */
	}
	length_at = b->len;
	wdx_buf_u32(b, 0);
	wdx_buf_u8(b, 1); /* minimum_instruction_length */
	wdx_buf_u8(b, 1); /* maximum_operations_per_instruction */
	wdx_buf_u8(b, w->default_is_stmt);
	wdx_buf_u8(b, (uint8_t)LINE_BASE);
	wdx_buf_u8(b, LINE_RANGE);
	wdx_buf_u8(b, OPCODE_BASE);
	wdx_buf_bytes(b, standard_lengths, sizeof(standard_lengths));
	if (w->version >= 5) {
		directories(h);
		files(h);
	} else {
		old_tables(h);
	}
	wdx_buf_patch(b, length_at, b->len - length_at - 4, 4);
}

void wdx_line_begin(struct wdx_line_writer *w, struct wdx_buf *b, const struct wdx_line_table *t,
		    const struct wdx_line_options *o)
{
	struct header h = {.b = b, .t = t, .o = o};

	*w = (struct wdx_line_writer){
		.buf = b,
		.start = b->len,
		.version = o->version >= 5 ? 5 : 4,
		.address_size = o->address_size,
		.default_is_stmt = t->default_is_stmt,
	};
	w->file_shift = t->version >= 5 && w->version < 5;
	if (w->address_size < 1 || w->address_size > 8)
		fail(w, "line table with an impossible address size");
	else
		header(w, &h);
}

/* ---- program --------------------------------------------------------------------------------- */

static void begin_extended(struct wdx_buf *b, uint8_t opcode, unsigned operands)
{
	wdx_buf_u8(b, 0);
	wdx_buf_uleb(b, 1 + operands);
	wdx_buf_u8(b, opcode);
}

static void begin_sequence(struct wdx_line_writer *w, uint64_t address)
{
	w->open = true;
	w->at = (struct wdx_row){.address = address,
				 .file = 1,
				 .line = 1,
				 .flags = w->default_is_stmt ? WDX_ROW_IS_STMT : 0};
	begin_extended(w->buf, DW_LNE_set_address, w->address_size);
	w->address = w->buf->len;
	wdx_buf_uint(w->buf, address, w->address_size);
}

static void end_sequence(struct wdx_line_writer *w, uint64_t delta)
{
	if (delta) {
		wdx_buf_u8(w->buf, DW_LNS_advance_pc);
		wdx_buf_uleb(w->buf, delta);
	}
	begin_extended(w->buf, DW_LNE_end_sequence, 0);
	w->open = false;
}

static inline void set_number(struct wdx_line_writer *w, uint8_t opcode, uint32_t *reg,
			      uint32_t value)
{
	if (*reg == value)
		return;
	wdx_buf_u8(w->buf, opcode);
	wdx_buf_uleb(w->buf, value);
	*reg = value;
}

static unsigned uleb_size(uint64_t v)
{
	unsigned n = 1;

	while (v >>= 7)
		n++;
	return n;
}

/* Everything of a row but its address and line. */
static void set_registers(struct wdx_line_writer *w, const struct wdx_row *row)
{
	struct wdx_row *at = &w->at;
	struct wdx_buf *b = w->buf;
	uint32_t isa = at->isa;

	set_number(w, DW_LNS_set_file, &at->file, row->file + w->file_shift);
	set_number(w, DW_LNS_set_column, &at->column, row->column);
	set_number(w, DW_LNS_set_isa, &isa, row->isa);
	at->isa = row->isa;
	if (row->discriminator) {
		begin_extended(b, DW_LNE_set_discriminator, uleb_size(row->discriminator));
		wdx_buf_uleb(b, row->discriminator);
	}
	if ((at->flags ^ row->flags) & WDX_ROW_IS_STMT)
		wdx_buf_u8(b, DW_LNS_negate_stmt);
	at->flags = row->flags & WDX_ROW_IS_STMT;
	if (row->flags & WDX_ROW_BASIC_BLOCK)
		wdx_buf_u8(b, DW_LNS_set_basic_block);
	if (row->flags & WDX_ROW_PROLOGUE_END)
		wdx_buf_u8(b, DW_LNS_set_prologue_end);
	if (row->flags & WDX_ROW_EPILOGUE_BEGIN)
		wdx_buf_u8(b, DW_LNS_set_epilogue_begin);
}

/* Advances and appends a row: one special opcode, behind what it cannot say itself. */
static void advance(struct wdx_line_writer *w, uint64_t delta, int64_t lines)
{
	struct wdx_buf *b = w->buf;
	unsigned line_part, max;

	if (lines < LINE_BASE || lines >= LINE_BASE + LINE_RANGE) {
		wdx_buf_u8(b, DW_LNS_advance_line);
		wdx_buf_sleb(b, lines);
		lines = 0;
	}
	line_part = (unsigned)(lines - LINE_BASE) + OPCODE_BASE;
	max = (255 - line_part) / LINE_RANGE; /* what a special opcode can advance */
	if (delta > max && delta - CONST_ADD <= max && delta >= CONST_ADD) {
		wdx_buf_u8(b, DW_LNS_const_add_pc);
		delta -= CONST_ADD;
	} else if (delta > max) {
		wdx_buf_u8(b, DW_LNS_advance_pc);
		wdx_buf_uleb(b, delta);
		delta = 0;
	}
	wdx_buf_u8(b, (uint8_t)(line_part + LINE_RANGE * delta));
}

static bool fits(const struct wdx_line_writer *w, uint64_t address)
{
	return w->address_size == 8 || !(address >> (8 * w->address_size));
}

void wdx_line_row(struct wdx_line_writer *w, const struct wdx_row *row)
{
	uint64_t delta;

	if (!w->failed && !fits(w, row->address))
		fail(w, "address of a line row does not fit the address size");
	if (!w->failed && w->open && row->address < w->at.address)
		fail(w, "addresses of a line sequence descend");
	if (!w->failed && w->file_shift && row->file == UINT32_MAX)
		fail(w, "file number of a line row is too large");
	if (w->failed)
		return;
	if (!w->open)
		begin_sequence(w, row->address);
	delta = row->address - w->at.address;
	if (row->flags & WDX_ROW_END_SEQUENCE) {
		end_sequence(w, delta);
		return;
	}
	set_registers(w, row);
	advance(w, delta, (int64_t)row->line - w->at.line);
	w->at.address = row->address;
	w->at.line = row->line;
}

void wdx_line_end(struct wdx_line_writer *w)
{
	uint64_t length = w->buf->len - w->start - 4;

	if (w->open)
		fail(w, "line sequence without an end");
	/* From 0xfffffff0 on lengths have another meaning (DWARF 5 §7.4). */
	if (length >= 0xfffffff0)
		fail(w, "line table exceeds 4 GiB");
	if (!w->failed)
		wdx_buf_patch(w->buf, w->start, length, 4);
}
