// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs: the pieces of one range, worked on by its caller and by helpers.
 *
 * Everybody takes the next piece that nobody has begun. Where several fail, the
 * lowest counts, as if they had been done in order: pieces below it are brought to
 * their end, those above are given up. Only for the limit of locked memory they
 * compete, and who waits for user space may do so for a piece that comes later.
 */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>

#include "compat.h"
#include "helper.h"
#include "job.h"
#include "type1p.h"

/* More would wait for memory rather than for CPUs. */
#define MAX_AUTO	16

/* A piece above an errno: in one word, the lower the piece the lower. */
#define ERRNO_BITS	12
#define NONE_FAILED	S64_MAX

static unsigned long first_failed(const struct t1p_job *job)
{
	return atomic64_read(&job->failed) >> ERRNO_BITS;
}

static void note_failed(struct t1p_job *job, unsigned long index, int ret)
{
	s64 old = atomic64_read(&job->failed);
	s64 new = (s64)index << ERRNO_BITS | -ret;

	while (new < old && !atomic64_try_cmpxchg(&job->failed, &old, new))
		;
}

static int error_of(const struct t1p_job *job)
{
	s64 failed = atomic64_read(&job->failed);

	return failed == NONE_FAILED ? 0 : -(failed & (BIT(ERRNO_BITS) - 1));
}

static bool next_piece(struct t1p_job *job, unsigned long *index)
{
	*index = atomic_long_fetch_inc(&job->next);
	return *index < job->count && *index < first_failed(job);
}

/*
 * A thread of the kernel does not pin what has to be waited for. Only where pieces are
 * being pinned, so that nothing maps them; and not where an IOMMU has kept a page:
 * nobody may pin that piece anew.
 */
static bool may_return(const struct t1p_job *job, const struct t1p_helper *helper,
		       unsigned long index)
{
	return job->mm && helper->thread &&
	       !t1p_piece(job->range, index)->stuck;
}

/**
 * t1p_job_help() - work for a job, as a helper
 * @job: the job
 * @helper: the helper
 *
 * A helper that cannot do what the caller can leaves a piece to the caller, with
 * no page pinned. One whose cgroup may not have more CPU time for now begins no other
 * piece: the caller pays for its own in the end, but nobody would for that.
 */
void t1p_job_help(struct t1p_job *job, struct t1p_helper *helper)
{
	unsigned long index;
	int ret;

	while (!compat_throttled() && next_piece(job, &index)) {
		ret = job->work(job, index);
		if (ret && may_return(job, helper, index)) {
			t1p_piece_unpin(job, index);
			/* Pairs with do_returned(): the piece is empty. */
			smp_store_release(&helper->returned, index + 1);
			return;
		}
		if (ret)
			note_failed(job, index, ret);
		atomic_long_inc(&job->finished);
		cond_resched();
	}
}

static void do_piece(struct t1p_job *job, unsigned long index)
{
	int ret = job->work(job, index);

	if (ret)
		note_failed(job, index, ret);
	atomic_long_inc(&job->finished);
}

/* Early: if one fails, what comes after it need not be done. */
static void do_returned(struct t1p_job *job)
{
	struct t1p_helper *helper;
	unsigned long index;

	for (helper = job->helpers; helper; helper = helper->next) {
		/* Pairs with t1p_job_help(). */
		index = smp_load_acquire(&helper->returned);
		if (!index)
			continue;
		helper->returned = 0;
		/* It is going to be charged anew. */
		t1p_uncharge(&job->range->owner,
			     atomic_long_xchg(&job->uncharge, 0));
		if (--index < first_failed(job))
			do_piece(job, index);
	}
}

static unsigned int helpers_wanted(const struct t1p_job *job)
{
	unsigned long waiting = job->count - atomic_long_read(&job->next);
	unsigned int cpus = min(cpumask_weight(&current->cpus_mask), num_online_cpus());
	unsigned int max = READ_ONCE(t1p_max_threads) ?: MAX_AUTO;

	return min3(max - 1, cpus - 1, min_t(unsigned long, waiting, max));
}

static void recruit(struct t1p_job *job)
{
	unsigned int wanted = helpers_wanted(job);
	struct t1p_helper *helper;

	job->recruited = true;
	for (; wanted; wanted--) {
		helper = t1p_helper_start(job);
		if (!helper)
			return;
		helper->next = job->helpers;
		job->helpers = helper;
		WRITE_ONCE(job->threads, job->threads + 1);
	}
}

/* Helpers are called when the work has proved long and there is more of it. */
static void maybe_recruit(struct t1p_job *job)
{
	/* Only the caller looks whether it has been here. */
	if (job->caller != current || job->recruited ||
	    atomic_long_read(&job->next) >= job->count)
		return;
	if (ktime_get_ns() - job->begun >= t1p_helpers_pay_ns(job))
		recruit(job);
}

/**
 * t1p_job_go_on() - whether to go on with a piece
 * @job: the job
 * @index: the piece
 *
 * To be asked now and then, by whoever works on a piece.
 *
 * Context: may sleep.
 */
bool t1p_job_go_on(struct t1p_job *job, unsigned long index)
{
	cond_resched();
	if (fatal_signal_pending(job->caller) || index > first_failed(job))
		return false;
	maybe_recruit(job);
	return true;
}

static void dismiss(struct t1p_job *job)
{
	struct t1p_helper *helper, *next;

	for (helper = job->helpers; helper; helper = helper->next)
		t1p_helper_stop(helper);
	do_returned(job);
	for (helper = job->helpers; helper; helper = next) {
		next = helper->next;
		t1p_helper_put(helper);
	}
}

/* Let those who look see a job that takes a while, or see it no more. */
static void list_job(struct t1p_job *job)
{
	job->threads = 1;
	spin_lock(&job->c->jobs_lock);
	list_add_tail(&job->node, &job->c->jobs);
	spin_unlock(&job->c->jobs_lock);
}

static void unlist_job(struct t1p_job *job)
{
	spin_lock(&job->c->jobs_lock);
	list_del(&job->node);
	spin_unlock(&job->c->jobs_lock);
}

/* How much of it is done, in bytes: pages where they are pinned, else pieces. */
static u64 bytes_done(const struct t1p_job *job)
{
	u64 size = t1p_span_size(&job->range->span);
	long left;

	if (job->mm) {
		left = max(atomic_long_read(&job->left), 0L);
		return size - min(size, (u64)left << PAGE_SHIFT);
	}
	return div64_ul(size, job->count) * atomic_long_read(&job->finished);
}

static void job_show(struct seq_file *m, const struct t1p_job *job)
{
	const struct t1p_span *span = &job->range->span;

	seq_printf(m, "%s pid %d iova %#llx size %#llx done %llu elapsed_ns %llu threads %u\n",
		   job->what, task_tgid_nr(job->caller), span->iova,
		   t1p_span_size(span), bytes_done(job),
		   ktime_get_ns() - job->begun, READ_ONCE(job->threads));
}

/**
 * t1p_jobs_show() - tell what the long jobs of a container are and how far they are
 * @m: whom to tell
 * @c: the container
 */
void t1p_jobs_show(struct seq_file *m, struct t1p_container *c)
{
	struct t1p_job *job;

	spin_lock(&c->jobs_lock);
	list_for_each_entry(job, &c->jobs, node) {
		/* It is going to be asked again, with more room. */
		if (seq_has_overflowed(m))
			break;
		job_show(m, job);
	}
	spin_unlock(&c->jobs_lock);
}

/**
 * t1p_job_run() - do the work, with helpers if there is much of it
 * @job: the job; what is not told to be set otherwise is zero
 *
 * Context: may sleep; see @work and @may_wait. The range's pieces belong to the
 * caller, and no new ones come.
 * Return: 0, or the error of the lowest piece that failed. Then some pieces may be
 * done, and others in part.
 */
int t1p_job_run(struct t1p_job *job)
{
	unsigned long index;

	job->caller = current;
	job->count = t1p_span_pieces(&job->range->span);
	atomic64_set(&job->failed, NONE_FAILED);
	if (job->count == 1) {
		atomic_long_set(&job->next, 1);
		return job->work(job, 0);
	}

	job->begun = ktime_get_ns();
	list_job(job);
	while (next_piece(job, &index)) {
		do_piece(job, index);
		do_returned(job);
		maybe_recruit(job);
	}
	dismiss(job);
	unlist_job(job);
	return error_of(job);
}
