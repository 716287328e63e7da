/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "stepper_proc.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stepper.h"

/* ---- resuming -------------------------------------------------------------------------------- */

/* false: the process is over.  What stopped it is in *signal. */
static bool wait_stop(struct proc *p, int *signal)
{
	while (waitpid(p->pid, &p->status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid: %s", strerror(errno));
	if (!WIFSTOPPED(p->status)) {
		p->over = true;
		return false;
	}
	*signal = WSTOPSIG(p->status);
	p->now.stop++;
	p->now.have_fp = false;
	return true;
}

static void get_regs(struct proc *p)
{
	if (ptrace(PTRACE_GETREGS, p->pid, NULL, &p->now.regs))
		fail("PTRACE_GETREGS: %s", strerror(errno));
}

static void set_pc(struct proc *p, uint64_t pc)
{
	p->now.regs.rip = pc;
	if (ptrace(PTRACE_POKEUSER, p->pid, offsetof(struct user_regs_struct, rip), pc))
		fail("PTRACE_POKEUSER: %s", strerror(errno));
}

static void poke(struct proc *p, uint64_t address, uint8_t byte)
{
	if (pwrite(p->memory_fd, &byte, 1, (off_t)address) != 1)
		fail("code cannot be written: %s", strerror(errno));
}

static bool resume(struct proc *p, int how, int *signal)
{
	long deliver = p->signal;

	p->signal = 0;
	if (ptrace(how, p->pid, NULL, deliver))
		fail("ptrace: %s", strerror(errno));
	return wait_stop(p, signal);
}

uint32_t proc_native(const struct proc *p)
{
	uint64_t at = p->view->regs.rip - p->text;

	return at < p->text_size ? (uint32_t)at : NOWHERE;
}

bool proc_step(struct proc *p)
{
	uint32_t at = proc_native(p);
	bool lifted = at != NOWHERE && p->broken[at];
	int signal;

	if (lifted)
		poke(p, p->now.regs.rip, p->code[at]);
	if (!resume(p, PTRACE_SINGLESTEP, &signal))
		return false;
	if (signal != SIGTRAP)
		p->signal = signal;
	if (lifted)
		poke(p, p->text + at, 0xcc);
	get_regs(p);
	return true;
}

static bool at_break(const struct proc *p)
{
	uint32_t at = proc_native(p);

	return at != NOWHERE && p->broken[at];
}

bool proc_continue(struct proc *p)
{
	int signal;

	if (at_break(p)) {
		if (!proc_step(p))
			return false;
		if (at_break(p) && !p->signal)
			return true;
	}
	for (;;) {
		if (!resume(p, PTRACE_CONT, &signal))
			return false;
		get_regs(p);
		if (signal == SIGTRAP) {
			p->now.regs.rip--;
			if (at_break(p)) {
				set_pc(p, p->now.regs.rip);
				return true;
			}
			p->now.regs.rip++;
		}
		p->signal = signal;
	}
}

bool proc_run_to(struct proc *p, uint64_t address)
{
	uint8_t byte;
	int signal;

	if (pread(p->memory_fd, &byte, 1, (off_t)address) != 1)
		fail("no code at %#llx", (unsigned long long)address);
	poke(p, address, 0xcc);
	for (;;) {
		if (!resume(p, PTRACE_CONT, &signal))
			return false;
		get_regs(p);
		if (signal == SIGTRAP && p->now.regs.rip == address + 1)
			break;
		p->signal = signal == SIGTRAP ? 0 : signal;
	}
	set_pc(p, address);
	poke(p, address, byte);
	return true;
}

void proc_break(struct proc *p, uint32_t native, bool on)
{
	if (native >= p->text_size || p->broken[native] == on)
		return;
	p->broken[native] = on;
	poke(p, p->text + native, on ? 0xcc : p->code[native]);
}

/* ---- starting -------------------------------------------------------------------------------- */

static uint64_t host_symbol(const char *host, const char *name, uint64_t *entry)
{
	size_t size;
	uint8_t *data = read_file(host, &size);
	const Elf64_Ehdr *e = (const void *)data;
	const Elf64_Shdr *sh = (const void *)(data + e->e_shoff);
	uint64_t value = 0;

	*entry = e->e_entry;
	for (unsigned i = 0; i < e->e_shnum; i++) {
		const char *names = (const char *)data + sh[sh[i].sh_link].sh_offset;
		const Elf64_Sym *s = (const void *)(data + sh[i].sh_offset);

		if (sh[i].sh_type != SHT_SYMTAB)
			continue;
		for (size_t k = 0; k < sh[i].sh_size / sizeof(*s); k++)
			if (!strcmp(names + s[k].st_name, name))
				value = s[k].st_value;
	}
	if (!value)
		fail("%s: no symbol %s", host, name);
	return value;
}

/* Where the host's code was loaded, from its entry point. */
static uint64_t load_bias(const struct proc *p, uint64_t entry)
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
		return aux[1] - entry;
	}
	fail("%s: no entry point", path);
}

static _Noreturn void child(const char *host, char *const argv[])
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	personality(ADDR_NO_RANDOMIZE);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execv(host, argv);
	_exit(127);
}

static void open_memory(struct proc *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", p->pid);
	p->memory_fd = open(path, O_RDWR | O_CLOEXEC);
	if (p->memory_fd < 0)
		fail("%s: %s", path, strerror(errno));
}

/* The size of the code is known from the map. */
static void copy_code(struct proc *p)
{
	p->code = xalloc(p->text_size);
	p->broken = xalloc(p->text_size);
	if (pread(p->memory_fd, p->code, p->text_size, (off_t)p->text) != p->text_size)
		fail("the code cannot be read");
}

void proc_start(struct proc *p, const char *host, char *const argv[])
{
	uint64_t entry, ready = host_symbol(host, "host_ready", &entry);
	int signal;

	p->now.pages = xalloc(PROC_PAGES * sizeof(*p->now.pages));
	p->view = &p->now;
	p->pid = fork();
	if (p->pid < 0)
		fail("fork: %s", strerror(errno));
	if (!p->pid)
		child(host, argv);
	if (!wait_stop(p, &signal))
		fail("%s: cannot be run", host);
	ptrace(PTRACE_SETOPTIONS, p->pid, NULL, PTRACE_O_EXITKILL);
	open_memory(p);
	get_regs(p);
	if (!proc_run_to(p, load_bias(p, entry) + ready))
		fail("%s ended before it was ready", host);
	p->text = p->now.regs.rdi;
	p->memory = p->now.regs.rsi;
	copy_code(p);
}

void proc_kill(struct proc *p)
{
	if (!p->over) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, &p->status, 0);
		p->over = true;
	}
	close(p->memory_fd);
}

/* ---- looking --------------------------------------------------------------------------------- */

struct proc_view *proc_keep(struct proc *p)
{
	struct proc_view *v = xalloc(sizeof(*v));

	if (!p->now.have_fp && !ptrace(PTRACE_GETFPREGS, p->pid, NULL, &p->now.fp))
		p->now.have_fp = true;
	*v = p->now;
	v->kept = true;
	p->now.pages = xalloc(PROC_PAGES * sizeof(*p->now.pages));
	return v;
}

void proc_forget(struct proc_view *v)
{
	free(v->pages);
	free(v);
}

static struct proc_page *page_at(struct proc *p, uint64_t address)
{
	struct proc_view *v = p->view;
	struct proc_page *page = &v->pages[address / PROC_PAGE % PROC_PAGES];
	struct iovec local = {page->bytes, PROC_PAGE}, remote = {(void *)address, PROC_PAGE};

	if (page->address == address && page->stop == v->stop)
		return page;
	v->missed |= v->kept;
	if (v->kept)
		return NULL;
	page->address = address;
	page->stop = v->stop;
	if (process_vm_readv(p->pid, &local, 1, &remote, 1, 0) != PROC_PAGE) {
		page->stop = 0;
		return NULL;
	}
	return page;
}

const uint8_t *proc_peek(struct proc *p, uint64_t address, size_t n)
{
	uint64_t in = address % PROC_PAGE;
	struct proc_page *page = in + n <= PROC_PAGE ? page_at(p, address - in) : NULL;

	return page ? page->bytes + in : NULL;
}

bool proc_read(struct proc *p, uint64_t address, void *out, size_t n)
{
	while (n) {
		size_t room = PROC_PAGE - address % PROC_PAGE, k = n < room ? n : room;
		const uint8_t *from = proc_peek(p, address, k);

		if (!from)
			return false;
		memcpy(out, from, k);
		out = (uint8_t *)out + k;
		address += k;
		n -= k;
	}
	return true;
}

bool proc_reg(struct proc *p, unsigned number, uint8_t out[16], unsigned *size)
{
	static const size_t at[17] = {
#define AT(name) offsetof(struct user_regs_struct, name)
		AT(rax), AT(rdx), AT(rcx), AT(rbx), AT(rsi), AT(rdi), AT(rbp), AT(rsp), AT(r8),
		AT(r9),	 AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15), AT(rip),
#undef AT
	};

	if (number <= 16) {
		memcpy(out, (const char *)&p->view->regs + at[number], 8);
		memset(out + 8, 0, 8);
		*size = 8;
		return true;
	}
	if (number > 32)
		return false;
	if (!p->view->have_fp &&
	    (p->view->kept || ptrace(PTRACE_GETFPREGS, p->pid, NULL, &p->now.fp)))
		return false;
	p->view->have_fp = true;
	memcpy(out, (const char *)p->view->fp.xmm_space + 16 * (number - 17), 16);
	*size = 16;
	return true;
}
