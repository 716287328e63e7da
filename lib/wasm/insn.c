/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <inttypes.h>

#include "base/error.h"
#include "wasm/opcode.h"
#include "wasm/private.h"

enum {
	CONTROL = WDX_INSN_CONTROL,
	EFFECT = WDX_INSN_EFFECT,
	CALL = WDX_INSN_CALL,
	TRAP = WDX_INSN_TRAP,
	LOAD = WDX_INSN_MEMREAD | TRAP,
	STORE = WDX_INSN_MEMWRITE | EFFECT | TRAP,
	ATOMIC = LOAD | STORE,
};

struct op {
	const char *name;
	char imm[5];
	uint8_t arity, flags;
};

#define NO_ARITY 0xff

/* Page 0 for opcodes of one byte, then one for each prefix 0xfb to 0xff. */
#define PAGE(opcode) ((opcode) >> 8 ? ((opcode) >> 8) - 0xfa : 0)

static const struct op ops[6][256] = {
#define OP(opcode, name, imm, arity, flags)                                                        \
	[PAGE(opcode)][(opcode) & 0xff] = {name, imm, arity, flags},
#include "wasm/opcodes.def"
#undef OP
};

/* No instruction has it: for sub-opcodes that do not fit. */
#define NO_OPCODE 0xff

const char wdx_insn_unknown[] = "unknown opcode";

static inline const struct op *find_op(uint16_t opcode)
{
	unsigned page = opcode >> 8;

	if (page && page < 0xfb)
		return NULL;
	return ops[PAGE(opcode)][opcode & 0xff].name ? &ops[PAGE(opcode)][opcode & 0xff] : NULL;
}

const char *wdx_insn_name(uint16_t opcode)
{
	const struct op *op = find_op(opcode);

	return op ? op->name : NULL;
}

bool wdx_insn_arity(uint16_t opcode, unsigned *operands, unsigned *results)
{
	const struct op *op = find_op(opcode);

	if (!op || op->arity == NO_ARITY)
		return false;
	*operands = op->arity >> 4;
	*results = op->arity & 15;
	return true;
}

uint8_t wdx_insn_result(uint8_t opcode)
{
	static const struct {
		uint8_t last, type; /* of opcodes behind the row before */
	} rows[] = {
		{0x27, 0},	 {0x28, WDX_I32}, {0x29, WDX_I64}, {0x2a, WDX_F32}, {0x2b, WDX_F64},
		{0x2f, WDX_I32}, {0x35, WDX_I64}, {0x40, 0},	   {0x41, WDX_I32}, {0x42, WDX_I64},
		{0x43, WDX_F32}, {0x44, WDX_F64}, {0x78, WDX_I32}, {0x8a, WDX_I64}, {0x98, WDX_F32},
		{0xa6, WDX_F64}, {0xab, WDX_I32}, {0xb1, WDX_I64}, {0xb6, WDX_F32}, {0xbb, WDX_F64},
		{0xbc, WDX_I32}, {0xbd, WDX_I64}, {0xbe, WDX_F32}, {0xbf, WDX_F64}, {0xc1, WDX_I32},
		{0xc4, WDX_I64}, {0xff, 0},
	};
	size_t i = 0;

	while (rows[i].last < opcode)
		i++;
	return rows[i].type;
}

static bool is_prefix(uint8_t byte)
{
	return byte >= 0xfb && byte <= 0xfe;
}

static inline uint16_t read_opcode(struct wdx_reader *r)
{
	uint8_t byte = wdx_read_u8(r);
	uint32_t sub;

	if (!is_prefix(byte))
		return byte;
	sub = (uint32_t)wdx_read_uleb(r, 32);
	if (byte == 0xfd && sub >> 8 == 1)
		return (uint16_t)(0xff00 | (sub & 0xff));
	return sub < 0x100 ? (uint16_t)(byte << 8 | sub) : NO_OPCODE;
}

/* The abstract heap types, which are also the short forms of nullable references to them. */
static bool is_heaptype(uint8_t byte)
{
	return byte >= 0x68 && byte <= 0x75;
}

static int64_t read_heaptype(struct wdx_reader *r)
{
	int64_t v = wdx_read_sleb(r, 33);

	if (v < 0 && (v < -64 || !is_heaptype(v & 0x7f)))
		wdx_reader_fail(r, "unknown heap type");
	return r->failed ? 0 : v;
}

/* The rest of a value type after its first byte. */
static uint8_t finish_valtype(struct wdx_reader *r, uint8_t byte)
{
	if ((byte >= WDX_V128 && byte <= WDX_I32) || byte == WDX_FUNCREF || byte == WDX_EXTERNREF)
		return byte;
	if (byte == 0x63 || byte == 0x64)
		read_heaptype(r);
	else if (!is_heaptype(byte))
		wdx_reader_fail(r, "unknown value type");
	return r->failed ? 0 : WDX_REF;
}

uint8_t wdx_wasm_read_valtype(struct wdx_reader *r)
{
	return finish_valtype(r, wdx_read_u8(r));
}

static int64_t read_blocktype(struct wdx_reader *r)
{
	const uint8_t *at = r->pos;
	int64_t v = wdx_read_sleb(r, 33);

	if (v >= 0 || r->failed)
		return v;
	if (r->pos - at != 1)
		wdx_reader_fail(r, "unknown block type");
	else if (*at != 0x40)
		finish_valtype(r, *at);
	return v;
}

/* wdx_read_*leb() take a padded form of any length for 64 bits; wasm does not. */
static uint64_t read_leb64(struct wdx_reader *r, bool is_signed)
{
	const uint8_t *at = r->pos;
	uint64_t v = is_signed ? (uint64_t)wdx_read_sleb(r, 64) : wdx_read_uleb(r, 64);

	if (!r->failed && r->pos - at > 10)
		wdx_reader_fail(r, "LEB128 number is too long");
	return r->failed ? 0 : v;
}

static void put(struct wdx_insn *insn, unsigned *n, uint64_t v)
{
	if (*n < 2)
		insn->imm[(*n)++] = v;
}

static void read_memarg(struct wdx_reader *r, struct wdx_insn *insn, unsigned *n)
{
	uint32_t align = (uint32_t)wdx_read_uleb(r, 32);

	if (align >= 0x80)
		wdx_reader_fail(r, "bad alignment of a memory access");
	put(insn, n, align & 0x40 ? wdx_read_uleb(r, 32) : 0);
	put(insn, n, read_leb64(r, false));
}

static void read_br_table(struct wdx_reader *r, struct wdx_insn *insn, unsigned *n)
{
	uint64_t count = wdx_read_uleb(r, 32), label = 0;

	put(insn, n, count);
	for (uint64_t i = 0; i <= count && !r->failed; i++)
		label = wdx_read_uleb(r, 32);
	put(insn, n, label);
}

static void read_types(struct wdx_reader *r, struct wdx_insn *insn, unsigned *n)
{
	uint64_t count = wdx_read_uleb(r, 32);

	put(insn, n, count);
	for (uint64_t i = 0; i < count && !r->failed; i++)
		put(insn, n, wdx_wasm_read_valtype(r));
}

static void read_catches(struct wdx_reader *r, struct wdx_insn *insn, unsigned *n)
{
	uint64_t count = wdx_read_uleb(r, 32);

	put(insn, n, count);
	for (uint64_t i = 0; i < count && !r->failed; i++) {
		uint8_t kind = wdx_read_u8(r);

		if (kind > 3)
			wdx_reader_fail(r, "unknown kind of catch clause");
		if (kind < 2)
			wdx_read_uleb(r, 32);
		wdx_read_uleb(r, 32);
	}
}

/* What the usual instructions have comes first. */
static inline void read_imm(struct wdx_reader *r, char kind, struct wdx_insn *insn, unsigned *n)
{
	switch (kind) {
	case 'u':
		return put(insn, n, wdx_read_uleb(r, 32));
	case 'i':
		return put(insn, n, (uint32_t)wdx_read_sleb(r, 32));
	case 'm':
		return read_memarg(r, insn, n);
	case 'b':
		return put(insn, n, (uint64_t)read_blocktype(r));
	case 'I':
		return put(insn, n, read_leb64(r, true));
	case 'f':
		return put(insn, n, wdx_read_u32(r));
	case 'v':
		put(insn, n, wdx_read_u64(r));
		/* fall through */
	case 'F':
		return put(insn, n, wdx_read_u64(r));
	case 'l':
		return put(insn, n, wdx_read_u8(r));
	case 'x':
		return wdx_read_skip(r, 1);
	case 'h':
		return put(insn, n, (uint64_t)read_heaptype(r));
	case 't':
		return read_br_table(r, insn, n);
	case 'y':
		return read_types(r, insn, n);
	case 'c':
		return read_catches(r, insn, n);
	}
}

/* Three of four instructions are one byte, or two: an opcode and a small index.  false: it is none
 * of those, and nothing has been read. */
static inline bool decode_short(struct wdx_reader *r, struct wdx_insn *insn)
{
	const struct op *op;

	if (r->end - r->pos < 2)
		return false;
	op = &ops[0][r->pos[0]];
	insn->opcode = r->pos[0];
	insn->flags = op->flags;
	insn->imm[0] = insn->imm[1] = 0;
	insn->size = 1;
	if (op->imm[0] == 'u' && !op->imm[1] && r->pos[1] < 0x80) {
		insn->imm[0] = r->pos[1];
		insn->size = 2;
	} else if (!op->name || op->imm[0]) {
		return false;
	}
	r->pos += insn->size;
	return true;
}

void wdx_insn_decode(struct wdx_reader *r, struct wdx_insn *insn)
{
	const uint8_t *at = r->pos;
	const struct op *op;
	unsigned n = 0;

	if (decode_short(r, insn))
		return;
	insn->opcode = read_opcode(r);
	insn->imm[0] = insn->imm[1] = 0;
	op = find_op(insn->opcode);
	if (r->failed || !op)
		return wdx_reader_fail(r, wdx_insn_unknown);
	insn->flags = op->flags;
	for (const char *kind = op->imm; *kind; kind++)
		read_imm(r, *kind, insn, &n);
	insn->size = (uint32_t)(r->pos - at);
}

static void reader_at(const struct wdx_wasm *m, struct wdx_reader *r, const uint8_t *pos,
		      size_t size)
{
	wdx_reader_init(r, pos, size, (uint64_t)(pos - m->data), false);
}

void wdx_insn_begin(struct wdx_insn_iter *it, const struct wdx_wasm *m,
		    const struct wdx_wasm_func *f)
{
	*it = (struct wdx_insn_iter){.m = m, .f = f, .at = f->code.v};
	reader_at(m, &it->r, m->data + m->code.v + f->code.v, f->end.v - f->code.v);
}

/* Says which opcode was not known; other failures as they are. */
static struct wdx_error *insn_error(const struct wdx_insn_iter *it)
{
	const uint8_t *pos = it->m->data + it->m->code.v + it->at;
	uint64_t at = (uint64_t)(pos - it->m->data);
	struct wdx_reader r;
	uint8_t byte;

	if (it->r.failed != wdx_insn_unknown)
		return wdx_reader_error(&it->r);
	reader_at(it->m, &r, pos, (size_t)(it->r.end - pos));
	byte = wdx_read_u8(&r);
	if (!is_prefix(byte))
		return wdx_bad_input("offset 0x%" PRIx64 ": unknown opcode 0x%02x", at, byte);
	return wdx_bad_input("offset 0x%" PRIx64 ": unknown opcode 0x%02x 0x%02" PRIx64, at, byte,
			     wdx_read_uleb(&r, 32));
}

static bool iter_fail(struct wdx_insn_iter *it)
{
	uint32_t func = it->m->nimported_funcs + (uint32_t)(it->f - it->m->funcs.data);

	it->err = wdx_error_at(insn_error(it), "section 10 (code): function %" PRIu32, func);
	return false;
}

bool wdx_insn_next(struct wdx_insn_iter *it, struct wdx_insn *insn)
{
	if (it->r.pos == it->r.end)
		return false;
	insn->pos.v = it->at;
	wdx_insn_decode(&it->r, insn);
	if (it->r.failed)
		return iter_fail(it);
	it->at += insn->size;
	return true;
}

/* The bytes of a number that no type is too narrow for; 0: it has more than four. */
static inline unsigned leb_size(const uint8_t *p)
{
	return p[0] < 0x80 ? 1 : p[1] < 0x80 ? 2 : p[2] < 0x80 ? 3 : p[3] < 0x80 ? 4 : 0;
}

/* The bytes of one of the usual instructions, of one opcode byte and small immediates; 0: it is
 * another one. */
static inline unsigned usual_size(const struct op *op, const uint8_t *p, size_t left)
{
	enum { LONGEST = 1 + 2 * 4 };
	unsigned n;

	if (left < LONGEST || (op->imm[0] && op->imm[1]))
		return 0;
	switch (op->imm[0]) {
	case 0:
		return op->name ? 1 : 0;
	case 'u':
	case 'i':
	case 'I':
		n = leb_size(p + 1);
		return n ? 1 + n : 0;
	case 'b': /* without results, or with a number */
		return p[1] == 0x40 || (p[1] >= WDX_F64 && p[1] <= WDX_I32) ? 2 : 0;
	case 'm': /* of memory 0 */
		n = p[1] < 0x40 ? leb_size(p + 2) : 0;
		return n ? 2 + n : 0;
	default:
		return 0;
	}
}

struct wdx_error *wdx_insn_scan(const struct wdx_wasm *m, const struct wdx_wasm_func *f,
				uint8_t *kinds)
{
	struct wdx_insn_iter it;
	struct wdx_insn insn;
	struct wdx_reader *r = &it.r;

	wdx_insn_begin(&it, m, f);
	while (r->pos != r->end) {
		const struct op *op = &ops[0][*r->pos];
		unsigned size = usual_size(op, r->pos, wdx_reader_left(r));

		if (size) {
			r->pos += size;
			kinds[it.at] = op->flags | WDX_INSN_START;
			it.at += size;
		} else if (wdx_insn_next(&it, &insn)) {
			kinds[insn.pos.v] = insn.flags | WDX_INSN_START;
		}
	}
	return it.err;
}

void wdx_insn_at(const struct wdx_wasm *m, wdx_codepos pos, struct wdx_insn *insn)
{
	struct wdx_reader r;

	reader_at(m, &r, m->data + m->code.v + pos.v, m->code_size - pos.v);
	insn->pos = pos;
	wdx_insn_decode(&r, insn);
}

const struct wdx_wasm_type *wdx_insn_calls(const struct wdx_wasm *m, wdx_codepos pos)
{
	struct wdx_insn insn;

	wdx_insn_at(m, pos, &insn);
	if (insn.opcode == WDX_WASM_CALL)
		return wdx_wasm_functype(m, (uint32_t)insn.imm[0]);
	if (insn.opcode == WDX_WASM_CALL_INDIRECT && insn.imm[0] < m->types.len)
		return &m->types.data[insn.imm[0]];
	return NULL;
}

void wdx_insn_labels(const struct wdx_wasm *m, const struct wdx_insn *insn, struct wdx_reader *r)
{
	const struct op *op;

	reader_at(m, r, m->data + m->code.v + insn->pos.v, insn->size);
	op = find_op(read_opcode(r));
	if (op && op->imm[0] == 'b')
		read_blocktype(r);
	wdx_read_uleb(r, 32);
}

uint64_t wdx_insn_table_size(const struct wdx_wasm *m, uint32_t pos)
{
	struct wdx_insn insn;

	if (pos >= m->code_size || !(m->kinds[pos] & WDX_INSN_START))
		return 0;
	wdx_insn_at(m, (wdx_codepos){pos}, &insn);
	return insn.opcode == WDX_WASM_BR_TABLE ? insn.imm[0] + 1 : 0;
}
