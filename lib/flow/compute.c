/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Values that are nowhere, but whose operands are: compilers fold an addition into an address, a
 * comparison into a jump.  What a wasm instruction makes of its operands is the same at any time,
 * so it can be done again where all of them are known.
 */
#include "flow/flow_work.h"

/* ---- cells of globals -------------------------------------------------------------------------
 */

uint32_t wdx_flow_cell_of(const struct flow *x, uint32_t get, int64_t *off)
{
	const struct wdx_map_global *g;
	const struct wdx_place *p;
	struct wdx_insn insn;

	wdx_insn_at(x->wasm, (wdx_codepos){get}, &insn);
	wdx_vec_each (g, &x->map->globals)
		if (g->index == insn.imm[0])
			break;
	if (g == x->map->globals.data + x->map->globals.len || g->index >= x->wasm->globals.len)
		return 0;
	p = &x->map->places.data[g->place];
	if (p->kind != WDX_PLACE_MEM || p->base != WDX_BASE_CONTEXT || p->n != 1)
		return 0;
	*off = x->map->offsets.data[p->first];
	return wdx_flow_width_of(x->wasm->globals.data[g->index].type);
}

/* Whether the function sets no global, nor anything that it calls; a compiler may call what the
 * wasm code does not, and may put what that calls in its place. */
static bool keeps_globals(const struct flow *x)
{
	const struct wdx_minsn *i;

	wdx_vec_each (i, &x->m.insns)
		if (i->a->call)
			return false;
	for (uint32_t pos = x->f->wasm->code.v; pos < x->f->wasm->end.v; pos++) {
		uint8_t kinds = x->wasm->kinds[pos];

		if (kinds & WDX_INSN_CALL ||
		    (kinds & WDX_INSN_START && wdx_flow_is_opcode(x, pos, WDX_WASM_GLOBAL_SET)))
			return false;
	}
	return true;
}

/* What global.get gave is still in the cell, which is found by the context.  As an operand only: a
 * debugger would change the global with the local. */
static void use_cell(struct flow *x, uint32_t value, uint32_t width, struct founds *to)
{
	const struct wdx_value *v = &x->v.values.data[value];
	const uint32_t *start = x->holdings_of.start.data + wdx_flow_value_key(x, CONTEXT);
	struct found how = {.rank = RANK_CELL};
	int64_t off;

	if (v->kind != WDX_VALUE_INSN || v->type != WDX_WASM_GLOBAL_GET ||
	    wdx_flow_cell_of(x, v->pos, &off) < width)
		return;
	if (x->keeps == KEEPS_UNKNOWN)
		x->keeps = keeps_globals(x) ? KEEPS_GLOBALS : KEEPS_NOTHING;
	how.addend = (uint64_t)off;
	for (uint32_t i = start[0]; x->keeps == KEEPS_GLOBALS && i < start[1]; i++) {
		const struct holding *h = &x->holdings.data[x->holdings_of.items.data[i]];

		how.place = h->place;
		if (h->width >= 8)
			wdx_flow_add_where(x, to, h->lo, h->hi, &how);
	}
}

uint32_t wdx_flow_cell_place(struct flow *x, const struct found *f)
{
	bool slot = f->place >= x->m.nregs;
	int64_t offsets[2] = {slot ? x->m.slots[f->place - x->m.nregs].off : (int64_t)f->addend,
			      (int64_t)f->addend};

	return wdx_map_place_mem(x->map, slot ? WDX_BASE_CFA : WDX_BASE_REG, slot ? 0 : f->place,
				 offsets, slot ? 2 : 1);
}

/* ---- results ----------------------------------------------------------------------------------
 */

static const struct {
	uint8_t operands, width;
} rows[256] = {
#define COMPUTED(opcode, operands, width, program) [opcode] = {operands, width},
#include "map/computed.def"
#undef COMPUTED
};

bool wdx_flow_computable(const struct flow *x, uint32_t value)
{
	const struct wdx_value *v = &x->v.values.data[value];

	return v->kind == WDX_VALUE_INSN && rows[v->type].operands;
}

/* The third, which only WDX_WASM_SELECT has, is kept elsewhere (values.h). */
static uint32_t operand(const struct wdx_value *v, unsigned i)
{
	return i < 2 ? v->operands[i] : (uint32_t)v->bits;
}

/* Whether something may be known of each operand. */
static bool has_operands(const struct flow *x, uint32_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t is = operand(&x->v.values.data[value], i);

		if (!is || !wdx_flow_may_be_known(x, is))
			return false;
	}
	return true;
}

static bool find_operands(struct flow *x, uint32_t value, struct computed *c, unsigned depth)
{
	struct founds *of = x->operands[depth];

	for (unsigned i = 0; i < c->n; i++) {
		uint32_t is = operand(&x->v.values.data[value], i), width = i < 2 ? c->width : 4;

		of[i].len = 0;
		if (is && !x->nomem) {
			wdx_flow_find_value(x, is, width, depth, &of[i]);
			use_cell(x, is, width, &of[i]);
		}
		wdx_flow_keep_best(x, &of[i]);
		if (!of[i].len)
			return false;
	}
	return true;
}

static bool same_computed(const struct computed *a, const struct computed *b)
{
	bool same = a->opcode == b->opcode && a->width == b->width;

	for (unsigned i = 0; same && i < a->n; i++)
		same = wdx_flow_same_found(&a->of[i], &b->of[i]);
	return same;
}

static uint32_t number_of(struct flow *x, const struct computed *c)
{
	struct computed *last = x->computed.len ? &x->computed.data[x->computed.len - 1] : NULL;

	if (last && same_computed(last, c))
		return (uint32_t)x->computed.len - 1;
	last = wdx_vec_push(&x->computed);
	if (last)
		*last = *c;
	x->nomem |= !last;
	return (uint32_t)x->computed.len - 1;
}

/* Where all of the operands are known. */
static void meet(struct flow *x, struct computed *c, const struct founds *of, struct founds *to)
{
	size_t at[MAX_OPERANDS] = {0};

	while (!x->nomem) {
		uint32_t lo = 0, hi = UINT32_MAX;

		for (unsigned i = 0; i < c->n; i++) {
			if (at[i] == of[i].len)
				return;
			c->of[i] = of[i].data[at[i]];
			lo = c->of[i].lo > lo ? c->of[i].lo : lo;
			hi = c->of[i].hi < hi ? c->of[i].hi : hi;
		}
		if (lo < hi) {
			struct found how = {.rank = RANK_COMPUTED};

			how.place = number_of(x, c);
			wdx_flow_add_found(x, to, lo, hi, &how);
		}
		for (unsigned i = 0; i < c->n; i++)
			at[i] += c->of[i].hi == hi;
	}
}

void wdx_flow_compute(struct flow *x, uint32_t value, uint32_t width, unsigned depth,
		      struct founds *to)
{
	const struct wdx_value *v = &x->v.values.data[value];
	struct computed c = {.opcode = v->type};

	if (!depth || !wdx_flow_computable(x, value))
		return;
	c.n = rows[v->type].operands;
	c.width = rows[v->type].width ? rows[v->type].width : (uint8_t)width;
	if (has_operands(x, value, c.n) && find_operands(x, value, &c, depth - 1))
		meet(x, &c, x->operands[depth - 1], to);
}

uint32_t wdx_flow_computed_place(struct flow *x, const struct computed *c)
{
	int64_t of[MAX_OPERANDS];

	for (unsigned i = 0; i < c->n; i++) {
		uint32_t place = wdx_flow_map_place(x, &c->of[i]);

		if (place == NONE)
			return NONE;
		of[i] = place;
	}
	return wdx_map_place_computed(x->map, c->opcode, c->width, of, c->n);
}
