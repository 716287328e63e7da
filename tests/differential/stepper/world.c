/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The inputs: the module with its DWARF wrapped for libdw, the map, the side-car.
 */
#include "stepper/stepper.h"

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf.h"

#ifdef __SANITIZE_ADDRESS__
/* All that is read stays to the end of these programs. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

void fail(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(3);
}

void *xalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		fail("out of memory");
	return p;
}

void *xgrow(void *data, size_t n, size_t *cap, size_t elem)
{
	if (n < *cap)
		return data;
	*cap = *cap ? 2 * *cap : 4;
	data = realloc(data, *cap * elem);
	if (!data)
		fail("out of memory");
	return data;
}

uint8_t *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t cap = 0, n = 0, got;

	if (!f)
		fail("%s: %s", path, strerror(errno));
	do {
		cap = cap ? 2 * cap : 1 << 16;
		data = realloc(data, cap);
		if (!data)
			fail("out of memory");
		got = fread(data + n, 1, cap - n, f);
		n += got;
	} while (n == cap);
	fclose(f);
	*size = n;
	return data;
}

static void check(struct wdx_error *err)
{
	if (err)
		fail("%s", wdx_error_message(err));
}

/* ---- the module's DWARF ---------------------------------------------------------------------- */

static struct bytes custom(const struct world *w, const char *name)
{
	const struct wdx_wasm_section *s = wdx_wasm_custom(&w->wasm, name);

	return s ? (struct bytes){s->data, s->size} : (struct bytes){NULL, 0};
}

static Elf *wrap_module(const struct world *w, bool is64)
{
	struct wdx_section *list = xalloc((w->wasm.sections.len + 1) * sizeof(*list));
	const struct wdx_wasm_section *s;
	struct wdx_buf image = {0};
	size_t n = 0;

	wdx_vec_each (s, &w->wasm.sections)
		if (s->name && !strncmp(s->name, ".debug_", 7))
			list[n++] = (struct wdx_section){s->name, s->data, s->size};
	check(wdx_elf_wrap(list, n, is64, false, &image));
	free(list);
	return elf_memory((char *)image.data, image.len);
}

static void load_in(struct world *w)
{
	struct side *s = &w->in;
	bool is64 = w->wasm.memories.len && w->wasm.memories.data[0].is64;

	s->name = "module";
	s->code_lo = 1;
	s->code_hi = w->wasm.code_size;
	s->elf = wrap_module(w, is64);
	s->dwarf = dwarf_begin_elf(s->elf, DWARF_C_READ, NULL);
	if (!s->dwarf)
		fail("%s: %s", w->module_path, dwarf_errmsg(-1));
	s->loc = custom(w, ".debug_loc");
	s->loclists = custom(w, ".debug_loclists");
	s->addr = custom(w, ".debug_addr");
	side_load(s);
}

/* ---- the side-car ---------------------------------------------------------------------------- */

static void note_section(struct world *w, Elf_Scn *scn, const char *name, const GElf_Shdr *h)
{
	struct side *s = &w->out;
	Elf_Data *d = h->sh_type == SHT_NOBITS ? NULL : elf_getdata(scn, NULL);
	struct bytes b = d ? (struct bytes){d->d_buf, d->d_size} : (struct bytes){NULL, 0};

	if (!strcmp(name, ".text")) {
		w->text_addr = s->code_lo = h->sh_addr;
		s->code_hi = h->sh_addr + h->sh_size;
	} else if (!strcmp(name, ".wasm.memory")) {
		w->memory_addr = h->sh_addr;
		w->memory_size = h->sh_size;
	} else if (!strcmp(name, ".debug_loc")) {
		s->loc = b;
	} else if (!strcmp(name, ".debug_loclists")) {
		s->loclists = b;
	} else if (!strcmp(name, ".debug_addr")) {
		s->addr = b;
	}
}

static void load_out(struct world *w)
{
	struct side *s = &w->out;
	size_t size, names;
	uint8_t *data = read_file(w->sidecar_path, &size);
	Elf_Scn *scn = NULL;
	GElf_Shdr h;

	s->name = "side-car";
	relocate_all(w->sidecar_path, data, size);
	s->elf = elf_memory((char *)data, size);
	if (!s->elf || elf_getshdrstrndx(s->elf, &names))
		fail("%s: %s", w->sidecar_path, elf_errmsg(-1));
	while ((scn = elf_nextscn(s->elf, scn)))
		if (gelf_getshdr(scn, &h))
			note_section(w, scn, elf_strptr(s->elf, names, h.sh_name), &h);
	s->dwarf = dwarf_begin_elf(s->elf, DWARF_C_READ, NULL);
	if (!s->dwarf)
		fail("%s: %s", w->sidecar_path, dwarf_errmsg(-1));
	side_load(s);
}

/* ---- the map --------------------------------------------------------------------------------- */

static int by_lo(const void *a, const void *b, void *arg)
{
	const struct world *w = arg;
	uint32_t x = w->map.parts.data[*(const uint32_t *)a].lo;
	uint32_t y = w->map.parts.data[*(const uint32_t *)b].lo;

	return x < y ? -1 : x > y;
}

static void load_map(struct world *w)
{
	size_t n;

	w->map_text = read_file(w->map_path, &w->map_size);
	check(wdx_map_read(&w->map, &w->target, w->map_path, w->map_text, w->map_size, &w->wasm));
	n = w->map.parts.len;
	w->parts_by_lo = xalloc((n + 1) * sizeof(*w->parts_by_lo));
	for (size_t i = 0; i < n; i++)
		w->parts_by_lo[i] = (uint32_t)i;
	qsort_r(w->parts_by_lo, n, sizeof(*w->parts_by_lo), by_lo, w);
}

const struct wdx_map_func *world_func(const struct world *w, uint32_t native,
				      const struct wdx_map_part **part)
{
	size_t lo = 0, hi = w->map.parts.len;
	const struct wdx_map_part *p;

	while (lo < hi) { /* the first part above */
		size_t mid = lo + (hi - lo) / 2;

		if (w->map.parts.data[w->parts_by_lo[mid]].lo <= native)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	p = &w->map.parts.data[w->parts_by_lo[lo - 1]];
	if (native >= p->hi)
		return NULL;
	if (part)
		*part = p;
	return &w->map.funcs.data[p->func];
}

const struct wdx_wasm_func *world_body(const struct world *w, uint32_t index)
{
	uint32_t i = index - w->wasm.nimported_funcs;

	return index < w->wasm.nimported_funcs || i >= w->wasm.funcs.len ? NULL
									 : &w->wasm.funcs.data[i];
}

uint32_t world_position(const struct world *w, uint32_t native, uint32_t *start)
{
	const struct wdx_map_part *p;
	const struct wdx_map_func *f = world_func(w, native, &p);
	const struct wdx_wasm_func *body = f ? world_body(w, f->index) : NULL;
	uint32_t lo, hi;

	if (!body)
		return NOWHERE;
	lo = p->first, hi = p->first + p->n;
	while (lo < hi) { /* the first pair above */
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->map.pairs.data[mid].native <= native)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == p->first)
		return NOWHERE;
	const struct wdx_map_pair *pair = &w->map.pairs.data[lo - 1];

	if (start)
		*start = pair->native;
	if (pair->wasm < body->start.v || pair->wasm >= body->end.v)
		return NOWHERE;
	return pair->wasm < body->code.v ? body->code.v : pair->wasm;
}

/* Pairs in a native range, and how many of them lie in the wasm ranges. */
static void count_pairs(const struct world *w, const struct node *in, struct range native,
			size_t *inside, size_t *all)
{
	const struct wdx_map_part *p;

	if (!world_func(w, (uint32_t)native.lo, &p))
		return;
	for (uint32_t i = p->first; i < p->first + p->n; i++) {
		const struct wdx_map_pair *pair = &w->map.pairs.data[i];

		if (pair->native < native.lo || pair->native >= native.hi || pair->wasm == NOWHERE)
			continue;
		++*all;
		*inside += node_covers(in, pair->wasm);
	}
}

bool world_agrees(const struct world *w, const struct node *in, const struct node *out)
{
	size_t inside = 0, all = 0;

	for (size_t i = 0; i < out->nranges; i++) {
		struct range r = {out->ranges[i].lo - w->text_addr,
				  out->ranges[i].hi - w->text_addr};

		count_pairs(w, in, r, &inside, &all);
	}
	return all && 2 * inside > all;
}

static void index_funcs(struct side *s, size_t n)
{
	s->nfuncs = n;
	s->funcs = xalloc((n + 1) * sizeof(*s->funcs));
}

void world_load(struct world *w)
{
	size_t nfuncs;

	elf_version(EV_CURRENT);
	w->module = read_file(w->module_path, &w->module_size);
	check(wdx_wasm_init(&w->wasm, w->module, w->module_size));
	load_map(w);
	load_in(w);
	load_out(w);
	nfuncs = w->wasm.nimported_funcs + w->wasm.funcs.len;
	index_funcs(&w->in, nfuncs);
	index_funcs(&w->out, nfuncs);
}
