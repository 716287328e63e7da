/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Call sites: what a caller's frame says of the arguments of its call (DWARF 5, 3.4). */
#include "stepper/stepper.h"

#include <dwarf.h>
#include <stdlib.h>

static struct expr *expression(const struct unit *u, Dwarf_Die *die, unsigned at)
{
	Dwarf_Attribute a;
	Dwarf_Block block;

	return dwarf_attr(die, at, &a) && !dwarf_formblock(&a, &block)
		       ? expr_decode(u, block.data, block.length)
		       : NULL;
}

static bool site_address(Dwarf_Die *die, Dwarf_Addr *v)
{
	Dwarf_Attribute a;

	return (dwarf_attr(die, DW_AT_call_return_pc, &a) && !dwarf_formaddr(&a, v)) ||
	       (dwarf_tag(die) == DW_TAG_GNU_call_site && !dwarf_lowpc(die, v));
}

static void read_callee(const struct unit *u, Dwarf_Die *die, struct call_site *s)
{
	Dwarf_Attribute a;
	Dwarf_Die callee;
	Dwarf_Addr low;

	s->target = expression(u, die, DW_AT_call_target);
	if (!s->target)
		s->target = expression(u, die, DW_AT_GNU_call_site_target);
	if ((dwarf_attr(die, DW_AT_call_origin, &a) ||
	     dwarf_attr(die, DW_AT_abstract_origin, &a)) &&
	    dwarf_formref_die(&a, &callee) && !dwarf_lowpc(&callee, &low))
		s->callee = low;
}

static void read_argument(const struct unit *u, Dwarf_Die *die, struct call_site *s, size_t *cap)
{
	struct expr *where = expression(u, die, DW_AT_location),
		    *value = expression(u, die, DW_AT_call_value);

	if (!value)
		value = expression(u, die, DW_AT_GNU_call_site_value);
	if (!where || !value || where->n != 1 || where->op[0].code < DW_OP_reg0 ||
	    where->op[0].code > DW_OP_reg31)
		return;
	s->arguments = xgrow(s->arguments, s->n, cap, sizeof(*s->arguments));
	s->arguments[s->n++] =
		(struct call_argument){where->op[0].code - (unsigned)DW_OP_reg0, value};
}

void site_read(struct unit *u, Dwarf_Die *die)
{
	struct side *side = u->side;
	struct call_site s = {0};
	Dwarf_Die child;
	Dwarf_Addr pc;
	size_t cap = 0;

	if (!site_address(die, &pc))
		return;
	s.pc = pc;
	read_callee(u, die, &s);
	if (dwarf_haschildren(die) > 0 && !dwarf_child(die, &child))
		do
			read_argument(u, &child, &s, &cap);
		while (!dwarf_siblingof(&child, &child));
	side->sites = xgrow(side->sites, side->nsites, &side->sites_cap, sizeof(*side->sites));
	side->sites[side->nsites++] = s;
}

static int by_pc(const void *a, const void *b)
{
	const struct call_site *x = a, *y = b;

	return x->pc < y->pc ? -1 : x->pc > y->pc;
}

void sites_sort(struct side *s)
{
	if (s->nsites)
		qsort(s->sites, s->nsites, sizeof(*s->sites), by_pc);
}

const struct call_site *site_at(const struct side *s, uint64_t pc)
{
	struct call_site key = {.pc = pc};

	return s->nsites ? bsearch(&key, s->sites, s->nsites, sizeof(key), by_pc) : NULL;
}
