/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * DWARF location descriptions (DWARF 4 §2.6) of the engine's variables as places.  The engine gives
 * its functions no frame base: DW_OP_fbreg counts from the CFA there, which the stores of spilled
 * locals bear out.
 */
#include <dwarf.h>
#include <string.h>

#include "base/error.h"
#include "map/cwasm.h"
#include "native/native.h"

/* Operands of the operations that mean the same in any DWARF: no offset of a DIE, no address of
 * another section, no frame base.  */
enum operand { NO = 0, NONE, U1, U2, U4, U8, LEB, LEB2, BLOCK, REG, REG_LEB };

struct op_range {
	uint8_t lo, hi, operand;
};

static const struct op_range ops[] = {
	{DW_OP_deref, DW_OP_deref, NONE},
	{DW_OP_const1u, DW_OP_const1s, U1},
	{DW_OP_const2u, DW_OP_const2s, U2},
	{DW_OP_const4u, DW_OP_const4s, U4},
	{DW_OP_const8u, DW_OP_const8s, U8},
	{DW_OP_constu, DW_OP_consts, LEB},
	{DW_OP_dup, DW_OP_over, NONE},
	{DW_OP_pick, DW_OP_pick, U1},
	{DW_OP_swap, DW_OP_rot, NONE},
	{DW_OP_abs, DW_OP_plus, NONE},
	{DW_OP_plus_uconst, DW_OP_plus_uconst, LEB},
	{DW_OP_shl, DW_OP_xor, NONE},
	{DW_OP_eq, DW_OP_ne, NONE},
	{DW_OP_lit0, DW_OP_lit31, NONE},
	{DW_OP_reg0, DW_OP_reg31, NONE},
	{DW_OP_breg0, DW_OP_breg31, LEB},
	{DW_OP_regx, DW_OP_regx, REG},
	{DW_OP_bregx, DW_OP_bregx, REG_LEB},
	{DW_OP_piece, DW_OP_piece, LEB},
	{DW_OP_deref_size, DW_OP_deref_size, U1},
	{DW_OP_nop, DW_OP_nop, NONE},
	{DW_OP_call_frame_cfa, DW_OP_call_frame_cfa, NONE},
	{DW_OP_bit_piece, DW_OP_bit_piece, LEB2},
	{DW_OP_implicit_value, DW_OP_implicit_value, BLOCK},
	{DW_OP_stack_value, DW_OP_stack_value, NONE},
};

static unsigned operand_of(uint8_t op)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (op >= ops[i].lo && op <= ops[i].hi)
			return ops[i].operand;
	return NO;
}

static bool known_reg(const struct wdx_cwasm *c, uint64_t reg)
{
	return reg <= UINT16_MAX && wdx_target_reg_name(c->target, (unsigned)reg);
}

static bool read_reg(const struct wdx_cwasm *c, struct wdx_reader *in)
{
	return known_reg(c, wdx_read_uleb(in, 64));
}

static bool skip_operands(const struct wdx_cwasm *c, struct wdx_reader *in, uint8_t op)
{
	unsigned kind = operand_of(op);

	if (op >= DW_OP_reg0 && op <= DW_OP_breg31 && !known_reg(c, (op - DW_OP_reg0) & 31))
		return false;
	if (kind >= U1 && kind <= U8)
		wdx_read_skip(in, 1u << (kind - U1));
	else if (kind == LEB || kind == LEB2)
		wdx_read_uleb(in, 64); /* of whichever sign */
	else if (kind == BLOCK)
		wdx_read_skip(in, wdx_read_uleb(in, 64));
	else if ((kind == REG || kind == REG_LEB) && !read_reg(c, in))
		return false;
	if (kind == LEB2 || kind == REG_LEB)
		wdx_read_uleb(in, 64);
	return kind != NO && !in->failed;
}

/* Only operations that mean the same wherever the expression is put. */
static bool is_portable(const struct wdx_cwasm *c, const uint8_t *expr, size_t n)
{
	struct wdx_reader in;

	wdx_reader_init(&in, expr, n, 0, false);
	while (in.pos < in.end)
		if (!skip_operands(c, &in, wdx_read_u8(&in)))
			return false;
	return true;
}

static bool at_end(const struct wdx_reader *in)
{
	return !in->failed && in->pos == in->end;
}

static bool as_register(const struct wdx_cwasm *c, const uint8_t *expr, size_t n, uint64_t *reg)
{
	struct wdx_reader in;
	uint8_t op;

	wdx_reader_init(&in, expr, n, 0, false);
	op = wdx_read_u8(&in);
	if (op >= DW_OP_reg0 && op <= DW_OP_reg31)
		*reg = op - DW_OP_reg0;
	else if (op == DW_OP_regx)
		*reg = wdx_read_uleb(&in, 64);
	else
		return false;
	return at_end(&in) && known_reg(c, *reg);
}

/* What is added to the CFA behind DW_OP_call_frame_cfa: nothing, or a constant. */
static bool read_addend(struct wdx_reader *in, int64_t *off)
{
	*off = 0;
	if (at_end(in))
		return true;
	switch (wdx_read_u8(in)) {
	case DW_OP_plus_uconst:
		*off = (int64_t)wdx_read_uleb(in, 64);
		return at_end(in);
	case DW_OP_consts:
		*off = wdx_read_sleb(in, 64);
		break;
	case DW_OP_constu:
		*off = (int64_t)wdx_read_uleb(in, 64);
		break;
	default:
		return false;
	}
	return wdx_read_u8(in) == DW_OP_plus && at_end(in);
}

static bool as_slot(const struct wdx_cwasm *c, const uint8_t *expr, size_t n,
		    enum wdx_base_kind *base, uint64_t *reg, int64_t *off)
{
	struct wdx_reader in;
	uint8_t op;

	wdx_reader_init(&in, expr, n, 0, false);
	op = wdx_read_u8(&in);
	*base = WDX_BASE_CFA;
	*reg = 0;
	if (op == DW_OP_call_frame_cfa)
		return read_addend(&in, off);
	if (op == DW_OP_fbreg) {
		*off = wdx_read_sleb(&in, 64);
		return at_end(&in);
	}
	*base = WDX_BASE_REG;
	if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
		*reg = op - DW_OP_breg0;
	else if (op == DW_OP_bregx)
		*reg = wdx_read_uleb(&in, 64);
	else
		return false;
	*off = wdx_read_sleb(&in, 64);
	return at_end(&in) && known_reg(c, *reg);
}

struct wdx_error *wdx_cwasm_place(const struct wdx_cwasm *c, const uint8_t *expr, size_t n,
				  uint32_t *place)
{
	enum wdx_base_kind base;
	uint64_t reg;
	int64_t off;

	*place = UINT32_MAX;
	if (as_register(c, expr, n, &reg))
		*place = wdx_map_place_reg(c->map, (unsigned)reg);
	else if (as_slot(c, expr, n, &base, &reg, &off))
		*place = wdx_map_place_mem(c->map, base, (unsigned)reg, &off, 1);
	else if (n && is_portable(c, expr, n))
		*place = wdx_map_place_expr(c->map, expr, n);
	else
		return NULL;
	return *place == UINT32_MAX ? &wdx_nomem : NULL;
}
