// SPDX-License-Identifier: GPL-2.0-only
/* The devices, taken from their drivers, and the container that they share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/device.h"
#include "../lib/edu.h"
#include "../lib/interrupt.h"
#include "../lib/inuse.h"
#include "../lib/progress.h"
#include "session.h"

static enum exit_code check_system(struct report *r)
{
	if (geteuid())
		return report_error(r, RESULT_SYSTEM, "only root can take devices from drivers");
	if (access("/dev/vfio/vfio", F_OK))
		return report_error(r, RESULT_NO_VFIO, "no /dev/vfio/vfio: modprobe vfio");
	if (access("/sys/bus/pci/drivers/vfio-pci", F_OK))
		return report_error(r, RESULT_NO_VFIO, "no vfio-pci driver: modprobe vfio-pci");
	return RESULT_OK;
}

static void add_group(struct session *s, int group)
{
	int i;

	for (i = 0; i < s->ngroups; i++)
		if (s->groups[i] == group)
			return;
	s->groups[s->ngroups++] = group;
}

static enum exit_code find_target(struct session *s, const char *bdf)
{
	struct target *t = &s->targets[s->ntargets];

	t->fd = -1;
	if (pci_dev_read(bdf, &t->dev))
		return report_error(s->report, RESULT_USAGE, "no PCI device %s", bdf);
	if (pci_is_bridge(&t->dev))
		return report_error(s->report, RESULT_USAGE, "%s is a bridge", bdf);
	t->group = pci_group_make(bdf);
	if (t->group < 0)
		return report_error(s->report, RESULT_NO_VFIO,
				    "%s has no IOMMU group: no IOMMU, or not turned on (intel_iommu=on)",
				    bdf);
	s->ntargets++;
	add_group(s, t->group);
	return RESULT_OK;
}

static const char *exercise_for(const struct session *s, const struct pci_dev *dev)
{
	int i;

	for (i = 0; i < s->ntargets; i++)
		if (!strcmp(s->targets[i].dev.bdf, dev->bdf))
			break;
	if (i == s->ntargets)
		return "none: only shares the IOMMU group";
	if (dev->class == PCI_CLASS_NVME)
		return "nvme";
	if (dev->vendor == EDU_VENDOR && dev->device == EDU_DEVICE)
		return "edu";
	return "mappings only";
}

static enum exit_code look_at_group(struct session *s, int group)
{
	struct pci_dev devs[PCI_GROUP_MAX];
	struct report *r = s->report;
	char use[USE_LEN];
	int i, count;

	count = pci_group_members(group, devs, PCI_GROUP_MAX);
	for (i = 0; i < count; i++) {
		struct report_device *d = &r->devices[r->ndevices];

		if (pci_is_bridge(&devs[i]))
			continue;
		if (r->ndevices == PCI_GROUP_MAX)
			return report_error(r, RESULT_SYSTEM, "too many devices in these groups");
		if (device_in_use(devs[i].bdf, use) && !s->options->force)
			return report_error(r, RESULT_BUSY, "%s (IOMMU group %d): %s", devs[i].bdf,
					    group, use);
		d->dev = devs[i];
		d->group = group;
		d->exercise = exercise_for(s, &d->dev);
		pci_driver(d->dev.bdf, d->driver);
		r->ndevices++;
	}
	return RESULT_OK;
}

static enum exit_code take_group(struct session *s, int group)
{
	struct pci_binding *b = &s->bindings[s->nbindings];
	int ret = pci_group_take(group, b, PCI_GROUP_MAX - s->nbindings);

	if (ret < 0)
		return report_error(s->report, RESULT_SYSTEM,
				    "cannot bind IOMMU group %d to vfio-pci: %s", group,
				    strerror(-ret));
	s->nbindings += ret;
	return RESULT_OK;
}

static enum exit_code join_group(struct session *s, int i)
{
	int ret = container_add_group(s->container, s->groups[i]);

	if (ret == -EBUSY)
		return report_error(s->report, RESULT_BUSY,
				    "IOMMU group %d is in use by another VFIO program",
				    s->groups[i]);
	if (ret < 0)
		return report_error(s->report, RESULT_SYSTEM,
				    "cannot put IOMMU group %d into the container: %s",
				    s->groups[i], strerror(-ret));
	s->group_fds[i] = ret;
	return RESULT_OK;
}

static enum exit_code set_backend(struct session *s)
{
	const int wanted = s->options->backend;
	struct report *r = s->report;
	int ret;

	ret = container_set_iommu(s->container, VFIO_TYPE1v2_IOMMU);
	if (ret == -ENODEV)
		return report_error(r, RESULT_NO_VFIO,
				    "no driver serves type 1 containers: modprobe vfio_iommu_type1");
	if (ret == -EPERM)
		return report_error(r, RESULT_NO_VFIO,
				    "no interrupt remapping here: see allow_unsafe_interrupts of vfio_iommu_type1");
	if (ret)
		return report_error(r, RESULT_SYSTEM, "VFIO_SET_IOMMU: %s", strerror(-ret));
	ret = container_backend(s->container);
	if (ret < 0)
		return report_error(r, RESULT_SYSTEM, "VFIO_CHECK_EXTENSION: %s", strerror(-ret));
	r->backend = ret;
	if (wanted != BACKEND_ANY && wanted != ret)
		return report_error(r, RESULT_BACKEND, "served by the %s driver, not by %s%s",
				    backend_name(ret), backend_name(wanted),
				    wanted == BACKEND_INTREE ?
				    " (turn claim_type1 of vfio_iommu_type1p off)" : "");
	return RESULT_OK;
}

static enum exit_code open_container(struct session *s)
{
	struct report *r = s->report;
	enum exit_code result = RESULT_OK;
	int i, ret;

	s->container = container_open();
	if (s->container < 0)
		return report_error(r, RESULT_NO_VFIO, "cannot open /dev/vfio/vfio: %s",
				    strerror(-s->container));
	for (i = 0; i < s->ngroups && !result; i++)
		result = join_group(s, i);
	if (!result)
		result = set_backend(s);
	if (result)
		return result;

	ret = container_info(s->container, &s->info);
	if (ret)
		return report_error(r, RESULT_SYSTEM, "VFIO_IOMMU_GET_INFO: %s", strerror(-ret));
	return RESULT_OK;
}

static enum exit_code open_target(struct session *s, struct target *t)
{
	int i = 0, ret;

	while (s->groups[i] != t->group)
		i++;
	ret = device_open(s->group_fds[i], t->dev.bdf);
	if (ret < 0)
		return report_error(s->report, RESULT_SYSTEM, "cannot open %s: %s", t->dev.bdf,
				    strerror(-ret));
	t->fd = ret;
	return RESULT_OK;
}

static enum exit_code allocate(struct session *s)
{
	const u64 size = s->options->size;
	u64 done, page;

	if (s->options->pages != MEM_HUGETLB && (s64)size > mem_available())
		return report_error(s->report, RESULT_SYSTEM, "only %s of memory is available",
				    human_bytes(mem_available()));
	s->mem = mem_alloc(size, s->options->pages);
	if (!s->mem)
		return report_error(s->report, RESULT_SYSTEM, "no %s of memory (%s pages): %s",
				    human_bytes(size), pages_name(s->options->pages),
				    strerror(errno));
	/* Touched now, so that the time of a mapping is not that of page faults. */
	progress_begin("touching memory", size);
	for (done = 0; done < size && !interrupted(); done += PAGE_2M) {
		for (page = 0; page < PAGE_2M; page += PAGE_4K)
			s->mem[done + page] = 1;
		progress_add(PAGE_2M);
	}
	progress_end();
	return RESULT_OK;
}

enum exit_code session_open(struct session *s, const struct options *o, struct report *r)
{
	enum exit_code result;
	int i;

	*s = (struct session){ .options = o, .report = r, .container = -1 };
	for (i = 0; i < MAX_DEVICES; i++)
		s->group_fds[i] = -1;

	result = check_system(r);
	for (i = 0; i < o->devices && !result; i++)
		result = find_target(s, o->bdf[i]);
	for (i = 0; i < s->ngroups && !result; i++)
		result = look_at_group(s, s->groups[i]);
	if (!result)
		result = allocate(s);
	for (i = 0; i < s->ntargets && !result; i++)
		reference_read(&s->targets[i].reference, s->targets[i].dev.bdf, o->size / 2);
	for (i = 0; i < s->ngroups && !result && !interrupted(); i++)
		result = take_group(s, s->groups[i]);
	if (result || interrupted())
		return result;
	result = open_container(s);
	for (i = 0; i < s->ntargets && !result; i++)
		result = open_target(s, &s->targets[i]);
	return result;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void session_close(struct session *s)
{
	int i, ret;

	/* Devices first: unbinding waits for as long as one is open. */
	for (i = 0; i < s->ntargets; i++)
		close_fd(&s->targets[i].fd);
	for (i = 0; i < s->ngroups; i++)
		close_fd(&s->group_fds[i]);
	close_fd(&s->container);
	mem_free(s->mem, s->options->size, s->options->pages);

	ret = pci_group_restore(s->bindings, s->nbindings);
	for (i = 0; i < s->ntargets; i++) {
		if (s->nbindings && !ret)
			reference_check(&s->targets[i].reference, s->report, s->targets[i].dev.bdf);
		reference_free(&s->targets[i].reference);
	}
	s->nbindings = 0;
	if (ret) {
		s->report->restored = false;
		report_error(s->report, RESULT_SYSTEM, "could not restore all drivers: %s",
			     strerror(-ret));
	}
}
