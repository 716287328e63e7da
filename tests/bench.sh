#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# make bench: time and memory of this tool beside a bare libdw walk of the same DWARF (the yardstick)
# and the engine's own compile, with and without its debug information.  "no analysis" is the tool
# with the map taken as it is (--recover=none): what is more without that is what lib/flow costs.
# Ratios count: machines are noisy.  Times are the least of RUNS runs (5) and, behind the slash,
# their median; memory is the greatest, "x files" its ratio to the sizes of module, map and side-car.
# A second table is memory alone.  A third shows what making pointers work costs: bytes of .debug_info,
# and of the entries in it that are types, or in one, for each --debugger, with the growth over `none`.
# Modules: those of CORPUS (../shared/corpus), of tests/data, and SQLite, of which a Python package
# brings the source; of memory alone, all of CORPUS that have 1 MB.  "bench.sh MODULE..." measures
# those instead.
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
	printf '%-18s %-22s %15s %15s %6s %7s %8s\n' "$@"
}

# ratio A B
ratio()
{
	awk "BEGIN { printf \"%.1f\", $1 / $2 }"
}

# measure WALK NAME WHAT RUNS FILES-KIB COMMAND...
measure()
{
	local cpu cpu50 wall wall50 mem walk=$1 name=$2 what=$3 runs=$4 files=$5

	shift 5
	read -r cpu cpu50 wall wall50 mem < <("$TMP/run" "$runs" "$@")
	[ -n "${mem:-}" ] || { row "$name" "$what" failed - - - -; return; }
	[ "$files" = - ] || files=$(ratio "$mem" "$files")
	row "$name" "$what" "$cpu/$cpu50" "$wall/$wall50" "$((mem / 1024))" "$(ratio "$cpu" "$walk")" "$files"
}

# image MODULE: made of it without its DWARF, as i.cwasm
image()
{
	wasm_strip "$1" "$TMP/s.wasm" 2>/dev/null &&
		engine_compile "$ENGINE" "$TMP/s.wasm" "$TMP/i.cwasm" 2 >/dev/null 2>&1
}

# files MODULE MAP: their size and that of the side-car, in KiB
files()
{
	echo $(($(cat "$@" "$TMP/o.debug" | wc -c) / 1024))
}

bench()
{
	local name lib map walk wasm=$1

	name=$(basename "$wasm" .wasm)
	lib=$(engine_lib "$ENGINE")
	image "$wasm" || return
	"$TOOL" -q "$wasm" "$TMP/i.cwasm" -o "$TMP/o.debug" --emit-map "$TMP/m.json" || return
	"$TMP/walk" --wrap "$wasm" "$TMP/walk.elf" || return
	read -r walk _ < <("$TMP/run" "$((2 * RUNS))" "$TMP/walk" "$TMP/walk.elf")
	measure "$walk" "$name" 'libdw walk' "$((2 * RUNS))" - "$TMP/walk" "$TMP/walk.elf"
	for map in i.cwasm m.json; do
		measure "$walk" "$name" "this tool, ${map#*.}" "$RUNS" "$(files "$wasm" "$TMP/$map")" \
			"$TOOL" -q "$wasm" "$TMP/$map" -o "$TMP/o.debug"
	done
	measure "$walk" "$name" 'this tool, no analysis' "$RUNS" "$(files "$wasm" "$TMP/i.cwasm")" \
		"$TOOL" -q --recover=none "$wasm" "$TMP/i.cwasm" -o "$TMP/o.debug"
	set -- "$HOST" --lib "$lib" --compile "$wasm" --opt 2 --no-run
	measure "$walk" "$name" 'engine, no debug info' 3 - "$@"
	measure "$walk" "$name" 'engine, its debug info' 3 - "$@" --debug-info
}

# memory MODULE: of the tool with the image, and with the map as it is
memory()
{
	local name option peak size wasm=$1

	name=$(basename "$(dirname "$wasm")")/$(basename "$wasm" .wasm)
	image "$wasm" || return
	for option in --quiet --recover=none; do
		read -r _ _ _ _ peak < <("$TMP/run" 1 "$TOOL" -q $option "$wasm" "$TMP/i.cwasm" -o "$TMP/o.debug")
		[ -n "${peak:-}" ] || return
		size=$(files "$wasm" "$TMP/i.cwasm")
		printf '%-40s %-15s %7.1f %9.1f %8s\n' "$name" "${option/--quiet/}" \
			"$(ratio "$size" 1024)" "$(ratio "$peak" 1024)" "$(ratio "$peak" "$size")"
	done
}

# The awk program that adds up what llvm-dwarfdump lists: bytes of entries, and of types.
COUNT='
function hex(s,  i, v) {
	for (i = 1; i <= length(s); i++)
		v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return v
}
match($0, /^0x[0-9a-f]+: +/) {
	at = hex(substr($1, 3, length($1) - 3))
	if (last != "") {
		all += at - last
		types += inside ? at - last : 0
	}
	last = $2 ~ /^DW_TAG|^NULL/ ? at : ""
	if (last == "" || RLENGTH <= top)
		inside = 0
	if (!inside && $2 ~ /^DW_TAG_(.*_type|typedef|dwarf_procedure)$/) {
		inside = 1
		top = RLENGTH
	}
}
END { print all, types }'

size_row()
{
	printf '%-18s %-10s %12s %7s %12s %7s\n' "$@"
}

# growth A B: how much larger A is than B, in percent
growth()
{
	awk "BEGIN { printf \"%+.1f%%\", ($1 / $2 - 1) * 100 }"
}

sizes()
{
	local wasm=$1 debugger all types all0 types0

	image "$wasm" || return
	for debugger in none gdb lldb; do
		"$TOOL" -q "$wasm" "$TMP/i.cwasm" -o "$TMP/o.debug" "--debugger=$debugger" || return
		read -r all types < <("$DWARFDUMP" --debug-info "$TMP/o.debug" | awk "$COUNT")
		[ "$debugger" != none ] || all0=$all types0=$types
		size_row "$(basename "$wasm" .wasm)" "$debugger" "$all" "$(growth "$all" "$all0")" \
			"$types" "$(growth "$types" "$types0")"
	done
}

# sqlite: build/bench/sqlite3-O2.wasm, made once
sqlite()
{
	local dir=$STORE/bench src

	[ ! -f "$dir/sqlite3-O2.wasm" ] || return 0
	mkdir -p "$dir"
	"$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary sqlcipher3 \
		--no-build-isolation --require-hashes --dest "$dir" -r tests/bench/sqlite.txt >"$dir/log" 2>&1 &&
		tar -xzf "$dir"/sqlcipher3-*.tar.gz -C "$dir" || return
	src=$(echo "$dir"/sqlcipher3-*/vendor/sqlite3.c)
	# compiled without linking options and linked without -O: see tests/data/Makefile
	"${WASM_CC:-clang-19}" --target=wasm32-wasi -O2 -g -w -c -o "$dir/sqlite3.o" "$src" \
		-DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL \
		-DSQLITE_MAX_MMAP_SIZE=0 -D_WASI_EMULATED_GETPID -DSQLITE_OS_OTHER \
		>>"$dir/log" 2>&1 &&
		"${WASM_CC:-clang-19}" --target=wasm32-wasi -nostartfiles -o "$dir/sqlite3-O2.wasm" \
			"$dir/sqlite3.o" -Wl,--no-entry -Wl,--allow-undefined \
			-Wl,--export=sqlite3_open,--export=sqlite3_exec,--export=sqlite3_prepare_v3 \
			>>"$dir/log" 2>&1
}

large=()
if [ $# -eq 0 ]; then
	sqlite || echo "no SQLite: $(tail -n 1 "$STORE/bench/log")" >&2
	mapfile -t large < <(find "$CORPUS" -name '*.wasm' -size +999999c 2>/dev/null | LC_ALL=C sort)
	set -- "$STORE/bench/sqlite3-O2.wasm" "$CORPUS"/real-clang19/sqlite3-O[02]-dw4.wasm \
		"$CORPUS"/real-clang19/lua54-O2-dw4.wasm "$CORPUS"/cxx-clang19/featxx-O[02].wasm \
		"$STORE/data/types-O2-dw5.wasm"
fi
row module what 'CPU ms' 'wall ms' MiB 'x walk' 'x files'
for wasm; do
	[ ! -f "$wasm" ] || bench "$wasm"
done
[ ${#large[@]} -eq 0 ] || printf '\n%-40s %-15s %7s %9s %8s\n' 'module of 1 MB and more' '' files 'peak MiB' 'x files'
for wasm in "${large[@]}"; do
	memory "$wasm"
done
echo
size_row module debugger .debug_info '' types ''
for wasm; do
	[ ! -f "$wasm" ] || sizes "$wasm"
done
exit 0
