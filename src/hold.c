// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting hold of one page of a range, in whichever way its use allows.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "type1p.h"

/*
 * Whether nobody takes the pages out while domains_sem is held. The thread that
 * settles a range does when it finds no domain, and when it maps or unmaps; while
 * the range is MOVING none comes, for its vaddr is invalid.
 */
static bool pages_stay(struct t1p_container *c, struct t1p_range *range)
{
	enum t1p_range_state state = READ_ONCE(range->state);

	lockdep_assert_held(&c->domains_sem);
	return !list_empty(&c->domains) &&
	       (state == T1P_LIVE || state == T1P_MOVING);
}

/* Find a page among those that are pinned for the IOMMU, and hold it. */
static int hold_mapped(struct t1p_container *c, struct t1p_range *range,
		       u64 iova, struct t1p_run *run)
{
	unsigned long index = t1p_span_index(&range->span, iova);
	struct t1p_piece *piece = NULL;
	int ret = -EAGAIN;
	u64 start;

	down_read(&c->domains_sem);
	if (pages_stay(c, range))
		piece = t1p_piece(range, index);
	if (piece) {
		t1p_span_piece(&range->span, index, &start);
		ret = t1p_runs_find(&piece->runs, (iova - start) >> PAGE_SHIFT,
				    run) ? 0 : -EINVAL;
	}
	if (!ret && t1p_run_kind_counts(run->kind)) {
		get_page(pfn_to_page(run->pfn));
		run->kind = T1P_RUN_HELD;
	} else {
		/* The kernel's own pages do not go away. */
		run->kind = T1P_RUN_UNPINNED;
	}
	up_read(&c->domains_sem);
	return ret;
}

/* Pin the page that is mapped at the vaddr. */
static int hold_vaddr(struct t1p_range *range, u64 iova, int prot,
		      struct t1p_run *run)
{
	struct mm_struct *mm = range->owner.mm;
	int ret;

	if (!mmget_not_zero(mm))
		return -ENODEV;
	ret = t1p_pin_one(mm, range->vaddr + (iova - range->span.iova),
			  prot, run);
	mmput_async(mm);
	return ret;
}

/**
 * t1p_hold() - get hold of one page of a range
 * @c: the container
 * @use: a use of the range
 * @iova: of the page
 * @prot: IOMMU_WRITE if it is to be written to
 * @want: what for
 * @run: where to put the page, to be given back with t1p_unpin_run()
 *
 * Context: as t1p_pin_one() where the use is of the vaddr; else it does not wait
 * for user space.
 * Return: 0; -EAGAIN when there is no such way any more: see t1p_use_wait();
 * -ENODEV when the owner is gone; errors of pinning.
 */
int t1p_hold(struct t1p_container *c, const struct t1p_use *use, u64 iova,
	     int prot, enum t1p_want want, struct t1p_run *run)
{
	struct t1p_range *range = use->range;

	if (use->vaddr)
		return hold_vaddr(range, iova, prot, run);
	if (use->backing)
		return t1p_backing_hold(use->backing, iova - range->span.iova,
					prot & IOMMU_WRITE, want, run);
	return hold_mapped(c, range, iova, run);
}
