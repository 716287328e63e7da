/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What the files of wasm/ share.
 *
 * The readers here latch a failure in r and go on giving zeros, like those of base/reader.h.
 */
#ifndef WDX_WASM_PRIVATE_H
#define WDX_WASM_PRIVATE_H

#include "base/reader.h"
#include "wasm/wasm.h"

/* A value type; reference types but funcref and externref come back as WDX_REF. */
uint8_t wdx_wasm_read_valtype(struct wdx_reader *r);

/* One instruction: all of *insn but pos.  Fails with wdx_insn_unknown for an unknown opcode. */
void wdx_insn_decode(struct wdx_reader *r, struct wdx_insn *insn);
extern const char wdx_insn_unknown[];

/* What stands at every position of a body where an instruction starts: its flags, and
 * WDX_INSN_START. */
struct wdx_error *wdx_insn_scan(const struct wdx_wasm *m, const struct wdx_wasm_func *f,
				uint8_t *kinds);

/* The contents of one section other than a custom one.  Failures stay in r; an error is returned
 * only for what r cannot say.  The id must be below WDX_NSECTIONS. */
enum { WDX_SECTION_CODE = 10, WDX_NSECTIONS = 14 };
struct wdx_error *wdx_wasm_read_section(struct wdx_wasm *m, uint8_t id, struct wdx_reader *r);

/* Takes names from the name section, if there is one and it is well-formed. */
struct wdx_error *wdx_wasm_read_names(struct wdx_wasm *m);

#endif
