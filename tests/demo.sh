#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# make demo: optimised wasm, compiled by a real engine with its optimiser on, in an unmodified gdb.
# Without the engine or gdb: the example kept in tests/data, and what can be seen of it at rest.
. "$(dirname "$0")/lib.sh"
set -e
out=$STORE/demo
module=$STORE/data/calc-O2-dw4.wasm
mkdir -p "$out"

# say COMMAND...: shows a command, then runs it.
say()
{
	echo "\$ $*"
	"$@"
}

[ -x "$TOOL" ] || make

live()
{
	echo "# A module with wasm DWARF; the engine gets it stripped, and keeps its map in the image."
	say "$OBJCOPY" --strip-debug "$module" "$out/calc.wasm"
	say "$HOST" --lib "$(engine_lib "$ENGINE")" --compile "$out/calc.wasm" --save "$out/calc.cwasm" \
		--opt 1 --debug-info --no-run
	echo "# The tool: wasm DWARF and the image's map in, native DWARF out."
	say "$TOOL" "$module" "$out/calc.cwasm" -o "$out/calc.debug" --python=none --stats
	echo "# gdb, unmodified."
	T_DEBUG=$out/calc.debug T_PYTHON=$TOP/lib/python say gdb -batch -nx -x tests/demo.py \
		--args "$HOST" --lib "$(engine_lib "$ENGINE")" --image "$out/calc.cwasm" --debug-info
}

# show LINES COMMAND...: the start of what a command prints.
show()
{
	local lines=$1

	shift
	echo "\$ $* | head -n $lines"
	"$@" 2>&1 | head -n "$lines" || :
}

at_rest()
{
	say "$TOOL" tests/data/example.wasm tests/data/example.map.json -o "$out/example.debug" --stats
	! have "$DWARFDUMP" || show 60 "$DWARFDUMP" --debug-info "$out/example.debug"
	! have gdb || show 40 gdb -batch -nx -ex 'info line total' -ex 'info scope total' \
		-ex 'info scope cost' -ex 'disassemble /s cost' "$out/example.debug"
}

if [ -x "$HOST" ] && [ -f "$module" ] && have gdb "$OBJCOPY" && engine_lib "$ENGINE" >/dev/null; then
	live
else
	echo "# No engine, test modules or gdb here (tests/setup gets them): the example, at rest."
	at_rest
fi
