/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Locations: an expression or location list of the input becomes native ranges, cut wherever a
 * place it needs changes, each with an expression of its own.
 */
#include "xlat/translate.h"

#include <dwarf.h>
#include <string.h>

#include "base/search.h"

/* ---- places over native addresses -------------------------------------------------------------
 */

/* One thing an expression needs, followed along ascending native addresses. */
struct track {
	const struct wdx_map_range *first, *next, *end; /* from next on: not yet passed */
	const struct wdx_place *fixed; /* where no range says anything; may be NULL */
};

static const struct wdx_map_entity *find_entity(const struct wdx_xlat *x, uint32_t kind,
						uint32_t index)
{
	const struct wdx_map_func *f = x->func->map;
	const struct wdx_map_entity *m = x->map->entities.data;
	uint32_t end = f->first_entity + f->nentities;
	uint32_t at = wdx_search(i, f->first_entity, end,
				 m[i].kind < kind || (m[i].kind == kind && m[i].index < index));

	return at < end && m[at].kind == kind && m[at].index == index ? &m[at] : NULL;
}

static const struct wdx_place *fixed_place(const struct wdx_xlat *x, uint32_t kind, uint32_t index)
{
	if (kind == WDX_ENT_MEMORY)
		for (size_t i = 0; i < x->map->memories.len; i++)
			if (x->map->memories.data[i].index == index)
				return &x->map->places.data[x->map->memories.data[i].place];
	if (kind == WDX_ENT_GLOBAL)
		for (size_t i = 0; i < x->map->globals.len; i++)
			if (x->map->globals.data[i].index == index)
				return &x->map->places.data[x->map->globals.data[i].place];
	return NULL;
}

static struct track track_of(const struct wdx_xlat *x, const struct wdx_map_entity *m,
			     const struct wdx_place *fixed)
{
	const struct wdx_map_range *first = m ? &x->map->ranges.data[m->first] : NULL;

	return (struct track){first, first, m ? first + m->n : NULL, fixed};
}

/* The context pointer's is looked for in nearly every location of a function. */
static struct track context_track(struct wdx_xlat *x)
{
	if (x->context_of != x->func) {
		x->context_of = x->func;
		x->context = find_entity(x, WDX_ENT_CONTEXT, 0);
	}
	return track_of(x, x->context, NULL);
}

/* Goes to the first range that reaches beyond `at`: on, but for a function whose parts do not
 * ascend. */
static void track_seek(struct track *t, uint32_t at)
{
	const struct wdx_map_range *lo = t->next;

	if (lo != t->first && lo[-1].hi > at)
		lo = t->first;
	else if (lo == t->end || lo->hi > at)
		return;
	t->next = wdx_search(i, lo, t->end, i->hi <= at);
}

/* The place at `at`; *until is lowered to where it ends. */
static const struct wdx_place *track_at(const struct wdx_xlat *x, struct track *t, uint32_t at,
					uint32_t *until)
{
	while (t->next < t->end && t->next->hi <= at)
		t->next++;
	if (t->next == t->end)
		return t->fixed;
	if (t->next->lo > at) {
		if (t->next->lo < *until)
			*until = t->next->lo;
		return t->fixed;
	}
	if (t->next->hi < *until)
		*until = t->next->hi;
	return &x->map->places.data[t->next->place];
}

/* ---- the list in work -------------------------------------------------------------------------
 */

/* What the expression becomes with those places. */
struct said {
	struct wdx_xplaces places;
	const struct wdx_expr *expr; /* NULL: nothing, for the reason in `loss` */
	enum wdx_loss loss;
	bool innermost; /* it holds in the innermost frame only */
};

/* Few places take turns, so these are found again most of the time. */
enum { MAX_SAID = 4 };

struct work {
	struct wdx_xlat *x;
	struct wdx_emit *e;
	struct wdx_xexpr *xe;
	struct track context, need[WDX_XEXPR_MAX_NEEDS];
	struct said said[MAX_SAID];
	unsigned nsaid;	    /* so many have been said; each takes the place of the oldest */
	enum wdx_loss loss; /* the last reason why nothing could be said somewhere */
	bool failed;	    /* memory is out */
};

static void add_loc(struct work *w, uint32_t lo, uint32_t hi, const struct wdx_expr *expr)
{
	struct wdx_xlat *x = w->x;
	uint64_t from = x->text_addr + lo, to = x->text_addr + hi;
	struct wdx_expr_loc *last = x->locs.len ? &x->locs.data[x->locs.len - 1] : NULL;

	if (lo >= hi)
		return;
	if (last && last->hi == from && wdx_expr_equal(last->expr, expr)) {
		last->hi = to;
		return;
	}
	last = wdx_vec_push(&x->locs);
	if (last)
		*last = (struct wdx_expr_loc){from, to, false, expr};
	else
		w->failed = true;
}

/* The place of which a sum is. */
static const struct wdx_place *base_of(const struct wdx_xlat *x, const struct wdx_place *p)
{
	return p && p->kind == WDX_PLACE_SUM ? &x->map->places.data[p->first] : p;
}

/* Operands are computed themselves no more than a few times deep (../flow). */
static bool place_clobbered(const struct wdx_xlat *x, const struct wdx_place *p, bool *context)
{
	bool any = false;

	if (!p)
		return false;
	p = base_of(x, p);
	for (uint32_t i = 0; p->kind == WDX_PLACE_COMPUTED && i < p->n; i++)
		any |= place_clobbered(x, &x->map->places.data[x->map->offsets.data[p->first + i]],
				       context);
	if (p->kind == WDX_PLACE_COMPUTED)
		return any;
	if (p->kind == WDX_PLACE_REG || (p->kind == WDX_PLACE_MEM && p->base == WDX_BASE_REG))
		return !x->preserved[p->reg];
	if (p->kind == WDX_PLACE_MEM && p->base == WDX_BASE_CONTEXT)
		*context = true;
	/* raw bytes may name any register */
	return p->kind == WDX_PLACE_EXPR;
}

/* Whether what the expression says holds in the innermost frame only: a debugger looks an outer
 * frame's location up at its return address minus one, and finds registers that the call took. */
static bool lost_by_calls(const struct work *w, const struct wdx_xplaces *p)
{
	bool clobbered = w->xe->innermost, context = false;

	for (size_t i = 0; i < w->xe->nneeds; i++)
		clobbered |= place_clobbered(w->x, p->need[i], &context);
	if (context)
		clobbered |= place_clobbered(w->x, p->context, &context);
	return clobbered;
}

/* [lo, hi) without the last byte of each call in it, when the expression does not outlive calls. */
static void add_between_calls(struct work *w, uint32_t lo, uint32_t hi, const struct wdx_expr *expr,
			      bool cut)
{
	const struct wdx_map *map = w->x->map;
	const struct wdx_map_func *f = w->x->func->map;
	uint32_t i = f->first_call, end = i + f->ncalls;

	i = cut ? wdx_search(k, i, end, map->calls.data[k] <= lo) : end;
	for (; i < end && map->calls.data[i] <= hi; i++) {
		add_loc(w, lo, map->calls.data[i] - 1, expr);
		lo = map->calls.data[i];
	}
	add_loc(w, lo, hi, expr);
}

static bool same_places(const struct work *w, const struct wdx_xplaces *a,
			const struct wdx_xplaces *b)
{
	bool same = a->context == b->context;

	for (size_t i = 0; same && i < w->xe->nneeds; i++)
		same = a->need[i] == b->need[i];
	return same;
}

static const struct said *say(struct work *w, const struct wdx_xplaces *p)
{
	struct said *s = &w->said[w->nsaid++ % MAX_SAID];
	struct wdx_expr *out = wdx_expr_begin(w->e);

	s->places = *p;
	/* gdb's `info scope` ends with an error at a frame base that begins with a register and
	 * goes on (dwarf2/loc.c, locexpr_describe_location_piece()); any other it leaves alone */
	if (w->xe->use == WDX_USE_FRAME_BASE && wdx_pointers_relocate(&w->x->pointers))
		wdx_expr_op(out, DW_OP_nop);
	s->loss = wdx_xknown_emit(w->xe, p, out);
	s->expr = s->loss == WDX_LOSS_NONE ? out : NULL;
	s->innermost = lost_by_calls(w, p);
	return s;
}

static const struct said *said_with(struct work *w, const struct wdx_xplaces *p)
{
	for (unsigned i = 0; i < w->nsaid && i < MAX_SAID; i++)
		if (same_places(w, &w->said[i].places, p))
			return &w->said[i];
	return say(w, p);
}

/* One local, global or slot and nothing else. */
static bool is_one(const struct wdx_xexpr *x)
{
	return x->nneeds == 1 && x->nops <= 2 && !x->pieces;
}

static bool is_entry(const struct work *w, const struct wdx_xplaces *p)
{
	bool any = false;

	for (size_t i = 0; i < w->xe->nneeds; i++)
		any |= p->need[i] && p->need[i]->kind == WDX_PLACE_ENTRY;
	return any;
}

static void segment(struct work *w, uint32_t lo, uint32_t hi, const struct wdx_xplaces *p)
{
	const struct said *s;

	if (is_one(w->xe) && !p->need[0]) { /* so is most of what is lost */
		w->loss = wdx_xexpr_missing(&w->xe->needs[0]);
		return;
	}
	s = said_with(w, p);
	if (s->expr && is_entry(w, p))
		w->x->entry_bytes += hi - lo;
	if (s->expr)
		add_between_calls(w, lo, hi, s->expr, s->innermost);
	else
		w->loss = s->loss;
}

static void seek(struct work *w, uint32_t at)
{
	track_seek(&w->context, at);
	for (size_t i = 0; i < w->xe->nneeds; i++)
		track_seek(&w->need[i], at);
}

/* A caller's frame is looked for from the current one.  lldb takes the function that an inlined
 * call is in for its caller, and if that calls itself, its call site for that of the current frame
 * (DWARFExpression.cpp, Evaluate_DW_OP_entry_value()). */
static const struct wdx_place *if_usable(const struct wdx_xlat *x, const struct wdx_place *p)
{
	bool inlined = x->scopes.len && x->scopes.data[x->scopes.len - 1].inlined;

	return p && p->kind == WDX_PLACE_ENTRY && inlined && x->pointers.lldb ? NULL : p;
}

/* The context pointer counts only where a place begins with it. */
static void places_at(struct work *w, struct wdx_xplaces *p, uint32_t at, uint32_t *until)
{
	bool context = false;

	for (size_t i = 0; i < w->xe->nneeds; i++) {
		const struct wdx_place *need =
			if_usable(w->x, track_at(w->x, &w->need[i], at, until));

		p->need[i] = need;
		need = base_of(w->x, need);
		context |= need && need->kind == WDX_PLACE_MEM && need->base == WDX_BASE_CONTEXT;
	}
	p->context = context ? track_at(w->x, &w->context, at, until) : NULL;
}

static void walk_range(struct work *w, uint32_t lo, uint32_t hi)
{
	struct wdx_xplaces p, last;
	uint32_t from = lo;
	bool have = false;

	memset(&p, 0, sizeof(p));
	memset(&last, 0, sizeof(last));
	seek(w, lo);
	for (uint32_t at = lo; at < hi;) {
		uint32_t until = hi;

		places_at(w, &p, at, &until);
		if (have && !same_places(w, &p, &last)) {
			segment(w, from, at, &last);
			from = at;
		}
		last = p;
		have = true;
		at = until;
	}
	if (have)
		segment(w, from, hi, &last);
}

static void work_init(struct work *w, struct wdx_xlat *x, struct wdx_emit *e)
{
	w->x = x;
	w->e = e;
	w->xe = x->xexpr;
	w->nsaid = 0;
	w->failed = false;
	w->context = context_track(x);
	for (size_t i = 0; i < w->xe->nneeds; i++) {
		uint32_t kind = w->xe->needs[i].kind, index = w->xe->needs[i].index;

		w->need[i] = track_of(x, find_entity(x, kind, index), fixed_place(x, kind, index));
	}
}

static bool copy_ranges(struct wdx_ranges *out, const struct wdx_range *r, size_t n)
{
	out->len = 0;
	if (!wdx_vec_reserve(out, n))
		return false;
	if (n)
		memcpy(out->data, r, n * sizeof(*r));
	out->len = n;
	return true;
}

/* The native ranges where the wasm DWARF says that the entry holds and the state that it reads is
 * known, to x->ranges.  false: memory is out. */
static bool native_ranges(struct wdx_xlat *x, const struct wdx_loc *l)
{
	bool memory = x->xexpr->reads_memory || x->xexpr->uses_frame;
	const struct wdx_ranges *all = memory ? &x->memory : &x->body;

	if (l->whole)
		return copy_ranges(&x->ranges, all->data, all->len);
	x->ranges.len = 0;
	return wdx_code_map(&x->code, x->func, l->lo, l->hi,
			    WDX_IV_DISPLACED | (memory ? WDX_IV_STALE : 0), &x->ranges);
}

/* Cuts x->ranges down to others; all are sorted.  false: memory is out. */
static bool clip(struct wdx_xlat *x, const struct wdx_range *to, size_t n)
{
	struct wdx_ranges *out = &x->clipped, swap;
	size_t k = 0;

	out->len = 0;
	for (size_t i = 0; i < x->ranges.len; i++) {
		const struct wdx_range *r = &x->ranges.data[i];

		while (k < n && to[k].hi <= r->lo)
			k++;
		for (size_t j = k; j < n && to[j].lo < r->hi; j++) {
			struct wdx_range *o = wdx_vec_push(out);

			if (!o)
				return false;
			*o = (struct wdx_range){to[j].lo > r->lo ? to[j].lo : r->lo,
						to[j].hi < r->hi ? to[j].hi : r->hi};
		}
	}
	swap = x->ranges;
	x->ranges = *out;
	*out = swap;
	return true;
}

static bool clip_to_scope(struct wdx_xlat *x)
{
	size_t n;
	const struct wdx_range *scope = wdx_xlat_scope(x, &n);

	return clip(x, scope, n);
}

/* Where there is no frame base a debugger would call DW_OP_fbreg an error; a location that ends
 * there it calls optimized out. */
static bool clip_to_frame(struct wdx_xlat *x)
{
	return !x->xexpr->uses_frame || clip(x, x->frame_ranges.data, x->frame_ranges.len);
}

static uint64_t bytes_of(const struct wdx_range *r, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += r[i].hi - r[i].lo;
	return sum;
}

/* One entry of the input; its native entries go to x->locs.  The reason why there are none. */
static enum wdx_loss one_entry(struct wdx_xlat *x, const struct wdx_loc *l, struct wdx_emit *e)
{
	struct work w;
	size_t before = x->locs.len;

	work_init(&w, x, e);
	w.loss = WDX_LOSS_NO_PLACE;
	if (!native_ranges(x, l) || !clip_to_scope(x)) {
		wdx_emit_fail(e, "out of memory");
		return WDX_LOSS_NO_PLACE;
	}
	x->input_bytes += bytes_of(x->ranges.data, x->ranges.len);
	if (!clip_to_frame(x)) {
		wdx_emit_fail(e, "out of memory");
		return WDX_LOSS_NO_PLACE;
	}
	for (size_t i = 0; i < x->ranges.len; i++)
		walk_range(&w, (uint32_t)x->ranges.data[i].lo, (uint32_t)x->ranges.data[i].hi);
	if (w.failed)
		wdx_emit_fail(e, "out of memory");
	if (x->locs.len > before)
		return WDX_LOSS_NONE;
	return w.loss == WDX_LOSS_NO_PLACE && !x->map->has_locals ? WDX_LOSS_NO_LOCALS : w.loss;
}

/* ---- counting what a debugger will see --------------------------------------------------------
 */

/* Native bytes of the scope where the input gives the variable a location: all of it, or what
 * one_entry() found for those entries that could be read at all. */
static uint64_t input_bytes(const struct wdx_xlat *x, const struct wdx_loc *l, size_t n)
{
	size_t k;
	const struct wdx_range *scope = wdx_xlat_scope(x, &k);

	return n == 1 && l->whole ? bytes_of(scope, k) : x->input_bytes;
}

static uint64_t located_bytes(const struct wdx_xlat *x)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < x->locs.len; i++)
		sum += x->locs.data[i].hi - x->locs.data[i].lo;
	return sum;
}

static void count(struct wdx_xlat *x, uint64_t input, uint64_t output)
{
	x->stats.variables++;
	x->stats.located += output > 0;
	x->stats.scope_bytes += input;
	x->stats.covered_bytes += output < input ? output : input;
	x->stats.entry_bytes += x->entry_bytes;
}

/* ---- attributes -------------------------------------------------------------------------------
 */

static enum wdx_xexpr_use use_of(unsigned at)
{
	return at == DW_AT_location				     ? WDX_USE_VARIABLE
	       : at == DW_AT_frame_base || at == DW_AT_data_location ? WDX_USE_FRAME_BASE
								     : WDX_USE_VALUE;
}

/* What leads to more than a number, and whose meaning on the target is not worked out. */
static bool is_refused(unsigned at)
{
	return at == DW_AT_string_length || at == DW_AT_static_link || at == DW_AT_return_addr ||
	       at == DW_AT_use_location || at == DW_AT_segment;
}

/* Member offsets of version 2 are expressions on an address that is on the stack: a constant in all
 * but virtual inheritance. */
static bool member_offset(const struct wdx_cursor *c, const struct wdx_attr *a,
			  const struct wdx_loc *l, struct wdx_emit *e)
{
	struct wdx_op op;
	const char *why;
	size_t n;

	if (a->name != DW_AT_data_member_location || !l->whole ||
	    !wdx_decode_expr(c->unit, l->expr, l->size, &op, 1, &n, &why) || n != 1 ||
	    op.code != DW_OP_plus_uconst)
		return false;
	wdx_emit_uint(e, a->name, op.arg[0]);
	return true;
}

/* The slot of a virtual function is a constant that is never an address. */
static bool vtable_slot(const struct wdx_cursor *c, const struct wdx_attr *a,
			const struct wdx_loc *l, struct wdx_emit *e)
{
	struct wdx_op op;
	const char *why;
	size_t n;

	if (a->name != DW_AT_vtable_elem_location || !l->whole ||
	    !wdx_decode_expr(c->unit, l->expr, l->size, &op, 1, &n, &why) || n != 1 ||
	    op.code != DW_OP_constu)
		return false;
	struct wdx_expr *out = wdx_expr_begin(e);

	wdx_expr_raw(out, l->expr, l->size);
	wdx_emit_expr(e, a->name, out);
	return true;
}

/* What needs nothing that moves stays one expression: statics and constants. */
static bool single(struct wdx_xlat *x, const struct wdx_loc *l, size_t n)
{
	return n == 1 && l->whole && !x->xexpr->nneeds && !x->xexpr->uses_frame;
}

static enum wdx_loss emit_single(struct wdx_xlat *x, const struct wdx_attr *a, struct wdx_emit *e)
{
	struct wdx_xplaces none = {0};
	struct wdx_expr *out = wdx_expr_begin(e);
	enum wdx_loss loss = wdx_xexpr_emit(x->xexpr, &none, out);

	if (loss != WDX_LOSS_NONE)
		return loss;
	wdx_emit_expr(e, a->name, out);
	return WDX_LOSS_NONE;
}

static int by_address(const void *a, const void *b)
{
	const struct wdx_expr_loc *p = a, *q = b;

	return p->lo < q->lo ? -1 : p->lo > q->lo;
}

static bool ascends(const struct wdx_xlat *x)
{
	for (size_t i = 1; i < x->locs.len; i++)
		if (x->locs.data[i].lo < x->locs.data[i - 1].lo)
			return false;
	return true;
}

/* Entries of the input may overlap; each of ours is true by itself, but debuggers and verifiers
 * want them disjoint: the first wins. */
static void make_disjoint(struct wdx_xlat *x)
{
	size_t w = 0;

	if (!ascends(x))
		qsort(x->locs.data, x->locs.len, sizeof(*x->locs.data), by_address);
	for (size_t i = 0; i < x->locs.len; i++) {
		struct wdx_expr_loc l = x->locs.data[i];

		if (w && l.lo < x->locs.data[w - 1].hi)
			l.lo = x->locs.data[w - 1].hi;
		if (l.lo < l.hi)
			x->locs.data[w++] = l;
	}
	x->locs.len = w;
}

static void remember_frame(struct wdx_xlat *x)
{
	x->frame_ranges.len = 0;
	if (!wdx_vec_reserve(&x->frame_ranges, x->locs.len))
		return;
	for (size_t i = 0; i < x->locs.len; i++)
		x->frame_ranges.data[x->frame_ranges.len++] = (struct wdx_range){
			x->locs.data[i].lo - x->text_addr, x->locs.data[i].hi - x->text_addr};
	wdx_ranges_merge(&x->frame_ranges, 0);
}

static bool is_variable(const struct wdx_cursor *c, const struct wdx_attr *a)
{
	return a->name == DW_AT_location &&
	       (c->die->tag == DW_TAG_variable || c->die->tag == DW_TAG_formal_parameter);
}

/* All entries of a list are of one variable. */
static uint64_t variable_size(struct wdx_xlat *x, const struct wdx_cursor *c)
{
	if (x->sized != c->die->offset) {
		x->sized = c->die->offset;
		x->size = wdx_type_size(c);
	}
	return x->size;
}

static enum wdx_loss parse(struct wdx_xlat *x, const struct wdx_cursor *c, const struct wdx_attr *a,
			   const struct wdx_loc *l)
{
	enum wdx_loss loss = wdx_xknown_parse(x->known, c, &x->env, x->func ? x->func->wasm : NULL,
					      use_of(a->name), l->expr, l->size, &x->xexpr);

	if (loss == WDX_LOSS_NONE && x->xexpr->nneeds && !wdx_xlat_type_operands(x, l))
		return WDX_LOSS_OPERAND_STACK;
	if (loss == WDX_LOSS_NONE && is_variable(c, a) && wdx_pointers_native(x, c))
		return wdx_xexpr_pointer(x->xexpr);
	if (loss == WDX_LOSS_NONE && x->xexpr->pieces && wdx_pointers_fill(&x->pointers))
		x->xexpr->fill = wdx_type_extent(c);
	if (loss == WDX_LOSS_NONE && x->xexpr->nneeds && is_variable(c, a))
		x->xexpr->var_size = variable_size(x, c);
	return loss;
}

/* The first entry has been parsed already, with result `why`. */
static enum wdx_loss emit_list(struct wdx_xlat *x, const struct wdx_cursor *c,
			       const struct wdx_attr *a, const struct wdx_loc *l, size_t n,
			       enum wdx_loss why, struct wdx_emit *e)
{
	enum wdx_loss loss = WDX_LOSS_NO_PLACE;

	x->locs.len = 0;
	for (size_t i = 0; i < n; i++) {
		if (i)
			why = parse(x, c, a, &l[i]);
		if (why == WDX_LOSS_NONE)
			why = one_entry(x, &l[i], e);
		else if (!l[i].whole && native_ranges(x, &l[i]) && clip_to_scope(x))
			x->input_bytes += bytes_of(x->ranges.data, x->ranges.len);
		if (why != WDX_LOSS_NONE)
			loss = why;
	}
	make_disjoint(x);
	if (a->name == DW_AT_frame_base)
		remember_frame(x);
	if (!x->locs.len)
		return loss;
	wdx_emit_loclist(e, a->name, x->locs.data, x->locs.len);
	return WDX_LOSS_NONE;
}

static enum wdx_loss translate(struct wdx_xlat *x, const struct wdx_cursor *c,
			       const struct wdx_attr *a, const struct wdx_loc *l, size_t n,
			       struct wdx_emit *e)
{
	enum wdx_loss loss;

	x->locs.len = 0;
	x->input_bytes = x->entry_bytes = 0;
	if (is_refused(a->name))
		return WDX_LOSS_MIXED_EXPR;
	if (!n)
		return x->func ? WDX_LOSS_NO_PLACE : WDX_LOSS_DEAD_CODE;
	loss = parse(x, c, a, l);
	if (n == 1 && l->whole && loss != WDX_LOSS_NONE)
		return loss;
	if (loss == WDX_LOSS_NONE && single(x, l, n))
		return emit_single(x, a, e);
	if (!x->func)
		return loss == WDX_LOSS_NONE ? WDX_LOSS_MIXED_EXPR : loss;
	return emit_list(x, c, a, l, n, loss, e);
}

enum wdx_verdict wdx_xlat_location(const struct wdx_cursor *c, const struct wdx_attr *a,
				   const struct wdx_loc *l, size_t n, struct wdx_emit *e, void *arg)
{
	struct wdx_xlat *x = arg;
	bool counted = x->func && is_variable(c, a), one;
	uint64_t output;

	if (n == 1 && (member_offset(c, a, l, e) || vtable_slot(c, a, l, e)))
		return WDX_DONE;
	if (x->bare && x->func == NULL && a->name == DW_AT_frame_base)
		return WDX_DROP;
	if (a->name == DW_AT_frame_base)
		x->frame_ranges.len = 0;
	enum wdx_loss loss = translate(x, c, a, l, n, e);

	if (loss != WDX_LOSS_NONE)
		wdx_xlat_lose(x, loss);
	if (loss != WDX_LOSS_NONE && is_variable(c, a) && wdx_die_attr(c->die, DW_AT_external))
		wdx_emit_expr(e, DW_AT_location, wdx_expr_begin(e)); /* else gdb looks elsewhere */
	if (counted) {
		one = loss == WDX_LOSS_NONE && single(x, l, n);
		output = loss != WDX_LOSS_NONE ? 0 : one ? UINT64_MAX : located_bytes(x);
		count(x, input_bytes(x, l, n), output);
	}
	return WDX_DONE;
}
