#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# First on the host, which shows that the table is right.
. "$(dirname "$0")/../lib.sh"
need_tool
have gdb clang-19 || skip_all 'no gdb or clang-19'
absorb < <(tests/debugger/session gdb entries host 0 "$TMP")
debug_sessions gdb entries
