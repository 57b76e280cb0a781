/* SPDX-License-Identifier: GPL-2.0-only */
/* What has been tried, and what came of it. */
#ifndef TYPE1P_FUZZ_STATS_H
#define TYPE1P_FUZZ_STATS_H

#include "run.h"

extern const struct watcher stats_watcher;

long stats_steps(void);
void stats_print(FILE *to);

#endif
