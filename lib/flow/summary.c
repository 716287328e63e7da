/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/summary.h"

#include <stdlib.h>
#include "base/error.h"
#include "flow/values.h"
#include "wasm/opcode.h"

static bool is_opcode(const struct wdx_wasm *m, uint32_t pos, uint8_t opcode)
{
	return m->data[m->code.v + pos] == opcode;
}

/* ---- parameters that are returned -------------------------------------------------------------
 */

/* Whether the body ends with a local.get of a parameter: those are few, and looked into. */
static bool may_return_param(const struct wdx_wasm *m, const struct wdx_wasm_func *f)
{
	const struct wdx_wasm_type *t = &m->types.data[f->type];
	uint32_t pos = f->end.v - 1; /* of the final end */
	struct wdx_insn get;

	if (t->nresults != 1 || !t->nparams)
		return false;
	while (pos > f->code.v && !(m->kinds[--pos] & WDX_INSN_START))
		;
	if (!is_opcode(m, pos, WDX_WASM_LOCAL_GET))
		return false;
	wdx_insn_at(m, (wdx_codepos){pos}, &get);
	return get.imm[0] < t->nparams;
}

static struct wdx_error *find_returned(struct wdx_summary *s, const struct wdx_wasm *wasm,
				       struct wdx_values *v)
{
	struct wdx_error *err = NULL;
	bool known;

	for (size_t i = 0; !err && i < wasm->funcs.len; i++) {
		if (!may_return_param(wasm, &wasm->funcs.data[i]))
			continue;
		err = wdx_values_of(v, wasm, &wasm->funcs.data[i], s, &known);
		if (!err && known && v->values.data[v->returned].kind == WDX_VALUE_PARAM &&
		    v->values.data[v->returned].arg < UINT8_MAX)
			s->returns[i] = (uint8_t)(1 + v->values.data[v->returned].arg);
	}
	return err;
}

/* ---- globals ----------------------------------------------------------------------------------
 */

/* Whether exceptions are caught anywhere. */
static bool catches(const struct wdx_wasm *m)
{
	for (uint32_t pos = 0; pos < m->code_size; pos++)
		if (m->kinds[pos] & WDX_INSN_CONTROL &&
		    (is_opcode(m, pos, WDX_WASM_TRY) || is_opcode(m, pos, WDX_WASM_TRY_TABLE)))
			return true;
	return false;
}

static bool sets_global(const struct wdx_wasm *m, const struct wdx_wasm_func *f)
{
	for (uint32_t pos = f->code.v; pos < f->end.v; pos++)
		if (m->kinds[pos] & WDX_INSN_EFFECT && is_opcode(m, pos, WDX_WASM_GLOBAL_SET))
			return true;
	return false;
}

static bool is_candidate(const struct wdx_wasm *wasm, uint32_t index)
{
	const struct wdx_wasm_global *g = &wasm->globals.data[index];

	return index < wasm->globals.len && g->mutable_ && !g->imported && !g->exported &&
	       (g->type == WDX_I32 || g->type == WDX_I64);
}

static void find_candidates(struct wdx_summary *s, const struct wdx_wasm *wasm,
			    const struct wdx_map *map)
{
	const struct wdx_map_global *cell;

	wdx_vec_each (cell, &map->globals) {
		const struct wdx_place *p = &map->places.data[cell->place];

		if (s->nglobals < WDX_MAX_GLOBALS && is_candidate(wasm, cell->index) &&
		    p->kind == WDX_PLACE_MEM && p->base == WDX_BASE_CONTEXT && p->n == 1)
			s->globals[s->nglobals++] = (struct wdx_kept_global){
				cell->index, cell->place, map->offsets.data[p->first],
				wasm->globals.data[cell->index].type};
	}
}

/* Drops those whose bit is set. */
static void drop(struct wdx_summary *s, uint32_t bits)
{
	uint32_t n = s->nglobals;

	s->nglobals = 0;
	for (uint32_t i = 0; i < n; i++)
		if (!(bits >> i & 1))
			s->globals[s->nglobals++] = s->globals[i];
}

static struct wdx_error *find_kept(struct wdx_summary *s, const struct wdx_wasm *wasm,
				   const struct wdx_map *map, struct wdx_values *v)
{
	struct wdx_error *err = NULL;
	uint32_t all, lost;

	find_candidates(s, wasm, map);
	all = (1u << s->nglobals) - 1;
	lost = catches(wasm) ? all : 0;
	for (size_t i = 0; !err && lost != all && i < wasm->funcs.len; i++) {
		bool known;

		if (!sets_global(wasm, &wasm->funcs.data[i]))
			continue;
		err = wdx_values_of(v, wasm, &wasm->funcs.data[i], s, &known);
		lost |= known ? v->unkept : all;
	}
	drop(s, lost);
	return err;
}

struct wdx_error *wdx_summary_init(struct wdx_summary *s, const struct wdx_wasm *wasm,
				   const struct wdx_map *map)
{
	struct wdx_values v = {0};
	struct wdx_error *err;

	*s = (struct wdx_summary){.returns = calloc(wasm->funcs.len + 1, 1)};
	if (!s->returns)
		return &wdx_nomem;
	err = find_returned(s, wasm, &v);
	if (!err)
		err = find_kept(s, wasm, map, &v);
	wdx_values_deinit(&v);
	return err;
}

void wdx_summary_deinit(struct wdx_summary *s)
{
	free(s->returns);
}
