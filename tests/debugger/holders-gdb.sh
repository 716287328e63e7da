#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
. "$(dirname "$0")/../lib.sh"
VARIANTS=${VARIANTS:-O0-dw4}
have "$RUSTC" gdb || skip_all 'no gdb or rustc'
absorb < <(tests/debugger/session gdb holders host 0 "$TMP")
debug_sessions gdb holders
