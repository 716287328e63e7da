/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * run COUNT COMMAND...: runs it so often, its output thrown away, and prints the least CPU time and
 * the least wall time in milliseconds and the greatest resident memory in KiB.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	double cpu = 1e12, wall = 1e12;
	long memory = 0;

	if (argc < 3)
		return 2;
	for (int i = atoi(argv[1]); i > 0; i--) {
		struct timespec a, b;
		struct rusage u;
		int status;

		clock_gettime(CLOCK_MONOTONIC, &a);
		pid_t pid = fork();

		if (pid == 0) {
			int null = open("/dev/null", O_WRONLY);

			dup2(null, 1);
			execvp(argv[2], argv + 2);
			_exit(127);
		}
		if (pid < 0 || wait4(pid, &status, 0, &u) < 0 || status != 0)
			return 1;
		clock_gettime(CLOCK_MONOTONIC, &b);
		double c = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
			   (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
		double w =
			(double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;

		cpu = c < cpu ? c : cpu;
		wall = w < wall ? w : wall;
		memory = u.ru_maxrss > memory ? u.ru_maxrss : memory;
	}
	printf("%.1f %.1f %ld\n", cpu, wall, memory);
	return 0;
}
