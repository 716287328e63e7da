/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Which native intervals show a state that is not the machine's, over functions made by hand.  Each
 * case is a module, and a map with its machine code (x86-64, which the comment before it spells
 * out, with the names of the wasm instructions that it is of).
 */
#include "flow/code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "hex.h"
#include "map/map.h"
#include "native/native.h"
#include "tap.h"

enum { TEXT = 256 };

struct moved {
	const char *what;
	const char *wasm; /* in hexadecimal digits */
	const char *map;
	const char *displaced; /* native range, wasm position */
};

static const struct moved cases[] = {
	/* add: C: lea eax, [rdx+rcx]; mov r8d, 4; shr: B: shr eax, 3; store: mov [rsi+64], eax; sub
	   r8d, 1; b: test r8d, r8d; jne B; sub ecx, 1; c: test ecx, ecx; jne C; ret */
	{"code behind the head of a loop that comes after it",
	 "0061736d0100000001060160027f7f000302010005030100010a34013201027f0340200020016a"
	 "410376210241042103034041c0002002360200200341016b22030d000b200141016b22010d000b"
	 "0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-g"
	 "nu\",\"module\":{\"size\":79,\"sha256\":\"aaf13fbfd4dafd139ca55fa3a68ea6a28bec"
	 "e10255be461774adb30daedf31a6\"},\"offsets\":\"code-section\",\"code\":{\"size"
	 "\":32,\"bytes\":\"jQQKQbgEAAAAwegDiUZAQYPoAUWFwHXxg+kBhcl14cM=\"},\"functions"
	 "\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":32,\"pairs\":[[0"
	 ",11],[3,null],[9,14],[12,28],[15,null],[19,38],[24,null],[27,48],[31,null]]}]}"
	 "]}",
	 "9-c e"},
	/* add: C: lea eax, [rdx+rcx]; shr: shr eax, 3; mov r8d, 4; store: B: mov [rsi+64], eax; sub
	   r8d, 1; b: test r8d, r8d; jne B; sub ecx, 1; c: test ecx, ecx; jne C; ret */
	{"the same in front of the head",
	 "0061736d0100000001060160027f7f000302010005030100010a34013201027f0340200020016a"
	 "410376210241042103034041c0002002360200200341016b22030d000b200141016b22010d000b"
	 "0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-g"
	 "nu\",\"module\":{\"size\":79,\"sha256\":\"aaf13fbfd4dafd139ca55fa3a68ea6a28bec"
	 "e10255be461774adb30daedf31a6\"},\"offsets\":\"code-section\",\"code\":{\"size"
	 "\":32,\"bytes\":\"jQQKwegDQbgEAAAAiUZAQYPoAUWFwHX0g+kBhcl14cM=\"},\"functions"
	 "\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":32,\"pairs\":[[0"
	 ",11],[3,14],[6,null],[12,28],[15,null],[19,38],[24,null],[27,48],[31,null]]}]}"
	 "]}",
	 ""},
	/* add: C: lea eax, [rdx+rcx]; mov r8d, 4; shr: B: shr eax, 3; store: mov [rsi+64], eax; lea
	   r9d, [r8-1]; b: test r9d, r9d; je D; mov r8d, r9d; jmp B; D: sub ecx, 1; c: test ecx,
	   ecx; jne C; ret */
	{"where the way back moves values",
	 "0061736d0100000001060160027f7f000302010005030100010a34013201027f0340200020016a"
	 "410376210241042103034041c0002002360200200341016b22030d000b200141016b22010d000b"
	 "0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-g"
	 "nu\",\"module\":{\"size\":79,\"sha256\":\"aaf13fbfd4dafd139ca55fa3a68ea6a28bec"
	 "e10255be461774adb30daedf31a6\"},\"offsets\":\"code-section\",\"code\":{\"size"
	 "\":37,\"bytes\":\"jQQKQbgEAAAAwegDiUZARY1I/0WFyXQFRYnI6+yD6QGFyXXcww==\"},\"fu"
	 "nctions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi\":37,\"pair"
	 "s\":[[0,11],[3,null],[9,14],[12,28],[15,null],[19,38],[24,null],[32,48],[36,nu"
	 "ll]]}]}]}",
	 "9-c e"},
	/* add: C: lea eax, [rdx+rcx]; mov r8d, 4; shr: B: shr eax, 3; store: mov [rsi+64], eax; sub
	   r8d, 1; b: test r8d, r8d; jne B; sub ecx, 1; c: test ecx, ecx; jne C; ret */
	{"without its bytes nothing is known of jumps",
	 "0061736d0100000001060160027f7f000302010005030100010a34013201027f0340200020016a"
	 "410376210241042103034041c0002002360200200341016b22030d000b200141016b22010d000b"
	 "0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-g"
	 "nu\",\"module\":{\"size\":79,\"sha256\":\"aaf13fbfd4dafd139ca55fa3a68ea6a28bec"
	 "e10255be461774adb30daedf31a6\"},\"offsets\":\"code-section\",\"code\":{\"size"
	 "\":32},\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\":[{\"lo\":0,\"hi"
	 "\":32,\"pairs\":[[0,11],[3,null],[9,14],[12,28],[15,null],[19,38],[24,null],[2"
	 "7,48],[31,null]]}]}]}",
	 ""},
	/* C: mov r8d, 4; shr: B: mov eax, edx; shr eax, 3; and: mov r10d, r8d; and r10d, 7; mov
	   r9d, 5; xor: A: mov r11d, r10d; xor r11d, eax; store: mov [rsi+64], r11d; sub r9d, 1; a:
	   test r9d, r9d; jne A; sub r8d, 1; b: test r8d, r8d; jne B; sub ecx, 1; c: test ecx, ecx;
	   jne C; ret */
	{"two heads with no branch between them",
	 "0061736d0100000001060160027f7f000302010005030100010a4b014901047f03402000410376"
	 "21024104210303402003410771200273210441052105034041c0002004360200200541016b2205"
	 "0d000b200341016b22030d000b200141016b22010d000b0b",
	 "{\"format\":\"wasm-jit-map\",\"version\":1,\"triple\":\"x86_64-unknown-linux-g"
	 "nu\",\"module\":{\"size\":102,\"sha256\":\"ae7abbd416ea9d0b70f44735fc021306e59"
	 "01082ee475ae875ed4730e570b73d\"},\"offsets\":\"code-section\",\"code\":{\"size"
	 "\":60,\"bytes\":\"QbgEAAAAidDB6ANFicJBg+IHQbkFAAAARYnTQTHDRIleQEGD6QFFhcl17UGD"
	 "6AFFhcB10oPpAYXJdcXD\"},\"functions\":[{\"index\":0,\"symbol\":\"f\",\"parts\""
	 ":[{\"lo\":0,\"hi\":60,\"pairs\":[[0,null],[6,11],[11,24],[18,null],[24,27],[30"
	 ",41],[34,null],[38,51],[43,null],[47,61],[52,null],[55,71],[59,null]]}]}]}",
	 "6-b b; 18-1e 1b"},
};

static void describe(const struct wdx_codeindex *c, char *out)
{
	const struct wdx_interval *iv;
	size_t n = 0;

	*out = 0;
	wdx_vec_each (iv, &c->intervals)
		if (iv->flags & WDX_IV_DISPLACED)
			n += (size_t)snprintf(out + n, TEXT - n, "%s%x-%x %x", n ? "; " : "",
					      iv->lo, iv->hi, iv->wasm);
}

static void run(const struct moved *c)
{
	struct wdx_target *target = NULL;
	struct wdx_codeindex code;
	struct wdx_buf wasm = {0};
	struct wdx_wasm m;
	struct wdx_map map;
	char got[TEXT];

	unhex(c->wasm, &wasm);
	struct wdx_error *err = wdx_wasm_init(&m, wasm.data, wasm.len);

	if (!err)
		err = wdx_map_read(&map, &target, "map.json", (const uint8_t *)c->map,
				   strlen(c->map), &m);
	if (!err)
		err = wdx_code_init(&code, &m, &map, target);
	if (!ok(!err, "%s: read", c->what)) {
		printf("# %s\n", wdx_error_message(err));
		exit(1);
	}
	describe(&code, got);
	if (!ok(!strcmp(got, c->displaced), "%s", c->what))
		printf("# got:    %s\n# wanted: %s\n", got, c->displaced);
	wdx_code_deinit(&code);
	wdx_map_deinit(&map);
	wdx_target_destroy(target);
	wdx_wasm_deinit(&m);
	wdx_buf_deinit(&wasm);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		run(&cases[i]);
	return done();
}
