/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What images of instrumented code are made of; no library. */

struct item {
	int price;
	short count;
	struct item *next;
};

static struct item items[3] = {{5, 2, &items[1]}, {7, 3, &items[2]}, {11, 1, 0}};
static int calls;
static double ratio = 0.25;

__attribute__((noinline)) static int twice(int x)
{
	return 2 * x;
}

__attribute__((noinline)) static int negate(int x)
{
	return -x;
}

static int (*const pick[2])(int) = {twice, negate};

__attribute__((noinline)) static int cost(const struct item *it)
{
	int c = it->price * it->count; /* BREAK: cost */

	calls++;
	return c;
}

__attribute__((noinline)) static int sort(int kind, int value)
{
	switch (kind) { /* BREAK: sort */
	case 0:
		return value + 1;
	case 1:
		value *= 3;
		/* falls through */
	case 2:
		return value - 7;
	case 3:
		return value / 2;
	default:
		return pick[kind & 1](value);
	}
}

__attribute__((noinline)) static long long fact(long long n)
{
	if (n < 2)
		return 1; /* BREAK: fact */
	return n * fact(n - 1);
}

__attribute__((noinline)) static double mean(const struct item *it, int n)
{
	double sum = 0;
	float last = 0;

	for (int i = 0; i < n; i++) {
		last = (float)it[i].price;
		sum += last * ratio; /* BREAK: mean */
	}
	return sum / n + last;
}

__attribute__((export_name("_start"))) int run(void)
{
	int discount = twice(1);
	struct item own = {.price = discount, .count = 4};
	int sum = 0;

	for (const struct item *it = items; it; it = it->next)
		sum += cost(it); /* BREAK: run */
	sum += cost(&own);
	for (int i = 0; i < 6; i++)
		sum += sort(i, sum);
	sum += (int)fact(10) + (int)mean(items, 3);
	return sum - discount; /* BREAK: end */
}
