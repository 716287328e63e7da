#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# --check-map: on the engine's own images, for both machines, it says the same of an image and of the
# map made of it, and finds faults planted in maps.
. "$(dirname "$0")/../lib.sh"
need_tool
wasm=$STORE/data/calc-O0-dw4.wasm
[ -f "$wasm" ] || skip_all 'no test modules (tests/setup)'

# check ARGUMENT...: the tool; $out, $err and $status.
check()
{
	"$TOOL" "$@" >"$TMP/out" 2>"$TMP/err"
	status=$?
	out=$(cat "$TMP/out") err=$(cat "$TMP/err")
}

# plant.py MAP OUT: faults that are some for certain.  A local in a register that calls take is said
# to be there also behind the next call, up to the instruction of wasm that follows.
cat >"$TMP/plant.py" <<'END'
import bisect, json, sys

m = json.load(open(sys.argv[1]))
takes = {"rcx", "rsi", "rdi", "r8", "r9", "r10", "r11"} | {"x%d" % n for n in range(2, 18)}
planted = []
for f in m["functions"]:
    pairs = [p for part in f["parts"] for p in part.get("pairs", [])]
    at = [p[0] for p in pairs]
    for e in f.get("locals", []):
        ranges = e["ranges"]
        for i, (lo, hi, place) in enumerate(ranges):
            call = next((c for c in f.get("calls", []) if lo < c - 5 and hi <= c), None)
            k = bisect.bisect_left(at, call) if call else len(at)
            end = at[k + 1] if k + 1 < len(at) else None
            if not end or at[k] > call + 8 or place.get("reg") not in takes or pairs[k][1] is None:
                continue
            if i + 1 < len(ranges) and ranges[i + 1][0] < end:
                continue
            ranges[i] = [lo, end, place]
            planted.append((f["index"], e["index"], lo))
            break
json.dump(m, open(sys.argv[2], "w"))
json.dump(planted, open(sys.argv[2] + ".planted", "w"))
END

# found.py PLANTED FINDINGS: whether three in four of them are: where control comes from elsewhere,
# too, right behind the call, or an argument is set for what comes later, nothing is for certain.
cat >"$TMP/found.py" <<'END'
import json, sys

planted = {tuple(p) for p in json.load(open(sys.argv[1]))}
report = json.load(open(sys.argv[2]))
found = {(c["function"], c.get("local"), c["lo"]) for c in report["contradictions"]}
assert len(report["contradictions"]) == report["claims_contradicted"]
parts = ("proved", "contradicted", "undecided")
assert report["claims"] == sum(report["claims_" + p] for p in parts)
print("%d planted, %d missed" % (len(planted), len(planted - found)), sorted(planted - found)[:5])
sys.exit(len(planted) < 20 or 4 * len(planted - found) > len(planted))
END

one_image()
{
	local version=$1 opt=$2 what="$1 opt$2"

	ok "$what: compiled" engine_compile "$version" "$TMP/strip.wasm" "$TMP/x.cwasm" "$opt" || return
	check --check-map "$wasm" "$TMP/x.cwasm"
	is "$what: contradictions are found" "$status" 4
	like "$what: what is there, and what should be" "$out" \
		'x\.cwasm: function [0-9]+ \(.+\): 0x[0-9a-f]+-0x[0-9a-f]+: local [0-9]+ = [a-z0-9+-]+: at 0x[0-9a-f]+ \(wasm 0x[0-9a-f]+\) it holds .+, not .+'
	like "$what: summed up" "$(tail -n 1 <<<"$out")" \
		"^[0-9]+ claims: [0-9]+ proved, $(($(wc -l <<<"$out") - 1)) contradicted, [0-9]+ undecided; [0-9]+ of [0-9]+ functions followed$"
	ok "$what: the map as JSON" xform "$wasm" "$TMP/x.cwasm" -o "$TMP/x.debug" "--emit-map=$TMP/x.json"
	is "$what: the same of it" "$("$TOOL" --check-map "$wasm" "$TMP/x.json" | sed 's/x\.json/x.cwasm/')" "$out"
	ok "$what: faults planted" "$PYTHON" "$TMP/plant.py" "$TMP/x.json" "$TMP/bad.json"
	check --check-map=json "$wasm" "$TMP/bad.json"
	is "$what: planted faults are found: status" "$status" 4
	ok "$what: planted faults are found" "$PYTHON" "$TMP/found.py" "$TMP/bad.json.planted" "$TMP/out"
}

wasm_strip "$wasm" "$TMP/strip.wasm"
for version in $ENGINES "$ENGINE-aarch64"; do
	if ! engine_lib "$version" >/dev/null || { [ "${version%-aarch64}" != "$version" ] &&
		! { have qemu-aarch64 && [ -x "$HOST-aarch64" ]; }; }; then
		skip "$version" 'engine not installed'
		continue
	fi
	for opt in 0 2; do
		one_image "$version" "$opt"
	done
done
[ -f "$TMP/x.json" ] || { done_testing; }

# With a side-car, and beside other options.
check --check-map --python=none "$wasm" "$TMP/x.cwasm" -o "$TMP/y.debug"
is 'with -o: status' "$status" 4
ok 'with -o: the side-car is there, and the same' cmp "$TMP/x.debug" "$TMP/y.debug"
check --check-map "$wasm" "$TMP/x.cwasm" --stats
is 'what a side-car gives needs one: status' "$status" 2
like 'what a side-car gives needs one' "$err" "'-o FILE' is required"
check --check-map --stats "$wasm" "$TMP/x.cwasm" -o "$TMP/z.debug"
like 'one report at a time' "$err" 'only one output'
check --check-map=xml "$wasm" "$TMP/x.cwasm"
like 'unknown format' "$err" "invalid argument 'xml' for '--check-map'"
check --check-map "$wasm" "$wasm"
is 'no map: status' "$status" 1
is 'no map: nothing on stdout' "$out" ''
check --check-map "$TMP/strip.wasm" "$TMP/x.cwasm"
is 'a module without DWARF will do: status' "$status" 4
is 'a module without DWARF will do' "$err" ''

# Nothing to check.
"$PYTHON" - "$TMP/x.json" "$TMP/n.json" <<'END'
import json, sys

m = json.load(open(sys.argv[1]))
del m["code"]["bytes"]
json.dump(m, open(sys.argv[2], "w"))
END
check --check-map "$wasm" "$TMP/n.json"
is 'no code bytes: status' "$status" 0
like 'no code bytes: warned' "$err" 'warning: .*n\.json: it has no code bytes: nothing is checked'
like 'no code bytes: all undecided' "$out" '^([0-9]+) claims: 0 proved, 0 contradicted, \1 undecided; 0 of 0'
done_testing
