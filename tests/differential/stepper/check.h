/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Comparing: what is in scope at an address (planned once for each), the two machines that
 * expressions are evaluated on, the verdicts.
 */
#ifndef DIFFERENTIAL_STEPPER_CHECK_H
#define DIFFERENTIAL_STEPPER_CHECK_H

#include "stepper/stepper.h"
#include "stepper/align.h"
#include "stepper/proc.h"

/* ---- plans: plan.c ------------------------------------------------------------------- */

struct item { /* a variable in scope */
	const struct node *in, *out;
	struct expr *in_expr, *out_expr; /* what holds there, or NULL */
	bool in_static, out_static;	 /* DW_OP_addr alone: at the address `op[0].a` */
	uint64_t size;
};

/* CONTINUED: differs, and is not said of this piece of code but of one before it. */
enum line_verdict { LINE_EQUAL, LINE_CONTINUED, LINE_DIFFERS, LINE_NONE };

struct plan {
	uint32_t native, wasm, func;
	struct node *in, *out; /* the function's entries, or NULL */
	struct expr *in_frame, *out_frame;
	size_t n;
	struct item *items;
	enum line_verdict line;
	struct row in_row, out_row;
	const struct node *scope; /* one that only one side is in, or NULL */
	bool scope_out;		  /* that side is the side-car */
	bool name_differs;
	uint64_t visits;
	struct plan *next;
};

struct planner {
	const struct world *w;
	struct plan *slots[1 << 14];
	struct plan globals; /* what is in scope everywhere */
};
void planner_init(struct planner *p, const struct world *w);
struct plan *plan_at(struct planner *p, uint32_t native, uint32_t wasm, uint32_t func);

/* ---- machines: machine.c ------------------------------------------------------------- */

struct rule { /* of one register in a frame */
	uint8_t kind;
	int64_t offset;
	struct expr *expr;
};
enum { RULE_UNDEFINED, RULE_SAME, RULE_SAVED, RULE_EXPR, RULE_VALUE };
#define NREGS PROC_REGS

struct cfi { /* of one native address */
	uint32_t native;
	bool known;
	struct expr *cfa;
	struct rule rule[NREGS];
	struct cfi *next;
};

struct unwinder {
	const struct world *w;
	Dwarf_CFI *table;
	struct cfi *slots[1 << 12];
	struct unit unit; /* for expressions of frames */
};
void unwinder_init(struct unwinder *u, const struct world *w);

/* Upper halves that no one may rely on: of 32-bit locals where the map says they are. */
struct poison {
	uint64_t regs; /* by DWARF number */
	unsigned nslots;
	int64_t slots[32]; /* relative to the frame address */
};

struct native_frame {
	const struct world *w;
	struct proc *p;
	bool inner;
	uint64_t pc;
	uint32_t lookup; /* native offset: of pc, in outer frames of pc - 1; NOWHERE */
	uint64_t reg[PROC_REGS];
	uint64_t valid; /* bit by register */
	bool have_cfa;
	uint64_t cfa;
	const struct plan *plan;
	struct unwinder *unwinder;
	const struct poison *poison; /* NULL: none */
	int base_state;		     /* of frame_base: 0 not asked for, 1 known, -1 not available */
	uint64_t frame_base;
};
void native_frame_top(struct native_frame *f, const struct world *w, struct proc *p);
/* The caller's frame; false when the side-car does not describe this one. */
bool native_frame_up(struct unwinder *u, const struct native_frame *f, struct native_frame *up);
void native_frame_cfa(struct unwinder *u, struct native_frame *f);
void native_frame_poison(const struct native_frame *f, struct poison *p);
extern const struct machine native_machine; /* ctx: struct native_frame */

#define MAX_READS 16
struct wasm_frame {
	const struct world *w;
	struct interp *in;
	struct interp_frame f;
	const uint8_t *memory;
	size_t memory_size;
	bool outer;
	const struct plan *plan;
	int base_state;
	uint64_t frame_base;
	/* what the last evaluation read */
	unsigned nlocals;
	uint32_t locals[MAX_READS];
	bool global, consumed; /* in an outer frame: a global, a value that the call has taken */
};
bool wasm_frame_at(struct wasm_frame *f, const struct world *w, struct interp *in, uint32_t n);
const struct machine *wasm_machine(const struct world *w, bool wide); /* ctx: struct wasm_frame */

/* ---- verdicts: check.c --------------------------------------------------------------- */

#define CONTEXT UINT32_MAX /* in place of a local */

struct fault { /* a false claim of the map */
	uint32_t func, local, native;
	char place[24];
	uint64_t times;
};

struct counts {
	uint64_t poisoned; /* evaluated again with other upper halves */
	uint64_t stops, statements;
	uint64_t unaligned[ALIGN_KINDS];
	uint64_t equal, unavailable, missing, wrong, extra, map_fault, unjudged, partial, either;
	uint64_t unsure;	 /* would be wrong, if only the alignment were beyond doubt */
	uint64_t statics;	 /* of the values: globals */
	uint64_t static_between; /* --every: globals that differ where no statement is */
	uint64_t lines, line_mismatch, continued, scopes, scope_mismatch, frames, frame_mismatch;
	uint64_t bases, internal;
	uint64_t map_unwind; /* the map's own frame description is false */
	uint64_t steps, between, displaced, displaced_shown, amid; /* --every */
	struct fault *faults;
	size_t nfaults, faults_cap;
};

struct options {
	uint64_t stops, max_errors, visits, frames;
	bool every, quiet, json, verbose, strict;
	const char *seed_name, *export, *host, *lib;
	char **args;
	int nargs;
};

struct checker {
	struct world *w;
	const struct options *o;
	struct proc *p;
	struct interp *truth; /* each has executed no more than the next */
	struct planner planner;
	struct unwinder unwinder;
	struct counts c;
	uint64_t *told; /* hashes of faults that have been printed: each is printed once */
	size_t ntold, told_cap;
	uint64_t context;   /* the context pointer, the same for all functions */
	uint32_t unwind_at; /* where the map's frame description was found false last */
	uint64_t errors;    /* different faults; those of order do not count */
	uint64_t disorders; /* different rows out of order */
	bool sure;	    /* of the alignment */
	/* Within the code of an instruction its effect may have been or not: a third interpreter
	 * stands behind it when asked. */
	struct interp *after;
	struct interp *(*renew)(void *ctx); /* one that stands at the beginning */
	void *ctx;
	bool amid, called; /* within; behind the native call that it makes */
	bool between;	   /* at no statement of the line table */
	const struct event *event;
};

/* Compares the process, as p->view shows it, with the interpreter, brought to the event.
 * positioned: the map gives a wasm position for the code, and not only for its function. */
void check_stop(struct checker *c, uint32_t native, const struct event *e, bool positioned);
/* How many variables the side-car shows at code that is out of order. */
unsigned check_displaced(struct checker *c, uint32_t wasm);
/* Looks at all that check_stop() will look at, so that it can be kept. */
void check_touch(struct checker *c, uint32_t wasm);

/* ---- the map's faults: fault.c ------------------------------------------------------- */

/* Whether the map puts a local that the last evaluation read, or the context, where it is not. */
bool fault_of_map(struct checker *c, struct native_frame *nf, const struct wasm_frame *wf);
/* Whether the map's unwind row gives the frame address that the side-car gives. */
bool fault_of_unwind(const struct checker *c, const struct native_frame *f);

/* ---- reports: report.c --------------------------------------------------------------- */

struct site { /* what a report line is about */
	const struct native_frame *nf;
	const struct wasm_frame *wf;
	const struct plan *plan;
	unsigned frame;
};
void report_value(struct checker *c, const struct site *s, const struct item *i, const char *class,
		  const char *why, const struct value *in, const struct value *out);
void report_plan(struct checker *c, const struct site *s, const char *class);
void report_text(struct checker *c, const char *class, uint64_t key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void report_order(struct checker *c, const char *class, uint32_t native, uint32_t wasm);
/* seconds: of processor time, of both processes */
void report_summary(const struct checker *c, const struct match_count *m, double seconds);

/* Bytes [at, at + n) of a value, n at most 4096; false: not available. */
bool value_bytes(const struct value *v, bool native, void *ctx, uint64_t at, size_t n,
		 uint8_t *out);

#endif
