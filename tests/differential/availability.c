/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * How much of what a module's DWARF shows is there in native DWARF of its code, measured on what
 * was written.  Unit of account: a variable and a native byte P of its function.  The map gives P a
 * wasm position w (bytes without one count with both neighbours, where these agree, and those of a
 * function's entry with what follows).  Then
 *
 *   scope  w is in the scope of the variable, by the module's DWARF
 *   due    ... which has a location for it there, and a frame base, if the location asks for one
 *   had    ... and the native DWARF has one at P, in a scope that holds P
 *
 * The same is counted for code past the prologue (of the module's line table), and for pairs of a
 * variable and a stop: a statement of the first native DWARF's line table past the prologue.
 *
 * A line for each ELF file: those three numbers for all code, past the prologue and in pairs, with
 * --lost by what the location reads that is lost; bytes of constants (DW_AT_const_value, which the
 * tool's --stats does not count); functions in which it has more bytes than the first file, and in
 * these by availability_below.c why the bytes are missing there.
 *
 *   availability [--lost] MODULE MAP [NAME=]ELF...
 */
#include "availability.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "stepper/expr.h"

static const char *const lost_names[NLOST] = {"none",	"entry", "scope",  "local", "stack",
					      "global", "frame", "static", "other"};

/* ---- what a location says -------------------------------------------------------------------- */

/* Nothing at all, or only pieces that are optimized out. */
static bool says_nothing(const struct expr *e)
{
	if (!e || e->bad)
		return !e;
	for (size_t i = 0; i < e->n; i++)
		if (e->op[i].code != DW_OP_piece && e->op[i].code != DW_OP_bit_piece)
			return false;
	return true;
}

bool uses_frame(const struct expr *e)
{
	return e && e->n && e->op[0].code == DW_OP_fbreg;
}

/* Wasm-ld marks statics that it removed with 0 or -1. */
static bool is_dead(const struct expr *e, unsigned width)
{
	uint64_t all = width == 8 ? UINT64_MAX : UINT32_MAX;

	return e->n && e->op[0].code == DW_OP_addr && (!e->op[0].a || e->op[0].a == all);
}

static enum lost reason(const struct expr *e)
{
	for (size_t i = 0; e && i < e->n; i++) {
		const struct op *o = &e->op[i];

		if (o->code == DW_OP_fbreg)
			return LOST_FRAME;
		if (o->code == DW_OP_addr || o->code == DW_OP_addrx)
			return LOST_STATIC;
		if (o->code == OP_WASM)
			return o->a == 0 ? LOST_LOCAL : o->a == 2 ? LOST_STACK : LOST_GLOBAL;
	}
	return LOST_OTHER;
}

bool is_scope(const struct node *n)
{
	return n->tag != DW_TAG_variable && n->tag != DW_TAG_formal_parameter;
}

struct node *function_of(struct node *n)
{
	while (n && n->tag != DW_TAG_subprogram)
		n = n->parent;
	return n;
}

/* Whether a side shows something at one of its addresses; *e: by what. */
static bool shown(struct node *var, uint64_t at, struct expr **e)
{
	struct node *f = function_of(var);

	*e = NULL;
	if (var->location.constant)
		return true;
	*e = location_at(var, &var->location, at);
	if (says_nothing(*e))
		return false;
	return !uses_frame(*e) || !f || !f->frame_base.present ||
	       !says_nothing(location_at(f, &f->frame_base, at));
}

/* The scopes around a variable, without what is not in one range or another: the unit. */
static bool in_scope(const struct node *var, uint64_t at)
{
	for (const struct node *n = var->parent; n; n = n->parent) {
		if (n->nranges && !node_covers(n, at))
			return false;
		if (n->tag == DW_TAG_subprogram)
			break;
	}
	return true;
}

/* ---- one variable over one function ---------------------------------------------------------- */

enum lost judge(const struct run *r, struct node *in, uint32_t native, const struct expr *by)
{
	uint64_t at = r->w.text_addr + native;
	struct expr *e;

	if (!in->peer)
		return LOST_ENTRY;
	if (!in_scope(in->peer, at))
		return LOST_SCOPE;
	return shown(in->peer, at, &e) ? LOST_NONE : reason(by);
}

static void add(struct count *c, uint64_t n, bool due, enum lost lost)
{
	c->scope += n;
	if (!due)
		return;
	c->due += n;
	c->had += lost == LOST_NONE ? n : 0;
	c->lost[lost] += n;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The first address above `at` where what is shown may change: ends of places and of ranges. */
uint64_t next_change(const struct node *out, uint64_t at, uint64_t end)
{
	struct node *f = function_of((struct node *)out);
	const struct location *l[2] = {&out->location, f ? &f->frame_base : NULL};

	for (int k = 0; k < 2; k++)
		for (size_t i = 0; l[k] && i < l[k]->n; i++) {
			const struct place *p = &l[k]->places[i];

			if (p->lo > at)
				end = least(end, p->lo);
			else if (p->hi > at)
				end = least(end, p->hi);
		}
	for (const struct node *n = out->parent; n; n = n->parent)
		for (size_t i = 0; i < n->nranges; i++) {
			const struct range *g = &n->ranges[i];

			if (g->lo > at)
				end = least(end, g->lo);
			else if (g->hi > at)
				end = least(end, g->hi);
		}
	return end;
}

/* Due at an interval: a gap is what both its neighbours are. */
bool covers(const struct node *scope, const struct interval *iv)
{
	return node_covers(scope, iv->wasm) && node_covers(scope, iv->next);
}

bool is_due(struct node *in, const struct interval *iv, struct expr **by)
{
	struct expr *e;

	if (!shown(in, iv->next, &e) || !shown(in, iv->wasm, by))
		return false;
	return !*by || !is_dead(*by, in->unit->address_size);
}

static bool is_stop(const struct func *f, uint32_t native)
{
	size_t lo = 0, hi = f->nstops;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->stops[mid] < native)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->nstops && f->stops[lo] == native;
}

static void one_interval(struct func *f, struct node *in, const struct interval *iv)
{
	struct sum *s = &f->r->sum;
	struct expr *by;
	bool due = is_due(in, iv, &by);
	bool body = !iv->entry && iv->wasm >= f->prologue && iv->next >= f->prologue;
	uint64_t text = f->r->w.text_addr;

	for (uint32_t at = iv->lo, to; at < iv->hi; at = to) {
		enum lost lost = due ? judge(f->r, in, at, by) : LOST_NONE;

		to = iv->hi;
		if (due && in->peer)
			to = (uint32_t)(next_change(in->peer, text + at, text + to) - text);
		add(&s->all, to - at, due, lost);
		if (due && lost == LOST_NONE) {
			f->r->had[f->index] += to - at;
			s->constant += in->location.constant ? to - at : 0;
		}
		if (body)
			add(&s->body, to - at, due, lost);
	}
	if (body && !iv->gap && is_stop(f, iv->lo))
		add(&s->pairs, 1, due, due ? judge(f->r, in, iv->lo, by) : LOST_NONE);
}

static void one_scope(struct func *f, struct node *scope, const struct interval *iv)
{
	for (struct node *n = scope->child; n; n = n->next) {
		if (!is_scope(n))
			one_interval(f, n, iv);
		else if (n->tag != DW_TAG_subprogram && covers(n, iv))
			one_scope(f, n, iv);
	}
}

/* ---- one function ---------------------------------------------------------------------------- */

static void cut_part(struct func *f, const struct wdx_map_part *p, const struct wdx_wasm_func *body)
{
	const struct wdx_map_pair *pair = &f->r->w.map.pairs.data[p->first];
	uint32_t lo = p->lo, hi, wasm;

	for (uint32_t i = 0; i <= p->n; i++, lo = hi) {
		hi = i < p->n ? pair[i].native : p->hi;
		wasm = i ? pair[i - 1].wasm : NOWHERE;
		if (lo == hi)
			continue;
		if (wasm < body->start.v || wasm >= body->end.v)
			wasm = NOWHERE;
		else if (wasm < body->code.v)
			wasm = body->code.v;
		f->iv = xgrow(f->iv, f->n, &f->cap, sizeof(*f->iv));
		f->iv[f->n++] = (struct interval){lo, hi, wasm, wasm, wasm == NOWHERE, false};
	}
}

/* Gaps get their neighbours' positions; entry code has only one. */
static void fill_gaps(struct func *f)
{
	uint32_t known = NOWHERE;

	for (size_t i = 0; i < f->n; i++) {
		if (i && f->iv[i].lo != f->iv[i - 1].hi)
			known = NOWHERE; /* another part */
		if (f->iv[i].next != NOWHERE)
			known = f->iv[i].next;
		else
			f->iv[i].wasm = known;
	}
	known = NOWHERE;
	for (size_t i = f->n; i--;) {
		if (i + 1 < f->n && f->iv[i].hi != f->iv[i + 1].lo)
			known = NOWHERE;
		if (f->iv[i].next != NOWHERE)
			known = f->iv[i].next;
		else
			f->iv[i].next = known;
	}
	for (size_t i = 0; i < f->n && f->iv[i].wasm == NOWHERE; i++) {
		f->iv[i].wasm = f->iv[i].next;
		f->iv[i].entry = true;
	}
}

static uint32_t prologue_end(const struct node *in)
{
	const struct unit *u = in->unit;
	uint64_t lo = in->ranges[0].lo, hi = in->ranges[0].hi;

	size_t i, last;

	if (!line_at(u, lo, &i, &last))
		return (uint32_t)lo;
	for (; i < u->nlines; i++) {
		struct row r = line_row(u, i);

		if (r.address >= hi)
			break;
		if (r.prologue_end)
			return (uint32_t)r.address;
	}
	return (uint32_t)lo;
}

struct node *cut_function(struct func *f)
{
	const struct world *w = &f->r->w;
	struct node *in = w->in.funcs[f->index];
	const struct wdx_wasm_func *body = world_body(w, f->index);
	const struct wdx_map_part *p;

	if (!in || !body)
		return NULL;
	wdx_vec_each (p, &w->map.parts)
		if (w->map.funcs.data[p->func].index == f->index)
			cut_part(f, p, body);
	fill_gaps(f);
	f->prologue = prologue_end(in);
	return in;
}

bool in_function(const struct node *in, const struct interval *iv)
{
	return iv->wasm != NOWHERE && iv->next != NOWHERE && covers(in, iv);
}

static void one_function(struct run *r, uint32_t index, const uint32_t *stops, size_t nstops)
{
	struct func f = {.r = r, .index = index, .stops = stops, .nstops = nstops};
	struct node *in = cut_function(&f);

	for (size_t i = 0; i < f.n; i++)
		if (in_function(in, &f.iv[i]))
			one_scope(&f, in, &f.iv[i]);
	free(f.iv);
}

/* ---- stops ----------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t *find_stops(const struct world *w, size_t *n)
{
	uint32_t *stops = NULL;
	size_t cap = 0;

	*n = 0;
	for (size_t k = 0; k < w->out.nunits; k++)
		for (size_t i = 0; i < w->out.units[k].nlines; i++) {
			struct row r = line_row(&w->out.units[k], i);

			if (!r.is_stmt || r.line <= 0)
				continue;
			stops = xgrow(stops, *n, &cap, sizeof(*stops));
			stops[(*n)++] = (uint32_t)(r.address - w->text_addr);
		}
	if (*n)
		qsort(stops, *n, sizeof(*stops), ascending);
	return stops;
}

/* ---- the program ----------------------------------------------------------------------------- */

static void run_init(struct run *r, const char *module, const char *map, const char *arg)
{
	const char *equals = strchr(arg, '=');
	struct match_count ignored = {0};

	r->name = equals ? strndup(arg, (size_t)(equals - arg)) : arg;
	r->w.module_path = module;
	r->w.map_path = map;
	r->w.sidecar_path = equals ? equals + 1 : arg;
	world_load(&r->w);
	match_sides(&r->w, &ignored);
	r->had = xalloc((r->w.in.nfuncs + 1) * sizeof(*r->had));
}

static uint64_t worse(const struct run *r, const struct run *than)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->w.in.nfuncs; i++)
		n += r->had[i] < than->had[i];
	return n;
}

static void print_count(const char *name, const struct count *c, bool lost)
{
	printf(" %s %llu %llu %llu", name, (unsigned long long)c->scope, (unsigned long long)c->due,
	       (unsigned long long)c->had);
	for (int i = 1; lost && i < NLOST; i++)
		if (c->lost[i])
			printf(" %s=%llu", lost_names[i], (unsigned long long)c->lost[i]);
}

int main(int argc, char **argv)
{
	bool lost = argc > 1 && !strcmp(argv[1], "--lost");
	struct run *runs;
	uint32_t *stops;
	size_t nstops;
	int n;

	argv += lost;
	argc -= lost;
	if (argc < 4)
		fail("usage: availability [--lost] MODULE MAP [NAME=]ELF...");
	n = argc - 3;
	runs = xalloc((size_t)n * sizeof(*runs));
	for (int i = 0; i < n; i++)
		run_init(&runs[i], argv[1], argv[2], argv[3 + i]);
	stops = find_stops(&runs[0].w, &nstops);
	for (int i = 0; i < n; i++) {
		for (uint32_t k = 0; k < runs[i].w.in.nfuncs; k++)
			one_function(&runs[i], k, stops, nstops);
		printf("%s", runs[i].name);
		print_count("all", &runs[i].sum.all, lost);
		print_count("body", &runs[i].sum.body, lost);
		print_count("pairs", &runs[i].sum.pairs, lost);
		printf(" constant %llu better-functions %llu",
		       (unsigned long long)runs[i].sum.constant,
		       (unsigned long long)worse(&runs[0], &runs[i]));
		if (worse(&runs[0], &runs[i]))
			print_below(&runs[0], &runs[i]);
		putchar('\n');
	}
	return 0;
}
