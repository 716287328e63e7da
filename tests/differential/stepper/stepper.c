/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * stepper: runs an image in tests/host and its module in the interpreter, in step, and compares
 * what the side-car shows of the one with the truth of the other.  Exit status: 0 all equal or
 * unavailable, 1 something was wrong, 2 usage, 3 nothing could be compared.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "stepper/run.h"

static bool errors(const struct session *s)
{
	const struct counts *k = &s->c.c;

	return k->wrong || k->missing || k->line_mismatch || k->scope_mismatch ||
	       k->frame_mismatch || k->unaligned[ALIGN_LOST] || k->internal ||
	       (s->o.strict && s->c.disorders);
}

static double seconds(int who)
{
	struct rusage r;

	getrusage(who, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* ---- the command ----------------------------------------------------------------------------- */

static _Noreturn void usage(void)
{
	fputs("usage: stepper [--stops N] [--visits N] [--frames N] [--max-errors N] [--every]\n"
	      "               [--export NAME] [--seed-name NAME] [--quiet] [--json]\n"
	      "               [--strict] [--verbose] [--host FILE] [--lib FILE]\n"
	      "               MODULE.wasm IMAGE.cwasm SIDE-CAR MAP.json [ARGUMENT...]\n",
	      stderr);
	exit(2);
}

static const struct option long_options[] = {
	{"stops", required_argument, NULL, 's'},
	{"visits", required_argument, NULL, 'v'},
	{"frames", required_argument, NULL, 'f'},
	{"max-errors", required_argument, NULL, 'm'},
	{"every", no_argument, NULL, 'e'},
	{"export", required_argument, NULL, 'x'},
	{"seed-name", required_argument, NULL, 'n'},
	{"quiet", no_argument, NULL, 'q'},
	{"json", no_argument, NULL, 'j'},
	{"host", required_argument, NULL, 'h'},
	{"lib", required_argument, NULL, 'l'},
	{"verbose", no_argument, NULL, 'V'},
	{"strict", no_argument, NULL, 'S'},
	{NULL, 0, NULL, 0},
};

static bool set_number(struct options *o, int c, uint64_t v)
{
	uint64_t *to = c == 's'	  ? &o->stops
		       : c == 'v' ? &o->visits
		       : c == 'f' ? &o->frames
		       : c == 'm' ? &o->max_errors
				  : NULL;

	if (to)
		*to = v;
	return to;
}

static void set_option(struct options *o, int c)
{
	if (optarg && set_number(o, c, strtoull(optarg, NULL, 0)))
		return;
	switch (c) {
	case 'e':
		o->every = true;
		break;
	case 'x':
		o->export = optarg;
		break;
	case 'n':
		o->seed_name = optarg;
		break;
	case 'S':
		o->strict = true;
		break;
	case 'V':
		o->verbose = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 'j':
		o->json = true;
		break;
	case 'h':
		o->host = optarg;
		break;
	case 'l':
		o->lib = optarg;
		break;
	default:
		usage();
	}
}

static void parse(struct session *s, int argc, char **argv)
{
	struct options *o = &s->o;
	int c;

	*o = (struct options){.stops = 1000, .max_errors = 10, .frames = 4, .export = "_start"};
	o->host = getenv("HOST") ? getenv("HOST") : "build/host";
	o->lib = getenv("WASMTIME_LIB");
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		set_option(o, c);
	if (argc - optind < 4 || !o->lib)
		usage();
	s->w.module_path = argv[optind];
	s->w.image_path = argv[optind + 1];
	s->w.sidecar_path = argv[optind + 2];
	s->w.map_path = argv[optind + 3];
	o->args = argv + optind + 4;
	o->nargs = argc - optind - 4;
}

int main(int argc, char **argv)
{
	static struct session s;
	double from;

	parse(&s, argc, argv);
	session_prepare(&s);
	from = seconds(RUSAGE_SELF);
	session_run(&s);
	if (!s.o.quiet || errors(&s))
		report_summary(&s.c, &s.m, seconds(RUSAGE_SELF) - from + seconds(RUSAGE_CHILDREN));
	return errors(&s);
}
