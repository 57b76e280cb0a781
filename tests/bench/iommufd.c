// SPDX-License-Identifier: GPL-2.0-only
/* IOMMUFD's own ioctls, in the kernels that have them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/iommufd.h>

#include "container.h"
#include "iommufd.h"

#define IOMMUFD	"/dev/iommu"

bool iommufd_there(void)
{
	return !access(IOMMUFD, F_OK);
}

/* vfio-pci gives each of its devices a name. */
static int open_device(const char *bdf)
{
	struct dirent *entry;
	char path[300];
	int fd = -ENODEV;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
	}
	closedir(dir);
	return fd;
}

static int attach(int fd, int device_fd, u32 *ioas)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = fd };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret;

	ret = vfio_call(device_fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (!ret)
		ret = vfio_call(fd, IOMMU_IOAS_ALLOC, &alloc);
	if (ret)
		return ret;
	*ioas = alloc.out_ioas_id;
	attach.pt_id = alloc.out_ioas_id;
	return vfio_call(device_fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

int iommufd_open(const char *bdf, int *device_fd, u32 *ioas)
{
	int ret, device, fd = open(IOMMUFD, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	device = open_device(bdf);
	ret = device < 0 ? device : attach(fd, device, ioas);
	if (!ret) {
		*device_fd = device;
		return fd;
	}
	if (device >= 0)
		close(device);
	close(fd);
	return ret;
}

int iommufd_map(int fd, u32 ioas, void *mem, u64 iova, u64 size)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_READABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)mem,
		.length = size,
		.iova = iova,
	};

	return vfio_call(fd, IOMMU_IOAS_MAP, &map);
}

int iommufd_unmap(int fd, u32 ioas, u64 iova, u64 size, u64 *done)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas,
		.iova = iova,
		.length = size,
	};
	int ret = vfio_call(fd, IOMMU_IOAS_UNMAP, &unmap);

	*done = unmap.length;
	return ret;
}
