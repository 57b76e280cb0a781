// SPDX-License-Identifier: GPL-2.0-only
/* All that can be seen of a container and of what its memory costs, as lines of text. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failnth.h"

/* Differences to tell of. */
#define MAX_LINES	4
#define VIEWS	"/sys/kernel/debug/vfio_iommu_type1p"

struct writer {
	struct state *state;
	size_t len;
};

static void __printf(2, 3) put(struct writer *to, const char *format, ...)
{
	size_t room = STATE_SIZE - to->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(to->state->text + to->len, room, format, args);
	va_end(args);
	if ((size_t)len >= room)
		abort();
	to->len += len;
}

/* What debugfs says, line by line. */
static void put_file(struct writer *to, const char *dir, const char *name)
{
	char path[128], line[256];
	FILE *file;

	snprintf(path, sizeof(path), VIEWS "/%s/%s", dir, name);
	file = fopen(path, "re");
	if (!file)
		put(to, "view: no %s\n", name);
	while (file && fgets(line, sizeof(line), file))
		put(to, "view: %s", line);
	if (file)
		fclose(file);
}

/* There is only one container at a time. */
static void put_views(struct writer *to)
{
	struct dirent *entry;
	DIR *dir = opendir(VIEWS);

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		put(to, "view: container\n");
		put_file(to, entry->d_name, "state");
		put_file(to, entry->d_name, "groups");
		put_file(to, entry->d_name, "ranges");
		put_file(to, entry->d_name, "jobs");
	}
	if (dir)
		closedir(dir);
}

static void put_info(struct writer *to, int container)
{
	struct container_info info;
	int ret = container < 0 ? -EBADF : container_info(container, &info);
	u32 i;

	if (ret) {
		put(to, "info %d\n", ret);
		return;
	}
	put(to, "avail %u pgsizes %llx dirty %llx\n", info.avail, info.pgsizes,
	    info.dirty_pgsizes);
	for (i = 0; i < info.nr_ranges; i++)
		put(to, "window %llx to %llx\n", info.ranges[i].start, info.ranges[i].end);
}

static long long locked_by(pid_t pid)
{
	char path[64], line[128];
	long long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmLck: %lld", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

void state_take(struct state *state, struct world *w)
{
	struct type1p_emulated_unmaps unmaps = {};
	struct writer to = { .state = state };

	put(&to, "pins %lld\n", pins_held());
	put(&to, "locked %lld KiB, by the other process %lld KiB\n", locked_by(getpid()),
	    w->other ? locked_by(w->other) : 0);
	if (w->device >= 0)
		emulated_unmaps(w->device, &unmaps);
	put(&to, "driver's pins %llu\n", unmaps.pinned);
	put_info(&to, w->container);
	put_views(&to);
}

static bool varies(const char *line, const char *const *vary)
{
	for (; vary && *vary; vary++)
		if (!strncmp(line, *vary, strlen(*vary)))
			return true;
	return false;
}

/* The next line that counts, and its length; goes on to the one after it. */
static const char *next_line(const char **at, const char *const *vary, size_t *len)
{
	const char *line;

	do {
		line = *at;
		*len = strcspn(line, "\n");
		*at = line + *len + (line[*len] == '\n');
	} while (*len && varies(line, vary));
	return line;
}

bool state_same(const struct state *want, const struct state *is, const char *const *vary,
		bool quiet)
{
	const char *a = want->text, *b = is->text, *line_a, *line_b;
	size_t len_a, len_b;
	unsigned int differ = 0;

	do {
		line_a = next_line(&a, vary, &len_a);
		line_b = next_line(&b, vary, &len_b);
		if (len_a == len_b && !memcmp(line_a, line_b, len_a))
			continue;
		if (differ++ < MAX_LINES && !quiet)
			note("state: \"%.*s\", should be \"%.*s\"", (int)len_b, line_b, (int)len_a,
			     line_a);
	} while (len_a || len_b);
	return !differ;
}

s64 state_number(const struct state *state, const char *key)
{
	const char *at = strstr(state->text, key);

	return at ? atoll(at + strlen(key)) : -1;
}
