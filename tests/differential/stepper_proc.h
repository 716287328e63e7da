/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The native process under ptrace: tests/host with an image.  Breakpoints lie in its machine code
 * and are named by offsets there.  Memory is read through a cache that lasts for one stop.
 */
#ifndef DIFFERENTIAL_STEPPER_PROC_H
#define DIFFERENTIAL_STEPPER_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define PROC_PAGE 4096
#define PROC_PAGES 1024 /* a power of two */

struct proc_page {
	uint64_t address;
	uint64_t stop; /* when it was read */
	uint8_t bytes[PROC_PAGE];
};

/* What one sees of the process: as it is, or as it was when that was kept. */
struct proc_view {
	struct user_regs_struct regs;
	struct user_fpregs_struct fp;
	bool have_fp;
	bool kept;
	bool missed;   /* something was asked for that was not looked at when it was kept */
	uint64_t stop; /* number of the present stop */
	struct proc_page *pages;
};

struct proc {
	pid_t pid;
	int memory_fd;
	uint64_t text, memory; /* addresses */
	uint32_t text_size;
	uint8_t *code;	 /* as it was */
	uint8_t *broken; /* by offset: has a breakpoint */
	struct proc_view now, *view;
	int signal; /* to be given at the next resumption */
	bool over;
	int status; /* of waitpid, when over */
};

/* Starts the host and runs it up to host_ready(). */
void proc_start(struct proc *p, const char *host, char *const argv[]);
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

/* These look at p->view.  Where it stands: an offset in the code, or NOWHERE. */
uint32_t proc_native(const struct proc *p);
bool proc_read(struct proc *p, uint64_t address, void *out, size_t n);
/* Bytes within a page that stay until the next resumption; NULL: no memory there. */
const uint8_t *proc_peek(struct proc *p, uint64_t address, size_t n);
/* By DWARF number. */
bool proc_reg(struct proc *p, unsigned number, uint8_t out[16], unsigned *size);

#endif
