/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Memory operands out of LLVM's MC layer.  MC says which operands make an address, but not how many
 * bytes are moved: that is in the names of its opcodes only.
 *
 * This keeps its own description of the machine: a target is shared and shows no LLVM to others.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
}

using namespace llvm;

struct wdx_accesses {
	bool x86;
	unsigned align;
	MCTargetOptions options;
	std::unique_ptr<MCRegisterInfo> regs;
	std::unique_ptr<MCAsmInfo> as;
	std::unique_ptr<MCInstrInfo> insns;
	std::unique_ptr<MCSubtargetInfo> sub;
	std::unique_ptr<MCContext> context;
	std::unique_ptr<MCDisassembler> dis;
	std::vector<int16_t> numbers; /* by register, as looked up; UNASKED before */
	std::vector<int16_t> moves;   /* by opcode: index in moves[], NONE, or UNASKED */
};

enum { NONE = -1, UNASKED = -2 };

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
	a.context.reset(new MCContext(Triple(arch.triple), a.as.get(), a.regs.get(), a.sub.get()));
	a.dis.reset(llvm->createMCDisassembler(*a.sub, *a.context));
	a.numbers.assign(a.regs->getNumRegs(), UNASKED);
	a.moves.assign(a.insns->getNumOpcodes(), UNASKED);
	return a.dis != nullptr;
}

wdx_error *wdx_accesses_create(wdx_accesses **out, const wdx_target *t)
{
	*out = nullptr;
	try {
		std::string name = wdx_target_triple(t);
		const wdx_arch *arch = wdx_arch_find(name.substr(0, name.find('-')).c_str());
		std::unique_ptr<wdx_accesses> a(new wdx_accesses());

		if (!arch || (strcmp(arch->name, "x86_64") && strcmp(arch->name, "aarch64")))
			return nullptr;
		if (fill(*a, *arch))
			*out = a.release();
		return nullptr;
	} catch (const std::bad_alloc &) {
		return &wdx_nomem;
	}
}

void wdx_accesses_destroy(wdx_accesses *a)
{
	delete a;
}

/* --- registers --- */

static int find_number(const wdx_accesses &a, MCRegister reg)
{
	int n = a.regs->getDwarfRegNum(reg, false);

	if (n >= 0)
		return n;
	for (MCSuperRegIterator super(reg, a.regs.get()); super.isValid(); ++super) {
		n = a.regs->getDwarfRegNum(*super, false);
		if (n >= 0)
			return n;
	}
	return NONE;
}

/* The number of reg or of the register it is a part of. */
static int number_of(wdx_accesses &a, MCRegister reg)
{
	unsigned i = reg;

	if (!i || i >= a.numbers.size())
		return NONE;
	if (a.numbers[i] == UNASKED)
		a.numbers[i] = (int16_t)find_number(a, reg);
	return a.numbers[i];
}

static uint64_t bit_of(wdx_accesses &a, MCRegister reg)
{
	int n = number_of(a, reg);

	return n >= 0 && n < 64 ? UINT64_C(1) << n : 0;
}

/* LLVM 14 to 22 spell the list of implicit definitions in two ways. */
static uint64_t implicit_writes(wdx_accesses &a, const MCInstrDesc &desc)
{
	uint64_t writes = 0;

#if LLVM_VERSION_MAJOR >= 16
	for (MCPhysReg reg : desc.implicit_defs())
		writes |= bit_of(a, reg);
#else
	for (const MCPhysReg *reg = desc.getImplicitDefs(); reg && *reg; reg++)
		writes |= bit_of(a, *reg);
#endif
	return writes;
}

static uint64_t writes_of(wdx_accesses &a, const MCInst &inst, const MCInstrDesc &desc)
{
	uint64_t writes = implicit_writes(a, desc);

	for (unsigned i = 0; i < desc.getNumDefs() && i < inst.getNumOperands(); i++)
		if (inst.getOperand(i).isReg())
			writes |= bit_of(a, inst.getOperand(i).getReg());
	return writes;
}

/* --- x86 --- */

static bool is_memory(const MCInstrDesc &desc, unsigned i)
{
#if LLVM_VERSION_MAJOR >= 15
	return desc.operands()[i].OperandType == MCOI::OPERAND_MEMORY;
#else
	return desc.OpInfo[i].OperandType == MCOI::OPERAND_MEMORY;
#endif
}

/* The base of the five operands base, scale, index, displacement, segment. */
static void x86_address(wdx_accesses &a, const MCInst &inst, const MCInstrDesc &desc,
			wdx_access *out)
{
	unsigned i = 0;

	while (i < desc.getNumOperands() && !is_memory(desc, i))
		i++;
	if (i + 5 > desc.getNumOperands() || i + 5 > inst.getNumOperands())
		return;
	const MCOperand &base = inst.getOperand(i), &index = inst.getOperand(i + 2);
	const MCOperand &disp = inst.getOperand(i + 3), &segment = inst.getOperand(i + 4);

	if (!base.isReg() || !index.isReg() || !disp.isImm() || !segment.isReg() ||
	    segment.getReg())
		return;
	out->base = number_of(a, base.getReg());
	out->indexed = index.getReg() != 0;
	out->disp = disp.getImm();
}

/* --- aarch64 --- */

static bool starts_with(StringRef s, const char *with)
{
	return !strncmp(s.data(), with, strlen(with));
}

static bool ends_with(StringRef s, const char *with)
{
	size_t n = strlen(with);

	return s.size() >= n && !strcmp(s.data() + s.size() - n, with);
}

/* Of the plain forms, which have the base behind the one register moved; the immediate of those
 * called ...ui counts in units of the width. */
static void aarch64_address(wdx_accesses &a, const MCInst &inst, wdx_access *out)
{
	StringRef name = a.insns->getName(inst.getOpcode());
	bool plain = starts_with(name, "LDR") || starts_with(name, "LDUR") ||
		     starts_with(name, "STR") || starts_with(name, "STUR");

	if (!plain || ends_with(name, "pre") || ends_with(name, "post") ||
	    inst.getNumOperands() < 3 || !inst.getOperand(0).isReg() || !inst.getOperand(1).isReg())
		return;
	out->base = number_of(a, inst.getOperand(1).getReg());
	out->indexed = !out->width || !inst.getOperand(2).isImm();
	if (!out->indexed)
		out->disp = inst.getOperand(2).getImm() * (ends_with(name, "ui") ? out->width : 1);
}

/* --- moves --- */

namespace
{
struct plain_move {
	const char *name; /* LLVM's, of the opcode */
	unsigned width;
	bool store;
};
} // namespace

#define READ_MODIFY_WRITE(op)                                                                      \
	{op "32mr", 4, true}, {op "64mr", 8, true}, {op "32mi", 4, true}, {op "32mi8", 4, true},   \
		{op "64mi8", 8, true},                                                             \
	{                                                                                          \
		op "64mi32", 8, true                                                               \
	}
#define VECTOR(op)                                                                                 \
	{op "rm", 16, false}, {op "mr", 16, true}, {"V" op "rm", 16, false},                       \
	{                                                                                          \
		"V" op "mr", 16, true                                                              \
	}
#define SCALAR(op, width)                                                                          \
	{op "rm", width, false}, {op "mr", width, true}, {"V" op "rm", width, false},              \
	{                                                                                          \
		"V" op "mr", width, true                                                           \
	}
#define PLAIN(letter, width)                                                                       \
	{"LDR" letter "ui", width, false}, {"LDUR" letter "i", width, false},                      \
		{"STR" letter "ui", width, true},                                                  \
	{                                                                                          \
		"STUR" letter "i", width, true                                                     \
	}

static const plain_move moves[] = {
	{"MOV32rm", 4, false},
	{"MOV64rm", 8, false},
	{"MOV32mr", 4, true},
	{"MOV64mr", 8, true},
	{"MOV32mi", 4, true},
	{"MOV64mi32", 8, true},
	SCALAR("MOVSS", 4),
	SCALAR("MOVSD", 8),
	VECTOR("MOVUPS"),
	VECTOR("MOVAPS"),
	VECTOR("MOVUPD"),
	VECTOR("MOVAPD"),
	VECTOR("MOVDQU"),
	VECTOR("MOVDQA"),
	READ_MODIFY_WRITE("ADD"),
	READ_MODIFY_WRITE("SUB"),
	READ_MODIFY_WRITE("AND"),
	READ_MODIFY_WRITE("OR"),
	READ_MODIFY_WRITE("XOR"),
	PLAIN("W", 4),
	PLAIN("X", 8),
	PLAIN("S", 4),
	PLAIN("D", 8),
	PLAIN("Q", 16),
};

static int find_move(StringRef name)
{
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++)
		if (name == moves[i].name)
			return (int)i;
	return NONE;
}

static const plain_move *move_of(wdx_accesses &a, unsigned opcode)
{
	int16_t &i = a.moves[opcode];

	if (i == UNASKED)
		i = (int16_t)find_move(a.insns->getName(opcode));
	return i == NONE ? nullptr : &moves[i];
}

/* --- the whole --- */

/* Stack and frame pointers; pushes have no base. */
static bool is_stack(const wdx_accesses &a, int base)
{
	return a.x86 ? base < 0 || base == 6 || base == 7 : base == 29 || base == 31;
}

static void describe(wdx_accesses &a, const MCInst &inst, wdx_access *out)
{
	const MCInstrDesc &desc = a.insns->get(inst.getOpcode());
	const plain_move *m = nullptr;

	out->leaves = desc.isCall() || desc.isBranch() || desc.isReturn() || desc.isTerminator();
	out->writes = writes_of(a, inst, desc);
	if (desc.mayLoad() || desc.mayStore())
		m = move_of(a, inst.getOpcode());
	out->load = m && !m->store;
	out->store = m && m->store;
	out->width = m ? m->width : 0;
	if (a.x86)
		x86_address(a, inst, desc, out);
	else
		aarch64_address(a, inst, out);
	out->writes_memory = desc.mayStore() && !desc.isCall() && !is_stack(a, out->base);
	if (out->load && inst.getOperand(0).isReg())
		out->result = number_of(a, inst.getOperand(0).getReg());
	if (out->result > 63)
		out->result = -1;
}

wdx_access wdx_target_mem_access(wdx_accesses *a, const uint8_t *p, size_t n)
{
	wdx_access out = {};
	uint64_t size = 0;
	MCInst inst;

	out.base = out.result = -1;
	out.ok = a->dis->getInstruction(inst, size, ArrayRef<uint8_t>(p, n), 0, nulls()) ==
			 MCDisassembler::Success &&
		 size;
	out.size = out.ok ? (uint32_t)size : a->align;
	if (out.ok)
		describe(*a, inst, &out);
	return out;
}
