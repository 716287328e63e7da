/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/machine_work.h"

#include <string.h>

#include "base/error.h"

/* Jump tables are gone through for each of their ways. */
enum { MAX_TABLE = 4096 };

enum mark { MARK_START = 1, MARK_LEADER = 2, MARK_INSIDE = 4 };

/* ---- instructions -----------------------------------------------------------------------------
 */

static bool inside(const struct wdx_machine_work *w, uint32_t at)
{
	return at >= w->lo && at < w->hi;
}

static void lead(struct wdx_machine_work *w, uint32_t at)
{
	uint32_t *slot;

	if (!inside(w, at)) {
		w->unknown = true;
		return;
	}
	w->marks[at - w->lo] |= MARK_LEADER;
	if (w->marks[at - w->lo] & MARK_START)
		return;
	slot = wdx_vec_push(&w->todo);
	if (slot)
		*slot = at;
	else
		w->nomem = true;
}

/* The wasm instruction that native code at that address is of; UINT32_MAX: none. */
static uint32_t position_at(const struct wdx_machine *m, uint32_t at)
{
	const struct wdx_interval *iv = m->work->code->intervals.data;
	uint32_t lo = m->f->first, hi = lo + m->f->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (iv[mid].hi <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->f->first + m->f->n && iv[lo].lo <= at ? iv[lo].wasm : UINT32_MAX;
}

/* How many ways a br_table at that position has; 0: there is none. */
static uint64_t table_size(const struct wdx_wasm *wasm, uint32_t pos)
{
	struct wdx_reader r;

	if (pos == UINT32_MAX || pos >= wasm->code_size || !(wasm->kinds[pos] & WDX_INSN_START) ||
	    wasm->data[wasm->code.v + pos] != 0x0e)
		return 0;
	wdx_reader_init(&r, wasm->data + wasm->code.v + pos + 1, wasm->code_size - pos - 1, 0,
			false);
	return wdx_read_uleb(&r, 32) + 1;
}

/* Compilers put the table behind the jump: an offset from its start for each label, the default
 * last.  All must lead into the function, or it is something else. */
static void read_table(struct wdx_machine *m, uint32_t jump, uint32_t at)
{
	struct wdx_machine_work *w = m->work;
	uint64_t n = table_size(w->wasm, position_at(m, jump));
	struct wdx_reader r;

	if (!n || n > MAX_TABLE || n > (w->hi - at) / 4) {
		w->unknown = true;
		return;
	}
	wdx_reader_init(&r, m->map->code + at, w->hi - at, 0, wdx_target_big_endian(m->target));
	while (n-- && !w->unknown && !w->nomem) {
		uint32_t target = at + wdx_read_u32(&r);
		struct wdx_jump_entry *e = wdx_vec_push(&w->tables);

		if (e)
			*e = (struct wdx_jump_entry){jump, target};
		w->nomem |= !e;
		lead(w, target);
	}
}

static bool claim_bytes(struct wdx_machine_work *w, uint32_t at, uint32_t size)
{
	uint8_t *marks = w->marks + (at - w->lo);

	if (size > w->hi - at || *marks & MARK_INSIDE)
		return false;
	*marks |= MARK_START;
	for (uint32_t i = 1; i < size; i++) {
		if (marks[i])
			return false;
		marks[i] = MARK_INSIDE;
	}
	return true;
}

/* From a leader on, as far as control falls. */
static void decode_run(struct wdx_machine *m, uint32_t at)
{
	struct wdx_machine_work *w = m->work;

	while (!w->unknown && !w->nomem && at < w->hi && !(w->marks[at - w->lo] & MARK_START)) {
		struct wdx_minsn *i = wdx_vec_push(&w->found);

		if (!i) {
			w->nomem = true;
			return;
		}
		*i = (struct wdx_minsn){.at = at, .slot = WDX_NO_PLACE};
		i->a = wdx_target_mem_access(m->accesses, m->map->code + at, m->map->code_size - at,
					     at);
		if (!i->a.ok || !claim_bytes(w, at, i->a.size)) {
			w->unknown = true;
			return;
		}
		w->where[at - w->lo] = (uint32_t)w->found.len - 1;
		uint32_t next = at + i->a.size;
		bool ends = i->a.leaves && !i->a.call, falls = i->a.falls;

		if (i->a.target != UINT32_MAX && !i->a.call)
			lead(w, i->a.target);
		if (i->a.indirect)
			read_table(m, at, next);
		if (!falls)
			return;
		if (ends && next < w->hi)
			w->marks[next - w->lo] |= MARK_LEADER;
		at = next;
	}
}

static bool prepare_bytes(struct wdx_machine_work *w, const struct wdx_map_part *part)
{
	size_t n = part->hi - part->lo;

	w->lo = part->lo;
	w->hi = part->hi;
	if (n > w->bytes) {
		free(w->marks);
		free(w->where);
		w->marks = malloc(n);
		w->where = malloc(n * sizeof(*w->where));
		w->bytes = w->marks && w->where ? n : 0;
	}
	if (!w->bytes)
		return false;
	memset(w->marks, 0, n);
	return true;
}

static void decode_all(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;

	w->found.len = w->todo.len = w->tables.len = m->insns.len = 0;
	lead(w, w->lo);
	while (w->todo.len && !w->unknown && !w->nomem)
		decode_run(m, w->todo.data[--w->todo.len]);
	if (w->unknown || !wdx_vec_reserve(&m->insns, w->found.len)) {
		w->nomem |= !w->unknown;
		return;
	}
	for (uint32_t at = w->lo; at < w->hi; at++)
		if (w->marks[at - w->lo] & MARK_START)
			m->insns.data[m->insns.len++] = w->found.data[w->where[at - w->lo]];
}

/* Callees take their stack arguments away; the caller then makes room again at once. */
static void find_pops(struct wdx_machine *m)
{
	int sp = m->work->sp;

	for (size_t i = 0; i + 1 < m->insns.len; i++) {
		const struct wdx_minsn *next = &m->insns.data[i + 1];

		if (m->insns.data[i].a.call &&
		    next->at == m->insns.data[i].at + m->insns.data[i].a.size &&
		    next->a.kind == WDX_DO_ADDR && next->a.result == sp && next->a.base == sp &&
		    !next->a.store && next->a.disp < 0 && next->a.disp > -(1 << 28))
			m->insns.data[i].pops = (uint32_t)-next->a.disp;
	}
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

static uint32_t end_of(const struct wdx_minsn *i)
{
	return i->at + i->a.size;
}

static void find_blocks(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;

	m->blocks.len = 0;
	for (uint32_t i = 0; i < m->insns.len; i++) {
		const struct wdx_minsn *insn = &m->insns.data[i];
		bool begins = !i || w->marks[insn->at - w->lo] & MARK_LEADER ||
			      end_of(insn - 1) != insn->at || !insn[-1].a.falls;
		struct wdx_mblock *b;

		if (begins) {
			b = wdx_vec_push(&m->blocks);
			if (!b) {
				w->nomem = true;
				return;
			}
			*b = (struct wdx_mblock){.first = i};
		}
		b = &m->blocks.data[m->blocks.len - 1];
		b->n++;
		w->where[insn->at - w->lo] = (uint32_t)m->blocks.len - 1;
	}
}

static void add_succ(struct wdx_machine *m, struct wdx_mblock *b, uint32_t at)
{
	struct wdx_machine_work *w = m->work;
	uint32_t *slot;

	if (!inside(w, at) || !(w->marks[at - w->lo] & MARK_START)) {
		w->unknown = true;
		return;
	}
	for (uint32_t k = b->first_succ; k < m->succs.len; k++)
		if (m->succs.data[k] == w->where[at - w->lo])
			return;
	slot = wdx_vec_push(&m->succs);
	if (slot)
		*slot = w->where[at - w->lo];
	w->nomem |= !slot;
}

static void add_table(struct wdx_machine *m, struct wdx_mblock *b, uint32_t jump)
{
	const struct wdx_jump_entry *e;

	wdx_vec_each (e, &m->work->tables)
		if (e->at == jump)
			add_succ(m, b, e->target);
}

static void find_succs(struct wdx_machine *m)
{
	struct wdx_mblock *b;

	m->succs.len = 0;
	wdx_vec_each (b, &m->blocks) {
		const struct wdx_minsn *last = &m->insns.data[b->first + b->n - 1];

		b->first_succ = (uint32_t)m->succs.len;
		if (last->a.target != UINT32_MAX && !last->a.call)
			add_succ(m, b, last->a.target);
		if (last->a.indirect)
			add_table(m, b, last->at);
		if (last->a.falls && end_of(last) < m->work->hi)
			add_succ(m, b, end_of(last));
		b->nsuccs = (uint32_t)m->succs.len - b->first_succ;
	}
}

static void find_preds(struct wdx_machine *m)
{
	struct wdx_mblock *b;
	uint32_t at = 0;

	m->preds.len = 0;
	if (!wdx_vec_reserve(&m->preds, m->succs.len)) {
		m->work->nomem = true;
		return;
	}
	for (size_t k = 0; k < m->succs.len; k++)
		m->blocks.data[m->succs.data[k]].npreds++;
	wdx_vec_each (b, &m->blocks) {
		b->first_pred = at;
		at += b->npreds;
		b->npreds = 0;
	}
	for (uint32_t i = 0; i < m->blocks.len; i++) {
		const struct wdx_mblock *from = &m->blocks.data[i];

		for (uint32_t k = 0; k < from->nsuccs; k++) {
			struct wdx_mblock *to =
				&m->blocks.data[m->succs.data[from->first_succ + k]];

			m->preds.data[to->first_pred + to->npreds++] = i;
		}
	}
	m->preds.len = at;
}

/* ---- their order -------------------------------------------------------------------------------
 */

static bool prepare_order(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;

	w->order.len = w->todo.len = 0;
	if (m->blocks.len > w->nrank) {
		free(w->rank);
		w->nrank = m->blocks.len * 2;
		w->rank = malloc(w->nrank * sizeof(*w->rank));
	}
	if (!w->rank) {
		w->nrank = 0;
		return false;
	}
	memset(w->rank, 0xff, m->blocks.len * sizeof(*w->rank));
	return wdx_vec_reserve(&w->order, m->blocks.len) &&
	       wdx_vec_reserve(&w->todo, m->blocks.len);
}

/* Depth first; rank says meanwhile how many of a block's successors have been gone into. */
static void find_order(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;

	if (!prepare_order(m)) {
		w->nomem = true;
		return;
	}
	w->todo.data[w->todo.len++] = 0;
	w->rank[0] = 0;
	while (w->todo.len) {
		uint32_t block = w->todo.data[w->todo.len - 1];
		const struct wdx_mblock *b = &m->blocks.data[block];

		if (w->rank[block] == b->nsuccs) {
			w->order.data[w->order.len++] = block;
			w->todo.len--;
			continue;
		}
		uint32_t to = m->succs.data[b->first_succ + w->rank[block]++];

		if (w->rank[to] == UINT32_MAX) {
			w->rank[to] = 0;
			w->todo.data[w->todo.len++] = to;
		}
	}
	for (size_t i = 0, k = w->order.len; i + 1 < k; i++) {
		uint32_t last = w->order.data[--k];

		w->order.data[k] = w->order.data[i];
		w->order.data[i] = last;
	}
	for (uint32_t i = 0; i < w->order.len; i++)
		w->rank[w->order.data[i]] = i;
}

void wdx_cfg_find(struct wdx_machine *m)
{
	static void (*const steps[])(struct wdx_machine *) = {decode_all, find_pops,  find_blocks,
							      find_succs, find_preds, find_order};
	struct wdx_machine_work *w = m->work;

	if (!prepare_bytes(w, &m->map->parts.data[m->f->map->first_part])) {
		w->nomem = true;
		return;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !w->unknown && !w->nomem; i++)
		steps[i](m);
}
