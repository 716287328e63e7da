/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * For wasm with 64-bit memory, without a library (there is none for it here): pointers and sizes
 * have 8 bytes.  A comment "BREAK: name" marks a line for the tables in tests/debugger.
 */
#define NOINLINE __attribute__((noinline))

typedef unsigned long size_t;

struct item {
	long weight;
	struct item *next;
	char tag[6];
};

static long total = 5;
long table[3] = {1000000000001, 2000000000002, 3000000000003};
struct item *first;
const char *volatile label = "sixty-four";
long (*volatile step)(long);
volatile int sink;

NOINLINE long weigh(const struct item *p, int factor)
{
	long sum = 0;

	for (; p; p = p->next) {
		sum += p->weight * factor; /* BREAK: weigh */
		sink = (int)sum;
	}
	return sum;
}

NOINLINE size_t span(const long *from, const long *to)
{
	size_t n = (size_t)(to - from); /* BREAK: span */

	sink = (int)n; /* BREAK: span2 */
	return n;
}

NOINLINE long depth(long n)
{
	if (n == 0)
		return total; /* BREAK: bottom */
	return depth(n - 1) ^ n;
}

__attribute__((export_name("_start"))) void _start(void)
{
	struct item a = {7, 0, {'a', 'b', 'c'}};
	struct item b = {11, &a, {'x', 'y', 'z'}};

	first = &b;
	step = depth;
	total += weigh(first, 3);	       /* BREAK: start */
	total += (long)span(table, table + 3); /* BREAK: start2 */
	total += step(3);
	sink = (int)total + label[0]; /* BREAK: start3 */
}
