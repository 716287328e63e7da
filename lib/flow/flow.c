/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/flow.h"

#include <string.h>

#include "base/error.h"
#include "base/search.h"
#include "flow/flow_work.h"

/* How many functions are looked at to learn of arguments; bytes of code of those that are looked at
 * first. */
enum { MAX_LOOKED = 512, SMALL = 512 };

/* ---- indices ----------------------------------------------------------------------------------
 */

bool wdx_flow_build_index(struct flow *x, struct index *ix, size_t nkeys, size_t n,
			  uint32_t (*key)(const struct flow *x, size_t item))
{
	uint32_t *start;

	ix->start.len = ix->items.len = 0;
	if (!wdx_vec_reserve(&ix->start, nkeys + 2) || !wdx_vec_reserve(&ix->items, n)) {
		x->nomem = true;
		return false;
	}
	start = ix->start.data;
	memset(start, 0, (nkeys + 2) * sizeof(*start));
	for (size_t i = 0; i < n; i++)
		start[key(x, i) + 2]++;
	for (size_t k = 2; k < nkeys + 2; k++)
		start[k] += start[k - 1];
	for (size_t i = 0; i < n; i++)
		ix->items.data[start[key(x, i) + 1]++] = (uint32_t)i;
	ix->start.len = nkeys + 1;
	ix->items.len = n;
	return true;
}

/* ---- positions --------------------------------------------------------------------------------
 */

/* The first interval in [lo, hi) that shows a state; NONE: there is none. */
uint32_t wdx_flow_first_shown(const struct flow *x, uint32_t lo, uint32_t hi)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t end = x->f->first + x->f->n;

	for (uint32_t i = wdx_code_interval(x->code, x->f, lo); i < end && iv[i].lo < hi; i++)
		if (wdx_flow_shows(&iv[i]))
			return i;
	return NONE;
}

/* ---- functions --------------------------------------------------------------------------------
 */

static bool prepare_values(struct flow *x)
{
	size_t n = x->m.values.len;

	if (3 * n > x->nassoc) {
		free(x->assoc);
		x->nassoc = 6 * n;
		x->assoc = malloc(x->nassoc * sizeof(*x->assoc));
	}
	if (!x->assoc) {
		x->nassoc = 0;
		return false;
	}
	x->taken = x->assoc + n;
	x->hints = x->taken + n;
	memset(x->assoc, 0, n * sizeof(*x->assoc));
	memset(x->hints, 0, (n - x->m.first_phi) * sizeof(*x->hints));
	return true;
}

static bool prepare_places(struct flow *x)
{
	size_t n = x->m.stride;

	if (n > x->nstate) {
		free(x->state);
		free(x->open);
		x->nstate = 2 * n;
		x->state = malloc(3 * x->nstate * sizeof(*x->state));
		x->open = malloc(x->nstate * sizeof(*x->open));
	}
	if (!x->state || !x->open) {
		x->nstate = 0;
		return false;
	}
	x->seen = x->state + n;
	x->placed = x->seen + n;
	memset(x->placed, 0xff, n * sizeof(*x->placed));
	return true;
}

static bool prepare(struct flow *x)
{
	x->keeps = KEEPS_UNKNOWN;
	return prepare_values(x) && prepare_places(x);
}

/* The first wanted operand at or behind the position. */
static struct wdx_operand *first_operand(const struct flow *x, uint32_t pos)
{
	const struct wdx_operands *all = &x->wish->operands;
	size_t lo = wdx_search(i, 0, all->len, all->data[i].lo < pos);

	return all->len ? all->data + lo : NULL;
}

static struct wdx_error *analyse(struct flow *x, bool *known)
{
	struct wdx_error *err;

	x->v.operands = first_operand(x, x->f->wasm->start.v);
	x->v.noperands = (size_t)(first_operand(x, x->f->wasm->end.v) - x->v.operands);
	err = wdx_values_of(&x->v, x->wasm, x->f->wasm, known);

	if (!err && *known)
		err = wdx_machine_of(&x->m, x->wasm, x->f, known);
	return err;
}

static void judge_claims(struct flow *x)
{
	const struct wdx_match match = {.flow = x,
					.map = x->map,
					.wasm = x->wasm,
					.code = x->code,
					.f = x->f,
					.v = &x->v,
					.m = &x->m,
					.assoc = x->assoc,
					.preserved = x->preserved};

	if (!x->nomem && x->wish->check)
		x->nomem = !wdx_check_function(x->wish->check, &match);
}

static void match(struct flow *x)
{
	static void (*const steps[])(struct flow *) = {
		wdx_flow_find_probes,  wdx_flow_take_arguments, wdx_flow_check_claims,
		wdx_flow_take_results, wdx_flow_index_inputs,	wdx_flow_index_terms,
		wdx_flow_match_all,    wdx_flow_count_proved,	wdx_flow_find_holdings,
		wdx_flow_find_users,   wdx_flow_find_pieces,
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !x->nomem; i++)
		steps[i](x);
}

static bool find_teachers(struct flow *x)
{
	for (uint32_t i = 0; i < x->map->funcs.len && x->teachers.len < MAX_LOOKED; i++) {
		uint32_t *slot;

		x->f = &x->code->funcs.data[i];
		if (!x->f->wasm || !x->map->funcs.data[i].nentities || !wdx_flow_may_teach(x))
			continue;
		slot = wdx_vec_push(&x->teachers);
		if (!slot)
			return false;
		*slot = i;
	}
	return true;
}

static struct wdx_error *learn_from(struct flow *x)
{
	bool known;
	struct wdx_error *err = analyse(x, &known);

	if (err || !known)
		return err;
	if (!prepare(x))
		return &wdx_nomem;
	wdx_flow_find_probes(x);
	wdx_flow_check_claims(x);
	wdx_flow_vote(x);
	return NULL;
}

static uint32_t code_size(const struct wdx_map *map, const struct wdx_map_func *f)
{
	uint32_t size = 0;

	for (uint32_t i = 0; i < f->nparts; i++)
		size += map->parts.data[f->first_part + i].hi -
			map->parts.data[f->first_part + i].lo;
	return size;
}

/* From those whose code has a size in [lo, hi). */
static struct wdx_error *learn_from_all(struct flow *x, uint64_t lo, uint64_t hi)
{
	struct wdx_error *err = NULL;
	const uint32_t *i;

	wdx_vec_each (i, &x->teachers) {
		uint32_t size = code_size(x->map, &x->map->funcs.data[*i]);

		x->f = &x->code->funcs.data[*i];
		if (!err && size >= lo && size < hi && wdx_flow_can_teach(x))
			err = learn_from(x);
	}
	return err;
}

/* Compilers have one convention for all wasm functions: where nine in ten functions prove an
 * argument to come in one register, it does.  Small functions teach as much as large ones. */
static struct wdx_error *learn_convention(struct flow *x)
{
	struct wdx_error *err = NULL;

	x->convention = calloc(1, sizeof(*x->convention));
	if (!x->convention)
		return &wdx_nomem;
	memset(x->convention->way, 0xff, sizeof(x->convention->way));
	x->convention->context = UINT16_MAX;
	if (!find_teachers(x))
		return &wdx_nomem;
	for (uint64_t lo = 0, hi = SMALL; !err && lo <= UINT32_MAX; lo = hi, hi *= 2)
		err = learn_from_all(x, lo, hi);
	wdx_flow_elect(x);
	memset(x->stats, 0, sizeof(*x->stats));
	return err;
}

static struct wdx_error *refine_function(struct flow *x, struct wdx_map_func *f, size_t i)
{
	uint32_t first = (uint32_t)x->entities.len;
	struct wdx_error *err = NULL;
	bool known = false;

	x->f = &x->code->funcs.data[i];
	if (x->f->wasm && x->map->entities.len) {
		x->stats->functions++;
		x->m.arguments = wdx_flow_stack_arguments(x);
		err = analyse(x, &known);
	}
	if (err)
		return err;
	if (known && !prepare(x))
		return &wdx_nomem;
	if (known) {
		x->stats->followed++;
		match(x);
		judge_claims(x);
		if (!x->nomem)
			wdx_flow_put_holders(x);
		wdx_flow_keep_others(x, f, false, WDX_ENT_GLOBAL, WDX_ENT_CONTEXT);
		if (!x->nomem)
			wdx_flow_put_context(x);
		wdx_flow_keep_others(x, f, false, WDX_ENT_MEMORY, WDX_ENT_DOUBTFUL);
	} else {
		if (x->wish->check)
			wdx_check_skip(x->wish->check, x->map, f);
		wdx_flow_keep_others(x, f, true, 0, 0);
	}
	f->first_entity = first;
	f->nentities = (uint32_t)x->entities.len - first;
	return x->nomem ? &wdx_nomem : NULL;
}

static struct wdx_error *find_preserved(struct flow *x)
{
	x->preserved = calloc(x->m.nregs + 1, sizeof(*x->preserved));
	if (!x->preserved)
		return &wdx_nomem;
	for (size_t i = 0; i < x->map->preserved.len; i++)
		if (x->map->preserved.data[i] < x->m.nregs)
			x->preserved[x->map->preserved.data[i]] = true;
	return NULL;
}

static void take(struct flow *x)
{
	wdx_vec_free(&x->map->entities);
	wdx_vec_free(&x->map->ranges);
	memcpy(&x->map->entities, &x->entities, sizeof(x->entities));
	memcpy(&x->map->ranges, &x->ranges, sizeof(x->ranges));
	memcpy(&x->map->arguments, &x->arguments, sizeof(x->arguments));
	memset(&x->arguments, 0, sizeof(x->arguments));
	memset(&x->entities, 0, sizeof(x->entities));
	memset(&x->ranges, 0, sizeof(x->ranges));
}

/* The convention first, for what is matched is matched by it. */
static struct wdx_error *refine_all(struct flow *x)
{
	struct wdx_error *err = find_preserved(x);

	if (!err)
		err = learn_convention(x);
	for (size_t i = 0; !err && i < x->map->funcs.len; i++)
		err = refine_function(x, &x->map->funcs.data[i], i);
	if (err)
		return err;
	wdx_flow_settle_entries(x);
	if (x->nomem)
		return &wdx_nomem;
	take(x);
	return NULL;
}

static void deinit(struct flow *x)
{
	wdx_values_deinit(&x->v);
	wdx_machine_deinit(&x->m);
	wdx_vec_free(&x->probes);
	wdx_vec_free(&x->holdings);
	wdx_vec_free(&x->users);
	wdx_vec_free(&x->inputs);
	wdx_vec_free(&x->edges);
	wdx_vec_free(&x->labels);
	wdx_vec_free(&x->makers);
	wdx_vec_free(&x->made);
	wdx_vec_free(&x->takers);
	wdx_vec_free(&x->due);
	wdx_vec_free(&x->given);
	wdx_vec_free(&x->terms);
	wdx_vec_free(&x->sums);
	wdx_vec_free(&x->way_at);
	wdx_vec_free(&x->next_way);
	wdx_vec_free(&x->terms_of.start);
	wdx_vec_free(&x->terms_of.items);
	wdx_vec_free(&x->inputs_of.start);
	wdx_vec_free(&x->inputs_of.items);
	wdx_vec_free(&x->holdings_of.start);
	wdx_vec_free(&x->holdings_of.items);
	wdx_vec_free(&x->pieces);
	wdx_vec_free(&x->piece_at);
	wdx_vec_free(&x->runs);
	wdx_vec_free(&x->keys);
	wdx_vec_free(&x->found);
	wdx_vec_free(&x->best);
	wdx_vec_free(&x->computed);
	for (size_t i = 0; i < MAX_NESTED * MAX_OPERANDS; i++)
		wdx_vec_free(&x->operands[i / MAX_OPERANDS][i % MAX_OPERANDS]);
	wdx_vec_free(&x->entities);
	wdx_vec_free(&x->ranges);
	wdx_vec_free(&x->arguments);
	free(x->assoc);
	free(x->state);
	free(x->open);
	wdx_vec_free(&x->teachers);
	free(x->preserved);
	free(x->convention);
}

struct wdx_error *wdx_flow_refine(struct wdx_map *map, const struct wdx_wasm *wasm,
				  const struct wdx_target *target, const struct wdx_codeindex *code,
				  struct wdx_flow_wish *wish, struct wdx_flow_stats *stats)
{
	uint32_t steps = MAX_STEPS;
	struct flow x = {.map = map,
			 .wasm = wasm,
			 .code = code,
			 .stats = stats,
			 .wish = wish,
			 .steps = &steps};
	struct wdx_error *err = wdx_machine_init(&x.m, map, target, code);

	memset(stats, 0, sizeof(*stats));
	if (!err && wdx_machine_able(&x.m))
		err = refine_all(&x);
	else if (!err && wish->check)
		for (size_t i = 0; i < map->funcs.len; i++)
			wdx_check_skip(wish->check, map, &map->funcs.data[i]);
	deinit(&x);
	return err;
}
