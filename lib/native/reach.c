/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "native/reach.h"

#include <string.h>

#include "base/reader.h"

void wdx_reach_lead(struct wdx_reach *r, uint32_t at)
{
	uint32_t *slot;

	if (at < r->lo || at >= r->hi) {
		r->unknown = true;
		return;
	}
	r->marks[at - r->lo] |= WDX_REACH_LEADER;
	if (r->marks[at - r->lo] & WDX_REACH_START)
		return;
	slot = wdx_vec_push(&r->todo);
	if (slot)
		*slot = at;
	r->nomem |= !slot;
}

/* All ways must lead into the piece, or it is something else; and tables do not overlap. */
static void read_table(struct wdx_reach *r, uint32_t jump, uint32_t at)
{
	uint64_t n = r->ways_of(r->arg, jump);
	struct wdx_reader words;

	if (!n || n > (r->hi - at) / 4 || r->ways.len + n > (r->hi - r->lo) / 4) {
		r->unknown = true;
		return;
	}
	wdx_reader_init(&words, r->code + at, r->hi - at, 0, r->big_endian);
	while (n-- && !r->unknown && !r->nomem) {
		uint32_t to = at + wdx_read_u32(&words);
		struct wdx_reach_way *way = wdx_vec_push(&r->ways);

		if (way)
			*way = (struct wdx_reach_way){jump, to};
		r->nomem |= !way;
		wdx_reach_lead(r, to);
	}
}

static bool claim_bytes(struct wdx_reach *r, uint32_t at, uint32_t size)
{
	uint8_t *marks = r->marks + (at - r->lo);

	if (size > r->hi - at || *marks & WDX_REACH_INSIDE)
		return false;
	*marks |= WDX_REACH_START;
	for (uint32_t i = 1; i < size; i++) {
		if (marks[i])
			return false;
		marks[i] = WDX_REACH_INSIDE;
	}
	return true;
}

/* From there on, as far as control falls. */
static void decode_run(struct wdx_reach *r, uint32_t at)
{
	while (!r->unknown && !r->nomem && at < r->hi &&
	       !(r->marks[at - r->lo] & WDX_REACH_START)) {
		struct wdx_reach_insn *i = wdx_vec_push(&r->found);

		if (!i) {
			r->nomem = true;
			return;
		}
		i->at = at;
		i->a = wdx_target_mem_access(r->accesses, r->code + at, r->size - at, at);
		if (!i->a.ok || !claim_bytes(r, at, i->a.size)) {
			r->unknown = true;
			return;
		}
		r->where[at - r->lo] = (uint32_t)r->found.len - 1;
		at += i->a.size;
		if (i->a.target != UINT32_MAX && !i->a.call)
			wdx_reach_lead(r, i->a.target);
		if (i->a.indirect)
			read_table(r, i->at, at);
		if (!i->a.falls)
			return;
		if (i->a.leaves && !i->a.call && at < r->hi)
			r->marks[at - r->lo] |= WDX_REACH_LEADER;
	}
}

void wdx_reach_begin(struct wdx_reach *r, uint32_t lo, uint32_t hi)
{
	size_t n = hi - lo;

	r->lo = lo;
	r->hi = hi;
	r->found.len = r->ways.len = r->todo.len = 0;
	r->unknown = r->nomem = false;
	if (n > r->bytes) {
		free(r->marks);
		free(r->where);
		r->marks = malloc(n);
		r->where = malloc(n * sizeof(*r->where));
		r->bytes = r->marks && r->where ? n : 0;
	}
	if (r->bytes)
		memset(r->marks, 0, n);
	else
		r->nomem = true;
}

void wdx_reach_run(struct wdx_reach *r)
{
	while (r->todo.len && !r->unknown && !r->nomem)
		decode_run(r, r->todo.data[--r->todo.len]);
}

void wdx_reach_deinit(struct wdx_reach *r)
{
	wdx_vec_free(&r->found);
	wdx_vec_free(&r->ways);
	wdx_vec_free(&r->todo);
	free(r->marks);
	free(r->where);
}
