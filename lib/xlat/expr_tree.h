/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Expressions as trees: the inside of expr.h.
 *
 * wdx_xtree_next() runs one location (a whole expression, or one piece) over a stack of nodes and
 * proves, from the types of the operands alone, that each operation can be done on the target; it
 * is run at parse and again, with the same outcome, at each emission.  wdx_xemit() writes a tree.
 *
 * The value of a number is meant in one of three ways, its width:
 *  W_32   wraps at 32 bits: the native entry is equal to it modulo 2^32;
 *  W_64   wraps at 64 bits: the native entry is equal to it;
 *  W_ANY  it is not known which of the two is meant (constants, extensions spelled out with masks,
 *	   operand-stack slots): the native entry is right for both.  DWARF says that all arithmetic
 *	   has the generic type, LLVM means the type of the value it describes.
 */
#ifndef WDX_XLAT_EXPR_TREE_H
#define WDX_XLAT_EXPR_TREE_H

#include "xlat/expr.h"

enum wdx_xkind {
	WDX_X_CONST,
	WDX_X_ENTITY, /* local, global or stack slot: `need` */
	WDX_X_NATIVE, /* native address: DW_OP_fbreg or push_object_address (`op`), plus `off` */
	WDX_X_UNARY,
	WDX_X_BINARY,
	WDX_X_SEXT,  /* a, of `off` bits, sign-extended the way LLVM spells it for DWARF 4 */
	WDX_X_LOAD,  /* `size` bytes of linear memory at a */
	WDX_X_TYPED, /* `src`, an operation on values with a base type, copied */
};

enum wdx_xwidth { WDX_W_ANY, WDX_W_32, WDX_W_64 };

#define WDX_XNONE 0xff

struct wdx_xnode {
	uint8_t kind, op;
	uint8_t width;	  /* enum wdx_xwidth */
	uint8_t operands; /* width in which a and b are taken */
	uint8_t a, b;	  /* in wdx_xtree.node, or WDX_XNONE */
	uint8_t need, size;
	bool typed;	   /* has the base type `type`; width says nothing */
	bool bad;	   /* provable only as a part of something larger */
	uint64_t max;	   /* W_ANY: the value is not above this, for both ways to mean it */
	uint64_t v32, v64; /* CONST: computed with 32 bits and with 64 */
	int64_t off;
	uint64_t type; /* as the operation names it */
	const struct wdx_op *src;
};

enum wdx_xform {
	WDX_FORM_NOTHING, /* an empty piece */
	WDX_FORM_VALUE,	  /* the value of root */
	WDX_FORM_LINEAR,  /* in linear memory at root */
	WDX_FORM_STATIC,  /* in linear memory at a constant address */
	WDX_FORM_NATIVE,  /* in memory at root, a native address */
	WDX_FORM_ADDRESS, /* the native address of byte `root` of linear memory, as a number */
	WDX_FORM_COPY,	  /* `src` says it all */
};

/* One location. */
struct wdx_xseg {
	uint8_t form; /* enum wdx_xform */
	uint8_t root;
	const struct wdx_op *src;
	const struct wdx_op *piece; /* what ended it; NULL: the end */
};

struct wdx_xtree {
	const struct wdx_xexpr *x;
	struct wdx_xexpr *parsing; /* the same, to note needs in; NULL in emission */
	bool native64;		   /* numbers have 64 bits on the target, else 32 */
	enum wdx_loss loss;	   /* the first reason to give up */
	size_t next;		   /* in x->ops */
	unsigned n, depth;
	struct wdx_xnode node[2 * WDX_XEXPR_MAX_OPS];
	uint8_t stack[WDX_XEXPR_MAX_OPS];
};

/* Reads the next location of t->x; t->loss says whether that went well. */
void wdx_xtree_next(struct wdx_xtree *t, struct wdx_xseg *seg);

/* Which need of the expression that is; noted in parse when new. */
unsigned wdx_xtree_need(struct wdx_xtree *t, uint32_t kind, uint32_t index, uint8_t type);

void wdx_xtree_fail(struct wdx_xtree *t, enum wdx_loss loss);

/* A fresh node on top of the stack; never NULL. */
struct wdx_xnode *wdx_xtree_push(struct wdx_xtree *t, enum wdx_xkind kind);
/* Takes the top of the stack; 0, and a failure, when there is none. */
uint8_t wdx_xtree_pop(struct wdx_xtree *t);

/* Operations on numbers (expr_arith.c): operands popped, result pushed. */
void wdx_xtree_binary(struct wdx_xtree *t, const struct wdx_op *op);
void wdx_xtree_unary(struct wdx_xtree *t, const struct wdx_op *op);
void wdx_xtree_plus_const(struct wdx_xtree *t, const struct wdx_op *op);

/* Whether the node can be used as an untyped number; a failure otherwise. */
bool wdx_xtree_number(struct wdx_xtree *t, uint8_t node);

/* The highest value of a W_ANY node. */
uint64_t wdx_xtree_max(const struct wdx_xnode *n);

/* Writes one location, without its piece; out NULL: tries.  bytes: how much of it the variable
 * shows, 0 when that is not known. */
enum wdx_loss wdx_xemit(const struct wdx_xtree *t, const struct wdx_xplaces *p,
			const struct wdx_xseg *seg, uint64_t bytes, struct wdx_expr *out);

#endif
