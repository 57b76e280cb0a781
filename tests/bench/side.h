/* SPDX-License-Identifier: GPL-2.0-only */
/* Those whom the bench compares, each with a device of its own, all at once. */
#ifndef TYPE1P_BENCH_SIDE_H
#define TYPE1P_BENCH_SIDE_H

#include "container.h"
#include "pci.h"

enum side_id {
	SIDE_TYPE1P = BACKEND_TYPE1P,
	SIDE_INTREE = BACKEND_INTREE,
	SIDE_ALONE,			/* type1p with one CPU for each ioctl */
	SIDE_IOMMUFD,
	SIDE_FLOOR,			/* the kernel's calls alone */
	SIDE_FLOOR_FILE,		/* the same, memory pinned by way of its file */
	SIDES,
};

/* The edu device that is none of theirs. */
#define SPARE_EDU	3

struct side {
	enum side_id id;
	int fd;				/* container, IOMMUFD or floor; -1: not there */
	int device_fd;			/* or the group's */
	u32 ioas;			/* of IOMMUFD */
};

/* Mappings to make one after the other, all alike. */
struct stretch {
	void *mem;
	u64 iova;
	u64 size;			/* of each */
	u64 count;
	u64 mem_step;
	u64 iova_step;
};

/* What it took: of the floor, only what the kernel's calls did. */
struct cost {
	u64 ns;
	u64 pin_ns;			/* floor: part that pinned or unpinned */
};

const char *side_name(enum side_id id);

/*
 * All that the machine has, an edu device for each. In order of enum side_id. The
 * backends must be there, the others need not: some kernels have no IOMMUFD.
 */
int sides_open(struct side sides[SIDES]);
void sides_close(struct side sides[SIDES]);
/* Gives all of a device's group to VFIO: the group, or -errno. */
int side_take_group(const struct pci_dev *dev);

int side_map(const struct side *side, const struct stretch *stretch, struct cost *cost);
int side_unmap(const struct side *side, const struct stretch *stretch, struct cost *cost);

u64 now_ns(void);

#endif
