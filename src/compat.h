/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that type1p builds for.
 *
 * The only place that asks for a kernel version. Everything here has the name
 * and the shape of the newest kernel's interface, or says what it stands for,
 * so that the rest of the code reads as if there were one kernel.
 */
#ifndef TYPE1P_COMPAT_H
#define TYPE1P_COMPAT_H

#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vfio.h>

/*
 * The vfio core dropped the notify member of struct vfio_iommu_driver_ops when
 * nothing in the backends waited any more.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define TYPE1P_VFIO_OPS_NOTIFY	1
#else
#define TYPE1P_VFIO_OPS_NOTIFY	0
#endif

/* What the in-tree driver answers to an iova, vaddr or size that wraps. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define TYPE1P_EWRAP	EINVAL
#else
#define TYPE1P_EWRAP	EOVERFLOW
#endif

/*
 * The in-tree driver of 6.16 and later no longer offers the nesting type, for
 * the IOMMU API lost the call that would ask for such a domain.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define TYPE1P_HAS_NESTING	1
#else
#define TYPE1P_HAS_NESTING	0
static inline int iommu_enable_nesting(struct iommu_domain *domain)
{
	return -EINVAL;
}
#endif

/* Nobody else may have the number, but the newest headers no longer name it. */
#ifndef VFIO_TYPE1_NESTING_IOMMU
#define VFIO_TYPE1_NESTING_IOMMU	6
#endif

/* How many bytes of struct vfio_iommu_type1_info GET_INFO writes back. */
static inline size_t compat_info_size(u32 argsz, size_t minsz, size_t capsz,
				      size_t full)
{
	if (LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0))
		return argsz >= capsz ? capsz : minsz;
	return min_t(size_t, argsz, full);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define iommu_map(domain, iova, paddr, size, prot, gfp) \
	((void)(gfp), iommu_map(domain, iova, paddr, size, prot))
#define iommu_map_sg(domain, iova, sg, nents, prot, gfp) \
	((void)(gfp), iommu_map_sg(domain, iova, sg, nents, prot))

static inline int compat_remaps_msi(struct device *dev, void *unused)
{
	return device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
}

static inline bool iommu_group_has_isolated_msi(struct iommu_group *group)
{
	return irq_domain_check_msi_remap() ||
	       iommu_group_for_each_dev(group, NULL, compat_remaps_msi);
}
#endif

/* Whether who waits for a page in pin_user_pages_fast() can be killed. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define TYPE1P_PINS_KILLABLY	0
#else
#define TYPE1P_PINS_KILLABLY	1
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static inline unsigned long untagged_addr_remote(struct mm_struct *mm,
						 unsigned long vaddr)
{
	return untagged_addr(vaddr);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define pin_user_pages_remote(mm, start, nr, flags, pages, locked) \
	pin_user_pages_remote(mm, start, nr, flags, pages, NULL, locked)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
static inline struct iommu_domain *iommu_paging_domain_alloc(struct device *dev)
{
	struct iommu_domain *domain = iommu_domain_alloc(dev->bus);

	return domain ?: ERR_PTR(-EIO);
}
#endif

/* Whether the kernel pins pages of a memory file without an address for them. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define TYPE1P_HAS_MEMFD_PIN	0
static inline int compat_memfd_pin_page(struct file *file, u64 offset,
					struct page **page)
{
	return -EOPNOTSUPP;
}
#else
#define TYPE1P_HAS_MEMFD_PIN	1
static inline int compat_memfd_pin_page(struct file *file, u64 offset,
					struct page **page)
{
	struct folio *folio;
	pgoff_t within;		/* in bytes */
	long nr;

	nr = memfd_pin_folios(file, offset, offset, &folio, 1, &within);
	if (nr != 1)
		return nr < 0 ? nr : -EFAULT;
	*page = folio_page(folio, within >> PAGE_SHIFT);
	return 0;
}
#endif

/*
 * Threads of the caller's process that run kernel code: vhost's, whose interface
 * has the shape that we use since 6.10.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0) && IS_ENABLED(CONFIG_VHOST_TASK)
#include <linux/sched/vhost_task.h>
#define TYPE1P_HAS_USER_WORKERS	1
#else
#define TYPE1P_HAS_USER_WORKERS	0
#endif

/*
 * Whether the cgroup of the current thread has used up its CPU time. From 6.18 on, that
 * stops a thread only on its way to user space, where a worker never goes.
 */
static inline bool compat_throttled(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0) && defined(CONFIG_CFS_BANDWIDTH)
	struct callback_head *work = &current->sched_throttle_work;

	/* It points to itself when it is not queued. */
	return READ_ONCE(work->next) != work;
#else
	return false;
#endif
}

/*
 * Whether a thread of the kernel that ends has left its cgroups. From 6.19 on, that comes
 * after all else.
 */
static inline bool compat_left_cgroups(const struct task_struct *task)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0) && defined(CONFIG_CGROUPS)
	return list_empty_careful(&task->cg_list);
#else
	return READ_ONCE(task->exit_state);
#endif
}

static inline bool compat_has_mempolicy(const struct task_struct *task)
{
#ifdef CONFIG_NUMA
	return task->mempolicy;
#else
	return false;
#endif
}

/* The kernel's own of 6.12 and later, with addr_mask since 6.15. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
struct follow_pfnmap_args {
	struct vm_area_struct *vma;
	unsigned long address;
	spinlock_t *lock;	/* the page table's */
	pte_t *ptep;
	unsigned long pfn;
	bool writable;
};

static inline int follow_pfnmap_start(struct follow_pfnmap_args *args)
{
	int ret;

	ret = follow_pte(args->vma->vm_mm, args->address, &args->ptep,
			 &args->lock);
	if (ret)
		return ret;
	args->pfn = pte_pfn(*args->ptep);
	args->writable = pte_write(*args->ptep);
	return 0;
}

static inline void follow_pfnmap_end(struct follow_pfnmap_args *args)
{
	__acquire(args->lock);	/* follow_pte() does not tell sparse */
	pte_unmap_unlock(args->ptep, args->lock);
}
#endif

/**
 * compat_pfnmap_rest() - how far a page table entry of a VM_PFNMAP mapping goes
 * @args: as follow_pfnmap_start() has filled them in
 *
 * Return: how many pages it maps from args->pfn on, at least 1.
 */
static inline unsigned long
compat_pfnmap_rest(const struct follow_pfnmap_args *args)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	return 1;
#else
	return (~args->addr_mask - (args->address & ~args->addr_mask)) / PAGE_SIZE + 1;
#endif
}

#endif /* TYPE1P_COMPAT_H */
