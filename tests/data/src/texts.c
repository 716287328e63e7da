/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Text and pointers to functions, for tests/debugger/texts.expect. */
#include <wchar.h>

#define NOINLINE __attribute__((noinline))

typedef unsigned char byte;
typedef const char *name_t;
typedef int (*action)(int);

struct entry {
	const char *key;
	char *value;
	action run;
	struct entry *next;
};

typedef struct entry *entry_p;

struct list {
	struct entry *first;
	entry_p again;
	name_t title;
	const struct entry *rows[2];
	void (*visit)(struct entry *);
	int count;
};

static char longest[301], empty[1], buffer[8] = "abc";
static const byte raw[4] = {0xc3, 0xa9, 'x', 0};
int sink;

NOINLINE int twice(int n)
{
	return 2 * n;
}

NOINLINE int thrice(int n)
{
	return 3 * n;
}

static void visit(struct entry *e)
{
	sink += e->run(e->key[0]); /* BREAK: visit */
}

struct entry tail = {"tail", buffer, thrice, 0};
struct entry head = {"head \"quoted\"\n", empty, twice, &tail};
const char *names[] = {"one", "two", 0};
action actions[3] = {twice, thrice, 0};

struct padded {
	double wide;
	char tail;
};
__attribute__((used)) struct padded pads[2] = {{0.5, 'a'}, {1.5, 'b'}}, *pad = pads;

NOINLINE static int work(struct list *l, const char *s)
{
	signed char *sc = (signed char *)buffer;
	unsigned char *uc = (unsigned char *)buffer;
	const byte *b = raw;
	name_t name = s + 1;
	const char **words = names, *null = 0;
	const wchar_t *wide = L"wide";
	char *very = longest;
	void *any = buffer;
	action act = thrice, none = 0, *acts = actions;
	int numbers[3] = {5, 6, 7}, *np = numbers;
	entry_p again = l->again;

	for (struct entry *e = l->first; e; e = e->next)
		l->visit(e);
	sink += act(sc[0]) + uc[0] + b[0] + name[0] + words[0][0] + wide[0] + very[0] + *np +
		(any != 0) + again->key[0] + acts[0](1) + (none != 0) + (null != 0); /* BREAK: work */
	return l->count;
}

int main(void)
{
	struct list all = {&head, &tail, "title", {&head, &tail}, visit, 2};

	for (int i = 0; i < 300; i++)
		longest[i] = 'a' + i % 26;
	return work(&all, "second") == 0;
}
