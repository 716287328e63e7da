# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gdb as IDEs use it, by its machine interface, for table.py: variable objects above all."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.environ["T_DIR"])
import table  # noqa: E402

NATIVE = os.environ.get("T_NATIVE")


class Debugger:
    def __init__(self):
        args = os.environ["T_ARGS"].split("\n") if not NATIVE else []
        self.gdb = subprocess.Popen(
            ["gdb", "-nx", "-q", "-i=mi3", "--args", os.environ["T_HOST"]] + args,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for setting in ("startup-with-shell off", "breakpoint pending on", "confirm off",
                        "debuginfod enabled off", "auto-load python-scripts off"):
            self.mi("-gdb-set " + setting)

    def until(self, pattern):
        for line in self.gdb.stdout:
            if re.match(pattern, line):
                return line.rstrip("\n")
        return "error: gdb ended"

    def mi(self, command):
        self.gdb.stdin.write(command + "\n")
        self.gdb.stdin.flush()
        return self.until(r"\^")

    def console(self, command):
        return self.mi('-interpreter-exec console "%s"' % command.replace('"', '\\"'))

    def go(self, command):
        self.mi(command)
        said = self.until(r"\*stopped")
        if 'reason="exited' in said:
            return "exited"
        frame = re.search(r'func="([^"]*)".*line="(\d+)"', said)
        return "%s:%s" % (table.plain(frame[1]), frame[2]) if frame else said

    def ready(self):
        self.mi("-break-insert -t " + ("main" if NATIVE else "host_ready"))
        at = self.go("-exec-run").partition(":")[0]
        if not NATIVE:
            self.go("-exec-finish")
        return "host_ready" if NATIVE else at

    def number(self, name):
        return int(re.search(r'value="(\d+)', self.mi("-data-evaluate-expression " + name))[1])

    def load(self):
        if NATIVE:
            return "loaded"
        self.console("add-symbol-file %s -s .text %d -s .wasm.memory %d" % (
            os.environ["T_DEBUG"], self.number("host_text"), self.number("host_memory")))
        return "loaded"

    def attach(self):
        """Again, with the Python, which shows more of the same objects."""
        if not NATIVE:
            self.console("source " + os.path.join(os.environ["T_PYTHON"], "wasm_gdb.py"))
            self.console("wasm-attach " + os.environ["T_DEBUG"])
        self.mi("-enable-pretty-printing")
        return "attached"

    def set_break(self, at, _=None):
        return "pending" if "pending=" in self.mi("-break-insert " + at) else "set"

    def cont(self):
        return self.go("-exec-continue")

    def up(self):
        return self.mi("-stack-select-frame 1")

    def delete(self):
        self.mi("-break-delete")
        return "deleted"

    def say(self, command):
        """Of a list of children, names and values alone."""
        said = self.mi(command)
        children = re.findall(r'child=\{name="([^"]*)".*?value="((?:[^"\\]|\\.)*)"', said)
        return " ".join("%s=%s" % c for c in children) if children else said


d = Debugger()
table.Session(d).run()
d.mi("-gdb-exit")
