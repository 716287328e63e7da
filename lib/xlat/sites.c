/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Call sites, by which debuggers find in a caller's frame what a function was called with (DWARF 5,
 * 3.4): for calls that pass what the callee keeps nowhere (WDX_PLACE_ENTRY).
 *
 * Both want to know the callee.  gdb finds it by the entry that DW_AT_call_origin names; lldb takes
 * only that entry's name from there, and looks for an ELF symbol of that name, so for it the callee
 * is an address, and as it does not move DW_OP_addr here, one that counts from the caller's.  And
 * it takes no notice of call sites in a function that does not promise that all calls have one
 * (SymbolFileDWARF.cpp, CollectCallEdges()).  Code that lib/flow has followed leaves by no other
 * way, so the promise is true when each of the map's calls gets one.
 */
#include <dwarf.h>
#include <elf.h>

#include "base/search.h"
#include "xlat/translate.h"

/* DWARF numbers (psABI of x86-64, figure 3.36; AADWARF64). */
enum { X86_64_RIP = 16, AARCH64_PC = 32 };

/* As version 5 names these, and as GNU extensions of version 4. */
struct names {
	uint16_t site, parameter, return_pc, origin, target, value;
};

static const struct names *names_of(const struct wdx_xlat *x)
{
	static const struct names names[2] = {
		{DW_TAG_GNU_call_site, DW_TAG_GNU_call_site_parameter, DW_AT_low_pc,
		 DW_AT_abstract_origin, DW_AT_GNU_call_site_target, DW_AT_GNU_call_site_value},
		{DW_TAG_call_site, DW_TAG_call_site_parameter, DW_AT_call_return_pc,
		 DW_AT_call_origin, DW_AT_call_target, DW_AT_call_value},
	};

	return &names[x->env.dwarf_version >= 5];
}

/* The first argument of a call that returns there or behind it. */
static size_t first_argument(const struct wdx_map *map, uint32_t call)
{
	return wdx_search(i, 0, map->arguments.len, map->arguments.data[i].call < call);
}

static bool has_sites(const struct wdx_xlat *x, const struct wdx_code_func *f)
{
	bool any = false;

	for (uint32_t i = 0; i < f->map->nparts && !any; i++) {
		const struct wdx_map_part *p = &x->map->parts.data[f->map->first_part + i];
		size_t k = first_argument(x->map, p->lo + 1);

		any = k < x->map->arguments.len && x->map->arguments.data[k].call <= p->hi;
	}
	return any;
}

bool wdx_xlat_replaces(const struct wdx_xlat *x, uint32_t call)
{
	size_t i = first_argument(x->map, call);

	if (x->pointers.lldb && x->func && has_sites(x, x->func))
		return true;
	return i < x->map->arguments.len && x->map->arguments.data[i].call == call;
}

/* The entry of that function of the map, if it is in the unit; WDX_NO_IDENT: it is not. */
static wdx_ident entry_of(const struct wdx_xlat *x, const struct wdx_cursor *c, uint32_t func)
{
	const struct wdx_described *d =
		x->entry_of[func] ? &x->entries.data[x->entry_of[func] - 1] : NULL;

	return d && d->unit == c->unit->offset ? wdx_ident_of(c, d->offset) : WDX_NO_IDENT;
}

/* From the program counter on, which in the caller's frame is the return address. */
static void push_callee(const struct wdx_xlat *x, uint32_t call, uint32_t to, struct wdx_expr *out)
{
	bool x86 = wdx_target_elf_machine(x->target) == EM_X86_64;

	if (x86) {
		wdx_expr_op_sint(out, DW_OP_breg0 + X86_64_RIP, (int64_t)to - call);
		return;
	}
	wdx_expr_op_uint(out, DW_OP_bregx, AARCH64_PC);
	wdx_expr_raw(out, "", 1);
	wdx_expr_op_sint(out, DW_OP_consts, (int64_t)to - call);
	wdx_expr_op(out, DW_OP_plus);
}

static void emit_callee(const struct wdx_xlat *x, const struct wdx_cursor *c,
			const struct wdx_map_argument *a, struct wdx_emit *e)
{
	uint32_t to = x->map->parts.data[x->map->funcs.data[a->func].first_part].lo;
	wdx_ident id = x->pointers.lldb ? WDX_NO_IDENT : entry_of(x, c, a->func);
	struct wdx_expr *target;

	if (id != WDX_NO_IDENT) {
		wdx_emit_ref_short(e, names_of(x)->origin, id);
		return;
	}
	target = wdx_expr_begin(e);
	if (x->pointers.lldb)
		push_callee(x, a->call, to, target);
	else
		wdx_expr_addr(target, x->text_addr + to);
	wdx_emit_expr(e, names_of(x)->target, target);
}

static void emit_argument(const struct wdx_xlat *x, const struct wdx_map_argument *a,
			  struct wdx_emit *e)
{
	struct wdx_expr *value, *location;

	wdx_emit_die(e, names_of(x)->parameter, WDX_NO_IDENT);
	location = wdx_expr_begin(e);
	wdx_expr_op(location, (uint8_t)(DW_OP_reg0 + a->reg));
	wdx_emit_expr(e, DW_AT_location, location);
	value = wdx_expr_begin(e);
	if (wdx_xexpr_place(&x->env, &x->map->places.data[a->place], a->width, value) ==
	    WDX_LOSS_NONE)
		wdx_emit_expr(e, names_of(x)->value, value);
	wdx_emit_die_end(e);
}

static void emit_site(const struct wdx_xlat *x, const struct wdx_cursor *c, uint32_t call,
		      struct wdx_emit *e)
{
	const struct wdx_map *map = x->map;
	size_t i = first_argument(map, call);
	bool passes = i < map->arguments.len && map->arguments.data[i].call == call;

	if (!passes && !x->pointers.lldb)
		return;
	wdx_emit_die(e, names_of(x)->site, WDX_NO_IDENT);
	wdx_emit_addr(e, names_of(x)->return_pc, x->text_addr + call);
	if (passes)
		emit_callee(x, c, &map->arguments.data[i], e);
	for (; i < map->arguments.len && map->arguments.data[i].call == call; i++)
		emit_argument(x, &map->arguments.data[i], e);
	wdx_emit_die_end(e);
}

/* The function whose entry that is, if it has call sites of our own. */
static const struct wdx_map_func *caller(const struct wdx_xlat *x, const struct wdx_cursor *c)
{
	return c->die->tag == DW_TAG_subprogram && x->func && x->func_depth == c->depth &&
			       has_sites(x, x->func)
		       ? x->func->map
		       : NULL;
}

void wdx_xlat_sites(const struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	const struct wdx_map_func *f = caller(x, c);

	for (uint32_t i = 0; f && i < f->ncalls; i++)
		emit_site(x, c, x->map->calls.data[f->first_call + i], e);
}

bool wdx_xlat_promises(const struct wdx_xlat *x, const struct wdx_cursor *c)
{
	const struct wdx_code_func *f = NULL;
	const struct wdx_range *r;
	size_t n = 0;

	if (c->die->tag == DW_TAG_subprogram && x->map->arguments.len)
		wdx_die_pcs(c, &r, &n);
	if (n)
		f = wdx_code_func_at(&x->code, r->lo);
	return f && has_sites(x, f);
}

void wdx_xlat_promise(const struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	struct wdx_attr promise = {.name = x->env.dwarf_version >= 5 ? DW_AT_call_all_calls
								     : DW_AT_GNU_all_call_sites,
				   .form = DW_FORM_flag,
				   .form_class = WDX_CLASS_FLAG,
				   .value = x->pointers.lldb};

	if (caller(x, c))
		wdx_emit_attr(e, c, &promise);
}
