/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Every instruction: the process is stepped through its machine code and looked at wherever the map
 * gives a wasm position.  At the first instruction of such a piece of code the state is that before
 * the wasm instruction; further on it may be that behind it as well.  Pieces that the compiler
 * moved are found out by the alignment; nothing is compared there.
 */
#include "stepper/run.h"

/* Whether a call returns to somewhere in (from, to]. */
static bool call_between(const struct session *s, uint32_t from, uint32_t to)
{
	const struct wdx_map_func *f = world_func(&s->w, to, NULL);

	for (uint32_t i = f->first_call; i < f->first_call + f->ncalls; i++)
		if (s->w.map.calls.data[i] > from && s->w.map.calls.data[i] <= to)
			return true;
	return false;
}

static void check(struct session *s, uint32_t native, bool positioned, bool amid)
{
	if (s->o.visits && s->visits[native]++ >= s->o.visits)
		return;
	s->c.c.stops++;
	s->c.amid = amid;
	s->c.between = !s->statement[native];
	s->c.called = amid && call_between(s, s->piece, native);
	check_stop(&s->c, native, &s->event, positioned);
	s->c.amid = s->c.between = false;
}

static void at_start(struct session *s, uint32_t native, uint32_t wasm, bool positioned)
{
	enum alignment got = session_align(s, native, wasm, &s->event, positioned);

	s->aligned = got == ALIGN_OK;
	s->piece = native;
	if (s->aligned)
		check(s, native, positioned, false);
	else if (got != ALIGN_PENDING && positioned)
		s->c.c.displaced_shown += check_displaced(&s->c, wasm);
}

/* A jump leads into a piece: what comes next is behind that visit, whose state is not known. */
static void into_middle(struct session *s, uint32_t native, uint32_t start, uint32_t wasm)
{
	session_align(s, native, wasm, &s->event, false);
	s->aligned = false;
	s->piece = start;
}

/* The process stands at an instruction of its code; false: lost. */
static bool look(struct session *s, uint32_t native)
{
	uint32_t start = native, wasm = world_position(&s->w, native, &start);

	s->c.c.steps++;
	if (s->entry[native]) {
		if (!session_enter(s, native))
			return false;
		wasm = world_body(&s->w, world_func(&s->w, native, NULL)->index)->code.v;
		at_start(s, native, wasm, false);
	} else if (wasm == NOWHERE) {
		s->piece = NOWHERE;
		s->c.c.between++;
	} else if (native == start) {
		at_start(s, native, wasm, true);
	} else if (s->piece == start && s->aligned) {
		check(s, native, true, true);
	} else {
		if (s->piece != start)
			into_middle(s, native, start, wasm);
		s->c.c.between++;
	}
	return true;
}

/* Out of the code by a call: goes where it returns to.  By a return: the host is at work, up to the
 * next function it calls. */
static bool come_back(struct session *s, uint32_t from)
{
	uint64_t to = proc_returns_to(&s->p, from);

	if (to - s->p.text < s->p.text_size)
		return proc_run_to(&s->p, to);
	return proc_continue(&s->p);
}

void session_every(struct session *s)
{
	bool on = proc_continue(&s->p); /* the first function */
	uint32_t native, from = 0;

	while (on && session_goes_on(s) && s->c.c.steps < 200 * s->o.stops) {
		native = proc_native(&s->p);
		if (native != NOWHERE && !look(s, native))
			return;
		on = native == NOWHERE ? come_back(s, from) : proc_step(&s->p);
		from = native;
	}
}
