/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * For xexpr.c: a wasm state, random places that hold it, and random wasm expressions together with
 * what they mean.
 */
#ifndef WDX_XEXPR_WASM_H
#define WDX_XEXPR_WASM_H

#include "dwarf/decode.h"
#include "xexpr_machine.h"

#define NLOCALS 7
#define NGLOBALS 3
#define NSTACK 3

/* ---- the wasm side ----------------------------------------------------------------------------
 */

enum { I32_LOCAL = 0, I64_LOCAL = 2 };
static const uint8_t local_types[NLOCALS] = {WDX_I32, WDX_I32, WDX_I64, WDX_F32,
					     WDX_F64, WDX_I64, WDX_I32};
static const uint8_t global_types[NGLOBALS] = {WDX_I32, WDX_I64, WDX_F64};
static const uint8_t stack_types[NSTACK] = {WDX_I32, WDX_I64, WDX_F32};
static uint64_t locals[NLOCALS], globals[NGLOBALS], slots[NSTACK];

static struct wdx_wasm wasm;
static struct wdx_wasm_func func;
static struct wdx_map map;
static struct wdx_place places[512];
/* Those that are computed are taken from the end. */
enum { NPLACES = sizeof(places) / sizeof(*places), NCOMPUTED = 64 };
static struct wdx_xenv env;
static struct wdx_unit unit;
static struct wdx_cursor cursor = {.unit = &unit};

static void init_wasm(void)
{
	static struct wdx_wasm_type type = {3, 0, local_types, NULL, true};
	static struct wdx_wasm_run runs[NLOCALS];
	static struct wdx_wasm_global g[NGLOBALS];
	static int64_t offsets[256];
	static uint8_t blob[256];

	wasm.types.data = &type;
	wasm.types.len = 1;
	for (uint32_t i = 3; i < NLOCALS; i++)
		runs[i - 3] = (struct wdx_wasm_run){i + 1, local_types[i]};
	wasm.runs.data = runs;
	wasm.runs.len = func.nruns = NLOCALS - 3;
	for (unsigned i = 0; i < NGLOBALS; i++)
		g[i] = (struct wdx_wasm_global){.mutable_ = i != 1, .type = global_types[i]};
	wasm.globals.data = g;
	wasm.globals.len = NGLOBALS;
	func.nlocals = NLOCALS;
	map.offsets.data = offsets;
	map.offsets.cap = 256;
	map.places.data = places;
	map.places.len = NPLACES;
	map.blob.data = blob;
	map.blob.cap = 256;
	env = (struct wdx_xenv){.wasm = &wasm,
				.map = &map,
				.target = &target,
				.memory_addr = 0x10000,
				.memory_size = 0x20000};
}

static void set_config(unsigned word, bool big, bool address64)
{
	target = (struct wdx_target){word, big};
	env.address64 = address64;
	unit = (struct wdx_unit){.version = 5, .address_size = address64 ? 8 : 4, .offset_size = 4};
}

static unsigned type_size(uint8_t type)
{
	return type == WDX_I64 || type == WDX_F64 ? 8 : 4;
}

static uint64_t typed_value(uint8_t type)
{
	return type_size(type) == 4 ? (uint32_t)edge() : edge();
}

static unsigned naddresses;

/* Native addresses, no two alike in one state. */
static uint64_t native_address(void)
{
	uint64_t low = naddresses++ * 0x400000ull + rnd() % 0x8000 * 64;

	return low + (target.word == 4 ? 0x40000000 : 0x7f0000000000);
}

static void new_state(void)
{
	nstored = naddresses = 0;
	map.offsets.len = map.blob.len = 0;
	cfa = native_address();
	context = native_address();
	base = native_address();
	object = native_address();
	frame = 0x4000000 + rnd() % 0x1000000;
	for (unsigned i = 0; i < NREGS; i++)
		regs[i] = rnd();
	for (unsigned i = 0; i < NREGS && target.word == 4; i++)
		regs[i] = (uint32_t)regs[i];
	for (unsigned i = 0; i < NLOCALS; i++)
		locals[i] = typed_value(local_types[i]);
	for (unsigned i = 0; i < NGLOBALS; i++)
		globals[i] = typed_value(global_types[i]);
	for (unsigned i = 0; i < NSTACK; i++)
		slots[i] = typed_value(stack_types[i]);
}

/* ---- places that hold a value -----------------------------------------------------------------
 */

static unsigned next_reg; /* so that no two places share one */

static unsigned free_reg(void)
{
	return next_reg < 16 ? next_reg++ : 32 + next_reg++ % 16;
}

static int64_t *add_offset(int64_t v)
{
	map.offsets.data[map.offsets.len] = v;
	return &map.offsets.data[map.offsets.len++];
}

static void mem_place(struct wdx_place *p, uint64_t v, unsigned size, bool context_known)
{
	unsigned n = below(3);
	uint64_t at = native_address();

	p->kind = WDX_PLACE_MEM;
	p->base = (uint8_t)below(4);
	if (p->base == WDX_BASE_CONTEXT && !context_known)
		p->base = WDX_BASE_CFA;
	p->first = (uint32_t)map.offsets.len;
	int64_t off = (int64_t)below(4000) - 2000;

	switch (p->base) {
	case WDX_BASE_CFA:
		add_offset((int64_t)(at - cfa));
		break;
	case WDX_BASE_REG:
		p->reg = (uint16_t)free_reg();
		regs[p->reg] = clip(at - (uint64_t)*add_offset(off));
		break;
	case WDX_BASE_CONTEXT:
		add_offset((int64_t)(at - context));
		break;
	default:
		add_offset((int64_t)at);
	}
	while (n--) {
		uint64_t to = native_address();

		off = chance(30) ? 0 : (int64_t)below(4000) - 2000;
		store(at, to - (uint64_t)*add_offset(off), target.word);
		at = to;
	}
	p->n = (uint32_t)map.offsets.len - p->first;
	store(at, v, size);
}

static const struct wdx_place *make_place(uint64_t v, uint8_t type, bool context_known);

/* An integer, less an addend, in a register or in memory. */
static void sum_place(struct wdx_place *p, uint64_t v, uint8_t type, bool context_known)
{
	const struct wdx_place *of;

	p->kind = WDX_PLACE_SUM;
	p->value = chance(80) ? (uint64_t)(int64_t)((int)below(4000) - 2000) : rnd();
	do
		of = make_place(type == WDX_I32 ? (uint32_t)(v - p->value) : v - p->value, type,
				context_known);
	while (of->kind != WDX_PLACE_REG && of->kind != WDX_PLACE_MEM);
	p->first = (uint32_t)(of - places);
}

/* A random place that holds v; garbage is above it and behind it. */
static const struct wdx_place *make_place(uint64_t v, uint8_t type, bool context_known)
{
	static unsigned n;
	struct wdx_place *p = &places[n++ % (NPLACES - NCOMPUTED)];
	unsigned size = type ? type_size(type) : target.word;

	memset(p, 0, sizeof(*p));
	if ((type == WDX_I32 || type == WDX_I64) && size <= target.word && chance(20)) {
		sum_place(p, v, type, context_known);
		return p;
	}
	switch (chance(5) && size <= target.word ? 3 : below(5)) {
	case 0:
	case 1:
		if (size > target.word) {
			mem_place(p, v, size, context_known);
			break;
		}
		p->kind = WDX_PLACE_REG;
		p->reg = (uint16_t)free_reg();
		if ((type == WDX_F32 || type == WDX_F64) && chance(80))
			p->reg = (uint16_t)(VECTOR_REG + next_reg++ % 8);
		regs[p->reg] = size == 4 && target.word == 8 && type ? rnd() << 32 | v : v;
		break;
	case 2:
		p->kind = WDX_PLACE_CONST;
		/* nothing says that a constant is without garbage */
		p->value = size == 4 && type && chance(50) ? rnd() << 32 | v : v;
		break;
	case 3:
		p->kind = WDX_PLACE_EXPR;
		p->first = (uint32_t)map.blob.len;
		p->n = 1;
		p->reg = (uint16_t)free_reg();
		if (p->reg > 31)
			p->reg = 16;
		regs[p->reg] = v;
		map.blob.data[map.blob.len++] = (uint8_t)(DW_OP_reg0 + p->reg);
		break;
	default:
		mem_place(p, v, size, context_known);
	}
	return p;
}

static void make_places(const struct wdx_xexpr *x, struct wdx_xplaces *p, bool all)
{
	next_reg = 0;
	memset(p, 0, sizeof(*p));
	if (all || chance(90))
		p->context = make_place(context, 0, false);
	for (size_t i = 0; i < x->nneeds; i++) {
		uint32_t k = x->needs[i].index;

		if (!all && chance(5))
			continue;
		p->need[i] = x->needs[i].kind == WDX_ENT_LOCAL
				     ? make_place(locals[k], local_types[k], p->context)
			     : x->needs[i].kind == WDX_ENT_GLOBAL
				     ? make_place(globals[k], global_types[k], p->context)
			     : x->needs[i].kind == WDX_ENT_STACK
				     ? make_place(slots[k], stack_types[k], p->context)
				     : make_place(base, 0, p->context);
	}
}

/* ---- wasm expressions and what they mean ------------------------------------------------------
 */

/* FLEX: may be meant with 32 bits or with 64, and both must come out right.  MIXED: has no meaning
 * that could be proved; must be refused. */
enum tag { FLEX, T32, T64, MIXED };

struct meaning {
	enum tag tag;
	uint64_t v32, v64;
	uint8_t entity;			   /* type, of a whole local, global or slot */
	unsigned type;			   /* base type; value in v64 */
	bool constant, undefined, unknown; /* unknown: has a slot of unknown width in it */
	bool native;			   /* frame address, possibly moved */
};

struct gen {
	struct wdx_buf b;
	struct meaning s[16];
	unsigned n, ops;
	bool typed;
	uint8_t type; /* of the entities it takes, 0: any */
};

static struct meaning *top(struct gen *g, unsigned i)
{
	return &g->s[g->n - 1 - i];
}

static void gen_const(struct gen *g, uint64_t v)
{
	if (v < 32 && chance(50)) {
		wdx_buf_u8(&g->b, (uint8_t)(DW_OP_lit0 + v));
	} else if (chance(50)) {
		wdx_buf_u8(&g->b, DW_OP_consts);
		wdx_buf_sleb(&g->b, (int64_t)v);
	} else if (v <= UINT32_MAX && chance(50)) {
		wdx_buf_u8(&g->b, DW_OP_const4u);
		wdx_buf_u32(&g->b, (uint32_t)v);
	} else {
		wdx_buf_u8(&g->b, DW_OP_constu);
		wdx_buf_uleb(&g->b, v);
	}
	g->s[g->n++] = (struct meaning){.v32 = (uint32_t)v, .v64 = v, .constant = true};
	g->ops++;
}

static unsigned pick_type(const struct gen *g, const uint8_t *types, unsigned n)
{
	unsigned i;

	do
		i = below(n);
	while (g->type && types[i] != g->type);
	return i;
}

static void gen_entity(struct gen *g, bool unknown)
{
	unsigned kind = below(10);
	uint8_t type;
	uint64_t v;
	unsigned i;

	wdx_buf_u8(&g->b, WDX_OP_WASM_LOCATION);
	if (kind < 6) {
		i = pick_type(g, local_types, NLOCALS);
		wdx_buf_u8(&g->b, chance(10) ? 4 : 0);
		type = local_types[i];
		v = locals[i];
	} else if (kind < 8) {
		i = pick_type(g, global_types, NGLOBALS);
		wdx_buf_u8(&g->b, chance(50) ? 1 : 3);
		type = global_types[i];
		v = globals[i];
	} else {
		i = pick_type(g, stack_types, NSTACK);
		wdx_buf_u8(&g->b, 2);
		type = stack_types[i];
		v = slots[i];
	}
	if (g->b.data[g->b.len - 1] == 3)
		wdx_buf_u32(&g->b, i);
	else
		wdx_buf_uleb(&g->b, i);
	g->s[g->n++] = (struct meaning){.tag = type == WDX_I32	 ? T32
					       : type == WDX_I64 ? T64
								 : MIXED,
					.v32 = (uint32_t)v,
					.v64 = v,
					.entity = type,
					.unknown = kind >= 8 && unknown};
	g->ops++;
}

static void gen_frame(struct gen *g)
{
	int64_t off = (int64_t)below(4000) - 2000;

	wdx_buf_u8(&g->b, DW_OP_fbreg);
	wdx_buf_sleb(&g->b, off);
	g->s[g->n++] = (struct meaning){.tag = env.address64 ? T64 : T32,
					.v32 = (uint32_t)(frame + (uint64_t)off),
					.v64 = frame + (uint64_t)off,
					.native = true};
	g->ops++;
}

static int64_t sx(uint64_t v, unsigned bits)
{
	return bits == 32 ? (int32_t)v : (int64_t)v;
}

/* DWARF 5 section 2.5.1.4, with entries of so many bits. */
static uint64_t meant(uint8_t op, uint64_t a, uint64_t b, unsigned bits, bool *undefined)
{
	if ((op == DW_OP_div || op == DW_OP_mod) && !b) {
		*undefined = true;
		return 0;
	}
	switch (op) {
	case DW_OP_plus:
		return a + b;
	case DW_OP_minus:
		return a - b;
	case DW_OP_mul:
		return a * b;
	case DW_OP_and:
		return a & b;
	case DW_OP_or:
		return a | b;
	case DW_OP_xor:
		return a ^ b;
	case DW_OP_div:
		return sx(b, bits) == -1 ? 0 - a : (uint64_t)(sx(a, bits) / sx(b, bits));
	case DW_OP_mod:
		return a % b;
	case DW_OP_shl:
		return b < bits ? a << b : 0;
	case DW_OP_shr:
		return b < bits ? a >> b : 0;
	case DW_OP_shra:
		return (uint64_t)(sx(a, bits) >> (b < bits ? b : bits - 1));
	case DW_OP_eq:
		return a == b;
	case DW_OP_ne:
		return a != b;
	case DW_OP_lt:
		return sx(a, bits) < sx(b, bits);
	case DW_OP_le:
		return sx(a, bits) <= sx(b, bits);
	case DW_OP_gt:
		return sx(a, bits) > sx(b, bits);
	case DW_OP_ge:
		return sx(a, bits) >= sx(b, bits);
	case DW_OP_neg:
		return 0 - a;
	case DW_OP_not:
		return ~a;
	default: /* abs */
		return sx(a, bits) < 0 ? 0 - a : a;
	}
}

static enum tag together(enum tag a, enum tag b)
{
	return a == FLEX ? b : b == FLEX || a == b ? a : MIXED;
}

static bool small_const(const struct meaning *m)
{
	return m->constant && m->v32 == m->v64;
}

static void gen_binary(struct gen *g)
{
	static const uint8_t ops[] = {DW_OP_plus, DW_OP_plus, DW_OP_minus, DW_OP_mul, DW_OP_and,
				      DW_OP_and,  DW_OP_or,   DW_OP_xor,   DW_OP_div, DW_OP_mod,
				      DW_OP_shl,  DW_OP_shr,  DW_OP_shra,  DW_OP_eq,  DW_OP_ne,
				      DW_OP_lt,	  DW_OP_le,   DW_OP_gt,	   DW_OP_ge};
	uint8_t op = ops[below(sizeof(ops))];

	if ((op == DW_OP_shl || op == DW_OP_shr || op == DW_OP_shra) && chance(90))
		gen_const(g, below(chance(80) ? 32 : 70));
	struct meaning b = g->s[--g->n], a = g->s[--g->n], r = {0};
	bool shift = op >= DW_OP_shl && op <= DW_OP_shra;

	wdx_buf_u8(&g->b, op);
	g->ops++;
	r.tag = together(a.tag, b.tag);
	if (shift && small_const(&b))
		r.tag = a.tag;
	r.undefined = a.undefined || b.undefined || (shift && b.v32 >= 32 && r.tag == T32);
	r.unknown = a.unknown || b.unknown;
	r.constant = a.constant && b.constant && !a.type && !b.type;
	r.v32 = (uint32_t)meant(op, a.v32, b.v32, 32, &r.undefined);
	r.v64 = meant(op, a.v64, b.v64, 64, &r.undefined);
	if (r.tag == T32 && op == DW_OP_and && (small_const(&a) || small_const(&b))) {
		r.tag = FLEX;
		r.v64 = r.v32;
	}
	if (op >= DW_OP_eq && op <= DW_OP_ne && r.tag != MIXED) {
		if (r.tag == T32)
			r.v64 = r.v32;
		if (r.tag == T64)
			r.v32 = r.v64;
		r.tag = FLEX;
	}
	r.native = (a.native && b.constant) || (b.native && a.constant);
	if (a.type || b.type) { /* of one type, or it is an error */
		bool ring = op == DW_OP_plus || op == DW_OP_minus || op == DW_OP_mul;

		r.tag = a.type == b.type ? FLEX : MIXED;
		r.unknown = false;
		r.type = a.type;
		r.v64 = a.type ? as_type(r.v64, a.type) : 0;
		r.undefined |= a.type == b.type && !ring; /* beyond this evaluator */
	}
	g->s[g->n++] = r;
}

static void gen_unary(struct gen *g)
{
	static const uint8_t ops[] = {DW_OP_not, DW_OP_neg, DW_OP_abs};
	struct meaning *a = top(g, 0);
	uint8_t op = ops[below(3)];

	if (a->type)
		return;
	wdx_buf_u8(&g->b, op);
	g->ops++;
	a->v32 = (uint32_t)meant(op, a->v32, 0, 32, &a->undefined);
	a->v64 = meant(op, a->v64, 0, 64, &a->undefined);
	a->entity = 0;
	a->native = false;
}

static void gen_plus(struct gen *g)
{
	struct meaning *a = top(g, 0);
	uint64_t v = edge();

	wdx_buf_u8(&g->b, DW_OP_plus_uconst);
	wdx_buf_uleb(&g->b, v);
	g->ops++;
	a->v32 = (uint32_t)(a->v32 + v);
	a->v64 += v;
	a->entity = 0;
	if (a->type)
		a->tag = MIXED, a->type = 0;
}

static void gen_shuffle(struct gen *g)
{
	struct meaning t = *top(g, 0);
	unsigned i = below(g->n);

	g->ops++;
	switch (below(5)) {
	case 0:
		wdx_buf_u8(&g->b, DW_OP_dup);
		g->s[g->n++] = t;
		return;
	case 1:
		wdx_buf_u8(&g->b, DW_OP_pick);
		wdx_buf_u8(&g->b, (uint8_t)i);
		t = *top(g, i);
		g->s[g->n++] = t;
		return;
	case 2:
		if (g->n < 2)
			break;
		wdx_buf_u8(&g->b, DW_OP_swap);
		*top(g, 0) = *top(g, 1);
		*top(g, 1) = t;
		return;
	case 3:
		if (g->n < 2)
			break;
		wdx_buf_u8(&g->b, DW_OP_over);
		t = *top(g, 1);
		g->s[g->n++] = t;
		return;
	default:
		if (g->n < 3)
			break;
		wdx_buf_u8(&g->b, DW_OP_rot);
		*top(g, 0) = *top(g, 1);
		*top(g, 1) = *top(g, 2);
		*top(g, 2) = t;
		return;
	}
	wdx_buf_u8(&g->b, DW_OP_nop);
}

static bool has_address(const struct meaning *m)
{
	return m->tag == FLEX || m->tag == (env.address64 ? T64 : T32) || m->unknown;
}

static uint64_t address_of(const struct meaning *m)
{
	return env.address64 ? m->v64 : m->v32;
}

static void gen_load(struct gen *g)
{
	struct meaning *a = top(g, 0), r = {0};
	unsigned size = env.address64 ? 8 : 4;

	g->ops++;
	if (chance(50)) {
		wdx_buf_u8(&g->b, DW_OP_deref);
	} else {
		size = 1u << below(env.address64 ? 4 : 3);
		wdx_buf_u8(&g->b, DW_OP_deref_size);
		wdx_buf_u8(&g->b, (uint8_t)size);
	}
	r.tag = has_address(a) && !a->type ? env.address64 ? T64 : T32 : MIXED;
	r.undefined = a->undefined || (a->unknown && a->tag != FLEX && a->tag != r.tag);
	r.v32 = r.v64 = load(base + address_of(a), size, false);
	*a = r;
}

/* The sign extension of DWARF 4 that LLVM writes. */
static void gen_extend(struct gen *g)
{
	static const uint8_t widths[] = {8, 16, 32};
	struct meaning *a = top(g, 0);
	unsigned n = widths[below(3)];
	const uint8_t ops[] = {DW_OP_dup,  DW_OP_constu, (uint8_t)(n - 1), DW_OP_shr,
			       DW_OP_lit0, DW_OP_not,	 DW_OP_mul,	   DW_OP_constu,
			       (uint8_t)n, DW_OP_shl,	 DW_OP_or};

	if (a->tag != T32 || a->type || a->unknown)
		return;
	wdx_buf_bytes(&g->b, ops, sizeof(ops));
	g->ops += 9;
	a->v64 = a->v32 | ((uint64_t)a->v32 >> (n - 1)) * UINT64_MAX << n;
	a->v32 = (uint32_t)a->v64;
	a->tag = FLEX;
	a->entity = 0;
	a->native = false;
}

static void gen_convert(struct gen *g)
{
	struct meaning *a = top(g, 0);
	bool wide = a->type || a->tag == T64;
	unsigned type = TYPE_S8 + below(wide ? 6 : 4);

	if (a->tag == MIXED)
		return;
	if (!a->type && a->constant && (uint32_t)a->v64 != a->v32)
		a->tag = MIXED;
	wdx_buf_u8(&g->b, DW_OP_convert);
	wdx_buf_uleb(&g->b, type);
	a->v64 = as_type(a->type || a->tag != T32 ? a->v64 : a->v32, type);
	a->type = type;
	if (a->tag != MIXED)
		a->tag = FLEX;
	a->entity = 0;
	a->constant = a->native = false;
	g->typed = true;
	g->ops++;
}

/* Arithmetic in a base type, or back from it. */
static void gen_typed(struct gen *g)
{
	struct meaning *a = top(g, 0);

	if (chance(50)) {
		wdx_buf_u8(&g->b, DW_OP_dup);
		wdx_buf_u8(&g->b, DW_OP_mul);
		g->ops += 2;
		a->v64 = as_type(a->v64 * a->v64, a->type);
		return;
	}
	wdx_buf_u8(&g->b, DW_OP_convert);
	wdx_buf_u8(&g->b, 0);
	g->ops++;
	a->v32 = (uint32_t)a->v64;
	a->type = 0;
	a->tag = env.address64 ? T64 : T32;
}

static void gen_step(struct gen *g, bool unknown)
{
	unsigned k = below(100);

	if (g->n > 8)
		k = 40;
	if (!g->n || k < 20)
		k < 4 ? gen_frame(g) : gen_entity(g, unknown);
	else if (k < 35)
		gen_const(g, edge());
	else if (k < 65)
		g->n > 1 ? gen_binary(g) : gen_plus(g);
	else if (k < 72)
		gen_unary(g);
	else if (k < 78)
		gen_shuffle(g);
	else if (k < 83)
		gen_load(g);
	else if (k < 87)
		gen_extend(g);
	else if (k < 94)
		top(g, 0)->type ? gen_typed(g) : (void)0;
	else
		gen_convert(g);
}

static void reduce(struct gen *g)
{
	while (g->n > 1 && g->ops < 60) {
		if (top(g, 0)->type) {
			wdx_buf_u8(&g->b, DW_OP_drop);
			g->n--;
			g->ops++;
		} else {
			gen_binary(g);
		}
	}
}

/* One location of random operations; its meaning. */
static struct meaning gen_location(struct gen *g, unsigned steps, bool unknown)
{
	g->n = g->ops = 0;
	/* mostly of one width, as compilers do */
	g->type = chance(15) ? 0 : chance(env.address64 ? 25 : 75) ? WDX_I32 : WDX_I64;
	while (steps-- && g->ops < 40)
		gen_step(g, unknown);
	if (!g->n)
		gen_entity(g, unknown);
	reduce(g);
	return *top(g, 0);
}

#endif
