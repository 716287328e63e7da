/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Expressions as a whole: their locations one after the other.
 */
#include "xlat/expr_tree.h"

#include <dwarf.h>

static void tree_init(struct wdx_xtree *t, const struct wdx_xexpr *x, struct wdx_xexpr *parsing)
{
	t->x = x;
	t->parsing = parsing;
	t->native64 = wdx_target_address_size(x->env->target) == 8;
	t->loss = WDX_LOSS_NONE;
	t->next = 0;
	t->n = t->depth = 0;
}

static bool is_piece(const struct wdx_op *op)
{
	return op->code == DW_OP_piece || op->code == DW_OP_bit_piece;
}

/* ---- parse ------------------------------------------------------------------------------------
 */

static enum wdx_loss decode(struct wdx_xexpr *x, const uint8_t *expr, size_t size)
{
	const char *why;

	if (!wdx_decode_expr(x->cursor->unit, expr, size, x->ops, WDX_XEXPR_MAX_OPS, &x->nops,
			     &why))
		return x->nops == WDX_XEXPR_MAX_OPS ? WDX_LOSS_EXPR_SIZE : WDX_LOSS_BAD_EXPR;
	if (!x->nops) /* optimized out, says the input */
		return WDX_LOSS_NO_PLACE;
	for (size_t i = 0; i < x->nops; i++)
		x->pieces |= is_piece(&x->ops[i]);
	return WDX_LOSS_NONE;
}

static enum wdx_loss check(struct wdx_xexpr *x)
{
	struct wdx_xtree t;
	struct wdx_xseg seg;
	bool something = false;

	if (x->pieces && x->use != WDX_USE_VARIABLE)
		return WDX_LOSS_MIXED_EXPR;
	/* the parts of a number would have to change their order */
	if (x->pieces && wdx_target_big_endian(x->env->target))
		return WDX_LOSS_BIG_ENDIAN_MEMORY;
	for (tree_init(&t, x, x); t.next < x->nops && t.loss == WDX_LOSS_NONE;) {
		wdx_xtree_next(&t, &seg);
		if (t.loss == WDX_LOSS_NONE && x->pieces && !seg.piece)
			return WDX_LOSS_BAD_EXPR;
		something |= seg.form != WDX_FORM_NOTHING;
	}
	return t.loss == WDX_LOSS_NONE && !something ? WDX_LOSS_NO_PLACE : t.loss;
}

enum wdx_loss wdx_xexpr_parse(struct wdx_xexpr *x, const struct wdx_cursor *c,
			      const struct wdx_xenv *env, const struct wdx_wasm_func *func,
			      enum wdx_xexpr_use use, const uint8_t *expr, size_t size)
{
	enum wdx_loss loss;

	x->cursor = c;
	x->env = env;
	x->func = func;
	x->use = use;
	x->nneeds = 0;
	x->var_size = x->fill = 0;
	x->uses_frame = x->reads_memory = x->innermost = x->pieces = x->pointer = false;
	loss = decode(x, expr, size);
	return loss == WDX_LOSS_NONE ? check(x) : loss;
}

enum wdx_loss wdx_xexpr_pointer(struct wdx_xexpr *x)
{
	size_t i = 0;

	if (x->pieces)
		return WDX_LOSS_POINTER;
	while (i < x->nneeds && x->needs[i].kind != WDX_ENT_MEMORY)
		i++;
	if (i == WDX_XEXPR_MAX_NEEDS)
		return WDX_LOSS_EXPR_SIZE;
	if (i == x->nneeds) {
		x->needs[x->nneeds] = (struct wdx_need){WDX_ENT_MEMORY, 0};
		x->need_type[x->nneeds++] = 0;
	}
	x->pointer = true;
	return WDX_LOSS_NONE;
}

/* ---- emit -------------------------------------------------------------------------------------
 */

/* How many bytes of the location are shown; 0: not known. */
static uint64_t shown(const struct wdx_xexpr *x, const struct wdx_op *piece)
{
	if (!piece)
		return x->var_size;
	if (piece->code == DW_OP_piece)
		return piece->arg[0];
	if (piece->arg[0] > UINT32_MAX || piece->arg[1] > UINT32_MAX)
		return UINT64_MAX;
	return (piece->arg[0] + piece->arg[1] + 7) / 8;
}

/* Goes on behind the piece that could not be read; its operation, NULL: there is none. */
static const struct wdx_op *skip_piece(struct wdx_xtree *t)
{
	while (t->next < t->x->nops)
		if (is_piece(&t->x->ops[t->next++]))
			return &t->x->ops[t->next - 1];
	return NULL;
}

/* A location that cannot be said is left out as a piece.  What fails is found out before anything
 * of it is written; *given tells whether it was. */
static enum wdx_loss emit_one(struct wdx_xtree *t, const struct wdx_xplaces *p,
			      struct wdx_expr *out, bool *given)
{
	struct wdx_xseg seg;
	enum wdx_loss loss;

	*given = false;
	wdx_xtree_next(t, &seg);
	loss = t->loss;
	t->loss = WDX_LOSS_NONE;
	if (loss == WDX_LOSS_NONE)
		loss = wdx_xemit(t, p, &seg, shown(t->x, seg.piece), NULL);
	else if (!seg.piece)
		seg.piece = skip_piece(t);
	*given = loss == WDX_LOSS_NONE;
	if (*given) {
		loss = wdx_xemit(t, p, &seg, shown(t->x, seg.piece), out);
		*given = loss == WDX_LOSS_NONE;
		if (!*given)
			t->loss = loss; /* half written */
	}
	if (seg.piece)
		wdx_expr_raw(out, seg.piece->bytes, seg.piece->size);
	return loss;
}

static uint64_t piece_bits(const struct wdx_op *op)
{
	uint64_t bits = op->code == DW_OP_piece ? op->arg[0] * 8 : op->arg[0];

	return op->arg[0] < UINT32_MAX ? bits : UINT32_MAX;
}

static void fill_up(const struct wdx_xexpr *x, struct wdx_expr *out)
{
	uint64_t bits = 0;

	for (size_t i = 0; x->fill && i < x->nops; i++)
		bits += is_piece(&x->ops[i]) ? piece_bits(&x->ops[i]) : 0;
	if (x->pieces && bits % 8 == 0 && x->fill > bits / 8)
		wdx_expr_op_uint(out, DW_OP_piece, x->fill - bits / 8);
}

enum wdx_loss wdx_xexpr_emit(const struct wdx_xexpr *x, const struct wdx_xplaces *p,
			     struct wdx_expr *out)
{
	enum wdx_loss loss = WDX_LOSS_NO_PLACE, one;
	struct wdx_xtree t;
	bool given, any = false;

	for (tree_init(&t, x, NULL); t.next < x->nops && t.loss == WDX_LOSS_NONE;) {
		one = emit_one(&t, p, out, &given);
		any |= given;
		if (one != WDX_LOSS_NONE && one != WDX_LOSS_NO_PLACE && loss == WDX_LOSS_NO_PLACE)
			loss = one;
	}
	if (t.loss != WDX_LOSS_NONE)
		return t.loss;
	fill_up(x, out);
	return any ? WDX_LOSS_NONE : loss;
}
