/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * DWARF made up inside tests: a small assembler of debug sections, and a description of sections as
 * text, read by libdw.  Two inputs that say the same have the same description, whatever their
 * versions, forms and offsets.
 */
#ifndef WDX_SYNTH_H
#define WDX_SYNTH_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "elf/elf.h"
#include "wdx_pass.h"

/* ---- making ------------------------------------------------------------------------------------
 */

enum synth_sec {
	S_INFO,
	S_ABBREV,
	S_STR,
	S_LINE_STR,
	S_STR_OFFSETS,
	S_ADDR,
	S_RNGLISTS,
	S_LOCLISTS,
	S_RANGES,
	S_LOC,
	S_LINE,
	S_MACRO,
	S_MACINFO,
	S_FRAME,
	S_TYPES,
	S_COUNT
};

static const char *const synth_names[S_COUNT] = {
	".debug_info",	      ".debug_abbrev", ".debug_str",	  ".debug_line_str",
	".debug_str_offsets", ".debug_addr",   ".debug_rnglists", ".debug_loclists",
	".debug_ranges",      ".debug_loc",    ".debug_line",	  ".debug_macro",
	".debug_macinfo",     ".debug_frame",  ".debug_types",
};

#define SYNTH_MAX 64

struct synth {
	struct wdx_buf sec[S_COUNT];
	enum synth_sec to; /* S_INFO, or S_TYPES */
	unsigned version, address_size;
	unsigned code;					/* of the last abbreviation */
	size_t unit;					/* where it begins */
	uint32_t labels[SYNTH_MAX], unit_of[SYNTH_MAX]; /* entries that are referred to */
	struct {
		size_t at, unit;
		unsigned label;
		bool global;
		enum synth_sec sec;
	} fixes[SYNTH_MAX];
	unsigned nfixes;
};

static inline void synth_init(struct synth *s, bool big)
{
	memset(s, 0, sizeof(*s));
	s->address_size = 4;
	for (int i = 0; i < S_COUNT; i++)
		s->sec[i].big = big;
	wdx_buf_str(&s->sec[S_STR], "");
	wdx_buf_str(&s->sec[S_LINE_STR], "");
}

static inline struct wdx_buf *info(struct synth *s)
{
	return &s->sec[s->to];
}

static inline void synth_unit(struct synth *s, unsigned version, unsigned type, uint64_t signature,
			      unsigned type_label)
{
	struct wdx_buf *b = info(s);

	s->version = version;
	s->unit = b->len;
	s->code = 0;
	wdx_buf_u32(b, 0);
	wdx_buf_u16(b, (uint16_t)version);
	if (version >= 5) {
		wdx_buf_u8(b, (uint8_t)type);
		wdx_buf_u8(b, (uint8_t)s->address_size);
	}
	wdx_buf_u32(b, (uint32_t)s->sec[S_ABBREV].len);
	if (version < 5)
		wdx_buf_u8(b, (uint8_t)s->address_size);
	if (type == DW_UT_type || type == DW_UT_skeleton)
		wdx_buf_u64(b, signature);
	if (type == DW_UT_type) {
		s->fixes[s->nfixes].at = b->len;
		s->fixes[s->nfixes].unit = s->unit;
		s->fixes[s->nfixes].sec = s->to;
		s->fixes[s->nfixes++].label = type_label;
		wdx_buf_u32(b, 0);
	}
}

static inline void synth_unit_end(struct synth *s)
{
	wdx_buf_u8(&s->sec[S_ABBREV], 0);
	wdx_buf_patch(info(s), s->unit, info(s)->len - s->unit - 4, 4);
}

/* An entry, with its own abbreviation; label 0: none.  Attributes follow, then end_attrs(). */
static inline void die(struct synth *s, unsigned label, unsigned tag, bool children)
{
	struct wdx_buf *a = &s->sec[S_ABBREV];

	s->labels[label] = (uint32_t)info(s)->len;
	s->unit_of[label] = (uint32_t)s->unit;
	wdx_buf_uleb(a, ++s->code);
	wdx_buf_uleb(a, tag);
	wdx_buf_u8(a, children);
	wdx_buf_uleb(info(s), s->code);
}

static inline void end_attrs(struct synth *s)
{
	wdx_buf_u16(&s->sec[S_ABBREV], 0);
}

static inline void end_children(struct synth *s)
{
	wdx_buf_u8(info(s), 0);
}

static inline void spec(struct synth *s, unsigned at, unsigned form)
{
	wdx_buf_uleb(&s->sec[S_ABBREV], at);
	wdx_buf_uleb(&s->sec[S_ABBREV], form);
}

/* A number of any form that is a number. */
static inline void num(struct synth *s, unsigned at, unsigned form, uint64_t v)
{
	struct wdx_buf *b = info(s);

	spec(s, at, form);
	switch (form) {
	case DW_FORM_implicit_const:
		wdx_buf_sleb(&s->sec[S_ABBREV], (int64_t)v);
		return;
	case DW_FORM_flag_present:
		return;
	case DW_FORM_data1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		wdx_buf_u8(b, (uint8_t)v);
		return;
	case DW_FORM_data2:
	case DW_FORM_strx2:
		wdx_buf_u16(b, (uint16_t)v);
		return;
	case DW_FORM_data8:
	case DW_FORM_ref_sig8:
		wdx_buf_u64(b, v);
		return;
	case DW_FORM_sdata:
		wdx_buf_sleb(b, (int64_t)v);
		return;
	case DW_FORM_addr:
		wdx_buf_uint(b, v, s->address_size);
		return;
	case DW_FORM_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
		wdx_buf_uleb(b, v);
		return;
	default:
		wdx_buf_u32(b, (uint32_t)v);
	}
}

/* A section offset in the form of the unit's version. */
static inline void off(struct synth *s, unsigned at, uint64_t v)
{
	num(s, at, s->version < 4 ? DW_FORM_data4 : DW_FORM_sec_offset, v);
}

static inline void str(struct synth *s, unsigned at, const char *v)
{
	spec(s, at, DW_FORM_string);
	wdx_buf_str(info(s), v);
}

/* A string in a section, by DW_FORM_strp or DW_FORM_line_strp. */
static inline void strp(struct synth *s, unsigned at, unsigned form, const char *v)
{
	struct wdx_buf *b = &s->sec[form == DW_FORM_strp ? S_STR : S_LINE_STR];

	num(s, at, form, b->len);
	wdx_buf_str(b, v);
}

static inline void fix(struct synth *s, struct wdx_buf *b, enum synth_sec sec, unsigned label,
		       bool global)
{
	s->fixes[s->nfixes].at = b->len;
	s->fixes[s->nfixes].unit = s->unit;
	s->fixes[s->nfixes].label = label;
	s->fixes[s->nfixes].global = global;
	s->fixes[s->nfixes++].sec = sec;
}

/* A reference: DW_FORM_ref4 or DW_FORM_ref_addr. */
static inline void ref(struct synth *s, unsigned at, unsigned form, unsigned label)
{
	spec(s, at, form);
	fix(s, info(s), s->to, label, form == DW_FORM_ref_addr);
	wdx_buf_u32(info(s), 0);
}

/* An expression in the attribute: one byte of length, the caller's bytes, expr_end(). */
static inline size_t expr_begin(struct synth *s, unsigned at)
{
	spec(s, at, s->version < 4 ? DW_FORM_block1 : DW_FORM_exprloc);
	wdx_buf_u8(info(s), 0);
	return info(s)->len;
}

static inline void expr_end(struct synth *s, size_t at)
{
	wdx_buf_patch(info(s), at - 1, info(s)->len - at, 1);
}

/* An operation that refers to an entry: 4 bytes, or a padded LEB128 of 4. */
static inline void op_ref(struct synth *s, unsigned op, unsigned label, bool global)
{
	bool leb = op == DW_OP_convert;

	wdx_buf_u8(info(s), (uint8_t)op);
	fix(s, info(s), s->to, label, global);
	if (leb)
		wdx_buf_uleb_padded(info(s), 0, 4);
	else
		wdx_buf_u32(info(s), 0);
}

static inline void synth_link(struct synth *s)
{
	for (unsigned i = 0; i < s->nfixes; i++) {
		struct wdx_buf *b = &s->sec[s->fixes[i].sec];
		uint32_t v = s->labels[s->fixes[i].label];

		if (!s->fixes[i].global)
			v -= (uint32_t)s->fixes[i].unit;
		if (s->fixes[i].at && b->data[s->fixes[i].at - 1] == DW_OP_convert)
			wdx_buf_patch_uleb(b, s->fixes[i].at, v, 4);
		else
			wdx_buf_patch(b, s->fixes[i].at, v, 4);
	}
}

static inline size_t synth_sections(const struct synth *s, struct wdx_debug_section *out)
{
	size_t n = 0;

	for (int i = 0; i < S_COUNT; i++)
		if (s->sec[i].len)
			out[n++] = (struct wdx_debug_section){synth_names[i], s->sec[i].data,
							      s->sec[i].len};
	return n;
}

static inline void synth_deinit(struct synth *s)
{
	for (int i = 0; i < S_COUNT; i++)
		wdx_buf_deinit(&s->sec[i]);
}

/* ---- describing --------------------------------------------------------------------------------
 */

/* An entry by its name, or its tag. */
static inline void put_target(FILE *f, Dwarf_Die *d)
{
	const char *name = dwarf_diename(d);

	if (name)
		fprintf(f, "->%s", name);
	else
		fprintf(f, "->tag%x", (unsigned)dwarf_tag(d));
}

static inline void put_ops(FILE *f, Dwarf_Attribute *a, const Dwarf_Op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const Dwarf_Op *op = &ops[i];
		Dwarf_Attribute target;
		Dwarf_Die d;

		switch (op->atom) {
		case DW_OP_convert:
		case DW_OP_call2:
		case DW_OP_call4:
		case DW_OP_call_ref:
			fprintf(f, " call%s", op->atom == DW_OP_convert ? "/convert" : "");
			if (dwarf_getlocation_die(a, op, &d) == 0)
				put_target(f, &d);
			break;
		case DW_OP_implicit_pointer:
			fprintf(f, " implicit_pointer+%" PRIu64, op->number2);
			if (dwarf_getlocation_implicit_pointer(a, op, &target) == 0)
				fprintf(f, "->%" PRIx64, (uint64_t)dwarf_whatattr(&target));
			break;
		case DW_OP_addr:
			fprintf(f, " addr:%" PRIx64, op->number);
			break;
		case DW_OP_addrx:
			fprintf(f, " addr:%" PRIx64,
				dwarf_getlocation_attr(a, op, &target) == 0 &&
						dwarf_formaddr(&target, &(Dwarf_Addr){0}) == 0
					? ({
						  Dwarf_Addr v;

						  dwarf_formaddr(&target, &v);
						  (uint64_t)v;
					  })
					: 0);
			break;
		case DW_OP_bra:
		case DW_OP_skip: /* by the number of the operation jumped to */
			for (size_t k = 0; k <= n; k++) {
				uint64_t at = k < n ? ops[k].offset : UINT64_MAX;

				if (k == n || at == op->offset + 3 + (int16_t)op->number) {
					fprintf(f, " %x:to%zu", op->atom, k);
					break;
				}
			}
			break;
		default:
			fprintf(f, " %x:%" PRIx64 ",%" PRIx64, op->atom, op->number, op->number2);
		}
	}
}

static inline void put_location(FILE *f, Dwarf_Attribute *a)
{
	Dwarf_Addr base, lo, hi;
	ptrdiff_t at = 0;
	Dwarf_Op *ops;
	size_t n;

	while ((at = dwarf_getlocations(a, at, &base, &lo, &hi, &ops, &n)) > 0) {
		if (lo >= hi) /* holds nowhere */
			continue;
		/* libdw tells DW_LLE_default_location and plain expressions alike */
		if (lo || hi != (Dwarf_Addr)-1)
			fprintf(f, " [%" PRIx64 ",%" PRIx64 ")", (uint64_t)lo, (uint64_t)hi);
		put_ops(f, a, ops, n);
		fprintf(f, ";");
	}
	if (at < 0)
		fprintf(f, " bad: %s", dwarf_errmsg(-1));
}

static inline void put_lines(FILE *f, Dwarf_Die *cu)
{
	Dwarf_Lines *lines;
	size_t n = 0;

	if (dwarf_getsrclines(cu, &lines, &n) != 0) {
		fprintf(f, " bad: %s", dwarf_errmsg(-1));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		Dwarf_Line *l = dwarf_onesrcline(lines, i);
		Dwarf_Addr addr;
		int line, col;
		bool end, stmt;

		dwarf_lineaddr(l, &addr);
		dwarf_lineno(l, &line);
		dwarf_linecol(l, &col);
		dwarf_lineendsequence(l, &end);
		dwarf_linebeginstatement(l, &stmt);
		if (end)
			fprintf(f, " %" PRIx64 ":end", (uint64_t)addr);
		else
			fprintf(f, " %" PRIx64 ":%s:%d:%d%s", (uint64_t)addr,
				dwarf_linesrc(l, NULL, NULL), line, col, stmt ? "" : "-");
	}
}

static inline int put_macro(Dwarf_Macro *m, void *arg)
{
	FILE *f = arg;
	unsigned op = 0;
	Dwarf_Attribute a;
	const char *text = "";

	dwarf_macro_opcode(m, &op);
	/* forms of define and undef are one */
	if (op == DW_MACRO_define_strp || op == DW_MACRO_define_strx)
		op = DW_MACRO_define;
	if (op == DW_MACRO_undef_strp || op == DW_MACRO_undef_strx)
		op = DW_MACRO_undef;
	fprintf(f, " %u", op);
	if (op == DW_MACRO_define || op == DW_MACRO_undef) {
		if (dwarf_macro_param(m, 1, &a) == 0)
			text = dwarf_formstring(&a);
		fprintf(f, ":%s", text ? text : "?");
	}
	return DWARF_CB_OK;
}

static inline void put_ranges(FILE *f, Dwarf_Die *d)
{
	Dwarf_Addr base, lo, hi;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(d, at, &base, &lo, &hi)) > 0)
		fprintf(f, " [%" PRIx64 ",%" PRIx64 ")", (uint64_t)lo, (uint64_t)hi);
	if (at < 0)
		fprintf(f, " bad: %s", dwarf_errmsg(-1));
}

static inline void put_value(FILE *f, Dwarf_Die *d, Dwarf_Attribute *a)
{
	unsigned form = dwarf_whatform(a);
	Dwarf_Addr addr;
	Dwarf_Word u;
	Dwarf_Sword v;
	Dwarf_Block block;
	Dwarf_Die target;
	const char *s;

	if ((s = dwarf_formstring(a)))
		fprintf(f, " \"%s\"", s);
	else if (form == DW_FORM_ref_sig8)
		fprintf(f, " sig%s", dwarf_formref_die(a, &target) ? dwarf_diename(&target) : "?");
	else if (dwarf_formref_die(a, &target))
		put_target(f, &target);
	else if (dwarf_formaddr(a, &addr) == 0)
		fprintf(f, " @%" PRIx64, (uint64_t)addr);
	else if (form == DW_FORM_data16 || !(dwarf_formblock(a, &block)))
		for (size_t i = 0; dwarf_formblock(a, &block) == 0 && i < block.length; i++)
			fprintf(f, " %02x", block.data[i]);
	else if (form == DW_FORM_flag || form == DW_FORM_flag_present)
		fprintf(f, " flag%d", ({
				bool b;

				dwarf_formflag(a, &b);
				b;
			}));
	else if (form != DW_FORM_udata && dwarf_formsdata(a, &v) == 0)
		fprintf(f, " %" PRId64, (int64_t)v);
	else if (dwarf_formudata(a, &u) == 0)
		fprintf(f, " %" PRIu64, (uint64_t)u);
	else
		fprintf(f, " form%x", form);
	(void)d;
}

static inline bool synth_plumbing(unsigned at)
{
	return at == DW_AT_str_offsets_base || at == DW_AT_addr_base || at == DW_AT_loclists_base ||
	       at == DW_AT_rnglists_base || at == DW_AT_sibling;
}

struct synth_put {
	FILE *f;
	Dwarf_Die *die;
};

static inline int put_attr(Dwarf_Attribute *a, void *arg)
{
	struct synth_put *p = arg;
	unsigned at = dwarf_whatattr(a);
	Dwarf_Addr hi;

	if (synth_plumbing(at))
		return DWARF_CB_OK;
	if (at == DW_AT_macro_info || at == DW_AT_macros || at == DW_AT_GNU_macros) {
		fprintf(p->f, " macros:");
		dwarf_getmacros(p->die, put_macro, p->f, DWARF_GETMACROS_START);
		return DWARF_CB_OK;
	}
	fprintf(p->f, " %x:", at);
	if (at == DW_AT_location || at == DW_AT_frame_base || at == DW_AT_data_member_location)
		dwarf_whatform(a) == DW_FORM_data1 ? put_value(p->f, p->die, a)
						   : put_location(p->f, a);
	else if (at == DW_AT_ranges)
		put_ranges(p->f, p->die);
	else if (at == DW_AT_high_pc && dwarf_highpc(p->die, &hi) == 0)
		fprintf(p->f, " @%" PRIx64, (uint64_t)hi);
	else if (at == DW_AT_stmt_list)
		put_lines(p->f, p->die);
	else if (at == DW_AT_decl_file)
		fprintf(p->f, " %s", dwarf_decl_file(p->die));
	else
		put_value(p->f, p->die, a);
	return DWARF_CB_OK;
}

static inline void put_tree(FILE *f, Dwarf_Die *d, unsigned depth)
{
	if (depth > 32)
		return;
	do {
		struct synth_put p = {f, d};
		Dwarf_Die child;

		fprintf(f, "%*s%x", (int)depth * 2, "", (unsigned)dwarf_tag(d));
		dwarf_getattrs(d, put_attr, &p, 0);
		fprintf(f, "\n");
		if (dwarf_child(d, &child) == 0)
			put_tree(f, &child, depth + 1);
	} while (dwarf_siblingof(d, d) == 0);
}

static inline void put_units(FILE *f, Dwarf *dw, bool types)
{
	Dwarf_Off at = 0, next, abbrev, type;
	uint64_t signature;
	Dwarf_Half version;
	uint8_t as, os;
	size_t header;
	Dwarf_Die d;

	for (; dwarf_next_unit(dw, at, &next, &header, &version, &abbrev, &as, &os,
			       types ? &signature : NULL, types ? &type : NULL) == 0;
	     at = next) {
		if (types ? dwarf_offdie_types(dw, at + header, &d)
			  : dwarf_offdie(dw, at + header, &d))
			put_tree(f, &d, 0);
	}
}

static inline void put_frames(FILE *f, const struct wdx_debug_section *s, bool big)
{
	unsigned char ident[EI_NIDENT] = {
		[EI_CLASS] = ELFCLASS32, [EI_DATA] = big ? ELFDATA2MSB : ELFDATA2LSB};
	Elf_Data data = {.d_buf = (void *)s->data, .d_size = s->size};
	Dwarf_Off at = 0, next;
	Dwarf_CFI_Entry e;

	for (; dwarf_next_cfi(ident, &data, false, at, &next, &e) == 0; at = next) {
		bool cie = dwarf_cfi_cie_p(&e);
		const uint8_t *p = cie ? e.cie.initial_instructions : e.fde.start;
		const uint8_t *end = cie ? e.cie.initial_instructions_end : e.fde.end;

		fprintf(f, "%s", cie ? "CIE" : "FDE");
		if (cie)
			fprintf(f, " %" PRIu64 " %" PRId64 " %" PRIu64, e.cie.code_alignment_factor,
				e.cie.data_alignment_factor, e.cie.return_address_register);
		while (end > p && !end[-1]) /* padding */
			end--;
		for (; p < end; p++)
			fprintf(f, " %02x", *p);
		fprintf(f, "\n");
	}
}

/* A text, to be freed. */
static inline char *describe(const struct wdx_debug_section *s, size_t n, bool big)
{
	struct wdx_section wrap[SYNTH_MAX];
	struct wdx_buf image = {0};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < n; i++)
		wrap[i] = (struct wdx_section){s[i].name, s[i].data, s[i].size};
	elf_version(EV_CURRENT);
	if (!f || wdx_elf_wrap(wrap, n, false, big, &image))
		abort();
	Elf *elf = elf_memory((char *)image.data, image.len);
	Dwarf *dw = dwarf_begin_elf(elf, DWARF_C_READ, NULL);

	if (dw) {
		put_units(f, dw, false);
		put_units(f, dw, true);
	} else {
		fprintf(f, "none: %s\n", dwarf_errmsg(-1));
	}
	for (size_t i = 0; i < n; i++)
		if (!strcmp(s[i].name, ".debug_frame"))
			put_frames(f, &s[i], big);
	fclose(f);
	dwarf_end(dw);
	elf_end(elf);
	wdx_buf_deinit(&image);
	return text;
}

#endif
