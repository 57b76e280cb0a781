// SPDX-License-Identifier: GPL-2.0-only
/* What more CPUs gain: threads that map, and type1p's helpers within one ioctl. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "run.h"

#define MAX_THREADS	16

#define PARAMETER	"max_threads"

enum {
	METRIC_TOUCH = METRIC_UNMAP + 1,
};

struct helper {
	pthread_t thread;
	pthread_barrier_t *start;
	const struct side *side;
	side_call what;
	struct stretch stretch;
	u64 began, ended;
	int ret;
};

static void *help(void *data)
{
	struct helper *helper = data;
	struct cost unused;

	pthread_barrier_wait(helper->start);
	helper->began = now_ns();
	helper->ret = helper->what(helper->side, &helper->stretch, &unused);
	helper->ended = now_ns();
	return NULL;
}

/* Part @i of @nr, to be mapped by one ioctl. */
static struct stretch part(const struct memory *memory, unsigned int i, unsigned int nr)
{
	const u64 size = memory->size / nr;

	return (struct stretch){
		.mem = (char *)memory->mem + i * size,
		.iova = RUN_IOVA + i * size,
		.size = size,
		.count = 1,
	};
}

/* From the first to begin to the last to end. */
static int by_threads(unsigned int nr, const struct memory *memory, const struct side *side,
		      side_call what, struct cost *cost)
{
	struct helper helpers[MAX_THREADS];
	u64 began = ~0ULL, ended = 0;
	pthread_barrier_t start;
	unsigned int i;
	int ret = 0;

	pthread_barrier_init(&start, NULL, nr);
	for (i = 0; i < nr; i++) {
		helpers[i] = (struct helper){
			.start = &start,
			.side = side,
			.what = what,
			.stretch = part(memory, i, nr),
		};
		if (pthread_create(&helpers[i].thread, NULL, help, &helpers[i]))
			return -EAGAIN;
	}
	for (i = 0; i < nr; i++) {
		pthread_join(helpers[i].thread, NULL);
		began = helpers[i].began < began ? helpers[i].began : began;
		ended = helpers[i].ended > ended ? helpers[i].ended : ended;
		ret = ret ? ret : helpers[i].ret;
	}
	pthread_barrier_destroy(&start);
	*cost = (struct cost){ .ns = ended - began };
	return ret;
}

static int by_all(struct run *run, struct side *side, side_call what, struct cost *cost)
{
	return by_threads(run->row->threads, &run->memory, side, what, cost);
}

static int threads_turn(struct run *run, struct side *side)
{
	return run_map_turn(run, side, by_all);
}

/* Any side does that alike. */
static int touch(const struct side *side, const struct stretch *s, struct cost *cost)
{
	const struct memory memory = { .mem = s->mem, .size = s->size };
	u64 start = now_ns();

	(void)side;
	memory_touch(&memory);
	*cost = (struct cost){ .ns = now_ns() - start };
	return 0;
}

/* The ceiling of what threads can gain: nothing but fresh memory to touch. */
static int touch_fresh(struct run *run, int metric, struct side *side, unsigned int threads)
{
	struct memory memory;
	struct cost cost;
	int ret;

	ret = memory_get(&memory, run->row->pages, run->result->size, false);
	if (ret)
		return ret;
	ret = by_threads(threads, &memory, side, touch, &cost);
	memory_put(&memory);
	if (!ret)
		run_sample(run, metric, side->id, cost.ns);
	return ret;
}

static int touch_turn(struct run *run, struct side *side)
{
	return touch_fresh(run, 0, side, run->row->threads);
}

static int touch_begin(struct run *run)
{
	run_metric(run, "touch", "4 KiB", run->result->size / PAGE_4K);
	return 0;
}

static int cpus_begin(struct run *run)
{
	int ret;

	if (sysconf(_SC_NPROCESSORS_ONLN) < (long)run->row->threads) {
		run_skip(run, "not so many CPUs");
		return 0;
	}
	ret = backend_param_get(BACKEND_TYPE1P, PARAMETER, run->saved, sizeof(run->saved));
	if (ret == -ENOENT) {
		run_skip(run, "vfio_iommu_type1p has no parameter " PARAMETER);
		return 0;
	}
	if (ret)
		return ret;
	run_map_begin(run);
	return touch_begin(run);
}

/* By one CPU, by several, and in the tree, where it makes no difference. */
static int cpus_turn(struct run *run, struct side *side)
{
	const unsigned int cpus = side->id == SIDE_TYPE1P ? run->row->threads : 1;
	char value[12];
	int ret = 0;

	if (side->id != SIDE_INTREE)
		ret = touch_fresh(run, METRIC_TOUCH, side, cpus);
	if (ret)
		return ret;
	snprintf(value, sizeof(value), "%u", cpus);
	ret = backend_param(BACKEND_TYPE1P, PARAMETER, value);
	return ret ? ret : run_map_turn(run, side, run_by_one);
}

static void cpus_end(struct run *run)
{
	if (run->saved[0])
		backend_param(BACKEND_TYPE1P, PARAMETER, run->saved);
}

const struct operation threads_operation = {
	.sides = BACKENDS,
	.begin = run_map_begin,
	.turn = threads_turn,
};

const struct operation touch_operation = {
	.sides = 1U << SIDE_FLOOR,
	.begin = touch_begin,
	.turn = touch_turn,
};

const struct operation cpus_operation = {
	.sides = BACKENDS | 1U << SIDE_ALONE,
	.begin = cpus_begin,
	.turn = cpus_turn,
	.end = cpus_end,
};
