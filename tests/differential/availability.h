/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the parts of availability share: the measure itself, and why another file has more. */
#ifndef DIFFERENTIAL_AVAILABILITY_H
#define DIFFERENTIAL_AVAILABILITY_H

#include "stepper/stepper.h"

enum lost {
	LOST_NONE,
	LOST_ENTRY,  /* the variable or its function is not in the output */
	LOST_SCOPE,  /* a scope in the output does not hold the address */
	LOST_LOCAL,  /* what the location reads: a wasm local */
	LOST_STACK,  /* wasm's operand stack */
	LOST_GLOBAL, /* a wasm global */
	LOST_FRAME,  /* the frame base */
	LOST_STATIC, /* an address alone */
	LOST_OTHER,
	NLOST
};
struct count {
	uint64_t scope, due, had, lost[NLOST];
};

struct sum {
	struct count all, body, pairs;
	uint64_t constant; /* of all.had: by DW_AT_const_value */
};

struct interval { /* native offsets */
	uint32_t lo, hi;
	uint32_t wasm, next; /* the position, and for a gap those of its neighbours */
	bool gap, entry;
};

struct run {
	struct world w;
	const char *name;
	struct sum sum;
	uint64_t *had; /* bytes, by wasm function */
};

struct func {
	struct run *r;
	uint32_t index, prologue; /* wasm: where the prologue ends */
	struct interval *iv;
	size_t n, cap;
	const uint32_t *stops; /* native, sorted: all functions' */
	size_t nstops;
};

/* ---- availability.c: what is due and what is had ----------------------------------------------
 */

bool uses_frame(const struct expr *e);
bool is_scope(const struct node *n);
struct node *function_of(struct node *n);
/* Whether the native DWARF has the variable there, which the input has by that expression. */
enum lost judge(const struct run *r, struct node *in, uint32_t native, const struct expr *by);
uint64_t next_change(const struct node *out, uint64_t at, uint64_t end);
bool covers(const struct node *scope, const struct interval *iv);
bool is_due(struct node *in, const struct interval *iv, struct expr **by);
/* Fills in all but `stops`; the function in the module's DWARF, or NULL. */
struct node *cut_function(struct func *f);
bool in_function(const struct node *in, const struct interval *iv);

/* ---- availability_below.c ---------------------------------------------------------------------
 */

/* Of functions where `other` has more bytes: those that it has and `ours` lacks, by reason. */
void print_below(const struct run *ours, const struct run *other);

#endif
