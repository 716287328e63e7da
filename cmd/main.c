/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* wasm-dwarf-xform: files in, wdx_transform(), files out. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "input.h"
#include "loadscript.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "stats.h"
#include "wdx.h"

struct command {
	struct options opt;
	struct input module, map;
	struct output *sidecar, *map_json, *scripts[SCRIPTS_MAX];
	FILE *trace;
	struct wdx_result result;
};

/* ---- before -----------------------------------------------------------------------------------
 */

/* A file opened as descriptor 0 to 2 would get what is printed. */
static void fill_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int open_inputs(struct command *c)
{
	int status = input_open(&c->module, c->opt.module);

	if (!status)
		status = input_open(&c->map, c->opt.map);
	if (status)
		return status;
	output_protect(c->module.name, &c->module.st);
	output_protect(c->map.name, &c->map.st);
	return 0;
}

/* A trace is read most when the run fails, so it is no output that vanishes then. */
static int open_trace(struct command *c)
{
	const char *name = c->opt.trace;
	int status;

	if (!name)
		return 0;
	status = output_check(name);
	if (status)
		return status;
	c->trace = strcmp(name, "-") ? fopen(name, "we") : stdout;
	return c->trace ? 0 : message_errno(name);
}

/* Opened before the work begins: what cannot be written should not be computed. */
static int open_outputs(struct command *c)
{
	const struct options *o = &c->opt;
	int status = output_open(o->output, true, &c->sidecar);

	if (!status && o->emit_map)
		status = output_open(o->emit_map, false, &c->map_json);
	for (int i = 0; i < o->nscripts && !status; i++)
		status = output_open(o->scripts[i], false, &c->scripts[i]);
	if (!status)
		status = open_trace(c);
	if (!status && o->nscripts && !output_path(c->sidecar)) {
		message_error("--load-script needs a side-car that is in a file");
		status = WDX_E_USAGE;
	}
	return status;
}

/* ---- the work ---------------------------------------------------------------------------------
 */

static void on_warning(const char *text, void *arg)
{
	(void)arg;
	message_warning("%s", text);
}

/* Gives back the pages of one file that a process runs from; what is needed again comes back. */
static int release_object(struct dl_phdr_info *o, size_t size, void *arg)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)size, (void)arg;
	for (int i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];
		uintptr_t at = (o->dlpi_addr + p->p_vaddr) & -page;

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
			madvise((void *)at, o->dlpi_addr + p->p_vaddr + p->p_memsz - at,
				MADV_DONTNEED);
	}
	return 0;
}

/* Most of what a small module takes, 7 of 11 MB, is code and tables: what starts the program, what
 * reads the map, the disassemblers.  None needs what the one before did. */
static void release_program(void)
{
	dl_iterate_phdr(release_object, NULL);
}

static void on_progress(uint64_t done, uint64_t total, void *arg)
{
	if (!done)
		release_program();
	progress_update(done, total, arg);
}

static struct wdx_config make_config(const struct command *c)
{
	return (struct wdx_config){
		.module_name = c->module.name,
		.module = c->module.data,
		.module_size = c->module.size,
		.map_name = c->map.name,
		.map = c->map.data,
		.map_size = c->map.size,
		.dwarf_version = c->opt.dwarf_version,
		.compress = c->opt.compress,
		.debugger = c->opt.debugger,
		.emit_map = c->opt.emit_map != NULL,
		.strict = c->opt.strict,
		.recover = c->opt.recover,
		.trace = c->trace,
		.warn = on_warning,
		.progress = on_progress,
	};
}

static int check_map(const struct command *c)
{
	struct wdx_config config = make_config(c);

	if (c->opt.check_map == CHECK_NONE)
		return 0;
	return check_run(stdout, &config, c->opt.check_map == CHECK_JSON);
}

/* What the side-car tells gdb to load. */
static char *gdb_script(const struct options *o)
{
	static const char name[] = "/wasm_gdb.py";
	size_t n = o->python ? strlen(o->python) : 0;
	char *path = malloc(n + sizeof(name));

	if (path) {
		memcpy(path, o->python ? o->python : "", n);
		memcpy(path + n, name, sizeof(name));
	}
	return path;
}

static int transform(struct command *c)
{
	struct wdx_config config = make_config(c);
	char *script = gdb_script(&c->opt);
	struct wdx_error *err;

	message_note("%s: %zu bytes; %s: %zu bytes", c->module.name, c->module.size, c->map.name,
		     c->map.size);
	if (c->opt.verbosity != QUIET)
		progress_start();
	config.gdb_script = c->opt.python ? script : NULL;
	release_program();
	err = wdx_transform(&config, &c->result);
	progress_wipe();
	free(script);
	return err ? message_failure(err) : 0;
}

/* ---- after ------------------------------------------------------------------------------------
 */

static int write_script(struct command *c, int i)
{
	const struct wdx_result *r = &c->result;
	struct loadscript s = {.sidecar = output_path(c->sidecar),
			       .module = c->module.name,
			       .python = c->opt.python,
			       .text = c->opt.text,
			       .memory = c->opt.memory,
			       .has_memory = r->memory_size != 0};
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int status;

	if (!f)
		return message_errno(c->opt.scripts[i]);
	if (!s.text.known && r->code_base)
		s.text = (struct address){true, r->code_base};
	if (loadscript_is_lldb(c->opt.scripts[i]))
		loadscript_lldb(f, &s);
	else
		loadscript_gdb(f, &s);
	status = fclose(f) ? message_errno(c->opt.scripts[i])
			   : output_write(c->scripts[i], text, size);
	free(text);
	return status;
}

static int write_outputs(struct command *c)
{
	const struct wdx_result *r = &c->result;
	int status = output_write(c->sidecar, r->sidecar, r->sidecar_size);

	if (!status && c->map_json)
		status = output_write(c->map_json, r->map_json, r->map_json_size);
	for (int i = 0; i < c->opt.nscripts && !status; i++)
		status = write_script(c, i);
	if (!status)
		status = output_commit();
	if (!status)
		message_note("%s: %zu bytes for %s", c->opt.output, r->sidecar_size, r->triple);
	return status;
}

static void print_stats(const struct command *c)
{
	if (c->opt.stats == STATS_TABLE)
		stats_table(stdout, &c->result.stats);
	else if (c->opt.stats == STATS_JSON)
		stats_json(stdout, &c->result.stats);
}

/* Whether all that was printed there has arrived; errno says why not. */
static int finish_stream(FILE *f, const char *name, int status)
{
	bool bad = ferror(f);

	if (fflush(f) || bad) {
		int failed = message_errno(name);

		return status ? status : failed;
	}
	return status;
}

static int close_trace(struct command *c, int status)
{
	if (!c->trace || c->trace == stdout)
		return status;
	status = finish_stream(c->trace, c->opt.trace, status);
	fclose(c->trace);
	c->trace = NULL;
	return status;
}

/* One run uses nearly all of its memory to the end.  Blocks of their own, given back and fetched
 * again from the kernel page by page, cost a twentieth of the time. */
static void tune_malloc(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 28);
	mallopt(M_TRIM_THRESHOLD, 1 << 28);
	mallopt(M_TOP_PAD, 1 << 20);
}

/* What a large run will take comes in large pages: fetched one by one, those of 4 KiB cost a
 * fifteenth of the time.  A small one would only take more memory. */
static void use_large_pages(size_t inputs)
{
	size_t n = 2 * inputs, page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = inputs >= 1 << 23 && inputs < 1 << 27 ? malloc(n) : NULL;
	size_t before = -(uintptr_t)p & (page - 1);

	if (p)
		madvise(p + before, (n - before) & ~(page - 1), MADV_HUGEPAGE);
	free(p); /* it stays the heap's */
}

static int make_sidecar(struct command *c)
{
	int status = transform(c);

	status = close_trace(c, status);
	if (!status)
		status = write_outputs(c);
	if (!status)
		print_stats(c);
	return status;
}

/* What has been found in the map is told by the status last, when all else went well. */
static int run(struct command *c)
{
	int status = open_inputs(c), found = 0;

	if (!status && c->opt.output)
		status = open_outputs(c);
	if (!status) {
		use_large_pages(c->module.size + c->map.size);
		found = check_map(c);
	}
	if (found && found != CHECK_FOUND)
		status = found;
	if (!status && c->opt.output)
		status = make_sidecar(c);
	return status ? status : found;
}

int main(int argc, char **argv)
{
	static struct command c;
	enum parsed parsed;
	int status;

	fill_standard_files();
	tune_malloc();
	parsed = options_parse(&c.opt, argc, argv);
	if (parsed == PARSED_WRONG)
		return WDX_E_USAGE;
	if (parsed == PARSED_STOP)
		return finish_stream(stdout, "standard output", 0);
	message_init(c.opt.color, c.opt.verbosity);
	output_init();
	status = run(&c);
	output_discard();
	wdx_result_deinit(&c.result);
	input_close(&c.module);
	input_close(&c.map);
	return finish_stream(stdout, "standard output", status);
}
