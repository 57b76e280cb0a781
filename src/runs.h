/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs: which pages stand behind a stretch of iova, in order.
 *
 * A run is a number of physically contiguous page frames of one kind. Runs are
 * the only record of what was pinned: unmap, replay and unpin work from them,
 * never from the IOMMU's page tables. A stored run takes eight bytes.
 */
#ifndef TYPE1P_RUNS_H
#define TYPE1P_RUNS_H

#include <linux/types.h>

/**
 * enum t1p_run_kind - what is owed for the pages of a run
 * @T1P_RUN_PINNED: ordinary memory: unpin it, and give back the charge
 * @T1P_RUN_RESERVED: the kernel's own pages: unpin them, they were not charged
 * @T1P_RUN_UNPINNED: device memory or the zero page: nothing is owed
 * @T1P_RUN_FOLIOS: ordinary memory with one pin per folio, also where the run has
 *	but a part of it; every page counts as locked memory
 * @T1P_RUN_HELD: ordinary memory with a plain reference; of a single page, and not
 *	to be stored
 */
enum t1p_run_kind {
	T1P_RUN_PINNED,
	T1P_RUN_RESERVED,
	T1P_RUN_UNPINNED,
	T1P_RUN_FOLIOS,
	T1P_RUN_HELD,
};

/* Whether the pages are the user's, and count as locked memory. */
static inline bool t1p_run_kind_counts(enum t1p_run_kind kind)
{
	return kind == T1P_RUN_PINNED || kind == T1P_RUN_FOLIOS;
}

struct t1p_run {
	unsigned long pfn;
	unsigned long nr;
	enum t1p_run_kind kind;
};

struct t1p_run_chunk;

/**
 * struct t1p_runs - an ordered list of runs
 * @first: the oldest chunk of stored runs, or NULL
 * @last: the newest one
 * @open: the run that still grows; its nr is 0 when there is none
 *
 * Context: whoever may change the object that holds it serialises access.
 */
struct t1p_runs {
	struct t1p_run_chunk *first;
	struct t1p_run_chunk *last;
	struct t1p_run open;
};

/* A place in a list of runs; zeroed, it stands at the beginning. */
struct t1p_runs_iter {
	const struct t1p_run_chunk *chunk;
	unsigned int next;
	bool done;
};

int t1p_runs_add(struct t1p_runs *runs, unsigned long pfn, unsigned long nr,
		 enum t1p_run_kind kind);
bool t1p_runs_next(const struct t1p_runs *runs, struct t1p_runs_iter *iter,
		   struct t1p_run *run);
void t1p_runs_free(struct t1p_runs *runs);

unsigned long t1p_runs_charge(const struct t1p_runs *runs);
bool t1p_runs_find(const struct t1p_runs *runs, unsigned long index,
		   struct t1p_run *run);

/* Whether there is at most one. */
static inline bool t1p_runs_single(const struct t1p_runs *runs)
{
	return !runs->first;
}

static inline bool t1p_runs_empty(const struct t1p_runs *runs)
{
	return !runs->open.nr;
}

#endif /* TYPE1P_RUNS_H */
