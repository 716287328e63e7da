/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/flow.h"

#include <string.h>

#include "base/error.h"
#include "flow/check.h"
#include "flow/machine.h"
#include "flow/values.h"
#include "wasm/opcode.h"

#define NONE UINT32_MAX

#define CONTEXT WDX_VALUE_CONTEXT

/* How far merges of merges are looked through. */
enum { MAX_DEPTH = 2, MAX_EMPTY = 8 };

/* Steps of the search for merges in one function, and how often guesses are gone through. */
enum { MAX_STEPS = 1 << 24, MAX_ROUNDS = 256, MAX_GUESSES = 4 };

struct probe { /* a claim, looked at where its first state is */
	uint32_t at;
	uint32_t place; /* of the machine */
	uint32_t value; /* of the wasm function, or CONTEXT */
	wdx_held held;	/* what the place holds there */
};

struct holding { /* a place holds a wasm value over a stretch of code: its low `width` bytes */
	uint32_t value, place, width;
	uint32_t lo, hi;
};

struct user { /* a local has a value in a range of the body */
	uint32_t value, local;
	uint32_t lo, hi;
};

struct piece { /* an interval that shows a state, and what shows nothing behind it */
	uint32_t wasm;
	uint32_t lo, hi;
	uint32_t next_wasm, next_lo; /* of the interval behind that; NONE: there is none */
};

struct term { /* a value is root + off */
	uint32_t root, value;
	uint64_t off;
};

struct input { /* a merge or a sum by what goes into it */
	uint32_t value, to;
};

struct maker { /* an instruction whose result is known by what it does: a load, a call */
	uint32_t pos, value;
	uint32_t mv;	/* the machine's only candidate; 0: none yet, NONE: several */
	uint32_t first; /* its instruction */
};

/* The items of key k are those numbered in items[start[k]] up to items[start[k + 1]]. */
struct index {
	WDX_VEC(uint32_t) start, items;
};

struct open { /* what a place holds now */
	uint32_t value, width;
	uint32_t since;
};

/* Which place brings the nth argument of a class, and which register its result: learned from
 * claims that the code bears out.  Places on the stack count from FIRST_SLOT on. */
enum { CLASS_INTEGER, CLASS_FLOAT, NCLASSES, MAX_ARGS = 16, FIRST_SLOT = 96, MAX_WAYS = 128 };

/* How many functions are looked at to learn of an argument, and of all. */
enum { ENOUGH = 32, MAX_LOOKED = 512 };

struct convention {
	uint32_t heard[NCLASSES][MAX_ARGS]; /* functions looked at that take one */
	uint32_t votes[NCLASSES][MAX_ARGS + 1][MAX_WAYS];
	uint16_t way[NCLASSES][MAX_ARGS + 1]; /* UINT16_MAX: not known; the last is the result's */
};

struct edge { /* wasm positions where a block of machine code is entered and left */
	uint32_t in, out;
};

/* How good it is to know a value in one way rather than another. */
enum { RANK_LASTING, RANK_PASSING /* in a register that calls take */, RANK_SUM, RANK_CELL, RANKS };

/* Cells of globals count from here on among the places. */
#define FIRST_CELL (UINT32_MAX - 16)

struct found { /* the outcome: where an entity is */
	uint32_t lo, hi;
	uint32_t place; /* of the machine, or a cell; NONE: a constant */
	uint32_t value; /* of the constant, in wasm values */
	uint32_t rank;
	uint64_t addend; /* of a sum or cell */
};

struct flow {
	struct wdx_map *map;
	const struct wdx_wasm *wasm;
	const struct wdx_codeindex *code;
	const struct wdx_code_func *f;
	struct wdx_flow_stats *stats;
	struct wdx_summary summary;
	struct wdx_values v;
	struct wdx_machine m;
	uint32_t *assoc; /* of each machine value: the wasm value, 0 is none */
	uint32_t
		*hints; /* of each merge of the machine's: the wasm value that a claim says it is */
	size_t nassoc;
	wdx_held *state, *seen; /* of each place, now and when its open holding was looked at */
	struct open *open;
	uint32_t *placed; /* number in the map, NONE: not looked up yet */
	size_t nstate;
	WDX_VEC(struct probe) probes;
	WDX_VEC(struct holding) holdings;
	WDX_VEC(struct user) users;
	WDX_VEC(struct input) inputs;
	WDX_VEC(struct edge) edges;
	WDX_VEC(struct maker) makers; /* by pos */
	WDX_VEC(uint32_t) given; /* merges and sums of the machine's that have been given a value */
	WDX_VEC(struct term) terms;
	WDX_VEC(struct piece) pieces;
	struct index inputs_of, holdings_of, terms_of;
	struct wdx_ranges runs;
	WDX_VEC(struct found) found;
	WDX_VEC(struct wdx_map_entity) entities; /* of the new map */
	WDX_VEC(struct wdx_map_range) ranges;
	bool *preserved;
	struct convention *convention;
	uint32_t *steps;     /* left; MAX_STEPS for each function */
	uint32_t true_cells; /* a bit for each global: its cell holds it wherever the code shows */
	struct wdx_check *check; /* NULL: the claims are not judged */
	bool nomem;
};

/* ---- indices ----------------------------------------------------------------------------------
 */

static bool build_index(struct flow *x, struct index *ix, size_t nkeys, size_t n,
			uint32_t (*key)(const struct flow *x, size_t item))
{
	uint32_t *start;

	ix->start.len = ix->items.len = 0;
	if (!wdx_vec_reserve(&ix->start, nkeys + 2) || !wdx_vec_reserve(&ix->items, n)) {
		x->nomem = true;
		return false;
	}
	start = ix->start.data;
	memset(start, 0, (nkeys + 2) * sizeof(*start));
	for (size_t i = 0; i < n; i++)
		start[key(x, i) + 2]++;
	for (size_t k = 2; k < nkeys + 2; k++)
		start[k] += start[k - 1];
	for (size_t i = 0; i < n; i++)
		ix->items.data[start[key(x, i) + 1]++] = (uint32_t)i;
	ix->start.len = nkeys + 1;
	ix->items.len = n;
	return true;
}

/* CONTEXT comes behind all other values. */
static uint32_t value_key(const struct flow *x, uint32_t value)
{
	return value == CONTEXT ? (uint32_t)x->v.values.len : value;
}

/* ---- positions --------------------------------------------------------------------------------
 */

static bool is_opcode(const struct flow *x, uint32_t pos, uint8_t opcode)
{
	return x->wasm->data[x->wasm->code.v + pos] == opcode;
}

static bool shows(const struct wdx_interval *iv)
{
	return iv->wasm != NONE && !(iv->flags & WDX_IV_DISPLACED);
}

/* The first interval in [lo, hi) that shows a state; NONE: there is none. */
static uint32_t first_shown(const struct flow *x, uint32_t lo, uint32_t hi)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t end = x->f->first + x->f->n;

	for (uint32_t i = wdx_code_interval(x->code, x->f, lo); i < end && iv[i].lo < hi; i++)
		if (shows(&iv[i]))
			return i;
	return NONE;
}

static uint32_t last_shown(const struct flow *x, uint32_t lo, uint32_t hi)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t end = x->f->first + x->f->n, last = NONE;

	for (uint32_t i = wdx_code_interval(x->code, x->f, lo); i < end && iv[i].lo < hi; i++)
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
	uint32_t end = x->f->wasm->end.v;

	while (pos < end && !wdx_code_ends_block(x->code, pos))
		pos++;
	return pos;
}

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

/* Of a local, or of a global that is followed like one. */
static uint8_t type_of(const struct flow *x, uint32_t local)
{
	return local < x->v.nlocals ? wdx_wasm_local_type(x->wasm, x->f->wasm, local)
				    : x->summary.globals[local - x->v.nlocals].type;
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
	return wdx_machine_slot(&x->m, x->map->offsets.data[p->first]);
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
		*p = (struct probe){at, place, value, 0};
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
	width = width_of(v->type);
	return v->kind == WDX_VALUE_CONST && width <= 8 && wdx_held_width(h) >= width &&
	       !(((uint64_t)mv->imm ^ v->bits) << (64 - 8 * width));
}

static bool is_value(const struct flow *x, wdx_held h, uint32_t value)
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
		uint32_t hi = end[-1].at + end[-1].a.size;

		while (p < last && p->at < i->at)
			p++;
		if (!block->reached || p == last || p->at >= hi)
			continue;
		memcpy(x->state, wdx_machine_in(&x->m, b), x->m.stride * sizeof(*x->state));
		for (; p < last && p->at < hi; i++) {
			for (; p < last && p->at < i->at + i->a.size; p++)
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

static void check_claims(struct flow *x)
{
	struct probe *p;

	if (x->probes.len)
		look_at_claims(x);
	wdx_vec_each (p, &x->probes) {
		uint32_t mv = wdx_held_value(p->held);

		if (mv >= x->m.first_phi)
			x->hints[mv - x->m.first_phi] = p->value;
		else if (mv && bears_out(x, &x->m.values.data[mv], p->value))
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

static void count_proved(struct flow *x)
{
	const struct probe *p;

	wdx_vec_each (p, &x->probes)
		x->stats->proved += is_value(x, p->held, p->value);
}

/* ---- arguments --------------------------------------------------------------------------------
 */

static bool class_of(uint8_t type, unsigned *class)
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
	    !class_of(t->params[i], &a->class))
		return false;
	for (uint32_t k = 0; k < i; k++) {
		if (!class_of(t->params[k], &class))
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
static void vote(struct flow *x)
{
	const struct probe *p;
	struct argument a;
	unsigned class;

	for (uint32_t i = 1; i <= x->m.nentries; i++) {
		unsigned way = way_of(x, x->m.values.data[i].reg);
		uint32_t value = x->assoc[i];

		if (!value || value == CONTEXT)
			continue;
		if (argument(x, x->f->wasm, x->v.values.data[value].arg, &a) && may_come(&a, way))
			x->convention->votes[a.class][a.nth][way]++;
	}
	wdx_vec_each (p, &x->probes) {
		uint32_t mv = wdx_held_value(p->held);
		const struct wdx_value *v = &x->v.values.data[p->value == CONTEXT ? 0 : p->value];

		if (v->kind == WDX_VALUE_INSN && v->type == WDX_VALUE_CALL && v->bits &&
		    x->assoc[mv] == p->value && class_of((uint8_t)v->bits, &class))
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

/* What the arguments' places held on entry are the parameters. */
static void take_arguments(struct flow *x)
{
	struct argument a;

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

/* Where the stack brings some, by the convention: a bit for each eight bytes from the CFA on. */
static uint32_t stack_arguments(const struct flow *x)
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

/* ---- results ----------------------------------------------------------------------------------
 */

/* Bytes that a load reads, by opcode from i32.load on; 0: those that extend the sign are not known
 * from others of the same size. */
static const uint8_t load_widths[] = {4, 8, 4, 8, 0, 1, 0, 2, 0, 1, 0, 2, 0, 4};

static unsigned load_width(const struct wdx_value *v)
{
	unsigned i = v->type - (unsigned)WDX_WASM_I32_LOAD;

	return v->kind == WDX_VALUE_INSN && i < sizeof(load_widths) ? load_widths[i] : 0;
}

static bool is_call(const struct wdx_value *v)
{
	return v->kind == WDX_VALUE_INSN && v->type == WDX_VALUE_CALL && v->bits;
}

static void find_makers(struct flow *x)
{
	x->makers.len = 0;
	for (uint32_t i = 1; i < x->v.values.len; i++) {
		const struct wdx_value *v = &x->v.values.data[i];
		struct maker *k;

		if (!load_width(v) && !is_call(v))
			continue;
		k = wdx_vec_push(&x->makers);
		if (k)
			*k = (struct maker){v->pos, i, 0, 0};
		x->nomem |= !k;
	}
}

static struct maker *maker_at(const struct flow *x, uint32_t pos)
{
	size_t lo = 0, hi = x->makers.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->makers.data[mid].pos < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->makers.len && x->makers.data[lo].pos == pos ? &x->makers.data[lo] : NULL;
}

/* Whether a load is one of linear memory, not of what the context leads to: an address of memory is
 * a sum, or else what is loaded is too small to be a pointer. */
static bool is_access(const struct flow *x, const struct wdx_minsn *i, unsigned width)
{
	uint32_t base;

	if (!i->a.load || !i->based || i->a.width != width || i->slot != NONE)
		return false;
	base = wdx_held_value(x->m.values.data[i->based].base);
	return base > x->m.nentries && x->assoc[base] != CONTEXT && (width < 8 || i->a.indexed);
}

/* The value that the instruction makes if it is what that of wasm became; 0: none, NONE: not known.
 */
static uint32_t made_by(const struct flow *x, const struct wdx_minsn *i, const struct wdx_value *v)
{
	unsigned class, reg, value = i->values;

	if (v->type != WDX_VALUE_CALL)
		return is_access(x, i, load_width(v)) ? i->based : 0;
	if (!i->a.call)
		return 0;
	if (!class_of((uint8_t)v->bits, &class))
		return NONE;
	reg = x->convention->way[class][MAX_ARGS];
	if (reg >= x->m.nregs || !(i->gives[reg / 64] >> reg % 64 & 1))
		return NONE;
	for (unsigned k = 0; k < reg; k++)
		value += i->gives[k / 64] >> k % 64 & 1;
	return value;
}

static uint32_t block_of(const struct flow *x, uint32_t insn)
{
	uint32_t lo = 0, hi = (uint32_t)x->m.blocks.len;

	while (lo + 1 < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (x->m.blocks.data[mid].first <= insn)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Whether the instruction, of code at that position or at none, is behind another one; *on: whether
 * the block can be left for more such code. */
static bool is_behind(const struct flow *x, uint32_t from, uint32_t block, uint32_t insn,
		      uint32_t pos, bool *on)
{
	const struct wdx_mblock *b = &x->m.blocks.data[block];

	*on = true;
	for (uint32_t i = from; *on && i < b->first + b->n; i++) {
		uint32_t at = wdx_code_position(x->code, x->f, x->m.insns.data[i].at);

		if (i == insn)
			return true;
		*on = at == pos || at == NONE;
	}
	return false;
}

/* Blocks that the code of one instruction is looked through for. */
enum { MAX_OF_ONE = 16 };

/* Whether one instruction leads to another without leaving the code of the position. */
static bool leads_to(const struct flow *x, uint32_t from, uint32_t to, uint32_t pos)
{
	uint32_t seen[MAX_OF_ONE] = {block_of(x, from)}, n = 1;
	bool on;

	for (uint32_t i = 0; i < n; i++) {
		const struct wdx_mblock *b = &x->m.blocks.data[seen[i]];

		if (is_behind(x, i ? b->first : from + 1, seen[i], to, pos, &on))
			return true;
		for (uint32_t k = 0; on && k < b->nsuccs && n < MAX_OF_ONE; k++) {
			uint32_t next = x->m.succs.data[b->first_succ + k], s = 0;

			while (s < n && seen[s] != next)
				s++;
			if (s == n)
				seen[n++] = next;
		}
	}
	return false;
}

/* Another candidate, which the instruction gives.  Of several calls the one that the others lead to
 * makes the result: they fetch what is called. */
static void add_candidate(const struct flow *x, struct maker *k, uint32_t mv, uint32_t insn)
{
	bool call = x->v.values.data[k->value].type == WDX_VALUE_CALL;
	bool before =
		k->mv && k->mv != NONE && mv != NONE && call && leads_to(x, insn, k->first, k->pos);
	bool behind =
		k->mv && k->mv != NONE && mv != NONE && call && leads_to(x, k->first, insn, k->pos);

	if (k->mv && before == behind) {
		k->mv = NONE;
	} else if (!before) {
		k->mv = mv;
		k->first = insn;
	}
}

/* The only load of the right size, or the only call, in the code of a wasm instruction is what has
 * become of it: its result needs no claim. */
static void take_results(struct flow *x)
{
	const struct wdx_interval *iv = &x->code->intervals.data[x->f->first];
	const struct wdx_interval *end = iv + x->f->n;
	const struct wdx_minsn *i = x->m.insns.data, *last = i + x->m.insns.len;
	struct maker *k;

	find_makers(x);
	for (; iv < end && x->makers.len; iv++) {
		k = iv->wasm == NONE ? NULL : maker_at(x, iv->wasm);
		for (; i < last && i->at < iv->hi; i++) {
			uint32_t mv = !k || i->at < iv->lo
					      ? 0
					      : made_by(x, i, &x->v.values.data[k->value]);

			if (mv)
				add_candidate(x, k, mv, (uint32_t)(i - x->m.insns.data));
		}
	}
	wdx_vec_each (k, &x->makers)
		if (k->mv && k->mv != NONE && !x->assoc[k->mv])
			x->assoc[k->mv] = k->value;
}

/* The number of the followed global whose cell the instruction loads; NONE: it does not. */
static uint32_t loaded_global(const struct flow *x, const struct wdx_minsn *i)
{
	wdx_held base = x->m.values.data[i->based].base;

	if (!i->a.load || !i->based || i->a.indexed || i->slot != NONE ||
	    x->assoc[wdx_held_value(base)] != CONTEXT || wdx_held_width(base) < 8)
		return NONE;
	for (uint32_t k = 0; k < x->summary.nglobals; k++)
		if (x->summary.globals[k].off == i->a.disp &&
		    width_of(x->summary.globals[k].type) == i->a.width)
			return k;
	return NONE;
}

/* What the code of a global.get loads from the global's cell. */
static void take_globals(struct flow *x)
{
	const struct wdx_minsn *i;
	struct wdx_insn get;

	if (!x->summary.nglobals)
		return;
	wdx_vec_each (i, &x->m.insns) {
		uint32_t k = loaded_global(x, i), pos;

		if (k == NONE || x->assoc[i->based])
			continue;
		pos = wdx_code_position(x->code, x->f, i->at);
		if (pos == NONE || !is_opcode(x, pos, WDX_WASM_GLOBAL_GET))
			continue;
		wdx_insn_at(x->wasm, (wdx_codepos){pos}, &get);
		if (get.imm[0] == x->summary.globals[k].index)
			x->assoc[i->based] = wdx_value_at(&x->v, x->v.nlocals + k, pos);
	}
}

/* ---- sums -------------------------------------------------------------------------------------
 */

/* How many additions one after the other are looked through. */
enum { MAX_SUMS = 4 };

static unsigned sum_width(uint8_t opcode)
{
	return opcode == WDX_WASM_I32_ADD || opcode == WDX_WASM_I32_SUB ? 4 : 8;
}

static bool same_low(uint64_t a, uint64_t b, unsigned width)
{
	return !((a ^ b) << (64 - 8 * width));
}

/* Looks through additions of constants for a value that is known: *off is what has been added to
 * it, up to `width` bytes of it count. */
static uint32_t summand(const struct flow *x, uint32_t mv, uint64_t *off, unsigned *width)
{
	*off = 0;
	*width = 8;
	for (unsigned n = 0; n < MAX_SUMS; n++) {
		const struct wdx_mvalue *v = &x->m.values.data[mv];
		const struct wdx_minsn *i = &x->m.insns.data[v->insn];

		if (v->kind != WDX_MV_INSN || i->based != mv || i->a.kind != WDX_DO_ADDR)
			return 0;
		*off += (uint64_t)i->a.disp;
		if (i->a.width < *width)
			*width = i->a.width;
		if (wdx_held_width(v->base) < *width)
			*width = wdx_held_width(v->base);
		mv = wdx_held_value(v->base);
		if (x->assoc[mv] && x->assoc[mv] != CONTEXT)
			return x->assoc[mv];
	}
	return 0;
}

/* By opcode of wasm from i32.add on, and the same for i64. */
static const int8_t ops[] = {
	WDX_OP_ADD, WDX_OP_SUB, WDX_OP_MUL, -1,		-1,	    -1,		-1,
	WDX_OP_AND, WDX_OP_OR,	WDX_OP_XOR, WDX_OP_SHL, WDX_OP_SAR, WDX_OP_SHR,
};

static bool is_commutative(unsigned op)
{
	return op == WDX_OP_ADD || (op >= WDX_OP_MUL && op <= WDX_OP_XOR) || op == WDX_OP_SELECT;
}

/* Whether a value is known to have four bytes. */
static bool is_narrow(const struct flow *x, uint32_t value)
{
	const struct wdx_value *v = &x->v.values.data[value];
	uint8_t type = v->type;

	switch (v->kind) {
	case WDX_VALUE_CONST:
		break;
	case WDX_VALUE_PARAM:
	case WDX_VALUE_PHI:
	case WDX_VALUE_GLOBAL:
		type = type_of(x, v->arg);
		break;
	case WDX_VALUE_INSN: /* comparisons, and what begins with "i32." */
		return type == WDX_WASM_I32_LOAD ||
		       (type >= WDX_WASM_I32_LOAD8_S && type <= WDX_WASM_I32_LOAD16_U) ||
		       (type >= WDX_WASM_I32_EQZ && type <= WDX_WASM_I32_ROTR) ||
		       (type >= WDX_WASM_I32_WRAP_I64 && type <= WDX_WASM_I32_TRUNC_F64_U);
	default:
		return false;
	}
	return width_of(type) == 4;
}

/* Whether the instruction of wasm computes the same of what it takes; a select takes one of two as
 * that at its own position. */
static bool same_op(const struct flow *x, const struct wdx_value *v, const struct wdx_minsn *i)
{
	unsigned n = v->type -
		     (unsigned)(v->type < WDX_WASM_I64_ADD ? WDX_WASM_I32_ADD : WDX_WASM_I64_ADD);

	if (v->kind != WDX_VALUE_INSN)
		return false;
	if (v->type == WDX_WASM_SELECT)
		return i->a.op == WDX_OP_SELECT &&
		       wdx_code_position(x->code, x->f, i->at) == v->pos &&
		       (i->a.width == 8 || is_narrow(x, v->operands[0]));
	return n < sizeof(ops) && ops[n] == i->a.op &&
	       i->a.width == (v->type < WDX_WASM_I64_ADD ? 4 : 8);
}

static bool is_operand(const struct flow *x, wdx_held h, uint32_t value, unsigned width)
{
	return value && wdx_held_width(h) >= width && is_value(x, h, value);
}

/* Whether what the machine's instruction takes besides its base is that value. */
static bool is_other(const struct flow *x, const struct wdx_mvalue *mv, const struct wdx_minsn *i,
		     uint32_t value)
{
	const struct wdx_value *v = &x->v.values.data[value];

	if (i->a.src >= 0)
		return is_operand(x, mv->other, value, i->a.width);
	return v->kind == WDX_VALUE_CONST && same_low(v->bits, (uint64_t)i->a.imm, i->a.width);
}

static bool computes(const struct flow *x, uint32_t mv, uint32_t value)
{
	const struct wdx_mvalue *m = &x->m.values.data[mv];
	const struct wdx_minsn *i = &x->m.insns.data[m->insn];
	const struct wdx_value *v = &x->v.values.data[value];

	if (!same_op(x, v, i))
		return false;
	if (is_operand(x, m->base, v->operands[0], i->a.width) && is_other(x, m, i, v->operands[1]))
		return true;
	return is_commutative(i->a.op) && is_operand(x, m->base, v->operands[1], i->a.width) &&
	       is_other(x, m, i, v->operands[0]);
}

/* The value of wasm that is computed from those that the machine's is, in the same way. */
static uint32_t find_computed(const struct flow *x, uint32_t mv)
{
	const struct wdx_mvalue *m = &x->m.values.data[mv];
	uint32_t from = x->assoc[wdx_held_value(m->base)], best = 0;
	const uint32_t *start;

	if (!from && m->other)
		from = x->assoc[wdx_held_value(m->other)];
	if (!from || from == CONTEXT)
		return 0;
	start = x->inputs_of.start.data + from;
	for (uint32_t i = start[0]; i < start[1] && *x->steps; i++, --*x->steps) {
		uint32_t value = x->inputs.data[x->inputs_of.items.data[i]].to;

		if (!computes(x, mv, value))
			continue;
		best = best ? best : value;
		if (x->v.values.data[value].pos == wdx_code_position(x->code, x->f, m->at))
			return value;
	}
	return best;
}

/* Whether that sum of wasm is known + off. */
static bool is_sum(const struct flow *x, uint32_t sum, uint32_t known, uint64_t off, unsigned width)
{
	const struct wdx_value *v = &x->v.values.data[sum], *k = &x->v.values.data[known];
	uint32_t root = known;

	if (v->kind != WDX_VALUE_INSN || !v->arg || width < sum_width(v->type))
		return false;
	if (k->kind == WDX_VALUE_INSN && k->arg) {
		root = k->arg;
		off += k->bits;
	}
	return v->arg == root && same_low(v->bits, off, sum_width(v->type));
}

/* The sum of wasm that the machine's is: the one at its position rather than another. */
static uint32_t find_sum(const struct flow *x, uint32_t mv)
{
	uint64_t off;
	unsigned width;
	uint32_t known = summand(x, mv, &off, &width), root = known, best = 0;
	const uint32_t *start;

	if (!known)
		return 0;
	if (x->v.values.data[known].kind == WDX_VALUE_INSN && x->v.values.data[known].arg)
		root = x->v.values.data[known].arg;
	start = x->inputs_of.start.data + root;
	for (uint32_t i = start[0]; i < start[1] && *x->steps; i++, --*x->steps) {
		uint32_t sum = x->inputs.data[x->inputs_of.items.data[i]].to;

		if (!is_sum(x, sum, known, off, width))
			continue;
		best = best ? best : sum;
		if (x->v.values.data[sum].pos ==
		    wdx_code_position(x->code, x->f, x->m.values.data[mv].at))
			return sum;
	}
	return best;
}

static bool is_binary(const struct flow *x, uint32_t mv)
{
	return x->m.insns.data[x->m.values.data[mv].insn].a.kind == WDX_DO_BINARY;
}

static bool still_computed(const struct flow *x, uint32_t mv)
{
	uint64_t off;
	unsigned width;
	uint32_t known;

	if (is_binary(x, mv))
		return computes(x, mv, x->assoc[mv]);
	known = summand(x, mv, &off, &width);

	return known && is_sum(x, x->assoc[mv], known, off, width);
}

/* ---- merges -----------------------------------------------------------------------------------
 */

static uint32_t input_key(const struct flow *x, size_t item)
{
	return x->inputs.data[item].value;
}

static void add_input(struct flow *x, uint32_t value, uint32_t to)
{
	struct input *in = wdx_vec_push(&x->inputs);

	if (in)
		*in = (struct input){value, to};
	x->nomem |= !in;
}

static void index_inputs(struct flow *x)
{
	x->inputs.len = 0;
	for (uint32_t i = 1; i < x->v.values.len && !x->nomem; i++) {
		const struct wdx_value *v = &x->v.values.data[i];

		if (v->kind == WDX_VALUE_INSN && v->arg)
			add_input(x, v->arg, i);
		for (uint32_t k = 0; k < 2 && v->kind == WDX_VALUE_INSN; k++)
			if (v->operands[k])
				add_input(x, v->operands[k], i);
		for (uint32_t k = 0; v->kind == WDX_VALUE_PHI && k < v->n; k++) {
			const struct wdx_value_input *in = &x->v.inputs.data[v->first + k];

			if (!k || in->value != in[-1].value) /* most arrivals bring the same */
				add_input(x, in->value, i);
		}
	}
	if (!x->nomem)
		build_index(x, &x->inputs_of, x->v.values.len, x->inputs.len, input_key);
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
	return opcode == WDX_WASM_IF || opcode == WDX_WASM_BR_IF || opcode == WDX_WASM_BR_TABLE;
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

/* Whether control comes from outside of a loop of machine code to its head. */
static bool enters_loop(const struct flow *x, uint32_t from, uint32_t head)
{
	const struct wdx_mblock *b = &x->m.blocks.data[head];
	const uint32_t *rank = x->m.rank;
	bool loop = false;

	for (uint32_t k = 0; k < b->npreds; k++)
		loop |= rank[x->m.preds.data[b->first_pred + k]] >= rank[head];
	return loop && rank[from] < rank[head];
}

/* Whether a block brings to the head of a loop what the loop's merge begins with.  By whatever
 * instruction it is left (what was moved out of the loop seems to leave it by the loop's own
 * branch), the way into a loop of wasm is one. */
static bool begins_with(const struct flow *x, uint32_t from, uint32_t head, uint32_t phi,
			wdx_held held)
{
	uint32_t pos = x->v.values.data[phi].pos, value;

	if (!is_opcode(x, pos, WDX_WASM_LOOP) || !enters_loop(x, from, head))
		return false;
	value = input_from(x, phi, pos, 0);
	return value && is_value(x, held, value);
}

/* Whether a machine value that nothing is known of is computed as that value of wasm is: what goes
 * into it may be the merge at hand. */
static bool may_become(const struct flow *x, uint32_t mv, uint32_t value)
{
	const struct wdx_mvalue *m = &x->m.values.data[mv];
	const struct wdx_value *v = &x->v.values.data[value];
	const struct wdx_minsn *i = &x->m.insns.data[m->insn];

	if (x->assoc[mv] || m->kind != WDX_MV_INSN || i->based != mv)
		return false;
	return i->a.kind == WDX_DO_ADDR ? v->kind == WDX_VALUE_INSN && v->arg : same_op(x, v, i);
}

/* Whether the merge of the machine's at the block is that wasm value: every way in brings what the
 * value is on that way.  Merges not looked at yet are given the benefit of the doubt when `hope`.
 */
static bool agrees(const struct flow *x, uint32_t block, uint32_t place, uint32_t value, bool hope)
{
	const struct wdx_mblock *b = &x->m.blocks.data[block];
	uint32_t self = wdx_held_value(wdx_machine_in(&x->m, block)[place]);
	bool phi = value != CONTEXT && x->v.values.data[value].kind == WDX_VALUE_PHI;

	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k], want = value, exit;
		wdx_held h = wdx_machine_out(&x->m, from)[place];
		uint32_t mv = wdx_held_value(h);

		if (!x->m.blocks.data[from].reached)
			continue;
		if (!phi && (mv == self || is_value(x, h, value)))
			continue;
		if (hope && mv != self && mv >= x->m.first_phi && !x->assoc[mv])
			continue;
		exit = phi ? x->edges.data[from].out : NONE;
		want = exit == NONE ? 0 : wanted(x, value, exit);
		if (hope && want && mv != self && may_become(x, mv, want))
			continue;
		if (!(want && (mv == self ? want == value : is_value(x, h, want))) &&
		    !(phi && begins_with(x, from, block, value, h)))
			return false;
	}
	return true;
}

/* A merge of the local, or one of merges of it, that is in force at the position and that the value
 * goes into; 0: none that agrees. */
static uint32_t merge_with(const struct flow *x, uint32_t block, uint32_t place, uint32_t value,
			   uint32_t pos, unsigned depth)
{
	const uint32_t *start = x->inputs_of.start.data + value, *item = x->inputs_of.items.data;
	uint32_t before = 0;

	for (uint32_t i = start[0]; i < start[1]; i++) {
		uint32_t phi = x->inputs.data[item[i]].to, found;

		if (phi == value || phi == before || x->v.values.data[phi].kind != WDX_VALUE_PHI)
			continue;
		before = phi;
		if (wdx_value_at(&x->v, x->v.values.data[phi].arg, pos) == phi &&
		    agrees(x, block, place, phi, true))
			return phi;
		found = depth ? merge_with(x, block, place, phi, pos, depth - 1) : 0;
		if (found)
			return found;
	}
	return 0;
}

/* A first guess, made where one way in is known, or where a claim says what the merge is. */
static uint32_t guess(const struct flow *x, uint32_t mv)
{
	uint32_t block = x->m.values.data[mv].at, place = x->m.values.data[mv].reg;
	uint32_t pos = x->edges.data[block].in, value = x->hints[mv - x->m.first_phi], found;
	const struct wdx_mblock *b = &x->m.blocks.data[block];

	if (value && agrees(x, block, place, value, true))
		return value;
	value = 0;
	for (uint32_t k = 0; k < b->npreds && !value; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k];

		if (x->m.blocks.data[from].reached)
			value = x->assoc[wdx_held_value(wdx_machine_out(&x->m, from)[place])];
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

static void give(struct flow *x, uint32_t mv, uint32_t value)
{
	uint32_t *slot = value ? wdx_vec_push(&x->given) : NULL;

	if (slot)
		*slot = mv;
	x->nomem |= value && !slot;
	x->assoc[mv] = value;
}

/* The function's entry is one more way into its first block, which is not looked at. */
static void guess_merges(struct flow *x)
{
	for (uint32_t mv = (uint32_t)x->m.first_phi; mv < x->m.values.len && !x->nomem; mv++) {
		const struct wdx_mvalue *v = &x->m.values.data[mv];

		if (v->at && !x->assoc[mv] &&
		    wdx_held_value(wdx_machine_in(&x->m, v->at)[v->reg]) == mv)
			give(x, mv, guess(x, mv));
	}
}

static void take_computed(struct flow *x)
{
	const uint32_t *mv;

	wdx_vec_each (mv, &x->m.based)
		if (!x->assoc[*mv] && !x->nomem)
			give(x, *mv, is_binary(x, *mv) ? find_computed(x, *mv) : find_sum(x, *mv));
}

static bool still_given(const struct flow *x, uint32_t mv)
{
	const struct wdx_mvalue *v = &x->m.values.data[mv];

	return v->kind == WDX_MV_PHI ? agrees(x, v->at, v->reg, x->assoc[mv], false)
				     : still_computed(x, mv);
}

/* Takes back what does not hold, until all that is left bears each other out. */
static void take_back(struct flow *x)
{
	size_t left;
	unsigned rounds = 0;

	do {
		left = x->given.len;
		x->given.len = 0;
		for (size_t i = 0; i < left; i++) {
			uint32_t mv = x->given.data[i];

			if (rounds < MAX_ROUNDS && still_given(x, mv))
				x->given.data[x->given.len++] = mv;
			else
				x->assoc[mv] = 0;
		}
		rounds++;
	} while (x->given.len < left);
}

/* Guesses are hopeful where loops come back. */
static void match_merges(struct flow *x)
{
	size_t before;

	x->given.len = 0;
	*x->steps = MAX_STEPS;
	find_edges(x);
	for (unsigned n = 0; n < MAX_GUESSES && !x->nomem; n++) {
		before = x->given.len;
		take_computed(x);
		guess_merges(x);
		if (x->given.len == before)
			break;
	}
	take_back(x);
}

/* ---- holdings ---------------------------------------------------------------------------------
 */

static void close_holding(struct flow *x, const struct open *o, uint32_t place, uint32_t at)
{
	struct holding *h;

	if (!o->value || o->since == at)
		return;
	h = wdx_vec_push(&x->holdings);
	if (h)
		*h = (struct holding){o->value, place, o->width, o->since, at};
	x->nomem |= !h;
}

static void update_place(struct flow *x, uint32_t p, uint32_t at)
{
	struct open *o = &x->open[p];
	uint32_t value = x->assoc[wdx_held_value(x->state[p])], width = wdx_held_width(x->state[p]);

	x->seen[p] = x->state[p];
	if (value == o->value && (!value || width == o->width))
		return;
	close_holding(x, o, p, at);
	*o = (struct open){value, width, at};
}

static void update_all(struct flow *x, uint32_t at)
{
	for (uint32_t c = 0; c < x->m.stride; c += WDX_CHUNK) {
		if (wdx_same_chunk(x->state + c, x->seen + c))
			continue;
		for (uint32_t p = c; p < c + WDX_CHUNK; p++)
			if (x->state[p] != x->seen[p])
				update_place(x, p, at);
	}
}

/* After the step over the instruction, of what it changed. */
static void update(struct flow *x, const struct wdx_minsn *i)
{
	uint32_t at = i->at + i->a.size;

	if (x->m.wide || i->a.call) {
		update_all(x, at);
		return;
	}
	for (uint32_t k = 0; k < 2; k++)
		for (uint64_t bits = i->writes[k]; bits; bits &= bits - 1)
			update_place(x, 64 * k + (uint32_t)__builtin_ctzll(bits), at);
}

/* From there on no place holds anything. */
static void forget_all(struct flow *x, uint32_t at)
{
	memset(x->state, 0, x->m.stride * sizeof(*x->state));
	update_all(x, at);
}

static uint32_t holding_key(const struct flow *x, size_t item)
{
	return value_key(x, x->holdings.data[item].value);
}

static void find_holdings(struct flow *x)
{
	uint32_t at = 0;

	x->holdings.len = 0;
	memset(x->seen, 0, x->m.stride * sizeof(*x->seen));
	memset(x->open, 0, x->m.stride * sizeof(*x->open));
	for (uint32_t b = 0; b < x->m.blocks.len && !x->nomem; b++) {
		const struct wdx_mblock *block = &x->m.blocks.data[b];
		const struct wdx_minsn *i = &x->m.insns.data[block->first], *end = i + block->n;

		if (i->at != at || !block->reached)
			forget_all(x, at);
		at = end[-1].at + end[-1].a.size;
		if (!block->reached)
			continue;
		memcpy(x->state, wdx_machine_in(&x->m, b), x->m.stride * sizeof(*x->state));
		update_all(x, i->at);
		for (; i < end; i++) {
			wdx_machine_step(&x->m, i, x->state);
			update(x, i);
		}
	}
	forget_all(x, at);
	if (!x->nomem)
		build_index(x, &x->holdings_of, x->v.values.len + 1, x->holdings.len, holding_key);
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

static uint32_t term_key(const struct flow *x, size_t item)
{
	return x->terms.data[item].root;
}

static void index_terms(struct flow *x)
{
	x->terms.len = 0;
	for (uint32_t i = 1; i < x->v.values.len && !x->nomem; i++) {
		const struct wdx_value *v = &x->v.values.data[i];
		struct term *t;

		if (v->kind != WDX_VALUE_INSN || !v->arg)
			continue;
		t = wdx_vec_push(&x->terms);
		if (t)
			*t = (struct term){v->arg, i, v->bits};
		x->nomem |= !t;
	}
	if (!x->nomem)
		build_index(x, &x->terms_of, x->v.values.len, x->terms.len, term_key);
}

/* Whether there is code that does what the instruction does. */
static bool happens(const struct flow *x, uint32_t pos)
{
	uint32_t end = first_by_wasm(x, pos + 1);

	for (uint32_t k = first_by_wasm(x, pos); k < end; k++)
		if (x->code->intervals.data[x->code->by_wasm[k]].flags & WDX_IV_EFFECT)
			return true;
	return false;
}

/* The cell of a global is what the global is only where no store to it has been dropped. */
static void find_true_cells(struct flow *x)
{
	const struct wdx_wasm_func *f = x->f->wasm;
	struct wdx_insn set;

	x->true_cells = (1u << x->summary.nglobals) - 1;
	for (uint32_t pos = f->code.v; pos < f->end.v && x->true_cells; pos++) {
		if (!(x->wasm->kinds[pos] & WDX_INSN_EFFECT) ||
		    !is_opcode(x, pos, WDX_WASM_GLOBAL_SET) || happens(x, pos))
			continue;
		wdx_insn_at(x->wasm, (wdx_codepos){pos}, &set);
		for (uint32_t k = 0; k < x->summary.nglobals; k++)
			if (x->summary.globals[k].index == set.imm[0])
				x->true_cells &= ~(1u << k);
	}
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

static uint32_t map_place(struct flow *x, const struct found *f)
{
	uint32_t of;

	if (f->place == NONE)
		return wdx_map_place_const(x->map, x->v.values.data[f->value].bits);
	of = f->place < FIRST_CELL ? map_machine_place(x, f->place)
				   : x->summary.globals[f->place - FIRST_CELL].place;
	return f->rank < RANK_SUM || of == NONE
		       ? of
		       : wdx_map_place_sum(x->map, of, f->addend, f->rank == RANK_CELL);
}

static uint32_t rank_of(const struct flow *x, uint32_t place)
{
	return place < x->m.nregs && !x->preserved[place] ? RANK_PASSING : RANK_LASTING;
}

static bool same_found(const struct found *a, const struct found *b)
{
	return a->place == b->place && a->rank == b->rank && a->addend == b->addend &&
	       (a->place != NONE || a->value == b->value);
}

/* As `how` says, in [lo, hi). */
static void add_found(struct flow *x, uint32_t lo, uint32_t hi, const struct found *how)
{
	struct found *f = x->found.len ? &x->found.data[x->found.len - 1] : NULL;

	if (f && f->hi == lo && same_found(f, how)) {
		f->hi = hi;
		return;
	}
	f = wdx_vec_push(&x->found);
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
		if (shows(&iv[i]))
			return i;
	return NONE;
}

/* In the order of positions, and of addresses where these are the same. */
static void find_pieces(struct flow *x)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t end = x->f->first + x->f->n;

	x->pieces.len = 0;
	if (!wdx_vec_reserve(&x->pieces, x->f->n)) {
		x->nomem = true;
		return;
	}
	for (uint32_t k = x->f->first; k < end; k++) {
		uint32_t i = x->code->by_wasm[k], next;

		if (!shows(&iv[i]))
			continue;
		next = next_shown(x, i);
		x->pieces.data[x->pieces.len++] = (struct piece){
			iv[i].wasm, iv[i].lo, iv[i].hi, next == NONE ? NONE : iv[next].wasm,
			next == NONE ? 0 : iv[next - 1].hi};
	}
}

/* The first at or behind the position. */
static const struct piece *first_piece(const struct flow *x, uint32_t pos)
{
	const struct piece *lo = x->pieces.data, *hi = lo + x->pieces.len;

	while (lo < hi) {
		const struct piece *mid = lo + (hi - lo) / 2;

		if (mid->wasm < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
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

/* The native code of a range of positions, to x->runs: intervals that show a state, each with what
 * shows nothing behind it, up to the next that is in the range too.  Not those where the cell of a
 * global changes, for `cell`. */
static void find_runs(struct flow *x, uint32_t lo, uint32_t hi, bool cell)
{
	const struct piece *p = first_piece(x, lo), *end = x->pieces.data + x->pieces.len;
	bool sorted = true;

	x->runs.len = 0;
	for (; p < end && p->wasm < hi && !x->nomem; p++) {
		bool on = p->next_wasm >= lo && p->next_wasm < hi;

		if (!cell || !is_opcode(x, p->wasm, WDX_WASM_GLOBAL_SET))
			sorted &= add_run(x, p->lo, on ? p->next_lo : p->hi);
	}
	if (!sorted && !x->nomem)
		wdx_ranges_merge(&x->runs, 0);
}

/* The parts of [lo, hi) in x->runs. */
static void add_where(struct flow *x, uint32_t lo, uint32_t hi, const struct found *how)
{
	const struct wdx_range *r = x->runs.data, *end = r + x->runs.len, *above = end;

	while (r < above) { /* the first that ends behind lo */
		const struct wdx_range *mid = r + (above - r) / 2;

		if (mid->hi <= lo)
			r = mid + 1;
		else
			above = mid;
	}
	for (; r < end && r->lo < hi; r++)
		add_found(x, r->lo > lo ? (uint32_t)r->lo : lo, r->hi < hi ? (uint32_t)r->hi : hi,
			  how);
}

/* Where a place holds the value, to which the addend is added. */
static void use_holdings(struct flow *x, const struct user *u, uint32_t value, uint64_t addend)
{
	const uint32_t *start = x->holdings_of.start.data + value;
	uint32_t width = width_of(type_of(x, u->local));
	bool sum = value != u->value;

	for (uint32_t i = start[0]; i < start[1]; i++) {
		const struct holding *h = &x->holdings.data[x->holdings_of.items.data[i]];
		struct found how = {.place = h->place,
				    .rank = sum ? (uint32_t)RANK_SUM : rank_of(x, h->place),
				    .addend = addend};

		if (h->width >= width)
			add_where(x, h->lo, h->hi, &how);
	}
}

/* The value as a sum: what it is based on, and what has been added to that. */
static struct term term_of(const struct flow *x, uint32_t value)
{
	const struct wdx_value *v = &x->v.values.data[value];

	return v->kind == WDX_VALUE_INSN && v->arg ? (struct term){v->arg, value, v->bits}
						   : (struct term){value, value, 0};
}

/* By way of others that differ from it by a constant. */
static void use_sums(struct flow *x, const struct user *u)
{
	struct term t = term_of(x, u->value);
	const uint32_t *start = x->terms_of.start.data + t.root;

	if (start[0] == start[1])
		return;
	if (t.root != u->value)
		use_holdings(x, u, t.root, t.off);
	for (uint32_t i = start[0]; i < start[1] && *x->steps; i++, --*x->steps) {
		const struct term *other = &x->terms.data[x->terms_of.items.data[i]];

		if (other->value != u->value)
			use_holdings(x, u, other->value, t.off - other->off);
	}
}

/* Where the cell of a global holds it, or what differs from it by a constant. */
static void use_cell(struct flow *x, const struct user *u, uint32_t global)
{
	const uint32_t *first = &x->v.first[x->v.nlocals + global];
	struct term t = term_of(x, u->value);

	for (uint32_t k = first[0]; k < first[1]; k++) {
		const struct wdx_segment *g = &x->v.segments.data[k];
		struct term cell = term_of(x, g->value);
		struct found how = {.place = FIRST_CELL + global,
				    .rank = RANK_CELL,
				    .addend = t.off - cell.off};
		uint32_t lo = g->pos > u->lo ? g->pos : u->lo;
		uint32_t hi = k + 1 < first[1] && g[1].pos < u->hi ? g[1].pos : u->hi;

		if (cell.root != t.root || lo >= hi)
			continue;
		find_runs(x, lo, hi, true);
		add_where(x, 0, UINT32_MAX, &how);
	}
}

/* Whether one place holds the user's value in all of its code. */
static bool is_held_throughout(const struct flow *x, const struct user *u)
{
	const uint32_t *start = x->holdings_of.start.data + u->value;
	const struct wdx_range *r = x->runs.data;

	for (uint32_t i = start[0]; i < start[1]; i++) {
		const struct holding *h = &x->holdings.data[x->holdings_of.items.data[i]];

		if (h->lo <= r[0].lo && h->hi >= r[x->runs.len - 1].hi)
			return true;
	}
	return false;
}

static void use(struct flow *x, const struct user *u)
{
	static const struct found constant = {.place = NONE};
	struct found how = constant;

	find_runs(x, u->lo, u->hi, false);
	if (!x->runs.len || x->nomem)
		return;
	if (x->v.values.data[u->value].kind == WDX_VALUE_CONST) {
		how.value = u->value;
		add_where(x, 0, UINT32_MAX, &how);
		return;
	}
	use_holdings(x, u, u->value, 0);
	if (is_held_throughout(x, u))
		return;
	use_sums(x, u);
	for (uint32_t k = 0; k < x->summary.nglobals; k++)
		if (x->true_cells >> k & 1)
			use_cell(x, u, k);
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

static void sort_found(struct flow *x)
{
	for (size_t i = 1; i < x->found.len; i++) {
		if (by_lo(&x->found.data[i - 1], &x->found.data[i]) <= 0)
			continue;
		qsort(x->found.data, x->found.len, sizeof(*x->found.data), by_lo);
		break;
	}
}

/* Where several ways are known at once, the best, and of these the one that lasts longest. */
static void put_found(struct flow *x, struct wdx_map_entity *e)
{
	static const struct found none;
	const struct found *best[RANKS] = {&none, &none, &none, &none}; /* seen so far */
	const struct found *next = x->found.data, *end = next + x->found.len;
	uint32_t at = 0;

	sort_found(x);
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
			put_range(x, e, at, hi, map_place(x, f));
		at = f->hi > at ? hi : next->lo;
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
	const uint32_t *start = x->holdings_of.start.data + value_key(x, CONTEXT);

	x->found.len = 0;
	for (uint32_t i = start[0]; i < start[1]; i++) {
		const struct holding *h = &x->holdings.data[x->holdings_of.items.data[i]];

		struct found how = {.place = h->place, .rank = rank_of(x, h->place)};

		if (h->width >= 8)
			add_found(x, h->lo, h->hi, &how);
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

static bool prepare_values(struct flow *x)
{
	size_t n = x->m.values.len;

	if (2 * n > x->nassoc) {
		free(x->assoc);
		x->nassoc = 4 * n;
		x->assoc = malloc(x->nassoc * sizeof(*x->assoc));
	}
	if (!x->assoc) {
		x->nassoc = 0;
		return false;
	}
	x->hints = x->assoc + n;
	memset(x->assoc, 0, (2 * n - x->m.first_phi) * sizeof(*x->assoc));
	return true;
}

static bool prepare_places(struct flow *x)
{
	size_t n = x->m.stride;

	if (n > x->nstate) {
		free(x->state);
		free(x->open);
		x->nstate = 2 * n;
		x->state = malloc(3 * x->nstate * sizeof(*x->state));
		x->open = malloc(x->nstate * sizeof(*x->open));
	}
	if (!x->state || !x->open) {
		x->nstate = 0;
		return false;
	}
	x->seen = x->state + n;
	x->placed = x->seen + n;
	memset(x->placed, 0xff, n * sizeof(*x->placed));
	return true;
}

static bool prepare(struct flow *x)
{
	return prepare_values(x) && prepare_places(x);
}

static struct wdx_error *analyse(struct flow *x, bool *known)
{
	struct wdx_error *err = wdx_values_of(&x->v, x->wasm, x->f->wasm, &x->summary, known);

	if (!err && *known)
		err = wdx_machine_of(&x->m, x->wasm, x->f, known);
	return err;
}

bool wdx_match_is(const struct flow *x, wdx_held h, uint32_t value)
{
	return is_value(x, h, value);
}

uint32_t wdx_match_summand(const struct flow *x, uint32_t mv, uint64_t *off, unsigned *width)
{
	return summand(x, mv, off, width);
}

uint32_t wdx_match_result(const struct flow *x, uint8_t type)
{
	unsigned class, way;

	if (!class_of(type, &class))
		return NONE;
	way = x->convention->way[class][MAX_ARGS];
	return way < x->m.nregs ? way : NONE;
}

static void judge_claims(struct flow *x)
{
	const struct wdx_match match = {.flow = x,
					.map = x->map,
					.wasm = x->wasm,
					.code = x->code,
					.f = x->f,
					.v = &x->v,
					.m = &x->m,
					.assoc = x->assoc,
					.preserved = x->preserved};

	if (!x->nomem && x->check)
		x->nomem = !wdx_check_function(x->check, &match);
}

static void match(struct flow *x)
{
	static void (*const steps[])(struct flow *) = {
		find_probes,  take_arguments,  check_claims, take_globals,  take_results,
		index_inputs, match_merges,    count_proved, find_holdings, index_terms,
		find_users,   find_true_cells, find_pieces,
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !x->nomem; i++)
		steps[i](x);
}

/* Whether the function takes an argument of which not enough is known. */
static bool may_teach(struct flow *x)
{
	const struct wdx_wasm_type *t = &x->wasm->types.data[x->f->wasm->type];
	struct argument a;
	bool may = false;

	for (uint32_t i = 0; i < t->nparams; i++)
		may |= argument(x, x->f->wasm, i, &a) &&
		       x->convention->heard[a.class][a.nth]++ < ENOUGH;
	return may;
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
	memset(x->convention->way, 0xff, sizeof(x->convention->way));
	for (size_t i = 0; !err && i < x->map->funcs.len && looked < MAX_LOOKED; i++) {
		x->f = &x->code->funcs.data[i];
		if (!x->f->wasm || !x->map->funcs.data[i].nentities || !may_teach(x))
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
		for (unsigned n = 0; n <= MAX_ARGS; n++)
			x->convention->way[c][n] = elected(x->convention->votes[c][n]);
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
		x->m.arguments = stack_arguments(x);
		err = analyse(x, &known);
	}
	if (err)
		return err;
	if (known && !prepare(x))
		return &wdx_nomem;
	if (known) {
		x->stats->followed++;
		match(x);
		judge_claims(x);
		if (!x->nomem)
			put_locals(x);
		keep_others(x, f, false, WDX_ENT_STACK, WDX_ENT_CONTEXT);
		if (!x->nomem)
			put_context(x);
		keep_others(x, f, false, WDX_ENT_MEMORY, UINT32_MAX);
	} else {
		if (x->check)
			wdx_check_skip(x->check, x->map, f);
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
				  struct wdx_check *check, struct wdx_flow_stats *stats)
{
	uint32_t steps = MAX_STEPS;
	struct flow x = {.map = map,
			 .wasm = wasm,
			 .code = code,
			 .stats = stats,
			 .check = check,
			 .v.keep_uses = check != NULL,
			 .steps = &steps};
	struct wdx_error *err = wdx_machine_init(&x.m, map, target, code);

	memset(stats, 0, sizeof(*stats));
	if (!err && wdx_machine_able(&x.m)) {
		err = find_preserved(&x);
		if (!err)
			err = wdx_summary_init(&x.summary, wasm, map);
		if (!err)
			err = learn_convention(&x);
		for (size_t i = 0; !err && i < map->funcs.len; i++)
			err = refine_function(&x, &map->funcs.data[i], i);
		if (!err)
			take(&x);
	} else if (!err && check) {
		for (size_t i = 0; i < map->funcs.len; i++)
			wdx_check_skip(check, map, &map->funcs.data[i]);
	}
	wdx_summary_deinit(&x.summary);
	wdx_values_deinit(&x.v);
	wdx_machine_deinit(&x.m);
	wdx_vec_free(&x.probes);
	wdx_vec_free(&x.holdings);
	wdx_vec_free(&x.users);
	wdx_vec_free(&x.inputs);
	wdx_vec_free(&x.edges);
	wdx_vec_free(&x.makers);
	wdx_vec_free(&x.given);
	wdx_vec_free(&x.terms);
	wdx_vec_free(&x.terms_of.start);
	wdx_vec_free(&x.terms_of.items);
	wdx_vec_free(&x.inputs_of.start);
	wdx_vec_free(&x.inputs_of.items);
	wdx_vec_free(&x.holdings_of.start);
	wdx_vec_free(&x.holdings_of.items);
	wdx_vec_free(&x.pieces);
	wdx_vec_free(&x.runs);
	wdx_vec_free(&x.found);
	wdx_vec_free(&x.entities);
	wdx_vec_free(&x.ranges);
	free(x.assoc);
	free(x.state);
	free(x.open);
	free(x.preserved);
	free(x.convention);
	return err;
}
