# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Map faults: wrong values that come from a false claim of the engine's map.

A wrong value is set apart as a map fault only when the program itself proves the claim false:

  1. the engine's optimiser was on, and the same variable was right at the same stop with it off;
  2. the input DWARF places the variable by one wasm local (its frame base, at -O0);
  3. the map claims a place for this local at this very address, and the side-car uses that place;
  4. read at this stop, the place does not hold what the local's place holds, at the same stop,
     with the optimiser off.  The local is the same wasm value in both runs: one claim is false,
     and by 1 it is the optimised one.

What this cannot see: a place that is claimed rightly but read wrongly by the debugger, say a
register of an outer frame that the frame description restores wrongly, also differs from the
value with the optimiser off.  So a fault in an outer frame is not taken unless the place is
relative to the frame or a register that the frame description says is kept.  And a local with two
values over its life (at -O1 and above) may differ because the two stops are not at the same wasm
instruction: only frame bases, which have one, are taken.
"""
import bisect
import json
import re

import compare
import dwarf
import make

LOCAL = re.compile(r"DW_OP_WASM_location(?:_int)? 0x0 0x([0-9a-f]+)")
TEXT = 0x10000  # where .text begins in a side-car
KEPT = {"rbx", "rbp", "r12", "r13", "r14", "r15"}


def local_of(case, finding):
    """The wasm local that the variable's place hangs on; None when it is not a frame base."""
    function = case.wasm.functions.get(finding.function)
    if not function:
        return None
    variable = next((d for d in dwarf.walk(function) if d.text("name") == finding.name), None)
    if not variable or "DW_OP_fbreg" not in variable.attributes.get("location", ""):
        return None
    m = LOCAL.search(function.attributes.get("frame_base", ""))
    return int(m[1], 16) if m else None


def claimed(map_path, offset, local):
    """The place the map claims for a local at an offset of the code."""
    with open(map_path) as f:
        functions = json.load(f)["functions"]
    starts = [f["parts"][0]["lo"] for f in functions]
    i = bisect.bisect_right(starts, offset) - 1
    if i < 0 or not any(p["lo"] <= offset < p["hi"] for p in functions[i]["parts"]):
        return None
    for entity in functions[i].get("locals", ()):
        if entity["index"] == local:
            return next((place for lo, hi, place in entity["ranges"] if lo <= offset < hi), None)
    return None


def expression(place):
    """What reads a place in a debugger; the engine's frames have rbp, 16 below the CFA."""
    if "reg" in place:
        return "(unsigned)$%s" % place["reg"]
    if isinstance(place.get("cfa"), int):
        return "*(unsigned *)($rbp + %d)" % (place["cfa"] + 16)
    if "const" in place:
        return "(unsigned)%d" % (int(str(place["const"]), 0) & 0xffffffff)
    return None


def used(sidecar, function, address, place):
    """Whether the side-car has this place for the frame base at this address of its own."""
    die = dwarf.Program(sidecar, make.SOURCE).functions.get(function)
    text = die.attributes.get("frame_base", "") if die else ""
    for line in text.splitlines():
        m = dwarf.RANGE.search(line)
        if m and int(m[1], 16) <= address < int(m[2], 16) or not m and "DW_OP" in line:
            return names(line, place)
    return False


def names(text, place):
    if "reg" in place:
        return re.search(r"DW_OP_b?reg\w* %s\b" % str(place["reg"]).upper(), text) is not None
    if "const" in place:
        return re.search(r"DW_OP_(const\w+|lit)\s*0x%x\b" % int(str(place["const"]), 0), text) is not None
    at = place.get("cfa")
    return "call_frame_cfa" in text and isinstance(at, int) and \
        re.search(r"(?:consts|const\w+|plus_uconst|lit\w*) [+-]?(0x%x|%d)\b" % (abs(at), abs(at)),
                  text) is not None


def probe(case, debugger, jit, comparison, finding):
    """(value of the local's claimed place, the place) at the finding's stop."""
    stop = comparison.pairs.get(finding.stop)
    record = compare.record_at(case.wasm_path(debugger, jit), stop) if stop is not None else None
    if not record:
        return None, None
    text, frames = record
    offset = frames[finding.frame][2] - text - (finding.frame > 0)
    place = claimed(case.map_path(jit), offset, local_of(case, finding))
    if not place or not expression(place):
        return None, None
    if finding.frame and "reg" in place and place["reg"] not in KEPT:
        return None, None
    return case.probe(debugger, jit, stop, finding.frame, expression(place)), (place, offset)


def is_fault(case, debugger, jit, comparison, plain_jit, plain, finding):
    if local_of(case, finding) is None or finding.stop not in plain.pairs:
        return None
    if plain.by_variable[compare.WRONG, finding.name, finding.function]:
        return None
    got, where = probe(case, debugger, jit, comparison, finding)
    wanted, _ = probe(case, debugger, plain_jit, plain, finding)
    if got is None or wanted is None or got == wanted:
        return None
    place, offset = where
    if not used(case.sidecar(jit, "lldb"), finding.function, TEXT + offset, place):
        return None
    return "local %d claimed in %s, which holds %s and not %s" % (
        local_of(case, finding), json.dumps(place), got, wanted)


def classify(case, debugger, jit, comparison, others):
    """Turns wrong values into map faults where that is proved."""
    plain = others.get(0)
    if jit == 0 or plain is None:
        return
    for i, finding in enumerate(comparison.findings):
        if finding.kind != compare.WRONG:
            continue
        proof = is_fault(case, debugger, jit, comparison, 0, plain, finding)
        if proof:
            n = comparison.by_variable[(compare.WRONG, finding.name, finding.function)]
            comparison.counts[compare.WRONG] -= n
            comparison.counts[compare.MAP_FAULT] += n
            comparison.findings[i] = finding._replace(kind=compare.MAP_FAULT,
                                                      text=finding.text + "; " + proof)
