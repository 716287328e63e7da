# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gdb's part of demo.sh: each command is shown as typed, then run."""
import os

import gdb

COMMANDS = """
print counter
print table
print origin
break fib
continue
continue
continue
backtrace -frame-arguments all
info locals
delete
break sum_list
continue
info args
print *p
print p->next->value
info locals
up
info locals
delete
break twice
continue
backtrace 3
finish
next
info locals
""".strip().splitlines()


def show(command):
    print("\n(gdb) " + command, flush=True)
    try:
        gdb.execute(command)
    except gdb.error as e:
        print(e)


for s in ("pagination off", "confirm off", "width 0", "debuginfod enabled off",
          "print thread-events off"):
    gdb.execute("set " + s)
gdb.execute("tbreak host_ready", to_string=True)
gdb.execute("run", to_string=True)
gdb.execute("finish", to_string=True)
gdb.execute("source " + os.environ["T_PYTHON"] + "/wasm_gdb.py")
for c in ["wasm-attach " + os.environ["T_DEBUG"]] + COMMANDS:
    show(c)
if gdb.selected_inferior().pid:
    gdb.execute("kill")
