/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* --stats: what was translated and what was lost, as a table or as JSON. */
#ifndef CMD_STATS_H
#define CMD_STATS_H

#include <stdio.h>

#include "wdx.h"

void stats_table(FILE *f, const struct wdx_stats *s);
void stats_json(FILE *f, const struct wdx_stats *s);

#endif
