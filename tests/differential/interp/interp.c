/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The interpreter's life, and what can be asked of it. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "interp/impl.h"

static bool start_call(struct interp *in, const struct func *f, const u64 *args)
{
	in->depth = 0;
	in->error = NULL;
	in->called = f->type;
	in->state = INTERP_READY;
	for (u32 i = 0; i < f->type->nparams; i++)
		in->values[i] = interp_value(f->type->params[i], args[i]);
	return interp_enter(in, f, in->values);
}

#define START_LIMIT (1ull << 32) /* instructions: seconds */

static const char *run_start(struct interp *in)
{
	const struct func *f = &in->funcs.data[in->start];

	if (!in->has_start)
		return NULL;
	if (f->host || f->type->nparams || f->type->nresults || !start_call(in, f, NULL))
		return "the start function cannot be called";
	if (interp_run(in, START_LIMIT) != INTERP_DONE)
		return in->error ? in->error : "the start function did not return";
	return NULL;
}

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

#define VALUES_SIZE (VALUES_MAX * sizeof(u64))
#define FRAMES_SIZE (FRAMES_MAX * sizeof(struct frame))

struct interp *interp_new(const uint8_t *module, size_t size, const char **why)
{
	struct interp *in = calloc(1, sizeof(*in));

	*why = "out of memory";
	if (!in)
		return NULL;
	in->bytes = module;
	in->size = size;
	in->out = in->err = -1;
	for (u8 i = 0; i < sizeof(in->fds); i++)
		in->fds[i] = i + 1;
	in->values = map(VALUES_SIZE);
	in->frames = map(FRAMES_SIZE);
	if (!in->values || !in->frames || (*why = interp_load(in)) || (*why = run_start(in))) {
		interp_free(in);
		return NULL;
	}
	in->state = INTERP_DONE;
	in->called = NULL;
	return in;
}

static void free_segments(struct segment *s, u32 n)
{
	for (u32 i = 0; i < n; i++)
		free(s[i].refs);
	free(s);
}

void interp_free(struct interp *in)
{
	if (!in)
		return;
	for (u32 i = 0; i < in->hosts.len; i++) {
		free(in->hosts.data[i].module);
		free(in->hosts.data[i].name);
	}
	for (u32 i = 0; i < in->tables.len; i++)
		free(in->tables.data[i].refs);
	for (u32 i = 0; i < in->mems.len; i++)
		if (in->mems.data[i].base)
			munmap(in->mems.data[i].base, in->mems.data[i].mapped);
	free_segments(in->elems.data, in->elems.len);
	free_segments(in->datas.data, in->datas.len);
	free(in->types.data);
	free(in->hosts.data);
	free(in->funcs.data);
	free(in->tables.data);
	free(in->mems.data);
	free(in->globals.data);
	free(in->exports.data);
	free(in->ops.data);
	free(in->offsets.data);
	free(in->targets.data);
	if (in->values)
		munmap(in->values, VALUES_SIZE);
	if (in->frames)
		munmap(in->frames, FRAMES_SIZE);
	free(in);
}

void interp_set_output(struct interp *in, int fd)
{
	in->out = fd;
}

void interp_set_errors(struct interp *in, int fd)
{
	in->err = fd;
}

void interp_set_host_hook(struct interp *in, interp_host_fn fn, void *ctx)
{
	in->hook = fn;
	in->hook_ctx = ctx;
}

static const struct func *find_export(const struct interp *in, const char *name)
{
	for (u32 i = 0; i < in->exports.len; i++) {
		const struct export *e = &in->exports.data[i];

		if (e->kind == 0 && e->len == strlen(name) && !memcmp(e->name, name, e->len))
			return &in->funcs.data[e->index];
	}
	return NULL;
}

bool interp_call(struct interp *in, const char *name, const uint64_t *args, size_t nargs)
{
	const struct func *f = find_export(in, name);

	return f && !f->host && nargs == f->type->nparams && start_call(in, f, args);
}

bool interp_signature(const struct interp *in, const char *name, struct interp_signature *out)
{
	const struct func *f = find_export(in, name);

	if (!f)
		return false;
	out->nparams = f->type->nparams;
	out->nresults = f->type->nresults;
	out->params = f->type->params;
	out->results = f->type->results;
	return true;
}

uint64_t interp_count(const struct interp *in)
{
	return in->count;
}

uint64_t interp_entries(const struct interp *in)
{
	return in->entries;
}

/* --- instructions ---------------------------------------------------------------------------- */

bool interp_mark(struct interp *in, uint32_t offset, bool on)
{
	u32 lo = 0, hi = in->offsets.len;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (in->offsets.data[mid] < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == in->offsets.len || in->offsets.data[lo] != offset)
		return false;
	in->ops.data[lo].code = on ? OP_MARK : in->ops.data[lo].real;
	return true;
}

/* --- state ----------------------------------------------------------------------------------- */

uint32_t interp_depth(const struct interp *in)
{
	return in->depth;
}

bool interp_frame(const struct interp *in, uint32_t n, struct interp_frame *out)
{
	const struct frame *f;

	if (n >= in->depth)
		return false;
	f = &in->frames[in->depth - 1 - n];
	out->func = (u32)(f->func - in->funcs.data);
	out->pc = in->offsets.data[f->pc - in->ops.data];
	out->locals = f->locals;
	out->nlocals = f->func->nlocals;
	out->entry = f->entry;
	out->stack = f->stack;
	/* The callee's locals begin with the arguments of the call. */
	out->height = (u32)((n ? f[1].locals : in->sp) - f->stack);
	return true;
}

size_t interp_nglobals(const struct interp *in)
{
	return in->globals.len;
}

uint64_t interp_global(const struct interp *in, uint32_t index)
{
	return index < in->globals.len ? in->globals.data[index].value : 0;
}

uint8_t *interp_memory_edit(struct interp *in, uint32_t index, size_t *size)
{
	if (index >= in->mems.len)
		return NULL;
	*size = in->mems.data[index].size;
	return in->mems.data[index].base;
}

const uint8_t *interp_memory(const struct interp *in, uint32_t index, size_t *size)
{
	if (index >= in->mems.len)
		return NULL;
	*size = in->mems.data[index].size;
	return in->mems.data[index].base;
}

bool interp_table(const struct interp *in, uint32_t table, uint32_t entry, uint32_t *func)
{
	const struct table *t = table < in->tables.len ? &in->tables.data[table] : NULL;

	if (!t || entry >= t->size || !t->refs[entry])
		return false;
	*func = (u32)(t->refs[entry] - 1);
	return true;
}

size_t interp_results(const struct interp *in, const uint64_t **values)
{
	if (in->state != INTERP_DONE || !in->called)
		return 0;
	*values = in->values;
	return in->called->nresults;
}

int interp_exit_status(const struct interp *in)
{
	return in->status;
}

const char *interp_error(const struct interp *in)
{
	return in->error ? in->error : "";
}
