# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Every operation on numbers, on all pairs of the operands below, NaNs of several kinds among them.
# The results stay in memory, whose hash is compared.  Operations that trap have exports of their
# own: i32_div_s, i64_trunc_f32_u and so on; floats are given as bits.

	.macro int64s values:vararg
	.irp v, \values
	.int64 \v
	.endr
	.endm

	.section .rodata.ints,"",@
	.p2align 3
	.type ints,@object
ints:
	int64s 0, 1, -1, 2, 31, 32, 33, 63, 64, 7, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fffffff
	int64s 0x80000000, 0xffffffff, 0x7fffffffffffffff, -0x8000000000000000, 0x123456789abcdef0
	.size ints, 160

# Zeros, ones, halves, limits of integers, denormals, infinities; NaNs: quiet, signalling, signed.
	.section .rodata.floats,"",@
	.p2align 3
	.type floats32,@object
floats32:
	int64s 0, 0x80000000, 0x3f800000, 0xbf800000, 0x3f000000, 0xbf000000, 0x3fc00000, 0x40200000
	int64s 0xcf000000, 0x4f800000, 0x5f000000, 0x5f800000, 1, 0x807fffff, 0x7f800000, 0xff800000
	int64s 0x7fc00000, 0xffc12345, 0x7fa00001, 0xff800123
	.size floats32, 160
	.type floats64,@object
floats64:
	int64s 0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000
	int64s 0x3fe0000000000000, 0xbfe0000000000000, 0x3ff8000000000000, 0x4004000000000000
	int64s 0xc1e0000000000000, 0x41f0000000000000, 0x43e0000000000000, 0x43f0000000000000
	int64s 1, 0x800fffffffffffff, 0x7ff0000000000000, 0xfff0000000000000
	int64s 0x7ff8000000000000, 0xfff8000012345678, 0x7ff4000000000001, 0xfff0000000000123
	.size floats64, 160

	.section .bss.results,"",@
	.p2align 3
	.type results,@object
results:
	.skip 400000
	.size results, 400000

# Locals: 0 and 1 offsets into the operands, 2 where the next result goes.
	.macro loop_begin local
	i32.const 0
	local.set \local
	loop
	.endm

	.macro loop_end local
	local.get \local
	i32.const 8
	i32.add
	local.tee \local
	i32.const 160 # 20 operands
	i32.lt_u
	br_if 0
	end_loop
	.endm

	.macro result type
	\type\().store 0
	local.get 2
	i32.const 8
	i32.add
	local.set 2
	.endm

	.macro binary type, table, to, ops:vararg
	.irp op, \ops
	loop_begin 0
	loop_begin 1
	local.get 2
	local.get 0
	\type\().load \table
	local.get 1
	\type\().load \table
	\type\().\op
	result \to
	loop_end 1
	loop_end 0
	.endr
	.endm

	.macro unary type, table, to, ops:vararg
	.irp op, \ops
	loop_begin 0
	local.get 2
	local.get 0
	\type\().load \table
	\op
	result \to
	loop_end 0
	.endr
	.endm

	.section .text._start,"",@
	.globl _start
	.type _start,@function
_start:
	.functype _start () -> ()
	.local i32, i32, i32
	i32.const results
	local.set 2
	binary i32, ints, i32, add, sub, mul, and, or, xor, shl, shr_s, shr_u, rotl, rotr
	binary i32, ints, i32, eq, ne, lt_s, lt_u, gt_s, gt_u, le_s, le_u, ge_s, ge_u
	binary i64, ints, i64, add, sub, mul, and, or, xor, shl, shr_s, shr_u, rotl, rotr
	binary i64, ints, i32, eq, ne, lt_s, lt_u, gt_s, gt_u, le_s, le_u, ge_s, ge_u
	binary f32, floats32, f32, add, sub, mul, div, min, max, copysign
	binary f32, floats32, i32, eq, ne, lt, gt, le, ge
	binary f64, floats64, f64, add, sub, mul, div, min, max, copysign
	binary f64, floats64, i32, eq, ne, lt, gt, le, ge
	unary i32, ints, i32, i32.eqz, i32.clz, i32.ctz, i32.popcnt, i32.extend8_s, i32.extend16_s
	unary i32, ints, i64, i64.extend_i32_s, i64.extend_i32_u
	unary i32, ints, f32, f32.convert_i32_s, f32.convert_i32_u, f32.reinterpret_i32
	unary i32, ints, f64, f64.convert_i32_s, f64.convert_i32_u
	unary i64, ints, i64, i64.clz, i64.ctz, i64.popcnt, i64.extend8_s, i64.extend16_s, i64.extend32_s
	unary i64, ints, i32, i64.eqz, i32.wrap_i64
	unary i64, ints, f32, f32.convert_i64_s, f32.convert_i64_u
	unary i64, ints, f64, f64.convert_i64_s, f64.convert_i64_u, f64.reinterpret_i64
	unary f32, floats32, f32, f32.abs, f32.neg, f32.ceil, f32.floor, f32.trunc, f32.nearest, f32.sqrt
	unary f64, floats64, f64, f64.abs, f64.neg, f64.ceil, f64.floor, f64.trunc, f64.nearest, f64.sqrt
	unary f32, floats32, f64, f64.promote_f32
	unary f64, floats64, f32, f32.demote_f64
	unary f32, floats32, i32, i32.reinterpret_f32, i32.trunc_sat_f32_s, i32.trunc_sat_f32_u
	unary f32, floats32, i64, i64.trunc_sat_f32_s, i64.trunc_sat_f32_u
	unary f64, floats64, i32, i32.trunc_sat_f64_s, i32.trunc_sat_f64_u
	unary f64, floats64, i64, i64.reinterpret_f64, i64.trunc_sat_f64_s, i64.trunc_sat_f64_u
	end_function

# NAME is the name of the export, too.
	.macro begin name, params, result
	.section .text.\name,"",@
	.globl \name
	.export_name \name, \name
	.type \name,@function
\name:
	.functype \name (\params) -> (\result)
	local.get 0
	.endm

	.irp type, i32, i64
	.irp op, div_s, div_u, rem_s, rem_u
	begin \type\()_\op, "\type, \type", \type
	local.get 1
	\type\().\op
	end_function
	.endr
	.irp op, s, u
	begin \type\()_trunc_f32_\op, i32, \type
	f32.reinterpret_i32
	\type\().trunc_f32_\op
	end_function
	begin \type\()_trunc_f64_\op, i64, \type
	f64.reinterpret_i64
	\type\().trunc_f64_\op
	end_function
	.endr
	.endr
