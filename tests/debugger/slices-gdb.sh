#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
. "$(dirname "$0")/../lib.sh"
VARIANTS=${VARIANTS:-O0-dw4}
debug_sessions gdb slices
