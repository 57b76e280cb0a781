// SPDX-License-Identifier: GPL-2.0-only
/*
 * One piece of a range: pin its pages, map them, take them out again.
 *
 * Pieces are independent of each other. The caller holds what allows it to
 * change the piece: it settles the range, or it is a writer of domains_sem.
 */
#include <linux/hugetlb.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "domain.h"
#include "job.h"
#include "type1p.h"

/* Many enough that helpers can share them, large enough to lose nothing by. */
#define PIECE_SHIFT	27
#define PIECES_SHIFT	12
/* No IOMMU page that is in use is larger, and a scatterlist's entry can hold it. */
#define PIECE_SHIFT_MAX	30

/* Whether memory comes in pages that a small piece would cut. */
static bool has_huge_pages(unsigned long vaddr)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool has = false;

	if (mmap_read_lock_killable(mm))
		return false;
	vma = vma_lookup(mm, untagged_addr_remote(mm, vaddr));
	if (vma)
		has = vma_kernel_pagesize(vma) > BIT(PIECE_SHIFT);
	mmap_read_unlock(mm);
	return has;
}

/**
 * t1p_piece_shift() - how to cut a new range
 * @iova: its iova
 * @vaddr: its address in the calling process
 * @size: its size in bytes
 *
 * Return: the size of a piece, as a shift.
 */
unsigned int t1p_piece_shift(u64 iova, unsigned long vaddr, u64 size)
{
	int shift = ilog2(size) - PIECES_SHIFT;

	if (size > BIT_ULL(PIECE_SHIFT) &&
	    !((iova ^ vaddr) & (BIT_ULL(PIECE_SHIFT_MAX) - 1)) &&
	    has_huge_pages(vaddr))
		return PIECE_SHIFT_MAX;
	return clamp(shift, PIECE_SHIFT, PIECE_SHIFT_MAX);
}

static int piece_create(struct t1p_range *range, unsigned long index)
{
	struct t1p_piece *piece;
	int ret;

	piece = kzalloc(sizeof(*piece), GFP_KERNEL_ACCOUNT);
	if (!piece)
		return -ENOMEM;
	ret = xa_err(xa_store(&range->pieces, index, piece, GFP_KERNEL_ACCOUNT));
	if (ret)
		kfree(piece);
	return ret;
}

/* All of them, or none; no page is pinned yet. */
static int create_pieces(struct t1p_range *range)
{
	unsigned long index, count = t1p_span_pieces(&range->span);
	int ret = 0;

	for (index = 1; index < count && !ret; index++) {
		cond_resched();
		ret = fatal_signal_pending(current) ? -EINTR :
						      piece_create(range, index);
	}
	if (ret) {
		t1p_pieces_free(range);
	} else {
		/* Pairs with t1p_has_pieces(): then they can be seen. */
		smp_store_release(&range->has_pieces, true);
	}
	return ret;
}

static int pin_pages(struct t1p_job *job, unsigned long index,
		     struct t1p_piece *piece, struct t1p_pinner *pinner)
{
	struct t1p_range *range = job->range;
	unsigned long nr, vaddr, charge;
	long done, left;
	u64 iova;
	int ret;

	nr = t1p_span_piece(&range->span, index, &iova) >> PAGE_SHIFT;
	vaddr = range->vaddr + (iova - range->span.iova);
	while (nr) {
		if (!t1p_job_go_on(job, index))
			return -EINTR;
		charge = 0;
		done = t1p_pin(pinner, vaddr, nr, range->prot, &piece->runs,
			       &charge);
		left = atomic_long_sub_return(max(done, 0L), &job->left);
		ret = t1p_charge(&range->owner, charge, max(left, 0L));
		if (done < 0 || ret)
			return done < 0 ? done : ret;
		nr -= done;
		vaddr += done << PAGE_SHIFT;
	}
	return 0;
}

/* Nobody can kill a thread of the kernel. */
static enum t1p_faults faults_of(const struct t1p_job *job)
{
	if (current->flags & PF_KTHREAD)
		return T1P_FAULTS_KERNEL;
	return job->may_wait && job->mm == current->mm ? T1P_FAULTS_ALL :
							 T1P_FAULTS_FILES;
}

/**
 * t1p_piece_pin() - pin the pages of a piece
 * @job: a job that pins
 * @index: the piece; not pinned yet
 *
 * Context: as t1p_pin(): may wait for user space, where the caller may.
 * Return: 0, or what t1p_pin() and t1p_charge() return; then the piece may hold
 * some pages, for t1p_piece_unpin() to give back.
 */
int t1p_piece_pin(struct t1p_job *job, unsigned long index)
{
	struct t1p_span *span = &job->range->span;
	struct t1p_pinner pinner;
	u64 iova;
	int ret;

	t1p_pinner_init(&pinner, job->mm,
			t1p_span_piece(span, index, &iova) >> PAGE_SHIFT,
			faults_of(job));
	ret = pin_pages(job, index, t1p_piece(job->range, index), &pinner);
	t1p_pinner_fini(&pinner);
	return ret;
}

/**
 * t1p_pieces_pin() - make the pieces of a range and do a job that pins them
 * @job: the job
 *
 * Context: as t1p_job_run(); takes the owner's mmap_lock.
 * Return: 0; -EFAULT for more than an address space; -ENODEV when the owner's memory
 * is no more; -ENOMEM; -EINTR; or as t1p_job_run(). After an error
 * t1p_pieces_unpin() is to follow.
 */
int t1p_pieces_pin(struct t1p_job *job)
{
	struct t1p_range *range = job->range;
	struct mm_struct *mm = range->owner.mm;
	int ret;

	/* Else so many pieces might be asked for as no memory can hold. */
	if (t1p_span_size(&range->span) > mm->task_size)
		return -EFAULT;
	if (!mmget_not_zero(mm))
		return -ENODEV;
	ret = create_pieces(range);
	if (!ret) {
		job->mm = mm;
		atomic_long_set(&job->left,
				t1p_span_size(&range->span) >> PAGE_SHIFT);
		ret = t1p_job_run(job);
		t1p_uncharge(&range->owner, atomic_long_read(&job->uncharge));
	}
	mmput_async(mm);
	return ret;
}

/**
 * t1p_pieces_unpin() - do a job that unpins all pieces
 * @job: the job
 *
 * Context: as t1p_job_run(); takes the owner's mmap_lock.
 */
void t1p_pieces_unpin(struct t1p_job *job)
{
	struct t1p_range *range = job->range;

	if (!t1p_has_pieces(range))
		return;
	t1p_job_run(job);
	t1p_uncharge(&range->owner, atomic_long_read(&job->uncharge));
	t1p_settle(&range->owner);
}

/**
 * t1p_piece_map() - map a pinned piece in one domain
 * @range: the range
 * @index: which of its pieces
 * @domain: the domain
 *
 * Context: domains_sem held.
 * Return: 0; or an error of iommu_map(), with nothing mapped.
 */
int t1p_piece_map(struct t1p_range *range, unsigned long index,
		  struct t1p_domain *domain)
{
	struct t1p_piece *piece = t1p_piece(range, index);
	u64 iova;

	t1p_span_piece(&range->span, index, &iova);
	return t1p_domain_map(domain, iova, &piece->runs, range->prot);
}

/**
 * t1p_piece_unmap() - take a mapped piece out of one domain
 * @range: the range
 * @index: which of its pieces
 * @domain: the domain
 *
 * Context: domains_sem held. Cannot fail: a piece that an IOMMU does not let go
 * of keeps its pages, for a device may still reach them.
 */
void t1p_piece_unmap(struct t1p_range *range, unsigned long index,
		     struct t1p_domain *domain)
{
	struct t1p_piece *piece = t1p_piece(range, index);
	u64 iova, size = t1p_span_piece(&range->span, index, &iova);

	if (!t1p_domain_unmap(domain, iova, size))
		piece->stuck = true;
}

/**
 * t1p_piece_unpin() - unpin what is pinned of a piece
 * @job: the job; counts what no longer counts as locked memory
 * @index: the piece, which no domain maps
 *
 * Context: may sleep.
 */
void t1p_piece_unpin(struct t1p_job *job, unsigned long index)
{
	struct t1p_piece *piece = t1p_piece(job->range, index);
	unsigned long charge;

	if (piece->stuck) {
		charge = t1p_runs_charge(&piece->runs);
		t1p_runs_free(&piece->runs);
	} else {
		charge = t1p_unpin(&piece->runs, job->range->prot);
	}
	atomic_long_add(charge, &job->uncharge);
}

/**
 * t1p_pieces_free() - forget all pieces
 * @range: a range that has no page pinned
 *
 * Context: domains_sem held, so that a writer may look at pieces; not needed for
 * a range that nobody else can find.
 */
void t1p_pieces_free(struct t1p_range *range)
{
	struct t1p_piece *piece;
	unsigned long index;

	if (!xa_empty(&range->pieces)) {
		xa_for_each(&range->pieces, index, piece) {
			kfree(piece);
			cond_resched();
		}
		xa_destroy(&range->pieces);
	}
	range->piece0 = (struct t1p_piece){};
	WRITE_ONCE(range->has_pieces, false);
}
