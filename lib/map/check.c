/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "map/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/search.h"
#include "native/native.h"

struct check {
	const struct wdx_map *map;
	const struct wdx_wasm *wasm;
	struct wdx_json_path *where;
	uint8_t *compiled; /* a bit for each defined function seen */
	uint32_t *order;   /* parts sorted by lo */
};

/* Says where the check is: step `depth` of the path, the last for now. */
static void key(struct check *c, unsigned depth, const char *name)
{
	c->where->step[depth] = (struct wdx_json_step){.key = name};
	c->where->n = depth + 1;
}

static void item(struct check *c, unsigned depth, size_t index)
{
	c->where->step[depth] = (struct wdx_json_step){.index = index};
	c->where->n = depth + 1;
}

static bool bit(const uint8_t *bits, uint32_t i)
{
	return bits[i >> 3] >> (i & 7) & 1;
}

static void set_bit(uint8_t *bits, uint32_t i)
{
	bits[i >> 3] |= (uint8_t)(1 << (i & 7));
}

static bool slice(uint32_t first, uint32_t n, size_t len)
{
	return first <= len && n <= len - first;
}

static struct wdx_error *broken_pool(void)
{
	return wdx_bad_input("internal: a list lies outside its pool");
}

/* --- Identity ----------------------------------------------------------------------------------
 */

static void hex(const uint8_t digest[32], char out[65])
{
	int i;

	for (i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

struct wdx_error *wdx_map_check_module(const struct wdx_map *map, const struct wdx_wasm *wasm)
{
	char want[65], have[65];
	uint8_t digest[32];

	if (!map->module.known)
		return NULL;
	wdx_sha256(wasm->data, wasm->size, digest);
	if (map->module.size == wasm->size && !memcmp(digest, map->module.sha256, 32))
		return NULL;
	hex(map->module.sha256, want);
	hex(digest, have);
	return wdx_bad_input("the map is of another module: of %" PRIu64 " bytes with SHA-256 %s, "
			     "while the module given has %zu bytes and SHA-256 %s",
			     map->module.size, want, wasm->size, have);
}

/* --- Registers ---------------------------------------------------------------------------------
 */

struct wdx_error *wdx_map_check_reg(const struct wdx_target *target, unsigned reg)
{
	if (wdx_target_reg_name(target, reg))
		return NULL;
	return wdx_bad_input("unknown register %u", reg);
}

static bool place_has_reg(const struct wdx_place *p)
{
	return p->kind == WDX_PLACE_REG || (p->kind == WDX_PLACE_MEM && p->base == WDX_BASE_REG);
}

static struct wdx_error *check_regs(const struct wdx_map *m, const struct wdx_target *target)
{
	struct wdx_error *err = NULL;
	size_t i;

	for (i = 0; !err && i < m->places.len; i++)
		if (place_has_reg(&m->places.data[i]))
			err = wdx_map_check_reg(target, m->places.data[i].reg);
	for (i = 0; !err && i < m->rows.len; i++)
		if (!m->rows.data[i].cfa_n)
			err = wdx_map_check_reg(target, m->rows.data[i].cfa_reg);
	for (i = 0; !err && i < m->rules.len; i++) {
		err = wdx_map_check_reg(target, m->rules.data[i].reg);
		if (!err && m->rules.data[i].kind == WDX_RULE_REG)
			err = wdx_map_check_reg(target, (unsigned)m->rules.data[i].value);
	}
	for (i = 0; !err && i < m->preserved.len; i++)
		err = wdx_map_check_reg(target, m->preserved.data[i]);
	return err;
}

/* --- Functions and their parts -----------------------------------------------------------------
 */

static const struct wdx_wasm_func *wasm_func(const struct check *c, const struct wdx_map_func *f)
{
	return f->index == WDX_NO_INDEX ? NULL
					: &c->wasm->funcs.data[f->index - c->wasm->nimported_funcs];
}

static struct wdx_error *check_index(struct check *c, const struct wdx_map_func *f)
{
	uint32_t imported = c->wasm->nimported_funcs, defined;

	if (f->index == WDX_NO_INDEX)
		return NULL;
	key(c, 2, "index");
	if (f->index < imported)
		return wdx_bad_input("function %" PRIu32 " is imported, so it has no code here",
				     f->index);
	defined = f->index - imported;
	if (defined >= c->wasm->funcs.len)
		return wdx_bad_input("function %" PRIu32 " does not exist: the module has %zu",
				     f->index, imported + c->wasm->funcs.len);
	if (bit(c->compiled, defined))
		return wdx_bad_input("function %" PRIu32 " is given twice", f->index);
	set_bit(c->compiled, defined);
	return NULL;
}

static struct wdx_error *check_bounds(const struct check *c, const struct wdx_map_part *p)
{
	if (p->lo >= p->hi)
		return wdx_bad_input("empty part: [0x%" PRIx32 ", 0x%" PRIx32 ")", p->lo, p->hi);
	if (p->hi > c->map->code_size)
		return wdx_bad_input("[0x%" PRIx32 ", 0x%" PRIx32
				     ") lies outside the code, which has 0x%" PRIx64 " bytes",
				     p->lo, p->hi, c->map->code_size);
	return NULL;
}

static struct wdx_error *check_outline(struct check *c, size_t i)
{
	const struct wdx_map_func *f = &c->map->funcs.data[i];
	struct wdx_error *err;
	uint32_t j;

	item(c, 1, i);
	if (!f->symbol || !*f->symbol)
		return wdx_bad_input("a function without a symbol");
	if (!slice(f->first_part, f->nparts, c->map->parts.len) ||
	    !slice(f->first_entity, f->nentities, c->map->entities.len) ||
	    !slice(f->first_call, f->ncalls, c->map->calls.len))
		return broken_pool();
	err = check_index(c, f);
	if (err)
		return err;
	key(c, 2, "parts");
	if (!f->nparts)
		return wdx_bad_input("a function needs at least one part");
	for (j = 0; !err && j < f->nparts; j++) {
		item(c, 3, j);
		if (c->map->parts.data[f->first_part + j].func != i)
			return broken_pool();
		err = check_bounds(c, &c->map->parts.data[f->first_part + j]);
	}
	return err;
}

static uint32_t func_lo(const struct wdx_map *m, size_t func)
{
	return m->parts.data[m->funcs.data[func].first_part].lo;
}

static struct wdx_error *check_outlines(struct check *c)
{
	struct wdx_error *err = NULL;
	uint32_t lo, before = 0;
	size_t i;

	key(c, 0, "functions");
	for (i = 0; !err && i < c->map->funcs.len; i++)
		err = check_outline(c, i);
	for (i = 0; !err && i < c->map->funcs.len; i++) {
		item(c, 1, i);
		lo = func_lo(c->map, i);
		if (lo < before)
			return wdx_bad_input("functions must be sorted by where their first part "
					     "begins: 0x%" PRIx32 " comes after 0x%" PRIx32,
					     lo, before);
		before = lo;
	}
	return err;
}

static int by_lo(const void *a, const void *b, void *ctx)
{
	const struct wdx_map_part *parts = ctx;
	const uint32_t *i = a, *j = b;

	if (parts[*i].lo != parts[*j].lo)
		return parts[*i].lo < parts[*j].lo ? -1 : 1;
	return *i < *j ? -1 : *i > *j;
}

static struct wdx_error *overlap(struct check *c, uint32_t i, uint32_t j)
{
	const struct wdx_map_part *first = &c->map->parts.data[i < j ? i : j];
	const struct wdx_map_part *second = &c->map->parts.data[i < j ? j : i];

	item(c, 1, second->func);
	key(c, 2, "parts");
	item(c, 3,
	     (size_t)(second - c->map->parts.data) - c->map->funcs.data[second->func].first_part);
	return wdx_bad_input("[0x%" PRIx32 ", 0x%" PRIx32 ") overlaps [0x%" PRIx32 ", 0x%" PRIx32
			     ") of function \"%s\"",
			     second->lo, second->hi, first->lo, first->hi,
			     c->map->funcs.data[first->func].symbol);
}

static struct wdx_error *check_disjoint(struct check *c)
{
	const struct wdx_map_part *parts = c->map->parts.data;
	size_t i, n = c->map->parts.len;

	for (i = 0; i < n; i++)
		c->order[i] = (uint32_t)i;
	if (n)
		qsort_r(c->order, n, sizeof(*c->order), by_lo, c->map->parts.data);
	for (i = 1; i < n; i++)
		if (parts[c->order[i]].lo < parts[c->order[i - 1]].hi)
			return overlap(c, c->order[i - 1], c->order[i]);
	return NULL;
}

/* The part of function func that holds address at, or NULL. */
static const struct wdx_map_part *part_at(const struct check *c, size_t func, uint32_t at)
{
	const struct wdx_map_part *parts = c->map->parts.data, *p;
	const struct wdx_map_func *f = &c->map->funcs.data[func];
	size_t lo;

	p = parts + f->first_part; /* nearly always the only one */
	if (f->nparts && p->lo <= at && at < p->hi)
		return p;
	lo = wdx_search(i, 0, c->map->parts.len, parts[c->order[i]].hi <= at);
	if (lo == c->map->parts.len)
		return NULL;
	p = &parts[c->order[lo]];
	return p->lo <= at && p->func == func ? p : NULL;
}

/* --- Pairs and calls ---------------------------------------------------------------------------
 */

/* The body's own ends are positions too: its start for a prologue, its code for what comes before
 * the first instruction. */
static bool is_position(const struct wdx_wasm *m, uint32_t pos)
{
	return pos <= m->code_size && m->kinds[pos];
}

static struct wdx_error *bad_position(const struct check *c, uint32_t wasm)
{
	uint64_t file = (uint64_t)c->wasm->code.v + wasm;

	if (wasm > c->wasm->code_size)
		return wdx_bad_input("wasm offset 0x%" PRIx32 " lies outside the code section, "
				     "which has 0x%" PRIx32 " bytes",
				     wasm, c->wasm->code_size);
	return wdx_bad_input("wasm offset 0x%" PRIx32 " (0x%" PRIx64
			     " in the file) is not the start of an instruction",
			     wasm, file);
}

static struct wdx_error *check_pairs(struct check *c, const struct wdx_map_part *p)
{
	const struct wdx_map_pair *pair = c->map->pairs.data + p->first;
	uint32_t i;

	key(c, 4, "pairs");
	if (!slice(p->first, p->n, c->map->pairs.len))
		return broken_pool();
	for (i = 0; i < p->n; i++, pair++) {
		item(c, 5, i);
		if (pair->native < p->lo || pair->native >= p->hi)
			return wdx_bad_input("native offset 0x%" PRIx32
					     " lies outside its part [0x%" PRIx32 ", 0x%" PRIx32
					     ")",
					     pair->native, p->lo, p->hi);
		if (i && pair->native <= pair[-1].native)
			return wdx_bad_input("pairs must be sorted by native offset: 0x%" PRIx32
					     " comes after 0x%" PRIx32,
					     pair->native, pair[-1].native);
		if (pair->wasm == UINT32_MAX)
			continue;
		if (!is_position(c->wasm, pair->wasm))
			return bad_position(c, pair->wasm);
	}
	return NULL;
}

static struct wdx_error *check_calls(struct check *c, size_t func)
{
	const struct wdx_map_func *f = &c->map->funcs.data[func];
	const uint32_t *at = c->map->calls.data + f->first_call;
	uint32_t i;

	key(c, 2, "calls");
	for (i = 0; i < f->ncalls; i++) {
		item(c, 3, i);
		if (i && at[i] <= at[i - 1])
			return wdx_bad_input("return addresses must be sorted: 0x%" PRIx32
					     " comes after 0x%" PRIx32,
					     at[i], at[i - 1]);
		/* The call is in the part; where it returns may be just behind it. */
		if (!at[i] || !part_at(c, func, at[i] - 1))
			return wdx_bad_input("return address 0x%" PRIx32
					     " lies outside the function's parts",
					     at[i]);
	}
	return NULL;
}

/* --- Unwinding ---------------------------------------------------------------------------------
 */

static struct wdx_error *check_rules(struct check *c, const struct wdx_map_row *row)
{
	const struct wdx_rule *r = c->map->rules.data + row->first;
	uint32_t i;

	key(c, 6, "rules");
	if (!slice(row->first, row->n, c->map->rules.len))
		return broken_pool();
	for (i = 0; i < row->n; i++) {
		if (i && r[i].reg <= r[i - 1].reg)
			return wdx_bad_input("DWARF register %u has two rules", r[i].reg);
		if (r[i].kind > WDX_RULE_VAL_EXPR)
			return wdx_bad_input("internal: unknown rule %u", r[i].kind);
		if (r[i].kind >= WDX_RULE_EXPR && !slice(r[i].first, r[i].n, c->map->blob.len))
			return broken_pool();
	}
	return NULL;
}

static struct wdx_error *check_row_at(const struct wdx_map_part *p, const struct wdx_map_row *row,
				      bool first)
{
	if (first && row->native != p->lo)
		return wdx_bad_input("the first row must be where the part begins, at 0x%" PRIx32
				     ", and not at 0x%" PRIx32,
				     p->lo, row->native);
	if (!first && row->native <= row[-1].native)
		return wdx_bad_input("rows must be sorted: 0x%" PRIx32 " comes after 0x%" PRIx32,
				     row->native, row[-1].native);
	if (row->native >= p->hi)
		return wdx_bad_input("row 0x%" PRIx32 " lies outside its part [0x%" PRIx32
				     ", 0x%" PRIx32 ")",
				     row->native, p->lo, p->hi);
	return NULL;
}

static struct wdx_error *check_rows(struct check *c, const struct wdx_map_part *p)
{
	const struct wdx_map_row *row = c->map->rows.data + p->first_row;
	struct wdx_error *err;
	uint32_t i;

	key(c, 4, "unwind");
	if (!slice(p->first_row, p->nrows, c->map->rows.len))
		return broken_pool();
	for (i = 0; i < p->nrows; i++, row++) {
		item(c, 5, i);
		if (!slice(row->cfa_first, row->cfa_n, c->map->blob.len))
			return broken_pool();
		err = check_row_at(p, row, !i);
		if (!err)
			err = check_rules(c, row);
		if (err)
			return err;
	}
	return NULL;
}

/* --- Entities ----------------------------------------------------------------------------------
 */

static const char *const entity_keys[] = {
	[WDX_ENT_LOCAL] = "locals",    [WDX_ENT_STACK] = "stack",
	[WDX_ENT_GLOBAL] = "globals",  [WDX_ENT_CONTEXT] = "context",
	[WDX_ENT_MEMORY] = "memories", [WDX_ENT_DOUBTFUL] = "doubtful",
};

static struct wdx_error *no_such(const char *what, uint32_t index, const char *owner, size_t n)
{
	return wdx_bad_input("%s %" PRIu32 " does not exist: the %s has %zu", what, index, owner,
			     n);
}

static struct wdx_error *check_entity_index(const struct check *c, const struct wdx_map_func *f,
					    const struct wdx_map_entity *e)
{
	const struct wdx_wasm_func *wf = wasm_func(c, f);

	bool local = e->kind == WDX_ENT_LOCAL || e->kind == WDX_ENT_DOUBTFUL;

	if (!wf && (local || e->kind == WDX_ENT_STACK))
		return wdx_bad_input("a function without a wasm index has no %s",
				     entity_keys[e->kind]);
	if (local && e->index >= wf->nlocals)
		return no_such("local", e->index, "function", wf->nlocals);
	if (e->kind == WDX_ENT_GLOBAL && e->index >= c->wasm->globals.len)
		return no_such("global", e->index, "module", c->wasm->globals.len);
	if (e->kind == WDX_ENT_MEMORY && e->index >= c->wasm->memories.len)
		return no_such("memory", e->index, "module", c->wasm->memories.len);
	return NULL;
}

static struct wdx_error *check_place(const struct wdx_map *m, uint32_t index)
{
	const struct wdx_place *p = m->places.data + index;

	if (index >= m->places.len)
		return broken_pool();
	if (p->kind == WDX_PLACE_MEM && (!p->n || !slice(p->first, p->n, m->offsets.len)))
		return broken_pool();
	if (p->kind == WDX_PLACE_EXPR && !slice(p->first, p->n, m->blob.len))
		return broken_pool();
	if (p->kind > WDX_PLACE_EXPR || p->base > WDX_BASE_ABS)
		return wdx_bad_input("internal: unknown kind of place");
	return NULL;
}

static bool on_context(const struct wdx_map *m, uint32_t place)
{
	const struct wdx_place *p = &m->places.data[place];

	return p->kind == WDX_PLACE_MEM && p->base == WDX_BASE_CONTEXT;
}

static struct wdx_error *check_range(const struct check *c, size_t func,
				     const struct wdx_map_range *r, bool first)
{
	const struct wdx_map_part *p;

	if (r->lo >= r->hi)
		return wdx_bad_input("empty range: [0x%" PRIx32 ", 0x%" PRIx32 ")", r->lo, r->hi);
	p = part_at(c, func, r->lo);
	if (!p || r->hi > p->hi)
		return wdx_bad_input("[0x%" PRIx32 ", 0x%" PRIx32
				     ") lies outside the function's parts",
				     r->lo, r->hi);
	if (!first && r->lo < r[-1].hi)
		return wdx_bad_input("ranges must be sorted and disjoint: [0x%" PRIx32
				     ", 0x%" PRIx32 ") comes after [0x%" PRIx32 ", 0x%" PRIx32 ")",
				     r->lo, r->hi, r[-1].lo, r[-1].hi);
	return check_place(c->map, r->place);
}

static struct wdx_error *check_ranges(struct check *c, size_t func, const struct wdx_map_entity *e,
				      unsigned depth)
{
	const struct wdx_map_range *r = c->map->ranges.data + e->first;
	struct wdx_error *err = NULL;
	uint32_t i;

	if (!slice(e->first, e->n, c->map->ranges.len))
		return broken_pool();
	for (i = 0; !err && i < e->n; i++) {
		item(c, depth, i);
		err = check_range(c, func, &r[i], !i);
		if (!err && e->kind == WDX_ENT_CONTEXT && on_context(c->map, r[i].place))
			err = wdx_bad_input("the context pointer cannot be found from itself");
	}
	return err;
}

/* rank: how many entities of its kind come before it in the function. */
static struct wdx_error *check_entity(struct check *c, size_t func, const struct wdx_map_entity *e,
				      uint32_t rank)
{
	struct wdx_error *err;

	if (e->kind > WDX_ENT_DOUBTFUL)
		return wdx_bad_input("internal: unknown kind of entity");
	key(c, 2, entity_keys[e->kind]);
	if (e->kind == WDX_ENT_CONTEXT)
		return rank || e->index ? wdx_bad_input("internal: a second context pointer")
					: check_ranges(c, func, e, 3);
	item(c, 3, rank);
	key(c, 4, "index");
	err = check_entity_index(c, &c->map->funcs.data[func], e);
	if (err)
		return err;
	if (rank && e->index <= e[-1].index)
		return wdx_bad_input("%s must be sorted by index, each once: %" PRIu32
				     " comes after %" PRIu32,
				     entity_keys[e->kind], e->index, e[-1].index);
	key(c, 4, "ranges");
	return check_ranges(c, func, e, 5);
}

static struct wdx_error *check_entities(struct check *c, size_t func)
{
	const struct wdx_map_func *f = &c->map->funcs.data[func];
	const struct wdx_map_entity *e = c->map->entities.data + f->first_entity;
	struct wdx_error *err = NULL;
	uint32_t i, rank = 0;

	for (i = 0; !err && i < f->nentities; i++, e++) {
		if (i && e->kind < e[-1].kind)
			return wdx_bad_input("internal: entities are not sorted");
		rank = i && e->kind == e[-1].kind ? rank + 1 : 0;
		err = check_entity(c, func, e, rank);
	}
	return err;
}

static struct wdx_error *check_body(struct check *c, size_t func)
{
	const struct wdx_map_func *f = &c->map->funcs.data[func];
	const struct wdx_map_part *part = c->map->parts.data + f->first_part;
	struct wdx_error *err = NULL;
	uint32_t i;

	item(c, 1, func);
	for (i = 0; !err && i < f->nparts; i++) {
		key(c, 2, "parts");
		item(c, 3, i);
		err = check_pairs(c, &part[i]);
		if (!err)
			err = check_rows(c, &part[i]);
	}
	if (!err)
		err = check_calls(c, func);
	return err ? err : check_entities(c, func);
}

/* --- What the module has -----------------------------------------------------------------------
 */

/* A place that needs no frame. */
static bool is_static(const struct wdx_place *p)
{
	return p->kind == WDX_PLACE_MEM && (p->base == WDX_BASE_CONTEXT || p->base == WDX_BASE_ABS);
}

static struct wdx_error *check_memory(struct check *c, size_t i)
{
	const struct wdx_map_memory *mem = &c->map->memories.data[i];
	struct wdx_error *err;

	item(c, 1, i);
	if (mem->index >= c->wasm->memories.len)
		return no_such("memory", mem->index, "module", c->wasm->memories.len);
	if (i && mem->index <= mem[-1].index)
		return wdx_bad_input("memories must be sorted by index, each once");
	if (mem->is64 != c->wasm->memories.data[mem->index].is64)
		return wdx_bad_input("memory %" PRIu32 " has %d-bit addresses in the module",
				     mem->index, mem->is64 ? 32 : 64);
	err = check_place(c->map, mem->place);
	if (!err && !is_static(&c->map->places.data[mem->place]) &&
	    c->map->places.data[mem->place].kind != WDX_PLACE_CONST) {
		key(c, 2, "place");
		err = wdx_bad_input(
			"the base of a memory must be relative to the context, absolute or "
			"constant");
	}
	return err;
}

static struct wdx_error *check_global(struct check *c, size_t i)
{
	const struct wdx_map_global *g = &c->map->globals.data[i];
	struct wdx_error *err;

	item(c, 1, i);
	if (g->index >= c->wasm->globals.len)
		return no_such("global", g->index, "module", c->wasm->globals.len);
	if (i && g->index <= g[-1].index)
		return wdx_bad_input("globals must be sorted by index, each once");
	err = check_place(c->map, g->place);
	if (!err && !is_static(&c->map->places.data[g->place])) {
		key(c, 2, "place");
		err = wdx_bad_input(
			"the cell of a global must be relative to the context or absolute");
	}
	return err;
}

static struct wdx_error *check_statics(struct check *c)
{
	const struct wdx_map *m = c->map;
	struct wdx_error *err = NULL;
	size_t i;

	key(c, 0, "memories");
	for (i = 0; !err && i < m->memories.len; i++)
		err = check_memory(c, i);
	if (err)
		return err;
	key(c, 0, "globals");
	for (i = 0; !err && i < m->globals.len; i++)
		err = check_global(c, i);
	if (err)
		return err;
	key(c, 0, "preserved");
	for (i = 1; i < m->preserved.len; i++)
		if (m->preserved.data[i] <= m->preserved.data[i - 1])
			return wdx_bad_input("DWARF register %u is given twice",
					     m->preserved.data[i]);
	return NULL;
}

/* --- The whole ---------------------------------------------------------------------------------
 */

static struct wdx_error *check_head(struct check *c)
{
	struct wdx_error *err;

	key(c, 0, "module");
	err = wdx_map_check_module(c->map, c->wasm);
	if (err)
		return err;
	key(c, 0, "code");
	key(c, 1, "size");
	if (!c->map->code_size)
		return wdx_bad_input("there is no code");
	if (c->map->code_size > UINT32_MAX)
		return wdx_bad_input("code of 0x%" PRIx64
				     " bytes: 4 GiB and more are not supported",
				     c->map->code_size);
	return NULL;
}

static struct wdx_error *check_all(struct check *c)
{
	struct wdx_error *err = check_statics(c);
	size_t i;

	if (!err)
		err = check_outlines(c);
	if (!err)
		err = check_disjoint(c);
	if (err)
		return err;
	key(c, 0, "functions");
	for (i = 0; !err && i < c->map->funcs.len; i++)
		err = check_body(c, i);
	return err;
}

struct wdx_error *wdx_map_check_at(const struct wdx_map *map, const struct wdx_target *target,
				   const struct wdx_wasm *wasm, struct wdx_json_path *where)
{
	struct check c = {.map = map, .wasm = wasm, .where = where};
	struct wdx_error *err;

	where->n = 0;
	err = target ? check_regs(map, target) : NULL;
	if (!err)
		err = check_head(&c);
	if (err)
		return err;
	c.compiled = calloc((wasm->funcs.len >> 3) + 1, 1);
	c.order = calloc(map->parts.len + 1, sizeof(*c.order));
	err = c.compiled && c.order ? check_all(&c) : &wdx_nomem;
	free(c.compiled);
	free(c.order);
	return err;
}

struct wdx_error *wdx_map_check_named(const struct wdx_map *map, const struct wdx_target *target,
				      const struct wdx_wasm *wasm)
{
	struct wdx_json_path where;
	const struct wdx_map_func *f;
	struct wdx_error *err = wdx_map_check_at(map, target, wasm, &where);
	char text[128];

	if (!err || where.n == 0)
		return err;
	if (where.n < 2 || strcmp(where.step[0].key, "functions") != 0 ||
	    where.step[1].index >= map->funcs.len) {
		wdx_json_path_text(&where, text, sizeof(text));
		return wdx_error_at(err, "%s", text + 2); /* without "$." */
	}
	f = &map->funcs.data[where.step[1].index];
	if (f->index == WDX_NO_INDEX)
		return wdx_error_at(err, "%s", f->symbol ? f->symbol : "?");
	return wdx_error_at(err, "function %" PRIu32 " (%s)", f->index,
			    f->symbol ? f->symbol : "?");
}

struct wdx_error *wdx_map_check(const struct wdx_map *map, const struct wdx_wasm *wasm)
{
	return wdx_map_check_named(map, NULL, wasm);
}
