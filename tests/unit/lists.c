/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Location and range lists: every kind of entry read, written lists read back, malformed ones. */
#include "dwarf/decode.h"
#include "dwarf/encode.h"

#include <dwarf.h>
#include <string.h>

#include "hostile.h"
#include "tap.h"

static bool addrx(void *arg, uint64_t index, uint64_t *out)
{
	static const uint64_t table[] = {0x5000, 0x5100, UINT32_MAX};

	(void)arg;
	if (index >= sizeof(table) / sizeof(table[0]))
		return false;
	*out = table[index];
	return true;
}

static struct wdx_list_ctx context(const struct wdx_unit *u, const uint8_t *data, size_t size)
{
	return (struct wdx_list_ctx){.unit = u, .data = data, .size = size, .addrx = addrx};
}

static bool ranges_are(const struct wdx_ranges *v, const struct wdx_range *want, size_t n)
{
	bool same = v->len == n;

	for (size_t i = 0; same && i < n; i++)
		same = v->data[i].lo == want[i].lo && v->data[i].hi == want[i].hi;
	return same;
}

/* An entry of a version 5 list that takes no expression itself. */
static void op2(struct wdx_buf *b, uint8_t kind, uint64_t a, uint64_t c)
{
	wdx_buf_u8(b, kind);
	wdx_buf_uleb(b, a);
	wdx_buf_uleb(b, c);
}

static void abs2(struct wdx_buf *b, uint8_t kind, uint32_t a)
{
	wdx_buf_u8(b, kind);
	wdx_buf_u32(b, a);
}

static void make_rnglist(struct wdx_buf *b)
{
	op2(b, DW_RLE_offset_pair, 0x10, 0x20);
	op2(b, DW_RLE_offset_pair, 0x20, 0x20); /* empty */
	op2(b, DW_RLE_offset_pair, 0x30, 0x20); /* inverted */
	wdx_buf_u8(b, DW_RLE_base_addressx);
	wdx_buf_uleb(b, 1);
	op2(b, DW_RLE_offset_pair, 1, 2);
	op2(b, DW_RLE_startx_endx, 0, 1);
	op2(b, DW_RLE_startx_length, 0, 4);
	op2(b, DW_RLE_startx_length, 2, 4); /* dead */
	abs2(b, DW_RLE_base_address, 0xfffffff0);
	op2(b, DW_RLE_offset_pair, 0x18, 0x28); /* wraps */
	abs2(b, DW_RLE_base_address, UINT32_MAX);
	op2(b, DW_RLE_offset_pair, 0x18, 0x28); /* dead */
	abs2(b, DW_RLE_start_end, 0x70);
	wdx_buf_u32(b, 0x80);
	abs2(b, DW_RLE_start_length, 0x90);
	wdx_buf_uleb(b, 0x10);
	abs2(b, DW_RLE_start_length, 0xfffffffe); /* dead */
	wdx_buf_uleb(b, 1);
	wdx_buf_u8(b, DW_RLE_end_of_list);
}

static void test_rnglist(void)
{
	static const struct wdx_range want[] = {
		{0x1010, 0x1020}, {0x5101, 0x5102}, {0x5000, 0x5100}, {0x5000, 0x5004},
		{0x8, 0x18},	  {0x70, 0x80},	    {0x90, 0xa0},
	};
	struct wdx_unit u = {.version = 5, .address_size = 4, .offset_size = 4, .low_pc = 0x1000};
	struct wdx_buf b = {0};
	struct wdx_ranges v = {0};
	struct wdx_list_ctx ctx;
	const char *why = NULL;
	size_t bad = 0;

	wdx_buf_u32(&b, 0xdeadbeef); /* the list begins later */
	make_rnglist(&b);
	ctx = context(&u, b.data, b.len);
	ok(wdx_read_ranges(&ctx, 4, &v, &why) && ranges_are(&v, want, 7),
	   "version 5 ranges, every kind");
	ok(wdx_read_ranges(&ctx, 4, &v, &why) && v.len == 14, "a second list is appended");
	for (ctx.size = 0; ctx.size < b.len - 1; ctx.size++)
		bad += !wdx_read_ranges(&ctx, 4, &v, &why);
	ok(bad == b.len - 1, "cut short at every byte");
	ok(!wdx_read_ranges(&ctx, b.len, &v, &why) && why, "offset outside");
	ctx.addrx = NULL;
	ok(!wdx_read_ranges(&ctx, 4, &v, &why), "indices without a table");
	wdx_vec_free(&v);
	wdx_buf_deinit(&b);
}

static void expr(struct wdx_buf *b, const char *bytes)
{
	wdx_buf_uleb(b, strlen(bytes));
	wdx_buf_bytes(b, bytes, strlen(bytes));
}

static void test_loclist(void)
{
	struct wdx_unit u = {.version = 5, .address_size = 4, .offset_size = 4, .low_pc = 0x1000};
	struct wdx_buf b = {0};
	struct wdx_locs v = {0};
	struct wdx_list_ctx ctx;
	const char *why = NULL;
	bool good;

	op2(&b, 9, 1, 2); /* view pair */
	op2(&b, DW_LLE_offset_pair, 1, 2);
	expr(&b, "a");
	wdx_buf_u8(&b, DW_LLE_default_location);
	expr(&b, "bc");
	op2(&b, DW_LLE_startx_length, 2, 2); /* dead */
	expr(&b, "dead");
	abs2(&b, DW_LLE_start_length, 0x70);
	wdx_buf_uleb(&b, 1);
	expr(&b, "");
	wdx_buf_u8(&b, DW_LLE_end_of_list);
	ctx = context(&u, b.data, b.len);
	ok(wdx_read_locs(&ctx, 0, &v, &why) && v.len == 3, "version 5 locations");
	good = v.data[0].lo == 0x1001 && v.data[0].hi == 0x1002 && !v.data[0].whole &&
	       v.data[0].size == 1 && *v.data[0].expr == 'a';
	ok(good, "offset pair");
	ok(v.data[1].whole && v.data[1].size == 2 && *v.data[1].expr == 'b', "default location");
	ok(v.data[2].lo == 0x70 && v.data[2].hi == 0x71 && v.data[2].size == 0, "empty expression");
	b.data[0] = 10;
	ok(!wdx_read_locs(&ctx, 0, &v, &why) && why, "unknown kind");
	wdx_vec_free(&v);
	wdx_buf_deinit(&b);
}

static void pair(struct wdx_buf *b, unsigned size, uint64_t lo, uint64_t hi)
{
	wdx_buf_uint(b, lo, size);
	wdx_buf_uint(b, hi, size);
}

/* The old format, as wasm-ld leaves it, for both address sizes and byte orders. */
static void test_pairs(unsigned size, bool big)
{
	uint64_t top = size == 8 ? UINT64_MAX : UINT32_MAX;
	struct wdx_range want[] = {{0x1010, 0x1020}, {0x2001, 0x2002}};
	struct wdx_unit u = {.version = 4, .address_size = (uint8_t)size, .low_pc = 0x1000};
	struct wdx_buf b = {.big = big};
	struct wdx_ranges v = {0};
	struct wdx_list_ctx ctx;
	const char *why = NULL;

	u.big_endian = big;
	pair(&b, size, 0x10, 0x20);
	pair(&b, size, 0x20, 0x20);
	pair(&b, size, top - 1, top);	  /* dead */
	pair(&b, size, top - 1, top - 1); /* dead */
	pair(&b, size, top, 0x2000);	  /* base */
	pair(&b, size, 1, 2);
	pair(&b, size, top, top - 1); /* dead base */
	pair(&b, size, 1, 2);
	pair(&b, size, 0, 0);
	ctx = context(&u, b.data, b.len);
	ok(wdx_read_ranges(&ctx, 0, &v, &why) && ranges_are(&v, want, 2),
	   "version 4 ranges, addresses of %u bytes, %s-endian", size, big ? "big" : "little");
	u.low_pc = top;
	v.len = 0;
	ok(wdx_read_ranges(&ctx, 0, &v, &why) && ranges_are(&v, want + 1, 1), "dead unit");
	ctx.size--;
	ok(!wdx_read_ranges(&ctx, 0, &v, &why), "without an end");
	u.address_size = 0;
	ok(!wdx_read_ranges(&ctx, 0, &v, &why) && why, "address size 0");
	wdx_vec_free(&v);
	wdx_buf_deinit(&b);
}

/* A list written and read back: random entries. */
static size_t write_random(struct wdx_buf *b, const struct wdx_unit *u, struct wdx_locs *want)
{
	uint64_t limit = u->address_size == 4 ? 0xffffff00 : UINT64_MAX / 2;
	size_t start = b->len, n = hostile_random() % 8;
	static const uint8_t bytes[300];

	want->len = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t lo = hostile_random() % limit, hi = lo + 1 + hostile_random() % 200;
		size_t size = hostile_random() % sizeof(bytes), at;
		struct wdx_loc *l;

		if (i % 2) {
			lo = u->low_pc + i;
			hi = lo + 3;
		}
		at = wdx_write_loc_entry(b, u->version, u->address_size, u->low_pc, lo, hi, size);
		if (at == WDX_NOT_WRITTEN)
			continue;
		l = wdx_vec_push(want);
		*l = (struct wdx_loc){.lo = lo, .hi = hi, .size = size};
		wdx_buf_bytes(b, bytes, size);
	}
	wdx_write_loc_end(b, u->version, u->address_size);
	return start;
}

static bool locs_equal(const struct wdx_locs *a, const struct wdx_locs *b)
{
	bool same = a->len == b->len;

	for (size_t i = 0; same && i < a->len; i++)
		same = a->data[i].lo == b->data[i].lo && a->data[i].hi == b->data[i].hi &&
		       a->data[i].size == b->data[i].size && a->data[i].whole == b->data[i].whole;
	return same;
}

static void test_written_locs(void)
{
	struct wdx_locs want = {0}, got = {0};
	struct wdx_buf b = {0};
	const char *why = NULL;
	bool good = true;

	for (int i = 0; i < 2000 && good; i++) {
		struct wdx_unit u = {.version = i & 1 ? 5 : 4, .address_size = i & 2 ? 8 : 4};
		struct wdx_list_ctx ctx;
		size_t at;

		wdx_buf_reset(&b);
		b.big = u.big_endian = i & 4;
		u.low_pc = i & 8 ? hostile_random() % 0xffff0000 : 0;
		wdx_buf_u8(&b, 0);
		at = write_random(&b, &u, &want);
		ctx = context(&u, b.data, b.len);
		got.len = 0;
		good = wdx_read_locs(&ctx, at, &got, &why) && locs_equal(&want, &got);
	}
	ok(good, "written location lists read back");
	wdx_vec_free(&want);
	wdx_vec_free(&got);
	wdx_buf_deinit(&b);
}

static void test_written_ranges(uint16_t version, uint8_t size)
{
	static const struct wdx_range r[] = {
		{0x1000, 0x1001}, {0xfff, 0x2000}, {0, 1}, {5000, 6000}};
	struct wdx_unit u = {.version = version, .address_size = size, .low_pc = 0x1000};
	struct wdx_buf b = {0};
	struct wdx_ranges v = {0};
	struct wdx_list_ctx ctx;
	const char *why = NULL;
	bool good = true;

	if (version >= 5)
		ok(wdx_write_list_header(&b, size) == 0 && b.len == 12, "list header");
	else
		wdx_buf_zeros(&b, 12);
	for (int i = 0; i < 4; i++)
		good = wdx_write_range_entry(&b, version, size, 0x1000, r[i].lo, r[i].hi) && good;
	good = !wdx_write_range_entry(&b, version, size, 0x1000, 0x1000, 0x1000) && good;
	wdx_write_range_end(&b, version, size);
	if (version >= 5)
		wdx_write_list_length(&b, 0);
	ctx = context(&u, b.data, b.len);
	good = good && wdx_read_ranges(&ctx, 12, &v, &why) && ranges_are(&v, r, 4);
	ok(good, "written ranges read back: version %u, addresses of %u bytes", version, size);
	ok(version < 5 || b.data[0] == b.len - 4, "length patched");
	wdx_vec_free(&v);
	wdx_buf_deinit(&b);
}

static void test_limits(void)
{
	struct wdx_buf b = {0};

	ok(wdx_write_loc_entry(&b, 4, 4, 0, 1, 2, 65536) == WDX_NOT_WRITTEN, "long expression");
	ok(wdx_write_loc_entry(&b, 4, 4, 0, 1, 1ULL << 32, 1) == WDX_NOT_WRITTEN, "wide address");
	ok(wdx_write_loc_entry(&b, 5, 4, 0, 2, 1, 1) == WDX_NOT_WRITTEN, "inverted range");
	ok(wdx_write_loc_entry(&b, 4, 8, 10, 9, 20, 1) == WDX_NOT_WRITTEN, "would select a base");
	ok(wdx_write_loc_entry(&b, 4, 4, 10, 5, 20, 1) == WDX_NOT_WRITTEN, "would have to wrap");
	ok(wdx_write_loc_default(&b, 4, 1) == WDX_NOT_WRITTEN, "no default location in 4");
	ok(b.len == 0, "nothing written");
	ok(wdx_write_loc_default(&b, 5, 1) == 2 && b.data[0] == DW_LLE_default_location,
	   "but in 5");
	wdx_buf_deinit(&b);
}

static void decode_at(const struct wdx_list_ctx *ctx, size_t offset)
{
	struct wdx_locs locs = {0};
	struct wdx_ranges ranges = {0};
	const char *why = NULL;
	struct wdx_loc *l;

	if (!wdx_read_locs(ctx, offset, &locs, &why) && !why)
		abort();
	wdx_vec_each (l, &locs) {
		if (!l->whole && l->lo >= l->hi)
			abort();
		if (l->expr < ctx->data || l->size > (size_t)(ctx->data + ctx->size - l->expr))
			abort();
	}
	why = NULL;
	if (!wdx_read_ranges(ctx, offset, &ranges, &why) && !why)
		abort();
	wdx_vec_free(&locs);
	wdx_vec_free(&ranges);
}

static void decode(const uint8_t *p, size_t size, void *arg)
{
	struct wdx_list_ctx ctx = context(arg, p, size);

	for (size_t i = 0; i < 4; i++)
		decode_at(&ctx, i * size / 4);
}

static void test_hostile(uint16_t version)
{
	struct wdx_unit u = {.version = version, .address_size = 4, .low_pc = 0x1000};
	struct wdx_locs want = {0};
	struct wdx_buf b = {0};

	if (version >= 5)
		make_rnglist(&b);
	while (b.len < 800)
		write_random(&b, &u, &want);
	hostile(b.data, b.len, 20000, decode, &u);
	ok(true, "mutations, version %u", version);
	wdx_vec_free(&want);
	wdx_buf_deinit(&b);
}

int main(void)
{
	test_rnglist();
	test_loclist();
	for (int i = 0; i < 4; i++)
		test_pairs(i & 1 ? 8 : 4, i & 2);
	test_written_locs();
	test_written_ranges(4, 4);
	test_written_ranges(4, 8);
	test_written_ranges(5, 4);
	test_written_ranges(5, 8);
	test_limits();
	test_hostile(4);
	test_hostile(5);
	return done();
}
