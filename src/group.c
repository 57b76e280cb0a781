// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups come and go, and with them domains and the windows of valid iova.
 */
#include <linux/iommu.h>
#include <linux/slab.h>

#include "compat.h"
#include "domain.h"
#include "trace.h"
#include "type1p.h"

static struct t1p_group *group_in(struct list_head *groups,
				  struct iommu_group *iommu_group)
{
	struct t1p_group *group;

	list_for_each_entry(group, groups, node)
		if (group->iommu_group == iommu_group)
			return group;
	return NULL;
}

/* Finds a group, and its domain, which is NULL for an emulated one. */
static struct t1p_group *find_group(struct t1p_container *c,
				    struct iommu_group *iommu_group,
				    struct t1p_domain **in)
{
	struct t1p_domain *domain;
	struct t1p_group *group;

	t1p_assert_tree_stable(c);
	list_for_each_entry(domain, &c->domains, node) {
		group = group_in(&domain->groups, iommu_group);
		if (group) {
			*in = domain;
			return group;
		}
	}
	*in = NULL;
	return group_in(&c->emulated, iommu_group);
}

static void free_regions(struct list_head *regions)
{
	struct iommu_resv_region *region, *next;

	list_for_each_entry_safe(region, next, regions, list) {
		list_del(&region->list);
		kfree(region);
	}
}

/* A firmware's leftover that it will not use again is no obstacle. */
static bool region_excluded(const struct iommu_resv_region *region)
{
	return region->length && region->type != IOMMU_RESV_DIRECT_RELAXABLE;
}

static int exclude_regions(struct t1p_windows *windows,
			   struct list_head *regions)
{
	struct iommu_resv_region *region;
	int ret;

	list_for_each_entry(region, regions, list) {
		if (!region_excluded(region))
			continue;
		ret = t1p_windows_exclude(windows, region->start,
					  region->start + region->length - 1);
		if (ret)
			return ret;
	}
	return 0;
}

static int clip_to_domain(struct t1p_windows *windows,
			  const struct t1p_domain *domain)
{
	const struct iommu_domain_geometry *geometry =
		&domain->iommu_domain->geometry;

	return t1p_windows_clip(windows, geometry->aperture_start,
				geometry->aperture_end);
}

/* The windows that are left when a group joins; existing ranges must fit. */
static int windows_with(struct t1p_container *c,
			const struct t1p_domain *domain,
			struct list_head *regions, struct t1p_windows *windows)
{
	struct t1p_range *range;
	int ret;

	ret = t1p_windows_copy(windows, &c->windows);
	if (!ret)
		ret = clip_to_domain(windows, domain);
	if (!ret)
		ret = exclude_regions(windows, regions);
	if (ret)
		return ret;

	t1p_for_each_range(c, range, 0, U64_MAX)
		if (!t1p_windows_allow(windows, range->span.iova, range->span.last))
			return -EINVAL;
	return 0;
}

/* The windows of the domains and groups that there are. */
static int windows_now(struct t1p_container *c, struct t1p_windows *windows)
{
	struct iommu_group *iommu_group;
	struct t1p_domain *domain;
	struct t1p_group *group;
	LIST_HEAD(regions);
	int ret;

	ret = t1p_windows_clip(windows, 0, U64_MAX);
	list_for_each_entry(domain, &c->domains, node) {
		if (!ret)
			ret = clip_to_domain(windows, domain);
		list_for_each_entry(group, &domain->groups, node) {
			iommu_group = group->iommu_group;
			if (!ret)
				ret = iommu_get_group_resv_regions(iommu_group,
								   &regions);
		}
	}
	if (!ret)
		ret = exclude_regions(windows, &regions);
	free_regions(&regions);
	return ret;
}

static u64 pgsizes_now(struct t1p_container *c)
{
	struct t1p_domain *domain;
	u64 pgsizes = U64_MAX;

	list_for_each_entry(domain, &c->domains, node)
		pgsizes &= domain->iommu_domain->pgsize_bitmap;

	/* Smaller pages than the CPU's work as well, a page at a time. */
	if (pgsizes & ~PAGE_MASK)
		pgsizes = (pgsizes & PAGE_MASK) | PAGE_SIZE;
	return pgsizes;
}

/* Let readers see the new windows, if there are any, and page sizes. */
static void update_limits(struct t1p_container *c, struct t1p_windows *windows)
{
	lockdep_assert_held(&c->lock);
	if (windows)
		swap(c->windows, *windows);
	WRITE_ONCE(c->pgsizes, pgsizes_now(c));
}

/* Where the group wants its software-managed MSI window; 0 if it has none. */
static phys_addr_t msi_window(struct list_head *regions)
{
	struct iommu_resv_region *region;
	phys_addr_t base = 0;

	list_for_each_entry(region, regions, list) {
		if (region->type == IOMMU_RESV_MSI)
			return 0;
		if (region->type == IOMMU_RESV_SW_MSI)
			base = region->start;
	}
	return base;
}

static bool msi_safe(struct iommu_group *iommu_group)
{
	if (READ_ONCE(t1p_allow_unsafe_interrupts) ||
	    iommu_group_has_isolated_msi(iommu_group))
		return true;
	pr_warn_ratelimited("group %d: no interrupt remapping, so a device could forge interrupts; module parameter allow_unsafe_interrupts=1 accepts that\n",
			    iommu_group_id(iommu_group));
	return false;
}

/*
 * Move a group to the first existing domain that takes it. Returns that one, or
 * NULL if the group stays in @own, or an error with the group in neither.
 */
static struct t1p_domain *share_domain(struct t1p_container *c,
				       struct t1p_domain *own,
				       struct iommu_group *iommu_group)
{
	struct t1p_domain *domain;
	int ret;

	list_for_each_entry(domain, &c->domains, node) {
		if (domain->iommu_domain->ops != own->iommu_domain->ops ||
		    domain->coherent != own->coherent)
			continue;
		iommu_detach_group(own->iommu_domain, iommu_group);
		if (!iommu_attach_group(domain->iommu_domain, iommu_group))
			return domain;
		ret = iommu_attach_group(own->iommu_domain, iommu_group);
		if (ret)
			return ERR_PTR(ret);
	}
	return NULL;
}

/* Unpin all but what device drivers have pinned, if that is so. */
static void no_domain_left(struct t1p_container *c)
{
	if (!list_empty(&c->domains))
		return;
	t1p_pins_count(c, true);
	t1p_unpin_all(c);
}

static int fill_domain(struct t1p_container *c, struct t1p_domain *domain,
		       struct list_head *regions)
{
	phys_addr_t base = msi_window(regions);
	int ret;

	if (base) {
		ret = iommu_get_msi_cookie(domain->iommu_domain, base);
		if (ret && ret != -ENODEV)
			return ret;
	}
	return t1p_replay(c, domain);
}

/* Settle which domain an attached group uses, and tell readers. */
static int join(struct t1p_container *c, struct t1p_group *group,
		struct t1p_domain *own, struct list_head *regions,
		struct t1p_windows *windows)
{
	const struct iommu_domain_ops *ops = own->iommu_domain->ops;
	struct t1p_domain *domain;
	int ret;

	/* Before anything is mapped: afterwards the hardware may refuse. */
	if (ops->enforce_cache_coherency)
		own->coherent = ops->enforce_cache_coherency(own->iommu_domain);

	domain = share_domain(c, own, group->iommu_group);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	if (!domain) {
		if (list_empty(&c->domains))
			t1p_pins_count(c, false);
		ret = fill_domain(c, own, regions);
		if (ret) {
			/* The device must be out before its pages go. */
			iommu_detach_group(own->iommu_domain,
					   group->iommu_group);
			t1p_unmap_all(c, own);
			no_domain_left(c);
			return ret;
		}
	}

	mutex_lock(&c->lock);
	list_add_tail(&group->node, &(domain ?: own)->groups);
	WRITE_ONCE(c->unpinned_groups, c->unpinned_groups + 1);
	if (!domain)
		list_add_tail(&own->node, &c->domains);
	update_limits(c, windows);
	mutex_unlock(&c->lock);

	if (domain)
		t1p_domain_free(own);
	return 0;
}

static int attach_iommu(struct t1p_container *c, struct t1p_group *group)
{
	struct iommu_group *iommu_group = group->iommu_group;
	struct t1p_windows windows = {};
	struct t1p_domain *domain;
	LIST_HEAD(regions);
	int ret;

	domain = t1p_domain_create(iommu_group, c->nesting);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	ret = iommu_attach_group(domain->iommu_domain, iommu_group);
	if (ret)
		goto out_domain;

	ret = iommu_get_group_resv_regions(iommu_group, &regions);
	if (!ret)
		ret = windows_with(c, domain, &regions, &windows);
	if (!ret && !msi_safe(iommu_group))
		ret = -EPERM;
	if (ret) {
		iommu_detach_group(domain->iommu_domain, iommu_group);
		goto out_domain;
	}

	ret = join(c, group, domain, &regions, &windows);
	if (!ret)
		goto out;
out_domain:
	t1p_domain_free(domain);
out:
	free_regions(&regions);
	t1p_windows_free(&windows);
	return ret;
}

static int attach_emulated(struct t1p_container *c, struct t1p_group *group)
{
	/* It cannot write to memory but through its driver's pins. */
	group->pins = true;
	mutex_lock(&c->lock);
	list_add_tail(&group->node, &c->emulated);
	mutex_unlock(&c->lock);
	return 0;
}

/**
 * t1p_attach_group() - let a group use what the container maps
 * @c: the container
 * @iommu_group: the group, whose DMA the vfio core owns
 * @type: behind an IOMMU, or emulated
 *
 * Context: the vfio core's locks are held, in SET_IOMMU a global one too.
 * Return: 0; -EBUSY while a vaddr is invalid; -EINVAL for a group that is here
 * already, or if existing ranges lie where it cannot translate; -EPERM without
 * interrupt isolation; or errors of the IOMMU layer and of pinning.
 */
int t1p_attach_group(struct t1p_container *c, struct iommu_group *iommu_group,
		     enum vfio_group_type type)
{
	u64 begun = t1p_trace_begin(attach);
	struct t1p_domain *domain;
	struct t1p_group *group;
	int ret;

	group = kzalloc(sizeof(*group), GFP_KERNEL);
	if (!group)
		return -ENOMEM;
	group->iommu_group = iommu_group;

	down_write(&c->domains_sem);
	if (c->invalid)
		ret = -EBUSY;
	else if (find_group(c, iommu_group, &domain))
		ret = -EINVAL;
	else if (type == VFIO_EMULATED_IOMMU)
		ret = attach_emulated(c, group);
	else
		ret = attach_iommu(c, group);
	up_write(&c->domains_sem);

	trace_type1p_attach(c->id, iommu_group_id(iommu_group),
			    type == VFIO_EMULATED_IOMMU, ret, begun);
	if (ret)
		kfree(group);
	return ret;
}

/* Drop a domain with its last group, and what was pinned for the last domain. */
static void leave_domain(struct t1p_container *c, struct t1p_domain *domain)
{
	mutex_lock(&c->lock);
	list_del(&domain->node);
	mutex_unlock(&c->lock);
	t1p_unmap_all(c, domain);
	t1p_domain_free(domain);
	no_domain_left(c);
}

/* A group that is out cannot be asked any more what it wrote. */
static void forget_writes(struct t1p_container *c, struct t1p_group *group)
{
	if (group->pins)
		return;
	/* First the bits: who finds the group gone finds them set. */
	if (READ_ONCE(c->tracking))
		t1p_dirty_mark_all(c);
	mutex_lock(&c->lock);
	WRITE_ONCE(c->unpinned_groups, c->unpinned_groups - 1);
	mutex_unlock(&c->lock);
}

/**
 * t1p_detach_group() - a group leaves
 * @c: the container
 * @iommu_group: the group
 *
 * Its devices reach nothing any more when this returns. Ranges stay as long as
 * the container has groups; t1p_container_kill() follows the last one.
 *
 * Context: the vfio core's locks are held.
 */
void t1p_detach_group(struct t1p_container *c, struct iommu_group *iommu_group)
{
	u64 begun = t1p_trace_begin(detach);
	struct t1p_windows windows = {};
	struct t1p_domain *domain;
	struct t1p_group *group;
	int ret;

	down_write(&c->domains_sem);
	group = find_group(c, iommu_group, &domain);
	if (WARN_ON_ONCE(!group)) {
		up_write(&c->domains_sem);
		return;
	}

	mutex_lock(&c->lock);
	list_del(&group->node);
	mutex_unlock(&c->lock);
	if (domain) {
		iommu_detach_group(domain->iommu_domain, iommu_group);
		forget_writes(c, group);
		if (list_empty(&domain->groups))
			leave_domain(c, domain);
		/* Without memory for wider windows, the old ones do no harm. */
		ret = windows_now(c, &windows);
		mutex_lock(&c->lock);
		update_limits(c, ret ? NULL : &windows);
		mutex_unlock(&c->lock);
	}
	up_write(&c->domains_sem);
	trace_type1p_detach(c->id, iommu_group_id(iommu_group), !domain, 0, begun);
	t1p_windows_free(&windows);
	kfree(group);
}

/**
 * t1p_group_pins() - a driver has pinned what its device uses
 * @c: the container
 * @iommu_group: the device's group, whose writes need not be guessed any more
 */
void t1p_group_pins(struct t1p_container *c, struct iommu_group *iommu_group)
{
	struct t1p_domain *domain;
	struct t1p_group *group;

	mutex_lock(&c->lock);
	group = find_group(c, iommu_group, &domain);
	if (group && !group->pins) {
		group->pins = true;
		WRITE_ONCE(c->unpinned_groups, c->unpinned_groups - 1);
	}
	mutex_unlock(&c->lock);
}
