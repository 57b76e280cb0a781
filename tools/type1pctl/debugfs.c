// SPDX-License-Identifier: GPL-2.0-only
/* The module's containers as debugfs shows them. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include "debugfs.h"
#include "text.h"

/* The array with @item at its end; ends us when memory is out, as nothing else is left to do. */
static void *append(void *array, int *count, const void *item, size_t size)
{
	char *grown = reallocarray(array, *count + 1, size);

	if (!grown)
		exit(complain(EX_OSERR, "out of memory"));
	memcpy(grown + *count * size, item, size);
	++*count;
	return grown;
}

static void parse_state(struct container *c, const char *key, const char *value)
{
	const struct {
		const char *key;
		u64 *number;
	} numbers[] = {
		{ "ranges", &c->ranges },
		{ "ranges_left", &c->ranges_left },
		{ "mapped_bytes", &c->mapped_bytes },
		{ "pinned_bytes", &c->pinned_bytes },
		{ "invalid_ranges", &c->invalid_ranges },
		{ "waiters", &c->waiters },
		{ "domains", &c->domains },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(key, numbers[i].key))
			*numbers[i].number = strtoull(value, NULL, 10);
	if (!strcmp(key, "type"))
		snprintf(c->type, sizeof(c->type), "%s", value);
	else if (!strcmp(key, "comm"))
		snprintf(c->comm, sizeof(c->comm), "%s", value);
	else if (!strcmp(key, "pid"))
		c->pid = atoi(value);
	else if (!strcmp(key, "dirty_tracking"))
		c->dirty_tracking = atoi(value);
}

/* The rest of the line is the value: a name may have blanks in it. */
static void state_line(struct container *c, char *line)
{
	char *value = strchr(line, ' ');

	if (!value)
		return;
	*value++ = '\0';
	parse_state(c, line, value);
}

static void group_line(struct container *c, char *line)
{
	struct attached g = { .domain = -1 };

	if (sscanf(line, "iommu %d domain %d", &g.number, &g.domain) != 2) {
		g.emulated = sscanf(line, "emulated %d", &g.number) == 1;
		if (!g.emulated)
			return;
	}
	c->groups = append(c->groups, &c->ngroups, &g, sizeof(g));
}

static void range_line(struct container *c, char *line)
{
	struct mapped m = { };
	int dirty = 0;

	if (sscanf(line,
		   "iova %llx size %llx prot %15s state %15s vaddr %15s pinned_bytes %llu device_pins %llu dirty_bits %d",
		   &m.iova, &m.size, m.prot, m.state, m.vaddr, &m.pinned_bytes, &m.device_pins,
		   &dirty) != 8)
		return;
	m.dirty_bits = dirty;
	c->mapped = append(c->mapped, &c->nmapped, &m, sizeof(m));
}

static void job_line(struct container *c, char *line)
{
	struct job j = { };

	if (sscanf(line, "%15s pid %d iova %llx size %llx done %llu elapsed_ns %llu threads %u",
		   j.what, &j.pid, &j.iova, &j.size, &j.done, &j.elapsed_ns, &j.threads) == 7)
		c->jobs = append(c->jobs, &c->njobs, &j, sizeof(j));
}

static bool each_line(struct container *c, const char *file,
		      void (*parse)(struct container *c, char *line))
{
	char path[128], *text, *line, *rest;

	snprintf(path, sizeof(path), DEBUGFS_DIR "/%llu/%s", c->id, file);
	text = read_file(path);
	if (!text)
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		parse(c, line);
	free(text);
	return true;
}

static void container_free(struct container *c)
{
	free(c->groups);
	free(c->mapped);
	free(c->jobs);
}

/* False if it has gone away. */
static bool container_read(struct container *c, bool ranges)
{
	return each_line(c, "state", state_line) && each_line(c, "groups", group_line) &&
	       each_line(c, "jobs", job_line) &&
	       (!ranges || each_line(c, "ranges", range_line));
}

static int by_id(const void *a, const void *b)
{
	const struct container *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

bool debugfs_mounted(void)
{
	struct statfs st;

	return !statfs(DEBUGFS_MOUNT, &st) && st.f_type == DEBUGFS_MAGIC;
}

/* Why the directory is not there. */
static int explain(int error)
{
	if (error == EACCES || error == EPERM)
		return is_root() ? EX_NOPERM :
			complain(EX_NOPERM, "the kernel forbids debugfs (lockdown)");
	if (!file_exists("/sys/module/" MODULE))
		return complain(EX_UNAVAILABLE,
				MODULE " is not loaded; \"type1pctl status\" tells more");
	if (!debugfs_mounted())
		return complain(EX_UNAVAILABLE,
				"debugfs is not mounted: mount -t debugfs none " DEBUGFS_MOUNT);
	return complain(EX_UNAVAILABLE, "no " DEBUGFS_DIR ": %s", strerror(error));
}

int containers_read(struct containers *all, bool ranges)
{
	struct dirent *e;
	DIR *dir;

	*all = (struct containers){ };
	dir = opendir(DEBUGFS_DIR);
	if (!dir)
		return explain(errno);
	while ((e = readdir(dir))) {
		struct container c = { };
		char *end;

		c.id = strtoull(e->d_name, &end, 10);
		if (*end || end == e->d_name)
			continue;
		if (container_read(&c, ranges))
			all->list = append(all->list, &all->count, &c, sizeof(c));
		else
			container_free(&c);
	}
	closedir(dir);
	if (all->count)
		qsort(all->list, all->count, sizeof(*all->list), by_id);
	return EX_OK;
}

void containers_free(struct containers *all)
{
	while (all->count)
		container_free(&all->list[--all->count]);
	free(all->list);
	all->list = NULL;
}
