/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Merges of nothing: compilers set a local to what it holds, which makes a merge of one value and
 * the merge itself. */
#include "flow/values_work.h"

#include "wasm/opcode.h"

enum { MAX_SAME = 8 }; /* rounds in which merges are found to be of one value */

static uint32_t same_as(const struct wdx_values_work *w, uint32_t value)
{
	uint32_t *same = w->same.data;

	while (same[value] != value)
		value = same[value] = same[same[value]];
	return value;
}

/* The only value that goes into the merge but itself; 0: there are several, or one is not known. */
static uint32_t only_input(const struct wdx_values_work *w, uint32_t phi)
{
	const struct wdx_value *v = &w->v->values.data[phi];
	uint32_t only = 0;

	for (uint32_t i = 0; i < v->n; i++) {
		uint32_t value = same_as(w, w->v->inputs.data[v->first + i]);

		if (value == phi || (value && value == only))
			continue;
		if (!value || only)
			return 0;
		only = value;
	}
	return only;
}

/* false: there are none. */
static bool find_same(struct wdx_values_work *w)
{
	size_t n = w->v->values.len;
	bool more = true, any = false;

	w->same.len = 0;
	if (!wdx_vec_reserve(&w->same, n)) {
		w->nomem = true;
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		w->same.data[i] = i;
	for (unsigned round = 0; more && round < MAX_SAME; round++) {
		more = false;
		for (uint32_t i = 1; i < n; i++) {
			uint32_t only =
				w->v->values.data[i].kind == WDX_VALUE_PHI && w->same.data[i] == i
					? only_input(w, i)
					: 0;

			if (only)
				w->same.data[i] = only;
			more |= only != 0;
		}
		any |= more;
	}
	return any;
}

static void replace(const struct wdx_values_work *w, uint32_t *value)
{
	*value = same_as(w, *value);
}

void wdx_values_resolve_same(struct wdx_values_work *w)
{
	struct wdx_values *v = w->v;
	struct wdx_segment *s;
	struct wdx_wasm_store *store;
	struct wdx_value_use *use;
	struct wdx_value *i;
	uint32_t *in;

	if (!find_same(w))
		return;
	wdx_vec_each (s, &v->segments)
		replace(w, &s->value);
	wdx_vec_each (in, &v->inputs)
		replace(w, in);
	wdx_vec_each (store, &v->stores)
		replace(w, &store->value);
	wdx_vec_each (use, &v->uses)
		replace(w, &use->value);
	wdx_vec_each (i, &v->values) {
		if (i->kind != WDX_VALUE_INSN)
			continue;
		replace(w, &i->operands[0]);
		replace(w, &i->operands[1]);
		if (i->arg)
			replace(w, &i->arg);
		if (i->type == WDX_WASM_SELECT)
			i->bits = same_as(w, (uint32_t)i->bits);
	}
}
