/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* lib/map: Wasmtime's images, made here byte by byte: what real ones seldom or never have. */
#include <dwarf.h>
#include <elf.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "hostile.h"
#include "map/map.h"
#include "native/native.h"
#include "tap.h"

/* Two functions without parameters, f and "g h"; f has an i32 called x.  Offsets in the file: body
 * of f 0x1a, its instructions 0x1d 0x1f 0x21; body of "g h" 0x23, its instruction 0x24. */
static const uint8_t module[] = {
	0,  'a', 's',  'm',  1,	   0,	0,    0,	 /* magic, version */
	1,  4,	 1,    0x60, 0,	   0,			 /* type () -> () */
	3,  3,	 2,    0,    0,				 /* functions */
	10, 13,	 2,					 /* code */
	8,  1,	 1,    0x7f, 0x41, 0,	0x21, 0,   0x0b, /* f: i32.const, local.set, end */
	2,  0,	 0x0b,					 /* "g h": end */
	0,  24,	 4,    'n',  'a',  'm', 'e',		 /* name section */
	1,  9,	 2,    0,    1,	   'f', 1,    3,   'g',	 ' ', 'h', /* functions */
	2,  6,	 1,    0,    1,	   0,	1,    'x',		   /* locals */
};

enum { TEXT = 0x40, CODE_F = 0x10, CODE_G = 0x20 }; /* file offset of .text; functions in it */

struct spec {
	unsigned machine, flags;
	const char *symbols[3];
	const uint8_t *map, *eh;
	size_t nmap, neh;
};

static struct wdx_buf image;

static uint32_t section(struct wdx_buf *headers, struct wdx_buf *names, const char *name,
			unsigned type, unsigned link, const void *data, size_t n)
{
	Elf64_Shdr sh = {.sh_name = (uint32_t)names->len, .sh_type = type, .sh_offset = image.len};

	sh.sh_size = n;
	sh.sh_link = link;
	sh.sh_entsize = type == SHT_SYMTAB ? sizeof(Elf64_Sym) : 0;
	sh.sh_addralign = 1;
	wdx_buf_str(names, name);
	wdx_buf_bytes(&image, data, n);
	wdx_buf_bytes(headers, &sh, sizeof(sh));
	return (uint32_t)(headers->len / sizeof(sh)) - 1;
}

static void symbols(const struct spec *s, struct wdx_buf *syms, struct wdx_buf *strings)
{
	static const uint64_t at[3] = {CODE_F, CODE_G, 0x30};
	Elf64_Sym sym = {0};

	wdx_buf_u8(strings, 0);
	wdx_buf_bytes(syms, &sym, sizeof(sym));
	for (int i = 0; i < 3 && s->symbols[i]; i++) {
		sym = (Elf64_Sym){.st_name = (uint32_t)strings->len, .st_shndx = 1};
		sym.st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
		sym.st_value = at[i];
		sym.st_size = 8;
		wdx_buf_str(strings, s->symbols[i]);
		wdx_buf_bytes(syms, &sym, sizeof(sym));
	}
}

static void make(const struct spec *s)
{
	struct wdx_buf headers = {0}, names = {0}, syms = {0}, strings = {0};
	static const char engine[] = "\0\00650.9.9\030x86_64-unknown-linux-gnu";
	Elf64_Ehdr eh = {.e_type = ET_REL, .e_version = 1, .e_ehsize = sizeof(eh)};
	Elf64_Shdr last = {.sh_type = SHT_STRTAB, .sh_addralign = 1};
	uint8_t text[TEXT];

	memset(text, 0x90, sizeof(text));
	wdx_buf_reset(&image);
	wdx_buf_zeros(&image, sizeof(eh));
	section(&headers, &names, "", SHT_NULL, 0, NULL, 0);
	section(&headers, &names, ".text", SHT_PROGBITS, 0, text, sizeof(text));
	symbols(s, &syms, &strings);
	section(&headers, &names, ".strtab", SHT_STRTAB, 0, strings.data, strings.len);
	section(&headers, &names, ".symtab", SHT_SYMTAB, 2, syms.data, syms.len);
	section(&headers, &names, ".wasmtime.engine", SHT_PROGBITS, 0, engine, sizeof(engine) - 1);
	section(&headers, &names, ".wasmtime.addrmap", SHT_PROGBITS, 0, s->map, s->nmap);
	if (s->neh)
		section(&headers, &names, ".eh_frame", SHT_PROGBITS, 0, s->eh, s->neh);
	/* The name is in the section that it names. */
	eh.e_shstrndx = (uint16_t)(headers.len / sizeof(Elf64_Shdr));
	last.sh_name = (uint32_t)names.len;
	wdx_buf_str(&names, ".shstrtab");
	last.sh_offset = image.len;
	last.sh_size = names.len;
	wdx_buf_bytes(&image, names.data, names.len);
	wdx_buf_bytes(&headers, &last, sizeof(last));
	wdx_buf_align(&image, 8);
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	eh.e_ident[EI_OSABI] = 0xc8;
	eh.e_machine = (uint16_t)s->machine;
	eh.e_flags = s->flags;
	eh.e_shoff = image.len;
	eh.e_shentsize = sizeof(Elf64_Shdr);
	eh.e_shnum = (uint16_t)(headers.len / sizeof(Elf64_Shdr));
	wdx_buf_bytes(&image, headers.data, headers.len);
	memcpy(image.data, &eh, sizeof(eh));
	wdx_buf_deinit(&headers);
	wdx_buf_deinit(&names);
	wdx_buf_deinit(&syms);
	wdx_buf_deinit(&strings);
}

/* --- Address maps ------------------------------------------------------------------------------
 */

#define U32(v) (v) & 0xff, (v) >> 8 & 0xff, (v) >> 16 & 0xff, (v) >> 24 & 0xff

/* f: none at 0x10, declaration at 0x12, local.set at 0x14; "g h": end at 0x20. */
static const uint8_t arrays[] = {U32(5u),    U32(0x10u), U32(0x12u), U32(0x14u),
				 U32(0x20u), U32(0x22u), U32(~0u),   U32(0x18u),
				 U32(0x1cu), U32(0x21u), U32(~0u)};
static const uint8_t blocks[] = {
	U32(5u), U32(1u), U32(0x10u), U32(0u), 0 << 1 | 1, 2 << 1,
	0x18,	 2 << 1,  4,	      12 << 1, 5,	   2 << 1 | 1,
};
/* As long as two pairs of the first layout would be. */
static const uint8_t small[] = {U32(2u), U32(1u), U32(0x10u), U32(0u), 1, 4 << 1, 0x9a, 0x00};
static const uint8_t unsorted[] = {U32(2u), U32(0x14u), U32(0x10u), U32(~0u), U32(~0u)};
static const uint8_t foreign[] = {U32(1u), U32(0x10u), U32(0x21u)};

static const struct spec good = {.machine = EM_X86_64,
				 .flags = 1,
				 .symbols = {"wasm[0]::function[0]::f", "wasm[0]::function[1]::g?h",
					     "wasm[0]::array_to_wasm_trampoline[0]"},
				 .map = arrays,
				 .nmap = sizeof(arrays)};

static struct wdx_wasm wasm;

static struct wdx_error *import(const struct spec *s, struct wdx_map *map, struct wdx_target **t)
{
	make(s);
	return wdx_map_read_cwasm(map, t, "x", image.data, image.len, &wasm);
}

static void expect_error(const struct spec *s, const char *text)
{
	struct wdx_target *t;
	struct wdx_map map;
	struct wdx_error *err = import(s, &map, &t);

	ok(err && strstr(wdx_error_message(err), text), "error: %s",
	   err ? wdx_error_message(err) : "none");
	wdx_error_destroy(err);
	if (!err) {
		wdx_map_deinit(&map);
		wdx_target_destroy(t);
	}
}

static bool same_pairs(const struct wdx_map *m, const struct wdx_map_pair *want, size_t n)
{
	return m->pairs.len == n && !memcmp(m->pairs.data, want, n * sizeof(*want));
}

static void test_pairs(void)
{
	static const struct wdx_map_pair want[] = {{0x10, UINT32_MAX},
						   {0x12, UINT32_MAX},
						   {0x14, 0x1c - 0x15},
						   {0x20, 0x21 - 0x15},
						   {0x22, UINT32_MAX}};
	struct spec s = good;
	struct wdx_target *t;
	struct wdx_map map;
	struct wdx_error *err = import(&s, &map, &t);

	if (ok(!err, "arrays: %s", err ? wdx_error_message(err) : "read")) {
		ok(same_pairs(&map, want, 5), "arrays: a declaration is no state of the function");
		ok(map.producer && !strcmp(map.producer, "wasmtime 50.9.9"), "version");
		ok(map.funcs.len == 3 && map.funcs.data[1].index == 1 &&
			   map.funcs.data[2].index == WDX_NO_INDEX,
		   "functions and a trampoline");
		ok(!map.has_locals && map.hint, "no locals, and a hint");
		wdx_map_deinit(&map);
		wdx_target_destroy(t);
	}
	wdx_error_destroy(err);
	s.map = blocks;
	s.nmap = sizeof(blocks);
	err = import(&s, &map, &t);
	if (ok(!err, "blocks: %s", err ? wdx_error_message(err) : "read")) {
		ok(same_pairs(&map, want, 5), "blocks: the same pairs");
		wdx_map_deinit(&map);
		wdx_target_destroy(t);
	}
	wdx_error_destroy(err);
}

static void test_small_map(void)
{
	static const struct wdx_map_pair want[] = {{0x10, UINT32_MAX}, {0x14, 0x1a - 0x15}};
	struct spec s = good;
	struct wdx_target *t;
	struct wdx_map map;
	struct wdx_error *err;

	s.map = small;
	s.nmap = sizeof(small);
	err = import(&s, &map, &t);
	if (ok(!err, "blocks of the size of arrays: %s", err ? wdx_error_message(err) : "read")) {
		ok(same_pairs(&map, want, 2), "blocks of the size of arrays: pairs");
		wdx_map_deinit(&map);
		wdx_target_destroy(t);
	}
	wdx_error_destroy(err);
}

static void test_errors(void)
{
	struct spec s = good;

	s.symbols[1] = "wasm[0]::function[1]::other";
	expect_error(&s, "is called");
	s.symbols[1] = "wasm[1]::function[1]::g?h";
	expect_error(&s, "several modules");
	s.symbols[1] = "wasm[0]::function[7]";
	expect_error(&s, "code for function 7");
	s.symbols[1] = NULL;
	expect_error(&s, "no code for function 1");
	s.symbols[1] = s.symbols[0];
	expect_error(&s, "two symbols");
	s = good;
	s.flags = 2;
	expect_error(&s, "component");
	s = good;
	s.machine = EM_S390;
	expect_error(&s, "only x86-64 and aarch64");
	s = good;
	s.map = unsorted;
	s.nmap = sizeof(unsorted);
	expect_error(&s, "not sorted");
	s.map = foreign;
	s.nmap = sizeof(foreign);
	expect_error(&s, "another module");
	s.nmap = 3;
	expect_error(&s, "cut short");
}

/* --- Unwind tables -----------------------------------------------------------------------------
 */

/* A CIE "zR" with pc-relative addresses and an FDE for [0x10, 0x18) that runs `insns`.  The section
 * stands at text offset `at`. */
static void make_eh(struct wdx_buf *b, unsigned machine, uint64_t at, const uint8_t *insns,
		    size_t n)
{
	bool x86 = machine == EM_X86_64;
	size_t fde;

	wdx_buf_reset(b);
	wdx_buf_u32(b, 4 + 1 + 3 + 3 + 2 + 3);
	wdx_buf_u32(b, 0);
	wdx_buf_u8(b, 1);
	wdx_buf_str(b, "zR");
	wdx_buf_u8(b, x86 ? 1 : 4); /* code alignment */
	wdx_buf_u8(b, 0x78);	    /* data alignment: -8 */
	wdx_buf_u8(b, x86 ? 16 : 30);
	wdx_buf_u8(b, 1);
	wdx_buf_u8(b, 0x1b); /* pcrel sdata4 */
	wdx_buf_u8(b, DW_CFA_def_cfa);
	wdx_buf_u8(b, x86 ? 7 : 31);
	wdx_buf_u8(b, x86 ? 8 : 0);
	fde = b->len;
	wdx_buf_u32(b, (uint32_t)(4 + 4 + 4 + 1 + n));
	wdx_buf_u32(b, (uint32_t)(b->len));
	wdx_buf_u32(b, (uint32_t)(0x10 - (int64_t)(at + fde + 8)));
	wdx_buf_u32(b, 8);
	wdx_buf_u8(b, 0);
	wdx_buf_bytes(b, insns, n);
	wdx_buf_u32(b, 0);
}

/* Where .eh_frame comes to stand depends on what stands before it: all but it is made first. */
static struct wdx_error *import_eh(unsigned machine, const uint8_t *insns, size_t n,
				   struct wdx_map *map, struct wdx_target **t)
{
	static const uint8_t mark[8] = "\x7f.marker";
	struct wdx_buf eh = {0};
	struct wdx_error *err;
	struct spec s = good;
	uint8_t *at;

	s.machine = machine;
	s.eh = mark;
	s.neh = sizeof(mark);
	make(&s);
	at = memmem(image.data, image.len, mark, sizeof(mark));
	make_eh(&eh, machine, (uint64_t)(at - image.data) - sizeof(Elf64_Ehdr), insns, n);
	s.eh = eh.data;
	s.neh = eh.len;
	err = import(&s, map, t);
	wdx_buf_deinit(&eh);
	return err;
}

static const struct wdx_rule *find_rule(const struct wdx_map *m, size_t row, unsigned reg)
{
	const struct wdx_map_row *r = &m->rows.data[row];

	for (uint32_t i = 0; row < m->rows.len && i < r->n; i++)
		if (m->rules.data[r->first + i].reg == reg)
			return &m->rules.data[r->first + i];
	return NULL;
}

static bool has_rule(const struct wdx_map *m, size_t row, unsigned reg, unsigned kind, int value)
{
	const struct wdx_rule *r = find_rule(m, row, reg);

	return r && r->kind == kind && r->value == value;
}

static void test_rows(void)
{
	static const uint8_t insns[] = {
		DW_CFA_offset | 16,
		1,
		DW_CFA_advance_loc | 1,
		DW_CFA_remember_state,
		DW_CFA_def_cfa_offset,
		16,
		DW_CFA_offset_extended_sf,
		6,
		2,
		DW_CFA_advance_loc1,
		1,
		DW_CFA_def_cfa_expression,
		2,
		DW_OP_breg6,
		8,
		DW_CFA_GNU_args_size,
		8,
		DW_CFA_val_offset,
		3,
		1,
		DW_CFA_advance_loc | 1,
		DW_CFA_restore_state,
		DW_CFA_same_value,
		12,
		DW_CFA_advance_loc | 1,
		DW_CFA_restore | 12,
		DW_CFA_advance_loc | 4,
		DW_CFA_def_cfa_offset,
		99 /* behind the end */,
	};
	struct wdx_target *t;
	struct wdx_map map;
	struct wdx_error *err = import_eh(EM_X86_64, insns, sizeof(insns), &map, &t);

	if (!ok(!err, "rows: %s", err ? wdx_error_message(err) : "read")) {
		wdx_error_destroy(err);
		return;
	}
	if (ok(map.rows.len == 5 && !map.faults, "five rows (%zu)", map.rows.len)) {
		const struct wdx_map_row *r = map.rows.data;

		ok(r[0].native == 0x10 && r[0].cfa_reg == 7 && r[0].cfa_off == 8 && r[0].n == 1,
		   "row at the start");
		ok(r[1].native == 0x11 && r[1].cfa_off == 16 && has_rule(&map, 1, 6, 2, -16) &&
			   has_rule(&map, 1, 16, WDX_RULE_OFFSET, -8),
		   "offsets");
		ok(r[2].cfa_n == 2 && map.blob.data[r[2].cfa_first] == DW_OP_breg6 &&
			   has_rule(&map, 2, 3, WDX_RULE_VAL_OFFSET, -8),
		   "expression");
		ok(!r[3].cfa_n && r[3].cfa_off == 8 && !find_rule(&map, 3, 6) &&
			   has_rule(&map, 3, 12, WDX_RULE_SAME, 0),
		   "state restored");
		ok(r[4].native == 0x14 && !find_rule(&map, 4, 12), "register restored");
	}
	ok(map.preserved.len == 2 && map.preserved.data[0] == 6 && map.preserved.data[1] == 7,
	   "preserved: what is saved, and the stack pointer; not the return address");
	wdx_map_deinit(&map);
	wdx_target_destroy(t);
}

static void test_signed_return(void)
{
	static const uint8_t insns[] = {DW_CFA_AARCH64_negate_ra_state, DW_CFA_advance_loc | 1,
					DW_CFA_offset | 30, 1};
	static const uint8_t want[] = {DW_OP_consts, 0x78, DW_OP_plus, DW_OP_deref, DW_OP_const8u,
				       0xff,	     0xff, 0xff,       0xff,	    0xff,
				       0xff,	     0,	   0,	       DW_OP_and};
	const struct wdx_rule *r;
	struct wdx_target *t;
	struct wdx_map map;
	struct wdx_error *err = import_eh(EM_AARCH64, insns, sizeof(insns), &map, &t);

	if (!ok(!err, "aarch64: %s", err ? wdx_error_message(err) : "read")) {
		wdx_error_destroy(err);
		return;
	}
	ok(map.rows.len == 2 && (r = find_rule(&map, 0, 30)) && r->kind == WDX_RULE_VAL_EXPR &&
		   map.blob.data[r->first] == DW_OP_breg30,
	   "signed return address in its register");
	ok(map.rows.len == 2 && (r = find_rule(&map, 1, 30)) && r->kind == WDX_RULE_VAL_EXPR &&
		   r->n == sizeof(want) && !memcmp(map.blob.data + r->first, want, sizeof(want)),
	   "signed return address in the frame");
	wdx_map_deinit(&map);
	wdx_target_destroy(t);
}

static void test_bad_rows(void)
{
	static const uint8_t insns[] = {DW_CFA_advance_loc | 1, DW_CFA_restore_state};
	struct wdx_target *t;
	struct wdx_map map;
	struct wdx_error *err = import_eh(EM_X86_64, insns, sizeof(insns), &map, &t);

	ok(!err && !map.rows.len && map.faults == 1,
	   "a table that is not understood gives no rows");
	if (!err) {
		wdx_map_deinit(&map);
		wdx_target_destroy(t);
	}
	wdx_error_destroy(err);
}

/* --- Hostile images ----------------------------------------------------------------------------
 */

static void read_hostile(const uint8_t *data, size_t size, void *arg)
{
	struct wdx_target *t;
	struct wdx_map map;
	struct wdx_error *err = wdx_map_read_cwasm(&map, &t, "x", data, size, &wasm);

	++*(unsigned *)arg;
	if (!err) {
		wdx_error_destroy(wdx_map_check(&map, &wasm));
		wdx_map_deinit(&map);
		wdx_target_destroy(t);
	}
	wdx_error_destroy(err);
}

static void test_hostile(void)
{
	static const uint8_t insns[] = {DW_CFA_offset | 16, 1, DW_CFA_advance_loc | 1,
					DW_CFA_def_cfa_offset, 16};
	struct wdx_target *t;
	struct wdx_map map;
	struct wdx_error *err = import_eh(EM_X86_64, insns, sizeof(insns), &map, &t);
	unsigned n = 0;

	if (!err) {
		wdx_map_deinit(&map);
		wdx_target_destroy(t);
	}
	wdx_error_destroy(err);
	hostile(image.data, image.len, 2000, read_hostile, &n);
	ok(n >= 2000, "%u bad images", n);
}

int main(void)
{
	struct wdx_error *err = wdx_wasm_init(&wasm, module, sizeof(module));

	if (!ok(!err, "module: %s", err ? wdx_error_message(err) : "read")) {
		wdx_error_destroy(err);
		return done();
	}
	test_pairs();
	test_small_map();
	test_errors();
	test_rows();
	test_signed_return();
	test_bad_rows();
	test_hostile();
	wdx_buf_deinit(&image);
	wdx_wasm_deinit(&wasm);
	return done();
}
