// SPDX-License-Identifier: GPL-2.0-only
/*
 * The containers: one with an IOMMU and an emulated device, one with an emulated
 * device to which an IOMMU comes at times, one with an IOMMU only, and others with an
 * emulated device only.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "pci.h"
#include "race.h"

enum kind {
	MIXED,
	VISITED,
	IOMMU_ONLY,
};

static struct pci_binding bindings[8];
static int nr_bindings;

/* The newest container's name in debugfs. */
static u64 newest(void)
{
	DIR *dir = opendir("/sys/kernel/debug/vfio_iommu_type1p");
	struct dirent *entry;
	u64 id, highest = 0;

	while (dir && (entry = readdir(dir))) {
		id = strtoull(entry->d_name, NULL, 10);
		highest = id > highest ? id : highest;
	}
	if (dir)
		closedir(dir);
	return highest;
}

static int open_edu(struct box *box, int nth)
{
	struct pci_dev dev;
	int ret = pci_find_id(EDU_VENDOR, EDU_DEVICE, nth, &dev);

	if (ret)
		return ret;
	if (box->fd < 0)
		box->fd = container_create(BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, pci_group(dev.bdf),
					   &box->edu_group);
	else
		box->edu_group = container_add_group(box->fd, pci_group(dev.bdf));
	if (box->fd < 0 || box->edu_group < 0)
		return box->fd < 0 ? box->fd : box->edu_group;
	box->edu_device = device_open(box->edu_group, dev.bdf);
	if (box->edu_device < 0)
		return box->edu_device;
	ret = edu_open(box->edu_device, &box->edu);
	box->has_edu = !ret;
	return ret;
}

static int box_open(struct box *box, int nr)
{
	struct container_info info;
	int ret = 0;

	box->nr = nr;
	box->fd = -1;
	box->device = -1;
	box->quiet = nr > IOMMU_ONLY;
	pthread_mutex_init(&box->sweep_lock, NULL);
	if (nr != IOMMU_ONLY) {
		box->fd = container_create(BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, emulated_group(nr),
					   &box->group);
		if (box->fd < 0)
			return box->fd;
		box->device = emulated_open(box->group, nr);
		if (box->device < 0)
			return box->device;
	}
	if (nr == MIXED || nr == IOMMU_ONLY)
		ret = open_edu(box, nr == MIXED ? 0 : 1);
	if (!ret)
		ret = container_info(box->fd, &info);
	box->limit = info.avail;
	box->debug_id = newest();
	return ret;
}

int boxes_open(void)
{
	struct pci_dev dev;
	int nth, ret;

	for (nth = 0; !pci_find_id(EDU_VENDOR, EDU_DEVICE, nth, &dev) && nth < 4; nth++) {
		ret = pci_take(dev.bdf, "vfio-pci", &bindings[nth]);
		if (ret)
			return ret;
		nr_bindings++;
	}
	for (nth = 0; nth < (int)r->boxes; nth++) {
		ret = box_open(&r->box[nth], nth);
		if (ret)
			return ret;
	}
	return 0;
}

void boxes_close(void)
{
	struct box *box;

	for (box = r->box; box < r->box + r->boxes; box++) {
		if (box->has_edu) {
			edu_close(&box->edu);
			close(box->edu_device);
			close(box->edu_group);
		}
		if (box->device >= 0) {
			close(box->device);
			close(box->group);
		}
		close(box->fd);
	}
	while (nr_bindings--)
		pci_restore(&bindings[nr_bindings]);
}
