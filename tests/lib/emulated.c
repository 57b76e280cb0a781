// SPDX-License-Identifier: GPL-2.0-only
/* The emulated devices of tests/kmod. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "device.h"
#include "emulated.h"
#include "mem.h"

int emulated_group(int nth)
{
	char path[80], link[160];
	const char *name;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/platform/devices/%s.%d/iommu_group",
		 TYPE1P_EMULATED_NAME, nth);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -ENODEV;
	link[len] = 0;
	name = strrchr(link, '/');
	return name ? atoi(name + 1) : -ENODEV;
}

int emulated_open(int group_fd, int nth)
{
	char name[32];

	snprintf(name, sizeof(name), "%s.%d", TYPE1P_EMULATED_NAME, nth);
	return device_open(group_fd, name);
}

int emulated_order(int device, struct type1p_emulated_order *order)
{
	int ret = vfio_call(device, TYPE1P_EMULATED_ORDER, order);

	return ret ? ret : order->result;
}

int emulated_pin(int device, u64 iova, int npages, int prot, u64 *words)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_PIN,
		.prot = prot,
		.iova = iova,
		.npages = npages,
		.data = (uintptr_t)words,
	};

	return emulated_order(device, &order);
}

int emulated_unpin(int device, u64 iova, int npages)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_UNPIN,
		.iova = iova,
		.npages = npages,
	};

	return emulated_order(device, &order);
}

int emulated_read(int device, u64 iova, void *buf, size_t size)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_READ,
		.iova = iova,
		.size = size,
		.data = (uintptr_t)buf,
	};

	return emulated_order(device, &order);
}

int emulated_write(int device, u64 iova, const void *buf, size_t size)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_WRITE,
		.iova = iova,
		.size = size,
		.data = (uintptr_t)buf,
	};

	return emulated_order(device, &order);
}

int emulated_start(int device, const struct type1p_emulated_order *order)
{
	struct type1p_emulated_order copy = *order;
	int ret = vfio_call(device, TYPE1P_EMULATED_START, &copy);

	return ret ? ret : (int)copy.id;
}

static int job_call(int device, unsigned long request, int id, int wait_ms, bool anew,
		    struct type1p_emulated_status *status)
{
	*status = (struct type1p_emulated_status){ .id = id, .wait_ms = wait_ms, .anew = anew };
	return vfio_call(device, request, status);
}

int emulated_status(int device, int id, struct type1p_emulated_status *status)
{
	return job_call(device, TYPE1P_EMULATED_STATUS, id, 0, false, status);
}

int emulated_sample(int device, int id, struct type1p_emulated_status *status)
{
	return job_call(device, TYPE1P_EMULATED_STATUS, id, 0, true, status);
}

int emulated_wait(int device, int id, int ms)
{
	struct type1p_emulated_status status;
	int ret = job_call(device, TYPE1P_EMULATED_STATUS, id, ms, false, &status);

	if (ret)
		return ret;
	return status.running ? -ETIMEDOUT : status.last;
}

int emulated_stop(int device, int id, struct type1p_emulated_status *status)
{
	struct type1p_emulated_status unused;

	return job_call(device, TYPE1P_EMULATED_STOP, id, 0, false, status ? status : &unused);
}

int emulated_behave(int device, const struct type1p_emulated_manners *manners)
{
	return vfio_call(device, TYPE1P_EMULATED_BEHAVE, (void *)manners);
}

int emulated_unmaps(int device, struct type1p_emulated_unmaps *unmaps)
{
	return vfio_call(device, TYPE1P_EMULATED_UNMAPS, unmaps);
}

void emulated_stamp(void *mem, u64 iova, u64 size, u64 stamp)
{
	u64 at;

	for (at = 0; at < size; at += PAGE_4K)
		*(u64 *)((char *)mem + at) = TYPE1P_EMULATED_WORD(stamp, iova + at);
}
