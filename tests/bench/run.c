/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * run COUNT COMMAND...: runs it so often, its output thrown away, and prints the least and the
 * median CPU time, the same of wall time, in milliseconds, and the greatest resident memory in KiB.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNS 101

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* One run; false: it failed. */
static int once(char **command, double *cpu, double *wall, long *memory)
{
	struct timespec a, b;
	struct rusage u;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &a);
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		execvp(command[0], command);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) < 0 || status != 0)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &b);
	*cpu = 1e3 * (seconds(u.ru_utime) + seconds(u.ru_stime));
	*wall = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	if (u.ru_maxrss > *memory)
		*memory = u.ru_maxrss;
	return 1;
}

int main(int argc, char **argv)
{
	double cpu[MAX_RUNS], wall[MAX_RUNS];
	long memory = 0;
	int n = argc < 3 ? 0 : atoi(argv[1]);

	if (n < 1 || n > MAX_RUNS)
		return 2;
	for (int i = 0; i < n; i++)
		if (!once(argv + 2, &cpu[i], &wall[i], &memory))
			return 1;
	qsort(cpu, (size_t)n, sizeof(*cpu), ascending);
	qsort(wall, (size_t)n, sizeof(*wall), ascending);
	printf("%.1f %.1f %.1f %.1f %ld\n", cpu[0], cpu[n / 2], wall[0], wall[n / 2], memory);
	return 0;
}
