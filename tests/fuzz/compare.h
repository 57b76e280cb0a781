/* SPDX-License-Identifier: GPL-2.0-only */
/* What is compared. Each fills in all of a diff but its @at. */
#ifndef TYPE1P_FUZZ_COMPARE_H
#define TYPE1P_FUZZ_COMPARE_H

#include "run.h"

/* What one step did to either side. */
void compare_outcomes(struct world *w, const struct step *step, struct diff *diff);
/* GET_INFO, which is left in @w. */
void compare_info(struct world *w, struct diff *diff);
/* Whether that has as many mappings as the model. */
void compare_model(struct world *w, struct diff *diff);
/* The whole of both buffers. */
void compare_memory(struct world *w, struct diff *diff);
/* The callbacks of the drivers of emulated devices, and what these hold. */
void compare_callbacks(struct world *w, struct diff *diff);

#endif
