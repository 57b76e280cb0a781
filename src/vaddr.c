// SPDX-License-Identifier: GPL-2.0-only
/*
 * Take user addresses back for a while, and give new ones: live update.
 *
 * A device goes on with DMA throughout, for its pages stay pinned and mapped.
 */
#include "type1p.h"

/* Take the vaddr of all ranges that a request is about, or of none. */
static int claim_valid(struct t1p_container *c,
		       const struct vfio_iommu_type1_dma_unmap *unmap, u64 *last,
		       struct list_head *claimed)
{
	struct t1p_range *first, *range;
	bool in_use = false;
	int ret;

	ret = t1p_unmap_lock(c, unmap, &first, last);
	if (ret)
		return ret;

	if (c->invalid)
		for (range = first; range && !ret; range = t1p_range_next(range, *last))
			if (range->vaddr_invalid)
				ret = -EINVAL;
	for (range = first; range && !ret; range = t1p_range_next(range, *last)) {
		t1p_range_get(range);
		t1p_range_set_valid(c, range, false);
		t1p_range_set_state(c, range, T1P_MOVING);
		list_add_tail(&range->claimed, claimed);
		in_use |= t1p_in_use(range);
	}
	t1p_ranges_unlock(c);
	return in_use ? t1p_drain(claimed, T1P_MOVING) : ret;
}

/* What is mapped at the vaddr while it still is the user's word. */
static int note_backing(struct t1p_container *c, struct t1p_range *range)
{
	struct t1p_backing *backing;

	backing = t1p_backing_find(range->owner.mm, range->vaddr,
				   t1p_span_size(&range->span));
	if (IS_ERR_OR_NULL(backing))
		return PTR_ERR_OR_ZERO(backing);
	mutex_lock(&c->lock);
	range->backing = backing;
	mutex_unlock(&c->lock);
	return 0;
}

/**
 * t1p_invalidate() - serve VFIO_IOMMU_UNMAP_DMA with VFIO_DMA_UNMAP_FLAG_VADDR
 * @c: the container
 * @unmap: what user space asked for; size becomes the bytes invalidated
 *
 * All ranges of the request change, or none; and nobody uses their vaddr any more
 * when this returns 0.
 *
 * Context: may wait for ioctls on the same iova, and for device drivers; takes
 * the mmap_lock of owners. Killable.
 * Return: 0 or the errno for user space.
 */
int t1p_invalidate(struct t1p_container *c,
		   struct vfio_iommu_type1_dma_unmap *unmap)
{
	struct t1p_range *range;
	LIST_HEAD(claimed);
	int ret, err;
	u64 last;

	ret = claim_valid(c, unmap, &last, &claimed);
	list_for_each_entry(range, &claimed, claimed)
		if (!ret)
			ret = note_backing(c, range);

	unmap->size = 0;
	list_for_each_entry(range, &claimed, claimed)
		unmap->size += t1p_span_size(&range->span);
	err = t1p_publish_all(c, &claimed, ret);
	return ret ?: err;
}

/*
 * Claim the one range that a replace names. Where nothing has to be looked at, for
 * its owner stays and no file is known, it is replaced at once: *claimed is NULL.
 */
static int claim_invalid(struct t1p_container *c,
			 const struct vfio_iommu_type1_dma_map *map,
			 struct t1p_range **claimed)
{
	u64 iova = map->iova, last = iova + map->size - 1;
	struct t1p_range *range;
	int ret;

	*claimed = NULL;
	ret = t1p_ranges_lock(c, iova, last, &range);
	if (ret)
		return ret;
	if (!range) {
		ret = -ENOENT;
	} else if (!range->vaddr_invalid || range->span.iova != iova ||
		   range->span.last != last) {
		ret = -EINVAL;
	} else if (!range->backing && range->owner.mm == current->mm) {
		range->vaddr = map->vaddr;
		t1p_range_set_valid(c, range, true);
		t1p_range_set_state(c, range, T1P_LIVE);
	} else {
		t1p_range_get(range);
		t1p_range_set_state(c, range, T1P_MOVING);
		*claimed = range;
	}
	t1p_ranges_unlock(c);
	return ret;
}

/* Whether the memory at a new vaddr is what a range had before, where we can tell. */
static int verify(const struct t1p_range *range, unsigned long vaddr)
{
	if (!range->backing || !READ_ONCE(t1p_verify_replace))
		return 0;
	return t1p_backing_is_at(range->backing, current->mm, vaddr,
				 t1p_span_size(&range->span));
}

/**
 * t1p_replace() - serve VFIO_IOMMU_MAP_DMA with VFIO_DMA_MAP_FLAG_VADDR
 * @c: the container
 * @map: what user space asked for; its numbers are in order
 *
 * The calling process becomes the owner, and its locked memory pays. Drivers
 * that need no vaddr go on meanwhile.
 *
 * Context: may wait for ioctls on the same iova; takes mmap_locks.
 * Return: 0 or the errno for user space, and then the range is as it was.
 */
int t1p_replace(struct t1p_container *c,
		const struct vfio_iommu_type1_dma_map *map)
{
	struct t1p_range *range;
	int ret, err;

	ret = claim_invalid(c, map, &range);
	if (!range)
		return ret;
	ret = verify(range, map->vaddr);
	if (!ret)
		ret = t1p_owner_change(&range->owner);
	if (!ret)
		range->vaddr = map->vaddr;
	/* As long as a vaddr is invalid no domain comes that would need pages. */
	err = t1p_publish(c, range, !ret);
	t1p_range_put(range);
	return ret ?: err;
}
