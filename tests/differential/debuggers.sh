#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Loop 1 on a fixed list of seeds, in both debuggers.  SEEDS, N, JOBS and KEEP may be given.
. "$(dirname "$0")/../lib.sh"
need_tool
need_engine "$ENGINE"
have csmith clang-19 gdb lldb-19 || skip_all "no csmith, clang-19, gdb or lldb-19 (tests/setup)"
[ -f "${CSMITH_INCLUDE:-/usr/include/csmith}/csmith.h" ] || skip_all "no csmith.h (tests/setup)"

# Each has once shown something: 5 9 loops, 6 16 20 labels and gotos, 14 41 47 68 code moved by the
# engine (lldb), 19 59 the same (both), 66 78 unions as parameters, 24 a late stop, 27 deep calls.
SEEDS=${SEEDS:-5,6,9,14,16,19,20,24,27,41,47,59,66,68,78}

absorb < <(WDX=$TOOL tests/differential/debuggers "$SEEDS" --steps "${N:-400}" --follow --tap --keep-going \
	--jobs "${JOBS:-$(nproc)}" --keep "${KEEP:-$STORE/differential/reproducers}" 2>&1)
done_testing
