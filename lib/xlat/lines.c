/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Line tables: the rows of each wasm function, spread over its native code.  A native sequence
 * covers one contiguous piece of code.  Intervals that are not in turn (without a position,
 * displaced, astray) make no row of their own, for lldb stops at rows without is_stmt too; the code
 * before the first position belongs to the function's opening line.
 */
#include "xlat/translate.h"

#include <string.h>

struct lines {
	struct wdx_xlat *x;
	struct wdx_emit *e;
	const struct wdx_row *rows; /* of the sequence in work, its end row left out */
	size_t n;
	size_t found;	 /* by the last row_at() */
	size_t at;	 /* the row in force in the output; n: none yet */
	size_t stmt;	 /* the row that an is_stmt row was made from last; n: none */
	size_t prologue; /* the row that ends the function's prologue; n: none, or behind it already
			  */
	uint8_t *marks;	 /* by row: enum mark */
	const struct wdx_interval *iv; /* of the function in work */
	WDX_VEC(uint32_t) row_of;      /* of those in turn, the row in force */
};

enum mark {
	MARK_PRESENT = 1,  /* has native code that shows its state */
	MARK_STOP = 2,	   /* is where its statement begins in native code */
	MARK_EPILOGUE = 4, /* its epilogue begin has been used */
};

/* Whether a debugger may stop there for the position. */
static bool is_in_turn(const struct wdx_interval *iv)
{
	return iv->wasm != UINT32_MAX &&
	       !(iv->flags & (WDX_IV_DISPLACED | WDX_IV_ASTRAY | WDX_IV_LATE));
}

/* The row in force at a wasm position: the last one at or before it, or the first.  Positions
 * mostly ascend, so the search goes out from the row found before in growing steps. */
static size_t row_at(struct lines *l, uint32_t wasm)
{
	const struct wdx_row *rows = l->rows;
	size_t lo = 0, hi = l->n, step = 1;

	if (rows[l->found].address <= wasm) {
		for (lo = l->found; lo + step < l->n && rows[lo + step].address <= wasm; step *= 2)
			lo += step;
		hi = lo + step < l->n ? lo + step : l->n;
	} else {
		for (hi = l->found; hi > step && rows[hi - step].address > wasm; step *= 2)
			hi -= step;
		lo = hi > step ? hi - step : 0;
	}
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (rows[mid].address <= wasm)
			lo = mid;
		else
			hi = mid;
	}
	return l->found = lo;
}

/* Emits row r at that address with those of its flags that are in `keep`. */
static void emit_row(struct lines *l, uint64_t address, size_t r, uint8_t keep)
{
	struct wdx_row row = l->rows[r];

	row.address = l->x->text_addr + address;
	row.op_index = row.isa = 0;
	row.flags &= keep & (uint8_t)~WDX_ROW_IS_STMT;
	if (keep & WDX_ROW_IS_STMT && l->marks[r] & MARK_STOP) {
		row.flags |= WDX_ROW_IS_STMT;
		l->stmt = r;
	}
	if (l->marks[r] & MARK_EPILOGUE)
		row.flags &= (uint8_t)~WDX_ROW_EPILOGUE_BEGIN;
	if (row.flags & WDX_ROW_EPILOGUE_BEGIN)
		l->marks[r] |= MARK_EPILOGUE;
	if (keep & WDX_ROW_PROLOGUE_END)
		row.flags |= WDX_ROW_PROLOGUE_END;
	l->at = r;
	wdx_emit_row(l->e, &row);
	l->x->stats.rows_out++;
}

/*
 * Up to the end of the prologue all code belongs to the opening line, for debuggers take the second
 * row of a function, or the one marked, for the place where its arguments can be read.  The mark
 * goes to the first stop at or behind the row that has it in the input; a row that both opens the
 * function and ends its prologue comes out as two.
 */
static bool in_prologue(struct lines *l, const struct wdx_interval *iv, size_t r)
{
	if (l->prologue == l->n)
		return false;
	if (r < l->prologue || !(l->marks[r] & MARK_STOP))
		return true;
	emit_row(l, iv->lo, r, WDX_ROW_IS_STMT | WDX_ROW_PROLOGUE_END);
	l->prologue = l->n;
	return true;
}

static void emit_interval(struct lines *l, const struct wdx_interval *iv)
{
	size_t r = l->row_of.data[iv - l->iv];

	if (in_prologue(l, iv, r) || (r == l->at && l->stmt == r))
		return;
	emit_row(l, iv->lo, r, WDX_ROW_IS_STMT | WDX_ROW_EPILOGUE_BEGIN);
}

/* Code out of line is there for an instruction that may trap, or that calls. */
static bool has_slow_path(const struct lines *l, const struct wdx_interval *iv)
{
	return iv->wasm != UINT32_MAX &&
	       l->x->wasm->kinds[iv->wasm] & (WDX_INSN_TRAP | WDX_INSN_EFFECT);
}

/* What is not in turn continues the row before.  That is wrong where code stands that
 * was moved out of line, such as a slow path: what comes next is then an earlier position, or none,
 * and control does not fall backwards, so it belongs to the row that it leads to. */
static void emit_gap(struct lines *l, const struct wdx_interval *iv, size_t n, uint32_t before)
{
	size_t i = 0, r;

	while (i < n && !is_in_turn(&iv[i]))
		i++;
	for (size_t k = 0; i == n && k < n; k++)
		if (has_slow_path(l, &iv[k]))
			i = k;
	if (l->prologue < l->n || i == n || iv[i].wasm >= before)
		return;
	r = row_at(l, iv[i].wasm);
	if (r != l->at)
		emit_row(l, iv[0].lo, r, 0);
}

static void emit_part(struct lines *l, const struct wdx_interval *iv, size_t n, size_t opening)
{
	struct wdx_row end = {.flags = WDX_ROW_END_SEQUENCE};

	l->at = l->stmt = l->n;
	if (iv[0].wasm == UINT32_MAX || l->prologue < l->n)
		emit_row(l, iv[0].lo, opening, WDX_ROW_IS_STMT);
	for (size_t i = 0; i < n; i++) {
		if (is_in_turn(&iv[i]))
			emit_interval(l, &iv[i]);
		else if (i && is_in_turn(&iv[i - 1]))
			emit_gap(l, iv + i, n - i, iv[i - 1].wasm);
	}
	l->prologue = l->n;
	end.address = l->x->text_addr + iv[n - 1].hi;
	wdx_emit_row(l->e, &end);
}

/* The first row of the function's that is marked as the end of its prologue; n: none is. */
static size_t prologue_row(const struct lines *l, const struct wdx_code_func *f, size_t opening)
{
	for (size_t r = opening; r < l->n && l->rows[r].address < f->wasm->end.v; r++)
		if (l->rows[r].flags & WDX_ROW_PROLOGUE_END)
			return r;
	return l->n;
}

/* Of each interval in turn the row in force, in the order of their positions, which that of rows
 * is too. */
static void find_rows(struct lines *l, const struct wdx_code_func *f, size_t opening)
{
	const uint32_t *by_wasm = l->x->code.by_wasm + f->first;
	size_t r = opening;

	for (uint32_t k = 0; k < f->n; k++) {
		uint32_t i = by_wasm[k] - f->first;

		if (!is_in_turn(&l->iv[i]))
			continue;
		while (r + 1 < l->n && l->rows[r + 1].address <= l->iv[i].wasm)
			r++;
		l->row_of.data[i] = (uint32_t)r;
		l->marks[r] |= MARK_PRESENT;
	}
}

/*
 * Where statements begin in native code.  A row of the input that is a statement may have none: a
 * load that was forwarded, an address folded into its use.  Then the statement begins with the
 * first row behind it that has code, up to the next statement, as long as the line is the same.
 */
static void mark_stops(struct lines *l, const struct wdx_code_func *f, size_t opening)
{
	size_t end = opening;

	find_rows(l, f, opening);
	l->marks[opening] |= MARK_STOP;
	while (end < l->n && l->rows[end].address < f->wasm->end.v)
		end++;
	for (size_t r = opening, leader = l->n; r < end; r++) {
		if (l->rows[r].flags & WDX_ROW_IS_STMT)
			leader = r;
		if (leader == l->n || !(l->marks[r] & MARK_PRESENT) ||
		    l->rows[r].line != l->rows[leader].line)
			continue;
		l->marks[r] |= MARK_STOP;
		leader = l->n;
	}
}

static void emit_function(struct lines *l, const struct wdx_code_func *f)
{
	const struct wdx_interval *iv = l->x->code.intervals.data + f->first;
	size_t opening = row_at(l, f->wasm->start.v);

	if (!wdx_vec_reserve(&l->row_of, f->n)) {
		wdx_emit_fail(l->e, "out of memory");
		return;
	}
	l->iv = iv;
	mark_stops(l, f, opening);
	l->prologue = prologue_row(l, f, opening);
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
	l.marks = calloc(t->nrows + 1, sizeof(*l.marks));
	if (!l.marks) {
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
		l.found = 0;
		memset(l.marks, 0, l.n * sizeof(*l.marks));
		l.at = l.n;
		if (l.n)
			emit_sequence(&l, t->rows[i].address);
		first = i + 1;
	}
	free(l.marks);
	wdx_vec_free(&l.row_of);
	return WDX_DONE;
}
