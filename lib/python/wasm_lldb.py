# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lets lldb follow pointers that are in linear memory (side-cars of --debugger=lldb).

(lldb) command script import wasm_lldb.py

Variables that are pointers work without this.  Members, elements and statics that are pointers are
wasm_ptr<T>, a struct with the offset in it; here it gets what it points to as its child, so that
`frame variable p->next->x` and `v.items[2]` work, and a summary: address, text of characters.
"""
import lldb

CATEGORY = "wasm"
TEXT = ("char", "signed char", "unsigned char", "char8_t")
MOST = 1 << 16  # elements that [N] reaches
LONGEST = 256   # bytes of text shown


def base_of(value):
    """Where linear memory begins: what .wasm.memory of the type's side-car was loaded at."""
    target = value.GetTarget()
    of_type = value.GetType().GetModule()
    for module in [of_type] + [target.GetModuleAtIndex(i) for i in range(target.GetNumModules())]:
        section = module.FindSection(".wasm.memory") if module.IsValid() else None
        if section and section.IsValid():
            base = section.GetLoadAddress(target)
            if base != lldb.LLDB_INVALID_ADDRESS:
                return base
    return None


def read(value):
    """(offset, native address or None, type of what it points to or None)"""
    raw = value.GetNonSyntheticValue()
    offset = raw.GetChildMemberWithName("off").GetValueAsUnsigned(0)
    base = base_of(raw) if offset else None
    t = raw.GetType().GetCanonicalType().GetTemplateArgumentType(0)
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


def text_at(value, address):
    error = lldb.SBError()
    data = value.GetProcess().ReadMemory(address, LONGEST, error)
    if not error.Success():
        data = value.GetProcess().ReadCStringFromMemory(address, LONGEST, error)
        data = data.encode() if error.Success() else b""
    end = data.find(b"\0")
    shown = data[:end if end >= 0 else len(data)].decode("utf-8", "backslashreplace")
    return ' "%s"%s' % (shown, "" if end >= 0 else "...")


def summary(value, _):
    offset, address, t = read(value)
    if not offset:
        return "null"
    if address is None:
        return "0x%x" % offset
    name = t.GetCanonicalType().GetUnqualifiedType().GetName() if t else ""
    return "0x%x%s" % (address, text_at(value, address) if name in TEXT else "")


def __lldb_init_module(debugger, _):
    for what in ("synthetic add -l wasm_lldb.Pointer", "summary add -F wasm_lldb.summary"):
        debugger.HandleCommand('type %s -x "^wasm_ptr<.*>$" -w %s' % (what, CATEGORY))
    debugger.HandleCommand("type category enable " + CATEGORY)
