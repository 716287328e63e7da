/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * WASI preview 1, as Wasmtime gives it to a guest without arguments, environment and folders: the
 * same errors, and the same bytes in memory.  Only clock and random numbers differ from a run
 * there; here they are the same each time, see interp_set_host_hook().
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "interp/impl.h"

enum { OK = 0, BADF = 8, INVAL = 28, NOTDIR = 54, NOTSOCK = 57, NOTSUP = 58, SPIPE = 70 };
enum { CLOSED, STDIN, STDOUT, STDERR }; /* in interp.fds, plus 1 */
enum { RIGHT_READ = 1 << 1, RIGHT_WRITE = 1 << 6 };

/* --- memory ---------------------------------------------------------------------------------- */

static u32 trap(struct interp *in, const char *why)
{
	in->error = why;
	return WASI_TRAP;
}

static u8 *range(struct interp *in, u64 p, u64 n)
{
	const struct mem *m = in->mems.data;

	if (!in->mems.len || p > m->size || n > m->size - p)
		return NULL;
	return m->base + p;
}

static u32 put(struct interp *in, u64 p, const void *data, size_t n)
{
	u8 *to = range(in, p, n);

	if (!to)
		return trap(in, "a pointer given to the host lies outside of memory");
	memcpy(to, data, n);
	return OK;
}

static u32 put_u32(struct interp *in, u64 p, u32 v)
{
	return put(in, p, &v, sizeof(v));
}

static u32 put_u64(struct interp *in, u64 p, u64 v)
{
	return put(in, p, &v, sizeof(v));
}

/* The first buffer that is not empty: the engine serves one. */
static u32 first_buffer(struct interp *in, u64 iovs, u64 n, u8 **p, u32 *size)
{
	*size = 0;
	for (u64 i = 0; i < n; i++) {
		const u8 *iov = range(in, iovs + 8 * i, 8);
		u32 v[2];

		if (!iov)
			return trap(in, "a pointer given to the host lies outside of memory");
		memcpy(v, iov, sizeof(v));
		if (!v[1])
			continue;
		*p = range(in, v[0], v[1]);
		*size = v[1];
		return *p ? OK : trap(in, "a pointer given to the host lies outside of memory");
	}
	return OK;
}

/* --- descriptors ----------------------------------------------------------------------------- */

static u8 kind_of(const struct interp *in, u64 fd)
{
	return fd < sizeof(in->fds) ? in->fds[fd] : CLOSED;
}

static u8 filetype(const struct interp *in, u64 fd)
{
	int of[] = {-1, STDIN_FILENO, in->out, in->err};

	return isatty(of[kind_of(in, fd)]) ? 2 : 0;
}

/* What only files and folders can do, of which there are none. */
static u32 badf(struct interp *in, const u64 *a)
{
	(void)in, (void)a;
	return BADF;
}

static u32 notsup(struct interp *in, const u64 *a)
{
	(void)in, (void)a;
	return NOTSUP;
}

static u32 ok(struct interp *in, const u64 *a)
{
	(void)in, (void)a;
	return OK;
}

static u32 seek(struct interp *in, const u64 *a)
{
	return kind_of(in, a[0]) ? SPIPE : BADF;
}

static u32 fd_pread(struct interp *in, const u64 *a)
{
	return kind_of(in, a[0]) == STDIN ? SPIPE : BADF;
}

static u32 fd_pwrite(struct interp *in, const u64 *a)
{
	return kind_of(in, a[0]) > STDIN ? SPIPE : BADF;
}

static u32 fd_prestat_dir_name(struct interp *in, const u64 *a)
{
	return kind_of(in, a[0]) ? NOTDIR : BADF;
}

static u32 sock(struct interp *in, const u64 *a)
{
	return kind_of(in, a[0]) ? NOTSOCK : BADF;
}

static u32 fd_close(struct interp *in, const u64 *a)
{
	if (!kind_of(in, a[0]))
		return BADF;
	in->fds[a[0]] = CLOSED;
	return OK;
}

static u32 fd_renumber(struct interp *in, const u64 *a)
{
	u8 kind = kind_of(in, a[0]);

	if (!kind || !kind_of(in, a[1]))
		return BADF;
	in->fds[a[0]] = CLOSED;
	in->fds[a[1]] = kind;
	return OK;
}

static u32 fd_fdstat_get(struct interp *in, const u64 *a)
{
	u8 kind = kind_of(in, a[0]), *p = range(in, a[1], 24);
	u64 rights = kind == STDIN ? RIGHT_READ : RIGHT_WRITE;

	if (!kind)
		return BADF;
	if (!p)
		return trap(in, "a pointer given to the host lies outside of memory");
	p[0] = filetype(in, a[0]);
	memset(p + 2, 0, 2);
	memcpy(p + 8, &rights, 8);
	memcpy(p + 16, &rights, 8);
	return OK;
}

static u32 fd_filestat_get(struct interp *in, const u64 *a)
{
	u8 *p = range(in, a[1], 64);

	if (!kind_of(in, a[0]))
		return BADF;
	if (!p)
		return trap(in, "a pointer given to the host lies outside of memory");
	memset(p, 0, 16);
	p[16] = filetype(in, a[0]);
	memset(p + 24, 0, 40);
	return OK;
}

/* --- input and output ------------------------------------------------------------------------ */

static bool write_all(int fd, const u8 *p, size_t n)
{
	while (n && fd >= 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno != EINTR)
			return false;
		p += done < 0 ? 0 : done;
		n -= done < 0 ? 0 : (size_t)done;
	}
	return true;
}

static u32 fd_write(struct interp *in, const u64 *a)
{
	u8 kind = kind_of(in, a[0]), *p = NULL;
	u32 size, err = first_buffer(in, a[1], a[2], &p, &size);

	if (err)
		return err;
	if (kind != STDOUT && kind != STDERR)
		return BADF;
	if (!write_all(kind == STDOUT ? in->out : in->err, p, size))
		return trap(in, "output cannot be written");
	return put_u32(in, a[3], size);
}

static u32 fd_read(struct interp *in, const u64 *a)
{
	u8 *p;
	u32 size, err = first_buffer(in, a[1], a[2], &p, &size);

	if (err)
		return err;
	return kind_of(in, a[0]) == STDIN ? put_u32(in, a[3], 0) : BADF;
}

/* --- the rest -------------------------------------------------------------------------------- */

static u32 sizes_get(struct interp *in, const u64 *a)
{
	u32 err = put_u32(in, a[0], 0);

	return err ? err : put_u32(in, a[1], 0);
}

static u32 clock_res_get(struct interp *in, const u64 *a)
{
	if (a[0] > 3)
		return INVAL;
	return a[0] > 1 ? BADF : put_u64(in, a[1], 1);
}

/* Each look finds it a millisecond later. */
static u32 clock_time_get(struct interp *in, const u64 *a)
{
	if (a[0] > 3)
		return INVAL;
	if (a[0] > 1)
		return BADF;
	in->clock += 1000000;
	return put_u64(in, a[2], in->clock);
}

static u32 random_get(struct interp *in, const u64 *a)
{
	u8 *p = range(in, a[0], a[1]);

	if (!p)
		return trap(in, "a pointer given to the host lies outside of memory");
	for (u64 i = 0; i < a[1]; i++) {
		in->random = in->random * 6364136223846793005ull + 1442695040888963407ull;
		p[i] = (u8)(in->random >> 56);
	}
	return OK;
}

static u32 proc_exit(struct interp *in, const u64 *a)
{
	if (a[0] >= 126)
		return trap(in, "exit with invalid exit status outside of [0..126)");
	in->status = (int)a[0];
	return WASI_EXIT;
}

/* Subscriptions are ready at once, clocks without waiting. */
static u32 poll_oneoff(struct interp *in, const u64 *a)
{
	u64 n = a[2];

	if (!n)
		return INVAL;
	for (u64 i = 0; i < n; i++) {
		const u8 *sub = range(in, a[0] + 48 * i, 48);
		u8 *event = range(in, a[1] + 32 * i, 32);
		u64 nbytes;

		if (!sub || !event)
			return trap(in, "a pointer given to the host lies outside of memory");
		if (sub[8] > 2)
			return INVAL;
		nbytes = sub[8] || n == 1;
		memcpy(event, sub, 8);
		memset(event + 8, 0, 2);
		event[10] = sub[8];
		memcpy(event + 16, &nbytes, 8);
		memset(event + 24, 0, 2);
	}
	return put_u32(in, a[3], (u32)n);
}

/* i and I: a parameter of 32 and 64 bits.  All return an errno but proc_exit. */
static const struct {
	const char *name, *params;
	u32 (*fn)(struct interp *in, const u64 *args);
} functions[] = {
	{"args_get", "ii", ok},
	{"args_sizes_get", "ii", sizes_get},
	{"clock_res_get", "ii", clock_res_get},
	{"clock_time_get", "iIi", clock_time_get},
	{"environ_get", "ii", ok},
	{"environ_sizes_get", "ii", sizes_get},
	{"fd_advise", "iIIi", badf},
	{"fd_allocate", "iII", badf},
	{"fd_close", "i", fd_close},
	{"fd_datasync", "i", badf},
	{"fd_fdstat_get", "ii", fd_fdstat_get},
	{"fd_fdstat_set_flags", "ii", badf},
	{"fd_fdstat_set_rights", "iII", badf},
	{"fd_filestat_get", "ii", fd_filestat_get},
	{"fd_filestat_set_size", "iI", badf},
	{"fd_filestat_set_times", "iIIi", badf},
	{"fd_pread", "iiiIi", fd_pread},
	{"fd_prestat_dir_name", "iii", fd_prestat_dir_name},
	{"fd_prestat_get", "ii", badf},
	{"fd_pwrite", "iiiIi", fd_pwrite},
	{"fd_read", "iiii", fd_read},
	{"fd_readdir", "iiiIi", badf},
	{"fd_renumber", "ii", fd_renumber},
	{"fd_seek", "iIii", seek},
	{"fd_sync", "i", badf},
	{"fd_tell", "ii", seek},
	{"fd_write", "iiii", fd_write},
	{"path_create_directory", "iii", badf},
	{"path_filestat_get", "iiiii", badf},
	{"path_filestat_set_times", "iiiiIIi", badf},
	{"path_link", "iiiiiii", badf},
	{"path_open", "iiiiiIIii", badf},
	{"path_readlink", "iiiiii", badf},
	{"path_remove_directory", "iii", badf},
	{"path_rename", "iiiiii", badf},
	{"path_symlink", "iiiii", badf},
	{"path_unlink_file", "iii", badf},
	{"poll_oneoff", "iiii", poll_oneoff},
	{"proc_exit", "i", proc_exit},
	{"proc_raise", "i", notsup},
	{"random_get", "ii", random_get},
	{"sched_yield", "", ok},
	{"sock_accept", "iii", sock},
	{"sock_recv", "iiiiii", sock},
	{"sock_send", "iiiii", sock},
	{"sock_shutdown", "ii", sock},
};

static bool fits(const char *params, u32 nresults, const struct type *t)
{
	if (strlen(params) != t->nparams || nresults != t->nresults ||
	    (nresults && t->results[0] != TYPE_I32))
		return false;
	for (u32 i = 0; i < t->nparams; i++)
		if (t->params[i] != (params[i] == 'i' ? TYPE_I32 : TYPE_I64))
			return false;
	return true;
}

u32 (*interp_wasi(const char *name, const struct type *type))(struct interp *in, const u64 *args)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (!strcmp(functions[i].name, name) &&
		    fits(functions[i].params, functions[i].fn != proc_exit, type))
			return functions[i].fn;
	return NULL;
}
