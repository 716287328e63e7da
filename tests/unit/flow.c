/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The match of wasm and machine values over functions made by hand: where a local is found, address
 * by address, and where it must not be.  Each case is a module, and a map with its machine code
 * (x86-64, which the comment before it spells out).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "flow/check.h"
#include "flow/flow.h"
#include "hex.h"
#include "map/map.h"
#include "native/native.h"
#include "tap.h"

enum { TEXT = 1024 };

enum { OPERAND = 1 << 16 }; /* added to the number of a slot of the operand stack */

struct match {
	const char *what;
	uint32_t local;
	const char *wasm; /* in hexadecimal digits */
	const char *map;
	const char *places; /* of the local: native range, place; r0 is a register, = a constant */
};

struct stacked { /* an operand is wanted; of the type that is found */
	struct match match;
	struct wdx_operand wanted;
};

struct faulty { /* some of its claims the code contradicts */
	struct match match;
	const char *faults;
};

struct entered { /* what calls pass: function that takes it, register, place */
	struct match match;
	const char *arguments;
};

static const struct match cases[] = {
	/* 0: mov eax,[rdi+32]; 3: sub eax,16; 6: mov eax,7; add eax,9; ret */
	{"a global's cell once its value is nowhere", 0,
	 "0061736d010000000105016000017f0302010005030100010606017f0141000b0a1201100101"
	 "7f230041106b2100410741096a0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux"
	 "-gnu\",\"module\":{\"size\":52,\"sha256\":\"c061722fe02f53f7a3e28b47b67d3364"
	 "10dd9f7d74c259b09304dc0f50009381\"},\"offsets\":\"code-section\",\"code\":{"
	 "\"size\":15,\"bytes\":\"i0cgg+gQuAcAAACDwAnD\"},\"preserved\":[\"rbx\",\"rbp"
	 "\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"globals\":[{\"index\":0,\"plac"
	 "e\":{\"context\":32}}],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts"
	 "\":[{\"lo\":0,\"hi\":15,\"pairs\":[[0,5],[3,9],[6,16],[14,17]]}],\"context\""
	 ":[[0,15,{\"reg\":\"rdi\"}]]}]}",
	 "0-6 =0; 6-b r0; b-f 6b([r5]+32 =16)"},
	/* the same, with mov dword [rdi+32],1 before ret */
	{"a cell that the function changes", 0,
	 "0061736d010000000105016000017f0302010005030100010606017f0141000b0a1601140101"
	 "7f230041106b2100410741096a410124000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux"
	 "-gnu\",\"module\":{\"size\":56,\"sha256\":\"7eb319abcadd2f0a3bacc06d5b894894"
	 "ef51f5843794bb80ce59f25655f0e5ab\"},\"offsets\":\"code-section\",\"code\":{"
	 "\"size\":22,\"bytes\":\"i0cgg+gQuAcAAACDwAnHRyABAAAAww==\"},\"preserved\":["
	 "\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"globals\":[{\"ind"
	 "ex\":0,\"place\":{\"context\":32}}],\"functions\":[{\"index\":0,\"symbol\":"
	 "\"f\",\"parts\":[{\"lo\":0,\"hi\":22,\"pairs\":[[0,5],[3,9],[6,16],[14,19],["
	 "21,21]]}],\"context\":[[0,22,{\"reg\":\"rdi\"}]]}]}",
	 "0-6 =0; 6-b r0"},
	/* the same, with a call of the engine before add eax,9 */
	{"a cell that a call may change", 0,
	 "0061736d010000000105016000017f0302010005030100010606017f0141000b0a1201100101"
	 "7f230041106b2100410741096a0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux"
	 "-gnu\",\"module\":{\"size\":52,\"sha256\":\"c061722fe02f53f7a3e28b47b67d3364"
	 "10dd9f7d74c259b09304dc0f50009381\"},\"offsets\":\"code-section\",\"code\":{"
	 "\"size\":20,\"bytes\":\"i0cgg+gQuAcAAADoAQAAAIPACcM=\"},\"preserved\":[\"rbx"
	 "\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"globals\":[{\"index\":"
	 "0,\"place\":{\"context\":32}}],\"functions\":[{\"index\":0,\"symbol\":\"f\","
	 "\"parts\":[{\"lo\":0,\"hi\":20,\"pairs\":[[0,5],[3,9],[6,16],[19,17]]}],\"co"
	 "ntext\":[[0,20,{\"reg\":\"rdi\"}]],\"calls\":[16]}]}",
	 "0-6 =0; 6-b r0"},
	/* 0: mov rcx,[rdi+56]; mov eax,[rcx+8]; 7: lea ecx,[rax+1]; R: mov eax,ecx; ret; g: ret */
	{"a function of which the map claims nothing", 0,
	 "0061736d010000000109026000017f60017f00030302000105030100010a15021001017f4108"
	 "2802002100200041016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux"
	 "-gnu\",\"module\":{\"size\":52,\"sha256\":\"8c549a375ca0747226a9399153eda3bf"
	 "c4a78a7c8c687fd1c55bd46148101a0e\"},\"offsets\":\"code-section\",\"code\":{"
	 "\"size\":14,\"bytes\":\"SItPOItBCI1IAYnIw8M=\"},\"preserved\":[\"rbx\",\"rbp"
	 "\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"sy"
	 "mbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":13,\"pairs\":[[0,7],[7,16],[10,17]]"
	 "}]},{\"index\":1,\"symbol\":\"g\",\"parts\":[{\"lo\":13,\"hi\":14,\"pairs\":"
	 "[[13,20]]}],\"locals\":[{\"index\":0,\"ranges\":[[13,14,{\"reg\":\"rdi\"}]]}"
	 "]}]}",
	 "0-7 =0; 7-c r0; c-d r2 plus -1"},
	/* p: vaddsd xmm2, xmm0, xmm1; q: maxsd xmm2, xmm1; vmovaps xmm0, xmm2; R: ret */
	{"a sum of floats needs no claim", 2,
	 "0061736d0100000001070160027c7c017c030201000a12011001017c20002001a0210220022001a5"
	 "0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":41,\"sha256\":\"46298ba3d9c5ce69a6e4b4e8530523e7a115d7dc315974df499c5f2d"
	 "5acaeac1\"},\"offsets\":\"code-section\",\"code\":{\"size\":13,\"bytes\":\"xftY0fIPX9HF+"
	 "CjCww==\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"fun"
	 "ctions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":13,\"pairs\":[[0,9],"
	 "[4,16],[12,17]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,13,{\"reg\":\"xmm0\"}]]},{\"in"
	 "dex\":1,\"ranges\":[[0,13,{\"reg\":\"xmm1\"}]]}]}]}",
	 "0-4 =0; 4-8 r19"},
	/* The same with vaddsd xmm3, xmm0, xmm1 behind p. */
	{"of two sums of floats neither is the one", 2,
	 "0061736d0100000001070160027c7c017c030201000a12011001017c20002001a0210220022001a5"
	 "0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":41,\"sha256\":\"46298ba3d9c5ce69a6e4b4e8530523e7a115d7dc315974df499c5f2d"
	 "5acaeac1\"},\"offsets\":\"code-section\",\"code\":{\"size\":17,\"bytes\":\"xftY0cX7WNnyD"
	 "1/RxfgowsM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],"
	 "\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":17,\"pairs\":[["
	 "0,9],[8,16],[16,17]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,17,{\"reg\":\"xmm0\"}]]},"
	 "{\"index\":1,\"ranges\":[[0,17,{\"reg\":\"xmm1\"}]]}]}]}",
	 "0-8 =0"},
	/* The same with vaddss at p, and vmulsd xmm3, xmm0, xmm1 at q */
	{"a sum of floats of another size, and another operation", 2,
	 "0061736d0100000001070160027c7c017c030201000a12011001017c20002001a0210220022001a5"
	 "0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":41,\"sha256\":\"46298ba3d9c5ce69a6e4b4e8530523e7a115d7dc315974df499c5f2d"
	 "5acaeac1\"},\"offsets\":\"code-section\",\"code\":{\"size\":17,\"bytes\":\"xfpY0cX7WdnyD"
	 "1/RxfgowsM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],"
	 "\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":17,\"pairs\":[["
	 "0,9],[4,16],[16,17]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,17,{\"reg\":\"xmm0\"}]]},"
	 "{\"index\":1,\"ranges\":[[0,17,{\"reg\":\"xmm1\"}]]}]}]}",
	 "0-4 =0"},
	/* imul ecx, edi, 3; test esi,esi; jne a; mov rax, [r8 + 56]; mov [rax + 16], edi; imul ecx,
	 * edi, 5; a: mov eax, ecx; rol eax, 7; ret; behind the branch not taken comes another, to
	 * the store */
	{"a branch not taken and one without code behind it", 2,
	 "0061736d0100000001070160027f7f017f0302010005030100010a2c012a01017f02400240200041"
	 "036c210220010d010c000b41102000360200200041056c21020b20024107770b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":72,\"sha256\":\"5c5f4c2e1efe1832e7db7d34be95555fe83ffc65b29f8929e870b3f7"
	 "416a42ff\"},\"offsets\":\"code-section\",\"code\":{\"size\":23,\"bytes\":\"a88DhfZ1CkmLQ"
	 "DiJeBBrzwWJyMHAB8M=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\""
	 "r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":23,\"pai"
	 "rs\":[[0,13],[3,18],[7,27],[14,34],[17,42],[22,43]]}],\"locals\":[{\"index\":0,\"ranges"
	 "\":[[0,23,{\"reg\":\"rdi\"}]]},{\"index\":1,\"ranges\":[[0,23,{\"reg\":\"rsi\"}]]}]}]}",
	 "0-3 =0; 3-17 r2"},
	/* mov ecx, edi; L: xor edi, edi; test esi,esi; jne q; jmp L; q: imul ecx, ecx, 3; mov rax,
	 * [r8 + 56]; mov [rax + 16], ecx; test edx,edx; jne L; mov eax, ecx; ret; where the branch
	 * is not taken, local 0 becomes local 2 and then a branch without code goes back to L */
	{"a branch not taken and one without code back to the loop", 0,
	 "0061736d0100000001080160037f7f7f017f0302010005030100010a29012700010340024020010d"
	 "00200221000c010b200041036c21004110200036020020020d000b20000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":70,\"sha256\":\"8318d560db167f11cba4f6eab7713428c5e7f298a82ffb535db7d2a5"
	 "ff95b115\"},\"offsets\":\"code-section\",\"code\":{\"size\":27,\"bytes\":\"ifkx/4X2dQLr+"
	 "GvJA0mLQDiJSBCF0nXqicjD\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14"
	 "\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":27,"
	 "\"pairs\":[[0,3],[2,null],[4,10],[10,23],[13,30],[20,35],[24,null],[26,40]]}],\"locals\""
	 ":[{\"index\":0,\"ranges\":[[0,2,{\"reg\":\"rdi\"}]]},{\"index\":1,\"ranges\":[[0,27,{\"r"
	 "eg\":\"rsi\"}]]},{\"index\":2,\"ranges\":[[0,27,{\"reg\":\"rdx\"}]]}]}]}",
	 "0-2 r5"},
	/* nop; L: mov ecx, edi; test esi,esi; jne q; imul ecx, edi, 3; test edx,edx; jne b; q: mov
	 * edi, [r8 + 56]; mov [rdi + 16], ecx; mov eax, ecx; ret; b: mov edi, ecx; jmp L; at q
	 * local 0 is again what the loop began with, by a copy, and rcx that or three times that */
	{"where a way may lead is not the other way's end", 0,
	 "0061736d0100000001080160037f7f7f017f0302010005030100010a31012f01027f010340200021"
	 "03024020010d00200041036c210020020d010b2000210420032100411020043602000b20040b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":78,\"sha256\":\"04807f6deca59e730bfb55fccb6f7af3221abdb15c95423ea51e93d0"
	 "7d66c23f\"},\"offsets\":\"code-section\",\"code\":{\"size\":28,\"bytes\":\"kIn5hfZ1B2vPA"
	 "4XSdQpBi3g4iU8QicjDic/r5Q==\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\""
	 "r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":"
	 "28,\"pairs\":[[0,5],[1,null],[3,16],[7,22],[10,27],[14,42],[21,48],[24,null]]}],\"locals"
	 "\":[{\"index\":0,\"ranges\":[[0,24,{\"reg\":\"rdi\"}]]},{\"index\":1,\"ranges\":[[0,28,{"
	 "\"reg\":\"rsi\"}]]},{\"index\":2,\"ranges\":[[0,28,{\"reg\":\"rdx\"}]]}]}]}",
	 "0-1 r5; 3-e r2; e-12 r5"},
	/* p: mov edx, edi; rol edx, 3; q: mov ecx, esi; rol ecx, 5; m: lea eax, [rdx + rcx]; R:
	 * ret; of locals 2, p's, and 3, q's, both are said to be in rdx, and parameter 0 in rsi,
	 * but doubtfully */
	{"a doubtful claim that the code bears out", 2,
	 "0061736d0100000001070160027f7f017f030201000a19011701027f200041037721022001410577"
	 "2103200220036a0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":48,\"sha256\":\"624a6a143f39d93b7e41add50cec4b0d0be798b09570ebc9ddf6e28d"
	 "d2ddd798\"},\"offsets\":\"code-section\",\"code\":{\"size\":14,\"bytes\":\"ifrBwgOJ8cHBB"
	 "Y0ECsM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"fun"
	 "ctions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":14,\"pairs\":[[0,9],"
	 "[5,16],[10,23],[13,24]]}],\"locals\":[{\"index\":1,\"ranges\":[[0,14,{\"reg\":\"rsi\"}]]"
	 "}],\"doubtful\":[{\"index\":0,\"ranges\":[[0,14,{\"reg\":\"rsi\"}]]},{\"index\":2,\"rang"
	 "es\":[[5,14,{\"reg\":\"rdx\"}]]},{\"index\":3,\"ranges\":[[10,14,{\"reg\":\"rdx\"}]]}]}]"
	 "}",
	 "0-5 =0; 5-e r1"},
	{"a doubtful claim to what another local has", 3,
	 "0061736d0100000001070160027f7f017f030201000a19011701027f200041037721022001410577"
	 "2103200220036a0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":48,\"sha256\":\"624a6a143f39d93b7e41add50cec4b0d0be798b09570ebc9ddf6e28d"
	 "d2ddd798\"},\"offsets\":\"code-section\",\"code\":{\"size\":14,\"bytes\":\"ifrBwgOJ8cHBB"
	 "Y0ECsM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"fun"
	 "ctions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":14,\"pairs\":[[0,9],"
	 "[5,16],[10,23],[13,24]]}],\"locals\":[{\"index\":1,\"ranges\":[[0,14,{\"reg\":\"rsi\"}]]"
	 "}],\"doubtful\":[{\"index\":0,\"ranges\":[[0,14,{\"reg\":\"rsi\"}]]},{\"index\":2,\"rang"
	 "es\":[[5,14,{\"reg\":\"rdx\"}]]},{\"index\":3,\"ranges\":[[10,14,{\"reg\":\"rdx\"}]]}]}]"
	 "}",
	 "0-a =0"},
	{"a doubtful claim is no witness of a parameter", 0,
	 "0061736d0100000001070160027f7f017f030201000a19011701027f200041037721022001410577"
	 "2103200220036a0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":48,\"sha256\":\"624a6a143f39d93b7e41add50cec4b0d0be798b09570ebc9ddf6e28d"
	 "d2ddd798\"},\"offsets\":\"code-section\",\"code\":{\"size\":14,\"bytes\":\"ifrBwgOJ8cHBB"
	 "Y0ECsM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"fun"
	 "ctions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":14,\"pairs\":[[0,9],"
	 "[5,16],[10,23],[13,24]]}],\"locals\":[{\"index\":1,\"ranges\":[[0,14,{\"reg\":\"rsi\"}]]"
	 "}],\"doubtful\":[{\"index\":0,\"ranges\":[[0,14,{\"reg\":\"rsi\"}]]},{\"index\":2,\"rang"
	 "es\":[[5,14,{\"reg\":\"rdx\"}]]},{\"index\":3,\"ranges\":[[10,14,{\"reg\":\"rdx\"}]]}]}]"
	 "}",
	 ""},
	/* p: rol edi, 3; q: mov eax, edi; add eax, esi; R: ret; local 0 is said to be in rdi */
	{"a claim goes on through the next value of its local", 0,
	 "0061736d0100000001070160027f7f017f030201000a10010e0020004103772100200020016a0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":39,\"sha256\":\"4c7ba1ba74be1f390116ce927309d5e3c3e187eaa69a3f1da3ebe567"
	 "e891e692\"},\"offsets\":\"code-section\",\"code\":{\"size\":8,\"bytes\":\"wccDifgB8MM=\""
	 "},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":"
	 "[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":8,\"pairs\":[[0,7],[3,14],[7,"
	 "15]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,8,{\"reg\":\"rdi\"}]]},{\"index\":1,\"ran"
	 "ges\":[[0,8,{\"reg\":\"rsi\"}]]}]}]}",
	 "0-8 r5"},
	/* p: rol edi, 1; mov eax, edi; rol eax, 2; q: add eax, esi; R: ret; local 0 is said to be
	 * in rdi, which holds but a step of p by then */
	{"a step on the way to a result is not the result", 0,
	 "0061736d0100000001070160027f7f017f030201000a10010e0020004103772100200020016a0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	 "ule\":{\"size\":39,\"sha256\":\"4c7ba1ba74be1f390116ce927309d5e3c3e187eaa69a3f1da3ebe567"
	 "e891e692\"},\"offsets\":\"code-section\",\"code\":{\"size\":10,\"bytes\":\"0ceJ+MHAAgHww"
	 "w==\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functio"
	 "ns\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":10,\"pairs\":[[0,7],[7,1"
	 "4],[9,15]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,10,{\"reg\":\"rdi\"}]]},{\"index\":"
	 "1,\"ranges\":[[0,10,{\"reg\":\"rsi\"}]]}]}]}",
	 "0-2 r5"},
	/* imul eax, edx, 3; a1: mov ecx, eax; a2: test edi,edi; jne M; a3: imul eax, edx, 5; a4:
	 * mov ecx, eax; a5: cmp edi, 7; je M; a6: mov eax, esi; M: add eax, ecx; R: ret */
	{"a way in without code is not its neighbour", 3,
	 "0061736d0100000001080160037f7f7f017f030201000a2a012801017f027f200241036c22032000"
	 "0d001a200241056c220320004107460d00200121030b20036a0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":66,\"sha256\":\"e840d8037de6818613a425d1a7fd6592bb21641e737b1e3"
	 "355ea59b544021efd\"},\"offsets\":\"code-section\",\"code\":{\"size\":24,\"bytes\":\""
	 "a8IDicGF/3UMa8IFicGD/wd0AonwAcjD\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\","
	 "\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\""
	 "lo\":0,\"hi\":24,\"pairs\":[[0,11],[5,16],[9,23],[14,31],[19,null],[21,40],[23,41]]}"
	 "],\"locals\":[{\"index\":0,\"ranges\":[[0,21,{\"reg\":\"rdi\"}]]},{\"index\":1,\"ran"
	 "ges\":[[0,21,{\"reg\":\"rsi\"}]]},{\"index\":2,\"ranges\":[[0,21,{\"reg\":\"rdx\"}]]"
	 "},{\"index\":3,\"ranges\":[[5,9,{\"reg\":\"rax\"}],[14,19,{\"reg\":\"rax\"}]]}]}]}",
	 "0-5 =0; 5-e r2; e-13 r0"},
	/* push rbp; mov rbp, rsp; p0: imul eax, edx, 3; p1: sub rsp,16; mov [rsp], rax; add rsp,16;
	 * call M; M: mov eax, [rbp-16]; add eax, 1; R: pop rbp; ret */
	{"a slot below the stack pointer is gone after a call", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a17021201017f200241036c2103"
	 "1001200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":51,\"sha256\":\"b353b8cc1ed2f265f99a0210f9e7d92e6d4bf8ac6344134"
	 "1620ad894f5e561da\"},\"offsets\":\"code-section\",\"code\":{\"size\":32,\"bytes\":\""
	 "VUiJ5WvCA0iD7BBIiQQkSIPEEOgAAAAAi0Xwg8ABXcM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp"
	 "\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"p"
	 "arts\":[{\"lo\":0,\"hi\":32,\"pairs\":[[0,null],[4,9],[7,12],[24,18],[30,19]]}],\"lo"
	 "cals\":[{\"index\":3,\"ranges\":[[7,24,{\"reg\":\"rax\"}]]}],\"calls\":[24]}]}",
	 "4-7 =0; 7-f r0; f-13 cfa-32; 13-17 r0"},
	/* sub rsp,24; p0: imul eax, edx, 3; p1: mov [rsp+8], rax; lea rdi,[rsp+8]; call M; M: mov
	 * eax, [rsp+8]; add eax, 1; R: add rsp,24; ret */
	{"a slot whose address was taken is gone after a call", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a17021201017f200241036c2103"
	 "1001200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":51,\"sha256\":\"b353b8cc1ed2f265f99a0210f9e7d92e6d4bf8ac6344134"
	 "1620ad894f5e561da\"},\"offsets\":\"code-section\",\"code\":{\"size\":34,\"bytes\":\""
	 "SIPsGGvCA0iJRCQISI18JAjoAAAAAItEJAiDwAFIg8QYww==\"},\"preserved\":[\"rbx\",\"rbp\","
	 "\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f"
	 "\",\"parts\":[{\"lo\":0,\"hi\":34,\"pairs\":[[0,null],[4,9],[7,12],[22,18],[29,19]]}"
	 "],\"locals\":[{\"index\":3,\"ranges\":[[7,22,{\"reg\":\"rax\"}]]}],\"calls\":[22]}]}",
	 "4-7 =0; 7-c r0; c-16 cfa-24"},
	/* push rbp; mov rbp,rsp; mov eax, 0x2000; call M; sub rsp,0x2000; p0: imul eax, edx, 3; mov
	 * [rsp+8], rax; p1: call M; M: mov eax, [rsp+8]; add eax, 1; R: add rsp,0x2000; pop rbp;
	 * ret */
	{"making room behind a call is not always taking arguments back", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a17021201017f200241036c2103"
	 "1001200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":51,\"sha256\":\"b353b8cc1ed2f265f99a0210f9e7d92e6d4bf8ac6344134"
	 "1620ad894f5e561da\"},\"offsets\":\"code-section\",\"code\":{\"size\":50,\"bytes\":\""
	 "VUiJ5bgAIAAA6BQAAABIgewAIAAAa8IDSIlEJAjoAAAAAItEJAiDwAFIgcQAIAAAXcM=\"},\"preserved"
	 "\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index"
	 "\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":50,\"pairs\":[[0,null],[21,9],[29,"
	 "12],[34,18],[41,19]]}],\"locals\":[{\"index\":3,\"ranges\":[[29,34,{\"reg\":\"rax\"}"
	 "]]}],\"calls\":[34]}]}",
	 "15-1d =0; 1d-30 cfa-8200; 30-32 r0 plus -1"},
	/* sub rsp,24; p0: imul eax, edx, 3; p1: mov [rsp], rax; call M; M: mov eax, [rsp+8]; add
	 * eax, 1; R: add rsp,24; ret */
	{"a slot that is never reloaded may be the callee's", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a17021201017f200241036c2103"
	 "1001200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":51,\"sha256\":\"b353b8cc1ed2f265f99a0210f9e7d92e6d4bf8ac6344134"
	 "1620ad894f5e561da\"},\"offsets\":\"code-section\",\"code\":{\"size\":28,\"bytes\":\""
	 "SIPsGGvCA0iJBCToAAAAAItEJAiDwAFIg8QYww==\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\","
	 "\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"part"
	 "s\":[{\"lo\":0,\"hi\":28,\"pairs\":[[0,null],[4,9],[7,12],[16,18],[23,19]]}],\"local"
	 "s\":[{\"index\":3,\"ranges\":[[7,16,{\"reg\":\"rax\"}]]}],\"calls\":[16]}]}",
	 "4-7 =0; 7-f r0"},
	/* L: imul eax, edi, 3; p1: mov edi, eax; mov esi, eax; p2: test edx,edx; jne L; p3: cmp
	 * eax,1; jne L; R: mov eax, esi; ret */
	{"a loop at the entry is entered from outside, too", 0,
	 "0061736d0100000001080160037f7f7f017f030201000a1b0119000340200041036c210020020d00"
	 "200041016b0d000b20010b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":51,\"sha256\":\"24c7e276e12656e5bc3fca0701fec95cc806c205191ce58"
	 "57705a50c4f255bd1\"},\"offsets\":\"code-section\",\"code\":{\"size\":19,\"bytes\":\""
	 "a8cDiceJxoXSdfWD+AF18Inwww==\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13"
	 "\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":"
	 "0,\"hi\":19,\"pairs\":[[0,9],[7,14],[11,20],[16,26]]}],\"locals\":[{\"index\":0,\"ra"
	 "nges\":[[7,16,{\"reg\":\"rax\"}]]}]}]}",
	 "7-13 r0"},
	/* push rbp; mov rbp, rsp; sub rsp,32; mov [rsp], rbx; p0: imul eax, edx, 3; p1: mov
	 * [rsp+8], rax; mov rbx, rax; call M; M: mov eax, [rsp+8]; add eax, 1; R: mov rbx, [rsp];
	 * add rsp,32; pop rbp; ret */
	{"spilled, kept over a call in a register, reloaded", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a17021201017f200241036c2103"
	 "1001200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":51,\"sha256\":\"b353b8cc1ed2f265f99a0210f9e7d92e6d4bf8ac6344134"
	 "1620ad894f5e561da\"},\"offsets\":\"code-section\",\"code\":{\"size\":45,\"bytes\":\""
	 "VUiJ5UiD7CBIiRwka8IDSIlEJAhIicPoAAAAAItEJAiDwAFIixwkSIPEIF3D\"},\"preserved\":[\"rbx"
	 "\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"sy"
	 "mbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":45,\"pairs\":[[0,null],[12,9],[15,12],[28,1"
	 "8],[35,19]]}],\"locals\":[{\"index\":3,\"ranges\":[[15,28,{\"reg\":\"rax\"}]]}],\"ca"
	 "lls\":[28]}]}",
	 "c-f =0; f-14 r0; 14-2b cfa-40; 2b-2d r0 plus -1"},
	/* push rbp; mov rbp, rsp; sub rsp,32; p0: imul eax, edx, 3; p1: mov ecx, eax; mov [rsp+8],
	 * rcx; call M; M: mov rcx, [rsp+8]; mov [rsp+8], rsi; lea eax, [rcx+1]; R: add rsp,32; pop
	 * rbp; ret */
	{"four bytes of it spilled and reloaded as eight", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a17021201017f200241036c2103"
	 "1001200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":51,\"sha256\":\"b353b8cc1ed2f265f99a0210f9e7d92e6d4bf8ac6344134"
	 "1620ad894f5e561da\"},\"offsets\":\"code-section\",\"code\":{\"size\":42,\"bytes\":\""
	 "VUiJ5UiD7CBrwgOJwUiJTCQI6AAAAABIi0wkCEiJdCQIjUEBSIPEIF3D\"},\"preserved\":[\"rbx"
	 "\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"sy"
	 "mbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":42,\"pairs\":[[0,null],[8,9],[11,12],[23,18"
	 "],[36,19]]}],\"locals\":[{\"index\":3,\"ranges\":[[11,13,{\"reg\":\"rax\"}]]}],\"ca"
	 "lls\":[23]}]}",
	 "8-b =0; b-12 r0; 12-21 cfa-40; 21-2a r2"},
	/* push rbp; mov rbp, rsp; sub rsp,32; p0: imul eax, edx, 3; p1: mov [rsp+8], rax; mov
	 * [rsp+8], rcx; call M; M: mov eax, [rsp+8]; add eax, 1; R: add rsp,32; pop rbp; ret */
	{"a slot used again", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a17021201017f200241036c2103"
	 "1001200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":51,\"sha256\":\"b353b8cc1ed2f265f99a0210f9e7d92e6d4bf8ac6344134"
	 "1620ad894f5e561da\"},\"offsets\":\"code-section\",\"code\":{\"size\":39,\"bytes\":\""
	 "VUiJ5UiD7CBrwgNIiUQkCEiJTCQI6AAAAACLRCQIg8ABSIPEIF3D\"},\"preserved\":[\"rbx\",\"rbp"
	 "\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":"
	 "\"f\",\"parts\":[{\"lo\":0,\"hi\":39,\"pairs\":[[0,null],[8,9],[11,12],[26,18],[33,1"
	 "9]]}],\"locals\":[{\"index\":3,\"ranges\":[[11,26,{\"reg\":\"rax\"}]]}],\"calls\":[2"
	 "6]}]}",
	 "8-b =0; b-10 r0; 10-15 cfa-40; 15-19 r0"},
	/* push rbp; mov rbp, rsp; p0: imul eax, edx, 3; p1: mov ebx, eax; mov al, cl; mov bx, cx;
	 * call M; M: add eax, 1; R: pop rbp; ret */
	{"a register written in part", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a17021201017f200241036c2103"
	 "1001200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	 "\"module\":{\"size\":51,\"sha256\":\"b353b8cc1ed2f265f99a0210f9e7d92e6d4bf8ac6344134"
	 "1620ad894f5e561da\"},\"offsets\":\"code-section\",\"code\":{\"size\":24,\"bytes\":\""
	 "VUiJ5WvCA4nDiMhmicvoAAAAAIPAAV3D\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\","
	 "\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\""
	 "lo\":0,\"hi\":24,\"pairs\":[[0,null],[4,9],[7,12],[19,18],[22,19]]}],\"locals\":[{\""
	 "index\":3,\"ranges\":[[7,19,{\"reg\":\"rax\"}]]}],\"calls\":[19]}]}",
	 "4-7 =0; 7-9 r0; 9-e r3"},
	/* push rbp; mov rbp, rsp; sub rsp,16; p0: imul eax, edx, 3; p1: mov [rsp+8], rax; test esi,
	 * esi; jne C; p2: mov eax, [rsp+8]; p3: add eax, 1; R: add rsp,16; pop rbp; ret; not the
	 * function's: mov ebx, 7; mov [rsp+8], rbx; ret; C: call; jmp p2 */
	{"hot and cold", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a1c021701027f200241036c2103"
	 "2001044010010b200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu"
	 "\",\"module\":{\"size\":56,\"sha256\":\"80e647954369e349e2f96bef3f6e6b5e6815a2e5"
	 "ca8a60af0b970e6fbef33a34\"},\"offsets\":\"code-section\",\"code\":{\"size\":51,"
	 "\"bytes\":\"VUiJ5UiD7BBrwgNIiUQkCIX2dRiLRCQIg8ABSIPEEF3DuwcAAABIiVwkCMPo8P///+vh"
	 "\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"fu"
	 "nctions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":33,\"pairs"
	 "\":[[0,null],[8,9],[11,14],[20,19],[24,23],[27,24]]},{\"lo\":44,\"hi\":51,\"pair"
	 "s\":[[44,16],[49,18]]}],\"locals\":[{\"index\":1,\"ranges\":[[0,20,{\"reg\":\"rs"
	 "i\"}]]},{\"index\":2,\"ranges\":[[0,11,{\"reg\":\"rdx\"}]]},{\"index\":3,\"range"
	 "s\":[[11,20,{\"reg\":\"rax\"}]]}],\"calls\":[49]}]}",
	 "8-b =0; b-10 r0; 10-1f cfa-24; 1f-21 r0 plus -1; 2c-33 cfa-24"},
	/* push rbp; mov rbp, rsp; sub rsp,16; p0: imul eax, edx, 3; p1: mov [rsp+8], rax; test esi,
	 * esi; jne C; p2: mov eax, [rsp+8]; p3: add eax, 1; R: add rsp,16; pop rbp; ret; not the
	 * function's: mov ebx, 7; mov [rsp+8], rbx; ret; C: call; jmp p2 */
	{"hot and cold: nothing is said of what lies between", 4,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a1c021701027f200241036c2103"
	 "2001044010010b200341016a0b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu"
	 "\",\"module\":{\"size\":56,\"sha256\":\"80e647954369e349e2f96bef3f6e6b5e6815a2e5"
	 "ca8a60af0b970e6fbef33a34\"},\"offsets\":\"code-section\",\"code\":{\"size\":51,"
	 "\"bytes\":\"VUiJ5UiD7BBrwgNIiUQkCIX2dRiLRCQIg8ABSIPEEF3DuwcAAABIiVwkCMPo8P///+vh"
	 "\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"fu"
	 "nctions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":33,\"pairs"
	 "\":[[0,null],[8,9],[11,14],[20,19],[24,23],[27,24]]},{\"lo\":44,\"hi\":51,\"pair"
	 "s\":[[44,16],[49,18]]}],\"locals\":[{\"index\":1,\"ranges\":[[0,20,{\"reg\":\"rs"
	 "i\"}]]},{\"index\":2,\"ranges\":[[0,11,{\"reg\":\"rdx\"}]]},{\"index\":3,\"range"
	 "s\":[[11,20,{\"reg\":\"rax\"}]]}],\"calls\":[49]}]}",
	 "8-21 =0; 2c-33 =0"},
	/* sub rsp,24; mov [rsp],rdi; mov [rsp+8],rsi; p0: call M; M: mov eax,[rsp]; add
	 * eax,[rsp+8]; R: add rsp,24; ret */
	{"a sum that is made where it is used is known from its operands before", 3,
	 "0061736d01000000010b0260037f7f7f017f60000003030200010a14020f01017f200020016a2103100120030"
	 "b02000b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-g"
	 "nu\",\"module\":{\"size\":48,\"sha256\":\"4eef462c453fc728fcb539c09aa58091029f"
	 "b75cc29336b83f6338dbfe9d1d7e\"},\"offsets\":\"code-section\",\"code\":{\"size\""
	 ":30,\"bytes\":\"SIPsGEiJPCRIiXQkCOgAAAAAiwQkA0QkCEiDxBjD\"},\"preserved\":[\"r"
	 "bx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\""
	 ":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":30,\"pairs\":[[0,null],[13,12]"
	 ",[18,9],[25,16]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,18,{\"reg\":\"rdi\""
	 "}]]},{\"index\":1,\"ranges\":[[0,18,{\"reg\":\"rsi\"}]]}],\"calls\":[18]}]}",
	 "d-11 6a(cfa-32 r4)"},
};

static const struct stacked stacked[] = {
	/* sub rsp,24; p0: imul eax, edx, 3; p1: mov [rsp+8], rax; call M; M: mov eax, [rsp+8]; add
	 * eax, 1; R: add rsp,24; ret */
	{{"what an instruction leaves on the stack", OPERAND + 0,
	  "0061736d01000000010b0260037f7f7f017f60000003030200010a13020e01017f200241036c1001"
	  "41016a0b02000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	  "\"module\":{\"size\":47,\"sha256\":\"233c8e59c2f59be9d844ad9effccf8a20f55bc0c31eabb7"
	  "b9e80819a2b0b838c\"},\"offsets\":\"code-section\",\"code\":{\"size\":29,\"bytes\":\""
	  "SIPsGGvCA0iJRCQI6AAAAACLRCQIg8ABSIPEGMM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp"
	  "\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"p"
	  "arts\":[{\"lo\":0,\"hi\":29,\"pairs\":[[0,null],[4,9],[7,10],[17,14],[24,15]]}],\"lo"
	  "cals\":[{\"index\":2,\"ranges\":[[0,4,{\"reg\":\"rdx\"}]]}],\"stack\":[{\"index\":0,\"r"
	  "anges\":[[7,12,{\"reg\":\"rax\"}]]}],\"calls\":[17]}]}",
	  "7-c r0; c-18 cfa-24"},
	 {10, 15, 0, WDX_I32}},
	/* the same */
	{{"a slot of the stack that holds nothing yet", OPERAND + 1,
	  "0061736d01000000010b0260037f7f7f017f60000003030200010a13020e01017f200241036c1001"
	  "41016a0b02000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	  "\"module\":{\"size\":47,\"sha256\":\"233c8e59c2f59be9d844ad9effccf8a20f55bc0c31eabb7"
	  "b9e80819a2b0b838c\"},\"offsets\":\"code-section\",\"code\":{\"size\":29,\"bytes\":\""
	  "SIPsGGvCA0iJRCQI6AAAAACLRCQIg8ABSIPEGMM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp"
	  "\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"p"
	  "arts\":[{\"lo\":0,\"hi\":29,\"pairs\":[[0,null],[4,9],[7,10],[17,14],[24,15]]}],\"lo"
	  "cals\":[{\"index\":2,\"ranges\":[[0,4,{\"reg\":\"rdx\"}]]}],\"calls\":[17]}]}",
	  ""},
	 {10, 12, 1, 0}},
	/* the same */
	{{"a claim of a slot of the stack that the code does not bear out", OPERAND + 0,
	  "0061736d01000000010b0260037f7f7f017f60000003030200010a13020e01017f200241036c1001"
	  "41016a0b02000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	  "\"module\":{\"size\":47,\"sha256\":\"233c8e59c2f59be9d844ad9effccf8a20f55bc0c31eabb7"
	  "b9e80819a2b0b838c\"},\"offsets\":\"code-section\",\"code\":{\"size\":29,\"bytes\":\""
	  "SIPsGGvCA0iJRCQI6AAAAACLRCQIg8ABSIPEGMM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp"
	  "\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"p"
	  "arts\":[{\"lo\":0,\"hi\":29,\"pairs\":[[0,null],[4,9],[7,10],[17,14],[24,15]]}],\"lo"
	  "cals\":[{\"index\":2,\"ranges\":[[0,4,{\"reg\":\"rdx\"}]]}],\"stack\":[{\"index\":0,\"r"
	  "anges\":[[17,24,{\"reg\":\"rbx\"}]]}],\"calls\":[17]}]}",
	  ""},
	 {10, 15, 0, WDX_I32}},
	/* mov r8,[rsi+56]; p10: mov eax,[r8+rdi]; p13: mov eax,[r8+rax]; p18: mov ecx,20; xor
	 * ecx,[r8+rax]; R: mov eax,ecx; ret: each load stands at the position of the next */
	{{"loads that were moved to where their results are used", OPERAND + 0,
	  "0061736d01000000010b0260037f7f7f017f600000030302000105030100010a1b021601017f2000"
	  "280200280200280200411473210320030b02000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux"
	  "-gnu\",\"module\":{\"size\":60,\"sha256\":\"6840d8cd5873e4284d00486edb0654c3"
	  "625a483a53e6138f66a8dc9a2fb2735a\"},\"offsets\":\"code-section\",\"code\":{\""
	  "size\":24,\"bytes\":\"TItGOEGLBDhBiwQAuRQAAABBMwwAicjD\"},\"preserved\":[\"r"
	  "bx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"inde"
	  "x\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":24,\"pairs\":[[0,null],[4"
	  ",10],[8,13],[12,18],[21,21]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,8,{\""
	  "reg\":\"rdi\"}]]}]}]}",
	  ""},
	 {10, 19, 0, WDX_I32}},
	/* mov r8,[rsi+56]; p15: mov eax,[r8+rdx]; test eax,eax; cmove edi,ecx; p20: mov ecx,20; xor
	 * ecx,[r8+rdi]; R: mov eax,ecx; ret: a load stands where what it chooses is an address */
	{{"a load that was moved with the choice that it is for", OPERAND + 0,
	  "0061736d01000000010b0260037f7f7f017f600000030302000105030100010a1d021801017f2000"
	  "200120022802001b280200411473210320030b02000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\","
	  "\"module\":{\"size\":62,\"sha256\":\"91496c32e0e113837f2c8fdaaed978ff4d12b23c8600e3a"
	  "19993a4b596a177e9\"},\"offsets\":\"code-section\",\"code\":{\"size\":25,\"bytes\":\""
	  "TItGOEGLBBCFwA9E+bkUAAAAQTMMOInIww==\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12"
	  "\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":["
	  "{\"lo\":0,\"hi\":25,\"pairs\":[[0,null],[4,15],[13,20],[22,23]]}],\"locals\":[{\"ind"
	  "ex\":0,\"ranges\":[[0,8,{\"reg\":\"rdi\"}]]},{\"index\":1,\"ranges\":[[0,8,{\"reg\":"
	  "\"rcx\"}]]},{\"index\":2,\"ranges\":[[0,8,{\"reg\":\"rdx\"}]]}]}]}",
	  ""},
	 {18, 21, 0, WDX_I32}},
};

static const struct faulty faulty[] = {
	/* mov eax, [r8 + 16]; xor ecx, ecx; m: add eax, edi; ret; local 1 is said to be in rcx */
	{{"a global that another function sets is no constant", 1,
	  "0061736d01000000010a0260017f017f60017f0003030200010606017f0141000b0a16020d01017f"
	  "23002101200020016a0b0600200024000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	  "ule\":{\"size\":57,\"sha256\":\"102ccd2f439024e5ad91f8aee11941f4ecf0ef87c4b29525a28ac777"
	  "75aca8e5\"},\"offsets\":\"code-section\",\"code\":{\"size\":9,\"bytes\":\"QYtAEDHJAfjD\""
	  "},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":"
	  "[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":9,\"pairs\":[[0,5],[6,13],[8,"
	  "14]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,9,{\"reg\":\"rdi\"}]]},{\"index\":1,\"ran"
	  "ges\":[[6,9,{\"reg\":\"rcx\"}]]}]}]}",
	  "0-6 =0"},
	 "1 6-9 at 6: the constant 0, put there at 0x4, not the result of global.get at wasm 0x28"},
	/* The same. */
	{{"a global that no function sets may be one", 1,
	  "0061736d01000000010a0260017f017f60017f0003030200010606017f0141000b0a18020d01017f"
	  "23002101200020016a0b080020001a0101010b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	  "ule\":{\"size\":59,\"sha256\":\"d33b46060767e7762411a79da39370dcd731c46ee7e67f1bb5faf069"
	  "5296f815\"},\"offsets\":\"code-section\",\"code\":{\"size\":9,\"bytes\":\"QYtAEDHJAfjD\""
	  "},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":"
	  "[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":9,\"pairs\":[[0,5],[6,13],[8,"
	  "14]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,9,{\"reg\":\"rdi\"}]]},{\"index\":1,\"ran"
	  "ges\":[[6,9,{\"reg\":\"rcx\"}]]}]}]}",
	  "0-6 =0"},
	 ""},
	/* imul ecx, edi, 3; imul edx, esi, 5; m: mov eax, ecx; xor eax, edx; ret; local 3 is said
	 * to be in rcx */
	{{"claims to what the code makes of something else", 3,
	  "0061736d0100000001070160027f7f017f030201000a19011701027f200041036c2102200141056c"
	  "210320022003730b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	  "ule\":{\"size\":48,\"sha256\":\"b1fae01066f8baca89772e8f0cb7800802c37da697172fa6466022e1"
	  "fe77b002\"},\"offsets\":\"code-section\",\"code\":{\"size\":11,\"bytes\":\"a88Da9YFicgx0"
	  "MM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functio"
	  "ns\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":11,\"pairs\":[[0,9],[3,1"
	  "6],[6,23],[10,24]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,11,{\"reg\":\"rdi\"}]]},{\""
	  "index\":1,\"ranges\":[[0,11,{\"reg\":\"rsi\"}]]},{\"index\":3,\"ranges\":[[6,11,{\"reg\""
	  ":\"rcx\"}]]}]}]}",
	  "0-6 =0; 6-b r1"},
	 "3 6-b at 6: the result of i32.mul at wasm 0x20, put there at 0x0, not the result of "
	 "i32.mul at "
	 "wasm 0x27"},
	/* mov rax, [r8 + 56]; mov ecx, [rax + rdi]; mov edx, [rax + rdi]; m: mov eax, ecx; xor eax,
	 * ecx; ret; local 3 is said to be in rcx */
	{{"two loads may bring the same, and stay because they may trap", 3,
	  "0061736d0100000001070160027f7f017f0302010005030100010a19011701027f20002802002102"
	  "2000280200210320022003730b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu\",\"mod"
	  "ule\":{\"size\":53,\"sha256\":\"cf02a2983576346ee25598acf7b21ffeda51b4da654cda948f817063"
	  "cf6f1f26\"},\"offsets\":\"code-section\",\"code\":{\"size\":15,\"bytes\":\"SYtAOIsMOIsUO"
	  "InIMcjD\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"fun"
	  "ctions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":15,\"pairs\":[[0,7],"
	  "[7,14],[10,23],[14,24]]}],\"locals\":[{\"index\":0,\"ranges\":[[0,15,{\"reg\":\"rdi\"}]]"
	  "},{\"index\":1,\"ranges\":[[0,15,{\"reg\":\"rsi\"}]]},{\"index\":3,\"ranges\":[[10,15,{"
	  "\"reg\":\"rcx\"}]]}]}]}",
	  "0-a =0; a-f r1"},
	 ""},
	/* push rbp; mov rbp, rsp; sub rsp,32; mov [rsp], rbx; p0: imul eax, edx, 3; p1: mov
	 * [rsp+8], rax; mov rcx, rax; q: call M; M: mov eax, [rsp+8]; add eax, 1; R: mov rbx,
	 * [rsp]; add rsp,32; pop rbp; ret; local 3 is said to be in rcx to the end */
	{{"claims over a call, and of a register of the caller's", 3,
	  "0061736d01000000010b0260037f7f7f017f60000003030200010a17021201017f200241036c2103"
	  "1001200341016a0b02000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu"
	  "\",\"module\":{\"size\":51,\"sha256\":\"b353b8cc1ed2f265f99a0210f9e7d92e6d4bf8ac"
	  "63441341620ad894f5e561da\"},\"offsets\":\"code-section\",\"code\":{\"size\":45,"
	  "\"bytes\":\"VUiJ5UiD7CBIiRwka8IDSIlEJAhIicHoAAAAAItEJAiDwAFIixwkSIPEIF3D\"},\"pr"
	  "eserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions"
	  "\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":45,\"pairs\":[[0,n"
	  "ull],[12,9],[15,12],[28,18],[35,19]]}],\"locals\":[{\"index\":1,\"ranges\":[[0,1"
	  "2,{\"reg\":\"rbx\"}]]},{\"index\":2,\"ranges\":[[12,15,{\"const\":7}]]},{\"index"
	  "\":3,\"ranges\":[[12,15,{\"reg\":\"rbx\"}],[23,45,{\"reg\":\"rcx\"}]]}],\"calls"
	  "\":[28]}]}",
	  "c-f =0; f-14 r0; 14-2b cfa-40; 2b-2d r0 plus -1"},
	 "3 c-f at c: what the caller had there, not the constant 0; 3 17-2d at 1c: nothing: the "
	 "call at 0x17 may change it, call at wasm 0x28, not the result of i32.mul at wasm 0x25"},
	/* p0: lea ecx, [rdi+4]; p1: mov edx, 6; p2: imul ecx, edi; p3: lea eax, [rcx+5]; R: ret;
	 * local 1 is said to be in rdi, local 2, the constant 5, in rdx, and local 3 to be 1 */
	{{"claims of a sum in its operand's register, and of constants", 1,
	  "0061736d0100000001060160017f017f030201000a19011701037f200041046a2101410521022000"
	  "20016c20026a0b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu"
	  "\",\"module\":{\"size\":47,\"sha256\":\"7f294b82bfc105f0b146515fcc6d0f27493a98fd"
	  "e982b756646947d3493644d7\"},\"offsets\":\"code-section\",\"code\":{\"size\":15,"
	  "\"bytes\":\"jU8EugYAAAAPr8+NQQXD\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12"
	  "\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts"
	  "\":[{\"lo\":0,\"hi\":15,\"pairs\":[[0,9],[3,12],[8,20],[11,23],[14,24]]}],\"loca"
	  "ls\":[{\"index\":0,\"ranges\":[[0,8,{\"reg\":\"rdi\"}]]},{\"index\":1,\"ranges\""
	  ":[[0,3,{\"const\":0}],[3,14,{\"reg\":\"rdi\"}]]},{\"index\":2,\"ranges\":[[3,8,{"
	  "\"const\":5}],[8,14,{\"reg\":\"rdx\"}]]},{\"index\":3,\"ranges\":[[0,8,{\"const"
	  "\":1}]]}]}]}",
	  "0-3 =0; 3-b r2; b-f r5 plus 4"},
	 "1 3-e at 3: parameter 0, not the result of i32.add at wasm 0x1f; 2 3-8 at 3: the "
	 "constant 5, not the constant 0; 2 8-e at 8: the constant 6, put there at 0x3, not the "
	 "constant 5; 3 0-8 at 0: the constant 1, not the constant 0"},
	/* p0: mov r8d, edi; mov ecx, 0; p1: test esi, esi; je M; nop; M: mov edi, esi; p2: lea eax,
	 * [r8+rsi]; R: ret; local 0 is said to be in rcx at p2 */
	{{"a parameter in a register with a constant", 0,
	  "0061736d0100000001070160027f7f017f030201000a15011301017f4100210220010440010b2000"
	  "20016a0b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu"
	  "\",\"module\":{\"size\":44,\"sha256\":\"a83af4c40f1dd3c33ad971c9271f2d89d6ef76f5"
	  "cafccc018c56fee8bc4bd948\"},\"offsets\":\"code-section\",\"code\":{\"size\":20,"
	  "\"bytes\":\"QYn4uQAAAACF9nQBkIn3QY0EMMM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp"
	  "\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\""
	  ",\"parts\":[{\"lo\":0,\"hi\":20,\"pairs\":[[0,5],[8,11],[13,15],[15,19],[19,20]]"
	  "}],\"locals\":[{\"index\":0,\"ranges\":[[0,8,{\"reg\":\"rdi\"}],[15,19,{\"reg\":"
	  "\"rcx\"}]]},{\"index\":1,\"ranges\":[[0,19,{\"reg\":\"rsi\"}]]}]}]}",
	  "0-3 r5; 3-14 r8"},
	 "0 f-13 at f: the constant 0, not parameter 0"},
	/* p0: mov r8d, edi; mov ecx, 0; p1: test edi, edi; je M; nop; M: mov edi, esi; p2: lea eax,
	 * [r8+rsi]; R: ret; local 0 is said to be in rcx at p2 */
	{{"a parameter in a register with a constant, where a condition may have told", 0,
	  "0061736d0100000001070160027f7f017f030201000a15011301017f4100210220000440010b2000"
	  "20016a0b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-gnu"
	  "\",\"module\":{\"size\":44,\"sha256\":\"a5f4263ba79299402cdca2f1e69db24ef5c0690d"
	  "4f1fc92b7e0599c5e3974d1c\"},\"offsets\":\"code-section\",\"code\":{\"size\":20,"
	  "\"bytes\":\"QYn4uQAAAACF/3QBkIn3QY0EMMM=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp"
	  "\",\"r12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"f\""
	  ",\"parts\":[{\"lo\":0,\"hi\":20,\"pairs\":[[0,5],[8,11],[13,15],[15,19],[19,20]]"
	  "}],\"locals\":[{\"index\":0,\"ranges\":[[0,8,{\"reg\":\"rdi\"}],[15,19,{\"reg\":"
	  "\"rcx\"}]]},{\"index\":1,\"ranges\":[[0,19,{\"reg\":\"rsi\"}]]}]}]}",
	  "0-3 r5; 3-14 r8"},
	 ""},
};

static const struct entered entered[] = {
	/* callee: xor ecx, ecx; nop...; mov eax, edx; ret.  caller: push rbx; mov ebx, ecx; mov
	 * ecx, 42; call; mov edx, eax; mov ecx, ebx; call; pop rbx; ret */
	{{"an argument that is kept by its callers only", 1,
	  "0061736d0100000001070160027f7f017f03030200000a15020600010120000b0c002000412a10"
	  "00200110000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-g"
	  "nu\",\"module\":{\"size\":45,\"sha256\":\"bb16f8548dde20304c8fb4cc25943d24aaba"
	  "3bbc36a4f55f9a33258e0792afef\"},\"offsets\":\"code-section\",\"code\":{\"size"
	  "\":69,\"bytes\":\"McmQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQidDD"
	  "U4nLuSoAAADoxv///4nCidnovf///1vD\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r"
	  "12\",\"r13\",\"r14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"callee"
	  "\",\"parts\":[{\"lo\":0,\"hi\":45,\"pairs\":[[0,3],[2,4],[42,5],[44,7]]}],\"lo"
	  "cals\":[{\"index\":0,\"ranges\":[[0,45,{\"reg\":\"rdx\"}]]},{\"index\":1,\"ran"
	  "ges\":[[0,2,{\"reg\":\"rcx\"}]]}]},{\"index\":1,\"symbol\":\"caller\",\"parts"
	  "\":[{\"lo\":45,\"hi\":69,\"pairs\":[[45,null],[46,10],[48,12],[53,14],[58,16],"
	  "[62,18],[67,20]]}],\"locals\":[{\"index\":0,\"ranges\":[[45,47,{\"reg\":\"rdx"
	  "\"}]]},{\"index\":1,\"ranges\":[[45,47,{\"reg\":\"rcx\"}]]}],\"calls\":[58,67]"
	  "}]}",
	  "0-2 r2; 2-2d entry r2"},
	 "3a: 0 r2 =42; 43: 0 r2 r3"},
	/* the same with less in between */
	{{"less code than is worth a call site", 1,
	  "0061736d0100000001070160027f7f017f03030200000a15020600010120000b0c002000412a10"
	  "00200110000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-g"
	  "nu\",\"module\":{\"size\":45,\"sha256\":\"bb16f8548dde20304c8fb4cc25943d24aaba"
	  "3bbc36a4f55f9a33258e0792afef\"},\"offsets\":\"code-section\",\"code\":{\"size"
	  "\":49,\"bytes\":\"McmQkJCQkJCQkJCQkJCQkJCQkJCQkInQw1OJy7kqAAAA6Nr///+JwonZ6NH/"
	  "//9bww==\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r14\",\"r"
	  "15\"],\"functions\":[{\"index\":0,\"symbol\":\"callee\",\"parts\":[{\"lo\":0,"
	  "\"hi\":25,\"pairs\":[[0,3],[2,4],[22,5],[24,7]]}],\"locals\":[{\"index\":0,\"r"
	  "anges\":[[0,25,{\"reg\":\"rdx\"}]]},{\"index\":1,\"ranges\":[[0,2,{\"reg\":\"r"
	  "cx\"}]]}]},{\"index\":1,\"symbol\":\"caller\",\"parts\":[{\"lo\":25,\"hi\":49,"
	  "\"pairs\":[[25,null],[26,10],[28,12],[33,14],[38,16],[42,18],[47,20]]}],\"loca"
	  "ls\":[{\"index\":0,\"ranges\":[[25,27,{\"reg\":\"rdx\"}]]},{\"index\":1,\"rang"
	  "es\":[[25,27,{\"reg\":\"rcx\"}]]}],\"calls\":[38,47]}]}",
	  "0-2 r2"},
	 ""},
	/* caller: push rbx; imul ecx, ecx, 3; call; pop rbx; ret */
	{{"an argument that its caller does not keep", 1,
	  "0061736d0100000001070160027f7f017f03030200000a14020600010120000b0b002000200141"
	  "036c10000b",
	  "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-g"
	  "nu\",\"module\":{\"size\":44,\"sha256\":\"fd0e96619d64db768802d4a2156a9f666d62"
	  "edfa5edecabba7019cd9a988f21f\"},\"offsets\":\"code-section\",\"code\":{\"size"
	  "\":56,\"bytes\":\"McmQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQidDD"
	  "U2vJA+jK////W8M=\"},\"preserved\":[\"rbx\",\"rbp\",\"rsp\",\"r12\",\"r13\",\"r"
	  "14\",\"r15\"],\"functions\":[{\"index\":0,\"symbol\":\"callee\",\"parts\":[{\""
	  "lo\":0,\"hi\":45,\"pairs\":[[0,3],[2,4],[42,5],[44,7]]}],\"locals\":[{\"index"
	  "\":0,\"ranges\":[[0,45,{\"reg\":\"rdx\"}]]},{\"index\":1,\"ranges\":[[0,2,{\"r"
	  "eg\":\"rcx\"}]]}]},{\"index\":1,\"symbol\":\"caller\",\"parts\":[{\"lo\":45,\""
	  "hi\":56,\"pairs\":[[45,null],[46,16],[49,17],[54,19]]}],\"locals\":[{\"index\""
	  ":0,\"ranges\":[[45,47,{\"reg\":\"rdx\"}]]},{\"index\":1,\"ranges\":[[45,47,{\""
	  "reg\":\"rcx\"}]]}],\"calls\":[54]}]}",
	  "0-2 r2"},
	 ""},
};

static size_t describe_place(const struct wdx_map *m, uint32_t place, char *out, size_t size)
{
	const struct wdx_place *p = &m->places.data[place];
	size_t n = 0;

	switch (p->kind) {
	case WDX_PLACE_REG:
		return (size_t)snprintf(out, size, "r%u", p->reg);
	case WDX_PLACE_MEM:
		if (p->base == WDX_BASE_REG)
			n = (size_t)snprintf(out, size, "[r%u]", p->reg);
		else
			n = (size_t)snprintf(out, size, "cfa");
		return n + (size_t)snprintf(out + n, size - n, "%+lld",
					    (long long)m->offsets.data[p->first]);
	case WDX_PLACE_ENTRY:
		return (size_t)snprintf(out, size, "entry r%u", p->reg);
	case WDX_PLACE_SUM:
		n = describe_place(m, p->first, out, size);
		return n + (size_t)snprintf(out + n, size - n, " plus %lld", (long long)p->value);
	case WDX_PLACE_COMPUTED:
		n = (size_t)snprintf(out, size, "%llx", (unsigned long long)p->value);
		for (uint32_t i = 0; i < p->n; i++) {
			n += (size_t)snprintf(out + n, size - n, "%c", i ? ' ' : '(');
			n += describe_place(m, (uint32_t)m->offsets.data[p->first + i], out + n,
					    size - n);
		}
		return n + (size_t)snprintf(out + n, size - n, ")");
	}
	return (size_t)snprintf(out, size, "=%llu", (unsigned long long)p->value);
}

static void describe(const struct wdx_map *m, uint32_t local, char *out, size_t size)
{
	uint32_t kind = local & OPERAND ? WDX_ENT_STACK : WDX_ENT_LOCAL, index = local & ~OPERAND;
	const struct wdx_map_func *f = &m->funcs.data[0];
	size_t n = 0;

	*out = 0;
	for (uint32_t i = 0; i < f->nentities; i++) {
		const struct wdx_map_entity *e = &m->entities.data[f->first_entity + i];

		for (uint32_t k = 0; e->kind == kind && e->index == index && k < e->n; k++) {
			const struct wdx_map_range *r = &m->ranges.data[e->first + k];

			n += (size_t)snprintf(out + n, size - n, "%s%x-%x ", n ? "; " : "", r->lo,
					      r->hi);
			n += describe_place(m, r->place, out + n, size - n);
		}
	}
}

static void describe_arguments(const struct wdx_map *m, char *out, size_t size)
{
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < m->arguments.len; i++) {
		const struct wdx_map_argument *a = &m->arguments.data[i];

		n += (size_t)snprintf(out + n, size - n, "%s%x: %u r%u ", n ? "; " : "", a->call,
				      a->func, a->reg);
		n += describe_place(m, a->place, out + n, size - n);
	}
}

static void note_fault(const struct wdx_fault *f, void *arg)
{
	char *out = arg;
	size_t n = strlen(out);

	snprintf(out + n, TEXT - n, "%s%u %x-%x at %x: %s, not %s", n ? "; " : "", f->entity->index,
		 f->range->lo, f->range->hi, f->at, f->holds, f->instead);
}

static void compare(const char *what, const char *got, const char *wanted)
{
	if (!ok(!strcmp(got, wanted), "%s", what))
		printf("# got:    %s\n# wanted: %s\n", got, wanted);
}

/* Of places in words, those that are not computed. */
static void without_computed(const char *places, char *out)
{
	char words[TEXT], *rest = words;

	snprintf(words, sizeof(words), "%s", places);
	*out = 0;
	for (char *word; (word = strsep(&rest, ";"));) {
		if (strchr(word, '=') || strchr(word, '(') || strstr(word, "entry") ||
		    strstr(word, " plus "))
			continue;
		snprintf(out + strlen(out), TEXT - strlen(out), "%s%s", *out ? "; " : "",
			 word + (*word == ' '));
	}
}

static void run(const struct match *c, const struct wdx_operand *operand, bool compute,
		const char *wanted, const char *arguments)
{
	char got[TEXT], places[TEXT], faults[TEXT] = "";
	struct wdx_check check = {.fault = note_fault, .arg = faults};
	struct wdx_flow_wish wish = {.compute = compute, .check = &check};
	struct wdx_flow_stats stats;
	struct wdx_codeindex code;
	struct wdx_target *target;
	struct wdx_buf wasm = {0};
	struct wdx_wasm m;
	struct wdx_map map;

	unhex(c->wasm, &wasm);
	struct wdx_error *err = wdx_wasm_init(&m, wasm.data, wasm.len);

	if (!err)
		err = wdx_map_read(&map, &target, "map.json", (const uint8_t *)c->map,
				   strlen(c->map), &m);
	if (!ok(!err, "%s: read", c->what)) {
		printf("# %s\n", wdx_error_message(err));
		exit(1);
	}
	if (operand)
		*wdx_vec_push(&wish.operands) = *operand;
	err = wdx_code_init(&code, &m, &map, target);
	if (!err)
		err = wdx_flow_refine(&map, &m, target, &code, &wish, &stats);
	ok(!err && stats.followed, "%s: followed", c->what);
	describe(&map, c->local, got, sizeof(got));
	snprintf(places, sizeof(places), "%s", c->places);
	if (!compute)
		without_computed(c->places, places);
	compare(c->what, got, places);
	if (operand)
		ok(wish.operands.data[0].type == operand->type, "%s: the type", c->what);
	compare(c->what, faults, wanted);
	describe_arguments(&map, got, sizeof(got));
	compare(c->what, got, arguments);
	wdx_error_destroy(err);
	wdx_vec_free(&wish.operands);
	wdx_check_deinit(&check);
	wdx_code_deinit(&code);
	wdx_map_deinit(&map);
	wdx_target_destroy(target);
	wdx_wasm_deinit(&m);
	wdx_buf_deinit(&wasm);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		run(&cases[i], NULL, true, "", "");
	for (size_t i = 0; i < sizeof(stacked) / sizeof(*stacked); i++)
		run(&stacked[i].match, &stacked[i].wanted, true, "", "");
	for (size_t i = 0; i < sizeof(faulty) / sizeof(*faulty); i++)
		run(&faulty[i].match, NULL, true, faulty[i].faults, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		run(&cases[i], NULL, false, "", "");
	for (size_t i = 0; i < sizeof(entered) / sizeof(*entered); i++) {
		run(&entered[i].match, NULL, true, "", entered[i].arguments);
		run(&entered[i].match, NULL, false, "", "");
	}
	return done();
}
