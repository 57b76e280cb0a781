/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the steps so far come to if each does what it looks like. Steps that fit
 * this mostly succeed, and it still depends on nothing but the seed.
 */
#ifndef TYPE1P_FUZZ_GUESS_H
#define TYPE1P_FUZZ_GUESS_H

#include "step.h"

#define GUESS_SPANS	48

struct guess_span {
	u64 iova;
	u64 size;
	bool invalid;
};

struct guess {
	int count;
	struct guess_span span[GUESS_SPANS];
	u32 attached;
	bool served;
	bool tracking;
};

void guess_begin(struct guess *g, const struct setup *setup);
void guess_step(struct guess *g, const struct setup *setup, const struct step *step);

bool guess_any_invalid(const struct guess *g);
bool guess_overlaps(const struct guess *g, u64 iova, u64 size);

#endif
