/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "json.h"

void json_string(FILE *f, const char *text)
{
	putc('"', f);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			putc('\\', f);
		if (*p >= 0x20)
			putc(*p, f);
	}
	putc('"', f);
}
