/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TYPE1P_RACE_EDU_CHECK_H
#define TYPE1P_RACE_EDU_CHECK_H

#include "race.h"

/* What DMA must find, and what it must not reach. */
void edu_check(struct seat *seat, struct edu *edu, struct box *box, unsigned int *seed);
/* DMA at any time. */
void edu_race(struct seat *seat, struct edu *edu, struct box *box, unsigned int *seed);

#endif
