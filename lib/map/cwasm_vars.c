/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The DWARF that the engine makes up for functions that brought none: units of producer "wasmtime"
 * with a subprogram per function, and in it a variable or parameter per wasm local and __vmctx.
 * Locations are expressions or DWARF 4 lists.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "elf/elf.h"
#include "map/cwasm.h"

enum { SECTION_LOC, MAX_SECTIONS = 6 };

struct found { /* a range before it is sorted and cut */
	uint64_t lo, hi;
	size_t order; /* in the list */
	uint32_t place;
};

struct base { /* a type that variables have */
	Dwarf_Off at;
	bool pointer;
	uint8_t type; /* enum wdx_valtype; 0: none of wasm's */
};

enum { MAX_BASES = 8 };

struct known { /* the place that a short expression names; n 0: none */
	uint64_t bytes;
	uint32_t place;
	uint8_t n;
};

enum { KNOWN_BITS = 8 };

struct reading {
	struct wdx_cwasm *c;
	Dwarf *dwarf;
	struct base bases[MAX_BASES];
	size_t nbases;
	const struct wdx_buf *loc; /* .debug_loc, relocated */
	size_t budget;		   /* list entries that may still be read; lists may be shared */
	struct wdx_cwasm_names names;
	uint8_t *seen; /* of defined function i: described already */
	WDX_VEC(struct found) found;
	struct known known[1 << KNOWN_BITS];

	struct wdx_map_part *part; /* of the subprogram at hand */
	const struct wdx_wasm_func *body;
	uint64_t base; /* of the unit: what lists count from */
};

/* --- The sections ------------------------------------------------------------------------------
 */

static const char *const names[MAX_SECTIONS] = {[SECTION_LOC] = ".debug_loc",
						".debug_info",
						".debug_abbrev",
						".debug_str",
						".debug_line_str",
						".debug_str_offsets"};

/* Copies of what libdw reads, relocated and wrapped as a file of their own. */
static struct wdx_error *wrap(struct wdx_cwasm *c, struct wdx_buf *copies, struct wdx_buf *out)
{
	struct wdx_section sections[MAX_SECTIONS];
	const struct wdx_cwasm_section *s;
	struct wdx_error *err;
	size_t i, n = 0;

	for (i = 0; i < MAX_SECTIONS; i++) {
		s = wdx_cwasm_find(c, names[i]);
		if (!s)
			continue;
		err = wdx_cwasm_relocate(c, s, &copies[i]);
		if (err)
			return err;
		sections[n++] = (struct wdx_section){names[i], copies[i].data, copies[i].len};
	}
	return wdx_elf_wrap(sections, n, true, false, out);
}

/* --- Ranges ------------------------------------------------------------------------------------
 */

static void fault(struct reading *r)
{
	r->c->map->faults++;
}

/* There are few registers, and the same slots in all functions. */
static struct wdx_error *place_of(struct reading *r, const uint8_t *expr, size_t n, uint32_t *place)
{
	uint64_t bytes = wdx_bytes_key(expr, n);
	struct known *k = &r->known[wdx_key_slot(bytes, KNOWN_BITS)];
	struct wdx_error *err;

	if (n && k->n == n && k->bytes == bytes) {
		*place = k->place;
		return NULL;
	}
	err = wdx_cwasm_place(r->c, expr, n, place);
	if (!err && n <= sizeof(bytes))
		*k = (struct known){bytes, *place, (uint8_t)n};
	return err;
}

/* Notes one range, cut to the function. */
static struct wdx_error *add_found(struct reading *r, uint64_t lo, uint64_t hi, const uint8_t *expr,
				   size_t n)
{
	struct wdx_error *err;
	struct found *f;
	uint32_t place;

	if (lo == hi)
		return NULL;
	if (lo < r->part->lo)
		lo = r->part->lo;
	if (hi > r->part->hi)
		hi = r->part->hi;
	if (lo >= hi) {
		fault(r);
		return NULL;
	}
	err = place_of(r, expr, n, &place);
	if (err)
		return err;
	if (place == UINT32_MAX) {
		fault(r);
		return NULL;
	}
	f = wdx_vec_push(&r->found);
	if (!f)
		return &wdx_nomem;
	*f = (struct found){.lo = lo, .hi = hi, .order = r->found.len, .place = place};
	return NULL;
}

/* DWARF 4 §2.6.2. */
static struct wdx_error *read_list(struct reading *r, uint64_t offset)
{
	struct wdx_error *err = NULL;
	uint64_t base = r->base, lo, hi;
	struct wdx_reader in;
	const uint8_t *expr;
	uint16_t n;

	wdx_reader_init(&in, r->loc->data, r->loc->len, 0, false);
	wdx_read_seek(&in, offset);
	while (!err && !in.failed) {
		if (!r->budget--)
			return wdx_bad_input(".debug_loc: lists shared beyond reason");
		lo = wdx_read_u64(&in);
		hi = wdx_read_u64(&in);
		if (in.failed || (!lo && !hi))
			break;
		if (lo == UINT64_MAX) {
			base = hi;
			continue;
		}
		n = wdx_read_u16(&in);
		expr = wdx_read_bytes(&in, n);
		if (expr)
			err = add_found(r, base + lo, base + hi, expr, n);
	}
	if (in.failed)
		fault(r);
	return err;
}

/* What is wanted of a variable, gathered in one go through its attributes. */
struct variable {
	Dwarf_Attribute name, type, location; /* code 0: it has none */
};

static int take_attribute(Dwarf_Attribute *a, void *arg)
{
	struct variable *v = arg;

	if (a->code == DW_AT_name)
		v->name = *a;
	else if (a->code == DW_AT_type)
		v->type = *a;
	else if (a->code == DW_AT_location)
		v->location = *a;
	return DWARF_CB_OK;
}

static struct wdx_error *read_location(struct reading *r, Dwarf_Attribute *attr)
{
	Dwarf_Word offset;
	Dwarf_Block block;

	r->found.len = 0;
	if (!attr->code)
		return NULL;
	if (!dwarf_formblock(attr, &block))
		return add_found(r, r->part->lo, r->part->hi, block.data, block.length);
	if (!dwarf_formudata(attr, &offset))
		return read_list(r, offset);
	fault(r);
	return NULL;
}

static int by_start(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Most lists are in order. */
static void sort_found(struct found *f, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (f[i].lo >= f[i - 1].lo)
			continue;
		qsort(f, n, sizeof(*f), by_start);
		return;
	}
}

static struct wdx_error *put_range(struct reading *r, struct wdx_map_entity *e,
				   const struct found *f)
{
	struct wdx_map *m = r->c->map;
	struct wdx_map_range *last = e->n ? &m->ranges.data[m->ranges.len - 1] : NULL;
	uint32_t lo = (uint32_t)f->lo, hi = (uint32_t)f->hi;

	if (last && last->place == f->place && lo <= last->hi) {
		last->hi = hi > last->hi ? hi : last->hi;
		return NULL;
	}
	if (last && lo < last->hi) {
		fault(r);
		lo = last->hi;
	}
	if (lo >= hi)
		return NULL;
	last = wdx_vec_push(&m->ranges);
	if (!last)
		return &wdx_nomem;
	*last = (struct wdx_map_range){.lo = lo, .hi = hi, .place = f->place};
	e->n++;
	return NULL;
}

static struct wdx_error *put_entity(struct reading *r, unsigned kind, uint32_t index)
{
	struct wdx_map *m = r->c->map;
	struct wdx_map_func *f = &m->funcs.data[r->part->func];
	struct wdx_map_entity *e;
	struct wdx_error *err = NULL;
	size_t i;

	if (!r->found.len)
		return NULL;
	sort_found(r->found.data, r->found.len);
	e = wdx_vec_push(&m->entities);
	if (!e)
		return &wdx_nomem;
	*e = (struct wdx_map_entity){
		.kind = kind, .index = index, .first = (uint32_t)m->ranges.len};
	f->nentities++;
	for (i = 0; !err && i < r->found.len; i++)
		err = put_range(r, e, &r->found.data[i]);
	return err;
}

/* --- Functions ---------------------------------------------------------------------------------
 */

/* The base types the engine writes; it gives no variable to locals of other types. */
static const struct {
	const char *name;
	uint8_t type;
} types[] = {{"i32", WDX_I32}, {"i64", WDX_I64}, {"f32", WDX_F32}, {"f64", WDX_F64}};

static uint8_t type_named(const char *name)
{
	for (size_t i = 0; name && i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(name, types[i].name))
			return types[i].type;
	return 0;
}

/* The type of a variable.  The engine makes up a handful, and they are looked at once. */
static struct base type_of(struct reading *r, Dwarf_Attribute *attr)
{
	struct base b = {0};
	Dwarf_Die die;

	if (!attr->code || !dwarf_formref_die(attr, &die))
		return b;
	b.at = dwarf_dieoffset(&die);
	for (size_t i = 0; i < r->nbases; i++)
		if (r->bases[i].at == b.at)
			return r->bases[i];
	b.pointer = dwarf_tag(&die) == DW_TAG_pointer_type;
	b.type = type_named(dwarf_diename(&die));
	if (r->nbases < MAX_BASES)
		r->bases[r->nbases++] = b;
	return b;
}

static struct wdx_error *read_variable(struct reading *r, Dwarf_Die *die)
{
	struct variable v = {0};
	const char *name;
	unsigned kind = WDX_ENT_LOCAL;
	uint32_t local = 0;
	struct wdx_error *err;

	dwarf_getattrs(die, take_attribute, &v, 0);
	name = v.name.code ? dwarf_formstring(&v.name) : NULL;
	struct base type = type_of(r, &v.type);

	if (name && !strcmp(name, "__vmctx") && type.pointer)
		kind = WDX_ENT_CONTEXT;
	else
		local = name ? wdx_cwasm_local(&r->names, name, r->body->nlocals) : UINT32_MAX;
	if (local == UINT32_MAX ||
	    (kind == WDX_ENT_LOCAL &&
	     (!type.type || type.type != wdx_wasm_local_type(r->c->wasm, r->body, local)))) {
		fault(r);
		return NULL;
	}
	err = read_location(r, &v.location);
	return err ? err : put_entity(r, kind, local);
}

/* The function that the subprogram describes, or false. */
static bool find_function(struct reading *r, Dwarf_Die *die)
{
	const struct wdx_map_func *f;
	Dwarf_Addr lo;
	uint32_t i;

	if (dwarf_lowpc(die, &lo) || !(r->part = wdx_cwasm_part_at(r->c, lo)) || r->part->lo != lo)
		return false;
	f = &r->c->map->funcs.data[r->part->func];
	if (f->index == WDX_NO_INDEX)
		return false;
	i = f->index - r->c->wasm->nimported_funcs;
	if (r->seen[i])
		return false;
	r->seen[i] = 1;
	r->body = &r->c->wasm->funcs.data[i];
	return true;
}

static int by_kind(const void *a, const void *b)
{
	const struct wdx_map_entity *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorts what the function has; of an entity described twice the first is kept. */
static void finish_entities(struct reading *r, struct wdx_map_func *f)
{
	struct wdx_map *m = r->c->map;
	struct wdx_map_entity *e = m->entities.data + f->first_entity;
	uint32_t i, n = 0;

	if (!f->nentities)
		return;
	qsort(e, f->nentities, sizeof(*e), by_kind);
	for (i = 0; i < f->nentities; i++) {
		if (n && e[n - 1].kind == e[i].kind && e[n - 1].index == e[i].index)
			fault(r);
		else
			e[n++] = e[i];
	}
	m->entities.len -= f->nentities - n;
	f->nentities = n;
}

/* Goes on to the next sibling.  A sibling attribute that leads backwards would never end. */
static bool next_sibling(Dwarf_Die *die)
{
	Dwarf_Off at = dwarf_dieoffset(die);

	return dwarf_siblingof(die, die) == 0 && dwarf_dieoffset(die) > at;
}

static struct wdx_error *read_function(struct reading *r, Dwarf_Die *die)
{
	struct wdx_map_func *f;
	struct wdx_error *err;
	Dwarf_Die child;
	int tag;

	if (!find_function(r, die)) {
		fault(r);
		return NULL;
	}
	r->c->described++;
	f = &r->c->map->funcs.data[r->part->func];
	f->first_entity = (uint32_t)r->c->map->entities.len;
	err = wdx_cwasm_names_load(&r->names, f->index - r->c->wasm->nimported_funcs);
	if (err || dwarf_child(die, &child))
		return err;
	do {
		tag = dwarf_tag(&child);
		if (tag == DW_TAG_variable || tag == DW_TAG_formal_parameter)
			err = read_variable(r, &child);
	} while (!err && next_sibling(&child));
	finish_entities(r, f);
	return err;
}

/* --- Units -------------------------------------------------------------------------------------
 */

/* struct WasmtimeVMContext: its only data member is `memory`. */
static void read_context(struct reading *r, Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	Dwarf_Attribute attr;
	Dwarf_Word offset;
	Dwarf_Die member;

	if (!name || strcmp(name, "WasmtimeVMContext") != 0 || dwarf_child(die, &member))
		return;
	do {
		name = dwarf_diename(&member);
		if (dwarf_tag(&member) != DW_TAG_member || !name || strcmp(name, "memory") != 0 ||
		    !dwarf_attr(&member, DW_AT_data_member_location, &attr) ||
		    dwarf_formudata(&attr, &offset) || offset > INT32_MAX)
			continue;
		r->c->has_memory = true;
		r->c->memory = offset;
	} while (next_sibling(&member));
}

static struct wdx_error *read_unit(struct reading *r, Dwarf_Die *unit)
{
	struct wdx_error *err = NULL;
	const char *producer;
	Dwarf_Attribute attr;
	Dwarf_Die die;
	int tag;

	producer = dwarf_attr(unit, DW_AT_producer, &attr) ? dwarf_formstring(&attr) : NULL;
	if (!producer || strcmp(producer, "wasmtime") != 0 || dwarf_child(unit, &die))
		return NULL;
	if (dwarf_lowpc(unit, &r->base))
		r->base = 0;
	do {
		tag = dwarf_tag(&die);
		if (tag == DW_TAG_structure_type)
			read_context(r, &die);
		else if (tag == DW_TAG_subprogram)
			err = read_function(r, &die);
	} while (!err && next_sibling(&die));
	return err;
}

static struct wdx_error *read_units(struct reading *r)
{
	struct wdx_error *err = NULL;
	Dwarf_Off at = 0, next;
	Dwarf_Die unit;
	size_t header;

	while (!err && !dwarf_nextcu(r->dwarf, at, &next, &header, NULL, NULL, NULL) && next > at) {
		if (dwarf_offdie(r->dwarf, at + header, &unit))
			err = read_unit(r, &unit);
		at = next;
	}
	return err;
}

static struct wdx_error *read_dwarf(struct reading *r, struct wdx_buf *image)
{
	struct wdx_error *err;
	Elf *elf;

	r->budget = r->loc->len + 4096;
	r->seen = calloc(r->c->wasm->funcs.len + 1, 1);
	if (!r->seen)
		return &wdx_nomem;
	elf = elf_memory((char *)image->data, image->len);
	r->dwarf = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	if (r->dwarf) {
		err = read_units(r);
	} else { /* none that libdw can read: as if there were none */
		fault(r);
		err = NULL;
	}
	dwarf_end(r->dwarf);
	elf_end(elf);
	return err;
}

struct wdx_error *wdx_cwasm_vars(struct wdx_cwasm *c)
{
	struct wdx_buf copies[MAX_SECTIONS] = {0}, image = {0};
	struct reading r = {.c = c, .loc = &copies[SECTION_LOC]};
	struct wdx_error *err;
	size_t i;

	if (!wdx_cwasm_find(c, ".debug_info"))
		return NULL;
	err = wrap(c, copies, &image);
	if (!err)
		err = wdx_cwasm_names_init(&r.names, c->wasm);
	if (!err)
		err = read_dwarf(&r, &image);
	wdx_cwasm_names_deinit(&r.names);
	wdx_vec_free(&r.found);
	free(r.seen);
	for (i = 0; i < MAX_SECTIONS; i++)
		wdx_buf_deinit(&copies[i]);
	wdx_buf_deinit(&image);
	return err;
}
