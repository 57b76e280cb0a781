/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line. */
#ifndef LIVEUPDATE_OPTIONS_H
#define LIVEUPDATE_OPTIONS_H

#include "../lib/exit_code.h"
#include "state.h"

struct options {
	char bdf[MAX_DEVICES][PCI_BDF_LEN];
	int devices;
	bool ways[WAYS];		/* which are asked for */
	bool modes[MODES];
	bool must_not_wait[WAYS];
	unsigned int hold_ms;
	unsigned int rounds;
	unsigned int limit_ms;
	bool force;
	bool json;

	const char *role;		/* of a process that another one has started, or NULL */
	int fd;
};

/* Does not return from wrong usage, or from --help. */
void options_parse(struct options *o, int argc, char **argv);

#endif
