/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pointers of every kind, for tests/debugger/pointers.expect.  The same program runs on the host. */
#define NOINLINE __attribute__((noinline))

enum color { RED, GREEN = 5, BLUE };

struct node {
	int x;
	struct node *next;
	const char *name;
	int vals[3];
};

typedef struct node node_t;
typedef node_t *node_p;
typedef unsigned short u16;

struct later;

union either {
	int i;
	struct node *n;
	float f;
};

struct flags {
	unsigned a : 3;
	int b : 5;
	struct node *owner;
	unsigned c : 20;
};

struct outer {
	struct {
		struct node *in;
		u16 *half;
	} anon;
	struct node emb;
	struct node *many[2];
	union either e;
	struct later *opaque;
	struct outer *self;
	int (*fn)(int);
};

struct later {
	int late;
	struct node *back;
};

static int twice(int n)
{
	return 2 * n;
}

struct node third = {30, 0, "third", {7, 8, 9}};
struct node second = {20, &third, "second", {4, 5, 6}};
struct node first = {10, &second, "first", {1, 2, 3}};
struct node *head = &first;
struct node **heads = &head;
int table[4] = {11, 22, 33, 44};
int *middle = &table[1];
int grid[2][3] = {{1, 2, 3}, {4, 5, 6}};
int (*row)[3] = &grid[1];
const char *words[3] = {"alpha", "beta", 0};
double weights[2] = {0.5, -1.25};
double *weight = &weights[1];
enum color paint = GREEN;
enum color *brush = &paint;
struct later hidden = {99, &third};
struct node *nothing;
int sink;

NOINLINE int leaf(const struct node *q, const int *count)
{
	sink = q->x + *count; /* BREAK: leaf */
	return sink;
}

NOINLINE int work(struct node *p, int n)
{
	struct node local = {1, p, "local", {-1, -2, -3}};
	struct node *lp = &local, *const cp = p;
	const struct node *kp = p->next;
	volatile struct node *vp = p;
	node_p alias = p;
	node_t *named = p->next;
	struct node **pp = &lp;
	struct node *arr[3] = {p, p->next, p->next->next};
	struct node copies[2] = {*p, *p->next};
	int numbers[3] = {5, 6, 7}, *np = numbers, **npp = &np;
	int (*rows)[3] = grid;
	void *any = numbers;
	const char *text = p->name;
	const char **texts = words;
	unsigned char bytes[4] = {1, 2, 200, 255}, *bp = bytes;
	signed char sc = -5, *scp = &sc;
	long long big = -1234567890123LL, *bigp = &big;
	float f = 1.5f, *fp = &f;
	double *dp = weight;
	_Bool yes = 1, *yp = &yes;
	enum color *ep = brush;
	union either u = {.n = p}, *up = &u;
	struct flags flags = {5, -7, p, 70000}, *flp = &flags;
	u16 half = 4660;
	struct outer o = {{p, &half}, {2, lp, "emb", {0, 0, 1}}, {lp, p}, {.n = kp ? p : lp},
			  &hidden, &o, twice};
	struct outer *op = &o;
	int (*call)(int) = twice;
	struct node *none = nothing;

	n += leaf(kp, np); /* BREAK: work */
	lp->x += n;
	n += leaf(lp, &n); /* BREAK: after */
	sink = call(n) + (any != 0) + *scp + (int)*bigp + (int)*fp + (int)*dp + *yp + (int)*ep +
	       up->i + flp->b + op->fn(3) + bp[2] + *npp[0] + rows[1][2] + text[0] + texts[1][0] +
	       (none != 0) + alias->x + named->x + (*pp)->x + cp->x + vp->x + arr[2]->x +
	       copies[1].x + *middle + (*row)[0] + (*heads)->x + table[n & 3];
	return n; /* BREAK: end */
}

int main(void)
{
	return work(head, 3) == 0;
}
