/* SPDX-License-Identifier: GPL-2.0-only */
/* What came of it: a table, line by line as it happens, or JSON at the end. */
#ifndef LIVEUPDATE_REPORT_H
#define LIVEUPDATE_REPORT_H

#include "runner.h"

void report_begin(const struct options *o, const struct setting *setting);
void report_result(const struct options *o, const struct result *r);
/* @error: why it ended early, or NULL. */
void report_end(const struct options *o, enum exit_code code, const char *error);

const char *way_name(enum way way);
const char *mode_name(enum mode mode);

#endif
