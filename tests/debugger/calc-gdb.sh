#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
. "$(dirname "$0")/../lib.sh"
VARIANTS=${VARIANTS:-O0-dw4 O0-dw5 O2-dw4 O2-dw5 O0-dw2 O2-dw3}
debug_sessions gdb calc
