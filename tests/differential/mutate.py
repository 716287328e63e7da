# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Puts faults into side-cars, to see who notices.

    mutate.py SIDE-CAR IMAGE.cwasm UNIT FAULT FOLDER COUNT

writes up to COUNT side-cars FOLDER/0, FOLDER/1, ..., each with the fault at one place, spread over
all places in the compilation unit UNIT (the end of its name) that it can be put to, and prints for
each what was changed.  All edits are in place: sizes stay.
"""
import bisect
import os
import re
import subprocess
import sys
from collections import namedtuple

from elftools.dwarf.dwarf_expr import DWARFExprParser
from elftools.elf.elffile import ELFFile

Site = namedtuple("Site", "what section edits")  # edits: [(offset in the section, new bytes)]
Place = namedtuple("Place", "who section offset code")  # an expression

NOP = b"\x96"
MASK = b"\x0c\xff\xff\xff\xff\x1a"  # DW_OP_const4u 0xffffffff, DW_OP_and
LLE_OFFSET_PAIR = RLE_OFFSET_PAIR = 4
OBJDUMP = os.environ.get("OBJDUMP", "llvm-objdump-19")


# ---- numbers -----------------------------------------------------------------------------------

def leb(data, at, signed=False):
    """(value, offset behind it)"""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            break
    if signed and byte & 0x40:
        value -= 1 << shift
    return value, at


def to_leb(value, size, signed=False):
    """Padded to the size; None when it does not fit."""
    bits = 7 * size
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    if not low <= value < high:
        return None
    return bytes((value >> 7 * i & 0x7f) | (0x80 if i + 1 < size else 0) for i in range(size))


def moved(data, at, by, signed=False):
    """The edit that adds to a LEB128 number, or None."""
    value, end = leb(data, at, signed)
    new = to_leb(value + by, end - at, signed)
    return (at, new) if new else None


# ---- the side-car ------------------------------------------------------------------------------

class SideCar:
    def __init__(self, path, image, unit):
        with open(path, "rb") as f:
            self.bytes = f.read()
        self.elf = ELFFile(open(path, "rb"))
        self.dwarf = self.elf.get_dwarf_info()
        self.image = image
        self.text = self.elf.get_section_by_name(".text")["sh_addr"]
        self.cu = next(cu for cu in self.dwarf.iter_CUs() if name(cu.get_top_DIE()).endswith(unit))
        self.parser = DWARFExprParser(self.cu.structs)

    def section(self, which):
        return self.elf.get_section_by_name(which).data()

    def dies(self):
        return self.cu.iter_DIEs()

    def base(self):
        low = self.cu.get_top_DIE().attributes.get("DW_AT_low_pc")
        return low.value if low else 0

    def list_at(self, section, offset, expressions):
        """Entries of a location or range list: (offset of the end's number, low, high, place)."""
        data, base = self.section(section), self.base()
        while data[offset]:
            kind = data[offset]
            offset += 1
            if kind == 6:  # base_address
                base = int.from_bytes(data[offset:offset + 8], "little")
                offset += 8
                continue
            if kind != LLE_OFFSET_PAIR:
                return
            low, end_at = leb(data, offset)
            high, offset = leb(data, end_at)
            at = n = 0
            if expressions:
                n, at = leb(data, offset)
                offset = at + n
            yield end_at, base + low, base + high, (at, data[at:at + n])

    def location_lists(self):
        for die in self.dies():
            a = die.attributes.get("DW_AT_location")
            if a and a.form == "DW_FORM_sec_offset":
                yield who(die), list(self.list_at(".debug_loclists", a.value, True))

    def expressions(self, attributes=("DW_AT_location", "DW_AT_frame_base")):
        for die in self.dies():
            for attribute in attributes:
                a = die.attributes.get(attribute)
                if a is None:
                    continue
                if a.form == "DW_FORM_exprloc":
                    code = bytes(a.value)
                    _, at = leb(self.section(".debug_info"), a.offset)
                    yield Place(who(die), ".debug_info", at, code)
                elif a.form == "DW_FORM_sec_offset":
                    lists = ".debug_loclists"
                    for _, low, high, (at, code) in self.list_at(lists, a.value, True):
                        yield Place(f"{who(die)} [{low:#x}, {high:#x})", lists, at, code)

    def operations(self, place):
        ops = self.parser.parse_expr(list(place.code))
        ends = [op.offset for op in ops[1:]] + [len(place.code)]
        return [(op.op_name[6:], op.args, op.offset, end) for op, end in zip(ops, ends)]

    def instructions(self):
        """Where native instructions begin, in the side-car's addresses."""
        text = subprocess.run([OBJDUMP, "-d", "--no-show-raw-insn", self.image], check=True,
                              capture_output=True, text=True).stdout
        return [int(m, 16) + self.text for m in re.findall(r"^ *([0-9a-f]+):\s", text, re.M)]


def name(die):
    a = die.attributes.get("DW_AT_name")
    return a.value.decode() if a else ""


def who(die):
    """A variable or scope and its function."""
    inner = die
    while die and die.tag not in ("DW_TAG_subprogram", "DW_TAG_compile_unit"):
        die = die.get_parent()
    outer = name(die) if die is not inner and die.tag == "DW_TAG_subprogram" else ""
    return ": ".join(s for s in (outer, name(inner) or inner.tag[7:]) if s)


# ---- the faults --------------------------------------------------------------------------------

def range_too_long(car):
    starts = car.instructions()
    data = car.section(".debug_loclists")
    for variable, entries in car.location_lists():
        lows = [low for _, low, _, _ in entries]
        for at, _, high, _ in entries:
            i = bisect.bisect_left(starts, high)
            if i + 1 >= len(starts) or starts[i] != high:
                continue
            if any(high <= low < starts[i + 1] for low in lows):
                continue
            edit = moved(data, at, starts[i + 1] - high)
            if edit:
                yield Site(f"{variable}: ends at {starts[i + 1]:#x}, not {high:#x}",
                           ".debug_loclists", [edit])


def swapped_registers(car):
    for place in car.expressions():
        edits = []
        for op, _, start, _ in car.operations(place):
            if re.fullmatch(r"b?reg\d+", op):  # 0 and 1, 2 and 3, ...
                edits.append((place.offset + start, bytes([place.code[start] ^ 1])))
        if edits:
            yield Site(place.who, place.section, edits)


def wrong_wrap(car):
    for place in car.expressions():
        ops = car.operations(place)
        edits = []
        at = place.code.find(MASK)
        if at >= 0:
            edits.append((place.offset + at, NOP * len(MASK)))
        for op, args, start, _ in ops[:-1]:
            if op == "deref_size" and args[0] == 4:
                edits.append((place.offset + start + 1, b"\x08"))
        if edits:
            yield Site(place.who, place.section, edits)


def stale_base(car):
    """The base is the last pointer that is read and added."""
    for place in car.expressions():
        ops = car.operations(place)
        if [op[0] for op in ops[-2:]] != ["deref", "plus"] or len(ops) < 3:
            continue
        op, _, start, _ = ops[-3]
        if op != "plus_uconst" and not op.startswith("breg"):
            continue
        edit = moved(place.code, start + 1, -8, op != "plus_uconst")
        if edit:
            yield Site(place.who, place.section, [(place.offset + edit[0], edit[1])])


def wrong_frame(car, wanted="fbreg"):
    """Eight bytes off from the frame base."""
    for place in car.expressions():
        last = ""
        for op, args, start, _ in car.operations(place):
            edit = f"{last}{op}".endswith(wanted) and moved(place.code, start + 1, 8, True)
            if edit:
                yield Site(f"{place.who}: {op} {args[0]} + 8", place.section,
                           [(place.offset + edit[0], edit[1])])
            last = op + " "


def wrong_slot(car):
    """Another slot of the native frame."""
    yield from wrong_frame(car, "call_frame_cfa consts")


def lost_piece(car):
    """The first piece is left out, the others move up; an only piece becomes the whole."""
    for place in car.expressions():
        pieces = [op for op in car.operations(place) if op[0] == "piece"]
        if pieces:
            _, _, start, end = pieces[0]
            start = 0 if len(pieces) > 1 else start
            yield Site(place.who, place.section, [(place.offset + start, NOP * (end - start))])


def wrong_global(car):
    for place in car.expressions():
        ops = car.operations(place)
        if len(ops) == 1 and ops[0][0] == "addr":
            new = (ops[0][1][0] + 4).to_bytes(8, "little")
            yield Site(place.who, place.section, [(place.offset + 1, new)])


def wrong_scope(car):
    """The scope ends in its middle."""
    info, lists = car.section(".debug_info"), car.section(".debug_rnglists")
    sizes = {"DW_FORM_data1": 1, "DW_FORM_data2": 2, "DW_FORM_data4": 4, "DW_FORM_data8": 8}
    for die in car.dies():
        if die.tag not in ("DW_TAG_lexical_block", "DW_TAG_inlined_subroutine"):
            continue
        a = die.attributes.get("DW_AT_high_pc")
        if a and a.form == "DW_FORM_udata":
            yield Site(who(die), ".debug_info", [moved(info, a.offset, -(a.value // 2))])
        elif a and a.form in sizes:
            new = (a.value // 2).to_bytes(sizes[a.form], "little")
            yield Site(who(die), ".debug_info", [(a.offset, new)])
        a = die.attributes.get("DW_AT_ranges")
        if a and a.form == "DW_FORM_sec_offset":
            for at, low, high, _ in car.list_at(".debug_rnglists", a.value, False):
                yield Site(f"{who(die)} [{low:#x}, {high:#x})", ".debug_rnglists",
                           [moved(lists, at, (low - high) // 2)])


LineHeader = namedtuple("LineHeader", "line_base line_range opcode_base lengths")


def line_header(data, at):
    """(header, where the program begins, where it ends); DWARF 4 and 5"""
    end = at + 4 + int.from_bytes(data[at:at + 4], "little")
    at += 8 if data[at + 4] >= 5 else 6  # length, version, sizes of address and selector
    begin = at + 4 + int.from_bytes(data[at:at + 4], "little")
    base, line_range, opcode_base = data[at + 7:at + 10]
    base -= 256 if base >= 128 else 0
    return LineHeader(base, line_range, opcode_base, data[at + 10:]), begin, end


def specials(data, header, at, end):
    """Special opcodes (offset, line advance, address advance) in runs, in which nothing else
    advances the line or makes a row."""
    run = []
    while at < end:
        start, op = at, data[at]
        at += 1
        if op >= header.opcode_base:
            n = op - header.opcode_base
            run.append((start, header.line_base + n % header.line_range,
                        n // header.line_range))
            continue
        if op == 0:
            n, at = leb(data, at)
            at += n
        elif op == 9:  # fixed_advance_pc
            at += 2
        else:
            for _ in range(header.lengths[op - 1]):
                _, at = leb(data, at)
        if op in (0, 1, 3, 4):  # extended, copy, advance_line, set_file
            yield run
            run = []
    yield run


def line_off(car):
    """A row gets the line of the next."""
    data = car.section(".debug_line")
    header, at, end = line_header(data, car.cu.get_top_DIE().attributes["DW_AT_stmt_list"].value)
    for run in specials(data, header, at, end):
        for (at, line, pc), (next_at, by, next_pc) in zip(run, run[1:]):
            new = [(at, line + by, pc), (next_at, 0, next_pc)]
            codes = [(o, header.opcode_base + l - header.line_base + p * header.line_range)
                     for o, l, p in new]
            if (by and 0 <= line + by - header.line_base < header.line_range and
                    all(c <= 255 for _, c in codes)):
                yield Site(f"the row at {at:#x} of .debug_line: {by:+} lines", ".debug_line",
                           [(o, bytes([c])) for o, c in codes])


def cfa_offsets(data, at, end):
    """Where the offsets of DW_CFA_def_cfa for the frame register are."""
    fixed = {2: 1, 3: 2, 4: 4}
    numbers = {5: 2, 6: 1, 7: 1, 8: 1, 9: 2, 0xc: 2, 0xd: 1, 0xe: 1, 0x11: 2, 0x12: 2, 0x13: 1}
    while at < end:
        op = data[at]
        at += 1
        if op == 0xc and data[at] == 6:
            yield at + 1
        if op >> 6:
            at = leb(data, at)[1] if op >> 6 == 2 else at
            continue
        if op in (0xf, 0x10, 0x16):
            at = leb(data, at)[1] if op != 0xf else at
            n, at = leb(data, at)
            at += n
        at += fixed.get(op, 0)
        for _ in range(numbers.get(op, 0)):
            _, at = leb(data, at)


def wrong_cfa(car):
    functions = {d.attributes["DW_AT_low_pc"].value: name(d) for d in car.dies()
                 if d.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in d.attributes}
    data, at = car.section(".debug_frame"), 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at:at + 4], "little")
        function = functions.get(int.from_bytes(data[at + 8:at + 16], "little"))
        if function and data[at + 4:at + 8] != b"\xff\xff\xff\xff":
            for number in cfa_offsets(data, at + 24, end):
                yield Site(f"{function}: + 8", ".debug_frame", [moved(data, number, 8)])
        at = end


FAULTS = {
    "range-too-long": range_too_long,
    "swapped-registers": swapped_registers,
    "wrong-cfa": wrong_cfa,
    "wrong-wrap": wrong_wrap,
    "stale-base": stale_base,
    "line-off": line_off,
    "wrong-scope": wrong_scope,
    "lost-piece": lost_piece,
    "wrong-frame": wrong_frame,
    "wrong-slot": wrong_slot,
    "wrong-global": wrong_global,
}


# ---- the command -------------------------------------------------------------------------------

def spread(sites, count):
    if len(sites) <= count:
        return sites
    return [sites[i * len(sites) // count] for i in range(count)]


def main():
    path, image, unit, fault, folder, count = sys.argv[1:]
    car = SideCar(path, image, unit)
    for i, site in enumerate(spread(list(FAULTS[fault](car)), int(count))):
        out = bytearray(car.bytes)
        start = car.elf.get_section_by_name(site.section)["sh_offset"]
        for at, new in site.edits:
            out[start + at:start + at + len(new)] = new
        with open(os.path.join(folder, str(i)), "wb") as f:
            f.write(out)
        print(site.what)


main()
