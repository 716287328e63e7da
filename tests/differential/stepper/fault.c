/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * When the side-car is wrong: whether it repeats a false claim of the map.
 */
#include "stepper/check.h"

#include <string.h>

/* ---- places ------------------------------------------------------------------------ */

static const struct wdx_place *claim(const struct world *w, const struct wdx_map_func *f,
				     uint32_t local, uint32_t native)
{
	uint32_t kind = local == CONTEXT ? WDX_ENT_CONTEXT : WDX_ENT_LOCAL;

	for (uint32_t i = 0; i < f->nentities; i++) {
		const struct wdx_map_entity *m = &w->map.entities.data[f->first_entity + i];

		if (m->kind != kind || (local != CONTEXT && m->index != local))
			continue;
		for (uint32_t k = 0; k < m->n; k++) {
			const struct wdx_map_range *r = &w->map.ranges.data[m->first + k];

			if (native >= r->lo && native < r->hi)
				return &w->map.places.data[r->place];
		}
	}
	return NULL;
}

/* What is in that place; false: it cannot be read here, or is of a kind not looked into. */
static bool read_place(struct native_frame *f, const struct wdx_place *p, uint64_t *v)
{
	uint8_t bytes[16];
	unsigned size;
	uint64_t base = f->cfa;

	if (p->kind == WDX_PLACE_CONST) {
		*v = p->value;
		return true;
	}
	if (p->kind == WDX_PLACE_REG || (p->kind == WDX_PLACE_MEM && p->base == WDX_BASE_REG)) {
		if (!native_machine.reg(f, p->reg, bytes, &size))
			return false;
		memcpy(&base, bytes, 8);
		*v = base;
		if (p->kind == WDX_PLACE_REG)
			return true;
	}
	if (p->kind != WDX_PLACE_MEM || p->n != 1 ||
	    (p->base == WDX_BASE_CFA ? !f->have_cfa : p->base != WDX_BASE_REG))
		return false;
	return proc_read(f->p, base + (uint64_t)f->w->map.offsets.data[p->first], v, 8);
}

static void describe_place(const struct world *w, const struct wdx_place *p, char text[24])
{
	int64_t off = p->kind == WDX_PLACE_MEM ? w->map.offsets.data[p->first] : 0;

	if (p->kind == WDX_PLACE_REG)
		snprintf(text, 24, "reg%u", p->reg);
	else if (p->kind == WDX_PLACE_CONST)
		snprintf(text, 24, "const %llu", (unsigned long long)p->value);
	else
		snprintf(text, 24, "[%s%+lld]", p->base == WDX_BASE_CFA ? "cfa" : "reg",
			 (long long)off);
}

static void note_fault(struct counts *c, uint32_t func, uint32_t local, uint32_t native,
		       const char *place)
{
	struct fault *f;

	for (size_t i = 0; i < c->nfaults; i++) {
		f = &c->faults[i];
		if (f->func == func && f->local == local && f->native == native) {
			f->times++;
			return;
		}
	}
	c->faults = xgrow(c->faults, c->nfaults, &c->faults_cap, sizeof(*c->faults));
	f = &c->faults[c->nfaults++];
	*f = (struct fault){.func = func, .local = local, .native = native, .times = 1};
	snprintf(f->place, sizeof(f->place), "%s", place);
}

/* Whether the map says that a local, or the context, is somewhere and it is not. */
static bool false_claim(struct checker *c, struct native_frame *nf, uint32_t func, uint32_t local,
			uint64_t truth, uint64_t mask)
{
	const struct wdx_map_func *f = world_func(c->w, nf->lookup, NULL);
	const struct wdx_place *p = f ? claim(c->w, f, local, nf->lookup) : NULL;
	char text[24];
	uint64_t v;

	if (!p || !read_place(nf, p, &v) || (v & mask) == (truth & mask))
		return false;
	describe_place(c->w, p, text);
	note_fault(&c->c, func, local, nf->lookup, text);
	return true;
}

/* The same for the locals that the last evaluation read. */
bool fault_of_map(struct checker *c, struct native_frame *nf, const struct wasm_frame *wf)
{
	const struct wdx_wasm_func *body = world_body(c->w, wf->f.func);

	for (unsigned i = 0; i < wf->nlocals; i++) {
		uint32_t local = wf->locals[i];
		uint8_t type = wdx_wasm_local_type(&c->w->wasm, body, local);
		uint64_t mask = type == WDX_I32 || type == WDX_F32 ? UINT32_MAX : UINT64_MAX;

		if (false_claim(c, nf, wf->f.func, local, wf->f.locals[local], mask))
			return true;
	}
	return false_claim(c, nf, wf->f.func, CONTEXT, c->context, UINT64_MAX);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Whether the map says what the side-car does: the frame address is that of its unwind row. */
bool fault_of_unwind(const struct checker *c, const struct native_frame *f)
{
	const struct wdx_map_part *p;
	const struct wdx_map_row *row = NULL;
	uint8_t bytes[16];
	unsigned size;
	uint64_t v;

	if (!world_func(c->w, f->lookup, &p))
		return false;
	for (uint32_t i = 0; i < p->nrows; i++)
		if (c->w->map.rows.data[p->first_row + i].native <= f->lookup)
			row = &c->w->map.rows.data[p->first_row + i];
	if (!row || row->cfa_n || !proc_reg(c->p, row->cfa_reg, bytes, &size))
		return false;
	memcpy(&v, bytes, 8);
	return v + (uint64_t)(int64_t)row->cfa_off == f->cfa;
}
