// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_IOMMU_UNMAP_DMA: claim the ranges, then take them apart.
 */
#include "compat.h"
#include "job.h"
#include "type1p.h"

static int depopulate_piece(struct t1p_job *job, unsigned long index)
{
	struct t1p_piece *piece = t1p_piece(job->range, index);
	struct t1p_container *c = job->c;
	struct t1p_domain *domain;

	if (piece->mapped) {
		down_read(&c->domains_sem);
		list_for_each_entry(domain, &c->domains, node)
			t1p_piece_unmap(job->range, index, domain);
		piece->mapped = false;
		up_read(&c->domains_sem);
	}
	t1p_piece_unpin(job, index);
	return 0;
}

/* Unmap and unpin all of a range. The empty pieces are still there. */
static void depopulate(struct t1p_container *c, struct t1p_range *range)
{
	struct t1p_job job = {
		.c = c,
		.range = range,
		.what = "unmap",
		.work = depopulate_piece,
	};

	t1p_pieces_unpin(&job);
}

/**
 * t1p_depopulate() - unmap and unpin all of a range
 * @c: its container
 * @range: an unsettled range of the caller's
 *
 * Context: may sleep; hold nothing.
 */
void t1p_depopulate(struct t1p_container *c, struct t1p_range *range)
{
	depopulate(c, range);
	down_read(&c->domains_sem);
	t1p_pieces_free(range);
	up_read(&c->domains_sem);
}

/* Out of the tree, unless the container's end has done that; returns whether it has. */
static bool leave_tree(struct t1p_container *c, struct t1p_range *range)
{
	bool dead;

	lockdep_assert_held(&c->domains_sem);
	t1p_pieces_free(range);
	mutex_lock(&c->lock);
	if (range->backing)
		t1p_backing_put(range->backing);
	range->backing = NULL;
	dead = range->state == T1P_GONE;
	if (!dead)
		t1p_range_set_state(c, range, T1P_GONE);
	mutex_unlock(&c->lock);
	return dead;
}

/* The same for one that drivers use, or have pinned: they stand still meanwhile. */
static bool leave_to_drivers(struct t1p_container *c, struct t1p_range *range)
{
	bool dead;

	down_write(&c->domains_sem);
	if (range->state != T1P_GONE &&
	    (t1p_in_use(range) || t1p_has_pins(range)))
		t1p_pins_orphan(c, range);
	dead = leave_tree(c, range);
	up_write(&c->domains_sem);
	return dead;
}

/**
 * t1p_drop() - take a range apart and out of the tree
 * @c: its container
 * @range: an unsettled range of the caller's, or one that is GONE. Not a MOVING
 *	one: no driver may begin to use it
 *
 * The iova is free for others only when no device reaches it any more.
 *
 * Context: may sleep; hold nothing.
 */
void t1p_drop(struct t1p_container *c, struct t1p_range *range)
{
	bool dead, wanted = t1p_in_use(range) || t1p_has_pins(range);

	WARN_ON_ONCE(READ_ONCE(range->state) == T1P_MOVING);
	/* Whom an UNMAP that was killed did not wait for may be looking at pages. */
	if (t1p_in_use(range)) {
		down_write(&c->domains_sem);
		up_write(&c->domains_sem);
	}
	depopulate(c, range);

	if (wanted) {
		dead = leave_to_drivers(c, range);
	} else {
		down_read(&c->domains_sem);
		dead = leave_tree(c, range);
		up_read(&c->domains_sem);
	}
	if (dead)
		t1p_pins_release(range);
	else
		t1p_settle(&range->owner);
}

/**
 * t1p_bisects() - whether a stretch of iova cuts through a range
 * @c: the container
 * @first: the lowest range in it, or NULL
 * @iova: first iova of the stretch
 * @last: last iova of the stretch
 *
 * Context: the tree is locked.
 */
bool t1p_bisects(struct t1p_container *c, const struct t1p_range *first,
		 u64 iova, u64 last)
{
	if (!first)
		return false;
	if (first->span.iova < iova)
		return true;
	if (first->span.last < last)
		first = t1p_range_first(c, last, last);
	return first && first->span.last > last;
}

/* What UNMAP_DMA demands of its numbers; gives the last iova it is about. */
static int check_args(struct t1p_container *c,
		      const struct vfio_iommu_type1_dma_unmap *unmap,
		      u64 *last)
{
	u64 mask = t1p_container_pgsize(c) - 1;

	if (unmap->iova & mask)
		return -EINVAL;
	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		*last = U64_MAX;
		return unmap->iova || unmap->size ? -EINVAL : 0;
	}
	if (!unmap->size || unmap->size & mask)
		return -EINVAL;
	*last = unmap->iova + unmap->size - 1;
	return *last < unmap->iova ? -TYPE1P_EWRAP : 0;
}

/**
 * t1p_unmap_lock() - find the ranges that a request is about, and lock the tree
 * @c: the container
 * @unmap: the request
 * @first: where to put the lowest range, or NULL if there is none
 * @last: where to put the iova up to which t1p_range_next() finds the others
 *
 * Context: as t1p_ranges_lock().
 * Return: 0 with the tree locked, or the errno for user space.
 */
int t1p_unmap_lock(struct t1p_container *c,
		   const struct vfio_iommu_type1_dma_unmap *unmap,
		   struct t1p_range **first, u64 *last)
{
	int ret;

	ret = check_args(c, unmap, last);
	if (!ret)
		ret = t1p_ranges_lock(c, unmap->iova, *last, first);
	if (ret)
		return ret;

	if (c->v2 && !(unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL) &&
	    t1p_bisects(c, *first, unmap->iova, *last)) {
		t1p_ranges_unlock(c);
		return -EINVAL;
	}

	/*
	 * A range whose head lies in the request goes whole, one whose tail
	 * does stops a v1 request before anything is done.
	 */
	if (*first && (*first)->span.iova < unmap->iova)
		*first = NULL;
	return 0;
}

/* Take the ranges that a request is about, all or none. */
static int claim(struct t1p_container *c,
		 const struct vfio_iommu_type1_dma_unmap *unmap,
		 const struct vfio_bitmap *bitmap, struct list_head *claimed)
{
	struct t1p_range *range;
	bool in_use = false;
	u64 last;
	int ret;

	ret = t1p_unmap_lock(c, unmap, &range, &last);
	if (ret)
		return ret;
	if (bitmap && (!READ_ONCE(c->tracking) ||
		       bitmap->pgsize != t1p_container_pgsize(c))) {
		t1p_ranges_unlock(c);
		return -EINVAL;
	}
	for (; range; range = t1p_range_next(range, last)) {
		t1p_range_get(range);
		t1p_range_set_state(c, range, T1P_UNMAPPING);
		list_add_tail(&range->claimed, claimed);
		in_use |= t1p_in_use(range);
	}
	t1p_ranges_unlock(c);
	return in_use ? t1p_drain(claimed, T1P_UNMAPPING) : 0;
}

static int report(struct t1p_container *c, struct t1p_range *range, u64 base,
		  const struct vfio_bitmap *bitmap)
{
	int ret = -EINVAL;

	if (mutex_lock_killable(&c->dirty_lock))
		return -EINTR;
	if (c->tracking)
		ret = t1p_dirty_report(c, range, base, bitmap);
	mutex_unlock(&c->dirty_lock);
	return ret;
}

/**
 * t1p_unmap() - serve VFIO_IOMMU_UNMAP_DMA
 * @c: the container
 * @unmap: what user space asked for; size becomes the bytes unmapped
 * @bitmap: where user space wants the dirty bits of what is unmapped, or NULL
 *
 * All ranges of the request are claimed at once: no other ioctl finds some of
 * them mapped when others are unmapped. Killable until device drivers use them no
 * more; then it goes through, unless @bitmap is no good.
 *
 * Context: may wait for ioctls on the same iova, and for device drivers.
 * Return: 0 or the errno for user space.
 */
int t1p_unmap(struct t1p_container *c, struct vfio_iommu_type1_dma_unmap *unmap,
	      const struct vfio_bitmap *bitmap)
{
	struct t1p_range *range, *next;
	LIST_HEAD(claimed);
	int ret;

	ret = claim(c, unmap, bitmap, &claimed);
	if (ret)
		goto out;

	unmap->size = 0;
	list_for_each_entry_safe(range, next, &claimed, claimed) {
		if (t1p_has_pins(range))
			t1p_devices_let_go(c, range);
		if (bitmap)
			ret = report(c, range, unmap->iova, bitmap);
		if (ret)
			break;
		unmap->size += t1p_span_size(&range->span);
		list_del(&range->claimed);
		t1p_drop(c, range);
		t1p_range_put(range);
	}
out:
	/* What was claimed and is still whole lives on. */
	if (!list_empty(&claimed))
		t1p_publish_all(c, &claimed, false);
	return ret;
}

