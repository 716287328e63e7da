/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Growing arrays.  WDX_VEC(T) declares one; zero-initialised is empty; wdx_vec_free() ends it.
 * Growth that fails returns NULL and leaves the array as it was.
 */
#ifndef WDX_BASE_VEC_H
#define WDX_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define WDX_VEC(T)                                                                                 \
	struct {                                                                                   \
		T *data;                                                                           \
		size_t len, cap;                                                                   \
	}

/* Makes room for at least `more` further elements; false when memory is out. */
#define wdx_vec_reserve(v, more)                                                                   \
	((v)->cap - (v)->len >= (more) ||                                                          \
	 wdx_vec_grow_((void **)&(v)->data, &(v)->cap, (v)->len, (more), sizeof(*(v)->data)))

/* A pointer to one new, uninitialised element at the end, or NULL. */
#define wdx_vec_push(v) (wdx_vec_reserve(v, 1) ? &(v)->data[(v)->len++] : NULL)

/* (Not even NULL + 0 is computed: sanitizers call it undefined.) */
#define wdx_vec_each(p, v) for ((p) = (v)->data; (v)->len && (p) < (v)->data + (v)->len; (p)++)

#define wdx_vec_free(v)                                                                            \
	do {                                                                                       \
		free((v)->data);                                                                   \
		(v)->data = NULL;                                                                  \
		(v)->len = (v)->cap = 0;                                                           \
	} while (0)

bool wdx_vec_grow_(void **data, size_t *cap, size_t len, size_t more, size_t elem);

#endif
