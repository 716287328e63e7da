/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/machine_work.h"

#include <string.h>

#include "base/error.h"

/* Jump tables are gone through for each of their ways. */
enum { MAX_TABLE = 4096 };

/* ---- instructions -----------------------------------------------------------------------------
 */

uint64_t wdx_cfg_ways(void *arg, uint32_t jump)
{
	const struct wdx_machine *m = arg;
	uint32_t pos = wdx_code_position(m->work->code, m->f, jump);
	uint64_t n = wdx_insn_table_size(m->work->wasm, pos);

	return n <= MAX_TABLE ? n : 0;
}

/* Whether the first part comes first in the code, too, and the others in their order. */
static bool ascend(const struct wdx_map_part *part, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (part[i].lo < part[i - 1].hi)
			return false;
	return true;
}

/* By address. */
static void take_insns(struct wdx_machine *m)
{
	const struct wdx_reach *r = &m->work->reach;
	const uint32_t *n;

	wdx_vec_each (n, &r->order)
		m->insns.data[m->insns.len++] = (struct wdx_minsn){.at = r->found.data[*n].at,
								   .slot = WDX_NO_PLACE,
								   .a = &r->found.data[*n].a};
}

static void decode_all(struct wdx_machine *m)
{
	const struct wdx_map_part *part = &m->map->parts.data[m->f->map->first_part];
	struct wdx_machine_work *w = m->work;
	struct wdx_reach *r = &w->reach;

	m->insns.len = 0;
	wdx_reach_begin(r, part->lo, part->hi);
	for (uint32_t i = 1; i < m->f->map->nparts && !r->nomem; i++)
		wdx_reach_add(r, part[i].lo, part[i].hi);
	r->unknown = !ascend(part, m->f->map->nparts);
	if (!r->nomem && !r->unknown)
		wdx_reach_lead(r, part->lo);
	wdx_reach_run(r);
	w->unknown = r->unknown;
	w->nomem = r->nomem || !wdx_vec_reserve(&m->insns, r->found.len);
	if (!w->unknown && !w->nomem)
		take_insns(m);
}

/* Callees take their stack arguments away; the caller then makes room again at once. */
static void find_pops(struct wdx_machine *m)
{
	int sp = m->work->sp;

	for (size_t i = 0; i + 1 < m->insns.len; i++) {
		const struct wdx_minsn *next = &m->insns.data[i + 1];

		if (m->insns.data[i].a->call &&
		    next->at == m->insns.data[i].at + m->insns.data[i].a->size &&
		    next->a->kind == WDX_DO_ADDR && next->a->result == sp && next->a->base == sp &&
		    !next->a->store && next->a->disp < 0 && next->a->disp > -(1 << 28))
			m->insns.data[i].pops = (uint32_t)-next->a->disp;
	}
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

static uint32_t end_of(const struct wdx_minsn *i)
{
	return i->at + i->a->size;
}

static void find_blocks(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;

	m->blocks.len = 0;
	for (uint32_t i = 0; i < m->insns.len; i++) {
		const struct wdx_minsn *insn = &m->insns.data[i];
		size_t n = wdx_reach_index(&w->reach, insn->at);
		bool begins = !i || w->reach.marks[n] & WDX_REACH_LEADER ||
			      end_of(insn - 1) != insn->at || !insn[-1].a->falls;
		struct wdx_mblock *b;

		if (begins) {
			b = wdx_vec_push(&m->blocks);
			if (!b) {
				w->nomem = true;
				return;
			}
			*b = (struct wdx_mblock){.first = i};
			w->reach.where[n] = (uint32_t)m->blocks.len - 1;
		}
		m->blocks.data[m->blocks.len - 1].n++;
	}
}

static void add_succ(struct wdx_machine *m, struct wdx_mblock *b, uint32_t at)
{
	struct wdx_machine_work *w = m->work;
	uint32_t *slot, to;

	if (!wdx_reach_starts(&w->reach, at)) {
		w->unknown = true;
		return;
	}
	to = w->reach.where[wdx_reach_index(&w->reach, at)];
	for (uint32_t k = b->first_succ; k < m->succs.len; k++)
		if (m->succs.data[k] == to)
			return;
	slot = wdx_vec_push(&m->succs);
	if (slot)
		*slot = to;
	w->nomem |= !slot;
}

static void add_table(struct wdx_machine *m, struct wdx_mblock *b, uint32_t jump)
{
	const struct wdx_reach_way *way;

	wdx_vec_each (way, &m->work->reach.ways)
		if (way->from == jump)
			add_succ(m, b, way->to);
}

static void find_succs(struct wdx_machine *m)
{
	struct wdx_mblock *b;

	m->succs.len = 0;
	wdx_vec_each (b, &m->blocks) {
		const struct wdx_minsn *last = &m->insns.data[b->first + b->n - 1];

		b->first_succ = (uint32_t)m->succs.len;
		if (last->a->target != UINT32_MAX && !last->a->call)
			add_succ(m, b, last->a->target);
		if (last->a->indirect)
			add_table(m, b, last->at);
		if (last->a->falls && wdx_reach_index(&m->work->reach, end_of(last)) != SIZE_MAX)
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
	m->rank = w->rank;
}

void wdx_cfg_find(struct wdx_machine *m)
{
	static void (*const steps[])(struct wdx_machine *) = {decode_all, find_pops,  find_blocks,
							      find_succs, find_preds, find_order};
	struct wdx_machine_work *w = m->work;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !w->unknown && !w->nomem; i++)
		steps[i](m);
}
