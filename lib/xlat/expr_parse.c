/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * From operations to a tree: see expr_tree.h.
 */
#include "xlat/expr_tree.h"

#include <dwarf.h>

#include "dwarf/decode.h"

void wdx_xtree_fail(struct wdx_xtree *t, enum wdx_loss loss)
{
	if (t->loss == WDX_LOSS_NONE)
		t->loss = loss;
}

unsigned wdx_xtree_need(struct wdx_xtree *t, uint32_t kind, uint32_t index, uint8_t type)
{
	struct wdx_xexpr *x = t->parsing;

	for (unsigned i = 0; i < t->x->nneeds; i++)
		if (t->x->needs[i].kind == kind && t->x->needs[i].index == index)
			return i;
	if (!x || x->nneeds == WDX_XEXPR_MAX_NEEDS) {
		wdx_xtree_fail(t, WDX_LOSS_EXPR_SIZE);
		return 0;
	}
	x->needs[x->nneeds] = (struct wdx_need){kind, index};
	x->need_type[x->nneeds] = type;
	return (unsigned)x->nneeds++;
}

/* ---- the stack --------------------------------------------------------------------------------
 */

static void push_node(struct wdx_xtree *t, uint8_t i)
{
	if (t->depth == WDX_XEXPR_MAX_OPS)
		wdx_xtree_fail(t, WDX_LOSS_EXPR_SIZE);
	else
		t->stack[t->depth++] = i;
}

struct wdx_xnode *wdx_xtree_push(struct wdx_xtree *t, enum wdx_xkind kind)
{
	if (t->n == sizeof(t->node) / sizeof(t->node[0])) {
		wdx_xtree_fail(t, WDX_LOSS_EXPR_SIZE);
		t->n--; /* all is lost anyway */
	}
	struct wdx_xnode *n = &t->node[t->n];

	*n = (struct wdx_xnode){.kind = (uint8_t)kind, .a = WDX_XNONE, .b = WDX_XNONE};
	push_node(t, (uint8_t)t->n++);
	return n;
}

uint8_t wdx_xtree_pop(struct wdx_xtree *t)
{
	if (t->depth)
		return t->stack[--t->depth];
	wdx_xtree_fail(t, WDX_LOSS_BAD_EXPR);
	return 0;
}

/* The i-th entry from the top. */
static uint8_t peek(struct wdx_xtree *t, uint64_t i)
{
	if (i < t->depth)
		return t->stack[t->depth - 1 - i];
	wdx_xtree_fail(t, WDX_LOSS_BAD_EXPR);
	return 0;
}

static void op_dup(struct wdx_xtree *t, const struct wdx_op *op)
{
	(void)op;
	push_node(t, peek(t, 0));
}

static void op_drop(struct wdx_xtree *t, const struct wdx_op *op)
{
	(void)op;
	wdx_xtree_pop(t);
}

static void op_over(struct wdx_xtree *t, const struct wdx_op *op)
{
	(void)op;
	push_node(t, peek(t, 1));
}

static void op_pick(struct wdx_xtree *t, const struct wdx_op *op)
{
	push_node(t, peek(t, op->arg[0]));
}

static void op_swap(struct wdx_xtree *t, const struct wdx_op *op)
{
	uint8_t b = wdx_xtree_pop(t), a = wdx_xtree_pop(t);

	(void)op;
	push_node(t, b);
	push_node(t, a);
}

static void op_rot(struct wdx_xtree *t, const struct wdx_op *op)
{
	uint8_t c = wdx_xtree_pop(t), b = wdx_xtree_pop(t), a = wdx_xtree_pop(t);

	(void)op;
	push_node(t, c);
	push_node(t, a);
	push_node(t, b);
}

static uint8_t generic_width(const struct wdx_xtree *t)
{
	return t->x->env->address64 ? WDX_W_64 : WDX_W_32;
}

/* ---- what is pushed ---------------------------------------------------------------------------
 */

static void push_const(struct wdx_xtree *t, uint64_t v)
{
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_CONST);

	n->v32 = (uint32_t)v;
	n->v64 = v;
}

static void op_lit(struct wdx_xtree *t, const struct wdx_op *op)
{
	push_const(t, op->code - (uint64_t)DW_OP_lit0);
}

static void op_const(struct wdx_xtree *t, const struct wdx_op *op)
{
	push_const(t, op->arg[0]);
}

static void op_addrx(struct wdx_xtree *t, const struct wdx_op *op)
{
	uint64_t v = 0;

	if (!wdx_resolve_addrx(t->x->cursor, op->arg[0], &v))
		wdx_xtree_fail(t, WDX_LOSS_BAD_EXPR);
	push_const(t, v);
}

/* Parse takes an unknown type for 32 bits: the caller may know better before emission. */
static void push_entity(struct wdx_xtree *t, uint32_t kind, uint32_t index, uint8_t type)
{
	unsigned need = wdx_xtree_need(t, kind, index, type);
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_ENTITY);

	if (t->loss != WDX_LOSS_NONE)
		return;
	type = t->x->need_type[need];
	n->need = (uint8_t)need;
	n->max = UINT64_MAX;
	n->width = type == WDX_I32	 ? WDX_W_32
		   : type == WDX_I64	 ? WDX_W_64
		   : !type && t->parsing ? WDX_W_32
					 : WDX_W_ANY;
}

static void push_local(struct wdx_xtree *t, uint64_t index)
{
	const struct wdx_wasm_func *f = t->x->func;
	uint8_t type = 0;

	if (f && index <= UINT32_MAX)
		type = wdx_wasm_local_type(t->x->env->wasm, f, (uint32_t)index);
	if (type)
		push_entity(t, WDX_ENT_LOCAL, (uint32_t)index, type);
	else
		wdx_xtree_fail(t, WDX_LOSS_NO_LOCAL);
}

static void push_global(struct wdx_xtree *t, uint64_t index)
{
	const struct wdx_wasm *m = t->x->env->wasm;

	if (index >= m->globals.len) {
		wdx_xtree_fail(t, WDX_LOSS_NO_GLOBAL);
		return;
	}
	if (t->parsing && m->globals.data[index].mutable_)
		t->parsing->innermost = true;
	push_entity(t, WDX_ENT_GLOBAL, (uint32_t)index, m->globals.data[index].type);
}

static void op_wasm(struct wdx_xtree *t, const struct wdx_op *op)
{
	switch (op->arg[0]) {
	case 0:
	case 4: /* LLVM's own number for a local that holds an address */
		push_local(t, op->arg[1]);
		return;
	case 1:
	case 3:
		push_global(t, op->arg[1]);
		return;
	case 2:
		if (op->arg[1] < UINT32_MAX)
			push_entity(t, WDX_ENT_STACK, (uint32_t)op->arg[1], 0);
		else
			wdx_xtree_fail(t, WDX_LOSS_BAD_EXPR);
		return;
	default:
		wdx_xtree_fail(t, WDX_LOSS_UNKNOWN_OP);
	}
}

static void push_native(struct wdx_xtree *t, const struct wdx_op *op, int64_t off)
{
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_NATIVE);

	n->op = op->code;
	n->off = off;
	n->width = generic_width(t);
}

static void op_fbreg(struct wdx_xtree *t, const struct wdx_op *op)
{
	int64_t off = (int64_t)op->arg[0];

	if (t->x->use == WDX_USE_FRAME_BASE || off != (int32_t)off)
		wdx_xtree_fail(t, WDX_LOSS_BAD_EXPR);
	if (t->parsing)
		t->parsing->uses_frame = true;
	push_native(t, op, off);
}

static void op_object(struct wdx_xtree *t, const struct wdx_op *op)
{
	if (t->x->use == WDX_USE_VARIABLE)
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	push_native(t, op, 0);
}

/* ---- linear memory ----------------------------------------------------------------------------
 */

static void reads_memory(struct wdx_xtree *t)
{
	if (t->parsing)
		t->parsing->reads_memory = true;
	if (wdx_target_big_endian(t->x->env->target))
		wdx_xtree_fail(t, WDX_LOSS_BIG_ENDIAN_MEMORY);
}

static uint64_t const_address(const struct wdx_xtree *t, const struct wdx_xnode *n)
{
	return t->x->env->address64 ? n->v64 : n->v32;
}

/* Whether there is a static at that address; wasm-ld marks what it removed with 0, -1 and -2. */
static void check_static(struct wdx_xtree *t, uint64_t address)
{
	uint64_t last = t->x->env->address64 ? UINT64_MAX : UINT32_MAX;

	if (!address || address >= last - 1)
		wdx_xtree_fail(t, WDX_LOSS_DEAD_DATA);
	else if (address >= t->x->env->memory_size)
		wdx_xtree_fail(t, WDX_LOSS_STATIC_OUTSIDE);
}

/* Whether a number can be an address of wasm's: it has that width. */
static bool check_address(struct wdx_xtree *t, uint8_t i)
{
	enum wdx_xwidth wrong = t->x->env->address64 ? WDX_W_32 : WDX_W_64;

	if (!wdx_xtree_number(t, i))
		return false;
	if (t->node[i].width == wrong)
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	wdx_xtree_need(t, WDX_ENT_MEMORY, 0, 0);
	return t->loss == WDX_LOSS_NONE;
}

static struct wdx_xnode *load(struct wdx_xtree *t, uint64_t size, unsigned limit)
{
	uint8_t a = wdx_xtree_pop(t);
	const struct wdx_xnode *address = &t->node[a];
	struct wdx_xnode *n;

	reads_memory(t);
	if (t->loss != WDX_LOSS_NONE)
		return NULL;
	if (!size || size > limit || (size & (size - 1)))
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	if (address->kind == WDX_X_CONST)
		check_static(t, const_address(t, address));
	if (address->kind != WDX_X_NATIVE)
		check_address(t, a);
	n = wdx_xtree_push(t, WDX_X_LOAD);
	n->a = a;
	n->size = (uint8_t)size;
	n->width = generic_width(t);
	return n;
}

/* What the generic type holds, as far as the target's does, too. */
static unsigned load_limit(const struct wdx_xtree *t)
{
	return t->x->env->address64 && t->native64 ? 8 : 4;
}

static void op_deref(struct wdx_xtree *t, const struct wdx_op *op)
{
	(void)op;
	load(t, t->x->env->address64 ? 8 : 4, load_limit(t));
}

static void op_deref_size(struct wdx_xtree *t, const struct wdx_op *op)
{
	load(t, op->arg[0], load_limit(t));
}

/* ---- values with a base type ------------------------------------------------------------------
 */

static void typed(struct wdx_xnode *n, const struct wdx_op *op)
{
	n->src = op;
	n->typed = op->ref;
	if (op->ref)
		n->type = op->arg[op->ref - 1];
}

static void op_deref_type(struct wdx_xtree *t, const struct wdx_op *op)
{
	struct wdx_xnode *n = load(t, op->arg[0], 8);

	if (n)
		typed(n, op);
}

static void op_const_type(struct wdx_xtree *t, const struct wdx_op *op)
{
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_TYPED);

	typed(n, op);
	if (wdx_target_big_endian(t->x->env->target) && op->data_size > 1)
		wdx_xtree_fail(t, WDX_LOSS_BIG_ENDIAN_MEMORY);
}

/* LLVM converts a value to its own type first, which is no wider than the value; so the bits that
 * are not known do not come through.  Back in the generic type the bits above it are wiped out. */
static void op_convert(struct wdx_xtree *t, const struct wdx_op *op)
{
	uint8_t a = wdx_xtree_pop(t);
	struct wdx_xnode x, *n;

	if (t->loss != WDX_LOSS_NONE)
		return;
	x = t->node[a];
	if (!x.typed) {
		if (!wdx_xtree_number(t, a))
			return;
		if (x.width == WDX_W_ANY && x.kind == WDX_X_CONST && (uint32_t)x.v64 != x.v32)
			wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		if (x.width == WDX_W_ANY && !t->native64 && wdx_xtree_max(&x) > UINT32_MAX)
			wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	}
	if (!x.typed && !op->ref) {
		push_node(t, a);
		return;
	}
	if (!op->ref && t->x->env->address64 && !t->native64)
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	n = wdx_xtree_push(t, WDX_X_TYPED);
	n->a = a;
	n->operands = x.width;
	n->width = generic_width(t);
	typed(n, op);
}

static void op_reinterpret(struct wdx_xtree *t, const struct wdx_op *op)
{
	uint8_t a = wdx_xtree_pop(t);

	if (t->loss != WDX_LOSS_NONE)
		return;
	/* generic entries have another size on the target */
	if (!t->node[a].typed || !op->ref) {
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		return;
	}
	struct wdx_xnode *n = wdx_xtree_push(t, WDX_X_TYPED);

	n->a = a;
	typed(n, op);
}

/* ---- one location -----------------------------------------------------------------------------
 */

static void op_nop(struct wdx_xtree *t, const struct wdx_op *op)
{
	(void)t;
	(void)op;
}

static void op_refused(struct wdx_xtree *t, const struct wdx_op *op)
{
	switch (op->code) {
	case DW_OP_reg0 ... DW_OP_regx:
	case DW_OP_bregx:
	case DW_OP_regval_type:
	case DW_OP_GNU_regval_type:
	case DW_OP_call_frame_cfa:
		wdx_xtree_fail(t, WDX_LOSS_NATIVE_REGISTER);
		return;
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
	case DW_OP_GNU_parameter_ref:
		wdx_xtree_fail(t, WDX_LOSS_ENTRY_VALUE);
		return;
	case DW_OP_form_tls_address:
	case DW_OP_GNU_push_tls_address:
		wdx_xtree_fail(t, WDX_LOSS_TLS);
		return;
	case DW_OP_bra:
	case DW_OP_skip:
	case DW_OP_call2:
	case DW_OP_call4:
	case DW_OP_call_ref:
	case DW_OP_GNU_variable_value:
	case DW_OP_xderef:
	case DW_OP_xderef_size:
	case DW_OP_xderef_type:
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		return;
	default:
		wdx_xtree_fail(t, WDX_LOSS_UNKNOWN_OP);
	}
}

typedef void (*handler)(struct wdx_xtree *t, const struct wdx_op *op);

static const handler handlers[256] = {
	[DW_OP_addr] = op_const,
	[DW_OP_deref] = op_deref,
	[DW_OP_const1u... DW_OP_consts] = op_const,
	[DW_OP_dup] = op_dup,
	[DW_OP_drop] = op_drop,
	[DW_OP_over] = op_over,
	[DW_OP_pick] = op_pick,
	[DW_OP_swap] = op_swap,
	[DW_OP_rot] = op_rot,
	[DW_OP_abs] = wdx_xtree_unary,
	[DW_OP_and... DW_OP_mul] = wdx_xtree_binary,
	[DW_OP_neg... DW_OP_not] = wdx_xtree_unary,
	[DW_OP_or... DW_OP_plus] = wdx_xtree_binary,
	[DW_OP_plus_uconst] = wdx_xtree_plus_const,
	[DW_OP_shl... DW_OP_xor] = wdx_xtree_binary,
	[DW_OP_eq... DW_OP_ne] = wdx_xtree_binary,
	[DW_OP_lit0... DW_OP_lit31] = op_lit,
	[DW_OP_fbreg] = op_fbreg,
	[DW_OP_deref_size] = op_deref_size,
	[DW_OP_nop] = op_nop,
	[DW_OP_push_object_address] = op_object,
	[DW_OP_addrx... DW_OP_constx] = op_addrx,
	[DW_OP_const_type] = op_const_type,
	[DW_OP_deref_type] = op_deref_type,
	[DW_OP_convert] = op_convert,
	[DW_OP_reinterpret] = op_reinterpret,
	[WDX_OP_WASM_LOCATION] = op_wasm,
	[DW_OP_GNU_const_type] = op_const_type,
	[DW_OP_GNU_deref_type] = op_deref_type,
	[DW_OP_GNU_convert] = op_convert,
	[DW_OP_GNU_reinterpret] = op_reinterpret,
	[DW_OP_GNU_addr_index... DW_OP_GNU_const_index] = op_addrx,
};

static bool ends(const struct wdx_op *op)
{
	return op->code == DW_OP_piece || op->code == DW_OP_bit_piece ||
	       op->code == DW_OP_stack_value || op->code == DW_OP_implicit_value ||
	       op->code == DW_OP_implicit_pointer || op->code == DW_OP_GNU_implicit_pointer;
}

static const struct wdx_op *op_at(const struct wdx_xtree *t)
{
	return t->next < t->x->nops ? &t->x->ops[t->next] : NULL;
}

static uint8_t value_form(struct wdx_xtree *t, uint8_t root)
{
	const struct wdx_xnode *n = &t->node[root];

	/* a whole entity, or a value with a type, is shown as it is */
	if ((n->kind == WDX_X_ENTITY || n->typed) && t->x->use == WDX_USE_VARIABLE)
		return WDX_FORM_VALUE;
	if (wdx_xtree_number(t, root) && n->kind == WDX_X_CONST && (uint32_t)n->v64 != n->v32)
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	return WDX_FORM_VALUE;
}

static uint8_t memory_form(struct wdx_xtree *t, uint8_t root)
{
	const struct wdx_xnode *n = &t->node[root];

	reads_memory(t);
	if (n->kind == WDX_X_NATIVE)
		return WDX_FORM_NATIVE;
	if (n->kind == WDX_X_CONST) {
		check_static(t, const_address(t, n));
		/* gdb relocates DW_OP_addr only where it stands alone */
		if (!t->x->pieces)
			return WDX_FORM_STATIC;
	}
	check_address(t, root);
	return WDX_FORM_LINEAR;
}

static uint8_t form_of(struct wdx_xtree *t, uint8_t root, bool value)
{
	if (t->x->use == WDX_USE_FRAME_BASE && t->node[root].kind == WDX_X_NATIVE)
		return WDX_FORM_NATIVE;
	if (t->x->use == WDX_USE_FRAME_BASE) {
		check_address(t, root);
		return WDX_FORM_ADDRESS;
	}
	if (value || t->x->use == WDX_USE_VALUE)
		return value_form(t, root);
	return memory_form(t, root);
}

/* Before version 4 there was no DW_OP_stack_value, and LLVM leaves it out: "local 0" may mean the
 * value in the local or the memory it points to, a constant a value or an address.  Only what
 * begins with a static or the frame is a place in memory for certain. */
static bool says_what_it_is(const struct wdx_xtree *t, const struct wdx_op *first)
{
	const struct wdx_cursor *c = t->x->cursor;

	return t->x->use != WDX_USE_VARIABLE || !c || c->unit->version >= 4 ||
	       first->code == DW_OP_addr || first->code == DW_OP_fbreg;
}

static void describe(struct wdx_xtree *t, struct wdx_xseg *seg, const struct wdx_op *first,
		     const struct wdx_op *op)
{
	bool value = op && op->code == DW_OP_stack_value;

	if (!t->depth && !value) {
		seg->form = WDX_FORM_NOTHING;
		return;
	}
	if (!value && !says_what_it_is(t, first)) {
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
		return;
	}
	seg->root = wdx_xtree_pop(t);
	if (t->loss == WDX_LOSS_NONE)
		seg->form = form_of(t, seg->root, value);
}

/* implicit_value and implicit_pointer describe a variable, and that is all they can do. */
static void copied(struct wdx_xtree *t, struct wdx_xseg *seg, const struct wdx_op *op)
{
	if (t->depth)
		wdx_xtree_fail(t, WDX_LOSS_BAD_EXPR);
	if (t->x->use != WDX_USE_VARIABLE)
		wdx_xtree_fail(t, WDX_LOSS_MIXED_EXPR);
	if (wdx_target_big_endian(t->x->env->target) && op->data_size > 1)
		wdx_xtree_fail(t, WDX_LOSS_BIG_ENDIAN_MEMORY);
	seg->form = WDX_FORM_COPY;
	seg->src = op;
}

void wdx_xtree_next(struct wdx_xtree *t, struct wdx_xseg *seg)
{
	const struct wdx_op *op, *first = op_at(t);

	*seg = (struct wdx_xseg){.form = WDX_FORM_NOTHING};
	t->n = t->depth = 0;
	for (; (op = op_at(t)) && !ends(op) && t->loss == WDX_LOSS_NONE; t->next++)
		(handlers[op->code] ? handlers[op->code] : op_refused)(t, op);
	if (t->loss != WDX_LOSS_NONE)
		return;
	if (!op || op->code == DW_OP_stack_value || op->code == DW_OP_piece ||
	    op->code == DW_OP_bit_piece)
		describe(t, seg, first, op);
	else
		copied(t, seg, op);
	if (op && op->code != DW_OP_piece && op->code != DW_OP_bit_piece) {
		t->next++;
		op = op_at(t);
	}
	if (op && op->code != DW_OP_piece && op->code != DW_OP_bit_piece)
		wdx_xtree_fail(t, WDX_LOSS_BAD_EXPR);
	seg->piece = op;
	t->next += op != NULL;
}
