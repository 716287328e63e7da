/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The example of the README: no library, one memory, two exports. */

struct item {
	int price;
	int count;
};

static struct item items[3] = {{5, 2}, {7, 3}, {11, 1}};
static int calls;

__attribute__((noinline)) static int cost(const struct item *it)
{
	int c = it->price * it->count; /* BREAK: cost */

	calls++;
	return c;
}

__attribute__((export_name("total"))) int total(int discount)
{
	int sum = 0;

	for (int i = 0; i < 3; i++)
		sum += cost(&items[i]); /* BREAK: total */
	return sum - discount;
}

__attribute__((export_name("count_calls"))) int count_calls(void)
{
	return calls;
}
