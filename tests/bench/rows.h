/* SPDX-License-Identifier: GPL-2.0-only */
/* What the bench can measure: a table of rows. */
#ifndef TYPE1P_BENCH_ROWS_H
#define TYPE1P_BENCH_ROWS_H

#include "memory.h"

struct operation;

struct row {
	const char *set;		/* rows to run together */
	const char *name;
	const char *text;
	const struct operation *operation;
	enum mem_pages pages;
	bool scattered;
	bool fresh;			/* never touched before MAP */
	u64 size;			/* 0: as --size says */
	u64 piece;			/* of each ioctl; 0: all in one */
	u64 standing;			/* ranges in place before and after */
	unsigned int threads;
};

/* Ends with one that has no name. */
extern const struct row rows[];

/* @wanted: names or sets with wildcards, separated by commas. */
bool row_wanted(const struct row *row, const char *wanted);

#endif
