/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "stepper/align.h"

#include <string.h>

#include "native/access.h"
#include "native/skim.h"

#define AHEAD 100000 /* events */
#define KEPT 20000   /* passed events that stay */
#define NO_EVENT UINT64_MAX

const char *const align_names[ALIGN_KINDS] = {
	"aligned", "pending",	    "backward", "early",       "not-visited",
	"far",	   "no-activation", "lost",	"no-position",
};

/* ---- events ---------------------------------------------------------------------------------- */

/* Notes where the scout stands. */
static void note(struct align *a)
{
	struct interp_frame f;
	const struct wdx_wasm_func *body;
	struct event *e;

	if (!interp_frame(a->scout, 0, &f))
		return;
	a->events = xgrow(a->events, a->n, &a->cap, sizeof(*a->events));
	e = &a->events[a->n++];
	body = world_body(a->w, f.func);
	*e = (struct event){.count = interp_count(a->scout),
			    .entry = f.entry,
			    .func = f.func,
			    .wasm = f.pc - a->w->wasm.code.v};
	e->begins = body && e->wasm == body->code.v && f.entry >= a->next_entry;
	if (e->begins)
		a->next_entry = f.entry + 1;
}

static bool more(struct align *a)
{
	if (a->ended)
		return false;
	if (!a->started) {
		a->started = true;
		note(a);
		return a->n;
	}
	if (interp_run(a->scout, UINT64_MAX) != INTERP_READY) {
		a->ended = true;
		return false;
	}
	note(a);
	return true;
}

/* An event by number, or NULL behind the end of the run. */
static const struct event *event(struct align *a, uint64_t i)
{
	while (i >= a->dropped + a->n)
		if (!more(a))
			return NULL;
	return &a->events[i - a->dropped];
}

static void forget(struct align *a)
{
	uint64_t first = a->base < a->barrier ? a->base : a->barrier;
	size_t drop;

	if (first < a->dropped + 2 * KEPT)
		return;
	drop = (size_t)(first - KEPT - a->dropped);
	memmove(a->events, a->events + drop, (a->n - drop) * sizeof(*a->events));
	a->n -= drop;
	a->dropped += drop;
}

static bool is_effect(const struct world *w, uint32_t wasm)
{
	return wasm < w->wasm.code_size && w->wasm.kinds[wasm] & WDX_INSN_EFFECT;
}

/* What the instruction at `at` does, as far as can be told: 0, 1 or STORES. */
static uint8_t effect_at(const struct world *w, struct wdx_accesses *decoder, uint32_t at,
			 uint32_t *size)
{
	const uint8_t *p = w->map.code + at;
	size_t left = (size_t)(w->map.code_size - at);
	struct wdx_skim s;

	wdx_target_skim(w->target)(p, left, &s);
	*size = s.size;
	if (s.kind != WDX_SKIM_UNKNOWN && s.kind != WDX_SKIM_ACCESS)
		return s.kind == WDX_SKIM_STORE ? STORES : s.kind == WDX_SKIM_CALL;
	struct wdx_access insn = wdx_target_mem_access(decoder, p, left, at);

	*size = insn.size;
	return insn.ok && insn.writes_memory ? STORES : !insn.ok || insn.call;
}

/* Notes what the code in [lo, hi) does from each of its instructions on. */
static void find_effect(struct align *a, struct wdx_accesses *decoder, uint32_t lo, uint32_t hi)
{
	uint32_t size;

	for (uint32_t at = lo; at < hi; at += size) {
		uint8_t effect = effect_at(a->w, decoder, at, &size);

		for (uint32_t i = at + size; effect && i-- > lo && a->effect[i] < effect;)
			a->effect[i] = effect;
	}
}

/* Effects keep their order, so the code that makes them is seldom out of it.  Of the code with the
 * position of an effect not all makes it: what computes an address may come much earlier. */
static void find_effects(struct align *a)
{
	const struct wdx_map *m = &a->w->map;
	const struct wdx_map_part *part;
	struct wdx_accesses *decoder = NULL;
	struct wdx_error *err = m->code ? wdx_accesses_create(&decoder, a->w->target) : NULL;

	if (err)
		fail("%s", wdx_error_message(err));
	a->effect = xalloc(m->code_size + 32);
	wdx_vec_each (part, &m->parts) {
		for (uint32_t i = part->first; i < part->first + part->n; i++) {
			const struct wdx_map_pair *p = &m->pairs.data[i];
			uint32_t hi = i + 1 < part->first + part->n ? p[1].native : part->hi;

			if (is_effect(a->w, p->wasm) && decoder)
				find_effect(a, decoder, p->native, hi);
			else if (is_effect(a->w, p->wasm))
				memset(a->effect + p->native, 1, hi - p->native);
		}
	}
	wdx_accesses_destroy(decoder);
}

/* What it costs to believe that a stop is out of order. */
static uint64_t penalty(const struct align *a, uint32_t native)
{
	return a->effect[native] ? 3 : 1;
}

void align_init(struct align *a, const struct world *w, struct interp *scout)
{
	const struct wdx_wasm_func *f;

	a->w = w;
	a->scout = scout;
	a->base = NO_EVENT;
	a->live = xalloc((w->wasm.code_size + 1) * sizeof(*a->live));
	a->stores = xalloc((w->wasm.code_size + 1) * sizeof(*a->stores));
	find_effects(a);
	wdx_vec_each (f, &w->wasm.funcs)
		interp_mark(scout, f->code.v + w->wasm.code.v, true);
}

static bool opens_function(const struct align *a, uint32_t wasm)
{
	const struct wdx_wasm_func *f = wdx_wasm_func_at(&a->w->wasm, (wdx_codepos){wasm});

	return f && f->code.v == wasm;
}

void align_mark(struct align *a, uint32_t native, uint32_t wasm, bool on)
{
	a->live[wasm] += on ? 1 : -1;
	if (a->effect[native] == STORES)
		a->stores[wasm] += on ? 1 : -1;
	if (a->live[wasm] == on && !opens_function(a, wasm))
		interp_mark(a->scout, wasm + a->w->wasm.code.v, on);
}

/* Events in (from, to) that should have stopped the process. */
static uint64_t skipped(struct align *a, uint64_t from, uint64_t to)
{
	uint64_t n = 0;

	for (uint64_t i = from + 1; i < to; i++)
		n += a->live[a->events[i - a->dropped].wasm] > 0;
	return n;
}

/* ---- pending stops --------------------------------------------------------------------------- */

/* The event of the last of the first k pending stops. */
static uint64_t position(const struct align *a, unsigned k)
{
	return k ? a->pending[k - 1].event : a->base;
}

/* Makes the event of a sure stop the base. */
static void stand_at(struct align *a, uint64_t i, uint32_t native)
{
	if (i != a->base)
		a->nsame = 0;
	if (a->nsame < MAX_SAME)
		a->same[a->nsame++] = native;
	a->base = i;
}

static void confirm(struct align *a, bool sure)
{
	for (unsigned i = 0; i < a->npending; i++) {
		struct event e = *event(a, a->pending[i].event);

		e.cfa = a->pending[i].cfa;
		a->settle(a->ctx, &a->pending[i], &e, sure);
		stand_at(a, a->pending[i].event, a->pending[i].native);
	}
	a->npending = 0;
}

static void refute(struct align *a, unsigned kept)
{
	for (unsigned i = kept; i < a->npending; i++) {
		unsigned k = a->early_count++ % MAX_EARLY;

		a->early[k].event = a->pending[i].event;
		a->early[k].native = a->pending[i].native;
	}
	for (unsigned i = kept; i < a->npending; i++)
		a->settle(a->ctx, &a->pending[i], NULL, false);
	a->npending = kept;
}

void align_end(struct align *a)
{
	if (a->npending)
		confirm(a, false);
}

/* ---- activations ----------------------------------------------------------------------------- */

enum alignment align_enter(struct align *a, uint32_t func, uint64_t cfa)
{
	uint64_t at = position(a, a->npending), i = at + 1; /* NO_EVENT + 1 is 0 */
	const struct event *e;

	while ((e = event(a, i)) && !e->begins && i - at <= AHEAD)
		i++;
	if (!e || !e->begins || e->func != func)
		return ALIGN_LOST;
	if (a->npending)
		confirm(a, !skipped(a, at, i));
	a->base = a->barrier = i;
	a->nsame = 0;
	while (a->depth && a->stack[a->depth - 1].cfa <= cfa)
		a->depth--;
	a->stack = xgrow(a->stack, a->depth, &a->stack_cap, sizeof(*a->stack));
	a->stack[a->depth++] = (struct activation){cfa, event(a, i)->entry, func};
	forget(a);
	return ALIGN_OK;
}

/* ---- stops ----------------------------------------------------------------------------------- */

/* Whether the stop has been matched with that event, the first k pending stops being right. */
static bool matched(const struct align *a, unsigned k, uint64_t i, uint32_t native)
{
	for (unsigned j = 0; i == a->base && j < a->nsame; j++)
		if (a->same[j] == native)
			return true;
	for (unsigned j = 0; j < k; j++)
		if (a->pending[j].event == i && a->pending[j].native == native)
			return true;
	return false;
}

static bool was_early(const struct align *a, uint64_t i, uint32_t native)
{
	for (unsigned k = 0; k < a->early_count && k < MAX_EARLY; k++)
		if (a->early[k].event == i && a->early[k].native == native)
			return true;
	return false;
}

/* The next visit from the position after k pending stops on, before the next entry. */
static uint64_t search(struct align *a, unsigned k, uint32_t native, uint32_t wasm, uint64_t entry,
		       enum alignment *why)
{
	uint64_t from = position(a, k);
	const struct event *e;

	for (uint64_t i = from; i - from < AHEAD; i++) {
		e = event(a, i);
		*why = ALIGN_NOT_VISITED;
		if (!e || (i > from && e->begins))
			return NO_EVENT;
		if (e->entry == entry && e->wasm == wasm &&
		    !(i == from && matched(a, k, i, native)) && !was_early(a, i, native))
			return i;
		if (i > from && a->stores[e->wasm] && a->effect[native] != STORES)
			return NO_EVENT;
	}
	*why = ALIGN_FAR;
	return NO_EVENT;
}

/* Whether the activation has been there, as far as that is remembered. */
static bool passed(const struct align *a, uint32_t wasm, uint64_t entry)
{
	const struct event *e;

	for (uint64_t i = position(a, a->npending); i + 1 > a->dropped; i--) {
		e = &a->events[i - a->dropped];
		if (e->entry < entry)
			return false;
		if (e->entry == entry && e->wasm == wasm)
			return true;
	}
	return false;
}

struct choice {
	uint64_t event, skipped;
	unsigned kept; /* pending stops that are right then */
	bool sure;
};

/* The next visit of a store, when no other store that would have stopped the process lies before
 * it. */
static uint64_t next_store(struct align *a, uint32_t native, uint32_t wasm, uint64_t entry)
{
	const struct event *e;

	for (uint64_t i = a->base; (e = event(a, i)) && i - a->base < AHEAD; i++) {
		if (i > a->base && e->begins)
			break;
		if (e->entry == entry && e->wasm == wasm && !matched(a, a->npending, i, native))
			return i;
		if (i > a->base && a->stores[e->wasm])
			break;
	}
	return NO_EVENT;
}

static bool is_sure(struct align *a, uint32_t native, uint32_t wasm, uint64_t entry,
		    struct choice *c)
{
	uint64_t i = a->effect[native] == STORES ? next_store(a, native, wasm, entry) : NO_EVENT;

	*c = (struct choice){.event = i, .sure = i != NO_EVENT};
	while (c->sure && c->kept < a->npending && a->pending[c->kept].event <= i)
		c->kept++;
	return c->sure;
}

/* How the stop fits with the least leaping and the fewest stops out of order: all or the first few
 * of the pending stops are right, or all of them and this one is late. */
static enum alignment choose(struct align *a, uint32_t native, uint32_t wasm, uint64_t entry,
			     struct choice *best)
{
	enum alignment why = ALIGN_NOT_VISITED, first = why;
	uint64_t cost, least = UINT64_MAX, before = 0, refuted = 0;

	if (is_sure(a, native, wasm, entry, best))
		return ALIGN_OK;
	for (unsigned k = 0; k < a->npending; k++)
		refuted += penalty(a, a->pending[k].native);
	for (unsigned k = 0; k <= a->npending; k++) {
		uint64_t i = search(a, k, native, wasm, entry, &why);

		if (k) {
			before += a->pending[k - 1].skipped;
			refuted -= penalty(a, a->pending[k - 1].native);
		}
		if (k == a->npending)
			first = why;
		if (i == NO_EVENT)
			continue;
		cost = before + skipped(a, position(a, k), i) + refuted;
		if (cost > least)
			continue;
		least = cost;
		*best = (struct choice){i, skipped(a, position(a, k), i), k, false};
	}
	if (best->event != NO_EVENT && best->kept < a->npending &&
	    before + penalty(a, native) < least)
		return ALIGN_BACKWARD;
	return best->event == NO_EVENT ? first : ALIGN_OK;
}

static unsigned confirming(const struct align *a)
{
	unsigned n = 0;

	while (n < a->npending && !a->pending[a->npending - 1 - n].skipped)
		n++;
	return n;
}

static enum alignment take(struct align *a, uint32_t native, uint32_t wasm, const struct choice *c,
			   struct event *out, struct pending **to)
{
	refute(a, c->kept);
	if (c->sure || (!c->skipped && (!a->npending || confirming(a) + 1 >= CONFIRMING))) {
		confirm(a, true);
		stand_at(a, c->event, native);
		*out = *event(a, c->event);
		out->cfa = a->stack[a->depth - 1].cfa;
		return ALIGN_OK;
	}
	if (a->npending == MAX_PENDING)
		confirm(a, false);
	*to = &a->pending[a->npending++];
	**to = (struct pending){.event = c->event,
				.native = native,
				.wasm = wasm,
				.skipped = c->skipped,
				.cfa = a->stack[a->depth - 1].cfa};
	return ALIGN_PENDING;
}

enum alignment align_stop(struct align *a, uint32_t native, uint32_t wasm, uint32_t func,
			  uint64_t depth, struct event *out, struct pending **to)
{
	const struct activation *top;
	struct choice best;
	enum alignment got;

	while (a->depth && a->stack[a->depth - 1].cfa <= depth)
		a->depth--;
	if (!a->depth || a->stack[a->depth - 1].func != func)
		return ALIGN_NO_ACTIVATION;
	top = &a->stack[a->depth - 1];
	got = choose(a, native, wasm, top->entry, &best);
	if (got == ALIGN_NOT_VISITED && passed(a, wasm, top->entry))
		return ALIGN_BACKWARD;
	if (got == ALIGN_OK)
		got = take(a, native, wasm, &best, out, to);
	forget(a);
	return got;
}
