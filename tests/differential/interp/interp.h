/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * A plain WebAssembly interpreter that can be stopped before any instruction and looked into: the
 * truth that the stepper compares a native process with.  Core 1.0 and what clang emits by default:
 * sign extension, bulk memory, multi-value, mutable globals, saturating conversions, reference
 * types; tail calls, several and 64-bit memories.  Deterministic; no threads, SIMD, exceptions. All
 * offsets are file offsets in the module.
 */
#ifndef DIFFERENTIAL_INTERP_H
#define DIFFERENTIAL_INTERP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interp;

/* One activation of a function that the module defines. */
struct interp_frame {
	uint32_t func; /* index, imports counted */
	uint32_t pc;   /* instruction to be executed next; in outer frames, their call */
	const uint64_t
		*locals; /* parameters and locals; i32 and f32 in the low half, upper half 0 */
	uint32_t nlocals;
	const uint64_t *stack; /* operand stack of this activation, bottom first */
	uint32_t height;       /* its values; in outer frames without the call's arguments */
	uint64_t entry;	       /* interp_entries() when it began: its name */
};

enum interp_state {
	INTERP_READY,  /* stands before an instruction: interp_run goes on */
	INTERP_DONE,   /* the export returned; interp_results */
	INTERP_EXITED, /* proc_exit; interp_exit_status */
	INTERP_TRAP,   /* interp_error says which */
};

/*
 * Instantiates the module: data and element segments, the start function is run.  The bytes are
 * borrowed for the interpreter's life.  NULL and *why (static or owned by nobody) on failure:
 * not a valid module, an import that is not known (WASI preview 1 is), out of memory.
 */
struct interp *interp_new(const uint8_t *module, size_t size, const char **why);
void interp_free(struct interp *in);

/* Standard output of the guest: a file descriptor, or -1 to throw it away, as at first. */
void interp_set_output(struct interp *in, int fd);
void interp_set_errors(struct interp *in, int fd); /* standard error, likewise; -1 at first */

/* Prepares a call of an export: stands before its first instruction. */
bool interp_call(struct interp *in, const char *name, const uint64_t *args, size_t nargs);

/* The type of an exported function: bytes as in the module, 0x7f i32, 0x7e i64, 0x7d f32... */
struct interp_signature {
	uint32_t nparams, nresults;
	const uint8_t *params, *results;
};
bool interp_signature(const struct interp *in, const char *name, struct interp_signature *out);

/*
 * Executes until `limit` instructions have been, the program has ended, or the next instruction
 * carries a mark; returns at once only for limit 0.  An instruction that calls stands for itself,
 * the callee's follow.  The count of all executed so far: interp_count.  `block`, `loop`, `end` and
 * the like count as any other; a branch goes behind the `loop` or `end` that it names, one out of
 * the function to its last `end`.  `else` is executed as the jump from the first arm to behind the
 * `end`.  At a trap the program stands before the instruction at fault.
 */
enum interp_state interp_run(struct interp *in, uint64_t limit);
uint64_t interp_count(const struct interp *in);
/* Marks are looked at after at least one instruction has been executed. */
bool interp_mark(struct interp *in, uint32_t offset, bool on); /* false: no instruction is there */

uint32_t interp_depth(const struct interp *in);					  /* activations */
bool interp_frame(const struct interp *in, uint32_t n, struct interp_frame *out); /* 0: innermost */
uint64_t interp_entries(const struct interp *in); /* activations begun so far: names them */

size_t interp_nglobals(const struct interp *in);
uint64_t interp_global(const struct interp *in, uint32_t index);
const uint8_t *interp_memory(const struct interp *in, uint32_t index, size_t *size);
/* The function a table entry refers to; false for null or outside. */
bool interp_table(const struct interp *in, uint32_t table, uint32_t entry, uint32_t *func);

size_t interp_results(const struct interp *in, const uint64_t **values);
int interp_exit_status(const struct interp *in);
const char *interp_error(const struct interp *in);

/*
 * Calls of imported functions.  The interpreter knows WASI preview 1 and behaves as tests/host
 * does: no arguments, no environment, nothing preopened, empty input.  Clock and random bytes are
 * made up: the same in each run, and the same as `tests/host --fixed` makes up.  A hook comes first
 * at each such call: what the program got from outside can be given to it again.  It returns true
 * when it has done the call, that is, written results and memory (interp_memory_edit); false lets
 * the interpreter do it.  The innermost frame stands at the call, the arguments are still on its
 * stack.  The hook must not run, call or free the interpreter.
 */
struct interp_host_call {
	const char *module, *name; /* of the import */
	uint32_t func;		   /* its index */
	uint32_t nargs, nresults;
	const uint64_t *args;
	uint64_t *results; /* i32 and f32 in the low half, upper half 0 */
};
typedef bool (*interp_host_fn)(struct interp *in, const struct interp_host_call *call, void *ctx);
void interp_set_host_hook(struct interp *in, interp_host_fn fn, void *ctx);   /* NULL: none */
uint8_t *interp_memory_edit(struct interp *in, uint32_t index, size_t *size); /* NULL: none */

#endif
