/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * ELF on both ends: named sections wrapped as an in-memory file for libdw, and the side-car.
 */
#ifndef WDX_ELF_H
#define WDX_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wdx_error.h"

struct wdx_section { /* a named piece of bytes, borrowed */
	const char *name;
	const uint8_t *data;
	size_t size;
};

/* An ELF relocatable file (EM_NONE) of these sections, bytes unchanged, appended to out: what
 * dwarf_begin_elf(elf_memory()) reads.  is64 and big choose the class and byte order. */
struct wdx_error *wdx_elf_wrap(const struct wdx_section *s, size_t n, bool is64, bool big,
			       struct wdx_buf *out);

enum wdx_compression { WDX_COMPRESS_NONE, WDX_COMPRESS_ZLIB, WDX_COMPRESS_ZSTD };

struct wdx_elf_symbol {
	const char *name;
	uint64_t value, size; /* value: an address in .text, or in .wasm.memory */
};

/* Addresses for the side-car; debuggers move both sections.  Code is not at 0, where readers expect
 * dead code; a static at offset 0x12345 of linear memory has an address that ends so.  The code may
 * take all that lies between. */
#define WDX_TEXT_ADDR UINT64_C(0x10000)
#define WDX_MEMORY_ADDR64 UINT64_C(0x100000000)
#define WDX_MEMORY_ADDR32 UINT64_C(0x10000000)

struct wdx_elf_site {		  /* of an 8-byte address in a section, whole in it */
	uint32_t section, offset; /* section: index in wdx_sidecar.debug */
};

struct wdx_sidecar {
	unsigned machine, flags; /* EM_*, e_flags */
	bool is64, big;
	uint64_t text_addr, text_size;
	/* .wasm.memory; size 0: none.  The initial size is enough, as it holds all statics; a
	 * larger one may claim addresses that something else has in the process. */
	uint64_t memory_addr, memory_size;
	const struct wdx_elf_symbol *symbols; /* in any order; names may repeat */
	size_t nsymbols;
	unsigned func_bit; /* set in the values of functions' symbols */
	const struct wdx_section
		*debug; /* .debug_* in the order to be written; empty ones skipped */
	size_t ndebug;
	const uint8_t *build_id;  /* 20 bytes */
	struct wdx_section extra; /* for debuggers' Python; size 0: none */
	enum wdx_compression compress;
	/* ET_REL with the relocations of these, for debuggers that then put the addresses of .text
	 * and .wasm.memory where these are in the process, wherever in an expression they stand;
	 * the addresses in the sections are cleared.  See wdx_elf_relocates(). */
	bool relocatable;
	const struct wdx_elf_site *sites; /* ascending by section, nsites of them */
	size_t nsites;
};

/* Whether a side-car for that machine can be relocatable. */
bool wdx_elf_relocates(unsigned machine, bool is64, bool big);

/* Writes the side-car (ET_DYN, program headers for .text and .wasm.memory, both NOBITS) with
 * libelf and appends it to out.  On a 32-bit machine the memory is cut where addresses end. */
struct wdx_error *wdx_elf_write(const struct wdx_sidecar *s, struct wdx_buf *out);

#endif
