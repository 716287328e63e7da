/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "stepper/proc.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "stepper/stepper.h"

static const struct proc_arch archs[] = {
	{EM_X86_64, 17, 7, 16, 16, 17, 16, 5, {5, 4}, 8},
	{EM_AARCH64, 33, 31, 32, 30, 64, 32, 2, {0, 1}, 0},
};

/* ---- resuming -------------------------------------------------------------------------------- */

static bool resume(struct proc *p, bool step, int *signal)
{
	if (!p->how->resume(p, step, signal)) {
		p->over = true;
		return false;
	}
	p->now.stop++;
	p->now.have = 0;
	return true;
}

uint32_t proc_native(const struct proc *p)
{
	uint64_t at = proc_pc(p) - p->text;

	return at < p->text_size ? (uint32_t)at : NOWHERE;
}

bool proc_step(struct proc *p)
{
	uint32_t at = proc_native(p);
	bool lifted = !p->how->steps_over && at != NOWHERE && p->broken[at], on;
	int signal;

	if (lifted)
		p->how->set_break(p, p->text + at, false);
	on = resume(p, true, &signal);
	if (on && signal != SIGTRAP)
		p->signal = signal;
	if (on && lifted)
		p->how->set_break(p, p->text + at, true);
	return on;
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
	while (resume(p, false, &signal)) {
		if (signal == SIGTRAP && at_break(p))
			return true;
		p->signal = signal;
	}
	return false;
}

bool proc_run_to(struct proc *p, uint64_t address)
{
	uint64_t at = address - p->text;
	bool broken = p->code && at < p->text_size && p->broken[at], on;
	int signal;

	if (!broken)
		p->how->set_break(p, address, true);
	p->until = address;
	while ((on = resume(p, false, &signal))) {
		if (signal == SIGTRAP && proc_pc(p) == address)
			break;
		p->signal = signal == SIGTRAP ? 0 : signal;
	}
	p->until = 0;
	if (on && !broken)
		p->how->set_break(p, address, false);
	return on;
}

void proc_break(struct proc *p, uint32_t native, bool on)
{
	if (native >= p->text_size || p->broken[native] == on)
		return;
	p->broken[native] = on;
	p->how->set_break(p, p->text + native, on);
}

uint64_t proc_returns_to(struct proc *p, uint32_t from)
{
	uint32_t insn = 0;
	uint64_t to = 0;

	if (p->arch->machine == EM_X86_64) {
		if (p->code[from] != 0xc3 && p->code[from] != 0xc2)
			proc_read(p, proc_sp(p), &to, 8);
		return to;
	}
	if (from + 4 <= p->text_size)
		memcpy(&insn, p->code + from, 4);
	return (insn & 0xfffffc1f) == 0xd65f0000 ? 0 : p->view->reg[p->arch->ra]; /* ret */
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

_Noreturn void proc_exec(char *const argv[])
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	personality(ADDR_NO_RANDOMIZE);
	execvp(argv[0], argv);
	_exit(127);
}

/* The size of the code is known from the map. */
static void copy_code(struct proc *p)
{
	uint8_t *code = xalloc(p->text_size);

	p->broken = xalloc(p->text_size);
	if (!p->how->read(p, p->text, code, p->text_size))
		fail("the code cannot be read");
	p->code = code;
}

void proc_start(struct proc *p, unsigned machine, const char *host, char *const argv[])
{
	uint64_t entry, ready = host_symbol(host, "host_ready", &entry);

	p->arch = &archs[machine == EM_AARCH64];
	if (p->arch->machine != machine)
		fail("no process of that machine can be run");
	p->how = machine == EM_X86_64 ? &proc_ptrace : &proc_remote;
	p->now.pages = xalloc(PROC_PAGES * sizeof(*p->now.pages));
	p->view = &p->now;
	p->how->start(p, argv);
	if (!proc_run_to(p, p->how->entry(p) - entry + ready))
		fail("%s ended before it was ready", host);
	p->text = p->now.reg[p->arch->arg[0]];
	p->memory = p->now.reg[p->arch->arg[1]];
	copy_code(p);
}

void proc_kill(struct proc *p)
{
	p->how->kill(p);
	p->over = true;
}

/* ---- looking --------------------------------------------------------------------------------- */

struct proc_view *proc_keep(struct proc *p)
{
	struct proc_view *v = xalloc(sizeof(*v));

	for (unsigned i = 0; i < p->arch->nvectors; i++)
		if (!(p->now.have >> i & 1))
			p->how->read_vector(p, i);
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

	if (page->address == address && page->stop == v->stop)
		return page;
	v->missed |= v->kept;
	if (v->kept)
		return NULL;
	page->address = address;
	page->stop = v->stop;
	if (!p->how->read(p, address, page->bytes, PROC_PAGE)) {
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
	unsigned i = number - p->arch->vector;

	if (number < p->arch->nregs) {
		memcpy(out, &p->view->reg[number], 8);
		memset(out + 8, 0, 8);
		*size = 8;
		return true;
	}
	if (i >= p->arch->nvectors ||
	    (!(p->view->have >> i & 1) && (p->view->kept || !p->how->read_vector(p, i))))
		return false;
	memcpy(out, p->view->vector[i], 16);
	*size = 16;
	return true;
}
