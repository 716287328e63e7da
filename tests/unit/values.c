/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Definitions of locals in wasm functions made up here. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "flow/values.h"
#include "tap.h"

/* A module with one function (param i32) (result i32) of two i32 locals, and that body. */
static void module(struct wdx_buf *b, const uint8_t *body, size_t n)
{
	static const uint8_t head[] = {0,    'a', 's',	'm', 1,	   0, 0, 0, 1, 6, 1,
				       0x60, 1,	  0x7f, 1,   0x7f, 3, 2, 1, 0, 10};

	wdx_buf_bytes(b, head, sizeof(head));
	wdx_buf_uleb(b, n + 5);
	wdx_buf_u8(b, 1);
	wdx_buf_uleb(b, n + 3);
	wdx_buf_bytes(b, (const uint8_t[]){1, 2, 0x7f}, 3);
	wdx_buf_bytes(b, body, n);
}

enum { OPERAND = 1 << 16 }; /* added to the number of a slot of the operand stack */

struct expectation {
	uint32_t offset; /* of an instruction in the body */
	uint32_t local;	 /* or slot */
	unsigned kind;
	uint64_t what; /* offset in the body of an instruction or label; bits of a constant */
};

/* Slots are wanted at just the instructions that are asked about. */
static void wanted(struct wdx_values *v, const struct expectation *e, size_t n, uint32_t code,
		   struct wdx_operand *out)
{
	v->operands = out;
	for (size_t i = 0; i < n; i++)
		if (e[i].local & OPERAND)
			out[v->noperands++] =
				(struct wdx_operand){code + e[i].offset, code + e[i].offset + 1,
						     e[i].local & ~(uint32_t)OPERAND, 0};
}

static uint32_t holder(const struct wdx_values *v, uint32_t local)
{
	return local & OPERAND ? wdx_values_slot(v, local & ~(uint32_t)OPERAND) : local;
}

static void check(const char *what, const uint8_t *body, size_t n, const struct expectation *e,
		  size_t ne)
{
	struct wdx_buf b = {0};
	struct wdx_values v = {0};
	struct wdx_operand operands[16];
	struct wdx_wasm m;
	bool known;

	module(&b, body, n);
	struct wdx_error *err = wdx_wasm_init(&m, b.data, b.len);

	if (!ok(!err, "%s: a module", what)) {
		printf("# %s\n", wdx_error_message(err));
		wdx_error_destroy(err);
		wdx_buf_deinit(&b);
		return;
	}
	wanted(&v, e, ne, m.funcs.data[0].code.v, operands);
	err = wdx_values_of(&v, &m, &m.funcs.data[0], &known);
	ok(!err && known, "%s: known", what);
	for (size_t i = 0; known && i < ne; i++) {
		uint32_t code = m.funcs.data[0].code.v;
		const struct wdx_value *got = &v.values.data[wdx_value_at(
			&v, holder(&v, e[i].local), code + e[i].offset)];
		uint64_t is = got->kind == WDX_VALUE_CONST   ? got->bits
			      : got->kind == WDX_VALUE_PARAM ? got->arg
							     : got->pos - code;

		if (!ok(got->kind == e[i].kind && (is == e[i].what || !got->kind),
			"%s: local %u at %u", what, e[i].local, e[i].offset))
			printf("# kind %u, %llu\n", got->kind, (unsigned long long)is);
	}
	wdx_values_deinit(&v);
	wdx_wasm_deinit(&m);
	wdx_buf_deinit(&b);
}

/* The type found for slot 0 in the whole body. */
static void check_type(const char *what, const uint8_t *body, size_t n, bool known, uint8_t type)
{
	struct wdx_buf b = {0};
	struct wdx_wasm m;
	bool is;

	module(&b, body, n);
	struct wdx_error *err = wdx_wasm_init(&m, b.data, b.len);

	if (ok(!err, "%s: a module", what)) {
		const struct wdx_wasm_func *f = &m.funcs.data[0];
		struct wdx_operand operand = {f->code.v, f->end.v, 0, 0};
		struct wdx_values v = {.operands = &operand, .noperands = 1};

		err = wdx_values_of(&v, &m, f, &is);
		ok(!err && is == known, "%s: %s", what, known ? "known" : "not known");
		ok(operand.type == type, "%s: type %#x", what, operand.type);
		wdx_values_deinit(&v);
		wdx_wasm_deinit(&m);
	}
	wdx_error_destroy(err);
	wdx_buf_deinit(&b);
}

#define CODE(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define EXPECT(...)                                                                                \
	(const struct expectation[]){__VA_ARGS__},                                                 \
		sizeof((const struct expectation[]){__VA_ARGS__}) / sizeof(struct expectation)

int main(void)
{
	/* 0 get 0; 2 const 5; 4 add; 5 tee 1; 7 set 2; 9 get 1; 11 end */
	check("straight", CODE(0x20, 0, 0x41, 5, 0x6a, 0x22, 1, 0x21, 2, 0x20, 1, 0x0b),
	      EXPECT({0, 0, WDX_VALUE_PARAM, 0}, {0, 1, WDX_VALUE_CONST, 0},
		     {5, 1, WDX_VALUE_CONST, 0}, {7, 1, WDX_VALUE_INSN, 4},
		     {7, 2, WDX_VALUE_CONST, 0}, {9, 2, WDX_VALUE_INSN, 4}));
	/* 0 get 0; 2 if; 4 const 7; 6 set 1; 8 else; 9 const 9; 11 set 1; 13 end; 14 get 1; 16 end
	 */
	check("if else",
	      CODE(0x20, 0, 0x04, 0x40, 0x41, 7, 0x21, 1, 0x05, 0x41, 9, 0x21, 1, 0x0b, 0x20, 1,
		   0x0b),
	      EXPECT({8, 1, WDX_VALUE_CONST, 7}, {9, 1, WDX_VALUE_CONST, 0},
		     {13, 1, WDX_VALUE_CONST, 9}, {14, 1, WDX_VALUE_PHI, 13},
		     {14, 2, WDX_VALUE_CONST, 0}));
	/* 0 get 0; 2 if; 4 const 7; 6 set 1; 8 end; 9 get 1; 11 end */
	check("if", CODE(0x20, 0, 0x04, 0x40, 0x41, 7, 0x21, 1, 0x0b, 0x20, 1, 0x0b),
	      EXPECT({8, 1, WDX_VALUE_CONST, 7}, {9, 1, WDX_VALUE_PHI, 8}));
	/* 0 loop; 2 get 1; 4 const 1; 6 add; 7 set 1; 9 get 0; 11 br_if 0; 13 end; 14 get 1; 16 end
	 */
	check("loop",
	      CODE(0x03, 0x40, 0x20, 1, 0x41, 1, 0x6a, 0x21, 1, 0x20, 0, 0x0d, 0, 0x0b, 0x20, 1,
		   0x0b),
	      EXPECT({0, 1, WDX_VALUE_UNKNOWN, 0}, {0, 0, WDX_VALUE_PARAM, 0},
		     {2, 1, WDX_VALUE_PHI, 0}, {2, 0, WDX_VALUE_PARAM, 0},
		     {9, 1, WDX_VALUE_INSN, 6}, {14, 1, WDX_VALUE_INSN, 6},
		     {2, 2, WDX_VALUE_CONST, 0}));
	/* 0 block; 2 const 3; 4 set 1; 6 br 0; 8 const 4; 10 set 1; 12 end; 13 get 1; 15 end */
	check("dead code",
	      CODE(0x02, 0x40, 0x41, 3, 0x21, 1, 0x0c, 0, 0x41, 4, 0x21, 1, 0x0b, 0x20, 1, 0x0b),
	      EXPECT({6, 1, WDX_VALUE_CONST, 3}, {13, 1, WDX_VALUE_CONST, 3}));
	/* 0 block; 2 block; 4 const 1; 6 set 1; 8 get 0; 10 br_if 1; 12 const 2; 14 set 1; 16 end;
	 * 17 get 0; 19 set 2; 21 end; 22 get 1; 24 end */
	check("two labels",
	      CODE(0x02, 0x40, 0x02, 0x40, 0x41, 1, 0x21, 1, 0x20, 0, 0x0d, 1, 0x41, 2, 0x21, 1,
		   0x0b, 0x20, 0, 0x21, 2, 0x0b, 0x20, 1, 0x0b),
	      EXPECT({12, 1, WDX_VALUE_CONST, 1}, {17, 1, WDX_VALUE_CONST, 2},
		     {21, 2, WDX_VALUE_PARAM, 0}, {22, 1, WDX_VALUE_PHI, 21},
		     {22, 2, WDX_VALUE_PHI, 21}));
	/* 0 block; 2 block; 4 get 0; 6 br_table 1: 0 / 1; 10 end; 11 const 8; 13 set 1; 15 end;
	 * 16 get 1; 18 end */
	check("table",
	      CODE(0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x0e, 1, 0, 1, 0x0b, 0x41, 8, 0x21, 1, 0x0b,
		   0x20, 1, 0x0b),
	      EXPECT({11, 1, WDX_VALUE_CONST, 0}, {15, 1, WDX_VALUE_CONST, 8},
		     {16, 1, WDX_VALUE_PHI, 15}));
	/* 0 get 0; 2 const 5; 4 block; 6 get 1; 8 br_if 0; 10 get 0; 12 const 1; 14 drop; 15 drop;
	 * 16 end; 17 add; 18 end */
	check("operands",
	      CODE(0x20, 0, 0x41, 5, 0x02, 0x40, 0x20, 1, 0x0d, 0, 0x20, 0, 0x41, 1, 0x1a, 0x1a,
		   0x0b, 0x6a, 0x0b),
	      EXPECT({0, OPERAND + 0, WDX_VALUE_UNKNOWN, 0}, {2, OPERAND + 0, WDX_VALUE_PARAM, 0},
		     {4, OPERAND + 1, WDX_VALUE_CONST, 5}, {8, OPERAND + 2, WDX_VALUE_CONST, 0},
		     {10, OPERAND + 2, WDX_VALUE_UNKNOWN, 0}, {14, OPERAND + 3, WDX_VALUE_CONST, 1},
		     {14, OPERAND + 0, WDX_VALUE_PARAM, 0}, {17, OPERAND + 1, WDX_VALUE_CONST, 5},
		     {18, OPERAND + 0, WDX_VALUE_INSN, 17},
		     {18, OPERAND + 1, WDX_VALUE_UNKNOWN, 0}));
	/* 0 block; 2 br 0; 4 const 7; 6 drop; 7 end; 8 get 0; 10 end */
	check("operands of dead code",
	      CODE(0x02, 0x40, 0x0c, 0, 0x41, 7, 0x1a, 0x0b, 0x20, 0, 0x0b),
	      EXPECT({6, OPERAND + 0, WDX_VALUE_UNKNOWN, 0},
		     {10, OPERAND + 0, WDX_VALUE_PARAM, 0}));
	/* 0 get 0; 2 get 1; 4 if (param i32) (result i32); 6 drop; 7 const 3; 9 else; 10 const 7;
	 * 12 drop; 13 end; 14 end */
	check("parameters of both ways of an if",
	      CODE(0x20, 0, 0x20, 1, 0x04, 0, 0x1a, 0x41, 3, 0x05, 0x41, 7, 0x1a, 0x0b, 0x0b),
	      EXPECT({6, OPERAND + 0, WDX_VALUE_INSN, 4}, {9, OPERAND + 0, WDX_VALUE_CONST, 3},
		     {12, OPERAND + 0, WDX_VALUE_INSN, 4}, {12, OPERAND + 1, WDX_VALUE_CONST, 7},
		     {13, OPERAND + 0, WDX_VALUE_INSN, 4}));
	/* 0 const 7; 2 set 1; 4 loop; 6 loop; 8 get 1; 10 set 1; 12 get 1; 14 const 1; 16 add;
	 * 17 set 2; 19 get 0; 21 br_if 0; 23 end; 24 get 0; 26 br_if 0; 28 end; 29 get 1; 31 end */
	check("a local that is set to what it holds",
	      CODE(0x41, 7, 0x21, 1, 0x03, 0x40, 0x03, 0x40, 0x20, 1, 0x21, 1, 0x20, 1, 0x41, 1,
		   0x6a, 0x21, 2, 0x20, 0, 0x0d, 0, 0x0b, 0x20, 0, 0x0d, 0, 0x0b, 0x20, 1, 0x0b),
	      EXPECT({4, 1, WDX_VALUE_UNKNOWN, 0}, {8, 1, WDX_VALUE_CONST, 7},
		     {19, 1, WDX_VALUE_CONST, 7}, {19, 2, WDX_VALUE_INSN, 16},
		     {29, 1, WDX_VALUE_CONST, 7}, {8, 2, WDX_VALUE_PHI, 6}));
	check_type("one type", CODE(0x20, 0, 0x1a, 0x20, 1, 0x0b), true, WDX_I32);
	check_type("two types", CODE(0x42, 1, 0x1a, 0x20, 1, 0x0b), true, WDX_OPERAND_MIXED);
	check_type("a choice whose type is spelled out",
		   CODE(0x20, 0, 0x20, 1, 0x20, 2, 0x1c, 1, 0x7f, 0x0b), true, WDX_I32);
	/* return_call, which is not gone through */
	check_type("a type before what is not known",
		   CODE(0x20, 0, 0x1a, 0x02, 0x40, 0x20, 0, 0x12, 0, 0x0b, 0x42, 1, 0xa7, 0x0b),
		   false, 0);
	return done();
}
