/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The oracle: at a stop, whatever the side-car shows must be what the module's DWARF shows of the
 * interpreter at the same wasm instruction.
 */
#include "stepper/check.h"

#include "stepper/value.h"

#include <string.h>

#define MAX_CALLED 10000000 /* instructions in a call that is waited for */

/* ---- one variable ---------------------------------------------------------------------------- */

static void evaluate(const struct expr *e, const struct location *l, const struct machine *m,
		     void *ctx, struct value *v)
{
	if (e) {
		expr_eval(e, m, ctx, v);
		return;
	}
	v->outcome = l && l->constant && l->size ? EVAL_OK : EVAL_NONE;
	v->why = "nothing is said here";
	v->n = 1;
	v->piece[0] = (struct piece){.kind = PIECE_VALUE, .size = UINT64_MAX};
	if (l) {
		v->piece[0].data = l->block;
		v->piece[0].n = l->size;
	}
}

/* Wasm-ld marks statics that it removed with 0 and -1; what is outside memory is none. */
static bool dead(const struct item *i, const struct wasm_frame *f)
{
	return i->in_static && (!i->in_expr->op[0].a || i->in_expr->op[0].a >= f->memory_size);
}

static void bad_value(struct checker *c, const struct site *s, const struct item *i,
		      const char *why, const struct value *in, const struct value *out)
{
	bool extra = in->outcome != EVAL_OK;

	if (c->p->view->missed) {
		c->p->view->missed = false;
		c->c.unjudged++;
		return;
	}
	/* A static has one location for all of the program: where the engine has dropped a store to
	 * it, because a later one overwrites it, nothing can be said but that no statement is
	 * there. */
	if (c->between && i->in_static) {
		c->c.static_between++;
		return;
	}
	if (fault_of_map(c, (struct native_frame *)s->nf, s->wf)) {
		c->c.map_fault++;
		return;
	}
	if (!c->sure) {
		c->c.unsure++;
		report_value(c, s, i, "unsure", why, in, out);
		return;
	}
	c->c.extra += extra;
	c->c.wrong++;
	report_value(c, s, i, "WRONG", why, in, out);
}

/* DWARF says that arithmetic has the address's width, LLVM means that of its value's type: where
 * the two differ either will do. */
static bool right_in_full(const struct site *s, const struct item *i, const struct view *out)
{
	struct value wide;
	struct view in = {&wide, false, (void *)s->wf};

	if (!i->in_expr || wasm_machine(s->wf->w, false) == wasm_machine(s->wf->w, true))
		return false;
	expr_eval(i->in_expr, wasm_machine(s->wf->w, true), (void *)s->wf, &wide);
	return wide.outcome == EVAL_OK && !value_compare(&in, out, i->size).bad;
}

/* The same frame behind the instruction; false: it is not there any more. */
static bool frame_after(struct checker *c, const struct site *s, struct wasm_frame *f)
{
	uint64_t goal = c->event->count + 1, now = interp_count(c->after);
	struct interp_frame top;

	if (now > goal) { /* it waited for a call that has not been made yet */
		interp_free(c->after);
		c->after = c->renew(c->ctx);
		now = interp_count(c->after);
	}
	if (goal > now)
		interp_run(c->after, goal - now);
	/* a call has happened when it has returned */
	for (uint32_t n = 0; c->called && n < MAX_CALLED && interp_frame(c->after, 0, &top); n++) {
		if (top.entry <= c->event->entry)
			break;
		interp_run(c->after, 1);
	}
	for (uint32_t n = 0; wasm_frame_at(f, c->w, c->after, n); n++) {
		if (f->f.entry != s->wf->f.entry)
			continue;
		f->plan = s->wf->plan;
		return true;
	}
	return false;
}

static bool right_after(struct checker *c, const struct site *s, const struct item *i,
			const struct view *out)
{
	struct wasm_frame f;
	struct value v;
	struct view in = {&v, false, &f};

	if (!c->amid || !i->in_expr || !frame_after(c, s, &f))
		return false;
	expr_eval(i->in_expr, wasm_machine(c->w, false), &f, &v);
	return v.outcome == EVAL_OK && !value_compare(&in, out, i->size).bad;
}

/* Whether the input's expression, evaluated last, read locals of 64 bits only: they may share their
 * place with one of 32 bits that is their low half. */
static bool is_wide(const struct checker *c, const struct wasm_frame *wf)
{
	const struct wdx_wasm_func *body = world_body(c->w, wf->f.func);
	bool wide = wf->nlocals;

	for (unsigned i = 0; i < wf->nlocals; i++) {
		uint8_t type = wdx_wasm_local_type(&c->w->wasm, body, wf->locals[i]);

		wide &= type != WDX_I32 && type != WDX_F32;
	}
	return wide;
}

/* What is right by what happens to be in upper halves of registers and slots is right by chance:
 * looked into once for each plan. */
static void check_poisoned(struct checker *c, const struct site *s, const struct item *i,
			   const struct value *in, bool partial)
{
	struct native_frame f = *s->nf;
	struct poison poison;
	struct value out;
	struct view a = {in, false, (void *)s->wf}, b = {&out, true, &f};

	native_frame_poison(&f, &poison);
	f.poison = &poison;
	f.base_state = 0;
	expr_eval(i->out_expr, &native_machine, &f, &out);
	c->c.poisoned++;
	if (out.outcome == EVAL_OK && (!value_compare(&a, &b, i->size).bad ||
				       right_in_full(s, i, &b) || right_after(c, s, i, &b)))
		return;
	if (!partial)
		bad_value(c, s, i, "right only by the upper half of a register or slot", in, &out);
}

static void both(struct checker *c, const struct site *s, const struct item *i,
		 const struct value *in, const struct value *out)
{
	struct view a = {in, false, (void *)s->wf}, b = {out, true, (void *)s->nf};
	struct likeness r = value_compare(&a, &b, i->size);

	if (r.bad && right_in_full(s, i, &b)) {
		c->c.either++;
		r.bad = NULL;
	}
	if (r.bad && right_after(c, s, i, &b)) {
		c->c.amid++;
		r.bad = NULL;
	}
	if (r.bad) {
		bad_value(c, s, i, r.bad, in, out);
		return;
	}
	c->c.equal++;
	c->c.partial += r.partial;
	if (!s->plan->visits && i->out_expr && !i->out_static && !is_wide(c, s->wf))
		check_poisoned(c, s, i, in, r.partial);
}

static void check_item(struct checker *c, const struct site *s, const struct item *i)
{
	struct wasm_frame *wf = (struct wasm_frame *)s->wf;
	struct value in, out;

	if (!i->size)
		return;
	wf->nlocals = 0;
	wf->global = wf->consumed = false;
	evaluate(i->in_expr, i->in ? &i->in->location : NULL, wasm_machine(c->w, false), wf, &in);
	evaluate(i->out_expr, i->out ? &i->out->location : NULL, &native_machine, (void *)s->nf,
		 &out);
	if (in.outcome == EVAL_OK && dead(i, wf))
		in.outcome = EVAL_NONE;
	if (out.outcome == EVAL_NONE || out.outcome == EVAL_CANT) {
		if (in.outcome != EVAL_OK)
			return;
		if (i->out)
			c->c.unavailable++;
		else
			c->c.missing++;
	} else if (in.outcome == EVAL_CANT || wf->global || wf->consumed) {
		c->c.unjudged++;
	} else if (in.outcome != EVAL_OK) {
		bad_value(c, s, i, "shown, but not there", &in, &out);
	} else if (out.outcome == EVAL_WRONG) {
		bad_value(c, s, i, out.why, &in, &out);
	} else {
		both(c, s, i, &in, &out);
	}
}

/* ---- globals --------------------------------------------------------------------------------- */

static bool same_static(struct checker *c, const struct wasm_frame *wf, uint64_t from, uint64_t to,
			uint64_t size)
{
	uint64_t at = 0;

	if (to - c->w->memory_addr != from)
		return false;
	if (size > MAX_COMPARED)
		size = MAX_COMPARED;
	if (from > wf->memory_size || wf->memory_size - from < size)
		return true;
	while (at < size) {
		uint64_t address = c->w->memory + from + at;
		size_t n = PROC_PAGE - address % PROC_PAGE;
		const uint8_t *b;

		if (n > size - at)
			n = size - at;
		b = proc_peek(c->p, address, n);
		if (!b || memcmp(b, wf->memory + from + at, n))
			return false;
		at += n;
	}
	return true;
}

static void check_globals(struct checker *c, const struct site *s)
{
	const struct plan *g = &c->planner.globals;

	for (size_t k = 0; k < g->n; k++) {
		const struct item *i = &g->items[k];
		uint64_t before = c->c.equal;

		if (i->in_static && i->out_static && i->size != UINT64_MAX && i->size &&
		    same_static(c, s->wf, i->in_expr->op[0].a, i->out_expr->op[0].a, i->size))
			c->c.equal++;
		else
			check_item(c, s, i);
		c->c.statics += c->c.equal - before;
	}
}

/* ---- frames ---------------------------------------------------------------------------------- */

static bool base_after(struct checker *c, const struct site *s, uint64_t base)
{
	struct wasm_frame f;
	uint64_t in;

	return c->amid && frame_after(c, s, &f) && wasm_machine(c->w, false)->frame_base(&f, &in) &&
	       in == base;
}

static void check_base(struct checker *c, const struct site *s)
{
	struct wasm_frame *wf = (struct wasm_frame *)s->wf;
	uint64_t in, out;

	wf->nlocals = 0;
	wf->global = false;
	if (!native_machine.frame_base((void *)s->nf, &out))
		return;
	if (!wasm_machine(c->w, false)->frame_base(wf, &in) || wf->global)
		return;
	if (out - c->w->memory == in || base_after(c, s, out - c->w->memory)) {
		c->c.bases++;
		return;
	}
	if (fault_of_map(c, (struct native_frame *)s->nf, wf)) {
		c->c.map_fault++;
		return;
	}
	if (!c->sure) {
		c->c.unsure++;
		return;
	}
	c->c.wrong++;
	report_text(c, "WRONG", s->nf->lookup, "frame base of %s at %#x: %#llx, should be %#llx",
		    s->plan->in->name, s->nf->lookup, (unsigned long long)(out - c->w->memory),
		    (unsigned long long)in);
}

/* Between statements code may continue the row before it; callers of functions may not. */
static void check_line(struct checker *c, const struct site *s)
{
	enum line_verdict v = s->plan->line;

	if (v == LINE_NONE)
		return;
	c->c.lines++;
	if (v == LINE_CONTINUED && !s->frame && c->between) {
		c->c.continued++;
	} else if (v != LINE_EQUAL) {
		c->c.line_mismatch++;
		report_plan(c, s, "line-mismatch");
	}
}

static void check_plan(struct checker *c, const struct site *s, bool positioned)
{
	const struct plan *p = s->plan;

	if (!p->in || !p->out)
		return;
	check_line(c, s);
	if (positioned) {
		c->c.scopes++;
		if (p->scope || p->name_differs) {
			c->c.scope_mismatch++;
			report_plan(c, s, "scope-mismatch");
		}
	}
	check_base(c, s);
	for (size_t i = 0; i < p->n; i++)
		check_item(c, s, &p->items[i]);
	((struct plan *)p)->visits++;
}

/* What the side-car says of a frame; `wasm`: where the interpreter's stands. */
static void check_frame(struct checker *c, struct native_frame *nf, uint32_t n, bool positioned)
{
	struct wasm_frame wf;
	struct site s = {nf, &wf, NULL, n};

	if (!wasm_frame_at(&wf, c->w, c->truth, n)) {
		c->c.internal++;
		return;
	}
	s.plan = wf.plan = nf->plan =
		plan_at(&c->planner, nf->lookup, wf.f.pc - c->w->wasm.code.v, wf.f.func);
	check_plan(c, &s, positioned);
	if (!n)
		check_globals(c, &s);
}

static bool bad_chain(struct checker *c, const struct native_frame *f, uint32_t n, const char *why)
{
	if (c->p->view->missed) { /* not all was kept that is needed */
		c->p->view->missed = false;
		c->c.unjudged++;
		return false;
	}
	c->c.frame_mismatch++;
	report_text(c, "frame-mismatch", f->pc,
		    "frame %u at pc %#llx (code %#x), innermost code %#x: %s", n,
		    (unsigned long long)f->pc, f->lookup, proc_native(c->p), why);
	return false;
}

/* Whether the frame is the interpreter's n-th. */
static bool check_link(struct checker *c, const struct native_frame *f, uint32_t n)
{
	const struct wdx_map_func *m =
		f->lookup == NOWHERE ? NULL : world_func(c->w, f->lookup, NULL);
	struct interp_frame wf;
	bool wasm = m && m->index != WDX_NO_INDEX;

	if (!interp_frame(c->truth, n, &wf))
		return wasm ? bad_chain(c, f, n, "no such frame in the interpreter") : false;
	if (!wasm)
		return bad_chain(c, f, n, "not in a wasm function");
	if (m->index != wf.func)
		return bad_chain(c, f, n, "in another function");
	c->c.frames++;
	return true;
}

/* The stack pointer at the function's entry told the frame address. */
static bool check_cfa(struct checker *c, const struct native_frame *f)
{
	if (!f->have_cfa || f->cfa == c->event->cfa)
		return true;
	if (fault_of_unwind(c, f)) {
		c->c.map_unwind++;
		c->unwind_at = f->lookup;
		return false;
	}
	return bad_chain(c, f, 0, "another frame address");
}

static void check_chain(struct checker *c, struct native_frame *inner, bool positioned)
{
	struct native_frame f = *inner, up;

	for (uint32_t n = 0; n < 256; n++) {
		if (!check_link(c, &f, n))
			return;
		native_frame_cfa(&c->unwinder, &f);
		if (!n && !check_cfa(c, &f))
			return;
		if (n <= c->o->frames)
			check_frame(c, &f, n, positioned || n);
		if (!native_frame_up(&c->unwinder, &f, &up)) {
			bad_chain(c, &f, n, "cannot be unwound");
			return;
		}
		f = up;
	}
}

void check_stop(struct checker *c, uint32_t native, const struct event *e, bool positioned)
{
	struct native_frame inner;
	struct interp_frame f;
	uint64_t now = interp_count(c->truth);

	if (e->count > now)
		interp_run(c->truth, e->count - now);
	if (interp_count(c->truth) != e->count || !interp_frame(c->truth, 0, &f) ||
	    f.pc != e->wasm + c->w->wasm.code.v || f.entry != e->entry) {
		c->c.internal++;
		return;
	}
	c->event = e;
	native_frame_top(&inner, c->w, c->p);
	if (inner.lookup != native)
		c->c.internal++;
	c->c.statements++;
	check_chain(c, &inner, positioned);
}

/* ---- looking only ---------------------------------------------------------------------------- */

static void touch_item(struct native_frame *f, const struct item *i)
{
	uint8_t room[PROC_PAGE];
	struct value v;
	uint64_t size = i->size < MAX_COMPARED ? i->size : i->size == UINT64_MAX ? 1 : MAX_COMPARED;

	if (!i->out_expr)
		return;
	expr_eval(i->out_expr, &native_machine, f, &v);
	for (uint64_t at = 0; v.outcome == EVAL_OK && at < size; at += PROC_PAGE)
		value_bytes(&v, true, f, at, size - at < PROC_PAGE ? size - at : PROC_PAGE, room);
}

static void touch_frame(struct checker *c, struct native_frame *f, uint32_t wasm)
{
	const struct wdx_map_func *m =
		f->lookup == NOWHERE ? NULL : world_func(c->w, f->lookup, NULL);
	const struct plan *p;
	uint64_t v;

	if (!m || m->index == WDX_NO_INDEX)
		return;
	if (wasm == NOWHERE)
		wasm = world_position(c->w, f->lookup, NULL);
	if (wasm == NOWHERE)
		return;
	f->plan = p = plan_at(&c->planner, f->lookup, wasm, m->index);
	native_machine.frame_base(f, &v);
	for (size_t i = 0; i < p->n; i++)
		touch_item(f, &p->items[i]);
}

void check_touch(struct checker *c, uint32_t wasm)
{
	struct native_frame f, up;

	native_frame_top(&f, c->w, c->p);
	for (size_t i = 0; i < c->planner.globals.n; i++)
		touch_item(&f, &c->planner.globals.items[i]);
	for (uint32_t n = 0; n < 256 && f.lookup != NOWHERE; n++) {
		native_frame_cfa(&c->unwinder, &f);
		if (n <= c->o->frames)
			touch_frame(c, &f, n ? NOWHERE : wasm);
		if (!native_frame_up(&c->unwinder, &f, &up))
			return;
		f = up;
	}
}

unsigned check_displaced(struct checker *c, uint32_t wasm)
{
	struct native_frame f;
	struct value v;
	unsigned n = 0;

	native_frame_top(&f, c->w, c->p);
	native_frame_cfa(&c->unwinder, &f);
	f.plan = plan_at(&c->planner, f.lookup, wasm, world_func(c->w, f.lookup, NULL)->index);
	for (size_t i = 0; i < f.plan->n; i++) {
		if (!f.plan->items[i].out_expr || f.plan->items[i].out_static)
			continue;
		expr_eval(f.plan->items[i].out_expr, &native_machine, &f, &v);
		n += v.outcome == EVAL_OK;
	}
	return n;
}
