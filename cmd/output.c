/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"

#define TRIES 100 /* names for a temporary file */

struct output {
	const char *name; /* as the user gave it */
	char *target;	  /* absolute, links followed; NULL: standard output */
	char *temp;	  /* NULL: written directly */
	int fd;		  /* -1: closed */
};

static struct output outputs[OUTPUT_MAX];
static volatile sig_atomic_t noutputs; /* an element is complete before it counts */

static struct {
	const char *name;
	struct stat st;
} inputs[OUTPUT_MAX];
static int ninputs;

/* ---- signals ----------------------------------------------------------------------------------
 */

static const int fatal[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU};

static void remove_temps(void)
{
	for (int i = 0; i < noutputs; i++)
		if (outputs[i].temp)
			unlink(outputs[i].temp);
}

static void on_fatal(int sig)
{
	remove_temps();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Inputs are mapped: when someone truncates one meanwhile, reading it is a bus error. */
static void on_bus_error(int sig)
{
	static const char text[] =
		PROGRAM ": error: an input file became shorter while it was read\n";

	(void)sig;
	remove_temps();
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(WDX_E_SYSTEM);
	_exit(WDX_E_SYSTEM);
}

void output_init(void)
{
	struct sigaction old, fatal_action = {.sa_handler = on_fatal};
	struct sigaction bus_action = {.sa_handler = on_bus_error};

	sigfillset(&fatal_action.sa_mask);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		if (!sigaction(fatal[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(fatal[i], &fatal_action, NULL);
	sigaction(SIGBUS, &bus_action, NULL);
	signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of write(2) like any other */
}

static void block_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, old);
}

static void restore_signals(const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

/* ---- targets ----------------------------------------------------------------------------------
 */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

void output_protect(const char *name, const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || ninputs == OUTPUT_MAX)
		return;
	inputs[ninputs].name = name;
	inputs[ninputs++].st = *st;
}

/* "FOLDER/NAME" with the folder resolved, so that the name is absolute though it need not exist. */
static char *absolute(const char *name)
{
	const char *base = strrchr(name, '/');
	char *folder, *real, *path = NULL;

	base = base ? base + 1 : name;
	folder = base == name ? strdup(".") : strndup(name, (size_t)(base - name));
	real = folder ? realpath(folder, NULL) : NULL;
	if (real && asprintf(&path, "%s/%s", strcmp(real, "/") ? real : "", base) < 0)
		path = NULL;
	free(folder);
	free(real);
	return path;
}

/* Links are followed, as the shell's > does, so that the link stays. */
static char *resolve(const char *name)
{
	char *path = realpath(name, NULL);

	return path || errno != ENOENT ? path : absolute(name);
}

static int usage_error(const char *name, const char *why, const char *other)
{
	message_error("%s: %s%s", name, why, other);
	return WDX_E_USAGE;
}

static int check_target(const struct output *o, const struct stat *st, bool exists)
{
	for (int i = 0; exists && i < ninputs; i++)
		if (same_file(st, &inputs[i].st))
			return usage_error(o->name, "this output is also the input ",
					   inputs[i].name);
	for (int i = 0; i < noutputs; i++)
		if (outputs[i].temp && !strcmp(outputs[i].target, o->target))
			return usage_error(o->name, "two outputs go to the same file", "");
	return 0;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* Created here and not by mkstemp(3), which would ignore the umask. */
static bool create_temp(struct output *o)
{
	int folder = (int)(strrchr(o->target, '/') - o->target);

	for (int i = 0; i < TRIES; i++) {
		if (asprintf(&o->temp, "%.*s/.%s.%ld.%d", folder, o->target, PROGRAM,
			     (long)getpid(), (int)noutputs + i * OUTPUT_MAX) < 0) {
			o->temp = NULL;
			return false;
		}
		o->fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (o->fd >= 0)
			return true;
		free(o->temp);
		o->temp = NULL;
		if (errno != EEXIST)
			return false;
	}
	return false;
}

/* A temporary file never exists without being known to the signal handler. */
static bool make_temp(struct output *o)
{
	sigset_t old;
	bool made;
	int saved;

	block_signals(&old);
	made = create_temp(o);
	saved = errno;
	noutputs += made;
	restore_signals(&old);
	errno = saved;
	return made;
}

static int refuse_terminal(const struct output *o, bool binary)
{
	if (!binary || !isatty(o->fd))
		return 0;
	return usage_error(o->name, "a binary file is not written to a terminal", "");
}

static int open_stdout(struct output *o, bool binary)
{
	o->fd = STDOUT_FILENO;
	for (int i = 0; i < noutputs; i++)
		if (!outputs[i].target)
			return usage_error(o->name, "two outputs go to standard output", "");
	return refuse_terminal(o, binary);
}

static int open_direct(struct output *o, bool binary)
{
	o->fd = open(o->target, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (o->fd < 0)
		return message_errno(o->name);
	return refuse_terminal(o, binary);
}

/* Sets o->target; *direct: it is no regular file, and shall be none. */
static int find_target(struct output *o, bool *direct)
{
	struct stat st;
	bool exists;

	o->target = resolve(o->name);
	if (!o->target)
		return message_errno(o->name);
	exists = !stat(o->target, &st);
	*direct = exists && !S_ISREG(st.st_mode);
	if (exists && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return message_errno(o->name);
	}
	return *direct ? 0 : check_target(o, &st, exists);
}

static int open_file(struct output *o, bool binary)
{
	bool direct;
	int status = find_target(o, &direct);

	if (!status && direct)
		return open_direct(o, binary);
	if (!status && !make_temp(o))
		status = message_errno(o->name);
	return status;
}

int output_check(const char *target)
{
	struct output o = {.name = target};
	bool direct;
	int status = !strcmp(target, "-") ? 0 : find_target(&o, &direct);

	free(o.target);
	return status;
}

static void release(struct output *o)
{
	if (o->fd >= 0 && o->fd != STDOUT_FILENO)
		close(o->fd);
	free(o->target);
	free(o->temp);
	memset(o, 0, sizeof(*o));
}

int output_open(const char *target, bool binary, struct output **out)
{
	struct output *o = &outputs[noutputs];
	int status;

	if (noutputs == OUTPUT_MAX)
		return usage_error(target, "too many outputs", "");
	*o = (struct output){.name = target, .fd = -1};
	status = !strcmp(target, "-") ? open_stdout(o, binary) : open_file(o, binary);
	if (status) {
		release(o);
		return status;
	}
	if (!o->temp)
		noutputs++;
	*out = o;
	return 0;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

int output_write(struct output *o, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(o->fd, p, size < 1 << 30 ? size : 1 << 30);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return message_errno(o->name);
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

const char *output_path(const struct output *o)
{
	return o->target;
}

/* Some file systems find out only here that there is no space. */
static int close_all(void)
{
	int status = 0;

	for (int i = 0; i < noutputs && !status; i++) {
		struct output *o = &outputs[i];

		if (o->fd != STDOUT_FILENO && o->fd >= 0 && close(o->fd))
			status = message_errno(o->name);
		o->fd = -1;
	}
	return status;
}

static int rename_all(void)
{
	for (int i = 0; i < noutputs; i++) {
		struct output *o = &outputs[i];

		if (o->temp && rename(o->temp, o->target))
			return message_errno(o->name);
		free(o->temp);
		o->temp = NULL;
	}
	return 0;
}

int output_commit(void)
{
	int status = close_all();
	sigset_t old;

	block_signals(&old);
	if (!status)
		status = rename_all();
	output_discard();
	restore_signals(&old);
	return status;
}

void output_discard(void)
{
	sigset_t old;

	block_signals(&old);
	remove_temps();
	for (int i = 0; i < noutputs; i++)
		release(&outputs[i]);
	noutputs = 0;
	restore_signals(&old);
}
