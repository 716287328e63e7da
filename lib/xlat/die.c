/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Entries: what is kept, scopes and their ranges, call sites, functions without DWARF. */
#include "xlat/translate.h"

#include <dwarf.h>
#include <string.h>

#include "base/error.h"

#define PRODUCER "wasm-dwarf-xform " WDX_VERSION

/* ---- the first pass ---------------------------------------------------------------------------
 */

static bool has_code(const struct wdx_die *die)
{
	return wdx_die_attr(die, DW_AT_low_pc) || wdx_die_attr(die, DW_AT_ranges);
}

/* Most ranges are in the function that was asked for last. */
static const struct wdx_code_func *func_at(struct wdx_xlat *x, uint64_t wasm)
{
	const struct wdx_wasm_func *w = x->near ? x->near->wasm : NULL;

	if (!w || wasm < w->start.v || wasm >= w->end.v)
		x->near = wdx_code_func_at(&x->code, wasm);
	return x->near;
}

/* Why a subprogram with code has no place in the output; NONE: it has. */
static enum wdx_loss function_loss(struct wdx_xlat *x, const struct wdx_range *r, size_t n)
{
	if (!n || r->lo >= x->wasm->code_size ||
	    !wdx_wasm_func_at(x->wasm, (wdx_codepos){(uint32_t)r->lo}))
		return WDX_LOSS_DEAD_CODE;
	return func_at(x, r->lo) ? WDX_LOSS_NONE : WDX_LOSS_NO_CODE;
}

static enum wdx_loss block_loss(struct wdx_xlat *x, const struct wdx_range *r, size_t n)
{
	const struct wdx_code_func *f = n ? func_at(x, r->lo) : NULL;

	for (size_t i = 0; f && i < n; i++)
		if (wdx_code_any(&x->code, f, r[i].lo, r[i].hi))
			return WDX_LOSS_NONE;
	return WDX_LOSS_EMPTY_SCOPE;
}

/* Debuggers take a label without an address for a variable. */
static enum wdx_loss label_loss(struct wdx_xlat *x, const struct wdx_die *die)
{
	uint64_t wasm = wdx_die_attr(die, DW_AT_low_pc)->value;
	const struct wdx_code_func *f = func_at(x, wasm);

	return f && wdx_code_native(&x->code, f, wasm) != UINT32_MAX ? WDX_LOSS_NONE
								     : WDX_LOSS_ADDRESS;
}

static bool is_block(unsigned tag)
{
	return tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine ||
	       tag == DW_TAG_try_block || tag == DW_TAG_catch_block || tag == DW_TAG_with_stmt;
}

/* Without memory the unit's own ranges have to do. */
static void note_entry(struct wdx_xlat *x, const struct wdx_cursor *c, uint64_t wasm)
{
	const struct wdx_code_func *f = func_at(x, wasm);
	struct wdx_described *d = wdx_vec_push(&x->entries);

	if (d) {
		*d = (struct wdx_described){c->unit->offset, c->die->offset,
					    (uint32_t)(f - x->code.funcs.data)};
		if (!x->entry_of[d->func])
			x->entry_of[d->func] = (uint32_t)x->entries.len;
	}
	if (!wdx_xlat_note_return(x, c->die, f))
		x->pointers.failed = true;
}

static enum wdx_keep keep(const struct wdx_cursor *c, void *arg)
{
	struct wdx_xlat *x = arg;
	const struct wdx_range *r;
	enum wdx_loss loss;
	size_t n;
	bool function = c->die->tag == DW_TAG_subprogram;
	bool label = c->die->tag == DW_TAG_label && wdx_die_attr(c->die, DW_AT_low_pc);

	x->stats.dies_in++;
	if (!wdx_pointers_note(&x->pointers, c) ||
	    (function && !has_code(c->die) && !wdx_xlat_note_return(x, c->die, NULL)))
		x->pointers.failed = true;
	wdx_xlat_note_operands(x, c);
	if ((!function && !label && !is_block(c->die->tag)) || !has_code(c->die))
		return WDX_KEEP;
	wdx_die_pcs(c, &r, &n);
	loss = function ? function_loss(x, r, n)
	       : label	? label_loss(x, c->die)
			: block_loss(x, r, n);
	if (loss == WDX_LOSS_NONE) {
		if (function)
			note_entry(x, c, r->lo);
		return WDX_KEEP;
	}
	wdx_xlat_lose(x, loss);
	return WDX_KEEP_NOT;
}

/* ---- scopes -----------------------------------------------------------------------------------
 */

const struct wdx_range *wdx_xlat_scope(const struct wdx_xlat *x, size_t *n)
{
	size_t first =
		x->scopes.len ? x->scopes.data[x->scopes.len - 1].first : x->scope_ranges.len;

	*n = x->scope_ranges.len - first;
	return x->scope_ranges.data + first;
}

/* Leaves the scopes and the function that the walk is no longer in. */
static void leave_scopes(struct wdx_xlat *x, unsigned depth)
{
	while (x->scopes.len && x->scopes.data[x->scopes.len - 1].depth >= depth)
		x->scope_ranges.len = x->scopes.data[--x->scopes.len].first;
	if (x->func && x->func_depth >= depth) {
		x->func = NULL;
		x->frame_ranges.len = 0;
	}
}

static bool push_scope(struct wdx_xlat *x, const struct wdx_cursor *c, bool function)
{
	bool inlined = c->die->tag == DW_TAG_inlined_subroutine ||
		       (x->scopes.len && x->scopes.data[x->scopes.len - 1].inlined);
	struct wdx_scope *s = wdx_vec_push(&x->scopes);

	if (s)
		*s = (struct wdx_scope){c->depth, x->scope_ranges.len, function, inlined};
	return s;
}

static bool add_parts(struct wdx_xlat *x, const struct wdx_code_func *f, struct wdx_ranges *out)
{
	for (uint32_t i = 0; i < f->map->nparts; i++) {
		const struct wdx_map_part *p = &x->map->parts.data[f->map->first_part + i];
		struct wdx_range *r = wdx_vec_push(out);

		if (!r)
			return false;
		*r = (struct wdx_range){p->lo, p->hi};
	}
	return true;
}

static enum wdx_verdict out_of_memory(struct wdx_emit *e)
{
	wdx_emit_fail(e, "out of memory");
	return WDX_FAIL;
}

/* Emits native ranges, moved to where the side-car has its code. */
static bool emit_pcs(struct wdx_xlat *x, struct wdx_emit *e, const struct wdx_range *r, size_t n)
{
	x->ranges.len = 0;
	if (!wdx_vec_reserve(&x->ranges, n))
		return false;
	for (size_t i = 0; i < n; i++)
		x->ranges.data[x->ranges.len++] =
			(struct wdx_range){r[i].lo + x->text_addr, r[i].hi + x->text_addr};
	wdx_emit_pcs(e, x->ranges.data, x->ranges.len);
	return true;
}

static bool map_body(struct wdx_xlat *x, unsigned avoid, struct wdx_ranges *out)
{
	const struct wdx_wasm_func *f = x->func->wasm;

	out->len = 0;
	return wdx_code_map(&x->code, x->func, f->start.v, f->end.v, avoid, out);
}

static enum wdx_verdict function_pcs(struct wdx_xlat *x, const struct wdx_cursor *c,
				     const struct wdx_range *r, struct wdx_emit *e)
{
	size_t n;
	const struct wdx_range *native;

	x->func = func_at(x, r->lo);
	x->func_depth = c->depth;
	x->described[x->func - x->code.funcs.data] = true;
	x->stats.functions_dwarf++;
	if (!push_scope(x, c, true) || !add_parts(x, x->func, &x->scope_ranges))
		return out_of_memory(e);
	wdx_ranges_merge(&x->scope_ranges, x->scopes.data[x->scopes.len - 1].first);
	if (!map_body(x, WDX_IV_DISPLACED, &x->body) ||
	    !map_body(x, WDX_IV_DISPLACED | WDX_IV_STALE, &x->memory))
		return out_of_memory(e);
	native = wdx_xlat_scope(x, &n);
	return emit_pcs(x, e, native, n) ? WDX_DONE : out_of_memory(e);
}

static enum wdx_verdict block_pcs(struct wdx_xlat *x, const struct wdx_cursor *c,
				  const struct wdx_range *r, size_t n, struct wdx_emit *e)
{
	const struct wdx_code_func *f = func_at(x, r->lo);
	const struct wdx_range *native;

	if (!f || !push_scope(x, c, false))
		return f ? out_of_memory(e) : WDX_DONE;
	for (size_t i = 0; i < n; i++)
		if (!wdx_code_map(&x->code, f, r[i].lo, r[i].hi, 0, &x->scope_ranges))
			return out_of_memory(e);
	wdx_ranges_merge(&x->scope_ranges, x->scopes.data[x->scopes.len - 1].first);
	native = wdx_xlat_scope(x, &n);
	return emit_pcs(x, e, native, n) ? WDX_DONE : out_of_memory(e);
}

/* The code of the functions whose bodies a range of the unit holds. */
static bool add_bodies(struct wdx_xlat *x, const struct wdx_range *r, struct wdx_ranges *all)
{
	const struct wdx_wasm_func *w = NULL, *end = x->wasm->funcs.data + x->wasm->funcs.len;

	if (r->lo < x->wasm->code_size)
		w = wdx_wasm_func_at(x->wasm, (wdx_codepos){(uint32_t)r->lo});
	for (; w && w < end && w->start.v < r->hi; w++) {
		uint32_t i = x->code.of_func[w - x->wasm->funcs.data];

		if (i != UINT32_MAX && !add_parts(x, &x->code.funcs.data[i], all))
			return false;
	}
	return true;
}

/* That, and the code of every function that has an entry in the unit: tools that rewrite modules
 * leave ranges of units behind that have nothing to do with their functions. */
static enum wdx_verdict unit_pcs(struct wdx_xlat *x, const struct wdx_cursor *c,
				 const struct wdx_range *r, size_t n, struct wdx_emit *e)
{
	const struct wdx_described *d = x->entries.data;
	struct wdx_ranges all = {0};
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++)
		ok = add_bodies(x, &r[i], &all);
	while (x->next_entry < x->entries.len && d[x->next_entry].unit < c->unit->offset)
		x->next_entry++;
	for (; ok && x->next_entry < x->entries.len && d[x->next_entry].unit == c->unit->offset;
	     x->next_entry++)
		ok = add_parts(x, &x->code.funcs.data[d[x->next_entry].func], &all);
	wdx_ranges_merge(&all, 0);
	ok = ok && emit_pcs(x, e, all.data, all.len);
	wdx_vec_free(&all);
	return ok ? WDX_DONE : out_of_memory(e);
}

static enum wdx_verdict pcs(const struct wdx_cursor *c, const struct wdx_range *r, size_t n,
			    struct wdx_emit *e, void *arg)
{
	struct wdx_xlat *x = arg;

	if (x->bare)
		return WDX_DONE;
	if (c->depth == 0)
		return unit_pcs(x, c, r, n, e);
	if (c->die->tag == DW_TAG_subprogram)
		return n ? function_pcs(x, c, r, e) : WDX_DONE;
	if (is_block(c->die->tag))
		return n ? block_pcs(x, c, r, n, e) : WDX_DONE;
	if (x->call_return) {
		wdx_emit_addr(e, DW_AT_low_pc, x->text_addr + x->call_return);
		return WDX_DONE;
	}
	const struct wdx_attr *lo = wdx_die_attr(c->die, DW_AT_low_pc);
	uint32_t native =
		lo && x->func ? wdx_code_native(&x->code, x->func, lo->value) : UINT32_MAX;

	if (native == UINT32_MAX)
		wdx_xlat_lose(x, WDX_LOSS_ADDRESS);
	else
		wdx_emit_addr(e, DW_AT_low_pc, x->text_addr + native);
	return WDX_DONE;
}

/* ---- entries and attributes -------------------------------------------------------------------
 */

static enum wdx_verdict unit(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct wdx_xlat *x = arg;

	leave_scopes(x, 0);
	x->stats.units++;
	wdx_emit_base(e, x->text_addr);
	wdx_pointers_unit(x, c, e);
	return WDX_COPY;
}

/* The native return address of the call site at the cursor; 0: not provable. */
static uint32_t call_return(const struct wdx_xlat *x, const struct wdx_die *die)
{
	const struct wdx_attr *a = wdx_die_attr(die, DW_AT_call_return_pc);

	if (!a)
		a = wdx_die_attr(die, DW_AT_low_pc);
	if (!a || a->form_class != WDX_CLASS_ADDRESS || !x->func)
		return 0;
	uint32_t call = wdx_code_call_before(&x->code, a->value);

	return call == UINT32_MAX ? 0 : wdx_code_return(&x->code, x->func, call);
}

static enum wdx_verdict die(const struct wdx_cursor *c, bool bare, struct wdx_emit *e, void *arg)
{
	struct wdx_xlat *x = arg;
	unsigned tag = c->die->tag;
	enum wdx_verdict v = wdx_pointers_die(x, c, e);

	if (v == WDX_COPY)
		v = wdx_xlat_layout(x, c, e);
	if (v != WDX_COPY)
		return v;
	leave_scopes(x, c->depth);
	wdx_xlat_parameter(x, c);
	x->bare = bare;
	x->call_return = 0;
	if (tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site) {
		x->call_return = call_return(x, c->die);
		if (!x->call_return) {
			wdx_xlat_lose(x, WDX_LOSS_CALL_SITE);
			return WDX_DROP;
		}
		if (wdx_xlat_replaces(x, x->call_return))
			return WDX_DROP;
	}
	x->stats.dies_out++;
	return WDX_COPY;
}

static enum wdx_verdict address_attr(struct wdx_xlat *x, const struct wdx_attr *a,
				     struct wdx_emit *e)
{
	uint32_t native;

	if (a->name == DW_AT_call_return_pc) {
		wdx_emit_addr(e, a->name, x->text_addr + x->call_return);
		return WDX_DONE;
	}
	native = x->func ? wdx_code_native(&x->code, x->func, a->value) : UINT32_MAX;
	if (native == UINT32_MAX || x->bare) {
		wdx_xlat_lose(x, WDX_LOSS_ADDRESS);
		return WDX_DROP;
	}
	wdx_emit_addr(e, a->name, x->text_addr + native);
	return WDX_DONE;
}

/* That every call has an entry is not provable: the compiler adds calls of its own.  The promise is
 * kept as a flag that says no, since verifiers want the attribute where there are call sites. */
static bool is_call_promise(unsigned at)
{
	return at == DW_AT_call_all_calls || at == DW_AT_call_all_source_calls ||
	       at == DW_AT_call_all_tail_calls || at == DW_AT_GNU_all_call_sites ||
	       at == DW_AT_GNU_all_source_call_sites || at == DW_AT_GNU_all_tail_call_sites;
}

/* Whether attr() has to look at it, outside of what is copied to twins: most come as they are. */
static bool is_looked_at(const struct wdx_attr *a)
{
	return a->form_class == WDX_CLASS_ADDRESS || a->name == DW_AT_type ||
	       a->name == DW_AT_const_value || a->name == DW_AT_calling_convention ||
	       a->name == DW_AT_virtuality || is_call_promise(a->name);
}

static enum wdx_verdict attr(const struct wdx_cursor *c, const struct wdx_attr *a,
			     struct wdx_emit *e, void *arg)
{
	struct wdx_xlat *x = arg;
	enum wdx_verdict v;

	if (!x->pointers.copied && !is_looked_at(a))
		return WDX_COPY;
	v = wdx_pointers_attr(x, c, a, e);
	if (v != WDX_COPY)
		return v;
	if (a->name == DW_AT_type && wdx_xlat_drops_return(x, c)) {
		wdx_xlat_lose(x, WDX_LOSS_RETURN);
		return WDX_DROP;
	}
	if (wdx_xlat_constant_lies(x, c, a)) {
		wdx_xlat_lose(x, WDX_LOSS_FORMAT);
		return WDX_DROP;
	}
	if (a->name == DW_AT_calling_convention && c->die->tag == DW_TAG_subprogram)
		return WDX_DROP;
	if (a->form_class == WDX_CLASS_ADDRESS)
		return address_attr(x, a, e);
	if (is_call_promise(a->name)) {
		struct wdx_attr no = *a;

		if (wdx_xlat_promises(x, c))
			return WDX_DONE;

		no.value = 0;
		wdx_emit_attr(e, c, &no);
		wdx_xlat_lose(x, WDX_LOSS_CALL_FLAGS);
		return WDX_DONE;
	}
	return WDX_COPY;
}

static void attrs_end(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct wdx_xlat *x = arg;

	/* a copy behind all else in a unit stands as high */
	if (!c->depth && !x->pointers.copied)
		wdx_xlat_context_type(x, e);
	wdx_xlat_convention(arg, c, e);
	wdx_xlat_promise(arg, c, e);
	wdx_pointers_attrs_end(arg, c, e);
}

static void die_end(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	wdx_xlat_context(arg, c, e);
	wdx_xlat_sites(arg, c, e);
	wdx_pointers_die_end(arg, c, e);
}

static void lost(const struct wdx_cursor *c, enum wdx_lost what, const char *detail, void *arg)
{
	static const enum wdx_loss reasons[] = {
		[WDX_LOST_REF] = WDX_LOSS_REF_LOST,   [WDX_LOST_ATTR] = WDX_LOSS_BAD_ATTR,
		[WDX_LOST_LIST] = WDX_LOSS_BAD_LIST,  [WDX_LOST_EXPR] = WDX_LOSS_BAD_EXPR,
		[WDX_LOST_LINE] = WDX_LOSS_BAD_LIST,  [WDX_LOST_MACRO] = WDX_LOSS_MACRO,
		[WDX_LOST_UNIT] = WDX_LOSS_UNIT_KIND,
	};

	(void)c, (void)detail;
	wdx_xlat_lose(arg, reasons[what]);
}

static enum wdx_verdict frame(const struct wdx_cursor *c, const struct wdx_frame *f,
			      struct wdx_emit *e, void *arg)
{
	(void)c, (void)f, (void)e;
	wdx_xlat_lose(arg, WDX_LOSS_INPUT_FRAME);
	return WDX_DROP;
}

/* ---- functions without DWARF ------------------------------------------------------------------
 */

static bool undescribed(const struct wdx_xlat *x, size_t i)
{
	return !x->described[i] && x->code.funcs.data[i].wasm;
}

static const char *function_name(const struct wdx_code_func *f)
{
	return f->wasm->name ? f->wasm->name : f->map->symbol;
}

static bool emit_undescribed(struct wdx_xlat *x, struct wdx_emit *e)
{
	struct wdx_ranges r = {0};
	bool ok = true;

	for (size_t i = 0; ok && i < x->code.funcs.len; i++)
		ok = !undescribed(x, i) || add_parts(x, &x->code.funcs.data[i], &r);
	wdx_ranges_merge(&r, 0);
	ok = ok && emit_pcs(x, e, r.data, r.len);
	for (size_t i = 0; ok && i < x->code.funcs.len; i++) {
		const struct wdx_code_func *f = &x->code.funcs.data[i];

		if (!undescribed(x, i))
			continue;
		r.len = 0;
		wdx_emit_die(e, DW_TAG_subprogram, WDX_NO_IDENT);
		wdx_emit_string(e, DW_AT_name, function_name(f));
		ok = add_parts(x, f, &r);
		wdx_ranges_merge(&r, 0);
		ok = ok && emit_pcs(x, e, r.data, r.len);
		wdx_emit_flag(e, DW_AT_artificial);
		wdx_emit_uint(e, DW_AT_calling_convention, DW_CC_nocall);
		wdx_emit_die_end(e);
	}
	wdx_vec_free(&r);
	return ok;
}

/* One unit for all of them, so that backtraces name every wasm function. */
static void undescribed_unit(struct wdx_xlat *x, struct wdx_emit *e)
{
	unsigned version = x->env.dwarf_version;

	wdx_emit_unit(e, version, wdx_target_address_size(x->target));
	wdx_emit_base(e, x->text_addr);
	wdx_emit_die(e, DW_TAG_compile_unit, WDX_NO_IDENT);
	wdx_emit_string(e, DW_AT_producer, PRODUCER);
	wdx_emit_uint(e, DW_AT_language, DW_LANG_C99);
	wdx_emit_string(e, DW_AT_name, x->module_name);
	if (!emit_undescribed(x, e))
		wdx_emit_fail(e, "out of memory");
	wdx_emit_die_end(e);
	wdx_emit_unit_end(e);
}

static void end(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	struct wdx_xlat *x = arg;
	struct wdx_buf frames = {.big = wdx_target_big_endian(x->target)};
	struct wdx_error *err;

	(void)c;
	for (size_t i = 0; i < x->code.funcs.len; i++) {
		if (!undescribed(x, i))
			continue;
		undescribed_unit(x, e);
		break;
	}
	err = wdx_xlat_frames(x, wdx_target_address_size(x->target), &frames);
	if (err)
		wdx_emit_fail(e, wdx_error_message(err));
	else
		wdx_emit_frames(e, frames.data, frames.len);
	wdx_error_destroy(err);
	wdx_buf_deinit(&frames);
}

const struct wdx_visitor wdx_xlat_visitor = {
	.keep = keep,
	.unit = unit,
	.die = die,
	.pcs = pcs,
	.attr = attr,
	.attrs_end = attrs_end,
	.die_end = die_end,
	.location = wdx_xlat_location,
	.lines = wdx_xlat_lines,
	.frame = frame,
	.end = end,
	.lost = lost,
};

/* ---- life -------------------------------------------------------------------------------------
 */

/* The stack pointer is the caller's again once a call has returned, in any convention. */
static struct wdx_error *init_preserved(struct wdx_xlat *x)
{
	int sp = wdx_target_stack_pointer(x->target);

	x->npreserved = 1u << 16;
	x->preserved = calloc(x->npreserved, sizeof(*x->preserved));
	if (!x->preserved)
		return &wdx_nomem;
	for (size_t i = 0; i < x->map->preserved.len; i++)
		x->preserved[x->map->preserved.data[i]] = true;
	if (sp >= 0)
		x->preserved[sp] = true;
	return NULL;
}

struct wdx_error *wdx_xlat_init(struct wdx_xlat *x, const struct wdx_wasm *wasm,
				const struct wdx_map *map, const struct wdx_target *target)
{
	struct wdx_error *err;

	x->wasm = wasm;
	x->map = map;
	x->target = target;
	x->env.wasm = wasm;
	x->env.map = map;
	x->env.target = target;
	x->described = calloc(map->funcs.len + 1, sizeof(*x->described));
	x->entry_of = calloc(map->funcs.len + 1, sizeof(*x->entry_of));
	x->known = calloc(1, sizeof(*x->known));
	if (!x->described || !x->entry_of || !x->known)
		return &wdx_nomem;
	err = init_preserved(x);
	return err ? err : wdx_code_init(&x->code, wasm, map, target);
}

void wdx_xlat_deinit(struct wdx_xlat *x)
{
	wdx_code_deinit(&x->code);
	wdx_vec_free(&x->scopes);
	wdx_vec_free(&x->entries);
	wdx_vec_free(&x->operands);
	wdx_vec_free(&x->silent);
	wdx_vec_free(&x->origins);
	wdx_vec_free(&x->scope_ranges);
	wdx_vec_free(&x->body);
	wdx_vec_free(&x->memory);
	wdx_vec_free(&x->frame_ranges);
	wdx_vec_free(&x->ranges);
	wdx_vec_free(&x->clipped);
	wdx_vec_free(&x->locs);
	wdx_pointers_deinit(&x->pointers);
	free(x->preserved);
	free(x->described);
	free(x->entry_of);
	free(x->known);
	memset(x, 0, sizeof(*x));
}
