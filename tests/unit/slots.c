/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* lib/map: frame tables of a real image, whole and broken. */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "hostile.h"
#include "map/map.h"
#include "native/native.h"
#include "tap.h"

#define FOLDER "tests/data/guest-debug/"

static struct wdx_buf module, image;
static struct wdx_wasm wasm;
static size_t header; /* of .wasmtime.frames: offset in the image */
static Elf64_Shdr frames;

/* Also what is not compressed. */
static bool read_file(const char *path, struct wdx_buf *to)
{
	gzFile f = gzopen(path, "rb");
	uint8_t chunk[4096];
	int n;

	while (f && (n = gzread(f, chunk, sizeof(chunk))) > 0)
		wdx_buf_bytes(to, chunk, (size_t)n);
	if (f)
		gzclose(f);
	return to->len > 0;
}

static bool find_frames(void)
{
	Elf64_Shdr names, s;
	Elf64_Ehdr eh;

	memcpy(&eh, image.data, sizeof(eh));
	memcpy(&names, image.data + eh.e_shoff + eh.e_shstrndx * sizeof(s), sizeof(s));
	for (unsigned i = 0; i < eh.e_shnum; i++) {
		header = eh.e_shoff + i * sizeof(s);
		memcpy(&s, image.data + header, sizeof(s));
		frames = s;
		if (!strcmp((char *)image.data + names.sh_offset + s.sh_name, ".wasmtime.frames"))
			return true;
	}
	return false;
}

static struct wdx_error *import(const uint8_t *data, size_t size, struct wdx_map *map)
{
	struct wdx_target *t;
	struct wdx_error *err = wdx_map_read_cwasm(map, &t, "x", data, size, &wasm);

	if (err)
		return err;
	wdx_target_destroy(t);
	err = wdx_map_check(map, &wasm);
	if (err)
		wdx_map_deinit(map);
	return err;
}

static uint32_t count(const struct wdx_map *m, const struct wdx_map_func *f, uint32_t kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->nentities; i++)
		n += m->entities.data[f->first_entity + i].kind == kind;
	return n;
}

static void test_whole(void)
{
	struct wdx_map m;
	struct wdx_error *err = import(image.data, image.len, &m);
	uint32_t locals = 0, stacks = 0, contexts = 0;
	const struct wdx_map_func *f;

	if (!ok(!err, "read: %s", err ? wdx_error_message(err) : "good")) {
		wdx_error_destroy(err);
		return;
	}
	wdx_vec_each (f, &m.funcs) {
		if (f->index == WDX_NO_INDEX)
			continue;
		locals += count(&m, f, WDX_ENT_LOCAL) ==
			  wasm.funcs.data[f->index - wasm.nimported_funcs].nlocals;
		stacks += count(&m, f, WDX_ENT_STACK) > 0;
		contexts += count(&m, f, WDX_ENT_CONTEXT) == 1;
	}
	ok(m.instrumented && m.has_locals && !m.faults, "instrumented");
	ok(locals == wasm.funcs.len, "all locals of %u functions", locals);
	ok(contexts == wasm.funcs.len, "contexts of %u", contexts);
	ok(stacks == wasm.funcs.len, "operands of %u", stacks);
	ok(m.memories.len == 1 && m.globals.len == wasm.globals.len, "memory and globals");
	wdx_map_deinit(&m);
}

/* The image with other tables, at its very end; and whether it can be read. */
static bool import_tables(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(image.len + size);
	Elf64_Shdr s = frames;
	struct wdx_error *err;
	struct wdx_map m;

	if (!copy)
		abort();
	memcpy(copy, image.data, image.len);
	memcpy(copy + image.len, data, size);
	s.sh_offset = image.len;
	s.sh_size = size;
	memcpy(copy + header, &s, sizeof(s));
	err = import(copy, image.len + size, &m);
	if (!err)
		wdx_map_deinit(&m);
	free(copy);
	wdx_error_destroy(err);
	return !err;
}

static void read_tables(const uint8_t *data, size_t size, void *arg)
{
	*(unsigned *)arg += !import_tables(data, size);
}

static void test_cut(void)
{
	const uint8_t *tables = image.data + frames.sh_offset;
	unsigned n = 0, bad = 0;

	/* none at all is no error: an image without */
	for (size_t size = 1; size < frames.sh_size; size += 1 + size / 16, n++)
		bad += !import_tables(tables, size);
	ok(bad == n, "%u cut short, %u refused", n, bad);
	ok(import_tables(tables, frames.sh_size), "the whole, elsewhere");
}

/* Every bit of the header and of what follows it, then a choice. */
static void test_flips(void)
{
	uint8_t *copy = malloc(frames.sh_size);
	unsigned n = 0, bad = 0;

	if (!copy)
		abort();
	memcpy(copy, image.data + frames.sh_offset, frames.sh_size);
	for (size_t bit = 0; bit < 8 * frames.sh_size; bit += bit < 512 ? 1 : 97, n++) {
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		bad += !import_tables(copy, frames.sh_size);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(copy);
	ok(bad > n / 4, "%u bits flipped, %u refused", n, bad);
}

static void test_hostile(void)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < 600; i++)
		hostile_one(image.data + frames.sh_offset, frames.sh_size, 1 + i % 4, read_tables,
			    &bad);
	ok(bad > 100, "600 mutations, %u refused", bad);
}

/* The address map's positions are used, too: for jump tables. */
static void test_image(void)
{
	size_t at = frames.sh_offset < 0x3000 ? 0 : frames.sh_offset - 0x2000;
	uint8_t *copy = malloc(image.len);
	struct wdx_error *err;
	struct wdx_map m;
	unsigned bad = 0;

	if (!copy)
		abort();
	for (unsigned i = 0; i < 500; i++) {
		memcpy(copy, image.data, image.len);
		copy[at + hostile_random() % 0x2000] = (uint8_t)hostile_random();
		err = import(copy, image.len, &m);
		bad += err != NULL;
		if (!err)
			wdx_map_deinit(&m);
		wdx_error_destroy(err);
	}
	free(copy);
	ok(bad > 0, "500 with a byte changed before the tables, %u refused", bad);
}

/* Code that is not what the tables are about must not be believed either, nor crash. */
static void test_code(void)
{
	uint8_t *copy = malloc(image.len);
	struct wdx_error *err;
	struct wdx_map m;
	unsigned n = 0;

	if (!copy)
		abort();
	for (unsigned i = 0; i < 300; i++) {
		memcpy(copy, image.data, image.len);
		for (unsigned k = 0; k < 8; k++)
			copy[0x1000 + hostile_random() % 0x1800] = (uint8_t)hostile_random();
		err = import(copy, image.len, &m);
		n++;
		if (!err)
			wdx_map_deinit(&m);
		wdx_error_destroy(err);
	}
	free(copy);
	ok(n == 300, "%u with other code", n);
}

int main(void)
{
	struct wdx_error *err;

	if (!ok(read_file(FOLDER "guest-O2.wasm", &module) &&
			read_file(FOLDER "guest-O2-50.cwasm.gz", &image) && find_frames(),
		"module and image"))
		return done();
	err = wdx_wasm_init(&wasm, module.data, module.len);
	if (!ok(!err, "module: %s", err ? wdx_error_message(err) : "read")) {
		wdx_error_destroy(err);
		return done();
	}
	test_whole();
	test_cut();
	test_flips();
	test_hostile();
	test_image();
	test_code();
	wdx_wasm_deinit(&wasm);
	wdx_buf_deinit(&module);
	wdx_buf_deinit(&image);
	return done();
}
