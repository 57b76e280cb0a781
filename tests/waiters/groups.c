// SPDX-License-Identifier: GPL-2.0-only
/*
 * The group that leaves and joins. Its device is closed while jobs of it wait; and
 * for it to join no range may be invalid, but right after that all are.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "container.h"
#include "stress.h"

static pthread_t thread;
static unsigned int joins, leaves;
static double slowest_close_ms;

static void leave(struct stress *s, struct device *device)
{
	double start, took;
	int fd;

	pthread_rwlock_wrlock(&device->lock);
	fd = device->fd;
	device->fd = -1;
	device->life++;
	pthread_rwlock_unlock(&device->lock);
	if (fd < 0)
		return;
	start = now_ms();
	close(fd);
	close(device->group);
	took = now_ms() - start;
	if (took > slowest_close_ms)
		slowest_close_ms = took;
	if (took > s->patience_ms)
		fail(s, "a close took %.0f ms", took);
	leaves++;
}

static void join(struct stress *s, struct device *device)
{
	int group, fd = -1;

	ranges_lock();
	ranges_all_valid(s);
	group = container_add_group(s->container, emulated_group(1));
	if (group >= 0)
		fd = emulated_open(group, 1);
	if (fd < 0)
		fail(s, "the group cannot come back: error %d", group < 0 ? group : fd);
	ranges_all_invalid(s);
	ranges_unlock();

	pthread_rwlock_wrlock(&device->lock);
	device->group = group;
	device->fd = fd;
	pthread_rwlock_unlock(&device->lock);
	joins++;
}

static void *groups_run(void *arg)
{
	struct stress *s = arg;
	unsigned int seed = s->seed + 50;

	while (!s->over) {
		join(s, &s->devices[1]);
		pause_us(&seed, 400000);
		leave(s, &s->devices[1]);
		pause_us(&seed, 50000);
	}
	return NULL;
}

int groups_start(struct stress *s)
{
	return -pthread_create(&thread, NULL, groups_run, s);
}

void groups_stop(struct stress *s)
{
	join_in_time(s, thread, "closer of devices");
	leave(s, &s->devices[1]);
}

void groups_report(void)
{
	printf("# group: joined %u times, left %u times, slowest close %.0f ms\n", joins, leaves,
	       slowest_close_ms);
}
