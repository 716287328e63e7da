/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "dwarf/encode.h"

#include <dwarf.h>
#include <string.h>

enum { FLAG_LINE = 2 };

size_t wdx_macros_begin(struct wdx_macro_writer *w, uint16_t version, uint64_t line)
{
	size_t at = w->buf->len;
	bool has_line = line != UINT64_MAX;

	if (has_line && line > UINT32_MAX)
		return WDX_NOT_WRITTEN;
	wdx_buf_u16(w->buf, version >= 5 ? 5 : 4);
	wdx_buf_u8(w->buf, has_line ? FLAG_LINE : 0);
	if (has_line)
		wdx_buf_u32(w->buf, (uint32_t)line);
	return at;
}

/* A definition.  A string no longer than its offset would be stays inline. */
static void definition(struct wdx_macro_writer *w, const struct wdx_macro *m, uint8_t with_strp)
{
	const char *text = m->text ? m->text : "";
	bool intern = w->str && strlen(text) >= 4;

	wdx_buf_u8(w->buf, intern ? with_strp : m->type);
	wdx_buf_uleb(w->buf, m->line);
	if (intern)
		wdx_buf_u32(w->buf, w->str(w->arg, text));
	else
		wdx_buf_str(w->buf, text);
}

static size_t import(struct wdx_macro_writer *w, uint64_t offset)
{
	size_t at = w->buf->len + 1;

	if (offset > UINT32_MAX)
		return WDX_NOT_WRITTEN;
	wdx_buf_u8(w->buf, DW_MACRO_import);
	wdx_buf_u32(w->buf, (uint32_t)offset);
	return at;
}

size_t wdx_macros_write(struct wdx_macro_writer *w, const struct wdx_macro *m)
{
	size_t at = w->buf->len;

	switch (m->type) {
	case DW_MACRO_define:
		definition(w, m, DW_MACRO_define_strp);
		return at;
	case DW_MACRO_undef:
		definition(w, m, DW_MACRO_undef_strp);
		return at;
	case DW_MACRO_start_file:
		wdx_buf_u8(w->buf, m->type);
		wdx_buf_uleb(w->buf, m->line);
		wdx_buf_uleb(w->buf, m->file);
		return at;
	case DW_MACRO_end_file:
		wdx_buf_u8(w->buf, m->type);
		return at;
	case DW_MACRO_import:
		return import(w, m->offset);
	default:
		return WDX_NOT_WRITTEN;
	}
}

void wdx_macros_end(struct wdx_macro_writer *w)
{
	wdx_buf_u8(w->buf, 0);
}
