// SPDX-License-Identifier: GPL-2.0-only
/* What was found: told line by line as it happens, or as JSON at the end. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "../lib/container.h"
#include "../lib/edu.h"
#include "json.h"
#include "report.h"

static const char * const outcome_names[] = {
	[CHECK_OK] = "ok",
	[CHECK_FAILED] = "FAILED",
	[CHECK_SKIPPED] = "skipped",
};

static const struct {
	u32 class;
	u32 mask;
	const char *kind;
} kinds[] = {
	{ PCI_CLASS_NVME, 0xffffff, "NVMe disk" },
	{ 0x010000, 0xff0000, "storage controller" },
	{ 0x020000, 0xff0000, "network adapter" },
	{ 0x030000, 0xff0000, "display" },
	{ 0x040000, 0xff0000, "multimedia" },
	{ 0x0c0300, 0xffff00, "USB controller" },
};

const char *device_kind(const struct pci_dev *dev)
{
	unsigned int i;

	if (dev->vendor == EDU_VENDOR && dev->device == EDU_DEVICE)
		return "QEMU edu";
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if ((dev->class & kinds[i].mask) == kinds[i].class)
			return kinds[i].kind;
	return "other device";
}

static char *scratch(size_t *len)
{
	static char buf[8][32];
	static int next;

	*len = sizeof(buf[0]);
	return buf[next++ % 8];
}

const char *human_bytes(double bytes)
{
	static const char * const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	unsigned int unit = 0;
	size_t len;
	char *buf = scratch(&len);

	while (bytes >= 1024 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	snprintf(buf, len, "%.4g %s", bytes, units[unit]);
	return buf;
}

const char *human_rate(u64 bytes, double seconds)
{
	size_t len;
	char *buf = scratch(&len);

	snprintf(buf, len, "%s/s", human_bytes(seconds > 0 ? bytes / seconds : 0));
	return buf;
}

void report_init(struct report *r, const struct options *o)
{
	memset(r, 0, sizeof(*r));
	r->options = o;
	r->backend = BACKEND_ANY;
	r->restored = true;
	clock_gettime(CLOCK_MONOTONIC, &r->start);
}

enum exit_code report_error(struct report *r, enum exit_code result, const char *format, ...)
{
	va_list args;

	/* The first reason is the one that explains the others. */
	if (r->result)
		return r->result;
	r->result = result;
	va_start(args, format);
	vsnprintf(r->error, sizeof(r->error), format, args);
	va_end(args);
	if (!r->options->json)
		fprintf(stderr, "type1p-exercise: %s\n", r->error);
	return result;
}

void report_setting(const struct report *r)
{
	struct utsname uts;
	int i;

	if (r->options->json)
		return;
	uname(&uts);
	printf("Kernel %s, VFIO container served by the %s driver\n", uts.release,
	       backend_name(r->backend));
	for (i = 0; i < r->ndevices; i++) {
		const struct report_device *d = &r->devices[i];

		printf("  %s  %04x:%04x  %-18s  IOMMU group %d, taken from driver %s\n",
		       d->dev.bdf, d->dev.vendor, d->dev.device, device_kind(&d->dev), d->group,
		       d->driver[0] ? d->driver : "(none)");
	}
	putchar('\n');
	fflush(stdout);
}

struct check check_begin(struct report *r, const char *device, const char *name)
{
	struct check c = { .report = r, .device = device, .name = name };

	clock_gettime(CLOCK_MONOTONIC, &c.start);
	return c;
}

static double since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec + (now.tv_nsec - start->tv_nsec) / 1e9;
}

double check_time(const struct check *c)
{
	return since(&c->start);
}

static void record(const struct check *c)
{
	struct report *r = c->report;

	if (c->outcome == CHECK_FAILED)
		r->failed++;
	if (r->nchecks < REPORT_MAX_CHECKS)
		r->checks[r->nchecks++] = *c;
	if (r->options->json)
		return;
	printf("%-7s  %-12s  %-16s  %s\n", outcome_names[c->outcome],
	       c->device ? c->device : "container", c->name, c->detail);
	fflush(stdout);
}

bool check_end(struct check *c, bool good, const char *format, ...)
{
	va_list args;

	if (!c->seconds)
		c->seconds = check_time(c);
	c->outcome = good ? CHECK_OK : CHECK_FAILED;
	va_start(args, format);
	vsnprintf(c->detail, sizeof(c->detail), format, args);
	va_end(args);
	record(c);
	return good;
}

void check_skip(struct report *r, const char *device, const char *name, const char *why)
{
	struct check c = check_begin(r, device, name);

	c.outcome = CHECK_SKIPPED;
	snprintf(c.detail, sizeof(c.detail), "%s", why);
	record(&c);
}

static void print_summary(const struct report *r)
{
	u64 from = 0, to = 0;
	int i, good = 0, skipped = 0;

	for (i = 0; i < r->nchecks; i++) {
		from += r->checks[i].from_device;
		to += r->checks[i].to_device;
		good += r->checks[i].outcome == CHECK_OK;
		skipped += r->checks[i].outcome == CHECK_SKIPPED;
	}
	putchar('\n');
	if (r->backend != BACKEND_ANY)
		printf("Through the %s driver, devices wrote %s into memory and read %s from it.\n",
		       backend_name(r->backend), human_bytes(from), human_bytes(to));
	if (r->ndevices)
		printf("Devices are %s.\n", r->restored ? "back with their former drivers" :
		       "NOT all back with their former drivers");
	printf("%s: %d checks good, %d failed, %d skipped, in %.1f s.\n",
	       !r->result ? "ALL GOOD" : r->result > RESULT_SIGNAL ? "STOPPED" : "NOT GOOD",
	       good, r->failed, skipped, r->seconds);
}

enum exit_code report_finish(struct report *r)
{
	r->seconds = since(&r->start);
	if (!r->result && r->failed)
		r->result = RESULT_FAILED;
	if (r->options->json)
		json_report(r);
	else if (r->nchecks)
		print_summary(r);
	if ((fflush(stdout) || ferror(stdout)) && !r->result)
		report_error(r, RESULT_SYSTEM, "could not write the report");
	return r->result;
}
