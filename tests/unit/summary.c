/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What callers may rely on, of functions made up here. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "flow/summary.h"
#include "flow/values.h"
#include "tap.h"

struct body {
	size_t size;
	uint8_t code[40];
};

static void section(struct wdx_buf *b, uint8_t id, const struct wdx_buf *content)
{
	wdx_buf_u8(b, id);
	wdx_buf_uleb(b, content->len);
	wdx_buf_bytes(b, content->data, content->len);
}

/* Functions of type (param i32) (result i32) with one more i32 local, and a mutable i32 global. */
static void module(struct wdx_buf *b, const struct body *f, size_t n, bool exported)
{
	static const uint8_t head[] = {0, 'a', 's', 'm',  1, 0,	   0, 0,
				       1, 6,   1,   0x60, 1, 0x7f, 1, 0x7f};
	static const uint8_t globals[] = {6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b};
	static const uint8_t exports[] = {7, 5, 1, 1, 'g', 3, 0};
	struct wdx_buf funcs = {0}, code = {0};

	wdx_buf_bytes(b, head, sizeof(head));
	wdx_buf_uleb(&funcs, n);
	wdx_buf_uleb(&code, n);
	for (size_t i = 0; i < n; i++) {
		wdx_buf_u8(&funcs, 0);
		wdx_buf_uleb(&code, f[i].size + 3);
		wdx_buf_bytes(&code, (const uint8_t[]){1, 1, 0x7f}, 3);
		wdx_buf_bytes(&code, f[i].code, f[i].size);
	}
	section(b, 3, &funcs);
	wdx_buf_bytes(b, globals, sizeof(globals));
	if (exported)
		wdx_buf_bytes(b, exports, sizeof(exports));
	section(b, 10, &code);
	wdx_buf_deinit(&funcs);
	wdx_buf_deinit(&code);
}

/* The global's cell is at that offset from the context. */
enum { CELL = 320 };

static void check(const char *what, bool exported, bool kept, const char *returns,
		  const struct body *f, size_t n)
{
	const int64_t off = CELL;
	struct wdx_map map = {0};
	struct wdx_buf b = {0};
	struct wdx_summary s;
	struct wdx_wasm m;
	struct wdx_map_global *cell = wdx_vec_push(&map.globals);

	module(&b, f, n, exported);
	*cell = (struct wdx_map_global){0, wdx_map_place_mem(&map, WDX_BASE_CONTEXT, 0, &off, 1)};
	struct wdx_error *err = wdx_wasm_init(&m, b.data, b.len);

	if (!ok(!err, "%s: a module", what)) {
		printf("# %s\n", wdx_error_message(err));
		exit(1);
	}
	err = wdx_summary_init(&s, &m, &map);
	ok(!err && s.nglobals == kept, "%s: the global is %sfollowed", what, kept ? "" : "not ");
	if (s.nglobals)
		ok(!s.globals[0].index && s.globals[0].off == CELL && s.globals[0].type == WDX_I32,
		   "%s: its cell", what);
	for (size_t i = 0; i < n; i++)
		ok(s.returns[i] == returns[i] - '0', "%s: what %zu returns", what, i);
	wdx_summary_deinit(&s);
	wdx_wasm_deinit(&m);
	wdx_map_deinit(&map);
	wdx_buf_deinit(&b);
}

#define BODY(...)                                                                                  \
	{                                                                                          \
		sizeof((const uint8_t[]){__VA_ARGS__}),                                            \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define GET(i) 0x20, i
#define SET(i) 0x21, i
#define TEE(i) 0x22, i
#define GGET 0x23, 0
#define GSET 0x24, 0
#define CONST(v) 0x41, v
#define CALL(f) 0x10, f
#define ADD 0x6a
#define SUB 0x6b
#define RETURN 0x0f
#define END 0x0b
#define PROLOGUE GGET, CONST(16), SUB, TEE(1), GSET
#define EPILOGUE GET(1), CONST(16), ADD, GSET
#define CHECK(what, exported, kept, returns, ...)                                                  \
	do {                                                                                       \
		static const struct body f[] = {__VA_ARGS__};                                      \
                                                                                                   \
		check(what, exported, kept, returns, f, sizeof(f) / sizeof(*f));                   \
	} while (0)

/* What a local holds as a sum of what the global held on entry. */
static void test_values(void)
{
	static const struct body f[] = {
		BODY(PROLOGUE, GET(0), CALL(0), SET(0), GGET, SET(0), EPILOGUE, CONST(0), END)};
	const int64_t off = CELL;
	struct wdx_map map = {0};
	struct wdx_buf b = {0};
	struct wdx_summary s;
	struct wdx_values v = {0};
	struct wdx_wasm m;
	struct wdx_map_global *cell = wdx_vec_push(&map.globals);
	bool known;

	module(&b, f, 1, false);
	*cell = (struct wdx_map_global){0, wdx_map_place_mem(&map, WDX_BASE_CONTEXT, 0, &off, 1)};
	struct wdx_error *err = wdx_wasm_init(&m, b.data, b.len);

	err = err ? err : wdx_summary_init(&s, &m, &map);
	err = err ? err : wdx_values_of(&v, &m, &m.funcs.data[0], &s, &known);
	if (!ok(!err && known, "values with a global"))
		exit(1);
	uint32_t code = m.funcs.data[0].code.v, end = m.funcs.data[0].end.v - 1;
	uint32_t entry = wdx_value_at(&v, v.nlocals, code), frame = wdx_value_at(&v, 1, end);

	ok(v.values.data[entry].kind == WDX_VALUE_GLOBAL, "on entry");
	ok(v.values.data[frame].kind == WDX_VALUE_INSN && v.values.data[frame].arg == entry &&
		   (uint32_t)v.values.data[frame].bits == (uint32_t)-16,
	   "a sum of it");
	ok(wdx_value_at(&v, 0, end) == frame, "it keeps its value over a call");
	ok(!v.unkept, "and is what it was in the end");
	wdx_values_deinit(&v);
	wdx_summary_deinit(&s);
	wdx_wasm_deinit(&m);
	wdx_map_deinit(&map);
	wdx_buf_deinit(&b);
}

int main(void)
{
	CHECK("a frame", false, true, "0", BODY(PROLOGUE, EPILOGUE, CONST(0), END));
	CHECK("exported", true, false, "0", BODY(PROLOGUE, EPILOGUE, CONST(0), END));
	CHECK("not put back", false, false, "00", BODY(PROLOGUE, EPILOGUE, CONST(0), END),
	      BODY(PROLOGUE, CONST(0), END));
	CHECK("put back on one way only", false, false, "0",
	      BODY(PROLOGUE, GET(0), 0x04, 0x40, CONST(0), RETURN, END, EPILOGUE, CONST(0), END));
	CHECK("put back on both", false, true, "0",
	      BODY(PROLOGUE, GET(0), 0x04, 0x40, EPILOGUE, CONST(0), RETURN, END, EPILOGUE,
		   CONST(0), END));
	CHECK("a branch out of the function", false, false, "0",
	      BODY(PROLOGUE, CONST(7), GET(0), 0x0d, 0, EPILOGUE, END));
	CHECK("moved in a loop", false, true, "0",
	      BODY(PROLOGUE, 0x03, 0x40, GGET, CONST(4), SUB, GSET, GET(0), 0x0d, 0, END, EPILOGUE,
		   CONST(0), END));
	CHECK("a parameter returned", false, true, "1", BODY(GET(0), CALL(0), 0x1a, GET(0), END));
	CHECK("another value of it", false, true, "0", BODY(CONST(5), SET(0), GET(0), END));
	CHECK("now and then", false, true, "0",
	      BODY(GET(0), 0x04, 0x40, CONST(3), RETURN, END, GET(0), END));
	CHECK("put back by way of what a callee returns", false, true, "10", BODY(GET(0), END),
	      BODY(PROLOGUE, GET(1), CALL(0), CONST(16), ADD, GSET, CONST(0), END));
	CHECK("exceptions", false, false, "0",
	      BODY(PROLOGUE, 0x1f, 0x40, 0, END, EPILOGUE, CONST(0), END));
	test_values();
	return done();
}
