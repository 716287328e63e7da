#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Call sites for parameters that only callers still know: form and versions.  What debuggers make of
# them is debugger/entries.expect's to say.
. "$(dirname "$0")/../lib.sh"
need_tool
need_engine "$ENGINE"
have "$DWARFDUMP" || skip_all "no $DWARFDUMP"
module=$STORE/data/entries-O2-dw5.wasm
[ -f "$module" ] || skip_all "no test modules (tests/setup)"
out=$TMP/e.debug

# sites DEBUGGER VERSION SITE VALUE OPERATION
sites()
{
	local what="$1, version $2" dump

	ok "$what: written" sidecar "$ENGINE" "$module" 2 "$TMP/e" "--debugger=$1" "--dwarf-version=$2"
	verifies "$what" "$out"
	dump=$("$DWARFDUMP" --debug-info "$out")
	like "$what: parameters on entry" "$dump" "$5\(DW_OP_reg1 RDX\), DW_OP_stack_value"
	like "$what: call sites" "$dump" "DW_TAG_$3\$"
	like "$what: a constant argument" "$dump" "DW_AT_$4	\(DW_OP_const1u 0x2a\)"
	like "$what: one that the caller keeps" "$dump" "DW_AT_$4	\(DW_OP_breg[0-9]+ R[A-Z0-9]+\+0"
}

sites gdb 5 call_site call_value DW_OP_entry_value
sites gdb 4 GNU_call_site GNU_call_site_value DW_OP_GNU_entry_value
sites lldb 5 call_site call_value DW_OP_entry_value
sites lldb 4 GNU_call_site GNU_call_site_value DW_OP_GNU_entry_value
sites none 5 call_site call_value DW_OP_entry_value

# What need not be said is not.
sidecar "$ENGINE" "$STORE/data/entries-O0-dw4.wasm" 2 "$TMP/e"
unlike 'all in the shadow stack: no call sites' "$("$DWARFDUMP" -n number -c "$out")" entry_value
done_testing
