// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices with an emulated IOMMU, for tests: they reach the user's memory
 * through vfio_pin_pages() and vfio_dma_rw(), when and as they are told.
 */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "emulated.h"

static unsigned int devices = 2;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "how many devices");

static unsigned int deaf = 1;
module_param(deaf, uint, 0444);
MODULE_PARM_DESC(deaf, "how many more, without a dma_unmap callback");

static struct platform_device **emulated_parents;

static struct emulated *to_emulated(struct vfio_device *vdev)
{
	return container_of(vdev, struct emulated, vdev);
}

static int emulated_init(struct vfio_device *vdev)
{
	struct emulated *emu = to_emulated(vdev);

	xa_init_flags(&emu->jobs, XA_FLAGS_ALLOC1);
	mutex_init(&emu->jobs_lock);
	xa_init(&emu->pins);
	mutex_init(&emu->pins_lock);
	spin_lock_init(&emu->lock);
	INIT_LIST_HEAD(&emu->flights);
	INIT_LIST_HEAD(&emu->landings);
	init_waitqueue_head(&emu->moved);
	return 0;
}

static void emulated_release(struct vfio_device *vdev)
{
	emulated_free(vdev);
}

static int emulated_open(struct vfio_device *vdev)
{
	struct emulated *emu = to_emulated(vdev);

	memset(&emu->manners, 0, sizeof(emu->manners));
	memset(&emu->unmaps, 0, sizeof(emu->unmaps));
	return 0;
}

static void emulated_close(struct vfio_device *vdev)
{
	struct emulated *emu = to_emulated(vdev);

	emulated_stop_all(emu);
	if (!emu->manners.keep)
		emulated_unpin_all(emu);
	xa_destroy(&emu->pins);
}

static int emulated_behave(struct emulated *emu, void __user *arg)
{
	struct type1p_emulated_manners manners;

	if (copy_from_user(&manners, arg, sizeof(manners)))
		return -EFAULT;
	spin_lock(&emu->lock);
	emu->manners = manners;
	spin_unlock(&emu->lock);
	return 0;
}

static int emulated_unmaps(struct emulated *emu, void __user *arg)
{
	struct type1p_emulated_unmaps unmaps;
	unsigned long index;
	void *entry;

	spin_lock(&emu->lock);
	unmaps = emu->unmaps;
	spin_unlock(&emu->lock);
	mutex_lock(&emu->pins_lock);
	xa_for_each(&emu->pins, index, entry)
		unmaps.pinned += xa_to_value(entry);
	mutex_unlock(&emu->pins_lock);
	return copy_to_user(arg, &unmaps, sizeof(unmaps)) ? -EFAULT : 0;
}

static long emulated_ioctl(struct vfio_device *vdev, unsigned int cmd,
			   unsigned long arg)
{
	struct emulated *emu = to_emulated(vdev);
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case TYPE1P_EMULATED_ORDER:
		return emulated_order(emu, user);
	case TYPE1P_EMULATED_START:
		return emulated_start(emu, user);
	case TYPE1P_EMULATED_STATUS:
		return emulated_status(emu, user);
	case TYPE1P_EMULATED_STOP:
		return emulated_stop(emu, user);
	case TYPE1P_EMULATED_BEHAVE:
		return emulated_behave(emu, user);
	case TYPE1P_EMULATED_UNMAPS:
		return emulated_unmaps(emu, user);
	default:
		return -ENOTTY;
	}
}

#define EMULATED_OPS				\
	.name = TYPE1P_EMULATED_NAME,		\
	.init = emulated_init,			\
	.release = emulated_release,		\
	.open_device = emulated_open,		\
	.close_device = emulated_close,		\
	.ioctl = emulated_ioctl,		\
	EMULATED_IOMMUFD_OPS

static const struct vfio_device_ops emulated_ops = {
	EMULATED_OPS
	.dma_unmap = emulated_dma_unmap,
};

static const struct vfio_device_ops emulated_deaf_ops = {
	EMULATED_OPS
};

static void emulated_gone(void *data)
{
	struct emulated *emu = data;

	vfio_unregister_group_dev(&emu->vdev);
	vfio_put_device(&emu->vdev);
}

static int emulated_probe(struct platform_device *parent)
{
	bool hears = parent->id < devices;
	struct emulated *emu;
	int err;

	emu = vfio_alloc_device(emulated, vdev, &parent->dev,
				hears ? &emulated_ops : &emulated_deaf_ops);
	if (IS_ERR(emu))
		return PTR_ERR(emu);
	err = vfio_register_emulated_iommu_dev(&emu->vdev);
	if (err) {
		vfio_put_device(&emu->vdev);
		return err;
	}
	return devm_add_action_or_reset(&parent->dev, emulated_gone, emu);
}

static struct platform_driver emulated_driver = {
	.probe = emulated_probe,
	.driver = {
		.name = TYPE1P_EMULATED_NAME,
	},
	/* It never does DMA of its own, in whatever group it finds itself. */
	.driver_managed_dma = true,
};

static void emulated_remove_parents(void)
{
	unsigned int i;

	for (i = 0; i < devices + deaf; i++)
		if (!IS_ERR_OR_NULL(emulated_parents[i]))
			platform_device_unregister(emulated_parents[i]);
	kfree(emulated_parents);
}

static int emulated_add_parents(void)
{
	struct platform_device *parent;
	unsigned int i;

	emulated_parents = kcalloc(devices + deaf, sizeof(*emulated_parents),
				   GFP_KERNEL);
	if (!emulated_parents)
		return -ENOMEM;
	for (i = 0; i < devices + deaf; i++) {
		parent = platform_device_register_simple(TYPE1P_EMULATED_NAME,
							 i, NULL, 0);
		if (IS_ERR(parent)) {
			emulated_remove_parents();
			return PTR_ERR(parent);
		}
		emulated_parents[i] = parent;
	}
	return 0;
}

static int __init emulated_module_init(void)
{
	int err;

	err = emulated_jobs_init();
	if (err)
		return err;
	err = platform_driver_register(&emulated_driver);
	if (err)
		goto exit_jobs;
	err = emulated_add_parents();
	if (!err)
		return 0;
	platform_driver_unregister(&emulated_driver);
exit_jobs:
	emulated_jobs_exit();
	return err;
}
module_init(emulated_module_init);

static void __exit emulated_module_exit(void)
{
	emulated_remove_parents();
	platform_driver_unregister(&emulated_driver);
	emulated_jobs_exit();
}
module_exit(emulated_module_exit);

MODULE_DESCRIPTION("Emulated vfio devices for the tests of vfio_iommu_type1p");
MODULE_LICENSE("GPL");
