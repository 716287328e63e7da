/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "map/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "map/check.h"
#include "native/native.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT(member) offsetof(struct parse, member)
#define MAP_AT(member) offsetof(struct wdx_map, member), .in_map = true

/* --- Scalars -----------------------------------------------------------------------------------
 */

static void *target_of(struct parse *p)
{
	return (p->key->in_map ? (char *)p->map : (char *)p) + p->key->to;
}

static bool unsigned_max(struct parse *p, const struct value *v, uint64_t max)
{
	if (v->num.neg)
		return wdx_parse_fail(p, "must not be negative");
	if (v->num.value > max)
		return wdx_parse_fail(p, "0x%" PRIx64 " is too large: at most 0x%" PRIx64,
				      v->num.value, max);
	return true;
}

static bool set_u32(struct parse *p, const struct value *v)
{
	*(uint32_t *)target_of(p) = (uint32_t)v->num.value;
	return unsigned_max(p, v, UINT32_MAX);
}

/* UINT32_MAX stands for null. */
static bool set_u32_or_null(struct parse *p, const struct value *v)
{
	*(uint32_t *)target_of(p) = v->type == T_NULL ? UINT32_MAX : (uint32_t)v->num.value;
	return v->type == T_NULL || unsigned_max(p, v, UINT32_MAX - 1);
}

static bool set_u64(struct parse *p, const struct value *v)
{
	*(uint64_t *)target_of(p) = v->num.value;
	return unsigned_max(p, v, UINT64_MAX);
}

/* The 64 bits, of either sign. */
static uint64_t bits(const struct value *v)
{
	return v->num.neg ? 0 - v->num.value : v->num.value;
}

static bool set_bits(struct parse *p, const struct value *v)
{
	*(uint64_t *)target_of(p) = bits(v);
	return true;
}

static bool set_i32(struct parse *p, const struct value *v)
{
	if (v->num.value > (uint64_t)INT32_MAX + v->num.neg)
		return wdx_parse_fail(p, "does not fit in 32 bits");
	*(int32_t *)target_of(p) = (int32_t)(int64_t)bits(v);
	return true;
}

static bool set_bool(struct parse *p, const struct value *v)
{
	*(bool *)target_of(p) = v->yes;
	return true;
}

static bool set_string(struct parse *p, const struct value *v)
{
	char *copy;

	if (memchr(v->s, 0, v->n))
		return wdx_parse_fail(p, "holds a NUL character");
	copy = wdx_arena_strndup(&p->map->arena, v->s, v->n);
	if (!copy)
		return wdx_parse_nomem(p);
	*(const char **)target_of(p) = copy;
	return true;
}

/* --- Registers ---------------------------------------------------------------------------------
 */

static bool reg_number(struct parse *p, const struct value *v, uint16_t *reg)
{
	if (v->num.neg || v->num.value > UINT16_MAX ||
	    !wdx_target_reg_name(p->target, (unsigned)v->num.value))
		return wdx_parse_fail(p, "unknown register %s%" PRIu64, v->num.neg ? "-" : "",
				      v->num.value);
	*reg = (uint16_t)v->num.value;
	return true;
}

static struct reg_name *cached(struct parse *p, const struct value *v)
{
	uint32_t h = 0;
	size_t i;

	for (i = 0; i < v->n; i++)
		h = h * 31 + (uint8_t)v->s[i];
	return &p->regs[(h ^ h >> 6) % COUNT(p->regs)];
}

static bool reg_name(struct parse *p, const struct value *v, uint16_t *reg)
{
	struct reg_name *c = cached(p, v);
	char quote[48], name[sizeof(c->name)];
	int found = -1;

	if (v->n && v->n < sizeof(name) && !memchr(v->s, 0, v->n)) {
		memcpy(name, v->s, v->n);
		name[v->n] = 0;
		if (!strcmp(c->name, name)) {
			*reg = c->reg;
			return true;
		}
		found = wdx_target_reg_by_name(p->target, name);
	}
	if (found < 0 || found > UINT16_MAX)
		return wdx_parse_fail(p, "unknown register \"%s\"",
				      wdx_text_quote(v->s, v->n, quote));
	memcpy(c->name, name, sizeof(name));
	*reg = c->reg = (uint16_t)found;
	return true;
}

static bool to_reg(struct parse *p, const struct value *v, uint16_t *reg)
{
	return v->type == T_INT ? reg_number(p, v, reg) : reg_name(p, v, reg);
}

static bool set_reg(struct parse *p, const struct value *v)
{
	return to_reg(p, v, target_of(p));
}

/* --- Expressions -------------------------------------------------------------------------------
 */

static bool set_expr(struct parse *p, const struct value *v)
{
	p->bytes.len = 0;
	if (!wdx_vec_reserve(&p->bytes, v->n / 2 + 1))
		return wdx_parse_nomem(p);
	if (!wdx_text_unhex(v->s, v->n, p->bytes.data))
		return wdx_parse_fail(p, "must be bytes in hexadecimal, two digits each");
	p->bytes.len = v->n / 2;
	return true;
}

/* Appends the last expression to the map's bytes. */
static bool keep_expr(struct parse *p, uint32_t *first, uint32_t *n)
{
	struct wdx_map *m = p->map;

	if (!wdx_vec_reserve(&m->blob, p->bytes.len))
		return wdx_parse_nomem(p);
	memcpy(m->blob.data + m->blob.len, p->bytes.data, p->bytes.len);
	*first = (uint32_t)m->blob.len;
	*n = (uint32_t)p->bytes.len;
	m->blob.len += p->bytes.len;
	return true;
}

static uint32_t seen(const struct parse *p)
{
	return p->stack[p->depth - 1].seen;
}

static bool is_single(uint32_t mask)
{
	return mask && !(mask & (mask - 1));
}

/* --- Places ------------------------------------------------------------------------------------
 */

enum {
	PLACE_REG,
	PLACE_CFA,
	PLACE_CONTEXT,
	PLACE_ABSOLUTE,
	PLACE_BASE,
	PLACE_CONST,
	PLACE_EXPR,
	PLACE_OFFSET,
};

static bool open_offsets(struct parse *p)
{
	p->offsets.len = 0;
	return true;
}

static bool add_offset(struct parse *p, const struct value *v)
{
	int64_t *to = wdx_vec_push(&p->offsets);

	if (!to)
		return wdx_parse_nomem(p);
	*to = (int64_t)bits(v);
	return true;
}

static bool set_offset(struct parse *p, const struct value *v)
{
	return open_offsets(p) && add_offset(p, v);
}

static bool close_offsets(struct parse *p)
{
	return p->offsets.len || wdx_parse_fail_whole(p, "a chain of offsets must not be empty");
}

static const struct key offset_keys[] = {{"", T_INT, .set = add_offset}};
static const struct shape offsets_shape = {LIST, 1, offset_keys, open_offsets, close_offsets, NULL};

static uint32_t intern_place(struct parse *p, unsigned kind)
{
	static const enum wdx_base_kind bases[] = {
		[PLACE_CFA] = WDX_BASE_CFA,
		[PLACE_CONTEXT] = WDX_BASE_CONTEXT,
		[PLACE_ABSOLUTE] = WDX_BASE_ABS,
		[PLACE_BASE] = WDX_BASE_REG,
	};

	if (kind == PLACE_REG)
		return wdx_map_place_reg(p->map, p->place.reg);
	if (kind == PLACE_CONST)
		return wdx_map_place_const(p->map, p->place.value);
	if (kind == PLACE_EXPR)
		return wdx_map_place_expr(p->map, p->bytes.data, p->bytes.len);
	return wdx_map_place_mem(p->map, bases[kind], p->place.reg, p->offsets.data,
				 p->offsets.len);
}

static bool close_place(struct parse *p)
{
	uint32_t kinds = seen(p) & ~(1u << PLACE_OFFSET);

	if (!is_single(kinds))
		return wdx_parse_fail_whole(p, "a place needs exactly one of \"reg\", \"cfa\", "
					       "\"context\", \"absolute\", \"base\", \"const\" and "
					       "\"expr\"");
	if (!(kinds & 1u << PLACE_BASE) != !(seen(p) & 1u << PLACE_OFFSET))
		return wdx_parse_fail_whole(p, "\"base\" and \"offset\" belong together");
	p->place_index = intern_place(p, (unsigned)__builtin_ctz(kinds));
	return p->place_index != UINT32_MAX || wdx_parse_nomem(p);
}

#define OFFSETS(name) {name, T_INT | T_ARR, .set = set_offset, .array = &offsets_shape}

static const struct key place_keys[] = {
	[PLACE_REG] = {"reg", T_REG, .set = set_reg, .to = AT(place.reg)},
	[PLACE_CFA] = OFFSETS("cfa"),
	[PLACE_CONTEXT] = OFFSETS("context"),
	[PLACE_ABSOLUTE] = OFFSETS("absolute"),
	[PLACE_BASE] = {"base", T_REG, .set = set_reg, .to = AT(place.reg)},
	[PLACE_CONST] = {"const", T_INT, .set = set_bits, .to = AT(place.value)},
	[PLACE_EXPR] = {"expr", T_STR, .set = set_expr},
	[PLACE_OFFSET] = OFFSETS("offset"),
};
static const struct shape place_shape = {OBJECT, COUNT(place_keys), place_keys,
					 NULL,	 close_place,	    NULL};

/* --- Entities ----------------------------------------------------------------------------------
 */

static bool close_one_range(struct parse *p)
{
	struct wdx_map_range *r = wdx_vec_push(&p->map->ranges);

	if (!r)
		return wdx_parse_nomem(p);
	p->range.place = p->place_index;
	*r = p->range;
	return true;
}

static const struct key range_keys[] = {
	{"lo", T_INT, .set = set_u32, .to = AT(range.lo)},
	{"hi", T_INT, .set = set_u32, .to = AT(range.hi)},
	{"place", T_OBJ, .object = &place_shape},
};
static const struct shape range_shape = {TUPLE, COUNT(range_keys), range_keys,
					 NULL,	close_one_range,   NULL};

static const struct key ranges_keys[] = {{"", T_ARR, .array = &range_shape}};
static const struct shape ranges_shape = {LIST, 1, ranges_keys, NULL, NULL, NULL};

static bool open_entities(struct parse *p)
{
	p->entity.kind = p->key->to;
	p->local_seen |= p->entity.kind == WDX_ENT_LOCAL;
	return true;
}

static bool open_entity(struct parse *p)
{
	p->entity.index = 0;
	p->entity.first = (uint32_t)p->map->ranges.len;
	return true;
}

static bool close_entity(struct parse *p)
{
	struct wdx_map_entity *e = wdx_vec_push(&p->map->entities);

	if (!e)
		return wdx_parse_nomem(p);
	p->entity.n = (uint32_t)p->map->ranges.len - p->entity.first;
	*e = p->entity;
	return true;
}

static const struct key entity_keys[] = {
	{"index", T_INT, true, .set = set_u32, .to = AT(entity.index)},
	{"ranges", T_ARR, true, .array = &ranges_shape},
};
static const struct shape entity_shape = {OBJECT,      COUNT(entity_keys), entity_keys,
					  open_entity, close_entity,	   NULL};

static const struct key entities_keys[] = {{"", T_OBJ, .object = &entity_shape}};
static const struct shape entities_shape = {LIST, 1, entities_keys, open_entities, NULL, NULL};

/* The context pointer is one entity, so its list is of ranges. */
static bool open_context(struct parse *p)
{
	return open_entities(p) && open_entity(p);
}

static const struct shape context_shape = {LIST, 1, ranges_keys, open_context, close_entity, NULL};

/* --- Unwinding ---------------------------------------------------------------------------------
 */

static bool name_rule(struct parse *p, const struct value *v)
{
	struct value number = *v;

	p->rule = (struct wdx_rule){.kind = WDX_RULE_UNDEFINED};
	if (v->n && v->s[0] >= '0' && v->s[0] <= '9' && !wdx_text_number(v->s, v->n, &number.num))
		number.type = T_INT;
	return to_reg(p, &number, &p->rule.reg);
}

static bool push_rule(struct parse *p, unsigned kind)
{
	struct wdx_rule *r = wdx_vec_push(&p->map->rules);

	if (!r)
		return wdx_parse_nomem(p);
	p->rule.kind = (uint16_t)kind;
	*r = p->rule;
	return true;
}

static bool set_rule_value(struct parse *p, const struct value *v)
{
	if (v->num.value > (uint64_t)INT32_MAX + v->num.neg)
		return wdx_parse_fail(p, "does not fit in 32 bits");
	p->rule.value = (int32_t)(int64_t)bits(v);
	return true;
}

static bool set_rule(struct parse *p, const struct value *v)
{
	if (v->type == T_INT)
		return set_rule_value(p, v) && push_rule(p, WDX_RULE_OFFSET);
	if (v->n == 9 && !memcmp(v->s, "undefined", 9))
		return push_rule(p, WDX_RULE_UNDEFINED);
	if (v->n == 4 && !memcmp(v->s, "same", 4))
		return push_rule(p, WDX_RULE_SAME);
	return wdx_parse_fail(p, "a rule is an integer, \"undefined\", \"same\" or an object");
}

static bool set_rule_reg(struct parse *p, const struct value *v)
{
	uint16_t reg;

	if (!to_reg(p, v, &reg))
		return false;
	p->rule.value = reg;
	return true;
}

static bool close_rule(struct parse *p)
{
	static const uint8_t kinds[] = {WDX_RULE_REG, WDX_RULE_VAL_OFFSET, WDX_RULE_EXPR,
					WDX_RULE_VAL_EXPR};
	unsigned kind;

	if (!is_single(seen(p)))
		return wdx_parse_fail_whole(p, "a rule needs exactly one of \"reg\", \"value\", "
					       "\"expr\" and \"value_expr\"");
	kind = kinds[__builtin_ctz(seen(p))];
	if (kind >= WDX_RULE_EXPR && !keep_expr(p, &p->rule.first, &p->rule.n))
		return false;
	return push_rule(p, kind);
}

static const struct key rule_keys[] = {
	{"reg", T_REG, .set = set_rule_reg},
	{"value", T_INT, .set = set_rule_value},
	{"expr", T_STR, .set = set_expr},
	{"value_expr", T_STR, .set = set_expr},
};
static const struct shape rule_shape = {OBJECT, COUNT(rule_keys), rule_keys,
					NULL,	close_rule,	  NULL};

static int by_reg(const void *a, const void *b)
{
	const struct wdx_rule *x = a, *y = b;

	return x->reg < y->reg ? -1 : x->reg > y->reg;
}

static bool close_rules(struct parse *p)
{
	p->row.n = (uint32_t)p->map->rules.len - p->row.first;
	if (p->row.n)
		qsort(p->map->rules.data + p->row.first, p->row.n, sizeof(struct wdx_rule), by_reg);
	return true;
}

static const struct key rules_keys[] = {
	{"", T_INT | T_STR | T_OBJ, .set = set_rule, .object = &rule_shape},
};
static const struct shape rules_shape = {NAMES, 1, rules_keys, NULL, close_rules, name_rule};

enum { CFA_REG, CFA_OFFSET, CFA_EXPR };

static bool close_cfa(struct parse *p)
{
	if (seen(p) == 1u << CFA_EXPR)
		return keep_expr(p, &p->row.cfa_first, &p->row.cfa_n);
	if (seen(p) == (1u << CFA_REG | 1u << CFA_OFFSET))
		return true;
	return wdx_parse_fail_whole(p, "a CFA needs either \"reg\" and \"offset\" or \"expr\"");
}

static const struct key cfa_keys[] = {
	[CFA_REG] = {"reg", T_REG, .set = set_reg, .to = AT(row.cfa_reg)},
	[CFA_OFFSET] = {"offset", T_INT, .set = set_i32, .to = AT(row.cfa_off)},
	[CFA_EXPR] = {"expr", T_STR, .set = set_expr},
};
static const struct shape cfa_shape = {OBJECT, COUNT(cfa_keys), cfa_keys, NULL, close_cfa, NULL};

static bool open_row(struct parse *p)
{
	p->row = (struct wdx_map_row){.first = (uint32_t)p->map->rules.len};
	return true;
}

static bool close_row(struct parse *p)
{
	struct wdx_map_row *r = wdx_vec_push(&p->map->rows);

	if (!r)
		return wdx_parse_nomem(p);
	*r = p->row;
	return true;
}

static const struct key row_keys[] = {
	{"at", T_INT, true, .set = set_u32, .to = AT(row.native)},
	{"cfa", T_OBJ, true, .object = &cfa_shape},
	{"rules", T_OBJ, .object = &rules_shape},
};
static const struct shape row_shape = {OBJECT,	 COUNT(row_keys), row_keys,
				       open_row, close_row,	  NULL};

static const struct key rows_keys[] = {{"", T_OBJ, .object = &row_shape}};
static const struct shape rows_shape = {LIST, 1, rows_keys, NULL, NULL, NULL};

/* --- Parts -------------------------------------------------------------------------------------
 */

static bool close_pair(struct parse *p)
{
	struct wdx_map_pair *pair = wdx_vec_push(&p->map->pairs);

	if (!pair)
		return wdx_parse_nomem(p);
	*pair = p->pair;
	return true;
}

static const struct key pair_keys[] = {
	{"native", T_INT, .set = set_u32, .to = AT(pair.native)},
	{"wasm", T_INT | T_NULL, .set = set_u32_or_null, .to = AT(pair.wasm)},
};
static const struct shape pair_shape = {TUPLE, COUNT(pair_keys), pair_keys, NULL, close_pair, NULL};

static const struct key pairs_keys[] = {{"", T_ARR, .array = &pair_shape}};
static const struct shape pairs_shape = {LIST, 1, pairs_keys, NULL, NULL, NULL};

static bool open_part(struct parse *p)
{
	p->part = (struct wdx_map_part){.func = (uint32_t)p->map->funcs.len,
					.first = (uint32_t)p->map->pairs.len,
					.first_row = (uint32_t)p->map->rows.len};
	return true;
}

static bool close_part(struct parse *p)
{
	struct wdx_map_part *part = wdx_vec_push(&p->map->parts);

	if (!part)
		return wdx_parse_nomem(p);
	p->part.n = (uint32_t)p->map->pairs.len - p->part.first;
	p->part.nrows = (uint32_t)p->map->rows.len - p->part.first_row;
	*part = p->part;
	return true;
}

static const struct key part_keys[] = {
	{"lo", T_INT, true, .set = set_u32, .to = AT(part.lo)},
	{"hi", T_INT, true, .set = set_u32, .to = AT(part.hi)},
	{"pairs", T_ARR, .array = &pairs_shape},
	{"unwind", T_ARR, .array = &rows_shape},
};
static const struct shape part_shape = {OBJECT,	   COUNT(part_keys), part_keys,
					open_part, close_part,	     NULL};

static const struct key parts_keys[] = {{"", T_OBJ, .object = &part_shape}};
static const struct shape parts_shape = {LIST, 1, parts_keys, NULL, NULL, NULL};

/* --- Functions ---------------------------------------------------------------------------------
 */

static bool add_call(struct parse *p, const struct value *v)
{
	uint32_t *at = wdx_vec_push(&p->map->calls);

	if (!at)
		return wdx_parse_nomem(p);
	*at = (uint32_t)v->num.value;
	return unsigned_max(p, v, UINT32_MAX);
}

static const struct key calls_keys[] = {{"", T_INT, .set = add_call}};
static const struct shape calls_shape = {LIST, 1, calls_keys, NULL, NULL, NULL};

static bool open_func(struct parse *p)
{
	p->func = (struct wdx_map_func){.first_part = (uint32_t)p->map->parts.len,
					.first_entity = (uint32_t)p->map->entities.len,
					.first_call = (uint32_t)p->map->calls.len};
	return true;
}

static bool close_func(struct parse *p)
{
	struct wdx_map_func *f = wdx_vec_push(&p->map->funcs);

	if (!f)
		return wdx_parse_nomem(p);
	p->func.nparts = (uint32_t)p->map->parts.len - p->func.first_part;
	p->func.nentities = (uint32_t)p->map->entities.len - p->func.first_entity;
	p->func.ncalls = (uint32_t)p->map->calls.len - p->func.first_call;
	*f = p->func;
	wdx_map_sort_entities(p->map, f);
	return true;
}

static const struct key func_keys[] = {
	{"index", T_INT | T_NULL, true, .set = set_u32_or_null, .to = AT(func.index)},
	{"symbol", T_STR, true, .set = set_string, .to = AT(func.symbol)},
	{"parts", T_ARR, true, .array = &parts_shape},
	{"calls", T_ARR, .array = &calls_shape},
	{"locals", T_ARR, .to = WDX_ENT_LOCAL, .array = &entities_shape},
	{"stack", T_ARR, .to = WDX_ENT_STACK, .array = &entities_shape},
	{"globals", T_ARR, .to = WDX_ENT_GLOBAL, .array = &entities_shape},
	{"context", T_ARR, .to = WDX_ENT_CONTEXT, .array = &context_shape},
	{"memories", T_ARR, .to = WDX_ENT_MEMORY, .array = &entities_shape},
	{"doubtful", T_ARR, .to = WDX_ENT_DOUBTFUL, .array = &entities_shape},
};
static const struct shape func_shape = {OBJECT,	   COUNT(func_keys), func_keys,
					open_func, close_func,	     NULL};

static const struct key funcs_keys[] = {{"", T_OBJ, .object = &func_shape}};
static const struct shape funcs_shape = {LIST, 1, funcs_keys, NULL, NULL, NULL};

/* --- What the module has -----------------------------------------------------------------------
 */

static bool open_memory(struct parse *p)
{
	p->memory = (struct wdx_map_memory){0};
	p->is64_given = false;
	return true;
}

static bool set_is64(struct parse *p, const struct value *v)
{
	p->is64_given = true;
	return set_bool(p, v);
}

static bool close_memory(struct parse *p)
{
	struct wdx_map_memory *m = wdx_vec_push(&p->map->memories);

	if (!m)
		return wdx_parse_nomem(p);
	p->memory.place = p->place_index;
	if (!p->is64_given && p->memory.index < p->wasm->memories.len)
		p->memory.is64 = p->wasm->memories.data[p->memory.index].is64;
	*m = p->memory;
	return true;
}

static const struct key memory_keys[] = {
	{"index", T_INT, true, .set = set_u32, .to = AT(memory.index)},
	{"place", T_OBJ, true, .object = &place_shape},
	{"is64", T_BOOL, .set = set_is64, .to = AT(memory.is64)},
};
static const struct shape memory_shape = {OBJECT,      COUNT(memory_keys), memory_keys,
					  open_memory, close_memory,	   NULL};

static const struct key memories_keys[] = {{"", T_OBJ, .object = &memory_shape}};
static const struct shape memories_shape = {LIST, 1, memories_keys, NULL, NULL, NULL};

static bool close_global(struct parse *p)
{
	struct wdx_map_global *g = wdx_vec_push(&p->map->globals);

	if (!g)
		return wdx_parse_nomem(p);
	p->global.place = p->place_index;
	*g = p->global;
	return true;
}

static const struct key global_keys[] = {
	{"index", T_INT, true, .set = set_u32, .to = AT(global.index)},
	{"place", T_OBJ, true, .object = &place_shape},
};
static const struct shape global_shape = {OBJECT, COUNT(global_keys), global_keys,
					  NULL,	  close_global,	      NULL};

static const struct key globals_keys[] = {{"", T_OBJ, .object = &global_shape}};
static const struct shape globals_shape = {LIST, 1, globals_keys, NULL, NULL, NULL};

static bool add_preserved(struct parse *p, const struct value *v)
{
	uint16_t *reg = wdx_vec_push(&p->map->preserved);

	if (!reg)
		return wdx_parse_nomem(p);
	return to_reg(p, v, reg);
}

static int by_number(const void *a, const void *b)
{
	const uint16_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool close_preserved(struct parse *p)
{
	if (p->map->preserved.len)
		qsort(p->map->preserved.data, p->map->preserved.len, sizeof(uint16_t), by_number);
	return true;
}

static const struct key preserved_keys[] = {{"", T_REG, .set = add_preserved}};
static const struct shape preserved_shape = {LIST, 1, preserved_keys, NULL, close_preserved, NULL};

/* --- Identity and code -------------------------------------------------------------------------
 */

static bool set_sha256(struct parse *p, const struct value *v)
{
	if (v->n != 64 || !wdx_text_unhex(v->s, v->n, p->map->module.sha256))
		return wdx_parse_fail(p, "must be 64 hexadecimal digits");
	p->map->module.known = true;
	return true;
}

static const struct key module_keys[] = {
	{"size", T_INT, true, .set = set_u64, .to = MAP_AT(module.size)},
	{"sha256", T_STR, true, .set = set_sha256},
};
static const struct shape module_shape = {OBJECT, COUNT(module_keys), module_keys, NULL, NULL,
					  NULL};

static bool set_code_bytes(struct parse *p, const struct value *v)
{
	uint8_t *bytes = wdx_arena_alloc(&p->map->arena, v->n / 4 * 3 + 1);

	if (!bytes)
		return wdx_parse_nomem(p);
	p->code.n = wdx_text_unbase64(v->s, v->n, bytes);
	p->code.bytes = bytes;
	return p->code.n != SIZE_MAX || wdx_parse_fail(p, "bad base64");
}

/* The map may come from elsewhere: it must not make the tool read just any file. */
static bool is_inside(const char *name)
{
	const char *s = name, *end;

	if (!*s || *s == '/')
		return false;
	for (; *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, '/');
		if (end - s == 2 && !memcmp(s, "..", 2))
			return false;
	}
	return true;
}

static bool set_code_file(struct parse *p, const struct value *v)
{
	return set_string(p, v) &&
	       (is_inside(p->code.file) ||
		wdx_parse_fail(p, "must name a file in the folder of the map or below"));
}

static bool read_all(int fd, uint8_t *to, size_t n)
{
	ssize_t got;

	while (n) {
		got = read(fd, to, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got ? errno : EIO; /* it has shrunk */
			return false;
		}
		to += got;
		n -= (size_t)got;
	}
	return true;
}

static bool system_error(struct parse *p, const char *what)
{
	char text[128], quote[48];

	return wdx_parse_fail_whole(p, "%s: cannot %s: %s",
				    wdx_text_quote(p->code.file, strlen(p->code.file), quote), what,
				    strerror_r(errno, text, sizeof(text)));
}

static bool read_code_fd(struct parse *p, int fd)
{
	uint8_t *bytes;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return system_error(p, "look at it");
	if (!S_ISREG(st.st_mode))
		return wdx_parse_fail_whole(p, "\"file\" is not a regular file");
	p->code.n = (uint64_t)st.st_size;
	if (p->code.n != p->map->code_size)
		return true;
	bytes = wdx_arena_alloc(&p->map->arena, p->code.n + 1);
	if (!bytes)
		return wdx_parse_nomem(p);
	p->code.bytes = bytes;
	return read_all(fd, bytes, p->code.n) || system_error(p, "read");
}

static bool read_code_file(struct parse *p)
{
	const char *slash = strrchr(p->text->path, '/');
	int folder = slash ? (int)(slash + 1 - p->text->path) : 0, fd;
	char *path = NULL;
	bool result;

	if (asprintf(&path, "%.*s%s", folder, p->text->path, p->code.file) < 0)
		return wdx_parse_nomem(p);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	free(path);
	if (fd < 0)
		return system_error(p, "open");
	result = read_code_fd(p, fd);
	close(fd);
	return result;
}

static bool close_code(struct parse *p)
{
	if (p->code.file && p->code.bytes)
		return wdx_parse_fail_whole(p, "\"bytes\" and \"file\" exclude each other");
	if (p->code.file && !read_code_file(p))
		return false;
	if ((p->code.file || p->code.bytes) && p->code.n != p->map->code_size)
		return wdx_parse_fail_whole(p, "\"size\" is %" PRIu64 ", but there are %zu bytes",
					    p->map->code_size, p->code.n);
	p->map->code = p->code.bytes;
	return true;
}

static const struct key code_keys[] = {
	{"size", T_INT, true, .set = set_u64, .to = MAP_AT(code_size)},
	{"base", T_INT, .set = set_u64, .to = MAP_AT(code_base)},
	{"bytes", T_STR, .set = set_code_bytes},
	{"file", T_STR, .set = set_code_file, .to = AT(code.file)},
};
static const struct shape code_shape = {OBJECT, COUNT(code_keys), code_keys,
					NULL,	close_code,	  NULL};

/* --- The whole ---------------------------------------------------------------------------------
 */

static bool set_offsets(struct parse *p, const struct value *v)
{
	if (v->n == 4 && !memcmp(v->s, "file", 4)) {
		p->offsets_in_file = true;
		return true;
	}
	if (v->n == 12 && !memcmp(v->s, "code-section", 12))
		return true;
	if (v->n == 9 && !memcmp(v->s, "component", 9))
		return wdx_parse_fail(p, "offsets in a component are not supported yet");
	return wdx_parse_fail(p, "must be \"file\" or \"code-section\"");
}

static bool set_has_locals(struct parse *p, const struct value *v)
{
	p->has_locals_given = true;
	p->map->has_locals = v->yes;
	return true;
}

static bool set_instrumented(struct parse *p, const struct value *v)
{
	p->map->instrumented = v->yes;
	return true;
}

/* The first three are read beforehand. */
static const struct key map_keys[] = {
	{"format", T_STR, true, .set = NULL},
	{"version", T_INT, true, .set = NULL},
	{"triple", T_STR, true, .set = NULL},
	{"producer", T_STR, .set = set_string, .to = MAP_AT(producer)},
	{"hint", T_STR, .set = set_string, .to = MAP_AT(hint)},
	{"has_locals", T_BOOL, .set = set_has_locals},
	{"instrumented", T_BOOL, .set = set_instrumented},
	{"faults", T_INT, .set = set_u64, .to = MAP_AT(faults)},
	{"module", T_OBJ, true, .object = &module_shape},
	{"offsets", T_STR, true, .set = set_offsets},
	{"code", T_OBJ, true, .object = &code_shape},
	{"preserved", T_ARR, .array = &preserved_shape},
	{"memories", T_ARR, .array = &memories_shape},
	{"globals", T_ARR, .array = &globals_shape},
	{"functions", T_ARR, true, .array = &funcs_shape},
};
const struct shape wdx_map_shape = {OBJECT, COUNT(map_keys), map_keys, NULL, NULL, NULL};
