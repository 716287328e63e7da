/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Code that the engine's optimiser moves down, to where its values are used. */
volatile unsigned sink[40];
unsigned char left = 200;
unsigned long long all;

/* Into a loop: what comes before the loops is used in the innermost one only. */
__attribute__((noinline)) static void loops(unsigned v)
{
	unsigned n = 3;

	do {
		unsigned x = (v + n) >> 3;
		unsigned y = x & 1023;
		unsigned z = y ^ 77;
		unsigned j = 4;

		do {
			unsigned k = 1;

			do {
				sink[0] = z > 14 ? z : 1u << z;
				sink[k + 1] = k;
			} while (k--);
		} while (--j);
	} while (--n);
}

/* Behind a branch: what comes before it is used where its ways meet again. */
__attribute__((noinline)) static void branches(int v, int w)
{
	int n = 12;

	do {
		int x, y;

		sink[1] = n;
		left--;
		x = (int)((unsigned)v << 24) >> 24;
		y = x ^ w;
		y = (x ^ (y & (1 << 31))) - w;
		y = (y ^ w) & (x ^ w);
		if (n & 1) {
			sink[2] = v;
			v += 3;
		} else {
			sink[3] = w;
			v ^= 9;
		}
		all |= x - (y < 0 ? 0 : w);
	} while (--n);
}

void _start(void)
{
	loops(sink[5] + 4711);
	branches(sink[6] + 37, sink[7] + 5);
}
