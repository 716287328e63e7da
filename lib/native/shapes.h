/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Instructions decoded before.  Machine code repeats itself, and LLVM takes long: instructions of
 * one shape differ only in the numbers in their last bytes (displacement, immediate), and what they
 * do differs only in the fields that these fill.  Which, is learned by decoding the instruction
 * again with other numbers in it: what that does not bear out is not remembered.
 */
#ifndef WDX_NATIVE_SHAPES_H
#define WDX_NATIVE_SHAPES_H

#include "native/access.h"

enum { WDX_SHAPE_BYTES = 16 }; /* that must be readable; no instruction is as long */

struct wdx_shapes;

/* Decodes an instruction anew. */
typedef struct wdx_access (*wdx_shape_decode)(void *arg, const uint8_t *p, size_t n, uint32_t at);

/* NULL: memory is out.  x86: else all instructions have four bytes, which are not taken apart. */
struct wdx_shapes *wdx_shapes_create(bool x86, wdx_shape_decode decode, void *arg);
void wdx_shapes_destroy(struct wdx_shapes *s);

/* What the instruction at p does, as decode() would say. */
void wdx_shapes_access(struct wdx_shapes *s, const uint8_t *p, uint32_t at, struct wdx_access *out);

#endif
