/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/search.h"
#include "wasm/opcode.h"
#include "wasm/private.h"

/* By id: the name, and the place among the sections that are not custom (specification §5.5.2). */
static const struct {
	const char *name;
	uint8_t rank;
} sections[WDX_NSECTIONS] = {
	{"custom", 0}, {"type", 1},   {"import", 2},	  {"function", 3}, {"table", 4},
	{"memory", 5}, {"global", 7}, {"export", 8},	  {"start", 9},	   {"element", 10},
	{"code", 12},  {"data", 13},  {"data count", 11}, {"tag", 6},
};

static struct wdx_error *check_header(struct wdx_reader *r)
{
	const uint8_t *magic = wdx_read_bytes(r, 4);
	uint32_t version;

	if (!magic || memcmp(magic, "\0asm", 4))
		return wdx_bad_input("not a wasm module");
	version = wdx_read_u32(r);
	if (r->failed)
		return wdx_reader_error(r);
	if (version >> 16 == 1)
		return wdx_bad_input("this is a wasm component; components are not supported yet");
	if (version != 1)
		return wdx_bad_input("wasm version 0x%" PRIx32 " is not supported", version);
	return NULL;
}

static struct wdx_error *add_section(struct wdx_wasm *m, uint8_t id, struct wdx_reader *r)
{
	struct wdx_wasm_section *s = wdx_vec_push(&m->sections);

	if (!s)
		return &wdx_nomem;
	*s = (struct wdx_wasm_section){.id = id};
	if (!id) {
		size_t len = (size_t)wdx_read_uleb(r, 32);
		const uint8_t *name = wdx_read_bytes(r, len);

		if (!name)
			return NULL;
		s->name = wdx_arena_strndup(&m->arena, (const char *)name, len);
		s->name_len = len;
		if (!s->name)
			return &wdx_nomem;
	}
	s->data = r->pos;
	s->size = wdx_reader_left(r);
	s->pos.v = (uint32_t)(r->pos - m->data);
	return NULL;
}

static struct wdx_error *read_contents(struct wdx_wasm *m, uint8_t id, uint8_t *rank,
				       struct wdx_reader *r)
{
	struct wdx_error *err = add_section(m, id, r);

	if (err || !id)
		return err;
	if (sections[id].rank <= *rank) {
		wdx_reader_fail(r, "the section is repeated or out of order");
		return NULL;
	}
	*rank = sections[id].rank;
	err = wdx_wasm_read_section(m, id, r);
	if (!err && !r->failed && wdx_reader_left(r))
		wdx_reader_fail(r, "the section is longer than its contents");
	return err;
}

static struct wdx_error *read_sections(struct wdx_wasm *m, struct wdx_reader *r)
{
	uint8_t rank = 0;

	while (r->pos < r->end) {
		uint64_t at = wdx_reader_at(r);
		uint8_t id = wdx_read_u8(r);
		struct wdx_reader body = wdx_read_sub(r, wdx_read_uleb(r, 32));
		struct wdx_error *err = NULL;

		if (id >= WDX_NSECTIONS)
			return wdx_bad_input("offset 0x%" PRIx64 ": unknown section %u", at, id);
		if (!body.failed)
			err = read_contents(m, id, &rank, &body);
		if (!err)
			err = wdx_reader_error(&body);
		if (err)
			return wdx_error_at(err, "section %u (%s)", id, sections[id].name);
	}
	return NULL;
}

static struct wdx_error *scan_bodies(struct wdx_wasm *m)
{
	const struct wdx_wasm_func *f;
	struct wdx_error *err;

	m->kinds = calloc((size_t)m->code_size + 1, 1);
	if (!m->kinds)
		return &wdx_nomem;
	wdx_vec_each (f, &m->funcs) {
		err = wdx_insn_scan(m, f, m->kinds);
		if (err)
			return err;
		m->kinds[f->start.v] |= WDX_INSN_EDGE;
		m->kinds[f->code.v] |= WDX_INSN_EDGE;
		m->kinds[f->end.v] |= WDX_INSN_EDGE;
	}
	return NULL;
}

static struct wdx_error *parse(struct wdx_wasm *m)
{
	struct wdx_error *err;
	struct wdx_reader r;

	wdx_reader_init(&r, m->data, m->size, 0, false);
	err = check_header(&r);
	/* Offsets are 32 bits, and the largest is WDX_NO_CODEPOS. */
	if (!err && m->size >= UINT32_MAX)
		err = wdx_bad_input("modules of 4 GiB and more are not supported");
	if (!err)
		err = read_sections(m, &r);
	if (!err && m->funcs.len && !m->code.v)
		err = wdx_bad_input("there is a function section but no code section");
	if (!err)
		err = scan_bodies(m);
	return err ? err : wdx_wasm_read_names(m);
}

struct wdx_error *wdx_wasm_init(struct wdx_wasm *m, const void *data, size_t size)
{
	struct wdx_error *err;

	*m = (struct wdx_wasm){.data = data, .size = size};
	err = parse(m);
	if (err)
		wdx_wasm_deinit(m);
	return err;
}

void wdx_wasm_deinit(struct wdx_wasm *m)
{
	wdx_vec_free(&m->sections);
	wdx_vec_free(&m->types);
	wdx_vec_free(&m->funcs);
	wdx_vec_free(&m->runs);
	wdx_vec_free(&m->import_types);
	wdx_vec_free(&m->slots);
	wdx_vec_free(&m->segments);
	wdx_vec_free(&m->memories);
	wdx_vec_free(&m->globals);
	free(m->kinds);
	wdx_arena_deinit(&m->arena);
	*m = (struct wdx_wasm){0};
}

const struct wdx_wasm_section *wdx_wasm_custom(const struct wdx_wasm *m, const char *name)
{
	const struct wdx_wasm_section *s;
	size_t len = strlen(name);

	wdx_vec_each (s, &m->sections)
		if (s->name && s->name_len == len && !memcmp(s->name, name, len))
			return s;
	return NULL;
}

const struct wdx_wasm_func *wdx_wasm_func_at(const struct wdx_wasm *m, wdx_codepos pos)
{
	size_t lo = wdx_search(i, 0, m->funcs.len, m->funcs.data[i].end.v <= pos.v);

	if (lo == m->funcs.len || m->funcs.data[lo].start.v > pos.v)
		return NULL; /* between two functions lies the size of the second */
	return &m->funcs.data[lo];
}

const struct wdx_wasm_type *wdx_wasm_functype(const struct wdx_wasm *m, uint32_t func)
{
	if (func < m->nimported_funcs)
		return &m->types.data[m->import_types.data[func]];
	func -= m->nimported_funcs;
	return func < m->funcs.len ? &m->types.data[m->funcs.data[func].type] : NULL;
}

uint8_t wdx_wasm_local_type(const struct wdx_wasm *m, const struct wdx_wasm_func *f, uint32_t local)
{
	const struct wdx_wasm_type *t = &m->types.data[f->type];
	const struct wdx_wasm_run *runs;

	if (local >= f->nlocals)
		return 0;
	if (local < t->nparams)
		return t->params[local];
	runs = m->runs.data + f->first_run;
	return runs[wdx_search(i, 0, f->nruns, runs[i].end <= local)].type;
}

wdx_codepos wdx_wasm_codepos(const struct wdx_wasm *m, wdx_filepos pos)
{
	if (pos.v < m->code.v || pos.v - m->code.v >= m->code_size)
		return WDX_NO_CODEPOS;
	return (wdx_codepos){pos.v - m->code.v};
}

static bool writes_table(uint16_t opcode)
{
	switch (opcode) {
	case WDX_WASM_TABLE_SET:
	case WDX_WASM_TABLE_INIT:
	case WDX_WASM_TABLE_COPY:
	case WDX_WASM_TABLE_FILL:
		return true;
	default:
		return false;
	}
}

/* Whether an instruction with that first byte writes to a table. */
static bool table_written_by(const struct wdx_wasm *m, uint8_t byte)
{
	const uint8_t *code = m->data + m->code.v, *end = code + m->code_size, *p = code;
	struct wdx_insn insn;

	for (; (p = memchr(p, byte, (size_t)(end - p))); p++) {
		uint32_t at = (uint32_t)(p - code);

		if (!(m->kinds[at] & WDX_INSN_START))
			continue;
		wdx_insn_at(m, (wdx_codepos){at}, &insn);
		if (writes_table(insn.opcode))
			return true;
	}
	return false;
}

/* Which of several tables is written to does not matter: C and its like have one. */
bool wdx_wasm_table_is_fixed(const struct wdx_wasm *m)
{
	return !m->table_shared && !table_written_by(m, WDX_WASM_TABLE_SET) &&
	       !table_written_by(m, 0xfc);
}
