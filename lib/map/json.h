/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Between the machine that reads a JSON map (json.c) and the tables of its keys (keys.c).
 */
#ifndef WDX_MAP_JSON_H
#define WDX_MAP_JSON_H

#include "map/map.h"
#include "map/scan.h"
#include "map/text.h"

enum {
	T_NULL = 1,
	T_BOOL = 2,
	T_INT = 4, /* a number, or a string that begins with 0x */
	T_STR = 8,
	T_REG = 16, /* a string or number, which value.type then tells as T_STR or T_INT */
	T_OBJ = 32,
	T_ARR = 64,
};

struct value {	      /* a scalar */
	uint8_t type; /* one of T_ */
	bool yes;
	struct wdx_text_int num;
	const char *s;
	size_t n;
};

struct parse;

struct key {
	const char *name;
	uint8_t types; /* T_ allowed */
	bool required;
	bool in_map; /* `to` counts in struct wdx_map */
	uint16_t to; /* for set or open: where in struct parse, or which */
	bool (*set)(struct parse *p, const struct value *v); /* of a scalar; NULL: ignored */
	const struct shape *object, *array;		     /* of a container */
};

enum shape_kind {
	OBJECT, /* keys by name */
	NAMES,	/* an object with free keys, handed to name(); keys[0] is for every value */
	LIST,	/* an array; keys[0] is for every element */
	TUPLE,	/* an array; keys are for the elements in turn */
};

struct shape {
	enum shape_kind kind;
	unsigned nkeys; /* at most 32 */
	const struct key *keys;
	bool (*open)(struct parse *p);
	bool (*close)(struct parse *p);
	bool (*name)(struct parse *p, const struct value *v);
};

static inline bool is_array(const struct shape *s)
{
	return s->kind == LIST || s->kind == TUPLE;
}

struct frame { /* an open object or array */
	const struct shape *shape;
	const struct key *key; /* of the value at hand */
	size_t at;	       /* where it began */
	uint32_t seen;	       /* a bit for each key */
	uint32_t index;	       /* values so far */
	char name[48];	       /* NAMES: the key at hand, for messages */
};

#define MAX_DEPTH 12

struct reg_name { /* what a name was found to be */
	char name[16];
	uint16_t reg;
};

struct parse {
	const struct wdx_json_text *text;
	struct wdx_map *map;
	struct wdx_target *target;
	const struct wdx_wasm *wasm;
	struct wdx_error *err;

	struct frame stack[MAX_DEPTH];
	unsigned depth;
	const struct key *key; /* of the value at hand */
	size_t at;	       /* of the token at hand */
	bool skipping;	       /* the value of an unknown key */
	size_t skip_depth;

	bool offsets_in_file, has_locals_given, local_seen;
	struct {
		const uint8_t *bytes;
		size_t n;
		const char *file;
	} code;
	/* Records under way: an inner one is complete before its outer one is. */
	struct wdx_map_func func;
	struct wdx_map_part part;
	struct wdx_map_pair pair;
	struct wdx_map_entity entity;
	struct wdx_map_range range;
	struct wdx_map_row row;
	struct wdx_rule rule;
	struct wdx_map_memory memory;
	struct wdx_map_global global;
	bool is64_given;
	struct {
		uint16_t reg;
		uint64_t value;
	} place;
	uint32_t place_index; /* of the last place completed */
	WDX_VEC(int64_t) offsets;
	WDX_VEC(uint8_t) bytes;	  /* of the last expression */
	struct reg_name regs[64]; /* a cache, by hash of the name */
};

extern const struct shape wdx_map_shape; /* of the whole */

/* All false, with p->err: about the value at hand, about the object or array it is in, and when
 * memory is out. */
bool wdx_parse_fail(struct parse *p, const char *fmt, ...) WDX_PRINTF(2, 3);
bool wdx_parse_fail_whole(struct parse *p, const char *fmt, ...) WDX_PRINTF(2, 3);
bool wdx_parse_nomem(struct parse *p);

#endif
