/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Bytes that a test spells out in hexadecimal digits, lower case. */
#ifndef WDX_TESTS_HEX_H
#define WDX_TESTS_HEX_H

#include "base/buf.h"

static unsigned nibble(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void unhex(const char *text, struct wdx_buf *b)
{
	for (; *text; text += 2)
		wdx_buf_u8(b, (uint8_t)(nibble(text[0]) << 4 | nibble(text[1])));
}

#endif
