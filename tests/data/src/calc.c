/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What the debugger tests stop in.  A comment "BREAK: name" marks a line for the tables in
 * tests/debugger; values are chosen so that no two of them are alike and none is 0.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define NOINLINE __attribute__((noinline))

enum color { RED = 1, GREEN = 5, BLUE = 9 };

struct point {
	int x, y;
};

struct node {
	int value;
	struct node *next;
};

union word {
	uint32_t u;
	float f;
};

static int counter = 7;
int table[4] = {11, 22, 33, 44};
double ratio = 0.25;
static unsigned long long big_number = 0x123456789abcdefULL;
struct point origin = {10, -20};
struct node *head;
enum color shade = BLUE;
volatile int sink;

NOINLINE long long scalars(bool b, char c, signed char sc, unsigned char uc, short s,
			   unsigned short us, int i, unsigned u, long long ll,
			   unsigned long long ull, float f, double d, enum color col)
{
	long long total = b + c + sc + uc; /* BREAK: scalars */

	sink = i; /* BREAK: scalars2 */
	total += s + us + i + (long long)u;
	total += ll + (long long)ull;
	sink = (int)total; /* BREAK: scalars3 */
	return total + (long long)f + (long long)d + col;
}

NOINLINE int fib(int n)
{
	int r;

	if (n < 2)
		r = n; /* BREAK: fibleaf */
	else
		r = fib(n - 1) + fib(n - 2);
	counter++; /* BREAK: fibcount */
	return r;
}

NOINLINE int sum_list(const struct node *p, int weight)
{
	int sum = 0;

	while (p) {
		sum += p->value * weight; /* BREAK: list */
		p = p->next;
	}
	return sum;
}

NOINLINE int sum_array(const int *a, int n)
{
	int acc = 100;

#pragma clang loop unroll(disable) /* one breakpoint, one stop for each element */
	for (int k = 0; k < n; k++) {
		acc += a[k]; /* BREAK: array */
		sink = acc;
	}
	return acc; /* BREAK: arrayend */
}

NOINLINE int twice(int v)
{
	sink = v;     /* BREAK: twice */
	return 2 * v; /* BREAK: twice2 */
}

NOINLINE int apply(int (*f)(int), int v, int bias)
{
	int first = f(v); /* BREAK: apply */

	sink = first; /* BREAK: apply2 */
	return first + bias;
}

NOINLINE int shapes(struct point *p, union word w)
{
	volatile int watched = 1000; /* BREAK: shapes */
	struct point local = {p->x + 1, p->y - 1};
	int grid[2][3] = {{1, 2, 3}, {4, 5, 6}};

	p->x = 77;
	watched = 1001 + p->x; /* BREAK: watch1 */
	watched += (int)w.f;   /* BREAK: watch2 */
	sink = grid[1][2];     /* BREAK: shapes2 */
	table[2] += local.x + grid[sink & 1][2];
	return watched + local.y;
}

int main(void)
{
	struct node a = {1, NULL}, b = {2, &a}, c = {3, &b};
	struct point p = {4, 5};
	union word w = {.f = 2.5f};
	int result = 0;

	head = &c;
	result += (int)scalars(true, 'a', -2, 200, -300, 60000, -70000, /* BREAK: main */
			       4000000000u, -5000000000LL, 10000000000000000000ULL, 1.5f, -2.75,
			       GREEN);
	sink = result;
	result += fib(5);
	sink = result; /* BREAK: main2 */
	result += sum_list(head, 10);
	result += sum_array(table, 4);
	result += apply(twice, 21, 6);
	result += shapes(&p, w); /* BREAK: main3 */
	printf("%d %d %llu %g\n", result, counter, big_number, ratio * origin.x + shade);
	return 0;
}
