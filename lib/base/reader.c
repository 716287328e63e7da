/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "base/reader.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"

static const char ends_early[] = "unexpected end of data";
static const char leb_long[] = "LEB128 number is too long";
static const char leb_large[] = "LEB128 number is too large";

static void fail_at(struct wdx_reader *r, const uint8_t *at, const char *why)
{
	if (!r->failed) {
		r->failed = why;
		r->failed_at = r->origin + (uint64_t)(at - r->start);
	}
	r->pos = r->end;
}

void wdx_reader_fail(struct wdx_reader *r, const char *why)
{
	fail_at(r, r->pos, why);
}

struct wdx_error *wdx_reader_error(const struct wdx_reader *r)
{
	return r->failed ? wdx_bad_input("offset 0x%" PRIx64 ": %s", r->failed_at, r->failed)
			 : NULL;
}

/* The next n bytes, or NULL after latching a failure. */
static const uint8_t *take(struct wdx_reader *r, uint64_t n)
{
	const uint8_t *p = r->pos;

	if (r->failed || n > wdx_reader_left(r)) {
		fail_at(r, p, ends_early);
		return NULL;
	}
	r->pos += n;
	return p;
}

struct wdx_reader wdx_read_sub(struct wdx_reader *r, uint64_t n)
{
	uint64_t origin = r->origin + wdx_reader_at(r);
	const uint8_t *p = take(r, n);
	struct wdx_reader sub;

	wdx_reader_init(&sub, p ? p : r->end, p ? (size_t)n : 0, origin, r->big);
	/* A caller that only looks at the part sees the failure too. */
	sub.failed = r->failed;
	sub.failed_at = r->failed_at;
	return sub;
}

uint64_t wdx_read_uint_slow(struct wdx_reader *r, unsigned size)
{
	const uint8_t *p = take(r, size);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < size; i++)
		v = v << 8 | p[r->big ? i : size - 1 - i];
	return v;
}

static uint64_t leb_fail(struct wdx_reader *r, const uint8_t *at, const char *why)
{
	fail_at(r, at, why);
	return 0;
}

/* A number of so few bytes that each of its bits fits: the usual case.  How many bits it has; 0: it
 * is another one, and nothing has been read. */
static unsigned read_fitting(struct wdx_reader *r, unsigned bits, uint64_t *v)
{
	const uint8_t *p = r->pos;

	for (unsigned shift = 0; shift + 7 <= bits && p < r->end; shift += 7) {
		*v |= (uint64_t)(*p & 0x7f) << shift;
		if (*p++ < 0x80) {
			r->pos = p;
			return shift + 7;
		}
	}
	return 0;
}

uint64_t wdx_read_uleb_slow(struct wdx_reader *r, unsigned bits)
{
	const uint8_t *at = r->pos;
	uint64_t v = 0;

	if (read_fitting(r, bits, &v))
		return v;
	v = 0;
	for (unsigned shift = 0;; shift += shift < 64 ? 7 : 0) {
		if (r->pos == r->end)
			return leb_fail(r, at, ends_early);
		uint8_t byte = *r->pos++, low = byte & 0x7f;

		if (shift >= bits ? low != 0 : shift + 7 > bits && low >> (bits - shift))
			return leb_fail(r, at, leb_large);
		if (shift < 64)
			v |= (uint64_t)low << shift;
		if (!(byte & 0x80))
			return v;
		if (bits < 64 && shift + 7 >= bits)
			return leb_fail(r, at, leb_long);
	}
}

/* Whether the bits of low that lie at or above the sign bit, number , are all equal. */
static bool sign_extended(uint8_t low, unsigned top)
{
	uint8_t high = low >> top;

	return !high || high == 0x7f >> top;
}

int64_t wdx_read_sleb_slow(struct wdx_reader *r, unsigned bits)
{
	const uint8_t *at = r->pos;
	uint64_t v = 0;

	unsigned n = read_fitting(r, bits, &v);

	if (n) /* at most 63 */
		return (int64_t)(v << (64 - n)) >> (64 - n);
	v = 0;
	for (unsigned shift = 0;; shift += 7) {
		if (r->pos == r->end)
			return (int64_t)leb_fail(r, at, ends_early);
		uint8_t byte = *r->pos++, low = byte & 0x7f;

		/* A padded form goes on repeating the sign; shift stays small. */
		if (shift >= 64) {
			if (low != (v >> 63 ? 0x7f : 0))
				return (int64_t)leb_fail(r, at, leb_large);
			shift = 63;
		} else if (shift + 7 > bits && !sign_extended(low, bits - 1 - shift)) {
			return (int64_t)leb_fail(r, at, leb_large);
		} else {
			v |= (uint64_t)low << shift;
		}
		if (!(byte & 0x80))
			return (int64_t)(shift + 7 < 64 && low & 0x40 ? v | ~0ULL << (shift + 7)
								      : v);
		if (bits < 64 && shift + 7 >= bits)
			return (int64_t)leb_fail(r, at, leb_long);
	}
}

const uint8_t *wdx_read_bytes(struct wdx_reader *r, uint64_t n)
{
	return take(r, n);
}

const char *wdx_read_str(struct wdx_reader *r)
{
	const uint8_t *nul = memchr(r->pos, 0, wdx_reader_left(r));

	if (!nul) {
		fail_at(r, r->pos, "string without a terminating NUL");
		return NULL;
	}
	return (const char *)take(r, (uint64_t)(nul - r->pos) + 1);
}

void wdx_read_skip(struct wdx_reader *r, uint64_t n)
{
	take(r, n);
}

void wdx_read_seek(struct wdx_reader *r, uint64_t at)
{
	if (r->failed)
		return;
	if (at > (uint64_t)(r->end - r->start))
		fail_at(r, r->pos, "offset lies behind the end of the data");
	else
		r->pos = r->start + at;
}
