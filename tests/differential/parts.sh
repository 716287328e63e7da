#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Functions in several parts: the map of a real image with each of its functions cut into three says
# nearly the same, and nothing wrong.
. "$(dirname "$0")/../lib.sh"
need_tool
need_engine "$ENGINE"
STEPPER=${STEPPER:-${DIFFERENTIAL:-build/differential}/stepper}
[ -x "$STEPPER" ] || skip_all "no $STEPPER (make differential)"
[ -f "$STORE/data/calc-O0-dw4.wasm" ] || skip_all "no test modules (tests/setup)"

cat >"$TMP/cut.py" <<'END'
import json, sys

m = json.load(open(sys.argv[1]))


def cut_part(part):
    pairs = part.get("pairs", [])
    bounds = [part["lo"], pairs[len(pairs) // 3][0], pairs[2 * len(pairs) // 3][0], part["hi"]]
    for lo, hi in zip(bounds, bounds[1:]):
        new = {"lo": lo, "hi": hi, "pairs": [p for p in pairs if lo <= p[0] < hi]}
        if "unwind" in part:
            first = [r for r in part["unwind"] if r["at"] <= lo][-1]
            new["unwind"] = [dict(first, at=lo)] + [r for r in part["unwind"] if lo < r["at"] < hi]
        yield new


def cut_ranges(ranges, parts):
    both = [(max(lo, p["lo"]), min(hi, p["hi"]), place) for lo, hi, place in ranges for p in parts]
    return [r for r in both if r[0] < r[1]]


for f in m["functions"]:
    if f["index"] is None or len(f["parts"][0].get("pairs", [])) < 9:
        continue
    f["parts"] = list(cut_part(f["parts"][0]))
    for key in ("locals", "stack", "globals", "memories", "doubtful"):
        for e in f.get(key, []):
            e["ranges"] = cut_ranges(e["ranges"], f["parts"])
    f["context"] = cut_ranges(f.get("context", []), f["parts"])
json.dump(m, open(sys.argv[2], "w"))
END

# stat FILE KEY: a number of --stats=json
stat()
{
	"$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"
}

for module in calc-O0-dw4 calc-O2-dw5; do
	for opt in 0 2; do
		what="$module opt$opt" wasm=$STORE/data/$module.wasm
		ok "$what: whole" sidecar "$ENGINE" "$wasm" "$opt" "$TMP/x" "--emit-map=$TMP/x.json" || continue
		"$PYTHON" "$TMP/cut.py" "$TMP/x.json" "$TMP/cut.json"
		for map in x cut; do
			xform "$wasm" "$TMP/$map.json" -o "$TMP/$map.debug" --debugger=none --stats=json >"$TMP/$map.stats"
		done
		is "$what: all functions are followed" "$(stat "$TMP/cut.stats" functions_checked)" \
			"$(stat "$TMP/x.stats" functions_checked)"
		whole=$(stat "$TMP/x.stats" covered_bytes) cut=$(stat "$TMP/cut.stats" covered_bytes)
		ok "$what: nearly as much is found ($cut of $whole)" [ $((cut * 100)) -ge $((whole * 98)) ]
		ok "$what: nothing is wrong" "$STEPPER" --host "$(engine_host "$ENGINE")" --lib "$(engine_lib "$ENGINE")" --stops 2000 \
			"$wasm" "$TMP/x.cwasm" "$TMP/cut.debug" "$TMP/cut.json"
	done
done
done_testing
