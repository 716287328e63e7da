/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "base/error.h"
#include "wasm/private.h"

/* Subsections of the name section that are of use here. */
enum { MODULE = 0, FUNCTION = 1, GLOBAL = 7 };

struct names {
	struct wdx_wasm *m;
	bool store; /* else only look whether all is well-formed */
	bool nomem;
};

/* The place of the name of item idx; NULL when there is none. */
static const char **slot(struct wdx_wasm *m, uint8_t kind, uint32_t idx)
{
	if (kind == MODULE)
		return &m->name;
	if (kind == GLOBAL)
		return idx < m->globals.len ? &m->globals.data[idx].name : NULL;
	if (idx < m->nimported_funcs || idx - m->nimported_funcs >= m->funcs.len)
		return NULL;
	return &m->funcs.data[idx - m->nimported_funcs].name;
}

static void read_name(struct names *n, struct wdx_reader *r, uint8_t kind, uint32_t idx)
{
	uint32_t len = (uint32_t)wdx_read_uleb(r, 32);
	const uint8_t *p = wdx_read_bytes(r, len);
	const char **name = slot(n->m, kind, idx);

	/* Of several names the first stays: a repeated index must not cost memory again. */
	if (!p || !name || *name || !n->store)
		return;
	*name = wdx_arena_strndup(&n->m->arena, (const char *)p, len);
	n->nomem |= !*name;
}

static void read_subsection(struct names *n, struct wdx_reader *r, uint8_t kind)
{
	if (kind == MODULE)
		return read_name(n, r, kind, 0);
	if (kind != FUNCTION && kind != GLOBAL)
		return;
	for (uint32_t count = (uint32_t)wdx_read_uleb(r, 32); count && !r->failed; count--) {
		uint32_t idx = (uint32_t)wdx_read_uleb(r, 32);

		read_name(n, r, kind, idx);
	}
}

/* Whether the section is well-formed. */
static bool read_all(struct names *n, const struct wdx_wasm_section *s)
{
	struct wdx_reader r;

	wdx_reader_init(&r, s->data, s->size, s->pos.v, false);
	while (r.pos < r.end && !n->nomem) {
		uint8_t kind = wdx_read_u8(&r);
		struct wdx_reader sub = wdx_read_sub(&r, wdx_read_uleb(&r, 32));

		read_subsection(n, &sub, kind);
		if (sub.failed)
			return false;
	}
	return !r.failed;
}

struct wdx_error *wdx_wasm_read_names(struct wdx_wasm *m)
{
	const struct wdx_wasm_section *s = wdx_wasm_custom(m, "name");
	struct names n = {.m = m};

	/* Names are a comfort; the specification forbids refusing a module over them. */
	if (!s || !read_all(&n, s))
		return NULL;
	n.store = true;
	read_all(&n, s);
	return n.nomem ? &wdx_nomem : NULL;
}
