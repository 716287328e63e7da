#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
. "$(dirname "$0")/../lib.sh"
VARIANTS=${VARIANTS:-O0-dw4 O0-dw5}
have gdb clang++-19 || skip_all "no gdb or clang++-19"
absorb < <(tests/debugger/session gdb stl host 0 "$TMP")
debug_sessions gdb stl
