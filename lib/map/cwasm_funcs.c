/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Symbols of an image: "wasm[0]::function[8]::fib" for the module's functions, other names for
 * trampolines and helpers.  The symbols are also what tells whose image it is.
 */
#include "map/cwasm.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/search.h"

struct func {
	uint64_t lo, hi;
	uint32_t index; /* wasm function index, or WDX_NO_INDEX */
	const char *symbol;
};

typedef WDX_VEC(struct func) funcs;

/* Skips text and a decimal number behind it. */
static bool read_index(const char **s, const char *text, uint32_t *index)
{
	size_t n = strlen(text);
	uint64_t v = 0;
	const char *p;

	if (strncmp(*s, text, n) != 0)
		return false;
	for (p = *s + n; *p >= '0' && *p <= '9' && v < UINT32_MAX; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	if (p == *s + n || *p != ']' || v >= UINT32_MAX)
		return false;
	*index = (uint32_t)v;
	*s = p + 1;
	return true;
}

/* The function's name behind its index, or NULL. */
static const char *own_name(const char *symbol)
{
	uint32_t index;

	if (!read_index(&symbol, "wasm[", &index) || !read_index(&symbol, "::function[", &index) ||
	    strncmp(symbol, "::", 2) != 0 || !symbol[2])
		return NULL;
	return symbol + 2;
}

static struct wdx_error *read_symbol(const char *symbol, uint32_t *index)
{
	uint32_t module;

	*index = WDX_NO_INDEX;
	if (!read_index(&symbol, "wasm[", &module))
		return NULL;
	if (module)
		return wdx_bad_input("an image of several modules: not supported yet");
	if (read_index(&symbol, "::function[", index) && *symbol && strncmp(symbol, "::", 2) != 0)
		*index = WDX_NO_INDEX;
	return NULL;
}

/* --- Names -------------------------------------------------------------------------------------
 */

/* The engine writes one '?' for each run of characters that are not graphic ASCII, and cuts long
 * names.  A '?' of the name may have been joined to such a run, so runs of '?' compare as one. */
static char next_clean(const char **s)
{
	unsigned char c = (unsigned char)**s;

	if (!c)
		return 0;
	if (c > ' ' && c < 0x7f && c != '?') {
		++*s;
		return (char)c;
	}
	while (**s && (**s == '?' || (unsigned char)**s <= ' ' || (unsigned char)**s >= 0x7f))
		++*s;
	return '?';
}

static bool names_agree(const char *symbol, const char *name)
{
	enum { CUT = 64 }; /* shorter than where any version cuts */
	const char *start = symbol;
	char c;

	while ((c = next_clean(&symbol)))
		if (c != next_clean(&name))
			return false;
	return !*name || symbol - start >= CUT;
}

static struct wdx_error *check_name(const struct wdx_cwasm *c, const struct func *f)
{
	const char *image = own_name(f->symbol);
	const char *module = c->wasm->funcs.data[f->index - c->wasm->nimported_funcs].name;

	/* An empty name leaves no text in the symbol. */
	if (!image || !module || names_agree(image, module))
		return NULL;
	return wdx_bad_input("the image is of another module: its function %" PRIu32
			     " is called \"%.96s\", the module's \"%.96s\"",
			     f->index, image, module);
}

/* --- Which functions ---------------------------------------------------------------------------
 */

static struct wdx_error *check_function(const struct wdx_cwasm *c, const struct func *f, size_t i)
{
	uint32_t imported = c->wasm->nimported_funcs;
	uint32_t *part;

	if (f->index == WDX_NO_INDEX)
		return NULL;
	if (f->index < imported || f->index - imported >= c->wasm->funcs.len)
		return wdx_bad_input(
			"the image is of another module: it has code for function %" PRIu32
			", the module defines functions %" PRIu32 " to %" PRIu64,
			f->index, imported, (uint64_t)imported + c->wasm->funcs.len - 1);
	part = &c->parts[f->index - imported];
	if (*part != UINT32_MAX)
		return wdx_bad_input("function %" PRIu32 " has two symbols", f->index);
	*part = (uint32_t)i;
	return check_name(c, f);
}

static struct wdx_error *check_all(struct wdx_cwasm *c, const funcs *fs)
{
	struct wdx_error *err = NULL;
	size_t i, n = c->wasm->funcs.len;

	c->parts = wdx_arena_alloc(&c->map->arena, (n ? n : 1) * sizeof(*c->parts));
	if (!c->parts)
		return &wdx_nomem;
	for (i = 0; i < n; i++)
		c->parts[i] = UINT32_MAX;
	for (i = 0; !err && i < fs->len; i++)
		err = check_function(c, &fs->data[i], i);
	for (i = 0; !err && i < n; i++)
		if (c->parts[i] == UINT32_MAX)
			err = wdx_bad_input("the image is of another module: it has no code for "
					    "function %" PRIu64 ", which the module defines",
					    (uint64_t)c->wasm->nimported_funcs + i);
	return err;
}

/* --- Symbols -----------------------------------------------------------------------------------
 */

static struct wdx_error *add_symbol(struct wdx_cwasm *c, const struct wdx_cwasm_section *names,
				    const Elf64_Sym *sym, funcs *out)
{
	const char *s = (const char *)names->data + sym->st_name;
	struct wdx_error *err;
	struct func f;

	if (sym->st_name >= names->size || names->data[names->size - 1])
		return wdx_bad_input("a symbol's name lies outside %.64s", names->name);
	f = (struct func){.lo = sym->st_value, .hi = sym->st_value + sym->st_size, .symbol = s};
	err = read_symbol(s, &f.index);
	if (err)
		return err;
	if (f.hi < f.lo || f.hi > c->text->size)
		return wdx_bad_input("symbol %.128s lies outside the code", s);
	if (!*s || f.lo == f.hi) {
		c->map->faults++;
		return NULL;
	}
	if (!wdx_vec_reserve(out, 1))
		return &wdx_nomem;
	out->data[out->len++] = f;
	return NULL;
}

static struct wdx_error *read_symbols(struct wdx_cwasm *c, funcs *out)
{
	const struct wdx_cwasm_section *symtab = wdx_cwasm_find(c, ".symtab"), *names;
	size_t i, text = (size_t)(c->text - c->sections.data);
	struct wdx_error *err = NULL;
	Elf64_Sym sym;

	if (!symtab || symtab->link >= c->sections.len)
		return wdx_bad_input("the image has no symbols");
	names = &c->sections.data[symtab->link];
	for (i = 0; !err && i < symtab->size / sizeof(sym); i++) {
		memcpy(&sym, symtab->data + i * sizeof(sym), sizeof(sym));
		if (ELF64_ST_TYPE(sym.st_info) == STT_FUNC && sym.st_shndx == text)
			err = add_symbol(c, names, &sym, out);
	}
	return err;
}

static int by_address(const void *a, const void *b)
{
	const struct func *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	if (x->index != y->index) /* the module's before aliases */
		return x->index < y->index ? -1 : 1;
	return x->hi < y->hi ? -1 : x->hi > y->hi;
}

/* Helpers that share their bytes with something else are dropped; functions cannot. */
static struct wdx_error *drop_aliases(struct wdx_cwasm *c, funcs *fs)
{
	struct func *f, *last = NULL;

	wdx_vec_each (f, fs) {
		if (last && f->lo < last->hi) {
			if (f->index != WDX_NO_INDEX)
				return wdx_bad_input("%.128s overlaps %.128s", f->symbol,
						     last->symbol);
			c->map->faults++;
			continue;
		}
		last = last ? last + 1 : fs->data;
		*last = *f;
	}
	fs->len = last ? (size_t)(last - fs->data) + 1 : 0;
	return NULL;
}

static struct wdx_error *add_functions(struct wdx_map *m, const funcs *fs)
{
	struct wdx_map_func *func;
	struct wdx_map_part *part;
	const struct func *f;

	if (!wdx_vec_reserve(&m->funcs, fs->len) || !wdx_vec_reserve(&m->parts, fs->len))
		return &wdx_nomem;
	wdx_vec_each (f, fs) {
		part = &m->parts.data[m->parts.len++];
		func = &m->funcs.data[m->funcs.len++];
		*part = (struct wdx_map_part){.lo = (uint32_t)f->lo,
					      .hi = (uint32_t)f->hi,
					      .func = (uint32_t)(m->funcs.len - 1)};
		*func = (struct wdx_map_func){.index = f->index,
					      .symbol = f->symbol,
					      .first_part = (uint32_t)(m->parts.len - 1),
					      .nparts = 1};
	}
	return NULL;
}

struct wdx_error *wdx_cwasm_funcs(struct wdx_cwasm *c)
{
	struct wdx_error *err;
	funcs fs = {0};

	err = read_symbols(c, &fs);
	if (!err && fs.len)
		qsort(fs.data, fs.len, sizeof(*fs.data), by_address);
	if (!err)
		err = drop_aliases(c, &fs);
	if (!err)
		err = check_all(c, &fs);
	if (!err)
		err = add_functions(c->map, &fs);
	wdx_vec_free(&fs);
	return err;
}

struct wdx_map_part *wdx_cwasm_part_at(const struct wdx_cwasm *c, uint64_t at)
{
	struct wdx_map_part *parts = c->map->parts.data;
	size_t lo = wdx_search(i, 0, c->map->parts.len, parts[i].hi <= at);

	return lo < c->map->parts.len && parts[lo].lo <= at ? &parts[lo] : NULL;
}
