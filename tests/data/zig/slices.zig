// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//! Slices and strings of Zig, for tests/debugger/slices.expect.

const Node = struct {
    value: i32,
    name: []const u8,
    next: ?*const Node,
};

var sink: i64 = 0;
var numbers = [_]i16{ 7, 8, 9 };

noinline fn sum(node: *const Node, text: []const u8, some: []const i16, plain: [*:0]const u8) i64 {
    var total: i64 = node.value;
    for (some) |n| total += n;
    return total + @as(i64, @intCast(text.len)) + plain[0]; // BREAK: sum */
}

noinline fn work(seed: i32) i64 {
    const tail = Node{ .value = seed + 1, .name = "tail", .next = null };
    const head = Node{ .value = seed, .name = "head", .next = &tail };
    const names = [_][]const u8{ "one", "two" };
    const empty: []const u8 = "";
    const rest: []i16 = numbers[1..];
    const call: *const fn (*const Node, []const u8, []const i16, [*:0]const u8) i64 = &sum;
    const total = call(&head, names[1], rest, "zero");
    sink += total + @as(i64, @intCast(empty.len)) + head.next.?.value; // BREAK: work */
    return sink;
}

export fn _start() void {
    _ = work(1);
}
