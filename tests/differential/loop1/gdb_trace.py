# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steps one program, host or wasm, in gdb and gives its stops (stops.py)."""
import re

import mi
import stops

FRAMES_MORE = 2  # asked for beyond the depth of the last stop: a step enters one function

# gdb follows a pointer to characters on its own, on the host; what it found there is cut off.
CHARACTER = re.compile(r"(?<=\d) '(?:[^'\\]|\\.)+'")
TEXT = r"""(?:"(?:[^"\\]|\\.)*"(?:\.\.\.)?|<incomplete sequence [^>]*>)"""
ADDRESS = re.compile(r"0x([0-9a-f]+)(?: <error[^>]*>| %s(?:, %s)*)?" % (TEXT, TEXT))


def plain(text):
    """A value without what differs by nature: an address becomes null or non-null.

    A character is its number: gdb writes 65 'A'.
    """
    text = ADDRESS.sub(lambda m: stops.POINTER if int(m[1], 16) else stops.NULL, text)
    return CHARACTER.sub("", text)


def lines_of(result):
    """Of `info locals`: one "name = value" a line."""
    text = result["console"] if result else ""
    return [[name, plain(value)] for name, equals, value in
            (line.partition(" = ") for line in text.splitlines()) if equals]


class Side:
    def __init__(self, job):
        self.job = job
        self.file = job["source"]
        self.text = 0
        self.log = open(job["log"], "w") if job.get("log") else None
        self.gdb = mi.Client(job["program"], job["args"], log=self.log)
        for skip in job["skip_files"]:
            self.gdb.console("skip -gfi " + skip)
        self.depth = 1

    def close(self):
        self.gdb.close()

    def start(self):
        """Runs up to the first line of main."""
        if self.job["sidecar"]:
            self.load()
        self.gdb.ask("-break-insert -t -f --source %s --function main" % self.file)
        return self.run("-exec-continue" if self.job["sidecar"] else "-exec-run")

    def load(self):
        self.gdb.ask("-break-insert -t host_ready")
        self.gdb.run("-exec-run")
        self.gdb.run("-exec-finish")  # host_text and host_memory are set from here on
        self.text = self.gdb.number("host_text")
        command = "add-symbol-file %s -s .text %d" % (self.job["sidecar"], self.text)
        if self.job["has_memory"]:
            command += " -s .wasm.memory %d" % self.gdb.number("host_memory")
        self.gdb.console(command)

    def run(self, command):
        """Gives why the program has ended, None when it has only stopped."""
        reason = self.gdb.run(command).get("reason", "")
        return reason if reason.startswith("exited") or reason == "signal-received" else None

    def step(self):
        return self.run("-exec-step")

    def finish(self):
        return self.run("-exec-finish")

    def frames(self):
        """Functions from the innermost out to main; None when main has been left."""
        got = self.gdb.ask_all(["-stack-list-frames 0 %d" % (self.depth + FRAMES_MORE)])[0]
        out = []
        for f in got["stack"] if got else ():
            out.append(stops.Frame(f.get("func", "?"), stops.base(f.get("file", "?")),
                                   int(f.get("line", 0)), int(f["addr"], 16)))
            if out[-1].func == "main" and out[-1].file == self.file:
                self.depth = len(out)
                return out
        return None

    def variables(self, count):
        """[[name, value], ...] of each of the innermost frames, arguments first.

        By the console's commands: -stack-list-variables leaves out a variable without a place.
        """
        ask = '-interpreter-exec --thread 1 --frame %d console "info %s"'
        got = self.gdb.ask_all([ask % (i, what) for i in range(count)
                                for what in ("args", "locals")])
        out = [lines_of(got[2 * i]) + lines_of(got[2 * i + 1]) for i in range(count)]
        if self.job["follow"]:
            for i, frame in enumerate(out):
                self.follow(i, frame)
        return out

    def follow(self, frame, variables):
        names = [n for n, v in variables if v == stops.POINTER]
        got = self.gdb.ask_all(['-data-evaluate-expression --thread 1 --frame %d "*%s"' % (frame, n)
                                for n in names])
        variables += [["*" + n, plain(g["value"]) if g else stops.UNAVAILABLE]
                      for n, g in zip(names, got)]

    def globals(self):
        names = self.job["globals"]
        got = self.gdb.ask_all(["-data-evaluate-expression " + n for n in names])
        return [[n, plain(g["value"]) if g else stops.MISSING] for n, g in zip(names, got)]

    def probe(self, frame, place):
        got = self.gdb.ask_all(['-data-evaluate-expression --thread 1 --frame %d "%s"' %
                                (frame, place)])[0]
        return got["value"] if got else stops.UNAVAILABLE


if __name__ == "__main__":
    stops.main(Side)
