/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Of x86-64 what integer code is made of, without any prefix but 66 and REX. */
#include "native/skim.h"

#include <elf.h>
#include <stdbool.h>

#include "native/modrm.h"
#include "native/native.h"

static const struct wdx_skim unknown = {0, WDX_SKIM_UNKNOWN, 0};

/* ---- x86-64 -----------------------------------------------------------------------------------
 */

enum {
	K = 1,	 /* known */
	M = 2,	 /* has a ModRM byte */
	I = 4,	 /* an immediate or displacement of four bytes, of two behind 66 */
	B = 8,	 /* one of one byte */
	S = 16,	 /* writes its ModRM operand */
	J = 32,	 /* jumps, as J8 and J32 where the target is in the instruction */
	C = 64,	 /* calls */
	G = 128, /* the ModRM byte tells more: see group() */
};

#define ALU(at)                                                                                    \
	[(at)] = K | M | S, [(at) + 1] = K | M | S, [(at) + 2] = K | M, [(at) + 3] = K | M,        \
	[(at) + 4] = K | B, [(at) + 5] = K | I

static const uint8_t one_byte[256] = {
	ALU(0x00),		 /* add */
	ALU(0x08),		 /* or */
	ALU(0x10),		 /* adc */
	ALU(0x18),		 /* sbb */
	ALU(0x20),		 /* and */
	ALU(0x28),		 /* sub */
	ALU(0x30),		 /* xor */
	[0x38 ... 0x3b] = K | M, /* cmp */
	[0x3c] = K | B,
	[0x3d] = K | I,
	[0x50 ... 0x5f] = K, /* push, pop */
	[0x63] = K | M,	     /* movsxd */
	[0x68] = K | I,	     /* push */
	[0x69] = K | M | I,  /* imul */
	[0x6a] = K | B,	     /* push */
	[0x6b] = K | M | B,  /* imul */
	[0x70 ... 0x7f] = K | B | J,
	[0x80] = K | M | B | G, /* add to cmp */
	[0x81] = K | M | I | G,
	[0x83] = K | M | B | G,
	[0x84 ... 0x85] = K | M,     /* test */
	[0x86 ... 0x89] = K | M | S, /* xchg, mov */
	[0x8a ... 0x8b] = K | M,     /* mov */
	[0x8d] = K | M | G,	     /* lea */
	[0x90 ... 0x99] = K,	     /* nop, xchg, cwde, cdq */
	[0xa8] = K | B,		     /* test */
	[0xa9] = K | I,
	[0xb0 ... 0xb7] = K | B, /* mov */
	[0xb8 ... 0xbf] = K | I,
	[0xc0 ... 0xc1] = K | M | B | G, /* shifts */
	[0xc3] = K | J,			 /* ret */
	[0xc6] = K | M | B | G,		 /* mov */
	[0xc7] = K | M | I | G,
	[0xd0 ... 0xd3] = K | M | G, /* shifts */
	[0xe8] = K | I | C,
	[0xe9] = K | I | J,
	[0xeb] = K | B | J,
	[0xf6 ... 0xf7] = K | M | G, /* test, not, neg, mul, div */
	[0xfe ... 0xff] = K | M | G, /* inc, dec, call, jmp, push */
};

static const uint8_t two_byte[256] = {
	[0x0b] = K | J,		     /* ud2 */
	[0x40 ... 0x4f] = K | M,     /* cmov */
	[0x80 ... 0x8f] = K | I | J, /* jcc */
	[0x90 ... 0x9f] = K | M | S, /* setcc */
	[0xa3] = K | M,		     /* bt */
	[0xa4] = K | M | B | S,	     /* shld */
	[0xa5] = K | M | S,	     /* shld */
	[0xac] = K | M | B | S,	     /* shrd */
	[0xad] = K | M | S,	     /* shrd */
	[0xaf] = K | M,		     /* imul */
	[0xb0 ... 0xb1] = K | M | S, /* cmpxchg */
	[0xb6 ... 0xb7] = K | M,     /* movzx */
	[0xbc ... 0xbd] = K | M,     /* bsf, bsr */
	[0xbe ... 0xbf] = K | M,     /* movsx */
	[0xc0 ... 0xc1] = K | M | S, /* xadd */
	[0xc8 ... 0xcf] = K,	     /* bswap */
};

/* What the operation in bits 3 to 5 of the ModRM byte makes of an opcode; 0: unknown. */
static uint8_t group(uint8_t opcode, uint8_t what, uint8_t modrm)
{
	unsigned op = modrm >> 3 & 7;

	what &= (uint8_t)~G;
	switch (opcode) {
	case 0x8d: /* has no register form */
		return modrm < 0xc0 ? what : 0;
	case 0x80:
	case 0x81:
	case 0x83:
		return op == 7 ? what : what | S;
	case 0xc6:
	case 0xc7:
		return op == 0 ? what | S : 0;
	case 0xf6:
	case 0xf7:
		if (op < 2)
			return op ? 0 : what | (opcode == 0xf6 ? B : I);
		return op < 4 ? what | S : what;
	case 0xfe:
		return op < 2 ? what | S : 0;
	case 0xff:
		return op < 2	 ? what | S
		       : op == 2 ? what | C
		       : op == 4 ? what | J
		       : op == 6 ? what
				 : 0;
	default: /* shifts */
		return op == 6 ? 0 : what | S;
	}
}

enum { REX_B = 1, REX_X = 2, REX_W = 8, RSP = 4, RBP = 5 };

/* Whether the frame is pointed to by base or, unscaled, by index. */
static bool is_frame(uint8_t sib, uint8_t rex, bool based)
{
	unsigned base = sib & 7;

	return (sib >> 3 == RBP && !(rex & REX_X)) ||
	       (based && !(rex & REX_B) && (base == RSP || base == RBP));
}

/* Whether the ModRM byte at p names memory of the frame, or a register. */
static bool is_stack(const uint8_t *p, uint8_t rex)
{
	unsigned mod = p[0] >> 6, base = p[0] & 7;

	if (mod == 3)
		return true;
	if (base == RSP)
		return is_frame(p[1], rex, mod != 0 || (p[1] & 7) != RBP);
	return base == RBP && mod != 0 && !(rex & REX_B);
}

/* The bytes of I. */
static unsigned immediate(uint8_t opcode, bool two, bool wide, bool narrow)
{
	if (wide)
		return !two && (opcode & 0xf8) == 0xb8 ? 8 : 4;
	return narrow ? 2 : 4;
}

static enum wdx_skim_kind kind_of(uint8_t what, const uint8_t *modrm, uint8_t rex)
{
	return what & J				   ? WDX_SKIM_JUMP
	       : what & C			   ? WDX_SKIM_CALL
	       : what & S && !is_stack(modrm, rex) ? WDX_SKIM_STORE
						   : WDX_SKIM_PLAIN;
}

/* Of a jump, what is at p where the instruction has its immediate. */
static int32_t displacement(const uint8_t *p, uint8_t what)
{
	if (what & B)
		return (int8_t)p[0];
	return what & I ? (int32_t)(p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24) : 0;
}

static void x86_64(const uint8_t *p, size_t n, struct wdx_skim *out)
{
	const uint8_t *at = p, *modrm;
	bool narrow = *p == 0x66, two;
	uint8_t rex = 0, what, opcode;
	int32_t to = 0;

	*out = unknown;
	if (n < 16)
		return;
	at += narrow;
	if ((*at & 0xf0) == 0x40)
		rex = *at++;
	two = *at == 0x0f;
	at += two;
	opcode = *at++;
	modrm = at;
	what = (two ? two_byte : one_byte)[opcode];
	if (what & G)
		what = group(opcode, what, *modrm);
	if (!what || (narrow && what & (J | C)))
		return;
	if (what & M)
		at += wdx_modrm_size(modrm);
	if (what & J)
		to = displacement(at, what);
	if (what & B)
		at++;
	if (what & I)
		at += immediate(opcode, two, rex & REX_W, narrow);
	*out = (struct wdx_skim){(uint32_t)(at - p), kind_of(what, modrm, rex), to};
}

/* ---- aarch64 ----------------------------------------------------------------------------------
 */

/* Arm ARM, C4.1: bits 25 to 28 are the class of an instruction. */
static void aarch64(const uint8_t *p, size_t n, struct wdx_skim *out)
{
	static const uint8_t kinds[16] = {
		[0x4] = WDX_SKIM_ACCESS, [0x6] = WDX_SKIM_ACCESS, [0xc] = WDX_SKIM_ACCESS,
		[0xe] = WDX_SKIM_ACCESS, [0x8] = WDX_SKIM_PLAIN,  [0x9] = WDX_SKIM_PLAIN,
		[0x5] = WDX_SKIM_PLAIN,	 [0xd] = WDX_SKIM_PLAIN,  [0x7] = WDX_SKIM_PLAIN,
		[0xf] = WDX_SKIM_PLAIN};
	enum wdx_skim_kind kind = n < 4 ? WDX_SKIM_UNKNOWN : kinds[p[3] >> 1 & 15];

	*out = (struct wdx_skim){kind == WDX_SKIM_UNKNOWN ? 0 : 4, kind, 0};
}

static void nothing(const uint8_t *p, size_t n, struct wdx_skim *out)
{
	(void)p;
	(void)n;
	*out = unknown;
}

wdx_skim_fn *wdx_target_skim(const struct wdx_target *t)
{
	switch (wdx_target_elf_machine(t)) {
	case EM_X86_64:
		return x86_64;
	case EM_AARCH64:
		return aarch64;
	default:
		return nothing;
	}
}
