/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flow/known.h"
#include "wasm/opcode.h"

#define NONE UINT32_MAX

/* How often claims are looked at in one function, all in all. */
enum { MAX_LOOKS = 1 << 24 };

/* No object lies in the first page: the context pointer is no such number. */
enum { FIRST_PAGE = 4096 };

enum verdict { UNDECIDED, PROVED, CONTRADICTED };

struct claim {
	const struct wdx_map_entity *entity;
	const struct wdx_map_range *range;
	const struct wdx_place *place;
	uint32_t held_in; /* place of the machine; NONE: not one that is followed */
	unsigned width;
	bool looked, doubted;
	enum verdict verdict;
	wdx_held held; /* when it was last looked at, and what was wanted */
	uint32_t value;
	/* when it was contradicted */
	uint32_t at, wasm, writer, taker;
};

struct wdx_check_work {
	struct wdx_known known;
	WDX_VEC(struct claim) claims;
	WDX_VEC(uint32_t) active; /* claims whose range has begun and not ended */
	WDX_VEC(wdx_held) state;
	WDX_VEC(uint32_t) writers; /* of each place: the last in this block to write it, or NONE */
	WDX_VEC(uint32_t) takers;  /* the same when that was a call that may change it */
	uint64_t written[2];	   /* registers that the function itself writes */
	uint32_t next;		   /* the claim that begins next */
	uint32_t looks;		   /* left */
	const struct wdx_check *check;
};

/* ---- words ------------------------------------------------------------------------------------
 */

struct text {
	char data[256];
	size_t len;
};

static void say(struct text *t, const char *fmt, ...) WDX_PRINTF(2, 3);

static void say(struct text *t, const char *fmt, ...)
{
	size_t left = sizeof(t->data) - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->data + t->len, left, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < left ? (size_t)n : left - 1;
}

static uint32_t file_offset(const struct wdx_match *x, uint32_t pos)
{
	return x->wasm->code.v + pos;
}

static void say_position(struct text *t, const struct wdx_match *x, uint32_t pos)
{
	struct wdx_insn insn;
	const char *name;

	if (!(x->wasm->kinds[pos] & WDX_INSN_START)) {
		say(t, "wasm 0x%" PRIx32, file_offset(x, pos));
		return;
	}
	wdx_insn_at(x->wasm, (wdx_codepos){pos}, &insn);
	name = wdx_insn_name(insn.opcode);
	say(t, "%s at wasm 0x%" PRIx32, name ? name : "the instruction", file_offset(x, pos));
}

static void say_constant(struct text *t, uint64_t bits, unsigned width)
{
	say(t, "the constant %" PRId64, width <= 4 ? (int64_t)(int32_t)bits : (int64_t)bits);
}

static void say_value(struct text *t, const struct wdx_match *x, uint32_t value)
{
	const struct wdx_value *v;

	if (value == WDX_VALUE_CONTEXT) {
		say(t, "the context pointer");
		return;
	}
	v = &x->v->values.data[value];
	if (v->kind == WDX_VALUE_PARAM)
		say(t, "parameter %" PRIu32, v->arg);
	else if (v->kind == WDX_VALUE_CONST)
		say_constant(t, v->bits, v->type == WDX_I32 || v->type == WDX_F32 ? 4 : 8);
	else
		say(t, v->kind == WDX_VALUE_PHI ? "what comes together at " : "the result of ");
	if (v->kind == WDX_VALUE_PHI || v->kind == WDX_VALUE_INSN)
		say_position(t, x, v->pos);
}

static void say_held(struct text *t, const struct wdx_match *x, const struct claim *c)
{
	uint32_t mv = wdx_held_value(c->held), known = x->assoc[mv];
	const struct wdx_mvalue *v = &x->m->values.data[mv];
	uint64_t off = 0;
	unsigned width;

	if (v->kind == WDX_MV_CONST) {
		say_constant(t, (uint64_t)v->imm, c->width);
	} else if (known) {
		say_value(t, x, known);
	} else if (v->kind == WDX_MV_ENTRY) {
		say(t, "what the caller had there");
	} else {
		known = wdx_match_summand(x->flow, mv, &off, &width);
		say_value(t, x, known);
		say(t, " plus %" PRId64, width <= 4 ? (int64_t)(int32_t)off : (int64_t)off);
	}
	if (c->writer != NONE)
		say(t, ", put there at 0x%" PRIx32, c->writer);
}

static void say_holds(struct text *t, const struct wdx_match *x, const struct claim *c)
{
	if (c->place->kind == WDX_PLACE_CONST) {
		say_constant(t, c->place->value, c->width);
	} else if (c->taker != NONE) {
		say(t, "nothing: the call at 0x%" PRIx32 " may change it, ", c->taker);
		say_position(t, x, wdx_code_position(x->code, x->f, c->taker));
	} else {
		say_held(t, x, c);
	}
}

/* ---- judging ----------------------------------------------------------------------------------
 */

static unsigned width_of(uint8_t type)
{
	return type == WDX_I32 || type == WDX_F32 ? 4 : type == WDX_V128 ? 16 : 8;
}

/* What the function must give back in that register, as it came; one that it never writes may be
 * the same in all functions, and known. */
static bool is_callers(const struct wdx_match *x, const struct wdx_check_work *w,
		       const struct wdx_mvalue *mv)
{
	return mv->kind == WDX_MV_ENTRY && mv->reg < x->m->nregs && x->preserved[mv->reg] &&
	       w->written[mv->reg / 64] >> mv->reg % 64 & 1;
}

/* The machine's value as the sum of wasm values that it is known to be; width 0: it is not. */
static struct wdx_sum sum_of(const struct wdx_match *x, const struct wdx_known *k, wdx_held h)
{
	uint32_t mv = wdx_held_value(h), known = x->assoc[mv];
	const struct wdx_mvalue *v = &x->m->values.data[mv];
	unsigned held = wdx_held_width(h) < 8 ? wdx_held_width(h) : 8, width = held;
	struct wdx_sum sum = {0, 0, 0};
	uint64_t off = 0;

	if (v->kind == WDX_MV_CONST)
		return (struct wdx_sum){0, (uint64_t)v->imm, held};
	if (!known)
		known = wdx_match_summand(x->flow, mv, &off, &width);
	if (!known || known == WDX_VALUE_CONTEXT)
		return sum;
	sum = wdx_known_sum(k, known, width < held ? width : held);
	sum.off += off;
	return sum;
}

/* The context pointer is made by nobody's arithmetic. */
static bool is_no_context(const struct wdx_known *k, struct wdx_sum is)
{
	if (is.width < 8)
		return false;
	return is.root ? wdx_known_free(k, is.root) && !is.off : is.off < FIRST_PAGE;
}

static bool contradicts(const struct wdx_match *x, const struct wdx_check_work *w, wdx_held h,
			uint32_t value, unsigned width)
{
	const struct wdx_known *k = &w->known;
	const struct wdx_mvalue *mv = &x->m->values.data[wdx_held_value(h)];
	struct wdx_sum wanted;

	if (value == WDX_VALUE_CONTEXT)
		return is_no_context(k, sum_of(x, k, h));
	wanted = wdx_known_sum(k, value, width < 8 ? width : 8);
	if (is_callers(x, w, mv) || x->assoc[wdx_held_value(h)] == WDX_VALUE_CONTEXT)
		return !wanted.root || (wdx_known_free(k, wanted.root) &&
					x->v->values.data[wanted.root].kind == WDX_VALUE_INSN &&
					x->v->values.data[wanted.root].type == WDX_VALUE_CALL);
	return wdx_known_differ(k, sum_of(x, k, h), wanted) ||
	       wdx_known_apart(k, x->assoc[wdx_held_value(h)], value);
}

/* Of a claim that the local is a number. */
static enum verdict judge_constant(const struct wdx_match *x, const struct claim *c)
{
	const struct wdx_value *v = &x->v->values.data[c->value];
	uint64_t differ;

	if (c->value == WDX_VALUE_CONTEXT || v->kind != WDX_VALUE_CONST || c->width > 8)
		return UNDECIDED;
	differ = (v->bits ^ c->place->value) << (64 - 8 * c->width);
	return differ ? CONTRADICTED : PROVED;
}

static enum verdict judge(const struct wdx_match *x, struct wdx_check_work *w,
			  const struct claim *c)
{
	if (!c->value)
		return UNDECIDED;
	if (c->place->kind == WDX_PLACE_CONST)
		return judge_constant(x, c);
	if (c->held_in == NONE)
		return UNDECIDED;
	if (wdx_held_width(c->held) >= c->width && wdx_match_is(x->flow, c->held, c->value))
		return PROVED;
	if (w->takers.data[c->held_in] != NONE)
		return CONTRADICTED;
	if (c->held && contradicts(x, w, c->held, c->value, c->width))
		return CONTRADICTED;
	return UNDECIDED;
}

/* A place in the code where claims are looked at. */
struct spot {
	uint32_t at;
	uint32_t wasm; /* NONE: none that is true of locals */
	bool within;   /* the instruction of wasm has begun before */
};

static void spend(struct wdx_check_work *w, uint32_t n)
{
	w->looks -= n < w->looks ? n : w->looks;
}

/* The next position of the function that has code of its own, but no further than where control may
 * go elsewhere. */
static uint32_t next_with_code(const struct wdx_match *x, struct wdx_check_work *w, uint32_t wasm)
{
	uint32_t end = wasm, next = wdx_code_next(x->code, x->f, (uint64_t)wasm + 1);

	while (end < next && end < x->f->wasm->end.v && !wdx_code_ends_block(x->code, end))
		end++;
	spend(w, (end - wasm) / 8);
	return end;
}

/* Within an instruction of wasm its outcome may be there already, and that of those behind it that
 * have no code. */
static bool contradicts_later(const struct wdx_match *x, struct wdx_check_work *w,
			      const struct claim *c, uint32_t wasm)
{
	const struct wdx_segment *seg = x->v->segments.data;
	uint32_t i = x->v->first[c->entity->index], last = x->v->first[c->entity->index + 1];
	uint32_t end = next_with_code(x, w, wasm);
	struct claim later = *c;

	spend(w, last - i);
	for (; i < last && seg[i].pos <= end; i++) {
		later.value = seg[i].value;
		if (seg[i].pos > wasm && judge(x, w, &later) != CONTRADICTED)
			return false;
	}
	return true;
}

static enum wdx_doubt doubt_of(const struct wdx_match *x, const struct claim *c)
{
	uint32_t mv = wdx_held_value(c->held);
	uint64_t off = 0;
	unsigned width;

	if (!c->value)
		return WDX_DOUBT_VALUE;
	if (c->held_in == NONE && c->place->kind != WDX_PLACE_CONST)
		return WDX_DOUBT_PLACE;
	if (c->held_in == NONE || x->m->values.data[mv].kind == WDX_MV_CONST)
		return WDX_DOUBT_OTHER;
	if (!c->held)
		return WDX_DOUBT_NOTHING;
	return x->assoc[mv] || wdx_match_summand(x->flow, mv, &off, &width) ? WDX_DOUBT_OTHER
									    : WDX_DOUBT_STRANGE;
}

static void tell_judgement(const struct wdx_match *x, const struct wdx_check *check,
			   const struct claim *c, enum verdict verdict)
{
	const struct wdx_judgement j = {.func = x->f->map,
					.entity = c->entity,
					.range = c->range,
					.at = c->at,
					.contradicted = verdict == CONTRADICTED,
					.doubt = verdict == UNDECIDED ? doubt_of(x, c)
								      : WDX_DOUBT_NONE};

	if (check->judged)
		check->judged(&j, check->arg);
}

static void look(const struct wdx_match *x, struct wdx_check_work *w, struct claim *c,
		 const struct spot *s)
{
	bool local = c->entity->kind != WDX_ENT_CONTEXT;
	wdx_held held = c->held_in == NONE ? 0 : w->state.data[c->held_in];
	enum verdict verdict;

	if (c->looked && held && held == c->held && (!local || s->wasm == c->wasm))
		return;
	c->looked = true;
	c->held = held;
	c->at = s->at;
	c->wasm = s->wasm;
	c->value = local ? wdx_value_at(x->v, c->entity->index, s->wasm) : WDX_VALUE_CONTEXT;
	verdict = judge(x, w, c);
	if (verdict == CONTRADICTED && local && s->within && !contradicts_later(x, w, c, s->wasm))
		verdict = UNDECIDED;
	tell_judgement(x, w->check, c, verdict);
	c->doubted |= verdict == UNDECIDED;
	if (verdict != CONTRADICTED)
		return;
	c->verdict = verdict;
	if (c->held_in != NONE) {
		c->writer = w->writers.data[c->held_in];
		c->taker = w->takers.data[c->held_in];
	}
}

/* ---- walking ----------------------------------------------------------------------------------
 */

/* Claims whose ranges hold that address are looked at. */
static void look_at_all(const struct wdx_match *x, struct wdx_check_work *w, const struct spot *s)
{
	for (; w->next < w->claims.len && w->claims.data[w->next].range->lo <= s->at; w->next++)
		w->active.data[w->active.len++] = w->next;
	for (size_t i = 0; i < w->active.len && w->looks; spend(w, 1)) {
		struct claim *c = &w->claims.data[w->active.data[i]];

		if (c->range->hi <= s->at || c->verdict == CONTRADICTED) {
			w->active.data[i] = w->active.data[--w->active.len];
			continue;
		}
		if (s->wasm != NONE || c->entity->kind == WDX_ENT_CONTEXT)
			look(x, w, c, s);
		i++;
	}
}

/* What is at the first machine instruction of interval n. */
static struct spot spot_of(const struct wdx_match *x, uint32_t n)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	struct spot s = {iv[n].lo, iv[n].wasm, false};
	uint32_t before = n;

	if (iv[n].flags & (WDX_IV_DISPLACED | WDX_IV_ASTRAY))
		s.wasm = NONE;
	while (before > x->f->first && iv[--before].wasm == NONE)
		;
	s.within = before < n && iv[before].wasm == iv[n].wasm;
	return s;
}

/* Whether behind the machine's call, of that type, the register may hold a result. */
static bool may_bring(const struct wdx_match *x, const struct wdx_minsn *i,
		      const struct wdx_wasm_type *t, uint32_t reg)
{
	uint32_t result;

	if (!(wdx_machine_gives(x->m, i, reg / 64) >> reg % 64 & 1))
		return false;
	if (!t || t->nresults > 1)
		return true;
	result = t->nresults ? wdx_match_result(x->flow, t->results[0]) : reg;
	return t->nresults && (result == NONE || result == reg);
}

static void note_writes(const struct wdx_match *x, struct wdx_check_work *w,
			const struct wdx_minsn *i)
{
	uint32_t pos = wdx_code_position(x->code, x->f, i->at);
	bool taker = i->a->call && pos != NONE && wdx_known_calls(&w->known, pos);
	const struct wdx_wasm_type *t = taker ? wdx_insn_calls(x->wasm, (wdx_codepos){pos}) : NULL;

	for (uint32_t k = 0; k < 2; k++)
		for (uint64_t bits = i->writes[k]; bits; bits &= bits - 1) {
			uint32_t reg = 64 * k + (uint32_t)__builtin_ctzll(bits);

			w->writers.data[reg] = i->at;
			w->takers.data[reg] = taker && !may_bring(x, i, t, reg) ? i->at : NONE;
		}
	if (i->slot != NONE && !i->a->load)
		w->writers.data[i->slot] = i->at;
}

static void begin_block(const struct wdx_match *x, struct wdx_check_work *w, uint32_t block)
{
	memcpy(w->state.data, wdx_machine_in(x->m, block), x->m->stride * sizeof(wdx_held));
	memset(w->writers.data, 0xff, x->m->stride * sizeof(uint32_t));
	memset(w->takers.data, 0xff, x->m->stride * sizeof(uint32_t));
}

static void walk_block(const struct wdx_match *x, struct wdx_check_work *w, uint32_t block)
{
	const struct wdx_mblock *b = &x->m->blocks.data[block];
	const struct wdx_minsn *i = &x->m->insns.data[b->first], *end = i + b->n;
	uint32_t n = wdx_code_interval(x->code, x->f, i->at), last = x->f->first + x->f->n;
	const struct wdx_interval *iv = x->code->intervals.data;
	struct spot s = {0};

	begin_block(x, w, block);
	if (n < last)
		s = spot_of(x, n);
	for (; i < end; i++) {
		while (n < last && iv[n].hi <= i->at)
			if (++n < last)
				s = spot_of(x, n);
		if (n == last)
			return;
		s.at = i->at;
		s.within |= iv[n].lo < i->at;
		look_at_all(x, w, &s);
		wdx_machine_step(x->m, i, w->state.data);
		note_writes(x, w, i);
	}
}

/* ---- claims -----------------------------------------------------------------------------------
 */

static bool is_claim(const struct wdx_map_entity *e)
{
	return e->kind == WDX_ENT_LOCAL || e->kind == WDX_ENT_DOUBTFUL ||
	       e->kind == WDX_ENT_CONTEXT;
}

static bool add_claim(struct wdx_check_work *w, const struct wdx_match *x,
		      const struct wdx_map_entity *e, const struct wdx_map_range *r)
{
	const struct wdx_place *p = &x->map->places.data[r->place];
	struct claim *c = wdx_vec_push(&w->claims);
	bool local = e->kind != WDX_ENT_CONTEXT;

	if (c)
		*c = (struct claim){.entity = e,
				    .range = r,
				    .place = p,
				    .held_in = wdx_machine_place(x->m, p),
				    .width = local ? width_of(wdx_wasm_local_type(
							     x->wasm, x->f->wasm, e->index))
						   : 8,
				    .writer = NONE,
				    .taker = NONE};
	return c;
}

/* By address, and then as they are in the map. */
static int by_lo(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->range->lo != y->range->lo)
		return x->range->lo < y->range->lo ? -1 : 1;
	return x->range < y->range ? -1 : x->range > y->range;
}

static int by_map(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return x->range < y->range ? -1 : x->range > y->range;
}

static void sort_claims(struct wdx_check_work *w, int (*order)(const void *, const void *))
{
	if (w->claims.len)
		qsort(w->claims.data, w->claims.len, sizeof(*w->claims.data), order);
}

static bool find_claims(struct wdx_check_work *w, const struct wdx_match *x)
{
	const struct wdx_map_func *f = x->f->map;

	w->claims.len = 0;
	for (uint32_t i = 0; i < f->nentities; i++) {
		const struct wdx_map_entity *e = &x->map->entities.data[f->first_entity + i];

		if (!is_claim(e) || (e->kind != WDX_ENT_CONTEXT && e->index >= x->v->nlocals))
			continue;
		for (uint32_t k = 0; k < e->n; k++)
			if (!add_claim(w, x, e, &x->map->ranges.data[e->first + k]))
				return false;
	}
	return true;
}

static void find_written(struct wdx_check_work *w, const struct wdx_match *x)
{
	const struct wdx_minsn *i;

	w->written[0] = w->written[1] = 0;
	wdx_vec_each (i, &x->m->insns) {
		w->written[0] |= i->a->writes[0];
		w->written[1] |= i->a->writes[1];
	}
}

static bool prepare(struct wdx_check_work *w, const struct wdx_match *x)
{
	find_written(w, x);
	w->active.len = w->state.len = w->writers.len = w->takers.len = 0;
	w->next = 0;
	w->looks = MAX_LOOKS;
	return find_claims(w, x) && wdx_known_of(&w->known, x) &&
	       wdx_vec_reserve(&w->active, w->claims.len) &&
	       wdx_vec_reserve(&w->state, x->m->stride) &&
	       wdx_vec_reserve(&w->writers, x->m->stride) &&
	       wdx_vec_reserve(&w->takers, x->m->stride);
}

/* ---- the outcome ------------------------------------------------------------------------------
 */

static void tell(const struct wdx_check *c, const struct wdx_match *x, const struct claim *claim)
{
	struct text holds = {"", 0}, instead = {"", 0};
	struct wdx_fault fault = {.func = x->f->map,
				  .entity = claim->entity,
				  .range = claim->range,
				  .at = claim->at,
				  .wasm = claim->wasm,
				  .holds = holds.data,
				  .instead = instead.data};

	say_holds(&holds, x, claim);
	say_value(&instead, x, claim->value);
	if (c->fault)
		c->fault(&fault, c->arg);
}

bool wdx_check_function(struct wdx_check *c, const struct wdx_match *x)
{
	struct wdx_check_work *w = c->work ? c->work : calloc(1, sizeof(*w));
	const struct claim *claim;

	c->work = w;
	if (!w || !prepare(w, x))
		return false;
	w->check = c;
	sort_claims(w, by_lo);
	for (uint32_t b = 0; b < x->m->blocks.len; b++)
		if (x->m->blocks.data[b].reached)
			walk_block(x, w, b);
	sort_claims(w, by_map);
	c->claims += w->claims.len;
	wdx_vec_each (claim, &w->claims) {
		bool all = claim->looked && !claim->doubted && w->looks;

		c->contradicted += claim->verdict == CONTRADICTED;
		c->proved += claim->verdict != CONTRADICTED && all;
		if (claim->verdict == CONTRADICTED)
			tell(c, x, claim);
	}
	return true;
}

void wdx_check_skip(struct wdx_check *c, const struct wdx_map *map, const struct wdx_map_func *f)
{
	for (uint32_t i = 0; i < f->nentities; i++) {
		const struct wdx_map_entity *e = &map->entities.data[f->first_entity + i];

		c->claims += is_claim(e) ? e->n : 0;
	}
}

void wdx_check_deinit(struct wdx_check *c)
{
	struct wdx_check_work *w = c->work;

	if (w) {
		wdx_known_deinit(&w->known);
		wdx_vec_free(&w->claims);
		wdx_vec_free(&w->active);
		wdx_vec_free(&w->state);
		wdx_vec_free(&w->writers);
		wdx_vec_free(&w->takers);
	}
	free(w);
	c->work = NULL;
}
