/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Translated expressions are evaluated on a simulated machine, registers' upper halves full of
 * garbage, and compared with the input evaluated on the wasm state.  A refusal is allowed; a
 * different value or address is not.
 */
#include "xlat/expr.h"

#include <dwarf.h>
#include <string.h>

#include "dwarf/build.h"
#include "dwarf/decode.h"
#include "tap.h"

enum { BASE_LOW = 0x40000000, CTX = 0x1000, FRAME = 0x2000, MEM = 4096 };

static uint8_t memory[MEM], context[512], frame[512]; /* frame: below and above the CFA */
static uint64_t regs[32], base = 0x7e0000000000;
static uint32_t local0, local2, global0;
static uint64_t local1, seed = 88172645463325252ULL;

static struct wdx_wasm wasm;
static struct wdx_map map;
static struct wdx_xenv env;
static struct wdx_xplaces places;
static struct wdx_place reg3, reg12, slot, cell, ctx, base_at;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool load(uint64_t at, unsigned n, uint64_t *out)
{
	uint8_t *p = at >= base && at - base + n <= MEM		      ? memory + (at - base)
		     : at >= CTX && at - CTX + n <= sizeof(context)   ? context + (at - CTX)
		     : at >= FRAME && at - FRAME + n <= sizeof(frame) ? frame + (at - FRAME)
								      : NULL;
	*out = 0;
	if (p)
		memcpy(out, p, n);
	return p;
}

static void new_state(void)
{
	for (size_t i = 0; i < MEM; i++)
		memory[i] = (uint8_t)rnd();
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)rnd();
	local0 = (uint32_t)(rnd() % 2 ? rnd() : rnd() % (MEM - 8));
	local1 = rnd();
	local2 = (uint32_t)(rnd() % 2 ? rnd() : rnd() % (MEM - 8));
	global0 = (uint32_t)(rnd() % (MEM - 64));
	regs[3] = rnd() << 32 | local0;
	regs[12] = local1;
	regs[5] = CTX;
	memcpy(frame + 256 - 24, &local2, 4);
	memcpy(context + 0x100, &global0, 4);
	memcpy(context + 0x38, &base, 8);
}

struct value {
	uint64_t v;
	unsigned bits;
};

enum kind { REFUSED, VALUE, ADDRESS, REGISTER };

struct result {
	enum kind kind;
	uint64_t v;
};

static int64_t sign(struct value a)
{
	return a.bits == 32 ? (int32_t)a.v : (int64_t)a.v;
}

static uint64_t trim(uint64_t v, unsigned bits)
{
	return bits == 32 ? (uint32_t)v : v;
}

static bool arith(uint8_t op, struct value a, struct value b, struct value *out)
{
	unsigned bits = a.bits > b.bits ? a.bits : b.bits;

	out->bits = bits;
	switch (op) {
	case DW_OP_plus:
		out->v = a.v + b.v;
		break;
	case DW_OP_minus:
		out->v = a.v - b.v;
		break;
	case DW_OP_mul:
		out->v = a.v * b.v;
		break;
	case DW_OP_and:
		out->v = a.v & b.v;
		break;
	case DW_OP_or:
		out->v = a.v | b.v;
		break;
	case DW_OP_xor:
		out->v = a.v ^ b.v;
		break;
	case DW_OP_shr:
		out->v = b.v >= bits ? 0 : a.v >> b.v;
		break;
	case DW_OP_lt:
		out->v = sign(a) < sign(b);
		break;
	case DW_OP_ge:
		out->v = sign(a) >= sign(b);
		break;
	case DW_OP_eq:
		out->v = a.v == b.v;
		break;
	case DW_OP_mod:
		if (!b.v)
			return false;
		out->v = a.v % b.v;
		break;
	case DW_OP_div:
		if (!b.v || (sign(b) == -1 && sign(a) == INT64_MIN))
			return false;
		out->v = (uint64_t)(sign(a) / sign(b));
		break;
	default:
		return false;
	}
	out->v = trim(out->v, bits);
	return true;
}

/* The machine: its generic type is 64 bits wide. With `input` the wasm state, where it is 32. */
static struct result run(const uint8_t *p, size_t n, bool input)
{
	static const struct wdx_unit units[2] = {
		{.version = 5, .address_size = 8, .offset_size = 4},
		{.version = 5, .address_size = 4, .offset_size = 4}};
	struct wdx_op ops[256];
	struct value s[64] = {{0, 0}};
	size_t nops, k = 0;
	const char *why;
	unsigned word = input ? 32 : 64;
	bool value = false;

	if (!wdx_decode_expr(&units[input], p, n, ops, 256, &nops, &why))
		return (struct result){REFUSED, 0};
	for (size_t i = 0; i < nops; i++) {
		const struct wdx_op *o = &ops[i];
		uint64_t v = o->arg[0];

		if (k >= 60)
			return (struct result){REFUSED, 0};
		if (o->code == WDX_OP_WASM_LOCATION) {
			s[k++] = v == 3		  ? (struct value){global0, 32}
				 : o->arg[1] == 0 ? (struct value){local0, 32}
				 : o->arg[1] == 1 ? (struct value){local1, 64}
						  : (struct value){local2, 32};
		} else if (o->code >= DW_OP_lit0 && o->code <= DW_OP_lit31) {
			s[k++] = (struct value){o->code - DW_OP_lit0, word};
		} else if (o->code >= DW_OP_const1u && o->code <= DW_OP_consts) {
			s[k++] = (struct value){trim(v, word), word};
		} else if (o->code >= DW_OP_breg0 && o->code <= DW_OP_breg31) {
			s[k++] = (struct value){regs[o->code - DW_OP_breg0] + v, 64};
		} else if (o->code >= DW_OP_reg0 && o->code <= DW_OP_reg31) {
			return (struct result){REGISTER, regs[o->code - DW_OP_reg0]};
		} else if (o->code == DW_OP_call_frame_cfa) {
			s[k++] = (struct value){FRAME + 256, 64};
		} else if (o->code == DW_OP_addr) {
			s[k++] = input ? (struct value){trim(v, 32), 32}
				       : (struct value){v - env.memory_addr + base, 64};
		} else if (o->code == DW_OP_fbreg) {
			s[k++] = (struct value){base + global0 + v, 64};
		} else if (o->code == DW_OP_stack_value) {
			value = true;
		} else if (!k) {
			return (struct result){REFUSED, 0};
		} else if (o->code == DW_OP_plus_uconst) {
			s[k - 1].v = trim(s[k - 1].v + v, s[k - 1].bits);
		} else if (o->code == DW_OP_neg) {
			s[k - 1].v = trim(0 - s[k - 1].v, s[k - 1].bits);
		} else if (o->code == DW_OP_not) {
			s[k - 1].v = trim(~s[k - 1].v, s[k - 1].bits);
		} else if (o->code == DW_OP_deref || o->code == DW_OP_deref_size) {
			unsigned size = o->code == DW_OP_deref ? word / 8 : (unsigned)v;
			uint64_t at = input ? base + (uint32_t)s[k - 1].v : s[k - 1].v;

			if (!load(at, size, &s[k - 1].v))
				return (struct result){REFUSED, 1};
			s[k - 1].bits = word;
		} else if (o->code == DW_OP_dup) {
			s[k] = s[k - 1];
			k++;
		} else if (o->code == DW_OP_drop) {
			k--;
		} else if (k < 2) {
			return (struct result){REFUSED, 0};
		} else if (o->code == DW_OP_swap) {
			struct value t = s[k - 1];

			s[k - 1] = s[k - 2];
			s[k - 2] = t;
		} else {
			if (!arith(o->code, s[k - 2], s[k - 1], &s[k - 2]))
				return (struct result){REFUSED, 1};
			k--;
		}
	}
	if (!k)
		return (struct result){REFUSED, 0};
	if (value)
		return (struct result){VALUE, s[k - 1].v};
	return (struct result){ADDRESS, input ? base + (uint32_t)s[k - 1].v : s[k - 1].v};
}

/* ---- translating ------------------------------------------------------------------------------
 */

static struct wdx_emit emit;

static const struct wdx_expr *translate(const struct wdx_buf *in, enum wdx_loss *loss)
{
	static const struct wdx_unit unit = {.version = 5, .address_size = 4, .offset_size = 4};
	static struct wdx_cursor cursor = {.unit = &unit};
	static struct wdx_xexpr x;

	wdx_buf_reset(&emit.xbytes);
	wdx_arena_reset(&emit.xarena);
	*loss = wdx_xexpr_parse(&x, &cursor, &env, wasm.funcs.data, WDX_USE_VARIABLE, in->data,
				in->len);
	if (*loss != WDX_LOSS_NONE)
		return NULL;
	for (size_t i = 0; i < x.nneeds; i++)
		places.need[i] = x.needs[i].kind == WDX_ENT_MEMORY   ? &base_at
				 : x.needs[i].kind == WDX_ENT_GLOBAL ? &cell
				 : x.needs[i].index == 0	     ? &reg3
				 : x.needs[i].index == 1	     ? &reg12
								     : &slot;
	struct wdx_expr *out = wdx_expr_begin(&emit);

	*loss = wdx_xexpr_emit(&x, &places, out);
	return *loss == WDX_LOSS_NONE ? out : NULL;
}

/* Whether both say the same.  A register or slot is where a whole local is: its low bytes count. */
static bool agree(struct result want, struct result got, bool wide)
{
	if (want.kind == ADDRESS)
		return got.kind == ADDRESS && got.v == want.v;
	if (got.kind == ADDRESS && !load(got.v, wide ? 8 : 4, &got.v))
		return false;
	if (got.kind == REGISTER || got.kind == ADDRESS)
		return trim(got.v, wide ? 64 : 32) == trim(want.v, wide ? 64 : 32);
	return got.v == want.v;
}

static void random_expr(struct wdx_buf *b)
{
	static const uint8_t binary[] = {DW_OP_plus, DW_OP_minus, DW_OP_mul, DW_OP_and,
					 DW_OP_or,   DW_OP_xor,	  DW_OP_shr, DW_OP_lt,
					 DW_OP_ge,   DW_OP_eq,	  DW_OP_mod, DW_OP_div};
	unsigned depth = 0;
	int steps = 1 + (int)(rnd() % 8);

	wdx_buf_reset(b);
	for (; steps > 0 || depth != 1; steps--) {
		unsigned what = depth == 0 ? 0 : (unsigned)(rnd() % 8);

		if (steps <= 0 && depth > 1) /* wind up */
			what = 3;
		if (what <= 1 && rnd() % 3) {
			bool global = rnd() % 4 == 0;

			wdx_buf_u8(b, 0xed);
			wdx_buf_u8(b, global ? 3 : 0);
			if (global)
				wdx_buf_u32(b, 0);
			else
				wdx_buf_u8(b, (uint8_t)(rnd() % 8 ? (rnd() % 2) * 2 : 1));
			depth++;
		} else if (what <= 1) {
			wdx_buf_u8(b, rnd() % 2 ? DW_OP_constu : DW_OP_consts);
			wdx_buf_sleb(b, (int64_t)(rnd() % 2 ? rnd() % 40 : rnd() % 0x7fffffff));
			depth++;
		} else if (what == 2) {
			wdx_buf_u8(b, DW_OP_plus_uconst);
			wdx_buf_uleb(b, rnd() % 100);
		} else if (what <= 5 && depth >= 2) {
			wdx_buf_u8(b, binary[rnd() % sizeof(binary)]);
			depth--;
		} else if (what == 6) {
			wdx_buf_u8(b, rnd() % 2 ? DW_OP_neg : DW_OP_not);
		} else if (what == 7 && rnd() % 2) {
			wdx_buf_u8(b, DW_OP_deref);
		} else if (what == 7 && depth >= 2) {
			wdx_buf_u8(b, DW_OP_swap);
		}
	}
	if (rnd() % 3)
		wdx_buf_u8(b, DW_OP_stack_value);
}

static void test_random(void)
{
	struct wdx_buf b = {0};
	unsigned right = 0, wrong = 0, refused = 0;

	for (unsigned i = 0; i < 60000; i++) {
		enum wdx_loss loss;

		new_state();
		random_expr(&b);
		struct result want = run(b.data, b.len, true);
		const struct wdx_expr *x = want.kind == REFUSED ? NULL : translate(&b, &loss);

		if (!x) {
			refused++;
			continue;
		}
		struct result got = run(emit.xbytes.data + x->start, x->end - x->start, false);
		bool wide = b.len <= 4 && b.data[0] == 0xed && b.data[1] == 0 && b.data[2] == 1;

		if (agree(want, got, wide)) {
			right++;
			continue;
		}
		if (wrong++ < 5) {
			printf("# wrong: want %d %llx got %d %llx:", want.kind,
			       (unsigned long long)want.v, got.kind, (unsigned long long)got.v);
			for (size_t k = 0; k < b.len; k++)
				printf(" %02x", b.data[k]);
			printf(" ->");
			for (uint32_t k = x->start; k < x->end; k++)
				printf(" %02x", emit.xbytes.data[k]);
			printf("\n");
		}
	}
	printf("# %u right, %u refused or without a value, %u wrong\n", right, refused, wrong);
	ok(wrong == 0, "60,000 random expressions: none wrong");
	ok(right > 10000, "and many translated");
	wdx_buf_deinit(&b);
}

/* ---- shapes that producers write --------------------------------------------------------------
 */

static void check(const char *what, const char *in, size_t n, const char *want, size_t m)
{
	struct wdx_buf b = {.data = (uint8_t *)in, .len = n};
	enum wdx_loss loss;
	const struct wdx_expr *x = translate(&b, &loss);

	ok(x && x->end - x->start == m && !memcmp(emit.xbytes.data + x->start, want, m), "%s",
	   what);
}

static void refuse(const char *what, const char *in, size_t n, enum wdx_loss want)
{
	struct wdx_buf b = {.data = (uint8_t *)in, .len = n};
	enum wdx_loss loss;

	translate(&b, &loss);
	ok(loss == want, "%s is refused", what);
}

#define CHECK(what, in, want) check(what, in, sizeof(in) - 1, want, sizeof(want) - 1)
#define REFUSE(what, in, loss) refuse(what, in, sizeof(in) - 1, loss)

static void test_shapes(void)
{
	CHECK("a local in a register", "\xed\x00\x00\x9f", "\x53");
	CHECK("a local in a slot", "\xed\x00\x02\x9f", "\x9c\x48\x1c");
	CHECK("on the shadow stack", "\x91\x0c", "\x91\x0c");
	CHECK("fbreg and an offset", "\x91\x0c\x23\x04", "\x91\x10");
	CHECK("a static", "\x03\x10\x00\x00\x00", "\x03\x10\x00\x00\x00\x01\x00\x00\x00");
	CHECK("a constant", "\x11\x7f\x9f", "\x0c\xff\xff\xff\xff\x9f");
	CHECK("pieces", "\xed\x00\x00\x9f\x93\x04\x93\x04", "\x53\x93\x04\x93\x04");
	REFUSE("a static that was removed", "\x03\x00\x00\x00\x00", WDX_LOSS_DEAD_DATA);
	REFUSE("a static outside", "\x03\x00\x00\x00\x40", WDX_LOSS_STATIC_OUTSIDE);
	REFUSE("a local that is not", "\xed\x00\x09\x9f", WDX_LOSS_NO_LOCAL);
	REFUSE("a global that is not", "\xed\x03\xff\xff\xff\xff", WDX_LOSS_NO_GLOBAL);
	REFUSE("a native register", "\x50", WDX_LOSS_NATIVE_REGISTER);
	REFUSE("an entry value", "\xa3\x01\x50\x9f", WDX_LOSS_ENTRY_VALUE);
	REFUSE("a thread-local", "\x0c\x10\x00\x00\x00\xe0", WDX_LOSS_TLS);
	REFUSE("a broken expression", "\x0c\x10", WDX_LOSS_BAD_EXPR);
}

/* ---- setting up -------------------------------------------------------------------------------
 */

static uint32_t offset(int64_t v)
{
	int64_t *o = wdx_vec_push(&map.offsets);

	*o = v;
	return (uint32_t)map.offsets.len - 1;
}

static void set_up(void)
{
	static const uint8_t module[] = {0,    'a', 's', 'm', 1,    0, 0,    0, 1,    4,   1,
					 0x60, 0,   0,	 3,   2,    1, 0,    5, 3,    1,   0,
					 1,    6,   6,	 1,   0x7f, 1, 0x41, 0, 0x0b, 10,  10,
					 1,    8,   3,	 1,   0x7f, 1, 0x7e, 1, 0x7f, 0x0b};
	struct wdx_target *target;
	struct wdx_error *err = wdx_wasm_init(&wasm, module, sizeof(module));

	ok(!err, "the module: %s", wdx_error_message(err));
	err = wdx_target_create(&target, "x86_64-unknown-linux-gnu");
	ok(!err, "the target: %s", wdx_error_message(err));
	env = (struct wdx_xenv){.wasm = &wasm,
				.map = &map,
				.target = target,
				.memory_addr = 0x100000000,
				.memory_size = 0x10000};
	emit.address_size = 8;
	reg3 = (struct wdx_place){.kind = WDX_PLACE_REG, .reg = 3};
	reg12 = (struct wdx_place){.kind = WDX_PLACE_REG, .reg = 12};
	ctx = (struct wdx_place){.kind = WDX_PLACE_REG, .reg = 5};
	slot = (struct wdx_place){
		.kind = WDX_PLACE_MEM, .base = WDX_BASE_CFA, .first = offset(-24), .n = 1};
	cell = (struct wdx_place){
		.kind = WDX_PLACE_MEM, .base = WDX_BASE_CONTEXT, .first = offset(0x100), .n = 1};
	base_at = (struct wdx_place){
		.kind = WDX_PLACE_MEM, .base = WDX_BASE_CONTEXT, .first = offset(0x38), .n = 1};
	places.context = &ctx;
}

int main(void)
{
	set_up();
	test_shapes();
	test_random();
	wdx_target_destroy((struct wdx_target *)env.target);
	wdx_wasm_deinit(&wasm);
	wdx_vec_free(&map.offsets);
	wdx_buf_deinit(&emit.xbytes);
	wdx_arena_deinit(&emit.xarena);
	return done();
}
