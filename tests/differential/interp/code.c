/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * From the body of a function to operations.  The height of the operand stack is followed and
 * checked, types are not: a value of a wrong type is a wrong number, never a wrong access.  Code
 * that cannot be reached is decoded, so that marks find its instructions, and not checked.
 */
#include <stdlib.h>
#include <string.h>

#include "interp/impl.h"

enum shape { SHAPE_NONE, SHAPE_PLAIN, SHAPE_LOAD, SHAPE_STORE };

static const struct {
	u8 shape, pop, push;
} shapes[OP_OURS] = {
#define LOAD(code, name, mem, type) [code] = {SHAPE_LOAD, 1, 1},
#define STORE(code, name, mem) [code] = {SHAPE_STORE, 2, 0},
#define UNARY(code, name, from, to, expr) [code] = {SHAPE_PLAIN, 1, 1},
#define BINARY(code, name, from, to, expr) [code] = {SHAPE_PLAIN, 2, 1},
#define TRAP1(code, name, from, to, why, expr) [code] = {SHAPE_PLAIN, 1, 1},
#define TRAP2(code, name, from, to, why, expr) [code] = {SHAPE_PLAIN, 2, 1},
#include "interp/ops.def"
};

#define NO_FIX UINT32_MAX

struct block {
	u32 base; /* height below its parameters */
	u32 nparams, nresults;
	u32 start; /* a loop's: where branches go; else NO_FIX */
	u32 fix;   /* chain of what waits for the end: operation << 1, or target << 1 | 1 */
	u32 skip;  /* an `if` without `else` so far; NO_FIX */
	bool dead; /* begun in dead code */
};

struct code {
	struct interp *in;
	struct in r;
	const u8 *at; /* instruction in hand */
	u32 height, most;
	bool dead;
	VEC(struct block) blocks;
	struct func *func;
};

/* --- output ---------------------------------------------------------------------------------- */

static struct op *emit(struct code *c, u16 code)
{
	struct op *op = vec_add(&c->in->ops);
	u32 *offset = vec_add(&c->in->offsets);

	if (!op || !offset || c->in->ops.len > INT32_MAX / 2) {
		in_fail(&c->r, "out of memory");
		return NULL;
	}
	op->code = op->real = c->dead ? OP_DEAD : code;
	*offset = (u32)(c->at - c->in->bytes);
	return op;
}

static void emit_a(struct code *c, u16 code, u32 a, u64 v)
{
	struct op *op = emit(c, code);

	if (op) {
		op->a = a;
		op->v = v;
	}
}

static void pop(struct code *c, u32 n)
{
	if (c->dead || c->r.error)
		return;
	if (n > c->height - c->blocks.data[c->blocks.len - 1].base)
		in_fail(&c->r, "the operand stack is too low");
	else
		c->height -= n;
}

static void push(struct code *c, u32 n)
{
	if (c->dead)
		return;
	c->height += n;
	if (c->height > VALUES_MAX)
		in_fail(&c->r, "the operand stack is too high");
	if (c->height > c->most)
		c->most = c->height;
}

/* --- indices --------------------------------------------------------------------------------- */

static u32 index_below(struct code *c, u32 n, const char *why)
{
	u32 i = in_u32(&c->r);

	if (i < n)
		return i;
	in_fail(&c->r, why);
	return UINT32_MAX;
}

static u32 mem_index(struct code *c)
{
	return index_below(c, c->in->mems.len, "no such memory");
}

static u32 table_index(struct code *c)
{
	return index_below(c, c->in->tables.len, "no such table");
}

/* --- blocks ---------------------------------------------------------------------------------- */

static void block_type(struct code *c, struct block *b)
{
	i64 t = in_sleb(&c->r, 33);

	if (t == -64)
		return;
	if (t < 0) {
		b->nresults = 1;
		if ((u8)(t & 0x7f) == TYPE_V128)
			in_fail(&c->r, "SIMD is not supported");
	} else if (t < c->in->types.len) {
		b->nparams = c->in->types.data[t].nparams;
		b->nresults = c->in->types.data[t].nresults;
	} else {
		in_fail(&c->r, "no such type");
	}
}

static void begin_block(struct code *c, u8 op)
{
	struct block b = {.start = NO_FIX, .fix = NO_FIX, .skip = NO_FIX, .dead = c->dead}, *slot;

	block_type(c, &b);
	emit(c, op);
	if (op == 0x04) {
		pop(c, 1);
		b.skip = c->in->ops.len - 1;
	}
	pop(c, b.nparams);
	b.base = c->height;
	push(c, b.nparams);
	if (op == 0x03)
		b.start = c->in->ops.len;
	slot = vec_add(&c->blocks);
	if (!slot)
		return in_fail(&c->r, "out of memory");
	*slot = b;
}

/* Falling out of a block or of the first arm of an `if`. */
static void check_end(struct code *c, const struct block *b)
{
	if (!c->dead && !c->r.error && c->height != b->base + b->nresults)
		in_fail(&c->r, "a block leaves the wrong number of values");
}

static void resolve(struct code *c, u32 fix, u32 to)
{
	while (fix != NO_FIX) {
		u32 i = fix >> 1;

		if (fix & 1) {
			struct target *t = &c->in->targets.data[i];

			fix = (u32)t->distance;
			t->distance = (i32)(to - t->from);
		} else {
			struct op *op = &c->in->ops.data[i];

			fix = op->a;
			op->a = to - i;
		}
	}
}

static void do_else(struct code *c)
{
	struct block *b = &c->blocks.data[c->blocks.len - 1];

	if (b->skip == NO_FIX)
		return in_fail(&c->r, "an else without its if");
	check_end(c, b);
	c->dead = b->dead;
	emit_a(c, 0x05, b->fix, 0);
	if (!c->dead) {
		b->fix = (c->in->ops.len - 1) << 1;
		c->in->ops.data[b->skip].a = c->in->ops.len - b->skip;
	}
	b->skip = NO_FIX;
	c->height = b->base;
	push(c, b->nparams);
}

/* Branches to a block go behind its `end`; those to the function go to its `end`, which returns. */
static void do_end(struct code *c)
{
	struct block b = c->blocks.data[c->blocks.len - 1];
	bool last = c->blocks.len == 1;

	check_end(c, &b);
	if (b.skip != NO_FIX && b.nparams != b.nresults)
		in_fail(&c->r, "an if that needs an else");
	c->dead = b.dead;
	emit(c, last ? OP_LEAVE : 0x0b);
	if (c->r.error)
		return;
	if (!c->dead && b.skip != NO_FIX)
		c->in->ops.data[b.skip].a = c->in->ops.len - b.skip;
	resolve(c, b.fix, c->in->ops.len - last);
	c->height = b.base;
	push(c, b.nresults);
	c->blocks.len--;
	if (last)
		c->func->depth = c->most;
}

/* --- branches -------------------------------------------------------------------------------- */

static struct block *label(struct code *c)
{
	u32 n = index_below(c, c->blocks.len, "no such label");

	return c->r.error ? NULL : &c->blocks.data[c->blocks.len - 1 - n];
}

/* The values a branch takes along, which are on the stack, and what lies between. */
static u32 branch_values(struct code *c, const struct block *b, u32 *drop)
{
	u32 keep = b->start == NO_FIX ? b->nresults : b->nparams;

	pop(c, keep);
	*drop = c->dead ? 0 : c->height - b->base;
	push(c, keep);
	return keep;
}

static void branch(struct code *c, u16 code, u16 code_keep)
{
	struct block *b = label(c);
	struct op *op;
	u32 keep, drop, at = c->in->ops.len;

	if (!b)
		return;
	keep = branch_values(c, b, &drop);
	op = emit(c, drop ? code_keep : code);
	if (!op || c->dead)
		return;
	op->x = drop;
	op->y = keep;
	if (b->start != NO_FIX) {
		op->a = b->start - at;
		return;
	}
	op->a = b->fix;
	b->fix = at << 1;
}

static void table_target(struct code *c, u32 from)
{
	struct block *b = label(c);
	struct target *t = b && !c->dead ? vec_add(&c->in->targets) : NULL;

	if (!t) {
		if (!c->dead)
			in_fail(&c->r, "out of memory");
		return;
	}
	t->from = from;
	t->keep = branch_values(c, b, &t->drop);
	if (b->start != NO_FIX) {
		t->distance = (i32)(b->start - from);
		return;
	}
	t->distance = (i32)b->fix;
	b->fix = (c->in->targets.len - 1) << 1 | 1;
}

static void branch_table(struct code *c)
{
	u32 n = in_u32(&c->r), at = c->in->ops.len;
	struct op *op;

	if (n >= (size_t)(c->r.end - c->r.p))
		return in_fail(&c->r, "unexpected end");
	pop(c, 1);
	op = emit(c, 0x0e);
	if (!op)
		return;
	op->a = c->in->targets.len;
	op->x = n;
	for (u32 i = 0; i <= n && !c->r.error; i++)
		table_target(c, at);
	c->dead = true;
}

/* --- the rest -------------------------------------------------------------------------------- */

static void call_type(struct code *c, const struct type *t, bool tail)
{
	pop(c, t->nparams);
	if (!tail)
		return push(c, t->nresults);
	if (t->nresults != c->func->type->nresults)
		in_fail(&c->r, "a tail call of another type");
	c->dead = true;
}

static void call(struct code *c, u8 code)
{
	u32 i = index_below(c, c->in->funcs.len, "no such function");

	if (c->r.error)
		return;
	emit_a(c, code, i, 0);
	call_type(c, c->in->funcs.data[i].type, code == 0x12);
}

static void call_indirect(struct code *c, u8 code)
{
	u32 i = index_below(c, c->in->types.len, "no such type");
	u32 table = table_index(c);

	if (c->r.error)
		return;
	pop(c, 1);
	emit_a(c, code, c->in->types.data[i].same, table);
	call_type(c, &c->in->types.data[i], code == 0x13);
}

static void access(struct code *c, u8 code)
{
	u32 align = in_u32(&c->r), mem = 0;
	u64 offset;

	if (align & 0x40)
		mem = in_u32(&c->r);
	if (mem >= c->in->mems.len)
		return in_fail(&c->r, "no such memory");
	offset = in_leb(&c->r, c->in->mems.data[mem].is64 ? 64 : 32);
	pop(c, shapes[code].pop);
	emit_a(c, code, mem, offset);
	push(c, shapes[code].push);
}

static void plain(struct code *c, u16 code, u32 npop, u32 npush, u32 a, u64 v)
{
	pop(c, npop);
	emit_a(c, code, a, v);
	push(c, npush);
}

static void local(struct code *c, u8 code)
{
	u32 i = index_below(c, c->func->nlocals, "no such local");

	plain(c, code, code != 0x20, code != 0x21, i, 0);
}

static void global(struct code *c, u8 code)
{
	u32 i = index_below(c, c->in->globals.len, "no such global");

	if (!c->r.error && code == 0x24 && !c->in->globals.data[i].mutable)
		in_fail(&c->r, "a constant global is written");
	plain(c, code, code == 0x24, code == 0x23, i, 0);
}

static void constant(struct code *c, u8 code)
{
	const u8 *p;
	u64 v = 0;

	if (code == 0x41)
		v = (u32)in_sleb(&c->r, 32);
	else if (code == 0x42)
		v = (u64)in_sleb(&c->r, 64);
	else if ((p = in_bytes(&c->r, code == 0x43 ? 4 : 8)))
		memcpy(&v, p, code == 0x43 ? 4 : 8);
	plain(c, code, 0, 1, 0, v);
}

static void typed_select(struct code *c)
{
	for (u32 n = in_u32(&c->r); n && !c->r.error; n--)
		in_u8(&c->r);
	plain(c, 0x1b, 3, 1, 0, 0);
}

static void reference(struct code *c, u8 code)
{
	u32 i = 0;

	if (code == 0xd0)
		in_u8(&c->r);
	else if (code == 0xd2)
		i = index_below(c, c->in->funcs.len, "no such function");
	plain(c, code, code == 0xd1, 1, i, 0);
}

/* Bulk memory and tables.  The number of segments of data is checked when they are used. */
static void bulk(struct code *c)
{
	u32 sub = in_u32(&c->r), x = 0, y = 0;
	static const u8 pops[] = {3, 0, 3, 3, 3, 0, 3, 2, 0, 3};

	if (sub < 8)
		return plain(c, (u16)(OP_FC + sub), 1, 1, 0, 0);
	if (sub == 8 || sub == 9)
		y = in_u32(&c->r);
	if (sub == 12 || sub == 13)
		y = index_below(c, c->in->elems.len, "no such elements");
	if (sub == 8 || sub == 10 || sub == 11)
		x = mem_index(c);
	if (sub == 10)
		y = mem_index(c);
	if (sub == 12 || sub >= 14)
		x = table_index(c);
	if (sub == 14)
		y = table_index(c);
	if (sub > 17)
		return in_fail(&c->r, "an unknown instruction");
	plain(c, (u16)(OP_FC + sub), pops[sub - 8], sub == 15 || sub == 16, x, y);
}

static void control(struct code *c, u8 code)
{
	switch (code) {
	case 0x00:
		emit(c, code);
		c->dead = true;
		break;
	case 0x01:
		emit(c, code);
		break;
	case 0x05:
		do_else(c);
		break;
	case 0x0b:
		do_end(c);
		break;
	case 0x0c:
		branch(c, code, OP_BR_KEEP);
		c->dead = true;
		break;
	case 0x0d:
		pop(c, 1);
		branch(c, code, OP_BR_IF_KEEP);
		break;
	case 0x0e:
		branch_table(c);
		break;
	case 0x0f:
		plain(c, code, c->func->type->nresults, 0, 0, 0);
		c->dead = true;
		break;
	case 0x10:
	case 0x12:
		call(c, code);
		break;
	case 0x11:
	case 0x13:
		call_indirect(c, code);
		break;
	default:
		begin_block(c, code);
	}
}

static void unknown(struct code *c, u8 code)
{
	const char *why = "an unknown instruction";

	if (code == 0xfd)
		why = "SIMD is not supported";
	else if (code == 0xfe)
		why = "atomic instructions are not supported";
	else if (code == 0xfb || (code >= 0x14 && code <= 0x15))
		why = "garbage collection is not supported";
	else if ((code >= 0x06 && code <= 0x0a) || (code >= 0x18 && code <= 0x1f))
		why = "exceptions are not supported";
	in_fail(&c->r, why);
}

static void instruction(struct code *c)
{
	u8 code;

	c->at = c->r.p;
	code = in_u8(&c->r);
	if (shapes[code].shape == SHAPE_PLAIN)
		plain(c, code, shapes[code].pop, shapes[code].push, 0, 0);
	else if (shapes[code].shape)
		access(c, code);
	else if (code <= 0x05 || (code >= 0x0b && code <= 0x13))
		control(c, code);
	else if (code == 0x1a)
		plain(c, code, 1, 0, 0, 0);
	else if (code == 0x1b)
		plain(c, code, 3, 1, 0, 0);
	else if (code == 0x1c)
		typed_select(c);
	else if (code >= 0x20 && code <= 0x22)
		local(c, code);
	else if (code == 0x23 || code == 0x24)
		global(c, code);
	else if (code == 0x25 || code == 0x26)
		plain(c, code, code == 0x25 ? 1 : 2, code == 0x25, table_index(c), 0);
	else if (code == 0x3f || code == 0x40)
		plain(c, code, code == 0x40, 1, mem_index(c), 0);
	else if (code >= 0x41 && code <= 0x44)
		constant(c, code);
	else if (code >= 0xd0 && code <= 0xd2)
		reference(c, code);
	else if (code == 0xfc)
		bulk(c);
	else
		unknown(c, code);
}

const char *interp_compile(struct interp *in, struct func *f, const u8 *p, const u8 *end)
{
	struct code c = {.in = in, .r = {.p = p, .end = end}, .func = f};
	struct block *b = vec_add(&c.blocks);

	if (!b)
		return "out of memory";
	*b = (struct block){
		.nresults = f->type->nresults, .start = NO_FIX, .fix = NO_FIX, .skip = NO_FIX};
	f->code = in->ops.len;
	while (!c.r.error && c.blocks.len)
		instruction(&c);
	if (c.r.p != c.r.end)
		in_fail(&c.r, "code behind the end of a function");
	free(c.blocks.data);
	return c.r.error;
}
