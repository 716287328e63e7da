/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/decode.h"

#include <dwarf.h>

enum { FLAG_OFFSET_SIZE = 1, FLAG_LINE = 2, FLAG_OPERANDS = 4 };

/* Skips the operand of a vendor entry (DWARF 5 §6.3.1 names the forms allowed). */
static void skip_form(struct wdx_reader *r, uint8_t form, unsigned offset_size)
{
	switch (form) {
	case DW_FORM_flag:
	case DW_FORM_data1:
	case DW_FORM_strx1:
		wdx_read_skip(r, 1);
		break;
	case DW_FORM_data2:
	case DW_FORM_strx2:
		wdx_read_skip(r, 2);
		break;
	case DW_FORM_strx3:
		wdx_read_skip(r, 3);
		break;
	case DW_FORM_data4:
	case DW_FORM_strx4:
		wdx_read_skip(r, 4);
		break;
	case DW_FORM_data8:
		wdx_read_skip(r, 8);
		break;
	case DW_FORM_data16:
		wdx_read_skip(r, 16);
		break;
	case DW_FORM_sec_offset:
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
		wdx_read_skip(r, offset_size);
		break;
	case DW_FORM_udata:
	case DW_FORM_strx:
		wdx_read_uleb(r, 64);
		break;
	case DW_FORM_sdata:
		wdx_read_sleb(r, 64);
		break;
	case DW_FORM_string:
		wdx_read_str(r);
		break;
	case DW_FORM_block:
		wdx_read_skip(r, wdx_read_uleb(r, 64));
		break;
	case DW_FORM_block1:
		wdx_read_skip(r, wdx_read_u8(r));
		break;
	case DW_FORM_block2:
		wdx_read_skip(r, wdx_read_u16(r));
		break;
	case DW_FORM_block4:
		wdx_read_skip(r, wdx_read_u32(r));
		break;
	default:
		wdx_reader_fail(r, "macro operand of an unknown form");
	}
}

/* opcode_operands_table: its bytes are kept and searched, since vendor entries are rare. */
static void read_vendor_table(struct wdx_macros *it)
{
	unsigned n = wdx_read_u8(&it->r);

	it->vendor = it->r.pos;
	for (unsigned i = 0; i < n && !it->r.failed; i++) {
		wdx_read_u8(&it->r);
		wdx_read_skip(&it->r, wdx_read_uleb(&it->r, 64));
	}
	it->vendor_end = it->r.pos;
}

static void read_header(struct wdx_macros *it)
{
	uint8_t flags;

	it->version = wdx_read_u16(&it->r);
	if (it->version != 4 && it->version != 5)
		wdx_reader_fail(&it->r, "version of the macro unit is not supported");
	flags = wdx_read_u8(&it->r);
	it->offset_size = flags & FLAG_OFFSET_SIZE ? 8 : 4;
	it->has_line = flags & FLAG_LINE;
	if (it->has_line)
		it->line_offset = wdx_read_uint(&it->r, it->offset_size);
	if (flags & FLAG_OPERANDS)
		read_vendor_table(it);
}

bool wdx_macros_init(struct wdx_macros *it, const struct wdx_macro_input *in, uint64_t offset,
		     const char **why)
{
	*it = (struct wdx_macros){.in = in, .offset_size = 4};
	/* Up to the last NUL, so that each string need not be searched for its end. */
	it->str_size = in->str ? in->str_size : 0;
	while (it->str_size > 0 && in->str[it->str_size - 1])
		it->str_size--;
	wdx_reader_init(&it->r, in->data, in->size, 0, in->big_endian);
	wdx_read_seek(&it->r, offset);
	if (!in->macinfo)
		read_header(it);
	if (it->r.failed)
		*why = it->r.failed;
	return !it->r.failed;
}

static const char *strp(struct wdx_macros *it)
{
	uint64_t at = wdx_read_uint(&it->r, it->offset_size);
	const struct wdx_macro_input *in = it->in;

	if (at < it->str_size)
		return (const char *)in->str + at;
	wdx_reader_fail(&it->r, "macro lies outside .debug_str");
	return NULL;
}

static const char *strx(struct wdx_macros *it)
{
	uint64_t index = wdx_read_uleb(&it->r, 64);
	const struct wdx_macro_input *in = it->in;
	const char *s = NULL;

	if (!it->r.failed && !(in->strx && in->strx(in->arg, index, &s) && s))
		wdx_reader_fail(&it->r, "macro with an invalid string index");
	return s;
}

static uint32_t line_number(struct wdx_macros *it)
{
	uint64_t v = wdx_read_uleb(&it->r, 64);

	if (v > UINT32_MAX)
		wdx_reader_fail(&it->r, "number in a macro entry is too large");
	return (uint32_t)v;
}

static void define(struct wdx_macros *it, struct wdx_macro *m, uint8_t type,
		   const char *(*text)(struct wdx_macros *))
{
	m->type = type;
	m->line = line_number(it);
	m->text = text(it);
}

static const char *inline_text(struct wdx_macros *it)
{
	return wdx_read_str(&it->r);
}

/* Entries of both sections, whose numbers agree.  false: there was nothing to tell. */
static bool common_entry(struct wdx_macros *it, uint8_t type, struct wdx_macro *m)
{
	m->type = type;
	switch (type) {
	case DW_MACRO_define:
	case DW_MACRO_undef:
		define(it, m, type, inline_text);
		return true;
	case DW_MACRO_start_file:
		m->line = line_number(it);
		m->file = line_number(it);
		return true;
	case DW_MACRO_end_file:
		return true;
	default:
		wdx_reader_fail(&it->r, "unknown macro entry");
		return false;
	}
}

/* A vendor's entry, skipped with the help of the header's table. */
static void skip_vendor(struct wdx_macros *it, uint8_t type)
{
	struct wdx_reader t, forms;

	wdx_reader_init(&t, it->vendor, (size_t)(it->vendor_end - it->vendor), 0, it->r.big);
	while (t.pos < t.end) {
		uint8_t opcode = wdx_read_u8(&t);

		forms = wdx_read_sub(&t, wdx_read_uleb(&t, 64));
		if (opcode != type)
			continue;
		while (forms.pos < forms.end && !it->r.failed)
			skip_form(&it->r, wdx_read_u8(&forms), it->offset_size);
		return;
	}
	wdx_reader_fail(&it->r, "unknown macro entry");
}

/* An entry of .debug_macro.  false: skipped. */
static bool macro_entry(struct wdx_macros *it, uint8_t type, struct wdx_macro *m)
{
	switch (type) {
	case DW_MACRO_define_strp:
		define(it, m, DW_MACRO_define, strp);
		return true;
	case DW_MACRO_undef_strp:
		define(it, m, DW_MACRO_undef, strp);
		return true;
	case DW_MACRO_define_strx:
		define(it, m, DW_MACRO_define, strx);
		return true;
	case DW_MACRO_undef_strx:
		define(it, m, DW_MACRO_undef, strx);
		return true;
	case DW_MACRO_import:
		m->type = type;
		m->offset = wdx_read_uint(&it->r, it->offset_size);
		return true;
	case DW_MACRO_define_sup:
	case DW_MACRO_undef_sup:
		wdx_read_uleb(&it->r, 64);
		wdx_read_skip(&it->r, it->offset_size);
		return false;
	case DW_MACRO_import_sup:
		wdx_read_skip(&it->r, it->offset_size);
		return false;
	default:
		if (type <= DW_MACRO_end_file)
			return common_entry(it, type, m);
		skip_vendor(it, type);
		return false;
	}
}

static bool macinfo_entry(struct wdx_macros *it, uint8_t type, struct wdx_macro *m)
{
	if (type != DW_MACINFO_vendor_ext)
		return common_entry(it, type, m);
	wdx_read_uleb(&it->r, 64);
	wdx_read_str(&it->r);
	return false;
}

bool wdx_macros_next(struct wdx_macros *it, struct wdx_macro *out, const char **why)
{
	bool told = false;

	*why = NULL;
	while (!told && !it->r.failed) {
		uint8_t type = wdx_read_u8(&it->r);

		if (!type)
			break;
		*out = (struct wdx_macro){0};
		told = it->in->macinfo ? macinfo_entry(it, type, out) : macro_entry(it, type, out);
	}
	if (it->r.failed)
		*why = it->r.failed;
	return told && !it->r.failed;
}
