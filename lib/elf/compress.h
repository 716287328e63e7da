/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Compressed debug sections (gABI: SHF_COMPRESSED).
 */
#ifndef WDX_ELF_COMPRESS_H
#define WDX_ELF_COMPRESS_H

#include "elf/elf.h"

/* Appends to out, in its byte order, what the section holds when compressed: an Elf_Chdr of the
 * class and the packed bytes.  Leaves out as it was when that is not smaller than the section. */
struct wdx_error *wdx_elf_compress(const struct wdx_section *s, enum wdx_compression how, bool is64,
				   struct wdx_buf *out);

#endif
