/* SPDX-License-Identifier: GPL-2.0-only */
/* An emulated device, and the calls into vfio that it is ordered to make. */
#ifndef EMULATED_H
#define EMULATED_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "type1p_emulated.h"

/**
 * struct emulated - a device
 * @vdev: what the vfio core sees
 * @jobs: of &struct emulated_job by id
 * @jobs_lock: for @jobs, but for adding
 * @pins: how often each page is pinned, by iova
 * @pins_lock: for @pins; never held in a call into vfio, which may wait for a
 *	dma_unmap callback
 * @lock: for what follows
 * @flights: of &struct emulated_span: pins and unpins that are under way
 * @landings: of &struct emulated_span: dma_unmap callbacks that run
 * @moved: wakes who waits for one of them to end
 * @manners: see there
 * @unmaps: counters
 */
struct emulated {
	struct vfio_device vdev;
	struct xarray jobs;
	struct mutex jobs_lock;		/* jobs */
	struct xarray pins;
	struct mutex pins_lock;		/* pins */
	spinlock_t lock;		/* the rest */
	struct list_head flights;
	struct list_head landings;
	wait_queue_head_t moved;
	struct type1p_emulated_manners manners;
	struct type1p_emulated_unmaps unmaps;
};

struct emulated_span {
	struct list_head node;
	u64 first;
	u64 last;
};

/* access.c */
int emulated_pin(struct emulated *emu, u64 iova, int npages, int prot,
		 struct page **pages);
void emulated_unpin(struct emulated *emu, u64 iova, int npages);
void emulated_unpin_all(struct emulated *emu);
void emulated_dma_unmap(struct vfio_device *vdev, u64 iova, u64 size);

/* job.c */
int emulated_jobs_init(void);
void emulated_jobs_exit(void);
int emulated_order(struct emulated *emu, void __user *arg);
int emulated_start(struct emulated *emu, void __user *arg);
int emulated_status(struct emulated *emu, void __user *arg);
int emulated_stop(struct emulated *emu, void __user *arg);
void emulated_stop_all(struct emulated *emu);

#endif /* EMULATED_H */
