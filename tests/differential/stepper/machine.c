/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The machines: a native frame, found by the side-car's .debug_frame, and a frame of the
 * interpreter.
 */
#include "stepper/check.h"

#include <dwarf.h>
#include <string.h>

/* ---- frame descriptions ---------------------------------------------------------------------- */

void unwinder_init(struct unwinder *u, const struct world *w)
{
	u->w = w;
	u->table = dwarf_getcfi(w->out.dwarf);
	if (!u->table)
		fail("%s: no frame descriptions", w->sidecar_path);
}

/* libdw's operations as ours. */
static struct expr *convert(const Dwarf_Op *ops, size_t n)
{
	struct expr *e = xalloc(sizeof(*e) + n * sizeof(e->op[0]));

	e->n = n;
	for (size_t i = 0; i < n; i++) {
		e->op[i].code = ops[i].atom;
		e->op[i].a = ops[i].number;
		e->op[i].b = ops[i].number2;
	}
	return e;
}

static void read_rule(Dwarf_Frame *frame, int reg, struct rule *r)
{
	Dwarf_Op room[3], *ops;
	size_t n;

	r->kind = RULE_UNDEFINED;
	if (dwarf_frame_register(frame, reg, room, &ops, &n))
		return;
	if (!n) {
		r->kind = ops ? RULE_UNDEFINED : RULE_SAME;
		return;
	}
	if (ops[0].atom == DW_OP_call_frame_cfa &&
	    (n == 1 || (n == 2 && ops[1].atom == DW_OP_plus_uconst))) {
		r->kind = RULE_SAVED;
		r->offset = n == 2 ? (int64_t)ops[1].number : 0;
		return;
	}
	r->kind = ops[n - 1].atom == DW_OP_stack_value ? RULE_VALUE : RULE_EXPR;
	r->expr = convert(ops, n);
}

static void read_cfi(struct unwinder *u, struct cfi *c)
{
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	size_t n;

	if (dwarf_cfi_addrframe(u->table, u->w->text_addr + c->native, &frame) ||
	    dwarf_frame_cfa(frame, &ops, &n) || !n)
		return;
	c->known = true;
	c->cfa = convert(ops, n);
	for (int i = 0; i < NREGS; i++)
		read_rule(frame, i, &c->rule[i]);
}

static struct cfi *cfi_at(struct unwinder *u, uint32_t native)
{
	uint32_t h = native * 2654435761u >> 20;
	struct cfi *c;

	for (c = u->slots[h]; c; c = c->next)
		if (c->native == native)
			return c;
	c = xalloc(sizeof(*c));
	c->native = native;
	read_cfi(u, c);
	c->next = u->slots[h];
	u->slots[h] = c;
	return c;
}

/* ---- the native machine ---------------------------------------------------------------------- */

static bool plain_reg(const struct native_frame *f, unsigned number, uint8_t out[16],
		      unsigned *size)
{
	if (f->inner)
		return proc_reg(f->p, number, out, size);
	if (number >= f->p->arch->nregs || !(f->valid >> number & 1))
		return false; /* what calls do to vector registers is undefined */
	memcpy(out, &f->reg[number], 8);
	memset(out + 8, 0, 8);
	*size = 8;
	return true;
}

static bool native_reg(void *ctx, unsigned number, uint8_t out[16], unsigned *size)
{
	const struct native_frame *f = ctx;

	if (!plain_reg(f, number, out, size))
		return false;
	if (f->poison && number < 64 && f->poison->regs >> number & 1)
		for (unsigned i = 4; i < *size; i++)
			out[i] ^= 0xa5;
	return true;
}

static bool native_read(void *ctx, uint64_t address, void *out, size_t n)
{
	const struct native_frame *f = ctx;
	uint8_t *bytes = out;

	if (!proc_read(f->p, address, out, n))
		return false;
	for (unsigned i = 0; f->poison && i < f->poison->nslots; i++) {
		uint64_t at = f->cfa + (uint64_t)f->poison->slots[i] + 4;

		for (uint64_t k = at; k < at + 4; k++)
			if (k - address < n)
				bytes[k - address] ^= 0xa5;
	}
	return true;
}

static bool native_cfa(void *ctx, uint64_t *v)
{
	const struct native_frame *f = ctx;

	*v = f->cfa;
	return f->have_cfa;
}

static bool native_base(void *ctx, uint64_t *v)
{
	struct native_frame *f = ctx;
	const struct expr *e = f->plan ? f->plan->out_frame : NULL;

	if (!f->base_state)
		f->base_state = e && expr_number(e, &native_machine, f, &f->frame_base) ? 1 : -1;
	*v = f->frame_base;
	return f->base_state > 0;
}

/* As gdb does: an address that stands alone belongs to its section, in longer expressions all are
 * moved with .text. */
static uint64_t native_relocate(void *ctx, uint64_t address, bool alone)
{
	const struct native_frame *f = ctx;
	const struct world *w = f->w;

	if (alone && w->memory_size && address >= w->memory_addr &&
	    address - w->memory_addr < w->memory_size)
		return address - w->memory_addr + w->memory;
	return address - w->text_addr + w->text;
}

static bool calls_this(struct native_frame *f, struct native_frame *caller,
		       const struct call_site *s)
{
	const struct world *w = f->w;
	const struct wdx_map_func *m = f->lookup == NOWHERE ? NULL : world_func(w, f->lookup, NULL);
	uint64_t to = s->callee - w->text_addr + w->text;

	if (!m || (s->target ? !expr_number(s->target, &native_machine, caller, &to) : !s->callee))
		return false;
	return to - w->text == w->map.parts.data[m->first_part].lo;
}

/* As debuggers do: the call site at the return address, if it calls the frame's function. */
static bool native_entry(void *ctx, unsigned number, uint64_t *v)
{
	struct native_frame *f = ctx, up;
	const struct call_site *s;

	if (!f->unwinder || !native_frame_up(f->unwinder, f, &up))
		return false;
	s = site_at(&f->w->out, up.pc - f->w->text + f->w->text_addr);
	native_frame_cfa(f->unwinder, &up);
	if (!s || !calls_this(f, &up, s))
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (s->arguments[i].reg == number)
			return expr_number(s->arguments[i].value, &native_machine, &up, v);
	return false;
}

const struct machine native_machine = {
	.width = 8,
	.reg = native_reg,
	.read = native_read,
	.cfa = native_cfa,
	.entry = native_entry,
	.frame_base = native_base,
	.relocate = native_relocate,
};

/* Behind a slot of instrumented code is the next one, not an upper half. */
static void poison_place(const struct world *w, const struct wdx_place *p, struct poison *to)
{
	if (p->kind == WDX_PLACE_REG && p->reg < 64)
		to->regs |= UINT64_C(1) << p->reg;
	else if (!w->map.instrumented && p->kind == WDX_PLACE_MEM && p->base == WDX_BASE_CFA &&
		 p->n == 1 && to->nslots < sizeof(to->slots) / sizeof(to->slots[0]))
		to->slots[to->nslots++] = w->map.offsets.data[p->first];
}

/* What a local of 64 bits is in, too: the low half of one is another's value. */
static void spare_place(const struct world *w, const struct wdx_place *p, struct poison *to)
{
	if (p->kind == WDX_PLACE_REG && p->reg < 64)
		to->regs &= ~(UINT64_C(1) << p->reg);
	for (unsigned i = 0; p->kind == WDX_PLACE_MEM && p->n && i < to->nslots; i++)
		if (to->slots[i] == w->map.offsets.data[p->first])
			to->slots[i] = to->slots[--to->nslots];
}

/* Hands the places of locals of so many bits at the frame's position to `each`. */
static void each_place(const struct native_frame *f, bool wide, struct poison *to,
		       void (*each)(const struct world *w, const struct wdx_place *p,
				    struct poison *to))
{
	const struct wdx_map *map = &f->w->map;
	const struct wdx_map_func *m = world_func(f->w, f->lookup, NULL);
	const struct wdx_wasm_func *body = m ? world_body(f->w, m->index) : NULL;

	for (uint32_t i = 0; body && i < m->nentities; i++) {
		const struct wdx_map_entity *e = &map->entities.data[m->first_entity + i];
		uint8_t type = wdx_wasm_local_type(&f->w->wasm, body, e->index);

		if (e->kind != WDX_ENT_LOCAL || (type != WDX_I32 && type != WDX_F32) != wide)
			continue;
		for (uint32_t k = 0; k < e->n; k++) {
			const struct wdx_map_range *r = &map->ranges.data[e->first + k];

			if (f->lookup >= r->lo && f->lookup < r->hi)
				each(f->w, &map->places.data[r->place], to);
		}
	}
}

void native_frame_poison(const struct native_frame *f, struct poison *to)
{
	memset(to, 0, sizeof(*to));
	each_place(f, false, to, poison_place);
	each_place(f, true, to, spare_place);
}

void native_frame_top(struct native_frame *f, const struct world *w, struct proc *p)
{
	memset(f, 0, sizeof(*f));
	f->w = w;
	f->p = p;
	f->inner = true;
	f->pc = proc_pc(p);
	f->lookup = proc_native(p);
}

static uint64_t get_reg(struct native_frame *f, unsigned i, bool *ok)
{
	uint8_t bytes[16];
	unsigned size;
	uint64_t v = 0;

	*ok = native_reg(f, i, bytes, &size);
	if (*ok)
		memcpy(&v, bytes, 8);
	return v;
}

void native_frame_cfa(struct unwinder *u, struct native_frame *f)
{
	const struct cfi *c = f->lookup == NOWHERE ? NULL : cfi_at(u, f->lookup);

	f->unwinder = u;
	f->have_cfa = c && c->known && expr_number(c->cfa, &native_machine, f, &f->cfa);
}

static bool recover(struct native_frame *f, unsigned i, const struct rule *r, uint64_t *v)
{
	uint64_t at;
	bool ok;

	switch (r->kind) {
	case RULE_SAME:
		*v = get_reg(f, i, &ok);
		return ok;
	case RULE_SAVED:
		return proc_read(f->p, f->cfa + (uint64_t)r->offset, v, 8);
	case RULE_VALUE:
		return expr_number(r->expr, &native_machine, f, v);
	case RULE_EXPR:
		return expr_number(r->expr, &native_machine, f, &at) && proc_read(f->p, at, v, 8);
	default:
		return false;
	}
}

bool native_frame_up(struct unwinder *u, const struct native_frame *inner, struct native_frame *up)
{
	const struct proc_arch *arch = inner->p->arch;
	struct native_frame f = *inner;
	const struct cfi *c;
	bool ok;

	if (!f.have_cfa)
		return false;
	c = cfi_at(u, f.lookup);
	memset(up, 0, sizeof(*up));
	up->w = f.w;
	up->p = f.p;
	for (unsigned i = 0; i < arch->nregs; i++) {
		ok = recover(&f, i, &c->rule[i], &up->reg[i]);
		if (i == arch->sp && c->rule[i].kind == RULE_UNDEFINED) {
			up->reg[i] = f.cfa;
			ok = true;
		}
		up->valid |= (uint64_t)ok << i;
	}
	if (!(up->valid >> arch->ra & 1))
		return false;
	up->pc = up->reg[arch->ra];
	up->lookup = up->pc - 1 - f.w->text < f.p->text_size ? (uint32_t)(up->pc - 1 - f.w->text)
							     : NOWHERE;
	return true;
}

/* ---- the wasm machine ------------------------------------------------------------------------ */

static bool wasm_entity(void *ctx, unsigned kind, uint32_t index, uint64_t *v)
{
	struct wasm_frame *f = ctx;

	switch (kind) {
	case 0:
	case 4:
		if (index >= f->f.nlocals)
			return false;
		*v = f->f.locals[index];
		if (f->nlocals < MAX_READS)
			f->locals[f->nlocals++] = index;
		return true;
	case 1:
	case 3:
		if (index >= interp_nglobals(f->in))
			return false;
		*v = interp_global(f->in, index);
		f->global |= f->outer;
		return true;
	case 2:
		f->consumed |= f->outer && index >= f->f.height;
		if (index >= f->f.height)
			return false;
		*v = f->f.stack[index];
		return true;
	default:
		return false;
	}
}

static bool wasm_read(void *ctx, uint64_t address, void *out, size_t n)
{
	const struct wasm_frame *f = ctx;

	if (address > f->memory_size || f->memory_size - address < n)
		return false;
	memcpy(out, f->memory + address, n);
	return true;
}

static bool wasm_base(void *ctx, uint64_t *v)
{
	struct wasm_frame *f = ctx;
	const struct expr *e = f->plan ? f->plan->in_frame : NULL;
	bool ok = e && expr_number(e, wasm_machine(f->w, false), f, v);

	return ok; /* evaluated each time: what it reads is noted each time */
}

const struct machine *wasm_machine(const struct world *w, bool wide)
{
	static const struct machine narrow = {.width = 4,
					      .wasm = wasm_entity,
					      .read = wasm_read,
					      .frame_base = wasm_base},
				    full = {.width = 8,
					    .wasm = wasm_entity,
					    .read = wasm_read,
					    .frame_base = wasm_base};
	bool is64 = w->wasm.memories.len && w->wasm.memories.data[0].is64;

	return wide || is64 ? &full : &narrow;
}

bool wasm_frame_at(struct wasm_frame *f, const struct world *w, struct interp *in, uint32_t n)
{
	memset(f, 0, sizeof(*f));
	f->w = w;
	f->in = in;
	f->outer = n;
	f->memory = interp_memory(in, 0, &f->memory_size);
	if (!f->memory)
		f->memory_size = 0;
	return interp_frame(in, n, &f->f);
}
