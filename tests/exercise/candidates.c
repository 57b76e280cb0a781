// SPDX-License-Identifier: GPL-2.0-only
/* --list: the devices that could be used. */
#include <stdio.h>
#include <stdlib.h>

#include "candidates.h"
#include "json.h"
#include "report.h"

#define MAX_LISTED	1024

static int collect(struct candidate *list, struct pci_dev *devs)
{
	int i, found, count = 0;

	found = pci_list(devs, MAX_LISTED);
	for (i = 0; i < found; i++) {
		struct candidate *c = &list[count];

		if (pci_is_bridge(&devs[i]))
			continue;
		c->dev = devs[i];
		c->group = pci_group(c->dev.bdf);
		pci_driver(c->dev.bdf, c->driver);
		device_in_use(c->dev.bdf, c->use);
		count++;
	}
	return count;
}

static void print_table(const struct candidate *list, int count)
{
	bool groups = false;
	int i;

	printf("%-12s  %-9s  %-18s  %5s  %-12s  %s\n", "ADDRESS", "ID", "KIND", "GROUP", "DRIVER",
	       "IN USE");
	for (i = 0; i < count; i++) {
		const struct candidate *c = &list[i];
		char group[16] = "none";

		if (c->group >= 0)
			snprintf(group, sizeof(group), "%d", c->group);
		groups |= c->group >= 0;
		printf("%-12s  %04x:%04x  %-18s  %5s  %-12s  %s\n", c->dev.bdf, c->dev.vendor,
		       c->dev.device, device_kind(&c->dev), group,
		       c->driver[0] ? c->driver : "-", c->use[0] ? c->use : "no");
	}
	if (!groups)
		puts("\nNo IOMMU groups: is the IOMMU on? (firmware setup; intel_iommu=on)");
}

enum exit_code candidates_show(const struct options *o)
{
	struct candidate *list = calloc(MAX_LISTED, sizeof(*list));
	struct pci_dev *devs = calloc(MAX_LISTED, sizeof(*devs));
	enum exit_code result = RESULT_SYSTEM;
	int count;

	if (list && devs) {
		count = collect(list, devs);
		if (o->json)
			json_candidates(list, count);
		else
			print_table(list, count);
		result = RESULT_OK;
	}
	free(list);
	free(devs);
	return result;
}
