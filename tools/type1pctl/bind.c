// SPDX-License-Identifier: GPL-2.0-only
/* type1pctl bind, unbind, restore: whole IOMMU groups to vfio-pci and back. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "inuse.h"
#include "jsonc.h"
#include "memory.h"
#include "modules.h"
#include "pci.h"
#include "text.h"

#define VFIO_PCI	"vfio-pci"
#define REFUSED		1

/* What becomes of one group. */
struct outcome {
	int group;
	int status;			/* 0, REFUSED or EX_... */
	char error[256];
	struct pci_dev devs[PCI_GROUP_MAX];	/* but bridges, which stay as they are */
	char before[PCI_GROUP_MAX][PCI_NAME_LEN];
	int count;
};

struct action {
	const char *name;
	void (*run)(struct outcome *o);
};

static struct {
	bool force;
	char bdfs[PCI_GROUP_MAX][PCI_BDF_LEN];
	int count;
} options;

static void __printf(3, 4) failed(struct outcome *o, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(o->error, sizeof(o->error), format, args);
	va_end(args);
	o->status = status;
}

static void read_members(struct outcome *o)
{
	int i, members = pci_group_members(o->group, o->devs, PCI_GROUP_MAX);

	for (i = 0; i < members; i++) {
		if (pci_is_bridge(&o->devs[i]))
			continue;
		o->devs[o->count] = o->devs[i];
		pci_driver(o->devs[i].bdf, o->before[o->count++]);
	}
	if (members < 0)
		failed(o, EX_OSERR, "group %d: %s", o->group, strerror(-members));
}

/* A driver that is unbound under its users takes them along, or waits for them for good. */
static bool is_free(struct outcome *o)
{
	char use[USE_LEN];
	int i;

	for (i = 0; i < o->count && !options.force; i++) {
		if (!device_in_use(o->devs[i].bdf, use))
			continue;
		failed(o, REFUSED, "%s is in use: %s (--force takes it all the same)",
		       o->devs[i].bdf, use);
		return false;
	}
	return true;
}

static bool has_vfio(const struct outcome *o, int i)
{
	return !strcmp(o->before[i], VFIO_PCI);
}

static bool keep_all(struct outcome *o, bool fresh[])
{
	struct pci_binding b;
	int i, ret;

	for (i = 0; i < o->count; i++) {
		if (has_vfio(o, i))
			continue;
		ret = pci_binding_read(o->devs[i].bdf, &b);
		if (!ret) {
			/* What was there before the first bind is what counts. */
			ret = memory_keep(&b);
			fresh[i] = !ret;
		}
		if (ret && ret != -EEXIST) {
			failed(o, EX_OSERR, "cannot remember %s in " MEMORY_DIR ": %s",
			       b.bdf, strerror(-ret));
			return false;
		}
	}
	return true;
}

static void do_bind(struct outcome *o)
{
	struct pci_binding taken[PCI_GROUP_MAX];
	bool fresh[PCI_GROUP_MAX] = { };
	int i, ret;

	for (i = 0; i < o->count && has_vfio(o, i); i++)
		;
	if (i == o->count || !is_free(o))
		return;
	ret = module_load(VFIO_PCI);
	if (ret < 0) {
		failed(o, EX_UNAVAILABLE, "modprobe " VFIO_PCI ": %s", strerror(-ret));
		return;
	}
	if (keep_all(o, fresh)) {
		ret = pci_group_take(o->group, taken, PCI_GROUP_MAX);
		if (ret >= 0)
			return;
		failed(o, EX_OSERR, "group %d does not go to " VFIO_PCI ": %s", o->group,
		       strerror(-ret));
	}
	for (i = 0; i < o->count; i++)
		if (fresh[i])
			memory_drop(o->devs[i].bdf);
}

static void give_back(struct outcome *o, const struct pci_binding *b)
{
	int ret = pci_restore(b);

	if (ret && !o->status)
		failed(o, EX_OSERR, "%s does not go back to %s: %s", b->bdf,
		       b->driver[0] ? b->driver : "no driver",
		       ret == -ENXIO ? "that driver did not take it" : strerror(-ret));
}

static void do_unbind(struct outcome *o)
{
	struct pci_binding nothing = { };
	int i;

	if (!is_free(o))
		return;
	for (i = 0; i < o->count; i++) {
		if (!has_vfio(o, i))
			continue;
		snprintf(nothing.bdf, sizeof(nothing.bdf), "%s", o->devs[i].bdf);
		give_back(o, &nothing);
	}
}

static void do_restore(struct outcome *o)
{
	struct pci_binding b;
	int i, remembered = 0;

	for (i = 0; i < o->count; i++)
		remembered += !memory_recall(o->devs[i].bdf, &b);
	if (!remembered) {
		failed(o, REFUSED, "group %d was not bound by type1pctl: nothing to restore",
		       o->group);
		return;
	}
	if (!is_free(o))
		return;
	for (i = 0; i < o->count; i++) {
		if (memory_recall(o->devs[i].bdf, &b))
			continue;
		give_back(o, &b);
		if (!o->status)
			memory_drop(b.bdf);
	}
}

static void print_outcome(const struct outcome *o)
{
	char now[PCI_NAME_LEN];
	int i;

	for (i = 0; i < o->count; i++) {
		pci_driver(o->devs[i].bdf, now);
		printf("group %-4d %s  driver %s", o->group, o->devs[i].bdf, now[0] ? now : "none");
		if (strcmp(now, o->before[i]))
			printf(", was %s", o->before[i][0] ? o->before[i] : "none");
		putchar('\n');
	}
}

static struct json_object *outcome_object(const struct outcome *o)
{
	struct json_object *object = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	char now[PCI_NAME_LEN];
	int i;

	put_number(object, "group", o->group);
	put_text(object, "error", o->status ? o->error : NULL);
	for (i = 0; i < o->count; i++) {
		struct json_object *d = json_object_new_object();

		pci_driver(o->devs[i].bdf, now);
		put_text(d, "address", o->devs[i].bdf);
		put_text(d, "driver_before", o->before[i][0] ? o->before[i] : NULL);
		put_text(d, "driver", now[0] ? now : NULL);
		json_object_array_add(devices, d);
	}
	json_object_object_add(object, "devices", devices);
	return object;
}

/* Returns how many groups the devices are in, or complains and returns -EX_... */
static int find_groups(int *groups)
{
	int i, k, group, count = 0;

	for (i = 0; i < options.count; i++) {
		const char *bdf = options.bdfs[i];
		struct pci_dev dev;

		if (pci_dev_read(bdf, &dev))
			return -complain(EX_NOINPUT, "no device %s (lspci -D)", bdf);
		group = pci_group_make(bdf);
		if (group < 0)
			return -complain(EX_NOINPUT,
					 "%s is in no IOMMU group: is the IOMMU on? (type1pctl check)",
					 bdf);
		for (k = 0; k < count && groups[k] != group; k++)
			;
		if (k == count)
			groups[count++] = group;
	}
	return count;
}

static int run_action(const struct action *action)
{
	struct json_object *document = json_object_new_object();
	struct json_object *array = json_object_new_array();
	int groups[PCI_GROUP_MAX], i, count, status = EX_OK;

	count = find_groups(groups);
	if (count < 0)
		status = -count;
	for (i = 0; i < count; i++) {
		static struct outcome o;

		o = (struct outcome){ .group = groups[i] };
		read_members(&o);
		if (!o.status)
			action->run(&o);
		if (o.status)
			status = complain(o.status, "%s", o.error);
		if (want_json)
			json_object_array_add(array, outcome_object(&o));
		else
			print_outcome(&o);
	}
	put_text(document, "action", action->name);
	put_bool(document, "good", !status);
	json_object_object_add(document, "groups", array);
	if (want_json)
		print_and_free(document);
	else
		json_object_put(document);
	return status;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'f':
		options.force = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options.count == PCI_GROUP_MAX)
			argp_error(state, "at most %d devices at once", PCI_GROUP_MAX);
		if (pci_parse_bdf(arg, options.bdfs[options.count]))
			argp_error(state, "not the address of a PCI device, as in 0000:01:00.0: %s",
				   arg);
		options.count++;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option argp_options[] = {
	{ "force", 'f', NULL, 0, "Take devices even though they are in use" },
	{ }
};

#define EXIT_STATUS							\
	"Exit status: 0; 1 refused, as a device is in use or nothing is\n"	\
	"remembered; 64 and up: the system did not do it."

static int act(const struct action *action, const char *args, const char *doc, int argc,
	       char **argv)
{
	const struct argp argp = { argp_options, parse, args, doc, json_child };

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!options.count && strcmp(action->name, "restore"))
		return complain(EX_USAGE, "which device? %s --help tells more", argv[0]);
	if (!is_root())
		return EX_NOPERM;
	if (!options.count)
		options.count = memory_all(options.bdfs, PCI_GROUP_MAX);
	if (!options.count && !want_json)
		puts("Nothing is bound by type1pctl.");
	return run_action(action);
}

static const char bind_doc[] =
"Gives devices to vfio-pci: each with all of its IOMMU group, but for bridges.\n"
"The drivers they had are remembered in " MEMORY_DIR " until a restore or reboot.\n"
"\vA device in use is refused: a disk that is mounted, swap, or part of RAID or\n"
"LVM; a network interface that is up; the console's display; a group that a\n"
"program has open.\n\n"
EXIT_STATUS;

int cmd_bind(int argc, char **argv)
{
	static const struct action action = { "bind", do_bind };

	return act(&action, "BDF...", bind_doc, argc, argv);
}

static const char unbind_doc[] =
"Takes devices from vfio-pci, each with all of its IOMMU group, and leaves them\n"
"without a driver. What they had before stays remembered for restore.\n"
"\vRefuses while a program has the group open.\n\n"
EXIT_STATUS;

int cmd_unbind(int argc, char **argv)
{
	static const struct action action = { "unbind", do_unbind };

	return act(&action, "BDF...", unbind_doc, argc, argv);
}

static const char restore_doc[] =
"Gives devices back to the drivers that they had before bind, each with all of\n"
"its IOMMU group; without BDF, all that were bound.\n"
"\vRefuses while a program has the group open.\n\n"
EXIT_STATUS;

int cmd_restore(int argc, char **argv)
{
	static const struct action action = { "restore", do_restore };

	return act(&action, "[BDF...]", restore_doc, argc, argv);
}
