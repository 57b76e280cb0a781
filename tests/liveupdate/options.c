// SPDX-License-Identifier: GPL-2.0-only
/* The command line. */
#define _GNU_SOURCE
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "options.h"
#include "vmm.h"

/* Below what a translator may wait by default, vaddr_timeout_ms. */
#define MAX_HOLD	25
/* Shorter ones are the machine's, when it is an emulated one on a busy host. */
#define MIN_LIMIT_MS	500
#define MAX_ROUNDS	100000

static const char doc[] =
"Replaces a program that has devices at work, as a virtual machine monitor\n"
"does in a live update, and tells how long anybody had to stand still for it.\n"
"\vThe memory is mapped for DMA in several ranges. Real devices do DMA all the\n"
"time, driven by a process each that checks every byte: NVMe disks (which are\n"
"only read, and compared with memory) and QEMU's edu. Threads and work items\n"
"in the kernel (tests/kmod) pin, read and write the memory all the time as\n"
"well. Then all vaddrs are invalidated; the program is replaced, maps the\n"
"memory elsewhere, and replaces the vaddrs.\n"
"\n"
"A driver in the kernel that meets an invalid vaddr can do without it when\n"
"  a  the pages are pinned for an IOMMU: a container with both kinds;\n"
"  b  the memory is a shared file (memfd), and the kernel is 6.11 or later:\n"
"     a container with emulated devices only;\n"
"  c  else it waits for the new vaddr: the same with a private mapping.\n"
"Without --device, a is left out.\n"
"\n"
"It is good when no byte was wrong, nothing failed, DMA went on, nothing\n"
"stayed pinned or charged, and nobody waited in a way that is not to. The\n"
"longest call before the update, in as much time, tells how much of a pause\n"
"is the machine's.\n"
"\n"
"Exit status: 0 all is well; 1 something of this was not so; 2 wrong usage; 3\n"
"a device is in use; 4 no IOMMU, no VFIO, no type1p, or no emulated devices;\n"
"6 the system refused something else; 128+N stopped by signal N.\n";

enum {
	OPT_FORCE = 256,
	OPT_LIMIT,
	OPT_NO_WAIT,
	OPT_START,
	OPT_CONTINUE,
	OPT_RECEIVE,
};

static const struct argp_option argp_options[] = {
	{ "device", 'd', "BDF", 0, "real device to keep busy; repeatable" },
	{ "way", 'w', "WAY", 0, "a, b or c; repeatable (default: all)" },
	{ "mode", 'm', "MODE", 0,
	  "exec, in the same process, or socket, to a fresh one (default: both)" },
	{ "hold", 't', "SECS", 0, "how long the vaddr stays invalid (default 1)" },
	{ "rounds", 'r', "N", 0, "do it all N times" },
	{ "limit", OPT_LIMIT, "MS", 0,
	  "so long a pause, if none before was a third of it, is a wait (default: hold)" },
	{ "no-wait", OPT_NO_WAIT, "WAYS", 0,
	  "ways in which nobody is to wait (default: a; from 6.11 on, ab)" },
	{ "force", OPT_FORCE, NULL, 0, "take devices even though they are in use" },
	{ "json", 'j', NULL, 0, "one JSON document instead of the table" },
	{ ROLE_START, OPT_START, "FD", OPTION_HIDDEN, NULL },
	{ ROLE_CONTINUE, OPT_CONTINUE, "FD", OPTION_HIDDEN, NULL },
	{ ROLE_RECEIVE, OPT_RECEIVE, "FD", OPTION_HIDDEN, NULL },
	{ }
};

static double parse_number(struct argp_state *argp, const char *text, double min, double max)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end || !(number >= min && number <= max))
		argp_error(argp, "'%s' is not a number from %g to %g", text, min, max);
	return number;
}

static void parse_ways(struct argp_state *argp, const char *text, bool ways[WAYS])
{
	for (; *text; text++) {
		if (*text < 'a' || *text >= 'a' + WAYS)
			argp_error(argp, "there is no way '%c'", *text);
		ways[*text - 'a'] = true;
	}
}

static void parse_mode(struct argp_state *argp, const char *text, struct options *o)
{
	if (!strcmp(text, "exec"))
		o->modes[MODE_EXEC] = true;
	else if (!strcmp(text, "socket"))
		o->modes[MODE_SOCKET] = true;
	else
		argp_error(argp, "there is no mode '%s'", text);
}

static void add_device(struct argp_state *argp, const char *text, struct options *o)
{
	int i;

	if (o->devices == MAX_DEVICES)
		argp_error(argp, "no more than %d devices", MAX_DEVICES);
	if (pci_parse_bdf(text, o->bdf[o->devices]))
		argp_error(argp, "'%s' is no PCI address", text);
	for (i = 0; i < o->devices; i++)
		if (!strcmp(o->bdf[i], o->bdf[o->devices]))
			return;
	o->devices++;
}

static void take_role(struct options *o, const char *role, const char *fd)
{
	o->role = role;
	o->fd = atoi(fd);
}

static error_t parse_one(int key, char *arg, struct argp_state *argp)
{
	struct options *o = argp->input;

	switch (key) {
	case 'd':
		add_device(argp, arg, o);
		return 0;
	case 'w':
		parse_ways(argp, arg, o->ways);
		return 0;
	case 'm':
		parse_mode(argp, arg, o);
		return 0;
	case 't':
		o->hold_ms = 1000 * parse_number(argp, arg, 0, MAX_HOLD);
		return 0;
	case 'r':
		o->rounds = parse_number(argp, arg, 1, MAX_ROUNDS);
		return 0;
	case OPT_LIMIT:
		o->limit_ms = parse_number(argp, arg, MIN_LIMIT_MS, 1000 * MAX_HOLD);
		return 0;
	case OPT_NO_WAIT:
		memset(o->must_not_wait, 0, sizeof(o->must_not_wait));
		parse_ways(argp, arg, o->must_not_wait);
		return 0;
	case OPT_FORCE:
		o->force = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case OPT_START:
		take_role(o, ROLE_START, arg);
		return 0;
	case OPT_CONTINUE:
		take_role(o, ROLE_CONTINUE, arg);
		return 0;
	case OPT_RECEIVE:
		take_role(o, ROLE_RECEIVE, arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(argp, "what is '%s'", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static bool none(const bool *which, int count)
{
	while (count--)
		if (which[count])
			return false;
	return true;
}

static void all(bool *which, int count)
{
	memset(which, true, count * sizeof(*which));
}

/* Whether it has memfd_pin_folios(). */
static bool kernel_pins_files(void)
{
	unsigned int major, minor;
	struct utsname uts;

	uname(&uts);
	return sscanf(uts.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 11));
}

void options_parse(struct options *o, int argc, char **argv)
{
	static const struct argp argp = { argp_options, parse_one, NULL, doc };

	*o = (struct options){ .hold_ms = 1000, .rounds = 1 };
	o->must_not_wait[WAY_PAGES] = true;
	o->must_not_wait[WAY_FILE] = kernel_pins_files();
	argp_err_exit_status = RESULT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, o);
	if (!o->limit_ms)
		o->limit_ms = o->hold_ms;
	if (o->limit_ms < MIN_LIMIT_MS)
		o->limit_ms = MIN_LIMIT_MS;
	if (o->ways[WAY_PAGES] && !o->devices) {
		fputs("type1p-live-update: way a needs a --device\n", stderr);
		exit(RESULT_USAGE);
	}
	if (none(o->ways, WAYS)) {
		all(o->ways, WAYS);
		o->ways[WAY_PAGES] = o->devices;
	}
	if (none(o->modes, MODES))
		all(o->modes, MODES);
}
