// SPDX-License-Identifier: GPL-2.0-only
/* The command line of the bench. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "options.h"
#include "size.h"
#include "stats.h"

#define DEFAULT_ROWS	"table"
#define DEFAULT_ROUNDS	5
#define DEFAULT_SIZE	(256UL << 20)

static const char help[] =
"Usage: type1p-bench [OPTION]...\n"
"\n"
"Measures VFIO containers: type1p and the in-tree driver in turns on the same\n"
"memory, and beside them the floor: the kernel's calls to pin and map alone; and\n"
"IOMMUFD, where the kernel has it. Wants five QEMU edu devices (one for each, one\n"
"to attach), and vfio_iommu_type1p and type1p_floor loaded. In a guest whose clock counts instructions (scripts/vm\n"
"--icount) a nanosecond is an instruction, and results repeat.\n"
"\n"
"  -r, --rows LIST    rows or sets of rows, with wildcards, separated by commas\n"
"                     (default \"table\")\n"
"  -l, --list         say which there are\n"
"  -n, --rounds N     times that each side does each row (default 5, at most 32)\n"
"  -s, --size SIZE    memory to map in rows that leave it open (default 256M)\n"
"  -j, --json FILE    results in full, besides the table\n"
"  -h, --help         this text\n"
"\n"
"Exit status: 0; 1 something went wrong within a row; 2 wrong usage; 6 no devices,\n"
"or no backends.\n";

static const struct option longopts[] = {
	{ "rows", required_argument, NULL, 'r' },
	{ "list", no_argument, NULL, 'l' },
	{ "rounds", required_argument, NULL, 'n' },
	{ "size", required_argument, NULL, 's' },
	{ "json", required_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

void options_help(void)
{
	fputs(help, stdout);
}

static enum exit_code usage(const char *what, const char *arg)
{
	fprintf(stderr, "type1p-bench: %s '%s'; see --help\n", what, arg);
	return RESULT_USAGE;
}

enum exit_code options_parse(struct options *o, int argc, char **argv)
{
	int opt;

	*o = (struct options){
		.rows = DEFAULT_ROWS,
		.rounds = DEFAULT_ROUNDS,
		.size = DEFAULT_SIZE,
	};
	while ((opt = getopt_long(argc, argv, "r:ln:s:j:h", longopts, NULL)) >= 0) {
		switch (opt) {
		case 'r':
			o->rows = optarg;
			break;
		case 'l':
			o->list = true;
			break;
		case 'n':
			o->rounds = strtoul(optarg, NULL, 10);
			if (!o->rounds || o->rounds > MAX_ROUNDS)
				return usage("cannot do that many rounds:", optarg);
			break;
		case 's':
			if (size_parse(optarg, &o->size) || !o->size || o->size % PAGE_2M)
				return usage("not a multiple of 2M:", optarg);
			break;
		case 'j':
			o->json = optarg;
			break;
		case 'h':
			o->help = true;
			break;
		default:
			return RESULT_USAGE;
		}
	}
	return optind < argc ? usage("what is", argv[optind]) : RESULT_OK;
}
