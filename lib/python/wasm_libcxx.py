# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""libc++'s containers in linear memory, for lldb; part of wasm_lldb.py.

lldb's own formatters take pointers for native ones, and show a full vector as an empty one.  These
stand before them for types with offsets in them: strings, vectors, maps, sets and smart pointers are shown
as lldb shows native ones; what is not known here, as the members that it has.
"""
import re

import lldb

MOST = 1 << 16  # elements shown
NODES = 1 << 12
DEEP = 8  # a member lies within so many others: bases, pairs

KINDS = (
    ("text", r"basic_string<"),
    ("vector", r"vector<(?!bool)"),
    ("tree", r"(multi)?(map|set)<"),
    ("owner", r"(unique_ptr|shared_ptr)<|__unique_if<.*>::__unique_single"),
)


def bare(t):
    """The name of a type without the inline namespace of libc++; None: it is of no library."""
    m = re.match(r"(const |volatile )*std::(__\w+)::(.*)", t.GetCanonicalType().GetName() or "")
    return m[3] if m else None


def kind_of(t):
    name = bare(t) or ""
    return next((kind for kind, start in KINDS if re.match(start, name)), "other")


def holds_offset(t, depth=DEEP):
    """Whether there is a pointer into linear memory in objects of a type."""
    t = t.GetCanonicalType()
    if t.IsArrayType():
        t = t.GetArrayElementType().GetCanonicalType()
    if (t.GetUnqualifiedType().GetName() or "").startswith("wasm_ptr<"):
        return True
    parts = [t.GetFieldAtIndex(i) for i in range(t.GetNumberOfFields())] + \
        [t.GetDirectBaseClassAtIndex(i) for i in range(t.GetNumberOfDirectBaseClasses())]
    return depth > 0 and any(holds_offset(p.GetType(), depth - 1) for p in parts)


def is_ours(t):
    """Whether a type is libc++'s, with offsets where lldb expects pointers."""
    return bare(t) is not None and not t.IsPointerType() and not t.IsReferenceType() and \
        holds_offset(t)


def member(value, name, depth=DEEP):
    """The member of that name, wherever it lies in the value, or None."""
    value = value.GetNonSyntheticValue()
    children = [value.GetChildAtIndex(i) for i in range(value.GetNumChildren())]
    for child in children:
        if child.GetName() == name:
            return child
    for child in children if depth else ():
        if child.GetType().GetCanonicalType().GetTypeClass() in (lldb.eTypeClassStruct, lldb.eTypeClassClass,
                                              lldb.eTypeClassUnion):
            found = member(child, name, depth - 1)
            if found is not None:
                return found
    return None


def number(value, *path):
    for name in path:
        value = member(value, name) if value is not None else None
    return None if value is None else value.GetValueAsUnsigned()


def pointers(value, read, *names):
    """What these pointers in a value lead to: (address or 0, type); None when one is missing."""
    found = []
    for name in names:
        pointer = member(value, name)
        if pointer is not None and not pointer.GetType().GetCanonicalType().GetName().startswith(
                "wasm_ptr<"):
            pointer = member(pointer, "__value_")  # a compressed pair's
        if pointer is None:
            return None
        _, address, t = read(pointer)
        found.append((address or 0, t))
    return found


def vector(value, read):
    """(address, type, size) of its elements, or None."""
    found = pointers(value, read, "__begin_", "__end_")
    if not found or not found[0][1]:
        return None
    (begin, t), (end, _) = found
    return (begin, t, (end - begin) // (t.GetByteSize() or 1)) if begin <= end else None


def text(value, read, text_at):
    short = member(value, "__s")
    if short is None:
        return None
    if not number(short, "__is_long_"):
        data = member(short, "__data_")
        return text_at(value, data.GetLoadAddress(), number(short, "__size_"))
    long_one = member(value, "__l")
    _, address, _ = read(member(long_one, "__data_"))
    return text_at(value, address, number(long_one, "__size_")) if address else None


def walk(value, node, read, most):
    """The nodes of a tree from the first on, in order; node: their type."""
    def go(address):
        return value.CreateValueFromAddress("node", address, node)

    def link(of, name):
        return read(member(of, name))[1] or 0

    stack, at = [], link(member(value, "__tree_"), "__left_")
    while (at or stack) and most:
        while at:
            stack.append(go(at))
            at = link(stack[-1], "__left_")
        most -= 1
        last = stack.pop()
        yield last
        at = link(last, "__right_")


class Container:
    """The children of a vector, map, set or smart pointer; of others what lldb would show without
    any formatter."""

    read = None  # set by wasm_lldb.py

    def __init__(self, value, _):
        self.value, self.kind, self.children = value, "other", []

    def update(self):
        self.kind = kind_of(self.value.GetType())
        self.children = getattr(self, "from_" + self.kind)()
        if self.children is None:
            self.children = self.from_other()
        return False

    def from_other(self):
        raw = self.value.GetNonSyntheticValue()
        return [raw.GetChildAtIndex(i) for i in range(raw.GetNumChildren())]

    def from_text(self):
        return []

    def from_vector(self):
        found = vector(self.value, Container.read)
        if not found:
            return None
        address, t, n = found
        return [("[%d]" % i, address + i * t.GetByteSize(), t) for i in range(min(n, MOST))]

    def from_owner(self):
        found = pointers(self.value, Container.read, "__ptr_")
        if not found:
            return None
        address, t = found[0]
        return [("*", address, t)] if address and t else []

    def from_tree(self):
        tree = member(self.value, "__tree_")
        t = tree.GetType().FindDirectNestedType("__node_pointer") if tree is not None else None
        node = t.GetCanonicalType().GetTemplateArgumentType(0) if t and t.IsValid() else None
        if not node or not node.IsValid():
            return None
        values = [member(n, "__value_") for n in walk(self.value, node, Container.read, NODES)]
        values = [member(v, "__cc_") or v for v in values]  # a map's: a union with the pair in it
        return [("[%d]" % i, v.GetLoadAddress(), v.GetType()) for i, v in enumerate(values)]

    def has_children(self):
        return bool(self.children)

    def num_children(self, most=MOST):
        return min(len(self.children), most)

    def get_child_index(self, name):
        if name == "$$dereference$$":
            return 0 if self.kind == "owner" else -1
        return next((i for i, c in enumerate(self.children)
                     if name == (c[0] if isinstance(c, tuple) else c.GetName())), -1)

    def get_child_at_index(self, index):
        if not 0 <= index < len(self.children):
            return None
        child = self.children[index]  # or how to make it: few are asked for
        return self.value.CreateValueFromAddress(*child) if isinstance(child, tuple) else child


def summary(value, read, text_at):
    kind = kind_of(value.GetType())
    if kind == "text":
        return text(value, read, text_at) or ""
    if kind == "vector" and vector(value, read):
        return "size=%d" % vector(value, read)[2]
    if kind == "tree":
        size = number(value, "__tree_", "__pair3_", "__value_")
        size = number(value, "__tree_", "__size_") if size is None else size  # of LLVM 20
        return "" if size is None else "size=%d" % size
    if kind == "owner":
        found = pointers(value, read, "__ptr_")
        return "" if not found else "0x%x" % found[0][0] if found[0][0] else "nullptr"
    return ""
