// SPDX-License-Identifier: GPL-2.0-only
/* Whether taking a device away from its driver would hurt somebody. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <linux/if.h>

#include "container.h"
#include "inuse.h"

#define CLASS_BLOCK	"/sys/class/block"
#define CLASS_NET	"/sys/class/net"

/* Whether the class device hangs, at any depth, below the PCI device. */
static bool below(const char *class, const char *name, const char *bdf)
{
	char link[PATH_MAX], path[PATH_MAX], part[PCI_BDF_LEN + 2];

	snprintf(link, sizeof(link), "%s/%s", class, name);
	snprintf(part, sizeof(part), "/%s/", bdf);
	return realpath(link, path) && strstr(path, part);
}

static bool exists(const char *format, const char *a, const char *b)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), format, a, b);
	return !access(path, F_OK);
}

static bool dir_empty(const char *path)
{
	bool empty = true;
	struct dirent *e;
	DIR *dir = opendir(path);

	if (!dir)
		return true;
	while (empty && (e = readdir(dir)))
		empty = e->d_name[0] == '.';
	closedir(dir);
	return empty;
}

/*
 * With native multipath, what hangs below the controller is one path (nvme0c1n2);
 * the disk that gets mounted is nvme0n2, below a virtual subsystem.
 */
static void disk_of_path(const char *name, char disk[DISK_NAME_LEN])
{
	unsigned int subsystem, controller, namespace;

	if (sscanf(name, "nvme%uc%un%u", &subsystem, &controller, &namespace) == 3)
		snprintf(disk, DISK_NAME_LEN, "nvme%un%u", subsystem, namespace);
	else
		snprintf(disk, DISK_NAME_LEN, "%.*s", DISK_NAME_LEN - 1, name);
}

int device_disk(const char *bdf, int nth, char name[DISK_NAME_LEN])
{
	int ret = -ENODEV;
	struct dirent *e;
	DIR *dir = opendir(CLASS_BLOCK);

	if (!dir)
		return -errno;
	while (ret && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || exists(CLASS_BLOCK "/%s/%s", e->d_name, "partition") ||
		    !below(CLASS_BLOCK, e->d_name, bdf) || nth--)
			continue;
		disk_of_path(e->d_name, name);
		ret = 0;
	}
	closedir(dir);
	return ret;
}

static bool is_mounted(const char *name, dev_t number)
{
	char line[4096], by_number[32], by_name[DISK_NAME_LEN + 16];
	bool found = false;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	if (!f)
		return false;
	snprintf(by_number, sizeof(by_number), " %u:%u ", major(number), minor(number));
	/* btrfs shows a number that no device has, but names its device. */
	snprintf(by_name, sizeof(by_name), " /dev/%s ", name);
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, by_number) || strstr(line, by_name);
	fclose(f);
	return found;
}

static bool is_swap(dev_t number)
{
	char line[4096], path[4096];
	bool found = false;
	struct stat st;
	FILE *f = fopen("/proc/swaps", "re");

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%4095s", path) == 1 && !stat(path, &st) &&
			S_ISBLK(st.st_mode) && st.st_rdev == number;
	fclose(f);
	return found;
}

/* Mounts, swap, RAID and LVM all claim a block device for themselves alone. */
static bool is_claimed(const char *path)
{
	int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EBUSY;
}

static bool block_in_use(const char *name, char use[USE_LEN])
{
	char path[PATH_MAX], holders[PATH_MAX];
	const char *how = NULL;
	struct stat st;

	snprintf(path, sizeof(path), "/dev/%s", name);
	snprintf(holders, sizeof(holders), CLASS_BLOCK "/%s/holders", name);
	if (stat(path, &st))
		st.st_rdev = 0;
	if (is_mounted(name, st.st_rdev))
		how = "is mounted";
	else if (is_swap(st.st_rdev))
		how = "is swap space";
	else if (!dir_empty(holders))
		how = "belongs to a RAID, LVM or other mapped disk";
	else if (is_claimed(path))
		how = "is held open exclusively";
	if (how)
		snprintf(use, USE_LEN, "/dev/%.*s %s", DISK_NAME_LEN, name, how);
	return how;
}

static bool disk_in_use(const char *disk, char use[USE_LEN])
{
	char path[PATH_MAX];
	struct dirent *e;
	bool used = false;
	DIR *dir;

	snprintf(path, sizeof(path), CLASS_BLOCK "/%s", disk);
	dir = opendir(path);
	if (!dir)
		return false;
	/* Partitions first: the disk of a mounted one only says that it is held. */
	while (!used && (e = readdir(dir)))
		if (e->d_name[0] != '.' && exists(CLASS_BLOCK "/%s/partition", e->d_name, ""))
			used = block_in_use(e->d_name, use);
	closedir(dir);
	return used || block_in_use(disk, use);
}

static bool net_up(const char *name)
{
	unsigned int flags = 0;
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), CLASS_NET "/%s/flags", name);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fscanf(f, "%x", &flags) != 1)
		flags = 0;
	fclose(f);
	return flags & IFF_UP;
}

static bool net_in_use(const char *bdf, char use[USE_LEN])
{
	bool used = false;
	struct dirent *e;
	DIR *dir = opendir(CLASS_NET);

	if (!dir)
		return false;
	while (!used && (e = readdir(dir))) {
		used = e->d_name[0] != '.' && below(CLASS_NET, e->d_name, bdf) &&
		       net_up(e->d_name);
		if (used)
			snprintf(use, USE_LEN, "network interface %.16s is up", e->d_name);
	}
	closedir(dir);
	return used;
}

static bool is_console(const char *bdf)
{
	char path[PATH_MAX];
	int c = '0';
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/boot_vga", bdf);
	f = fopen(path, "re");
	if (f) {
		c = getc(f);
		fclose(f);
	}
	return c == '1';
}

/* A group can be opened once only. */
static bool vfio_in_use(const char *bdf)
{
	int fd = group_open(pci_group(bdf));

	if (fd >= 0)
		close(fd);
	return fd == -EBUSY;
}

bool device_in_use(const char *bdf, char use[USE_LEN])
{
	char driver[PCI_NAME_LEN], disk[DISK_NAME_LEN];
	int i;

	use[0] = '\0';
	if (pci_driver(bdf, driver) || !driver[0])
		return false;
	if (!strcmp(driver, "vfio-pci") && vfio_in_use(bdf)) {
		snprintf(use, USE_LEN, "another VFIO program has its IOMMU group");
		return true;
	}
	for (i = 0; !device_disk(bdf, i, disk); i++)
		if (disk_in_use(disk, use))
			return true;
	if (net_in_use(bdf, use))
		return true;
	if (is_console(bdf)) {
		snprintf(use, USE_LEN, "it is the console's display");
		return true;
	}
	return false;
}
