/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Types whose layout is the platform's, for the debugger tests; see calc.c for the markers. */
#define NOINLINE __attribute__((noinline))

struct base {
	int b = 5;
	virtual int get() const
	{
		return b;
	}
};
struct left : virtual base {
	int l = 6;
};
struct right : virtual base {
	int r = 7;
};
struct both : left, right {
	int x = 8;
};

/* A virtual base with nothing but virtual functions is put first, so it may be before its class;
 * and so may one that comes before the class among those of a third. */
struct face {
	virtual int id() const
	{
		return 1;
	}
};
struct one : virtual face {
	int o = 10;
};
struct two : virtual face {
	int t = 11;
};
struct whole : one, two {
	int h = 12;
};
struct late : virtual base, virtual left {
	int z = 13;
};

struct plain {
	int p = 9;
};
struct derived : plain {
	double d = 0.5;
	char tail = 't';
};

struct counter {
	int skip, legs;
	int (counter::*how)(int);
	int add(int more)
	{
		return legs + more;
	}
};

static long double wide = 1.5L;
static int counter::*field = &counter::legs;
static __int128 vast = -5;
static _Complex double pair = 1.5;
int sink;

NOINLINE static int look(both *w, derived *d, counter *c, decltype(nullptr) none)
{
	long double local = wide + 0.75L;
	left *part = w;
	int counter::*mine = &counter::skip;

	sink = w->x + part->l + w->get() + d->p + c->*mine; /* BREAK: look */
	return sink + (int)local + (c->*c->how)(2) + c->*field + (none == nullptr);
}

NOINLINE static int behind(two *half, left *back, late *all)
{
	return half->t + back->l + all->z + half->id(); /* BREAK: behind */
}

int main()
{
	both w;
	whole v;
	late u;
	derived d[2];
	counter c = {3, 4, &counter::add};

	d[1].p = 19;
	d[1].d = 1.5;
	sink = look(&w, d, &c, nullptr) + (int)vast + (int)__real__ pair;
	return sink + behind(&v, &u, &u) == 0;
}
