#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
. "$(dirname "$0")/../lib.sh"
VARIANTS=${VARIANTS:-O0-dw4 O0-dw5}
have lldb-19 clang++-19 || skip_all "no lldb-19 or clang++-19"
absorb < <(tests/debugger/session lldb stl host 0 "$TMP")
debug_sessions lldb stl
