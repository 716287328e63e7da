/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Targets: register numbers, what the linker needs, calls in code, SHA-256. */
#include "native/native.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "native/decode.h"
#include "tap.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static struct wdx_target *open_target(const char *triple)
{
	struct wdx_target *t = NULL;
	struct wdx_error *err = wdx_target_create(&t, triple);

	ok(!err && t, "%s is known", triple);
	wdx_error_destroy(err);
	return t;
}

/* --- registers --- */

struct name {
	const char *name;
	int dwarf;
};

static const struct name x86_64[] = {
	{"rax", 0},   {"rdx", 1},    {"rcx", 2},    {"rbx", 3},	   {"rsi", 4},	 {"rdi", 5},
	{"rbp", 6},   {"rsp", 7},    {"r8", 8},	    {"R15", 15},   {"RIP", 16},	 {"xmm0", 17},
	{"Xmm7", 24}, {"xmm15", 32}, {"xmm16", 67}, {"ymm1", 18},  {"eax", 0},	 {"edx", 1},
	{"r8d", 8},   {"cx", 2},     {"%rdi", 5},   {"ah", -1},	   {"al", -1},	 {"x0", -1},
	{"", -1},     {"ra", -1},    {"raxx", -1},  {"noreg", -1}, {"zmm3", 20}, {NULL, 0},
};
static const struct name aarch64[] = {
	{"x0", 0},   {"w0", 0},	  {"x28", 28}, {"x29", 29}, {"fp", 29},	 {"lr", 30},	{"x30", 30},
	{"sp", 31},  {"wsp", 31}, {"q0", 64},  {"d0", 64},  {"s1", 65},	 {"b31", 95},	{"q31", 95},
	{"xzr", -1}, {"wzr", -1}, {"z0", 96},  {"rax", -1}, {"x31", -1}, {"q0_q1", -1}, {NULL, 0},
};
static const struct name riscv64[] = {
	{"x0", 0},     {"zero", 0}, {"x1", 1},	  {"ra", 1},	{"sp", 2},    {"X10", 10},
	{"a0", 10},    {"t6", 31},  {"f0_d", 32}, {"f0_f", 32}, {"fa0", 42},  {"ft11", 63},
	{"f31_d", 63}, {"v0", 96},  {"v31", 127}, {"x32", -1},	{"f0_x", -1}, {NULL, 0},
};
static const struct name s390x[] = {
	{"r0d", 0},  {"r15d", 15}, {"r3l", 3}, {"r15", 15}, {"f0d", 16}, {"f2d", 17},
	{"f1d", 20}, {"f15d", 31}, {"v0", 16}, {"v16", 68}, {"v31", 83}, {NULL, 0},
};

static void check_names(const struct wdx_target *t, const struct name *names)
{
	const struct name *n;
	bool good = true;

	for (n = names; n->name; n++) {
		int got = wdx_target_reg_by_name(t, n->name);

		if (got != n->dwarf)
			printf("# %s is %d, not %d\n", n->name, got, n->dwarf);
		good &= got == n->dwarf;
	}
	ok(good, "numbers of %s", wdx_target_triple(t));
}

/* Every register that is shown has a name that leads back, and they come in order. */
static void check_regs(const struct wdx_target *t, size_t expected)
{
	size_t n;
	const uint16_t *r = wdx_target_regs(t, &n);
	bool good = n == expected;

	for (size_t i = 0; i < n; i++) {
		const char *name = wdx_target_reg_name(t, r[i]);

		good &= name && wdx_target_reg_by_name(t, name) == r[i];
		good &= !i || r[i - 1] < r[i];
	}
	ok(good, "%zu registers shown of %s", n, wdx_target_triple(t));
}

static void check_reg(const struct wdx_target *t, unsigned dwarf, const char *name, unsigned size)
{
	const char *got = wdx_target_reg_name(t, dwarf);

	ok(got && !strcmp(got, name) && wdx_target_reg_size(t, dwarf) == size,
	   "%s: %u is %s of %u bytes (%s of %u)", wdx_target_triple(t), dwarf, name, size,
	   got ? got : "none", wdx_target_reg_size(t, dwarf));
}

struct facts {
	const char *triple;
	unsigned machine, flags, address, align;
	int ra, sp;
	bool big;
};

static const struct facts facts[] = {
	{"x86_64-unknown-linux-gnu", EM_X86_64, 0, 8, 1, 16, 7, false},
	{"x86_64", EM_X86_64, 0, 8, 1, 16, 7, false},
	{"x86_64-apple-darwin", EM_X86_64, 0, 8, 1, 16, 7, false},
	{"x86_64-pc-windows-msvc", EM_X86_64, 0, 8, 1, 16, 7, false},
	{"i686-pc-linux-gnu", EM_386, 0, 4, 1, 8, 4, false},
	{"aarch64-unknown-linux-gnu", EM_AARCH64, 0, 8, 4, 30, 31, false},
	{"arm64-apple-macosx", EM_AARCH64, 0, 8, 4, 30, 31, false},
	{"riscv64", EM_RISCV, 5, 8, 2, 1, 2, false},
	{"riscv64gc-unknown-linux-gnu", EM_RISCV, 5, 8, 2, 1, 2, false},
	{"s390x-ibm-linux-gnu", EM_S390, 0, 8, 2, 14, 15, true},
	{"aarch64_be", EM_AARCH64, 0, 8, 4, 30, 31, true},
	{"aarch64-linux-gnu_ilp32", EM_AARCH64, 0, 4, 4, 30, 31, false},
	{"x86_64-linux-gnux32", EM_X86_64, 0, 4, 1, 16, 7, false},
	{"powerpc-linux-gnu", EM_PPC, 0, 4, 4, 65, 1, true},
	{"ppc32le", EM_PPC, 0, 4, 4, 65, 1, false},
	{"armeb", EM_ARM, 0x5800200, 4, 4, 14, 13, true},
	{"thumbv7m-none-eabi", EM_ARM, 0x5000200, 4, 2, 14, 13, false},
	{"thumbeb-linux-gnueabihf", EM_ARM, 0x5800400, 4, 2, 14, 13, true},
	{"loongarch32", 258, 0x43, 4, 4, 1, 3, false},
	{"mips64el-linux-gnuabi64", EM_MIPS, 0x80000007, 8, 4, 31, 29, false},
	{"mips64-linux-gnuabin32", EM_MIPS, 0x80000027, 4, 4, 31, 29, true},
	{"sparc-linux-gnu", EM_SPARC, 0, 4, 4, 15, 14, true},
	{"sparcel", EM_SPARC, 0, 4, 4, 15, 14, false},
	{"sparc64-linux-gnu", EM_SPARCV9, 0, 8, 4, 15, 14, true},
};

static void check_facts(const struct facts *f)
{
	struct wdx_target *t = open_target(f->triple);

	if (!t)
		return;
	ok(wdx_target_elf_machine(t) == f->machine && wdx_target_elf_flags(t) == f->flags &&
		   wdx_target_address_size(t) == f->address &&
		   wdx_target_code_align(t) == f->align && wdx_target_big_endian(t) == f->big,
	   "%s: machine, flags, sizes and byte order", f->triple);
	ok(wdx_target_return_address(t) == f->ra && wdx_target_stack_pointer(t) == f->sp,
	   "%s: return address and stack pointer", f->triple);
	ok(!strcmp(wdx_target_triple(t), f->triple), "%s: the triple as given", f->triple);
	wdx_target_destroy(t);
}

static void test_registers(void)
{
	struct wdx_target *t;

	for (size_t i = 0; i < N(facts); i++)
		check_facts(&facts[i]);
	if ((t = open_target("x86_64-unknown-linux-gnu"))) {
		check_names(t, x86_64);
		check_regs(t, 48);
		check_reg(t, 0, "rax", 8);
		check_reg(t, 17, "xmm0", 16);
		check_reg(t, 16, "rip", 0);
		ok(!wdx_target_reg_name(t, 9999) && !wdx_target_reg_size(t, 9999), "no 9999");
		wdx_target_destroy(t);
	}
	if ((t = open_target("aarch64"))) {
		check_names(t, aarch64);
		check_regs(t, 64);
		check_reg(t, 31, "sp", 8);
		check_reg(t, 64, "q0", 16);
		wdx_target_destroy(t);
	}
	if ((t = open_target("riscv64"))) {
		check_names(t, riscv64);
		check_regs(t, 96);
		check_reg(t, 10, "x10", 8);
		check_reg(t, 96, "v0", 0);
		wdx_target_destroy(t);
	}
	if ((t = open_target("s390x"))) {
		check_names(t, s390x);
		check_regs(t, 48);
		check_reg(t, 17, "v2", 16);
		wdx_target_destroy(t);
	}
}

static void test_unknown(void)
{
	static const char *const bad[] = {
		"",	  "-",	     "---",  "bogus",  "pulley64", "wasm32-wasi",   "riscv",
		"avr",	  "hexagon", "m68k", "msp430", "xtensa",   "spirv-unknown", "\xff\xff-\x01",
		"%s%s%n",
	};
	char longest[5000];

	for (size_t i = 0; i < N(bad); i++) {
		struct wdx_target *t = (void *)longest;
		struct wdx_error *err = wdx_target_create(&t, bad[i]);

		ok(err && !t && wdx_error_code(err) == WDX_E_INPUT &&
			   strstr(wdx_error_message(err), "x86_64, "),
		   "unknown target %zu: the known ones are named", i);
		wdx_error_destroy(err);
	}
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	{
		struct wdx_target *t;
		struct wdx_error *err = wdx_target_create(&t, longest);

		ok(err && strlen(wdx_error_message(err)) < 500, "a long triple is cut short");
		wdx_error_destroy(err);
	}
}

/* --- calls --- */

struct code {
	const char *what, *triple;
	uint8_t bytes[48];
	uint32_t lo, hi;
	uint32_t starts[6], nstarts;
	uint32_t calls[6], ncalls;
};

static const struct code codes[] = {
	{"x86-64: direct, indirect, through memory",
	 "x86_64",
	 {0x55, 0x48, 0x89, 0xe5,		    /*  0 push, mov */
	  0xe8, 0x10, 0,    0,	  0,		    /*  4 call rel32 */
	  0xff, 0xd0,				    /*  9 call rax */
	  0x41, 0xff, 0x55, 0x08,		    /* 11 call [r13+8] */
	  0xff, 0xe1,				    /* 15 jmp rcx */
	  0x48, 0xb8, 0xe8, 1,	  2, 3, 4, 5, 6, 7, /* 17 mov rax, imm64 with 0xe8 in it */
	  0xc3},
	 0,
	 28,
	 {0},
	 0,
	 {9, 11, 15},
	 3},
	{"x86-64: data in between, derailed without starts",
	 "x86_64",
	 {0xe8, 0, 0, 0, 0, /* 0 call */
	  0x06, 0x48, 0xb8, /* 5 undecodable, then the head of a long mov */
	  0xe8, 0, 0, 0, 0, /* 8 call, known */
	  0x90, 0x90, 0x90, 0x90, 0xc3},
	 0,
	 18,
	 {0, 8},
	 2,
	 {5, 13},
	 2},
	{"x86-64: the same without starts hides the second",
	 "x86_64",
	 {0xe8, 0, 0, 0, 0, 0x06, 0x48, 0xb8, 0xe8, 0, 0, 0, 0, 0x90, 0x90, 0x90, 0x90, 0xc3},
	 0,
	 18,
	 {0},
	 0,
	 {5},
	 1},
	{"x86-64: an instruction across a start is data",
	 "x86_64",
	 {0x90, 0xe8, 0x90, 0x90, 0xff, 0xd1, 0xc3},
	 0,
	 7,
	 {4},
	 1,
	 {6},
	 1},
	{"x86-64: only between lo and hi, a call at the end",
	 "x86_64",
	 {0xff, 0xd0, 0xff, 0xd1, 0xff, 0xd2, 0xff},
	 2,
	 4,
	 {0, 2, 4, 6},
	 4,
	 {4},
	 1},
	{"x86-64: cut off", "x86_64", {0x90, 0xe8, 0, 0, 0, 0}, 0, 4, {1}, 1, {0}, 0},
	{"x86-64: nothing", "x86_64", {0xff, 0xd0}, 2, 2, {0}, 0, {0}, 0},
	{"aarch64: bl, blr, not b, br, ret; data in between",
	 "aarch64",
	 {0x02, 0,    0,    0x94,  /*  0 bl */
	  0xff, 0xff, 0xff, 0xff,  /*  4 data */
	  0x00, 0x01, 0x3f, 0xd6,  /*  8 blr x8 */
	  0x00, 0x01, 0x1f, 0xd6,  /* 12 br x8 */
	  0x02, 0,    0,    0x14,  /* 16 b */
	  0xc0, 0x03, 0x5f, 0xd6,  /* 20 ret */
	  0xd6, 0x94, 0,    0,	   /* 24 data */
	  0x00, 0x00, 0x00, 0x97}, /* 28 bl backwards */
	 0,
	 32,
	 {0, 8},
	 2,
	 {4, 12, 32},
	 3},
	{"aarch64: data of half a word before a start",
	 "aarch64",
	 {0x94, 0x94, 0x02, 0, 0, 0x94, 0xc0, 0x03},
	 0,
	 8,
	 {2},
	 1,
	 {6},
	 1},
	{"riscv64: jal, jalr, c.jalr, not j, jr, ret",
	 "riscv64",
	 {0xef, 0x00, 0x80, 0x00, /*  0 jal ra, 8 */
	  0x82, 0x95,		  /*  4 c.jalr a1 */
	  0x6f, 0x00, 0x80, 0x00, /*  6 j 8 */
	  0xe7, 0x80, 0x05, 0x00, /* 10 jalr ra, a1 */
	  0x67, 0x80, 0x00, 0x00, /* 14 ret */
	  0x82, 0x80},		  /* 18 c.jr ra */
	 0,
	 20,
	 {0},
	 0,
	 {4, 6, 14},
	 3},
	{"s390x: brasl, basr, not jg, br",
	 "s390x",
	 {0xc0, 0xe5, 0, 0, 0, 4, /*  0 brasl */
	  0x0d, 0xe1,		  /*  6 basr */
	  0xc0, 0xf4, 0, 0, 0, 4, /*  8 jg */
	  0x07, 0xfe},		  /* 14 br */
	 0,
	 16,
	 {0},
	 0,
	 {6, 8},
	 2},
	{"aarch64_be: instructions are little-endian",
	 "aarch64_be",
	 {0x02, 0, 0, 0x94, 0xc0, 0x03, 0x5f, 0xd6},
	 0,
	 8,
	 {0},
	 0,
	 {4},
	 1},
	{"powerpc: bl, bctrl, not b, blr",
	 "powerpc",
	 {0x48, 0, 0, 0x11, 0x4e, 0x80, 0x04, 0x21, 0x48, 0, 0, 0x08, 0x4e, 0x80, 0, 0x20},
	 0,
	 16,
	 {0},
	 0,
	 {4, 8},
	 2},
	{"armeb: BE8, bl, blx, not b, bx",
	 "armeb",
	 {0, 0, 0, 0xeb, 0x33, 0xff, 0x2f, 0xe1, 0, 0, 0, 0xea, 0x1e, 0xff, 0x2f, 0xe1},
	 0,
	 16,
	 {0},
	 0,
	 {4, 8},
	 2},
	{"thumb: push, bl, blx, not b, bx",
	 "thumb",
	 {0x10, 0xb5, 0, 0xf0, 0, 0xf8, 0x98, 0x47, 0, 0xe0, 0x70, 0x47},
	 0,
	 12,
	 {0},
	 0,
	 {6, 8},
	 2},
	{"sparc: call, jmpl to o7, not ba, retl, each with its delay slot",
	 "sparcv9",
	 {0x40, 0,    0, 4, 1, 0, 0, 0, 0x9f, 0xc0, 0x40, 0, 1, 0, 0, 0,
	  0x10, 0x80, 0, 2, 1, 0, 0, 0, 0x81, 0xc3, 0xe0, 8, 1, 0, 0, 0},
	 0,
	 32,
	 {0},
	 0,
	 {8, 16},
	 2},
	{"mips: jal returns behind its delay slot",
	 "mips",
	 {0x0c, 0, 0, 4, 0, 0, 0, 0, 0x03, 0xe0, 0, 8, 0, 0, 0, 0},
	 0,
	 16,
	 {4},
	 1,
	 {8},
	 1},
};

static void check_calls(const struct code *c)
{
	struct wdx_native_calls got = {0};
	struct wdx_target *t = open_target(c->triple);
	struct wdx_error *err;
	bool known = false;

	if (!t)
		return;
	err = wdx_target_calls(t, c->bytes, c->lo, c->hi, c->starts, c->nstarts, &got, &known);
	if (!ok(!err && known && got.at.len == c->ncalls &&
			!(c->ncalls && memcmp(got.at.data, c->calls, c->ncalls * 4)),
		"%s", c->what))
		for (size_t i = 0; i < got.at.len; i++)
			printf("# call returns to %u\n", got.at.data[i]);
	wdx_error_destroy(err);
	wdx_vec_free(&got.at);
	wdx_target_destroy(t);
}

static void check_callee(const char *triple, const char *bytes, size_t n, uint32_t wanted)
{
	struct wdx_target *t = open_target(triple);

	if (t)
		ok(wdx_target_callee(t, (const uint8_t *)bytes, n, 0x1000) == wanted,
		   "%s: a call to %#x", triple, wanted);
	wdx_target_destroy(t);
}

static void test_callees(void)
{
	check_callee("x86_64", "\xe8\x10\0\0\0", 5, 0x1015);
	check_callee("x86_64", "\xe8\xf0\xff\xff\xff", 5, 0xff5);
	check_callee("x86_64", "\xff\xd0", 2, UINT32_MAX); /* call rax */
	check_callee("aarch64", "\4\0\0\x94", 4, 0x1010);
	check_callee("aarch64", "\xff\xff\xff\x97", 4, 0xffc);
	check_callee("aarch64", "\4\0\0\x14", 4, UINT32_MAX);	/* b */
	check_callee("aarch64", "\0\1\x3f\xd6", 4, UINT32_MAX); /* blr x8 */
	check_callee("riscv64", "\xef\0\x80\0", 4, UINT32_MAX);
}

/* Bytes of no meaning, over every target: whatever comes, the sweep ends in order. */
static void test_noise(void)
{
	static const char *const triples[] = {
		"x86_64",      "i386",	    "aarch64",	   "aarch64_be", "riscv64",   "riscv32",
		"s390x",       "powerpc64", "powerpc64le", "powerpc",	 "powerpcle", "loongarch64",
		"loongarch32", "arm",	    "armeb",	   "thumb",	 "thumbeb",   "mips",
		"mipsel",      "mips64",    "mips64el",	   "sparc",	 "sparcel",   "sparcv9",
	};
	static uint8_t noise[20000];
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	for (size_t i = 0; i < N(triples); i++) {
		struct wdx_native_calls got = {0};
		struct wdx_target *t;
		bool known, good = true;

		if (wdx_target_create(&t, triples[i]))
			continue;
		good = !wdx_target_calls(t, noise, 0, sizeof(noise), NULL, 0, &got, &known);
		for (size_t k = 1; k < got.at.len; k++)
			good &= got.at.data[k - 1] < got.at.data[k];
		ok(good && known, "%s: noise", triples[i]);
		wdx_vec_free(&got.at);
		wdx_target_destroy(t);
	}
}

/* --- SHA-256 (FIPS 180-4's examples) --- */

static void check_sha(const char *text, const char *expected)
{
	uint8_t digest[32];
	char hex[65];

	wdx_sha256(text, strlen(text), digest);
	for (size_t i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	ok(!strcmp(hex, expected), "SHA-256 of \"%s\"", text);
}

int main(void)
{
	test_registers();
	test_unknown();
	for (size_t i = 0; i < N(codes); i++)
		check_calls(&codes[i]);
	test_callees();
	test_noise();
	check_sha("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_sha("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	return done();
}
