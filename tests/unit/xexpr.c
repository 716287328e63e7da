/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Translated expressions say the same as the wasm ones.  Random expressions are made together with
 * what they mean over a made-up wasm state; each is translated for random places that hold this
 * state, evaluated the way gdb and the way lldb do it, and compared.
 *
 * The builder and the target are stand-ins: an expression is a buffer, and an 8-byte big-endian
 * machine costs nothing.
 */
#include "xlat/expr.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "xexpr_wasm.h"

#define ROUNDS 60000

/* ---- comparing --------------------------------------------------------------------------------
 */

static unsigned emitted, refused, wrong, mixed_emitted;
static unsigned refusals[WDX_LOSS_COUNT];

static void dump(const char *what, const struct wdx_buf *b)
{
	printf("# %s:", what);
	for (size_t i = 0; i < b->len; i++)
		printf(" %02x", b->data[i]);
	printf("\n");
}

static bool complain(const char *why, const struct gen *g, const struct wdx_buf *out,
		     const struct meaning *m, const struct loc *l)
{
	if (wrong++ < 10) {
		printf("# wrong: %s; word %u big %d address64 %d; tag %d v32 %llx v64 %llx entity "
		       "%x type %x\n",
		       why, target.word, target.big, env.address64, m->tag,
		       (unsigned long long)m->v32, (unsigned long long)m->v64, m->entity, m->type);
		printf("# got kind %d v %llx piece %llu; base %llx\n", l->kind,
		       (unsigned long long)l->v, (unsigned long long)l->piece,
		       (unsigned long long)base);
		dump("in", &g->b);
		dump("out", out);
	}
	return false;
}

/* How many bytes a variable with that value may have. */
static unsigned bytes_of(const struct meaning *m, unsigned var_size)
{
	unsigned full = m->entity	? type_size(m->entity)
			: m->type	? type_bits(m->type) / 8
			: m->tag == T32 ? (m->unknown ? 4 : 8)
			: m->unknown	? 4
					: 8;

	if (m->entity == WDX_I32 && !m->unknown && var_size > 4)
		return var_size;
	return var_size && var_size < full ? var_size : full;
}

static uint64_t expected(const struct meaning *m)
{
	if (m->entity)
		return m->v64;
	if (m->type)
		return m->v64;
	return m->tag == T32 ? m->v32 : m->v64;
}

static bool value_right(const struct meaning *m, const struct loc *l, unsigned var_size)
{
	static const unsigned sizes[] = {1, 2, 4, 8};
	unsigned limit = bytes_of(m, var_size);
	uint64_t v, want = expected(m);

	if (m->type && l->type != m->type)
		return false;
	if (l->kind == LOC_BYTES && !target.big && limit > l->v)
		limit = (unsigned)l->v;
	/* floats are shown whole */
	if (m->entity == WDX_F32 || m->entity == WDX_F64)
		return show(l, limit, &v) &&
		       v == (limit == 8 ? want : want & ((1ull << (8 * limit)) - 1));
	for (unsigned i = 0; i < 4 && sizes[i] <= limit; i++) {
		if (var_size && sizes[i] != limit && target.big && l->kind == LOC_MEM)
			continue; /* the size was told: it is read with that */
		if (!show(l, sizes[i], &v) ||
		    v != (sizes[i] == 8 ? want : want & ((1ull << (8 * sizes[i])) - 1)))
			return false;
	}
	return m->tag != FLEX || m->type || m->entity || m->unknown || (uint32_t)l->v == m->v32 ||
	       l->kind != LOC_VALUE;
}

static bool address_right(const struct meaning *m, const struct loc *l, bool is_static)
{
	uint64_t a = address_of(m);

	return l->kind == LOC_MEM && l->v == clip((is_static ? env.memory_addr : base) + a);
}

/* Whether a location that came out is right. */
static bool check_loc(const struct gen *g, const struct wdx_buf *out, const struct meaning *m,
		      const struct loc *l, bool value, bool piece, unsigned var_size)
{
	if (m->undefined)
		return true;
	if (m->tag == MIXED && !(m->entity && value)) {
		mixed_emitted += m->unknown;
		return m->unknown ? true : complain("should be refused", g, out, m, l);
	}
	if (value)
		return value_right(m, l, var_size) || complain("value", g, out, m, l);
	if (!has_address(m) || m->type)
		return m->unknown || complain("not an address", g, out, m, l);
	return address_right(m, l, m->constant && !piece) || complain("address", g, out, m, l);
}

static void evaluate(const struct gen *g, const struct wdx_buf *out, const struct meaning *m,
		     bool value, unsigned var_size)
{
	struct eval e;

	if (m->undefined)
		return;
	for (int lldb = 0; lldb < (g->typed ? 1 : 2); lldb++) {
		run(&e, out, lldb);
		if (e.zero)
			continue;
		if (e.bad || e.nloc != 1)
			complain("does not evaluate", g, out, m, &e.loc[0]);
		else
			check_loc(g, out, m, &e.loc[0], value, false, var_size);
	}
}

static void set_types(struct wdx_xexpr *x, bool unknown)
{
	for (size_t i = 0; i < x->nneeds && !unknown; i++)
		if (x->needs[i].kind == WDX_ENT_STACK)
			x->need_type[i] = stack_types[x->needs[i].index];
}

static enum wdx_loss translate(const struct gen *g, enum wdx_xexpr_use use, bool unknown,
			       unsigned var_size, bool all, struct wdx_expr *out)
{
	struct wdx_xexpr x;
	struct wdx_xplaces p;
	enum wdx_loss loss;

	memset(&x, 0xa5, sizeof(x)); /* parse leaves nothing to chance */
	loss = wdx_xexpr_parse(&x, &cursor, &env, &func, use, g->b.data, g->b.len);
	if (loss == WDX_LOSS_NONE) {
		set_types(&x, unknown);
		x.var_size = var_size;
		make_places(&x, &p, all);
		loss = wdx_xexpr_emit(&x, &p, out);
	}
	refusals[loss]++;
	emitted += loss == WDX_LOSS_NONE;
	refused += loss != WDX_LOSS_NONE;
	return loss;
}

static void out_init(struct wdx_expr *out)
{
	memset(out, 0, sizeof(*out));
	out->b.big = target.big;
	out->word = target.word;
}

static void one_round(void)
{
	static const unsigned var_sizes[] = {0, 0, 1, 4, 8};
	bool unknown = chance(30), value = chance(70);
	unsigned var_size = var_sizes[below(5)];
	struct gen g = {0};
	struct wdx_expr out;

	new_state();
	struct meaning m = gen_location(&g, below(8) + 1, unknown);

	if (value)
		wdx_buf_u8(&g.b, DW_OP_stack_value);
	out_init(&out);
	/* nothing in the input is wider than its own value but what LLVM extends */
	if (m.entity == WDX_F32 || m.entity == WDX_F64 ||
	    (var_size == 8 && (m.unknown || m.type || (m.entity && m.entity != WDX_I32))))
		var_size = 0;
	if (translate(&g, WDX_USE_VARIABLE, unknown, var_size, false, &out) == WDX_LOSS_NONE)
		evaluate(&g, &out.b, &m, value, var_size);
	wdx_buf_deinit(&out.b);
	wdx_buf_deinit(&g.b);
}

static void test_random(unsigned word, bool big, bool address64, unsigned least)
{
	set_config(word, big, address64);
	emitted = refused = wrong = mixed_emitted = 0;
	memset(refusals, 0, sizeof(refusals));
	for (unsigned i = 0; i < ROUNDS; i++)
		one_round();
	ok(!wrong, "%u-bit %s target, %u-bit wasm: %u random expressions right, %u refused",
	   word * 8, big ? "big-endian" : "little-endian", address64 ? 64 : 32, emitted, refused);
	ok(emitted >= ROUNDS / 100 * least, "at least %u%% of them were translated", least);
	for (unsigned i = 1; i < WDX_LOSS_COUNT && getenv("VERBOSE"); i++)
		if (refusals[i])
			printf("# loss %u: %u\n", i, refusals[i]);
}

/* ---- composites -------------------------------------------------------------------------------
 */

struct part {
	struct meaning m;
	bool value, given;
	unsigned size;
};

static unsigned gen_parts(struct gen *g, struct part *parts, bool unknown)
{
	unsigned n = below(3) + 1;

	for (unsigned i = 0; i < n; i++) {
		struct part *p = &parts[i];

		*p = (struct part){
			.given = chance(85), .value = chance(80), .size = 1u << below(4)};
		if (p->given)
			p->m = gen_location(g, below(4) + 1, unknown);
		if (p->given && p->value)
			wdx_buf_u8(&g->b, DW_OP_stack_value);
		wdx_buf_u8(&g->b, DW_OP_piece);
		wdx_buf_uleb(&g->b, p->size);
	}
	return n;
}

static void check_parts(const struct gen *g, const struct wdx_buf *out, struct part *parts,
			unsigned n)
{
	struct eval e;

	for (unsigned i = 0; i < n; i++)
		if (parts[i].m.undefined)
			return;
	run(&e, out, false);
	if (e.zero)
		return;
	if (e.bad || e.nloc != n)
		complain("pieces", g, out, &parts[0].m, &e.loc[0]);
	for (unsigned i = 0; i < n; i++) {
		struct part *p = &parts[i];
		struct loc *l = &e.loc[i];

		if (l->piece != p->size || (!p->given && l->kind != LOC_NONE))
			complain("piece", g, out, &p->m, l);
		if (l->kind == LOC_NONE ||
		    (p->value && p->size == 8 && (p->m.unknown || p->m.type)))
			continue;
		check_loc(g, out, &p->m, l, p->value, true, p->size);
	}
}

static void test_pieces(void)
{
	struct part parts[3];

	set_config(8, false, false);
	emitted = refused = wrong = 0;
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		struct gen g = {0};
		struct wdx_expr out;
		bool unknown = chance(30);

		new_state();
		unsigned n = gen_parts(&g, parts, unknown);

		out_init(&out);
		if (translate(&g, WDX_USE_VARIABLE, unknown, 0, false, &out) == WDX_LOSS_NONE)
			check_parts(&g, &out.b, parts, n);
		wdx_buf_deinit(&out.b);
		wdx_buf_deinit(&g.b);
	}
	ok(!wrong, "%u composites right, %u refused", emitted, refused);
	ok(emitted > ROUNDS / 16, "at least 25%% of them were translated");
}

/* ---- frame bases and plain values -------------------------------------------------------------
 */

static void test_use(enum wdx_xexpr_use use, bool address64)
{
	struct eval e;

	set_config(8, false, address64);
	emitted = refused = wrong = 0;
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		struct gen g = {0};
		struct wdx_expr out;
		struct meaning m;

		new_state();
		m = gen_location(&g, below(3) + 1, false);
		if (chance(50))
			wdx_buf_u8(&g.b, DW_OP_stack_value);
		out_init(&out);
		if (translate(&g, use, false, 0, false, &out) == WDX_LOSS_NONE && !m.undefined) {
			run(&e, &out.b, false);
			uint64_t want = use == WDX_USE_VALUE ? expected(&m) : base + address_of(&m);

			if (e.zero)
				;
			else if (m.tag == MIXED || m.type ||
				 (use != WDX_USE_VALUE && !has_address(&m)))
				complain("should be refused", &g, &out.b, &m, &e.loc[0]);
			else if (e.bad || e.loc[0].kind != LOC_MEM || e.loc[0].v != want)
				complain("use", &g, &out.b, &m, &e.loc[0]);
		}
		wdx_buf_deinit(&out.b);
		wdx_buf_deinit(&g.b);
	}
	ok(!wrong, "%u %s of %u-bit wasm right, %u refused", emitted,
	   use == WDX_USE_VALUE ? "plain values" : "frame bases", address64 ? 64 : 32, refused);
	ok(emitted > ROUNDS / 20, "at least 20%% of them were translated");
}

/* ---- one by one -------------------------------------------------------------------------------
 */

#define L(n) WDX_OP_WASM_LOCATION, 0, n
#define G(n) WDX_OP_WASM_LOCATION, 3, n, 0, 0, 0
#define S(n) WDX_OP_WASM_LOCATION, 2, n
#define SV DW_OP_stack_value
#define MASK DW_OP_constu, 0xff, 0xff, 0xff, 0xff, 0x0f, DW_OP_and
#define CFA DW_OP_call_frame_cfa
#define CONTEXT DW_OP_breg0 + 15
#define BASE CONTEXT, 8, DW_OP_deref
#define BYTES(...)                                                                                 \
	(sizeof((uint8_t[]){__VA_ARGS__})),                                                        \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

/* Places: local 0 in reg3, 1 at CFA - 16, 2 (i64) in reg5, 3 (f32) in regx 40, 4 (f64) the constant
 * 1.0, 5 nowhere, 6 the constant -2; global 0 at context + 16; slot 0 in reg1, 1 at CFA + 8; the
 * base of memory at context + 8, the context in reg15. */
static int64_t fixed_offsets[] = {-16, 16, 8, 8};
static const struct wdx_place
	place_context = {.kind = WDX_PLACE_REG, .reg = 15},
	place_base = {.kind = WDX_PLACE_MEM, .base = WDX_BASE_CONTEXT, .first = 2, .n = 1},
	place_locals[] =
		{
			{.kind = WDX_PLACE_REG, .reg = 3},
			{.kind = WDX_PLACE_MEM, .base = WDX_BASE_CFA, .n = 1},
			{.kind = WDX_PLACE_REG, .reg = 5},
			{.kind = WDX_PLACE_REG, .reg = 40},
			{.kind = WDX_PLACE_CONST, .value = 0x3ff0000000000000},
			{0},
			{.kind = WDX_PLACE_CONST, .value = -2ull},
},
	place_global = {.kind = WDX_PLACE_MEM, .base = WDX_BASE_CONTEXT, .first = 1, .n = 1},
	place_slots[] = {
		{.kind = WDX_PLACE_REG, .reg = 1},
		{.kind = WDX_PLACE_MEM, .base = WDX_BASE_CFA, .first = 3, .n = 1},
};

static const struct fixed {
	const char *what;
	enum wdx_xexpr_use use;
	enum wdx_loss loss;
	size_t size;
	uint8_t in[40];
	size_t out_size;
	uint8_t out[48];
} fixed[] = {
	{"local in a register", 0, 0, BYTES(L(0), SV), BYTES(DW_OP_reg3)},
	{"local in a slot", 0, 0, BYTES(L(1), SV), BYTES(CFA, DW_OP_consts, 0x70, DW_OP_plus)},
	{"64-bit local", 0, 0, BYTES(L(2), SV), BYTES(DW_OP_reg5)},
	{"float in a high register", 0, 0, BYTES(L(3), SV), BYTES(DW_OP_regx, 40)},
	{"double that is constant", 0, 0, BYTES(L(4), SV),
	 BYTES(DW_OP_implicit_value, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f)},
	{"constant local", 0, 0, BYTES(L(6), SV),
	 BYTES(DW_OP_constu, 0xfe, 0xff, 0xff, 0xff, 0x0f, SV)},
	{"local without a place", 0, WDX_LOSS_NO_PLACE, BYTES(L(5), SV), 0, {0}},
	{"no such local", 0, WDX_LOSS_NO_LOCAL, BYTES(L(7), SV), 0, {0}},
	{"variable at a local's address", 0, 0, BYTES(L(0), DW_OP_plus_uconst, 8),
	 BYTES(DW_OP_breg3, 0, DW_OP_plus_uconst, 8, MASK, BASE, DW_OP_plus)},
	{"local plus a constant", 0, 0, BYTES(L(1), DW_OP_lit1, DW_OP_minus, SV),
	 BYTES(CFA, DW_OP_consts, 0x70, DW_OP_plus, DW_OP_deref_size, 4, DW_OP_lit1, DW_OP_minus,
	       MASK, SV)},
	{"frame variable", 0, 0, BYTES(DW_OP_fbreg, 12), BYTES(DW_OP_fbreg, 12)},
	{"member of a frame variable", 0, 0, BYTES(DW_OP_fbreg, 12, DW_OP_plus_uconst, 4),
	 BYTES(DW_OP_fbreg, 16)},
	{"behind a pointer in the frame", 0, 0, BYTES(DW_OP_fbreg, 12, DW_OP_deref),
	 BYTES(DW_OP_fbreg, 12, DW_OP_deref_size, 4, BASE, DW_OP_plus)},
	{"pointer to a frame variable", 0, 0, BYTES(DW_OP_fbreg, 12, SV),
	 BYTES(DW_OP_fbreg, 12, BASE, DW_OP_minus, MASK, SV)},
	{"static", 0, 0, BYTES(DW_OP_addr, 0, 4, 0, 0), BYTES(DW_OP_addr, 0, 4, 1, 0, 0, 0, 0, 0)},
	{"part of a static", 0, 0, BYTES(DW_OP_addrx, 4, DW_OP_plus_uconst, 8),
	 BYTES(DW_OP_addr, 0x0c, 0x10, 1, 0, 0, 0, 0, 0)},
	{"static as a piece", 0, 0, BYTES(DW_OP_addr, 0, 4, 0, 0, DW_OP_piece, 4),
	 BYTES(DW_OP_constu, 0x80, 8, BASE, DW_OP_plus, DW_OP_piece, 4)},
	{"static outside memory",
	 0,
	 WDX_LOSS_STATIC_OUTSIDE,
	 BYTES(DW_OP_addr, 0, 0, 3, 0),
	 0,
	 {0}},
	{"static removed",
	 0,
	 WDX_LOSS_DEAD_DATA,
	 BYTES(DW_OP_addr, 0xff, 0xff, 0xff, 0xff),
	 0,
	 {0}},
	{"index without an address", 0, WDX_LOSS_BAD_EXPR, BYTES(DW_OP_addrx, 99), 0, {0}},
	{"pointer that is constant", 0, 0, BYTES(DW_OP_addr, 0, 4, 0, 0, SV),
	 BYTES(DW_OP_constu, 0x80, 8, SV)},
	{"negative constant", 0, 0, BYTES(DW_OP_consts, 0x7f, SV),
	 BYTES(DW_OP_constu, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, SV)},
	{"implicit value", 0, 0, BYTES(DW_OP_implicit_value, 2, 1, 2),
	 BYTES(DW_OP_implicit_value, 2, 1, 2)},
	{"thread-local by global", 0, 0, BYTES(G(0), DW_OP_addr, 8, 0, 0, 0, DW_OP_plus),
	 BYTES(CONTEXT, 16, DW_OP_deref_size, 4, DW_OP_plus_uconst, 8, MASK, BASE, DW_OP_plus)},
	{"thread-local without threads",
	 0,
	 WDX_LOSS_NO_GLOBAL,
	 BYTES(WDX_OP_WASM_LOCATION, 3, 0xff, 0xff, 0xff, 0xff, SV),
	 0,
	 {0}},
	{"thread-local by operation",
	 0,
	 WDX_LOSS_TLS,
	 BYTES(DW_OP_const1u, 4, DW_OP_GNU_push_tls_address),
	 0,
	 {0}},
	{"slot of unknown type, whole", 0, 0, BYTES(S(0), SV), BYTES(DW_OP_reg1)},
	{"slot of unknown type, masked", 0, 0, BYTES(S(1), DW_OP_const1u, 255, DW_OP_and, SV),
	 BYTES(CFA, DW_OP_plus_uconst, 8, DW_OP_deref, DW_OP_constu, 0xff, 1, DW_OP_and, SV)},
	{"slot of unknown type, shifted",
	 0,
	 WDX_LOSS_MIXED_EXPR,
	 BYTES(S(1), DW_OP_lit1, DW_OP_shr, SV),
	 0,
	 {0}},
	{"slot without a place", 0, WDX_LOSS_OPERAND_STACK, BYTES(S(5), SV), 0, {0}},
	{"arithmetic on floats",
	 0,
	 WDX_LOSS_FLOAT_ARITHMETIC,
	 BYTES(L(3), DW_OP_plus_uconst, 1, SV),
	 0,
	 {0}},
	{"32 and 64 bits mixed", 0, WDX_LOSS_MIXED_EXPR, BYTES(L(0), L(2), DW_OP_plus, SV), 0, {0}},
	{"32 bits extended to 64", 0, 0,
	 BYTES(L(0), DW_OP_lit1, DW_OP_const1u, 32, DW_OP_shl, DW_OP_lit1, DW_OP_minus, DW_OP_and,
	       L(2), DW_OP_plus, SV),
	 BYTES(DW_OP_breg3, 0, MASK, DW_OP_breg5, 0, DW_OP_plus, SV)},
	{"constant that depends on the width",
	 0,
	 WDX_LOSS_MIXED_EXPR,
	 BYTES(DW_OP_constu, 0xff, 0xff, 0xff, 0xff, 0x1f, DW_OP_lit1, DW_OP_shr, SV),
	 0,
	 {0}},
	{"the same, converted",
	 0,
	 WDX_LOSS_MIXED_EXPR,
	 BYTES(DW_OP_constu, 0xff, 0xff, 0xff, 0xff, 0x1f, DW_OP_lit1, DW_OP_shr, DW_OP_convert,
	       TYPE_S32, SV),
	 0,
	 {0}},
	{"register of wasm", 0, WDX_LOSS_NATIVE_REGISTER, BYTES(DW_OP_reg3), 0, {0}},
	{"entry value",
	 0,
	 WDX_LOSS_ENTRY_VALUE,
	 BYTES(DW_OP_entry_value, 1, DW_OP_reg3, SV),
	 0,
	 {0}},
	{"branch", 0, WDX_LOSS_MIXED_EXPR, BYTES(L(0), DW_OP_skip, 0, 0, SV), 0, {0}},
	{"object's address for a variable",
	 0,
	 WDX_LOSS_MIXED_EXPR,
	 BYTES(DW_OP_push_object_address),
	 0,
	 {0}},
	{"nothing", 0, WDX_LOSS_NO_PLACE, 0, {0}, 0, {0}},
	{"nothing in pieces", 0, WDX_LOSS_NO_PLACE, BYTES(DW_OP_piece, 4, DW_OP_piece, 4), 0, {0}},
	{"one of two pieces", 0, 0, BYTES(L(5), SV, DW_OP_piece, 4, L(0), SV, DW_OP_piece, 4),
	 BYTES(DW_OP_piece, 4, DW_OP_reg3, DW_OP_piece, 4)},
	{"none of two pieces",
	 0,
	 WDX_LOSS_OPERAND_STACK,
	 BYTES(L(5), SV, DW_OP_piece, 4, S(7), SV, DW_OP_piece, 4),
	 0,
	 {0}},
	{"piece wider than its local", 0, 0, BYTES(L(0), SV, DW_OP_piece, 8),
	 BYTES(DW_OP_breg3, 0, MASK, SV, DW_OP_piece, 8)},
	{"bits of a local", 0, 0, BYTES(L(0), SV, DW_OP_bit_piece, 3, 2),
	 BYTES(DW_OP_reg3, DW_OP_bit_piece, 3, 2)},
	{"behind the last piece",
	 0,
	 WDX_LOSS_BAD_EXPR,
	 BYTES(L(0), SV, DW_OP_piece, 4, L(0), SV),
	 0,
	 {0}},
	{"behind the value", 0, WDX_LOSS_BAD_EXPR, BYTES(L(0), SV, DW_OP_lit0), 0, {0}},
	{"value of nothing", 0, WDX_LOSS_BAD_EXPR, BYTES(SV), 0, {0}},
	{"operand missing", 0, WDX_LOSS_BAD_EXPR, BYTES(L(0), DW_OP_plus, SV), 0, {0}},
	{"cut short", 0, WDX_LOSS_BAD_EXPR, BYTES(L(0), DW_OP_addr), 0, {0}},
	{"base type kept", 0, 0, BYTES(L(0), DW_OP_convert, TYPE_S32, DW_OP_convert, TYPE_S64, SV),
	 BYTES(DW_OP_breg3, 0, MASK, DW_OP_convert, TYPE_S32, DW_OP_convert, TYPE_S64, SV)},
	{"base type gone", 0, WDX_LOSS_REF_LOST, BYTES(L(0), DW_OP_convert, TYPE_GONE, SV), 0, {0}},
	{"typed and generic mixed",
	 0,
	 WDX_LOSS_MIXED_EXPR,
	 BYTES(L(0), DW_OP_convert, TYPE_S32, DW_OP_lit1, DW_OP_minus, SV),
	 0,
	 {0}},
	{"frame base in a local", WDX_USE_FRAME_BASE, 0, BYTES(L(0), SV),
	 BYTES(DW_OP_breg3, 0, MASK, BASE, DW_OP_plus)},
	{"frame base in a global", WDX_USE_FRAME_BASE, 0, BYTES(G(0), SV),
	 BYTES(CONTEXT, 16, DW_OP_deref_size, 4, BASE, DW_OP_plus)},
	{"frame base on itself",
	 WDX_USE_FRAME_BASE,
	 WDX_LOSS_BAD_EXPR,
	 BYTES(DW_OP_fbreg, 0),
	 0,
	 {0}},
	{"data behind the object", WDX_USE_FRAME_BASE, 0,
	 BYTES(DW_OP_push_object_address, DW_OP_plus_uconst, 8, DW_OP_deref),
	 BYTES(DW_OP_push_object_address, DW_OP_plus_uconst, 8, DW_OP_deref_size, 4, BASE,
	       DW_OP_plus)},
	{"bound in the object", WDX_USE_VALUE, 0, BYTES(DW_OP_push_object_address, DW_OP_deref),
	 BYTES(DW_OP_push_object_address, DW_OP_deref_size, 4)},
	{"bound in a local", WDX_USE_VALUE, 0, BYTES(L(0), SV), BYTES(DW_OP_breg3, 0, MASK)},
	{"bound in pieces",
	 WDX_USE_VALUE,
	 WDX_LOSS_MIXED_EXPR,
	 BYTES(L(0), SV, DW_OP_piece, 4),
	 0,
	 {0}},
};

static const struct wdx_place *fixed_place(const struct wdx_need *n)
{
	if (n->kind == WDX_ENT_MEMORY)
		return &place_base;
	if (n->kind == WDX_ENT_GLOBAL)
		return n->index ? NULL : &place_global;
	if (n->kind == WDX_ENT_STACK)
		return n->index < 2 ? &place_slots[n->index] : NULL;
	return n->index == 5 ? NULL : &place_locals[n->index];
}

static void fix_places(const struct wdx_xexpr *x, struct wdx_xplaces *p)
{
	memset(p, 0, sizeof(*p));
	p->context = &place_context;
	for (size_t i = 0; i < x->nneeds; i++)
		p->need[i] = fixed_place(&x->needs[i]);
}

static enum wdx_loss translate_fixed(struct wdx_xexpr *x, enum wdx_xexpr_use use, const uint8_t *in,
				     size_t size, struct wdx_expr *out)
{
	struct wdx_xplaces p;
	enum wdx_loss loss = wdx_xexpr_parse(x, &cursor, &env, &func, use, in, size);

	out_init(out);
	if (loss != WDX_LOSS_NONE)
		return loss;
	fix_places(x, &p);
	return wdx_xexpr_emit(x, &p, out);
}

static void use_fixed_places(void)
{
	memcpy(map.offsets.data, fixed_offsets, sizeof(fixed_offsets));
	map.offsets.len = sizeof(fixed_offsets) / sizeof(*fixed_offsets);
}

static void test_fixed(void)
{
	struct wdx_xexpr x;
	struct wdx_expr out;

	set_config(8, false, false);
	use_fixed_places();
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		const struct fixed *f = &fixed[i];
		enum wdx_loss loss = translate_fixed(&x, f->use, f->in, f->size, &out);
		bool same = loss ||
			    (out.b.len == f->out_size && !memcmp(out.b.data, f->out, f->out_size));

		if (!ok(loss == f->loss && same, "%s", f->what)) {
			printf("# loss %d, not %d\n", loss, f->loss);
			dump("out", &out.b);
		}
		wdx_buf_deinit(&out.b);
	}
}

/* A pointer's native address: null stays null. */
static void test_pointers(void)
{
#define ADDRESS                                                                                    \
	DW_OP_dup, DW_OP_lit0, DW_OP_ne, DW_OP_lit0, DW_OP_or, BASE, DW_OP_mul, DW_OP_plus, SV
	static const struct fixed cases[] = {
		{"pointer in a register", 0, 0, BYTES(L(0), SV),
		 BYTES(DW_OP_breg3, 0, MASK, ADDRESS)},
		{"pointer in the frame", 0, 0, BYTES(DW_OP_fbreg, 12),
		 BYTES(DW_OP_fbreg, 12, DW_OP_deref_size, 4, ADDRESS)},
		{"static pointer", 0, 0, BYTES(DW_OP_addr, 0, 4, 0, 0),
		 BYTES(DW_OP_addr, 0, 4, 1, 0, 0, 0, 0, 0, DW_OP_deref_size, 4, ADDRESS)},
		{"pointer in pieces", 0, WDX_LOSS_POINTER, BYTES(L(0), SV, DW_OP_piece, 4), 0, {0}},
	};
	struct wdx_xplaces p;

	set_config(8, false, false);
	use_fixed_places();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fixed *f = &cases[i];
		struct wdx_expr out;
		struct wdx_xexpr xe;
		enum wdx_loss loss =
			wdx_xexpr_parse(&xe, &cursor, &env, &func, f->use, f->in, f->size);

		out_init(&out);
		if (!loss)
			loss = wdx_xexpr_pointer(&xe);
		fix_places(&xe, &p);
		if (!loss)
			loss = wdx_xexpr_emit(&xe, &p, &out);
		if (!ok(loss == f->loss && (loss || (out.b.len == f->out_size &&
						     !memcmp(out.b.data, f->out, f->out_size))),
			"%s", f->what)) {
			printf("# loss %d, not %d\n", loss, f->loss);
			dump("out", &out.b);
		}
		wdx_buf_deinit(&out.b);
	}
}

/* ---- results computed again --------------------------------------------------------------------
 */

static const struct row {
	uint8_t opcode, operands, width;
} rows[] = {
#define COMPUTED(opcode, operands, width, program) {opcode, operands, width},
#include "map/computed.def"
#undef COMPUTED
};

enum { NROWS = sizeof(rows) / sizeof(*rows) };

/* As the core specification has it, of numbers of so many bits without anything above. */
static uint64_t result_of(uint8_t opcode, const uint64_t *v, unsigned bits)
{
	uint64_t mask = bits == 64 ? UINT64_MAX : (1ull << bits) - 1, count = v[1] % bits;
	int64_t sign = (int64_t)(v[0] << (64 - bits)) >> (64 - bits);

	switch (opcode) {
	case 0x1b:
		return (uint32_t)v[2] ? v[0] : v[1];
	case 0x45:
	case 0x50:
		return !v[0];
	case 0x46:
	case 0x51:
		return v[0] == v[1];
	case 0x47:
	case 0x52:
		return v[0] != v[1];
	case 0x6a:
	case 0x7c:
		return (v[0] + v[1]) & mask;
	case 0x6b:
	case 0x7d:
		return (v[0] - v[1]) & mask;
	case 0x6c:
	case 0x7e:
		return (v[0] * v[1]) & mask;
	case 0x71:
	case 0x83:
		return v[0] & v[1];
	case 0x72:
	case 0x84:
		return v[0] | v[1];
	case 0x73:
	case 0x85:
		return v[0] ^ v[1];
	case 0x74:
	case 0x86:
		return (v[0] << count) & mask;
	case 0x75:
	case 0x87:
		return (uint64_t)(sign >> count) & mask;
	case 0x76:
	case 0x88:
		return v[0] >> count;
	case 0xa7:
	case 0xad:
		return (uint32_t)v[0];
	case 0xac:
	case 0xc4:
		return (uint64_t)(int64_t)(int32_t)v[0];
	case 0xc0:
		return (uint32_t)(int32_t)(int8_t)v[0];
	case 0xc1:
		return (uint32_t)(int32_t)(int16_t)v[0];
	case 0xc2:
		return (uint64_t)(int64_t)(int8_t)v[0];
	case 0xc3:
		return (uint64_t)(int64_t)(int16_t)v[0];
	}
	return 0x5a5a5a5a5a5a5a5a; /* a row without a test */
}

static bool gives_64(const struct row *r)
{
	return (r->opcode >= 0x7c && r->opcode <= 0x88) || r->opcode == 0xac || r->opcode == 0xad ||
	       r->opcode >= 0xc2;
}

/* Rows for results of that type; those of a selection have any. */
static const struct row *pick_row(uint8_t type)
{
	const struct row *r;

	do
		r = &rows[below(NROWS)];
	while (r->width && gives_64(r) != (type == WDX_I64));
	return r;
}

/* Some look at the low half of 64 bits. */
static uint8_t operand_type(const struct row *r, unsigned i, unsigned width)
{
	bool half = r->opcode == 0xa7 || r->opcode >= 0xc2;

	return i < 2 && (half || width == 8) ? WDX_I64 : WDX_I32;
}

static size_t computed_places; /* taken from the end of places */

/* A place that is computed, and what comes out of it. */
static struct wdx_place *computed_place(uint8_t type, unsigned depth, uint64_t *result)
{
	struct wdx_place *p = &places[--computed_places];
	const struct row *r = pick_row(type);
	unsigned full = type == WDX_I64 ? 8 : 4;
	uint64_t v[3] = {0};
	int64_t of[3];

	p->kind = WDX_PLACE_COMPUTED;
	p->value = r->opcode;
	p->reg = r->width ? r->width : (uint16_t)full;
	p->n = r->operands;
	for (unsigned i = 0; i < r->operands; i++) {
		uint8_t t = operand_type(r, i, p->reg);
		const struct wdx_place *o;

		if (depth && chance(30)) {
			o = computed_place(t, depth - 1, &v[i]);
		} else {
			v[i] = typed_value(t);
			do
				o = make_place(v[i], t, false);
			while (o->kind == WDX_PLACE_EXPR);
		}
		of[i] = o - places;
	}
	p->first = (uint32_t)map.offsets.len;
	for (unsigned i = 0; i < r->operands; i++)
		add_offset(of[i]);
	*result = result_of(r->opcode, v, 8u * p->reg);
	return p;
}

static void test_computed(void)
{
	unsigned before = wrong, done = 0;

	set_config(8, false, false);
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t local = round % 2 ? I32_LOCAL : I64_LOCAL, type;
		struct gen g = {0};
		struct meaning m = {0};
		struct wdx_xplaces p = {0};
		struct wdx_xexpr x;
		struct wdx_expr out;

		new_state();
		next_reg = 0;
		computed_places = NPLACES;
		type = local_types[local];
		p.need[0] = computed_place(type, 2, &m.v64);
		m.v32 = (uint32_t)m.v64;
		m.entity = type;
		m.tag = type == WDX_I32 ? T32 : T64;
		wdx_buf_bytes(&g.b, (const uint8_t[]){L(local), SV}, 4);
		out_init(&out);
		if (wdx_xexpr_parse(&x, &cursor, &env, &func, WDX_USE_VARIABLE, g.b.data,
				    g.b.len) == WDX_LOSS_NONE &&
		    wdx_xexpr_emit(&x, &p, &out) == WDX_LOSS_NONE) {
			evaluate(&g, &out.b, &m, true, 0);
			done++;
		}
		wdx_buf_deinit(&out.b);
		wdx_buf_deinit(&g.b);
	}
	ok(wrong == before && done == 20000, "results computed again, %u of them", done);
}

static void test_marks(void)
{
	static const uint8_t global[] = {G(0), SV}, constant[] = {G(1), SV},
			     piece[] = {L(0), DW_OP_piece, 4}, in_frame[] = {DW_OP_fbreg, 0};
	struct wdx_xexpr x;
	struct wdx_expr out;

	set_config(8, false, false);
	wdx_xexpr_parse(&x, &cursor, &env, &func, WDX_USE_VARIABLE, global, sizeof(global));
	ok(x.innermost && !x.reads_memory && x.nneeds == 1 && x.need_type[0] == WDX_I32,
	   "a mutable global is the innermost frame's");
	wdx_xexpr_parse(&x, &cursor, &env, &func, WDX_USE_VARIABLE, constant, sizeof(constant));
	ok(!x.innermost, "a constant global is every frame's");
	wdx_xexpr_parse(&x, &cursor, &env, &func, WDX_USE_VARIABLE, piece, sizeof(piece));
	ok(x.pieces && x.reads_memory && x.nneeds == 2, "a piece in memory");
	wdx_xexpr_parse(&x, &cursor, &env, &func, WDX_USE_VARIABLE, in_frame, sizeof(in_frame));
	ok(x.uses_frame && x.reads_memory && !x.nneeds, "a frame variable needs nothing");
	ok(wdx_xexpr_parse(&x, &cursor, &env, NULL, WDX_USE_VARIABLE, piece, sizeof(piece)) ==
		   WDX_LOSS_NO_LOCAL,
	   "no locals outside functions");
	set_config(8, true, false);
	ok(translate_fixed(&x, WDX_USE_VARIABLE, in_frame, 2, &out) == WDX_LOSS_BIG_ENDIAN_MEMORY,
	   "no linear memory on big-endian targets");
	ok(translate_fixed(&x, WDX_USE_VARIABLE, piece, sizeof(piece), &out) ==
		   WDX_LOSS_BIG_ENDIAN_MEMORY,
	   "no composites there");
}

/* ---- hostile input ----------------------------------------------------------------------------
 */

static void test_growth(void)
{
	uint8_t in[80] = {L(0)};
	size_t n = 3;
	struct wdx_xexpr x;
	struct wdx_expr out;

	set_config(8, false, false);
	use_fixed_places();
	while (n < 60) {
		in[n++] = DW_OP_dup;
		in[n++] = DW_OP_plus;
	}
	in[n++] = SV;
	ok(translate_fixed(&x, WDX_USE_VARIABLE, in, n, &out) == WDX_LOSS_EXPR_SIZE && !out.b.len,
	   "doubling again and again is given up before anything is written");
	memset(in, DW_OP_dup, sizeof(in));
	memcpy(in, (uint8_t[]){L(0)}, 3);
	ok(translate_fixed(&x, WDX_USE_VARIABLE, in, sizeof(in), &out) == WDX_LOSS_EXPR_SIZE,
	   "more operations than are read");
}

static void test_bytes(void)
{
	uint8_t in[40];
	struct wdx_xexpr x;
	struct wdx_expr out;
	struct eval e;
	unsigned n, good = 0, bad = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		set_config(chance(50) ? 4 : 8, chance(20), chance(20));
		new_state();
		use_fixed_places();
		n = below(sizeof(in));
		for (unsigned k = 0; k < n; k++)
			in[k] = chance(30)   ? DW_OP_lit0 + below(32)
				: chance(30) ? WDX_OP_WASM_LOCATION
					     : (uint8_t)rnd();
		if (translate_fixed(&x, (enum wdx_xexpr_use)below(3), in, n, &out) ==
		    WDX_LOSS_NONE) {
			run(&e, &out.b, false);
			good++;
			bad += out.b.len == 0;
		}
		wdx_buf_deinit(&out.b);
	}
	ok(!bad, "random bytes do no harm (%u of them mean something)", good);
}

/* Claims of a map that lead nowhere. */
static void test_bad_places(void)
{
	static const uint8_t in[] = {L(0), SV}, sum[] = {L(0), DW_OP_lit1, DW_OP_plus, SV};
	static const struct {
		const char *what;
		struct wdx_place p;
		enum wdx_loss whole, part;
	} bad[] = {
		{"no offset", {.kind = WDX_PLACE_MEM}, WDX_LOSS_MAP_FAULT, WDX_LOSS_MAP_FAULT},
		{"offsets outside",
		 {.kind = WDX_PLACE_MEM, .first = 2, .n = 99},
		 WDX_LOSS_MAP_FAULT,
		 WDX_LOSS_MAP_FAULT},
		{"no bytes", {.kind = WDX_PLACE_EXPR}, WDX_LOSS_MAP_FAULT, WDX_LOSS_MIXED_EXPR},
		{"bytes outside",
		 {.kind = WDX_PLACE_EXPR, .first = 9, .n = 9},
		 WDX_LOSS_MAP_FAULT,
		 WDX_LOSS_MIXED_EXPR},
		{"bytes on the frame base",
		 {.kind = WDX_PLACE_EXPR, .n = 2},
		 WDX_LOSS_MAP_FAULT,
		 WDX_LOSS_MIXED_EXPR},
		{"unknown kind", {.kind = 77}, WDX_LOSS_MAP_FAULT, WDX_LOSS_MIXED_EXPR},
		{"integer in a vector register",
		 {.kind = WDX_PLACE_REG, .reg = VECTOR_REG},
		 WDX_LOSS_NONE,
		 WDX_LOSS_MIXED_EXPR},
	};
	struct wdx_xexpr x;
	struct wdx_xplaces p = {0};
	struct wdx_expr out;

	set_config(8, false, false);
	use_fixed_places();
	memcpy(map.blob.data, (uint8_t[]){DW_OP_fbreg, 0}, 2);
	map.blob.len = 2;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		p.need[0] = &bad[i].p;
		out_init(&out);
		wdx_xexpr_parse(&x, &cursor, &env, &func, WDX_USE_VARIABLE, in, sizeof(in));
		bool whole = wdx_xexpr_emit(&x, &p, &out) == bad[i].whole;

		wdx_xexpr_parse(&x, &cursor, &env, &func, WDX_USE_VARIABLE, sum, sizeof(sum));
		bool part = wdx_xexpr_emit(&x, &p, &out) == bad[i].part;

		ok(whole && part, "place: %s", bad[i].what);
		wdx_buf_deinit(&out.b);
	}
}

int main(void)
{
	seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	init_wasm();
	test_fixed();
	test_pointers();
	test_computed();
	test_marks();
	test_growth();
	test_bad_places();
	test_bytes();
	test_random(8, false, false, 35);
	test_random(8, false, true, 25);
	test_random(4, false, false, 20);
	test_random(8, true, false, 25);
	test_random(4, true, false, 10);
	test_pieces();
	test_use(WDX_USE_FRAME_BASE, false);
	test_use(WDX_USE_FRAME_BASE, true);
	test_use(WDX_USE_VALUE, false);
	test_use(WDX_USE_VALUE, true);
	return done();
}
