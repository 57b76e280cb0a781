// SPDX-License-Identifier: GPL-2.0-only
/* The command line, and the exit codes that it promises. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/container.h"
#include "../lib/size.h"
#include "options.h"

#define DEFAULT_SIZE	(64UL << 20)
#define MIN_SIZE	PAGE_2M

static const char help[] =
"Usage: type1p-exercise --device BDF [--device BDF]... [OPTION]...\n"
"       type1p-exercise --list [--json]\n"
"\n"
"Binds PCI devices to vfio-pci, maps memory for them through a VFIO container,\n"
"has the devices themselves move data through these mappings, checks every\n"
"byte, and gives the devices back to their drivers.\n"
"\n"
"  -d, --device BDF     device to use, with all of its IOMMU group; repeatable\n"
"  -l, --list           show the devices that could be used, and change nothing\n"
"  -b, --backend WHICH  type1p, in-tree or any (default): the driver that must\n"
"                       serve the container\n"
"  -s, --size SIZE      memory to map, e.g. 512M or 4G (default 64M)\n"
"  -p, --pages KIND     4k (default), thp or hugetlb\n"
"      --destructive    write to NVMe disks too: 4 MiB in the middle of the disk,\n"
"                       saved before and put back after\n"
"      --faults         also have the devices access memory that is not theirs,\n"
"                       which must not succeed; leaves IOMMU faults in the log\n"
"      --force          take devices even though they are in use\n"
"  -j, --json           one JSON document instead of the report\n"
"  -h, --help           this text\n"
"\n"
"NVMe disks are read (never written, unless --destructive); QEMU's edu device\n"
"copies both ways. For any other device only the mappings are checked.\n"
"\n"
"Devices in use (a disk mounted, or serving as swap or below RAID or LVM; a\n"
"network interface that is up) are refused. Drivers are restored at the end, after\n"
"errors, and on Ctrl-C or SIGTERM; only kill -9 leaves devices with vfio-pci.\n"
"\n"
"Exit status: 0 all is well; 1 a check failed, or data came out wrong; 2 wrong\n"
"usage; 3 a device is in use; 4 no IOMMU, or no VFIO; 5 served by another backend\n"
"than asked for; 6 the system refused something else; 128+N stopped by signal N\n"
"(130: Ctrl-C).\n";

enum {
	OPT_DESTRUCTIVE = 256,
	OPT_FAULTS,
	OPT_FORCE,
};

static const struct option longopts[] = {
	{ "device", required_argument, NULL, 'd' },
	{ "list", no_argument, NULL, 'l' },
	{ "backend", required_argument, NULL, 'b' },
	{ "size", required_argument, NULL, 's' },
	{ "pages", required_argument, NULL, 'p' },
	{ "destructive", no_argument, NULL, OPT_DESTRUCTIVE },
	{ "faults", no_argument, NULL, OPT_FAULTS },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static const char * const page_names[] = {
	[MEM_4K] = "4k",
	[MEM_THP] = "thp",
	[MEM_HUGETLB] = "hugetlb",
};

const char *pages_name(enum mem_pages pages)
{
	return page_names[pages];
}

void options_help(void)
{
	fputs(help, stdout);
}

static int parse_size(const char *text, u64 *size)
{
	int ret = size_parse(text, size);

	return ret || *size < MIN_SIZE || *size % PAGE_2M ? -EINVAL : 0;
}

static int parse_pages(const char *text, enum mem_pages *pages)
{
	int i;

	for (i = MEM_4K; i <= MEM_HUGETLB; i++) {
		if (!strcasecmp(text, page_names[i])) {
			*pages = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_backend(const char *text, int *backend)
{
	if (!strcmp(text, "any"))
		*backend = BACKEND_ANY;
	else if (!strcmp(text, backend_name(BACKEND_TYPE1P)))
		*backend = BACKEND_TYPE1P;
	else if (!strcmp(text, backend_name(BACKEND_INTREE)))
		*backend = BACKEND_INTREE;
	else
		return -EINVAL;
	return 0;
}

static int add_device(struct options *o, const char *text)
{
	int i;

	if (o->devices == MAX_DEVICES || pci_parse_bdf(text, o->bdf[o->devices]))
		return -EINVAL;
	for (i = 0; i < o->devices; i++)
		if (!strcmp(o->bdf[i], o->bdf[o->devices]))
			return 0;
	o->devices++;
	return 0;
}

static int parse_one(struct options *o, int opt)
{
	switch (opt) {
	case 'd':
		return add_device(o, optarg);
	case 's':
		return parse_size(optarg, &o->size);
	case 'p':
		return parse_pages(optarg, &o->pages);
	case 'b':
		return parse_backend(optarg, &o->backend);
	case 'l':
		o->list = true;
		break;
	case 'j':
		o->json = true;
		break;
	case 'h':
		o->help = true;
		break;
	case OPT_DESTRUCTIVE:
		o->destructive = true;
		break;
	case OPT_FAULTS:
		o->faults = true;
		break;
	case OPT_FORCE:
		o->force = true;
		break;
	}
	return 0;
}

static enum exit_code usage(const char *format, const char *arg)
{
	fputs("type1p-exercise: ", stderr);
	fprintf(stderr, format, arg);
	fputs("; see --help\n", stderr);
	return RESULT_USAGE;
}

enum exit_code options_parse(struct options *o, int argc, char **argv)
{
	int opt, before;

	*o = (struct options){ .backend = BACKEND_ANY, .size = DEFAULT_SIZE };
	for (;;) {
		before = optind;
		opt = getopt_long(argc, argv, "d:lb:s:p:jh", longopts, NULL);
		if (opt < 0)
			break;
		if (opt == '?')
			return RESULT_USAGE;
		if (parse_one(o, opt))
			return opt == 's' ?
				usage("size '%s' is not a multiple of 2M, e.g. 512M", optarg) :
				usage("cannot make sense of '%s'", argv[before]);
	}
	if (optind < argc)
		return usage("what is '%s'", argv[optind]);
	if (o->force && o->destructive)
		return usage("%s", "--destructive never goes with --force");
	if (!o->devices && !o->list && !o->help)
		return usage("%s", "which device? Give --device, or look with --list");
	return RESULT_OK;
}
