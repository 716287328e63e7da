/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Pointers for lldb, which takes every pointer for a native address of the process's own size.
 *
 *  variables in functions	of a twin of the pointer's type, whose value is the address: their
 *	location computes it (see wdx_xexpr_pointer())
 *  everything else (members, elements, statics, what is pointed to)	a struct wasm_ptr<T> with
 *	the offset as its member; a synthetic provider in Python can follow it
 */
#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xlat/translate.h"

/* ---- which types get a twin -------------------------------------------------------------------
 */

/* Those to functions are numbers in a table, and nowhere in memory. */
static bool is_to_code(const struct wdx_pointers *p, const struct wdx_type *pointer)
{
	const struct wdx_type *end = wdx_type_stripped(p, wdx_type_at(p, pointer->target));

	return end && end->tag == DW_TAG_subroutine_type;
}

/* Pointers to data, and typedefs and qualifiers that lead to one. */
static void mark(struct wdx_pointers *p, struct wdx_type *t, struct wdx_emit *e)
{
	struct wdx_type *end = wdx_type_stripped(p, t);

	if (!end || !wdx_tag_is_pointer(end->tag) || is_to_code(p, end))
		return;
	for (;; t = wdx_type_at(p, t->target)) {
		if (t->twin == WDX_NO_IDENT)
			t->twin = wdx_ident_beside(e, t->offset);
		if (t == end)
			return;
	}
}

static void prepare(struct wdx_xlat *x, struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;
	const uint32_t *offset;

	wdx_vec_each (offset, &p->used) {
		struct wdx_type *t = wdx_type_at(p, *offset);

		if (t && t->twin == WDX_NO_IDENT)
			mark(p, t, e);
	}
}

/* ---- types ------------------------------------------------------------------------------------
 */

static struct wdx_type *pointee(const struct wdx_pointers *p, const struct wdx_type *t)
{
	struct wdx_type *target = wdx_type_at(p, t->target);
	struct wdx_type *end = wdx_type_stripped(p, target);

	return end && end->tag != DW_TAG_subroutine_type ? target : NULL;
}

static void emit_native(struct wdx_xlat *x, const struct wdx_cursor *c, const struct wdx_type *t,
			struct wdx_emit *e)
{
	wdx_emit_die(e, t->tag, t->twin);
	if (t->target && wdx_ident_of(c, t->target) != WDX_NO_IDENT)
		wdx_emit_ref_short(e, DW_AT_type, wdx_ident_of(c, t->target));
	wdx_emit_uint(e, DW_AT_byte_size, wdx_target_address_size(x->target));
	wdx_emit_die_end(e);
}

/* lldb takes types of one name and size for the same, so one without a name has its offset. */
static void emit_wrapper_name(const struct wdx_pointers *p, const struct wdx_type *t,
			      struct wdx_type *target, struct wdx_emit *e)
{
	struct wdx_buf name = {0};
	size_t bare;

	wdx_buf_bytes(&name, "wasm_ptr<", 9);
	bare = name.len;
	if (!target) {
		wdx_buf_bytes(&name, t->target ? "code" : "void", 4);
	} else if (!wdx_type_name(p, target, &name)) {
		char number[16];

		snprintf(number, sizeof(number), "0x%x", target->offset);
		name.len = bare;
		wdx_buf_bytes(&name, number, strlen(number));
	}
	wdx_buf_bytes(&name, ">", 2);
	if (!name.failed)
		wdx_emit_string(e, DW_AT_name, (const char *)name.data);
	wdx_buf_deinit(&name);
}

static void emit_wrapper(struct wdx_xlat *x, const struct wdx_cursor *c, const struct wdx_type *t,
			 struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;
	struct wdx_type *target = pointee(p, t);

	wdx_emit_die(e, DW_TAG_structure_type, wdx_ident_of(c, t->offset));
	emit_wrapper_name(p, t, target, e);
	wdx_emit_uint(e, DW_AT_byte_size, t->size);
	if (target && wdx_ident_of(c, target->offset) != WDX_NO_IDENT) {
		wdx_emit_die(e, DW_TAG_template_type_parameter, WDX_NO_IDENT);
		wdx_emit_string(e, DW_AT_name, "T");
		wdx_emit_ref_short(e, DW_AT_type, wdx_ident_of(c, target->offset));
		wdx_emit_die_end(e);
	}
	wdx_emit_die(e, DW_TAG_member, WDX_NO_IDENT);
	wdx_emit_string(e, DW_AT_name, "off");
	wdx_emit_ref_short(e, DW_AT_type, p->number);
	wdx_emit_uint(e, DW_AT_data_member_location, 0);
	wdx_emit_die_end(e);
	wdx_emit_die_end(e);
}

/* ---- events -----------------------------------------------------------------------------------
 */

static enum wdx_verdict die(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_type *t,
			    struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	if (p->copied || !t)
		return WDX_COPY;
	if (wdx_tag_is_pointer(t->tag) && t->flags & WDX_TYPE_LIVE) {
		if (t->twin != WDX_NO_IDENT)
			emit_native(x, c, t, e);
		emit_wrapper(x, c, t, e);
		return WDX_DONE;
	}
	if (t->twin != WDX_NO_IDENT) {
		p->copied = t;
		wdx_emit_again(e, c, t->offset, t->twin);
		p->copied = NULL;
	}
	return WDX_COPY;
}

static enum wdx_verdict attr(struct wdx_xlat *x, const struct wdx_cursor *c,
			     const struct wdx_attr *a, struct wdx_emit *e)
{
	const struct wdx_pointers *p = &x->pointers;
	struct wdx_type *target;

	/* lldb would lay out a class with virtual functions as on its own machine */
	if (a->name == DW_AT_virtuality && c->die->tag == DW_TAG_subprogram)
		return WDX_DROP;
	if (a->name == DW_AT_const_value && (a->form_class != WDX_CLASS_CONSTANT || a->value) &&
	    wdx_pointers_native(x, c)) {
		wdx_xlat_lose(x, WDX_LOSS_POINTER);
		return WDX_DROP;
	}
	if (a->name != DW_AT_type || a->form_class != WDX_CLASS_REF ||
	    !(p->copied || wdx_pointers_native(x, c)))
		return WDX_COPY;
	target = wdx_type_at(p, a->value);
	if (!target || target->twin == WDX_NO_IDENT || wdx_ident_of(c, a->value) == WDX_NO_IDENT)
		return WDX_COPY;
	wdx_emit_ref(e, DW_AT_type, target->twin);
	return WDX_DONE;
}

static void attrs_end(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	if (c->depth)
		return;
	p->number = wdx_ident_new(e);
	wdx_emit_die(e, DW_TAG_base_type, p->number);
	wdx_emit_string(e, DW_AT_name, "wasm_offset");
	wdx_emit_uint(e, DW_AT_encoding, DW_ATE_unsigned);
	wdx_emit_uint(e, DW_AT_byte_size, c->unit->address_size);
	wdx_emit_die_end(e);
}

const struct wdx_debugger_ops wdx_lldb_ops = {
	.native = true,
	.refuse_calls = true,
	.frameless_context = true,
	.drop_returns = true,
	.prepare = prepare,
	.die = die,
	.attr = attr,
	.attrs_end = attrs_end,
};
