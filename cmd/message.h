/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What the command tells on standard error: one line each, "wasm-dwarf-xform: KIND: TEXT".
 * Control characters, which may come from hostile input, are shown as '?'.
 */
#ifndef CMD_MESSAGE_H
#define CMD_MESSAGE_H

#include <stdbool.h>

#include "wdx_error.h"

#define PROGRAM "wasm-dwarf-xform"

enum color {
	COLOR_AUTO, /* on a terminal, unless NO_COLOR is set or TERM is "dumb" */
	COLOR_ALWAYS,
	COLOR_NEVER,
};

enum verbosity {
	QUIET, /* errors only */
	NORMAL,
	VERBOSE, /* what was read and written as well */
};

/* To be called once, before any thread or message. */
void message_init(enum color color, enum verbosity verbosity);

/* Whether standard error is a terminal that knows escape sequences. */
bool message_terminal(void);

void message_error(const char *fmt, ...) WDX_PRINTF(1, 2);
void message_warning(const char *fmt, ...) WDX_PRINTF(1, 2);
void message_note(const char *fmt, ...) WDX_PRINTF(1, 2); /* with VERBOSE only */

/* Prints "WHAT: strerror(errno)" as an error; gives the exit status for it. */
int message_errno(const char *what);

/* Prints and frees err; gives the exit status for it. */
int message_failure(struct wdx_error *err);

#endif
