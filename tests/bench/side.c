// SPDX-License-Identifier: GPL-2.0-only
/* Those whom the bench compares: the backends, IOMMUFD, and the kernel's calls alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "../kmod/type1p_floor.h"
#include "edu.h"
#include "iommufd.h"
#include "side.h"

/* Which edu device is whose. */
static const int edu_of[SIDES] = {
	[SIDE_TYPE1P] = 0,
	[SIDE_INTREE] = 1,
	[SIDE_FLOOR] = 2,
	[SIDE_IOMMUFD] = 4,
};

u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

const char *side_name(enum side_id id)
{
	static const char * const names[] = {
		[SIDE_ALONE] = "type1p alone",
		[SIDE_IOMMUFD] = "iommufd",
		[SIDE_FLOOR] = "floor",
		[SIDE_FLOOR_FILE] = "floor by file",
	};

	return id <= SIDE_INTREE ? backend_name((enum backend)id) : names[id];
}

int side_take_group(const struct pci_dev *dev)
{
	struct pci_binding unused[PCI_GROUP_MAX];
	int ret, group = pci_group_make(dev->bdf);

	if (group < 0)
		return group;
	ret = pci_group_take(group, unused, PCI_GROUP_MAX);
	return ret < 0 ? ret : group;
}

static int open_container(struct side *side, const struct pci_dev *dev)
{
	int group = side_take_group(dev);

	if (group < 0)
		return group;
	side->fd = container_create((enum backend)side->id, VFIO_TYPE1v2_IOMMU, group,
				    &side->device_fd);
	return side->fd < 0 ? side->fd : 0;
}

static int open_iommufd(struct side *side, const struct pci_dev *dev)
{
	int group = side_take_group(dev);

	if (group < 0)
		return group;
	side->fd = iommufd_open(dev->bdf, &side->device_fd, &side->ioas);
	return side->fd < 0 ? side->fd : 0;
}

static int open_floor(struct side *side, const struct pci_dev *dev)
{
	struct type1p_floor_device where;
	unsigned int slot, function;
	int ret;

	side->fd = open("/dev/" TYPE1P_FLOOR_NAME, O_RDWR | O_CLOEXEC);
	if (side->fd < 0)
		return -errno;
	if (sscanf(dev->bdf, "%x:%x:%x.%x", &where.domain, &where.bus, &slot, &function) != 4)
		return -EINVAL;
	where.devfn = slot << 3 | function;
	ret = vfio_call(side->fd, TYPE1P_FLOOR_ATTACH, &where);
	if (ret) {
		close(side->fd);
		side->fd = -1;
	}
	return ret;
}

static int open_side(struct side *side, int (*open)(struct side *side, const struct pci_dev *dev))
{
	struct pci_dev dev;
	int ret = pci_find_id(EDU_VENDOR, EDU_DEVICE, edu_of[side->id], &dev);

	return ret ? ret : open(side, &dev);
}

int sides_open(struct side sides[SIDES])
{
	int i, ret;

	for (i = 0; i < SIDES; i++)
		sides[i] = (struct side){ .id = i, .fd = -1, .device_fd = -1 };
	ret = open_side(&sides[SIDE_TYPE1P], open_container);
	if (!ret)
		ret = open_side(&sides[SIDE_INTREE], open_container);
	if (!ret)
		ret = backend_select(BACKEND_TYPE1P);
	if (!ret && iommufd_there())
		ret = open_side(&sides[SIDE_IOMMUFD], open_iommufd);
	if (ret)
		return ret;
	sides[SIDE_ALONE].fd = dup(sides[SIDE_TYPE1P].fd);
	if (!open_side(&sides[SIDE_FLOOR], open_floor))
		sides[SIDE_FLOOR_FILE].fd = dup(sides[SIDE_FLOOR].fd);
	return 0;
}

void sides_close(struct side sides[SIDES])
{
	int i;

	for (i = 0; i < SIDES; i++) {
		if (sides[i].device_fd >= 0)
			close(sides[i].device_fd);
		if (sides[i].fd >= 0)
			close(sides[i].fd);
	}
}

static int floor_calls(const struct side *side, unsigned long request,
		       const struct stretch *s, struct cost *cost)
{
	struct type1p_floor_call call;
	int ret = 0;
	u64 i;

	for (i = 0; !ret && i < s->count; i++) {
		call = (struct type1p_floor_call){
			.vaddr = (uintptr_t)s->mem + i * s->mem_step,
			.iova = s->iova + i * s->iova_step,
			.size = s->size,
			.flags = side->id == SIDE_FLOOR_FILE ? TYPE1P_FLOOR_BY_FILE : 0,
		};
		ret = vfio_call(side->fd, request, &call);
		cost->pin_ns += call.pin_ns;
		cost->ns += call.pin_ns + call.map_ns;
	}
	return ret;
}

static int map_one(const struct side *side, void *mem, u64 iova, u64 size)
{
	if (side->id == SIDE_IOMMUFD)
		return iommufd_map(side->fd, side->ioas, mem, iova, size);
	return iova_map(side->fd, mem, iova, size);
}

static int unmap_one(const struct side *side, u64 iova, u64 size)
{
	u64 done;
	int ret;

	if (side->id == SIDE_IOMMUFD)
		ret = iommufd_unmap(side->fd, side->ioas, iova, size, &done);
	else
		ret = iova_unmap(side->fd, iova, size, &done);
	return ret || done == size ? ret : -EIO;
}

int side_map(const struct side *side, const struct stretch *s, struct cost *cost)
{
	u64 i, start;
	int ret = 0;

	*cost = (struct cost){};
	if (side->id >= SIDE_FLOOR)
		return floor_calls(side, TYPE1P_FLOOR_MAP, s, cost);
	start = now_ns();
	for (i = 0; !ret && i < s->count; i++)
		ret = map_one(side, (char *)s->mem + i * s->mem_step,
			      s->iova + i * s->iova_step, s->size);
	cost->ns = now_ns() - start;
	return ret;
}

int side_unmap(const struct side *side, const struct stretch *s, struct cost *cost)
{
	u64 i, start;
	int ret = 0;

	*cost = (struct cost){};
	if (side->id >= SIDE_FLOOR)
		return floor_calls(side, TYPE1P_FLOOR_UNMAP, s, cost);
	start = now_ns();
	for (i = 0; !ret && i < s->count; i++)
		ret = unmap_one(side, s->iova + i * s->iova_step, s->size);
	cost->ns = now_ns() - start;
	return ret;
}
