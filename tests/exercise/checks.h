/* SPDX-License-Identifier: GPL-2.0-only */
/* What must hold of mappings whatever the device: no DMA in here. */
#ifndef EXERCISE_CHECKS_H
#define EXERCISE_CHECKS_H

struct session;

void checks_mappings(struct session *s);

#endif
