/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * One side's DWARF: units, and of their entries those that name, scope or place something.
 */
#include "stepper/stepper.h"

#include <dwarf.h>
#include <string.h>

#include "stepper/loc.h"

static bool udata(Dwarf_Die *die, unsigned at, bool origin, Dwarf_Word *v)
{
	Dwarf_Attribute a;
	Dwarf_Attribute *p = origin ? dwarf_attr_integrate(die, at, &a) : dwarf_attr(die, at, &a);

	return p && !dwarf_formudata(p, v);
}

static unsigned number(Dwarf_Die *die, unsigned at)
{
	Dwarf_Word v = 0;

	return udata(die, at, true, &v) ? (unsigned)v : 0;
}

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute a;

	return dwarf_attr_integrate(die, DW_AT_name, &a) ? dwarf_formstring(&a) : NULL;
}

/* ---- which entries count --------------------------------------------------------------------- */

static bool is_scope(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block ||
	       tag == DW_TAG_inlined_subroutine || tag == DW_TAG_try_block ||
	       tag == DW_TAG_catch_block;
}

static bool is_variable(int tag)
{
	return tag == DW_TAG_variable || tag == DW_TAG_formal_parameter;
}

static bool is_container(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_structure_type ||
	       tag == DW_TAG_class_type || tag == DW_TAG_union_type || tag == DW_TAG_module;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static void read_ranges(struct node *n, Dwarf_Die *die)
{
	const struct side *s = n->unit->side;
	Dwarf_Addr base, lo, hi;
	ptrdiff_t at = 0;
	size_t cap = 0;

	if (!dwarf_hasattr(die, DW_AT_low_pc) && !dwarf_hasattr(die, DW_AT_ranges))
		return;
	while ((at = dwarf_ranges(die, at, &base, &lo, &hi)) > 0) {
		if (lo < s->code_lo || hi > s->code_hi || lo >= hi)
			continue; /* dead */
		n->ranges = xgrow(n->ranges, n->nranges, &cap, sizeof(*n->ranges));
		n->ranges[n->nranges++] = (struct range){lo, hi};
	}
}

static void read_size(struct node *n, Dwarf_Die *die)
{
	Dwarf_Attribute a;
	Dwarf_Die type, peeled;
	Dwarf_Word size;

	n->size = UINT64_MAX;
	if (!dwarf_attr_integrate(die, DW_AT_type, &a) || !dwarf_formref_die(&a, &type) ||
	    dwarf_peel_type(&type, &peeled) || dwarf_aggregate_size(&peeled, &size))
		return;
	n->size = size;
}

static void read_variable(struct node *n, Dwarf_Die *die)
{
	Dwarf_Attribute a;

	read_size(n, die);
	if (dwarf_attr(die, DW_AT_location, &a))
		location_read(n->unit, &a, &n->location);
	else if (dwarf_attr(die, DW_AT_const_value, &a))
		constant_read(&a, &n->location);
}

static void read_scope(struct node *n, Dwarf_Die *die)
{
	Dwarf_Attribute a;

	read_ranges(n, die);
	n->call_line = number(die, DW_AT_call_line);
	if (n->tag == DW_TAG_subprogram && dwarf_attr_integrate(die, DW_AT_frame_base, &a))
		location_read(n->unit, &a, &n->frame_base);
}

/* ---- the tree -------------------------------------------------------------------------------- */

static struct node *new_node(struct unit *u, struct node *parent, Dwarf_Die *die, int tag)
{
	struct node *n = xalloc(sizeof(*n));

	n->unit = u;
	n->parent = parent;
	n->offset = dwarf_dieoffset(die);
	n->tag = tag;
	n->name = name_of(die);
	n->line = number(die, DW_AT_decl_line);
	if (!parent)
		return n;
	if (parent->last)
		parent->last->next = n;
	else
		parent->child = n;
	parent->last = n;
	return n;
}

static void drop_last(struct node *parent, struct node *before)
{
	parent->last = before;
	if (before)
		before->next = NULL;
	else
		parent->child = NULL;
}

static void walk(struct unit *u, struct node *parent, Dwarf_Die *first, unsigned depth);

static void walk_children(struct unit *u, struct node *n, Dwarf_Die *die, unsigned depth)
{
	Dwarf_Die child;

	if (dwarf_haschildren(die) > 0 && !dwarf_child(die, &child))
		walk(u, n, &child, depth + 1);
}

static void visit(struct unit *u, struct node *parent, Dwarf_Die *die, unsigned depth)
{
	int tag = dwarf_tag(die);
	struct node *before = parent->last, *n;

	if (tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site)
		site_read(u, die);
	if (!is_scope(tag) && !is_variable(tag) && !is_container(tag))
		return;
	n = new_node(u, parent, die, tag);
	if (is_variable(tag)) {
		read_variable(n, die);
		return;
	}
	if (is_scope(tag))
		read_scope(n, die);
	walk_children(u, n, die, depth);
	if (!n->child && !n->nranges)
		drop_last(parent, before);
}

static void walk(struct unit *u, struct node *parent, Dwarf_Die *first, unsigned depth)
{
	Dwarf_Die die = *first;

	if (depth > 256)
		fail("entries nested deeply");
	do
		visit(u, parent, &die, depth);
	while (!dwarf_siblingof(&die, &die));
}

static void load_unit(struct side *s, struct unit *u, Dwarf_CU *cu)
{
	Dwarf_Word v;
	Dwarf_Addr low;

	u->side = s;
	dwarf_cu_info(cu, &u->version, NULL, &u->die, NULL, NULL, &u->address_size,
		      &u->offset_size);
	u->offset = dwarf_dieoffset(&u->die) - dwarf_cuoffset(&u->die);
	if (!dwarf_lowpc(&u->die, &low))
		u->low_pc = low;
	u->addr_base = udata(&u->die, DW_AT_addr_base, false, &v) ? v : 8;
	u->loclists_base = udata(&u->die, DW_AT_loclists_base, false, &v) ? v : 12;
	u->root = new_node(u, NULL, &u->die, dwarf_tag(&u->die));
	walk_children(u, u->root, &u->die, 0);
	if (dwarf_getsrclines(&u->die, &u->lines, &u->nlines))
		u->nlines = 0;
}

void side_load(struct side *s)
{
	Dwarf_CU *cu = NULL;
	uint8_t type;
	size_t n = 0;

	while (!dwarf_get_units(s->dwarf, cu, &cu, NULL, &type, NULL, NULL))
		n += type == DW_UT_compile;
	s->units = xalloc((n + 1) * sizeof(*s->units));
	cu = NULL;
	while (!dwarf_get_units(s->dwarf, cu, &cu, NULL, &type, NULL, NULL))
		if (type == DW_UT_compile && s->nunits < n)
			load_unit(s, &s->units[s->nunits++], cu);
	sites_sort(s);
}

bool node_covers(const struct node *n, uint64_t pc)
{
	for (size_t i = 0; i < n->nranges; i++)
		if (pc >= n->ranges[i].lo && pc < n->ranges[i].hi)
			return true;
	return false;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static Dwarf_Addr row_address(const struct unit *u, size_t i)
{
	Dwarf_Addr a = 0;

	dwarf_lineaddr(dwarf_onesrcline(u->lines, i), &a);
	return a;
}

bool line_at(const struct unit *u, uint64_t pc, size_t *first, size_t *last)
{
	size_t lo = 0, hi = u->nlines;
	bool end = false;

	while (lo < hi) { /* the first row above pc */
		size_t mid = lo + (hi - lo) / 2;

		if (row_address(u, mid) <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return false;
	*last = lo - 1;
	dwarf_lineendsequence(dwarf_onesrcline(u->lines, *last), &end);
	for (*first = *last; *first && row_address(u, *first - 1) == row_address(u, *last);)
		--*first;
	return !end;
}

struct row line_row(const struct unit *u, size_t i)
{
	Dwarf_Line *l = dwarf_onesrcline(u->lines, i);
	struct row r = {0};

	r.file = dwarf_linesrc(l, NULL, NULL);
	dwarf_lineno(l, &r.line);
	dwarf_linebeginstatement(l, &r.is_stmt);
	dwarf_lineprologueend(l, &r.prologue_end);
	r.address = row_address(u, i);
	return r;
}
