/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* lib/wasm: modules made here byte by byte, whole, cut off and spoilt. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/reader.h"
#include "tap.h"
#include "wasm/wasm.h"

#define B(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})
#define NO_BYTES NULL, 0

static void header(struct wdx_buf *b)
{
	wdx_buf_reset(b);
	wdx_buf_bytes(b, "\0asm\1\0\0\0", 8);
}

static void section(struct wdx_buf *b, uint8_t id, const uint8_t *p, size_t n)
{
	wdx_buf_u8(b, id);
	wdx_buf_uleb(b, n);
	wdx_buf_bytes(b, p, n);
}

static void custom(struct wdx_buf *b, const char *name, const uint8_t *p, size_t n)
{
	wdx_buf_u8(b, 0);
	wdx_buf_uleb(b, 1 + strlen(name) + n);
	wdx_buf_uleb(b, strlen(name));
	wdx_buf_bytes(b, name, strlen(name));
	wdx_buf_bytes(b, p, n);
}

/* A module of one function without parameters and locals, with the instructions given. */
static void one_function(struct wdx_buf *b, const uint8_t *code, size_t n)
{
	header(b);
	section(b, 1, B(1, 0x60, 0, 0));
	section(b, 3, B(1, 0));
	wdx_buf_u8(b, 10);
	wdx_buf_uleb(b, n + 5);
	wdx_buf_u8(b, 1);
	wdx_buf_uleb_padded(b, n + 1, 3);
	wdx_buf_u8(b, 0);
	wdx_buf_bytes(b, code, n);
}

static bool fails(struct wdx_error *err, const char *want)
{
	bool same = err && !strcmp(wdx_error_message(err), want);

	if (!same)
		printf("# got: %s\n# not: %s\n", wdx_error_message(err), want);
	wdx_error_destroy(err);
	return same;
}

/* The result of parsing a copy of exactly n bytes, so that reading one more is noticed. */
static struct wdx_error *try(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	const struct wdx_wasm_func *f;
	struct wdx_error *err;
	struct wdx_wasm m;

	if (n)
		memcpy(copy, p, n);
	err = wdx_wasm_init(&m, copy, n);
	if (err && (m.data || m.funcs.data || m.arena.chunks))
		ok(false, "a failed parse leaves something behind");
	wdx_vec_each (f, &m.funcs) {
		struct wdx_insn_iter it;
		struct wdx_insn insn;

		wdx_insn_begin(&it, &m, f);
		while (wdx_insn_next(&it, &insn)) {
			struct wdx_reader r;

			wdx_insn_labels(&m, &insn, &r);
		}
		if (!err)
			err = it.err;
		else
			wdx_error_destroy(it.err);
		wdx_wasm_func_at(&m, f->code);
		for (uint32_t i = 0; i < 10; i++)
			wdx_wasm_local_type(&m, f, f->nlocals - i);
	}
	wdx_wasm_deinit(&m);
	free(copy);
	return err;
}

/* Every kind of section, custom ones between them. */
static void full_module(struct wdx_buf *b)
{
	header(b);
	custom(b, "first", B(1, 2, 3));
	section(b, 1,
		B(3, 0x60, 2, 0x7f, 0x7e, 1, 0x7d,	 /* func */
		  0x4e, 2,				 /* rec */
		  0x50, 0, 0x5f, 2, 0x78, 1, 0x63, 1, 0, /* sub struct */
		  0x4f, 1, 1, 0x5e, 0x6e, 0,		 /* sub final array */
		  0x60, 1, 0x64, 2, 1, 0x70));		 /* func */
	custom(b, "name",
	       B(1, 10, 2, 0, 1, 'i', 1, 4, 'm', 'a', 'i', 'n', /* functions */
		 0, 4, 3, 'm', 'o', 'd', 9, 1, 0,		/* module, data */
		 7, 7, 2, 0, 1, 'g', 9, 1, 'x'));		/* globals */
	section(b, 2,
		B(6, 1, 'e', 1, 'f', 0, 0, 1, 'e', 1, 't', 1, 0x70, 1, 1, 2, 1, 'e', 1, 'm', 2, 3,
		  1, 2, 1, 'e', 1, 'g', 3, 0x7f, 1, 1, 'e', 1, 'x', 4, 0, 0, 1, 'e', 0, 3, 0x6f,
		  0));
	section(b, 3, B(3, 0, 3, 0));
	section(b, 4, B(2, 0x6f, 4, 1, 0x40, 0, 0x63, 0x70, 0, 1, 0xd0, 0x70, 0x0b));
	section(b, 5, B(2, 5, 1, 0x80, 0x80, 0x80, 0x80, 0x20, 8, 7, 0));
	section(b, 13, B(1, 0, 0));
	custom(b, "second", NO_BYTES);
	section(b, 6, B(2, 0x7e, 1, 0x42, 0x7f, 0x0b, 0x7f, 0, 0x41, 1, 0x41, 2, 0x6a, 0x0b));
	section(b, 7, B(1, 1, 'r', 0, 1));
	section(b, 8, B(1));
	section(b, 9,
		B(8, 0, 0x41, 0, 0x0b, 1, 0, 1, 0, 1, 1, 2, 0, 0x41, 0, 0x0b, 0, 1, 1, 3, 0, 0, 4,
		  0x41, 0, 0x0b, 1, 0xd2, 0, 0x0b, 5, 0x70, 0, 6, 0, 0x41, 0, 0x0b, 0x63, 0x70, 0,
		  7, 0x70, 1, 0xd0, 0x70, 0x0b));
	section(b, 12, B(3));
	section(b, 10,
		B(3, 8, 2, 1, 0x7e, 2, 0x63, 1, 0x01, 0x0b, 6, 1, 3, 0x7c, 0x0f, 0x01, 0x0b, 11, 0,
		  0x0e, 2, 1, 0, 5, 0x41, 0x7f, 0x1a, 0x01, 0x0b));
	section(b, 11, B(3, 0, 0x41, 0, 0x0b, 2, 'h', 'i', 1, 1, 'x', 2, 1, 0x42, 0, 0x0b, 0));
	custom(b, "last", B(9));
}

static void check_functions(struct wdx_wasm *m)
{
	const struct wdx_wasm_func *f = m->funcs.data;
	uint32_t code = m->code.v;

	ok(m->nimported_funcs == 1 && m->funcs.len == 3, "functions");
	ok(!strcmp(f[0].name, "main") && !f[1].name && !strcmp(m->name, "mod"), "names");
	ok(f[0].start.v == 2 && f[0].code.v == 8 && f[0].end.v == 10, "first body");
	ok(f[1].start.v == 11 && f[1].code.v == 14 && f[1].end.v == 17, "second body");
	ok(f[2].start.v == 18 && f[2].code.v == 19 && f[2].end.v == 29 && m->code_size == 29,
	   "third body");
	ok(f[0].nlocals == 5 && f[1].nlocals == 4 && f[2].nlocals == 2, "counts of locals");
	ok(wdx_wasm_local_type(m, f, 0) == WDX_I32 && wdx_wasm_local_type(m, f, 1) == WDX_I64 &&
		   wdx_wasm_local_type(m, f, 2) == WDX_I64 &&
		   wdx_wasm_local_type(m, f, 3) == WDX_REF &&
		   wdx_wasm_local_type(m, f, 4) == WDX_REF && !wdx_wasm_local_type(m, f, 5),
	   "types of locals in runs");
	ok(wdx_wasm_local_type(m, f + 1, 0) == WDX_REF &&
		   wdx_wasm_local_type(m, f + 1, 3) == WDX_F64,
	   "types of locals of another function");
	ok(wdx_wasm_func_at(m, (wdx_codepos){2}) == f && wdx_wasm_func_at(m, (wdx_codepos){9}) == f,
	   "function at its first and last byte");
	ok(!wdx_wasm_func_at(m, (wdx_codepos){10}) && !wdx_wasm_func_at(m, (wdx_codepos){0}) &&
		   wdx_wasm_func_at(m, (wdx_codepos){28}) == f + 2 &&
		   !wdx_wasm_func_at(m, (wdx_codepos){29}) && !wdx_wasm_func_at(m, WDX_NO_CODEPOS),
	   "no function between bodies and behind them");
	ok(wdx_wasm_codepos(m, (wdx_filepos){code}).v == 0 &&
		   wdx_wasm_codepos(m, (wdx_filepos){code + 28}).v == 28 &&
		   wdx_wasm_codepos(m, (wdx_filepos){code - 1}).v == UINT32_MAX &&
		   wdx_wasm_codepos(m, (wdx_filepos){code + 29}).v == UINT32_MAX,
	   "file offsets to code offsets");
}

static void check_rest(struct wdx_wasm *m)
{
	const struct wdx_wasm_section *s = wdx_wasm_custom(m, "first");
	const struct wdx_wasm_memory *mem = m->memories.data;
	const struct wdx_wasm_global *g = m->globals.data;

	ok(m->sections.len == 17 && m->sections.data[2].id == 0 && m->sections.data[3].id == 2,
	   "sections in order");
	ok(s && s->size == 3 && s->data == m->data + s->pos.v && !memcmp(s->data, "\1\2\3", 3),
	   "contents of a custom section");
	ok((s = wdx_wasm_custom(m, "second")) && !s->size && !wdx_wasm_custom(m, "secon"),
	   "custom sections by name");
	ok(m->types.len == 4 && m->types.data[0].is_func && !m->types.data[1].is_func &&
		   !m->types.data[2].is_func && m->types.data[3].is_func,
	   "types, a recursion group among them");
	ok(m->types.data[0].nparams == 2 && m->types.data[0].results[0] == WDX_F32 &&
		   m->types.data[3].params[0] == WDX_REF &&
		   m->types.data[3].results[0] == WDX_FUNCREF,
	   "parameters and results");
	ok(m->memories.len == 3 && mem[0].imported && mem[0].shared && !mem[0].is64 &&
		   mem[0].min_pages == 1 && mem[0].page_bits == 16,
	   "imported shared memory");
	ok(mem[1].is64 && !mem[1].imported && mem[1].min_pages == 1 && mem[2].page_bits == 0 &&
		   mem[2].min_pages == 7,
	   "64-bit memory, memory with a page size");
	ok(m->globals.len == 4 && g[0].imported && g[0].mutable_ && g[0].type == WDX_I32 &&
		   !strcmp(g[0].name, "g"),
	   "imported global");
	ok(g[1].type == WDX_EXTERNREF && !g[2].imported && g[2].type == WDX_I64 && g[2].mutable_ &&
		   !g[3].mutable_ && !g[3].name,
	   "more globals");
}

static void check_insns(struct wdx_wasm *m)
{
	struct wdx_insn_iter it;
	struct wdx_insn insn;
	struct wdx_reader r;

	wdx_insn_begin(&it, m, &m->funcs.data[2]);
	ok(wdx_insn_next(&it, &insn) && insn.opcode == 0x0e && insn.pos.v == 19 && insn.size == 5 &&
		   insn.imm[0] == 2 && insn.imm[1] == 5 && insn.flags == WDX_INSN_CONTROL,
	   "br_table");
	wdx_insn_labels(m, &insn, &r);
	ok(wdx_read_uleb(&r, 32) == 1 && wdx_read_uleb(&r, 32) == 0 && wdx_read_uleb(&r, 32) == 5 &&
		   !wdx_reader_left(&r),
	   "its labels");
	ok(wdx_insn_next(&it, &insn) && insn.pos.v == 24 && insn.imm[0] == UINT32_MAX,
	   "i32.const -1");
	ok(wdx_insn_next(&it, &insn) && wdx_insn_next(&it, &insn) && wdx_insn_next(&it, &insn) &&
		   insn.opcode == 0x0b && insn.pos.v == 28,
	   "the final end");
	ok(!wdx_insn_next(&it, &insn) && !it.err, "nothing behind it");
}

static void test_full(struct wdx_buf *b)
{
	struct wdx_error *err;
	struct wdx_wasm m;

	full_module(b);
	err = wdx_wasm_init(&m, b->data, b->len);
	if (!ok(!err, "a module with every kind of section")) {
		printf("# %s\n", wdx_error_message(err));
		wdx_error_destroy(err);
		return;
	}
	check_functions(&m);
	check_rest(&m);
	check_insns(&m);
	wdx_wasm_deinit(&m);
}

/* Where a module may be cut off and stay one: between sections, where nothing is missing yet. */
static void test_truncation(struct wdx_buf *b)
{
	unsigned good = 0, bad = 0;

	full_module(b);
	for (size_t n = 0; n < b->len; n++) {
		struct wdx_error *err = try(b->data, n);

		good += !err;
		bad += wdx_error_code(err) == WDX_E_INPUT && *wdx_error_message(err);
		wdx_error_destroy(err);
	}
	/* After the header; first, type, name, import; code, data. */
	ok(good == 7 && good + bad == b->len, "cut off at every byte: %u valid, %u not", good, bad);
}

static void test_mutation(struct wdx_buf *b)
{
	unsigned good = 0, bad = 0;

	full_module(b);
	for (size_t at = 0; at < b->len; at++) {
		uint8_t was = b->data[at];

		for (unsigned v = 0; v < 256; v++) {
			struct wdx_error *err;

			b->data[at] = (uint8_t)v;
			err = try(b->data, b->len);
			good += !err;
			bad += wdx_error_code(err) == WDX_E_INPUT;
			wdx_error_destroy(err);
		}
		b->data[at] = was;
	}
	ok(good && bad && good + bad == b->len * 256, "every byte with every value");
}

static void test_refused(struct wdx_buf *b)
{
	ok(fails(try(NULL, 0), "not a wasm module"), "no bytes");
	ok(fails(try(B(0, 'a', 's')), "not a wasm module"), "three bytes");
	ok(fails(try(B(0x7f, 'E', 'L', 'F', 1, 0, 0, 0)), "not a wasm module"), "an ELF file");
	ok(fails(try(B(0, 'a', 's', 'm', 13, 0, 1, 0)),
		 "this is a wasm component; components are not supported yet"),
	   "a component");
	ok(fails(try(B(0, 'a', 's', 'm', 2, 0, 0, 0)), "wasm version 0x2 is not supported"),
	   "version 2");
	ok(fails(try(B(0, 'a', 's', 'm', 1, 0)), "offset 0x4: unexpected end of data"),
	   "half a version");
	header(b);
	section(b, 14, B(0));
	ok(fails(try(b->data, b->len), "offset 0x8: unknown section 14"), "unknown section");
	header(b);
	section(b, 3, B(0));
	section(b, 1, B(0));
	ok(fails(try(b->data, b->len),
		 "section 1 (type): offset 0xd: the section is repeated or out of order"),
	   "order of sections");
	header(b);
	section(b, 1, B(0));
	section(b, 1, B(0));
	ok(fails(try(b->data, b->len),
		 "section 1 (type): offset 0xd: the section is repeated or out of order"),
	   "repeated section");
	header(b);
	section(b, 1, B(0, 0));
	ok(fails(try(b->data, b->len),
		 "section 1 (type): offset 0xb: the section is longer than its contents"),
	   "bytes too many");
	header(b);
	custom(b, "x", NO_BYTES);
	b->data[b->len - 2] = 2;
	ok(fails(try(b->data, b->len), "section 0 (custom): offset 0xb: unexpected end of data"),
	   "custom section's name too long");
	header(b);
	section(b, 1, B(1, 0x60, 0, 0));
	section(b, 3, B(1, 0));
	ok(fails(try(b->data, b->len), "there is a function section but no code section"),
	   "no code section");
	section(b, 10, B(2, 2, 0, 0x0b, 2, 0, 0x0b));
	ok(fails(try(b->data, b->len), "section 10 (code): offset 0x15: not as many bodies as the "
				       "function section has functions"),
	   "too many bodies");
	header(b);
	section(b, 3, B(1, 0));
	ok(fails(try(b->data, b->len),
		 "section 3 (function): offset 0xc: not the index of a function type"),
	   "type that does not exist");
}

static void test_leb(struct wdx_buf *b)
{
	header(b);
	wdx_buf_bytes(b, B(1, 0x81, 0x80, 0x80, 0x80, 0x00, 0));
	ok(!try(b->data, b->len), "size padded to five bytes");
	header(b);
	wdx_buf_bytes(b, B(1, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 0));
	ok(fails(try(b->data, b->len), "section 1 (type): offset 0x9: LEB128 number is too long"),
	   "size of six bytes");
	header(b);
	wdx_buf_bytes(b, B(1, 0x81, 0x80, 0x80, 0x80, 0x10, 0));
	ok(fails(try(b->data, b->len), "section 1 (type): offset 0x9: LEB128 number is too large"),
	   "size of 33 bits");
	header(b);
	section(b, 1, B(0xff, 0xff, 0xff, 0xff, 0x0f));
	ok(fails(try(b->data, b->len),
		 "section 1 (type): offset 0xf: count is larger than the section"),
	   "count of types");
	header(b);
	section(b, 1, B(1, 0x60, 0, 0));
	section(b, 3, B(1, 0));
	section(b, 10, B(1, 14, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 1, 0x7f, 1, 1, 1, 1, 0x0b));
	ok(fails(try(b->data, b->len),
		 "section 10 (code): function 0: offset 0x1e: too many locals"),
	   "more locals than 32 bits count");
	one_function(b, B(0x41, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b));
	ok(fails(try(b->data, b->len),
		 "section 10 (code): function 0: offset 0x1a: LEB128 number is too large"),
	   "i32.const out of range");
	one_function(b,
		     B(0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x0b));
	ok(fails(try(b->data, b->len),
		 "section 10 (code): function 0: offset 0x25: LEB128 number is too long"),
	   "i64.const of eleven bytes");
}

static void test_code(struct wdx_buf *b)
{
	one_function(b, B(0x01, 0xc7, 0x0b));
	ok(fails(try(b->data, b->len),
		 "section 10 (code): function 0: offset 0x1a: unknown opcode 0xc7"),
	   "unknown opcode");
	one_function(b, B(0xfd, 0xff, 0x03, 0x0b));
	ok(fails(try(b->data, b->len),
		 "section 10 (code): function 0: offset 0x19: unknown opcode 0xfd 0x1ff"),
	   "unknown sub-opcode");
	one_function(b, B(0x01));
	ok(fails(try(b->data, b->len), "section 10 (code): function 0: offset 0x19: the body does "
				       "not end in an end instruction"),
	   "no end");
	one_function(b, B(0x41, 0x0b));
	ok(!try(b->data, b->len), "an end that is an immediate: only validation would tell");
	one_function(b, B(0x28, 2, 0x0b));
	ok(!try(b->data, b->len), "an end that is an offset");
	one_function(b, B(0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b));
	ok(fails(try(b->data, b->len),
		 "section 10 (code): function 0: offset 0x20: unexpected end of data"),
	   "a table of 4 G labels");
	one_function(b, B(0x02, 0x3f, 0x0b));
	ok(!try(b->data, b->len), "block of type 63");
	one_function(b, B(0x02, 0x41, 0x0b));
	ok(fails(try(b->data, b->len),
		 "section 10 (code): function 0: offset 0x1b: unknown value type"),
	   "block of an unknown type");
}

static void put_imm(struct wdx_buf *b, char kind)
{
	static const struct {
		char kind;
		uint8_t n, bytes[16];
	} imms[] = {
		{'u', 2, {0x85, 1}},	{'i', 5, {0x80, 0x80, 0x80, 0x80, 0x78}},
		{'I', 2, {0xff, 0}},	{'f', 4, {1, 2, 3, 4}},
		{'F', 8, {1, 2, 3}},	{'v', 16, {1, 2, 3}},
		{'l', 1, {3}},		{'x', 1, {3}},
		{'b', 2, {0x63, 0}},	{'h', 1, {0x70}},
		{'m', 3, {0x42, 1, 8}}, {'t', 4, {2, 1, 2, 7}},
		{'y', 3, {1, 0x64, 9}}, {'c', 7, {2, 0, 4, 5, 3, 0x80, 0}},
	};

	for (size_t i = 0; i < sizeof(imms) / sizeof(*imms); i++)
		if (imms[i].kind == kind)
			wdx_buf_bytes(b, imms[i].bytes, imms[i].n);
}

static const struct op {
	uint16_t opcode;
	const char *name, *imm;
} ops[] = {
#define OP(opcode, name, imm, arity, flags) {opcode, name, imm},
#include "wasm/opcodes.def"
#undef OP
};

static void put_op(struct wdx_buf *b, const struct op *op)
{
	uint8_t prefix = (uint8_t)(op->opcode >> 8);

	if (prefix) {
		wdx_buf_u8(b, prefix == 0xff ? 0xfd : prefix);
		wdx_buf_uleb(b, (op->opcode & 0xff) | (prefix == 0xff ? 0x100 : 0));
	} else {
		wdx_buf_u8(b, (uint8_t)op->opcode);
	}
	for (const char *p = op->imm; *p; p++)
		put_imm(b, *p);
}

/* All instructions in a row; returns the first that is not read back as it was written. */
static const char *walk_ops(const struct wdx_wasm *m)
{
	struct wdx_insn_iter it;
	struct wdx_insn insn;

	wdx_insn_begin(&it, m, m->funcs.data);
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (!wdx_insn_next(&it, &insn) || insn.opcode != ops[i].opcode ||
		    strcmp(wdx_insn_name(insn.opcode), ops[i].name))
			return wdx_error_destroy(it.err), ops[i].name;
	if (!wdx_insn_next(&it, &insn) || wdx_insn_next(&it, &insn) || it.err)
		return wdx_error_destroy(it.err), "end";
	return NULL;
}

static void test_all_ops(struct wdx_buf *b)
{
	struct wdx_buf code = {0};
	struct wdx_wasm m;
	const char *bad;

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		put_op(&code, &ops[i]);
	wdx_buf_u8(&code, 0x0b);
	one_function(b, code.data, code.len);
	if (ok(!wdx_wasm_init(&m, b->data, b->len), "a function of all instructions")) {
		bad = walk_ops(&m);
		ok(!bad, "each is read back%s%s", bad ? ", but not " : "", bad ? bad : "");
	}
	wdx_wasm_deinit(&m);
	wdx_buf_deinit(&code);
	ok(!wdx_insn_name(0x1d) && !wdx_insn_name(0x1234) && !wdx_insn_name(0xfbff), "no name");
}

static struct wdx_insn one_insn(struct wdx_buf *b, const uint8_t *code, size_t n)
{
	struct wdx_insn_iter it;
	struct wdx_insn insn = {0};
	struct wdx_wasm m;

	one_function(b, code, n);
	if (!wdx_wasm_init(&m, b->data, b->len)) {
		wdx_insn_begin(&it, &m, m.funcs.data);
		wdx_insn_next(&it, &insn);
		wdx_error_destroy(it.err);
	}
	wdx_wasm_deinit(&m);
	return insn;
}

static void test_imms(struct wdx_buf *b)
{
	struct wdx_insn i = one_insn(b, B(0x36, 2, 0x90, 1, 0x0b));

	ok(i.imm[0] == 0 && i.imm[1] == 144 && i.size == 4 &&
		   i.flags == (WDX_INSN_EFFECT | WDX_INSN_MEMWRITE | WDX_INSN_TRAP),
	   "store");
	i = one_insn(b, B(0x29, 0x43, 5, 0x80, 0x80, 0x80, 0x80, 0x10, 0x0b));
	ok(i.imm[0] == 5 && i.imm[1] == 1ULL << 32, "load from memory 5 at a 64-bit offset");
	i = one_insn(b, B(0x42, 0x7e, 0x0b));
	ok(i.imm[0] == (uint64_t)-2, "i64.const");
	i = one_insn(b, B(0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x0b));
	ok(i.imm[0] == 0x3ff0000000000000, "f64.const");
	i = one_insn(b, B(0x11, 3, 4, 0x0b));
	ok(i.imm[0] == 3 && i.imm[1] == 4 && i.flags & WDX_INSN_CALL, "call_indirect");
	i = one_insn(b, B(0x02, 0x40, 0x0b));
	ok((i.imm[0] & 0x7f) == 0x40 && (int64_t)i.imm[0] < 0, "block without a type");
	i = one_insn(b, B(0xfb, 24, 3, 7, 0x6e, 0x6b, 0x0b));
	ok(i.imm[0] == 7 && (i.imm[1] & 0x7f) == 0x6e && i.size == 6, "br_on_cast");
	i = one_insn(b, B(0x1c, 1, 0x7d, 0x0b));
	ok(i.imm[0] == 1 && i.imm[1] == WDX_F32, "select with a type");
}

static void test_bad_names(struct wdx_buf *b)
{
	struct wdx_wasm m;

	one_function(b, B(0x0b));
	custom(b, "name", B(1, 5, 1, 0, 2, 'o', 'k', 1, 9, 1));
	ok(!wdx_wasm_init(&m, b->data, b->len) && !m.funcs.data[0].name,
	   "malformed name section is no error and gives no names");
	wdx_wasm_deinit(&m);
	one_function(b, B(0x0b));
	custom(b, "name", B(1, 9, 3, 0, 1, 'a', 0, 1, 'b', 5, 0));
	ok(!wdx_wasm_init(&m, b->data, b->len) && !strcmp(m.funcs.data[0].name, "a"),
	   "names of repeated and unknown functions");
	wdx_wasm_deinit(&m);
	header(b);
	ok(!wdx_wasm_init(&m, b->data, b->len) && !m.sections.len, "empty module");
	ok(!wdx_wasm_func_at(&m, (wdx_codepos){0}) && !wdx_wasm_custom(&m, "name") &&
		   wdx_wasm_codepos(&m, (wdx_filepos){0}).v == UINT32_MAX,
	   "nothing is found in it");
	wdx_wasm_deinit(&m);
}

static bool slots_are(const struct wdx_wasm *m, const uint32_t *want, size_t n)
{
	for (size_t i = 0; i < m->slots.len && i < n; i++)
		if (m->slots.data[i].index != want[2 * i] ||
		    m->slots.data[i].func != want[2 * i + 1])
			return false;
	return m->slots.len == n;
}

/* A module with a table and these segments, exports and instructions; whether its table is as
 * wanted. */
static bool table_is(const uint8_t *elements, size_t n, const uint8_t *exports, size_t nexports,
		     const uint8_t *code, size_t ncode, bool fixed, const uint32_t *want,
		     size_t nwant)
{
	struct wdx_buf b = {0};
	struct wdx_error *err;
	struct wdx_wasm m;
	bool same;

	header(&b);
	section(&b, 1, B(1, 0x60, 0, 0));
	section(&b, 3, B(1, 0));
	section(&b, 4, B(1, 0x70, 0, 9));
	if (nexports)
		section(&b, 7, exports, nexports);
	section(&b, 9, elements, n);
	wdx_buf_bytes(&b, B(10));
	wdx_buf_uleb(&b, ncode + 3);
	wdx_buf_bytes(&b, B(1));
	wdx_buf_uleb(&b, ncode + 1);
	wdx_buf_u8(&b, 0);
	wdx_buf_bytes(&b, code, ncode);
	err = wdx_wasm_init(&m, b.data, b.len);
	same = !err && slots_are(&m, want, nwant) && wdx_wasm_table_is_fixed(&m) == fixed;
	if (err)
		printf("# %s\n", wdx_error_message(err));
	wdx_error_destroy(err);
	wdx_wasm_deinit(&m);
	wdx_buf_deinit(&b);
	return same;
}

#define SLOTS(...) ((const uint32_t[]){__VA_ARGS__}), sizeof((const uint32_t[]){__VA_ARGS__}) / 8

static void test_segments(struct wdx_buf *b)
{
	static const uint8_t segments[] = {5,	0,    0x41, 0x80, 8,	0x0b, 2,
					   'a', 'b',			   /* at 1024 */
					   1,	1,    'p',		   /* passive */
					   2,	1,    0x41, 1,	  0x0b, 0, /* of memory 1 */
					   0,	0x23, 0,    0x0b, 0,	   /* at a global's value */
					   2,	0,    0x41, 0x7f, 0x0b, 1,    'c' /* at the end */};
	struct wdx_error *err;
	struct wdx_wasm m;

	header(b);
	section(b, 11, segments, sizeof(segments));
	err = wdx_wasm_init(&m, b->data, b->len);
	ok(!err && m.segments.len == 2 && m.segments.data[0].offset == 1024 &&
		   m.segments.data[0].size == 2 && m.segments.data[0].bytes[1] == 'b' &&
		   m.segments.data[1].offset == UINT32_MAX && m.segments.data[1].size == 1,
	   "data: the segments of memory 0 with a constant offset");
	wdx_error_destroy(err);
	wdx_wasm_deinit(&m);
}

static void test_tables(void)
{
	ok(table_is(B(1, 0, 0x41, 3, 0x0b, 2, 0, 0), NO_BYTES, B(0x0b), true, SLOTS(3, 0, 4, 0)),
	   "a table: its slots");
	ok(table_is(B(1, 0, 0x42, 3, 0x0b, 1, 0), NO_BYTES, B(0x0b), true, SLOTS(3, 0)),
	   "a table: one with 64-bit indices");
	ok(table_is(B(1, 4, 0x41, 1, 0x0b, 2, 0xd2, 0, 0x0b, 0xd0, 0x70, 0x0b), NO_BYTES, B(0x0b),
		    true, SLOTS(1, 0, 2, UINT32_MAX)),
	   "a table: slots by expressions, null");
	ok(table_is(B(1, 2, 1, 0x41, 1, 0x0b, 0, 1, 0), NO_BYTES, B(0x0b), true, NULL, 0),
	   "a table: the second is not looked at");
	ok(table_is(B(1, 0, 0x23, 0, 0x0b, 1, 0), NO_BYTES, B(0x0b), false, NULL, 0),
	   "a table: filled from a place that is not constant");
	ok(table_is(B(1, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b, 1, 0), NO_BYTES, B(0x0b), false, NULL, 0),
	   "a table: filled from a computed place");
	ok(table_is(B(1, 1, 0, 1, 0), NO_BYTES, B(0x0b), true, NULL, 0),
	   "a table: a passive segment fills nothing by itself");
	ok(table_is(B(1, 0, 0x41, 1, 0x0b, 1, 0), B(1, 1, 't', 1, 0), B(0x0b), false, SLOTS(1, 0)),
	   "a table: exported, so others may write to it");
	ok(table_is(B(1, 0, 0x41, 1, 0x0b, 1, 0), B(1, 1, 't', 0, 0), B(0x0b), true, SLOTS(1, 0)),
	   "a table: an export that is a function");
	ok(table_is(B(1, 0, 0x41, 1, 0x0b, 1, 0), NO_BYTES, B(0x41, 0, 0xd0, 0x70, 0x26, 0, 0x0b),
		    false, SLOTS(1, 0)),
	   "a table: written by table.set");
	ok(table_is(B(1, 0, 0x41, 1, 0x0b, 1, 0), NO_BYTES,
		    B(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 14, 0, 0, 0x0b), false, SLOTS(1, 0)),
	   "a table: written by table.copy");
	ok(table_is(B(1, 0, 0x41, 1, 0x0b, 1, 0), NO_BYTES, B(0x41, 0x26, 0x1a, 0x0b), true,
		    SLOTS(1, 0)),
	   "a table: an opcode inside another instruction");
}

int main(void)
{
	struct wdx_buf b = {0};

	test_full(&b);
	test_truncation(&b);
	test_mutation(&b);
	test_refused(&b);
	test_leb(&b);
	test_code(&b);
	test_all_ops(&b);
	test_imms(&b);
	test_bad_names(&b);
	test_tables();
	test_segments(&b);
	wdx_buf_deinit(&b);
	return done();
}
