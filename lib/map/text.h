/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Numbers, hexadecimal, base64 and strings as JSON holds them.
 */
#ifndef WDX_MAP_TEXT_H
#define WDX_MAP_TEXT_H

#include "base/buf.h"
#include "wdx_error.h"

/* A 64-bit integer of either sign, exactly: -value when neg, and value <= 2^63 then. */
struct wdx_text_int {
	bool neg;
	uint64_t value;
};

/* A JSON number without fraction and exponent; NULL, or what is wrong with it. */
const char *wdx_text_number(const char *s, size_t n, struct wdx_text_int *out);
/* "0x" and 1 to 16 digits. */
const char *wdx_text_hex_number(const char *s, size_t n, struct wdx_text_int *out);

/* n / 2 bytes to out; false when n is odd or 0 or a digit is none. */
bool wdx_text_unhex(const char *s, size_t n, uint8_t *out);

/* RFC 4648 §4, padded, canonical.  At most n / 4 * 3 bytes to out; the count, or SIZE_MAX. */
size_t wdx_text_unbase64(const char *s, size_t n, uint8_t *out);

void wdx_text_put_hex(struct wdx_buf *b, const uint8_t *s, size_t n);
void wdx_text_put_base64(struct wdx_buf *b, const uint8_t *s, size_t n);
/* Quoted and escaped; bytes that are not UTF-8 become U+FFFD. */
void wdx_text_put_string(struct wdx_buf *b, const char *s);
void wdx_text_printf(struct wdx_buf *b, const char *fmt, ...) WDX_PRINTF(2, 3); /* < 256 bytes */

/* The first bytes of s fit for a message: without control characters, cut. */
const char *wdx_text_quote(const char *s, size_t n, char out[48]);

#endif
