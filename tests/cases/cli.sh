#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The command: options, exit statuses, messages, bad inputs, and that output files are there whole
# or not at all.  Module and map are made here: two functions, no DWARF.
. "$(dirname "$0")/../lib.sh"

need_tool
TOOL=$(realpath "$TOOL")
MAN=$PWD/man
unset NO_COLOR
export TERM=dumb
cd "$TMP" || exit 3

cat >make.py <<'END'
"""make.py CHANGE...: good.wasm and good.json; each CHANGE (Python) works on `w` or `m` before."""
import base64, hashlib, json, sys

w = bytes.fromhex(
    "0061736d01000000"              # magic, version
    "010a0260027f7f017f600000"      # types: i32, i32 -> i32; none
    "020701016501660001"            # import e.f
    "0303020001"                    # functions 1 and 2
    "0503010001"                    # a memory
    "0606017f0141000b"              # a global
    "0a14020d01017f200020016a210220020b040010000b")  # code
custom = lambda name, data: bytes([0, len(name) + 1 + len(data), len(name)]) + name.encode() + data
base = 0x7FFF00001000
m = {
    "format": "wasm-jit-map", "version": 1, "triple": "x86_64-unknown-linux-gnu",
    "module": None, "offsets": "code-section",
    "code": {"size": 64, "base": hex(base), "bytes": base64.b64encode(b"\xcc" * 64).decode()},
    "functions": [
        {"index": 1, "symbol": "add",
         "parts": [{"lo": 0, "hi": 24, "pairs": [[0, 2], [4, 5], [9, 9]],
                    "unwind": [{"at": 0, "cfa": {"reg": "rsp", "offset": 8},
                                "rules": {"rip": -8}}]}],
         "locals": [{"index": 0, "ranges": [[0, 8, {"reg": "rdi"}], [8, 24, {"cfa": -24}]]}]},
        {"index": 2, "symbol": "call", "parts": [{"lo": 24, "hi": 48, "pairs": [[24, 17]]}]},
    ]}
f = m["functions"][0]
identity = lambda w: {"size": len(w), "sha256": hashlib.sha256(w).hexdigest()}
m["module"] = identity(w)
for change in sys.argv[1:]:
    exec(change)
open("good.wasm", "wb").write(w)
open("good.json", "w").write(m if isinstance(m, str) else json.dumps(m, indent=1))
END

make_inputs()
{
	"$PYTHON" make.py "$@" || flunk "make.py $*"
}

# run ARGUMENT...: the tool; status, stdout and stderr as $status, $out, $err.
run()
{
	"$TOOL" "$@" >out.txt 2>err.txt </dev/null
	status=$?
	out=$(tr -d '\0' <out.txt)
	err=$(cat err.txt)
}

# clean WHAT: no output and no temporary file is there.
clean()
{
	is "$1" "$(find . -name '.wasm-dwarf-xform*' -o -name 'x.*')" ""
}

# fails WHAT STATUS REGEX ARGUMENT...: so it does, with one line that matches, and leaves nothing.
fails()
{
	local what=$1 wanted=$2 regex=$3

	shift 3
	run "$@"
	is "$what: status" "$status" "$wanted"
	like "$what: message" "$err" "^wasm-dwarf-xform: error: $regex"
	is "$what: one line" "$(wc -l <err.txt)" 1
	clean "$what: nothing left"
}

# misused WHAT REGEX ARGUMENT...: a usage error.
misused()
{
	local what=$1 regex=$2

	shift 2
	run "$@"
	is "$what: status" "$status" 2
	like "$what: message" "$(head -n 1 err.txt)" "^wasm-dwarf-xform: $regex"
	is "$what: hint" "$(tail -n +2 err.txt)" "Try 'wasm-dwarf-xform --help' for more information."
	is "$what: stdout is empty" "$out" ""
	clean "$what: nothing left"
}

# --- options ----------------------------------------------------------------------------------

make_inputs
run --help
is "--help: status" "$status" 0
like "--help on stdout" "$out" "^Usage: wasm-dwarf-xform "
is "--help: stderr is empty" "$err" ""
is "-h is --help" "$("$TOOL" -h)" "$out"
is "--help fits a screen's width" "$("$TOOL" -h | awk 'length > 80' | wc -l)" 0
missing=
for o in $("$TOOL" -h | grep -oE -- '--[a-z-]+' | sort -u); do
	grep -qE -- "-${o//-/\\?-}|Fl -${o#--}" "$MAN/wasm-dwarf-xform.1" || missing="$missing $o"
done
is "every option of --help is in the manual" "$missing" ""
run -V
is "--version: status" "$status" 0
like "--version" "$out" "^wasm-dwarf-xform [0-9]+\.[0-9]+\.[0-9]+$"
like "--version has the licence" "$out" "Apache-2.0 WITH LLVM-exception"
ok "--help to a full disk fails" sh -c '"$0" --help >/dev/full 2>/dev/null; [ $? = 3 ]' "$TOOL"

misused "unknown option" "unrecognized option '--frobnicate'" good.wasm good.json --frobnicate
misused "unknown letter" "invalid option -- 'z'" -z
misused "no operand" "no module and no map given"
misused "one operand" "no map given" good.wasm -o x.debug
misused "three operands" "unexpected operand 'more'" good.wasm good.json more -o x.debug
misused "no output" "no output file" good.wasm good.json
misused "an empty name" "the name of the output file is empty" good.wasm good.json -o ''
misused "-o without a name" "option requires an argument -- 'o'" good.wasm good.json -o
misused "two from stdin" "only one of module and map" - - -o x.debug
misused "two to stdout" "only one output can go" good.wasm good.json -o - --stats
misused "a folder that depends on where gdb is" "invalid argument 'x' for '--python'" good.wasm good.json \
	-o x.debug --python=x
misused "a script for a stream" "'--load-script' needs" good.wasm good.json -o - --load-script x.gdb
for o in --dwarf-version=3 --compress-debug-sections=lzma --stats=xml --color=maybe --recover=some; do
	misused "$o" "invalid argument '${o#*=}' for '${o%=*}': it is one of" \
		good.wasm good.json -o x.debug $o
done
for a in 12z -5 '' 0x10000000000000000; do
	misused "--text-address=$a" "invalid argument '$a' for '--text-address'" \
		good.wasm good.json -o x.debug --text-address="$a"
done

# --- what is written --------------------------------------------------------------------------

run good.wasm good.json -o x.debug
is "a run: status" "$status" 0
like "a warning" "$err" "^wasm-dwarf-xform: warning: good.wasm: it has no DWARF"
is "a run: stdout is empty" "$out" ""
is "the side-car is ELF" "$(head -c 4 x.debug | tail -c 3)" ELF
cp x.debug first
run -q good.wasm good.json -o x.debug
is "-q: no warning" "$err" ""
ok "the same bytes again" cmp first x.debug
run -v good.wasm good.json -o x.debug
like "-v: a note" "$err" "^wasm-dwarf-xform: note: x.debug: [0-9]+ bytes for x86_64"
run -q good.wasm good.json -o - && cp out.txt piped
ok "-o -: the same bytes" cmp first out.txt
ok "module from a pipe" sh -c 'cat good.wasm | "$0" -q - good.json -o x.debug' "$TOOL"
ok "map from a pipe" sh -c 'cat good.json | "$0" -q good.wasm - -o x.debug && cmp first x.debug' \
	"$TOOL"
ok "/dev/null as output" "$TOOL" -q good.wasm good.json -o /dev/null
ok "/dev/null is still a device" test -c /dev/null
(umask 027 && rm -f x.debug && "$TOOL" -q good.wasm good.json -o x.debug)
is "permissions by umask" "$(stat -c %a x.debug)" 640
echo old >target
ln -s target x.link
ok "a link is followed" "$TOOL" -q good.wasm good.json -o x.link
ok "and stays" sh -c 'test -L x.link && cmp first target'
mkdir folder
ok "output in a folder" "$TOOL" -q good.wasm good.json -o folder/y.debug
is "nothing beside it" "$(ls -A folder)" y.debug
rm -rf folder target x.*

run -q good.wasm good.json -o x.debug --emit-map x.json
ok "the emitted map makes the same bytes" \
	sh -c '"$0" -q good.wasm x.json -o x.2 && cmp x.debug x.2' "$TOOL"
for v in 4 5; do
	run -q good.wasm good.json -o x.debug --dwarf-version=$v
	is "--dwarf-version=$v" "$(readelf --debug-dump=info x.debug 2>/dev/null |
		sed -n 's/^ *Version: *//p' | sort -u)" $v
done
for c in none zlib zlib-gabi zstd; do
	ok "--compress-debug-sections=$c" "$TOOL" -q good.wasm good.json -o x.debug \
		--compress-debug-sections=$c
done
run -q good.wasm good.json -o x.debug --stats
like "--stats: the table" "$out" "^functions in the map +2$"
run -q good.wasm good.json -o x.debug --stats=json
ok "--stats=json is JSON" "$PYTHON" -c 'import json, sys
s = json.load(open("out.txt"))
assert s["functions"] == 2 and all(set(l) == {"name", "count", "benign", "text"} for l in s["losses"])'
like "the map is checked against its code" "$out" '"claims_checked": true'
for r in all code; do
	run -q good.wasm good.json -o x.$r --stats=json --recover=$r
	is "--recover=$r: status" "$status" 0
	like "--recover=$r: the map is checked" "$out" '"claims_checked": true'
done
ok "--recover=all is the default" cmp x.all x.debug
run -q good.wasm good.json -o x.debug --stats=json --recover=none
is "--recover=none: status" "$status" 0
like "--recover=none: no code is followed" "$out" '"functions_checked": 0'
like "--recover=none: and the statistics say so" "$out" '"claims_checked": false'
ok "--stats to a full disk fails" \
	sh -c '"$0" -q good.wasm good.json -o x.debug --stats >/dev/full 2>/dev/null; [ $? = 3 ]' "$TOOL"
run -q good.wasm good.json -o x.debug --trace x.trace
ok "--trace writes" grep -q '^end$' x.trace
run -q good.wasm good.json -o x.debug --trace -
is "--trace=- to stdout" "$out" "$(cat x.trace)"
rm -f x.*

# --- scripts ----------------------------------------------------------------------------------

run -q good.wasm good.json -o x.debug --load-script x.gdb --load-script x.lldb \
	--memory-address 0x100000
like "gdb: the map's base" "$(cat x.gdb)" \
	"^add-symbol-file \"$(pwd -P)/x.debug\" -s .text 0x7fff00001000 -s .wasm.memory 0x100000$"
like "lldb: the map's base" "$(cat x.lldb)" "^target modules load --file \"$(pwd -P)/x.debug\" \
.text 0x7fff00001000 .wasm.memory 0x100000$"
like "lldb: the module" "$(cat x.lldb)" "^target modules add \"$(pwd -P)/x.debug\"$"
make_inputs 'del m["code"]["base"]'
run -q good.wasm good.json -o x.debug --load-script x.gdb --load-script x.lldb \
	--memory-address 0x100000 --python /x/y
like "gdb: its Python is trusted" "$(cat x.gdb)" '^add-auto-load-safe-path /x/y$'
like "gdb: looks for the code" "$(cat x.gdb)" \
	"^  wasm-attach \"$(pwd -P)/x.debug\" --memory 0x100000$"
like "lldb: its Python" "$(cat x.lldb)" '^command script import "/x/y/wasm_lldb.py"$'
like "lldb: looks for the code" "$(cat x.lldb)" \
	"^wasm-attach \"$(pwd -P)/x.debug\" --memory 0x100000$"
like "gdb: the side-car names its Python" "$(strings x.debug)" '^/x/y/wasm_gdb\.py$'
run -q good.wasm good.json -o x.debug --debugger=lldb
unlike "lldb: its does not" "$(strings x.debug)" 'wasm_gdb\.py'
run -q good.wasm good.json -o x.debug --load-script x.gdb --load-script x.lldb --python=none
unlike "no Python" "$(cat x.gdb x.lldb; strings x.debug)" 'wasm_gdb|wasm_lldb|wasm-attach'
like "gdb: variables" "$(cat x.gdb)" '-s .text \$wasm_text -s .wasm.memory \$wasm_memory$'
like "lldb: variables" "$(cat x.lldb)" '\.text `\$wasm_text` \.wasm\.memory `\$wasm_memory`$'
if have gdb; then
	got=$(gdb -batch -nx -x x.gdb 2>&1)
	like "gdb: nothing is loaded before they are set" "$got" \
		'^The side-car is not loaded: set \$wasm_text and \$wasm_memory first\.$'
	got=$(gdb -batch -nx -ex 'set $wasm_text = 0x40000000' -ex 'set $wasm_memory = 0x50000000' \
		-x x.gdb -ex 'info symbol 0x40000000' 2>&1)
	like "gdb: loaded" "$got" '^add in section .text'
else
	skip "gdb takes its script" "no gdb"
fi
make_inputs
run -q good.wasm good.json -o x.debug --load-script x.gdb --text-address 0x1234
like "--text-address comes before the map's base" "$(cat x.gdb)" "-s .text 0x1234 "
rm -f x.*

# --- messages ---------------------------------------------------------------------------------

run --color=always good.wasm good.json -o x.debug
like "--color=always" "$err" $'\033\\[1;35mwarning:'
unlike "no colour in a file" "$("$TOOL" good.wasm good.json -o x.debug 2>&1)" $'\033'
if have script; then
	tty_run()
	{
		script -qec "'$TOOL' $*" /dev/null </dev/null 2>&1
	}
	like "colour on a terminal" "$(TERM=xterm tty_run good.wasm good.json -o x.debug)" $'\033'
	unlike "not with NO_COLOR" "$(NO_COLOR=1 TERM=xterm tty_run good.wasm good.json -o x.debug)" \
		$'\033'
	unlike "not on a dumb terminal" "$(TERM=dumb tty_run good.wasm good.json -o x.debug)" $'\033'
	unlike "not with --color=never" \
		"$(TERM=xterm tty_run good.wasm good.json -o x.debug --color=never)" $'\033'
	rm -f x.*
	like "no binary to a terminal" "$(tty_run good.wasm good.json -o -)" \
		"error: -: a binary file is not written to a terminal"
else
	skip "colour on a terminal" "no script(1)"
fi
rm -f x.*
make_inputs 'm["functions"][0]["locals"][0]["ranges"][0][2]["reg"] = "ra\u001b[31mx"'
run good.wasm good.json -o x.debug
unlike "no control characters of the input reach the terminal" "$err" $'\033'

# --- bad modules ------------------------------------------------------------------------------

# bad_module WHAT REGEX CHANGE...: what is wrong is wrong with the module, the map fits it.
bad_module()
{
	local what=$1 regex=$2

	shift 2
	make_inputs "$@" 'm["module"] = identity(w)'
	fails "module: $what" 1 "good\.wasm: .*$regex" good.wasm good.json -o x.debug -q
}

bad_module "not wasm" "" 'w = b"\x7fELF" + bytes(60)'
bad_module "text" "" 'w = b"hello, world\n"'
bad_module "too short" "" 'w = w[:6]'
bad_module "a newer version" "version" 'w = w[:4] + b"\2" + w[5:]'
bad_module "a component" "component" 'w = w[:4] + bytes([13, 0, 1, 0]) + w[8:]'
bad_module "truncated" "" 'w = w[:-5]'
bad_module "truncated in a header" "" 'w = w[:9]'
bad_module "a LEB128 that is too long" "" 'w = w[:9] + b"\xff" * 12 + w[9:]'
bad_module "a LEB128 that never ends" "" 'w = w[:9] + b"\x80"'
bad_module "a section that is too long" "" 'w = w[:9] + b"\x7f" + w[10:]'
bad_module "sections in disorder" "" 'w = w[:8] + w[-22:] + w[8:-22]'
bad_module "a count that lies" "" 'w = w[:10] + b"\x7f" + w[11:]'
bad_module "broken DWARF" "" \
	'w += custom(".debug_abbrev", b"\x01\x11\x00\x03\x08\x00\x00\x00")' \
	'w += custom(".debug_info", bytes([200, 0, 0, 0, 4, 0, 0, 0, 0, 0, 4, 1, 65, 66]))'
: >empty
mkdir -p folder
make_inputs
fails "module: empty" 1 "empty: the file is empty" empty good.json -o x.debug
fails "module: empty pipe" 1 "<stdin>: the file is empty" - good.json -o x.debug
fails "module: missing" 1 "nowhere: No such file" nowhere good.json -o x.debug
fails "module: a folder" 1 "folder: this is a directory" folder good.json -o x.debug
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 good.wasm
	fails "module: unreadable" 1 "good.wasm: Permission denied" good.wasm good.json -o x.debug
	chmod 644 good.wasm
elif have setpriv; then
	mkdir -m 777 open && chmod 755 . && cp good.* open && chmod 0 open/good.wasm
	setpriv --reuid 65534 --clear-groups "$TOOL" open/good.wasm open/good.json -o open/x.debug 2>err.txt
	is "module: unreadable: status" $? 1
	like "module: unreadable: message" "$(cat err.txt)" "good.wasm: Permission denied"
	is "module: unreadable: nothing left" "$(ls -A open | tr '\n' ' ')" "good.json good.wasm "
	rm -rf open
else
	skip "module: unreadable" "run as root"
fi

# --- bad maps ---------------------------------------------------------------------------------

# bad_map WHAT REGEX CHANGE...
bad_map()
{
	local what=$1 regex=$2

	shift 2
	make_inputs "$@"
	fails "map: $what" 1 "good\.json:.*$regex" good.wasm good.json -o x.debug -q
}

bad_map "not JSON" "" 'm = "hello"'
bad_map "cut off" "" 'm = json.dumps(m)[:-40]'
bad_map "an empty object" "" 'm = "{}"'
bad_map "unknown register" 'unknown register "raxx"' \
	'f["locals"][0]["ranges"][0][2] = {"reg": "raxx"}'
bad_map "unknown register: line, column and path" \
	'[0-9]+:[0-9]+: \$\.functions\[0\]\.locals\[0\]\.ranges\[0\]\[2\]\.reg' \
	'f["locals"][0]["ranges"][0][2] = {"reg": "raxx"}'
bad_map "overlapping ranges" "" 'f["locals"][0]["ranges"][1][0] = 6'
bad_map "unsorted ranges" "" 'f["locals"][0]["ranges"].reverse()'
bad_map "an inverted range" "" 'f["locals"][0]["ranges"][0] = [8, 4, {"reg": "rdi"}]'
bad_map "unsorted pairs" "" 'f["parts"][0]["pairs"].reverse()'
bad_map "code outside" "" 'f["parts"][0]["hi"] = 65'
bad_map "overlapping functions" "" 'f["parts"][0]["hi"] = 30'
bad_map "wasm offset outside the module" "" 'f["parts"][0]["pairs"][1][1] = 9999'
bad_map "wasm offset inside an instruction" "" 'f["parts"][0]["pairs"][1][1] = 6'
bad_map "a function the module has not" "" 'f["index"] = 7'
bad_map "a local the function has not" "" 'f["locals"][0]["index"] = 40'
bad_map "another module" "" 'm["module"]["sha256"] = "0" * 64'
bad_map "another module's size" "" 'm["module"]["size"] += 1'
bad_map "unknown target" "" 'm["triple"] = "z80-unknown-cpm"'
bad_map "a newer version" "" 'm["version"] = 2'
bad_map "unknown key" "" 'm["colour"] = 1'
bad_map "code bytes of another size" "" 'm["code"]["size"] = 63'
bad_map "a file of code outside its folder" "" \
	'del m["code"]["bytes"]; m["code"]["file"] = "../../etc/passwd"'
bad_map "deep nesting" "" 'm = "[" * 100000'
make_inputs
fails "map: empty" 1 "empty: the file is empty" good.wasm empty -o x.debug
fails "map: missing" 1 "nowhere: No such file" good.wasm nowhere -o x.debug
fails "map: the module twice" 1 "good.wasm:" good.wasm good.wasm -o x.debug -q
fails "module and map swapped" 1 "good.json:" good.json good.wasm -o x.debug -q

# --- outputs ----------------------------------------------------------------------------------

make_inputs
for o in good.wasm ./good.json; do
	cp $o saved
	run -q good.wasm good.json -o $o
	is "output is the input $o: status" "$status" 2
	like "output is the input $o: message" "$err" "this output is also the input"
	ok "output is the input $o: untouched" cmp saved $o
done
ln good.wasm hard
fails "output is a hard link to an input" 2 "hard: this output is also the input" \
	good.wasm good.json -o hard -q
fails "trace is an input" 2 "good.json: this output is also" good.wasm good.json -o x.debug \
	--trace good.json -q
fails "two outputs in one" 2 "./x.debug: two outputs go to the same file" \
	good.wasm good.json -o x.debug --emit-map ./x.debug -q
fails "output is a folder" 3 "folder: Is a directory" good.wasm good.json -o folder -q
fails "no such folder" 3 "none/x.debug: No such file" good.wasm good.json -o none/x.debug -q
fails "full device" 3 "/dev/full: No space left" good.wasm good.json -o /dev/full -q
fails "full device for the map" 3 "/dev/full: No space left" \
	good.wasm good.json -o x.debug --emit-map /dev/full -q
fails "full device for the trace" 3 "/dev/full: No space left" \
	good.wasm good.json -o x.debug --trace /dev/full -q

# A file limit is a full disk that anybody can have (it also holds for files in memory).
big='f["symbol"] = "s" * 20000'
make_inputs "$big"
limited()
{
	(
		ulimit -f 8
		exec "$TOOL" -q good.wasm good.json -o x.debug
	) 2>err.txt
}
limited
is "file too large: status" $? 3
like "file too large: message" "$(cat err.txt)" "error: .*(File too large|cannot write)"
clean "file too large: nothing left"
if [ "$(id -u)" -eq 0 ] && mkdir tiny && mount -t tmpfs -o size=16k none tiny 2>/dev/null; then
	echo old >tiny/x.debug
	run -q good.wasm good.json -o tiny/x.debug
	is "full disk: status" "$status" 3
	like "full disk: message" "$err" "error: tiny/x.debug: No space left on device"
	is "full disk: what was there is untouched" "$(ls -A tiny):$(cat tiny/x.debug)" "x.debug:old"
	umount tiny
else
	skip "full disk" "cannot mount a small one"
fi

make_inputs 'w = w[:-5]'
echo old >y.debug
echo old >y.json
run -q good.wasm good.json -o y.debug --emit-map y.json
is "after an error the old output is untouched" "$(cat y.debug y.json | tr '\n' ' ')" "old old "
clean "after an error nothing is left"
make_inputs
run -q good.wasm good.json -o y.debug --emit-map /dev/full
is "all outputs or none" "$status:$(cat y.debug)" "3:old"

# A signal while the tool waits to open a pipe for its trace, its output already open.
for sig in TERM HUP INT PIPE; do
	mkfifo pipe
	"$PYTHON" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$TOOL" -q good.wasm good.json -o x.debug --trace pipe &
	pid=$!
	for _ in $(seq 50); do
		[ -n "$(find . -name '.wasm-dwarf-xform*')" ] && break
		sleep 0.1
	done
	like "SIG$sig: there is a temporary file" "$(find . -name '.wasm-dwarf-xform*')" xform
	kill -$sig $pid
	wait $pid 2>/dev/null
	is "SIG$sig: status" $? $((128 + $(kill -l $sig)))
	clean "SIG$sig: nothing left"
	rm -f pipe
done

cd "$TOP" && done_testing
