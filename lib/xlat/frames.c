/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Call frame information from the map's unwind rows (DWARF 5 §6.4).  Registers that a call does not
 * preserve and that no rule saves are marked undefined, so that a debugger in an outer frame says
 * "not saved" rather than showing the inner frame's value.
 */
#include "xlat/translate.h"

#include <string.h>

#include "base/error.h"
#include "dwarf/encode.h"

struct cie {
	const struct wdx_map_row *row; /* the state at entry that its FDEs begin with */
	size_t offset;
};

struct frames {
	const struct wdx_xlat *x;
	const struct wdx_map *map;
	struct wdx_buf *out, insns;
	uint8_t address_size;
	uint16_t return_reg;
	int64_t data_align;
	uint64_t code_align;
	WDX_VEC(struct cie) cies;
};

static const struct wdx_rule *rules(const struct frames *f, const struct wdx_map_row *r)
{
	return f->map->rules.data + r->first;
}

static bool same_bytes(const struct frames *f, uint32_t a, uint32_t na, uint32_t b, uint32_t nb)
{
	return na == nb && (!na || !memcmp(f->map->blob.data + a, f->map->blob.data + b, na));
}

static bool same_rule(const struct frames *f, const struct wdx_rule *a, const struct wdx_rule *b)
{
	return a->reg == b->reg && a->kind == b->kind && a->value == b->value &&
	       same_bytes(f, a->first, a->n, b->first, b->n);
}

static bool same_cfa(const struct frames *f, const struct wdx_map_row *a,
		     const struct wdx_map_row *b)
{
	return a->cfa_reg == b->cfa_reg && a->cfa_off == b->cfa_off &&
	       same_bytes(f, a->cfa_first, a->cfa_n, b->cfa_first, b->cfa_n);
}

static bool same_row(const struct frames *f, const struct wdx_map_row *a,
		     const struct wdx_map_row *b)
{
	if (!same_cfa(f, a, b) || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!same_rule(f, &rules(f, a)[i], &rules(f, b)[i]))
			return false;
	return true;
}

static bool put_rule(struct frames *f, const struct wdx_rule *r)
{
	const uint8_t *expr = f->map->blob.data + r->first;
	struct wdx_buf *b = &f->insns;

	switch (r->kind) {
	case WDX_RULE_UNDEFINED:
		wdx_cfa_undefined(b, r->reg);
		return true;
	case WDX_RULE_SAME:
		wdx_cfa_same_value(b, r->reg);
		return true;
	case WDX_RULE_OFFSET:
		return wdx_cfa_offset(b, r->reg, r->value, f->data_align);
	case WDX_RULE_VAL_OFFSET:
		return wdx_cfa_val_offset(b, r->reg, r->value, f->data_align);
	case WDX_RULE_REG:
		wdx_cfa_register(b, r->reg, (uint64_t)r->value);
		return true;
	case WDX_RULE_EXPR:
		wdx_cfa_expression(b, r->reg, expr, r->n);
		return true;
	case WDX_RULE_VAL_EXPR:
		wdx_cfa_val_expression(b, r->reg, expr, r->n);
		return true;
	}
	return false;
}

static bool put_cfa(struct frames *f, const struct wdx_map_row *r)
{
	if (r->cfa_n) {
		wdx_cfa_def_cfa_expression(&f->insns, f->map->blob.data + r->cfa_first, r->cfa_n);
		return true;
	}
	return wdx_cfa_def_cfa(&f->insns, r->cfa_reg, r->cfa_off, f->data_align);
}

/* What a register is that a row does not name. */
static void put_default(struct frames *f, unsigned reg)
{
	if (f->x->preserved[reg])
		wdx_cfa_same_value(&f->insns, reg);
	else
		wdx_cfa_undefined(&f->insns, reg);
}

/* Registers that rows do not name: from the target's list of those that may hold values. */
static void put_clobbered(struct frames *f, const struct wdx_map_row *row)
{
	size_t n, k = 0;
	const uint16_t *regs = wdx_target_regs(f->x->target, &n);

	for (size_t i = 0; i < n; i++) {
		while (k < row->n && rules(f, row)[k].reg < regs[i])
			k++;
		if (k < row->n && rules(f, row)[k].reg == regs[i])
			continue;
		if (!f->x->preserved[regs[i]] && regs[i] != f->return_reg)
			wdx_cfa_undefined(&f->insns, regs[i]);
	}
}

static struct wdx_error *bad_row(const struct wdx_map_row *row)
{
	return wdx_bad_input(
		"unwind row at native 0x%x cannot be said in DWARF: an offset is no multiple "
		"of the stack slot size",
		row->native);
}

static struct wdx_error *cie_for(struct frames *f, const struct wdx_map_row *row, size_t *offset)
{
	struct cie *c;

	wdx_vec_each (c, &f->cies) {
		if (!same_row(f, c->row, row))
			continue;
		*offset = c->offset;
		return NULL;
	}
	bool ok;

	wdx_buf_reset(&f->insns);
	ok = put_cfa(f, row);
	for (uint32_t i = 0; ok && i < row->n; i++)
		ok = put_rule(f, &rules(f, row)[i]);
	if (!ok)
		return bad_row(row);
	put_clobbered(f, row);
	struct wdx_frame cie = {.is_cie = true,
				.code_align = f->code_align,
				.data_align = f->data_align,
				.return_reg = f->return_reg,
				.address_size = f->address_size,
				.augmentation = "",
				.insns = f->insns.data,
				.size = f->insns.len};
	c = wdx_vec_push(&f->cies);
	if (!c)
		return &wdx_nomem;
	*c = (struct cie){row, wdx_write_cie(f->out, &cie)};
	*offset = c->offset;
	return NULL;
}

/* The instructions that lead from one row to the next; both lists of rules are sorted. */
static bool put_changes(struct frames *f, const struct wdx_map_row *from,
			const struct wdx_map_row *to)
{
	const struct wdx_rule *a = rules(f, from), *b = rules(f, to);
	uint32_t i = 0, k = 0;
	bool ok = same_cfa(f, from, to) || put_cfa(f, to);

	while (ok && (i < from->n || k < to->n)) {
		if (k == to->n || (i < from->n && a[i].reg < b[k].reg)) {
			put_default(f, a[i++].reg);
		} else if (i == from->n || b[k].reg < a[i].reg) {
			ok = put_rule(f, &b[k++]);
		} else {
			ok = same_rule(f, &a[i], &b[k]) || put_rule(f, &b[k]);
			i++, k++;
		}
	}
	return ok;
}

static struct wdx_error *put_part(struct frames *f, const struct wdx_map_part *part)
{
	const struct wdx_map_row *row = f->map->rows.data + part->first_row;
	size_t cie = 0;
	struct wdx_error *err;

	if (!part->nrows)
		return NULL;
	err = cie_for(f, row, &cie);
	if (err)
		return err;
	wdx_buf_reset(&f->insns);
	for (uint32_t i = 1; i < part->nrows; i++) {
		if (!wdx_cfa_advance(&f->insns, row[i].native - row[i - 1].native, f->code_align) ||
		    !put_changes(f, &row[i - 1], &row[i]))
			return bad_row(&row[i]);
	}
	if (wdx_write_fde(f->out, cie, f->address_size, f->x->text_addr + part->lo,
			  f->x->text_addr + part->hi, f->insns.data,
			  f->insns.len) == WDX_NOT_WRITTEN)
		return wdx_bad_input("call frame information exceeds the limits of .debug_frame");
	return NULL;
}

/* The largest alignment that every saved slot fits: usually the size of an address. */
static int64_t data_align(const struct wdx_map *map, unsigned address_size)
{
	for (size_t i = 0; i < map->rules.len; i++)
		if (map->rules.data[i].value % (int)address_size)
			return -1;
	return -(int64_t)address_size;
}

struct wdx_error *wdx_xlat_frames(const struct wdx_xlat *x, unsigned address_size,
				  struct wdx_buf *b)
{
	struct frames f = {.x = x, .map = x->map, .out = b, .address_size = (uint8_t)address_size};
	int ra = wdx_target_return_address(x->target);
	struct wdx_error *err = NULL;

	f.insns.big = b->big;
	f.return_reg = ra < 0 ? 0 : (uint16_t)ra;
	f.data_align = data_align(x->map, address_size);
	f.code_align = wdx_target_code_align(x->target);
	for (size_t i = 0; !err && i < x->map->parts.len; i++)
		err = put_part(&f, &x->map->parts.data[i]);
	if (!err && (b->failed || f.insns.failed))
		err = &wdx_nomem;
	wdx_buf_deinit(&f.insns);
	wdx_vec_free(&f.cies);
	return err;
}
