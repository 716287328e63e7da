/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN _Alignof(max_align_t)
#define CHUNK_MIN ((size_t)4 << 10)
#define CHUNK_MAX ((size_t)256 << 10)

struct wdx_arena_chunk {
	struct wdx_arena_chunk *next; /* older */
	size_t size;		      /* of data */
	_Alignas(max_align_t) char data[];
};

struct wdx_arena_adopted {
	struct wdx_arena_adopted *next;
	void *block;
};

static struct wdx_arena_chunk *chunk_create(size_t size)
{
	struct wdx_arena_chunk *c;

	if (size > PTRDIFF_MAX - sizeof(*c))
		return NULL;
	c = malloc(sizeof(*c) + size);
	if (c)
		c->size = size;
	return c;
}

/* A big object gets a chunk of its own behind the newest, whose free part stays in use. */
static void *alloc_big(struct wdx_arena *a, size_t size)
{
	struct wdx_arena_chunk *c = chunk_create(size);

	if (!c)
		return NULL;
	c->next = a->chunks->next;
	a->chunks->next = c;
	return c->data;
}

static void *alloc_new_chunk(struct wdx_arena *a, size_t size)
{
	size_t want = a->chunks ? a->chunks->size * 2 : CHUNK_MIN;
	struct wdx_arena_chunk *c;

	if (want > CHUNK_MAX)
		want = CHUNK_MAX;
	if (want < CHUNK_MIN)
		want = CHUNK_MIN;
	if (a->chunks && size > want / 4)
		return alloc_big(a, size);
	if (want < size)
		want = size;
	c = chunk_create(want);
	if (!c)
		return NULL;
	c->next = a->chunks;
	a->chunks = c;
	a->pos = c->data + size;
	a->end = c->data + want;
	return c->data;
}

static void *alloc(struct wdx_arena *a, size_t size, size_t align)
{
	size_t pad = -(uintptr_t)a->pos & (align - 1);
	size_t left = (size_t)(a->end - a->pos);
	char *p;

	if (!a->chunks || left < pad || left - pad < size)
		return alloc_new_chunk(a, size);
	p = a->pos + pad;
	a->pos = p + size;
	return p;
}

void *wdx_arena_alloc(struct wdx_arena *a, size_t size)
{
	return alloc(a, size, ALIGN);
}

void *wdx_arena_calloc(struct wdx_arena *a, size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	p = wdx_arena_alloc(a, bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

char *wdx_arena_strndup(struct wdx_arena *a, const char *s, size_t n)
{
	char *p = n < SIZE_MAX ? alloc(a, n + 1, 1) : NULL;

	if (!p)
		return NULL;
	if (n)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

bool wdx_arena_adopt(struct wdx_arena *a, void *block)
{
	struct wdx_arena_adopted *o = wdx_arena_alloc(a, sizeof(*o));

	if (!o) {
		free(block);
		return false;
	}
	*o = (struct wdx_arena_adopted){a->adopted, block};
	a->adopted = o;
	return true;
}

static void free_adopted(struct wdx_arena *a)
{
	for (; a->adopted; a->adopted = a->adopted->next)
		free(a->adopted->block);
}

static void free_chunks(struct wdx_arena_chunk *c)
{
	struct wdx_arena_chunk *next;

	for (; c; c = next) {
		next = c->next;
		free(c);
	}
}

void wdx_arena_deinit(struct wdx_arena *a)
{
	free_adopted(a);
	free_chunks(a->chunks);
	*a = (struct wdx_arena){0};
}

void wdx_arena_reset(struct wdx_arena *a)
{
	if (!a->chunks)
		return;
	free_adopted(a);
	free_chunks(a->chunks->next);
	a->chunks->next = NULL;
	a->pos = a->chunks->data;
	a->end = a->chunks->data + a->chunks->size;
}
