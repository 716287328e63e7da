/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/encode.h"

#include <dwarf.h>

size_t wdx_write_list_header(struct wdx_buf *b, uint8_t address_size)
{
	size_t at = b->len;

	wdx_buf_u32(b, 0);
	wdx_buf_u16(b, 5);
	wdx_buf_u8(b, address_size);
	wdx_buf_u8(b, 0);  /* segment selector size */
	wdx_buf_u32(b, 0); /* offset entry count */
	return at;
}

void wdx_write_list_length(struct wdx_buf *b, size_t at)
{
	wdx_buf_patch(b, at, b->len - at - 4, 4);
}

static uint64_t address_mask(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ULL << 8 * size) - 1;
}

static bool writable(uint8_t address_size, uint64_t lo, uint64_t hi)
{
	uint64_t mask = address_mask(address_size);

	return address_size >= 1 && address_size <= 8 && lo < hi && hi <= mask;
}

static void pair(struct wdx_buf *b, uint8_t address_size, uint64_t first, uint64_t second)
{
	wdx_buf_uint(b, first, address_size);
	wdx_buf_uint(b, second, address_size);
}

static void select_base(struct wdx_buf *b, uint8_t address_size, uint64_t base)
{
	pair(b, address_size, address_mask(address_size), base);
}

/*
 * Whether a pair can say an address below the base: consumers add in 64 bits, which wraps for
 * 8-byte addresses only.  A difference of all ones would select a base.
 */
static bool wraps(uint8_t address_size, uint64_t base, uint64_t lo)
{
	return lo >= base || (address_size == 8 && base - lo > 1);
}

size_t wdx_write_loc_entry(struct wdx_buf *b, uint16_t version, uint8_t address_size, uint64_t base,
			   uint64_t lo, uint64_t hi, size_t expr_size)
{
	if (!writable(address_size, lo, hi))
		return WDX_NOT_WRITTEN;
	if (version < 5 && (expr_size > UINT16_MAX || !wraps(address_size, base, lo)))
		return WDX_NOT_WRITTEN;
	if (version >= 5 && lo >= base) {
		wdx_buf_u8(b, DW_LLE_offset_pair);
		wdx_buf_uleb(b, lo - base);
		wdx_buf_uleb(b, hi - base);
	} else if (version >= 5) {
		wdx_buf_u8(b, DW_LLE_start_end);
		pair(b, address_size, lo, hi);
	} else {
		pair(b, address_size, lo - base, hi - base);
	}
	if (version >= 5)
		wdx_buf_uleb(b, expr_size);
	else
		wdx_buf_u16(b, (uint16_t)expr_size);
	return b->len;
}

size_t wdx_write_loc_default(struct wdx_buf *b, uint16_t version, size_t expr_size)
{
	if (version < 5)
		return WDX_NOT_WRITTEN;
	wdx_buf_u8(b, DW_LLE_default_location);
	wdx_buf_uleb(b, expr_size);
	return b->len;
}

static void list_end(struct wdx_buf *b, uint16_t version, uint8_t address_size)
{
	if (version >= 5)
		wdx_buf_u8(b, 0);
	else
		pair(b, address_size, 0, 0);
}

void wdx_write_loc_end(struct wdx_buf *b, uint16_t version, uint8_t address_size)
{
	list_end(b, version, address_size);
}

bool wdx_write_range_entry(struct wdx_buf *b, uint16_t version, uint8_t address_size, uint64_t base,
			   uint64_t lo, uint64_t hi)
{
	if (!writable(address_size, lo, hi))
		return false;
	if (version >= 5 && lo >= base) {
		wdx_buf_u8(b, DW_RLE_offset_pair);
		wdx_buf_uleb(b, lo - base);
		wdx_buf_uleb(b, hi - base);
	} else if (version >= 5) {
		wdx_buf_u8(b, DW_RLE_start_end);
		pair(b, address_size, lo, hi);
	} else if (lo >= base) {
		pair(b, address_size, lo - base, hi - base);
	} else {
		select_base(b, address_size, 0);
		pair(b, address_size, lo, hi);
		select_base(b, address_size, base);
	}
	return true;
}

void wdx_write_range_end(struct wdx_buf *b, uint16_t version, uint8_t address_size)
{
	list_end(b, version, address_size);
}
