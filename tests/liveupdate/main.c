// SPDX-License-Identifier: GPL-2.0-only
/* Live updates, one after the other, and what they cost. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/vfio_type1p.h>

#include "../lib/container.h"
#include "../lib/interrupt.h"
#include "../lib/inuse.h"
#include "../lib/progress.h"
#include "dma.h"
#include "report.h"
#include "vmm.h"

static char error[256];

static __printf(2, 3) enum exit_code fail(enum exit_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, sizeof(error), format, args);
	va_end(args);
	return code;
}

static enum exit_code check_system(void)
{
	int ret, fd;

	if (geteuid())
		return fail(RESULT_SYSTEM, "only root can take devices from drivers");
	fd = container_open();
	if (fd < 0)
		return fail(RESULT_NO_VFIO, "cannot open /dev/vfio/vfio: %s", strerror(-fd));
	ret = container_check(fd, VFIO_TYPE1P_IOMMU);
	close(fd);
	if (ret != 1)
		return fail(RESULT_NO_VFIO, "type1p is not there: modprobe vfio_iommu_type1p");
	if (emulated_group(0) < 0)
		return fail(RESULT_NO_VFIO,
			    "no emulated devices: scripts/build-module --emulated, and load that");
	return RESULT_OK;
}

static enum exit_code find_device(const struct options *o, const char *bdf,
				  struct setting *setting)
{
	struct pci_dev *dev = &setting->device[setting->devices];
	char use[USE_LEN];
	int group;

	if (pci_dev_read(bdf, dev))
		return fail(RESULT_USAGE, "no PCI device %s", bdf);
	if (!dma_drives(dev))
		return fail(RESULT_USAGE, "%s is neither an NVMe disk nor QEMU's edu", bdf);
	group = pci_group_make(bdf);
	if (group < 0)
		return fail(RESULT_NO_VFIO, "%s has no IOMMU group: no IOMMU, or not turned on",
			    bdf);
	if (!o->force && device_in_use(bdf, use))
		return fail(RESULT_BUSY, "%s: %s", bdf, use);
	setting->group[setting->devices++] = group;
	return RESULT_OK;
}

/* Its other devices lose their drivers as well. */
static enum exit_code check_group(const struct options *o, int group)
{
	struct pci_dev devs[PCI_GROUP_MAX];
	char use[USE_LEN];
	int i, count = pci_group_members(group, devs, PCI_GROUP_MAX);

	for (i = 0; i < count; i++)
		if (!o->force && !pci_is_bridge(&devs[i]) && device_in_use(devs[i].bdf, use))
			return fail(RESULT_BUSY, "%s (IOMMU group %d): %s", devs[i].bdf, group,
				    use);
	return RESULT_OK;
}

struct bindings {
	struct pci_binding list[PCI_GROUP_MAX];
	int count;
};

static enum exit_code take_groups(const struct setting *setting, struct bindings *b)
{
	int i, first, ret;

	for (i = 0; i < setting->devices; i++) {
		first = 0;
		while (setting->group[first] != setting->group[i])
			first++;
		if (first < i)
			continue;
		ret = pci_group_take(setting->group[i], b->list + b->count,
				     PCI_GROUP_MAX - b->count);
		if (ret < 0)
			return fail(RESULT_SYSTEM, "cannot bind IOMMU group %d to vfio-pci: %s",
				    setting->group[i], strerror(-ret));
		b->count += ret;
	}
	return RESULT_OK;
}

static enum exit_code one_update(const struct options *o, const struct setting *setting,
				 enum way way, enum mode mode)
{
	static struct result result;
	char what[64];
	int ret;

	snprintf(what, sizeof(what), "%s, %s", way_name(way), mode_name(mode));
	progress_begin(what, 0);
	ret = runner_run(o, setting, way, mode, &result);
	progress_end();
	if (ret == -EINTR)
		return fail(RESULT_SIGNAL + interrupted(), "stopped by signal %d (%s)",
			    interrupted(), strsignal(interrupted()));
	if (ret)
		return fail(RESULT_SYSTEM, "cannot begin: %s", strerror(-ret));
	report_result(o, &result);
	return result.good ? RESULT_OK : RESULT_FAILED;
}

static enum exit_code update(const struct options *o, const struct setting *setting)
{
	enum exit_code code = RESULT_OK, one;
	unsigned int round, way, mode;

	report_begin(o, setting);
	for (round = 0; round < o->rounds; round++) {
		for (way = 0; way < WAYS; way++) {
			for (mode = 0; mode < MODES; mode++) {
				if (!o->ways[way] || !o->modes[mode])
					continue;
				one = one_update(o, setting, way, mode);
				if (one > RESULT_FAILED)
					return one;
				code = code ? code : one;
			}
		}
	}
	return code;
}

static enum exit_code run(const struct options *o)
{
	struct setting setting = { };
	struct bindings bindings = { };
	enum exit_code code;
	int i, ret;

	code = check_system();
	for (i = 0; i < o->devices && !code; i++)
		code = find_device(o, o->bdf[i], &setting);
	for (i = 0; i < setting.devices && !code; i++)
		code = check_group(o, setting.group[i]);
	if (!code)
		code = take_groups(&setting, &bindings);
	if (!code)
		code = update(o, &setting);
	ret = pci_group_restore(bindings.list, bindings.count);
	if (ret)
		return fail(RESULT_SYSTEM, "could not restore all drivers: %s", strerror(-ret));
	return code;
}

static int play(const struct options *o)
{
	bool receive = !strcmp(o->role, ROLE_RECEIVE);
	struct state *s = receive ? handover_receive(o->fd) : state_attach(o->fd);

	if (!s)
		return 1;
	return !!(strcmp(o->role, ROLE_START) ? vmm_continue(s) : vmm_start(s));
}

int main(int argc, char **argv)
{
	struct options options;
	enum exit_code code;

	options_parse(&options, argc, argv);
	if (options.role)
		return play(&options);
	interrupt_catch();
	code = run(&options);
	report_end(&options, code, error[0] ? error : NULL);
	return code;
}
