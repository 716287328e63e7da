/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Where in the context (the engine's VMContext) memories and globals are.
 *
 * Its layout changes from version to version, so it is learnt from the code: the native instruction
 * that the address map ties to a global.get or global.set, and that goes through the context
 * register, names the cell.  All sightings must agree.  What holds in all versions from 24 on:
 *
 * - the module's own globals are cells of 16 bytes, one behind the other in the order of their
 *   indices, so that one that was seen tells where all are;
 * - the base of the module's own memory is in the context, followed by its length;
 * - for an imported global, and for an imported or shared memory, there is a pointer to the cell,
 * or to the pair of base and length.
 */
#include "map/cwasm.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/search.h"
#include "native/access.h"
#include "wasm/opcode.h"

enum { CELL = 16, POINTER = 8, NREGS = 64 };

/* Bytes of code after which no more is looked at, once everything has been seen: the layout is one
 * for the whole image, and disassembling all of a large one costs as much as translating it. */
enum { ENOUGH = 16 * 1024 };

enum kind { NOTHING, GLOBAL_GET, GLOBAL_SET, MEMORY };

struct subject { /* a wasm instruction that uses a global or a memory */
	uint32_t pos;
	enum kind kind;
	uint32_t index;
};

struct sight {
	bool seen, contradicted;
	int64_t offset;
};

struct pointer {	   /* what a register holds: the pointer at context + offset */
	struct subject of; /* what it was loaded for */
	int64_t offset;
};

struct learning {
	struct wdx_cwasm *c;
	struct wdx_accesses *accesses;
	WDX_VEC(struct subject) subjects; /* of the function at hand, sorted */
	const struct wdx_map_entity *context;
	struct pointer regs[NREGS];
	uint64_t known;		/* bit n: regs[n] holds */
	uint64_t looked;	/* bytes of code looked at */
	struct sight cells;	/* of the first of the module's own globals */
	struct sight *globals;	/* imported ones: of the pointer */
	struct sight *memories; /* of the base or of the pointer */
	uint32_t *own;		/* of a global: its rank among the module's own */
};

static void see(struct sight *s, int64_t offset)
{
	if (s->seen && s->offset != offset)
		s->contradicted = true;
	s->seen = true;
	s->offset = offset;
}

/* --- What the function's instructions use ------------------------------------------------------
 */

/* Loads and stores of one address; not those of whole ranges, nor memory.size. */
static bool accesses_memory(uint16_t opcode)
{
	return (opcode >= 0x28 && opcode <= 0x3e) || (opcode >= 0xfd00 && opcode <= 0xfd0b) ||
	       (opcode >= 0xfd54 && opcode <= 0xfd5d) ||
	       (opcode >= 0xfe00 && opcode <= 0xfe4e && opcode != 0xfe03);
}

static struct subject subject_of(const struct wdx_wasm *m, const struct wdx_insn *insn)
{
	struct subject s = {.pos = insn->pos.v, .index = (uint32_t)insn->imm[0]};

	if (insn->opcode == WDX_WASM_GLOBAL_GET)
		s.kind = GLOBAL_GET;
	else if (insn->opcode == WDX_WASM_GLOBAL_SET)
		s.kind = GLOBAL_SET;
	else if (accesses_memory(insn->opcode))
		s.kind = MEMORY;
	if (s.index >= (s.kind == MEMORY ? m->memories.len : m->globals.len))
		s.kind = NOTHING;
	return s;
}

/* Whether nothing has been seen yet of what the instruction uses. */
static bool is_news(const struct learning *l, const struct subject *s)
{
	if (s->kind == MEMORY)
		return !l->memories[s->index].seen;
	return l->c->wasm->globals.data[s->index].imported ? !l->globals[s->index].seen
							   : !l->cells.seen;
}

/* The function's subjects; none when there is nothing to learn from them. */
static struct wdx_error *find_subjects(struct learning *l, const struct wdx_wasm_func *f)
{
	bool wanted = l->looked < ENOUGH;
	struct wdx_insn_iter it;
	struct wdx_insn insn;
	struct subject s;

	l->subjects.len = 0;
	wdx_insn_begin(&it, l->c->wasm, f);
	while (wdx_insn_next(&it, &insn)) {
		s = subject_of(l->c->wasm, &insn);
		if (s.kind == NOTHING)
			continue;
		if (!wdx_vec_reserve(&l->subjects, 1))
			return &wdx_nomem;
		l->subjects.data[l->subjects.len++] = s;
		wanted = wanted || is_news(l, &s);
	}
	if (!wanted)
		l->subjects.len = 0;
	return NULL;
}

static int by_pos(const void *a, const void *b)
{
	const struct subject *x = a, *y = b;

	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

static struct subject subject_at(const struct learning *l, uint32_t pos)
{
	struct subject key = {.pos = pos}, *s;

	s = bsearch(&key, l->subjects.data, l->subjects.len, sizeof(key), by_pos);
	return s ? *s : (struct subject){.kind = NOTHING};
}

/* --- Native instructions -----------------------------------------------------------------------
 */

/* The same as told by code that was followed (cwasm_slots.c). */
static bool is_holder(const struct wdx_cwasm *c, int reg, uint32_t at)
{
	size_t behind = wdx_search(i, 0, c->holders.len, c->holders.data[i].at <= at);

	return behind && reg < NREGS && c->holders.data[behind - 1].regs >> reg & 1;
}

/* Whether reg holds the context pointer for the instruction at [at, end).  Ranges of older versions
 * begin one byte late. */
static bool is_context(const struct learning *l, int reg, uint32_t at, uint32_t end)
{
	const struct wdx_map *m = l->c->map;
	const struct wdx_map_range *r;
	uint32_t i, nomore;
	const struct wdx_place *p;

	if (m->instrumented)
		return is_holder(l->c, reg, at);
	nomore = l->context->first + l->context->n;
	i = wdx_search(k, l->context->first, nomore, m->ranges.data[k].hi <= at);
	if (i == nomore)
		return false;
	r = &m->ranges.data[i];
	p = &m->places.data[r->place];
	return r->lo < end && p->kind == WDX_PLACE_REG && p->reg == reg;
}

static bool same_subject(const struct subject *a, const struct subject *b)
{
	return (a->kind == MEMORY) == (b->kind == MEMORY) && a->index == b->index;
}

/* The pointer that the instruction's address is made of, if it was loaded for the same thing. */
static const struct pointer *pointer_of(const struct learning *l, const struct subject *s,
					const struct wdx_access *a)
{
	const struct pointer *p = a->base >= 0 && a->base < NREGS ? &l->regs[a->base] : NULL;

	return p && l->known >> a->base & 1 && same_subject(&p->of, s) ? p : NULL;
}

static void judge_global(struct learning *l, const struct subject *s, const struct wdx_access *a,
			 bool context)
{
	const struct wdx_wasm_global *g = &l->c->wasm->globals.data[s->index];
	const struct pointer *p;

	if (a->indexed || !a->width || a->width != wdx_wasm_type_size(g->type) ||
	    !(s->kind == GLOBAL_GET ? a->load : a->store))
		return;
	if (!g->imported) {
		if (context)
			see(&l->cells, a->disp - (int64_t)CELL * l->own[s->index]);
		return;
	}
	p = pointer_of(l, s, a);
	if (p && !a->disp)
		see(&l->globals[s->index], p->offset);
}

static bool is_indirect(const struct wdx_wasm_memory *mem)
{
	return mem->imported || mem->shared;
}

static void judge_memory(struct learning *l, const struct subject *s, const struct wdx_access *a)
{
	const struct wdx_wasm_memory *mem = &l->c->wasm->memories.data[s->index];
	const struct pointer *p = pointer_of(l, s, a);

	/* A sum is no access: of the length, for a bounds check. */
	if (!p || a->kind == WDX_DO_ADDR)
		return;
	/* Behind the pointer the base comes first; the length is not followed as an address. */
	if (is_indirect(mem) && (a->indexed || a->disp || !a->load || a->width != POINTER))
		return;
	see(&l->memories[s->index], p->offset);
}

/* Notes which registers hold pointers out of the context after the instruction. */
static void follow(struct learning *l, const struct subject *s, const struct wdx_access *a,
		   bool context)
{
	l->known = a->leaves ? 0 : l->known & ~a->writes[0];
	if (!context || !a->load || a->indexed || a->width != POINTER || a->result < 0 ||
	    a->result >= NREGS || s->kind == NOTHING)
		return;
	l->known |= UINT64_C(1) << a->result;
	l->regs[a->result] = (struct pointer){.of = *s, .offset = a->disp};
}

static void learn_run(struct learning *l, const struct subject *s, uint32_t at, uint32_t end)
{
	const uint8_t *code = l->c->text->data;
	struct wdx_access a;
	bool context;

	for (; at < end; at += a.size) {
		a = wdx_target_mem_access(l->accesses, code + at, end - at, at);
		if (!a.ok || a.size > end - at) { /* data */
			l->known = 0;
			return;
		}
		context = a.base >= 0 && is_context(l, a.base, at, at + a.size);
		if (s->kind == MEMORY)
			judge_memory(l, s, &a);
		else if (s->kind != NOTHING)
			judge_global(l, s, &a, context);
		follow(l, s, &a, context);
	}
}

static const struct wdx_map_entity *context_of(const struct wdx_map *m,
					       const struct wdx_map_func *f)
{
	uint32_t i;

	for (i = 0; i < f->nentities; i++)
		if (m->entities.data[f->first_entity + i].kind == WDX_ENT_CONTEXT)
			return &m->entities.data[f->first_entity + i];
	return NULL;
}

static struct wdx_error *learn_function(struct learning *l, const struct wdx_map_part *part)
{
	const struct wdx_map *m = l->c->map;
	const struct wdx_map_func *f = &m->funcs.data[part->func];
	const struct wdx_map_pair *pair = m->pairs.data + part->first;
	struct wdx_error *err;
	struct subject s;
	uint32_t i;

	l->context = context_of(m, f);
	if (f->index == WDX_NO_INDEX || !l->context)
		return NULL;
	err = find_subjects(l, &l->c->wasm->funcs.data[f->index - l->c->wasm->nimported_funcs]);
	if (err || !l->subjects.len)
		return err;
	l->known = 0;
	l->looked += part->hi - part->lo;
	for (i = 0; i < part->n; i++) {
		s = subject_at(l, pair[i].wasm);
		learn_run(l, &s, pair[i].native, i + 1 < part->n ? pair[i + 1].native : part->hi);
	}
	return NULL;
}

static bool is_enough(const struct learning *l)
{
	const struct wdx_wasm *m = l->c->wasm;
	bool all = l->looked >= ENOUGH;

	for (size_t i = 0; all && i < m->memories.len; i++)
		all = l->memories[i].seen;
	for (size_t i = 0; all && i < m->globals.len; i++)
		all = m->globals.data[i].imported ? l->globals[i].seen : l->cells.seen;
	return all;
}

/* --- Results -----------------------------------------------------------------------------------
 */

static struct wdx_error *put_global(struct learning *l, uint32_t index, const int64_t *offsets,
				    size_t n)
{
	uint32_t place = wdx_map_place_mem(l->c->map, WDX_BASE_CONTEXT, 0, offsets, n);
	struct wdx_map_global *g = wdx_vec_push(&l->c->map->globals);

	if (place == UINT32_MAX || !g)
		return &wdx_nomem;
	*g = (struct wdx_map_global){.index = index, .place = place};
	return NULL;
}

static struct wdx_error *put_memory(struct learning *l, uint32_t index, const int64_t *offsets,
				    size_t n)
{
	uint32_t place = wdx_map_place_mem(l->c->map, WDX_BASE_CONTEXT, 0, offsets, n);
	struct wdx_map_memory *mem = wdx_vec_push(&l->c->map->memories);

	if (place == UINT32_MAX || !mem)
		return &wdx_nomem;
	*mem = (struct wdx_map_memory){
		.index = index, .place = place, .is64 = l->c->wasm->memories.data[index].is64};
	return NULL;
}

/* Says whether a sight can be believed; one that cannot is a claim dropped. */
static bool believe(struct learning *l, const struct sight *s)
{
	if (!s->seen)
		return false;
	if (!s->contradicted && s->offset > 0)
		return true;
	l->c->map->faults++;
	return false;
}

static struct wdx_error *put_globals(struct learning *l)
{
	const struct wdx_wasm *m = l->c->wasm;
	bool own = believe(l, &l->cells);
	struct wdx_error *err = NULL;
	int64_t offsets[2] = {0};
	uint32_t i;

	if (own && l->cells.offset % CELL) {
		l->c->map->faults++;
		own = false;
	}
	for (i = 0; !err && i < m->globals.len; i++) {
		offsets[0] = m->globals.data[i].imported
				     ? l->globals[i].offset
				     : l->cells.offset + (int64_t)CELL * l->own[i];
		if (!wdx_wasm_type_size(m->globals.data[i].type))
			continue;
		if (m->globals.data[i].imported ? believe(l, &l->globals[i]) : own)
			err = put_global(l, i, offsets, m->globals.data[i].imported ? 2 : 1);
	}
	return err;
}

/* Memory 0 of the module's own is told by the synthetic DWARF; the code must not say otherwise. */
static bool find_memory(struct learning *l, uint32_t i, int64_t *offset)
{
	struct sight *s = &l->memories[i];

	if (!i && l->c->has_memory && !is_indirect(&l->c->wasm->memories.data[0]))
		see(s, (int64_t)l->c->memory);
	*offset = s->offset;
	return believe(l, s);
}

static struct wdx_error *put_memories(struct learning *l)
{
	const struct wdx_wasm *m = l->c->wasm;
	struct wdx_error *err = NULL;
	int64_t offsets[2] = {0};
	uint32_t i;

	for (i = 0; !err && i < m->memories.len; i++)
		if (find_memory(l, i, &offsets[0]))
			err = put_memory(l, i, offsets, is_indirect(&m->memories.data[i]) ? 2 : 1);
	return err;
}

/* --- The whole ---------------------------------------------------------------------------------
 */

static struct wdx_error *prepare(struct learning *l)
{
	const struct wdx_wasm *m = l->c->wasm;
	uint32_t i, own = 0;

	l->globals = calloc(m->globals.len + 1, sizeof(*l->globals));
	l->memories = calloc(m->memories.len + 1, sizeof(*l->memories));
	l->own = calloc(m->globals.len + 1, sizeof(*l->own));
	if (!l->globals || !l->memories || !l->own)
		return &wdx_nomem;
	for (i = 0; i < m->globals.len; i++)
		l->own[i] = m->globals.data[i].imported ? 0 : own++;
	return wdx_accesses_create(&l->accesses, l->c->target);
}

struct wdx_error *wdx_cwasm_cells(struct wdx_cwasm *c)
{
	struct learning *l = calloc(1, sizeof(*l));
	const struct wdx_map_part *part;
	struct wdx_error *err;

	if (!l)
		return &wdx_nomem;
	l->c = c;
	err = prepare(l);
	wdx_vec_each (part, &c->map->parts)
		if (!err && l->accesses && !is_enough(l))
			err = learn_function(l, part);
	if (!err)
		err = put_memories(l);
	if (!err)
		err = put_globals(l);
	wdx_accesses_destroy(l->accesses);
	wdx_vec_free(&l->subjects);
	free(l->globals);
	free(l->memories);
	free(l->own);
	free(l);
	return err;
}
