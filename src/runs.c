// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage for runs: a chain of chunks that double up to one page, so that a
 * range of one run costs no chunk at all and a large one wastes at most a page.
 */
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "runs.h"

/* 40 bits of pfn are 52 of physical address; 22 of nr are 16 GiB of 4 KiB. */
#define RUN_KIND_BITS	2
#define RUN_NR_BITS	22
#define RUN_NR_MAX	((1UL << RUN_NR_BITS) - 1)
#define RUN_PFN_SHIFT	(RUN_KIND_BITS + RUN_NR_BITS)

static_assert(BIT(RUN_KIND_BITS) > T1P_RUN_FOLIOS);

#define CHUNK_MIN_BYTES	64

/* Knows how many pages its runs have, so that a look-up can pass it over. */
struct t1p_run_chunk {
	struct t1p_run_chunk *next;
	unsigned int nr;
	unsigned int max;
	unsigned long pages;
	u64 run[];
};

static u64 run_pack(const struct t1p_run *run)
{
	return (u64)run->pfn << RUN_PFN_SHIFT | run->nr << RUN_KIND_BITS |
	       run->kind;
}

static void run_unpack(u64 packed, struct t1p_run *run)
{
	run->pfn = packed >> RUN_PFN_SHIFT;
	run->nr = packed >> RUN_KIND_BITS & RUN_NR_MAX;
	run->kind = packed & (BIT(RUN_KIND_BITS) - 1);
}

static struct t1p_run_chunk *chunk_alloc(const struct t1p_run_chunk *last)
{
	struct t1p_run_chunk *chunk;
	size_t bytes = CHUNK_MIN_BYTES;

	if (last)
		bytes = min(2 * struct_size(last, run, last->max), PAGE_SIZE);

	chunk = kmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->nr = 0;
	chunk->pages = 0;
	chunk->max = (bytes - sizeof(*chunk)) / sizeof(chunk->run[0]);
	return chunk;
}

/* Make room for one more stored run. */
static int runs_grow(struct t1p_runs *runs)
{
	struct t1p_run_chunk *chunk = chunk_alloc(runs->last);

	if (!chunk)
		return -ENOMEM;
	if (runs->last)
		runs->last->next = chunk;
	else
		runs->first = chunk;
	runs->last = chunk;
	return 0;
}

/* Put the open run into store, so that another one can be opened. */
static int runs_close(struct t1p_runs *runs)
{
	struct t1p_run_chunk *chunk = runs->last;

	if (!chunk || chunk->nr == chunk->max) {
		if (runs_grow(runs))
			return -ENOMEM;
		chunk = runs->last;
	}
	chunk->run[chunk->nr++] = run_pack(&runs->open);
	chunk->pages += runs->open.nr;
	return 0;
}

/**
 * t1p_runs_add() - append page frames
 * @runs: the list
 * @pfn: the first frame
 * @nr: how many frames, at least 1
 * @kind: what is owed for them
 *
 * Frames that continue the last run make it longer.
 *
 * Context: may sleep. Memory is charged to the caller's memory cgroup.
 * Return: 0, or -ENOMEM with the list as it was.
 */
int t1p_runs_add(struct t1p_runs *runs, unsigned long pfn, unsigned long nr,
		 enum t1p_run_kind kind)
{
	struct t1p_run *open = &runs->open;

	if (open->nr && open->kind == kind && open->pfn + open->nr == pfn &&
	    open->nr + nr <= RUN_NR_MAX) {
		open->nr += nr;
		return 0;
	}

	if (open->nr && runs_close(runs))
		return -ENOMEM;
	open->pfn = pfn;
	open->nr = nr;
	open->kind = kind;
	return 0;
}

/**
 * t1p_runs_next() - step through a list of runs
 * @runs: the list
 * @iter: where the walk stands; zeroed before the first call
 * @run: where to put the next run
 *
 * Context: any; the list must not change during the walk.
 * Return: false when there is no further run.
 */
bool t1p_runs_next(const struct t1p_runs *runs, struct t1p_runs_iter *iter,
		   struct t1p_run *run)
{
	if (iter->done)
		return false;

	if (!iter->chunk)
		iter->chunk = runs->first;
	while (iter->chunk) {
		if (iter->next < iter->chunk->nr) {
			run_unpack(iter->chunk->run[iter->next++], run);
			return true;
		}
		if (!iter->chunk->next)
			break;
		iter->chunk = iter->chunk->next;
		iter->next = 0;
	}

	iter->done = true;
	*run = runs->open;
	return run->nr;
}

/**
 * t1p_runs_free() - forget all runs
 * @runs: the list, empty afterwards
 *
 * Frees the record only: the pages must have been unpinned before.
 */
void t1p_runs_free(struct t1p_runs *runs)
{
	struct t1p_run_chunk *chunk, *next;

	for (chunk = runs->first; chunk; chunk = next) {
		next = chunk->next;
		kfree(chunk);
	}
	*runs = (struct t1p_runs){};
}

/**
 * t1p_runs_charge() - how many of the pages count as locked memory
 * @runs: the list
 */
unsigned long t1p_runs_charge(const struct t1p_runs *runs)
{
	struct t1p_runs_iter iter = {};
	unsigned long charge = 0;
	struct t1p_run run;

	while (t1p_runs_next(runs, &iter, &run))
		if (t1p_run_kind_counts(run.kind))
			charge += run.nr;
	return charge;
}

/**
 * t1p_runs_find() - look a page up
 * @runs: the list
 * @index: which page, counted from the first
 * @run: where to put the rest of its run, with the page as the first one
 *
 * Return: false when there are not so many pages.
 */
bool t1p_runs_find(const struct t1p_runs *runs, unsigned long index,
		   struct t1p_run *run)
{
	struct t1p_runs_iter iter = { .chunk = runs->first };

	while (iter.chunk && iter.chunk->next && index >= iter.chunk->pages) {
		index -= iter.chunk->pages;
		iter.chunk = iter.chunk->next;
	}
	while (t1p_runs_next(runs, &iter, run)) {
		if (index < run->nr) {
			run->pfn += index;
			run->nr -= index;
			return true;
		}
		index -= run->nr;
	}
	return false;
}
