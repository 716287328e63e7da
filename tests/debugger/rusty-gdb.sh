#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# First on the host, which shows that the table is right.
. "$(dirname "$0")/../lib.sh"
need_tool
have gdb /usr/bin/rustc || skip_all 'no gdb or rustc'
absorb < <(tests/debugger/session gdb rusty host 0 "$TMP")
VARIANTS=${VARIANTS:-O0-dw4}
debug_sessions gdb rusty
