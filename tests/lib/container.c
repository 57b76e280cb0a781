// SPDX-License-Identifier: GPL-2.0-only
/* VFIO containers and groups, and the choice of the backend behind them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vfio_type1p.h>

#include "container.h"

int vfio_call(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

const char *backend_name(enum backend backend)
{
	return backend == BACKEND_TYPE1P ? "type1p" : "in-tree";
}

static int open_param(enum backend backend, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/module/vfio_iommu_type1%s/parameters/%s",
		 backend == BACKEND_TYPE1P ? "p" : "", name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int backend_param(enum backend backend, const char *name, const char *value)
{
	int ret = 0, fd = open_param(backend, name, O_WRONLY);

	if (fd < 0)
		return fd;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int backend_param_get(enum backend backend, const char *name, char *value, size_t len)
{
	int fd = open_param(backend, name, O_RDONLY);
	ssize_t got;

	if (fd < 0)
		return fd;
	got = read(fd, value, len - 1);
	if (got < 0)
		got = -errno;
	close(fd);
	if (got < 0)
		return got;
	value[got] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

int backend_select(enum backend backend)
{
	int ret = backend_param(BACKEND_TYPE1P, "claim_type1",
				backend == BACKEND_TYPE1P ? "Y" : "N");

	return ret == -ENOENT && backend == BACKEND_INTREE ? 0 : ret;
}

int container_open(void)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int group_open(int group)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int group_viable(int group_fd)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int ret = vfio_call(group_fd, VFIO_GROUP_GET_STATUS, &status);

	return ret ? ret : !!(status.flags & VFIO_GROUP_FLAGS_VIABLE);
}

int group_set_container(int group_fd, int container)
{
	return vfio_call(group_fd, VFIO_GROUP_SET_CONTAINER, &container);
}

int group_unset_container(int group_fd)
{
	return vfio_call(group_fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

int container_add_group(int container, int group)
{
	int ret, fd = group_open(group);

	if (fd < 0)
		return fd;
	ret = group_set_container(fd, container);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int container_create(enum backend backend, int type, int group, int *group_fd)
{
	int ret, fd, container;

	ret = backend_select(backend);
	if (ret)
		return ret;
	container = container_open();
	if (container < 0)
		return container;
	fd = container_add_group(container, group);
	if (fd < 0) {
		ret = fd;
		goto close_container;
	}
	ret = container_set_iommu(container, type);
	if (ret)
		goto close_group;
	ret = container_backend(container);
	if (ret != (int)backend) {
		ret = ret < 0 ? ret : -EXDEV;
		goto close_group;
	}
	*group_fd = fd;
	return container;

close_group:
	close(fd);
close_container:
	close(container);
	return ret;
}

int container_backend(int container)
{
	int ret = container_check(container, VFIO_TYPE1P_IOMMU);

	if (ret < 0)
		return ret;
	return ret ? BACKEND_TYPE1P : BACKEND_INTREE;
}

int container_check(int container, int extension)
{
	return vfio_call(container, VFIO_CHECK_EXTENSION, (void *)(long)extension);
}

int container_set_iommu(int container, int type)
{
	return vfio_call(container, VFIO_SET_IOMMU, (void *)(long)type);
}

int iova_map_flags(int container, const void *vaddr, u64 iova, u64 size,
		   u32 flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)vaddr,
		.iova = iova,
		.size = size,
	};

	return vfio_call(container, VFIO_IOMMU_MAP_DMA, &map);
}

int iova_map(int container, const void *vaddr, u64 iova, u64 size)
{
	return iova_map_flags(container, vaddr, iova, size,
			      VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

int iova_unmap_flags(int container, u64 iova, u64 size, u32 flags,
		     u64 *done)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	int ret = vfio_call(container, VFIO_IOMMU_UNMAP_DMA, &unmap);

	if (!ret && done)
		*done = unmap.size;
	return ret;
}

int iova_unmap(int container, u64 iova, u64 size, u64 *done)
{
	return iova_unmap_flags(container, iova, size, 0, done);
}

static void read_ranges(const struct vfio_iommu_type1_info_cap_iova_range *cap,
			struct container_info *info)
{
	u32 i;

	info->has_ranges = true;
	info->nr_ranges = cap->nr_iovas;
	for (i = 0; i < cap->nr_iovas && i < CONTAINER_MAX_RANGES; i++) {
		info->ranges[i].start = cap->iova_ranges[i].start;
		info->ranges[i].end = cap->iova_ranges[i].end;
	}
}

static void read_capability(const struct vfio_info_cap_header *header,
			    struct container_info *info)
{
	const struct vfio_iommu_type1_info_cap_migration *migration;
	const struct vfio_iommu_type1_info_dma_avail *avail;

	switch (header->id) {
	case VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE:
		read_ranges((const void *)header, info);
		break;
	case VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION:
		migration = (const void *)header;
		info->has_migration = true;
		info->dirty_pgsizes = migration->pgsize_bitmap;
		info->max_bitmap = migration->max_dirty_bitmap_size;
		break;
	case VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL:
		avail = (const void *)header;
		info->has_avail = true;
		info->avail = avail->avail;
		break;
	}
}

int container_info(int container, struct container_info *info)
{
	struct vfio_iommu_type1_info probe = { .argsz = sizeof(probe) };
	struct vfio_iommu_type1_info *full;
	u32 argsz, offset;
	int ret;

	*info = (struct container_info){};
	ret = vfio_call(container, VFIO_IOMMU_GET_INFO, &probe);
	if (ret)
		return ret;

	argsz = probe.argsz > sizeof(*full) ? probe.argsz : sizeof(*full);
	full = calloc(1, argsz);
	if (!full)
		return -ENOMEM;
	full->argsz = argsz;
	ret = vfio_call(container, VFIO_IOMMU_GET_INFO, full);
	if (ret)
		goto out;
	info->flags = full->flags;
	info->pgsizes = full->iova_pgsizes;
	offset = full->flags & VFIO_IOMMU_INFO_CAPS ? full->cap_offset : 0;
	while (offset) {
		const struct vfio_info_cap_header *header = (const void *)((char *)full + offset);

		/* Offsets only ever grow: anything else would loop or run off the end. */
		if (offset + sizeof(*header) > argsz || (header->next && header->next <= offset)) {
			ret = -EPROTO;
			goto out;
		}
		read_capability(header, info);
		offset = header->next;
	}
out:
	free(full);
	return ret;
}

bool container_iova_valid(const struct container_info *info, u64 iova, u64 size)
{
	u64 last = iova + size - 1;
	u32 i;

	if (!info->has_ranges)
		return true;
	for (i = 0; i < info->nr_ranges && i < CONTAINER_MAX_RANGES; i++)
		if (iova >= info->ranges[i].start && last <= info->ranges[i].end)
			return last >= iova;
	return false;
}

int container_find_iova(const struct container_info *info, u64 from, u64 limit, u64 size,
			u64 *iova)
{
	const u64 align = 2 << 20;
	u64 start;
	u32 i;

	for (i = 0; i < info->nr_ranges && i < CONTAINER_MAX_RANGES; i++) {
		start = info->ranges[i].start > from ? info->ranges[i].start : from;
		start = (start + align - 1) & -align;
		if (start + size > limit || !container_iova_valid(info, start, size))
			continue;
		*iova = start;
		return 0;
	}
	return -ENOSPC;
}
