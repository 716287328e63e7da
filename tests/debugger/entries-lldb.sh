#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# First on the host, which shows that the table is right.
. "$(dirname "$0")/../lib.sh"
need_tool
have lldb-19 clang-19 || skip_all 'no lldb-19 or clang-19'
absorb < <(tests/debugger/session lldb entries host 0 "$TMP")
debug_sessions lldb entries
