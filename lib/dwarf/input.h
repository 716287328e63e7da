/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Input DWARF, opened: its sections, units, abbreviations; entries decoded by compiled
 * abbreviations.  libdw enumerates units and reads abbreviations; entries are decoded here, since
 * both passes run over all of them.
 */
#ifndef WDX_DWARF_INPUT_H
#define WDX_DWARF_INPUT_H

#include <elfutils/libdw.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/reader.h"
#include "base/vec.h"
#include "wdx_pass.h"

enum wdx_sec {
	WDX_SEC_INFO,
	WDX_SEC_ABBREV,
	WDX_SEC_STR,
	WDX_SEC_LINE_STR,
	WDX_SEC_STR_OFFSETS,
	WDX_SEC_ADDR,
	WDX_SEC_LOC,
	WDX_SEC_LOCLISTS,
	WDX_SEC_RANGES,
	WDX_SEC_RNGLISTS,
	WDX_SEC_LINE,
	WDX_SEC_FRAME,
	WDX_SEC_MACRO,
	WDX_SEC_MACINFO,
	WDX_SEC_TYPES,
	WDX_SEC_COUNT
};

extern const char *const wdx_sec_names[WDX_SEC_COUNT];

struct wdx_spec { /* an attribute of an abbreviation */
	uint16_t name, form;
	int8_t size;   /* bytes, or an S_* kind */
	uint8_t class; /* for this attribute in a unit of this version */
	int64_t implicit;
};

struct wdx_abbrev {
	uint32_t code;
	uint16_t tag;
	bool children;
	uint32_t first, n; /* specs; n counts attributes */
	uint64_t names;	   /* see struct wdx_die */
};

struct wdx_abbrevs { /* one table, as read for one unit version */
	uint64_t offset;
	uint16_t version;
	WDX_VEC(struct wdx_spec) specs;
	WDX_VEC(struct wdx_abbrev) list; /* codes ascending */
};

struct wdx_in_unit {
	struct wdx_unit pub;
	const struct wdx_abbrevs *abbrevs;
	uint64_t first_die, end; /* offsets in .debug_info */
	uint64_t str_base, addr_base, loclists_base, rnglists_base;
	uint64_t signature, type_offset; /* of type units */
	uint32_t die, ndies;		 /* in wdx_input.dies, after the first pass */
};

struct wdx_in_die {
	uint32_t offset, parent; /* parent: index of the entry, UINT32_MAX at the top */
	uint16_t tag;
	uint8_t keep; /* enum wdx_kept */
};

struct wdx_die_word {
	uint64_t bits;	 /* for each of 64 bytes: an entry begins there */
	uint64_t kept;	 /* one that is written; after the first pass */
	uint32_t before; /* entries that begin before these bytes */
};

enum wdx_kept { WDX_KEPT_NOT, WDX_KEPT_BARE, WDX_KEPT };

struct wdx_input {
	Dwarf *dw;
	Elf *elf;
	struct wdx_buf image;
	struct wdx_debug_section sec[WDX_SEC_COUNT];
	bool big;
	WDX_VEC(struct wdx_in_unit) units;
	WDX_VEC(struct wdx_abbrevs *) tables;
	struct wdx_abbrevs **table_slots; /* a hash of them */
	size_t table_mask;
	uint64_t abbrev_bytes; /* read for all tables */
	uint8_t *joined;       /* .debug_info with .debug_types behind it, when there are both */
	uint64_t types;	       /* offset from which on .debug_info is .debug_types */
	bool has_dwo;	       /* there are split units, which are not read */
	bool indexed;	       /* dies and words are complete */
	WDX_VEC(struct wdx_in_die) dies;
	struct wdx_die_word *words; /* by offset in .debug_info / 64 */
	struct wdx_arena arena;
};

#define WDX_MAX_ATTRS 128

/* An entry decoded: the public view and where the next one begins. */
struct wdx_decoded {
	struct wdx_die die;
	struct wdx_attr attrs[WDX_MAX_ATTRS];
	uint64_t next; /* offset */
	bool null;     /* the end of a sibling chain */
};

/* Decodes the entry at that offset of .debug_info.  A static string says what is wrong, or NULL. */
const char *wdx_decode_die(const struct wdx_input *in, const struct wdx_in_unit *u, uint64_t offset,
			   struct wdx_decoded *d);

/* How many bits are set.  (Not every processor that this is compiled for has an instruction.) */
static inline uint32_t wdx_count_bits(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555;
	v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (uint32_t)(v * 0x0101010101010101 >> 56);
}

/* Index of the entry that begins at that offset; UINT32_MAX: none does.  After the first pass. */
static inline uint32_t wdx_die_index(const struct wdx_input *in, uint64_t offset)
{
	if (!in->indexed || offset >= in->sec[WDX_SEC_INFO].size)
		return UINT32_MAX;
	const struct wdx_die_word *w = &in->words[offset / 64];
	uint64_t bit = 1ULL << (offset % 64);

	if (!(w->bits & bit))
		return UINT32_MAX;
	return w->before + wdx_count_bits(w->bits & (bit - 1));
}

/* The unit whose bytes hold that offset, or NULL.  Binary search. */
const struct wdx_in_unit *wdx_unit_at(const struct wdx_input *in, uint64_t offset);

/* The address at an index of the unit's table in .debug_addr. */
bool wdx_unit_addrx(const struct wdx_input *in, const struct wdx_in_unit *u, uint64_t index,
		    uint64_t *out);

/* The string at an index of the unit's table in .debug_str_offsets. */
bool wdx_unit_strx(const struct wdx_input *in, const struct wdx_in_unit *u, uint64_t index,
		   const char **out);

#endif
