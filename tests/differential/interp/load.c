/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The sections of a module, read in order and made into an instance on the way. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "interp/impl.h"

#define PAGE 0x10000ull
/* What is set aside for a memory: all of 32 bits, and as much as a test will want of 64. */
#define MEM32_MAX (1ull << 32)
#define MEM64_MAX (1ull << 36)
enum { TABLE_MAX = 10000000, LOCALS_MAX = 50000, PARAMS_MAX = 1000 };

void *vec_grow(void *data, u32 *len, u32 *room, size_t size)
{
	char **p = data, *more;

	if (*len == *room) {
		u32 n = *room ? *room * 2 : 16;

		more = n > *room ? realloc(*p, n * size) : NULL;
		if (!more)
			return NULL;
		*p = more;
		*room = n;
	}
	return memset(*p + (*len)++ * size, 0, size);
}

u64 in_leb(struct in *r, unsigned bits)
{
	u64 v = 0;

	for (unsigned shift = 0; shift < bits; shift += 7) {
		u8 b = in_u8(r);

		v |= (u64)(b & 0x7f) << shift;
		if (bits - shift < 7 && (b & 0x7f) >> (bits - shift))
			break;
		if (b < 0x80)
			return v;
	}
	in_fail(r, "a number is too long");
	return 0;
}

i64 in_sleb(struct in *r, unsigned bits)
{
	unsigned shift = 0;
	u64 v = 0;

	while (shift < bits) {
		u8 b = in_u8(r);

		v |= (u64)(b & 0x7f) << shift;
		shift += 7;
		if (b >= 0x80)
			continue;
		return shift < 64 && (b & 0x40) ? (i64)(v | ~0ull << shift) : (i64)v;
	}
	in_fail(r, "a number is too long");
	return 0;
}

u64 interp_value(u8 type, u64 v)
{
	return type == TYPE_I32 || type == TYPE_F32 ? (u32)v : v;
}

/* --- types ----------------------------------------------------------------------------------- */

static const u8 *read_valtypes(struct in *r, u32 *n)
{
	const u8 *p;

	*n = in_u32(r);
	if (*n > PARAMS_MAX)
		in_fail(r, "too many parameters or results");
	p = in_bytes(r, *n);
	for (u32 i = 0; p && i < *n; i++)
		if (p[i] == TYPE_V128)
			in_fail(r, "SIMD is not supported");
		else if (p[i] < TYPE_F64 && p[i] != TYPE_FUNCREF && p[i] != TYPE_EXTERNREF)
			in_fail(r, "a value type is not supported");
	return p;
}

static bool same_type(const struct type *a, const struct type *b)
{
	return a->nparams == b->nparams && a->nresults == b->nresults &&
	       !memcmp(a->params, b->params, a->nparams) &&
	       !memcmp(a->results, b->results, a->nresults);
}

static void read_type(struct interp *in, struct in *r)
{
	struct type *t = vec_add(&in->types);

	if (!t || in_u8(r) != 0x60) {
		in_fail(r, t ? "a type is not that of a function" : "out of memory");
		return;
	}
	t->params = read_valtypes(r, &t->nparams);
	t->results = read_valtypes(r, &t->nresults);
	if (r->error)
		return;
	while (!same_type(&in->types.data[t->same], t))
		t->same++;
}

static const struct type *type_at(struct interp *in, struct in *r)
{
	u32 i = in_u32(r);

	if (i < in->types.len)
		return &in->types.data[i];
	in_fail(r, "no such type");
	return NULL;
}

/* --- imports --------------------------------------------------------------------------------- */

static char *read_name(struct in *r)
{
	u32 n = in_u32(r);
	const u8 *p = in_bytes(r, n);
	char *s = p ? strndup((const char *)p, n) : NULL;

	if (!s)
		in_fail(r, "out of memory");
	return s;
}

static void read_import(struct interp *in, struct in *r)
{
	struct host *h = vec_add(&in->hosts);
	struct func *f;

	if (!h) {
		in_fail(r, "out of memory");
		return;
	}
	h->module = read_name(r);
	h->name = read_name(r);
	if (in_u8(r))
		in_fail(r, "an import is not a function");
	f = vec_add(&in->funcs);
	if (r->error || !f || !(f->type = type_at(in, r)))
		return in_fail(r, "out of memory");
	if (!strcmp(h->module, "wasi_snapshot_preview1"))
		h->fn = interp_wasi(h->name, f->type);
	if (!h->fn)
		in_fail(r, "an import is not known, or not by that type");
}

/* The vector of hosts does not move any more. */
static void link_hosts(struct interp *in)
{
	for (u32 i = 0; i < in->hosts.len; i++)
		in->funcs.data[i].host = &in->hosts.data[i];
}

static void read_function(struct interp *in, struct in *r)
{
	struct func *f = vec_add(&in->funcs);

	if (!f)
		return in_fail(r, "out of memory");
	f->type = type_at(in, r);
	f->depth = UINT32_MAX; /* no body yet */
}

/* --- tables, memories, globals --------------------------------------------------------------- */

struct limits {
	u64 min, max;
	bool is64;
};

static struct limits read_limits(struct in *r, u64 most)
{
	u8 flags = in_u8(r);
	unsigned bits = flags & 4 ? 64 : 32;
	struct limits l = {.is64 = flags & 4};

	if (flags & ~7)
		in_fail(r, "limits of a kind that is not supported");
	l.min = in_leb(r, bits);
	l.max = flags & 1 ? in_leb(r, bits) : most;
	if (l.max > most)
		l.max = most;
	if (l.min > l.max)
		in_fail(r, "a memory or table is too large");
	return l;
}

static void read_const(struct interp *in, struct in *r, u64 *value);

static void read_table(struct interp *in, struct in *r)
{
	struct table *t = vec_add(&in->tables);
	struct limits l;
	u64 init = 0;
	u8 type = in_u8(r);

	if (!t)
		return in_fail(r, "out of memory");
	if (type == 0x40) {
		in_u8(r);
		type = in_u8(r);
		init = 1;
	}
	if (type != TYPE_FUNCREF && type != TYPE_EXTERNREF)
		in_fail(r, "a table of a type that is not supported");
	l = read_limits(r, TABLE_MAX);
	if (init)
		read_const(in, r, &init);
	t->max = (u32)l.max;
	t->is64 = l.is64;
	if (!r->error && interp_table_grow(t, l.min, init) != 0)
		in_fail(r, "out of memory");
}

static void read_memory(struct interp *in, struct in *r)
{
	struct mem *m = vec_add(&in->mems);
	struct limits l = read_limits(r, MEM64_MAX / PAGE);
	void *p;

	if (r->error || !m)
		return in_fail(r, "out of memory");
	m->is64 = l.is64;
	m->max = l.max * PAGE;
	if (!m->is64 && m->max > MEM32_MAX)
		m->max = MEM32_MAX;
	if (l.min * PAGE > m->max)
		return in_fail(r, "a memory is too large");
	m->mapped = m->max ? m->max : PAGE;
	p = mmap(NULL, m->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return in_fail(r, "no room for a memory");
	m->base = p;
	if (interp_mem_grow(m, l.min) != 0)
		in_fail(r, "out of memory");
}

u64 interp_mem_grow(struct mem *m, u64 pages)
{
	u64 old = m->size / PAGE;

	if (pages > (m->max - m->size) / PAGE)
		return UINT64_MAX;
	if (pages && mprotect(m->base + m->size, pages * PAGE, PROT_READ | PROT_WRITE))
		return UINT64_MAX;
	m->size += pages * PAGE;
	return old;
}

u64 interp_table_grow(struct table *t, u64 by, u64 ref)
{
	u32 old = t->size;
	u64 *refs;

	if (by > t->max - t->size)
		return UINT64_MAX;
	refs = realloc(t->refs, (old + by + 1) * sizeof(*refs));
	if (!refs)
		return UINT64_MAX;
	t->refs = refs;
	t->size += (u32)by;
	for (u32 i = old; i < t->size; i++)
		refs[i] = ref;
	return old;
}

static void read_global(struct interp *in, struct in *r)
{
	struct global g = {.type = in_u8(r)}, *slot;

	if (g.type == TYPE_V128)
		in_fail(r, "SIMD is not supported");
	g.mutable = in_u8(r);
	read_const(in, r, &g.value);
	slot = vec_add(&in->globals);
	if (!slot)
		return in_fail(r, "out of memory");
	*slot = g;
}

static u64 func_ref(struct interp *in, struct in *r)
{
	u64 i = in_u32(r);

	if (i < in->funcs.len)
		return i + 1;
	in_fail(r, "no such function");
	return 0;
}

static u64 fixed(struct in *r, unsigned n)
{
	const u8 *p = in_bytes(r, n);
	u64 v = 0;

	if (p)
		memcpy(&v, p, n);
	return v;
}

static u64 global_value(struct interp *in, struct in *r)
{
	u32 i = in_u32(r);

	if (i < in->globals.len)
		return in->globals.data[i].value;
	in_fail(r, "no such global");
	return 0;
}

static u64 const_arith(struct in *r, u8 op, u64 a, u64 b)
{
	switch (op) {
	case 0x6a:
		return (u32)(a + b);
	case 0x6b:
		return (u32)(a - b);
	case 0x6c:
		return (u32)(a * b);
	case 0x7c:
		return a + b;
	case 0x7d:
		return a - b;
	case 0x7e:
		return a * b;
	}
	in_fail(r, "an instruction that is not supported in a constant");
	return 0;
}

static u64 const_push(struct interp *in, struct in *r, u8 op)
{
	switch (op) {
	case 0x23:
		return global_value(in, r);
	case 0x41:
		return (u32)in_sleb(r, 32);
	case 0x42:
		return (u64)in_sleb(r, 64);
	case 0x43:
		return fixed(r, 4);
	case 0x44:
		return fixed(r, 8);
	case 0xd0:
		in_u8(r);
		return 0;
	case 0xd2:
		return func_ref(in, r);
	case 0xfd:
		in_fail(r, "SIMD is not supported");
	}
	in_fail(r, "an instruction that is not supported in a constant");
	return 0;
}

/* A constant expression, extended constants included. */
static void read_const(struct interp *in, struct in *r, u64 *value)
{
	u64 stack[16] = {0};
	u32 n = 0;

	for (u8 op; (op = in_u8(r)) != 0x0b && !r->error;) {
		if (op >= 0x6a && op <= 0x7e && n >= 2) {
			stack[n - 2] = const_arith(r, op, stack[n - 2], stack[n - 1]);
			n--;
		} else if (n < 16) {
			stack[n++] = const_push(in, r, op);
		} else {
			in_fail(r, "a constant is too deep");
		}
	}
	if (n != 1)
		in_fail(r, "not a constant");
	*value = stack[0];
}

static void read_export(struct interp *in, struct in *r)
{
	struct export *e = vec_add(&in->exports);

	if (!e)
		return in_fail(r, "out of memory");
	e->len = in_u32(r);
	e->name = in_bytes(r, e->len);
	e->kind = in_u8(r);
	e->index = in_u32(r);
	if (e->kind == 0 && e->index >= in->funcs.len)
		in_fail(r, "no such function");
}

/* --- segments -------------------------------------------------------------------------------- */

static void put_elements(struct interp *in, struct in *r, u32 table, u64 at, struct segment *s)
{
	struct table *t = table < in->tables.len ? &in->tables.data[table] : NULL;

	if (!t || at > t->size || s->size > t->size - at)
		return in_fail(r, "elements lie outside of their table");
	for (u32 i = 0; i < s->size; i++)
		t->refs[at + i] = s->refs[i];
	s->size = 0;
}

static void read_refs(struct interp *in, struct in *r, bool exprs, struct segment *s)
{
	s->size = in_u32(r);
	if (s->size > (size_t)(r->end - r->p))
		return in_fail(r, "unexpected end");
	s->refs = calloc(s->size + 1, sizeof(*s->refs));
	if (!s->refs)
		return in_fail(r, "out of memory");
	for (u32 i = 0; i < s->size && !r->error; i++)
		if (exprs)
			read_const(in, r, &s->refs[i]);
		else
			s->refs[i] = func_ref(in, r);
}

/* Flags: 1 not active, 2 with a table's index (or declarative), 4 expressions. */
static void read_elements(struct interp *in, struct in *r)
{
	struct segment *s = vec_add(&in->elems);
	u32 flags = in_u32(r), table = 0;
	u64 at = 0;

	if (!s || flags > 7)
		return in_fail(r, s ? "elements of an unknown kind" : "out of memory");
	if ((flags & 3) == 2)
		table = in_u32(r);
	if (!(flags & 1))
		read_const(in, r, &at);
	if (flags & 3)
		in_u8(r); /* kind or type */
	read_refs(in, r, flags & 4, s);
	if (r->error)
		return;
	if (!(flags & 1))
		put_elements(in, r, table, at, s);
	else if (flags & 2)
		s->size = 0;
}

static void put_data(struct interp *in, struct in *r, u32 mem, u64 at, struct segment *s)
{
	struct mem *m = mem < in->mems.len ? &in->mems.data[mem] : NULL;

	if (!m || at > m->size || s->size > m->size - at)
		return in_fail(r, "data lies outside of its memory");
	if (s->size)
		memcpy(m->base + at, s->bytes, s->size);
	s->size = 0;
}

static void read_data(struct interp *in, struct in *r)
{
	struct segment *s = vec_add(&in->datas);
	u32 flags = in_u32(r), mem = 0;
	u64 at = 0;

	if (!s || flags > 2)
		return in_fail(r, s ? "data of an unknown kind" : "out of memory");
	if (flags == 2)
		mem = in_u32(r);
	if (flags != 1)
		read_const(in, r, &at);
	s->size = in_u32(r);
	s->bytes = in_bytes(r, s->size);
	if (!r->error && flags != 1)
		put_data(in, r, mem, at, s);
}

/* --- code ------------------------------------------------------------------------------------ */

static bool skip_locals(struct in *r, struct func *f)
{
	u64 n = f->type->nparams;

	for (u32 runs = in_u32(r); runs && !r->error; runs--) {
		n += in_u32(r);
		switch (in_u8(r)) {
		case TYPE_I32:
		case TYPE_I64:
		case TYPE_F32:
		case TYPE_F64:
		case TYPE_FUNCREF:
		case TYPE_EXTERNREF:
			break;
		case TYPE_V128:
			in_fail(r, "SIMD is not supported");
			break;
		default:
			in_fail(r, "a local of a type that is not supported");
		}
		if (n > LOCALS_MAX)
			in_fail(r, "too many locals");
	}
	f->nlocals = (u32)n;
	return !r->error;
}

static void read_body(struct interp *in, struct in *r, u32 n)
{
	u32 index = in->hosts.len + n, size = in_u32(r);
	const u8 *p = in_bytes(r, size), *end = r->p;
	const char *why;

	if (index >= in->funcs.len)
		return in_fail(r, "a body has no function");
	if (!p)
		return;

	struct in body = {.p = p, .end = end};
	struct func *f = &in->funcs.data[index];

	if (skip_locals(&body, f))
		why = interp_compile(in, f, body.p, end);
	else
		why = body.error;
	if (why)
		in_fail(r, why);
}

static void read_code(struct interp *in, struct in *r)
{
	u32 n = in_u32(r);

	if (n != in->funcs.len - in->hosts.len)
		return in_fail(r, "functions and bodies do not agree");
	for (u32 i = 0; i < n && !r->error; i++)
		read_body(in, r, i);
}

/* --- sections -------------------------------------------------------------------------------- */

typedef void (*item_reader)(struct interp *in, struct in *r);

static void read_items(struct interp *in, struct in *r, item_reader item)
{
	for (u32 n = in_u32(r); n && !r->error; n--)
		item(in, r);
}

static void read_section(struct interp *in, u8 id, struct in *r)
{
	static const item_reader items[] = {
		[1] = read_type,   [2] = read_import,	[3] = read_function,
		[4] = read_table,  [5] = read_memory,	[6] = read_global,
		[7] = read_export, [9] = read_elements, [11] = read_data,
	};

	if (id == 8) {
		in->has_start = true;
		in->start = in_u32(r);
		if (in->start >= in->funcs.len)
			in_fail(r, "no such function");
	} else if (id == 10) {
		read_code(in, r);
	} else if (id == 12) {
		in_u32(r);
	} else if (id < sizeof(items) / sizeof(items[0]) && items[id]) {
		read_items(in, r, items[id]);
	} else {
		in_fail(r, id == 13 ? "exceptions are not supported" : "an unknown section");
	}
	if (r->p != r->end)
		in_fail(r, "a section is too long");
	if (id == 2 && !r->error)
		link_hosts(in);
}

/* Sections come in the order of their numbers, but for tags (13) and the number of data (12). */
static unsigned rank(u8 id)
{
	return id == 13 ? 11 : id == 12 ? 19 : 2 * id;
}

static const char *all_bodies(const struct interp *in)
{
	for (u32 i = in->hosts.len; i < in->funcs.len; i++)
		if (in->funcs.data[i].depth == UINT32_MAX)
			return "a function has no body";
	return NULL;
}

const char *interp_load(struct interp *in)
{
	struct in r = {.p = in->bytes, .end = in->bytes + in->size};
	const u8 *magic = in_bytes(&r, 8);
	unsigned last = 0;

	if (!magic || memcmp(magic, "\0asm\1\0\0", 8))
		return "not a wasm core module";
	while (r.p != r.end && !r.error) {
		u8 id = in_u8(&r);
		u32 size = in_u32(&r);
		const u8 *p = in_bytes(&r, size);
		struct in section = {.p = p, .end = r.p};

		if (!p || !id)
			continue;
		if (rank(id) <= last)
			return "sections out of order";
		last = rank(id);
		read_section(in, id, &section);
		if (section.error)
			return section.error;
	}
	return r.error ? r.error : all_bodies(in);
}
