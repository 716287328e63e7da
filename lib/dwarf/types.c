/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* How large the values of an entry are. */
#include <dwarf.h>
#include <stdlib.h>

#include "dwarf/pass.h"

/* Chains of typedefs and qualifiers are short; longer ones, and circles, count as not known. */
enum { MAX_CHAIN = 32 };

static bool passes_on(unsigned tag)
{
	switch (tag) {
	case DW_TAG_typedef:
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
	case DW_TAG_packed_type:
	case DW_TAG_immutable_type:
	case DW_TAG_enumeration_type:
		return true;
	}
	return false;
}

static bool is_pointer(unsigned tag)
{
	return tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
	       tag == DW_TAG_rvalue_reference_type;
}

static const struct wdx_attr *reference(const struct wdx_die *die, unsigned name)
{
	const struct wdx_attr *a = wdx_die_attr(die, name);

	return a && a->form_class == WDX_CLASS_REF ? a : NULL;
}

/* Decodes the entry at that offset, if one begins there. */
static const struct wdx_in_unit *die_at(const struct wdx_input *in, uint64_t offset,
					struct wdx_decoded *d)
{
	const struct wdx_in_unit *u = wdx_unit_at(in, offset);

	if (!u || wdx_die_index(in, offset) == UINT32_MAX || wdx_decode_die(in, u, offset, d) ||
	    d->null)
		return NULL;
	return u;
}

static const struct wdx_attr *origin_of(const struct wdx_die *die)
{
	const struct wdx_attr *a = reference(die, DW_AT_abstract_origin);

	return a ? a : reference(die, DW_AT_specification);
}

/* Offset of the type of what begins at an offset or of what that is an instance of; 0: none. */
static uint64_t origin_type(const struct wdx_input *in, uint64_t offset, struct wdx_decoded *d)
{
	const struct wdx_attr *type = NULL, *origin;

	for (unsigned step = 0; !type && step < MAX_CHAIN && die_at(in, offset, d); step++) {
		type = reference(&d->die, DW_AT_type);
		origin = origin_of(&d->die);
		if (!origin)
			break;
		offset = origin->value;
	}
	return type ? type->value : 0;
}

/* Offset of the type of the entry or, if it has none, of what it is an instance of; 0: none.  There
 * are many instances of one entry, near each other. */
static uint64_t type_of(struct wdx_pass *p, const struct wdx_die *die, struct wdx_decoded *d)
{
	const struct wdx_attr *type = reference(die, DW_AT_type);
	const struct wdx_attr *origin = type ? NULL : origin_of(die);

	if (!origin)
		return type ? type->value : 0;
	size_t slot =
		(origin->value ^ origin->value >> 8) % (sizeof(p->origins) / sizeof(*p->origins));

	if (p->origins[slot].at != origin->value) {
		p->origins[slot].at = origin->value;
		p->origins[slot].type = origin_type(p->in, origin->value, d);
	}
	return p->origins[slot].type;
}

static uint64_t size_at(const struct wdx_input *in, uint64_t offset, struct wdx_decoded *d)
{
	const struct wdx_in_unit *u;
	const struct wdx_attr *a;

	for (unsigned step = 0; step < MAX_CHAIN; step++) {
		u = die_at(in, offset, d);
		if (!u)
			return 0;
		a = wdx_die_attr(&d->die, DW_AT_byte_size);
		if (a)
			return a->form_class == WDX_CLASS_CONSTANT && a->value < UINT32_MAX
				       ? a->value
				       : 0;
		if (is_pointer(d->die.tag))
			return u->pub.address_size;
		a = passes_on(d->die.tag) ? reference(&d->die, DW_AT_type) : NULL;
		if (!a)
			return 0;
		offset = a->value;
	}
	return 0;
}

uint64_t wdx_type_of(const struct wdx_cursor *c)
{
	struct wdx_decoded d;

	return type_of((struct wdx_pass *)c->pass, c->die, &d);
}

uint64_t wdx_type_size(const struct wdx_cursor *c)
{
	struct wdx_pass *p = (struct wdx_pass *)c->pass;
	struct wdx_decoded d;
	uint64_t type = type_of(p, c->die, &d);
	uint32_t i = type ? wdx_die_index(p->in, type) : UINT32_MAX;

	if (i == UINT32_MAX)
		return 0;
	if (!p->type_sizes)
		p->type_sizes = calloc(p->in->dies.len + 1, sizeof(*p->type_sizes));
	if (!p->type_sizes)
		return size_at(p->in, type, &d);
	if (!p->type_sizes[i])
		p->type_sizes[i] = (uint32_t)size_at(p->in, type, &d) + 1;
	return p->type_sizes[i] - 1;
}

/* An alias of nothing is void. */
static bool is_alias(unsigned tag)
{
	return passes_on(tag) && tag != DW_TAG_enumeration_type;
}

struct wdx_type_kind wdx_type_kind(const struct wdx_cursor *c)
{
	struct wdx_pass *p = (struct wdx_pass *)c->pass;
	struct wdx_type_kind kind = {.size = wdx_type_size(c)};
	struct wdx_decoded d;
	uint64_t offset = type_of(p, c->die, &d);
	const struct wdx_attr *a;

	for (unsigned step = 0; step < MAX_CHAIN && die_at(p->in, offset, &d); step++) {
		a = is_alias(d.die.tag) ? reference(&d.die, DW_AT_type) : NULL;
		if (a) {
			offset = a->value;
			continue;
		}
		kind.tag = is_alias(d.die.tag) ? 0 : d.die.tag;
		a = wdx_die_attr(&d.die, DW_AT_encoding);
		if (a && a->form_class == WDX_CLASS_CONSTANT)
			kind.encoding = (unsigned)a->value;
		break;
	}
	return kind;
}

/* ---- arrays -----------------------------------------------------------------------------------
 */

/* Elements that a dimension has; 0: not known. */
static uint64_t count_of(const struct wdx_die *die)
{
	const struct wdx_attr *n = wdx_die_attr(die, DW_AT_count);
	const struct wdx_attr *top = wdx_die_attr(die, DW_AT_upper_bound);
	uint64_t v = n ? n->value : top ? top->value + 1 : 0;

	if (!n)
		n = top;
	return n && n->form_class == WDX_CLASS_CONSTANT && v < UINT32_MAX &&
			       !wdx_die_attr(die, DW_AT_lower_bound)
		       ? v
		       : 0;
}

/* Elements of the array that is entry i; 0: not known. */
static uint64_t elements(const struct wdx_input *in, const struct wdx_in_unit *u, uint32_t i,
			 struct wdx_decoded *d)
{
	uint64_t n = 1;

	for (uint32_t k = i + 1; k < in->dies.len && in->dies.data[k].parent == i; k++) {
		if (k - i > MAX_CHAIN || wdx_decode_die(in, u, in->dies.data[k].offset, d))
			return 0;
		if (__builtin_mul_overflow(n, count_of(&d->die), &n))
			return 0;
	}
	return n;
}

/* The array behind qualifiers and typedefs, decoded to d; UINT32_MAX: it is none. */
static uint32_t find_array(const struct wdx_input *in, uint64_t offset, struct wdx_decoded *d,
			   const struct wdx_in_unit **u)
{
	for (unsigned step = 0; step < MAX_CHAIN; step++) {
		const struct wdx_attr *a;

		*u = die_at(in, offset, d);
		if (!*u)
			break;
		if (d->die.tag == DW_TAG_array_type)
			return wdx_die_index(in, offset);
		a = passes_on(d->die.tag) ? reference(&d->die, DW_AT_type) : NULL;
		if (!a)
			break;
		offset = a->value;
	}
	return UINT32_MAX;
}

uint64_t wdx_type_extent(const struct wdx_cursor *c)
{
	const struct wdx_input *in = c->pass->in;
	struct wdx_decoded d;
	const struct wdx_in_unit *u;
	uint64_t size = wdx_type_size(c), n = 1;
	uint64_t at = size ? 0 : type_of((struct wdx_pass *)c->pass, c->die, &d);

	for (unsigned step = 0; at && !size && step < MAX_CHAIN; step++) {
		uint32_t i = find_array(in, at, &d, &u);
		const struct wdx_attr *a;

		if (i == UINT32_MAX)
			return 0;
		a = reference(&d.die, DW_AT_type);
		at = a ? a->value : 0;
		if (__builtin_mul_overflow(n, elements(in, u, i, &d), &n))
			return 0;
		size = at ? size_at(in, at, &d) : 0;
	}
	return __builtin_mul_overflow(n, size, &size) ? 0 : size;
}
