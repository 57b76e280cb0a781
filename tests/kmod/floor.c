// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that pin memory and map it for a device, and nothing else: what the
 * bench compares backends with. Only these calls are timed.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "src/compat.h"
#include "type1p_floor.h"

/* Pages, or folios, to pin by one call. */
static unsigned int batch = 512;
module_param(batch, uint, 0644);
MODULE_PARM_DESC(batch, "pages to pin by one call");

/* A scatterlist counts bytes in 32 bits; superpages are not cut by this. */
#define MAX_RUN_PAGES	(SZ_1G >> PAGE_SHIFT)

struct floor {
	struct mutex lock;	/* one call at a time */
	struct iommu_group *group;
	struct iommu_domain *domain;
	struct xarray mappings;	/* struct floor_mapping, by iova in pages */
};

struct floor_mapping {
	u64 size;
	unsigned int nr_pins;		/* one per folio; 0 if pinned by the page */
	struct page **pins;
	unsigned int nr;
	struct scatterlist runs[];
};

static void mapping_free(struct floor_mapping *m)
{
	kvfree(m->pins);
	kvfree(m);
}

static struct floor_mapping *mapping_create(u64 size)
{
	unsigned long pages = size >> PAGE_SHIFT;
	struct floor_mapping *m;

	m = kvzalloc(struct_size(m, runs, pages), GFP_KERNEL);
	if (!m)
		return NULL;
	m->pins = kvmalloc_array(max_t(unsigned long, pages, batch), sizeof(*m->pins),
				 GFP_KERNEL);
	if (!m->pins) {
		mapping_free(m);
		return NULL;
	}
	m->size = size;
	return m;
}

static void add_run(struct floor_mapping *m, struct page *page, unsigned long nr)
{
	struct scatterlist *last = m->nr ? &m->runs[m->nr - 1] : NULL;

	if (last && page == sg_page(last) + (last->length >> PAGE_SHIFT) &&
	    (last->length >> PAGE_SHIFT) + nr <= MAX_RUN_PAGES)
		last->length += nr << PAGE_SHIFT;
	else
		sg_set_page(&m->runs[m->nr++], page, nr << PAGE_SHIFT, 0);
}

static void add_page_runs(struct floor_mapping *m, struct page **pages, long nr)
{
	long i, n;

	for (i = 0; i < nr; i += n) {
		for (n = 1; i + n < nr; n++)
			if (pages[i + n] != pages[i] + n)
				break;
		add_run(m, pages[i], n);
	}
}

static int pin_by_address(struct floor_mapping *m, struct type1p_floor_call *call)
{
	unsigned long vaddr = call->vaddr, left = call->size >> PAGE_SHIFT;
	u64 start;
	long nr;

	while (left) {
		start = ktime_get_ns();
		nr = pin_user_pages_fast(vaddr, min_t(unsigned long, left, batch),
					 FOLL_WRITE | FOLL_LONGTERM, m->pins);
		call->pin_ns += ktime_get_ns() - start;
		if (nr <= 0)
			return nr ?: -EFAULT;
		add_page_runs(m, m->pins, nr);
		vaddr += nr << PAGE_SHIFT;
		left -= nr;
		cond_resched();
	}
	return 0;
}

/* The file that is mapped from an address on, and where in it that is. */
static struct file *file_at(unsigned long vaddr, u64 *offset)
{
	struct vm_area_struct *vma;
	struct file *file = NULL;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, vaddr);
	if (vma && vma->vm_file && vma->vm_flags & VM_SHARED) {
		file = get_file(vma->vm_file);
		*offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) + (vaddr - vma->vm_start);
	}
	mmap_read_unlock(current->mm);
	return file;
}

static int pin_by_file(struct floor_mapping *m, struct type1p_floor_call *call)
{
	u64 start, offset, skip, part, left = call->size;
	struct file *file = file_at(call->vaddr, &offset);
	struct page *page;
	long nr = 0;

	if (!file)
		return -EINVAL;
	while (left) {
		start = ktime_get_ns();
		nr = compat_pin_folios(file, offset, offset + left - 1,
				       m->pins + m->nr_pins, batch);
		call->pin_ns += ktime_get_ns() - start;
		if (nr <= 0)
			break;
		while (nr--) {
			page = m->pins[m->nr_pins++];
			skip = offset & (page_size(page) - 1);
			part = min(page_size(page) - skip, left);
			add_run(m, page + (skip >> PAGE_SHIFT), part >> PAGE_SHIFT);
			offset += part;
			left -= part;
		}
		cond_resched();
	}
	fput(file);
	return left ? (nr ?: -EFAULT) : 0;
}

static u64 unpin(struct floor_mapping *m)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < m->nr_pins; i++)
		unpin_user_page_range_dirty_lock(m->pins[i], 1, true);
	for (i = 0; !m->nr_pins && i < m->nr; i++)
		unpin_user_page_range_dirty_lock(sg_page(&m->runs[i]),
						 m->runs[i].length >> PAGE_SHIFT, true);
	return ktime_get_ns() - start;
}

static int floor_map(struct floor *f, struct type1p_floor_call *call)
{
	struct floor_mapping *m;
	ssize_t mapped;
	u64 start;
	int ret;

	if (!f->domain || !call->size || !PAGE_ALIGNED(call->vaddr | call->iova | call->size))
		return -EINVAL;
	m = mapping_create(call->size);
	if (!m)
		return -ENOMEM;

	call->pin_ns = 0;
	ret = call->flags & TYPE1P_FLOOR_BY_FILE ? pin_by_file(m, call) :
						   pin_by_address(m, call);
	if (ret)
		goto undo;
	call->runs = m->nr;
	sg_mark_end(&m->runs[m->nr - 1]);
	start = ktime_get_ns();
	mapped = iommu_map_sg(f->domain, call->iova, m->runs, m->nr,
			      IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE, GFP_KERNEL);
	call->map_ns = ktime_get_ns() - start;
	ret = mapped == call->size ? 0 : mapped < 0 ? mapped : -EIO;
	if (ret)
		goto undo;
	ret = xa_insert(&f->mappings, call->iova >> PAGE_SHIFT, m, GFP_KERNEL);
	if (!ret)
		return 0;
	iommu_unmap(f->domain, call->iova, call->size);
undo:
	unpin(m);
	mapping_free(m);
	return ret;
}

static int floor_unmap(struct floor *f, struct type1p_floor_call *call)
{
	struct floor_mapping *m = xa_load(&f->mappings, call->iova >> PAGE_SHIFT);
	size_t unmapped;
	u64 start;

	if (!m || m->size != call->size)
		return -ENOENT;
	start = ktime_get_ns();
	unmapped = iommu_unmap(f->domain, call->iova, call->size);
	call->map_ns = ktime_get_ns() - start;
	if (unmapped != call->size)
		return -EIO;
	xa_erase(&f->mappings, call->iova >> PAGE_SHIFT);
	call->pin_ns = unpin(m);
	mapping_free(m);
	return 0;
}

static int floor_attach(struct floor *f, const struct type1p_floor_device *where)
{
	struct iommu_domain *domain;
	struct iommu_group *group;
	struct pci_dev *pdev;
	int ret = -ENODEV;

	if (f->group)
		return -EBUSY;
	pdev = pci_get_domain_bus_and_slot(where->domain, where->bus, where->devfn);
	if (!pdev)
		return -ENODEV;
	group = iommu_group_get(&pdev->dev);
	if (!group)
		goto put_device;
	ret = iommu_group_claim_dma_owner(group, f);
	if (ret)
		goto put_group;
	domain = iommu_paging_domain_alloc(&pdev->dev);
	ret = PTR_ERR_OR_ZERO(domain);
	if (ret)
		goto release;
	ret = iommu_attach_group(domain, group);
	if (ret)
		goto free;
	f->group = group;
	f->domain = domain;
	pci_dev_put(pdev);
	return 0;
free:
	iommu_domain_free(domain);
release:
	iommu_group_release_dma_owner(group);
put_group:
	iommu_group_put(group);
put_device:
	pci_dev_put(pdev);
	return ret;
}

static long floor_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct floor *f = file->private_data;
	void __user *user = (void __user *)arg;
	struct type1p_floor_device where;
	struct type1p_floor_call call;
	int ret = -ENOTTY;

	if (cmd == TYPE1P_FLOOR_ATTACH) {
		if (copy_from_user(&where, user, sizeof(where)))
			return -EFAULT;
	} else if (copy_from_user(&call, user, sizeof(call))) {
		return -EFAULT;
	}

	mutex_lock(&f->lock);
	if (cmd == TYPE1P_FLOOR_ATTACH)
		ret = floor_attach(f, &where);
	else if (cmd == TYPE1P_FLOOR_MAP)
		ret = floor_map(f, &call);
	else if (cmd == TYPE1P_FLOOR_UNMAP)
		ret = floor_unmap(f, &call);
	mutex_unlock(&f->lock);

	if (!ret && cmd != TYPE1P_FLOOR_ATTACH && copy_to_user(user, &call, sizeof(call)))
		ret = -EFAULT;
	return ret;
}

static int floor_open(struct inode *inode, struct file *file)
{
	struct floor *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	xa_init(&f->mappings);
	file->private_data = f;
	return 0;
}

static int floor_release(struct inode *inode, struct file *file)
{
	struct floor *f = file->private_data;
	struct floor_mapping *m;
	unsigned long index;

	xa_for_each(&f->mappings, index, m) {
		iommu_unmap(f->domain, (u64)index << PAGE_SHIFT, m->size);
		unpin(m);
		mapping_free(m);
	}
	xa_destroy(&f->mappings);
	if (f->group) {
		iommu_detach_group(f->domain, f->group);
		iommu_domain_free(f->domain);
		iommu_group_release_dma_owner(f->group);
		iommu_group_put(f->group);
	}
	kfree(f);
	return 0;
}

static const struct file_operations floor_fops = {
	.owner = THIS_MODULE,
	.open = floor_open,
	.release = floor_release,
	.unlocked_ioctl = floor_ioctl,
};

static struct miscdevice floor_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = TYPE1P_FLOOR_NAME,
	.fops = &floor_fops,
};
module_misc_device(floor_misc);

MODULE_DESCRIPTION("The cost of the kernel's own calls, for the bench of vfio_iommu_type1p");
MODULE_LICENSE("GPL");
