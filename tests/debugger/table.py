# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a table of expectations against a debugger.

A row is: modes, modes in which it must hold, command, regular expression; tabs between.
The debugger is an object with one method per command (gdb_driver.py, lldb_driver.py).  What it
returns is text in one notation for both.  A row passes when the whole text matches; it passes
too, and is counted apart, when the text says that the value is not available and the row need
not hold in this mode.  Anything else is a wrong answer and fails, in every mode.
"""
import fnmatch
import os
import re

UNAVAILABLE = re.compile(
    r"optimized out|not available|not saved|unavailable|No symbol|undeclared identifier")


def in_modes(patterns, mode):
    return any(fnmatch.fnmatchcase(mode, p) for p in patterns.split(","))


def read_rows(path):
    with open(path) as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if line.strip() and not line.startswith("#"):
                fields = re.split(r"\t+", line)
                if len(fields) != 4:
                    raise SystemExit("%s:%d: four fields wanted" % (path, number))
                yield (number, *fields)


def read_markers(source):
    with open(source) as f:
        return {m[1]: n for n, line in enumerate(f, 1)
                if (m := re.search(r"BREAK: (\w+) \*/", line))}


class Session:
    """One table, one debugger, one mode; results go to a TAP file as they come."""

    def __init__(self, debugger):
        env = os.environ
        self.debugger = debugger
        self.mode = env["T_MODE"]
        self.source = env["T_SOURCE"]
        self.markers = read_markers(self.source)
        self.rows = list(read_rows(env["T_TABLE"]))
        self.out = open(env["T_OUT"], "w", buffering=1)
        self.n = self.unavailable = self.missing = self.wrong = 0

    def fill(self, text):
        """{name} and {name+1} in a regular expression stand for marked lines."""
        return re.sub(r"\{(\w+?)([+-]\d+)?\}",
                      lambda m: str(self.markers[m[1]] + int(m[2] or 0))
                      if m[1] in self.markers else m[0], text)

    def do(self, command):
        name, _, rest = command.partition(" ")
        if name in ("pending", "break"):
            kind, what = rest.split(" ", 1)
            where = "%s:%d" % (os.path.basename(self.source), self.markers[what]) \
                if kind == "line" else what
            return self.debugger.set_break(where)
        if name == "breakif":
            what, _, condition = rest.partition(" ")
            return self.debugger.set_break(
                "%s:%d" % (os.path.basename(self.source), self.markers[what]), condition)
        return getattr(self.debugger, name)(*([rest] if rest else []))

    def report(self, good, what, got, wanted):
        self.n += 1
        print("%sok %d - %s" % ("" if good else "not ", self.n, what), file=self.out)
        if not good:
            print("# got:    %s\n# wanted: %s" % (got.replace("\n", " "), wanted), file=self.out)

    def row(self, number, must, command, wanted):
        try:
            got = self.do(command)
        except Exception as e:  # whatever a debugger's binding raises is an answer to judge
            got = "error: %s" % e
        wanted = self.fill(wanted)
        good = re.fullmatch(wanted, got, re.S) is not None
        note = ""
        if not good and UNAVAILABLE.search(got):
            good, note = not must, " (missing)" if must else " (not available)"
            self.missing += must
            self.unavailable += not must
        elif not good:
            note = " (wrong)"
            self.wrong += 1
        self.report(good, "%s: line %d: %s%s" % (self.mode, number, command, note), got, wanted)

    def run(self):
        for number, modes, must, command, wanted in self.rows:
            if in_modes(modes, self.mode):
                self.row(number, in_modes(must, self.mode), command, wanted)
        print("# %s: %d rows, %d not available, %d missing, %d wrong" %
              (self.mode, self.n, self.unavailable, self.missing, self.wrong), file=self.out)
        print("1..%d" % self.n, file=self.out)
        self.out.close()


def plain(name):
    """A function's name without its parameters."""
    return (name or "?").replace("(anonymous namespace)", "anon").partition("(")[0]


def join(parts):
    return "{" + ", ".join(parts) + "}"


def has_section(path, name):
    """Whether an ELF file has a section of that name (64 bits, little-endian)."""
    import struct
    with open(path, "rb") as f:
        data = f.read()
    shoff, = struct.unpack_from("<Q", data, 40)
    size, count, strings = struct.unpack_from("<HHH", data, 58)
    base, = struct.unpack_from("<Q", data, shoff + strings * size + 24)
    for i in range(count):
        at = base + struct.unpack_from("<I", data, shoff + i * size)[0]
        if data[at:data.index(b"\0", at)] == name.encode():
            return True
    return False
