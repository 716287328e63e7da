/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The trace visitor: asks the visitor inside and prints each event, with what came of it.
 *
 * What a visitor emitted is read back from the builder: the attributes of the pending entry, the
 * ends of the list sections, and the line table once it is closed.
 */
#include "dwarf/pass.h"

#include <dwarf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct wdx_trace {
	struct wdx_visitor inner;
	void *arg;
	FILE *to;
	unsigned indent;
	bool has_lines; /* a table was written for the entry in work, at .debug_line lines_at */
	uint32_t lines_at;
	WDX_VEC(struct wdx_op) ops;
	struct wdx_locs locs;
	struct wdx_ranges ranges;
	struct wdx_arena arena;
};

/* How far the builder was before an event. */
struct mark {
	size_t specs, vals;
	size_t out[WDX_OUT_COUNT];
};

/* ---- names ------------------------------------------------------------------------------------
 */

struct name {
	uint16_t code;
	const char *text;
};

#define WDX_TAG(code, name) {code, #name},
#define WDX_AT(code, name)
static const struct name tags[] = {
#include "dwarf/names.def"
};
#undef WDX_TAG
#undef WDX_AT
#define WDX_TAG(code, name)
#define WDX_AT(code, name) {code, #name},
static const struct name attributes[] = {
#include "dwarf/names.def"
};
#undef WDX_TAG
#undef WDX_AT

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static int compare_name(const void *key, const void *element)
{
	return (int)*(const unsigned *)key - (int)((const struct name *)element)->code;
}

static void put_name(const struct wdx_trace *t, const struct name *table, size_t n,
		     const char *prefix, unsigned code)
{
	const struct name *f = bsearch(&code, table, n, sizeof(*table), compare_name);

	if (f)
		fputs(f->text, t->to);
	else
		fprintf(t->to, "%s_0x%x", prefix, code);
}

static void put_tag(const struct wdx_trace *t, unsigned tag)
{
	put_name(t, tags, COUNT(tags), "DW_TAG", tag);
}

static void put_at(const struct wdx_trace *t, unsigned at)
{
	put_name(t, attributes, COUNT(attributes), "DW_AT", at);
}

/* ---- lines of text ----------------------------------------------------------------------------
 */

static void indent(const struct wdx_trace *t)
{
	fprintf(t->to, "%*s", (int)(2 * t->indent), "");
}

static void line(const struct wdx_trace *t, const char *fmt, ...) WDX_PRINTF(2, 3);

/* Begins a line; the newline is in fmt or comes later. */
static void line(const struct wdx_trace *t, const char *fmt, ...)
{
	va_list ap;

	indent(t);
	va_start(ap, fmt);
	vfprintf(t->to, fmt, ap);
	va_end(ap);
}

static void put_string(const struct wdx_trace *t, const char *s)
{
	putc('"', t->to);
	for (; s && *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(t->to, "\\%c", *s);
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			fprintf(t->to, "\\x%02x", (unsigned char)*s);
		else
			putc(*s, t->to);
	}
	putc('"', t->to);
}

static void put_bytes(const struct wdx_trace *t, const uint8_t *p, size_t n)
{
	fprintf(t->to, "%zu bytes", n);
	for (size_t i = 0; i < n && i < 32; i++)
		fprintf(t->to, "%s%02x", i ? " " : ": ", p[i]);
	if (n > 32)
		fputs(" ...", t->to);
}

static const char *verdict_text(enum wdx_verdict v)
{
	static const char *const text[] = {[WDX_COPY] = "copied",
					   [WDX_DROP] = "dropped",
					   [WDX_DONE] = "translated",
					   [WDX_FAIL] = "failed"};

	return (unsigned)v < COUNT(text) ? text[v] : "?";
}

/* ---- expressions and lists --------------------------------------------------------------------
 */

static bool is_hex(const struct wdx_op *op, int i)
{
	return op->ref == i + 1 || op->code == DW_OP_addr || op->code == DW_OP_const8u;
}

static void put_op(const struct wdx_trace *t, const struct wdx_op *op)
{
	fputs(wdx_op_name(op->code), t->to);
	if (op->code == DW_OP_bra || op->code == DW_OP_skip) {
		fprintf(t->to, " to operation %" PRIu32, op->target);
		return;
	}
	for (int i = 0; i < op->nargs; i++)
		fprintf(t->to, is_hex(op, i) ? " 0x%" PRIx64 : " %" PRId64, op->arg[i]);
	if (op->data) {
		putc(' ', t->to);
		put_bytes(t, op->data, op->data_size);
	}
}

static void put_expr(struct wdx_trace *t, const struct wdx_unit *u, const uint8_t *p, size_t size)
{
	const char *why;
	size_t n;

	t->ops.len = 0;
	if (!wdx_vec_reserve(&t->ops, size + 1) ||
	    !wdx_decode_expr(u, p, size, t->ops.data, size, &n, &why)) {
		fputs("undecodable: ", t->to);
		put_bytes(t, p, size);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (i)
			fputs(", ", t->to);
		put_op(t, &t->ops.data[i]);
	}
	if (!n)
		fputs("empty", t->to);
}

static void put_locs(struct wdx_trace *t, const struct wdx_unit *u, const struct wdx_loc *l,
		     size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (l[i].whole)
			line(t, "everywhere: ");
		else
			line(t, "[0x%" PRIx64 ", 0x%" PRIx64 "): ", l[i].lo, l[i].hi);
		put_expr(t, u, l[i].expr, l[i].size);
		putc('\n', t->to);
	}
}

static void put_ranges(const struct wdx_trace *t, const struct wdx_range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(t->to, " [0x%" PRIx64 ", 0x%" PRIx64 ")", r[i].lo, r[i].hi);
}

/* ---- what was emitted -------------------------------------------------------------------------
 */

static struct mark mark(const struct wdx_emit *e)
{
	struct mark m = {.specs = e->specs.len, .vals = e->vals.len};

	for (int i = 0; i < WDX_OUT_COUNT; i++)
		m.out[i] = e->out[i].len;
	return m;
}

static struct wdx_unit out_unit(const struct wdx_emit *e)
{
	return (struct wdx_unit){.version = (uint16_t)e->version,
				 .address_size = (uint8_t)e->address_size,
				 .offset_size = 4,
				 .big_endian = e->vals.big,
				 .low_pc = e->base,
				 .name = ""};
}

static struct wdx_list_ctx out_list(const struct wdx_emit *e, const struct wdx_unit *u,
				    enum wdx_out v5, enum wdx_out v4)
{
	const struct wdx_buf *b = &e->out[u->version >= 5 ? v5 : v4];

	return (struct wdx_list_ctx){u, b->data, b->len, NULL, NULL};
}

static void put_out_ranges(struct wdx_trace *t, const struct wdx_emit *e, uint64_t offset)
{
	struct wdx_unit u = out_unit(e);
	struct wdx_list_ctx ctx = out_list(e, &u, WDX_OUT_RNGLISTS, WDX_OUT_RANGES);
	const char *why;

	t->ranges.len = 0;
	if (wdx_read_ranges(&ctx, offset, &t->ranges, &why))
		put_ranges(t, t->ranges.data, t->ranges.len);
	putc('\n', t->to);
}

static void put_out_locs(struct wdx_trace *t, const struct wdx_emit *e, uint64_t offset)
{
	struct wdx_unit u = out_unit(e);
	struct wdx_list_ctx ctx = out_list(e, &u, WDX_OUT_LOCLISTS, WDX_OUT_LOC);
	const char *why;

	putc('\n', t->to);
	t->locs.len = 0;
	if (!wdx_read_locs(&ctx, offset, &t->locs, &why))
		return;
	t->indent++;
	put_locs(t, &u, t->locs.data, t->locs.len);
	t->indent--;
}

static void put_out_block(struct wdx_trace *t, const struct wdx_emit *e, unsigned form,
			  struct wdx_reader *r)
{
	struct wdx_unit u = out_unit(e);
	uint64_t n = wdx_read_uleb(r, 64);
	const uint8_t *p = wdx_read_bytes(r, n);

	putc(' ', t->to);
	if (p && form == DW_FORM_exprloc)
		put_expr(t, &u, p, (size_t)n);
	else if (p)
		put_bytes(t, p, (size_t)n);
	putc('\n', t->to);
}

static void put_out_number(const struct wdx_trace *t, uint64_t v)
{
	fprintf(t->to, " 0x%" PRIx64 "\n", v);
}

/* The forms the builder chooses from.  References are still zeros here. */
static bool put_out_value(struct wdx_trace *t, const struct wdx_emit *e,
			  const struct wdx_out_spec *s, struct wdx_reader *r)
{
	switch (s->form) {
	case DW_FORM_addr:
		put_out_number(t, wdx_read_uint(r, e->address_size));
		return true;
	case DW_FORM_data1:
		put_out_number(t, wdx_read_u8(r));
		return true;
	case DW_FORM_data2:
		put_out_number(t, wdx_read_u16(r));
		return true;
	case DW_FORM_data4:
		put_out_number(t, wdx_read_u32(r));
		return true;
	case DW_FORM_data8:
		put_out_number(t, wdx_read_u64(r));
		return true;
	case DW_FORM_udata:
		put_out_number(t, wdx_read_uleb(r, 64));
		return true;
	case DW_FORM_sdata:
		fprintf(t->to, " %" PRId64 "\n", wdx_read_sleb(r, 64));
		return true;
	case DW_FORM_flag_present:
		fputs(" true\n", t->to);
		return true;
	case DW_FORM_block:
	case DW_FORM_exprloc:
		put_out_block(t, e, s->form, r);
		return true;
	case DW_FORM_sec_offset:
		if (s->name == DW_AT_stmt_list)
			put_out_number(t, wdx_read_u32(r));
		else if (s->name == DW_AT_ranges)
			put_out_ranges(t, e, wdx_read_u32(r));
		else
			put_out_locs(t, e, wdx_read_u32(r));
		return true;
	default:
		putc('\n', t->to);
		return false;
	}
}

/* The attributes the entry in work has got since the mark. */
static void put_emitted(struct wdx_trace *t, const struct wdx_emit *e, const struct mark *m)
{
	struct wdx_reader r;
	bool go_on = e->vals.len >= m->vals && !e->vals.failed;

	if (e->specs.len <= m->specs || !go_on)
		return;
	wdx_reader_init(&r, e->vals.data, e->vals.len, 0, e->vals.big);
	wdx_read_skip(&r, m->vals);
	t->indent++;
	for (size_t i = m->specs; i < e->specs.len && go_on; i++) {
		line(t, "writes ");
		put_at(t, e->specs.data[i].name);
		go_on = put_out_value(t, e, &e->specs.data[i], &r) && !r.failed;
	}
	t->indent--;
}

/* What has been added to the sections since the mark. */
static void put_growth(struct wdx_trace *t, const struct wdx_emit *e, const struct mark *m)
{
	static const struct {
		enum wdx_out out;
		const char *name;
	} shown[] = {{WDX_OUT_INFO, ".debug_info"},
		     {WDX_OUT_LINE, ".debug_line"},
		     {WDX_OUT_FRAME, ".debug_frame"},
		     {WDX_OUT_MACRO, ".debug_macro"}};

	for (size_t i = 0; i < COUNT(shown); i++)
		if (e->out[shown[i].out].len > m->out[shown[i].out])
			line(t, "  writes %zu bytes of %s\n",
			     e->out[shown[i].out].len - m->out[shown[i].out], shown[i].name);
}

static void put_verdict(struct wdx_trace *t, const struct wdx_emit *e, const struct mark *m,
			enum wdx_verdict v)
{
	line(t, "  -> %s\n", verdict_text(v));
	if (v == WDX_DONE)
		put_emitted(t, e, m);
}

/* ---- entries ----------------------------------------------------------------------------------
 */

static enum wdx_keep keep(const struct wdx_cursor *c, void *arg)
{
	struct wdx_trace *t = arg;
	enum wdx_keep k = t->inner.keep ? t->inner.keep(c, t->arg) : WDX_KEEP;

	if (k == WDX_KEEP)
		return k;
	t->indent = 0;
	line(t, "not kept: DIE 0x%" PRIx64 " ", c->die->offset);
	put_tag(t, c->die->tag);
	const struct wdx_attr *name = wdx_die_attr(c->die, DW_AT_name);

	if (name && name->form_class == WDX_CLASS_STRING) {
		putc(' ', t->to);
		put_string(t, (const char *)name->data);
	}
	putc('\n', t->to);
	return k;
}

static enum wdx_verdict unit(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	enum wdx_verdict v = t->inner.unit ? t->inner.unit(c, e, t->arg) : WDX_COPY;

	t->indent = 0;
	line(t, "unit 0x%" PRIx64 ": version %u, type %u, address size %u, ", c->unit->offset,
	     c->unit->version, c->unit->type, c->unit->address_size);
	put_string(t, c->unit->name);
	fprintf(t->to, " -> version %u, address size %u\n", e->version, e->address_size);
	return v;
}

static enum wdx_verdict die(const struct wdx_cursor *c, bool bare, struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	struct mark m = mark(e);
	enum wdx_verdict v = t->inner.die ? t->inner.die(c, bare, e, t->arg) : WDX_COPY;

	t->has_lines = false;
	t->indent = c->depth + 1;
	line(t, "DIE 0x%" PRIx64 " ", c->die->offset);
	put_tag(t, c->die->tag);
	fprintf(t->to, "%s%s%s\n", bare ? " (bare)" : "", v == WDX_COPY ? "" : " -> ",
		v == WDX_COPY ? "" : verdict_text(v));
	if (v == WDX_DONE)
		put_growth(t, e, &m);
	t->indent++;
	return v;
}

static void put_written_lines(struct wdx_trace *t, const struct wdx_emit *e);

static void attrs_end(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	struct mark m = mark(e);

	if (t->has_lines)
		put_written_lines(t, e);
	t->has_lines = false;
	if (!t->inner.attrs_end)
		return;
	t->inner.attrs_end(c, e, t->arg);
	put_emitted(t, e, &m);
}

static void die_end(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;

	if (t->inner.die_end)
		t->inner.die_end(c, e, t->arg);
	if (!c->die->has_children)
		return;
	t->indent = c->depth + 1;
	line(t, "end of DIE 0x%" PRIx64 "\n", c->die->offset);
}

/* ---- attributes -------------------------------------------------------------------------------
 */

static enum wdx_verdict pcs(const struct wdx_cursor *c, const struct wdx_range *r, size_t n,
			    struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	struct mark m = mark(e);

	if (!t->inner.pcs)
		return WDX_COPY;
	line(t, "code");
	put_ranges(t, r, n);
	putc('\n', t->to);
	/* the ranges are borrowed until the visitor asks for others: they are printed before */
	enum wdx_verdict v = t->inner.pcs(c, r, n, e, t->arg);

	put_verdict(t, e, &m, v);
	return v;
}

static void put_value(const struct wdx_trace *t, const struct wdx_attr *a)
{
	switch (a->form_class) {
	case WDX_CLASS_STRING:
		put_string(t, (const char *)a->data);
		return;
	case WDX_CLASS_FLAG:
		fputs(a->value ? "true" : "false", t->to);
		return;
	case WDX_CLASS_CONSTANT:
		if (!a->data)
			fprintf(t->to, "%" PRId64, (int64_t)a->value);
		else
			put_bytes(t, a->data, a->size);
		return;
	case WDX_CLASS_BLOCK:
		put_bytes(t, a->data, a->size);
		return;
	case WDX_CLASS_EXPR:
		fputs("expression", t->to);
		return;
	case WDX_CLASS_LOCLIST:
		fprintf(t->to, "location list at 0x%" PRIx64, a->value);
		return;
	default:
		fprintf(t->to, "0x%" PRIx64, a->value);
	}
}

static enum wdx_verdict attr(const struct wdx_cursor *c, const struct wdx_attr *a,
			     struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	struct mark m = mark(e);
	enum wdx_verdict v = t->inner.attr ? t->inner.attr(c, a, e, t->arg) : WDX_COPY;

	indent(t);
	put_at(t, a->name);
	putc(' ', t->to);
	put_value(t, a);
	putc('\n', t->to);
	if (v != WDX_COPY)
		put_verdict(t, e, &m, v);
	return v;
}

static enum wdx_verdict location(const struct wdx_cursor *c, const struct wdx_attr *a,
				 const struct wdx_loc *l, size_t n, struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	struct mark m = mark(e);
	enum wdx_verdict v;

	t->indent++;
	put_locs(t, c->unit, l, n);
	t->indent--;
	v = t->inner.location ? t->inner.location(c, a, l, n, e, t->arg) : WDX_COPY;
	put_verdict(t, e, &m, v);
	return v;
}

static enum wdx_verdict op(const struct wdx_cursor *c, const struct wdx_op *o, struct wdx_expr *x,
			   void *arg)
{
	struct wdx_trace *t = arg;
	enum wdx_verdict v = t->inner.op ? t->inner.op(c, o, x, t->arg) : WDX_COPY;

	if (v == WDX_COPY)
		return v;
	line(t, "    ");
	put_op(t, o);
	fprintf(t->to, " -> %s\n", verdict_text(v));
	return v;
}

/* ---- line tables ------------------------------------------------------------------------------
 */

static void put_row(const struct wdx_trace *t, const struct wdx_row *r)
{
	static const struct {
		uint8_t flag;
		const char *text;
	} flags[] = {{WDX_ROW_IS_STMT, "is_stmt"},
		     {WDX_ROW_BASIC_BLOCK, "basic_block"},
		     {WDX_ROW_PROLOGUE_END, "prologue_end"},
		     {WDX_ROW_EPILOGUE_BEGIN, "epilogue_begin"},
		     {WDX_ROW_END_SEQUENCE, "end_sequence"}};

	line(t, "0x%" PRIx64 ": file %" PRIu32 " line %" PRIu32 " column %" PRIu32, r->address,
	     r->file, r->line, r->column);
	if (r->discriminator)
		fprintf(t->to, " discriminator %" PRIu32, r->discriminator);
	for (size_t i = 0; i < COUNT(flags); i++)
		if (r->flags & flags[i].flag)
			fprintf(t->to, " %s", flags[i].text);
	putc('\n', t->to);
}

static void put_table(struct wdx_trace *t, const struct wdx_line_table *l)
{
	t->indent++;
	for (size_t i = 0; i < l->nfiles; i++) {
		if (!l->files[i].name)
			continue;
		line(t, "file %zu: directory %" PRIu64 ", ", i, l->files[i].dir);
		put_string(t, l->files[i].name);
		putc('\n', t->to);
	}
	for (size_t i = 0; i < l->nrows; i++)
		put_row(t, &l->rows[i]);
	t->indent--;
}

/* The table is complete only when the attribute that names it is. */
static void put_written_lines(struct wdx_trace *t, const struct wdx_emit *e)
{
	const struct wdx_buf *b = e->out;
	struct wdx_line_input in = {.line = b[WDX_OUT_LINE].data,
				    .str = b[WDX_OUT_STR].data,
				    .line_str = b[WDX_OUT_LINE_STR].data,
				    .line_size = b[WDX_OUT_LINE].len,
				    .str_size = b[WDX_OUT_STR].len,
				    .line_str_size = b[WDX_OUT_LINE_STR].len,
				    .big_endian = e->vals.big,
				    .address_size = (uint8_t)e->address_size};
	struct wdx_line_table table;
	const char *warning;
	struct wdx_error *err;

	wdx_arena_reset(&t->arena);
	err = wdx_read_lines(&in, t->lines_at, &t->arena, &table, &warning);
	if (err) {
		wdx_error_destroy(err);
		return;
	}
	line(t, "writes a line table of %zu rows\n", table.nrows);
	put_table(t, &table);
}

static enum wdx_verdict lines(const struct wdx_cursor *c, const struct wdx_line_table *l,
			      struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	struct mark m = mark(e);
	enum wdx_verdict v = t->inner.lines ? t->inner.lines(c, l, e, t->arg) : WDX_COPY;

	line(t, "line table 0x%" PRIx64 ": version %u, %zu files, %zu rows\n", l->offset,
	     l->version, l->nfiles, l->nrows);
	put_table(t, l);
	put_verdict(t, e, &m, v);
	t->has_lines = v == WDX_DONE && e->line_open;
	t->lines_at = e->line_offset;
	return v;
}

static enum wdx_verdict row(const struct wdx_cursor *c, const struct wdx_row *r, struct wdx_emit *e,
			    void *arg)
{
	struct wdx_trace *t = arg;
	enum wdx_verdict v = t->inner.row ? t->inner.row(c, r, e, t->arg) : WDX_COPY;

	if (v == WDX_COPY)
		return v;
	put_row(t, r);
	line(t, "  -> %s\n", verdict_text(v));
	return v;
}

/* ---- frames, macros, the rest -----------------------------------------------------------------
 */

static enum wdx_verdict frame(const struct wdx_cursor *c, const struct wdx_frame *f,
			      struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	enum wdx_verdict v = t->inner.frame ? t->inner.frame(c, f, e, t->arg) : WDX_COPY;

	t->indent = 0;
	if (f->is_cie)
		line(t, "CIE 0x%" PRIx64 ": version %u, return register %" PRIu64, f->offset,
		     f->version, f->return_reg);
	else
		line(t, "FDE 0x%" PRIx64 ": CIE 0x%" PRIx64 ", [0x%" PRIx64 ", 0x%" PRIx64 ")",
		     f->offset, f->cie, f->lo, f->hi);
	fprintf(t->to, " -> %s\n", verdict_text(v));
	return v;
}

static enum wdx_verdict macro(const struct wdx_cursor *c, const struct wdx_macro *m,
			      struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	enum wdx_verdict v = t->inner.macro ? t->inner.macro(c, m, e, t->arg) : WDX_COPY;

	line(t, "macro entry, type %u, line %" PRIu32, m->type, m->line);
	if (m->type == DW_MACRO_start_file)
		fprintf(t->to, ", file %" PRIu32, m->file);
	if (m->type == DW_MACRO_define || m->type == DW_MACRO_undef) {
		putc(' ', t->to);
		put_string(t, m->text);
	}
	fprintf(t->to, " -> %s\n", verdict_text(v));
	return v;
}

static void end(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct wdx_trace *t = arg;
	struct mark m = mark(e);

	if (t->inner.end)
		t->inner.end(c, e, t->arg);
	t->indent = 0;
	line(t, "end\n");
	put_growth(t, e, &m);
}

static void lost(const struct wdx_cursor *c, enum wdx_lost what, const char *detail, void *arg)
{
	static const char *const text[] = {
		[WDX_LOST_REF] = "a reference to an entry that is not in the output",
		[WDX_LOST_ATTR] = "an attribute",
		[WDX_LOST_LIST] = "a location or range list",
		[WDX_LOST_EXPR] = "an expression",
		[WDX_LOST_LINE] = "a line table",
		[WDX_LOST_MACRO] = "macro information",
		[WDX_LOST_UNIT] = "a unit"};
	struct wdx_trace *t = arg;

	line(t, "  lost: %s", (unsigned)what < COUNT(text) ? text[what] : "?");
	if (detail) {
		fputs(": ", t->to);
		put_string(t, detail);
	}
	putc('\n', t->to);
	if (t->inner.lost)
		t->inner.lost(c, what, detail, t->arg);
}

static const struct wdx_visitor trace_visitor = {
	.keep = keep,
	.unit = unit,
	.die = die,
	.attrs_end = attrs_end,
	.die_end = die_end,
	.pcs = pcs,
	.attr = attr,
	.location = location,
	.op = op,
	.lines = lines,
	.row = row,
	.frame = frame,
	.macro = macro,
	.end = end,
	.lost = lost,
};

/* ---- the object -------------------------------------------------------------------------------
 */

struct wdx_error *wdx_trace_create(struct wdx_trace **out, const struct wdx_visitor *inner,
				   void *arg, void *to)
{
	struct wdx_trace *t = calloc(1, sizeof(*t));

	*out = t;
	if (!t)
		return &wdx_nomem;
	if (inner)
		t->inner = *inner;
	t->arg = arg;
	t->to = to;
	return NULL;
}

const struct wdx_visitor *wdx_trace_visitor(const struct wdx_trace *t)
{
	(void)t;
	return &trace_visitor;
}

void wdx_trace_destroy(struct wdx_trace *t)
{
	if (!t)
		return;
	wdx_vec_free(&t->ops);
	wdx_vec_free(&t->locs);
	wdx_vec_free(&t->ranges);
	wdx_arena_deinit(&t->arena);
	free(t);
}
