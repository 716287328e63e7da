/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The interpreter by itself.  It prints what tests/host prints of the same call: the guest's
 * output, with --hash that of memory 0, the results; the exit status is the guest's, and 1 after a
 * trap.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interp/interp.h"

enum { ARGS_MAX = 16 };

struct options {
	bool hash, time;
	uint64_t limit;
	const char *module, *call;
	char **args;
	int nargs;
};

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "interp: %s: %s\n", what, why);
	exit(1);
}

static _Noreturn void usage(void)
{
	fputs("usage: interp [--hash] [--time] [--limit INSTRUCTIONS] MODULE [EXPORT [NUMBER...]]\n"
	      "EXPORT is _start.  --time prints what was executed and how fast.\n",
	      stderr);
	exit(2);
}

static struct options parse(int argc, char **argv)
{
	static const struct option names[] = {
		{"hash", no_argument, NULL, 'h'},
		{"time", no_argument, NULL, 't'},
		{"limit", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	struct options o = {.limit = UINT64_MAX, .call = "_start"};
	int c;

	while ((c = getopt_long(argc, argv, "+", names, NULL)) >= 0)
		if (c == 'h')
			o.hash = true;
		else if (c == 't')
			o.time = true;
		else if (c == 'l')
			o.limit = strtoull(optarg, NULL, 0);
		else
			usage();
	if (optind == argc)
		usage();
	o.module = argv[optind++];
	if (optind < argc)
		o.call = argv[optind++];
	o.args = argv + optind;
	o.nargs = argc - optind;
	return o;
}

static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long n;

	if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET))
		fail(path, strerror(errno));
	*size = (size_t)n;
	data = malloc(*size + 1);
	if (!data || fread(data, 1, *size, f) != *size)
		fail(path, "cannot be read");
	fclose(f);
	return data;
}

static uint64_t float_bits(float f)
{
	uint32_t v;

	memcpy(&v, &f, sizeof(v));
	return v;
}

static uint64_t double_bits(double d)
{
	uint64_t v;

	memcpy(&v, &d, sizeof(v));
	return v;
}

static uint64_t argument(uint8_t type, const char *text)
{
	switch (type) {
	case 0x7f:
	case 0x7e:
		return (uint64_t)strtoll(text, NULL, 0);
	case 0x7d:
		return float_bits(strtof(text, NULL));
	case 0x7c:
		return double_bits(strtod(text, NULL));
	}
	fail(text, "parameter of a kind that cannot be given here");
}

static void print_value(uint8_t type, uint64_t v)
{
	uint32_t low = (uint32_t)v;
	double d;
	float f;

	memcpy(&d, &v, sizeof(d));
	memcpy(&f, &low, sizeof(f));
	switch (type) {
	case 0x7f:
		printf(" %" PRId32, (int32_t)low);
		break;
	case 0x7e:
		printf(" %" PRId64, (int64_t)v);
		break;
	case 0x7d:
		printf(" %.9g", (double)f);
		break;
	case 0x7c:
		printf(" %.17g", d);
		break;
	default:
		printf(" ?");
	}
}

static void start(struct interp *in, const struct options *o)
{
	struct interp_signature s;
	uint64_t args[ARGS_MAX];

	if (!interp_signature(in, o->call, &s))
		fail(o->call, "no such function");
	if (s.nparams > ARGS_MAX || s.nparams != (size_t)o->nargs)
		fail(o->call, "wrong number of arguments");
	for (uint32_t i = 0; i < s.nparams; i++)
		args[i] = argument(s.params[i], o->args[i]);
	if (!interp_call(in, o->call, args, s.nparams))
		fail(o->call, "cannot be called");
}

/* FNV-1a, as tests/host prints it. */
static void print_hash(const struct interp *in)
{
	uint64_t h = 0xcbf29ce484222325;
	size_t size = 0;
	const uint8_t *p = interp_memory(in, 0, &size);

	for (size_t i = 0; i < size; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	printf("hash %016" PRIx64 " %zu\n", h, size);
}

static void print_results(const struct interp *in, const char *name)
{
	struct interp_signature s;
	const uint64_t *v;
	size_t n = interp_results(in, &v);

	if (!n || !interp_signature(in, name, &s))
		return;
	printf("result");
	for (size_t i = 0; i < n; i++)
		print_value(s.results[i], v[i]);
	printf("\n");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int finish(struct interp *in, enum interp_state state, const struct options *o)
{
	struct interp_frame f;

	if (o->hash)
		print_hash(in);
	switch (state) {
	case INTERP_DONE:
		print_results(in, o->call);
		return 0;
	case INTERP_EXITED:
		return interp_exit_status(in);
	case INTERP_READY:
		fputs("interp: the limit is reached\n", stderr);
		return 3;
	case INTERP_TRAP:
		fprintf(stderr, "interp: %s: %s\n", o->call, interp_error(in));
		for (uint32_t i = 0; i < 20 && interp_frame(in, i, &f); i++)
			fprintf(stderr, "  function %" PRIu32 " at 0x%" PRIx32 "\n", f.func, f.pc);
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	double begin = now(), loaded, done;
	const char *why;
	size_t size;
	uint8_t *module = read_file(o.module, &size);
	struct interp *in = interp_new(module, size, &why);
	enum interp_state state;
	int status;

	if (!in)
		fail(o.module, why);
	interp_set_output(in, 1);
	interp_set_errors(in, 2);
	start(in, &o);
	loaded = now();
	state = interp_run(in, o.limit);
	done = now();
	status = finish(in, state, &o);
	fflush(stdout);
	if (o.time)
		fprintf(stderr,
			"loaded in %.3f s, %" PRIu64 " instructions in %.3f s, %.1f million/s\n",
			loaded - begin, interp_count(in), done - loaded,
			(double)interp_count(in) / (done - loaded) / 1e6);
	interp_free(in);
	free(module);
	return status;
}
