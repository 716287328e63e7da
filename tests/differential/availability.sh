#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# How much the side-cars of some modules show does not fall (tests/differential/availability), --stats,
# which the tool counts itself, says the same of them, and the engine's DWARF shows nothing more that is
# proved.

. "$(dirname "$0")/../lib.sh"
need_tool
need_engine "$ENGINE"
AVAILABILITY=${AVAILABILITY:-${DIFFERENTIAL:-build/differential}/availability}
[ -x "$AVAILABILITY" ] || skip_all "no $AVAILABILITY (make differential)"
export AVAILABILITY

# What is to be had at least, in percent of what the module's DWARF has: bytes behind prologues, and
# pairs of a variable and a stop.  Some one below what was measured; raise it when more is there.
floors()
{
	cat <<-'END'
		calc-O0-dw4   0   96.1  97.1
		calc-O0-dw4   2   91.7  94.5
		calc-O2-dw5   0   95.8  97.1
		calc-O2-dw5   2   91.4  94.5
		types-O0-dw5  0   96.0  97.0
		types-O0-dw5  2   91.3  94.4
		types-O2-dw4  0   95.9  96.9
		types-O2-dw4  2   91.4  94.3
		rusty-O0-dw4  0   89.6  92.8
		rusty-O0-dw4  2   85.2  88.8
	END
}

# at_least WHAT NUMBERS FIELD FLOOR: FIELD is body or pairs of the line "ours"
at_least()
{
	local got

	got=$(awk -v field="$3" '$3 == "ours" {
		for (i = 4; i < NF; i++)
			if ($i == field && $(i + 2))
				printf "%.1f", 100 * $(i + 3) / $(i + 2)
	}' <<<"$2")
	ok "$1: ${got:-none} %, at least $4 %" awk "BEGIN { exit !(${got:-0} >= $4) }"
}

# agrees WHAT NUMBERS MODULE OPT: the tool's own count of bytes with a location, constants apart
agrees()
{
	sidecar "$ENGINE" "$3" "$4" "$TMP/image" --stats=json >"$TMP/stats.json"
	ok "$1: --stats agrees" "$PYTHON" - "$TMP/stats.json" "$2" <<-'END'
		import json, sys
		words = next(l for l in sys.argv[2].splitlines() if l.split()[2] == "ours").split()
		had = int(words[words.index("all") + 3]) - int(words[words.index("constant") + 1])
		counted = json.load(open(sys.argv[1]))["covered_bytes"]
		print("measured", had, "counted", counted)
		sys.exit(abs(had - counted) > 0.01 * counted)
	END
}

# adds NUMBERS: bytes behind prologues of the lines map, code and ours ascend
adds()
{
	awk '{ for (i = 4; i < NF; i++) if ($i == "body") had[$3] = $(i + 3) }
		END { exit !(0 < had["map"] && had["map"] < had["code"] && had["code"] < had["ours"]) }' <<<"$1"
}

while read -r name opt bytes pairs; do
	module=$STORE/data/$name.wasm
	[ -f "$module" ] || skip_all "no test modules (tests/setup)"
	numbers=$(OPTS=$opt tests/differential/availability --raw "$module")
	what="$name, engine -O$opt"
	at_least "$what, bytes" "$numbers" body "$bytes"
	at_least "$what, at stops" "$numbers" pairs "$pairs"
	agrees "$what" "$numbers" "$module" "$opt"
	ok "$what: map, code followed, computed again: each adds" adds "$numbers"
	unlike "$what: nothing proved is only in the engine's" "$numbers" ' proved='
done < <(floors)
done_testing
