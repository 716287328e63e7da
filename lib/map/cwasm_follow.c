/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Code compiled for guest debugging keeps every local and every value on the operand stack in a
 * slot of the frame.  Before each wasm instruction there is a patch (cwasm.h), and when it is
 * reached all stores of the instructions before it have been made: the compiler moves no store
 * across it.  So what is executed behind a patch, up to the next, is the patch's instruction at
 * work, whatever the address map says; and the slots show the state before it, until it stores its
 * own result, which is the last that it does:
 *
 * - local.set and local.tee write their local;
 * - what pushes one value writes that, over operands it has popped;
 * - behind that store the state is the next instruction's;
 * - where it is not known which store that is, or there may be several, what may be overwritten is
 *   taken for lost from the first on.
 *
 * The machine code is followed from the function's start along its branches, since traps and slow
 * paths are out of line.  Where ways from different patches come together the position is not
 * known up to the next patch, but where the code runs straight into that and stores nothing.
 * Nothing is said of the prologue, which fills the slots, nor of an epilogue behind the instruction
 * that frees them.  Exceptions come by ways that the code does not show: in functions that catch
 * any, little is said between a branch or label and the next patch.
 */
#include "map/cwasm_follow.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/search.h"
#include "native/native.h"
#include "wasm/opcode.h"

#define NONE UINT32_MAX

enum { MAX_TABLE = 1 << 16 }; /* larger jump tables are not followed */

/* --- The code ----------------------------------------------------------------------------------
 */

/* The position that the address map gives. */
static uint32_t mapped_at(const struct wdx_follow *x, uint32_t at)
{
	const struct wdx_map_pair *p = x->c->map->pairs.data + x->part->first;
	uint32_t behind = wdx_search(i, 0, x->part->n, p[i].native <= at);

	return behind ? p[behind - 1].wasm : NONE;
}

/* Compilers make a jump table of a br_table. */
static uint64_t ways_of(void *arg, uint32_t jump)
{
	const struct wdx_follow *x = arg;
	uint64_t n = wdx_insn_table_size(x->c->wasm, mapped_at(x, jump));

	return n <= MAX_TABLE ? n : 0;
}

/* Patches are starts, too: those in code that only exceptions lead to. */
static void decode(struct wdx_follow *x)
{
	struct wdx_reach *r = &x->code;

	wdx_reach_begin(r, x->part->lo, x->part->hi);
	for (uint32_t k = x->end; k-- > x->first && !r->nomem;)
		wdx_reach_lead(r, x->f->patches.data[k].lo);
	if (!r->nomem)
		wdx_reach_lead(r, x->part->lo);
	wdx_reach_run(r);
	x->unknown = r->unknown;
	x->nomem |= r->nomem || !wdx_vec_reserve(&x->insns, r->found.len);
	if (x->unknown || x->nomem)
		return;
	for (uint32_t at = x->part->lo; at < x->part->hi; at++) {
		uint32_t *where = &r->where[wdx_reach_index(r, at)];

		if (!wdx_reach_starts(r, at))
			continue;
		x->insns.data[x->insns.len] = (struct wdx_follow_insn){
			.at = at,
			.a = r->found.data[*where].a,
			.in = {.level = WDX_UNREACHED},
		};
		*where = (uint32_t)x->insns.len++; /* from here on in insns */
	}
}

/* --- The frame ---------------------------------------------------------------------------------
 */

static bool writes(const struct wdx_access *a, int reg)
{
	return a->writes[reg >> 6] >> (reg & 63) & 1;
}

/* Follows the stack pointer through the prologue, unless there is a loop in it, as for the probes
 * of a very large frame. */
static void move(struct wdx_follow *x, const struct wdx_access *a, uint32_t at)
{
	if (a->result == x->fp && a->kind == WDX_DO_COPY && a->src == x->sp) {
		x->dist_known = true;
		x->dist = 0;
	} else if (a->result == x->fp && a->kind == WDX_DO_ADDR && a->base == x->sp && !a->store) {
		x->dist_known = true;
		x->dist = a->disp;
	} else if (writes(a, x->fp)) {
		x->dist_known = false;
	}
	if (a->kind == WDX_DO_PUSH)
		x->dist += a->width;
	else if (a->kind == WDX_DO_ADDR && a->result == x->sp && a->base == x->sp &&
		 a->disp > -(1 << 28) && a->disp < 1 << 28)
		x->dist -= a->disp;
	else if (writes(a, x->sp) && !a->call)
		x->dist_known = false;
	if (!a->call && a->target <= at)
		x->dist_known = false;
}

/* Where in the slot the instruction stores; false: not known. */
static bool slot_offset(const struct wdx_follow *x, const struct wdx_access *a, int64_t *offset)
{
	if (a->indexed || !a->width || a->kind == WDX_DO_ADDR ||
	    !(a->base == x->fp || (a->base == x->sp && x->dist_known)))
		return false;
	*offset = a->disp + x->s->to_fp - (a->base == x->sp ? x->dist : 0);
	return true;
}

/* Of which register's value on entry each register has a copy. */
static void copy(const struct wdx_access *a, int *from)
{
	int value = a->kind == WDX_DO_COPY && a->width == WDX_FOLLOW_POINTER && a->src >= 0 &&
				    a->src < WDX_FOLLOW_REGS
			    ? from[a->src]
			    : -1;

	for (uint64_t bits = a->writes[0]; bits; bits &= bits - 1)
		from[__builtin_ctzll(bits)] = -1;
	if (a->result >= 0 && a->result < WDX_FOLLOW_REGS)
		from[a->result] = value;
}

/* Looks through the prologue for the store of the context pointer, which also tells that the
 * stack pointer was followed rightly. */
static void find_frame(struct wdx_follow *x)
{
	uint32_t end = x->f->patches.data[x->first].lo;
	int from[WDX_FOLLOW_REGS];
	int64_t offset;

	x->filled = NONE;
	x->dist_known = false;
	x->dist = 0;
	for (int r = 0; r < WDX_FOLLOW_REGS; r++)
		from[r] = r;
	for (uint32_t i = 0; i < x->insns.len && x->insns.data[i].at < end; i++) {
		const struct wdx_access *a = &x->insns.data[i].a;

		if (a->kind == WDX_DO_STORE && a->width == WDX_FOLLOW_POINTER && a->src >= 0 &&
		    a->src < WDX_FOLLOW_REGS && from[a->src] >= 0 && slot_offset(x, a, &offset) &&
		    !offset) {
			x->filled = i;
			x->holders = 0;
			for (int r = 0; r < WDX_FOLLOW_REGS; r++)
				if (from[r] == from[a->src])
					x->holders |= UINT64_C(1) << r;
		}
		move(x, a, x->insns.data[i].at);
		copy(a, from);
	}
	x->dist_known &= x->filled != NONE;
}

/* --- What instructions write -------------------------------------------------------------------
 */

static bool type_arity(const struct wdx_wasm_type *t, unsigned more, struct wdx_follow_op *op)
{
	if (!t || !t->is_func)
		return false;
	op->operands = t->nparams + more;
	op->results = t->nresults;
	return true;
}

struct wdx_follow_op wdx_follow_op(const struct wdx_follow *x, uint32_t pos)
{
	const struct wdx_wasm *w = x->c->wasm;
	struct wdx_follow_op op = {.local = NONE};
	struct wdx_insn insn;
	uint32_t index;

	wdx_insn_at(w, (wdx_codepos){pos}, &insn);
	op.next = pos + insn.size;
	index = insn.imm[0] < NONE ? (uint32_t)insn.imm[0] : NONE;
	if (insn.opcode == WDX_WASM_LOCAL_SET || insn.opcode == WDX_WASM_LOCAL_TEE) {
		op.local = index;
		op.known = index < x->s->nlocals;
	} else if (insn.opcode == WDX_WASM_CALL) {
		op.known = type_arity(wdx_wasm_functype(w, index), 0, &op);
	} else if (insn.opcode == WDX_WASM_CALL_INDIRECT) {
		op.known = index < w->types.len && type_arity(&w->types.data[index], 1, &op);
	} else {
		op.known = wdx_insn_arity(insn.opcode, &op.operands, &op.results);
	}
	return op;
}

uint32_t wdx_follow_next(const struct wdx_follow *x, uint32_t patch, const struct wdx_follow_op *op)
{
	const struct wdx_cwasm_patch *p = &x->f->patches.data[patch + 1];

	return patch + 1 < x->end && !p->inlined && p->wasm == op->next ? patch + 1 : NONE;
}

/* Whether the store is the one that ends a push. */
static bool is_push(const struct wdx_follow *x, uint32_t patch, const struct wdx_follow_op *op,
		    int64_t offset, unsigned width)
{
	uint32_t next = wdx_follow_next(x, patch, op), top;

	if (op->results != 1 || next == NONE)
		return false;
	top = x->f->patches.data[next].shape;
	return top != NONE && wdx_cwasm_word(x->s->tops, top) == offset &&
	       wdx_cwasm_slot_size(x->s->top_types[top]) == width &&
	       wdx_cwasm_slot_shown(x->s->top_types[top]);
}

static bool overlaps(int64_t offset, unsigned width, uint32_t lo, uint32_t hi)
{
	return offset < hi && offset + width > lo;
}

/* The stage behind a store of the patch's instruction. */
static enum wdx_follow_stage store(const struct wdx_follow *x, uint32_t patch,
				   const struct wdx_access *a)
{
	struct wdx_follow_op op = wdx_follow_op(x, x->f->patches.data[patch].wasm);
	unsigned width = a->width, size;
	int64_t offset = 0;
	bool known = slot_offset(x, a, &offset);
	uint32_t at;

	if (op.local != NONE && op.known) {
		at = wdx_cwasm_word(x->s->locals, op.local);
		size = wdx_cwasm_slot_size(x->s->local_types[op.local]);
		if (known && offset == at && width == size)
			return WDX_DONE;
		return !known || overlaps(offset, width, at, at + size) ? WDX_DIRTY : WDX_BEFORE;
	}
	if (op.known && !op.results)
		return WDX_BEFORE;
	if (known && !overlaps(offset, width, x->s->stack, x->size))
		return WDX_BEFORE;
	return known && op.known && is_push(x, patch, &op, offset, width) ? WDX_DONE : WDX_DIRTY;
}

/* --- States ------------------------------------------------------------------------------------
 */

static void follow_context(const struct wdx_follow *x, const struct wdx_follow_insn *i,
			   struct wdx_follow_state *s)
{
	const struct wdx_access *a = &i->a;
	bool copied = a->kind == WDX_DO_COPY && a->width == WDX_FOLLOW_POINTER && a->src >= 0 &&
		      a->src < WDX_FOLLOW_REGS && s->regs >> a->src & 1 && a->result >= 0 &&
		      a->result < WDX_FOLLOW_REGS;

	s->regs &= ~a->writes[0];
	if (a->call)
		s->regs &= x->preserved;
	if (copied)
		s->regs |= UINT64_C(1) << a->result;
}

/* Whether the instruction gives up the frame, or part of it. */
static bool leaves_frame(const struct wdx_follow *x, const struct wdx_access *a)
{
	if (writes(a, x->fp))
		return true;
	if (!writes(a, x->sp) || a->call || a->kind == WDX_DO_PUSH)
		return false;
	return a->kind != WDX_DO_ADDR || a->result != x->sp || a->base != x->sp || a->disp > 0;
}

/* The first patch of [lo, hi) that does not begin before `at`. */
static uint32_t first_patch(const struct wdx_cwasm_frames *f, uint32_t lo, uint32_t hi, uint32_t at)
{
	return wdx_search(i, lo, hi, f->patches.data[i].lo < at);
}

/* The patch that begins there, or NONE. */
static uint32_t patch_at(const struct wdx_follow *x, uint32_t at)
{
	uint32_t lo = first_patch(x->f, x->first, x->end, at);

	return lo < x->end && x->f->patches.data[lo].lo == at ? lo : NONE;
}

/* At a patch all is known, wherever control came from. */
static void enter_patch(const struct wdx_follow *x, uint32_t at, struct wdx_follow_state *s)
{
	uint32_t patch = patch_at(x, at);

	if (patch == NONE)
		return;
	s->level = x->f->patches.data[patch].inlined ? WDX_UP : WDX_KNOWN;
	s->stage = WDX_BEFORE;
	s->patch = patch;
}

static struct wdx_follow_state step(const struct wdx_follow *x, const struct wdx_follow_insn *i)
{
	struct wdx_follow_state s = i->in;
	uint32_t pos;

	follow_context(x, i, &s);
	if (x->filled != NONE && i == &x->insns.data[x->filled] && s.level == WDX_DOWN) {
		s.level = WDX_UP;
		s.regs = x->holders;
	}
	if (leaves_frame(x, &i->a))
		s.level = WDX_DOWN;
	if (s.level != WDX_KNOWN)
		return s;
	pos = x->f->patches.data[s.patch].wasm;
	if (x->hidden && x->c->wasm->kinds[pos] & WDX_INSN_CONTROL)
		s.level = WDX_UP;
	else if (i->a.store && s.stage == WDX_BEFORE)
		s.stage = store(x, s.patch, &i->a);
	return s;
}

/* What is true whichever way control came; false: nothing new. */
static bool join(struct wdx_follow_state *to, const struct wdx_follow_state *s)
{
	struct wdx_follow_state old = *to;

	if (old.level == WDX_UNREACHED) {
		*to = *s;
		return true;
	}
	to->regs &= s->regs;
	if (s->level < to->level)
		to->level = s->level;
	if (to->level != WDX_KNOWN) {
		to->stage = WDX_BEFORE;
		to->patch = 0;
	} else if (to->patch != s->patch ||
		   (to->stage != s->stage && (to->stage == WDX_DONE || s->stage == WDX_DONE))) {
		to->level = WDX_UP;
		to->stage = WDX_BEFORE;
		to->patch = 0;
	} else if (s->stage == WDX_DIRTY) {
		to->stage = WDX_DIRTY;
	}
	return to->level != old.level || to->stage != old.stage || to->patch != old.patch ||
	       to->regs != old.regs;
}

static void reach(struct wdx_follow *x, uint32_t at, struct wdx_follow_state s)
{
	uint32_t *slot, i;

	if (!wdx_reach_starts(&x->code, at)) {
		x->unknown = true;
		return;
	}
	i = x->code.where[wdx_reach_index(&x->code, at)];
	enter_patch(x, at, &s);
	if (!join(&x->insns.data[i].in, &s))
		return;
	slot = wdx_vec_push(&x->todo);
	if (slot)
		*slot = i;
	x->nomem |= !slot;
}

static int by_from(const void *a, const void *b)
{
	const struct wdx_reach_way *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

static void reach_table(struct wdx_follow *x, uint32_t from, struct wdx_follow_state s)
{
	size_t lo = wdx_search(i, 0, x->code.ways.len, x->code.ways.data[i].from < from);

	for (; lo < x->code.ways.len && x->code.ways.data[lo].from == from; lo++)
		reach(x, x->code.ways.data[lo].to, s);
}

static void go_on(struct wdx_follow *x, const struct wdx_follow_insn *i)
{
	struct wdx_follow_state s = step(x, i);
	struct wdx_access a = i->a;
	uint32_t at = i->at;

	if (a.target != NONE && !a.call)
		reach(x, a.target, s);
	if (a.indirect)
		reach_table(x, at, s);
	if (a.falls && at + a.size < x->part->hi)
		reach(x, at + a.size, s);
}

/* From the function's start; then from what only exceptions lead to. */
static void find_states(struct wdx_follow *x)
{
	x->todo.len = 0;
	if (x->code.ways.len)
		qsort(x->code.ways.data, x->code.ways.len, sizeof(*x->code.ways.data), by_from);
	for (size_t i = 0; i < x->insns.len && !x->unknown && !x->nomem; i++) {
		if (x->insns.data[i].in.level == WDX_UNREACHED)
			reach(x, x->insns.data[i].at, (struct wdx_follow_state){.level = WDX_DOWN});
		while (x->todo.len && !x->unknown && !x->nomem)
			go_on(x, &x->insns.data[x->todo.data[--x->todo.len]]);
	}
}

/* Whether the instruction leaves slots and memory alone and goes on to the next. */
static bool is_idle(const struct wdx_access *a)
{
	return a->falls && !a->leaves && !a->store && !a->writes_memory && a->kind != WDX_DO_PUSH;
}

/* What runs straight into a patch, and stores nothing on its way, shows what is shown there: behind
 * labels, where ways come together, and behind the last store of the prologue. */
static void settle(struct wdx_follow *x)
{
	uint32_t into = NONE, next = NONE; /* the patch, and the instruction behind this one */

	for (size_t k = x->insns.len; k-- > 0;) {
		struct wdx_follow_insn *i = &x->insns.data[k];
		uint32_t patch = patch_at(x, i->at);
		bool lost = i->in.level == WDX_UP ||
			    (i->in.level == WDX_KNOWN && i->in.stage == WDX_DIRTY);

		if (patch != NONE)
			into = x->f->patches.data[patch].inlined ? NONE : patch;
		else if (next != i->at + i->a.size || !is_idle(&i->a))
			into = NONE;
		next = i->at;
		if (patch != NONE || into == NONE || !lost)
			continue;
		i->in.level = WDX_KNOWN;
		i->in.stage = WDX_BEFORE;
		i->in.patch = into;
	}
}

/* --- Functions ---------------------------------------------------------------------------------
 */

static uint32_t slot_size(const struct wdx_cwasm_slots *s)
{
	uint32_t size = s->stack, end, i;

	for (i = 0; i < s->nshapes; i++) {
		end = wdx_cwasm_word(s->tops, i) + wdx_cwasm_slot_size(s->top_types[i]);
		size = end > size ? end : size;
	}
	return size;
}

/* Sets the function up; false: the tables say nothing of it.  All its patches must be of one
 * slot. */
static bool begin(struct wdx_follow *x, const struct wdx_map_part *part)
{
	const struct wdx_cwasm_patch *p;
	uint8_t op;

	x->part = part;
	x->first = first_patch(x->f, 0, (uint32_t)x->f->patches.len, part->lo);
	x->end = first_patch(x->f, x->first, (uint32_t)x->f->patches.len, part->hi);
	x->hidden = x->unknown = false;
	x->insns.len = 0;
	x->s = NULL;
	for (uint32_t k = x->first; k < x->end; k++) {
		p = &x->f->patches.data[k];
		if (p->inlined)
			continue;
		if (x->s && x->s != &x->f->slots.data[p->desc])
			return false;
		x->s = &x->f->slots.data[p->desc];
		op = x->c->wasm->data[x->c->wasm->code.v + p->wasm];
		x->hidden |= op == WDX_WASM_TRY_TABLE || op == WDX_WASM_TRY;
	}
	if (!x->s)
		return false;
	x->size = slot_size(x->s);
	return true;
}

bool wdx_follow(struct wdx_follow *x, const struct wdx_map_part *part)
{
	if (!begin(x, part))
		return false;
	decode(x);
	if (x->unknown || x->nomem)
		return false;
	find_frame(x);
	find_states(x);
	if (x->unknown || x->nomem)
		return false;
	settle(x);
	return true;
}

struct wdx_error *wdx_follow_init(struct wdx_follow *x, struct wdx_cwasm *c,
				  const struct wdx_cwasm_frames *f)
{
	x->c = c;
	x->f = f;
	x->fp = c->machine == EM_X86_64 ? 6 : 29; /* rbp, x29 */
	x->sp = wdx_target_stack_pointer(c->target);
	for (size_t i = 0; i < c->map->preserved.len; i++)
		if (c->map->preserved.data[i] < WDX_FOLLOW_REGS)
			x->preserved |= UINT64_C(1) << c->map->preserved.data[i];
	x->code.code = c->text->data;
	x->code.size = c->text->size;
	x->code.big_endian = wdx_target_big_endian(c->target);
	x->code.ways_of = ways_of;
	x->code.arg = x;
	return wdx_accesses_create(&x->code.accesses, c->target);
}

void wdx_follow_deinit(struct wdx_follow *x)
{
	wdx_accesses_destroy(x->code.accesses);
	wdx_reach_deinit(&x->code);
	wdx_vec_free(&x->insns);
	wdx_vec_free(&x->todo);
}
