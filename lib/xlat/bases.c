/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Virtual base classes, for gdb, where a pointer is followed.
 *
 * The expression in the input finds one through the object's first pointer and a table in linear
 * memory (Itanium C++ ABI §2.5.2).  gdb 13 evaluates it only for what is virtual, and then looks
 * for the members behind the end of what it has read when another class begins the object
 * (cp-valprint.c, cp_print_value()); the twin of a class is resolved as a whole, and forgets it
 * (gdbtypes.c, resolve_dynamic_struct()).  So a twin has each virtual base of its class, direct or
 * not, as a plain one at a place that is computed: then gdb reads as far as there.
 *
 * Where the base can lie before the object it is left out, for gdb takes that place for far behind:
 * a base with nothing but that pointer is put first when it can be.  When it is there all the same,
 * or the object has not been constructed, reading the object fails.
 */
#include <dwarf.h>

#include "base/search.h"
#include "xlat/translate.h"

enum { MOST_BASES = 16, MOST_STEPS = 8, MOST_VISITS = 256, FARTHEST = 1 << 16 };

/* ---- the first pass ---------------------------------------------------------------------------
 */

/* DW_OP_dup, deref, constu N, minus, deref, plus. */
static bool parse_virtual(const struct wdx_attr *a, uint32_t *at)
{
	size_t n = a->data ? a->size : 0;
	const uint8_t *s = a->data;
	uint32_t v = 0;

	if (n < 7 || n > 9 || s[0] != DW_OP_dup || s[1] != DW_OP_deref || s[2] != DW_OP_constu ||
	    s[n - 3] != DW_OP_minus || s[n - 2] != DW_OP_deref || s[n - 1] != DW_OP_plus)
		return false;
	for (size_t i = 3; i < n - 3; i++) {
		v |= (uint32_t)(s[i] & 0x7f) << (7 * (i - 3));
		if (!(s[i] & 0x80) != (i == n - 4))
			return false;
	}
	*at = v;
	return true;
}

static bool parse_place(const struct wdx_attr *a, bool is_virtual, uint32_t *at)
{
	if (!a)
		return false;
	if (is_virtual)
		return a->form_class == WDX_CLASS_EXPR && parse_virtual(a, at);
	*at = (uint32_t)a->value;
	return a->form_class == WDX_CLASS_CONSTANT && a->value < FARTHEST;
}

bool wdx_bases_note(struct wdx_pointers *p, const struct wdx_die *die, uint32_t in)
{
	const struct wdx_attr *type = wdx_die_attr(die, DW_AT_type);
	const struct wdx_attr *how = wdx_die_attr(die, DW_AT_virtuality);
	struct wdx_type_base *b = wdx_vec_push(&p->bases);

	p->types.data[in].flags |= WDX_TYPE_FAMILY;
	if (!b)
		return false;
	*b = (struct wdx_type_base){.in = in, .is_virtual = how && how->value};
	if (type && type->form_class == WDX_CLASS_REF && type->value < UINT32_MAX)
		b->base = (uint32_t)type->value;
	b->known =
		parse_place(wdx_die_attr(die, DW_AT_data_member_location), b->is_virtual, &b->at);
	if (b > p->bases.data && b[-1].in > in) { /* behind a class in the class: they are sorted */
		b->in = b[-1].in;
		b->known = false;
	}
	return true;
}

/* ---- the way to each base ---------------------------------------------------------------------
 */

struct step {
	uint32_t at;
	bool is_virtual;
};

struct walk {
	struct wdx_xlat *x;
	const struct wdx_cursor *c;
	struct wdx_emit *e;
	struct step steps[MOST_STEPS];
	size_t nsteps, nfound, visits;
	uint32_t found[MOST_BASES]; /* offsets of types */
};

static void emit_way(struct walk *w, struct wdx_expr *out)
{
	struct wdx_pointers *p = &w->x->pointers;

	if (p->virtual_base == WDX_NO_IDENT)
		p->virtual_base = wdx_ident_new(w->e);
	for (size_t i = 0; i < w->nsteps; i++) {
		wdx_expr_const(out, w->steps[i].at);
		if (w->steps[i].is_virtual)
			wdx_expr_call(out, p->virtual_base);
		else
			wdx_expr_op(out, DW_OP_plus);
	}
}

/* On the stack is what gdb knows of the object's place, which may be an offset yet; the result is
 * as far from it as the base is from the object. */
static void emit_base(struct walk *w, const struct wdx_type *base)
{
	static const uint8_t begin[] = {DW_OP_dup}, end[] = {DW_OP_swap, DW_OP_minus, DW_OP_plus};
	struct wdx_expr *out;

	wdx_emit_die(w->e, DW_TAG_inheritance, WDX_NO_IDENT);
	wdx_emit_ref_short(w->e, DW_AT_type, wdx_ident_of(w->c, base->offset));
	out = wdx_expr_begin(w->e);
	wdx_expr_raw(out, begin, sizeof(begin));
	wdx_expr_call(out, w->x->pointers.procedure);
	wdx_expr_raw(out, begin, sizeof(begin));
	emit_way(w, out);
	wdx_expr_raw(out, end, sizeof(end));
	wdx_emit_expr(w->e, DW_AT_data_member_location, out);
	wdx_emit_die_end(w->e);
}

static bool is_new(struct walk *w, const struct wdx_type *base)
{
	for (size_t i = 0; i < w->nfound; i++)
		if (w->found[i] == base->offset)
			return false;
	if (w->nfound == MOST_BASES)
		return false;
	w->found[w->nfound++] = base->offset;
	return true;
}

static size_t first_of(const struct wdx_pointers *p, size_t in)
{
	return wdx_search(i, 0, p->bases.len, p->bases.data[i].in < in);
}

static void visit(struct walk *w, const struct wdx_type *t);

static void visit_base(struct walk *w, const struct wdx_type_base *b)
{
	const struct wdx_pointers *p = &w->x->pointers;
	const struct wdx_type *base = wdx_type_at(p, b->base);

	if (!base || !b->known || !wdx_tag_is_record(base->tag) || w->nsteps == MOST_STEPS ||
	    wdx_ident_of(w->c, base->offset) == WDX_NO_IDENT)
		return;
	if (b->is_virtual && (base->size <= w->c->unit->address_size || !is_new(w, base)))
		return;
	w->steps[w->nsteps++] = (struct step){b->at, b->is_virtual};
	if (b->is_virtual)
		emit_base(w, base);
	visit(w, base);
	w->nsteps--;
}

/* As deep as there are steps. */
static void visit(struct walk *w, const struct wdx_type *t)
{
	const struct wdx_pointers *p = &w->x->pointers;
	size_t in = (size_t)(t - p->types.data);

	for (size_t i = first_of(p, in); i < p->bases.len && p->bases.data[i].in == in; i++)
		if (w->visits++ < MOST_VISITS)
			visit_base(w, &p->bases.data[i]);
}

/* In a module of the machine's own width debuggers find virtual bases by themselves. */
static bool is_same_width(const struct wdx_xlat *x, const struct wdx_cursor *c)
{
	return c->unit->address_size == wdx_target_address_size(x->target);
}

void wdx_bases_emit(struct wdx_xlat *x, const struct wdx_cursor *c, const struct wdx_type *t,
		    struct wdx_emit *e)
{
	struct walk w = {.x = x, .c = c, .e = e};

	if (t->flags & WDX_TYPE_FAMILY && !is_same_width(x, c))
		visit(&w, t);
}

/* ---- the procedure ----------------------------------------------------------------------------
 *
 * (address of an object, how far before its table) -> address of the virtual base.
 */
/* What is on top of the stack must be less, or the whole fails: nothing is at address 0. */
static void emit_check(struct wdx_expr *out, uint64_t limit)
{
	static const uint8_t fail[] = {DW_OP_bra, 2, 0, DW_OP_lit0, DW_OP_deref};

	wdx_expr_op(out, DW_OP_dup);
	wdx_expr_const(out, limit);
	wdx_expr_op(out, DW_OP_lt);
	wdx_expr_raw(out, fail, sizeof(fail));
}

void wdx_bases_procedure(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	const uint8_t load[] = {DW_OP_deref_size, c->unit->address_size};
	struct wdx_expr *out;

	if (x->pointers.virtual_base == WDX_NO_IDENT)
		return;
	wdx_emit_die(e, DW_TAG_dwarf_procedure, x->pointers.virtual_base);
	out = wdx_expr_begin(e);
	wdx_expr_op(out, DW_OP_over);
	wdx_expr_raw(out, load, sizeof(load));
	wdx_expr_op(out, DW_OP_swap);
	wdx_expr_op(out, DW_OP_minus);
	wdx_expr_const(out, UINT32_MAX);
	wdx_expr_op(out, DW_OP_and);
	emit_check(out, x->env.memory_size); /* tables are there from the start */
	wdx_expr_addr(out, x->env.memory_addr);
	wdx_expr_op(out, DW_OP_plus);
	wdx_expr_raw(out, load, sizeof(load));
	emit_check(out, FARTHEST);
	wdx_expr_op(out, DW_OP_plus);
	wdx_emit_expr(e, DW_AT_location, out);
	wdx_emit_die_end(e);
}
