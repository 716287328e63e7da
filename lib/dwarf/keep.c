/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The first pass: indexes every entry and decides which exist in the output.  What the visitor does
 * not keep comes back `bare` where something kept refers to it: the entry, its parents and, of a
 * type, all that it is made of.
 */
#include "dwarf/pass.h"

#include <dwarf.h>
#include <string.h>

#include "base/error.h"

static struct wdx_error *bad_die(const struct wdx_in_unit *u, uint64_t offset, const char *why)
{
	return wdx_bad_input(".debug_info: unit 0x%llx: DIE 0x%llx: %s",
			     (unsigned long long)u->pub.offset, (unsigned long long)offset, why);
}

static bool is_ref(const struct wdx_attr *a)
{
	return a->form_class == WDX_CLASS_REF && a->name != DW_AT_sibling;
}

/* Only attributes are looked at: what expressions refer to is kept by ask(). */
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

/* Expressions refer to these; decoding all of them to learn which would cost a third of a run. */
static bool for_expressions(unsigned tag)
{
	return tag == DW_TAG_base_type || tag == DW_TAG_dwarf_procedure;
}

static enum wdx_kept ask(struct wdx_pass *p, uint32_t parent, bool *any_dropped)
{
	if (parent != UINT32_MAX && p->in->dies.data[parent].keep == WDX_KEPT_NOT)
		return WDX_KEPT_NOT;
	if (!p->v->keep || p->v->keep(&p->cursor, p->config->arg) == WDX_KEEP)
		return WDX_KEPT;
	*any_dropped = true;
	return parent != UINT32_MAX && for_expressions(p->cursor.die->tag) ? WDX_KEPT_BARE
									   : WDX_KEPT_NOT;
}

/* The header of a type unit refers to its type. */
static bool note_unit_type(struct wdx_pass *p, const struct wdx_in_unit *u)
{
	uint64_t target = u->pub.offset + u->type_offset;
	uint32_t *slot;

	if (u->pub.type != DW_UT_type || target > UINT32_MAX || !u->ndies ||
	    p->in->dies.data[u->die].keep == WDX_KEPT_NOT)
		return true;
	slot = wdx_vec_push(&p->todo);
	if (slot)
		*slot = (uint32_t)target;
	return slot;
}

static struct wdx_error *index_unit(struct wdx_pass *p, struct wdx_in_unit *u, bool *any_dropped)
{
	struct wdx_input *in = p->in;
	uint64_t at = u->first_die;
	uint32_t parent = UINT32_MAX;
	bool supported = wdx_pass_supports(u);

	u->die = (uint32_t)in->dies.len;
	p->unit = u;
	p->cursor.unit = &u->pub;
	p->cursor.depth = 0;
	do {
		const char *why = wdx_decode_die(in, u, at, &p->decoded);

		if (why)
			return bad_die(u, at, why);
		if (p->decoded.null) {
			if (parent == UINT32_MAX)
				break;
			parent = in->dies.data[parent].parent;
			p->cursor.depth--;
			at = p->decoded.next;
			continue;
		}
		p->cursor.die = &p->decoded.die;
		enum wdx_kept kept = supported ? ask(p, parent, any_dropped) : WDX_KEPT_NOT;
		struct wdx_in_die *d = wdx_vec_push(&in->dies);

		if (!d || (kept != WDX_KEPT_NOT && p->v->keep && !note_refs(p, &p->decoded.die)))
			return &wdx_nomem;
		*d = (struct wdx_in_die){(uint32_t)at, parent, p->decoded.die.tag, (uint8_t)kept};
		in->words[at / 64].bits |= 1ULL << (at % 64);
		if (p->decoded.die.has_children) {
			parent = (uint32_t)in->dies.len - 1;
			p->cursor.depth++;
		}
		at = p->decoded.next;
	} while (parent != UINT32_MAX && at < u->end);
	u->ndies = (uint32_t)in->dies.len - u->die;
	return note_unit_type(p, u) ? NULL : &wdx_nomem;
}

static void count_before(struct wdx_input *in)
{
	uint32_t n = 0;
	size_t words = in->sec[WDX_SEC_INFO].size / 64 + 1;

	for (size_t i = 0; i < words; i++) {
		in->words[i].before = n;
		n += wdx_count_bits(in->words[i].bits);
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
	case DW_TAG_variant:
	case DW_TAG_template_alias:
		return true;
	default:
		return false;
	}
}

/* Brings one entry back, and notes what it refers to. */
static struct wdx_error *revive(struct wdx_pass *p, const struct wdx_in_unit *u, uint32_t i,
				unsigned *tag)
{
	struct wdx_in_die *d = &p->in->dies.data[i];
	const char *why = wdx_decode_die(p->in, u, d->offset, &p->decoded);

	if (why)
		return bad_die(u, d->offset, why);
	d->keep = WDX_KEPT_BARE;
	*tag = p->decoded.die.tag;
	return note_refs(p, &p->decoded.die) ? NULL : &wdx_nomem;
}

/* Entries are in the order of their offsets, so what is below i follows it, with parents from i on.
 */
static struct wdx_error *revive_below(struct wdx_pass *p, const struct wdx_in_unit *u, uint32_t i)
{
	const struct wdx_in_die *dies = p->in->dies.data;
	unsigned ignored;

	for (uint32_t k = i + 1;
	     k < p->in->dies.len && dies[k].parent != UINT32_MAX && dies[k].parent >= i; k++) {
		struct wdx_error *err =
			dies[k].keep == WDX_KEPT_NOT ? revive(p, u, k, &ignored) : NULL;

		if (err)
			return err;
	}
	return NULL;
}

/* Brings back the entry i and its parents; of types, the outermost one whole. */
static struct wdx_error *keep_target(struct wdx_pass *p, uint32_t i)
{
	const struct wdx_in_die *dies = p->in->dies.data;
	const struct wdx_in_unit *u = wdx_unit_at(p->in, dies[i].offset);
	uint32_t type = UINT32_MAX;

	if (!wdx_pass_supports(u))
		return NULL;
	for (uint32_t up = i; up != UINT32_MAX && dies[up].keep == WDX_KEPT_NOT;
	     up = dies[up].parent) {
		unsigned tag;
		struct wdx_error *err = revive(p, u, up, &tag);

		if (err)
			return err;
		if (is_type(tag))
			type = up;
	}
	return type == UINT32_MAX ? NULL : revive_below(p, u, type);
}

static void note_kept(struct wdx_input *in)
{
	const struct wdx_in_die *d;

	wdx_vec_each (d, &in->dies)
		in->words[d->offset / 64].kept |= (uint64_t)(d->keep != WDX_KEPT_NOT)
						  << d->offset % 64;
}

struct wdx_error *wdx_pass_keep(struct wdx_pass *p)
{
	struct wdx_error *err;
	bool any_dropped = false;

	p->in->dies.len = 0;
	p->in->indexed = false;
	memset(p->in->words, 0, (p->in->sec[WDX_SEC_INFO].size / 64 + 1) * sizeof(*p->in->words));
	for (size_t i = 0; i < p->in->units.len; i++) {
		err = index_unit(p, &p->in->units.data[i], &any_dropped);
		if (err)
			return err;
	}
	count_before(p->in);
	p->in->indexed = true;
	while (any_dropped && p->todo.len) {
		uint32_t i = wdx_die_index(p->in, p->todo.data[--p->todo.len]);

		if (i == UINT32_MAX || p->in->dies.data[i].keep != WDX_KEPT_NOT)
			continue;
		err = keep_target(p, i);
		if (err)
			return err;
	}
	wdx_vec_free(&p->todo);
	note_kept(p->in);
	return NULL;
}
