# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""libc++'s containers in linear memory, for gdb; part of wasm_gdb.py.

gdb comes with printers for GNU's library only.  What wasm_libcxx.py knows is shown in the words of
these; for others, or when LLVM's own printers have been loaded, see there.
"""
import re

import gdb

import wasm_libcxx
from wasm_libcxx import member, pointer

MOST = 1 << 16  # nodes
RECORDS = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


class View:
    native = None  # makes native pointers of those in memory; set by wasm_gdb.py

    def __init__(self, value):
        self.value, self.type = value, value.type.strip_typedefs()

    def parts(self):
        if self.type.code not in RECORDS:
            return []
        return [(f.name, View(self.value[f])) for f in self.type.fields() if hasattr(f, "bitpos")]

    def number(self):
        return int(self.value) & ((1 << 8 * self.type.sizeof) - 1)

    def pointer(self):
        if self.type.code != gdb.TYPE_CODE_PTR:
            return None
        return wasm_libcxx.Pointer(self.number(), self.type.target().sizeof, self.go)

    def go(self, number, t):
        value = gdb.Value(number).cast(self.type)  # not by its base class, as gdb would look for it
        if t is None:
            return View(value.dereference())
        return View((View.native(value) if t.pointer().sizeof == 8 else
                     gdb.Value(number)).cast(t.pointer()).dereference())

    @staticmethod
    def name_of(t):
        return t.name or ""

    @staticmethod
    def inside(t):
        return [f.type.strip_typedefs() for f in t.fields() if hasattr(f, "bitpos")] \
            if t.code in RECORDS else []

    @staticmethod
    def argument(t):
        return t.template_argument(0)


def elements(n):
    return "%d element%s" % (n, "" if n == 1 else "s")


def short_name(t):
    """As in the source, as far as it matters."""
    name = re.sub(r"\bstd::__\w+::", "std::", str(t))
    return name.replace("std::basic_string<char, std::char_traits<char>, std::allocator<char> >",
                        "std::string")


class Text:
    def __init__(self, view, name, found):
        self.where, self.size = found.text

    def to_string(self):
        if isinstance(self.where, wasm_libcxx.Pointer):
            data = View.native(self.where.target().value.address)
            return data.lazy_string(length=self.size) if self.size else ""
        # Not by its address: gdb may cut pointers to characters to the width of the module's.
        return self.where.value.string("utf-8", "backslashreplace", self.size)

    def display_hint(self):
        return "string"


class Sequence:
    """Elements, with or without their number before them."""

    def __init__(self, view, name, found):
        self.name, self.found = name, found
        self.display_hint = lambda: "array" if found.kind in ("vector", "deque") else None

    def to_string(self):
        size, name = self.found.size, "std::" + self.name
        if self.found.kind == "vector":
            return "%s of length %d, capacity %d" % (name, size, self.found.capacity)
        if self.found.kind in ("list", "forward_list"):
            return name if next(self.found.items(), None) is not None else "empty " + name
        return "%s with %s" % (name, elements(size))

    def children(self):
        for i, view in enumerate(self.found.items()):
            yield "[%d]" % i, view.value


class Map(Sequence):
    def __init__(self, view, name, found):
        super().__init__(view, name, found)
        self.display_hint = lambda: "map"

    def children(self):
        for i, view in enumerate(self.found.items()):
            yield "[%d] key" % i, view.value["first"]
            yield "[%d] value" % i, view.value["second"]


class Wrapper(Sequence):
    """A stack or a queue."""

    def __init__(self, view, name, found):
        inner = wasm_libcxx.bare(member(view, "c").type.name).partition("<")[0]
        super().__init__(view, inner, found)
        self.outer = name

    def to_string(self):
        return "std::%s wrapping: %s" % (self.outer, super().to_string())


class Owner:
    def __init__(self, view, name, _):
        self.view, self.name = view, name

    def to_string(self):
        counts, held = "", pointer(self.view, "__ptr_")
        control = pointer(self.view, "__cntrl_")
        if control and control.number:  # its type is complete only when libc++ has debug information
            shared, weak = (member(control.target(), n) for n in (
                "__shared_owners_", "__shared_weak_owners_"))
            if shared is not None and weak is not None:
                counts = " (use count %d, weak count %d)" % (int(shared.value) + 1,
                                                             int(weak.value))
        return "std::%s<%s>%s" % (self.name, short_name(self.view.argument(self.view.type)), counts if held.number else "")

    def children(self):
        yield "get()", wasm_libcxx.plain(self.view, "__ptr_").value


class Choice:
    """An optional or a variant."""

    def __init__(self, view, name, found):
        self.name, self.found, t = name, found, view.type
        self.arguments = ", ".join(short_name(t.template_argument(i)) for i in range(
            1 if name == "optional" else 64) if self.has(t, i))

    @staticmethod
    def has(t, i):
        try:
            return t.template_argument(i) is not None
        except RuntimeError:
            return False

    def to_string(self):
        said = "std::%s<%s>" % (self.name, self.arguments)
        if self.name == "variant":
            return "%s [index %d]" % (said, self.found.size)
        return said if self.found.size else said + " [no contained value]"

    def children(self):
        for view in self.found.items():
            yield "[contained value]", view.value

    def display_hint(self):
        return "array" if self.name == "variant" else None


class Tuple:
    def __init__(self, _, __, found):
        self.found = found

    def to_string(self):
        return "std::tuple containing" if self.found.size else "empty std::tuple"

    def children(self):
        for i, view in enumerate(self.found.items(), 1):
            yield "[%d]" % i, view.value


WORDS = {"text": Text, "owner": Owner, "optional": Choice, "variant": Choice, "tuple": Tuple}


def printer(value, t):
    """The printer of a container, or None."""
    m = re.match(r"std::__\w+::(\w+)<", t.name or "")
    if not m:
        return None
    view = View(value)
    found = wasm_libcxx.contents(view, MOST)
    if found is None:
        return None
    if m[1] in ("stack", "queue", "priority_queue"):
        return Wrapper(view, m[1], found)
    return WORDS.get(found.kind, Map if m[1].endswith("map") else Sequence)(view, m[1], found)
