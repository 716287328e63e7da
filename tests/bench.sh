#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# make bench: time and memory of this tool beside a bare libdw walk of the same DWARF (the yardstick)
# and the engine's own compile, with and without its debug information.  Ratios count: machines are
# noisy.  RUNS=N runs of each (5); modules: those of CORPUS (../shared/corpus) and of tests/data.
. "$(dirname "$0")/lib.sh"
RUNS=${RUNS:-5} CORPUS=${CORPUS:-../shared/corpus}
libs=$(sed -n 's/^LLVM_LIBS *[:?]*= *//p;s/^DEP_LIBS *[:?]*= *//p' "$STORE/config.mk" config.mk 2>/dev/null)
# shellcheck disable=SC2086
{
	${CC:-cc} -O2 -o "$TMP/run" tests/bench/run.c &&
		${CC:-cc} -O2 -Ilib -c -o "$TMP/walk.o" tests/bench/walk.c &&
		c++ -o "$TMP/walk" "$TMP/walk.o" "${BUILD:-build}/libwdx.a" $libs -lpthread
} || exit 3

row()
{
	printf '%-22s %-26s %9s %9s %9s %8s %8s\n' "$@"
}

# ratio A B
ratio()
{
	awk "BEGIN { printf \"%.1f\", $1 / $2 }"
}

bench()
{
	local name wasm=$1 walk cpu wall mem size
	name=$(basename "$wasm" .wasm)
	wasm_strip "$wasm" "$TMP/s.wasm"
	engine_compile "$ENGINE" "$TMP/s.wasm" "$TMP/i.cwasm" 2 >/dev/null || return
	"$TOOL" -q "$wasm" "$TMP/i.cwasm" -o "$TMP/o.debug" --emit-map "$TMP/m.json" || return
	walk=$("$TMP/walk" "$wasm")
	row "$name" 'libdw walk' "$walk" - - 1.0 -
	for map in i.cwasm m.json; do
		read -r cpu wall mem < <("$TMP/run" "$RUNS" "$TOOL" -q "$wasm" "$TMP/$map" -o "$TMP/o.debug")
		size=$(cat "$wasm" "$TMP/$map" "$TMP/o.debug" | wc -c)
		row "$name" "this tool, ${map#*.}" "$cpu" "$wall" "$((mem / 1024))" "$(ratio "$cpu" "$walk")" \
			"$(ratio "$mem" "$((size / 1024))")"
	done
	local lib
	lib=$(engine_lib "$ENGINE")
	read -r cpu wall mem < <("$TMP/run" 2 "$HOST" --lib "$lib" --compile "$wasm" --opt 2 --no-run)
	row "$name" 'engine, no debug info' "$cpu" "$wall" "$((mem / 1024))" "$(ratio "$cpu" "$walk")" -
	read -r cpu wall mem < <("$TMP/run" 2 "$HOST" --lib "$lib" --compile "$wasm" --opt 2 --debug-info --no-run)
	row "$name" 'engine, its debug info' "$cpu" "$wall" "$((mem / 1024))" "$(ratio "$cpu" "$walk")" -
}

row module what 'CPU ms' 'wall ms' 'MiB' 'x walk' 'x files'
for wasm in "$CORPUS"/real-clang19/sqlite3-O[02]-dw4.wasm "$CORPUS"/real-clang19/lua54-O2-dw4.wasm \
	"$STORE"/data/types-O2-dw5.wasm; do
	[ -f "$wasm" ] && bench "$wasm"
done
exit 0
