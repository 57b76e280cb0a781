// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ranges, and the threads that take their vaddrs, give them other ones, unmap
 * and map them. Each range is the matter of one thread, which now and then leaves it
 * alone till all who waited for it have come back.
 *
 * A range has two pieces of memory in turn. The one that is not its own has a word in
 * each page that nobody may overwrite.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "container.h"
#include "stress.h"

#define MOVERS		4
#define UNUSED_STAMP	0x756e000000000000ULL

enum range_state {
	GONE,
	VALID,
	INVALID,
};

struct range {
	enum range_state state;
	char *mem[2];
	int turn;
};

struct mover {
	struct stress *s;
	unsigned int first;
	unsigned int seed;
	pthread_t thread;
};

static struct range *ranges;
static struct mover movers[MOVERS];
static atomic_bool stopped;
/* Held for reading by who changes its own ranges, for writing by who changes all. */
static pthread_rwlock_t ranges_sem;

static atomic_ullong maps, unmaps, invalidates, replaces, woken, settles;
static atomic_uint slowest_settle_ms;

void ranges_lock(void)
{
	pthread_rwlock_wrlock(&ranges_sem);
}

void ranges_unlock(void)
{
	pthread_rwlock_unlock(&ranges_sem);
}

static void check(struct stress *s, unsigned int nr, const char *what, int ret)
{
	if (ret)
		fail(s, "range %u: %s: error %d", nr, what, ret);
}

/* The memory that the range has had is the user's again. */
static void set_unused(struct range *range)
{
	emulated_stamp(range->mem[range->turn], 0, RANGE_SIZE, UNUSED_STAMP);
}

static void *set_used(struct stress *s, struct range *range, unsigned int nr)
{
	char *mem = range->mem[range->turn];
	u64 at;

	for (at = 0; at < RANGE_SIZE; at += PAGE_4K)
		if (*(u64 *)(mem + at) != TYPE1P_EMULATED_WORD(UNUSED_STAMP, at))
			fail(s, "range %u: a device has written to its former memory", nr);
	range->turn = !range->turn;
	emulated_stamp(range->mem[range->turn], range_iova(nr), RANGE_SIZE, STAMP);
	return range->mem[range->turn];
}

static void range_map(struct stress *s, unsigned int nr)
{
	struct range *range = &ranges[nr];

	check(s, nr, "map", iova_map(s->container, set_used(s, range, nr), range_iova(nr),
				     RANGE_SIZE));
	range->state = VALID;
	maps++;
}

/* Whoever waits for the range is woken. */
static void count_woken(struct stress *s, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < s->waiters; i++)
		woken += s->waiter[i].turn % 2 && s->waiter[i].range == nr;
}

static void range_unmap(struct stress *s, unsigned int nr)
{
	struct range *range = &ranges[nr];
	u64 done = 0;

	if (range->state == INVALID)
		count_woken(s, nr);
	check(s, nr, "unmap", iova_unmap(s->container, range_iova(nr), RANGE_SIZE, &done));
	if (done != RANGE_SIZE)
		fail(s, "range %u: unmapped %llu bytes", nr, done);
	if (range->state == VALID)
		set_unused(range);
	range->state = GONE;
	unmaps++;
}

static void range_invalidate(struct stress *s, unsigned int nr)
{
	check(s, nr, "invalidate", iova_unmap_flags(s->container, range_iova(nr), RANGE_SIZE,
						    VFIO_DMA_UNMAP_FLAG_VADDR, NULL));
	set_unused(&ranges[nr]);
	ranges[nr].state = INVALID;
	invalidates++;
}

static void range_replace(struct stress *s, unsigned int nr)
{
	struct range *range = &ranges[nr];

	count_woken(s, nr);
	check(s, nr, "replace", iova_map_flags(s->container, set_used(s, range, nr), range_iova(nr),
					       RANGE_SIZE, VFIO_DMA_MAP_FLAG_VADDR));
	range->state = VALID;
	replaces++;
}

static void range_step(struct stress *s, unsigned int nr, unsigned int *seed)
{
	bool rarely = !(rand_r(seed) % 8);

	if (ranges[nr].state == GONE)
		range_map(s, nr);
	else if (rarely)
		range_unmap(s, nr);
	else if (ranges[nr].state == VALID)
		range_invalidate(s, nr);
	else
		range_replace(s, nr);
}

/* Nobody has a reason to wait for the range, or begins to use it: so all come back. */
static void range_settle(struct stress *s, unsigned int nr)
{
	unsigned int i, turn;
	double start = now_ms();

	for (i = 0; i < s->waiters; i++) {
		turn = s->waiter[i].turn;
		if (!(turn % 2) || s->waiter[i].range != nr)
			continue;
		while (s->waiter[i].turn == turn && !s->failed) {
			usleep(500);
			if (now_ms() - start > s->patience_ms)
				fail(s, "range %u: a %s waits on though the range is %s", nr,
				     waiter_name(s->waiter[i].kind),
				     ranges[nr].state == VALID ? "valid" : "gone");
		}
	}
	raise_to(&slowest_settle_ms, now_ms() - start);
	settles++;
}

static void *mover_run(void *arg)
{
	struct mover *m = arg;
	struct stress *s = m->s;
	unsigned int nr;
	bool alone;

	while (!stopped) {
		nr = rand_r(&m->seed) % (s->ranges / MOVERS) * MOVERS + m->first;
		pthread_rwlock_rdlock(&ranges_sem);
		alone = ranges[nr].state == INVALID && !(rand_r(&m->seed) % 2);
		s->quiet[nr] = alone;
		range_step(s, nr, &m->seed);
		if (alone)
			range_settle(s, nr);
		s->quiet[nr] = false;
		pthread_rwlock_unlock(&ranges_sem);
		pause_us(&m->seed, 1000);
	}
	return NULL;
}

void ranges_all_valid(struct stress *s)
{
	unsigned int nr;

	for (nr = 0; nr < s->ranges; nr++)
		if (ranges[nr].state == INVALID)
			range_replace(s, nr);
}

void ranges_all_invalid(struct stress *s)
{
	u64 done = 0;
	unsigned int nr;

	check(s, 0, "invalidate all", iova_unmap_flags(s->container, 0, 0,
						       VFIO_DMA_UNMAP_FLAG_VADDR |
						       VFIO_DMA_UNMAP_FLAG_ALL, &done));
	if (done != ranges_mapped(s))
		fail(s, "invalidated %llu bytes of %llu", done, ranges_mapped(s));
	for (nr = 0; nr < s->ranges; nr++) {
		if (ranges[nr].state != VALID)
			continue;
		set_unused(&ranges[nr]);
		ranges[nr].state = INVALID;
	}
	invalidates++;
}

u64 ranges_mapped(const struct stress *s)
{
	u64 size = 0;
	unsigned int nr;

	for (nr = 0; nr < s->ranges; nr++)
		size += ranges[nr].state == GONE ? 0 : RANGE_SIZE;
	return size;
}

int ranges_start(struct stress *s)
{
	unsigned int i;

	lock_init(&ranges_sem);
	ranges = calloc(s->ranges, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	for (i = 0; i < s->ranges; i++) {
		ranges[i].mem[0] = mem_alloc(RANGE_SIZE, MEM_4K);
		ranges[i].mem[1] = mem_alloc(RANGE_SIZE, MEM_4K);
		if (!ranges[i].mem[0] || !ranges[i].mem[1])
			return -ENOMEM;
		set_unused(&ranges[i]);
		range_map(s, i);
	}
	for (i = 0; i < MOVERS; i++) {
		movers[i] = (struct mover){ .s = s, .first = i, .seed = s->seed + 100 + i };
		if (pthread_create(&movers[i].thread, NULL, mover_run, &movers[i]))
			return -EAGAIN;
	}
	return 0;
}

void ranges_stop(struct stress *s)
{
	int i;

	stopped = true;
	for (i = 0; i < MOVERS; i++)
		join_in_time(s, movers[i].thread, "mover of ranges");
	ranges_all_valid(s);
}

void ranges_report(void)
{
	printf("# ranges: %llu maps, %llu unmaps, %llu invalidates, %llu replaces\n", maps, unmaps,
	       invalidates, replaces);
	printf("# woken: %llu\n", woken);
	printf("# %llu times a range was left alone till all had come back: slowest %u ms\n",
	       settles, slowest_settle_ms);
}
