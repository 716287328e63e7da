# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What gdb cannot be told in DWARF of a side-car: the text of strings, names of functions in the
table, casts; and wasm-attach.  gdb loads it with the side-car, from its safe path; or

(gdb) source wasm_gdb.py

Following pointers works without it.
"""
import os
import re
import sys

import gdb
import gdb.printing

# Not __file__: gdb sets it for the outermost script only.
sys.path.insert(0, os.path.dirname(os.path.abspath((lambda: 0).__code__.co_filename)))
import wasm_libcxx_gdb  # noqa: E402
import wasm_sidecar  # noqa: E402

WASM_INTEGERS = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR)
WASM_RECORDS = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


# --- side-cars -----------------------------------------------------------------------------------

def wasm_sidecar_of(objfile):
    """What a file that gdb has loaded says as a side-car, or None."""
    if objfile is None or not objfile.filename:
        return None
    if not hasattr(objfile, "wasm_sidecar"):
        try:
            objfile.wasm_sidecar = wasm_sidecar.Sidecar(objfile.filename)
            objfile.wasm_sidecar.sections = {}
        except wasm_sidecar.Problem:
            objfile.wasm_sidecar = None
    return objfile.wasm_sidecar


def wasm_section(sidecar, name):
    """Where a section has been loaded."""
    if not sidecar.sections:
        for line in gdb.execute("info files", to_string=True).splitlines():
            m = re.fullmatch(r"\s*(0x\w+) - 0x\w+ is (\S+) in (.*)", line)
            if m and os.path.realpath(m[3]) == os.path.realpath(sidecar.path):
                sidecar.sections[m[2]] = int(m[1], 16)
    if name not in sidecar.sections:
        raise gdb.GdbError("%s: it has no %s" % (sidecar.path, name))
    return sidecar.sections[name]


def wasm_all():
    return [s for s in map(wasm_sidecar_of, gdb.objfiles()) if s]


def wasm_current():
    """The side-car that is meant when nothing says which."""
    found = wasm_all()
    if len(found) > 1:
        try:
            symtab = gdb.selected_frame().find_sal().symtab
            found = [s for s in [wasm_sidecar_of(symtab.objfile if symtab else None)] if s]
        except gdb.error:
            found = []
        if not found:
            raise gdb.GdbError("There are several side-cars: select a frame of one.")
    if not found:
        raise gdb.GdbError("No side-car is loaded.")
    return found[0]


# --- pointers ------------------------------------------------------------------------------------

def wasm_pointee(t):
    """What a pointer points to: of a scalar there is a twin, an array with a name."""
    target = t.target()
    if target.strip_typedefs().code == gdb.TYPE_CODE_ARRAY and target.strip_typedefs().name:
        target = target.strip_typedefs().target()
    return target


def wasm_limit(sidecar):
    """Native addresses are above, offsets into linear memory below."""
    return 1 << (32 if sidecar.width == 4 else 40)


def wasm_number(value):
    return int(value) & ((1 << 8 * value.type.sizeof) - 1)


def wasm_is_offset(value):
    t = value.type.strip_typedefs()
    if t.code not in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        return False
    sidecar = wasm_sidecar_of(t.objfile)
    return sidecar is not None and t.sizeof == sidecar.width and \
        wasm_number(value) < wasm_limit(sidecar)


def wasm_function(sidecar, index):
    """The address of the function in that slot of the table, or None."""
    entry = sidecar.table.get(index)
    return None if entry is None else wasm_section(sidecar, ".text") + entry


def wasm_address(sidecar, value):
    """The native address for an offset, a pointer into linear memory or to a function."""
    t = value.type.strip_typedefs()
    number = wasm_number(value)
    if t.code == gdb.TYPE_CODE_PTR and t.target().strip_typedefs().code == gdb.TYPE_CODE_FUNC:
        address = wasm_function(sidecar, number) if number < wasm_limit(sidecar) else number
        if number and address is None:
            raise gdb.GdbError("It is not known which function has the index %d." % number)
        return address or 0
    if not number or number >= wasm_limit(sidecar):
        return number
    return wasm_section(sidecar, ".wasm.memory") + number


def wasm_void():
    """void *; in Rust, which has none, a pointer to bytes."""
    try:
        return gdb.lookup_type("void").pointer()
    except gdb.error:
        return gdb.selected_inferior().architecture().integer_type(8, False).pointer()


def wasm_code_pointer():
    try:
        return gdb.parse_and_eval("(void (*)()) 0").type
    except gdb.error:  # not C's expressions
        return wasm_void()


def wasm_native(value):
    """The same pointer as gdb knows them.  A type that the module's own pointers point to has only
    pointers as wide as these, so for a struct it becomes a void *."""
    t = value.type.strip_typedefs()
    address = gdb.Value(wasm_address(wasm_sidecar_of(t.objfile), value))
    pointee = wasm_pointee(t)
    if pointee.strip_typedefs().code == gdb.TYPE_CODE_FUNC:
        return address.cast(wasm_code_pointer())
    pointer = pointee.unqualified().pointer()
    if pointer.sizeof != 8:  # but what a typedef stands for may have others
        pointer = pointee.strip_typedefs().unqualified().pointer()
    return address.cast(pointer if pointer.sizeof == 8 and
                        pointee.strip_typedefs().code not in WASM_RECORDS else wasm_void())


# --- values --------------------------------------------------------------------------------------

def wasm_name_at(address):
    block = gdb.block_for_pc(address)
    if block and block.function:
        return block.function.print_name
    said = gdb.execute("info symbol %d" % address, to_string=True)
    return said.split(" in section ")[0] if " in section " in said else None


def wasm_formatted(value):
    """What print/x and its like want to see, or None."""
    letter = gdb.print_options().get("format") if hasattr(gdb, "print_options") else None
    return gdb.Value(wasm_number(value)).format_string(format=letter) if letter else None


class WasmText:
    """A pointer to characters."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        number = wasm_number(self.value)
        if not number or wasm_formatted(self.value):
            return wasm_formatted(self.value) or "0x0"
        native = wasm_native(self.value)
        if native.type.target().code == gdb.TYPE_CODE_VOID:  # a side-car of --debugger=none
            return "0x%x" % number
        return "0x%x %s" % (number, native.format_string(address=False, symbols=False))


class WasmCode:
    """A pointer to a function: its index in the table."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        index = wasm_number(self.value)
        address = wasm_function(wasm_sidecar_of(self.value.type.strip_typedefs().objfile), index)
        name = None if address is None else wasm_name_at(address)
        return wasm_formatted(self.value) or ("0x%x <%s>" % (index, name) if name else
                                              "0x%x" % index)


class WasmSliceText:
    """Rust's &str, Zig's []const u8."""

    def __init__(self, pointer, length):
        self.pointer, self.length = pointer, int(length)

    def to_string(self):
        if not self.length:
            return ""
        return wasm_native(self.pointer).lazy_string("utf-8", self.length)

    def display_hint(self):
        return "string"


class WasmSlice:
    """Rust's &[T], Zig's []T."""

    def __init__(self, pointer, length):
        self.pointer, self.length = pointer, int(length)

    def to_string(self):
        return "%s of length %d" % (wasm_pointee(self.pointer.type.strip_typedefs()), self.length)

    def children(self):
        for i in range(self.length):
            yield "[%d]" % i, (self.pointer + i).dereference()

    def display_hint(self):
        return "array"


class WasmRun:
    """*p@3 of structs with padding at their end: gdb takes what it has followed a pointer to for
    as long as its members are, and looks for the next one right behind."""

    def __init__(self, value, element, count):
        self.address, self.element, self.count = value.address, element, count

    def to_string(self):
        return None

    def children(self):
        sidecar, pointer = wasm_sidecar_of(self.element.objfile), self.element.pointer()
        first = wasm_number(self.address)
        if pointer.sizeof < 8:
            first -= wasm_section(sidecar, ".wasm.memory")
        for i in range(self.count):
            yield "[%d]" % i, (gdb.Value(first).cast(pointer) + i).dereference()

    def display_hint(self):
        return "array"


def wasm_members(t):
    """Without bases: virtual ones are where a pointer has been followed only."""
    return [f.name for f in t.fields() if not f.is_base_class]


def wasm_run_printer(value, t):
    target = t.target()
    if value.address is None or target.code not in WASM_RECORDS or not target.name or \
            wasm_sidecar_of(target.objfile) is None:
        return None
    for word in ("", "struct ", "union "):
        try:
            whole = gdb.lookup_type(word + target.name)
        except gdb.error:
            continue
        if whole.sizeof != target.sizeof and wasm_members(whole) == wasm_members(target):
            return WasmRun(value, whole, t.range()[1] - t.range()[0] + 1)
        return None
    return None


def wasm_is_text(t):
    """As gdb judges: integers of one byte, but in Rust; and the wide characters of C and C++."""
    name, code = t.unqualified().name, t.strip_typedefs().code
    if hasattr(gdb, "current_language") and gdb.current_language() == "rust":
        return False
    return code in WASM_INTEGERS and t.strip_typedefs().sizeof == 1 or \
        name in ("wchar_t", "char16_t", "char32_t")


def wasm_pointer_printer(value):
    if not wasm_is_offset(value):
        return None
    t = value.type.strip_typedefs()
    target = wasm_pointee(t)
    if target.strip_typedefs().code == gdb.TYPE_CODE_FUNC:
        return WasmCode(value)
    return WasmText(value) if wasm_is_text(target) else None


def wasm_slice_printer(value, t):
    name = t.name or ""
    rust = re.match(r"&(mut )?(str$|\[.*\]$)", name)
    zig = re.match(r"\[(:\w+)?\](align\(\w+\) )?(const )?", name)
    if not rust and not zig:
        return None
    fields = [f.name for f in t.fields()]
    if fields not in (["data_ptr", "length"], ["ptr", "len"]):
        return None
    pointer, length = value[fields[0]], value[fields[1]]
    if rust and rust[2] == "str" or zig and name[zig.end():] == "u8":
        return WasmSliceText(pointer, length)
    return WasmSlice(pointer, length)


class WasmValue(gdb.Value):
    """For printers made for native programs (Rust's, libc++'s): what they do with a pointer other
    than to follow it, namely to read text or to cast it, needs a native one."""

    def __getitem__(self, key):
        return WasmValue(super().__getitem__(key))

    def __add__(self, other):
        return WasmValue(super().__add__(other))

    def __sub__(self, other):
        return WasmValue(super().__sub__(other))

    def dereference(self):
        return WasmValue(super().dereference())

    def referenced_value(self):
        return WasmValue(super().referenced_value())

    def as_native(self):
        return wasm_native(self) if wasm_is_offset(self) else super()

    def string(self, *args, **keywords):
        return self.as_native().string(*args, **keywords)

    def lazy_string(self, *args, **keywords):
        return self.as_native().lazy_string(*args, **keywords)

    def cast(self, t):
        if wasm_is_offset(self) and t.strip_typedefs().code == gdb.TYPE_CODE_PTR and \
                t.sizeof > self.type.sizeof:
            return WasmValue(wasm_native(self).cast(t))
        return WasmValue(super().cast(t))

    reinterpret_cast = cast


class WasmPrinters(gdb.printing.PrettyPrinter):
    def __call__(self, value):
        t = value.type.strip_typedefs()
        if t.code == gdb.TYPE_CODE_PTR:
            return wasm_pointer_printer(value)
        if t.code == gdb.TYPE_CODE_ARRAY:
            return wasm_run_printer(value, t)
        if t.code not in WASM_RECORDS or wasm_sidecar_of(t.objfile) is None:
            return None
        return wasm_slice_printer(value, t) or self.other(value) or \
            wasm_libcxx_gdb.printer(value, t)

    def other(self, value):
        """Another's printer for the value."""
        for printer in gdb.current_progspace().pretty_printers + gdb.pretty_printers:
            if printer is not self and getattr(printer, "enabled", True):
                found = printer(WasmValue(value))
                if found is not None:
                    return found
        return None


class WasmTypes:
    """In ptype: a pointer to a scalar's twin would be one to an array."""
    name, enabled = "wasm", True

    def instantiate(self):
        return self

    def recognize(self, t):
        stars = ""
        while t.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF) and \
                not t.name:
            stars = {gdb.TYPE_CODE_PTR: "*", gdb.TYPE_CODE_REF: "&"}.get(t.code, "&&") + stars
            t = t.target()
        if not stars or t.code != gdb.TYPE_CODE_ARRAY or not t.name or \
                wasm_sidecar_of(t.objfile) is None:
            return None
        return re.sub(r" ?([*&]+)$", r" \1", t.name + stars)


# --- commands ------------------------------------------------------------------------------------

class WasmPointer(gdb.Function):
    """Pointers into linear memory, by type and offset, and as native addresses.

$wasm("TYPE *", OFFSET) is a pointer: print *$wasm("struct node *", 0x112d8).
OFFSET may be a pointer: print $wasm("int *", p)[3].
$wasm(POINTER) and $wasm(OFFSET) are native addresses: x/8xb $wasm(p); of a pointer to
a function, which is an index into the table, the function's: break *$wasm(fn)."""

    def __init__(self):
        super().__init__("wasm")

    def invoke(self, value, offset=None):
        if offset is not None:
            return self.pointer(value.string(), offset)
        if wasm_is_offset(value):
            return wasm_native(value)
        t = value.type.strip_typedefs()
        return gdb.Value(wasm_address(wasm_current(), value)).cast(
            t.target().pointer() if t.code == gdb.TYPE_CODE_PTR else wasm_void())

    @staticmethod
    def pointer(name, offset):
        """gdb makes pointers to types of the module's pointers as wide as these, others native."""
        sidecar = wasm_current()
        t = WasmPointer.type_named(name)
        target = t.strip_typedefs().target().strip_typedefs()
        if t.sizeof < 8:
            return gdb.Value(wasm_number(offset)).cast(t)
        if target.code == gdb.TYPE_CODE_FUNC:
            return gdb.Value(wasm_function(sidecar, wasm_number(offset)) or 0).cast(t)
        while target.code == gdb.TYPE_CODE_ARRAY:
            target = target.target().strip_typedefs()
        if target.code == gdb.TYPE_CODE_PTR and target.sizeof != sidecar.width:
            raise gdb.GdbError("%s: gdb takes the pointers it points to for native ones." % name)
        return gdb.Value(wasm_address(sidecar, offset)).cast(t)

    @staticmethod
    def type_named(name):
        """The type when it is a pointer, or the pointer to it."""
        for expression in ("(%s) 0" % name, "(%s *) 0" % name):
            try:
                t = gdb.parse_and_eval(expression).type
            except gdb.error:
                continue
            if t.strip_typedefs().code == gdb.TYPE_CODE_PTR:
                return t
        raise gdb.GdbError("%s: it is not a type that there are pointers to." % name)


class WasmOffset(gdb.Function):
    """The offset in linear memory of a native address: print $wasm_offset(&object)."""

    def __init__(self):
        super().__init__("wasm_offset")

    def invoke(self, value):
        address, sidecar = wasm_number(value), wasm_current()
        return address if address < wasm_limit(sidecar) else \
            address - wasm_section(sidecar, ".wasm.memory")


class WasmProcess(wasm_sidecar.Process):
    def __init__(self):
        self.inferior = gdb.selected_inferior()
        if not self.inferior.pid:
            raise wasm_sidecar.Problem("there is no process; start it, and stop it when the module "
                                       "has been instantiated")

    def regions(self):
        found = list(self.core_regions()) or list(self.live_regions())
        if not found:
            raise wasm_sidecar.Problem("gdb does not tell what memory the process has: give --text "
                                       "ADDRESS and --memory ADDRESS")
        return found

    def core_regions(self):
        said = gdb.execute("maintenance info sections", to_string=True).partition("Core file:")[2]
        for m in re.finditer(r"(0x\w+)->(0x\w+) at 0x\w+: (load\w*) (.*)", said):
            flags = m[4].split()
            yield wasm_sidecar.Region(int(m[1], 16), int(m[2], 16), "LOAD" in flags,
                                      "READONLY" not in flags, "CODE" in flags)

    def live_regions(self):
        said = gdb.execute("info proc mappings", to_string=True)
        try:  # gdb 13's own does not tell what may be done with them
            if "native" in gdb.execute("info inferiors", to_string=True):
                with open("/proc/%d/maps" % self.inferior.pid) as f:
                    said = f.read()
        except OSError:
            pass
        for m in re.finditer(r"^\s*(?:0x)?(\w+)[- ]+(?:0x)?(\w+) .*?([r-][w-][x-])[ps]", said,
                             re.M):
            yield wasm_sidecar.Region(int(m[1], 16), int(m[2], 16), *("-" != c for c in m[3]))

    def read(self, address, size):
        try:
            return bytes(self.inferior.read_memory(address, size))
        except (gdb.MemoryError, OverflowError):
            return None


def wasm_variable(name):
    value = gdb.convenience_variable(name)
    return None if value is None else int(value)


class WasmAttach(gdb.Command):
    """Load a side-car: wasm-attach SIDECAR [--text ADDRESS] [--memory ADDRESS]

Finds the machine code of the module in the running process or core file, and the linear memory
of its instance (in Wasmtime), and adds the side-car's symbols there.  When the module has several
instances, --memory says which.  Do it again when the program has been started anew."""

    def __init__(self):
        super().__init__("wasm-attach", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, line, from_tty):
        self.dont_repeat()
        try:
            sidecar, text, memory = wasm_sidecar.locate(WasmProcess(), line, wasm_variable)
        except wasm_sidecar.Problem as e:
            raise gdb.GdbError("wasm-attach: %s" % e)
        path = os.path.realpath(sidecar.path)
        for o in gdb.objfiles():
            if o.filename and os.path.realpath(o.filename) == path and wasm_sidecar_of(o):
                gdb.execute("remove-symbol-file " + self.quoted(o.filename), to_string=True)
        command = "add-symbol-file %s -s .text 0x%x" % (self.quoted(path), text)
        if memory is not None:
            command += " -s .wasm.memory 0x%x" % memory
        gdb.execute(command, to_string=True)
        print("%s: code at 0x%x%s" % (os.path.basename(path), text, "" if memory is None else
                                      ", linear memory at 0x%x" % memory))

    @staticmethod
    def quoted(path):
        return '"%s"' % re.sub(r'(["\\])', r"\\\1", path)


wasm_libcxx_gdb.View.native = staticmethod(wasm_native)
WasmPointer()
WasmOffset()
WasmAttach()
gdb.printing.register_pretty_printer(None, WasmPrinters("wasm"), replace=True)
gdb.type_printers = [p for p in gdb.type_printers if p.name != WasmTypes.name] + [WasmTypes()]
