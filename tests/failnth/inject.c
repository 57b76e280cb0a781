// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's fault injection: its knobs, and the count of a thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failnth.h"
#include "file.h"

#define DEBUGFS	"/sys/kernel/debug/"

static const char *const kinds[] = {
	[SLABS] = "failslab", [PAGES] = "fail_page_alloc", [KINDS] = "fail_usercopy",
};

static int nth_fd = -1;

static int set_knob(const char *kind, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", kind, name);
	return file_write(path, value);
}

static void set_number(const char *kind, const char *name, unsigned long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", value);
	set_knob(kind, name, text);
}

/* Allocations that may wait fail as well, of every size, and nothing is said of it. */
static void set_up(const char *kind)
{
	set_knob(kind, "probability", "0");
	set_knob(kind, "interval", "1");
	set_knob(kind, "space", "0");
	set_knob(kind, "times", "-1");
	set_knob(kind, "verbose", "0");
	set_knob(kind, "task-filter", "N");
	set_knob(kind, "ignore-gfp-wait", "N");
	set_knob(kind, "ignore-gfp-highmem", "N");
	set_knob(kind, "min-order", "0");
	set_knob(kind, "cache-filter", "N");
	set_knob(kind, "require-start", "0");
	set_knob(kind, "require-end", "0xffffffffffffffff");
}

/* Where the code of our module is. */
static void find_module(unsigned long *start, unsigned long *end)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	unsigned long at;
	char line[512];

	*start = -1UL;
	*end = 0;
	while (symbols && fgets(line, sizeof(line), symbols)) {
		if (!strstr(line, "[vfio_iommu_type1p]") || sscanf(line, "%lx %*[tT]", &at) != 1 ||
		    !strchr("tT", line[17]))
			continue;
		*start = at < *start ? at : *start;
		*end = at > *end ? at : *end;
	}
	if (symbols)
		fclose(symbols);
}

void inject_ours(bool ours)
{
	unsigned long start = 0, end = -1UL;
	unsigned int i;

	if (ours)
		find_module(&start, &end);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		set_number(kinds[i], "require-start", start);
		set_number(kinds[i], "require-end", end);
	}
}

int inject_open(void)
{
	if (nth_fd >= 0)
		close(nth_fd);
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return nth_fd < 0 ? -errno : 0;
}

const char *inject_init(void)
{
	static char reason[96];
	unsigned int i;

	if (inject_open())
		return "this kernel cannot fail on order (CONFIG_FAULT_INJECTION)";
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (set_knob(kinds[i], "verbose", "0")) {
			snprintf(reason, sizeof(reason), "this kernel has no " DEBUGFS "%s",
				 kinds[i]);
			return reason;
		}
		set_up(kinds[i]);
	}
	return NULL;
}

void inject_arm(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(nth_fd, text, len, 0) != len)
		abort();
}

/* What is left of the count may hit these calls themselves, and then was left. */
bool inject_disarm(void)
{
	char text[16] = "";
	bool met = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);

	while (pwrite(nth_fd, "0", 1, 0) != 1)
		met = false;
	return met;
}

void inject_after(enum kind kind, u64 amount)
{
	set_knob(kinds[kind], "task-filter", "Y");
	set_knob(kinds[kind], "times", "1");
	set_number(kinds[kind], "space", amount);
	set_knob(kinds[kind], "probability", "100");
	file_write("/proc/thread-self/make-it-fail", "1");
}

static int get_knob(const char *kind, const char *name)
{
	char path[128], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", kind, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		abort();
	close(fd);
	return atoi(text);
}

bool inject_over(enum kind kind, u64 *left)
{
	bool failed;

	file_write("/proc/thread-self/make-it-fail", "0");
	failed = !get_knob(kinds[kind], "times");
	*left = get_knob(kinds[kind], "space");
	set_up(kinds[kind]);
	return failed;
}
