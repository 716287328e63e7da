/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Which moment of the interpreter's run a stop of the native process is.
 *
 * A second interpreter, the scout, runs ahead and notes an event for every visit of a marked
 * instruction and every beginning of an activation.  Calls happen in the same order in both worlds:
 * an entry of a native function is the next entry among the events, and what lies between two
 * entries is matched within the activation the process is in.  A stop at an instruction the
 * interpreter stands at is that moment, once for each native address; otherwise it is the next
 * visit.  When there is none before the next entry, the instruction has been passed already, or is
 * not visited at all.
 *
 * Stores are not moved, neither past each other nor past calls.  A stop at code that stores is sure
 * when no other store that would have stopped the process lies before its next visit, and no other
 * stop is matched with a visit behind such a store: what the compiler moved down, behind a branch
 * or out of a loop, would be taken for its next round.
 *
 * A match that leaps over events whose statements did not stop the process is in doubt: code that
 * the compiler moved ahead looks so.  It stays pending, and what follows it too, until either
 * several stops in a row fit without a leap, or a stop fits better without the pending ones, which
 * were out of order then.  They have had their visit all the same: who stops there again is at
 * another one.  The caller keeps the state of the process for pending stops.
 */
#ifndef DIFFERENTIAL_STEPPER_ALIGN_H
#define DIFFERENTIAL_STEPPER_ALIGN_H

#include "stepper/stepper.h"

struct event {
	uint64_t count; /* instructions executed before */
	uint64_t entry; /* activation */
	uint64_t cfa;	/* of the native activation: set where the process was seen there */
	uint32_t wasm, func;
	bool begins; /* the activation */
};

struct activation { /* of a native function */
	uint64_t cfa, entry;
	uint32_t func;
};

enum { STORES = 2 };
enum { MAX_EARLY = 16, MAX_SAME = 16, MAX_PENDING = 12, CONFIRMING = 4 };

struct pending {
	uint64_t event; /* number of its event */
	uint64_t cfa;
	uint32_t native, wasm;
	bool positioned;
	uint64_t skipped; /* events leapt over */
	void *kept;	  /* the caller's */
};

enum alignment {
	ALIGN_OK,
	ALIGN_PENDING,
	ALIGN_BACKWARD,	     /* passed already: a row out of order */
	ALIGN_EARLY,	     /* the same, found out afterwards */
	ALIGN_NOT_VISITED,   /* the interpreter does not come there */
	ALIGN_FAR,	     /* too many events ahead */
	ALIGN_NO_ACTIVATION, /* the native stack has no such function on top */
	ALIGN_LOST,	     /* functions entered in another order: the end of the run */
	ALIGN_NO_POSITION,   /* a row at code without a wasm position */
	ALIGN_KINDS,
};
extern const char *const align_names[ALIGN_KINDS];

struct align {
	const struct world *w;
	struct interp *scout;
	bool ended, started;
	struct event *events; /* number `dropped` on */
	size_t n, cap;
	uint64_t dropped;
	struct {
		uint64_t event;
		uint32_t native;
	} early[MAX_EARLY]; /* stops that were out of order, by what they were: the last ones */
	unsigned early_count;
	uint64_t base;		 /* event of the last stop that is sure; pending ones follow */
	uint64_t barrier;	 /* the entry that was matched last */
	uint32_t same[MAX_SAME]; /* native addresses matched with the base */
	unsigned nsame;
	uint64_t next_entry; /* no activation among the events has this number or one above */
	uint16_t *live;	     /* by wasm position: breakpoints that stand for it */
	uint16_t *stores;    /* of those, the ones at code that stores */
	uint8_t *effect;     /* by native offset: code that does what others see, or STORES */
	struct activation *stack;
	size_t depth, stack_cap;
	struct pending pending[MAX_PENDING];
	unsigned npending;
	/* What became of a pending stop: its event, or NULL and EARLY.  `sure`: followed by stops
	 * that fit. */
	void (*settle)(void *ctx, struct pending *p, const struct event *e, bool sure);
	void *ctx;
};

void align_init(struct align *a, const struct world *w, struct interp *scout);
/* One breakpoint more, or less, that stands for that instruction. */
void align_mark(struct align *a, uint32_t native, uint32_t wasm, bool on);
/* The process stands at the first instruction of a function; cfa is its frame address. */
enum alignment align_enter(struct align *a, uint32_t func, uint64_t cfa);
/* The process stands at code of `wasm` in that function; functions whose frame addresses are at or
 * below `depth` have returned.  OK: *out is its event.  PENDING: *to
 * wants the state of the process. */
enum alignment align_stop(struct align *a, uint32_t native, uint32_t wasm, uint32_t func,
			  uint64_t depth, struct event *out, struct pending **to);
/* There will be no more stops. */
void align_end(struct align *a);

#endif
