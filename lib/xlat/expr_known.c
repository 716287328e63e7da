/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "xlat/expr_known.h"

#include <stddef.h>
#include <string.h>

#include "base/reader.h"

/* ---- parse ------------------------------------------------------------------------------------
 */

static struct wdx_xknown_expr *slot_of(struct wdx_xknown *k, uint64_t bytes, size_t size)
{
	if (!size || size > sizeof(bytes))
		return &k->other;
	return &k->exprs[wdx_key_slot(bytes, WDX_XKNOWN_BITS)];
}

/* Whether the locals have the types that they had. */
static bool types_hold(const struct wdx_xexpr *x, const struct wdx_wasm_func *func)
{
	for (size_t i = 0; i < x->nneeds; i++)
		if (x->needs[i].kind == WDX_ENT_LOCAL &&
		    (!func ||
		     wdx_wasm_local_type(x->env->wasm, func, x->needs[i].index) != x->need_type[i]))
			return false;
	return true;
}

/* What refers to entries, or is the address of a static, is patched; the type of an operand slot is
 * told behind the parse. */
static bool is_plain(const struct wdx_xexpr *x)
{
	if (x->nneeds > WDX_XKNOWN_NEEDS || x->pieces || (!x->nneeds && x->reads_memory))
		return false;
	for (size_t i = 0; i < x->nneeds; i++)
		if (x->needs[i].kind == WDX_ENT_STACK)
			return false;
	for (size_t i = 0; i < x->nops; i++)
		if (x->ops[i].ref)
			return false;
	return true;
}

static bool is_that(const struct wdx_xknown_expr *s, const struct wdx_cursor *c, uint64_t bytes,
		    size_t size, enum wdx_xexpr_use use, const struct wdx_wasm_func *func)
{
	return s->size == size && s->bytes == bytes && s->use == use && s->unit == c->unit &&
	       !s->x.pointer && types_hold(&s->x, func);
}

enum wdx_loss wdx_xknown_parse(struct wdx_xknown *k, const struct wdx_cursor *c,
			       const struct wdx_xenv *env, const struct wdx_wasm_func *func,
			       enum wdx_xexpr_use use, const uint8_t *expr, size_t size,
			       struct wdx_xexpr **x)
{
	uint64_t bytes = wdx_bytes_key(expr, size);
	struct wdx_xknown_expr *s = slot_of(k, bytes, size);
	enum wdx_loss loss;

	*x = &s->x;
	if (s != &k->other && is_that(s, c, bytes, size, use, func)) {
		s->x.cursor = c;
		s->x.func = func;
		s->x.var_size = 0;
		return WDX_LOSS_NONE;
	}
	loss = wdx_xexpr_parse(&s->x, c, env, func, use, expr, size);
	s->unit = c->unit;
	s->bytes = bytes;
	s->use = (uint8_t)use;
	s->plain = s != &k->other && loss == WDX_LOSS_NONE && is_plain(&s->x);
	s->size = s->plain ? (uint8_t)size : 0;
	for (unsigned i = 0; s->plain && i < WDX_XKNOWN_SAID; i++)
		s->said[i].said = false;
	return loss;
}

/* ---- emit -------------------------------------------------------------------------------------
 */

static struct wdx_xsaid *said_slot(struct wdx_xknown_expr *s, const struct wdx_xplaces *p)
{
	uintptr_t at = 0;

	for (size_t i = 0; i < s->x.nneeds; i++)
		at += (uintptr_t)p->need[i];
	/* they are of one array */
	return &s->said[at / sizeof(struct wdx_place) % WDX_XKNOWN_SAID];
}

static bool said_that(const struct wdx_xsaid *d, const struct wdx_xexpr *x,
		      const struct wdx_xplaces *p)
{
	bool same = d->said && d->context == p->context && d->var_size == x->var_size;

	for (size_t i = 0; same && i < x->nneeds; i++)
		same = d->need[i] == p->need[i];
	return same;
}

static void keep(struct wdx_xsaid *d, const struct wdx_xexpr *x, const struct wdx_xplaces *p,
		 enum wdx_loss loss, const uint8_t *bytes, size_t n)
{
	d->said = n <= sizeof(d->bytes);
	if (!d->said)
		return;
	d->context = p->context;
	for (size_t i = 0; i < x->nneeds; i++)
		d->need[i] = p->need[i];
	d->var_size = x->var_size;
	d->loss = (uint8_t)loss;
	d->size = (uint8_t)n;
	memcpy(d->bytes, bytes, n);
}

enum wdx_loss wdx_xknown_emit(struct wdx_xexpr *x, const struct wdx_xplaces *p,
			      struct wdx_expr *out)
{
	struct wdx_xknown_expr *s = (void *)((char *)x - offsetof(struct wdx_xknown_expr, x));
	struct wdx_xsaid *d = said_slot(s, p);
	size_t before = wdx_expr_size(out);
	enum wdx_loss loss;

	if (!s->plain || x->pointer)
		return wdx_xexpr_emit(x, p, out);
	if (said_that(d, x, p)) {
		wdx_expr_raw(out, d->bytes, d->size);
		return (enum wdx_loss)d->loss;
	}
	loss = wdx_xexpr_emit(x, p, out);
	keep(d, x, p, loss, wdx_expr_bytes(out) + before, wdx_expr_size(out) - before);
	return loss;
}
