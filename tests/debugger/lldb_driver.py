# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lldb's side of table.py; imported by lldb itself (command script import)."""
import os
import re
import sys

import lldb

sys.path.insert(0, os.environ["T_DIR"])
import table  # noqa: E402

NATIVE = os.environ.get("T_NATIVE")  # the same program, compiled for the host
FLOATS = (lldb.eBasicTypeFloat, lldb.eBasicTypeDouble, lldb.eBasicTypeLongDouble)


def is_record(t):
    return t.GetTypeClass() in (lldb.eTypeClassStruct, lldb.eTypeClassClass, lldb.eTypeClassUnion)


def fields_of(v):
    for i in range(v.GetNumChildren()):
        child = v.GetChildAtIndex(i)
        name = child.GetName() or ""
        if name.startswith("_vptr"):
            continue
        base = i < v.GetType().GetNumberOfDirectBaseClasses()
        yield ("" if base else name + " = ") + text_of(child)


def text_of(v):
    """A value in the notation of the tables: numbers plain, characters as numbers."""
    if v.GetError().Fail():
        return "unavailable: " + v.GetError().GetCString()
    t = v.GetType().GetCanonicalType()
    if not t.IsArrayType() and t.GetUnqualifiedType().GetName().startswith("wasm_ptr<"):
        return hex(v.GetNonSyntheticValue().GetChildMemberWithName("off").GetValueAsUnsigned())
    if t.IsReferenceType():
        return text_of(v.Dereference())
    if t.IsArrayType():
        return table.join(text_of(v.GetChildAtIndex(i)) for i in range(v.GetNumChildren()))
    if is_record(t):
        return table.join(fields_of(v))
    if t.IsPointerType():
        return hex(v.GetValueAsUnsigned())
    if t.GetBasicType() in FLOATS:
        return repr(float(v.GetValue()))
    if t.GetByteSize() == 1 and t.GetBasicType() not in (lldb.eBasicTypeBool,
                                                         lldb.eBasicTypeInvalid):
        signed = t.GetTypeFlags() & lldb.eTypeIsSigned
        return str(v.GetValueAsSigned() if signed else v.GetValueAsUnsigned())
    return v.GetValue() or "unavailable"


def path_of(v, path):
    """GetValueForExpressionPath() knows nothing of what a synthetic provider points to."""
    for arrow, name, index in re.findall(r"(->|\.)(\w+)|\[(\d+)\]", path):
        if arrow == "->":
            v = v.Dereference()
        v = v.GetChildMemberWithName(name) if name else v.GetChildAtIndex(int(index))
    return v


def name_of(frame):
    return table.plain(frame.GetFunctionName())


def where(frame):
    return "%s:%d" % (name_of(frame), frame.GetLineEntry().GetLine())


class Debugger:
    def __init__(self, debugger):
        self.debugger = debugger
        debugger.SetAsync(False)
        self.command("settings set plugin.jit-loader.gdb.enable off")
        self.target = debugger.CreateTarget(os.environ["T_HOST"])
        self.process = None
        self.loaded = False
        self.again = self.load
        self.breaks = []
        self.value = "unavailable"

    def command(self, line):
        result = lldb.SBCommandReturnObject()
        self.debugger.GetCommandInterpreter().HandleCommand(line, result)
        if not result.Succeeded():
            raise RuntimeError(result.GetError())
        return result.GetOutput() or ""

    def thread(self):
        for t in self.process:
            if t.GetStopReason() not in (lldb.eStopReasonNone, lldb.eStopReasonInvalid):
                self.process.SetSelectedThread(t)
        return self.process.GetSelectedThread()

    def frame(self):
        return self.thread().GetSelectedFrame()

    def stopped(self):
        if self.process.GetState() == lldb.eStateExited:
            return "exited %d" % self.process.GetExitStatus()
        return where(self.frame())

    def set_break(self, at, condition=None):
        line = re.fullmatch(r"(.*\.\w+):(\d+)", at)
        b = self.target.BreakpointCreateByLocation(line[1], int(line[2])) if line \
            else self.target.BreakpointCreateByName(at)
        if condition:
            b.SetCondition(condition)
        self.breaks.append(b)
        return "set" if b.GetNumLocations() else "pending"

    def launch(self):
        error = lldb.SBError()
        info = lldb.SBLaunchInfo(os.environ["T_ARGS"].split("\n"))
        info.SetWorkingDirectory(os.getcwd())
        info.AddOpenFileAction(1, os.environ["T_STDOUT"], False, True)
        self.process = self.target.Launch(info, error)
        if error.Fail():
            raise RuntimeError(error.GetCString())

    def ready(self):
        if NATIVE:
            stop = self.target.BreakpointCreateByName("main")
            self.launch()
            self.target.BreakpointDelete(stop.GetID())
            return "host_ready"
        stop = self.target.BreakpointCreateByName("host_ready")
        self.launch()
        name = name_of(self.frame())
        self.target.BreakpointDelete(stop.GetID())
        self.thread().StepOut()  # host_text and host_memory are set from here on
        return name

    def number(self, name):
        return self.target.FindFirstGlobalVariable(name).GetValueAsUnsigned()

    def fresh(self):
        """A block must not fail because one before it ran the program to its end."""
        if self.process.GetState() != lldb.eStateExited:
            return "alive"
        self.delete()
        self.ready()
        self.again()
        return "restarted"

    def load(self):
        if NATIVE:
            return "loaded"
        debug = os.environ["T_DEBUG"]
        if not self.loaded:
            self.command("command script import " + os.environ["T_PYTHON"] + "/wasm_lldb.py")
            self.command("target modules add " + debug)
        self.loaded = True
        command = "target modules load --file %s .text %d" % (debug, self.number("host_text"))
        if table.has_section(debug, ".wasm.memory"):
            command += " .wasm.memory %d" % self.number("host_memory")
        self.command(command)
        return "loaded"

    def attach(self):
        """What a user types; the Python is that of the tree."""
        if NATIVE:
            return "attached"
        self.again = self.attach
        self.command("command script import " + os.environ["T_PYTHON"] + "/wasm_lldb.py")
        said = self.command("wasm-attach " + os.environ["T_DEBUG"])
        where = "code at 0x%x, linear memory at 0x%x\n" % (self.number("host_text"),
                                                          self.number("host_memory"))
        return "attached" if said.endswith(where) else said

    def resolved(self):
        return " ".join("set" if b.GetNumLocations() else "pending" for b in self.breaks)

    def delete(self):
        for b in self.breaks:
            self.target.BreakpointDelete(b.GetID())
        self.breaks = []
        self.target.DeleteAllWatchpoints()
        return "deleted"

    def cont(self):
        self.process.Continue()
        return self.stopped()

    def step(self):
        self.thread().StepInto()
        return self.stopped()

    def next(self):
        self.thread().StepOver()
        return self.stopped()

    def finish(self):
        self.thread().StepOut()
        v = self.thread().GetStopReturnValue()
        self.value = text_of(v) if v.IsValid() else "unavailable"
        return self.stopped()

    def returned(self):
        return self.value

    def select(self, index):
        self.thread().SetSelectedFrame(index)
        return self.stopped()

    def up(self):
        return self.select(self.frame().GetFrameID() + 1)

    def top(self):
        return self.select(0)

    def where(self):
        return self.stopped()

    def backtrace(self):
        return " <- ".join(name_of(f) for f in self.thread())

    def find(self, expression):
        if expression.startswith("*"):
            return self.find(expression[1:]).Dereference()
        v = self.frame().GetValueForVariablePath(expression)
        if v.IsValid() and not v.GetError().Fail():
            return v
        root = re.match(r"[\w:]+", expression)[0]
        g = self.target.FindFirstGlobalVariable(root)
        if g.IsValid() and not self.frame().FindVariable(root).IsValid():
            rest = expression[len(root):]
            return path_of(g, rest)
        if v.IsValid():
            return v
        options = lldb.SBExpressionOptions()
        options.SetAllowJIT(False)
        return self.frame().EvaluateExpression(expression, options)

    def print(self, expression):
        return text_of(self.find(expression))

    def say(self, command):
        result = lldb.SBCommandReturnObject()
        self.debugger.GetCommandInterpreter().HandleCommand(
            command, lldb.SBExecutionContext(self.frame()), result)
        return " ".join(((result.GetOutput() or "") + (result.GetError() or "")).split())

    def watch(self, expression):
        error = lldb.SBError()
        w = self.find(expression).Watch(True, False, True, error)
        return "watching" if w.IsValid() else "unavailable: %s" % error.GetCString()


def __lldb_init_module(debugger, _):
    d = Debugger(debugger)
    table.Session(d).run()
    if d.process and d.process.GetState() != lldb.eStateExited:
        d.process.Kill()
