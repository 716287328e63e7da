/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What stops a program, for tests/debugger/traps.expect; the host calls trap(). */
#define NOINLINE __attribute__((noinline))

struct case_of {
	int kind;
	int *where;
};

volatile int nought;
/* By its data an instance is known before the host has asked for a function. */
const char *volatile title = "what stops a program";

NOINLINE static int fall(struct case_of *c, int zero)
{
	int local = 42;

	switch (c->kind) {
	case 1:
		return *c->where + local; /* BREAK: bounds */
	case 2:
		__builtin_trap(); /* BREAK: unreachable */
	default:
		return local / zero; /* BREAK: division */
	}
}

__attribute__((export_name("trap"))) int trap(int kind)
{
	struct case_of c = {kind, (int *)0xfffffff0u};

	return fall(&c, nought); /* BREAK: trap */
}

int main(void)
{
	return title[0] == 0;
}
