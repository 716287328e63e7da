/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A process of this machine, x86-64, under ptrace. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stepper/stepper.h"
#include "stepper/proc.h"

enum { RIP = 16 };

/* ---- registers ------------------------------------------------------------------------------- */

static void get_regs(struct proc *p)
{
	static const size_t at[] = {
#define AT(name) offsetof(struct user_regs_struct, name)
		AT(rax), AT(rdx), AT(rcx), AT(rbx), AT(rsi), AT(rdi), AT(rbp), AT(rsp), AT(r8),
		AT(r9),	 AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15), AT(rip),
#undef AT
	};
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, p->pid, NULL, &regs))
		fail("PTRACE_GETREGS: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		memcpy(&p->now.reg[i], (const char *)&regs + at[i], 8);
}

static void set_pc(struct proc *p, uint64_t pc)
{
	p->now.reg[RIP] = pc;
	if (ptrace(PTRACE_POKEUSER, p->pid, offsetof(struct user_regs_struct, rip), pc))
		fail("PTRACE_POKEUSER: %s", strerror(errno));
}

/* All of them at once. */
static bool read_vector(struct proc *p, unsigned i)
{
	struct user_fpregs_struct fp;

	(void)i;
	if (ptrace(PTRACE_GETFPREGS, p->pid, NULL, &fp))
		return false;
	memcpy(p->now.vector, fp.xmm_space, sizeof(fp.xmm_space));
	p->now.have = UINT32_MAX;
	return true;
}

/* ---- resuming -------------------------------------------------------------------------------- */

/* false: the process is over.  What stopped it is in *signal. */
static bool wait_stop(struct proc *p, int *signal)
{
	while (waitpid(p->pid, &p->status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid: %s", strerror(errno));
	if (!WIFSTOPPED(p->status))
		return false;
	*signal = WSTOPSIG(p->status);
	return true;
}

static bool is_break(const struct proc *p, uint64_t address)
{
	uint64_t at = address - p->text;

	return address == p->until || (p->code && at < p->text_size && p->broken[at]);
}

static bool resume(struct proc *p, bool step, int *signal)
{
	long deliver = p->signal;

	p->signal = 0;
	if (ptrace(step ? PTRACE_SINGLESTEP : PTRACE_CONT, p->pid, NULL, deliver))
		fail("ptrace: %s", strerror(errno));
	if (!wait_stop(p, signal))
		return false;
	get_regs(p);
	if (!step && *signal == SIGTRAP && is_break(p, p->now.reg[RIP] - 1))
		set_pc(p, p->now.reg[RIP] - 1);
	return true;
}

static void poke(struct proc *p, uint64_t address, uint8_t byte)
{
	if (pwrite(p->fd, &byte, 1, (off_t)address) != 1)
		fail("code cannot be written: %s", strerror(errno));
}

static void set_break(struct proc *p, uint64_t address, bool on)
{
	uint64_t at = address - p->text;
	bool inside = p->code && at < p->text_size;

	if (on && !inside && pread(p->fd, &p->saved, 1, (off_t)address) != 1)
		fail("no code at %#llx", (unsigned long long)address);
	poke(p, address, on ? 0xcc : inside ? p->code[at] : p->saved);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool read_memory(struct proc *p, uint64_t address, void *out, size_t n)
{
	struct iovec local = {out, n}, remote = {(void *)address, n};

	return process_vm_readv(p->pid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

static uint64_t entry(struct proc *p)
{
	uint64_t aux[2];
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/auxv", p->pid);
	f = fopen(path, "rb");
	while (f && fread(aux, sizeof(aux), 1, f) == 1) {
		if (aux[0] != AT_ENTRY)
			continue;
		fclose(f);
		return aux[1];
	}
	fail("%s: no entry point", path);
}

static void start(struct proc *p, char *const argv[])
{
	char path[64];
	int signal;

	p->pid = fork();
	if (p->pid < 0)
		fail("fork: %s", strerror(errno));
	if (!p->pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		proc_exec(argv);
	}
	if (!wait_stop(p, &signal))
		fail("%s: cannot be run", argv[0]);
	ptrace(PTRACE_SETOPTIONS, p->pid, NULL, PTRACE_O_EXITKILL);
	snprintf(path, sizeof(path), "/proc/%d/mem", p->pid);
	p->fd = open(path, O_RDWR | O_CLOEXEC);
	if (p->fd < 0)
		fail("%s: %s", path, strerror(errno));
}

static void end(struct proc *p)
{
	if (!p->over) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, &p->status, 0);
	}
	close(p->fd);
}

const struct proc_backend proc_ptrace = {
	.start = start,
	.kill = end,
	.entry = entry,
	.resume = resume,
	.set_break = set_break,
	.read = read_memory,
	.read_vector = read_vector,
};
