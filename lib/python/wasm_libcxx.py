# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What containers of libc++ look like in linear memory, for both debuggers: wasm_libcxx_gdb.py and
wasm_libcxx_lldb.py give it views of values, and put what is found into their debugger's words.

A view has
  parts()      [(name, view)]: members and bases of a struct or union; of others none
  number()     an unsigned integer's value
  pointer()    a Pointer, or None when it is none
  type         without typedefs; and of any type
  name_of(t), inside(t)   its name; the types of its members and bases
  argument(t)  the first of its template's arguments
"""
import re

DEEP = 20  # a member lies within so many others: bases, pairs


class Pointer:
    """number: 0 when null, else what go() takes; step: bytes from one to the next.
    go(number, type or None): view of what is there."""

    def __init__(self, number, step, go):
        self.number, self.step, self.go = number, step, go

    def moved(self, n):
        return Pointer(self.number + n * self.step, self.step, self.go)

    def target(self, t=None):
        return self.go(self.number, t)


class Contents:
    """Of a container.  items(): views of its elements, in order, and of a map pairs of them.
    text: (Pointer or view of the array, bytes)."""

    def __init__(self, kind, size=None, items=None, capacity=None, text=None, pointer=None):
        self.kind, self.size, self.items, self.capacity = kind, size, items, capacity
        self.text, self.pointer = text, pointer


def find(view, good, depth=DEEP):
    """The first part that is good, or None; those nearer to the top are before others."""
    parts = view.parts()
    for name, part in parts:
        if good(name, part):
            return part
    for _, part in parts if depth else ():
        found = find(part, good, depth - 1)
        if found is not None:
            return found
    return None


def member(view, *names):
    """The member of one of the names, wherever it lies in the view, or None."""
    for wanted in names:
        found = find(view, lambda name, _, wanted=wanted: name == wanted)
        if found is not None:
            return found
    return None


def plain(view, *names):
    """The same, out of a compressed pair."""
    found = member(view, *names)
    inner = None if found is None or not found.parts() else member(found, "__value_")
    return found if inner is None else inner


def pointer(view, *names):
    found = plain(view, *names)
    return None if found is None else found.pointer()


def count(view, *names):
    found = plain(view, *names)
    return None if found is None else found.number()


def node_type(view, t=None, depth=DEEP):
    """Containers made of nodes have an allocator for them, an empty base or member."""
    t = view.type if t is None else t
    if re.match(r"std::__\w+::allocator<", view.name_of(t)):
        return view.argument(t)
    found = (node_type(view, inner, depth - 1) for inner in view.inside(t)) if depth else ()
    return next((f for f in found if f is not None), None)


def nothing():
    return iter(())


# --- containers ----------------------------------------------------------------------------------

def text(view):
    short, long_one = member(view, "__s"), member(view, "__l")
    if short is None or long_one is None:
        return None
    if not count(short, "__is_long_"):
        return Contents("text", text=(member(short, "__data_"), count(short, "__size_")))
    return Contents("text", text=(pointer(long_one, "__data_"), count(long_one, "__size_")))


def text_view(view):
    data, size = pointer(view, "__data_", "__data"), count(view, "__size_", "__size")
    return None if data is None or size is None else Contents("text", text=(data, size))


def run(first, size):
    """The elements that lie one behind another."""
    return lambda: (first.moved(i).target() for i in range(size))


def vector(view):
    begin, end = pointer(view, "__begin_"), pointer(view, "__end_")
    cap = pointer(view, "__end_cap_", "__cap_")  # the latter of LLVM 20
    if begin is None or end is None or not begin.step or end.number < begin.number:
        return None
    size = (end.number - begin.number) // begin.step
    capacity = size if cap is None else (cap.number - begin.number) // begin.step
    return Contents("vector", size, run(begin, size), capacity)


def deque(view):
    blocks, start = pointer(view, "__begin_"), count(view, "__start_")
    size = count(view, "__size_")
    if blocks is None or start is None or size is None:
        return None

    def items():
        for i in range(start, start + size):
            step = blocks.target().pointer().step
            most = 4096 // step if step < 256 else 16  # __deque_block_size
            yield blocks.moved(i // most).target().pointer().moved(i % most).target()

    return Contents("deque", size, items)


def pair_of(value):
    """The value in a node: a map's is a pair, within a union or by itself."""
    found = member(value, "__cc_", "__cc")
    return value if found is None else found


def linked(first, node, most):
    """Values of nodes that point to the next."""
    at = first
    for _ in range(most):
        if not at.number:
            return
        item = at.target(node)
        yield pair_of(member(item, "__value_"))
        at = pointer(item, "__next_")


def chain(kind, first, node, size, most):
    if first is None or size is None or node is None:
        return None
    return Contents(kind, size, (lambda: linked(first, node, min(size, most))) if size else nothing)


def double_list(view, most):
    end = member(view, "__end_")
    first = None if end is None else pointer(end, "__next_")
    return chain("list", first, node_type(view), count(view, "__size_alloc_", "__size_"), most)


def single_list(view, most):
    before = plain(view, "__before_begin_")
    first, node = None if before is None else pointer(before, "__next_"), node_type(view)
    if first is None or node is None:
        return None
    return Contents("forward_list", None, lambda: linked(first, node, most))


def table(view, most):
    start = plain(view, "__p1_", "__first_node_")
    there = member(view, "__p1_", "__node_alloc_")  # others are for the buckets
    node = None if there is None else node_type(there)
    return chain("hash", None if start is None else pointer(start, "__next_"), node,
                 count(view, "__p2_", "__size_"), most)


def tree(view, most):
    tree = member(view, "__tree_")
    node = None if tree is None else node_type(tree)
    size = None if tree is None else count(tree, "__pair3_", "__size_")
    if node is None or size is None:
        return None

    def items():
        stack, at, left = [], pointer(tree, "__left_"), min(size, most)
        while (at.number or stack) and left:
            while at.number:
                stack.append(at.target(node))
                at = pointer(stack[-1], "__left_")
            item = stack.pop()
            yield pair_of(member(item, "__value_"))
            left -= 1
            at = pointer(item, "__right_")

    return Contents("tree", size, items)


def owner(view):
    held = pointer(view, "__ptr_")
    return None if held is None else Contents("owner", pointer=held)


def optional(view):
    engaged, value = count(view, "__engaged_"), member(view, "__val_", "__value_")
    if engaged is None or value is None:
        return None
    return Contents("optional", int(engaged != 0), (lambda: iter([value])) if engaged else nothing)


def several(view):
    base = member(view, "__base_")
    if base is None:
        return None
    leaves = [part for _, part in base.parts() if "__tuple_leaf<" in part.name_of(part.type)]
    values = [member(leaf, "__value_") or leaf for leaf in leaves]
    return Contents("tuple", len(values), lambda: iter(values))


def variant(view):
    index, at = count(view, "__index"), member(view, "__data")
    for _ in range(min(index or 0, 256)):
        at = None if at is None else next((p for n, p in at.parts() if n == "__tail"), None)
    head = None if at is None else next((p for n, p in at.parts() if n == "__head"), None)
    value = None if head is None else member(head, "__value")
    if index is None or value is None:
        return None
    return Contents("variant", index, lambda: iter([value]))


def wrapper(view, most):
    inner = member(view, "c")
    return None if inner is None else contents(inner, most)


KINDS = (
    (r"basic_string_view<", lambda v, _: text_view(v)),
    (r"basic_string<", lambda v, _: text(v)),
    (r"vector<(?!bool)", lambda v, _: vector(v)),
    (r"deque<", lambda v, _: deque(v)),
    (r"list<", double_list),
    (r"forward_list<", single_list),
    (r"(multi)?(map|set)<", tree),
    (r"unordered_(multi)?(map|set)<", table),
    (r"(unique_ptr|shared_ptr|weak_ptr)<|__unique_if<.*>::__unique_single", lambda v, _: owner(v)),
    (r"optional<", lambda v, _: optional(v)),
    (r"tuple<", lambda v, _: several(v)),
    (r"variant<", lambda v, _: variant(v)),
    (r"(stack|queue|priority_queue)<", wrapper),
)


def bare(name):
    """A type's name without the inline namespace of libc++; None: it is of no library."""
    m = re.match(r"(const |volatile )*std::(__\w+)::(.*)", name or "", re.S)
    return m[3] if m else None


def contents(view, most):
    """What is in a container, of which at most so many nodes are followed; None: not known."""
    name = bare(view.name_of(view.type)) or ""
    found = next((how for start, how in KINDS if re.match(start, name)), None)
    return found(view, most) if found else None
