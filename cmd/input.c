/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "message.h"

static int bad(const struct input *in, const char *why)
{
	message_error("%s: %s", in->name, why);
	return WDX_E_INPUT;
}

static int map_file(struct input *in, int fd)
{
	if ((uintmax_t)in->st.st_size > SIZE_MAX)
		return bad(in, "the file is too large");
	void *p = mmap(NULL, (size_t)in->st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		return message_errno(in->name);
	in->data = p;
	in->size = (size_t)in->st.st_size;
	in->mapped = true;
	return 0;
}

/* Until the end; the size is not known before. */
static int read_all(struct input *in, int fd)
{
	size_t cap = 0, len = 0;
	char *buf = NULL;

	for (;;) {
		if (len == cap) {
			char *more = cap > SIZE_MAX / 2 ? NULL
							: realloc(buf, cap = cap ? 2 * cap : 65536);

			if (!more) {
				free(buf);
				errno = ENOMEM;
				return message_errno(in->name);
			}
			buf = more;
		}
		ssize_t n = read(fd, buf + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			in->data = buf;
			in->size = len;
			return n ? message_errno(in->name) : 0;
		}
		len += (size_t)n;
	}
}

static int load(struct input *in, int fd)
{
	int status;

	if (fstat(fd, &in->st))
		return message_errno(in->name);
	if (S_ISDIR(in->st.st_mode))
		return bad(in, "this is a directory");
	/* Files of /proc are regular, claim to be empty and are not. */
	if (S_ISREG(in->st.st_mode) && in->st.st_size > 0)
		return map_file(in, fd);
	status = read_all(in, fd);
	if (!status && !in->size)
		return bad(in, "the file is empty");
	return status;
}

int input_open(struct input *in, const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	int status, fd;

	memset(in, 0, sizeof(*in));
	in->name = is_stdin ? "<stdin>" : path;
	fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return bad(in, strerror(errno));
	status = load(in, fd);
	if (!is_stdin)
		close(fd);
	return status;
}

void input_close(struct input *in)
{
	if (in->mapped)
		munmap((void *)in->data, in->size);
	else
		free((void *)in->data);
	memset(in, 0, sizeof(*in));
}
