/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Plans: for a native address and its wasm position, what both sides' DWARF says is in scope there
 * and by which expressions.  Programs stop at the same places again and again.
 */
#include "stepper/check.h"

#include <dwarf.h>
#include <string.h>

static bool is_variable(const struct node *n)
{
	return n->tag == DW_TAG_variable || n->tag == DW_TAG_formal_parameter;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool is_static(const struct expr *e)
{
	return e && !e->bad && e->n == 1 &&
	       (e->op[0].code == DW_OP_addr || e->op[0].code == DW_OP_addrx ||
		e->op[0].code == DW_OP_GNU_addr_index);
}

/* ---- items ----------------------------------------------------------------------------------- */

static void add_item(struct plan *p, size_t *cap, struct node *in, struct node *out, uint64_t wasm,
		     uint64_t native)
{
	struct item *i;

	p->items = xgrow(p->items, p->n, cap, sizeof(*p->items));
	i = &p->items[p->n++];
	*i = (struct item){.in = in, .out = out};
	if (in)
		i->in_expr = location_at(in, &in->location, wasm);
	if (out)
		i->out_expr = location_at(out, &out->location, native);
	i->in_static = is_static(i->in_expr);
	i->out_static = is_static(i->out_expr);
	i->size = in ? in->size : out->size;
}

/* Variables of a scope and of the scopes in it that are in force on the input's side. */
static void add_scope(struct plan *p, size_t *cap, struct node *scope, uint64_t wasm,
		      uint64_t native)
{
	for (struct node *n = scope->child; n; n = n->next) {
		if (is_variable(n))
			add_item(p, cap, n, n->peer, wasm, native);
		else if (n->tag != DW_TAG_subprogram && node_covers(n, wasm))
			add_scope(p, cap, n, wasm, native);
	}
	if (!scope->peer)
		return;
	for (struct node *n = scope->peer->child; n; n = n->next)
		if (is_variable(n) && !n->peer)
			add_item(p, cap, NULL, n, wasm, native);
}

/* ---- scopes ---------------------------------------------------------------------------------- */

/* The first scope below `scope` in force at `here` whose peer is not at `there`. */
static const struct node *odd_scope(const struct node *scope, uint64_t here, uint64_t there)
{
	const struct node *odd;

	for (const struct node *n = scope->child; n; n = n->next) {
		if (is_variable(n) || n->tag == DW_TAG_subprogram || !node_covers(n, here))
			continue;
		if (!n->peer || !node_covers(n->peer, there))
			return n;
		odd = odd_scope(n, here, there);
		if (odd)
			return odd;
	}
	return NULL;
}

static void check_scopes(struct plan *p, uint64_t wasm, uint64_t native)
{
	p->scope = odd_scope(p->in, wasm, native);
	if (p->scope)
		return;
	p->scope = odd_scope(p->out, native, wasm);
	p->scope_out = p->scope;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* The same path, or one of the two with the compilation's folder before it. */
static bool same_path(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), k = n < m ? n : m;
	const char *longer = n < m ? b : a;

	if (strcmp(a + n - k, b + m - k))
		return false;
	return n == m || longer[(n < m ? m : n) - k - 1] == '/';
}

static bool same_line(const struct row *a, const struct row *b)
{
	return a->line == b->line && a->file && b->file && same_path(a->file, b->file);
}

/* Up to the end of the prologue all native code has the function's opening line. */
static bool opening_line(const struct plan *p, const struct row *out)
{
	const struct unit *u = p->in->unit;
	size_t first, last, i;
	uint64_t lo = p->in->ranges[0].lo;
	struct row r;

	if (!line_at(u, lo, &first, &last))
		return false;
	for (i = first; i <= last; i++) {
		r = line_row(u, i);
		if (same_line(&r, out))
			break;
	}
	if (i > last)
		return false;
	for (; i < u->nlines; i++) {
		r = line_row(u, i);
		if (r.address > p->wasm)
			return true;
		if (r.prologue_end)
			return r.address == p->wasm;
	}
	return false;
}

static uint32_t piece_start(const struct world *w, uint32_t native)
{
	uint32_t start = native;

	world_position(w, native, &start);
	return start;
}

static void check_line(const struct world *w, struct plan *p, uint64_t wasm, uint64_t native)
{
	const struct unit *in = p->in->unit, *out = p->out->unit;
	size_t first, last, i_first, i_last;

	p->line = LINE_NONE;
	if (!line_at(in, wasm, &i_first, &i_last))
		return;
	p->in_row = line_row(in, i_last);
	p->line = LINE_DIFFERS;
	if (!line_at(out, native, &first, &last))
		return;
	p->out_row = line_row(out, last);
	for (size_t i = i_first; i <= i_last; i++) {
		struct row r = line_row(in, i);

		if (same_line(&r, &p->out_row))
			p->line = LINE_EQUAL;
	}
	if (p->line == LINE_DIFFERS && opening_line(p, &p->out_row))
		p->line = LINE_EQUAL;
	if (p->line == LINE_DIFFERS &&
	    p->out_row.address < w->text_addr + piece_start(w, p->native))
		p->line = LINE_CONTINUED;
}

/* ---- plans ----------------------------------------------------------------------------------- */

static void make(struct planner *pl, struct plan *p)
{
	uint64_t address = pl->w->text_addr + p->native;
	size_t cap = 0;

	p->in = pl->w->in.funcs[p->func];
	p->out = pl->w->out.funcs[p->func];
	p->line = LINE_NONE;
	if (!p->in || !p->out)
		return;
	p->name_differs = !same_text(p->in->name, p->out->name);
	p->in_frame = location_at(p->in, &p->in->frame_base, p->wasm);
	p->out_frame = location_at(p->out, &p->out->frame_base, address);
	check_scopes(p, p->wasm, address);
	check_line(pl->w, p, p->wasm, address);
	add_scope(p, &cap, p->in, p->wasm, address);
}

struct plan *plan_at(struct planner *pl, uint32_t native, uint32_t wasm, uint32_t func)
{
	uint32_t h = (native * 2654435761u ^ wasm * 40503u) >> 18;
	struct plan *p;

	for (p = pl->slots[h]; p; p = p->next)
		if (p->native == native && p->wasm == wasm && p->func == func)
			return p;
	p = xalloc(sizeof(*p));
	p->native = native;
	p->wasm = wasm;
	p->func = func;
	make(pl, p);
	p->next = pl->slots[h];
	pl->slots[h] = p;
	return p;
}

/* ---- globals --------------------------------------------------------------------------------- */

static void add_globals(struct plan *p, size_t *cap, struct node *parent)
{
	for (struct node *n = parent->child; n; n = n->next) {
		if (n->tag == DW_TAG_subprogram)
			continue;
		if (!is_variable(n))
			add_globals(p, cap, n);
		else if (n->location.n == 1 && n->location.places[0].hi == UINT64_MAX)
			add_item(p, cap, n, n->peer, 0, 0);
	}
}

void planner_init(struct planner *pl, const struct world *w)
{
	size_t cap = 0;

	pl->w = w;
	for (size_t i = 0; i < w->in.nunits; i++)
		add_globals(&pl->globals, &cap, w->in.units[i].root);
}
