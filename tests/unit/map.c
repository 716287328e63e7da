/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* lib/map: the JSON format: read, checked, written, read again; and many maps that are wrong. */
#include "map/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "map/text.h"
#include "native/native.h"
#include "tap.h"

/* (import "e" "f" (func)), two functions, a memory, a global.  Positions in the code section:
 * function 1 starts at 2, instructions at 5 7 9 10 12 14, ends at 15; function 2 starts at 16,
 * instructions at 17 19, ends at 20. */
static const uint8_t module[] = {
	0,    'a',  's', 'm',  1,    0,	   0,	 0,	     /* magic, version */
	1,    10,   2,	 0x60, 2,    0x7f, 0x7f, 1,    0x7f, /* type 0: i32, i32 -> i32 */
	0x60, 0,    0,					     /* type 1 */
	2,    7,    1,	 1,    'e',  1,	   'f',	 0,    1,    /* import */
	3,    3,    2,	 0,    1,			     /* functions */
	5,    3,    1,	 0,    1,			     /* memory */
	6,    6,    1,	 0x7f, 1,    0x41, 0,	 0x0b,	     /* global */
	10,   20,   2,					     /* code: starts at this 2 */
	13,   1,    1,	 0x7f, 0x20, 0,	   0x20, 1,    0x6a, 0x21,
	2,    0x20, 2,	 0x0b, 4,    0,	   0x10, 0,    0x0b,
};

/* ' stands for ", and @SIZE, @SHA and @CODE for what they say. */
static const char good_text[] =
	"{'format': 'wasm-jit-map', 'version': 1,\n"
	" 'triple': 'x86_64-unknown-linux-gnu',\n"
	" 'producer': 'unit \\u0022test\\u0022', 'faults': 3,\n"
	" 'module': {'size': @SIZE, 'sha256': '@SHA'},\n"
	" 'offsets': 'code-section',\n"
	" 'code': {'size': 64, 'base': '0x7fff00001000', 'bytes': '@CODE'},\n"
	" 'preserved': ['rbx', 'rbp', 12],\n"
	" 'memories': [{'index': 0, 'place': {'context': [80, 0]}}],\n"
	" 'globals': [{'index': 0, 'place': {'context': 96}}],\n"
	" 'x-note': {'deep': [1, {'a': null}], 'b': 2.5},\n"
	" 'functions': [\n"
	"  {'index': 1, 'symbol': 'add',\n"
	"   'parts': [\n"
	"    {'lo': 0, 'hi': 24,\n"
	"     'pairs': [[0, 2], [4, 5], [8, null], [9, 9]],\n"
	"     'unwind': [{'at': 0, 'cfa': {'reg': 'rsp', 'offset': 8}, 'rules': {'rip': -8}},\n"
	"       {'at': 4, 'cfa': {'expr': '7708'}, 'rules': {'rip': -8, 'rbp': {'reg': 'rax'},\n"
	"        'rbx': 'same', '12': 'undefined', 'r13': {'value': 16}, 'r14': {'expr': '9100'},\n"
	"        'r15': {'value_expr': '9101'}}}]},\n"
	"    {'lo': 48, 'hi': 60, 'pairs': [[48, 14]]}],\n"
	"   'calls': [8, 24],\n"
	"   'context': [[0, 24, {'reg': 'r14'}]],\n"
	"   'locals': [\n"
	"    {'index': 0, 'ranges': [[0, 8, {'reg': 'rdi'}], [8, 24, {'cfa': -24}]]},\n"
	"    {'index': 1, 'ranges': [[0, 24, {'base': 'rbp', 'offset': [-8, 0, 4]}]]},\n"
	"    {'index': 2, 'ranges': [[10, 12, {'const': '0xffffffffffffffff'}],\n"
	"                            [48, 60, {'expr': '9f'}]]}],\n"
	"   'stack': [{'index': 0, 'ranges': [[5, 8, {'reg': 5}]]}],\n"
	"   'globals': [{'index': 0, 'ranges': [[4, 6, {'const': -1}]]}],\n"
	"   'memories': [{'index': 0, 'ranges': [[4, 24, {'absolute': 4096}]]}]},\n"
	"  {'index': null, 'symbol': 'trampoline', 'parts': [{'lo': 24, 'hi': 32}]},\n"
	"  {'index': 2, 'symbol': 'run', 'calls': [40],\n"
	"   'parts': [{'lo': 32, 'hi': 48, 'pairs': [[32, 16], [36, 17], [44, 20]]}]}]}\n";

static struct wdx_wasm wasm;

/* --- Making texts ------------------------------------------------------------------------------
 */

/* s with the first `from` replaced, in memory of its own; NULL when there is none. */
static char *replace(const char *s, const char *from, const char *to)
{
	const char *at = strstr(s, from);
	size_t before = at ? (size_t)(at - s) : 0, n = strlen(s) + strlen(to) + 1;
	char *out;

	if (!at)
		return NULL;
	out = malloc(n);
	if (out)
		snprintf(out, n, "%.*s%s%s", (int)before, s, to, at + strlen(from));
	return out;
}

static void substitute(char **s, const char *from, const char *to)
{
	char *out;

	while ((out = replace(*s, from, to))) {
		free(*s);
		*s = out;
	}
}

static void put_code(struct wdx_buf *b)
{
	uint8_t code[64];
	unsigned i;

	for (i = 0; i < sizeof(code); i++)
		code[i] = (uint8_t)(i * 37 + 5);
	wdx_text_put_base64(b, code, sizeof(code));
	wdx_buf_u8(b, 0);
}

static char *expand(char *s)
{
	struct wdx_buf sha = {0}, code = {0};
	uint8_t digest[32];
	char size[24], *c;

	wdx_sha256(module, sizeof(module), digest);
	wdx_text_put_hex(&sha, digest, sizeof(digest));
	wdx_buf_u8(&sha, 0);
	put_code(&code);
	snprintf(size, sizeof(size), "%zu", sizeof(module));
	substitute(&s, "@SIZE", size);
	substitute(&s, "@SHA", (char *)sha.data);
	substitute(&s, "@CODE", (char *)code.data);
	for (c = s; *c; c++)
		if (*c == '\'')
			*c = '"';
	wdx_buf_deinit(&sha);
	wdx_buf_deinit(&code);
	return s;
}

/* Reads exactly n bytes at their own address, so that a read behind them is seen. */
static struct wdx_error *read_n(struct wdx_map *map, struct wdx_target **t, const char *path,
				const char *s, size_t n, uint8_t **bytes)
{
	*bytes = malloc(n ? n : 1);
	memcpy(*bytes, s, n);
	return wdx_map_read(map, t, path, *bytes, n, &wasm);
}

static void done_with(struct wdx_map *map, struct wdx_target *t, uint8_t *bytes)
{
	wdx_map_deinit(map);
	wdx_target_destroy(t);
	free(bytes);
}

/* --- Good maps ---------------------------------------------------------------------------------
 */

#define SAME_VEC(a, b, v)                                                                          \
	((a)->v.len == (b)->v.len &&                                                               \
	 (!(a)->v.len || !memcmp((a)->v.data, (b)->v.data, (a)->v.len * sizeof(*(a)->v.data))))

static bool same_place(const struct wdx_map *a, uint32_t i, const struct wdx_map *b, uint32_t j)
{
	const struct wdx_place *p = &a->places.data[i], *q = &b->places.data[j];

	if (p->kind != q->kind || p->base != q->base || p->reg != q->reg || p->n != q->n ||
	    p->value != q->value)
		return false;
	if (p->kind == WDX_PLACE_MEM)
		return !memcmp(a->offsets.data + p->first, b->offsets.data + q->first,
			       p->n * sizeof(int64_t));
	return p->kind != WDX_PLACE_EXPR ||
	       !memcmp(a->blob.data + p->first, b->blob.data + q->first, p->n);
}

static bool same_expr(const struct wdx_map *a, uint32_t i, uint32_t n, const struct wdx_map *b,
		      uint32_t j, uint32_t m)
{
	return n == m && (!n || !memcmp(a->blob.data + i, b->blob.data + j, n));
}

static bool same_rows(const struct wdx_map *a, const struct wdx_map *b)
{
	const struct wdx_map_row *r, *s;
	const struct wdx_rule *p, *q;
	size_t i;

	if (a->rows.len != b->rows.len || a->rules.len != b->rules.len)
		return false;
	for (i = 0; i < a->rows.len; i++) {
		r = &a->rows.data[i];
		s = &b->rows.data[i];
		if (r->native != s->native || r->n != s->n || r->first != s->first ||
		    !same_expr(a, r->cfa_first, r->cfa_n, b, s->cfa_first, s->cfa_n) ||
		    (!r->cfa_n && (r->cfa_reg != s->cfa_reg || r->cfa_off != s->cfa_off)))
			return false;
	}
	for (i = 0; i < a->rules.len; i++) {
		p = &a->rules.data[i];
		q = &b->rules.data[i];
		if (p->reg != q->reg || p->kind != q->kind || p->value != q->value ||
		    !same_expr(a, p->first, p->n, b, q->first, q->n))
			return false;
	}
	return true;
}

static bool same_entities(const struct wdx_map *a, const struct wdx_map *b)
{
	const struct wdx_map_entity *e, *f;
	uint32_t j;
	size_t i;

	if (a->entities.len != b->entities.len)
		return false;
	for (i = 0; i < a->entities.len; i++) {
		e = &a->entities.data[i];
		f = &b->entities.data[i];
		if (e->kind != f->kind || e->index != f->index || e->n != f->n)
			return false;
		for (j = 0; j < e->n; j++)
			if (a->ranges.data[e->first + j].lo != b->ranges.data[f->first + j].lo ||
			    a->ranges.data[e->first + j].hi != b->ranges.data[f->first + j].hi ||
			    !same_place(a, a->ranges.data[e->first + j].place, b,
					b->ranges.data[f->first + j].place))
				return false;
	}
	return true;
}

static bool same_head(const struct wdx_map *a, const struct wdx_map *b)
{
	return !strcmp(a->triple, b->triple) && !strcmp(a->producer, b->producer) &&
	       !a->hint == !b->hint && a->code_size == b->code_size &&
	       a->code_base == b->code_base && !a->code == !b->code &&
	       (!a->code || !memcmp(a->code, b->code, a->code_size)) &&
	       a->has_locals == b->has_locals && a->instrumented == b->instrumented &&
	       a->faults == b->faults && a->module.size == b->module.size &&
	       !memcmp(a->module.sha256, b->module.sha256, 32);
}

static bool same_statics(const struct wdx_map *a, const struct wdx_map *b)
{
	size_t i;

	if (a->memories.len != b->memories.len || a->globals.len != b->globals.len)
		return false;
	for (i = 0; i < a->memories.len; i++)
		if (a->memories.data[i].index != b->memories.data[i].index ||
		    a->memories.data[i].is64 != b->memories.data[i].is64 ||
		    !same_place(a, a->memories.data[i].place, b, b->memories.data[i].place))
			return false;
	for (i = 0; i < a->globals.len; i++)
		if (a->globals.data[i].index != b->globals.data[i].index ||
		    !same_place(a, a->globals.data[i].place, b, b->globals.data[i].place))
			return false;
	return SAME_VEC(a, b, preserved);
}

static bool same_funcs(const struct wdx_map *a, const struct wdx_map *b)
{
	const struct wdx_map_func *f, *g;
	size_t i;

	if (a->funcs.len != b->funcs.len)
		return false;
	for (i = 0; i < a->funcs.len; i++) {
		f = &a->funcs.data[i];
		g = &b->funcs.data[i];
		if (f->index != g->index || strcmp(f->symbol, g->symbol) != 0 ||
		    f->first_part != g->first_part || f->nparts != g->nparts ||
		    f->first_entity != g->first_entity || f->nentities != g->nentities ||
		    f->first_call != g->first_call || f->ncalls != g->ncalls)
			return false;
	}
	return true;
}

static void test_same(const struct wdx_map *a, const struct wdx_map *b)
{
	ok(same_head(a, b), "round trip: head");
	ok(same_statics(a, b), "round trip: memories, globals, preserved registers");
	ok(same_funcs(a, b), "round trip: functions");
	ok(SAME_VEC(a, b, parts), "round trip: parts");
	ok(SAME_VEC(a, b, pairs), "round trip: pairs");
	ok(SAME_VEC(a, b, calls), "round trip: calls");
	ok(same_rows(a, b), "round trip: unwind rows");
	ok(same_entities(a, b), "round trip: entities");
}

static const struct wdx_place *place_of(const struct wdx_map *m, unsigned range)
{
	return &m->places.data[m->ranges.data[range].place];
}

static void test_contents(const struct wdx_map *m)
{
	const struct wdx_place *p;

	ok(m->funcs.len == 3 && m->parts.len == 4 && m->pairs.len == 8, "functions, parts, pairs");
	ok(m->funcs.data[1].index == WDX_NO_INDEX, "a trampoline has no index");
	ok(m->pairs.data[2].wasm == UINT32_MAX, "a native instruction without wasm offset");
	ok(m->has_locals && m->faults == 3, "has_locals follows from there being locals");
	ok(m->code_base == 0x7fff00001000 && m->code && m->code[1] == 42, "base and bytes");
	ok(!strcmp(m->producer, "unit \"test\""), "an escaped string");
	ok(m->entities.len == 7 && m->entities.data[0].kind == WDX_ENT_LOCAL &&
		   m->entities.data[6].kind == WDX_ENT_MEMORY,
	   "entities are sorted by kind, whatever the order of keys");
	ok(m->preserved.len == 3 && m->preserved.data[0] == 3 && m->preserved.data[1] == 6,
	   "preserved registers by DWARF number, sorted");
	p = place_of(m, 1);
	ok(p->kind == WDX_PLACE_REG && p->reg == 5, "a register by name");
	ok(m->ranges.data[1].place == m->ranges.data[6].place, "and the same one by number");
	p = place_of(m, 3);
	ok(p->kind == WDX_PLACE_MEM && p->base == WDX_BASE_REG && p->n == 3 &&
		   m->offsets.data[p->first] == -8 && m->offsets.data[p->first + 2] == 4,
	   "a chain of dereferences");
	ok(m->ranges.data[4].place == m->ranges.data[7].place, "equal constants are one place");
	ok(m->rules.len == 8 && m->rules.data[1].reg == 3 && m->rules.data[7].reg == 16,
	   "rules are sorted by register");
}

static void test_good(const char *text)
{
	struct wdx_map a, b;
	struct wdx_target *t, *u;
	struct wdx_buf first = {0}, second = {0};
	struct wdx_error *err;
	uint8_t *bytes;

	err = read_n(&a, &t, "map.json", text, strlen(text), &bytes);
	if (!ok(!err, "a good map %s", wdx_error_message(err))) {
		wdx_error_destroy(err);
		free(bytes);
		return;
	}
	test_contents(&a);
	err = wdx_map_check(&a, &wasm);
	ok(!err, "wdx_map_check() agrees");
	wdx_map_emit(&a, t, &wasm, &first);
	err = wdx_map_read(&b, &u, "again.json", first.data, first.len, &wasm);
	if (ok(!err, "what was written is read %s", wdx_error_message(err))) {
		test_same(&a, &b);
		wdx_map_emit(&b, u, &wasm, &second);
		ok(first.len == second.len && !memcmp(first.data, second.data, first.len),
		   "and writes the same again");
	}
	wdx_error_destroy(err);
	wdx_buf_deinit(&first);
	wdx_buf_deinit(&second);
	wdx_map_deinit(&b);
	wdx_target_destroy(u);
	done_with(&a, t, bytes);
}

struct edit {
	const char *from, *to, *want; /* want NULL: good */
};

/* --- Maps that are a little different ----------------------------------------------------------
 */

#define PAIRS "[0, 2], [4, 5], [8, null], [9, 9]"

static const struct edit edits[] = {
	/* good ones */
	{"'faults': 3", "'faults': '0x3'", NULL},
	{"'faults': 3", "'instrumented': true", NULL},
	{"'faults': 3", "'instrumented': 1", "map.json:3:55: $.instrumented: expected a boolean"},
	{"'rdi'", "'RDI'", NULL},
	{"{'lo': 48, 'hi': 60, 'pairs': [[48, 14]]}", "{'pairs': [[48, 14]], 'hi': 60, 'lo': 48}",
	 NULL},
	{"'calls': [8, 24]", "'calls': []", NULL},
	{"'x-note'", "'x-'", NULL},
	{"'offsets'", "'x-n': null, 'offsets'", NULL},

	/* format, version, target */
	{"'wasm-jit-map'", "'wasm-map'",
	 "map.json:1:12: $.format: must be \"wasm-jit-map\" and not "
	 "wasm-map"},
	{"'format': 'wasm-jit-map', ", "", "$: missing key \"format\""},
	{"'triple': 'x86_64-unknown-linux-gnu',", "", "$: missing key \"triple\""},
	{"'version': 1,", "", "missing key \"version\""},
	{"'version': 1,", "'version': 7, 'frobnicate': 1,",
	 "map.json:1:39: $.version: the map has version 7 of the format, and the newest known here "
	 "is 1"},
	{"'version': 1,", "'version': 0,", "$.version: must be a positive integer"},
	{"'version': 1,", "'version': '1',", "$.version: must be a positive integer"},
	{"x86_64-unknown-linux-gnu", "z80-unknown-cpm", "map.json:2:12: $.triple: "},
	{"'x86_64-unknown-linux-gnu'", "5", "$.triple: expected a string"},

	/* JSON */
	{"'faults': 3", "'faults': 3 3", "map.json:3:"},
	{"'faults': 3", "'faults': nul", "map.json:3:"},
	{" 'offsets': 'code-section',", " 'offsets': 'code\n-section',", "map.json:5:"},
	{"]}]}\n", "]}]", "the text ends in the middle of a value"},
	{"]}]}\n", "]}]}}", "map.json:33:80: parse error: trailing garbage"},
	{"'faults': 3", "'faults': 3.5", "map.json:3:49: $.faults: 3.5 must be an integer"},
	{"'faults': 3", "'faults': 1e3", "$.faults: 1e3 must be an integer"},
	{"'faults': 3", "'faults': 18446744073709551616",
	 "$.faults: 18446744073709551616 does not "
	 "fit in 64 bits"},
	{"'faults': 3", "'faults': '0x'", "$.faults: 0x has no digits"},
	{"'faults': 3", "'faults': '0xfg'", "$.faults: 0xfg is not a hexadecimal number"},
	{"'faults': 3", "'faults': '0x10000000000000000'", "does not fit in 64 bits"},
	{"'faults': 3", "'faults': -3", "$.faults: must not be negative"},
	{"'faults': 3", "'faults': '3'", "$.faults: expected an integer, found a string"},
	{"'faults': 3", "'faults': []", "$.faults: expected an integer, found an array"},

	/* keys */
	{"'preserved'", "'perserved'", "map.json:7:2: $: unknown key \"perserved\""},
	{"'reg': 'rdi'", "'register': 'rdi'",
	 "$.functions[0].locals[0].ranges[0][2]: unknown key \"register\""},
	{"'faults': 3", "'faults': 3, 'faults': 3", "$: duplicate key \"faults\""},
	{"'faults': 3", "'faults': 3, 'triple': 'x'", "$: duplicate key \"triple\""},
	{"{'index': 1, 'symbol'", "{'symbol'",
	 "map.json:12:3: $.functions[0]: missing key \"index\""},
	{"'symbol': 'add',", "", "$.functions[0]: missing key \"symbol\""},
	{"'symbol': 'add'", "'symbol': ''", "$.functions[0]: a function without a symbol"},
	{"'symbol': 'add'", "'symbol': 'a\\u0000b'",
	 "$.functions[0].symbol: holds a NUL character"},
	{"'offsets': 'code-section',", "", "$: missing key \"offsets\""},

	/* module */
	{"'size': @SIZE", "'size': 7",
	 "$.module: the map is of another module: of 7 bytes with SHA-256"},
	{"'@SHA'", "'0000000000000000000000000000000000000000000000000000000000000000'",
	 "map.json:4:12: $.module: the map is of another module: of 69 bytes with SHA-256 "
	 "0000000000"},
	{"'@SHA'", "'00'", "$.module.sha256: must be 64 hexadecimal digits"},
	{"'code-section'", "'component'",
	 "$.offsets: offsets in a component are not supported yet"},
	{"'code-section'", "'module'", "$.offsets: must be \"file\" or \"code-section\""},
	{"'code-section'", "'file'", "wasm offset 0x2 lies outside the code section, which is [0x"},

	/* code */
	{"'size': 64", "'size': 65", "$.code: \"size\" is 65, but there are 64 bytes"},
	{"'size': 64, ", "", "$.code: missing key \"size\""},
	{"'size': 64, 'base': '0x7fff00001000', 'bytes': '@CODE'", "'size': 4294967296",
	 "map.json:6:19: $.code.size: code of 0x100000000 bytes"},
	{"'size': 64, 'base': '0x7fff00001000', 'bytes': '@CODE'", "'size': 0", "there is no code"},
	{"'@CODE'", "'abc'", "$.code.bytes: bad base64"},
	{"'@CODE'", "'ab=='", "$.code.bytes: bad base64"},
	{"'@CODE'", "'a-_b'", "$.code.bytes: bad base64"},
	{"'@CODE'", "'@CODE', 'file': 'x'", "$.code: \"bytes\" and \"file\" exclude each other"},
	{"'bytes': '@CODE'", "'file': '../x'", "$.code.file: must name a file in the folder"},
	{"'bytes': '@CODE'", "'file': '/etc/hosts'", "$.code.file: must name a file in the folder"},
	{"'bytes': '@CODE'", "'file': 'no-such-file'",
	 "$.code: no-such-file: cannot open: No such"},
	{"'bytes': '@CODE'", "'file': '.'", "$.code: \"file\" is not a regular file"},

	/* registers */
	{"'rdi'", "'raxx'",
	 "map.json:24:44: $.functions[0].locals[0].ranges[0][2].reg: unknown "
	 "register \"raxx\""},
	{"{'reg': 5}", "{'reg': 5000}", "unknown register 5000"},
	{"{'reg': 5}", "{'reg': -5}", "unknown register -5"},
	{"{'reg': 5}", "{'reg': null}", "expected a register, found null"},
	{"'base': 'rbp'", "'base': ''", "unknown register \"\""},
	{"['rbx', 'rbp', 12]", "['rbx', 'rbq']", "map.json:7:23: $.preserved[1]: unknown register"},
	{"['rbx', 'rbp', 12]", "['rbx', 3]", "$.preserved: DWARF register 3 is given twice"},
	{"'r13': {", "'r99': {", "$.functions[0].parts[0].unwind[1].rules.r99: unknown register"},
	{"'12': 'und", "'rbx': 'und", "unwind[1].rules: DWARF register 3 has two rules"},

	/* functions and parts */
	{"'index': 1, 'symbol'", "'index': 0, 'symbol'",
	 "map.json:12:13: $.functions[0].index: function 0 is imported"},
	{"'index': 1, 'symbol'", "'index': 3, 'symbol'",
	 "function 3 does not exist: the module has 3"},
	{"'index': 2, 'symbol'", "'index': 1, 'symbol'",
	 "$.functions[2].index: function 1 is given "
	 "twice"},
	{"'index': 1, 'symbol'", "'index': 4294967295, 'symbol'", "0xffffffff is too large"},
	{"[{'lo': 24, 'hi': 32}]", "[]",
	 "map.json:31:52: $.functions[1].parts: a function needs at "
	 "least one part"},
	{"{'lo': 24, 'hi': 32}", "{'lo': 24, 'hi': 24}", "$.functions[1].parts[0]: empty part"},
	{"{'lo': 24, 'hi': 32}", "{'lo': 24, 'hi': 33}",
	 "$.functions[2].parts[0]: [0x20, 0x30) overlaps [0x18, 0x21) of function \"trampoline\""},
	{"'hi': 60", "'hi': 65",
	 "$.functions[0].parts[1]: [0x30, 0x41) lies outside the code, which "
	 "has 0x40 bytes"},
	{"{'lo': 48, 'hi': 60", "{'lo': 20, 'hi': 24",
	 "parts[1]: [0x14, 0x18) overlaps [0x0, 0x18) of "
	 "function \"add\""},
	{"[{'lo': 24, 'hi': 32}]", "[{'lo': 62, 'hi': 64}]",
	 "$.functions[2]: functions must be sorted by where their first part begins: 0x20 comes "
	 "after 0x3e"},
	{"'lo': 24", "'lo': 4294967296", "0x100000000 is too large"},

	/* pairs and calls */
	{PAIRS, "[0, 2], [4, 5], [4, 7]",
	 "map.json:15:32: $.functions[0].parts[0].pairs[2]: pairs must be sorted by native offset: "
	 "0x4 comes after 0x4"},
	{PAIRS, "[24, 2]", "pairs[0]: native offset 0x18 lies outside its part [0x0, 0x18)"},
	{PAIRS, "[0, 6]",
	 "pairs[0]: wasm offset 0x6 (0x37 in the file) is not the start of an "
	 "instruction"},
	{PAIRS, "[0, 21]",
	 "pairs[0]: wasm offset 0x15 lies outside the code section, which has 0x14"},
	{PAIRS, "[0, 4294967295]", "pairs[0][1]: 0xffffffff is too large"},
	{PAIRS, "[0]", "pairs[0]: 2 elements expected, found 1"},
	{PAIRS, "[0, 2, 3]", "pairs[0]: more than the 2 elements expected"},
	{PAIRS, "[0, '2']", "pairs[0][1]: expected null or an integer, found a string"},
	{"[8, 24]", "[24, 8]", "$.functions[0].calls[1]: return addresses must be sorted"},
	{"[8, 24]", "[0]", "$.functions[0].calls[0]: return address 0x0 lies outside"},
	{"[8, 24]", "[25]", "calls[0]: return address 0x19 lies outside the function's parts"},
	{"[8, 24]", "[8, 24, 40]",
	 "calls[2]: return address 0x28 lies outside the function's parts"},

	/* unwinding */
	{"{'at': 0,", "{'at': 1,",
	 "unwind[0]: the first row must be where the part begins, at 0x0"},
	{"{'at': 4,", "{'at': 0,", "unwind[1]: rows must be sorted: 0x0 comes after 0x0"},
	{"{'at': 4,", "{'at': 24,", "unwind[1]: row 0x18 lies outside its part"},
	{"'rip': -8}", "'rip': 'lost'}",
	 "rules.rip: a rule is an integer, \"undefined\", \"same\""},
	{"'rip': -8}", "'rip': 2147483648}", "rules.rip: does not fit in 32 bits"},
	{"{'value': 16}", "{}", "rules.r13: a rule needs exactly one of"},
	{"{'value': 16}", "{'value': 1, 'reg': 1}", "rules.r13: a rule needs exactly one of"},
	{"'offset': 8}", "'expr': '77'}", "unwind[0].cfa: a CFA needs either"},
	{"{'reg': 'rsp', 'offset': 8}", "{'reg': 'rsp'}", "unwind[0].cfa: a CFA needs either"},
	{"{'expr': '7708'}", "{'expr': '770'}", "cfa.expr: must be bytes in hexadecimal"},
	{"{'expr': '7708'}", "{'expr': ''}", "cfa.expr: must be bytes in hexadecimal"},

	/* entities */
	{"[8, 24, {'cfa': -24}]", "[7, 24, {'cfa': -24}]",
	 "map.json:24:53: $.functions[0].locals[0].ranges[1]: ranges must be sorted and disjoint: "
	 "[0x7, 0x18) comes after [0x0, 0x8)"},
	{"[8, 24, {'cfa': -24}]", "[8, 8, {'cfa': -24}]", "ranges[1]: empty range"},
	{"[8, 24, {'cfa': -24}]", "[8, 25, {'cfa': -24}]", "ranges[1]: [0x8, 0x19) lies outside"},
	{"[8, 24, {'cfa': -24}]", "[8, 60, {'cfa': -24}]", "ranges[1]: [0x8, 0x3c) lies outside"},
	{"[8, 24, {'cfa': -24}]", "[8, 24]", "ranges[1]: 3 elements expected, found 2"},
	{"{'index': 2, 'ranges'", "{'index': 3, 'ranges'",
	 "$.functions[0].locals[2].index: local 3 does not exist: the function has 3"},
	{"{'index': 2, 'ranges'", "{'index': 1, 'ranges'",
	 "locals must be sorted by index, each once: 1 comes after 1"},
	{"'globals': [{'index': 0, 'r", "'globals': [{'index': 1, 'r",
	 "$.functions[0].globals[0].index: global 1 does not exist: the module has 1"},
	{"'memories': [{'index': 0, 'r", "'memories': [{'index': 1, 'r",
	 "$.functions[0].memories[0].index: memory 1 does not exist"},
	{"'symbol': 'trampoline',",
	 "'symbol': 'trampoline', 'locals': [{'index': 0, 'ranges': []}],",
	 "$.functions[1].locals[0].index: a function without a wasm index has no locals"},
	{"{'reg': 'r14'}", "{'context': 8}",
	 "$.functions[0].context[0]: the context pointer cannot be found from itself"},

	/* places */
	{"{'cfa': -24}", "{}", "ranges[1][2]: a place needs exactly one of"},
	{"{'cfa': -24}", "{'cfa': 1, 'reg': 1}", "a place needs exactly one of"},
	{"{'cfa': -24}", "{'cfa': []}", "ranges[1][2].cfa: a chain of offsets must not be empty"},
	{"{'cfa': -24}", "{'cfa': -24, 'offset': 1}", "\"base\" and \"offset\" belong together"},
	{"{'cfa': -24}", "{'base': 6}", "\"base\" and \"offset\" belong together"},
	{"{'cfa': -24}", "{'cfa': -9223372036854775809}", "does not fit in 64 bits"},
	{"{'cfa': -24}", "'rax'", "ranges[1][2]: expected an object, found a string"},
	{"{'expr': '9f'}", "{'expr': '9g'}", "must be bytes in hexadecimal"},

	/* what the module has */
	{"{'context': [80, 0]}", "{'reg': 'r14'}",
	 "$.memories[0].place: the base of a memory must be"},
	{"{'context': [80, 0]}", "{'context': [80, 0]}, 'is64': true",
	 "$.memories[0]: memory 0 has 32-bit addresses in the module"},
	{"[{'index': 0, 'place': {'context': [80", "[{'index': 1, 'place': {'context': [80",
	 "$.memories[0]: memory 1 does not exist: the module has 1"},
	{"{'context': 96}", "{'cfa': 96}", "$.globals[0].place: the cell of a global must be"},
	{"{'context': 96}}", "{'context': 96}}, {'index': 0, 'place': {'context': 96}}",
	 "$.globals[1]: globals must be sorted by index, each once"},
};

static void test_edit(const struct edit *e)
{
	char *text = replace(good_text, e->from, e->to);
	struct wdx_map map;
	struct wdx_target *t;
	struct wdx_error *err;
	uint8_t *bytes;
	char quote[48];
	bool good;

	if (!ok(text, "the text has %s", wdx_text_quote(e->from, strlen(e->from), quote)))
		return;
	text = expand(text);
	err = read_n(&map, &t, "map.json", text, strlen(text), &bytes);
	good = e->want ? err && strstr(wdx_error_message(err), e->want) : !err;
	ok(good, "%s: %s", wdx_text_quote(e->to, strlen(e->to), quote), e->want ? e->want : "good");
	if (!good)
		printf("# got: %s\n", wdx_error_message(err));
	wdx_error_destroy(err);
	done_with(&map, t, bytes);
	free(text);
}

static void test_other_kinds(void)
{
	static const struct {
		const char *text;
		size_t n;
		const char *want;
	} cases[] = {
		{"", 0, "m: empty file"},
		{"  \n", 3, "m: neither a JSON map"},
		{"[1]", 3, "m: neither a JSON map"},
		{"\0asm\1\0\0\0", 8, "m: a wasm module where the map should be"},
		{"\x7f", 1, "m: neither a JSON map"},
		{" {", 2, "m:1:3: the text ends in the middle of a value"},
		{"{}", 2, "m:1:1: $: missing key \"format\""},
		{"{\"format\": [\"triple\"]}", 22, "m:1:12: $.format: must be \"wasm-jit-map\""},
	};
	struct wdx_target *t;
	struct wdx_error *err;
	struct wdx_map map;
	uint8_t *bytes;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err = read_n(&map, &t, "m", cases[i].text, cases[i].n, &bytes);
		ok(err && !t &&
			   !strncmp(wdx_error_message(err), cases[i].want, strlen(cases[i].want)),
		   "%s", cases[i].want);
		wdx_error_destroy(err);
		done_with(&map, t, bytes);
	}
}

/* --- Damage ------------------------------------------------------------------------------------
 */

static bool survives(const char *text, size_t n, bool *good)
{
	struct wdx_target *t;
	struct wdx_map map;
	uint8_t *bytes;
	struct wdx_error *err = read_n(&map, &t, "map.json", text, n, &bytes);

	*good = !err;
	wdx_error_destroy(err);
	done_with(&map, t, bytes);
	return true;
}

static void test_truncation(const char *text)
{
	size_t n, whole = 0, len = strlen(text);
	bool good;

	for (n = 0; n < len; n++) {
		survives(text, n, &good);
		whole += good;
	}
	ok(whole == 1, "cut anywhere before its last newline it is an error (%zu)", whole);
}

static void test_noise(const char *text)
{
	static const char likely[] = "0123456789[]{},:\"-";
	size_t i, len = strlen(text);
	uint32_t seed = 12345;
	char *copy = strdup(text);
	bool good, fine = true;

	for (i = 0; i < 2000; i++) {
		seed = seed * 1664525 + 1013904223;
		copy[(seed >> 8) % len] = i % 3 ? likely[seed >> 24 & 15] : (char)seed;
		fine &= survives(copy, len, &good);
		if (i % 2)
			memcpy(copy, text, len);
	}
	ok(fine, "2000 damaged maps");
	free(copy);
}

static void test_deep(void)
{
	size_t n = 1 << 20;
	char *text = malloc(n);
	bool good;

	memset(text, '[', n);
	memcpy(text, "{\"x-\":", 6);
	ok(survives(text, n, &good) && !good, "a million open brackets");
	free(text);
}

/* --- Code in a file ----------------------------------------------------------------------------
 */

static void read_with_file(const char *folder, const char *text, size_t size, const char *want)
{
	char path[256];
	struct wdx_map map;
	struct wdx_target *t;
	struct wdx_error *err;
	uint8_t *bytes;
	FILE *f;

	snprintf(path, sizeof(path), "%s/code.bin", folder);
	f = fopen(path, "w");
	while (f && size--)
		fputc('c', f);
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "%s/map.json", folder);
	err = read_n(&map, &t, path, text, strlen(text), &bytes);
	if (want)
		ok(err && strstr(wdx_error_message(err), want), "%s", want);
	else
		ok(!err && map.code && map.code[63] == 'c', "code from a file beside the map");
	wdx_error_destroy(err);
	done_with(&map, t, bytes);
}

static void test_file(void)
{
	char folder[] = "/tmp/wdx-map-XXXXXX", path[64];
	char *text = expand(replace(good_text, "'bytes': '@CODE'", "'file': 'code.bin'"));

	if (!ok(mkdtemp(folder) != NULL, "a folder"))
		return;
	read_with_file(folder, text, 64, NULL);
	read_with_file(folder, text, 63, "\"size\" is 64, but there are 63 bytes");
	snprintf(path, sizeof(path), "%s/code.bin", folder);
	unlink(path);
	rmdir(folder);
	free(text);
}

/* The same map with file offsets: every pair's wasm offset moved up by where the section is. */
static void test_file_offsets(void)
{
	char *text = replace(good_text, "'code-section'", "'file'"), to[128];
	uint32_t c = wasm.code.v;
	struct wdx_map map;
	struct wdx_target *t;
	struct wdx_error *err;
	uint8_t *bytes;

	snprintf(to, sizeof(to), "[0, %u], [4, %u], [8, null], [9, %u]", c + 2, c + 5, c + 9);
	substitute(&text, PAIRS, to);
	snprintf(to, sizeof(to), "[[48, %u]]", c + 14);
	substitute(&text, "[[48, 14]]", to);
	snprintf(to, sizeof(to), "[[32, %u], [36, %u], [44, %u]]", c + 16, c + 17, c + 20);
	substitute(&text, "[[32, 16], [36, 17], [44, 20]]", to);
	text = expand(text);
	err = read_n(&map, &t, "map.json", text, strlen(text), &bytes);
	ok(!err && map.pairs.data[1].wasm == 5 && map.pairs.data[2].wasm == UINT32_MAX &&
		   map.pairs.data[7].wasm == 20,
	   "offsets in the file %s", wdx_error_message(err));
	wdx_error_destroy(err);
	done_with(&map, t, bytes);
	free(text);
}

static void test_order(const char *text)
{
	char *moved = replace(text, "\"triple\": \"x86_64-unknown-linux-gnu\",", "");
	char *last = replace(moved, "]}]}\n", "]}], \"triple\": \"x86_64-unknown-linux-gnu\"}");
	bool good;

	survives(last, strlen(last), &good);
	ok(good, "the triple may come last");
	free(moved);
	free(last);
}

/* --- As a tool ---------------------------------------------------------------------------------
 */

static uint8_t *slurp(const char *path, size_t *size)
{
	struct wdx_buf b = {0};
	uint8_t chunk[4096];
	FILE *f = fopen(path, "rb");
	size_t n;

	while (f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		wdx_buf_bytes(&b, chunk, n);
	if (f)
		fclose(f);
	*size = b.len;
	return b.data;
}

/* map MODULE MAP: writes the map, of whatever kind, as JSON; for tests/cases/map-schema.sh. */
static int convert(const char *wasm_path, const char *map_path)
{
	struct wdx_target *t = NULL;
	struct wdx_map map = {0};
	struct wdx_buf out = {0};
	struct wdx_error *err;
	size_t wasm_size, map_size;
	int result = 0;
	uint8_t *wasm_data = slurp(wasm_path, &wasm_size), *data = slurp(map_path, &map_size);

	err = wdx_wasm_init(&wasm, wasm_data, wasm_size);
	if (!err)
		err = wdx_map_read(&map, &t, map_path, data, map_size, &wasm);
	if (!err) {
		wdx_map_emit(&map, t, &wasm, &out);
		fwrite(out.data, 1, out.len, stdout);
	} else {
		fprintf(stderr, "%s\n", wdx_error_message(err));
		result = 1;
	}
	wdx_buf_deinit(&out);
	done_with(&map, t, data);
	wdx_wasm_deinit(&wasm);
	free(wasm_data);
	wdx_error_destroy(err);
	return result;
}

int main(int argc, char **argv)
{
	struct wdx_error *err;
	char *text;
	size_t i;

	if (argc == 3)
		return convert(argv[1], argv[2]);
	err = wdx_wasm_init(&wasm, module, sizeof(module));
	if (!ok(!err, "the module %s", wdx_error_message(err)))
		return done();
	text = expand(strdup(good_text));
	test_good(text);
	test_order(text);
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++)
		test_edit(&edits[i]);
	test_other_kinds();
	test_file();
	test_file_offsets();
	test_truncation(text);
	test_noise(text);
	test_deep();
	free(text);
	wdx_wasm_deinit(&wasm);
	return done();
}
