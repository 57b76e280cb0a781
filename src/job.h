/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jobs: the pieces of one range, worked on by its caller and by helpers.
 */
#ifndef TYPE1P_JOB_H
#define TYPE1P_JOB_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/types.h>

struct seq_file;
struct task_struct;
struct t1p_container;
struct t1p_domain;
struct t1p_helper;
struct t1p_range;

/**
 * struct t1p_job - something to do with each piece of a range
 * @c: the container of the range
 * @range: the range; its pieces are there
 * @domain: which domain it is about, if it is about one
 * @what: what to call it, for those who look
 * @work: does it with one piece, in the caller or a helper: so it may rely on locks
 *	that the caller holds, but not take them. Returns 0 or an errno
 * @mm: the address space to pin memory of, kept alive by the caller; or NULL
 * @may_wait: whether the caller may wait for user space in page faults
 * @left: how many pages are still to be pinned
 * @uncharge: how many pages that counted as locked memory were unpinned
 * @caller: who called t1p_job_run(); constant from there on, as is @count
 * @count: of the pieces
 * @next: the first piece that nobody has begun
 * @failed: the first piece that failed, with its errno; see job.c
 * @begun: when the caller began, in ns
 * @helpers: who helps, or NULL; the caller's, as @recruited
 * @recruited: helpers were called, whether any came or not
 * @threads: how many work, the caller among them; written by the caller
 * @finished: how many pieces are done, or given up
 * @node: in the container's jobs, if there is more than one piece
 */
struct t1p_job {
	struct t1p_container *c;
	struct t1p_range *range;
	struct t1p_domain *domain;
	const char *what;
	int (*work)(struct t1p_job *job, unsigned long index);
	struct mm_struct *mm;
	bool may_wait;
	atomic_long_t left;
	atomic_long_t uncharge;

	struct task_struct *caller;
	unsigned long count;
	atomic_long_t next;
	atomic64_t failed;
	u64 begun;
	struct t1p_helper *helpers;
	bool recruited;
	unsigned int threads;
	atomic_long_t finished;
	struct list_head node;
};

int t1p_job_run(struct t1p_job *job);
bool t1p_job_go_on(struct t1p_job *job, unsigned long index);
void t1p_job_help(struct t1p_job *job, struct t1p_helper *helper);
void t1p_jobs_show(struct seq_file *m, struct t1p_container *c);

#endif /* TYPE1P_JOB_H */
