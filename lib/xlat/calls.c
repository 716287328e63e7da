/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * How functions are called and return, as far as a debugger would take the platform's convention
 * for it.  Compiled wasm returns one scalar where C does; anything larger is returned in linear
 * memory, where a hidden parameter says.  And it takes the context of its instance, which no
 * debugger knows to pass.
 */
#include <dwarf.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "xlat/translate.h"

/* DWARF numbers of the registers in which C returns (psABI of x86-64, figure 3.36; AADWARF64). */
enum { X86_64_RAX = 0, X86_64_XMM0 = 17, AARCH64_X0 = 0, AARCH64_V0 = 64 };

static bool is_number(const struct wdx_type_kind *k)
{
	return k->tag == DW_TAG_base_type || k->tag == DW_TAG_enumeration_type ||
	       k->tag == DW_TAG_pointer_type || k->tag == DW_TAG_reference_type ||
	       k->tag == DW_TAG_rvalue_reference_type;
}

/* Whether C returns a value of that type where a wasm value of this type is returned. */
static bool agrees(const struct wdx_type_kind *k, unsigned valtype)
{
	bool real = k->tag == DW_TAG_base_type && k->encoding == DW_ATE_float;

	switch (valtype) {
	case WDX_I32:
		return is_number(k) && !real && k->size && k->size <= 4;
	case WDX_I64:
		return is_number(k) && !real && k->size && k->size <= 8;
	case WDX_F32:
		return real && k->size == 4;
	case WDX_F64:
		return real && k->size == 8;
	default:
		return false;
	}
}

static const struct wdx_wasm_type *signature(const struct wdx_xlat *x,
					     const struct wdx_code_func *f)
{
	return &x->wasm->types.data[f->wasm->type];
}

/* The function whose entry with code is at the cursor. */
static const struct wdx_code_func *function_at(const struct wdx_xlat *x, const struct wdx_cursor *c)
{
	const struct wdx_range *r;
	size_t n = 0;

	if (c->die->tag == DW_TAG_subprogram && !x->bare)
		wdx_die_pcs(c, &r, &n);
	return n ? wdx_code_func_at(&x->code, r->lo) : NULL;
}

/* Whether what is returned is in C's register.  Where the code does not show it, x86-64 is taken to
 * be like that: there all conventions of Wasmtime's are, on aarch64 they are not. */
static bool is_in_register(const struct wdx_xlat *x, unsigned valtype)
{
	bool real = valtype == WDX_F32 || valtype == WDX_F64;
	uint32_t known = x->map->results[real];

	switch (wdx_target_elf_machine(x->env.target)) {
	case EM_X86_64:
		return !known || known == 1 + (real ? X86_64_XMM0 : X86_64_RAX);
	case EM_AARCH64:
		return known == 1 + (real ? AARCH64_V0 : AARCH64_X0);
	default:
		return false;
	}
}

static bool returns_as_c(const struct wdx_xlat *x, const struct wdx_cursor *c,
			 const struct wdx_code_func *f)
{
	const struct wdx_wasm_type *t = signature(x, f);
	struct wdx_type_kind kind = wdx_type_kind(c);

	return !kind.tag || (t->nresults == 1 && agrees(&kind, t->results[0]) &&
			     is_in_register(x, t->results[0]));
}

void wdx_xlat_convention(const struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	const struct wdx_code_func *f = function_at(x, c);

	if (f && !returns_as_c(x, c, f))
		wdx_emit_uint(e, DW_AT_calling_convention, DW_CC_nocall);
}

/* ---- lldb -------------------------------------------------------------------------------------
 *
 * It does not know DW_CC_nocall, and shows what is in the registers.  Without the type of what is
 * returned, which it takes from the declaration of a member function, it shows nothing.
 */

static uint32_t origin_of(const struct wdx_die *die)
{
	const struct wdx_attr *a = wdx_die_attr(die, DW_AT_abstract_origin);

	if (!a)
		a = wdx_die_attr(die, DW_AT_specification);
	return a && a->form_class == WDX_CLASS_REF && a->value < UINT32_MAX ? (uint32_t)a->value
									    : 0;
}

/* In the first pass, of each function: f NULL: it has no code. */
bool wdx_xlat_note_return(struct wdx_xlat *x, const struct wdx_die *die,
			  const struct wdx_code_func *f)
{
	struct wdx_origin *slot;
	uint32_t origin = x->pointers.ops && x->pointers.ops->drop_returns ? origin_of(die) : 0;

	if (!origin || (f && signature(x, f)->nresults))
		return true;
	if (f)
		slot = wdx_vec_push(&x->silent);
	else
		slot = wdx_vec_push(&x->origins);
	if (slot)
		*slot = (struct wdx_origin){origin, f ? 0 : (uint32_t)die->offset};
	return slot;
}

static int by_offset(const void *a, const void *b)
{
	const struct wdx_origin *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static bool is_silent(const struct wdx_xlat *x, uint64_t offset, size_t n)
{
	struct wdx_origin key = {.offset = (uint32_t)offset};

	return n && bsearch(&key, x->silent.data, n, sizeof(key), by_offset);
}

/* Between the passes: what a function is an instance of may be one of its declaration. */
bool wdx_xlat_spread_returns(struct wdx_xlat *x)
{
	size_t n = x->silent.len;
	const struct wdx_origin *o;
	struct wdx_origin *slot;

	if (n)
		qsort(x->silent.data, n, sizeof(*x->silent.data), by_offset);
	wdx_vec_each (o, &x->origins) {
		if (!is_silent(x, o->of, n))
			continue;
		slot = wdx_vec_push(&x->silent);
		if (!slot)
			return false;
		*slot = (struct wdx_origin){o->offset, 0};
	}
	if (n)
		qsort(x->silent.data, x->silent.len, sizeof(*x->silent.data), by_offset);
	return true;
}

bool wdx_xlat_drops_return(const struct wdx_xlat *x, const struct wdx_cursor *c)
{
	const struct wdx_code_func *f;

	if (!x->pointers.ops || !x->pointers.ops->drop_returns || c->die->tag != DW_TAG_subprogram)
		return false;
	f = function_at(x, c);
	return (f && !returns_as_c(x, c, f)) || is_silent(x, c->die->offset, x->silent.len);
}

/* ---- the context ------------------------------------------------------------------------------
 *
 * A parameter more than the source has: a call has too few arguments, and is refused.  DW_CC_nocall
 * would be the word for it, but in gdb a function that has it returns nothing that is shown, and
 *gdb forgets it of member functions (gdbtypes.c, smash_to_method_type).
 *
 *  gdb	counts artificial parameters, and shows those without a name in no frame
 *  lldb	does not (DWARFASTParserClang.cpp, ParseChildParameters()), and shows all others in
 *frames, so it gets one where there is no frame: where a class declares its functions.  Not that of
 *	constructors and destructors, which have no linkage name there, nor of `operator=`: without
 *	these clang would take what it makes by itself
 */

/* Constructors, destructors and `operator=`. */
static bool is_special(const struct wdx_die *die)
{
	const struct wdx_attr *name = wdx_die_attr(die, DW_AT_name);

	return !wdx_die_attr(die, DW_AT_linkage_name) || !name ||
	       name->form_class != WDX_CLASS_STRING ||
	       !strcmp((const char *)name->data, "operator=");
}

static bool is_declared(const struct wdx_xlat *x, const struct wdx_die *die)
{
	return wdx_die_attr(die, DW_AT_declaration) && !is_special(die) &&
	       (wdx_types_defined(&x->pointers, die->offset) ||
		wdx_die_attr(die, DW_AT_virtuality));
}

/* Of the open function: what its first parameter is, for gdb tells static member functions by it;
 * and whether it is one that a class declares. */
void wdx_xlat_parameter(struct wdx_xlat *x, const struct wdx_cursor *c)
{
	if (c->die->tag == DW_TAG_subprogram) {
		x->parameter = WDX_PARAMETER_NONE;
		x->declared_depth = is_declared(x, c->die) ? c->depth : 0;
	} else if (c->die->tag == DW_TAG_formal_parameter && x->parameter == WDX_PARAMETER_NONE) {
		x->parameter = wdx_die_attr(c->die, DW_AT_artificial) ? WDX_PARAMETER_THIS
								      : WDX_PARAMETER_OTHER;
	}
}

/* The parameters of member functions are counted where the class declares them. */
static bool is_method(const struct wdx_xlat *x, const struct wdx_cursor *c)
{
	if (c->die->tag != DW_TAG_subprogram)
		return false;
	if (x->pointers.ops->frameless_context)
		return c->depth && x->declared_depth == c->depth;
	return x->parameter != WDX_PARAMETER_NONE &&
	       wdx_types_defined(&x->pointers, c->die->offset);
}

/* Whether the entry that the walk leaves has code.  With functions in it, it is no longer the one
 * that the walk is in, but its scope is the outermost that is left. */
static bool has_code(const struct wdx_xlat *x, const struct wdx_cursor *c)
{
	size_t i = c->die->tag == DW_TAG_subprogram ? x->scopes.len : 0;

	while (i && x->scopes.data[i - 1].depth > c->depth)
		i--;
	return i && x->scopes.data[i - 1].depth == c->depth && x->scopes.data[i - 1].function;
}

/* Behind the entry's children, when its attributes are gone. */
void wdx_xlat_context(const struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	bool frameless, code;

	if (x->context_type == WDX_NO_IDENT)
		return;
	frameless = x->pointers.ops->frameless_context;
	code = !frameless && has_code(x, c);
	if (!code && !is_method(x, c))
		return;
	wdx_emit_die(e, DW_TAG_formal_parameter, WDX_NO_IDENT);
	if (code || frameless) /* else nothing shows its type */
		wdx_emit_ref_short(e, DW_AT_type, x->context_type);
	if (!frameless)
		wdx_emit_flag(e, DW_AT_artificial);
	wdx_emit_die_end(e);
}

/* At the unit: nothing can be converted to an incomplete struct. */
void wdx_xlat_context_type(struct wdx_xlat *x, struct wdx_emit *e)
{
	x->context_type = WDX_NO_IDENT;
	if (!x->pointers.ops || !x->pointers.ops->refuse_calls)
		return;
	x->context_type = wdx_ident_new(e);
	wdx_emit_die(e, DW_TAG_structure_type, x->context_type);
	wdx_emit_string(e, DW_AT_name, "wasm_context");
	wdx_emit_flag(e, DW_AT_declaration);
	wdx_emit_die_end(e);
}
