# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lets lldb follow pointers that are in linear memory (side-cars of --debugger=lldb).

(lldb) command script import wasm_lldb.py

Variables that are pointers work without this.  Members, elements and statics that are pointers are
wasm_ptr<T>, a struct with the offset in it; here it gets what it points to as its child, so that
`frame variable p->next->x` and `v.items[2]` work, and a summary: address, text of characters, name
of a function.  Strings and slices of Rust and Zig are shown as such.  Commands:

wasm-attach SIDECAR              finds code and memory in the process, and loads the side-car there
wasm-cast TYPE OFFSET [PATH]     what is at an offset: wasm-cast node 0x112d8 .next->x
"""
import os
import re
import shlex
import sys

import lldb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wasm_libcxx_lldb  # noqa: E402
import wasm_sidecar  # noqa: E402

CATEGORY = "wasm"
TEXT = ("char", "signed char", "unsigned char", "char8_t")
MOST = 1 << 16  # elements that [N] reaches
LONGEST = 256   # bytes of text shown
POINTER = "^wasm_ptr<.*>$"
FUNCTION = r"^.*\(\*\)\(.*\)$"
SLICE = r"^&(mut )?(str|\[.*\])$|^alloc::(string::String|vec::Vec<.*>)$|^\[(:[^]]*)?\].*$"


def sections(value, name):
    """The sections of that name: of the side-car of the value's type, then of others."""
    target = value.GetTarget()
    of_type = value.GetType().GetModule()
    for module in [of_type] + [target.GetModuleAtIndex(i) for i in range(target.GetNumModules())]:
        section = module.FindSection(name) if module.IsValid() else None
        if section and section.IsValid():
            yield module, section


def base_of(value):
    """Where linear memory begins: what .wasm.memory of the type's side-car was loaded at."""
    for _, section in sections(value, ".wasm.memory"):
        base = section.GetLoadAddress(value.GetTarget())
        if base != lldb.LLDB_INVALID_ADDRESS:
            return base
    return None


def read(value):
    """(offset, native address or None, type of what it points to or None)"""
    raw = value.GetNonSyntheticValue()
    t = raw.GetType().GetCanonicalType()
    if t.IsPointerType():  # a variable's; its typedef has the name of one for wasm_ptr
        address = raw.GetValueAsUnsigned()
        return address, address or None, t.GetPointeeType()
    offset = raw.GetChildMemberWithName("off").GetValueAsUnsigned(0)
    base = base_of(raw) if offset else None
    t = t.GetTemplateArgumentType(0)
    return offset, None if base is None else base + offset, t if t.IsValid() else None


class Pointer:
    def __init__(self, value, _):
        self.value = value

    def update(self):
        _, self.address, self.type = read(self.value)
        self.good = self.address is not None and self.type is not None
        return False

    def has_children(self):
        return self.good

    def num_children(self, _=0):
        return MOST if self.good else 0  # none is shown, for there is a summary

    def get_child_index(self, name):
        if name == "$$dereference$$":
            return 0
        if name.startswith("[") and name.endswith("]"):
            return int(name[1:-1], 0)
        return -1

    def get_child_at_index(self, index):
        if not self.good or not 0 <= index < MOST:
            return None
        name = "[%d]" % index if index else "*" + (self.value.GetName() or "")
        return self.value.CreateValueFromAddress(
            name, self.address + index * self.type.GetByteSize(), self.type)


def text_at(value, address, length=None):
    error = lldb.SBError()
    size = LONGEST if length is None else min(length, LONGEST)
    data = value.GetProcess().ReadMemory(address, size, error) if size else b""
    if size and not error.Success():
        data = value.GetProcess().ReadCStringFromMemory(address, size, error)
        data = data.encode() if error.Success() else b""
    end = data.find(b"\0") if length is None else size if size == length else -1
    shown = data[:end if end >= 0 else len(data)].decode("utf-8", "backslashreplace")
    return '"%s"%s' % (shown, "" if end >= 0 else "...")


def function_at(value, index):
    """The name of the function in that slot of the table, or None."""
    for module, text in sections(value, ".text"):
        try:
            entry = wasm_sidecar.Sidecar(module.GetFileSpec().fullpath).table.get(index)
        except wasm_sidecar.Problem:
            continue
        if entry is not None:
            address = lldb.SBAddress(text, entry)
            return address.GetFunction().GetName() or address.GetSymbol().GetName()
    return None


def code(value, index):
    name = function_at(value, index) if index else None
    return "0x%x <%s>" % (index, name) if name else "0x%x" % index if index else "null"


def summary(value, _):
    offset, address, t = read(value)
    whole = value.GetType().GetCanonicalType().GetUnqualifiedType()
    if whole.IsPointerType():
        return function_summary(value, _)
    if whole.GetName() == "wasm_ptr<code>":
        return code(value.GetNonSyntheticValue(), offset)
    if not offset:
        return "null"
    if address is None:
        return "0x%x" % offset
    name = t.GetCanonicalType().GetUnqualifiedType().GetName() if t else ""
    return "0x%x%s" % (address, " " + text_at(value, address) if name in TEXT else "")


def function_summary(value, _):
    """Of a pointer as lldb knows them: one to a function is an index, added to the base of linear
    memory.  Text, as lldb shows it: it takes two types of one name for the same."""
    value = value.GetNonSyntheticValue()
    t = value.GetType().GetCanonicalType()
    if not t.IsPointerType():
        return summary(value, _)
    number, pointee = value.GetValueAsUnsigned(), t.GetPointeeType()
    if number and pointee.GetCanonicalType().GetUnqualifiedType().GetName() in TEXT:
        return text_at(value, number)
    base = base_of(value) if pointee.IsFunctionType() else None
    return code(value, number - base) if base and 0 < number - base < 1 << 32 else ""


def is_alias(t, _):
    """Typedefs of pointers.  lldb remembers formatters by the name of a type, and the typedef of a
    variable has the name of a member's: both get one that knows both."""
    if not t.IsTypedefType():
        return False
    t = t.GetCanonicalType().GetUnqualifiedType()
    if t.IsPointerType():
        return t.GetPointeeType().GetCanonicalType().GetBasicType() != lldb.eBasicTypeVoid
    return (t.GetName() or "").startswith("wasm_ptr<")


# --- slices --------------------------------------------------------------------------------------

SLICES = (("data_ptr", "length"), ("ptr", "len"), ("buf.ptr.pointer.pointer", "len"),
          ("buf.inner.ptr.pointer.pointer", "len"))  # Rust's, Zig's, a Vec's, that of Rust 1.80


def child(value, path):
    for name in path.split("."):
        value = value.GetNonSyntheticValue().GetChildMemberWithName(name)
    return value


def slice_of(value):
    """(native address or None, length, type of an element) of Rust's and Zig's slices, or None."""
    raw = value.GetNonSyntheticValue()
    vec = child(raw, "vec")  # a String's
    for names in SLICES:
        pointer, length = (child(vec if vec.IsValid() else raw, path) for path in names)
        if pointer.IsValid() and length.IsValid():
            _, address, t = read(pointer)
            return address, length.GetValueAsUnsigned(), t
    return None


def is_text(value):
    return re.search(r"(^&(mut )?str|^alloc::string::String|^\[.*[^\w]u8)$",
                     value.GetType().GetUnqualifiedType().GetName())


def slice_summary(value, _):
    found = slice_of(value)
    if not found:
        return ""
    address, length, _ = found
    if is_text(value) and (address or not length):
        return text_at(value, address or 0, length)
    return "size=%d" % length


class Slice:
    def __init__(self, value, _):
        self.value = value

    def update(self):
        self.address, self.length, self.type = slice_of(self.value) or (None, 0, None)
        if not self.address or not self.type or is_text(self.value):
            self.length = 0
        return False

    def has_children(self):
        return self.length > 0

    def num_children(self, most=MOST):
        return min(self.length, most)

    def get_child_index(self, name):
        return int(name[1:-1], 0) if name.startswith("[") and name.endswith("]") else -1

    def get_child_at_index(self, index):
        if not 0 <= index < self.length:
            return None
        return self.value.CreateValueFromAddress(
            "[%d]" % index, self.address + index * self.type.GetByteSize(), self.type)


# --- libc++ --------------------------------------------------------------------------------------

Container = wasm_libcxx_lldb.Container
wasm_libcxx_lldb.View.read = staticmethod(read)


def is_libcxx(t, _):
    return wasm_libcxx_lldb.is_ours(t)


def libcxx_summary(value, _):
    return wasm_libcxx_lldb.summary(value, text_at)


# --- commands ------------------------------------------------------------------------------------

class Process(wasm_sidecar.Process):
    def __init__(self, target):
        self.process = target.GetProcess()
        if not self.process.IsValid():
            raise wasm_sidecar.Problem("there is no process; start it, and stop it when the module "
                                       "has been instantiated")

    def regions(self):
        found = self.process.GetMemoryRegions()
        for i in range(found.GetSize()):
            r = lldb.SBMemoryRegionInfo()
            if found.GetMemoryRegionAtIndex(i, r):
                yield wasm_sidecar.Region(r.GetRegionBase(), r.GetRegionEnd(), r.IsReadable(),
                                          r.IsWritable(), r.IsExecutable())

    def read(self, address, size):
        error = lldb.SBError()
        data = self.process.ReadMemory(address, size, error) if size else b""
        return data if error.Success() and data is not None and len(data) == size else None


def run(debugger, command):
    result = lldb.SBCommandReturnObject()
    debugger.GetCommandInterpreter().HandleCommand(
        command, lldb.SBExecutionContext(debugger.GetSelectedTarget()), result)
    if not result.Succeeded():
        raise wasm_sidecar.Problem(result.GetError().strip())


def quoted(path):
    return '"%s"' % re.sub(r'(["\\`])', r"\\\1", path)


def attach(debugger, line, context, result, _):
    """Load a side-car: wasm-attach SIDECAR [--text ADDRESS] [--memory ADDRESS]

Finds the machine code of the module in the process, and the linear memory of its instance (in
Wasmtime), and loads the side-car there.  When the module has several instances, --memory says
which.  Do it again when the program has been started anew."""
    target = context.GetTarget()

    def variable(name):
        value = target.EvaluateExpression("$" + name)
        return value.GetValueAsUnsigned() if value.GetError().Success() else None

    try:
        sidecar, text, memory = wasm_sidecar.locate(Process(target), line, variable)
        path = os.path.realpath(sidecar.path)
        if not target.FindModule(lldb.SBFileSpec(path)).IsValid():
            run(debugger, "target modules add " + quoted(path))
        command = "target modules load --file %s .text 0x%x" % (quoted(path), text)
        if memory is not None:
            command += " .wasm.memory 0x%x" % memory
        run(debugger, command)
    except wasm_sidecar.Problem as e:
        result.SetError("wasm-attach: %s" % e)
        return
    print("%s: code at 0x%x%s" % (os.path.basename(path), text, "" if memory is None else
                                  ", linear memory at 0x%x" % memory), file=result)


def along(value, path):
    """GetValueForExpressionPath() knows nothing of what a synthetic provider points to."""
    for arrow, name, index in re.findall(r"(->|\.)(\w+)|\[(\d+)\]", path):
        if arrow == "->":
            value = value.Dereference()
        value = value.GetChildMemberWithName(name) if name else value.GetChildAtIndex(
            int(index), lldb.eDynamicDontRunTarget, True)
    return value


def type_named(target, modules, name):
    """A type of a side-car, or one that every C has; name is without stars."""
    for module in modules:
        t = module.FindFirstType(re.sub(r"^(struct|class|union|enum) ", "", name))
        if t.IsValid():
            return t
    pointer = target.EvaluateExpression("(%s *)0" % name)
    if pointer.GetError().Fail():
        raise wasm_sidecar.Problem("there is no type '%s'" % name)
    return pointer.GetType().GetPointeeType()


def object_at(context, name, offset):
    """The object of that type at an offset, or with a star a pointer to it."""
    target, frame = context.GetTarget(), context.GetFrame()
    found = [m for m in target.module_iter() if m.FindSection(".wasm.memory").GetLoadAddress(
        target) != lldb.LLDB_INVALID_ADDRESS]
    number = (frame if frame.IsValid() else target).EvaluateExpression(offset)
    if not found or number.GetError().Fail():
        raise wasm_sidecar.Problem(number.GetError().GetCString() if found else
                                   "no side-car is loaded")
    bare = name.rstrip("* ")
    if name.count("*") > 1:
        raise wasm_sidecar.Problem("lldb takes the pointers that it points to for native ones")
    address = number.GetValueAsUnsigned() + \
        found[0].FindSection(".wasm.memory").GetLoadAddress(target)
    value = target.CreateValueFromAddress("*" + offset, lldb.SBAddress(address, target),
                                          type_named(target, found, bare))
    return value.AddressOf() if "*" in name else value


def cast(_, line, context, result, __):
    """What is at an offset in linear memory: wasm-cast TYPE OFFSET [PATH]

wasm-cast node 0x112d8, wasm-cast node 0x112d8 .next->x, wasm-cast "char *" 0x4f0"""
    args = shlex.split(line)
    if len(args) not in (2, 3):
        result.SetError("usage: wasm-cast TYPE OFFSET [PATH]")
        return
    try:
        value = object_at(context, args[0], args[1])
    except wasm_sidecar.Problem as e:
        result.SetError("wasm-cast: %s" % e)
        return
    value = along(value, args[2] if len(args) > 2 else "")
    if value.GetError().Fail():
        result.SetError("wasm-cast: there is no %s" % args[2])
        return
    print(str(value), file=result)


def __lldb_init_module(debugger, _):
    for what in (
            "synthetic add -l wasm_lldb.Pointer -x '%s'" % POINTER,
            "summary add -F wasm_lldb.summary -x '%s'" % POINTER,
            "summary add -F wasm_lldb.function_summary -x '%s'" % FUNCTION,
            "synthetic add -l wasm_lldb.Pointer --recognizer-function wasm_lldb.is_alias",
            "summary add -F wasm_lldb.summary --recognizer-function wasm_lldb.is_alias",
            "synthetic add -l wasm_lldb.Slice -x '%s'" % SLICE,
            "summary add -e -F wasm_lldb.slice_summary -x '%s'" % SLICE,
            "synthetic add -l wasm_lldb.Container --recognizer-function wasm_lldb.is_libcxx",
            "summary add -e -F wasm_lldb.libcxx_summary --recognizer-function wasm_lldb.is_libcxx"):
        debugger.HandleCommand("type %s -w %s" % (what, CATEGORY))
    debugger.HandleCommand("type category enable " + CATEGORY)
    for name, function in (("wasm-attach", "attach"), ("wasm-cast", "cast")):
        debugger.HandleCommand("command script add -o -f wasm_lldb.%s %s" % (function, name))
