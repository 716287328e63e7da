/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Line tables: hand-made ones of every version, written ones read back, malformed ones. */
#include "dwarf/decode.h"
#include "dwarf/encode.h"

#include <dwarf.h>
#include <string.h>

#include "base/error.h"
#include "hostile.h"
#include "tap.h"

static const uint8_t md5[16] = "0123456789abcdef";
static const char strings[] = "\0str dir\0line file";

/* ---- tables made by hand --------------------------------------------------------------------- */

struct shape {
	uint16_t version;
	bool wide, big; /* 64-bit DWARF, byte order */
	uint8_t min_inst, max_ops, line_range, opcode_base;
};

static void old_tables(struct wdx_buf *b)
{
	wdx_buf_str(b, "inc");
	wdx_buf_u8(b, 0);
	wdx_buf_str(b, "a.c");
	wdx_buf_uleb(b, 0);
	wdx_buf_uleb(b, 11);
	wdx_buf_uleb(b, 12);
	wdx_buf_str(b, "a.h");
	wdx_buf_uleb(b, 1);
	wdx_buf_uleb(b, 0);
	wdx_buf_uleb(b, 0);
	wdx_buf_u8(b, 0);
}

static void new_tables(struct wdx_buf *b, unsigned offset_size)
{
	static const uint8_t formats[] = {5,
					  1,
					  DW_FORM_line_strp,
					  2,
					  DW_FORM_data1,
					  5,
					  DW_FORM_data16,
					  0x81,
					  0x40,
					  DW_FORM_string,
					  0x99,
					  0x40,
					  DW_FORM_block};

	wdx_buf_bytes(b, (uint8_t[]){1, 1, DW_FORM_strp, 2}, 4);
	wdx_buf_uint(b, 1, offset_size);
	wdx_buf_uint(b, 5, offset_size);
	wdx_buf_bytes(b, formats, sizeof(formats));
	wdx_buf_uleb(b, 2);
	for (int i = 0; i < 2; i++) {
		wdx_buf_uint(b, i ? 14 : 9, offset_size);
		wdx_buf_u8(b, (uint8_t)i);
		wdx_buf_bytes(b, md5, 16);
		wdx_buf_str(b, i ? "text" : "");
		wdx_buf_bytes(b, (uint8_t[]){2, 7, 7}, 3);
	}
}

static void header(struct wdx_buf *b, const struct shape *s)
{
	unsigned offset_size = s->wide ? 8 : 4;
	size_t at;

	b->big = s->big;
	if (s->wide)
		wdx_buf_u32(b, UINT32_MAX);
	wdx_buf_uint(b, 0, offset_size);
	wdx_buf_u16(b, s->version);
	if (s->version >= 5)
		wdx_buf_bytes(b, (uint8_t[]){4, 0}, 2);
	at = b->len;
	wdx_buf_uint(b, 0, offset_size);
	wdx_buf_u8(b, s->min_inst);
	if (s->version >= 4)
		wdx_buf_u8(b, s->max_ops);
	wdx_buf_bytes(b, (uint8_t[]){1, 0xfd, s->line_range, s->opcode_base}, 4);
	wdx_buf_bytes(b, (uint8_t[]){0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 2}, s->opcode_base - 1u);
	if (s->version < 5)
		old_tables(b);
	else
		new_tables(b, offset_size);
	wdx_buf_zeros(b, 2); /* header_length counts, not what is understood */
	wdx_buf_patch(b, at, b->len - at - offset_size, offset_size);
}

static void finish(struct wdx_buf *b, const struct shape *s)
{
	if (s->wide)
		wdx_buf_patch(b, 4, b->len - 12, 8);
	else
		wdx_buf_patch(b, 0, b->len - 4, 4);
}

static void set_address(struct wdx_buf *b, uint32_t address)
{
	wdx_buf_bytes(b, (uint8_t[]){0, 5, DW_LNE_set_address}, 3);
	wdx_buf_u32(b, address);
}

static const uint8_t end_sequence[] = {0, 1, DW_LNE_end_sequence};

/* Every opcode once; opcode_base 14, line_range 12, line_base -3, min_inst 1. */
static void program(struct wdx_buf *b)
{
	static const uint8_t part[] = {
		DW_LNS_copy,
		DW_LNS_advance_pc,
		0x80,
		1,
		DW_LNS_advance_line,
		9,
		DW_LNS_set_file,
		2,
		DW_LNS_set_column,
		7,
		DW_LNS_negate_stmt,
		DW_LNS_set_basic_block,
		14 + 12 * 2 + 3 + 1, /* address + 2, line + 1 */
		DW_LNS_const_add_pc,
		DW_LNS_set_prologue_end,
		DW_LNS_set_epilogue_begin,
		DW_LNS_set_isa,
		3,
		0,
		2,
		DW_LNE_set_discriminator,
		5,
		13,
		0x80,
		0,
		4, /* of 2 operands */
		0,
		3,
		0x80,
		1,
		2, /* vendor's */
		DW_LNS_advance_line,
		0x7b,
		DW_LNS_copy,
	};

	set_address(b, 0x1000);
	wdx_buf_bytes(b, part, sizeof(part));
	wdx_buf_u8(b, DW_LNS_fixed_advance_pc);
	wdx_buf_u16(b, 0x300);
	wdx_buf_bytes(b, (uint8_t[]){0, 6, DW_LNE_define_file, 'x', 0, 0, 1, 2}, 8);
	wdx_buf_bytes(b, end_sequence, 3);
	set_address(b, UINT32_MAX);
	wdx_buf_u8(b, DW_LNS_copy);
	wdx_buf_bytes(b, (uint8_t[]){DW_LNS_advance_pc, 4}, 2);
	wdx_buf_bytes(b, end_sequence, 3);
}

static const struct wdx_row program_rows[] = {
	{.address = 0x1000, .file = 1, .line = 1, .flags = WDX_ROW_IS_STMT},
	{.address = 0x1082, .file = 2, .line = 11, .column = 7, .flags = WDX_ROW_BASIC_BLOCK},
	{.address = 0x1096,
	 .file = 2,
	 .line = 6,
	 .column = 7,
	 .discriminator = 5,
	 .isa = 3,
	 .flags = WDX_ROW_PROLOGUE_END | WDX_ROW_EPILOGUE_BEGIN},
	{.address = 0x1396,
	 .file = 2,
	 .line = 6,
	 .column = 7,
	 .isa = 3,
	 .flags = WDX_ROW_END_SEQUENCE},
	{.address = UINT32_MAX, .file = 1, .line = 1, .flags = WDX_ROW_IS_STMT},
	{.address = 3, .file = 1, .line = 1, .flags = WDX_ROW_IS_STMT | WDX_ROW_END_SEQUENCE},
};

#define NROWS (sizeof(program_rows) / sizeof(program_rows[0]))

static struct wdx_line_input input(const struct wdx_buf *b)
{
	return (struct wdx_line_input){
		.line = b->data,
		.line_size = b->len,
		.str = (const uint8_t *)strings,
		.str_size = sizeof(strings),
		.line_str = (const uint8_t *)strings,
		.line_str_size = sizeof(strings),
		.big_endian = b->big,
		.address_size = 4,
		.comp_dir = "/comp",
	};
}

static bool rows_equal(const struct wdx_row *a, const struct wdx_row *b, uint32_t shift)
{
	return a->address == b->address && a->file + shift == b->file && a->line == b->line &&
	       a->column == b->column && a->discriminator == b->discriminator && a->isa == b->isa &&
	       a->op_index == b->op_index && a->flags == b->flags;
}

static bool read(const struct wdx_buf *b, struct wdx_arena *arena, struct wdx_line_table *t,
		 const char **warning)
{
	struct wdx_line_input in = input(b);
	struct wdx_error *err = wdx_read_lines(&in, 0, arena, t, warning);

	if (err)
		printf("# %s\n", wdx_error_message(err));
	wdx_error_destroy(err);
	return !err;
}

static void check_tables(const struct wdx_line_table *t)
{
	if (t->version < 5) {
		ok(t->ndirs == 2 && !strcmp(t->dirs[0], "/comp") && !strcmp(t->dirs[1], "inc"),
		   "dirs");
		ok(t->nfiles == 4 && !t->files[0].name && !strcmp(t->files[2].name, "a.h"),
		   "files");
		ok(t->files[1].mtime == 11 && t->files[1].length == 12 && t->files[2].dir == 1,
		   "their dirs, times, lengths");
	} else {
		ok(t->ndirs == 2 && !strcmp(t->dirs[0], "str dir") && !strcmp(t->dirs[1], "dir"),
		   "dirs");
		ok(t->nfiles == 3 && !strcmp(t->files[0].name, "line file") && t->files[1].dir == 1,
		   "files");
		ok(!memcmp(t->files[1].md5, md5, 16) && !strcmp(t->files[1].source, "text"),
		   "their MD5, source");
	}
	ok(!strcmp(t->files[t->nfiles - 1].name, "x") && t->files[t->nfiles - 1].length == 2,
	   "file of DW_LNE_define_file");
}

static void test_made(const struct shape *s)
{
	struct wdx_arena arena = {0};
	struct wdx_buf b = {0};
	struct wdx_line_table t;
	const char *warning;
	bool same;

	header(&b, s);
	program(&b);
	finish(&b, s);
	ok(read(&b, &arena, &t, &warning) && !warning, "version %u%s%s", s->version,
	   s->wide ? ", 64-bit" : "", s->big ? ", big-endian" : "");
	same = t.nrows == NROWS && t.default_is_stmt && t.version == s->version &&
	       t.address_size == 4;
	for (size_t i = 0; same && i < NROWS; i++)
		same = rows_equal(&program_rows[i], &t.rows[i], 0);
	ok(same, "its rows");
	check_tables(&t);
	wdx_arena_deinit(&arena);
	wdx_buf_deinit(&b);
}

/* Several operations in one instruction: addresses advance by whole bundles. */
static void test_vliw(void)
{
	static const struct shape s = {4, false, false, 16, 3, 12, 13};
	struct wdx_arena arena = {0};
	struct wdx_buf b = {0};
	struct wdx_line_table t;
	const char *warning;

	header(&b, &s);
	set_address(&b, 0x1000);
	wdx_buf_bytes(&b, (uint8_t[]){13 + 3 + 12 * 2, 13 + 3 + 12 * 2, DW_LNS_advance_pc, 5, 1},
		      5);
	wdx_buf_bytes(&b, end_sequence, 3);
	finish(&b, &s);
	ok(read(&b, &arena, &t, &warning) && t.nrows == 4, "VLIW");
	ok(t.rows[0].address == 0x1000 && t.rows[0].op_index == 2, "2 operations");
	ok(t.rows[1].address == 0x1010 && t.rows[1].op_index == 1, "4 operations");
	ok(t.rows[2].address == 0x1030 && t.rows[2].op_index == 0, "9 operations");
	wdx_arena_deinit(&arena);
	wdx_buf_deinit(&b);
}

/* What is wrong behind a complete sequence costs only what comes then. */
static void test_damaged(const char *what, const uint8_t *tail, size_t n)
{
	static const struct shape s = {4, false, false, 1, 1, 0, 14};
	struct wdx_arena arena = {0};
	struct wdx_buf b = {0};
	struct wdx_line_table t;
	const char *warning;
	bool got;

	header(&b, &s);
	set_address(&b, 0x10);
	wdx_buf_u8(&b, DW_LNS_copy);
	wdx_buf_bytes(&b, end_sequence, 3);
	wdx_buf_u8(&b, DW_LNS_copy);
	wdx_buf_bytes(&b, tail, n);
	finish(&b, &s);
	got = read(&b, &arena, &t, &warning);
	ok(got && t.nrows == 2 && warning, "%s: %s", what, warning ? warning : "-");
	wdx_arena_deinit(&arena);
	wdx_buf_deinit(&b);
}

static void test_all_damaged(void)
{
	test_damaged("no end", NULL, 0);
	test_damaged("truncated operand", (uint8_t[]){DW_LNS_advance_pc, 0x80}, 2);
	test_damaged("truncated extension", (uint8_t[]){0, 9, 1}, 3);
	test_damaged("special opcode of range 0", (uint8_t[]){200}, 1);
	test_damaged("const_add_pc of range 0", (uint8_t[]){DW_LNS_const_add_pc}, 1);
	test_damaged("large column", (uint8_t[]){5, 0x80, 0x80, 0x80, 0x80, 0x10}, 6);
	test_damaged("large isa", (uint8_t[]){12, 0x80, 2}, 3);
	test_damaged("address of 9 bytes", (uint8_t[]){0, 10, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 12);
	test_damaged("name without an end", (uint8_t[]){0, 3, 3, 'a', 'b'}, 5);
}

static void test_bad_headers(void)
{
	static const struct shape s = {5, false, false, 1, 1, 14, 13};
	struct wdx_arena arena = {0};
	struct wdx_buf b = {0};
	struct wdx_line_table t;
	const char *warning;

	header(&b, &s);
	finish(&b, &s);
	ok(read(&b, &arena, &t, &warning) && t.nrows == 0 && !warning, "empty program");
	b.data[4] = 6;
	ok(!read(&b, &arena, &t, &warning), "version 6");
	b.data[4] = 5;
	b.data[17] = 0;
	ok(!read(&b, &arena, &t, &warning), "opcode_base 0");
	b.data[17] = 13;
	b.data[0]++;
	ok(!read(&b, &arena, &t, &warning), "length out of the section");
	wdx_arena_deinit(&arena);
	wdx_buf_deinit(&b);
}

/* ---- tables written -------------------------------------------------------------------------- */

struct pool { /* of strings */
	struct wdx_buf b;
};

static uint32_t intern(void *arg, const char *s)
{
	struct pool *p = arg;
	uint32_t at = (uint32_t)p->b.len;

	wdx_buf_str(&p->b, s);
	return at;
}

static const char *dirs[] = {"/comp", "inc", "", "sys"};
static const struct wdx_line_file new_files[] = {
	{.name = "a.c", .md5 = md5, .source = "int main;"},
	{.name = "a.c", .md5 = md5},
	{.name = "a.h", .dir = 1, .md5 = md5},
};
static const struct wdx_line_file old_files[] = {
	{0},
	{.name = "b.h", .dir = 1, .mtime = 4, .length = 300},
	{.name = "a.c", .mtime = 5},
};

#define NRANDOM 3000

static void random_row(struct wdx_row *r, struct wdx_row *last)
{
	static const uint32_t far[] = {0, 1, 2, 3, 4, 17, 18, 34, 35, 36, 5000};
	uint64_t x = hostile_random();

	*r = *last;
	r->flags = (x & 1 ? WDX_ROW_IS_STMT : 0);
	r->discriminator = x & 0xf0 ? 0 : (uint32_t)(x >> 40);
	r->address += far[(x >> 8) % 11];
	r->line = x & 0xf00000 ? r->line + (uint32_t)((x >> 24) % 20) - 8 : (uint32_t)(x >> 33);
	r->column = (x >> 20) % 3 ? r->column : (x >> 30) % 200;
	r->file = (x >> 28) % 5 ? r->file : 1 + (x >> 33) % 2;
	if (x >> 60 == 0)
		r->flags |= (x >> 50) & (WDX_ROW_PROLOGUE_END | WDX_ROW_EPILOGUE_BEGIN);
	if (x >> 60 == 1)
		r->flags |= WDX_ROW_BASIC_BLOCK;
	r->isa = x >> 59 == 4 ? (uint8_t)x : r->isa;
	*last = *r;
}

static void random_rows(struct wdx_row *rows, size_t n, unsigned address_size)
{
	struct wdx_row last = {0};

	for (size_t i = 0; i < n; i++) {
		if (i % 100 == 0)
			last = (struct wdx_row){.address = hostile_random() >>
							   (address_size == 8 ? 1 : 33),
						.file = 1,
						.line = 5};
		random_row(&rows[i], &last);
		/* What an end says besides its address is that of the row before. */
		if (i % 100 == 99) {
			rows[i] = (struct wdx_row){.address = rows[i].address,
						   .file = rows[i - 1].file,
						   .line = rows[i - 1].line,
						   .column = rows[i - 1].column,
						   .isa = rows[i - 1].isa,
						   .flags = rows[i - 1].flags & WDX_ROW_IS_STMT};
			rows[i].flags |= WDX_ROW_END_SEQUENCE;
		}
	}
}

static void write_table(struct wdx_buf *b, const struct wdx_line_table *t, uint16_t version,
			struct pool *pool, struct wdx_line_writer *w)
{
	struct wdx_line_options o = {.version = version,
				     .address_size = t->address_size,
				     .name = "a.c",
				     .comp_dir = "/other",
				     .line_str = pool ? intern : NULL,
				     .arg = pool};

	wdx_line_begin(w, b, t, &o);
	for (size_t i = 0; i < t->nrows; i++)
		wdx_line_row(w, &t->rows[i]);
	wdx_line_end(w);
}

static struct wdx_line_table table(uint16_t version, uint8_t address_size,
				   const struct wdx_row *rows)
{
	return (struct wdx_line_table){
		.version = version,
		.address_size = address_size,
		.dirs = dirs,
		.ndirs = 4,
		.files = version >= 5 ? new_files : old_files,
		.nfiles = 3,
		.rows = rows,
		.nrows = rows ? NRANDOM : 0,
		.default_is_stmt = true,
		.min_inst_length = 1,
	};
}

static void check_files(const struct wdx_line_table *in, const struct wdx_line_table *out)
{
	size_t shift = in->version >= 5 && out->version < 5;
	bool same = out->nfiles == in->nfiles + shift && out->ndirs == 4;

	for (size_t i = in->version < 5; same && i < in->nfiles; i++) {
		const struct wdx_line_file *a = &in->files[i], *b = &out->files[i + shift];

		same = !strcmp(a->name, b->name) && a->dir == b->dir && a->mtime == b->mtime &&
		       a->length == b->length;
		if (in->version >= 5 && out->version >= 5)
			same = same && !memcmp(a->md5, b->md5, 16) && b->source &&
			       !strcmp(a->source ? a->source : "", b->source);
	}
	same = same && !strcmp(out->dirs[1], "inc") && !strcmp(out->dirs[3], "sys");
	ok(same, "files and directories");
	if (out->version >= 5)
		ok(!strcmp(out->dirs[0], "/comp") && !strcmp(out->files[0].name, "a.c"), "file 0");
}

static void test_written(uint16_t from, uint16_t to, uint8_t address_size, bool big,
			 bool inline_str)
{
	static struct wdx_row rows[NRANDOM];
	struct wdx_line_table in = table(from, address_size, rows), out;
	struct wdx_arena arena = {0};
	struct wdx_buf b = {.big = big};
	struct pool pool = {0};
	struct wdx_line_writer w;
	struct wdx_line_input from_b;
	const char *warning;
	bool same;

	random_rows(rows, NRANDOM, address_size);
	wdx_buf_u8(&b, 0);
	write_table(&b, &in, to, inline_str ? NULL : &pool, &w);
	from_b = input(&b);
	from_b.line_str = pool.b.data;
	from_b.line_str_size = pool.b.len;
	from_b.address_size = address_size;
	ok(!w.failed && !wdx_read_lines(&from_b, 1, &arena, &out, &warning) && !warning,
	   "version %u to %u, addresses of %u bytes%s", from, to, address_size,
	   big ? ", big-endian" : "");
	ok(w.file_shift == (from >= 5 && to < 5), "file_shift %u", w.file_shift);
	same = out.nrows == NRANDOM;
	for (size_t i = 0; same && i < NRANDOM; i++)
		same = rows_equal(&rows[i], &out.rows[i], w.file_shift);
	ok(same, "rows");
	check_files(&in, &out);
	wdx_arena_deinit(&arena);
	wdx_buf_deinit(&b);
	wdx_buf_deinit(&pool.b);
}

static void row_at(struct wdx_line_writer *w, uint64_t address, uint8_t flags)
{
	wdx_line_row(w,
		     &(struct wdx_row){.address = address, .file = 1, .line = 1, .flags = flags});
}

/* The writer's size for the commonest rows: one byte each. */
static void test_special(void)
{
	struct wdx_line_table in = table(4, 4, NULL);
	struct wdx_line_options o = {.version = 4, .address_size = 4};
	struct wdx_line_writer w;
	struct wdx_buf b = {0};
	bool good = true;
	size_t at;

	wdx_line_begin(&w, &b, &in, &o);
	row_at(&w, 0, WDX_ROW_IS_STMT);
	for (uint32_t i = 1; i < 100; i++) {
		at = b.len;
		wdx_line_row(&w, &(struct wdx_row){.address = i * 16,
						   .file = 1,
						   .line = 1 + i * 3,
						   .flags = WDX_ROW_IS_STMT});
		good = good && b.len == at + 1;
	}
	ok(good, "one byte for 16 bytes and 3 lines");
	at = b.len;
	wdx_line_row(&w, &(struct wdx_row){.address = 99 * 16 + 34,
					   .file = 1,
					   .line = 297,
					   .flags = WDX_ROW_IS_STMT});
	ok(b.len == at + 2, "two bytes for 34 bytes and -1 lines");
	wdx_buf_deinit(&b);
}

static void test_misuse(void)
{
	struct wdx_line_table in = table(4, 4, NULL);
	struct wdx_line_options o = {.version = 4, .address_size = 4};
	struct wdx_line_writer w;
	struct wdx_buf b = {0};

	wdx_line_begin(&w, &b, &in, &o);
	row_at(&w, 2, 0);
	row_at(&w, 1, 0);
	ok(w.failed, "descending addresses: %s", w.failed);
	row_at(&w, 3, WDX_ROW_END_SEQUENCE);
	wdx_line_end(&w);
	ok(!strcmp(w.failed, "addresses of a line sequence descend"), "latched");
	wdx_line_begin(&w, &b, &in, &o);
	row_at(&w, 2, 0);
	wdx_line_end(&w);
	ok(w.failed, "no end: %s", w.failed);
	wdx_line_begin(&w, &b, &in, &o);
	row_at(&w, 1ULL << 32, 0);
	ok(w.failed, "wide address: %s", w.failed);
	o.address_size = 0;
	wdx_line_begin(&w, &b, &in, &o);
	row_at(&w, 0, 0);
	wdx_line_end(&w);
	ok(w.failed, "address size: %s", w.failed);
	wdx_buf_deinit(&b);
}

/* ---- malformed ones -------------------------------------------------------------------------- */

static void decode(const uint8_t *p, size_t size, void *arg)
{
	struct wdx_arena *arena = arg;
	struct wdx_line_input in = input(&(struct wdx_buf){.data = (uint8_t *)p, .len = size});
	struct wdx_line_table t;
	const char *warning;
	struct wdx_error *err = wdx_read_lines(&in, 0, arena, &t, &warning);

	if (!err && t.nrows && !(t.rows[t.nrows - 1].flags & WDX_ROW_END_SEQUENCE))
		abort();
	for (size_t i = 0; !err && i < t.nfiles; i++) {
		if (t.files[i].name && strlen(t.files[i].name) > size + sizeof(strings))
			abort();
	}
	wdx_error_destroy(err);
	wdx_arena_reset(arena);
}

static void test_hostile(uint16_t version)
{
	struct shape s = {version, false, false, 1, 1, 12, 14};
	struct wdx_arena arena = {0};
	struct wdx_buf b = {0};

	header(&b, &s);
	program(&b);
	finish(&b, &s);
	hostile(b.data, b.len, 20000, decode, &arena);
	ok(true, "mutations, version %u", version);
	wdx_arena_deinit(&arena);
	wdx_buf_deinit(&b);
}

int main(void)
{
	for (uint16_t v = 2; v <= 5; v++) {
		test_made(&(struct shape){v, false, false, 1, 1, 12, 14});
		test_made(&(struct shape){v, true, v % 2, 1, 1, 12, 14});
	}
	test_vliw();
	test_all_damaged();
	test_bad_headers();
	for (uint16_t from = 2; from <= 5; from++) {
		test_written(from, 4, 4, false, false);
		test_written(from, 5, 8, from % 2, false);
	}
	test_written(5, 5, 4, false, true);
	test_special();
	test_misuse();
	for (uint16_t v = 2; v <= 5; v++)
		test_hostile(v);
	return done();
}
