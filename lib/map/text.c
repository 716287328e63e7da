/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "map/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *wdx_text_number(const char *s, size_t n, struct wdx_text_int *out)
{
	size_t i;
	unsigned digit;

	out->neg = n && s[0] == '-';
	out->value = 0;
	for (i = out->neg; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return "must be an integer, without fraction or exponent";
		digit = (unsigned)(s[i] - '0');
		if (out->value > (UINT64_MAX - digit) / 10)
			return "does not fit in 64 bits";
		out->value = out->value * 10 + digit;
	}
	if (out->neg && out->value > (uint64_t)1 << 63)
		return "does not fit in 64 bits";
	if (!out->value)
		out->neg = false;
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

const char *wdx_text_hex_number(const char *s, size_t n, struct wdx_text_int *out)
{
	size_t i;

	out->neg = false;
	out->value = 0;
	if (n < 3)
		return "has no digits";
	if (n > 18)
		return "does not fit in 64 bits";
	for (i = 2; i < n; i++) {
		if (hex_digit(s[i]) < 0)
			return "is not a hexadecimal number";
		out->value = out->value << 4 | (unsigned)hex_digit(s[i]);
	}
	return NULL;
}

bool wdx_text_unhex(const char *s, size_t n, uint8_t *out)
{
	size_t i;
	int hi, lo;

	if (!n || n % 2)
		return false;
	for (i = 0; i < n; i += 2) {
		hi = hex_digit(s[i]);
		lo = hex_digit(s[i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		out[i / 2] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void invert64(int8_t table[256])
{
	int i;

	memset(table, -1, 256);
	for (i = 0; i < 64; i++)
		table[(uint8_t)digits64[i]] = (int8_t)i;
}

size_t wdx_text_unbase64(const char *s, size_t n, uint8_t *out)
{
	int8_t table[256];
	size_t i, j, pad = 0, len = 0;
	uint32_t word;

	invert64(table);
	if (n % 4)
		return SIZE_MAX;
	while (pad < 2 && pad < n && s[n - 1 - pad] == '=')
		pad++;
	for (i = 0; i < n; i += 4) {
		word = 0;
		for (j = 0; j < 4; j++) {
			if (i + j >= n - pad)
				word <<= 6;
			else if (table[(uint8_t)s[i + j]] < 0)
				return SIZE_MAX;
			else
				word = word << 6 | (uint32_t)table[(uint8_t)s[i + j]];
		}
		for (j = 0; j < 3u - (i + 4 == n ? pad : 0); j++)
			out[len++] = (uint8_t)(word >> (16 - 8 * j));
		/* Bits that no byte takes must be 0, so that one text means one thing. */
		if (j < 3 && word << (8 + 8 * j))
			return SIZE_MAX;
	}
	return len;
}

void wdx_text_put_hex(struct wdx_buf *b, const uint8_t *s, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		wdx_buf_u8(b, (uint8_t)digits[s[i] >> 4]);
		wdx_buf_u8(b, (uint8_t)digits[s[i] & 15]);
	}
}

void wdx_text_put_base64(struct wdx_buf *b, const uint8_t *s, size_t n)
{
	size_t i, left;
	uint32_t word;
	char out[4];

	for (i = 0; i < n; i += 3) {
		left = n - i;
		word = (uint32_t)s[i] << 16 | (left > 1 ? (uint32_t)s[i + 1] << 8 : 0) |
		       (left > 2 ? s[i + 2] : 0);
		out[0] = digits64[word >> 18];
		out[1] = digits64[word >> 12 & 63];
		out[2] = left > 1 ? digits64[word >> 6 & 63] : '=';
		out[3] = left > 2 ? digits64[word & 63] : '=';
		wdx_buf_bytes(b, out, 4);
	}
}

/* The length of the well-formed UTF-8 sequence at s (The Unicode Standard, table 3-7), or 0. */
static size_t utf8(const uint8_t *s)
{
	size_t i, n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4)
		return 0;
	for (i = 1; i < n; i++) /* stops at a NUL */
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

void wdx_text_put_string(struct wdx_buf *b, const char *str)
{
	const uint8_t *s = (const uint8_t *)str;
	size_t n;

	wdx_buf_u8(b, '"');
	for (; *s; s += n ? n : 1) {
		n = utf8(s);
		if (!n)
			wdx_buf_bytes(b, "\xef\xbf\xbd", 3);
		else if (*s < 0x20 || *s == 0x7f)
			wdx_text_printf(b, "\\u%04x", *s);
		else if (*s == '"' || *s == '\\')
			wdx_text_printf(b, "\\%c", *s);
		else
			wdx_buf_bytes(b, s, n);
	}
	wdx_buf_u8(b, '"');
}

void wdx_text_printf(struct wdx_buf *b, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		wdx_buf_bytes(b, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

const char *wdx_text_quote(const char *s, size_t n, char out[48])
{
	size_t i, keep = n < 44 ? n : 40;

	for (i = 0; i < keep; i++)
		out[i] = s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?';
	memcpy(out + keep, keep < n ? "..." : "", keep < n ? 4 : 1);
	return out;
}
