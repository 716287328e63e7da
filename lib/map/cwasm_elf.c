/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "map/cwasm.h"

#include <elf.h>
#include <endian.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>

#include "base/error.h"

/* e_ident and e_flags of Wasmtime's images. */
enum { OSABI = 0xc8, FLAG_MODULE = 1, FLAG_COMPONENT = 2 };

/* No section that is looked for has a longer name; names may overlap, so that copies of long ones
 * would be larger than the file. */
enum { NAME = 64 };

static struct wdx_error *broken(void)
{
	return wdx_bad_input("broken ELF file: %s", elf_errmsg(-1));
}

/* libelf gives headers and names; the bytes are sliced here, so that they stay the caller's and no
 * translation of libelf stands between. */
static struct wdx_error *add_section(struct wdx_cwasm *c, Elf *elf, Elf_Scn *scn, size_t names)
{
	struct wdx_cwasm_section *s = wdx_vec_push(&c->sections);
	GElf_Shdr sh;
	const char *name;

	if (!s)
		return &wdx_nomem;
	if (!gelf_getshdr(scn, &sh))
		return broken();
	name = elf_strptr(elf, names, sh.sh_name);
	*s = (struct wdx_cwasm_section){
		.type = sh.sh_type, .link = sh.sh_link, .info = sh.sh_info, .offset = sh.sh_offset};
	s->name =
		wdx_arena_strndup(&c->map->arena, name ? name : "", name ? strnlen(name, NAME) : 0);
	if (!s->name)
		return &wdx_nomem;
	if (sh.sh_type == SHT_NOBITS || sh.sh_type == SHT_NULL)
		return NULL;
	if (sh.sh_flags & SHF_COMPRESSED)
		return wdx_bad_input("section %s is compressed", s->name);
	if (sh.sh_offset > c->size || sh.sh_size > c->size - sh.sh_offset)
		return wdx_bad_input("section %s lies outside the file", s->name);
	s->data = c->data + sh.sh_offset;
	s->size = sh.sh_size;
	return NULL;
}

static struct wdx_error *read_sections(struct wdx_cwasm *c, Elf *elf)
{
	struct wdx_error *err = NULL;
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return broken();
	/* Section 0 is not among those libelf gives, but counts in sh_link and sh_info. */
	if (!wdx_vec_reserve(&c->sections, 1))
		return &wdx_nomem;
	c->sections.data[c->sections.len++] = (struct wdx_cwasm_section){.name = ""};
	while (!err && (scn = elf_nextscn(elf, scn)))
		err = add_section(c, elf, scn, names);
	return err;
}

static struct wdx_error *check_header(struct wdx_cwasm *c, Elf *elf)
{
	GElf_Ehdr eh;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		return broken();
	if (eh.e_ident[EI_OSABI] != OSABI)
		return wdx_bad_input("an ELF file, but not a .cwasm image of Wasmtime");
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
	    (eh.e_machine != EM_X86_64 && eh.e_machine != EM_AARCH64))
		return wdx_bad_input(
			"an image for ELF machine %u: only x86-64 and aarch64 images can "
			"be read",
			eh.e_machine);
	if (eh.e_flags & FLAG_COMPONENT)
		return wdx_bad_input("an image of a component: not supported yet");
	if (!(eh.e_flags & FLAG_MODULE))
		return wdx_bad_input("an image of something else than a module (flags 0x%x)",
				     eh.e_flags);
	c->machine = eh.e_machine;
	return NULL;
}

static struct wdx_error *find_text(struct wdx_cwasm *c)
{
	c->text = wdx_cwasm_find(c, ".text");
	if (!c->text)
		return wdx_bad_input("the image has no .text");
	if (c->text->size > UINT32_MAX)
		return wdx_bad_input("code of 4 GiB or more");
	c->map->code = c->text->data;
	c->map->code_size = c->text->size;
	return NULL;
}

struct wdx_error *wdx_cwasm_open(struct wdx_cwasm *c)
{
	struct wdx_error *err;
	Elf *elf;

	elf_version(EV_CURRENT);
	/* Opened for reading, so nothing is written there. */
	elf = elf_memory((char *)(uintptr_t)c->data, c->size);
	if (!elf)
		return broken();
	err = check_header(c, elf);
	if (!err)
		err = read_sections(c, elf);
	elf_end(elf);
	c->has_frames = !err && wdx_cwasm_find(c, ".wasmtime.frames");
	return err ? err : find_text(c);
}

const struct wdx_cwasm_section *wdx_cwasm_find(const struct wdx_cwasm *c, const char *name)
{
	const struct wdx_cwasm_section *s;

	wdx_vec_each (s, &c->sections)
		if (s->size && !strcmp(s->name, name))
			return s;
	return NULL;
}

/* --- Relocations -------------------------------------------------------------------------------
 */

/* S + A, the only sort there is: 8 bytes for addresses, 4 for offsets in other sections. */
static unsigned reloc_size(unsigned machine, uint32_t type)
{
	if (type == (machine == EM_X86_64 ? R_X86_64_64 : R_AARCH64_ABS64))
		return 8;
	return type == (machine == EM_X86_64 ? R_X86_64_32 : R_AARCH64_ABS32) ? 4 : 0;
}

static bool symbol_value(const struct wdx_cwasm_section *symtab, uint64_t index, uint64_t *value)
{
	Elf64_Sym sym;

	if (index >= symtab->size / sizeof(sym))
		return false;
	memcpy(&sym, symtab->data + index * sizeof(sym), sizeof(sym));
	*value = sym.st_value;
	return true;
}

static struct wdx_error *apply(const struct wdx_cwasm *c, const struct wdx_cwasm_section *rela,
			       const struct wdx_cwasm_section *symtab, uint8_t *to, size_t size)
{
	size_t i, n = rela->size / sizeof(Elf64_Rela);
	unsigned width;
	uint64_t value;
	Elf64_Rela r;

	for (i = 0; i < n; i++) {
		memcpy(&r, rela->data + i * sizeof(r), sizeof(r));
		width = reloc_size(c->machine, ELF64_R_TYPE(r.r_info));
		if (!width)
			return wdx_bad_input("%s: unsupported relocation type %u", rela->name,
					     (unsigned)ELF64_R_TYPE(r.r_info));
		if (r.r_offset > size || width > size - r.r_offset ||
		    !symbol_value(symtab, ELF64_R_SYM(r.r_info), &value))
			return wdx_bad_input("%s: relocation %zu points nowhere", rela->name, i);
		value = htole64(value + (uint64_t)r.r_addend);
		if (width == 8)
			memcpy(to + r.r_offset, &value, 8);
		else
			memcpy(to + r.r_offset, &value, 4);
	}
	return NULL;
}

struct wdx_error *wdx_cwasm_relocate(const struct wdx_cwasm *c, const struct wdx_cwasm_section *s,
				     struct wdx_buf *out)
{
	size_t at = out->len, index = (size_t)(s - c->sections.data);
	const struct wdx_cwasm_section *rela;

	wdx_buf_bytes(out, s->data, s->size);
	if (out->failed)
		return &wdx_nomem;
	wdx_vec_each (rela, &c->sections) {
		if (rela->type != SHT_RELA || rela->info != index || !rela->data)
			continue;
		if (rela->link >= c->sections.len)
			return wdx_bad_input("%s: no symbol table", rela->name);
		/* One is all that a section has. */
		return apply(c, rela, &c->sections.data[rela->link], out->data + at, s->size);
	}
	return NULL;
}
