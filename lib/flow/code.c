/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/code.h"

#include <string.h>

#include "base/error.h"
#include "base/search.h"
#include "flow/values.h"
#include "native/access.h"
#include "wasm/opcode.h"

#define NONE UINT32_MAX

static bool is_kind(const struct wdx_codeindex *c, uint32_t wasm, unsigned flag)
{
	return c->module->kinds[wasm] & flag;
}

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

/* Index in by_wasm of the first interval of f at or behind that position. */
static uint32_t lower_bound(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			    uint64_t wasm)
{
	const struct wdx_wasm_func *w = f->wasm;
	uint32_t size = w->end.v - w->start.v;
	uint64_t at = wasm <= w->start.v ? 0 : wasm - w->start.v;
	const uint32_t *page =
		&c->pages[f->first_page +
			  (at < size ? at : size + WDX_CODE_PAGE - 1) / WDX_CODE_PAGE];
	uint32_t lo = page[0], n = at < size ? page[1] - lo : 0;

	/* without branches, which nothing could foretell */
	for (; n; n /= 2) {
		uint32_t half = n - n / 2;

		lo += c->positions[lo + half - 1] < wasm ? half : 0;
	}
	return lo;
}

/* ---- displaced intervals ----------------------------------------------------------------------
 */

/* The first return address of the function above that native position; its index in the pool. */
static uint32_t return_above(const struct wdx_codeindex *c, const struct wdx_map_func *f,
			     uint32_t native)
{
	return wdx_search(i, f->first_call, f->first_call + f->ncalls,
			  c->map->calls.data[i] <= native);
}

/* Whether a call returns to the end of, or into, the interval. */
static bool has_return(const struct wdx_codeindex *c, const struct wdx_map_func *f,
		       const struct wdx_interval *iv)
{
	uint32_t i = return_above(c, f, iv->lo);

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

/* The instruction at `at`, of a kind that says all that is asked here. */
static struct wdx_skim skim_at(const struct wdx_codeindex *c, uint32_t at)
{
	const uint8_t *p = c->map->code + at;
	size_t left = (size_t)(c->map->code_size - at);
	struct wdx_skim s = c->skim(p, left);

	if (s.kind != WDX_SKIM_UNKNOWN && s.kind != WDX_SKIM_ACCESS)
		return s;
	struct wdx_access a = wdx_target_mem_access(c->accesses, p, left, at);
	bool jumps = a.ok && !a.call && a.target != NONE;

	return (struct wdx_skim){a.size, kind_of(&a),
				 jumps ? (int32_t)(a.target - at - a.size) : 0};
}

/* Whether there is an instruction of that kind in the interval. */
static bool has_kind(const struct wdx_codeindex *c, const struct wdx_interval *iv,
		     enum wdx_skim_kind kind)
{
	struct wdx_skim s;

	for (uint32_t at = iv->lo; at < iv->hi; at += s.size) {
		s = skim_at(c, at);
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
	if (is_kind(c, iv->wasm, WDX_INSN_CALL))
		return !f->map->ncalls || has_return(c, f->map, iv);
	return !c->accesses || has_kind(c, iv, WDX_SKIM_STORE) || has_return(c, f->map, iv);
}

static uint8_t opcode_at(const struct wdx_codeindex *c, uint32_t wasm)
{
	return c->module->data[c->module->code.v + wasm];
}

bool wdx_code_ends_block(const struct wdx_codeindex *c, uint32_t wasm)
{
	return is_kind(c, wasm, WDX_INSN_CONTROL) && opcode_at(c, wasm) != WDX_WASM_BLOCK;
}

struct effect { /* of an instruction */
	uint32_t pos, block;
};

struct head {		 /* a jump back */
	uint32_t at;	 /* native: where it leads */
	uint32_t branch; /* the wasm instruction that it is of */
	uint32_t loop;	 /* the one that the branch goes back to; NONE: none */
};

/* Scratch of one function. */
struct marking {
	struct wdx_codeindex *c;
	const struct wdx_code_func *f;
	/* by byte of the body */
	uint32_t *counts;  /* where in by_wasm the intervals of the next position begin */
	uint32_t *numbers; /* how many basic blocks end before it */
	/* by block; in the same memory as those, which are needed only until it is filled */
	uint32_t *chief;  /* the first interval of the block's chief stretch */
	uint32_t *weight; /* in the stretch at hand */
	uint32_t *best;	  /* weight of the block's code in its chief stretch */
	uint32_t nblocks;
	/* by interval, from the function's first on */
	uint32_t *blocks;    /* block of each that has a position */
	uint32_t *stretches; /* the first of each stretch, and behind the last the end */
	uint32_t nstretches;
	WDX_VEC(struct effect) effects; /* by pos */
	WDX_VEC(struct head) heads;	/* by `at`, when their loops are known */
	WDX_VEC(uint32_t) controls;	/* positions of all instructions of control */
	WDX_VEC(uint32_t) labels;	/* open ones: positions of what opened them */
	bool nomem;
};

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
					  opcode_at(c, iv->wasm) != WDX_WASM_LOOP;
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
	opcode = opcode_at(m->c, iv->wasm);
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
		s = skim_at(m->c, at);
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
	return opcode_at(m->c, at) == WDX_WASM_LOOP ? at : NONE;
}

/* Of each head the loop. */
static void find_loops(struct marking *m)
{
	struct head *h = m->heads.data, *end = h + m->heads.len;
	const uint32_t *pos;

	qsort(h, m->heads.len, sizeof(*h), by_branch);
	m->labels.len = 0;
	wdx_vec_each (pos, &m->controls) {
		if (opens_label(opcode_at(m->c, *pos)))
			m->nomem |= !add_label(m, *pos);
		else if (opcode_at(m->c, *pos) == WDX_WASM_END && m->labels.len)
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
	       (is_kind(c, iv->wasm, WDX_INSN_TRAP) ? TRAPS : 0);
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
		if (!tail || !is_kind(m->c, iv[i].wasm, WDX_INSN_TRAP | WDX_INSN_EFFECT))
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

/* false: memory is out. */
static bool mark_displaced(struct marking *m)
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
	uint8_t opcode = opcode_at(j->c, pos);
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
		if (is_kind(j->c, pos, WDX_INSN_CONTROL) && opcode_at(j->c, pos) > WDX_WASM_NOP)
			join_control(j, pos);
}

/* How far memory may lack the store at `at`, which has no code: up to the store that made it
 * needless, which comes before ways of control part or meet, and before any call, since that could
 * see it. 0: there is none, so memory held the value already, or the store is never reached. */
static uint32_t stale_until(const struct joins *j, uint32_t at, uint32_t end)
{
	uint32_t last = 0;

	for (at++; at < end; at++) {
		if (is_kind(j->c, at, WDX_INSN_CALL))
			break;
		if (wdx_code_ends_block(j->c, at) &&
		    (opcode_at(j->c, at) != WDX_WASM_END || j->at[at - j->start]))
			break;
		if (is_kind(j->c, at, WDX_INSN_MEMWRITE))
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
		if (!is_kind(j->c, at->pos, WDX_INSN_MEMWRITE))
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

enum { STATE = WDX_IV_DISPLACED | WDX_IV_STALE };

/* Whether interval i goes on with a run whose last position is `wasm`. */
static bool continues(const struct wdx_codeindex *c, const struct wdx_code_run *run, uint32_t i,
		      uint32_t end)
{
	const struct wdx_interval *iv = c->intervals.data;

	return i < end && !(iv[i].flags & WDX_IV_PART) && iv[i].wasm != NONE &&
	       iv[i].wasm + 1 >= run->hi && (iv[i].flags & STATE) == run->flags;
}

/* The run from interval i on. */
static struct wdx_code_run run_at(const struct wdx_codeindex *c, uint32_t i, uint32_t end)
{
	const struct wdx_interval *iv = c->intervals.data;
	struct wdx_code_run run = {i, 1, iv[i].wasm, iv[i].wasm, iv[i].flags & STATE};

	if (iv[i].wasm == NONE)
		return run;
	run.hi++;
	for (i++;; i++) {
		if (i + 1 < end && iv[i].wasm == NONE && !(iv[i].flags & WDX_IV_PART))
			i++;
		if (!continues(c, &run, i, end))
			return run;
		run.n = i + 1 - run.first;
		run.hi = iv[i].wasm + 1;
	}
}

static bool add_runs(struct wdx_codeindex *c, struct wdx_code_func *f)
{
	uint32_t end = f->first + f->n;

	f->first_run = (uint32_t)c->runs.len;
	for (uint32_t i = f->first; i < end;) {
		struct wdx_code_run *run = wdx_vec_push(&c->runs);

		if (!run)
			return false;
		*run = run_at(c, i, end);
		i += run->n;
	}
	f->nruns = (uint32_t)c->runs.len - f->first_run;
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
	return mark_displaced(m) && !j->nomem ? NULL : &wdx_nomem;
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
		if (!err && !add_runs(c, f))
			err = &wdx_nomem;
	}
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
	wdx_vec_free(&c->runs);
	wdx_vec_free(&c->chain);
	free(c->by_wasm);
	free(c->positions);
	free(c->pages);
	free(c->of_func);
	memset(c, 0, sizeof(*c));
}

/* ---- queries ----------------------------------------------------------------------------------
 */

const struct wdx_code_func *wdx_code_func_at(const struct wdx_codeindex *c, uint64_t wasm)
{
	const struct wdx_wasm_func *f;

	if (wasm >= c->module->code_size)
		return NULL;
	f = wdx_wasm_func_at(c->module, (wdx_codepos){(uint32_t)wasm});
	if (!f)
		return NULL;
	uint32_t i = c->of_func[f - c->module->funcs.data];

	return i == NONE ? NULL : &c->funcs.data[i];
}

static uint64_t clamp(uint64_t wasm)
{
	return wasm < NONE ? wasm : NONE;
}

uint32_t wdx_code_next(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t wasm)
{
	uint32_t i = lower_bound(c, f, clamp(wasm));

	return i < f->first + f->n ? c->positions[i] : NONE;
}

bool wdx_code_any(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
		  uint64_t hi)
{
	return wdx_code_next(c, f, lo) < clamp(hi);
}

bool wdx_code_fixed(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t lo,
		    uint32_t hi)
{
	uint32_t end = f->first + f->n;

	for (uint32_t i = lower_bound(c, f, lo); i < end && c->positions[i] < hi; i++) {
		const struct wdx_interval *iv = &c->intervals.data[c->by_wasm[i]];

		if (!(iv->flags & WDX_IV_DISPLACED) && weight_of(c, iv) & (FIXED | TRAPS))
			return true;
	}
	return false;
}

/* Whether execution at `from` comes to `to` whatever the instructions between them do. */
static bool falls_through(const struct wdx_codeindex *c, uint32_t from, uint32_t to)
{
	for (uint32_t at = from; at < to; at++)
		if (wdx_code_ends_block(c, at) && opcode_at(c, at) != WDX_WASM_LOOP &&
		    opcode_at(c, at) != WDX_WASM_END)
			return false;
	return true;
}

uint32_t wdx_code_interval(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			   uint32_t at)
{
	const struct wdx_interval *iv = c->intervals.data;

	return wdx_search(i, f->first, f->first + f->n, iv[i].hi <= at);
}

uint32_t wdx_code_position(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			   uint32_t at)
{
	const struct wdx_interval *iv = c->intervals.data;
	uint32_t i = wdx_code_interval(c, f, at);

	return i < f->first + f->n && iv[i].lo <= at ? iv[i].wasm : NONE;
}

uint32_t wdx_code_native(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			 uint64_t wasm)
{
	uint32_t i = lower_bound(c, f, clamp(wasm));

	if (i == f->first + f->n)
		return NONE;
	const struct wdx_interval *iv = &c->intervals.data[c->by_wasm[i]];

	if (iv->wasm == NONE || !falls_through(c, (uint32_t)wasm, iv->wasm))
		return NONE;
	return iv->flags & WDX_IV_DISPLACED ? NONE : iv->lo;
}

static bool add_range(struct wdx_ranges *out, size_t first, uint32_t lo, uint32_t hi)
{
	struct wdx_range *r = out->len > first ? &out->data[out->len - 1] : NULL;

	if (r && r->hi == lo) {
		r->hi = hi;
		return true;
	}
	r = wdx_vec_push(out);
	if (r)
		*r = (struct wdx_range){lo, hi};
	return r;
}

/* The first interval of the run, as a number from 0, whose position is at least `wasm`; those
 * without one count as the interval before them. */
static uint32_t run_bound(const struct wdx_codeindex *c, const struct wdx_code_run *run,
			  uint64_t wasm)
{
	const struct wdx_interval *iv = &c->intervals.data[run->first];

	return wdx_search(i, 0, run->n, (iv[i].wasm == NONE ? iv[i - 1].wasm : iv[i].wasm) < wasm);
}

/* The intervals of the run whose positions are in [lo, hi): *n from *first on, numbers in the run.
 */
static void cut_run(const struct wdx_codeindex *c, const struct wdx_code_run *run, uint64_t lo,
		    uint64_t hi, uint32_t *first, uint32_t *n)
{
	uint32_t end;

	*first = run->lo >= lo ? 0 : run_bound(c, run, lo);
	end = run->hi <= hi ? run->n : run_bound(c, run, hi);
	if (end > *first && c->intervals.data[run->first + end - 1].wasm == NONE)
		end--;
	*n = end - *first;
}

static bool meets(const struct wdx_code_run *run, uint64_t lo, uint64_t hi, unsigned avoid)
{
	return run->lo < hi && run->hi > lo && !(run->flags & avoid);
}

/* Whether the first interval of the run belongs to the range. */
static bool starts_in(const struct wdx_codeindex *c, const struct wdx_code_run *run, uint64_t lo,
		      uint64_t hi, unsigned avoid)
{
	return run->lo != NONE && meets(run, lo, hi, avoid) && run->lo >= lo &&
	       !(c->intervals.data[run->first].flags & WDX_IV_PART);
}

/* How few intervals are looked up one by one, rather than by going through the runs. */
enum { FEW = 12 };

/* The first interval from by_wasm[first] on that is at or behind that position: mostly near. */
static uint32_t upper_end(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			  uint32_t first, uint64_t wasm)
{
	uint32_t left = f->first + f->n - first, n = left < FEW ? left : FEW, k = 0;

	while (k < n && c->positions[first + k] < wasm)
		k++;
	return k < FEW ? first + k : lower_bound(c, f, wasm);
}

/* Numbers of the intervals by_wasm[a..b), in native order. */
static void in_native_order(const struct wdx_codeindex *c, uint32_t a, uint32_t b, uint32_t *out)
{
	for (uint32_t k = 0; k < b - a; k++) {
		uint32_t i = c->by_wasm[a + k], at = k;

		for (; at && out[at - 1] > i; at--)
			out[at] = out[at - 1];
		out[at] = i;
	}
}

/* As wdx_code_map() for the few intervals that have positions in the range. */
static bool map_few(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint32_t a,
		    uint32_t b, unsigned avoid, struct wdx_ranges *out)
{
	const struct wdx_interval *iv = c->intervals.data;
	uint32_t numbers[FEW], end = f->first + f->n;
	size_t mark = out->len;

	in_native_order(c, a, b, numbers);
	for (uint32_t k = 0; k < b - a; k++) {
		uint32_t i = numbers[k], gap = i + 1;

		if (iv[i].flags & avoid)
			continue;
		if (i > f->first && iv[i - 1].flags & WDX_IV_ASIDE &&
		    !(iv[i].flags & WDX_IV_PART) &&
		    !add_range(out, mark, iv[i - 1].lo, iv[i - 1].hi))
			return false;
		if (!add_range(out, mark, iv[i].lo, iv[i].hi))
			return false;
		if (k + 1 < b - a && numbers[k + 1] == i + 2 && gap < end && iv[gap].wasm == NONE &&
		    !((iv[gap].flags | iv[gap + 1].flags) & WDX_IV_PART) &&
		    !(iv[gap + 1].flags & avoid) && !add_range(out, mark, iv[gap].lo, iv[gap].hi))
			return false;
	}
	return true;
}

/* The run that holds interval i. */
static const struct wdx_code_run *run_of(const struct wdx_codeindex *c,
					 const struct wdx_code_func *f, uint32_t i)
{
	const struct wdx_code_run *lo = c->runs.data + f->first_run, *hi = lo + f->nruns;

	while (hi - lo > 1) {
		const struct wdx_code_run *mid = lo + (hi - lo) / 2;

		if (mid->first <= i)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* The runs that hold intervals by_wasm[a..b), from the one before the first of them on; or all of
 * them, when they are not worth the search. */
static const struct wdx_code_run *runs_around(const struct wdx_codeindex *c,
					      const struct wdx_code_func *f, uint32_t a, uint32_t b,
					      const struct wdx_code_run **last)
{
	const struct wdx_code_run *run = c->runs.data + f->first_run;
	uint32_t lo = NONE, hi = 0;

	*last = run + f->nruns - 1;
	if (b - a > f->nruns / 4)
		return run;
	for (uint32_t k = a; k < b; k++) {
		lo = c->by_wasm[k] < lo ? c->by_wasm[k] : lo;
		hi = c->by_wasm[k] > hi ? c->by_wasm[k] : hi;
	}
	run = run_of(c, f, lo);
	*last = run_of(c, f, hi);
	return run > c->runs.data + f->first_run ? run - 1 : run;
}

bool wdx_code_map(const struct wdx_codeindex *c, const struct wdx_code_func *f, uint64_t lo,
		  uint64_t hi, unsigned avoid, struct wdx_ranges *out)
{
	const struct wdx_code_run *run, *last, *end = c->runs.data + f->first_run + f->nruns;
	const struct wdx_interval *iv = c->intervals.data;
	bool before = false; /* what stands before this run belongs to the range */
	size_t mark = out->len;
	uint32_t first = lower_bound(c, f, clamp(lo)),
		 n = upper_end(c, f, first, clamp(hi)) - first;

	if (n <= FEW)
		return map_few(c, f, first, first + n, avoid, out);
	for (run = runs_around(c, f, first, first + n, &last); run <= last; run++) {
		first = 0;
		n = 1;
		if (run->lo == NONE) {
			bool aside = iv[run->first].flags & WDX_IV_ASIDE;

			if ((!before && !aside) || iv[run->first].flags & WDX_IV_PART ||
			    run + 1 == end || !starts_in(c, run + 1, lo, hi, avoid))
				n = 0;
		} else if (meets(run, lo, hi, avoid)) {
			cut_run(c, run, lo, hi, &first, &n);
		} else {
			n = 0;
		}
		before = n && first + n == run->n;
		if (n && !add_range(out, mark, iv[run->first + first].lo,
				    iv[run->first + first + n - 1].hi))
			return false;
	}
	return true;
}

static int by_lo(const void *a, const void *b)
{
	const struct wdx_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static bool is_sorted(const struct wdx_ranges *r, size_t first)
{
	for (size_t i = first + 1; i < r->len; i++)
		if (r->data[i].lo < r->data[i - 1].lo)
			return false;
	return true;
}

void wdx_ranges_merge(struct wdx_ranges *r, size_t first)
{
	size_t w = first;

	if (r->len - first < 2)
		return;
	if (!is_sorted(r, first))
		qsort(r->data + first, r->len - first, sizeof(*r->data), by_lo);
	for (size_t i = first + 1; i < r->len; i++) {
		if (r->data[i].lo <= r->data[w].hi) {
			if (r->data[i].hi > r->data[w].hi)
				r->data[w].hi = r->data[i].hi;
		} else {
			r->data[++w] = r->data[i];
		}
	}
	r->len = w + 1;
}

uint32_t wdx_code_call_before(const struct wdx_codeindex *c, uint64_t wasm)
{
	if (wasm == 0 || wasm > c->module->code_size)
		return NONE;
	/* a call has at most three LEB128 operands behind its opcode */
	for (uint32_t at = (uint32_t)wasm - 1, n = 0; n < 24; at--, n++) {
		if (is_kind(c, at, WDX_INSN_START))
			return is_kind(c, at, WDX_INSN_CALL) ? at : NONE;
		if (at == 0)
			break;
	}
	return NONE;
}

uint32_t wdx_code_return(const struct wdx_codeindex *c, const struct wdx_code_func *f,
			 uint32_t call)
{
	uint32_t a = lower_bound(c, f, call), b = lower_bound(c, f, (uint64_t)call + 1), found = 0;

	for (uint32_t i = a; i < b; i++) {
		const struct wdx_interval *iv = &c->intervals.data[c->by_wasm[i]];

		for (uint32_t k = return_above(c, f->map, iv->lo);
		     k < f->map->first_call + f->map->ncalls && c->map->calls.data[k] <= iv->hi;
		     k++) {
			if (found)
				return 0;
			found = c->map->calls.data[k];
		}
	}
	return found;
}
