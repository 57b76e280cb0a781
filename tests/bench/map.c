// SPDX-License-Identifier: GPL-2.0-only
/* MAP and UNMAP: on all sides, by one thread. */
#include <errno.h>

#include "run.h"

int run_map_begin(struct run *run)
{
	const u64 pages = run->result->size / PAGE_4K;

	if (run->row->piece) {
		run_metric(run, "MAP", "ioctl", run->stretch.count);
		run_metric(run, "UNMAP", "ioctl", run->stretch.count);
	} else {
		run_metric(run, "MAP", "4 KiB", pages);
		run_metric(run, "UNMAP", "4 KiB", pages);
	}
	return 0;
}

static int map_standing(struct run *run, struct side *side)
{
	struct cost unused;

	return side_map(side, &run->standing, &unused);
}

static int unmap_standing(struct run *run, struct side *side)
{
	struct cost unused;

	return side_unmap(side, &run->standing, &unused);
}

static void keep(struct run *run, int metric, enum side_id id, const struct cost *cost)
{
	run_sample(run, metric, id, cost->ns);
	if (id == SIDE_FLOOR)
		sample_add(&run->result->metric[metric].floor_pin, cost->pin_ns);
}

int run_map_turn(struct run *run, struct side *side,
		 int (*call)(struct run *run, struct side *side, side_call what,
			     struct cost *cost))
{
	struct cost map, unmap;
	int ret = 0;

	if (run->row->fresh)
		ret = run_get_memory(run);
	if (ret)
		return ret;
	ret = call(run, side, side_map, &map);
	if (!ret) {
		run_settle();
		ret = call(run, side, side_unmap, &unmap);
	}
	if (run->row->fresh)
		memory_put(&run->memory);
	if (ret == -EOPNOTSUPP && side->id == SIDE_FLOOR_FILE) {
		side->fd = -1;
		return 0;
	}
	if (ret)
		return ret;
	keep(run, METRIC_MAP, side->id, &map);
	keep(run, METRIC_UNMAP, side->id, &unmap);
	return 0;
}

int run_by_one(struct run *run, struct side *side, side_call what, struct cost *cost)
{
	return what(side, &run->stretch, cost);
}

static int map_turn(struct run *run, struct side *side)
{
	return run_map_turn(run, side, run_by_one);
}

const struct operation map_operation = {
	.sides = BACKENDS | 1U << SIDE_IOMMUFD | 1U << SIDE_FLOOR | 1U << SIDE_FLOOR_FILE,
	.begin = run_map_begin,
	.prepare = map_standing,
	.turn = map_turn,
	.undo = unmap_standing,
};
