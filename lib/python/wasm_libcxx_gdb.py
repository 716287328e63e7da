# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""libc++'s containers in linear memory, for gdb; part of wasm_gdb.py.

gdb comes with printers for GNU's library only.  Strings, vectors, maps, sets and smart pointers are
shown in the words of these; for others, or when LLVM's own printers have been loaded, see there.
"""
import re

import gdb

MOST = 1 << 16  # nodes of a tree
DEEP = 8        # a member lies within so many others: bases, pairs


def member(value, name, depth=DEEP):
    """The member of that name, wherever it lies in the value, or None."""
    t = value.type.strip_typedefs()
    if t.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        return None
    fields = [f for f in t.fields() if hasattr(f, "bitpos")]
    for f in fields:
        if f.name == name:
            return value[f]
    for f in fields if depth else ():
        found = member(value[f], name, depth - 1)
        if found is not None:
            return found
    return None


def pointer(value, name):
    found = member(value, name)
    if found is not None and found.type.strip_typedefs().code != gdb.TYPE_CODE_PTR:
        found = member(found, "__value_")  # a compressed pair's
    return found


class Text:
    def __init__(self, value, _, native):
        self.value, self.native = value, native

    def to_string(self):
        short, long_one = member(self.value, "__s"), member(self.value, "__l")
        if int(member(short, "__is_long_")):
            data, size = self.native(member(long_one, "__data_")), member(long_one, "__size_")
            return data.lazy_string(length=int(size)) if int(size) else ""
        # Not by its address: gdb may cut pointers to characters to the width of the module's.
        return member(short, "__data_").string("utf-8", "backslashreplace",
                                               int(member(short, "__size_")))

    def display_hint(self):
        return "string"


class Vector:
    def __init__(self, value, name, _):
        self.name = name
        self.begin, self.end, self.cap = (pointer(value, n) for n in (
            "__begin_", "__end_", "__end_cap_"))
        if self.cap is None:
            self.cap = pointer(value, "__cap_")  # of LLVM 20

    def to_string(self):
        return "std::%s of length %d, capacity %d" % (self.name, self.end - self.begin,
                                                      self.cap - self.begin)

    def children(self):
        for i in range(int(self.end - self.begin)):
            yield "[%d]" % i, (self.begin + i).dereference()

    def display_hint(self):
        return "array"


class Tree:
    def __init__(self, value, name, _):
        self.tree, self.name = member(value, "__tree_"), name
        size = member(self.tree, "__pair3_")
        self.size = int(member(self.tree, "__size_") if size is None else
                        member(size, "__value_"))
        self.node = gdb.lookup_type(self.tree.type.strip_typedefs().name + "::__node_pointer")

    def to_string(self):
        return "std::%s with %d element%s" % (self.name, self.size, "" if self.size == 1 else "s")

    def walk(self):
        stack, at = [], member(self.tree, "__left_")
        for _ in range(min(self.size, MOST)):
            while at:
                stack.append(at)
                at = member(at.dereference(), "__left_")
            # By way of a number: gdb would look for the base class in its own way.
            node = gdb.Value(int(stack.pop())).cast(self.node).dereference()
            yield node["__value_"]
            at = member(node, "__right_")

    def children(self):
        for i, value in enumerate(self.walk()):
            pair = member(value, "__cc_") if "map" in self.name else None
            if pair is None:
                yield "[%d]" % i, value
            else:
                yield "[%d] key" % i, pair["first"]
                yield "[%d] value" % i, pair["second"]

    def display_hint(self):
        return "map" if "map" in self.name else "array"


class Owner:
    def __init__(self, value, name, _):
        self.value, self.name = value, name
        self.pointer = pointer(value, "__ptr_")

    def to_string(self):
        counts, t = "", self.value.type.strip_typedefs().template_argument(0)
        control = pointer(self.value, "__cntrl_")
        if control:  # its type is complete only when libc++ has debug information
            shared, weak = (member(control.dereference(), n) for n in (
                "__shared_owners_", "__shared_weak_owners_"))
            if shared is not None and weak is not None:
                counts = " (use count %d, weak count %d)" % (int(shared) + 1, int(weak))
        return "std::%s<%s>%s" % (self.name, t, counts if self.pointer else "")

    def children(self):
        yield "get()", self.pointer


KINDS = {"basic_string": Text, "vector": Vector, "map": Tree, "multimap": Tree, "set": Tree,
         "multiset": Tree, "unique_ptr": Owner, "shared_ptr": Owner}


def printer(value, t, native):
    """The printer of a container, or None.  native: makes native pointers of those in memory."""
    m = re.match(r"std::__\w+::(\w+)<(?!bool)", t.name or "")
    kind = KINDS.get(m[1]) if m else None
    return kind(value, m[1], native) if kind else None
