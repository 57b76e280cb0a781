// SPDX-License-Identifier: GPL-2.0-only
/* type1pctl list: the containers that type1p serves. */
#include <stdio.h>
#include <stdlib.h>

#include "container_json.h"
#include "ctl.h"
#include "groups.h"
#include "text.h"

static bool want_ranges;

static int holders_of(const struct container *c, struct holder *holders)
{
	int *groups = calloc(c->ngroups + 1, sizeof(*groups));
	int i, count;

	for (i = 0; i < c->ngroups; i++)
		groups[i] = c->groups[i].number;
	count = c->ngroups ? group_holders(groups, c->ngroups, holders, HOLDERS_MAX) : 0;
	free(groups);
	return count;
}

static void print_device(const struct device *d, void *data)
{
	(void)data;
	printf("    device %s  driver %s%s%s\n", d->address, d->driver[0] ? d->driver : "none",
	       d->name[0] ? "  " : "", d->name);
}

static void print_range(const struct mapped *m)
{
	char size[TEXT_LEN], pinned[TEXT_LEN];

	printf("  range %#llx + %s  %s  %s  vaddr %s  %s pinned, %llu pages by device drivers%s\n",
	       m->iova, bytes_text(m->size, size), m->prot, m->state, m->vaddr,
	       bytes_text(m->pinned_bytes, pinned), m->device_pins,
	       m->dirty_bits ? "  dirty bits" : "");
}

static void print_job(const struct job *j)
{
	char size[TEXT_LEN], time[TEXT_LEN];

	printf("  running: %s by process %d of %#llx + %s: %.0f %% after %s, %u thread%s\n",
	       j->what, j->pid, j->iova, bytes_text(j->size, size),
	       j->size ? 100.0 * j->done / j->size : 0.0,
	       seconds_text(j->elapsed_ns / 1e9, time), j->threads, j->threads == 1 ? "" : "s");
}

static void print_details(const struct container *c)
{
	struct holder holders[HOLDERS_MAX];
	int i, count = holders_of(c, holders);

	for (i = 0; i < count; i++)
		printf("  process %d  %s\n", holders[i].pid, holders[i].comm);
	for (i = 0; i < c->ngroups; i++) {
		if (c->groups[i].emulated)
			printf("  group %d  mediated\n", c->groups[i].number);
		else
			printf("  group %d  IOMMU domain %d\n", c->groups[i].number,
			       c->groups[i].domain);
		group_devices(c->groups[i].number, print_device, NULL);
	}
	for (i = 0; i < c->njobs; i++)
		print_job(&c->jobs[i]);
	for (i = 0; i < c->nmapped; i++)
		print_range(&c->mapped[i]);
}

static void print_container(const struct container *c)
{
	char mapped[TEXT_LEN], pinned[TEXT_LEN], who[48], ranges[48];

	snprintf(who, sizeof(who), "%d %s", c->pid, c->comm);
	snprintf(ranges, sizeof(ranges), "%llu/%llu", c->ranges, c->ranges_left);
	printf("%9llu  %-7s  %-23s  %10s  %10s  %13s  %7llu  %7llu  %s\n", c->id, c->type,
	       who, bytes_text(c->mapped_bytes, mapped), bytes_text(c->pinned_bytes, pinned),
	       ranges, c->invalid_ranges, c->waiters, c->dirty_tracking ? "on" : "off");
	print_details(c);
}

static void print_list(const struct containers *all)
{
	int i;

	if (!all->count) {
		puts("type1p serves no container.");
		return;
	}
	printf("%9s  %-7s  %-23s  %10s  %10s  %13s  %7s  %7s  %s\n", "CONTAINER", "TYPE",
	       "SET UP BY", "MAPPED", "PINNED", "RANGES/LEFT", "INVALID", "WAITERS", "DIRTY");
	for (i = 0; i < all->count; i++)
		print_container(&all->list[i]);
}

static void add_device(const struct device *d, void *data)
{
	struct json_object *o = json_object_new_object();

	put_text(o, "address", d->address);
	put_text(o, "driver", d->driver[0] ? d->driver : NULL);
	put_text(o, "name", d->name[0] ? d->name : NULL);
	json_object_array_add(data, o);
}

static struct json_object *group_object(const struct attached *g)
{
	struct json_object *o = json_object_new_object();
	struct json_object *devices = json_object_new_array();

	put_number(o, "group", g->number);
	put_bool(o, "emulated", g->emulated);
	json_object_object_add(o, "domain", g->emulated ? NULL : json_object_new_int(g->domain));
	group_devices(g->number, add_device, devices);
	json_object_object_add(o, "devices", devices);
	return o;
}

static struct json_object *range_object(const struct mapped *m)
{
	struct json_object *o = json_object_new_object();

	put_address(o, "iova", m->iova);
	put_number(o, "size", m->size);
	put_text(o, "prot", m->prot);
	put_text(o, "state", m->state);
	put_text(o, "vaddr", m->vaddr);
	put_number(o, "pinned_bytes", m->pinned_bytes);
	put_number(o, "device_pins", m->device_pins);
	put_bool(o, "dirty_bits", m->dirty_bits);
	return o;
}

static struct json_object *holder_array(const struct container *c)
{
	struct json_object *array = json_object_new_array();
	struct holder holders[HOLDERS_MAX];
	int i, count = holders_of(c, holders);

	for (i = 0; i < count; i++) {
		struct json_object *o = json_object_new_object();

		put_number(o, "pid", holders[i].pid);
		put_text(o, "comm", holders[i].comm);
		json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *listed_object(const struct container *c)
{
	struct json_object *o = container_object(c);
	struct json_object *groups = json_object_new_array();
	struct json_object *jobs = json_object_new_array();
	struct json_object *ranges;
	int i;

	for (i = 0; i < c->ngroups; i++)
		json_object_array_add(groups, group_object(&c->groups[i]));
	for (i = 0; i < c->njobs; i++)
		json_object_array_add(jobs, job_object(&c->jobs[i]));
	json_object_object_add(o, "processes", holder_array(c));
	json_object_object_add(o, "groups", groups);
	json_object_object_add(o, "jobs", jobs);
	if (want_ranges) {
		ranges = json_object_new_array();
		for (i = 0; i < c->nmapped; i++)
			json_object_array_add(ranges, range_object(&c->mapped[i]));
		json_object_object_add(o, "range_list", ranges);
	}
	return o;
}

static void json_list(const struct containers *all)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();
	int i;

	for (i = 0; i < all->count; i++)
		json_object_array_add(list, listed_object(&all->list[i]));
	json_object_object_add(o, "containers", list);
	print_and_free(o);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	(void)state;
	if (key != 'r')
		return ARGP_ERR_UNKNOWN;
	want_ranges = true;
	return 0;
}

static const struct argp_option options[] = {
	{ "ranges", 'r', NULL, 0, "Every mapped range as well" },
	{ }
};

static const char doc[] =
"Lists the containers that type1p serves: the processes that have their\n"
"groups open, the groups and the devices in them, what is mapped and pinned,\n"
"and what is running.\n"
"\vExit status: 0; 64 and up: nothing can be known (module not loaded, debugfs\n"
"not mounted, not root).";

int cmd_list(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL, doc, json_child };
	struct containers all;
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	status = containers_read(&all, want_ranges);
	if (status)
		return status;
	if (want_json)
		json_list(&all);
	else
		print_list(&all);
	containers_free(&all);
	groups_end();
	return EX_OK;
}
