/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The contents of each kind of section.  What nobody asks for is read all the same: a module that
 * an engine would refuse is better refused here, by name and offset, than misread further on.
 */
#include <inttypes.h>

#include "base/error.h"
#include "wasm/opcode.h"
#include "wasm/private.h"

typedef struct wdx_error *reader_fn(struct wdx_wasm *m, struct wdx_reader *r);

/* The number of elements that follow, each of which takes a byte at least. */
static uint32_t read_count(struct wdx_reader *r)
{
	uint64_t n = wdx_read_uleb(r, 32);

	if (n > wdx_reader_left(r))
		wdx_reader_fail(r, "count is larger than the section");
	return r->failed ? 0 : (uint32_t)n;
}

static void skip_name(struct wdx_reader *r)
{
	wdx_read_skip(r, wdx_read_uleb(r, 32));
}

/* A constant expression; it holds no blocks, so the first end is its own. */
static void skip_expr(struct wdx_reader *r)
{
	struct wdx_insn insn;

	do
		wdx_insn_decode(r, &insn);
	while (!r->failed && insn.opcode != 0x0b);
}

static bool read_valtypes(struct wdx_wasm *m, struct wdx_reader *r, const uint8_t **types,
			  uint32_t *count)
{
	uint32_t n = read_count(r);
	uint8_t *p = n ? wdx_arena_alloc(&m->arena, n) : NULL;

	if (n && !p)
		return false;
	for (uint32_t i = 0; i < n; i++)
		p[i] = wdx_wasm_read_valtype(r);
	*types = p;
	*count = n;
	return true;
}

static void skip_field(struct wdx_reader *r)
{
	if (wdx_reader_left(r) && (*r->pos == 0x78 || *r->pos == 0x77)) /* packed: i8, i16 */
		wdx_read_skip(r, 1);
	else
		wdx_wasm_read_valtype(r);
	wdx_read_skip(r, 1); /* mutability */
}

static struct wdx_error *read_comptype(struct wdx_wasm *m, struct wdx_reader *r, uint8_t form)
{
	struct wdx_wasm_type *t = wdx_vec_push(&m->types);

	if (!t)
		return &wdx_nomem;
	*t = (struct wdx_wasm_type){.is_func = form == 0x60};
	switch (form) {
	case 0x60:
		if (!read_valtypes(m, r, &t->params, &t->nparams) ||
		    !read_valtypes(m, r, &t->results, &t->nresults))
			return &wdx_nomem;
		return NULL;
	case 0x5f:
		for (uint32_t i = read_count(r); i; i--)
			skip_field(r);
		return NULL;
	case 0x5e:
		skip_field(r);
		return NULL;
	case 0x5d: /* continuation */
		wdx_read_sleb(r, 33);
		return NULL;
	}
	wdx_reader_fail(r, "unknown kind of type");
	return NULL;
}

static struct wdx_error *read_subtype(struct wdx_wasm *m, struct wdx_reader *r)
{
	uint8_t form = wdx_read_u8(r);

	if (form == 0x50 || form == 0x4f) {
		for (uint32_t i = read_count(r); i; i--)
			wdx_read_uleb(r, 32);
		form = wdx_read_u8(r);
	}
	return r->failed ? NULL : read_comptype(m, r, form);
}

static struct wdx_error *read_types(struct wdx_wasm *m, struct wdx_reader *r)
{
	struct wdx_error *err = NULL;

	for (uint32_t n = read_count(r); n && !err && !r->failed; n--) {
		uint32_t members = 1;

		if (wdx_reader_left(r) && *r->pos == 0x4e) { /* recursion group */
			wdx_read_skip(r, 1);
			members = read_count(r);
		}
		for (; members && !err && !r->failed; members--)
			err = read_subtype(m, r);
	}
	return err;
}

static uint32_t read_functype(struct wdx_wasm *m, struct wdx_reader *r)
{
	uint32_t type = (uint32_t)wdx_read_uleb(r, 32);

	if (!r->failed && (type >= m->types.len || !m->types.data[type].is_func))
		wdx_reader_fail(r, "not the index of a function type");
	return r->failed ? 0 : type;
}

struct limits {
	uint8_t flags; /* 1: maximum, 2: shared, 4: 64 bits, 8: page size follows */
	uint64_t min;
};

static struct limits read_limits(struct wdx_reader *r)
{
	struct limits l = {.flags = wdx_read_u8(r)};
	unsigned bits = l.flags & 4 ? 64 : 32;

	if (l.flags > 15)
		wdx_reader_fail(r, "unknown flags of limits");
	l.min = wdx_read_uleb(r, bits);
	if (l.flags & 1)
		wdx_read_uleb(r, bits);
	return l;
}

static void read_tabletype(struct wdx_reader *r)
{
	wdx_wasm_read_valtype(r);
	if (read_limits(r).flags & 8)
		wdx_reader_fail(r, "table with a page size");
}

static struct wdx_error *read_memory(struct wdx_wasm *m, struct wdx_reader *r, bool imported)
{
	struct wdx_wasm_memory *mem = wdx_vec_push(&m->memories);
	struct limits l = read_limits(r);
	uint32_t bits = l.flags & 8 ? (uint32_t)wdx_read_uleb(r, 32) : 16;

	if (!mem)
		return &wdx_nomem;
	if (bits > 16)
		wdx_reader_fail(r, "unsupported page size");
	*mem = (struct wdx_wasm_memory){.imported = imported,
					.is64 = l.flags & 4,
					.shared = l.flags & 2,
					.page_bits = (uint8_t)bits,
					.min_pages = l.min};
	return NULL;
}

static struct wdx_error *read_globaltype(struct wdx_wasm *m, struct wdx_reader *r, bool imported)
{
	struct wdx_wasm_global *g = wdx_vec_push(&m->globals);
	uint8_t flags;

	if (!g)
		return &wdx_nomem;
	*g = (struct wdx_wasm_global){.imported = imported, .type = wdx_wasm_read_valtype(r)};
	flags = wdx_read_u8(r); /* 1: mutable, 2: shared */
	if (flags > 3)
		wdx_reader_fail(r, "unknown flags of a global");
	g->mutable_ = flags & 1;
	return NULL;
}

static void read_tagtype(struct wdx_wasm *m, struct wdx_reader *r)
{
	if (wdx_read_u8(r) != 0)
		wdx_reader_fail(r, "unknown kind of tag");
	read_functype(m, r);
}

static struct wdx_error *import_function(struct wdx_wasm *m, struct wdx_reader *r)
{
	uint32_t *type = wdx_vec_push(&m->import_types);

	if (!type)
		return &wdx_nomem;
	*type = read_functype(m, r);
	m->nimported_funcs = (uint32_t)m->import_types.len;
	return NULL;
}

static struct wdx_error *read_import(struct wdx_wasm *m, struct wdx_reader *r)
{
	skip_name(r);
	skip_name(r);
	switch (wdx_read_u8(r)) {
	case 0:
		return import_function(m, r);
	case 1:
		read_tabletype(r);
		m->table_shared = true; /* the first table is an imported one if any is */
		return NULL;
	case 2:
		return read_memory(m, r, true);
	case 3:
		return read_globaltype(m, r, true);
	case 4:
		read_tagtype(m, r);
		return NULL;
	}
	wdx_reader_fail(r, "unknown kind of import");
	return NULL;
}

static struct wdx_error *read_imports(struct wdx_wasm *m, struct wdx_reader *r)
{
	struct wdx_error *err = NULL;

	for (uint32_t n = read_count(r); n && !err && !r->failed; n--)
		err = read_import(m, r);
	return err;
}

static struct wdx_error *read_functions(struct wdx_wasm *m, struct wdx_reader *r)
{
	uint32_t n = read_count(r);

	if (!wdx_vec_reserve(&m->funcs, n))
		return &wdx_nomem;
	for (; n && !r->failed; n--)
		*wdx_vec_push(&m->funcs) = (struct wdx_wasm_func){.type = read_functype(m, r)};
	return NULL;
}

static struct wdx_error *read_tables(struct wdx_wasm *m, struct wdx_reader *r)
{
	for (uint32_t n = read_count(r); n && !r->failed; n--) {
		bool has_init = wdx_reader_left(r) && *r->pos == 0x40;

		if (has_init)
			wdx_read_skip(r, 2); /* 0x40, and a reserved 0 */
		read_tabletype(r);
		if (has_init)
			skip_expr(r);
		m->table_shared |= has_init;
	}
	return NULL;
}

static struct wdx_error *read_memories(struct wdx_wasm *m, struct wdx_reader *r)
{
	struct wdx_error *err = NULL;

	for (uint32_t n = read_count(r); n && !err && !r->failed; n--)
		err = read_memory(m, r, false);
	return err;
}

static struct wdx_error *read_tags(struct wdx_wasm *m, struct wdx_reader *r)
{
	for (uint32_t n = read_count(r); n && !r->failed; n--)
		read_tagtype(m, r);
	return NULL;
}

static struct wdx_error *read_globals(struct wdx_wasm *m, struct wdx_reader *r)
{
	struct wdx_error *err = NULL;

	for (uint32_t n = read_count(r); n && !err && !r->failed; n--) {
		err = read_globaltype(m, r, false);
		if (!err)
			skip_expr(r);
	}
	return err;
}

enum { EXPORT_GLOBAL = 3 };

static struct wdx_error *read_exports(struct wdx_wasm *m, struct wdx_reader *r)
{
	for (uint32_t n = read_count(r); n && !r->failed; n--) {
		uint8_t kind;
		uint64_t index;

		skip_name(r);
		kind = wdx_read_u8(r);
		if (kind > 4)
			wdx_reader_fail(r, "unknown kind of export");
		index = wdx_read_uleb(r, 32);
		m->table_shared |= !index && kind == 1;
	}
	return NULL;
}

/* The start section and the data count section: one number. */
static struct wdx_error *read_number(struct wdx_wasm *m, struct wdx_reader *r)
{
	(void)m;
	wdx_read_uleb(r, 32);
	return NULL;
}

/* A constant expression; true: it is just this one instruction. */
static bool read_single(struct wdx_reader *r, struct wdx_insn *insn)
{
	const uint8_t *next;

	wdx_insn_decode(r, insn);
	if (insn->opcode == WDX_WASM_END)
		return false;
	next = r->pos;
	skip_expr(r);
	return !r->failed && r->pos == next + 1;
}

/* Where a segment begins in table 0; UINT64_MAX: that is not known, or it is in another. */
static uint64_t read_place(struct wdx_wasm *m, struct wdx_reader *r, bool first)
{
	struct wdx_insn insn;
	bool single = read_single(r, &insn);

	if (single && first && insn.opcode == WDX_WASM_I32_CONST)
		return (uint32_t)insn.imm[0];
	if (single && first && insn.opcode == WDX_WASM_I64_CONST)
		return insn.imm[0];
	m->table_shared |= first;
	return UINT64_MAX;
}

/* UINT32_MAX: null, or not a constant. */
static uint32_t read_element_expr(struct wdx_reader *r)
{
	struct wdx_insn insn;
	bool single = read_single(r, &insn);

	return single && insn.opcode == WDX_WASM_REF_FUNC ? (uint32_t)insn.imm[0] : UINT32_MAX;
}

static bool add_slot(struct wdx_wasm *m, uint64_t index, uint32_t func)
{
	struct wdx_wasm_slot *s;

	if (index > UINT32_MAX)
		return true;
	s = wdx_vec_push(&m->slots);
	if (s)
		*s = (struct wdx_wasm_slot){(uint32_t)index, func};
	return s;
}

/* Flags: 1: passive or declarative; 2: a table index, or declarative; 4: expressions. */
static struct wdx_error *read_element(struct wdx_wasm *m, struct wdx_reader *r)
{
	uint32_t flags = (uint32_t)wdx_read_uleb(r, 32);
	uint64_t at = UINT64_MAX;
	bool first = !(flags & 1);

	if (flags > 7)
		wdx_reader_fail(r, "unknown kind of element segment");
	if ((flags & 3) == 2)
		first = !wdx_read_uleb(r, 32);
	if (!(flags & 1))
		at = read_place(m, r, first);
	if (flags & 3 && flags & 4)
		wdx_wasm_read_valtype(r);
	else if (flags & 3)
		wdx_read_skip(r, 1); /* kind */
	for (uint32_t n = read_count(r); n && !r->failed; n--, at += at != UINT64_MAX) {
		uint32_t func = flags & 4 ? read_element_expr(r) : (uint32_t)wdx_read_uleb(r, 32);

		if (!r->failed && !add_slot(m, at, func))
			return &wdx_nomem;
	}
	return NULL;
}

static struct wdx_error *read_elements(struct wdx_wasm *m, struct wdx_reader *r)
{
	struct wdx_error *err = NULL;

	for (uint32_t n = read_count(r); n && !err && !r->failed; n--)
		err = read_element(m, r);
	return err;
}

/* Flags: 1: passive; 2: a memory index. */
static struct wdx_error *read_segment(struct wdx_wasm *m, struct wdx_reader *r)
{
	uint32_t flags = (uint32_t)wdx_read_uleb(r, 32);
	bool first = flags != 1, constant = false;
	struct wdx_insn at = {0};
	struct wdx_wasm_data *d;
	struct wdx_reader body;

	if (flags > 2)
		wdx_reader_fail(r, "unknown kind of data segment");
	if (flags == 2)
		first = !wdx_read_uleb(r, 32);
	if (flags != 1)
		constant = read_single(r, &at);
	body = wdx_read_sub(r, wdx_read_uleb(r, 32));
	if (r->failed || !first || !constant ||
	    (at.opcode != WDX_WASM_I32_CONST && at.opcode != WDX_WASM_I64_CONST))
		return NULL;
	d = wdx_vec_push(&m->segments);
	if (!d)
		return &wdx_nomem;
	*d = (struct wdx_wasm_data){.offset = at.opcode == WDX_WASM_I32_CONST ? (uint32_t)at.imm[0]
									      : at.imm[0],
				    .bytes = body.pos,
				    .size = wdx_reader_left(&body)};
	return NULL;
}

static struct wdx_error *read_data(struct wdx_wasm *m, struct wdx_reader *r)
{
	struct wdx_error *err = NULL;

	for (uint32_t n = read_count(r); n && !err && !r->failed; n--)
		err = read_segment(m, r);
	return err;
}

static bool read_locals(struct wdx_wasm *m, struct wdx_wasm_func *f, struct wdx_reader *r)
{
	uint32_t n = read_count(r);

	f->nlocals = m->types.data[f->type].nparams;
	f->first_run = (uint32_t)m->runs.len;
	f->nruns = n;
	for (; n && !r->failed; n--) {
		uint32_t more = (uint32_t)wdx_read_uleb(r, 32);
		struct wdx_wasm_run *run = wdx_vec_push(&m->runs);

		if (!run)
			return false;
		if (__builtin_add_overflow(f->nlocals, more, &f->nlocals))
			wdx_reader_fail(r, "too many locals");
		*run = (struct wdx_wasm_run){f->nlocals, wdx_wasm_read_valtype(r)};
	}
	return true;
}

static wdx_codepos here(const struct wdx_wasm *m, const struct wdx_reader *r)
{
	return (wdx_codepos){(uint32_t)(r->pos - m->data) - m->code.v};
}

static struct wdx_error *read_body(struct wdx_wasm *m, struct wdx_wasm_func *f,
				   struct wdx_reader *r)
{
	f->start = here(m, r);
	f->end.v = f->start.v + (uint32_t)wdx_reader_left(r);
	if (!read_locals(m, f, r))
		return &wdx_nomem;
	f->code = here(m, r);
	if (!r->failed && (r->pos == r->end || r->end[-1] != 0x0b))
		wdx_reader_fail(r, "the body does not end in an end instruction");
	return wdx_reader_error(r);
}

static struct wdx_error *read_code(struct wdx_wasm *m, struct wdx_reader *r)
{
	struct wdx_error *err = NULL;
	uint32_t n;

	m->code.v = (uint32_t)(r->pos - m->data);
	m->code_size = (uint32_t)wdx_reader_left(r);
	n = read_count(r);
	if (!r->failed && n != m->funcs.len)
		wdx_reader_fail(r, "not as many bodies as the function section has functions");
	for (uint32_t i = 0; i < n && !err && !r->failed; i++) {
		struct wdx_reader body = wdx_read_sub(r, wdx_read_uleb(r, 32));

		err = wdx_error_at(read_body(m, &m->funcs.data[i], &body), "function %" PRIu32,
				   m->nimported_funcs + i);
	}
	return err;
}

struct wdx_error *wdx_wasm_read_section(struct wdx_wasm *m, uint8_t id, struct wdx_reader *r)
{
	static reader_fn *const readers[WDX_NSECTIONS] = {
		NULL,	       read_types,   read_imports, read_functions, read_tables,
		read_memories, read_globals, read_exports, read_number,	   read_elements,
		read_code,     read_data,    read_number,  read_tags,
	};

	return readers[id](m, r);
}
