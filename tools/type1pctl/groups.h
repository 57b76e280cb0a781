/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in an IOMMU group, and who has it open. */
#ifndef TYPE1PCTL_GROUPS_H
#define TYPE1PCTL_GROUPS_H

#include <sys/types.h>

#include "ktypes.h"

#define NAME_LEN	96
#define HOLDERS_MAX	64

struct holder {
	pid_t pid;
	char comm[32];
};

struct device {
	char address[64];		/* of a PCI device: BDF; else its name in sysfs */
	char driver[64];		/* "" if none */
	char name[NAME_LEN];		/* vendor and device; "" if not known */
};

/* Calls @each for every device of the group, in the order of sysfs. */
void group_devices(int group, void (*each)(const struct device *d, void *data), void *data);
/*
 * The processes that have one of these groups open (/dev/vfio/GROUP), by pid;
 * returns how many, at most @max.
 */
int group_holders(const int *groups, int ngroups, struct holder *holders, int max);

/* Frees what the names came from. */
void groups_end(void);

#endif
