/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * One walk over the body keeps what every local and every slot of the operand stack holds, and a
 * log of the changes.  Where a label is, the locals that have changed since it was opened are
 * looked up in the log as they were at each branch to it; a loop's label comes first, so there
 * every local that the loop sets gets a merge of its own, whose inputs are filled in as its
 * branches are met.
 */
#include "flow/values_work.h"

#include <string.h>

#include "base/error.h"
#include "base/search.h"
#include "wasm/opcode.h"

/* Locals compared at labels, all in all: a function that needs more is left alone. */
enum { MAX_COMPARED = 1 << 24, MAX_STACK = 1 << 16 };
enum { MAX_SELECTIONS = 8 }; /* of selections, gone through to see a type */

/* Among so many values equal constants are found. */
enum { RECENT = 65 };

/* ---- building blocks --------------------------------------------------------------------------
 */

static uint32_t add_value(struct wdx_values_work *w, struct wdx_value value)
{
	struct wdx_value *slot = wdx_vec_push(&w->v->values);

	if (!slot) {
		w->nomem = true;
		return 0;
	}
	*slot = value;
	return (uint32_t)w->v->values.len - 1;
}

static uint32_t *constants_like(struct wdx_values_work *w, uint8_t type, uint64_t bits)
{
	uint64_t h = (bits ^ type) * 0x9e3779b97f4a7c15u;

	return &w->constants[h >> 56];
}

/* Constants of one function are few: the last ones are looked through, in chains by `first`. */
static uint32_t add_const(struct wdx_values_work *w, uint8_t type, uint64_t bits)
{
	const struct wdx_value *v = w->v->values.data;
	uint32_t *last = constants_like(w, type, bits), n = (uint32_t)w->v->values.len;

	for (uint32_t i = *last; i && i + RECENT > n; i = v[i].first)
		if (v[i].type == type && v[i].bits == bits)
			return i;
	*last = add_value(
		w, (struct wdx_value){
			   .kind = WDX_VALUE_CONST, .type = type, .bits = bits, .first = *last});
	return *last;
}

static void push(struct wdx_values_work *w, uint32_t value)
{
	uint32_t *slot = w->stack.len < MAX_STACK ? wdx_vec_push(&w->stack) : NULL;

	if (slot)
		*slot = value;
	else
		w->unknown = true;
}

static struct label *top(struct wdx_values_work *w)
{
	return &w->labels.data[w->labels.len - 1];
}

static void note_use(struct wdx_values_work *w, uint32_t value)
{
	struct wdx_value_use *u = wdx_vec_push(&w->v->uses);

	if (u)
		*u = (struct wdx_value_use){w->at, value};
	w->nomem |= !u;
}

/* Below a block's own values there is nothing to take; in dead code anything may be. */
static uint32_t pop(struct wdx_values_work *w)
{
	uint32_t value;

	if (w->stack.len <= top(w)->height) {
		w->unknown |= !top(w)->dead;
		return 0;
	}
	value = w->stack.data[--w->stack.len];
	note_use(w, value);
	return value;
}

static uint32_t fresh(struct wdx_values_work *w, uint32_t pos)
{
	return add_value(w, (struct wdx_value){.kind = WDX_VALUE_INSN, .pos = pos});
}

static void set_local(struct wdx_values_work *w, uint32_t local, uint32_t value, uint32_t from)
{
	struct change *c;

	if (w->locals[local] == value)
		return;
	w->locals[local] = value;
	c = wdx_vec_push(&w->changes);
	if (!c) {
		w->nomem = true;
		return;
	}
	*c = (struct change){local, w->last[local], {from, value}};
	w->last[local] = (uint32_t)w->changes.len - 1;
}

/* ---- what loops set ---------------------------------------------------------------------------
 */

static void note_set(struct wdx_values_work *w, uint32_t pos, uint32_t local)
{
	struct set *s = wdx_vec_push(&w->sets);

	if (s)
		*s = (struct set){pos, local};
	w->nomem |= !s;
	w->unknown |= local >= w->v->nlocals;
}

static void note_open(struct wdx_values_work *w, bool loop)
{
	uint32_t *open = wdx_vec_push(&w->open), *end = loop ? wdx_vec_push(&w->ends) : NULL;

	w->nomem |= !open || (loop && !end);
	if (open)
		*open = loop ? (uint32_t)w->ends.len : 0;
}

static void note_end(struct wdx_values_work *w, uint32_t pos)
{
	uint32_t loop = w->open.data[--w->open.len];

	if (loop)
		w->ends.data[loop - 1] = pos;
}

static uint32_t first_immediate(const struct wdx_values_work *w, uint32_t pos)
{
	struct wdx_reader r;
	uint64_t value;

	wdx_reader_init(&r, w->m->data + w->m->code.v + pos + 1, w->f->end.v - pos - 1, 0, false);
	value = wdx_read_uleb(&r, 32);
	return r.failed ? NONE : (uint32_t)value;
}

/* Whether an instruction begins there that sets a local, or begins or ends a block. */
static inline bool is_noted(const struct wdx_values_work *w, uint32_t pos)
{
	const uint64_t noted = 1ULL << WDX_WASM_BLOCK | 1ULL << WDX_WASM_LOOP |
			       1ULL << WDX_WASM_IF | 1ULL << WDX_WASM_END |
			       1ULL << WDX_WASM_LOCAL_SET | 1ULL << WDX_WASM_LOCAL_TEE;
	uint8_t opcode = w->m->data[w->m->code.v + pos];

	return (opcode < 64) & (noted >> opcode % 64) & !!(w->m->kinds[pos] & WDX_INSN_START);
}

static void note_insn(struct wdx_values_work *w, uint32_t pos)
{
	switch (w->m->data[w->m->code.v + pos]) {
	case WDX_WASM_LOCAL_SET:
	case WDX_WASM_LOCAL_TEE:
		return note_set(w, pos, first_immediate(w, pos));
	case WDX_WASM_BLOCK:
	case WDX_WASM_IF:
		return note_open(w, false);
	case WDX_WASM_LOOP:
		return note_open(w, true);
	case WDX_WASM_END:
		return note_end(w, pos);
	}
}

/* Where locals are set in the loop at pos and those inside of it, and where these loops end. */
static void find_sets(struct wdx_values_work *w, uint32_t pos)
{
	w->sets.len = w->ends.len = w->open.len = 0;
	w->next_loop = 0;
	do {
		if (is_noted(w, pos))
			note_insn(w, pos);
	} while (++pos < w->f->end.v && w->open.len && !w->nomem);
	w->unknown |= w->open.len != 0;
}

/* ---- labels -----------------------------------------------------------------------------------
 */

static void block_arity(const struct wdx_values_work *w, int64_t type, uint32_t *params,
			uint32_t *results)
{
	*params = *results = 0;
	if (type >= 0 && (uint64_t)type < w->m->types.len) {
		*params = w->m->types.data[type].nparams;
		*results = w->m->types.data[type].nresults;
	} else if ((type & 0x7f) != 0x40) {
		*results = 1;
	}
}

static bool sets_in(const struct wdx_values_work *w, uint32_t from, uint32_t *first)
{
	*first = wdx_search(i, 0, (uint32_t)w->sets.len, w->sets.data[i].pos < from);
	return *first < w->sets.len;
}

static bool is_phi_of(const struct wdx_values_work *w, uint32_t value, uint32_t pos, uint32_t local)
{
	const struct wdx_value *v = &w->v->values.data[value];

	return v->kind == WDX_VALUE_PHI && v->pos == pos && v->arg == local;
}

/* Every local that is set between the loop's begin and its end becomes a merge.  Code at the
 * position of `loop` itself may be run each time round: there what the local holds is not known. */
static void open_loop(struct wdx_values_work *w, struct label *l, uint32_t next)
{
	uint32_t end, i;

	if (w->next_loop == w->ends.len) /* the loop is in no other */
		find_sets(w, l->pos);
	if (w->unknown || w->nomem)
		return;
	end = w->ends.data[w->next_loop++];
	for (sets_in(w, l->pos, &i); i < w->sets.len && w->sets.data[i].pos < end; i++) {
		uint32_t local = w->sets.data[i].local, before = w->locals[local], phi;
		struct loop_phi *slot;

		wdx_values_spend(w, 1);
		if (w->unknown)
			return;
		if (is_phi_of(w, before, l->pos, local))
			continue;
		phi = add_value(
			w, (struct wdx_value){.kind = WDX_VALUE_PHI, .pos = l->pos, .arg = local});
		slot = wdx_vec_push(&w->phis);
		if (!slot) {
			w->nomem = true;
			return;
		}
		*slot = (struct loop_phi){local, phi, before};
		set_local(w, local, 0, l->pos);
		set_local(w, local, phi, next);
	}
}

/* What the label's block begins with; merged anew, as parameters are rare. */
static void push_params(struct wdx_values_work *w, const struct label *l)
{
	for (uint32_t i = 0; i < l->params; i++)
		push(w, fresh(w, l->pos));
}

static void open_label(struct wdx_values_work *w, const struct wdx_insn *insn)
{
	uint32_t params, results;
	bool dead = top(w)->dead;
	struct label *l;

	block_arity(w, (int64_t)insn->imm[0], &params, &results);
	if (insn->opcode == WDX_WASM_IF)
		pop(w);
	for (uint32_t i = 0; i < params; i++)
		pop(w);
	l = wdx_vec_push(&w->labels);
	if (!l) {
		w->nomem = true;
		return;
	}
	*l = (struct label){.opcode = (uint8_t)insn->opcode,
			    .dead = dead,
			    .born_dead = dead,
			    .height = (uint32_t)w->stack.len,
			    .params = params,
			    .results = results,
			    .branch_arity = insn->opcode == WDX_WASM_LOOP ? params : results,
			    .arrivals = (uint32_t)w->arrivals.len,
			    .first_phi = (uint32_t)w->phis.len,
			    .opened = (uint32_t)w->changes.len,
			    .pos = insn->pos.v};
	push_params(w, l);
	if (insn->opcode == WDX_WASM_LOOP)
		open_loop(w, l, insn->pos.v + insn->size);
}

/* Control goes from `from` to the label that many levels up. */
static void branch(struct wdx_values_work *w, uint64_t depth, uint32_t from)
{
	struct arrival *a;
	struct label *l;
	size_t i, at;

	if (top(w)->dead)
		return;
	if (depth >= w->labels.len) {
		w->unknown = true;
		return;
	}
	i = w->labels.len - 1 - depth;
	l = &w->labels.data[i];
	if (l->opcode == WDX_WASM_LOOP) /* each of its merges has one more input */
		wdx_values_spend(
			w, (i + 1 < w->labels.len ? w->labels.data[i + 1].first_phi : w->phis.len) -
				   l->first_phi);
	if (!i) /* the function's own: nothing comes behind it */
		return;
	/* behind the label's others, before those of labels inside it */
	at = i + 1 < w->labels.len ? w->labels.data[i + 1].arrivals : w->arrivals.len;
	wdx_values_spend(w, w->arrivals.len - at);
	if (w->unknown || !wdx_vec_reserve(&w->arrivals, 1)) {
		w->nomem |= !w->unknown;
		return;
	}
	w->arrivals.len++;
	a = w->arrivals.data + at;
	memmove(a + 1, a, (w->arrivals.len - 1 - at) * sizeof(*a));
	*a = (struct arrival){from, (uint32_t)w->changes.len};
	for (size_t k = i + 1; k < w->labels.len; k++)
		w->labels.data[k].arrivals++;
}

/* The value of the local at that time; *change is one of its changes at that time or later, and
 * goes back to the last one before it. */
static uint32_t value_then(const struct wdx_values_work *w, uint32_t time, uint32_t *change)
{
	while (*change != NONE && *change >= time)
		*change = w->changes.data[*change].before;
	return *change == NONE ? 0 : w->changes.data[*change].s.value;
}

/* The ways of a label's merges: those of its arrivals, behind `first` unless that is NONE. */
static uint32_t add_ways(struct wdx_values_work *w, uint32_t first, const struct arrival *a,
			 size_t n)
{
	uint32_t at = (uint32_t)w->v->ways.len;

	if (!wdx_vec_reserve(&w->v->ways, n + 1)) {
		w->nomem = true;
		return 0;
	}
	if (first != NONE)
		w->v->ways.data[w->v->ways.len++] = first;
	for (size_t i = 0; i < n; i++)
		w->v->ways.data[w->v->ways.len++] = a[i].from;
	return at;
}

/* What the local holds where the n arrivals meet at pos; *ways: of the label, NONE as long as they
 * are not noted. */
static uint32_t meet(struct wdx_values_work *w, const struct arrival *a, size_t n, uint32_t pos,
		     uint32_t local, uint32_t *ways)
{
	uint32_t first = (uint32_t)w->v->inputs.len, change = w->last[local], *in;
	bool differ = false;

	if (!wdx_vec_reserve(&w->v->inputs, n)) {
		w->nomem = true;
		return 0;
	}
	in = w->v->inputs.data + first;
	for (size_t i = n; i--;) {
		in[i] = value_then(w, a[i].time, &change);
		differ |= in[i] != in[n - 1];
	}
	if (!differ)
		return in[0];
	w->v->inputs.len += n;
	if (*ways == NONE)
		*ways = add_ways(w, NONE, a, n);
	return add_value(w, (struct wdx_value){.kind = WDX_VALUE_PHI,
					       .pos = pos,
					       .arg = local,
					       .ways = *ways,
					       .first = first,
					       .n = (uint32_t)n});
}

/* Whether this is the last of the local's changes since the label was opened. */
static bool is_last_change(const struct wdx_values_work *w, size_t i)
{
	return w->last[w->changes.data[i].local] == i;
}

/* What the locals hold behind the label at pos: from there on, at `next`.  What was changed before
 * the first arrival they all bring. */
static void arrive(struct wdx_values_work *w, const struct label *l, uint32_t pos, uint32_t next)
{
	const struct arrival *a = w->arrivals.data + l->arrivals;
	size_t n = w->arrivals.len - l->arrivals, end = w->changes.len;
	uint32_t ways = NONE;

	if (!n)
		return;
	wdx_values_spend(w, end - a->time);
	for (size_t i = a->time; i < end && !w->nomem && !w->unknown; i++) {
		uint32_t local = w->changes.data[i].local;

		if (!is_last_change(w, i))
			continue;
		wdx_values_spend(w, n);
		set_local(w, local, meet(w, a, n, pos, local, &ways), next);
	}
}

static void file_phi(struct wdx_values_work *w, const struct loop_phi *p, uint32_t ways,
		     const struct arrival *a, size_t n)
{
	struct wdx_value *phi = &w->v->values.data[p->value];
	uint32_t *in = w->v->inputs.data + w->v->inputs.len, change = w->last[p->local];

	phi->ways = ways;
	phi->first = (uint32_t)w->v->inputs.len;
	phi->n = (uint32_t)n + 1;
	in[0] = p->before;
	for (size_t i = n; i--;)
		in[i + 1] = value_then(w, a[i].time, &change);
	w->v->inputs.len += n + 1;
}

/* The inputs of the loop's merges: all are known now. */
static void file_phis(struct wdx_values_work *w, const struct label *l)
{
	size_t n = w->arrivals.len - l->arrivals, nphis = w->phis.len - l->first_phi;
	const struct arrival *a = w->arrivals.data + l->arrivals;
	uint32_t ways;

	if (w->unknown || !nphis)
		return;
	if (!wdx_vec_reserve(&w->v->inputs, nphis * (n + 1))) {
		w->nomem = true;
		return;
	}
	ways = add_ways(w, l->pos, a, n);
	for (size_t k = 0; k < nphis && !w->nomem; k++)
		file_phi(w, &w->phis.data[l->first_phi + k], ways, a, n);
}

static void leave_stack(struct wdx_values_work *w, const struct label *l, uint32_t pos)
{
	w->stack.len = l->height;
	for (uint32_t i = 0; i < l->results; i++)
		push(w, fresh(w, pos));
}

static void close_label(struct wdx_values_work *w, const struct wdx_insn *insn)
{
	struct label l = *top(w);
	uint32_t one = 0;

	if (l.opcode == WDX_WASM_LOOP) { /* only falling out of it leads behind it */
		if (l.results && w->stack.len > l.height)
			one = w->stack.data[w->stack.len - 1];
		file_phis(w, &l);
		w->phis.len = l.first_phi;
		w->arrivals.len = l.arrivals;
		w->labels.len--;
		leave_stack(w, &l, insn->pos.v);
		if (one && l.results == 1)
			w->stack.data[w->stack.len - 1] = one;
		top(w)->dead |= l.dead;
		return;
	}
	if (!l.dead)
		branch(w, 0, insn->pos.v);
	if (l.opcode == WDX_WASM_IF &&
	    !l.born_dead) { /* without else: the condition leads here too */
		struct arrival *a = wdx_vec_push(&w->arrivals);

		if (!a) {
			w->nomem = true;
			return;
		}
		memmove(w->arrivals.data + l.arrivals + 1, w->arrivals.data + l.arrivals,
			(w->arrivals.len - 1 - l.arrivals) * sizeof(*a));
		w->arrivals.data[l.arrivals] = (struct arrival){l.pos, l.opened};
	}
	bool reached = w->arrivals.len > l.arrivals;

	arrive(w, &l, insn->pos.v, insn->pos.v + insn->size);
	w->arrivals.len = l.arrivals;
	w->labels.len--;
	leave_stack(w, &l, insn->pos.v);
	if (w->labels.len)
		top(w)->dead = !reached;
}

static void open_else(struct wdx_values_work *w, const struct wdx_insn *insn)
{
	struct label *l = top(w);
	uint32_t next = insn->pos.v + insn->size;

	if (l->opcode != WDX_WASM_IF) {
		w->unknown = true;
		return;
	}
	if (!l->dead)
		branch(w, 0, insn->pos.v);
	l = top(w);
	l->opcode = WDX_WASM_ELSE;
	l->dead = l->born_dead;
	w->stack.len = l->height;
	push_params(w, l);
	for (size_t i = l->opened, end = w->changes.len; i < end && !w->unknown; i++) {
		uint32_t local = w->changes.data[i].local, change = w->last[local];

		wdx_values_spend(w, 1);
		if (is_last_change(w, i))
			set_local(w, local, value_then(w, l->opened, &change), next);
	}
}

/* ---- instructions -----------------------------------------------------------------------------
 */

static void call(struct wdx_values_work *w, const struct wdx_wasm_type *t, uint32_t pos)
{
	if (!t) {
		w->unknown = true;
		return;
	}
	for (uint32_t i = 0; i < t->nparams; i++)
		pop(w);
	if (t->nresults == 1)
		push(w, add_value(w, (struct wdx_value){.kind = WDX_VALUE_INSN,
							.type = WDX_VALUE_CALL,
							.pos = pos,
							.bits = t->results[0]}));
	for (uint32_t i = 0; t->nresults > 1 && i < t->nresults; i++)
		push(w, fresh(w, pos));
}

static void branch_table(struct wdx_values_work *w, const struct wdx_insn *insn)
{
	struct wdx_reader r;

	pop(w);
	wdx_insn_labels(w->m, insn, &r);
	for (uint64_t i = 0; i <= insn->imm[0] && !r.failed && !w->unknown; i++)
		branch(w, wdx_read_uleb(&r, 32), insn->pos.v);
	top(w)->dead = true;
}

static void note_store(struct wdx_values_work *w, const struct wdx_insn *insn, uint32_t address)
{
	const struct wdx_value *v = &w->v->values.data[address];
	struct wdx_wasm_store *s = wdx_vec_push(&w->v->stores);
	bool fixed = v->kind == WDX_VALUE_CONST;

	if (s)
		*s = (struct wdx_wasm_store){insn->pos.v, fixed ? 0 : address,
					     insn->imm[1] + (fixed ? v->bits : 0)};
	w->nomem |= !s;
}

/* Of an addition of a constant: what to, and the sum of all constants that way. */
static void describe_sum(const struct wdx_values_work *w, uint16_t opcode, const uint32_t *taken,
			 struct wdx_value *out)
{
	const struct wdx_value *values = w->v->values.data, *by = &values[taken[1]];
	bool minus = opcode == WDX_WASM_I32_SUB || opcode == WDX_WASM_I64_SUB;
	uint32_t to = taken[0];

	if (opcode != WDX_WASM_I32_ADD && opcode != WDX_WASM_I64_ADD && !minus)
		return;
	if (!minus && by->kind != WDX_VALUE_CONST) {
		by = &values[taken[0]];
		to = taken[1];
	}
	if (by->kind != WDX_VALUE_CONST)
		return;
	out->bits = minus ? -by->bits : by->bits;
	out->arg = to;
	if (values[to].kind == WDX_VALUE_INSN && values[to].arg) {
		out->bits += values[to].bits;
		out->arg = values[to].arg;
	}
}

/* The value that comes next. */
static void note_sum(struct wdx_values_work *w)
{
	uint32_t *slot = wdx_vec_push(&w->v->sums);

	if (slot)
		*slot = (uint32_t)w->v->values.len;
	w->nomem |= !slot;
}

static uint32_t result(struct wdx_values_work *w, const struct wdx_insn *insn,
		       const uint32_t *taken, uint32_t third)
{
	struct wdx_value v = {.kind = WDX_VALUE_INSN, .pos = insn->pos.v};

	if (insn->opcode < 0x100)
		v.type = (uint8_t)insn->opcode;
	memcpy(v.operands, taken, sizeof(v.operands));
	describe_sum(w, insn->opcode, taken, &v);
	if (v.arg)
		note_sum(w);
	if (insn->opcode == WDX_WASM_SELECT || insn->opcode == WDX_WASM_SELECT + 1) {
		v.type = WDX_WASM_SELECT; /* with its type spelled out, too */
		v.bits = third;
	}
	return add_value(w, v);
}

static void generic(struct wdx_values_work *w, const struct wdx_insn *insn)
{
	unsigned operands, results;
	uint32_t taken[2] = {0, 0}, third = 0;

	if (!wdx_insn_arity(insn->opcode, &operands, &results)) {
		w->unknown = true;
		return;
	}
	for (unsigned i = operands; i-- > 0;)
		*(i < 2 ? &taken[i] : &third) = pop(w);
	if (insn->flags & WDX_INSN_MEMWRITE && operands == 2 && taken[0])
		note_store(w, insn, taken[0]);
	if (results == 1)
		push(w, result(w, insn, taken, third));
	while (results > 1 && results--)
		push(w, fresh(w, insn->pos.v));
}

static void local(struct wdx_values_work *w, const struct wdx_insn *insn)
{
	uint32_t i = (uint32_t)insn->imm[0], value;

	if (insn->imm[0] >= w->v->nlocals) {
		w->unknown = true;
		return;
	}
	if (insn->opcode == WDX_WASM_LOCAL_GET) {
		push(w, w->locals[i]);
		return;
	}
	value = pop(w);
	if (!top(w)->dead)
		set_local(w, i, value, insn->pos.v + insn->size);
	if (insn->opcode == WDX_WASM_LOCAL_TEE)
		push(w, value);
}

static void step(struct wdx_values_work *w, const struct wdx_insn *insn)
{
	static const uint8_t const_types[] = {WDX_I32, WDX_I64, WDX_F32, WDX_F64};

	w->at = insn->pos.v;
	switch (insn->opcode) {
	case WDX_WASM_BLOCK:
	case WDX_WASM_LOOP:
	case WDX_WASM_IF:
		return open_label(w, insn);
	case WDX_WASM_ELSE:
		return open_else(w, insn);
	case WDX_WASM_END:
		return close_label(w, insn);
	case WDX_WASM_BR_IF:
		pop(w);
		return branch(w, insn->imm[0], insn->pos.v);
	case WDX_WASM_BR:
		branch(w, insn->imm[0], insn->pos.v);
		top(w)->dead = true;
		return;
	case WDX_WASM_BR_TABLE:
		return branch_table(w, insn);
	case WDX_WASM_RETURN:
	case WDX_WASM_UNREACHABLE:
		top(w)->dead = true;
		return;
	case WDX_WASM_CALL:
		return call(w, wdx_wasm_functype(w->m, (uint32_t)insn->imm[0]), insn->pos.v);
	case WDX_WASM_CALL_INDIRECT:
		pop(w);
		return call(w,
			    insn->imm[0] < w->m->types.len ? &w->m->types.data[insn->imm[0]] : NULL,
			    insn->pos.v);
	case WDX_WASM_LOCAL_GET:
	case WDX_WASM_LOCAL_SET:
	case WDX_WASM_LOCAL_TEE:
		return local(w, insn);
	case WDX_WASM_I32_CONST:
	case WDX_WASM_I64_CONST:
	case WDX_WASM_F32_CONST:
	case WDX_WASM_F64_CONST:
		return push(w, add_const(w, const_types[insn->opcode - WDX_WASM_I32_CONST],
					 insn->imm[0]));
	}
	generic(w, insn);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void begin(struct wdx_values_work *w)
{
	const struct wdx_wasm_type *t = &w->m->types.data[w->f->type];
	uint32_t start = w->f->start.v;
	struct label *l = wdx_vec_push(&w->labels);

	if (!l) {
		w->nomem = true;
		return;
	}
	*l = (struct label){.opcode = WDX_WASM_BLOCK, .results = t->nresults};
	memset(w->locals, 0xff, w->v->nlocals * sizeof(*w->locals));
	memset(w->last, 0xff, w->v->nlocals * sizeof(*w->last));
	add_value(w, (struct wdx_value){.kind = WDX_VALUE_UNKNOWN});
	for (uint32_t i = 0; i < w->v->nlocals && !w->nomem; i++) {
		uint8_t type = wdx_wasm_local_type(w->m, w->f, i);
		bool number = type >= WDX_F64 && type <= WDX_I32;

		set_local(w, i,
			  i < t->nparams ? add_value(w, (struct wdx_value){.kind = WDX_VALUE_PARAM,
									   .arg = i})
			  : number	 ? add_const(w, type, 0)
					 : 0,
			  start);
	}
}

/* Changes come in the order of positions; they are dealt out to locals and slots.  Of several at
 * one position the last counts. */
static void file_segments(struct wdx_values_work *w)
{
	struct wdx_values *v = w->v;
	size_t n = v->nlocals + v->slots.len, nsegments = w->changes.len + w->watched.len;
	const struct watched *s;
	const struct change *c;

	v->first = realloc(v->first, (n + 2) * sizeof(*v->first));
	v->segments.len = 0;
	if (!v->first || !wdx_vec_reserve(&v->segments, nsegments)) {
		w->nomem = true;
		return;
	}
	memset(v->first, 0, (n + 2) * sizeof(*v->first));
	wdx_vec_each (c, &w->changes)
		v->first[c->local + 2]++;
	wdx_vec_each (s, &w->watched)
		v->first[v->nlocals + s->holder + 2]++;
	for (size_t i = 2; i <= n; i++)
		v->first[i] += v->first[i - 1];
	wdx_vec_each (c, &w->changes)
		v->segments.data[v->first[c->local + 1]++] = c->s;
	wdx_vec_each (s, &w->watched)
		v->segments.data[v->first[v->nlocals + s->holder + 1]++] = s->s;
	v->segments.len = nsegments;
}

static void reset(struct wdx_values_work *w)
{
	w->v->values.len = w->v->inputs.len = w->v->ways.len = 0;
	w->v->stores.len = w->v->uses.len = w->v->sums.len = 0;
	w->stack.len = w->labels.len = w->arrivals.len = w->phis.len = 0;
	w->changes.len = w->watches.len = w->watched.len = 0;
	memset(w->constants, 0, sizeof(w->constants));
	w->sets.len = w->ends.len = 0;
	w->next_loop = 0;
	w->next_operand = 0;
	w->budget = MAX_COMPARED;
	w->unknown = w->nomem = false;
}

static void walk(struct wdx_values_work *w)
{
	struct wdx_insn_iter it;
	struct wdx_insn insn;

	wdx_values_find_slots(w);
	if (!w->nomem)
		begin(w);
	wdx_insn_begin(&it, w->m, w->f);
	while (!w->unknown && !w->nomem && w->labels.len && wdx_insn_next(&it, &insn)) {
		if (wdx_values_watched(w, insn.pos.v))
			wdx_values_watch(w, insn.pos.v);
		step(w, &insn);
	}
	wdx_error_destroy(it.err);
	w->unknown |= w->labels.len != 0;
	if (!w->unknown && !w->nomem)
		file_segments(w);
	if (!w->unknown && !w->nomem)
		wdx_values_resolve_same(w);
}

/* What they hold in the rest of the body may be of another type. */
static void forget_types(struct wdx_values *v)
{
	for (size_t i = 0; i < v->noperands; i++)
		v->operands[i].type = 0;
}

struct wdx_error *wdx_values_of(struct wdx_values *v, const struct wdx_wasm *m,
				const struct wdx_wasm_func *f, bool *known)
{
	struct wdx_values_work *w = v->work ? v->work : calloc(1, sizeof(*w));

	if (!w)
		return &wdx_nomem;
	v->work = w;
	v->nlocals = f->nlocals;
	w->m = m;
	w->f = f;
	w->v = v;
	reset(w);
	*known = false;
	if (f->nlocals > MAX_STACK) /* more than engines take */
		return NULL;
	free(w->locals);
	free(w->last);
	w->locals = malloc(((size_t)v->nlocals + 1) * sizeof(*w->locals));
	w->last = malloc(((size_t)v->nlocals + 1) * sizeof(*w->last));
	if (!w->locals || !w->last)
		return &wdx_nomem;
	walk(w);
	*known = !w->unknown;
	if (w->unknown)
		forget_types(v);
	return w->nomem ? &wdx_nomem : NULL;
}

void wdx_values_deinit(struct wdx_values *v)
{
	struct wdx_values_work *w = v->work;

	wdx_vec_free(&v->values);
	wdx_vec_free(&v->inputs);
	wdx_vec_free(&v->ways);
	wdx_vec_free(&v->segments);
	wdx_vec_free(&v->stores);
	wdx_vec_free(&v->uses);
	wdx_vec_free(&v->sums);
	wdx_vec_free(&v->slots);
	free(v->first);
	if (w) {
		wdx_vec_free(&w->same);
		wdx_vec_free(&w->watches);
		wdx_vec_free(&w->watched);
		wdx_vec_free(&w->held);
		wdx_vec_free(&w->stack);
		wdx_vec_free(&w->open);
		wdx_vec_free(&w->labels);
		wdx_vec_free(&w->arrivals);
		wdx_vec_free(&w->phis);
		wdx_vec_free(&w->changes);
		wdx_vec_free(&w->sets);
		wdx_vec_free(&w->ends);
		free(w->locals);
		free(w->last);
	}
	free(w);
	memset(v, 0, sizeof(*v));
}

uint32_t wdx_value_at(const struct wdx_values *v, uint32_t holder, uint32_t pos)
{
	uint32_t first = v->first[holder];
	uint32_t behind =
		wdx_search(i, first, v->first[holder + 1], v->segments.data[i].pos <= pos);

	return behind == first ? 0 : v->segments.data[behind - 1].value;
}

static uint8_t result_type(const struct wdx_wasm *m, const struct wdx_value *v)
{
	struct wdx_insn insn;

	if (v->type == WDX_VALUE_CALL)
		return (uint8_t)v->bits;
	if (v->type != WDX_WASM_GLOBAL_GET)
		return wdx_insn_result(v->type);
	wdx_insn_at(m, (wdx_codepos){v->pos}, &insn);
	return insn.imm[0] < m->globals.len ? m->globals.data[insn.imm[0]].type : 0;
}

uint8_t wdx_value_type(const struct wdx_wasm *m, const struct wdx_wasm_func *f,
		       const struct wdx_values *v, uint32_t value)
{
	const struct wdx_value *is = &v->values.data[value];

	for (int i = 0; i < MAX_SELECTIONS && is->type == WDX_WASM_SELECT; i++)
		is = &v->values.data[is->operands[0]];
	switch (is->kind) {
	case WDX_VALUE_PARAM:
	case WDX_VALUE_PHI:
		return wdx_wasm_local_type(m, f, is->arg);
	case WDX_VALUE_CONST:
		return is->type;
	case WDX_VALUE_INSN:
		return is->type ? result_type(m, is) : 0;
	}
	return 0;
}

size_t wdx_value_first_use(const struct wdx_values *v, uint32_t pos)
{
	return wdx_search(i, 0, v->uses.len, v->uses.data[i].pos < pos);
}

struct wdx_term wdx_value_term(const struct wdx_values *v, uint32_t value)
{
	const struct wdx_value *sum = &v->values.data[value];
	bool narrow = sum->type == WDX_WASM_I32_ADD || sum->type == WDX_WASM_I32_SUB;

	if (sum->kind != WDX_VALUE_INSN || !sum->arg)
		return (struct wdx_term){value, 8, 0};
	return (struct wdx_term){sum->arg, narrow ? 4 : 8, sum->bits};
}

uint32_t wdx_store_again(const struct wdx_values *v, uint32_t pos, uint32_t end)
{
	const struct wdx_wasm_store *s = v->stores.data;
	size_t lo = wdx_search(i, 0, v->stores.len, s[i].pos < pos);

	if (lo == v->stores.len || s[lo].pos != pos)
		return 0;
	for (size_t i = lo + 1; i < v->stores.len && s[i].pos <= end; i++)
		if (s[i].value == s[lo].value && s[i].offset == s[lo].offset)
			return s[i].pos;
	return 0;
}
