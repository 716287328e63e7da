#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
. "$(dirname "$0")/../lib.sh"
guest_sessions arm O2-50
