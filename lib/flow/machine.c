/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/machine.h"

#include <elf.h>
#include <string.h>

#include "base/error.h"

/* Jump tables are gone through for each of their ways. */
enum { MAX_TABLE = 4096 };

enum mark { MARK_START = 1, MARK_LEADER = 2, MARK_INSIDE = 4 };

struct table_entry { /* an indirect jump may go there */
	uint32_t at, target;
};

struct wdx_machine_work {
	const struct wdx_wasm *wasm;
	const struct wdx_codeindex *code;
	uint32_t lo, hi;
	uint8_t *marks;	 /* by byte of the function */
	uint32_t *where; /* by byte: the instruction that starts there, in the order of decoding */
	size_t bytes;
	WDX_VEC(uint32_t) todo;
	WDX_VEC(struct wdx_minsn) found;
	WDX_VEC(struct table_entry) tables; /* by at */
	uint32_t *slots;		    /* hash of values: index, 0 is free */
	size_t nslots, room, hashed;	    /* in use; allocated; values in it */
	struct wdx_held *state, *meeting;
	uint8_t *dirty;	       /* by block */
	uint64_t clobbered[2]; /* by calls: a bit for each register */
	int sp;
	bool unknown, nomem;
};

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
		struct table_entry *e = wdx_vec_push(&w->tables);

		if (e)
			*e = (struct table_entry){jump, target};
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
		i->at = at;
		i->pops = 0;
		i->a = wdx_target_mem_access(m->accesses, m->map->code + at, w->hi - at, at);
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
	const struct table_entry *e;

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

/* ---- values -----------------------------------------------------------------------------------
 */

static size_t hash_value(const struct wdx_mvalue *v, size_t mask)
{
	uint64_t h = (uint64_t)v->imm * 0x9e3779b97f4a7c15u;

	h ^= ((uint64_t)v->at << 24 | (uint64_t)v->reg << 8 | v->kind) * 0xc2b2ae3d27d4eb4fu;
	return (size_t)(h ^ h >> 29) & mask;
}

static bool same_value(const struct wdx_mvalue *a, const struct wdx_mvalue *b)
{
	return a->kind == b->kind && a->reg == b->reg && a->at == b->at && a->imm == b->imm;
}

/* Begins with n slots, all free. */
static bool clear_hash(struct wdx_machine_work *w, size_t n)
{
	if (n > w->room) {
		free(w->slots);
		w->slots = malloc(n * sizeof(*w->slots));
		w->room = w->slots ? n : 0;
	}
	w->nslots = w->slots ? n : 0;
	w->hashed = 0;
	if (w->slots)
		memset(w->slots, 0, n * sizeof(*w->slots));
	return w->slots;
}

static bool grow_hash(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	size_t n = w->nslots ? w->nslots : 256;

	if (2 * w->hashed + 2 < n && w->nslots)
		return true;
	if (w->nslots)
		n *= 2;
	if (!clear_hash(w, n))
		return false;
	for (size_t i = 1; i < m->values.len; i++) {
		size_t at = hash_value(&m->values.data[i], n - 1);

		if (m->values.data[i].kind == WDX_MV_INSN)
			continue;
		w->hashed++;
		while (w->slots[at])
			at = (at + 1) & (n - 1);
		w->slots[at] = (uint32_t)i;
	}
	return true;
}

static uint32_t value_of(struct wdx_machine *m, struct wdx_mvalue v)
{
	struct wdx_machine_work *w = m->work;
	struct wdx_mvalue *slot;
	size_t at;

	if (!grow_hash(m)) {
		w->nomem = true;
		return 0;
	}
	for (at = hash_value(&v, w->nslots - 1); w->slots[at]; at = (at + 1) & (w->nslots - 1))
		if (same_value(&m->values.data[w->slots[at]], &v))
			return w->slots[at];
	slot = wdx_vec_push(&m->values);
	if (!slot) {
		w->nomem = true;
		return 0;
	}
	*slot = v;
	w->hashed++;
	w->slots[at] = (uint32_t)m->values.len - 1;
	return w->slots[at];
}

/* Gives each instruction the values it computes.  Of what a call leaves in registers that it takes
 * only the first may be results. */
static void number_results(struct wdx_machine *m)
{
	struct wdx_minsn *i;

	wdx_vec_each (i, &m->insns) {
		i->values = (uint32_t)m->values.len;
		for (uint32_t k = 0; k < 2; k++) {
			uint64_t bits = i->a.writes[k];

			if (i->a.call)
				bits |= m->work->clobbered[k];
			i->writes[k] = bits;
			for (; bits; bits &= bits - 1) {
				uint32_t reg = 64 * k + (uint32_t)__builtin_ctzll(bits);
				struct wdx_mvalue *v = wdx_vec_push(&m->values);

				if (!v) {
					m->work->nomem = true;
					return;
				}
				*v = (struct wdx_mvalue){
					.kind = WDX_MV_INSN, .at = i->at, .reg = (uint16_t)reg};
			}
		}
	}
}

static void reset_values(struct wdx_machine *m)
{
	struct wdx_mvalue *v;

	m->work->nomem |= !clear_hash(m->work, 256);
	m->values.len = 0;
	v = wdx_vec_push(&m->values);
	if (v)
		*v = (struct wdx_mvalue){.kind = WDX_MV_UNKNOWN};
	m->work->nomem |= !v;
}

/* ---- what instructions do ---------------------------------------------------------------------
 */

static const struct wdx_held nothing;

/* A value computed anew: it is gone from wherever its last instance was copied to. */
static void renew(struct wdx_machine *m, struct wdx_held *state, uint32_t place, struct wdx_held h)
{
	if (m->values.data[h.value].copied) {
		m->wide = true;
		for (uint32_t i = 0; i < m->nplaces; i++)
			if (state[i].value == h.value)
				state[i] = nothing;
	}
	state[place] = h;
}

static struct wdx_held shared(struct wdx_machine *m, struct wdx_held h, uint32_t width)
{
	if (width < h.width)
		h.width = width;
	m->values.data[h.value].copied = 1;
	return h;
}

static bool frame_address(const struct wdx_machine *m, const struct wdx_held *state, int reg,
			  int64_t disp, int64_t *off)
{
	const struct wdx_mvalue *v;

	if (reg < 0 || (uint32_t)reg >= m->nregs)
		return false;
	v = &m->values.data[state[reg].value];
	return v->kind == WDX_MV_FRAME && !__builtin_add_overflow(v->imm, disp, off);
}

static uint32_t slot_at(const struct wdx_machine *m, int64_t off)
{
	for (uint32_t i = 0; i < m->nslots; i++)
		if (m->slots[i] == off)
			return m->nregs + i;
	return UINT32_MAX;
}

/* Of slots that bytes are written to nothing is known; width 0: how many is not known either. */
static void kill_slots(struct wdx_machine *m, struct wdx_held *state, int64_t off, uint32_t width)
{
	m->wide = true;
	for (uint32_t i = 0; i < m->nslots; i++) {
		struct wdx_held *h = &state[m->nregs + i];

		if (!width || (m->slots[i] < off + width && off < m->slots[i] + h->width))
			*h = nothing;
	}
}

static void store(struct wdx_machine *m, const struct wdx_access *a, struct wdx_held *state,
		  int64_t off)
{
	uint32_t place = slot_at(m, off);

	kill_slots(m, state, off, a->indexed ? 0 : a->width);
	if (place == UINT32_MAX || a->indexed || !a->width)
		return;
	if (a->kind == WDX_DO_STORE && a->src >= 0 && (uint32_t)a->src < m->nregs) {
		state[place] = shared(m, state[a->src], a->width);
	} else if (a->kind == WDX_DO_STORE && a->src < 0) {
		uint32_t v = value_of(m, (struct wdx_mvalue){.kind = WDX_MV_CONST, .imm = a->imm});

		state[place] = (struct wdx_held){v, a->width};
	}
}

/* What the instruction reads as one value; width 0: it is new. */
static struct wdx_held result(struct wdx_machine *m, const struct wdx_access *a,
			      const struct wdx_held *state)
{
	int64_t off;
	uint32_t place;

	switch (a->kind) {
	case WDX_DO_COPY:
		if (a->src >= 0 && (uint32_t)a->src < m->nregs)
			return shared(m, state[a->src], a->width);
		break;
	case WDX_DO_CONST:
		return (struct wdx_held){
			value_of(m, (struct wdx_mvalue){.kind = WDX_MV_CONST, .imm = a->imm}),
			a->width};
	case WDX_DO_LOAD:
		if (a->indexed || !a->width || !frame_address(m, state, a->base, a->disp, &off))
			break;
		place = slot_at(m, off);
		if (place != UINT32_MAX && state[place].width >= a->width)
			return shared(m, state[place], a->width);
		break;
	case WDX_DO_ADDR:
		if (a->indexed || !frame_address(m, state, a->base, a->disp, &off))
			break;
		return (struct wdx_held){
			value_of(m, (struct wdx_mvalue){.kind = WDX_MV_FRAME, .imm = off}), 8};
	}
	return nothing;
}

static bool is_written(const struct wdx_access *a, uint32_t reg)
{
	return a->writes[reg / 64] >> (reg % 64) & 1;
}

/* Each register written gets its value, one after the other. */
static void write_regs(struct wdx_machine *m, const struct wdx_minsn *i, struct wdx_held *state,
		       struct wdx_held res)
{
	uint32_t value = i->values;

	for (uint32_t k = 0; k < 2; k++) {
		for (uint64_t bits = i->writes[k]; bits; bits &= bits - 1, value++) {
			uint32_t reg = 64 * k + (uint32_t)__builtin_ctzll(bits);

			if (reg >= m->nregs)
				continue;
			if ((int)reg == i->a.result && res.width)
				state[reg] = res;
			else if ((int)reg != m->work->sp)
				renew(m, state, reg, (struct wdx_held){value, 16});
		}
	}
}

/* The stack pointer, where the instruction moves it in a way that is known. */
static void move_stack(struct wdx_machine *m, const struct wdx_access *a, struct wdx_held *state,
		       struct wdx_held before, struct wdx_held res)
{
	int sp = m->work->sp;
	int64_t off, by = a->kind == WDX_DO_PUSH ? -(int64_t)a->width : (int64_t)a->width;

	if (a->kind == WDX_DO_PUSH || a->kind == WDX_DO_POP) {
		state[sp] = before;
		if (frame_address(m, state, sp, by, &off)) {
			uint32_t v =
				value_of(m, (struct wdx_mvalue){.kind = WDX_MV_FRAME, .imm = off});

			state[sp] = (struct wdx_held){v, 8};
			return;
		}
		state[sp] = nothing;
	} else if (is_written(a, (uint32_t)sp) && !a->call && !(a->result == sp && res.width)) {
		state[sp] = nothing;
	}
}

static int64_t entry_sp(const struct wdx_machine *m)
{
	return wdx_target_elf_machine(m->target) == EM_X86_64 ? -8 : 0;
}

/* What a call may do to the frame: a callee owns its arguments, those that are not reloaded may be
 * such; what is below the stack pointer is nobody's; and it may write where an address in the frame
 * leads. */
static void call(struct wdx_machine *m, const struct wdx_minsn *i, struct wdx_held *state)
{
	int sp = m->work->sp;
	int64_t off = 0;
	bool known = frame_address(m, state, sp, 0, &off);

	m->wide = true;
	for (uint32_t k = 0; k < m->nslots; k++)
		if (m->escaped || !known || !m->reloaded[k] || m->slots[k] < off)
			state[m->nregs + k] = nothing;
	/* of vector registers that are preserved only the low half is, where not all are */
	for (uint32_t reg = 64; reg < m->nregs; reg++)
		if (state[reg].width > 8)
			state[reg].width = 8;
	if (!known || !i->pops || off + i->pops > entry_sp(m))
		return;
	kill_slots(m, state, off, i->pops);
	state[sp].value =
		value_of(m, (struct wdx_mvalue){.kind = WDX_MV_FRAME, .imm = off + i->pops});
}

void wdx_machine_step(struct wdx_machine *m, const struct wdx_minsn *i, struct wdx_held *state)
{
	const struct wdx_access *a = &i->a;
	struct wdx_held res = result(m, a, state), before = state[m->work->sp];
	int64_t off;

	m->wide = a->call || a->kind == WDX_DO_PUSH || a->kind == WDX_DO_POP;
	if (a->store && a->kind != WDX_DO_ADDR) {
		if (frame_address(m, state, a->base, a->disp, &off))
			store(m, a, state, off);
		else if (m->escaped || !a->writes_memory)
			kill_slots(m, state, 0, 0);
	}
	if (a->call)
		call(m, i, state);
	write_regs(m, i, state, res);
	move_stack(m, a, state, before, res);
	if (a->kind == WDX_DO_PUSH || (a->store && a->kind == WDX_DO_ADDR)) {
		/* what is pushed lies at the new stack pointer */
		if (frame_address(m, state, m->work->sp, 0, &off))
			kill_slots(m, state, off, a->width);
	}
}

/* ---- following --------------------------------------------------------------------------------
 */

static bool is_frame(int reg, int sp, int fp)
{
	return reg >= 0 && (reg == sp || reg == fp);
}

/* Whether an address in the frame gets into another register or into memory. */
static bool takes_address(const struct wdx_access *a, int sp, int fp)
{
	switch (a->kind) {
	case WDX_DO_COPY:
	case WDX_DO_STORE:
		return is_frame(a->src, sp, fp) && !is_frame(a->result, sp, fp);
	case WDX_DO_PUSH:
		return a->src == sp;
	case WDX_DO_ADDR:
		return is_frame(a->base, sp, fp) && !is_frame(a->result, sp, fp);
	case WDX_DO_OTHER:
		return is_frame(a->base, sp, fp) && !a->load && !a->store;
	}
	return false;
}

/* The slots that anything is stored to, were the stack pointer at its lowest. */
static void find_slots(struct wdx_machine *m)
{
	int sp = m->work->sp, fp = -1;
	int frame = wdx_target_elf_machine(m->target) == EM_X86_64 ? 6 : 29; /* rbp, x29 */
	int64_t low = entry_sp(m), fp_at = 0, off;
	const struct wdx_minsn *i;

	m->nslots = 0;
	m->escaped = false;
	wdx_vec_each (i, &m->insns) {
		if (i > m->insns.data && i[-1].pops)
			continue;
		if (i->a.kind == WDX_DO_PUSH)
			low -= i->a.width;
		else if (i->a.result == sp && i->a.kind == WDX_DO_ADDR && i->a.base == sp &&
			 i->a.disp < 0 && i->a.disp > -(1 << 28))
			low += i->a.disp;
		else if (i->a.result != frame || fp >= 0)
			continue;
		else if (i->a.src == sp && i->a.kind == WDX_DO_COPY)
			fp = frame, fp_at = low;
		else if (i->a.base == sp && i->a.kind == WDX_DO_ADDR)
			fp = frame, fp_at = low + i->a.disp;
	}
	wdx_vec_each (i, &m->insns) {
		m->escaped |= takes_address(&i->a, sp, fp);
		if (i->a.kind != WDX_DO_STORE || i->a.indexed || i->a.width < 4 || i->a.base < 0 ||
		    (i->a.base != sp && i->a.base != fp))
			continue;
		off = (i->a.base == sp ? low : fp_at) + i->a.disp;
		if (slot_at(m, off) == UINT32_MAX && m->nslots < WDX_MAX_SLOTS) {
			m->reloaded[m->nslots] = false;
			m->slots[m->nslots++] = off;
		}
	}
	wdx_vec_each (i, &m->insns) {
		if (!i->a.load || i->a.base < 0 || (i->a.base != sp && i->a.base != fp))
			continue;
		uint32_t place = slot_at(m, (i->a.base == sp ? low : fp_at) + i->a.disp);

		if (place != UINT32_MAX)
			m->reloaded[place - m->nregs] = true;
	}
	m->nplaces = m->nregs + m->nslots;
}

static void entry_state(struct wdx_machine *m, struct wdx_held *state)
{
	int64_t sp = entry_sp(m);

	memset(state, 0, m->nplaces * sizeof(*state));
	for (uint32_t r = 0; r < m->nregs; r++)
		state[r] = (struct wdx_held){
			value_of(m, (struct wdx_mvalue){.kind = WDX_MV_ENTRY, .reg = (uint16_t)r}),
			16};
	state[m->work->sp] = (struct wdx_held){
		value_of(m, (struct wdx_mvalue){.kind = WDX_MV_FRAME, .imm = sp}), 8};
}

static struct wdx_held *in_of(struct wdx_machine *m, uint32_t block)
{
	return m->in + (size_t)block * m->nplaces;
}

static struct wdx_held *out_of(struct wdx_machine *m, uint32_t block)
{
	return m->out + (size_t)block * m->nplaces;
}

/* What the place holds where these two come together at the block. */
static struct wdx_held meet(struct wdx_machine *m, uint32_t block, uint32_t place,
			    struct wdx_held a, struct wdx_held b)
{
	uint32_t width = a.width < b.width ? a.width : b.width;

	if (!a.value || !b.value)
		return nothing;
	if (a.value != b.value)
		a.value = value_of(m, (struct wdx_mvalue){.kind = WDX_MV_PHI,
							  .at = block,
							  .reg = (uint16_t)place});
	a.width = width;
	return a;
}

/* Whether a merge made here before stays: then the loop ends. */
static bool is_settled(const struct wdx_machine *m, uint32_t block, uint32_t place,
		       struct wdx_held h)
{
	const struct wdx_mvalue *v = &m->values.data[h.value];

	return !h.value || (v->kind == WDX_MV_PHI && v->at == block && v->reg == place);
}

static bool same_held(const struct wdx_held *a, const struct wdx_held *b)
{
	return a->value == b->value && a->width == b->width;
}

/* Meets `to` with what another way in brings. */
static void meet_all(struct wdx_machine *m, uint32_t block, struct wdx_held *to,
		     const struct wdx_held *from)
{
	for (uint32_t p = 0; p < m->nplaces; p++)
		if (!same_held(&to[p], &from[p]))
			to[p] = meet(m, block, p, to[p], from[p]);
}

/* Meets the block's predecessors; whether anything changed. */
static bool enter(struct wdx_machine *m, uint32_t block)
{
	struct wdx_mblock *b = &m->blocks.data[block];
	struct wdx_held *in = in_of(m, block), *to = m->work->meeting;
	size_t size = m->nplaces * sizeof(*to);
	bool any = !block;

	if (any)
		memcpy(to, m->work->state, size);
	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t from = m->preds.data[b->first_pred + k];

		if (!m->blocks.data[from].reached)
			continue;
		if (any)
			meet_all(m, block, to, out_of(m, from));
		else
			memcpy(to, out_of(m, from), size);
		any = true;
	}
	for (uint32_t p = 0; b->reached && p < m->nplaces; p++)
		if (!same_held(&to[p], &in[p]) && is_settled(m, block, p, in[p]))
			to[p] = meet(m, block, p, in[p], to[p]);
	if (b->reached && !memcmp(in, to, size))
		return false;
	memcpy(in, to, size);
	return true;
}

static void through(struct wdx_machine *m, uint32_t block)
{
	const struct wdx_mblock *b = &m->blocks.data[block];
	struct wdx_held *out = out_of(m, block);

	memcpy(out, in_of(m, block), m->nplaces * sizeof(*out));
	for (uint32_t i = 0; i < b->n; i++)
		wdx_machine_step(m, &m->insns.data[b->first + i], out);
}

static void follow(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	size_t n = m->blocks.len, budget = 64 * n + 64;
	bool again = true;

	w->dirty[0] = 1;
	entry_state(m, w->state);
	while (again && !w->nomem) {
		again = false;
		for (uint32_t i = 0; i < n && !w->nomem; i++) {
			struct wdx_mblock *b = &m->blocks.data[i];

			if (!w->dirty[i])
				continue;
			w->dirty[i] = 0;
			if (!budget--) {
				w->unknown = true;
				return;
			}
			if (!enter(m, i))
				continue;
			b->reached = true;
			through(m, i);
			for (uint32_t k = 0; k < b->nsuccs; k++) {
				uint32_t to = m->succs.data[b->first_succ + k];

				w->dirty[to] = 1;
				again |= to <= i;
			}
		}
	}
}

/* ---- the whole --------------------------------------------------------------------------------
 */

enum { MAX_STATE = 1 << 23 };

static bool alloc_states(struct wdx_machine *m)
{
	size_t n = m->blocks.len * m->nplaces;

	free(m->in);
	free(m->out);
	free(m->work->state);
	free(m->work->meeting);
	free(m->work->dirty);
	m->in = calloc(n + 1, sizeof(*m->in));
	m->out = calloc(n + 1, sizeof(*m->out));
	m->work->state = calloc(m->nplaces, sizeof(*m->work->state));
	m->work->meeting = calloc(m->nplaces, sizeof(*m->work->meeting));
	m->work->dirty = calloc(m->blocks.len + 1, 1);
	return m->in && m->out && m->work->state && m->work->meeting && m->work->dirty;
}

struct wdx_error *wdx_machine_of(struct wdx_machine *m, const struct wdx_wasm *wasm,
				 const struct wdx_code_func *f, const struct wdx_codeindex *code,
				 bool *known)
{
	struct wdx_machine_work *w = m->work;

	*known = false;
	if (!wdx_machine_able(m) || f->map->nparts != 1)
		return NULL;
	w->wasm = wasm;
	w->code = code;
	w->unknown = w->nomem = false;
	m->f = f;
	if (!prepare_bytes(w, &m->map->parts.data[f->map->first_part]))
		return &wdx_nomem;
	reset_values(m);
	decode_all(m);
	find_pops(m);
	if (!w->unknown && !w->nomem)
		find_blocks(m);
	if (!w->unknown && !w->nomem)
		find_succs(m);
	if (!w->unknown && !w->nomem)
		find_preds(m);
	if (!w->unknown && !w->nomem)
		find_slots(m);
	if (!w->unknown && !w->nomem)
		number_results(m);
	if (w->unknown || w->nomem || m->blocks.len * m->nplaces > MAX_STATE)
		return w->nomem ? &wdx_nomem : NULL;
	if (!alloc_states(m))
		return &wdx_nomem;
	follow(m);
	*known = !w->unknown;
	return w->nomem ? &wdx_nomem : NULL;
}

bool wdx_machine_able(const struct wdx_machine *m)
{
	return m->accesses && m->map->code;
}

struct wdx_error *wdx_machine_init(struct wdx_machine *m, const struct wdx_map *map,
				   const struct wdx_target *target)
{
	struct wdx_error *err = NULL;

	memset(m, 0, sizeof(*m));
	m->map = map;
	m->target = target;
	m->nregs = wdx_target_elf_machine(target) == EM_X86_64 ? 33 : 96;
	m->work = calloc(1, sizeof(*m->work));
	if (!m->work)
		return &wdx_nomem;
	m->work->sp = wdx_target_stack_pointer(target);
	for (uint32_t r = 0; r < m->nregs; r++)
		m->work->clobbered[r / 64] |= 1ULL << r % 64;
	for (size_t i = 0; i < map->preserved.len; i++)
		if (map->preserved.data[i] < m->nregs)
			m->work->clobbered[map->preserved.data[i] / 64] &=
				~(1ULL << map->preserved.data[i] % 64);
	if (m->work->sp >= 0 && (uint32_t)m->work->sp < m->nregs) {
		m->work->clobbered[m->work->sp / 64] &= ~(1ULL << m->work->sp % 64);
		err = wdx_accesses_create(&m->accesses, target);
	}
	if (err)
		wdx_machine_deinit(m);
	return err;
}

void wdx_machine_deinit(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;

	wdx_vec_free(&m->insns);
	wdx_vec_free(&m->blocks);
	wdx_vec_free(&m->succs);
	wdx_vec_free(&m->preds);
	wdx_vec_free(&m->values);
	free(m->in);
	free(m->out);
	wdx_accesses_destroy(m->accesses);
	if (w) {
		wdx_vec_free(&w->todo);
		wdx_vec_free(&w->found);
		wdx_vec_free(&w->tables);
		free(w->marks);
		free(w->where);
		free(w->slots);
		free(w->state);
		free(w->meeting);
		free(w->dirty);
	}
	free(w);
	memset(m, 0, sizeof(*m));
}
