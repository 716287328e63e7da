#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The include rule: dependencies between the folders point one way.  TAP; `make lint` and
# `make check` run it.
cd "${SRC:-$(dirname "$0")/../..}" || exit 1

# FOLDER and the folders of lib/ it may include from, besides the public headers lib/wdx*.h.
rules='
base	base
wasm	base wasm
elf	base elf
native	base native
dwarf	base elf dwarf
map	base wasm elf native map
flow	base wasm map native flow
xlat	base wasm elf map native flow dwarf xlat
'
n=0 bad=0

# check WHAT PATHS PATTERN: every #include "..." below the paths (a glob) matches the pattern.
check()
{
	n=$((n + 1))
	found=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' \
		--include='*.[ch]' --include='*.cpp' --include='*.def' $2 /dev/null 2>/dev/null |
		grep -vE "include[[:space:]]*\"($3)\"")
	if test -z "$found"; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$found" | sed 's/^/# /'
		bad=1
	fi
}

while read -r dir allowed; do
	test -n "$dir" || continue
	check "lib/$dir includes only: $allowed" "lib/$dir" \
		"wdx[a-z_]*\.h|($(echo $allowed | tr ' ' '|'))/[^\"]*"
done <<EOT
$rules
EOT
check 'public headers include only public headers' 'lib/wdx*.h' 'wdx[a-z_]*\.h'
check 'cmd includes only public headers and its own' cmd "wdx[a-z_]*\.h|[a-z_]+\.h"

# Angle brackets are for the system: they must not reach round the rule.
n=$((n + 1))
if found=$(grep -rnE '#[[:space:]]*include[[:space:]]*<(base|wasm|elf|native|dwarf|map|flow|xlat)/' \
	lib cmd); then
	echo "not ok $n - no folder of lib in angle brackets"
	echo "$found" | sed 's/^/# /'
	bad=1
else
	echo "ok $n - no folder of lib in angle brackets"
fi
echo "1..$n"
exit $bad
