/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* interp_test EXAMPLE.wasm: how the interpreter stops, and what it shows then. */
#include <stdlib.h>
#include <string.h>

#include "../../unit/tap.h"
#include "interp/interp.h"

static struct interp *load(const uint8_t *module, size_t size)
{
	const char *why;
	struct interp *in = interp_new(module, size, &why);

	if (!in) {
		printf("Bail out! %s\n", why);
		exit(1);
	}
	return in;
}

static uint32_t pc_of(const struct interp *in, uint32_t n)
{
	struct interp_frame f;

	return interp_frame(in, n, &f) ? f.pc : 0;
}

static uint64_t result_of(const struct interp *in)
{
	const uint64_t *v;

	return interp_results(in, &v) == 1 ? v[0] : UINT64_MAX;
}

/* --- the example: offsets are those of its disassembly --------------------------------------- */

enum {
	AT_LOOP = 0x61,
	AT_BODY = 0x63,
	AT_CALL = 0x77,
	AT_END = 0x8b,
	AT_COST = 0x96,
	AT_MUL = 0xb9,
};

static uint64_t start_total(struct interp *in)
{
	interp_call(in, "total", (const uint64_t[]){5}, 1);
	return interp_count(in);
}

static void test_steps(const uint8_t *module, size_t size)
{
	struct interp *whole = load(module, size), *steps = load(module, size);
	bool sound = true;
	uint32_t deepest = 0;

	start_total(whole);
	ok(interp_run(whole, UINT64_MAX) == INTERP_DONE && result_of(whole) == 37, "a whole run");
	start_total(steps);
	while (interp_run(steps, 1) == INTERP_READY) {
		uint32_t depth = interp_depth(steps);

		deepest = depth > deepest ? depth : deepest;
		sound &= depth == 1 || pc_of(steps, 1) == AT_CALL;
	}
	ok(result_of(steps) == 37 && interp_count(steps) == interp_count(whole),
	   "the same in steps of one instruction: %llu", (unsigned long long)interp_count(steps));
	ok(sound && deepest == 2, "the outer frame stands at its call");
	interp_free(whole);
	interp_free(steps);
}

/* How often a run comes by an instruction. */
static int visits(const uint8_t *module, size_t size, uint32_t offset)
{
	struct interp *in = load(module, size);
	int n = 0;

	interp_mark(in, offset, true);
	start_total(in);
	while (interp_run(in, UINT64_MAX) == INTERP_READY)
		n += pc_of(in, 0) == offset;
	interp_free(in);
	return n;
}

static void test_marks(const uint8_t *module, size_t size)
{
	struct interp *in = load(module, size);

	ok(visits(module, size, AT_LOOP) == 1, "a loop is entered once");
	ok(visits(module, size, AT_BODY) == 3, "and what follows it executed each time");
	ok(visits(module, size, AT_END) == 1, "its end is passed once");
	ok(visits(module, size, AT_MUL) == 3, "the callee is marked, too");
	ok(!interp_mark(in, AT_CALL + 1, true), "no mark inside of an instruction");
	interp_mark(in, AT_COST, true);
	interp_mark(in, AT_COST, false);
	start_total(in);
	ok(interp_run(in, UINT64_MAX) == INTERP_DONE, "a mark taken away");
	interp_free(in);
}

static void test_frames(const uint8_t *module, size_t size)
{
	struct interp *in = load(module, size);
	struct interp_frame inner, outer;
	uint64_t count = start_total(in);

	interp_mark(in, AT_MUL, true);
	ok(interp_run(in, 0) == INTERP_READY && interp_count(in) == count, "a limit of 0");
	ok(interp_run(in, UINT64_MAX) == INTERP_READY && pc_of(in, 0) == AT_MUL, "stop at a mark");
	ok(interp_run(in, UINT64_MAX) == INTERP_READY && pc_of(in, 0) == AT_MUL, "and again");
	interp_frame(in, 0, &inner);
	interp_frame(in, 1, &outer);
	ok(inner.func == 1 && inner.nlocals == 2 && inner.locals[0] == 1032 && inner.locals[1] == 7,
	   "locals of the callee");
	ok(inner.height == 2 && inner.stack[0] == 7 && inner.stack[1] == 3, "its operands");
	ok(outer.func == 0 && outer.nlocals == 5 && outer.locals[0] == 5 && outer.locals[2] == 10,
	   "locals of the caller");
	ok(outer.height == 0, "its operands are without the call's arguments");
	ok(!interp_frame(in, 2, &outer), "no more frames");
	ok(interp_entries(in) == 3, "three activations so far");
	interp_free(in);
}

/* --- calls of the host, and traps ------------------------------------------------------------ */

/*
 * f: (drop (random_get 16 4)) (i32.load 16)
 * g: (i32.div_u 1 0)
 */
static const uint8_t small[] = "\0asm\1\0\0\0"
			       "\x01\x0b\x02\x60\x02\x7f\x7f\x01\x7f\x60\x00\x01\x7f"
			       "\x02\x25\x01\x16wasi_snapshot_preview1\x0arandom_get\x00\x00"
			       "\x03\x03\x02\x01\x01"
			       "\x05\x03\x01\x00\x01"
			       "\x07\x09\x02\x01"
			       "f\x00\x01\x01"
			       "g\x00\x02"
			       "\x0a\x18\x02"
			       "\x0e\x00\x41\x10\x41\x04\x10\x00\x1a\x41\x10\x28\x02\x00\x0b"
			       "\x07\x00\x41\x01\x41\x00\x6e\x0b";

struct seen {
	int calls;
	bool right;
};

static bool hook(struct interp *in, const struct interp_host_call *call, void *ctx)
{
	struct seen *seen = ctx;
	size_t size;
	uint8_t *memory = interp_memory_edit(in, 0, &size);

	seen->calls++;
	seen->right = !strcmp(call->name, "random_get") && call->nargs == 2 &&
		      call->args[0] == 16 && call->args[1] == 4 && small[pc_of(in, 0)] == 0x10;
	memcpy(memory + 16, "\1\2\3\4", 4);
	call->results[0] = 0;
	return true;
}

static uint64_t call_f(struct interp *in)
{
	interp_call(in, "f", NULL, 0);
	interp_run(in, UINT64_MAX);
	return result_of(in);
}

static void test_host(void)
{
	struct interp *a = load(small, sizeof(small) - 1), *b = load(small, sizeof(small) - 1);
	struct seen seen = {0};
	uint64_t first = call_f(a);

	ok(first != UINT64_MAX && first == call_f(b), "random numbers are the same in each run");
	ok(first != call_f(a), "and not in each call");
	interp_set_host_hook(a, hook, &seen);
	ok(call_f(a) == 0x04030201 && seen.calls == 1, "a hook gives what it wants");
	ok(seen.right, "and sees the call");
	interp_set_host_hook(a, NULL, NULL);
	ok(call_f(a) != 0x04030201, "until it is taken away");
	interp_free(a);
	interp_free(b);
}

static void test_trap(void)
{
	struct interp *in = load(small, sizeof(small) - 1);
	struct interp_frame f;

	interp_call(in, "g", NULL, 0);
	ok(interp_run(in, UINT64_MAX) == INTERP_TRAP && interp_count(in) == 2, "a trap");
	ok(interp_frame(in, 0, &f) && small[f.pc] == 0x6e && f.height == 2,
	   "it stands before the instruction at fault");
	ok(!strcmp(interp_error(in), "integer divide by zero"), "%s", interp_error(in));
	ok(interp_run(in, 1) == INTERP_TRAP, "and goes no further");
	interp_free(in);
}

/* No beginning of a module is one, and none may be read beyond. */
static void test_short(void)
{
	bool refused = true;
	const char *why;

	for (size_t n = 0; n < sizeof(small) - 1; n++) {
		uint8_t *part = malloc(n + 1);

		memcpy(part, small, n);
		struct interp *in = interp_new(part, n, &why);

		refused &= !in || n == 8 || n == 21 || n == 60; /* whole sections */
		interp_free(in);
		free(part);
	}
	ok(refused, "a module that is cut off is refused");
}

static uint8_t *read_file(const char *path, size_t *size)
{
	static uint8_t data[1 << 16];
	FILE *f = fopen(path, "rb");

	if (!f) {
		printf("Bail out! no %s\n", path);
		exit(1);
	}
	*size = fread(data, 1, sizeof(data), f);
	fclose(f);
	return data;
}

int main(int argc, char **argv)
{
	size_t size;
	const uint8_t *example = read_file(argc > 1 ? argv[1] : "", &size);

	test_steps(example, size);
	test_marks(example, size);
	test_frames(example, size);
	test_host();
	test_trap();
	test_short();
	return done();
}
