/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the files of the interpreter share; interp.h is for users. */
#ifndef DIFFERENTIAL_INTERP_IMPL_H
#define DIFFERENTIAL_INTERP_IMPL_H

#include "interp/interp.h"

/* Named as in WebAssembly, for the tables of operations. */
typedef int8_t i8;
typedef uint8_t u8;
typedef int16_t i16;
typedef uint16_t u16;
typedef int32_t i32;
typedef uint32_t u32;
typedef int64_t i64;
typedef uint64_t u64;
typedef float f32;
typedef double f64;

enum { /* value types, as encoded */
       TYPE_I32 = 0x7f,
       TYPE_I64 = 0x7e,
       TYPE_F32 = 0x7d,
       TYPE_F64 = 0x7c,
       TYPE_V128 = 0x7b,
       TYPE_FUNCREF = 0x70,
       TYPE_EXTERNREF = 0x6f,
};

/*
 * The instruction stream: one operation for each wasm instruction, in the order of the file.
 * Immediates and branch targets are resolved.  A mark replaces `code` and leaves `real`.
 */
struct op {
	u16 code, real;
	u32 a; /* index; of branches the distance to the target, in operations */
	union {
		u64 v; /* constant; offset of a memory access */
		struct {
			u32 x, y; /* of branches: values to drop, values to keep above them */
		};
	};
};

struct target { /* of br_table; distances count from it */
	i32 distance;
	u32 drop, keep, from;
};

/* Codes of one byte are themselves; those behind the prefix 0xfc follow, then ours. */
enum {
	OP_FC = 0x100,
	OP_OURS = 0x140,
	OP_BR_KEEP = OP_OURS, /* br and br_if that have values to drop */
	OP_BR_IF_KEEP,
	OP_LEAVE, /* the `end` of a function */
	OP_DEAD,  /* behind an unconditional branch */
	OP_MARK,
	OP_MAX,
};

struct type {
	u32 nparams, nresults;
	const u8 *params, *results; /* in the module */
	u32 same;		    /* the first type that equals this one */
};

struct host { /* an imported function */
	char *module, *name;
	u32 (*fn)(struct interp *in, const u64 *args); /* result: errno, or WASI_... */
};

struct func {
	const struct type *type;
	const struct host *host; /* NULL: defined here */
	u32 nlocals, depth;	 /* parameters included; most operands at a time */
	u32 code;		 /* first operation */
};

struct frame {
	const struct func *func;
	const struct op *pc; /* in outer frames the call */
	u64 *locals, *stack;
	u64 entry;
};

struct mem {
	u8 *base;
	u64 size, max;
	size_t mapped; /* more than size, which alone can be touched */
	bool is64;
};

struct table {
	u64 *refs; /* 0: null; else function index + 1 */
	u32 size, max;
	bool is64;
};

struct segment { /* of data or of references; size 0: dropped */
	const u8 *bytes;
	u64 *refs;
	u32 size;
};

struct global {
	u64 value;
	u8 type;
	bool mutable;
};

struct export
{
	const u8 *name;
	u32 len;
	u8 kind;
	u32 index;
};

#define VEC(T)                                                                                     \
	struct {                                                                                   \
		T *data;                                                                           \
		u32 len, room;                                                                     \
	}

/* One more element at the end, zeroed; NULL when there is no memory. */
#define vec_add(v)                                                                                 \
	((__typeof__((v)->data))vec_grow(&(v)->data, &(v)->len, &(v)->room, sizeof(*(v)->data)))
void *vec_grow(void *data, u32 *len, u32 *room, size_t size);

enum { VALUES_MAX = 4 << 20, FRAMES_MAX = 64 << 10 }; /* what is touched is paid for */

struct interp {
	const u8 *bytes;
	size_t size;

	VEC(struct type) types;
	VEC(struct host) hosts;
	VEC(struct func) funcs;
	VEC(struct table) tables;
	VEC(struct mem) mems;
	VEC(struct global) globals;
	VEC(struct export) exports;
	VEC(struct segment) elems;
	VEC(struct segment) datas;
	VEC(struct op) ops;
	VEC(u32) offsets; /* of each operation, in the module */
	VEC(struct target) targets;
	bool has_start;
	u32 start;

	enum interp_state state;
	const char *error;
	int status;
	u64 *values, *sp; /* locals and operands of all frames */
	struct frame *frames;
	u32 depth;
	u64 count, entries;
	const struct type *called;

	interp_host_fn hook;
	void *hook_ctx;
	int out, err;
	u8 fds[3]; /* what stands behind the guest's descriptors */
	u64 clock, random;
};

/* Reads the module and makes the instance, without the start function.  NULL, or what is wrong. */
const char *interp_load(struct interp *in);
/* Translates the body [p, end) of a function whose type is set. */
const char *interp_compile(struct interp *in, struct func *f, const u8 *p, const u8 *end);

/* Begins an activation whose arguments stand at args; false: the stack is full. */
bool interp_enter(struct interp *in, const struct func *f, u64 *args);
/* Calls an imported function; false when the state is not INTERP_READY any more. */
bool interp_host(struct interp *in, const struct func *f, const u64 *args, u64 *results);
u64 interp_mem_grow(struct mem *m, u64 pages); /* old number of pages, or all ones */
u64 interp_table_grow(struct table *t, u64 by, u64 ref);
u64 interp_value(u8 type, u64 v); /* without what is above the low half, where the type has none */

/* Results of host functions that are no errno. */
enum { WASI_EXIT = 0x10000, WASI_TRAP };
u32 (*interp_wasi(const char *name, const struct type *type))(struct interp *in, const u64 *args);

/* --- reading --------------------------------------------------------------------------------- */

/* Errors stick: the first one stays in `error`, and all reads give 0 from then on. */
struct in {
	const u8 *p, *end;
	const char *error;
};

static inline void in_fail(struct in *r, const char *why)
{
	if (!r->error)
		r->error = why;
	r->p = r->end;
}

static inline u8 in_u8(struct in *r)
{
	if (r->p == r->end) {
		in_fail(r, "unexpected end");
		return 0;
	}
	return *r->p++;
}

static inline const u8 *in_bytes(struct in *r, u64 n)
{
	const u8 *p = r->p;

	if ((u64)(r->end - r->p) < n) {
		in_fail(r, "unexpected end");
		return NULL;
	}
	r->p += n;
	return p;
}

u64 in_leb(struct in *r, unsigned bits);  /* unsigned */
i64 in_sleb(struct in *r, unsigned bits); /* signed */

static inline u32 in_u32(struct in *r)
{
	return r->p != r->end && *r->p < 0x80 ? *r->p++ : (u32)in_leb(r, 32);
}

#endif
