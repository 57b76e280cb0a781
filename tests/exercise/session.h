/* SPDX-License-Identifier: GPL-2.0-only */
/* The devices, taken from their drivers, and the container that they share. */
#ifndef EXERCISE_SESSION_H
#define EXERCISE_SESSION_H

#include "../lib/container.h"
#include "reference.h"
#include "report.h"

struct target {
	struct pci_dev dev;
	int group;
	int fd;				/* VFIO device */
	struct reference reference;
};

struct session {
	const struct options *options;
	struct report *report;
	struct target targets[MAX_DEVICES];
	int ntargets;
	int groups[MAX_DEVICES];
	int group_fds[MAX_DEVICES];
	int ngroups;
	struct pci_binding bindings[PCI_GROUP_MAX];
	int nbindings;
	int container;
	struct container_info info;
	u8 *mem;			/* options->size bytes */
};

/* Errors are in the report already. session_close() follows in either case. */
enum exit_code session_open(struct session *s, const struct options *o, struct report *r);
void session_close(struct session *s);

#endif
