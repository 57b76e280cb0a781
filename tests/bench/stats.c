// SPDX-License-Identifier: GPL-2.0-only
/* Samples of one thing, and what to say of them. */
#include <stdlib.h>
#include <string.h>

#include "stats.h"

void sample_add(struct samples *samples, u64 sample)
{
	if (samples->nr < MAX_ROUNDS)
		samples->sample[samples->nr++] = sample;
}

static int compare(const void *a, const void *b)
{
	const u64 left = *(const u64 *)a, right = *(const u64 *)b;

	return left < right ? -1 : left > right;
}

static struct samples sorted(const struct samples *samples)
{
	struct samples copy = *samples;

	qsort(copy.sample, copy.nr, sizeof(copy.sample[0]), compare);
	return copy;
}

u64 sample_min(const struct samples *samples)
{
	return samples->nr ? sorted(samples).sample[0] : 0;
}

u64 sample_max(const struct samples *samples)
{
	return samples->nr ? sorted(samples).sample[samples->nr - 1] : 0;
}

double sample_median(const struct samples *samples)
{
	const struct samples in_order = sorted(samples);
	const unsigned int nr = in_order.nr;

	if (!nr)
		return 0;
	return (in_order.sample[nr / 2] + (double)in_order.sample[(nr - 1) / 2]) / 2;
}

struct ratio sample_ratio(const struct samples *over, const struct samples *under)
{
	const unsigned int nr = over->nr < under->nr ? over->nr : under->nr;
	struct ratio ratio = {};
	unsigned int i;
	double one;

	for (i = 0; i < nr; i++) {
		if (!under->sample[i])
			return (struct ratio){};
		one = (double)over->sample[i] / under->sample[i];
		if (!i || one < ratio.min)
			ratio.min = one;
		if (!i || one > ratio.max)
			ratio.max = one;
	}
	if (nr)
		ratio.of_medians = sample_median(over) / sample_median(under);
	return ratio;
}
