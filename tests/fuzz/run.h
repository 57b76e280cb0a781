/* SPDX-License-Identifier: GPL-2.0-only */
/* A sequence, done to both sides in turn, step by step, with all comparisons. */
#ifndef TYPE1P_FUZZ_RUN_H
#define TYPE1P_FUZZ_RUN_H

#include "perform.h"

enum aspect {
	SAME,
	IN_RESULT,
	IN_REQUEST,
	IN_BITMAP,
	IN_DATA,
	IN_CHARGE,
	IN_INFO,
	IN_MEMORY,
	IN_CALLBACKS,
	IN_END,
	IN_MODEL,
};

/**
 * struct diff - a difference
 * @aspect: in what
 * @at: index of the step, or the sequence's length
 * @text: what either side has, in words
 */
struct diff {
	enum aspect aspect;
	int at;
	char text[200];
};

struct world {
	struct side side[2];		/* in-tree first */
	struct outcome out[2];
	u8 info[2][INFO_SIZE];
	struct setup setup;
	struct model model;
	s64 pins;			/* pages pinned before, system-wide */
};

struct exception;
struct avoidance;

/* To be told of each step, for the statistics. */
struct watcher {
	void (*done)(const struct step *step, int ret);
	void (*avoided)(const struct avoidance *avoidance);
	void (*excepted)(const struct exception *exception);
};

int world_open(struct world *world);
/*
 * 0 when both sides were the same throughout, 1 with @diff filled in, or -errno
 * if a side could not be set up. @keep, if given, tells which steps to make;
 * @watcher may be NULL. *@now always has the index of the step under way.
 */
int run_sequence(struct world *world, const struct sequence *q, const bool *keep,
		 const struct watcher *watcher, struct diff *diff, volatile int *now);

const char *aspect_name(enum aspect aspect);

#endif
