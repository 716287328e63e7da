/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Locations: DWARF 5, sections 2.6.2 and 7.7.3, and the lists of DWARF 2 to 4.  libdw refuses
 * expressions with wasm's own operation, so the lists are read here.
 */
#include "stepper/stepper.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "stepper/loc.h"

struct list {
	const struct unit *u;
	struct location *l;
	size_t cap;
	const uint8_t *p, *end;
	uint64_t base;
	bool bad;
};

static uint64_t fixed(struct list *s, unsigned n)
{
	uint64_t v = 0;

	if ((size_t)(s->end - s->p) < n) {
		s->bad = true;
		s->p = s->end;
		return 0;
	}
	memcpy(&v, s->p, n);
	s->p += n;
	return v;
}

static uint64_t uleb(struct list *s)
{
	uint64_t v = 0;
	uint8_t byte;

	for (unsigned shift = 0;; shift += 7) {
		byte = (uint8_t)fixed(s, 1);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
}

static void add(struct location *l, size_t *cap, uint64_t lo, uint64_t hi, const uint8_t *bytes,
		size_t size)
{
	l->places = xgrow(l->places, l->n, cap, sizeof(*l->places));
	l->places[l->n++] = (struct place){lo, hi, bytes, size, NULL};
}

/* The expression that ends an entry. */
static void add_entry(struct list *s, uint64_t lo, uint64_t hi, uint64_t size)
{
	if (size > (uint64_t)(s->end - s->p)) {
		s->bad = true;
		return;
	}
	if (lo < hi)
		add(s->l, &s->cap, lo, hi, s->p, size);
	s->p += size;
}

static void read_old(struct list *s)
{
	unsigned w = s->u->address_size;
	uint64_t all = w == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * w) - 1;

	while (!s->bad && s->p < s->end) {
		uint64_t lo = fixed(s, w), hi = fixed(s, w);

		if (!lo && !hi)
			return;
		if (lo == all) {
			s->base = hi;
			continue;
		}
		if (lo == all - 1) /* wasm-ld: dead */
			lo = hi = 0;
		add_entry(s, (s->base + lo) & all, (s->base + hi) & all, fixed(s, 2));
	}
}

static uint64_t indexed(struct list *s)
{
	const struct bytes *b = &s->u->side->addr;
	uint64_t at = s->u->addr_base + uleb(s) * s->u->address_size, v = 0;

	if (at > b->size || b->size - at < s->u->address_size)
		s->bad = true;
	else
		memcpy(&v, b->data + at, s->u->address_size);
	return v;
}

/* One entry of .debug_loclists; false: the end. */
static bool read_new(struct list *s)
{
	uint64_t lo = 0, hi = 0;

	switch (fixed(s, 1)) {
	case DW_LLE_end_of_list:
		return false;
	case DW_LLE_base_addressx:
		s->base = indexed(s);
		return true;
	case DW_LLE_base_address:
		s->base = fixed(s, s->u->address_size);
		return true;
	case DW_LLE_startx_endx:
		lo = indexed(s), hi = indexed(s);
		break;
	case DW_LLE_startx_length:
		lo = indexed(s), hi = lo + uleb(s);
		break;
	case DW_LLE_offset_pair:
		lo = s->base + uleb(s), hi = s->base + uleb(s);
		break;
	case DW_LLE_default_location:
		hi = UINT64_MAX;
		break;
	case DW_LLE_start_end:
		lo = fixed(s, s->u->address_size), hi = fixed(s, s->u->address_size);
		break;
	case DW_LLE_start_length:
		lo = fixed(s, s->u->address_size), hi = lo + uleb(s);
		break;
	default:
		s->bad = true;
		return false;
	}
	add_entry(s, lo, hi, uleb(s));
	return true;
}

static bool list_offset(const struct unit *u, Dwarf_Attribute *a, uint64_t *at)
{
	const struct bytes *b = &u->side->loclists;
	struct list s = {.u = u, .p = a->valp, .end = a->valp + 10};
	uint64_t slot;

	if (a->form != DW_FORM_loclistx) {
		Dwarf_Word v;

		if (dwarf_formudata(a, &v))
			return false;
		*at = v;
		return true;
	}
	slot = u->loclists_base + uleb(&s) * u->offset_size;
	if (slot > b->size || b->size - slot < u->offset_size)
		return false;
	*at = 0;
	memcpy(at, b->data + slot, u->offset_size);
	*at += u->loclists_base;
	return true;
}

static void read_list(const struct unit *u, Dwarf_Attribute *a, struct location *l)
{
	const struct bytes *b = u->version >= 5 ? &u->side->loclists : &u->side->loc;
	struct list s = {.u = u, .l = l, .base = u->low_pc};
	uint64_t at;

	if (!list_offset(u, a, &at) || at >= b->size)
		return;
	s.p = b->data + at;
	s.end = b->data + b->size;
	if (u->version < 5)
		read_old(&s);
	else
		while (!s.bad && read_new(&s))
			;
}

void location_read(const struct unit *u, Dwarf_Attribute *a, struct location *l)
{
	Dwarf_Block block;
	size_t cap = 0;

	l->present = true;
	switch (a->form) {
	case DW_FORM_exprloc:
	case DW_FORM_block:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
		if (!dwarf_formblock(a, &block))
			add(l, &cap, 0, UINT64_MAX, block.data, block.length);
		return;
	default:
		read_list(u, a, l);
	}
}

/* DW_AT_const_value: numbers are sign-extended where their form says so. */
void constant_read(Dwarf_Attribute *a, struct location *l)
{
	Dwarf_Sword s;
	Dwarf_Word w;
	Dwarf_Block block;
	const char *text;

	l->present = l->constant = true;
	l->block = l->data;
	l->size = 8;
	switch (a->form) {
	case DW_FORM_sdata:
	case DW_FORM_implicit_const:
		if (!dwarf_formsdata(a, &s))
			memcpy(l->data, &s, 8);
		return;
	case DW_FORM_string:
	case DW_FORM_strp:
		text = dwarf_formstring(a);
		l->block = (const uint8_t *)text;
		l->size = text ? strlen(text) + 1 : 0;
		return;
	case DW_FORM_data16:
	case DW_FORM_block:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
		l->size = 0;
		if (!dwarf_formblock(a, &block)) {
			l->block = block.data;
			l->size = block.length;
		}
		return;
	default:
		if (!dwarf_formudata(a, &w))
			memcpy(l->data, &w, 8);
	}
}

/* The first entry that holds there; decoded when first asked for. */
struct expr *location_at(const struct node *n, struct location *l, uint64_t pc)
{
	for (size_t i = 0; i < l->n; i++) {
		struct place *p = &l->places[i];

		if (pc < p->lo || (pc >= p->hi && p->hi != UINT64_MAX))
			continue;
		if (!p->expr)
			p->expr = expr_decode(n->unit, p->bytes, p->size);
		return p->expr;
	}
	return NULL;
}
