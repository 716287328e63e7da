#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Images instrumented for guest debugging: wherever a wasm instruction is at work, all locals and
# the context are there; the code, running, bears out what the side-car shows.
. "$(dirname "$0")/../lib.sh"
need_tool

# coverage MAP.json: bytes with a position, why others have none, what has no place where one is due.
coverage()
{
	"$PYTHON" - "$1" <<'PY'
import json, sys

m = json.load(open(sys.argv[1]))
total = known = prologue = tail = lost = 0
for f in m["functions"]:
    if "context" not in f:
        lost += f.get("index") is not None
        continue
    part = f["parts"][0]
    ends = [p[0] for p in part["pairs"][1:]] + [part["hi"]]
    at = [(p[0], end) for p, end in zip(part["pairs"], ends) if p[1] is not None]
    size = sum(hi - lo for lo, hi in at)
    total += part["hi"] - part["lo"]
    known += size
    prologue += at[0][0] - part["lo"]
    tail += part["hi"] - at[-1][1]
    for entity in [r["ranges"] for r in f.get("locals", [])] + [f["context"]]:
        lost += sum(hi - lo - sum(max(0, min(hi, r[1]) - max(lo, r[0])) for r in entity)
                    for lo, hi in at)
print(f"lost {lost}; of {total} bytes of code {known} behind a patch, {prologue} prologue,",
      f"{tail} out of line behind it or epilogue, {total - known - prologue - tail} between")
PY
}

# imported IMAGE AVAILABILITY
imported()
{
	local image=$1 base=$TMP/guest-$1 module=tests/data/guest-debug/guest-${1%%-*}.wasm stats

	stats=$(guest "$image" "$base" --stats --strict --emit-map="$base.json" 2>&1)
	is "$image: nothing is lost" $? 0
	diag "$(grep availability <<<"$stats")"
	like "$image: available" "$stats" "availability +($2)\.[0-9] %"
	ok "$image: the map gives a side-car" xform "$module" "$base.json" -o "$base.json.debug"
	ok "$image: the same" cmp "$base.debug" "$base.json.debug"
	stats=$(coverage "$base.json")
	diag "$stats"
	like "$image: every local, wherever an instruction is at work" "$stats" '^lost 0;'
}

# Of small functions the prologue is much: it fills the slots.  No wasm instruction is at work there.
imported O0-50 88
imported O2-50 92
imported O2-48 92
imported O2-50-aarch64 89

got=$("$TOOL" tests/data/guest-debug/guest-O0.wasm "$TMP/guest-O2-50.cwasm" -o "$TMP/x" 2>&1)
is "another module: refused" $? 1
like "another module: said so" "$got" 'of another module'

# section EDIT: the image with its frame tables, t, changed.
section()
{
	"$PYTHON" - "$TMP/guest-O2-50.cwasm" "$TMP/bad.cwasm" "$1" <<'PY'
import struct, sys

d = bytearray(open(sys.argv[1], "rb").read())
at, n, names = *struct.unpack_from("<Q", d, 40), *struct.unpack_from("<HH", d, 60)
headers = [struct.unpack_from("<IIQQQQ", d, at + 64 * i) for i in range(n)]
for i, h in enumerate(headers):
    name = headers[names][4] + h[0]
    if d[name:d.index(0, name)] == b".wasmtime.frames":
        t = d[h[4]:h[4] + h[5]]
        exec(sys.argv[3])
        d[h[4]:h[4] + len(t)] = t
        struct.pack_into("<Q", d, at + 64 * i + 32, len(t))
open(sys.argv[2], "wb").write(d)
PY
}

# refused WHAT EDIT MESSAGE
refused()
{
	section "$2" || exit 3
	got=$("$TOOL" -q tests/data/guest-debug/guest-O2.wasm "$TMP/bad.cwasm" -o "$TMP/x" 2>&1)
	is "$1: refused" $? 1
	is "$1: in one line" "$(wc -l <<<"$got")" 1
	like "$1: said so" "$got" "$3"
}

refused "cut short" 't = t[:-1]' 'not as long as its header says'
refused "cut to the header" 't = t[:24]' 'not as long as its header says'
refused "wild count" 't[4:8] = b"\xff\xff\xff\xff"' 'not as long as its header says'
refused "descriptor outside" 't[28:32] = b"\xff\xff\xff\x7f"' 'descriptor 0: outside of its pool'
refused "frame too small" 't[24 + 8 * t[0]:28 + 8 * t[0]] = b"\x08\0\0\0"' \
	'descriptor 0: a .* outside of the frame'

# Running, beside the interpreter.
STEPPER=${STEPPER:-${DIFFERENTIAL:-build/differential}/stepper}

# step IMAGE WHAT OPTION...
step()
{
	local base=$TMP/guest-$1 image=$1 what=$2 engine

	shift 2
	engine=$(guest_engine "$image")
	[ -x "$STEPPER" ] || make -s -f tests/differential/Makefile "$STEPPER" >"$TMP/make" 2>&1
	if [ ! -x "$STEPPER" ] || [ ! -x "$HOST" ] || ! engine_lib "$engine" >/dev/null; then
		skip "$image: $what" "no engine $engine or no stepper"
		return
	fi
	ok "$image: $what" "$STEPPER" --host "$HOST" --lib "$(engine_lib "$engine")" "$@" \
		"tests/data/guest-debug/guest-${image%%-*}.wasm" "$base.cwasm" "$base.debug" \
		"$base.json"
	unlike "$image: $what, no claim of the map is false" "$(cat "$TMP/.ok")" ' map-fault'
	diag "$(tail -n 1 "$TMP/.ok" | cut -c 1-300)"
}

for image in O0-50 O2-50 O2-48; do
	step "$image" "every statement" --strict --stops 4000
	step "$image" "every instruction" --every --stops 20000 --visits 9
done
done_testing
