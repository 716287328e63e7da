/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/decode.h"

#include <dwarf.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"

/* DWARF extensions of LLVM: the text of the source file. */
#define LNCT_LLVM_SOURCE 0x2001

static const char too_large[] = "number too large for its register";

/* A table being read. */
struct reading {
	const struct wdx_line_input *in;
	struct wdx_arena *arena;
	struct wdx_line_table *out;
	const char *warning;
	bool no_memory;
	size_t str_size, line_str_size; /* up to the last NUL */

	/* the header */
	struct wdx_reader r; /* the unit, behind its length */
	uint8_t offset_size, max_ops, line_range, opcode_base;
	int8_t line_base;
	const uint8_t *lengths; /* of standard opcodes; [0] is opcode 1's */
	WDX_VEC(const char *) dirs;
	WDX_VEC(struct wdx_line_file) files;

	/* the state machine */
	struct wdx_row row;
	uint64_t mask; /* of an address */
	WDX_VEC(struct wdx_row) rows;
	size_t complete; /* rows up to and with the last END_SEQUENCE */
};

static void warn(struct reading *rd, const char *what)
{
	if (!rd->warning)
		rd->warning = what;
}

static void fail_memory(struct reading *rd)
{
	rd->no_memory = true;
	wdx_reader_fail(&rd->r, "out of memory");
}

/* ---- header ---------------------------------------------------------------------------------- */

static void add_dir(struct reading *rd, const char *name)
{
	const char **d = wdx_vec_push(&rd->dirs);

	if (d)
		*d = name;
	else
		fail_memory(rd);
}

static void add_file(struct reading *rd, const struct wdx_line_file *file)
{
	struct wdx_line_file *f = wdx_vec_push(&rd->files);

	if (f)
		*f = *file;
	else
		fail_memory(rd);
}

/* The bytes of a string section up to its last NUL, so that each string need not be searched. */
static size_t terminated(const uint8_t *data, size_t size)
{
	while (data && size > 0 && data[size - 1])
		size--;
	return data ? size : 0;
}

/* A string of a string section; "" with a warning when it is not there. */
static const char *string_at(struct reading *rd, const uint8_t *data, size_t size, uint64_t offset)
{
	if (offset < size)
		return (const char *)data + offset;
	warn(rd, "name lies outside its string section");
	return "";
}

/* A field of a directory or file entry (version 5). */
struct value {
	uint64_t number;
	const char *string;  /* of string forms */
	const uint8_t *data; /* of data16 */
};

/* Forms without interest here, and their sizes. */
static void read_block(struct wdx_reader *r, uint64_t form)
{
	uint64_t n = 0;

	if (form == DW_FORM_block)
		n = wdx_read_uleb(r, 64);
	else if (form == DW_FORM_block1)
		n = wdx_read_u8(r);
	else if (form == DW_FORM_block2)
		n = wdx_read_u16(r);
	else
		n = wdx_read_u32(r);
	wdx_read_skip(r, n);
}

/* Bytes of a form that is a plain number, or 0. */
static unsigned number_size(const struct reading *rd, uint64_t form)
{
	static const struct {
		uint8_t form, size;
	} sizes[] = {
		{DW_FORM_data1, 1}, {DW_FORM_data2, 2}, {DW_FORM_data4, 4},
		{DW_FORM_data8, 8}, {DW_FORM_flag, 1},	{DW_FORM_strx1, 1},
		{DW_FORM_strx2, 2}, {DW_FORM_strx3, 3}, {DW_FORM_strx4, 4},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i].form == form)
			return sizes[i].size;
	}
	return form == DW_FORM_sec_offset || form == DW_FORM_strp_sup ? rd->offset_size : 0;
}

static struct value read_form(struct reading *rd, struct wdx_reader *r, uint64_t form)
{
	struct value v = {0};
	unsigned size;

	switch (form) {
	case DW_FORM_string:
		v.string = wdx_read_str(r);
		break;
	case DW_FORM_line_strp:
		v.number = wdx_read_uint(r, rd->offset_size);
		v.string = string_at(rd, rd->in->line_str, rd->line_str_size, v.number);
		break;
	case DW_FORM_strp:
		v.number = wdx_read_uint(r, rd->offset_size);
		v.string = string_at(rd, rd->in->str, rd->str_size, v.number);
		break;
	case DW_FORM_data16:
		v.data = wdx_read_bytes(r, 16);
		break;
	case DW_FORM_udata:
	case DW_FORM_strx:
		v.number = wdx_read_uleb(r, 64);
		break;
	case DW_FORM_sdata:
		v.number = (uint64_t)wdx_read_sleb(r, 64);
		break;
	case DW_FORM_block:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
		read_block(r, form);
		break;
	default:
		size = number_size(rd, form);
		if (size)
			v.number = wdx_read_uint(r, size);
		else
			wdx_reader_fail(r, "unknown form in the header");
	}
	return v;
}

struct format {
	uint64_t type, form; /* DW_LNCT_*, DW_FORM_* */
};

static struct wdx_line_file read_entry(struct reading *rd, struct wdx_reader *r,
				       const struct format *fmt, unsigned n)
{
	struct wdx_line_file f = {.name = ""};

	for (unsigned i = 0; i < n; i++) {
		struct value v = read_form(rd, r, fmt[i].form);

		if (fmt[i].type == DW_LNCT_path && v.string)
			f.name = v.string;
		else if (fmt[i].type == DW_LNCT_path)
			warn(rd, "name in a form that is not supported");
		else if (fmt[i].type == DW_LNCT_directory_index)
			f.dir = v.number;
		else if (fmt[i].type == DW_LNCT_timestamp)
			f.mtime = v.number;
		else if (fmt[i].type == DW_LNCT_size)
			f.length = v.number;
		else if (fmt[i].type == DW_LNCT_MD5)
			f.md5 = v.data;
		else if (fmt[i].type == LNCT_LLVM_SOURCE)
			f.source = v.string;
	}
	return f;
}

/* One of the two tables of a version 5 header: formats, then entries of them. */
static void read_entries(struct reading *rd, struct wdx_reader *r, bool dirs)
{
	struct format fmt[255];
	unsigned n = wdx_read_u8(r);
	uint64_t count;

	for (unsigned i = 0; i < n; i++) {
		fmt[i].type = wdx_read_uleb(r, 64);
		fmt[i].form = wdx_read_uleb(r, 64);
	}
	count = wdx_read_uleb(r, 64);
	/* Every form takes a byte at least: what does not fit is not there. */
	if (count && (!n || count > wdx_reader_left(r)))
		wdx_reader_fail(r, "more entries than there is room for");
	for (uint64_t i = 0; i < count && !r->failed && !rd->no_memory; i++) {
		struct wdx_line_file f = read_entry(rd, r, fmt, n);

		if (!r->failed && dirs)
			add_dir(rd, f.name);
		else if (!r->failed)
			add_file(rd, &f);
	}
}

/* The tables of versions 2 to 4: strings up to an empty one. */
static void read_old_tables(struct reading *rd, struct wdx_reader *r)
{
	const char *name;

	add_dir(rd, rd->in->comp_dir ? rd->in->comp_dir : "");
	while ((name = wdx_read_str(r)) && *name && !rd->no_memory)
		add_dir(rd, name);
	add_file(rd, &(struct wdx_line_file){0});
	while ((name = wdx_read_str(r)) && *name && !rd->no_memory) {
		struct wdx_line_file f = {.name = name};

		f.dir = wdx_read_uleb(r, 64);
		f.mtime = wdx_read_uleb(r, 64);
		f.length = wdx_read_uleb(r, 64);
		if (!r->failed)
			add_file(rd, &f);
	}
}

static void read_parameters(struct reading *rd, struct wdx_reader *r)
{
	struct wdx_line_table *t = rd->out;

	t->min_inst_length = wdx_read_u8(r);
	rd->max_ops = t->version >= 4 ? wdx_read_u8(r) : 1;
	if (!rd->max_ops)
		rd->max_ops = 1;
	t->default_is_stmt = wdx_read_u8(r) != 0;
	rd->line_base = (int8_t)wdx_read_u8(r);
	rd->line_range = wdx_read_u8(r);
	rd->opcode_base = wdx_read_u8(r);
	if (!rd->opcode_base)
		wdx_reader_fail(r, "opcode_base is 0");
	else
		rd->lengths = wdx_read_bytes(r, rd->opcode_base - 1u);
}

/* The header; afterwards rd->r stands at the program. */
static const char *read_header(struct reading *rd, uint64_t offset)
{
	const struct wdx_line_input *in = rd->in;
	struct wdx_line_table *t = rd->out;
	struct wdx_reader r, header;
	uint64_t length;

	wdx_reader_init(&r, in->line, in->line_size, 0, in->big_endian);
	wdx_read_seek(&r, offset);
	length = wdx_read_u32(&r);
	rd->offset_size = length == UINT32_MAX ? 8 : 4;
	if (rd->offset_size == 8)
		length = wdx_read_u64(&r);
	rd->r = wdx_read_sub(&r, length);
	t->version = wdx_read_u16(&rd->r);
	if (!rd->r.failed && (t->version < 2 || t->version > 5))
		return "version of the line table is not supported";
	t->address_size = t->version >= 5 ? wdx_read_u8(&rd->r) : in->address_size;
	if (t->version >= 5)
		wdx_read_u8(&rd->r); /* the size of segment selectors, which no opcode reads */
	header = wdx_read_sub(&rd->r, wdx_read_uint(&rd->r, rd->offset_size));
	read_parameters(rd, &header);
	if (t->version < 5) {
		read_old_tables(rd, &header);
	} else {
		read_entries(rd, &header, true);
		read_entries(rd, &header, false);
		if (!rd->dirs.len)
			add_dir(rd, in->comp_dir ? in->comp_dir : "");
	}
	return rd->r.failed ? rd->r.failed : header.failed;
}

/* ---- program --------------------------------------------------------------------------------- */

/* The common cases inline: the program is most of the section. */
static inline uint8_t get_u8(struct wdx_reader *r)
{
	return r->pos < r->end ? *r->pos++ : wdx_read_u8(r);
}

static inline uint64_t get_uleb(struct wdx_reader *r)
{
	return r->pos < r->end && *r->pos < 0x80 ? *r->pos++ : wdx_read_uleb(r, 64);
}

static inline int64_t get_sleb(struct wdx_reader *r)
{
	if (r->pos < r->end && *r->pos < 0x80) {
		uint8_t b = *r->pos++;

		return b < 0x40 ? b : b - 0x80;
	}
	return wdx_read_sleb(r, 64);
}

static inline uint32_t get_uleb32(struct wdx_reader *r)
{
	uint64_t v = get_uleb(r);

	if (v > UINT32_MAX)
		wdx_reader_fail(r, too_large);
	return (uint32_t)v;
}

static void reset_registers(struct reading *rd)
{
	rd->row = (struct wdx_row){
		.file = 1, .line = 1, .flags = rd->out->default_is_stmt ? WDX_ROW_IS_STMT : 0};
}

static inline void emit_row(struct reading *rd)
{
	/* The length is compared here to save a call for every row. */
	if (rd->rows.len < rd->rows.cap || wdx_vec_reserve(&rd->rows, 1))
		rd->rows.data[rd->rows.len++] = rd->row;
	else
		fail_memory(rd);
	rd->row.discriminator = 0;
	rd->row.flags &= WDX_ROW_IS_STMT;
}

/* Advances by n operations (DWARF 5 §6.2.5.1). */
static inline void advance(struct reading *rd, uint64_t n)
{
	if (rd->max_ops > 1) {
		n += rd->row.op_index;
		rd->row.op_index = (uint8_t)(n % rd->max_ops);
		n /= rd->max_ops;
	}
	rd->row.address = (rd->row.address + rd->out->min_inst_length * n) & rd->mask;
}

static inline void special(struct reading *rd, uint8_t opcode, bool whole)
{
	uint8_t adjusted = (uint8_t)(opcode - rd->opcode_base);

	if (!rd->line_range) {
		wdx_reader_fail(&rd->r, "special opcode, but line_range is 0");
		return;
	}
	advance(rd, adjusted / rd->line_range);
	if (!whole)
		return;
	rd->row.line += (uint32_t)(rd->line_base + adjusted % rd->line_range);
	emit_row(rd);
}

static void set_address(struct reading *rd, struct wdx_reader *sub)
{
	size_t size = wdx_reader_left(sub);

	if (size < 1 || size > 8) {
		wdx_reader_fail(&rd->r, "DW_LNE_set_address of an impossible size");
		return;
	}
	rd->row.address = wdx_read_uint(sub, (unsigned)size) & rd->mask;
	rd->row.op_index = 0;
}

static void define_file(struct reading *rd, struct wdx_reader *sub)
{
	struct wdx_line_file f = {.name = wdx_read_str(sub)};

	f.dir = wdx_read_uleb(sub, 64);
	f.mtime = wdx_read_uleb(sub, 64);
	f.length = wdx_read_uleb(sub, 64);
	if (!sub->failed)
		add_file(rd, &f);
}

static void extended(struct reading *rd)
{
	struct wdx_reader sub = wdx_read_sub(&rd->r, get_uleb(&rd->r));
	uint8_t opcode;

	if (rd->r.failed || sub.pos == sub.end)
		return; /* of length 0: padding, some say */
	opcode = wdx_read_u8(&sub);
	if (opcode == DW_LNE_end_sequence) {
		rd->row.flags |= WDX_ROW_END_SEQUENCE;
		emit_row(rd);
		rd->complete = rd->rows.len;
		reset_registers(rd);
	} else if (opcode == DW_LNE_set_address) {
		set_address(rd, &sub);
	} else if (opcode == DW_LNE_define_file) {
		define_file(rd, &sub);
	} else if (opcode == DW_LNE_set_discriminator) {
		rd->row.discriminator = get_uleb32(&sub);
	}
	if (sub.failed)
		wdx_reader_fail(&rd->r, sub.failed);
}

static void set_isa(struct reading *rd)
{
	uint64_t isa = get_uleb(&rd->r);

	if (isa > UINT8_MAX)
		wdx_reader_fail(&rd->r, too_large);
	rd->row.isa = (uint8_t)isa;
}

static void fixed_advance_pc(struct reading *rd)
{
	rd->row.address = (rd->row.address + wdx_read_u16(&rd->r)) & rd->mask;
	rd->row.op_index = 0;
}

static void standard(struct reading *rd, uint8_t opcode)
{
	struct wdx_row *row = &rd->row;

	switch (opcode) {
	case DW_LNS_copy:
		emit_row(rd);
		break;
	case DW_LNS_advance_pc:
		advance(rd, get_uleb(&rd->r));
		break;
	case DW_LNS_advance_line:
		row->line += (uint32_t)get_sleb(&rd->r);
		break;
	case DW_LNS_set_file:
		row->file = get_uleb32(&rd->r);
		break;
	case DW_LNS_set_column:
		row->column = get_uleb32(&rd->r);
		break;
	case DW_LNS_negate_stmt:
		row->flags ^= WDX_ROW_IS_STMT;
		break;
	case DW_LNS_set_basic_block:
		row->flags |= WDX_ROW_BASIC_BLOCK;
		break;
	case DW_LNS_const_add_pc:
		special(rd, 255, false);
		break;
	case DW_LNS_fixed_advance_pc:
		fixed_advance_pc(rd);
		break;
	case DW_LNS_set_prologue_end:
		row->flags |= WDX_ROW_PROLOGUE_END;
		break;
	case DW_LNS_set_epilogue_begin:
		row->flags |= WDX_ROW_EPILOGUE_BEGIN;
		break;
	case DW_LNS_set_isa:
		set_isa(rd);
		break;
	default:
		for (unsigned i = rd->lengths[opcode - 1]; i > 0 && !rd->r.failed; i--)
			get_uleb(&rd->r);
	}
}

static void run(struct reading *rd)
{
	uint8_t size = rd->out->address_size;

	rd->mask = size && size < 8 ? (1ULL << 8 * size) - 1 : UINT64_MAX;
	reset_registers(rd);
	/* About what real programs make of their bytes: growing would copy all rows a few times. */
	if (!wdx_vec_reserve(&rd->rows, wdx_reader_left(&rd->r) / 5))
		fail_memory(rd);
	while (rd->r.pos < rd->r.end) {
		uint8_t opcode = get_u8(&rd->r);

		if (opcode >= rd->opcode_base)
			special(rd, opcode, true);
		else if (opcode)
			standard(rd, opcode);
		else
			extended(rd);
	}
	if (rd->r.failed)
		warn(rd, rd->r.failed);
	if (rd->complete < rd->rows.len)
		warn(rd, "line program ends inside a sequence");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void *keep(struct reading *rd, const void *data, size_t n, size_t elem)
{
	void *p = wdx_arena_alloc(rd->arena, n ? n * elem : 1);

	if (!p)
		rd->no_memory = true;
	else if (n)
		memcpy(p, data, n * elem);
	return p;
}

static void keep_all(struct reading *rd)
{
	struct wdx_line_table *t = rd->out;

	t->dirs = keep(rd, rd->dirs.data, rd->dirs.len, sizeof(*rd->dirs.data));
	t->ndirs = rd->dirs.len;
	t->files = keep(rd, rd->files.data, rd->files.len, sizeof(*rd->files.data));
	t->nfiles = rd->files.len;
	t->rows = rd->rows.data; /* far too many to copy */
	t->nrows = rd->complete;
	if (!wdx_arena_adopt(rd->arena, rd->rows.data))
		rd->no_memory = true;
	memset(&rd->rows, 0, sizeof(rd->rows));
}

struct wdx_error *wdx_read_lines(const struct wdx_line_input *in, uint64_t offset,
				 struct wdx_arena *arena, struct wdx_line_table *out,
				 const char **warning)
{
	struct reading rd = {.in = in, .arena = arena, .out = out};
	const char *failed;

	*out = (struct wdx_line_table){.offset = offset};
	rd.str_size = terminated(in->str, in->str_size);
	rd.line_str_size = terminated(in->line_str, in->line_str_size);
	failed = read_header(&rd, offset);
	if (!failed && !rd.no_memory) {
		run(&rd);
		keep_all(&rd);
	}
	wdx_vec_free(&rd.dirs);
	wdx_vec_free(&rd.files);
	wdx_vec_free(&rd.rows);
	if (warning)
		*warning = rd.warning;
	if (rd.no_memory)
		return &wdx_nomem;
	return failed ? wdx_bad_input(".debug_line: table at 0x%" PRIx64 ": %s", offset, failed)
		      : NULL;
}
