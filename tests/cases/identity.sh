#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The generic pass without a visitor says what its input says: for each module the dumps of input
# and output are the same once offsets, forms and dead code are taken out of both (see
# tests/identity/normalise.pl), and the dumper's own checks find no more in the output.  The same
# checks for other versions than the input's.
#
# IDENTITY=all takes every module of the corpus (CORPUS, or ../shared/corpus), also large ones;
# without it a sample.
. "$(dirname "$0")/../lib.sh"
have "$DWARFDUMP" perl pkg-config || skip_all "no $DWARFDUMP, perl or pkg-config"

CORPUS=${CORPUS:-${SHARED_CORPUS:-../shared/corpus}}
SAMPLE='c-clang19/feat-O0-dw2 c-clang19/feat-O0-g3-dw4 c-clang19/feat-O0-g3-dw5 c-clang19/nolibc64-O2-dw5
	c-clang19/feat-O2-lto-dw5 c-clang19/feat-split-O0-dw5 cxx-clang19/featxx-O0-types-dw4
	eh-clang22/sjlj-O2-dw5 rust163/rustfeat-wasi-O2-lto zig017/freezig64-Debug'
export DWARFDUMP

# Only what the pass is made of is linked: no LLVM.
# shellcheck disable=SC2046
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -Ilib ${SANITIZE:+"-fsanitize=$SANITIZE"} -o "$TMP/identity" \
	tests/identity/identity.c "${BUILD:-build}/libwdx.a" \
	$(pkg-config --cflags --libs libdw libelf libzstd zlib) >"$TMP/cc" 2>&1 || {
	flunk 'the identity program compiles'
	diag "$(head -n 20 "$TMP/cc")"
	done_testing
}

# errors FILE: how many the dumper's checks find
errors()
{
	"$DWARFDUMP" --verify "$1" 2>/dev/null | grep -c '^error'
}

# converts DIRECTORY MODULE VERSION: exit status, and why not
converts()
{
	local before after

	"$TMP/identity" "$2" "$1/in" "$1/out" "$3" >"$1/log" 2>&1 || { head -n 3 "$1/log"; return 1; }
	before=$(errors "$1/in")
	after=$(errors "$1/out")
	[ "$after" -le "$before" ] || { echo "version $3: $before errors become $after"; return 1; }
}

# compare MODULE: what differs, if anything; 1 when something does
compare()
{
	local dir

	dir=$(mktemp -d "$TMP/case.XXXXXX") || exit 1
	converts "$dir" "$1" 4 && converts "$dir" "$1" 5 && converts "$dir" "$1" 0 || return 1
	perl tests/identity/normalise.pl "$dir/in" >"$dir/in.txt"
	perl tests/identity/normalise.pl "$dir/out" >"$dir/out.txt"
	[ -s "$dir/in.txt" ] || echo 'the input says nothing'
	diff "$dir/in.txt" "$dir/out.txt" >"$dir/diff" || { head -n 12 "$dir/diff"; return 1; }
	rm -rf "$dir"
}
export -f compare converts errors
export TMP

# one MODULE: a line of TAP without its number
one()
{
	local said

	if said=$(compare "$1"); then
		echo "ok $(basename "$(dirname "$1")")/$(basename "$1")"
	else
		echo "not ok $(basename "$(dirname "$1")")/$(basename "$1")"
		printf '%s\n' "$said" | sed 's/^/# /'
	fi
}
export -f one

modules()
{
	find "$STORE/data" -name '*.wasm' ! -name '*.strip.wasm' 2>/dev/null
	[ -d "$CORPUS" ] || return
	if [ "${IDENTITY:-}" = all ]; then
		# components are several modules; Go and AssemblyScript write no DWARF
		find "$CORPUS" -name '*.wasm' ! -path '*/component/*' ! -path '*/go/*' \
			! -path '*/assemblyscript/*' -size -40M
	else
		for m in $SAMPLE; do
			[ -f "$CORPUS/$m.wasm" ] && echo "$CORPUS/$m.wasm"
		done
	fi
}

modules | sort >"$TMP/modules"
[ -s "$TMP/modules" ] || skip_all 'no modules (tests/setup)'
xargs -P "$(nproc)" -I{} bash -c 'one {}' <"$TMP/modules" >"$TMP/results"
while IFS= read -r line; do
	case $line in
	"ok "*) pass "${line#ok }" ;;
	"not ok "*) flunk "${line#not ok }" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$TMP/results"
is 'every module was compared' "$(grep -cE '^(not )?ok ' "$TMP/results")" "$(wc -l <"$TMP/modules")"

# the comparison itself: two builds of one source do not pass as the same
set -- "$STORE"/data/calc-O0-dw5.wasm "$STORE"/data/calc-O2-dw5.wasm
if [ -f "$1" ] && [ -f "$2" ]; then
	for i in 1 2; do
		"$TMP/identity" "${!i}" "$TMP/in$i" "$TMP/out$i" >"$TMP/log" 2>&1
		perl tests/identity/normalise.pl "$TMP/out$i" >"$TMP/text$i"
	done
	if [ -s "$TMP/text1" ] && ! cmp -s "$TMP/text1" "$TMP/text2"; then
		pass 'the comparison tells different modules apart'
	else
		flunk 'the comparison tells different modules apart'
	fi
fi
done_testing
