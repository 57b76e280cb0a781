// SPDX-License-Identifier: GPL-2.0-only
/*
 * type1p: a VFIO type1 IOMMU backend that works in parallel.
 *
 * Here: the module, its parameters, and the operations that the vfio core calls,
 * each of which turns the core's handle into a reference on a container.
 */
#include <linux/module.h>

#include "debugfs.h"
#include "guard.h"
#include "helper.h"
#include "trace.h"
#include "type1p.h"

bool t1p_allow_unsafe_interrupts;
module_param_named(allow_unsafe_interrupts, t1p_allow_unsafe_interrupts, bool,
		   0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Serve devices whose interrupts the platform does not isolate (default: N)");

bool t1p_disable_hugepages;
module_param_named(disable_hugepages, t1p_disable_hugepages, bool, 0644);
MODULE_PARM_DESC(disable_hugepages,
		 "Pin and map page by page, with the smallest IOMMU pages (default: N)");

unsigned int t1p_entry_limit = 65535;
module_param_named(dma_entry_limit, t1p_entry_limit, uint, 0644);
MODULE_PARM_DESC(dma_entry_limit,
		 "Ranges that a container may have, sampled when it is set up (default: 65535)");

bool t1p_claim_type1 = true;
module_param_named(claim_type1, t1p_claim_type1, bool, 0644);
MODULE_PARM_DESC(claim_type1,
		 "Serve who asks for VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU; else only VFIO_TYPE1P_IOMMU (default: Y)");

unsigned int t1p_vaddr_timeout_ms = 30000;
module_param_named(vaddr_timeout_ms, t1p_vaddr_timeout_ms, uint, 0644);
MODULE_PARM_DESC(vaddr_timeout_ms,
		 "How long a device driver may wait for an invalid vaddr to be replaced; 0: not at all (default: 30000)");

unsigned int t1p_max_threads;
module_param_named(max_threads, t1p_max_threads, uint, 0644);
MODULE_PARM_DESC(max_threads,
		 "CPUs that work on one long MAP, UNMAP or attach, the caller's among them; 0: as many as it may use, up to 16 (default: 0)");

bool t1p_verify_replace = true;
module_param_named(verify_replace, t1p_verify_replace, bool, 0644);
MODULE_PARM_DESC(verify_replace,
		 "Where memory is a shared mapping of a memfd, tmpfs or hugetlbfs file, let VFIO_DMA_MAP_FLAG_VADDR give only a mapping of the same (default: Y)");

static void *op_open(unsigned long arg)
{
	struct t1p_container *c = t1p_container_create(arg);

	return IS_ERR(c) ? c : t1p_container_handle(c);
}

static void op_release(void *iommu_data)
{
	struct t1p_container *c = t1p_container_get(iommu_data);

	if (WARN_ON_ONCE(!c))
		return;
	t1p_container_kill(c);
	t1p_container_put(c);
}

/*
 * The core calls this with nothing held: the container does not stay, nor the module
 * with it, unless we see to it. It also returns to the core with nothing held, for the
 * few instructions after t1p_container_put() that no module can cover.
 */
static long op_ioctl(void *iommu_data, unsigned int cmd, unsigned long arg)
{
	struct t1p_container *c;
	long ret = -EINVAL;

	if (!iommu_data)
		return cmd == VFIO_CHECK_EXTENSION ?
			t1p_check_extension(NULL, arg) : -ENOTTY;

	c = t1p_container_get(iommu_data);
	if (c) {
		ret = t1p_ioctl(c, cmd, arg);
		t1p_container_put(c);
	}
	return ret;
}

static int op_attach_group(void *iommu_data, struct iommu_group *group,
			   enum vfio_group_type type)
{
	struct t1p_container *c = t1p_container_get(iommu_data);
	int ret;

	if (WARN_ON_ONCE(!c))
		return -EINVAL;
	ret = t1p_attach_group(c, group, type);
	t1p_container_put(c);
	return ret;
}

static void op_detach_group(void *iommu_data, struct iommu_group *group)
{
	struct t1p_container *c = t1p_container_get(iommu_data);

	if (WARN_ON_ONCE(!c))
		return;
	t1p_detach_group(c, group);
	t1p_container_put(c);
}

static int op_pin_pages(void *iommu_data, struct iommu_group *group,
			dma_addr_t iova, int npage, int prot,
			struct page **pages)
{
	struct t1p_container *c = t1p_container_get(iommu_data);
	u64 begun = t1p_trace_begin(pin);
	int ret;

	if (!c)
		return -EINVAL;
	ret = t1p_device_pin(c, group, iova, npage, prot, pages);
	trace_type1p_pin(c->id, iova, npage, ret, begun);
	t1p_container_put(c);
	return ret;
}

static void op_unpin_pages(void *iommu_data, dma_addr_t iova, int npage)
{
	struct t1p_container *c = t1p_container_get(iommu_data);
	u64 begun = t1p_trace_begin(unpin);

	if (WARN_ON_ONCE(!c))
		return;
	t1p_device_unpin(c, iova, npage);
	trace_type1p_unpin(c->id, iova, npage, begun);
	t1p_container_put(c);
}

static int op_dma_rw(void *iommu_data, dma_addr_t iova, void *data,
		     size_t count, bool write)
{
	struct t1p_container *c = t1p_container_get(iommu_data);
	int ret;

	if (!c)
		return -EINVAL;
	ret = t1p_device_rw(c, iova, data, count, write);
	t1p_container_put(c);
	return ret;
}

static void op_register_device(void *iommu_data, struct vfio_device *vdev)
{
	struct t1p_container *c = t1p_container_get(iommu_data);

	if (WARN_ON_ONCE(!c))
		return;
	t1p_device_register(c, vdev);
	t1p_container_put(c);
}

static void op_unregister_device(void *iommu_data, struct vfio_device *vdev)
{
	struct t1p_container *c = t1p_container_get(iommu_data);

	if (WARN_ON_ONCE(!c))
		return;
	t1p_device_unregister(c, vdev);
	t1p_container_put(c);
}

/*
 * The core of a newer kernel may know more operations than we do. It finds NULL
 * for those, not what happens to lie behind a shorter struct.
 */
static const union {
	struct vfio_iommu_driver_ops ops;
	void *slots[24];
} driver = {
	.ops = {
		.name			= "type1p",
		.owner			= THIS_MODULE,
		.open			= op_open,
		.release		= op_release,
		.ioctl			= op_ioctl,
		.attach_group		= op_attach_group,
		.detach_group		= op_detach_group,
		.pin_pages		= op_pin_pages,
		.unpin_pages		= op_unpin_pages,
		.register_device	= op_register_device,
		.unregister_device	= op_unregister_device,
		.dma_rw			= op_dma_rw,
	},
};

static_assert(sizeof(driver) > sizeof(driver.ops));
static_assert(sizeof(u64) == sizeof(unsigned long));

static int __init type1p_init(void)
{
	int ret;

	ret = t1p_guard();
	if (ret)
		return ret;
	ret = t1p_ranges_init();
	if (ret)
		return ret;
	ret = t1p_helpers_init();
	if (ret)
		goto out_ranges;
	t1p_debugfs_init();
	ret = vfio_register_iommu_driver(&driver.ops);
	if (!ret)
		return 0;
	t1p_debugfs_exit();
	t1p_helpers_exit();
out_ranges:
	t1p_ranges_exit();
	return ret;
}

static void __exit type1p_exit(void)
{
	vfio_unregister_iommu_driver(&driver.ops);
	t1p_debugfs_exit();
	t1p_helpers_exit();
	t1p_ranges_exit();
}

module_init(type1p_init);
module_exit(type1p_exit);

MODULE_DESCRIPTION("VFIO type1 IOMMU backend, parallel");
MODULE_AUTHOR("The type1p maintainers");
MODULE_LICENSE("GPL");
MODULE_VERSION(TYPE1P_VERSION);
