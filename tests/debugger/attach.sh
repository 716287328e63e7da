#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# wasm-attach finds code and memory: of every engine, in another host, of one module among several.
. "$(dirname "$0")/../lib.sh"
need_tool
need_debugger gdb
need_engine "$ENGINE"
[ -f "$STORE/data/texts-O0-dw5.wasm" ] || skip_all 'no test modules (tests/setup)'

# in_gdb BREAKPOINT SIDECAR COMMAND...: attaches where the program, HOST_ARGS, stops at first.
in_gdb()
{
	local at=$1 sidecar=$2 c commands=()

	shift 2
	for c in "$@"; do
		commands+=(-ex "$c")
	done
	timeout 120 gdb -batch -nx -ex 'set breakpoint pending on' -ex 'set debuginfod enabled off' \
		-ex 'set startup-with-shell off' -ex 'set confirm off' -ex 'set width 0' \
		-ex "source $TOP/lib/python/wasm_gdb.py" -ex "tbreak $at" -ex run \
		-ex "wasm-attach $sidecar" "${commands[@]}" --args "${HOST_ARGS[@]}" 2>&1 </dev/null
}

# modules VERSION: side-cars of two modules, for each debugger.
modules()
{
	sidecar "$1" "$STORE/data/texts-O0-dw5.wasm" 2 "$TMP/texts" &&
		sidecar "$1" "$STORE/data/calc-O2-dw4.wasm" 2 "$TMP/calc"
}

print=('break visit' continue 'output head.next->key')
for version in $ENGINES; do
	if ! engine_lib "$version" >/dev/null; then
		skip "engine $version" 'it is not installed'
		continue
	fi
	modules "$version" || { flunk "engine $version: side-cars"; continue; }
	HOST_ARGS=("$HOST" --lib "$(engine_lib "$version")" --image "$TMP/texts.cwasm" --debug-info)
	out=$(in_gdb wasmtime_func_call_unchecked "$TMP/texts.debug" "${print[@]}")
	like "engine $version: found" "$out" '^texts\.debug: code at 0x[0-9a-f]+, linear memory at 0x'
	like "engine $version: and right" "$out" '0x[0-9a-f]+ "tail"$'
	out=$(in_gdb wasmtime_func_call_unchecked "$TMP/calc.debug")
	like "engine $version: not another module's code" "$out" \
		'^wasm-attach: the code is not in the process'
done

# The engine's Python package in the Python of the system.
modules "$ENGINE" || flunk 'side-cars'
if "$STORE/venv/bin/python" -c 'import wasmtime' 2>/dev/null; then
	HOST_ARGS=("$STORE/venv/bin/python" tests/debugger/attach.py 2)
	HOST_ARGS+=("$TMP/texts.strip.wasm" "$TMP/calc.strip.wasm")
	out=$(in_gdb wasmtime_func_call "$TMP/texts.debug" "${print[@]}")
	like 'Python as the host' "$out" '0x[0-9a-f]+ "tail"$'
	out=$(in_gdb wasmtime_func_call "$TMP/calc.debug" 'output table')
	like 'the second of two modules' "$out" '\{11, 22, 33, 44\}$'
	HOST_ARGS+=("$TMP/texts.strip.wasm")
	out=$(in_gdb wasmtime_func_call "$TMP/texts.debug")
	like 'two instances of one' "$out" \
		'^wasm-attach: the module has several instances; give --memory with one of 0x[0-9a-f]+, 0x'
	memory=$(grep -o '0x[0-9a-f]*$' <<<"$out")
	out=$(in_gdb wasmtime_func_call "$TMP/texts.debug" "wasm-attach $TMP/texts.debug --memory $memory")
	like 'one of them' "$out" "linear memory at $memory\$"
else
	skip 'Python as the host' 'no wasmtime in build/venv'
fi

# The scripts of --load-script find everything as well.
HOST_ARGS=("$HOST" --lib "$(engine_lib "$ENGINE")" --image "$TMP/texts.cwasm" --debug-info)
xform "$STORE/data/texts-O0-dw5.wasm" "$TMP/texts.cwasm" -o "$TMP/s.debug" "--python=$TOP/lib/python" \
	--load-script "$TMP/s.gdb" || flunk 'a script for gdb'
out=$(timeout 120 gdb -batch -nx -ex 'set breakpoint pending on' -ex 'set startup-with-shell off' \
	-ex 'tbreak wasmtime_func_call_unchecked' -ex run -ex "source $TMP/s.gdb" -ex 'break visit' \
	-ex continue -ex 'output head.next->key' --args "${HOST_ARGS[@]}" 2>&1 </dev/null)
like 'a script for gdb: found' "$out" '^s\.debug: code at 0x[0-9a-f]+, linear memory at 0x'
like 'a script for gdb: loaded' "$out" '0x[0-9a-f]+ "tail"$'
unlike 'a script for gdb: Python is trusted' "$out" 'declined'
xform "$STORE/data/texts-O0-dw5.wasm" "$TMP/texts.cwasm" -o "$TMP/s.debug" --debugger=lldb \
	"--python=$TOP/lib/python" --load-script "$TMP/s.lldb" || flunk 'a script for lldb'
if have lldb-19; then
	out=$(timeout 120 lldb-19 -b --no-lldbinit -o "target create $HOST" \
		-o "settings set -- target.run-args ${HOST_ARGS[*]:1}" \
		-o 'breakpoint set -n wasmtime_func_call_unchecked' -o run \
		-o "command source $TMP/s.lldb" -o 'breakpoint set -n visit' -o continue \
		-o 'frame variable e->next->key' 2>&1 </dev/null)
	like 'a script for lldb: found' "$out" '^s\.debug: code at 0x[0-9a-f]+, linear memory at 0x'
	like 'a script for lldb: loaded' "$out" 'e->next->key = 0x[0-9a-f]+ "tail"$'
else
	skip 'a script for lldb' 'no lldb-19'
fi

# lldb, on a core file that gdb has made.
HOST_ARGS=("$HOST" --lib "$(engine_lib "$ENGINE")" --image "$TMP/texts.cwasm" --debug-info)
if have lldb-19 && sidecar "$ENGINE" "$STORE/data/texts-O0-dw5.wasm" 2 "$TMP/lldb" --debugger=lldb; then
	in_gdb wasmtime_func_call_unchecked "$TMP/texts.debug" 'break visit' continue \
		"generate-core-file $TMP/core" >/dev/null
	out=$(timeout 120 lldb-19 -b --no-lldbinit -o "target create $HOST --core $TMP/core" \
		-o "command script import $TOP/lib/python/wasm_lldb.py" \
		-o "wasm-attach $TMP/lldb.debug" -o 'frame variable e->next->key e->run' -o bt 2>&1)
	rm -f "$TMP/core"
	like 'lldb, a core file: found' "$out" '^lldb\.debug: code at 0x[0-9a-f]+, linear memory at 0x'
	like 'lldb, a core file: text' "$out" 'e->next->key = 0x[0-9a-f]+ "tail"$'
	like 'lldb, a core file: a function' "$out" 'e->run = 0x2 <twice>$'
	like 'lldb, a core file: outer frames' "$out" 'frame #2: .*main at texts\.c'
else
	skip 'lldb, a core file' 'no lldb-19'
fi

# What cannot be.
HOST_ARGS=("$HOST" --lib "$(engine_lib "$ENGINE")" --image "$TMP/texts.cwasm" --debug-info)
out=$(in_gdb main "$TMP/texts.debug" "wasm-attach $TMP/texts.cwasm" 'wasm-attach /none' wasm-attach \
	"wasm-attach $TMP/texts.debug --text x" kill "wasm-attach $TMP/texts.debug")
like 'before there is code' "$out" '^wasm-attach: the code is not in the process: not yet, or'
like 'no side-car' "$out" '^wasm-attach: .*texts\.cwasm: it is not a side-car$'
like 'no file' "$out" '^wasm-attach: /none: .*No such file'
like 'no argument' "$out" '^wasm-attach: .*; usage: wasm-attach SIDECAR'
out2=$(in_gdb wasmtime_func_call_unchecked "$TMP/texts.debug" \
	"wasm-attach $TMP/texts.debug --text 0x1000" 'set $wasm_text = 0x1000' \
	'set $wasm_memory = 0x2000' "wasm-attach $TMP/texts.debug")
like 'not the code' "$out2" '^wasm-attach: the code at 0x1000 is not that of the side-car'
is 'variables for another module' "$(grep -c '^texts\.debug: code at' <<<"$out2")" 2
like 'no number' "$out" '^wasm-attach: argument --text: invalid number value'
like 'no process' "$out" '^wasm-attach: there is no process'
done_testing
