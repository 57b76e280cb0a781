/* SPDX-License-Identifier: GPL-2.0-only */
/* Samples of one thing, and what to say of them. */
#ifndef TYPE1P_BENCH_STATS_H
#define TYPE1P_BENCH_STATS_H

#include "ktypes.h"

#define MAX_ROUNDS	32

struct samples {
	unsigned int nr;
	u64 sample[MAX_ROUNDS];		/* in the order they were taken */
};

void sample_add(struct samples *samples, u64 sample);
/* 0 where there is no sample. */
u64 sample_min(const struct samples *samples);
u64 sample_max(const struct samples *samples);
double sample_median(const struct samples *samples);

struct ratio {
	double of_medians;
	double min, max;		/* of those of samples taken in the same round */
};

/* All 0 where either has none. */
struct ratio sample_ratio(const struct samples *over, const struct samples *under);

#endif
