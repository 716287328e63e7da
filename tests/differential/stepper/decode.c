/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Expressions, decoded once: operands read, base types looked up, indices into .debug_addr
 * resolved.  Written from DWARF 5, section 2.5 and 7.7.1; shares nothing with the translator.
 */
#include "stepper/stepper.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "stepper/expr.h"

struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

static uint64_t fixed(struct cursor *c, unsigned n)
{
	uint64_t v = 0;

	if ((size_t)(c->end - c->p) < n) {
		c->bad = true;
		c->p = c->end;
		return 0;
	}
	memcpy(&v, c->p, n);
	c->p += n;
	return v;
}

static uint64_t leb(struct cursor *c, bool is_signed)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)fixed(c, 1);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && byte & 0x40 && shift < 64)
		v |= ~UINT64_C(0) << shift;
	return v;
}

static uint64_t sign(uint64_t v, unsigned bytes)
{
	unsigned shift = 64 - 8 * bytes;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

/* How operands are encoded, by letter: 1248 unsigned, abcd signed of 1 2 4 8 bytes, u s LEB128,
 * A address, B block of a bytes, b block with a one-byte length, T type, X index of an address. */
const struct op_name op_names[256] = {
#define OP(name, args) [DW_OP_##name] = {#name, args}
	OP(addr, "A"),
	OP(deref, ""),
	OP(const1u, "1"),
	OP(const1s, "a"),
	OP(const2u, "2"),
	OP(const2s, "b"),
	OP(const4u, "4"),
	OP(const4s, "c"),
	OP(const8u, "8"),
	OP(const8s, "d"),
	OP(constu, "u"),
	OP(consts, "s"),
	OP(dup, ""),
	OP(drop, ""),
	OP(over, ""),
	OP(pick, "1"),
	OP(swap, ""),
	OP(rot, ""),
	OP(abs, ""),
	OP(and, ""),
	OP(div, ""),
	OP(minus, ""),
	OP(mod, ""),
	OP(mul, ""),
	OP(neg, ""),
	OP(not, ""),
	OP(or, ""),
	OP(plus, ""),
	OP(plus_uconst, "u"),
	OP(shl, ""),
	OP(shr, ""),
	OP(shra, ""),
	OP(xor, ""),
	OP(bra, "b"),
	OP(skip, "b"),
	OP(eq, ""),
	OP(ge, ""),
	OP(gt, ""),
	OP(le, ""),
	OP(lt, ""),
	OP(ne, ""),
	[DW_OP_lit0... DW_OP_lit31] = {"lit", ""},
	[DW_OP_reg0... DW_OP_reg31] = {"reg", ""},
	[DW_OP_breg0... DW_OP_breg31] = {"breg", "s"},
	OP(regx, "u"),
	OP(fbreg, "s"),
	OP(bregx, "us"),
	OP(piece, "u"),
	OP(deref_size, "1"),
	OP(nop, ""),
	OP(push_object_address, ""),
	OP(call_frame_cfa, ""),
	OP(bit_piece, "uu"),
	OP(implicit_value, "B"),
	OP(stack_value, ""),
	OP(addrx, "X"),
	OP(constx, "X"),
	OP(entry_value, "B"),
	OP(const_type, "TL"),
	OP(regval_type, "uT"),
	OP(deref_type, "1T"),
	OP(convert, "T"),
	OP(reinterpret, "T"),
	OP(form_tls_address, ""),
	OP(GNU_push_tls_address, ""),
	OP(GNU_entry_value, "B"),
	OP(GNU_const_type, "TL"),
	OP(GNU_regval_type, "uT"),
	OP(GNU_deref_type, "1T"),
	OP(GNU_convert, "T"),
	OP(GNU_reinterpret, "T"),
	OP(GNU_addr_index, "X"),
	OP(GNU_const_index, "X"),
	[OP_WASM] = {"WASM_location", "W"},
#undef OP
};

static bool indexed_address(const struct unit *u, uint64_t i, uint64_t *out)
{
	const struct bytes *s = &u->side->addr;
	uint64_t at;

	if (__builtin_mul_overflow(i, (uint64_t)u->address_size, &at) ||
	    __builtin_add_overflow(at, u->addr_base, &at) || at > s->size ||
	    s->size - at < u->address_size)
		return false;
	*out = 0;
	memcpy(out, s->data + at, u->address_size);
	return true;
}

static const struct base_type *find_type(const struct unit *u, uint64_t offset)
{
	struct base_type *t;
	Dwarf_Die die;
	Dwarf_Attribute a;
	Dwarf_Word size, encoding;

	if (!dwarf_offdie(u->side->dwarf, u->offset + offset, &die) ||
	    dwarf_tag(&die) != DW_TAG_base_type ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_byte_size, &a), &size) ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_encoding, &a), &encoding) || !size || size > 8)
		return NULL;
	t = xalloc(sizeof(*t));
	t->size = (uint8_t)size;
	t->encoding = (uint8_t)encoding;
	return t;
}

static void block(struct cursor *c, struct op *o, uint64_t size)
{
	if (size > (uint64_t)(c->end - c->p)) {
		c->bad = true;
		return;
	}
	o->a = size;
	o->data = c->p;
	c->p += size;
}

static const char *read_type(const struct unit *u, struct cursor *c, struct op *o)
{
	uint64_t offset = leb(c, false);

	if (!offset)
		return NULL; /* the generic type */
	o->type = find_type(u, offset);
	return o->type ? NULL : "a base type that is none, or of more than 8 bytes";
}

static void wasm_operands(struct cursor *c, struct op *o)
{
	o->a = leb(c, false);
	o->b = o->a == 3 ? fixed(c, 4) : leb(c, false);
}

static const char *operand(const struct unit *u, struct cursor *c, struct op *o, char how,
			   uint64_t *v)
{
	switch (how) {
	case '1':
	case '2':
	case '4':
	case '8':
		*v = fixed(c, (unsigned)(how - '0'));
		break;
	case 'a':
	case 'b':
	case 'c':
	case 'd':
		*v = sign(fixed(c, 1u << (how - 'a')), 1u << (how - 'a'));
		break;
	case 'u':
	case 's':
		*v = leb(c, how == 's');
		break;
	case 'A':
		*v = fixed(c, u->address_size);
		break;
	case 'X':
		return indexed_address(u, leb(c, false), v) ? NULL : "an address index";
	case 'B':
		block(c, o, leb(c, false));
		break;
	case 'L':
		block(c, o, fixed(c, 1));
		break;
	case 'W':
		wasm_operands(c, o);
		break;
	default:
		return read_type(u, c, o);
	}
	return NULL;
}

/* One operation; the reason why not. */
static const char *decode_op(const struct unit *u, struct cursor *c, struct op *o)
{
	const struct op_name *n;
	const char *why = NULL;
	uint64_t *v = &o->a;

	memset(o, 0, sizeof(*o));
	o->code = (uint8_t)fixed(c, 1);
	n = &op_names[o->code];
	if (!n->name)
		return "an unknown operation";
	for (const char *how = n->operands; *how && !why; how++) {
		why = operand(u, c, o, *how, v);
		if (*how != 'T')
			v = &o->b;
	}
	return c->bad ? "operands are cut off" : why;
}

struct expr *expr_decode(const struct unit *u, const uint8_t *bytes, size_t size)
{
	struct expr *e =
		xalloc(sizeof(*e) + size * sizeof(e->op[0])); /* an op has a byte at least */
	struct cursor c = {bytes, bytes + size, false};

	e->bytes = bytes;
	e->size = size;
	while (c.p < c.end && !e->bad)
		e->bad = decode_op(u, &c, &e->op[e->n++]);
	return e;
}

static void print_op(const struct op *o, FILE *f)
{
	const struct op_name *n = &op_names[o->code];

	if (!n->name) {
		fprintf(f, "op%#x", o->code);
		return;
	}
	fputs(n->name, f);
	if (o->code >= DW_OP_lit0 && o->code <= DW_OP_lit31)
		fprintf(f, "%d", o->code - DW_OP_lit0);
	if (o->code >= DW_OP_reg0 && o->code <= DW_OP_reg31)
		fprintf(f, "%d", o->code - DW_OP_reg0);
	if (o->code >= DW_OP_breg0 && o->code <= DW_OP_breg31)
		fprintf(f, "%d", o->code - DW_OP_breg0);
	for (const char *how = n->operands; *how; how++) {
		uint64_t v = how == n->operands ? o->a : o->b;

		if (*how == 'T')
			fprintf(f, " %s%u", o->type ? "type" : "generic",
				o->type ? 8u * o->type->size : 0);
		else if (*how == 's' || (*how >= 'a' && *how <= 'd'))
			fprintf(f, " %lld", (long long)v);
		else if (*how == 'W')
			fprintf(f, " %llu %llu", (unsigned long long)o->a,
				(unsigned long long)o->b);
		else
			fprintf(f, " %#llx", (unsigned long long)v);
	}
}

void expr_print(const struct expr *e, FILE *f)
{
	if (!e) {
		fputs("none", f);
		return;
	}
	for (size_t i = 0; i < e->n; i++) {
		if (i)
			fputs(", ", f);
		print_op(&e->op[i], f);
	}
	if (e->bad)
		fprintf(f, " (%s)", e->bad);
}
