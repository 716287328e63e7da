/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Values as bytes, and two of them side by side.
 */
#include "stepper/value.h"

#include <string.h>

/* ---- bytes of values ------------------------------------------------------------------------- */

/* The piece that holds byte `at`; *in: that byte's number in it, *left: how many follow. */
static const struct piece *piece_at(const struct value *v, uint64_t at, uint64_t *in,
				    uint64_t *left)
{
	for (unsigned i = 0; i < v->n; i++) {
		const struct piece *p = &v->piece[i];

		if (at < p->size) {
			*in = at;
			*left = p->size - at;
			return p;
		}
		at -= p->size;
	}
	*left = UINT64_MAX;
	return NULL;
}

static uint64_t memory_address(const struct view *v, const struct piece *p)
{
	const struct wasm_frame *f = v->ctx;

	if (v->native || wasm_machine(f->w, false)->width == 8)
		return p->address;
	return (uint32_t)p->address;
}

/* Whether these bytes hold an upper half that no one may rely on. */
static bool poisoned(const struct native_frame *f, uint64_t at, size_t n)
{
	for (unsigned i = 0; f->poison && i < f->poison->nslots; i++) {
		uint64_t upper = f->cfa + (uint64_t)f->poison->slots[i] + 4;

		if (at < upper + 4 && upper < at + n)
			return true;
	}
	return false;
}

/* At most *n bytes, *n lowered to what lies together; NULL: not to be had. */
static const uint8_t *bytes_of(const struct view *v, const struct piece *p, uint64_t in, size_t *n)
{
	uint64_t at;

	if (p->kind == PIECE_VALUE) {
		if (in >= p->n)
			return NULL;
		if (*n > p->n - in)
			*n = p->n - in;
		return (p->data ? p->data : p->bytes) + in;
	}
	at = memory_address(v, p) + in;
	if (v->native) {
		const struct native_frame *f = v->ctx;
		size_t room = PROC_PAGE - at % PROC_PAGE;

		if (*n > room)
			*n = room;
		return poisoned(f, at, *n) ? NULL : proc_peek(f->p, at, *n);
	}
	const struct wasm_frame *f = v->ctx;

	return at < f->memory_size && *n <= f->memory_size - at ? f->memory + at : NULL;
}

bool value_bytes(const struct value *v, bool native, void *ctx, uint64_t at, size_t n, uint8_t *out)
{
	struct view w = {v, native, ctx};

	while (n) {
		uint64_t in, left;
		const struct piece *p = piece_at(v, at, &in, &left);
		size_t k = n < left ? n : left;
		const uint8_t *b = p && p->kind != PIECE_NONE ? bytes_of(&w, p, in, &k) : NULL;

		if (!b)
			return false;
		memcpy(out, b, k);
		out += k;
		at += k;
		n -= k;
	}
	return true;
}

/* ---- comparing two values -------------------------------------------------------------------- */

static const char *compare_addresses(const struct view *a, const struct piece *p,
				     const struct view *b, const struct piece *q)
{
	const struct native_frame *f = b->ctx;
	uint64_t native = q->address - f->w->memory;

	/* a spill slot is memory, too */
	if (p->kind != PIECE_MEMORY || q->kind != PIECE_MEMORY)
		return NULL;
	return native == memory_address(a, p) ? NULL : "another address";
}

/* Up to n bytes from `at` on; *n: how many were compared. */
static struct likeness compare_some(const struct view *in, const struct view *out, uint64_t at,
				    size_t *n)
{
	struct likeness r = {NULL, false};
	uint64_t i, o, in_left, out_left;
	const struct piece *p = piece_at(in->v, at, &i, &in_left);
	const struct piece *q = piece_at(out->v, at, &o, &out_left);
	const uint8_t *a, *b;

	*n = *n < in_left ? *n : in_left;
	*n = *n < out_left ? *n : out_left;
	if (!q || q->kind == PIECE_NONE) {
		r.partial = p && p->kind != PIECE_NONE;
		return r;
	}
	if (!p || p->kind == PIECE_NONE) {
		r.bad = "shown, but not there";
		return r;
	}
	r.bad = at - i == at - o ? compare_addresses(in, p, out, q) : NULL;
	if (r.bad)
		return r;
	a = bytes_of(in, p, i, n);
	if (!a)
		return r; /* the truth ends here */
	b = bytes_of(out, q, o, n);
	if (!b)
		r.bad = "too short, or outside memory";
	else if (memcmp(a, b, *n))
		r.bad = "another value";
	return r;
}

struct likeness value_compare(const struct view *in, const struct view *out, uint64_t size)
{
	struct likeness all = {NULL, false}, r;
	uint64_t at = 0;

	if (size > MAX_COMPARED)
		size = size == UINT64_MAX ? 1 : MAX_COMPARED;
	while (at < size && !all.bad) {
		size_t n = size - at;

		r = compare_some(in, out, at, &n);
		all.bad = r.bad;
		all.partial |= r.partial;
		at += n;
	}
	return all;
}
