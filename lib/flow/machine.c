/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "flow/machine.h"

#include <elf.h>
#include <string.h>

#include "base/error.h"
#include "flow/machine_work.h"

/* A function whose states take more is not worth it; and how often its blocks may be gone through.
 */
enum { MAX_STATE = 1 << 23, MAX_PASSES = 64 };

/* ---- values -----------------------------------------------------------------------------------
 */

static size_t hash_constant(int64_t imm, size_t mask)
{
	uint64_t h = (uint64_t)imm * 0x9e3779b97f4a7c15u;

	return (size_t)(h ^ h >> 29) & mask;
}

static bool has_constant(const struct wdx_access *a)
{
	return a->kind == WDX_DO_CONST || (a->kind == WDX_DO_STORE && a->src < 0);
}

/* Room for the constants of the function, none of them in it. */
static bool clear_constants(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	const struct wdx_minsn *i;
	size_t n = 16, constants = 0;

	wdx_vec_each (i, &m->insns)
		constants += has_constant(i->a);
	while (n < 2 * constants)
		n *= 2;
	if (n > w->room) {
		free(w->slots);
		w->slots = malloc(n * sizeof(*w->slots));
		w->room = w->slots ? n : 0;
	}
	w->nslots = w->slots ? n : 0;
	if (w->slots)
		memset(w->slots, 0, n * sizeof(*w->slots));
	return w->slots;
}

static inline uint32_t new_value(struct wdx_machine *m, struct wdx_mvalue v)
{
	struct wdx_mvalue *slot = wdx_vec_push(&m->values);

	if (!slot) {
		m->work->nomem = true;
		return 0;
	}
	*slot = v;
	return (uint32_t)m->values.len - 1;
}

static uint32_t constant(struct wdx_machine *m, int64_t imm)
{
	struct wdx_machine_work *w = m->work;
	size_t mask = w->nslots - 1, at;

	for (at = hash_constant(imm, mask); w->slots[at]; at = (at + 1) & mask)
		if (m->values.data[w->slots[at]].imm == imm)
			return w->slots[at];
	w->slots[at] = new_value(m, (struct wdx_mvalue){.kind = WDX_MV_CONST, .imm = imm});
	return w->slots[at];
}

static bool has_base(const struct wdx_machine *m, const struct wdx_access *a)
{
	bool computed =
		a->kind == WDX_DO_BINARY || (a->kind == WDX_DO_ADDR && !a->indexed && !a->store);

	return (a->load || computed) && a->base >= 0 && (uint32_t)a->base < m->nregs &&
	       (a->src < 0 || (uint32_t)a->src < m->nregs);
}

static void new_result(struct wdx_machine *m, struct wdx_minsn *i, uint32_t reg)
{
	uint32_t *slot, value = new_value(m, (struct wdx_mvalue){.kind = WDX_MV_INSN,
								 .at = i->at,
								 .reg = (uint16_t)reg});

	if ((int)reg != i->a->result || !has_base(m, i->a) || !value)
		return;
	i->based = value;
	m->values.data[value].insn = (uint32_t)(i - m->insns.data);
	slot = wdx_vec_push(&m->based);
	if (slot)
		*slot = value;
	m->work->nomem |= !slot;
}

static bool is_one(uint64_t bits)
{
	return !(bits & (bits - 1));
}

/* After all else is known of it. */
static void classify(struct wdx_minsn *i)
{
	uint64_t low = i->writes[0], high = i->writes[1];
	bool stores = i->slot != WDX_NO_PLACE && i->a->kind == WDX_DO_STORE;

	i->does = WDX_DOES_MORE;
	if (i->kills != WDX_KILLS_NONE || i->a->call || stores || (low && high) ||
	    !is_one(low | high))
		return;
	i->does = low | high ? WDX_DOES_ONE : WDX_DOES_NOTHING;
	if (low)
		i->gives = (uint8_t)__builtin_ctzll(low);
	else if (high)
		i->gives = (uint8_t)(64 + __builtin_ctzll(high));
}

/* Of what a call leaves in registers that it takes only results are something. */
static void number_insn(struct wdx_machine *m, struct wdx_minsn *i)
{
	const struct wdx_machine_work *w = m->work;

	i->constant = has_constant(i->a) ? constant(m, i->a->imm) : 0;
	i->values = (uint32_t)m->values.len;
	i->based = 0;
	for (uint32_t k = 0; k < 2; k++) {
		i->writes[k] = i->a->writes[k] | (i->a->call ? w->clobbered[k] : 0);
		i->writes[k] &= w->followed[k];
		for (uint64_t bits = wdx_machine_gives(m, i, k); bits; bits &= bits - 1)
			new_result(m, i, 64 * k + (uint32_t)__builtin_ctzll(bits));
	}
	classify(i);
}

/* Slots above the return address are the caller's: arguments. */
static bool is_argument(const struct wdx_slot *s)
{
	return s->off >= 0;
}

static void number_values(struct wdx_machine *m)
{
	struct wdx_minsn *i;

	m->values.len = m->based.len = 0;
	m->work->nomem |= !clear_constants(m);
	new_value(m, (struct wdx_mvalue){.kind = WDX_MV_UNKNOWN});
	for (uint32_t r = 0; r < m->nregs; r++)
		new_value(m, (struct wdx_mvalue){.kind = WDX_MV_ENTRY, .reg = (uint16_t)r});
	for (uint32_t s = 0; s < m->nslots; s++)
		if (is_argument(&m->slots[s]))
			new_value(m, (struct wdx_mvalue){.kind = WDX_MV_ENTRY,
							 .reg = (uint16_t)(m->nregs + s)});
	m->nentries = m->values.len - 1;
	wdx_vec_each (i, &m->insns) {
		if (m->work->nomem)
			return;
		number_insn(m, i);
	}
	m->first_phi = m->values.len;
}

/* ---- which places are read --------------------------------------------------------------------
 */

static void set(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= 1ULL << i % 64;
}

static bool has(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static bool returns(const struct wdx_access *a)
{
	return !a->falls && a->target == UINT32_MAX && !a->indirect;
}

/* What a block reads before it writes it, and what it writes. */
static void find_uses(struct wdx_machine *m, const struct wdx_mblock *b, uint64_t *reads,
		      uint64_t *kills)
{
	const struct wdx_machine_work *w = m->work;
	const struct wdx_minsn *i = &m->insns.data[b->first], *end = i + b->n;

	memset(reads, 0, w->words * sizeof(*reads));
	memset(kills, 0, w->words * sizeof(*kills));
	for (; i < end; i++) {
		bool slot = i->slot != WDX_NO_PLACE;

		for (uint32_t k = 0; k < w->words && k < 2; k++) {
			uint64_t bits = i->a->reads[k];

			bits |= i->a->call ? w->arguments[k] : returns(i->a) ? m->results[k] : 0;
			reads[k] |= bits & w->followed[k] & ~kills[k];
			kills[k] |= i->writes[k];
		}
		if (slot && i->a->load && !has(kills, i->slot))
			set(reads, i->slot);
		else if (slot && !i->a->load)
			set(kills, i->slot);
	}
}

static bool prepare_live(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	size_t n;

	w->words = (m->nplaces + 63) / 64;
	n = m->blocks.len * w->words;
	if (3 * n > w->nlive) {
		free(w->live);
		w->nlive = 6 * n;
		w->live = malloc(w->nlive * sizeof(*w->live));
	}
	if (!w->live) {
		w->nlive = 0;
		return false;
	}
	w->reads = w->live + n;
	w->kills = w->reads + n;
	return true;
}

/* Takes over what is live at the block's successors; whether that changed anything. */
static bool grow_live(struct wdx_machine *m, uint32_t block)
{
	const struct wdx_machine_work *w = m->work;
	const struct wdx_mblock *b = &m->blocks.data[block];
	uint64_t *live = w->live + block * w->words, *kills = w->kills + block * w->words;
	uint64_t grown = 0;

	for (uint32_t s = 0; s < b->nsuccs; s++) {
		const uint64_t *at = w->live + m->succs.data[b->first_succ + s] * w->words;

		for (size_t k = 0; k < w->words; k++) {
			grown |= at[k] & ~kills[k] & ~live[k];
			live[k] |= at[k] & ~kills[k];
		}
	}
	return grown;
}

/* Live: may be read before it is written.  Only what is can be a merge that matters; where it takes
 * too many rounds all the more is nothing. */
static void find_live(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	bool again = true;

	if (!prepare_live(m)) {
		w->nomem = true;
		return;
	}
	for (uint32_t b = 0; b < m->blocks.len; b++)
		find_uses(m, &m->blocks.data[b], w->reads + b * w->words, w->kills + b * w->words);
	memcpy(w->live, w->reads, m->blocks.len * w->words * sizeof(*w->live));
	for (unsigned n = 0; again && n < MAX_PASSES; n++) {
		again = false;
		for (size_t i = w->order.len; i-- > 0;)
			again |= grow_live(m, w->order.data[i]);
	}
}

/* ---- what instructions do ---------------------------------------------------------------------
 */

static bool has_value(const wdx_held *chunk, uint32_t value)
{
	unsigned has = 0;

	for (unsigned i = 0; i < WDX_CHUNK; i++)
		has |= wdx_held_value(chunk[i]) == value;
	return has;
}

/* It is gone from wherever its last instance was copied to. */
static void forget(struct wdx_machine *m, wdx_held *state, uint32_t value)
{
	for (uint32_t c = 0; c < m->stride; c += WDX_CHUNK) {
		if (!has_value(state + c, value))
			continue;
		m->wide = true;
		for (uint32_t p = c; p < c + WDX_CHUNK; p++)
			if (wdx_held_value(state[p]) == value)
				state[p] = 0;
	}
}

/* A value computed anew. */
static void renew(struct wdx_machine *m, wdx_held *state, uint32_t place, uint32_t value)
{
	if (m->values.data[value].copied)
		forget(m, state, value);
	state[place] = wdx_hold(value, 16);
}

static wdx_held shared(struct wdx_machine *m, wdx_held h, uint32_t width)
{
	m->values.data[wdx_held_value(h)].copied = 1;
	return width < wdx_held_width(h) ? wdx_hold(wdx_held_value(h), width) : h;
}

/* What the instruction's result is; 0: something new. */
static wdx_held result(struct wdx_machine *m, const struct wdx_minsn *i, const wdx_held *state)
{
	const struct wdx_access *a = i->a;

	if (!a->width)
		return 0;
	switch (a->kind) {
	case WDX_DO_COPY:
		if (a->src >= 0 && (uint32_t)a->src < m->nregs && state[a->src])
			return shared(m, state[a->src], a->width);
		break;
	case WDX_DO_CONST:
		return wdx_hold(i->constant, a->width);
	case WDX_DO_LOAD:
		if (i->slot != WDX_NO_PLACE && state[i->slot])
			return shared(m, state[i->slot], a->width);
		break;
	}
	return 0;
}

static void kill_slots(struct wdx_machine *m, const struct wdx_minsn *i, wdx_held *state)
{
	m->wide = true;
	for (uint32_t k = 0; k < m->nslots; k++) {
		wdx_held *h = &state[m->nregs + k];
		int64_t at = m->slots[k].off;

		if (i->kills == WDX_KILLS_ALL ||
		    (at < i->off + i->size && i->off < at + wdx_held_width(*h)))
			*h = 0;
	}
}

static void store(struct wdx_machine *m, const struct wdx_minsn *i, wdx_held *state)
{
	const struct wdx_access *a = i->a;

	if (a->src < 0)
		state[i->slot] = wdx_hold(i->constant, a->width);
	else if ((uint32_t)a->src < m->nregs && state[a->src])
		state[i->slot] = shared(m, state[a->src], a->width);
	else
		state[i->slot] = 0;
}

/* Of vector registers that are preserved only the low half is, where not all are. */
static void halve(struct wdx_machine *m, wdx_held *state)
{
	for (uint64_t bits = m->work->halved; bits; bits &= bits - 1) {
		wdx_held *h = &state[64 + __builtin_ctzll(bits)];

		if (wdx_held_width(*h) <= 8)
			continue;
		*h = wdx_hold(wdx_held_value(*h), 8);
		m->wide = true;
	}
}

/* Nothing is known of those registers from `first` on. */
static void clear(wdx_held *state, uint32_t first, uint64_t bits)
{
	while (bits) {
		uint32_t lo = (uint32_t)__builtin_ctzll(bits), n = 64 - lo;

		if (~(bits >> lo))
			n = (uint32_t)__builtin_ctzll(~(bits >> lo));
		memset(state + first + lo, 0, n * sizeof(*state));
		bits &= bits + (1ULL << lo); /* what was added carries out of the row */
	}
}

/* Each register written gets its value, one after the other. */
static void write_regs(struct wdx_machine *m, const struct wdx_minsn *i, wdx_held *state,
		       wdx_held res)
{
	uint32_t value = i->values;

	for (uint32_t k = 0; k < 2; k++) {
		uint64_t gives = wdx_machine_gives(m, i, k);

		clear(state, 64 * k, i->writes[k] & ~gives);
		for (uint64_t bits = gives; bits; bits &= bits - 1, value++) {
			uint32_t reg = 64 * k + (uint32_t)__builtin_ctzll(bits);

			if ((int)reg == i->a->result && res)
				state[reg] = res;
			else
				renew(m, state, reg, value);
		}
	}
}

static void step_more(struct wdx_machine *m, const struct wdx_minsn *i, wdx_held *state,
		      wdx_held res)
{
	if (i->kills != WDX_KILLS_NONE)
		kill_slots(m, i, state);
	if (i->slot != WDX_NO_PLACE && i->a->kind == WDX_DO_STORE)
		store(m, i, state);
	if (i->a->call && m->work->halved)
		halve(m, state);
	write_regs(m, i, state, res);
}

void wdx_machine_step(struct wdx_machine *m, const struct wdx_minsn *i, wdx_held *state)
{
	wdx_held res = result(m, i, state);

	if (i->based) {
		m->values.data[i->based].base = state[i->a->base];
		if (i->a->src >= 0)
			m->values.data[i->based].other = state[i->a->src];
	}
	m->wide = false;
	if (i->does == WDX_DOES_MORE)
		step_more(m, i, state, res);
	else if (i->does == WDX_DOES_ONE && i->gives == i->a->result && res)
		state[i->gives] = res;
	else if (i->does == WDX_DOES_ONE)
		renew(m, state, i->gives, i->values);
}

/* ---- following --------------------------------------------------------------------------------
 */

/* On entry each register holds a value of its own; where the stack pointer points is known without.
 */
static void entry_state(const struct wdx_machine *m, wdx_held *state)
{
	memset(state, 0, m->stride * sizeof(*state));
	for (uint32_t r = 0; r < m->nregs; r++)
		if ((int)r != m->work->sp)
			state[r] = wdx_hold(r + 1, 16);
	for (uint32_t i = m->nregs + 1; i <= m->nentries; i++)
		state[m->values.data[i].reg] = wdx_hold(i, 8);
}

static wdx_held *in_of(struct wdx_machine *m, uint32_t block)
{
	return m->in + (size_t)block * m->stride;
}

static wdx_held *out_of(struct wdx_machine *m, uint32_t block)
{
	return m->out + (size_t)block * m->stride;
}

static bool is_merge(const struct wdx_machine *m, uint32_t block, uint32_t place, wdx_held h)
{
	const struct wdx_mvalue *v = &m->values.data[wdx_held_value(h)];

	return v->kind == WDX_MV_PHI && v->at == block && v->reg == place;
}

/* The merge of the block at the place: the one it has, or a new one if the place is of use. */
static uint32_t merge(struct wdx_machine *m, uint32_t block, uint32_t place, wdx_held a)
{
	const struct wdx_machine_work *w = m->work;
	wdx_held old = in_of(m, block)[place];

	if (is_merge(m, block, place, a))
		return wdx_held_value(a);
	if (m->blocks.data[block].reached && (!old || is_merge(m, block, place, old)))
		return wdx_held_value(old);
	if (!has(w->live + block * w->words, place))
		return 0;
	return new_value(
		m, (struct wdx_mvalue){.kind = WDX_MV_PHI, .at = block, .reg = (uint16_t)place});
}

/* What the place holds where these two come together at the block. */
static wdx_held meet(struct wdx_machine *m, uint32_t block, uint32_t place, wdx_held a, wdx_held b)
{
	uint32_t width = wdx_held_width(a), value = wdx_held_value(a);

	if (!a || !b)
		return 0;
	if (wdx_held_width(b) < width)
		width = wdx_held_width(b);
	if (value != wdx_held_value(b))
		value = merge(m, block, place, a);
	return value ? wdx_hold(value, width) : 0;
}

/* Meets `to` with what another way in brings. */
static void meet_all(struct wdx_machine *m, uint32_t block, wdx_held *to, const wdx_held *from)
{
	for (uint32_t c = 0; c < m->stride; c += WDX_CHUNK) {
		if (wdx_same_chunk(to + c, from + c))
			continue;
		for (uint32_t p = c; p < c + WDX_CHUNK; p++)
			if (to[p] && to[p] != from[p])
				to[p] = meet(m, block, p, to[p], from[p]);
	}
}

/* A merge made here before stays, and so does what is nothing: then the loop ends. */
static bool settle(struct wdx_machine *m, uint32_t block, wdx_held *in, const wdx_held *to)
{
	bool changed = false;

	for (uint32_t c = 0; c < m->stride; c += WDX_CHUNK) {
		if (wdx_same_chunk(in + c, to + c))
			continue;
		for (uint32_t p = c; p < c + WDX_CHUNK; p++) {
			wdx_held h = to[p];

			if (h != in[p] && (!in[p] || is_merge(m, block, p, in[p])))
				h = meet(m, block, p, in[p], h);
			changed |= h != in[p];
			in[p] = h;
		}
	}
	return changed;
}

/* What comes into the block; where that is but one predecessor's, as it is there. */
static const wdx_held *come_in(struct wdx_machine *m, uint32_t block)
{
	const struct wdx_mblock *b = &m->blocks.data[block];
	wdx_held *to = m->work->meeting;
	const wdx_held *one = NULL;

	if (!block) {
		entry_state(m, to);
		one = to;
	}
	for (uint32_t k = 0; k < b->npreds; k++) {
		uint32_t from = m->preds.data[b->first_pred + k];

		if (!m->blocks.data[from].reached)
			continue;
		if (!one) {
			one = out_of(m, from);
			continue;
		}
		if (one != to)
			memcpy(to, one, m->stride * sizeof(*to));
		one = to;
		meet_all(m, block, to, out_of(m, from));
	}
	return one;
}

/* Meets the block's predecessors; whether anything changed. */
static bool enter(struct wdx_machine *m, uint32_t block)
{
	const wdx_held *to = come_in(m, block);

	if (m->blocks.data[block].reached)
		return settle(m, block, in_of(m, block), to);
	memcpy(in_of(m, block), to, m->stride * sizeof(*to));
	return true;
}

static void through(struct wdx_machine *m, uint32_t block)
{
	const struct wdx_mblock *b = &m->blocks.data[block];
	const struct wdx_minsn *i = &m->insns.data[b->first], *end = i + b->n;
	wdx_held *out = out_of(m, block);

	memcpy(out, in_of(m, block), m->stride * sizeof(*out));
	for (; i < end; i++)
		if (i->does != WDX_DOES_NOTHING)
			wdx_machine_step(m, i, out);
}

/* Whether a block before this one in the order must be gone through again. */
static bool visit(struct wdx_machine *m, uint32_t block)
{
	struct wdx_machine_work *w = m->work;
	struct wdx_mblock *b = &m->blocks.data[block];
	bool again = false;

	if (!w->dirty[block])
		return false;
	w->dirty[block] = 0;
	if (!enter(m, block))
		return false;
	b->reached = true;
	through(m, block);
	for (uint32_t k = 0; k < b->nsuccs; k++) {
		uint32_t to = m->succs.data[b->first_succ + k];

		w->dirty[to] = 1;
		again |= w->rank[to] <= w->rank[block];
	}
	return again;
}

static bool prepare_states(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	size_t n = m->blocks.len * m->stride + 2 * m->stride + m->blocks.len / 4 + 1;

	if (n > w->ncells) {
		free(m->in);
		free(m->out);
		w->ncells = n + n / 2;
		m->in = malloc(w->ncells * sizeof(*m->in));
		m->out = malloc(w->ncells * sizeof(*m->out));
	}
	if (!m->in || !m->out) {
		w->ncells = 0;
		return false;
	}
	w->meeting = m->in + m->blocks.len * m->stride;
	w->dirty = (uint8_t *)(m->out + m->blocks.len * m->stride);
	memset(w->dirty, 0, m->blocks.len);
	return true;
}

static void follow(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	bool again = true;

	if (m->blocks.len * m->stride > MAX_STATE) {
		w->unknown = true;
		return;
	}
	if (!prepare_states(m)) {
		w->nomem = true;
		return;
	}
	w->dirty[0] = 1;
	for (unsigned n = 0; again && !w->nomem && !w->unknown; n++) {
		again = false;
		for (size_t i = 0; i < w->order.len && !w->nomem; i++)
			again |= visit(m, w->order.data[i]);
		w->unknown = again && n == MAX_PASSES;
	}
}

/* ---- the whole --------------------------------------------------------------------------------
 */

struct wdx_error *wdx_machine_of(struct wdx_machine *m, const struct wdx_wasm *wasm,
				 const struct wdx_code_func *f, bool *known)
{
	static void (*const steps[])(struct wdx_machine *) = {
		wdx_cfg_find, wdx_frame_find, number_values, find_live, follow,
	};
	struct wdx_machine_work *w = m->work;

	*known = false;
	if (!wdx_machine_able(m))
		return NULL;
	w->wasm = wasm;
	w->unknown = w->nomem = false;
	m->f = f;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !w->unknown && !w->nomem; i++)
		steps[i](m);
	*known = !w->unknown;
	return w->nomem ? &wdx_nomem : NULL;
}

bool wdx_machine_able(const struct wdx_machine *m)
{
	return m->accesses && m->map->code;
}

/* By DWARF number: registers that bring arguments of calls, and those that bring results. */
static const struct convention {
	uint16_t machine;
	uint8_t nregs;
	int8_t fp;
	uint64_t arguments[2], results[2];
} conventions[] = {
	{EM_X86_64, 33, 6, {0x01fe0336, 0}, {0x00060003, 0}},
	{EM_AARCH64, 96, 29, {0xff, 0xff}, {0xff, 0xff}},
};

static void take_convention(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;
	const struct convention *c = conventions;

	if (wdx_target_elf_machine(m->target) != c->machine)
		c++;
	m->nregs = c->nregs;
	w->fp = c->fp;
	w->sp = wdx_target_stack_pointer(m->target);
	w->pointers = 1ULL << w->sp | 1ULL << w->fp;
	for (uint32_t k = 0; k < 2; k++) {
		w->followed[k] = m->nregs >= 64 * (k + 1) ? UINT64_MAX
				 : m->nregs > 64 * k	  ? (1ULL << (m->nregs - 64 * k)) - 1
							  : 0;
		w->arguments[k] = c->arguments[k];
		m->results[k] = c->results[k];
	}
}

static void find_clobbered(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;

	memcpy(w->clobbered, w->followed, sizeof(w->clobbered));
	for (size_t i = 0; i < m->map->preserved.len; i++) {
		uint32_t reg = m->map->preserved.data[i];

		if (reg < m->nregs)
			w->clobbered[reg / 64] &= ~(1ULL << reg % 64);
	}
	w->halved = w->followed[1] & ~w->clobbered[1];
}

struct wdx_error *wdx_machine_init(struct wdx_machine *m, const struct wdx_map *map,
				   const struct wdx_target *target,
				   const struct wdx_codeindex *code)
{
	struct wdx_machine_work *w;

	memset(m, 0, sizeof(*m));
	m->map = map;
	m->target = target;
	m->accesses = code->accesses;
	if (!wdx_machine_able(m))
		return NULL;
	m->work = w = calloc(1, sizeof(*m->work));
	if (!w)
		return &wdx_nomem;
	w->code = code;
	w->reach = (struct wdx_reach){.accesses = m->accesses,
				      .code = map->code,
				      .size = map->code_size,
				      .big_endian = wdx_target_big_endian(target),
				      .ways_of = wdx_cfg_ways,
				      .arg = m};
	take_convention(m);
	w->followed[w->sp / 64] &= ~(1ULL << w->sp % 64);
	find_clobbered(m);
	return NULL;
}

void wdx_machine_deinit(struct wdx_machine *m)
{
	struct wdx_machine_work *w = m->work;

	wdx_vec_free(&m->insns);
	wdx_vec_free(&m->blocks);
	wdx_vec_free(&m->succs);
	wdx_vec_free(&m->preds);
	wdx_vec_free(&m->values);
	wdx_vec_free(&m->based);
	free(m->in);
	free(m->out);
	if (w) {
		wdx_vec_free(&w->todo);
		wdx_reach_deinit(&w->reach);
		wdx_vec_free(&w->order);
		wdx_vec_free(&w->frames);
		wdx_vec_free(&w->framed);
		wdx_vec_free(&w->first_framed);
		wdx_vec_free(&w->stored);
		wdx_vec_free(&w->loaded);
		free(w->rank);
		free(w->slots);
		free(w->live);
	}
	free(w);
	memset(m, 0, sizeof(*m));
}
