/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/build.h"

#include <dwarf.h>
#include <string.h>

#include "base/error.h"
#include "dwarf/decode.h"

/* ---- life -------------------------------------------------------------------------------------
 */

void wdx_emit_latch(struct wdx_emit *e, struct wdx_error *err)
{
	if (!e->err)
		e->err = err;
	else
		wdx_error_destroy(err);
}

void wdx_emit_fail(struct wdx_emit *e, const char *why)
{
	wdx_emit_latch(e, wdx_bad_input("%s", why));
}

/* Input strings keep their offsets: their sections are copied whole and only appended to. */
struct wdx_error *wdx_emit_init(struct wdx_emit *e, struct wdx_input *in,
				const struct wdx_pass_config *config)
{
	memset(e, 0, sizeof(*e));
	e->in = in;
	e->config = config;
	for (int i = 0; i < WDX_OUT_COUNT; i++)
		e->out[i].big = config->big_endian;
	e->vals.big = e->xbytes.big = config->big_endian;
	e->strs.out = WDX_OUT_STR;
	e->line_strs.out = WDX_OUT_LINE_STR;
	wdx_buf_bytes(&e->out[WDX_OUT_STR], in->sec[WDX_SEC_STR].data, in->sec[WDX_SEC_STR].size);
	if (config->version != 4)
		wdx_buf_bytes(&e->out[WDX_OUT_LINE_STR], in->sec[WDX_SEC_LINE_STR].data,
			      in->sec[WDX_SEC_LINE_STR].size);
	for (int i = 0; i < WDX_SEC_COUNT; i++)
		e->room += in->sec[i].size;
	e->room = e->room * 64 + (64 << 20);
	if (!wdx_vec_reserve(&e->offsets, in->dies.len + 64))
		return &wdx_nomem;
	memset(e->offsets.data, 0xff, in->dies.len * sizeof(*e->offsets.data));
	e->offsets.len = in->dies.len;
	return NULL;
}

void wdx_emit_deinit(struct wdx_emit *e)
{
	for (int i = 0; i < WDX_OUT_COUNT; i++)
		wdx_buf_deinit(&e->out[i]);
	wdx_vec_free(&e->offsets);
	wdx_vec_free(&e->homes);
	wdx_vec_free(&e->patches);
	free(e->strs.slots);
	free(e->line_strs.slots);
	wdx_vec_free(&e->abbrevs);
	wdx_vec_free(&e->abbrev_specs);
	wdx_vec_free(&e->files);
	free(e->abbrev_slots);
	wdx_vec_free(&e->open);
	wdx_vec_free(&e->specs);
	wdx_buf_deinit(&e->vals);
	wdx_vec_free(&e->vpatches);
	wdx_buf_deinit(&e->xbytes);
	wdx_vec_free(&e->xfixes);
	wdx_arena_deinit(&e->xarena);
	wdx_error_destroy(e->err);
}

unsigned wdx_emit_version(const struct wdx_emit *e)
{
	return e->version;
}

void wdx_emit_base(struct wdx_emit *e, uint64_t address)
{
	e->base = address;
}

/* What the builder itself has to leave out is counted like what the walk does. */
static void lost(struct wdx_emit *e, enum wdx_lost what, const char *detail)
{
	const struct wdx_visitor *v = e->config->visitor;

	if (v && v->lost && !e->err)
		v->lost(e->cursor, what, detail, e->config->arg);
}

bool wdx_build_room(struct wdx_emit *e, const struct wdx_buf *b)
{
	if (b->len <= e->room && b->len <= UINT32_MAX)
		return true;
	if (!e->err)
		wdx_emit_fail(e, "the output is out of proportion to the input");
	return false;
}

/* ---- hash tables ------------------------------------------------------------------------------
 */

static uint32_t hash_bytes(uint32_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n--)
		h = (h ^ *b++) * 16777619u;
	return h;
}

/* Doubles a table of 1-based numbers when it is two thirds full; hash_of tells an entry's hash. */
static bool slots_grow(uint32_t **slots, size_t *nslots, size_t n,
		       uint32_t (*hash_of)(const void *arg, uint32_t v), const void *arg)
{
	if (n * 3 < *nslots * 2)
		return true;
	size_t bigger = *nslots ? *nslots * 2 : 64;
	uint32_t *s = calloc(bigger, sizeof(*s));

	if (!s)
		return false;
	for (size_t i = 0; i < *nslots; i++) {
		if (!(*slots)[i])
			continue;
		size_t at = hash_of(arg, (*slots)[i]) & (bigger - 1);

		while (s[at])
			at = (at + 1) & (bigger - 1);
		s[at] = (*slots)[i];
	}
	free(*slots);
	*slots = s;
	*nslots = bigger;
	return true;
}

static uint32_t hash_string_at(const void *arg, uint32_t v)
{
	const char *s = (const char *)((const struct wdx_buf *)arg)->data + v - 1;

	return hash_bytes(2166136261u, s, strlen(s));
}

uint32_t wdx_build_str(struct wdx_emit *e, struct wdx_strings *t, const char *s)
{
	struct wdx_buf *b = &e->out[t->out];
	size_t n = strlen(s);

	if (!slots_grow(&t->slots, &t->nslots, t->n, hash_string_at, b)) {
		wdx_emit_latch(e, &wdx_nomem);
		return 0;
	}
	size_t at = hash_bytes(2166136261u, s, n) & (t->nslots - 1);

	for (; t->slots[at]; at = (at + 1) & (t->nslots - 1))
		if (!strcmp((const char *)b->data + t->slots[at] - 1, s))
			return t->slots[at] - 1;
	uint32_t offset = (uint32_t)b->len;

	wdx_buf_bytes(b, s, n + 1);
	if (b->failed) {
		wdx_emit_latch(e, &wdx_nomem);
		return 0;
	}
	t->slots[at] = offset + 1;
	t->n++;
	return offset;
}

/* ---- units ------------------------------------------------------------------------------------
 */

static void add_patch(struct wdx_emit *e, struct wdx_patch p)
{
	struct wdx_patch *slot = wdx_vec_push(&e->patches);

	if (slot)
		*slot = p;
	else
		wdx_emit_latch(e, &wdx_nomem);
}

static void unit_header(struct wdx_emit *e, unsigned type)
{
	struct wdx_buf *b = &e->out[e->info];

	e->unit_start = (uint32_t)b->len;
	wdx_buf_u32(b, 0);
	wdx_buf_u16(b, (uint16_t)e->version);
	if (e->version >= 5) {
		wdx_buf_u8(b, (uint8_t)type);
		wdx_buf_u8(b, (uint8_t)e->address_size);
	}
	e->abbrev_at = b->len;
	wdx_buf_u32(b, 0);
	if (e->version < 5)
		wdx_buf_u8(b, (uint8_t)e->address_size);
}

/* Those of the entry before: those of a whole unit would take more memory than the unit. */
static void drop_exprs(struct wdx_emit *e)
{
	wdx_buf_reset(&e->xbytes);
	e->xfixes.len = 0;
	wdx_arena_reset(&e->xarena);
}

static void begin_unit(struct wdx_emit *e, unsigned version, unsigned address_size)
{
	e->version = version;
	e->address_size = address_size;
	e->info = WDX_OUT_INFO;
	e->depth = 0;
	e->base = e->unit ? e->unit->pub.low_pc : 0;
	e->first_new = (uint32_t)e->offsets.len;
	e->abbrevs.len = e->abbrev_specs.len = 0;
	e->files.len = 0;
	e->file_shift = e->unit && e->unit->pub.version >= 5 && version < 5;
	e->line_offset = WDX_NO_LINES;
	e->unit_patches = (uint32_t)e->patches.len;
	if (e->abbrev_slots)
		memset(e->abbrev_slots, 0, e->nabbrev_slots * sizeof(*e->abbrev_slots));
	drop_exprs(e);
	if (e->out[WDX_OUT_INFO].len > UINT32_MAX / 2)
		wdx_emit_fail(e, "the output's .debug_info exceeds 2 GiB");
}

/* The type's signature, and where in the unit it is. */
static void type_header(struct wdx_emit *e, const struct wdx_in_unit *u)
{
	struct wdx_buf *b = &e->out[e->info];
	uint32_t die = wdx_die_index(e->in, u->pub.offset + u->type_offset);

	wdx_buf_u64(b, u->signature);
	add_patch(e, (struct wdx_patch){(uint8_t)e->info, WDX_PATCH_UNIT4, (uint32_t)b->len,
					e->unit_start, die});
	wdx_buf_u32(b, 0);
}

void wdx_build_unit(struct wdx_emit *e, const struct wdx_in_unit *u, unsigned version,
		    unsigned address_size)
{
	e->unit = u;
	begin_unit(e, version, address_size);
	if (u->pub.type == DW_UT_type && version < 5)
		e->info = WDX_OUT_TYPES;
	unit_header(e, u->pub.type == DW_UT_skeleton ? DW_UT_compile : u->pub.type);
	if (u->pub.type == DW_UT_type)
		type_header(e, u);
}

void wdx_build_unit_drop(struct wdx_emit *e)
{
	wdx_build_line_end(e);
	if (e->err)
		return;
	e->out[e->info].len = e->unit_start;
	e->patches.len = e->unit_patches;
}

void wdx_emit_unit(struct wdx_emit *e, unsigned version, unsigned address_size)
{
	e->unit = NULL;
	begin_unit(e, version, address_size);
	unit_header(e, DW_UT_compile);
}

static void write_abbrevs(struct wdx_emit *e)
{
	struct wdx_buf *b = &e->out[WDX_OUT_ABBREV];

	wdx_buf_patch(&e->out[e->info], e->abbrev_at, b->len, 4);
	for (size_t i = 0; i < e->abbrevs.len; i++) {
		const struct wdx_out_abbrev *a = &e->abbrevs.data[i];

		wdx_buf_uleb(b, i + 1);
		wdx_buf_uleb(b, a->tag);
		wdx_buf_u8(b, a->children);
		for (uint32_t k = 0; k < a->n; k++) {
			wdx_buf_uleb(b, e->abbrev_specs.data[a->first + k].name);
			wdx_buf_uleb(b, e->abbrev_specs.data[a->first + k].form);
		}
		wdx_buf_u16(b, 0);
	}
	wdx_buf_u8(b, 0);
}

void wdx_emit_unit_end(struct wdx_emit *e)
{
	struct wdx_buf *b = &e->out[e->info];

	wdx_build_line_end(e);
	if (e->err || b->failed)
		return;
	wdx_buf_patch(b, e->unit_start, b->len - e->unit_start - 4, 4);
	write_abbrevs(e);
}

/* ---- entries ----------------------------------------------------------------------------------
 */

static uint32_t hash_abbrev(const struct wdx_out_spec *s, size_t n, uint16_t tag, bool children)
{
	uint32_t h = 2166136261u ^ tag ^ (children ? 0x10000u : 0);

	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i].name ^ (uint32_t)s[i].form << 16) * 16777619u;
	h ^= h >> 15;
	return h ? h : 1;
}

static uint32_t hash_abbrev_at(const void *arg, uint32_t v)
{
	return ((const struct wdx_emit *)arg)->abbrevs.data[v - 1].hash;
}

static bool abbrev_is(const struct wdx_emit *e, const struct wdx_out_abbrev *a, uint32_t hash,
		      bool children)
{
	return a->hash == hash && a->tag == e->tag && a->children == children &&
	       a->n == e->specs.len &&
	       (!a->n || !memcmp(&e->abbrev_specs.data[a->first], e->specs.data,
				 a->n * sizeof(*e->specs.data)));
}

/* The code of the pending entry's abbreviation; 0 when memory is out. */
static uint32_t abbrev_code(struct wdx_emit *e, bool children)
{
	if (!slots_grow(&e->abbrev_slots, &e->nabbrev_slots, e->abbrevs.len, hash_abbrev_at, e))
		return 0;
	uint32_t hash = hash_abbrev(e->specs.data, e->specs.len, e->tag, children);
	size_t at = hash & (e->nabbrev_slots - 1);

	for (; e->abbrev_slots[at]; at = (at + 1) & (e->nabbrev_slots - 1))
		if (abbrev_is(e, &e->abbrevs.data[e->abbrev_slots[at] - 1], hash, children))
			return e->abbrev_slots[at];
	struct wdx_out_abbrev *a = wdx_vec_push(&e->abbrevs);

	if (!a || !wdx_vec_reserve(&e->abbrev_specs, e->specs.len))
		return 0;
	*a = (struct wdx_out_abbrev){hash, (uint32_t)e->abbrev_specs.len, (uint32_t)e->specs.len,
				     e->tag, children};
	if (e->specs.len)
		memcpy(e->abbrev_specs.data + e->abbrev_specs.len, e->specs.data,
		       e->specs.len * sizeof(*e->specs.data));
	e->abbrev_specs.len += e->specs.len;
	e->abbrev_slots[at] = (uint32_t)e->abbrevs.len;
	return (uint32_t)e->abbrevs.len;
}

static void flush(struct wdx_emit *e, bool children)
{
	struct wdx_buf *b = &e->out[e->info];

	if (!e->pending)
		return;
	e->pending = false;
	uint32_t code = abbrev_code(e, children);

	if (!code) {
		wdx_emit_latch(e, &wdx_nomem);
		return;
	}
	if (e->id < e->offsets.len)
		e->offsets.data[e->id] = (uint32_t)b->len;
	wdx_buf_uleb(b, code);
	for (size_t i = 0; i < e->vpatches.len; i++) {
		struct wdx_patch p = e->vpatches.data[i];

		p.at += (uint32_t)b->len;
		add_patch(e, p);
	}
	wdx_buf_bytes(b, e->vals.data, e->vals.len);
}

void wdx_emit_die(struct wdx_emit *e, uint16_t tag, wdx_ident id)
{
	if (e->pending)
		e->open.data[e->open.len - 1] = 1;
	flush(e, true);
	uint8_t *open = wdx_vec_push(&e->open);

	if (!open) {
		wdx_emit_latch(e, &wdx_nomem);
		return;
	}
	*open = 0;
	if (e->xbytes.len)
		drop_exprs(e);
	e->pending = true;
	e->tag = tag;
	e->id = id;
	e->specs.len = e->vpatches.len = 0;
	wdx_buf_reset(&e->vals);
	e->depth++;
}

void wdx_emit_die_end(struct wdx_emit *e)
{
	if (!e->open.len) {
		if (!e->err)
			wdx_emit_fail(e, "internal: an entry ended that was never begun");
		return;
	}
	bool children = e->open.data[--e->open.len];

	flush(e, false);
	if (children)
		wdx_buf_u8(&e->out[e->info], 0);
	e->depth--;
}

static wdx_ident new_ident(struct wdx_emit *e, uint32_t home)
{
	uint32_t *o = wdx_vec_push(&e->offsets), *h = wdx_vec_push(&e->homes);

	if (!o || !h) {
		wdx_emit_latch(e, &wdx_nomem);
		return WDX_NO_IDENT;
	}
	*o = UINT32_MAX;
	*h = home;
	return (wdx_ident)(e->offsets.len - 1);
}

wdx_ident wdx_ident_new(struct wdx_emit *e)
{
	return new_ident(e, UINT32_MAX);
}

wdx_ident wdx_ident_beside(struct wdx_emit *e, uint64_t offset)
{
	uint32_t home = wdx_die_index(e->in, offset);

	return home == UINT32_MAX ? WDX_NO_IDENT : new_ident(e, home);
}

/* ---- attributes -------------------------------------------------------------------------------
 */

void wdx_emit_uint(struct wdx_emit *e, uint16_t at, uint64_t v)
{
	wdx_build_spec(e, at, DW_FORM_udata);
	wdx_buf_uleb(&e->vals, v);
}

void wdx_emit_sint(struct wdx_emit *e, uint16_t at, int64_t v)
{
	wdx_build_spec(e, at, DW_FORM_sdata);
	wdx_buf_sleb(&e->vals, v);
}

void wdx_emit_flag(struct wdx_emit *e, uint16_t at)
{
	wdx_build_spec(e, at, DW_FORM_flag_present);
}

void wdx_emit_string(struct wdx_emit *e, uint16_t at, const char *s)
{
	if (strlen(s) < 4) {
		wdx_build_spec(e, at, DW_FORM_string);
		wdx_buf_str(&e->vals, s);
		return;
	}
	wdx_build_spec(e, at, DW_FORM_strp);
	wdx_buf_u32(&e->vals, wdx_build_str(e, &e->strs, s));
}

void wdx_emit_block(struct wdx_emit *e, uint16_t at, const void *p, size_t n)
{
	wdx_build_spec(e, at, DW_FORM_block);
	wdx_buf_uleb(&e->vals, n);
	wdx_buf_bytes(&e->vals, p, n);
}

/* The entry of the input in whose unit the identity is; UINT32_MAX: a unit of the visitor's own. */
static uint32_t home_of(const struct wdx_emit *e, wdx_ident id)
{
	return id < e->in->dies.len ? id : e->homes.data[id - e->in->dies.len];
}

static bool in_this_unit(const struct wdx_emit *e, wdx_ident id)
{
	uint32_t home = home_of(e, id);

	if (home == UINT32_MAX)
		return id >= e->first_new;
	id = home;
	return e->unit && id >= e->unit->die && id - e->unit->die < e->unit->ndies;
}

/* Only a signature reaches into another section. */
static bool reachable(const struct wdx_emit *e, wdx_ident id)
{
	const struct wdx_in_unit *u;
	uint32_t home = home_of(e, id);

	if (home == UINT32_MAX || !(u = wdx_unit_at(e->in, e->in->dies.data[home].offset)))
		return true;
	return u->pub.type != DW_UT_type ||
	       (e->config->version ? e->config->version : u->pub.version) >= 5;
}

/* Whether it stands in the unit in work already. */
static bool is_written(const struct wdx_emit *e, wdx_ident id)
{
	return id < e->offsets.len && e->offsets.data[id] != UINT32_MAX &&
	       e->offsets.data[id] >= e->unit_start;
}

void wdx_emit_ref(struct wdx_emit *e, uint16_t at, wdx_ident id)
{
	bool local = in_this_unit(e, id);

	if (!local && !reachable(e, id)) {
		lost(e, WDX_LOST_REF, "a reference into .debug_types");
		return;
	}
	if (local && is_written(e, id)) {
		wdx_build_spec(e, at, DW_FORM_ref4);
		wdx_buf_u32(&e->vals, e->offsets.data[id] - e->unit_start);
		return;
	}
	struct wdx_patch *p = wdx_vec_push(&e->vpatches);

	if (!p) {
		wdx_emit_latch(e, &wdx_nomem);
		return;
	}
	*p = (struct wdx_patch){(uint8_t)e->info, local ? WDX_PATCH_UNIT4 : WDX_PATCH_INFO4,
				(uint32_t)e->vals.len, e->unit_start, id};
	wdx_build_spec(e, at, local ? DW_FORM_ref4 : DW_FORM_ref_addr);
	wdx_buf_u32(&e->vals, 0);
}

void wdx_emit_ident(struct wdx_emit *e, wdx_ident id)
{
	e->id = id;
}

/* Units of the output are hardly larger than those of the input: 64 KiB is what 2 bytes reach, 2
 * MiB what 3 bytes of an ULEB128 do. */
#define SHORTEST_REFS (1 << 13)
#define SHORT_REFS (5 << 18)

void wdx_emit_ref_short(struct wdx_emit *e, uint16_t at, wdx_ident id)
{
	bool shortest = e->unit && e->unit->pub.size <= SHORTEST_REFS;
	struct wdx_patch *p;

	if (!in_this_unit(e, id) || !e->unit || e->unit->pub.size > SHORT_REFS) {
		wdx_emit_ref(e, at, id);
		return;
	}
	p = wdx_vec_push(&e->vpatches);
	if (!p) {
		wdx_emit_latch(e, &wdx_nomem);
		return;
	}
	*p = (struct wdx_patch){(uint8_t)e->info, shortest ? WDX_PATCH_UNIT2 : WDX_PATCH_ULEB3,
				(uint32_t)e->vals.len, e->unit_start, id};
	wdx_build_spec(e, at, shortest ? DW_FORM_ref2 : DW_FORM_ref_udata);
	if (shortest)
		wdx_buf_u16(&e->vals, 0);
	else
		wdx_buf_uleb_padded(&e->vals, 0, 3);
}

/* Notes that an address is to be appended to the pending values. */
static void note_value(struct wdx_emit *e)
{
	struct wdx_patch *p = e->config->addresses ? wdx_vec_push(&e->vpatches) : NULL;

	if (p)
		*p = (struct wdx_patch){(uint8_t)e->info, WDX_PATCH_NONE, (uint32_t)e->vals.len,
					e->unit_start, WDX_NO_IDENT};
	else if (e->config->addresses)
		wdx_emit_latch(e, &wdx_nomem);
}

void wdx_build_addr_value(struct wdx_emit *e, uint64_t v)
{
	note_value(e);
	wdx_buf_uint(&e->vals, v, e->address_size);
}

void wdx_emit_addr(struct wdx_emit *e, uint16_t at, uint64_t address)
{
	wdx_build_spec(e, at, DW_FORM_addr);
	wdx_build_addr_value(e, address);
}

/* ---- lists ------------------------------------------------------------------------------------
 */

/* The section of lists for this unit's version; a version 5 table holds addresses of one size. */
static struct wdx_buf *list_buf(struct wdx_emit *e, enum wdx_out v5, enum wdx_out v4)
{
	struct wdx_buf *b = &e->out[e->version >= 5 ? v5 : v4];
	struct wdx_list_table *t = &e->tables[v5 == WDX_OUT_RNGLISTS];

	wdx_build_room(e, b);
	if (e->version < 5 || (b->len && t->address_size == e->address_size))
		return b;
	if (b->len)
		wdx_write_list_length(b, t->at);
	*t = (struct wdx_list_table){wdx_write_list_header(b, (uint8_t)e->address_size),
				     (uint8_t)e->address_size};
	return b;
}

void wdx_build_ranges(struct wdx_emit *e, uint16_t at, const struct wdx_range *r, size_t n)
{
	struct wdx_buf *b = list_buf(e, WDX_OUT_RNGLISTS, WDX_OUT_RANGES);

	wdx_build_spec(e, at, DW_FORM_sec_offset);
	wdx_buf_u32(&e->vals, (uint32_t)b->len);
	for (size_t i = 0; i < n; i++)
		if (!wdx_write_range_entry(b, (uint16_t)e->version, (uint8_t)e->address_size,
					   e->base, r[i].lo, r[i].hi))
			lost(e, WDX_LOST_LIST,
			     "a range that is empty or outside the address space");
	wdx_write_range_end(b, (uint16_t)e->version, (uint8_t)e->address_size);
}

/* A list is relative to the unit's base: one address less to relocate. */
static bool in_a_list(const struct wdx_emit *e)
{
	return e->config->addresses && e->version >= 5 && e->tag != DW_TAG_subprogram;
}

void wdx_emit_pcs(struct wdx_emit *e, const struct wdx_range *r, size_t n)
{
	bool top = e->depth == 1;

	if (top && n) {
		wdx_emit_addr(e, DW_AT_low_pc, e->base);
		wdx_build_ranges(e, DW_AT_ranges, r, n);
	} else if (n == 1 && !in_a_list(e)) {
		wdx_emit_addr(e, DW_AT_low_pc, r->lo);
		wdx_build_spec(e, DW_AT_high_pc, DW_FORM_udata);
		wdx_buf_uleb(&e->vals, r->hi - r->lo);
	} else if (n) {
		wdx_build_ranges(e, DW_AT_ranges, r, n);
	}
}

/* Appends an expression's bytes to a section or to the pending values; its references follow. */
static void append_expr(struct wdx_emit *e, const struct wdx_expr *x, struct wdx_buf *b,
			bool to_vals, enum wdx_out out)
{
	for (uint32_t i = 0; i < x->nfix; i++) {
		struct wdx_patch p = e->xfixes.data[x->fix + i];

		p.out = (uint8_t)out;
		p.at += (uint32_t)b->len;
		if (!to_vals) {
			add_patch(e, p);
			continue;
		}
		struct wdx_patch *slot = wdx_vec_push(&e->vpatches);

		if (slot)
			*slot = p;
		else
			wdx_emit_latch(e, &wdx_nomem);
	}
	wdx_buf_bytes(b, e->xbytes.data + x->start, x->end - x->start);
}

void wdx_emit_expr(struct wdx_emit *e, uint16_t at, const struct wdx_expr *x)
{
	wdx_build_spec(e, at, DW_FORM_exprloc);
	wdx_buf_uleb(&e->vals, x->end - x->start);
	append_expr(e, x, &e->vals, true, e->info);
}

void wdx_emit_loclist(struct wdx_emit *e, uint16_t at, const struct wdx_expr_loc *l, size_t n)
{
	enum wdx_out out = e->version >= 5 ? WDX_OUT_LOCLISTS : WDX_OUT_LOC;
	struct wdx_buf *b = list_buf(e, WDX_OUT_LOCLISTS, WDX_OUT_LOC);
	uint16_t version = (uint16_t)e->version;
	uint8_t size = (uint8_t)e->address_size;

	wdx_build_spec(e, at, DW_FORM_sec_offset);
	wdx_buf_u32(&e->vals, (uint32_t)b->len);
	for (size_t i = 0; i < n; i++) {
		size_t bytes = l[i].expr->end - l[i].expr->start;
		size_t pos = l[i].whole ? wdx_write_loc_default(b, version, bytes)
					: wdx_write_loc_entry(b, version, size, e->base, l[i].lo,
							      l[i].hi, bytes);
		if (pos == WDX_NOT_WRITTEN)
			lost(e, WDX_LOST_LIST,
			     "an entry of a location list that cannot be written");
		else
			append_expr(e, l[i].expr, b, false, out);
	}
	wdx_write_loc_end(b, version, size);
}

/* ---- expressions ------------------------------------------------------------------------------
 */

struct wdx_expr *wdx_expr_begin(struct wdx_emit *e)
{
	static struct wdx_expr nowhere; /* never written through: see `e` tested below */
	struct wdx_expr *x = wdx_arena_calloc(&e->xarena, 1, sizeof(*x));

	if (!x) {
		wdx_emit_latch(e, &wdx_nomem);
		return &nowhere;
	}
	x->e = e;
	x->start = x->end = (uint32_t)e->xbytes.len;
	x->fix = (uint32_t)e->xfixes.len;
	return x;
}

static struct wdx_buf *xbuf(struct wdx_expr *x)
{
	static struct wdx_buf sink = {.failed = true};

	return x->e ? &x->e->xbytes : &sink;
}

static void xdone(struct wdx_expr *x)
{
	if (x->e)
		x->end = (uint32_t)x->e->xbytes.len;
}

void wdx_expr_op(struct wdx_expr *x, uint8_t code)
{
	wdx_buf_u8(xbuf(x), code);
	xdone(x);
}

void wdx_expr_op_uint(struct wdx_expr *x, uint8_t code, uint64_t v)
{
	wdx_buf_u8(xbuf(x), code);
	wdx_buf_uleb(xbuf(x), v);
	xdone(x);
}

void wdx_expr_op_sint(struct wdx_expr *x, uint8_t code, int64_t v)
{
	wdx_buf_u8(xbuf(x), code);
	wdx_buf_sleb(xbuf(x), v);
	xdone(x);
}

void wdx_expr_const(struct wdx_expr *x, uint64_t v)
{
	struct wdx_buf *b = xbuf(x);
	static const struct {
		uint8_t code, size;
	} forms[] = {
		{DW_OP_const1u, 1}, {DW_OP_const2u, 2}, {DW_OP_const4u, 4}, {DW_OP_const8u, 8}};

	if (v < 32) {
		wdx_expr_op(x, (uint8_t)(DW_OP_lit0 + v));
		return;
	}
	unsigned i = v <= UINT8_MAX ? 0 : v <= UINT16_MAX ? 1 : v <= UINT32_MAX ? 2 : 3;

	wdx_buf_u8(b, forms[i].code);
	wdx_buf_uint(b, v, forms[i].size);
	xdone(x);
}

static bool add_fix(struct wdx_expr *x, enum wdx_patch_kind kind, wdx_ident id);

void wdx_expr_addr(struct wdx_expr *x, uint64_t address)
{
	wdx_buf_u8(xbuf(x), DW_OP_addr);
	if (x->e && x->e->config->addresses && !add_fix(x, WDX_PATCH_NONE, WDX_NO_IDENT))
		wdx_emit_latch(x->e, &wdx_nomem);
	wdx_buf_uint(xbuf(x), address, x->e ? x->e->address_size : 8);
	xdone(x);
}

void wdx_expr_raw(struct wdx_expr *x, const void *p, size_t n)
{
	wdx_buf_bytes(xbuf(x), p, n);
	xdone(x);
}

size_t wdx_expr_size(const struct wdx_expr *x)
{
	return x->end - x->start;
}

const uint8_t *wdx_expr_bytes(const struct wdx_expr *x)
{
	return wdx_expr_size(x) ? x->e->xbytes.data + x->start : (const uint8_t *)"";
}

bool wdx_expr_equal(const struct wdx_expr *a, const struct wdx_expr *b)
{
	size_t n = wdx_expr_size(a);

	if (!a->e || a->e != b->e || n != wdx_expr_size(b) || a->nfix != b->nfix)
		return false;
	for (uint32_t i = 0; i < a->nfix; i++)
		if (a->e->xfixes.data[a->fix + i].id != a->e->xfixes.data[b->fix + i].id)
			return false;
	return !n || !memcmp(a->e->xbytes.data + a->start, a->e->xbytes.data + b->start, n);
}

void wdx_build_patch_expr(struct wdx_expr *x, uint32_t at, uint64_t v, unsigned size)
{
	if (x->e && !x->e->xbytes.failed)
		wdx_buf_patch(&x->e->xbytes, x->start + at, v, size);
}

static bool add_fix(struct wdx_expr *x, enum wdx_patch_kind kind, wdx_ident id)
{
	struct wdx_patch *p = x->e ? wdx_vec_push(&x->e->xfixes) : NULL;

	if (!p)
		return false;
	*p = (struct wdx_patch){WDX_OUT_INFO, (uint8_t)kind, (uint32_t)x->e->xbytes.len - x->start,
				x->e->unit_start, id};
	x->nfix++;
	return true;
}

void wdx_expr_call(struct wdx_expr *x, wdx_ident id)
{
	uint32_t at = UINT32_MAX;

	if (x->e && is_written(x->e, id))
		at = x->e->offsets.data[id] - x->e->unit_start;
	wdx_buf_u8(xbuf(x), at <= UINT16_MAX ? DW_OP_call2 : DW_OP_call4);
	if (at <= UINT16_MAX) {
		wdx_buf_u16(xbuf(x), (uint16_t)at);
	} else {
		if (x->e && !add_fix(x, WDX_PATCH_UNIT4, id))
			wdx_emit_latch(x->e, &wdx_nomem);
		wdx_buf_u32(xbuf(x), 0);
	}
	xdone(x);
}

#define WDX_OP_GNU_PARAMETER_REF 0xfa /* not in older headers */

/* Operations that refer to an entry, and what stands around the reference. */
static bool copy_ref_op(struct wdx_expr *x, const struct wdx_op *op, wdx_ident id)
{
	struct wdx_buf *b = xbuf(x);
	bool fixed = op->code == DW_OP_call4 || op->code == DW_OP_call2 ||
		     op->code == WDX_OP_GNU_PARAMETER_REF;
	enum wdx_patch_kind kind = op->ref_global ? WDX_PATCH_INFO4
				   : fixed	  ? WDX_PATCH_UNIT4
						  : WDX_PATCH_ULEB4;

	/* call2's two bytes may not reach any more */
	wdx_buf_u8(b, op->code == DW_OP_call2 ? DW_OP_call4 : op->code);
	for (unsigned i = 0; i < op->nargs; i++) {
		bool is_signed = op->code == DW_OP_implicit_pointer ||
				 op->code == DW_OP_GNU_implicit_pointer;

		if (i + 1u == op->ref) {
			if (!add_fix(x, kind, id))
				return false;
			if (kind == WDX_PATCH_ULEB4)
				wdx_buf_uleb_padded(b, 0, 4);
			else
				wdx_buf_u32(b, 0);
		} else if (is_signed) {
			wdx_buf_sleb(b, (int64_t)op->arg[i]);
		} else if (op->code == DW_OP_deref_type || op->code == DW_OP_GNU_deref_type ||
			   op->code == DW_OP_xderef_type) {
			wdx_buf_u8(b, (uint8_t)op->arg[i]);
		} else {
			wdx_buf_uleb(b, op->arg[i]);
		}
	}
	if (op->code == DW_OP_const_type || op->code == DW_OP_GNU_const_type) {
		wdx_buf_u8(b, (uint8_t)op->data_size);
		wdx_buf_bytes(b, op->data, op->data_size);
	}
	xdone(x);
	return true;
}

/* Fixed-size numbers are in the byte order of the file. */
static unsigned number_size(uint8_t code)
{
	switch (code) {
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_bra:
	case DW_OP_skip:
		return 2;
	case DW_OP_const4u:
	case DW_OP_const4s:
		return 4;
	case DW_OP_const8u:
	case DW_OP_const8s:
		return 8;
	default:
		return 0;
	}
}

/* DW_OP_entry_value's operand is an expression; its bytes are copied where they mean the same. */
static bool copies_as_bytes(const struct wdx_op *op)
{
	struct wdx_op in[4];
	struct wdx_unit u = {.version = 5, .address_size = 8, .offset_size = 4};
	const char *why;
	size_t n;

	if (op->code != DW_OP_entry_value && op->code != DW_OP_GNU_entry_value)
		return true;
	if (!wdx_decode_expr(&u, op->data, op->data_size, in, 4, &n, &why))
		return false;
	for (size_t i = 0; i < n; i++)
		if (in[i].ref || number_size(in[i].code) || in[i].code == DW_OP_addr ||
		    in[i].code == DW_OP_addrx || in[i].code == DW_OP_constx)
			return false;
	return true;
}

/* Addresses are re-encoded in the output's size; indices into .debug_addr are resolved. */
static bool copy_plain_op(struct wdx_expr *x, const struct wdx_cursor *c, const struct wdx_op *op)
{
	unsigned size = number_size(op->code);
	uint64_t v = op->arg[0];
	bool indexed = op->code == DW_OP_addrx || op->code == DW_OP_GNU_addr_index;
	bool constant = op->code == DW_OP_constx || op->code == DW_OP_GNU_const_index;

	if ((indexed || constant) && !wdx_resolve_addrx(c, op->arg[0], &v))
		return false;
	if (indexed || op->code == DW_OP_addr) {
		wdx_expr_addr(x, v);
	} else if (constant) {
		wdx_expr_const(x, v);
	} else if (size) {
		wdx_buf_u8(xbuf(x), op->code);
		wdx_buf_uint(xbuf(x), v, size);
		xdone(x);
	} else if (!copies_as_bytes(op)) {
		return false;
	} else {
		wdx_expr_raw(x, op->bytes, op->size);
	}
	return true;
}

bool wdx_expr_copy(struct wdx_expr *x, const struct wdx_cursor *c, const struct wdx_op *op)
{
	if (!op->ref)
		return copy_plain_op(x, c, op);
	uint64_t offset = op->arg[op->ref - 1] + (op->ref_global ? 0 : c->unit->offset);
	wdx_ident id = wdx_ident_of(c, offset);

	if (id == WDX_NO_IDENT || !x->e)
		return false;
	if (!in_this_unit(x->e, id) && (!op->ref_global || !reachable(x->e, id)))
		return false;
	return copy_ref_op(x, op, id);
}

/* ---- line tables ------------------------------------------------------------------------------
 */

static uint32_t line_str(void *arg, const char *s)
{
	struct wdx_emit *e = arg;

	return wdx_build_str(e, &e->line_strs, s);
}

static const char *unit_string(const struct wdx_emit *e, unsigned at)
{
	struct wdx_decoded d;
	const struct wdx_attr *a;

	if (!e->unit || wdx_decode_die(e->in, e->unit, e->unit->first_die, &d))
		return NULL;
	a = wdx_die_attr(&d.die, at);
	return a && a->form_class == WDX_CLASS_STRING ? (const char *)a->data : NULL;
}

static const char *skip_dot(const char *path)
{
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	return path;
}

/* The absolute path of a file in a directory of a unit; "" when memory is out. */
static const char *absolute(struct wdx_emit *e, const char *comp_dir, const char *dir,
			    const char *name)
{
	const char *parts[3] = {comp_dir, skip_dot(dir), skip_dot(name)};
	size_t first = name[0] == '/' ? 2 : dir[0] == '/' ? 1 : 0, size = 1;
	char *out, *end;

	for (size_t i = first; i < 3; i++)
		size += strlen(parts[i]) + 1;
	out = end = wdx_arena_alloc(&e->xarena, size);
	for (size_t i = first; out && i < 3; i++) {
		size_t n = strlen(parts[i]);

		if (!n)
			continue;
		if (end > out)
			*end++ = '/';
		memcpy(end, parts[i], n);
		end += n;
	}
	if (!out)
		return "";
	*end = '\0';
	return out;
}

/* The file of an older table that is the unit's primary one; 0: none is. */
static size_t primary_file(struct wdx_emit *e, const struct wdx_line_table *t, const char *name,
			   const char *comp_dir)
{
	const char *path = absolute(e, comp_dir, "", name);
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	for (size_t i = 1; i < t->nfiles; i++) {
		const struct wdx_line_file *f = &t->files[i];
		const char *dir =
			f->dir && f->dir < t->ndirs && t->dirs[f->dir] ? t->dirs[f->dir] : "";
		size_t n = strlen(f->name), m = strlen(base);

		if (n >= m && !strcmp(f->name + n - m, base) &&
		    !strcmp(absolute(e, comp_dir, dir, f->name), path))
			return i;
	}
	return 0;
}

/*
 * File 0 of version 5 is the unit's primary file (DWARF 5 §6.2.4.1); before, files count from 1.
 * The primary one is the one of the table's files that has its path, which moves to 0, so that no
 * file stands in the table twice (producers of version 5 do write it twice); where there is none it
 * is put before them.  The input's numbers are mapped by e->files.
 */
static bool renumber_files(struct wdx_emit *e, const struct wdx_line_table *t, const char *name,
			   const char *comp_dir, struct wdx_line_table *out)
{
	bool counted = t->version >= 5 && t->nfiles; /* has its file 0 */
	const char *dir = counted && t->files[0].dir < t->ndirs && t->dirs[t->files[0].dir]
				  ? t->dirs[t->files[0].dir]
				  : "";
	const char *path = counted ? absolute(e, comp_dir, dir, t->files[0].name) : name;
	size_t primary = primary_file(e, t, path, comp_dir);
	struct wdx_line_file *files = wdx_arena_calloc(&e->xarena, t->nfiles + 1, sizeof(*files));
	size_t n = 1;

	if (!files || !wdx_vec_reserve(&e->files, t->nfiles + 1))
		return false;
	e->files.data[e->files.len++] = 0;
	files[0] = counted   ? t->files[0]
		   : primary ? t->files[primary]
			     : (struct wdx_line_file){.name = name};
	for (size_t i = 1; i < t->nfiles; i++) {
		e->files.data[e->files.len++] = i == primary ? 0 : (uint32_t)n;
		if (i != primary)
			files[n++] = t->files[i];
	}
	*out = *t;
	out->version = 5;
	out->files = files;
	out->nfiles = n;
	return true;
}

uint64_t wdx_build_file(const struct wdx_emit *e, uint64_t file)
{
	if (e->files.len)
		return file < e->files.len ? e->files.data[file] : 0;
	return file + e->file_shift;
}

void wdx_emit_line_header(struct wdx_emit *e, const struct wdx_line_table *t)
{
	const char *name = unit_string(e, DW_AT_name), *comp_dir = unit_string(e, DW_AT_comp_dir);
	struct wdx_line_options o = {.version = (uint16_t)(e->version >= 5 ? 5 : 4),
				     .address_size = (uint8_t)e->address_size,
				     .name = name,
				     .comp_dir = comp_dir,
				     .line_str = line_str,
				     .arg = e};
	struct wdx_line_table renumbered;

	wdx_build_line_end(e);
	e->line_offset = (uint32_t)e->out[WDX_OUT_LINE].len;
	e->line_open = true;
	e->files.len = 0;
	/* a table that only is copied stays as it is */
	if (o.version == 5 && (t->version < 5 || e->config->version)) {
		if (!renumber_files(e, t, name ? name : "", comp_dir ? comp_dir : "",
				    &renumbered)) {
			wdx_emit_latch(e, &wdx_nomem);
			e->line_open = false;
			return;
		}
		t = &renumbered;
	}
	wdx_build_room(e, &e->out[WDX_OUT_LINE]);
	wdx_line_begin(&e->line, &e->out[WDX_OUT_LINE], t, &o);
	e->file_shift = e->line.file_shift;
}

void wdx_emit_row(struct wdx_emit *e, const struct wdx_row *row)
{
	struct wdx_row r = *row;
	size_t address = e->line.address;

	/* the writer shifts the numbers of newer tables itself */
	if (e->files.len)
		r.file = (uint32_t)wdx_build_file(e, row->file);
	wdx_line_row(&e->line, &r);
	if (e->config->addresses && e->line.address != address)
		add_patch(e, (struct wdx_patch){WDX_OUT_LINE, WDX_PATCH_NONE,
						(uint32_t)e->line.address, 0, WDX_NO_IDENT});
}

void wdx_build_line_end(struct wdx_emit *e)
{
	if (!e->line_open)
		return;
	e->line_open = false;
	wdx_line_end(&e->line);
	if (e->line.failed)
		wdx_emit_fail(e, e->line.failed);
}

void wdx_emit_stmt_list(struct wdx_emit *e)
{
	wdx_build_spec(e, DW_AT_stmt_list, DW_FORM_sec_offset);
	wdx_buf_u32(&e->vals, e->line_offset);
}

void wdx_emit_frames(struct wdx_emit *e, const void *p, size_t n)
{
	wdx_buf_bytes(&e->out[WDX_OUT_FRAME], p, n);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void not_written(struct wdx_emit *e, wdx_ident id)
{
	if (id < e->in->dies.len)
		wdx_emit_latch(
			e,
			wdx_bad_input("internal: DIE 0x%x is referred to and was kept, but never "
				      "written",
				      e->in->dies.data[id].offset));
	else
		wdx_emit_fail(e, "internal: a reference to an entry that was never written");
}

/* How many bits of an offset a kind of reference holds. */
static unsigned patch_bits(enum wdx_patch_kind kind)
{
	return kind == WDX_PATCH_UNIT2	 ? 16
	       : kind == WDX_PATCH_ULEB3 ? 21
	       : kind == WDX_PATCH_ULEB4 ? 28
					 : 32;
}

static void patch_in(struct wdx_emit *e, const struct wdx_patch *p, uint32_t target)
{
	struct wdx_buf *b = &e->out[p->out];

	if ((uint64_t)target >> patch_bits(p->kind))
		wdx_emit_fail(e, "a unit grew too large for the references in it");
	else if (p->kind == WDX_PATCH_ULEB3 || p->kind == WDX_PATCH_ULEB4)
		wdx_buf_patch_uleb(b, p->at, target, p->kind == WDX_PATCH_ULEB3 ? 3 : 4);
	else
		wdx_buf_patch(b, p->at, target, p->kind == WDX_PATCH_UNIT2 ? 2 : 4);
}

static void apply(struct wdx_emit *e, const struct wdx_patch *p)
{
	uint32_t target = p->id < e->offsets.len ? e->offsets.data[p->id] : UINT32_MAX;

	if (p->kind == WDX_PATCH_NONE)
		return;
	if (target == UINT32_MAX) {
		not_written(e, p->id);
		return;
	}
	if (p->kind != WDX_PATCH_INFO4) {
		if (target < p->unit) {
			wdx_emit_fail(
				e, "internal: an entry was written in another unit than announced");
			return;
		}
		target -= p->unit;
	}
	patch_in(e, p, target);
}

static void finish_list(struct wdx_buf *b, const struct wdx_list_table *t)
{
	if (b->len && !b->failed)
		wdx_write_list_length(b, t->at);
}

struct wdx_error *wdx_build_finish(struct wdx_emit *e)
{
	for (int i = 0; i < WDX_OUT_COUNT; i++) {
		if (e->out[i].failed)
			wdx_emit_latch(e, &wdx_nomem);
		else if (e->out[i].len > UINT32_MAX)
			wdx_emit_fail(e, "an output section exceeds 4 GiB");
	}
	for (size_t i = 0; i < e->patches.len && !e->err; i++)
		apply(e, &e->patches.data[i]);
	finish_list(&e->out[WDX_OUT_LOCLISTS], &e->tables[0]);
	finish_list(&e->out[WDX_OUT_RNGLISTS], &e->tables[1]);
	struct wdx_error *err = e->err;

	e->err = NULL;
	return err;
}
