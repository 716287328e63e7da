/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "elf/elf.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/*
 * Written by hand and not with libelf: libelf writes to a file descriptor only, and these files
 * are made for every unit of work and read back at once.  The offsets are known before the first
 * byte is written, so each section is copied once.
 *
 * Layout: ELF header, the sections back to back, section names, section headers.
 */

enum { FIRST = 1 /* header 0 is the null section */, LARGE_INDEX = SHN_LORESERVE };

struct wrap {
	const struct wdx_section *s;
	size_t n;
	bool is64;
	size_t ehsize, shentsize, align;
	uint64_t strtab, strtab_size, shoff, total; /* from the start of the file */
	struct wdx_buf *out;
};

static const char shstrtab[] = ".shstrtab";

static void word(struct wrap *w, uint64_t v)
{
	wdx_buf_uint(w->out, v, w->is64 ? 8 : 4);
}

static struct wdx_error *lay_out(struct wrap *w)
{
	uint64_t at = w->ehsize, names = 1 + sizeof(shstrtab);

	for (size_t i = 0; i < w->n; i++) {
		if (__builtin_add_overflow(at, w->s[i].size, &at))
			return &wdx_nomem;
		names += strlen(w->s[i].name) + 1;
	}
	w->strtab = at;
	w->strtab_size = names;
	if (__builtin_add_overflow(at, names + w->align, &at))
		return &wdx_nomem;
	w->shoff = at & ~(uint64_t)(w->align - 1);
	w->total = w->shoff + (w->n + 2) * w->shentsize;
	if (names > UINT32_MAX)
		return wdx_bad_input("section names of 4 GiB or more");
	if (!w->is64 && w->total > UINT32_MAX)
		return wdx_bad_input("sections of 4 GiB or more in a 32-bit module");
	return NULL;
}

/* One growth for all, else doubling would copy the sections again and again. */
static bool reserve(struct wdx_buf *b, uint64_t more)
{
	uint8_t *data;

	if (b->cap - b->len >= more)
		return true;
	if (more > SIZE_MAX - b->len)
		return false;
	data = realloc(b->data, b->len + more);
	if (!data)
		return false;
	b->data = data;
	b->cap = b->len + more;
	return true;
}

static void put_ehdr(struct wrap *w)
{
	struct wdx_buf *b = w->out;

	wdx_buf_bytes(b, ELFMAG, SELFMAG);
	wdx_buf_u8(b, w->is64 ? ELFCLASS64 : ELFCLASS32);
	wdx_buf_u8(b, b->big ? ELFDATA2MSB : ELFDATA2LSB);
	wdx_buf_u8(b, EV_CURRENT);
	wdx_buf_zeros(b, EI_NIDENT - EI_OSABI);
	wdx_buf_u16(b, ET_REL);
	wdx_buf_u16(b, EM_NONE);
	wdx_buf_u32(b, EV_CURRENT);
	word(w, 0); /* e_entry */
	word(w, 0); /* e_phoff */
	word(w, w->shoff);
	wdx_buf_u32(b, 0); /* e_flags */
	wdx_buf_u16(b, w->ehsize);
	wdx_buf_u16(b, 0); /* e_phentsize */
	wdx_buf_u16(b, 0); /* e_phnum */
	wdx_buf_u16(b, w->shentsize);
	wdx_buf_u16(b, w->n + 2);
	wdx_buf_u16(b, w->n + FIRST); /* e_shstrndx: the last */
}

static void put_shdr(struct wrap *w, uint32_t name, uint32_t type, uint64_t offset, uint64_t size)
{
	struct wdx_buf *b = w->out;

	wdx_buf_u32(b, name);
	wdx_buf_u32(b, type);
	word(w, 0); /* sh_flags */
	word(w, 0); /* sh_addr */
	word(w, offset);
	word(w, size);
	wdx_buf_u32(b, 0);		   /* sh_link */
	wdx_buf_u32(b, 0);		   /* sh_info */
	word(w, type == SHT_NULL ? 0 : 1); /* sh_addralign */
	word(w, 0);			   /* sh_entsize */
}

static void put_data(struct wrap *w)
{
	for (size_t i = 0; i < w->n; i++)
		wdx_buf_bytes(w->out, w->s[i].data, w->s[i].size);
	wdx_buf_u8(w->out, 0);
	for (size_t i = 0; i < w->n; i++)
		wdx_buf_str(w->out, w->s[i].name);
	wdx_buf_str(w->out, shstrtab);
}

static void put_headers(struct wrap *w)
{
	uint64_t at = w->ehsize;
	uint32_t name = 1;

	put_shdr(w, 0, SHT_NULL, 0, 0);
	for (size_t i = 0; i < w->n; i++) {
		put_shdr(w, name, SHT_PROGBITS, at, w->s[i].size);
		at += w->s[i].size;
		name += strlen(w->s[i].name) + 1;
	}
	put_shdr(w, name, SHT_STRTAB, w->strtab, w->strtab_size);
}

static void put_file(struct wrap *w)
{
	size_t start = w->out->len;

	put_ehdr(w);
	put_data(w);
	if (w->out->failed)
		return;
	wdx_buf_zeros(w->out, start + w->shoff - w->out->len);
	put_headers(w);
}

struct wdx_error *wdx_elf_wrap(const struct wdx_section *s, size_t n, bool is64, bool big,
			       struct wdx_buf *out)
{
	struct wrap w = {
		.s = s,
		.n = n,
		.is64 = is64,
		.ehsize = is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr),
		.shentsize = is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr),
		.align = is64 ? 8 : 4,
		.out = out,
	};
	bool order = out->big;
	struct wdx_error *err;

	if (n > LARGE_INDEX - 2)
		return wdx_bad_input("%zu sections are too many for one ELF file", n);
	err = lay_out(&w);
	if (err)
		return err;
	if (!reserve(out, w.total))
		return &wdx_nomem;
	out->big = big;
	put_file(&w);
	out->big = order;
	return out->failed ? &wdx_nomem : NULL;
}
