/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <elf.h>
#include <string.h>

#include "base/search.h"
#include "flow/machine_work.h"

/* Blocks may be gone through so often. */
enum { MAX_VISITS = 8 };

/* ---- the pointers -----------------------------------------------------------------------------
 */

static bool moves(const struct wdx_access *a, int reg)
{
	return reg >= 0 && a->writes[reg / 64] >> (reg % 64) & 1;
}

/* base + disp, of one of the two; false: not known. */
static bool address(const struct wdx_machine_work *w, const struct wdx_mframe *f, int base,
		    int64_t disp, int64_t *off)
{
	if (base >= 0 && base == w->sp && f->sp_known)
		return !__builtin_add_overflow(f->sp, disp, off);
	if (base >= 0 && base == w->fp && f->fp_known)
		return !__builtin_add_overflow(f->fp, disp, off);
	return false;
}

/* What the instruction puts into one of the two pointers; false: not known. */
static bool new_value(const struct wdx_machine_work *w, const struct wdx_mframe *f,
		      const struct wdx_access *a, int reg, int64_t *off)
{
	if (reg == w->sp && a->kind == WDX_DO_PUSH)
		return address(w, f, reg, -(int64_t)a->width, off);
	if (reg == w->sp && a->kind == WDX_DO_POP)
		return a->result != reg && address(w, f, reg, a->width, off);
	if (reg == w->sp && a->kind == WDX_DO_LEAVE)
		return address(w, f, a->base, a->disp, off);
	if (a->result != reg)
		return false;
	if (a->kind == WDX_DO_COPY && a->width == 8)
		return address(w, f, a->src, 0, off);
	return a->kind == WDX_DO_ADDR && a->width == 8 && !a->indexed &&
	       address(w, f, a->base, a->disp, off);
}

static int64_t entry_sp(const struct wdx_machine *m)
{
	return wdx_target_elf_machine(m->target) == EM_X86_64 ? -8 : 0;
}

static void pop_arguments(const struct wdx_machine *m, const struct wdx_minsn *i,
			  struct wdx_mframe *f)
{
	if (f->sp_known && f->sp + i->pops <= entry_sp(m))
		f->sp += i->pops;
}

/* Whether the instruction may change what is known of the two. */
static bool matters(const struct wdx_machine_work *w, const struct wdx_access *a)
{
	return a->call || a->writes[0] & w->pointers;
}

static void step(const struct wdx_machine *m, const struct wdx_minsn *i, struct wdx_mframe *f)
{
	const struct wdx_machine_work *w = m->work;
	struct wdx_mframe before = *f;

	if (i->a->call) {
		pop_arguments(m, i, f);
		f->fp_known &= !(w->fp >= 0 && w->clobbered[w->fp / 64] >> (w->fp % 64) & 1);
		return;
	}
	if (moves(i->a, w->sp))
		f->sp_known = new_value(w, &before, i->a, w->sp, &f->sp);
	if (moves(i->a, w->fp))
		f->fp_known = new_value(w, &before, i->a, w->fp, &f->fp);
}

/* Whether anything became less known in `to`. */
static bool join(struct wdx_mframe *to, const struct wdx_mframe *from)
{
	struct wdx_mframe old = *to;

	if (!to->reached) {
		*to = *from;
		to->reached = true;
		return true;
	}
	to->sp_known &= from->sp_known && to->sp == from->sp;
	to->fp_known &= from->fp_known && to->fp == from->fp;
	return to->sp_known != old.sp_known || to->fp_known != old.fp_known;
}

/* Those of the block's instructions that have to do with the frame: by number. */
static const uint32_t *concerned(const struct wdx_machine_work *w, uint32_t block,
				 const uint32_t **end)
{
	*end = w->framed.data + w->first_framed.data[block + 1];
	return w->framed.data + w->first_framed.data[block];
}

static bool through(struct wdx_machine *m, uint32_t block)
{
	struct wdx_machine_work *w = m->work;
	const struct wdx_mblock *b = &m->blocks.data[block];
	const uint32_t *end, *n = concerned(w, block, &end);
	struct wdx_mframe f = w->frames.data[block];
	bool again = false;

	for (; n < end; n++)
		if (matters(w, m->insns.data[*n].a))
			step(m, &m->insns.data[*n], &f);
	for (uint32_t k = 0; k < b->nsuccs; k++) {
		uint32_t to = m->succs.data[b->first_succ + k];

		again |= join(&w->frames.data[to], &f) && w->rank[to] <= w->rank[block];
	}
	return again;
}

static uint64_t bit_of(int reg)
{
	return reg >= 0 && reg < 64 ? 1ULL << reg : 0;
}

/* Whether the instruction moves one of the pointers, accesses memory by one or puts one elsewhere,
 * or may write to the frame by some other address.  Others need not be looked at. */
static bool concerns(const struct wdx_machine_work *w, const struct wdx_access *a)
{
	return a->call || a->store || a->kind == WDX_DO_PUSH ||
	       (a->writes[0] | bit_of(a->base) | bit_of(a->src)) & w->pointers;
}

static void find_concerned(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	const struct wdx_mblock *b;
	uint32_t *first;

	w->framed.len = w->first_framed.len = 0;
	if (!wdx_vec_reserve(&w->framed, m->insns.len) ||
	    !wdx_vec_reserve(&w->first_framed, m->blocks.len + 1)) {
		w->nomem = true;
		return;
	}
	first = w->first_framed.data;
	wdx_vec_each (b, &m->blocks) {
		*first++ = (uint32_t)w->framed.len;
		for (uint32_t i = b->first; i < b->first + b->n; i++)
			if (concerns(w, m->insns.data[i].a))
				w->framed.data[w->framed.len++] = i;
	}
	*first = (uint32_t)w->framed.len;
}

/* What is known only grows less, and by two facts of each block. */
static void follow(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	bool again = true;

	w->frames.len = 0;
	if (!wdx_vec_reserve(&w->frames, m->blocks.len)) {
		w->nomem = true;
		return;
	}
	memset(w->frames.data, 0, m->blocks.len * sizeof(*w->frames.data));
	w->frames.len = m->blocks.len;
	w->frames.data[0] =
		(struct wdx_mframe){.sp = entry_sp(m), .sp_known = true, .reached = true};
	for (unsigned n = 0; again && !w->unknown; n++) {
		again = false;
		for (size_t i = 0; i < w->order.len; i++)
			again |= through(m, w->order.data[i]);
		w->unknown = again && n == MAX_VISITS;
	}
}

/* ---- slots ------------------------------------------------------------------------------------
 */

/* Whether the instruction's address is one in the frame that is known: off then. */
static bool locate(const struct wdx_machine *m, const struct wdx_minsn *i,
		   const struct wdx_mframe *before, const struct wdx_mframe *behind, int64_t *off)
{
	const struct wdx_machine_work *w = m->work;

	if (i->a->kind == WDX_DO_PUSH)
		return address(w, behind, w->sp, 0, off);
	if (i->a->kind == WDX_DO_ADDR) /* has moved its base */
		return address(w, behind, i->a->result, 0, off);
	return address(w, before, i->a->base, i->a->disp, off);
}

/* Whether an address in the frame gets into memory, or into a register other than these two. */
static bool takes_address(const struct wdx_machine_work *w, const struct wdx_access *a,
			  const struct wdx_mframe *before, const struct wdx_mframe *behind)
{
	int sp = w->sp, fp = before->fp_known ? w->fp : -1;
	bool kept;

#define IS_FRAME(reg) ((reg) >= 0 && ((reg) == sp || (reg) == fp))
	if (!IS_FRAME(a->base) && !IS_FRAME(a->src))
		return false;
	kept = a->result == sp || (a->result == w->fp && behind->fp_known);
	switch (a->kind) {
	case WDX_DO_COPY:
		return IS_FRAME(a->src) && !kept;
	case WDX_DO_STORE:
		return IS_FRAME(a->src);
	case WDX_DO_PUSH:
		return a->src == sp;
	case WDX_DO_ADDR:
		return IS_FRAME(a->base) && !kept;
	case WDX_DO_BINARY:
		return IS_FRAME(a->base) || IS_FRAME(a->src);
	case WDX_DO_OTHER:
	case WDX_DO_FLOAT:
		return IS_FRAME(a->base) && !a->load && !a->store;
	}
	return false;
#undef IS_FRAME
}

static bool is_whole(const struct wdx_access *a)
{
	return !a->indexed && a->width;
}

/* Walks the block and hands each instruction that has to do with the frame to `each` with what is
 * known at it. */
static void walk(struct wdx_machine *m, uint32_t block,
		 void (*each)(struct wdx_machine *m, struct wdx_minsn *i,
			      const struct wdx_mframe *before, const struct wdx_mframe *behind))
{
	const uint32_t *end, *n = concerned(m->work, block, &end);
	struct wdx_mframe f = m->work->frames.data[block], before;

	for (; n < end; n++) {
		struct wdx_minsn *i = &m->insns.data[*n];

		if (!matters(m->work, i->a)) {
			each(m, i, &f, &f);
			continue;
		}
		before = f;
		step(m, i, &f);
		each(m, i, &before, &f);
	}
}

/* The same few slots are accessed again and again: those noted last are remembered. */
static void note_access(struct wdx_machine_work *w, struct wdx_mframe_accesses *to, int64_t off,
			uint32_t width)
{
	struct wdx_mframe_access *slot, *noted = &to->noted[((uint64_t)off / 4) % WDX_NOTED];

	if (noted->off == off && noted->width == width)
		return;
	slot = wdx_vec_push(to);
	if (slot)
		*slot = *noted = (struct wdx_mframe_access){off, width};
	w->nomem |= !slot;
}

static void forget_accesses(struct wdx_mframe_accesses *to)
{
	to->len = 0;
	memset(to->noted, 0, sizeof(to->noted)); /* no access has the width 0 */
}

/* What is above the return address has been stored by the caller: arguments.
 * Also whether an address in the frame is taken while the frame pointer is one. */
static void collect(struct wdx_machine *m, struct wdx_minsn *i, const struct wdx_mframe *before,
		    const struct wdx_mframe *behind)
{
	struct wdx_machine_work *w = m->work;
	bool store = i->a->kind == WDX_DO_STORE && i->a->width >= 4;
	int64_t off;

	m->escaped |= takes_address(w, i->a, before, behind);
	if (!(store || i->a->load) || !is_whole(i->a) || !locate(m, i, before, behind, &off))
		return;
	if (store || off >= 0)
		note_access(w, &w->stored, off, i->a->width);
	if (!store)
		note_access(w, &w->loaded, off, i->a->width);
}

static int by_off(const void *a, const void *b)
{
	const struct wdx_mframe_access *x = a, *y = b;

	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return x->width < y->width ? -1 : x->width > y->width;
}

/* What is stored and never loaded may be an argument, which is a callee's: no slot. */
static void find_slots(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	size_t l = 0;

	m->nslots = 0;
	m->escaped = false;
	forget_accesses(&w->stored);
	forget_accesses(&w->loaded);
	for (size_t i = 0; i < w->order.len && !w->nomem; i++)
		walk(m, w->order.data[i], collect);
	for (uint32_t bits = m->arguments; bits; bits &= bits - 1) {
		note_access(w, &w->stored, 8 * __builtin_ctz(bits), 8);
		note_access(w, &w->loaded, 8 * __builtin_ctz(bits), 8);
	}
	if (w->stored.len && w->loaded.len) {
		qsort(w->stored.data, w->stored.len, sizeof(*w->stored.data), by_off);
		qsort(w->loaded.data, w->loaded.len, sizeof(*w->loaded.data), by_off);
	}
	for (size_t s = 0; s < w->stored.len; s++) {
		const struct wdx_mframe_access *at = &w->stored.data[s];

		while (l < w->loaded.len && w->loaded.data[l].off < at->off)
			l++;
		if (l == w->loaded.len)
			break;
		if (w->loaded.data[l].off != at->off)
			continue;
		if (m->nslots && m->slots[m->nslots - 1].off == at->off)
			m->slots[m->nslots - 1].width = at->width; /* the widest comes last */
		else if (m->nslots < WDX_MAX_SLOTS)
			m->slots[m->nslots++] = (struct wdx_slot){at->off, at->width};
	}
}

uint32_t wdx_machine_slot(const struct wdx_machine *m, int64_t off)
{
	uint32_t lo = wdx_search(i, 0, m->nslots, m->slots[i].off < off);

	return lo < m->nslots && m->slots[lo].off == off ? m->nregs + lo : WDX_NO_PLACE;
}

uint32_t wdx_machine_place(const struct wdx_machine *m, const struct wdx_place *p)
{
	if (p->kind == WDX_PLACE_REG)
		return p->reg < m->nregs ? p->reg : WDX_NO_PLACE;
	if (p->kind != WDX_PLACE_MEM || p->base != WDX_BASE_CFA || p->n != 1)
		return WDX_NO_PLACE;
	return wdx_machine_slot(m, m->map->offsets.data[p->first]);
}

/* ---- what becomes of them ---------------------------------------------------------------------
 */

/* How many slots have bytes in common with those, besides the one at that place. */
static bool spoils(const struct wdx_machine *m, int64_t off, uint32_t size, uint32_t but)
{
	for (uint32_t i = 0; i < m->nslots && m->slots[i].off < off + size; i++)
		if (m->nregs + i != but && off < m->slots[i].off + m->slots[i].width)
			return true;
	return false;
}

static void spoil(const struct wdx_machine *m, struct wdx_minsn *i, int64_t off, uint32_t size)
{
	if (!spoils(m, off, size, i->slot))
		return;
	i->kills = WDX_KILLS_SOME;
	i->off = off;
	i->size = size;
}

/* A callee owns its arguments; what is below the stack pointer is nobody's; and it may write where
 * an address in the frame leads. */
static void spoil_call(const struct wdx_machine *m, struct wdx_minsn *i,
		       const struct wdx_mframe *before)
{
	int64_t low = m->nslots ? m->slots[0].off : 0;

	if (m->escaped || !before->sp_known)
		i->kills = WDX_KILLS_ALL;
	else if (low < before->sp + i->pops)
		spoil(m, i, low, (uint32_t)(before->sp + i->pops - low));
}

/* What is given back is below the stack pointer, where signal handlers write. */
static void spoil_given_back(const struct wdx_machine *m, struct wdx_minsn *i,
			     const struct wdx_mframe *before, const struct wdx_mframe *behind)
{
	int64_t low = m->slots[0].off;

	if (behind->sp_known && (!before->sp_known || behind->sp > before->sp) && low < behind->sp)
		spoil(m, i, low, (uint32_t)(behind->sp - low));
}

static void resolve(struct wdx_machine *m, struct wdx_minsn *i, const struct wdx_mframe *before,
		    const struct wdx_mframe *behind)
{
	const struct wdx_machine_work *w = m->work;
	bool known = false, memory = i->a->load || i->a->store || i->a->kind == WDX_DO_PUSH;
	int64_t off = 0;

	if (i->a->call) {
		spoil_call(m, i, before);
		return;
	}
	if (m->nslots && moves(i->a, w->sp))
		spoil_given_back(m, i, before, behind);
	if (!m->nslots || !memory)
		return;
	known = locate(m, i, before, behind, &off);
	if (known && is_whole(i->a) && (i->a->load || i->a->kind == WDX_DO_STORE))
		i->slot = wdx_machine_slot(m, off);
	if (i->a->load)
		return;
	if (known && is_whole(i->a))
		spoil(m, i, off, i->a->width);
	else if (known || m->escaped || !i->a->writes_memory)
		i->kills = WDX_KILLS_ALL;
}

void wdx_frame_find(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;

	find_concerned(m);
	if (!w->nomem)
		follow(m);
	if (!w->unknown && !w->nomem)
		find_slots(m);
	m->nplaces = m->nregs + m->nslots;
	m->stride = (m->nplaces + WDX_CHUNK - 1) / WDX_CHUNK * WDX_CHUNK;
	for (size_t i = 0; i < w->order.len && !w->unknown && !w->nomem; i++)
		walk(m, w->order.data[i], resolve);
}
