/* SPDX-License-Identifier: GPL-2.0-only */
/* What was found: told line by line as it happens, or as JSON at the end. */
#ifndef EXERCISE_REPORT_H
#define EXERCISE_REPORT_H

#include <time.h>

#include "options.h"

#define REPORT_MAX_CHECKS	256

enum outcome {
	CHECK_OK,
	CHECK_FAILED,
	CHECK_SKIPPED,
};

struct check {
	struct report *report;
	const char *device;		/* address, or NULL: the container as a whole */
	const char *name;
	enum outcome outcome;
	u64 from_device;		/* bytes that the device wrote into memory */
	u64 to_device;			/* bytes that it read from memory */
	double seconds;
	char detail[192];
	struct timespec start;
};

struct report_device {
	struct pci_dev dev;
	int group;
	char driver[PCI_NAME_LEN];	/* former driver */
	const char *exercise;		/* "nvme", "edu" or "mappings only" */
};

struct report {
	const struct options *options;
	struct report_device devices[PCI_GROUP_MAX];
	int ndevices;
	struct check checks[REPORT_MAX_CHECKS];
	int nchecks;
	int failed;
	int backend;			/* enum backend; BACKEND_ANY as long as unknown */
	bool restored;
	struct timespec start;
	double seconds;
	enum exit_code result;
	char error[256];
};

void report_init(struct report *r, const struct options *o);
/* Why it ends here. Returns @result, for the caller to return. */
enum exit_code report_error(struct report *r, enum exit_code result, const char *format, ...)
	__printf(3, 4);

/* The devices and the backend, once both are known. */
void report_setting(const struct report *r);

struct check check_begin(struct report *r, const char *device, const char *name);
/* Time of the check so far; check_end() keeps c->seconds if it is set already. */
double check_time(const struct check *c);
/* Returns whether it was good. */
bool check_end(struct check *c, bool good, const char *format, ...)
	__printf(3, 4);
void check_skip(struct report *r, const char *device, const char *name, const char *why);

/* Settles the result, prints the summary or the JSON document; returns the exit code. */
enum exit_code report_finish(struct report *r);

const char *device_kind(const struct pci_dev *dev);
/* "64 MiB"; the text stays good for three more calls. */
const char *human_bytes(double bytes);
const char *human_rate(u64 bytes, double seconds);

#endif
