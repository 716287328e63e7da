/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Code that the compiler moved: what is behind an effect that comes after it, in another block's
 * code, or behind the head of a loop, does not show the state that its position claims.
 */
#include "flow/code_work.h"

#include <string.h>

#include "base/search.h"

static uint32_t block_of(const struct marking *m, uint32_t i)
{
	return m->blocks[i - m->f->first];
}

/* ---- stretches --------------------------------------------------------------------------------
 */

/* Whether a jump in the interval ends a stretch: a branch of the wasm code, or one the compiler
 * added; those inside of what one instruction became, to a slow path and back, do not. */
static bool may_end(const struct wdx_codeindex *c, const struct wdx_interval *iv)
{
	return iv->wasm == NONE ? c->accesses != NULL
				: wdx_code_ends_block(c, iv->wasm) &&
					  wdx_code_opcode(c, iv->wasm) != WDX_WASM_LOOP;
}

/* The branch of the wasm code that became a jump in interval i: its own, or the condition before it
 * that leads to it, where only values are moved for the way back. */
static uint32_t branch_of(const struct marking *m, uint32_t i)
{
	const struct wdx_interval *iv = &m->c->intervals.data[i];
	bool own = iv->wasm != NONE;
	uint8_t opcode;

	if (!own && (i == m->f->first || iv->flags & WDX_IV_PART))
		return NONE;
	iv -= !own;
	opcode = wdx_code_opcode(m->c, iv->wasm);
	return opcode == WDX_WASM_BR_IF || (own && opcode == WDX_WASM_BR) ? iv->wasm : NONE;
}

/* false: memory is out. */
static bool add_head(struct marking *m, uint32_t at, uint32_t branch)
{
	struct head *h = branch == NONE ? NULL : wdx_vec_push(&m->heads);

	if (h)
		*h = (struct head){.at = at, .branch = branch, .loop = NONE};
	return h || branch == NONE;
}

/* Whether control may leave interval i before its end.  Where it goes back there is a loop. */
static bool has_branch(struct marking *m, uint32_t i)
{
	const struct wdx_interval *iv = &m->c->intervals.data[i];
	bool found = false;
	struct wdx_skim s;

	if (!m->c->accesses)
		return iv->wasm != NONE;
	for (uint32_t at = iv->lo; at < iv->hi; at += s.size) {
		wdx_code_skim(m->c, at, &s);
		found |= s.kind == WDX_SKIM_JUMP;
		if (s.to < 0)
			m->nomem |= !add_head(m, at + s.size + (uint32_t)s.to, branch_of(m, i));
	}
	return found;
}

static void find_stretches(struct marking *m)
{
	const struct wdx_interval *iv = m->c->intervals.data;
	uint32_t end = m->f->first + m->f->n;
	bool ended = true;

	m->nstretches = 0;
	m->heads.len = 0;
	for (uint32_t i = m->f->first; i < end; i++) {
		if (ended || iv[i].flags & WDX_IV_PART)
			m->stretches[m->nstretches++] = i;
		ended = may_end(m->c, &iv[i]) && has_branch(m, i);
	}
	m->stretches[m->nstretches] = end;
}

/* ---- loops ------------------------------------------------------------------------------------
 */

static int by_branch(const void *a, const void *b)
{
	const struct head *x = a, *y = b;

	return x->branch < y->branch ? -1 : x->branch > y->branch;
}

/* By address; of those that lead to the same one the outermost loop comes first. */
static int by_address(const void *a, const void *b)
{
	const struct head *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->loop < y->loop ? -1 : x->loop > y->loop;
}

static bool opens_label(uint8_t opcode)
{
	return (opcode >= WDX_WASM_BLOCK && opcode <= WDX_WASM_IF) || opcode == WDX_WASM_TRY ||
	       opcode == WDX_WASM_TRY_TABLE;
}

static bool add_label(struct marking *m, uint32_t pos)
{
	uint32_t *slot = wdx_vec_push(&m->labels);

	if (slot)
		*slot = pos;
	return slot;
}

/* Where the loop begins that the branch there goes back to, by the labels that are open; NONE: it
 * goes elsewhere. */
static uint32_t loop_of(const struct marking *m, uint32_t branch)
{
	struct wdx_insn insn;
	uint32_t at;

	wdx_insn_at(m->c->module, (wdx_codepos){branch}, &insn);
	if (insn.imm[0] >= m->labels.len)
		return NONE;
	at = m->labels.data[m->labels.len - 1 - insn.imm[0]];
	return wdx_code_opcode(m->c, at) == WDX_WASM_LOOP ? at : NONE;
}

/* Of each head the loop. */
static void find_loops(struct marking *m)
{
	struct head *h = m->heads.data, *end = h + m->heads.len;
	const uint32_t *pos;

	qsort(h, m->heads.len, sizeof(*h), by_branch);
	m->labels.len = 0;
	wdx_vec_each (pos, &m->controls) {
		if (opens_label(wdx_code_opcode(m->c, *pos)))
			m->nomem |= !add_label(m, *pos);
		else if (wdx_code_opcode(m->c, *pos) == WDX_WASM_END && m->labels.len)
			m->labels.len--;
		for (; h < end && h->branch == *pos; h++)
			h->loop = loop_of(m, *pos);
	}
	qsort(m->heads.data, m->heads.len, sizeof(*m->heads.data), by_address);
}

/* Of the intervals [i, end) those that show what comes before the loop. */
static void mark_before(struct marking *m, uint32_t i, uint32_t end, uint32_t loop)
{
	struct wdx_interval *iv = m->c->intervals.data;

	for (; i < end; i++)
		if (iv[i].wasm < loop && !(iv[i].flags & WDX_IV_EFFECT))
			iv[i].flags |= WDX_IV_DISPLACED;
}

/* What comes before a loop in the wasm code but stands behind its head is executed in each round,
 * and shows the state before the loop only in the first.  This goes from head to head, of which
 * there may be several in a stretch. */
static void mark_sunk(struct marking *m)
{
	const struct wdx_interval *iv = m->c->intervals.data;
	const struct head *h = m->heads.data, *end = h + m->heads.len, *next;
	const uint32_t *stretch = m->stretches, *last = stretch + m->nstretches - 1;
	uint32_t loop = 0, i = wdx_code_interval(m->c, m->f, h->at), to;

	for (; h < end; h = next, i = to) {
		for (next = h + 1; next < end && next->at == h->at;)
			next++;
		to = next < end ? wdx_code_interval(m->c, m->f, next->at) : *(last + 1);
		for (; stretch < last && stretch[1] <= i; stretch++)
			loop = 0;
		if (h->at < iv[*stretch].lo)
			continue;
		loop = h->loop != NONE && h->loop > loop ? h->loop : loop;
		mark_before(m, i, to < stretch[1] ? to : stretch[1], loop);
	}
}

/* ---- chief stretches --------------------------------------------------------------------------
 */

/* In the weight of code: there is something that cannot be moved, an effect or the branch; or what
 * may trap, of which only parts are moved. */
#define FIXED (1u << 31)
#define TRAPS (1u << 30)

/* Bytes of code, and those. */
static uint32_t weight_of(const struct wdx_codeindex *c, const struct wdx_interval *iv)
{
	bool fixed = iv->flags & WDX_IV_EFFECT || wdx_code_ends_block(c, iv->wasm);

	return (iv->hi - iv->lo) | (fixed ? FIXED : 0) |
	       (wdx_code_is(c, iv->wasm, WDX_INSN_TRAP) ? TRAPS : 0);
}

static uint32_t add_weights(uint32_t a, uint32_t b)
{
	const uint32_t flags = FIXED | TRAPS;

	return ((a | b) & flags) | ((a & ~flags) + (b & ~flags));
}

/* One of the intervals that are where they belong, as far as is known. */
static bool is_ordered(const struct wdx_interval *iv)
{
	return iv->wasm != NONE && !(iv->flags & WDX_IV_DISPLACED);
}

/* Of each block in the stretch the weight of its code there. */
static void weigh(struct marking *m, uint32_t first, uint32_t end)
{
	const struct wdx_interval *iv = m->c->intervals.data;

	for (uint32_t i = first; i < end; i++)
		if (iv[i].wasm != NONE)
			m->weight[block_of(m, i)] = 0;
	for (uint32_t i = first; i < end; i++) {
		if (!is_ordered(&iv[i]))
			continue;
		uint32_t *weight = &m->weight[block_of(m, i)];

		*weight = add_weights(*weight, weight_of(m->c, &iv[i]));
	}
}

/* Where each block's chief stretch is: with what cannot be moved, or seldom is, or with most of its
 * code. */
static void find_chiefs(struct marking *m, uint32_t first, uint32_t end)
{
	weigh(m, first, end);
	for (uint32_t i = first; i < end; i++) {
		if (m->c->intervals.data[i].wasm == NONE)
			continue;
		uint32_t b = block_of(m, i);

		if (m->weight[b] <= m->best[b])
			continue;
		m->best[b] = m->weight[b];
		m->chief[b] = first;
	}
}

/* Whether the block's code in the stretch that was weighed last is where it belongs: a block that a
 * compiler's own branches cut up has several places that hold something fixed. */
static bool belongs(const struct marking *m, uint32_t block, uint32_t first)
{
	return m->chief[block] == first || m->weight[block] & FIXED;
}

/* Whether any block's code in the stretch is where it belongs. */
static bool is_home(struct marking *m, uint32_t first, uint32_t end)
{
	weigh(m, first, end);
	for (uint32_t i = first; i < end; i++)
		if (m->c->intervals.data[i].wasm != NONE && belongs(m, block_of(m, i), first))
			return true;
	return false;
}

/* Within a stretch: marks what an effect was moved across. */
static void mark_crossed(struct marking *m, uint32_t first, uint32_t end)
{
	struct wdx_interval *iv = m->c->intervals.data;
	uint32_t done = 0, ahead = NONE;

	for (uint32_t i = first; i < end; i++) {
		if (iv[i].wasm == NONE || iv[i].flags & WDX_IV_DISPLACED)
			continue;
		if (iv[i].wasm < done)
			iv[i].flags |= WDX_IV_DISPLACED;
		if (iv[i].flags & WDX_IV_EFFECT && iv[i].wasm > done)
			done = iv[i].wasm;
	}
	for (uint32_t i = end; i-- > first;) {
		if (iv[i].wasm == NONE || iv[i].flags & WDX_IV_DISPLACED)
			continue;
		if (iv[i].wasm > ahead)
			iv[i].flags |= WDX_IV_DISPLACED;
		if (iv[i].flags & WDX_IV_EFFECT && iv[i].wasm < ahead)
			ahead = iv[i].wasm;
	}
}

/* Whether the stretch is the chief one of all its blocks. */
static bool is_chief(const struct marking *m, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++)
		if (m->c->intervals.data[i].wasm != NONE && m->chief[block_of(m, i)] != first)
			return false;
	return true;
}

/* What is not where its block's code belongs was moved: ahead of its turn, such as out of a loop,
 * or behind a branch.  But behind all other code, a slow path of an instruction that may trap or
 * has an effect still shows the state before it. */
static void mark_moved(struct marking *m, uint32_t first, uint32_t end, bool tail)
{
	struct wdx_interval *iv = m->c->intervals.data;

	if (is_chief(m, first, end))
		return;
	weigh(m, first, end);
	for (uint32_t i = first; i < end; i++) {
		if (iv[i].wasm == NONE || belongs(m, block_of(m, i), first))
			continue;
		if (!tail || !wdx_code_is(m->c, iv[i].wasm, WDX_INSN_TRAP | WDX_INSN_EFFECT))
			iv[i].flags |= WDX_IV_DISPLACED;
	}
}

/* Whether the positions of the stretch ascend. */
static bool ascends(const struct wdx_codeindex *c, uint32_t first, uint32_t end)
{
	uint32_t last = 0;

	for (uint32_t i = first; i < end; i++) {
		const struct wdx_interval *iv = &c->intervals.data[i];

		if (!is_ordered(iv))
			continue;
		if (iv->wasm < last)
			return false;
		last = iv->wasm;
	}
	return true;
}

/* Where in ends[0..n), the last intervals of the best chains by length, the position goes. */
static uint32_t chain_bound(const struct wdx_interval *iv, const uint32_t *ends, uint32_t n,
			    uint32_t wasm)
{
	return wdx_search(i, 0, n, iv[ends[i]].wasm <= wasm);
}

/* Pure instructions change places freely, and what they show stays true; but a debugger that stops
 * at each goes back and forth.  Marks those outside of the longest chain of ascending positions.
 * false: memory is out. */
static bool mark_astray(struct wdx_codeindex *c, uint32_t first, uint32_t end)
{
	struct wdx_interval *iv = c->intervals.data + first;
	uint32_t n = end - first, len = 0, *ends, *before;

	if (ascends(c, first, end))
		return true;
	c->chain.len = 0;
	if (!wdx_vec_reserve(&c->chain, 2 * (size_t)n))
		return false;
	ends = c->chain.data;
	before = ends + n;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_ordered(&iv[i]))
			continue;
		uint32_t k = chain_bound(iv, ends, len, iv[i].wasm);

		before[i] = k ? ends[k - 1] : NONE;
		ends[k] = i;
		len = k == len ? len + 1 : len;
		iv[i].flags |= WDX_IV_ASTRAY;
	}
	for (uint32_t i = len ? ends[len - 1] : NONE; i != NONE; i = before[i])
		iv[i].flags &= ~(uint32_t)WDX_IV_ASTRAY;
	return true;
}

/* What stands between a later position and an earlier one leads to the latter: control does not
 * fall backwards. */
static void mark_aside(struct marking *m)
{
	struct wdx_interval *iv = m->c->intervals.data;
	uint32_t next = NONE,
		 at = 0; /* the position that comes next, and the interval that has it */

	for (uint32_t i = m->f->first + m->f->n; i-- > m->f->first;) {
		if (is_ordered(&iv[i])) {
			if (next != NONE && next < iv[i].wasm && iv[at - 1].wasm == NONE)
				iv[at - 1].flags |= WDX_IV_ASIDE;
			next = iv[i].wasm;
			at = i;
		}
		if (iv[i].flags & WDX_IV_PART)
			next = NONE;
	}
}

/* One past the last stretch in which some code is where it belongs. */
static uint32_t find_tail(struct marking *m)
{
	const uint32_t *at = m->stretches;
	uint32_t k = m->nstretches;

	while (k && !is_home(m, at[k - 1], at[k]))
		k--;
	return k;
}

/* A block with effects of which there are none in the code is never executed: what is left of it
 * was taken for the like of another block. */
static void mark_gone(struct marking *m)
{
	struct wdx_interval *iv = &m->c->intervals.data[m->f->first];
	uint32_t *gone = m->weight;
	const struct effect *e;
	bool any = false;

	memset(gone, 0, m->nblocks * sizeof(*gone));
	wdx_vec_each (e, &m->effects) {
		gone[e->block] = !(m->best[e->block] & FIXED);
		any |= gone[e->block];
	}
	for (uint32_t i = 0; any && i < m->f->n; i++)
		if (iv[i].wasm != NONE && gone[m->blocks[i]])
			iv[i].flags |= WDX_IV_DISPLACED;
}

bool wdx_code_mark_displaced(struct marking *m)
{
	const uint32_t *at = m->stretches;
	uint32_t tail;

	memset(m->best, 0, m->nblocks * sizeof(*m->best));
	memset(m->chief, 0xff, m->nblocks * sizeof(*m->chief));
	find_stretches(m);
	if (m->heads.len) {
		find_loops(m);
		mark_sunk(m);
	}
	if (m->nomem)
		return false;
	for (uint32_t k = 0; k < m->nstretches; k++)
		find_chiefs(m, at[k], at[k + 1]);
	mark_gone(m);
	tail = find_tail(m);
	for (uint32_t k = 0; k < m->nstretches; k++) {
		mark_moved(m, at[k], at[k + 1], k >= tail);
		if (ascends(m->c, at[k], at[k + 1]))
			continue;
		mark_crossed(m, at[k], at[k + 1]);
		if (!mark_astray(m->c, at[k], at[k + 1]))
			return false;
	}
	mark_aside(m);
	return true;
}

bool wdx_code_fixed(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t lo,
		    uint32_t hi)
{
	uint32_t end = f->first + f->n;

	for (uint32_t i = wdx_code_bound(c, f, lo); i < end && c->positions[i] < hi; i++) {
		const struct wdx_interval *iv = &c->intervals.data[c->by_wasm[i]];

		if (!(iv->flags & WDX_IV_DISPLACED) && weight_of(c, iv) & FIXED)
			return true;
	}
	return false;
}
