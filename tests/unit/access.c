/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What instructions do: one by one, as a line of text, and many at once, which must be consistent.
 */
#include "native/access.h"

#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "native/native.h"
#include "tap.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

enum { AT = 0x1000 };

/* --- one by one --- */

struct insn {
	const char *text, *bytes;
	size_t n;
	const char *does;
};

#define I(text, bytes, does) {text, bytes, sizeof(bytes) - 1, does}

/*
 * does: kind, r result, s source, [base+disp] with * for an index, # immediate, .width, flags (L
 * load, S store, M writes memory, J leaves, C call, E ends, I indirect), > target, W registers
 * written.
 */
/* clang-format off */
static const struct insn x86_64[] = {
	I("mov %rsp,%rbp", "\x48\x89\xe5", "copy r6 s7 .8 W6"),
	I("mov %rdi,%rbx", "\x48\x89\xfb", "copy r3 s5 .8 W3"),
	I("mov %edi,%eax", "\x89\xf8", "copy r0 s5 .4 W0"),
	I("mov %edi,%eax (reversed)", "\x8b\xc7", "copy r0 s5 .4 W0"),
	I("movaps %xmm1,%xmm2", "\x0f\x28\xd1", "copy r19 s18 .16 W19"),
	I("movdqu %xmm9,%xmm10", "\xf3\x45\x0f\x6f\xd1", "copy r27 s26 .16 W27"),
	I("vmovdqa %xmm3,%xmm4", "\xc5\xf9\x6f\xe3", "copy r21 s20 .16 W21"),
	I("movss %xmm1,%xmm2", "\xf3\x0f\x10\xd1", "other W19"),
	I("movsd %xmm1,%xmm2", "\xf2\x0f\x10\xd1", "other W19"),
	I("mov $0x80000000,%eax", "\xb8\x00\x00\x00\x80", "const r0 #80000000 .8 W0"),
	I("movq $-5,%rax", "\x48\xc7\xc0\xfb\xff\xff\xff", "const r0 #fffffffffffffffb .8 W0"),
	I("movabs $0x1122334455667788,%r9", "\x49\xb9\x88\x77\x66\x55\x44\x33\x22\x11",
	  "const r9 #1122334455667788 .8 W9"),
	I("xor %eax,%eax", "\x31\xc0", "const r0 .8 W0"),
	I("xor %rcx,%rcx", "\x48\x31\xc9", "const r2 .8 W2"),
	I("xor %ecx,%eax", "\x31\xc8", "binary r0 s2 [0+0] .4 W0"),
	I("add %ecx,%eax", "\x01\xc8", "binary r0 s2 [0+0] .4 W0"),
	I("and $0xf,%ecx", "\x83\xe1\x0f", "binary r2 [2+0] #f .4 W2"),
	I("and $0x1000,%eax", "\x25\x00\x10\x00\x00", "binary r0 [0+0] #1000 .4 W0"),
	I("shl %ecx", "\xd1\xe1", "binary r2 [2+0] #1 .4 W2"),
	I("sar $7,%rdx", "\x48\xc1\xfa\x07", "binary r1 [1+0] #7 .8 W1"),
	I("imul $10,%edi,%eax", "\x6b\xc7\x0a", "binary r0 [5+0] #a .4 W0"),
	I("lea (%rdi,%rsi),%eax", "\x8d\x04\x37", "binary r0 s4 [5+0] .4 W0"),
	I("addsd %xmm1,%xmm2", "\xf2\x0f\x58\xd1", "float r19 .8 W19"),
	I("vmulss 16(%rax),%xmm1,%xmm2", "\xc5\xf2\x59\x50\x10", "float r19 [0+16] .4 W19"),
	I("vsqrtsd %xmm1,%xmm1,%xmm2", "\xc5\xf3\x51\xd1", "float r19 .8 W19"),
	I("xorps %xmm3,%xmm3", "\x0f\x57\xdb", "const r20 .16 W20"),
	I("pxor %xmm3,%xmm3", "\x66\x0f\xef\xdb", "const r20 .16 W20"),
	I("pxor %xmm4,%xmm3", "\x66\x0f\xef\xdc", "other W20"),
	I("vpxor %xmm5,%xmm5,%xmm6", "\xc5\xd1\xef\xf5", "const r23 .16 W23"),
	I("mov 0x10(%rsp),%rax", "\x48\x8b\x44\x24\x10", "load r0 [7+16] .8 L W0"),
	I("mov 8(%rbp),%r12d", "\x44\x8b\x65\x08", "load r12 [6+8] .4 L W12"),
	I("movsd 0x20(%rsp),%xmm8", "\xf2\x44\x0f\x10\x44\x24\x20", "load r25 [7+32] .8 L W25"),
	I("movups (%rdi),%xmm1", "\x0f\x10\x0f", "load r18 [5+0] .16 L W18"),
	I("mov 4(%rdi,%rsi,4),%eax", "\x8b\x44\xb7\x04", "load r0 [5+4*] .4 L W0"),
	I("mov %rax,0x18(%rsp)", "\x48\x89\x44\x24\x18", "store s0 [7+24] .8 S"),
	I("mov %cl,8(%rsp)", "\x88\x4c\x24\x08", "store s2 [7+8] .1 S"),
	I("mov %ch,8(%rsp)", "\x88\x6c\x24\x08", "other [7+8] .1 S"),
	I("mov %cx,8(%rsp)", "\x66\x89\x4c\x24\x08", "store s2 [7+8] .2 S"),
	I("movb $0xff,8(%rsp)", "\xc6\x44\x24\x08\xff", "store [7+8] #ff .1 S"),
	I("movw $-2,8(%rsp)", "\x66\xc7\x44\x24\x08\xfe\xff", "store [7+8] #fffe .2 S"),
	I("movl $-3,8(%rsp)", "\xc7\x44\x24\x08\xfd\xff\xff\xff", "store [7+8] #fffffffd .4 S"),
	I("movq $-4,8(%rsp)", "\x48\xc7\x44\x24\x08\xfc\xff\xff\xff",
	  "store [7+8] #fffffffffffffffc .8 S"),
	I("movss %xmm7,12(%rsp)", "\xf3\x0f\x11\x7c\x24\x0c", "store s24 [7+12] .4 S"),
	I("movzbl 8(%rsp),%eax", "\x0f\xb6\x44\x24\x08", "other r0 [7+8] .1 L W0"),
	I("movslq 8(%rsp),%rax", "\x48\x63\x44\x24\x08", "other [7+8] .4 L W0"),
	I("movw 8(%rsp),%ax", "\x66\x8b\x44\x24\x08", "other [7+8] W0"),
	I("add %eax,8(%rsp)", "\x01\x44\x24\x08", "other [7+8] .4 S"),
	I("add %rax,8(%rsp)", "\x48\x01\x44\x24\x08", "other [7+8] .8 S"),
	I("lock", "\xf0", "other"),
	I("xadd %rax,8(%rsp)", "\x48\x0f\xc1\x44\x24\x08", "other [7+8] S W0"),
	I("lock", "\xf0", "other"),
	I("cmpxchg %rdx,(%rbx)", "\x48\x0f\xb1\x13", "other [3+0] SM W0"),
	I("lock", "\xf0", "other"),
	I("cmpxchg16b (%rbx)", "\x48\x0f\xc7\x0b", "other [3+0] SM W0,1"),
	I("incl (%rsp)", "\xff\x04\x24", "other [7+0] S"),
	I("lea 0x10(%rsp),%rdi", "\x48\x8d\x7c\x24\x10", "addr r5 [7+16] .8 W5"),
	I("lea 0x10(%rsp,%rax),%rdi", "\x48\x8d\x7c\x04\x10", "other [7+16*] W5"),
	I("lea 0x10(%rip),%rdi", "\x48\x8d\x3d\x10\x00\x00\x00", "other [16+16] W5"),
	I("add $8,%rsp", "\x48\x83\xc4\x08", "addr r7 [7+8] .8 W7"),
	I("sub $0x1000,%rsp", "\x48\x81\xec\x00\x10\x00\x00", "addr r7 [7-4096] .8 W7"),
	I("add $-8,%rax", "\x48\x83\xc0\xf8", "addr r0 [0-8] .8 W0"),
	I("add $0x12345678,%rax", "\x48\x05\x78\x56\x34\x12", "addr r0 [0+305419896] .8 W0"),
	I("sub $0x12345678,%rbx", "\x48\x81\xeb\x78\x56\x34\x12", "addr r3 [3-305419896] .8 W3"),
	I("push %r12", "\x41\x54", "push s12 .8 W7"),
	I("push $-7", "\x6a\xf9", "push #fffffffffffffff9 .8 W7"),
	I("push $0x12345", "\x68\x45\x23\x01\x00", "push #12345 .8 W7"),
	I("push %rsp", "\x54", "push .8 W7"),
	I("push 8(%rdi)", "\xff\x77\x08", "push .8 W7"),
	I("pushf", "\x9c", "push .8 W7"),
	I("push %fs", "\x0f\xa0", "push .8 W7"),
	I("pop %r13", "\x41\x5d", "pop r13 .8 W7,13"),
	I("pop %rsp", "\x5c", "other W7"),
	I("pop 8(%rdi)", "\x8f\x47\x08", "other [5+8] SM W7"),
	I("popf", "\x9d", "pop .8 W7"),
	I("leave", "\xc9", "leave r6 [6+8] .8 W6,7"),
	I("xchg %rbx,%rcx", "\x48\x87\xcb", "other W2,3"),
	I("xchg %rbx,%rax", "\x48\x93", "other W0,3"),
	I("xchg %rbx,(%rsp)", "\x48\x87\x1c\x24", "other [7+0] S W3"),
	I("div %rcx", "\x48\xf7\xf1", "other W0,1"),
	I("mul %rcx", "\x48\xf7\xe1", "other W0,1"),
	I("cqo", "\x48\x99", "other W1"),
	I("cdq", "\x99", "other W1"),
	I("cwd", "\x66\x99", "other W1"),
	I("cdqe", "\x48\x98", "other W0"),
	I("cpuid", "\x0f\xa2", "other W0,1,2,3"),
	I("rep movsq", "\xf3\x48\xa5", "other [5+0] SM W2,4,5"),
	I("rep stosq", "\xf3\x48\xab", "other [5+0] SM W2,4,5"),
	I("lodsq", "\x48\xad", "other W0,2,4,5"),
	I("mov %ah,%bl", "\x88\xe3", "other W3"),
	I("mov $1,%ah", "\xb4\x01", "other W0"),
	I("cmp %rax,%rbx", "\x48\x39\xc3", "other"),
	I("call .+0x25", "\xe8\x20\x00\x00\x00", "other JC >1025"),
	I("call *%rax", "\xff\xd0", "other JC"),
	I("jmp .+0x12", "\xeb\x10", "other JE >1012"),
	I("jne .+0x12", "\x75\x10", "other J >1012"),
	I("jne .+0x1234", "\x0f\x85\x2e\x12\x00\x00", "other J >2234"),
	I("jmp *%rax", "\xff\xe0", "other JEI"),
	I("jmp *8(%rax)", "\xff\x60\x08", "other [0+8] JEI"),
	I("ret", "\xc3", "other JE"),
	I("ud2", "\x0f\x0b", "other E"),
	I("int3", "\xcc", "other E"),
	I("hlt", "\xf4", "other JE"),
	I("nop", "\x90", "other"),
	I("nopw 8(%rax)", "\x66\x0f\x1f\x40\x08", "other [0+8]"),
	I("endbr64", "\xf3\x0f\x1e\xfa", "other"),
	I("mfence", "\x0f\xae\xf0", "other M"),
	I("syscall", "\x0f\x05", "other Wall"),
	I("loop .", "\xe2\xfe", "other J >1000 W2"),
	I("shl %cl,%rax", "\x48\xd3\xe0", "binary r0 s2 [0+0] .8 W0"),
	I("vpaddd %ymm1,%ymm2,%ymm3", "\xc5\xed\xfe\xd9", "other W20"),
	I("sete %al", "\x0f\x94\xc0", "other W0"),
	I("cmovne %rax,%rcx", "\x48\x0f\x45\xc8", "binary r2 s0 [2+0] .8 W2"),
	I("cvtsi2sd %rax,%xmm15", "\xf2\x4c\x0f\x2a\xf8", "other W32"),
	I("mov %rax,%fs:8", "\x64\x48\x89\x04\x25\x08\x00\x00\x00", "store s0 .8 SM"),
	I("mov %eax,8(%rax,%rbp)", "\x89\x44\x28\x08", "store s0 [6+8*] .4 S"),
	I("movabs %al,0x1122334455667788", "\xa2\x88\x77\x66\x55\x44\x33\x22\x11", "other SM"),
	I("movntdq %xmm1,(%rsp)", "\x66\x0f\xe7\x0c\x24", "other [7+0] S"),
	I("movq %xmm1,8(%rsp)", "\x66\x0f\xd6\x4c\x24\x08", "store s18 [7+8] .8 S"),
	I("movq 8(%rsp),%xmm1", "\xf3\x0f\x7e\x4c\x24\x08", "load r18 [7+8] .8 L W18"),
	I("movq %rax,%xmm1", "\x66\x48\x0f\x6e\xc8", "other W18"),
	I("vmovups %xmm16,%xmm17", "\x62\xa1\x7c\x08\x10\xc8", "other W68"),
	I("prefetcht0 (%rax)", "\x0f\x18\x08", "other [0+0]"),
	I("mulx %rax,%rbx,%rcx", "\xc4\xe2\xe3\xf6\xc8", "other W2,3"),
	I("fld1", "\xd9\xe8", "other W33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48"),
	I("vzeroupper", "\xc5\xf8\x77", "other W17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32"),
	I("rdtsc", "\x0f\x31", "other W0,1"),
	I("bt %rax,(%rsp)", "\x48\x0f\xa3\x04\x24", "other [7+0]"),
	I("vextractf64x4 $1,%zmm1,(%rsp)", "\x62\xf3\xfd\x48\x1b\x0c\x24\x01", "other [7+0] S"),
	I("xgetbv", "\x0f\x01\xd0", "other W0,1"),
	I("fxrstor (%rax)", "\x0f\xae\x08", "other [0+0] SM Wall"),
};
static const struct insn aarch64[] = {
	I("mov x1,x2", "\xe1\x03\x02\xaa", "copy r1 s2 .8 W1"),
	I("mov w1,w2", "\xe1\x03\x02\x2a", "copy r1 s2 .4 W1"),
	I("mov x1,xzr", "\xe1\x03\x1f\xaa", "const r1 .8 W1"),
	I("mov w3,wzr", "\xe3\x03\x1f\x2a", "const r3 .8 W3"),
	I("orr x1,xzr,x2,lsl #3", "\xe1\x0f\x02\xaa", "other W1"),
	I("mov v1.16b,v2.16b", "\x41\x1c\xa2\x4e", "copy r65 s66 .16 W65,97"),
	I("orr v1.16b,v2.16b,v3.16b", "\x41\x1c\xa3\x4e", "other W65,97"),
	I("fmov d1,d2", "\x41\x40\x60\x1e", "copy r65 s66 .8 W65,97"),
	I("fadd d2,d1,d0", "\x22\x28\x60\x1e", "float r66 .8 W66,98"),
	I("fsqrt s2,s1", "\x22\xc0\x21\x1e", "float r66 .4 W66,98"),
	I("fmov s1,s2", "\x41\x40\x20\x1e", "copy r65 s66 .4 W65,97"),
	I("mov x0,#0x1234", "\x80\x46\x82\xd2", "const r0 #1234 .8 W0"),
	I("movz x0,#0x1234,lsl #16", "\x80\x46\xa2\xd2", "const r0 #12340000 .8 W0"),
	I("movz w0,#0xffff,lsl #16", "\xe0\xff\xbf\x52", "const r0 #ffff0000 .8 W0"),
	I("movn x0,#0", "\x00\x00\x80\x92", "const r0 #ffffffffffffffff .8 W0"),
	I("movn w0,#4", "\x80\x00\x80\x12", "const r0 #fffffffb .8 W0"),
	I("mov x0,#0xff00ff00ff00ff00", "\xe0\x9f\x08\xb2", "const r0 #ff00ff00ff00ff00 .8 W0"),
	I("orr x0,xzr,#0x3fffffffc", "\xe0\x7f\x7e\xb2", "const r0 #3fffffffc .8 W0"),
	I("orr w0,wzr,#0xf000000f", "\xe0\x1f\x04\x32", "const r0 #f000000f .8 W0"),
	I("orr x0,xzr,#0x5555555555555555", "\xe0\xf3\x00\xb2", "const r0 #5555555555555555 .8 W0"),
	I("orr x0,xzr,#0x8000000000000001", "\xe0\x07\x41\xb2", "const r0 #8000000000000001 .8 W0"),
	I("movk x0,#1,lsl #32", "\x20\x00\xc0\xf2", "other W0"),
	I("movi v0.2d,#0", "\x00\xe4\x00\x6f", "const r64 .16 W64,96"),
	I("movi d0,#0", "\x00\xe4\x00\x2f", "const r64 .16 W64,96"),
	I("ldr x0,[sp,#16]", "\xe0\x0b\x40\xf9", "load r0 [31+16] .8 L W0"),
	I("ldr w0,[x1,#4]", "\x20\x04\x40\xb9", "load r0 [1+4] .4 L W0"),
	I("ldur x0,[x29,#-8]", "\xa0\x83\x5f\xf8", "load r0 [29-8] .8 L W0"),
	I("ldr q3,[sp,#32]", "\xe3\x0b\xc0\x3d", "load r67 [31+32] .16 L W67,99"),
	I("ldr d3,[sp,#8]", "\xe3\x07\x40\xfd", "load r67 [31+8] .8 L W67,99"),
	I("ldr x0,[x1,x2]", "\x20\x68\x62\xf8", "load r0 [1+0*] .8 L W0"),
	I("ldr x0,[x1,x2,lsl #3]", "\x20\x78\x62\xf8", "load r0 [1+0*] .8 L W0"),
	I("ldr w0,[x1,w2,uxtw]", "\x20\x48\x62\xb8", "load r0 [1+0*] .4 L W0"),
	I("ldrb w0,[sp,#3]", "\xe0\x0f\x40\x39", "other r0 [31+3] .1 L W0"),
	I("ldrsw x0,[sp,#4]", "\xe0\x07\x80\xb9", "other [31+4] .4 L W0"),
	I("ldr x0,.+8", "\x40\x00\x00\x58", "other W0"),
	I("str x0,[sp,#16]", "\xe0\x0b\x00\xf9", "store s0 [31+16] .8 S"),
	I("str xzr,[sp,#16]", "\xff\x0b\x00\xf9", "store [31+16] .8 S"),
	I("str w0,[x1,#4]", "\x20\x04\x00\xb9", "store s0 [1+4] .4 SM"),
	I("stur q1,[x29,#-16]", "\xa1\x03\x9f\x3c", "store s65 [29-16] .16 S"),
	I("strb w0,[sp,#3]", "\xe0\x0f\x00\x39", "store s0 [31+3] .1 S"),
	I("strh w0,[sp,#6]", "\xe0\x0f\x00\x79", "store s0 [31+6] .2 S"),
	I("sturb w0,[sp,#3]", "\xe0\x33\x00\x38", "store s0 [31+3] .1 S"),
	I("str x0,[x1,x2]", "\x20\x68\x22\xf8", "store s0 [1+0*] .8 SM"),
	I("str x0,[x1,x29]", "\x20\x68\x3d\xf8", "store s0 [29+0*] .8 S"),
	I("stp x0,x1,[sp,#16]", "\xe0\x07\x01\xa9", "other [31+16] .16 S"),
	I("stp w0,w1,[sp,#16]", "\xe0\x07\x02\x29", "other [31+16] .8 S"),
	I("stp d8,d9,[sp,#-16]!", "\xe8\x27\xbf\x6d", "addr r31 [31-16] .16 S W31"),
	I("ldp x0,x1,[sp,#16]", "\xe0\x07\x41\xa9", "other [31+16] .16 W0,1"),
	I("stp x29,x30,[sp,#-16]!", "\xfd\x7b\xbf\xa9", "addr r31 [31-16] .16 S W31"),
	I("ldp x29,x30,[sp],#16", "\xfd\x7b\xc1\xa8", "addr r31 [31+16] .16 W29,30,31"),
	I("str x28,[sp,#-16]!", "\xfc\x0f\x1f\xf8", "addr r31 [31-16] .8 S W31"),
	I("ldr x28,[sp],#16", "\xfc\x07\x41\xf8", "addr r31 [31+16] .8 W28,31"),
	I("str x28,[sp],#16", "\xfc\x07\x01\xf8", "other [31+0] .8 S W31"),
	I("stp x28,x27,[sp],#16", "\xfc\x6f\x81\xa8", "other [31+0] .16 S W31"),
	I("ldr q0,[x1],#16", "\x20\x04\xc1\x3c", "addr r1 [1+16] .16 W1,64,96"),
	I("mov x29,sp", "\xfd\x03\x00\x91", "addr r29 [31+0] .8 W29"),
	I("mov sp,x29", "\xbf\x03\x00\x91", "addr r31 [29+0] .8 W31"),
	I("add x0,sp,#1,lsl #12", "\xe0\x07\x40\x91", "addr r0 [31+4096] .8 W0"),
	I("sub sp,sp,#32", "\xff\x83\x00\xd1", "addr r31 [31-32] .8 W31"),
	I("sub x1,x2,#5", "\x41\x14\x00\xd1", "addr r1 [2-5] .8 W1"),
	I("add x0,x1,x2,lsl #2", "\x20\x08\x02\x8b", "other W0"),
	I("and w0,w1,#0xff", "\x20\x1c\x00\x12", "binary r0 [1+0] #ff .4 W0"),
	I("lsl w0,w1,#3", "\x20\x70\x1d\x53", "binary r0 [1+0] #3 .4 W0"),
	I("lsr x0,x1,#4", "\x20\xfc\x44\xd3", "binary r0 [1+0] #4 .8 W0"),
	I("asr w0,w1,#5", "\x20\x7c\x05\x13", "binary r0 [1+0] #5 .4 W0"),
	I("add x0,x1,x2", "\x20\x00\x02\x8b", "binary r0 s2 [1+0] .8 W0"),
	I("adds x0,x1,#4", "\x20\x10\x00\xb1", "other W0"),
	I("cmp x0,#4", "\x1f\x10\x00\xf1", "other"),
	I("cmp x0,x1", "\x1f\x00\x01\xeb", "other"),
	I("adr x0,.+8", "\x40\x00\x00\x10", "other W0"),
	I("adrp x0,.", "\x00\x00\x00\x90", "other W0"),
	I("b .+16", "\x04\x00\x00\x14", "other JE >1010"),
	I("b.ne .+16", "\x81\x00\x00\x54", "other J >1010"),
	I("cbz x0,.-8", "\xc0\xff\xff\xb4", "other J >ff8"),
	I("tbz x0,#3,.+8", "\x40\x00\x18\x36", "other J >1008"),
	I("tbnz w0,#3,.+8", "\x40\x00\x18\x37", "other J >1008"),
	I("br x0", "\x00\x00\x1f\xd6", "other JEI"),
	I("ret", "\xc0\x03\x5f\xd6", "other JE"),
	I("brk #1", "\x20\x00\x20\xd4", "other E"),
	I("udf #3", "\x03\x00\x00\x00", "other E"),
	I("hlt #1", "\x20\x00\x40\xd4", "other E"),
	I("bl .+32", "\x08\x00\x00\x94", "other JC >1020 W30"),
	I("blr x3", "\x60\x00\x3f\xd6", "other JC W30"),
	I("ldaxr x0,[x1]", "\x20\xfc\x5f\xc8", "other [1+0*] W0"),
	I("stlxr w0,x1,[x2]", "\x41\xfc\x00\xc8", "other [2+0*] SM W0"),
	I("stlr x0,[sp]", "\xe0\xff\x9f\xc8", "other [31+0*] S"),
	I("ldar x0,[x1]", "\x20\xfc\xdf\xc8", "other [1+0*] W0"),
	I("ldadd x0,x1,[x2]", "\x41\x00\x20\xf8", "other [2+0*] SM W1"),
	I("casal x0,x1,[sp]", "\xe1\xff\xe0\xc8", "other [31+0*] S W0"),
	I("caspal x0,x1,x2,x3,[x4]", "\x82\xfc\x60\x48", "other [4+0*] SM W0,1"),
	I("swpal x0,x1,[x2]", "\x41\x80\xe0\xf8", "other [2+0*] SM W1"),
	I("ld1 {v1.16b,v2.16b},[x1],#32", "\x21\xa0\xdf\x4c", "other [1+0*] W1,65,66,97,98"),
	I("st1 {v1.16b},[sp]", "\xe1\x73\x00\x4c", "other [31+0*] S"),
	I("ld1r {v1.4s},[x1]", "\x21\xc8\x40\x4d", "other [1+0*] W65,97"),
	I("nop", "\x1f\x20\x03\xd5", "other"),
	I("bti c", "\x5f\x24\x03\xd5", "other"),
	I("hint #8", "\x1f\x21\x03\xd5", "other W17"),
	I("paciasp", "\x3f\x23\x03\xd5", "other W30"),
	I("autiasp", "\xbf\x23\x03\xd5", "other W30"),
	I("xpaclri", "\xff\x20\x03\xd5", "other W30"),
	I("dmb ish", "\xbf\x3b\x03\xd5", "other M"),
	I("isb", "\xdf\x3f\x03\xd5", "other M"),
	I("svc #0", "\x01\x00\x00\xd4", "other Wall"),
	I("mrs x3,tpidr_el0", "\x43\xd0\x3b\xd5", "other W3"),
	I("prfm pldl1keep,[x0]", "\x00\x00\x80\xf9", "other [0+0*]"),
	I("fmov x0,d1", "\x20\x00\x66\x9e", "other W0"),
	I("umov w0,v1.b[1]", "\x20\x3c\x03\x0e", "other W0"),
	I("ins v1.d[1],x0", "\x01\x1c\x18\x4e", "other W65,97"),
	I("fcmp d0,d1", "\x00\x20\x61\x1e", "other"),
	I("csel x0,x1,x2,eq", "\x20\x00\x82\x9a", "binary r0 s2 [1+0] .8 W0"),
	I("madd x0,x1,x2,xzr", "\x20\x7c\x02\x9b", "binary r0 s2 [1+0] .8 W0"),
	I("cinc w0,w1,ne", "\x20\x04\x81\x1a", "other W0"),
	I("stnp x0,x1,[sp,#16]", "\xe0\x07\x01\xa8", "other [31+16] .16 S"),
	I("subs xzr,x0,x1", "\x1f\x00\x01\xeb", "other"),
	I("ldr xzr,[x0]", "\x1f\x00\x40\xf9", "other [0+0] .8 L"),
	I("ands xzr,x0,#1", "\x1f\x00\x40\xf2", "other"),
};
/* clang-format on */

struct text {
	char s[512];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->n += (size_t)vsnprintf(t->s + t->n, sizeof(t->s) - t->n, fmt, ap);
	va_end(ap);
}

static bool is_written(const struct wdx_access *a, int reg)
{
	return reg >= 0 && reg < 128 && a->writes[reg / 64] >> reg % 64 & 1;
}

static void add_writes(struct text *t, const struct wdx_access *a)
{
	const char *before = " W";

	if (!~a->writes[0] && !~a->writes[1]) {
		add(t, " Wall");
		return;
	}
	for (int i = 0; i < 128; i++) {
		if (!is_written(a, i))
			continue;
		add(t, "%s%d", before, i);
		before = ",";
	}
}

static void add_flags(struct text *t, const struct wdx_access *a)
{
	const bool flags[] = {a->load, a->store,  a->writes_memory, a->leaves,
			      a->call, !a->falls, a->indirect};

	if (!a->load && !a->store && !a->writes_memory && !a->leaves && a->falls)
		return;
	add(t, " ");
	for (size_t i = 0; i < N(flags); i++)
		if (flags[i])
			add(t, "%c", "LSMJCEI"[i]);
}

static void render(struct text *t, const struct wdx_access *a)
{
	static const char *const kinds[] = {"other", "copy", "const",  "load",	"store", "addr",
					    "push",  "pop",  "binary", "float", "leave"};

	t->n = 0;
	add(t, "%s", !a->ok ? "bad" : a->kind < N(kinds) ? kinds[a->kind] : "?");
	if (a->result != -1)
		add(t, " r%d", a->result);
	if (a->src != -1)
		add(t, " s%d", a->src);
	if (a->base != -1)
		add(t, " [%d%+lld%s]", a->base, (long long)a->disp, a->indexed ? "*" : "");
	if (a->imm)
		add(t, " #%llx", (unsigned long long)a->imm);
	if (a->width)
		add(t, " .%u", a->width);
	add_flags(t, a);
	if (a->target != UINT32_MAX)
		add(t, " >%x", a->target);
	add_writes(t, a);
}

static void check_insns(struct wdx_accesses *a, const struct insn *insns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct insn *in = &insns[i];
		struct wdx_access is =
			wdx_target_mem_access(a, (const uint8_t *)in->bytes, in->n, AT);
		struct text t;

		render(&t, &is);
		if (!ok(is.size == in->n && !strcmp(t.s, in->does), "%s", in->text))
			printf("# size %u of %zu: %s\n", is.size, in->n, t.s);
	}
}

/* --- many at once --- */

struct tally {
	size_t n, ok, opaque, bad;
	uint32_t first_bad;
};

static bool is_number(int reg)
{
	return reg >= -1 && reg < 128;
}

static bool fits_kind(const struct wdx_access *a)
{
	bool nothing = !a->writes[0] && !a->writes[1];

	switch (a->kind) {
	case WDX_DO_OTHER:
		return a->src < 0 && (a->result < 0 || (a->load && is_written(a, a->result)));
	case WDX_DO_COPY:
		return is_written(a, a->result) && a->src >= 0 && a->width && !a->store;
	case WDX_DO_CONST:
		return is_written(a, a->result) && a->width && !a->load && !a->store;
	case WDX_DO_LOAD:
		return is_written(a, a->result) && a->load && !a->store && a->width;
	case WDX_DO_STORE:
		return nothing && a->store && !a->load && a->width;
	case WDX_DO_ADDR:
		return is_written(a, a->result) && a->base >= 0 && !a->indexed;
	case WDX_DO_BINARY:
		return is_written(a, a->result) && a->base >= 0 && a->width && !a->load &&
		       !a->store;
	case WDX_DO_FLOAT:
		return is_written(a, a->result) && a->src < 0 && a->width && !a->load && !a->store;
	case WDX_DO_PUSH:
		return is_written(a, 7) && !a->store && !a->writes_memory && a->width;
	case WDX_DO_POP:
		return is_written(a, 7) && !a->store && a->width &&
		       (a->result < 0 || is_written(a, a->result));
	case WDX_DO_LEAVE:
		return is_written(a, 6) && is_written(a, 7);
	}
	return false;
}

static bool is_consistent(const struct wdx_access *a, size_t left)
{
	if (!a->ok)
		return a->size >= 1 && a->falls == false && !a->kind;
	return a->size >= 1 && a->size <= left && is_number(a->result) && is_number(a->src) &&
	       is_number(a->base) && fits_kind(a) && (!a->call || (a->falls && a->leaves)) &&
	       (a->target == UINT32_MAX || a->leaves) &&
	       (!a->indirect || (!a->falls && a->target == UINT32_MAX && !a->call)) &&
	       !(a->load && (a->store || a->writes_memory));
}

static bool is_prefixes(const uint8_t *p, size_t n)
{
	static const char prefixes[] = "\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3";

	while (n && memchr(prefixes, p[n - 1], sizeof(prefixes) - 1))
		n--;
	return !n;
}

/* What has been remembered of the like must be what decoding says: so it is done when no more bytes
 * than the instruction's are given. */
static bool is_remembered(struct wdx_accesses *acc, const struct wdx_access *a, const uint8_t *p,
			  uint32_t at)
{
	struct wdx_access b = wdx_target_mem_access(acc, p, a->size, at);

	if (is_prefixes(p, a->size)) /* LLVM looks at what follows */
		return true;
	return a->size == b.size && a->ok == b.ok && a->leaves == b.leaves && a->call == b.call &&
	       a->falls == b.falls && a->indirect == b.indirect && a->load == b.load &&
	       a->store == b.store && a->writes_memory == b.writes_memory &&
	       a->indexed == b.indexed && a->kind == b.kind && a->op == b.op &&
	       a->target == b.target && a->base == b.base && a->src == b.src && a->disp == b.disp &&
	       a->imm == b.imm && a->width == b.width && a->result == b.result &&
	       !memcmp(a->writes, b.writes, sizeof(b.writes)) &&
	       !memcmp(a->reads, b.reads, sizeof(b.reads));
}

static void sweep(struct wdx_accesses *acc, const uint8_t *p, size_t n, struct tally *t)
{
	struct wdx_access a;

	for (size_t at = 0; at < n; at += a.size) {
		a = wdx_target_mem_access(acc, p + at, n - at, (uint32_t)at);
		t->n++;
		t->ok += a.ok;
		t->opaque += !~a.writes[0];
		if (is_consistent(&a, n - at) &&
		    (!a.ok || is_remembered(acc, &a, p + at, (uint32_t)at)))
			continue;
		if (!t->bad++)
			t->first_bad = (uint32_t)at;
	}
}

static void check_random(struct wdx_accesses *acc, const char *what)
{
	static uint8_t bytes[1 << 19];
	struct tally t = {0};
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (uint8_t)(x >> 32);
	}
	sweep(acc, bytes, sizeof(bytes), &t);
	if (!ok(!t.bad && t.ok > 1000, "%s: random bytes make sense", what))
		printf("# %zu of %zu, first at %#x\n", t.bad, t.ok, t.first_bad);
}

#ifdef __x86_64__
struct code {
	const uint8_t *p;
	size_t n;
};

static int own_code(struct dl_phdr_info *info, size_t size, void *data)
{
	struct code *c = data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_LOAD && h->p_flags & PF_X)
			*c = (struct code){(const uint8_t *)(info->dlpi_addr + h->p_vaddr),
					   h->p_memsz};
	}
	return 1; /* the first is the program */
}

static void check_own(struct wdx_accesses *acc)
{
	enum { MOST = 1 << 20 };
	struct tally t = {0};
	struct code c = {0};

	dl_iterate_phdr(own_code, &c);
	sweep(acc, c.p, c.n < MOST ? c.n : MOST, &t);
	if (!ok(t.n && !t.bad, "this program's code makes sense"))
		printf("# %zu of %zu, first at %#x\n", t.bad, t.n, t.first_bad);
	if (!ok(t.ok > t.n / 1000 * 999 && t.opaque < t.n / 10000 + 1,
		"hardly any of it is unknown"))
		printf("# %zu known, %zu opaque, of %zu\n", t.ok, t.opaque, t.n);
}
#else
static void check_own(struct wdx_accesses *acc)
{
	(void)acc;
}
#endif

static void check_control(struct wdx_accesses *acc)
{
	/* jmp rel32 to before the code's start, and bytes that end too early */
	const uint8_t jump[] = {0xe9, 0, 0, 0, 0x80};
	struct wdx_access a = wdx_target_mem_access(acc, jump, sizeof(jump), 16);

	ok(a.ok && a.target == UINT32_MAX && !a.indirect && !a.falls, "a jump out of reach");
	a = wdx_target_mem_access(acc, jump, 3, 16);
	ok(!a.ok && a.size == 1, "a piece of an instruction");
}

static struct wdx_accesses *open_accesses(const char *triple)
{
	struct wdx_accesses *a = NULL;
	struct wdx_target *t = NULL;
	struct wdx_error *err = wdx_target_create(&t, triple);

	if (!err)
		err = wdx_accesses_create(&a, t);
	wdx_target_destroy(t); /* a refers to none */
	ok(!err, "%s", triple);
	wdx_error_destroy(err);
	return a;
}

int main(void)
{
	struct wdx_accesses *a = open_accesses("x86_64-linux");

	if (a) {
		check_insns(a, x86_64, N(x86_64));
		check_control(a);
		check_random(a, "x86_64");
		check_own(a);
	}
	wdx_accesses_destroy(a);
	a = open_accesses("aarch64-linux");
	if (a) {
		check_insns(a, aarch64, N(aarch64));
		check_random(a, "aarch64");
	}
	wdx_accesses_destroy(a);
	a = open_accesses("riscv64-linux");
	ok(!a, "there is none for other architectures");
	wdx_accesses_destroy(a);
	return done();
}
