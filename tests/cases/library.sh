#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The library by the way a JIT would use it: the manual's example, built by what pkg-config says, makes
# the same side-car as the command, shared and static.  Both languages take each header alone.
. "$(dirname "$0")/../lib.sh"
need_tool
lib=$(cd "${BUILD:-build}" && pwd)
have pkg-config || skip_all "no pkg-config"
[ -f "$lib/libwdx.pc" ] && [ -e "$lib/libwdx.so" ] || skip_all "no library (make)"

pc()
{
	PKG_CONFIG_PATH=$lib pkg-config --define-variable=includedir="$TOP/lib" \
		--define-variable=libdir="$lib" "$@" libwdx
}

# The first example of the manual, as C.
awk '/^\.Sh EXAMPLES/ { on = 1 } on && /^\.Ed/ { exit } on && text { print } on && /^\.Bd/ { text = 1 }' \
	man/libwdx.3 | sed 's/\\e/\\/g;s/\\&//g;s/\\-/-/g' >"$TMP/main.c"
cat >>"$TMP/main.c" <<'END'
#include <stdlib.h>

static void *load(const char *name, size_t *n)
{
	FILE *f = fopen(name, "rb");
	char *p = malloc(1 << 20);

	*n = f && p ? fread(p, 1, 1 << 20, f) : 0;
	return p;
}

int main(int argc, char **argv)
{
	size_t wasm_size, map_size;
	void *wasm = load(argv[argc - 3], &wasm_size), *map = load(argv[argc - 2], &map_size);
	FILE *to = fopen(argv[argc - 1], "wb");
	int bad = write_sidecar(wasm, wasm_size, map, map_size, to);

	free(wasm);
	free(map);
	return fclose(to) || bad;
}
END
flags=(-Wall -Werror ${SANITIZE:+"-fsanitize=$SANITIZE"})
module=tests/data/example.wasm map=tests/data/example.map.json
ok 'a side-car by the command' xform "$module" "$map" -o "$TMP/wanted"

# build HOW LIBRARY...
build()
{
	local how=$1

	shift
	# shellcheck disable=SC2046
	ok "$how: the manual's example builds" "${CC:-cc}" "${flags[@]}" $(pc --cflags) -o "$TMP/$how" \
		"$TMP/main.c" "$@" || return
	ok "$how: runs" env LD_LIBRARY_PATH="$lib" "$TMP/$how" "$module" "$map" "$TMP/$how.debug"
	ok "$how: the same bytes as the command's" cmp "$TMP/wanted" "$TMP/$how.debug"
	is "$how: bad input is an error with a text" \
		"$(LD_LIBRARY_PATH=$lib "$TMP/$how" "$map" "$map" "$TMP/$how.debug" 2>&1 | grep -c '^jit: module: ')" 1
}

# shellcheck disable=SC2046
build shared $(pc --libs)
# shellcheck disable=SC2046
build static $(pc --libs --static | sed "s|-lwdx|$lib/libwdx.a|")
for header in lib/wdx*.h; do
	name=$(basename "$header")
	ok "$name alone in C11" "${CC:-cc}" -x c -std=c11 -pedantic -fsyntax-only -Wall -Wextra \
		-Werror -Ilib "$header"
	ok "$name alone in C++17" "${CXX:-c++}" -x c++ -std=c++17 -pedantic -fsyntax-only -Wall \
		-Wextra -Werror -Ilib "$header"
done
done_testing
