#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The interpreter does what the engine does: the same output, exit status and memory at the end, for
# the test modules, for every operation on numbers, and for what runs of the corpus (CORPUS, or
# ../shared/corpus).  Clock and random numbers are made up on both sides.  And it stops where it
# is told to (interp/test.c).
. "$(dirname "$0")/../lib.sh"
need_engine "$ENGINE"

CORPUS=${CORPUS:-${SHARED_CORPUS:-../shared/corpus}}
OUT=$STORE/differential
INTERP=$OUT/interp
LIB=$(engine_lib "$ENGINE")
export INTERP HOST LIB TMP

if make -s -f tests/differential/Makefile "$INTERP" "$OUT/interp_test" >"$TMP/make" 2>&1; then
	pass 'the interpreter compiles'
else
	flunk 'the interpreter compiles'
	diag "$(head -n 20 "$TMP/make")"
	done_testing
fi
absorb < <("$OUT/interp_test" tests/data/example.wasm)

# compare MODULE [EXPORT [NUMBER...]]: what differs, if anything; 2 when the interpreter cannot
compare()
{
	local dir a b

	dir=$(mktemp -d "$TMP/case.XXXXXX") || exit 1
	timeout 120 "$INTERP" --hash "$@" </dev/null >"$dir/a" 2>"$dir/a.err"
	a=$?
	grep 'not supported$' "$dir/a.err" && return 2
	timeout 120 "$HOST" --lib "$LIB" --hash --fixed --compile "$@" </dev/null >"$dir/all" \
		2>"$dir/b.err"
	b=$?
	tail -n +2 "$dir/all" >"$dir/b" # behind the line that says where the image is
	if [ $a -ne $b ]; then
		echo "exit status $a, in the engine $b"
	elif ! grep -aq '^hash ' "$dir/b"; then
		echo 'it did not run'
	elif cmp -s "$dir/a" "$dir/b"; then
		rm -rf "$dir"
		return 0
	fi
	diff -a "$dir/a" "$dir/b" | head -n 6
	head -n 3 "$dir/a.err" "$dir/b.err"
	return 1
}

# one MODULE [EXPORT [NUMBER...]]: a line of TAP without its number
one()
{
	local said name

	name="$(basename "$(dirname "$1")")/$(basename "$1") ${*:2}"
	said=$(compare "$@")
	case $? in
	0) echo "ok $name" ;;
	2) echo "skip $name $said" ;;
	*)
		echo "not ok $name"
		printf '%s\n' "$said" | sed 's/^/# /'
		;;
	esac
}
export -f compare one

# --- what is run: a line each, module, export, arguments -----------------------------------------

# calls MODULE: what to call of those that have no _start
calls()
{
	case $1 in
	*/example-*) printf '%s\n' "$1 total 7" "$1 count_calls" ;;
	*/reactor-*) printf '%s\n' "$1 _initialize" "$1 bump 5" ;;
	*/freezig64-* | */nolibc*) printf '%s\n' "$1 run 5" ;;
	assemblyscript/* | */assemblyscript/*) printf '%s\n' "$1 fib 15" "$1 run 12" ;;
	*) echo "$1" ;;
	esac
}

corpus()
{
	[ -f "$CORPUS/INDEX.tsv" ] || return
	awk -F'\t' '$3 == "core" && $10 ~ /^yes/ { print $1 }' "$CORPUS/INDEX.tsv" | while read -r m; do
		[ -f "$CORPUS/$m" ] && calls "$CORPUS/$m"
	done
}

data()
{
	for m in "$STORE"/data/*.wasm; do
		[ -f "$m" ] && [ "${m%.strip.wasm}" = "$m" ] && calls "$m"
	done
}

# Each that may trap at its limits and beyond: integers, then bits of floats.
traps()
{
	local t op v

	for op in div_s div_u rem_s rem_u; do
		for v in '7 0' '7 -2' '-7 2' '-2147483648 -1'; do
			echo "$1 i32_$op $v"
		done
		for v in '7 0' '-7 2' '-9223372036854775808 -1'; do
			echo "$1 i64_$op $v"
		done
	done
	for t in i32 i64; do
		for op in s u; do
			# -1, 2^31, -2^31, the next below, 2^63, -2^63, a NaN
			for v in 0xbf800000 0x4f000000 0xcf000000 0xcf000001 0x5f000000 0xdf000000 0x7fc00000; do
				echo "$1 ${t}_trunc_f32_$op $v"
			done
			# -1 + epsilon, 2^31, just below, -2^31 - 1, just above, 2^64, infinity
			for v in 0xbfefffffffffffff 0x41e0000000000000 0x41dfffffffffffff \
				0xc1e0000000200000 0xc1e00000001fffff 0x43f0000000000000 0x7ff0000000000000; do
				echo "$1 ${t}_trunc_f64_$op $((v))"
			done
		done
	done
}

numbers()
{
	clang-19 --target=wasm32-unknown-unknown -msign-ext -mnontrapping-fptoint -c \
		-o "$TMP/numeric.o" tests/differential/numeric.s &&
		wasm-ld-19 --export=_start -o "$TMP/numeric.wasm" "$TMP/numeric.o" || return
	echo "$TMP/numeric.wasm"
	traps "$TMP/numeric.wasm"
}

have clang-19 wasm-ld-19 || skip 'operations on numbers' 'no clang-19 or wasm-ld-19'
{
	data
	have clang-19 wasm-ld-19 && numbers
	corpus
} >"$TMP/list"
xargs -P "$(nproc)" -I{} bash -c 'one {}' <"$TMP/list" >"$TMP/results"
while IFS= read -r line; do
	case $line in
	"ok "*) pass "${line#ok }" ;;
	"not ok "*) flunk "${line#not ok }" ;;
	"skip "*) skip "$(echo "$line" | cut -d' ' -f2)" "${line##*: }" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$TMP/results"
is 'every one was compared' "$(grep -cE '^(ok|not ok|skip) ' "$TMP/results")" \
	"$(wc -l <"$TMP/list")"
done_testing
