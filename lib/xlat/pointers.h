/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Pointers that work.  A pointer in linear memory is an offset into it, which a debugger takes for
 * a native address.  What can be said so that it follows it differs from debugger to debugger: each
 * has a table of operations; pointers.c knows the types of the module, and which are pointed to.
 */
#ifndef WDX_XLAT_POINTERS_H
#define WDX_XLAT_POINTERS_H

#include "base/buf.h"
#include "base/vec.h"
#include "wdx.h"
#include "wdx_pass.h"

struct wdx_xenv;
struct wdx_xlat;

enum wdx_type_flags {
	WDX_TYPE_DECLARED = 1,	/* an incomplete type */
	WDX_TYPE_SIGNATURE = 2, /* stands for one in a type unit */
	WDX_TYPE_C = 4,		/* of a unit in C, where tags have names of their own */
	WDX_TYPE_POINTED = 8,	/* something points to it */
	WDX_TYPE_REACHED = 16,	/* the same, through typedefs and qualifiers */
	WDX_TYPE_VARIANT = 32,	/* which members it has depends on its value */
	WDX_TYPE_FAMILY = 64,	/* has a base class, or is one */
	WDX_TYPE_LIVE = 128,	/* a value can be of it, or a cast name it */
	WDX_TYPE_NAMED = 256,	/* an entry or a type refers to it */
};

/* An entry that is a type, or has types in it. */
struct wdx_type {
	uint32_t offset; /* in .debug_info */
	uint32_t parent; /* 1 + index of what it is in; 0: nothing that gives it a name */
	uint32_t target; /* offset of its DW_AT_type; 0: none */
	uint32_t size;	 /* bytes, as it says itself; 0: it does not */
	wdx_ident twin;	 /* what stands beside it in the output */
	uint16_t tag;
	uint16_t flags;
	const char *name; /* borrowed from the input; NULL: none */
};

/* A value of `in` holds one of the type at that offset; noted where variants are possible. */
struct wdx_type_part {
	uint32_t offset, in; /* in: index */
};

/* An entry refers to the type at that offset. */
struct wdx_type_use {
	uint32_t offset;
	uint32_t from; /* of a declared function: its own offset; 0: its type is that of values */
};

/* A base class, in the order of the input. */
struct wdx_type_base {
	uint32_t in, base; /* index of the class; offset of the base's type */
	uint32_t at;	   /* bytes into the object; of a virtual base: how far before the place
			      that the object's first pointer leads to its own place is told */
	bool is_virtual, known; /* known: `at` is */
};

/* A twin that is to be written behind all else in the entry that it is in. */
struct wdx_type_late {
	uint32_t depth, type; /* type: index */
};

struct wdx_pointers {
	const struct wdx_debugger_ops *ops; /* NULL: plain types */
	WDX_VEC(struct wdx_type) types;	    /* by offset */
	WDX_VEC(struct wdx_type_part) parts;
	WDX_VEC(uint32_t) scopes; /* in the first pass: 1 + index of the open ones */
	bool cxx, rust;		  /* in the first pass: of the unit in work */
	uint16_t unit_flags;	  /* the same: of its types */
	bool lldb;		  /* the side-car is for lldb, whatever ops */
	bool failed;		  /* memory is out */
	bool prepared;		  /* the first pass is over */
	WDX_VEC(uint32_t) used;	  /* offsets of types of variables in functions, as they come */
	unsigned function;	  /* 1 + depth of the open function; 0: none */
	unsigned declared;	  /* in the first pass: the same, of one that is only declared */
	WDX_VEC(struct wdx_type_use) uses; /* of units in C++ */
	WDX_VEC(uint32_t) defined;	   /* offsets of declarations, of functions that are */
	WDX_VEC(struct wdx_type_base) bases;
	WDX_VEC(struct wdx_type_late) late;
	wdx_ident number;	 /* of the unit in work: the type of an offset */
	struct wdx_type *copied; /* its twin is being written as a copy of it; NULL: no one is */
	unsigned copied_depth;
	uint64_t discr; /* in the copy, of the discriminant: offset, and identity of its twin */
	wdx_ident discr_twin;
	/* of the unit in work: what turns an offset into an address */
	wdx_ident procedure;
	wdx_ident virtual_base; /* the same, from an object to its virtual base */
};

/* What one debugger needs; members may be NULL. */
struct wdx_debugger_ops {
	bool relocate; /* addresses in expressions hold only after relocation */
	bool fill;     /* composites are to be as long as the variable (gdb 13 crashes when it
			  follows a pointer behind their end) */
	bool refuse_calls, frameless_context, drop_returns; /* see calls.c */
	bool native; /* pointers of a twin's type are addresses, computed by their location */
	/* once, between the passes: decides which types get a twin, by wdx_ident_beside() */
	void (*prepare)(struct wdx_xlat *x, struct wdx_emit *e);
	/* an entry of the table, t, or (t NULL) another one, is about to be written */
	enum wdx_verdict (*die)(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_type *t,
				struct wdx_emit *e);
	/* of an entry that is copied, each attribute; else at least type, const_value, addresses */
	enum wdx_verdict (*attr)(struct wdx_xlat *x, const struct wdx_cursor *c,
				 const struct wdx_attr *a, struct wdx_emit *e);
	void (*die_end)(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);
	void (*attrs_end)(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);
};

extern const struct wdx_debugger_ops wdx_gdb_ops, wdx_lldb_ops;

/* ---- virtual bases, for gdb -------------------------------------------------------------------
 */

/* In the first pass: a base of the class with that index. */
bool wdx_bases_note(struct wdx_pointers *p, const struct wdx_die *die, uint32_t in);
/* In a twin, before its other children. */
void wdx_bases_emit(struct wdx_xlat *x, const struct wdx_cursor *c, const struct wdx_type *t,
		    struct wdx_emit *e);
/* At the end of the unit: what the above calls. */
void wdx_bases_procedure(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);

/* Chooses the operations; plain types where that debugger could not follow pointers anyway. */
void wdx_pointers_init(struct wdx_pointers *p, enum wdx_debugger debugger,
		       const struct wdx_xenv *env);
void wdx_pointers_deinit(struct wdx_pointers *p);

static inline bool wdx_pointers_relocate(const struct wdx_pointers *p)
{
	return p->ops && p->ops->relocate;
}

static inline bool wdx_pointers_fill(const struct wdx_pointers *p)
{
	return p->ops && p->ops->fill;
}

/* ---- types ------------------------------------------------------------------------------------
 */

struct wdx_type *wdx_type_at(const struct wdx_pointers *p, uint64_t offset); /* or NULL */
/* What is behind typedefs and qualifiers; NULL: void, or no type that is known. */
struct wdx_type *wdx_type_stripped(const struct wdx_pointers *p, struct wdx_type *t);
bool wdx_tag_is_alias(unsigned tag);   /* typedefs, qualifiers */
bool wdx_tag_is_pointer(unsigned tag); /* references too */
bool wdx_tag_is_record(unsigned tag);
/* After the first pass: WDX_TYPE_VARIANT of what has such a part.  false: memory is out. */
bool wdx_types_spread_variants(struct wdx_pointers *p);
/* After the first pass: WDX_TYPE_LIVE.  In C++ most pointers are the `this` of functions that are
 * nowhere defined, and no value has their type. */
void wdx_types_find_live(struct wdx_pointers *p);
/* Whether the function declared at that offset is defined in the module.  After the above. */
bool wdx_types_defined(const struct wdx_pointers *p, uint64_t offset);
/* Bytes of a value; 0: not known, as of arrays. */
uint32_t wdx_type_bytes(const struct wdx_pointers *p, struct wdx_type *t);
/* Appends the type as the source spells it; false: not known, or too long. */
bool wdx_type_name(const struct wdx_pointers *p, struct wdx_type *t, struct wdx_buf *b);

/* ---- events (see struct wdx_visitor) ----------------------------------------------------------
 */

/* Whether the location of the variable at the cursor is to give a native address as its value. */
bool wdx_pointers_native(struct wdx_xlat *x, const struct wdx_cursor *c);

bool wdx_pointers_note(struct wdx_pointers *p, const struct wdx_cursor *c); /* of keep */
void wdx_pointers_unit(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);
enum wdx_verdict wdx_pointers_die(struct wdx_xlat *x, const struct wdx_cursor *c,
				  struct wdx_emit *e);
enum wdx_verdict wdx_pointers_attr(struct wdx_xlat *x, const struct wdx_cursor *c,
				   const struct wdx_attr *a, struct wdx_emit *e);
void wdx_pointers_attrs_end(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);
void wdx_pointers_die_end(struct wdx_xlat *x, const struct wdx_cursor *c, struct wdx_emit *e);

#endif
