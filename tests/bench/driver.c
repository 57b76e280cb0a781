// SPDX-License-Identifier: GPL-2.0-only
/*
 * What device drivers see: vfio_pin_pages() by several at once, and during a long
 * MAP; and what it takes to attach a device when memory is mapped already.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "edu.h"
#include "emulated.h"
#include "run.h"

#define MAX_DRIVERS	4
#define PINNING_MS	300

/* Where the driver pins during a MAP of other memory. */
#define PINS_SIZE	PAGE_2M
#define PINS_IOVA	(RUN_IOVA - PINS_SIZE)
#define PINS_PAUSE_US	50

struct setup {
	int container;
	unsigned int nr;
	int group[MAX_DRIVERS];
	int device[MAX_DRIVERS];
	int job[MAX_DRIVERS];
	int spare;			/* group of a device that does DMA; -1 */
};

static void setup_close(struct setup *s)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++) {
		if (s->device[i] >= 0)
			close(s->device[i]);
		close(s->group[i]);
	}
	if (s->spare >= 0)
		close(s->spare);
	if (s->container >= 0)
		close(s->container);
}

static int add_driver(struct setup *s)
{
	int group = emulated_group(s->nr);

	if (group < 0)
		return group;
	group = container_add_group(s->container, group);
	if (group < 0)
		return group;
	s->group[s->nr] = group;
	s->device[s->nr] = emulated_open(group, s->nr);
	s->nr++;
	return s->device[s->nr - 1] < 0 ? s->device[s->nr - 1] : 0;
}

/* A container with @nr emulated devices in it. */
static int setup_open(struct setup *s, const struct side *side, unsigned int nr)
{
	int ret, group = emulated_group(0);

	*s = (struct setup){ .container = -1, .spare = -1 };
	if (group < 0)
		return group;
	s->container = container_create((enum backend)side->id, VFIO_TYPE1v2_IOMMU, group,
					&s->group[0]);
	if (s->container < 0)
		return s->container;
	s->device[0] = emulated_open(s->group[0], 0);
	s->nr = 1;
	ret = s->device[0] < 0 ? s->device[0] : 0;
	while (!ret && s->nr < nr)
		ret = add_driver(s);
	if (ret)
		setup_close(s);
	return ret;
}

/* A device behind the IOMMU, not in the container yet. */
static int open_spare(struct setup *s)
{
	struct pci_dev dev;
	int ret, group;

	ret = pci_find_id(EDU_VENDOR, EDU_DEVICE, SPARE_EDU, &dev);
	if (ret)
		return ret;
	group = side_take_group(&dev);
	if (group < 0)
		return group;
	s->spare = group_open(group);
	return s->spare < 0 ? s->spare : 0;
}

static int replay_begin(struct run *run)
{
	run_metric(run, "attach", "4 KiB", run->result->size / PAGE_4K);
	run_metric(run, "detach", "4 KiB", run->result->size / PAGE_4K);
	return 0;
}

/* Memory that only emulated devices could see so far is not pinned, nor mapped. */
static int replay_turn(struct run *run, struct side *side)
{
	u64 start, attached, settled, detached;
	struct setup s;
	int ret;

	ret = setup_open(&s, side, 1);
	if (ret)
		return ret;
	ret = iova_map(s.container, run->memory.mem, RUN_IOVA, run->memory.size);
	if (!ret)
		ret = open_spare(&s);
	if (ret)
		goto close;
	start = now_ns();
	ret = group_set_container(s.spare, s.container);
	attached = now_ns();
	if (ret)
		goto close;
	run_settle();
	settled = now_ns();
	ret = group_unset_container(s.spare);
	detached = now_ns();
	if (!ret) {
		run_sample(run, 0, side->id, attached - start);
		run_sample(run, 1, side->id, detached - settled);
	}
close:
	setup_close(&s);
	return ret;
}

static int start_job(struct setup *s, unsigned int i, u64 iova, u64 span, u32 pause_us)
{
	const struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_PIN,
		.by = TYPE1P_EMULATED_KTHREAD,
		.flags = TYPE1P_EMULATED_LOOP,
		.prot = EMULATED_READ | EMULATED_WRITE,
		.iova = iova,
		.npages = 1,
		.span = span,
		.pause_us = pause_us,
	};

	s->job[i] = emulated_start(s->device[i], &order);
	return s->job[i] < 0 ? s->job[i] : 0;
}

/* Calls since the last time; -errno if any failed. */
static s64 sample_jobs(struct setup *s)
{
	struct type1p_emulated_status status;
	unsigned int i;
	s64 calls = 0;
	int ret;

	for (i = 0; i < s->nr; i++) {
		ret = emulated_sample(s->device[i], s->job[i], &status);
		if (ret || status.last < 0)
			return ret ? ret : status.last;
		calls += status.calls;
	}
	return calls;
}

#define CALLS_PER_SAMPLE	1000

static int pin_begin(struct run *run)
{
	run_metric(run, "pin+unpin", "call", CALLS_PER_SAMPLE);
	return 0;
}

/* Each driver in memory of its own; the time is that of all calls together. */
static int pin_turn(struct run *run, struct side *side)
{
	const unsigned int nr = run->row->threads;
	const u64 span = run->memory.size / nr;
	struct setup s;
	unsigned int i;
	s64 calls;
	u64 start;
	int ret;

	ret = setup_open(&s, side, nr);
	if (ret)
		return ret;
	ret = iova_map(s.container, run->memory.mem, RUN_IOVA, run->memory.size);
	for (i = 0; !ret && i < nr; i++)
		ret = start_job(&s, i, RUN_IOVA + i * span, span, 0);
	if (ret)
		goto close;
	run_settle();
	sample_jobs(&s);
	start = now_ns();
	usleep(PINNING_MS * 1000);
	calls = sample_jobs(&s);
	if (calls > 0)
		run_sample(run, 0, side->id, (now_ns() - start) * CALLS_PER_SAMPLE / calls);
	else
		ret = calls ? calls : -ETIMEDOUT;
close:
	setup_close(&s);
	return ret;
}

/*
 * The time below which 99 of 100 calls stayed: a power of two, or that of the
 * longest call. One that is under way counts with what there is of it.
 */
static u64 percentile(const struct type1p_emulated_status *status)
{
	u64 total = 0, below = 0;
	int i;

	for (i = 0; i < TYPE1P_EMULATED_TIMES; i++)
		total += status->times[i];
	for (i = 0; i < TYPE1P_EMULATED_TIMES; i++) {
		below += status->times[i];
		if (below * 100 >= (total + 1) * 99)
			break;
	}
	return i < TYPE1P_EMULATED_TIMES && 1ULL << i < status->longest_ns ?
		1ULL << i : status->longest_ns;
}

static int latency_begin(struct run *run)
{
	run_metric(run, "pin, 99 %", "call", 1);
	run_metric(run, "pin, longest", "call", 1);
	run_metric(run, "MAP", "4 KiB", run->result->size / PAGE_4K);
	return 0;
}

static int map_while_pinning(struct run *run, struct side *side, struct setup *s)
{
	struct type1p_emulated_status status;
	u64 start, took;
	int ret;

	ret = start_job(s, 0, PINS_IOVA, PINS_SIZE, PINS_PAUSE_US);
	if (ret)
		return ret;
	run_settle();
	sample_jobs(s);
	start = now_ns();
	ret = iova_map(s->container, run->memory.mem, RUN_IOVA, run->memory.size);
	took = now_ns() - start;
	if (!ret)
		ret = emulated_status(s->device[0], s->job[0], &status);
	if (ret || status.last < 0)
		return ret ? ret : status.last;
	run_sample(run, 0, side->id, percentile(&status));
	run_sample(run, 1, side->id, status.longest_ns);
	run_sample(run, 2, side->id, took);
	return 0;
}

static int latency_turn(struct run *run, struct side *side)
{
	struct memory pins = {};
	struct setup s;
	int ret;

	ret = setup_open(&s, side, 1);
	if (ret)
		return ret;
	ret = open_spare(&s);
	if (!ret)
		ret = group_set_container(s.spare, s.container);
	if (!ret)
		ret = memory_get(&pins, MEM_4K, PINS_SIZE, false);
	if (!ret)
		ret = iova_map(s.container, pins.mem, PINS_IOVA, PINS_SIZE);
	if (!ret)
		ret = map_while_pinning(run, side, &s);
	setup_close(&s);
	memory_put(&pins);
	return ret;
}

const struct operation replay_operation = {
	.sides = BACKENDS,
	.begin = replay_begin,
	.turn = replay_turn,
};

const struct operation pin_operation = {
	.sides = BACKENDS,
	.begin = pin_begin,
	.turn = pin_turn,
};

const struct operation latency_operation = {
	.sides = BACKENDS,
	.begin = latency_begin,
	.turn = latency_turn,
};
