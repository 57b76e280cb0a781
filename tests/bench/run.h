/* SPDX-License-Identifier: GPL-2.0-only */
/* Rows become results: what all operations share. */
#ifndef TYPE1P_BENCH_RUN_H
#define TYPE1P_BENCH_RUN_H

#include "options.h"
#include "rows.h"
#include "side.h"
#include "stats.h"

#define MAX_METRICS	3

struct metric {
	const char *name;
	const char *unit;		/* what a unit is */
	u64 units;			/* in each sample */
	struct samples by[SIDES];	/* ns */
	struct samples floor_pin;	/* of SIDE_FLOOR's */
};

struct result {
	const struct row *row;
	u64 size;
	s64 runs;			/* physically contiguous ones; 0: not known */
	int error;			/* -errno that ended it */
	const char *skipped;		/* why it was not done at all */
	int nr;
	struct metric metric[MAX_METRICS];
};

struct run {
	struct side *sides;
	const struct options *options;
	const struct row *row;
	struct result *result;
	struct memory memory;
	struct stretch stretch;		/* what is measured */
	struct stretch standing;	/* what is there all the time */
	char saved[12];			/* a parameter's value, to be put back */
};

/*
 * What is done in a row, and measured. All return 0 or -errno; all but turn() may
 * be missing.
 */
struct operation {
	unsigned int sides;		/* bits of those that can do it */
	/* Once per row, and once per side; what they set up is there in all turns. */
	int (*begin)(struct run *run);
	int (*prepare)(struct run *run, struct side *side);
	int (*turn)(struct run *run, struct side *side);
	int (*undo)(struct run *run, struct side *side);
	void (*end)(struct run *run);
};

#define BACKENDS	(1U << SIDE_TYPE1P | 1U << SIDE_INTREE)

extern const struct operation map_operation, threads_operation, touch_operation,
	cpus_operation, bitmap_operation, vaddr_operation, replay_operation, pin_operation,
	latency_operation;

#define RUN_IOVA	(4ULL << 30)

void row_run(struct side sides[SIDES], const struct options *options,
	     const struct row *row, struct result *result);

/* For operations. begin() may find that a row cannot be done here. */
void run_skip(struct run *run, const char *why);
void run_metric(struct run *run, const char *name, const char *unit, u64 units);
void run_sample(struct run *run, int metric, enum side_id id, u64 ns);
/* Memory as the row wants it, in one run->stretch or in pieces. */
int run_get_memory(struct run *run);
/*
 * What was put off before is not to be counted in what comes now. Where the clock
 * counts instructions, sleep costs nothing.
 */
void run_settle(void);

/*
 * MAP and UNMAP as the first two metrics, and a turn of them, of memory which is
 * new if the row wants it fresh: @call has them made, by run_by_one() or by many.
 */
enum {
	METRIC_MAP,
	METRIC_UNMAP,
};

typedef int (*side_call)(const struct side *side, const struct stretch *stretch,
			 struct cost *cost);

int run_map_begin(struct run *run);
int run_map_turn(struct run *run, struct side *side,
		 int (*call)(struct run *run, struct side *side, side_call what,
			     struct cost *cost));
int run_by_one(struct run *run, struct side *side, side_call what, struct cost *cost);

/* What the kernel's calls take at the least; no samples if there is no floor. */
const struct samples *metric_floor(const struct metric *metric);

#endif
