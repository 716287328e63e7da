/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "elf/elf.h"

#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/vec.h"
#include "elf/compress.h"

/*
 * libelf lays the file out, but writes to a file descriptor only (elf_memory() is for reading): a
 * detour that costs as much as the file has pages.  So the parts are put together here, and the
 * descriptor is one that nothing is written to.
 */

enum { SEG_TEXT, SEG_MEMORY, SEG_NOTE, NSEGS };

struct entry { /* one symbol of the table */
	const struct wdx_elf_symbol *sym;
	uint32_t name;
	bool local, object;
};

struct side {
	const struct wdx_sidecar *s;
	Elf *elf;
	int fd;
	size_t last, text, memory, note, symbols; /* section numbers; 0: none */
	GElf_Rela *relocs;			  /* by section they are for */
	size_t *nrelocs;			  /* for each of wdx_sidecar.debug */
	Elf_Data *data;				  /* of the last section */
	uint64_t memory_size;
	struct entry *entries;
	void *symtab;
	struct wdx_buf note_data, strings, names;
	WDX_VEC(struct wdx_buf) packed; /* compressed sections: libelf borrows the bytes */
};

static struct wdx_error *libelf_error(const char *what)
{
	return wdx_error_create(WDX_E_SYSTEM, "%s: %s", what, elf_errmsg(-1));
}

/* ---- sections ---- */

/* Adds a section.  The bytes, which are of this type for libelf, must live as long as w. */
static struct wdx_error *add(struct side *w, const char *name, GElf_Shdr *sh, const void *bytes,
			     uint64_t size, Elf_Type type)
{
	Elf_Scn *scn = elf_newscn(w->elf);
	Elf_Data *data = scn ? elf_newdata(scn) : NULL;

	if (!data)
		return libelf_error(name);
	data->d_buf = (void *)bytes;
	data->d_size = size;
	data->d_type = type;
	data->d_align = sh->sh_addralign;
	sh->sh_name = w->names.len;
	sh->sh_size = size;
	wdx_buf_str(&w->names, name);
	if (!gelf_update_shdr(scn, sh))
		return libelf_error(name);
	w->last = elf_ndxscn(scn);
	w->data = data;
	return NULL;
}

/* SHF_WRITE on code too: lldb reads what is read-only from the file, which has no bytes here. */
static struct wdx_error *add_nobits(struct side *w, const char *name, unsigned flags, uint64_t addr,
				    uint64_t size)
{
	GElf_Shdr sh = {
		.sh_type = SHT_NOBITS,
		.sh_flags = SHF_ALLOC | SHF_WRITE | flags,
		.sh_addr = w->s->relocatable ? 0 : addr,
		.sh_addralign = addr % 16 ? 1 : 16,
	};

	return add(w, name, &sh, NULL, size, ELF_T_BYTE);
}

/* Not SHF_ALLOC: nothing of the note is in the process, and debuggers find it by its segment. */
static struct wdx_error *add_note(struct side *w)
{
	GElf_Shdr sh = {.sh_type = SHT_NOTE, .sh_addralign = 4};
	struct wdx_buf *b = &w->note_data;

	wdx_buf_u32(b, sizeof("GNU"));
	wdx_buf_u32(b, 20);
	wdx_buf_u32(b, NT_GNU_BUILD_ID);
	wdx_buf_str(b, "GNU");
	wdx_buf_bytes(b, w->s->build_id, 20);
	if (b->failed)
		return &wdx_nomem;
	return add(w, ".note.gnu.build-id", &sh, b->data, b->len, ELF_T_BYTE);
}

static struct wdx_error *add_extra(struct side *w)
{
	const struct wdx_section *x = &w->s->extra;
	GElf_Shdr sh = {.sh_type = SHT_PROGBITS, .sh_addralign = 4};

	return x->size ? add(w, x->name, &sh, x->data, x->size, ELF_T_BYTE) : NULL;
}

static void string_flags(const char *name, GElf_Shdr *sh)
{
	if (strcmp(name, ".debug_str") && strcmp(name, ".debug_line_str"))
		return;
	sh->sh_flags = SHF_MERGE | SHF_STRINGS;
	sh->sh_entsize = 1;
}

static struct wdx_error *add_debug(struct side *w, const struct wdx_section *s)
{
	GElf_Shdr sh = {.sh_type = SHT_PROGBITS, .sh_addralign = 1};
	struct wdx_buf *packed = wdx_vec_push(&w->packed);
	struct wdx_error *err;

	if (!packed)
		return &wdx_nomem;
	*packed = (struct wdx_buf){.big = w->s->big};
	string_flags(s->name, &sh);
	err = wdx_elf_compress(s, w->s->compress, w->s->is64, packed);
	if (err)
		return err;
	if (!packed->len)
		return add(w, s->name, &sh, s->data, s->size, ELF_T_BYTE);
	sh.sh_flags |= SHF_COMPRESSED;
	sh.sh_addralign = w->s->is64 ? 8 : 4;
	return add(w, s->name, &sh, packed->data, packed->len, ELF_T_BYTE);
}

/* ---- symbols ---- */

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->sym->name, y->sym->name);
}

/* Locals first, as ELF wants; the last word makes the order total, so the bytes always the same. */
static int by_place(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->local != y->local)
		return x->local ? -1 : 1;
	if (x->sym->value != y->sym->value)
		return x->sym->value < y->sym->value ? -1 : 1;
	return x->sym < y->sym ? -1 : 1;
}

/* Global names must be unique, so a name that several functions have is local in all of them. */
static struct wdx_error *name_symbols(struct side *w)
{
	size_t n = w->s->nsymbols;
	struct entry *e = w->entries;

	qsort(e, n, sizeof(*e), by_name);
	for (size_t i = 0; i < n; i++) {
		bool again = i && !by_name(&e[i - 1], &e[i]);

		e[i].local = again || (i + 1 < n && !by_name(&e[i], &e[i + 1]));
		e[i].name = again ? e[i - 1].name : w->strings.len;
		if (!again)
			wdx_buf_str(&w->strings, e[i].sym->name);
		if (w->strings.len > UINT32_MAX)
			return wdx_bad_input("symbol names of 4 GiB or more");
	}
	return w->strings.failed ? &wdx_nomem : NULL;
}

static bool lies_in(const struct wdx_elf_symbol *sym, uint64_t addr, uint64_t size)
{
	uint64_t at = sym->value - addr;

	return sym->value >= addr && at <= size && sym->size <= size - at;
}

static struct wdx_error *sort_symbols(struct side *w)
{
	const struct wdx_sidecar *s = w->s;

	w->entries = calloc(s->nsymbols + 1, sizeof(*w->entries));
	if (!w->entries)
		return &wdx_nomem;
	for (size_t i = 0; i < s->nsymbols; i++) {
		const struct wdx_elf_symbol *sym = &s->symbols[i];

		w->entries[i].sym = sym;
		if (lies_in(sym, s->text_addr, s->text_size))
			continue;
		if (!lies_in(sym, s->memory_addr, w->memory_size))
			return wdx_bad_input("symbol %s: outside of the code", sym->name);
		w->entries[i].object = true;
	}
	wdx_buf_u8(&w->strings, 0);
	return name_symbols(w);
}

/* Relocations refer to sections by these: .text is 1, .wasm.memory 2. */
static size_t section_symbols(const struct side *w)
{
	return !w->s->relocatable ? 0 : w->memory ? 2 : 1;
}

static bool put_section_symbols(struct side *w)
{
	bool ok = true;

	for (size_t i = 1; i <= section_symbols(w); i++) {
		GElf_Sym sym = {.st_info = GELF_ST_INFO(STB_LOCAL, STT_SECTION),
				.st_shndx = i == 1 ? w->text : w->memory};

		ok = ok && gelf_update_sym(w->data, (int)i, &sym);
	}
	return ok;
}

static uint64_t symbol_value(const struct side *w, const struct entry *e)
{
	uint64_t base = e->object ? w->s->memory_addr : w->s->text_addr;
	uint64_t value = w->s->relocatable ? e->sym->value - base : e->sym->value;

	return e->object ? value : value | w->s->func_bit;
}

static bool put_symbol(struct side *w, int index, const struct entry *e)
{
	GElf_Sym sym = {
		.st_name = e->name,
		.st_info = GELF_ST_INFO(e->local ? STB_LOCAL : STB_GLOBAL,
					e->object ? STT_OBJECT : STT_FUNC),
		.st_shndx = e->object ? w->memory : w->text,
		.st_value = symbol_value(w, e),
		.st_size = e->sym->size,
	};

	return gelf_update_sym(w->data, index, &sym);
}

static struct wdx_error *add_symtab(struct side *w)
{
	size_t n = w->s->nsymbols, before = section_symbols(w) + 1,
	       size = gelf_fsize(w->elf, ELF_T_SYM, 1, EV_CURRENT);
	GElf_Shdr sh = {
		.sh_type = SHT_SYMTAB,
		.sh_entsize = size,
		.sh_addralign = w->s->is64 ? 8 : 4,
		.sh_link = w->last + 2, /* .strtab, which comes next */
	};
	struct wdx_error *err;

	/* sh_info: number of the first global */
	qsort(w->entries, n, sizeof(*w->entries), by_place);
	sh.sh_info = 0;
	while (sh.sh_info < n && w->entries[sh.sh_info].local)
		sh.sh_info++;
	sh.sh_info += before;
	w->symtab = calloc(n + before, size);
	if (!w->symtab)
		return &wdx_nomem;
	err = add(w, ".symtab", &sh, w->symtab, (n + before) * size, ELF_T_SYM);
	w->symbols = w->last;
	if (!err && !put_section_symbols(w))
		err = libelf_error(".symtab");
	for (size_t i = 0; !err && i < n; i++)
		if (!put_symbol(w, (int)(i + before), &w->entries[i]))
			err = libelf_error(".symtab");
	return err;
}

static struct wdx_error *add_symbols(struct side *w)
{
	GElf_Shdr sh = {.sh_type = SHT_STRTAB, .sh_addralign = 1};
	struct wdx_error *err = sort_symbols(w);

	if (!err)
		err = add_symtab(w);
	if (!err)
		err = add(w, ".strtab", &sh, w->strings.data, w->strings.len, ELF_T_BYTE);
	return err;
}

/* ---- relocations ---- */

static const struct {
	uint16_t machine, type; /* of an absolute address of 8 bytes */
} relocations[] = {
	{EM_X86_64, R_X86_64_64},
	{EM_AARCH64, R_AARCH64_ABS64},
	{EM_RISCV, R_RISCV_64},
	{EM_PPC64, R_PPC64_ADDR64},
	{258 /* EM_LOONGARCH */, 2 /* R_LARCH_64 */},
};

static unsigned relocation_type(unsigned machine)
{
	for (size_t i = 0; i < sizeof(relocations) / sizeof(*relocations); i++)
		if (relocations[i].machine == machine)
			return relocations[i].type;
	return 0;
}

bool wdx_elf_relocates(unsigned machine, bool is64, bool big)
{
	return is64 && !big && relocation_type(machine);
}

/* The relocation of one site, whose field is cleared: some readers add what is in it.  false: it
 * does not hold an address of either section. */
static bool relocation(const struct side *w, const struct wdx_elf_site *site, GElf_Rela *r)
{
	const struct wdx_sidecar *s = w->s;
	uint8_t *field = (uint8_t *)s->debug[site->section].data + site->offset;
	uint64_t v = 0, text, memory;

	for (int i = 8; i-- > 0;)
		v = v << 8 | field[i];
	text = v - s->text_addr;
	memory = v - s->memory_addr;
	if (text > s->text_size && (!w->memory_size || memory > w->memory_size))
		return false;
	memset(field, 0, 8);
	r->r_offset = site->offset;
	r->r_info = GELF_R_INFO(text <= s->text_size ? 1 : 2, relocation_type(s->machine));
	r->r_addend = (int64_t)(text <= s->text_size ? text : memory);
	return true;
}

/* Before the sections are written. */
static struct wdx_error *make_relocations(struct side *w)
{
	const struct wdx_sidecar *s = w->s;

	w->relocs = calloc(s->nsites + 1, sizeof(*w->relocs));
	w->nrelocs = calloc(s->ndebug + 1, sizeof(*w->nrelocs));
	if (!w->relocs || !w->nrelocs)
		return &wdx_nomem;
	for (size_t i = 0, n = 0; i < s->nsites; i++)
		if (relocation(w, &s->sites[i], &w->relocs[n])) {
			w->nrelocs[s->sites[i].section]++;
			n++;
		}
	return NULL;
}

/* debug: where the first of the sections that they are for is. */
static struct wdx_error *add_relocations(struct side *w, size_t debug)
{
	const struct wdx_sidecar *s = w->s;
	GElf_Rela *r = w->relocs;
	struct wdx_error *err = NULL;
	char name[64];

	for (size_t i = 0; !err && i < s->ndebug; r += w->nrelocs[i++]) {
		GElf_Shdr sh = {.sh_type = SHT_RELA,
				.sh_flags = SHF_INFO_LINK,
				.sh_link = w->symbols,
				.sh_info = debug,
				.sh_entsize = sizeof(*r),
				.sh_addralign = 8};

		debug += s->debug[i].size > 0;
		if (!w->nrelocs[i])
			continue;
		snprintf(name, sizeof(name), ".rela%s", s->debug[i].name);
		err = add(w, name, &sh, r, w->nrelocs[i] * sizeof(*r), ELF_T_RELA);
	}
	return err;
}

/* ---- the file ---- */

static struct wdx_error *add_names(struct side *w)
{
	GElf_Shdr sh = {.sh_type = SHT_STRTAB, .sh_addralign = 1};
	struct wdx_error *err = add(w, ".shstrtab", &sh, NULL, 0, ELF_T_BYTE);

	if (err)
		return err;
	if (w->names.failed)
		return &wdx_nomem;
	w->data->d_buf = w->names.data; /* only now: its own name is in it */
	w->data->d_size = w->names.len;
	return NULL;
}

static struct wdx_error *add_sections(struct side *w)
{
	const struct wdx_sidecar *s = w->s;
	struct wdx_error *err;
	size_t debug;

	wdx_buf_u8(&w->names, 0);
	err = add_nobits(w, ".text", SHF_EXECINSTR, s->text_addr, s->text_size);
	w->text = w->last;
	if (!err && w->memory_size) {
		err = add_nobits(w, ".wasm.memory", 0, s->memory_addr, w->memory_size);
		w->memory = w->last;
	}
	if (!err)
		err = add_note(w);
	w->note = w->last;
	if (!err)
		err = add_extra(w);
	debug = w->last + 1;
	if (!err && s->relocatable)
		err = make_relocations(w);
	for (size_t i = 0; !err && i < s->ndebug; i++)
		if (s->debug[i].size)
			err = add_debug(w, &s->debug[i]);
	if (!err)
		err = add_symbols(w);
	if (!err && s->relocatable)
		err = add_relocations(w, debug);
	return err ? err : add_names(w);
}

/* A segment that is just this section. */
static bool put_segment(struct side *w, int index, uint32_t type, uint32_t flags, size_t section)
{
	GElf_Shdr sh;
	GElf_Phdr ph = {.p_type = type, .p_flags = flags};

	if (!gelf_getshdr(elf_getscn(w->elf, section), &sh))
		return false;
	ph.p_offset = sh.sh_offset;
	ph.p_vaddr = ph.p_paddr = sh.sh_addr;
	ph.p_filesz = sh.sh_type == SHT_NOBITS ? 0 : sh.sh_size;
	ph.p_memsz = type == PT_LOAD ? sh.sh_size : ph.p_filesz;
	ph.p_align = sh.sh_addralign;
	return gelf_update_phdr(w->elf, index, &ph);
}

static bool put_segments(struct side *w)
{
	int n = 0;

	if (w->s->relocatable)
		return true;
	return put_segment(w, n++, PT_LOAD, PF_R | PF_W | PF_X, w->text) &&
	       (!w->memory || put_segment(w, n++, PT_LOAD, PF_R | PF_W, w->memory)) &&
	       put_segment(w, n++, PT_NOTE, PF_R, w->note);
}

static bool put_header(struct side *w)
{
	GElf_Ehdr eh;

	if (!gelf_getehdr(w->elf, &eh))
		return false;
	eh.e_ident[EI_DATA] = w->s->big ? ELFDATA2MSB : ELFDATA2LSB;
	/* Not ET_EXEC: lldb would take the side-car for the program when that is ET_DYN (a PIE). */
	eh.e_type = w->s->relocatable ? ET_REL : ET_DYN;
	eh.e_machine = w->s->machine;
	eh.e_flags = w->s->flags;
	eh.e_version = EV_CURRENT;
	eh.e_shstrndx = w->last;
	return gelf_update_ehdr(w->elf, &eh);
}

/* Puts `n` structures in the file's byte order to its offset `at`. */
static bool put(struct side *w, struct wdx_buf *out, uint64_t at, const void *from, size_t size,
		Elf_Type type)
{
	Elf_Data src = {
		.d_buf = (void *)from, .d_size = size, .d_type = type, .d_version = EV_CURRENT};
	Elf_Data dst = {.d_size = size, .d_version = EV_CURRENT};

	if (!size || at > out->len || size > out->len - at)
		return !size;
	dst.d_buf = out->data + at;
	return gelf_xlatetof(w->elf, &dst, &src, w->s->big ? ELFDATA2MSB : ELFDATA2LSB);
}

static size_t count_segments(const struct side *w)
{
	return w->s->relocatable ? 0 : w->memory_size ? 3 : 2;
}

static bool put_headers(struct side *w, struct wdx_buf *out)
{
	const Elf64_Ehdr *wide = elf64_getehdr(w->elf);
	const Elf32_Ehdr *narrow = elf32_getehdr(w->elf);
	size_t n = count_segments(w);

	if (wide)
		return put(w, out, 0, wide, sizeof(*wide), ELF_T_EHDR) &&
		       put(w, out, wide->e_phoff, elf64_getphdr(w->elf), n * sizeof(Elf64_Phdr),
			   ELF_T_PHDR);
	return narrow && put(w, out, 0, narrow, sizeof(*narrow), ELF_T_EHDR) &&
	       put(w, out, narrow->e_phoff, elf32_getphdr(w->elf), n * sizeof(Elf32_Phdr),
		   ELF_T_PHDR);
}

/* A section's contents and its header, number i. */
static bool put_section(struct side *w, struct wdx_buf *out, uint64_t headers, size_t i)
{
	Elf_Scn *scn = elf_getscn(w->elf, i);
	Elf_Data *data = i ? elf_getdata(scn, NULL) : NULL;
	GElf_Shdr sh;

	if (!gelf_getshdr(scn, &sh))
		return false;
	if (data && sh.sh_type != SHT_NOBITS &&
	    !put(w, out, sh.sh_offset, data->d_buf, data->d_size, data->d_type))
		return false;
	return w->s->is64 ? put(w, out, headers + i * sizeof(Elf64_Shdr), elf64_getshdr(scn),
				sizeof(Elf64_Shdr), ELF_T_SHDR)
			  : put(w, out, headers + i * sizeof(Elf32_Shdr), elf32_getshdr(scn),
				sizeof(Elf32_Shdr), ELF_T_SHDR);
}

static bool put_file(struct side *w, struct wdx_buf *out)
{
	GElf_Ehdr eh;
	bool ok = gelf_getehdr(w->elf, &eh) && put_headers(w, out);

	for (size_t i = 0; ok && i <= w->last; i++)
		ok = put_section(w, out, eh.e_shoff, i);
	return ok;
}

static struct wdx_error *write_file(struct side *w, struct wdx_buf *out)
{
	struct wdx_error *err;
	int64_t size;

	w->elf = elf_begin(w->fd, ELF_C_WRITE, NULL);
	if (!w->elf || !gelf_newehdr(w->elf, w->s->is64 ? ELFCLASS64 : ELFCLASS32) ||
	    (count_segments(w) && !gelf_newphdr(w->elf, count_segments(w))))
		return libelf_error("side-car");
	err = add_sections(w);
	if (err)
		return err;
	/* The segments need the offsets of sections. */
	if (!put_header(w) || (size = elf_update(w->elf, ELF_C_NULL)) < 0 || !put_segments(w))
		return libelf_error("side-car");
	wdx_buf_zeros(out, (size_t)size);
	if (out->failed)
		return &wdx_nomem;
	return put_file(w, out) ? NULL : libelf_error("side-car");
}

/* A 32-bit machine cannot have all of the 4 GiB that a memory may grow to. */
static struct wdx_error *check_room(struct side *w)
{
	const struct wdx_sidecar *s = w->s;
	uint64_t top = s->is64 ? UINT64_MAX : UINT32_MAX;

	if (s->text_addr > top || s->text_size > top - s->text_addr)
		return wdx_bad_input("code of %#llx bytes: no room in the side-car",
				     (unsigned long long)s->text_size);
	if (!s->memory_size)
		return NULL;
	if (s->memory_addr > top)
		return wdx_bad_input("linear memory: no room in the side-car");
	w->memory_size = s->memory_size;
	if (w->memory_size > top - s->memory_addr)
		w->memory_size = top - s->memory_addr;
	if (s->text_addr < s->memory_addr ? s->text_size > s->memory_addr - s->text_addr
					  : w->memory_size > s->text_addr - s->memory_addr)
		return wdx_bad_input("code of %#llx bytes runs into the linear memory",
				     (unsigned long long)s->text_size);
	return NULL;
}

static void side_deinit(struct side *w)
{
	struct wdx_buf *b;

	elf_end(w->elf);
	close(w->fd);
	wdx_vec_each (b, &w->packed)
		wdx_buf_deinit(b);
	wdx_vec_free(&w->packed);
	wdx_buf_deinit(&w->note_data);
	wdx_buf_deinit(&w->strings);
	wdx_buf_deinit(&w->names);
	free(w->entries);
	free(w->symtab);
	free(w->relocs);
	free(w->nrelocs);
}

struct wdx_error *wdx_elf_write(const struct wdx_sidecar *s, struct wdx_buf *out)
{
	struct side w = {.s = s, .note_data.big = s->big};
	struct wdx_error *err = check_room(&w);

	if (err)
		return err;
	if (elf_version(EV_CURRENT) == EV_NONE)
		return libelf_error("libelf");
	w.fd = memfd_create("side-car", MFD_CLOEXEC);
	if (w.fd < 0)
		return wdx_error_errno(errno, "side-car", "memfd_create");
	err = write_file(&w, out);
	side_deinit(&w);
	return err;
}
