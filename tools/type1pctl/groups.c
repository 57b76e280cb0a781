// SPDX-License-Identifier: GPL-2.0-only
/* What is in an IOMMU group, and who has it open. */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "groups.h"
#include "text.h"

/* It has short names for integers too. */
#define PCI_HAVE_Uxx_TYPES
#include <pci/pci.h>

#define GROUPS_DIR	"/sys/kernel/iommu_groups"

static struct pci_access *names;

/*
 * Only for names: devices are read from sysfs, which also shows those that are no PCI.
 * The library ends the program if it finds no way to devices; named, it does not search.
 */
static struct pci_access *names_open(void)
{
	if (!names) {
		names = pci_alloc();
		names->method = PCI_ACCESS_SYS_BUS_PCI;
		pci_init(names);
	}
	return names;
}

void groups_end(void)
{
	if (names)
		pci_cleanup(names);
	names = NULL;
}

static void look_up_name(struct device *d)
{
	const u64 none = 0x10000;
	u64 vendor = read_number(none, "/sys/bus/pci/devices/%s/vendor", d->address);
	u64 device = read_number(none, "/sys/bus/pci/devices/%s/device", d->address);

	if (vendor == none || device == none)
		return;
	pci_lookup_name(names_open(), d->name, sizeof(d->name),
			PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE, (int)vendor, (int)device);
}

static void read_device(int group, const char *name, struct device *d)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t len;

	*d = (struct device){ };
	snprintf(d->address, sizeof(d->address), "%s", name);
	snprintf(path, sizeof(path), GROUPS_DIR "/%d/devices/%s/driver", group, name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len > 0) {
		target[len] = '\0';
		snprintf(d->driver, sizeof(d->driver), "%s", basename(target));
	}
	look_up_name(d);
}

void group_devices(int group, void (*each)(const struct device *d, void *data), void *data)
{
	struct dirent **entries;
	char path[PATH_MAX];
	struct device d;
	int i, count;

	snprintf(path, sizeof(path), GROUPS_DIR "/%d/devices", group);
	count = scandir(path, &entries, NULL, alphasort);
	for (i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.') {
			read_device(group, entries[i]->d_name, &d);
			each(&d, data);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* The group behind "/dev/vfio/12" or "/dev/vfio/noiommu-0"; -1 if it is something else. */
static int group_of_path(const char *path)
{
	int group, end = 0;

	if (sscanf(path, "/dev/vfio/%d%n", &group, &end) == 1 && !path[end])
		return group;
	if (sscanf(path, "/dev/vfio/noiommu-%d%n", &group, &end) == 1 && !path[end])
		return group;
	return -1;
}

static bool holds(const char *pid, const int *groups, int ngroups)
{
	char path[PATH_MAX], target[PATH_MAX];
	bool found = false;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir))) {
		ssize_t len;
		int i, group;

		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, e->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		group = group_of_path(target);
		for (i = 0; i < ngroups && group >= 0; i++)
			found |= groups[i] == group;
	}
	if (dir)
		closedir(dir);
	return found;
}

static int by_pid(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

int group_holders(const int *groups, int ngroups, struct holder *holders, int max)
{
	struct dirent *e;
	struct holder *h;
	int count = 0;
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		return 0;
	while (count < max && (e = readdir(dir))) {
		if (!isdigit((unsigned char)e->d_name[0]) || !holds(e->d_name, groups, ngroups))
			continue;
		h = &holders[count++];
		h->pid = atoi(e->d_name);
		read_line(h->comm, sizeof(h->comm), "/proc/%s/comm", e->d_name);
	}
	closedir(dir);
	qsort(holders, count, sizeof(*holders), by_pid);
	return count;
}
