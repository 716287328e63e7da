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
 * known up to the next patch.  Nothing is said of the prologue, which fills the slots, and behind
 * the first instruction of an epilogue that frees them.  Exceptions come by ways that the code does
 * not show: in functions that catch any, nothing is said between a branch or label and the next
 * patch.
 */
#include "map/cwasm.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "native/access.h"
#include "native/native.h"

#define NONE UINT32_MAX

enum {
	OP_LOCAL_SET = 0x21,
	OP_LOCAL_TEE = 0x22,
	OP_CALL = 0x10,
	OP_CALL_INDIRECT = 0x11,
	OP_TRY = 0x06,
	OP_BR_TABLE = 0x0e,
	OP_TRY_TABLE = 0x1f
};

/* Deeper operand stacks than compilers make, and larger jump tables, are not followed. */
enum { MAX_DEPTH = 64, MAX_TABLE = 1 << 16, POINTER = 8, NREGS = 64 };

/* Ranges that may be made, per byte of code and of the section. */
enum { RANGES_PER_BYTE = 4 };

enum mark { MARK_START = 1, MARK_INSIDE = 2 };

enum level {
	UNREACHED,
	DOWN,  /* no frame, or not filled yet */
	UP,    /* there is one; the context pointer is in it */
	KNOWN, /* `patch` was the last that was passed */
};

enum stage {
	BEFORE, /* the state is that before the patch's instruction */
	DIRTY,	/* the same, but what the instruction writes may have been written */
	DONE,	/* the state is that before the next instruction */
};

struct state {
	uint8_t level, stage;
	uint32_t patch; /* in frames->patches */
	uint64_t regs;	/* that hold the context pointer */
};

struct insn {
	uint32_t at;
	struct wdx_access a;
	struct state in;
};

struct edge { /* a jump table's */
	uint32_t from, to;
};

struct span {
	uint32_t lo, hi;
	uint32_t index; /* of a local or stack slot */
	uint32_t place;
};

typedef WDX_VEC(struct span) spans;

struct slots {
	struct wdx_cwasm *c;
	const struct wdx_cwasm_frames *f;
	struct wdx_accesses *accesses;
	int sp, fp;
	uint64_t preserved; /* registers below NREGS */
	uint64_t budget;    /* ranges that may still be made */

	/* the function at hand */
	const struct wdx_map_part *part;
	const struct wdx_wasm_func *body;
	const struct wdx_cwasm_slots *s;
	uint32_t first, end; /* its patches */
	uint32_t size;	     /* of the slot */
	bool hidden;	     /* control comes by ways that are not in the code */
	bool unknown;	     /* the code cannot be followed */
	bool dist_known;
	int64_t dist;	  /* frame pointer minus stack pointer */
	uint32_t filled;  /* the instruction that stores the context pointer, in insns */
	uint64_t holders; /* the registers that hold it there */
	uint8_t *marks;	  /* of each byte */
	uint32_t *where;  /* of each byte where an instruction starts: in insns */
	size_t bytes;	  /* size of these two */
	WDX_VEC(struct insn) found, insns;
	WDX_VEC(struct edge) edges;
	WDX_VEC(uint32_t) todo;
	spans known, up, lost, stack;
	struct span open[MAX_DEPTH];
	uint32_t nopen;

	/* the outcome */
	WDX_VEC(struct wdx_map_pair) pairs;
	WDX_VEC(struct wdx_map_entity) entities;
	WDX_VEC(struct wdx_map_range) ranges;
	bool nomem;
};

/* --- The code ----------------------------------------------------------------------------------
 */

static void lead(struct slots *x, uint32_t at)
{
	uint32_t *slot;

	if (at < x->part->lo || at >= x->part->hi) {
		x->unknown = true;
		return;
	}
	slot = wdx_vec_push(&x->todo);
	if (slot)
		*slot = at;
	x->nomem |= !slot;
}

/* The position that the address map gives. */
static uint32_t mapped_at(const struct slots *x, uint32_t at)
{
	const struct wdx_map_pair *p = x->c->map->pairs.data + x->part->first;
	uint32_t lo = 0, hi = x->part->n, mid;

	while (lo < hi) { /* the first pair behind at */
		mid = lo + (hi - lo) / 2;
		if (p[mid].native <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? p[lo - 1].wasm : NONE;
}

/* Behind the jump: an offset from there for each label of the br_table, the default last. */
static void read_table(struct slots *x, uint32_t jump, uint32_t at)
{
	uint32_t pos = mapped_at(x, jump), target;
	struct edge *e;
	struct wdx_insn insn;
	uint64_t n;

	x->unknown = true;
	if (pos == NONE)
		return;
	wdx_insn_at(x->c->wasm, (wdx_codepos){pos}, &insn);
	n = insn.opcode == OP_BR_TABLE ? insn.imm[0] : MAX_TABLE;
	if (n >= MAX_TABLE || n + 1 > (x->part->hi - at) / 4)
		return;
	x->unknown = false;
	for (size_t i = 0; i <= n && !x->nomem; i++) {
		target = at + wdx_cwasm_word(x->c->text->data + at, i);
		e = wdx_vec_push(&x->edges);
		if (e)
			*e = (struct edge){jump, target};
		x->nomem |= !e;
		lead(x, target);
	}
}

static bool claim_bytes(struct slots *x, uint32_t at, uint32_t size)
{
	uint8_t *marks = x->marks + (at - x->part->lo);

	if (size > x->part->hi - at || *marks & MARK_INSIDE)
		return false;
	*marks |= MARK_START;
	for (uint32_t i = 1; i < size; i++) {
		if (marks[i])
			return false;
		marks[i] = MARK_INSIDE;
	}
	return true;
}

static void decode_run(struct slots *x, uint32_t at)
{
	struct insn *i;

	while (!x->unknown && !x->nomem && at < x->part->hi &&
	       !(x->marks[at - x->part->lo] & MARK_START)) {
		i = wdx_vec_push(&x->found);
		if (!i) {
			x->nomem = true;
			return;
		}
		i->at = at;
		i->in = (struct state){.level = UNREACHED};
		i->a = wdx_target_mem_access(x->accesses, x->c->text->data + at, x->part->hi - at,
					     at);
		if (!i->a.ok || !claim_bytes(x, at, i->a.size)) {
			x->unknown = true;
			return;
		}
		x->where[at - x->part->lo] = (uint32_t)x->found.len - 1;
		at += i->a.size;
		if (i->a.target != NONE && !i->a.call)
			lead(x, i->a.target);
		bool falls = i->a.falls;

		if (i->a.indirect)
			read_table(x, i->at, at);
		if (!falls)
			return;
	}
}

static bool prepare_bytes(struct slots *x)
{
	size_t n = x->part->hi - x->part->lo;

	if (n > x->bytes) {
		free(x->marks);
		free(x->where);
		x->marks = malloc(n);
		x->where = malloc(n * sizeof(*x->where));
		x->bytes = x->marks && x->where ? n : 0;
	}
	if (!x->bytes)
		return false;
	memset(x->marks, 0, n);
	return true;
}

/* Patches are starts, too: those in code that only exceptions lead to. */
static void decode(struct slots *x)
{
	uint8_t *mark;

	x->found.len = x->insns.len = x->edges.len = x->todo.len = 0;
	if (!prepare_bytes(x)) {
		x->nomem = true;
		return;
	}
	for (uint32_t k = x->end; k-- > x->first;)
		lead(x, x->f->patches.data[k].lo);
	lead(x, x->part->lo);
	while (x->todo.len && !x->unknown && !x->nomem)
		decode_run(x, x->todo.data[--x->todo.len]);
	if (x->unknown || !wdx_vec_reserve(&x->insns, x->found.len)) {
		x->nomem |= !x->unknown;
		return;
	}
	for (uint32_t at = x->part->lo; at < x->part->hi; at++) {
		mark = &x->marks[at - x->part->lo];
		if (!(*mark & MARK_START))
			continue;
		x->insns.data[x->insns.len] = x->found.data[x->where[at - x->part->lo]];
		x->where[at - x->part->lo] = (uint32_t)x->insns.len++;
	}
}

/* --- The frame ---------------------------------------------------------------------------------
 */

static bool writes(const struct wdx_access *a, int reg)
{
	return a->writes[reg >> 6] >> (reg & 63) & 1;
}

/* Follows the stack pointer through the prologue. */
static void move(struct slots *x, const struct wdx_access *a)
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
}

/* Where in the slot the instruction stores; false: not known. */
static bool slot_offset(const struct slots *x, const struct wdx_access *a, int64_t *offset)
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
	int value = a->kind == WDX_DO_COPY && a->width == POINTER && a->src >= 0 && a->src < NREGS
			    ? from[a->src]
			    : -1;

	for (uint64_t bits = a->writes[0]; bits; bits &= bits - 1)
		from[__builtin_ctzll(bits)] = -1;
	if (a->result >= 0 && a->result < NREGS)
		from[a->result] = value;
}

/* Looks through the prologue for the store of the context pointer, which also tells that the
 * stack pointer was followed rightly. */
static void find_frame(struct slots *x)
{
	uint32_t end = x->f->patches.data[x->first].lo;
	int from[NREGS];
	int64_t offset;

	x->filled = NONE;
	x->dist_known = false;
	x->dist = 0;
	for (int r = 0; r < NREGS; r++)
		from[r] = r;
	for (uint32_t i = 0; i < x->insns.len && x->insns.data[i].at < end; i++) {
		const struct wdx_access *a = &x->insns.data[i].a;

		if (a->kind == WDX_DO_STORE && a->width == POINTER && a->src >= 0 &&
		    a->src < NREGS && from[a->src] >= 0 && slot_offset(x, a, &offset) && !offset) {
			x->filled = i;
			x->holders = 0;
			for (int r = 0; r < NREGS; r++)
				if (from[r] == from[a->src])
					x->holders |= UINT64_C(1) << r;
		}
		move(x, a);
		copy(a, from);
	}
	x->dist_known &= x->filled != NONE;
}

/* --- What instructions write -------------------------------------------------------------------
 */

struct op {
	uint32_t local; /* that it writes, or NONE */
	bool known;	/* its operands and results are */
	unsigned operands, results;
	uint32_t next; /* position behind it */
};

static bool type_arity(const struct slots *x, const struct wdx_wasm_type *t, unsigned more,
		       struct op *op)
{
	(void)x;
	if (!t || !t->is_func)
		return false;
	op->operands = t->nparams + more;
	op->results = t->nresults;
	return true;
}

static struct op op_at(const struct slots *x, uint32_t pos)
{
	const struct wdx_wasm *w = x->c->wasm;
	struct op op = {.local = NONE};
	struct wdx_insn insn;
	uint32_t index;

	wdx_insn_at(w, (wdx_codepos){pos}, &insn);
	op.next = pos + insn.size;
	index = insn.imm[0] < NONE ? (uint32_t)insn.imm[0] : NONE;
	if (insn.opcode == OP_LOCAL_SET || insn.opcode == OP_LOCAL_TEE) {
		op.local = index;
		op.known = index < x->s->nlocals;
	} else if (insn.opcode == OP_CALL) {
		op.known = type_arity(x, wdx_wasm_functype(w, index), 0, &op);
	} else if (insn.opcode == OP_CALL_INDIRECT) {
		op.known = index < w->types.len && type_arity(x, &w->types.data[index], 1, &op);
	} else {
		op.known = wdx_insn_arity(insn.opcode, &op.operands, &op.results);
	}
	return op;
}

static uint32_t depth_of(const struct slots *x, uint32_t shape)
{
	uint32_t n = 0;

	for (; shape != NONE && n <= MAX_DEPTH; n++)
		shape = wdx_cwasm_word(x->s->parents, shape);
	return n;
}

/* The patch of the instruction behind this one's, or NONE. */
static uint32_t next_patch(const struct slots *x, uint32_t patch, const struct op *op)
{
	const struct wdx_cwasm_patch *p = &x->f->patches.data[patch + 1];

	return patch + 1 < x->end && !p->inlined && p->wasm == op->next ? patch + 1 : NONE;
}

/* Whether the store is the one that ends a push. */
static bool is_push(const struct slots *x, uint32_t patch, const struct op *op, int64_t offset,
		    unsigned width)
{
	uint32_t next = next_patch(x, patch, op), top;

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
static enum stage store(const struct slots *x, uint32_t patch, const struct wdx_access *a)
{
	struct op op = op_at(x, x->f->patches.data[patch].wasm);
	unsigned width = a->width, size;
	int64_t offset = 0;
	bool known = slot_offset(x, a, &offset);
	uint32_t at;

	if (op.local != NONE && op.known) {
		at = wdx_cwasm_word(x->s->locals, op.local);
		size = wdx_cwasm_slot_size(x->s->local_types[op.local]);
		if (known && offset == at && width == size)
			return DONE;
		return !known || overlaps(offset, width, at, at + size) ? DIRTY : BEFORE;
	}
	if (op.known && !op.results)
		return BEFORE;
	if (known && !overlaps(offset, width, x->s->stack, x->size))
		return BEFORE;
	return known && op.known && is_push(x, patch, &op, offset, width) ? DONE : DIRTY;
}

/* --- States ------------------------------------------------------------------------------------
 */

static void follow_context(const struct slots *x, const struct insn *i, struct state *s)
{
	const struct wdx_access *a = &i->a;
	bool copied = a->kind == WDX_DO_COPY && a->width == POINTER && a->src >= 0 &&
		      a->src < NREGS && s->regs >> a->src & 1 && a->result >= 0 &&
		      a->result < NREGS;

	s->regs &= ~a->writes[0];
	if (a->call)
		s->regs &= x->preserved;
	if (copied)
		s->regs |= UINT64_C(1) << a->result;
}

/* Whether the instruction gives up the frame, or part of it. */
static bool leaves_frame(const struct slots *x, const struct wdx_access *a)
{
	if (writes(a, x->fp))
		return true;
	if (!writes(a, x->sp) || a->call || a->kind == WDX_DO_PUSH)
		return false;
	return a->kind != WDX_DO_ADDR || a->result != x->sp || a->base != x->sp || a->disp > 0;
}

/* The patch that begins there, or NONE. */
static uint32_t patch_at(const struct slots *x, uint32_t at)
{
	uint32_t lo = x->first, hi = x->end, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (x->f->patches.data[mid].lo < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->end && x->f->patches.data[lo].lo == at ? lo : NONE;
}

/* At a patch all is known, wherever control came from. */
static void enter_patch(const struct slots *x, uint32_t at, struct state *s)
{
	uint32_t patch = patch_at(x, at);

	if (patch == NONE)
		return;
	s->level = x->f->patches.data[patch].inlined ? UP : KNOWN;
	s->stage = BEFORE;
	s->patch = patch;
}

static struct state step(const struct slots *x, const struct insn *i)
{
	struct state s = i->in;
	uint32_t pos;

	follow_context(x, i, &s);
	if (x->filled != NONE && i == &x->insns.data[x->filled] && s.level == DOWN) {
		s.level = UP;
		s.regs = x->holders;
	}
	if (leaves_frame(x, &i->a))
		s.level = DOWN;
	if (s.level != KNOWN)
		return s;
	pos = x->f->patches.data[s.patch].wasm;
	if (x->hidden && x->c->wasm->kinds[pos] & WDX_INSN_CONTROL)
		s.level = UP;
	else if (i->a.store && s.stage == BEFORE)
		s.stage = store(x, s.patch, &i->a);
	return s;
}

/* What is true whichever way control came; false: nothing new. */
static bool join(struct state *to, const struct state *s)
{
	struct state old = *to;

	if (old.level == UNREACHED) {
		*to = *s;
		return true;
	}
	to->regs &= s->regs;
	if (s->level < to->level)
		to->level = s->level;
	if (to->level != KNOWN) {
		to->stage = BEFORE;
		to->patch = 0;
	} else if (to->patch != s->patch ||
		   (to->stage != s->stage && (to->stage == DONE || s->stage == DONE))) {
		to->level = UP;
		to->stage = BEFORE;
		to->patch = 0;
	} else if (s->stage == DIRTY) {
		to->stage = DIRTY;
	}
	return to->level != old.level || to->stage != old.stage || to->patch != old.patch ||
	       to->regs != old.regs;
}

static void reach(struct slots *x, uint32_t at, struct state s)
{
	uint32_t *slot, i;

	if (at < x->part->lo || at >= x->part->hi || !(x->marks[at - x->part->lo] & MARK_START)) {
		x->unknown = true;
		return;
	}
	i = x->where[at - x->part->lo];
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
	const struct edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

static void reach_table(struct slots *x, uint32_t from, struct state s)
{
	size_t lo = 0, hi = x->edges.len, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (x->edges.data[mid].from < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < x->edges.len && x->edges.data[lo].from == from; lo++)
		reach(x, x->edges.data[lo].to, s);
}

static void go_on(struct slots *x, const struct insn *i)
{
	struct state s = step(x, i);
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
static void find_states(struct slots *x)
{
	x->todo.len = 0;
	if (x->edges.len)
		qsort(x->edges.data, x->edges.len, sizeof(*x->edges.data), by_from);
	for (size_t i = 0; i < x->insns.len && !x->unknown && !x->nomem; i++) {
		if (x->insns.data[i].in.level == UNREACHED)
			reach(x, x->insns.data[i].at, (struct state){.level = DOWN});
		while (x->todo.len && !x->unknown && !x->nomem)
			go_on(x, &x->insns.data[x->todo.data[--x->todo.len]]);
	}
}

/* --- What is where -----------------------------------------------------------------------------
 */

static void add_span(struct slots *x, spans *v, struct span s)
{
	struct span *last = v->len ? &v->data[v->len - 1] : NULL;

	if (s.lo >= s.hi)
		return;
	if (last && last->hi == s.lo && last->index == s.index && last->place == s.place) {
		last->hi = s.hi;
		return;
	}
	last = wdx_vec_push(v);
	if (last)
		*last = s;
	x->nomem |= !last;
}

/* The frame pointer is two words below the canonical frame address, where the unwind rows say so:
 * only there are slots looked for. */
enum { CFA_TO_FP = 2 * POINTER };

static uint32_t slot_place(struct slots *x, uint32_t offset)
{
	int64_t at = (int64_t)offset - (int64_t)x->s->to_fp - CFA_TO_FP;
	uint32_t place = wdx_map_place_mem(x->c->map, WDX_BASE_CFA, 0, &at, 1);

	x->nomem |= place == NONE;
	return place;
}

/* The places on the operand stack in that state, from the bottom; how many. */
static uint32_t stack_in(struct slots *x, const struct state *s, struct span *out)
{
	const struct wdx_cwasm_patch *p = &x->f->patches.data[s->patch];
	uint32_t shape = p->shape, n, next, keep, depth;
	struct op op = op_at(x, p->wasm);

	keep = depth = depth_of(x, shape);
	next = s->stage == DONE ? next_patch(x, s->patch, &op) : NONE;
	if (next != NONE) {
		shape = x->f->patches.data[next].shape;
		keep = depth = depth_of(x, shape);
	} else if (s->stage != BEFORE && op.local == NONE) {
		keep = op.known && op.operands <= depth ? depth - op.operands : 0;
	}
	if (depth > MAX_DEPTH)
		return 0;
	for (n = depth; n-- > 0; shape = wdx_cwasm_word(x->s->parents, shape)) {
		bool shown = n < keep && wdx_cwasm_slot_shown(x->s->top_types[shape]);

		out[n].index = n;
		out[n].place = shown ? slot_place(x, wdx_cwasm_word(x->s->tops, shape)) : NONE;
	}
	return keep;
}

static void close_stack(struct slots *x, uint32_t from, uint32_t at)
{
	while (x->nopen > from) {
		struct span s = x->open[--x->nopen];

		s.hi = at;
		if (s.place != NONE)
			add_span(x, &x->stack, s);
	}
}

static void update_stack(struct slots *x, const struct state *s, uint32_t at)
{
	struct span now[MAX_DEPTH];
	uint32_t n = stack_in(x, s, now), same = 0;

	while (same < n && same < x->nopen && now[same].place == x->open[same].place)
		same++;
	close_stack(x, same, at);
	for (; x->nopen < n; x->nopen++) {
		x->open[x->nopen] = now[x->nopen];
		x->open[x->nopen].lo = at;
	}
}

static void add_known(struct slots *x, const struct insn *i, const struct insn *before)
{
	const struct state *s = &i->in;
	uint32_t hi = i->at + i->a.size;
	struct op op;

	add_span(x, &x->known, (struct span){.lo = i->at, .hi = hi});
	if (!before || before->in.level != KNOWN || before->in.patch != s->patch ||
	    before->in.stage != s->stage)
		update_stack(x, s, i->at);
	if (s->stage != DIRTY)
		return;
	op = op_at(x, x->f->patches.data[s->patch].wasm);
	if (op.local != NONE)
		add_span(x, &x->lost, (struct span){.lo = i->at, .hi = hi, .index = op.local});
}

/* The unwind row in force at `at`; *row only grows. */
static bool is_framed(const struct slots *x, uint32_t at, uint32_t *row)
{
	const struct wdx_map_row *rows = x->c->map->rows.data + x->part->first_row;

	while (*row < x->part->nrows && rows[*row].native <= at)
		++*row;
	return *row && !rows[*row - 1].cfa_n && rows[*row - 1].cfa_reg == x->fp &&
	       rows[*row - 1].cfa_off == CFA_TO_FP;
}

static void find_spans(struct slots *x)
{
	const struct insn *before = NULL;
	uint32_t row = 0;
	struct insn *i;

	x->known.len = x->up.len = x->lost.len = x->stack.len = x->nopen = 0;
	wdx_vec_each (i, &x->insns) {
		if (before && before->at + before->a.size != i->at) {
			close_stack(x, 0, before->at + before->a.size);
			before = NULL;
		}
		if (i->in.level > DOWN && !is_framed(x, i->at, &row))
			i->in.level = DOWN;
		if (i->in.level > DOWN && x->filled != NONE)
			add_span(x, &x->up, (struct span){.lo = i->at, .hi = i->at + i->a.size});
		if (i->in.level == KNOWN)
			add_known(x, i, before);
		else
			close_stack(x, 0, i->at);
		before = i;
	}
	if (before)
		close_stack(x, 0, before->at + before->a.size);
}

/* --- The outcome -------------------------------------------------------------------------------
 */

static void put_pair(struct slots *x, uint32_t first, uint32_t native, uint32_t wasm)
{
	struct wdx_map_pair *last = x->pairs.len > first ? &x->pairs.data[x->pairs.len - 1] : NULL;

	if (last && last->wasm == wasm)
		return;
	if (!last || last->native != native)
		last = wdx_vec_push(&x->pairs);
	if (last)
		*last = (struct wdx_map_pair){native, wasm};
	x->nomem |= !last;
}

static uint32_t position(const struct slots *x, const struct state *s)
{
	uint32_t pos = x->f->patches.data[s->patch].wasm;

	return s->stage == DONE ? op_at(x, pos).next : pos;
}

/* Code that is no function of the module's keeps what the address map says of it. */
static void keep_pairs(struct slots *x, const struct wdx_map_part *part)
{
	const struct wdx_map_pair *p = x->c->map->pairs.data + part->first;

	for (uint32_t i = 0; i < part->n && !x->nomem; i++) {
		struct wdx_map_pair *to = wdx_vec_push(&x->pairs);

		if (to)
			*to = p[i];
		x->nomem |= !to;
	}
}

/* Elsewhere only what is certain is a position: the address map gives those of moved code, too. */
static void put_positions(struct slots *x, uint32_t first)
{
	const struct insn *i;
	uint32_t end = 0;

	wdx_vec_each (i, &x->insns) {
		if (end && end != i->at)
			put_pair(x, first, end, NONE);
		put_pair(x, first, i->at, i->in.level == KNOWN ? position(x, &i->in) : NONE);
		end = i->at + i->a.size;
	}
	if (end && end < x->part->hi)
		put_pair(x, first, end, NONE);
}

/* In code that could not be followed, only at the patches. */
static void put_patches(struct slots *x, uint32_t first)
{
	put_pair(x, first, x->part->lo, NONE);
	for (uint32_t k = x->first; k < x->end; k++) {
		const struct wdx_cwasm_patch *p = &x->f->patches.data[k];

		if (p->inlined)
			continue;
		put_pair(x, first, p->lo, p->wasm);
		if (p->hi < x->part->hi)
			put_pair(x, first, p->hi, NONE);
	}
}

static struct wdx_map_entity *put_entity(struct slots *x, uint32_t kind, uint32_t index)
{
	struct wdx_map_entity *e = wdx_vec_push(&x->entities);

	if (e)
		*e = (struct wdx_map_entity){kind, index, (uint32_t)x->ranges.len, 0};
	x->nomem |= !e;
	return e;
}

static void put_range(struct slots *x, struct wdx_map_entity *e, uint32_t lo, uint32_t hi,
		      uint32_t place)
{
	struct wdx_map_range *r = lo < hi ? wdx_vec_push(&x->ranges) : NULL;

	if (r) {
		*r = (struct wdx_map_range){lo, hi, place};
		e->n++;
	}
	x->nomem |= !r && lo < hi;
}

/* Known spans without those where the local is lost: lost[*k..]. */
static void put_local(struct slots *x, uint32_t local, size_t *k)
{
	struct wdx_map_entity *e;
	const struct span *s;
	uint32_t place, lo;

	if (!wdx_cwasm_slot_shown(x->s->local_types[local]))
		return;
	e = put_entity(x, WDX_ENT_LOCAL, local);
	place = slot_place(x, wdx_cwasm_word(x->s->locals, local));
	while (*k < x->lost.len && x->lost.data[*k].index < local)
		++*k;
	for (s = x->known.data; !x->nomem && s < x->known.data + x->known.len; s++) {
		for (lo = s->lo; *k < x->lost.len && x->lost.data[*k].index == local &&
				 x->lost.data[*k].lo < s->hi;
		     ++*k) {
			put_range(x, e, lo, x->lost.data[*k].lo, place);
			lo = x->lost.data[*k].hi;
		}
		put_range(x, e, lo, s->hi, place);
	}
}

static int by_index(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void sort_spans(spans *v)
{
	if (v->len)
		qsort(v->data, v->len, sizeof(*v->data), by_index);
}

static void put_stack(struct slots *x)
{
	struct wdx_map_entity *e = NULL;
	struct wdx_map_range *last;
	const struct span *s;

	sort_spans(&x->stack);
	wdx_vec_each (s, &x->stack) {
		if (!e || e->index != s->index)
			e = put_entity(x, WDX_ENT_STACK, s->index);
		last = e && e->n ? &x->ranges.data[x->ranges.len - 1] : NULL;
		if (last && last->hi == s->lo && last->place == s->place)
			last->hi = s->hi;
		else if (!x->nomem)
			put_range(x, e, s->lo, s->hi, s->place);
		if (x->nomem)
			return;
	}
}

static void put_context(struct slots *x)
{
	struct wdx_map_entity *e;
	uint32_t place;

	if (!x->up.len)
		return;
	e = put_entity(x, WDX_ENT_CONTEXT, 0);
	place = slot_place(x, 0);
	for (size_t i = 0; i < x->up.len && !x->nomem; i++)
		put_range(x, e, x->up.data[i].lo, x->up.data[i].hi, place);
}

static void put_holders(struct slots *x)
{
	struct wdx_cwasm_holders *h;
	uint64_t regs = 0;
	struct insn *i;

	wdx_vec_each (i, &x->insns) {
		if (i->in.regs == regs)
			continue;
		regs = i->in.regs;
		h = wdx_vec_push(&x->c->holders);
		if (h)
			*h = (struct wdx_cwasm_holders){i->at, regs};
		x->nomem |= !h;
	}
	h = regs ? wdx_vec_push(&x->c->holders) : NULL;
	if (h)
		*h = (struct wdx_cwasm_holders){x->part->hi, 0};
	x->nomem |= regs && !h;
}

static void put_entities(struct slots *x)
{
	uint64_t cost = (uint64_t)x->s->nlocals * x->known.len + x->lost.len + x->stack.len;
	size_t k = 0;

	if (cost > x->budget) {
		x->c->map->faults++;
		return;
	}
	x->budget -= cost;
	sort_spans(&x->lost);
	for (uint32_t i = 0; i < x->s->nlocals && x->known.len && !x->nomem; i++)
		put_local(x, i, &k);
	if (!x->nomem)
		put_stack(x);
	if (!x->nomem)
		put_context(x);
}

/* --- Functions ---------------------------------------------------------------------------------
 */

static uint32_t first_patch(const struct wdx_cwasm_frames *f, uint32_t at)
{
	uint32_t lo = 0, hi = (uint32_t)f->patches.len, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (f->patches.data[mid].lo < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

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
static bool begin(struct slots *x, const struct wdx_map_part *part)
{
	const struct wdx_cwasm_patch *p;
	uint8_t op;

	x->part = part;
	x->first = first_patch(x->f, part->lo);
	x->end = first_patch(x->f, part->hi);
	x->hidden = x->unknown = false;
	x->s = NULL;
	for (uint32_t k = x->first; k < x->end; k++) {
		p = &x->f->patches.data[k];
		if (p->inlined)
			continue;
		if (x->s && x->s != &x->f->slots.data[p->desc])
			return false;
		x->s = &x->f->slots.data[p->desc];
		op = x->c->wasm->data[x->c->wasm->code.v + p->wasm];
		x->hidden |= op == OP_TRY_TABLE || op == OP_TRY;
	}
	if (!x->s)
		return false;
	x->size = slot_size(x->s);
	return true;
}

static bool analyse(struct slots *x, const struct wdx_map_part *part)
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
	find_spans(x);
	return !x->nomem;
}

static void take_function(struct slots *x, struct wdx_map_part *part)
{
	struct wdx_map_func *func = &x->c->map->funcs.data[part->func];
	uint32_t first = (uint32_t)x->pairs.len;

	func->first_entity = (uint32_t)x->entities.len;
	if (func->index == WDX_NO_INDEX) {
		keep_pairs(x, part);
	} else if (analyse(x, part)) {
		put_entities(x);
		put_holders(x);
		put_positions(x, first);
	} else {
		x->c->map->faults++;
		put_patches(x, first);
	}
	func->nentities = (uint32_t)x->entities.len - func->first_entity;
	part->first = first;
	part->n = (uint32_t)x->pairs.len - first;
}

/* --- The whole ---------------------------------------------------------------------------------
 */

static void replace(struct slots *x)
{
	struct wdx_map *m = x->c->map;

	wdx_vec_free(&m->pairs);
	wdx_vec_free(&m->entities);
	wdx_vec_free(&m->ranges);
	memcpy(&m->pairs, &x->pairs, sizeof(x->pairs));
	memcpy(&m->entities, &x->entities, sizeof(x->entities));
	memcpy(&m->ranges, &x->ranges, sizeof(x->ranges));
	memset(&x->pairs, 0, sizeof(x->pairs));
	memset(&x->entities, 0, sizeof(x->entities));
	memset(&x->ranges, 0, sizeof(x->ranges));
}

static void deinit(struct slots *x)
{
	wdx_accesses_destroy(x->accesses);
	free(x->marks);
	free(x->where);
	wdx_vec_free(&x->found);
	wdx_vec_free(&x->insns);
	wdx_vec_free(&x->edges);
	wdx_vec_free(&x->todo);
	wdx_vec_free(&x->known);
	wdx_vec_free(&x->up);
	wdx_vec_free(&x->lost);
	wdx_vec_free(&x->stack);
	wdx_vec_free(&x->pairs);
	wdx_vec_free(&x->entities);
	wdx_vec_free(&x->ranges);
	free(x);
}

static void init(struct slots *x, struct wdx_cwasm *c)
{
	x->c = c;
	x->fp = c->machine == EM_X86_64 ? 6 : 29; /* rbp, x29 */
	x->sp = wdx_target_stack_pointer(c->target);
	x->budget = RANGES_PER_BYTE * ((uint64_t)c->text->size + c->size);
	for (size_t i = 0; i < c->map->preserved.len; i++)
		if (c->map->preserved.data[i] < NREGS)
			x->preserved |= UINT64_C(1) << c->map->preserved.data[i];
}

struct wdx_error *wdx_cwasm_take_slots(struct wdx_cwasm *c, const struct wdx_cwasm_frames *f)
{
	struct slots *x = calloc(1, sizeof(*x));
	struct wdx_map_part *part;
	struct wdx_error *err;
	bool nomem;

	if (!x)
		return &wdx_nomem;
	x->f = f;
	init(x, c);
	err = wdx_accesses_create(&x->accesses, c->target);
	if (!err && x->accesses) {
		wdx_vec_each (part, &c->map->parts)
			if (!x->nomem)
				take_function(x, part);
		if (!x->nomem)
			replace(x);
		c->map->instrumented = !x->nomem;
	}
	nomem = x->nomem;
	deinit(x);
	return err ? err : nomem ? &wdx_nomem : NULL;
}
