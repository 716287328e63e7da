/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The little that most instructions are asked for: how long they are, whether they may go
 * elsewhere, and where, or write to memory.  A decoder takes a hundred times as long to tell, so
 * those who go through all of the code skim it, and decode what is left.
 */
#ifndef WDX_NATIVE_SKIM_H
#define WDX_NATIVE_SKIM_H

#include <stddef.h>
#include <stdint.h>

struct wdx_target;

enum wdx_skim_kind {
	WDX_SKIM_UNKNOWN, /* ask a decoder: of size and all */
	WDX_SKIM_PLAIN,	  /* goes on behind itself, and writes no memory but the stack's */
	WDX_SKIM_STORE,	  /* goes on behind itself; writes memory that is not the stack's */
	WDX_SKIM_ACCESS,  /* goes on behind itself; ask a decoder what it writes */
	WDX_SKIM_JUMP,	  /* jump, return or trap; writes no memory */
	WDX_SKIM_CALL,
};

struct wdx_skim {
	uint32_t size; /* 0: WDX_SKIM_UNKNOWN */
	enum wdx_skim_kind kind;
	int32_t to; /* where a jump leads that says so, counted from its end; else 0 */
};

/* The instruction at the n bytes of p.  (What is returned in registers would be put together in
 * memory before: most of what skimming takes.) */
typedef void wdx_skim_fn(const uint8_t *p, size_t n, struct wdx_skim *out);

/* Never NULL; for most machines all is unknown. */
wdx_skim_fn *wdx_target_skim(const struct wdx_target *t);

#endif
