/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The instructions of a function's machine code, found by following it from where it begins: along
 * its jumps, and along the jump tables that compilers put behind the jump, an offset from there for
 * each way.  The code is one piece, or several with other code between them.
 */
#ifndef WDX_NATIVE_REACH_H
#define WDX_NATIVE_REACH_H

#include "base/vec.h"
#include "native/access.h"

enum wdx_reach_mark {
	WDX_REACH_START = 1,  /* of an instruction */
	WDX_REACH_LEADER = 2, /* control may come there by other ways than falling */
};

struct wdx_reach_insn {
	uint32_t at;
	struct wdx_access a;
};

struct wdx_reach_way { /* of the indirect jump at `from` */
	uint32_t from, to;
};

struct wdx_reach_piece {
	uint32_t lo, hi;
	size_t first; /* number of its first byte among those of all */
};

struct wdx_reach {
	/* to be set; what they point to stays the caller's */
	struct wdx_accesses *accesses;
	const uint8_t *code; /* all of it: positions are offsets in it */
	uint64_t size;	     /* below 4 GiB */
	bool big_endian;
	/* How many ways the table behind the indirect jump has; 0: it has none that is known. */
	uint64_t (*ways_of)(void *arg, uint32_t jump);
	void *arg;

	WDX_VEC(struct wdx_reach_piece) pieces; /* ascending; at least one, without empty ones */
	size_t size_all;			/* bytes of all */
	uint8_t *marks;				/* of each of these */
	uint32_t *where; /* of each byte where an instruction starts: in `found` */
	WDX_VEC(struct wdx_reach_insn) found; /* in the order of decoding */
	WDX_VEC(uint32_t) order;	      /* numbers of them, by address */
	WDX_VEC(struct wdx_reach_way) ways;
	bool unknown; /* it leads out of the pieces, or into instructions, or to an unknown place */
	bool nomem;

	size_t bytes; /* room in marks and where */
	WDX_VEC(uint32_t) todo;
};

/* Begins with the piece [lo, hi) of the code; what was found before is forgotten. */
void wdx_reach_begin(struct wdx_reach *r, uint32_t lo, uint32_t hi);

/* Adds a piece behind the last; before anything is led to. */
void wdx_reach_add(struct wdx_reach *r, uint32_t lo, uint32_t hi);

/* Control may come there. */
void wdx_reach_lead(struct wdx_reach *r, uint32_t at);

/* Follows the code from all that was led to. */
void wdx_reach_run(struct wdx_reach *r);

/* The piece that holds the address, or NULL. */
const struct wdx_reach_piece *wdx_reach_piece_at(const struct wdx_reach *r, uint32_t at);

/* The byte's number, in marks and where; SIZE_MAX: it is in no piece. */
static inline size_t wdx_reach_index(const struct wdx_reach *r, uint32_t at)
{
	const struct wdx_reach_piece *p = r->pieces.data;

	if (at - p->lo >= p->hi - p->lo)
		p = r->pieces.len > 1 ? wdx_reach_piece_at(r, at) : NULL;
	return p ? p->first + (at - p->lo) : SIZE_MAX;
}

/* Whether an instruction starts there. */
static inline bool wdx_reach_starts(const struct wdx_reach *r, uint32_t at)
{
	size_t i = wdx_reach_index(r, at);

	return i != SIZE_MAX && r->marks[i] & WDX_REACH_START;
}

void wdx_reach_deinit(struct wdx_reach *r);

#endif
