/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The engine calls a local of its synthetic DWARF by the module's name section where that names it
 * (subsection 2, local names), and var<N> otherwise.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "map/cwasm.h"

enum { LOCAL_NAMES = 2 };

enum { LONG = 1 << 16 }; /* a name that is not worth its length */

/* indirectnamemap: function index, then a name map, whose bytes are skipped here. */
static void index_functions(struct wdx_cwasm_names *n, const struct wdx_wasm *wasm,
			    struct wdx_reader *in)
{
	uint32_t funcs = (uint32_t)wdx_read_uleb(in, 32), func, names;
	struct wdx_reader map;

	while (funcs-- && !in->failed) {
		func = (uint32_t)wdx_read_uleb(in, 32) - wasm->nimported_funcs;
		map = *in;
		for (names = (uint32_t)wdx_read_uleb(in, 32); names && !in->failed; names--) {
			wdx_read_uleb(in, 32);
			wdx_read_skip(in, wdx_read_uleb(in, 32));
		}
		map.end = in->pos;
		if (!in->failed && func < wasm->funcs.len)
			n->funcs[func] = map;
	}
}

struct wdx_error *wdx_cwasm_names_init(struct wdx_cwasm_names *n, const struct wdx_wasm *wasm)
{
	const struct wdx_wasm_section *s = wdx_wasm_custom(wasm, "name");
	struct wdx_reader in, sub;
	uint8_t id;

	memset(n, 0, sizeof(*n));
	n->funcs = calloc(wasm->funcs.len + 1, sizeof(*n->funcs));
	if (!n->funcs)
		return &wdx_nomem;
	if (!s)
		return NULL;
	wdx_reader_init(&in, s->data, s->size, 0, false);
	while (in.pos < in.end) {
		id = wdx_read_u8(&in);
		sub = wdx_read_sub(&in, wdx_read_uleb(&in, 32));
		if (id == LOCAL_NAMES && !in.failed)
			index_functions(n, wasm, &sub);
	}
	return NULL;
}

void wdx_cwasm_names_deinit(struct wdx_cwasm_names *n)
{
	free(n->funcs);
	wdx_vec_free(&n->of);
	wdx_vec_free(&n->named);
}

static int compare(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t n = alen < blen ? alen : blen;
	int order = n ? memcmp(a, b, n) : 0;

	if (order)
		return order;
	return alen < blen ? -1 : alen > blen;
}

static int by_name(const void *a, const void *b)
{
	const struct wdx_cwasm_name *x = a, *y = b;

	return compare(x->s, x->len, y->s, y->len);
}

static int by_local(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

struct wdx_error *wdx_cwasm_names_load(struct wdx_cwasm_names *n, uint32_t func)
{
	struct wdx_reader in = n->funcs[func];
	struct wdx_cwasm_name name;
	uint32_t count;

	n->of.len = n->named.len = 0;
	if (in.pos == in.end)
		return NULL;
	for (count = (uint32_t)wdx_read_uleb(&in, 32); count && !in.failed; count--) {
		name.local = (uint32_t)wdx_read_uleb(&in, 32);
		name.len = (uint32_t)wdx_read_uleb(&in, 32);
		name.s = (const char *)wdx_read_bytes(&in, name.len);
		if (!name.s)
			break;
		if (!wdx_vec_reserve(&n->of, 1) || !wdx_vec_reserve(&n->named, 1))
			return &wdx_nomem;
		n->of.data[n->of.len++] = name;
		n->named.data[n->named.len++] = name.local;
	}
	if (n->of.len) {
		qsort(n->of.data, n->of.len, sizeof(*n->of.data), by_name);
		qsort(n->named.data, n->named.len, sizeof(*n->named.data), by_local);
	}
	return NULL;
}

static bool is_named(const struct wdx_cwasm_names *n, uint32_t local)
{
	return n->named.len &&
	       bsearch(&local, n->named.data, n->named.len, sizeof(local), by_local);
}

/* var<N>, where local N has no name of its own. */
static uint32_t by_default(const struct wdx_cwasm_names *n, const char *name, uint32_t nlocals)
{
	uint64_t local = 0;
	const char *p;

	if (strncmp(name, "var", 3) != 0 || !name[3] || (name[3] == '0' && name[4]))
		return UINT32_MAX;
	for (p = name + 3; *p >= '0' && *p <= '9' && local < nlocals; p++)
		local = local * 10 + (uint64_t)(*p - '0');
	if (*p || local >= nlocals || is_named(n, (uint32_t)local))
		return UINT32_MAX;
	return (uint32_t)local;
}

uint32_t wdx_cwasm_local(const struct wdx_cwasm_names *n, const char *name, uint32_t nlocals)
{
	struct wdx_cwasm_name key = {.s = name, .len = (uint32_t)strnlen(name, LONG)}, *hit = NULL;
	uint32_t local = by_default(n, name, nlocals);

	if (n->of.len && key.len < LONG)
		hit = bsearch(&key, n->of.data, n->of.len, sizeof(*n->of.data), by_name);
	if (!hit)
		return local;
	if (local != UINT32_MAX || hit->local >= nlocals ||
	    (hit > n->of.data && !by_name(hit, hit - 1)) ||
	    (hit + 1 < n->of.data + n->of.len && !by_name(hit, hit + 1)))
		return UINT32_MAX;
	return hit->local;
}
