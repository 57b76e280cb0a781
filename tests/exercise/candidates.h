/* SPDX-License-Identifier: GPL-2.0-only */
/* --list: the devices that could be used. */
#ifndef EXERCISE_CANDIDATES_H
#define EXERCISE_CANDIDATES_H

#include "../lib/inuse.h"
#include "options.h"

struct candidate {
	struct pci_dev dev;
	int group;			/* -ENODEV without an IOMMU */
	char driver[PCI_NAME_LEN];
	char use[USE_LEN];		/* "" if free */
};

enum exit_code candidates_show(const struct options *o);

#endif
