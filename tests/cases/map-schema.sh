#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The map's JSON Schema: it accepts the manual's example and what the tool writes, and refuses what
# it should.  Whatever was written is read again and says the same.
. "$(dirname "$0")/../lib.sh"

SCHEMA=man/wasm-jit-map.schema.json
CONVERT=${BUILD:-build}/tests/unit/map # MODULE MAP: the map as JSON

"$PYTHON" -W ignore -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null ||
	skip_all "no python3-jsonschema"
[ -x "$CONVERT" ] || skip_all "no $CONVERT"

# valid FILE
valid()
{
	"$PYTHON" -W ignore - "$SCHEMA" "$1" <<-'END'
		import json, jsonschema, sys
		schema, data = (json.load(open(name)) for name in sys.argv[1:])
		errors = jsonschema.Draft202012Validator(schema).iter_errors(data)
		errors = [f'{e.json_path}: {e.message[:200]}' for e in errors]
		print('\n'.join(errors[:5]))
		sys.exit(bool(errors))
	END
}

# invalid FILE PYTHON: FILE after that change of `m` is refused.
invalid()
{
	"$PYTHON" - "$1" "$2" >"$TMP/changed.json" <<-'END'
		import json, sys
		m = json.load(open(sys.argv[1]))
		f = m['functions'][0]
		exec(sys.argv[2])
		json.dump(m, sys.stdout)
	END
	! valid "$TMP/changed.json" >/dev/null
}

# again MODULE MAP.json: reading and writing it changes nothing.
again()
{
	"$CONVERT" "$1" "$2" >"$TMP/.again" && cmp "$TMP/.again" "$2"
}

ok 'the schema is one' "$PYTHON" -W ignore -c "
import json, jsonschema
jsonschema.Draft202012Validator.check_schema(json.load(open('$SCHEMA')))"

# The example of the manual, and its module.
sed -n '/^\.Bd -literal/,/^\.Ed/{/^{$/,/^}$/p}' man/wasm-jit-map.5 >"$TMP/example.json"
printf '\0asm\1\0\0\0\1\7\1\140\2\177\177\1\177\3\2\1\0\5\3\1\0\1\6\10\1\177\1\101\200\200\4\13' \
	>"$TMP/example.wasm"
printf '\12\27\1\25\1\1\177\40\0\50\2\0\40\1\152\42\2\105\4\100\0\13\40\2\13' >>"$TMP/example.wasm"
ok "the manual's example is valid" valid "$TMP/example.json"
"$CONVERT" "$TMP/example.wasm" "$TMP/example.json" >"$TMP/out.json" 2>"$TMP/err"
is "the manual's example is read" "$(cat "$TMP/err")" ''
ok 'what is written of it is valid' valid "$TMP/out.json"
ok 'and reads as the same again' again "$TMP/example.wasm" "$TMP/out.json"

while IFS= read -r change; do
	ok "refused: $change" invalid "$TMP/example.json" "$change"
done <<'END'
del m['version']
m['version'] = 2
m['perserved'] = []
m['instrumented'] = 1
m['offsets'] = 'component'
m['module']['sha256'] = '00'
m['code']['file'] = 'x'
m['code']['bytes'] = 'abc'
m['code']['size'] = 1 << 32
m['globals'][0]['place'] = {'cfa': 0}
f['index'] = 'main'
f['parts'] = []
f['symbol'] = ''
f['parts'][0]['pairs'][0] = [0]
f['parts'][0]['pairs'][0] = [0, 1, 2]
f['parts'][0]['pairs'][0] = [0, 1.5]
f['parts'][0]['unwind'][0]['cfa'] = {'reg': 'rsp'}
f['parts'][0]['unwind'][0]['rules']['rip'] = 'lost'
f['locals'][0]['ranges'][0][2] = {'reg': 'rax', 'cfa': 8}
f['locals'][0]['ranges'][0][2] = {'base': 'rax'}
f['locals'][0]['ranges'][0][2] = {'cfa': []}
f['locals'][0]['ranges'][0][2] = {'expr': '9'}
END

# Real ones: an engine's images.
for wasm in "$STORE"/data/*-O?-dw4.wasm; do
	[ -f "$wasm" ] && [ -x "$HOST" ] && engine_lib "$ENGINE" >/dev/null || {
		skip "an engine's images" 'no engine or modules (tests/setup)'
		break
	}
	name=$(basename "$wasm" .wasm)
	wasm_strip "$wasm" "$TMP/strip.wasm" &&
		engine_compile "$ENGINE" "$TMP/strip.wasm" "$TMP/image.cwasm" 2 >/dev/null
	"$CONVERT" "$wasm" "$TMP/image.cwasm" >"$TMP/image.json" 2>"$TMP/err"
	is "$name: the image is read" "$(cat "$TMP/err")" '' || continue
	ok "$name: as JSON it is valid" valid "$TMP/image.json"
	ok "$name: and reads as the same again" again "$wasm" "$TMP/image.json"
	[ -x "$TOOL" ] || continue
	ok "$name: --emit-map" xform "$wasm" "$TMP/image.cwasm" -o "$TMP/out.debug" \
		--emit-map "$TMP/tool.json"
	ok "$name: --emit-map writes the same" cmp "$TMP/tool.json" "$TMP/image.json"
	ok "$name: the tool takes it" xform "$wasm" "$TMP/tool.json" -o "$TMP/again.debug"
	ok "$name: with the same side-car" cmp "$TMP/out.debug" "$TMP/again.debug"
done
done_testing
