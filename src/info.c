// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space can ask about a container: extensions and GET_INFO.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "compat.h"
#include "type1p.h"

static bool all_coherent(struct t1p_container *c)
{
	struct t1p_domain *domain;
	bool coherent = true;

	mutex_lock(&c->lock);
	list_for_each_entry(domain, &c->domains, node)
		coherent &= domain->coherent;
	mutex_unlock(&c->lock);
	return coherent;
}

/**
 * t1p_check_extension() - serve VFIO_CHECK_EXTENSION
 * @c: the container, or NULL when none is set up and the core asks whether we
 *	would serve one
 * @extension: what is asked for
 *
 * With claim_type1 off we are as good as absent to who does not ask for us by
 * our own number.
 */
long t1p_check_extension(struct t1p_container *c, unsigned long extension)
{
	if (extension == VFIO_TYPE1P_IOMMU)
		return 1;
	if (!c && !READ_ONCE(t1p_claim_type1))
		return 0;

	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_TYPE1_NESTING_IOMMU:
		return TYPE1P_HAS_NESTING;
	case VFIO_UPDATE_VADDR:
		return c ? 1 : 0;
	case VFIO_DMA_CC_IOMMU:
		return c && all_coherent(c);
	default:
		return 0;
	}
}

static int add_migration(const struct t1p_container *c,
			 struct vfio_info_cap *caps)
{
	struct vfio_iommu_type1_info_cap_migration cap = {
		.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
		.header.version = 1,
		.pgsize_bitmap = c->pgsizes & -c->pgsizes,
		.max_dirty_bitmap_size = T1P_DIRTY_BITMAP_MAX,
	};

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

static int add_avail(const struct t1p_container *c, struct vfio_info_cap *caps)
{
	struct vfio_iommu_type1_info_dma_avail cap = {
		.header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
		.header.version = 1,
		.avail = c->avail,
	};

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

static int add_windows(const struct t1p_container *c,
		       struct vfio_info_cap *caps)
{
	const struct t1p_windows *windows = &c->windows;
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct vfio_info_cap_header *header;
	unsigned int i;

	if (!windows->nr)
		return 0;
	header = vfio_info_cap_add(caps, struct_size(cap, iova_ranges,
						     windows->nr),
				   VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1);
	if (IS_ERR(header))
		return PTR_ERR(header);

	cap = container_of(header, struct vfio_iommu_type1_info_cap_iova_range,
			   header);
	cap->nr_iovas = windows->nr;
	for (i = 0; i < windows->nr; i++) {
		cap->iova_ranges[i].start = windows->window[i].start;
		cap->iova_ranges[i].end = windows->window[i].last;
	}
	return 0;
}

/* One moment's view of the container. */
static int take_info(struct t1p_container *c,
		     struct vfio_iommu_type1_info *info,
		     struct vfio_info_cap *caps)
{
	int ret;

	mutex_lock(&c->lock);
	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = c->pgsizes;
	ret = add_migration(c, caps);
	if (!ret)
		ret = add_avail(c, caps);
	if (!ret)
		ret = add_windows(c, caps);
	mutex_unlock(&c->lock);
	return ret;
}

/**
 * t1p_get_info() - serve VFIO_IOMMU_GET_INFO
 * @c: the container
 * @arg: the user's struct vfio_iommu_type1_info
 *
 * Return: 0 or the errno for user space.
 */
int t1p_get_info(struct t1p_container *c, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_info,
					 iova_pgsizes);
	const size_t capsz = offsetofend(struct vfio_iommu_type1_info,
					 cap_offset);
	struct vfio_iommu_type1_info info = {};
	struct vfio_info_cap caps = {};
	size_t size;
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	size = compat_info_size(info.argsz, minsz, capsz, sizeof(info));

	ret = take_info(c, &info, &caps);
	if (ret)
		goto out;
	if (info.argsz < sizeof(info) + caps.size) {
		info.argsz = sizeof(info) + caps.size;
	} else {
		vfio_info_cap_shift(&caps, sizeof(info));
		info.cap_offset = sizeof(info);
		if (copy_to_user(arg + sizeof(info), caps.buf, caps.size))
			ret = -EFAULT;
	}
	if (!ret && copy_to_user(arg, &info, size))
		ret = -EFAULT;
out:
	kfree(caps.buf);
	return ret;
}
