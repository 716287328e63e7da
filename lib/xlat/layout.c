/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Types that DWARF leaves to the platform, and that debuggers take to be as on the machine they
 * debug.  In linear memory they are as wasm has them:
 *
 *  long double	of 16 bytes, is binary128 (IEEE 754).  gdb knows that format under another name;
 *	lldb reads the x87's on x86, so there the type becomes one without members
 *  pointers to members	take one or two pointers of wasm's size; they become numbers
 *  virtual bases	are left out: debuggers look for them in a table of the machine's
 *	pointers (lldb), or where a struct of another class ends (gdb), and show what is there;
 *	bases.c has them where gdb follows a pointer
 *  nullptr_t	is read by lldb as a pointer of the machine's size; the same
 */
#include <dwarf.h>
#include <elf.h>
#include <string.h>

#include "xlat/translate.h"

static uint64_t constant(const struct wdx_die *die, unsigned at)
{
	const struct wdx_attr *a = wdx_die_attr(die, at);

	return a && a->form_class == WDX_CLASS_CONSTANT ? a->value : 0;
}

static void emit_name(const struct wdx_die *die, struct wdx_emit *e)
{
	const struct wdx_attr *name = wdx_die_attr(die, DW_AT_name);

	if (name && name->form_class == WDX_CLASS_STRING)
		wdx_emit_string(e, DW_AT_name, (const char *)name->data);
}

static void emit_base(struct wdx_emit *e, wdx_ident id, const char *name, unsigned encoding,
		      uint64_t size)
{
	wdx_emit_die(e, DW_TAG_base_type, id);
	wdx_emit_string(e, DW_AT_name, name);
	wdx_emit_uint(e, DW_AT_encoding, encoding);
	wdx_emit_uint(e, DW_AT_byte_size, size);
	wdx_emit_die_end(e);
}

/* ---- long double ------------------------------------------------------------------------------
 */

static void emit_opaque(const struct wdx_cursor *c, struct wdx_emit *e)
{
	wdx_emit_die(e, DW_TAG_structure_type, wdx_ident_of(c, c->die->offset));
	emit_name(c->die, e);
	wdx_emit_uint(e, DW_AT_byte_size, constant(c->die, DW_AT_byte_size));
	wdx_emit_die_end(e);
}

/* i386_floatformat_for_type() and others of gdb go by the name. */
static void emit_float128(const struct wdx_cursor *c, struct wdx_emit *e)
{
	wdx_ident base = wdx_ident_new(e);

	wdx_emit_die(e, DW_TAG_typedef, wdx_ident_of(c, c->die->offset));
	emit_name(c->die, e);
	wdx_emit_ref(e, DW_AT_type, base);
	wdx_emit_die_end(e);
	emit_base(e, base, "_Float128", DW_ATE_float, 16);
}

static bool is_x86(const struct wdx_xlat *x)
{
	unsigned machine = wdx_target_elf_machine(x->target);

	return machine == EM_X86_64 || machine == EM_386;
}

static enum wdx_verdict base_type(struct wdx_xlat *x, const struct wdx_cursor *c,
				  struct wdx_emit *e)
{
	uint64_t encoding = constant(c->die, DW_AT_encoding);
	uint64_t size = constant(c->die, DW_AT_byte_size);
	bool real = encoding == DW_ATE_float && size == 16;

	if (!real && !(encoding == DW_ATE_complex_float && size == 32))
		return WDX_COPY;
	if (real && !x->pointers.lldb) {
		emit_float128(c, e);
		return WDX_DONE;
	}
	if (!is_x86(x))
		return WDX_COPY;
	emit_opaque(c, e);
	wdx_xlat_lose(x, WDX_LOSS_FORMAT);
	return WDX_DONE;
}

/* ---- pointers of other kinds ------------------------------------------------------------------
 */

static enum wdx_verdict member_pointer(const struct wdx_cursor *c, struct wdx_emit *e)
{
	bool function = wdx_type_kind(c).tag == DW_TAG_subroutine_type;

	emit_base(e, wdx_ident_of(c, c->die->offset),
		  function ? "pointer to member function" : "pointer to member", DW_ATE_signed,
		  (uint64_t)c->unit->address_size << function);
	return WDX_DONE;
}

static enum wdx_verdict null_pointer(struct wdx_xlat *x, const struct wdx_cursor *c,
				     struct wdx_emit *e)
{
	const struct wdx_attr *name = wdx_die_attr(c->die, DW_AT_name);

	if (!x->pointers.lldb || !name || name->form_class != WDX_CLASS_STRING ||
	    !strstr((const char *)name->data, "nullptr"))
		return WDX_COPY;
	emit_base(e, wdx_ident_of(c, c->die->offset), (const char *)name->data, DW_ATE_unsigned,
		  c->unit->address_size);
	return WDX_DONE;
}

/* lldb reads behind the 8 bytes of it. */
bool wdx_xlat_constant_lies(const struct wdx_xlat *x, const struct wdx_cursor *c,
			    const struct wdx_attr *a)
{
	return a->name == DW_AT_const_value && a->form_class == WDX_CLASS_CONSTANT &&
	       x->pointers.lldb && wdx_type_size(c) > 8;
}

enum wdx_verdict wdx_xlat_layout(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	bool same = c->unit->address_size == wdx_target_address_size(x->target);

	switch (c->die->tag) {
	case DW_TAG_base_type:
		return base_type(x, c, e);
	case DW_TAG_ptr_to_member_type:
		return same ? WDX_COPY : member_pointer(c, e);
	case DW_TAG_inheritance:
		if (same || !constant(c->die, DW_AT_virtuality))
			return WDX_COPY;
		wdx_xlat_lose(x, WDX_LOSS_VIRTUAL_BASE);
		return WDX_DROP;
	case DW_TAG_unspecified_type:
		return same ? WDX_COPY : null_pointer(x, c, e);
	default:
		return WDX_COPY;
	}
}
