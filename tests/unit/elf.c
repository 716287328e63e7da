/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

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

int main(void)
{
	elf_version(EV_CURRENT);
	for (int i = 0; i < 4; i++)
		test_wrap(i & 1, i & 2);
	test_wrap_append();
	test_wrap_edges();
	return done();
}
