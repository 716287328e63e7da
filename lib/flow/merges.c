/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Whether a merge of the machine's is one of wasm: what both get on each way in. */
#include <string.h>

#include "flow/flow_work.h"

/* How far merges of merges are looked through. */
enum { MAX_DEPTH = 2 };

/* Where the basic block of that wasm position ends: the control instruction by which it is left. */
static uint32_t way_out(const struct flow *x, uint32_t pos)
{
	uint32_t end = x->f->wasm->end.v;

	while (pos < end && !wdx_code_ends_block(x->code, pos))
		pos++;
	return pos;
}

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

static void add_merge(struct flow *x, uint32_t phi)
{
	const struct wdx_value *v = &x->v.values.data[phi];
	const uint32_t *in = x->v.inputs.data + v->first;

	for (uint32_t k = 0; k < v->n; k++)
		if (!k || in[k] != in[k - 1]) /* most arrivals bring the same */
			add_input(x, in[k], phi);
}

/* Of each position the ways of labels that begin there. */
static bool index_ways(struct flow *x)
{
	uint32_t start = x->f->wasm->start.v, size = x->f->wasm->end.v - start;

	x->way_at.len = x->next_way.len = 0;
	if (!wdx_vec_reserve(&x->way_at, (size_t)size + 1) ||
	    !wdx_vec_reserve(&x->next_way, x->v.ways.len))
		return false;
	memset(x->way_at.data, 0, ((size_t)size + 1) * sizeof(*x->way_at.data));
	for (uint32_t i = (uint32_t)x->v.ways.len; i; i--) { /* the last first */
		uint32_t *head = &x->way_at.data[x->v.ways.data[i - 1] - start];

		x->next_way.data[i - 1] = *head;
		*head = i;
	}
	return true;
}

/* Of each value the merges that it goes into come first. */
void wdx_flow_index_inputs(struct flow *x)
{
	const struct wdx_value *v = x->v.values.data;
	uint32_t n = (uint32_t)x->v.values.len;

	x->inputs.len = 0;
	for (uint32_t i = 1; i < n && !x->nomem; i++)
		if (v[i].kind == WDX_VALUE_PHI)
			add_merge(x, i);
	for (uint32_t i = 1; i < n && !x->nomem; i++)
		for (uint32_t k = 0; k < 2 && v[i].kind == WDX_VALUE_INSN; k++)
			if (v[i].operands[k])
				add_input(x, v[i].operands[k], i);
	if (!x->nomem)
		wdx_flow_build_index(x, &x->inputs_of, n, x->inputs.len, input_key);
	x->nomem |= !index_ways(x);
}

/* What the merge gets when control comes by the instruction at `from`, maybe through other merges
 * of the same local that have no code of their own; 0: not known. */
static uint32_t input_from(const struct flow *x, uint32_t phi, uint32_t from, unsigned depth)
{
	if (!*x->steps)
		return 0;
	--*x->steps;

	const struct wdx_value *v = &x->v.values.data[phi];
	const uint32_t *in = x->v.inputs.data + v->first;

	for (uint32_t i = x->way_at.data[from - x->f->wasm->start.v]; i;
	     i = x->next_way.data[i - 1])
		if (i - 1 - v->ways < v->n)
			return in[i - 1 - v->ways];
	for (uint32_t k = 0; depth && k < v->n; k++) {
		const struct wdx_value *inner = &x->v.values.data[in[k]];
		uint32_t found;

		if (k && in[k] == in[k - 1]) /* most arrivals bring the same */
			continue;
		if (inner->kind != WDX_VALUE_PHI || inner->arg != v->arg || in[k] == phi)
			continue;
		found = input_from(x, in[k], from, depth - 1);
		if (found)
			return found;
	}
	return 0;
}

/* The first and the last interval that shows a state in each block; both go by address. */
static void find_shown(struct flow *x)
{
	const struct wdx_interval *iv = x->code->intervals.data;
	uint32_t i = x->f->first, end = i + x->f->n;

	for (uint32_t b = 0; b < x->m.blocks.len; b++) {
		const struct wdx_mblock *block = &x->m.blocks.data[b];
		const struct wdx_minsn *last = &x->m.insns.data[block->first + block->n - 1];
		uint32_t lo = x->m.insns.data[block->first].at, hi = last->at + last->a->size;
		struct edge *e = &x->edges.data[b];

		*e = (struct edge){NONE, NONE, NONE, NONE, NONE};
		while (i < end && iv[i].hi <= lo)
			i++;
		for (uint32_t k = i; k < end && iv[k].lo < hi; k++) {
			if (!wdx_flow_shows(&iv[k]))
				continue;
			e->first = e->first == NONE ? k : e->first;
			e->last = k;
		}
	}
}

/* The last position that a block of machine code shows before it is left; NONE: not known. */
static uint32_t find_last(const struct flow *x, uint32_t block)
{
	for (unsigned step = 0; step < 4; step++) {
		const struct wdx_mblock *b = &x->m.blocks.data[block];
		uint32_t i = x->edges.data[block].last;

		if (i != NONE)
			return x->code->intervals.data[i].wasm;
		if (b->npreds != 1)
			break;
		block = x->m.preds.data[b->first_pred];
	}
	return NONE;
}

/* The position where a block of machine code comes to show a state; NONE: not known. */
static uint32_t way_in(const struct flow *x, uint32_t block)
{
	for (unsigned step = 0; step < 4; step++) {
		const struct wdx_mblock *b = &x->m.blocks.data[block];

		if (x->edges.data[block].in != NONE || b->nsuccs != 1)
			break;
		block = x->m.succs.data[b->first_succ];
	}
	return x->edges.data[block].in;
}

/* What the phi is at `in`, a block's way in, when control comes by ways that are tried one after
 * the other: from positions on, up to the next control instruction. */
struct arrival {
	uint32_t phi, in;
	bool force;	/* the phi is in force where they begin */
	bool several;	/* it may be one or another, or it is not known */
	bool unclear;	/* a way has code, of which it is not known whether it is the block's */
	uint32_t value; /* 0: none of them led there so far */
	struct ways open;
};

static void arrive(struct arrival *a, uint32_t value)
{
	a->several |= !value || (a->value && a->value != value);
	a->value = value;
}

/* Goes on behind a control instruction.  By which one control comes to a label tells what its phi
 * gets; then that way is at its end. */
static void go_on(const struct flow *x, struct arrival *a, uint32_t pos)
{
	uint32_t value = input_from(x, a->phi, pos, MAX_DEPTH);
	bool table = wdx_flow_is_opcode(x, pos, WDX_WASM_BR_TABLE);
	struct ways w;

	if (value)
		arrive(a, value);
	a->several |= !wdx_flow_ways_on(x, pos, &w);
	for (unsigned i = value && !table; i < w.n; i++)
		if (!value || w.to[i] - 1 != x->v.values.data[a->phi].pos)
			a->several |= !wdx_flow_add_way(&a->open, w.to[i]);
}

/* Goes on from a position that control comes to without any code before.  Code that is there and
 * stands where it belongs would have been executed first, if it is not that of the block. */
static void come_to(const struct flow *x, struct arrival *a, uint32_t pos)
{
	uint32_t next = way_out(x, pos);

	if (a->in >= pos && a->in <= next)
		arrive(a, a->force ? a->phi : 0);
	else if (next >= x->f->wasm->end.v)
		return;
	else if (wdx_code_fixed(x->code, x->f, pos, next + 1))
		a->unclear |= a->in == NONE;
	else
		go_on(x, a, next);
}

/* What the phi is where a block of machine code leads to another, whose way in is at `in`.  It is
 * left behind what it shows last: control may come to that position at once, if it does not have to
 * go `back`, or first come to a label of the phi's, with or without code on other ways that it may
 * take.  All ways without code must bring the same.  Where none leads to such a label, the phi must
 * be in force already.  0: not known. */
static uint32_t wanted(const struct flow *x, uint32_t phi, const struct edge *e, uint32_t in,
		       bool back)
{
	struct arrival a = {.phi = phi, .in = in};

	a.force = wdx_value_at(&x->v, x->v.values.data[phi].arg, e->out) == phi;
	if (in >= e->from + back && in <= e->out)
		return a.force ? phi : 0;
	if (e->out >= x->f->wasm->end.v)
		return a.force ? phi : 0;
	go_on(x, &a, e->out);
	for (unsigned i = 0; i < a.open.n && !a.several && *x->steps; i++)
		come_to(x, &a, a.open.to[i]);
	if (a.several || !*x->steps || (a.unclear && a.value && a.value != phi))
		return 0;
	return a.value ? a.value : a.force ? phi : 0;
}

/* Whether control comes from outside of a loop of machine code to its head. */
static bool enters_loop(const struct flow *x, uint32_t from, uint32_t head)
{
	const struct wdx_mblock *b = &x->m.blocks.data[head];
	const uint32_t *rank = x->m.rank;
	bool loop = false;

	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t pred = x->m.preds.data[b->first_pred + k];

		loop |= x->m.blocks.data[pred].reached && rank[pred] >= rank[head];
	}
	return loop && rank[from] < rank[head];
}

/* Whether a block brings to the head of a loop what the loop's merge begins with.  By whatever
 * instruction it is left (what was moved out of the loop seems to leave it by the loop's own
 * branch), the way into a loop of wasm is one. */
static bool begins_with(const struct flow *x, uint32_t from, uint32_t head, uint32_t phi,
			wdx_held held)
{
	uint32_t pos = x->v.values.data[phi].pos, at = x->edges.data[head].in, value;

	if (at == NONE || wdx_value_at(&x->v, x->v.values.data[phi].arg, at) != phi)
		return false;
	if (!wdx_flow_is_opcode(x, pos, WDX_WASM_LOOP) || !enters_loop(x, from, head))
		return false;
	value = input_from(x, phi, pos, 0);
	return value && wdx_flow_is_value(x, held, value);
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
	return i->a->kind == WDX_DO_ADDR ? v->kind == WDX_VALUE_INSN && v->arg
					 : wdx_flow_same_op(x, v, i);
}

/* Whether the merge of the machine's at the block is that wasm value: every way in brings what the
 * value is on that way.  Merges not looked at yet are given the benefit of the doubt when `hope`.
 */
bool wdx_flow_agrees(const struct flow *x, uint32_t block, uint32_t place, uint32_t value,
		     bool hope)
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
		if (!phi && (mv == self || wdx_flow_is_value(x, h, value)))
			continue;
		if (hope && mv != self && mv >= x->m.first_phi && !x->assoc[mv])
			continue;
		exit = phi ? x->edges.data[from].out : NONE;
		want = exit == NONE ? 0
				    : wanted(x, value, &x->edges.data[from], way_in(x, block),
					     x->m.rank[from] >= x->m.rank[block]);
		if (hope && want && mv != self && may_become(x, mv, want))
			continue;
		if (!(want && (mv == self ? want == value : wdx_flow_is_value(x, h, want))) &&
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

		if (x->v.values.data[phi].kind != WDX_VALUE_PHI)
			break; /* they come first */
		if (phi == value || phi == before)
			continue;
		before = phi;
		if (wdx_value_at(&x->v, x->v.values.data[phi].arg, pos) == phi &&
		    wdx_flow_agrees(x, block, place, phi, true))
			return phi;
		found = depth ? merge_with(x, block, place, phi, pos, depth - 1) : 0;
		if (found)
			return found;
	}
	return 0;
}

/* The only block from which control comes from outside to the head of a loop of machine code; NONE:
 * there is none, or several. */
static uint32_t find_way_in(const struct flow *x, uint32_t head)
{
	const struct wdx_mblock *b = &x->m.blocks.data[head];
	uint32_t found = NONE;
	bool loop = false;

	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k];
		bool back = x->m.rank[from] >= x->m.rank[head];

		if (!x->m.blocks.data[from].reached)
			continue;
		if (!back && found != NONE)
			return NONE;
		found = back ? found : from;
		loop |= back;
	}
	return loop ? found : NONE;
}

/* A merge of a loop that is in force at the position, where nothing is known of what goes into it
 * but that it begins with a constant. */
static uint32_t guess_loop(const struct flow *x, uint32_t block, uint32_t place, uint32_t pos)
{
	uint32_t from = find_way_in(x, block);
	wdx_held begin = from == NONE ? 0 : wdx_machine_out(&x->m, from)[place];

	if (x->m.values.data[wdx_held_value(begin)].kind != WDX_MV_CONST)
		return 0;
	for (uint32_t i = 0; i < x->v.nlocals && *x->steps; i++, --*x->steps) {
		uint32_t phi = wdx_value_at(&x->v, i, pos), loop = x->v.values.data[phi].pos;

		if (x->v.values.data[phi].kind == WDX_VALUE_PHI &&
		    wdx_flow_is_opcode(x, loop, WDX_WASM_LOOP) &&
		    wdx_flow_is_value(x, begin, input_from(x, phi, loop, 0)) &&
		    wdx_flow_agrees(x, block, place, phi, true))
			return phi;
	}
	return 0;
}

/* A first guess, made where one way in is known, or where a claim says what the merge is. */
uint32_t wdx_flow_guess(const struct flow *x, uint32_t mv)
{
	uint32_t block = x->m.values.data[mv].at, place = x->m.values.data[mv].reg;
	uint32_t pos = x->edges.data[block].in, value = x->hints[mv - x->m.first_phi], found;
	const struct wdx_mblock *b = &x->m.blocks.data[block];

	if (value && wdx_flow_agrees(x, block, place, value, true))
		return value;
	value = 0;
	for (uint32_t k = 0; k < b->npreds && !value; k++) {
		uint32_t from = x->m.preds.data[b->first_pred + k];

		if (x->m.blocks.data[from].reached)
			value = x->assoc[wdx_held_value(wdx_machine_out(&x->m, from)[place])];
	}
	if (!value)
		return pos == NONE ? 0 : guess_loop(x, block, place, pos);
	if (value != CONTEXT && pos != NONE) {
		found = merge_with(x, block, place, value, pos, 1);
		if (found)
			return found;
	}
	return wdx_flow_agrees(x, block, place, value, true) ? value : 0;
}

void wdx_flow_find_edges(struct flow *x)
{
	x->edges.len = 0;
	if (!wdx_vec_reserve(&x->edges, x->m.blocks.len)) {
		x->nomem = true;
		return;
	}
	find_shown(x);
	wdx_flow_find_labels(x);
	for (uint32_t b = 0; b < x->m.blocks.len; b++) {
		struct edge *e = &x->edges.data[b];

		if (e->first != NONE)
			e->in = x->code->intervals.data[e->first].wasm;
		e->from = find_last(x, b);
		e->out = e->from == NONE ? NONE : way_out(x, e->from);
	}
	x->edges.len = x->m.blocks.len;
}
