/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/encode.h"

#include <dwarf.h>

static bool good_size(unsigned size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool fits(uint64_t address, unsigned size)
{
	return size == 8 || !(address >> (8 * size));
}

/* Pads the entry at `at` to the address size and patches its length. */
static size_t finish(struct wdx_buf *b, size_t at, unsigned address_size)
{
	uint64_t length;

	while (!b->failed && (b->len - at) % address_size)
		wdx_buf_u8(b, DW_CFA_nop);
	length = b->len - at - 4;
	/* From 0xfffffff0 on lengths have another meaning (DWARF 5 §7.4); the offset must not be
	 * the id of a CIE. */
	if (length >= 0xfffffff0 || at >= UINT32_MAX) {
		b->len = at;
		return WDX_NOT_WRITTEN;
	}
	wdx_buf_patch(b, at, length, 4);
	return at;
}

size_t wdx_write_cie(struct wdx_buf *b, const struct wdx_frame *cie)
{
	size_t at = b->len;

	if (!good_size(cie->address_size))
		return WDX_NOT_WRITTEN;
	wdx_buf_u32(b, 0);
	wdx_buf_u32(b, UINT32_MAX);
	wdx_buf_u8(b, 4); /* version */
	wdx_buf_u8(b, 0); /* augmentation "" */
	wdx_buf_u8(b, cie->address_size);
	wdx_buf_u8(b, 0); /* segment selector size */
	wdx_buf_uleb(b, cie->code_align);
	wdx_buf_sleb(b, cie->data_align);
	wdx_buf_uleb(b, cie->return_reg);
	wdx_buf_bytes(b, cie->insns, cie->size);
	return finish(b, at, cie->address_size);
}

size_t wdx_write_fde(struct wdx_buf *b, size_t cie, uint8_t address_size, uint64_t lo, uint64_t hi,
		     const uint8_t *insns, size_t n)
{
	size_t at = b->len;

	if (!good_size(address_size) || cie >= UINT32_MAX || lo > hi || !fits(hi, address_size))
		return WDX_NOT_WRITTEN;
	wdx_buf_u32(b, 0);
	wdx_buf_u32(b, (uint32_t)cie);
	wdx_buf_uint(b, lo, address_size);
	wdx_buf_uint(b, hi - lo, address_size);
	wdx_buf_bytes(b, insns, n);
	return finish(b, at, address_size);
}

/* ---- instructions ---------------------------------------------------------------------------- */

bool wdx_cfa_advance(struct wdx_buf *b, uint64_t delta, uint64_t code_align)
{
	if (!code_align || delta % code_align)
		return false;
	delta /= code_align;
	for (; delta > UINT32_MAX; delta -= UINT32_MAX) {
		wdx_buf_u8(b, DW_CFA_advance_loc4);
		wdx_buf_u32(b, UINT32_MAX);
	}
	if (!delta)
		return true;
	if (delta < 0x40) {
		wdx_buf_u8(b, (uint8_t)(DW_CFA_advance_loc | delta));
	} else if (delta <= UINT8_MAX) {
		wdx_buf_u8(b, DW_CFA_advance_loc1);
		wdx_buf_u8(b, (uint8_t)delta);
	} else if (delta <= UINT16_MAX) {
		wdx_buf_u8(b, DW_CFA_advance_loc2);
		wdx_buf_u16(b, (uint16_t)delta);
	} else {
		wdx_buf_u8(b, DW_CFA_advance_loc4);
		wdx_buf_u32(b, (uint32_t)delta);
	}
	return true;
}

/* offset / data_align; false when that is not a whole number. */
static bool factor(int64_t offset, int64_t data_align, int64_t *n)
{
	/* INT64_MIN / -1 is not representable. */
	if (!data_align || (data_align == -1 && offset == INT64_MIN) || offset % data_align)
		return false;
	*n = offset / data_align;
	return true;
}

/* An instruction of one register. */
static void reg_insn(struct wdx_buf *b, uint8_t code, uint64_t reg)
{
	wdx_buf_u8(b, code);
	wdx_buf_uleb(b, reg);
}

bool wdx_cfa_def_cfa(struct wdx_buf *b, uint64_t reg, int64_t offset, int64_t data_align)
{
	int64_t n;

	if (offset >= 0) {
		reg_insn(b, DW_CFA_def_cfa, reg);
		wdx_buf_uleb(b, (uint64_t)offset);
		return true;
	}
	if (!factor(offset, data_align, &n))
		return false;
	reg_insn(b, DW_CFA_def_cfa_sf, reg);
	wdx_buf_sleb(b, n);
	return true;
}

bool wdx_cfa_def_cfa_offset(struct wdx_buf *b, int64_t offset, int64_t data_align)
{
	int64_t n;

	if (offset >= 0) {
		wdx_buf_u8(b, DW_CFA_def_cfa_offset);
		wdx_buf_uleb(b, (uint64_t)offset);
		return true;
	}
	if (!factor(offset, data_align, &n))
		return false;
	wdx_buf_u8(b, DW_CFA_def_cfa_offset_sf);
	wdx_buf_sleb(b, n);
	return true;
}

bool wdx_cfa_offset(struct wdx_buf *b, uint64_t reg, int64_t offset, int64_t data_align)
{
	int64_t n;

	if (!factor(offset, data_align, &n))
		return false;
	if (n < 0) {
		reg_insn(b, DW_CFA_offset_extended_sf, reg);
		wdx_buf_sleb(b, n);
		return true;
	}
	if (reg < 0x40)
		wdx_buf_u8(b, (uint8_t)(DW_CFA_offset | reg));
	else
		reg_insn(b, DW_CFA_offset_extended, reg);
	wdx_buf_uleb(b, (uint64_t)n);
	return true;
}

bool wdx_cfa_val_offset(struct wdx_buf *b, uint64_t reg, int64_t offset, int64_t data_align)
{
	int64_t n;

	if (!factor(offset, data_align, &n))
		return false;
	reg_insn(b, n < 0 ? DW_CFA_val_offset_sf : DW_CFA_val_offset, reg);
	if (n < 0)
		wdx_buf_sleb(b, n);
	else
		wdx_buf_uleb(b, (uint64_t)n);
	return true;
}

void wdx_cfa_def_cfa_register(struct wdx_buf *b, uint64_t reg)
{
	reg_insn(b, DW_CFA_def_cfa_register, reg);
}

static void block(struct wdx_buf *b, const uint8_t *expr, size_t n)
{
	wdx_buf_uleb(b, n);
	wdx_buf_bytes(b, expr, n);
}

void wdx_cfa_def_cfa_expression(struct wdx_buf *b, const uint8_t *expr, size_t n)
{
	wdx_buf_u8(b, DW_CFA_def_cfa_expression);
	block(b, expr, n);
}

void wdx_cfa_expression(struct wdx_buf *b, uint64_t reg, const uint8_t *expr, size_t n)
{
	reg_insn(b, DW_CFA_expression, reg);
	block(b, expr, n);
}

void wdx_cfa_val_expression(struct wdx_buf *b, uint64_t reg, const uint8_t *expr, size_t n)
{
	reg_insn(b, DW_CFA_val_expression, reg);
	block(b, expr, n);
}

void wdx_cfa_register(struct wdx_buf *b, uint64_t reg, uint64_t in)
{
	reg_insn(b, DW_CFA_register, reg);
	wdx_buf_uleb(b, in);
}

void wdx_cfa_same_value(struct wdx_buf *b, uint64_t reg)
{
	reg_insn(b, DW_CFA_same_value, reg);
}

void wdx_cfa_undefined(struct wdx_buf *b, uint64_t reg)
{
	reg_insn(b, DW_CFA_undefined, reg);
}

void wdx_cfa_restore(struct wdx_buf *b, uint64_t reg)
{
	if (reg < 0x40)
		wdx_buf_u8(b, (uint8_t)(DW_CFA_restore | reg));
	else
		reg_insn(b, DW_CFA_restore_extended, reg);
}

void wdx_cfa_remember_state(struct wdx_buf *b)
{
	wdx_buf_u8(b, DW_CFA_remember_state);
}

void wdx_cfa_restore_state(struct wdx_buf *b)
{
	wdx_buf_u8(b, DW_CFA_restore_state);
}
