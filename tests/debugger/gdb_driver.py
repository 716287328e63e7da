# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gdb's side of table.py; sourced by gdb itself."""
import os
import sys

import gdb

sys.path.insert(0, os.environ["T_DIR"])
import table  # noqa: E402

NATIVE = os.environ.get("T_NATIVE")  # the same program, compiled for the host
SETTINGS = ("pagination off", "confirm off", "width 0", "breakpoint pending on",
            "debuginfod enabled off", "print repeats unlimited", "print elements unlimited",
            "startup-with-shell off")


def text_of(v):
    """A value in the notation of the tables: numbers plain, characters as numbers."""
    if v.is_optimized_out:
        return "<optimized out>"
    t = v.type.strip_typedefs()
    if t.code == gdb.TYPE_CODE_ARRAY:
        lo, hi = t.range()
        return table.join(text_of(v[i]) for i in range(lo, hi + 1))
    if t.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        return table.join(("" if f.is_base_class else f.name + " = ") + text_of(v[f])
                          for f in t.fields()
                          if hasattr(f, "bitpos") and not (f.name or "").startswith("_vptr"))
    if t.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        return text_of(v.referenced_value())
    if t.code == gdb.TYPE_CODE_PTR:
        return hex(int(v))
    if t.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR):
        return str(int(v))
    if t.code == gdb.TYPE_CODE_FLT:
        return repr(float(v))
    return str(v)


def where(frame):
    sal = frame.find_sal()
    return "%s:%d" % (table.plain(frame.name()), sal.line)


class Debugger:
    def __init__(self):
        self.last = ""
        self.value = "unavailable"
        self.again = self.load
        for s in SETTINGS:
            gdb.execute("set " + s)

    def run(self, command):
        self.last = gdb.execute(command, to_string=True) or ""
        return self.last

    def stopped(self):
        if not gdb.selected_inferior().pid:
            code = gdb.parse_and_eval("$_exitcode")
            return "exited" if code.type.code == gdb.TYPE_CODE_VOID else "exited %d" % int(code)
        return where(gdb.selected_frame())

    def set_break(self, at, condition=None):
        if condition:
            at += " if " + condition
        return "pending" if "pending" in self.run("break " + at) else "set"

    def start(self):
        if NATIVE:
            return self.run("start")
        remote = os.environ.get("T_REMOTE")
        if not remote:
            self.run("tbreak host_ready")
            self.run("run")
            return
        self.run("set sysroot " + os.environ["T_SYSROOT"])
        self.run("target remote " + remote)
        self.run("tbreak host_ready")
        self.run("continue")

    def ready(self):
        self.start()
        if NATIVE:
            return "host_ready"
        name = gdb.selected_frame().name()
        self.run("finish")  # host_text and host_memory are set from here on
        return name

    def fresh(self):
        """A block must not fail because one before it ran the program to its end."""
        if gdb.selected_inferior().pid:
            return "alive"
        self.run("delete")
        self.ready()
        if NATIVE:
            return "restarted"
        if self.again == self.load:
            self.run("remove-symbol-file -a %d" % self.text)
        self.again()
        return "restarted"

    def load(self):
        if NATIVE:
            return "loaded"
        debug = os.environ["T_DEBUG"]
        script = os.environ.get("T_LOAD_SCRIPT")
        if script:
            self.run("source " + script)
            return "loaded"
        self.text = self.number("host_text")
        command = "add-symbol-file %s -s .text %d" % (debug, self.text)
        if table.has_section(debug, ".wasm.memory"):
            command += " -s .wasm.memory %d" % self.number("host_memory")
        self.run(command)
        return "loaded"

    def attach(self):
        """What a user types; the Python is that of the tree."""
        if NATIVE:
            return "attached"
        self.again = self.attach
        self.run("source " + os.path.join(os.environ["T_PYTHON"], "wasm_gdb.py"))
        command = "wasm-attach " + os.environ["T_DEBUG"]
        if os.environ.get("T_REMOTE"):  # qemu does not tell what memory there is
            command += " --text %d --memory %d" % (self.number("host_text"),
                                                   self.number("host_memory"))
        said = self.run(command)
        self.text = self.number("host_text")
        where = "code at 0x%x, linear memory at 0x%x\n" % (self.text, self.number("host_memory"))
        return "attached" if said.endswith(where) else said

    def number(self, name):
        return int(gdb.parse_and_eval(name))

    def resolved(self):
        return " ".join("pending" if b.pending else "set" for b in gdb.breakpoints() or ())

    def delete(self):
        self.run("delete")
        return "deleted"

    def go(self, command):
        self.run(command)
        return self.stopped()

    def cont(self):
        return self.go("continue")

    def step(self):
        return self.go("step")

    def next(self):
        return self.go("next")

    def finish(self):
        """What was returned is the last of the value history, if anything was."""
        self.run("print 0x5eed")
        out = self.go("finish")
        value = gdb.history(0)
        none = value.type.code == gdb.TYPE_CODE_INT and int(value) == 0x5eed
        self.value = "unavailable" if none else text_of(value)
        return out

    def returned(self):
        return self.value

    def up(self):
        return self.go("up")

    def top(self):
        return self.go("frame 0")

    def where(self):
        return self.stopped()

    def backtrace(self):
        names, f = [], gdb.newest_frame()
        while f:
            names.append(table.plain(f.name()))
            f = f.older()
        return " <- ".join(names)

    def print(self, expression):
        return text_of(gdb.parse_and_eval(expression))

    def say(self, command):
        return " ".join(self.run(command).split())

    def core(self):
        """Goes on with a core file of the process in its place."""
        file = os.environ["T_OUT"] + ".core"
        self.run("generate-core-file " + file)
        self.run("kill")
        self.run("core-file " + file)
        return self.stopped()

    def watch(self, expression):
        out = self.run("watch -l " + expression)
        return "watching" if "atchpoint" in out else out


table.Session(Debugger()).run()
if os.path.exists(os.environ["T_OUT"] + ".core"):
    os.unlink(os.environ["T_OUT"] + ".core")
elif gdb.selected_inferior().pid:
    gdb.execute("kill")
