/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pythondir.h"

static const char help[] =
	"Usage: wasm-dwarf-xform [OPTION]... MODULE MAP -o SIDECAR\n"
	"Translate the DWARF of a WebAssembly module into native DWARF for the machine\n"
	"code that a JIT made of it, and write it as an ELF side-car for gdb and lldb.\n"
	"\n"
	"MODULE is the .wasm with its DWARF.  MAP is what the compiler knows of its code:\n"
	"a JSON file (wasm-jit-map(5)) or a Wasmtime image (.cwasm).  \"-\" is standard\n"
	"input.\n"
	"\n"
	"Output:\n"
	"  -o, --output=FILE           the side-car (required; \"-\": standard output)\n"
	"      --load-script=FILE      debugger commands that load the side-car: for lldb\n"
	"                                if FILE ends in .lldb, else for gdb; repeatable\n"
	"      --text-address=ADDR     where the code is loaded, for --load-script\n"
	"      --memory-address=ADDR   where linear memory begins, for --load-script\n"
	"      --emit-map=FILE         also write the map, as JSON\n"
	"      --python=FOLDER|none    where the debuggers' Python is (default: where it\n"
	"                                has been installed)\n"
	"      --debugger=gdb|lldb|none\n"
	"                              for whom pointers are made to work (default: gdb;\n"
	"                                none: they are the numbers that they are)\n"
	"      --dwarf-version=4|5     version of the DWARF written (default: 5)\n"
	"      --compress-debug-sections[=none|zlib|zstd]\n"
	"                              compress .debug_* sections (default: none; without\n"
	"                                a value: zlib)\n"
	"\n"
	"Checks and reports:\n"
	"      --check-map[=text|json]\n"
	"                              print the claims of the map that the machine code\n"
	"                                contradicts; then -o need not be given\n"
	"      --strict                make it an error when anything is lost\n"
	"      --recover=all|code|none\n"
	"                              where variables are shown: in places that the code\n"
	"                                proves, or computed again (all, default); in\n"
	"                                such places alone; or where the map says,\n"
	"                                unchecked\n"
	"      --stats[=table|json]    print what was translated, what was lost, and why\n"
	"      --trace=FILE            write every step (\"-\": standard output)\n"
	"      --color=auto|always|never\n"
	"                              color messages (default: auto, on a terminal)\n"
	"  -v, --verbose               say what was read and written\n"
	"  -q, --quiet                 no warnings\n"
	"  -h, --help                  print this and exit\n"
	"  -V, --version               print version and licence and exit\n"
	"\n"
	"Exit status: 0 written, 1 bad or unsupported input, 2 usage, 3 system error,\n"
	"4 --check-map has found contradictions.\n"
	"Manual: wasm-dwarf-xform(1).\n";

enum { /* options without a letter */
       OPT_LOAD_SCRIPT = 256,
       OPT_TEXT_ADDRESS,
       OPT_MEMORY_ADDRESS,
       OPT_EMIT_MAP,
       OPT_PYTHON,
       OPT_DEBUGGER,
       OPT_DWARF_VERSION,
       OPT_COMPRESS,
       OPT_CHECK_MAP,
       OPT_STRICT,
       OPT_RECOVER,
       OPT_STATS,
       OPT_TRACE,
       OPT_COLOR,
};

static const struct option long_options[] = {
	{"output", required_argument, NULL, 'o'},
	{"load-script", required_argument, NULL, OPT_LOAD_SCRIPT},
	{"text-address", required_argument, NULL, OPT_TEXT_ADDRESS},
	{"memory-address", required_argument, NULL, OPT_MEMORY_ADDRESS},
	{"emit-map", required_argument, NULL, OPT_EMIT_MAP},
	{"python", required_argument, NULL, OPT_PYTHON},
	{"debugger", required_argument, NULL, OPT_DEBUGGER},
	{"dwarf-version", required_argument, NULL, OPT_DWARF_VERSION},
	{"compress-debug-sections", optional_argument, NULL, OPT_COMPRESS},
	{"check-map", optional_argument, NULL, OPT_CHECK_MAP},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"recover", required_argument, NULL, OPT_RECOVER},
	{"stats", optional_argument, NULL, OPT_STATS},
	{"trace", required_argument, NULL, OPT_TRACE},
	{"color", required_argument, NULL, OPT_COLOR},
	{"colour", required_argument, NULL, OPT_COLOR},
	{"verbose", no_argument, NULL, 'v'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static enum parsed wrong(const char *fmt, ...) WDX_PRINTF(1, 2);

/* In the words and the form of getopt_long(3). */
static enum parsed wrong(const char *fmt, ...)
{
	va_list ap;

	fputs(PROGRAM ": ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry '" PROGRAM " --help' for more information.\n", stderr);
	return PARSED_WRONG;
}

/* ---- values -----------------------------------------------------------------------------------
 */

struct choice {
	const char *name;
	int value;
};

static const struct choice colors[] = {
	{"auto", COLOR_AUTO}, {"always", COLOR_ALWAYS}, {"never", COLOR_NEVER}, {NULL, 0}};
static const struct choice formats[] = {{"table", STATS_TABLE}, {"json", STATS_JSON}, {NULL, 0}};
static const struct choice checks[] = {{"text", CHECK_TEXT}, {"json", CHECK_JSON}, {NULL, 0}};
static const struct choice debuggers[] = {{"gdb", WDX_DEBUGGER_GDB},
					  {"lldb", WDX_DEBUGGER_LLDB},
					  {"none", WDX_DEBUGGER_NONE},
					  {NULL, 0}};
static const struct choice recoveries[] = {{"all", WDX_RECOVER_ALL},
					   {"code", WDX_RECOVER_CODE},
					   {"none", WDX_RECOVER_NONE},
					   {NULL, 0}};
static const struct choice versions[] = {{"4", 4}, {"5", 5}, {NULL, 0}};
/* The names of as(1), ld(1) and objcopy(1); zlib-gnu, which they have too, is obsolete. */
static const struct choice compressions[] = {{"none", WDX_COMPRESS_DEBUG_NONE},
					     {"zlib", WDX_COMPRESS_DEBUG_ZLIB},
					     {"zlib-gabi", WDX_COMPRESS_DEBUG_ZLIB},
					     {"zstd", WDX_COMPRESS_DEBUG_ZSTD},
					     {NULL, 0}};

static enum parsed choose(const char *option, const struct choice *c, const char *value, int *out)
{
	char names[128] = "";
	size_t len = 0;

	for (; c->name; c++) {
		if (!strcmp(c->name, value)) {
			*out = c->value;
			return PARSED_RUN;
		}
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s'%s'", len ? ", " : "",
					c->name);
	}
	return wrong("invalid argument '%s' for '--%s': it is one of %s", value, option, names);
}

static enum parsed address(const char *option, const char *value, struct address *out)
{
	char *end;

	errno = 0;
	out->value = strtoull(value, &end, 0);
	out->known = true;
	if (!isdigit((unsigned char)*value) || *end || errno)
		return wrong("invalid argument '%s' for '--%s': it is not an address", value,
			     option);
	return PARSED_RUN;
}

static enum parsed add_script(struct options *o, const char *file)
{
	if (o->nscripts == SCRIPTS_MAX)
		return wrong("too many options '--load-script'");
	o->scripts[o->nscripts++] = file;
	return PARSED_RUN;
}

/* ---- options ----------------------------------------------------------------------------------
 */

static enum parsed print_version(void)
{
	printf(PROGRAM " %s\n"
		       "Licence: Apache-2.0 WITH LLVM-exception.\n"
		       "There is no warranty, to the extent permitted by law.\n",
	       wdx_version());
	return PARSED_STOP;
}

static enum parsed print_help(void)
{
	fputs(help, stdout);
	return PARSED_STOP;
}

static enum parsed valued_option(struct options *o, int opt, const char *value)
{
	enum parsed parsed = PARSED_RUN;
	int n = 0;

	switch (opt) {
	case OPT_TEXT_ADDRESS:
		return address("text-address", value, &o->text);
	case OPT_MEMORY_ADDRESS:
		return address("memory-address", value, &o->memory);
	case OPT_DEBUGGER:
		parsed = choose("debugger", debuggers, value, &n);
		o->debugger = (enum wdx_debugger)n;
		return parsed;
	case OPT_RECOVER:
		parsed = choose("recover", recoveries, value, &n);
		o->recover = (enum wdx_recover)n;
		return parsed;
	case OPT_DWARF_VERSION:
		parsed = choose("dwarf-version", versions, value, &n);
		o->dwarf_version = (unsigned)n;
		return parsed;
	case OPT_COMPRESS:
		parsed =
			choose("compress-debug-sections", compressions, value ? value : "zlib", &n);
		o->compress = (enum wdx_compress)n;
		return parsed;
	case OPT_CHECK_MAP:
		parsed = choose("check-map", checks, value ? value : "text", &n);
		o->check_map = (enum check_format)n;
		return parsed;
	case OPT_STATS:
		parsed = choose("stats", formats, value ? value : "table", &n);
		o->stats = (enum stats_format)n;
		return parsed;
	case OPT_COLOR:
		parsed = choose("color", colors, value, &n);
		o->color = (enum color)n;
		return parsed;
	default: /* getopt_long(3) has told what is wrong */
		fputs("Try '" PROGRAM " --help' for more information.\n", stderr);
		return PARSED_WRONG;
	}
}

static enum parsed one_option(struct options *o, int opt, const char *value)
{
	switch (opt) {
	case 'o':
		o->output = value;
		return PARSED_RUN;
	case OPT_LOAD_SCRIPT:
		return add_script(o, value);
	case OPT_EMIT_MAP:
		o->emit_map = value;
		return PARSED_RUN;
	case OPT_TRACE:
		o->trace = value;
		return PARSED_RUN;
	case OPT_PYTHON:
		o->python = strcmp(value, "none") ? value : NULL;
		return PARSED_RUN;
	case OPT_STRICT:
		o->strict = true;
		return PARSED_RUN;
	case 'v':
		o->verbosity = VERBOSE;
		return PARSED_RUN;
	case 'q':
		o->verbosity = QUIET;
		return PARSED_RUN;
	case 'h':
		return print_help();
	case 'V':
		return print_version();
	default:
		return valued_option(o, opt, value);
	}
}

/* ---- what must hold between them --------------------------------------------------------------
 */

static bool is_dash(const char *name)
{
	return name && !strcmp(name, "-");
}

static enum parsed check_stdout(const struct options *o)
{
	int users = is_dash(o->output) + is_dash(o->emit_map) + is_dash(o->trace) +
		    (o->stats != STATS_NONE) + (o->check_map != CHECK_NONE);

	for (int i = 0; i < o->nscripts; i++)
		users += is_dash(o->scripts[i]);
	if (users > 1)
		return wrong("only one output can go to standard output");
	return PARSED_RUN;
}

/* Of what only a side-car's making gives. */
static bool wants_more(const struct options *o)
{
	return o->nscripts || o->emit_map || o->trace || o->stats;
}

static enum parsed check(const struct options *o)
{
	if (!o->output && (!o->check_map || wants_more(o)))
		return wrong("no output file: '-o FILE' is required");
	if (o->output && !*o->output)
		return wrong("the name of the output file is empty");
	if (o->python && *o->python != '/')
		return wrong("invalid argument '%s' for '--python': it is not an absolute path",
			     o->python);
	if (is_dash(o->module) && is_dash(o->map))
		return wrong("only one of module and map can come from standard input");
	if (o->nscripts && is_dash(o->output))
		return wrong("'--load-script' needs a side-car that is in a file");
	return check_stdout(o);
}

enum parsed options_parse(struct options *o, int argc, char **argv)
{
	static char name[] = PROGRAM; /* what getopt_long(3) puts before its messages */
	enum parsed parsed = PARSED_RUN;
	int opt;

	memset(o, 0, sizeof(*o));
	o->verbosity = NORMAL;
	o->python = PYTHON_DIR;
	if (argc)
		argv[0] = name;
	while (parsed == PARSED_RUN &&
	       (opt = getopt_long(argc, argv, "o:vqhV", long_options, NULL)) != -1)
		parsed = one_option(o, opt, optarg);
	if (parsed != PARSED_RUN)
		return parsed;
	if (argc - optind < 2)
		return wrong(argc == optind ? "no module and no map given" : "no map given");
	if (argc - optind > 2)
		return wrong("unexpected operand '%s'", argv[optind + 2]);
	o->module = argv[optind];
	o->map = argv[optind + 1];
	return check(o);
}
