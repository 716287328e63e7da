/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Bad input for decoders: every truncation of a good one, and random mutations of it.  Each goes to
 * the decoder in an allocation of exactly its size, so that the sanitizers see one byte too far.
 */
#ifndef WDX_HOSTILE_H
#define WDX_HOSTILE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hostile_state = 88172645463325252u;

/* xorshift64: the same numbers on every run. */
static inline uint64_t hostile_random(void)
{
	hostile_state ^= hostile_state << 13;
	hostile_state ^= hostile_state >> 7;
	hostile_state ^= hostile_state << 17;
	return hostile_state;
}

static inline void hostile_one(const uint8_t *data, size_t size, unsigned changes,
			       void (*decode)(const uint8_t *, size_t, void *), void *arg)
{
	static const uint8_t liked[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	while (changes-- > 0 && size > 0) {
		uint64_t r = hostile_random();

		copy[r % size] = r >> 63 ? liked[(r >> 32) % sizeof(liked)] : (uint8_t)(r >> 40);
	}
	decode(copy, size, arg);
	free(copy);
}

/* Truncations at every byte, then n mutations. */
static inline void hostile(const uint8_t *data, size_t size, unsigned n,
			   void (*decode)(const uint8_t *, size_t, void *), void *arg)
{
	for (size_t i = 0; i < size; i++)
		hostile_one(data, i, 0, decode, arg);
	for (unsigned i = 0; i < n; i++)
		hostile_one(data, size, 1 + i % 4, decode, arg);
}

#endif
