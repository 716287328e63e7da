/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The loop that executes operations. */
#include <math.h>
#include <string.h>

#include "interp/impl.h"

#define DIVISION "integer divide by zero"
#define OVERFLOW "integer overflow"
#define CONVERSION "invalid conversion to integer"
#define OUTSIDE "out of bounds memory access"
#define TABLE_OUTSIDE "out of bounds table access"

/* --- values ---------------------------------------------------------------------------------- */

#define CONVERT_INT(T, U)                                                                          \
	static inline T get_##T(u64 v)                                                             \
	{                                                                                          \
		return (T)v;                                                                       \
	}                                                                                          \
	static inline u64 put_##T(T v)                                                             \
	{                                                                                          \
		return (U)v;                                                                       \
	}
CONVERT_INT(u32, u32)
CONVERT_INT(i32, u32)
CONVERT_INT(u64, u64)
CONVERT_INT(i64, u64)

#define CONVERT_FLOAT(T, U)                                                                        \
	static inline T get_##T(u64 v)                                                             \
	{                                                                                          \
		U bits = (U)v;                                                                     \
		T x;                                                                               \
                                                                                                   \
		memcpy(&x, &bits, sizeof(x));                                                      \
		return x;                                                                          \
	}                                                                                          \
	static inline u64 put_##T(T x)                                                             \
	{                                                                                          \
		U bits;                                                                            \
                                                                                                   \
		memcpy(&bits, &x, sizeof(x));                                                      \
		return bits;                                                                       \
	}
CONVERT_FLOAT(f32, u32)
CONVERT_FLOAT(f64, u64)

#define F32_SIGN 0x80000000u
#define F64_SIGN 0x8000000000000000ull

/*
 * Of two NaNs x86 passes on the first operand's bits, and so does the engine.  A C compiler may
 * exchange the operands of what commutes.
 */
#ifdef __x86_64__
#define KEEP_ORDER(T, name, insn, op)                                                              \
	static inline T name(T a, T b)                                                             \
	{                                                                                          \
		__asm__(insn " %1, %0" : "+x"(a) : "x"(b));                                        \
		return a;                                                                          \
	}
#else
#define KEEP_ORDER(T, name, insn, op)                                                              \
	static inline T name(T a, T b)                                                             \
	{                                                                                          \
		return a op b;                                                                     \
	}
#endif
KEEP_ORDER(f32, add_f32, "addss", +)
KEEP_ORDER(f64, add_f64, "addsd", +)
KEEP_ORDER(f32, mul_f32, "mulss", *)
KEEP_ORDER(f64, mul_f64, "mulsd", *)

/* Zeros of both signs are equal and told apart here; a NaN comes from adding, as in the engine. */
#define MIN_MAX(T, name, less, zero)                                                               \
	static inline T name##_##T(T a, T b)                                                       \
	{                                                                                          \
		if (a != a || b != b)                                                              \
			return add_##T(b, a);                                                      \
		if (a == b)                                                                        \
			return get_##T(put_##T(a) zero put_##T(b));                                \
		return a less b ? a : b;                                                           \
	}
MIN_MAX(f32, min, <, |)
MIN_MAX(f64, min, <, |)
MIN_MAX(f32, max, >, &)
MIN_MAX(f64, max, >, &)

/* A NaN comes out quiet, which not every libm takes care of. */
#define ROUND(T, name, function)                                                                   \
	static inline T name##_##T(T a)                                                            \
	{                                                                                          \
		return a != a ? add_##T(a, a) : function(a);                                       \
	}
ROUND(f32, ceil, ceilf)
ROUND(f64, ceil, ceil)
ROUND(f32, floor, floorf)
ROUND(f64, floor, floor)
ROUND(f32, trunc, truncf)
ROUND(f64, trunc, trunc)
ROUND(f32, nearest, rintf)
ROUND(f64, nearest, rint)

#define range(a, low, high) ((a) != (a) ? CONVERSION : (low) && (high) ? NULL : OVERFLOW)
#define SATURATE(a, T, min, max, limit)                                                            \
	((a) != (a)		       ? (T)0                                                      \
	 : (a) >= (limit)	       ? (T)(max)                                                  \
	 : (a) <= (__typeof__(a))(min) ? (T)(min)                                                  \
				       : (T)(a))

/* --- memory and tables ----------------------------------------------------------------------- */

static inline u8 *at(const struct mem *m, u64 base, u64 offset, unsigned n)
{
	u64 ea;

	if (__builtin_expect(__builtin_add_overflow(base, offset, &ea) || ea >= m->size ||
				     m->size - ea < n,
			     0))
		return NULL;
	return m->base + ea;
}

static inline bool inside(u64 size, u64 start, u64 n)
{
	return start <= size && n <= size - start;
}

/* v: destination, source or value, length */
static const char *mem_init(struct interp *in, const struct op *op, const u64 *v)
{
	const struct mem *m = &in->mems.data[op->a];
	const struct segment *s = op->v < in->datas.len ? &in->datas.data[op->v] : NULL;

	if (!s || !inside(m->size, v[0], v[2]) || !inside(s->size, v[1], v[2]))
		return OUTSIDE;
	if (v[2])
		memcpy(m->base + v[0], s->bytes + v[1], v[2]);
	return NULL;
}

static const char *mem_copy(struct interp *in, const struct op *op, const u64 *v)
{
	const struct mem *to = &in->mems.data[op->a], *from = &in->mems.data[op->v];

	if (!inside(to->size, v[0], v[2]) || !inside(from->size, v[1], v[2]))
		return OUTSIDE;
	memmove(to->base + v[0], from->base + v[1], v[2]);
	return NULL;
}

static const char *mem_fill(struct interp *in, const struct op *op, const u64 *v)
{
	const struct mem *m = &in->mems.data[op->a];

	if (!inside(m->size, v[0], v[2]))
		return OUTSIDE;
	memset(m->base + v[0], (u8)v[1], v[2]);
	return NULL;
}

static const char *table_init(struct interp *in, const struct op *op, const u64 *v)
{
	const struct table *t = &in->tables.data[op->a];
	const struct segment *s = &in->elems.data[op->v];

	if (!inside(t->size, v[0], v[2]) || !inside(s->size, v[1], v[2]))
		return TABLE_OUTSIDE;
	if (v[2])
		memcpy(t->refs + v[0], s->refs + v[1], v[2] * sizeof(u64));
	return NULL;
}

static const char *table_copy(struct interp *in, const struct op *op, const u64 *v)
{
	const struct table *to = &in->tables.data[op->a], *from = &in->tables.data[op->v];

	if (!inside(to->size, v[0], v[2]) || !inside(from->size, v[1], v[2]))
		return TABLE_OUTSIDE;
	memmove(to->refs + v[0], from->refs + v[1], v[2] * sizeof(u64));
	return NULL;
}

static const char *table_fill(struct interp *in, const struct op *op, const u64 *v)
{
	const struct table *t = &in->tables.data[op->a];

	if (!inside(t->size, v[0], v[2]))
		return TABLE_OUTSIDE;
	for (u64 i = 0; i < v[2]; i++)
		t->refs[v[0] + i] = v[1];
	return NULL;
}

static const char *drop(struct interp *in, const struct op *op, const u64 *v)
{
	(void)v;
	if (op->real == OP_FC + 13)
		in->elems.data[op->v].size = 0;
	else if (op->v < in->datas.len)
		in->datas.data[op->v].size = 0;
	return NULL;
}

static const char *(*const bulk[])(struct interp *, const struct op *, const u64 *) = {
	[8] = mem_init,	   [9] = drop,	[10] = mem_copy,   [11] = mem_fill,
	[12] = table_init, [13] = drop, [14] = table_copy, [17] = table_fill,
};

/* --- calls ----------------------------------------------------------------------------------- */

bool interp_enter(struct interp *in, const struct func *f, u64 *args)
{
	struct frame *fr = &in->frames[in->depth];
	u64 need = (u64)f->nlocals + f->depth;

	if (in->depth == FRAMES_MAX || need > (u64)(in->values + VALUES_MAX - args))
		return false;
	*fr = (struct frame){.func = f, .pc = in->ops.data + f->code, .entry = in->entries++};
	fr->locals = args;
	fr->stack = args + f->nlocals;
	for (u64 *p = args + f->type->nparams; p < fr->stack; p++)
		*p = 0;
	in->sp = fr->stack;
	in->depth++;
	return true;
}

bool interp_host(struct interp *in, const struct func *f, const u64 *args, u64 *results)
{
	const struct type *t = f->type;
	struct interp_host_call call = {
		.module = f->host->module,
		.name = f->host->name,
		.func = (u32)(f - in->funcs.data),
		.nargs = t->nparams,
		.nresults = t->nresults,
		.args = args,
		.results = results,
	};
	u32 r;

	if (in->hook && in->hook(in, &call, in->hook_ctx)) {
		for (u32 i = 0; i < t->nresults; i++)
			results[i] = interp_value(t->results[i], results[i]);
		return true;
	}
	r = f->host->fn(in, args);
	if (r == WASI_EXIT)
		in->state = INTERP_EXITED;
	else if (r == WASI_TRAP)
		in->state = INTERP_TRAP;
	else if (t->nresults)
		*results = r;
	return in->state == INTERP_READY;
}

static const char *find_callee(struct interp *in, const struct op *op, u64 i, const struct func **f)
{
	const struct table *t = &in->tables.data[op->v];

	if (i >= t->size)
		return "undefined element: out of bounds table access";
	if (!t->refs[i])
		return "uninitialized element";
	if (t->refs[i] > in->funcs.len)
		return "not a function";
	*f = &in->funcs.data[t->refs[i] - 1];
	return (*f)->type->same == op->a ? NULL : "indirect call type mismatch";
}

/* Drops what lies below the values that a branch or a return keeps. */
static inline u64 *keep_top(u64 *to, const u64 *sp, u32 keep)
{
	for (const u64 *from = sp - keep; from < sp;)
		*to++ = *from++;
	return to;
}

/* --- the loop -------------------------------------------------------------------------------- */

#define DISPATCH                                                                                   \
	do {                                                                                       \
		if (__builtin_expect(left == 0, 0))                                                \
			goto out;                                                                  \
		left--;                                                                            \
		goto *labels[pc->code];                                                            \
	} while (0)
#define NEXT                                                                                       \
	do {                                                                                       \
		pc++;                                                                              \
		DISPATCH;                                                                          \
	} while (0)
/* The instruction at fault does not count as executed. */
#define TRAP(text)                                                                                 \
	do {                                                                                       \
		why = text;                                                                        \
		goto trap;                                                                         \
	} while (0)

/*
 * One function, since labels are its own.  What it holds in registers is written back at `out`, at
 * calls of the host, and in outer frames.
 */
/* clang-format off */
static void run(struct interp *in, u64 limit)
{
	static const void *const labels[OP_MAX] = {
#define NAME(code, name, ...) [code] = &&name,
#define LOAD NAME
#define STORE NAME
#define UNARY NAME
#define BINARY NAME
#define TRAP1 NAME
#define TRAP2 NAME
#include "interp/ops.def"
		[0x00] = &&unreachable, [0x01] = &&nop, [0x02] = &&nop, [0x03] = &&nop,
		[0x04] = &&if_, [0x05] = &&br, [0x0b] = &&nop, [0x0c] = &&br, [0x0d] = &&br_if,
		[0x0e] = &&br_table, [0x0f] = &&leave, [0x10] = &&call, [0x11] = &&call_indirect,
		[0x12] = &&tail_call, [0x13] = &&tail_call_indirect, [0x1a] = &&drop,
		[0x1b] = &&select, [0x20] = &&local_get, [0x21] = &&local_set,
		[0x22] = &&local_tee, [0x23] = &&global_get, [0x24] = &&global_set,
		[0x25] = &&table_get, [0x26] = &&table_set, [0x3f] = &&memory_size,
		[0x40] = &&memory_grow, [0x41 ... 0x44] = &&constant, [0xd0] = &&constant,
		[0xd1] = &&ref_is_null, [0xd2] = &&ref_func,
		[OP_FC + 8] = &&bulk_3, [OP_FC + 9] = &&bulk_0, [OP_FC + 10] = &&bulk_3,
		[OP_FC + 11] = &&bulk_3, [OP_FC + 12] = &&bulk_3, [OP_FC + 13] = &&bulk_0,
		[OP_FC + 14] = &&bulk_3, [OP_FC + 15] = &&table_grow, [OP_FC + 16] = &&table_size,
		[OP_FC + 17] = &&bulk_3, [OP_BR_KEEP] = &&br_keep, [OP_BR_IF_KEEP] = &&br_if_keep,
		[OP_LEAVE] = &&leave, [OP_DEAD] = &&unreachable, [OP_MARK] = &&mark,
	};
	/* clang-format on */
	struct frame *frame = &in->frames[in->depth - 1];
	const struct op *pc = frame->pc;
	u64 *sp = in->sp, *locals = frame->locals, left = limit - 1;
	const struct mem *mems = in->mems.data;
	const struct target *target;
	const struct func *callee;
	const char *why;
	struct table *table;
	u32 keep;

	goto *labels[pc->real]; /* a mark where we stand is not looked at */

#define LOAD(code, name, mem, type)                                                                \
	name: {                                                                                    \
		const u8 *p = at(&mems[pc->a], sp[-1], pc->v, sizeof(mem));                        \
		mem x;                                                                             \
                                                                                                   \
		if (!p)                                                                            \
			goto outside;                                                              \
		memcpy(&x, p, sizeof(x));                                                          \
		sp[-1] = put_##type(x);                                                            \
		NEXT;                                                                              \
	}
#define STORE(code, name, mem)                                                                     \
	name: {                                                                                    \
		u8 *p = at(&mems[pc->a], sp[-2], pc->v, sizeof(mem));                              \
		mem x = (mem)sp[-1];                                                               \
                                                                                                   \
		if (!p)                                                                            \
			goto outside;                                                              \
		memcpy(p, &x, sizeof(x));                                                          \
		sp -= 2;                                                                           \
		NEXT;                                                                              \
	}
#define UNARY(code, name, from, to, expr)                                                          \
	name: {                                                                                    \
		from a = get_##from(sp[-1]);                                                       \
                                                                                                   \
		sp[-1] = put_##to(expr);                                                           \
		NEXT;                                                                              \
	}
#define BINARY(code, name, from, to, expr)                                                         \
	name: {                                                                                    \
		from a = get_##from(sp[-2]), b = get_##from(sp[-1]);                               \
                                                                                                   \
		sp--;                                                                              \
		sp[-1] = put_##to(expr);                                                           \
		NEXT;                                                                              \
	}
#define TRAP1(code, name, from, to, cause, expr)                                                   \
	name: {                                                                                    \
		from a = get_##from(sp[-1]);                                                       \
                                                                                                   \
		if ((why = (cause)))                                                               \
			goto trap;                                                                 \
		sp[-1] = put_##to(expr);                                                           \
		NEXT;                                                                              \
	}
#define TRAP2(code, name, from, to, cause, expr)                                                   \
	name: {                                                                                    \
		from a = get_##from(sp[-2]), b = get_##from(sp[-1]);                               \
                                                                                                   \
		if ((why = (cause)))                                                               \
			goto trap;                                                                 \
		sp--;                                                                              \
		sp[-1] = put_##to(expr);                                                           \
		NEXT;                                                                              \
	}
#include "interp/ops.def"

nop:
	NEXT;
constant:
	*sp++ = pc->v;
	NEXT;
local_get:
	*sp++ = locals[pc->a];
	NEXT;
local_set:
	locals[pc->a] = *--sp;
	NEXT;
local_tee:
	locals[pc->a] = sp[-1];
	NEXT;
global_get:
	*sp++ = in->globals.data[pc->a].value;
	NEXT;
global_set:
	in->globals.data[pc->a].value = *--sp;
	NEXT;
drop:
	sp--;
	NEXT;
select:
	sp -= 2;
	if (!(u32)sp[1])
		sp[-1] = sp[0];
	NEXT;

if_:
	if ((u32) * --sp)
		NEXT;
	pc += (i32)pc->a;
	DISPATCH;
br_keep:
	sp = keep_top(sp - pc->y - pc->x, sp, pc->y);
br:
	pc += (i32)pc->a;
	DISPATCH;
br_if:
	if (!(u32) * --sp)
		NEXT;
	pc += (i32)pc->a;
	DISPATCH;
br_if_keep:
	if ((u32) * --sp)
		goto br_keep;
	NEXT;
br_table:
	target = &in->targets.data[pc->a];
	sp--;
	target += (u32)*sp < pc->x ? (u32)*sp : pc->x;
	if (target->drop)
		sp = keep_top(sp - target->keep - target->drop, sp, target->keep);
	pc += target->distance;
	DISPATCH;

leave:
	keep = frame->func->type->nresults;
	sp = keep_top(locals, sp, keep);
	if (!--in->depth) {
		in->state = INTERP_DONE;
		goto out;
	}
	frame--;
	pc = frame->pc;
	locals = frame->locals;
	NEXT;
call_indirect:
	why = find_callee(in, pc, sp[-1], &callee);
	if (why)
		goto trap;
	sp--;
	goto invoke;
call:
	callee = &in->funcs.data[pc->a];
invoke:
	frame->pc = pc;
	if (callee->host) {
		u64 result = 0;

		in->sp = sp;
		in->count += limit - left;
		limit = left;
		if (!interp_host(in, callee, sp - callee->type->nparams, &result))
			goto out;
		sp -= callee->type->nparams;
		if (callee->type->nresults)
			*sp++ = result;
		NEXT;
	}
	if (!interp_enter(in, callee, sp - callee->type->nparams))
		goto exhausted;
	frame++;
	goto entered;
tail_call_indirect:
	why = find_callee(in, pc, sp[-1], &callee);
	if (why)
		goto trap;
	sp--;
	goto tail_invoke;
tail_call:
	callee = &in->funcs.data[pc->a];
tail_invoke:
	if (callee->host)
		TRAP("a tail call of the host is not supported");
	if (callee->type->nresults != frame->func->type->nresults)
		TRAP("a tail call of another type");
	keep_top(locals, sp, callee->type->nparams);
	in->depth--;
	if (!interp_enter(in, callee, locals)) {
		in->depth++;
		goto exhausted;
	}
entered:
	pc = frame->pc;
	sp = frame->stack;
	locals = frame->locals;
	DISPATCH;

table_get:
	table = &in->tables.data[pc->a];
	if (sp[-1] >= table->size)
		TRAP(TABLE_OUTSIDE);
	sp[-1] = table->refs[sp[-1]];
	NEXT;
table_set:
	table = &in->tables.data[pc->a];
	if (sp[-2] >= table->size)
		TRAP(TABLE_OUTSIDE);
	sp -= 2;
	table->refs[sp[0]] = sp[1];
	NEXT;
table_size:
	*sp++ = in->tables.data[pc->a].size;
	NEXT;
table_grow:
	sp--;
	table = &in->tables.data[pc->a];
	sp[-1] = interp_table_grow(table, sp[0], sp[-1]);
	if (!table->is64)
		sp[-1] = (u32)sp[-1];
	NEXT;
ref_is_null:
	sp[-1] = !sp[-1];
	NEXT;
ref_func:
	*sp++ = (u64)pc->a + 1;
	NEXT;
memory_size:
	*sp++ = mems[pc->a].size >> 16;
	NEXT;
memory_grow:
	sp[-1] = interp_mem_grow(&in->mems.data[pc->a], sp[-1]);
	if (!mems[pc->a].is64)
		sp[-1] = (u32)sp[-1];
	NEXT;
bulk_0:
	why = bulk[pc->real - OP_FC](in, pc, sp);
	if (why)
		goto trap;
	NEXT;
bulk_3:
	why = bulk[pc->real - OP_FC](in, pc, sp - 3);
	if (why)
		goto trap;
	sp -= 3;
	NEXT;

unreachable:
	TRAP("wasm `unreachable` instruction executed");
outside:
	TRAP(OUTSIDE);
exhausted:
	TRAP("call stack exhausted");
trap:
	in->error = why;
	in->state = INTERP_TRAP;
mark:
	left++;
out:
	frame->pc = pc;
	in->sp = sp;
	in->count += limit - left;
}

enum interp_state interp_run(struct interp *in, uint64_t limit)
{
	if (limit && in->state == INTERP_READY && in->depth)
		run(in, limit);
	return in->state;
}
