/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The native process: tests/host with an image, under ptrace, or, when its code is for another
 * machine than this one, in qemu, by the remote protocol of gdb.  Breakpoints lie in its machine
 * code and are named by offsets there.  Memory is read through a cache that lasts for one stop.
 */
#ifndef DIFFERENTIAL_STEPPER_PROC_H
#define DIFFERENTIAL_STEPPER_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_PAGE 4096
#define PROC_PAGES 1024 /* a power of two */

#define PROC_REGS 33
#define PROC_VECTORS 32

/* Registers have DWARF numbers. */
struct proc_arch {
	unsigned machine; /* EM_* */
	unsigned nregs;	  /* general ones, and the program counter */
	unsigned sp, pc;
	unsigned ra;	 /* whose value in the caller's frame is the return address */
	unsigned vector; /* the first of nvectors */
	unsigned nvectors;
	unsigned context;   /* brings the first argument in the engine's convention */
	unsigned arg[2];    /* bring those of a function in C */
	unsigned call_size; /* bytes that a call puts on the stack */
};

struct proc_page {
	uint64_t address;
	uint64_t stop; /* when it was read */
	uint8_t bytes[PROC_PAGE];
};

/* What one sees of the process: as it is, or as it was when that was kept. */
struct proc_view {
	uint64_t reg[PROC_REGS];
	uint8_t vector[PROC_VECTORS][16];
	uint32_t have; /* of these, by number */
	bool kept;
	bool missed;   /* something was asked for that was not looked at when it was kept */
	uint64_t stop; /* number of the present stop */
	struct proc_page *pages;
};

struct proc;

/* How the process is got at (ptrace.c, remote.c). */
struct proc_backend {
	/* Up to its very first instruction. */
	void (*start)(struct proc *p, char *const argv[]);
	void (*kill)(struct proc *p);
	uint64_t (*entry)(struct proc *p); /* where the program begins */
	/* Lets it go on, for one instruction or up to a breakpoint, where the program counter is
	 * that of the breakpoint then, and reads the registers.  false: it is over.  *signal:
	 * what stopped it. */
	bool (*resume)(struct proc *p, bool step, int *signal);
	bool steps_over; /* a step does not mind breakpoints */
	void (*set_break)(struct proc *p, uint64_t address, bool on);
	bool (*read)(struct proc *p, uint64_t address, void *out, size_t n);
	bool (*read_vector)(struct proc *p, unsigned i);
};
extern const struct proc_backend proc_ptrace, proc_remote;

struct proc {
	const struct proc_backend *how;
	const struct proc_arch *arch;
	pid_t pid;
	int fd;		       /* the backend's: of its memory, or to the stub */
	uint64_t until;	       /* proc_run_to() */
	uint8_t saved;	       /* the backend's: what was there */
	uint64_t text, memory; /* addresses */
	uint32_t text_size;
	uint8_t *code;	 /* as it was */
	uint8_t *broken; /* by offset: has a breakpoint */
	struct proc_view now, *view;
	int signal; /* to be given at the next resumption */
	bool over;
	int status; /* of waitpid, when over */
};

/* Starts the host and runs it up to host_ready().  machine: EM_*, of the code. */
void proc_start(struct proc *p, unsigned machine, const char *host, char *const argv[]);
void proc_kill(struct proc *p);

void proc_break(struct proc *p, uint32_t native, bool on);
/* Runs up to a breakpoint; false: the process is over. */
bool proc_continue(struct proc *p);
/* One instruction; false: the process is over. */
bool proc_step(struct proc *p);
/* Runs up to an address outside the code; false: the process is over. */
bool proc_run_to(struct proc *p, uint64_t address);

/* Keeps the registers and all the memory that has been looked at since the process stopped. */
struct proc_view *proc_keep(struct proc *p);
void proc_forget(struct proc_view *v);

static inline uint64_t proc_sp(const struct proc *p)
{
	return p->view->reg[p->arch->sp];
}

static inline uint64_t proc_pc(const struct proc *p)
{
	return p->view->reg[p->arch->pc];
}

/* Where a call from that offset, by which the process has left its code, returns to; 0: it was no
 * call. */
uint64_t proc_returns_to(struct proc *p, uint32_t from);

/* In the child: runs a program that cannot print and whose addresses are always the same. */
_Noreturn void proc_exec(char *const argv[]);

/* These look at p->view.  Where it stands: an offset in the code, or NOWHERE. */
uint32_t proc_native(const struct proc *p);
bool proc_read(struct proc *p, uint64_t address, void *out, size_t n);
/* Bytes within a page that stay until the next resumption; NULL: no memory there. */
const uint8_t *proc_peek(struct proc *p, uint64_t address, size_t n);
/* By DWARF number. */
bool proc_reg(struct proc *p, unsigned number, uint8_t out[16], unsigned *size);

#endif
