/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * A small host for wasm modules that needs no header of the engine: it opens Wasmtime's library,
 * compiles a module or loads an image, says where the code and the memory are, calls
 * host_ready(), and runs the module.  Debuggers stop in host_ready() to load a side-car.
 * The prototypes below hold for the C API of Wasmtime 24 to 50.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bytes { /* wasm_byte_vec_t */
	size_t size;
	char *data;
};

struct item { /* wasmtime_extern_t: kind, then a union of 16 to 24 bytes, by version */
	uint8_t kind;
	union {
		uint64_t room[7];
		char of[1];
	};
};

struct instance { /* wasmtime_instance_t */
	uint64_t store, index;
};

union raw { /* wasmtime_val_raw_t: the same in all versions, which wasmtime_val_t is not */
	int32_t i32;
	int64_t i64;
	float f32;
	double f64;
	uint64_t v128[2];
};

enum { ITEM_FUNC = 0, ITEM_MEMORY = 3 };	 /* WASMTIME_EXTERN_* */
enum { KIND_I32, KIND_I64, KIND_F32, KIND_F64 }; /* WASM_I32... */
enum { ARGS_MAX = 16 };

typedef void *(*host_func)(void *env, void *caller, union raw *values, size_t n);

/* What is used of the engine: result, name, parameters. */
#define API(X)                                                                                     \
	X(void *, wasm_config_new, (void))                                                         \
	X(void, wasmtime_config_debug_info_set, (void *, bool))                                    \
	X(void, wasmtime_config_cranelift_opt_level_set, (void *, uint8_t))                        \
	X(void *, wasm_engine_new_with_config, (void *))                                           \
	X(void *, wasmtime_module_new, (void *, const char *, size_t, void **))                    \
	X(void *, wasmtime_module_deserialize, (void *, const char *, size_t, void **))            \
	X(void *, wasmtime_module_serialize, (void *, struct bytes *))                             \
	X(void, wasmtime_module_image_range, (void *, void **, void **))                           \
	X(void *, wasmtime_store_new, (void *, void *, void (*)(void *)))                          \
	X(void *, wasmtime_store_context, (void *))                                                \
	X(void *, wasmtime_context_set_wasi, (void *, void *))                                     \
	X(void *, wasi_config_new, (void))                                                         \
	X(void, wasi_config_inherit_stdin, (void *))                                               \
	X(void, wasi_config_inherit_stdout, (void *))                                              \
	X(void, wasi_config_inherit_stderr, (void *))                                              \
	X(void *, wasmtime_linker_new, (void *))                                                   \
	X(void *, wasmtime_linker_define_wasi, (void *))                                           \
	X(void, wasmtime_linker_allow_shadowing, (void *, bool))                                   \
	X(void *, wasmtime_linker_define_func_unchecked,                                           \
	  (void *, const char *, size_t, const char *, size_t, void *, host_func, void *,          \
	   void (*)(void *)))                                                                      \
	X(void *, wasmtime_caller_context, (void *))                                               \
	X(bool, wasmtime_caller_export_get, (void *, const char *, size_t, struct item *))         \
	X(void *, wasm_valtype_new, (uint8_t))                                                     \
	X(void *, wasm_functype_new, (struct bytes *, struct bytes *))                             \
	X(void *, wasmtime_linker_instantiate,                                                     \
	  (void *, void *, void *, struct instance *, void **))                                    \
	X(bool, wasmtime_instance_export_get,                                                      \
	  (void *, struct instance *, const char *, size_t, struct item *))                        \
	X(void *, wasmtime_memory_data, (void *, void *))                                          \
	X(size_t, wasmtime_memory_data_size, (void *, void *))                                     \
	X(void *, wasmtime_func_type, (void *, void *))                                            \
	X(void **, wasm_functype_params, (void *))                                                 \
	X(void **, wasm_functype_results, (void *))                                                \
	X(uint8_t, wasm_valtype_kind, (void *))                                                    \
	X(void *, wasmtime_func_call_unchecked, (void *, void *, union raw *, size_t, void **))    \
	X(void, wasmtime_error_message, (void *, struct bytes *))                                  \
	X(bool, wasmtime_error_exit_status, (void *, int *))                                       \
	X(void, wasm_trap_message, (void *, struct bytes *))

/* Only for instrumented images, which younger engines make. */
static void (*wasmtime_config_signals_based_traps_set)(void *, bool);

#define DECLARE(result, name, params) static result(*name) params;
API(DECLARE)

struct options {
	const char *lib, *compile, *image, *save, *call;
	int opt;
	bool debug_info, run, hash, fixed;
	char **args;
	int nargs;
	struct bytes bytes; /* of the image */
	bool guest_debug;   /* it is instrumented */
};

/* Read by debuggers, which may find arguments of host_ready() harder to get. */
uintptr_t host_text, host_memory;

void host_ready(uintptr_t text, uintptr_t memory);
__attribute__((noinline)) void host_ready(uintptr_t text, uintptr_t memory)
{
	host_text = text;
	host_memory = memory;
	__asm__ volatile("" ::: "memory");
}

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "host: %s: %s\n", what, why);
	exit(1);
}

/* Exits when the engine reports an error or a trap; the exit status of the guest is passed on. */
static void check(const char *what, void *error, void *trap)
{
	struct bytes text = {0};
	int status;

	if (!error && !trap)
		return;
	fflush(stdout);
	if (error && wasmtime_error_exit_status(error, &status))
		exit(status);
	if (error)
		wasmtime_error_message(error, &text);
	else
		wasm_trap_message(trap, &text);
	fprintf(stderr, "host: %s: %.*s\n", what, (int)text.size, text.data);
	exit(1);
}

static void open_engine(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		fail(path, dlerror());
#define FIND(result, name, params)                                                                 \
	*(void **)&name = dlsym(lib, #name);                                                       \
	if (!name)                                                                                 \
		fail(path, "no " #name);
	API(FIND)
	*(void **)&wasmtime_config_signals_based_traps_set =
		dlsym(lib, "wasmtime_config_signals_based_traps_set");
}

static struct bytes read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct bytes b = {0};

	if (!f || fseek(f, 0, SEEK_END))
		fail(path, strerror(errno));
	b.size = ftell(f);
	rewind(f);
	b.data = malloc(b.size + 1);
	if (!b.data || fread(b.data, 1, b.size, f) != b.size)
		fail(path, "cannot be read");
	fclose(f);
	return b;
}

/* Code instrumented for guest debugging runs like any other as long as nobody sets breakpoints. But
 * the C API cannot ask for such images, and the engine loads only what has the options that it has
 * itself.  So the option is cleared: behind three numbers that are always the same is a byte for
 * debug_info, and one for this. */
static void clear_guest_debug(struct options *o)
{
	static const uint8_t before[] = {0x80, 0x80, 0x80, 0x80, 0x10, 0x80, 0x80,
					 0x80, 0x10, 0x80, 0x80, 0x80, 0x80, 0x08};
	char *p = memmem(o->bytes.data, o->bytes.size < 0x1000 ? o->bytes.size : 0x1000, before,
			 sizeof(before));

	if (!p || p[sizeof(before) + 1] != 1)
		return;
	if (!wasmtime_config_signals_based_traps_set)
		fail(o->image, "the engine is too old for instrumented images");
	p[sizeof(before) + 1] = 0;
	o->debug_info = p[sizeof(before)];
	o->guest_debug = true;
}

static void save_image(void *module, const char *path)
{
	struct bytes image = {0};
	FILE *f = fopen(path, "wb");

	if (!f)
		fail(path, strerror(errno));
	check("serialize", wasmtime_module_serialize(module, &image), NULL);
	if (fwrite(image.data, 1, image.size, f) != image.size || fclose(f))
		fail(path, "cannot be written");
}

static void *load_module(void *engine, const struct options *o)
{
	void *module = NULL;
	struct bytes wasm;

	if (o->image) {
		check(o->image,
		      wasmtime_module_deserialize(engine, o->bytes.data, o->bytes.size, &module),
		      NULL);
		return module;
	}
	wasm = read_file(o->compile);
	check(o->compile, wasmtime_module_new(engine, wasm.data, wasm.size, &module), NULL);
	free(wasm.data);
	return module;
}

struct place {
	uintptr_t lo, hi, text, size;
};

/* An image that starts with its ELF header names its .text; any other is all text. */
static void find_text(struct place *p)
{
	const char *lo = (const char *)p->lo;
	const Elf64_Ehdr *e = (const void *)lo;
	const Elf64_Shdr *s;

	p->text = p->lo;
	p->size = p->hi - p->lo;
	if (p->size < sizeof(*e) || memcmp(lo, ELFMAG, SELFMAG))
		return;
	s = (const void *)(lo + e->e_shoff);
	for (unsigned i = 0; i < e->e_shnum; i++) {
		if (!strcmp(lo + s[e->e_shstrndx].sh_offset + s[i].sh_name, ".text")) {
			p->text = p->lo + s[i].sh_offset;
			p->size = s[i].sh_size;
		}
	}
}

static struct place find_image(void *module)
{
	struct place p = {0};
	void *lo, *hi;

	wasmtime_module_image_range(module, &lo, &hi);
	p.lo = (uintptr_t)lo;
	p.hi = (uintptr_t)hi;
	find_text(&p);
	return p;
}

static void *new_context(void *engine)
{
	void *context = wasmtime_store_context(wasmtime_store_new(engine, NULL, NULL));
	void *wasi = wasi_config_new();

	wasi_config_inherit_stdin(wasi);
	wasi_config_inherit_stdout(wasi);
	wasi_config_inherit_stderr(wasi);
	check("wasi", wasmtime_context_set_wasi(context, wasi), NULL);
	return context;
}

/* --- clock and random numbers that are the same in each run ---------------------------------- */

/* The memory [p, p + n) of the guest, or NULL. */
static uint8_t *guest_bytes(void *caller, uint32_t p, uint32_t n)
{
	struct item item = {0};
	void *context = wasmtime_caller_context(caller);

	if (!wasmtime_caller_export_get(caller, "memory", 6, &item) || item.kind != ITEM_MEMORY)
		return NULL;
	if ((uint64_t)p + n > wasmtime_memory_data_size(context, item.of))
		return NULL;
	return (uint8_t *)wasmtime_memory_data(context, item.of) + p;
}

enum { WASI_OK = 0, WASI_BADF = 8, WASI_FAULT = 21, WASI_INVAL = 28 };

/* Each look finds it a millisecond later. */
static void *fixed_clock(void *env, void *caller, union raw *v, size_t n)
{
	static uint64_t now;
	uint32_t id = (uint32_t)v[0].i32;
	uint8_t *to = guest_bytes(caller, (uint32_t)v[2].i32, sizeof(now));

	(void)env, (void)n;
	if (id > 1) {
		v[0].i32 = id > 3 ? WASI_INVAL : WASI_BADF;
		return NULL;
	}
	now += 1000000;
	if (to)
		memcpy(to, &now, sizeof(now));
	v[0].i32 = to ? WASI_OK : WASI_FAULT;
	return NULL;
}

static void *fixed_random(void *env, void *caller, union raw *v, size_t n)
{
	static uint64_t state;
	uint32_t size = (uint32_t)v[1].i32;
	uint8_t *to = guest_bytes(caller, (uint32_t)v[0].i32, size);

	(void)env, (void)n;
	for (uint32_t i = 0; to && i < size; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		to[i] = (uint8_t)(state >> 56);
	}
	v[0].i32 = to ? WASI_OK : WASI_FAULT;
	return NULL;
}

static void define_fixed(void *linker, const char *name, host_func fn, const char *kinds)
{
	static const char wasi[] = "wasi_snapshot_preview1";
	struct bytes params = {0}, results = {0};
	void *types[4] = {0}, **result = malloc(sizeof(*result));

	params.size = strlen(kinds);
	params.data = malloc(sizeof(types));
	for (size_t i = 0; i < params.size; i++)
		types[i] = wasm_valtype_new(kinds[i] == 'i' ? KIND_I32 : KIND_I64);
	if (!params.data || !result)
		fail(name, "out of memory");
	memcpy(params.data, types, sizeof(types));
	*result = wasm_valtype_new(KIND_I32);
	results.size = 1;
	results.data = (char *)result;
	check(name,
	      wasmtime_linker_define_func_unchecked(
		      linker, wasi, sizeof(wasi) - 1, name, strlen(name),
		      wasm_functype_new(&params, &results), fn, NULL, NULL),
	      NULL);
}

static void fix_outside(void *linker)
{
	wasmtime_linker_allow_shadowing(linker, true);
	define_fixed(linker, "clock_time_get", fixed_clock, "iIi");
	define_fixed(linker, "random_get", fixed_random, "ii");
}

static struct instance instantiate(void *engine, void *context, void *module, bool fixed)
{
	void *linker = wasmtime_linker_new(engine);
	struct instance in;
	void *trap = NULL, *error;

	check("linker", wasmtime_linker_define_wasi(linker), NULL);
	if (fixed)
		fix_outside(linker);
	error = wasmtime_linker_instantiate(linker, context, module, &in, &trap);
	check("instantiate", error, trap);
	return in;
}

static bool get_export(void *context, struct instance *in, const char *name, int kind,
		       struct item *item)
{
	memset(item, 0, sizeof(*item));
	return wasmtime_instance_export_get(context, in, name, strlen(name), item) &&
	       item->kind == kind;
}

/* wasm_valtype_vec_t holds pointers. */
static size_t count_types(void **vec)
{
	return ((struct bytes *)vec)->size;
}

static uint8_t kind_of(void **vec, size_t i)
{
	return wasm_valtype_kind(((void **)((struct bytes *)vec)->data)[i]);
}

static void set_arg(union raw *v, uint8_t kind, const char *text)
{
	memset(v, 0, sizeof(*v));
	switch (kind) {
	case KIND_I32:
		v->i32 = (int32_t)strtoll(text, NULL, 0);
		break;
	case KIND_I64:
		v->i64 = (int64_t)strtoll(text, NULL, 0);
		break;
	case KIND_F32:
		v->f32 = strtof(text, NULL);
		break;
	case KIND_F64:
		v->f64 = strtod(text, NULL);
		break;
	default:
		fail(text, "parameter of a kind that cannot be given here");
	}
}

static void print_value(const union raw *v, uint8_t kind)
{
	switch (kind) {
	case KIND_I32:
		printf(" %d", v->i32);
		break;
	case KIND_I64:
		printf(" %lld", (long long)v->i64);
		break;
	case KIND_F32:
		printf(" %.9g", v->f32);
		break;
	case KIND_F64:
		printf(" %.17g", v->f64);
		break;
	default:
		printf(" ?");
	}
}

/* FNV-1a of the exported memory as it is now, and its size. */
static void print_hash(void *context, struct instance *in)
{
	uint64_t h = 0xcbf29ce484222325;
	struct item item;
	const uint8_t *p = NULL;
	size_t n = 0;

	if (get_export(context, in, "memory", ITEM_MEMORY, &item)) {
		p = wasmtime_memory_data(context, item.of);
		n = wasmtime_memory_data_size(context, item.of);
	}
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	printf("hash %016llx %zu\n", (unsigned long long)h, n);
}

static void call(void *context, struct instance *in, struct item *func, const struct options *o)
{
	void *type = wasmtime_func_type(context, func->of);
	void **params = wasm_functype_params(type), **results = wasm_functype_results(type);
	size_t nparams = count_types(params), nresults = count_types(results);
	union raw v[ARGS_MAX] = {0};
	void *trap = NULL, *error;

	if (nparams > ARGS_MAX || nresults > ARGS_MAX || nparams != (size_t)o->nargs)
		fail(o->call, "wrong number of arguments");
	for (size_t i = 0; i < nparams; i++)
		set_arg(&v[i], kind_of(params, i), o->args[i]);
	error = wasmtime_func_call_unchecked(context, func->of, v, ARGS_MAX, &trap);
	if (o->hash)
		print_hash(context, in); /* before check(), which leaves when the guest did */
	check(o->call, error, trap);
	if (!nresults)
		return;
	printf("result");
	for (size_t i = 0; i < nresults; i++)
		print_value(&v[i], kind_of(results, i));
	printf("\n");
}

static void usage(void)
{
	fputs("usage: host [--lib FILE] [--opt 0|1|2] [--debug-info] [--save FILE.cwasm] "
	      "[--no-run]\n"
	      "            [--hash] [--fixed] (--compile FILE.wasm | --image FILE.cwasm)\n"
	      "            [EXPORT [NUMBER...]]\n"
	      "The library is $WASMTIME_LIB when --lib is not given; EXPORT is _start.\n"
	      "--hash prints a hash of the exported memory after the run, and its size;\n"
	      "--fixed makes clock and random numbers the same in each run.\n",
	      stderr);
	exit(2);
}

static void set_option(struct options *o, int c)
{
	switch (c) {
	case 'l':
		o->lib = optarg;
		break;
	case 'c':
		o->compile = optarg;
		break;
	case 'i':
		o->image = optarg;
		break;
	case 's':
		o->save = optarg;
		break;
	case 'o':
		o->opt = atoi(optarg);
		break;
	case 'd':
		o->debug_info = true;
		break;
	case 'n':
		o->run = false;
		break;
	case 'h':
		o->hash = true;
		break;
	case 'f':
		o->fixed = true;
		break;
	default:
		usage();
	}
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{"lib", required_argument, NULL, 'l'},	 {"compile", required_argument, NULL, 'c'},
		{"image", required_argument, NULL, 'i'}, {"save", required_argument, NULL, 's'},
		{"opt", required_argument, NULL, 'o'},	 {"debug-info", no_argument, NULL, 'd'},
		{"no-run", no_argument, NULL, 'n'},	 {"hash", no_argument, NULL, 'h'},
		{"fixed", no_argument, NULL, 'f'},	 {NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct options){
		.lib = getenv("WASMTIME_LIB"), .call = "_start", .opt = -1, .run = true};
	while ((c = getopt_long(argc, argv, "+", names, NULL)) >= 0)
		set_option(o, c);
	if (!o->lib || !o->compile == !o->image)
		usage();
	if (optind < argc)
		o->call = argv[optind++];
	o->args = argv + optind;
	o->nargs = argc - optind;
}

static void *new_engine(const struct options *o)
{
	void *config = wasm_config_new();

	wasmtime_config_debug_info_set(config, o->debug_info);
	if (o->guest_debug)
		wasmtime_config_signals_based_traps_set(config, false);
	if (o->opt >= 0)
		wasmtime_config_cranelift_opt_level_set(config, (uint8_t)o->opt);
	return wasm_engine_new_with_config(config);
}

static void run(void *engine, void *module, const struct options *o)
{
	void *context = new_context(engine), *memory = NULL;
	struct instance in = instantiate(engine, context, module, o->fixed);
	struct place p = find_image(module);
	struct item item;

	if (get_export(context, &in, "memory", ITEM_MEMORY, &item))
		memory = wasmtime_memory_data(context, item.of);
	printf("image 0x%zx 0x%zx text 0x%zx 0x%zx memory 0x%zx\n", (size_t)p.lo, (size_t)p.hi,
	       (size_t)p.text, (size_t)p.size, (size_t)memory);
	fflush(stdout);
	host_ready(p.text, (uintptr_t)memory);
	if (!get_export(context, &in, o->call, ITEM_FUNC, &item))
		fail(o->call, "no such function");
	call(context, &in, &item, o);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct options o;
	void *engine, *module;

	parse(&o, argc, argv);
	open_engine(o.lib);
	if (o.image) {
		o.bytes = read_file(o.image);
		clear_guest_debug(&o);
	}
	engine = new_engine(&o);
	module = load_module(engine, &o);
	if (o.save)
		save_image(module, o.save);
	if (o.run)
		run(engine, module, &o);
	return 0;
}
