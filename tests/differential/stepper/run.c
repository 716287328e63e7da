/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The run: breakpoints at statements, or every instruction; each stop aligned, then checked.
 */
#include "stepper/run.h"

#include <stdlib.h>

#include "native/native.h"

/* ---- what becomes of stops --------------------------------------------------------------------
 */

static void unaligned(struct session *s, enum alignment why, uint32_t native, uint32_t wasm)
{
	s->c.c.unaligned[why]++;
	if (s->o.every && why != ALIGN_PENDING)
		s->c.c.displaced++; /* order matters among statements only */
	else if (why == ALIGN_BACKWARD || why == ALIGN_EARLY || why == ALIGN_NOT_VISITED)
		report_order(&s->c, align_names[why], native, wasm);
	else if (why != ALIGN_PENDING && s->o.verbose)
		printf("unaligned: stop %llu native %#x wasm %#x: %s\n",
		       (unsigned long long)s->c.c.stops, native, wasm, align_names[why]);
}

/* A pending stop is judged by what was kept of it. */
static void settle(void *ctx, struct pending *p, const struct event *e, bool sure)
{
	struct session *s = ctx;

	s->p.view = p->kept;
	s->c.sure = sure;
	s->c.between = !s->statement[p->native];
	if (e)
		check_stop(&s->c, p->native, e, p->positioned);
	else
		unaligned(s, ALIGN_EARLY, p->native, p->wasm);
	s->c.sure = true;
	s->c.between = false;
	s->p.view = &s->p.now;
	proc_forget(p->kept);
}

/* ---- preparing ------------------------------------------------------------------------------- */

static struct interp *new_interp(void *ctx)
{
	struct session *s = ctx;
	const char *why;
	struct interp *in = interp_new(s->w.module, s->w.module_size, &why);
	uint64_t args[16] = {0};

	if (!in)
		fail("%s: %s", s->w.module_path, why);
	interp_set_output(in, -1);
	for (int i = 0; i < s->o.nargs && i < 16; i++)
		args[i] = strtoull(s->o.args[i], NULL, 0);
	if (!interp_call(in, s->o.export, args, (size_t)s->o.nargs))
		fail("%s: no function %s to call", s->w.module_path, s->o.export);
	return in;
}

/* Breakpoints where the functions of the module begin: activations are known by them. */
static void mark_entries(struct session *s)
{
	const struct wdx_map_func *f;

	s->entry = xalloc(s->w.map.code_size);
	wdx_vec_each (f, &s->w.map.funcs)
		if (f->index != WDX_NO_INDEX)
			s->entry[s->w.map.parts.data[f->first_part].lo] = 1;
}

static void mark_statement(struct session *s, uint64_t address)
{
	uint32_t native = (uint32_t)(address - s->w.text_addr), wasm;

	if (address < s->w.text_addr || native >= s->w.map.code_size || s->statement[native])
		return;
	s->statement[native] = 1;
	wasm = world_position(&s->w, native, NULL);
	if (wasm != NOWHERE && !s->o.every)
		align_mark(&s->a, native, wasm, true);
}

/* Each piece of code that the map gives a position to. */
static void mark_pieces(struct session *s)
{
	const struct wdx_map_pair *p;

	wdx_vec_each (p, &s->w.map.pairs) {
		uint32_t wasm = world_position(&s->w, p->native, NULL);

		if (wasm != NOWHERE)
			align_mark(&s->a, p->native, wasm, true);
	}
}

static void mark_statements(struct session *s)
{
	s->statement = xalloc(s->w.map.code_size);
	for (size_t u = 0; u < s->w.out.nunits; u++) {
		const struct unit *unit = &s->w.out.units[u];

		for (size_t i = 0; i < unit->nlines; i++) {
			struct row r = line_row(unit, i);
			bool end = false;

			dwarf_lineendsequence(dwarf_onesrcline(unit->lines, i), &end);
			if (r.is_stmt && !end)
				mark_statement(s, r.address);
		}
	}
}

static void start_process(struct session *s)
{
	const char *argv[24] = {s->o.host,	 "--lib",	 s->o.lib,  "--image",
				s->w.image_path, "--debug-info", "--fixed", s->o.export};
	int n = 8;

	for (int i = 0; i < s->o.nargs && n < 23; i++)
		argv[n++] = s->o.args[i];
	s->p.text_size = (uint32_t)s->w.map.code_size;
	proc_start(&s->p, wdx_target_elf_machine(s->w.target), s->o.host, (char *const *)argv);
	s->w.text = s->p.text;
	s->w.memory = s->p.memory;
	for (uint32_t i = 0; i < s->p.text_size; i++)
		if ((s->statement[i] && !s->o.every) || s->entry[i])
			proc_break(&s->p, i, true);
}

void session_prepare(struct session *s)
{
	world_load(&s->w);
	match_sides(&s->w, &s->m);
	s->scout = new_interp(s);
	s->truth = new_interp(s);
	align_init(&s->a, &s->w, s->scout);
	s->a.settle = settle;
	s->a.ctx = s;
	s->c.sure = true;
	mark_entries(s);
	mark_statements(s);
	if (s->o.every)
		mark_pieces(s);
	s->visits = xalloc(s->w.map.code_size * sizeof(*s->visits));
	start_process(s);
	s->c.w = &s->w;
	s->c.o = &s->o;
	s->c.p = &s->p;
	s->c.truth = s->truth;
	s->c.after = s->o.every ? new_interp(s) : NULL;
	s->c.renew = new_interp;
	s->c.ctx = s;
	planner_init(&s->c.planner, &s->w);
	unwinder_init(&s->c.unwinder, &s->w);
}

/* ---- stopping -------------------------------------------------------------------------------- */

/* What tells a function's stops from those behind its return: all frame addresses above this are
 * of functions at work.  Where calls put nothing on the stack, the pointer alone does not tell. */
static uint64_t depth(struct session *s)
{
	struct native_frame f;

	if (s->p.arch->call_size)
		return proc_sp(&s->p);
	native_frame_top(&f, &s->w, &s->p);
	native_frame_cfa(&s->c.unwinder, &f);
	return (f.have_cfa ? f.cfa : proc_sp(&s->p)) - 1;
}

enum alignment session_align(struct session *s, uint32_t native, uint32_t wasm, struct event *e,
			     bool positioned)
{
	const struct wdx_map_func *f = world_func(&s->w, native, NULL);
	struct pending *p;
	enum alignment got;

	if (wasm == NOWHERE)
		got = ALIGN_NO_POSITION;
	else
		got = align_stop(&s->a, native, wasm, f->index, depth(s), e, &p);
	if (got != ALIGN_OK)
		unaligned(s, got, native, wasm);
	if (got == ALIGN_PENDING) {
		check_touch(&s->c, wasm);
		p->positioned = positioned;
		p->kept = proc_keep(&s->p);
	}
	return got;
}

static void statement(struct session *s, uint32_t native)
{
	uint32_t wasm = world_position(&s->w, native, NULL);
	bool positioned = wasm != NOWHERE;
	struct event e;

	s->c.c.stops++;
	if (!positioned && s->entry[native])
		wasm = world_body(&s->w, world_func(&s->w, native, NULL)->index)->code.v;
	if (session_align(s, native, wasm, &e, positioned) == ALIGN_OK)
		check_stop(&s->c, native, &e, positioned);
}

/* A breakpoint that has been visited often enough makes room for others. */
static void retire(struct session *s, uint32_t native)
{
	uint32_t wasm = world_position(&s->w, native, NULL);

	if (!s->o.visits || ++s->visits[native] != s->o.visits)
		return;
	if (s->statement[native] && wasm != NOWHERE)
		align_mark(&s->a, native, wasm, false);
	s->statement[native] = 0;
	if (!s->entry[native])
		proc_break(&s->p, native, false);
}

bool session_enter(struct session *s, uint32_t native)
{
	const struct wdx_map_func *f = world_func(&s->w, native, NULL);

	if (!s->c.context) /* the first argument, in the engine's convention */
		s->c.context = s->p.now.reg[s->p.arch->context];
	if (align_enter(&s->a, f->index, proc_sp(&s->p) + s->p.arch->call_size) == ALIGN_OK)
		return true;
	s->c.c.unaligned[ALIGN_LOST]++;
	report_text(&s->c, "lost", 0, "function %u is not the next to be entered", f->index);
	return false;
}

bool session_goes_on(const struct session *s)
{
	return s->c.c.stops < s->o.stops && s->c.errors < s->o.max_errors;
}

static void run_statements(struct session *s)
{
	while (session_goes_on(s) && proc_continue(&s->p)) {
		uint32_t native = proc_native(&s->p);

		if (s->entry[native] && !session_enter(s, native))
			return;
		if (s->statement[native])
			statement(s, native);
		retire(s, native);
	}
}

void session_run(struct session *s)
{
	if (s->o.every)
		session_every(s);
	else
		run_statements(s);
	proc_kill(&s->p);
	align_end(&s->a);
}
