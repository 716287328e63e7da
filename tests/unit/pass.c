/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The generic pass over DWARF made up here: as the identity, with visitors, on bad input. */
#include "base/error.h"
#include "dwarf/decode.h"
#include "dwarf/encode.h"

#include "hostile.h"
#include "synth.h"
#include "tap.h"

enum label { NONE, UNIT_A, INT, CHAR, NODE, NEXT, LIST, FUNC, ARG, PROC, UNIT_B, USER, DEAD, SIG };

/* ---- running ----------------------------------------------------------------------------------
 */

static unsigned losses[WDX_LOST_UNIT + 1];

static void count_lost(const struct wdx_cursor *c, enum wdx_lost what, const char *detail,
		       void *arg)
{
	(void)c, (void)detail, (void)arg;
	losses[what]++;
}

static unsigned lost_in_all(void)
{
	unsigned n = 0;

	for (int i = 0; i <= WDX_LOST_UNIT; i++)
		n += losses[i];
	return n;
}

/* The output's description; NULL and *why (to be freed) when the run fails. */
static char *run(struct synth *s, const struct wdx_visitor *v, unsigned version, const void *arg,
		 bool big, char **why)
{
	struct wdx_debug_section sections[S_COUNT];
	size_t n = synth_sections(s, sections);
	struct wdx_pass_config config = {
		.visitor = v, .arg = (void *)arg, .version = version, .big_endian = big};
	struct wdx_pass_output out;
	struct wdx_input *in;
	struct wdx_error *err = wdx_input_open(&in, sections, n, s->sec[0].big);
	char *text = NULL;

	memset(losses, 0, sizeof(losses));
	if (!err) {
		err = wdx_pass_run(in, &config, &out);
		if (!err) {
			text = describe(out.sections, out.n, big);
			wdx_pass_output_deinit(&out);
		}
		wdx_input_close(in);
	}
	if (why)
		*why = err ? strdup(wdx_error_message(err)) : NULL;
	else if (err)
		printf("# %s\n", wdx_error_message(err));
	wdx_error_destroy(err);
	return text;
}

static char *describe_input(const struct synth *s)
{
	struct wdx_debug_section sections[S_COUNT];

	return describe(sections, synth_sections(s, sections), s->sec[0].big);
}

static void explain(const char *a, const char *b)
{
	size_t i = 0, line = 0;

	while (a && b && a[i] && a[i] == b[i])
		line = a[i++] == '\n' ? i : line;
	printf("# input:  %.*s\n# output: %.*s\n", a ? (int)strcspn(a + line, "\n") : 4,
	       a ? a + line : "none", b ? (int)strcspn(b + line, "\n") : 4, b ? b + line : "none");
}

static const struct wdx_visitor counting = {.lost = count_lost};

/* The identity says the same as the input, and loses nothing. */
static void same(struct synth *s, unsigned version, bool big, const char *what)
{
	char *in = describe_input(s), *out = run(s, &counting, version, NULL, big, NULL);

	if (!ok(out && !strcmp(in, out) && !lost_in_all(), "%s to version %u%s", what, version,
		big ? ", big-endian" : "")) {
		explain(in, out);
		printf("# %u lost\n", lost_in_all());
	}
	free(in);
	free(out);
}

/* ---- two units with everything that all versions have ------------------------------------------
 */

static void base_type(struct synth *s, unsigned label, const char *name, unsigned size)
{
	die(s, label, DW_TAG_base_type, false);
	str(s, DW_AT_name, name);
	num(s, DW_AT_encoding, DW_FORM_data1, DW_ATE_signed);
	num(s, DW_AT_byte_size, DW_FORM_data1, size);
	end_attrs(s);
}

static void member(struct synth *s, unsigned label, const char *name, unsigned type, unsigned at)
{
	size_t x;

	die(s, label, DW_TAG_member, false);
	strp(s, DW_AT_name, DW_FORM_strp, name);
	ref(s, DW_AT_type, DW_FORM_ref4, type);
	if (s->version < 3) {
		x = expr_begin(s, DW_AT_data_member_location);
		wdx_buf_u8(info(s), DW_OP_plus_uconst);
		wdx_buf_uleb(info(s), at);
		expr_end(s, x);
	} else {
		num(s, DW_AT_data_member_location, DW_FORM_data1, at);
	}
	end_attrs(s);
}

static void node_type(struct synth *s)
{
	die(s, NODE, DW_TAG_structure_type, true);
	str(s, DW_AT_name, "node");
	num(s, DW_AT_byte_size, DW_FORM_udata, 300);
	end_attrs(s);
	member(s, NONE, "value", INT, 0);
	member(s, NEXT, "next", LIST, 4); /* forwards */
	end_children(s);
	die(s, LIST, DW_TAG_pointer_type, false);
	ref(s, DW_AT_type, DW_FORM_ref4, NODE); /* backwards */
	end_attrs(s);
}

/* .debug_loc or .debug_loclists: entries around base 0x1000, one empty, one below the base. */
static size_t location_list(struct synth *s)
{
	static const uint16_t entries[][3] = {
		{0x0, 0x10, DW_OP_reg3}, {0x20, 0x20, DW_OP_reg4}, {0x30, 0x44, DW_OP_reg5}};
	struct wdx_buf *b = &s->sec[s->version >= 5 ? S_LOCLISTS : S_LOC];
	size_t at;

	if (s->version >= 5 && !b->len)
		wdx_write_list_header(b, (uint8_t)s->address_size);
	at = b->len;
	for (int i = 0; i < 3; i++) {
		if (s->version >= 5) {
			wdx_buf_u8(b, DW_LLE_offset_pair);
			wdx_buf_uleb(b, entries[i][0]);
			wdx_buf_uleb(b, entries[i][1]);
			wdx_buf_uleb(b, 1);
		} else {
			wdx_buf_uint(b, entries[i][0], s->address_size);
			wdx_buf_uint(b, entries[i][1], s->address_size);
			wdx_buf_u16(b, 1);
		}
		wdx_buf_u8(b, (uint8_t)entries[i][2]);
	}
	if (s->version >= 5) {
		wdx_buf_u8(b, DW_LLE_end_of_list);
		wdx_write_list_length(b, 0);
	} else {
		wdx_buf_zeros(b, 2 * s->address_size);
	}
	return at;
}

static size_t range_list(struct synth *s)
{
	struct wdx_buf *b = &s->sec[s->version >= 5 ? S_RNGLISTS : S_RANGES];
	uint16_t v = (uint16_t)(s->version >= 5 ? 5 : 4);
	uint8_t size = (uint8_t)s->address_size;
	size_t at;

	if (v >= 5 && !b->len)
		wdx_write_list_header(b, size);
	at = b->len;
	wdx_write_range_entry(b, v, size, 0x1000, 0x1010, 0x1020);
	wdx_write_range_entry(b, v, size, 0x1000, 0x1040, 0x1080);
	wdx_write_range_end(b, v, size);
	if (v >= 5)
		wdx_write_list_length(b, 0);
	return at;
}

static uint32_t line_str(void *arg, const char *text)
{
	struct wdx_buf *b = &((struct synth *)arg)->sec[S_LINE_STR];
	uint32_t at = (uint32_t)b->len;

	wdx_buf_str(b, text);
	return at;
}

/* A line table; `dead` adds a sequence of dead code, which the pass leaves out. */
static size_t line_table(struct synth *s, bool dead)
{
	static const char *dirs[] = {"/src", "/src/inc"};
	static const struct wdx_line_file old[] = {{0}, {.name = "a.c"}, {.name = "b.h", .dir = 1}};
	static const struct wdx_line_file new[] = {{.name = "a.c"}, {.name = "b.h", .dir = 1}};
	bool v5 = s->version >= 5;
	struct wdx_line_table t = {.version = (uint16_t)(v5 ? 5 : 4),
				   .address_size = (uint8_t)s->address_size,
				   .dirs = dirs,
				   .ndirs = 2,
				   .files = v5 ? new : old,
				   .nfiles = v5 ? 2 : 3,
				   .min_inst_length = 1,
				   .default_is_stmt = true};
	struct wdx_line_options o = {.version = t.version,
				     .address_size = t.address_size,
				     .name = "a.c",
				     .comp_dir = "/src",
				     .line_str = line_str,
				     .arg = s};
	uint32_t first = !v5;
	struct wdx_row rows[] = {
		{.address = 0x1000, .file = first, .line = 3, .column = 1, .flags = 1},
		{.address = 0x1004, .file = first + 1, .line = 300, .column = 9},
		{.address = 0x1010, .file = first, .line = 4, .flags = WDX_ROW_END_SEQUENCE},
		{.address = 0xffffffff, .file = first, .line = 9, .flags = 1},
		{.address = 0xffffffff, .flags = WDX_ROW_END_SEQUENCE}};
	struct wdx_line_writer w;
	size_t at = s->sec[S_LINE].len;

	wdx_line_begin(&w, &s->sec[S_LINE], &t, &o);
	for (int i = 0; i < (dead ? 5 : 3); i++)
		wdx_line_row(&w, &rows[i]);
	wdx_line_end(&w);
	return at;
}

static void expressions(struct synth *s)
{
	struct wdx_buf *b = info(s);
	size_t x = expr_begin(s, DW_AT_location);

	/* over an address, which grows when the output's addresses do */
	wdx_buf_u8(b, DW_OP_lit1);
	wdx_buf_u8(b, DW_OP_bra);
	wdx_buf_u16(b, (uint16_t)(1 + s->address_size + 3));
	wdx_buf_u8(b, DW_OP_addr);
	wdx_buf_uint(b, 0x12345678, s->address_size);
	wdx_buf_u8(b, DW_OP_skip);
	wdx_buf_u16(b, 3);
	wdx_buf_u8(b, DW_OP_const2u);
	wdx_buf_u16(b, 0xabcd);
	wdx_buf_u8(b, DW_OP_plus);
	expr_end(s, x);
}

static void func(struct synth *s)
{
	size_t x;

	die(s, FUNC, DW_TAG_subprogram, true);
	str(s, DW_AT_name, "f");
	num(s, DW_AT_external, s->version < 4 ? DW_FORM_flag : DW_FORM_flag_present, 1);
	num(s, DW_AT_low_pc, DW_FORM_addr, 0x1000);
	if (s->version < 4)
		num(s, DW_AT_high_pc, DW_FORM_addr, 0x1080);
	else
		num(s, DW_AT_high_pc, DW_FORM_data4, 0x80);
	num(s, DW_AT_decl_file, DW_FORM_data1, s->version >= 5 ? 1 : 2);
	num(s, DW_AT_decl_line, DW_FORM_data2, 1000);
	x = expr_begin(s, DW_AT_frame_base);
	wdx_buf_u8(info(s), DW_OP_reg7);
	expr_end(s, x);
	end_attrs(s);
	die(s, ARG, DW_TAG_formal_parameter, false);
	str(s, DW_AT_name, "arg");
	ref(s, DW_AT_type, DW_FORM_ref4, LIST);
	off(s, DW_AT_location, location_list(s));
	end_attrs(s);
	die(s, NONE, DW_TAG_lexical_block, true);
	off(s, DW_AT_ranges, range_list(s));
	end_attrs(s);
	die(s, NONE, DW_TAG_variable, false);
	str(s, DW_AT_name, "local");
	num(s, DW_AT_const_value, DW_FORM_sdata, (uint64_t)-5);
	ref(s, DW_AT_type, DW_FORM_ref4, INT);
	end_attrs(s);
	end_children(s);
	end_children(s);
}

static void unit_entry(struct synth *s, unsigned label, const char *name, bool lines)
{
	die(s, label, DW_TAG_compile_unit, true);
	str(s, DW_AT_name, name);
	str(s, DW_AT_comp_dir, "/src");
	num(s, DW_AT_language, DW_FORM_data1, DW_LANG_C99);
	num(s, DW_AT_low_pc, DW_FORM_addr, 0x1000);
	if (lines)
		off(s, DW_AT_stmt_list, line_table(s, false));
	end_attrs(s);
}

static void second_unit(struct synth *s)
{
	synth_unit(s, s->version, DW_UT_compile, 0, 0);
	unit_entry(s, UNIT_B, "/src/b.c", false);
	die(s, USER, DW_TAG_variable, false);
	str(s, DW_AT_name, "user");
	/* across units; version 2 has addresses of 4 bytes here, which are as long as offsets */
	ref(s, DW_AT_type, DW_FORM_ref_addr, NODE);
	expressions(s);
	end_attrs(s);
	die(s, NONE, DW_TAG_variable, false);
	str(s, DW_AT_name, "other");
	ref(s, DW_AT_type, DW_FORM_ref4, CHAR); /* forwards */
	spec(s, DW_AT_const_value, DW_FORM_block1);
	wdx_buf_u8(info(s), 3);
	wdx_buf_bytes(info(s), "\1\2\3", 3);
	end_attrs(s);
	base_type(s, CHAR, "char", 1);
	end_children(s);
	synth_unit_end(s);
}

static void world(struct synth *s, unsigned version, bool big)
{
	synth_init(s, big);
	synth_unit(s, version, DW_UT_compile, 0, 0);
	unit_entry(s, UNIT_A, "/src/a.c", true);
	die(s, NONE, DW_TAG_variable, false);
	str(s, DW_AT_name, "first");
	ref(s, DW_AT_type, DW_FORM_ref_addr, CHAR); /* forwards, into the next unit */
	end_attrs(s);
	base_type(s, INT, "int", 4);
	node_type(s);
	func(s);
	end_children(s);
	synth_unit_end(s);
	second_unit(s);
	synth_link(s);
}

static void test_versions(void)
{
	for (unsigned v = 2; v <= 5; v++) {
		struct synth s;
		char what[32];
		char *in;

		world(&s, v, false);
		in = describe_input(&s);
		ok(strstr(in, "->node") && strstr(in, "->char") && strstr(in, "[1030,1044)") &&
			   strstr(in, "[1040,1080)") && strstr(in, "b.h:300:9-") &&
			   strstr(in, "/src/inc/b.h") && strstr(in, "28:to4"),
		   "version %u is what it should be", v);
		snprintf(what, sizeof(what), "version %u", v);
		same(&s, 0, false, what);
		same(&s, 4, false, what);
		same(&s, 5, false, what);
		same(&s, 0, true, what);
		free(in);
		synth_deinit(&s);
		world(&s, v, true);
		snprintf(what, sizeof(what), "big-endian version %u", v);
		same(&s, 0, true, what);
		same(&s, 9 - v > 4 ? 5 : 4, false, what);
		synth_deinit(&s);
	}
}

/* ---- forms of version 5 ------------------------------------------------------------------------
 */

/* Tables of a first unit stand before those of the second: its bases matter from the start. */
static uint32_t index_tables(struct synth *s, const char *const *strings, unsigned n)
{
	struct wdx_buf *so = &s->sec[S_STR_OFFSETS];
	uint32_t base;

	wdx_buf_u32(so, 4 + 4 * n);
	wdx_buf_u16(so, 5);
	wdx_buf_u16(so, 0);
	base = (uint32_t)so->len;
	for (unsigned i = 0; i < n; i++) {
		wdx_buf_u32(so, (uint32_t)s->sec[S_STR].len);
		wdx_buf_str(&s->sec[S_STR], strings[i]);
	}
	return base;
}

static uint32_t addr_table(struct synth *s, uint32_t first)
{
	struct wdx_buf *b = &s->sec[S_ADDR];
	uint32_t base;

	wdx_buf_u32(b, 4 + 3 * 4);
	wdx_buf_u16(b, 5);
	wdx_buf_u8(b, 4);
	wdx_buf_u8(b, 0);
	base = (uint32_t)b->len;
	for (uint32_t i = 0; i < 3; i++)
		wdx_buf_u32(b, first + i * 0x100);
	return base;
}

/* A table of lists with one offset, whose list has entries of the indexed kinds. */
static uint32_t indexed_lists(struct synth *s, enum synth_sec sec)
{
	struct wdx_buf *b = &s->sec[sec];
	size_t start = wdx_write_list_header(b, 4);
	uint32_t base = (uint32_t)b->len;

	wdx_buf_patch(b, start + 8, 1, 4); /* offset entries */
	wdx_buf_u32(b, 4);
	wdx_buf_u8(b, sec == S_LOCLISTS ? DW_LLE_startx_length : DW_RLE_startx_length);
	wdx_buf_uleb(b, 1);
	wdx_buf_uleb(b, 0x20);
	if (sec == S_LOCLISTS) {
		wdx_buf_uleb(b, 1);
		wdx_buf_u8(b, DW_OP_reg2);
	}
	wdx_buf_u8(b, sec == S_LOCLISTS ? DW_LLE_base_addressx : DW_RLE_base_addressx);
	wdx_buf_uleb(b, 2);
	wdx_buf_u8(b, sec == S_LOCLISTS ? DW_LLE_offset_pair : DW_RLE_offset_pair);
	wdx_buf_uleb(b, 8);
	wdx_buf_uleb(b, 0x10);
	if (sec == S_LOCLISTS) {
		wdx_buf_uleb(b, 3);
		wdx_buf_u8(b, DW_OP_breg1);
		wdx_buf_sleb(b, -2);
		wdx_buf_u8(b, DW_OP_stack_value);
	}
	wdx_buf_u8(b, 0);
	wdx_write_list_length(b, start);
	return base;
}

static void indexed_unit(struct synth *s, const char *const *strings, unsigned n, uint32_t code)
{
	uint32_t strs = index_tables(s, strings, n), addrs = addr_table(s, code);
	size_t x;

	synth_unit(s, 5, DW_UT_compile, 0, 0);
	die(s, NONE, DW_TAG_compile_unit, true);
	num(s, DW_AT_producer, DW_FORM_strx1, n - 1); /* before the base is told */
	strp(s, DW_AT_name, DW_FORM_line_strp, "line_strp.c");
	num(s, DW_AT_low_pc, DW_FORM_addrx, 0);
	num(s, DW_AT_ranges, DW_FORM_rnglistx, 0);
	num(s, DW_AT_rnglists_base, DW_FORM_sec_offset, indexed_lists(s, S_RNGLISTS));
	num(s, DW_AT_loclists_base, DW_FORM_sec_offset, indexed_lists(s, S_LOCLISTS));
	num(s, DW_AT_str_offsets_base, DW_FORM_sec_offset, strs);
	num(s, DW_AT_addr_base, DW_FORM_sec_offset, addrs);
	end_attrs(s);
	die(s, NONE, DW_TAG_variable, false);
	num(s, DW_AT_name, DW_FORM_strx2, 1);
	num(s, DW_AT_decl_line, DW_FORM_implicit_const, 77);
	num(s, DW_AT_const_value, DW_FORM_implicit_const, (uint64_t)-77);
	num(s, DW_AT_location, DW_FORM_loclistx, 0);
	end_attrs(s);
	die(s, NONE, DW_TAG_variable, false);
	num(s, DW_AT_name, DW_FORM_strx, 0);
	x = expr_begin(s, DW_AT_location);
	wdx_buf_u8(info(s), DW_OP_addrx);
	wdx_buf_uleb(info(s), 2);
	wdx_buf_u8(info(s), DW_OP_deref);
	expr_end(s, x);
	end_attrs(s);
	die(s, NONE, DW_TAG_label, false);
	num(s, DW_AT_low_pc, DW_FORM_addrx1, 2);
	end_attrs(s);
	end_children(s);
	synth_unit_end(s);
}

static void indexed_world(struct synth *s)
{
	static const char *const few[] = {"one", "two"};
	static const char *const many[] = {"a",	      "second unit's", "some",	"strings",
					   "so that", "an index",      "lands", "beyond the first"};

	synth_init(s, false);
	indexed_unit(s, few, 2, 0x2000);
	indexed_unit(s, many, 8, 0x8000);
	synth_link(s);
}

static void test_indexed(void)
{
	struct synth s;
	char *in;

	indexed_world(&s);
	in = describe_input(&s);
	ok(strstr(in, "\"beyond the first\"") && strstr(in, "[8100,8120)") &&
		   strstr(in, "[2208,2210)") && strstr(in, "line_strp.c") && strstr(in, "@8200"),
	   "the world of indices is what it should be");
	free(in);
	same(&s, 0, false, "indexed forms");
	same(&s, 4, false, "indexed forms");
	synth_deinit(&s);
}

static void test_data16(void)
{
	struct synth s;
	char *out;

	synth_init(&s, false);
	synth_unit(&s, 5, DW_UT_compile, 0, 0);
	die(&s, NONE, DW_TAG_compile_unit, false);
	spec(&s, DW_AT_const_value, DW_FORM_data16);
	for (uint8_t i = 0; i < 16; i++)
		wdx_buf_u8(info(&s), i);
	end_attrs(&s);
	synth_unit_end(&s);
	out = run(&s, NULL, 4, NULL, false, NULL);
	ok(out && strstr(out, " 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"), "data16");
	free(out);
	synth_deinit(&s);
}

/* ---- expressions that refer to entries ---------------------------------------------------------
 */

static void ref_world(struct synth *s)
{
	struct wdx_buf *b;
	size_t x;

	synth_init(s, false);
	b = &s->sec[S_INFO];
	synth_unit(s, 5, DW_UT_compile, 0, 0);
	die(s, UNIT_A, DW_TAG_compile_unit, true);
	str(s, DW_AT_name, "refs");
	end_attrs(s);
	die(s, PROC, DW_TAG_dwarf_procedure, false);
	str(s, DW_AT_name, "proc");
	x = expr_begin(s, DW_AT_location);
	wdx_buf_u8(b, DW_OP_lit7);
	expr_end(s, x);
	end_attrs(s);
	die(s, USER, DW_TAG_variable, false);
	str(s, DW_AT_name, "uses");
	x = expr_begin(s, DW_AT_location);
	op_ref(s, DW_OP_call4, PROC, false);
	wdx_buf_u8(b, DW_OP_lit1);
	wdx_buf_u8(b, DW_OP_bra); /* over what changes its length */
	wdx_buf_u16(b, 2 + 5);
	wdx_buf_u8(b, DW_OP_convert); /* to the generic type */
	wdx_buf_u8(b, 0);
	op_ref(s, DW_OP_convert, INT, false);
	wdx_buf_u8(b, DW_OP_stack_value);
	expr_end(s, x);
	end_attrs(s);
	die(s, NONE, DW_TAG_variable, false);
	str(s, DW_AT_name, "points");
	x = expr_begin(s, DW_AT_location);
	op_ref(s, DW_OP_implicit_pointer, ARG, true);
	wdx_buf_sleb(b, -3);
	expr_end(s, x);
	end_attrs(s);
	die(s, NONE, DW_TAG_subprogram, true);
	str(s, DW_AT_name, "holder");
	end_attrs(s);
	die(s, ARG, DW_TAG_variable, false);
	str(s, DW_AT_name, "pointee");
	x = expr_begin(s, DW_AT_location);
	wdx_buf_u8(b, DW_OP_reg0);
	expr_end(s, x);
	end_attrs(s);
	end_children(s);
	base_type(s, INT, "int", 4);
	end_children(s);
	synth_unit_end(s);
	synth_link(s);
}

static enum wdx_keep keep_but(const struct wdx_cursor *c, void *arg)
{
	const struct wdx_attr *a = wdx_die_attr(c->die, DW_AT_name);

	/* "a,b,": the names that are not kept */
	for (const char *p = arg; a && a->form_class == WDX_CLASS_STRING && *p;
	     p += strcspn(p, ",") + 1)
		if (strlen((const char *)a->data) == strcspn(p, ",") &&
		    !strncmp(p, (const char *)a->data, strcspn(p, ",")))
			return WDX_KEEP_NOT;
	return WDX_KEEP;
}

static const struct wdx_visitor choosy = {.keep = keep_but, .lost = count_lost};

static void test_expression_refs(void)
{
	struct synth s;
	char *out;

	ref_world(&s);
	same(&s, 0, false, "expressions with references");
	same(&s, 4, false, "expressions with references");
	out = run(&s, &choosy, 0, "int,proc,", false, NULL);
	ok(out && strstr(out, "call->proc") && strstr(out, "call/convert->int") && !lost_in_all(),
	   "base types and procedures stay for expressions");
	free(out);
	out = run(&s, &choosy, 0, "holder,", false, NULL);
	ok(out && strstr(out, "\"points\"") && !strstr(out, "implicit_pointer") &&
		   losses[WDX_LOST_REF] == 1,
	   "an expression that refers to what is not kept is left out, and counted");
	free(out);
	synth_deinit(&s);
}

/* ---- keeping -----------------------------------------------------------------------------------
 */

static unsigned bare_seen;

static enum wdx_verdict count_bare(const struct wdx_cursor *c, bool bare, struct wdx_emit *e,
				   void *arg)
{
	(void)c, (void)e, (void)arg;
	bare_seen += bare;
	return WDX_COPY;
}

static void test_keep(void)
{
	static const struct wdx_visitor v = {
		.keep = keep_but, .die = count_bare, .lost = count_lost};
	struct synth s;
	char *out;

	world(&s, 4, false);
	out = run(&s, &choosy, 0, "f,user,", false, NULL);
	ok(out && !strstr(out, "\"f\"") && !strstr(out, "\"arg\"") && !strstr(out, "\"user\"") &&
		   strstr(out, "\"node\"") && !lost_in_all(),
	   "what nothing refers to goes, with what is in it");
	free(out);
	bare_seen = 0;
	out = run(&s, &v, 0, "node,", false, NULL);
	ok(out && strstr(out, "\"node\"") && strstr(out, "\"value\"") && strstr(out, "\"next\"") &&
		   bare_seen == 3 && !lost_in_all(),
	   "a type that something refers to comes back bare, whole");
	free(out);
	bare_seen = 0;
	out = run(&s, &v, 0, "/src/b.c,", false, NULL);
	ok(out && strstr(out, "\"/src/b.c\"") && strstr(out, "->char") &&
		   !strstr(out, "\"user\"") && bare_seen == 2,
	   "so do the parents of an entry in a unit that is not kept");
	free(out);
	out = run(&s, &choosy, 0, "/src/b.c,first,", false, NULL);
	ok(out && !strstr(out, "\"/src/b.c\""), "and without such a reference the unit goes");
	free(out);
	synth_deinit(&s);
}

/* A member of a type is referred to first, the type itself later. */
static void test_keep_part(void)
{
	struct synth s;
	char *out;

	synth_init(&s, false);
	synth_unit(&s, 4, DW_UT_compile, 0, 0);
	die(&s, UNIT_A, DW_TAG_compile_unit, true);
	str(&s, DW_AT_name, "part");
	end_attrs(&s);
	base_type(&s, INT, "int", 4);
	die(&s, NONE, DW_TAG_namespace, true);
	str(&s, DW_AT_name, "outer");
	end_attrs(&s);
	die(&s, NODE, DW_TAG_structure_type, true);
	str(&s, DW_AT_name, "node");
	end_attrs(&s);
	member(&s, NEXT, "m1", INT, 0);
	member(&s, NONE, "m2", INT, 4);
	end_children(&s);
	base_type(&s, DEAD, "unused", 4);
	end_children(&s);
	die(&s, NONE, DW_TAG_variable, false);
	str(&s, DW_AT_name, "v");
	ref(&s, DW_AT_specification, DW_FORM_ref4, NEXT);
	ref(&s, DW_AT_type, DW_FORM_ref4, NODE);
	end_attrs(&s);
	end_children(&s);
	synth_unit_end(&s);
	synth_link(&s);
	out = run(&s, &choosy, 0, "outer,", false, NULL);
	ok(out && strstr(out, "\"outer\"") && strstr(out, "\"m1\"") && strstr(out, "\"m2\"") &&
		   !strstr(out, "\"unused\""),
	   "a type that a reference leads into comes back whole");
	free(out);
	synth_deinit(&s);
}

/* ---- visitors that emit ------------------------------------------------------------------------
 */

struct made {
	wdx_ident ident;
	unsigned ends;
};

static enum wdx_verdict drop_lines(const struct wdx_cursor *c, const struct wdx_attr *a,
				   struct wdx_emit *e, void *arg)
{
	(void)c, (void)e, (void)arg;
	return a->name == DW_AT_decl_line || a->name == DW_AT_comp_dir ? WDX_DROP : WDX_COPY;
}

/* A typedef before the variable "first", and the variable of that type. */
static enum wdx_verdict make_type(const struct wdx_cursor *c, bool bare, struct wdx_emit *e,
				  void *arg)
{
	const struct wdx_attr *a = wdx_die_attr(c->die, DW_AT_name);
	struct made *m = arg;

	(void)bare;
	if (!a || strcmp((const char *)a->data, "first"))
		return WDX_COPY;
	m->ident = wdx_ident_new(e);
	wdx_emit_die(e, DW_TAG_variable, wdx_ident_of(c, c->die->offset));
	wdx_emit_string(e, DW_AT_name, "replaced");
	wdx_emit_ref(e, DW_AT_type, m->ident); /* forwards */
	wdx_emit_attr(e, c, wdx_die_attr(c->die, DW_AT_type));
	wdx_emit_die_end(e);
	wdx_emit_die(e, DW_TAG_typedef, m->ident);
	wdx_emit_string(e, DW_AT_name, "mine");
	wdx_emit_die_end(e);
	return WDX_DONE;
}

static void more_attrs(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	(void)arg;
	if (c->die->tag == DW_TAG_base_type)
		wdx_emit_sint(e, DW_AT_decl_column, -9);
}

static void count_end(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct made *m = arg;

	m->ends++;
	if (c->die->tag == DW_TAG_structure_type) { /* one more child */
		wdx_emit_die(e, DW_TAG_member, WDX_NO_IDENT);
		wdx_emit_string(e, DW_AT_name, "extra");
		wdx_emit_flag(e, DW_AT_artificial);
		wdx_emit_die_end(e);
	}
}

static void own_unit(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct made *m = arg;
	struct wdx_range r[2] = {{0x5000, 0x5010}, {0x6000, 0x6010}};
	struct wdx_expr *x;

	(void)c;
	wdx_emit_unit(e, 5, 4);
	wdx_emit_die(e, DW_TAG_compile_unit, WDX_NO_IDENT);
	wdx_emit_string(e, DW_AT_name, "own");
	wdx_emit_pcs(e, r, 2);
	wdx_emit_die(e, DW_TAG_variable, WDX_NO_IDENT);
	wdx_emit_string(e, DW_AT_name, "own variable");
	wdx_emit_ref(e, DW_AT_type, m->ident); /* into another unit */
	x = wdx_expr_begin(e);
	wdx_expr_const(x, 0x12345);
	wdx_expr_op_sint(x, DW_OP_breg2, -1);
	wdx_emit_loclist(e, DW_AT_location, &(struct wdx_expr_loc){0x5000, 0x5008, false, x}, 1);
	wdx_emit_die_end(e);
	wdx_emit_die_end(e);
	wdx_emit_unit_end(e);
}

static void test_emit(void)
{
	static const struct wdx_visitor v = {.attr = drop_lines,
					     .die = make_type,
					     .attrs_end = more_attrs,
					     .die_end = count_end,
					     .end = own_unit,
					     .lost = count_lost};
	struct made m = {0};
	struct synth s;

	world(&s, 4, false);
	char *out = run(&s, &v, 0, &m, false, NULL);

	ok(out && !strstr(out, "3b:") && !strstr(out, " 1b:"), "dropped attributes are gone");
	ok(out && strstr(out, "3: \"replaced\" 49:->mine 49:->char"),
	   "an entry in the place of another, a reference to a new one");
	ok(out && strstr(out, "39: -9"), "attributes behind the copied ones");
	ok(out && strstr(out, "\"extra\""), "a child behind the copied ones");
	ok(m.ends == 14, "every entry that was copied ended (%u)", m.ends);
	ok(out && strstr(out, "55: [5000,5010) [6000,6010)") &&
		   strstr(out, "\"own variable\" 49:->mine 2: [5000,5008) c:12345,0 72:ff"),
	   "a unit of one's own");
	ok(!lost_in_all(), "nothing lost");
	free(out);
	synth_deinit(&s);
}

static enum wdx_verdict drop_unit(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	(void)e;
	return strstr(c->unit->name, arg) ? WDX_DROP : WDX_COPY;
}

static enum wdx_verdict move_pcs(const struct wdx_cursor *c, const struct wdx_range *r, size_t n,
				 struct wdx_emit *e, void *arg)
{
	struct wdx_range two[2];

	(void)arg;
	if (c->die->tag != DW_TAG_subprogram || n != 1)
		return WDX_COPY;
	two[0] = (struct wdx_range){r->lo + 0x100, r->hi + 0x100};
	two[1] = (struct wdx_range){r->lo + 0x200, r->hi + 0x200};
	wdx_emit_pcs(e, two, 2);
	return WDX_DONE;
}

static enum wdx_verdict no_refs(const struct wdx_cursor *c, const struct wdx_attr *a,
				struct wdx_emit *e, void *arg)
{
	(void)c, (void)e, (void)arg;
	return a->form_class == WDX_CLASS_REF ? WDX_DROP : WDX_COPY;
}

static enum wdx_verdict drop_regs(const struct wdx_cursor *c, const struct wdx_op *op,
				  struct wdx_expr *x, void *arg)
{
	(void)c, (void)arg;
	if (op->code == DW_OP_reg5)
		return WDX_DROP;
	if (op->code != DW_OP_reg3)
		return WDX_COPY;
	wdx_expr_op_sint(x, DW_OP_breg0 + 9, 1000);
	return WDX_DONE;
}

static enum wdx_verdict drop_rows(const struct wdx_cursor *c, const struct wdx_row *row,
				  struct wdx_emit *e, void *arg)
{
	(void)c, (void)e, (void)arg;
	return row->column == 9 && !(row->flags & WDX_ROW_END_SEQUENCE) ? WDX_DROP : WDX_COPY;
}

static enum wdx_verdict no_lines(const struct wdx_cursor *c, const struct wdx_line_table *t,
				 struct wdx_emit *e, void *arg)
{
	(void)c, (void)t, (void)e, (void)arg;
	return WDX_DROP;
}

static enum wdx_verdict refuse(const struct wdx_cursor *c, bool bare, struct wdx_emit *e, void *arg)
{
	(void)arg, (void)bare;
	if (c->die->tag != DW_TAG_member)
		return WDX_COPY;
	wdx_emit_fail(e, "members refused");
	return WDX_FAIL;
}

static enum wdx_verdict drop_node(const struct wdx_cursor *c, bool bare, struct wdx_emit *e,
				  void *arg)
{
	(void)arg, (void)bare, (void)e;
	return c->die->tag == DW_TAG_structure_type ? WDX_DROP : WDX_COPY;
}

struct twins {
	wdx_ident id;
	bool busy;
	const char *name;
};

/* The first struct with a name once more, before itself. */
static enum wdx_verdict twice(const struct wdx_cursor *c, bool bare, struct wdx_emit *e, void *arg)
{
	struct twins *t = arg;
	const struct wdx_attr *name = wdx_die_attr(c->die, DW_AT_name);

	(void)bare;
	if (t->busy || t->name || c->die->tag != DW_TAG_structure_type || !name)
		return WDX_COPY;
	t->name = (const char *)name->data;
	t->id = wdx_ident_beside(e, c->die->offset);
	t->busy = true;
	wdx_emit_again(e, c, c->die->offset, t->id);
	t->busy = false;
	return WDX_COPY;
}

static unsigned occurrences(const char *text, const char *what)
{
	unsigned n = 0;

	for (; text && (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void test_again(void)
{
	static const struct wdx_visitor v = {.die = twice}, none = {0};
	struct twins t = {0};
	struct synth s;
	char quoted[64];

	world(&s, 5, false);
	char *out = run(&s, &v, 0, &t, false, NULL), *plain = run(&s, &none, 0, NULL, false, NULL);

	snprintf(quoted, sizeof(quoted), "\"%s\"", t.name ? t.name : "?");
	ok(out && plain && occurrences(plain, quoted) > 0 &&
		   occurrences(out, quoted) == occurrences(plain, quoted) + 1,
	   "an entry is written twice, with all below it");
	free(out);
	free(plain);
	synth_deinit(&s);
}

static void test_events(void)
{
	static const struct wdx_visitor units = {.unit = drop_unit, .attr = no_refs};
	static const struct wdx_visitor parts = {
		.pcs = move_pcs, .op = drop_regs, .row = drop_rows};
	static const struct wdx_visitor lines = {.lines = no_lines};
	static const struct wdx_visitor failing = {.die = refuse}, dropping = {.die = drop_node};
	struct synth s;
	char *out, *why;

	world(&s, 5, false);
	out = run(&s, &units, 0, "a.c", false, NULL);
	ok(out && !strstr(out, "a.c") && strstr(out, "\"user\""), "a unit dropped");
	free(out);
	out = run(&s, &parts, 0, NULL, false, NULL);
	ok(out && strstr(out, "55: [1100,1180) [1200,1280)"), "one range becomes two");
	ok(out && strstr(out, " [1000,1010) 79:3e8,0;") && !strstr(out, "[1030,1044)"),
	   "an operation replaced, an expression dropped");
	ok(out && strstr(out, "a.c:3:1 1010:end"), "a row dropped");
	free(out);
	out = run(&s, &lines, 0, NULL, false, NULL);
	ok(out && !strstr(out, " 10:"), "a line table dropped, with the reference to it");
	free(out);
	out = run(&s, &failing, 0, NULL, false, &why);
	ok(!out && why && strstr(why, "members refused"), "a visitor that fails");
	free(why);
	out = run(&s, &dropping, 0, NULL, false, &why);
	ok(!out && why && strstr(why, "never written"),
	   "what was kept for references and dropped later is told: %s", why ? why : "-");
	free(why);
	synth_deinit(&s);
}

/* ---- lines, macros, frames ---------------------------------------------------------------------
 */

static void lines_unit(struct synth *s, const char *name, size_t table)
{
	synth_unit(s, s->version, DW_UT_compile, 0, 0);
	die(s, NONE, DW_TAG_compile_unit, true);
	str(s, DW_AT_name, name);
	str(s, DW_AT_comp_dir, "/src");
	off(s, DW_AT_stmt_list, table);
	end_attrs(s);
	die(s, NONE, DW_TAG_variable, false);
	num(s, DW_AT_decl_file, DW_FORM_data1, s->version >= 5 ? 1 : 2);
	end_attrs(s);
	end_children(s);
	synth_unit_end(s);
}

static void test_shared_lines(void)
{
	for (unsigned v = 4; v <= 5; v++) {
		struct synth s;
		size_t table;
		char *out;

		synth_init(&s, false);
		s.version = v;
		table = line_table(&s, false);
		lines_unit(&s, "a.c", table);
		lines_unit(&s, "other.c", table);
		same(&s, 4, false, v == 4 ? "shared lines" : "shared lines of version 5");
		same(&s, 5, false, v == 4 ? "shared lines" : "shared lines of version 5");
		synth_deinit(&s);

		synth_init(&s, false);
		s.version = v;
		lines_unit(&s, "a.c", line_table(&s, true));
		out = run(&s, &counting, 0, NULL, false, NULL);
		ok(out && strstr(out, "1010:end") && !strstr(out, "ffffffff") && !lost_in_all(),
		   "lines of dead code are left out");
		free(out);
		synth_deinit(&s);
	}
}

static void test_macros(void)
{
	for (int info_form = 0; info_form < 2; info_form++) {
		struct synth s;
		struct wdx_buf *b;
		static const char *const strings[] = {"zero", "STRX 1"};
		char *out;

		synth_init(&s, false);
		b = &s.sec[info_form ? S_MACINFO : S_MACRO];
		s.version = info_form ? 4 : 5;
		uint32_t base = index_tables(&s, strings, 2);

		if (!info_form) {
			wdx_buf_u16(b, 5);
			wdx_buf_u8(b, 2);
			wdx_buf_u32(b, 0);
		}
		wdx_buf_u8(b, DW_MACINFO_start_file);
		wdx_buf_uleb(b, 0);
		wdx_buf_uleb(b, 1);
		wdx_buf_u8(b, DW_MACINFO_define);
		wdx_buf_uleb(b, 3);
		wdx_buf_str(b, "INLINE 2");
		if (!info_form) {
			wdx_buf_u8(b, DW_MACRO_define_strx);
			wdx_buf_uleb(b, 4);
			wdx_buf_uleb(b, 1);
		}
		wdx_buf_u8(b, DW_MACINFO_end_file);
		wdx_buf_u8(b, 0);
		synth_unit(&s, s.version, DW_UT_compile, 0, 0);
		die(&s, NONE, DW_TAG_compile_unit, false);
		off(&s, info_form ? DW_AT_macro_info : DW_AT_macros, 0);
		off(&s, DW_AT_stmt_list, line_table(&s, false)); /* behind the macros, on purpose */
		if (!info_form)
			num(&s, DW_AT_str_offsets_base, DW_FORM_sec_offset, base);
		end_attrs(&s);
		synth_unit_end(&s);
		for (unsigned v = 4; v <= 5; v++) {
			out = run(&s, &counting, v, NULL, false, NULL);
			ok(out && strstr(out, " 3 1:INLINE 2") &&
				   (info_form || strstr(out, "1:STRX 1 4")) && !lost_in_all(),
			   "macros of %s to version %u", info_form ? ".debug_macinfo" : "version 5",
			   v);
			free(out);
		}
		synth_deinit(&s);
	}
}

static enum wdx_verdict drop_frame(const struct wdx_cursor *c, const struct wdx_frame *f,
				   struct wdx_emit *e, void *arg)
{
	(void)c, (void)e, (void)arg;
	return !f->is_cie && f->lo == 0x1000 ? WDX_DROP : WDX_COPY;
}

static void test_frames(void)
{
	static const struct wdx_visitor v = {.frame = drop_frame};
	struct wdx_frame cie = {.code_align = 1,
				.data_align = -4,
				.return_reg = 16,
				.address_size = 4,
				.insns = (const uint8_t *)"\x0c\x07\x08",
				.size = 3};
	struct synth s;
	struct wdx_buf *b;
	char *out;
	size_t at;

	world(&s, 4, false);
	b = &s.sec[S_FRAME];
	at = wdx_write_cie(b, &cie);
	wdx_write_fde(b, at, 4, 0x1000, 0x1080, (const uint8_t *)"\x41\x0e\x10", 3);
	wdx_write_fde(b, at, 4, 0x2000, 0x2080, (const uint8_t *)"\x42\x0e\x20", 3);
	same(&s, 0, false, "frames");
	out = run(&s, &v, 0, NULL, false, NULL);
	ok(out && strstr(out, "CIE 1 -4 16 0c 07 08\nFDE 00 20 00 00 80 00 00 00 42 0e 20\n"),
	   "an FDE dropped");
	free(out);
	synth_deinit(&s);
}

/* ---- type units --------------------------------------------------------------------------------
 */

static void type_world(struct synth *s, unsigned version)
{
	synth_init(s, false);
	synth_unit(s, version, DW_UT_compile, 0, 0);
	die(s, NONE, DW_TAG_compile_unit, true);
	str(s, DW_AT_name, "uses");
	end_attrs(s);
	die(s, USER, DW_TAG_variable, false);
	str(s, DW_AT_name, "v");
	num(s, DW_AT_type, DW_FORM_ref_sig8, 0x1122334455667788);
	end_attrs(s);
	end_children(s);
	synth_unit_end(s);
	s->to = version < 5 ? S_TYPES : S_INFO;
	synth_unit(s, version, DW_UT_type, 0x1122334455667788, SIG);
	die(s, NONE, DW_TAG_type_unit, true);
	num(s, DW_AT_language, DW_FORM_data1, DW_LANG_C99);
	end_attrs(s);
	die(s, NONE, DW_TAG_namespace, true);
	str(s, DW_AT_name, "space");
	end_attrs(s);
	die(s, SIG, DW_TAG_structure_type, true);
	str(s, DW_AT_name, "signed");
	end_attrs(s);
	member(s, NONE, "m", INT, 0);
	end_children(s);
	end_children(s);
	base_type(s, INT, "int", 4);
	end_children(s);
	synth_unit_end(s);
	s->to = S_INFO;
	synth_link(s);
}

static void test_type_units(void)
{
	struct synth s;
	char *out;

	for (unsigned v = 4; v <= 5; v++) {
		char *in;

		type_world(&s, v);
		in = describe_input(&s);
		ok(strstr(in, "sigsigned"), "a type unit of version %u is what it should be", v);
		free(in);
		same(&s, 4, false, "type units");
		same(&s, 5, false, "type units");
		out = run(&s, &choosy, 0, "space,", false, NULL);
		ok(out && strstr(out, "sigsigned") && strstr(out, "\"m\""),
		   "the type of a unit stays");
		free(out);
		synth_deinit(&s);
	}
	synth_init(&s, false);
	synth_unit(&s, 5, DW_UT_skeleton, 1, 0);
	die(&s, NONE, DW_TAG_skeleton_unit, false);
	str(&s, DW_AT_dwo_name, "x.dwo");
	end_attrs(&s);
	synth_unit_end(&s);
	out = run(&s, &counting, 0, NULL, false, NULL);
	ok(out && !strcmp(out, "11\n") && losses[WDX_LOST_UNIT] == 1,
	   "a skeleton comes without its split part, which is counted");
	free(out);
	synth_deinit(&s);
}

/* ---- between the passes ------------------------------------------------------------------------
 */

struct survey { /* locations as the first pass meets them */
	unsigned entries, dies;
	uint64_t first_lo, expr_bytes;
	bool over, stop, late;
};

static enum wdx_keep look(const struct wdx_cursor *c, void *arg)
{
	const struct wdx_attr *a = wdx_die_attr(c->die, DW_AT_location);
	struct survey *x = arg;
	const struct wdx_loc *l;
	size_t n;

	x->dies++;
	x->late |= x->over;
	if (!a)
		return WDX_KEEP;
	wdx_die_locs(c, a, &l, &n);
	for (size_t i = 0; i < n; i++) {
		if (!l[i].whole && !x->first_lo)
			x->first_lo = l[i].lo;
		x->expr_bytes += l[i].size;
	}
	x->entries += (unsigned)n;
	return WDX_KEEP;
}

static enum wdx_verdict expect_over(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct survey *x = arg;

	(void)c, (void)e;
	x->late |= !x->over;
	return WDX_COPY;
}

static struct wdx_error *turn(void *arg)
{
	struct survey *x = arg;

	x->over = true;
	return x->stop ? wdx_bad_input("stopped between the passes") : NULL;
}

static struct wdx_error *survey(struct synth *s, struct survey *x)
{
	static const struct wdx_visitor v = {.keep = look, .unit = expect_over};
	struct wdx_debug_section sections[S_COUNT];
	size_t n = synth_sections(s, sections);
	struct wdx_pass_config config = {
		.visitor = &v, .arg = x, .between = turn, .between_arg = x};
	struct wdx_pass_output out;
	struct wdx_input *in;
	struct wdx_error *err = wdx_input_open(&in, sections, n, false);

	if (err)
		return err;
	err = wdx_pass_run(in, &config, &out);
	if (!err)
		wdx_pass_output_deinit(&out);
	wdx_input_close(in);
	return err;
}

static void test_between(void)
{
	struct survey x = {0};
	struct wdx_error *err;
	struct synth s;

	for (unsigned version = 4; version <= 5; version++) {
		world(&s, version, false);
		x = (struct survey){0};
		err = survey(&s, &x);
		ok(!err && x.entries == 3 && x.first_lo == 0x1000 && x.expr_bytes,
		   "version %u: locations in the first pass", version);
		ok(!err && x.dies && x.over && !x.late, "version %u: a turn between the passes",
		   version);
		x = (struct survey){.stop = true};
		err = survey(&s, &x);
		ok(err && strstr(wdx_error_message(err), "stopped between"),
		   "version %u: an error there ends the run", version);
		wdx_error_destroy(err);
		synth_deinit(&s);
	}
}

/* ---- bad input ---------------------------------------------------------------------------------
 */

struct target {
	struct synth *s;
	enum synth_sec sec;
	unsigned runs, good;
};

/* keep and every event, so that all decoders are reached */
static enum wdx_keep keep_some(const struct wdx_cursor *c, void *arg)
{
	const struct wdx_range *r;
	const struct wdx_loc *l;
	size_t n;

	(void)arg;
	wdx_die_pcs(c, &r, &n);
	for (size_t i = 0; i < c->die->nattrs; i++) {
		const struct wdx_attr *a = &c->die->attrs[i];

		if (a->form_class == WDX_CLASS_EXPR || a->form_class == WDX_CLASS_LOCLIST)
			wdx_die_locs(c, a, &l, &n);
	}
	return c->die->offset % 3 ? WDX_KEEP : WDX_KEEP_NOT;
}

static void attack(const uint8_t *data, size_t size, void *arg)
{
	static const struct wdx_visitor picky = {.keep = keep_some, .lost = count_lost};
	struct target *t = arg;
	struct wdx_debug_section sections[S_COUNT];
	size_t n = synth_sections(t->s, sections);
	struct wdx_pass_config config = {.visitor = t->runs % 2 ? &picky : &counting,
					 .version = t->runs % 3 ? t->runs % 3 + 3 : 0};
	struct wdx_pass_output out;
	struct wdx_input *in;
	struct wdx_error *err;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(sections[i].name, synth_names[t->sec]))
			sections[i] = (struct wdx_debug_section){sections[i].name, data, size};
	t->runs++;
	err = wdx_input_open(&in, sections, n, false);
	if (!err) {
		err = wdx_pass_run(in, &config, &out);
		if (!err) {
			wdx_pass_output_deinit(&out);
			t->good++;
		}
		wdx_input_close(in);
	}
	wdx_error_destroy(err);
}

static void attack_all(struct synth *s, const char *what, unsigned mutations)
{
	struct target t = {.s = s};
	unsigned nsections = 0;

	for (t.sec = 0; t.sec < S_COUNT; t.sec++)
		nsections += s->sec[t.sec].len > 1;
	for (t.sec = 0; t.sec < S_COUNT; t.sec++)
		if (s->sec[t.sec].len > 1)
			hostile(s->sec[t.sec].data, s->sec[t.sec].len, mutations / nsections,
				attack, &t);
	ok(t.good && t.good < t.runs, "%s: %u bad inputs survived, %u of them accepted", what,
	   t.runs, t.good);
}

static void test_hostile(void)
{
	struct synth s;

	world(&s, 2, false);
	attack_all(&s, "version 2", 4000);
	synth_deinit(&s);
	world(&s, 5, false);
	attack_all(&s, "version 5", 6000);
	synth_deinit(&s);
	indexed_world(&s);
	attack_all(&s, "indexed forms", 6000);
	synth_deinit(&s);
	ref_world(&s);
	attack_all(&s, "expressions", 4000);
	synth_deinit(&s);
	type_world(&s, 4);
	attack_all(&s, "type units", 4000);
	synth_deinit(&s);
}

/* Many entries that share one long list must not make the output explode. */
static void test_proportion(void)
{
	struct synth s;
	struct wdx_buf *b;
	char *out, *why;

	synth_init(&s, false);
	synth_unit(&s, 4, DW_UT_compile, 0, 0);
	die(&s, NONE, DW_TAG_compile_unit, true);
	end_attrs(&s);
	die(&s, NONE, DW_TAG_lexical_block, false);
	off(&s, DW_AT_ranges, 0);
	end_attrs(&s);
	for (unsigned i = 1; i < 20000; i++) {
		wdx_buf_uleb(info(&s), 2);
		wdx_buf_u32(info(&s), 0);
	}
	end_children(&s);
	synth_unit_end(&s);
	b = &s.sec[S_RANGES];
	for (unsigned i = 0; i < 10000; i++) {
		wdx_buf_u32(b, 0x1000);
		wdx_buf_u32(b, 0x1010);
	}
	wdx_buf_zeros(b, 8);
	out = run(&s, NULL, 0, NULL, false, &why);
	ok(!out && why && strstr(why, "out of proportion"),
	   "an output out of proportion is refused");
	free(why);
	synth_deinit(&s);
}

/* One long table of abbreviations, read from each of its offsets. */
static void test_overlapping_abbrevs(void)
{
	struct synth s;
	char *out, *why;

	synth_init(&s, false);
	for (unsigned i = 0; i < 400; i++) {
		synth_unit(&s, 4, DW_UT_compile, 0, 0);
		wdx_buf_patch(info(&s), s.unit + 6, i * 5, 4);
		wdx_buf_uleb(info(&s), 64 + 400);
		wdx_buf_patch(info(&s), s.unit, info(&s)->len - s.unit - 4, 4);
	}
	for (unsigned i = 0; i < 401; i++) {
		wdx_buf_uleb(&s.sec[S_ABBREV], 64 + i);
		wdx_buf_zeros(&s.sec[S_ABBREV], 0);
		wdx_buf_u8(&s.sec[S_ABBREV], DW_TAG_compile_unit);
		wdx_buf_u8(&s.sec[S_ABBREV], 0);
		wdx_buf_u16(&s.sec[S_ABBREV], 0);
		if (64 + i < 128)
			wdx_buf_patch_uleb(&s.sec[S_ABBREV], s.sec[S_ABBREV].len - 5, 64 + i, 1);
	}
	wdx_buf_u8(&s.sec[S_ABBREV], 0);
	out = run(&s, NULL, 0, NULL, false, &why);
	ok(!out && why && strstr(why, ".debug_abbrev"), "overlapping abbreviations: %s",
	   why ? why : "-");
	free(why);
	free(out);
	synth_deinit(&s);
}

static void test_empty(void)
{
	struct synth s;
	char *out;

	synth_init(&s, false);
	out = run(&s, &counting, 0, NULL, false, NULL);
	ok(out && !lost_in_all(), "no .debug_info at all");
	free(out);
	synth_unit(&s, 4, DW_UT_compile, 0, 0);
	die(&s, NONE, DW_TAG_compile_unit, true); /* children, of which none comes */
	end_attrs(&s);
	end_children(&s);
	synth_unit_end(&s);
	same(&s, 0, false, "a unit without attributes and children");
	synth_deinit(&s);
}

int main(void)
{
	test_versions();
	test_indexed();
	test_data16();
	test_expression_refs();
	test_keep();
	test_keep_part();
	test_emit();
	test_again();
	test_events();
	test_shared_lines();
	test_macros();
	test_frames();
	test_type_units();
	test_empty();
	test_between();
	test_proportion();
	test_overlapping_abbrevs();
	test_hostile();
	return done();
}
