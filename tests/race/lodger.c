// SPDX-License-Identifier: GPL-2.0-only
/* Containers that come and go, by a process that may be killed. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kids.h"
#include "slot.h"

#define MOST_MAPS	8

static void start_job(struct kid *k, int device)
{
	struct type1p_emulated_order order = {
		.op = draw(&k->seed, 2) ? TYPE1P_EMULATED_PIN : TYPE1P_EMULATED_READ,
		.by = draw(&k->seed, 2) ? TYPE1P_EMULATED_KTHREAD : TYPE1P_EMULATED_WORK,
		.flags = TYPE1P_EMULATED_LOOP, .prot = EMULATED_READ, .npages = 1, .size = 8,
		.span = MOST_MAPS * PART_SIZE, .pause_us = 50,
	};

	order.size = PAGE_4K;
	emulated_start(device, &order);
}

static void use(struct kid *k, int container, int device)
{
	unsigned int maps = draw(&k->seed, MOST_MAPS), i;

	if (draw(&k->seed, 2))
		start_job(k, device);
	for (i = 0; i < maps; i++) {
		begin(k->seat, OP_LIFE, -1, i * PART_SIZE);
		judge(k->seat, iova_map(container, kid_part(k, i % PARTS), i * PART_SIZE,
					PART_SIZE), 0);
		if (!draw(&k->seed, 4))
			iova_unmap_flags(container, i * PART_SIZE, PART_SIZE,
					 draw(&k->seed, 2) ? VFIO_DMA_UNMAP_FLAG_VADDR : 0, NULL);
	}
}

/* In any order, with all that is mapped and runs. */
static void close_all(struct kid *k, int container, int group, int device)
{
	int fds[] = { container, group, device }, swap;
	unsigned int i, j;

	for (i = 0; i < 3; i++) {
		j = draw(&k->seed, 3);
		swap = fds[i];
		fds[i] = fds[j];
		fds[j] = swap;
	}
	begin(k->seat, OP_LIFE, -1, 0);
	for (i = 0; i < 3; i++)
		close(fds[i]);
	end(k->seat, 0);
}

void lodger_run(struct kid *k)
{
	int container, group, device;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	k->mem = mem_alloc(KID_PAGES * PAGE_4K, MEM_4K);
	while (k->mem) {
		begin(k->seat, OP_LIFE, -1, 0);
		container = container_create(BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU,
					     emulated_group(LODGER), &group);
		/* Other children have what we have closed, for a moment. */
		judge(k->seat, container, -EBUSY, -EINVAL, 0);
		if (container < 0)
			continue;
		device = emulated_open(group, LODGER);
		if (device >= 0)
			use(k, container, device);
		usleep(draw(&k->seed, 20000));
		close_all(k, container, group, device);
	}
	_exit(0);
}
