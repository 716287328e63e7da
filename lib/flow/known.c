/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/known.h"

#include <string.h>

#include "wasm/opcode.h"

/* How many reads of globals are looked at in one function, and how many operands. */
enum { MAX_GLOBALS = 16, MAX_TAKEN = 1 << 22 };

static uint8_t opcode_at(const struct wdx_known *k, uint32_t pos)
{
	const struct wdx_wasm *m = k->match->wasm;

	return m->data[m->code.v + pos];
}

static uint8_t kind_at(const struct wdx_known *k, uint32_t pos)
{
	return k->match->wasm->kinds[pos];
}

/* ---- calls ------------------------------------------------------------------------------------
 */

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void find_calls(struct wdx_known *k)
{
	const struct wdx_match *x = k->match;
	const struct wdx_minsn *i;

	k->calls.len = 0;
	wdx_vec_each (i, &x->m->insns) {
		uint32_t pos = i->a->call ? wdx_code_position(x->code, x->f, i->at) : UINT32_MAX;
		uint32_t *slot;

		if (pos == UINT32_MAX || !(kind_at(k, pos) & WDX_INSN_CALL))
			continue;
		slot = wdx_vec_push(&k->calls);
		if (slot)
			*slot = pos;
		k->nomem |= !slot;
	}
	if (k->calls.len)
		qsort(k->calls.data, k->calls.len, sizeof(*k->calls.data), by_number);
}

bool wdx_known_calls(const struct wdx_known *k, uint32_t pos)
{
	return k->calls.len &&
	       bsearch(&pos, k->calls.data, k->calls.len, sizeof(*k->calls.data), by_number);
}

/* ---- conditions -------------------------------------------------------------------------------
 */

static void mark(struct wdx_known *k, uint32_t value)
{
	uint32_t *slot;

	if (!value || k->flags.data[value] & WDX_VALUE_TESTED)
		return;
	k->flags.data[value] |= WDX_VALUE_TESTED;
	slot = wdx_vec_push(&k->todo);
	if (slot)
		*slot = value;
	k->nomem |= !slot;
}

static void mark_taken(struct wdx_known *k, uint32_t pos)
{
	const struct wdx_values *v = k->match->v;

	for (size_t i = wdx_value_first_use(v, pos); i < v->uses.len && v->uses.data[i].pos == pos;
	     i++) {
		mark(k, v->uses.data[i].value);
		k->all_tested |= ++k->taken > MAX_TAKEN;
	}
}

/* What has been put into linear memory may come out of any load. */
static void mark_memory(struct wdx_known *k)
{
	const struct wdx_value_use *u;

	if (k->memory)
		return;
	k->memory = true;
	wdx_vec_each (u, &k->match->v->uses)
		if (kind_at(k, u->pos) & WDX_INSN_MEMWRITE)
			mark(k, u->value);
}

static void mark_globals(struct wdx_known *k)
{
	const struct wdx_value_use *u;

	if (k->globals)
		return;
	k->globals = true;
	wdx_vec_each (u, &k->match->v->uses)
		if (opcode_at(k, u->pos) == WDX_WASM_GLOBAL_SET)
			mark(k, u->value);
}

/* Of what the result of an instruction was made. */
static void mark_sources(struct wdx_known *k, uint32_t pos)
{
	uint8_t kind = kind_at(k, pos);
	bool inlined = kind & WDX_INSN_CALL && !wdx_known_calls(k, pos);

	k->all_tested |= kind & WDX_INSN_CONTROL; /* of a block: of whatever left it */
	mark_taken(k, pos);
	if (kind & WDX_INSN_MEMREAD || inlined)
		mark_memory(k);
	if (opcode_at(k, pos) == WDX_WASM_GLOBAL_GET || inlined)
		mark_globals(k);
}

/* Calls that are not there have been inlined: what they take may have been tested there.  The index
 * of an indirect call is compared with the size of the table. */
static bool is_condition(const struct wdx_known *k, uint32_t pos)
{
	uint8_t opcode = opcode_at(k, pos);

	if (kind_at(k, pos) & WDX_INSN_CALL)
		return opcode != WDX_WASM_CALL || !wdx_known_calls(k, pos);
	return opcode == WDX_WASM_IF || opcode == WDX_WASM_BR_IF || opcode == WDX_WASM_BR_TABLE ||
	       opcode == WDX_WASM_SELECT || opcode == WDX_WASM_SELECT + 1;
}

static void find_tested(struct wdx_known *k)
{
	const struct wdx_values *v = k->match->v;
	const struct wdx_value_use *u;

	wdx_vec_each (u, &v->uses)
		if (is_condition(k, u->pos))
			mark(k, u->value);
	while (k->todo.len && !k->all_tested && !k->nomem) {
		const struct wdx_value *value = &v->values.data[k->todo.data[--k->todo.len]];

		if (value->kind == WDX_VALUE_INSN)
			mark_sources(k, value->pos);
		for (uint32_t i = 0; value->kind == WDX_VALUE_PHI && i < value->n; i++)
			mark(k, v->inputs.data[value->first + i]);
	}
}

/* ---- what is free -----------------------------------------------------------------------------
 */

static void find_kept(struct wdx_known *k)
{
	const struct wdx_match *x = k->match;

	for (size_t i = 1; i < x->m->values.len; i++)
		if (x->assoc[i] && x->assoc[i] < x->v->values.len && x->m->values.data[i].copied)
			k->flags.data[x->assoc[i]] |= WDX_VALUE_KEPT;
}

/* Up to the first call and the first loop, code runs once and nobody else's does. */
static uint32_t find_prelude(const struct wdx_known *k)
{
	struct wdx_insn_iter it;
	struct wdx_insn insn;
	uint32_t end = 0;

	wdx_insn_begin(&it, k->match->wasm, k->match->f->wasm);
	while (wdx_insn_next(&it, &insn)) {
		end = insn.pos.v;
		if (insn.flags & WDX_INSN_CALL || insn.opcode == WDX_WASM_LOOP)
			break;
	}
	wdx_error_destroy(it.err);
	return end;
}

static uint64_t global_at(const struct wdx_known *k, uint32_t pos)
{
	struct wdx_insn insn;

	wdx_insn_at(k->match->wasm, (wdx_codepos){pos}, &insn);
	return insn.imm[0];
}

/* Which globals the code of the module sets. */
static void find_sets(struct wdx_known *k)
{
	const struct wdx_wasm *m = k->match->wasm;
	const struct wdx_wasm_func *f;

	if (k->sets_of == m || !wdx_vec_reserve(&k->sets, m->globals.len + 1)) {
		k->nomem |= k->sets_of != m;
		return;
	}
	k->sets_of = m;
	k->sets.len = m->globals.len;
	memset(k->sets.data, 0, m->globals.len + 1);
	wdx_vec_each (f, &m->funcs)
		for (uint32_t pos = f->code.v; pos < f->end.v; pos++)
			if (kind_at(k, pos) & WDX_INSN_START &&
			    opcode_at(k, pos) == WDX_WASM_GLOBAL_SET &&
			    global_at(k, pos) < k->sets.len)
				k->sets.data[global_at(k, pos)] = 1;
}

/* A global read before anything may have set it, in a function that sets it, or leaves that to
 * others: what is in it comes from outside, and is not always the same. */
static bool is_untouched(const struct wdx_known *k, uint32_t pos)
{
	const struct wdx_value_use *u;
	uint64_t global = global_at(k, pos);

	wdx_vec_each (u, &k->match->v->uses)
		if (opcode_at(k, u->pos) == WDX_WASM_GLOBAL_SET && global_at(k, u->pos) == global)
			return u->pos > pos;
	return global < k->sets.len && k->sets.data[global];
}

static bool is_free(const struct wdx_known *k, uint32_t value, uint32_t prelude, unsigned *globals)
{
	const struct wdx_value *v = &k->match->v->values.data[value];
	bool kept = k->flags.data[value] & WDX_VALUE_KEPT;

	if (v->kind == WDX_VALUE_PARAM)
		return kept;
	if (v->kind != WDX_VALUE_INSN)
		return false;
	if (v->type == WDX_VALUE_CALL)
		return kept && wdx_known_calls(k, v->pos);
	return v->type == WDX_WASM_GLOBAL_GET && v->pos < prelude && ++*globals <= MAX_GLOBALS &&
	       is_untouched(k, v->pos);
}

/* Whether code makes a value only where it is needed: what may trap stays for that alone, and so do
 * calls. */
static bool is_pure(const struct wdx_known *k, uint32_t pos)
{
	return !(kind_at(k, pos) & (WDX_INSN_EFFECT | WDX_INSN_CONTROL | WDX_INSN_CALL |
				    WDX_INSN_MEMREAD | WDX_INSN_TRAP)) &&
	       opcode_at(k, pos) != WDX_WASM_GLOBAL_GET;
}

/* Which values the code has made, each where its own instruction is, and of these (and of
 * parameters) which it needs. */
static void find_made(struct wdx_known *k)
{
	const struct wdx_match *x = k->match;

	for (size_t i = 1; i < x->m->values.len; i++) {
		const struct wdx_mvalue *mv = &x->m->values.data[i];
		uint32_t value = x->assoc[i];
		const struct wdx_value *v =
			&x->v->values.data[value < x->v->values.len ? value : 0];

		if (v->kind == WDX_VALUE_PARAM && k->flags.data[value] & WDX_VALUE_KEPT)
			k->flags.data[value] |= WDX_VALUE_NEEDED;
		if (v->kind != WDX_VALUE_INSN || mv->kind != WDX_MV_INSN ||
		    wdx_code_position(x->code, x->f, mv->at) != v->pos)
			continue;
		k->flags.data[value] |= WDX_VALUE_MADE;
		if (is_pure(k, v->pos))
			k->flags.data[value] |= WDX_VALUE_NEEDED;
	}
}

static void find_free(struct wdx_known *k)
{
	uint32_t prelude = find_prelude(k);
	unsigned globals = 0;

	for (uint32_t i = 1; i < k->flags.len; i++)
		if (is_free(k, i, prelude, &globals))
			k->flags.data[i] |= WDX_VALUE_FREE;
}

bool wdx_known_free(const struct wdx_known *k, uint32_t value)
{
	return k->flags.data[value] & WDX_VALUE_FREE;
}

static bool is_tested(const struct wdx_known *k, uint32_t value)
{
	return k->all_tested || k->flags.data[value] & WDX_VALUE_TESTED;
}

/* A call that takes something may have brought it back. */
static bool may_return_argument(const struct wdx_known *k, uint32_t value)
{
	const struct wdx_values *v = k->match->v;
	const struct wdx_value *call = &v->values.data[value];
	size_t i;

	if (call->kind != WDX_VALUE_INSN || call->type != WDX_VALUE_CALL)
		return false;
	i = wdx_value_first_use(v, call->pos);
	return i < v->uses.len && v->uses.data[i].pos == call->pos;
}

/* ---- sums -------------------------------------------------------------------------------------
 */

struct wdx_sum wdx_known_sum(const struct wdx_known *k, uint32_t value, unsigned width)
{
	struct wdx_term t = wdx_value_term(k->match->v, value);
	struct wdx_sum sum = {t.root, t.off, t.width < width ? t.width : width};
	const struct wdx_value *root = &k->match->v->values.data[t.root];

	if (root->kind == WDX_VALUE_CONST) {
		sum.root = 0;
		sum.off += root->bits;
	}
	return sum;
}

bool wdx_known_differ(const struct wdx_known *k, struct wdx_sum is, struct wdx_sum wanted)
{
	unsigned width = is.width < wanted.width ? is.width : wanted.width;

	if (width < 4)
		return false;
	if (is.root == wanted.root)
		return !wdx_same_low(is.off, wanted.off, width);
	if ((is.root && !wdx_known_free(k, is.root)) ||
	    (wanted.root && !wdx_known_free(k, wanted.root)) || may_return_argument(k, is.root))
		return false;
	return !(is.root ? is_tested(k, is.root) : true) ||
	       !(wanted.root ? is_tested(k, wanted.root) : true);
}

bool wdx_known_apart(const struct wdx_known *k, uint32_t is, uint32_t wanted)
{
	if (!is || is >= k->flags.len || is == wanted || !(k->flags.data[is] & WDX_VALUE_MADE) ||
	    !(k->flags.data[wanted] & WDX_VALUE_NEEDED))
		return false;
	return !may_return_argument(k, is) && (!is_tested(k, is) || !is_tested(k, wanted));
}

/* ---- the whole --------------------------------------------------------------------------------
 */

bool wdx_known_of(struct wdx_known *k, const struct wdx_match *match)
{
	size_t n = match->v->values.len;

	k->match = match;
	k->all_tested = k->memory = k->globals = k->nomem = false;
	k->flags.len = k->todo.len = k->taken = 0;
	if (!wdx_vec_reserve(&k->flags, n))
		return false;
	memset(k->flags.data, 0, n);
	k->flags.len = n;
	find_sets(k);
	find_calls(k);
	find_tested(k);
	find_kept(k);
	find_free(k);
	find_made(k);
	return !k->nomem;
}

void wdx_known_deinit(struct wdx_known *k)
{
	wdx_vec_free(&k->flags);
	wdx_vec_free(&k->todo);
	wdx_vec_free(&k->sets);
	wdx_vec_free(&k->calls);
}
