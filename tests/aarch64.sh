#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Code for aarch64: the engine compiles and runs under qemu, gdb-multiarch debugs it through
# qemu's stub, with the tables of the other debuggers; what reads DWARF finds no fault in the side-cars.
. "$(dirname "$0")/lib.sh"
VARIANTS=${VARIANTS:-O0-dw4 O2-dw5}
if [ -x "$TOOL" ] && have qemu-aarch64 && [ -x "$HOST-aarch64" ] && engine_lib "$ENGINE-aarch64" >/dev/null; then
	for module in "$STORE"/data/types-O[02]-dw5.wasm; do
		what="aarch64 $(basename "$module" .wasm)"
		ok "$what: written" sidecar "$ENGINE-aarch64" "$module" 2 "$TMP/v" "--emit-map=$TMP/v.json" &&
			verifies "$what" "$TMP/v.debug"
		ok "$what: from the emitted map" xform "$module" "$TMP/v.json" -o "$TMP/v.again"
		ok "$what: the same bytes from image and map" cmp "$TMP/v.debug" "$TMP/v.again"
	done
fi
if [ -x "$HOST-aarch64" ] && have qemu-aarch64 gdb-multiarch && engine_lib "$ENGINE-aarch64" >/dev/null
then
	absorb < <(tests/debugger/session arm pointers O0-dw4 0 "$TMP")
	absorb < <(tests/debugger/session arm texts O0-dw5 0 "$TMP")
	absorb < <(tests/debugger/session arm entries O2-dw5 2 "$TMP")
fi
debug_sessions arm calc
