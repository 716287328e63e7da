#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# First on the host, which shows that the table is right.
. "$(dirname "$0")/../lib.sh"
need_tool
have gdb clang-19 || skip_all 'no gdb or clang-19'
absorb < <(tests/debugger/session gdb texts host 0 "$TMP")

# The side-car names the Python: gdb loads it where its path is safe.
if engine_lib "$ENGINE" >/dev/null && sidecar "$ENGINE" "$STORE/data/texts-O0-dw5.wasm" 0 "$TMP/x" \
	"--python=$TOP/lib/python"; then
	add="add-symbol-file $TMP/x.debug -s .text 0x40000000 -s .wasm.memory 0x50000000"
	out=$(gdb -batch -nx -iex "add-auto-load-safe-path $TOP/lib/python" -ex 'set confirm off' \
		-ex "$add" -ex 'help wasm-attach' 2>&1)
	like 'gdb: loads what the side-car names' "$out" '^Load a side-car: wasm-attach SIDECAR'
	unlike 'gdb: without a warning' "$out" 'warning|rror'
	out=$(gdb -batch -nx -ex 'set confirm off' -ex "$add" -ex 'help wasm-attach' 2>&1)
	like 'gdb: not from elsewhere' "$out" 'wasm_gdb.py" auto-loading has been declined'
fi
debug_sessions gdb texts
