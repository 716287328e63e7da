/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Functions for the debugger tests to return from, and to be refused to call; see calc.c. */
#include <stdbool.h>

#define NOINLINE __attribute__((noinline))

enum color { RED = 1, GREEN = 5 };

struct pair {
	int a, b;
};
struct one {
	int a;
};
struct real {
	float f;
};
struct mixed {
	double d;
	int i;
};
struct large {
	int v[8];
};
union word {
	unsigned u;
	float f;
};

static volatile int seed = 40;

NOINLINE char a_char(void)
{
	return (char)(seed + 25); /* BREAK: a_char */
}

NOINLINE bool a_bool(void)
{
	return seed > 3; /* BREAK: a_bool */
}

NOINLINE short a_short(void)
{
	return (short)(seed - 340); /* BREAK: a_short */
}

NOINLINE unsigned an_unsigned(void)
{
	return (unsigned)seed + 4000000000u; /* BREAK: an_unsigned */
}

NOINLINE long long a_long(void)
{
	return seed * -100000000000LL; /* BREAK: a_long */
}

NOINLINE float a_float(void)
{
	return (float)seed / 16; /* BREAK: a_float */
}

NOINLINE double a_double(void)
{
	return seed / -32.0; /* BREAK: a_double */
}

NOINLINE enum color a_color(void)
{
	return seed == 40 ? GREEN : RED; /* BREAK: a_color */
}

static struct pair kept = {7, 8};

NOINLINE struct pair *a_pointer(void)
{
	return seed ? &kept : 0; /* BREAK: a_pointer */
}

NOINLINE struct pair a_pair(void)
{
	return (struct pair){seed, seed + 1}; /* BREAK: a_pair */
}

NOINLINE struct one a_one(void)
{
	return (struct one){seed + 2}; /* BREAK: a_one */
}

NOINLINE struct real a_real(void)
{
	return (struct real){(float)seed / 32}; /* BREAK: a_real */
}

NOINLINE struct mixed a_mixed(void)
{
	return (struct mixed){seed / 64.0, seed}; /* BREAK: a_mixed */
}

NOINLINE struct large a_large(void)
{
	return (struct large){{seed, 2, 3, 4, 5, 6, 7, 8}}; /* BREAK: a_large */
}

NOINLINE union word a_word(void)
{
	return (union word){.u = (unsigned)seed + 3}; /* BREAK: a_word */
}

NOINLINE int add(int a, int b)
{
	return a + b; /* BREAK: add */
}

int main(void)
{
	double sum = a_char() + a_bool() + a_short();

	sum += an_unsigned();
	sum += (double)a_long();
	sum += (double)a_float() + a_double() + a_color();
	sum += a_pointer()->a;
	sum += a_pair().b + a_one().a + (double)a_real().f + a_mixed().d + a_large().v[7];
	sum += a_word().u;
	return sum < 0 ? add(seed, 2) : 0;
}
