/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "native/native.h"

#include <elf.h>
#include <string.h>

#include "base/error.h"
#include "native/decode.h"
#include "native/skim.h"

struct sweep {
	struct wdx_decoder *decoder;
	wdx_skim_fn *skim;
	bool (*may_call)(struct sweep *s, uint32_t lo, uint32_t hi); /* NULL: always */
	const uint8_t *code;
	uint32_t hi, delay; /* delay: size of a delay slot */
	uint32_t next[3]; /* x86: the first byte of each opcode at or behind where it was looked for
			   */
	struct wdx_native_calls *out;
};

/*
 * Whoever asks knows most instruction starts, so nearly all pieces between two of them are a few
 * bytes that hold no opcode of a call and need no look at each instruction.
 */
/* e8, 9a, and of ff those followed by an operand byte of which bits 3 to 5 are 2 or 3. */
static uint32_t x86_next(const struct sweep *s, uint8_t opcode, uint32_t at)
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

static bool x86_may_call(struct sweep *s, uint32_t lo, uint32_t hi)
{
	static const uint8_t opcodes[] = {0xe8, 0xff, 0x9a};
	bool found = false;

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		if (s->next[i] < lo)
			s->next[i] = x86_next(s, opcodes[i], lo);
		found |= s->next[i] < hi;
	}
	return found;
}

static bool aarch64_may_call(struct sweep *s, uint32_t lo, uint32_t hi)
{
	const uint8_t *p = s->code + lo;

	for (uint32_t i = 3; i < hi - lo; i += 4)
		if ((p[i] & 0xfc) == 0x94 || (p[i] & 0xfe) == 0xd6)
			return true;
	return false;
}

static struct wdx_error *add_call(struct sweep *s, uint64_t at)
{
	uint32_t *slot;

	if (at > s->hi)
		return NULL;
	slot = wdx_vec_push(&s->out->at);
	if (!slot)
		return &wdx_nomem;
	*slot = (uint32_t)at;
	return NULL;
}

static struct wdx_insn insn_at(const struct sweep *s, uint32_t pos, uint32_t end)
{
	struct wdx_skim k = s->skim(s->code + pos, s->hi - pos);

	if (k.kind == WDX_SKIM_UNKNOWN || k.size > end - pos)
		return wdx_decode(s->decoder, s->code + pos, end - pos, pos);
	return (struct wdx_insn){.size = k.size, .ok = true, .call = k.kind == WDX_SKIM_CALL};
}

/* An instruction that reaches past `end`, where another is known to begin, is data. */
static struct wdx_error *sweep_piece(struct sweep *s, uint32_t pos, uint32_t end)
{
	struct wdx_error *err = NULL;

	if (s->may_call && !s->may_call(s, pos, end))
		return NULL;
	while (pos < end && !err) {
		struct wdx_insn in = insn_at(s, pos, end);

		if (in.size > end - pos)
			break;
		pos += in.size;
		if (in.ok && in.call)
			err = add_call(s, (uint64_t)pos + (in.delay_slot ? s->delay : 0));
	}
	return err;
}

static size_t first_above(const uint32_t *starts, size_t n, uint32_t lo)
{
	size_t from = 0;

	while (n) {
		if (starts[from + n / 2] <= lo) {
			from += n / 2 + 1;
			n -= n / 2 + 1;
		} else {
			n /= 2;
		}
	}
	return from;
}

static struct wdx_error *sweep_range(struct sweep *s, uint32_t lo, const uint32_t *starts, size_t n)
{
	struct wdx_error *err;

	for (size_t i = first_above(starts, n, lo); i < n && starts[i] < s->hi; i++) {
		if (starts[i] <= lo)
			continue;
		err = sweep_piece(s, lo, starts[i]);
		if (err)
			return err;
		lo = starts[i];
	}
	return lo < s->hi ? sweep_piece(s, lo, s->hi) : NULL;
}

struct wdx_error *wdx_target_calls(const struct wdx_target *t, const uint8_t *code, uint32_t lo,
				   uint32_t hi, const uint32_t *starts, size_t nstarts,
				   struct wdx_native_calls *out, bool *known)
{
	struct sweep s = {.skim = wdx_target_skim(t),
			  .code = code,
			  .hi = hi,
			  .delay = wdx_target_code_align(t),
			  .out = out};
	unsigned machine = wdx_target_elf_machine(t);
	struct wdx_error *err;

	if (machine == EM_X86_64 || machine == EM_386)
		s.may_call = x86_may_call;
	else if (machine == EM_AARCH64)
		s.may_call = aarch64_may_call;

	*known = false;
	err = wdx_decoder_create(&s.decoder, t);
	if (err || !s.decoder)
		return err;
	*known = true;
	err = sweep_range(&s, lo, starts, nstarts);
	wdx_decoder_destroy(s.decoder);
	return err;
}
