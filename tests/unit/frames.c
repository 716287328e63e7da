/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Call frame information: entries of every version read, written ones read back, instructions. */
#include "dwarf/decode.h"
#include "dwarf/encode.h"

#include <dwarf.h>
#include <string.h>

#include "hostile.h"
#include "tap.h"

static const uint8_t insns[] = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};

/* ---- reading --------------------------------------------------------------------------------- */

static size_t begin(struct wdx_buf *b, bool wide, uint64_t id)
{
	size_t at = b->len;

	if (wide)
		wdx_buf_u32(b, UINT32_MAX);
	wdx_buf_uint(b, 0, wide ? 8 : 4);
	wdx_buf_uint(b, id, wide ? 8 : 4);
	return at;
}

static void end(struct wdx_buf *b, size_t at, bool wide)
{
	if (wide)
		wdx_buf_patch(b, at + 4, b->len - at - 12, 8);
	else
		wdx_buf_patch(b, at, b->len - at - 4, 4);
}

static size_t cie(struct wdx_buf *b, uint8_t version, bool wide, const char *augmentation)
{
	size_t at = begin(b, wide, wide ? UINT64_MAX : UINT32_MAX);

	wdx_buf_u8(b, version);
	wdx_buf_str(b, augmentation);
	if (version >= 4)
		wdx_buf_bytes(b, (uint8_t[]){8, 2}, 2); /* address and segment size */
	wdx_buf_uleb(b, 1);
	wdx_buf_sleb(b, -8);
	wdx_buf_u8(b, 16);
	if (*augmentation == 'z')
		wdx_buf_bytes(b, (uint8_t[]){2, 1, 1}, 3);
	wdx_buf_bytes(b, insns, sizeof(insns));
	end(b, at, wide);
	return at;
}

static void fde(struct wdx_buf *b, uint8_t version, bool wide, size_t of, bool z)
{
	size_t at = begin(b, wide, of);

	if (version >= 4)
		wdx_buf_u16(b, 0x55aa); /* segment */
	wdx_buf_uint(b, 0x1000, version >= 4 ? 8 : 4);
	wdx_buf_uint(b, 0x20, version >= 4 ? 8 : 4);
	if (z)
		wdx_buf_bytes(b, (uint8_t[]){1, 9}, 2);
	wdx_buf_u8(b, DW_CFA_advance_loc | 4);
	end(b, at, wide);
}

static void make(struct wdx_buf *b, uint8_t version, bool wide, const char *augmentation)
{
	size_t at;

	wdx_buf_u32(b, 0); /* padding */
	at = cie(b, version, wide, augmentation);
	fde(b, version, wide, at, *augmentation == 'z');
	fde(b, version, wide, at, *augmentation == 'z');
	wdx_buf_u32(b, 0);
}

static bool is_cie(const struct wdx_frame *f, uint8_t version)
{
	return f->is_cie && f->version == version && f->address_size == (version >= 4 ? 8 : 4) &&
	       f->code_align == 1 && f->data_align == -8 && f->return_reg == 16 &&
	       f->size == sizeof(insns) && !memcmp(f->insns, insns, sizeof(insns));
}

static bool is_fde(const struct wdx_frame *f, uint64_t of)
{
	return !f->is_cie && f->cie == of && f->lo == 0x1000 && f->hi == 0x1020 && f->size == 1 &&
	       f->insns[0] == (DW_CFA_advance_loc | 4);
}

static void test_read(uint8_t version, bool wide, bool big, const char *augmentation)
{
	struct wdx_buf b = {.big = big};
	struct wdx_frames it;
	struct wdx_frame f;
	const char *why;

	make(&b, version, wide, augmentation);
	wdx_frames_init(&it, b.data, b.len, big, 4);
	ok(wdx_frames_next(&it, &f, &why) && !why && is_cie(&f, version) && f.offset == 4,
	   "CIE of version %u \"%s\"%s", version, augmentation, wide ? ", 64-bit" : "");
	ok(wdx_frames_next(&it, &f, &why) && !why && is_fde(&f, 4), "its FDE");
	ok(wdx_frames_next(&it, &f, &why) && !why && is_fde(&f, 4), "another");
	ok(!wdx_frames_next(&it, &f, &why) && !why, "the end");
	wdx_buf_deinit(&b);
}

/* Malformed entries are told and skipped. */
static void test_bad(void)
{
	struct wdx_buf b = {0};
	struct wdx_frames it;
	struct wdx_frame f;
	const char *why;
	size_t bad, at;

	bad = cie(&b, 2, false, "");
	fde(&b, 3, false, bad, false);
	fde(&b, 3, false, 100000, false);
	cie(&b, 3, false, "what");
	cie(&b, 3, false, "an augmentation that has no end in sight");
	at = cie(&b, 3, false, "");
	fde(&b, 3, false, at, false);
	fde(&b, 3, false, bad, false);
	wdx_buf_u32(&b, 1000);
	wdx_frames_init(&it, b.data, b.len, false, 4);
	for (int i = 0; i < 5; i++)
		ok(wdx_frames_next(&it, &f, &why) && why, "entry %d: %s", i, why ? "bad" : "good");
	ok(wdx_frames_next(&it, &f, &why) && !why && f.is_cie, "a good CIE");
	ok(wdx_frames_next(&it, &f, &why) && !why && is_fde(&f, at), "a good FDE");
	ok(wdx_frames_next(&it, &f, &why) && why && !f.is_cie, "an FDE of a bad CIE");
	ok(wdx_frames_next(&it, &f, &why) && why, "a length out of the section");
	ok(!wdx_frames_next(&it, &f, &why), "ends it");
	wdx_buf_deinit(&b);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void test_written(uint8_t size, bool big)
{
	struct wdx_frame in = {.address_size = size,
			       .code_align = 4,
			       .data_align = -8,
			       .return_reg = 300,
			       .insns = insns,
			       .size = sizeof(insns)};
	struct wdx_buf b = {.big = big};
	struct wdx_frames it;
	struct wdx_frame f;
	const char *why;
	size_t c;

	c = wdx_write_cie(&b, &in);
	ok(c == 0 && b.len % size == 0, "CIE of %u bytes padded", (unsigned)b.len);
	c = wdx_write_cie(&b, &in);
	ok(wdx_write_fde(&b, c, size, 0x70, 0x90, insns, 3) != WDX_NOT_WRITTEN && b.len % size == 0,
	   "FDE padded");
	wdx_frames_init(&it, b.data, b.len, big, 1);
	ok(wdx_frames_next(&it, &f, &why) && wdx_frames_next(&it, &f, &why) && !why, "read back");
	ok(f.is_cie && f.offset == c && f.version == 4 && f.address_size == size &&
		   f.code_align == 4 && f.data_align == -8 && f.return_reg == 300 &&
		   !memcmp(f.insns, insns, sizeof(insns)),
	   "the CIE");
	ok(wdx_frames_next(&it, &f, &why) && !why && f.cie == c && f.lo == 0x70 && f.hi == 0x90 &&
		   !memcmp(f.insns, insns, 3) && (f.size == 3 || f.insns[3] == DW_CFA_nop),
	   "the FDE");
	ok(!wdx_frames_next(&it, &f, &why) && !why, "the end");
	wdx_buf_deinit(&b);
}

static void test_limits(void)
{
	struct wdx_frame in = {.address_size = 3};
	struct wdx_buf b = {0};

	ok(wdx_write_cie(&b, &in) == WDX_NOT_WRITTEN, "address size 3");
	ok(wdx_write_fde(&b, 0, 4, 2, 1, insns, 1) == WDX_NOT_WRITTEN, "inverted");
	ok(wdx_write_fde(&b, 0, 4, 0, 1ULL << 32, insns, 1) == WDX_NOT_WRITTEN, "wide");
	ok(wdx_write_fde(&b, UINT32_MAX, 4, 0, 1, insns, 1) == WDX_NOT_WRITTEN, "id of a CIE");
	ok(b.len == 0, "nothing written");
}

static void is(struct wdx_buf *b, bool written, const char *what, const char *want, size_t n)
{
	ok(written && b->len == n && !memcmp(b->data, want, n), "%s", what);
	wdx_buf_reset(b);
}

#define IS(call, want) is(&b, (call), #call, want, sizeof(want) - 1)
#define DOES(call, want) IS((call, true), want)

static void test_insns(void)
{
	static const uint8_t expr[] = {0x91, 0};
	struct wdx_buf b = {0};

	wdx_buf_u8(&b, 0);
	wdx_buf_reset(&b);
	IS(wdx_cfa_advance(&b, 0, 4), "");
	IS(wdx_cfa_advance(&b, 63 * 4, 4), "\x7f");
	IS(wdx_cfa_advance(&b, 64, 1), "\x02\x40");
	IS(wdx_cfa_advance(&b, 0x1234, 1), "\x03\x34\x12");
	IS(wdx_cfa_advance(&b, 0x12345, 1), "\x04\x45\x23\x01\x00");
	IS(wdx_cfa_advance(&b, 0x100000000, 1), "\x04\xff\xff\xff\xff\x41");
	IS(!wdx_cfa_advance(&b, 5, 4), "");
	IS(!wdx_cfa_advance(&b, 5, 0), "");
	IS(wdx_cfa_def_cfa(&b, 7, 8, -8), "\x0c\x07\x08");
	IS(wdx_cfa_def_cfa(&b, 7, -16, -8), "\x12\x07\x02");
	IS(!wdx_cfa_def_cfa(&b, 7, -15, -8), "");
	IS(wdx_cfa_def_cfa_offset(&b, 200, -8), "\x0e\xc8\x01");
	IS(wdx_cfa_def_cfa_offset(&b, -8, 4), "\x13\x7e");
	IS(!wdx_cfa_def_cfa_offset(&b, -8, 0), "");
	IS(wdx_cfa_offset(&b, 16, -8, -8), "\x90\x01");
	IS(wdx_cfa_offset(&b, 70, -16, -8), "\x05\x46\x02");
	IS(wdx_cfa_offset(&b, 3, 8, -8), "\x11\x03\x7f");
	IS(!wdx_cfa_offset(&b, 3, 9, -8), "");
	IS(!wdx_cfa_offset(&b, 3, INT64_MIN, -1), "");
	IS(wdx_cfa_val_offset(&b, 7, 0, -8), "\x14\x07\x00");
	IS(wdx_cfa_val_offset(&b, 7, 8, -8), "\x15\x07\x7f");
	DOES(wdx_cfa_def_cfa_register(&b, 6), "\x0d\x06");
	DOES(wdx_cfa_def_cfa_expression(&b, expr, 2), "\x0f\x02\x91\x00");
	DOES(wdx_cfa_expression(&b, 3, expr, 2), "\x10\x03\x02\x91\x00");
	DOES(wdx_cfa_val_expression(&b, 3, expr, 2), "\x16\x03\x02\x91\x00");
	DOES(wdx_cfa_register(&b, 3, 130), "\x09\x03\x82\x01");
	DOES(wdx_cfa_same_value(&b, 3), "\x08\x03");
	DOES(wdx_cfa_undefined(&b, 3), "\x07\x03");
	DOES(wdx_cfa_restore(&b, 3), "\xc3");
	DOES(wdx_cfa_restore(&b, 64), "\x06\x40");
	DOES(wdx_cfa_remember_state(&b), "\x0a");
	DOES(wdx_cfa_restore_state(&b), "\x0b");
	wdx_buf_deinit(&b);
}

/* ---- malformed ------------------------------------------------------------------------------- */

static void decode(const uint8_t *p, size_t size, void *arg)
{
	struct wdx_frames it;
	struct wdx_frame f;
	const char *why;
	size_t n = 0;

	(void)arg;
	wdx_frames_init(&it, p, size, false, 4);
	while (wdx_frames_next(&it, &f, &why)) {
		if (n++ > size || f.offset >= size)
			abort();
		if (!why && (f.insns < p || f.size > (size_t)(p + size - f.insns)))
			abort();
		if (!why && f.is_cie && strlen(f.augmentation) > size)
			abort();
	}
}

static void test_hostile(void)
{
	struct wdx_buf b = {0};

	make(&b, 1, false, "z");
	make(&b, 3, true, "");
	make(&b, 4, false, "armcc+");
	hostile(b.data, b.len, 20000, decode, NULL);
	ok(true, "mutations");
	wdx_buf_deinit(&b);
}

int main(void)
{
	test_read(1, false, false, "");
	test_read(3, false, true, "armcc+");
	test_read(3, true, false, "zR");
	test_read(4, false, false, "");
	test_read(4, true, true, "");
	test_bad();
	for (int i = 0; i < 8; i++)
		test_written((uint8_t)(1 << i / 2), i % 2);
	test_limits();
	test_insns();
	test_hostile();
	return done();
}
