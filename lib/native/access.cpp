/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What instructions do, out of LLVM's MC layer.  MC says which operands make an address and which
 * registers are written, but not how many bytes are moved, nor what is a copy: that is in the names
 * of its opcodes only.  Names are looked at once per opcode; what they say is kept in opcodes.
 *
 * Of registers written this rather says too many than too few: an instruction with effects that MC
 * does not list, and that is not known to be harmless here, writes all of them.
 *
 * This keeps its own description of the machine: a target is shared and shows no LLVM to others.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <vector>

#if __has_include("llvm/TargetParser/Triple.h")
#include <llvm/TargetParser/Triple.h>
#else
#include <llvm/ADT/Triple.h>
#endif
#include <llvm/Config/llvm-config.h>
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstrAnalysis.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/raw_ostream.h>

extern "C" {
#include "base/error.h"
#include "native/access.h"
#include "native/arch.h"
#include "native/native.h"
#include "native/shapes.h"
}

using namespace llvm;

enum { NONE = -1, UNASKED = -2 };

/* DWARF numbers */
enum { RAX = 0, RCX = 2, RSI = 4, RDI = 5, RBP = 6, RSP = 7, X87 = 33, X86_FLAGS = 49 };
enum { FP = 29, SP = 31 };

namespace
{
struct mask {
	uint64_t bits[2];

	void add(int n)
	{
		if (n >= 0 && n < 128)
			bits[n / 64] |= UINT64_C(1) << n % 64;
	}
	void add(const mask &m)
	{
		bits[0] |= m.bits[0];
		bits[1] |= m.bits[1];
	}
	bool none() const
	{
		return !bits[0] && !bits[1];
	}
};

struct reg_info {
	int16_t number; /* UNASKED: nothing here is filled yet */
	bool zero, high, x87;
	mask parts; /* the numbers of all registers that share bits with it */
};

struct decoded;
struct rule {
	const char *name; /* LLVM's, of the opcode */
	void (*form)(const decoded &d, wdx_access *out);
	uint8_t width;
	int8_t arg; /* units of the displacement, or a sign */
};

struct opcode_info {
	const rule *r; /* null: none */
	int memory;    /* index of x86's five address operands, of aarch64's base; NONE */
	unsigned traits;
	bool stores;
	mask writes, reads; /* that are not operands */
};
} // namespace

struct wdx_accesses {
	bool x86;
	unsigned align;
	int base_class; /* aarch64's of address registers */
	MCTargetOptions options;
	std::unique_ptr<MCRegisterInfo> regs;
	std::unique_ptr<MCAsmInfo> as;
	std::unique_ptr<MCInstrInfo> insns;
	std::unique_ptr<MCSubtargetInfo> sub;
	std::unique_ptr<MCInstrAnalysis> analysis;
	std::unique_ptr<MCContext> context;
	std::unique_ptr<MCDisassembler> dis;
	std::vector<reg_info> reg_infos;
	std::vector<int16_t> opcodes; /* by opcode: index in opcode_infos, or UNASKED */
	std::vector<opcode_info> opcode_infos;
	wdx_shapes *shapes;
};

namespace
{
struct decoded {
	wdx_accesses &a;
	const MCInst &inst;
	const rule &r;
	int memory;
};
} // namespace

static int find_class(const MCRegisterInfo &regs, const char *name)
{
	for (const MCRegisterClass &c : regs.regclasses())
		if (!strcmp(regs.getRegClassName(&c), name))
			return c.getID();
	return NONE;
}

static bool fill(wdx_accesses &a, const wdx_arch &arch)
{
	std::string ignored;
	/* The back end was registered when the target was made. */
	const Target *llvm = TargetRegistry::lookupTarget(arch.triple, ignored);

	if (!llvm)
		return false;
	a.x86 = !strcmp(arch.target, "X86");
	a.align = arch.align;
	a.regs.reset(llvm->createMCRegInfo(arch.triple));
	a.insns.reset(llvm->createMCInstrInfo());
	a.sub.reset(llvm->createMCSubtargetInfo(arch.triple, arch.cpu, arch.features));
	if (!a.regs || !a.insns || !a.sub)
		return false;
	a.as.reset(llvm->createMCAsmInfo(*a.regs, arch.triple, a.options));
	if (!a.as)
		return false;
	a.analysis.reset(llvm->createMCInstrAnalysis(a.insns.get()));
	a.context.reset(new MCContext(Triple(arch.triple), a.as.get(), a.regs.get(), a.sub.get()));
	a.dis.reset(llvm->createMCDisassembler(*a.sub, *a.context));
	a.base_class = find_class(*a.regs, "GPR64sp");
	a.reg_infos.assign(a.regs->getNumRegs(), reg_info{UNASKED, false, false, false, {}});
	a.opcodes.assign(a.insns->getNumOpcodes(), UNASKED);
	return a.dis && a.analysis;
}

static wdx_access decode(void *arg, const uint8_t *p, size_t n, uint32_t at);

wdx_error *wdx_accesses_create(wdx_accesses **out, const wdx_target *t)
{
	*out = nullptr;
	try {
		std::string name = wdx_target_triple(t);
		const wdx_arch *arch = wdx_arch_find(name.substr(0, name.find('-')).c_str());
		std::unique_ptr<wdx_accesses> a(new wdx_accesses());

		if (!arch || (strcmp(arch->name, "x86_64") && strcmp(arch->name, "aarch64")))
			return nullptr;
		if (!fill(*a, *arch))
			return nullptr;
		a->shapes = wdx_shapes_create(a->x86, decode, a.get());
		if (!a->shapes)
			return &wdx_nomem;
		*out = a.release();
		return nullptr;
	} catch (const std::bad_alloc &) {
		return &wdx_nomem;
	}
}

void wdx_accesses_destroy(wdx_accesses *a)
{
	if (a)
		wdx_shapes_destroy(a->shapes);
	delete a;
}

/* --- registers --- */

static bool is_any_of(const char *s, std::initializer_list<const char *> of)
{
	for (const char *o : of)
		if (!strcmp(s, o))
			return true;
	return false;
}

/* The number that is of reg itself: none of a part, of zero (it shares the stack pointer's), of
 * flags. */
static int own_number(const wdx_accesses &a, MCRegister reg)
{
	int n = (int)a.regs->getDwarfRegNum(reg, false);

	if (n < 0 || n > 127 || (a.x86 && n == X86_FLAGS) ||
	    is_any_of(a.regs->getName(reg), {"XZR", "WZR"}))
		return NONE;
	return n;
}

static void fill_reg(const wdx_accesses &a, MCRegister reg, reg_info *out)
{
	const char *name = a.regs->getName(reg);
	int n = own_number(a, reg);

	out->zero = is_any_of(name, {"XZR", "WZR", "RIZ", "EIZ"});
	out->high = a.x86 && is_any_of(name, {"AH", "BH", "CH", "DH"});
	out->x87 = is_any_of(name, {"FPSW", "FPCW"});
	out->number = (int16_t)n;
	if (out->zero)
		return;
	out->parts.add(n);
	for (MCSuperRegIterator super(reg, a.regs.get()); super.isValid(); ++super) {
		n = own_number(a, *super);
		out->parts.add(n);
		if (out->number < 0)
			out->number = (int16_t)n;
	}
	/* The registers of a list, and what contains them. */
	for (MCSubRegIterator part(reg, a.regs.get()); part.isValid(); ++part)
		for (MCSuperRegIterator super(*part, a.regs.get(), true); super.isValid(); ++super)
			out->parts.add(own_number(a, *super));
}

static const reg_info &reg_of(wdx_accesses &a, MCRegister reg)
{
	unsigned i = reg.id() < a.reg_infos.size() ? reg.id() : 0;
	reg_info &info = a.reg_infos[i];

	if (info.number == UNASKED) {
		info.number = NONE;
		if (i)
			fill_reg(a, reg, &info);
	}
	return info;
}

static const reg_info &reg_at(const decoded &d, unsigned i)
{
	MCRegister reg;

	if (i < d.inst.getNumOperands() && d.inst.getOperand(i).isReg())
		reg = d.inst.getOperand(i).getReg();
	return reg_of(d.a, reg);
}

/* The number of the register that is operand i, or of the one it is a part of. */
static int number_at(const decoded &d, unsigned i)
{
	return reg_at(d, i).number;
}

static bool is_imm(const decoded &d, unsigned i)
{
	return i < d.inst.getNumOperands() && d.inst.getOperand(i).isImm();
}

static int64_t imm_at(const decoded &d, unsigned i)
{
	return is_imm(d, i) ? d.inst.getOperand(i).getImm() : 0;
}

/* --- forms: both --- */

static void does(wdx_access *out, wdx_access_kind kind, unsigned width)
{
	out->kind = (uint8_t)kind;
	out->width = width;
}

static void copy(const decoded &d, wdx_access *out, unsigned from)
{
	if (number_at(d, 0) < 0 || number_at(d, from) < 0)
		return;
	out->result = number_at(d, 0);
	out->src = number_at(d, from);
	does(out, WDX_DO_COPY, d.r.width);
}

static void copy_form(const decoded &d, wdx_access *out)
{
	copy(d, out, 1);
}

static void constant(const decoded &d, wdx_access *out, uint64_t imm, unsigned width)
{
	if (number_at(d, 0) < 0)
		return;
	out->result = number_at(d, 0);
	out->imm = (int64_t)imm;
	does(out, WDX_DO_CONST, width);
}

static void load(const decoded &d, wdx_access *out)
{
	out->width = d.r.width;
	out->load = true;
	if (number_at(d, 0) < 0)
		return;
	out->result = number_at(d, 0);
	out->kind = WDX_DO_LOAD;
}

static void address(const decoded &d, wdx_access *out, unsigned base, uint64_t disp)
{
	out->base = number_at(d, base);
	out->disp = (int64_t)disp;
	out->indexed = false;
	if (number_at(d, 0) < 0 || out->base < 0)
		return;
	out->result = number_at(d, 0);
	does(out, WDX_DO_ADDR, d.r.width);
}

static void binary(const decoded &d, wdx_access *out, int first, int second, int64_t imm)
{
	if (first < 0)
		return;
	out->result = number_at(d, 0);
	out->base = first;
	out->src = second;
	out->imm = imm;
	out->op = (uint8_t)d.r.arg;
	does(out, WDX_DO_BINARY, d.r.width);
}

/* Operands are the result, what is computed with, and what else: a register or a number. */
static void binary_form(const decoded &d, wdx_access *out)
{
	if (number_at(d, 0) >= 0 && (is_imm(d, 2) || number_at(d, 2) >= 0))
		binary(d, out, number_at(d, 1), number_at(d, 2), imm_at(d, 2));
}

static void float_form(const decoded &d, wdx_access *out)
{
	if (number_at(d, 0) < 0)
		return;
	out->result = number_at(d, 0);
	out->op = (uint8_t)d.r.arg;
	does(out, WDX_DO_FLOAT, d.r.width);
}

static void width_form(const decoded &d, wdx_access *out)
{
	out->width = d.r.width;
}

/* --- forms: x86 --- */

/* The five operands base, scale, index, displacement, segment. */
static void x86_address(const decoded &d, unsigned i, wdx_access *out)
{
	if (i + 5 > d.inst.getNumOperands() || !is_imm(d, i + 3) ||
	    !d.inst.getOperand(i + 4).isReg() || d.inst.getOperand(i + 4).getReg())
		return;
	const MCOperand &index = d.inst.getOperand(i + 2);
	bool once = imm_at(d, i + 1) == 1;

	out->base = number_at(d, i);
	out->indexed = index.isReg() && index.getReg() && !reg_at(d, i + 2).zero;
	out->disp = imm_at(d, i + 3);
	/* Which of two registers is called the base is up to the compiler: it is the frame. */
	if (out->indexed && once && number_at(d, i + 2) == RBP && out->base != RSP) {
		out->indexed = d.inst.getOperand(i).isReg() && d.inst.getOperand(i).getReg();
		out->base = RBP;
	}
}

static uint64_t low_bytes(int64_t v, unsigned width)
{
	return width < 8 ? (uint64_t)v & ((UINT64_C(1) << 8 * width) - 1) : (uint64_t)v;
}

/* Four bytes written to a register clear those above. */
static void mov32_imm_form(const decoded &d, wdx_access *out)
{
	constant(d, out, (uint32_t)imm_at(d, 1), 8);
}

static void mov64_imm32_form(const decoded &d, wdx_access *out)
{
	constant(d, out, (uint64_t)(int32_t)imm_at(d, 1), 8);
}

static void mov64_imm_form(const decoded &d, wdx_access *out)
{
	constant(d, out, (uint64_t)imm_at(d, 1), 8);
}

static void xor_form(const decoded &d, wdx_access *out)
{
	unsigned n = d.inst.getNumOperands();

	if (n >= 3 && d.inst.getOperand(n - 1).isReg() && d.inst.getOperand(n - 2).isReg() &&
	    d.inst.getOperand(n - 1).getReg() == d.inst.getOperand(n - 2).getReg())
		constant(d, out, 0, d.r.width);
}

static void xor_register_form(const decoded &d, wdx_access *out)
{
	binary_form(d, out);
	if (out->kind == WDX_DO_BINARY && out->base == out->src) {
		out->base = out->src = NONE;
		constant(d, out, 0, 8);
	}
}

static void binary_rax_form(const decoded &d, wdx_access *out)
{
	if (is_imm(d, 0))
		binary(d, out, RAX, NONE, imm_at(d, 0));
	if (is_imm(d, 0))
		out->result = RAX;
}

static void shift_once_form(const decoded &d, wdx_access *out)
{
	binary(d, out, number_at(d, 1), NONE, 1);
}

static void shift_cl_form(const decoded &d, wdx_access *out)
{
	binary(d, out, number_at(d, 1), RCX, 0);
}

static void x86_load_form(const decoded &d, wdx_access *out)
{
	if (d.memory >= 0)
		load(d, out);
}

/* Zeros go above what is loaded, or copies of its sign: then it is no longer that. */
static void extend_form(const decoded &d, wdx_access *out)
{
	load(d, out);
	does(out, WDX_DO_OTHER, d.r.width);
	if (d.r.arg)
		out->result = NONE;
}

static void x86_store_form(const decoded &d, wdx_access *out)
{
	const reg_info &src = reg_at(d, (unsigned)d.memory + 5);

	out->width = d.r.width;
	if (d.memory < 0 || src.number < 0 || src.high)
		return;
	out->src = src.number;
	out->kind = WDX_DO_STORE;
}

static void x86_store_imm_form(const decoded &d, wdx_access *out)
{
	unsigned i = (unsigned)d.memory + 5;

	out->width = d.r.width;
	if (d.memory < 0 || !is_imm(d, i))
		return;
	out->imm = (int64_t)low_bytes(imm_at(d, i), d.r.width);
	out->kind = WDX_DO_STORE;
}

static void lea_form(const decoded &d, wdx_access *out)
{
	x86_address(d, 1, out);
	if (!out->indexed && out->base != 16) /* relative to rip: to code, not to a value */
		address(d, out, 1, (uint64_t)out->disp);
	else if (out->indexed && !out->disp && imm_at(d, 2) == 1 && number_at(d, 1) >= 0 &&
		 number_at(d, 3) >= 0) {
		out->indexed = false;
		binary(d, out, number_at(d, 1), number_at(d, 3), 0);
	}
}

static void x86_add_form(const decoded &d, wdx_access *out)
{
	if (is_imm(d, 2))
		address(d, out, 1, (uint64_t)imm_at(d, 2) * (uint64_t)(int64_t)d.r.arg);
}

static void add_rax_form(const decoded &d, wdx_access *out)
{
	if (!is_imm(d, 0))
		return;
	out->base = out->result = RAX;
	out->disp = (int32_t)imm_at(d, 0) * (int64_t)d.r.arg;
	does(out, WDX_DO_ADDR, d.r.width);
}

static void moves_rsp(wdx_access *out)
{
	out->writes[0] |= UINT64_C(1) << RSP;
}

static void push(const decoded &d, wdx_access *out)
{
	out->base = NONE; /* what is read, if anything */
	out->disp = 0;
	out->indexed = out->store = false;
	moves_rsp(out);
	does(out, WDX_DO_PUSH, d.r.width);
}

static void push_form(const decoded &d, wdx_access *out)
{
	push(d, out);
}

static void push_reg_form(const decoded &d, wdx_access *out)
{
	push(d, out);
	if (number_at(d, 0) != RSP) /* of which the value before is pushed */
		out->src = number_at(d, 0);
}

static void push_imm_form(const decoded &d, wdx_access *out)
{
	push(d, out);
	out->imm = imm_at(d, 0);
}

static void pop_form(const decoded &d, wdx_access *out)
{
	moves_rsp(out);
	does(out, WDX_DO_POP, d.r.width);
}

static void pop_reg_form(const decoded &d, wdx_access *out)
{
	if (number_at(d, 0) == RSP)
		return;
	pop_form(d, out);
	out->result = number_at(d, 0);
}

static void leave_form(const decoded &, wdx_access *out)
{
	out->base = out->result = RBP;
	out->disp = 8;
	does(out, WDX_DO_LEAVE, 8);
}

/* --- forms: aarch64 --- */

/* or of the zero register, unshifted */
static void orr_form(const decoded &d, wdx_access *out)
{
	if (!reg_at(d, 1).zero || imm_at(d, 3))
		return;
	if (reg_at(d, 2).zero)
		constant(d, out, 0, 8);
	else
		copy(d, out, 2);
}

static void shifted_form(const decoded &d, wdx_access *out)
{
	if (number_at(d, 2) >= 0 && !imm_at(d, 3))
		binary_form(d, out);
}

static void orr_vector_form(const decoded &d, wdx_access *out)
{
	if (number_at(d, 1) == number_at(d, 2))
		copy(d, out, 1);
}

static uint64_t shifted(const decoded &d)
{
	return (uint64_t)imm_at(d, 1) << (imm_at(d, 2) & 63);
}

static void movz_form(const decoded &d, wdx_access *out)
{
	constant(d, out, low_bytes((int64_t)shifted(d), d.r.width), 8);
}

static void movn_form(const decoded &d, wdx_access *out)
{
	constant(d, out, low_bytes((int64_t)~shifted(d), d.r.width), 8);
}

/* The architecture's bitmask immediates N:immr:imms: a run of ones, rotated, in an element that is
 * repeated. */
static uint64_t logical_imm(unsigned code, unsigned width)
{
	unsigned rotate = code >> 6 & 63, ones = code & 63, size = 64;
	unsigned length = (code >> 12 & 1) << 6 | (~ones & 63);
	uint64_t v, all;

	while (size > 1 && !(length & size))
		size /= 2;
	all = size == 64 ? ~UINT64_C(0) : (UINT64_C(1) << size) - 1;
	ones &= size - 1;
	rotate &= size - 1;
	v = (UINT64_C(2) << ones) - 1;
	if (rotate)
		v = (v >> rotate | v << (size - rotate)) & all;
	for (; size < 64; size *= 2)
		v |= v << size;
	return low_bytes((int64_t)v, width);
}

static void logical_form(const decoded &d, wdx_access *out)
{
	if (number_at(d, 0) >= 0 && is_imm(d, 2))
		binary(d, out, number_at(d, 1), NONE,
		       (int64_t)logical_imm((unsigned)imm_at(d, 2), d.r.width));
}

static void orr_imm_form(const decoded &d, wdx_access *out)
{
	if (reg_at(d, 1).zero && is_imm(d, 2))
		constant(d, out, logical_imm((unsigned)imm_at(d, 2), d.r.width), 8);
	else
		logical_form(d, out);
}

static void movi_form(const decoded &d, wdx_access *out)
{
	if (is_imm(d, 1) && !imm_at(d, 1))
		constant(d, out, 0, 16);
}

/* The displacement in units of arg; a register when that is 0. */
static void a64_address(const decoded &d, unsigned base, wdx_access *out)
{
	bool known = d.r.arg && is_imm(d, base + 1);

	out->base = number_at(d, base);
	out->disp = known ? imm_at(d, base + 1) * d.r.arg : 0;
	out->indexed = !known;
	out->width = d.r.width;
	/* As on x86, though the index is the third then. */
	if (!d.r.arg && number_at(d, base + 1) == FP && out->base != SP && !imm_at(d, base + 3))
		out->base = FP;
}

static void ldr_form(const decoded &d, wdx_access *out)
{
	a64_address(d, 1, out);
	load(d, out);
}

static void a64_extend_form(const decoded &d, wdx_access *out)
{
	bool sign = strstr(d.r.name, "RS"); /* LDRSB, LDURSW... */

	a64_address(d, 1, out);
	load(d, out);
	out->kind = WDX_DO_OTHER;
	if (sign)
		out->result = NONE;
}

static void str_form(const decoded &d, wdx_access *out)
{
	a64_address(d, 1, out);
	out->src = number_at(d, 0);
	if (out->src >= 0 || reg_at(d, 0).zero)
		out->kind = WDX_DO_STORE;
}

static void orr_binary_form(const decoded &d, wdx_access *out)
{
	orr_form(d, out);
	if (out->kind == WDX_DO_OTHER)
		shifted_form(d, out);
}

/* The product is added to the zero register. */
static void madd_form(const decoded &d, wdx_access *out)
{
	if (reg_at(d, 3).zero)
		binary_form(d, out);
}

/* Shifts by a number, as moves of a field of bits; arg is the one to the right. */
static void bitfield_form(const decoded &d, wdx_access *out)
{
	int64_t bits = d.r.width * 8, from = imm_at(d, 2), last = imm_at(d, 3);

	if (number_at(d, 0) < 0)
		return;
	if (last == bits - 1)
		binary(d, out, number_at(d, 1), NONE, from);
	else if (last + 1 == from && d.r.arg == WDX_OP_SHR) {
		binary(d, out, number_at(d, 1), NONE, bits - from);
		out->op = WDX_OP_SHL;
	}
}

/* Two registers from or to what lies one behind the other. */
static void pair_form(const decoded &d, wdx_access *out)
{
	a64_address(d, 2, out);
}

/* Operands are the base as written, what is moved, the base as read, by how much it moves. */
static void write_back_form(const decoded &d, wdx_access *out)
{
	unsigned n = d.inst.getNumOperands(), base = n - 2;

	if (n < 4 || !is_imm(d, n - 1))
		return;
	out->width = d.r.width;
	out->base = number_at(d, base);
	out->indexed = false;
	for (unsigned i = 1; i < base; i++)
		if (number_at(d, i) == out->base)
			return;
	address(d, out, base, (uint64_t)imm_at(d, n - 1) * (uint64_t)(int64_t)d.r.arg);
}

static void store_then_move_form(const decoded &d, wdx_access *out)
{
	unsigned n = d.inst.getNumOperands();

	if (n < 4)
		return;
	out->base = number_at(d, n - 2);
	out->indexed = false;
	out->width = d.r.width;
}

static void a64_add_form(const decoded &d, wdx_access *out)
{
	uint64_t by = (uint64_t)imm_at(d, 2) << (imm_at(d, 3) & 63);

	if (is_imm(d, 2))
		address(d, out, 1, by * (uint64_t)(int64_t)d.r.arg);
}

/* --- rules --- */

/* clang-format off */
#define READ_MODIFY_WRITE(op)                                                                      \
	{op "8mr", width_form, 1, 0}, {op "8mi", width_form, 1, 0},                                \
	{op "16mr", width_form, 2, 0}, {op "16mi", width_form, 2, 0},                              \
	{op "16mi8", width_form, 2, 0},                                                            \
	{op "32mr", width_form, 4, 0}, {op "32mi", width_form, 4, 0},                              \
	{op "32mi8", width_form, 4, 0},                                                            \
	{op "64mr", width_form, 8, 0}, {op "64mi32", width_form, 8, 0},                            \
	{op "64mi8", width_form, 8, 0}
#define SCALAR(op, width)                                                                          \
	{op "rm", x86_load_form, width, 0}, {op "mr", x86_store_form, width, 0},                   \
	{"V" op "rm", x86_load_form, width, 0}, {"V" op "mr", x86_store_form, width, 0}
#define VECTOR(op)                                                                                 \
	SCALAR(op, 16),                                                                            \
	{op "rr", copy_form, 16, 0}, {op "rr_REV", copy_form, 16, 0},                              \
	{"V" op "rr", copy_form, 16, 0}, {"V" op "rr_REV", copy_form, 16, 0}
#define BOTH(op, form, width) {op, form, width, 0}, {"V" op, form, width, 0}

#define REGISTERS(name, op)                                                                        \
	{name "32rr", binary_form, 4, op}, {name "32rr_REV", binary_form, 4, op},                  \
	{name "64rr", binary_form, 8, op}, {name "64rr_REV", binary_form, 8, op}
#define IMMEDIATES(name, op)                                                                       \
	{name "32ri8", binary_form, 4, op}, {name "32ri", binary_form, 4, op},                     \
	{name "64ri8", binary_form, 8, op}, {name "64ri32", binary_form, 8, op},                   \
	{name "32i32", binary_rax_form, 4, op}, {name "64i32", binary_rax_form, 8, op}
#define SHIFTS(name, op)                                                                           \
	{name "32ri", binary_form, 4, op}, {name "64ri", binary_form, 8, op},                      \
	{name "32r1", shift_once_form, 4, op}, {name "64r1", shift_once_form, 8, op},              \
	{name "32rCL", shift_cl_form, 4, op}, {name "64rCL", shift_cl_form, 8, op},                \
	{name "X32rr", binary_form, 4, op}, {name "X64rr", binary_form, 8, op}

#define FLOAT(name, rr, rm, width, op)                                                             \
	{name rr, float_form, width, op}, {name rr "_Int", float_form, width, op},                 \
	{name rm, float_form, width, op}, {name rm "_Int", float_form, width, op}
#define FLOATS(name, rr, rm, op)                                                                   \
	FLOAT(name "SS", rr, rm, 4, op), FLOAT("V" name "SS", rr, rm, 4, op),                      \
	FLOAT(name "SD", rr, rm, 8, op), FLOAT("V" name "SD", rr, rm, 8, op)

static const rule x86_rules[] = {
	{"MOV64rr", copy_form, 8, 0}, {"MOV64rr_REV", copy_form, 8, 0},
	{"MOV32rr", copy_form, 4, 0}, {"MOV32rr_REV", copy_form, 4, 0},
	{"MOV32ri", mov32_imm_form, 4, 0}, {"MOV32ri_alt", mov32_imm_form, 4, 0},
	{"MOV64ri32", mov64_imm32_form, 8, 0}, {"MOV64ri", mov64_imm_form, 8, 0},
	{"XOR32rr", xor_register_form, 4, WDX_OP_XOR}, {"XOR32rr_REV", xor_register_form, 4, WDX_OP_XOR},
	{"XOR64rr", xor_register_form, 8, WDX_OP_XOR}, {"XOR64rr_REV", xor_register_form, 8, WDX_OP_XOR},
	REGISTERS("ADD", WDX_OP_ADD), REGISTERS("SUB", WDX_OP_SUB),
	REGISTERS("AND", WDX_OP_AND), REGISTERS("OR", WDX_OP_OR),
	IMMEDIATES("AND", WDX_OP_AND), IMMEDIATES("OR", WDX_OP_OR), IMMEDIATES("XOR", WDX_OP_XOR),
	SHIFTS("SHL", WDX_OP_SHL), SHIFTS("SHR", WDX_OP_SHR), SHIFTS("SAR", WDX_OP_SAR),
	{"IMUL32rr", binary_form, 4, WDX_OP_MUL}, {"IMUL64rr", binary_form, 8, WDX_OP_MUL},
	{"IMUL32rri8", binary_form, 4, WDX_OP_MUL}, {"IMUL32rri", binary_form, 4, WDX_OP_MUL},
	{"IMUL64rri8", binary_form, 8, WDX_OP_MUL}, {"IMUL64rri32", binary_form, 8, WDX_OP_MUL},
	{"CMOV32rr", binary_form, 4, WDX_OP_SELECT}, {"CMOV64rr", binary_form, 8, WDX_OP_SELECT},
	BOTH("XORPSrr", xor_form, 16), BOTH("XORPDrr", xor_form, 16), BOTH("PXORrr", xor_form, 16),
	{"MOV32rm", x86_load_form, 4, 0}, {"MOV64rm", x86_load_form, 8, 0},
	{"MOV8mr", x86_store_form, 1, 0}, {"MOV16mr", x86_store_form, 2, 0},
	{"MOV32mr", x86_store_form, 4, 0}, {"MOV64mr", x86_store_form, 8, 0},
	{"MOV8mi", x86_store_imm_form, 1, 0}, {"MOV16mi", x86_store_imm_form, 2, 0},
	{"MOV32mi", x86_store_imm_form, 4, 0}, {"MOV64mi32", x86_store_imm_form, 8, 0},
	SCALAR("MOVSS", 4), SCALAR("MOVSD", 8),
	FLOATS("ADD", "rr", "rm", WDX_OP_FADD), FLOATS("SUB", "rr", "rm", WDX_OP_FSUB),
	FLOATS("MUL", "rr", "rm", WDX_OP_FMUL), FLOATS("DIV", "rr", "rm", WDX_OP_FDIV),
	FLOATS("SQRT", "r", "m", WDX_OP_FSQRT),
	VECTOR("MOVUPS"), VECTOR("MOVAPS"), VECTOR("MOVUPD"), VECTOR("MOVAPD"),
	VECTOR("MOVDQU"), VECTOR("MOVDQA"),
	BOTH("MOVQI2PQIrm", x86_load_form, 8), BOTH("MOVPQI2QImr", x86_store_form, 8),
	BOTH("MOV64toPQIrm", x86_load_form, 8), BOTH("MOVPQIto64mr", x86_store_form, 8),
	BOTH("MOVDI2PDIrm", x86_load_form, 4), BOTH("MOVPDI2DImr", x86_store_form, 4),
	BOTH("MOVZPQILo2PQIrr", copy_form, 8),
	READ_MODIFY_WRITE("ADD"), READ_MODIFY_WRITE("SUB"), READ_MODIFY_WRITE("AND"),
	READ_MODIFY_WRITE("OR"), READ_MODIFY_WRITE("XOR"),
	{"MOVZX32rm8", extend_form, 1, 0}, {"MOVZX32rm16", extend_form, 2, 0},
	{"MOVZX64rm8", extend_form, 1, 0}, {"MOVZX64rm16", extend_form, 2, 0},
	{"MOVSX32rm8", extend_form, 1, 1}, {"MOVSX32rm16", extend_form, 2, 1},
	{"MOVSX64rm8", extend_form, 1, 1}, {"MOVSX64rm16", extend_form, 2, 1},
	{"MOVSX64rm32", extend_form, 4, 1},
	{"LEA64r", lea_form, 8, 0}, {"LEA64_32r", lea_form, 4, 0},
	{"ADD32ri8", x86_add_form, 4, 1}, {"ADD32ri", x86_add_form, 4, 1},
	{"SUB32ri8", x86_add_form, 4, -1}, {"SUB32ri", x86_add_form, 4, -1},
	{"ADD32i32", add_rax_form, 4, 1}, {"SUB32i32", add_rax_form, 4, -1},
	{"ADD64ri8", x86_add_form, 8, 1}, {"ADD64ri32", x86_add_form, 8, 1},
	{"SUB64ri8", x86_add_form, 8, -1}, {"SUB64ri32", x86_add_form, 8, -1},
	{"ADD64i32", add_rax_form, 8, 1}, {"SUB64i32", add_rax_form, 8, -1},
	{"PUSH64r", push_reg_form, 8, 0}, {"PUSH64rmr", push_reg_form, 8, 0},
	{"PUSH16r", push_reg_form, 2, 0}, {"PUSH16rmr", push_reg_form, 2, 0},
	{"PUSH64i8", push_imm_form, 8, 0}, {"PUSH64i32", push_imm_form, 8, 0},
	{"PUSH16i8", push_imm_form, 2, 0}, {"PUSH16i", push_imm_form, 2, 0},
	{"PUSHi16", push_imm_form, 2, 0},
	{"PUSH64rmm", push_form, 8, 0}, {"PUSH16rmm", push_form, 2, 0},
	{"PUSHF64", push_form, 8, 0}, {"PUSHF16", push_form, 2, 0},
	{"PUSHFS64", push_form, 8, 0}, {"PUSHGS64", push_form, 8, 0},
	{"POP64r", pop_reg_form, 8, 0}, {"POP64rmr", pop_reg_form, 8, 0},
	{"POP16r", pop_form, 2, 0}, {"POP16rmr", pop_form, 2, 0},
	{"POPF64", pop_form, 8, 0}, {"POPF16", pop_form, 2, 0},
	{"POPFS64", pop_form, 8, 0}, {"POPGS64", pop_form, 8, 0},
	{"LEAVE64", leave_form, 8, 0},
	{nullptr, nullptr, 0, 0},
};

#define PLAIN(letter, width)                                                                       \
	{"LDR" letter "ui", ldr_form, width, width}, {"LDUR" letter "i", ldr_form, width, 1},      \
	{"LDR" letter "roX", ldr_form, width, 0}, {"LDR" letter "roW", ldr_form, width, 0},        \
	STORES(letter, width),                                                                     \
	{"LDR" letter "pre", write_back_form, width, 1},                                           \
	{"LDR" letter "post", write_back_form, width, 1}
#define STORES(letter, width)                                                                      \
	{"STR" letter "ui", str_form, width, width}, {"STUR" letter "i", str_form, width, 1},      \
	{"STR" letter "roX", str_form, width, 0}, {"STR" letter "roW", str_form, width, 0},        \
	{"STR" letter "pre", write_back_form, width, 1},                                           \
	{"STR" letter "post", store_then_move_form, width, 1}
#define PAIR(letter, width)                                                                        \
	{"LDP" letter "i", pair_form, 2 * width, width},                                           \
	{"STP" letter "i", pair_form, 2 * width, width},                                           \
	{"LDNP" letter "i", pair_form, 2 * width, width},                                          \
	{"STNP" letter "i", pair_form, 2 * width, width},                                          \
	{"LDP" letter "pre", write_back_form, 2 * width, width},                                   \
	{"LDP" letter "post", write_back_form, 2 * width, width},                                  \
	{"STP" letter "pre", write_back_form, 2 * width, width},                                   \
	{"STP" letter "post", store_then_move_form, 2 * width, width}

#define EXTENDING(to, from, width)                                                                 \
	{"LDR" to from "ui", a64_extend_form, width, width},                                       \
	{"LDUR" to from "i", a64_extend_form, width, 1},                                           \
	{"LDR" to from "roX", a64_extend_form, width, 0},                                          \
	{"LDR" to from "roW", a64_extend_form, width, 0}

#define SHIFTED(name, op) {name "Wrs", shifted_form, 4, op}, {name "Xrs", shifted_form, 8, op}
#define LOGICAL(name, op) {name "Wri", logical_form, 4, op}, {name "Xri", logical_form, 8, op}

static const rule a64_rules[] = {
	{"ORRXrs", orr_binary_form, 8, WDX_OP_OR}, {"ORRWrs", orr_binary_form, 4, WDX_OP_OR},
	SHIFTED("ADD", WDX_OP_ADD), SHIFTED("SUB", WDX_OP_SUB), SHIFTED("AND", WDX_OP_AND),
	SHIFTED("EOR", WDX_OP_XOR),
	LOGICAL("AND", WDX_OP_AND), LOGICAL("EOR", WDX_OP_XOR),
	{"MADDWrrr", madd_form, 4, WDX_OP_MUL}, {"MADDXrrr", madd_form, 8, WDX_OP_MUL},
	{"UBFMWri", bitfield_form, 4, WDX_OP_SHR}, {"UBFMXri", bitfield_form, 8, WDX_OP_SHR},
	{"SBFMWri", bitfield_form, 4, WDX_OP_SAR}, {"SBFMXri", bitfield_form, 8, WDX_OP_SAR},
	{"LSLVWr", binary_form, 4, WDX_OP_SHL}, {"LSLVXr", binary_form, 8, WDX_OP_SHL},
	{"LSRVWr", binary_form, 4, WDX_OP_SHR}, {"LSRVXr", binary_form, 8, WDX_OP_SHR},
	{"ASRVWr", binary_form, 4, WDX_OP_SAR}, {"ASRVXr", binary_form, 8, WDX_OP_SAR},
	{"CSELWr", binary_form, 4, WDX_OP_SELECT}, {"CSELXr", binary_form, 8, WDX_OP_SELECT},
	{"ORRv16i8", orr_vector_form, 16, 0}, {"ORRv8i8", orr_vector_form, 8, 0},
	{"FMOVDr", copy_form, 8, 0}, {"FMOVSr", copy_form, 4, 0},
	{"FADDSrr", float_form, 4, WDX_OP_FADD}, {"FADDDrr", float_form, 8, WDX_OP_FADD},
	{"FSUBSrr", float_form, 4, WDX_OP_FSUB}, {"FSUBDrr", float_form, 8, WDX_OP_FSUB},
	{"FMULSrr", float_form, 4, WDX_OP_FMUL}, {"FMULDrr", float_form, 8, WDX_OP_FMUL},
	{"FDIVSrr", float_form, 4, WDX_OP_FDIV}, {"FDIVDrr", float_form, 8, WDX_OP_FDIV},
	{"FSQRTSr", float_form, 4, WDX_OP_FSQRT}, {"FSQRTDr", float_form, 8, WDX_OP_FSQRT},
	{"MOVZXi", movz_form, 8, 0}, {"MOVZWi", movz_form, 4, 0},
	{"MOVNXi", movn_form, 8, 0}, {"MOVNWi", movn_form, 4, 0},
	{"ORRXri", orr_imm_form, 8, WDX_OP_OR}, {"ORRWri", orr_imm_form, 4, WDX_OP_OR},
	{"MOVIv2d_ns", movi_form, 16, 0}, {"MOVID", movi_form, 8, 0},
	{"MOVIv16b_ns", movi_form, 16, 0}, {"MOVIv8b_ns", movi_form, 8, 0},
	{"MOVIv4i32", movi_form, 16, 0}, {"MOVIv2i32", movi_form, 8, 0},
	PLAIN("W", 4), PLAIN("X", 8), PLAIN("S", 4), PLAIN("D", 8), PLAIN("Q", 16),
	STORES("BB", 1), STORES("HH", 2), STORES("B", 1), STORES("H", 2),
	PAIR("W", 4), PAIR("X", 8), PAIR("S", 4), PAIR("D", 8), PAIR("Q", 16),
	{"ADDXri", a64_add_form, 8, 1}, {"SUBXri", a64_add_form, 8, -1},
	{"ADDWri", a64_add_form, 4, 1}, {"SUBWri", a64_add_form, 4, -1},
	EXTENDING("B", "B", 1), EXTENDING("H", "H", 2),
	EXTENDING("SB", "W", 1), EXTENDING("SB", "X", 1),
	EXTENDING("SH", "W", 2), EXTENDING("SH", "X", 2), EXTENDING("S", "W", 4),
	{nullptr, nullptr, 0, 0},
};
/* clang-format on */

static const rule *find_rule(const wdx_accesses &a, StringRef name)
{
	for (const rule *r = a.x86 ? x86_rules : a64_rules; r->name; r++)
		if (name == r->name)
			return r;
	return nullptr;
}

/* --- what MC does not say of an opcode --- */

enum {
	KNOWN = 1,     /* writes no other registers than MC lists */
	OPAQUE = 2,    /* may write any */
	STOPS = 4,     /* never comes to the next instruction */
	HARMLESS = 8,  /* does not write memory, though MC says that it may */
	FENCE = 16,    /* neither, but is there for memory's sake */
	AT_RDI = 32,   /* writes memory there */
	STRING = 64,   /* rcx, rsi and rdi count */
	COUNTS = 128,  /* rcx does */
	EXTENDS = 256, /* leaves rax as it is, though MC lists it: only rdx is written */
};

namespace
{
struct trait {
	const char *pattern; /* an opcode's name, or its start and a star */
	unsigned traits;
};
} // namespace

/* The first that fits. */
static const trait x86_traits[] = {
	{"LOCK_PREFIX", KNOWN}, /* these are decoded as instructions of their own */
	{"REP_PREFIX", KNOWN},
	{"REPNE_PREFIX", KNOWN},
	{"DATA16_PREFIX", KNOWN},
	{"XACQUIRE_PREFIX", KNOWN},
	{"XRELEASE_PREFIX", KNOWN},
	{"MFENCE", KNOWN | FENCE},
	{"LFENCE", KNOWN | FENCE},
	{"SFENCE", KNOWN | FENCE},
	{"ENDBR*", KNOWN},
	{"PAUSE", KNOWN},
	{"NOOP*", KNOWN | HARMLESS},
	{"PREFETCH*", KNOWN | HARMLESS},
	{"CLFLUSH*", KNOWN | HARMLESS},
	{"CLWB", KNOWN | HARMLESS},
	{"CLDEMOTE", KNOWN | HARMLESS},
	{"LDMXCSR", KNOWN | HARMLESS},
	{"VLDMXCSR", KNOWN | HARMLESS},
	{"STMXCSR", KNOWN},
	{"VSTMXCSR", KNOWN},
	{"MMX_EMMS", KNOWN | HARMLESS},
	{"MMX_MASKMOV*", KNOWN | AT_RDI},
	{"MMX_*", KNOWN},
	{"MASKMOVDQU*", KNOWN | AT_RDI},
	{"VMASKMOVDQU*", KNOWN | AT_RDI},
	{"MOVDIRI*", KNOWN},
	{"FXSAVE*", KNOWN},
	{"XSAVE*", KNOWN},
	{"FXRSTOR*", OPAQUE},
	{"XRSTOR*", OPAQUE},
	{"TRAP", KNOWN | STOPS | HARMLESS},
	{"UD1*", KNOWN | STOPS | HARMLESS},
	{"HLT", KNOWN | STOPS | HARMLESS},
	{"INT3", KNOWN | STOPS | HARMLESS},
	{"IRET*", STOPS},
	{"UIRET", STOPS},
	{"SYSRET*", STOPS},
	{"SYSEXIT*", STOPS},
	{"JMPABS64i", STOPS},
	{"MOVSB", KNOWN | STRING | AT_RDI},
	{"MOVSW", KNOWN | STRING | AT_RDI},
	{"MOVSL", KNOWN | STRING | AT_RDI},
	{"MOVSQ", KNOWN | STRING | AT_RDI},
	{"STOS*", KNOWN | STRING | AT_RDI},
	{"INSB", KNOWN | STRING | AT_RDI},
	{"INSW", KNOWN | STRING | AT_RDI},
	{"INSL", KNOWN | STRING | AT_RDI},
	{"LODS*", KNOWN | STRING | HARMLESS},
	{"SCAS*", KNOWN | STRING | HARMLESS},
	{"CMPSB", KNOWN | STRING | HARMLESS},
	{"CMPSW", KNOWN | STRING | HARMLESS},
	{"CMPSL", KNOWN | STRING | HARMLESS},
	{"CMPSQ", KNOWN | STRING | HARMLESS},
	{"OUTS*", KNOWN | STRING | HARMLESS},
	{"LOOP*", KNOWN | COUNTS},
	{"CWD", KNOWN | EXTENDS},
	{"CDQ", KNOWN | EXTENDS},
	{"CQO", KNOWN | EXTENDS},
	{"PUSHFS64", KNOWN},
	{"PUSHGS64", KNOWN},
	{"POPFS64", KNOWN},
	{"POPGS64", KNOWN},
	{nullptr, 0},
};

static const trait a64_traits[] = {
	{"DMB", KNOWN | FENCE},
	{"DSB*", KNOWN | FENCE},
	{"ISB", KNOWN | FENCE},
	{"SB", KNOWN | FENCE},
	{"TSB", KNOWN | FENCE},
	{"CLREX", KNOWN | FENCE},
	{"HINT", KNOWN | HARMLESS},
	{"PRF*", KNOWN | HARMLESS},
	{"RPRFM", KNOWN | HARMLESS},
	{"WFET", KNOWN | HARMLESS},
	{"WFIT", KNOWN | HARMLESS},
	{"LDX*", KNOWN | HARMLESS},
	{"LDAX*", KNOWN | HARMLESS},
	{"LDAR*", KNOWN | HARMLESS},
	{"LDLAR*", KNOWN | HARMLESS},
	{"ST*", KNOWN},
	{"MSR", KNOWN | HARMLESS},
	{"MSRpstateImm1", KNOWN | HARMLESS},
	{"MSRpstateImm4", KNOWN | HARMLESS},
	{"AXFLAG", KNOWN | HARMLESS},
	{"XAFLAG", KNOWN | HARMLESS},
	{"CFINV", KNOWN | HARMLESS},
	{"RMIF", KNOWN | HARMLESS},
	{"SETF8", KNOWN | HARMLESS},
	{"SETF16", KNOWN | HARMLESS},
	{"BRK", KNOWN | STOPS | HARMLESS},
	{"UDF", KNOWN | STOPS | HARMLESS},
	{"HLT", KNOWN | STOPS | HARMLESS},
	{"DRPS", STOPS},
	{"ERET*", STOPS},
	{nullptr, 0},
};

static bool fits(StringRef name, const char *pattern)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] != '*')
		return name == pattern;
	return name.size() >= n - 1 && !memcmp(name.data(), pattern, n - 1);
}

static unsigned traits_of(const wdx_accesses &a, StringRef name)
{
	for (const trait *t = a.x86 ? x86_traits : a64_traits; t->pattern; t++)
		if (fits(name, t->pattern))
			return t->traits;
	return 0;
}

/* LLVM 14 to 22 spell the lists of implicit definitions and of operands in two ways. */
static mask implicit_writes(wdx_accesses &a, const MCInstrDesc &desc)
{
	mask writes = {};
	bool x87 = false;
	auto add = [&](MCPhysReg reg) {
		writes.add(reg_of(a, reg).parts);
		x87 |= reg_of(a, reg).x87;
	};

#if LLVM_VERSION_MAJOR >= 16
	for (MCPhysReg reg : desc.implicit_defs())
		add(reg);
#else
	for (const MCPhysReg *reg = desc.getImplicitDefs(); reg && *reg; reg++)
		add(*reg);
#endif
	/* A stack of registers: MC names none of them.  Those of MMX share them. */
	for (int i = 0; x87 && i < 16; i++)
		writes.add(X87 + i);
	return writes;
}

static mask implicit_reads(wdx_accesses &a, const MCInstrDesc &desc)
{
	mask reads = {};

#if LLVM_VERSION_MAJOR >= 16
	for (MCPhysReg reg : desc.implicit_uses())
		reads.add(reg_of(a, reg).parts);
#else
	for (const MCPhysReg *reg = desc.getImplicitUses(); reg && *reg; reg++)
		reads.add(reg_of(a, *reg).parts);
#endif
	return reads;
}

static const MCOperandInfo &operand_of(const MCInstrDesc &desc, unsigned i)
{
#if LLVM_VERSION_MAJOR >= 15
	return desc.operands()[i];
#else
	return desc.OpInfo[i];
#endif
}

static bool is_control(const MCInstrDesc &desc)
{
	return desc.isCall() || desc.isBranch() || desc.isReturn();
}

/* Where the address begins among the operands. */
static int find_memory(const wdx_accesses &a, const MCInstrDesc &desc)
{
	for (unsigned i = 0; i < desc.getNumOperands(); i++) {
		const MCOperandInfo &o = operand_of(desc, i);

		if (a.x86 ? o.OperandType == MCOI::OPERAND_MEMORY
			  : i >= desc.getNumDefs() && o.RegClass == a.base_class &&
				    !is_control(desc) &&
				    (desc.mayLoad() || desc.mayStore() ||
				     desc.hasUnmodeledSideEffects()))
			return (int)i;
	}
	return NONE;
}

/* MC misses some stores of x86, those first of all that it has no pattern for, and aarch64's
 * stores with an ordering. */
static bool may_store(const wdx_accesses &a, const MCInstrDesc &desc, const opcode_info &op)
{
	if (op.traits & (HARMLESS | FENCE) || desc.isCall())
		return false;
	if (desc.mayStore() || op.traits & AT_RDI)
		return true;
	if (desc.mayLoad() || is_control(desc) || op.memory < 0)
		return false;
	return a.x86 ? !op.memory : desc.hasUnmodeledSideEffects();
}

static opcode_info look_at(wdx_accesses &a, unsigned opcode)
{
	const MCInstrDesc &desc = a.insns->get(opcode);
	StringRef name = a.insns->getName(opcode);
	opcode_info op = {};

	op.r = find_rule(a, name);
	op.traits = traits_of(a, name);
	op.memory = find_memory(a, desc);
	op.stores = may_store(a, desc, op);
	op.writes = implicit_writes(a, desc);
	op.reads = implicit_reads(a, desc);
	if (desc.hasUnmodeledSideEffects() && !desc.getNumDefs() && op.writes.none() &&
	    !is_control(desc) && !(op.traits & KNOWN))
		op.traits |= OPAQUE;
	if (op.traits & (STRING | COUNTS))
		op.writes.add(RCX);
	if (op.traits & STRING) {
		op.writes.add(RSI);
		op.writes.add(RDI);
	}
	if (op.traits & EXTENDS)
		op.writes.bits[0] &= ~(UINT64_C(1) << RAX);
	if (op.traits & OPAQUE)
		op.writes.bits[0] = op.writes.bits[1] = ~UINT64_C(0);
	return op;
}

static const opcode_info &opcode_of(wdx_accesses &a, unsigned opcode)
{
	int16_t &i = a.opcodes[opcode];

	if (i == UNASKED) {
		a.opcode_infos.push_back(look_at(a, opcode));
		i = (int16_t)(a.opcode_infos.size() - 1);
	}
	return a.opcode_infos[(size_t)i];
}

/* --- the whole --- */

static bool is_stack(const wdx_accesses &a, const wdx_access *out)
{
	if (a.x86)
		return out->kind == WDX_DO_PUSH || out->base == RBP || out->base == RSP;
	return out->base == FP || out->base == SP;
}

static void find_target(wdx_accesses &a, const MCInst &inst, uint32_t at, wdx_access *out,
			bool *direct)
{
	uint64_t target;

	*direct = a.analysis->evaluateBranch(inst, at, out->size, target);
	if (*direct && target < UINT32_MAX)
		out->target = (uint32_t)target;
}

static void describe_control(wdx_accesses &a, const MCInst &inst, const MCInstrDesc &desc,
			     uint32_t at, wdx_access *out)
{
	bool direct = false;

	out->call = desc.isCall();
	if (desc.isCall() || desc.isBranch())
		find_target(a, inst, at, out, &direct);
	out->indirect = desc.isBranch() && !desc.isCall() && !desc.isReturn() && !direct;
	out->falls = out->call || !(desc.isBarrier() || desc.isReturn());
}

static void describe_address(const decoded &d, const opcode_info &op, wdx_access *out)
{
	if (op.traits & AT_RDI) {
		out->base = RDI;
	} else if (op.memory >= 0 && d.a.x86) {
		x86_address(d, (unsigned)op.memory, out);
	} else if (op.memory >= 0) {
		out->base = number_at(d, (unsigned)op.memory);
		out->indexed = true; /* in a way that is not known, unless a form says it */
	}
}

static void describe(wdx_accesses &a, const MCInst &inst, uint32_t at, wdx_access *out)
{
	static const rule no_rule = {nullptr, nullptr, 0, 0};
	const MCInstrDesc &desc = a.insns->get(inst.getOpcode());
	const opcode_info &op = opcode_of(a, inst.getOpcode());
	const decoded d = {a, inst, op.r ? *op.r : no_rule, op.memory};
	mask writes = op.writes, reads = op.reads;

	for (unsigned i = 0; i < inst.getNumOperands(); i++)
		(i < desc.getNumDefs() ? writes : reads).add(reg_at(d, i).parts);
	memcpy(out->writes, writes.bits, sizeof(writes.bits));
	memcpy(out->reads, reads.bits, sizeof(reads.bits));
	out->falls = true;
	if (is_control(desc) || desc.isTerminator() || desc.isBarrier())
		describe_control(a, inst, desc, at, out);
	if (op.traits & STOPS)
		out->falls = false;
	out->leaves = is_control(desc) || desc.isTerminator();
	out->store = op.stores;
	describe_address(d, op, out);
	if (op.r)
		op.r->form(d, out);
	out->writes_memory = (op.stores || op.traits & FENCE) && !is_stack(a, out);
}

static wdx_access decode(void *arg, const uint8_t *p, size_t n, uint32_t at)
{
	wdx_accesses *a = static_cast<wdx_accesses *>(arg);
	wdx_access out = {};
	uint64_t size = 0;
	MCInst inst;

	out.base = out.src = out.result = -1;
	out.target = UINT32_MAX;
	try {
		out.ok = a->dis->getInstruction(inst, size, ArrayRef<uint8_t>(p, n), at, nulls()) ==
				 MCDisassembler::Success &&
			 size;
		out.size = (uint8_t)(out.ok ? size : a->align);
		if (out.ok)
			describe(*a, inst, at, &out);
	} catch (const std::bad_alloc &) {
		out.ok = false;
		out.size = (uint8_t)a->align;
	}
	return out;
}

void wdx_target_decode(wdx_accesses *a, const uint8_t *p, size_t n, uint32_t at, wdx_access *out)
{
	if (n < WDX_SHAPE_BYTES)
		*out = decode(a, p, n, at);
	else
		wdx_shapes_access(a->shapes, p, at, out);
}
