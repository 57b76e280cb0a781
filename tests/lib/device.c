// SPDX-License-Identifier: GPL-2.0-only
/* A PCI device behind VFIO: its regions, configuration space and BARs. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "container.h"
#include "device.h"

int device_open(int group_fd, const char *bdf)
{
	return vfio_call(group_fd, VFIO_GROUP_GET_DEVICE_FD, (void *)bdf);
}

int device_info(int device, struct vfio_device_info *info)
{
	*info = (struct vfio_device_info){ .argsz = sizeof(*info) };
	return vfio_call(device, VFIO_DEVICE_GET_INFO, info);
}

int device_region(int device, unsigned int index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){ .argsz = sizeof(*info), .index = index };
	return vfio_call(device, VFIO_DEVICE_GET_REGION_INFO, info);
}

int device_map_bar(int device, unsigned int index, struct bar *bar)
{
	struct vfio_region_info info;
	int prot = 0;
	void *mem;
	int ret;

	ret = device_region(device, index, &info);
	if (ret)
		return ret;
	if (!info.size || !(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return -ENODEV;
	if (info.flags & VFIO_REGION_INFO_FLAG_READ)
		prot |= PROT_READ;
	if (info.flags & VFIO_REGION_INFO_FLAG_WRITE)
		prot |= PROT_WRITE;
	mem = mmap(NULL, info.size, prot, MAP_SHARED, device, info.offset);
	if (mem == MAP_FAILED)
		return -errno;
	bar->mem = mem;
	bar->size = info.size;
	return 0;
}

void device_unmap_bar(struct bar *bar)
{
	if (bar->mem)
		munmap(bar->mem, bar->size);
	bar->mem = NULL;
}

static int config_offset(int device, unsigned int offset, off_t *at)
{
	struct vfio_region_info info;
	int ret = device_region(device, VFIO_PCI_CONFIG_REGION_INDEX, &info);

	*at = info.offset + offset;
	return ret;
}

static int whole(ssize_t done, size_t len)
{
	if (done < 0)
		return -errno;
	return (size_t)done == len ? 0 : -EIO;
}

int device_config_read(int device, unsigned int offset, void *buf, size_t len)
{
	off_t at;
	int ret = config_offset(device, offset, &at);

	return ret ? ret : whole(pread(device, buf, len, at), len);
}

int device_config_write(int device, unsigned int offset, const void *buf, size_t len)
{
	off_t at;
	int ret = config_offset(device, offset, &at);

	return ret ? ret : whole(pwrite(device, buf, len, at), len);
}

int device_command(int device, u16 bits, bool on)
{
	u16 command;
	int ret;

	ret = device_config_read(device, PCI_COMMAND, &command, sizeof(command));
	if (ret)
		return ret;
	command = on ? command | bits : command & ~bits;
	return device_config_write(device, PCI_COMMAND, &command, sizeof(command));
}

int device_reset(int device)
{
	return vfio_call(device, VFIO_DEVICE_RESET, NULL);
}
