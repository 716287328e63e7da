/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the parts of the match share; flow.c leads a function through them. */
#ifndef WDX_FLOW_WORK_H
#define WDX_FLOW_WORK_H

#include "flow/check.h"
#include "flow/flow.h"
#include "flow/machine.h"
#include "flow/values.h"
#include "wasm/opcode.h"

#define NONE UINT32_MAX

#define CONTEXT WDX_VALUE_CONTEXT

struct probe { /* a claim, looked at where its first state is */
	uint32_t at;
	uint32_t place; /* of the machine */
	uint32_t value; /* of the wasm function, or CONTEXT */
	wdx_held held;	/* what the place holds there */
	bool strict;	/* not where the claim begins, or it is doubtful */
};

struct holding { /* a place holds a wasm value over a stretch of code: its low `width` bytes */
	uint32_t value, place, width;
	uint32_t lo, hi;
};

struct user { /* a local or operand slot has a value in a range of the body */
	uint32_t value, holder;
	uint32_t lo, hi;
};

struct piece { /* an interval that shows a state, and what shows nothing behind it */
	uint32_t wasm;
	uint32_t lo, hi;
	uint32_t next_wasm, next_lo; /* of the interval behind that; NONE: there is none */
	uint32_t last; /* of those from here on that follow each other in the code, too */
};

struct term { /* of a value that is a sum */
	uint32_t value;
	uint32_t next; /* in its chain: number + 1, 0 is the end */
	struct wdx_term is;
};

struct input { /* a merge or the result of an operation by what goes into it */
	uint32_t value, to;
};

struct taker { /* a value of the machine's that another one goes into */
	uint32_t mv;
	uint32_t next; /* of the same: number + 1, 0 is the end */
};

struct maker { /* an instruction whose result is known by what it does: a load, a call */
	uint32_t pos, value;
	uint32_t mv;	/* the machine's only candidate; 0: none yet, NONE: several */
	uint32_t first; /* its instruction */
};

/* The items of key k are those numbered in items[start[k]] up to items[start[k + 1]]. */
struct index {
	WDX_VEC(uint32_t) start, items;
};

struct open { /* what a place holds now */
	uint32_t value, width;
	uint32_t since;
};

/* Which place brings the nth argument of a class, and which register its result: learned from
 * claims that the code bears out.  Places on the stack count from FIRST_SLOT on. */
enum { CLASS_INTEGER, CLASS_FLOAT, NCLASSES, MAX_ARGS = 16, FIRST_SLOT = 96, MAX_WAYS = 128 };

struct convention {
	uint32_t heard[NCLASSES][MAX_ARGS]; /* functions looked at that take one */
	uint32_t votes[NCLASSES][MAX_ARGS + 1][MAX_WAYS];
	uint16_t way[NCLASSES][MAX_ARGS + 1]; /* UINT16_MAX: not known; the last is the result's */
	uint32_t heard_context, context_votes[MAX_WAYS];
	uint16_t context; /* where it comes, likewise */
};

/* Bits of all places: registers have less than two words. */
enum { PLACE_WORDS = 2 + WDX_MAX_SLOTS / 64 };

/* Steps of searches in one function. */
enum { MAX_STEPS = 1 << 24 };

struct edge { /* wasm positions where a block of machine code is entered and left */
	uint32_t in, out;
	uint32_t from;	      /* the last position that is shown before it is left */
	uint32_t first, last; /* intervals in it that show a state */
};

struct label { /* positions: of the instruction that opens it, of `else` or NONE, of its `end` */
	uint32_t pos, other, end;
	uint32_t outer; /* the label around it, NONE: the body */
};

enum { MAX_WAYS_ON = 12 };

struct ways { /* positions that control may come to */
	uint32_t to[MAX_WAYS_ON];
	unsigned n;
};

/* How good it is to know a value in one way rather than another. */
enum {
	RANK_LASTING,
	RANK_PASSING, /* in a register that calls take */
	RANK_SUM,
	RANK_CELL, /* in memory at what is there, the context, plus the addend: as an operand */
	RANK_COMPUTED,
	RANK_ENTRY, /* what a register held on entry, which only a caller's frame may show */
	RANKS
};

struct found { /* the outcome: where an entity is */
	uint32_t lo, hi;
	uint32_t place; /* of the machine; NONE: a constant; of RANK_COMPUTED: in flow.computed */
	uint32_t value; /* of the constant, in wasm values */
	uint32_t rank;
	uint64_t addend; /* of a sum, a cell */
};

struct founds {
	WDX_VEC(struct found);
};

enum { MAX_OPERANDS = 3, MAX_NESTED = 3 };

/* The result of an instruction, by its operands; of these lo and hi mean nothing. */
struct computed {
	uint8_t opcode, width, n;
	struct found of[MAX_OPERANDS];
};

struct flow {
	struct wdx_map *map;
	const struct wdx_wasm *wasm;
	const struct wdx_codeindex *code;
	const struct wdx_code_func *f;
	struct wdx_flow_stats *stats;
	struct wdx_values v;
	struct wdx_machine m;
	uint32_t *assoc; /* of each machine value: the wasm value, 0 is none */
	uint32_t
		*hints; /* of each merge of the machine's: the wasm value that a claim says it is */
	size_t nassoc;
	wdx_held *state; /* of each place, now */
	wdx_held *seen;	 /* and when its open holding was looked at */
	struct open *open;
	uint64_t occupied[PLACE_WORDS]; /* a bit for each place: a holding is open */
	uint32_t *placed;		/* number in the map, NONE: not looked up yet */
	size_t nstate;
	WDX_VEC(struct probe) probes;
	WDX_VEC(struct holding) holdings;
	WDX_VEC(struct user) users;
	WDX_VEC(struct input) inputs;
	WDX_VEC(struct edge) edges;
	WDX_VEC(struct label) labels; /* of the body, by pos */
	bool odd;		      /* has labels of other kinds: exceptions */
	WDX_VEC(struct maker) makers; /* by pos */
	WDX_VEC(uint32_t) made; /* by interval: the maker at its position, number + 1; 0: none */
	uint32_t *taken;	/* of each machine value: its takers, number + 1; 0: none */
	WDX_VEC(struct taker) takers;
	/* of machine values, a bit for each: to be looked at; have been given a value */
	WDX_VEC(uint64_t) due, given;
	WDX_VEC(struct term) terms;
	WDX_VEC(uint32_t) sums; /* hash of terms by root and the low half of off: chains of them */
	WDX_VEC(struct piece) pieces;
	WDX_VEC(uint32_t) piece_at; /* by wdx_codeindex.by_wasm: the first from there on */
	WDX_VEC(uint32_t) way_at;   /* by byte of the body: the first of v.ways, number + 1 */
	WDX_VEC(uint32_t) next_way; /* by v.ways: the next at the position */
	struct index inputs_of, holdings_of, terms_of;
	struct wdx_ranges runs;
	WDX_VEC(uint64_t) keys; /* to sort by */
	struct founds found, best;
	struct founds operands[MAX_NESTED][MAX_OPERANDS]; /* where those of a result are */
	WDX_VEC(struct computed) computed;		  /* of the holder in work */
	WDX_VEC(struct wdx_map_entity) entities;	  /* of the new map */
	WDX_VEC(struct wdx_map_range) ranges;
	WDX_VEC(struct wdx_map_argument) arguments;		    /* of the new map */
	enum { KEEPS_UNKNOWN, KEEPS_GLOBALS, KEEPS_NOTHING } keeps; /* the function: all globals */
	bool *preserved;
	WDX_VEC(uint32_t) teachers; /* functions to learn of the convention from */
	struct convention *convention;
	uint32_t *steps; /* left; MAX_STEPS for each function */
	struct wdx_flow_wish *wish;
	bool nomem;
};

/* ---- what is asked everywhere -----------------------------------------------------------------
 */

static inline bool wdx_flow_is_opcode(const struct flow *x, uint32_t pos, uint8_t opcode)
{
	return x->wasm->data[x->wasm->code.v + pos] == opcode;
}

static inline bool wdx_flow_shows(const struct wdx_interval *iv)
{
	return iv->wasm != NONE && !(iv->flags & WDX_IV_DISPLACED);
}

/* CONTEXT comes behind all other values. */
static inline uint32_t wdx_flow_value_key(const struct flow *x, uint32_t value)
{
	return value == CONTEXT ? (uint32_t)x->v.values.len : value;
}

static inline uint32_t wdx_flow_width_of(uint8_t type)
{
	unsigned size = wdx_wasm_type_size(type);

	return size ? size : 8;
}

static inline uint8_t wdx_flow_type_of(const struct flow *x, uint32_t local)
{
	return wdx_wasm_local_type(x->wasm, x->f->wasm, local);
}

/* The holder (values.h) that a claim is about; NONE: nothing is known of it. */
static inline uint32_t wdx_flow_holder_of(const struct flow *x, const struct wdx_map_entity *e)
{
	if (e->kind == WDX_ENT_STACK)
		return wdx_values_slot(&x->v, e->index);
	return e->index < x->v.nlocals ? e->index : NONE;
}

/* ---- flow.c ------------------------------------------------------------------------------------
 */

/* Sorts items 0 to n by their keys below nkeys, into ix.  false: memory is out. */
bool wdx_flow_build_index(struct flow *x, struct index *ix, size_t nkeys, size_t n,
			  uint32_t (*key)(const struct flow *x, size_t item));
/* The first interval in [lo, hi) that shows a state; NONE: there is none. */
uint32_t wdx_flow_first_shown(const struct flow *x, uint32_t lo, uint32_t hi);

/* ---- claims.c: the witnesses, and the convention learned from them ------------------------------
 */

void wdx_flow_find_probes(struct flow *x);
void wdx_flow_check_claims(struct flow *x);
void wdx_flow_count_proved(struct flow *x);
/* Whether a place that holds h holds the wasm value, as far as is known by now. */
bool wdx_flow_is_value(const struct flow *x, wdx_held h, uint32_t value);
/* The class by which values of the type are passed; false: in a way of its own. */
bool wdx_flow_class_of(uint8_t type, unsigned *class);
/* Learning: whether the function is among those to be looked at, the first so many that take an
 * argument; whether it takes one, or gets a result, on which not enough of them agree by now; what
 * it shows, once its claims have been checked; what all have shown. */
bool wdx_flow_may_teach(struct flow *x);
bool wdx_flow_can_teach(const struct flow *x);
void wdx_flow_vote(struct flow *x);
void wdx_flow_elect(struct flow *x);
/* By that: what places held on entry; where the stack brings some (a bit for each eight bytes); the
 * register that brings an argument (NONE: none, or it is not known). */
void wdx_flow_take_arguments(struct flow *x);
uint32_t wdx_flow_stack_arguments(const struct flow *x);
uint32_t wdx_flow_argument_register(const struct flow *x, const struct wdx_wasm_func *f,
				    uint32_t i);

/* ---- results.c: machine values are what loads and calls of the wasm code become -----------------
 */

void wdx_flow_take_results(struct flow *x);

/* ---- ways.c: where control of the wasm function goes on -----------------------------------------
 */

void wdx_flow_find_labels(struct flow *x);
/* Where it may go on behind the control instruction, the way that is taken first; false: that is
 * not known, or there are too many. */
bool wdx_flow_ways_on(const struct flow *x, uint32_t pos, struct ways *w);
/* Once; false: there are too many. */
bool wdx_flow_add_way(struct ways *w, uint32_t to);

/* ---- merges.c: and what merges at labels become -------------------------------------------------
 */

/* What goes into merges and results of the wasm code, and by which ways. */
void wdx_flow_index_inputs(struct flow *x);

/* Where blocks of machine code are entered and left. */
void wdx_flow_find_edges(struct flow *x);

/* Whether the merge of the machine's at the block is that wasm value: every way in brings what the
 * value is on that way.  Merges not looked at yet are given the benefit of the doubt when `hope`.
 */
bool wdx_flow_agrees(const struct flow *x, uint32_t block, uint32_t place, uint32_t value,
		     bool hope);

/* A first guess at a merge of the machine's, made where one way in is known, or where a claim says
 * what it is; 0: none. */
uint32_t wdx_flow_guess(const struct flow *x, uint32_t mv);

/* ---- match.c: and what is computed from others, in rounds ---------------------------------------
 */

/* Whether the instruction of wasm computes the same of what it takes; a select takes one of two as
 * that at its own position. */
bool wdx_flow_same_op(const struct flow *x, const struct wdx_value *v, const struct wdx_minsn *i);

void wdx_flow_match_all(struct flow *x);

/* ---- entries.c: parameters that only callers still know -----------------------------------------
 */

/* Where the parameter is nowhere else, it is what its register held on entry. */
void wdx_flow_use_entry(struct flow *x, uint32_t value);
/* At a call at that wasm position, with what is held behind it in x->state, and before it, in those
 * places that are occupied, in x->seen: where what a direct one passes stays, in the frame of the
 * caller. */
void wdx_flow_note_call(struct flow *x, const struct wdx_minsn *call, uint32_t pos);
/* When all functions have been gone through: arguments that are no such parameters, and parameters
 * that are no such arguments, are dropped. */
void wdx_flow_settle_entries(struct flow *x);

/* ---- holdings.c: which code places hold wasm values over
 * -----------------------------------------
 */

void wdx_flow_find_holdings(struct flow *x);

/* ---- places.c: where locals are, by the match ---------------------------------------------------
 */

/* Finds the values that are sums. */
void wdx_flow_index_terms(struct flow *x);
/* Those of them that may be root + off: the head of their chain, by value. */
uint32_t *wdx_flow_sums(const struct flow *x, uint32_t root, uint64_t off);
void wdx_flow_find_users(struct flow *x);
void wdx_flow_find_pieces(struct flow *x);
/* The new map: locals and operand slots, the context pointer, and what else the old one says, of
 * kinds in [from, to) or all. */
void wdx_flow_put_holders(struct flow *x);
void wdx_flow_put_context(struct flow *x);
void wdx_flow_keep_others(struct flow *x, const struct wdx_map_func *f, bool all, uint32_t from,
			  uint32_t to);
/* A way to know a value in [lo, hi), as far as x->runs goes. */
void wdx_flow_add_where(struct flow *x, struct founds *to, uint32_t lo, uint32_t hi,
			const struct found *how);
/* Whether anything may be known of where the value is. */
bool wdx_flow_may_be_known(const struct flow *x, uint32_t value);
/* Appends where in x->runs so many bytes of the value are known: in a place, or by way of others.
 */
void wdx_flow_find_value(struct flow *x, uint32_t value, uint32_t width, unsigned depth,
			 struct founds *to);
/* As `how` says, in [lo, hi). */
void wdx_flow_add_found(struct flow *x, struct founds *to, uint32_t lo, uint32_t hi,
			const struct found *how);
/* Puts the best of what is known at each address, in order, in place of all. */
void wdx_flow_keep_best(struct flow *x, struct founds *all);
bool wdx_flow_same_found(const struct found *a, const struct found *b);
/* The place of the map for that; NONE: memory is out. */
uint32_t wdx_flow_map_place(struct flow *x, const struct found *f);

/* ---- compute.c: results by their operands -------------------------------------------------------
 */

/* Whether it is the result of an instruction that can be done again. */
bool wdx_flow_computable(const struct flow *x, uint32_t value);
/* Appends where in x->runs the value can be computed from others. */
void wdx_flow_compute(struct flow *x, uint32_t value, uint32_t width, unsigned depth,
		      struct founds *to);
/* Its place in the map; NONE: memory is out. */
uint32_t wdx_flow_computed_place(struct flow *x, const struct computed *c);

/* The offset from the context of the cell of the global that the global.get there names; how wide
 * it is, 0: not known. */
uint32_t wdx_flow_cell_of(const struct flow *x, uint32_t get, int64_t *off);

/* In the map, the place of RANK_CELL. */
uint32_t wdx_flow_cell_place(struct flow *x, const struct found *f);

#endif
