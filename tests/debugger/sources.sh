#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Sources: found where a path of the DWARF is said to be now, in both debuggers; and lldb shows
# those that the DWARF itself holds (DWARF 5, clang -gembed-source) without any file.
. "$(dirname "$0")/../lib.sh"
need_tool
need_engine "$ENGINE"
have clang-19 || skip_all 'no clang-19'

mkdir "$TMP/made"
cat >"$TMP/made/hello.c" <<'END'
int twice(int v)
{
	int r = 2 * v; /* HERE */
	return r;
}
END

# build NAME OPTION...: TMP/NAME-{gdb,lldb}.debug
build()
{
	local name=$1 debugger

	shift
	clang-19 --target=wasm32 -nostdlib -Wl,--no-entry -Wl,--export=twice -g -gdwarf-5 "$@" \
		"-ffile-prefix-map=$TMP/made=/build" -o "$TMP/$name.wasm" "$TMP/made/hello.c" || return
	for debugger in gdb lldb; do
		sidecar "$ENGINE" "$TMP/$name.wasm" 0 "$TMP/$name-$debugger" "--debugger=$debugger" || return
	done
}

build plain >"$TMP/log" 2>&1 && build embedded -gembed-source >>"$TMP/log" 2>&1
ok 'side-cars' [ -f "$TMP/embedded-lldb.debug" ]

# shows WHAT TEXT: the line of the source, and not said to be missing
shows()
{
	like "$1" "$2" 'int r = 2 \* v; /\* HERE \*/'
}

if have gdb; then
	shows 'gdb: set substitute-path' "$(gdb -nx -q -batch \
		-ex "add-symbol-file $TMP/plain-gdb.debug 0x10000" \
		-ex "set substitute-path /build $TMP/made" -ex 'list twice' 2>&1)"
fi
lldb=$(command -v lldb-19 lldb | head -n 1)
if [ -n "$lldb" ]; then
	shows 'lldb: target.source-map' "$("$lldb" -x -b -o "settings set target.source-map /build $TMP/made" \
		-o "target create $TMP/plain-lldb.debug" -o 'source list -n twice' 2>&1)"
	mv "$TMP/made" "$TMP/gone"
	shows 'lldb: a source in the DWARF' "$("$lldb" -x -b -o "target create $TMP/embedded-lldb.debug" \
		-o 'source list -n twice' 2>&1)"
fi
done_testing
