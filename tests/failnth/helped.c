// SPDX-License-Identifier: GPL-2.0-only
/*
 * Long operations with helpers. Each thread has a count of its own, so that what
 * fails here is what comes after so much has been allocated, by whomever.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failnth.h"

/* Two pieces, for they are cut at multiples of 128 MiB. */
#define LONG		(128UL << 20)
#define LONG_IOVA	(64UL << 20)

struct helped {
	const char *name;
	unsigned int needs;
	int (*setup)(struct world *w);
	int (*act)(struct world *w);
	int (*undo)(struct world *w);
	bool never;			/* it must not fail */
	bool ours;			/* only what our module allocates fails */
};

static struct world world;

static int map_long(struct world *w)
{
	return iova_map(w->container, w->area, LONG_IOVA, LONG);
}

static int unmap_long(struct world *w)
{
	return iova_unmap(w->container, LONG_IOVA, LONG, NULL);
}

static int setup_attach(struct world *w)
{
	w->group[0] = group_open(w->number[0]);
	return w->group[0] < 0 ? w->group[0] : map_long(w);
}

static int attach(struct world *w)
{
	return group_set_container(w->group[0], w->container);
}

static int detach(struct world *w)
{
	return group_unset_container(w->group[0]);
}

static int setup_detach(struct world *w)
{
	int ret = setup_attach(w);

	return ret ? ret : attach(w);
}

static const struct helped helped[] = {
	{ "helpers: map", NEED_IOMMU, NULL, map_long, unmap_long },
	{ "helpers: unmap", NEED_IOMMU, map_long, unmap_long, map_long, .never = true },
	{ "helpers: attach", NEED_EMULATED, setup_attach, attach, detach },
	{ "helpers: detach", NEED_EMULATED, setup_detach, detach, attach, .never = true,
	  .ours = true },
};

/* Counts the process's threads while it is told to. */
struct watch {
	pthread_t thread;
	bool stop;
	unsigned int most;
};

static unsigned int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int count = 0;
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static void *watch_threads(void *arg)
{
	struct watch *watch = arg;
	unsigned int count;

	while (!__atomic_load_n(&watch->stop, __ATOMIC_ACQUIRE)) {
		count = count_threads();
		watch->most = count > watch->most ? count : watch->most;
		usleep(2000);
	}
	return NULL;
}

/* Does it with a failure after @amount; whether anyone helped goes to *@had_help. */
static int act_failing(const struct helped *h, enum kind which, u64 amount, bool *failed,
		       u64 *left, bool *had_help)
{
	struct watch watch = {};
	int ret;

	pthread_create(&watch.thread, NULL, watch_threads, &watch);
	inject_ours(h->ours);
	inject_after(which, amount);
	ret = h->act(&world);
	*failed = inject_over(which, left);
	__atomic_store_n(&watch.stop, true, __ATOMIC_RELEASE);
	pthread_join(watch.thread, NULL);
	/* The caller, the watcher, and who helps. */
	*had_help = watch.most > 2;
	return ret;
}

struct rounds {
	struct state before;
	struct state after;
	unsigned int failed;
	unsigned int lived;
	unsigned int helped;
};

static const char *const windows[] = { "window ", NULL };

static bool is(const struct state *want)
{
	struct state now;

	state_take(&now, &world);
	return state_same(want, &now, windows, false);
}

static bool round_is_well(const struct helped *h, struct rounds *r, enum kind which, u64 amount)
{
	bool failed, had_help;
	u64 left;
	int ret = act_failing(h, which, amount, &failed, &left, &had_help);

	r->failed += failed;
	r->lived += failed && !ret;
	r->helped += had_help;
	if (ret && (h->never || (ret != -ENOMEM && ret != -EFAULT))) {
		note("%s: errno %d", h->name, -ret);
		return false;
	}
	if (ret && !is(&r->before)) {
		note("%s: left something behind, with errno %d", h->name, -ret);
		return false;
	}
	if (ret)
		ret = h->act(&world);
	if (ret || !is(&r->after)) {
		note("%s: is not whole: %d", h->name, ret);
		return false;
	}
	return !h->undo(&world) && is(&r->before);
}

/* How much is allocated without failures: *@total of each kind. */
static bool measure(const struct helped *h, struct rounds *r, u64 *total)
{
	const u64 plenty = 1 << 30;
	bool failed, had_help;
	enum kind kind;
	u64 left;

	for (kind = 0; kind < KINDS; kind++) {
		if (act_failing(h, kind, plenty, &failed, &left, &had_help))
			return false;
		total[kind] = plenty - left;
		state_take(&r->after, &world);
		if (h->undo(&world) || !is(&r->before))
			return false;
	}
	return true;
}

static void run(const struct helped *h, unsigned int *seed, unsigned int rounds)
{
	u64 total[KINDS] = {};
	struct rounds r = {};
	enum kind kind;
	unsigned int i;
	int ret;

	ret = world_open(&world, h->needs);
	if (!ret)
		ret = world_area(&world, LONG, MEM_SHARED, true);
	if (!ret && h->setup)
		ret = h->setup(&world);
	state_take(&r.before, &world);
	if (ret || !measure(h, &r, total)) {
		note("%s: cannot be done at all: %d", h->name, ret);
		result(false, h->name, NULL);
		return world_close(&world);
	}
	for (i = 0; i < rounds; i++) {
		kind = rand_r(seed) % KINDS;
		if (!round_is_well(h, &r, kind, total[kind] ? rand_r(seed) % total[kind] : 0))
			break;
	}
	note("%s: allocates %llu bytes, %llu pages; %u rounds: %u failures, %u lived, %u with help",
	     h->name, total[SLABS], total[PAGES], i, r.failed, r.lived, r.helped);
	result(i == rounds && r.helped, h->name, NULL);
	world_close(&world);
}

void helped_run(unsigned int seed, unsigned int rounds)
{
	unsigned int i;

	note("helpers: --seed %u repeats this", seed);
	world_devices(&world);
	backend_param(BACKEND_TYPE1P, "max_threads", "2");
	for (i = 0; i < ARRAY_SIZE(helped); i++)
		run(&helped[i], &seed, rounds);
}
