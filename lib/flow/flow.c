/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/flow.h"

#include <string.h>

#include "base/error.h"
#include "flow/machine.h"
#include "flow/values.h"

#define NONE UINT32_MAX

/* Stands for the context pointer among the wasm values. */
#define CONTEXT (UINT32_MAX - 1)

/* How far merges of merges are looked through. */
enum { MAX_DEPTH = 2, MAX_EMPTY = 8 };

/* Steps of the search for merges in one function, and how often guesses are gone through. */
enum { MAX_STEPS = 1 << 24, MAX_ROUNDS = 256 };

struct probe { /* a claim, looked at where its first state is */
	uint32_t at;
	uint32_t place; /* of the machine */
	uint32_t value; /* of the wasm function, or CONTEXT */
};

struct holding { /* a place holds a wasm value over a stretch of code: its low `width` bytes */
	uint32_t value, place, width;
	uint32_t lo, hi;
};

struct user { /* a local has a value in a range of the body */
	uint32_t value, local;
	uint32_t lo, hi;
};

struct input { /* a phi by what flows into it */
	uint32_t value, from, phi;
};

/* Which register brings the nth argument of a class: learned from claims that the code bears out.
 */
enum { CLASS_INTEGER, CLASS_FLOAT, NCLASSES, MAX_ARGS = 8, MAX_REGS = 128 };

/* How many functions are looked at to learn it. */
enum { ENOUGH = 256 };

struct convention {
	uint32_t votes[NCLASSES][MAX_ARGS][MAX_REGS];
	uint16_t reg[NCLASSES][MAX_ARGS]; /* UINT16_MAX: not known */
};

struct edge { /* wasm positions where a block of machine code is entered and left */
	uint32_t in, out;
};

struct merge { /* one of the machine's that has been given a value */
	uint32_t block, place;
};

struct found { /* the outcome: where an entity is */
	uint32_t lo, hi;
	uint32_t place; /* of the machine; NONE: a constant */
	uint32_t value; /* of the constant, in wasm values */
	bool passing;	/* in a register that calls take */
};

struct flow {
	struct wdx_map *map;
	const struct wdx_wasm *wasm;
	const struct wdx_codeindex *code;
	const struct wdx_code_func *f;
	struct wdx_flow_stats *stats;
	struct wdx_values v;
	struct wdx_machine m;
	uint32_t *assoc; /* of each machine value: the wasm value, 0 is none */
	size_t nassoc;
	struct wdx_held *state;
	size_t nstate;
	WDX_VEC(struct probe) probes;
	WDX_VEC(struct holding) holdings;
	WDX_VEC(struct user) users;
	WDX_VEC(struct input) inputs;
	WDX_VEC(struct edge) edges;
	WDX_VEC(struct merge) merges;
	WDX_VEC(struct found) found;
	WDX_VEC(struct wdx_map_entity) entities; /* of the new map */
	WDX_VEC(struct wdx_map_range) ranges;
	bool *preserved;
	struct convention *convention;
	uint32_t *steps; /* left; MAX_STEPS for each function */
	bool nomem;
};

/* ---- positions --------------------------------------------------------------------------------
 */

static bool shows(const struct wdx_interval *iv)
{
	return iv->wasm != NONE && !(iv->flags & WDX_IV_DISPLACED);
}

/* The first interval of the function that ends behind that address. */
static uint32_t interval_at(const struct flow *x, uint32_t at)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t lo = x->f->first, hi = lo + x->f->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (iv[mid].hi <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first interval in [lo, hi) that shows a state; NONE: there is none. */
static uint32_t first_shown(const struct flow *x, uint32_t lo, uint32_t hi)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t end = x->f->first + x->f->n;

	for (uint32_t i = interval_at(x, lo); i < end && iv[i].lo < hi; i++)
		if (shows(&iv[i]))
			return i;
	return NONE;
}

static uint32_t last_shown(const struct flow *x, uint32_t lo, uint32_t hi)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t end = x->f->first + x->f->n, last = NONE;

	for (uint32_t i = interval_at(x, lo); i < end && iv[i].lo < hi; i++)
		if (shows(&iv[i]))
			last = i;
	return last;
}

/* The first of the function's intervals, as they are by position, at or behind it. */
static uint32_t first_by_wasm(const struct flow *x, uint32_t pos)
{
	uint32_t lo = x->f->first, hi = lo + x->f->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (x->code->intervals.data[x->code->by_wasm[mid]].wasm < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Where the basic block of that wasm position ends: the control instruction by which it is left. */
static uint32_t way_out(const struct flow *x, uint32_t pos)
{
	const struct wdx_wasm *m = x->wasm;
	uint32_t end = x->f->wasm->end.v;

	while (pos < end &&
	       (!(m->kinds[pos] & WDX_INSN_CONTROL) || m->data[m->code.v + pos] == 0x02))
		pos++;
	return pos;
}

/* ---- claims -----------------------------------------------------------------------------------
 */

/* The machine's place for one of the map's; NONE: not one that is followed. */
static uint32_t machine_place(const struct flow *x, const struct wdx_place *p)
{
	if (p->kind == WDX_PLACE_REG)
		return p->reg < x->m.nregs ? p->reg : NONE;
	if (p->kind != WDX_PLACE_MEM || p->base != WDX_BASE_CFA || p->n != 1)
		return NONE;
	for (uint32_t i = 0; i < x->m.nslots; i++)
		if (x->m.slots[i] == x->map->offsets.data[p->first])
			return x->m.nregs + i;
	return NONE;
}

static void add_probe(struct flow *x, const struct wdx_map_entity *e, const struct wdx_map_range *r)
{
	uint32_t place = machine_place(x, &x->map->places.data[r->place]), i, value, at = r->lo;
	struct probe *p;

	x->stats->claims++;
	if (place == NONE)
		return;
	if (e->kind == WDX_ENT_CONTEXT) {
		value = CONTEXT;
	} else {
		i = first_shown(x, r->lo, r->hi);
		if (i == NONE || e->index >= x->v.nlocals)
			return;
		if (x->code->intervals.data[i].lo > at)
			at = x->code->intervals.data[i].lo;
		value = wdx_value_at(&x->v, e->index, x->code->intervals.data[i].wasm);
	}
	p = value ? wdx_vec_push(&x->probes) : NULL;
	if (p)
		*p = (struct probe){at, place, value};
	else
		x->nomem |= value != 0;
}

static int by_at(const void *a, const void *b)
{
	const struct probe *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void find_probes(struct flow *x)
{
	const struct wdx_map_func *f = x->f->map;

	x->probes.len = 0;
	for (uint32_t i = 0; i < f->nentities; i++) {
		const struct wdx_map_entity *e = &x->map->entities.data[f->first_entity + i];

		if (e->kind != WDX_ENT_LOCAL && e->kind != WDX_ENT_CONTEXT)
			continue;
		for (uint32_t k = 0; k < e->n; k++)
			add_probe(x, e, &x->map->ranges.data[e->first + k]);
	}
	if (x->probes.len)
		qsort(x->probes.data, x->probes.len, sizeof(*x->probes.data), by_at);
}

static uint32_t wasm_position(const struct flow *x, uint32_t at)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t i = interval_at(x, at);

	return i < x->f->first + x->f->n && iv[i].lo <= at ? iv[i].wasm : NONE;
}

/* Whether the machine value is the wasm value, by where both come from. */
static bool bears_out(const struct flow *x, const struct wdx_mvalue *mv, uint32_t value)
{
	const struct wdx_value *v;

	bool argument = mv->kind == WDX_MV_ENTRY && !x->preserved[mv->reg];

	if (value == CONTEXT)
		return argument;
	v = &x->v.values.data[value];
	if (v->kind == WDX_VALUE_PARAM)
		return argument;
	if (v->kind == WDX_VALUE_INSN)
		return mv->kind == WDX_MV_INSN && wasm_position(x, mv->at) == v->pos;
	return false;
}

/* A machine value that two wasm values lay claim to is neither's. */
static void associate(struct flow *x, uint32_t mv, uint32_t value)
{
	if (!x->assoc[mv])
		x->assoc[mv] = value;
	else if (x->assoc[mv] != value)
		x->assoc[mv] = NONE;
}

static void check_probe(struct flow *x, const struct probe *p)
{
	struct wdx_held h = x->state[p->place];

	if (!h.value)
		return;
	if (bears_out(x, &x->m.values.data[h.value], p->value)) {
		x->stats->proved++;
		associate(x, h.value, p->value);
	}
}

static size_t first_probe(const struct flow *x, uint32_t at)
{
	size_t lo = 0, hi = x->probes.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->probes.data[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct wdx_held *in_of(const struct flow *x, uint32_t block)
{
	return x->m.in + (size_t)block * x->m.nplaces;
}

static const struct wdx_held *out_of(const struct flow *x, uint32_t block)
{
	return x->m.out + (size_t)block * x->m.nplaces;
}

/* A parameter comes in one register: where two are said to bring it, neither is believed. */
static void drop_doubles(struct flow *x)
{
	for (size_t i = 1; i < x->m.values.len; i++) {
		bool twice = false;

		if (x->m.values.data[i].kind != WDX_MV_ENTRY || !x->assoc[i])
			continue;
		for (size_t k = i + 1; k < x->m.values.len; k++) {
			if (x->m.values.data[k].kind != WDX_MV_ENTRY || x->assoc[k] != x->assoc[i])
				continue;
			x->assoc[k] = 0;
			twice = true;
		}
		if (twice)
			x->assoc[i] = 0;
	}
}

static void check_claims(struct flow *x)
{
	for (uint32_t b = 0; b < x->m.blocks.len; b++) {
		const struct wdx_mblock *block = &x->m.blocks.data[b];
		const struct wdx_minsn *i = &x->m.insns.data[block->first], *end = i + block->n;
		size_t k;

		if (!block->reached)
			continue;
		memcpy(x->state, in_of(x, b), x->m.nplaces * sizeof(*x->state));
		for (k = first_probe(x, i->at); i < end; i++) {
			for (; k < x->probes.len && x->probes.data[k].at < i->at + i->a.size; k++)
				check_probe(x, &x->probes.data[k]);
			wdx_machine_step(&x->m, i, x->state);
		}
	}
	for (size_t i = 0; i < x->m.values.len; i++)
		if (x->assoc[i] == NONE)
			x->assoc[i] = 0;
	drop_doubles(x);
}

/* ---- arguments --------------------------------------------------------------------------------
 */

/* The class of parameter i and which of its class it is; false: passed in a way of its own. */
static bool argument(const struct flow *x, const struct wdx_wasm_func *f, uint32_t i,
		     unsigned *class, unsigned *nth)
{
	const struct wdx_wasm_type *t = &x->wasm->types.data[f->type];
	bool number = i < t->nparams && t->params[i] <= WDX_I32 && t->params[i] >= WDX_F64;

	if (!number || t->nresults > 1)
		return false;
	*class = t->params[i] >= WDX_I64 ? CLASS_INTEGER : CLASS_FLOAT;
	*nth = 0;
	for (uint32_t k = 0; k < i; k++) {
		if (t->params[k] > WDX_I32 || t->params[k] < WDX_F64)
			return false;
		*nth += (t->params[k] >= WDX_I64 ? CLASS_INTEGER : CLASS_FLOAT) == *class;
	}
	return *nth < MAX_ARGS;
}

/* Counts the arguments of a function whose claims have been checked. */
static void vote(struct flow *x)
{
	unsigned class, nth;

	for (uint32_t i = 1; i < x->m.values.len; i++) {
		const struct wdx_mvalue *mv = &x->m.values.data[i];
		uint32_t value = x->assoc[i];

		if (mv->kind != WDX_MV_ENTRY || !value || value == CONTEXT)
			continue;
		if (argument(x, x->f->wasm, x->v.values.data[value].arg, &class, &nth))
			x->convention->votes[class][nth][mv->reg]++;
	}
}

static uint16_t elected(const uint32_t *votes)
{
	uint32_t sum = 0, best = 0;

	for (unsigned r = 0; r < MAX_REGS; r++) {
		sum += votes[r];
		best = votes[r] > votes[best] ? r : best;
	}
	return votes[best] > 1 && votes[best] >= sum - sum / 10 ? (uint16_t)best : UINT16_MAX;
}

/* What the arguments' registers held on entry are the parameters. */
static void take_arguments(struct flow *x)
{
	unsigned class, nth;

	for (uint32_t i = 1; i < x->m.values.len; i++) {
		const struct wdx_mvalue *mv = &x->m.values.data[i];

		for (uint32_t k = 1; mv->kind == WDX_MV_ENTRY && k < x->v.values.len; k++) {
			const struct wdx_value *v = &x->v.values.data[k];

			if (v->kind != WDX_VALUE_PARAM)
				break; /* they come first */
			if (argument(x, x->f->wasm, v->arg, &class, &nth) &&
			    x->convention->reg[class][nth] == mv->reg)
				associate(x, i, k);
		}
	}
}

/* ---- merges -----------------------------------------------------------------------------------
 */

static int by_input(const void *a, const void *b)
{
	const struct input *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->phi < y->phi ? -1 : x->phi > y->phi;
}

static void index_inputs(struct flow *x)
{
	x->inputs.len = 0;
	for (uint32_t i = 1; i < x->v.values.len; i++) {
		const struct wdx_value *v = &x->v.values.data[i];

		for (uint32_t k = 0; k < v->n; k++) {
			struct input *in = wdx_vec_push(&x->inputs);

			if (!in) {
				x->nomem = true;
				return;
			}
			*in = (struct input){x->v.inputs.data[v->first + k].value,
					     x->v.inputs.data[v->first + k].from, i};
		}
	}
	if (x->inputs.len)
		qsort(x->inputs.data, x->inputs.len, sizeof(*x->inputs.data), by_input);
}

static size_t first_input(const struct flow *x, uint32_t value)
{
	size_t lo = 0, hi = x->inputs.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->inputs.data[mid].value < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* What the merge gets when control comes by the instruction at `from`, maybe through other merges
 * of the same local that have no code of their own; 0: not known. */
static uint32_t input_from(const struct flow *x, uint32_t phi, uint32_t from, unsigned depth)
{
	if (!*x->steps)
		return 0;
	--*x->steps;

	const struct wdx_value *v = &x->v.values.data[phi];
	const struct wdx_value_input *in = &x->v.inputs.data[v->first];
	uint32_t lo = 0, hi = v->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (in[mid].from < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < v->n && in[lo].from == from)
		return in[lo].value;
	for (uint32_t k = 0; depth && k < v->n; k++) {
		const struct wdx_value *inner = &x->v.values.data[in[k].value];
		uint32_t found;

		if (inner->kind != WDX_VALUE_PHI || inner->arg != v->arg || in[k].value == phi)
			continue;
		found = input_from(x, in[k].value, from, depth - 1);
		if (found)
			return found;
	}
	return 0;
}

/* The control instruction by which a block of machine code is left; NONE: not known. */
static uint32_t find_exit(const struct flow *x, uint32_t block)
{
	for (unsigned step = 0; step < 4; step++) {
		const struct wdx_mblock *b = &x->m.blocks.data[block];
		const struct wdx_minsn *first = &x->m.insns.data[b->first];
		const struct wdx_minsn *last = first + b->n - 1;
		uint32_t i = last_shown(x, first->at, last->at + last->a.size);

		if (i != NONE)
			return way_out(x, x->code->intervals.data[i].wasm);
		if (b->npreds != 1 || x->m.blocks.data[x->m.preds.data[b->first_pred]].nsuccs != 1)
			break;
		block = x->m.preds.data[b->first_pred];
	}
	return NONE;
}

static uint32_t find_entry(const struct flow *x, uint32_t block)
{
	const struct wdx_mblock *b = &x->m.blocks.data[block];
	const struct wdx_minsn *first = &x->m.insns.data[b->first], *last = first + b->n - 1;
	uint32_t i = first_shown(x, first->at, last->at + last->a.size);

	return i == NONE ? NONE : x->code->intervals.data[i].wasm;
}

static bool has_code(const struct flow *x, uint32_t from, uint32_t to)
{
	return first_by_wasm(x, from) < first_by_wasm(x, to);
}

static bool is_conditional(uint8_t opcode)
{
	return opcode == 0x04 || opcode == 0x0d || opcode == 0x0e; /* if, br_if, br_table */
}

/* What the phi gets from a block of machine code that is left at that control instruction.  Where
 * it is conditional and what comes behind has no code, either way may have led on from there: then
 * both must bring the same.  Where it leads to no label of the phi's, the phi must be in force
 * already. 0: not known. */
static uint32_t wanted(const struct flow *x, uint32_t phi, uint32_t exit)
{
	const struct wdx_wasm *m = x->wasm;
	uint32_t value = input_from(x, phi, exit, MAX_DEPTH), end = x->f->wasm->end.v, next;

	if (!value)
		return wdx_value_at(&x->v, x->v.values.data[phi].arg, exit) == phi ? phi : 0;
	for (unsigned step = 0; is_conditional(m->data[m->code.v + exit]); step++, exit = next) {
		uint32_t other;

		next = way_out(x, exit + 1);
		if (next >= end || has_code(x, exit + 1, next + 1))
			return value;
		other = input_from(x, phi, next, MAX_DEPTH);
		if (step == MAX_EMPTY || (other && other != value))
			return 0;
	}
	return value;
}

/* Whether the merge of the machine's at the block is that wasm value: every way in brings what the
 * value is on that way.  Merges not looked at yet are given the benefit of the doubt when `hope`.
 */
static bool agrees(const struct flow *x, uint32_t block, uint32_t place, uint32_t value, bool hope)
{
	const struct wdx_mblock *b = &x->m.blocks.data[block];
	uint32_t self = in_of(x, block)[place].value;
	bool phi = value != CONTEXT && x->v.values.data[value].kind == WDX_VALUE_PHI;

	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k], got, want = value, exit;
		uint32_t mv = out_of(x, from)[place].value;

		if (!x->m.blocks.data[from].reached)
			continue;
		got = mv == self ? value : x->assoc[mv];
		if (got == value && !phi)
			continue;
		if (hope && !got && x->m.values.data[mv].kind == WDX_MV_PHI)
			continue;
		exit = phi ? x->edges.data[from].out : NONE;
		if (phi)
			want = exit == NONE ? 0 : wanted(x, value, exit);
		if (!got || got != want)
			return false;
	}
	return true;
}

/* A merge of the local, or one of merges of it, that is in force at the position and that the value
 * goes into; 0: none that agrees. */
static uint32_t merge_with(const struct flow *x, uint32_t block, uint32_t place, uint32_t value,
			   uint32_t pos, unsigned depth)
{
	for (size_t i = first_input(x, value);
	     i < x->inputs.len && x->inputs.data[i].value == value; i++) {
		uint32_t phi = x->inputs.data[i].phi, found;

		if (phi == value || (i && !memcmp(&x->inputs.data[i - 1].value, &value, 4) &&
				     x->inputs.data[i - 1].phi == phi))
			continue;
		if (wdx_value_at(&x->v, x->v.values.data[phi].arg, pos) == phi &&
		    agrees(x, block, place, phi, true))
			return phi;
		found = depth ? merge_with(x, block, place, phi, pos, depth - 1) : 0;
		if (found)
			return found;
	}
	return 0;
}

/* A first guess, made where one way in is known. */
static uint32_t guess(const struct flow *x, uint32_t block, uint32_t place, uint32_t pos)
{
	const struct wdx_mblock *b = &x->m.blocks.data[block];
	uint32_t value = 0, found;

	for (uint32_t k = 0; k < b->npreds && !value; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k];

		if (x->m.blocks.data[from].reached)
			value = x->assoc[out_of(x, from)[place].value];
	}
	if (!value)
		return 0;
	if (value != CONTEXT && pos != NONE) {
		found = merge_with(x, block, place, value, pos, 1);
		if (found)
			return found;
	}
	return agrees(x, block, place, value, true) ? value : 0;
}

static bool is_merge(const struct flow *x, uint32_t block, uint32_t place)
{
	const struct wdx_mvalue *mv = &x->m.values.data[in_of(x, block)[place].value];

	return mv->kind == WDX_MV_PHI && mv->at == block && mv->reg == place;
}

static void find_edges(struct flow *x)
{
	x->edges.len = 0;
	if (!wdx_vec_reserve(&x->edges, x->m.blocks.len)) {
		x->nomem = true;
		return;
	}
	for (uint32_t b = 0; b < x->m.blocks.len; b++)
		x->edges.data[b] = (struct edge){find_entry(x, b), find_exit(x, b)};
	x->edges.len = x->m.blocks.len;
}

static void guess_merges(struct flow *x, uint32_t block)
{
	for (uint32_t p = 0; p < x->m.nplaces; p++) {
		uint32_t mv = in_of(x, block)[p].value;
		struct merge *slot;

		if (!is_merge(x, block, p) || x->assoc[mv])
			continue;
		x->assoc[mv] = guess(x, block, p, x->edges.data[block].in);
		if (!x->assoc[mv])
			continue;
		slot = wdx_vec_push(&x->merges);
		if (slot)
			*slot = (struct merge){block, p};
		x->nomem |= !slot;
	}
}

/* Guesses are hopeful where loops come back; those that do not hold are taken back until all that
 * are left bear each other out. */
static void match_merges(struct flow *x)
{
	size_t left;
	unsigned rounds = 0;

	x->merges.len = 0;
	*x->steps = MAX_STEPS;
	find_edges(x);
	for (uint32_t b = 0; b < x->m.blocks.len && !x->nomem; b++)
		if (b && x->m.blocks.data[b].reached && x->m.blocks.data[b].npreds > 1)
			guess_merges(x, b);
	do {
		left = x->merges.len;
		x->merges.len = 0;
		for (size_t i = 0; i < left; i++) {
			struct merge g = x->merges.data[i];
			uint32_t mv = in_of(x, g.block)[g.place].value;

			if (rounds < MAX_ROUNDS && agrees(x, g.block, g.place, x->assoc[mv], false))
				x->merges.data[x->merges.len++] = g;
			else
				x->assoc[mv] = 0;
		}
		rounds++;
	} while (x->merges.len < left);
}

/* ---- holdings ---------------------------------------------------------------------------------
 */

struct open { /* what a place holds now */
	uint32_t value, width;
	uint32_t since;
	uint32_t last; /* the place's last holding, to go on with; NONE: none */
};

static uint32_t width_of(uint8_t type)
{
	switch (type) {
	case WDX_I32:
	case WDX_F32:
		return 4;
	case WDX_V128:
		return 16;
	}
	return 8;
}

static void close_holding(struct flow *x, struct open *o, uint32_t place, uint32_t at)
{
	struct holding *h;

	if (!o->value || o->since == at)
		return;
	h = o->last == NONE ? NULL : &x->holdings.data[o->last];
	if (h && h->value == o->value && h->width == o->width && h->hi == o->since) {
		h->hi = at;
		return;
	}
	o->last = (uint32_t)x->holdings.len;
	h = wdx_vec_push(&x->holdings);
	if (h)
		*h = (struct holding){o->value, place, o->width, o->since, at};
	else
		x->nomem = true;
}

static void update_place(struct flow *x, struct open *open, uint32_t p, uint32_t at)
{
	uint32_t value = x->assoc[x->state[p].value], width = x->state[p].width;

	if (value == open[p].value && (!value || width == open[p].width))
		return;
	close_holding(x, &open[p], p, at);
	open[p].value = value;
	open[p].width = width;
	open[p].since = at;
}

static void update_all(struct flow *x, struct open *open, uint32_t at)
{
	for (uint32_t p = 0; p < x->m.nplaces; p++)
		update_place(x, open, p, at);
}

/* After the step over the instruction, of what it changed. */
static void update(struct flow *x, struct open *open, const struct wdx_minsn *i)
{
	uint32_t at = i->at + i->a.size;

	if (x->m.wide) {
		update_all(x, open, at);
		return;
	}
	for (uint32_t k = 0; k < 2; k++)
		for (uint64_t bits = i->writes[k]; bits; bits &= bits - 1) {
			uint32_t reg = 64 * k + (uint32_t)__builtin_ctzll(bits);

			if (reg < x->m.nregs)
				update_place(x, open, reg, at);
		}
}

static void find_holdings(struct flow *x)
{
	struct open *open = malloc(x->m.nplaces * sizeof(*open));

	x->holdings.len = 0;
	if (!open) {
		x->nomem = true;
		return;
	}
	for (uint32_t p = 0; p < x->m.nplaces; p++)
		open[p] = (struct open){.last = NONE};
	for (uint32_t b = 0; b < x->m.blocks.len && !x->nomem; b++) {
		const struct wdx_mblock *block = &x->m.blocks.data[b];
		const struct wdx_minsn *i = &x->m.insns.data[block->first], *end = i + block->n;

		if (!block->reached)
			continue;
		memcpy(x->state, in_of(x, b), x->m.nplaces * sizeof(*x->state));
		update_all(x, open, i->at);
		for (; i < end; i++) {
			wdx_machine_step(&x->m, i, x->state);
			update(x, open, i);
		}
		for (uint32_t p = 0; p < x->m.nplaces; p++) {
			close_holding(x, &open[p], p, end[-1].at + end[-1].a.size);
			open[p].value = 0;
		}
	}
	free(open);
}

static int by_value(const void *a, const void *b)
{
	const struct holding *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Local after local, by position. */
static void find_users(struct flow *x)
{
	x->users.len = 0;
	for (uint32_t i = 0; i < x->v.nlocals && !x->nomem; i++) {
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

/* ---- the outcome ------------------------------------------------------------------------------
 */

static uint32_t map_place(struct flow *x, uint32_t place, uint32_t value)
{
	int64_t off;

	if (place == NONE)
		return wdx_map_place_const(x->map, x->v.values.data[value].bits);
	if (place < x->m.nregs)
		return wdx_map_place_reg(x->map, place);
	off = x->m.slots[place - x->m.nregs];
	return wdx_map_place_mem(x->map, WDX_BASE_CFA, 0, &off, 1);
}

static bool is_passing(const struct flow *x, uint32_t place)
{
	return place < x->m.nregs && !x->preserved[place];
}

static void add_found(struct flow *x, uint32_t lo, uint32_t hi, uint32_t place, uint32_t value)
{
	struct found *f = wdx_vec_push(&x->found);

	if (f)
		*f = (struct found){lo, hi, place, value, is_passing(x, place)};
	x->nomem |= !f;
}

/* The first interval behind i that shows a state, or the end. */
static uint32_t next_shown(const struct flow *x, uint32_t i)
{
	uint32_t end = x->f->first + x->f->n;

	for (i++; i < end && !shows(&x->code->intervals.data[i]); i++)
		;
	return i;
}

/* Cut to [lo, hi), the interval, with what shows nothing behind it up to the next that is in the
 * range of positions too. */
static void add_interval(struct flow *x, uint32_t i, uint32_t lo, uint32_t hi, const struct user *u,
			 uint32_t place)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t from = iv[i].lo > lo ? iv[i].lo : lo, next;

	if (!shows(&iv[i]) || iv[i].hi <= lo || iv[i].lo >= hi)
		return;
	next = next_shown(x, i);
	if (next < x->f->first + x->f->n && iv[next].wasm >= u->lo && iv[next].wasm < u->hi)
		i = next - 1;
	add_found(x, from, iv[i].hi < hi ? iv[i].hi : hi, place, u->value);
}

/* The parts of [lo, hi) where the user has its value. */
static void add_where(struct flow *x, uint32_t lo, uint32_t hi, const struct user *u,
		      uint32_t place)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t a = first_by_wasm(x, u->lo), b = first_by_wasm(x, u->hi);
	uint32_t i = interval_at(x, lo), end = x->f->first + x->f->n;

	if (b - a < (hi - lo) / 8) { /* an interval is some eight bytes */
		for (; a < b; a++)
			add_interval(x, x->code->by_wasm[a], lo, hi, u, place);
		return;
	}
	for (; i < end && iv[i].lo < hi; i++)
		if (iv[i].wasm >= u->lo && iv[i].wasm < u->hi)
			add_interval(x, i, lo, hi, u, place);
}

static size_t first_holding(const struct flow *x, uint32_t value)
{
	size_t lo = 0, hi = x->holdings.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->holdings.data[mid].value < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A slot that is never reloaded may be an argument's, which is the callee's during a call. */
static bool is_kept(const struct flow *x, uint32_t place)
{
	return place < x->m.nregs || x->m.reloaded[place - x->m.nregs];
}

static void use(struct flow *x, const struct user *u)
{
	const struct wdx_map_part *part = &x->map->parts.data[x->f->map->first_part];
	uint32_t width = width_of(wdx_wasm_local_type(x->wasm, x->f->wasm, u->local));

	if (x->v.values.data[u->value].kind == WDX_VALUE_CONST) {
		add_where(x, part->lo, part->hi, u, NONE);
		return;
	}
	for (size_t i = first_holding(x, u->value);
	     i < x->holdings.len && x->holdings.data[i].value == u->value; i++) {
		const struct holding *h = &x->holdings.data[i];

		if (h->width >= width && is_kept(x, h->place))
			add_where(x, h->lo, h->hi, u, h->place);
	}
}

static int by_worth(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	if (x->passing != y->passing)
		return x->passing ? 1 : -1;
	if (x->hi != y->hi)
		return x->hi > y->hi ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
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

/* Where several places are known at once, the one that lasts: not taken by calls, longest first. */
static void put_found(struct flow *x, struct wdx_map_entity *e)
{
	uint32_t at = 0;

	for (size_t i = 1; i < x->found.len; i++) {
		if (by_worth(&x->found.data[i - 1], &x->found.data[i]) <= 0)
			continue;
		qsort(x->found.data, x->found.len, sizeof(*x->found.data), by_worth);
		break;
	}
	for (size_t i = 0; i < x->found.len; i++) {
		const struct found *f = &x->found.data[i];
		uint32_t lo = f->lo > at ? f->lo : at, hi = f->hi;

		/* one that calls take gives way to one that they do not */
		for (size_t k = i + 1; f->passing && k < x->found.len && x->found.data[k].lo < hi;
		     k++)
			if (!x->found.data[k].passing && x->found.data[k].hi > lo)
				hi = x->found.data[k].lo > lo ? x->found.data[k].lo : lo;
		if (lo < hi)
			put_range(x, e, lo, hi, map_place(x, f->place, f->value));
		if (hi > at)
			at = hi;
	}
}

static void put_entity(struct flow *x, uint32_t kind, uint32_t index)
{
	struct wdx_map_entity e = {.kind = kind, .index = index, .first = (uint32_t)x->ranges.len};
	struct wdx_map_entity *slot;

	put_found(x, &e);
	if (!e.n)
		return;
	slot = wdx_vec_push(&x->entities);
	if (slot)
		*slot = e;
	x->nomem |= !slot;
}

static void put_locals(struct flow *x)
{
	for (size_t i = 0; i < x->users.len;) {
		uint32_t local = x->users.data[i].local;

		x->found.len = 0;
		for (; i < x->users.len && x->users.data[i].local == local; i++)
			use(x, &x->users.data[i]);
		put_entity(x, WDX_ENT_LOCAL, local);
	}
}

static void put_context(struct flow *x)
{
	x->found.len = 0;
	for (size_t i = first_holding(x, CONTEXT);
	     i < x->holdings.len && x->holdings.data[i].value == CONTEXT; i++) {
		const struct holding *h = &x->holdings.data[i];

		if (h->width >= 8 && is_kept(x, h->place))
			add_found(x, h->lo, h->hi, h->place, CONTEXT);
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
static void keep_others(struct flow *x, const struct wdx_map_func *f, bool all, uint32_t from,
			uint32_t to)
{
	for (uint32_t i = 0; i < f->nentities && !x->nomem; i++) {
		const struct wdx_map_entity *e = &x->map->entities.data[f->first_entity + i];

		if (all || (e->kind >= from && e->kind < to))
			keep_entity(x, e);
	}
}

/* ---- functions --------------------------------------------------------------------------------
 */

static bool prepare(struct flow *x)
{
	if (x->m.values.len > x->nassoc) {
		free(x->assoc);
		x->nassoc = x->m.values.len * 2;
		x->assoc = malloc(x->nassoc * sizeof(*x->assoc));
	}
	if (x->m.nplaces > x->nstate) {
		free(x->state);
		x->nstate = x->m.nplaces;
		x->state = malloc(x->nstate * sizeof(*x->state));
	}
	if (!x->assoc || !x->state) {
		x->nassoc = x->nstate = 0;
		return false;
	}
	memset(x->assoc, 0, x->m.values.len * sizeof(*x->assoc));
	return true;
}

static struct wdx_error *analyse(struct flow *x, bool *known)
{
	struct wdx_error *err = wdx_values_of(&x->v, x->wasm, x->f->wasm, known);

	if (!err && *known)
		err = wdx_machine_of(&x->m, x->wasm, x->f, x->code, known);
	return err;
}

static void match(struct flow *x)
{
	find_probes(x);
	take_arguments(x);
	check_claims(x);
	index_inputs(x);
	if (!x->nomem)
		match_merges(x);
	if (!x->nomem)
		find_holdings(x);
	if (x->holdings.len)
		qsort(x->holdings.data, x->holdings.len, sizeof(*x->holdings.data), by_value);
	if (!x->nomem)
		find_users(x);
}

/* Compilers have one convention for all wasm functions: where nine in ten functions prove an
 * argument to come in one register, it does. */
static struct wdx_error *learn_convention(struct flow *x)
{
	struct wdx_error *err = NULL;
	unsigned looked = 0;
	bool known;

	x->convention = calloc(1, sizeof(*x->convention));
	if (!x->convention)
		return &wdx_nomem;
	memset(x->convention->reg, 0xff, sizeof(x->convention->reg));
	for (size_t i = 0; !err && i < x->map->funcs.len && looked < ENOUGH; i++) {
		x->f = &x->code->funcs.data[i];
		if (!x->f->wasm || !x->map->funcs.data[i].nentities)
			continue;
		looked++;
		err = analyse(x, &known);
		if (err || !known)
			continue;
		if (!prepare(x))
			return &wdx_nomem;
		find_probes(x);
		check_claims(x);
		vote(x);
	}
	for (unsigned c = 0; c < NCLASSES; c++)
		for (unsigned n = 0; n < MAX_ARGS; n++)
			x->convention->reg[c][n] = elected(x->convention->votes[c][n]);
	memset(x->stats, 0, sizeof(*x->stats));
	return err;
}

static struct wdx_error *refine_function(struct flow *x, struct wdx_map_func *f, size_t i)
{
	uint32_t first = (uint32_t)x->entities.len;
	struct wdx_error *err = NULL;
	bool known = false;

	x->f = &x->code->funcs.data[i];
	if (x->f->wasm && f->nentities) {
		x->stats->functions++;
		err = analyse(x, &known);
	}
	if (err)
		return err;
	if (known && !prepare(x))
		return &wdx_nomem;
	if (known) {
		x->stats->followed++;
		match(x);
		put_locals(x);
		keep_others(x, f, false, WDX_ENT_STACK, WDX_ENT_CONTEXT);
		put_context(x);
		keep_others(x, f, false, WDX_ENT_MEMORY, UINT32_MAX);
	} else {
		keep_others(x, f, true, 0, 0);
	}
	f->first_entity = first;
	f->nentities = (uint32_t)x->entities.len - first;
	return x->nomem ? &wdx_nomem : NULL;
}

static struct wdx_error *find_preserved(struct flow *x)
{
	x->preserved = calloc(x->m.nregs + 1, sizeof(*x->preserved));
	if (!x->preserved)
		return &wdx_nomem;
	for (size_t i = 0; i < x->map->preserved.len; i++)
		if (x->map->preserved.data[i] < x->m.nregs)
			x->preserved[x->map->preserved.data[i]] = true;
	return NULL;
}

static void take(struct flow *x)
{
	wdx_vec_free(&x->map->entities);
	wdx_vec_free(&x->map->ranges);
	memcpy(&x->map->entities, &x->entities, sizeof(x->entities));
	memcpy(&x->map->ranges, &x->ranges, sizeof(x->ranges));
	memset(&x->entities, 0, sizeof(x->entities));
	memset(&x->ranges, 0, sizeof(x->ranges));
}

struct wdx_error *wdx_flow_refine(struct wdx_map *map, const struct wdx_wasm *wasm,
				  const struct wdx_target *target, const struct wdx_codeindex *code,
				  struct wdx_flow_stats *stats)
{
	uint32_t steps = MAX_STEPS;
	struct flow x = {.map = map, .wasm = wasm, .code = code, .stats = stats, .steps = &steps};
	struct wdx_error *err = wdx_machine_init(&x.m, map, target);

	memset(stats, 0, sizeof(*stats));
	if (!err && wdx_machine_able(&x.m)) {
		err = find_preserved(&x);
		if (!err)
			err = learn_convention(&x);
		for (size_t i = 0; !err && i < map->funcs.len; i++)
			err = refine_function(&x, &map->funcs.data[i], i);
		if (!err)
			take(&x);
	}
	wdx_values_deinit(&x.v);
	wdx_machine_deinit(&x.m);
	wdx_vec_free(&x.probes);
	wdx_vec_free(&x.holdings);
	wdx_vec_free(&x.users);
	wdx_vec_free(&x.inputs);
	wdx_vec_free(&x.edges);
	wdx_vec_free(&x.merges);
	wdx_vec_free(&x.found);
	wdx_vec_free(&x.entities);
	wdx_vec_free(&x.ranges);
	free(x.assoc);
	free(x.state);
	free(x.preserved);
	free(x.convention);
	return err;
}
