# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small client of gdb's machine interface (gdb manual, "GDB/MI"), over a pipe.

Commands may be sent several at a time: `ask` writes all of them before it reads, which saves a
round trip for each.  Results are dictionaries, lists and strings, as the interface nests them.
"""
import os
import re
import select
import subprocess

SETTINGS = ("pagination off", "confirm off", "width 0", "breakpoint pending on",
            "debuginfod enabled off", "print repeats unlimited", "print elements unlimited",
            "print symbol off", "print frame-arguments none", "startup-with-shell off")

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "e": "\033", "a": "\a", "b": "\b", "f": "\f",
           "v": "\v"}
ESCAPED = re.compile(r"\\([0-7]{3}|.)")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
NAME = re.compile(r"([\w-]+)=")


class Error(Exception):
    pass


class Gone(Error):
    """gdb has ended, or does not answer in time."""


def unescape(m):
    c = m[1]
    return chr(int(c, 8)) if len(c) == 3 else ESCAPES.get(c, c)


class Parser:
    """One line of output: `name=value,name=value...`."""

    def __init__(self, text):
        self.text = text
        self.at = 0

    def value(self):
        c = self.text[self.at]
        if c == '"':
            m = STRING.match(self.text, self.at)
            self.at = m.end()
            return ESCAPED.sub(unescape, m[1]) if "\\" in m[1] else m[1]
        self.at += 1
        out = self.pairs("}") if c == "{" else self.items()
        self.at += 1
        return out

    def separator(self):
        if self.text[self.at] == ",":
            self.at += 1

    def items(self):
        out = []
        while self.text[self.at] != "]":
            m = NAME.match(self.text, self.at)
            if m:  # [frame={...},frame={...}]: the names are all the same
                self.at = m.end()
            out.append(self.value())
            self.separator()
        return out

    def pairs(self, end=None):
        out = {}
        while self.at < len(self.text) and self.text[self.at] != end:
            m = NAME.match(self.text, self.at)
            if not m:
                raise Error("unexpected output: " + self.text)
            self.at = m.end()
            out[m[1]] = self.value()
            if self.at < len(self.text):
                self.separator()
        return out


def parse(text):
    return Parser(text).pairs() if text else {}


class Client:
    def __init__(self, program, args=(), timeout=60, log=None, gdb="gdb"):
        self.log = log
        self.timeout = timeout
        self.sent = 0
        self.rest = b""
        self.lines = []
        self.stops = []
        self.failure = None
        self.said = ""
        self.process = subprocess.Popen([gdb, "--interpreter=mi3", "-nx", "-q", "--args", program,
                                         *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        for s in SETTINGS:
            self.console("set " + s)
        self.ask("-inferior-tty-set /dev/null")

    def close(self):
        """Ends gdb, and with it the program, which gdb kills."""
        try:
            self.process.stdin.close()
            self.process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()

    def fill(self):
        ready, _, _ = select.select([self.process.stdout], [], [], self.timeout)
        data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
        if not data:
            raise Gone("gdb has ended" if ready else "no answer in %d s" % self.timeout)
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        self.lines += [line.decode("latin-1").rstrip("\r") for line in lines]

    def line(self):
        while not self.lines:
            self.fill()
        line = self.lines.pop(0)
        if self.log:
            print(line, file=self.log)
        return line

    def take(self):
        """Reads one line; gives (token, class, results) when it is a result."""
        line = self.line()
        if line.startswith("*stopped"):
            self.stops.append(parse(line[9:]))
        elif line.startswith("~"):
            self.said += Parser(line[1:]).value()
        m = re.match(r"(\d+)\^([\w-]+),?", line)
        return (int(m[1]), m[2], parse(line[m.end():])) if m else None

    def send(self, commands):
        text = ""
        for c in commands:
            self.sent += 1
            text += "%d%s\n" % (self.sent, c)
            if self.log:
                print(">", c, file=self.log)
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except OSError as e:
            raise Gone(str(e)) from e

    def ask_all(self, commands):
        """One result for each command; None for one that failed.  What console commands print is
        their result "console"."""
        first = self.sent
        out = [None] * len(commands)
        self.send(commands)
        todo = len(commands)
        while todo:
            token, kind, results = self.take() or (0, None, None)
            if token <= first:
                continue
            todo -= 1
            results["console"], self.said = self.said, ""
            if kind == "error":
                self.failure = results.get("msg")
            else:
                out[token - first - 1] = results
        return out

    def ask(self, command):
        out = self.ask_all([command])[0]
        if out is None:
            raise Error("%s: %s" % (command, self.failure))
        return out

    def console(self, command):
        return self.ask('-interpreter-exec console "%s"' % command.replace('"', '\\"'))

    def run(self, command):
        """Lets the program run; gives the record of the stop."""
        self.stops.clear()
        self.ask(command)
        while not self.stops:
            self.take()
        return self.stops.pop(0)

    def number(self, expression):
        got = self.ask('-data-evaluate-expression "(unsigned long)%s"' % expression)
        return int(got["value"])
