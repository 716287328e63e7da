/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What skimming says of an instruction is what the decoder says. */
#include "native/skim.h"

#include <string.h>

#include "native/access.h"
#include "native/native.h"
#include "tap.h"

struct tally {
	struct wdx_accesses *decoder;
	wdx_skim_fn *skim;
	size_t n, known, wrong;
	uint8_t first[16];
};

enum { AT = 0x1000 };

/* Whether the jump leads there; what leaves the code on either side leads nowhere. */
static bool leads(const struct wdx_skim *s, const struct wdx_access *a)
{
	int64_t to = AT + (int64_t)s->size + s->to;

	if (a->target == UINT32_MAX)
		return !s->to || to < 0;
	return s->to == (int32_t)(a->target - AT - a->size);
}

static bool agrees(const struct wdx_skim *s, const struct wdx_access *a)
{
	bool leaves = a->leaves || !a->falls;

	if (!a->ok || s->size != a->size)
		return false;
	switch (s->kind) {
	case WDX_SKIM_PLAIN:
		return !leaves && !a->writes_memory;
	case WDX_SKIM_STORE:
		return !leaves && a->writes_memory;
	case WDX_SKIM_ACCESS:
		return !leaves;
	case WDX_SKIM_JUMP:
		return leaves && !a->call && !a->writes_memory && leads(s, a);
	default:
		return a->call && !a->writes_memory;
	}
}

static void check(struct tally *t, const uint8_t bytes[16], bool fixed)
{
	struct wdx_skim s;
	struct wdx_access a;

	t->skim(bytes, 16, &s);
	t->n++;
	if (s.kind == WDX_SKIM_UNKNOWN)
		return;
	t->known++;
	a = wdx_target_mem_access(t->decoder, bytes, 16, AT);
	/* what is no instruction is passed over at the same pace where all have one size */
	if (agrees(&s, &a) || (fixed && !a.ok && a.size == s.size))
		return;
	if (!t->wrong++)
		memcpy(t->first, bytes, 16);
}

static void fill(uint8_t bytes[16], uint64_t *seed)
{
	for (int i = 0; i < 16; i++) {
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (uint8_t)(*seed >> 56);
	}
}

/* Every opcode with every ModRM byte behind some prefixes, what follows being anything. */
static void x86_64(struct tally *t)
{
	static const char *const prefixes[] = {
		"",	    "\x66",	"\x48",		"\x41",	    "\x4f",	    "\x66\x45",
		"\x66\x48", "\xf3",	"\xf2",		"\xf0",	    "\x0f",	    "\x66\x0f",
		"\x48\x0f", "\x41\x0f", "\x66\x49\x0f", "\xf3\x0f", "\x66\x44\x0f", "\x2e"};
	uint64_t seed = 1;
	uint8_t bytes[16];

	for (size_t p = 0; p < sizeof(prefixes) / sizeof(*prefixes); p++)
		for (unsigned i = 0; i < 0x10000; i++) {
			size_t n = strlen(prefixes[p]);

			fill(bytes, &seed);
			memcpy(bytes, prefixes[p], n);
			bytes[n] = (uint8_t)(i >> 8);
			bytes[n + 1] = (uint8_t)i;
			check(t, bytes, false);
		}
}

static void words(struct tally *t)
{
	uint64_t seed = 2;
	uint8_t bytes[16];

	for (unsigned i = 0; i < 1u << 20; i++) {
		fill(bytes, &seed);
		check(t, bytes, true);
	}
}

static void compare(const char *triple, void (*all)(struct tally *t))
{
	struct wdx_target *target = NULL;
	struct tally t = {0};
	struct wdx_error *err = wdx_target_create(&target, triple);

	if (!err)
		err = wdx_accesses_create(&t.decoder, target);
	if (!err) {
		t.skim = wdx_target_skim(target);
		all(&t);
	}
	if (!ok(!err && t.known > t.n / 8 && !t.wrong, "%s: as the decoder says", triple)) {
		printf("# %zu of %zu known, %zu wrong, first", t.known, t.n, t.wrong);
		for (int i = 0; i < 16; i++)
			printf(" %02x", t.first[i]);
		printf("\n");
	}
	wdx_error_destroy(err);
	wdx_accesses_destroy(t.decoder);
	wdx_target_destroy(target);
}

static void check_others(void)
{
	struct wdx_target *target = NULL;
	struct wdx_error *err = wdx_target_create(&target, "riscv64-linux");
	struct wdx_skim s = {.kind = WDX_SKIM_PLAIN};
	uint8_t bytes[16] = {0x13};

	if (!err)
		wdx_target_skim(target)(bytes, 16, &s);
	ok(s.kind == WDX_SKIM_UNKNOWN, "of other machines nothing is known");
	wdx_error_destroy(err);
	wdx_target_destroy(target);
}

int main(void)
{
	compare("x86_64-linux", x86_64);
	compare("aarch64-linux", words);
	check_others();
	return done();
}
