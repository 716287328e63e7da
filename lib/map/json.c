/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The JSON format of wasm-jit-map(5) by tables: a shape for each kind of object or array says
 * which keys it may hold, what their values may be and where they go.  Values go straight into
 * the map's pools; what is under way is in struct parse.
 */
#include "map/map.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "map/check.h"
#include "map/json.h"
#include "map/text.h"
#include "native/native.h"

#define FORMAT "wasm-jit-map"
#define VERSION 1

/* --- Errors ------------------------------------------------------------------------------------
 */

static const char *key_name(const struct frame *f)
{
	if (is_array(f->shape))
		return NULL;
	return f->shape->kind == NAMES ? f->name : f->key->name;
}

/* The path of the innermost object or array, or of the value at hand in it. */
static void path_of(const struct parse *p, bool value, struct wdx_json_path *path)
{
	const struct frame *f;
	unsigned i, n = p->depth - (p->depth && !value);

	path->n = 0;
	for (i = 0; i < n && i < sizeof(path->step) / sizeof(path->step[0]); i++) {
		f = &p->stack[i];
		path->step[path->n++] =
			(struct wdx_json_step){.key = key_name(f), .index = f->index};
	}
}

static bool fail_at(struct parse *p, size_t at, bool value, struct wdx_error *err)
{
	struct wdx_json_path path;
	char text[256];

	path_of(p, value, &path);
	wdx_json_path_text(&path, text, sizeof(text));
	p->err =
		wdx_json_place(p->text, wdx_json_token(p->text, at), wdx_error_at(err, "%s", text));
	return false;
}

static struct wdx_error *verror(const char *fmt, va_list ap)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, ap);
	return wdx_bad_input("%s", text);
}

bool wdx_parse_fail(struct parse *p, const char *fmt, ...)
{
	struct wdx_error *err;
	va_list ap;

	va_start(ap, fmt);
	err = verror(fmt, ap);
	va_end(ap);
	return fail_at(p, p->at, true, err);
}

bool wdx_parse_fail_whole(struct parse *p, const char *fmt, ...)
{
	struct wdx_error *err;
	va_list ap;

	va_start(ap, fmt);
	err = verror(fmt, ap);
	va_end(ap);
	return fail_at(p, p->stack[p->depth - 1].at, false, err);
}

bool wdx_parse_nomem(struct parse *p)
{
	p->err = &wdx_nomem;
	return false;
}

struct wdx_error *wdx_map_json_error(const struct wdx_json_text *text,
				     const struct wdx_json_path *where, struct wdx_error *err)
{
	char path[256];

	wdx_json_path_text(where, path, sizeof(path));
	return wdx_json_place(text, wdx_json_find(text, where), wdx_error_at(err, "%s", path));
}

/* --- The machine -------------------------------------------------------------------------------
 */

static const char *const type_names[] = {"null",       "a boolean", "an integer", "a string",
					 "a register", "an object", "an array"};

static bool wrong_type(struct parse *p, unsigned want, const char *found)
{
	const char *sep = "";
	char text[128] = "";
	unsigned i;

	for (i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (!(want >> i & 1))
			continue;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", sep,
			 type_names[i]);
		sep = " or ";
	}
	return wdx_parse_fail(p, "expected %s, found %s", text, found);
}

static bool number(struct parse *p, const struct wdx_json_event *ev, struct value *v)
{
	bool hex = ev->type == WDX_JSON_STRING;
	char quote[48];
	const char *why;

	v->type = T_INT;
	why = hex ? wdx_text_hex_number(ev->s, ev->n, &v->num)
		  : wdx_text_number(ev->s, ev->n, &v->num);
	return !why || wdx_parse_fail(p, "%s %s", wdx_text_quote(ev->s, ev->n, quote), why);
}

/* What the event is where a value of these types is wanted. */
static bool value_of(struct parse *p, const struct wdx_json_event *ev, unsigned want,
		     struct value *v)
{
	static const struct {
		uint8_t type;
		const char *name;
	} types[] = {
		[WDX_JSON_NULL] = {T_NULL, "null"},	  [WDX_JSON_BOOL] = {T_BOOL, "a boolean"},
		[WDX_JSON_NUMBER] = {T_INT, "a number"},  [WDX_JSON_STRING] = {T_STR, "a string"},
		[WDX_JSON_OBJECT] = {T_OBJ, "an object"}, [WDX_JSON_ARRAY] = {T_ARR, "an array"},
	};

	*v = (struct value){.type = types[ev->type].type, .s = ev->s, .n = ev->n, .yes = ev->yes};
	if (ev->type == WDX_JSON_NUMBER && want & (T_INT | T_REG) && !number(p, ev, v))
		return false;
	if (ev->type == WDX_JSON_STRING && want & T_INT && ev->n >= 2 && !memcmp(ev->s, "0x", 2) &&
	    !number(p, ev, v))
		return false;
	if (want & T_REG && v->type & (T_INT | T_STR))
		return true;
	return v->type & want || wrong_type(p, want, types[ev->type].name);
}

static bool open_frame(struct parse *p, const struct shape *shape)
{
	struct frame *f;

	if (p->depth == MAX_DEPTH)
		return wdx_parse_fail(p, "nested too deeply");
	f = &p->stack[p->depth++];
	f->shape = shape;
	f->key = NULL;
	f->at = p->at;
	f->seen = f->index = 0;
	f->name[0] = 0;
	return !shape->open || shape->open(p);
}

static bool value_event(struct parse *p, const struct wdx_json_event *ev)
{
	struct frame *f = &p->stack[p->depth - 1];
	struct value v;

	if (f->shape->kind == TUPLE && f->index >= f->shape->nkeys)
		return wdx_parse_fail_whole(p, "more than the %u elements expected",
					    f->shape->nkeys);
	if (is_array(f->shape))
		f->key = &f->shape->keys[f->shape->kind == TUPLE ? f->index : 0];
	p->key = f->key;
	if (!value_of(p, ev, f->key->types, &v))
		return false;
	if (v.type & (T_OBJ | T_ARR))
		return open_frame(p, v.type == T_OBJ || !f->key->array ? f->key->object
								       : f->key->array);
	if (f->key->set && !f->key->set(p, &v))
		return false;
	f->index++;
	return true;
}

static bool missing_key(struct parse *p, const struct frame *f)
{
	unsigned i;

	for (i = 0; i < f->shape->nkeys; i++)
		if (f->shape->keys[i].required && !(f->seen >> i & 1))
			return wdx_parse_fail_whole(p, "missing key \"%s\"",
						    f->shape->keys[i].name);
	return true;
}

static bool end_event(struct parse *p)
{
	struct frame *f = &p->stack[p->depth - 1];

	if (f->shape->kind == OBJECT && !missing_key(p, f))
		return false;
	if (f->shape->kind == TUPLE && f->index < f->shape->nkeys)
		return wdx_parse_fail_whole(p, "%u elements expected, found %u", f->shape->nkeys,
					    f->index);
	if (f->shape->close && !f->shape->close(p))
		return false;
	p->depth--;
	if (p->depth)
		p->stack[p->depth - 1].index++;
	return true;
}

static bool known_key(struct parse *p, struct frame *f, const struct wdx_json_event *ev)
{
	char quote[48];
	unsigned i;

	for (i = 0; i < f->shape->nkeys; i++)
		if (strlen(f->shape->keys[i].name) == ev->n &&
		    !memcmp(f->shape->keys[i].name, ev->s, ev->n))
			break;
	wdx_text_quote(ev->s, ev->n, quote);
	if (i == f->shape->nkeys)
		return fail_at(p, p->at, false, wdx_bad_input("unknown key \"%s\"", quote));
	if (f->seen >> i & 1)
		return fail_at(p, p->at, false, wdx_bad_input("duplicate key \"%s\"", quote));
	f->seen |= 1u << i;
	f->key = &f->shape->keys[i];
	return true;
}

static bool key_event(struct parse *p, const struct wdx_json_event *ev)
{
	struct frame *f = &p->stack[p->depth - 1];
	struct value v = {.type = T_STR, .s = ev->s, .n = ev->n};

	if (ev->n >= 2 && !memcmp(ev->s, "x-", 2)) {
		p->skipping = true;
		return true;
	}
	if (f->shape->kind == OBJECT)
		return known_key(p, f, ev);
	f->key = &f->shape->keys[0];
	wdx_text_quote(ev->s, ev->n, f->name);
	return f->shape->name(p, &v);
}

/* Inside the value of a key that begins with "x-": p->skip_depth containers are open in it. */
static void skip_event(struct parse *p, const struct wdx_json_event *ev)
{
	if (ev->type == WDX_JSON_OBJECT || ev->type == WDX_JSON_ARRAY)
		p->skip_depth++;
	else if (ev->type == WDX_JSON_END)
		p->skip_depth--;
	p->skipping = p->skip_depth != 0;
}

static bool event(void *ctx, const struct wdx_json_event *ev)
{
	struct parse *p = ctx;

	p->at = ev->at;
	if (p->skipping) {
		skip_event(p, ev);
		return true;
	}
	if (ev->type == WDX_JSON_KEY)
		return key_event(p, ev);
	if (ev->type == WDX_JSON_END)
		return end_event(p);
	if (p->depth)
		return value_event(p, ev);
	if (ev->type != WDX_JSON_OBJECT)
		return wdx_parse_fail(p, "expected an object");
	return open_frame(p, &wdx_map_shape);
}

/* --- The head ----------------------------------------------------------------------------------
 */

/*
 * Keys of an object may come in any order, but a register cannot be understood without the
 * triple, nor a complaint about an unknown key be right before the version is known.  So a scan
 * of its own looks for these three first.  It ends at the third; in a map that begins with them, as
 * the manual advises, that is at once.
 */
enum { HEAD_FORMAT, HEAD_VERSION, HEAD_TRIPLE, HEAD_N };

static const char *const head_keys[] = {"format", "version", "triple"};

struct head {
	struct wdx_arena *arena;
	size_t depth;
	int key; /* at hand, or -1 */
	unsigned nfound;
	struct {
		bool found;
		size_t at;
		enum wdx_json_type type;
		const char *s; /* NULL: none, or memory is out */
	} item[HEAD_N];
};

static void head_value(struct head *h, const struct wdx_json_event *ev)
{
	if (h->item[h->key].found)
		return;
	h->item[h->key].found = true;
	h->item[h->key].at = ev->at;
	h->item[h->key].type = ev->type;
	if (ev->type == WDX_JSON_STRING || ev->type == WDX_JSON_NUMBER)
		h->item[h->key].s = wdx_arena_strndup(h->arena, ev->s, ev->n);
	h->nfound++;
}

static bool head_event(void *ctx, const struct wdx_json_event *ev)
{
	struct head *h = ctx;
	int i;

	if (ev->type == WDX_JSON_KEY) {
		h->key = -1;
		for (i = 0; h->depth == 1 && i < HEAD_N; i++)
			if (strlen(head_keys[i]) == ev->n && !memcmp(head_keys[i], ev->s, ev->n))
				h->key = i;
		return true;
	}
	if (ev->type != WDX_JSON_END && h->depth == 1 && h->key >= 0)
		head_value(h, ev);
	if (ev->type == WDX_JSON_OBJECT || ev->type == WDX_JSON_ARRAY)
		h->depth++;
	else if (ev->type == WDX_JSON_END)
		h->depth--;
	return h->nfound < HEAD_N;
}

static struct wdx_error *head_error(const struct wdx_json_text *t, const struct head *h, int i,
				    struct wdx_error *err)
{
	if (!h->item[i].found) {
		wdx_error_destroy(err);
		err = wdx_bad_input("$: missing key \"%s\"", head_keys[i]);
	} else {
		err = wdx_error_at(err, "$.%s", head_keys[i]);
	}
	return wdx_json_place(t, wdx_json_token(t, h->item[i].at), err);
}

static struct wdx_error *check_format(const struct head *h)
{
	const char *s = h->item[HEAD_FORMAT].s;
	char quote[48];

	if (s && h->item[HEAD_FORMAT].type == WDX_JSON_STRING && !strcmp(s, FORMAT))
		return NULL;
	return wdx_bad_input("must be \"" FORMAT "\"%s%s", s ? " and not " : "",
			     s ? wdx_text_quote(s, strlen(s), quote) : "");
}

static struct wdx_error *check_version(const struct head *h)
{
	const char *s = h->item[HEAD_VERSION].s;
	struct wdx_text_int v;

	if (!s || h->item[HEAD_VERSION].type != WDX_JSON_NUMBER ||
	    wdx_text_number(s, strlen(s), &v) || v.neg || !v.value)
		return wdx_bad_input("must be a positive integer");
	if (v.value > VERSION)
		return wdx_bad_input("the map has version %" PRIu64
				     " of the format, and the newest known here is %d",
				     v.value, VERSION);
	return NULL;
}

static struct wdx_error *make_target(const struct head *h, struct wdx_map *map,
				     struct wdx_target **target)
{
	if (!h->item[HEAD_TRIPLE].s || h->item[HEAD_TRIPLE].type != WDX_JSON_STRING)
		return wdx_bad_input("expected a string");
	map->triple = h->item[HEAD_TRIPLE].s;
	return wdx_target_create(target, map->triple);
}

static struct wdx_error *read_head(struct wdx_map *map, struct wdx_target **target,
				   const struct wdx_json_text *t)
{
	struct head h = {.arena = &map->arena, .key = -1};
	struct wdx_error *err = NULL;

	if (wdx_json_scan(t, head_event, &h, &err) == WDX_JSON_BROKEN)
		return err;
	err = check_format(&h);
	if (err)
		return head_error(t, &h, HEAD_FORMAT, err);
	err = check_version(&h);
	if (err)
		return head_error(t, &h, HEAD_VERSION, err);
	err = make_target(&h, map, target);
	return err ? head_error(t, &h, HEAD_TRIPLE, err) : NULL;
}

/* --- Wasm offsets ------------------------------------------------------------------------------
 */

static struct wdx_error *pair_error(struct parse *p, const struct wdx_map_part *part, size_t pair,
				    uint32_t offset)
{
	const struct wdx_map_func *func = &p->map->funcs.data[part->func];
	struct wdx_json_path where = {
		.n = 6,
		.step = {{.key = "functions"},
			 {.index = part->func},
			 {.key = "parts"},
			 {.index = (size_t)(part - p->map->parts.data) - func->first_part},
			 {.key = "pairs"},
			 {.index = pair}},
	};

	return wdx_map_json_error(p->text, &where,
				  wdx_bad_input("wasm offset 0x%" PRIx32 " lies outside the code "
						"section, which is [0x%" PRIx32 ", 0x%" PRIx64
						") of the file",
						offset, p->wasm->code.v,
						(uint64_t)p->wasm->code.v + p->wasm->code_size));
}

/* From offsets in the file to offsets in the code section.  The end of the section stays one. */
static struct wdx_error *to_codepos(struct parse *p)
{
	uint32_t i, origin = p->wasm->code.v;
	struct wdx_map_part *part;
	struct wdx_map_pair *pair;
	struct wdx_error *err;

	wdx_vec_each (part, &p->map->parts) {
		for (i = 0; i < part->n; i++) {
			pair = &p->map->pairs.data[part->first + i];
			if (pair->wasm == UINT32_MAX)
				continue;
			if (pair->wasm < origin || pair->wasm - origin > p->wasm->code_size) {
				/* With another module every offset is wrong: say that. */
				err = wdx_map_check_module(p->map, p->wasm);
				return err ? wdx_map_json_error(
						     p->text,
						     &(struct wdx_json_path){
							     .n = 1, .step = {{.key = "module"}}},
						     err)
					   : pair_error(p, part, i, pair->wasm);
			}
			pair->wasm -= origin;
		}
	}
	return NULL;
}

/* --- The whole ---------------------------------------------------------------------------------
 */

static void parse_deinit(struct parse *p)
{
	wdx_vec_free(&p->offsets);
	wdx_vec_free(&p->bytes);
}

static struct wdx_error *read_body(struct wdx_map *map, struct wdx_target *target,
				   const struct wdx_json_text *t, const struct wdx_wasm *wasm)
{
	struct parse p = {.text = t, .map = map, .target = target, .wasm = wasm};
	struct wdx_error *err = NULL;

	if (wdx_json_scan(t, event, &p, &err) == WDX_JSON_STOPPED)
		err = p.err;
	if (!err && p.offsets_in_file)
		err = to_codepos(&p);
	if (!err && !p.has_locals_given)
		map->has_locals = p.local_seen;
	parse_deinit(&p);
	return err;
}

struct wdx_error *wdx_map_read_json(struct wdx_map *map, struct wdx_target **target,
				    const char *path, const uint8_t *data, size_t size,
				    const struct wdx_wasm *wasm)
{
	const struct wdx_json_text t = {.path = path, .data = data, .size = size};
	struct wdx_error *err;

	/* Then no list of the map, each item of which takes a byte at least, outgrows its index. */
	if (size >= UINT32_MAX)
		return wdx_bad_input("%s: 4 GiB and more of JSON are not supported", path);
	err = read_head(map, target, &t);
	return err ? err : read_body(map, *target, &t, wasm);
}
