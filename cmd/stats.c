/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "stats.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"

/* Every number, with its name in JSON and in the table. */
static const struct {
	size_t at;
	const char *key, *text;
} numbers[] = {
	{offsetof(struct wdx_stats, units), "units", "units"},
	{offsetof(struct wdx_stats, dies_in), "dies_in", "entries read"},
	{offsetof(struct wdx_stats, dies_out), "dies_out", "entries written"},
	{offsetof(struct wdx_stats, functions), "functions", "functions in the map"},
	{offsetof(struct wdx_stats, functions_dwarf), "functions_dwarf", "  with DWARF"},
	{offsetof(struct wdx_stats, functions_checked), "functions_checked",
	 "  with code followed"},
	{offsetof(struct wdx_stats, claims), "claims", "claims of places in those"},
	{offsetof(struct wdx_stats, proved), "claims_proved", "  borne out by the code"},
	{offsetof(struct wdx_stats, rows_in), "rows_in", "line rows read"},
	{offsetof(struct wdx_stats, rows_out), "rows_out", "line rows written"},
	{offsetof(struct wdx_stats, variables), "variables", "variables in code"},
	{offsetof(struct wdx_stats, located), "located", "  with a location"},
	{offsetof(struct wdx_stats, scope_bytes), "scope_bytes", "bytes with a location due"},
	{offsetof(struct wdx_stats, covered_bytes), "covered_bytes", "  with one written"},
	{offsetof(struct wdx_stats, entry_bytes), "entry_bytes", "    by callers' call sites"},
};

#define NNUMBERS (sizeof(numbers) / sizeof(*numbers))

static uint64_t number(const struct wdx_stats *s, size_t i)
{
	uint64_t v;

	memcpy(&v, (const char *)s + numbers[i].at, sizeof(v));
	return v;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 100.0;
}

static void losses_table(FILE *f, const struct wdx_stats *s, bool benign, const char *title)
{
	for (size_t i = 0; i < s->nlosses; i++) {
		const struct wdx_loss_count *l = &s->losses[i];

		if (!l->count || l->benign != benign)
			continue;
		if (title)
			fprintf(f, "\n%s\n", title);
		title = NULL;
		fprintf(f, "%10" PRIu64 "  %-22s %s\n", l->count, l->name, l->text);
	}
}

void stats_table(FILE *f, const struct wdx_stats *s)
{
	for (size_t i = 0; i < NNUMBERS; i++)
		fprintf(f, "%-28s%12" PRIu64 "\n", numbers[i].text, number(s, i));
	fprintf(f, "%-28s%10.1f %%\n", "availability", percent(s->covered_bytes, s->scope_bytes));
	fprintf(f, "%-28s%12s\n", "map checked against code", s->claims_checked ? "yes" : "no");
	losses_table(f, s, false, "Lost, by reason:");
	losses_table(f, s, true, "Left out, and no loss (dead code, what has no native meaning):");
}

static void json_loss(FILE *f, const struct wdx_loss_count *l, bool first)
{
	fprintf(f, "%s\n    {\"name\": ", first ? "" : ",");
	json_string(f, l->name);
	fprintf(f, ", \"count\": %" PRIu64 ", \"benign\": %s, \"text\": ", l->count,
		l->benign ? "true" : "false");
	json_string(f, l->text);
	putc('}', f);
}

void stats_json(FILE *f, const struct wdx_stats *s)
{
	fputs("{\n  \"version\": 1,\n", f);
	for (size_t i = 0; i < NNUMBERS; i++)
		fprintf(f, "  \"%s\": %" PRIu64 ",\n", numbers[i].key, number(s, i));
	fprintf(f, "  \"claims_checked\": %s,\n", s->claims_checked ? "true" : "false");
	fputs("  \"losses\": [", f);
	for (size_t i = 0; i < s->nlosses; i++)
		json_loss(f, &s->losses[i], i == 0);
	fputs("\n  ]\n}\n", f);
}
