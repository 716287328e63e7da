/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Functions in which another native DWARF has more bytes than ours, as the engine's own may: of the
 * bytes that it has and ours lacks, what they rest on.  The wasm location reads locals, and the map
 * claims where these are; of such claims check.h of lib/flow tells what the code says.
 *
 *   state      there is no state to show: a jump table, code that the map gives no position, or
 * that the compiler has moved false      the claim is contradicted; or the place is a register that
 * the call takes, and the bytes are inside of the call, where only outer frames are looked up
 *   unclaimed  the map has no claim there
 *   ...        claims that are undecided, by enum wdx_doubt; "unseen": not judged there
 *   form       the claims are proved, if there are any, but the location is not just a local or in
 * the frame: the operand stack, arithmetic that the tool refuses because its value on the target is
 * not provable, what is malformed or ambiguous (no DW_OP_stack_value) proved     nothing of all
 * that: ours ought to have them
 *
 * First comes in how many functions the other has more even without what is false or no state.
 */
#include "availability.h"

#include <dwarf.h>
#include <stdlib.h>

#include "flow/check.h"
#include "flow/flow.h"
#include "flow/machine.h"
#include "stepper/expr.h"

enum { MAX_LOCALS = 16 };

enum why {
	WHY_DOUBT, /* from here on as enum wdx_doubt has them; none: not judged there */
	WHY_PROVED = WDX_DOUBTS,
	WHY_UNCLAIMED,
	WHY_FORM,
	WHY_FALSE,
	WHY_STATE,
	NWHY
};

static const char *const why_names[NWHY] = {[WHY_DOUBT] = "unseen",
					    [WDX_DOUBT_VALUE] = "value",
					    [WDX_DOUBT_PLACE] = "place",
					    [WDX_DOUBT_NOTHING] = "nothing",
					    [WDX_DOUBT_STRANGE] = "strange",
					    [WDX_DOUBT_OTHER] = "other",
					    [WHY_PROVED] = "proved",
					    [WHY_UNCLAIMED] = "unclaimed",
					    [WHY_FORM] = "form",
					    [WHY_FALSE] = "false",
					    [WHY_STATE] = "state"};

struct judged {
	uint32_t func, local; /* func: its number in the map */
	uint32_t lo, hi, at;
	bool contradicted;
	enum wdx_doubt doubt;
};

struct below {
	const struct run *ours, *other;
	struct wdx_map map; /* a second one, which the check may change */
	struct wdx_target *target;
	struct wdx_codeindex code;
	struct wdx_machine machine;
	struct judged *judged; /* by function and address */
	size_t njudged, cap;
	uint64_t bytes[NWHY];
	/* of the function at hand */
	const struct wdx_code_func *cf;
	size_t first, last; /* in judged */
	bool followed;
};

static void check(struct wdx_error *err)
{
	if (err)
		fail("%s", wdx_error_message(err));
}

/* ---- what the claims are worth --------------------------------------------------------------- */

static void on_judged(const struct wdx_judgement *j, void *arg)
{
	struct below *b = arg;

	if (j->entity->kind == WDX_ENT_CONTEXT)
		return;
	b->judged = xgrow(b->judged, b->njudged, &b->cap, sizeof(*b->judged));
	b->judged[b->njudged++] = (struct judged){.func = (uint32_t)(j->func - b->map.funcs.data),
						  .local = j->entity->index,
						  .lo = j->range->lo,
						  .hi = j->range->hi,
						  .at = j->at,
						  .contradicted = j->contradicted,
						  .doubt = j->doubt};
}

static int by_func(const void *a, const void *b)
{
	const struct judged *x = a, *y = b;

	if (x->func != y->func)
		return x->func < y->func ? -1 : 1;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->local < y->local ? -1 : x->local > y->local;
}

static void judge_claims(struct below *b)
{
	const struct world *w = &b->ours->w;
	struct wdx_check with = {.judged = on_judged, .arg = b};
	struct wdx_flow_wish wish = {.compute = true, .check = &with};
	struct wdx_flow_stats stats;
	struct wdx_codeindex code;

	check(wdx_map_read(&b->map, &b->target, w->map_path, w->map_text, w->map_size, &w->wasm));
	check(wdx_code_init(&code, &w->wasm, &b->map, b->target));
	check(wdx_flow_refine(&b->map, &w->wasm, b->target, &code, &wish, &stats));
	wdx_check_deinit(&with);
	if (b->njudged)
		qsort(b->judged, b->njudged, sizeof(*b->judged), by_func);
}

static bool is_claimed(const struct below *b, uint32_t local, uint32_t at)
{
	const struct wdx_map *map = &b->ours->w.map;
	const struct wdx_map_func *f = b->cf->map;

	for (uint32_t i = 0; i < f->nentities; i++) {
		const struct wdx_map_entity *e = &map->entities.data[f->first_entity + i];

		for (uint32_t k = e->first; k < e->first + e->n; k++)
			if ((e->kind == WDX_ENT_LOCAL || e->kind == WDX_ENT_DOUBTFUL) &&
			    e->index == local && map->ranges.data[k].lo <= at &&
			    at < map->ranges.data[k].hi)
				return true;
	}
	return false;
}

/* Of the claims that hold the address: any is false as a whole, once it is somewhere. */
static enum why why_claim(const struct below *b, uint32_t local, uint32_t at)
{
	const struct judged *last = NULL;

	for (size_t i = b->first; i < b->last; i++) {
		const struct judged *j = &b->judged[i];

		if (j->local != local || at < j->lo || at >= j->hi)
			continue;
		if (j->contradicted)
			return WHY_FALSE;
		if (j->at <= at)
			last = j;
	}
	if (!last)
		return is_claimed(b, local, at) ? WHY_DOUBT : WHY_UNCLAIMED;
	return last->doubt == WDX_DOUBT_NONE ? WHY_PROVED : (enum why)last->doubt;
}

/* ---- one stretch of bytes -------------------------------------------------------------------- */

/* The instruction that holds the address, NULL: none does. */
static const struct wdx_minsn *insn_at(const struct below *b, uint32_t at)
{
	size_t lo = 0, hi = b->machine.insns.len;
	const struct wdx_minsn *i;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (b->machine.insns.data[mid].at <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	i = lo ? &b->machine.insns.data[lo - 1] : NULL;
	return i && at < i->at + i->a->size ? i : NULL;
}

static unsigned flags_at(const struct below *b, uint32_t at)
{
	return b->code.intervals.data[wdx_code_interval(&b->code, b->cf, at)].flags;
}

static bool shows_state(const struct below *b, const struct interval *iv, uint32_t at)
{
	return !iv->gap && !(flags_at(b, at) & WDX_IV_DISPLACED) &&
	       (!b->followed || insn_at(b, at));
}

/* Claims are not judged there. */
static bool is_astray(const struct below *b, uint32_t at)
{
	return flags_at(b, at) & WDX_IV_ASTRAY;
}

static unsigned add_locals(const struct expr *e, uint32_t *locals, unsigned n)
{
	for (size_t i = 0; e && i < e->n && n < MAX_LOCALS; i++)
		if (e->op[i].code == OP_WASM && !e->op[i].a)
			locals[n++] = (uint32_t)e->op[i].b;
	return n;
}

static bool is_plain(const struct expr *e)
{
	bool frame = uses_frame(e), value = false;

	for (size_t i = 0; e && i < e->n; i++) {
		const struct op *o = &e->op[i];

		value |= o->code == DW_OP_stack_value;
		if (o->code != DW_OP_stack_value && o->code != DW_OP_piece &&
		    o->code != DW_OP_fbreg && (o->code != OP_WASM || o->a))
			return false;
	}
	return frame || value;
}

static enum why why(const struct below *b, struct node *in, const struct interval *iv, uint32_t at,
		    const struct expr *by)
{
	const struct wdx_minsn *i = b->followed ? insn_at(b, at) : NULL;
	struct node *f = function_of(in);
	uint32_t locals[MAX_LOCALS];
	unsigned n = add_locals(by, locals, 0);
	enum why worst = WHY_PROVED;

	if (uses_frame(by) && f && f->frame_base.present)
		n = add_locals(location_at(f, &f->frame_base, iv->wasm), locals, n);
	for (unsigned k = 0; k < n; k++) {
		enum why one = why_claim(b, locals[k], at);

		if (worst != WHY_FALSE && one != WHY_PROVED)
			worst = one;
	}
	if (worst != WHY_FALSE && !shows_state(b, iv, at))
		return WHY_STATE;
	if (worst != WHY_PROVED)
		return worst;
	if (n && i && i->a->call && at > i->at)
		return WHY_FALSE;
	if (!n || !is_plain(by))
		return WHY_FORM;
	return is_astray(b, at) ? WHY_DOUBT : WHY_PROVED;
}

/* The next address at which a judgement or an instruction begins. */
static uint32_t next_judged(const struct below *b, uint32_t at, uint32_t end)
{
	const struct wdx_minsn *i = b->followed ? insn_at(b, at) : NULL;

	if (i && i->a->call)
		end = i->at == at ? at + 1 : end;
	for (size_t k = b->first; k < b->last; k++) {
		const struct judged *j = &b->judged[k];
		const uint32_t edges[] = {j->at, j->lo, j->hi};

		for (int e = 0; e < 3; e++)
			if (edges[e] > at && edges[e] < end)
				end = edges[e];
	}
	for (uint32_t k = at + 1; b->followed && k < end; k++) {
		const struct wdx_minsn *next = insn_at(b, k);

		if (!next != !i || (next && next->a->call))
			return k;
	}
	return end;
}

static void compare_interval(struct below *b, struct node *in, struct node *same,
			     const struct interval *iv)
{
	uint64_t text = b->ours->w.text_addr, text2 = b->other->w.text_addr;
	struct expr *by;

	if (!is_due(in, iv, &by))
		return;
	for (uint32_t at = iv->lo, to; at < iv->hi; at = to) {
		to = iv->hi;
		if (in->peer)
			to = (uint32_t)(next_change(in->peer, text + at, text + to) - text);
		if (same->peer)
			to = (uint32_t)(next_change(same->peer, text2 + at, text2 + to) - text2);
		if (judge(b->ours, in, at, by) == LOST_NONE ||
		    judge(b->other, same, at, by) != LOST_NONE)
			continue;
		to = next_judged(b, at, to);
		b->bytes[why(b, in, iv, at, by)] += to - at;
	}
}

/* Both come from the same module: they have the same entries. */
static void compare_scope(struct below *b, struct node *scope, struct node *same,
			  const struct interval *iv)
{
	struct node *n = scope->child, *m = same->child;

	for (; n && m; n = n->next, m = m->next) {
		if (!is_scope(n))
			compare_interval(b, n, m, iv);
		else if (n->tag != DW_TAG_subprogram && covers(n, iv))
			compare_scope(b, n, m, iv);
	}
}

/* ---- functions ------------------------------------------------------------------------------- */

static uint64_t discounted(const struct below *b)
{
	return b->bytes[WHY_FALSE] + b->bytes[WHY_STATE];
}

static void compare_function(struct below *b, uint32_t index)
{
	struct func f = {.r = (struct run *)b->ours, .index = index};
	struct node *in = cut_function(&f), *same = b->other->w.in.funcs[index];
	uint32_t body = index - b->ours->w.wasm.nimported_funcs;
	uint32_t number = in ? b->code.of_func[body] : NOWHERE;

	if (number == NOWHERE)
		return;
	b->cf = &b->code.funcs.data[number];
	for (b->first = 0; b->first < b->njudged && b->judged[b->first].func < number;)
		b->first++;
	for (b->last = b->first; b->last < b->njudged && b->judged[b->last].func == number;)
		b->last++;
	b->followed = false;
	if (wdx_machine_able(&b->machine))
		check(wdx_machine_of(&b->machine, &b->ours->w.wasm, b->cf, &b->followed));
	for (size_t i = 0; i < f.n; i++)
		if (in_function(in, &f.iv[i]))
			compare_scope(b, in, same, &f.iv[i]);
	free(f.iv);
}

void print_below(const struct run *ours, const struct run *other)
{
	struct below b = {.ours = ours, .other = other};
	const struct world *w = &ours->w;

	uint64_t before, still = 0;

	judge_claims(&b);
	check(wdx_code_init(&b.code, &w->wasm, &w->map, w->target));
	check(wdx_machine_init(&b.machine, &w->map, w->target, &b.code));
	for (uint32_t i = 0; i < w->in.nfuncs; i++) {
		if (ours->had[i] >= other->had[i])
			continue;
		before = discounted(&b);
		compare_function(&b, i);
		still += ours->had[i] + discounted(&b) - before < other->had[i];
	}
	printf(" below %llu", (unsigned long long)still);
	for (int i = 0; i < NWHY; i++)
		if (b.bytes[i])
			printf(" %s=%llu", why_names[i], (unsigned long long)b.bytes[i]);
}
