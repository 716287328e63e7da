/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The map's claims judged by its machine code. */
#include "wdx.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "flow/check.h"
#include "flow/flow.h"
#include "native/native.h"

struct judging {
	const struct wdx_config *config;
	struct wdx_wasm wasm;
	struct wdx_map map;
	struct wdx_target *target;
};

static void describe_place(const struct judging *j, const struct wdx_place *p, char *out,
			   size_t size)
{
	const char *reg = p->kind == WDX_PLACE_REG ? wdx_target_reg_name(j->target, p->reg) : NULL;

	if (reg)
		snprintf(out, size, "%s", reg);
	else if (p->kind == WDX_PLACE_REG)
		snprintf(out, size, "register %u", p->reg);
	else if (p->kind == WDX_PLACE_CONST)
		snprintf(out, size, "constant %" PRId64, (int64_t)p->value);
	else if (p->kind == WDX_PLACE_MEM && p->base == WDX_BASE_CFA)
		snprintf(out, size, "cfa%+" PRId64, j->map.offsets.data[p->first]);
	else
		snprintf(out, size, "memory");
}

static void on_fault(const struct wdx_fault *f, void *arg)
{
	const struct judging *j = arg;
	char place[64];
	struct wdx_finding finding = {
		.function = f->func->symbol,
		.index = f->func->index,
		.context = f->entity->kind == WDX_ENT_CONTEXT,
		.local = f->entity->index,
		.lo = f->range->lo,
		.hi = f->range->hi,
		.place = place,
		.at = f->at,
		.wasm = f->wasm == UINT32_MAX ? 0 : (uint64_t)j->wasm.code.v + f->wasm,
		.holds = f->holds,
		.instead = f->instead};

	describe_place(j, &j->map.places.data[f->range->place], place, sizeof(place));
	if (j->config->finding)
		j->config->finding(&finding, j->config->finding_arg);
}

/* Why nothing is checked; NULL: it is. */
static const char *obstacle(const struct judging *j)
{
	if (j->map.instrumented)
		return "its code keeps all locals where it says: there is nothing to check";
	if (!j->map.code)
		return "it has no code bytes: nothing is checked";
	return NULL;
}

static void warn(const struct judging *j, const char *what)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s: %s", j->config->map_name, what);
	if (j->config->warn)
		j->config->warn(text, j->config->warn_arg);
}

static struct wdx_error *judge(struct judging *j, struct wdx_map_check *result)
{
	struct wdx_check check = {.fault = on_fault, .arg = j};
	struct wdx_flow_wish wish = {.compute = true, .check = &check};
	struct wdx_flow_stats stats = {0};
	struct wdx_codeindex code;
	struct wdx_error *err = wdx_code_init(&code, &j->wasm, &j->map, j->target);

	if (!err && obstacle(j))
		warn(j, obstacle(j));
	if (!err && !j->map.instrumented)
		err = wdx_flow_refine(&j->map, &j->wasm, j->target, &code, &wish, &stats);
	for (size_t i = 0; j->map.instrumented && i < j->map.funcs.len; i++)
		wdx_check_skip(&check, &j->map, &j->map.funcs.data[i]);
	if (!err && !obstacle(j) && check.claims && !stats.functions)
		warn(j, "code for this target is not followed: nothing is checked");
	*result = (struct wdx_map_check){.functions = stats.functions,
					 .functions_checked = stats.followed,
					 .claims = check.claims,
					 .proved = check.proved,
					 .contradicted = check.contradicted};
	wdx_check_deinit(&check);
	wdx_code_deinit(&code);
	return err;
}

struct wdx_error *wdx_check_map(const struct wdx_config *config, struct wdx_map_check *result)
{
	struct judging j = {.config = config};
	struct wdx_error *err = wdx_wasm_init(&j.wasm, config->module, config->module_size);

	memset(result, 0, sizeof(*result));
	if (err)
		return wdx_error_at(err, "%s", config->module_name);
	err = wdx_map_read(&j.map, &j.target, config->map_name, config->map, config->map_size,
			   &j.wasm);
	if (!err)
		err = judge(&j, result);
	if (err)
		memset(result, 0, sizeof(*result));
	wdx_target_destroy(j.target);
	wdx_map_deinit(&j.map);
	wdx_wasm_deinit(&j.wasm);
	return err;
}
