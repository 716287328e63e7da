/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "xlat/code.h"

#include <string.h>

#include "base/error.h"
#include "native/access.h"

#define NONE UINT32_MAX

static bool is_kind(const struct wdx_codeindex *c, uint32_t wasm, unsigned flag)
{
	return c->module->kinds[wasm] & flag;
}

/* ---- intervals --------------------------------------------------------------------------------
 */

static bool add_interval(struct wdx_codeindex *c, uint32_t lo, uint32_t hi, uint32_t wasm,
			 uint32_t first)
{
	struct wdx_interval *last =
		c->intervals.len > first ? &c->intervals.data[c->intervals.len - 1] : NULL;

	if (lo == hi)
		return true;
	if (last && last->wasm == wasm && last->hi == lo) {
		last->hi = hi;
		return true;
	}
	struct wdx_interval *iv = wdx_vec_push(&c->intervals);

	if (iv)
		*iv = (struct wdx_interval){lo, hi, wasm, last ? 0 : WDX_IV_PART};
	return iv;
}

/* A position outside the function's own body (code inlined from another) has no state that this
 * function's variables could be shown in: it counts as none. */
static uint32_t own_position(const struct wdx_wasm_func *f, uint32_t wasm)
{
	return f && wasm >= f->start.v && wasm < f->end.v ? wasm : NONE;
}

static bool add_part(struct wdx_codeindex *c, const struct wdx_wasm_func *f,
		     const struct wdx_map_part *part)
{
	uint32_t first = (uint32_t)c->intervals.len, at = part->lo, wasm = NONE;

	for (uint32_t i = 0; i < part->n; i++) {
		const struct wdx_map_pair *p = &c->map->pairs.data[part->first + i];

		if (!add_interval(c, at, p->native, wasm, first))
			return false;
		at = p->native;
		wasm = own_position(f, p->wasm);
	}
	return add_interval(c, at, part->hi, wasm, first);
}

/* ---- displaced intervals ----------------------------------------------------------------------
 */

/* The first return address of the function above that native position; its index in the pool. */
static uint32_t return_above(const struct wdx_codeindex *c, const struct wdx_map_func *f,
			     uint32_t native)
{
	uint32_t lo = f->first_call, hi = f->first_call + f->ncalls;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (c->map->calls.data[mid] <= native)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Whether a call returns to the end of, or into, the interval. */
static bool has_return(const struct wdx_codeindex *c, const struct wdx_map_func *f,
		       const struct wdx_interval *iv)
{
	uint32_t i = return_above(c, f, iv->lo);

	return i < f->first_call + f->ncalls && c->map->calls.data[i] <= iv->hi;
}

static bool writes_memory(const struct wdx_codeindex *c, const struct wdx_interval *iv)
{
	struct wdx_access a;

	for (uint32_t at = iv->lo; at < iv->hi; at += a.size) {
		a = wdx_target_mem_access(c->accesses, c->map->code + at, iv->hi - at);
		if (a.ok && a.writes_memory)
			return true;
	}
	return false;
}

/* Whether the effect of the interval's instruction happens in it.  A call happens where it returns;
 * the code around it only moves arguments and results.  Of a store there may be parts that were
 * moved away, such as the load of memory's base. */
static bool effect_here(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			const struct wdx_interval *iv)
{
	if (iv->wasm == NONE || !is_kind(c, iv->wasm, WDX_INSN_EFFECT))
		return false;
	if (is_kind(c, iv->wasm, WDX_INSN_CALL))
		return !f->map->ncalls || has_return(c, f->map, iv);
	return !c->accesses || writes_memory(c, iv) || has_return(c, f->map, iv);
}

enum { OP_BLOCK = 0x02, OP_LOOP = 0x03, OP_END = 0x0b };

static uint8_t opcode_at(const struct wdx_codeindex *c, uint32_t wasm)
{
	return c->module->data[c->module->code.v + wasm];
}

/* Whether another basic block begins behind the instruction; `block` only opens a label. */
static bool ends_block(const struct wdx_codeindex *c, uint32_t wasm)
{
	return is_kind(c, wasm, WDX_INSN_CONTROL) && opcode_at(c, wasm) != OP_BLOCK;
}

/* Numbers of basic blocks: of each interval of f that has a position, how many of them end before
 * it. */
static void number_blocks(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			  uint32_t *blocks)
{
	uint32_t at = f->wasm->start.v, block = 0;

	for (uint32_t k = f->first; k < f->first + f->n; k++) {
		uint32_t i = c->by_wasm[k], wasm = c->intervals.data[i].wasm;

		if (wasm == NONE)
			break;
		for (; at < wasm; at++)
			block += ends_block(c, at);
		blocks[i] = block;
	}
}

/* Within the intervals of one stretch: marks the strays, and those that an effect was moved across.
 */
static void mark_stretch(struct wdx_codeindex *c, const uint32_t *blocks,
			 const struct wdx_stretch *s)
{
	struct wdx_interval *iv = c->intervals.data;
	uint32_t done = 0, ahead = NONE;

	for (uint32_t i = s->first; i < s->end; i++) {
		if (iv[i].wasm == NONE)
			continue;
		if (blocks[i] != s->block) {
			iv[i].flags |= WDX_IV_DISPLACED;
			continue;
		}
		if (iv[i].wasm < done)
			iv[i].flags |= WDX_IV_DISPLACED;
		if (iv[i].flags & WDX_IV_EFFECT && iv[i].wasm > done)
			done = iv[i].wasm;
	}
	for (uint32_t i = s->end; i-- > s->first;) {
		if (iv[i].wasm == NONE || blocks[i] != s->block)
			continue;
		if (iv[i].wasm > ahead)
			iv[i].flags |= WDX_IV_DISPLACED;
		if (iv[i].flags & WDX_IV_EFFECT && iv[i].wasm < ahead)
			ahead = iv[i].wasm;
	}
}

/* One of the intervals that mark_astray() puts in order. */
static bool is_ordered(const struct wdx_interval *iv)
{
	return iv->wasm != NONE && !(iv->flags & WDX_IV_DISPLACED);
}

/* Whether the positions of the stretch ascend. */
static bool ascends(const struct wdx_codeindex *c, const struct wdx_stretch *s)
{
	uint32_t last = 0;

	for (uint32_t i = s->first; i < s->end; i++) {
		const struct wdx_interval *iv = &c->intervals.data[i];

		if (!is_ordered(iv))
			continue;
		if (iv->wasm < last)
			return false;
		last = iv->wasm;
	}
	return true;
}

/* Where in ends[0..n), the last intervals of the best chains by length, the position goes. */
static uint32_t chain_bound(const struct wdx_interval *iv, const uint32_t *ends, uint32_t n,
			    uint32_t wasm)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (iv[ends[mid]].wasm <= wasm)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Pure instructions change places freely, and what they show stays true; but a debugger that stops
 * at each goes back and forth.  Marks those outside of the longest chain of ascending positions.
 * false: memory is out. */
static bool mark_astray(struct wdx_codeindex *c, const struct wdx_stretch *s)
{
	struct wdx_interval *iv = c->intervals.data + s->first;
	uint32_t n = s->end - s->first, len = 0, *ends, *before;

	if (ascends(c, s))
		return true;
	c->chain.len = 0;
	if (!wdx_vec_reserve(&c->chain, 2 * (size_t)n))
		return false;
	ends = c->chain.data;
	before = ends + n;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_ordered(&iv[i]))
			continue;
		uint32_t k = chain_bound(iv, ends, len, iv[i].wasm);

		before[i] = k ? ends[k - 1] : NONE;
		ends[k] = i;
		len = k == len ? len + 1 : len;
		iv[i].flags |= WDX_IV_ASTRAY;
	}
	for (uint32_t i = len ? ends[len - 1] : NONE; i != NONE; i = before[i])
		iv[i].flags &= ~(uint32_t)WDX_IV_ASTRAY;
	return true;
}

/* How many intervals of other blocks in a row still count as strays. */
#define MAX_STRAYS 4

/* The stretch that begins with interval i: one past its end is the last interval in i's block that
 * is reached over strays. */
static struct wdx_stretch stretch_at(const struct wdx_codeindex *c, const uint32_t *blocks,
				     uint32_t i, uint32_t end)
{
	const struct wdx_interval *iv = c->intervals.data;
	struct wdx_stretch s = {.first = i, .end = i + 1, .block = blocks[i]};

	for (uint32_t k = i; k < end && k < s.end + MAX_STRAYS; k++) {
		if (k > i && iv[k].flags & WDX_IV_PART)
			break;
		if (iv[k].wasm == NONE || blocks[k] != s.block)
			continue;
		s.end = k + 1;
		s.weight += iv[k].hi - iv[k].lo;
		if (iv[k].flags & WDX_IV_EFFECT)
			s.weight |= 1u << 31;
	}
	return s;
}

/* Splits the function's code into stretches; `main` is where each block has its chief one: with an
 * effect, or the longest.  false: memory is out. */
static bool find_stretches(struct wdx_codeindex *c, const struct wdx_code_func *f,
			   const uint32_t *blocks, uint32_t *main)
{
	const struct wdx_interval *iv = c->intervals.data;
	uint32_t end = f->first + f->n;

	c->stretches.len = 0;
	for (uint32_t i = f->first; i < end;) {
		if (iv[i].wasm == NONE) {
			i++;
			continue;
		}
		struct wdx_stretch *s = wdx_vec_push(&c->stretches);

		if (!s)
			return false;
		*s = stretch_at(c, blocks, i, end);
		i = s->end;
		if (main[s->block] == NONE || s->weight > c->stretches.data[main[s->block]].weight)
			main[s->block] = (uint32_t)(s - c->stretches.data);
	}
	return true;
}

/* Whether all of it is of instructions that trap or have effects, so that it can be the slow path
 * of one. */
static bool may_be_slow_path(const struct wdx_codeindex *c, const struct wdx_stretch *s)
{
	const struct wdx_interval *iv = c->intervals.data;

	for (uint32_t i = s->first; i < s->end; i++)
		if (iv[i].wasm != NONE && !is_kind(c, iv[i].wasm, WDX_INSN_TRAP | WDX_INSN_EFFECT))
			return false;
	return true;
}

/*
 * Machine code keeps a block's code together, so what little lies between two intervals of one
 * block is in that block, whatever its position says.  What lies elsewhere was moved: ahead of its
 * turn, such as out of a loop, which is displaced; or behind all other code, as a slow path.
 */
static bool mark_displaced(struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t *blocks,
			   uint32_t *main)
{
	uint32_t tail = 0; /* one past the last chief stretch */

	number_blocks(c, f, blocks);
	memset(main, 0xff, ((size_t)(f->wasm->end.v - f->wasm->start.v) + 1) * sizeof(*main));
	if (!find_stretches(c, f, blocks, main))
		return false;
	for (uint32_t k = 0; k < c->stretches.len; k++) {
		const struct wdx_stretch *s = &c->stretches.data[k];

		mark_stretch(c, blocks, s);
		if (main[s->block] == k)
			tail = k + 1;
	}
	for (uint32_t k = 0; k < c->stretches.len; k++) {
		const struct wdx_stretch *s = &c->stretches.data[k];

		if (main[s->block] == k || (k >= tail && may_be_slow_path(c, s)))
			continue;
		for (uint32_t i = s->first; i < s->end; i++)
			c->intervals.data[i].flags |= WDX_IV_DISPLACED;
	}
	for (uint32_t k = 0; k < c->stretches.len; k++)
		if (!mark_astray(c, &c->stretches.data[k]))
			return false;
	return true;
}

/* ---- building ---------------------------------------------------------------------------------
 */

static struct wdx_error *add_func(struct wdx_codeindex *c, const struct wdx_map_func *m)
{
	struct wdx_code_func *f = wdx_vec_push(&c->funcs);

	if (!f)
		return &wdx_nomem;
	*f = (struct wdx_code_func){.map = m, .first = (uint32_t)c->intervals.len};
	if (m->index != WDX_NO_INDEX) {
		uint32_t defined = m->index - c->module->nimported_funcs;

		f->wasm = &c->module->funcs.data[defined];
		c->of_func[defined] = (uint32_t)c->funcs.len - 1;
	}
	for (uint32_t i = 0; i < m->nparts; i++)
		if (!add_part(c, f->wasm, &c->map->parts.data[m->first_part + i]))
			return &wdx_nomem;
	f->n = (uint32_t)c->intervals.len - f->first;
	return NULL;
}

/* An effect may be in several places: a fast and a slow path, a trap out of line.  The first
 * counts: what follows it may see the effect, what comes before does not. */
static void mark_effects(struct wdx_codeindex *c, const struct wdx_code_func *f)
{
	uint32_t done = NONE;

	for (uint32_t k = f->first; k < f->first + f->n; k++) {
		struct wdx_interval *iv = &c->intervals.data[c->by_wasm[k]];

		if (iv->wasm == done || !effect_here(c, f, iv))
			continue;
		iv->flags |= WDX_IV_EFFECT;
		done = iv->wasm;
	}
}

/* The first store in [at, end), or end. */
static uint32_t next_store(const struct wdx_codeindex *c, uint32_t at, uint32_t end)
{
	while (at < end && !is_kind(c, at, WDX_INSN_MEMWRITE))
		at++;
	return at;
}

/* The first instruction from `at` on that control may leave by; `end` is a place where it arrives.
 */
static uint32_t next_branch(const struct wdx_codeindex *c, uint32_t at, uint32_t end)
{
	while (at < end && (!ends_block(c, at) || opcode_at(c, at) == OP_END))
		at++;
	return at;
}

/* Whether one of the intervals by_wasm[k...] that have the position is where the effect happens. */
static bool happens(const struct wdx_codeindex *c, uint32_t k, uint32_t last, uint32_t wasm)
{
	for (; k < last && c->intervals.data[c->by_wasm[k]].wasm == wasm; k++)
		if (c->intervals.data[c->by_wasm[k]].flags & WDX_IV_EFFECT)
			return true;
	return false;
}

/* A store that has no code was dropped because another one in its block makes it needless: until
 * the block ends memory may lack it.  (A label that nothing jumps to ends no block of the
 * compiler's.) */
static void mark_stale(struct wdx_codeindex *c, const struct wdx_code_func *f)
{
	uint32_t end = f->wasm->end.v, k = f->first, last = f->first + f->n;

	for (uint32_t at = next_store(c, f->wasm->code.v, end); at < end;
	     at = next_store(c, at + 1, end)) {
		while (k < last && c->intervals.data[c->by_wasm[k]].wasm < at)
			k++;
		if (happens(c, k, last, at))
			continue;
		uint32_t stop = next_branch(c, at, end);

		for (uint32_t i = k; i < last && c->intervals.data[c->by_wasm[i]].wasm <= stop; i++)
			c->intervals.data[c->by_wasm[i]].flags |= WDX_IV_STALE;
	}
}

/* The intervals of f by wasm position, those of one position in native order: counted by where in
 * the body they are.  `counts` has room for one more than the body's bytes. */
static void sort_by_wasm(struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t *counts)
{
	const struct wdx_interval *iv = c->intervals.data;
	uint32_t start = f->wasm->start.v, size = f->wasm->end.v - start, at = f->first;

	memset(counts, 0, ((size_t)size + 1) * sizeof(*counts));
	for (uint32_t i = f->first; i < f->first + f->n; i++)
		counts[iv[i].wasm == NONE ? size : iv[i].wasm - start]++;
	for (uint32_t i = 0; i <= size; i++) {
		uint32_t n = counts[i];

		counts[i] = at;
		at += n;
	}
	for (uint32_t i = f->first; i < f->first + f->n; i++)
		c->by_wasm[counts[iv[i].wasm == NONE ? size : iv[i].wasm - start]++] = i;
}

enum { STATE = WDX_IV_DISPLACED | WDX_IV_STALE };

/* Whether interval i goes on with a run whose last position is `wasm`. */
static bool continues(const struct wdx_codeindex *c, const struct wdx_code_run *run, uint32_t i,
		      uint32_t end)
{
	const struct wdx_interval *iv = c->intervals.data;

	return i < end && !(iv[i].flags & WDX_IV_PART) && iv[i].wasm != NONE &&
	       iv[i].wasm + 1 >= run->hi && (iv[i].flags & STATE) == run->flags;
}

/* The run from interval i on. */
static struct wdx_code_run run_at(const struct wdx_codeindex *c, uint32_t i, uint32_t end)
{
	const struct wdx_interval *iv = c->intervals.data;
	struct wdx_code_run run = {i, 1, iv[i].wasm, iv[i].wasm, iv[i].flags & STATE};

	if (iv[i].wasm == NONE)
		return run;
	run.hi++;
	for (i++;; i++) {
		if (i + 1 < end && iv[i].wasm == NONE && !(iv[i].flags & WDX_IV_PART))
			i++;
		if (!continues(c, &run, i, end))
			return run;
		run.n = i + 1 - run.first;
		run.hi = iv[i].wasm + 1;
	}
}

static bool add_runs(struct wdx_codeindex *c, struct wdx_code_func *f)
{
	uint32_t end = f->first + f->n;

	f->first_run = (uint32_t)c->runs.len;
	for (uint32_t i = f->first; i < end;) {
		struct wdx_code_run *run = wdx_vec_push(&c->runs);

		if (!run)
			return false;
		*run = run_at(c, i, end);
		i += run->n;
	}
	f->nruns = (uint32_t)c->runs.len - f->first_run;
	return true;
}

static uint32_t longest_body(const struct wdx_wasm *m)
{
	const struct wdx_wasm_func *f;
	uint32_t longest = 0;

	wdx_vec_each (f, &m->funcs)
		if (f->end.v - f->start.v > longest)
			longest = f->end.v - f->start.v;
	return longest;
}

static struct wdx_error *sort_and_mark(struct wdx_codeindex *c)
{
	struct wdx_code_func *f;
	size_t n = c->intervals.len;
	uint32_t *counts = malloc(((size_t)longest_body(c->module) + 1) * sizeof(*counts));
	uint32_t *blocks = malloc((n + 1) * sizeof(*blocks));
	bool ok;

	c->by_wasm = malloc((n + 1) * sizeof(*c->by_wasm));
	ok = counts && blocks && c->by_wasm;
	wdx_vec_each (f, &c->funcs) {
		if (ok && f->wasm) {
			sort_by_wasm(c, f, counts);
			mark_effects(c, f);
			ok = mark_displaced(c, f, blocks, counts);
			mark_stale(c, f);
		}
		ok = ok && add_runs(c, f);
	}
	free(counts);
	free(blocks);
	return ok ? NULL : &wdx_nomem;
}

struct wdx_error *wdx_code_init(struct wdx_codeindex *c, const struct wdx_wasm *module,
				const struct wdx_map *map, const struct wdx_target *target)
{
	struct wdx_error *err;
	const struct wdx_map_func *m;

	memset(c, 0, sizeof(*c));
	c->module = module;
	c->map = map;
	c->of_func = malloc((module->funcs.len + 1) * sizeof(*c->of_func));
	err = c->of_func ? NULL : &wdx_nomem;
	if (!err && target && map->code)
		err = wdx_accesses_create(&c->accesses, target);
	if (!err)
		memset(c->of_func, 0xff, module->funcs.len * sizeof(*c->of_func));
	wdx_vec_each (m, &map->funcs) {
		if (err)
			break;
		err = add_func(c, m);
	}
	if (!err)
		err = sort_and_mark(c);
	if (err)
		wdx_code_deinit(c);
	return err;
}

void wdx_code_deinit(struct wdx_codeindex *c)
{
	wdx_vec_free(&c->intervals);
	wdx_vec_free(&c->funcs);
	wdx_vec_free(&c->runs);
	wdx_vec_free(&c->stretches);
	wdx_vec_free(&c->chain);
	wdx_accesses_destroy(c->accesses);
	free(c->by_wasm);
	free(c->of_func);
	memset(c, 0, sizeof(*c));
}

/* ---- queries ----------------------------------------------------------------------------------
 */

const struct wdx_code_func *wdx_code_func_at(const struct wdx_codeindex *c, uint64_t wasm)
{
	const struct wdx_wasm_func *f;

	if (wasm >= c->module->code_size)
		return NULL;
	f = wdx_wasm_func_at(c->module, (wdx_codepos){(uint32_t)wasm});
	if (!f)
		return NULL;
	uint32_t i = c->of_func[f - c->module->funcs.data];

	return i == NONE ? NULL : &c->funcs.data[i];
}

/* Index in by_wasm of the first interval of f at or behind that position. */
static uint32_t lower_bound(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			    uint64_t wasm)
{
	uint32_t lo = f->first, hi = f->first + f->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (c->intervals.data[c->by_wasm[mid]].wasm < wasm)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint64_t clamp(uint64_t wasm)
{
	return wasm < NONE ? wasm : NONE;
}

bool wdx_code_any(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
		  uint64_t hi)
{
	return lower_bound(c, f, clamp(lo)) < lower_bound(c, f, clamp(hi));
}

/* Whether execution at `from` comes to `to` whatever the instructions between them do. */
static bool falls_through(const struct wdx_codeindex *c, uint32_t from, uint32_t to)
{
	for (uint32_t at = from; at < to; at++)
		if (ends_block(c, at) && opcode_at(c, at) != OP_LOOP && opcode_at(c, at) != OP_END)
			return false;
	return true;
}

uint32_t wdx_code_native(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			 uint64_t wasm)
{
	uint32_t i = lower_bound(c, f, clamp(wasm));

	if (i == f->first + f->n)
		return NONE;
	const struct wdx_interval *iv = &c->intervals.data[c->by_wasm[i]];

	if (iv->wasm == NONE || !falls_through(c, (uint32_t)wasm, iv->wasm))
		return NONE;
	return iv->flags & WDX_IV_DISPLACED ? NONE : iv->lo;
}

static bool add_range(struct wdx_ranges *out, size_t first, uint32_t lo, uint32_t hi)
{
	struct wdx_range *r = out->len > first ? &out->data[out->len - 1] : NULL;

	if (r && r->hi == lo) {
		r->hi = hi;
		return true;
	}
	r = wdx_vec_push(out);
	if (r)
		*r = (struct wdx_range){lo, hi};
	return r;
}

/* The first interval of the run, as a number from 0, whose position is at least `wasm`; those
 * without one count as the interval before them. */
static uint32_t run_bound(const struct wdx_codeindex *c, const struct wdx_code_run *run,
			  uint64_t wasm)
{
	const struct wdx_interval *iv = &c->intervals.data[run->first];
	uint32_t lo = 0, hi = run->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		uint32_t at = iv[mid].wasm == NONE ? iv[mid - 1].wasm : iv[mid].wasm;

		if (at < wasm)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The intervals of the run whose positions are in [lo, hi): *n from *first on, numbers in the run.
 */
static void cut_run(const struct wdx_codeindex *c, const struct wdx_code_run *run, uint64_t lo,
		    uint64_t hi, uint32_t *first, uint32_t *n)
{
	uint32_t end;

	*first = run->lo >= lo ? 0 : run_bound(c, run, lo);
	end = run->hi <= hi ? run->n : run_bound(c, run, hi);
	if (end > *first && c->intervals.data[run->first + end - 1].wasm == NONE)
		end--;
	*n = end - *first;
}

static bool meets(const struct wdx_code_run *run, uint64_t lo, uint64_t hi, unsigned avoid)
{
	return run->lo < hi && run->hi > lo && !(run->flags & avoid);
}

/* Whether the first interval of the run belongs to the range. */
static bool starts_in(const struct wdx_codeindex *c, const struct wdx_code_run *run, uint64_t lo,
		      uint64_t hi, unsigned avoid)
{
	return run->lo != NONE && meets(run, lo, hi, avoid) && run->lo >= lo &&
	       !(c->intervals.data[run->first].flags & WDX_IV_PART);
}

/* How few intervals are looked up one by one, rather than by going through the runs. */
enum { FEW = 12 };

/* Numbers of the intervals by_wasm[a..b), in native order. */
static void in_native_order(const struct wdx_codeindex *c, uint32_t a, uint32_t b, uint32_t *out)
{
	for (uint32_t k = 0; k < b - a; k++) {
		uint32_t i = c->by_wasm[a + k], at = k;

		for (; at && out[at - 1] > i; at--)
			out[at] = out[at - 1];
		out[at] = i;
	}
}

/* As wdx_code_map() for the few intervals that have positions in the range. */
static bool map_few(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t a,
		    uint32_t b, unsigned avoid, struct wdx_ranges *out)
{
	const struct wdx_interval *iv = c->intervals.data;
	uint32_t numbers[FEW], end = f->first + f->n;
	size_t mark = out->len;

	in_native_order(c, a, b, numbers);
	for (uint32_t k = 0; k < b - a; k++) {
		uint32_t i = numbers[k], gap = i + 1;

		if (iv[i].flags & avoid)
			continue;
		if (!add_range(out, mark, iv[i].lo, iv[i].hi))
			return false;
		if (k + 1 < b - a && numbers[k + 1] == i + 2 && gap < end && iv[gap].wasm == NONE &&
		    !((iv[gap].flags | iv[gap + 1].flags) & WDX_IV_PART) &&
		    !(iv[gap + 1].flags & avoid) && !add_range(out, mark, iv[gap].lo, iv[gap].hi))
			return false;
	}
	return true;
}

bool wdx_code_map(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
		  uint64_t hi, unsigned avoid, struct wdx_ranges *out)
{
	const struct wdx_code_run *run = c->runs.data + f->first_run, *end = run + f->nruns;
	const struct wdx_interval *iv = c->intervals.data;
	bool before = false; /* what stands before this run belongs to the range */
	size_t mark = out->len;
	uint32_t first = lower_bound(c, f, clamp(lo)), n = lower_bound(c, f, clamp(hi)) - first;

	if (n <= FEW)
		return map_few(c, f, first, first + n, avoid, out);
	for (; run < end; run++) {
		first = 0;
		n = 1;
		if (run->lo == NONE) {
			if (!before || iv[run->first].flags & WDX_IV_PART || run + 1 == end ||
			    !starts_in(c, run + 1, lo, hi, avoid))
				n = 0;
		} else if (meets(run, lo, hi, avoid)) {
			cut_run(c, run, lo, hi, &first, &n);
		} else {
			n = 0;
		}
		before = n && first + n == run->n;
		if (n && !add_range(out, mark, iv[run->first + first].lo,
				    iv[run->first + first + n - 1].hi))
			return false;
	}
	return true;
}

static int by_lo(const void *a, const void *b)
{
	const struct wdx_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void wdx_ranges_merge(struct wdx_ranges *r, size_t first)
{
	size_t w = first;

	if (r->len - first < 2)
		return;
	qsort(r->data + first, r->len - first, sizeof(*r->data), by_lo);
	for (size_t i = first + 1; i < r->len; i++) {
		if (r->data[i].lo <= r->data[w].hi) {
			if (r->data[i].hi > r->data[w].hi)
				r->data[w].hi = r->data[i].hi;
		} else {
			r->data[++w] = r->data[i];
		}
	}
	r->len = w + 1;
}

uint32_t wdx_code_call_before(const struct wdx_codeindex *c, uint64_t wasm)
{
	if (wasm == 0 || wasm > c->module->code_size)
		return NONE;
	/* a call has at most three LEB128 operands behind its opcode */
	for (uint32_t at = (uint32_t)wasm - 1, n = 0; n < 24; at--, n++) {
		if (is_kind(c, at, WDX_INSN_START))
			return is_kind(c, at, WDX_INSN_CALL) ? at : NONE;
		if (at == 0)
			break;
	}
	return NONE;
}

uint32_t wdx_code_return(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			 uint32_t call)
{
	uint32_t a = lower_bound(c, f, call), b = lower_bound(c, f, (uint64_t)call + 1), found = 0;

	for (uint32_t i = a; i < b; i++) {
		const struct wdx_interval *iv = &c->intervals.data[c->by_wasm[i]];

		for (uint32_t k = return_above(c, f->map, iv->lo);
		     k < f->map->first_call + f->map->ncalls && c->map->calls.data[k] <= iv->hi;
		     k++) {
			if (found)
				return 0;
			found = c->map->calls.data[k];
		}
	}
	return found;
}
