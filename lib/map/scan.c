/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "map/scan.h"

#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/error.h"

struct scan {
	const struct wdx_json_text *text;
	yajl_handle yajl;
	wdx_json_fn *fn;
	void *ctx;
	size_t end; /* of the token before */
};

/*
 * yajl tells how far it has read, which is the end of the token at hand.  Its start is the first
 * byte behind the token before that is neither white space nor the punctuation yajl keeps to
 * itself; as only messages want it, it is looked for when one is made.
 */
size_t wdx_json_token(const struct wdx_json_text *t, size_t at)
{
	while (at < t->size && t->data[at] && strchr(" \t\r\n,:", t->data[at]))
		at++;
	return at;
}

static int send(void *ctx, struct wdx_json_event ev)
{
	struct scan *s = ctx;

	ev.at = s->end;
	s->end = yajl_get_bytes_consumed(s->yajl);
	return s->fn(s->ctx, &ev);
}

static int on_null(void *ctx)
{
	return send(ctx, (struct wdx_json_event){.type = WDX_JSON_NULL});
}

static int on_bool(void *ctx, int yes)
{
	return send(ctx, (struct wdx_json_event){.type = WDX_JSON_BOOL, .yes = yes});
}

static int on_number(void *ctx, const char *s, size_t n)
{
	return send(ctx, (struct wdx_json_event){.type = WDX_JSON_NUMBER, .s = s, .n = n});
}

static int on_string(void *ctx, const unsigned char *s, size_t n)
{
	return send(ctx,
		    (struct wdx_json_event){.type = WDX_JSON_STRING, .s = (const char *)s, .n = n});
}

static int on_object(void *ctx)
{
	return send(ctx, (struct wdx_json_event){.type = WDX_JSON_OBJECT});
}

static int on_key(void *ctx, const unsigned char *s, size_t n)
{
	return send(ctx,
		    (struct wdx_json_event){.type = WDX_JSON_KEY, .s = (const char *)s, .n = n});
}

static int on_array(void *ctx)
{
	return send(ctx, (struct wdx_json_event){.type = WDX_JSON_ARRAY});
}

static int on_end(void *ctx)
{
	return send(ctx, (struct wdx_json_event){.type = WDX_JSON_END});
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end,
	.yajl_start_array = on_array,
	.yajl_end_array = on_end,
};

static struct wdx_error *syntax_error(struct scan *s, bool whole)
{
	unsigned char *text = yajl_get_error(s->yajl, 0, s->text->data, s->text->size);
	/* The end of the text is a second chunk for yajl, so its count starts again there. */
	size_t at = whole ? s->text->size : yajl_get_bytes_consumed(s->yajl);
	struct wdx_error *err;

	if (!text)
		return &wdx_nomem;
	if (whole)
		err = wdx_bad_input("the text ends in the middle of a value");
	else
		err = wdx_bad_input("%.*s", (int)strcspn((char *)text, "\n"), text);
	yajl_free_error(s->yajl, text);
	return wdx_json_place(s->text, at, err);
}

enum wdx_json_status wdx_json_scan(const struct wdx_json_text *t, wdx_json_fn *fn, void *ctx,
				   struct wdx_error **err)
{
	struct scan s = {.text = t, .fn = fn, .ctx = ctx};
	enum wdx_json_status result = WDX_JSON_DONE;
	yajl_status status;
	bool whole = false;

	s.yajl = yajl_alloc(&callbacks, NULL, &s);
	if (!s.yajl) {
		*err = &wdx_nomem;
		return WDX_JSON_BROKEN;
	}
	status = yajl_parse(s.yajl, t->data, t->size);
	if (status == yajl_status_ok) {
		whole = true;
		status = yajl_complete_parse(s.yajl);
	}
	if (status == yajl_status_client_canceled) {
		result = WDX_JSON_STOPPED;
	} else if (status != yajl_status_ok) {
		*err = syntax_error(&s, whole);
		result = WDX_JSON_BROKEN;
	}
	yajl_free(s.yajl);
	return result;
}

struct wdx_error *wdx_json_place(const struct wdx_json_text *t, size_t at, struct wdx_error *err)
{
	const uint8_t *line = t->data, *end, *nl;
	unsigned long n = 1;

	end = t->data + (at < t->size ? at : t->size);
	while (line < end && (nl = memchr(line, '\n', (size_t)(end - line)))) {
		line = nl + 1;
		n++;
	}
	return wdx_error_at(err, "%s:%lu:%lu", t->path, n, (unsigned long)(end - line) + 1);
}

struct find {
	const struct wdx_json_path *path;
	size_t depth;	  /* open containers */
	size_t on_path;	  /* how many of them, from the root, are on the path */
	size_t seen[12];  /* values passed in each of those */
	bool key_matches; /* the key at hand is the one wanted */
	size_t at;	  /* deepest value on the path so far */
};

static bool find_value(struct find *f, const struct wdx_json_event *ev)
{
	const struct wdx_json_step *step;
	bool hit = f->on_path == f->depth;

	if (hit && f->depth) {
		step = &f->path->step[f->depth - 1];
		hit = step->key ? f->key_matches : f->seen[f->depth - 1]++ == step->index;
		f->key_matches = false;
	}
	if (hit)
		f->at = ev->at;
	if (hit && f->depth == f->path->n)
		return false;
	if (ev->type != WDX_JSON_OBJECT && ev->type != WDX_JSON_ARRAY)
		return true;
	if (hit)
		f->seen[f->on_path++] = 0;
	f->depth++;
	return true;
}

static bool find_event(void *ctx, const struct wdx_json_event *ev)
{
	struct find *f = ctx;
	const char *key;

	if (ev->type == WDX_JSON_KEY) {
		key = f->on_path == f->depth ? f->path->step[f->depth - 1].key : NULL;
		f->key_matches = key && strlen(key) == ev->n && !memcmp(key, ev->s, ev->n);
		return true;
	}
	if (ev->type != WDX_JSON_END)
		return find_value(f, ev);
	f->depth--;
	if (f->on_path <= f->depth)
		return true;
	/* Left a container of the path without finding the next step in it: that was the place. */
	return false;
}

size_t wdx_json_find(const struct wdx_json_text *t, const struct wdx_json_path *path)
{
	struct wdx_error *err = NULL;
	struct find f = {.path = path};

	wdx_json_scan(t, find_event, &f, &err);
	wdx_error_destroy(err);
	return wdx_json_token(t, f.at);
}

void wdx_json_path_text(const struct wdx_json_path *path, char *buf, size_t size)
{
	const struct wdx_json_step *step;
	size_t len = 1;
	unsigned i;
	int n;

	snprintf(buf, size, "$");
	for (i = 0; i < path->n && len < size; i++) {
		step = &path->step[i];
		n = step->key ? snprintf(buf + len, size - len, ".%s", step->key)
			      : snprintf(buf + len, size - len, "[%zu]", step->index);
		len += n > 0 ? (size_t)n : 0;
	}
}
