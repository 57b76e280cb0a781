/* SPDX-License-Identifier: GPL-2.0-only */
/* Results as a table for people, and as JSON. */
#ifndef TYPE1P_BENCH_REPORT_H
#define TYPE1P_BENCH_REPORT_H

#include "run.h"

struct report;

struct report *report_begin(const struct options *options, const struct side sides[SIDES]);
void report_add(struct report *report, const struct result *result);
/* Writes the JSON if that was asked for: -errno. */
int report_end(struct report *report);

#endif
