/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Slots of the operand stack, watched while the walk over the body is where they are wanted. */
#include "flow/values_work.h"

#include <string.h>

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void wdx_values_find_slots(struct wdx_values_work *w)
{
	size_t n = 0, nslots = w->v->noperands;
	uint32_t *slots;

	w->v->slots.len = w->held.len = 0;
	if (!nslots)
		return;
	if (!wdx_vec_reserve(&w->v->slots, nslots) || !wdx_vec_reserve(&w->held, nslots)) {
		w->nomem = true;
		return;
	}
	slots = w->v->slots.data;
	for (size_t i = 0; i < nslots; i++)
		slots[i] = w->v->operands[i].slot;
	qsort(slots, nslots, sizeof(*slots), by_number);
	for (size_t i = 0; i < nslots; i++)
		if (!i || slots[i] != slots[i - 1])
			slots[n++] = slots[i];
	w->v->slots.len = w->held.len = n;
	memset(w->held.data, 0, n * sizeof(*w->held.data));
}

/* Those whose ranges begin by pos. */
static void begin_watches(struct wdx_values_work *w, uint32_t pos)
{
	const struct wdx_operand *o = w->v->operands;

	for (; w->next_operand < w->v->noperands && o[w->next_operand].lo <= pos;
	     w->next_operand++) {
		struct watch *k = wdx_vec_push(&w->watches);
		uint32_t holder = wdx_values_slot(w->v, o[w->next_operand].slot);

		w->nomem |= !k;
		if (w->nomem)
			return;
		*k = (struct watch){(uint32_t)w->next_operand, holder - w->v->nlocals};
	}
}

static void note_held(struct wdx_values_work *w, uint32_t holder, uint32_t pos, uint32_t value)
{
	struct watched *s;

	if (w->held.data[holder] == value)
		return;
	w->held.data[holder] = value;
	s = wdx_vec_push(&w->watched);
	if (s)
		*s = (struct watched){holder, {pos, value}};
	w->nomem |= !s;
}

static void note_type(struct wdx_values_work *w, struct wdx_operand *o, uint32_t value)
{
	uint8_t type = value ? wdx_value_type(w->m, w->f, w->v, value) : 0;

	if (value && (!type || (o->type && o->type != type)))
		o->type = WDX_OPERAND_MIXED;
	else if (value)
		o->type = type;
}

/* Drops those whose ranges end by pos; another may want the same slot still. */
static void end_watches(struct wdx_values_work *w, uint32_t pos)
{
	size_t n = 0;

	for (size_t i = 0; i < w->watches.len; i++) {
		struct watch watch = w->watches.data[i];

		if (w->v->operands[watch.operand].hi <= pos)
			note_held(w, watch.holder, pos, 0);
		else
			w->watches.data[n++] = watch;
	}
	w->watches.len = n;
}

void wdx_values_watch(struct wdx_values_work *w, uint32_t pos)
{
	begin_watches(w, pos);
	if (!w->watches.len || w->nomem)
		return;
	end_watches(w, pos);
	wdx_values_spend(w, w->watches.len);
	for (size_t i = 0; i < w->watches.len && !w->nomem; i++) {
		const struct watch *k = &w->watches.data[i];
		uint32_t slot = w->v->slots.data[k->holder];
		bool there = slot < w->stack.len && !w->labels.data[w->labels.len - 1].dead;
		uint32_t value = there ? w->stack.data[slot] : 0;

		note_held(w, k->holder, pos, value);
		note_type(w, &w->v->operands[k->operand], value);
	}
}

uint32_t wdx_values_slot(const struct wdx_values *v, uint32_t slot)
{
	const uint32_t *found =
		v->slots.len ? bsearch(&slot, v->slots.data, v->slots.len, sizeof(slot), by_number)
			     : NULL;

	return found ? v->nlocals + (uint32_t)(found - v->slots.data) : NONE;
}
