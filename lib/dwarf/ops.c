/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/decode.h"

#include <dwarf.h>

#include "base/search.h"

enum operand {
	K_NONE,
	K_ADDR,
	K_U1,
	K_U2,
	K_U4,
	K_U8,
	K_S1,
	K_S2,
	K_S4,
	K_S8,
	K_ULEB,
	K_SLEB,
	K_BRANCH,
	K_BLOCK,
	K_BLOCK1,
	K_REF2,
	K_REF4,
	K_REF_ULEB,
	K_REF_TYPE,
	K_REF_GLOBAL,
	K_WASM,
};

struct op_info {
	const char *name;
	uint8_t operand[2]; /* enum operand */
};

static const struct op_info infos[256] = {
#define WDX_OP(code, name, a, b) [code] = {#name, {K_##a, K_##b}},
#include "dwarf/ops.def"
#undef WDX_OP
};

/* Kinds whose operand is a number of so many bytes, and whether it is signed. */
static const struct {
	uint8_t size;
	bool sign;
} fixed[] = {
	[K_U1] = {1, false},	[K_U2] = {2, false},   [K_U4] = {4, false},   [K_U8] = {8, false},
	[K_S1] = {1, true},	[K_S2] = {2, true},    [K_S4] = {4, true},    [K_S8] = {8, true},
	[K_BRANCH] = {2, true}, [K_REF2] = {2, false}, [K_REF4] = {4, false}, [K_WASM] = {0, false},
};

const char *wdx_op_name(uint8_t code)
{
	return infos[code].name;
}

static uint64_t sized(struct wdx_reader *r, unsigned size)
{
	if (size < 1 || size > 8) {
		wdx_reader_fail(r, "operand of an impossible size");
		return 0;
	}
	return wdx_read_uint(r, size);
}

static uint64_t sign_extend(uint64_t v, unsigned size)
{
	uint64_t top = 1ULL << (8 * size - 1);

	return (v ^ top) - top;
}

static void block(struct wdx_reader *r, uint64_t size, struct wdx_op *op)
{
	op->data = wdx_read_bytes(r, size);
	op->data_size = op->data ? (size_t)size : 0;
}

static void wasm_location(struct wdx_reader *r, struct wdx_op *op)
{
	uint64_t kind = wdx_read_uleb(r, 64);

	if (kind > 4)
		wdx_reader_fail(r, "unknown kind of WebAssembly location");
	op->arg[op->nargs++] = kind;
	op->arg[op->nargs++] = kind == 3 ? wdx_read_u32(r) : wdx_read_uleb(r, 32);
}

static uint64_t number(struct wdx_reader *r, const struct wdx_unit *u, enum operand k)
{
	uint64_t v;

	switch (k) {
	case K_ADDR:
		return sized(r, u->address_size);
	case K_REF_GLOBAL:
		/* Version 2 had DW_FORM_ref_addr, which these follow, of the address size. */
		return sized(r, u->version <= 2 ? u->address_size : u->offset_size);
	case K_ULEB:
	case K_REF_ULEB:
	case K_REF_TYPE:
		return wdx_read_uleb(r, 64);
	case K_SLEB:
		return (uint64_t)wdx_read_sleb(r, 64);
	default:
		v = sized(r, fixed[k].size);
		return fixed[k].sign ? sign_extend(v, fixed[k].size) : v;
	}
}

static void operand(struct wdx_reader *r, const struct wdx_unit *u, enum operand k,
		    struct wdx_op *op)
{
	if (k == K_WASM) {
		wasm_location(r, op);
	} else if (k == K_BLOCK) {
		block(r, wdx_read_uleb(r, 64), op);
	} else if (k == K_BLOCK1) {
		block(r, wdx_read_u8(r), op);
	} else {
		op->arg[op->nargs++] = number(r, u, k);
		op->ref_global = op->ref_global || k == K_REF_GLOBAL;
		if (k >= K_REF2 && !(k == K_REF_TYPE && !op->arg[op->nargs - 1]))
			op->ref = op->nargs;
	}
}

static void decode_op(struct wdx_reader *r, const struct wdx_unit *u, struct wdx_op *op)
{
	size_t at = wdx_reader_at(r);
	const struct op_info *info;

	*op = (struct wdx_op){.offset = (uint32_t)at, .code = *r->pos, .bytes = r->pos};
	info = &infos[op->code];
	if (!info->name) {
		wdx_reader_fail(r, "unknown operation");
		return;
	}
	r->pos++;
	for (int i = 0; i < 2 && info->operand[i] != K_NONE; i++)
		operand(r, u, info->operand[i], op);
	op->size = (uint32_t)(wdx_reader_at(r) - at);
}

/* The index of the operation at that offset, n for the end; UINT32_MAX when none begins there. */
static uint32_t op_at(const struct wdx_op *ops, size_t n, uint64_t offset, uint64_t size)
{
	size_t lo;

	if (offset == size)
		return (uint32_t)n;
	lo = wdx_search(i, 0, n, ops[i].offset < offset);
	return lo < n && ops[lo].offset == offset ? (uint32_t)lo : UINT32_MAX;
}

static bool resolve_branches(struct wdx_op *ops, size_t n, size_t size)
{
	for (struct wdx_op *op = ops; op < ops + n; op++) {
		if (op->code != DW_OP_bra && op->code != DW_OP_skip)
			continue;
		op->target = op_at(ops, n, op->offset + op->size + op->arg[0], size);
		if (op->target == UINT32_MAX)
			return false;
	}
	return true;
}

bool wdx_decode_expr(const struct wdx_unit *u, const uint8_t *p, size_t size, struct wdx_op *ops,
		     size_t max, size_t *n, const char **why)
{
	struct wdx_reader r;

	*n = 0;
	wdx_reader_init(&r, p, size, 0, u->big_endian);
	if (size >= UINT32_MAX)
		wdx_reader_fail(&r, "expression too long");
	while (r.pos < r.end) {
		if (*n == max) {
			wdx_reader_fail(&r, "more operations than there is room for");
			break;
		}
		decode_op(&r, u, &ops[*n]);
		if (!r.failed)
			++*n;
	}
	if (!r.failed && !resolve_branches(ops, *n, size))
		wdx_reader_fail(&r,
				"branch into the middle of an operation, or out of the expression");
	if (r.failed)
		*why = r.failed;
	return !r.failed;
}
