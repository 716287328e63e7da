#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Side-cars from real images: every engine version, both optimisation levels of module and engine.
. "$(dirname "$0")/../lib.sh"
need_tool
[ -f "$STORE/data/calc-O0-dw4.wasm" ] || skip_all 'no test modules (tests/setup)'

one_image()
{
	local version=$1 module=$2 opt=$3 what="$1 $2 opt$3" wasm=$STORE/data/$2.wasm base=$TMP/x

	wasm_strip "$wasm" "$base.strip.wasm"
	ok "$what: engine compiles" engine_compile "$version" "$base.strip.wasm" "$base.cwasm" "$opt" || return
	ok "$what: written" xform "$wasm" "$base.cwasm" -o "$base.debug" --emit-map "$base.json" || return
	verifies "$what" "$base.debug"
	ok "$what: from the emitted map" xform "$wasm" "$base.json" -o "$base.again"
	ok "$what: the same bytes from image and map" cmp "$base.debug" "$base.again"
}

modules=(calc-O0-dw4 calc-O2-dw5)
for version in $ENGINES; do
	if ! engine_lib "$version" >/dev/null; then
		skip "$version" 'engine not installed'
		continue
	fi
	for module in "${modules[@]}"; do
		for opt in 0 2; do
			one_image "$version" "$module" "$opt"
		done
	done
done
[ -f "$TMP/x.cwasm" ] || { done_testing; }

# The last image, in other forms.
wasm=$STORE/data/calc-O2-dw5.wasm
ok 'version 4: written' xform "$wasm" "$TMP/x.cwasm" -o "$TMP/v4" --dwarf-version=4
verifies 'version 4' "$TMP/v4"
unlike 'version 4: no unit of another' "$("$DWARFDUMP" --debug-info "$TMP/v4")" 'version = 0x000[1235]'
like 'version 5 by default' "$("$DWARFDUMP" --debug-info "$TMP/x.debug")" 'version = 0x0005'
for how in zlib zstd; do
	ok "$how: written" xform "$wasm" "$TMP/x.cwasm" -o "$TMP/$how" --compress-debug-sections=$how
	is "$how: says the same" "$("$DWARFDUMP" "$TMP/$how" | tail -n +2 | md5sum)" \
		"$("$DWARFDUMP" "$TMP/x.debug" | tail -n +2 | md5sum)"
	like "$how: sections are compressed" "$(readelf -SW "$TMP/$how")" '\.debug_info .* C '
done

# Functions without DWARF, by the module's name section.
dump=$("$DWARFDUMP" -n _start.command_export "$TMP/x.debug")
like 'a function without DWARF has an entry' "$dump" 'DW_AT_low_pc'
like 'marked artificial' "$dump" 'DW_AT_artificial.*true'
like 'and a symbol' "$(readelf -sW "$TMP/x.debug")" 'FUNC .*::_start\.command_export$'
code=$(readelf -sW "$TMP/x.debug" | awk '$4 == "FUNC" && !$3 { n++ } END { print n + 0 }')
is 'every symbol of code has a size' "$code" 0

# Debuggers take it without a warning.
cat >"$TMP/gdb" <<END
set confirm off
add-symbol-file $TMP/x.debug -s .text 0x40000000 -s .wasm.memory 0x50000000
info line fib
info address table
info scope scalars
END
cat >"$TMP/lldb" <<END
target create $HOST
target modules add $TMP/x.debug
target modules load --file $TMP/x.debug .text 0x40000000 .wasm.memory 0x50000000
image lookup -v -n fib
image dump line-table calc.c
target variable table
END
for run in "gdb -batch -nx -x $TMP/gdb" "lldb-19 -b --no-lldbinit -s $TMP/lldb"; do
	debugger=${run%% *}
	if ! have "$debugger"; then
		skip "$debugger takes it" "no $debugger"
		continue
	fi
	out=$($run 2>&1)
	like "$debugger takes it" "$out" 'fib.*calc\.c|calc\.c.*fib'
	unlike "$debugger: without a warning" "$out" '[Ww]arning|[Ee]rror'
done

# Another module's image.
ok 'strip another' wasm_strip "$STORE/data/types-O0-dw4.wasm" "$TMP/y.strip.wasm"
ok 'compile it' engine_compile "$ENGINE" "$TMP/y.strip.wasm" "$TMP/y.cwasm" 2
"$TOOL" "$wasm" "$TMP/y.cwasm" -o "$TMP/y.debug" 2>"$TMP/err"
is 'an image of another module is bad input' $? 1
like 'and says so' "$(cat "$TMP/err")" 'y\.cwasm: '
ok 'and nothing is written' test ! -e "$TMP/y.debug"

# An image that was compiled with the DWARF inside: a warning that tells how to do better.
ok 'compile with DWARF inside' engine_compile "$ENGINE" "$wasm" "$TMP/z.cwasm" 2
"$TOOL" "$wasm" "$TMP/z.cwasm" -o "$TMP/z.debug" 2>"$TMP/err"
is 'an image without places of locals is taken' $? 0
is 'with one warning' "$(grep -c warning "$TMP/err")" 1
like 'that says how to compile' "$(cat "$TMP/err")" 'strip'
like 'lines are there' "$("$DWARFDUMP" --debug-line "$TMP/z.debug")" 'is_stmt'
like 'functions are there' "$("$DWARFDUMP" -n scalars "$TMP/z.debug")" 'DW_AT_low_pc'
# A static's address is one of data: gdb once took it for code and complained.
if have gdb; then
	sidecar "$ENGINE" "$STORE/data/types-O0-dw4.wasm" 0 "$TMP/types" >/dev/null 2>&1
	out=$(gdb -batch -nx -ex 'set confirm off' -ex "add-symbol-file $TMP/types.debug" \
		-ex 'set language c++' -ex 'print &geo::shape::count' 2>&1)
	like 'gdb: address of a static' "$out" '= \(int \*\) 0x[0-9a-f]+ <wasm_memory\+[0-9]+>'
	unlike 'gdb: without a warning' "$out" 'warning|rror'
else
	skip 'gdb: address of a static' 'no gdb'
fi
done_testing
