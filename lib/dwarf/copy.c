/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The attributes of an entry: their events, and the faithful copy of what no callback took. */
#include "dwarf/pass.h"

#include <dwarf.h>
#include <string.h>

#include "base/error.h"

/* ---- plain attributes -------------------------------------------------------------------------
 */

static void copy_constant(struct wdx_emit *e, const struct wdx_attr *a)
{
	static const struct {
		uint16_t form, size;
	} fixed[] = {
		{DW_FORM_data1, 1}, {DW_FORM_data2, 2}, {DW_FORM_data4, 4}, {DW_FORM_data8, 8}};

	if (a->form == DW_FORM_data16) {
		if (e->version < 5) {
			wdx_emit_block(e, a->name, a->data, a->size);
			return;
		}
		wdx_build_spec(e, a->name, DW_FORM_data16);
		for (int i = 0; i < 16; i++)
			wdx_buf_u8(&e->vals, a->data[e->in->big == e->vals.big ? i : 15 - i]);
		return;
	}
	for (int i = 0; i < 4; i++) {
		if (a->form != fixed[i].form)
			continue;
		wdx_build_spec(e, a->name, a->form);
		wdx_buf_uint(&e->vals, a->value, fixed[i].size);
		return;
	}
	if (a->form == DW_FORM_udata ||
	    (a->form == DW_FORM_implicit_const && (int64_t)a->value >= 0))
		wdx_emit_uint(e, a->name, a->value);
	else
		wdx_emit_sint(e, a->name, (int64_t)a->value);
}

static void copy_string(struct wdx_emit *e, const struct wdx_attr *a)
{
	if (a->form == DW_FORM_strp || (a->form == DW_FORM_line_strp && e->version >= 5)) {
		wdx_build_spec(e, a->name, a->form);
		wdx_buf_u32(&e->vals, (uint32_t)a->value);
	} else if (a->form == DW_FORM_string) {
		wdx_build_spec(e, a->name, DW_FORM_string);
		wdx_buf_str(&e->vals, (const char *)a->data);
	} else {
		wdx_emit_string(e, a->name, (const char *)a->data);
	}
}

static void copy_flag(struct wdx_emit *e, const struct wdx_attr *a)
{
	if (a->value) {
		wdx_emit_flag(e, a->name);
		return;
	}
	wdx_build_spec(e, a->name, DW_FORM_flag);
	wdx_buf_u8(&e->vals, 0);
}

/* Tables count files from 1 before version 5: see wdx_build_file(). */
static bool is_file_number(unsigned at)
{
	return at == DW_AT_decl_file || at == DW_AT_call_file;
}

static void copy_ranges(struct wdx_pass *p, const struct wdx_attr *a);

void wdx_emit_attr(struct wdx_emit *e, const struct wdx_cursor *c, const struct wdx_attr *a)
{
	struct wdx_pass *p = (struct wdx_pass *)c->pass;
	wdx_ident id;

	switch (a->form_class) {
	case WDX_CLASS_ADDRESS:
		wdx_emit_addr(e, a->name, a->value);
		return;
	case WDX_CLASS_BLOCK:
		wdx_emit_block(e, a->name, a->data, a->size);
		return;
	case WDX_CLASS_CONSTANT:
		if (is_file_number(a->name))
			wdx_emit_uint(e, a->name, wdx_build_file(e, a->value));
		else
			copy_constant(e, a);
		return;
	case WDX_CLASS_FLAG:
		copy_flag(e, a);
		return;
	case WDX_CLASS_STRING:
		copy_string(e, a);
		return;
	case WDX_CLASS_REF:
		id = wdx_ident_of(c, a->value);
		if (id == WDX_NO_IDENT)
			wdx_pass_lost(p, WDX_LOST_REF, NULL);
		else
			wdx_emit_ref(e, a->name, id);
		return;
	case WDX_CLASS_REF_SIG:
		wdx_build_spec(e, a->name, DW_FORM_ref_sig8);
		wdx_buf_u64(&e->vals, a->value);
		return;
	case WDX_CLASS_RANGES:
		copy_ranges(p, a);
		return;
	default:
		wdx_pass_lost(p, WDX_LOST_ATTR, "an attribute of a form that cannot be copied");
	}
}

/* ---- ranges -----------------------------------------------------------------------------------
 */

static bool list_addrx(void *arg, uint64_t index, uint64_t *out)
{
	const struct wdx_pass *p = arg;

	return wdx_unit_addrx(p->in, p->unit, index, out);
}

static struct wdx_list_ctx list_ctx(struct wdx_pass *p, enum wdx_sec v5, enum wdx_sec v4)
{
	const struct wdx_debug_section *s = &p->in->sec[p->unit->pub.version >= 5 ? v5 : v4];

	return (struct wdx_list_ctx){&p->unit->pub, s->data, s->size, list_addrx, p};
}

static bool read_ranges(struct wdx_pass *p, uint64_t offset)
{
	struct wdx_list_ctx ctx = list_ctx(p, WDX_SEC_RNGLISTS, WDX_SEC_RANGES);
	const char *why;

	if (wdx_read_ranges(&ctx, offset, &p->ranges, &why))
		return true;
	wdx_pass_lost(p, WDX_LOST_LIST, why);
	return false;
}

static void copy_ranges(struct wdx_pass *p, const struct wdx_attr *a)
{
	p->ranges.len = 0;
	if (read_ranges(p, a->value))
		wdx_build_ranges(&p->emit, a->name, p->ranges.data, p->ranges.len);
}

static bool is_pcs(unsigned at)
{
	return at == DW_AT_low_pc || at == DW_AT_high_pc || at == DW_AT_ranges;
}

/* low_pc to high_pc (an address, or the length from version 4 on), or the range list. */
static bool collect_pcs(struct wdx_pass *p)
{
	const struct wdx_die *die = p->cursor.die;
	const struct wdx_attr *lo = wdx_die_attr(die, DW_AT_low_pc);
	const struct wdx_attr *hi = wdx_die_attr(die, DW_AT_high_pc);
	const struct wdx_attr *list = wdx_die_attr(die, DW_AT_ranges);

	p->ranges.len = 0;
	if (list)
		return list->form_class == WDX_CLASS_RANGES && read_ranges(p, list->value);
	if (!lo || !hi || lo->form_class != WDX_CLASS_ADDRESS ||
	    (hi->form_class != WDX_CLASS_ADDRESS && hi->form_class != WDX_CLASS_CONSTANT))
		return true;
	struct wdx_range *r = wdx_vec_push(&p->ranges);

	if (!r) {
		wdx_emit_latch(&p->emit, &wdx_nomem);
		return false;
	}
	*r = (struct wdx_range){
		lo->value, hi->form_class == WDX_CLASS_ADDRESS ? hi->value : lo->value + hi->value};
	if (r->hi <= r->lo || wdx_is_tombstone(r->lo, p->unit->pub.address_size) ||
	    (p->unit->pub.address_size == 4 && r->hi > UINT32_MAX))
		p->ranges.len = 0;
	return true;
}

void wdx_die_pcs(const struct wdx_cursor *c, const struct wdx_range **r, size_t *n)
{
	struct wdx_pass *p = (struct wdx_pass *)c->pass;

	if (!collect_pcs(p))
		p->ranges.len = 0;
	*r = p->ranges.data;
	*n = p->ranges.len;
}

static bool visit_pcs(struct wdx_pass *p)
{
	if (!p->v->pcs)
		return false;
	if (!collect_pcs(p))
		p->ranges.len = 0;
	return wdx_pass_taken(
		p, p->v->pcs(&p->cursor, p->ranges.data, p->ranges.len, &p->emit, p->config->arg));
}

/* ---- locations --------------------------------------------------------------------------------
 */

static bool decode(struct wdx_pass *p, const struct wdx_loc *l, size_t *n)
{
	const char *why;

	p->ops.len = 0;
	if (!wdx_vec_reserve(&p->ops, l->size + 1)) {
		wdx_emit_latch(&p->emit, &wdx_nomem);
		return false;
	}
	if (wdx_decode_expr(&p->unit->pub, l->expr, l->size, p->ops.data, l->size, n, &why))
		return true;
	wdx_pass_lost(p, WDX_LOST_EXPR, why);
	return false;
}

static bool copy_op(struct wdx_pass *p, const struct wdx_op *op, struct wdx_expr *x)
{
	if (p->v->op) {
		enum wdx_verdict v = p->v->op(&p->cursor, op, x, p->config->arg);

		if (wdx_pass_taken(p, v))
			return v == WDX_DONE;
	}
	if (wdx_expr_copy(x, &p->cursor, op))
		return true;
	wdx_pass_lost(p, op->ref ? WDX_LOST_REF : WDX_LOST_EXPR,
		      op->ref ? NULL : "an operation that cannot be copied");
	return false;
}

/* Copied operations may be longer than they were: branches are counted anew. */
static bool fix_branches(struct wdx_pass *p, struct wdx_expr *x, size_t n)
{
	const uint32_t *starts = p->starts.data;

	for (size_t i = 0; i < n; i++) {
		const struct wdx_op *op = &p->ops.data[i];
		int64_t by;

		if ((op->code != DW_OP_bra && op->code != DW_OP_skip) ||
		    starts[i + 1] - starts[i] != 3)
			continue;
		by = (int64_t)starts[op->target] - starts[i + 1];
		if (by < INT16_MIN || by > INT16_MAX)
			return false;
		wdx_build_patch_expr(x, starts[i] + 1, (uint16_t)by, 2);
	}
	return true;
}

static bool copy_ops(struct wdx_pass *p, struct wdx_expr *x, size_t n)
{
	p->starts.len = 0;
	if (!wdx_vec_reserve(&p->starts, n + 1)) {
		wdx_emit_latch(&p->emit, &wdx_nomem);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		p->starts.data[i] = (uint32_t)wdx_expr_size(x);
		if (!copy_op(p, &p->ops.data[i], x))
			return false;
	}
	p->starts.data[n] = (uint32_t)wdx_expr_size(x);
	if (fix_branches(p, x, n))
		return true;
	wdx_pass_lost(p, WDX_LOST_EXPR, "a branch too long");
	return false;
}

static const struct wdx_expr *copy_expr(struct wdx_pass *p, const struct wdx_loc *l)
{
	size_t n;

	if (!decode(p, l, &n))
		return NULL;
	struct wdx_expr *x = wdx_expr_begin(&p->emit);

	return copy_ops(p, x, n) ? x : NULL;
}

static void copy_loclist(struct wdx_pass *p, const struct wdx_attr *a)
{
	p->out_locs.len = 0;
	for (size_t i = 0; i < p->locs.len; i++) {
		const struct wdx_loc *l = &p->locs.data[i];
		const struct wdx_expr *x = copy_expr(p, l);
		struct wdx_expr_loc *o = x ? wdx_vec_push(&p->out_locs) : NULL;

		if (o)
			*o = (struct wdx_expr_loc){l->lo, l->hi, l->whole, x};
		else if (x)
			wdx_emit_latch(&p->emit, &wdx_nomem);
	}
	wdx_emit_loclist(&p->emit, a->name, p->out_locs.data, p->out_locs.len);
}

static bool read_locs(struct wdx_pass *p, const struct wdx_attr *a, const char **why)
{
	struct wdx_list_ctx ctx = list_ctx(p, WDX_SEC_LOCLISTS, WDX_SEC_LOC);

	p->locs.len = 0;
	if (a->form_class == WDX_CLASS_LOCLIST)
		return wdx_read_locs(&ctx, a->value, &p->locs, why);
	*why = "out of memory";
	if (!wdx_vec_reserve(&p->locs, 1))
		return false;
	p->locs.data[p->locs.len++] =
		(struct wdx_loc){.whole = true, .expr = a->data, .size = a->size};
	return true;
}

void wdx_die_locs(const struct wdx_cursor *c, const struct wdx_attr *a, const struct wdx_loc **l,
		  size_t *n)
{
	struct wdx_pass *p = (struct wdx_pass *)c->pass;
	const char *why;

	*n = read_locs(p, a, &why) ? p->locs.len : 0;
	*l = p->locs.data;
}

static bool collect_locs(struct wdx_pass *p, const struct wdx_attr *a)
{
	const char *why;

	if (read_locs(p, a, &why))
		return true;
	wdx_pass_lost(p, WDX_LOST_LIST, why);
	return false;
}

static void location(struct wdx_pass *p, const struct wdx_attr *a)
{
	const struct wdx_expr *x;

	if (!collect_locs(p, a))
		return;
	if (p->v->location &&
	    wdx_pass_taken(p, p->v->location(&p->cursor, a, p->locs.data, p->locs.len, &p->emit,
					     p->config->arg)))
		return;
	if (a->form_class == WDX_CLASS_LOCLIST) {
		copy_loclist(p, a);
		return;
	}
	x = copy_expr(p, p->locs.data);
	if (x)
		wdx_emit_expr(&p->emit, a->name, x);
}

/* ---- line tables ------------------------------------------------------------------------------
 */

/* Units that share a table stand near each other; looking at all would be quadratic in units. */
#define MAX_SHARED_BACK 256

/* Whether a sequence can be written; sequences of dead code are left out like entries of lists. */
static bool sequence_lives(struct wdx_pass *p, const struct wdx_row *r, size_t n)
{
	bool good = p->emit.address_size == 8 || r[n - 1].address <= UINT32_MAX;

	if (wdx_is_tombstone(r[0].address, p->unit->pub.address_size))
		return false;
	for (size_t i = 1; good && i < n; i++)
		good = r[i].address >= r[i - 1].address;
	if (!good)
		wdx_pass_lost(p, WDX_LOST_LINE, "a sequence of descending addresses");
	return good;
}

static void copy_sequence(struct wdx_pass *p, const struct wdx_row *r, size_t n)
{
	if (!sequence_lives(p, r, n))
		return;
	for (size_t i = 0; i < n; i++)
		if (!p->v->row ||
		    !wdx_pass_taken(p, p->v->row(&p->cursor, &r[i], &p->emit, p->config->arg)))
			wdx_emit_row(&p->emit, &r[i]);
}

static void copy_rows(struct wdx_pass *p, const struct wdx_line_table *t)
{
	size_t first = 0;

	wdx_emit_line_header(&p->emit, t);
	for (size_t i = 0; i < t->nrows && !p->emit.err; i++) {
		if (!(t->rows[i].flags & WDX_ROW_END_SEQUENCE))
			continue;
		copy_sequence(p, t->rows + first, i + 1 - first);
		first = i + 1;
	}
}

static struct wdx_line_input line_input(const struct wdx_pass *p)
{
	const struct wdx_debug_section *s = p->in->sec;
	const struct wdx_attr *dir = wdx_die_attr(p->cursor.die, DW_AT_comp_dir);

	return (struct wdx_line_input){.line = s[WDX_SEC_LINE].data,
				       .str = s[WDX_SEC_STR].data,
				       .line_str = s[WDX_SEC_LINE_STR].data,
				       .line_size = s[WDX_SEC_LINE].size,
				       .str_size = s[WDX_SEC_STR].size,
				       .line_str_size = s[WDX_SEC_LINE_STR].size,
				       .big_endian = p->in->big,
				       .address_size = p->unit->pub.address_size,
				       .comp_dir = dir && dir->form_class == WDX_CLASS_STRING
							   ? (const char *)dir->data
							   : NULL};
}

static void copy_lines(struct wdx_pass *p, const struct wdx_line_table *t, const char *warning)
{
	if (warning)
		wdx_pass_lost(p, WDX_LOST_LINE, warning);
	p->emit.line_offset = WDX_NO_LINES;
	if (!p->v->lines ||
	    !wdx_pass_taken(p, p->v->lines(&p->cursor, t, &p->emit, p->config->arg)))
		copy_rows(p, t);
	wdx_build_line_end(&p->emit);
}

/* false: no table was written. */
static bool write_lines(struct wdx_pass *p, uint64_t offset)
{
	struct wdx_line_input in = line_input(p);
	struct wdx_arena arena = {0}; /* rows are large, and not needed for long */
	struct wdx_line_table t;
	const char *warning;
	struct wdx_error *err = wdx_read_lines(&in, offset, &arena, &t, &warning);

	if (err)
		wdx_pass_lost(p, WDX_LOST_LINE, wdx_error_message(err));
	else
		copy_lines(p, &t, warning);
	wdx_arena_deinit(&arena);
	if (err)
		wdx_error_destroy(err);
	return !err && p->emit.line_offset != WDX_NO_LINES;
}

/* Remembers the table just written: units may share one (type units do). */
static void lines_moved(struct wdx_pass *p, uint64_t from)
{
	const struct wdx_emit *e = &p->emit;
	struct wdx_moved *m = wdx_vec_push(&p->lines);

	if (!m || !wdx_vec_reserve(&p->files, e->files.len)) {
		wdx_emit_latch(&p->emit, &wdx_nomem);
		return;
	}
	*m = (struct wdx_moved){from, e->line_offset, (uint32_t)p->files.len,
				(uint32_t)e->files.len, e->file_shift};
	if (e->files.len)
		memcpy(p->files.data + p->files.len, e->files.data,
		       e->files.len * sizeof(*e->files.data));
	p->files.len += e->files.len;
}

static bool lines_known(struct wdx_pass *p, uint64_t from)
{
	struct wdx_emit *e = &p->emit;

	for (size_t i = p->lines.len; i-- > 0 && i + MAX_SHARED_BACK > p->lines.len;) {
		const struct wdx_moved *m = &p->lines.data[i];

		if (m->from != from)
			continue;
		e->line_offset = m->to;
		e->file_shift = m->shift;
		e->files.len = 0;
		if (!wdx_vec_reserve(&e->files, m->n)) {
			wdx_emit_latch(e, &wdx_nomem);
			return true;
		}
		if (m->n)
			memcpy(e->files.data, p->files.data + m->first,
			       m->n * sizeof(*e->files.data));
		e->files.len = m->n;
		return true;
	}
	return false;
}

static void stmt_list(struct wdx_pass *p, const struct wdx_attr *a)
{
	if (!lines_known(p, a->value)) {
		if (!write_lines(p, a->value))
			return;
		lines_moved(p, a->value);
	}
	wdx_emit_stmt_list(&p->emit);
}

/* ---- macros -----------------------------------------------------------------------------------
 */

static bool macro_strx(void *arg, uint64_t index, const char **out)
{
	const struct wdx_pass *p = arg;

	return wdx_unit_strx(p->in, p->unit, index, out);
}

static uint32_t macro_str(void *arg, const char *s)
{
	struct wdx_emit *e = arg;

	return wdx_build_str(e, &e->strs, s);
}

static void copy_macro(struct wdx_pass *p, struct wdx_macro *m, struct wdx_macro_writer *w)
{
	if (m->type == DW_MACRO_import) {
		wdx_pass_lost(p, WDX_LOST_MACRO, "imported macro units are not followed");
		return;
	}
	if (m->type == DW_MACRO_start_file)
		m->file = (uint32_t)wdx_build_file(&p->emit, m->file);
	if (!p->v->macro ||
	    !wdx_pass_taken(p, p->v->macro(&p->cursor, m, &p->emit, p->config->arg)))
		wdx_macros_write(w, m);
}

static struct wdx_macro_input macro_input(struct wdx_pass *p, bool info)
{
	const struct wdx_debug_section *s = &p->in->sec[info ? WDX_SEC_MACINFO : WDX_SEC_MACRO];

	return (struct wdx_macro_input){.data = s->data,
					.size = s->size,
					.str = p->in->sec[WDX_SEC_STR].data,
					.str_size = p->in->sec[WDX_SEC_STR].size,
					.macinfo = info,
					.big_endian = p->in->big,
					.strx = macro_strx,
					.arg = p};
}

/* Macros of version 4 producers may stand in .debug_macinfo; they come out as .debug_macro, in
 * the version of the unit, which says the same (GNU extension of version 4, DWARF 5 §6.3). */
static void macros(struct wdx_pass *p, const struct wdx_attr *a)
{
	struct wdx_macro_input in = macro_input(p, a->name == DW_AT_macro_info);
	struct wdx_emit *e = &p->emit;
	struct wdx_macro_writer w = {.buf = &e->out[WDX_OUT_MACRO], .str = macro_str, .arg = e};
	uint32_t at = (uint32_t)w.buf->len;
	struct wdx_macros it;
	struct wdx_macro m;
	const char *why = NULL;

	if (!wdx_macros_init(&it, &in, a->value, &why)) {
		wdx_pass_lost(p, WDX_LOST_MACRO, why);
		return;
	}
	wdx_macros_begin(&w, e->version >= 5 ? 5 : 4,
			 e->line_offset == WDX_NO_LINES ? UINT64_MAX : e->line_offset);
	while (!e->err && wdx_build_room(e, w.buf) && wdx_macros_next(&it, &m, &why))
		copy_macro(p, &m, &w);
	wdx_macros_end(&w);
	if (why)
		wdx_pass_lost(p, WDX_LOST_MACRO, why);
	wdx_build_spec(e, e->version >= 5 ? DW_AT_macros : DW_AT_GNU_macros, DW_FORM_sec_offset);
	wdx_buf_u32(&e->vals, at);
}

/* ---- all of them ------------------------------------------------------------------------------
 */

/* What only says how other attributes of the input are encoded, or where entries lie; and what
 * leads to a split part, which nobody could read beside an output without .debug_addr. */
static bool is_plumbing(unsigned at)
{
	switch (at) {
	case DW_AT_sibling:
	case DW_AT_str_offsets_base:
	case DW_AT_addr_base:
	case DW_AT_rnglists_base:
	case DW_AT_loclists_base:
	case DW_AT_GNU_addr_base:
	case DW_AT_GNU_ranges_base:
	case DW_AT_GNU_pubnames:
	case DW_AT_dwo_name:
	case DW_AT_GNU_dwo_name:
	case DW_AT_GNU_dwo_id:
		return true;
	default:
		return false;
	}
}

static void one_attr(struct wdx_pass *p, const struct wdx_attr *a)
{
	if (p->v->attr && wdx_pass_taken(p, p->v->attr(&p->cursor, a, &p->emit, p->config->arg)))
		return;
	switch (a->form_class) {
	case WDX_CLASS_EXPR:
	case WDX_CLASS_LOCLIST:
		location(p, a);
		return;
	case WDX_CLASS_LINE:
		stmt_list(p, a);
		return;
	case WDX_CLASS_MACRO:
		macros(p, a);
		return;
	default:
		wdx_emit_attr(&p->emit, &p->cursor, a);
	}
}

void wdx_pass_attrs(struct wdx_pass *p)
{
	const struct wdx_die *die = p->cursor.die;
	bool pcs_seen = false, pcs_done = false;
	const struct wdx_attr *last = NULL;

	for (size_t i = 0; i < die->nattrs && !p->emit.err; i++) {
		const struct wdx_attr *a = &die->attrs[i];

		if (is_plumbing(a->name))
			continue;
		if (a->form_class ==
		    WDX_CLASS_MACRO) { /* they name the line table, which may follow */
			last = a;
			continue;
		}
		if (is_pcs(a->name)) {
			if (!pcs_seen)
				pcs_done = visit_pcs(p);
			pcs_seen = true;
			if (pcs_done)
				continue;
		}
		one_attr(p, a);
	}
	if (last && !p->emit.err)
		one_attr(p, last);
}
