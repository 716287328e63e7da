#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The library exports what the public headers mark WDX_API, neither more nor less; its soname is
# set; and nothing in the archive is named outside wdx_.
n=0 bad=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# is_empty WHAT FILE: the lines of FILE are what is wrong.
is_empty()
{
	n=$((n + 1))
	if test -s "$2"; then
		echo "not ok $n - $1"
		sed 's/^/# /' "$2"
		bad=1
	else
		echo "ok $n - $1"
	fi
}

nm -D --defined-only --format=posix "$BUILD/libwdx.so" | awk '$2 != "A" { print $1 }' |
	sed 's/@.*//' | sort -u >"$tmp/exported"
cat "$SRC"/lib/wdx*.h | tr '\n' ' ' | grep -oE 'WDX_API [^;(]*\(' |
	grep -oE 'wdx_[a-z0-9_]+ *\($' | tr -d ' (' | sort -u >"$tmp/declared"
# A sanitizer leaves marks of its own.
test -z "$SANITIZE" || { grep '^wdx_' "$tmp/exported" >"$tmp/own"; mv "$tmp/own" "$tmp/exported"; }

comm -23 "$tmp/exported" "$tmp/declared" >"$tmp/more"
is_empty 'nothing is exported that no public header declares' "$tmp/more"
comm -13 "$tmp/exported" "$tmp/declared" >"$tmp/less"
is_empty 'all that the public headers declare is exported' "$tmp/less"

readelf -d "$BUILD/libwdx.so" | grep -q 'SONAME.*\[libwdx\.so\.[0-9]*\]' ||
	echo 'no soname' >"$tmp/soname"
is_empty 'the shared library has a versioned soname' "$tmp/soname"

readelf -d "$BUILD/libwdx.so" | grep 'NEEDED.*LLVM' >"$tmp/llvm"
is_empty 'LLVM is inside, not needed at run time' "$tmp/llvm"

nm -g --defined-only --format=posix "$BUILD/libwdx.a" 2>/dev/null |
	awk '$2 ~ /^[TDBRC]$/ && $1 !~ /^(wdx_|_Z|__odr_asan)/ { print $1 }' >"$tmp/names"
is_empty 'every name in the archive starts with wdx_' "$tmp/names"

echo "1..$n"
exit $bad
