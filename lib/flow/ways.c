/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Where control of the wasm function may go on behind a control instruction. */
#include "base/search.h"
#include "flow/flow_work.h"

/* The innermost label around what is at the position, the one that it closes included; NONE: the
 * body itself. */
static uint32_t label_around(const struct flow *x, uint32_t pos)
{
	const struct label *l = x->labels.data;
	uint32_t i = wdx_search(k, 0u, (uint32_t)x->labels.len, l[k].pos < pos);

	for (i = i ? i - 1 : NONE; i != NONE && l[i].end < pos;)
		i = l[i].outer;
	return i;
}

static void close_label(struct flow *x, uint32_t *open, uint32_t pos)
{
	struct label *l = &x->labels.data[*open];

	l->end = pos;
	*open = l->outer;
}

void wdx_flow_find_labels(struct flow *x)
{
	const uint8_t *code = x->wasm->data + x->wasm->code.v;
	uint32_t open = NONE;

	x->labels.len = 0;
	x->odd = false;
	for (uint32_t pos = x->f->wasm->code.v; pos < x->f->wasm->end.v && !x->nomem; pos++) {
		struct label *l;

		if (!(x->wasm->kinds[pos] & WDX_INSN_START) ||
		    !(x->wasm->kinds[pos] & WDX_INSN_CONTROL))
			continue;
		if (code[pos] == WDX_WASM_END && open != NONE) {
			close_label(x, &open, pos);
		} else if (code[pos] == WDX_WASM_ELSE && open != NONE) {
			x->labels.data[open].other = pos;
		} else if (code[pos] == WDX_WASM_BLOCK || code[pos] == WDX_WASM_LOOP ||
			   code[pos] == WDX_WASM_IF) {
			l = wdx_vec_push(&x->labels);
			if (l)
				*l = (struct label){pos, NONE, x->f->wasm->end.v, open};
			open = (uint32_t)x->labels.len - 1;
			x->nomem |= !l;
		} else {
			x->odd |= code[pos] > WDX_WASM_ELSE && code[pos] < WDX_WASM_END;
			x->odd |= code[pos] == 0x18 || code[pos] == 0x19 ||
				  code[pos] == WDX_WASM_TRY_TABLE;
		}
	}
}

/* Where a branch to the label so far out leads; the body's end: out of the function. */
static uint32_t target(const struct flow *x, uint32_t pos, uint64_t depth)
{
	const struct label *l = x->labels.data;
	uint32_t i = label_around(x, pos);

	for (; depth && i != NONE; depth--)
		i = l[i].outer;
	if (i == NONE)
		return x->f->wasm->end.v;
	return (wdx_flow_is_opcode(x, l[i].pos, WDX_WASM_LOOP) ? l[i].pos : l[i].end) + 1;
}

bool wdx_flow_add_way(struct ways *w, uint32_t to)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->to[i] == to)
			return true;
	if (w->n == MAX_WAYS_ON)
		return false;
	w->to[w->n++] = to;
	return true;
}

static bool table_ways(const struct flow *x, const struct wdx_insn *insn, struct ways *w)
{
	struct wdx_reader r;
	bool ok = true;

	wdx_insn_labels(x->wasm, insn, &r);
	for (uint64_t i = 0; ok && i <= insn->imm[0] && !r.failed; i++)
		ok = wdx_flow_add_way(w, target(x, insn->pos.v, wdx_read_uleb(&r, 32)));
	return ok && !r.failed;
}

/* What is not done when the condition of an `if` is false. */
static uint32_t other_part(const struct flow *x, uint32_t pos)
{
	uint32_t i = label_around(x, pos + 1);
	const struct label *l = x->labels.data + (i == NONE ? 0 : i);

	if (i == NONE || l->pos != pos)
		return NONE;
	return (l->other == NONE ? l->end : l->other) + 1;
}

bool wdx_flow_ways_on(const struct flow *x, uint32_t pos, struct ways *w)
{
	uint8_t opcode = x->wasm->data[x->wasm->code.v + pos];
	struct wdx_insn insn;
	uint32_t i;

	w->n = 0;
	if (x->odd)
		return false;
	switch (opcode) {
	case WDX_WASM_END:
	case WDX_WASM_LOOP:
		return wdx_flow_add_way(w, pos + 1);
	case WDX_WASM_ELSE:
		i = label_around(x, pos);
		return i != NONE && wdx_flow_add_way(w, x->labels.data[i].end + 1);
	case WDX_WASM_RETURN:
	case WDX_WASM_UNREACHABLE:
		return true;
	case WDX_WASM_IF:
		i = other_part(x, pos);
		return i != NONE && wdx_flow_add_way(w, i) && wdx_flow_add_way(w, pos + 1);
	}
	wdx_insn_at(x->wasm, (wdx_codepos){pos}, &insn);
	if (opcode == WDX_WASM_BR_TABLE)
		return table_ways(x, &insn, w);
	if (opcode != WDX_WASM_BR && opcode != WDX_WASM_BR_IF)
		return false;
	wdx_flow_add_way(w, target(x, pos, insn.imm[0]));
	return opcode == WDX_WASM_BR || wdx_flow_add_way(w, pos + 1);
}
