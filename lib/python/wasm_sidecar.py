# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What wasm_gdb.py and wasm_lldb.py share: what a side-car says, and where it is in a process."""
import argparse
import shlex
import struct
import zlib

EXTRACT = b".wasm.map"  # lib/map/extract.c
CONTEXT, ABSOLUTE, CONSTANT = 1, 2, 3

CHUNK = 1 << 24
# Wasmtime's instances (wasmtime-environ, vmoffsets.rs): VMContext begins with this; the length of a
# memory follows its base; somewhere behind are VMFuncRefs, pointers to code and to the VMContext.
MAGIC = b"core"
CONTEXT_BYTES = 1 << 20
FUNC_REF = 4  # words


class Problem(Exception):
    """A message for the user."""


class Sidecar:
    """text_size, memory_size (0: no .wasm.memory); what .wasm.map says: code, memory (or None), width
    of pointers in bytes, table, data.  Raises Problem for what is no side-car."""

    def __init__(self, path):
        self.path = path
        self.code = self.memory = None
        self.table, self.width, self.data = {}, 4, []
        try:
            with open(path, "rb") as f:
                self.read(f)
        except (OSError, struct.error, ValueError, IndexError) as e:
            raise Problem("%s: %s" % (path, e)) from e
        if self.text_size is None or self.extract is None:
            raise Problem("%s: it is not a side-car" % path)

    def read(self, f):
        self.text_size, self.memory_size, self.extract = None, 0, None
        for name, kind, offset, size in self.sections(f):
            if name == b".text" and kind == 8:  # SHT_NOBITS: of nothing but a side-car
                self.text_size = size
            elif name == b".wasm.memory":
                self.memory_size = size
            elif name == EXTRACT:
                f.seek(offset)
                self.extract = f.read(size)
        if self.extract:
            self.read_extract(self.extract)

    def sections(self, f):
        ident = f.read(16)
        if ident[:4] != b"\x7fELF":
            raise ValueError("it is not an ELF file")
        self.order = "<" if ident[5] == 1 else ">"
        header, fields, last = ("QQQIHHHHHH", "IIQQQQ", 0) if ident[4] == 2 else \
            ("IIIIHHHHHH", "IIIIII", 0)
        values = self.unpack("HHI" + header, f.read(struct.calcsize("<HHI" + header)))
        shoff, entry, count, names = values[5], values[10], values[11], values[12]
        f.seek(shoff)
        table = f.read(entry * count)
        rows = [self.unpack(fields, table[i * entry:]) for i in range(count)]
        f.seek(rows[names][4])
        strings = f.read(rows[names][5])
        for name, kind, _, _, offset, size in rows:
            yield strings[name:strings.index(b"\0", name)], kind, offset, size

    def unpack(self, fields, data):
        return struct.unpack_from(self.order + fields, data)

    def read_extract(self, data):
        while len(data) >= 8:
            kind, size = self.unpack("II", data)
            body, data = data[8:8 + size], data[8 + size:]
            if kind == 1:
                size, crc = self.unpack("QI", body)
                self.code = size, crc, body[12:12 + min(size, 64)]
            elif kind == 2:
                kind, self.width = self.unpack("II", body)
                self.memory = kind, self.unpack("%dq" % ((len(body) - 8) // 8), body[8:])
            elif kind == 3:
                pairs = self.unpack("%dI" % (len(body) // 4), body)
                self.table = dict(zip(pairs[::2], pairs[1::2]))
            elif kind == 4:
                self.data = [self.unpack("QII", body[i:]) for i in range(0, len(body), 16)]


class Region:
    def __init__(self, lo, hi, readable, writable, executable):
        self.lo, self.hi = lo, hi
        self.readable, self.writable, self.executable = readable, writable, executable


class Process:
    """A process as a debugger sees it: regions() and read(); read() gives None when it cannot."""

    def regions(self):
        raise NotImplementedError

    def read(self, address, size):
        raise NotImplementedError

    def find(self, region, pattern):
        """All places of the pattern in the region."""
        at = region.lo
        while at < region.hi:
            data = self.read(at, min(CHUNK + len(pattern) - 1, region.hi - at)) or b""
            i = data.find(pattern)
            while i >= 0:
                yield at + i
                i = data.find(pattern, i + 1)
            at += CHUNK


def has_code(process, code, address):
    size, crc, _ = code
    data = process.read(address, size)
    return data is not None and zlib.crc32(data) == crc


def find_code(process, sidecar):
    """Where all of the code of the side-car is; where executable memory begins it is looked for
    first, for there it mostly is."""
    if not sidecar.code:
        raise Problem("the map had no bytes of the code to look for: give --text ADDRESS")
    probe = sidecar.code[2]
    regions = [r for r in process.regions() if r.executable and r.readable]
    found = [r.lo for r in regions if process.read(r.lo, len(probe)) == probe
             and has_code(process, sidecar.code, r.lo)]
    if not found:
        found = [a for r in regions for a in process.find(r, probe)
                 if has_code(process, sidecar.code, a)]
    if not found:
        raise Problem("the code is not in the process: not yet, or it is other code")
    if len(found) > 1:
        raise Problem("the code is there more than once; give --text with one of " +
                      ", ".join(map(hex, found)))
    return found[0]


def word(process, sidecar, address):
    data = process.read(address, 8)
    return sidecar.unpack("Q", data)[0] if data else 0


def follow(process, sidecar, base, offsets):
    at = base + offsets[0]
    for offset in offsets[1:]:
        at = word(process, sidecar, at) + offset
    return at


def is_memory(regions, base, size):
    """Whether all of [base, base + size) can be written to."""
    end = base + size
    for r in regions:
        if r.writable and r.lo <= base < r.hi:
            base = r.hi
    return base >= end


def has_function(process, sidecar, regions, context, text):
    """Whether the instance has a function whose code is the module's.  They come to be when the
    host asks for one or takes its address from a table."""
    region = next(r for r in regions if r.lo <= context < r.hi)
    data = process.read(context, min(CONTEXT_BYTES, region.hi - context)) or b""
    words = sidecar.unpack("%dQ" % (len(data) // 8), data)
    return any(w == context and any(text <= f < text + sidecar.text_size
                                    for f in words[max(i - FUNC_REF, 0):i])
               for i, w in enumerate(words))


def has_data(process, sidecar, base):
    """Whether the memory is as it was when the module was instantiated."""
    for offset, size, crc in sidecar.data:
        data = process.read(base + offset, size)
        if data is None or zlib.crc32(data) != crc:
            return False
    return sum(size for _, size, _ in sidecar.data) >= 16


def memory_of(process, sidecar, regions, context, text):
    """The memory of an instance of this module, if there is one."""
    at = follow(process, sidecar, context, sidecar.memory[1])
    base, size = word(process, sidecar, at), word(process, sidecar, at + 8)
    if not base or base % 4096 or size < sidecar.memory_size or size > 1 << 48 or \
            not is_memory(regions, base, size):
        return None
    return base if has_function(process, sidecar, regions, context, text) or \
        has_data(process, sidecar, base) else None


def find_memory(process, sidecar, text):
    if not sidecar.memory or not sidecar.memory[0]:
        raise Problem("the map does not say where linear memory is: give --memory ADDRESS")
    kind, values = sidecar.memory
    if kind == CONSTANT:
        return values[0]
    if kind == ABSOLUTE:
        return word(process, sidecar, follow(process, sidecar, 0, values))
    regions = [r for r in process.regions() if r.readable and r.writable]
    found = {memory_of(process, sidecar, regions, at, text)
             for r in regions for at in process.find(r, MAGIC) if at % 8 == 0} - {None}
    if not found:
        raise Problem("no instance of the module is found; stop where the host calls it, or give "
                      "--memory ADDRESS")
    if len(found) > 1:
        raise Problem("the module has several instances; give --memory with one of " +
                      ", ".join(map(hex, sorted(found))))
    return found.pop()


def number(text):
    return int(text, 0)


class Arguments(argparse.ArgumentParser):
    """Of wasm-attach, in both debuggers."""

    def __init__(self):
        super().__init__("wasm-attach", add_help=False)
        self.add_argument("sidecar")
        self.add_argument("--text", type=number)
        self.add_argument("--memory", type=number)

    def error(self, message):
        raise Problem("%s; usage: wasm-attach SIDECAR [--text ADDRESS] [--memory ADDRESS]" %
                      message)

    def parse(self, line):
        return self.parse_args(shlex.split(line))


def locate(process, line, variable):
    """(side-car, address of its code, of linear memory or None) by wasm-attach's arguments.
    variable: what the user has set, or None; it may have been meant for another module."""
    args = Arguments().parse(line)
    sidecar = Sidecar(args.sidecar)

    def right(text):
        return not sidecar.code or has_code(process, sidecar.code, text)

    text, memory = args.text, args.memory
    if text is not None and not right(text):
        raise Problem("the code at 0x%x is not that of the side-car" % text)
    if text is None and variable("wasm_text") and right(variable("wasm_text")):
        text = variable("wasm_text")
        memory = variable("wasm_memory") if memory is None else memory
    if text is None:
        text = find_code(process, sidecar)
    if not sidecar.memory_size:
        return sidecar, text, None
    return sidecar, text, find_memory(process, sidecar, text) if memory is None else memory
