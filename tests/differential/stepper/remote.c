/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * A process of another machine, aarch64, in qemu's user mode, by gdb's remote protocol (the manual
 * of gdb, appendix E): packets of text, "$TEXT#SUM", each acknowledged by "+".
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stepper/stepper.h"
#include "stepper/proc.h"

enum { CHUNK = 1024, FIRST_VECTOR = 34, PACKET = 1 << 14 };

static struct { /* one stub */
	char in[PACKET], packet[PACKET];
	size_t at, len;
} stub;

/* ---- packets --------------------------------------------------------------------------------- */

static int get_byte(struct proc *p)
{
	ssize_t n;

	if (stub.at == stub.len) {
		do
			n = read(p->fd, stub.in, sizeof(stub.in));
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return -1;
		stub.at = 0;
		stub.len = (size_t)n;
	}
	return (unsigned char)stub.in[stub.at++];
}

static void put(struct proc *p, const char *text, size_t n)
{
	while (n) {
		ssize_t k = send(p->fd, text, n, MSG_NOSIGNAL);

		if (k < 0 && errno != EINTR)
			return; /* the answer will be missed */
		text += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
}

/* The stub's next packet, into stub.packet, NUL-terminated; its length, or -1: the stub is gone. */
static int receive(struct proc *p)
{
	size_t n = 0;
	int c;

	do
		c = get_byte(p);
	while (c >= 0 && c != '$');
	while ((c = get_byte(p)) >= 0 && c != '#' && n + 1 < PACKET) {
		if (c == '}')
			c = get_byte(p) ^ 0x20;
		stub.packet[n++] = (char)c;
	}
	stub.packet[n] = 0;
	if (c < 0 || get_byte(p) < 0 || get_byte(p) < 0)
		return -1;
	put(p, "+", 1);
	return (int)n;
}

static int ask(struct proc *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int ask(struct proc *p, const char *fmt, ...)
{
	char text[256], packet[300];
	uint8_t sum = 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (const char *c = text; *c; c++)
		sum = (uint8_t)(sum + *c);
	n = snprintf(packet, sizeof(packet), "$%s#%02x", text, sum);
	put(p, packet, (size_t)n);
	return receive(p);
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* n bytes in hexadecimal digits. */
static bool unhex(const char *text, void *out, size_t n)
{
	uint8_t *to = out;

	for (size_t i = 0; i < n; i++) {
		int hi = nibble(text[2 * i]), lo = hi < 0 ? -1 : nibble(text[2 * i + 1]);

		if (lo < 0)
			return false;
		to[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

/* ---- the backend ----------------------------------------------------------------------------- */

static void get_regs(struct proc *p)
{
	if (ask(p, "g") < 0 || !unhex(stub.packet, p->now.reg, 8 * p->arch->nregs))
		fail("no registers from the stub");
}

static bool resume(struct proc *p, bool step, int *signal)
{
	int n = p->signal ? ask(p, "%c%02x", step ? 'S' : 'C', (unsigned)p->signal)
			  : ask(p, step ? "s" : "c");

	p->signal = 0;
	if (n < 3 || (stub.packet[0] != 'T' && stub.packet[0] != 'S'))
		return false;
	*signal = (int)strtol((char[]){stub.packet[1], stub.packet[2], 0}, NULL, 16);
	get_regs(p);
	return true;
}

static void set_break(struct proc *p, uint64_t address, bool on)
{
	if (ask(p, "%c0,%llx,4", on ? 'Z' : 'z', (unsigned long long)address) != 2)
		fail("no breakpoint at %#llx", (unsigned long long)address);
}

static bool read_memory(struct proc *p, uint64_t address, void *out, size_t n)
{
	for (size_t at = 0; at < n; at += CHUNK) {
		size_t k = n - at < CHUNK ? n - at : CHUNK;

		if (ask(p, "m%llx,%zx", (unsigned long long)(address + at), k) != (int)(2 * k) ||
		    !unhex(stub.packet, (char *)out + at, k))
			return false;
	}
	return true;
}

static bool read_vector(struct proc *p, unsigned i)
{
	if (ask(p, "p%x", FIRST_VECTOR + i) != 32 || !unhex(stub.packet, p->now.vector[i], 16))
		return false;
	p->now.have |= UINT32_C(1) << i;
	return true;
}

static uint64_t entry(struct proc *p)
{
	int n = ask(p, "qXfer:auxv:read::0,800");
	uint64_t aux[2];

	for (int i = 1; i + 16 <= n; i += 16) {
		memcpy(aux, stub.packet + i, sizeof(aux));
		if (aux[0] == AT_ENTRY)
			return aux[1];
	}
	fail("no entry point from the stub");
}

static void run(const char *path, char *const argv[])
{
	const char *root = getenv("CROSS_ROOT");
	const char *args[40] = {"qemu-aarch64", "-L", root ? root : "/usr/aarch64-linux-gnu", "-g",
				path};

	for (int i = 0; argv[i] && i < 34; i++)
		args[5 + i] = argv[i];
	proc_exec((char *const *)args);
}

/* It listens when it has been loaded. */
static void connect_to(struct proc *p, const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	for (unsigned tries = 0; tries < 1000; tries++) {
		p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (p->fd >= 0 && !connect(p->fd, (struct sockaddr *)&to, sizeof(to)))
			return;
		close(p->fd);
		if (waitpid(p->pid, &p->status, WNOHANG))
			break;
		usleep(10000);
	}
	fail("qemu-aarch64 does not listen");
}

static void start(struct proc *p, char *const argv[])
{
	char folder[] = "/tmp/stepper.XXXXXX", path[64];

	if (!mkdtemp(folder))
		fail("%s: %s", folder, strerror(errno));
	snprintf(path, sizeof(path), "%s/gdb", folder);
	p->pid = fork();
	if (p->pid < 0)
		fail("fork: %s", strerror(errno));
	if (!p->pid)
		run(path, argv);
	connect_to(p, path);
	unlink(path);
	rmdir(folder);
	/* Only who asks for this is given registers one by one. */
	if (ask(p, "qXfer:features:read:target.xml:0,ff0") < 0 || ask(p, "?") < 3)
		fail("the stub does not answer");
}

static void end(struct proc *p)
{
	close(p->fd);
	if (!p->over)
		kill(p->pid, SIGKILL);
	waitpid(p->pid, &p->status, 0);
}

const struct proc_backend proc_remote = {
	.start = start,
	.kill = end,
	.entry = entry,
	.resume = resume,
	.steps_over = true,
	.set_break = set_break,
	.read = read_memory,
	.read_vector = read_vector,
};
