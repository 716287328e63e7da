/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/input.h"

#include <dwarf.h>
#include <string.h>

#include "base/error.h"
#include "elf/elf.h"

const char *const wdx_sec_names[WDX_SEC_COUNT] = {
	".debug_info",	   ".debug_abbrev", ".debug_str",   ".debug_line_str", ".debug_str_offsets",
	".debug_addr",	   ".debug_loc",    ".debug_loclists", ".debug_ranges", ".debug_rnglists",
	".debug_line",	   ".debug_frame",  ".debug_macro", ".debug_macinfo",
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

/* What a section offset means for an attribute (DWARF 5 §7.5.4, table 7.5); OFFSET: another thing. */
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

/* ---- abbreviations ---------------------------------------------------------------------------- */

/* Codes are dense in practice; a table of codes this sparse is an attack on memory. */
static bool code_fits(unsigned code, size_t section_size)
{
	return code <= section_size + 16;
}

static struct wdx_error *add_abbrev(struct wdx_abbrevs *t, Dwarf_Abbrev *a, size_t section_size)
{
	unsigned code = dwarf_getabbrevcode(a);
	size_t n = 0;

	if (!code_fits(code, section_size))
		return wdx_bad_input(".debug_abbrev: abbreviation code %u is out of proportion", code);
	if (dwarf_getattrcnt(a, &n) != 0 || n > WDX_MAX_ATTRS)
		return wdx_bad_input(".debug_abbrev: abbreviation %u has more than %d attributes", code,
				     WDX_MAX_ATTRS);
	if (code >= t->by_code.len) {
		size_t more = code + 1 - t->by_code.len;

		if (!wdx_vec_reserve(&t->by_code, more))
			return &wdx_nomem;
		memset(t->by_code.data + t->by_code.len, 0, more * sizeof(*t->by_code.data));
		t->by_code.len += more;
	}
	struct wdx_abbrev *out = &t->by_code.data[code];

	out->tag = (uint16_t)dwarf_getabbrevtag(a);
	out->children = dwarf_abbrevhaschildren(a);
	out->first = (uint32_t)t->specs.len;
	out->n = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		unsigned name, form;
		Dwarf_Sword data = 0;
		struct wdx_spec *s = wdx_vec_push(&t->specs);

		if (!s)
			return &wdx_nomem;
		if (dwarf_getabbrevattr_data(a, i, &name, &form, &data, NULL) != 0)
			return wdx_bad_input(".debug_abbrev: abbreviation %u: %s", code, dwarf_errmsg(-1));
		*s = (struct wdx_spec){.name = (uint16_t)name,
				       .form = (uint16_t)form,
				       .size = form_of(form).size,
				       .class = (uint8_t)class_of(name, form, t->version),
				       .implicit = data};
	}
	return NULL;
}

static struct wdx_error *read_abbrevs(struct wdx_input *in, uint64_t die, struct wdx_abbrevs *t)
{
	Dwarf_Off at = 0;
	size_t length;
	Dwarf_Die top;
	struct wdx_error *err;

	if (!dwarf_offdie(in->dw, die, &top))
		return wdx_bad_input(".debug_info: offset 0x%llx: %s", (unsigned long long)die,
				     dwarf_errmsg(-1));
	for (;;) {
		Dwarf_Abbrev *abbrev = dwarf_getabbrev(&top, at, &length);

		if (abbrev == DWARF_END_ABBREV)
			return NULL;
		if (!abbrev)
			return wdx_bad_input(".debug_abbrev: table 0x%llx: %s",
					     (unsigned long long)t->offset, dwarf_errmsg(-1));
		err = add_abbrev(t, abbrev, in->sec[WDX_SEC_ABBREV].size);
		if (err)
			return err;
		at += length;
	}
}

/* Units of one table usually follow each other, so looking at the newest table first is enough. */
static struct wdx_error *abbrevs_of(struct wdx_input *in, uint64_t die, uint64_t offset,
				    uint16_t version, const struct wdx_abbrevs **out)
{
	for (size_t i = in->tables.len; i-- > 0 && i + 4 > in->tables.len;) {
		struct wdx_abbrevs *t = in->tables.data[i];

		if (t->offset == offset && t->version == version) {
			*out = t;
			return NULL;
		}
	}
	struct wdx_abbrevs *t = wdx_arena_calloc(&in->arena, 1, sizeof(*t));
	struct wdx_abbrevs **slot = t ? wdx_vec_push(&in->tables) : NULL;

	if (!slot)
		return &wdx_nomem;
	*slot = t;
	t->offset = offset;
	t->version = version;
	*out = t;
	return read_abbrevs(in, die, t);
}

/* ---- resolving indices ------------------------------------------------------------------------ */

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
static const char *resolve_string(const struct wdx_input *in, const struct wdx_in_unit *u,
				  struct wdx_attr *a, uint64_t raw)
{
	enum wdx_sec sec = WDX_SEC_STR;

	a->value = raw;
	if (a->form == DW_FORM_line_strp) {
		sec = WDX_SEC_LINE_STR;
	} else if (a->form != DW_FORM_strp) {
		if (!table_entry(in, WDX_SEC_STR_OFFSETS, u->str_base, raw, u->pub.offset_size, &a->value))
			return "string index outside .debug_str_offsets";
		a->form = DW_FORM_strp;
	}
	if (a->value >= in->sec[sec].size)
		return "string offset outside its section";
	a->data = in->sec[sec].data + a->value;
	return NULL;
}

/* An index into the offsets of a list table; the offsets count from the base (DWARF 5 §7.28). */
static const char *resolve_list(const struct wdx_input *in, const struct wdx_in_unit *u,
				struct wdx_attr *a, uint64_t raw)
{
	bool loc = a->class == WDX_CLASS_LOCLIST;
	uint64_t base = loc ? u->loclists_base : u->rnglists_base;

	if (a->form != DW_FORM_loclistx && a->form != DW_FORM_rnglistx) {
		a->value = raw;
		return NULL;
	}
	if (!table_entry(in, loc ? WDX_SEC_LOCLISTS : WDX_SEC_RNGLISTS, base, raw, u->pub.offset_size,
			 &a->value))
		return "list index outside its table";
	a->value += base;
	a->form = DW_FORM_sec_offset;
	return NULL;
}

/* ---- entries ---------------------------------------------------------------------------------- */

static uint64_t read_size_kind(struct wdx_reader *r, const struct wdx_unit *u, int kind)
{
	switch (kind) {
	case S_ADDR:
		return wdx_read_uint(r, u->address_size);
	case S_OFFSET:
		return wdx_read_uint(r, u->offset_size);
	case S_REF_ADDR:
		return wdx_read_uint(r, u->version < 3 ? u->address_size : u->offset_size);
	case S_ULEB:
		return wdx_read_uleb(r, 64);
	case S_SLEB:
		return (uint64_t)wdx_read_sleb(r, 64);
	default:
		return wdx_read_uint(r, (unsigned)kind);
	}
}

static void read_block(struct wdx_reader *r, struct wdx_attr *a, int kind)
{
	uint64_t n = kind == S_BLOCK1   ? wdx_read_u8(r)
		     : kind == S_BLOCK2 ? wdx_read_u16(r)
		     : kind == S_BLOCK4 ? wdx_read_u32(r)
		     : kind == S_BLOCK  ? wdx_read_uleb(r, 64)
					: 16;

	a->data = wdx_read_bytes(r, n);
	a->size = a->data ? (size_t)n : 0;
}

static const char *resolve(const struct wdx_input *in, const struct wdx_in_unit *u,
			   struct wdx_attr *a, uint64_t raw)
{
	switch (a->class) {
	case WDX_CLASS_STRING:
		return resolve_string(in, u, a, raw);
	case WDX_CLASS_LOCLIST:
	case WDX_CLASS_RANGES:
		return resolve_list(in, u, a, raw);
	case WDX_CLASS_ADDRESS:
		if (a->form == DW_FORM_addr)
			a->value = raw;
		else if (!wdx_unit_addrx(in, u, raw, &a->value))
			return "address index outside .debug_addr";
		return NULL;
	case WDX_CLASS_REF:
		a->value = a->form == DW_FORM_ref_addr ? raw : u->pub.offset + raw;
		return NULL;
	default:
		a->value = raw;
		return NULL;
	}
}

static const char *read_attr(const struct wdx_input *in, const struct wdx_in_unit *u,
			     struct wdx_reader *r, const struct wdx_spec *s, struct wdx_attr *a)
{
	struct wdx_spec direct;

	if (s->size == S_INDIRECT) {
		unsigned form = (unsigned)wdx_read_uleb(r, 16);

		direct = (struct wdx_spec){s->name, (uint16_t)form, form_of(form).size,
					   (uint8_t)class_of(s->name, form, u->pub.version), 0};
		if (direct.size == S_INDIRECT || direct.size == S_IMPLICIT)
			return "indirect form of an indirect form";
		s = &direct;
	}
	*a = (struct wdx_attr){.name = s->name, .form = s->form, .class = s->class};
	switch (s->size) {
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
	case 0:
		a->value = 1;
		return NULL;
	case S_UNKNOWN:
		return "unknown form";
	default: {
		uint64_t raw = read_size_kind(r, &u->pub, s->size);

		return r->failed ? r->failed : resolve(in, u, a, raw);
	}
	}
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

	d->die = (struct wdx_die){.offset = offset, .attrs = d->attrs};
	d->null = code == 0;
	if (!d->null) {
		if (code >= u->abbrevs->by_code.len || !u->abbrevs->by_code.data[code].tag)
			return "no such abbreviation";
		const struct wdx_abbrev *a = &u->abbrevs->by_code.data[code];
		const struct wdx_spec *s = u->abbrevs->specs.data + a->first;

		d->die.tag = a->tag;
		d->die.has_children = a->children;
		d->die.nattrs = a->n;
		for (uint32_t i = 0; i < a->n; i++) {
			why = read_attr(in, u, &r, &s[i], &d->attrs[i]);
			if (why)
				return why;
		}
	}
	d->next = offset + wdx_reader_at(&r);
	return r.failed;
}

const struct wdx_attr *wdx_die_attr(const struct wdx_die *die, unsigned name)
{
	for (size_t i = 0; i < die->nattrs; i++)
		if (die->attrs[i].name == name)
			return &die->attrs[i];
	return NULL;
}

uint32_t wdx_die_index(const struct wdx_input *in, uint64_t offset)
{
	if (offset >= in->sec[WDX_SEC_INFO].size)
		return UINT32_MAX;
	uint64_t word = in->bits[offset / 64], bit = 1ULL << (offset % 64);

	if (!(word & bit))
		return UINT32_MAX;
	return in->ranks[offset / 64] + (uint32_t)__builtin_popcountll(word & (bit - 1));
}

const struct wdx_in_unit *wdx_unit_at(const struct wdx_input *in, uint64_t offset)
{
	size_t lo = 0, hi = in->units.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (in->units.data[mid].end <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == in->units.len || offset < in->units.data[lo].first_die)
		return NULL;
	return &in->units.data[lo];
}

/* ---- units ------------------------------------------------------------------------------------ */

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
		for (size_t j = 0; j < d.die.nattrs; j++) {
			a = &d.attrs[j];
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
	}
	if (why)
		return wdx_bad_input(".debug_info: unit 0x%llx: %s", (unsigned long long)u->pub.offset, why);
	if ((a = wdx_die_attr(&d.die, DW_AT_low_pc)) && a->class == WDX_CLASS_ADDRESS)
		u->pub.low_pc = a->value;
	if ((a = wdx_die_attr(&d.die, DW_AT_name)) && a->class == WDX_CLASS_STRING)
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

static struct wdx_error *read_units(struct wdx_input *in)
{
	Dwarf_Off off = 0, next, abbrev;
	size_t header;
	Dwarf_Half version;
	uint8_t address_size, offset_size;
	struct wdx_error *err;

	for (;; off = next) {
		int r = dwarf_next_unit(in->dw, off, &next, &header, &version, &abbrev, &address_size,
					&offset_size, NULL, NULL);
		if (r == 1)
			return NULL;
		if (r < 0)
			return wdx_bad_input(".debug_info: unit 0x%llx: %s", (unsigned long long)off,
					     dwarf_errmsg(-1));
		struct wdx_in_unit *u = wdx_vec_push(&in->units);

		if (!u)
			return &wdx_nomem;
		memset(u, 0, sizeof(*u));
		u->pub = (struct wdx_unit){.offset = off,
					   .size = next - off,
					   .version = version,
					   .type = DW_UT_compile,
					   .address_size = address_size,
					   .offset_size = offset_size,
					   .big_endian = in->big};
		if (version >= 5)
			u->pub.type = in->sec[WDX_SEC_INFO].data[off + (offset_size == 8 ? 14 : 6)];
		u->first_die = off + header;
		u->end = next;
		if (version < 2 || version > 5 || (address_size != 4 && address_size != 8))
			return wdx_bad_input(".debug_info: unit 0x%llx: version %u with addresses of %u bytes "
					     "is not supported",
					     (unsigned long long)off, version, address_size);
		if (next > in->sec[WDX_SEC_INFO].size || u->first_die >= next)
			return wdx_bad_input(".debug_info: unit 0x%llx: empty or past the end of the section",
					     (unsigned long long)off);
		default_bases(u);
		read_signature(in, u);
		err = abbrevs_of(in, u->first_die, abbrev, version, &u->abbrevs);
		if (err)
			return err;
		err = read_unit_bases(in, u);
		if (err)
			return err;
	}
}

/* ---- opening ---------------------------------------------------------------------------------- */

static struct wdx_error *take_sections(struct wdx_input *in, const struct wdx_debug_section *s,
				       size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < WDX_SEC_COUNT; k++)
			if (!strcmp(s[i].name, wdx_sec_names[k]))
				in->sec[k] = s[i];
	static const enum wdx_sec strings[] = {WDX_SEC_STR, WDX_SEC_LINE_STR};

	for (int k = 0; k < 2; k++) {
		const struct wdx_debug_section *str = &in->sec[strings[k]];

		if (str->size && str->data[str->size - 1])
			return wdx_bad_input("%s: the last string has no end", str->name);
	}
	if (in->sec[WDX_SEC_INFO].size >= UINT32_MAX)
		return wdx_bad_input(".debug_info: larger than 4 GiB");
	return NULL;
}

/* libdw reads units and abbreviations only; it gets those sections alone. */
static struct wdx_error *open_libdw(struct wdx_input *in)
{
	struct wdx_section wrap[3];
	static const enum wdx_sec wanted[] = {WDX_SEC_INFO, WDX_SEC_ABBREV, WDX_SEC_STR};
	size_t n = 0;

	for (int i = 0; i < 3; i++) {
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
		return wdx_bad_input("no usable DWARF: %s", in->elf ? dwarf_errmsg(-1) : elf_errmsg(-1));
	return NULL;
}

static struct wdx_error *index_init(struct wdx_input *in)
{
	size_t words = in->sec[WDX_SEC_INFO].size / 64 + 1;

	in->bits = calloc(words, sizeof(*in->bits));
	in->ranks = calloc(words, sizeof(*in->ranks));
	return in->bits && in->ranks ? NULL : &wdx_nomem;
}

struct wdx_error *wdx_input_open(struct wdx_input **out, const struct wdx_debug_section *s, size_t n,
				 bool big_endian)
{
	struct wdx_input *in = calloc(1, sizeof(*in));
	struct wdx_error *err;

	*out = NULL;
	if (!in)
		return &wdx_nomem;
	in->big = big_endian;
	err = take_sections(in, s, n);
	if (!err)
		err = index_init(in);
	if (!err && in->sec[WDX_SEC_INFO].size) {
		err = open_libdw(in);
		if (!err)
			err = read_units(in);
	}
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
		wdx_vec_free(&in->tables.data[i]->by_code);
	}
	wdx_vec_free(&in->tables);
	wdx_vec_free(&in->units);
	wdx_vec_free(&in->dies);
	free(in->bits);
	free(in->ranks);
	if (in->dw)
		dwarf_end(in->dw);
	if (in->elf)
		elf_end(in->elf);
	wdx_buf_deinit(&in->image);
	wdx_arena_deinit(&in->arena);
	free(in);
}

size_t wdx_input_dies(const struct wdx_input *in)
{
	return in->dies.len;
}
