/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/input.h"

#include <dwarf.h>
#include <string.h>

#include "base/error.h"
#include "base/search.h"
#include "elf/elf.h"

const char *const wdx_sec_names[WDX_SEC_COUNT] = {
	".debug_info", ".debug_abbrev", ".debug_str",	   ".debug_line_str", ".debug_str_offsets",
	".debug_addr", ".debug_loc",	".debug_loclists", ".debug_ranges",   ".debug_rnglists",
	".debug_line", ".debug_frame",	".debug_macro",	   ".debug_macinfo",  ".debug_types",
};

/* Sizes that are not a number of bytes. */
enum {
	S_ADDR = -1,
	S_OFFSET = -2,
	S_REF_ADDR = -3,
	S_ULEB = -4,
	S_SLEB = -5,
	S_STRING = -6,
	S_BLOCK1 = -7,
	S_BLOCK2 = -8,
	S_BLOCK4 = -9,
	S_BLOCK = -10,
	S_IMPLICIT = -11,
	S_INDIRECT = -12,
	S_UNKNOWN = -13,
};

struct form {
	uint8_t class;
	int8_t size;
};

static struct form form_of(unsigned form)
{
	switch (form) {
#define FORM(name, code, class, size)                                                              \
	case code:                                                                                 \
		return (struct form){WDX_CLASS_##class, size};
#include "dwarf/forms.def"
#undef FORM
	default:
		return (struct form){WDX_CLASS_UNKNOWN, S_UNKNOWN};
	}
}

/* What a section offset means for an attribute (DWARF 5 §7.5.4, table 7.5); OFFSET: another thing.
 */
static unsigned offset_class(unsigned at)
{
	switch (at) {
	case DW_AT_location:
	case DW_AT_string_length:
	case DW_AT_return_addr:
	case DW_AT_data_member_location:
	case DW_AT_frame_base:
	case DW_AT_segment:
	case DW_AT_static_link:
	case DW_AT_use_location:
	case DW_AT_vtable_elem_location:
		return WDX_CLASS_LOCLIST;
	case DW_AT_stmt_list:
		return WDX_CLASS_LINE;
	case DW_AT_ranges:
	case DW_AT_start_scope:
		return WDX_CLASS_RANGES;
	case DW_AT_macro_info:
	case DW_AT_macros:
	case DW_AT_GNU_macros:
		return WDX_CLASS_MACRO;
	default:
		return WDX_CLASS_OFFSET;
	}
}

/* Whether a block of a version before 4, which had no exprloc, is an expression there. */
static bool block_is_expr(unsigned at)
{
	switch (at) {
	case DW_AT_byte_size:
	case DW_AT_bit_size:
	case DW_AT_lower_bound:
	case DW_AT_upper_bound:
	case DW_AT_count:
	case DW_AT_bit_stride:
	case DW_AT_byte_stride:
	case DW_AT_allocated:
	case DW_AT_associated:
	case DW_AT_data_location:
	case DW_AT_rank:
	case DW_AT_GNU_call_site_value:
	case DW_AT_GNU_call_site_target:
		return true;
	default:
		return offset_class(at) == WDX_CLASS_LOCLIST;
	}
}

static unsigned class_of(unsigned at, unsigned form, unsigned version)
{
	unsigned class = form_of(form).class;

	if (class == WDX_CLASS_OFFSET)
		return offset_class(at);
	if (class == WDX_CLASS_BLOCK && version < 4 && block_is_expr(at))
		return WDX_CLASS_EXPR;
	if (version < 4 && (form == DW_FORM_data4 || form == DW_FORM_data8) &&
	    offset_class(at) != WDX_CLASS_OFFSET && at != DW_AT_data_member_location &&
	    at != DW_AT_start_scope)
		return offset_class(at);
	return class;
}

/* ---- abbreviations ----------------------------------------------------------------------------
 */

/* Nearly always the codes are 1, 2, 3, ...; the table is sorted only when they are not. */
static int by_code(const void *a, const void *b)
{
	const struct wdx_abbrev *x = a, *y = b;

	return x->code < y->code ? -1 : x->code > y->code;
}

static void sort_abbrevs(struct wdx_abbrevs *t)
{
	for (size_t i = 1; i < t->list.len; i++) {
		if (t->list.data[i].code > t->list.data[i - 1].code)
			continue;
		qsort(t->list.data, t->list.len, sizeof(*t->list.data), by_code);
		return;
	}
}

static const struct wdx_abbrev *find_abbrev(const struct wdx_abbrevs *t, uint64_t code)
{
	size_t lo;

	if (code <= t->list.len && t->list.data[code - 1].code == code)
		return &t->list.data[code - 1];
	lo = wdx_search(i, 0, t->list.len, t->list.data[i].code < code);
	return lo < t->list.len && t->list.data[lo].code == code ? &t->list.data[lo] : NULL;
}

static struct wdx_error *add_spec(struct wdx_abbrevs *t, unsigned code, unsigned name,
				  unsigned form, Dwarf_Sword implicit)
{
	struct wdx_spec *s = wdx_vec_push(&t->specs);

	if (!s)
		return &wdx_nomem;
	if (name > UINT16_MAX || form > UINT16_MAX)
		return wdx_bad_input(
			".debug_abbrev: abbreviation %u: attribute or form out of range", code);
	*s = (struct wdx_spec){.name = (uint16_t)name,
			       .form = (uint16_t)form,
			       .size = form_of(form).size,
			       .class = (uint8_t)class_of(name, form, t->version),
			       .implicit = implicit};
	return NULL;
}

static uint64_t name_bit(unsigned name)
{
	return 1ULL << name % 64;
}

static struct wdx_error *add_abbrev(struct wdx_abbrevs *t, Dwarf_Abbrev *a)
{
	unsigned code = dwarf_getabbrevcode(a), tag = dwarf_getabbrevtag(a), name, form;
	struct wdx_abbrev *out = wdx_vec_push(&t->list);
	Dwarf_Sword implicit;
	uint32_t n = 0;

	if (!out)
		return &wdx_nomem;
	if (!tag || tag > UINT16_MAX)
		return wdx_bad_input(".debug_abbrev: abbreviation %u: tag out of range", code);
	*out = (struct wdx_abbrev){
		code, (uint16_t)tag, dwarf_abbrevhaschildren(a) == 1, (uint32_t)t->specs.len, 0, 0};
	/* dwarf_getattrcnt() miscounts where a DW_FORM_implicit_const has a zero byte */
	for (; dwarf_getabbrevattr_data(a, n, &name, &form, &implicit, NULL) == 0; n++) {
		struct wdx_error *err;

		if (n == WDX_MAX_ATTRS)
			return wdx_bad_input(
				".debug_abbrev: abbreviation %u has more than %d attributes", code,
				WDX_MAX_ATTRS);
		err = add_spec(t, code, name, form, implicit);
		if (err)
			return err;
		out->names |= name_bit(name);
	}
	out->n = n;
	return NULL;
}

/* Tables do not overlap in practice; hostile ones could be read over and over. */
static bool abbrevs_exhausted(struct wdx_input *in, size_t length)
{
	in->abbrev_bytes += length;
	return in->abbrev_bytes > 8 * (uint64_t)in->sec[WDX_SEC_ABBREV].size;
}

static struct wdx_error *read_abbrevs(struct wdx_input *in, uint64_t die, struct wdx_abbrevs *t)
{
	Dwarf_Off at = 0;
	size_t length;
	Dwarf_Die top;
	struct wdx_error *err;

	if (!(die < in->types ? dwarf_offdie(in->dw, die, &top)
			      : dwarf_offdie_types(in->dw, die - in->types, &top)))
		return wdx_bad_input(".debug_info: offset 0x%llx: %s", (unsigned long long)die,
				     dwarf_errmsg(-1));
	for (;;) {
		Dwarf_Abbrev *abbrev = dwarf_getabbrev(&top, at, &length);

		if (abbrev == DWARF_END_ABBREV)
			break;
		if (!abbrev)
			return wdx_bad_input(".debug_abbrev: table 0x%llx: %s",
					     (unsigned long long)t->offset, dwarf_errmsg(-1));
		if (abbrevs_exhausted(in, length))
			return wdx_bad_input(".debug_abbrev: too many overlapping tables");
		err = add_abbrev(t, abbrev);
		if (err)
			return err;
		at += length;
	}
	sort_abbrevs(t);
	return NULL;
}

/* Units of one table usually follow each other; the hash finds those that do not. */
static struct wdx_abbrevs **abbrevs_slot(struct wdx_input *in, uint64_t offset, uint16_t version)
{
	size_t at = (size_t)((offset * 8 + version) * 0x9e3779b97f4a7c15ULL >> 40);

	for (;; at++) {
		struct wdx_abbrevs **slot = &in->table_slots[at & in->table_mask];

		if (!*slot || ((*slot)->offset == offset && (*slot)->version == version))
			return slot;
	}
}

/* Doubles the hash when it is half full. */
static bool grow_table_slots(struct wdx_input *in)
{
	if (in->table_slots && in->tables.len * 2 < in->table_mask)
		return true;
	size_t n = in->table_slots ? (in->table_mask + 1) * 2 : 64;
	struct wdx_abbrevs **slots = calloc(n, sizeof(*slots));

	if (!slots)
		return false;
	free(in->table_slots);
	in->table_slots = slots;
	in->table_mask = n - 1;
	for (size_t i = 0; i < in->tables.len; i++) {
		struct wdx_abbrevs *t = in->tables.data[i];

		*abbrevs_slot(in, t->offset, t->version) = t;
	}
	return true;
}

static struct wdx_error *abbrevs_of(struct wdx_input *in, uint64_t die, uint64_t offset,
				    uint16_t version, const struct wdx_abbrevs **out)
{
	if (!grow_table_slots(in))
		return &wdx_nomem;
	struct wdx_abbrevs **slot = abbrevs_slot(in, offset, version);

	if (*slot) {
		*out = *slot;
		return NULL;
	}
	struct wdx_abbrevs *t = wdx_arena_calloc(&in->arena, 1, sizeof(*t));
	struct wdx_abbrevs **last = t ? wdx_vec_push(&in->tables) : NULL;

	if (!last)
		return &wdx_nomem;
	*slot = *last = t;
	t->offset = offset;
	t->version = version;
	*out = t;
	return read_abbrevs(in, die, t);
}

/* ---- resolving indices ------------------------------------------------------------------------
 */

/* Entry `index` of a table of `width`-byte entries at base in a section; false: outside. */
static bool table_entry(const struct wdx_input *in, enum wdx_sec sec, uint64_t base, uint64_t index,
			unsigned width, uint64_t *out)
{
	const struct wdx_debug_section *s = &in->sec[sec];
	struct wdx_reader r;

	if (base > s->size || index >= (s->size - base) / width)
		return false;
	wdx_reader_init(&r, s->data + base + index * width, width, 0, in->big);
	*out = wdx_read_uint(&r, width);
	return true;
}

bool wdx_unit_addrx(const struct wdx_input *in, const struct wdx_in_unit *u, uint64_t index,
		    uint64_t *out)
{
	return table_entry(in, WDX_SEC_ADDR, u->addr_base, index, u->pub.address_size, out);
}

/* Both string sections were checked to end in NUL, so any offset within is a string. */
static bool resolve_string(const struct wdx_input *in, const struct wdx_in_unit *u,
			   struct wdx_attr *a, uint64_t raw)
{
	enum wdx_sec sec = WDX_SEC_STR;

	a->value = raw;
	if (a->form == DW_FORM_line_strp) {
		sec = WDX_SEC_LINE_STR;
	} else if (a->form != DW_FORM_strp) {
		if (!table_entry(in, WDX_SEC_STR_OFFSETS, u->str_base, raw, u->pub.offset_size,
				 &a->value))
			return false;
		a->form = DW_FORM_strp;
	}
	if (a->value >= in->sec[sec].size)
		return false;
	a->data = in->sec[sec].data + a->value;
	return true;
}

bool wdx_unit_strx(const struct wdx_input *in, const struct wdx_in_unit *u, uint64_t index,
		   const char **out)
{
	struct wdx_attr a = {.form = DW_FORM_strx};

	if (!resolve_string(in, u, &a, index))
		return false;
	*out = (const char *)a.data;
	return true;
}

/* An index into the offsets of a list table; the offsets count from the base (DWARF 5 §7.28). */
static bool resolve_list(const struct wdx_input *in, const struct wdx_in_unit *u,
			 struct wdx_attr *a, uint64_t raw)
{
	bool loc = a->form_class == WDX_CLASS_LOCLIST;
	uint64_t base = loc ? u->loclists_base : u->rnglists_base;

	if (a->form != DW_FORM_loclistx && a->form != DW_FORM_rnglistx) {
		a->value = raw;
		return true;
	}
	if (!table_entry(in, loc ? WDX_SEC_LOCLISTS : WDX_SEC_RNGLISTS, base, raw,
			 u->pub.offset_size, &a->value))
		return false;
	a->value += base;
	a->form = DW_FORM_sec_offset;
	return true;
}

/* ---- entries ----------------------------------------------------------------------------------
 */

static void read_block(struct wdx_reader *r, struct wdx_attr *a, int kind)
{
	uint64_t n = kind == S_BLOCK1	? wdx_read_u8(r)
		     : kind == S_BLOCK2 ? wdx_read_u16(r)
		     : kind == S_BLOCK4 ? wdx_read_u32(r)
		     : kind == S_BLOCK	? wdx_read_uleb(r, 64)
					: 16;

	a->data = wdx_read_bytes(r, n);
	a->size = a->data ? (size_t)n : 0;
}

/* false: the value leads nowhere. */
static bool resolve(const struct wdx_input *in, const struct wdx_in_unit *u, struct wdx_attr *a,
		    uint64_t raw)
{
	a->value = raw;
	switch (a->form_class) {
	case WDX_CLASS_STRING:
		return resolve_string(in, u, a, raw);
	case WDX_CLASS_LOCLIST:
	case WDX_CLASS_RANGES:
		return resolve_list(in, u, a, raw);
	case WDX_CLASS_ADDRESS:
		return a->form == DW_FORM_addr || wdx_unit_addrx(in, u, raw, &a->value);
	case WDX_CLASS_REF:
		if (a->form == DW_FORM_ref_addr)
			return true;
		a->value = u->pub.offset + raw;
		return raw < u->pub.size;
	default:
		return true;
	}
}

/* The form stands before the value (DWARF 5 §7.5.3).  false: it is none that may. */
static bool read_form(struct wdx_reader *r, const struct wdx_unit *u, const struct wdx_spec *s,
		      struct wdx_spec *direct)
{
	unsigned form = (unsigned)wdx_read_uleb(r, 16);

	*direct = (struct wdx_spec){s->name, (uint16_t)form, form_of(form).size,
				    (uint8_t)class_of(s->name, form, u->version), 0};
	return direct->size != S_INDIRECT && direct->size != S_IMPLICIT;
}

/* An attribute whose value leads nowhere becomes one of unknown class: only it is lost.  This runs
 * for every attribute, some often; so it is one switch, the usual cases in line. */
static const char *read_attr(const struct wdx_input *in, const struct wdx_in_unit *u,
			     struct wdx_reader *r, const struct wdx_spec *s, struct wdx_attr *a)
{
	struct wdx_spec direct;
	uint64_t raw;

	if (s->size == S_INDIRECT) {
		if (!read_form(r, &u->pub, s, &direct))
			return "indirect form of an indirect form";
		s = &direct;
	}
	*a = (struct wdx_attr){.name = s->name, .form = s->form, .form_class = s->class};
	switch (s->size) {
	case 0:
		a->value = 1;
		return NULL;
	case 1:
		raw = wdx_read_u8(r);
		break;
	case 2:
		raw = wdx_read_u16(r);
		break;
	case 4:
		raw = wdx_read_u32(r);
		break;
	case 3:
	case 8:
		raw = wdx_read_uint(r, (unsigned)s->size);
		break;
	case S_ADDR:
		raw = wdx_read_uint(r, u->pub.address_size);
		break;
	case S_OFFSET:
		raw = wdx_read_uint(r, u->pub.offset_size);
		break;
	case S_REF_ADDR:
		raw = wdx_read_uint(r,
				    u->pub.version < 3 ? u->pub.address_size : u->pub.offset_size);
		break;
	case S_ULEB:
		raw = wdx_read_uleb(r, 64);
		break;
	case S_SLEB:
		raw = (uint64_t)wdx_read_sleb(r, 64);
		break;
	case S_BLOCK1:
	case S_BLOCK2:
	case S_BLOCK4:
	case S_BLOCK:
	case 16:
		read_block(r, a, s->size);
		return r->failed;
	case S_STRING:
		a->data = (const uint8_t *)wdx_read_str(r);
		return r->failed;
	case S_IMPLICIT:
		a->value = (uint64_t)s->implicit;
		return NULL;
	default:
		return "unknown form";
	}
	if (!r->failed && !resolve(in, u, a, raw))
		*a = (struct wdx_attr){.name = s->name, .form = s->form};
	return r->failed;
}

const char *wdx_decode_die(const struct wdx_input *in, const struct wdx_in_unit *u, uint64_t offset,
			   struct wdx_decoded *d)
{
	const struct wdx_debug_section *info = &in->sec[WDX_SEC_INFO];
	struct wdx_reader r;
	const char *why;

	if (offset >= u->end)
		return "entries run past the end of their unit";
	wdx_reader_init(&r, info->data + offset, (size_t)(u->end - offset), offset, in->big);
	uint64_t code = wdx_read_uleb(&r, 64);

	if (r.failed)
		return r.failed;
	d->die = (struct wdx_die){.offset = offset, .attrs = d->attrs};
	d->null = code == 0;
	if (!d->null) {
		const struct wdx_abbrev *a = find_abbrev(u->abbrevs, code);

		if (!a)
			return "no such abbreviation";
		d->die.tag = a->tag;
		d->die.names = a->names;
		d->die.has_children = a->children;
		const struct wdx_spec *specs = u->abbrevs->specs.data + a->first;

		for (uint32_t i = 0; i < a->n; i++) {
			why = read_attr(in, u, &r, &specs[i], &d->attrs[i]);
			if (why)
				return why;
		}
		d->die.nattrs = a->n;
	}
	d->next = offset + wdx_reader_at(&r);
	return r.failed;
}

const struct wdx_attr *wdx_die_attr(const struct wdx_die *die, unsigned name)
{
	for (size_t i = 0; die->names & name_bit(name) && i < die->nattrs; i++)
		if (die->attrs[i].name == name)
			return &die->attrs[i];
	return NULL;
}

const struct wdx_in_unit *wdx_unit_at(const struct wdx_input *in, uint64_t offset)
{
	size_t lo = wdx_search(i, 0, in->units.len, in->units.data[i].end <= offset);

	if (lo == in->units.len || offset < in->units.data[lo].first_die)
		return NULL;
	return &in->units.data[lo];
}

/* ---- units ------------------------------------------------------------------------------------
 */

static void take_base(struct wdx_in_unit *u, const struct wdx_attr *a)
{
	switch (a->name) {
	case DW_AT_str_offsets_base:
		u->str_base = a->value;
		break;
	case DW_AT_addr_base:
	case DW_AT_GNU_addr_base:
		u->addr_base = a->value;
		break;
	case DW_AT_loclists_base:
		u->loclists_base = a->value;
		break;
	case DW_AT_rnglists_base:
		u->rnglists_base = a->value;
		break;
	}
}

/* What the unit's own entry says that its other entries need to be decoded. */
static struct wdx_error *read_unit_bases(struct wdx_input *in, struct wdx_in_unit *u)
{
	struct wdx_decoded d;
	const struct wdx_attr *a;
	const char *why;

	u->pub.name = "";
	/* Twice: indices in this very entry need the bases that stand in it. */
	for (int i = 0; i < 2; i++) {
		why = wdx_decode_die(in, u, u->first_die, &d);
		if (why)
			return wdx_bad_input(".debug_info: unit 0x%llx: %s",
					     (unsigned long long)u->pub.offset, why);
		for (size_t j = 0; j < d.die.nattrs; j++)
			take_base(u, &d.attrs[j]);
	}
	if ((a = wdx_die_attr(&d.die, DW_AT_low_pc)) && a->form_class == WDX_CLASS_ADDRESS)
		u->pub.low_pc = a->value;
	if ((a = wdx_die_attr(&d.die, DW_AT_name)) && a->form_class == WDX_CLASS_STRING)
		u->pub.name = (const char *)a->data;
	return NULL;
}

static void default_bases(struct wdx_in_unit *u)
{
	/* Where a version 5 table of offsets begins behind its header when no base is given. */
	unsigned header = u->pub.offset_size == 8 ? 16 : 8;

	u->str_base = u->addr_base = u->pub.version >= 5 ? header : 0;
	u->loclists_base = u->rnglists_base = u->pub.offset_size == 8 ? 20 : 12;
}

/* What stands at the end of the headers of type, skeleton and split units (DWARF 5 §7.5.1).  libdw
 * would tell it only of units in .debug_types. */
static void read_signature(const struct wdx_input *in, struct wdx_in_unit *u)
{
	bool type = u->pub.type == DW_UT_type || u->pub.type == DW_UT_split_type;
	unsigned size = 8 + (type ? u->pub.offset_size : 0);
	struct wdx_reader r;

	if (u->pub.type == DW_UT_compile || u->pub.type == DW_UT_partial ||
	    u->first_die - u->pub.offset < size)
		return;
	wdx_reader_init(&r, in->sec[WDX_SEC_INFO].data + u->first_die - size, size, 0, in->big);
	u->signature = wdx_read_u64(&r);
	if (type)
		u->type_offset = wdx_read_uint(&r, u->pub.offset_size);
}

static struct wdx_error *check_unit(const struct wdx_input *in, const struct wdx_in_unit *u)
{
	const struct wdx_unit *p = &u->pub;

	if (p->version < 2 || p->version > 5 || (p->address_size != 4 && p->address_size != 8))
		return wdx_bad_input(
			".debug_info: unit 0x%llx: version %u with addresses of %u bytes "
			"is not supported",
			(unsigned long long)p->offset, p->version, p->address_size);
	if (u->end > in->sec[WDX_SEC_INFO].size || u->first_die >= u->end)
		return wdx_bad_input(
			".debug_info: unit 0x%llx: empty or past the end of the section",
			(unsigned long long)p->offset);
	return NULL;
}

static struct wdx_error *finish_unit(struct wdx_input *in, struct wdx_in_unit *u, uint64_t abbrev)
{
	struct wdx_error *err = check_unit(in, u);

	if (!err) {
		unsigned type_at = u->pub.offset_size == 8 ? 14 : 6;

		u->pub.type = u->pub.version >= 5
				      ? in->sec[WDX_SEC_INFO].data[u->pub.offset + type_at]
			      : u->pub.offset < in->types ? DW_UT_compile
							  : DW_UT_type;
		read_signature(in, u);
		default_bases(u);
		err = abbrevs_of(in, u->first_die, abbrev, u->pub.version, &u->abbrevs);
	}
	return err ? err : read_unit_bases(in, u);
}

/* Units of .debug_info; or those of .debug_types, which are told by asking for their signature. */
static struct wdx_error *read_units(struct wdx_input *in, bool types)
{
	Dwarf_Off off = 0, next, abbrev, type;
	uint64_t add = types ? in->types : 0, signature;
	size_t header;
	Dwarf_Half version;
	uint8_t address_size, offset_size;
	struct wdx_error *err;

	for (;; off = next) {
		int r = dwarf_next_unit(in->dw, off, &next, &header, &version, &abbrev,
					&address_size, &offset_size, types ? &signature : NULL,
					types ? &type : NULL);
		if (r == 1)
			return NULL;
		if (r < 0)
			return wdx_bad_input("%s: unit 0x%llx: %s",
					     wdx_sec_names[types ? WDX_SEC_TYPES : WDX_SEC_INFO],
					     (unsigned long long)off, dwarf_errmsg(-1));
		struct wdx_in_unit *u = wdx_vec_push(&in->units);

		if (!u)
			return &wdx_nomem;
		*u = (struct wdx_in_unit){.pub = {.offset = add + off,
						  .size = next - off,
						  .version = version,
						  .address_size = address_size,
						  .offset_size = offset_size,
						  .big_endian = in->big},
					  .first_die = add + off + header,
					  .end = add + next};
		err = finish_unit(in, u, abbrev);
		if (err)
			return err;
	}
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static struct wdx_error *take_sections(struct wdx_input *in, const struct wdx_debug_section *s,
				       size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < WDX_SEC_COUNT; k++)
			if (!strcmp(s[i].name, wdx_sec_names[k]))
				in->sec[k] = s[i];
	for (size_t i = 0; i < n; i++)
		in->has_dwo |= s[i].size && !strcmp(s[i].name, ".debug_info.dwo");
	static const enum wdx_sec strings[] = {WDX_SEC_STR, WDX_SEC_LINE_STR};

	for (int k = 0; k < 2; k++) {
		const struct wdx_debug_section *str = &in->sec[strings[k]];

		if (str->size && str->data[str->size - 1])
			return wdx_bad_input("%s: the last string has no end", str->name);
	}
	if (in->sec[WDX_SEC_INFO].size >= UINT32_MAX ||
	    in->sec[WDX_SEC_TYPES].size >= UINT32_MAX - in->sec[WDX_SEC_INFO].size)
		return wdx_bad_input(".debug_info: larger than 4 GiB");
	in->types = in->sec[WDX_SEC_INFO].size;
	return NULL;
}

/* To everything but libdw, .debug_types of version 4 is a part of .debug_info, behind it. */
static struct wdx_error *join_types(struct wdx_input *in)
{
	struct wdx_debug_section *info = &in->sec[WDX_SEC_INFO];
	const struct wdx_debug_section *types = &in->sec[WDX_SEC_TYPES];

	if (!types->size || !info->size)
		return NULL;
	in->joined = malloc(info->size + types->size);
	if (!in->joined)
		return &wdx_nomem;
	memcpy(in->joined, info->data, info->size);
	memcpy(in->joined + info->size, types->data, types->size);
	*info = (struct wdx_debug_section){info->name, in->joined, info->size + types->size};
	return NULL;
}

/* libdw reads units and abbreviations only; it gets those sections alone. */
static struct wdx_error *open_libdw(struct wdx_input *in)
{
	static const enum wdx_sec wanted[] = {WDX_SEC_INFO, WDX_SEC_ABBREV, WDX_SEC_STR,
					      WDX_SEC_TYPES};
	struct wdx_section wrap[4];
	size_t n = 0;

	for (int i = 0; i < 4; i++) {
		const struct wdx_debug_section *s = &in->sec[wanted[i]];

		if (s->size)
			wrap[n++] = (struct wdx_section){s->name, s->data, s->size};
	}
	struct wdx_error *err = wdx_elf_wrap(wrap, n, false, in->big, &in->image);

	if (err)
		return err;
	elf_version(EV_CURRENT);
	in->elf = elf_memory((char *)in->image.data, in->image.len);
	in->dw = in->elf ? dwarf_begin_elf(in->elf, DWARF_C_READ, NULL) : NULL;
	if (!in->dw)
		return wdx_bad_input("no usable DWARF: %s",
				     in->elf ? dwarf_errmsg(-1) : elf_errmsg(-1));
	return NULL;
}

/* Afterwards nothing asks it: the copy it reads is as large as the entries themselves. */
static void close_libdw(struct wdx_input *in)
{
	if (in->dw)
		dwarf_end(in->dw);
	if (in->elf)
		elf_end(in->elf);
	in->dw = NULL;
	in->elf = NULL;
	wdx_buf_deinit(&in->image);
}

static struct wdx_error *index_init(struct wdx_input *in)
{
	in->words = calloc(in->sec[WDX_SEC_INFO].size / 64 + 1, sizeof(*in->words));
	return in->words ? NULL : &wdx_nomem;
}

struct wdx_error *wdx_input_open(struct wdx_input **out, const struct wdx_debug_section *s,
				 size_t n, bool big_endian)
{
	struct wdx_input *in = calloc(1, sizeof(*in));
	struct wdx_error *err;

	*out = NULL;
	if (!in)
		return &wdx_nomem;
	in->big = big_endian;
	err = take_sections(in, s, n);
	if (!err && in->types)
		err = open_libdw(in);
	if (!err)
		err = join_types(in);
	if (!err)
		err = index_init(in);
	if (!err && in->types)
		err = read_units(in, false);
	if (!err && in->joined)
		err = read_units(in, true);
	close_libdw(in);
	if (err)
		wdx_input_close(in);
	else
		*out = in;
	return err;
}

void wdx_input_close(struct wdx_input *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->tables.len; i++) {
		wdx_vec_free(&in->tables.data[i]->specs);
		wdx_vec_free(&in->tables.data[i]->list);
	}
	wdx_vec_free(&in->tables);
	free(in->table_slots);
	wdx_vec_free(&in->units);
	wdx_vec_free(&in->dies);
	free(in->joined);
	free(in->words);
	wdx_arena_deinit(&in->arena);
	free(in);
}

size_t wdx_input_dies(const struct wdx_input *in)
{
	return in->dies.len;
}
