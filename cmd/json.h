/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the reports in JSON share. */
#ifndef CMD_JSON_H
#define CMD_JSON_H

#include <stdio.h>

/* The text as a string of JSON, without its control characters. */
void json_string(FILE *f, const char *text);

#endif
