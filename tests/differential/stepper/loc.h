/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reading DW_AT_location and its like, and DW_AT_const_value. */
#ifndef DIFFERENTIAL_STEPPER_LOC_H
#define DIFFERENTIAL_STEPPER_LOC_H

#include "stepper/stepper.h"

void location_read(const struct unit *u, Dwarf_Attribute *a, struct location *l);
void constant_read(Dwarf_Attribute *a, struct location *l);

#endif
