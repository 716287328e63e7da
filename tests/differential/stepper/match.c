/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Which entry of the output is which of the input.  The output has the input's entries in the
 * input's order with some left out, so both are walked in parallel; functions are known by their
 * code, and nameless scopes of functions are told apart by it, too.
 */
#include "stepper/stepper.h"

#include <dwarf.h>
#include <string.h>

struct match {
	struct world *w;
	struct match_count *count;
};

static bool same_name(const struct node *a, const struct node *b)
{
	return a->name && b->name ? !strcmp(a->name, b->name) : a->name == b->name;
}

static bool is_variable(const struct node *n)
{
	return n->tag == DW_TAG_variable || n->tag == DW_TAG_formal_parameter;
}

static bool same(const struct match *m, const struct node *in, const struct node *out)
{
	if (out->peer || in->tag != out->tag || in->line != out->line ||
	    in->call_line != out->call_line || !same_name(in, out))
		return false;
	if (is_variable(in) || !in->nranges || !out->nranges)
		return true;
	return world_agrees(m->w, in, out);
}

static void join(struct match *m, struct node *in, struct node *out)
{
	in->peer = out;
	out->peer = in;
	if (!is_variable(in)) {
		m->count->scopes++;
		return;
	}
	m->count->variables++;
	if (in->size != out->size)
		m->count->size++;
}

static struct node *find(const struct match *m, const struct node *in, struct node *first,
			 const struct node *end)
{
	for (struct node *out = first; out != end; out = out->next)
		if (same(m, in, out))
			return out;
	return NULL;
}

static bool is_function(const struct node *n)
{
	return n->tag == DW_TAG_subprogram;
}

static void match_children(struct match *m, struct node *in, struct node *out)
{
	struct node *next = out->child, *o;

	for (struct node *i = in->child; i; i = i->next) {
		if (is_function(i))
			continue; /* matched by their code */
		o = find(m, i, next, NULL);
		if (!o)
			o = find(m, i, out->child, next);
		else
			next = o->next;
		if (!o) {
			if (is_variable(i))
				m->count->lost_variables++;
			else if (i->nranges)
				m->count->lost_scopes++;
			continue;
		}
		join(m, i, o);
		match_children(m, i, o);
	}
	for (o = out->child; o; o = o->next)
		m->count->spare += !o->peer && !is_function(o);
}

/* ---- functions ------------------------------------------------------------------------------- */

static uint32_t index_of(const struct match *m, const struct side *s, const struct node *n)
{
	const struct world *w = m->w;
	const struct wdx_wasm_func *body;
	const struct wdx_map_func *f;
	uint64_t lo = n->ranges[0].lo;

	if (s == &w->out) {
		f = world_func(w, (uint32_t)(lo - w->text_addr), NULL);
		return f ? f->index : NOWHERE;
	}
	body = wdx_wasm_func_at(&w->wasm, (wdx_codepos){(uint32_t)lo});
	return body ? (uint32_t)(body - w->wasm.funcs.data) + w->wasm.nimported_funcs : NOWHERE;
}

static void index_functions(struct match *m, struct side *s, struct node *parent)
{
	uint32_t i;

	for (struct node *n = parent->child; n; n = n->next) {
		if (!is_variable(n))
			index_functions(m, s, n);
		if (!is_function(n) || !n->nranges)
			continue;
		i = index_of(m, s, n);
		if (i < s->nfuncs && !s->funcs[i])
			s->funcs[i] = n;
	}
}

static void match_functions(struct match *m)
{
	struct side *in = &m->w->in, *out = &m->w->out;

	for (size_t i = 0; i < in->nfuncs; i++) {
		if (!in->funcs[i])
			continue;
		if (!out->funcs[i]) {
			m->count->lost_scopes++;
			continue;
		}
		join(m, in->funcs[i], out->funcs[i]);
		match_children(m, in->funcs[i], out->funcs[i]);
	}
}

/* ---- units ----------------------------------------------------------------------------------- */

static void match_units(struct match *m)
{
	struct side *in = &m->w->in, *out = &m->w->out;
	size_t next = 0;

	for (size_t i = 0; i < in->nunits; i++) {
		struct node *a = in->units[i].root;

		for (size_t k = next; k < out->nunits; k++) {
			struct node *b = out->units[k].root;

			if (!same_name(a, b))
				continue;
			a->peer = b;
			b->peer = a;
			next = k + 1;
			m->count->units++;
			match_children(m, a, b);
			break;
		}
	}
}

void match_sides(struct world *w, struct match_count *count)
{
	struct match m = {w, count};

	for (size_t i = 0; i < w->in.nunits; i++)
		index_functions(&m, &w->in, w->in.units[i].root);
	for (size_t i = 0; i < w->out.nunits; i++)
		index_functions(&m, &w->out, w->out.units[i].root);
	match_functions(&m);
	match_units(&m);
}
