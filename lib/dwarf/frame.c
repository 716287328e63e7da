/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/decode.h"

#include <string.h>

#define MAX_AUGMENTATION 32 /* bytes, with the NUL */

void wdx_frames_init(struct wdx_frames *it, const uint8_t *data, size_t size, bool big_endian,
		     uint8_t address_size)
{
	*it = (struct wdx_frames){.address_size = address_size, .cie_offset = UINT64_MAX};
	wdx_reader_init(&it->r, data, size, 0, big_endian);
}

/* An entry's beginning: what its body holds and whether it is a CIE. */
struct entry {
	struct wdx_reader body; /* behind the id */
	uint64_t id;
	bool is_cie;
};

static struct entry read_entry(struct wdx_reader *r)
{
	uint64_t length = wdx_read_u32(r);
	unsigned size = length == UINT32_MAX ? 8 : 4;
	struct entry e;

	if (size == 8)
		length = wdx_read_u64(r);
	e.body = wdx_read_sub(r, length);
	e.id = wdx_read_uint(&e.body, size);
	e.is_cie = e.id == (size == 8 ? UINT64_MAX : UINT32_MAX);
	return e;
}

static void read_rest(struct wdx_reader *r, struct wdx_frame *out)
{
	out->size = wdx_reader_left(r);
	out->insns = wdx_read_bytes(r, out->size);
}

/* CIEs are read again for their FDEs: a string of any length would make that quadratic. */
static const char *read_augmentation(struct wdx_reader *r)
{
	size_t left = wdx_reader_left(r);

	if (!memchr(r->pos, 0, left < MAX_AUGMENTATION ? left : MAX_AUGMENTATION))
		wdx_reader_fail(r, "CIE with an endless augmentation");
	return r->failed ? NULL : wdx_read_str(r);
}

/*
 * What augmentations put before the instructions.  "z" says its length, "eh" (GCC 2) is a pointer,
 * "armcc+" is nothing; what others put where is not known.
 */
static void skip_augmentation(struct wdx_reader *r, const struct wdx_frame *cie)
{
	const char *a = cie->augmentation;

	if (a[0] == 'z')
		wdx_read_skip(r, wdx_read_uleb(r, 64));
	else if (a[0] && strcmp(a, "armcc+") != 0)
		wdx_reader_fail(r, "unknown augmentation");
}

static void read_sizes(struct wdx_frames *it, struct wdx_reader *r, struct wdx_frame *out)
{
	out->address_size = it->address_size;
	it->cie_segment = 0;
	if (out->version >= 4) {
		out->address_size = wdx_read_u8(r);
		it->cie_segment = wdx_read_u8(r);
	}
	if (out->address_size < 1 || out->address_size > 8 || it->cie_segment > 8)
		wdx_reader_fail(r, "CIE with an impossible address size");
}

/* The CIE into it->cie; NULL or what is wrong with it. */
static const char *read_cie(struct wdx_frames *it, struct wdx_reader *r, uint64_t offset)
{
	struct wdx_frame *out = &it->cie;

	*out = (struct wdx_frame){.offset = offset, .is_cie = true};
	out->version = wdx_read_u8(r);
	if (out->version != 1 && out->version != 3 && out->version != 4)
		wdx_reader_fail(r, "CIE of an unknown version");
	out->augmentation = read_augmentation(r);
	if (!out->augmentation)
		return r->failed;
	if (strcmp(out->augmentation, "eh") == 0) {
		wdx_read_skip(r, it->address_size);
		out->augmentation += 2;
	}
	read_sizes(it, r, out);
	out->code_align = wdx_read_uleb(r, 64);
	out->data_align = wdx_read_sleb(r, 64);
	out->return_reg = out->version == 1 ? wdx_read_u8(r) : wdx_read_uleb(r, 64);
	skip_augmentation(r, out);
	read_rest(r, out);
	return r->failed;
}

/* Makes it->cie the CIE at that offset; FDEs of one CIE mostly follow each other. */
static const char *find_cie(struct wdx_frames *it, uint64_t offset)
{
	struct wdx_reader r = it->r;
	struct entry e;

	if (it->cie_offset == offset)
		return it->bad_cie;
	if (offset >= (uint64_t)(r.end - r.start))
		return "FDE without a CIE";
	/* The entry at hand may have been cut short: this one need not be. */
	r.failed = NULL;
	wdx_read_seek(&r, offset);
	e = read_entry(&r);
	if (e.body.failed || !e.is_cie)
		return "FDE without a CIE";
	it->cie_offset = offset;
	it->bad_cie = read_cie(it, &e.body, offset);
	return it->bad_cie;
}

static const char *read_fde(struct wdx_frames *it, struct entry *e, struct wdx_frame *out)
{
	const char *bad = find_cie(it, e->id);
	uint64_t mask;

	if (bad)
		return bad;
	out->cie = e->id;
	out->address_size = it->cie.address_size;
	mask = out->address_size < 8 ? (1ULL << 8 * out->address_size) - 1 : UINT64_MAX;
	wdx_read_skip(&e->body, it->cie_segment);
	out->lo = wdx_read_uint(&e->body, out->address_size);
	out->hi = (out->lo + wdx_read_uint(&e->body, out->address_size)) & mask;
	skip_augmentation(&e->body, &it->cie);
	read_rest(&e->body, out);
	return e->body.failed;
}

bool wdx_frames_next(struct wdx_frames *it, struct wdx_frame *out, const char **why)
{
	struct entry e;
	size_t at;

	*why = NULL;
	do { /* a length of 0 is padding */
		if (it->r.pos == it->r.end)
			return false;
		at = wdx_reader_at(&it->r);
		e = read_entry(&it->r);
	} while (!it->r.failed && e.body.start == e.body.end);
	*out = (struct wdx_frame){.offset = at, .is_cie = e.is_cie};
	if (e.body.failed) {
		*why = e.body.failed;
	} else if (!e.is_cie) {
		*why = read_fde(it, &e, out);
	} else {
		it->cie_offset = at;
		it->bad_cie = *why = read_cie(it, &e.body, at);
		if (!*why)
			*out = it->cie;
	}
	return true;
}
