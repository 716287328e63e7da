/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "native/reach.h"

#include <string.h>

#include "base/reader.h"
#include "base/search.h"

const struct wdx_reach_piece *wdx_reach_piece_at(const struct wdx_reach *r, uint32_t at)
{
	size_t lo = wdx_search(i, 0, r->pieces.len, r->pieces.data[i].hi <= at);

	return lo < r->pieces.len && r->pieces.data[lo].lo <= at ? &r->pieces.data[lo] : NULL;
}

void wdx_reach_lead(struct wdx_reach *r, uint32_t at)
{
	size_t i = wdx_reach_index(r, at);
	uint32_t *slot;

	if (i == SIZE_MAX) {
		r->unknown = true;
		return;
	}
	r->marks[i] |= WDX_REACH_LEADER;
	if (r->marks[i] & WDX_REACH_START)
		return;
	slot = wdx_vec_push(&r->todo);
	if (slot)
		*slot = at;
	r->nomem |= !slot;
}

/* All ways must lead into the code, or it is something else; and tables do not overlap. */
static void read_table(struct wdx_reach *r, uint32_t jump, uint32_t at)
{
	const struct wdx_reach_piece *p = wdx_reach_piece_at(r, jump);
	uint64_t n = r->ways_of(r->arg, jump);
	struct wdx_reader words;

	if (!n || n > (p->hi - at) / 4 || r->ways.len + n > r->size_all / 4) {
		r->unknown = true;
		return;
	}
	wdx_reader_init(&words, r->code + at, p->hi - at, 0, r->big_endian);
	while (n-- && !r->unknown && !r->nomem) {
		uint32_t to = at + wdx_read_u32(&words);
		struct wdx_reach_way *way = wdx_vec_push(&r->ways);

		if (way)
			*way = (struct wdx_reach_way){jump, to};
		r->nomem |= !way;
		wdx_reach_lead(r, to);
	}
}

/* Whether so many bytes from the one of that number on are in one piece, or in pieces that adjoin.
 */
static bool holds(const struct wdx_reach *r, size_t n, uint32_t at, uint32_t size)
{
	return wdx_reach_index(r, at + size - 1) == n + size - 1;
}

/* From there on, as far as control falls. */
static void decode_run(struct wdx_reach *r, uint32_t at)
{
	size_t n = wdx_reach_index(r, at);

	while (!r->unknown && !r->nomem && n != SIZE_MAX && !(r->marks[n] & WDX_REACH_START)) {
		struct wdx_reach_insn *i = wdx_vec_push(&r->found);

		if (!i) {
			r->nomem = true;
			return;
		}
		i->at = at;
		wdx_target_decode(r->accesses, r->code + at, r->size - at, at, &i->a);
		if (!i->a.ok || !holds(r, n, at, i->a.size)) {
			r->unknown = true;
			return;
		}
		r->marks[n] |= WDX_REACH_START;
		r->where[n] = (uint32_t)r->found.len - 1;
		at += i->a.size;
		if (i->a.target != UINT32_MAX && !i->a.call)
			wdx_reach_lead(r, i->a.target);
		if (i->a.indirect)
			read_table(r, i->at, at);
		if (!i->a.falls)
			return;
		n = wdx_reach_index(r, at);
		if (i->a.leaves && !i->a.call && n != SIZE_MAX)
			r->marks[n] |= WDX_REACH_LEADER;
	}
}

/* Goes from each instruction to the next: who is not met begins inside of another. */
static void find_order(struct wdx_reach *r)
{
	r->order.len = 0;
	if (!wdx_vec_reserve(&r->order, r->found.len)) {
		r->nomem = true;
		return;
	}
	for (size_t n = 0; n < r->size_all;) {
		if (!(r->marks[n] & WDX_REACH_START)) {
			n++;
			continue;
		}
		r->order.data[r->order.len++] = r->where[n];
		n += r->found.data[r->where[n]].a.size;
	}
	r->unknown = r->order.len != r->found.len;
}

/* Room for so many bytes; gives the first of them that is not clear. */
static size_t make_room(struct wdx_reach *r, size_t n)
{
	if (n <= r->bytes)
		return r->size_all;
	free(r->marks);
	free(r->where);
	r->marks = malloc(2 * n);
	r->where = malloc(2 * n * sizeof(*r->where));
	r->bytes = r->marks && r->where ? 2 * n : 0;
	return 0;
}

void wdx_reach_add(struct wdx_reach *r, uint32_t lo, uint32_t hi)
{
	struct wdx_reach_piece *p = wdx_vec_push(&r->pieces);
	size_t n = r->size_all + (hi - lo), clear = make_room(r, n);

	r->nomem |= !p || !r->bytes;
	if (r->nomem)
		return;
	*p = (struct wdx_reach_piece){lo, hi, r->size_all};
	memset(r->marks + clear, 0, n - clear);
	r->size_all = n;
}

void wdx_reach_begin(struct wdx_reach *r, uint32_t lo, uint32_t hi)
{
	r->pieces.len = r->size_all = 0;
	r->found.len = r->ways.len = r->todo.len = 0;
	r->unknown = r->nomem = false;
	wdx_reach_add(r, lo, hi);
}

void wdx_reach_run(struct wdx_reach *r)
{
	while (r->todo.len && !r->unknown && !r->nomem)
		decode_run(r, r->todo.data[--r->todo.len]);
	if (!r->unknown && !r->nomem)
		find_order(r);
}

void wdx_reach_deinit(struct wdx_reach *r)
{
	wdx_vec_free(&r->pieces);
	wdx_vec_free(&r->found);
	wdx_vec_free(&r->order);
	wdx_vec_free(&r->ways);
	wdx_vec_free(&r->todo);
	free(r->marks);
	free(r->where);
}
