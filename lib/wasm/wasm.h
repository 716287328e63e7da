/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * A wasm core module (WebAssembly Core Specification 2.0 §5): sections, functions, names.
 *
 * The bytes are borrowed and must outlive the module; names point into them or into the arena.
 * Two kinds of offset into a module exist and have types of their own: file offsets, and offsets
 * from the start of the code section's contents, which is what addresses in wasm DWARF are.
 */
#ifndef WDX_WASM_H
#define WDX_WASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/reader.h"
#include "base/vec.h"
#include "wdx_error.h"

typedef struct {
	uint32_t v;
} wdx_filepos; /* offset in the module's file */

typedef struct {
	uint32_t v;
} wdx_codepos; /* offset in the code section's contents; what DWARF calls an address */

#define WDX_NO_CODEPOS ((wdx_codepos){UINT32_MAX})

struct wdx_wasm_section {
	uint8_t id;
	const char *name; /* of a custom section, NUL-terminated, in the arena; else NULL */
	size_t name_len;
	const uint8_t *data; /* contents; of a custom section behind its name */
	size_t size;
	wdx_filepos pos; /* of data */
};

enum wdx_valtype { /* the encodings of the specification */
		   WDX_I32 = 0x7f,
		   WDX_I64 = 0x7e,
		   WDX_F32 = 0x7d,
		   WDX_F64 = 0x7c,
		   WDX_V128 = 0x7b,
		   WDX_FUNCREF = 0x70,
		   WDX_EXTERNREF = 0x6f,
		   WDX_REF = 0x63, /* any other reference type */
};

/* Bytes of a value; 0: of a reference, which is the engine's and no value to show. */
static inline unsigned wdx_wasm_type_size(uint8_t type)
{
	switch (type) {
	case WDX_I32:
	case WDX_F32:
		return 4;
	case WDX_I64:
	case WDX_F64:
		return 8;
	case WDX_V128:
		return 16;
	}
	return 0;
}

struct wdx_wasm_type {
	uint32_t nparams, nresults;
	const uint8_t *params, *results; /* enum wdx_valtype each; in the arena */
	bool is_func;			 /* false: a struct or array type of the GC proposal */
};

struct wdx_wasm_func { /* a defined function; imported ones have no body */
	uint32_t type;
	wdx_codepos start, code, end; /* body (at its locals' count: DW_AT_low_pc), first
					 instruction, end of body (behind the final `end`) */
	uint32_t nlocals;	      /* parameters included */
	uint32_t first_run, nruns;    /* declared locals, in wdx_wasm.runs */
	const char *name;	      /* of the name section, NUL-terminated; NULL: none */
};

struct wdx_wasm_run { /* a run of declared locals of one type */
	uint32_t end; /* index of the first local behind the run, parameters counted */
	uint8_t type;
};

struct wdx_wasm_memory {
	bool imported, is64, shared;
	uint8_t page_bits; /* log2 of the page size: 16 unless custom-page-sizes */
	uint64_t min_pages;
};

struct wdx_wasm_global {
	bool imported, mutable_;
	uint8_t type;
	const char *name; /* NULL: none */
};

struct wdx_wasm_slot { /* of table 0, filled when the module is instantiated */
	uint32_t index, func;
};

struct wdx_wasm_data { /* bytes that are copied to memory 0 when the module is instantiated */
	uint64_t offset;
	const uint8_t *bytes;
	size_t size;
};

struct wdx_wasm {
	const uint8_t *data;
	size_t size;
	const char *name; /* module name of the name section, or NULL */
	WDX_VEC(struct wdx_wasm_section) sections;
	WDX_VEC(struct wdx_wasm_type) types;
	WDX_VEC(struct wdx_wasm_func) funcs; /* function index = nimported_funcs + position */
	WDX_VEC(struct wdx_wasm_run) runs;
	WDX_VEC(struct wdx_wasm_memory) memories;
	WDX_VEC(struct wdx_wasm_global) globals;
	WDX_VEC(uint32_t) import_types;	     /* of imported functions */
	WDX_VEC(struct wdx_wasm_slot) slots; /* in the order they are filled: the last one counts */
	WDX_VEC(struct wdx_wasm_data) segments; /* those whose offset is a constant */
	bool table_shared; /* table 0 is imported or exported, or filled by what is not constant */
	uint32_t nimported_funcs;
	wdx_filepos code; /* of the code section's contents */
	uint32_t code_size;
	uint8_t *kinds; /* by code position, code_size + 1 of them: enum wdx_insn_flags of the
			   instruction that starts there; 0 inside of instructions */
	struct wdx_arena arena;
};

/* Parses the module, its bodies too; on error *m is empty.  Components and non-wasm bytes are told
 * apart. */
struct wdx_error *wdx_wasm_init(struct wdx_wasm *m, const void *data, size_t size);
void wdx_wasm_deinit(struct wdx_wasm *m);

/* The custom section of that name (the first), or NULL. */
const struct wdx_wasm_section *wdx_wasm_custom(const struct wdx_wasm *m, const char *name);

/* The defined function whose body [start, end) holds pos, or NULL.  Binary search. */
const struct wdx_wasm_func *wdx_wasm_func_at(const struct wdx_wasm *m, wdx_codepos pos);

/* The type of a function by its index, imported ones counted; NULL: there is none. */
const struct wdx_wasm_type *wdx_wasm_functype(const struct wdx_wasm *m, uint32_t func);

/* The type of a local (parameters first), or 0 when the function has no such local. */
uint8_t wdx_wasm_local_type(const struct wdx_wasm *m, const struct wdx_wasm_func *f,
			    uint32_t local);

/* Whether table 0 holds what the slots say for as long as an instance lives: no instruction writes
 * to it, and nobody outside can. */
bool wdx_wasm_table_is_fixed(const struct wdx_wasm *m);

/* Converts; a file offset outside the code section gives WDX_NO_CODEPOS. */
wdx_codepos wdx_wasm_codepos(const struct wdx_wasm *m, wdx_filepos pos);

/* What one instruction does that others may see, or where control can leave its block. */
enum wdx_insn_flags {
	WDX_INSN_EFFECT = 1,  /* store, global.set, table write, memory.grow, atomic, throw, call */
	WDX_INSN_CONTROL = 2, /* block, loop, if, else, end, br*, return, unreachable, try... */
	WDX_INSN_CALL = 4,    /* call, call_indirect, call_ref, return_call* */
	WDX_INSN_MEMREAD = 8,
	WDX_INSN_MEMWRITE = 16,
	WDX_INSN_TRAP = 32,   /* may trap by itself: division, memory and table access, casts... */
	WDX_INSN_EDGE = 64,   /* no instruction's: a body starts, its code starts, or it ends */
	WDX_INSN_START = 128, /* every instruction's */
};

struct wdx_insn {
	wdx_codepos pos;
	uint32_t size;
	uint16_t opcode; /* prefixed ones: 0xfc00 | sub-opcode; 0xfd (SIMD), 0xfe (threads), 0xfb
			    (GC); relaxed SIMD, whose sub-opcodes start at 0x100: 0xff00 | low byte
			  */
	uint8_t flags;	 /* enum wdx_insn_flags; a call's say nothing of what the callee does */
	uint64_t imm[2]; /* first immediates: indices; of a memory access the memory and the offset;
			    constants (raw bits, 32-bit ones zero-extended); block and heap types
			    as the signed number of the encoding (a type index is >= 0, else the
			    low 7 bits are the type's byte, 0x40: no result); of br_table the
			    number of labels without the default, and the default; of try_table
			    its block type and the number of catch clauses; of select with types
			    their number and the first; of br_on_cast the label and source type */
};

/* Walks the instructions of a body in order. */
struct wdx_insn_iter {
	struct wdx_reader r;
	uint32_t at; /* codepos of what is next */
	struct wdx_error *err;
	const struct wdx_wasm *m; /* for messages */
	const struct wdx_wasm_func *f;
};
void wdx_insn_begin(struct wdx_insn_iter *it, const struct wdx_wasm *m,
		    const struct wdx_wasm_func *f);
/* false at the end or on an error (it->err, owned by the caller: unknown opcode, broken LEB). */
bool wdx_insn_next(struct wdx_insn_iter *it, struct wdx_insn *insn);

/* The instruction at a position where one starts. */
void wdx_insn_at(const struct wdx_wasm *m, wdx_codepos pos, struct wdx_insn *insn);

/* The type of what the call or call_indirect at a position calls; NULL: there is neither. */
const struct wdx_wasm_type *wdx_insn_calls(const struct wdx_wasm *m, wdx_codepos pos);

/* For br_table and try_table: a reader at what follows the count, that is at imm[0] + 1 labels (the
 * default last), or at imm[1] catch clauses (a byte: kind; tag unless kind > 1; label). */
void wdx_insn_labels(const struct wdx_wasm *m, const struct wdx_insn *insn, struct wdx_reader *r);

/* How many ways the br_table at that position has, the default counted; 0: there is no br_table, or
 * pos is UINT32_MAX. */
uint64_t wdx_insn_table_size(const struct wdx_wasm *m, uint32_t pos);

/* How many values the instruction takes from the operand stack and leaves there; false where types
 * or labels tell (calls, branches, ends of blocks), and for GC and exceptions. */
bool wdx_insn_arity(uint16_t opcode, unsigned *operands, unsigned *results);

/* enum wdx_valtype of what an instruction of one byte gives, as far as its opcode alone tells and
 * it is a number; 0: it does not. */
uint8_t wdx_insn_result(uint8_t opcode);

/* The spelled-out name of an opcode of wdx_insn ("i32.store"), or NULL. */
const char *wdx_insn_name(uint16_t opcode);

#endif
