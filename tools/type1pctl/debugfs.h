/* SPDX-License-Identifier: GPL-2.0-only */
/* The module's containers as debugfs shows them. */
#ifndef TYPE1PCTL_DEBUGFS_H
#define TYPE1PCTL_DEBUGFS_H

#include <sys/types.h>

#include "ctl.h"

#define DEBUGFS_MOUNT	"/sys/kernel/debug"
#define DEBUGFS_DIR	DEBUGFS_MOUNT "/" MODULE
#define WORD_LEN	16

struct attached {
	int number;			/* of the IOMMU group */
	bool emulated;
	int domain;			/* -1 if emulated */
};

struct mapped {
	u64 iova;
	u64 size;
	char prot[WORD_LEN];
	char state[WORD_LEN];
	char vaddr[WORD_LEN];
	u64 pinned_bytes;
	u64 device_pins;
	bool dirty_bits;
};

struct job {
	char what[WORD_LEN];
	pid_t pid;
	u64 iova;
	u64 size;
	u64 done;
	u64 elapsed_ns;
	unsigned int threads;
};

struct container {
	u64 id;
	char type[WORD_LEN];
	pid_t pid;
	char comm[32];
	u64 ranges;
	u64 ranges_left;
	u64 mapped_bytes;
	u64 pinned_bytes;
	u64 invalid_ranges;
	u64 waiters;
	bool dirty_tracking;
	u64 domains;
	struct attached *groups;
	int ngroups;
	struct mapped *mapped;
	int nmapped;
	struct job *jobs;
	int njobs;
};

struct containers {
	struct container *list;
	int count;
};

/*
 * Containers in the order of their ids; those that go away meanwhile are left out.
 * @ranges: each of their ranges as well. Complains, and returns EX_..., if nothing
 * can be known: not root, debugfs not mounted, the module not loaded.
 */
int containers_read(struct containers *all, bool ranges);
void containers_free(struct containers *all);

bool debugfs_mounted(void);

#endif
