/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Macro units: .debug_macro and .debug_macinfo read, written units read back, malformed ones. */
#include "dwarf/decode.h"
#include "dwarf/encode.h"

#include <dwarf.h>
#include <string.h>

#include "hostile.h"
#include "tap.h"

static const char strings[] = "\0STRP 1\0STRX 2";

static bool strx(void *arg, uint64_t index, const char **out)
{
	(void)arg;
	*out = index == 3 ? "STRX 2" : NULL;
	return index == 3;
}

static struct wdx_macro_input input(const uint8_t *data, size_t size, bool big)
{
	return (struct wdx_macro_input){.data = data,
					.size = size,
					.str = (const uint8_t *)strings,
					.str_size = sizeof(strings),
					.big_endian = big,
					.strx = strx};
}

static const struct wdx_macro want[] = {
	{.type = DW_MACRO_start_file, .line = 0, .file = 1},
	{.type = DW_MACRO_define, .line = 3, .text = "PLAIN"},
	{.type = DW_MACRO_undef, .line = 4, .text = "PLAIN"},
	{.type = DW_MACRO_define, .line = 5, .text = "STRP 1"},
	{.type = DW_MACRO_undef, .line = 6, .text = "STRP 1"},
	{.type = DW_MACRO_define, .line = 700, .text = "STRX 2"},
	{.type = DW_MACRO_undef, .line = 8, .text = "STRX 2"},
	{.type = DW_MACRO_import, .offset = 0x1234},
	{.type = DW_MACRO_end_file},
};

#define NWANT (sizeof(want) / sizeof(want[0]))

static bool equal(const struct wdx_macro *a, const struct wdx_macro *b)
{
	return a->type == b->type && a->line == b->line && a->file == b->file &&
	       a->offset == b->offset && !a->text == !b->text &&
	       (!a->text || !strcmp(a->text, b->text));
}

/* Reads the whole unit and compares; n entries of want. */
static bool reads(const struct wdx_macro_input *in, uint64_t offset, size_t n,
		  struct wdx_macros *it)
{
	struct wdx_macro m;
	const char *why = NULL;
	bool same = wdx_macros_init(it, in, offset, &why);
	size_t i = 0;

	while (same && wdx_macros_next(it, &m, &why)) {
		same = i < n && equal(&m, &want[i]);
		i++;
	}
	return same && i == n && !why;
}

static void entry(struct wdx_buf *b, uint8_t type, uint64_t line)
{
	wdx_buf_u8(b, type);
	wdx_buf_uleb(b, line);
}

static void make(struct wdx_buf *b, uint16_t version, bool wide)
{
	unsigned size = wide ? 8 : 4;

	wdx_buf_u16(b, version);
	wdx_buf_u8(b, (uint8_t)(6 | wide));
	wdx_buf_uint(b, 0x77, size);
	/* two vendor entries: 0xe0 without operands, 0xe1 with some of every length */
	wdx_buf_bytes(b,
		      (uint8_t[]){2, 0xe0, 0, 0xe1, 6, DW_FORM_udata, DW_FORM_string,
				  DW_FORM_block1, DW_FORM_sec_offset, DW_FORM_data2, DW_FORM_sdata},
		      11);
	entry(b, DW_MACRO_start_file, 0);
	wdx_buf_uleb(b, 1);
	entry(b, DW_MACRO_define, 3);
	wdx_buf_str(b, "PLAIN");
	entry(b, DW_MACRO_undef, 4);
	wdx_buf_str(b, "PLAIN");
	wdx_buf_u8(b, 0xe0);
	entry(b, DW_MACRO_define_strp, 5);
	wdx_buf_uint(b, 1, size);
	entry(b, DW_MACRO_undef_strp, 6);
	wdx_buf_uint(b, 1, size);
	entry(b, 0xe1, 300);
	wdx_buf_bytes(b, (uint8_t[]){'a', 0, 1, 9}, 4);
	wdx_buf_uint(b, 1, size);
	wdx_buf_bytes(b, (uint8_t[]){1, 2, 0xff, 0}, 4);
	entry(b, DW_MACRO_define_strx, 700);
	wdx_buf_uleb(b, 3);
	entry(b, DW_MACRO_undef_strx, 8);
	wdx_buf_uleb(b, 3);
	entry(b, DW_MACRO_define_sup, 9);
	wdx_buf_uint(b, 1, size);
	wdx_buf_u8(b, DW_MACRO_import_sup);
	wdx_buf_uint(b, 1, size);
	wdx_buf_u8(b, DW_MACRO_import);
	wdx_buf_uint(b, 0x1234, size);
	wdx_buf_u8(b, DW_MACRO_end_file);
	wdx_buf_u8(b, 0);
}

static void test_read(uint16_t version, bool wide, bool big)
{
	struct wdx_buf b = {.big = big};
	struct wdx_macro_input in;
	struct wdx_macros it;
	size_t bad = 0;

	make(&b, version, wide);
	in = input(b.data, b.len, big);
	ok(reads(&in, 0, NWANT, &it) && it.version == version && it.has_line &&
		   it.line_offset == 0x77,
	   "version %u%s%s", version, wide ? ", 64-bit" : "", big ? ", big-endian" : "");
	for (in.size = 0; in.size < b.len; in.size++)
		bad += !reads(&in, 0, NWANT, &it);
	ok(bad == b.len, "cut short at every byte");
	in.str_size = 3;
	ok(!reads(&in, 0, NWANT, &it), "string without an end");
	in.str_size = sizeof(strings);
	in.strx = NULL;
	ok(!reads(&in, 0, NWANT, &it), "index without a table");
	wdx_buf_deinit(&b);
}

static void test_bad(void)
{
	struct wdx_macro_input in = input((const uint8_t *)"\6\0\0", 3, false);
	struct wdx_macros it;
	struct wdx_macro m;
	const char *why = NULL;

	ok(!wdx_macros_init(&it, &in, 0, &why) && why, "version 6");
	why = NULL;
	ok(!wdx_macros_init(&it, &in, 4, &why) && why, "offset outside");
	in.data = (const uint8_t *)"\5\0\0\xe5";
	in.size = 4;
	ok(wdx_macros_init(&it, &in, 0, &why) && !wdx_macros_next(&it, &m, &why) && why,
	   "unknown entry");
}

static void test_macinfo(void)
{
	static const char data[] = "\3\0\1\1\3PLAIN\0\xff\5what\0\2\4PLAIN\0\4";
	static const uint8_t pick[] = {0, 1, 2, 8};
	struct wdx_macro_input in = input((const uint8_t *)data, sizeof(data), false);
	struct wdx_macros it;
	struct wdx_macro m;
	const char *why = NULL;
	size_t i = 0;

	in.macinfo = true;
	ok(wdx_macros_init(&it, &in, 0, &why), "macinfo");
	while (wdx_macros_next(&it, &m, &why) && i < 4) {
		ok(equal(&m, &want[pick[i]]), "entry %zu", i);
		i++;
	}
	ok(i == 4 && !why, "the end");
}

static uint32_t intern(void *arg, const char *s)
{
	++*(int *)arg;
	return !strcmp(s, "STRP 1") ? 1 : !strcmp(s, "STRX 2") ? 8 : 0;
}

static void test_written(uint16_t version, bool big)
{
	struct wdx_buf b = {.big = big};
	int interned = 0;
	struct wdx_macro_writer w = {.buf = &b, .str = intern, .arg = &interned};
	struct wdx_macro_input in;
	struct wdx_macros it;
	size_t at, import = 0;

	wdx_buf_u8(&b, 0);
	at = wdx_macros_begin(&w, version, big ? UINT64_MAX : 0x77);
	for (size_t i = 0; i < NWANT; i++) {
		bool plain = want[i].text && !strcmp(want[i].text, "PLAIN");
		size_t place;

		w.str = plain ? NULL : intern;
		place = wdx_macros_write(&w, &want[i]);
		if (want[i].type == DW_MACRO_import)
			import = place;
	}
	wdx_macros_end(&w);
	in = input(b.data, b.len, big);
	ok(at == 1 && reads(&in, at, NWANT, &it), "written unit read back, version %u", version);
	ok(it.version == version && it.has_line == !big && (big || it.line_offset == 0x77),
	   "header");
	ok(interned == 4, "strings interned");
	wdx_buf_patch(&b, import, 0x4321, 4);
	ok(!reads(&in, at, NWANT, &it), "import patched");
	wdx_buf_patch(&b, import, 0x1234, 4);
	ok(reads(&in, at, NWANT, &it), "and back");
	wdx_buf_deinit(&b);
}

static void test_limits(void)
{
	struct wdx_buf b = {0};
	struct wdx_macro_writer w = {.buf = &b};
	struct wdx_macro m = {.type = DW_MACRO_import, .offset = 1ULL << 32};

	ok(wdx_macros_begin(&w, 5, 1ULL << 32) == WDX_NOT_WRITTEN, "line offset of 33 bits");
	ok(wdx_macros_write(&w, &m) == WDX_NOT_WRITTEN, "import of 33 bits");
	m.type = DW_MACRO_import_sup;
	ok(wdx_macros_write(&w, &m) == WDX_NOT_WRITTEN && b.len == 0, "unknown type");
}

static void decode(const uint8_t *p, size_t size, void *arg)
{
	struct wdx_macro_input in = input(p, size, false);
	struct wdx_macros it;
	struct wdx_macro m;
	const char *why = NULL;
	size_t n = 0;

	in.macinfo = arg != NULL;
	if (!wdx_macros_init(&it, &in, 0, &why)) {
		if (!why)
			abort();
		return;
	}
	while (wdx_macros_next(&it, &m, &why)) {
		if (n++ > size || (m.text && strlen(m.text) > size + sizeof(strings)))
			abort();
	}
}

static void test_hostile(void)
{
	struct wdx_buf b = {0};
	int yes = 1;

	make(&b, 5, false);
	hostile(b.data, b.len, 20000, decode, NULL);
	ok(true, "mutations");
	hostile(b.data + 20, b.len - 20, 20000, decode, &yes);
	ok(true, "mutations as macinfo");
	wdx_buf_deinit(&b);
}

int main(void)
{
	test_read(4, false, false);
	test_read(5, false, true);
	test_read(5, true, false);
	test_bad();
	test_macinfo();
	test_written(4, false);
	test_written(5, true);
	test_limits();
	test_hostile();
	return done();
}
