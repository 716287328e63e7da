# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The verdicts: two traces (stops.py), the host's and the wasm program's, side by side."""
import collections
import json
import re

import stops

FINDINGS_MAX = 10  # in one pair of traces; by then it is plain that something is wrong

LINE, STACK, MISSING, EXTRA, WRONG, ENDED, MAP_FAULT, NEVER = (
    "line mismatch", "backtrace mismatch", "variable missing", "variable too many",
    "value wrong", "ended apart", "map fault", "value never held")
KINDS = (WRONG, MAP_FAULT, MISSING, EXTRA, LINE, STACK, ENDED, NEVER)

MASKED = "not compared: unions of a pointer and other members"

TOKEN = re.compile(r"""<[^<>]*>|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{}]|[^\s{},"'<]+""")

# gdb says the second of what is behind a composite's last piece.
NO_VALUE = (stops.UNAVAILABLE, "<synthetic pointer>")

Finding = collections.namedtuple("Finding", "kind stop wasm_stop function line name text frame")


class Counts(collections.Counter):
    """programs, stops, merged, values, unavailable, ... and each kind of finding."""

    def availability(self):
        values = self["values"] + self["unavailable"]
        return 100.0 * self["values"] / values if values else 100.0


class Activations:
    """Which lines each frame of a backtrace has stopped at since its function was entered."""

    def __init__(self, last_lines):
        self.last_lines = last_lines
        self.frames = []  # outermost first: (function, lines)
        self.line = 0

    def stop(self, frames):
        """frames: of the trace, innermost first."""
        functions = [f[0] for f in reversed(frames)]
        keep = 0
        while keep < min(len(functions), len(self.frames)) and \
                functions[keep] == self.frames[keep][0]:
            keep += 1
        # The function was left at its last line and entered anew from the same line of its caller.
        if keep == len(self.frames) == len(functions) and \
                self.line == self.last_lines.get(functions[-1]) != frames[0][1]:
            keep -= 1
        self.frames = self.frames[:keep] + [(f, set()) for f in functions[keep:]]
        self.line = frames[0][1]
        self.frames[-1][1].add(self.line)

    def lines(self, index):
        """Of the frame with that index, 0 the innermost."""
        return self.frames[-1 - index][1]


Ground = collections.namedtuple("Ground",
                                "host wasm host_lines jumps wasm_lines jit_lines")
Ground.__doc__ = """What the comparison stands on: input DWARF, the host's code, the map.

host, wasm: dwarf.Program of the host program and of the module; host_lines, wasm_lines: lines at
which a statement begins in either's DWARF; jumps: function of a host address, whether its
instruction is an unconditional jump; jit_lines: lines that native code comes from, by the map.
"""


class Comparison:
    def __init__(self, ground):
        self.ground = ground
        self.host = ground.host
        self.activations = Activations({n: max((line for line in ground.host_lines
                                                if self.within(d, line)), default=0)
                                        for n, d in self.host.functions.items()})
        self.counts = Counts()
        self.findings = []
        self.by_variable = collections.Counter()
        self.index = self.wasm_index = -1
        self.ends = [None, None]
        self.pairs = {}

    def within(self, die, line):
        """Whether a line may belong to a function: none other begins between."""
        begin = die.number("decl_line")
        return begin <= line and not any(begin < d.number("decl_line") <= line
                                         for d in self.host.functions.values())

    def find(self, kind, stop, name, text, frame=0):
        function, line = stop["frames"][frame][:2]
        self.counts[kind] += 1
        self.by_variable[kind, name, function] += 1
        if self.by_variable[kind, name, function] > 1:  # one finding of a kind for each variable
            return
        self.findings.append(Finding(kind, self.index, self.wasm_index, function, line, name, text,
                                     frame))

    def next(self, trace, which):
        record = next(trace, {"end": "trace cut off"})
        if "end" in record:
            self.ends[which] = record["end"]
            return None
        if which:
            self.wasm_index += 1
        else:
            self.index += 1
            self.activations.stop(record["frames"])
        return record

    def run(self, host_trace, wasm_trace):
        self.text = [next(t, {}).get("text", 0) for t in (host_trace, wasm_trace)][1]
        h, w = self.next(host_trace, 0), self.next(wasm_trace, 1)
        while h and w and len(self.findings) < FINDINGS_MAX:
            if same_place(h, w):
                self.stop(h, w)
                h, w = self.next(host_trace, 0), self.next(wasm_trace, 1)
            elif self.may_lack(h):
                h = self.next(host_trace, 0)
            elif w["frames"][0][1] not in self.ground.host_lines:
                self.counts["merged: no code on the host"] += 1
                w = self.next(wasm_trace, 1)
            else:
                self.apart(h, w)
                return
        if len(self.findings) < FINDINGS_MAX:
            self.end(host_trace, h, w)

    def may_lack(self, h):
        """Whether a stop of the host's may be absent on the wasm side; each reason is counted."""
        _, line, pc = h["frames"][0]
        reason = None
        if line not in self.ground.wasm_lines:
            reason = "merged: no wasm code"
        elif self.ground.jumps(pc):
            reason = "merged: only a jump"
        elif line not in self.ground.jit_lines:
            reason = "merged: no native code"
        if reason:
            self.counts[reason] += 1
        return bool(reason)

    def apart(self, h, w):
        """The two are at different places."""
        stacks = [[f[0] for f in x["frames"]] for x in (h, w)]
        kind = LINE if stacks[0] == stacks[1] else STACK
        self.find(kind, h, "", "host at %s, wasm at %s" % (where(h), where(w)))

    def end(self, host_trace, h, w):
        """One trace may be longer by stops that the other lacks."""
        while h and self.may_lack(h):
            h = self.next(host_trace, 0)
        good = all(e in (None, "steps", "main returned") for e in self.ends)
        if good and ("steps" in self.ends or not (h or w)):
            return
        text = "host: %s, wasm: %s" % tuple(
            e or "at " + where(r) for e, r in zip(self.ends, (h, w)))
        self.counts[ENDED] += 1
        self.findings.append(Finding(ENDED, self.index, self.wasm_index, "", 0, "", text, 0))

    def stop(self, h, w):
        self.counts["stops"] += 1
        self.pairs[self.index] = self.wasm_index
        for i, (hf, wf) in enumerate(zip(h["frames"][1:], w["frames"][1:]), 1):
            if hf[1] != wf[1]:
                self.find(STACK, h, "", "outer frame at line %d, wasm at %d" % (hf[1], wf[1]), i)
        for i, (hv, wv) in enumerate(zip(h["vars"], w["vars"])):
            self.frame(h, i, hv, wv)
        if h["globals"] and w["globals"]:
            for (name, hv), (_, wv) in zip(h["globals"], w["globals"]):
                self.value(h, 0, name, hv, wv)

    def frame(self, stop, index, host, wasm):
        """The variables of one frame; those of the same name stand in the order of their blocks."""
        theirs = collections.defaultdict(list)
        for name, value in wasm:
            theirs[name].append(value)
        declared = self.declared(stop, index)
        for name, value in host:
            if not theirs[name]:
                if name.startswith("*"):  # the pointer itself is not available
                    self.counts["unavailable"] += 1
                elif self.in_input(stop["frames"][index][0], name):
                    self.find(MISSING, stop, name, "not in scope", index)
                continue
            other = theirs[name].pop(0)
            if self.host.masked(stop["frames"][index][0], name.lstrip("*")):
                self.counts[MASKED] += 1
            elif self.is_set(pick(declared, name), stop, index):
                self.value(stop, index, name, value, other)
        for name, left in theirs.items():
            if left and not name.startswith("*"):  # a pointer that is not set yet: leftovers
                self.find(EXTRA, stop, name, left[0], index)

    def in_input(self, function, name):
        """Clang leaves some parameters out: a union or struct of one scalar, passed as it."""
        there = name in self.ground.wasm.names(function)
        self.counts["not in the input"] += not there
        return there

    def declared(self, stop, index):
        function, _, pc = stop["frames"][index]
        out = collections.defaultdict(list)
        for v in self.host.visible(function, pc - (index > 0)):
            out[v.name].append(v)
        return out

    def is_set(self, variable, stop, index):
        """Whether the variable's declaration has been executed, and left, in this frame."""
        line = stop["frames"][index][1]
        return not variable or variable.is_parameter or \
            variable.line != line and variable.line in self.activations.lines(index)

    def value(self, stop, frame, name, host, wasm):
        if host == wasm:
            self.counts["values"] += 1
        elif wasm == stops.MISSING:
            self.find(MISSING, stop, name, "no such global", frame)
        elif agree(host, wasm):
            self.counts["unavailable"] += 1
        else:
            self.counts["values"] += 1
            self.find(WRONG, stop, name, "host %s, wasm %s" % (host, wasm), frame)


class Held:
    """The verdicts for optimised wasm code, which has no stops to match with the host's, at -O0.

    What can be asked without matching: a value that is shown must be one that the variable had on
    the host at some stop, in any call of the function; and a backtrace one that the host had.  A
    value between two statements of one line is never seen on the host, so what is found is a
    suspicion to look at (and loop 2, which knows the truth, has the last word).

    Aggregates are judged element by element.  lldb shows a piece without a location as zero, also
    of native code, so a zero in an aggregate proves nothing there; it is counted.

    What is not available counts only where the module's own DWARF has a location.
    """

    def __init__(self, ground, wasm_at):
        """wasm_at: function of an offset of native code: its wasm offset or None."""
        self.ground = ground
        self.wasm_at = wasm_at
        self.counts = Counts()
        self.findings = []
        self.by_variable = collections.Counter()
        self.held = collections.defaultdict(set)
        self.stacks = set()
        self.index = -1

    def find(self, kind, stop, name, text, frame=0):
        function, line = stop["frames"][frame][:2]
        self.counts[kind] += 1
        self.by_variable[kind, name, function] += 1
        if self.by_variable[kind, name, function] == 1 and len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(kind, self.index, self.index, function, line, name, text,
                                         frame))

    def learn(self, trace):
        """Everything that the host's variables were; whether the program ran to its end."""
        for record in trace:
            if "end" in record:
                return record["end"] == "main returned"
            for (function, _, _), variables in zip(record.get("frames", ()),
                                                   record.get("vars", ())):
                for name, value in variables:
                    self.held[function, name].add(value)
            for name, value in record.get("globals") or ():
                self.held["", name].add(value)
            self.stacks.add(tuple(f[0] for f in record.get("frames", ())))
        return False

    def run(self, host_trace, wasm_trace):
        if not self.learn(host_trace):
            self.counts["not judged: the host's trace is cut off"] += 1
            return
        text = next(wasm_trace, {}).get("text", 0)
        for record in wasm_trace:
            if "end" in record:
                self.end(record["end"])
                return
            self.index += 1
            self.stop(record, text)

    def end(self, why):
        if why not in ("steps", "main returned"):
            self.counts[ENDED] += 1
            self.findings.append(Finding(ENDED, self.index, self.index, "", 0, "", why, 0))

    def stop(self, stop, text):
        self.counts["stops"] += 1
        stack = tuple(f[0] for f in stop["frames"])
        if stack not in self.stacks:
            self.find(STACK, stop, "", "never seen on the host: " + " < ".join(stack))
        for i, variables in enumerate(stop["vars"]):
            function, _, pc = stop["frames"][i]
            wasm_pc = self.wasm_at(pc - text - (i > 0))
            located = self.ground.wasm.located(wasm_pc) if wasm_pc is not None else {}
            for name, value in variables:
                known = self.held.get((function, name.lstrip("*")))
                self.value(stop, i, name, value, known and self.held[function, name],
                           located.get((function, name), True))
        for name, value in stop["globals"] or ():
            self.value(stop, 0, name, value, self.held["", name], True)

    def value(self, stop, frame, name, value, held, located):
        if self.ground.host.masked(stop["frames"][frame][0], name.lstrip("*")):
            self.counts[MASKED] += 1
        elif value in (*NO_VALUE, stops.MISSING):
            self.counts["unavailable" if located else "not in the input"] += 1
        else:
            self.counts["values"] += 1
            if held and value not in held and not self.each(value, held):
                self.find(NEVER, stop, name, "%s; on the host %s" % (
                    value, " or ".join(sorted(held)[:5])), frame)

    def each(self, value, held):
        """Whether each element of a value was there at some time; unavailable ones may be."""
        known = list(zip(*map(TOKEN.findall, held)))
        elements = TOKEN.findall(value)
        if len(known) != len(elements):
            return False
        odd = [e for e, k in zip(elements, known) if e not in k and e not in NO_VALUE]
        aggregate = len(elements) > 1
        if odd and aggregate and set(odd) <= {"0", "0.0", stops.NULL}:
            self.counts["not judged: zeros that lldb may have put for missing pieces"] += 1
            return True
        return not odd


def pick(declared, name):
    """The declaration of a name; of several in nested blocks, the next further out."""
    variables = declared.get(name.lstrip("*"))
    return variables.pop(0) if variables and len(variables) > 1 else (variables or [None])[0]


def where(stop):
    return " < ".join("%s:%d" % tuple(f[:2]) for f in stop["frames"])


def record_at(path, index):
    """(address of the code, frames) of a stop in a trace."""
    with open(path) as f:
        text = json.loads(f.readline())["text"]
        for i, line in enumerate(f):
            if i == index:
                return text, json.loads(line).get("frames")
    return None


def same_place(h, w):
    hf, wf = h["frames"], w["frames"]
    return hf[0][1] == wf[0][1] and [f[0] for f in hf] == [f[0] for f in wf]


def agree(host, wasm):
    """Whether what the wasm side shows of a value is right, though parts are unavailable."""
    if wasm == stops.UNAVAILABLE:
        return True
    a, b = TOKEN.findall(host), TOKEN.findall(wasm)
    return len(a) == len(b) and all(y in (x, stops.UNAVAILABLE) for x, y in zip(a, b))
