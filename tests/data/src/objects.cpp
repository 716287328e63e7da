/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pointers and references of C++, for tests/debugger/objects.expect. */
#define NOINLINE __attribute__((noinline))

namespace zoo
{

struct animal {
	int legs;
	animal *mate;
	static int count;
	explicit animal(int n) : legs(n), mate(nullptr)
	{
		count++;
	}
	virtual ~animal() = default;
	virtual int noise() const;
};

struct tail {
	double length;
	tail *next;
};

struct dog : animal, tail {
	const char *name;
	dog(const char *n, double t) : animal(4), tail{t, nullptr}, name(n)
	{
	}
	int noise() const override;
	NOINLINE int wag(int times);
};

int animal::count = 0;

int animal::noise() const
{
	return legs; /* BREAK: animal */
}

int dog::noise() const
{
	return name[0] + (mate ? mate->legs : 0); /* BREAK: noise */
}

int dog::wag(int times)
{
	int sum = times;

	sum += legs; /* BREAK: wag */
	return sum;
}

template <typename T> struct box {
	T *held;
	unsigned uses = 0;
	explicit box(T *t) : held(t)
	{
	}
	T &operator*()
	{
		return *held;
	}
	NOINLINE T *get()
	{
		uses++; /* BREAK: box */
		return held;
	}
};

template <typename K, typename V> struct pair {
	K first;
	V second;
};

enum class mood { calm = 1, wild };

struct spot {
	int x, y;
};

struct finder {
	int at;
	NOINLINE spot find(int by) const
	{
		return {at, at + by}; /* BREAK: find */
	}
	NOINLINE static double half(int of)
	{
		return of / 2.0; /* BREAK: half */
	}
	int operator+(int more) const;
	template <typename T> T scaled(T by) const;
};

NOINLINE int finder::operator+(int more) const
{
	return at + more; /* BREAK: plus */
}

template <typename T> NOINLINE T finder::scaled(T by) const
{
	return (T)(at * by); /* BREAK: scaled */
}

} // namespace zoo

namespace
{

struct quiet {
	int level;
	zoo::mood *mood;
};

} // namespace

int numbers[3] = {3, 1, 4};
int &second = numbers[1];
int sink;

NOINLINE static int look(zoo::animal &a, const zoo::dog *d, zoo::tail &&t, int &count)
{
	zoo::tail &r = t;
	int *const p = &count;

	count += a.noise(); /* BREAK: look */
	sink = *p + (int)r.length + (int)d->length;
	return sink;
}

int main()
{
	zoo::dog rex("rex", 2.5), fido("fido", 0.75);
	zoo::tail tip = {9.5, nullptr};
	zoo::box<int> bi(&numbers[2]);
	zoo::box<zoo::dog> bd(&fido);
	zoo::pair<const char *, zoo::dog *> entry = {"best", &rex};
	zoo::pair<int, zoo::box<zoo::dog> *> deep = {7, &bd};
	zoo::animal *base = &rex, *plain = new zoo::animal(6);
	zoo::animal *all[2] = {base, plain};
	zoo::mood m = zoo::mood::wild;
	quiet q = {11, &m}, *qp = &q;
	int zoo::animal::*field = &zoo::animal::legs;
	int count = 40, (&ref)[3] = numbers;

	rex.mate = &fido;
	rex.next = &tip;
	sink = look(rex, &fido, static_cast<zoo::tail &&>(tip), count); /* BREAK: main */
	sink += rex.wag(2) + *bi.get() + bd.get()->legs + (*bi) + base->*field + ref[0] + second;
	zoo::finder at3 = {3};
	sink += at3.find(count).y + (int)zoo::finder::half(sink) + (at3 + sink);
	sink += at3.scaled(sink) + (int)at3.scaled(0.5);
	sink += all[1]->noise() + entry.second->legs + deep.first + qp->level + plain->legs;
	return sink == 0; /* BREAK: end */
}
