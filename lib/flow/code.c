/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/code_work.h"

#include <string.h>

#include "base/error.h"
#include "flow/values.h"
#include "native/access.h"

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

/* ---- effects ----------------------------------------------------------------------------------
 */

/* Whether a call returns to the end of, or into, the interval. */
static bool has_return(const struct wdx_codeindex *c, const struct wdx_map_func *f,
		       const struct wdx_interval *iv)
{
	uint32_t i = wdx_code_return_above(c, f, iv->lo);

	return i < f->first_call + f->ncalls && c->map->calls.data[i] <= iv->hi;
}

static enum wdx_skim_kind kind_of(const struct wdx_access *a)
{
	if (!a->ok)
		return WDX_SKIM_PLAIN;
	if (a->call)
		return WDX_SKIM_CALL;
	return a->leaves || !a->falls ? WDX_SKIM_JUMP
	       : a->writes_memory     ? WDX_SKIM_STORE
				      : WDX_SKIM_PLAIN;
}

void wdx_code_skim(const struct wdx_codeindex *c, uint32_t at, struct wdx_skim *out)
{
	const uint8_t *p = c->map->code + at;
	size_t left = (size_t)(c->map->code_size - at);

	c->skim(p, left, out);
	if (out->kind != WDX_SKIM_UNKNOWN && out->kind != WDX_SKIM_ACCESS)
		return;
	struct wdx_access a = wdx_target_mem_access(c->accesses, p, left, at);
	bool jumps = a.ok && !a.call && a.target != NONE;

	*out = (struct wdx_skim){a.size, kind_of(&a),
				 jumps ? (int32_t)(a.target - at - a.size) : 0};
}

/* Whether there is an instruction of that kind in the interval. */
static bool has_kind(const struct wdx_codeindex *c, const struct wdx_interval *iv,
		     enum wdx_skim_kind kind)
{
	struct wdx_skim s;

	for (uint32_t at = iv->lo; at < iv->hi; at += s.size) {
		wdx_code_skim(c, at, &s);
		if (s.kind == kind)
			return true;
	}
	return false;
}

/* Whether the effect that the interval's instruction has happens in it.  A call happens where it
 * returns; the code around it only moves arguments and results.  Of a store there may be parts that
 * were moved away, such as the load of memory's base. */
static bool effect_here(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			const struct wdx_interval *iv)
{
	if (wdx_code_is(c, iv->wasm, WDX_INSN_CALL))
		return !f->map->ncalls || has_return(c, f->map, iv);
	return !c->accesses || has_kind(c, iv, WDX_SKIM_STORE) || has_return(c, f->map, iv);
}

bool wdx_code_ends_block(const struct wdx_codeindex *c, uint32_t wasm)
{
	return wdx_code_is(c, wasm, WDX_INSN_CONTROL) && wdx_code_opcode(c, wasm) != WDX_WASM_BLOCK;
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
		f->first_page = (uint32_t)c->npages;
		c->npages += (size_t)(f->wasm->end.v - f->wasm->start.v) / WDX_CODE_PAGE + 2;
	}
	for (uint32_t i = 0; i < m->nparts; i++)
		if (!add_part(c, f->wasm, &c->map->parts.data[m->first_part + i]))
			return &wdx_nomem;
	f->n = (uint32_t)c->intervals.len - f->first;
	return NULL;
}

/* Where in by_wasm the intervals of that position are. */
static uint32_t group_of(const struct marking *m, uint32_t wasm, uint32_t *end)
{
	const struct wdx_codeindex *c = m->c;
	uint32_t k = *end = m->counts[wasm - m->f->wasm->start.v];

	while (k > m->f->first && c->positions[k - 1] == wasm)
		k--;
	return k;
}

/* An effect may be in several places: a fast and a slow path, a trap out of line.  The first
 * counts: what follows it may see the effect, what comes before does not. */
static void mark_effects(struct marking *m)
{
	const struct wdx_codeindex *c = m->c;
	const struct effect *at;

	wdx_vec_each (at, &m->effects) {
		uint32_t end, k = group_of(m, at->pos, &end);

		while (k < end && !effect_here(c, m->f, &c->intervals.data[c->by_wasm[k]]))
			k++;
		if (k < end)
			c->intervals.data[c->by_wasm[k]].flags |= WDX_IV_EFFECT;
	}
}

/* ---- dropped stores ---------------------------------------------------------------------------
 */

struct label {
	bool joined; /* control comes to its end by another way than falling */
	bool loop;
};

struct joins {
	const struct wdx_codeindex *c;
	WDX_VEC(struct label) labels;
	uint8_t *at;		  /* by byte of the body: an `end` where ways come together */
	struct wdx_values values; /* to tell what stores write to */
	bool known;
	uint32_t start;
	bool nomem;
};

static void jump(struct joins *j, uint64_t depth)
{
	if (depth < j->labels.len)
		j->labels.data[j->labels.len - 1 - depth].joined = true;
}

static void jump_table(struct joins *j, const struct wdx_insn *insn)
{
	struct wdx_reader r;

	wdx_insn_labels(j->c->module, insn, &r);
	for (uint64_t i = 0; i <= insn->imm[0] && !r.failed; i++)
		jump(j, wdx_read_uleb(&r, 32));
}

static void open_label(struct joins *j, uint8_t opcode)
{
	struct label *l = wdx_vec_push(&j->labels);

	if (l)
		*l = (struct label){.joined = opcode == WDX_WASM_IF,
				    .loop = opcode == WDX_WASM_LOOP};
	j->nomem |= !l;
}

static void join_control(struct joins *j, uint32_t pos)
{
	uint8_t opcode = wdx_code_opcode(j->c, pos);
	struct wdx_insn insn;

	switch (opcode) {
	case WDX_WASM_BR:
	case WDX_WASM_BR_IF:
		wdx_insn_at(j->c->module, (wdx_codepos){pos}, &insn);
		return jump(j, insn.imm[0]);
	case WDX_WASM_BR_TABLE:
		wdx_insn_at(j->c->module, (wdx_codepos){pos}, &insn);
		return jump_table(j, &insn);
	case WDX_WASM_END:
		if (!j->labels.len)
			return;
		j->labels.len--;
		j->at[pos - j->start] =
			!j->labels.data[j->labels.len].loop && j->labels.data[j->labels.len].joined;
		return;
	case WDX_WASM_ELSE:
		return;
	}
	/* what else is control opens a label, or jumps out of the function */
	wdx_insn_at(j->c->module, (wdx_codepos){pos}, &insn);
	if (opcode <= WDX_WASM_IF || insn.opcode == WDX_WASM_TRY ||
	    insn.opcode == WDX_WASM_TRY_TABLE)
		open_label(j, opcode);
}

/* Finds the labels that branches lead to; those that nothing jumps to end no block of the
 * compiler's. */
static void find_joins(struct joins *j, const struct wdx_wasm_func *f)
{
	struct wdx_error *err = wdx_values_of(&j->values, j->c->module, f, &j->known);

	wdx_error_destroy(err);
	j->known &= !err;
	j->labels.len = 0;
	j->start = f->start.v;
	memset(j->at, 0, f->end.v - f->start.v + 1);
	for (uint32_t pos = f->code.v; pos < f->end.v && !j->nomem; pos++)
		if (wdx_code_is(j->c, pos, WDX_INSN_CONTROL) &&
		    wdx_code_opcode(j->c, pos) > WDX_WASM_NOP)
			join_control(j, pos);
}

/* How far memory may lack the store at `at`, which has no code: up to the store that made it
 * needless, which comes before ways of control part or meet, and before any call, since that could
 * see it. 0: there is none, so memory held the value already, or the store is never reached. */
static uint32_t stale_until(const struct joins *j, uint32_t at, uint32_t end)
{
	uint32_t last = 0;

	for (at++; at < end; at++) {
		if (wdx_code_is(j->c, at, WDX_INSN_CALL))
			break;
		if (wdx_code_ends_block(j->c, at) &&
		    (wdx_code_opcode(j->c, at) != WDX_WASM_END || j->at[at - j->start]))
			break;
		if (wdx_code_is(j->c, at, WDX_INSN_MEMWRITE))
			last = at;
	}
	return last;
}

/* Whether one of the intervals by_wasm[k..end) is where its effect happens. */
static bool happens(const struct wdx_codeindex *c, uint32_t k, uint32_t end)
{
	for (; k < end; k++)
		if (c->intervals.data[c->by_wasm[k]].flags & WDX_IV_EFFECT)
			return true;
	return false;
}

/* The store at `at`, by_wasm[k] being the first at or behind it, has no code. */
static void dropped_store(struct joins *j, const struct wdx_code_func *f, uint32_t at, uint32_t k)
{
	const struct wdx_codeindex *c = j->c;
	uint32_t stop = stale_until(j, at, f->wasm->end.v);
	uint32_t again = j->known ? wdx_store_again(&j->values, at, stop) : stop;

	for (; k < f->first + f->n && c->intervals.data[c->by_wasm[k]].wasm <= stop; k++) {
		struct wdx_interval *iv = &c->intervals.data[c->by_wasm[k]];

		iv->flags |= WDX_IV_STALE | (iv->wasm <= again ? WDX_IV_LATE : 0);
	}
}

/* A store that has no code was dropped because another one makes it needless. */
static void mark_stale(struct joins *j, const struct marking *m)
{
	const struct wdx_code_func *f = m->f;
	bool joined = false;
	const struct effect *at;

	wdx_vec_each (at, &m->effects) {
		if (!wdx_code_is(j->c, at->pos, WDX_INSN_MEMWRITE))
			continue;
		uint32_t end, k = group_of(m, at->pos, &end);

		if (happens(j->c, k, end))
			continue;
		if (!joined)
			find_joins(j, f->wasm);
		joined = true;
		dropped_store(j, f, at->pos, k);
	}
}

/* ---- order of positions -----------------------------------------------------------------------
 */

static void count_positions(struct marking *m)
{
	const struct wdx_interval *iv = m->c->intervals.data;
	uint32_t start = m->f->wasm->start.v, size = m->f->wasm->end.v - start;

	memset(m->counts, 0, ((size_t)size + 1) * sizeof(*m->counts));
	for (uint32_t i = m->f->first; i < m->f->first + m->f->n; i++)
		m->counts[iv[i].wasm == NONE ? size : iv[i].wasm - start]++;
}

static bool add_effect(struct marking *m, uint32_t wasm, uint32_t block)
{
	struct effect *slot = wdx_vec_push(&m->effects);

	if (slot)
		*slot = (struct effect){wasm, block};
	return slot;
}

static bool add_control(struct marking *m, uint32_t pos)
{
	uint32_t *slot = wdx_vec_push(&m->controls);

	if (slot)
		*slot = pos;
	return slot;
}

/* How far the way through a body has come. */
struct scan {
	uint32_t at;	/* in by_wasm */
	uint32_t block; /* so many have ended */
};

/* Bytes [i, end) of the body.  Which of them begin an instruction nothing could foretell, so it is
 * not asked: the others have no intervals and no kind.  false: memory is out. */
static bool scan_page(struct marking *m, struct scan *s, uint32_t i, uint32_t end)
{
	uint32_t start = m->f->wasm->start.v, *counts = m->counts, *numbers = m->numbers;
	const uint8_t *kinds = m->c->module->kinds + start;

	for (; i < end; i++) {
		uint32_t n = counts[i];

		counts[i] = s->at;
		numbers[i] = s->block;
		s->at += n;
		if (!(kinds[i] & (WDX_INSN_EFFECT | WDX_INSN_CONTROL)))
			continue;
		if (kinds[i] & WDX_INSN_EFFECT && !add_effect(m, start + i, s->block))
			return false;
		if (kinds[i] & WDX_INSN_CONTROL && !add_control(m, start + i))
			return false;
		s->block += wdx_code_ends_block(m->c, start + i);
	}
	return true;
}

/* Goes through the body: turns counts into places, numbers blocks, notes effects.  false: memory is
 * out. */
static bool scan_body(struct marking *m)
{
	uint32_t size = m->f->wasm->end.v - m->f->wasm->start.v;
	uint32_t *page = &m->c->pages[m->f->first_page];
	struct scan s = {.at = m->f->first};

	m->effects.len = 0;
	m->controls.len = 0;
	for (uint32_t i = 0; i < size; i += WDX_CODE_PAGE) {
		uint32_t left = size - i;

		*page++ = s.at;
		if (!scan_page(m, &s, i, i + (left < WDX_CODE_PAGE ? left : WDX_CODE_PAGE)))
			return false;
	}
	*page = m->counts[size] = s.at;
	m->nblocks = s.block + 1;
	return true;
}

/* The intervals of f by wasm position, those of one position in native order: counted by where in
 * the body they are. */
static bool sort_by_wasm(struct marking *m)
{
	const struct wdx_interval *iv = m->c->intervals.data;
	uint32_t start = m->f->wasm->start.v, size = m->f->wasm->end.v - start;

	count_positions(m);
	if (!scan_body(m))
		return false;
	for (uint32_t i = m->f->first; i < m->f->first + m->f->n; i++) {
		uint32_t at = iv[i].wasm == NONE ? size : iv[i].wasm - start;

		m->c->by_wasm[m->counts[at]] = i;
		m->c->positions[m->counts[at]++] = iv[i].wasm;
		if (at < size)
			m->blocks[i - m->f->first] = m->numbers[at];
	}
	return true;
}

static struct wdx_code_word word_of(const struct wdx_interval *iv, uint32_t n)
{
	struct wdx_code_word w = {0};

	for (uint32_t i = 0; i < n; i++) {
		uint64_t bit = 1ULL << i;
		bool inside = !((iv[i].flags | iv[i + 1].flags) & WDX_IV_PART);

		w.placed |= iv[i].wasm != NONE ? bit : 0;
		w.displaced |= iv[i].flags & WDX_IV_DISPLACED ? bit : 0;
		w.stale |= iv[i].flags & WDX_IV_STALE ? bit : 0;
		w.part |= iv[i].flags & WDX_IV_PART ? bit : 0;
		w.between |= inside && iv[i].wasm == NONE ? bit : 0;
		w.aside |= inside && iv[i].flags & WDX_IV_ASIDE ? bit : 0;
	}
	return w;
}

static bool make_words(struct wdx_codeindex *c)
{
	uint32_t n = (uint32_t)c->intervals.len;
	struct wdx_interval *end = wdx_vec_push(&c->intervals);

	c->words = calloc(n / 64 + 2, sizeof(*c->words));
	if (!end || !c->words)
		return false;
	*end = (struct wdx_interval){.flags = WDX_IV_PART}; /* so that each has one behind it */
	c->intervals.len--;
	for (uint32_t i = 0; i < n; i += 64)
		c->words[i / 64] = word_of(&c->intervals.data[i], n - i < 64 ? n - i : 64);
	return true;
}

static struct wdx_error *mark_func(struct marking *m, struct joins *j)
{
	if (!sort_by_wasm(m))
		return &wdx_nomem;
	mark_effects(m);
	mark_stale(j, m);
	if (m->c->map->instrumented) /* says all positions as they are */
		return j->nomem ? &wdx_nomem : NULL;
	return wdx_code_mark_displaced(m) && !j->nomem ? NULL : &wdx_nomem;
}

/* Room for the largest function. */
static bool marking_init(struct marking *m, struct joins *j, struct wdx_codeindex *c)
{
	const struct wdx_code_func *f;
	size_t body = 1, n = 1;

	wdx_vec_each (f, &c->funcs) {
		if (f->wasm && f->wasm->end.v - f->wasm->start.v >= body)
			body = (size_t)(f->wasm->end.v - f->wasm->start.v) + 1;
		n = f->n >= n ? (size_t)f->n + 1 : n;
	}
	*m = (struct marking){.c = c,
			      .counts = malloc(3 * body * sizeof(*m->counts)),
			      .blocks = malloc(2 * n * sizeof(*m->blocks))};
	*j = (struct joins){.c = c, .at = malloc(body)};
	if (!m->counts || !m->blocks || !j->at)
		return false;
	m->chief = m->counts;
	m->numbers = m->weight = m->counts + body;
	m->best = m->counts + 2 * body;
	m->stretches = m->blocks + n;
	return true;
}

static struct wdx_error *sort_and_mark(struct wdx_codeindex *c)
{
	struct wdx_code_func *f;
	struct marking m;
	struct joins j;
	struct wdx_error *err = marking_init(&m, &j, c) ? NULL : &wdx_nomem;

	c->by_wasm = malloc((c->intervals.len + 1) * sizeof(*c->by_wasm));
	c->positions = malloc((c->intervals.len + 1) * sizeof(*c->positions));
	c->pages = malloc((c->npages + 1) * sizeof(*c->pages));
	if (!c->by_wasm || !c->positions || !c->pages)
		err = &wdx_nomem;
	wdx_vec_each (f, &c->funcs) {
		m.f = f;
		if (!err && f->wasm)
			err = mark_func(&m, &j);
	}
	if (!err && !make_words(c))
		err = &wdx_nomem;
	wdx_vec_free(&j.labels);
	wdx_values_deinit(&j.values);
	free(j.at);
	wdx_vec_free(&m.effects);
	wdx_vec_free(&m.heads);
	wdx_vec_free(&m.controls);
	wdx_vec_free(&m.labels);
	free(m.counts);
	free(m.blocks);
	return err;
}

struct wdx_error *wdx_code_init(struct wdx_codeindex *c, const struct wdx_wasm *module,
				const struct wdx_map *map, const struct wdx_target *target)
{
	struct wdx_error *err;
	const struct wdx_map_func *m;

	memset(c, 0, sizeof(*c));
	c->module = module;
	c->map = map;
	c->skim = target ? wdx_target_skim(target) : NULL;
	c->of_func = malloc((module->funcs.len + 1) * sizeof(*c->of_func));
	err = c->of_func ? NULL : &wdx_nomem;
	if (!err && target && map->code)
		err = wdx_accesses_create(&c->accesses, target);
	if (!err)
		memset(c->of_func, 0xff, module->funcs.len * sizeof(*c->of_func));
	if (!err && !wdx_vec_reserve(&c->intervals, map->pairs.len + map->parts.len))
		err = &wdx_nomem;
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

void wdx_code_settle(struct wdx_codeindex *c)
{
	wdx_accesses_destroy(c->accesses);
	c->accesses = NULL;
}

void wdx_code_deinit(struct wdx_codeindex *c)
{
	wdx_code_settle(c);
	wdx_vec_free(&c->intervals);
	wdx_vec_free(&c->funcs);
	wdx_vec_free(&c->chain);
	free(c->words);
	free(c->by_wasm);
	free(c->positions);
	free(c->pages);
	free(c->of_func);
	memset(c, 0, sizeof(*c));
}
