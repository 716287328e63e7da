/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The one-shot run: module and map in, side-car out. */
#include "wdx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "elf/elf.h"
#include "flow/flow.h"
#include "xlat/translate.h"

const char *wdx_version(void)
{
	return WDX_VERSION;
}

/* ---- state of a run ---------------------------------------------------------------------------
 */

struct run {
	const struct wdx_config *config;
	struct wdx_wasm wasm;
	struct wdx_map map;
	struct wdx_target *target;
	struct wdx_xlat xlat;
	struct wdx_flow_stats flow;
	struct wdx_input *input;
	struct wdx_trace *trace;
	struct wdx_pass_output dwarf;
	struct wdx_buf extract, scripts;
	struct wdx_result *result;
	bool relocatable; /* what kind of file the side-car becomes */
};

struct kept { /* what a result owns beside its buffers */
	struct wdx_loss_count losses[WDX_LOSS_COUNT];
};

/* What the translation alone needed: a third of all. */
static void translation_deinit(struct run *r)
{
	wdx_input_close(r->input);
	r->input = NULL;
	wdx_xlat_deinit(&r->xlat);
}

static void run_deinit(struct run *r)
{
	wdx_trace_destroy(r->trace);
	wdx_pass_output_deinit(&r->dwarf);
	wdx_buf_deinit(&r->extract);
	wdx_buf_deinit(&r->scripts);
	translation_deinit(r);
	wdx_target_destroy(r->target);
	wdx_map_deinit(&r->map);
	wdx_wasm_deinit(&r->wasm);
}

static void warn(const struct run *r, const char *file, const char *what)
{
	char text[1024];

	if (!r->config->warn)
		return;
	snprintf(text, sizeof(text), "%s: %s", file, what);
	r->config->warn(text, r->config->warn_arg);
}

/* ---- inputs -----------------------------------------------------------------------------------
 */

static struct wdx_error *read_inputs(struct run *r)
{
	const struct wdx_config *c = r->config;
	struct wdx_error *err = wdx_wasm_init(&r->wasm, c->module, c->module_size);

	if (err)
		return wdx_error_at(err, "%s", c->module_name);
	return wdx_map_read(&r->map, &r->target, c->map_name, c->map, c->map_size, &r->wasm);
}

static bool is_debug(const struct wdx_wasm_section *s)
{
	return s->name && !strncmp(s->name, ".debug_", 7);
}

static struct wdx_error *open_dwarf(struct run *r)
{
	struct wdx_debug_section *s = calloc(r->wasm.sections.len + 1, sizeof(*s));
	const struct wdx_wasm_section *w;
	struct wdx_error *err;
	size_t n = 0;

	if (!s)
		return &wdx_nomem;
	wdx_vec_each (w, &r->wasm.sections)
		if (is_debug(w))
			s[n++] = (struct wdx_debug_section){w->name, w->data, w->size};
	if (!n)
		warn(r, r->config->module_name,
		     "it has no DWARF; the side-car will know only the names of functions");
	err = wdx_input_open(&r->input, s, n, false);
	free(s);
	return wdx_error_at(err, "%s", r->config->module_name);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

/* Statics are placed in the part of memory 0 that exists from the start. */
static uint64_t memory_size(const struct run *r)
{
	const struct wdx_wasm_memory *m = r->wasm.memories.data;
	uint64_t limit = wdx_target_address_size(r->target) == 4 ? 1ULL << 30 : 1ULL << 40;

	if (!r->wasm.memories.len || m->min_pages > limit >> m->page_bits)
		return r->wasm.memories.len ? limit : 0;
	return m->min_pages << m->page_bits;
}

static void place_sections(struct run *r)
{
	struct wdx_result *out = r->result;

	bool wide = wdx_target_address_size(r->target) == 8;

	out->text_addr = WDX_TEXT_ADDR;
	out->text_size = r->map.code_size;
	out->memory_size = memory_size(r);
	out->memory_addr = !out->memory_size ? 0 : wide ? WDX_MEMORY_ADDR64 : WDX_MEMORY_ADDR32;
	out->code_base = r->map.code_base;
	r->xlat.text_addr = out->text_addr;
	r->xlat.env.memory_addr = out->memory_addr;
	r->xlat.env.memory_size = out->memory_size;
	r->xlat.env.address64 = r->wasm.memories.len && r->wasm.memories.data[0].is64;
	wdx_pointers_init(&r->xlat.pointers, r->config->debugger, &r->xlat.env);
}

/* ---- the pass ---------------------------------------------------------------------------------
 */

/* What the machine code shows, once it is known what the DWARF asks for. */
static struct wdx_error *refine(void *arg)
{
	struct run *r = arg;
	struct wdx_flow_wish wish = {.compute = r->config->recover == WDX_RECOVER_ALL};
	struct wdx_error *err = NULL;

	wdx_xlat_sort_operands(&r->xlat);
	memcpy(&wish.operands, &r->xlat.operands, sizeof(wish.operands));
	if (r->config->recover != WDX_RECOVER_NONE && !r->map.instrumented)
		err = wdx_flow_refine(&r->map, &r->wasm, r->target, &r->xlat.code, &wish, &r->flow);
	wdx_code_settle(&r->xlat.code);
	return err;
}

static struct wdx_error *translate(struct run *r)
{
	const struct wdx_config *c = r->config;
	struct wdx_pass_config pass = {.visitor = &wdx_xlat_visitor,
				       .arg = &r->xlat,
				       .version = c->dwarf_version ? c->dwarf_version : 5,
				       .address_size = wdx_target_address_size(r->target),
				       .big_endian = wdx_target_big_endian(r->target),
				       .between = refine,
				       .between_arg = r,
				       .progress = c->progress,
				       .progress_arg = c->progress_arg};
	struct wdx_error *err = wdx_xlat_init(&r->xlat, &r->wasm, &r->map, r->target);

	if (err)
		return wdx_error_at(err, "%s", c->module_name);
	place_sections(r);
	r->relocatable = wdx_pointers_relocate(&r->xlat.pointers);
	pass.addresses = r->relocatable;
	r->xlat.module_name = c->module_name;
	r->xlat.env.dwarf_version = pass.version;
	if (c->trace) {
		err = wdx_trace_create(&r->trace, pass.visitor, pass.arg, c->trace);
		if (err)
			return err;
		pass.visitor = wdx_trace_visitor(r->trace);
		pass.arg = r->trace;
	}
	err = wdx_pass_run(r->input, &pass, &r->dwarf);
	return wdx_error_at(err, "%s", c->module_name);
}

/* ---- the side-car -----------------------------------------------------------------------------
 */

/* As linkers do it: from what the side-car holds, which is a function of the inputs alone; so an
 * image and the map made of it agree. */
static void build_id(const struct run *r, uint8_t id[32])
{
	uint64_t digest[4 + 16] = {r->result->text_size, r->config->compress,
				   wdx_hash64(r->extract.data, r->extract.len),
				   wdx_hash64(r->scripts.data, r->scripts.len)};
	size_t n = 4;

	for (size_t i = 0; i < r->dwarf.n && n < 20; i++)
		digest[n++] = wdx_hash64(r->dwarf.sections[i].data, r->dwarf.sections[i].size);
	wdx_sha256(digest, n * sizeof(*digest), id);
}

/* Functions, and linear memory as one object: without a symbol of data before it gdb takes any
 * address for one of code, and says that it finds no function there. */
static const struct wdx_elf_symbol *symbols(const struct run *r, size_t *n)
{
	struct wdx_elf_symbol *s = calloc(r->map.parts.len + 1, sizeof(*s));
	const struct wdx_result *res = r->result;

	*n = 0;
	for (size_t i = 0; s && i < r->map.parts.len; i++) {
		const struct wdx_map_part *p = &r->map.parts.data[i];

		s[(*n)++] = (struct wdx_elf_symbol){r->map.funcs.data[p->func].symbol,
						    res->text_addr + p->lo, p->hi - p->lo};
	}
	if (s && res->memory_size)
		s[(*n)++] =
			(struct wdx_elf_symbol){"wasm_memory", res->memory_addr, res->memory_size};
	return s;
}

static struct wdx_elf_site *sites(const struct run *r)
{
	struct wdx_elf_site *s = calloc(r->dwarf.naddresses + 1, sizeof(*s));

	for (size_t i = 0; s && i < r->dwarf.naddresses; i++)
		s[i] = (struct wdx_elf_site){r->dwarf.addresses[i].section,
					     r->dwarf.addresses[i].offset};
	return s;
}

/* What is in the file beside the translation: facts of the map for debuggers' Python, and where
 * gdb has its own from (an entry of kind 1, SECTION_SCRIPT_ID_PYTHON_FILE, is a path). */
static struct wdx_error *make_extras(struct run *r)
{
	const struct wdx_config *c = r->config;

	r->extract.big = wdx_target_big_endian(r->target);
	wdx_map_extract(&r->map, &r->wasm, &r->extract);
	if (c->gdb_script && c->debugger == WDX_DEBUGGER_GDB) {
		wdx_buf_u8(&r->scripts, 1);
		wdx_buf_str(&r->scripts, c->gdb_script);
	}
	return r->extract.failed || r->scripts.failed ? &wdx_nomem : NULL;
}

static struct wdx_error *write_sidecar(struct run *r)
{
	static const enum wdx_compression compression[] = {WDX_COMPRESS_NONE, WDX_COMPRESS_ZLIB,
							   WDX_COMPRESS_ZSTD};
	const struct wdx_result *res = r->result;
	struct wdx_section *debug = calloc(r->dwarf.n + 1, sizeof(*debug));
	struct wdx_buf out = {0};
	struct wdx_error *err;
	uint8_t id[32];
	size_t nsymbols;
	const struct wdx_elf_symbol *sym = symbols(r, &nsymbols);
	struct wdx_elf_site *site = sites(r);

	if (!debug || !sym || !site) {
		free(debug);
		free(site);
		free((void *)sym);
		return &wdx_nomem;
	}
	for (size_t i = 0; i < r->dwarf.n; i++)
		debug[i] =
			(struct wdx_section){r->dwarf.sections[i].name, r->dwarf.sections[i].data,
					     r->dwarf.sections[i].size};
	debug[r->dwarf.n] =
		(struct wdx_section){".debug_gdb_scripts", r->scripts.data, r->scripts.len};
	build_id(r, id);
	struct wdx_sidecar s = {.machine = wdx_target_elf_machine(r->target),
				.flags = wdx_target_elf_flags(r->target),
				.is64 = wdx_target_address_size(r->target) == 8,
				.big = wdx_target_big_endian(r->target),
				.text_addr = res->text_addr,
				.text_size = res->text_size,
				.memory_addr = res->memory_addr,
				.memory_size = res->memory_size,
				.symbols = sym,
				.nsymbols = nsymbols,
				.func_bit = wdx_target_func_bit(r->target),
				.debug = debug,
				.ndebug = r->dwarf.n + 1,
				.build_id = id,
				.extra = {".wasm.map", r->extract.data, r->extract.len},
				.compress = compression[r->config->compress],
				.relocatable = r->relocatable,
				.sites = site,
				.nsites = r->dwarf.naddresses};
	err = wdx_elf_write(&s, &out);
	free(debug);
	free(site);
	free((void *)sym);
	if (err) {
		wdx_buf_deinit(&out);
		return err;
	}
	r->result->sidecar = out.data;
	r->result->sidecar_size = out.len;
	return NULL;
}

/* ---- what is told about it --------------------------------------------------------------------
 */

static const struct {
	const char *name, *text;
} losses[WDX_LOSS_COUNT] = {
	{"none", ""},
#define LOSS(id, name, text) {name, text},
#include "xlat/loss.def"
#undef LOSS
};

/* Nothing a user could miss: code the linker removed, and what has no native meaning. */
static bool is_benign(enum wdx_loss loss)
{
	return loss == WDX_LOSS_DEAD_CODE || loss == WDX_LOSS_DEAD_DATA ||
	       loss == WDX_LOSS_INPUT_FRAME || loss == WDX_LOSS_CALL_FLAGS;
}

static struct wdx_error *fill_stats(struct run *r)
{
	struct kept *k = calloc(1, sizeof(*k));
	struct wdx_stats *s = &r->result->stats;

	if (!k)
		return &wdx_nomem;
	r->result->priv = k;
	*s = r->xlat.stats;
	s->functions = r->map.funcs.len;
	s->functions_checked = r->flow.followed;
	s->claims = r->flow.claims;
	s->proved = r->flow.proved;
	s->claims_checked = r->flow.followed > 0;
	r->xlat.losses[WDX_LOSS_MAP_FAULT] += r->map.faults;
	for (int i = 1; i < WDX_LOSS_COUNT; i++)
		k->losses[i - 1] =
			(struct wdx_loss_count){losses[i].name, losses[i].text, r->xlat.losses[i],
						is_benign((enum wdx_loss)i)};
	s->losses = k->losses;
	s->nlosses = WDX_LOSS_COUNT - 1;
	return NULL;
}

static struct wdx_error *check_strict(const struct run *r)
{
	const struct wdx_stats *s = &r->result->stats;

	for (size_t i = 0; r->config->strict && i < s->nlosses; i++)
		if (s->losses[i].count && !s->losses[i].benign)
			return wdx_bad_input("%s: strict: %llu times %s (%s)",
					     r->config->module_name,
					     (unsigned long long)s->losses[i].count,
					     s->losses[i].name, s->losses[i].text);
	return NULL;
}

static struct wdx_error *emit_map(struct run *r)
{
	struct wdx_buf b = {0};

	if (!r->config->emit_map)
		return NULL;
	wdx_map_emit(&r->map, r->target, &r->wasm, &b);
	if (b.failed) {
		wdx_buf_deinit(&b);
		return &wdx_nomem;
	}
	r->result->map_json = (char *)b.data;
	r->result->map_json_size = b.len;
	return NULL;
}

static void warn_about_map(const struct run *r)
{
	if (r->map.has_locals)
		return;
	warn(r, r->config->map_name,
	     r->map.hint ? r->map.hint
			 : "it does not say where variables are; lines, functions and scopes only");
}

static void begin(const struct run *r)
{
	if (r->config->progress)
		r->config->progress(0, 0, r->config->progress_arg);
}

static struct wdx_error *run(struct run *r)
{
	struct wdx_error *err = read_inputs(r);

	if (!err)
		begin(r);
	if (!err)
		err = open_dwarf(r);
	if (err)
		return err;
	warn_about_map(r);
	err = emit_map(r); /* as it came: the translation puts its own findings in */
	if (!err)
		err = make_extras(r);
	if (!err)
		err = translate(r);
	if (!err)
		err = fill_stats(r);
	if (!err)
		err = check_strict(r);
	translation_deinit(r);
	if (!err)
		err = write_sidecar(r);
	if (!err) {
		r->result->triple = strdup(wdx_target_triple(r->target));
		if (!r->result->triple)
			err = &wdx_nomem;
	}
	return err;
}

struct wdx_error *wdx_transform(const struct wdx_config *config, struct wdx_result *result)
{
	struct run *r = calloc(1, sizeof(*r));
	struct wdx_error *err;

	memset(result, 0, sizeof(*result));
	if (!r)
		return &wdx_nomem;
	if (config->dwarf_version && config->dwarf_version != 4 && config->dwarf_version != 5) {
		free(r);
		return wdx_error_create(WDX_E_USAGE,
					"DWARF version %u cannot be written, only 4 and 5",
					config->dwarf_version);
	}
	r->config = config;
	r->result = result;
	err = run(r);
	run_deinit(r);
	free(r);
	if (err)
		wdx_result_deinit(result);
	return err;
}

void wdx_result_deinit(struct wdx_result *result)
{
	free(result->sidecar);
	free(result->map_json);
	free(result->triple);
	free(result->priv);
	memset(result, 0, sizeof(*result));
}
