/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Slots of wasm's operand stack that variables are in: optimising compilers leave there what is
 * used once.  A map hardly ever says where those are; the machine code does (../flow), for those
 * that are asked for.
 */
#include "dwarf/decode.h"
#include "xlat/translate.h"

#include <dwarf.h>
#include <string.h>

enum { OPERAND = 2 }; /* the kind of place, first operand of DW_OP_WASM_location */

/* Lists may be shared by any number of entries, honest ones are not: more are not looked for than
 * the code has bytes. */
static bool add(struct wdx_xlat *x, const struct wdx_operand *o)
{
	struct wdx_operand *slot;

	if (x->operands.len >= x->wasm->code_size)
		return false;
	slot = wdx_vec_push(&x->operands);
	if (slot)
		*slot = *o;
	return slot;
}

/* Where in the code section an entry holds; one that is whole, in all of the function. */
static bool range_of(const struct wdx_xlat *x, const struct wdx_code_func *f,
		     const struct wdx_loc *l, struct wdx_operand *o)
{
	if (l->whole && !(f && f->wasm))
		return false;
	if (!l->whole && l->hi > x->wasm->code_size)
		return false;
	o->lo = l->whole ? f->wasm->start.v : (uint32_t)l->lo;
	o->hi = l->whole ? f->wasm->end.v : (uint32_t)l->hi;
	return true;
}

/* Most expressions are short and have none. */
static bool may_have_operand(const struct wdx_loc *l)
{
	for (size_t i = 0; i + 1 < l->size; i++)
		if (l->expr[i] == WDX_OP_WASM_LOCATION && l->expr[i + 1] == OPERAND)
			return true;
	return false;
}

static void note_entry(struct wdx_xlat *x, const struct wdx_unit *u, const struct wdx_loc *l)
{
	struct wdx_op ops[WDX_XEXPR_MAX_OPS];
	struct wdx_operand o = {0};
	const char *why;
	size_t n;

	if (!may_have_operand(l) || !range_of(x, x->near, l, &o) ||
	    !wdx_decode_expr(u, l->expr, l->size, ops, WDX_XEXPR_MAX_OPS, &n, &why))
		return;
	for (size_t i = 0; i < n; i++) {
		if (ops[i].code != WDX_OP_WASM_LOCATION || ops[i].arg[0] != OPERAND ||
		    ops[i].arg[1] > UINT32_MAX)
			continue;
		o.slot = (uint32_t)ops[i].arg[1];
		if (!add(x, &o))
			return;
	}
}

void wdx_xlat_note_operands(struct wdx_xlat *x, const struct wdx_cursor *c)
{
	const struct wdx_attr *a;
	const struct wdx_loc *l;
	size_t n;

	if (c->die->tag != DW_TAG_variable && c->die->tag != DW_TAG_formal_parameter)
		return;
	a = wdx_die_attr(c->die, DW_AT_location);
	if (!a || (a->form_class != WDX_CLASS_LOCLIST && a->form_class != WDX_CLASS_EXPR))
		return;
	wdx_die_locs(c, a, &l, &n);
	for (size_t i = 0; i < n; i++)
		note_entry(x, c->unit, &l[i]);
}

static int by_range(const void *a, const void *b)
{
	const struct wdx_operand *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	if (x->hi != y->hi)
		return x->hi < y->hi ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

void wdx_xlat_sort_operands(struct wdx_xlat *x)
{
	struct wdx_operand *o = x->operands.data;
	size_t n = 0;

	if (!x->operands.len)
		return;
	qsort(o, x->operands.len, sizeof(*o), by_range);
	for (size_t i = 0; i < x->operands.len; i++)
		if (!n || by_range(&o[n - 1], &o[i]))
			o[n++] = o[i];
	x->operands.len = n;
}

bool wdx_xlat_type_operands(struct wdx_xlat *x, const struct wdx_loc *l)
{
	struct wdx_operand key = {0};
	const struct wdx_operand *found;

	for (size_t i = 0; i < x->xexpr->nneeds; i++) {
		if (x->xexpr->needs[i].kind != WDX_ENT_STACK)
			continue;
		key.slot = x->xexpr->needs[i].index;
		found = range_of(x, x->func, l, &key) && x->operands.len
				? bsearch(&key, x->operands.data, x->operands.len, sizeof(key),
					  by_range)
				: NULL;
		if (!found)
			continue;
		if (found->type == WDX_OPERAND_MIXED)
			return false;
		x->xexpr->need_type[i] = found->type;
	}
	return true;
}
