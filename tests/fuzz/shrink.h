/* SPDX-License-Identifier: GPL-2.0-only */
/* The shortest sequence that still shows a difference. */
#ifndef TYPE1P_FUZZ_SHRINK_H
#define TYPE1P_FUZZ_SHRINK_H

#include "run.h"

/*
 * Leaves out of @keep, and of @diff's step on, whatever the difference does not
 * need. Returns how many steps are left, 0 if the difference does not come again;
 * @diff is that of the last run that had it.
 */
int shrink(struct world *w, const struct sequence *q, bool *keep, struct diff *diff,
	   volatile int *now);

#endif
