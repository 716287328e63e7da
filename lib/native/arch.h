/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What LLVM does not tell of an architecture, or not the way it is wanted here: one constant row
 * per architecture.  Private to native/.
 */
#ifndef WDX_NATIVE_ARCH_H
#define WDX_NATIVE_ARCH_H

#include <stddef.h>
#include <stdint.h>

/* One of LLVM's register classes. */
struct wdx_reg_class {
	const char *name;
	unsigned size; /* of a register in bytes; 0: depends on the machine */
	unsigned last; /* registers with a higher DWARF number are left out; 0: none are */
};

struct wdx_arch {
	const char *name;   /* as llvm::Triple::getArchTypeName() says it */
	const char *target; /* LLVM's name of the back end */
	/* What LLVM is asked for instead of the caller's triple.  Registers and instructions do
	 * not depend on vendor, system and environment, but LLVM aborts on some odd mixtures. */
	const char *triple;
	const char *cpu, *features;   /* the most permissive set, for the disassembler */
	unsigned machine, flags;      /* EM_*, e_flags */
	unsigned align;		      /* of instructions, in bytes */
	unsigned func_bit;	      /* set in the values of functions' symbols */
	const char *sp, *pc;	      /* LLVM's names; pc only where it is in a class below */
	const char *zero;	      /* reads as zero, shares its number with another; or NULL */
	const char *no_link;	      /* as the link register it makes a call a jump; or NULL */
	const char *link;	      /* as the link register it makes a jump a call; or NULL */
	struct wdx_reg_class show[3]; /* the widest first where they share numbers */
	const char *low[2];	      /* classes of low parts that have no number themselves */
};

/* The row of that name, or NULL. */
const struct wdx_arch *wdx_arch_find(const char *name);

/* All rows; the one behind the last has no name. */
extern const struct wdx_arch wdx_arches[];

#endif
