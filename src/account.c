// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locked-memory accounting.
 *
 * Each charge takes the mmap_lock for writing, which stalls every page fault in
 * the process. So a long MAP charges ahead, in grants, and gives back what it
 * did not need when it is done.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "account.h"
#include "type1p.h"

#define GRANT_PAGES	65536UL

/**
 * t1p_owner_init() - let the calling process own a range
 * @owner: what to set up
 *
 * The thread group leader stands for the process, whichever thread calls.
 */
void t1p_owner_init(struct t1p_owner *owner)
{
	owner->mm = current->mm;
	mmgrab(owner->mm);
	owner->task = get_task_struct(current->group_leader);
	owner->unlimited = capable(CAP_IPC_LOCK);
	owner->needed = 0;
	owner->charged = 0;
	mutex_init(&owner->lock);
}

/**
 * t1p_owner_release() - undo t1p_owner_init()
 * @owner: one with no charge left
 */
void t1p_owner_release(struct t1p_owner *owner)
{
	WARN_ON_ONCE(owner->charged);
	put_task_struct(owner->task);
	mmdrop(owner->mm);
}

/* Marked, for who looks from outside reads without the lock. */
static void set_charged(struct t1p_owner *owner, long nr)
{
	lockdep_assert_held(&owner->lock);
	WRITE_ONCE(owner->charged, nr);
}

static void add_needed(struct t1p_owner *owner, long nr)
{
	lockdep_assert_held(&owner->lock);
	WRITE_ONCE(owner->needed, owner->needed + nr);
}

static int charge_locked(struct t1p_owner *owner, unsigned long nr)
{
	int ret;

	lockdep_assert_held(&owner->lock);
	mmap_assert_write_locked(owner->mm);
	ret = __account_locked_vm(owner->mm, nr, true, owner->task,
				  owner->unlimited);
	if (!ret)
		set_charged(owner, owner->charged + nr);
	return ret;
}

static void warn_limit(const struct t1p_owner *owner)
{
	pr_warn_ratelimited("%s[%d]: RLIMIT_MEMLOCK of %lu bytes exceeded, raise it (ulimit -l) to map more\n",
			    owner->task->comm, task_pid_nr(owner->task),
			    task_rlimit(owner->task, RLIMIT_MEMLOCK));
}

/**
 * t1p_charge() - account for pages that were pinned
 * @owner: whom to charge, also after its end
 * @nr: how many pages were pinned
 * @ahead: how many more the range may still pin
 *
 * The pages count as needed even when the charge fails: whoever unpins them
 * calls t1p_uncharge() in any case.
 *
 * Context: may sleep; takes the owner's mmap_lock, killably.
 * Return: 0; -ENOMEM when the limit does not allow it; -EINTR on a fatal signal.
 */
int t1p_charge(struct t1p_owner *owner, unsigned long nr, unsigned long ahead)
{
	long short_by;
	int ret = 0;

	mutex_lock(&owner->lock);
	add_needed(owner, nr);
	/* Not for others who failed and have not said so yet. */
	short_by = min_t(long, owner->needed - owner->charged, nr);
	if (short_by <= 0)
		goto out;

	ahead = min(ahead, GRANT_PAGES);
	ret = mmap_write_lock_killable(owner->mm);
	if (ret)
		goto out;
	ret = charge_locked(owner, short_by + ahead);
	/* What fits the limit to the page must not fail for a grant. */
	if (ret && ahead)
		ret = charge_locked(owner, short_by);
	mmap_write_unlock(owner->mm);
	if (ret)
		warn_limit(owner);
out:
	mutex_unlock(&owner->lock);
	return ret;
}

/* Not killable: a process that dies must leave another's locked_vm right. */
static void credit(const struct t1p_owner *owner, unsigned long nr)
{
	mmap_write_lock(owner->mm);
	__account_locked_vm(owner->mm, nr, false, owner->task,
			    owner->unlimited);
	mmap_write_unlock(owner->mm);
}

/**
 * t1p_uncharge() - account for pages that were unpinned
 * @owner: whom to credit
 * @nr: how many pages; 0 just gives back what was charged ahead
 *
 * Context: may sleep; takes the owner's mmap_lock.
 */
void t1p_uncharge(struct t1p_owner *owner, unsigned long nr)
{
	long extra;

	mutex_lock(&owner->lock);
	add_needed(owner, -nr);
	extra = owner->charged - owner->needed;
	if (extra > 0) {
		set_charged(owner, owner->needed);
		credit(owner, extra);
	}
	mutex_unlock(&owner->lock);
}

/**
 * t1p_settled() - whether what counts is what is charged
 * @owner: the owner
 *
 * Context: does not sleep, for whoever charges may wait long: then it says no.
 */
bool t1p_settled(struct t1p_owner *owner)
{
	bool settled;

	if (!mutex_trylock(&owner->lock))
		return false;
	settled = owner->needed == owner->charged;
	mutex_unlock(&owner->lock);
	return settled;
}

/**
 * t1p_settle() - charge what counts and is not charged, and give back what does not
 * @owner: whom to charge, whatever the limit; who charges it ahead meanwhile has to
 *	charge anew
 *
 * For pages that a device driver has had pinned when pins began to count, or
 * ceased to.
 *
 * Context: may sleep; takes the owner's mmap_lock.
 */
void t1p_settle(struct t1p_owner *owner)
{
	long missing;

	mutex_lock(&owner->lock);
	missing = owner->needed - owner->charged;
	if (missing)
		set_charged(owner, owner->needed);
	if (missing > 0) {
		mmap_write_lock(owner->mm);
		__account_locked_vm(owner->mm, missing, true, owner->task, true);
		mmap_write_unlock(owner->mm);
	} else if (missing) {
		credit(owner, -missing);
	}
	mutex_unlock(&owner->lock);
}

/**
 * t1p_count() - let pages count that did not, or the other way round
 * @owner: the owner
 * @nr: how many pages; fewer than 0: they do not count any more
 *
 * The charge stays for now: t1p_uncharge() or t1p_settle() follows.
 */
void t1p_count(struct t1p_owner *owner, long nr)
{
	mutex_lock(&owner->lock);
	add_needed(owner, nr);
	mutex_unlock(&owner->lock);
}

/*
 * Who has been charged as much becomes the owner; who was it is @new, with the
 * charge that is to be given back. Returns how many pages are missing.
 */
static long adopt(struct t1p_owner *owner, struct t1p_owner *new)
{
	long charged, missing;

	mutex_lock(&owner->lock);
	charged = owner->charged;
	missing = charged - new->charged;
	if (missing <= 0) {
		swap(owner->mm, new->mm);
		swap(owner->task, new->task);
		swap(owner->unlimited, new->unlimited);
		set_charged(owner, new->charged);
		new->charged = charged;
	}
	mutex_unlock(&owner->lock);
	return missing;
}

/**
 * t1p_owner_change() - make the calling process the owner
 * @owner: the owner so far, of a range whose vaddr nobody uses; drivers may pin
 *	and unpin pages meanwhile
 *
 * Context: may sleep; takes the mmap_lock of both mms, one after the other.
 * Return: 0; -ENOMEM or -EINTR as t1p_charge(), the owner being as before.
 */
int t1p_owner_change(struct t1p_owner *owner)
{
	struct t1p_owner new;
	long missing;
	int ret = 0;

	/* Nobody else changes it. */
	if (owner->mm == current->mm)
		return 0;

	t1p_owner_init(&new);
	for (;;) {
		missing = adopt(owner, &new);
		if (missing <= 0)
			break;
		ret = t1p_charge(&new, missing, 0);
		if (ret)
			break;
	}
	if (new.charged)
		credit(&new, new.charged);
	new.charged = 0;
	t1p_owner_release(&new);
	t1p_uncharge(owner, 0);
	return ret;
}
