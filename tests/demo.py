# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gdb's part of demo.sh: each command is shown as typed, then run."""
import os
import sys

import gdb

sys.path.insert(0, os.environ["T_DIR"])
import table  # noqa: E402

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


def load():
    """Loads the side-car where the host says that code and memory are."""
    number = lambda name: int(gdb.parse_and_eval(name))  # noqa: E731
    debug = os.environ["T_DEBUG"]
    command = "add-symbol-file %s -s .text 0x%x" % (debug, number("host_text"))
    if table.has_section(debug, ".wasm.memory"):
        command += " -s .wasm.memory 0x%x" % number("host_memory")
    return command


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
for c in [load()] + COMMANDS:
    show(c)
if gdb.selected_inferior().pid:
    gdb.execute("kill")
