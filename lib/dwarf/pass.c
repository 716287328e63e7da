/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The second pass over units and entries, and the run as a whole. */
#include "dwarf/pass.h"

#include <dwarf.h>
#include <string.h>

#include "base/error.h"

static const struct wdx_visitor identity;

void wdx_pass_lost(struct wdx_pass *p, enum wdx_lost what, const char *detail)
{
	if (p->v->lost)
		p->v->lost(&p->cursor, what, detail, p->config->arg);
}

wdx_ident wdx_ident_of(const struct wdx_cursor *c, uint64_t offset)
{
	const struct wdx_input *in = c->pass->in;

	/* the entry itself is not looked at: it is far from the one before */
	if (!in->indexed || offset >= in->sec[WDX_SEC_INFO].size ||
	    !(in->words[offset / 64].kept >> offset % 64 & 1))
		return WDX_NO_IDENT;
	return wdx_die_index(in, offset);
}

bool wdx_resolve_addrx(const struct wdx_cursor *c, uint64_t index, uint64_t *out)
{
	return c->pass->unit && wdx_unit_addrx(c->pass->in, c->pass->unit, index, out);
}

/* ---- entries ----------------------------------------------------------------------------------
 */

static bool decode_at(struct wdx_pass *p, uint32_t i)
{
	const char *why = wdx_decode_die(p->in, p->unit, p->in->dies.data[i].offset, &p->decoded);

	if (why)
		wdx_emit_fail(&p->emit, why);
	p->cursor.die = &p->decoded.die;
	return !why;
}

/* Behind the last child of entry i, which was decoded long before: what is known of it still. */
static void return_to(struct wdx_pass *p, uint32_t i)
{
	const struct wdx_in_die *d = &p->in->dies.data[i];

	if (p->decoded.die.offset != d->offset)
		p->decoded.die =
			(struct wdx_die){.offset = d->offset, .tag = d->tag, .has_children = true};
	p->cursor.die = &p->decoded.die;
}

static void close_die(struct wdx_pass *p)
{
	uint32_t i = p->open.data[--p->open.len];

	p->cursor.depth = (unsigned)p->open.len;
	if (p->v->die_end) {
		return_to(p, i);
		p->v->die_end(&p->cursor, &p->emit, p->config->arg);
	}
	wdx_emit_die_end(&p->emit);
}

static wdx_ident ident_for(const struct wdx_pass *p, uint32_t i)
{
	return !p->again ? i : i == p->again_root ? p->again_id : WDX_NO_IDENT;
}

/* A skeleton comes out as a unit without a split part. */
static uint16_t output_tag(uint16_t tag)
{
	return tag == DW_TAG_skeleton_unit ? DW_TAG_compile_unit : tag;
}

/* Opens entry i; false: the visitor took it, with all below it. */
static bool open_die(struct wdx_pass *p, uint32_t i)
{
	bool bare = p->in->dies.data[i].keep == WDX_KEPT_BARE;
	uint32_t *slot;

	if (!decode_at(p, i))
		return false;
	p->cursor.depth = (unsigned)p->open.len;
	if (p->v->die && wdx_pass_taken(p, p->v->die(&p->cursor, bare, &p->emit, p->config->arg)))
		return false;
	slot = wdx_vec_push(&p->open);
	if (!slot) {
		wdx_emit_latch(&p->emit, &wdx_nomem);
		return false;
	}
	*slot = i;
	wdx_emit_die(&p->emit, output_tag(p->decoded.die.tag), ident_for(p, i));
	wdx_pass_attrs(p);
	if (p->v->attrs_end)
		p->v->attrs_end(&p->cursor, &p->emit, p->config->arg);
	return true;
}

static uint32_t skip_below(const struct wdx_in_die *dies, uint32_t i, uint32_t end)
{
	uint32_t k = i + 1;

	while (k < end && dies[k].parent != UINT32_MAX && dies[k].parent >= i)
		k++;
	return k;
}

/* Entries i to end, which are whole subtrees below the innermost open entry. */
static void write_range(struct wdx_pass *p, uint32_t i, uint32_t end)
{
	const struct wdx_in_die *dies = p->in->dies.data;
	size_t outer = p->open.len;

	while (i < end && !p->emit.err) {
		if (dies[i].keep == WDX_KEPT_NOT) {
			i = skip_below(dies, i, end);
			/* a bare entry below one that is not kept cannot be: its parents are kept
			 * too */
			continue;
		}
		while (p->open.len > outer && p->open.data[p->open.len - 1] != dies[i].parent)
			close_die(p);
		i = open_die(p, i) ? i + 1 : skip_below(dies, i, end);
	}
	while (p->open.len > outer && !p->emit.err)
		close_die(p);
}

static void write_entries(struct wdx_pass *p)
{
	p->open.len = 0;
	write_range(p, p->unit->die, p->unit->die + p->unit->ndies);
}

void wdx_emit_again(struct wdx_emit *e, const struct wdx_cursor *c, uint64_t offset, wdx_ident id)
{
	struct wdx_pass *p = (struct wdx_pass *)c->pass;
	uint32_t here = wdx_die_index(p->in, c->die->offset), i = wdx_die_index(p->in, offset);
	uint32_t root = p->again_root;
	wdx_ident outer = p->again_id;
	bool again = p->again;

	p->again = true;
	p->again_root = i;
	p->again_id = id;
	if (i != UINT32_MAX)
		write_range(p, i, skip_below(p->in->dies.data, i, p->unit->die + p->unit->ndies));
	p->again = again;
	p->again_root = root;
	p->again_id = outer;
	if (!e->err)
		decode_at(p, here);
	p->cursor.depth = (unsigned)p->open.len;
}

/* ---- units ------------------------------------------------------------------------------------
 */

static unsigned output_version(const struct wdx_pass *p, const struct wdx_in_unit *u)
{
	return p->config->version ? p->config->version : u->pub.version < 4 ? 4 : u->pub.version;
}

bool wdx_pass_supports(const struct wdx_in_unit *u)
{
	uint8_t type = u->pub.type;

	return type == DW_UT_compile || type == DW_UT_partial || type == DW_UT_skeleton ||
	       (type == DW_UT_type && u->type_offset >= u->first_die - u->pub.offset);
}

/* The unit event, and what follows from its verdict. */
static void unit_body(struct wdx_pass *p)
{
	enum wdx_verdict v =
		p->v->unit ? p->v->unit(&p->cursor, &p->emit, p->config->arg) : WDX_COPY;

	if (!wdx_pass_taken(p, v))
		write_entries(p);
	if (v == WDX_DROP)
		wdx_build_unit_drop(&p->emit);
	else
		wdx_emit_unit_end(&p->emit);
}

static bool is_split(struct wdx_pass *p, const struct wdx_in_unit *u)
{
	return u->pub.type == DW_UT_skeleton ||
	       (!wdx_decode_die(p->in, u, u->first_die, &p->decoded) &&
		(wdx_die_attr(&p->decoded.die, DW_AT_GNU_dwo_name) ||
		 wdx_die_attr(&p->decoded.die, DW_AT_dwo_name)));
}

static void write_unit(struct wdx_pass *p, const struct wdx_in_unit *u)
{
	unsigned size = p->config->address_size ? p->config->address_size : u->pub.address_size;

	p->unit = u;
	p->cursor = (struct wdx_cursor){.unit = &u->pub, .pass = p};
	if (!wdx_pass_supports(u)) {
		wdx_pass_lost(p, WDX_LOST_UNIT, "a unit of a kind that is not supported");
		return;
	}
	if (!u->ndies || p->in->dies.data[u->die].keep == WDX_KEPT_NOT)
		return;
	if (is_split(p, u))
		wdx_pass_lost(p, WDX_LOST_UNIT, "the split part of a unit is not read");
	wdx_build_unit(&p->emit, u, output_version(p, u), size);
	unit_body(p);
	wdx_arena_reset(&p->arena);
}

/* ---- call frame information -------------------------------------------------------------------
 */

static void copy_frame(struct wdx_pass *p, const struct wdx_frame *f, size_t *cie)
{
	struct wdx_buf *b = &p->emit.out[WDX_OUT_FRAME];

	if (f->is_cie)
		*cie = wdx_write_cie(b, f);
	else if (*cie == WDX_NOT_WRITTEN || wdx_write_fde(b, *cie, f->address_size, f->lo, f->hi,
							  f->insns, f->size) == WDX_NOT_WRITTEN)
		wdx_pass_lost(p, WDX_LOST_ATTR, "a frame description that cannot be written");
}

/* Before version 4 a CIE does not say it. */
static uint8_t first_address_size(const struct wdx_input *in)
{
	return in->units.len ? in->units.data[0].pub.address_size : 4;
}

static void write_frames(struct wdx_pass *p)
{
	const struct wdx_debug_section *s = &p->in->sec[WDX_SEC_FRAME];
	struct wdx_unit none = {.version = 4,
				.address_size = first_address_size(p->in),
				.big_endian = p->in->big,
				.name = ""};
	struct wdx_frames it;
	struct wdx_frame f;
	size_t cie = WDX_NOT_WRITTEN;
	uint64_t cie_from = UINT64_MAX;
	const char *why;

	if (!s->size)
		return;
	p->unit = NULL;
	p->cursor = (struct wdx_cursor){.unit = &none, .pass = p};
	wdx_frames_init(&it, s->data, s->size, p->in->big, none.address_size);
	while (!p->emit.err && wdx_frames_next(&it, &f, &why)) {
		if (why) {
			wdx_pass_lost(p, WDX_LOST_ATTR, why);
			continue;
		}
		if (p->v->frame &&
		    wdx_pass_taken(p, p->v->frame(&p->cursor, &f, &p->emit, p->config->arg)))
			continue;
		/* an FDE of another CIE than the last: that one is written again before it */
		if (!f.is_cie && f.cie != cie_from)
			copy_frame(p, &it.cie, &cie);
		copy_frame(p, &f, &cie);
		cie_from = f.is_cie ? f.offset : f.cie;
	}
}

/* ---- the run ----------------------------------------------------------------------------------
 */

static const char *const out_names[WDX_OUT_COUNT] = {
	[WDX_OUT_INFO] = ".debug_info",		[WDX_OUT_ABBREV] = ".debug_abbrev",
	[WDX_OUT_STR] = ".debug_str",		[WDX_OUT_LINE] = ".debug_line",
	[WDX_OUT_LINE_STR] = ".debug_line_str", [WDX_OUT_LOCLISTS] = ".debug_loclists",
	[WDX_OUT_RNGLISTS] = ".debug_rnglists", [WDX_OUT_LOC] = ".debug_loc",
	[WDX_OUT_RANGES] = ".debug_ranges",	[WDX_OUT_FRAME] = ".debug_frame",
	[WDX_OUT_MACRO] = ".debug_macro",	[WDX_OUT_MACINFO] = ".debug_macinfo",
	[WDX_OUT_TYPES] = ".debug_types",
};

/* What descriptions of frames hold is appended as bytes, by the visitor too. */
static bool note_frames(struct wdx_emit *e)
{
	const struct wdx_buf *b = &e->out[WDX_OUT_FRAME];
	struct wdx_frames it;
	struct wdx_frame f;
	const char *why;

	wdx_frames_init(&it, b->data, b->len, b->big, (uint8_t)e->config->address_size);
	while (wdx_frames_next(&it, &f, &why)) {
		struct wdx_patch *p = why || f.is_cie ? NULL : wdx_vec_push(&e->patches);

		if (p) /* behind the length and the offset of the CIE */
			*p = (struct wdx_patch){WDX_OUT_FRAME, WDX_PATCH_NONE,
						(uint32_t)f.offset + 8, 0, WDX_NO_IDENT};
		else if (!why && !f.is_cie)
			return false;
	}
	return true;
}

/* Sorted by section, those of one in the order in which they were written. */
static struct wdx_error *take_addresses(struct wdx_emit *e, const uint32_t *numbers,
					struct wdx_pass_output *out)
{
	size_t at[WDX_OUT_COUNT + 1] = {0}; /* where the next one of each section goes */
	const struct wdx_patch *p;

	if (!note_frames(e))
		return &wdx_nomem;
	out->addresses = calloc(e->patches.len + 1, sizeof(*out->addresses));
	if (!out->addresses)
		return &wdx_nomem;
	wdx_vec_each (p, &e->patches)
		if (p->kind == WDX_PATCH_NONE)
			at[p->out + 1]++;
	for (unsigned i = 0; i < WDX_OUT_COUNT; i++)
		at[i + 1] += at[i];
	out->naddresses = at[WDX_OUT_COUNT];
	wdx_vec_each (p, &e->patches)
		if (p->kind == WDX_PATCH_NONE)
			out->addresses[at[p->out]++] =
				(struct wdx_address_site){numbers[p->out], p->at};
	return NULL;
}

/* Moves the sections' memory out of the builder. */
static struct wdx_error *take_output(struct wdx_emit *e, struct wdx_pass_output *out)
{
	uint32_t numbers[WDX_OUT_COUNT] = {0};
	struct wdx_error *err;

	out->sections = calloc(WDX_OUT_COUNT, sizeof(*out->sections));
	if (!out->sections)
		return &wdx_nomem;
	for (int i = 0; i < WDX_OUT_COUNT; i++)
		if (i + 1 < WDX_OUT_COUNT)
			numbers[i + 1] = numbers[i] + (e->out[i].len > 0);
	err = e->config->addresses ? take_addresses(e, numbers, out) : NULL;
	if (err)
		return err;
	for (int i = 0; i < WDX_OUT_COUNT; i++) {
		struct wdx_buf *b = &e->out[i];

		if (!b->len)
			continue;
		out->sections[out->n++] = (struct wdx_debug_section){out_names[i], b->data, b->len};
		memset(b, 0, sizeof(*b));
	}
	return NULL;
}

void wdx_pass_output_deinit(struct wdx_pass_output *out)
{
	for (size_t i = 0; i < out->n; i++)
		free((void *)out->sections[i].data);
	free(out->sections);
	free(out->addresses);
	memset(out, 0, sizeof(*out));
}

static void progress(const struct wdx_pass *p, uint64_t done)
{
	if (p->config->progress)
		p->config->progress(done, p->in->sec[WDX_SEC_INFO].size, p->config->progress_arg);
}

static void write_all(struct wdx_pass *p)
{
	struct wdx_unit none = {.version = 5,
				.address_size = first_address_size(p->in),
				.big_endian = p->in->big,
				.name = ""};

	progress(p, 0);
	for (size_t i = 0; i < p->in->units.len && !p->emit.err; i++) {
		write_unit(p, &p->in->units.data[i]);
		progress(p, p->in->units.data[i].end);
	}
	write_frames(p);
	p->unit = NULL;
	p->cursor = (struct wdx_cursor){.unit = &none, .pass = p};
	if (p->in->has_dwo && !p->emit.err)
		wdx_pass_lost(p, WDX_LOST_UNIT, "split units (.debug_info.dwo) are not read");
	if (p->v->end && !p->emit.err)
		p->v->end(&p->cursor, &p->emit, p->config->arg);
}

static void pass_deinit(struct wdx_pass *p)
{
	wdx_emit_deinit(&p->emit);
	wdx_vec_free(&p->open);
	wdx_vec_free(&p->todo);
	wdx_vec_free(&p->lines);
	wdx_vec_free(&p->files);
	wdx_vec_free(&p->starts);
	free(p->type_sizes);
	wdx_vec_free(&p->locs);
	wdx_vec_free(&p->ranges);
	wdx_vec_free(&p->out_locs);
	wdx_vec_free(&p->ops);
	wdx_arena_deinit(&p->arena);
	free(p);
}

struct wdx_error *wdx_pass_run(struct wdx_input *in, const struct wdx_pass_config *config,
			       struct wdx_pass_output *out)
{
	struct wdx_pass *p = calloc(1, sizeof(*p));
	struct wdx_error *err;

	memset(out, 0, sizeof(*out));
	if (!p)
		return &wdx_nomem;
	p->in = in;
	p->config = config;
	p->v = config->visitor ? config->visitor : &identity;
	p->cursor.pass = p;
	err = wdx_pass_keep(p);
	if (!err && config->between)
		err = config->between(config->between_arg);
	if (!err)
		err = wdx_emit_init(&p->emit, in, config);
	p->emit.cursor = &p->cursor;
	if (!err) {
		write_all(p);
		err = wdx_build_finish(&p->emit);
	}
	if (!err)
		err = take_output(&p->emit, out);
	pass_deinit(p);
	if (err)
		wdx_pass_output_deinit(out);
	return err;
}
