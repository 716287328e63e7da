# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Helpers for the shell tests; each test starts with   . "$(dirname "$0")/../lib.sh"
# and ends with `done_testing`.  Output is TAP.  Tests run from the top of the tree.
# shellcheck shell=bash

set -u
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$TOP" || exit 3

TOOL=${WDX:-${BUILD:-build}/wasm-dwarf-xform}
STORE=build # what tests/setup made: engines, modules, the host; the same for every build
HOST=${HOST:-$STORE/host}
ENGINE=${ENGINE:-50.0.1} # the engine most tests use
ENGINES=${ENGINES:-24.0.0 36.0.0 48.0.0 50.0.1}
CROSS_ROOT=${CROSS_ROOT:-/usr/aarch64-linux-gnu}
PYTHON=${PYTHON:-/usr/bin/python3} # Debian's, which its debuggers and modules are built for
RUSTC=${RUSTC:-/usr/bin/rustc} # Debian's too: it has the library for wasm
OBJCOPY=${OBJCOPY:-llvm-objcopy-19}
DWARFDUMP=${DWARFDUMP:-llvm-dwarfdump-19}

TMP=$(mktemp -d "${TMPDIR:-/tmp}/wdx.XXXXXX") || exit 3
trap 'rm -rf "$TMP"' EXIT

tap_n=0 tap_bad=0

# diag TEXT: explains, in a way that TAP readers pass over.
diag()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

pass()
{
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $*"
}

flunk()
{
	tap_n=$((tap_n + 1))
	tap_bad=$((tap_bad + 1))
	echo "not ok $tap_n - $*"
	return 1
}

# ok WHAT COMMAND...: passes when the command does; its output is shown when it does not.
ok()
{
	local what=$1

	shift
	if "$@" >"$TMP/.ok" 2>&1; then
		pass "$what"
	else
		flunk "$what"
		diag "$(head -n 20 "$TMP/.ok")"
		return 1
	fi
}

# is WHAT GOT WANTED
is()
{
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		flunk "$1"
		diag "got:    $2"
		diag "wanted: $3"
		return 1
	fi
}

# like WHAT GOT REGEX (extended); unlike: the reverse
like()
{
	if printf '%s\n' "$2" | grep -Eq -- "$3"; then
		pass "$1"
	else
		flunk "$1"
		diag "got:    $2"
		diag "wanted: /$3/"
		return 1
	fi
}

unlike()
{
	if printf '%s\n' "$2" | grep -Eq -- "$3"; then
		flunk "$1"
		diag "got:      $2"
		diag "unwanted: /$3/"
		return 1
	fi
	pass "$1"
}

# skip WHAT REASON: counted as skipped, never as passed.
skip()
{
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

# skip_all REASON: the whole file.
skip_all()
{
	echo "1..0 # SKIP $*"
	exit 0
}

done_testing()
{
	echo "1..$tap_n"
	[ "$tap_bad" -eq 0 ]
	exit
}

# absorb: takes another test's TAP on stdin into this one's.
absorb()
{
	local line

	while IFS= read -r line; do
		case $line in
		"ok "*) pass "${line#ok * - }" ;;
		"not ok "*) flunk "${line#not ok * - }" ;;
		1..*) ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
}

# have COMMAND...: all are there
have()
{
	local c

	for c in "$@"; do
		command -v "$c" >/dev/null 2>&1 || return 1
	done
}

# engine_lib VERSION: path of the engine's library; fails when it is not installed.
engine_lib()
{
	local lib

	for lib in "$STORE/wasmtime/$1"/wasmtime/linux-*/_libwasmtime.so; do
		[ -f "$lib" ] && echo "$lib" && return 0
	done
	return 1
}

# engine_host VERSION: the host that runs it.
engine_host()
{
	case $1 in
	*-aarch64) echo "$HOST-aarch64" ;;
	*) echo "$HOST" ;;
	esac
}

# need_tool, need_engine VERSION: skip the file without them.
need_tool()
{
	[ -x "$TOOL" ] || skip_all "no $TOOL"
}

need_engine()
{
	[ -x "$HOST" ] && engine_lib "$1" >/dev/null || skip_all "no engine $1 (tests/setup)"
}

# wasm_strip IN OUT: drops debug sections.  The engine then writes the map of every local.
wasm_strip()
{
	"$OBJCOPY" --strip-debug "$1" "$2"
}

# engine_run VERSION HOST-OPTION...: a version that ends in -aarch64 runs under qemu.
engine_run()
{
	local version=$1
	local run=("$(engine_host "$version")")

	shift
	if [ "${version%-aarch64}" != "$version" ]; then
		run=(qemu-aarch64 -L "$CROSS_ROOT" "${run[@]}")
	fi
	"${run[@]}" --lib "$(engine_lib "$version")" "$@"
}

# engine_compile VERSION IN.wasm OUT.cwasm OPT: OPT is 0 (no optimisation), 1 (the default) or 2.
engine_compile()
{
	engine_run "$1" --compile "$2" --save "$3" --opt "$4" --debug-info --no-run
}

# xform ARGUMENT...: the tool, quiet unless it fails.  gdb would miss Python that is not installed.
xform()
{
	"$TOOL" -q --python=none "$@"
}

# marker FILE NAME: the line of a "BREAK: NAME" comment.
marker()
{
	grep -n "BREAK: $2 \*/" "$1" | cut -d: -f1
}

# guest IMAGE BASE [TOOL-OPTION...]: unpacks an image of tests/data/guest-debug, O2-50 say, to
# BASE.cwasm and makes BASE.debug.
guest()
{
	local image=$1 base=$2

	shift 2
	gzip -dc "tests/data/guest-debug/guest-$image.cwasm.gz" >"$base.cwasm" &&
		xform "tests/data/guest-debug/guest-${image%%-*}.wasm" "$base.cwasm" \
			-o "$base.debug" "$@"
}

# The engine that loads such an image.
guest_engine()
{
	case $1 in
	*-48*) echo 48.0.0 ;;
	*-50) echo 50.0.1 ;;
	esac
}

# need_debugger NAME: skips the file without it; mi: gdb; arm: gdb-multiarch, code for aarch64 under qemu.
need_debugger()
{
	case $1 in
	arm)
		[ -x "$HOST-aarch64" ] || skip_all "no $HOST-aarch64 (tests/setup)"
		have qemu-aarch64 gdb-multiarch || skip_all "no qemu-aarch64 or gdb-multiarch"
		;;
	*)
		have "${1/mi/gdb}" || have "$1-19" || skip_all "no $1"
		;;
	esac
}

# guest_sessions DEBUGGER IMAGE...: tests/debugger/guest.expect on running instrumented code.
guest_sessions()
{
	local debugger=$1 maker=${1/arm/gdb} arm='' image engine

	need_tool
	need_debugger "$debugger"
	[ "$debugger" != arm ] || arm=-aarch64
	shift
	for image in "$@"; do
		engine=$(guest_engine "$image")
		need_engine "$engine$arm"
		guest "$image$arm" "$TMP/guest-$image-opt1$arm-$maker" "--debugger=$maker" || exit 3
		absorb < <(ENGINE=$engine tests/debugger/session "$debugger" guest "$image" 1 "$TMP")
	done
	done_testing
}

# debug_sessions DEBUGGER NAME: tests/debugger/NAME.expect in every mode, then done.
debug_sessions()
{
	local variant opt

	[ -n "${STAND_IN:-}" ] || need_tool
	need_debugger "$1"
	case $1 in
	arm) need_engine "$ENGINE-aarch64" ;;
	*) need_engine "$ENGINE" ;;
	esac
	VARIANTS=${VARIANTS:-O0-dw4 O0-dw5 O2-dw4 O2-dw5}
	for variant in $VARIANTS; do
		[ -f "$STORE/data/$2-$variant.wasm" ] || skip_all "no test modules (tests/setup)"
	done
	for variant in $VARIANTS; do
		for opt in ${OPTS:-0 2}; do
			absorb < <(tests/debugger/session "$1" "$2" "$variant" "$opt" "$TMP")
		done
	done
	done_testing
}

# verifies WHAT FILE: llvm-dwarfdump, readelf and eu-elflint accept it, without a warning.
verifies()
{
	local out

	out=$(timeout 60 "$DWARFDUMP" --verify "$2" 2>&1)
	like "$1: llvm-dwarfdump verifies" "$out" 'No errors'
	unlike "$1: no warning of llvm-dwarfdump" "$out" 'warning'
	is "$1: readelf has nothing to say" "$(readelf -aW "$2" 2>&1 >/dev/null)" ''
	# lldb reads live memory only from a .text that is writable: the one exception
	out=$(eu-elflint --gnu-ld -d "$2" | grep -v -e "'.text'" -e '^No errors$')
	case $(readelf -h "$2") in # elfutils 0.188 does not know these machines
	*'Machine: '*LoongArch* | *'Machine: '*MIPS*)
		out=$(grep -v -e 'machine' -e 'invalid type' <<<"$out") ;;
	esac
	is "$1: eu-elflint" "$out" ''
}

# sidecar ENGINE MODULE.wasm ENGINE-OPT BASE [TOOL-OPTION...]: makes BASE.cwasm and BASE.debug.
sidecar()
{
	local engine=$1 wasm=$2 opt=$3 base=$4

	shift 4
	wasm_strip "$wasm" "$base.strip.wasm" &&
		engine_compile "$engine" "$base.strip.wasm" "$base.cwasm" "$opt" || return 1
	if [ -n "${STAND_IN:-}" ]; then # the engine's own DWARF: to test the tests
		engine_compile "$engine" "$wasm" "$base.debug" "$opt"
	else
		xform "$wasm" "$base.cwasm" -o "$base.debug" "$@"
	fi
}
