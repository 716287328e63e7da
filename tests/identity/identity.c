/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * identity IN INPUT.elf OUTPUT.elf [VERSION]
 *
 * Runs the pass without a visitor over the debug sections of a wasm module or of what an ELF file
 * holds, at each unit's own version or at that one.  Writes both as wrapped ELF files, so that the
 * same dumper reads input and output; prints what the pass had to leave out.
 */
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "elf/elf.h"
#include "wasm/wasm.h"
#include "wdx_pass.h"

struct sections {
	struct wdx_debug_section data[64];
	size_t n;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "identity: %s: %s\n", what, why);
	exit(1);
}

static void check(struct wdx_error *err, const char *what)
{
	if (err)
		die(what, wdx_error_message(err));
}

static uint8_t *slurp(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long n;

	if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET))
		die(path, strerror(errno));
	data = malloc((size_t)n + 1);
	*size = (size_t)n;
	if (!data || fread(data, 1, *size, f) != *size)
		die(path, "cannot be read");
	fclose(f);
	return data;
}

static void add(struct sections *s, const char *name, const void *data, size_t size)
{
	if (strncmp(name, ".debug_", 7) || s->n == sizeof(s->data) / sizeof(s->data[0]))
		return;
	s->data[s->n++] = (struct wdx_debug_section){name, data, size};
}

static void wasm_sections(struct wdx_wasm *m, const void *data, size_t size, struct sections *s)
{
	check(wdx_wasm_init(m, data, size), "module");
	for (size_t i = 0; i < m->sections.len; i++)
		if (m->sections.data[i].name)
			add(s, m->sections.data[i].name, m->sections.data[i].data,
			    m->sections.data[i].size);
}

static void elf_sections(uint8_t *data, size_t size, struct sections *s)
{
	Elf *elf = elf_memory((char *)data, size);
	Elf_Scn *scn = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		die("ELF", elf_errmsg(-1));
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr h;
		Elf_Data *d = elf_rawdata(scn, NULL);

		if (d && gelf_getshdr(scn, &h) && h.sh_type != SHT_NOBITS)
			add(s, elf_strptr(elf, names, h.sh_name), d->d_buf, d->d_size);
	}
}

static void write_elf(const char *path, const struct wdx_debug_section *d, size_t n)
{
	struct wdx_section s[64];
	struct wdx_buf out = {0};
	FILE *f = fopen(path, "wb");

	for (size_t i = 0; i < n; i++)
		s[i] = (struct wdx_section){d[i].name, d[i].data, d[i].size};
	check(wdx_elf_wrap(s, n, false, false, &out), path);
	if (!f || fwrite(out.data, 1, out.len, f) != out.len || fclose(f))
		die(path, "cannot be written");
	wdx_buf_deinit(&out);
}

static void lost(const struct wdx_cursor *c, enum wdx_lost what, const char *detail, void *arg)
{
	(void)arg;
	printf("lost %d: unit 0x%llx: DIE 0x%llx: %s\n", what, (unsigned long long)c->unit->offset,
	       (unsigned long long)(c->die ? c->die->offset : 0), detail ? detail : "-");
}

int main(int argc, char **argv)
{
	static const struct wdx_visitor visitor = {.lost = lost};
	struct wdx_pass_config config = {.visitor = &visitor};
	struct wdx_pass_output out;
	struct wdx_input *in;
	struct wdx_wasm m = {0};
	struct sections s = {0};
	size_t size;

	if (argc < 4)
		die("usage", "identity IN INPUT.elf OUTPUT.elf [VERSION]");
	uint8_t *data = slurp(argv[1], &size);

	config.version = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
	elf_version(EV_CURRENT);
	if (size > 4 && !memcmp(data, "\177ELF", 4))
		elf_sections(data, size, &s);
	else
		wasm_sections(&m, data, size, &s);
	check(wdx_input_open(&in, s.data, s.n, false), "input");
	check(wdx_pass_run(in, &config, &out), "run");
	write_elf(argv[2], s.data, s.n);
	write_elf(argv[3], out.sections, out.n);
	wdx_pass_output_deinit(&out);
	wdx_input_close(in);
	wdx_wasm_deinit(&m);
	free(data);
	return 0;
}
