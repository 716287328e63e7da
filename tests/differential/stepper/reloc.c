/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Relocations of debug sections, put into the file's bytes: an engine's own DWARF is in an image
 * that is an ELF object.  Code lies at 0.
 */
#include "stepper/stepper.h"

#include <gelf.h>
#include <string.h>

static unsigned reloc_size(const char *path, unsigned machine, uint64_t type)
{
	static const struct {
		unsigned machine, type, size;
	} known[] = {
		{EM_X86_64, R_X86_64_64, 8},
		{EM_X86_64, R_X86_64_32, 4},
		{EM_AARCH64, R_AARCH64_ABS64, 8},
		{EM_AARCH64, R_AARCH64_ABS32, 4},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].machine == machine && known[i].type == type)
			return known[i].size;
	fail("%s: relocation %llu", path, (unsigned long long)type);
}

struct target {
	const char *path;
	uint8_t *data;
	size_t size;
	unsigned machine;
};

static void relocate(const struct target *t, Elf *elf, Elf_Scn *scn, const GElf_Shdr *h)
{
	Elf_Data *d = elf_getdata(scn, NULL), *symbols;
	GElf_Shdr to;
	GElf_Rela r;
	GElf_Sym sym;

	symbols = elf_getdata(elf_getscn(elf, h->sh_link), NULL);
	if (!d || !symbols || !gelf_getshdr(elf_getscn(elf, h->sh_info), &to))
		fail("%s: bad relocations", t->path);
	if (to.sh_flags & SHF_ALLOC)
		return;
	for (int i = 0; gelf_getrela(d, i, &r); i++) {
		unsigned size = reloc_size(t->path, t->machine, GELF_R_TYPE(r.r_info));
		uint64_t v;

		if (!gelf_getsym(symbols, (int)GELF_R_SYM(r.r_info), &sym) ||
		    to.sh_offset > t->size || to.sh_size > t->size - to.sh_offset ||
		    r.r_offset > to.sh_size || size > to.sh_size - r.r_offset)
			fail("%s: bad relocation", t->path);
		v = sym.st_value + (uint64_t)r.r_addend;
		memcpy(t->data + to.sh_offset + r.r_offset, &v, size);
	}
}

void relocate_all(const char *path, uint8_t *data, size_t size)
{
	Elf *elf = elf_memory((char *)data, size);
	struct target t = {path, data, size, 0};
	Elf_Scn *scn = NULL;
	GElf_Shdr h;
	GElf_Ehdr e;

	if (!elf || !gelf_getehdr(elf, &e))
		fail("%s: %s", path, elf_errmsg(-1));
	t.machine = e.e_machine;
	while (e.e_type == ET_REL && (scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &h) && h.sh_type == SHT_RELA)
			relocate(&t, elf, scn, &h);
	elf_end(elf);
}
