// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_IOMMU_MAP_DMA: reserve the iova, pin and map piece by piece, publish.
 */
#include "compat.h"
#include "job.h"
#include "type1p.h"

/* Ranges to publish before others may have the locks. */
#define PUBLISH_BATCH	64

/* Map a pinned piece in all domains, or in none. */
static int map_piece(struct t1p_container *c, struct t1p_range *range,
		     unsigned long index)
{
	struct t1p_piece *piece = t1p_piece(range, index);
	struct t1p_domain *domain;
	int ret = 0;

	if (down_read_killable(&c->domains_sem))
		return -EINTR;
	if (range->state == T1P_GONE) {
		up_read(&c->domains_sem);
		return -EINVAL;
	}

	list_for_each_entry(domain, &c->domains, node) {
		ret = t1p_piece_map(range, index, domain);
		if (ret)
			break;
	}
	if (ret)
		list_for_each_entry_continue_reverse(domain, &c->domains, node)
			t1p_piece_unmap(range, index, domain);
	piece->mapped = !ret;
	up_read(&c->domains_sem);
	return ret;
}

static int populate_piece(struct t1p_job *job, unsigned long index)
{
	int ret = t1p_piece_pin(job, index);

	return ret ?: map_piece(job->c, job->range, index);
}

static int populate(struct t1p_container *c, struct t1p_range *range)
{
	struct t1p_job job = {
		.c = c,
		.range = range,
		.what = "map",
		.work = populate_piece,
		.may_wait = true,
	};

	return t1p_pieces_pin(&job);
}

/*
 * With the tree locked: LIVE if the pages are as the domains demand; else -EAGAIN,
 * -ENODATA if dirty bits are lacking, or -EINVAL.
 */
static int publish_locked(struct t1p_container *c, struct t1p_range *range,
			  bool valid)
{
	if (range->state == T1P_GONE)
		return -EINVAL;
	if (t1p_has_pieces(range) == list_empty(&c->domains))
		return -EAGAIN;
	if (c->tracking && !rcu_access_pointer(range->dirty))
		return -ENODATA;
	if (!c->tracking && rcu_access_pointer(range->dirty))
		t1p_dirty_free(range);
	if (valid) {
		t1p_backing_put(range->backing);
		range->backing = NULL;
		t1p_range_set_valid(c, range, true);
	}
	t1p_range_set_state(c, range, T1P_LIVE);
	return 0;
}

static int try_publish(struct t1p_container *c, struct t1p_range *range,
		       bool valid)
{
	int ret;

	down_read(&c->domains_sem);
	mutex_lock(&c->lock);
	ret = publish_locked(c, range, valid);
	t1p_ranges_unlock(c);
	return ret;
}

/**
 * t1p_publish() - make an unsettled range LIVE
 * @c: its container
 * @range: an unsettled range of the caller's
 * @valid: its vaddr is a valid one from now on
 *
 * The pages are pinned and mapped if there is a domain, else neither. Domains
 * come and go meanwhile: those that come map what is mapped by then themselves.
 *
 * Context: holds nothing while it may wait for user space. Killable.
 * Return: 0; or an error, and the range is GONE with all its pages given back.
 */
int t1p_publish(struct t1p_container *c, struct t1p_range *range, bool valid)
{
	int ret;

	do {
		ret = try_publish(c, range, valid);
		if (!ret) {
			/* Domains that came, or went, have left this range out. */
			t1p_settle(&range->owner);
			return 0;
		}
		if (ret == -ENODATA) {
			ret = t1p_dirty_prepare(c, range);
		} else if (ret == -EAGAIN) {
			ret = 0;
			if (!t1p_has_pieces(range))
				ret = populate(c, range);
			else
				t1p_depopulate(c, range);
		}
	} while (!ret);
	if (READ_ONCE(range->state) != T1P_GONE)
		t1p_devices_let_go(c, range);
	t1p_drop(c, range);
	return ret;
}

/* Publish what takes no more than that, many ranges under one hold of the locks. */
static void publish_ready(struct t1p_container *c, struct list_head *claimed,
			  bool valid)
{
	unsigned int left = PUBLISH_BATCH;
	struct t1p_range *range, *next;

	down_read(&c->domains_sem);
	mutex_lock(&c->lock);
	list_for_each_entry_safe(range, next, claimed, claimed) {
		if (!left-- || !t1p_settled(&range->owner) ||
		    publish_locked(c, range, valid))
			break;
		list_del(&range->claimed);
		/* Not the last reference: the tree has another. */
		t1p_range_put(range);
	}
	t1p_ranges_unlock(c);
}

/**
 * t1p_publish_all() - make unsettled ranges LIVE
 * @c: their container
 * @claimed: the ranges, each with a reference that goes with it
 * @valid: as for t1p_publish()
 *
 * Context: as t1p_publish().
 * Return: 0, or the first error of t1p_publish().
 */
int t1p_publish_all(struct t1p_container *c, struct list_head *claimed, bool valid)
{
	struct t1p_range *range;
	int ret = 0, err;

	while (!list_empty(claimed)) {
		publish_ready(c, claimed, valid);
		range = list_first_entry_or_null(claimed, struct t1p_range, claimed);
		if (!range)
			break;
		list_del(&range->claimed);
		err = t1p_publish(c, range, valid);
		ret = ret ?: err;
		t1p_range_put(range);
	}
	return ret;
}

static void warn_full(const struct t1p_container *c)
{
	pr_warn_ratelimited("container %lu, %s[%d]: has all the ranges that it may have; module parameter dma_entry_limit allows more to those set up later\n",
			    c->id, c->comm, c->pid);
}

/*
 * A range that is still being mapped has its place, even if it fails later: its
 * entry and its charge are not there for others meanwhile.
 */
static int reserve(struct t1p_container *c, struct t1p_range *range)
{
	struct t1p_range *first;
	int ret;

	ret = t1p_ranges_lock(c, range->span.iova, range->span.last, &first);
	if (ret)
		return ret;
	if (first)
		ret = -EEXIST;
	else if (!c->avail)
		ret = -ENOSPC;
	else if (!t1p_windows_allow(&c->windows, range->span.iova, range->span.last))
		ret = -EINVAL;
	else
		t1p_range_insert(c, range);
	t1p_ranges_unlock(c);
	if (ret == -ENOSPC)
		warn_full(c);
	return ret;
}

static int iommu_prot(u32 flags)
{
	int prot = 0;

	if (flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= IOMMU_READ;
	if (flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= IOMMU_WRITE;
	return prot;
}

/* What MAP_DMA demands of its numbers, before it looks at any range. */
static int check_args(struct t1p_container *c,
		      const struct vfio_iommu_type1_dma_map *map)
{
	bool vaddr_only = map->flags & VFIO_DMA_MAP_FLAG_VADDR;

	if (!current->mm)
		return -ENODEV;
	if (!map->size)
		return -EINVAL;
	if (map->iova + map->size - 1 < map->iova ||
	    map->vaddr + map->size - 1 < map->vaddr)
		return -TYPE1P_EWRAP;
	if (!iommu_prot(map->flags) != vaddr_only)
		return -EINVAL;
	if ((map->iova | map->vaddr | map->size) &
	    (t1p_container_pgsize(c) - 1))
		return -EINVAL;
	return 0;
}

/**
 * t1p_map() - serve VFIO_IOMMU_MAP_DMA
 * @c: the container
 * @map: what user space asked for; flags are known ones
 *
 * Context: may wait for user space, and for ioctls on the same iova.
 * Return: 0 or the errno for user space; after an error nothing is left behind.
 */
int t1p_map(struct t1p_container *c, const struct vfio_iommu_type1_dma_map *map)
{
	struct t1p_range *range;
	int ret;

	ret = check_args(c, map);
	if (ret)
		return ret;
	if (map->flags & VFIO_DMA_MAP_FLAG_VADDR)
		return t1p_replace(c, map);

	range = t1p_range_create(map->iova, map->iova + map->size - 1,
				 map->vaddr, iommu_prot(map->flags));
	if (!range)
		return -ENOMEM;
	ret = reserve(c, range);
	if (!ret)
		ret = t1p_publish(c, range, true);
	t1p_range_put(range);
	return ret;
}
