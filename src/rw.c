// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device drivers' access to memory: read and write by iova.
 */
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "type1p.h"

/* Copy by the user's own page tables. */
static int rw_vaddr(struct t1p_range *range, u64 offset, void *data,
		    size_t count, bool write)
{
	struct mm_struct *mm = range->owner.mm;
	void __user *to = (void __user *)(range->vaddr + offset);
	bool kthread = !current->mm && current->flags & PF_KTHREAD;
	unsigned long left = count;

	if (!mmget_not_zero(mm))
		return -EPERM;
	if (kthread)
		kthread_use_mm(mm);
	if (current->mm == mm)
		left = write ? copy_to_user(to, data, count) :
			       copy_from_user(data, to, count);
	if (kthread)
		kthread_unuse_mm(mm);
	mmput_async(mm);
	return left ? -EFAULT : 0;
}

/* Copy to or from the pages that the IOMMU or a file has, at most one page. */
static int rw_page(struct t1p_container *c, struct t1p_use *use, u64 iova,
		   void *data, size_t count, bool write)
{
	int prot = write ? IOMMU_WRITE : 0;
	struct t1p_run run;
	struct page *page;
	int ret;

	ret = t1p_hold(c, use, iova & PAGE_MASK, prot, T1P_WANT_COPY, &run);
	if (ret)
		return ret;
	/* A device's, or the kernel's own: need not be in its mapping of memory. */
	if (run.kind == T1P_RUN_UNPINNED && !is_zero_pfn(run.pfn))
		return -EFAULT;
	page = pfn_to_page(run.pfn);
	if (is_page_hwpoison(page))
		ret = -EFAULT;
	else if (write)
		memcpy_to_page(page, offset_in_page(iova), data, count);
	else
		memcpy_from_page(data, page, offset_in_page(iova), count);
	t1p_unpin_run(&run, prot);
	return ret;
}

/* Returns how many bytes were copied. */
static ssize_t rw_some(struct t1p_container *c, struct t1p_use *use, u64 iova,
		       void *data, size_t count, bool write)
{
	struct t1p_range *range = use->range;
	u64 offset = iova - range->span.iova;
	int ret;

	if (!(range->prot & IOMMU_READ) ||
	    (write && !(range->prot & IOMMU_WRITE)))
		return -EPERM;

	count = min_t(u64, count, range->span.last - iova + 1);
	if (use->vaddr) {
		ret = rw_vaddr(range, offset, data, count, write);
	} else {
		count = min_t(size_t, count, PAGE_SIZE - offset_in_page(iova));
		ret = rw_page(c, use, iova, data, count, write);
	}
	if (ret)
		return ret;
	if (write)
		t1p_dirty_mark(range, offset, count);
	return count;
}

/**
 * t1p_device_rw() - serve vfio_dma_rw()
 * @c: the container
 * @iova: where to read or write; the access may span ranges
 * @data: the driver's buffer
 * @count: how many bytes
 * @write: write to memory, else read from it
 *
 * Context: as t1p_device_pin(); a thread that has an mm must be the owner's.
 * Return: 0; -EINVAL without a range; -EPERM for lack of permission, or when the
 * owner is gone; -EFAULT; -EAGAIN and -EINTR from a wait.
 */
int t1p_device_rw(struct t1p_container *c, u64 iova, void *data, size_t count,
		  bool write)
{
	unsigned long deadline = 0;
	struct t1p_use use;
	ssize_t done;

	if (count && iova + count - 1 < iova)
		return -EINVAL;
	while (count) {
		done = t1p_use(c, iova, T1P_WANT_COPY, &use);
		if (!done) {
			done = rw_some(c, &use, iova, data, count, write);
			t1p_unuse(&use);
		}
		if (done == -EAGAIN)
			done = t1p_use_wait(c, iova, T1P_WANT_COPY, &deadline);
		if (done < 0)
			return done;
		count -= done;
		data += done;
		iova += done;
	}
	return 0;
}
