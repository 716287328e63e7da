/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* wdx_type_size() over types made up here. */
#include "synth.h"
#include "tap.h"

enum label {
	NONE,
	UNIT,
	INT,
	ALIAS,
	CONST,
	ENUM,
	POINTER,
	STRUCT,
	ARRAY,
	LOOP_A,
	LOOP_B,
	HUGE,
	ORIGIN
};

static const struct variable {
	const char *name;
	enum label type, origin;
	uint64_t size;
} variables[] = {
	{"base", INT, NONE, 4},		 {"typedef", ALIAS, NONE, 4},
	{"const of it", CONST, NONE, 4}, {"enumeration", ENUM, NONE, 4},
	{"pointer", POINTER, NONE, 4},	 {"structure", STRUCT, NONE, 300},
	{"array", ARRAY, NONE, 0},	 {"circle", LOOP_A, NONE, 0},
	{"impossible", HUGE, NONE, 0},	 {"no type", NONE, NONE, 0},
	{"instance", NONE, ORIGIN, 4},
};

#define N (sizeof(variables) / sizeof(*variables))

static void type(struct synth *s, enum label label, unsigned tag, enum label of)
{
	die(s, label, tag, false);
	if (of)
		ref(s, DW_AT_type, DW_FORM_ref4, of);
	end_attrs(s);
}

static void sized(struct synth *s, enum label label, unsigned tag, uint64_t size)
{
	die(s, label, tag, false);
	num(s, DW_AT_byte_size, DW_FORM_udata, size);
	end_attrs(s);
}

static void make(struct synth *s, unsigned version)
{
	synth_init(s, false);
	synth_unit(s, version, DW_UT_compile, 0, NONE);
	die(s, UNIT, DW_TAG_compile_unit, true);
	str(s, DW_AT_name, "types");
	end_attrs(s);
	for (size_t i = 0; i < N; i++) { /* before the types, which they refer to forwards */
		die(s, NONE, DW_TAG_variable, false);
		str(s, DW_AT_name, variables[i].name);
		if (variables[i].type)
			ref(s, DW_AT_type, DW_FORM_ref4, variables[i].type);
		if (variables[i].origin)
			ref(s, DW_AT_abstract_origin, DW_FORM_ref4, variables[i].origin);
		end_attrs(s);
	}
	sized(s, INT, DW_TAG_base_type, 4);
	type(s, ALIAS, DW_TAG_typedef, INT);
	type(s, CONST, DW_TAG_const_type, ALIAS);
	type(s, ENUM, DW_TAG_enumeration_type, INT);
	type(s, POINTER, DW_TAG_pointer_type, STRUCT);
	sized(s, STRUCT, DW_TAG_structure_type, 300);
	type(s, ARRAY, DW_TAG_array_type, INT);
	type(s, LOOP_A, DW_TAG_typedef, LOOP_B);
	type(s, LOOP_B, DW_TAG_typedef, LOOP_A);
	sized(s, HUGE, DW_TAG_structure_type, UINT64_MAX);
	type(s, ORIGIN, DW_TAG_variable, INT);
	end_children(s);
	synth_unit_end(s);
	synth_link(s);
}

static void check(const struct wdx_cursor *c, struct wdx_emit *e, void *arg)
{
	const struct wdx_attr *name = wdx_die_attr(c->die, DW_AT_name);
	unsigned *seen = arg;

	(void)e;
	for (size_t i = 0; name && c->die->tag == DW_TAG_variable && i < N; i++) {
		if (strcmp((const char *)name->data, variables[i].name))
			continue;
		++*seen;
		ok(wdx_type_size(c) == variables[i].size, "%s", variables[i].name);
	}
}

static void run(unsigned version)
{
	static const struct wdx_visitor visitor = {.attrs_end = check};
	struct wdx_debug_section sections[S_COUNT];
	struct wdx_pass_output out;
	struct wdx_input *in;
	unsigned seen = 0;
	struct synth s;

	make(&s, version);
	struct wdx_pass_config config = {.visitor = &visitor, .arg = &seen, .version = version};
	struct wdx_error *err = wdx_input_open(&in, sections, synth_sections(&s, sections), false);

	if (!err) {
		err = wdx_pass_run(in, &config, &out);
		if (!err)
			wdx_pass_output_deinit(&out);
		wdx_input_close(in);
	}
	ok(!err && seen == N, "version %u: all variables were asked", version);
	wdx_error_destroy(err);
	synth_deinit(&s);
}

int main(void)
{
	run(4);
	run(5);
	return done();
}
