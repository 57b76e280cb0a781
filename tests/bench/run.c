// SPDX-License-Identifier: GPL-2.0-only
/* Rows become results: all sides do the same, in turns, on the same memory. */
#include <errno.h>
#include <unistd.h>

#include "run.h"

#define SETTLE_MS	20

void run_settle(void)
{
	usleep(SETTLE_MS * 1000);
}

static bool is_file(enum mem_pages pages)
{
	return pages == MEM_SHARED || pages == MEM_SHARED_HUGETLB;
}

static bool takes_part(const struct run *run, const struct side *side)
{
	if (side->id == SIDE_FLOOR_FILE && !is_file(run->row->pages))
		return false;
	return side->fd >= 0 && run->row->operation->sides & 1U << side->id;
}

/* Ranges in place stand on every second page, and those measured in between. */
static void plan(struct run *run)
{
	const u64 piece = run->row->piece ? run->row->piece : run->memory.size;
	const u64 standing = run->row->standing;
	struct stretch *s = &run->stretch;

	*s = (struct stretch){
		.mem = run->memory.mem,
		.iova = RUN_IOVA,
		.size = piece,
		.count = run->memory.size / piece,
		.mem_step = piece,
		.iova_step = piece,
	};
	run->standing = (struct stretch){ .count = 0 };
	if (!standing)
		return;
	run->standing = (struct stretch){
		.mem = run->memory.mem,
		.iova = RUN_IOVA,
		.size = PAGE_4K,
		.count = standing,
		.iova_step = 2 * PAGE_4K,
	};
	s->iova += PAGE_4K;
	s->iova_step = 2 * PAGE_4K * (standing > s->count ? standing / s->count : 1);
}

int run_get_memory(struct run *run)
{
	u64 size = run->row->size ? run->row->size : run->options->size;
	int ret;

	if (run->row->pages == MEM_HUGETLB_1G)
		size = (size + PAGE_1G - 1) & -PAGE_1G;
	ret = memory_get(&run->memory, run->row->pages, size, run->row->scattered);
	if (!ret)
		plan(run);
	return ret;
}

void run_metric(struct run *run, const char *name, const char *unit, u64 units)
{
	run->result->metric[run->result->nr++] = (struct metric){ name, unit, units };
}

void run_skip(struct run *run, const char *why)
{
	run->result->skipped = why;
}

void run_sample(struct run *run, int metric, enum side_id id, u64 ns)
{
	sample_add(&run->result->metric[metric].by[id], ns);
}

static int for_sides(struct run *run, int (*call)(struct run *run, struct side *side))
{
	int i, ret = 0;

	for (i = 0; call && !ret && i < SIDES; i++)
		if (takes_part(run, &run->sides[i]))
			ret = call(run, &run->sides[i]);
	return ret;
}

static int all_rounds(struct run *run)
{
	struct side *side, *taking_part[SIDES];
	unsigned int round, i, nr = 0;
	int ret = 0;

	for (i = 0; i < SIDES; i++)
		if (takes_part(run, &run->sides[i]))
			taking_part[nr++] = &run->sides[i];
	for (round = 0; round < run->options->rounds; round++) {
		for (i = 0; !ret && i < nr; i++) {
			/* Each is the first as often as any other. */
			side = taking_part[(round + i) % nr];
			if (side->fd < 0)
				continue;
			run_settle();
			ret = run->row->operation->turn(run, side);
		}
	}
	return ret;
}

/* What is fresh is made anew for each turn: this finds out its size, if it can be had. */
static int first_memory(struct run *run)
{
	int ret = run_get_memory(run);

	if (ret)
		return ret;
	run->result->size = run->memory.size;
	if (run->row->fresh) {
		memory_put(&run->memory);
		return 0;
	}
	memory_touch(&run->memory);
	run->result->runs = memory_runs(&run->memory);
	return 0;
}

static int measure(struct run *run)
{
	int ret = for_sides(run, run->row->operation->prepare);

	if (!ret)
		ret = all_rounds(run);
	if (!ret)
		ret = for_sides(run, run->row->operation->undo);
	return ret;
}

void row_run(struct side sides[SIDES], const struct options *options,
	     const struct row *row, struct result *result)
{
	const struct operation *operation = row->operation;
	struct run run = {
		.sides = sides,
		.options = options,
		.row = row,
		.result = result,
	};
	int ret;

	*result = (struct result){ .row = row };
	ret = first_memory(&run);
	if (!ret && operation->begin)
		ret = operation->begin(&run);
	if (!ret && !result->skipped)
		ret = measure(&run);
	if (operation->end)
		operation->end(&run);
	memory_put(&run.memory);
	result->error = ret;
}

const struct samples *metric_floor(const struct metric *metric)
{
	const struct samples *by_file = &metric->by[SIDE_FLOOR_FILE];
	const struct samples *by_address = &metric->by[SIDE_FLOOR];

	return by_file->nr && sample_median(by_file) < sample_median(by_address) ?
		by_file : by_address;
}
