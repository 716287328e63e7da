/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Output files that are there whole or not at all: each is written to a temporary file beside its
 * target, and all are renamed together when everything has succeeded.  Temporary files are removed
 * on failure and when a signal ends the program.  Targets that are no regular files (/dev/stdout, a
 * pipe) are written directly.
 *
 * One set for the whole program, because signal handlers can reach nothing else.  Functions that
 * give an int give 0, or an exit status when the error has been told.
 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define OUTPUT_MAX 16

struct output; /* owned by the set */

/* Catches the signals that end the program; to be called before output_open(). */
void output_init(void);

/* No target may be this file. */
void output_protect(const char *name, const struct stat *st);

/* Prepares to write `target`; "-" is standard output.  Binary data is refused to a terminal. */
int output_open(const char *target, bool binary, struct output **out);

/* For a file that is written some other way: refuses an input, a file of the set, a folder. */
int output_check(const char *target);

int output_write(struct output *o, const void *data, size_t size);

/* The absolute name the target will have; NULL for standard output. */
const char *output_path(const struct output *o);

int output_commit(void);   /* all targets are in place, or none is touched */
void output_discard(void); /* removes what is not committed */

#endif
