/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The yardstick: libdw over the DWARF of a wasm module, every entry visited, every attribute read,
 * references followed.
 *
 *   walk --wrap MODULE ELF   puts the module's debug sections into an ELF file, as libdw wants them
 *   walk ELF                 walks them once
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf.h"
#include "wasm/wasm.h"

static unsigned long sum;

static int attribute(Dwarf_Attribute *a, void *arg)
{
	Dwarf_Word value;
	Dwarf_Block block;
	Dwarf_Die die;
	const char *text;

	(void)arg;
	switch (dwarf_whatform(a)) {
	case DW_FORM_strp:
	case DW_FORM_string:
	case DW_FORM_strx1:
	case DW_FORM_line_strp:
		text = dwarf_formstring(a);
		sum += text ? (unsigned char)*text : 0;
		break;
	case DW_FORM_ref4:
		sum += dwarf_formref_die(a, &die) ? (unsigned long)die.addr & 1 : 0;
		break;
	case DW_FORM_exprloc:
		sum += dwarf_formblock(a, &block) ? 0 : block.length;
		break;
	default:
		sum += dwarf_formudata(a, &value) ? 0 : value;
	}
	return DWARF_CB_OK;
}

static void walk(Dwarf_Die *die)
{
	Dwarf_Die child;

	do {
		dwarf_getattrs(die, attribute, NULL, 0);
		if (!dwarf_child(die, &child))
			walk(&child);
	} while (!dwarf_siblingof(die, die));
}

static int walk_file(const char *path)
{
	Dwarf_Off at = 0, next;
	size_t header;
	int fd = open(path, O_RDONLY);
	Dwarf *dw = fd < 0 ? NULL : dwarf_begin(fd, DWARF_C_READ);

	if (!dw)
		return 1;
	while (!dwarf_nextcu(dw, at, &next, &header, NULL, NULL, NULL)) {
		Dwarf_Die die;

		if (dwarf_offdie(dw, at + header, &die))
			walk(&die);
		at = next;
	}
	printf("%lu\n", sum);
	dwarf_end(dw);
	return 0;
}

static void *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *data;

	if (!f || fseek(f, 0, SEEK_END))
		exit(3);
	*size = (size_t)ftell(f);
	rewind(f);
	data = malloc(*size + 1);
	if (!data || fread(data, 1, *size, f) != *size)
		exit(3);
	fclose(f);
	return data;
}

static int wrap(const char *from, const char *to)
{
	struct wdx_buf image = {0};
	struct wdx_section s[64];
	struct wdx_wasm m;
	size_t size, n = 0;
	void *data = read_file(from, &size);
	FILE *f = fopen(to, "wb");

	if (!f || wdx_wasm_init(&m, data, size))
		return 1;
	for (size_t i = 0; i < m.sections.len && n < 64; i++)
		if (m.sections.data[i].name && !strncmp(m.sections.data[i].name, ".debug_", 7))
			s[n++] = (struct wdx_section){m.sections.data[i].name,
						      m.sections.data[i].data,
						      m.sections.data[i].size};
	if (wdx_elf_wrap(s, n, false, false, &image) ||
	    fwrite(image.data, 1, image.len, f) != image.len)
		return 1;
	wdx_buf_deinit(&image);
	wdx_wasm_deinit(&m);
	free(data);
	return fclose(f) != 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--wrap"))
		return wrap(argv[2], argv[3]);
	return argc == 2 ? walk_file(argv[1]) : 2;
}
