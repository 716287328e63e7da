/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Line tables: the rows of each wasm function, spread over its native code.  A native sequence
 * covers one contiguous piece of code.  Intervals without a position continue the row before
 * them; the code before the first position belongs to the function's opening line.
 */
#include "xlat/translate.h"

#include <string.h>

struct lines {
	struct wdx_xlat *x;
	struct wdx_emit *e;
	const struct wdx_row *rows; /* of the sequence in work, its end row left out */
	size_t n;
	size_t at;   /* the row in force in the output; n: none yet */
	size_t stmt; /* the row that an is_stmt row was made from last; n: none */
	bool *marked; /* by row: its prologue end or epilogue begin has been used */
};

/* The row in force at a wasm position: the last one at or before it.  Positions mostly ascend, so
 * the search begins near the row before. */
static size_t row_at(const struct lines *l, uint32_t wasm)
{
	size_t lo = 0, hi = l->n;

	if (l->at < l->n && l->rows[l->at].address <= wasm) {
		lo = l->at;
		if (lo + 1 == l->n || l->rows[lo + 1].address > wasm)
			return lo;
	}
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->rows[mid].address <= wasm)
			lo = mid;
		else
			hi = mid;
	}
	/* of rows at one address the first that says is_stmt is what producers mean a stop to be */
	return lo;
}

static void emit_row(struct lines *l, uint64_t address, size_t r, bool stop)
{
	struct wdx_row row = l->rows[r];
	uint8_t once = WDX_ROW_PROLOGUE_END | WDX_ROW_EPILOGUE_BEGIN;

	row.address = l->x->text_addr + address;
	row.op_index = row.isa = 0;
	row.flags &= (uint8_t)~(WDX_ROW_END_SEQUENCE | WDX_ROW_BASIC_BLOCK);
	if (!stop || l->marked[r])
		row.flags &= (uint8_t)~once;
	if (!stop)
		row.flags &= (uint8_t)~WDX_ROW_IS_STMT;
	if (row.flags & once)
		l->marked[r] = true;
	if (row.flags & WDX_ROW_IS_STMT)
		l->stmt = r;
	l->at = r;
	wdx_emit_row(l->e, &row);
	l->x->stats.rows_out++;
}

static void emit_part(struct lines *l, const struct wdx_interval *iv, size_t n, size_t opening)
{
	struct wdx_row end = {.flags = WDX_ROW_END_SEQUENCE};

	l->at = l->stmt = l->n;
	if (iv[0].wasm == UINT32_MAX)
		emit_row(l, iv[0].lo, opening, true);
	for (size_t i = 0; i < n; i++) {
		size_t r;

		if (iv[i].wasm == UINT32_MAX)
			continue;
		r = row_at(l, iv[i].wasm);
		if (r == l->at && (iv[i].flags & WDX_IV_DISPLACED || l->stmt == r))
			continue;
		emit_row(l, iv[i].lo, r, !(iv[i].flags & WDX_IV_DISPLACED));
	}
	end.address = l->x->text_addr + iv[n - 1].hi;
	wdx_emit_row(l->e, &end);
}

static void emit_function(struct lines *l, const struct wdx_code_func *f)
{
	const struct wdx_interval *iv = l->x->code.intervals.data + f->first;
	size_t opening = row_at(l, f->wasm->start.v);

	for (uint32_t i = 0; i < f->n;) {
		uint32_t k = i + 1;

		while (k < f->n && !(iv[k].flags & WDX_IV_PART))
			k++;
		emit_part(l, iv + i, k - i, opening);
		i = k;
	}
}

/* A sequence is alive when it begins inside a body: tombstones and zeros do not. */
static void emit_sequence(struct lines *l, uint64_t end)
{
	const struct wdx_wasm *m = l->x->wasm;
	const struct wdx_wasm_func *f, *last = m->funcs.data + m->funcs.len;
	uint64_t lo = l->rows[0].address;

	f = lo < m->code_size ? wdx_wasm_func_at(m, (wdx_codepos){(uint32_t)lo}) : NULL;
	if (!f) {
		wdx_xlat_lose(l->x, WDX_LOSS_DEAD_CODE);
		return;
	}
	for (; f < last && f->start.v < end; f++) {
		uint32_t i = l->x->code.of_func[f - m->funcs.data];

		l->at = l->n;
		if (i != UINT32_MAX && l->x->code.funcs.data[i].n)
			emit_function(l, &l->x->code.funcs.data[i]);
	}
}

enum wdx_verdict wdx_xlat_lines(const struct wdx_cursor *c, const struct wdx_line_table *t,
				struct wdx_emit *e, void *arg)
{
	struct lines l = {.x = arg, .e = e};
	size_t first = 0;

	(void)c;
	l.marked = calloc(t->nrows + 1, sizeof(*l.marked));
	if (!l.marked) {
		wdx_emit_fail(e, "out of memory");
		return WDX_FAIL;
	}
	l.x->stats.rows_in += t->nrows;
	wdx_emit_line_header(e, t);
	for (size_t i = 0; i < t->nrows; i++) {
		if (!(t->rows[i].flags & WDX_ROW_END_SEQUENCE))
			continue;
		l.rows = t->rows + first;
		l.n = i - first;
		memset(l.marked, 0, l.n * sizeof(*l.marked));
		if (l.n)
			emit_sequence(&l, t->rows[i].address);
		first = i + 1;
	}
	free(l.marked);
	return WDX_DONE;
}
