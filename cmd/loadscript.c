/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * An address that is not known when the script is written becomes a convenience variable of the
 * debugger.  One that has not been set must stop the script: a side-car with .wasm.memory at a
 * wrong place would show wrong values.
 */
#include "loadscript.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "wdx.h"

bool loadscript_is_lldb(const char *script)
{
	size_t n = strlen(script);

	return n >= 5 && !strcmp(script + n - 5, ".lldb");
}

/* Both debuggers take away a backslash before these inside double quotes. */
static void quoted(FILE *f, const char *path, const char *rest)
{
	putc('"', f);
	for (; *path; path++) {
		if (strchr("\"\\`", *path))
			putc('\\', f);
		putc(*path, f);
	}
	fprintf(f, "%s\"", rest);
}

static void title(FILE *f, const char *debugger, const char *module)
{
	fprintf(f, "# %s: load the side-car of ", debugger);
	for (; *module; module++)
		putc(iscntrl((unsigned char)*module) ? '?' : *module, f);
	fprintf(f, " (%s %s).\n", PROGRAM, wdx_version());
}

static bool need_text(const struct loadscript *s)
{
	return !s->text.known;
}

static bool need_memory(const struct loadscript *s)
{
	return s->has_memory && !s->memory.known;
}

/* How to tell what the script cannot know. */
static void variables(FILE *f, const struct loadscript *s, const char *set)
{
	if (!need_text(s) && !need_memory(s))
		return;
	fprintf(f, "#\n# It looks for the code%s in the running process.  To tell it instead:\n",
		need_memory(s) ? " and for linear memory" : "");
	if (need_text(s))
		fprintf(f, "#   %s $wasm_text = ADDRESS      where the machine code begins\n", set);
	if (need_memory(s))
		fprintf(f, "#   %s $wasm_memory = ADDRESS    where linear memory begins\n", set);
}

static void operand(FILE *f, const char *before, const struct address *a, const char *variable)
{
	if (a->known)
		fprintf(f, "%s0x%" PRIx64, before, a->value);
	else
		fprintf(f, "%s%s", before, variable);
}

/* The command of the Python; it also looks at the variables. */
static void search(FILE *f, const struct loadscript *s)
{
	fputs("wasm-attach ", f);
	quoted(f, s->sidecar, "");
	if (s->text.known)
		fprintf(f, " --text 0x%" PRIx64, s->text.value);
	if (s->memory.known)
		fprintf(f, " --memory 0x%" PRIx64, s->memory.value);
	putc('\n', f);
}

/* ---- gdb --------------------------------------------------------------------------------------
 */

static void gdb_command(FILE *f, const struct loadscript *s)
{
	fputs("add-symbol-file ", f);
	quoted(f, s->sidecar, "");
	operand(f, " -s .text ", &s->text, "$wasm_text");
	if (s->has_memory)
		operand(f, " -s .wasm.memory ", &s->memory, "$wasm_memory");
	putc('\n', f);
}

/* Outside of its safe path gdb loads no Python by itself; who runs the script has chosen to. */
static void gdb_python(FILE *f, const struct loadscript *s)
{
	if (!s->python)
		return;
	fputs("add-auto-load-safe-path ", f);
	fputs(s->python, f);
	putc('\n', f);
}

/* The variables that must have been set. */
static void gdb_condition(FILE *f, const struct loadscript *s)
{
	bool text = need_text(s), memory = need_memory(s);

	fprintf(f, "if %s%s%s\n", text ? "$_isvoid($wasm_text)" : "", text && memory ? " || " : "",
		memory ? "$_isvoid($wasm_memory)" : "");
}

static void gdb_search(FILE *f, const struct loadscript *s)
{
	bool text = need_text(s), memory = need_memory(s);

	if (s->python) {
		fprintf(f, "  source %s/wasm_gdb.py\n  ", s->python);
		search(f, s);
		return;
	}
	fprintf(f, "  echo The side-car is not loaded: set %s%s%s first.\\n\n",
		text ? "$wasm_text" : "", text && memory ? " and " : "",
		memory ? "$wasm_memory" : "");
}

void loadscript_gdb(FILE *f, const struct loadscript *s)
{
	title(f, "gdb", s->module);
	fputs("# If the engine registers its code with the debugger as well (gdb's JIT "
	      "interface),\n"
	      "# gdb sees that and not this: let it compile the module without its DWARF.\n",
	      f);
	variables(f, s, "set");
	gdb_python(f, s);
	if (!need_text(s) && !need_memory(s)) {
		gdb_command(f, s);
		return;
	}
	gdb_condition(f, s);
	gdb_search(f, s);
	fputs("else\n  ", f);
	gdb_command(f, s);
	fputs("end\n", f);
}

/* ---- lldb -------------------------------------------------------------------------------------
 */

static void lldb_load(FILE *f, const struct loadscript *s)
{
	fputs("target modules add ", f);
	quoted(f, s->sidecar, "");
	fputs("\ntarget modules load --file ", f);
	quoted(f, s->sidecar, "");
	operand(f, " .text ", &s->text, "`$wasm_text`");
	if (s->has_memory)
		operand(f, " .wasm.memory ", &s->memory, "`$wasm_memory`");
	putc('\n', f);
}

void loadscript_lldb(FILE *f, const struct loadscript *s)
{
	title(f, "lldb", s->module);
	fputs("# The first command hides what the engine itself registers (gdb's JIT interface) "
	      "and\n"
	      "# would come before the side-car; it works from the next start of the process on.\n",
	      f);
	variables(f, s, "expression -- unsigned long long");
	fputs("settings set plugin.jit-loader.gdb.enable off\n", f);
	if (s->python) {
		fputs("command script import ", f);
		quoted(f, s->python, "/wasm_lldb.py");
		putc('\n', f);
	}
	if (s->python && (need_text(s) || need_memory(s)))
		search(f, s);
	else
		lldb_load(f, s);
}
