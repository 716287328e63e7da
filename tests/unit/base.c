/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* lib/base: errors, arrays, arenas, the reader and the writer, sorting. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"
#include "base/sort.h"
#include "base/vec.h"
#include "tap.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static bool says(struct wdx_error *err, const char *want)
{
	bool same = !strcmp(wdx_error_message(err), want);

	if (!same)
		printf("# got: %s\n", wdx_error_message(err));
	wdx_error_destroy(err);
	return same;
}

static void test_error(void)
{
	struct wdx_error *err = wdx_error_create(WDX_E_USAGE, "no %s of %d", "sum", 7);

	ok(wdx_error_code(err) == WDX_E_USAGE, "code");
	err = wdx_error_at(wdx_error_at(err, "unit %d", 3), "%s", "file");
	ok(wdx_error_code(err) == WDX_E_USAGE, "code kept by a prefix");
	ok(says(err, "file: unit 3: no sum of 7"), "prefixes");
	ok(!wdx_error_at(NULL, "x"), "success stays success");
	ok(wdx_error_code(NULL) == WDX_OK && !*wdx_error_message(NULL),
	   "NULL has no code, no text");
	ok(wdx_error_at(&wdx_nomem, "x") == &wdx_nomem, "out of memory takes no prefix");
	wdx_error_destroy(&wdx_nomem);
	wdx_error_destroy(NULL);
	ok(wdx_error_code(&wdx_nomem) == WDX_E_SYSTEM, "out of memory survives destruction");
	ok(says(wdx_error_errno(ENOENT, "f", "open"), "f: open: No such file or directory"),
	   "errno");
	ok(wdx_error_code(err = wdx_bad_input("%s", "bad")) == WDX_E_INPUT, "bad input");
	wdx_error_destroy(err);
}

static void test_vec(void)
{
	WDX_VEC(uint32_t) v = {0};
	uint32_t *p, sum = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		p = wdx_vec_push(&v);
		if (p)
			*p = i;
	}
	wdx_vec_each (p, &v)
		sum += *p;
	ok(v.len == 1000 && sum == 499500, "push and walk");
	ok(wdx_vec_reserve(&v, 5000) && v.cap >= 6000 && v.len == 1000, "reserve");
	ok(!wdx_vec_reserve(&v, SIZE_MAX) && v.data[999] == 999,
	   "reserve that overflows the count");
	ok(!wdx_vec_reserve(&v, SIZE_MAX / 4) && v.len == 1000, "reserve that overflows the size");
	wdx_vec_free(&v);
	ok(!v.data && !v.len && !v.cap, "free");
}

static void test_arena(void)
{
	struct wdx_arena a = {0};
	bool fine = true;
	char *s[600], *big, *z;

	for (size_t i = 0; i < 600; i++) {
		char *p = wdx_arena_alloc(&a, i);

		s[i] = wdx_arena_strndup(&a, "abcdefghij", i % 11);
		fine = fine && p && (uintptr_t)p % _Alignof(max_align_t) == 0 && s[i];
		if (p)
			memset(p, 0xa5, i);
	}
	ok(fine, "aligned objects between strings");
	for (size_t i = 0; i < 600; i++)
		fine = fine && strlen(s[i]) == i % 11 && !memcmp(s[i], "abcdefghij", i % 11);
	ok(fine, "strings keep their text");
	big = wdx_arena_alloc(&a, 3 << 20);
	ok(big && memset(big, 1, 3 << 20), "an object larger than any chunk");
	z = wdx_arena_calloc(&a, 100, 10);
	for (int i = 0; z && i < 1000; i++)
		fine = fine && !z[i];
	ok(z && fine, "cleared");
	ok(!wdx_arena_calloc(&a, SIZE_MAX / 2, 3), "calloc that overflows");
	ok(!wdx_arena_alloc(&a, SIZE_MAX - 8), "an impossible size");
	ok(!wdx_arena_strndup(&a, "", SIZE_MAX), "an impossible string");
	wdx_arena_reset(&a);
	ok(a.chunks && wdx_arena_alloc(&a, 10), "use after reset");
	wdx_arena_deinit(&a);
	ok(!a.chunks && wdx_arena_alloc(&a, 1 << 20) && wdx_arena_strndup(&a, NULL, 0),
	   "use after deinit, a big object first");
	wdx_arena_deinit(&a);
	wdx_arena_reset(&a);
}

static bool holds(const struct wdx_buf *b, const uint8_t *want, size_t n)
{
	return !b->failed && b->len == n && !memcmp(b->data, want, n);
}

static void test_buf(void)
{
	struct wdx_buf b = {0};

	wdx_buf_u8(&b, 1);
	wdx_buf_u16(&b, 0x203);
	wdx_buf_u32(&b, 0x4050607);
	wdx_buf_uint(&b, 0x8090a, 3);
	ok(holds(&b, BYTES(1, 3, 2, 7, 6, 5, 4, 10, 9, 8)), "little-endian integers");
	wdx_buf_reset(&b);
	b.big = true;
	wdx_buf_u16(&b, 0x203);
	wdx_buf_u64(&b, 0x1020304050607080);
	ok(holds(&b, BYTES(2, 3, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80)),
	   "big-endian integers");
	wdx_buf_patch(&b, 2, 0xabcd, 2);
	wdx_buf_patch(&b, 9, 0xffff, 2);
	ok(holds(&b, BYTES(2, 3, 0xab, 0xcd, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80)),
	   "patch, and a patch behind the end ignored");
	wdx_buf_deinit(&b);
	wdx_buf_uleb(&b, 624485);
	wdx_buf_sleb(&b, -123456);
	wdx_buf_sleb(&b, 64);
	wdx_buf_sleb(&b, -64);
	wdx_buf_uleb_padded(&b, 5, 3);
	ok(holds(&b, BYTES(0xe5, 0x8e, 0x26, 0xc0, 0xbb, 0x78, 0xc0, 0, 0x40, 0x85, 0x80, 0)),
	   "LEB128");
	wdx_buf_patch_uleb(&b, 9, 300, 3);
	ok(!memcmp(b.data + 9, BYTES(0xac, 0x82, 0)), "patched LEB128");
	wdx_buf_reset(&b);
	wdx_buf_str(&b, "hi");
	wdx_buf_align(&b, 4);
	wdx_buf_align(&b, 4);
	wdx_buf_zeros(&b, 1);
	wdx_buf_bytes(&b, NULL, 0);
	ok(holds(&b, BYTES('h', 'i', 0, 0, 0)), "string, alignment, zeros");
	wdx_buf_zeros(&b, SIZE_MAX);
	wdx_buf_u8(&b, 1);
	ok(b.failed && b.len == 5, "failure is latched");
	wdx_buf_reset(&b);
	ok(!b.failed && b.cap, "reset clears the failure and keeps the memory");
	wdx_buf_deinit(&b);
}

static void test_reader(void)
{
	const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 'h', 'i', 0, 'n'};
	struct wdx_reader r, sub;

	wdx_reader_init(&r, data, sizeof(data), 0x100, false);
	ok(wdx_read_u8(&r) == 1 && wdx_read_u16(&r) == 0x302 && wdx_read_uint(&r, 3) == 0x60504,
	   "little-endian integers");
	wdx_read_seek(&r, 0);
	r.big = true;
	ok(wdx_read_u32(&r) == 0x1020304 && wdx_read_u32(&r) == 0x5060708, "big-endian integers");
	wdx_read_seek(&r, 0);
	ok(wdx_read_u64(&r) == 0x102030405060708, "64 bits");
	sub = wdx_read_sub(&r, 3);
	ok(!strcmp(wdx_read_str(&sub), "hi") && !wdx_reader_left(&sub) && wdx_reader_at(&r) == 11,
	   "a part, and a string in it");
	ok(!wdx_reader_error(&r) && !wdx_read_str(&r) && !wdx_reader_left(&r), "unended string");
	ok(says(wdx_reader_error(&r), "offset 0x10b: string without a terminating NUL"), "message");
	wdx_read_seek(&r, 0);
	ok(!wdx_read_u8(&r) && !wdx_read_bytes(&r, 0) && wdx_reader_left(&r) == 0, "it sticks");

	wdx_reader_init(&r, data, sizeof(data), 0, false);
	wdx_read_skip(&r, 10);
	sub = wdx_read_sub(&r, UINT64_MAX);
	ok(sub.failed && !wdx_read_u8(&sub), "a part that is too long");
	ok(says(wdx_reader_error(&r), "offset 0xa: unexpected end of data"), "its message");
	wdx_reader_init(&r, NULL, 0, 0, false);
	ok(!wdx_read_u8(&r) && r.failed, "no data");
	wdx_reader_init(&r, data, 3, 0, false);
	wdx_read_seek(&r, 4);
	ok(says(wdx_reader_error(&r), "offset 0x0: offset lies behind the end of the data"),
	   "seek behind the end");
	wdx_reader_init(&r, data, 3, 5, false);
	wdx_read_u8(&r);
	wdx_reader_fail(&r, "mine");
	wdx_reader_fail(&r, "second");
	ok(says(wdx_reader_error(&r), "offset 0x6: mine"), "the first failure wins");
}

/* One LEB128 of the given width; why NULL: it must be v and take all bytes. */
static void leb(const uint8_t *p, size_t n, int bits, int64_t v, const char *why, const char *what)
{
	struct wdx_reader r;
	int64_t got;

	wdx_reader_init(&r, p, n, 0, false);
	got = bits < 0 ? wdx_read_sleb(&r, (unsigned)-bits)
		       : (int64_t)wdx_read_uleb(&r, (unsigned)bits);
	ok(why ? r.failed && strstr(r.failed, why) && !got && !r.failed_at
	       : !r.failed && got == v && r.pos == r.end,
	   "%s%d: %s", bits < 0 ? "s" : "u", bits < 0 ? -bits : bits, what);
}

static void test_leb(void)
{
	leb(BYTES(0xe5, 0x8e, 0x26), 32, 624485, NULL, "624485");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0x0f), 32, UINT32_MAX, NULL, "largest");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0x1f), 32, 0, "too large", "a bit too many");
	leb(BYTES(0x80, 0x80, 0x80, 0x80, 0x00), 32, 0, NULL, "padded to the limit");
	leb(BYTES(0x80, 0x80, 0x80, 0x80, 0x80, 0), 32, 0, "too long", "padded too far");
	leb(BYTES(0x80, 0x80), 32, 0, "unexpected end", "cut off");
	leb(BYTES(1), 1, 1, NULL, "one");
	leb(BYTES(2), 1, 0, "too large", "two");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), 64, -1, NULL,
	    "largest");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03), 64, 0, "too large",
	    "a bit too many");
	leb(BYTES(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0), 64, 1,
	    NULL, "padded without limit");
	leb(BYTES(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1), 64, 0,
	    "too large", "padded, then a bit");
	leb(BYTES(0xc0, 0xbb, 0x78), -32, -123456, NULL, "-123456");
	leb(BYTES(0x80, 0x80, 0x80, 0x80, 0x78), -32, INT32_MIN, NULL, "smallest");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0x07), -32, INT32_MAX, NULL, "largest");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0x0f), -32, 0, "too large", "unequal sign bits");
	leb(BYTES(0x80, 0x80, 0x80, 0x80, 0x70), -32, 0, "too large", "below the smallest");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0x0f), -33, UINT32_MAX, NULL, "UINT32_MAX");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), -33, 0, "too long", "padded too far");
	leb(BYTES(0x7f), -64, -1, NULL, "-1");
	leb(BYTES(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f), -64, INT64_MIN, NULL,
	    "smallest");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0), -64, INT64_MAX, NULL,
	    "largest");
	leb(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), -64, 0, "too large",
	    "unequal sign bits");
	leb(BYTES(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), -64, -2,
	    NULL, "padded without limit");
	leb(BYTES(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0), -64, 0,
	    "too large", "padded, then another sign");
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* n numbers in stretches of about that many, sorted both ways. */
static bool sorts(size_t n, size_t stretch)
{
	uint64_t a[200], b[100], seed = n * 31 + stretch, last = 0;

	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		last = (seed >> 33) % stretch ? last + (seed >> 60) : seed >> 40;
		a[i] = b[i] = last;
	}
	wdx_sort(a, n, a + n);
	qsort(b, n, sizeof(*b), by_number);
	return !memcmp(a, b, n * sizeof(*b));
}

static void test_sort(void)
{
	bool all = true;

	for (size_t n = 0; n <= 100; n++)
		for (size_t stretch = 1; stretch < 32; stretch++)
			all &= sorts(n, stretch);
	ok(all, "numbers are sorted");
}

int main(void)
{
	test_error();
	test_vec();
	test_arena();
	test_buf();
	test_reader();
	test_leb();
	test_sort();
	return done();
}
