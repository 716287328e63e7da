#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
. "$(dirname "$0")/../lib.sh"
guest_sessions gdb O0-50 O2-50 O2-48
