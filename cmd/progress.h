/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * A progress line on standard error: shown when that is a terminal and the run takes more than a
 * second, wiped before anything else is printed there.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <stdint.h>

/* The clock starts; without this call nothing is ever shown. */
void progress_start(void);

/* The callback for struct wdx_config. */
void progress_update(uint64_t done, uint64_t total, void *arg);

void progress_wipe(void);

#endif
