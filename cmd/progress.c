/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "message.h"

#define FIRST_MS 1000 /* shorter runs show nothing */
#define EACH_MS 100

static bool active, shown;
static int64_t next_ms;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void progress_start(void)
{
	active = message_terminal();
	next_ms = now_ms() + FIRST_MS;
}

void progress_update(uint64_t done, uint64_t total, void *arg)
{
	(void)arg;
	if (!active || !total)
		return;
	int64_t now = now_ms();

	if (now < next_ms)
		return;
	next_ms = now + EACH_MS;
	shown = true;
	fprintf(stderr, "\r%s: %3.0f %% of %.1f MB\033[K", PROGRAM,
		100.0 * (double)done / (double)total, (double)total / 1e6);
	fflush(stderr);
}

void progress_wipe(void)
{
	if (!shown)
		return;
	shown = false;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
