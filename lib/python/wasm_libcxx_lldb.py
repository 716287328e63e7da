# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""libc++'s containers in linear memory, for lldb; part of wasm_lldb.py.

lldb's own formatters take pointers for native ones, and show a full vector as an empty one.  These
stand before them for types with offsets in them: what wasm_libcxx.py knows is shown as lldb shows
native ones; what it does not know, as the members that it has.
"""
import lldb

import wasm_libcxx
from wasm_libcxx import bare, contents

MOST = 1 << 16   # elements shown
NODES = 1 << 12  # nodes followed
RECORDS = lldb.eTypeClassStruct, lldb.eTypeClassClass, lldb.eTypeClassUnion


class View:
    read = None  # (number, address or None, type) of a pointer; set by wasm_lldb.py

    def __init__(self, value):
        self.value = value.GetNonSyntheticValue()
        if self.value.GetType().GetCanonicalType().IsReferenceType():
            self.value = self.value.Dereference().GetNonSyntheticValue()
        self.type = self.value.GetType().GetCanonicalType()

    def parts(self):
        if self.type.GetTypeClass() not in RECORDS:
            return []
        return [(v.GetName(), View(v)) for v in map(self.value.GetChildAtIndex,
                                                    range(self.value.GetNumChildren()))]

    def number(self):
        return self.value.GetValueAsUnsigned()

    def pointer(self):
        if not self.name_of(self.type).startswith("wasm_ptr<") and \
                not self.type.IsPointerType():
            return None
        _, address, t = View.read(self.value)
        return wasm_libcxx.Pointer(address or 0, t.GetByteSize() if t else 0, self.go)

    def go(self, address, t):
        t = t or View.read(self.value)[2]
        return View(self.value.CreateValueFromAddress("item", address, t))

    @staticmethod
    def name_of(t):
        return t.GetUnqualifiedType().GetName() or ""

    @staticmethod
    def inside(t):
        parts = [t.GetFieldAtIndex(i) for i in range(t.GetNumberOfFields())] + \
            [t.GetDirectBaseClassAtIndex(i) for i in range(t.GetNumberOfDirectBaseClasses())]
        return [p.GetType().GetCanonicalType() for p in parts]

    @staticmethod
    def argument(t):
        found = t.GetTemplateArgumentType(0)
        return found if found.IsValid() else None


def holds_offset(t, depth=wasm_libcxx.DEEP):
    """Whether there is a pointer into linear memory in objects of a type."""
    t = t.GetCanonicalType()
    if t.IsArrayType():
        t = t.GetArrayElementType().GetCanonicalType()
    return View.name_of(t).startswith("wasm_ptr<") or \
        depth > 0 and any(holds_offset(inner, depth - 1) for inner in View.inside(t))


def is_ours(t):
    """Whether a type is libc++'s, with offsets where lldb expects pointers."""
    return bare(t.GetCanonicalType().GetName()) is not None and not t.IsPointerType() and \
        not t.IsReferenceType() and holds_offset(t)


def known(value):
    return contents(View(value), NODES)


class Container:
    """The elements of a container; of what is not known, what lldb would show without any
    formatter."""

    def __init__(self, value, _):
        self.value, self.kind, self.children = value, "other", []

    def update(self):
        found = known(self.value)
        self.kind = found.kind if found else "other"
        self.children = getattr(self, "from_" + self.kind, self.from_elements)(found)
        return False

    def from_other(self, _):
        raw = self.value.GetNonSyntheticValue()
        return [raw.GetChildAtIndex(i) for i in range(raw.GetNumChildren())]

    def from_text(self, _):
        return []

    def from_elements(self, found):
        return [("[%d]" % i, view.value) for i, view in zip(range(MOST), found.items())]

    def from_vector(self, found):
        if not found.size:
            return []
        first = next(found.items()).value
        t, at = first.GetType(), first.GetLoadAddress()
        return [("[%d]" % i, at + i * t.GetByteSize(), t) for i in range(min(found.size, MOST))]

    def from_owner(self, found):
        return [("*", found.pointer.target().value)] if found.pointer.number else []

    def from_optional(self, found):
        return [("Value", view.value) for view in found.items()]

    from_variant = from_optional

    def has_children(self):
        return bool(self.children)

    def num_children(self, most=MOST):
        return min(len(self.children), most)

    def get_child_index(self, name):
        if name == "$$dereference$$":
            return 0 if self.kind in ("owner", "optional") else -1
        return next((i for i, c in enumerate(self.children)
                     if name == (c[0] if isinstance(c, tuple) else c.GetName())), -1)

    def get_child_at_index(self, index):
        if not 0 <= index < len(self.children):
            return None
        child = self.children[index]  # or how to make it: few are asked for
        if not isinstance(child, tuple):
            return child
        return self.value.CreateValueFromAddress(*(child if len(child) == 3 else (
            child[0], child[1].GetLoadAddress(), child[1].GetType())))


def text(value, found, text_at):
    where, size = found.text
    address = where.number if isinstance(where, wasm_libcxx.Pointer) else \
        where.value.GetLoadAddress()
    return text_at(value, address, size) if address or not size else ""


def summary(value, text_at):
    found = known(value)
    if found is None:
        return ""
    if found.kind == "text":
        return text(value, found, text_at)
    if found.kind == "owner":
        return "0x%x" % found.pointer.number if found.pointer.number else "nullptr"
    if found.kind == "optional":
        return "Has Value=%s " % ("true" if found.size else "false")
    if found.kind == "variant":
        return "Active Type = %s " % next(found.items()).value.GetType().GetName()
    return "" if found.size is None else "size=%d" % found.size
