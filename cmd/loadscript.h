/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* --load-script: the commands with which a debugger loads the side-car. */
#ifndef CMD_LOADSCRIPT_H
#define CMD_LOADSCRIPT_H

#include <stdbool.h>
#include <stdio.h>

#include "options.h"

/* Whether a script of that name is for lldb: it ends in ".lldb".  All others are for gdb. */
bool loadscript_is_lldb(const char *script);

struct loadscript {
	const char *sidecar; /* absolute */
	const char *module;  /* as the user named it */
	const char *python;  /* folder of the debuggers' Python, absolute; NULL: none */
	struct address text, memory;
	bool has_memory; /* the side-car has a .wasm.memory */
};

void loadscript_gdb(FILE *f, const struct loadscript *s);
void loadscript_lldb(FILE *f, const struct loadscript *s);

#endif
