/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <stdlib.h>
#include <string.h>

#include "base/search.h"
#include "flow/flow_work.h"

/* How many functions may be looked at to learn of an argument; and as long as they agree on it, how
 * many that show it. */
enum { ENOUGH = 32, AGREED = 8 };

/* ---- claims -----------------------------------------------------------------------------------
 */

/* Whether a claim that need not be true may be a witness of that value: what an instruction with
 * one result makes, and no call, of which that is known by what it does; or a merge, which is not
 * taken on its word. */
static bool is_witness(const struct flow *x, uint32_t value)
{
	const struct wdx_value *v = &x->v.values.data[value];

	return v->kind == WDX_VALUE_PHI ||
	       (v->kind == WDX_VALUE_INSN && v->type && v->type != WDX_VALUE_CALL);
}

static void put_probe(struct flow *x, uint32_t at, uint32_t place, uint32_t value, bool strict)
{
	struct probe *p = value && place != NONE ? wdx_vec_push(&x->probes) : NULL;

	if (p)
		*p = (struct probe){at, place, value, 0, strict};
	x->nomem |= !p && value && place != NONE;
}

/* Where the claim begins. */
static void add_probe(struct flow *x, const struct wdx_map_entity *e, const struct wdx_map_range *r)
{
	uint32_t place = wdx_machine_place(&x->m, &x->map->places.data[r->place]), i, value, holder,
		 at = r->lo;
	bool doubtful = e->kind == WDX_ENT_DOUBTFUL;

	x->stats->claims += !doubtful;
	if (place == NONE)
		return;
	if (e->kind == WDX_ENT_CONTEXT) {
		value = CONTEXT;
	} else {
		i = wdx_flow_first_shown(x, r->lo, r->hi);
		holder = wdx_flow_holder_of(x, e);
		if (i == NONE || holder == NONE)
			return;
		if (x->code->intervals.data[i].lo > at)
			at = x->code->intervals.data[i].lo;
		value = wdx_value_at(&x->v, holder, x->code->intervals.data[i].wasm);
		if (doubtful && !is_witness(x, value))
			return;
	}
	put_probe(x, at, place, value, doubtful);
}

/* The claim about the holder that is in force at that address, or NULL. */
static const struct wdx_map_range *claim_at(const struct flow *x, const struct wdx_map_entity *e,
					    uint32_t at)
{
	const struct wdx_map_range *r = x->map->ranges.data + e->first, *end = r + e->n;

	r = wdx_search(i, r, end, i->hi <= at);
	return r < end && r->lo <= at ? r : NULL;
}

/* The claim is looked at where the local's segment begins: there it may still go on, with what the
 * local held before, or with anything else (is_outcome()). */
static void add_later_probe(struct flow *x, const struct wdx_map_entity *e,
			    const struct wdx_segment *s, uint32_t hi)
{
	uint32_t at = wdx_code_native(x->code, x->f, s->pos);
	const struct wdx_map_range *r = at == NONE ? NULL : claim_at(x, e, at);

	if (r && r->lo < at && wdx_code_position(x->code, x->f, at) < hi)
		put_probe(x, at, wdx_machine_place(&x->m, &x->map->places.data[r->place]), s->value,
			  true);
}

/* One claim may go on through several values of its local. */
static void add_later_probes(struct flow *x, const struct wdx_map_entity *e)
{
	uint32_t holder = wdx_flow_holder_of(x, e);
	const struct wdx_segment *s, *end;

	if (holder == NONE)
		return;
	s = x->v.segments.data + x->v.first[holder];
	end = x->v.segments.data + x->v.first[holder + 1];
	for (; s < end && !x->nomem; s++)
		if (is_witness(x, s->value))
			add_later_probe(x, e, s, s + 1 < end ? s[1].pos : x->f->wasm->end.v);
}

static int by_at(const void *a, const void *b)
{
	const struct probe *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

void wdx_flow_find_probes(struct flow *x)
{
	const struct wdx_map_func *f = x->f->map;

	x->probes.len = 0;
	for (uint32_t i = 0; i < f->nentities; i++) {
		const struct wdx_map_entity *e = &x->map->entities.data[f->first_entity + i];

		if (e->kind == WDX_ENT_GLOBAL || e->kind == WDX_ENT_MEMORY)
			continue;
		for (uint32_t k = 0; k < e->n; k++)
			add_probe(x, e, &x->map->ranges.data[e->first + k]);
		if (e->kind != WDX_ENT_CONTEXT)
			add_later_probes(x, e);
	}
	if (x->probes.len)
		qsort(x->probes.data, x->probes.len, sizeof(*x->probes.data), by_at);
}

/* Whether the machine value is the wasm value, by where both come from. */
static bool bears_out(const struct flow *x, const struct wdx_mvalue *mv, uint32_t value)
{
	const struct wdx_value *v;

	bool argument =
		mv->kind == WDX_MV_ENTRY && (mv->reg >= x->m.nregs || !x->preserved[mv->reg]);

	if (value == CONTEXT)
		return argument;
	v = &x->v.values.data[value];
	if (v->kind == WDX_VALUE_PARAM)
		return argument;
	if (v->kind == WDX_VALUE_INSN)
		return mv->kind == WDX_MV_INSN &&
		       wdx_code_position(x->code, x->f, mv->at) == v->pos;
	return false;
}

/* Moves what is there already. */
static bool moves(const struct wdx_minsn *i)
{
	return i->a->kind == WDX_DO_COPY || i->a->kind == WDX_DO_STORE ||
	       (i->a->kind == WDX_DO_LOAD && i->slot != NONE);
}

/* Whether the machine value is all that its instruction computes, and nothing else is computed
 * behind it in the code of its position that follows: then it is the outcome of that, no step on
 * the way there.  Where a claim begins it names what has just been made, if it is true; where it
 * only goes on, it may be an old one of a register that serves for something else by now. */
static bool is_outcome(const struct flow *x, const struct wdx_mvalue *mv)
{
	const struct wdx_minsn *end = x->m.insns.data + x->m.insns.len;
	const struct wdx_minsn *i = wdx_search(k, x->m.insns.data, end, k->at < mv->at);
	uint32_t pos = wdx_code_position(x->code, x->f, mv->at);

	if (i == end || i->does != WDX_DOES_ONE)
		return false;
	while (++i < end && wdx_code_position(x->code, x->f, i->at) == pos)
		if ((i->writes[0] | i->writes[1]) && !moves(i))
			return false;
	return true;
}

/* A machine value that two wasm values lay claim to is neither's. */
static void associate(struct flow *x, uint32_t mv, uint32_t value)
{
	if (!x->assoc[mv])
		x->assoc[mv] = value;
	else if (x->assoc[mv] != value)
		x->assoc[mv] = NONE;
}

/* Whether what a place holds is that wasm constant, in all the bytes of its type. */
static bool is_constant(const struct flow *x, wdx_held h, uint32_t value)
{
	const struct wdx_mvalue *mv = &x->m.values.data[wdx_held_value(h)];
	const struct wdx_value *v;
	uint32_t width;

	if (mv->kind != WDX_MV_CONST || value == CONTEXT)
		return false;
	v = &x->v.values.data[value];
	width = wdx_flow_width_of(v->type);
	return v->kind == WDX_VALUE_CONST && width <= 8 && wdx_held_width(h) >= width &&
	       !(((uint64_t)mv->imm ^ v->bits) << (64 - 8 * width));
}

bool wdx_flow_is_value(const struct flow *x, wdx_held h, uint32_t value)
{
	return h && (x->assoc[wdx_held_value(h)] == value || is_constant(x, h, value));
}

/* Looks up what each claim's place holds where its first state is. */
static void look_at_claims(struct flow *x)
{
	struct probe *p = x->probes.data, *last = p + x->probes.len;

	for (uint32_t b = 0; b < x->m.blocks.len && p < last; b++) {
		const struct wdx_mblock *block = &x->m.blocks.data[b];
		const struct wdx_minsn *i = &x->m.insns.data[block->first], *end = i + block->n;
		uint32_t hi = end[-1].at + end[-1].a->size;

		while (p < last && p->at < i->at)
			p++;
		if (!block->reached || p == last || p->at >= hi)
			continue;
		memcpy(x->state, wdx_machine_in(&x->m, b), x->m.stride * sizeof(*x->state));
		for (; p < last && p->at < hi; i++) {
			for (; p < last && p->at < i->at + i->a->size; p++)
				p->held = x->state[p->place];
			wdx_machine_step(&x->m, i, x->state);
		}
	}
}

/* A parameter comes in one register: where two are said to bring it, neither is believed. */
static void drop_doubles(struct flow *x)
{
	for (uint32_t i = 1; i <= x->m.nentries; i++) {
		bool twice = false;

		for (uint32_t k = i + 1; x->assoc[i] && k <= x->m.nentries; k++) {
			if (x->assoc[k] != x->assoc[i])
				continue;
			x->assoc[k] = 0;
			twice = true;
		}
		if (twice)
			x->assoc[i] = 0;
	}
}

/* What merges are is found by trying, the hint first: it need not be true, but one that begins
 * there is the better one. */
static void hint(struct flow *x, size_t merge, const struct probe *p)
{
	if (!p->strict || !x->hints[merge])
		x->hints[merge] = p->value;
}

void wdx_flow_check_claims(struct flow *x)
{
	struct probe *p;

	if (x->probes.len)
		look_at_claims(x);
	wdx_vec_each (p, &x->probes) {
		uint32_t mv = wdx_held_value(p->held);

		if (mv >= x->m.first_phi)
			hint(x, mv - x->m.first_phi, p);
		else if (mv && bears_out(x, &x->m.values.data[mv], p->value) &&
			 (!p->strict || is_outcome(x, &x->m.values.data[mv])))
			associate(x, mv, p->value);
	}
	wdx_vec_each (p, &x->probes)
		if (x->assoc[wdx_held_value(p->held)] == NONE)
			x->assoc[wdx_held_value(p->held)] = 0;
	for (uint32_t i = 1; i <= x->m.nentries; i++)
		if (x->assoc[i] == NONE)
			x->assoc[i] = 0;
	drop_doubles(x);
}

void wdx_flow_count_proved(struct flow *x)
{
	const struct probe *p;

	wdx_vec_each (p, &x->probes)
		x->stats->proved += !p->strict && wdx_flow_is_value(x, p->held, p->value);
}

/* ---- arguments --------------------------------------------------------------------------------
 */

bool wdx_flow_class_of(uint8_t type, unsigned *class)
{
	*class = type >= WDX_I64 ? CLASS_INTEGER : CLASS_FLOAT;
	return type <= WDX_I32 && type >= WDX_F64;
}

struct argument {
	unsigned class, nth; /* which of its class it is */
	bool mixed;	     /* others before it are of another class */
};

/* false: passed in a way of its own. */
static bool argument(const struct flow *x, const struct wdx_wasm_func *f, uint32_t i,
		     struct argument *a)
{
	const struct wdx_wasm_type *t = &x->wasm->types.data[f->type];
	unsigned class;

	*a = (struct argument){0, 0, false};
	if (i >= t->nparams || i >= NCLASSES * MAX_ARGS || t->nresults > 1 ||
	    !wdx_flow_class_of(t->params[i], &a->class))
		return false;
	for (uint32_t k = 0; k < i; k++) {
		if (!wdx_flow_class_of(t->params[k], &class))
			return false;
		a->nth += class == a->class;
		a->mixed |= class != a->class;
	}
	return a->nth < MAX_ARGS;
}

/* The number of the place among the ways to pass an argument; MAX_WAYS: none. */
static unsigned way_of(const struct flow *x, uint32_t place)
{
	int64_t off;

	if (place < x->m.nregs)
		return place;
	off = x->m.slots[place - x->m.nregs].off;
	return off % 8 || off / 8 >= MAX_WAYS - FIRST_SLOT ? MAX_WAYS
							   : FIRST_SLOT + (unsigned)(off / 8);
}

/* On the stack arguments of all classes lie in one row. */
static bool may_come(const struct argument *a, unsigned way)
{
	return way < (a->mixed ? FIRST_SLOT : MAX_WAYS);
}

/* Counts the arguments, and results of its calls, of a function whose claims have been checked. */
void wdx_flow_vote(struct flow *x)
{
	const struct probe *p;
	struct argument a;
	unsigned class;

	for (uint32_t i = 1; i <= x->m.nentries; i++) {
		unsigned way = way_of(x, x->m.values.data[i].reg);
		uint32_t value = x->assoc[i];

		if (value == CONTEXT && way < MAX_WAYS)
			x->convention->context_votes[way]++;
		if (!value || value == CONTEXT)
			continue;
		if (argument(x, x->f->wasm, x->v.values.data[value].arg, &a) && may_come(&a, way))
			x->convention->votes[a.class][a.nth][way]++;
	}
	wdx_vec_each (p, &x->probes) {
		uint32_t mv = wdx_held_value(p->held);
		const struct wdx_value *v = &x->v.values.data[p->value == CONTEXT ? 0 : p->value];

		if (v->kind == WDX_VALUE_INSN && v->type == WDX_VALUE_CALL && v->bits &&
		    x->assoc[mv] == p->value && wdx_flow_class_of((uint8_t)v->bits, &class))
			x->convention->votes[class][MAX_ARGS][x->m.values.data[mv].reg]++;
	}
}

static uint16_t elected(const uint32_t *votes)
{
	uint32_t sum = 0, best = 0;

	for (unsigned r = 0; r < MAX_WAYS; r++) {
		sum += votes[r];
		best = votes[r] > votes[best] ? r : best;
	}
	return votes[best] > 1 && votes[best] >= sum - sum / 10 ? (uint16_t)best : UINT16_MAX;
}

/* Whether so many have shown it to come in one way, and none in another. */
static bool is_agreed(const uint32_t *votes)
{
	unsigned ways = 0, most = 0;

	for (unsigned way = 0; way < MAX_WAYS; way++) {
		ways += votes[way] != 0;
		most = votes[way] > most ? votes[way] : most;
	}
	return ways == 1 && most >= AGREED;
}

void wdx_flow_elect(struct flow *x)
{
	/* every function can take the context, and only claims show it: all must agree */
	if (is_agreed(x->convention->context_votes))
		x->convention->context = elected(x->convention->context_votes);
	for (unsigned c = 0; c < NCLASSES; c++)
		for (unsigned n = 0; n <= MAX_ARGS; n++)
			x->convention->way[c][n] = elected(x->convention->votes[c][n]);
	for (unsigned c = 0; c < NCLASSES; c++)
		if (x->convention->way[c][MAX_ARGS] < x->m.nregs)
			x->map->results[c] = 1u + x->convention->way[c][MAX_ARGS];
}

static void take_context(struct flow *x)
{
	for (uint32_t i = 1; i <= x->m.nentries; i++)
		if (way_of(x, x->m.values.data[i].reg) == x->convention->context)
			associate(x, i, CONTEXT);
}

/* What the arguments' places held on entry are the parameters, and the context. */
void wdx_flow_take_arguments(struct flow *x)
{
	struct argument a;

	take_context(x);
	for (uint32_t k = 1; k < x->v.values.len; k++) {
		const struct wdx_value *v = &x->v.values.data[k];

		if (v->kind != WDX_VALUE_PARAM)
			break; /* they come first */
		if (!argument(x, x->f->wasm, v->arg, &a))
			continue;
		for (uint32_t i = 1; i <= x->m.nentries; i++) {
			unsigned way = way_of(x, x->m.values.data[i].reg);

			if (may_come(&a, way) && x->convention->way[a.class][a.nth] == way)
				associate(x, i, k);
		}
	}
}

uint32_t wdx_flow_argument_register(const struct flow *x, const struct wdx_wasm_func *f, uint32_t i)
{
	struct argument a;
	unsigned way;

	if (!argument(x, f, i, &a))
		return NONE;
	way = x->convention->way[a.class][a.nth];
	return way < x->m.nregs && may_come(&a, way) ? way : NONE;
}

/* Where the stack brings some, by the convention: a bit for each eight bytes from the CFA on. */
uint32_t wdx_flow_stack_arguments(const struct flow *x)
{
	const struct wdx_wasm_type *t = &x->wasm->types.data[x->f->wasm->type];
	struct argument a;
	uint32_t bits = 0;

	for (uint32_t i = 0; i < t->nparams; i++) {
		unsigned way;

		if (!argument(x, x->f->wasm, i, &a))
			continue;
		way = x->convention->way[a.class][a.nth];
		if (way >= FIRST_SLOT && way < MAX_WAYS && may_come(&a, way))
			bits |= 1u << (way - FIRST_SLOT);
	}
	return bits;
}

/* Whether the function takes an argument, the context too, of which not enough is known. */
bool wdx_flow_may_teach(struct flow *x)
{
	const struct wdx_wasm_type *t = &x->wasm->types.data[x->f->wasm->type];
	struct argument a;
	bool may = x->convention->heard_context++ < ENOUGH;

	for (uint32_t i = 0; i < t->nparams; i++)
		may |= argument(x, x->f->wasm, i, &a) &&
		       x->convention->heard[a.class][a.nth]++ < ENOUGH;
	return may;
}

/* Whether the function makes a call with a result of the class. */
static bool gets_result(const struct flow *x, unsigned class)
{
	for (uint32_t pos = x->f->wasm->code.v; pos < x->f->wasm->end.v; pos++) {
		const struct wdx_wasm_type *t = NULL;
		unsigned is;

		if (x->wasm->kinds[pos] & WDX_INSN_CALL)
			t = wdx_insn_calls(x->wasm, (wdx_codepos){pos});
		if (t && t->nresults == 1 && wdx_flow_class_of(t->results[0], &is) && is == class)
			return true;
	}
	return false;
}

bool wdx_flow_can_teach(const struct flow *x)
{
	const struct wdx_wasm_type *t = &x->wasm->types.data[x->f->wasm->type];
	struct argument a;

	if (!is_agreed(x->convention->context_votes))
		return true;
	for (uint32_t i = 0; i < t->nparams; i++)
		if (argument(x, x->f->wasm, i, &a) &&
		    !is_agreed(x->convention->votes[a.class][a.nth]))
			return true;
	for (unsigned c = 0; c < NCLASSES; c++)
		if (!is_agreed(x->convention->votes[c][MAX_ARGS]) && gets_result(x, c))
			return true;
	return false;
}
