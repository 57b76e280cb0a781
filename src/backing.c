// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file behind user memory, and its pages without a vaddr.
 *
 * Only memory files count. A file of another kind might be a device's, which would
 * never be closed if its own container kept it open.
 */
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "backing.h"
#include "compat.h"
#include "type1p.h"

static bool is_hugetlb(const struct file *file)
{
	return file_inode(file)->i_sb->s_magic == HUGETLBFS_MAGIC;
}

static bool is_memory(const struct vm_area_struct *vma)
{
	return vma && vma->vm_file && vma->vm_flags & VM_MAYSHARE &&
	       !(vma->vm_flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP)) &&
	       (shmem_file(vma->vm_file) || is_hugetlb(vma->vm_file));
}

static bool is_writable(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_SHARED && vma->vm_flags & VM_WRITE;
}

/*
 * Pages that are kept have to be pinned, so that they are moved out of where memory
 * must stay movable; those of hugetlbfs we get no other way.
 */
static u8 may_serve(struct file *file)
{
	if (TYPE1P_HAS_MEMFD_PIN)
		return BIT(T1P_WANT_COPY) | BIT(T1P_WANT_PIN);
	return shmem_file(file) ? BIT(T1P_WANT_COPY) : 0;
}

/* Where in its file an address of a mapping is. */
static u64 offset_of(const struct vm_area_struct *vma, unsigned long vaddr)
{
	return ((u64)vma->vm_pgoff << PAGE_SHIFT) + (vaddr - vma->vm_start);
}

/*
 * Mappings side by side, of one file without a gap. Where they differ in what may
 * be written, or where somebody wants to know of faults, the file does not serve.
 * What is found has no references yet.
 */
static bool find_mapped(struct t1p_backing *b, struct mm_struct *mm,
			unsigned long vaddr, u64 size)
{
	struct vm_area_struct *vma, *first;
	unsigned long at, last;

	mmap_assert_locked(mm);
	vaddr = untagged_addr_remote(mm, vaddr);
	last = vaddr + size - 1;
	first = vma_lookup(mm, vaddr);
	if (!is_memory(first))
		return false;
	b->file = first->vm_file;
	b->offset = offset_of(first, vaddr);
	b->writable = is_writable(first);
	b->serves = may_serve(first->vm_file);

	for (at = vaddr; at <= last; at = vma->vm_end) {
		vma = vma_lookup(mm, at);
		if (!is_memory(vma) ||
		    vma->vm_file->f_mapping != first->vm_file->f_mapping ||
		    offset_of(vma, at) != b->offset + (at - vaddr))
			return false;
		if (is_writable(vma) != b->writable || userfaultfd_armed(vma))
			b->serves = 0;
	}
	return true;
}

static struct t1p_backing *backing_create(const struct t1p_backing *found,
					  struct mm_struct *mm)
{
	struct t1p_backing *b;

	b = kmemdup(found, sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		return ERR_PTR(-ENOMEM);
	kref_init(&b->ref);
	get_file(b->file);
	b->writable = b->writable && !mapping_map_writable(b->file->f_mapping);
	b->memcg = get_mem_cgroup_from_mm(mm);
	return b;
}

/* Returns 1 with the mm to be left again; 0 when it is dead; or -EINTR. */
static int open_mm(struct mm_struct *mm)
{
	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	if (!mmget_not_zero(mm))
		return 0;
	if (!mmap_read_lock_killable(mm))
		return 1;
	mmput_async(mm);
	return -EINTR;
}

static void close_mm(struct mm_struct *mm)
{
	mmap_read_unlock(mm);
	mmput_async(mm);
}

/**
 * t1p_backing_find() - find the memory file that is mapped at an address
 * @mm: the address space; may be a dead one, which maps nothing
 * @vaddr: user address
 * @size: bytes
 *
 * Context: takes the mmap_lock, killably.
 * Return: what to give to t1p_backing_put(); NULL unless all of the memory is a
 * shared mapping of one file; or an ERR_PTR(): -EINTR on a fatal signal, -ENOMEM.
 */
struct t1p_backing *t1p_backing_find(struct mm_struct *mm, unsigned long vaddr,
				     u64 size)
{
	struct t1p_backing found = {}, *b = NULL;
	int ret = open_mm(mm);

	if (ret <= 0)
		return ERR_PTR(ret);
	if (find_mapped(&found, mm, vaddr, size))
		b = backing_create(&found, mm);
	close_mm(mm);
	return b;
}

/**
 * t1p_backing_is_at() - whether the same memory is mapped at an address
 * @b: the file
 * @mm: the address space, alive
 * @vaddr: user address
 * @size: bytes
 *
 * Context: takes the mmap_lock, killably.
 * Return: 0; -EINVAL if not; -EINTR on a fatal signal.
 */
int t1p_backing_is_at(const struct t1p_backing *b, struct mm_struct *mm,
		      unsigned long vaddr, u64 size)
{
	struct t1p_backing found = {};
	int ret = open_mm(mm);

	if (ret <= 0)
		return ret ?: -EINVAL;
	ret = find_mapped(&found, mm, vaddr, size) &&
	      found.file->f_mapping == b->file->f_mapping &&
	      found.offset == b->offset ? 0 : -EINVAL;
	close_mm(mm);
	return ret;
}

void t1p_backing_get(struct t1p_backing *b)
{
	kref_get(&b->ref);
}

static void backing_free(struct kref *ref)
{
	struct t1p_backing *b = container_of(ref, struct t1p_backing, ref);

	if (b->writable)
		mapping_unmap_writable(b->file->f_mapping);
	mem_cgroup_put(b->memcg);
	fput(b->file);
	kfree(b);
}

void t1p_backing_put(struct t1p_backing *b)
{
	if (b)
		kref_put(&b->ref, backing_free);
}

static struct t1p_run run_of(struct page *page, enum t1p_run_kind kind)
{
	return (struct t1p_run){
		.pfn = page_to_pfn(page), .nr = 1, .kind = kind,
	};
}

/*
 * Also brings contents into a page that has none yet, which pinning by itself
 * does not: fallocate() leaves such pages.
 */
static int hold_shmem(struct file *file, u64 offset, struct t1p_run *run)
{
	struct page *page;

	page = shmem_read_mapping_page(file->f_mapping, offset >> PAGE_SHIFT);
	if (IS_ERR(page))
		return PTR_ERR(page);
	*run = run_of(page, T1P_RUN_HELD);
	return 0;
}

/*
 * Only a page that is there: to add one would take from what others have
 * reserved, for the kernel finds no reservation without a mapping.
 */
static int hold_hugetlb(struct file *file, u64 offset, struct t1p_run *run)
{
	struct folio *folio;
	struct page *page;

	folio = filemap_get_folio(file->f_mapping, offset >> PAGE_SHIFT);
	if (IS_ERR_OR_NULL(folio))
		return -EAGAIN;
	page = folio_file_page(folio, offset >> PAGE_SHIFT);
	if (is_page_hwpoison(page) || !folio_test_uptodate(folio)) {
		folio_put(folio);
		return -EFAULT;
	}
	*run = run_of(page, T1P_RUN_HELD);
	return 0;
}

static int pin_file(struct file *file, u64 offset, struct t1p_run *run)
{
	struct page *page;
	int ret;

	ret = compat_memfd_pin_page(file, offset, &page);
	if (ret)
		return ret;
	*run = run_of(page, T1P_RUN_PINNED);
	if (!folio_test_uptodate(page_folio(page))) {
		t1p_unpin_run(run, 0);
		return -EFAULT;
	}
	return 0;
}

static int hold_file(struct t1p_backing *b, u64 offset, enum t1p_want want,
		     struct t1p_run *run)
{
	struct inode *inode = file_inode(b->file);
	int ret;

	if (shmem_file(b->file)) {
		ret = hold_shmem(b->file, offset, run);
		if (ret || want == T1P_WANT_COPY)
			return ret;
		/* It may have to move before it is pinned, and with this it can't. */
		t1p_unpin_run(run, 0);
		return pin_file(b->file, offset, run);
	}

	/* What is there stays there. */
	inode_lock_shared(inode);
	ret = hold_hugetlb(b->file, offset, run);
	if (!ret && want == T1P_WANT_PIN) {
		t1p_unpin_run(run, 0);
		ret = pin_file(b->file, offset, run);
	}
	inode_unlock_shared(inode);
	return ret;
}

/**
 * t1p_backing_hold() - get hold of a page of the file
 * @b: the file; serves @want
 * @offset: of the page, from that of @b, in bytes
 * @write: the page is to be written to
 * @want: what for
 * @run: where to put the page, to be given back with t1p_unpin_run()
 *
 * Context: may sleep for memory and swap, but not for user space.
 * Return: 0; -EAGAIN for a page that only a vaddr can bring, and then @b does
 * not serve any more; -EFAULT beyond the end of the file, where it may not be
 * written to, or for lost memory; -ENOMEM.
 */
int t1p_backing_hold(struct t1p_backing *b, u64 offset, bool write,
		     enum t1p_want want, struct t1p_run *run)
{
	struct mem_cgroup *memcg;
	int ret;

	offset += b->offset;
	if ((write && !b->writable) || offset >= i_size_read(file_inode(b->file)))
		return -EFAULT;

	memcg = set_active_memcg(b->memcg);
	ret = hold_file(b, offset, want, run);
	set_active_memcg(memcg);
	if (ret == -EAGAIN)
		WRITE_ONCE(b->serves, 0);
	return !ret || ret == -EAGAIN || ret == -ENOMEM ? ret : -EFAULT;
}
