# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steps one program, host or wasm, in lldb by its Python API and gives its stops (stops.py)."""
import importlib.machinery
import importlib.util
import os
import struct
import subprocess
import sys

LLDB = os.environ.get("LLDB", "lldb-19")


def find_lldb():
    """Makes `import lldb` work.  Debian's package points to a library that only its -dev has."""
    path = subprocess.run([LLDB, "-P"], capture_output=True, text=True, check=True).stdout.strip()
    library = os.path.join(path, "../../liblldb.so.1")
    sys.path.append(path)
    os.environ.setdefault("LLDB_DEBUGSERVER_PATH", os.path.join(path, "../../../bin/lldb-server"))
    if os.path.exists(library):
        loader = importlib.machinery.ExtensionFileLoader("_lldb", library)
        spec = importlib.util.spec_from_loader("_lldb", loader)
        sys.modules["_lldb"] = importlib.util.module_from_spec(spec)
        loader.exec_module(sys.modules["_lldb"])


find_lldb()
import lldb  # noqa: E402

import stops  # noqa: E402

FLOATS = {lldb.eBasicTypeFloat: "<f", lldb.eBasicTypeDouble: "<d"}


class Decoder:
    """Makes text of a value's bytes.

    One call gives the bytes of a whole aggregate; asking lldb for each element would cost more
    than all the rest.  A pointer in linear memory is a struct, wasm_ptr<T>, of 4 bytes.
    """

    def __init__(self):
        self.known = {}

    def of(self, t):
        t = t.GetCanonicalType().GetUnqualifiedType()
        key = t.GetName(), t.GetByteSize()
        if key not in self.known:
            self.known[key] = self.make(t)
        return self.known[key]

    def make(self, t):
        """(size, function of bytes and position that gives text)"""
        if t.IsPointerType():
            return self.pointer(8)
        if t.IsArrayType():
            return self.array(t)
        if t.GetName().startswith("wasm_ptr<"):
            return self.pointer(4)
        if t.GetTypeClass() in (lldb.eTypeClassStruct, lldb.eTypeClassUnion):
            return self.record(t)
        if t.GetBasicType() in FLOATS:
            form = FLOATS[t.GetBasicType()]
            return t.GetByteSize(), lambda d, at: repr(struct.unpack_from(form, d, at)[0])
        return self.integer(t)

    def integer(self, t):
        size = t.GetByteSize()
        signed = bool(t.GetTypeFlags() & lldb.eTypeIsSigned)
        return size, lambda d, at: str(int.from_bytes(d[at:at + size], "little", signed=signed))

    def pointer(self, n):
        return n, lambda d, at: stops.POINTER if any(d[at:at + n]) else stops.NULL

    def array(self, t):
        element = t.GetArrayElementType()
        count = t.GetByteSize() // (element.GetByteSize() or 1)
        size, text = self.of(element)

        def all_of(d, at):
            return "{" + ", ".join(text(d, at + i * size) for i in range(count)) + "}"
        return size * count, all_of

    def record(self, t):
        fields = [self.field(t.GetFieldAtIndex(i)) for i in range(t.GetNumberOfFields())]

        def all_of(d, at):
            return "{" + ", ".join(text(d, at) for text in fields) + "}"
        return t.GetByteSize(), all_of

    def field(self, member):
        name, bit = member.GetName() or "", member.GetOffsetInBits()
        if member.IsBitfield():
            text = self.bits(member.GetType(), bit, member.GetBitfieldSizeInBits())
            return lambda d, at: "%s = %s" % (name, text(d, at))
        text = self.of(member.GetType())[1]
        return lambda d, at: "%s = %s" % (name, text(d, at + bit // 8))

    def bits(self, t, bit, count):
        signed = t.GetCanonicalType().GetTypeFlags() & lldb.eTypeIsSigned
        lo, hi = bit // 8, (bit + count + 7) // 8

        def one(d, at):
            v = int.from_bytes(d[at + lo:at + hi], "little") >> bit % 8 & (1 << count) - 1
            return str(v - (1 << count) if signed and v >> count - 1 else v)
        return one


class Side:
    def __init__(self, job):
        self.job = job
        self.file = job["source"]
        self.text = 0
        self.debugger = lldb.SBDebugger.Create(False)
        self.debugger.SetAsync(False)
        for s in ("plugin.jit-loader.gdb.enable off", "symbols.enable-external-lookup false"):
            self.command("settings set " + s)
        self.target = self.debugger.CreateTarget(job["program"])
        self.process = None
        self.decoder = Decoder()
        self.found = {}

    def close(self):
        if self.process:
            self.process.Kill()
        lldb.SBDebugger.Destroy(self.debugger)

    def command(self, line):
        result = lldb.SBCommandReturnObject()
        self.debugger.GetCommandInterpreter().HandleCommand(line, result)
        if not result.Succeeded():
            raise RuntimeError(result.GetError())

    def launch(self):
        error = lldb.SBError()
        info = lldb.SBLaunchInfo(self.job["args"])
        info.AddOpenFileAction(1, os.devnull, False, True)
        info.AddOpenFileAction(2, os.devnull, False, True)
        self.process = self.target.Launch(info, error)
        if error.Fail():
            raise RuntimeError(error.GetCString())

    def start(self):
        """Runs up to the first line of main."""
        if self.job["sidecar"]:
            self.load()
        main = self.target.BreakpointCreateByName(
            "main", stops.base(self.job["sidecar"] or self.job["program"]))
        if self.job["sidecar"]:
            self.process.Continue()
        else:
            self.launch()
        self.target.BreakpointDelete(main.GetID())
        self.thread = self.process.GetSelectedThread()
        return self.ended()

    def load(self):
        ready = self.target.BreakpointCreateByName("host_ready")
        self.launch()
        self.target.BreakpointDelete(ready.GetID())
        self.process.GetSelectedThread().StepOut()  # host_text and host_memory are set now
        self.text = self.number("host_text")
        sidecar = self.job["sidecar"]
        self.command("target modules add " + sidecar)
        command = "target modules load --file %s .text %d" % (sidecar, self.text)
        if self.job["has_memory"]:
            command += " .wasm.memory %d" % self.number("host_memory")
        self.command(command)

    def number(self, name):
        return self.target.FindFirstGlobalVariable(name).GetValueAsUnsigned()

    def step(self):
        """As gdb does it: back in a caller, it goes on to the end of the line that called."""
        before = self.callers()
        self.thread.StepInto()
        while not self.ended() and self.here() in before:
            before = self.callers()
            self.thread.StepInto()
        return self.ended()

    def here(self):
        frame = self.thread.GetFrameAtIndex(0)
        return frame.GetCFA(), frame.GetLineEntry().GetLine()

    def callers(self):
        """Frames and lines to which the innermost function may return."""
        return {(f.GetCFA(), f.GetLineEntry().GetLine())
                for f in (self.thread.GetFrameAtIndex(i) for i in (1, 2)) if f.IsValid()}

    def finish(self):
        self.thread.StepOut()
        return self.ended()

    def ended(self):
        """Why the program has ended, None when it has only stopped."""
        state = self.process.GetState()
        if state == lldb.eStateExited:
            return "exited %d" % self.process.GetExitStatus()
        return None if state == lldb.eStateStopped else "state %d" % state

    def frames(self):
        """Functions from the innermost out to main; None when main has been left."""
        out = []
        for f in self.thread:
            entry = f.GetLineEntry()
            name = (f.GetFunctionName() or "?").partition("(")[0]
            out.append(stops.Frame(name, entry.GetFileSpec().GetFilename() or "?",
                                   entry.GetLine(), f.GetPC()))
            if name == "main" and out[-1].file == self.file:
                return out
        return None

    def text_of(self, v):
        if v.GetError().Fail():
            return stops.UNAVAILABLE
        size, text = self.decoder.of(v.GetType())
        error = lldb.SBError()
        data = v.GetData().ReadRawData(error, 0, size)
        if error.Fail() or len(data) < size:
            return stops.UNAVAILABLE
        return text(data, 0)

    def variables(self, count):
        """[[name, value], ...] of each of the innermost frames."""
        return [self.variables_of(self.thread.GetFrameAtIndex(i)) for i in range(count)]

    def variables_of(self, frame):
        values = list(frame.GetVariables(True, True, False, True))[::-1]  # innermost block first
        out = [[v.GetName(), self.text_of(v)] for v in values]
        if self.job["follow"]:
            out += [["*" + n, self.text_of(v.Dereference())]
                    for v, (n, text) in zip(values, out) if text == stops.POINTER]
        return out

    def globals(self):
        return [[n, self.text_of_global(n)] for n in self.job["globals"]]

    def text_of_global(self, name):
        if name not in self.found:
            self.found[name] = self.target.FindFirstGlobalVariable(name)
        v = self.found[name]
        return self.text_of(v) if v.IsValid() else stops.MISSING

    def probe(self, frame, place):
        v = self.thread.GetFrameAtIndex(frame).EvaluateExpression(place)
        return v.GetValue() or stops.UNAVAILABLE


if __name__ == "__main__":
    stops.main(Side)
