// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device drivers that use memory of a container, and telling them of an unmap.
 */
#include <linux/vfio.h>

#include "type1p.h"

/* How often a driver is told before it counts as broken. */
#define ASKS	10

/**
 * t1p_device_register() - a device was opened
 * @c: its container
 * @vdev: the device; of no interest if it cannot be told of an unmap
 */
void t1p_device_register(struct t1p_container *c, struct vfio_device *vdev)
{
	if (!vdev->ops->dma_unmap)
		return;
	mutex_lock(&c->devices_lock);
	list_add_tail(&vdev->iommu_entry, &c->devices);
	mutex_unlock(&c->devices_lock);
}

/**
 * t1p_device_unregister() - a device was closed
 * @c: its container
 * @vdev: the device; its driver is not called any more when this returns
 */
void t1p_device_unregister(struct t1p_container *c, struct vfio_device *vdev)
{
	if (!vdev->ops->dma_unmap)
		return;
	mutex_lock(&c->devices_lock);
	list_del(&vdev->iommu_entry);
	mutex_unlock(&c->devices_lock);
}

/**
 * t1p_devices_let_go() - have drivers unpin what they hold of a range
 * @c: the container
 * @range: a range of the caller's that nobody uses any more
 *
 * A driver that does not is logged.
 *
 * Context: hold nothing: drivers unpin from their callbacks.
 */
void t1p_devices_let_go(struct t1p_container *c, struct t1p_range *range)
{
	u64 size = t1p_span_size(&range->span);
	struct vfio_device *vdev;
	unsigned int i;

	for (i = 0; i < ASKS && t1p_has_pins(range); i++) {
		mutex_lock(&c->devices_lock);
		list_for_each_entry(vdev, &c->devices, iommu_entry)
			vdev->ops->dma_unmap(vdev, range->span.iova, size);
		mutex_unlock(&c->devices_lock);
	}
	if (t1p_has_pins(range))
		pr_warn_ratelimited("iova %#llx, %#llx bytes: unmapped while a device driver keeps pages of it pinned; they stay so until its group leaves\n",
				    range->span.iova, size);
}
