/* SPDX-License-Identifier: GPL-2.0-only */
/* The report and the list of devices as one JSON document on stdout. */
#ifndef EXERCISE_JSON_H
#define EXERCISE_JSON_H

struct report;
struct candidate;

void json_report(const struct report *r);
void json_candidates(const struct candidate *list, int count);

#endif
