/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a live update was good. */
#ifndef LIVEUPDATE_JUDGE_H
#define LIVEUPDATE_JUDGE_H

#include "runner.h"

/* Fills in r->good, r->waited and r->reason. */
void judge(const struct options *o, struct result *r);

#endif
