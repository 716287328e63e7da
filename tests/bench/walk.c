/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The yardstick: libdw over the DWARF of a wasm module, every entry visited, every attribute read,
 * references followed.  walk MODULE: prints the least and the median CPU time of
 * eleven walks, in milliseconds.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static double walk_all(struct wdx_buf *image)
{
	struct timespec a, b;
	Dwarf_Off at = 0, next;
	size_t header;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	Elf *elf = elf_memory((char *)image->data, image->len);
	Dwarf *dw = dwarf_begin_elf(elf, DWARF_C_READ, NULL);

	while (dw && !dwarf_nextcu(dw, at, &next, &header, NULL, NULL, NULL)) {
		Dwarf_Die die;

		if (dwarf_offdie(dw, at + header, &die))
			walk(&die);
		at = next;
	}
	dwarf_end(dw);
	elf_end(elf);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
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

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	struct wdx_wasm m;
	struct wdx_buf image = {0};
	struct wdx_section s[64];
	size_t size, n = 0;
	double times[11];

	if (argc != 2)
		return 2;
	void *data = read_file(argv[1], &size);

	if (wdx_wasm_init(&m, data, size))
		return 1;
	for (size_t i = 0; i < m.sections.len && n < 64; i++)
		if (m.sections.data[i].name && !strncmp(m.sections.data[i].name, ".debug_", 7))
			s[n++] = (struct wdx_section){m.sections.data[i].name,
						      m.sections.data[i].data,
						      m.sections.data[i].size};
	if (wdx_elf_wrap(s, n, false, false, &image))
		return 1;
	elf_version(EV_CURRENT);
	for (int i = 0; i < 11; i++)
		times[i] = walk_all(&image);
	qsort(times, 11, sizeof(*times), ascending);
	printf("%.1f %.1f\n", times[0], times[5]);
	wdx_buf_deinit(&image);
	wdx_wasm_deinit(&m);
	free(data);
	return sum == 42;
}
