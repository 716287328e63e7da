#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# False claims of a map, taken as they are (--recover=none): both loops find the wrong values, prove the
# claim false and count them as map faults, not as wrong; with the claims checked there are none.
. "$(dirname "$0")/../lib.sh"
need_tool
need_engine "$ENGINE"
STEPPER=${STEPPER:-${DIFFERENTIAL:-build/differential}/stepper}
[ -x "$STEPPER" ] || skip_all "no $STEPPER (make differential)"
[ -f "$STORE/data/calc-O0-dw4.wasm" ] || skip_all "no test modules (tests/setup)"

# Loop 2, on what the engine itself claims.  step OPTION: the stepper's output in $TMP/step
step()
{
	sidecar "$ENGINE" "$STORE/data/calc-O0-dw4.wasm" 2 "$TMP/i" "--emit-map=$TMP/i.json" ${1:+"$1"} || exit 3
	"$STEPPER" --host "$HOST" --lib "$(engine_lib "$ENGINE")" --stops 4000 --strict \
		"$STORE/data/calc-O0-dw4.wasm" "$TMP/i.cwasm" "$TMP/i.debug" "$TMP/i.json" >"$TMP/step" 2>&1
}

ok "stepper: claims as they are are no wrong values" step --recover=none
like "stepper: but map faults" "$(cat "$TMP/step")" ' map-fault [1-9]'
like "stepper: each with function, local and place" "$(cat "$TMP/step")" \
	'map fault: function [0-9]+ local [0-9]+ is not in .* at 0x'
ok "stepper: claims checked" step
unlike "stepper: no map fault" "$(cat "$TMP/step")" 'map.fault'

# --check-map finds without running it what the stepper sees.
cat >"$TMP/both.py" <<'END'
import json, re, sys

claims = json.load(open(sys.argv[1]))["contradictions"]
seen = re.findall(r"map fault: function (\d+) local (\d+) is not in \S+ at (0x[0-9a-f]+)", open(sys.argv[2]).read())
for function, local, at in seen:
    for c in claims:
        if (c["function"], c.get("local")) == (int(function), int(local)) and c["lo"] <= int(at, 16) < c["hi"]:
            print("both", function, local, at)
END
module=$STORE/data/calc-O2-dw5.wasm
sidecar "$ENGINE" "$module" 2 "$TMP/b" "--emit-map=$TMP/b.json" --recover=none || exit 3
"$STEPPER" --host "$HOST" --lib "$(engine_lib "$ENGINE")" --stops 20000 --every --max-errors 100 \
	"$module" "$TMP/b.cwasm" "$TMP/b.debug" "$TMP/b.json" >"$TMP/step" 2>&1
"$TOOL" --check-map=json "$module" "$TMP/b.cwasm" >"$TMP/b.check"
like "a contradicted claim is one that the stepper finds false" "$("$PYTHON" "$TMP/both.py" "$TMP/b.check" "$TMP/step")" \
	'^both'

# Loop 1, on a claim that is false for certain.
if have csmith clang-19 gdb lldb-19; then
	cat >"$TMP/program.c" <<'END'
#include "csmith.h"
static int total;

static int sum_up(int *list, int n, int from)
{
	int sum = from;
	int i;

	for (i = 0; i < n; i++)
		sum = sum + list[i];
	total = total + sum;
	return sum;
}

int main(void)
{
	int list[5] = {1, 2, 3, 4, 5};

	platform_main_begin();
	crc32_gentab();
	sum_up(list, 5, 0);
	transparent_crc(total, "total", 0);
	platform_main_end(crc32_context ^ 0xFFFFFFFFUL, 0);
	return 0;
}
END
	tool=$(realpath "$TOOL")
	loop1()
	{
		LOOP1=$TOP/tests/differential/loop1 REAL_WDX=$tool FALSE_FUNCTION=sum_up FALSE_VALUE=65000 \
			WDX=$1 tests/differential/debuggers --source "$TMP/program.c" --steps 60 2>&1
	}
	out=$(loop1 "$TOP/tests/differential/loop1/false_claim.py")
	for debugger in gdb lldb; do
		like "$debugger: a map fault, with the proof" "$out" \
			"^$debugger, jit 2: map fault: .*: n: host 5, wasm .* claimed in .*\"const\": 65000"
	done
	unlike "no wrong value beside it" "$out" 'value wrong|missing|mismatch'
	unlike "nor with the optimiser off" "$out" 'jit 0'
	unlike "nothing with the true map" "$(loop1 "$tool")" 'jit'
else
	skip "loop 1" "no csmith, clang-19, gdb or lldb-19 (tests/setup)"
fi
done_testing
