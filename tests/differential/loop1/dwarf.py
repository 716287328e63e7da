# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the loop wants to know of input DWARF, read from llvm-dwarfdump's text.

Not from the side-car and not by the tool's own code: this is the ground the verdicts stand on.
"""
import bisect
import collections
import os
import re
import subprocess

DUMP = os.environ.get("DWARFDUMP", "llvm-dwarfdump-19")

HEAD = re.compile(r"0x[0-9a-f]+:( +)DW_TAG_(\w+)$")
ATTRIBUTE = re.compile(r"\s+DW_AT_(\w+)\t\((.*)\)$")
RANGE = re.compile(r"\[0x([0-9a-f]+), 0x([0-9a-f]+)\)")
ROW = re.compile(r"0x([0-9a-f]+) +(\d+) +\d+ +(\d+) +(.*)")
FILE = re.compile(r'file_names\[ *(\d+)\]:|^ +name: "(.*)"')

LIVE = re.compile(r"DW_OP_addr 0x(?!f{7,8}$)")  # not a static that the linker has removed

Variable = collections.namedtuple("Variable", "name line is_parameter")


def dump(path, *options):
    out = subprocess.run([DUMP, *options, path], capture_output=True, text=True, check=True)
    return out.stdout.splitlines()


class Die:
    def __init__(self, tag, parent):
        self.tag = tag
        self.parent = parent
        self.children = []
        self.attributes = {}

    def text(self, name):
        """An attribute without quotes and references' offsets."""
        m = re.search(r'"(.*)"', self.attributes.get(name, ""))
        return m[1] if m else ""

    def number(self, name):
        return int(self.attributes.get(name, "0"), 0)

    def ranges(self):
        lo, hi = self.attributes.get("low_pc"), self.attributes.get("high_pc")
        if lo and hi:  # "dead code", where the linker has removed it
            return [(int(lo, 16), int(hi, 16))] if lo.startswith("0x") else []
        return [(int(a, 16), int(b, 16))
                for a, b in RANGE.findall(self.attributes.get("ranges", ""))]

    def covers(self, pc):
        return any(lo <= pc < hi for lo, hi in self.ranges())


def read(path):
    """The units of a file, each a tree of Die."""
    units, stack, last, key = [], [], None, None
    for line in dump(path, "--debug-info"):
        m = HEAD.match(line)
        if m:
            depth = (len(m[1]) - 1) // 2
            del stack[depth:]
            last = Die(m[2], stack[-1] if stack else None)
            (stack[-1].children if stack else units).append(last)
            stack.append(last)
            continue
        m = re.match(r"\s+DW_AT_(\w+)\t\((.*)", line) if last else None
        if m:
            key = m[1]
            last.attributes[key] = m[2][:-1] if m[2].endswith(")") else m[2]
        elif last and key and line.startswith("     "):  # a list goes on, one entry a line
            last.attributes[key] += "\n" + line.strip()
        else:
            key = None
    return units


class Lines:
    """The line table of one source file; lines of other files are None, as is what ends."""

    def __init__(self, path, source):
        names, index, rows = {}, None, {}
        for line in dump(path, "--debug-line"):
            if line.startswith("debug_line["):
                names = {}
            m = FILE.search(line)
            if m and m[1]:
                index = int(m[1])
            elif m:
                names[index] = os.path.basename(m[2])
            m = ROW.match(line)
            if m:
                ours = names.get(int(m[3])) == source and "end_sequence" not in m[4]
                # The last row at an address counts; the end of one sequence may be another's start.
                if ours or int(m[1], 16) not in rows:
                    rows[int(m[1], 16)] = (int(m[2]) if ours else None, "is_stmt" in m[4])
        self.addresses = sorted(rows)
        self.rows = [rows[a] for a in self.addresses]

    def statements(self):
        """The lines at which a statement begins."""
        return {line for line, is_stmt in self.rows if line and is_stmt}

    def at(self, address):
        i = bisect.bisect_right(self.addresses, address) - 1
        return self.rows[i][0] if i >= 0 else None


class Program:
    """The unit of one source file in a host program or a wasm module."""

    def __init__(self, path, source):
        self.unit = next(u for u in read(path) if os.path.basename(u.text("name")) == source)
        self.functions = {d.text("name"): d for d in self.unit.children
                          if d.tag == "subprogram" and d.ranges()}
        self.known = {}
        self.types = {(name, d.text("name")): d.attributes.get("type", "")
                      for name, f in [*self.functions.items(), ("", None)]
                      for d in (walk(f) if f else self.unit.children)
                      if d.tag in ("variable", "formal_parameter")}
        self.overlaid = self.unions_of_pointers()

    def unions_of_pointers(self):
        """Unions with a pointer beside other members, and what contains one of them: names."""
        records = {d.text("name"): [m.attributes.get("type", "") for m in d.children]
                   for d in self.unit.children
                   if d.tag in ("structure_type", "union_type")}
        out = {d.text("name") for d in self.unit.children if d.tag == "union_type"
               and any("*" in m.attributes.get("type", "") for m in d.children)}
        while True:
            more = {name for name, members in records.items() if name not in out
                    and any(self.contains(m, out) for m in members)}
            if not more:
                return out
            out |= more

    @staticmethod
    def contains(type_text, names):
        return "*" not in type_text and not names.isdisjoint(re.findall(r"\w+", type_text))

    def masked(self, function, name):
        """Whether a variable shows an address as a number, which is another in each program."""
        return self.contains(self.types.get((function, name), ""), self.overlaid)

    def globals(self):
        """Names of the variables with a place in memory, in the file's order."""
        return [d.text("name") for d in self.unit.children
                if d.tag == "variable" and LIVE.search(d.attributes.get("location", ""))
                and d.text("name")]

    def names(self, function):
        """Of all the variables of a function."""
        if function not in self.known:
            die = self.functions.get(function)
            self.known[function] = {d.text("name") for d in walk(die)} if die else set()
        return self.known[function]

    def scopes(self, function, pc):
        """Dies of the blocks around pc, innermost first, the function's own last."""
        die = self.functions.get(function)
        out = [die] if die else []
        while die:
            die = next((c for c in die.children if c.tag == "lexical_block" and c.covers(pc)), None)
            if die:
                out.insert(0, die)
        return out

    def visible(self, function, pc):
        """Variables in scope at pc, innermost first."""
        return [Variable(d.text("name"), d.number("decl_line"), d.tag == "formal_parameter")
                for block in self.scopes(function, pc) for d in block.children
                if d.tag in ("variable", "formal_parameter") and d.text("name")]

    def located(self, pc):
        """{(function, variable): whether it has a location} for what is in scope at pc."""
        out, queue = {}, [(f, f.text("name")) for f in self.functions.values() if f.covers(pc)]
        while queue:
            die, function = queue.pop()
            for d in die.children:
                if d.tag in ("variable", "formal_parameter"):
                    out[function, d.text("name") or d.text("abstract_origin")] = has_place(d, pc)
                elif d.covers(pc):
                    inlined = d.tag == "inlined_subroutine"
                    queue.append((d, d.text("abstract_origin") if inlined else function))
        return out


def walk(die):
    yield die
    for child in die.children:
        yield from walk(child)


def has_place(die, pc):
    if "const_value" in die.attributes:
        return True
    text = die.attributes.get("location", "")
    ranges = RANGE.findall(text)
    return any(int(lo, 16) <= pc < int(hi, 16) for lo, hi in ranges) if ranges else bool(text)
