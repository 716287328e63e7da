/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The map's claims of where locals and the context pointer are, judged by what the match of wasm
 * and machine values knows: proved, contradicted, or undecided.
 *
 * A claim is looked at at every machine instruction in its range whose position shows the state of
 * wasm.  It is proved when the place holds the local's value at all of these, and contradicted
 * when at one of them it holds another: one that no compiler could take for the local's (known.h).
 * Where an instruction of wasm is half done, the local may have its old value or its new one.
 */
#ifndef WDX_FLOW_CHECK_H
#define WDX_FLOW_CHECK_H

#include "flow/machine.h"
#include "flow/values.h"

/* Stands for the context pointer among the wasm values. */
#define WDX_VALUE_CONTEXT (UINT32_MAX - 1)

struct flow;

/* A function whose values have been matched; all of it borrowed. */
struct wdx_match {
	const struct flow *flow;
	const struct wdx_map *map;
	const struct wdx_wasm *wasm;
	const struct wdx_codeindex *code;
	const struct wdx_code_func *f;
	const struct wdx_values *v; /* with uses */
	struct wdx_machine *m;
	const uint32_t *assoc; /* of each machine value: the wasm value, 0 is none */
	const bool *preserved; /* by register */
};

/* Whether what the place holds is that wasm value, as far as it goes (match.c). */
bool wdx_match_is(const struct flow *x, wdx_held h, uint32_t value);

/* The wasm value to which the machine's adds *off, of which `width` bytes count; 0: none is known
 * (match.c). */
uint32_t wdx_match_summand(const struct flow *x, uint32_t mv, uint64_t *off, unsigned *width);

/* The register in which calls bring results of that type; UINT32_MAX: not known (match.c). */
uint32_t wdx_match_result(const struct flow *x, uint8_t type);

/* A claim that the code contradicts. */
struct wdx_fault {
	const struct wdx_map_func *func;
	const struct wdx_map_entity *entity;
	const struct wdx_map_range *range;
	uint32_t at;	   /* where in the range: the first such place */
	uint32_t wasm;	   /* its position; UINT32_MAX: none */
	const char *holds; /* what is in the place, in words: "the constant 0, put there at 0x12" */
	const char *instead; /* of what: "parameter 1" */
};

/* Why a claim is undecided. */
enum wdx_doubt {
	WDX_DOUBT_NONE,	   /* it is none: proved, or contradicted */
	WDX_DOUBT_VALUE,   /* the local's value is not followed */
	WDX_DOUBT_PLACE,   /* nor is the place */
	WDX_DOUBT_NOTHING, /* nothing is known of what is there */
	WDX_DOUBT_STRANGE, /* what is there is not known as a value of wasm's */
	WDX_DOUBT_OTHER,   /* it is known as another one, which may be equal */
	WDX_DOUBTS
};

/* What a claim is worth from one address on, up to its next judgement. */
struct wdx_judgement {
	const struct wdx_map_func *func;
	const struct wdx_map_entity *entity;
	const struct wdx_map_range *range;
	uint32_t at;
	bool contradicted;
	enum wdx_doubt doubt;
};

/* Claims of one function after the other are judged; to be cleared, then filled in. */
struct wdx_check {
	void (*fault)(const struct wdx_fault *f, void *arg);	  /* in the order of the map */
	void (*judged)(const struct wdx_judgement *j, void *arg); /* or NULL; by address */
	void *arg;
	uint64_t claims, proved, contradicted; /* summed up */
	struct wdx_check_work *work;
};

/* For a function of which nothing is known: its claims are undecided. */
void wdx_check_skip(struct wdx_check *c, const struct wdx_map *map, const struct wdx_map_func *f);

/* false: memory is out. */
bool wdx_check_function(struct wdx_check *c, const struct wdx_match *match);
void wdx_check_deinit(struct wdx_check *c);

#endif
