/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The first pass: indexes every entry and decides which exist in the output.  What the visitor does
 * not keep comes back `bare` where something kept refers to it: the entry, its parents and, of a
 * type, all that it is made of.
 */
#include "dwarf/pass.h"

#include <dwarf.h>

#include "base/error.h"

static struct wdx_error *bad_die(const struct wdx_in_unit *u, uint64_t offset, const char *why)
{
	return wdx_bad_input(".debug_info: unit 0x%llx: DIE 0x%llx: %s",
			     (unsigned long long)u->pub.offset, (unsigned long long)offset, why);
}

static bool is_ref(const struct wdx_attr *a)
{
	return a->class == WDX_CLASS_REF && a->name != DW_AT_sibling;
}

/* Expressions of the input refer to base types; those are kept with everything else at the top of
 * a unit, so only attributes are looked at. */
static bool note_refs(struct wdx_pass *p, const struct wdx_die *die)
{
	for (size_t i = 0; i < die->nattrs; i++) {
		uint32_t *slot;

		if (!is_ref(&die->attrs[i]) || die->attrs[i].value > UINT32_MAX)
			continue;
		slot = wdx_vec_push(&p->todo);
		if (!slot)
			return false;
		*slot = (uint32_t)die->attrs[i].value;
	}
	return true;
}

static enum wdx_kept ask(struct wdx_pass *p, uint32_t parent, bool *any_dropped)
{
	if (parent != UINT32_MAX && p->in->dies.data[parent].keep == WDX_KEPT_NOT)
		return WDX_KEPT_NOT;
	if (!p->v->keep || p->v->keep(&p->cursor, p->config->arg) == WDX_KEEP)
		return WDX_KEPT;
	*any_dropped = true;
	return WDX_KEPT_NOT;
}

static struct wdx_error *index_unit(struct wdx_pass *p, struct wdx_in_unit *u, bool *any_dropped)
{
	struct wdx_input *in = p->in;
	uint64_t at = u->first_die;
	uint32_t parent = UINT32_MAX;

	u->die = (uint32_t)in->dies.len;
	p->unit = u;
	p->cursor.unit = &u->pub;
	p->cursor.depth = 0;
	do {
		const char *why = wdx_decode_die(in, u, at, &p->decoded);

		if (why)
			return bad_die(u, at, why);
		if (p->decoded.null) {
			parent = parent == UINT32_MAX ? parent : in->dies.data[parent].parent;
			p->cursor.depth--;
			at = p->decoded.next;
			continue;
		}
		p->cursor.die = &p->decoded.die;
		enum wdx_kept kept = ask(p, parent, any_dropped);
		struct wdx_in_die *d = wdx_vec_push(&in->dies);

		if (!d || (kept == WDX_KEPT && !note_refs(p, &p->decoded.die)))
			return &wdx_nomem;
		*d = (struct wdx_in_die){(uint32_t)at, parent, (uint8_t)kept};
		in->bits[at / 64] |= 1ULL << (at % 64);
		if (p->decoded.die.has_children) {
			parent = (uint32_t)in->dies.len - 1;
			p->cursor.depth++;
		}
		at = p->decoded.next;
	} while (parent != UINT32_MAX && at < u->end);
	u->ndies = (uint32_t)in->dies.len - u->die;
	return NULL;
}

static void make_ranks(struct wdx_input *in)
{
	uint32_t n = 0;
	size_t words = in->sec[WDX_SEC_INFO].size / 64 + 1;

	for (size_t i = 0; i < words; i++) {
		in->ranks[i] = n;
		n += (uint32_t)__builtin_popcountll(in->bits[i]);
	}
}

static bool is_type(unsigned tag)
{
	switch (tag) {
	case DW_TAG_array_type:
	case DW_TAG_class_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_structure_type:
	case DW_TAG_subroutine_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_variant_part:
		return true;
	default:
		return false;
	}
}

/* Brings one entry back, and notes what it refers to. */
static struct wdx_error *revive(struct wdx_pass *p, uint32_t i, unsigned *tag)
{
	struct wdx_in_die *d = &p->in->dies.data[i];
	const struct wdx_in_unit *u = wdx_unit_at(p->in, d->offset);
	const char *why = u ? wdx_decode_die(p->in, u, d->offset, &p->decoded) : "outside every unit";

	if (why)
		return bad_die(u ? u : p->in->units.data, d->offset, why);
	d->keep = WDX_KEPT_BARE;
	*tag = p->decoded.die.tag;
	return note_refs(p, &p->decoded.die) ? NULL : &wdx_nomem;
}

/* Entries are in the order of their offsets, so what is below i follows it, with parents from i on. */
static struct wdx_error *keep_target(struct wdx_pass *p, uint32_t i)
{
	struct wdx_in_die *dies = p->in->dies.data;
	struct wdx_error *err;
	unsigned tag, ignored;

	for (uint32_t up = dies[i].parent; up != UINT32_MAX && dies[up].keep == WDX_KEPT_NOT;
	     up = dies[up].parent) {
		err = revive(p, up, &ignored);
		if (err)
			return err;
	}
	err = revive(p, i, &tag);
	if (err || !is_type(tag))
		return err;
	for (uint32_t k = i + 1; k < p->in->dies.len && dies[k].parent != UINT32_MAX && dies[k].parent >= i;
	     k++) {
		if (dies[k].keep != WDX_KEPT_NOT)
			continue;
		err = revive(p, k, &ignored);
		if (err)
			return err;
	}
	return NULL;
}

struct wdx_error *wdx_pass_keep(struct wdx_pass *p)
{
	struct wdx_error *err;
	bool any_dropped = false;

	p->in->dies.len = 0;
	for (size_t i = 0; i < p->in->units.len; i++) {
		err = index_unit(p, &p->in->units.data[i], &any_dropped);
		if (err)
			return err;
	}
	make_ranks(p->in);
	while (any_dropped && p->todo.len) {
		uint32_t i = wdx_die_index(p->in, p->todo.data[--p->todo.len]);

		if (i == UINT32_MAX || p->in->dies.data[i].keep != WDX_KEPT_NOT)
			continue;
		err = keep_target(p, i);
		if (err)
			return err;
	}
	wdx_vec_free(&p->todo);
	return NULL;
}
