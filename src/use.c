// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uses: how an operation of a device driver keeps a range from being taken apart.
 *
 * A use is a count, not a lock: others go on mapping, and even using the same
 * range. What is being mapped, or unmapped, is not there for a driver, so that it
 * never waits for an ioctl that may be waiting for the driver. It may so be told
 * that there is nothing where an UNMAP is turned back after all.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "trace.h"
#include "type1p.h"

enum way {
	BY_VADDR,
	BY_PAGES,
	BY_FILE,
	LATER,			/* when there is a vaddr again */
	NEVER,
};

/* By its vaddr, or else without, also when that is being taken or replaced. */
static enum way way_to(struct t1p_container *c, struct t1p_range *range,
		       enum t1p_want want)
{
	lockdep_assert_held(&c->lock);
	if (range->state == T1P_LIVE && !range->vaddr_invalid)
		return BY_VADDR;
	if (range->state != T1P_LIVE && range->state != T1P_MOVING)
		return NEVER;
	if (t1p_has_pieces(range))
		return BY_PAGES;
	return t1p_backing_serves(range->backing, want) ? BY_FILE : LATER;
}

/**
 * t1p_use() - use the range at an iova
 * @c: the container
 * @iova: the iova
 * @want: what for
 * @use: where to put the use
 *
 * Context: may sleep.
 * Return: 0, to be undone with t1p_unuse(); -EINVAL when there is no range;
 * -EAGAIN when it has no valid vaddr, no pages and no file: see t1p_use_wait().
 */
int t1p_use(struct t1p_container *c, u64 iova, enum t1p_want want,
	    struct t1p_use *use)
{
	struct t1p_range *range;
	enum way way = NEVER;

	mutex_lock(&c->lock);
	range = t1p_range_first(c, iova, iova);
	if (range)
		way = way_to(c, range, want);
	if (way < LATER) {
		use->range = range;
		use->vaddr = way == BY_VADDR;
		use->backing = way == BY_FILE ? range->backing : NULL;
		if (use->backing)
			t1p_backing_get(use->backing);
		atomic_inc(&range->users[use->vaddr]);
		t1p_range_get(range);
	}
	mutex_unlock(&c->lock);
	if (way == LATER)
		return -EAGAIN;
	return way == NEVER ? -EINVAL : 0;
}

/**
 * t1p_unuse() - undo t1p_use()
 * @use: the use
 */
void t1p_unuse(struct t1p_use *use)
{
	struct t1p_range *range = use->range;

	if (use->backing)
		t1p_backing_put(use->backing);
	if (atomic_dec_and_test(&range->users[use->vaddr]) &&
	    wq_has_sleeper(&range->settled))
		wake_up_all(&range->settled);
	t1p_range_put(range);
}

/*
 * The range that has to change before it is of use. Also one with pages that is
 * MOVING: those may just have lost their last domain, and they go when it settles.
 */
static struct t1p_range *later_range(struct t1p_container *c, u64 iova,
				     enum t1p_want want, unsigned int *changes)
{
	struct t1p_range *range;

	mutex_lock(&c->lock);
	range = t1p_range_first(c, iova, iova);
	if (range && range->state != T1P_MOVING &&
	    way_to(c, range, want) != LATER)
		range = NULL;
	if (range) {
		*changes = range->changes;
		t1p_range_get(range);
	}
	mutex_unlock(&c->lock);
	return range;
}

/* Somebody wants this thread to come back, with or without a vaddr. */
static bool called_away(void)
{
	return fatal_signal_pending(current) ||
	       (current->flags & PF_KTHREAD && kthread_should_stop());
}

/* How long the caller may wait yet, in jiffies. */
static long patience(unsigned long *deadline)
{
	unsigned int ms = READ_ONCE(t1p_vaddr_timeout_ms);

	if (!*deadline)
		*deadline = (jiffies + msecs_to_jiffies(ms)) ?: 1;
	return max((long)(*deadline - jiffies), 0L);
}

static int give_up(const struct t1p_container *c, u64 iova)
{
	unsigned int ms = READ_ONCE(t1p_vaddr_timeout_ms);

	if (ms)
		pr_warn_ratelimited("container %lu: a device driver needs iova %#llx, whose vaddr nobody has replaced for %u ms; module parameter vaddr_timeout_ms lets it wait longer\n",
				    c->id, iova, ms);
	return -EAGAIN;
}

/**
 * t1p_use_wait() - wait until the range at an iova has a valid vaddr again
 * @c: the container
 * @iova: the iova
 * @want: what for
 * @deadline: by when the driver's call must have ended, for all of its waits; 0 at
 *	the first
 *
 * Replace, unmap, and the end of the container wake the waiter; a fatal signal,
 * kthread_stop() and vaddr_timeout_ms end the wait as well, so that a driver that
 * flushes its work while user space closes its device gets on.
 *
 * Context: hold nothing of ours, no use either.
 * Return: 0 to look again; -EAGAIN after the time limit; -EINTR.
 */
int t1p_use_wait(struct t1p_container *c, u64 iova, enum t1p_want want,
		 unsigned long *deadline)
{
	u64 begun = t1p_trace_begin(wait);
	struct t1p_range *range;
	unsigned int changes;
	long left;
	int ret = 0;

	range = later_range(c, iova, want, &changes);
	if (!range)
		return 0;
	left = patience(deadline);
	atomic_inc(&c->waiters);
	left = wait_event_killable_timeout(range->settled,
					   READ_ONCE(range->changes) != changes ||
					   called_away(), left);
	atomic_dec(&c->waiters);
	t1p_range_put(range);
	if (left < 0 || called_away())
		ret = -EINTR;
	else if (!left)
		ret = give_up(c, iova);
	trace_type1p_wait(c->id, iova, ret, begun);
	return ret;
}

/*
 * Whether uses go on of what no new use begins: of all of a range that is being
 * unmapped, of the vaddr of one that is moving.
 */
static bool draining(struct t1p_range *range, enum t1p_range_state state)
{
	if (READ_ONCE(range->state) != state)
		return false;
	return state == T1P_UNMAPPING ? t1p_in_use(range) :
					atomic_read_acquire(&range->users[true]) != 0;
}

/**
 * t1p_drain() - wait until ranges are no longer used
 * @claimed: the ranges, the caller's
 * @state: UNMAPPING or MOVING, into which the caller has put them
 *
 * Context: hold nothing; drivers may be faulting pages in.
 * Return: 0, or -EINTR on a fatal signal.
 */
int t1p_drain(struct list_head *claimed, enum t1p_range_state state)
{
	struct t1p_range *range;

	/* No new use begins since, under the lock, the state has changed. */
	list_for_each_entry(range, claimed, claimed)
		if (draining(range, state) &&
		    wait_event_killable(range->settled, !draining(range, state)))
			return -EINTR;
	return 0;
}
