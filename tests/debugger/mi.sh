#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# gdb's machine interface, on the host first.
. "$(dirname "$0")/../lib.sh"
need_tool
need_debugger gdb
need_engine "$ENGINE"
have clang-19 || skip_all 'no clang-19'
export TABLE=tests/debugger/mi.expect
absorb < <(tests/debugger/session mi pointers host 0 "$TMP")
VARIANTS=${VARIANTS:-O0-dw4 O0-dw5}
OPTS=${OPTS:-0}
debug_sessions mi pointers
