/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Input files as bytes in memory: mapped when they are regular files, read when they are pipes. */
#ifndef CMD_INPUT_H
#define CMD_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct input {
	const char *name; /* for messages; borrowed */
	const void *data;
	size_t size;
	struct stat st; /* to tell whether an output is the same file */
	bool mapped;
};

/* Opens `path` ("-": standard input).  0, or an exit status when the error has been told: a file
 * that is missing, unreadable, empty or a directory is bad input. */
int input_open(struct input *in, const char *path);
void input_close(struct input *in);

#endif
