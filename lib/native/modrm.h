/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#ifndef WDX_NATIVE_MODRM_H
#define WDX_NATIVE_MODRM_H

#include <stdint.h>

/* The bytes of the ModRM byte of x86-64 at p and of what it calls for: a SIB byte, a displacement
 * (Intel's manual, volume 2, 2.1.3).  Looks at the SIB byte, if there is one. */
static inline unsigned wdx_modrm_size(const uint8_t *p)
{
	static const uint8_t sizes[4][8] = {{1, 1, 1, 1, 2, 5, 1, 1},
					    {2, 2, 2, 2, 3, 2, 2, 2},
					    {5, 5, 5, 5, 6, 5, 5, 5},
					    {1, 1, 1, 1, 1, 1, 1, 1}};
	unsigned mod = p[0] >> 6, base = p[0] & 7;

	return sizes[mod][base] + (mod == 0 && base == 4 && (p[1] & 7) == 5 ? 4 : 0);
}

#endif
