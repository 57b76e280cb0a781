/* SPDX-License-Identifier: GPL-2.0-only */
/* One live update: the processes are started, waited for, and judged. */
#ifndef LIVEUPDATE_RUNNER_H
#define LIVEUPDATE_RUNNER_H

#include "options.h"

struct result {
	struct state state;		/* as it was at the end */
	bool good;
	bool waited;			/* drivers in the kernel did */
	s64 pinned_left;		/* pages, system-wide */
	char reason[256];		/* why it is not good */
};

/* The devices, as far as they are the same each time. */
struct setting {
	struct pci_dev device[MAX_DEVICES];
	int group[MAX_DEVICES];
	int devices;
};

/* -EINTR, or -errno if not even an attempt could be made. */
int runner_run(const struct options *o, const struct setting *setting, enum way way,
	       enum mode mode, struct result *r);

/* The longest call that fell into the update, or was still under way at its end. */
u64 result_pause(const struct state *s);
/* Longest time without DMA, likewise. */
u64 result_gap(const struct traffic *t);
u64 result_wrong(const struct result *r);
u64 result_errors(const struct result *r);

#endif
