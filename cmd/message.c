/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"

static bool colored;
static enum verbosity level = NORMAL;

static bool is_set(const char *variable)
{
	const char *v = getenv(variable);

	return v && *v;
}

bool message_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void message_init(enum color color, enum verbosity verbosity)
{
	level = verbosity;
	colored = color == COLOR_ALWAYS ||
		  (color == COLOR_AUTO && message_terminal() && !is_set("NO_COLOR"));
}

static void put_text(const char *text)
{
	for (const char *p = text; *p; p++)
		putc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, stderr);
}

static void say(const char *kind, const char *color, const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	progress_wipe();
	if (colored)
		fprintf(stderr, "%s: \033[1;%sm%s:\033[0m ", PROGRAM, color, kind);
	else
		fprintf(stderr, "%s: %s: ", PROGRAM, kind);
	put_text(text ? text : "out of memory");
	putc('\n', stderr);
	free(text);
}

void message_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("error", "31", fmt, ap);
	va_end(ap);
}

void message_warning(const char *fmt, ...)
{
	va_list ap;

	if (level == QUIET)
		return;
	va_start(ap, fmt);
	say("warning", "35", fmt, ap);
	va_end(ap);
}

void message_note(const char *fmt, ...)
{
	va_list ap;

	if (level != VERBOSE)
		return;
	va_start(ap, fmt);
	say("note", "36", fmt, ap);
	va_end(ap);
}

int message_errno(const char *what)
{
	message_error("%s: %s", what, strerror(errno));
	return WDX_E_SYSTEM;
}

int message_failure(struct wdx_error *err)
{
	enum wdx_code code = wdx_error_code(err);

	message_error("%s", wdx_error_message(err));
	wdx_error_destroy(err);
	return (int)code;
}
