// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of a container: fetch the arguments, check their form, answer.
 */
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "trace.h"
#include "type1p.h"

static int ioctl_map(struct t1p_container *c, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_map, size);
	struct vfio_iommu_type1_dma_map map;
	u64 begun;
	int ret;

	if (copy_from_user(&map, arg, minsz))
		return -EFAULT;
	if (map.argsz < minsz ||
	    map.flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE |
			  VFIO_DMA_MAP_FLAG_VADDR))
		return -EINVAL;

	if (map.flags & VFIO_DMA_MAP_FLAG_VADDR) {
		begun = t1p_trace_begin(replace);
		ret = t1p_map(c, &map);
		trace_type1p_replace(c->id, map.iova, map.size, ret, begun);
	} else {
		begun = t1p_trace_begin(map);
		ret = t1p_map(c, &map);
		trace_type1p_map(c->id, map.iova, map.size, ret, begun);
	}
	return ret;
}

/* Whether a bitmap has room for a bit per page of @size bytes. */
static int check_bitmap(const struct vfio_bitmap *bitmap, u64 size)
{
	u64 pages, words;

	if (!access_ok((void __user *)bitmap->data, bitmap->size) ||
	    !bitmap->pgsize)
		return -EINVAL;
	pages = size >> __ffs64(bitmap->pgsize);
	words = pages / 64 + !!(pages % 64);
	if (!pages || bitmap->size > T1P_DIRTY_BITMAP_MAX ||
	    bitmap->size / sizeof(u64) < words)
		return -EINVAL;
	return 0;
}

static int ioctl_unmap(struct t1p_container *c, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap,
					 size);
	struct vfio_iommu_type1_dma_unmap unmap;
	struct vfio_bitmap bitmap, *dirty = NULL;
	u64 begun;
	int ret;

	if (copy_from_user(&unmap, arg, minsz))
		return -EFAULT;
	if (unmap.argsz < minsz ||
	    unmap.flags & ~(VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP |
			    VFIO_DMA_UNMAP_FLAG_ALL |
			    VFIO_DMA_UNMAP_FLAG_VADDR))
		return -EINVAL;
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP) {
		if (unmap.flags & ~VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP ||
		    unmap.argsz < minsz + sizeof(bitmap))
			return -EINVAL;
		if (copy_from_user(&bitmap, arg + minsz, sizeof(bitmap)))
			return -EFAULT;
		ret = check_bitmap(&bitmap, unmap.size);
		if (ret)
			return ret;
		dirty = &bitmap;
	}

	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_VADDR) {
		begun = t1p_trace_begin(invalidate);
		ret = t1p_invalidate(c, &unmap);
		trace_type1p_invalidate(c->id, unmap.iova, ret ? 0 : unmap.size, ret, begun);
	} else {
		begun = t1p_trace_begin(unmap);
		ret = t1p_unmap(c, &unmap, dirty);
		trace_type1p_unmap(c->id, unmap.iova, ret ? 0 : unmap.size, ret, begun);
	}
	if (!ret && copy_to_user(arg, &unmap, minsz))
		ret = -EFAULT;
	return ret;
}

static int dirty_get(struct t1p_container *c, u32 argsz, void __user *arg)
{
	struct vfio_iommu_type1_dirty_bitmap_get get;
	int ret;

	if (argsz < sizeof(struct vfio_iommu_type1_dirty_bitmap) + sizeof(get))
		return -EINVAL;
	if (copy_from_user(&get, arg + sizeof(struct vfio_iommu_type1_dirty_bitmap),
			   sizeof(get)))
		return -EFAULT;
	if (!get.size)
		return -EINVAL;
	if (get.iova + get.size - 1 < get.iova)
		return -TYPE1P_EWRAP;
	ret = check_bitmap(&get.bitmap, get.size);
	if (ret)
		return ret;
	return t1p_dirty_get(c, get.iova, get.size, &get.bitmap);
}

static int ioctl_dirty(struct t1p_container *c, void __user *arg)
{
	struct vfio_iommu_type1_dirty_bitmap dirty;

	if (!c->v2)
		return -EACCES;
	if (copy_from_user(&dirty, arg, sizeof(dirty)))
		return -EFAULT;
	if (dirty.argsz < sizeof(dirty))
		return -EINVAL;

	switch (dirty.flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		return t1p_dirty_start(c);
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		return t1p_dirty_stop(c);
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		return dirty_get(c, dirty.argsz, arg);
	default:
		return -EINVAL;
	}
}

/**
 * t1p_ioctl() - serve an ioctl of a container
 * @c: the container
 * @cmd: which ioctl
 * @arg: its argument
 *
 * Context: no lock of the vfio core's is held, and the container may lose its
 * last group meanwhile.
 * Return: the ioctl's result.
 */
long t1p_ioctl(struct t1p_container *c, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VFIO_CHECK_EXTENSION:
		return t1p_check_extension(c, arg);
	case VFIO_IOMMU_GET_INFO:
		return t1p_get_info(c, (void __user *)arg);
	case VFIO_IOMMU_MAP_DMA:
		return ioctl_map(c, (void __user *)arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return ioctl_unmap(c, (void __user *)arg);
	case VFIO_IOMMU_DIRTY_PAGES:
		return ioctl_dirty(c, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}
