// SPDX-License-Identifier: GPL-2.0-only
/* Groups that come to containers and leave them, and devices that are unbound. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu_check.h"
#include "file.h"
#include "pci.h"
#include "slot.h"

#define UNBIND	"/sys/bus/pci/drivers/vfio-pci/unbind"

/*
 * A child that has just been forked holds what we have open for a moment, so a group
 * that we have closed may still be in its container (-EINVAL, -EBUSY).
 */
static int join(struct worker *w, enum operation op, struct box *box, int group)
{
	int ret;

	begin(w->seat, op, box->nr, 0);
	ret = container_add_group(box->fd, group);
	/* The first IOMMU pins all that there is, dead owners' memory as well. */
	if (op == OP_VISIT_IOMMU)
		return judge(w->seat, ret, -EBUSY, -EINVAL, -ENODEV, -EFAULT, -ENOMEM, -EPERM, 0);
	return judge(w->seat, ret, -EBUSY, -EINVAL, 0);
}

static void leave(struct worker *w, enum operation op, struct box *box, int group, int device)
{
	begin(w->seat, op, box->nr, 0);
	close(device);
	if (draw(&w->seed, 2))
		group_unset_container(group);
	close(group);
	end(w->seat, 0);
}

/* They run when their device is closed. */
static void start_jobs(struct worker *w, struct box *box, int device)
{
	struct type1p_emulated_order order = {
		.flags = TYPE1P_EMULATED_LOOP, .prot = EMULATED_READ, .npages = 1, .size = 8,
		.pause_us = 100,
	};
	unsigned int jobs = draw(&w->seed, 4);

	while (jobs--) {
		order.op = draw(&w->seed, 2) ? TYPE1P_EMULATED_PIN : TYPE1P_EMULATED_READ;
		order.by = draw(&w->seed, 2) ? TYPE1P_EMULATED_KTHREAD : TYPE1P_EMULATED_WORK;
		order.iova = slot_race_iova(slot_of(box->nr, draw(&w->seed, SLOTS)));
		emulated_start(device, &order);
	}
}

void *visitor_run(void *arg)
{
	struct worker *w = arg;
	int group, device;
	struct box *box;

	while (!r->over) {
		rest();
		box = &r->box[draw(&w->seed, r->boxes)];
		if (box->device < 0)
			continue;
		group = join(w, OP_VISIT, box, emulated_group(VISITOR));
		if (group < 0) {
			usleep(2000);
			continue;
		}
		device = emulated_open(group, VISITOR);
		if (device >= 0)
			start_jobs(w, box, device);
		usleep(draw(&w->seed, 200000));
		leave(w, OP_VISIT, box, group, device);
	}
	return NULL;
}

/*
 * An adopting child lives on with all that was mapped when it was forked, and memory of
 * a device would keep that in its container.
 */
pthread_rwlock_t fork_lock = PTHREAD_RWLOCK_INITIALIZER;

static int open_alone(int device, struct edu *edu)
{
	int ret;

	pthread_rwlock_rdlock(&fork_lock);
	ret = edu_open(device, edu);
	if (!ret && madvise(edu->bar.mem, edu->bar.size, MADV_DONTFORK)) {
		ret = -errno;
		edu_close(edu);
	}
	pthread_rwlock_unlock(&fork_lock);
	return ret;
}

void *visitor_iommu_run(void *arg)
{
	struct worker *w = arg;
	struct pci_dev dev;
	struct edu edu = {};
	struct box *box;
	int group, device, turns;

	if (pci_find_id(EDU_VENDOR, EDU_DEVICE, 2, &dev))
		return NULL;
	while (!r->over) {
		rest();
		box = &r->box[draw(&w->seed, r->boxes)];
		if (box->quiet)
			continue;
		group = join(w, OP_VISIT_IOMMU, box, pci_group(dev.bdf));
		if (group < 0) {
			usleep(2000);
			continue;
		}
		device = device_open(group, dev.bdf);
		if (device >= 0 && !open_alone(device, &edu)) {
			for (turns = draw(&w->seed, 4); turns && !r->over; turns--)
				if (draw(&w->seed, 2))
					edu_check(w->seat, &edu, box, &w->seed);
				else
					edu_race(w->seat, &edu, box, &w->seed);
			edu_close(&edu);
		}
		leave(w, OP_VISIT_IOMMU, box, group, device);
	}
	return NULL;
}

/* Till all descriptors of the device are closed, who unbinds it waits. */
static pid_t unbind(const char *bdf)
{
	pid_t child = fork();

	if (child)
		return child;
	close_range(3, ~0U, 0);
	_exit(file_write(UNBIND, bdf) ? 1 : 0);
}

static void unbind_and_bind(struct worker *w, struct box *box, const struct pci_dev *dev)
{
	int group = join(w, OP_VISIT_IOMMU, box, pci_group(dev->bdf)), device, ret;
	pid_t child;

	if (group < 0) {
		usleep(5000);
		return;
	}
	device = device_open(group, dev->bdf);
	child = unbind(dev->bdf);
	usleep(draw(&w->seed, 50000));
	leave(w, OP_VISIT_IOMMU, box, group, device);
	begin(w->seat, OP_BIND, box->nr, 0);
	waitpid(child, NULL, 0);
	ret = file_write("/sys/bus/pci/drivers_probe", dev->bdf);
	judge(w->seat, ret, -EINVAL, 0);
}

void *binder_run(void *arg)
{
	struct worker *w = arg;
	struct pci_dev dev;
	struct box *box;

	if (pci_find_id(EDU_VENDOR, EDU_DEVICE, 3, &dev))
		return NULL;
	while (!r->over) {
		rest();
		box = &r->box[draw(&w->seed, r->boxes)];
		if (!box->quiet)
			unbind_and_bind(w, box, &dev);
		usleep(draw(&w->seed, 300000));
	}
	return NULL;
}
