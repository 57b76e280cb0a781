// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pin user memory and write down what was pinned.
 */
#include <linux/hugetlb.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "compat.h"
#include "pin.h"
#include "type1p.h"

#define BATCH_PAGES	(PAGE_SIZE / sizeof(struct page *))

/* So many pages may be worth a look whether they are in hugetlb folios. */
#define FOLIO_PAGES	(PMD_SIZE / PAGE_SIZE)
/* To pin under one hold of the mmap_lock; they may have to be cleared first. */
#define BATCH_FOLIOS	16

/* A page that was faulted in may have gone again before it is pinned. */
#define FAULT_TRIES	8

/* Pages to unpin before others may have the CPU. */
#define UNPIN_PAGES	8192UL

/**
 * t1p_pinner_init() - get ready to pin
 * @pinner: what to set up
 * @mm: whose memory to pin; must stay alive until t1p_pinner_fini()
 * @nr: how many pages in all
 * @faults: whom its page faults may wait for
 *
 * Never fails: with little memory, pinning is just slower.
 */
void t1p_pinner_init(struct t1p_pinner *pinner, struct mm_struct *mm,
		     unsigned long nr, enum t1p_faults faults)
{
	WARN_ON_ONCE(faults == T1P_FAULTS_ALL && mm != current->mm);
	pinner->mm = mm;
	pinner->faults = faults;
	pinner->pages = pinner->few;
	pinner->max = T1P_FEW_PAGES;
	pinner->by_folio = false;
	if (READ_ONCE(t1p_disable_hugepages)) {
		pinner->max = 1;
	} else if (nr > T1P_FEW_PAGES) {
		pinner->by_folio = nr >= FOLIO_PAGES;
		nr = min(nr, BATCH_PAGES);
		pinner->pages = kmalloc_array(nr, sizeof(*pinner->pages),
					      GFP_KERNEL | __GFP_NOWARN);
		if (pinner->pages)
			pinner->max = nr;
		else
			pinner->pages = pinner->few;
	}
}

/**
 * t1p_pinner_fini() - undo t1p_pinner_init()
 * @pinner: the pinner
 */
void t1p_pinner_fini(struct t1p_pinner *pinner)
{
	if (pinner->pages != pinner->few)
		kfree(pinner->pages);
}

static unsigned int pin_flags(int prot)
{
	return FOLL_LONGTERM | (prot & IOMMU_WRITE ? FOLL_WRITE : 0);
}

static long pin_remote(struct mm_struct *mm, unsigned long vaddr,
		       unsigned long nr, int prot, struct page **pages)
{
	long ret;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = pin_user_pages_remote(mm, vaddr, nr, pin_flags(prot), pages, NULL);
	mmap_read_unlock(mm);
	return ret;
}

static bool is_shmem(struct vm_area_struct *vma)
{
	return vma->vm_file && shmem_file(vma->vm_file);
}

/* Whether the kernel has, or makes, the pages without asking anybody. */
static bool is_kernels(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma) || is_shmem(vma) || is_vm_hugetlb_page(vma);
}

/* What lies in one mapping that is of such a kind, under one hold of the mmap_lock. */
static long pin_vma(struct t1p_pinner *pinner, unsigned long vaddr,
		    unsigned long nr, int prot,
		    bool (*is_such)(struct vm_area_struct *vma))
{
	struct mm_struct *mm = pinner->mm;
	struct vm_area_struct *vma;
	long ret = -EFAULT;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vaddr = untagged_addr_remote(mm, vaddr);
	vma = vma_lookup(mm, vaddr);
	if (vma && is_such(vma) && !userfaultfd_armed(vma)) {
		nr = min(nr, (vma->vm_end - vaddr) >> PAGE_SHIFT);
		ret = pin_user_pages_remote(mm, vaddr, nr, pin_flags(prot),
					    pinner->pages, NULL);
	}
	mmap_read_unlock(mm);
	return ret;
}

/*
 * What is there; else what can be had without waiting; else by waiting, which leaves
 * to pin_odd() what older kernels' pinning would do unkillably.
 */
static long pin_batch(struct t1p_pinner *pinner, unsigned long vaddr,
		      unsigned long nr, int prot)
{
	unsigned int flags = pin_flags(prot);
	struct page **pages = pinner->pages;
	long ret;

	if (pinner->faults == T1P_FAULTS_KERNEL)
		return pin_vma(pinner, vaddr, nr, prot, is_kernels);
	if (pinner->faults == T1P_FAULTS_FILES)
		return pin_remote(pinner->mm, vaddr, nr, prot, pages);
	ret = pin_user_pages_fast(vaddr, nr, flags | FOLL_NOFAULT, pages);
	if (ret != -EFAULT)
		return ret;
	/* Faults that may let go of the mmap_lock do so for each page of a file. */
	ret = pin_vma(pinner, vaddr, nr, prot,
		      TYPE1P_PINS_KILLABLY ? is_shmem : is_kernels);
	if (ret != -EFAULT || !TYPE1P_PINS_KILLABLY)
		return ret;
	return pin_user_pages_fast(vaddr, nr, flags, pages);
}

static enum t1p_run_kind page_kind(struct page *page)
{
	if (!PageReserved(page))
		return T1P_RUN_PINNED;
	if (is_zero_pfn(page_to_pfn(page)))
		return T1P_RUN_UNPINNED;
	return T1P_RUN_RESERVED;
}

/* How many pages of its folio begin with this one; they are of one kind. */
static unsigned long rest_of_folio(struct page *page)
{
	struct folio *folio;

	if (!PageCompound(page))
		return 1;
	folio = page_folio(page);
	return folio_nr_pages(folio) - folio_page_idx(folio, page);
}

/* Whether a page is the nth after another. */
static bool is_nth(struct page *page, struct page *first, unsigned long n)
{
	if (IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP))
		return page == first + n;
	return page_to_pfn(page) == page_to_pfn(first) + n;
}

/* How many of @nr pages, from the first on, are side by side and of its kind. */
static unsigned long run_length(struct page **pages, unsigned long nr,
				enum t1p_run_kind kind)
{
	struct page *first = pages[0];
	unsigned long n = 0, end;

	do {
		end = min(n + rest_of_folio(pages[n]), nr);
		while (++n < end)
			if (!is_nth(pages[n], first, n))
				return n;
	} while (n < nr && is_nth(pages[n], first, n) &&
		 page_kind(pages[n]) == kind);
	return n;
}

/* Pin one page for the rest of its folio. */
static long pin_folio(struct t1p_pinner *pinner, unsigned long vaddr,
		      unsigned long nr, int prot, struct t1p_runs *runs)
{
	struct page *page;
	int ret;

	ret = pin_user_pages_remote(pinner->mm, vaddr, 1, pin_flags(prot), &page,
				    NULL);
	if (ret != 1)
		return ret ?: -EFAULT;
	nr = min(nr, rest_of_folio(page));
	ret = t1p_runs_add(runs, page_to_pfn(page), nr, T1P_RUN_FOLIOS);
	if (!ret)
		return nr;
	unpin_user_page(page);
	return ret;
}

/*
 * A mapping of hugetlbfs has each of its folios whole, so the pages that come after
 * the one that is pinned are at the addresses that follow. With other mappings that
 * need not be so; hence the look at it, under one lock with the pinning.
 *
 * Returns how many pages were recorded; 0 to try in another way.
 */
static long pin_hugetlb(struct t1p_pinner *pinner, unsigned long vaddr,
			unsigned long nr, int prot, struct t1p_runs *runs,
			unsigned long *charge)
{
	struct mm_struct *mm = pinner->mm;
	unsigned long done = 0, folios;
	struct vm_area_struct *vma;
	long ret;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vaddr = untagged_addr_remote(mm, vaddr);
	vma = vma_lookup(mm, vaddr);
	if (vma && is_vm_hugetlb_page(vma) && !userfaultfd_armed(vma)) {
		nr = min(nr, (vma->vm_end - vaddr) >> PAGE_SHIFT);
		for (folios = 0; done < nr && folios < BATCH_FOLIOS; folios++) {
			ret = pin_folio(pinner, vaddr + done * PAGE_SIZE,
					nr - done, prot, runs);
			if (ret < 0)
				break;
			done += ret;
		}
	}
	mmap_read_unlock(mm);
	*charge += done;
	return done;
}

/* Turn the batch into runs. On an error, the rest of the batch is unpinned. */
static int record_batch(struct t1p_pinner *pinner, unsigned long nr,
			struct t1p_runs *runs, unsigned long *charge)
{
	struct page **pages = pinner->pages;
	enum t1p_run_kind kind;
	unsigned long i, n;
	int ret;

	for (i = 0; i < nr; i += n) {
		kind = page_kind(pages[i]);
		n = run_length(pages + i, nr - i, kind);
		ret = t1p_runs_add(runs, page_to_pfn(pages[i]), n, kind);
		if (ret) {
			unpin_user_pages(pages + i, nr - i);
			return ret;
		}
		if (kind == T1P_RUN_PINNED)
			*charge += n;
		/*
		 * The zero page stays where it is. Pins on it would add up, for
		 * it may stand at any number of addresses.
		 */
		if (kind == T1P_RUN_UNPINNED)
			unpin_user_pages(pages + i, n);
	}
	return 0;
}

/* Ordinary memory behind VM_PFNMAP could be freed under the IOMMU. */
static bool has_memory(unsigned long pfn, unsigned long nr)
{
	unsigned long end = pfn + nr;

	while (pfn < end) {
		if (!pfn_valid(pfn))
			/* Nor is any other one so close by. */
			pfn = ALIGN(pfn + 1, PAGES_PER_SUBSECTION);
		else if (PageReserved(pfn_to_page(pfn)))
			pfn++;
		else
			return true;
	}
	return false;
}

/*
 * Which device pages a VM_PFNMAP mapping has at an address, as far as one look at the
 * page tables tells. Returns how many, from @pfn on; 0 when nothing is there yet.
 */
static long find_device(struct vm_area_struct *vma, unsigned long vaddr,
			unsigned long nr, bool write, unsigned long *pfn)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = vaddr };

	if (follow_pfnmap_start(&args))
		return 0;
	nr = min(nr, compat_pfnmap_rest(&args));
	follow_pfnmap_end(&args);
	if ((write && !args.writable) || has_memory(args.pfn, nr))
		return -EFAULT;
	*pfn = args.pfn;
	return nr;
}

/* The same, faulting them in. */
static long fault_device(struct vm_area_struct *vma, unsigned long vaddr,
			 unsigned long nr, bool write, unsigned long *pfn)
{
	bool unlocked = false;
	long ret;

	ret = find_device(vma, vaddr, nr, write, pfn);
	if (ret)
		return ret;
	ret = fixup_user_fault(vma->vm_mm, vaddr, FAULT_FLAG_REMOTE |
			       (write ? FAULT_FLAG_WRITE : 0), &unlocked);
	/* The mapping may have gone while the lock was not held. */
	if (unlocked)
		return ret ?: -EAGAIN;
	return ret ?: find_device(vma, vaddr, nr, write, pfn) ?: -EINVAL;
}

/* As many pages as @looks at the page tables tell of. */
static long record_device(struct vm_area_struct *vma, unsigned long vaddr,
			  unsigned long nr, unsigned int looks, bool write,
			  struct t1p_runs *runs)
{
	unsigned long done, pfn;
	long n, ret = 0;

	nr = min(nr, (vma->vm_end - vaddr) >> PAGE_SHIFT);
	for (done = 0; done < nr && looks; looks--, done += n) {
		n = fault_device(vma, vaddr + done * PAGE_SIZE, nr - done,
				 write, &pfn);
		ret = n < 0 ? n : t1p_runs_add(runs, pfn, n, T1P_RUN_UNPINNED);
		if (ret)
			break;
	}
	return done ?: ret;
}

/*
 * What pin_user_pages() will not have: a device's memory, which needs no pin,
 * or a page that some kernels fault in only when the caller lets go of the
 * mmap_lock: one that userfaultfd handles, say. To be read, it may have to be
 * a copy, as pin_user_pages() would make one.
 *
 * Returns how many pages were recorded, or -EAGAIN: look again.
 */
static long pin_odd(struct t1p_pinner *pinner, unsigned long vaddr,
		    unsigned long nr, int prot, struct t1p_runs *runs)
{
	bool write = prot & IOMMU_WRITE, unlocked = false;
	struct mm_struct *mm = pinner->mm;
	struct vm_area_struct *vma;
	long ret = -EFAULT;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vaddr = untagged_addr_remote(mm, vaddr);
	vma = vma_lookup(mm, vaddr);
	if (vma && vma->vm_flags & VM_PFNMAP)
		ret = record_device(vma, vaddr, nr, pinner->max, write, runs);
	else if (vma && pinner->faults == T1P_FAULTS_ALL)
		ret = fixup_user_fault(mm, vaddr, write ? FAULT_FLAG_WRITE :
				       FAULT_FLAG_UNSHARE, &unlocked) ?: -EAGAIN;
	mmap_read_unlock(mm);
	return ret;
}

/**
 * t1p_pin() - pin some pages
 * @pinner: the means to do it
 * @vaddr: page-aligned user address
 * @nr: how many pages are wanted, at least 1
 * @prot: IOMMU_WRITE if a device will write to them
 * @runs: where to write down what was pinned
 * @charge: raised by the pages that count as locked memory, even on an error
 *
 * Context: may sleep, and wait for user space if the pinner may. Ends on a fatal
 * signal.
 * Return: how many pages were added to @runs, at least 1; -EFAULT when the
 * first one is not there to be had; -ENOMEM; -EINTR; other errors as
 * pin_user_pages() gives them.
 */
long t1p_pin(struct t1p_pinner *pinner, unsigned long vaddr, unsigned long nr,
	     int prot, struct t1p_runs *runs, unsigned long *charge)
{
	unsigned long batch = min_t(unsigned long, nr, pinner->max);
	unsigned int tries = FAULT_TRIES;
	long done, ret;

	if (pinner->by_folio) {
		done = pin_hugetlb(pinner, vaddr, nr, prot, runs, charge);
		if (done)
			return done;
		pinner->by_folio = false;
	}
	for (;;) {
		done = pin_batch(pinner, vaddr, batch, prot);
		if (done > 0)
			return record_batch(pinner, done, runs, charge) ?: done;
		/* Some kernels tell addresses that wrap from bad ones. */
		if (done && done != -EFAULT && done != -EOVERFLOW)
			return done;
		if (pinner->faults == T1P_FAULTS_KERNEL)
			return -EFAULT;

		ret = pin_odd(pinner, vaddr, nr, prot, runs);
		if (ret != -EAGAIN)
			return ret;
		if (!--tries)
			return -EFAULT;
	}
}

/* Not inline: it has much on its stack, all of which is cleared. */
static noinline int pin_one_odd(struct mm_struct *mm, unsigned long vaddr,
				int prot, struct t1p_run *run)
{
	struct t1p_runs runs = {};
	unsigned long charge = 0;
	struct t1p_pinner pinner;
	long done;

	t1p_pinner_init(&pinner, mm, 1, T1P_FAULTS_FILES);
	done = t1p_pin(&pinner, vaddr, 1, prot, &runs, &charge);
	if (done != 1)
		return done ?: -EFAULT;
	*run = runs.open;
	return 0;
}

/**
 * t1p_pin_one() - pin a single page
 * @mm: whose
 * @vaddr: page-aligned user address
 * @prot: IOMMU_WRITE if a device will write to it
 * @run: where to put what was pinned, for t1p_unpin_run()
 *
 * Context: may sleep; does not wait for userfaultfd.
 * Return: 0, or as t1p_pin().
 */
int t1p_pin_one(struct mm_struct *mm, unsigned long vaddr, int prot,
		struct t1p_run *run)
{
	struct page *page;

	if (pin_remote(mm, vaddr, 1, prot, &page) != 1)
		return pin_one_odd(mm, vaddr, prot, run);
	run->pfn = page_to_pfn(page);
	run->nr = 1;
	run->kind = page_kind(page);
	if (run->kind == T1P_RUN_UNPINNED)
		unpin_user_page(page);
	return 0;
}

static void unpin_by_folio(const struct t1p_run *run, int prot)
{
	unsigned long done, n;
	struct page *page;

	for (done = 0; done < run->nr; done += n) {
		page = pfn_to_page(run->pfn + done);
		n = rest_of_folio(page);
		unpin_user_page_range_dirty_lock(page, 1, prot & IOMMU_WRITE);
		cond_resched();
	}
}

/**
 * t1p_unpin_run() - give the pages of one run back
 * @run: the run
 * @prot: with IOMMU_WRITE the pages count as written to
 *
 * Context: may sleep.
 */
void t1p_unpin_run(const struct t1p_run *run, int prot)
{
	unsigned long n, done;
	struct page *page;

	switch (run->kind) {
	case T1P_RUN_UNPINNED:
		return;
	case T1P_RUN_FOLIOS:
		unpin_by_folio(run, prot);
		return;
	case T1P_RUN_HELD:
		page = pfn_to_page(run->pfn);
		if (prot & IOMMU_WRITE)
			set_page_dirty_lock(page);
		put_page(page);
		return;
	default:
		break;
	}
	for (done = 0; done < run->nr; done += n) {
		n = min(run->nr - done, UNPIN_PAGES);
		unpin_user_page_range_dirty_lock(pfn_to_page(run->pfn + done),
						 n, prot & IOMMU_WRITE);
		cond_resched();
	}
}

/* Pages of short runs are unpinned together. */
#define SHORT_RUN	8
#define UNPIN_BATCH	32

static unsigned long unpin_many(const struct t1p_runs *runs, int prot)
{
	struct page *pages[UNPIN_BATCH];
	struct t1p_runs_iter iter = {};
	unsigned long i, nr = 0, charge = 0;
	struct t1p_run run;

	while (t1p_runs_next(runs, &iter, &run)) {
		if (run.kind == T1P_RUN_UNPINNED)
			continue;
		if (t1p_run_kind_counts(run.kind))
			charge += run.nr;
		if (run.nr > SHORT_RUN || run.kind == T1P_RUN_FOLIOS) {
			t1p_unpin_run(&run, prot);
			continue;
		}
		if (nr + run.nr > UNPIN_BATCH) {
			unpin_user_pages_dirty_lock(pages, nr,
						    prot & IOMMU_WRITE);
			cond_resched();
			nr = 0;
		}
		for (i = 0; i < run.nr; i++)
			pages[nr++] = pfn_to_page(run.pfn + i);
	}
	if (nr)
		unpin_user_pages_dirty_lock(pages, nr, prot & IOMMU_WRITE);
	return charge;
}

/**
 * t1p_unpin() - give pages back
 * @runs: what was pinned; empty afterwards
 * @prot: with IOMMU_WRITE the pages count as written to
 *
 * Context: may sleep.
 * Return: how many of them counted as locked memory.
 */
unsigned long t1p_unpin(struct t1p_runs *runs, int prot)
{
	const struct t1p_run *run = &runs->open;
	unsigned long charge;

	if (t1p_runs_single(runs)) {
		t1p_unpin_run(run, prot);
		charge = t1p_run_kind_counts(run->kind) ? run->nr : 0;
	} else {
		charge = unpin_many(runs, prot);
	}
	t1p_runs_free(runs);
	return charge;
}
