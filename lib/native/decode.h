/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * One instruction at a time.  A decoder belongs to one thread; its target may be shared and must
 * outlive it.
 */
#ifndef WDX_NATIVE_DECODE_H
#define WDX_NATIVE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wdx_error.h"

struct wdx_target;
struct wdx_decoder;

struct wdx_insn {
	uint32_t size;	 /* bytes to go on by, at least 1, also when ok is not set */
	bool ok;	 /* decodable */
	bool call;	 /* leaves a return address */
	bool delay_slot; /* the next instruction is executed first; a call returns behind it */
};

/* *out is NULL when LLVM has no disassembler for t. */
struct wdx_error *wdx_decoder_create(struct wdx_decoder **out, const struct wdx_target *t);
void wdx_decoder_destroy(struct wdx_decoder *d);

/* The instruction at the n (> 0) bytes of p, which run at address `at`. */
struct wdx_insn wdx_decode(struct wdx_decoder *d, const uint8_t *p, size_t n, uint64_t at);

#endif
