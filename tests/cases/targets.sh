#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Targets that no engine here compiles for: a map written by hand for tests/data/example.wasm.
. "$(dirname "$0")/../lib.sh"
need_tool
have "$DWARFDUMP" || skip_all "no $DWARFDUMP"

# map TRIPLE REGISTER SP RA SLOT: total() in one piece; its argument in a register, then in a slot.
map()
{
	cat <<EOF
{"format": "wasm-jit-map", "version": 1, "triple": "$1", "offsets": "code-section",
 "module": {"size": $(stat -c %s tests/data/example.wasm),
  "sha256": "$(sha256sum tests/data/example.wasm | cut -d' ' -f1)"},
 "code": {"size": 256}, "preserved": ["$2"],
 "memories": [{"index": 0, "place": {"context": 16}}],
 "functions": [{"index": 0, "symbol": "total",
  "parts": [{"lo": 0, "hi": 148,
   "pairs": [[0, null], [72, 35], [76, null], [84, 43], [88, 53], [100, null], [116, 60]],
   "unwind": [{"at": 0, "cfa": {"reg": "$3", "offset": $5}, "rules": {"$4": -8}}]}],
  "locals": [{"index": 0, "ranges": [[72, 100, {"reg": "$2"}], [100, 148, {"cfa": -24}]]}]}]}
EOF
}

# Relocatable side-cars, for gdb on little-endian machines, count addresses from the code's start.
# target TRIPLE REGISTER SP RA CFA-OFFSET MACHINE DATA DWARF-REGISTER CLASS
target()
{
	local name=${1%%-*} out=$TMP/out.debug dump

	map "$1" "$2" "$3" "$4" "$5" >"$TMP/map.json"
	ok "$name: written" "$TOOL" -q tests/data/example.wasm "$TMP/map.json" -o "$out" || return
	verifies "$name" "$out"
	like "$name: class" "$(readelf -h "$out")" "Class: *ELF$9"
	like "$name: machine" "$(readelf -h "$out")" "Machine: *$6"
	like "$name: byte order" "$(readelf -h "$out")" "Data: .*$7 endian"
	[[ $name == thumb* ]] &&
		like "$name: symbols say Thumb" "$(readelf -sW "$out")" ': 0*10001 .* FUNC .* total'
	dump=$("$DWARFDUMP" -n total -c "$out")
	like "$name: argument in a register" "$dump" "0x0*(100)?48, 0x0*(100)?64\): DW_OP_reg$8 "
	like "$name: then in a slot" "$dump" '0x0*(100)?64, 0x0*(100)?94\): DW_OP_call_frame_cfa'
	dump=$(readelf --debug-dump=frames "$out" 2>&1)
	like "$name: frame of the function" "$dump" 'FDE .*pc=0*(10000)?\.\.0*(100)?94'
	like "$name: lines" "$("$DWARFDUMP" --debug-line "$out")" '^0x0*(100)?48 +'
	if have gdb-multiarch; then
		like "$name: gdb reads it" "$(gdb-multiarch -batch -nx -ex 'info scope total' "$out" 2>&1)" \
			'Symbol discount is'
	else
		skip "$name: gdb reads it" 'no gdb-multiarch'
	fi
}

# TRIPLE REGISTER SP RA CFA-OFFSET MACHINE DATA DWARF-REGISTER CLASS
target riscv64-unknown-linux-gnu s2 sp ra 0 RISC-V little 18 64
target s390x-unknown-linux-gnu r7d r15d r14d 160 IBM big 7 64
target aarch64_be-unknown-linux-gnu x19 sp lr 0 AArch64 big 19 64
target powerpc64le-unknown-linux-gnu x14 x1 lr8 32 PowerPC64 little 14 64
target powerpc64-unknown-linux-gnu x14 x1 lr8 32 PowerPC64 big 14 64
target powerpc-unknown-linux-gnu r14 r1 lr 16 PowerPC big 14 32
target powerpcle-unknown-linux-gnu r14 r1 lr 16 PowerPC little 14 32
target loongarch64-unknown-linux-gnu s0 sp ra 0 LoongArch little 23 64
target loongarch32-unknown-linux-gnu s0 sp ra 0 LoongArch little 23 32
target riscv32-unknown-linux-gnu s2 sp ra 0 RISC-V little 18 32
target arm-unknown-linux-gnueabi r4 sp lr 0 ARM little 4 32 # 32 bits, little-endian
target armeb-unknown-linux-gnueabi r4 sp lr 0 ARM big 4 32
target thumbv7-unknown-linux-gnueabihf r4 sp lr 0 ARM little 4 32
target thumbeb-unknown-linux-gnueabi r4 sp lr 0 ARM big 4 32
target mips-unknown-linux-gnu s0 sp ra 0 MIPS big 16 32 # 32 bits, big-endian
target mips64el-unknown-linux-gnuabi64 s0 sp ra 0 MIPS little 16 64
target mips64-unknown-linux-gnuabin32 s0 sp ra 0 MIPS big 16 32 # 32-bit addresses
target sparc-unknown-linux-gnu l0 o6 o7 0 Sparc big 16 32
target sparcv9-unknown-linux-gnu l0 o6 o7 0 'Sparc v9' big 16 64
target x86_64-unknown-linux-gnux32 rbx rsp rip 8 '.*X86-64' little 3 32
target i686-unknown-linux-gnu ebx esp eip 4 '.*80386' little 3 32
done_testing
