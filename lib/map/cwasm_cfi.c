/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Unwind tables (DWARF 5 §6.4, LSB Core §10.6 for .eh_frame) run into whole rows.
 *
 * .eh_frame covers trampolines too; .debug_frame is read where there is none.  A table of which
 * anything is not understood gives no rows: half a table would unwind wrongly.
 */
#include "map/cwasm.h"

#include <dwarf.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/search.h"
#include "native/native.h"

enum {
	MAX_RULES = 128, /* registers of x86-64 and aarch64 that can be saved are fewer */
	MAX_SAVED = 16,	 /* DW_CFA_remember_state nested */
	MAX_CIE = 256,	 /* bytes of instructions, which run again for each of its FDEs */
};

struct cie {
	uint64_t at; /* offset in the section */
	bool ok;
	uint8_t encoding; /* of addresses */
	bool augmented;	  /* FDEs have an augmentation length */
	uint64_t code_align;
	int64_t data_align;
	uint64_t ra;
	const uint8_t *insns;
	size_t ninsns;
};

struct state { /* a row being made */
	uint16_t cfa_reg;
	int32_t cfa_off;
	uint32_t cfa_first, cfa_n;
	bool signed_ra; /* aarch64: the return address carries a signature */
	unsigned n;
	struct wdx_rule rules[MAX_RULES]; /* sorted by reg */
};

struct reading {
	struct wdx_cwasm *c;
	const uint8_t *data;
	size_t size;
	uint64_t address; /* of the section, in native offsets; wraps */
	bool eh;
	WDX_VEC(struct cie) cies; /* sorted by at */

	const struct cie *cie; /* of the program that runs */
	struct wdx_map_part *part;
	uint64_t loc;
	bool bad; /* the program is not understood */
	bool nomem;
	bool preserved[MAX_RULES];
	struct state now, initial, saved[MAX_SAVED];
	unsigned nsaved;
};

/* --- Rules -------------------------------------------------------------------------------------
 */

static void bad(struct reading *r)
{
	r->bad = true;
}

static unsigned rule_at(const struct state *s, uint64_t reg)
{
	unsigned i = 0;

	while (i < s->n && s->rules[i].reg < reg)
		i++;
	return i;
}

static void drop_rule(struct state *s, uint64_t reg)
{
	unsigned i = rule_at(s, reg);

	if (i == s->n || s->rules[i].reg != reg)
		return;
	memmove(&s->rules[i], &s->rules[i + 1], (s->n - i - 1) * sizeof(*s->rules));
	s->n--;
}

static bool known_reg(const struct reading *r, uint64_t reg)
{
	return reg < MAX_RULES &&
	       (reg == r->cie->ra || wdx_target_reg_name(r->c->target, (unsigned)reg));
}

static void set_rule(struct reading *r, struct state *s, struct wdx_rule rule)
{
	unsigned i = rule_at(s, rule.reg);

	if (i < s->n && s->rules[i].reg == rule.reg) {
		s->rules[i] = rule;
		return;
	}
	if (s->n == MAX_RULES) {
		bad(r);
		return;
	}
	memmove(&s->rules[i + 1], &s->rules[i], (s->n - i) * sizeof(*s->rules));
	s->rules[i] = rule;
	s->n++;
}

static void rule(struct reading *r, uint64_t reg, unsigned kind, int64_t value)
{
	if (!known_reg(r, reg) || value != (int32_t)value ||
	    (kind == WDX_RULE_REG && !known_reg(r, (uint64_t)value))) {
		bad(r);
		return;
	}
	set_rule(r, &r->now,
		 (struct wdx_rule){
			 .reg = (uint16_t)reg, .kind = (uint16_t)kind, .value = (int32_t)value});
}

/* As it was before the function's own instructions. */
static void restore(struct reading *r, uint64_t reg)
{
	unsigned i;

	if (!known_reg(r, reg)) {
		bad(r);
		return;
	}
	i = rule_at(&r->initial, reg);
	if (i < r->initial.n && r->initial.rules[i].reg == reg)
		set_rule(r, &r->now, r->initial.rules[i]);
	else
		drop_rule(&r->now, reg);
}

static uint32_t keep_bytes(struct reading *r, const uint8_t *p, size_t n)
{
	struct wdx_map *m = r->c->map;
	uint32_t first = (uint32_t)m->blob.len;

	if (m->blob.len > UINT32_MAX - n || !wdx_vec_reserve(&m->blob, n)) {
		r->nomem = true;
		return 0;
	}
	memcpy(m->blob.data + first, p, n);
	m->blob.len += n;
	return first;
}

static const uint8_t *read_block(struct reading *r, struct wdx_reader *in, size_t *n)
{
	uint64_t size = wdx_read_uleb(in, 64);
	const uint8_t *p = wdx_read_bytes(in, size);

	*n = p ? (size_t)size : 0;
	if (!*n)
		bad(r);
	return p;
}

static void expr_rule(struct reading *r, struct wdx_reader *in, unsigned kind)
{
	uint64_t reg = wdx_read_uleb(in, 64);
	struct wdx_rule rule = {.kind = (uint16_t)kind};
	size_t n;
	const uint8_t *p = read_block(r, in, &n);

	if (!n || !known_reg(r, reg)) {
		bad(r);
		return;
	}
	rule.reg = (uint16_t)reg;
	rule.first = keep_bytes(r, p, n);
	rule.n = (uint32_t)n;
	set_rule(r, &r->now, rule);
}

/* --- The frame address -------------------------------------------------------------------------
 */

static void cfa_reg(struct reading *r, uint64_t reg)
{
	if (!known_reg(r, reg))
		bad(r);
	r->now.cfa_reg = (uint16_t)reg;
	r->now.cfa_n = 0;
}

static void cfa_off(struct reading *r, int64_t off)
{
	if (off != (int32_t)off || r->now.cfa_n)
		bad(r);
	r->now.cfa_off = (int32_t)off;
}

static void cfa_expr(struct reading *r, struct wdx_reader *in)
{
	size_t n;
	const uint8_t *p = read_block(r, in, &n);

	if (!n)
		return;
	r->now.cfa_first = keep_bytes(r, p, n);
	r->now.cfa_n = (uint32_t)n;
}

/* --- Rows --------------------------------------------------------------------------------------
 */

/*
 * A signed return address (AArch64 ELF ABI, DW_CFA_AARCH64_negate_ra_state) is told without the
 * pseudo register that only some consumers know: its value with the signature bits cleared, which
 * is what an address of a user program is.
 */
static struct wdx_rule strip_signature(struct reading *r, const struct wdx_rule *ra)
{
	struct wdx_rule rule = {.reg = ra->reg, .kind = WDX_RULE_VAL_EXPR};
	struct wdx_buf b = {0};

	if (ra->kind == WDX_RULE_OFFSET) { /* the CFA is on the stack already */
		wdx_buf_u8(&b, DW_OP_consts);
		wdx_buf_sleb(&b, ra->value);
		wdx_buf_u8(&b, DW_OP_plus);
		wdx_buf_u8(&b, DW_OP_deref);
	} else if (ra->kind == WDX_RULE_SAME && ra->reg < 32) {
		wdx_buf_u8(&b, (uint8_t)(DW_OP_breg0 + ra->reg));
		wdx_buf_sleb(&b, 0);
	} else {
		bad(r);
	}
	wdx_buf_u8(&b, DW_OP_const8u);
	wdx_buf_u64(&b, 0x0000ffffffffffff);
	wdx_buf_u8(&b, DW_OP_and);
	r->nomem |= b.failed;
	if (!b.failed)
		rule.first = keep_bytes(r, b.data, b.len);
	rule.n = (uint32_t)b.len;
	wdx_buf_deinit(&b);
	return rule;
}

/* Without the room for rules that it does not have, which is most of a state. */
static void copy_state(struct state *to, const struct state *from)
{
	memcpy(to, from, offsetof(struct state, rules) + from->n * sizeof(*from->rules));
}

/* The row's rules as they leave: the return address always has one. */
static void finish(struct reading *r, struct state *s)
{
	unsigned i;

	copy_state(s, &r->now);
	i = rule_at(s, r->cie->ra);
	if (i == s->n || s->rules[i].reg != r->cie->ra)
		set_rule(r, s,
			 (struct wdx_rule){.reg = (uint16_t)r->cie->ra, .kind = WDX_RULE_SAME});
	if (s->signed_ra && !r->bad)
		s->rules[i] = strip_signature(r, &s->rules[i]);
}

/* Rows share their rules with the row before where those are the same. */
static bool put_rules(struct wdx_map *m, const struct state *s, struct wdx_map_row *row,
		      const struct wdx_map_row *before)
{
	row->n = s->n;
	if (before && before->n == s->n &&
	    !memcmp(m->rules.data + before->first, s->rules, s->n * sizeof(*s->rules))) {
		row->first = before->first;
		return true;
	}
	row->first = (uint32_t)m->rules.len;
	if (m->rules.len > UINT32_MAX - s->n || !wdx_vec_reserve(&m->rules, s->n))
		return false;
	memcpy(m->rules.data + m->rules.len, s->rules, s->n * sizeof(*s->rules));
	m->rules.len += s->n;
	return true;
}

static bool same_row(const struct wdx_map_row *a, const struct wdx_map_row *b)
{
	return a->cfa_reg == b->cfa_reg && a->cfa_off == b->cfa_off &&
	       a->cfa_first == b->cfa_first && a->cfa_n == b->cfa_n && a->first == b->first &&
	       a->n == b->n;
}

/* Writes the row that begins at loc.  Instructions behind the last byte of a function, an
 * epilogue's, have nothing to speak of. */
static void flush(struct reading *r)
{
	struct wdx_map *m = r->c->map;
	struct wdx_map_row *row, *before = NULL;
	struct state s;

	if (m->rules.len > r->size) /* real tables have fewer rules than bytes */
		bad(r);
	if (r->bad || r->loc >= r->part->hi)
		return;
	finish(r, &s);
	if (r->part->nrows)
		before = &m->rows.data[r->part->first_row + r->part->nrows - 1];
	if (before && before->native == r->loc) { /* nothing advanced: this one holds */
		m->rows.len--;
		before = --r->part->nrows ? before - 1 : NULL;
	}
	if (!wdx_vec_reserve(&m->rows, 1)) {
		r->nomem = true;
		return;
	}
	before = before ? m->rows.data + m->rows.len - 1 : NULL; /* may have moved */
	row = &m->rows.data[m->rows.len];
	*row = (struct wdx_map_row){.native = (uint32_t)r->loc,
				    .cfa_reg = s.cfa_reg,
				    .cfa_off = s.cfa_n ? 0 : s.cfa_off,
				    .cfa_first = s.cfa_n ? s.cfa_first : 0,
				    .cfa_n = s.cfa_n};
	if (!put_rules(m, &s, row, before)) {
		r->nomem = true;
		return;
	}
	if (before && same_row(row, before))
		return;
	m->rows.len++;
	r->part->nrows++;
}

static void advance(struct reading *r, uint64_t by)
{
	uint64_t loc;

	if (!r->part) { /* in a CIE */
		bad(r);
		return;
	}
	flush(r);
	if (__builtin_mul_overflow(by, r->cie->code_align, &by) ||
	    __builtin_add_overflow(r->loc, by, &loc) || loc > UINT32_MAX)
		bad(r);
	else
		r->loc = loc;
}

/* --- Instructions ------------------------------------------------------------------------------
 */

static int64_t scaled(struct reading *r, int64_t v)
{
	if (__builtin_mul_overflow(v, r->cie->data_align, &v))
		bad(r);
	return v;
}

static int64_t read_off(struct reading *r, struct wdx_reader *in)
{
	uint64_t v = wdx_read_uleb(in, 64);

	if (v > INT32_MAX)
		bad(r);
	return (int64_t)v;
}

static void remember(struct reading *r)
{
	if (r->nsaved == MAX_SAVED)
		bad(r);
	else
		copy_state(&r->saved[r->nsaved++], &r->now);
}

static void recall(struct reading *r)
{
	if (!r->nsaved)
		bad(r);
	else
		copy_state(&r->now, &r->saved[--r->nsaved]);
}

static void run_advance(struct reading *r, struct wdx_reader *in, uint8_t op)
{
	if (op == DW_CFA_set_loc)
		bad(r); /* not written by the engine */
	else
		advance(r, wdx_read_uint(in, 1u << (op - DW_CFA_advance_loc1)));
}

static void run_cfa(struct reading *r, struct wdx_reader *in, uint8_t op)
{
	if (op == DW_CFA_def_cfa || op == DW_CFA_def_cfa_register || op == DW_CFA_def_cfa_sf)
		cfa_reg(r, wdx_read_uleb(in, 64));
	if (op == DW_CFA_def_cfa || op == DW_CFA_def_cfa_offset)
		cfa_off(r, read_off(r, in));
	if (op == DW_CFA_def_cfa_sf || op == DW_CFA_def_cfa_offset_sf)
		cfa_off(r, scaled(r, wdx_read_sleb(in, 64)));
	if (op == DW_CFA_def_cfa_expression)
		cfa_expr(r, in);
}

static void run_rule(struct reading *r, struct wdx_reader *in, uint8_t op)
{
	uint64_t reg = wdx_read_uleb(in, 64);

	switch (op) {
	case DW_CFA_undefined:
		rule(r, reg, WDX_RULE_UNDEFINED, 0);
		break;
	case DW_CFA_same_value:
		rule(r, reg, WDX_RULE_SAME, 0);
		break;
	case DW_CFA_offset_extended:
		rule(r, reg, WDX_RULE_OFFSET, scaled(r, read_off(r, in)));
		break;
	case DW_CFA_offset_extended_sf:
		rule(r, reg, WDX_RULE_OFFSET, scaled(r, wdx_read_sleb(in, 64)));
		break;
	case DW_CFA_val_offset:
		rule(r, reg, WDX_RULE_VAL_OFFSET, scaled(r, read_off(r, in)));
		break;
	case DW_CFA_val_offset_sf:
		rule(r, reg, WDX_RULE_VAL_OFFSET, scaled(r, wdx_read_sleb(in, 64)));
		break;
	case DW_CFA_GNU_negative_offset_extended:
		rule(r, reg, WDX_RULE_OFFSET, scaled(r, -read_off(r, in)));
		break;
	case DW_CFA_register:
		rule(r, reg, WDX_RULE_REG, read_off(r, in));
		break;
	case DW_CFA_restore_extended:
		restore(r, reg);
		break;
	}
}

static void run_extended(struct reading *r, struct wdx_reader *in, uint8_t op)
{
	switch (op) {
	case DW_CFA_nop:
		break;
	case DW_CFA_set_loc:
	case DW_CFA_advance_loc1:
	case DW_CFA_advance_loc2:
	case DW_CFA_advance_loc4:
		run_advance(r, in, op);
		break;
	case DW_CFA_remember_state:
		remember(r);
		break;
	case DW_CFA_restore_state:
		recall(r);
		break;
	case DW_CFA_def_cfa:
	case DW_CFA_def_cfa_register:
	case DW_CFA_def_cfa_offset:
	case DW_CFA_def_cfa_sf:
	case DW_CFA_def_cfa_offset_sf:
	case DW_CFA_def_cfa_expression:
		run_cfa(r, in, op);
		break;
	case DW_CFA_undefined:
	case DW_CFA_same_value:
	case DW_CFA_register:
	case DW_CFA_offset_extended:
	case DW_CFA_offset_extended_sf:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
	case DW_CFA_restore_extended:
	case DW_CFA_GNU_negative_offset_extended:
		run_rule(r, in, op);
		break;
	case DW_CFA_expression:
		expr_rule(r, in, WDX_RULE_EXPR);
		break;
	case DW_CFA_val_expression:
		expr_rule(r, in, WDX_RULE_VAL_EXPR);
		break;
	case DW_CFA_GNU_args_size: /* of use to exception handling alone */
		wdx_read_uleb(in, 64);
		break;
	case DW_CFA_AARCH64_negate_ra_state: /* the same number is GNU_window_save on SPARC */
		if (r->c->machine != EM_AARCH64)
			bad(r);
		r->now.signed_ra = !r->now.signed_ra;
		break;
	default:
		bad(r);
	}
}

static void run(struct reading *r, const uint8_t *insns, size_t n)
{
	struct wdx_reader in;
	uint8_t op;

	wdx_reader_init(&in, insns, n, 0, false);
	while (in.pos < in.end && !r->bad && !r->nomem) {
		op = wdx_read_u8(&in);
		if ((op & 0xc0) == DW_CFA_advance_loc)
			advance(r, op & 0x3f);
		else if ((op & 0xc0) == DW_CFA_offset)
			rule(r, op & 0x3f, WDX_RULE_OFFSET, scaled(r, read_off(r, &in)));
		else if ((op & 0xc0) == DW_CFA_restore)
			restore(r, op & 0x3f);
		else
			run_extended(r, &in, op);
	}
	if (in.failed)
		bad(r);
}

/* --- Entries -----------------------------------------------------------------------------------
 */

/* An address in the encoding of DW_EH_PE_*. */
static uint64_t read_encoded(struct reading *r, struct wdx_reader *in, uint8_t encoding,
			     bool relative)
{
	uint64_t here = r->address + (uint64_t)(in->pos - r->data), v = 0;

	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		v = wdx_read_u64(in);
		break;
	case DW_EH_PE_udata4:
		v = wdx_read_u32(in);
		break;
	case DW_EH_PE_sdata4:
		v = (uint64_t)(int64_t)(int32_t)wdx_read_u32(in);
		break;
	case DW_EH_PE_udata2:
		v = wdx_read_u16(in);
		break;
	case DW_EH_PE_sdata2:
		v = (uint64_t)(int64_t)(int16_t)wdx_read_u16(in);
		break;
	default:
		wdx_reader_fail(in, "unknown encoding of addresses");
	}
	if (!relative || (encoding & 0x70) == DW_EH_PE_absptr)
		return v;
	if ((encoding & 0x70) != DW_EH_PE_pcrel || (encoding & DW_EH_PE_indirect))
		wdx_reader_fail(in, "unknown base of addresses");
	return here + v;
}

static void read_augmentation(struct reading *r, struct wdx_reader *in, struct cie *cie,
			      const char *aug)
{
	struct wdx_reader data;
	uint64_t size;

	if (!*aug)
		return;
	if (*aug != 'z') {
		cie->ok = false;
		return;
	}
	cie->augmented = true;
	size = wdx_read_uleb(in, 64);
	data = wdx_read_sub(in, size);
	while (*++aug) {
		if (*aug == 'R')
			cie->encoding = wdx_read_u8(&data);
		else if (*aug == 'L')
			wdx_read_u8(&data);
		else if (*aug == 'P')
			read_encoded(r, &data, wdx_read_u8(&data), false);
		else if (*aug != 'S' && *aug != 'B')
			cie->ok = false;
	}
	if (data.failed)
		cie->ok = false;
}

static struct wdx_error *read_cie(struct reading *r, struct wdx_reader *in, uint64_t at)
{
	struct cie *cie = wdx_vec_push(&r->cies);
	const char *aug;
	uint8_t version;

	if (!cie)
		return &wdx_nomem;
	*cie = (struct cie){.at = at, .ok = true, .encoding = DW_EH_PE_absptr};
	version = wdx_read_u8(in);
	aug = wdx_read_str(in);
	if (version == 4) /* address size, segment selector size */
		cie->ok = wdx_read_u8(in) == 8 && wdx_read_u8(in) == 0;
	cie->code_align = wdx_read_uleb(in, 64);
	cie->data_align = wdx_read_sleb(in, 64);
	cie->ra = version == 1 ? wdx_read_u8(in) : wdx_read_uleb(in, 64);
	if (aug)
		read_augmentation(r, in, cie, aug);
	cie->ninsns = wdx_reader_left(in);
	cie->insns = in->pos;
	if (in->failed || (version != 1 && version != 3 && version != 4) || cie->ra >= MAX_RULES ||
	    cie->ninsns > MAX_CIE || (int)cie->ra != wdx_target_return_address(r->c->target))
		cie->ok = false;
	return NULL;
}

static const struct cie *find_cie(const struct reading *r, uint64_t at)
{
	size_t lo = wdx_search(i, 0, r->cies.len, r->cies.data[i].at < at);

	return lo < r->cies.len && r->cies.data[lo].at == at ? &r->cies.data[lo] : NULL;
}

static void run_fde(struct reading *r, const uint8_t *insns, size_t n)
{
	r->bad = false;
	r->nsaved = 0;
	memset(&r->now, 0, sizeof(r->now));
	copy_state(&r->initial, &r->now);
	r->loc = r->part->lo;
	r->part->first_row = (uint32_t)r->c->map->rows.len;
	run(r, r->cie->insns, r->cie->ninsns);
	if (r->part->nrows || r->loc != r->part->lo) /* a CIE does not advance */
		bad(r);
	copy_state(&r->initial, &r->now);
	run(r, insns, n);
	flush(r);
	if (!r->bad)
		return;
	r->c->map->rows.len = r->part->first_row;
	r->part->first_row = r->part->nrows = 0;
	r->c->map->faults++;
}

static struct wdx_error *read_fde(struct reading *r, struct wdx_reader *in, const struct cie *cie)
{
	uint64_t lo, n;

	if (!cie || !cie->ok) {
		r->c->map->faults++;
		return NULL;
	}
	r->cie = cie;
	lo = read_encoded(r, in, cie->encoding, true);
	n = read_encoded(r, in, cie->encoding, false);
	if (cie->augmented)
		wdx_read_skip(in, wdx_read_uleb(in, 64));
	r->part = wdx_cwasm_part_at(r->c, lo);
	if (in->failed || !r->part || r->part->lo != lo || r->part->nrows || n < r->part->hi - lo) {
		r->c->map->faults++;
		return NULL;
	}
	run_fde(r, in->pos, wdx_reader_left(in));
	return r->nomem ? &wdx_nomem : NULL;
}

/* One entry; false at the end. */
static bool read_entry(struct reading *r, struct wdx_reader *in, struct wdx_error **err)
{
	uint64_t at = wdx_reader_at(in), size = wdx_read_u32(in), id, here;
	struct wdx_reader entry;
	bool wide = size == UINT32_MAX;

	if (wide)
		size = wdx_read_u64(in);
	if (!size) /* a terminator in .eh_frame; padding in .debug_frame */
		return !r->eh && in->pos < in->end;
	here = wdx_reader_at(in);
	entry = wdx_read_sub(in, size);
	id = wide && !r->eh ? wdx_read_u64(&entry) : wdx_read_u32(&entry);
	if (in->failed || entry.failed)
		return false;
	if (r->eh ? !id : id == (wide ? UINT64_MAX : UINT32_MAX))
		*err = read_cie(r, &entry, at);
	else
		*err = read_fde(r, &entry, find_cie(r, r->eh ? here - id : id));
	return !*err && in->pos < in->end;
}

static struct wdx_error *read_table(struct reading *r)
{
	struct wdx_error *err = NULL;
	struct wdx_reader in;

	wdx_reader_init(&in, r->data, r->size, 0, false);
	while (read_entry(r, &in, &err))
		;
	if (!err && in.failed)
		r->c->map->faults++;
	return err;
}

/* --- Preserved registers -----------------------------------------------------------------------
 */

static void note_saved(struct reading *r, const struct wdx_map_part *part)
{
	const struct wdx_map *m = r->c->map;
	uint32_t i, j;

	for (i = 0; i < part->nrows; i++) {
		const struct wdx_map_row *row = &m->rows.data[part->first_row + i];

		for (j = 0; j < row->n; j++)
			if (m->rules.data[row->first + j].kind == WDX_RULE_OFFSET)
				r->preserved[m->rules.data[row->first + j].reg] = true;
	}
}

/* What the module's functions save they must preserve.  The trampolines from the host save for the
 * host's calling convention, which says nothing of wasm functions. */
static struct wdx_error *find_preserved(struct reading *r)
{
	const struct wdx_target *t = r->c->target;
	struct wdx_map *m = r->c->map;
	struct wdx_map_part *part;
	uint16_t *reg;
	bool any = false;
	int i;

	wdx_vec_each (part, &m->parts) {
		any |= part->nrows != 0;
		if (m->funcs.data[part->func].index != WDX_NO_INDEX)
			note_saved(r, part);
	}
	if (!any)
		return NULL;
	r->preserved[r->c->machine == EM_X86_64 ? 6 : 29] = true; /* rbp, x29 */
	r->preserved[wdx_target_stack_pointer(t)] = true;
	r->preserved[wdx_target_return_address(t)] = false;
	for (i = 0; i < MAX_RULES; i++) {
		if (!r->preserved[i])
			continue;
		reg = wdx_vec_push(&m->preserved);
		if (!reg)
			return &wdx_nomem;
		*reg = (uint16_t)i;
	}
	return NULL;
}

struct wdx_error *wdx_cwasm_rows(struct wdx_cwasm *c)
{
	const struct wdx_cwasm_section *s = wdx_cwasm_find(c, ".eh_frame");
	struct reading *r = calloc(1, sizeof(*r)); /* too large for the stack of a thread */
	struct wdx_buf copy = {0};
	struct wdx_error *err = NULL;

	if (!r)
		return &wdx_nomem;
	r->c = c;
	r->eh = s != NULL;
	if (!s)
		s = wdx_cwasm_find(c, ".debug_frame");
	if (s)
		err = wdx_cwasm_relocate(c, s, &copy);
	if (s && !err) {
		r->data = copy.data;
		r->size = copy.len;
		r->address = s->offset - c->text->offset;
		err = read_table(r);
	}
	if (!err)
		err = find_preserved(r);
	wdx_buf_deinit(&copy);
	wdx_vec_free(&r->cies);
	free(r);
	return err;
}
