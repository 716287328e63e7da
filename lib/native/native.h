/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What LLVM MC knows of a target, behind an opaque handle.  target.cpp is the only C++ here.
 */
#ifndef WDX_NATIVE_H
#define WDX_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "wdx_error.h"

struct wdx_target;

/* A target by LLVM triple; an unknown one is an input error naming the known ones. */
struct wdx_error *wdx_target_create(struct wdx_target **out, const char *triple);
void wdx_target_destroy(struct wdx_target *t);

const char *wdx_target_triple(const struct wdx_target *t); /* as given */
bool wdx_target_big_endian(const struct wdx_target *t);
unsigned wdx_target_address_size(const struct wdx_target *t); /* bytes: 4 or 8 */
unsigned wdx_target_elf_machine(const struct wdx_target *t);  /* EM_* */
unsigned wdx_target_elf_flags(const struct wdx_target *t);    /* e_flags a linker would set */
/* What is set in the value of a function's symbol and not in its address: 1 for Thumb
 * (AAELF 4.5.3), else 0. */
unsigned wdx_target_func_bit(const struct wdx_target *t);
unsigned wdx_target_code_align(const struct wdx_target *t); /* minimum instruction length */

/* DWARF register numbers (of .debug_info, not of .eh_frame where they differ); -1: none. */
int wdx_target_reg_by_name(const struct wdx_target *t, const char *name); /* LLVM's, any case */
/* LLVM's name in lower case, the widest register of that number; NULL: no such number. */
const char *wdx_target_reg_name(const struct wdx_target *t, unsigned dwarf);
int wdx_target_return_address(const struct wdx_target *t);
int wdx_target_stack_pointer(const struct wdx_target *t);
unsigned wdx_target_reg_size(const struct wdx_target *t, unsigned dwarf); /* bytes; 0: unknown */

/* The registers a debugger may show variables from: general purpose, floating point, vector; sorted
 * DWARF numbers, owned by t. */
const uint16_t *wdx_target_regs(const struct wdx_target *t, size_t *n);

/* The return addresses of calls in [lo, hi) of code, appended in order to `out`.  `starts` are
 * offsets known to begin an instruction (sorted): decoding restarts there, so that data between
 * instructions cannot derail it for long.  A target without disassembler finds none and says so
 * with *known = false. */
struct wdx_native_calls {
	WDX_VEC(uint32_t) at;
};
struct wdx_error *wdx_target_calls(const struct wdx_target *t, const uint8_t *code, uint32_t lo,
				   uint32_t hi, const uint32_t *starts, size_t nstarts,
				   struct wdx_native_calls *out, bool *known);

/* Where the direct call of n bytes at p, which stand at position `at` in the code, leads;
 * UINT32_MAX: not known.  x86-64 and aarch64. */
uint32_t wdx_target_callee(const struct wdx_target *t, const uint8_t *p, size_t n, uint32_t at);

/* xxHash (LLVM's): fast, not for what an adversary may choose. */
uint64_t wdx_hash64(const void *data, size_t size);

/* SHA-256 (LLVM's). */
void wdx_sha256(const void *data, size_t size, uint8_t digest[32]);

#endif
