/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "check.h"

#include <inttypes.h>

#include "json.h"
#include "message.h"

struct listing {
	FILE *f;
	const char *map; /* its name */
	uint64_t n;	 /* so far */
};

/* Symbols come from the map: whatever is in them, a finding is one line. */
static void print_plain(FILE *f, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		putc(*p < 0x20 || *p == 0x7f ? '?' : *p, f);
}

static void print_text(const struct wdx_finding *d, void *arg)
{
	const struct listing *l = arg;

	print_plain(l->f, l->map);
	fprintf(l->f, ": function %" PRIu32 " (", d->index);
	print_plain(l->f, d->function);
	fprintf(l->f, "): 0x%" PRIx32 "-0x%" PRIx32 ": ", d->lo, d->hi);
	if (d->context)
		fputs("the context pointer", l->f);
	else
		fprintf(l->f, "local %" PRIu32, d->local);
	fprintf(l->f, " = %s: at 0x%" PRIx32, d->place, d->at);
	if (d->wasm)
		fprintf(l->f, " (wasm 0x%" PRIx64 ")", d->wasm);
	fprintf(l->f, " it holds %s, not %s\n", d->holds, d->instead);
}

/* Not before there is something to tell: an error leaves nothing behind. */
static void begin_json(const struct listing *l)
{
	if (!l->n)
		fputs("{\n  \"version\": 1,\n  \"contradictions\": [", l->f);
}

static void print_json(const struct wdx_finding *d, void *arg)
{
	struct listing *l = arg;

	begin_json(l);
	fprintf(l->f, "%s\n    {\"function\": %" PRIu32 ", \"symbol\": ", l->n++ ? "," : "",
		d->index);
	json_string(l->f, d->function);
	if (!d->context)
		fprintf(l->f, ", \"local\": %" PRIu32, d->local);
	fprintf(l->f,
		", \"context\": %s, \"lo\": %" PRIu32 ", \"hi\": %" PRIu32 ", \"at\": %" PRIu32,
		d->context ? "true" : "false", d->lo, d->hi, d->at);
	if (d->wasm)
		fprintf(l->f, ", \"wasm\": %" PRIu64, d->wasm);
	fputs(",\n     \"place\": ", l->f);
	json_string(l->f, d->place);
	fputs(", \"holds\": ", l->f);
	json_string(l->f, d->holds);
	fputs(", \"instead_of\": ", l->f);
	json_string(l->f, d->instead);
	putc('}', l->f);
}

static void sum_up_text(const struct listing *l, const struct wdx_map_check *c)
{
	fprintf(l->f,
		"%" PRIu64 " claims: %" PRIu64 " proved, %" PRIu64 " contradicted, %" PRIu64
		" undecided; %" PRIu64 " of %" PRIu64 " functions followed\n",
		c->claims, c->proved, c->contradicted, c->claims - c->proved - c->contradicted,
		c->functions_checked, c->functions);
}

static void sum_up_json(const struct listing *l, const struct wdx_map_check *c)
{
	begin_json(l);
	fprintf(l->f,
		"\n  ],\n  \"functions\": %" PRIu64 ",\n  \"functions_checked\": %" PRIu64
		",\n  \"claims\": %" PRIu64 ",\n  \"claims_proved\": %" PRIu64
		",\n  \"claims_contradicted\": %" PRIu64 ",\n  \"claims_undecided\": %" PRIu64
		"\n}\n",
		c->functions, c->functions_checked, c->claims, c->proved, c->contradicted,
		c->claims - c->proved - c->contradicted);
}

int check_run(FILE *f, const struct wdx_config *config, bool json)
{
	struct listing l = {.f = f, .map = config->map_name};
	struct wdx_config with = *config;
	struct wdx_map_check check;
	struct wdx_error *err;

	with.finding = json ? print_json : print_text;
	with.finding_arg = &l;
	err = wdx_check_map(&with, &check);
	if (err)
		return message_failure(err);
	(json ? sum_up_json : sum_up_text)(&l, &check);
	return check.contradicted ? CHECK_FOUND : 0;
}
