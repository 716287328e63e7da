/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The command line, parsed and checked. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"
#include "wdx.h"

#define SCRIPTS_MAX 8

enum stats_format {
	STATS_NONE,
	STATS_TABLE,
	STATS_JSON,
};

enum check_format {
	CHECK_NONE,
	CHECK_TEXT,
	CHECK_JSON,
};

struct address {
	bool known;
	uint64_t value;
};

struct options {
	const char *module, *map;
	const char *output; /* or NULL, with check_map */
	const char *scripts[SCRIPTS_MAX];
	int nscripts;
	const char *emit_map, *trace; /* or NULL */
	const char *python;	      /* folder of the debuggers' Python; NULL: none */
	struct address text, memory;
	enum stats_format stats;
	enum check_format check_map;
	unsigned dwarf_version;
	enum wdx_compress compress;
	enum wdx_debugger debugger;
	bool strict;
	enum wdx_recover recover;
	enum color color;
	enum verbosity verbosity;
};

/* What to do after parsing. */
enum parsed {
	PARSED_RUN,
	PARSED_STOP,  /* --help or --version have been answered */
	PARSED_WRONG, /* told on standard error: exit status 2 */
};

enum parsed options_parse(struct options *o, int argc, char **argv);

#endif
