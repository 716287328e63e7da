/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "native/arch.h"

#include <elf.h>
#include <string.h>

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

#define RISCV_FLAGS 0x5u	 /* EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE */
#define ARM_FLAGS 0x5000200u	 /* EABI 5, soft-float calls; hard ones by the environment */
#define ARM_BE_FLAGS 0x5800200u	 /* and BE8: instructions are little-endian all the same */
#define LOONG_FLAGS 0x43u	 /* object ABI 1, double float */
#define MIPS32_FLAGS 0x70001007u /* 32r2, O32, noreorder, pic, cpic */
#define MIPS64_FLAGS 0x80000007u /* 64r2, N64, noreorder, pic, cpic */

#define RISCV_FEATURES "+m,+a,+f,+d,+c,+v,+zba,+zbb,+zbs"
#define LOONG_FEATURES "+f,+d,+lsx,+lasx"
#define AARCH64_FEATURES "+v8.7a,+fullfp16,+dotprod,+i8mm"
/* clang-format off */
#define X86(name_, triple_, machine_, sp_, pc_, ...)                                               \
	.name = name_, .target = "X86", .triple = triple_, .cpu = "", .features = "",              \
	.machine = machine_, .align = 1, .sp = sp_, .pc = pc_, .show = {__VA_ARGS__}
#define RISCV(name_, triple_, features_)                                                           \
	.name = name_, .target = "RISCV", .triple = triple_, .cpu = "", .features = features_,     \
	.machine = EM_RISCV, .flags = RISCV_FLAGS, .align = 2, .sp = "X2", .no_link = "X0"
#define AARCH64(name_, triple_)                                                                    \
	.name = name_, .target = "AArch64", .triple = triple_, .cpu = "",                          \
	.features = AARCH64_FEATURES, .machine = EM_AARCH64, .align = 4, .sp = "SP",               \
	.zero = "XZR", .show = {{"GPR64sp", 8, 0}, {"FPR128", 16, 0}}, .low = {"GPR32sp"}
#define LOONGARCH(name_, triple_, features_, size_)                                                \
	.name = name_, .target = "LoongArch", .triple = triple_, .cpu = "",                        \
	.features = features_, .machine = EM_LOONGARCH, .flags = LOONG_FLAGS, .align = 4,          \
	.sp = "R3", .no_link = "R0", .show = {{"GPR", size_, 0}, {"FPR64", 8, 0}}
#define ARM(name_, triple_, flags_, align_, func_bit_)                                             \
	.name = name_, .target = "ARM", .triple = triple_, .cpu = "", .features = "+neon",         \
	.machine = EM_ARM, .flags = flags_, .align = align_, .func_bit = func_bit_, .sp = "SP",    \
	.pc = "PC", .show = {{"GPR", 4, 0}, {"DPR", 8, 0}}
#define SPARC(name_, triple_, cpu_, machine_, size_)                                               \
	.name = name_, .target = "Sparc", .triple = triple_, .cpu = cpu_, .features = "",          \
	.machine = machine_, .align = 4, .sp = "O6", .link = "O7",                                 \
	.show = {{"IntRegs", size_, 0}, {"FPRegs", 4, 0}}
#define PPC32(name_, triple_)                                                                      \
	.name = name_, .target = "PowerPC", .triple = triple_, .cpu = "", .features = "+altivec",  \
	.machine = EM_PPC, .align = 4, .sp = "R1",                                                 \
	.show = {{"GPRC", 4, 31}, {"F8RC", 8, 0}, {"VRRC", 16, 0}}
#define PPC64(name_, triple_, flags_)                                                              \
	.name = name_, .target = "PowerPC", .triple = triple_, .cpu = "pwr9", .features = "",      \
	.machine = EM_PPC64, .flags = flags_, .align = 4, .sp = "X1",                              \
	.show = {{"G8RC", 8, 31}, {"F8RC", 8, 0}, {"VRRC", 16, 0}}, .low = {"GPRC"}
#define MIPS32(name_, triple_)                                                                     \
	.name = name_, .target = "Mips", .triple = triple_, .cpu = "mips32r2", .features = "",     \
	.machine = EM_MIPS, .flags = MIPS32_FLAGS, .align = 4, .sp = "SP",                         \
	.show = {{"GPR32", 4, 0}, {"FGR32", 4, 0}}
#define MIPS64(name_, triple_)                                                                     \
	.name = name_, .target = "Mips", .triple = triple_, .cpu = "mips64r2", .features = "",     \
	.machine = EM_MIPS, .flags = MIPS64_FLAGS, .align = 4, .sp = "SP_64",                      \
	.show = {{"GPR64", 8, 0}, {"FGR64", 8, 0}}, .low = {"GPR32"}

const struct wdx_arch wdx_arches[] = {
	{X86("x86_64", "x86_64-unknown-linux-gnu", EM_X86_64, "RSP", "RIP",
	     {"GR64", 8, 15}, {"VR128X", 16, 0}), .low = {"GR32", "GR16"}},
	{X86("i386", "i386-unknown-linux-gnu", EM_386, "ESP", "EIP",
	     {"GR32", 4, 7}, {"VR128", 16, 0}), .low = {"GR16"}},
	{AARCH64("aarch64", "aarch64-unknown-linux-gnu")},
	{AARCH64("aarch64_be", "aarch64_be-unknown-linux-gnu")},
	{RISCV("riscv64", "riscv64-unknown-linux-gnu", "+64bit," RISCV_FEATURES),
	 .show = {{"GPR", 8, 0}, {"FPR64", 8, 0}, {"VR", 0, 0}}},
	{RISCV("riscv32", "riscv32-unknown-linux-gnu", RISCV_FEATURES),
	 .show = {{"GPR", 4, 0}, {"FPR64", 8, 0}, {"VR", 0, 0}}},
	{.name = "s390x", .target = "SystemZ", .triple = "s390x-unknown-linux-gnu", .cpu = "z15",
	 .features = "", .machine = EM_S390, .align = 2, .sp = "R15D",
	 .show = {{"GR64Bit", 8, 0}, {"VR128Bit", 16, 0}, {"FP64Bit", 8, 0}},
	 .low = {"GR32Bit"}},
	{PPC64("powerpc64", "powerpc64-unknown-linux-gnu", 1)},
	{PPC64("powerpc64le", "powerpc64le-unknown-linux-gnu", 2)},
	{PPC32("powerpc", "powerpc-unknown-linux-gnu")},
	{PPC32("powerpcle", "powerpcle-unknown-linux-gnu")},
	{LOONGARCH("loongarch64", "loongarch64-unknown-linux-gnu", "+64bit," LOONG_FEATURES, 8)},
	{LOONGARCH("loongarch32", "loongarch32-unknown-linux-gnu", "+f,+d", 4)},
	{ARM("arm", "armv7a-unknown-linux-gnueabi", ARM_FLAGS, 4, 0)},
	{ARM("armeb", "armebv7a-unknown-linux-gnueabi", ARM_BE_FLAGS, 4, 0)},
	{ARM("thumb", "thumbv7a-unknown-linux-gnueabi", ARM_FLAGS, 2, 1)},
	{ARM("thumbeb", "thumbebv7a-unknown-linux-gnueabi", ARM_BE_FLAGS, 2, 1)},
	{SPARC("sparc", "sparc-unknown-linux-gnu", "v9", EM_SPARC, 4)},
	{SPARC("sparcel", "sparcel-unknown-linux-gnu", "", EM_SPARC, 4)},
	{SPARC("sparcv9", "sparcv9-unknown-linux-gnu", "v9", EM_SPARCV9, 8)},
	{MIPS32("mips", "mips-unknown-linux-gnu")},
	{MIPS32("mipsel", "mipsel-unknown-linux-gnu")},
	{MIPS64("mips64", "mips64-unknown-linux-gnuabi64")},
	{MIPS64("mips64el", "mips64el-unknown-linux-gnuabi64")},
	{.name = NULL},
};
/* clang-format on */

const struct wdx_arch *wdx_arch_find(const char *name)
{
	const struct wdx_arch *a;

	for (a = wdx_arches; a->name; a++)
		if (!strcmp(a->name, name))
			return a;
	return NULL;
}
