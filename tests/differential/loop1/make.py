# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes what is debugged: a program by Csmith, host and wasm builds, image, side-car, map.

The options of Csmith, and why:
  --no-argc            the programs read nothing
  --max-...            short functions and small arrays: many programs in a session's time
  --float              for every third seed; the others have integers only
Bit-fields, packed structs, unions, volatiles, gotos and pointers are there by default.

What depends on the size of long is taken out of the source: Csmith writes constants as 5L and
6UL, of a type that has 32 bits on wasm32 and 64 on the host; they become 5LL and 6ULL.  Sizes of
pointers do not matter to the programs.  As a check, both builds must print the same checksum:
a seed for which they do not is set aside and counted, for then not debugging differs.

Variables are set to zero where they are declared (-ftrivial-auto-var-init): Csmith leaves loop
counters, and arrays filled by loops, without initialisers, and the two stacks hold different
leftovers.  The stores that does belong to the line of the declaration in both builds.
"""
import bisect
import json
import os
import re
import struct
import subprocess

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
SOURCE = "program.c"
SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "support.c")

CSMITH = os.environ.get("CSMITH", "csmith")
CLANG = os.environ.get("CLANG", "clang-19")
OBJCOPY = os.environ.get("OBJCOPY", "llvm-objcopy-19")
CSMITH_INCLUDE = os.environ.get("CSMITH_INCLUDE", "/usr/include/csmith")
ENGINE = os.environ.get("ENGINE", "50.0.1")
TOOL = os.path.join(TOP, os.environ.get("WDX", "build/wasm-dwarf-xform"))
HOST = os.path.join(TOP, "build/host")

CSMITH_OPTIONS = ("--no-argc --max-funcs 6 --max-block-depth 3 --max-block-size 4 "
                  "--max-expr-complexity 5 --max-array-dim 2 --max-array-len-per-dim 5 "
                  "--max-struct-fields 6 --max-union-fields 4").split()
CFLAGS = ["-w", "-ftrivial-auto-var-init=zero", "-fdebug-compilation-dir=.",
          "-I" + CSMITH_INCLUDE]
WASM = "--target=wasm32-wasi"

RUN_SECONDS = 1  # Csmith bounds no loops: what runs longer is set aside
CONSTANT = re.compile(r"\b(0[xX][0-9A-Fa-f]+|\d+)(U?)L\b")

# Inlined into main, as clang does at -O1 and above, this loop would use up a session's steps.
INCLUDE = """static void crc32_gentab(void) __attribute__((noinline));
#include "csmith.h\""""


class Rejected(Exception):
    """A seed that gives no program to debug; the reason is counted."""


def run(command, cwd, seconds=60):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=seconds,
                          check=True).stdout


def engine_lib():
    folder = os.path.join(TOP, "build/wasmtime", ENGINE, "wasmtime")
    return next(os.path.join(folder, d, "_libwasmtime.so") for d in sorted(os.listdir(folder))
                if d.startswith("linux-"))


def generate(seed, folder):
    options = CSMITH_OPTIONS + (["--float"] if seed % 3 == 0 else [])
    try:
        text = run([CSMITH, "--seed", str(seed), *options], folder, RUN_SECONDS * 2)
    except subprocess.TimeoutExpired as e:
        raise Rejected("csmith does not end") from e
    text = CONSTANT.sub(r"\1\2LL", text).replace('#include "csmith.h"', INCLUDE)
    with open(os.path.join(folder, SOURCE), "w") as f:
        f.write(text)


def checksum(command, folder):
    try:
        out = run(command, folder, RUN_SECONDS)
    except subprocess.TimeoutExpired as e:
        raise Rejected("runs too long") from e
    return re.search("checksum = .*", out)[0]


def build_host(folder, version, optimise="0"):
    """program.host; static, so that a pc is as in DWARF and no call goes through the linker's code.

    A nop follows each call, on the line of the call.  Both debuggers step over a call by running to
    where it returns to; where that is the first address of the next line, gdb 13 may and lldb 19
    does take this line for the middle of the one they are stepping, and run on, even out of the
    function.  In wasm's code something always follows a call.
    """
    run([CLANG, "-O" + optimise, "-gdwarf-%d" % version, *CFLAGS, "-S", SOURCE, "-o", "host.s"],
        folder)
    with open(os.path.join(folder, "host.s")) as f:
        text = f.read()
    with open(os.path.join(folder, "host.s"), "w") as f:
        f.write(re.sub(r"(?m)^\tcallq?\t.*$", r"\g<0>\n\tnop", text))
    run([CLANG, "-static", "-fno-builtin", "-fno-omit-frame-pointer", "host.s", SUPPORT, "-lm",
         "-o", "program.host"], folder)
    return checksum(["./program.host"], folder)


def build_wasm(folder, base, optimise, version):
    """BASE.o and BASE.wasm, in two steps: linking with -O would call wasm-opt where it is found."""
    run([CLANG, WASM, "-O" + optimise, "-gdwarf-%d" % version, *CFLAGS, "-c", SOURCE, "-o",
         base + ".o"], folder)
    run([CLANG, WASM, base + ".o", "-o", base + ".wasm"], folder)
    run([OBJCOPY, "--strip-debug", base + ".wasm", base + ".strip.wasm"], folder)


def build_image(folder, base, jit):
    """BASE-jitN.cwasm, from the module without DWARF: so the engine says where locals are."""
    run([HOST, "--lib", engine_lib(), "--compile", base + ".strip.wasm", "--save",
         "%s-jit%d.cwasm" % (base, jit), "--opt", str(jit), "--debug-info", "--no-run"], folder)


def build_sidecar(folder, base, jit):
    """BASE-jitN.DEBUGGER.debug, for each debugger."""
    name = "%s-jit%d" % (base, jit)
    for debugger in ("gdb", "lldb"):
        run([TOOL, "-q", base + ".wasm", name + ".cwasm", "-o", "%s.%s.debug" % (name, debugger),
             "--debugger", debugger, "--emit-map", name + ".map.json"], folder)


def run_image(folder, base, jit):
    return checksum([HOST, *image_args(folder, base, jit)], folder)


def image_args(folder, base, jit):
    return ["--lib", engine_lib(), "--image",
            os.path.join(folder, "%s-jit%d.cwasm" % (base, jit)), "--debug-info"]


def jumps(path):
    """Of an ELF program, at fixed addresses: whether an address holds an unconditional jump."""
    with open(path, "rb") as f:
        data = f.read()
    at, size, count = struct.unpack_from("<Q", data, 32) + struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQ", data, at + i * size) for i in range(count)]

    def is_jump(pc):
        return any(kind == 1 and address <= pc < address + length and
                   data[pc - address + offset] in (0xe9, 0xeb)
                   for kind, _, offset, address, _, length in segments)
    return is_jump


class Map:
    """What the loop takes from a map: which wasm offset an offset of native code belongs to."""

    def __init__(self, path):
        with open(path) as f:
            functions = json.load(f)["functions"]
        pairs = sorted(pair for f in functions for p in f["parts"] for pair in p.get("pairs", ()))
        self.native = [p[0] for p in pairs]
        self.wasm = [p[1] for p in pairs]

    def wasm_at(self, offset):
        i = bisect.bisect_right(self.native, offset) - 1
        return self.wasm[i] if i >= 0 else None

    def lines(self, lines):
        """The lines that native code belongs to, by the module's line table."""
        return {lines.at(wasm) for wasm in self.wasm if wasm is not None}
