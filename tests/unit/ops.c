/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Expressions: every kind of operand, branches, malformed ones. */
#include "dwarf/decode.h"

#include <dwarf.h>
#include <string.h>

#include "hostile.h"
#include "tap.h"

static const struct wdx_unit unit4 = {.version = 5, .address_size = 4, .offset_size = 4};

struct one {
	const char *name; /* without DW_OP_ */
	uint8_t bytes[16];
	uint8_t size, nargs;
	uint64_t arg[2];
	uint8_t ref;
	bool global;
	uint8_t data_size;
};

#define ALL(n) ((uint64_t)(int64_t)(n))

static const struct one ones[] = {
	{"addr", {0x03, 1, 2, 3, 0x84}, 5, 1, {0x84030201}, 0, false, 0},
	{"deref", {0x06}, 1, 0, {0}, 0, false, 0},
	{"const1u", {0x08, 0xff}, 2, 1, {0xff}, 0, false, 0},
	{"const1s", {0x09, 0xff}, 2, 1, {ALL(-1)}, 0, false, 0},
	{"const2u", {0x0a, 0xfe, 0xff}, 3, 1, {0xfffe}, 0, false, 0},
	{"const2s", {0x0b, 0xfe, 0xff}, 3, 1, {ALL(-2)}, 0, false, 0},
	{"const4u", {0x0c, 0, 0, 0, 0x80}, 5, 1, {0x80000000}, 0, false, 0},
	{"const4s", {0x0d, 0, 0, 0, 0x80}, 5, 1, {ALL(INT32_MIN)}, 0, false, 0},
	{"const8u", {0x0e, 1, 0, 0, 0, 0, 0, 0, 0x80}, 9, 1, {(1ULL << 63) + 1}, 0, false, 0},
	{"const8s", {0x0f, 1, 0, 0, 0, 0, 0, 0, 0x80}, 9, 1, {(1ULL << 63) + 1}, 0, false, 0},
	{"constu", {0x10, 0xff, 0x01}, 3, 1, {0xff}, 0, false, 0},
	{"consts", {0x11, 0x80, 0x7f}, 3, 1, {ALL(-128)}, 0, false, 0},
	{"pick", {0x15, 3}, 2, 1, {3}, 0, false, 0},
	{"plus_uconst", {0x23, 0x80, 0x80, 0x00}, 4, 1, {0}, 0, false, 0},
	{"lit0", {0x30}, 1, 0, {0}, 0, false, 0},
	{"reg31", {0x6f}, 1, 0, {0}, 0, false, 0},
	{"breg1", {0x71, 0x78}, 2, 1, {ALL(-8)}, 0, false, 0},
	{"regx", {0x90, 0x40}, 2, 1, {0x40}, 0, false, 0},
	{"fbreg", {0x91, 0x40}, 2, 1, {ALL(-64)}, 0, false, 0},
	{"bregx", {0x92, 0x40, 0x40}, 3, 2, {0x40, ALL(-64)}, 0, false, 0},
	{"piece", {0x93, 4}, 2, 1, {4}, 0, false, 0},
	{"deref_size", {0x94, 4}, 2, 1, {4}, 0, false, 0},
	{"call2", {0x98, 1, 2}, 3, 1, {0x201}, 1, false, 0},
	{"call4", {0x99, 1, 2, 3, 4}, 5, 1, {0x4030201}, 1, false, 0},
	{"call_ref", {0x9a, 1, 2, 3, 4}, 5, 1, {0x4030201}, 1, true, 0},
	{"call_frame_cfa", {0x9c}, 1, 0, {0}, 0, false, 0},
	{"bit_piece", {0x9d, 8, 0x80, 1}, 4, 2, {8, 128}, 0, false, 0},
	{"implicit_value", {0x9e, 2, 9, 9}, 4, 0, {0}, 0, false, 2},
	{"stack_value", {0x9f}, 1, 0, {0}, 0, false, 0},
	{"implicit_pointer", {0xa0, 1, 0, 0, 0, 0x7f}, 6, 2, {1, ALL(-1)}, 1, true, 0},
	{"addrx", {0xa1, 7}, 2, 1, {7}, 0, false, 0},
	{"constx", {0xa2, 7}, 2, 1, {7}, 0, false, 0},
	{"entry_value", {0xa3, 1, 0x50}, 3, 0, {0}, 0, false, 1},
	{"const_type", {0xa4, 0x2a, 2, 5, 6}, 5, 1, {0x2a}, 1, false, 2},
	{"regval_type", {0xa5, 3, 0x2a}, 3, 2, {3, 0x2a}, 2, false, 0},
	{"deref_type", {0xa6, 4, 0x2a}, 3, 2, {4, 0x2a}, 2, false, 0},
	{"xderef_type", {0xa7, 4, 0x2a}, 3, 2, {4, 0x2a}, 2, false, 0},
	{"convert", {0xa8, 0x2a}, 2, 1, {0x2a}, 1, false, 0},
	{"convert", {0xa8, 0}, 2, 1, {0}, 0, false, 0},
	{"reinterpret", {0xa9, 0x2a}, 2, 1, {0x2a}, 1, false, 0},
	{"GNU_push_tls_address", {0xe0}, 1, 0, {0}, 0, false, 0},
	{"WASM_location", {0xed, 0, 0x80, 2}, 4, 2, {0, 256}, 0, false, 0},
	{"WASM_location", {0xed, 1, 3}, 3, 2, {1, 3}, 0, false, 0},
	{"WASM_location", {0xed, 2, 35}, 3, 2, {2, 35}, 0, false, 0},
	{"WASM_location", {0xed, 3, 0xff, 0xff, 0xff, 0xff}, 6, 2, {3, UINT32_MAX}, 0, false, 0},
	{"GNU_implicit_pointer", {0xf2, 1, 0, 0, 0, 4}, 6, 2, {1, 4}, 1, true, 0},
	{"GNU_entry_value", {0xf3, 1, 0x50}, 3, 0, {0}, 0, false, 1},
	{"GNU_const_type", {0xf4, 0x2a, 1, 5}, 4, 1, {0x2a}, 1, false, 1},
	{"GNU_regval_type", {0xf5, 3, 0x2a}, 3, 2, {3, 0x2a}, 2, false, 0},
	{"GNU_deref_type", {0xf6, 4, 0x2a}, 3, 2, {4, 0x2a}, 2, false, 0},
	{"GNU_convert", {0xf7, 0}, 2, 1, {0}, 0, false, 0},
	{"GNU_reinterpret", {0xf9, 0x2a}, 2, 1, {0x2a}, 1, false, 0},
	{"GNU_parameter_ref", {0xfa, 1, 2, 3, 4}, 5, 1, {0x4030201}, 1, false, 0},
	{"GNU_addr_index", {0xfb, 7}, 2, 1, {7}, 0, false, 0},
	{"GNU_const_index", {0xfc, 7}, 2, 1, {7}, 0, false, 0},
	{"GNU_variable_value", {0xfd, 1, 0, 0, 0}, 5, 1, {1}, 1, true, 0},
};

#define NONES (sizeof(ones) / sizeof(ones[0]))

static bool same(const struct one *o, const struct wdx_op *op)
{
	const char *name = wdx_op_name(op->code);

	return name && strcmp(name + strlen("DW_OP_"), o->name) == 0 && op->size == o->size &&
	       op->nargs == o->nargs && (o->nargs < 1 || op->arg[0] == o->arg[0]) &&
	       (o->nargs < 2 || op->arg[1] == o->arg[1]) && op->ref == o->ref &&
	       op->ref_global == o->global && op->data_size == o->data_size &&
	       (!o->data_size ||
		memcmp(op->data, o->bytes + o->size - o->data_size, o->data_size) == 0);
}

/* Alone, cut short at every byte, and all of them in one expression. */
static void test_operands(void)
{
	uint8_t all[512];
	size_t size = 0, n;
	struct wdx_op ops[NONES];
	const char *why;
	bool good = true;

	for (const struct one *o = ones; o < ones + NONES; o++) {
		bool got = wdx_decode_expr(&unit4, o->bytes, o->size, ops, 1, &n, &why);

		ok(got && n == 1 && same(o, &ops[0]), "DW_OP_%s", o->name);
		for (size_t cut = 1; cut < o->size; cut++)
			good = good && !wdx_decode_expr(&unit4, o->bytes, cut, ops, 1, &n, &why) &&
			       why;
		memcpy(all + size, o->bytes, o->size);
		size += o->size;
	}
	ok(good, "an operation cut short is malformed");
	good = wdx_decode_expr(&unit4, all, size, ops, NONES, &n, &why) && n == NONES;
	for (size_t i = 0; good && i < NONES; i++)
		good = same(&ones[i], &ops[i]);
	ok(good, "all operations in one expression");
	ok(!wdx_decode_expr(&unit4, all, size, ops, NONES - 1, &n, &why) && n == NONES - 1,
	   "more operations than room");
}

static void test_unit(void)
{
	static const uint8_t addr[] = {3, 1, 2, 3, 4, 5, 6, 7, 8};
	static const uint8_t ref[] = {0x9a, 1, 2, 3, 4, 5, 6, 7, 8};
	struct wdx_unit u = {.version = 2, .address_size = 8, .offset_size = 4, .big_endian = true};
	struct wdx_op op;
	const char *why;
	size_t n;

	ok(wdx_decode_expr(&u, addr, sizeof(addr), &op, 1, &n, &why) &&
		   op.arg[0] == 0x102030405060708,
	   "address of 8 bytes, big-endian");
	ok(wdx_decode_expr(&u, ref, sizeof(ref), &op, 1, &n, &why) &&
		   op.arg[0] == 0x102030405060708,
	   "version 2: a global reference has the size of an address");
	u.version = 3;
	ok(!wdx_decode_expr(&u, ref, sizeof(ref), &op, 1, &n, &why) && n == 1,
	   "version 3: of an offset");
	u.address_size = 9;
	ok(!wdx_decode_expr(&u, addr, sizeof(addr), &op, 1, &n, &why), "impossible address size");
	ok(wdx_decode_expr(&u, NULL, 0, NULL, 0, &n, &why) && n == 0, "empty expression");
}

static void test_branches(void)
{
	/* lit0 bra(+4) const2u skip(-7) lit1 */
	static const uint8_t good[] = {0x30, 0x28, 4, 0, 0x0a, 1, 2, 0x2f, 0xf6, 0xff, 0x31};
	static const int16_t nowhere[] = {1, 2, 5, 8, -5, -16, INT16_MAX, INT16_MIN};
	uint8_t bad[sizeof(good)];
	struct wdx_op ops[8];
	const char *why = NULL;
	size_t n;

	memcpy(bad, good, sizeof(good));
	bad[2] = 3;
	ok(wdx_decode_expr(&unit4, bad, sizeof(bad), ops, 8, &n, &why) && ops[1].target == 3 &&
		   ops[3].target == 0,
	   "branches forwards and back");
	bad[2] = 7;
	ok(wdx_decode_expr(&unit4, bad, sizeof(bad), ops, 8, &n, &why) && ops[1].target == n,
	   "branch to the end");
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		bad[2] = (uint8_t)nowhere[i];
		bad[3] = (uint8_t)(nowhere[i] >> 8);
		ok(!wdx_decode_expr(&unit4, bad, sizeof(bad), ops, 8, &n, &why),
		   "branch by %d leads nowhere", nowhere[i]);
	}
}

static void decode(const uint8_t *p, size_t size, void *arg)
{
	struct wdx_op ops[600];
	const char *why = NULL;
	size_t n;

	if (!wdx_decode_expr(arg, p, size, ops, 600, &n, &why) && !why)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (ops[i].offset + ops[i].size > size || !wdx_op_name(ops[i].code))
			abort();
	}
}

static void test_hostile(void)
{
	struct wdx_unit u = unit4;
	uint8_t all[512] = {0x2f, 1, 0, 0x96, 0x28, 0xf9, 0xff};
	size_t size = 7;

	for (const struct one *o = ones; o < ones + NONES; o++) {
		memcpy(all + size, o->bytes, o->size);
		size += o->size;
	}
	hostile(all, size, 20000, decode, &u);
	ok(true, "mutations");
}

int main(void)
{
	int known = 0;

	for (int code = 0; code < 256; code++)
		known += wdx_op_name((uint8_t)code) != NULL;
	ok(known == 178, "%d operations are known", known);
	ok(!wdx_op_name(0) && !wdx_op_name(0xf1), "unknown ones have no name");
	ok(strcmp(wdx_op_name(WDX_OP_WASM_LOCATION), "DW_OP_WASM_location") == 0, "WASM_location");
	test_operands();
	test_unit();
	test_branches();
	test_hostile();
	return done();
}
