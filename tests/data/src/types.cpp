/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* C++ for the debugger tests; see calc.c for the markers.  No exceptions, no RTTI. */
#include <cstdint>
#include <cstdio>

#define NOINLINE __attribute__((noinline))

namespace geo
{
enum class axis : uint8_t { x = 1, y = 2 };

template <typename T> struct vec {
	T x, y;
	NOINLINE T dot(const vec &o) const
	{
		T r = x * o.x + y * o.y; /* BREAK: dot */
		return r;		 /* BREAK: dot2 */
	}
};

class shape
{
public:
	explicit shape(int id) : id_(id)
	{
	}
	virtual ~shape() = default;
	virtual int area() const = 0;
	static int count;

protected:
	int id_;
};

int shape::count = 41;

class rect final : public shape
{
public:
	rect(int id, vec<int> size) : shape(id), size_(size)
	{
		count++;
	}
	NOINLINE int area() const override
	{
		int a = size_.x * size_.y; /* BREAK: area */
		return a + id_;		   /* BREAK: area2 */
	}

private:
	vec<int> size_;
};
} // namespace geo

namespace
{
int hidden = 13;
volatile int sink;

inline __attribute__((always_inline)) int square(int v)
{
	int q = v * v; /* BREAK: inlined */
	sink = q;      /* BREAK: inlined2 */
	return q;
}

template <int N, typename T> NOINLINE T scale(T v)
{
	T out = v * N; /* BREAK: scale */
	return out;
}

NOINLINE int with_inline(int base)
{
	int s = square(base + 1); /* BREAK: caller */
	return s + base;
}

NOINLINE int through(const geo::shape &s, int &count, geo::axis ax)
{
	count += 2; /* BREAK: ref */
	return s.area() + static_cast<int>(ax);
}

template <typename F> NOINLINE int call(F f, int v)
{
	return f(v); /* BREAK: call */
}
} // namespace

int main()
{
	geo::vec<int> iv{3, 4};
	geo::vec<double> dv{1.5, 2.5};
	geo::rect r(5, iv);
	int count = 8, bias = 17;
	auto add = [bias, &count](int v) {
		int t = v + bias; /* BREAK: lambda */
		count++;
		return t;
	};
	int n = through(r, count, geo::axis::y);
	double d = dv.dot(geo::vec<double>{2, 4});

	n += with_inline(6) + scale<3>(n) + call(add, hidden);
	sink = n; /* BREAK: main */
	std::printf("%d %g %d %d %d\n", n, d + scale<2>(0.5), iv.dot(iv), count, geo::shape::count);
	return 0;
}
