/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Parameters that the machine code keeps nowhere, for the debugger tests: callers' call sites say
 * what they were.  See calc.c.
 */
#define NOINLINE __attribute__((noinline))

struct node {
	int value;
	struct node *next;
};

static volatile int seed = 3;
static volatile double level;
static volatile int sink[8];
static struct node tail = {22, 0}, first = {11, &tail};

/* The call takes the registers in which arguments come. */
NOINLINE double stir(double x)
{
	return x * 3 + sink[2] + seed;
}

/* In floating point, so that clang has no other use for the local of a parameter. */
static inline double work(double x)
{
	return stir(stir(stir(x) * 3) * 5);
}

NOINLINE double number(int key)
{
	double x = work(key);

	x += work(x); /* BREAK: number */
	return x + work(x);
}

NOINLINE double large(long long wide)
{
	double x = work((double)wide);

	x += work(x); /* BREAK: large */
	return x + work(x);
}

NOINLINE double small(unsigned high)
{
	double x = work(high);

	x += work(x); /* BREAK: small */
	return x + work(x);
}

NOINLINE double list(struct node *node)
{
	double x = work(node->value);

	x += work(x); /* BREAK: list */
	return x + work(x);
}

/* Calls itself from within a call that is inlined. */
NOINLINE double deep(int tag);

static inline __attribute__((always_inline)) double again(int mark)
{
	double x = work(mark);

	if (level < 1) { /* BREAK: again */
		level += 1;
		x += deep(21);
	}
	return x + work(x);
}

NOINLINE double deep(int tag)
{
	double x = again(tag);

	x += work(x); /* BREAK: deep */
	return x + work(x);
}

static double (*volatile indirect)(int) = number;

int main(void)
{
	int kept = seed * 100, other = seed + 5;
	double r;

	r = number(42);
	r += number(kept);
	r += number(other + 1);
	r += large(0x123456789abLL);
	r += large((long long)kept << 33);
	r += small(4000000000u);
	r += small(-(unsigned)kept);
	r += list(&first);
	r += list(first.next);
	r += deep(kept);
	r += indirect(9);
	sink[3] = kept + other;
	return r == 12345;
}
