/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Pointers for gdb.  They stay as wide as they are in linear memory, and point to a twin of their
 * type whose DW_AT_data_location (DWARF 5 §5.19) turns an offset into an address, and leaves an
 * address as it is: gdb asks again once it has one.  Nothing but pointers refers to twins.
 *
 *  structs, arrays	a copy, by reference (DW_AT_abstract_origin), but for nested types, and
 *	functions that are nowhere defined
 *  typedefs and qualifiers of these	a copy that leads to the twin
 *  what is no aggregate	an array of rank 0, which gdb shows as its element
 *  structs with variants (Rust's enums) in them	an array without a bound: gdb shows the
 *	address, and takes its first element wherever a struct is wanted
 *  functions, void	none
 *
 * A twin of a struct stands before it: the name given in a cast finds the first, and a cast wants
 * the twin.  Not so that of a class that has a base or is one: see is_late().
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "xlat/translate.h"

#ifndef DW_AT_rank
#define DW_AT_rank 0x71
#endif

/* ---- which types get a twin -------------------------------------------------------------------
 */

static bool is_copied(const struct wdx_type *t)
{
	return !(t->flags & WDX_TYPE_VARIANT) &&
	       (wdx_tag_is_record(t->tag) || t->tag == DW_TAG_array_type);
}

/* gdb looks for the discriminant of a variant, also one in a member, where the struct would be
 * without the data location; for elements of arrays, in the right place.  But gdb 13 crashes when
 * it prints an array of them, so there is no bound. */
static bool is_variant(const struct wdx_type *t)
{
	return t->flags & WDX_TYPE_VARIANT && wdx_tag_is_record(t->tag);
}

static bool is_scalar(const struct wdx_type *t)
{
	return t->tag == DW_TAG_base_type || t->tag == DW_TAG_enumeration_type ||
	       t->tag == DW_TAG_ptr_to_member_type || wdx_tag_is_pointer(t->tag);
}

static void give_twin(struct wdx_type *t, struct wdx_emit *e)
{
	if (t->twin == WDX_NO_IDENT)
		t->twin = wdx_ident_beside(e, t->offset);
}

/* Of a struct the twin, and those of the typedefs and qualifiers that lead to it.  Of a scalar one
 * that stands for all of them: gdb would give a qualifier to the elements of the array, and a cast
 * to the name of a typedef must not find a twin. */
static void mark(struct wdx_pointers *p, struct wdx_type *t, struct wdx_emit *e)
{
	struct wdx_type *end = wdx_type_stripped(p, t);

	if (!end || t->flags & WDX_TYPE_POINTED)
		return;
	t->flags |= WDX_TYPE_POINTED;
	end->flags |= WDX_TYPE_REACHED;
	if (end->flags & (WDX_TYPE_DECLARED | WDX_TYPE_SIGNATURE) ||
	    !(is_copied(end) || (end->size && (is_scalar(end) || is_variant(end)))))
		return;
	for (; t != end && is_copied(end); t = wdx_type_at(p, t->target))
		give_twin(t, e);
	give_twin(t, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_incomplete(const struct wdx_type *t)
{
	return wdx_tag_is_record(t->tag) && t->flags & WDX_TYPE_DECLARED &&
	       t->flags & WDX_TYPE_REACHED && t->name;
}

/* What is pointed to by a declaration is looked up by its name, and the twin must be what is found.
 */
static bool mark_defined_elsewhere(struct wdx_pointers *p, struct wdx_emit *e)
{
	const char **names = calloc(p->types.len + 1, sizeof(*names));
	struct wdx_type *t;
	size_t n = 0;

	if (!names)
		return false;
	wdx_vec_each (t, &p->types)
		if (is_incomplete(t))
			names[n++] = t->name;
	qsort(names, n, sizeof(*names), by_name);
	wdx_vec_each (t, &p->types)
		if (n && wdx_tag_is_record(t->tag) && t->name &&
		    !(t->flags & (WDX_TYPE_DECLARED | WDX_TYPE_SIGNATURE | WDX_TYPE_VARIANT)) &&
		    bsearch(&t->name, names, n, sizeof(*names), by_name))
			give_twin(t, e);
	free(names);
	return true;
}

static void prepare(struct wdx_xlat *x, struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;
	struct wdx_type *t, *target;

	const struct wdx_type_base *base;

	wdx_vec_each (base, &p->bases) {
		t = wdx_type_stripped(p, wdx_type_at(p, base->base));
		if (t)
			t->flags |= WDX_TYPE_FAMILY;
	}
	if (!wdx_types_spread_variants(p))
		wdx_emit_fail(e, "out of memory");
	wdx_vec_each (t, &p->types) {
		target = wdx_tag_is_pointer(t->tag) ? wdx_type_at(p, t->target) : NULL;
		if (target && t->flags & WDX_TYPE_LIVE)
			mark(p, target, e);
	}
	if (!mark_defined_elsewhere(p, e))
		wdx_emit_fail(e, "out of memory");
}

/* ---- the data location ------------------------------------------------------------------------
 */

/* On the stack: an offset, or an address already.  Offsets are below the bound, addresses are not;
 * null stays null: minus one it is above the bound too. */
static void emit_procedure(struct wdx_xlat *x, struct wdx_emit *e)
{
	static const uint8_t test[] = {DW_OP_dup, DW_OP_lit1, DW_OP_minus};
	struct wdx_expr *out;

	wdx_emit_die(e, DW_TAG_dwarf_procedure, x->pointers.procedure);
	out = wdx_expr_begin(e);
	wdx_expr_raw(out, test, sizeof(test));
	wdx_expr_const(out, x->env.address64 ? 40 : 32);
	wdx_expr_op(out, DW_OP_shr);
	wdx_expr_raw(out, (const uint8_t[]){DW_OP_bra, 10, 0}, 3);
	wdx_expr_addr(out, x->env.memory_addr);
	wdx_expr_op(out, DW_OP_plus);
	wdx_emit_expr(e, DW_AT_location, out);
	wdx_emit_die_end(e);
}

static void emit_data_location(struct wdx_pointers *p, struct wdx_emit *e)
{
	struct wdx_expr *out = wdx_expr_begin(e);

	wdx_expr_op(out, DW_OP_push_object_address);
	wdx_expr_call(out, p->procedure);
	wdx_emit_expr(e, DW_AT_data_location, out);
}

/* ---- twins ------------------------------------------------------------------------------------
 */

static void emit_name(struct wdx_pointers *p, struct wdx_type *t, struct wdx_emit *e)
{
	struct wdx_buf name = {0};

	if (wdx_type_name(p, t, &name)) {
		wdx_buf_u8(&name, 0);
		if (!name.failed)
			wdx_emit_string(e, DW_AT_name, (const char *)name.data);
	}
	wdx_buf_deinit(&name);
}

static void emit_scalar(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_type *t,
			struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	wdx_emit_die(e, DW_TAG_array_type, t->twin);
	emit_name(p, t, e);
	wdx_emit_ref_short(e, DW_AT_type, wdx_ident_of(c, t->offset));
	wdx_emit_uint(e, DW_AT_byte_size, wdx_type_bytes(p, t));
	if (!is_variant(wdx_type_stripped(p, t)))
		wdx_emit_sint(e, DW_AT_rank, 0);
	emit_data_location(p, e);
	wdx_emit_die(e, DW_TAG_subrange_type, WDX_NO_IDENT);
	wdx_emit_die_end(e);
	wdx_emit_die_end(e);
}

/* Of the functions of a class of the library, most are nowhere defined. */
static bool is_function(const struct wdx_pointers *p, const struct wdx_die *die)
{
	return wdx_die_attr(die, DW_AT_declaration) &&
	       (wdx_die_attr(die, DW_AT_virtuality) || wdx_types_defined(p, die->offset));
}

/* What of a struct or an array is in its twin; nested types have names of their own. */
static bool is_part(const struct wdx_pointers *p, const struct wdx_die *die)
{
	switch (die->tag) {
	case DW_TAG_member:
	case DW_TAG_inheritance:
	case DW_TAG_template_type_parameter:
	case DW_TAG_template_value_parameter:
	case DW_TAG_GNU_template_template_param:
	case DW_TAG_GNU_template_parameter_pack:
	case DW_TAG_variant_part:
	case DW_TAG_variant:
	case DW_TAG_subrange_type:
	case DW_TAG_typedef:
	case DW_TAG_variable:
	case DW_TAG_formal_parameter:
	case DW_TAG_unspecified_parameters:
		return true;
	case DW_TAG_subprogram:
		return is_function(p, die);
	default:
		return false;
	}
}

static void emit_twin(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_type *t,
		      struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	if (!is_copied(wdx_type_stripped(p, t))) {
		emit_scalar(x, c, t, e);
		return;
	}
	p->copied = t;
	p->copied_depth = c->depth;
	p->discr = 0;
	wdx_emit_again(e, c, t->offset, t->twin);
	p->copied = NULL;
}

/* ---- events -----------------------------------------------------------------------------------
 */

/* A cast between classes that are related makes gdb take an address of its own and cut it to the
 * size of the pointer; with the plain class's pointer, of full size, it fails honestly. */
static bool is_late(const struct wdx_pointers *p, struct wdx_type *t)
{
	const struct wdx_type *end = wdx_type_stripped(p, t);

	return end->flags & WDX_TYPE_FAMILY && is_copied(end);
}

static void put_off(struct wdx_pointers *p, unsigned depth, const struct wdx_type *t,
		    struct wdx_emit *e)
{
	struct wdx_type_late *l = wdx_vec_push(&p->late);

	if (l)
		*l = (struct wdx_type_late){depth, (uint32_t)(t - p->types.data)};
	else
		wdx_emit_fail(e, "out of memory");
}

static enum wdx_verdict die(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_type *t,
			    struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	if (p->copied)
		return c->depth == p->copied_depth || is_part(p, c->die) ? WDX_COPY : WDX_DROP;
	if (t && t->twin != WDX_NO_IDENT && is_late(p, t))
		put_off(p, c->depth, t, e);
	else if (t && t->twin != WDX_NO_IDENT)
		emit_twin(x, c, t, e);
	return WDX_COPY;
}

/* Entries are left in the order they nest, so what is put off in one is at the end of the list. */
static void die_end(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;
	size_t end = p->late.len, first = end;

	while (first && p->late.data[first - 1].depth > c->depth)
		first--;
	for (size_t i = first; !p->copied && i < end; i++)
		emit_twin(x, c, &p->types.data[p->late.data[i].type], e);
	if (p->copied)
		return;
	p->late.len = first;
	if (!c->depth)
		wdx_bases_procedure(x, c, e);
}

static bool refer_to_twin(const struct wdx_pointers *p, const struct wdx_cursor *c,
			  const struct wdx_attr *a, struct wdx_emit *e)
{
	const struct wdx_type *target = wdx_type_at(p, a->value);

	if (!target || target->twin == WDX_NO_IDENT || wdx_ident_of(c, a->value) == WDX_NO_IDENT)
		return false;
	wdx_emit_ref(e, DW_AT_type, target->twin);
	return true;
}

/* A copy has its attributes from what it is a copy of, but for what leads to entries of its own. */
static void copied_attr(struct wdx_pointers *p, const struct wdx_cursor *c,
			const struct wdx_attr *a, struct wdx_emit *e)
{

	if (a->form_class != WDX_CLASS_REF)
		return;
	if (a->name == DW_AT_type && c->depth == p->copied_depth && wdx_tag_is_alias(c->die->tag)) {
		refer_to_twin(p, c, a, e);
	} else if (a->name == DW_AT_discr && wdx_ident_of(c, a->value) != WDX_NO_IDENT) {
		p->discr = a->value;
		p->discr_twin = wdx_ident_new(e);
		wdx_emit_ref(e, DW_AT_discr, p->discr_twin);
	}
}

/* Functions have no twin, nor what is nowhere complete, nor what no value points to. */
static bool has_to_be_followed(struct wdx_pointers *p, const struct wdx_cursor *c,
			       const struct wdx_attr *a)
{
	const struct wdx_type *end, *self = wdx_type_at(p, c->die->offset);

	if (self && !(self->flags & WDX_TYPE_LIVE))
		return false;
	if (a->form_class != WDX_CLASS_REF)
		return true;
	end = wdx_type_stripped(p, wdx_type_at(p, a->value));
	return end && end->tag != DW_TAG_subroutine_type &&
	       (!(end->flags & WDX_TYPE_DECLARED) || end->flags & WDX_TYPE_SIGNATURE);
}

static enum wdx_verdict attr(struct wdx_xlat *x, const struct wdx_cursor *c,
			     const struct wdx_attr *a, struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	if (p->copied) {
		copied_attr(p, c, a, e);
		return WDX_DROP;
	}
	if (a->name != DW_AT_type || !wdx_tag_is_pointer(c->die->tag))
		return WDX_COPY;
	if (a->form_class == WDX_CLASS_REF && refer_to_twin(p, c, a, e))
		return WDX_DONE;
	if (has_to_be_followed(p, c, a))
		wdx_xlat_lose(x, WDX_LOSS_POINTER);
	return WDX_COPY;
}

static void copied_end(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	wdx_emit_ref_short(e, DW_AT_abstract_origin, wdx_ident_of(c, c->die->offset));
	if (c->die->offset == p->discr)
		wdx_emit_ident(e, p->discr_twin);
	if (c->depth != p->copied_depth || wdx_tag_is_alias(p->copied->tag))
		return;
	emit_data_location(p, e);
	wdx_bases_emit(x, c, p->copied, e);
}

static void attrs_end(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	if (!c->depth && !p->copied && p->procedure != WDX_NO_IDENT)
		emit_procedure(x, e);
	if (p->copied)
		copied_end(x, c, e);
}

const struct wdx_debugger_ops wdx_gdb_ops = {
	.relocate = true,
	.fill = true,
	.refuse_calls = true,
	.prepare = prepare,
	.die = die,
	.attr = attr,
	.die_end = die_end,
	.attrs_end = attrs_end,
};
