/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Values as bytes, and two of them side by side. */
#ifndef DIFFERENTIAL_STEPPER_VALUE_H
#define DIFFERENTIAL_STEPPER_VALUE_H

#include "stepper/check.h"

#define MAX_COMPARED 4096 /* bytes of one variable */

struct view { /* of a value; ctx: the frame it was evaluated in, by side */
	const struct value *v;
	bool native;
	void *ctx;
};

struct likeness {
	const char *bad; /* NULL: what is shown is right */
	bool partial;	 /* not all of it is shown */
};

/* What the output shows beside the truth; at most MAX_COMPARED bytes of it. */
struct likeness value_compare(const struct view *in, const struct view *out, uint64_t size);

#endif
