/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <stdlib.h>
#include <string.h>

#include "base/search.h"
#include "base/sort.h"
#include "flow/flow_work.h"

/* ---- what is asked for, and what may be known of it -------------------------------------------
 */

/* Locals, then operand slots, each by position. */
void wdx_flow_find_users(struct flow *x)
{
	uint32_t n = x->v.nlocals + (uint32_t)x->v.slots.len;

	x->users.len = 0;
	for (uint32_t i = 0; i < n && !x->nomem; i++) {
		uint32_t end = x->v.first[i + 1];

		for (uint32_t k = x->v.first[i]; k < end; k++) {
			const struct wdx_segment *s = &x->v.segments.data[k];
			uint32_t hi = k + 1 < end ? s[1].pos : x->f->wasm->end.v;
			struct user *u = s->value && s->pos < hi ? wdx_vec_push(&x->users) : NULL;

			if (u)
				*u = (struct user){s->value, i, s->pos, hi};
			else
				x->nomem |= s->value && s->pos < hi;
		}
	}
}

static uint32_t term_key(const struct flow *x, size_t item)
{
	return x->terms.data[item].is.root;
}

uint32_t *wdx_flow_sums(const struct flow *x, uint32_t root, uint64_t off)
{
	uint64_t h = ((uint64_t)root << 32 | (uint32_t)off) * 0x9e3779b97f4a7c15u;

	return &x->sums.data[(h >> 32) & (x->sums.len - 1)];
}

/* Room for the heads of their chains, all empty. */
static bool clear_sums(struct flow *x)
{
	size_t n = 16;

	while (n < x->terms.len)
		n *= 2;
	x->sums.len = 0;
	if (!wdx_vec_reserve(&x->sums, n))
		return false;
	memset(x->sums.data, 0, n * sizeof(*x->sums.data));
	x->sums.len = n;
	return true;
}

void wdx_flow_index_terms(struct flow *x)
{
	const uint32_t *value;

	x->terms.len = 0;
	if (!wdx_vec_reserve(&x->terms, x->v.sums.len)) {
		x->nomem = true;
		return;
	}
	wdx_vec_each (value, &x->v.sums)
		x->terms.data[x->terms.len++] =
			(struct term){*value, 0, wdx_value_term(&x->v, *value)};
	if (!clear_sums(x)) {
		x->nomem = true;
		return;
	}
	for (uint32_t i = (uint32_t)x->terms.len; i; i--) { /* the last first */
		struct term *t = &x->terms.data[i - 1];
		uint32_t *head = wdx_flow_sums(x, t->is.root, t->is.off);

		t->next = *head;
		*head = i;
	}
	wdx_flow_build_index(x, &x->terms_of, x->v.values.len, x->terms.len, term_key);
}

/* ---- the outcome ------------------------------------------------------------------------------
 */

/* The place of the machine, in the map. */
static uint32_t map_machine_place(struct flow *x, uint32_t place)
{
	uint32_t *placed = &x->placed[place];

	if (*placed == NONE && place < x->m.nregs)
		*placed = wdx_map_place_reg(x->map, place);
	else if (*placed == NONE)
		*placed = wdx_map_place_mem(x->map, WDX_BASE_CFA, 0,
					    &x->m.slots[place - x->m.nregs].off, 1);
	return *placed;
}

uint32_t wdx_flow_map_place(struct flow *x, const struct found *f)
{
	uint32_t of;

	if (f->rank == RANK_COMPUTED)
		return wdx_flow_computed_place(x, &x->computed.data[f->place]);
	if (f->place == NONE)
		return wdx_map_place_const(x->map, x->v.values.data[f->value].bits);
	if (f->rank == RANK_ENTRY)
		return wdx_map_place_entry(x->map, f->place);
	if (f->rank == RANK_CELL)
		return wdx_flow_cell_place(x, f);
	of = map_machine_place(x, f->place);
	return f->rank < RANK_SUM || of == NONE ? of : wdx_map_place_sum(x->map, of, f->addend);
}

static uint32_t rank_of(const struct flow *x, uint32_t place)
{
	return place < x->m.nregs && !x->preserved[place] ? RANK_PASSING : RANK_LASTING;
}

bool wdx_flow_same_found(const struct found *a, const struct found *b)
{
	return a->place == b->place && a->rank == b->rank && a->addend == b->addend &&
	       (a->place != NONE || a->value == b->value);
}

void wdx_flow_add_found(struct flow *x, struct founds *to, uint32_t lo, uint32_t hi,
			const struct found *how)
{
	struct found *f = to->len ? &to->data[to->len - 1] : NULL;

	if (f && f->hi == lo && wdx_flow_same_found(f, how)) {
		f->hi = hi;
		return;
	}
	f = wdx_vec_push(to);
	if (f) {
		*f = *how;
		f->lo = lo;
		f->hi = hi;
	}
	x->nomem |= !f;
}

/* The first interval behind i in its part that shows a state; UINT32_MAX: there is none. */
static uint32_t next_shown(const struct flow *x, uint32_t i)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t end = x->f->first + x->f->n;

	for (i++; i < end && !(iv[i].flags & WDX_IV_PART); i++)
		if (wdx_flow_shows(&iv[i]))
			return i;
	return NONE;
}

/* Notes how far code goes on as wasm does. */
static void chain_pieces(struct flow *x)
{
	struct piece *p = x->pieces.data;

	for (uint32_t k = (uint32_t)x->pieces.len; k--;) {
		bool on = k + 1 < x->pieces.len && p[k].next_wasm == p[k + 1].wasm &&
			  p[k].next_lo == p[k + 1].lo;

		p[k].last = on ? p[k + 1].last : k;
	}
}

/* In the order of positions, and of addresses where these are the same. */
void wdx_flow_find_pieces(struct flow *x)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t end = x->f->first + x->f->n;

	x->pieces.len = x->piece_at.len = 0;
	if (!wdx_vec_reserve(&x->pieces, x->f->n) ||
	    !wdx_vec_reserve(&x->piece_at, (size_t)x->f->n + 1)) {
		x->nomem = true;
		return;
	}
	for (uint32_t k = x->f->first; k < end; k++) {
		uint32_t i = x->code->by_wasm[k], next;

		x->piece_at.data[x->piece_at.len++] = (uint32_t)x->pieces.len;
		if (!wdx_flow_shows(&iv[i]))
			continue;
		next = next_shown(x, i);
		x->pieces.data[x->pieces.len++] = (struct piece){
			.wasm = iv[i].wasm,
			.lo = iv[i].lo,
			.hi = iv[i].hi,
			.next_wasm = next == NONE ? NONE : iv[next].wasm,
			.next_lo = next == NONE ? 0 : iv[next - 1].hi,
		};
	}
	x->piece_at.data[x->piece_at.len++] = (uint32_t)x->pieces.len;
	chain_pieces(x);
}

/* The first at or behind the position. */
static const struct piece *first_piece(const struct flow *x, uint32_t pos)
{
	uint32_t i = wdx_code_bound(x->code, x->f, pos) - x->f->first;

	return x->pieces.data + x->piece_at.data[i];
}

/* False: not behind the last one. */
static bool add_run(struct flow *x, uint32_t lo, uint32_t hi)
{
	struct wdx_range *last = x->runs.len ? &x->runs.data[x->runs.len - 1] : NULL;
	bool behind = !last || lo >= last->hi;

	if (last && last->hi == lo) {
		last->hi = hi;
		return true;
	}
	last = wdx_vec_push(&x->runs);
	if (last)
		*last = (struct wdx_range){lo, hi};
	x->nomem |= !last;
	return behind;
}

static bool sort_runs(struct flow *x)
{
	size_t n = x->runs.len;
	uint64_t *keys;

	x->keys.len = 0;
	if (!wdx_vec_reserve(&x->keys, 2 * n))
		return false;
	keys = x->keys.data;
	for (size_t i = 0; i < n; i++)
		keys[i] = x->runs.data[i].lo << 32 | x->runs.data[i].hi;
	wdx_sort(keys, n, keys + n);
	x->runs.len = 0;
	for (size_t i = 0; i < n; i++)
		add_run(x, (uint32_t)(keys[i] >> 32), (uint32_t)keys[i]);
	return true;
}

/* The native code of a range of positions, to x->runs: intervals that show a state, each with what
 * shows nothing behind it, up to the next that is in the range too. */
static void find_runs(struct flow *x, uint32_t lo, uint32_t hi)
{
	const struct piece *p = first_piece(x, lo), *end = first_piece(x, hi), *last;
	bool sorted = true;

	x->runs.len = 0;
	for (; p < end && !x->nomem; p = last + 1) {
		last = x->pieces.data + p->last;
		last = last < end ? last : end - 1;
		bool on = last->next_wasm >= lo && last->next_wasm < hi;

		sorted &= add_run(x, p->lo, on ? last->next_lo : last->hi);
	}
	if (!sorted && !x->nomem)
		x->nomem = !sort_runs(x);
}

bool wdx_flow_may_be_known(const struct flow *x, uint32_t value)
{
	const uint32_t *held = x->holdings_of.start.data + value, *sums;

	if (held[0] < held[1] || x->v.values.data[value].kind == WDX_VALUE_CONST ||
	    wdx_flow_computable(x, value))
		return true;
	sums = x->terms_of.start.data + wdx_value_term(&x->v, value).root;
	return sums[0] < sums[1];
}

/* The parts of [lo, hi) in x->runs. */
void wdx_flow_add_where(struct flow *x, struct founds *to, uint32_t lo, uint32_t hi,
			const struct found *how)
{
	const struct wdx_range *end = x->runs.data + x->runs.len;

	for (const struct wdx_range *r = wdx_search(i, x->runs.data, end, i->hi <= lo);
	     r < end && r->lo < hi; r++)
		wdx_flow_add_found(x, to, r->lo > lo ? (uint32_t)r->lo : lo,
				   r->hi < hi ? (uint32_t)r->hi : hi, how);
}

static uint8_t user_type(const struct flow *x, const struct user *u)
{
	return u->holder < x->v.nlocals ? wdx_flow_type_of(x, u->holder)
					: wdx_value_type(x->wasm, x->f->wasm, &x->v, u->value);
}

/* Where a place holds the value; `how` says how to come from that to the one that is wanted.
 * Whether one place holds it in all of x->runs. */
static bool use_holdings(struct flow *x, uint32_t value, uint32_t width, struct found how,
			 struct founds *to)
{
	const uint32_t *start = x->holdings_of.start.data + value;
	uint64_t lo = x->runs.data[0].lo, hi = x->runs.data[x->runs.len - 1].hi;
	bool throughout = false;

	for (uint32_t i = start[0]; i < start[1]; i++) {
		const struct holding *h = &x->holdings.data[x->holdings_of.items.data[i]];

		if (h->hi <= lo || h->lo >= hi)
			continue;
		throughout |= h->lo <= lo && h->hi >= hi;
		how.place = h->place;
		if (how.rank != RANK_SUM)
			how.rank = rank_of(x, h->place);
		if (h->width >= width)
			wdx_flow_add_where(x, to, h->lo, h->hi, &how);
	}
	return throughout;
}

/* By way of others that differ from it by a constant. */
static void use_sums(struct flow *x, uint32_t value, uint32_t width, struct founds *to)
{
	struct wdx_term t = wdx_value_term(&x->v, value);
	const uint32_t *start = x->terms_of.start.data + t.root;
	struct found how = {.rank = RANK_SUM, .addend = t.off};

	if (start[0] == start[1])
		return;
	if (t.root != value)
		use_holdings(x, t.root, width, how, to);
	for (uint32_t i = start[0]; i < start[1] && *x->steps; i++, --*x->steps) {
		const struct term *other = &x->terms.data[x->terms_of.items.data[i]];

		how.addend = t.off - other->is.off;
		if (other->value != value)
			use_holdings(x, other->value, width, how, to);
	}
}

void wdx_flow_find_value(struct flow *x, uint32_t value, uint32_t width, unsigned depth,
			 struct founds *to)
{
	struct found constant = {.place = NONE, .value = value}, held = {.place = NONE};

	if (x->v.values.data[value].kind == WDX_VALUE_CONST) {
		if (x->wish->compute)
			wdx_flow_add_where(x, to, 0, UINT32_MAX, &constant);
		return;
	}
	if (use_holdings(x, value, width, held, to) || !x->wish->compute)
		return;
	use_sums(x, value, width, to);
	if (depth)
		wdx_flow_compute(x, value, width, depth, to);
}

static void use(struct flow *x, const struct user *u)
{
	uint8_t type = user_type(x, u);
	bool integer = type == WDX_I32 || type == WDX_I64;

	if (!wdx_flow_may_be_known(x, u->value))
		return;
	find_runs(x, u->lo, u->hi);
	if (x->runs.len && !x->nomem)
		wdx_flow_find_value(x, u->value, wdx_flow_width_of(type), integer ? MAX_NESTED : 0,
				    &x->found);
	if (x->runs.len && integer && !x->nomem && x->wish->compute)
		wdx_flow_use_entry(x, u->value);
}

static int by_lo(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	if (x->hi != y->hi)
		return x->hi > y->hi ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->addend < y->addend ? -1 : x->addend > y->addend;
}

static void put_range(struct flow *x, struct wdx_map_entity *e, uint32_t lo, uint32_t hi,
		      uint32_t place)
{
	struct wdx_map_range *last = e->n ? &x->ranges.data[x->ranges.len - 1] : NULL;

	x->nomem |= place == NONE;
	if (lo >= hi || x->nomem)
		return;
	if (last && last->place == place && last->hi == lo) {
		last->hi = hi;
		return;
	}
	last = wdx_vec_push(&x->ranges);
	if (!last) {
		x->nomem = true;
		return;
	}
	*last = (struct wdx_map_range){lo, hi, place};
	e->n++;
}

static bool is_sorted(const struct founds *all)
{
	for (size_t i = 1; i < all->len; i++)
		if (by_lo(&all->data[i - 1], &all->data[i]) > 0)
			return false;
	return true;
}

/* Puts those that begin together, which are no more than there are places, in order. */
static void settle(struct found *f, size_t i)
{
	struct found it = f[i];

	for (; i && f[i - 1].lo == it.lo && by_lo(&f[i - 1], &it) > 0; i--)
		f[i] = f[i - 1];
	f[i] = it;
}

static void sort_found(struct flow *x, struct founds *all)
{
	size_t n = all->len;
	uint64_t *keys;

	x->keys.len = 0;
	if (!wdx_vec_reserve(&x->keys, 2 * n) || !wdx_vec_reserve(all, n)) {
		x->nomem = true;
		return;
	}
	keys = x->keys.data;
	for (size_t i = 0; i < n; i++)
		keys[i] = (uint64_t)all->data[i].lo << 32 | i;
	wdx_sort(keys, n, keys + n);
	memcpy(all->data + n, all->data, n * sizeof(*all->data));
	for (size_t i = 0; i < n; i++) {
		all->data[i] = all->data[n + (uint32_t)keys[i]];
		settle(all->data, i);
	}
}

/* Where several ways are known at once, the best, and of these the one that lasts longest. */
static void find_best(struct flow *x, const struct founds *all, struct founds *out)
{
	static const struct found none;
	const struct found *best[RANKS] = {[0 ... RANKS - 1] = &none}; /* seen so far */
	const struct found *next = all->data, *end = next + all->len;
	uint32_t at = 0;

	for (;;) {
		for (; next < end && next->lo <= at; next++)
			if (next->hi > best[next->rank]->hi)
				best[next->rank] = next;
		const struct found *f = best[0];
		uint32_t hi;

		for (unsigned rank = 1; rank < RANKS && f->hi <= at; rank++)
			f = best[rank];
		hi = f->hi;

		if (hi <= at && next == end)
			return;
		if (next < end && next->lo < hi && f->rank != RANK_LASTING)
			hi = next->lo;
		if (f->hi > at)
			wdx_flow_add_found(x, out, at, hi, f);
		at = f->hi > at ? hi : next->lo;
	}
}

void wdx_flow_keep_best(struct flow *x, struct founds *all)
{
	struct founds out = x->best;

	out.len = 0;
	if (!is_sorted(all))
		sort_found(x, all);
	if (all->len)
		find_best(x, all, &out);
	x->best = *all;
	*all = out;
}

static void put_entity(struct flow *x, uint32_t kind, uint32_t index)
{
	struct wdx_map_entity e = {.kind = kind, .index = index, .first = (uint32_t)x->ranges.len};
	struct wdx_map_entity *slot;
	const struct found *f;

	wdx_flow_keep_best(x, &x->found);
	wdx_vec_each (f, &x->found)
		put_range(x, &e, f->lo, f->hi, wdx_flow_map_place(x, f));
	if (!e.n)
		return;
	slot = wdx_vec_push(&x->entities);
	if (slot)
		*slot = e;
	x->nomem |= !slot;
}

void wdx_flow_put_holders(struct flow *x)
{
	for (size_t i = 0; i < x->users.len;) {
		uint32_t holder = x->users.data[i].holder;
		bool local = holder < x->v.nlocals;

		x->found.len = x->computed.len = 0;
		for (; i < x->users.len && x->users.data[i].holder == holder; i++)
			use(x, &x->users.data[i]);
		put_entity(x, local ? WDX_ENT_LOCAL : WDX_ENT_STACK,
			   local ? holder : x->v.slots.data[holder - x->v.nlocals]);
	}
}

void wdx_flow_put_context(struct flow *x)
{
	const uint32_t *start = x->holdings_of.start.data + wdx_flow_value_key(x, CONTEXT);

	x->found.len = 0;
	for (uint32_t i = start[0]; i < start[1]; i++) {
		const struct holding *h = &x->holdings.data[x->holdings_of.items.data[i]];

		struct found how = {.place = h->place, .rank = rank_of(x, h->place)};

		if (h->width >= 8)
			wdx_flow_add_found(x, &x->found, h->lo, h->hi, &how);
	}
	put_entity(x, WDX_ENT_CONTEXT, 0);
}

static void keep_entity(struct flow *x, const struct wdx_map_entity *e)
{
	struct wdx_map_entity *slot = wdx_vec_push(&x->entities);

	if (!slot || !wdx_vec_reserve(&x->ranges, e->n)) {
		x->nomem = true;
		return;
	}
	*slot = *e;
	slot->first = (uint32_t)x->ranges.len;
	if (e->n)
		memcpy(x->ranges.data + x->ranges.len, x->map->ranges.data + e->first,
		       e->n * sizeof(*x->ranges.data));
	x->ranges.len += e->n;
}

/* Those of other kinds stay; all in the order of kinds. */
void wdx_flow_keep_others(struct flow *x, const struct wdx_map_func *f, bool all, uint32_t from,
			  uint32_t to)
{
	for (uint32_t i = 0; i < f->nentities && !x->nomem; i++) {
		const struct wdx_map_entity *e = &x->map->entities.data[f->first_entity + i];

		if ((all && e->kind != WDX_ENT_DOUBTFUL) || (e->kind >= from && e->kind < to))
			keep_entity(x, e);
	}
}
