/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "native/native.h"

#include <elf.h>
#include <string.h>

#include "base/error.h"
#include "native/decode.h"
#include "native/skim.h"

struct sweep {
	const struct wdx_target *target;
	struct wdx_decoder *decoder; /* NULL: not needed yet */
	wdx_skim_fn *skim;
	/* The first byte at or behind `at` that may belong to a call; hi: none.  NULL: any may. */
	uint32_t (*next)(struct sweep *s, uint32_t at);
	const uint8_t *code;
	uint32_t hi, delay; /* delay: size of a delay slot */
	uint32_t
		found[3]; /* x86: the first byte of each opcode at or behind where it was looked for
			   */
	struct wdx_native_calls *out;
	struct wdx_error *err;
};

/* ---- bytes of calls ---------------------------------------------------------------------------
 *
 * Whoever asks knows most instruction starts.  Nearly all pieces between two of them hold no byte
 * that a call needs, and are passed over.
 */

/* e8, 9a, and of ff those followed by an operand byte of which bits 3 to 5 are 2 or 3. */
static uint32_t x86_find(const struct sweep *s, uint8_t opcode, uint32_t at)
{
	const uint8_t *p = s->code + at, *end = s->code + s->hi;

	for (;; p++) {
		p = memchr(p, opcode, (size_t)(end - p));
		if (!p)
			return s->hi;
		if (opcode != 0xff || (p + 1 < end && (p[1] & 0x30) == 0x10))
			return (uint32_t)(p - s->code);
	}
}

static uint32_t x86_next(struct sweep *s, uint32_t at)
{
	static const uint8_t opcodes[] = {0xe8, 0xff, 0x9a};
	uint32_t next = s->hi;

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		if (s->found[i] < at)
			s->found[i] = x86_find(s, opcodes[i], at);
		next = s->found[i] < next ? s->found[i] : next;
	}
	return next;
}

/* The highest byte of bl, or of blr and its like. */
static uint32_t aarch64_next(struct sweep *s, uint32_t at)
{
	while (at < s->hi && (s->code[at] & 0xfc) != 0x94 && (s->code[at] & 0xfe) != 0xd6)
		at++;
	return at;
}

/* ---- the sweep --------------------------------------------------------------------------------
 */

static void add_call(struct sweep *s, uint64_t at)
{
	uint32_t *slot = at <= s->hi ? wdx_vec_push(&s->out->at) : NULL;

	if (slot)
		*slot = (uint32_t)at;
	else if (at <= s->hi)
		s->err = &wdx_nomem;
}

static struct wdx_insn decode(struct sweep *s, uint32_t pos, uint32_t end)
{
	if (!s->decoder)
		s->err = wdx_decoder_create(&s->decoder, s->target);
	return s->decoder ? wdx_decode(s->decoder, s->code + pos, end - pos, pos)
			  : (struct wdx_insn){.size = 1};
}

static struct wdx_insn insn_at(struct sweep *s, uint32_t pos, uint32_t end)
{
	struct wdx_skim k;

	s->skim(s->code + pos, s->hi - pos, &k);
	if (k.kind == WDX_SKIM_UNKNOWN || k.size > end - pos)
		return decode(s, pos, end);
	return (struct wdx_insn){.size = k.size, .ok = true, .call = k.kind == WDX_SKIM_CALL};
}

/* An instruction that reaches past `end`, where another is known to begin, is data. */
static void sweep_piece(struct sweep *s, uint32_t pos, uint32_t end)
{
	while (pos < end && !s->err) {
		struct wdx_insn in = insn_at(s, pos, end);

		if (in.size > end - pos)
			break;
		pos += in.size;
		if (in.ok && in.call)
			add_call(s, (uint64_t)pos + (in.delay_slot ? s->delay : 0));
	}
}

static void sweep_range(struct sweep *s, uint32_t lo, const uint32_t *starts, size_t n)
{
	for (size_t i = 0; lo < s->hi && !s->err;) {
		uint32_t next = s->next ? s->next(s, lo) : lo, end;

		if (next >= s->hi)
			break;
		for (; i < n && starts[i] <= next; i++)
			lo = starts[i] > lo ? starts[i] : lo;
		end = i < n && starts[i] < s->hi ? starts[i] : s->hi;
		sweep_piece(s, lo, end);
		lo = end;
	}
}

struct wdx_error *wdx_target_calls(const struct wdx_target *t, const uint8_t *code, uint32_t lo,
				   uint32_t hi, const uint32_t *starts, size_t nstarts,
				   struct wdx_native_calls *out, bool *known)
{
	struct sweep s = {.target = t,
			  .skim = wdx_target_skim(t),
			  .code = code,
			  .hi = hi,
			  .delay = wdx_target_code_align(t),
			  .out = out};
	unsigned machine = wdx_target_elf_machine(t);

	if (machine == EM_X86_64 || machine == EM_386)
		s.next = x86_next;
	else if (machine == EM_AARCH64)
		s.next = aarch64_next;
	else
		s.err = wdx_decoder_create(&s.decoder, t);
	*known = s.next || s.decoder;
	if (*known)
		sweep_range(&s, lo, starts, nstarts);
	wdx_decoder_destroy(s.decoder);
	return s.err;
}

uint32_t wdx_target_callee(const struct wdx_target *t, const uint8_t *p, size_t n, uint32_t at)
{
	unsigned machine = wdx_target_elf_machine(t);
	uint32_t word = 0;

	if (n == 5 && *p == 0xe8 && machine == EM_X86_64) {
		for (unsigned i = 4; i; i--)
			word = word << 8 | p[i];
		return at + 5 + word;
	}
	for (unsigned i = 4; n == 4 && i--;)
		word = word << 8 | p[i];
	if (machine == EM_AARCH64 && word >> 26 == 0x25) /* bl */
		return at + ((word & 0x3ffffff) ^ 0x2000000) * 4 - (0x2000000u * 4);
	return UINT32_MAX;
}
