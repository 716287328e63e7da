/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The index of the code, asked: from wasm positions to native ranges, and back. */
#include "flow/code_work.h"

#include "base/search.h"

uint32_t wdx_code_bound(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t wasm)
{
	const struct wdx_wasm_func *w = f->wasm;
	uint32_t size = w->end.v - w->start.v;
	uint64_t at = wasm <= w->start.v ? 0 : wasm - w->start.v;
	const uint32_t *page =
		&c->pages[f->first_page +
			  (at < size ? at : size + WDX_CODE_PAGE - 1) / WDX_CODE_PAGE];
	uint32_t lo = page[0], n = at < size ? page[1] - lo : 0;

	/* without branches, which nothing could foretell */
	for (; n; n /= 2) {
		uint32_t half = n - n / 2;

		lo += c->positions[lo + half - 1] < wasm ? half : 0;
	}
	return lo;
}

uint32_t wdx_code_return_above(const struct wdx_codeindex *c, const struct wdx_map_func *f,
			       uint32_t native)
{
	return wdx_search(i, f->first_call, f->first_call + f->ncalls,
			  c->map->calls.data[i] <= native);
}

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

static uint64_t clamp(uint64_t wasm)
{
	return wasm < NONE ? wasm : NONE;
}

uint32_t wdx_code_next(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t wasm)
{
	uint32_t i = wdx_code_bound(c, f, clamp(wasm));

	return i < f->first + f->n ? c->positions[i] : NONE;
}

bool wdx_code_any(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
		  uint64_t hi)
{
	return wdx_code_next(c, f, lo) < clamp(hi);
}

/* Whether execution at `from` comes to `to` whatever the instructions between them do. */
static bool falls_through(const struct wdx_codeindex *c, uint32_t from, uint32_t to)
{
	for (uint32_t at = from; at < to; at++)
		if (wdx_code_ends_block(c, at) && wdx_code_opcode(c, at) != WDX_WASM_LOOP &&
		    wdx_code_opcode(c, at) != WDX_WASM_END)
			return false;
	return true;
}

uint32_t wdx_code_interval(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			   uint32_t at)
{
	const struct wdx_interval *iv = c->intervals.data;

	return wdx_search(i, f->first, f->first + f->n, iv[i].hi <= at);
}

uint32_t wdx_code_position(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			   uint32_t at)
{
	const struct wdx_interval *iv = c->intervals.data;
	uint32_t i = wdx_code_interval(c, f, at);

	return i < f->first + f->n && iv[i].lo <= at ? iv[i].wasm : NONE;
}

uint32_t wdx_code_native(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			 uint64_t wasm)
{
	uint32_t i = wdx_code_bound(c, f, clamp(wasm));

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

	return wdx_search(i, 0, run->n, (iv[i].wasm == NONE ? iv[i - 1].wasm : iv[i].wasm) < wasm);
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

/* The first interval from by_wasm[first] on that is at or behind that position: mostly near. */
static uint32_t upper_end(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			  uint32_t first, uint64_t wasm)
{
	uint32_t left = f->first + f->n - first, n = left < FEW ? left : FEW, k = 0;

	while (k < n && c->positions[first + k] < wasm)
		k++;
	return k < FEW ? first + k : wdx_code_bound(c, f, wasm);
}

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
		bool done = out->len > mark && out->data[out->len - 1].hi == iv[i].lo;

		if (i > f->first && !done && iv[i - 1].flags & WDX_IV_ASIDE &&
		    !(iv[i].flags & WDX_IV_PART) &&
		    !add_range(out, mark, iv[i - 1].lo, iv[i - 1].hi))
			return false;
		if (!add_range(out, mark, iv[i].lo, iv[i].hi))
			return false;
		if (k + 1 < b - a && numbers[k + 1] == i + 2 && gap < end && iv[gap].wasm == NONE &&
		    !((iv[gap].flags | iv[gap + 1].flags) & WDX_IV_PART) &&
		    !(iv[gap + 1].flags & avoid) && !add_range(out, mark, iv[gap].lo, iv[gap].hi))
			return false;
	}
	return true;
}

/* The run that holds interval i. */
static const struct wdx_code_run *run_of(const struct wdx_codeindex *c,
					 const struct wdx_code_func *f, uint32_t i)
{
	const struct wdx_code_run *lo = c->runs.data + f->first_run, *hi = lo + f->nruns;

	while (hi - lo > 1) {
		const struct wdx_code_run *mid = lo + (hi - lo) / 2;

		if (mid->first <= i)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* The runs that hold intervals by_wasm[a..b), from the one before the first of them on; or all of
 * them, when they are not worth the search. */
static const struct wdx_code_run *runs_around(const struct wdx_codeindex *c,
					      const struct wdx_code_func *f, uint32_t a, uint32_t b,
					      const struct wdx_code_run **last)
{
	const struct wdx_code_run *run = c->runs.data + f->first_run;
	uint32_t lo = NONE, hi = 0;

	*last = run + f->nruns - 1;
	if (b - a > f->nruns / 4)
		return run;
	for (uint32_t k = a; k < b; k++) {
		lo = c->by_wasm[k] < lo ? c->by_wasm[k] : lo;
		hi = c->by_wasm[k] > hi ? c->by_wasm[k] : hi;
	}
	run = run_of(c, f, lo);
	*last = run_of(c, f, hi);
	return run > c->runs.data + f->first_run ? run - 1 : run;
}

bool wdx_code_map(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
		  uint64_t hi, unsigned avoid, struct wdx_ranges *out)
{
	const struct wdx_code_run *run, *last, *end = c->runs.data + f->first_run + f->nruns;
	const struct wdx_interval *iv = c->intervals.data;
	bool before = false; /* what stands before this run belongs to the range */
	size_t mark = out->len;
	uint32_t first = wdx_code_bound(c, f, clamp(lo)),
		 n = upper_end(c, f, first, clamp(hi)) - first;

	if (n <= FEW)
		return map_few(c, f, first, first + n, avoid, out);
	for (run = runs_around(c, f, first, first + n, &last); run <= last; run++) {
		first = 0;
		n = 1;
		if (run->lo == NONE) {
			bool aside = iv[run->first].flags & WDX_IV_ASIDE;

			if ((!before && !aside) || iv[run->first].flags & WDX_IV_PART ||
			    run + 1 == end || !starts_in(c, run + 1, lo, hi, avoid))
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

static bool is_sorted(const struct wdx_ranges *r, size_t first)
{
	for (size_t i = first + 1; i < r->len; i++)
		if (r->data[i].lo < r->data[i - 1].lo)
			return false;
	return true;
}

void wdx_ranges_merge(struct wdx_ranges *r, size_t first)
{
	size_t w = first;

	if (r->len - first < 2)
		return;
	if (!is_sorted(r, first))
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
		if (wdx_code_is(c, at, WDX_INSN_START))
			return wdx_code_is(c, at, WDX_INSN_CALL) ? at : NONE;
		if (at == 0)
			break;
	}
	return NONE;
}

uint32_t wdx_code_return(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			 uint32_t call)
{
	uint32_t a = wdx_code_bound(c, f, call), b = wdx_code_bound(c, f, (uint64_t)call + 1),
		 found = 0;

	for (uint32_t i = a; i < b; i++) {
		const struct wdx_interval *iv = &c->intervals.data[c->by_wasm[i]];

		for (uint32_t k = wdx_code_return_above(c, f->map, iv->lo);
		     k < f->map->first_call + f->map->ncalls && c->map->calls.data[k] <= iv->hi;
		     k++) {
			if (found)
				return 0;
			found = c->map->calls.data[k];
		}
	}
	return found;
}
