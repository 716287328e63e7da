/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Writes trees for one set of places.
 *
 * What comes out must mean the same to gdb and to lldb.  They agree on additions, masks, logical
 * shifts and divisions, not on the sign of what comes from a register: lldb takes it for unsigned,
 * so that DW_OP_shra, DW_OP_abs and comparisons are spelled out with operations they agree on. What
 * a comparison leaves in lldb is of 4 bytes, until it meets a constant.
 */
#include "xlat/expr_tree.h"

#include <dwarf.h>

#include "base/buf.h"
#include "dwarf/decode.h"

/* Shared parts of a tree are written as often as they are used; this many nodes, then it is enough.
 */
#define NODES_MAX 512

#define SIGN32 0x80000000u

struct emit {
	const struct wdx_xtree *t;
	const struct wdx_xplaces *p;
	struct wdx_expr *out; /* NULL: only tries */
	enum wdx_loss loss;
	unsigned nodes;
};

static void fail(struct emit *e, enum wdx_loss loss)
{
	if (e->loss == WDX_LOSS_NONE)
		e->loss = loss;
}

static const struct wdx_xenv *env(const struct emit *e)
{
	return e->t->x->env;
}

static unsigned word(const struct emit *e)
{
	return e->t->native64 ? 8 : 4;
}

/* ---- operations -------------------------------------------------------------------------------
 */

static void op(struct emit *e, uint8_t code)
{
	if (e->out)
		wdx_expr_op(e->out, code);
}

static void op_uint(struct emit *e, uint8_t code, uint64_t v)
{
	if (e->out)
		wdx_expr_op_uint(e->out, code, v);
}

static void op_sint(struct emit *e, uint8_t code, int64_t v)
{
	if (e->out)
		wdx_expr_op_sint(e->out, code, v);
}

static void constant(struct emit *e, uint64_t v)
{
	if (e->out)
		wdx_expr_const(e->out, e->t->native64 ? v : (uint32_t)v);
}

static void raw(struct emit *e, const void *p, size_t n)
{
	if (e->out)
		wdx_expr_raw(e->out, p, n);
}

static void raw_sleb(struct emit *e, int64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;
	bool more = true;

	while (more) {
		uint8_t low = v & 0x7f;

		v >>= 7;
		more = v != (low & 0x40 ? -1 : 0);
		bytes[n++] = more ? low | 0x80 : low;
	}
	raw(e, bytes, n);
}

static void breg(struct emit *e, unsigned reg, int64_t off)
{
	if (reg < 32) {
		op_sint(e, (uint8_t)(DW_OP_breg0 + reg), off);
		return;
	}
	op_uint(e, DW_OP_bregx, reg);
	raw_sleb(e, off);
}

static void deref(struct emit *e, unsigned size)
{
	uint8_t bytes[2] = {DW_OP_deref_size, (uint8_t)size};

	if (size == word(e))
		op(e, DW_OP_deref);
	else
		raw(e, bytes, sizeof(bytes));
}

static void add(struct emit *e, int64_t off)
{
	if (off > 0) {
		op_uint(e, DW_OP_plus_uconst, (uint64_t)off);
	} else if (off < 0) {
		op_sint(e, DW_OP_consts, off);
		op(e, DW_OP_plus);
	}
}

static void copy(struct emit *e, const struct wdx_op *o)
{
	if (e->out && !wdx_expr_copy(e->out, e->t->x->cursor, o))
		fail(e, WDX_LOSS_REF_LOST);
}

/* ---- places -----------------------------------------------------------------------------------
 */

enum wdx_loss wdx_xexpr_missing(const struct wdx_need *need)
{
	return need->kind == WDX_ENT_MEMORY   ? WDX_LOSS_NO_MEMORY_BASE
	       : need->kind == WDX_ENT_GLOBAL ? WDX_LOSS_NO_GLOBAL
	       : need->kind == WDX_ENT_STACK  ? WDX_LOSS_OPERAND_STACK
					      : WDX_LOSS_NO_PLACE;
}

static const struct wdx_place *place_of(struct emit *e, unsigned need)
{
	const struct wdx_place *p = e->p->need[need];

	if (!p)
		fail(e, wdx_xexpr_missing(&e->t->x->needs[need]));
	return p;
}

static const int64_t *offsets_of(struct emit *e, const struct wdx_place *p)
{
	const struct wdx_map *map = env(e)->map;

	if (!p->n || p->n > map->offsets.len || p->first > map->offsets.len - p->n) {
		fail(e, WDX_LOSS_MAP_FAULT);
		return NULL;
	}
	return map->offsets.data + p->first;
}

/* A register whose number is its value: vector registers are no numbers to a debugger. */
static void push_reg(struct emit *e, unsigned reg, int64_t off, unsigned size)
{
	unsigned bytes = wdx_target_reg_size(env(e)->target, reg);

	if (bytes > word(e))
		fail(e, WDX_LOSS_MIXED_EXPR);
	else if (bytes && bytes < size)
		fail(e, WDX_LOSS_MAP_FAULT);
	breg(e, reg, off);
}

static void push_context(struct emit *e, int64_t off);

static void push_address(struct emit *e, const struct wdx_place *p, bool context)
{
	const int64_t *off = offsets_of(e, p);

	if (!off)
		return;
	switch (p->base) {
	case WDX_BASE_CFA:
		op(e, DW_OP_call_frame_cfa);
		add(e, off[0]);
		break;
	case WDX_BASE_REG:
		push_reg(e, p->reg, off[0], 0);
		break;
	case WDX_BASE_CONTEXT:
		if (context) /* it would be its own base */
			fail(e, WDX_LOSS_MAP_FAULT);
		else
			push_context(e, off[0]);
		break;
	case WDX_BASE_ABS:
		constant(e, (uint64_t)off[0]);
		break;
	default:
		fail(e, WDX_LOSS_MAP_FAULT);
	}
	for (uint32_t i = 1; i < p->n; i++) {
		op(e, DW_OP_deref);
		add(e, off[i]);
	}
}

static bool push_place(struct emit *e, const struct wdx_place *p, unsigned size, bool context);

static void mask(struct emit *e, uint64_t bits)
{
	constant(e, bits);
	op(e, DW_OP_and);
}

static const struct wdx_place *operand_of(struct emit *e, const struct wdx_place *p, unsigned i)
{
	const struct wdx_map *map = env(e)->map;
	uint64_t place = UINT64_MAX;

	if (i < p->n && p->first <= map->offsets.len && p->n <= map->offsets.len - p->first)
		place = (uint64_t)map->offsets.data[p->first + i];
	return place < map->places.len ? &map->places.data[place] : NULL;
}

static void push_operand(struct emit *e, const struct wdx_place *p, unsigned i, bool clean)
{
	unsigned width = i < 2 ? p->reg : 4;
	const struct wdx_place *of = operand_of(e, p, i);

	if (!of)
		fail(e, WDX_LOSS_MAP_FAULT);
	else if (!push_place(e, of, width, false) && clean && width == 4)
		mask(e, UINT32_MAX);
}

static void push_letter(struct emit *e, const struct wdx_place *p, char letter)
{
	static const uint8_t ops[] = {
		['+'] = DW_OP_plus, ['-'] = DW_OP_minus, ['*'] = DW_OP_mul, ['&'] = DW_OP_and,
		['|'] = DW_OP_or,   ['^'] = DW_OP_xor,	 ['<'] = DW_OP_shl, ['>'] = DW_OP_shr,
		['='] = DW_OP_eq,   ['!'] = DW_OP_ne,	 ['0'] = DW_OP_lit0};
	static const struct {
		char letter;
		uint16_t bits;
	} bits[] = {{'q', 0xff}, {'Q', 0x80}, {'h', 0xffff}, {'H', 0x8000}};

	if (letter >= 'a' && letter <= 'c')
		return push_operand(e, p, (unsigned)(letter - 'a'), false);
	if (letter >= 'A' && letter <= 'C')
		return push_operand(e, p, (unsigned)(letter - 'A'), true);
	if (letter == 'm')
		return mask(e, 8 * p->reg - 1u);
	if (letter == 's')
		return constant(e, 1ULL << (8 * p->reg - 1));
	if (letter == '~')
		return op(e, DW_OP_neg);
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if (bits[i].letter == letter)
			return constant(e, bits[i].bits);
	op(e, ops[(unsigned char)letter]);
}

/* What an instruction makes of its operands, which are computed themselves no more than a few
 * times deep. */
static void push_computed(struct emit *e, const struct wdx_place *p)
{
	static const char *const programs[256] = {
#define COMPUTED(opcode, operands, width, program) [opcode] = program,
#include "map/computed.def"
#undef COMPUTED
	};
	const char *program = p->value < 256 ? programs[p->value] : NULL;

	if (!program || !e->t->native64)
		fail(e, WDX_LOSS_MIXED_EXPR);
	for (; program && *program && e->loss == WDX_LOSS_NONE; program++)
		push_letter(e, p, *program);
}

/* What the register held on entry. */
static void push_entry(struct emit *e, unsigned reg)
{
	bool gnu = env(e)->dwarf_version < 5;
	uint8_t bytes[] = {gnu ? DW_OP_GNU_entry_value : DW_OP_entry_value, 1,
			   (uint8_t)(DW_OP_reg0 + reg)};

	if (reg >= 32)
		fail(e, WDX_LOSS_MAP_FAULT);
	raw(e, bytes, sizeof(bytes));
}

/* Sums have no sums in them. */
static void push_sum(struct emit *e, const struct wdx_place *p, unsigned size)
{
	const struct wdx_map *map = env(e)->map;
	const struct wdx_place *of = p->first < map->places.len ? &map->places.data[p->first] : p;

	if (of->kind == WDX_PLACE_REG) {
		push_reg(e, of->reg, (int64_t)p->value, size);
	} else if (of->kind == WDX_PLACE_MEM) {
		push_place(e, of, size, false);
		add(e, (int64_t)p->value);
	} else {
		fail(e, WDX_LOSS_MAP_FAULT);
	}
}

/* The whole of `size` bytes; says whether it has no garbage above 32 bits. */
static bool push_place(struct emit *e, const struct wdx_place *p, unsigned size, bool context)
{
	uint64_t v = size == 4 ? (uint32_t)p->value : p->value;

	switch (p->kind) {
	case WDX_PLACE_REG:
		push_reg(e, p->reg, 0, size);
		return false;
	case WDX_PLACE_MEM:
		push_address(e, p, context);
		deref(e, size);
		return size == 4;
	case WDX_PLACE_CONST:
		constant(e, v);
		return v <= UINT32_MAX;
	case WDX_PLACE_SUM:
		push_sum(e, p, size);
		return false;
	case WDX_PLACE_COMPUTED:
		push_computed(e, p);
		return false;
	case WDX_PLACE_ENTRY:
		push_entry(e, p->reg);
		return true;
	default: /* raw bytes describe a location: where a number would be in it is not known */
		fail(e, WDX_LOSS_MIXED_EXPR);
		return false;
	}
}

static void push_context(struct emit *e, int64_t off)
{
	const struct wdx_place *c = e->p->context;

	if (!c) {
		fail(e, WDX_LOSS_NO_PLACE);
	} else if (c->kind == WDX_PLACE_REG) {
		push_reg(e, c->reg, off, word(e));
	} else {
		push_place(e, c, word(e), true);
		add(e, off);
	}
}

static unsigned find_need(const struct emit *e, uint32_t kind)
{
	const struct wdx_xexpr *x = e->t->x;
	unsigned i = 0;

	while (i + 1 < x->nneeds && x->needs[i].kind != kind)
		i++;
	return i;
}

static void push_base(struct emit *e)
{
	const struct wdx_place *p = place_of(e, find_need(e, WDX_ENT_MEMORY));

	if (p)
		push_place(e, p, word(e), false);
}

static void push_native(struct emit *e, const struct wdx_xnode *n)
{
	if (n->op == DW_OP_fbreg) {
		op_sint(e, DW_OP_fbreg, n->off);
	} else {
		op(e, n->op);
		add(e, n->off);
	}
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

/* Nowhere, but made of what is somewhere. */
static bool is_number(const struct wdx_place *p)
{
	return p->kind == WDX_PLACE_SUM || p->kind == WDX_PLACE_COMPUTED ||
	       p->kind == WDX_PLACE_ENTRY;
}

static bool emit_entity(struct emit *e, const struct wdx_xnode *n)
{
	const struct wdx_place *p = place_of(e, n->need);
	unsigned size = wdx_wasm_type_size(e->t->x->need_type[n->need]);

	if (!p)
		return false;
	if (size > word(e)) {
		fail(e, WDX_LOSS_MIXED_EXPR);
		return false;
	}
	/* a slot of unknown width begins with its low bytes on little-endian targets only */
	if (!size && (p->kind == WDX_PLACE_MEM || is_number(p)) &&
	    wdx_target_big_endian(env(e)->target))
		fail(e, WDX_LOSS_MIXED_EXPR);
	return push_place(e, p, size ? size : word(e), false) && size == 4;
}

/* Writes a number; says whether a W_32 one is without garbage above its 32 bits.  Constants take
 * the width they are used in. */
static bool emit_node(struct emit *e, uint8_t i, uint8_t width);

/* The same, so that what is above 32 bits is zero when the width is 32. */
static void emit_clean(struct emit *e, uint8_t i, uint8_t width)
{
	bool clean = emit_node(e, i, width);

	if (width == WDX_W_32 && !clean && e->t->native64)
		mask(e, UINT32_MAX);
}

static const struct wdx_xnode *node_at(const struct emit *e, uint8_t i)
{
	return &e->t->node[i];
}

/* Sign-extended to the target's width. */
static void emit_signed(struct emit *e, uint8_t i, uint8_t width)
{
	const struct wdx_xnode *n = node_at(e, i);

	if (width == WDX_W_32 && n->kind == WDX_X_CONST) {
		op_sint(e, DW_OP_consts, (int32_t)n->v32);
		return;
	}
	emit_clean(e, i, width);
	if (width != WDX_W_32 || !e->t->native64)
		return;
	constant(e, SIGN32);
	op(e, DW_OP_xor);
	constant(e, SIGN32);
	op(e, DW_OP_minus);
}

/* Moved up by 2^31, so that order without a sign is order with one. */
static void emit_biased(struct emit *e, uint8_t i, uint8_t width)
{
	const struct wdx_xnode *n = node_at(e, i);

	if (width == WDX_W_32 && n->kind == WDX_X_CONST) {
		constant(e, n->v32 ^ SIGN32);
		return;
	}
	emit_clean(e, i, width);
	if (width == WDX_W_32) {
		constant(e, SIGN32);
		op(e, DW_OP_xor);
	}
}

/* x >> n with the sign, as ((x ^ S) >> n) - (S >> n) without one. */
static void emit_shra(struct emit *e, const struct wdx_xnode *n)
{
	uint64_t by = node_at(e, n->b)->v64;
	uint64_t sign = n->operands == WDX_W_64 ? 1ULL << 63 : SIGN32;

	emit_clean(e, n->a, n->operands);
	if (n->operands != WDX_W_ANY) {
		constant(e, sign);
		op(e, DW_OP_xor);
	}
	constant(e, by);
	op(e, DW_OP_shr);
	if (n->operands != WDX_W_ANY) {
		constant(e, sign >> by);
		op(e, DW_OP_minus);
	}
}

static bool emit_ring(struct emit *e, const struct wdx_xnode *n)
{
	bool a = emit_node(e, n->a, n->operands), b;
	const struct wdx_xnode *y = node_at(e, n->b);

	if (n->op == DW_OP_plus && y->kind == WDX_X_CONST) {
		uint64_t v = n->operands == WDX_W_32 ? y->v32 : y->v64;

		op_uint(e, DW_OP_plus_uconst, e->t->native64 ? v : (uint32_t)v);
		return false;
	}
	b = emit_node(e, n->b, n->operands);
	op(e, n->op);
	if (n->op == DW_OP_and)
		return a || b;
	return (n->op == DW_OP_or || n->op == DW_OP_xor) && a && b;
}

static void widen(struct emit *e)
{
	op(e, DW_OP_lit0);
	op(e, DW_OP_or);
}

static bool emit_binary(struct emit *e, const struct wdx_xnode *n)
{
	void (*operand)(struct emit *, uint8_t, uint8_t) = emit_clean;

	switch (n->op) {
	case DW_OP_shra:
		emit_shra(e, n);
		return false;
	case DW_OP_shr:
	case DW_OP_mod:
	case DW_OP_eq:
	case DW_OP_ne:
		break;
	case DW_OP_div:
		operand = emit_signed;
		break;
	case DW_OP_lt:
	case DW_OP_le:
	case DW_OP_gt:
	case DW_OP_ge:
		operand = emit_biased;
		break;
	default:
		return emit_ring(e, n);
	}
	operand(e, n->a, n->operands);
	operand(e, n->b, n->operands);
	op(e, n->op);
	if (n->op >= DW_OP_eq && n->op <= DW_OP_ne)
		widen(e);
	return n->op != DW_OP_div;
}

/* |x| is (x ^ -s) + s with s the sign, 0 or 1. */
static void emit_abs(struct emit *e, const struct wdx_xnode *n)
{
	static const uint8_t tail[] = {DW_OP_shr, DW_OP_dup, DW_OP_neg, DW_OP_rot,
				       DW_OP_rot, DW_OP_xor, DW_OP_plus};

	emit_clean(e, n->a, n->operands);
	if (n->operands == WDX_W_ANY)
		return;
	op(e, DW_OP_dup);
	constant(e, n->operands == WDX_W_64 ? 63 : 31);
	raw(e, tail, sizeof(tail));
}

static void emit_sext(struct emit *e, const struct wdx_xnode *n)
{
	static const uint8_t spread[] = {DW_OP_shr, DW_OP_lit0, DW_OP_not, DW_OP_mul};

	emit_clean(e, n->a, n->operands);
	op(e, DW_OP_dup);
	constant(e, (uint64_t)n->off - 1);
	raw(e, spread, sizeof(spread));
	constant(e, (uint64_t)n->off);
	op(e, DW_OP_shl);
	op(e, DW_OP_or);
}

/* The native address of the byte of linear memory at that address. */
static void emit_linear(struct emit *e, uint8_t i)
{
	if (node_at(e, i)->kind == WDX_X_NATIVE) {
		push_native(e, node_at(e, i));
		return;
	}
	emit_clean(e, i, env(e)->address64 ? WDX_W_64 : WDX_W_32);
	push_base(e);
	op(e, DW_OP_plus);
}

static void emit_load(struct emit *e, const struct wdx_xnode *n)
{
	emit_linear(e, n->a);
	if (n->typed)
		copy(e, n->src);
	else
		deref(e, n->size);
}

static void emit_typed(struct emit *e, const struct wdx_xnode *n)
{
	if (n->a != WDX_XNONE)
		emit_clean(e, n->a, node_at(e, n->a)->typed ? (uint8_t)WDX_W_64 : n->operands);
	if (n->b != WDX_XNONE)
		emit_node(e, n->b, n->operands);
	copy(e, n->src);
	if (n->b != WDX_XNONE && !n->typed)
		widen(e);
}

static bool emit_node(struct emit *e, uint8_t i, uint8_t width)
{
	const struct wdx_xnode *n = node_at(e, i);

	if (++e->nodes > NODES_MAX) {
		fail(e, WDX_LOSS_EXPR_SIZE);
		return false;
	}
	switch (n->kind) {
	case WDX_X_CONST:
		constant(e, width == WDX_W_32 ? n->v32 : n->v64);
		return width == WDX_W_32 || n->v64 <= UINT32_MAX;
	case WDX_X_ENTITY:
		return emit_entity(e, n);
	case WDX_X_NATIVE:
		push_native(e, n);
		push_base(e);
		op(e, DW_OP_minus);
		return false;
	case WDX_X_UNARY:
		if (n->op == DW_OP_abs) {
			emit_abs(e, n);
			return false;
		}
		emit_node(e, n->a, n->operands);
		op(e, n->op);
		return false;
	case WDX_X_BINARY:
		return emit_binary(e, n);
	case WDX_X_SEXT:
		emit_sext(e, n);
		return false;
	case WDX_X_LOAD:
		emit_load(e, n);
		return !n->typed;
	default:
		emit_typed(e, n);
		return false;
	}
}

/* ---- whole values -----------------------------------------------------------------------------
 */

static void implicit_value(struct emit *e, uint64_t v, unsigned size)
{
	uint8_t bytes[8];
	bool big = wdx_target_big_endian(env(e)->target);

	for (unsigned i = 0; i < size; i++)
		bytes[big ? size - 1 - i : i] = (uint8_t)(v >> (8 * i));
	op_uint(e, DW_OP_implicit_value, size);
	raw(e, bytes, size);
}

/* A constant of 8 bytes is more than an entry holds on 32-bit targets. */
static void value_const(struct emit *e, uint64_t v, uint64_t bytes)
{
	if (e->t->native64 || v <= UINT32_MAX || (bytes && bytes <= 4)) {
		constant(e, v);
		op(e, DW_OP_stack_value);
	} else if (wdx_target_big_endian(env(e)->target)) {
		fail(e, WDX_LOSS_MIXED_EXPR);
	} else {
		implicit_value(e, v, 8);
	}
}

/* A computed number as the value of a variable, or of an attribute. */
static void value_number(struct emit *e, uint8_t root, uint64_t bytes)
{
	const struct wdx_xnode *n = node_at(e, root);
	bool variable = e->t->x->use == WDX_USE_VARIABLE;

	if (n->kind == WDX_X_CONST && variable) {
		value_const(e, n->v64, bytes);
		return;
	}
	/* the upper half of what may be 64 bits wide does not exist on 32-bit targets */
	if (!n->typed && n->width == WDX_W_ANY && !e->t->native64 &&
	    wdx_xtree_max(n) > UINT32_MAX && (!bytes || bytes > 4))
		fail(e, WDX_LOSS_MIXED_EXPR);
	emit_clean(e, root, n->typed ? (uint8_t)WDX_W_64 : n->width);
	if (variable)
		op(e, DW_OP_stack_value);
}

/* Raw bytes of a map are a location and nothing else, made of what means the same anywhere. */
static bool raw_is_sound(const struct emit *e, const struct wdx_place *p)
{
	const struct wdx_map *map = env(e)->map;
	bool big = wdx_target_big_endian(env(e)->target);
	struct wdx_unit unit = {.version = 5,
				.address_size = (uint8_t)word(e),
				.offset_size = 4,
				.big_endian = big};
	struct wdx_op ops[WDX_XEXPR_MAX_OPS];
	const char *why;
	size_t n;

	if (!p->n || p->n > map->blob.len || p->first > map->blob.len - p->n ||
	    !wdx_decode_expr(&unit, map->blob.data + p->first, p->n, ops, WDX_XEXPR_MAX_OPS, &n,
			     &why))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool piece = ops[i].code == DW_OP_piece || ops[i].code == DW_OP_bit_piece;

		if (ops[i].ref || ops[i].code == DW_OP_fbreg ||
		    ops[i].code == WDX_OP_WASM_LOCATION || ops[i].code == DW_OP_addrx ||
		    ops[i].code == DW_OP_constx || (piece && e->t->x->pieces))
			return false;
	}
	return true;
}

static void whole_reg(struct emit *e, const struct wdx_place *p, unsigned size)
{
	unsigned bytes = wdx_target_reg_size(env(e)->target, p->reg);

	if (bytes && bytes < size)
		fail(e, WDX_LOSS_MAP_FAULT);
	else if (p->reg < 32)
		op(e, (uint8_t)(DW_OP_reg0 + p->reg));
	else
		op_uint(e, DW_OP_regx, p->reg);
}

static bool is_integer(uint8_t type)
{
	return type == WDX_I32 || type == WDX_I64;
}

/* The slot is where the variable is; but on a big-endian target one that is narrower, or may be,
 * is in the slot's last bytes. */
static void whole_mem(struct emit *e, const struct wdx_xnode *n, const struct wdx_place *p,
		      uint64_t bytes)
{
	uint8_t type = e->t->x->need_type[n->need];
	unsigned size = wdx_wasm_type_size(type);

	if (!wdx_target_big_endian(env(e)->target) || (size && bytes == size) ||
	    (type && !is_integer(type))) {
		push_address(e, p, false);
	} else {
		emit_entity(e, n);
		op(e, DW_OP_stack_value);
	}
}

static void whole_const(struct emit *e, uint8_t type, uint64_t v, uint64_t bytes)
{
	if (type == WDX_V128)
		fail(e, WDX_LOSS_MIXED_EXPR);
	else if (type == WDX_F32 || type == WDX_F64)
		implicit_value(e, v, wdx_wasm_type_size(type));
	else
		value_const(e, type == WDX_I32 ? (uint32_t)v : v, bytes);
}

/* A variable that is a local, global or stack slot as a whole is where that is. */
static void whole(struct emit *e, uint8_t root, uint64_t bytes)
{
	const struct wdx_xnode *n = node_at(e, root);
	uint8_t type = e->t->x->need_type[n->need];
	const struct wdx_place *p = place_of(e, n->need);
	unsigned size = wdx_wasm_type_size(type);

	if (!p)
		return;
	if (size && bytes > size) { /* there is garbage behind it */
		if (type == WDX_I32 && bytes <= 8 && e->t->native64)
			value_number(e, root, bytes);
		else
			fail(e, WDX_LOSS_MIXED_EXPR);
	} else if (p->kind == WDX_PLACE_REG) {
		whole_reg(e, p, size);
	} else if (p->kind == WDX_PLACE_MEM) {
		whole_mem(e, n, p, bytes);
	} else if (p->kind == WDX_PLACE_CONST) {
		whole_const(e, type, p->value, bytes);
	} else if (is_number(p) && is_integer(type)) {
		value_number(e, root, bytes);
	} else if (p->kind == WDX_PLACE_EXPR && raw_is_sound(e, p)) {
		raw(e, env(e)->map->blob.data + p->first, p->n);
	} else {
		fail(e, WDX_LOSS_MAP_FAULT);
	}
}

static void emit_form(struct emit *e, const struct wdx_xseg *seg, uint64_t bytes)
{
	const struct wdx_xnode *n = node_at(e, seg->root);

	switch (seg->form) {
	case WDX_FORM_VALUE:
		if (n->kind == WDX_X_ENTITY && e->t->x->use == WDX_USE_VARIABLE)
			whole(e, seg->root, bytes);
		else
			value_number(e, seg->root, bytes);
		return;
	case WDX_FORM_LINEAR:
	case WDX_FORM_ADDRESS:
		emit_linear(e, seg->root);
		return;
	case WDX_FORM_NATIVE:
		push_native(e, n);
		return;
	case WDX_FORM_STATIC:
		if (e->out)
			wdx_expr_addr(e->out,
				      env(e)->memory_addr + (env(e)->address64 ? n->v64 : n->v32));
		return;
	case WDX_FORM_COPY:
		copy(e, seg->src);
		return;
	default:
		fail(e, WDX_LOSS_NO_PLACE);
	}
}

/* What a pointer holds, as a number without garbage above its width. */
static void pointer_number(struct emit *e, const struct wdx_xseg *seg)
{
	bool wide = env(e)->address64;

	switch (seg->form) {
	case WDX_FORM_VALUE:
		if (node_at(e, seg->root)->typed)
			fail(e, WDX_LOSS_POINTER);
		emit_clean(e, seg->root, wide ? WDX_W_64 : WDX_W_32);
		return;
	case WDX_FORM_LINEAR:
	case WDX_FORM_NATIVE:
	case WDX_FORM_STATIC:
		emit_form(e, seg, 0);
		deref(e, wide ? 8 : 4);
		return;
	default:
		fail(e, WDX_LOSS_POINTER);
	}
}

/* v + (v != 0) * base */
static void emit_pointer(struct emit *e, const struct wdx_xseg *seg)
{
	static const uint8_t test[] = {DW_OP_dup, DW_OP_lit0, DW_OP_ne};

	pointer_number(e, seg);
	raw(e, test, sizeof(test));
	widen(e);
	push_base(e);
	op(e, DW_OP_mul);
	op(e, DW_OP_plus);
	op(e, DW_OP_stack_value);
}

enum wdx_loss wdx_xemit(const struct wdx_xtree *t, const struct wdx_xplaces *p,
			const struct wdx_xseg *seg, uint64_t bytes, struct wdx_expr *out)
{
	struct emit e = {.t = t, .p = p, .out = out};

	if (t->x->pointer)
		emit_pointer(&e, seg);
	else
		emit_form(&e, seg, bytes);
	return e.loss;
}

enum wdx_loss wdx_xexpr_place(const struct wdx_xenv *env, const struct wdx_place *p, unsigned size,
			      struct wdx_expr *out)
{
	static const struct wdx_xplaces none;
	struct wdx_xexpr x;
	struct wdx_xtree t;
	struct emit e = {.t = &t, .p = &none, .out = out, .loss = WDX_LOSS_NONE};

	/* places are written without the rest */
	x.env = env;
	t.x = &x;
	t.native64 = wdx_target_address_size(env->target) == 8;
	if (!push_place(&e, p, size, false) && size == 4 && t.native64)
		mask(&e, UINT32_MAX);
	return e.loss;
}
