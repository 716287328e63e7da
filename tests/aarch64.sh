#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Code for aarch64: the engine compiles and runs under qemu, gdb-multiarch debugs it through
# qemu's stub, with the tables of the other debuggers.
. "$(dirname "$0")/lib.sh"
VARIANTS=${VARIANTS:-O0-dw4 O2-dw5}
debug_sessions arm calc
