/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "native/shapes.h"

#include <endian.h>
#include <string.h>

#include "base/vec.h"
#include "native/modrm.h"

enum { MAX_HEAD = 8, MAX_SHAPES = 1 << 15 };

/* What a number in an instruction's last bytes fills. */
enum fills {
	FILLS_NOTHING,
	FILLS_DISP,
	FILLS_MINUS_DISP,
	FILLS_IMM,
	FILLS_IMM_UNSIGNED,
	FILLS_TARGET
};

struct number {
	uint8_t at, size, fills;
};

struct shape {
	uint64_t head; /* the first bytes, and how many */
	uint8_t nhead;
	struct number numbers[2]; /* displacement, immediate */
	struct wdx_access access; /* size 0: it is not so simple */
};

struct wdx_shapes {
	bool x86;
	wdx_shape_decode decode;
	void *arg;
	WDX_VEC(struct shape) shapes;
	uint16_t *slots; /* hash by head: number of the shape + 1; 0 is free */
	size_t nslots;
};

/* ---- what the bytes say -----------------------------------------------------------------------
 */

static uint64_t unsigned_number(const uint8_t *p, const struct number *n)
{
	uint32_t four;
	uint64_t v = 0;

	if (n->size == 1)
		return p[n->at];
	if (n->size == 4) {
		memcpy(&four, p + n->at, sizeof(four));
		return le32toh(four);
	}
	for (unsigned i = n->size; i-- > 0;)
		v = v << 8 | p[n->at + i];
	return v;
}

static int64_t signed_number(const uint8_t *p, const struct number *n)
{
	unsigned unused = 64 - 8 * n->size;

	return (int64_t)(unsigned_number(p, n) << unused) >> unused;
}

static void fill(struct wdx_access *out, const uint8_t *p, const struct number *n, uint32_t at)
{
	uint64_t target;

	switch (n->fills) {
	case FILLS_DISP:
		out->disp = signed_number(p, n);
		break;
	case FILLS_MINUS_DISP:
		out->disp = (int64_t)-(uint64_t)signed_number(p, n);
		break;
	case FILLS_IMM:
		out->imm = signed_number(p, n);
		break;
	case FILLS_IMM_UNSIGNED:
		out->imm = (int64_t)unsigned_number(p, n);
		break;
	case FILLS_TARGET:
		target = (uint64_t)at + out->size + (uint64_t)signed_number(p, n);
		out->target = target < UINT32_MAX ? (uint32_t)target : UINT32_MAX;
		break;
	}
}

static uint64_t head_of(const uint8_t *p, unsigned n)
{
	uint64_t bytes;

	memcpy(&bytes, p, sizeof(bytes));
	return le64toh(bytes) & UINT64_MAX >> (64 - 8 * n);
}

static void apply(const struct shape *s, const uint8_t *p, uint32_t at, struct wdx_access *out)
{
	*out = s->access;
	for (unsigned i = 0; i < 2; i++)
		if (s->numbers[i].fills)
			fill(out, p, &s->numbers[i], at);
}

/* ---- the parts of an instruction --------------------------------------------------------------
 */

/* Opcodes followed by a ModRM byte, a bit for each: of one byte, and behind 0f. */
static const uint32_t with_modrm[8] = {0x0f0f0f0f, 0x0f0f0f0f, 0x00000000, 0x00000a08,
				       0x0000ffff, 0x00000000, 0xff0f00c3, 0xc0c00000};
static const uint32_t with_modrm_0f[8] = {0xffff201f, 0x0000ffff, 0xffffffff, 0xff7fffff,
					  0xffff0000, 0xfffff8f8, 0xffff00ff, 0xffffffff};

static bool has_bit(const uint32_t *bits, uint8_t i)
{
	return bits[i / 32] >> (i % 32) & 1;
}

static bool is_prefix(uint8_t byte)
{
	return (byte & 0xfe) == 0x66 || (byte & 0xfe) == 0xf2;
}

/* Bytes up to the end of the opcode; *modrm: whether a ModRM byte follows.  Intel's manual, volume
 * 2, chapter 2. */
static unsigned opcode_end(const uint8_t *p, bool *modrm)
{
	unsigned i = 0;

	while (i < 4 && is_prefix(p[i]))
		i++;
	if ((p[i] & 0xf0) == 0x40)
		i++;
	*modrm = true;
	if (has_bit(with_modrm, p[i]))
		return i + 1;
	switch (p[i]) {
	case 0x62: /* EVEX */
		return i + 5;
	case 0xc4: /* VEX */
		return i + 4;
	case 0xc5:
		return i + 3;
	case 0x0f:
		if (p[i + 1] == 0x38 || p[i + 1] == 0x3a)
			return i + 3;
		*modrm = has_bit(with_modrm_0f, p[i + 1]);
		return i + 2;
	}
	*modrm = false;
	return i + 1;
}

/* Behind the opcode: the bytes that say where the operand is; *disp: how many of the displacement
 * follow. */
static unsigned address_bytes(const uint8_t *p, unsigned *disp)
{
	unsigned bytes = p[0] >> 6 != 3 && (p[0] & 7) == 4 ? 2 : 1; /* ModRM, SIB */

	*disp = wdx_modrm_size(p) - bytes;
	return bytes;
}

/* How many bytes come before the numbers; *disp: of the displacement.  Of an aarch64 instruction
 * all do. */
static unsigned head_end(const struct wdx_shapes *s, const uint8_t *p, unsigned *disp)
{
	unsigned head;
	bool modrm;

	*disp = 0;
	if (!s->x86)
		return 4;
	head = opcode_end(p, &modrm);
	return modrm ? head + address_bytes(p + head, disp) : head;
}

/* Takes the instruction apart into head and numbers; false: not one that fits in here. */
static bool split(const struct wdx_shapes *s, const uint8_t *p, struct shape *out)
{
	unsigned size = out->access.size, disp, head = head_end(s, p, &disp);

	if (head > MAX_HEAD || head + disp > size || size - head - disp > 8)
		return false;
	out->nhead = (uint8_t)head;
	out->head = head_of(p, head);
	out->numbers[0] = (struct number){(uint8_t)head, (uint8_t)disp, 0};
	out->numbers[1] = (struct number){(uint8_t)(head + disp), (uint8_t)(size - head - disp), 0};
	return true;
}

/* ---- learning ---------------------------------------------------------------------------------
 */

/* The instruction as it is, and with other numbers. */
struct sample {
	uint8_t bytes[WDX_SHAPE_BYTES];
	struct wdx_access is;
};

enum { NSAMPLES = 2 };

/* Padding is compared too: it costs a shape at worst. */
static bool fits(const struct shape *s, const struct sample *samples, uint32_t at)
{
	struct wdx_access out;

	for (unsigned i = 0; i < NSAMPLES; i++) {
		memset(&out, 0, sizeof(out));
		apply(s, samples[i].bytes, at, &out);
		if (memcmp(&out, &samples[i].is, sizeof(out)) != 0)
			return false;
	}
	return true;
}

/* The other numbers are negative, and differ in each byte: that tells all ways to fill them in from
 * each other. */
static bool take_samples(struct wdx_shapes *s, const struct shape *shape, const uint8_t *p,
			 uint32_t at, struct sample *samples)
{
	struct sample *other = &samples[1];

	memcpy(samples[0].bytes, p, WDX_SHAPE_BYTES);
	samples[0].is = shape->access;
	*other = samples[0];
	for (unsigned k = shape->nhead; k < shape->access.size; k++) {
		other->bytes[k] = (uint8_t)(0xca + 3 * k);
		if (other->bytes[k] == p[k])
			other->bytes[k] ^= 0x11;
	}
	other->is = s->decode(s->arg, other->bytes, WDX_SHAPE_BYTES, at);
	return other->is.ok && other->is.size == shape->access.size;
}

/* The first way to fill in the numbers that gives what decoding gave. */
static bool find_fills(struct wdx_shapes *s, struct shape *shape, const uint8_t *p, uint32_t at)
{
	struct sample samples[NSAMPLES];
	unsigned last[2];

	if (shape->nhead == shape->access.size)
		return shape->access.target == UINT32_MAX;
	if (shape->access.leaves && shape->access.target == UINT32_MAX)
		return false; /* out of reach: says nothing of others */
	if (!take_samples(s, shape, p, at, samples))
		return false;

	for (unsigned i = 0; i < 2; i++)
		last[i] = shape->numbers[i].size ? FILLS_TARGET : FILLS_NOTHING;
	for (unsigned d = 0; d <= last[0]; d++) {
		for (unsigned i = 0; i <= last[1]; i++) {
			shape->numbers[0].fills = (uint8_t)d;
			shape->numbers[1].fills = (uint8_t)i;
			if (fits(shape, samples, at))
				return true;
		}
	}
	return false;
}

static size_t hash(uint64_t head, unsigned nhead, size_t nslots)
{
	uint64_t h = (head ^ nhead) * 0x9e3779b97f4a7c15u;

	return (size_t)(h >> 40) & (nslots - 1);
}

static void put(struct wdx_shapes *s, size_t i)
{
	const struct shape *shape = &s->shapes.data[i];
	size_t at = hash(shape->head, shape->nhead, s->nslots);

	while (s->slots[at])
		at = (at + 1) & (s->nslots - 1);
	s->slots[at] = (uint16_t)(i + 1);
}

static bool make_room(struct wdx_shapes *s)
{
	size_t n = s->nslots ? 2 * s->nslots : 1024;
	uint16_t *slots;

	if (s->shapes.len + 1 >= MAX_SHAPES)
		return false;
	if (2 * (s->shapes.len + 1) <= s->nslots)
		return true;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return false;
	free(s->slots);
	s->slots = slots;
	s->nslots = n;
	for (size_t i = 0; i < s->shapes.len; i++)
		put(s, i);
	return true;
}

static void learn(struct wdx_shapes *s, const uint8_t *p, uint32_t at, const struct wdx_access *is)
{
	struct shape shape, *slot;

	memset(&shape, 0, sizeof(shape));
	shape.access = *is;
	if (!split(s, p, &shape))
		return;
	if (!find_fills(s, &shape, p, at))
		shape.access.size = 0;
	slot = make_room(s) ? wdx_vec_push(&s->shapes) : NULL;
	if (!slot)
		return;
	*slot = shape;
	put(s, s->shapes.len - 1);
}

/* ---- finding ----------------------------------------------------------------------------------
 */

static const struct shape *find(const struct wdx_shapes *s, const uint8_t *p)
{
	unsigned disp, n = head_end(s, p, &disp);
	uint64_t head;

	if (n > MAX_HEAD || !s->nslots)
		return NULL;
	head = head_of(p, n);
	for (size_t i = hash(head, n, s->nslots); s->slots[i]; i = (i + 1) & (s->nslots - 1)) {
		const struct shape *shape = &s->shapes.data[s->slots[i] - 1];

		if (shape->head == head && shape->nhead == n)
			return shape;
	}
	return NULL;
}

void wdx_shapes_access(struct wdx_shapes *s, const uint8_t *p, uint32_t at, struct wdx_access *out)
{
	const struct shape *shape = find(s, p);

	if (shape && shape->access.size) {
		apply(shape, p, at, out);
		return;
	}
	*out = s->decode(s->arg, p, WDX_SHAPE_BYTES, at);
	if (!shape && out->ok)
		learn(s, p, at, out);
}

struct wdx_shapes *wdx_shapes_create(bool x86, wdx_shape_decode decode, void *arg)
{
	struct wdx_shapes *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->x86 = x86;
	s->decode = decode;
	s->arg = arg;
	return s;
}

void wdx_shapes_destroy(struct wdx_shapes *s)
{
	if (!s)
		return;
	wdx_vec_free(&s->shapes);
	free(s->slots);
	free(s);
}
