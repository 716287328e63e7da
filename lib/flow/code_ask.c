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

struct words {
	size_t first, last;
};

/* Turns the intervals by_wasm[a..b) around, among the chosen ones or not. */
static void toggle(const struct wdx_codeindex *c, uint32_t a, uint32_t b, struct words *in)
{
	for (; a < b; a++) {
		uint32_t i = c->by_wasm[a];

		c->words[i / 64].chosen ^= 1ULL << i % 64;
		in->first = i / 64 < in->first ? i / 64 : in->first;
		in->last = i / 64 > in->last ? i / 64 : in->last;
	}
}

/* Chooses all intervals of the function that have positions. */
static struct words choose_all(const struct wdx_codeindex *c, const struct wdx_code_func *f)
{
	uint32_t end = f->first + f->n;
	struct words in = {f->first / 64, (end - 1) / 64};

	for (size_t i = in.first; i <= in.last; i++)
		c->words[i].chosen = c->words[i].placed;
	c->words[in.first].chosen &= ~0ULL << f->first % 64;
	c->words[in.last].chosen &= ~0ULL >> -end % 64;
	return in;
}

/* Chooses the intervals by_wasm[a..b), which are some: as bits they are in native order.  Of most
 * of a function the others are turned around. */
static struct words choose(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t a,
			   uint32_t b)
{
	struct words in = {SIZE_MAX, 0};

	if (b - a <= f->n / 2) {
		toggle(c, a, b, &in);
		return in;
	}
	in = choose_all(c, f);
	toggle(c, f->first, a, &in);
	toggle(c, b, wdx_code_bound(c, f, NONE), &in);
	return in;
}

/* Appends the intervals of a word of bits, from interval `first` on. */
static bool add_word(const struct wdx_codeindex *c, const struct wdx_code_word *w, uint32_t first,
		     uint64_t bits, size_t mark, struct wdx_ranges *out)
{
	const struct wdx_interval *iv = c->intervals.data + first;

	while (bits) {
		unsigned lo = (unsigned)__builtin_ctzll(bits);
		uint64_t stops = (~bits | w->part) & ~1ULL << lo;
		unsigned hi = stops ? (unsigned)__builtin_ctzll(stops) : 64;

		if (!add_range(out, mark, iv[lo].lo, iv[hi - 1].hi))
			return false;
		bits &= hi < 64 ? ~0ULL << hi : 0;
	}
	return true;
}

/* Of the chosen intervals those to keep. */
static uint64_t kept(const struct wdx_code_word *w, unsigned avoid)
{
	return w->chosen & ~((avoid & WDX_IV_DISPLACED ? w->displaced : 0) |
			     (avoid & WDX_IV_STALE ? w->stale : 0));
}

bool wdx_code_map(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
		  uint64_t hi, unsigned avoid, struct wdx_ranges *out)
{
	uint32_t a = wdx_code_bound(c, f, clamp(lo)), b = wdx_code_bound(c, f, clamp(hi));
	uint64_t before = 0, here, behind;
	size_t mark = out->len;
	struct words in;
	bool ok = true;

	if (a >= b)
		return true;
	in = choose(c, f, a, b);
	in.first -= in.first > 0; /* what leads to the first stands before it */
	here = kept(&c->words[in.first], avoid);
	for (size_t i = in.first; i <= in.last; i++) {
		struct wdx_code_word *w = &c->words[i];

		w->chosen = 0;
		behind = kept(w + 1, avoid);
		uint64_t next = here >> 1 | behind << 63, previous = here << 1 | before >> 63;

		ok = ok &&
		     add_word(c, w, (uint32_t)i * 64,
			      here | (next & (w->aside | (w->between & previous))), mark, out);
		before = here;
		here = behind;
	}
	return ok;
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
