/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * libwdx: turns the DWARF of a wasm module into native DWARF for the machine code a JIT made of it.
 *
 * One call does it: wdx_transform() takes the module and the map as bytes in memory and gives the
 * side-car as bytes in memory.  Nothing is read from or written to files, except code bytes that a
 * JSON map names by file.  The library keeps no state between calls and may be used from several
 * threads at once.
 */
#ifndef WDX_H
#define WDX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wdx_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" */
WDX_API const char *wdx_version(void);

enum wdx_compress {
	WDX_COMPRESS_DEBUG_NONE,
	WDX_COMPRESS_DEBUG_ZLIB,
	WDX_COMPRESS_DEBUG_ZSTD,
};

/* For whom the side-car is made: they differ in how pointers into linear memory can be shown. */
enum wdx_debugger {
	WDX_DEBUGGER_GDB,
	WDX_DEBUGGER_LLDB,
	WDX_DEBUGGER_NONE, /* types as in the module: pointers are numbers */
};

/* Where variables are taken from.  The machine code is followed on x86-64 and aarch64, where the
 * map has its bytes. */
enum wdx_recover {
	WDX_RECOVER_ALL,  /* as with code; and what is nowhere: computed again, from constants and
			     integers that are somewhere, or as callers still show it */
	WDX_RECOVER_CODE, /* the machine code: claims of the map that it proves, and what else it
			     shows registers and memory to hold */
	WDX_RECOVER_NONE, /* the map alone: its claims are taken as they are */
};

/* A claim of the map of where a local or the context pointer is, that the machine code contradicts:
 * at an address within its range the place holds another value.  Strings are borrowed. */
struct wdx_finding {
	const char *function; /* its symbol */
	uint32_t index;	      /* its index in the module */
	bool context;	      /* the claim is of the context pointer, not of a local */
	uint32_t local;
	uint32_t lo, hi;   /* the claim's range: offsets from the start of the code, half-open */
	const char *place; /* the claim's: "rbx", "cfa-24", "constant 0" */
	uint32_t at;	   /* the first address in the range where it is false, an offset too */
	uint64_t wasm;	   /* of the wasm instruction there: offset in the module's file; 0: none */
	const char *holds; /* what is there, in words: "the constant 0, put there at 0x12" */
	const char *instead; /* of what: "parameter 1", "the result of i32.sub at wasm 0x86" */
};

/* What to do.  Zero-initialise, then fill in; the first six members are required. */
struct wdx_config {
	const char *module_name; /* for messages */
	const void *module;	 /* a wasm module; borrowed during the call */
	size_t module_size;
	const char
		*map_name; /* for messages; files named in a JSON map are relative to its folder */
	const void *map; /* map.json (wasm-jit-map(5)) or a Wasmtime image, told apart by content */
	size_t map_size;

	unsigned dwarf_version;	    /* 4 or 5; 0: 5 */
	enum wdx_compress compress; /* of .debug_* */
	enum wdx_debugger debugger;
	enum wdx_recover recover;
	/* Python that gdb is to load with the side-car, a path (.debug_gdb_scripts); NULL: none */
	const char *gdb_script;
	bool emit_map; /* also give the map as JSON */
	bool strict;   /* any loss (see wdx_stats) is an input error; loss by dead code is none */
	void *trace;   /* a FILE * that gets every event of the pass, or NULL */

	/* Called for each warning, a sentence without newline; NULL: dropped. */
	void (*warn)(const char *message, void *arg);
	void *warn_arg;
	/* Called now and then: bytes of DWARF done, and of all; NULL: not.  With 0 done it is
	 * called when the inputs have been read, and when the first entry is about to be written.
	 */
	void (*progress)(uint64_t done, uint64_t total, void *arg);
	void *progress_arg;
	/* For wdx_check_map(): called for each contradicted claim, in the order of the map; NULL:
	 * they are only counted. */
	void (*finding)(const struct wdx_finding *finding, void *arg);
	void *finding_arg;
};

/* One reason why something of the input is not in the output. */
struct wdx_loss_count {
	const char *name; /* "no-place": stable, for --stats=json */
	const char *text; /* what it means, in words */
	uint64_t count;
	bool benign; /* not counted by strict: what the linker removed, what has no native meaning
		      */
};

struct wdx_stats {
	uint64_t units, dies_in, dies_out;   /* entries read and written */
	uint64_t functions, functions_dwarf; /* of the map; of these with DWARF */
	uint64_t rows_in, rows_out;	     /* of line tables */
	uint64_t variables, located;	     /* variables and parameters in code; with a location */
	uint64_t scope_bytes;	 /* sum over them of their scope's native bytes, where the
				    input has a location */
	uint64_t covered_bytes;	 /* of those bytes: with a location in the output */
	uint64_t entry_bytes;	 /* of those bytes: where that is what some of the function's
				    callers still know */
	uint64_t claims, proved; /* ranges of locals in the map; of these borne out by the code */
	uint64_t functions_checked; /* whose machine code was followed, to check claims and to
				       find more: 0 without code bytes in the map */
	bool claims_checked;	    /* some were: the map's claims do not stand by themselves */
	const struct wdx_loss_count
		*losses; /* nlosses of them, those with count 0 too; static order */
	size_t nlosses;
};

struct wdx_result {
	void *sidecar; /* an ELF file */
	size_t sidecar_size;
	char *map_json; /* with emit_map; else NULL */
	size_t map_json_size;
	struct wdx_stats stats;
	uint64_t text_addr, text_size;	   /* of .text in the side-car */
	uint64_t memory_addr, memory_size; /* of .wasm.memory; size 0: it has none */
	uint64_t code_base; /* where the map says the code is loaded; 0: it does not */
	char *triple;	    /* of the target */
	void *priv;
};

/* Does it all.  On success *result is filled and to be freed with wdx_result_deinit(); on error it
 * is empty.  Errors: WDX_E_INPUT for a bad module or map, WDX_E_SYSTEM when memory runs out. */
WDX_API struct wdx_error *wdx_transform(const struct wdx_config *config, struct wdx_result *result);
WDX_API void wdx_result_deinit(struct wdx_result *result);

/* Claims of a map: ranges of locals and of the context pointer.  Those that are neither proved nor
 * contradicted are undecided: the code was not followed that far, or the claim has no place where
 * an instruction of wasm begins. */
struct wdx_map_check {
	uint64_t functions, functions_checked; /* with claims; of these the code was followed */
	uint64_t claims, proved, contradicted;
};

/* Judges the map's claims by its machine code, to find faults of a compiler's debug information.
 * Of the config only module, map, their names, warn and finding are used; DWARF need not be there.
 * A contradiction is one for certain: no way is known in which a compiler that is right could have
 * put the one value in the place of the other.  Errors: as of wdx_transform(). */
WDX_API struct wdx_error *wdx_check_map(const struct wdx_config *config,
					struct wdx_map_check *result);

#ifdef __cplusplus
}
#endif
#endif
