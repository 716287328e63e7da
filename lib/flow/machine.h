/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The values of a function's machine code: which value each register and frame slot holds at each
 * instruction, whatever path led there.
 *
 * A value is what a register held on entry, a constant, what an instruction computed, or the merge
 * of several where paths join (a phi), of places that are still read there.  Copies, spills and
 * reloads pass values on.  What is not followed is unknown: a place that holds it holds nothing of
 * interest.  Places are registers, and those slots of the frame that are loaded and stored.
 */
#ifndef WDX_FLOW_MACHINE_H
#define WDX_FLOW_MACHINE_H

#include "base/vec.h"
#include "flow/code.h"
#include "native/access.h"
#include "native/native.h"

enum wdx_mvalue_kind {
	WDX_MV_UNKNOWN,
	WDX_MV_ENTRY, /* reg: the place, as it was when the function was entered */
	WDX_MV_CONST, /* imm */
	WDX_MV_INSN,  /* at: of the instruction; reg: which of its results */
	WDX_MV_PHI,   /* at: of the block; reg: the place */
};

/* What a place holds: the low bytes of a value, up to 16 of them; 0 is nothing known. */
typedef uint32_t wdx_held;

struct wdx_mvalue {
	uint8_t kind;
	uint8_t copied; /* is, or was, in more than one place */
	uint16_t reg;
	uint32_t at;
	int64_t imm;
	wdx_held base; /* of what is loaded from base + disp, or computed from base: what it held */
	wdx_held other; /* of a WDX_DO_BINARY: what src held */
	uint32_t insn;	/* of the same: its number */
};

enum { WDX_HELD_BITS = 5 };

static inline uint32_t wdx_held_value(wdx_held h)
{
	return h >> WDX_HELD_BITS;
}

static inline uint32_t wdx_held_width(wdx_held h)
{
	return h & ((1 << WDX_HELD_BITS) - 1);
}

static inline wdx_held wdx_hold(uint32_t value, uint32_t width)
{
	return value << WDX_HELD_BITS | width;
}

enum wdx_mkills { WDX_KILLS_NONE, WDX_KILLS_SOME, WDX_KILLS_ALL };

/* How much an instruction does with what places hold: most of them give one register a value. */
enum wdx_mdoes { WDX_DOES_MORE, WDX_DOES_ONE, WDX_DOES_NOTHING };

struct wdx_minsn {
	uint32_t at;
	uint32_t pops;	   /* a call: bytes of arguments that the callee takes off the stack */
	uint32_t slot;	   /* place of the slot that it loads or stores as a whole, or UINT32_MAX */
	uint32_t values;   /* the first of those it computes: one for each register it gives */
	uint32_t constant; /* the value that it loads or stores */
	uint32_t based;	   /* the one with a base that it computes; 0: none */
	uint8_t kills; /* slots of which nothing is known behind it, besides the one it stores */
	uint8_t does;  /* enum wdx_mdoes */
	uint8_t gives; /* WDX_DOES_ONE: the register */
	uint32_t size; /* WDX_KILLS_SOME: those that overlap as many bytes from off on */
	int64_t off;
	uint64_t writes[2]; /* registers that hold something else behind it */
	const struct wdx_access *a;
};

struct wdx_mblock {
	uint32_t first, n;	     /* instructions */
	uint32_t first_succ, nsuccs; /* in succs: blocks */
	uint32_t first_pred, npreds;
	bool reached;
};

enum { WDX_MAX_SLOTS = 192 };

struct wdx_machine {
	const struct wdx_map *map;
	const struct wdx_target *target;
	struct wdx_accesses *accesses;
	const struct wdx_code_func *f;
	WDX_VEC(struct wdx_minsn) insns; /* by address */
	WDX_VEC(struct wdx_mblock) blocks;
	WDX_VEC(uint32_t) succs, preds;
	const uint32_t *rank; /* of each block: where in reverse postorder; UINT32_MAX: not reached
			       */
	WDX_VEC(struct wdx_mvalue) values; /* [0] is unknown, then what places held on entry */
	WDX_VEC(uint32_t) based;	   /* of them: those with a base */
	size_t nentries;		   /* 1 to that are what places held on entry */
	size_t first_phi;		   /* from here on all are merges */
	uint32_t nregs;			   /* places below are registers by DWARF number */
	uint64_t results[2];		   /* a bit for each: calls may bring results there */
	struct wdx_slot {
		int64_t off;	/* from the CFA */
		uint32_t width; /* at most so many bytes are stored there at once */
	} slots[WDX_MAX_SLOTS]; /* by offset: of places nregs and up */
	uint32_t nslots, nplaces;
	uint32_t stride;    /* nplaces and what makes it a multiple of WDX_CHUNK, all nothing */
	uint32_t arguments; /* to be set: bit n is set where one lies at CFA + 8 * n */
	bool escaped;	    /* an address in the frame is taken: calls may write there */
	bool wide;	    /* the last step changed more than the registers that the instruction
			       writes and the slot that it stores */
	wdx_held *in, *out; /* of block b: stride of them from b * stride on */
	struct wdx_machine_work *work;
};

/* Of the registers from 64 * k on that the instruction writes, those that hold something it has
 * computed. */
static inline uint64_t wdx_machine_gives(const struct wdx_machine *m, const struct wdx_minsn *i,
					 unsigned k)
{
	return i->a->call ? i->writes[k] & m->results[k] : i->writes[k];
}

/* Places are compared so many at once. */
enum { WDX_CHUNK = 8 };

static inline bool wdx_same_chunk(const wdx_held *a, const wdx_held *b)
{
	wdx_held differ = 0;

	for (unsigned i = 0; i < WDX_CHUNK; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}

static inline const wdx_held *wdx_machine_in(const struct wdx_machine *m, uint32_t block)
{
	return m->in + (size_t)block * m->stride;
}

static inline const wdx_held *wdx_machine_out(const struct wdx_machine *m, uint32_t block)
{
	return m->out + (size_t)block * m->stride;
}

/* All of them stay the caller's. */
struct wdx_error *wdx_machine_init(struct wdx_machine *m, const struct wdx_map *map,
				   const struct wdx_target *target,
				   const struct wdx_codeindex *code);
void wdx_machine_deinit(struct wdx_machine *m);

/* Whether the code can be followed at all: it is there, and of a target that is known. */
bool wdx_machine_able(const struct wdx_machine *m);

/* Decodes and follows one function; what m held before is forgotten.  *known is false for code that
 * cannot be followed: an indirect jump that is no jump table, bytes that are no instructions. */
struct wdx_error *wdx_machine_of(struct wdx_machine *m, const struct wdx_wasm *wasm,
				 const struct wdx_code_func *f, bool *known);

/* Applies the instruction to state, nplaces of it. */
void wdx_machine_step(struct wdx_machine *m, const struct wdx_minsn *insn, wdx_held *state);

/* The machine's place for one of the map's; UINT32_MAX: not one that is followed. */
uint32_t wdx_machine_place(const struct wdx_machine *m, const struct wdx_place *p);

/* The place of the slot at that offset from the CFA; UINT32_MAX: there is none. */
uint32_t wdx_machine_slot(const struct wdx_machine *m, int64_t off);

#endif
