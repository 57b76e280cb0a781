// SPDX-License-Identifier: GPL-2.0-only
/* PCI devices as sysfs shows them: finding, IOMMU groups, driver binding. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "pci.h"

#define SYSFS_PCI	"/sys/bus/pci"
#define VFIO_PCI	"vfio-pci"

static int read_attr(const char *bdf, const char *attr, char *buf, size_t len)
{
	char path[PATH_MAX];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), SYSFS_PCI "/devices/%s/%s", bdf, attr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, buf, len - 1);
	if (got < 0)
		got = -errno;
	close(fd);
	if (got < 0)
		return got;
	buf[got] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static int read_number(const char *bdf, const char *attr, u32 *val)
{
	char buf[32];
	int ret = read_attr(bdf, attr, buf, sizeof(buf));

	if (!ret)
		*val = strtoul(buf, NULL, 0);
	return ret;
}

/* Last component of what a link of the device points to. */
static int read_link(const char *bdf, const char *link, char *name, size_t len)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t got;

	snprintf(path, sizeof(path), SYSFS_PCI "/devices/%s/%s", bdf, link);
	got = readlink(path, target, sizeof(target) - 1);
	if (got < 0)
		return -errno;
	target[got] = '\0';
	if ((size_t)snprintf(name, len, "%s", basename(target)) >= len)
		return -ENAMETOOLONG;
	return 0;
}

int pci_parse_bdf(const char *text, char bdf[PCI_BDF_LEN])
{
	unsigned int domain = 0, bus, slot, fn;
	int end = 0;

	if (sscanf(text, "%x:%x:%x.%x%n", &domain, &bus, &slot, &fn, &end) != 4) {
		domain = 0;
		end = 0;
		if (sscanf(text, "%x:%x.%x%n", &bus, &slot, &fn, &end) != 3)
			return -EINVAL;
	}
	if (text[end] || domain > 0xfffff || bus > 0xff || slot > 0x1f || fn > 7)
		return -EINVAL;
	snprintf(bdf, PCI_BDF_LEN, "%04x:%02x:%02x.%x", domain, bus, slot, fn);
	return 0;
}

int pci_dev_read(const char *bdf, struct pci_dev *dev)
{
	u32 vendor, device, class;
	int ret;

	ret = read_number(bdf, "vendor", &vendor);
	if (!ret)
		ret = read_number(bdf, "device", &device);
	if (!ret)
		ret = read_number(bdf, "class", &class);
	if (ret)
		return ret == -ENOENT ? -ENODEV : ret;
	snprintf(dev->bdf, sizeof(dev->bdf), "%.*s", PCI_BDF_LEN - 1, bdf);
	dev->vendor = vendor;
	dev->device = device;
	dev->class = class;
	return 0;
}

bool pci_is_bridge(const struct pci_dev *dev)
{
	return dev->class >> 16 == 0x06;
}

static int by_bdf(const void *a, const void *b)
{
	const struct pci_dev *x = a, *y = b;

	return strcmp(x->bdf, y->bdf);
}

static int list_dir(const char *path, struct pci_dev *devs, int max)
{
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return -errno;
	while (count < max && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && !pci_dev_read(entry->d_name, &devs[count]))
			count++;
	}
	closedir(dir);
	qsort(devs, count, sizeof(*devs), by_bdf);
	return count;
}

int pci_list(struct pci_dev *devs, int max)
{
	return list_dir(SYSFS_PCI "/devices", devs, max);
}

static int find(u32 vendor_device, u32 class, int nth, struct pci_dev *dev)
{
	struct pci_dev *devs;
	int i, count, ret = -ENODEV;
	const int max = 4096;

	devs = calloc(max, sizeof(*devs));
	if (!devs)
		return -ENOMEM;
	count = pci_list(devs, max);
	if (count < 0)
		ret = count;
	for (i = 0; i < count; i++) {
		u32 id = (u32)devs[i].vendor << 16 | devs[i].device;

		if (class ? devs[i].class != class : id != vendor_device)
			continue;
		if (nth--)
			continue;
		*dev = devs[i];
		ret = 0;
		break;
	}
	free(devs);
	return ret;
}

int pci_find_id(u16 vendor, u16 device, int nth, struct pci_dev *dev)
{
	return find((u32)vendor << 16 | device, 0, nth, dev);
}

int pci_find_class(u32 class, int nth, struct pci_dev *dev)
{
	return find(0, class, nth, dev);
}

int pci_group(const char *bdf)
{
	char name[PCI_NAME_LEN];
	int ret = read_link(bdf, "iommu_group", name, sizeof(name));

	if (ret)
		return ret == -ENOENT ? -ENODEV : ret;
	return atoi(name);
}

int pci_group_make(const char *bdf)
{
	struct pci_binding b;
	int group = pci_group(bdf);

	if (group != -ENODEV || pci_driver(bdf, b.driver) || b.driver[0])
		return group;
	if (!pci_take(bdf, VFIO_PCI, &b))
		pci_restore(&b);
	return pci_group(bdf);
}

int pci_group_members(int group, struct pci_dev *devs, int max)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices", group);
	return list_dir(path, devs, max);
}

int pci_driver(const char *bdf, char name[PCI_NAME_LEN])
{
	int ret = read_link(bdf, "driver", name, PCI_NAME_LEN);

	if (ret == -ENOENT) {
		name[0] = '\0';
		ret = 0;
	}
	return ret;
}

static int detach(const char *bdf)
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), SYSFS_PCI "/devices/%s/driver/unbind", bdf);
	ret = file_write(path, bdf);
	return ret == -ENOENT ? 0 : ret;
}

static int override(const char *bdf, const char *driver)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), SYSFS_PCI "/devices/%s/driver_override", bdf);
	/* A lone newline clears it; an empty write never reaches the kernel. */
	return file_write(path, driver[0] ? driver : "\n");
}

/* Binds as driver_override says, then tells whether it came out so. */
static int probe(const char *bdf, const char *driver)
{
	char now[PCI_NAME_LEN];
	int ret;

	ret = file_write(SYSFS_PCI "/drivers_probe", bdf);
	if (!ret)
		ret = pci_driver(bdf, now);
	if (!ret && strcmp(now, driver))
		ret = -ENXIO;
	return ret;
}

int pci_binding_read(const char *bdf, struct pci_binding *b)
{
	int ret;

	snprintf(b->bdf, sizeof(b->bdf), "%s", bdf);
	ret = pci_driver(bdf, b->driver);
	if (!ret)
		ret = read_attr(bdf, "driver_override", b->override, sizeof(b->override));
	if (!ret && !strcmp(b->override, "(null)"))
		b->override[0] = '\0';
	return ret;
}

int pci_take(const char *bdf, const char *driver, struct pci_binding *b)
{
	int ret = pci_binding_read(bdf, b);

	if (ret)
		return ret;
	if (!strcmp(b->driver, driver))
		return 0;

	ret = override(bdf, driver);
	if (!ret)
		ret = detach(bdf);
	if (!ret)
		ret = probe(bdf, driver);
	if (ret)
		pci_restore(b);
	return ret;
}

int pci_restore(const struct pci_binding *b)
{
	char now[PCI_NAME_LEN];
	int ret;

	ret = override(b->bdf, b->override);
	if (!ret)
		ret = pci_driver(b->bdf, now);
	if (ret || !strcmp(now, b->driver))
		return ret;
	ret = detach(b->bdf);
	if (!ret && b->driver[0])
		ret = probe(b->bdf, b->driver);
	return ret;
}

int pci_group_take(int group, struct pci_binding *b, int max)
{
	struct pci_dev devs[PCI_GROUP_MAX];
	int i, ret, members, count = 0;

	members = pci_group_members(group, devs, PCI_GROUP_MAX);
	if (members < 0)
		return members;
	for (i = 0; i < members; i++) {
		if (pci_is_bridge(&devs[i]))
			continue;
		ret = count < max ? pci_take(devs[i].bdf, VFIO_PCI, &b[count]) : -E2BIG;
		if (ret) {
			pci_group_restore(b, count);
			return ret;
		}
		count++;
	}
	return count;
}

int pci_group_restore(const struct pci_binding *b, int count)
{
	int ret, first = 0;

	while (count--) {
		ret = pci_restore(&b[count]);
		if (!first)
			first = ret;
	}
	return first;
}
