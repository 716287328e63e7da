/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "elf/elf.h"
#include "tap.h"

static struct wdx_section section(const char *name, const void *data, size_t size)
{
	return (struct wdx_section){name, data, size};
}

static bool success(struct wdx_error *err)
{
	bool good = !err;

	if (err)
		printf("# %s\n", wdx_error_message(err));
	wdx_error_destroy(err);
	return good;
}

static bool refused(struct wdx_error *err, enum wdx_code code, const char *word)
{
	bool good = wdx_error_code(err) == code && strstr(wdx_error_message(err), word);

	if (!good)
		printf("# %d: %s\n", wdx_error_code(err), wdx_error_message(err));
	wdx_error_destroy(err);
	return good;
}

static Elf_Scn *find(Elf *elf, const char *name, GElf_Shdr *sh)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn)) && gelf_getshdr(scn, sh))
		if (!strcmp(elf_strptr(elf, names, sh->sh_name) ?: "", name))
			return scn;
	return NULL;
}

static bool holds(Elf *elf, const char *name, const void *data, size_t size)
{
	GElf_Shdr sh;
	Elf_Scn *scn = find(elf, name, &sh);
	Elf_Data *d = scn ? elf_rawdata(scn, NULL) : NULL;

	return d && d->d_size == size && (!size || !memcmp(d->d_buf, data, size));
}

/* ---- wrap ---- */

static const uint8_t abbrev[] = {1, 0x11, 0, 0x03, 0x08, 0, 0, 0}; /* a unit with a name */

/* One version 4 unit, named "a.c". */
static void unit(struct wdx_buf *b, unsigned address_size)
{
	wdx_buf_u32(b, 12);
	wdx_buf_u16(b, 4);
	wdx_buf_u32(b, 0);
	wdx_buf_u8(b, address_size);
	wdx_buf_uleb(b, 1);
	wdx_buf_str(b, "a.c");
}

static bool libdw_reads(struct wdx_buf *file)
{
	Elf *elf = elf_memory((char *)file->data, file->len);
	Dwarf *dw = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	bool good = dw && !dwarf_get_units(dw, NULL, &cu, NULL, NULL, &die, NULL) &&
		    !strcmp(dwarf_diename(&die) ?: "", "a.c");

	good = good && holds(elf, ".debug_abbrev", abbrev, sizeof(abbrev)) &&
	       holds(elf, "odd", "xyz", 3) && holds(elf, "empty", NULL, 0);
	dwarf_end(dw);
	elf_end(elf);
	return good;
}

static void test_wrap(bool is64, bool big)
{
	struct wdx_buf info = {.big = big}, file = {.big = !big};

	unit(&info, is64 ? 8 : 4);
	struct wdx_section s[] = {
		section("empty", NULL, 0),
		section("odd", "xyz", 3),
		section(".debug_info", info.data, info.len),
		section(".debug_abbrev", abbrev, sizeof(abbrev)),
	};
	ok(success(wdx_elf_wrap(s, 4, is64, big, &file)) && libdw_reads(&file) && file.big == !big,
	   "wrap: libdw reads %d-bit %s-endian", is64 ? 64 : 32, big ? "big" : "little");
	wdx_buf_deinit(&info);
	wdx_buf_deinit(&file);
}

static void test_wrap_append(void)
{
	struct wdx_section s = section("a", "b", 1);
	struct wdx_buf one = {0}, two = {0};
	bool good;

	wdx_buf_str(&two, "before");
	good = success(wdx_elf_wrap(&s, 1, false, false, &one)) &&
	       success(wdx_elf_wrap(&s, 1, false, false, &two));
	ok(good && two.len == one.len + 7 && !memcmp(two.data + 7, one.data, one.len),
	   "wrap: appends");
	wdx_buf_deinit(&one);
	wdx_buf_deinit(&two);
}

static void test_wrap_edges(void)
{
	struct wdx_section *many = calloc(70000, sizeof(*many));
	struct wdx_buf file = {0};
	Elf *elf;
	size_t n = 0;

	for (size_t i = 0; many && i < 70000; i++)
		many[i].name = "x";
	ok(refused(wdx_elf_wrap(many, 70000, false, false, &file), WDX_E_INPUT, "too many"),
	   "wrap: too many sections");
	ok(!file.len, "wrap: nothing written on error");
	ok(success(wdx_elf_wrap(NULL, 0, false, false, &file)), "wrap: no sections");
	elf = elf_memory((char *)file.data, file.len);
	ok(elf && !elf_getshdrnum(elf, &n) && n == 2, "wrap: an ELF file all the same");
	elf_end(elf);
	wdx_buf_deinit(&file);
	free(many);
}

/* ---- side-car ---- */

static const struct wdx_elf_symbol symbols[] = {
	{"twice", 0x10200, 16},
	{"once", 0x10100, 16},
	{"twice", 0x10000, 16},
	{"at the end", 0x11000, 0},
};

static uint8_t text[5000]; /* packs well */

static struct wdx_sidecar sidecar(bool is64, bool big, const struct wdx_section *debug, size_t n)
{
	return (struct wdx_sidecar){
		.machine = is64 ? EM_PPC64 : EM_MIPS, /* they come in both byte orders */
		.is64 = is64,
		.big = big,
		.text_addr = WDX_TEXT_ADDR,
		.text_size = 0x1000,
		.memory_addr = is64 ? WDX_MEMORY_ADDR64 : WDX_MEMORY_ADDR32,
		.memory_size = 0x20000,
		.symbols = symbols,
		.nsymbols = 4,
		.debug = debug,
		.ndebug = n,
		.build_id = (const uint8_t *)"0123456789abcdefghij",
	};
}

static bool nobits(Elf *elf, const char *name, uint64_t addr, uint64_t size, uint64_t flags)
{
	GElf_Shdr sh;

	return find(elf, name, &sh) && sh.sh_type == SHT_NOBITS && sh.sh_addr == addr &&
	       sh.sh_size == size && sh.sh_flags == flags;
}

static bool has_segments(Elf *elf, const struct wdx_sidecar *s)
{
	GElf_Phdr ph[3];
	size_t n;

	if (elf_getphdrnum(elf, &n) || n != 3)
		return false;
	for (int i = 0; i < 3; i++)
		if (!gelf_getphdr(elf, i, &ph[i]))
			return false;
	return ph[0].p_type == PT_LOAD && ph[0].p_vaddr == s->text_addr &&
	       ph[0].p_memsz == s->text_size && !ph[0].p_filesz && ph[1].p_type == PT_LOAD &&
	       ph[1].p_vaddr == s->memory_addr && ph[1].p_memsz == s->memory_size &&
	       ph[2].p_type == PT_NOTE;
}

static bool has_symbols(Elf *elf)
{
	static const struct {
		const char *name;
		uint64_t value;
		int bind;
	} want[] = {
		{"twice", 0x10000, STB_LOCAL},
		{"twice", 0x10200, STB_LOCAL},
		{"once", 0x10100, STB_GLOBAL},
		{"at the end", 0x11000, STB_GLOBAL},
	};
	GElf_Shdr sh;
	GElf_Sym sym;
	Elf_Scn *scn = find(elf, ".symtab", &sh);
	Elf_Data *d = scn ? elf_getdata(scn, NULL) : NULL;
	bool good = d && sh.sh_info == 3 && sh.sh_size == 5 * sh.sh_entsize;

	for (int i = 0; good && i < 4; i++)
		good = gelf_getsym(d, i + 1, &sym) && sym.st_value == want[i].value &&
		       sym.st_shndx == 1 && sym.st_info == GELF_ST_INFO(want[i].bind, STT_FUNC) &&
		       !strcmp(elf_strptr(elf, sh.sh_link, sym.st_name), want[i].name);
	return good;
}

/* The bytes of a section, unpacked when it says it is packed. */
static bool unpacks(Elf *elf, const char *name, const void *data, size_t size, bool *packed)
{
	GElf_Shdr sh;
	Elf_Scn *scn = find(elf, name, &sh);
	Elf_Data *d;

	*packed = scn && sh.sh_flags & SHF_COMPRESSED;
	if (*packed && elf_compress(scn, 0, 0) < 0)
		return false;
	d = scn ? elf_getdata(scn, NULL) : NULL;
	return d && d->d_size == size && !memcmp(d->d_buf, data, size);
}

static void test_sidecar(bool is64, bool big)
{
	struct wdx_buf info = {.big = big}, file = {0}, again = {0};
	const char *kind = is64	 ? big ? "64-bit big-endian" : "64-bit little-endian"
			   : big ? "32-bit big-endian"
				 : "32-bit little-endian";
	bool packed[3] = {0};
	GElf_Ehdr eh = {0};
	GElf_Shdr sh = {0};
	const void *id;
	Elf *elf;

	unit(&info, is64 ? 8 : 4);
	struct wdx_section debug[] = {
		section(".debug_info", info.data, info.len),
		section(".debug_abbrev", abbrev, sizeof(abbrev)),
		section(".debug_loc", NULL, 0),
		section(".debug_str", text, sizeof(text)),
	};
	struct wdx_sidecar s = sidecar(is64, big, debug, 4);
	s.compress = WDX_COMPRESS_ZLIB;
	ok(success(wdx_elf_write(&s, &file)), "side-car: %s", kind);
	ok(success(wdx_elf_write(&s, &again)) && file.len == again.len &&
		   !memcmp(file.data, again.data, file.len),
	   "side-car: the same bytes again");
	elf = elf_memory((char *)file.data, file.len);
	ok(elf && gelf_getehdr(elf, &eh) && eh.e_machine == s.machine && eh.e_type == ET_DYN &&
		   eh.e_ident[EI_DATA] == (big ? ELFDATA2MSB : ELFDATA2LSB) &&
		   gelf_getclass(elf) == (is64 ? ELFCLASS64 : ELFCLASS32),
	   "side-car: header");
	ok(nobits(elf, ".text", s.text_addr, s.text_size, SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR) &&
		   nobits(elf, ".wasm.memory", s.memory_addr, s.memory_size, SHF_ALLOC | SHF_WRITE),
	   "side-car: sections of the process");
	ok(has_segments(elf, &s), "side-car: segments");
	ok(has_symbols(elf), "side-car: symbols");
	ok(dwelf_elf_gnu_build_id(elf, &id) == 20 && !memcmp(id, s.build_id, 20),
	   "side-car: build id");
	ok(find(elf, ".debug_str", &sh) && sh.sh_flags & SHF_MERGE && sh.sh_flags & SHF_STRINGS &&
		   sh.sh_entsize == 1 && !find(elf, ".debug_loc", &sh),
	   "side-car: kinds of debug sections");
	ok(unpacks(elf, ".debug_info", info.data, info.len, &packed[0]) &&
		   unpacks(elf, ".debug_abbrev", abbrev, sizeof(abbrev), &packed[1]) &&
		   unpacks(elf, ".debug_str", text, sizeof(text), &packed[2]),
	   "side-car: debug sections");
	ok(!packed[0] && !packed[1] && packed[2], "side-car: packed where it is smaller");
	elf_end(elf);
	wdx_buf_deinit(&info);
	wdx_buf_deinit(&file);
	wdx_buf_deinit(&again);
}

/* libelf 0.188 cannot unpack zstd. */
static void test_zstd(bool is64, bool big)
{
	struct wdx_section debug = section(".debug_str", text, sizeof(text));
	struct wdx_sidecar s = sidecar(is64, big, &debug, 1);
	struct wdx_buf file = {0}, head = {.big = big};
	unsigned word = is64 ? 8 : 4, skip = is64 ? 24 : 12;
	static char back[sizeof(text)];
	Elf *elf;
	GElf_Shdr sh;
	Elf_Data *d = NULL;
	Elf_Scn *scn;

	s.compress = WDX_COMPRESS_ZSTD;
	ok(success(wdx_elf_write(&s, &file)), "zstd: written");
	elf = elf_memory((char *)file.data, file.len);
	scn = find(elf, ".debug_str", &sh);
	d = scn ? elf_rawdata(scn, NULL) : NULL;
	wdx_buf_u32(&head, 2); /* ELFCOMPRESS_ZSTD */
	if (is64)
		wdx_buf_u32(&head, 0);
	wdx_buf_uint(&head, sizeof(text), word);
	wdx_buf_uint(&head, 1, word);
	ok(d && sh.sh_flags & SHF_COMPRESSED && d->d_size > skip && d->d_size < sizeof(text) &&
		   !memcmp(d->d_buf, head.data, skip) &&
		   ZSTD_decompress(back, sizeof(back), (char *)d->d_buf + skip, d->d_size - skip) ==
			   sizeof(text) &&
		   !memcmp(back, text, sizeof(text)),
	   "zstd: %d-bit header and bytes", is64 ? 64 : 32);
	elf_end(elf);
	wdx_buf_deinit(&file);
	wdx_buf_deinit(&head);
}

static struct wdx_error *write_away(const struct wdx_sidecar *s)
{
	struct wdx_buf file = {0};
	struct wdx_error *err = wdx_elf_write(s, &file);

	wdx_buf_deinit(&file);
	return err;
}

static void test_room(void)
{
	struct wdx_sidecar s = sidecar(false, false, NULL, 0);
	struct wdx_elf_symbol bad = {"wild", 0x10ff8, 16};
	struct wdx_buf file = {0};
	Elf *elf;

	s.memory_size = UINT64_C(1) << 32;
	ok(success(wdx_elf_write(&s, &file)), "room: 4 GiB of memory in 32 bits");
	elf = elf_memory((char *)file.data, file.len);
	ok(nobits(elf, ".wasm.memory", s.memory_addr, UINT32_MAX - s.memory_addr,
		  SHF_ALLOC | SHF_WRITE),
	   "room: is cut");
	elf_end(elf);
	wdx_buf_deinit(&file);
	s.symbols = &bad;
	s.nsymbols = 1;
	ok(refused(write_away(&s), WDX_E_INPUT, "symbol wild"), "room: symbol past the code");
	bad.value = 0xfff0;
	ok(refused(write_away(&s), WDX_E_INPUT, "symbol wild"), "room: symbol before the code");
	s.nsymbols = 0;
	s.text_size = WDX_MEMORY_ADDR32;
	ok(refused(write_away(&s), WDX_E_INPUT, "linear memory"), "room: code meets memory");
	s.memory_size = 0;
	s.text_size = UINT32_MAX;
	ok(refused(write_away(&s), WDX_E_INPUT, "no room"), "room: code past the end");
	s = sidecar(true, false, NULL, 0);
	s.memory_size = s.nsymbols = s.text_size = 0;
	ok(success(write_away(&s)), "room: nothing at all");
}

int main(void)
{
	elf_version(EV_CURRENT);
	for (int i = 0; i < 4; i++)
		test_wrap(i & 1, i & 2);
	test_wrap_append();
	test_wrap_edges();
	for (int i = 0; i < 4; i++) {
		test_sidecar(i & 1, i & 2);
		test_zstd(i & 1, i & 2);
	}
	test_room();
	return done();
}
