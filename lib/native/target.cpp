/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The only C++: LLVM's MC layer as native.h and decode.h show it.
 *
 * LLVM's libraries are built without exceptions, the C++ library here is not: what can run out of
 * memory is guarded, so that nothing flies into C.
 */
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<llvm/TargetParser/Triple.h>)
#include <llvm/TargetParser/Triple.h>
#else
#include <llvm/ADT/Triple.h>
#endif
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstPrinter.h>
#include <llvm/MC/MCInstrAnalysis.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/SHA256.h>
#include <llvm/Support/xxhash.h>
#include <llvm/Support/raw_ostream.h>

extern "C" {
#include "base/error.h"
#include "native/arch.h"
#include "native/decode.h"
#include "native/native.h"
}

using namespace llvm;

/* --- the back ends that were linked --- */

/* X(NAME) for each; the Makefile defines WDX_LLVM_NAME for what configure found. */
#ifdef WDX_LLVM_X86
#define X86_(X) X(X86)
#else
#define X86_(X)
#endif
#ifdef WDX_LLVM_AArch64
#define AArch64_(X) X(AArch64)
#else
#define AArch64_(X)
#endif
#ifdef WDX_LLVM_RISCV
#define RISCV_(X) X(RISCV)
#else
#define RISCV_(X)
#endif
#ifdef WDX_LLVM_SystemZ
#define SystemZ_(X) X(SystemZ)
#else
#define SystemZ_(X)
#endif
#ifdef WDX_LLVM_ARM
#define ARM_(X) X(ARM)
#else
#define ARM_(X)
#endif
#ifdef WDX_LLVM_PowerPC
#define PowerPC_(X) X(PowerPC)
#else
#define PowerPC_(X)
#endif
#ifdef WDX_LLVM_LoongArch
#define LoongArch_(X) X(LoongArch)
#else
#define LoongArch_(X)
#endif
#ifdef WDX_LLVM_Mips
#define Mips_(X) X(Mips)
#else
#define Mips_(X)
#endif
#ifdef WDX_LLVM_Sparc
#define Sparc_(X) X(Sparc)
#else
#define Sparc_(X)
#endif
#define TARGETS(X)                                                                                 \
	X86_(X)                                                                                    \
	AArch64_(X) RISCV_(X) SystemZ_(X) ARM_(X) PowerPC_(X) LoongArch_(X) Mips_(X) Sparc_(X)

#define DECLARE(name)                                                                              \
	extern "C" void LLVMInitialize##name##TargetInfo(void);                                    \
	extern "C" void LLVMInitialize##name##TargetMC(void);                                      \
	extern "C" void LLVMInitialize##name##Disassembler(void);
TARGETS(DECLARE)

#define ROW(name)                                                                                  \
	{#name, LLVMInitialize##name##TargetInfo, LLVMInitialize##name##TargetMC,                  \
	 LLVMInitialize##name##Disassembler},
static const struct backend {
	const char *name;
	void (*info)(void), (*mc)(void), (*disassembler)(void);
} backends[] = {TARGETS(ROW)};

static const backend *find_backend(const char *name)
{
	for (const backend &b : backends)
		if (!strcmp(b.name, name))
			return &b;
	return nullptr;
}

/* LLVM's registry is a global list without a lock: everything that touches it comes through here.
 * A back end is initialised when first asked for, since all of them together take a while. */
static const Target *registered(const wdx_arch *arch)
{
	static std::mutex lock;
	static bool done[sizeof(backends) / sizeof(*backends)];
	std::lock_guard<std::mutex> guard(lock);
	const backend *b = find_backend(arch->target);
	std::string ignored;

	if (!b)
		return nullptr;
	if (!done[b - backends]) {
		b->info();
		b->mc();
		b->disassembler();
		done[b - backends] = true;
	}
	return TargetRegistry::lookupTarget(arch->triple, ignored);
}

/* --- the handle --- */

namespace
{
struct number { /* what is known of a DWARF number */
	unsigned dwarf;
	MCRegister reg;
	unsigned size;
	bool shown;
	std::string name;
};
} // namespace

struct wdx_target {
	const wdx_arch *arch;
	const Target *llvm;
	std::string triple;
	unsigned address_size, flags;
	int return_address, stack_pointer;
	MCRegister no_link, link;
	std::vector<const MCRegisterClass *> low; /* arch->low */
	MCTargetOptions options;		  /* the assembler's description refers to it */
	std::unique_ptr<MCRegisterInfo> regs;
	std::unique_ptr<MCAsmInfo> as;
	std::unique_ptr<MCInstrInfo> insns;
	std::unique_ptr<MCSubtargetInfo> sub;
	std::unique_ptr<MCInstrAnalysis> analysis;
	std::vector<number> numbers;			/* sorted by dwarf */
	std::vector<const number *> by_number;		/* by dwarf; null: no register */
	std::vector<std::pair<std::string, int>> names; /* sorted, lower case */
	std::vector<uint16_t> shown;
};

static const MCRegisterClass *class_by_name(const MCRegisterInfo &regs, const char *name)
{
	for (const MCRegisterClass &c : regs.regclasses())
		if (name && !strcmp(regs.getRegClassName(&c), name))
			return &c;
	return nullptr;
}

static MCRegister reg_by_llvm_name(const MCRegisterInfo &regs, const char *name)
{
	for (unsigned r = 1; name && r < regs.getNumRegs(); r++)
		if (!strcmp(regs.getName(r), name))
			return r;
	return MCRegister();
}

/* The part of a number's registers that are the low bits of another, such as eax: 0, as rax. */
static int number_of(const wdx_target &t, MCRegister reg)
{
	int n = t.regs->getDwarfRegNum(reg, false);

	if (n >= 0)
		return n;
	for (const MCRegisterClass *low : t.low) {
		if (!low->contains(reg))
			continue;
		for (MCSuperRegIterator super(reg, t.regs.get()); super.isValid(); ++super) {
			n = t.regs->getDwarfRegNum(*super, false);
			if (n >= 0)
				return n;
		}
	}
	return -1;
}

static std::string lower(StringRef s)
{
	return s.lower();
}

/* Enters reg under its number unless one stands there that is shown or contains reg. */
static void add_number(wdx_target &t, MCRegister reg, unsigned size, bool shown)
{
	int n = t.regs->getDwarfRegNum(reg, false);

	if (n < 0)
		return;
	auto at = std::lower_bound(t.numbers.begin(), t.numbers.end(), (unsigned)n,
				   [](const number &a, unsigned b) { return a.dwarf < b; });
	number row = {(unsigned)n, reg, size, shown, lower(t.regs->getName(reg))};

	if (at == t.numbers.end() || at->dwarf != (unsigned)n)
		t.numbers.insert(at, std::move(row));
	else if (!at->shown && t.regs->isSubRegister(reg, at->reg))
		*at = std::move(row);
	else
		return;
	if (shown)
		t.shown.push_back(n);
}

static bool is_named(const wdx_target &t, MCRegister reg, const char *name)
{
	return name && !strcmp(t.regs->getName(reg), name);
}

static void fill_numbers(wdx_target &t)
{
	for (const wdx_reg_class &show : t.arch->show) {
		const MCRegisterClass *c = class_by_name(*t.regs, show.name);

		for (unsigned i = 0; c && i < c->getNumRegs(); i++) {
			MCRegister reg = c->getRegister(i);
			int n = t.regs->getDwarfRegNum(reg, false);

			if (n >= 0 && (!show.last || (unsigned)n <= show.last) &&
			    !is_named(t, reg, t.arch->pc))
				add_number(t, reg, show.size, true);
		}
	}
	std::sort(t.shown.begin(), t.shown.end());
	for (unsigned r = 1; r < t.regs->getNumRegs(); r++)
		add_number(t, r, 0, false);
	t.by_number.resize(t.numbers.empty() ? 0 : t.numbers.back().dwarf + 1);
	for (const number &n : t.numbers)
		t.by_number[n.dwarf] = &n;
}

/* Without the sigil that AT&T and MIPS syntax put before it. */
static StringRef bare(StringRef name)
{
	return name.ltrim("%$");
}

/* Every register goes by LLVM's name for it and by the assembler's (a0 beside X10). */
static void fill_names(wdx_target &t)
{
	std::unique_ptr<MCInstPrinter> printer(
		t.llvm->createMCInstPrinter(Triple(t.arch->triple), 0, *t.as, *t.insns, *t.regs));
	std::vector<std::pair<std::string, int>> spoken;
	MCRegister zero = reg_by_llvm_name(*t.regs, t.arch->zero);

	for (unsigned r = 1; r < t.regs->getNumRegs(); r++) {
		int n = number_of(t, r);

		if (n < 0 || (zero && t.regs->isSubRegisterEq(zero, r)))
			continue;
		t.names.emplace_back(lower(t.regs->getName(r)), n);
		if (!printer)
			continue;
		std::string text;
		raw_string_ostream os(text);
		printer->printRegName(os, r);
		os.flush();
		spoken.emplace_back(lower(bare(text)), n);
	}
	/* Stable, so that LLVM's name comes before another register's spoken one. */
	t.names.insert(t.names.end(), spoken.begin(), spoken.end());
	std::stable_sort(t.names.begin(), t.names.end(),
			 [](const auto &a, const auto &b) { return a.first < b.first; });
}

static bool fill_llvm(wdx_target &t)
{
	const wdx_arch &a = *t.arch;

	t.regs.reset(t.llvm->createMCRegInfo(a.triple));
	if (!t.regs)
		return false;
	t.as.reset(t.llvm->createMCAsmInfo(*t.regs, a.triple, t.options));
	t.insns.reset(t.llvm->createMCInstrInfo());
	t.sub.reset(t.llvm->createMCSubtargetInfo(a.triple, a.cpu, a.features));
	if (!t.as || !t.insns || !t.sub)
		return false;
	t.analysis.reset(t.llvm->createMCInstrAnalysis(t.insns.get()));
	return true;
}

/* The ABIs with addresses of 32 bits on machines of 64. */
static bool is_narrow(const Triple &triple)
{
	Triple::EnvironmentType env = triple.getEnvironment();

	return triple.isX32() || env == Triple::GNUABIN32 || env == Triple::GNUILP32;
}

static void fill_facts(wdx_target &t, const Triple &triple)
{
	const wdx_arch &a = *t.arch;

	t.address_size = is_narrow(triple) ? 4 : t.as->getCodePointerSize();
	t.flags = a.flags;
	if (a.machine == EM_ARM &&
	    triple.getEnvironmentName().str().find("hf") != std::string::npos)
		t.flags ^= 0x600; /* EF_ARM_ABI_FLOAT_SOFT to _HARD */
	if (a.machine == EM_MIPS && t.address_size == 4 && triple.isMIPS64())
		t.flags |= 0x20; /* EF_MIPS_ABI2 */
	t.return_address = t.regs->getDwarfRegNum(t.regs->getRARegister(), false);
	t.stack_pointer = t.regs->getDwarfRegNum(reg_by_llvm_name(*t.regs, a.sp), false);
	t.no_link = reg_by_llvm_name(*t.regs, a.no_link);
	t.link = reg_by_llvm_name(*t.regs, a.link);
	for (const char *low : a.low)
		if (const MCRegisterClass *c = class_by_name(*t.regs, low))
			t.low.push_back(c);
}

static wdx_error *unknown_target(const char *triple)
{
	std::string known;

	for (const wdx_arch *a = wdx_arches; a->name; a++)
		if (find_backend(a->target))
			known += std::string(known.empty() ? "" : ", ") + a->name;
	return wdx_bad_input("target \"%.100s\": unknown architecture; the known ones are %s",
			     triple, known.c_str());
}

/* Rust spells RISC-V's extensions into the architecture (riscv64gc), which LLVM does not read. */
static Triple parse_triple(const std::string &name)
{
	std::string arch = name.substr(0, 7);
	size_t dash = std::min(name.find('-'), name.size());

	if (arch == "riscv64" || arch == "riscv32")
		return Triple(Triple::normalize(arch + name.substr(dash)));
	return Triple(Triple::normalize(name));
}

static wdx_error *create(wdx_target **out, const char *name)
{
	Triple triple = parse_triple(name);
	const wdx_arch *arch =
		wdx_arch_find(Triple::getArchTypeName(triple.getArch()).str().c_str());
	std::unique_ptr<wdx_target> t(new wdx_target());

	if (!arch || !(t->llvm = registered(arch)))
		return unknown_target(name);
	t->arch = arch;
	t->triple = name;
	if (!fill_llvm(*t))
		return wdx_bad_input("target \"%.100s\": LLVM cannot describe it", name);
	fill_facts(*t, triple);
	fill_numbers(*t);
	fill_names(*t);
	*out = t.release();
	return nullptr;
}

wdx_error *wdx_target_create(wdx_target **out, const char *triple)
{
	*out = nullptr;
	try {
		return create(out, triple);
	} catch (const std::bad_alloc &) {
		return &wdx_nomem;
	}
}

void wdx_target_destroy(wdx_target *t)
{
	delete t;
}

/* --- answers --- */

const char *wdx_target_triple(const wdx_target *t)
{
	return t->triple.c_str();
}

bool wdx_target_big_endian(const wdx_target *t)
{
	return !t->as->isLittleEndian();
}

unsigned wdx_target_address_size(const wdx_target *t)
{
	return t->address_size;
}

unsigned wdx_target_elf_machine(const wdx_target *t)
{
	return t->arch->machine;
}

unsigned wdx_target_elf_flags(const wdx_target *t)
{
	return t->flags;
}

unsigned wdx_target_func_bit(const wdx_target *t)
{
	return t->arch->func_bit;
}

unsigned wdx_target_code_align(const wdx_target *t)
{
	return t->arch->align;
}

static int folded(const std::string &a, const char *b)
{
	return strcasecmp(a.c_str(), b);
}

int wdx_target_reg_by_name(const wdx_target *t, const char *name)
{
	if (*name == '%' || *name == '$')
		name++;
	auto at = std::lower_bound(
		t->names.begin(), t->names.end(), name,
		[](const auto &a, const char *b) { return folded(a.first, b) < 0; });

	return at != t->names.end() && !folded(at->first, name) ? at->second : -1;
}

static const number *find_number(const wdx_target *t, unsigned dwarf)
{
	return dwarf < t->by_number.size() ? t->by_number[dwarf] : nullptr;
}

const char *wdx_target_reg_name(const wdx_target *t, unsigned dwarf)
{
	const number *n = find_number(t, dwarf);

	return n ? n->name.c_str() : nullptr;
}

unsigned wdx_target_reg_size(const wdx_target *t, unsigned dwarf)
{
	const number *n = find_number(t, dwarf);

	return n ? n->size : 0;
}

int wdx_target_return_address(const wdx_target *t)
{
	return t->return_address;
}

int wdx_target_stack_pointer(const wdx_target *t)
{
	return t->stack_pointer;
}

const uint16_t *wdx_target_regs(const wdx_target *t, size_t *n)
{
	*n = t->shown.size();
	return t->shown.data();
}

/* --- instructions --- */

struct wdx_decoder {
	const wdx_target *t;
	std::unique_ptr<MCContext> context;
	std::unique_ptr<MCDisassembler> dis;
};

wdx_error *wdx_decoder_create(wdx_decoder **out, const wdx_target *t)
{
	*out = nullptr;
	try {
		std::unique_ptr<wdx_decoder> d(new wdx_decoder());

		d->t = t;
		d->context.reset(new MCContext(Triple(t->arch->triple), t->as.get(), t->regs.get(),
					       t->sub.get()));
		d->dis.reset(t->llvm->createMCDisassembler(*t->sub, *d->context));
		if (d->dis)
			*out = d.release();
		return nullptr;
	} catch (const std::bad_alloc &) {
		return &wdx_nomem;
	}
}

void wdx_decoder_destroy(wdx_decoder *d)
{
	delete d;
}

static bool links_to(const MCInst &inst, MCRegister reg)
{
	return reg && inst.getNumOperands() && inst.getOperand(0).isReg() &&
	       inst.getOperand(0).getReg() == reg;
}

/* RISC-V and LoongArch spell a jump as a call that links to the zero register, SPARC an indirect
 * call as a jump that links. */
static bool is_call(const wdx_target *t, const MCInst &inst, const MCInstrDesc &desc)
{
	if (t->analysis ? !t->analysis->isCall(inst) : !desc.isCall())
		return desc.isTerminator() && links_to(inst, t->link);
	return !links_to(inst, t->no_link);
}

/* On bytes that are no instruction, LLVM's size is a length where lengths are told by the first
 * bits, and a guess on x86. */
static uint32_t skip(const wdx_target *t, uint64_t size)
{
	return t->arch->align == 1 || size < t->arch->align ? t->arch->align : (uint32_t)size;
}

wdx_insn wdx_decode(wdx_decoder *d, const uint8_t *p, size_t n, uint64_t at)
{
	const wdx_target *t = d->t;
	wdx_insn in = {};
	uint64_t size = 0;
	MCInst inst;

	in.ok = d->dis->getInstruction(inst, size, ArrayRef<uint8_t>(p, n), at, nulls()) ==
			MCDisassembler::Success &&
		size;
	if (in.ok) {
		const MCInstrDesc &desc = t->insns->get(inst.getOpcode());

		in.call = is_call(t, inst, desc);
		in.delay_slot = desc.hasDelaySlot();
	}
	in.size = in.ok ? (uint32_t)size : skip(t, size);
	return in;
}

uint64_t wdx_hash64(const void *data, size_t size)
{
	return xxHash64(StringRef(static_cast<const char *>(data), size));
}

void wdx_sha256(const void *data, size_t size, uint8_t digest[32])
{
	std::array<uint8_t, 32> sum =
		SHA256::hash(ArrayRef<uint8_t>(static_cast<const uint8_t *>(data), size));

	memcpy(digest, sum.data(), sum.size());
}
