#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The proof that the stepper sees: mutate.py puts each of eleven faults into a side-car, at a single
# place each time; the stepper must tell the changed side-car from the true one, by its verdict.
# Not each place can be told: some are where the program does not stop, or a wrong register happens
# to hold the right value.  At how many the fault must be seen stands in the table at the end.
# PLACES (in the environment): how many are tried.

. "$(dirname "$0")/../lib.sh"
need_tool
need_engine "$ENGINE"
STEPPER=${STEPPER:-${DIFFERENTIAL:-build/differential}/stepper}
[ -x "$STEPPER" ] || make -s -f tests/differential/Makefile "$STEPPER" >"$TMP/make" 2>&1
[ -x "$STEPPER" ] || skip_all "no $STEPPER: $(tail -n 1 "$TMP/make")"
have llvm-objdump-19 || skip_all "no llvm-objdump-19 (tests/setup)"
"$PYTHON" -c 'import elftools' 2>/dev/null || skip_all "no pyelftools (tests/setup)"

# prepare MODULE OPT: the image, its map and side-car as $TMP/MODULE-OPT.*, once.
prepare()
{
	local module=$STORE/data/$1.wasm image=$TMP/$1-$2

	[ -f "$module" ] || skip_all "no test modules (tests/setup)"
	[ -f "$image.debug" ] || sidecar "$ENGINE" "$module" "$2" "$image" "--emit-map=$image.json" \
		--debugger=none
}

# judge MODULE OPT SIDE-CAR OPTION...: the stepper's verdict
judge()
{
	local module=$STORE/data/$1.wasm image=$TMP/$1-$2 side=$3

	shift 3
	"$STEPPER" --host "$HOST" --lib "$(engine_lib "$ENGINE")" --stops 4000 "$@" \
		"$module" "$image.cwasm" "$side" "$image.json"
}

# counts FILE: the summary's, without the times
counts()
{
	grep '^stops' "$1" | sed 's/available [0-9.]*%.*//'
}

# fault NAME MODULE OPT UNIT LEAST VERDICT OPTION...: LEAST: at so many of 100 places it is seen;
# VERDICT: what is said then, a regular expression.
fault()
{
	local name=$1 module=$2 opt=$3 unit=$4 least=$5 verdict=$6
	local folder=$TMP/$1-$2-$3 image=$TMP/$2-$3 what status true n=0 seen=0 odd=0

	shift 6
	prepare "$module" "$opt" || exit 3
	ok "$name: the side-car of $module, engine -O$opt, is true" \
		judge "$module" "$opt" "$image.debug" "$@"
	true=$(counts "$TMP/.ok")
	mkdir "$folder"
	if ! "$PYTHON" tests/differential/mutate.py "$image.debug" "$image.cwasm" "$unit" "$name" \
		"$folder" "${PLACES:-12}" >"$folder/places"; then
		flunk "$name: mutate.py"
		return
	fi
	while IFS= read -r what; do
		judge "$module" "$opt" "$folder/$n" "$@" >"$folder/verdict" 2>&1
		status=$?
		cmp -s "$folder/$n" "$image.debug" && status=same
		case $status in
		0)
			if [ "$(counts "$folder/verdict")" = "$true" ]; then
				diag "$what: not seen, no count differs"
			else
				diag "$what: not seen, but the counts differ"
			fi
			;;
		1)
			seen=$((seen + 1))
			grep -Eq "$verdict" "$folder/verdict" || odd=$((odd + 1))
			diag "$what: $(head -n 1 "$folder/verdict" | cut -c 1-200)"
			;;
		*) flunk "$name: $what: the stepper ended with $status" ;;
		esac
		n=$((n + 1))
	done <"$folder/places"
	is "$name: every verdict is of its kind" "$odd" 0
	if [ "$seen" -gt 0 ] && [ $((seen * 100)) -ge $((n * least)) ]; then
		pass "$name: seen at $seen of $n places"
	else
		flunk "$name: seen at $seen of $n places, $least % wanted"
	fi
}

value="^WRONG: .*(another value|another address|shown, but not there)"
base="^WRONG: .*frame base of"
half="^WRONG: .*right only by the upper half"

PLACES=${PLACES:-40} fault range-too-long calc-O2-dw5 2 calc.c 20 "$value" --every --visits 4
fault swapped-registers calc-O2-dw5 2 calc.c 25 "$value|$base" --strict
fault wrong-cfa calc-O2-dw5 2 calc.c 100 "^frame-mismatch: .*another frame address" --strict
fault wrong-wrap calc-O0-dw5 0 calc.c 30 "$half|$base" --strict
fault stale-base calc-O2-dw5 2 calc.c 30 "$base" --strict
fault line-off calc-O2-dw5 2 calc.c 50 "^line-mismatch: .*side-car says" --strict
fault wrong-scope calc-O0-dw5 0 calc.c 100 "^scope-mismatch: .*only in the module" --strict
fault wrong-scope types-O2-dw5 2 types.cpp 20 "^scope-mismatch: .*only in the" --strict
fault lost-piece types-O2-dw5 2 types.cpp 50 "$value" --strict
fault wrong-frame calc-O0-dw5 0 calc.c 30 "$value|$base" --strict
fault wrong-slot types-O2-dw5 2 types.cpp 50 "$value|$base" --strict
fault wrong-global calc-O0-dw5 0 calc.c 100 "$value" --strict
done_testing
