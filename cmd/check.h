/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* --check-map: what wdx_check_map() finds, as text and as JSON. */
#ifndef CMD_CHECK_H
#define CMD_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include "wdx.h"

/* The exit status when the code contradicts claims: behind those of enum wdx_code. */
enum { CHECK_FOUND = 4 };

/* Prints the findings and how many there are; gives the exit status. */
int check_run(FILE *f, const struct wdx_config *config, bool json);

#endif
