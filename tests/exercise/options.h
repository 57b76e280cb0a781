/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line. */
#ifndef EXERCISE_OPTIONS_H
#define EXERCISE_OPTIONS_H

#include "../lib/exit_code.h"
#include "../lib/mem.h"
#include "../lib/pci.h"

#define MAX_DEVICES	16
#define BACKEND_ANY	(-1)

struct options {
	char bdf[MAX_DEVICES][PCI_BDF_LEN];
	int devices;
	int backend;			/* enum backend or BACKEND_ANY */
	u64 size;
	enum mem_pages pages;
	bool list;
	bool json;
	bool force;
	bool destructive;
	bool faults;
	bool help;
};

/* RESULT_OK, or RESULT_USAGE after a message on stderr. */
enum exit_code options_parse(struct options *o, int argc, char **argv);
void options_help(void);
const char *pages_name(enum mem_pages pages);

#endif
