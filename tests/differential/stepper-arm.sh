#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The stepper over code for aarch64, which qemu runs.
. "$(dirname "$0")/../lib.sh"
need_tool
have qemu-aarch64 && [ -x "$HOST-aarch64" ] || skip_all "no qemu-aarch64 or no $HOST-aarch64 (tests/setup)"
engine_lib "$ENGINE-aarch64" >/dev/null || skip_all "no engine $ENGINE-aarch64 (tests/setup)"
export CROSS_ROOT
absorb < <(ENGINE=$ENGINE-aarch64 VARIANTS=${VARIANTS:-O0-dw4 O2-dw5} STOPS=${STOPS:-400} VISITS=${VISITS:-2} \
	tests/differential/stepper.sh)
done_testing
