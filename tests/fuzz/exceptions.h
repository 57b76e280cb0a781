/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where both drivers may differ, and why; and which steps are not made, since the
 * in-tree driver would not survive them or would have nothing to compare.
 */
#ifndef TYPE1P_FUZZ_EXCEPTIONS_H
#define TYPE1P_FUZZ_EXCEPTIONS_H

#include "run.h"

/**
 * struct exception - a difference that is meant
 * @ends: both sides are in different states from now on
 */
struct exception {
	const char *name;
	const char *reason;
	bool ends;
	bool (*covers)(struct world *w, const struct step *step, const struct diff *diff);
};

struct avoidance {
	const char *name;
	const char *reason;
	bool (*covers)(struct world *w, const struct step *step);
};

/* The one that covers it, or NULL. */
const struct exception *excepted(struct world *w, const struct step *step,
				 const struct diff *diff);
const struct avoidance *avoided(struct world *w, const struct step *step);

/* The first is NULL, the next of the last one too. */
const struct exception *next_exception(const struct exception *e);
const struct avoidance *next_avoidance(const struct avoidance *a);

void exceptions_print(FILE *to);

#endif
