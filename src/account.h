/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose locked memory the pages of a range are.
 */
#ifndef TYPE1P_ACCOUNT_H
#define TYPE1P_ACCOUNT_H

#include <linux/mutex.h>
#include <linux/types.h>

struct mm_struct;
struct task_struct;

/**
 * struct t1p_owner - who is charged for a range
 * @mm: the address space that vaddr belongs to; grabbed, not kept alive. When it
 *	is dead its locked_vm still counts for what devices pin of the range
 * @task: whose RLIMIT_MEMLOCK counts
 * @unlimited: whether the owner had CAP_IPC_LOCK
 * @needed: pages that the range has pinned and that count
 * @charged: pages that stand in the mm's locked_vm for the range; may run ahead
 *	of @needed while the range is being pinned
 * @lock: guards all members; outside the mmap_lock. Whoever uses the
 *	range's vaddr may read @mm without it: a new owner comes when nobody does.
 *	The counts may be read by READ_ONCE() without it, as a hint.
 */
struct t1p_owner {
	struct mm_struct *mm;
	struct task_struct *task;
	bool unlimited;
	long needed;
	long charged;
	struct mutex lock;		/* all of the above */
};

void t1p_owner_init(struct t1p_owner *owner);
void t1p_owner_release(struct t1p_owner *owner);
int t1p_charge(struct t1p_owner *owner, unsigned long nr, unsigned long ahead);
void t1p_uncharge(struct t1p_owner *owner, unsigned long nr);
bool t1p_settled(struct t1p_owner *owner);
void t1p_settle(struct t1p_owner *owner);
void t1p_count(struct t1p_owner *owner, long nr);
int t1p_owner_change(struct t1p_owner *owner);

#endif /* TYPE1P_ACCOUNT_H */

