/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* One run of a program in both worlds. */
#ifndef DIFFERENTIAL_STEPPER_RUN_H
#define DIFFERENTIAL_STEPPER_RUN_H

#include "stepper/check.h"

struct session {
	struct world w;
	struct options o;
	struct proc p;
	struct align a;
	struct checker c;
	struct match_count m;
	struct interp *scout, *truth;
	uint8_t *statement; /* by native offset */
	uint8_t *entry;	    /* first instruction of a wasm function */
	uint32_t *visits;   /* by native offset */
	/* --every: the piece of code the last stop was in */
	uint32_t piece;
	struct event event;
	bool aligned;
};

/* Loads everything (the paths in s->w and the options are set) and starts the process. */
void session_prepare(struct session *s);
void session_run(struct session *s);

/* The two ways to run. */
bool session_enter(struct session *s, uint32_t native); /* a function; false: lost */
enum alignment session_align(struct session *s, uint32_t native, uint32_t wasm, struct event *e,
			     bool positioned);
bool session_goes_on(const struct session *s);
void session_every(struct session *s);

#endif
