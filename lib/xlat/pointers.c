/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The types of the module, as far as pointers are concerned, and the way to each debugger's file.
 */
#include "xlat/pointers.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/search.h"
#include "elf/elf.h"
#include "xlat/translate.h"

/* Chains of typedefs and qualifiers are short; longer ones, and circles, count as not known. */
enum { MAX_CHAIN = 32, MAX_NAME = 256 };

/* ---- tags -------------------------------------------------------------------------------------
 */

static bool is_noted(unsigned tag)
{
	switch (tag) {
	case DW_TAG_array_type:
	case DW_TAG_base_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_namespace:
	case DW_TAG_ptr_to_member_type:
	case DW_TAG_subroutine_type:
		return true;
	default:
		return wdx_tag_is_alias(tag) || wdx_tag_is_pointer(tag) || wdx_tag_is_record(tag);
	}
}

bool wdx_tag_is_alias(unsigned tag)
{
	return tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
	       tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type;
}

bool wdx_tag_is_pointer(unsigned tag)
{
	return tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
	       tag == DW_TAG_rvalue_reference_type;
}

bool wdx_tag_is_record(unsigned tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
	       tag == DW_TAG_union_type || tag == DW_TAG_interface_type;
}

/* ---- the first pass ---------------------------------------------------------------------------
 */

static uint64_t number(const struct wdx_die *die, unsigned at)
{
	const struct wdx_attr *a = wdx_die_attr(die, at);

	return a && a->form_class == WDX_CLASS_CONSTANT && a->value < UINT32_MAX ? a->value : 0;
}

static uint32_t target_of(const struct wdx_die *die)
{
	const struct wdx_attr *a = wdx_die_attr(die, DW_AT_type);

	return a && a->form_class == WDX_CLASS_REF && a->value < UINT32_MAX ? (uint32_t)a->value
									    : 0;
}

static bool is_c(const struct wdx_die *unit)
{
	switch (number(unit, DW_AT_language)) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case 0x2c: /* DW_LANG_C17 */
		return true;
	default:
		return false;
	}
}

static bool is_cxx(const struct wdx_die *unit)
{
	switch (number(unit, DW_AT_language)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case 0x2b: /* DW_LANG_C_plus_plus_17 */
	case 0x2e: /* DW_LANG_C_plus_plus_20 */
		return true;
	default:
		return false;
	}
}

/* Remembers what is open at each depth; 0: nothing that is of interest. */
static bool enter(struct wdx_pointers *p, unsigned depth, uint32_t what)
{
	while (p->scopes.len < depth) {
		uint32_t *none = wdx_vec_push(&p->scopes);

		if (!none)
			return false;
		*none = 0;
	}
	p->scopes.len = depth;
	uint32_t *slot = wdx_vec_push(&p->scopes);

	if (slot)
		*slot = what;
	return slot;
}

static void fill(struct wdx_type *t, const struct wdx_cursor *c)
{
	const struct wdx_attr *name = wdx_die_attr(c->die, DW_AT_name);

	t->offset = (uint32_t)c->die->offset;
	t->tag = c->die->tag;
	t->target = target_of(c->die);
	t->size = (uint32_t)number(c->die, DW_AT_byte_size);
	if (!t->size && wdx_tag_is_pointer(t->tag))
		t->size = c->unit->address_size;
	t->name = name && name->form_class == WDX_CLASS_STRING ? (const char *)name->data : NULL;
	t->twin = WDX_NO_IDENT;
	if (wdx_die_attr(c->die, DW_AT_declaration))
		t->flags |= WDX_TYPE_DECLARED;
	if (wdx_die_attr(c->die, DW_AT_signature))
		t->flags |= WDX_TYPE_SIGNATURE;
}

static bool note_part(struct wdx_pointers *p, uint32_t in, uint32_t offset)
{
	struct wdx_type_part *part = wdx_vec_push(&p->parts);

	if (part)
		*part = (struct wdx_type_part){offset, in};
	return part;
}

/* What is in a type. */
static bool note_in(struct wdx_pointers *p, const struct wdx_die *die, uint32_t in)
{
	if (in && die->tag == DW_TAG_variant_part)
		p->types.data[in - 1].flags |= WDX_TYPE_VARIANT;
	if (in && die->tag == DW_TAG_inheritance)
		return wdx_bases_note(p, die, in - 1);
	return !in || die->tag != DW_TAG_member || !p->rust || note_part(p, in - 1, target_of(die));
}

static bool note_use(struct wdx_pointers *p, uint32_t offset, uint32_t from)
{
	struct wdx_type_use *use = wdx_vec_push(&p->uses);

	if (use)
		*use = (struct wdx_type_use){offset, from};
	return use;
}

static bool note_defined(struct wdx_pointers *p, const struct wdx_attr *specification)
{
	uint32_t *slot;

	if (!specification || specification->form_class != WDX_CLASS_REF ||
	    specification->value >= UINT32_MAX)
		return true;
	slot = wdx_vec_push(&p->defined);
	if (slot)
		*slot = (uint32_t)specification->value;
	return slot;
}

/* Whose type an entry names, apart from types themselves. */
static bool note_reference(struct wdx_pointers *p, const struct wdx_cursor *c)
{
	const struct wdx_die *die = c->die;
	bool declared = false, function = die->tag == DW_TAG_subprogram;
	uint32_t target = target_of(die);

	if (p->declared && c->depth < p->declared)
		p->declared = 0;
	if (!p->cxx)
		return true;
	if (function && wdx_die_attr(die, DW_AT_declaration)) {
		p->declared = c->depth + 1;
		declared = true;
	}
	if (function && !note_defined(p, wdx_die_attr(die, DW_AT_specification)))
		return false;
	declared |= p->declared || die->tag == DW_TAG_template_type_parameter ||
		    die->tag == DW_TAG_template_value_parameter;
	return !target || note_use(p, target, declared ? (uint32_t)die->offset : 0);
}

/* Which function the walk is in. */
static void track_function(struct wdx_pointers *p, const struct wdx_cursor *c)
{
	if (p->function && c->depth < p->function)
		p->function = 0;
	if (!p->function && c->die->tag == DW_TAG_subprogram)
		p->function = c->depth + 1;
}

static bool is_local(const struct wdx_pointers *p, const struct wdx_die *die)
{
	return p->function &&
	       (die->tag == DW_TAG_variable || die->tag == DW_TAG_formal_parameter) &&
	       !wdx_die_attr(die, DW_AT_specification);
}

/* The type of a variable in a function. */
static bool note_used(struct wdx_pointers *p, const struct wdx_die *die)
{
	uint32_t target = p->ops->native && is_local(p, die) ? target_of(die) : 0, *slot;

	if (!target)
		return true;
	slot = wdx_vec_push(&p->used);
	if (slot)
		*slot = target;
	return slot;
}

bool wdx_pointers_note(struct wdx_pointers *p, const struct wdx_cursor *c)
{
	struct wdx_type *t;
	uint32_t parent = 0;

	if (!p->ops)
		return true;
	if (!c->depth) {
		p->rust = number(c->die, DW_AT_language) == DW_LANG_Rust;
		p->cxx = is_cxx(c->die);
		p->unit_flags = p->cxx ? 0 : WDX_TYPE_LIVE;
		p->unit_flags |= is_c(c->die) ? WDX_TYPE_C : 0;
		p->declared = 0;
	}
	if (c->depth && c->depth <= p->scopes.len)
		parent = p->scopes.data[c->depth - 1];
	track_function(p, c);
	if (!is_noted(c->die->tag))
		return note_in(p, c->die, parent) && note_used(p, c->die) && note_reference(p, c) &&
		       enter(p, c->depth, 0);
	t = wdx_vec_push(&p->types);
	if (!t)
		return false;
	*t = (struct wdx_type){.parent = parent, .flags = p->unit_flags};
	fill(t, c);
	if (p->rust && wdx_tag_is_alias(t->tag) &&
	    !note_part(p, (uint32_t)p->types.len - 1, t->target))
		return false;
	return enter(p, c->depth, (uint32_t)p->types.len);
}

/* ---- types ------------------------------------------------------------------------------------
 */

/* The first type from that offset on. */
static size_t type_index(const struct wdx_pointers *p, uint64_t offset)
{
	return wdx_search(i, 0, p->types.len, p->types.data[i].offset < offset);
}

struct wdx_type *wdx_type_at(const struct wdx_pointers *p, uint64_t offset)
{
	size_t i = type_index(p, offset);

	return offset && i < p->types.len && p->types.data[i].offset == offset ? &p->types.data[i]
									       : NULL;
}

struct wdx_type *wdx_type_stripped(const struct wdx_pointers *p, struct wdx_type *t)
{
	for (int step = 0; t && wdx_tag_is_alias(t->tag); step++)
		t = step < MAX_CHAIN ? wdx_type_at(p, t->target) : NULL;
	return t;
}

static int by_offset(const void *a, const void *b)
{
	const struct wdx_type_part *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->in < y->in ? -1 : x->in > y->in;
}

static const struct wdx_type_part *first_part(const struct wdx_pointers *p, uint32_t offset)
{
	return wdx_search(i, p->parts.data, p->parts.data + p->parts.len, i->offset < offset);
}

/* Each type is in the list once, when it has become one. */
bool wdx_types_spread_variants(struct wdx_pointers *p)
{
	WDX_VEC(uint32_t) todo = {0};
	const struct wdx_type_part *part, *end = p->parts.data + p->parts.len;
	bool ok = !p->parts.len || wdx_vec_reserve(&todo, p->types.len);

	if (p->parts.len)
		qsort(p->parts.data, p->parts.len, sizeof(*p->parts.data), by_offset);
	for (size_t i = 0; ok && p->parts.len && i < p->types.len; i++)
		if (p->types.data[i].flags & WDX_TYPE_VARIANT)
			todo.data[todo.len++] = (uint32_t)i;
	while (ok && todo.len) {
		uint32_t offset = p->types.data[todo.data[--todo.len]].offset;

		for (part = first_part(p, offset); part < end && part->offset == offset; part++) {
			struct wdx_type *in = &p->types.data[part->in];

			if (!(in->flags & WDX_TYPE_VARIANT))
				todo.data[todo.len++] = part->in;
			in->flags |= WDX_TYPE_VARIANT;
		}
	}
	wdx_vec_free(&todo);
	return ok;
}

static bool leads_on(const struct wdx_type *t)
{
	return wdx_tag_is_alias(t->tag) || wdx_tag_is_pointer(t->tag) ||
	       t->tag == DW_TAG_array_type;
}

/* What is live already has been followed. */
static void make_live(const struct wdx_pointers *p, struct wdx_type *t)
{
	while (t && !(t->flags & WDX_TYPE_LIVE)) {
		t->flags |= WDX_TYPE_LIVE;
		t = leads_on(t) ? wdx_type_at(p, t->target) : NULL;
	}
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void name_target(const struct wdx_pointers *p, uint32_t offset)
{
	struct wdx_type *t = wdx_type_at(p, offset);

	if (t)
		t->flags |= WDX_TYPE_NAMED;
}

bool wdx_types_defined(const struct wdx_pointers *p, uint64_t offset)
{
	uint32_t key = (uint32_t)offset;

	return p->defined.len &&
	       bsearch(&key, p->defined.data, p->defined.len, sizeof(*p->defined.data), by_number);
}

/* What a function returns is a value's type if that function is defined somewhere. */
static bool is_value(const struct wdx_pointers *p, const struct wdx_type_use *use)
{
	return !use->from || wdx_types_defined(p, use->from);
}

/* A pointer that nothing refers to is in the DWARF for the sake of a cast in the source. */
void wdx_types_find_live(struct wdx_pointers *p)
{
	const struct wdx_type_use *use;
	struct wdx_type *t;

	if (p->defined.len)
		qsort(p->defined.data, p->defined.len, sizeof(*p->defined.data), by_number);
	wdx_vec_each (use, &p->uses) {
		name_target(p, use->offset);
		if (is_value(p, use))
			make_live(p, wdx_type_at(p, use->offset));
	}
	wdx_vec_each (t, &p->types)
		name_target(p, t->target);
	wdx_vec_each (t, &p->types)
		if (wdx_tag_is_pointer(t->tag) && !(t->flags & WDX_TYPE_NAMED))
			make_live(p, t);
}

uint32_t wdx_type_bytes(const struct wdx_pointers *p, struct wdx_type *t)
{
	t = wdx_type_stripped(p, t);
	return t ? t->size : 0;
}

/* ---- names ------------------------------------------------------------------------------------
 */

static bool add(struct wdx_buf *b, const char *s)
{
	if (b->len + strlen(s) > MAX_NAME)
		return false;
	wdx_buf_bytes(b, s, strlen(s));
	return !b->failed;
}

static bool add_scopes(const struct wdx_pointers *p, uint32_t parent, struct wdx_buf *b, int depth)
{
	const struct wdx_type *t = parent ? &p->types.data[parent - 1] : NULL;

	if (!t)
		return true;
	return depth < MAX_CHAIN && add_scopes(p, t->parent, b, depth + 1) &&
	       (t->name || t->tag == DW_TAG_namespace) &&
	       add(b, t->name ? t->name : "(anonymous namespace)") && add(b, "::");
}

static bool add_own_name(const struct wdx_pointers *p, const struct wdx_type *t, struct wdx_buf *b)
{
	static const struct {
		unsigned tag;
		const char *word;
	} words[] = {{DW_TAG_structure_type, "struct "},
		     {DW_TAG_union_type, "union "},
		     {DW_TAG_enumeration_type, "enum "}};

	for (size_t i = 0; i < 3 && t->flags & WDX_TYPE_C; i++)
		if (words[i].tag == t->tag && !add(b, words[i].word))
			return false;
	return add_scopes(p, t->parent, b, 0) && add(b, t->name);
}

static bool add_name(const struct wdx_pointers *p, struct wdx_type *t, struct wdx_buf *b,
		     int depth);

static bool add_target(const struct wdx_pointers *p, const struct wdx_type *t, struct wdx_buf *b,
		       int depth)
{
	struct wdx_type *target = wdx_type_at(p, t->target);

	if (!t->target)
		return add(b, "void");
	return target && depth < MAX_CHAIN && add_name(p, target, b, depth + 1);
}

static const char *qualifier(unsigned tag)
{
	return tag == DW_TAG_const_type	     ? "const"
	       : tag == DW_TAG_volatile_type ? "volatile"
	       : tag == DW_TAG_restrict_type ? "restrict"
					     : "_Atomic";
}

static bool add_qualified(const struct wdx_pointers *p, const struct wdx_type *t, struct wdx_buf *b,
			  int depth)
{
	const struct wdx_type *target = wdx_type_at(p, t->target);

	if (target && wdx_tag_is_pointer(target->tag))
		return add_target(p, t, b, depth) && add(b, " ") && add(b, qualifier(t->tag));
	return add(b, qualifier(t->tag)) && add(b, " ") && add_target(p, t, b, depth);
}

static bool add_name(const struct wdx_pointers *p, struct wdx_type *t, struct wdx_buf *b, int depth)
{
	if (t->name)
		return add_own_name(p, t, b);
	if (wdx_tag_is_pointer(t->tag)) {
		const char *stars = t->tag == DW_TAG_pointer_type     ? "*"
				    : t->tag == DW_TAG_reference_type ? "&"
								      : "&&";

		return add_target(p, t, b, depth) && (b->data[b->len - 1] == '*' || add(b, " ")) &&
		       add(b, stars);
	}
	return wdx_tag_is_alias(t->tag) && t->tag != DW_TAG_typedef &&
	       add_qualified(p, t, b, depth);
}

bool wdx_type_name(const struct wdx_pointers *p, struct wdx_type *t, struct wdx_buf *b)
{
	return add_name(p, t, b, 0);
}

/* ---- the second pass --------------------------------------------------------------------------
 */

static bool unit_has_twins(const struct wdx_pointers *p, const struct wdx_unit *u)
{
	for (size_t i = type_index(p, u->offset);
	     i < p->types.len && p->types.data[i].offset < u->offset + u->size; i++)
		if (p->types.data[i].twin != WDX_NO_IDENT)
			return true;
	return false;
}

void wdx_pointers_unit(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	if (!p->ops)
		return;
	if (p->failed)
		wdx_emit_fail(e, "out of memory");
	if (!p->prepared) {
		wdx_types_find_live(p);
		if (!wdx_xlat_spread_returns(x))
			wdx_emit_fail(e, "out of memory");
		p->ops->prepare(x, e);
	}
	p->prepared = true;
	p->function = 0;
	p->number = WDX_NO_IDENT;
	p->procedure = unit_has_twins(p, c->unit) ? wdx_ident_new(e) : WDX_NO_IDENT;
	p->virtual_base = WDX_NO_IDENT;
}

enum wdx_verdict wdx_pointers_die(struct wdx_xlat *x, const struct wdx_cursor *c,
				  struct wdx_emit *e)
{
	struct wdx_pointers *p = &x->pointers;

	if (!p->ops)
		return WDX_COPY;
	track_function(p, c);
	return p->ops->die(
		x, c, !p->copied && is_noted(c->die->tag) ? wdx_type_at(p, c->die->offset) : NULL,
		e);
}

bool wdx_pointers_native(struct wdx_xlat *x, const struct wdx_cursor *c)
{
	struct wdx_pointers *p = &x->pointers;
	const struct wdx_type *t;

	if (!p->ops || !p->ops->native || !is_local(p, c->die))
		return false;
	t = wdx_type_at(p, wdx_type_of(c));
	return t && t->twin != WDX_NO_IDENT;
}

enum wdx_verdict wdx_pointers_attr(struct wdx_xlat *x, const struct wdx_cursor *c,
				   const struct wdx_attr *a, struct wdx_emit *e)
{
	return x->pointers.ops ? x->pointers.ops->attr(x, c, a, e) : WDX_COPY;
}

/* Producers leave the size of pointers out, for it is the unit's address size; which is the
 * target's now, while a pointer in linear memory stays as wide as it was. */
void wdx_pointers_attrs_end(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	if (wdx_tag_is_pointer(c->die->tag) && !wdx_die_attr(c->die, DW_AT_byte_size) &&
	    c->unit->address_size != wdx_target_address_size(x->target))
		wdx_emit_uint(e, DW_AT_byte_size, c->unit->address_size);
	if (x->pointers.ops)
		x->pointers.ops->attrs_end(x, c, e);
}

void wdx_pointers_die_end(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e)
{
	if (x->pointers.ops && x->pointers.ops->die_end)
		x->pointers.ops->die_end(x, c, e);
}

/* ---- life -------------------------------------------------------------------------------------
 */

void wdx_pointers_init(struct wdx_pointers *p, enum wdx_debugger debugger,
		       const struct wdx_xenv *env)
{
	const struct wdx_target *t = env->target;
	bool is64 = wdx_target_address_size(t) == 8, big = wdx_target_big_endian(t);

	p->lldb = debugger == WDX_DEBUGGER_LLDB;
	p->copied = NULL;
	p->procedure = WDX_NO_IDENT;
	if (!env->memory_size || !is64 || big)
		return;
	if (debugger == WDX_DEBUGGER_GDB && wdx_elf_relocates(wdx_target_elf_machine(t), is64, big))
		p->ops = &wdx_gdb_ops;
	if (debugger == WDX_DEBUGGER_LLDB)
		p->ops = &wdx_lldb_ops;
}

void wdx_pointers_deinit(struct wdx_pointers *p)
{
	wdx_vec_free(&p->types);
	wdx_vec_free(&p->parts);
	wdx_vec_free(&p->used);
	wdx_vec_free(&p->uses);
	wdx_vec_free(&p->defined);
	wdx_vec_free(&p->bases);
	wdx_vec_free(&p->late);
	wdx_vec_free(&p->scopes);
}
