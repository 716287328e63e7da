#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The stepper over the test modules: what the side-car shows of the running code is what the module's
# DWARF shows of the interpreter, at every statement and, for fewer visits, at every instruction.
# STOPS, VISITS (of one address), VARIANTS and OPTS (the engine's) choose how much.

. "$(dirname "$0")/../lib.sh"
need_tool
need_engine "$ENGINE"
STEPPER=${STEPPER:-${DIFFERENTIAL:-build/differential}/stepper}
[ -x "$STEPPER" ] || make -s -f tests/differential/Makefile "$STEPPER" >"$TMP/make" 2>&1
[ -x "$STEPPER" ] || skip_all "no $STEPPER: $(tail -n 1 "$TMP/make")"

# step WHAT MODULE IMAGE OPTION...: the summary's last numbers go to the log.
step()
{
	local what=$1 module=$2 image=$3

	shift 3
	"$STEPPER" --host "$(engine_host "$ENGINE")" --lib "$(engine_lib "$ENGINE")" "$@" "$module" "$image.cwasm" \
		"$image.debug" "$image.json" >"$TMP/.step" 2>&1
	is "$what" $? 0
	unlike "$what: no claim of the map is shown that is false" "$(cat "$TMP/.step")" ' map-fault'
	diag "$(cut -c 1-500 "$TMP/.step")"
}

for name in calc types wide; do
	for variant in ${VARIANTS:-O0-dw4 O0-dw5 O2-dw4 O2-dw5}; do
		module=$STORE/data/$name-$variant.wasm
		[ -f "$module" ] || skip_all "no test modules (tests/setup)"
		for opt in ${OPTS:-0 2}; do
			image=$TMP/$name-$variant-$opt
			sidecar "$ENGINE" "$module" "$opt" "$image" "--emit-map=$image.json" \
				--debugger=none || exit 3
			step "$name $variant, engine -O$opt: statements" "$module" "$image" \
				--strict --stops "${STOPS:-4000}"
			step "$name $variant, engine -O$opt: every instruction" "$module" "$image" \
				--every --stops "${STOPS:-4000}" --visits "${VISITS:-4}"
		done
	done
done
done_testing
