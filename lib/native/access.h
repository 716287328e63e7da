/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What one native instruction does to memory and to registers, as far as it takes to follow a
 * pointer through a few instructions.  x86-64 and aarch64.
 */
#ifndef WDX_NATIVE_ACCESS_H
#define WDX_NATIVE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wdx_error.h"

struct wdx_target;
struct wdx_accesses; /* belongs to one thread; refers to no target */

struct wdx_access {
	uint32_t size; /* bytes to go on by, at least 1, also when ok is not set */
	bool ok;       /* decodable */
	bool leaves;   /* jump, call, return: the next instruction may not be the next executed */
	bool load;     /* from the address below; no read-modify-write, no arithmetic */
	bool store;    /* to it; read-modify-write too */
	bool writes_memory; /* any memory but the stack's: no push, no spill, no call */
	bool indexed;	    /* a register that is not in disp is added to base */
	int base;	 /* DWARF number of the address's base register; -1: none that is known */
	int64_t disp;	 /* added to base */
	unsigned width;	 /* bytes loaded or stored; 0: unknown */
	int result;	 /* DWARF number of the register a load fills; -1: none below 64 */
	uint64_t writes; /* bit n: the register of DWARF number n is written, in whole or in part */
};

/* *out is NULL for an architecture other than these two. */
struct wdx_error *wdx_accesses_create(struct wdx_accesses **out, const struct wdx_target *t);
void wdx_accesses_destroy(struct wdx_accesses *a);

/* The instruction at the n (> 0) bytes of p. */
struct wdx_access wdx_target_mem_access(struct wdx_accesses *a, const uint8_t *p, size_t n);

#endif
