/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What is printed: a line for each fault, and the summary.
 */
#include "stepper/check.h"

#include <stdarg.h>
#include <string.h>

/* Whether that fault is new. */
static bool fresh(struct checker *c, const char *class, uint64_t key)
{
	uint64_t h = key * 0x9e3779b97f4a7c15 ^ (uint64_t)class[0] << 32 ^ (uint64_t)class[1];

	for (size_t i = 0; i < c->ntold; i++)
		if (c->told[i] == h)
			return false;
	c->told = xgrow(c->told, c->ntold, &c->told_cap, sizeof(*c->told));
	c->told[c->ntold++] = h;
	return true;
}

static bool muted(struct checker *c, const char *class, uint64_t key)
{
	return !fresh(c, class, key) || c->errors++ >= c->o->max_errors;
}

static void start(struct checker *c, const char *class)
{
	if (c->o->seed_name)
		printf("%s: ", c->o->seed_name);
	printf("%s: stop %llu", class, (unsigned long long)c->c.stops);
}

void report_text(struct checker *c, const char *class, uint64_t key, const char *fmt, ...)
{
	va_list ap;

	if (muted(c, class, key))
		return;
	start(c, class);
	printf(" ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void report_order(struct checker *c, const char *class, uint32_t native, uint32_t wasm)
{
	if (!fresh(c, class, native) || c->disorders++ >= c->o->max_errors)
		return;
	start(c, class);
	printf(" native %#x wasm %#x: %s\n", native, wasm,
	       !strcmp(class, align_names[ALIGN_NOT_VISITED]) ? "a statement that is not executed"
							      : "a statement out of order");
}

static void print_site(const struct checker *c, const struct site *s)
{
	const struct plan *p = s->plan;

	printf(" native %#x wasm %#x func %u %s", s->nf->lookup, p->wasm, p->func,
	       p->in && p->in->name ? p->in->name : "?");
	if (p->in_row.file)
		printf(" %s:%d", p->in_row.file, p->in_row.line);
	if (s->frame)
		printf(" frame %u of stop at %#x", s->frame, proc_native(c->p));
}

void report_plan(struct checker *c, const struct site *s, const char *class)
{
	const struct plan *p = s->plan;

	if (muted(c, class, p->in_row.address << 20 ^ (uint64_t)p->out_row.line))
		return;
	start(c, class);
	print_site(c, s);
	if (p->line == LINE_DIFFERS || p->line == LINE_CONTINUED)
		printf(": side-car says %s:%d", p->out_row.file ? p->out_row.file : "nothing",
		       p->out_row.line);
	if (p->name_differs)
		printf(": named %s", p->out->name ? p->out->name : "?");
	if (p->scope)
		printf(": scope %#llx (tag %#x, line %u, %s) only in the %s",
		       (unsigned long long)p->scope->offset, (unsigned)p->scope->tag,
		       p->scope->line + p->scope->call_line,
		       p->scope->name ? p->scope->name : "no name",
		       p->scope_out ? "side-car" : "module");
	printf("\n");
}

static void print_bytes(const struct value *v, bool native, void *ctx, uint64_t size)
{
	uint8_t bytes[16];
	size_t n = size < sizeof(bytes) ? size : sizeof(bytes);

	if (v->outcome != EVAL_OK) {
		printf("nothing (%s)", v->why ? v->why : "?");
		return;
	}
	if (v->n == 1 && v->piece[0].kind == PIECE_MEMORY)
		printf("at %#llx ", (unsigned long long)v->piece[0].address);
	while (n && !value_bytes(v, native, ctx, 0, n, bytes))
		n--;
	for (size_t i = 0; i < n; i++)
		printf("%02x", bytes[i]);
	if (size > n)
		printf("...");
}

static void print_registers(const struct native_frame *f, const struct expr *e)
{
	uint8_t bytes[16];
	unsigned size;
	uint64_t v;

	for (size_t i = 0; e && i < e->n; i++) {
		unsigned code = e->op[i].code, reg;

		if (code >= 0x50 && code < 0x90)
			reg = (code - 0x50) % 32;
		else
			continue;
		if (!native_machine.reg((void *)f, reg, bytes, &size))
			continue;
		memcpy(&v, bytes, 8);
		printf(" reg%u=%#llx", reg, (unsigned long long)v);
	}
}

void report_value(struct checker *c, const struct site *s, const struct item *i, const char *class,
		  const char *why, const struct value *in, const struct value *out)
{
	const struct node *n = i->in ? i->in : i->out;

	if (muted(c, class, n->offset << 32 | s->nf->lookup))
		return;
	start(c, class);
	print_site(c, s);
	printf(": %s (%s", n->name ? n->name : "(no name)", why);
	if (n->size != UINT64_MAX)
		printf(", %llu bytes", (unsigned long long)n->size);
	printf(")\n    side-car ");
	print_bytes(out, true, (void *)s->nf, i->size);
	printf("  by ");
	expr_print(i->out_expr, stdout);
	print_registers(s->nf, i->out_expr);
	if (s->plan->out_frame) {
		printf("  frame base ");
		expr_print(s->plan->out_frame, stdout);
		print_registers(s->nf, s->plan->out_frame);
	}
	printf("\n    truth    ");
	print_bytes(in, false, (void *)s->wf, i->size);
	printf("  by ");
	expr_print(i->in_expr, stdout);
	if (s->plan->in_frame) {
		printf("  frame base ");
		expr_print(s->plan->in_frame, stdout);
	}
	printf("\n");
}

/* ---- the summary ----------------------------------------------------------------------------- */

static double share(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

struct line {
	const char *name;
	uint64_t n;
};

static size_t collect(const struct checker *c, const struct match_count *m, struct line *l)
{
	const struct counts *k = &c->c;
	const struct line all[] = {
		{"stops", k->stops},
		{"aligned", k->statements},
		{"pended", k->unaligned[ALIGN_PENDING]},
		{"equal", k->equal},
		{"of-globals", k->statics},
		{"unavailable", k->unavailable},
		{"missing", k->missing},
		{"wrong", k->wrong},
		{"wrong-extra", k->extra},
		{"map-fault", k->map_fault},
		{"unsure", k->unsure},
		{"unjudged", k->unjudged},
		{"partial", k->partial},
		{"either-width", k->either},
		{"poisoned", k->poisoned},
		{"frame-bases", k->bases},
		{"lines", k->lines},
		{"line-mismatch", k->line_mismatch},
		{"line-continued", k->continued},
		{"static-between", k->static_between},
		{"scope-sets", k->scopes},
		{"scope-mismatch", k->scope_mismatch},
		{"frames", k->frames},
		{"frame-mismatch", k->frame_mismatch},
		{"map-unwind-fault", k->map_unwind},
		{"internal", k->internal},
		{"steps", k->steps},
		{"between", k->between},
		{"amid", k->amid},
		{"displaced", k->displaced},
		{"displaced-shown", k->displaced_shown},
		{"rows-out-of-order", c->disorders},
		{"units", m->units},
		{"scopes", m->scopes},
		{"scopes-lost", m->lost_scopes},
		{"variables", m->variables},
		{"variables-lost", m->lost_variables},
		{"sizes-differ", m->size},
		{"only-in-output", m->spare},
	};

	memcpy(l, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}

static void print_json(const struct checker *c, const struct line *l, size_t n, double seconds,
		       double rate)
{
	printf("{");
	for (size_t i = 0; i < n; i++)
		printf("\"%s\": %llu, ", l[i].name, (unsigned long long)l[i].n);
	for (int i = ALIGN_BACKWARD; i < ALIGN_KINDS; i++)
		printf("\"unaligned-%s\": %llu, ", align_names[i],
		       (unsigned long long)c->c.unaligned[i]);
	printf("\"map-faults\": %zu, \"seconds\": %.3f, \"rate\": %.0f}\n", c->c.nfaults, seconds,
	       rate);
}

static void print_faults(const struct checker *c)
{
	const struct counts *k = &c->c;

	if (k->map_unwind)
		printf("  map fault: no true frame description at %#x\n", c->unwind_at);
	for (size_t i = 0; i < k->nfaults && i < 10; i++) {
		printf("  map fault: function %u ", k->faults[i].func);
		if (k->faults[i].local == CONTEXT)
			printf("context");
		else
			printf("local %u", k->faults[i].local);
		printf(" is not in %s at %#x (%llu times)\n", k->faults[i].place,
		       k->faults[i].native, (unsigned long long)k->faults[i].times);
	}
	if (k->nfaults > 10)
		printf("  ... %zu map faults in all\n", k->nfaults);
}

void report_summary(const struct checker *c, const struct match_count *m, double seconds)
{
	const struct counts *k = &c->c;
	struct line l[64];
	size_t n = collect(c, m, l);
	uint64_t judged = k->equal + k->wrong + k->map_fault;
	uint64_t all = judged + k->unavailable + k->missing;
	double rate = seconds > 0 ? (double)all / seconds : 0;

	if (c->o->json) {
		print_json(c, l, n, seconds, rate);
		return;
	}
	if (c->o->seed_name)
		printf("%s: ", c->o->seed_name);
	for (size_t i = 0; i < n; i++)
		if (l[i].n)
			printf("%s %llu  ", l[i].name, (unsigned long long)l[i].n);
	for (int i = ALIGN_BACKWARD; i < ALIGN_KINDS; i++)
		if (k->unaligned[i])
			printf("unaligned-%s %llu  ", align_names[i],
			       (unsigned long long)k->unaligned[i]);
	printf("available %.1f%% (without globals %.1f%%)  %.3f s of processor  %.0f values/s\n",
	       share(judged, all), share(judged - k->statics, all - k->statics), seconds, rate);
	print_faults(c);
}
