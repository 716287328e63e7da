// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//! Zig for the debugger tests; see calc.c for the markers.
const Color = enum(u8) { red = 1, green = 5 };
const Shape = union(enum) { circle: f32, rect: struct { w: i32, h: i32 }, none };
const Bits = packed struct { a: u3, b: i5, c: u24 };
const Bare = extern union { u: u32, f: f32 };
const Node = struct {
    value: i32,
    next: ?*Node,
    color: Color,

    noinline fn sum(self: *const Node) i32 {
        var total = self.value; // BREAK: sum */
        if (self.next) |n| total += n.sum();
        return total;
    }
};
fn Pair(comptime A: type, comptime B: type) type {
    return struct { first: A, second: B };
}
const Fault = error{ TooBig, Negative };

var counter: u32 = 7;
var numbers = [_]i32{ 5, 6, 7 };

noinline fn check(n: i32) Fault!i32 {
    if (n < 0) return Fault.Negative;
    if (n > 5) return Fault.TooBig;
    return n * 2; // BREAK: check */
}

noinline fn slices(text: []const u8, xs: []const i32, shape: *const Shape, opt: ?u8, raw: [*]const i32) i32 {
    var t: i32 = @intCast(text.len); // BREAK: slices */
    for (xs) |x| t += x;
    if (opt) |o| t += o;
    switch (shape.*) {
        .rect => |r| t += r.w * r.h,
        else => {},
    }
    return t + raw[1];
}

noinline fn change(pair: *Pair(u8, f64), out: *i32) void {
    pair.first += 1; // BREAK: change */
    out.* += @intFromFloat(pair.second);
    counter += 1; // BREAK: changed */
}

pub const panic = @import("std").debug.no_panic;

export fn _start() void {
    var tail = Node{ .value = 3, .next = null, .color = .red };
    var mid = Node{ .value = 2, .next = &tail, .color = .green };
    var head = Node{ .value = 1, .next = &mid, .color = .red };
    var shape = Shape{ .rect = .{ .w = 3, .h = 4 } };
    var pair = Pair(u8, f64){ .first = 200, .second = 2.5 };
    var bits = Bits{ .a = 5, .b = -3, .c = 70000 };
    var bare = Bare{ .u = 0x40490fdb };
    var out: i32 = 10;
    var refs = [_]*Node{ &head, &mid };

    _ = .{ &tail, &mid, &head, &shape, &refs };
    out += slices("text", &numbers, &shape, 4, &numbers); // BREAK: main */
    change(&pair, &out);
    out += head.sum() + refs[1].value; // BREAK: main2 */
    out += (check(3) catch 100) + (check(out) catch 7);
    bits.a = 1;
    bare.u += @intCast(out + bits.c);
    counter += bare.u;
}
