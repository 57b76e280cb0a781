// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leave out a stretch of steps, run again from the start, and keep it out if
 * the same kind of difference still comes: stretches of half of all, of a quarter and
 * so on, single steps until none of them can go.
 */
#include <stdlib.h>
#include <string.h>

#include "shrink.h"

static bool still_differs(struct world *w, const struct sequence *q, const bool *keep,
			  struct diff *diff, volatile int *now)
{
	struct diff found;

	if (run_sequence(w, q, keep, NULL, &found, now) != 1 || found.aspect != diff->aspect)
		return false;
	if (found.at < q->count && diff->at < q->count &&
	    q->steps[found.at].op != q->steps[diff->at].op)
		return false;
	*diff = found;
	return true;
}

/* What comes after the difference cannot matter. */
static int cut_off(const struct sequence *q, bool *keep, const struct diff *diff)
{
	int i, left = 0;

	for (i = 0; i < q->count; i++) {
		keep[i] &= i <= diff->at;
		left += keep[i];
	}
	return left;
}

/* Tries without @len kept steps from @from on; returns where to try next, -1 at the end. */
static int try_without(struct world *w, const struct sequence *q, bool *keep, int from, int len,
		       struct diff *diff, bool *gone, volatile int *now)
{
	bool trial[SEQUENCE_MAX];
	int i, out = 0;

	memcpy(trial, keep, sizeof(trial));
	for (i = from; i < q->count && out < len; i++) {
		out += trial[i];
		trial[i] = false;
	}
	if (!out)
		return -1;
	*gone = still_differs(w, q, trial, diff, now);
	if (*gone)
		memcpy(keep, trial, sizeof(trial));
	return i;
}

int shrink(struct world *w, const struct sequence *q, bool *keep, struct diff *diff,
	   volatile int *now)
{
	bool gone, any;
	int left, len, at;

	if (!still_differs(w, q, keep, diff, now))
		return 0;
	left = cut_off(q, keep, diff);
	for (len = left / 2 ?: 1; len; len = any && len == 1 ? 1 : len / 2) {
		any = false;
		for (at = 0; at >= 0;) {
			at = try_without(w, q, keep, at, len, diff, &gone, now);
			if (at >= 0 && gone) {
				left = cut_off(q, keep, diff);
				any = true;
			}
		}
	}
	return left;
}
