/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Arenas: memory that is given back all at once.  Zero-initialised is empty.
 */
#ifndef WDX_BASE_ARENA_H
#define WDX_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct wdx_arena_chunk;

struct wdx_arena {
	struct wdx_arena_chunk *chunks; /* newest first */
	char *pos, *end;		/* free part of the newest */
	struct wdx_arena_adopted *adopted;
};

/* size bytes, aligned for any type, not cleared; NULL when memory is out. */
void *wdx_arena_alloc(struct wdx_arena *a, size_t size);

/* The same, cleared; NULL also when n * size overflows. */
void *wdx_arena_calloc(struct wdx_arena *a, size_t n, size_t size);

/* A copy of the n bytes at s with a NUL behind it. */
char *wdx_arena_strndup(struct wdx_arena *a, const char *s, size_t n);

/* Takes over a block from malloc(); false, and the block is freed, when memory is out. */
bool wdx_arena_adopt(struct wdx_arena *a, void *block);

/* Frees everything at once; the arena is empty afterwards and can be used again. */
void wdx_arena_deinit(struct wdx_arena *a);

/* Forgets all that was allocated but keeps the newest chunk for reuse. */
void wdx_arena_reset(struct wdx_arena *a);

#endif
