#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Code that the engine's optimiser moved down, into a loop or behind a branch (order.c): no statement
# of it is stopped at, and the stepper does not take it for that of the next round.

. "$(dirname "$0")/../lib.sh"
need_tool
need_engine "$ENGINE"
have clang-19 || skip_all "no clang-19 (tests/setup)"
STEPPER=${STEPPER:-${DIFFERENTIAL:-build/differential}/stepper}
[ -x "$STEPPER" ] || make -s -f tests/differential/Makefile "$STEPPER" >"$TMP/make" 2>&1
[ -x "$STEPPER" ] || skip_all "no $STEPPER: $(tail -n 1 "$TMP/make")"

# step WHAT OPTION...: the summary is in $TMP/.step.
step()
{
	local what=$1

	shift
	"$STEPPER" --host "$(engine_host "$ENGINE")" --lib "$(engine_lib "$ENGINE")" "$@" "$TMP/order.wasm" \
		"$TMP/order.cwasm" "$TMP/order.debug" "$TMP/order.json" >"$TMP/.step" 2>&1
	is "$what" $? 0
	diag "$(cut -c 1-500 "$TMP/.step")"
}

for level in -O1 -O2; do
	clang-19 --target=wasm32 -nostdlib -w "$level" -g -o "$TMP/order.wasm" tests/differential/order.c ||
		skip_all "clang-19 makes no wasm"
	sidecar "$ENGINE" "$TMP/order.wasm" 2 "$TMP/order" "--emit-map=$TMP/order.json" --debugger=none || exit 3
	step "$level: statements" --strict
	step "$level: every instruction" --every
	like "$level: there is code that was moved" "$(cat "$TMP/.step")" ' displaced [1-9]'
	unlike "$level: globals are those of the statement, everywhere" "$(cat "$TMP/.step")" ' static-between'
done
done_testing
