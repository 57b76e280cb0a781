/* SPDX-License-Identifier: GPL-2.0-only */
/* A small NVMe driver in user space: one I/O queue pair, polled, one command at a time. */
#ifndef TYPE1P_NVME_H
#define TYPE1P_NVME_H

#include "device.h"
#include "mem.h"

/* n->status without the bit that forbids to try again. */
#define NVME_STATUS_MASK	0x7ff
#define NVME_COMPARE_FAILURE	0x285

/* Memory that it wants mapped for its queues and lists. */
#define NVME_AREA_SIZE	(6 * PAGE_4K)

struct nvme_queue {
	u16 id;
	u16 tail;			/* next free submission entry */
	u16 head;			/* next completion entry to look at */
	u16 phase;			/* phase bit of a new completion entry */
	void *submission;
	void *completion;
};

struct nvme {
	int device;
	struct bar bar;
	u8 *area;
	u64 area_iova;
	struct nvme_queue admin;
	struct nvme_queue io;
	u32 stride;			/* bytes from doorbell to doorbell */
	u32 time_limit;			/* ms for the controller to get ready */
	u32 max_transfer;		/* bytes */
	bool compares;			/* knows the Compare command */
	u16 status;			/* of the last command; not 0 with -EREMOTEIO */
	char model[41];
	u32 nsid;
	u64 blocks;
	u32 block_size;
};

/*
 * Resets the controller and leaves it ready, with the first namespace known.
 * @area is mapped for DMA, reading and writing, at @area_iova.
 */
int nvme_open(struct nvme *n, int device, void *area, u64 area_iova);
void nvme_close(struct nvme *n);

/*
 * @iova on a multiple of four; up to n->max_transfer bytes. -EREMOTEIO if the
 * disk reports an error (n->status), -ETIMEDOUT or -EIO if it answers no more.
 */
int nvme_read(struct nvme *n, u64 block, u32 bytes, u64 iova);
int nvme_write(struct nvme *n, u64 block, u32 bytes, u64 iova);
/*
 * Has the disk read memory and compare it with itself, which changes neither:
 * -EREMOTEIO with NVME_COMPARE_FAILURE if they differ, with another status, or
 * -EOPNOTSUPP, if the disk cannot.
 */
int nvme_compare(struct nvme *n, u64 block, u32 bytes, u64 iova);
int nvme_flush(struct nvme *n);

#endif
