/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "xlat/code.h"

#include <string.h>

#include "base/error.h"

#define NONE UINT32_MAX

/* ---- bitmaps over the code section ------------------------------------------------------------
 */

static bool bit(const uint64_t *bits, uint32_t at)
{
	return bits[at / 64] >> (at % 64) & 1;
}

static void set_bit(uint64_t *bits, uint32_t at)
{
	bits[at / 64] |= 1ULL << (at % 64);
}

static size_t words(const struct wdx_codeindex *c)
{
	return c->module->code_size / 64 + 1;
}

static struct wdx_error *scan_body(struct wdx_codeindex *c, const struct wdx_wasm_func *f)
{
	struct wdx_insn_iter it;
	struct wdx_insn insn;

	wdx_insn_begin(&it, c->module, f);
	while (wdx_insn_next(&it, &insn)) {
		set_bit(c->starts, insn.pos.v);
		if (insn.flags & WDX_INSN_EFFECT)
			set_bit(c->effects, insn.pos.v);
		if (insn.flags & WDX_INSN_CONTROL)
			set_bit(c->controls, insn.pos.v);
		if (insn.flags & WDX_INSN_CALL)
			set_bit(c->calls, insn.pos.v);
		if (insn.flags & WDX_INSN_MEMWRITE)
			set_bit(c->stores, insn.pos.v);
	}
	return it.err;
}

static struct wdx_error *scan_module(struct wdx_codeindex *c)
{
	size_t n = words(c);
	const struct wdx_wasm_func *f;
	struct wdx_error *err;
	uint32_t rank = 0;

	c->starts = calloc(n, sizeof(uint64_t));
	c->effects = calloc(n, sizeof(uint64_t));
	c->controls = calloc(n, sizeof(uint64_t));
	c->calls = calloc(n, sizeof(uint64_t));
	c->stores = calloc(n, sizeof(uint64_t));
	c->control_ranks = calloc(n, sizeof(uint32_t));
	if (!c->starts || !c->effects || !c->controls || !c->calls || !c->stores ||
	    !c->control_ranks)
		return &wdx_nomem;
	wdx_vec_each (f, &c->module->funcs) {
		err = scan_body(c, f);
		if (err)
			return err;
	}
	for (size_t i = 0; i < n; i++) {
		c->control_ranks[i] = rank;
		rank += (uint32_t)__builtin_popcountll(c->controls[i]);
	}
	return NULL;
}

/* Number of the basic block, counted over the module: control instructions before the position. */
static uint32_t block_of(const struct wdx_codeindex *c, uint32_t wasm)
{
	uint64_t below = c->controls[wasm / 64] & ((1ULL << (wasm % 64)) - 1);

	return c->control_ranks[wasm / 64] + (uint32_t)__builtin_popcountll(below);
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

/* Whether the effect of the interval's instruction happens in it.  A call happens where it returns;
 * the code around it only moves arguments and results. */
static bool effect_here(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			const struct wdx_interval *iv)
{
	if (iv->wasm == NONE || !bit(c->effects, iv->wasm))
		return false;
	return !bit(c->calls, iv->wasm) || !f->map->ncalls || has_return(c, f->map, iv);
}

/* Within the intervals [a, b), all of one block or strays between them: marks the strays, and those
 * that an effect was moved across. */
static void mark_block(struct wdx_codeindex *c, uint32_t block, uint32_t a, uint32_t b)
{
	struct wdx_interval *iv = c->intervals.data;
	uint32_t done = 0, ahead = NONE;

	for (uint32_t i = a; i < b; i++) {
		if (iv[i].wasm == NONE)
			continue;
		if (block_of(c, iv[i].wasm) != block) {
			iv[i].flags |= WDX_IV_DISPLACED;
			continue;
		}
		if (iv[i].wasm < done)
			iv[i].flags |= WDX_IV_DISPLACED;
		if (iv[i].flags & WDX_IV_EFFECT && iv[i].wasm > done)
			done = iv[i].wasm;
	}
	for (uint32_t i = b; i-- > a;) {
		if (iv[i].wasm == NONE || block_of(c, iv[i].wasm) != block)
			continue;
		if (iv[i].wasm > ahead)
			iv[i].flags |= WDX_IV_DISPLACED;
		if (iv[i].flags & WDX_IV_EFFECT && iv[i].wasm < ahead)
			ahead = iv[i].wasm;
	}
}

/* How many intervals of other blocks in a row still count as strays. */
#define MAX_STRAYS 4

/* One past the last interval from i on that is in the block, strays bridged. */
static uint32_t block_end(const struct wdx_codeindex *c, uint32_t block, uint32_t i, uint32_t end)
{
	const struct wdx_interval *iv = c->intervals.data;
	uint32_t stop = i + 1;

	for (uint32_t k = stop; k < end && k - stop < MAX_STRAYS && !(iv[k].flags & WDX_IV_PART);
	     k++)
		if (iv[k].wasm != NONE && block_of(c, iv[k].wasm) == block)
			stop = k + 1;
	return stop;
}

/* Machine code keeps a block's code together, so what little lies between two intervals of one
 * block is in that block, whatever its position says.  Longer stretches are other blocks, and the
 * return to the first one an out-of-line part of it, such as a trap. */
static void mark_displaced(struct wdx_codeindex *c, const struct wdx_code_func *f)
{
	const struct wdx_interval *iv = c->intervals.data;
	uint32_t end = f->first + f->n;

	for (uint32_t i = f->first; i < end;) {
		if (iv[i].wasm == NONE) {
			i++;
			continue;
		}
		uint32_t block = block_of(c, iv[i].wasm), stop = block_end(c, block, i, end);

		mark_block(c, block, i, stop);
		i = stop;
	}
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

/* The first set bit in [at, end), or end. */
static uint32_t next_bit(const uint64_t *bits, uint32_t at, uint32_t end)
{
	while (at < end) {
		uint64_t word = bits[at / 64] >> (at % 64);

		if (word) {
			at += (uint32_t)__builtin_ctzll(word);
			return at < end ? at : end;
		}
		at = (at / 64 + 1) * 64;
	}
	return end;
}

/* A store that has no code was dropped because another one in its block makes it needless: until
 * the block ends memory may lack it. */
static void mark_stale(struct wdx_codeindex *c, const struct wdx_code_func *f)
{
	uint32_t end = f->wasm->end.v, k = f->first, last = f->first + f->n;

	for (uint32_t at = next_bit(c->stores, f->wasm->code.v, end); at < end;
	     at = next_bit(c->stores, at + 1, end)) {
		while (k < last && c->intervals.data[c->by_wasm[k]].wasm < at)
			k++;
		if (k < last && c->intervals.data[c->by_wasm[k]].wasm == at)
			continue;
		uint32_t stop = next_bit(c->controls, at, end);

		for (uint32_t i = k; i < last && c->intervals.data[c->by_wasm[i]].wasm <= stop; i++)
			c->intervals.data[c->by_wasm[i]].flags |= WDX_IV_STALE;
	}
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Much code is in the order of its wasm positions already. */
static void sort_keys(uint64_t *keys, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (keys[i] > keys[i - 1])
			continue;
		qsort(keys, n, sizeof(*keys), by_key);
		return;
	}
}

/* Keys of position and number: intervals are numbered in native order, so ties sort by it. */
static struct wdx_error *sort_and_mark(struct wdx_codeindex *c)
{
	const struct wdx_code_func *f;
	size_t n = c->intervals.len;
	uint64_t *keys = malloc((n + 1) * sizeof(*keys));

	c->by_wasm = malloc((n + 1) * sizeof(*c->by_wasm));
	if (!c->by_wasm || !keys) {
		free(keys);
		return &wdx_nomem;
	}
	for (size_t i = 0; i < n; i++)
		keys[i] = (uint64_t)c->intervals.data[i].wasm << 32 | i;
	wdx_vec_each (f, &c->funcs)
		sort_keys(keys + f->first, f->n);
	for (size_t i = 0; i < n; i++)
		c->by_wasm[i] = (uint32_t)keys[i];
	free(keys);
	wdx_vec_each (f, &c->funcs) {
		if (!f->wasm)
			continue;
		mark_effects(c, f);
		mark_displaced(c, f);
		mark_stale(c, f);
	}
	return NULL;
}

struct wdx_error *wdx_code_init(struct wdx_codeindex *c, const struct wdx_wasm *module,
				const struct wdx_map *map)
{
	struct wdx_error *err;
	const struct wdx_map_func *m;

	memset(c, 0, sizeof(*c));
	c->module = module;
	c->map = map;
	c->of_func = malloc((module->funcs.len + 1) * sizeof(*c->of_func));
	err = c->of_func ? scan_module(c) : &wdx_nomem;
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
	wdx_vec_free(&c->scratch);
	free(c->by_wasm);
	free(c->of_func);
	free(c->starts);
	free(c->effects);
	free(c->controls);
	free(c->calls);
	free(c->stores);
	free(c->control_ranks);
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

uint32_t wdx_code_native(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			 uint64_t wasm)
{
	uint32_t i = lower_bound(c, f, clamp(wasm));

	if (i == f->first + f->n || c->intervals.data[c->by_wasm[i]].wasm != wasm)
		return NONE;
	return c->intervals.data[c->by_wasm[i]].lo;
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

static bool in_range(const struct wdx_interval *iv, uint64_t lo, uint64_t hi, unsigned avoid)
{
	return iv->wasm != NONE && iv->wasm >= lo && iv->wasm < hi && !(iv->flags & avoid);
}

/* An interval without position between two that belong to the range. */
static bool bracketed(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t i,
		      uint64_t lo, uint64_t hi, unsigned avoid)
{
	const struct wdx_interval *iv = c->intervals.data;

	return iv[i].wasm == NONE && i > f->first && i + 1 < f->first + f->n &&
	       !(iv[i].flags & WDX_IV_PART) && !(iv[i + 1].flags & WDX_IV_PART) &&
	       in_range(&iv[i - 1], lo, hi, avoid) && in_range(&iv[i + 1], lo, hi, avoid);
}

/* In native order over all of the function: for ranges that hold much of it. */
static bool map_by_scan(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
			uint64_t hi, unsigned avoid, struct wdx_ranges *out)
{
	size_t first = out->len;

	for (uint32_t i = f->first; i < f->first + f->n; i++) {
		const struct wdx_interval *iv = &c->intervals.data[i];

		if (!in_range(iv, lo, hi, avoid) && !bracketed(c, f, i, lo, hi, avoid))
			continue;
		if (!add_range(out, first, iv->lo, iv->hi))
			return false;
	}
	return true;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_numbers(uint32_t *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (v[i] > v[i - 1])
			continue;
		qsort(v, n, sizeof(*v), by_number);
		return;
	}
}

/* From the intervals in wasm order: for small ranges in large functions. */
static bool map_by_index(struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t a,
			 uint32_t b, uint64_t lo, uint64_t hi, unsigned avoid,
			 struct wdx_ranges *out)
{
	const struct wdx_interval *iv = c->intervals.data;
	size_t first = out->len;

	c->scratch.len = 0;
	if (!wdx_vec_reserve(&c->scratch, b - a))
		return false;
	memcpy(c->scratch.data, c->by_wasm + a, (b - a) * sizeof(uint32_t));
	sort_numbers(c->scratch.data, b - a);
	for (uint32_t k = 0; k < b - a; k++) {
		uint32_t i = c->scratch.data[k];

		if (iv[i].flags & avoid)
			continue;
		if (!add_range(out, first, iv[i].lo, iv[i].hi))
			return false;
		if (i + 1 < f->first + f->n && bracketed(c, f, i + 1, lo, hi, avoid) &&
		    !add_range(out, first, iv[i + 1].lo, iv[i + 1].hi))
			return false;
	}
	return true;
}

bool wdx_code_map(struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo, uint64_t hi,
		  unsigned avoid, struct wdx_ranges *out)
{
	uint32_t a = lower_bound(c, f, clamp(lo)), b = lower_bound(c, f, clamp(hi));

	if (a >= b)
		return true;
	if (b - a > f->n / 8)
		return map_by_scan(c, f, lo, hi, avoid, out);
	return map_by_index(c, f, a, b, lo, hi, avoid, out);
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
		if (bit(c->starts, at))
			return bit(c->calls, at) ? at : NONE;
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
