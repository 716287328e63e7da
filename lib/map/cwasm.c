/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "map/cwasm.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "native/native.h"

/* --- Triple and version ------------------------------------------------------------------------
 */

/* Text of .wasmtime.engine: a byte for its length, then the text. */
static const char *read_text(struct wdx_cwasm *c, struct wdx_reader *in)
{
	uint8_t i, n = wdx_read_u8(in);
	const uint8_t *s = wdx_read_bytes(in, n);

	for (i = 0; s && i < n; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f)
			return NULL;
	return s && n && n < 0x80 ? wdx_arena_strndup(&c->map->arena, (const char *)s, n) : NULL;
}

/* "wasmtime VERSION". */
static const char *spell_producer(struct wdx_cwasm *c, const char *version)
{
	static const char name[] = "wasmtime ";
	size_t n = strlen(version);
	char *s = wdx_arena_alloc(&c->map->arena, sizeof(name) + n);

	if (!s)
		return NULL;
	memcpy(s, name, sizeof(name) - 1);
	memcpy(s + sizeof(name) - 1, version, n + 1);
	return s;
}

/* The engine's section begins with a format number, its version and the triple.  What cannot be
 * read there is told by the ELF header well enough. */
static void read_engine(struct wdx_cwasm *c)
{
	const char *arch = c->machine == EM_X86_64 ? "x86_64-" : "aarch64-", *version, *triple;
	const struct wdx_cwasm_section *s = wdx_cwasm_find(c, ".wasmtime.engine");
	struct wdx_reader in;

	c->map->triple =
		c->machine == EM_X86_64 ? "x86_64-unknown-linux-gnu" : "aarch64-unknown-linux-gnu";
	if (!s)
		return;
	wdx_reader_init(&in, s->data, s->size, 0, false);
	wdx_read_u8(&in);
	version = read_text(c, &in);
	triple = version ? read_text(c, &in) : NULL;
	if (version && *version >= '0' && *version <= '9')
		c->map->producer = spell_producer(c, version);
	if (triple && !strncmp(triple, arch, strlen(arch)))
		c->map->triple = triple;
}

/* --- Calls -------------------------------------------------------------------------------------
 */

static struct wdx_error *add_calls(struct wdx_cwasm *c, const struct wdx_map_part *part,
				   uint32_t *starts, struct wdx_native_calls *out)
{
	const struct wdx_map_pair *pairs = c->map->pairs.data + part->first;
	struct wdx_map_func *f = &c->map->funcs.data[part->func];
	struct wdx_error *err;
	uint32_t i;
	bool known;

	for (i = 0; i < part->n; i++)
		starts[i] = pairs[i].native;
	f->first_call = (uint32_t)out->at.len;
	err = wdx_target_calls(c->target, c->text->data, part->lo, part->hi, starts, part->n, out,
			       &known);
	f->ncalls = (uint32_t)out->at.len - f->first_call;
	return err;
}

static struct wdx_error *read_calls(struct wdx_cwasm *c)
{
	struct wdx_map *m = c->map;
	struct wdx_native_calls out = {0};
	struct wdx_error *err = NULL;
	const struct wdx_map_part *part;
	uint32_t *starts = calloc(m->pairs.len + 1, sizeof(*starts));

	if (!starts)
		return &wdx_nomem;
	wdx_vec_each (part, &m->parts)
		if (!err && m->funcs.data[part->func].index != WDX_NO_INDEX)
			err = add_calls(c, part, starts, &out);
	free(starts);
	/* The same vector under another name. */
	m->calls.data = out.at.data;
	m->calls.len = out.at.len;
	m->calls.cap = out.at.cap;
	return err;
}

/* --- The whole ---------------------------------------------------------------------------------
 */

/* Functions that have locals to tell of must have been described, most of them: in an image that
 * was compiled with the module's own DWARF only those without any are. */
static void judge_locals(struct wdx_cwasm *c)
{
	const struct wdx_wasm_func *f;
	uint32_t n = 0;

	wdx_vec_each (f, &c->wasm->funcs)
		n += f->nlocals != 0;
	c->map->has_locals = !n || c->map->instrumented || (c->described && c->described >= n / 2);
	if (!c->map->has_locals)
		c->map->hint =
			"compile the module with its debug sections stripped "
			"(llvm-objcopy --strip-debug) and the engine's debug_info option on: "
			"the code is the same, and the image then tells where locals are";
}

/* Where there are frame tables the DWARF has nothing to add. */
static struct wdx_error *read_places(struct wdx_cwasm *c)
{
	struct wdx_error *err = wdx_cwasm_frames(c);

	if (err || c->map->instrumented)
		return err;
	err = wdx_cwasm_vars(c);
	return err ? err : wdx_cwasm_doubt_shared(c);
}

static struct wdx_error *read_all(struct wdx_cwasm *c, struct wdx_target **target)
{
	struct wdx_error *err;

	err = wdx_cwasm_open(c);
	if (err)
		return err;
	read_engine(c);
	err = wdx_target_create(target, c->map->triple);
	c->target = *target;
	if (!err)
		err = wdx_cwasm_funcs(c);
	if (!err)
		err = wdx_cwasm_pairs(c);
	if (!err)
		err = wdx_cwasm_rows(c);
	if (!err)
		err = read_places(c);
	if (!err)
		err = read_calls(c);
	if (!err)
		err = wdx_cwasm_cells(c);
	if (!err)
		judge_locals(c);
	return err;
}

struct wdx_error *wdx_map_read_cwasm(struct wdx_map *map, struct wdx_target **target,
				     const char *path, const uint8_t *data, size_t size,
				     const struct wdx_wasm *wasm)
{
	struct wdx_cwasm c = {.map = map, .wasm = wasm, .data = data, .size = size};
	struct wdx_error *err;

	memset(map, 0, sizeof(*map));
	*target = NULL;
	err = read_all(&c, target);
	wdx_vec_free(&c.sections);
	wdx_vec_free(&c.holders);
	if (!err)
		return NULL;
	wdx_map_deinit(map);
	wdx_target_destroy(*target);
	*target = NULL;
	return wdx_error_at(err, "%s", path);
}
