#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
export CALL='trap 1'
. "$(dirname "$0")/../lib.sh"
debug_sessions lldb traps
