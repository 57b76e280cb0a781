/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of the bench. */
#ifndef TYPE1P_BENCH_OPTIONS_H
#define TYPE1P_BENCH_OPTIONS_H

#include "exit_code.h"
#include "ktypes.h"

struct options {
	const char *rows;
	const char *json;		/* file for it, or NULL */
	unsigned int rounds;
	u64 size;
	bool list;
	bool help;
};

enum exit_code options_parse(struct options *options, int argc, char **argv);
void options_help(void);

#endif
