/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Why something of the input is not in the output: loss.def has a line for each reason. */
#ifndef WDX_XLAT_LOSS_H
#define WDX_XLAT_LOSS_H

#include <stdint.h>

enum wdx_loss {
	WDX_LOSS_NONE,
#define LOSS(id, name, text) WDX_LOSS_##id,
#include "xlat/loss.def"
#undef LOSS
	WDX_LOSS_COUNT
};

#endif
