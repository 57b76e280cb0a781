// SPDX-License-Identifier: GPL-2.0-only
/*
 * Put runs into the page tables of an IOMMU, in few calls: each one may cost a
 * flush, and on an emulated IOMMU a flush is an exit from the guest.
 */
#include <linux/iommu.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "compat.h"
#include "domain.h"

/* Runs to hand to the IOMMU layer at once: on the stack, or in a page of memory. */
#define FEW_RUNS	2
#define MANY_RUNS	(PAGE_SIZE / sizeof(struct scatterlist))

static int alloc_for_device(struct device *dev, void *data)
{
	struct iommu_domain **iommu_domain = data;

	*iommu_domain = iommu_paging_domain_alloc(dev);
	return 1;	/* any device of the group speaks for all */
}

/**
 * t1p_domain_create() - make a domain that suits a group
 * @iommu_group: the group; not attached by this call
 * @nesting: ask for a nesting domain
 *
 * Return: the domain, or an ERR_PTR() with the IOMMU layer's errno.
 */
struct t1p_domain *t1p_domain_create(struct iommu_group *iommu_group,
				     bool nesting)
{
	struct iommu_domain *iommu_domain = ERR_PTR(-ENODEV);
	struct t1p_domain *domain;
	int ret;

	domain = kzalloc(sizeof(*domain), GFP_KERNEL);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&domain->groups);

	iommu_group_for_each_dev(iommu_group, &iommu_domain, alloc_for_device);
	if (IS_ERR(iommu_domain)) {
		kfree(domain);
		return ERR_CAST(iommu_domain);
	}
	domain->iommu_domain = iommu_domain;

	ret = nesting ? iommu_enable_nesting(iommu_domain) : 0;
	if (ret) {
		t1p_domain_free(domain);
		return ERR_PTR(ret);
	}
	return domain;
}

/**
 * t1p_domain_free() - free a domain, with whatever it still maps
 * @domain: one with no group attached
 */
void t1p_domain_free(struct t1p_domain *domain)
{
	WARN_ON_ONCE(!list_empty(&domain->groups));
	iommu_domain_free(domain->iommu_domain);
	kfree(domain);
}

/*
 * After a request that failed, take out what the IOMMU layer left mapped: it undoes
 * what a driver says that it has mapped, which VT-d's does not say of a request that
 * it could only do in part. Only pages that are there, for that driver unmaps more
 * than it is asked to where there are none.
 */
static void unmap_remains(struct t1p_domain *domain, u64 iova, u64 size)
{
	struct iommu_domain *iommu_domain = domain->iommu_domain;
	size_t page = max(PAGE_SIZE, BIT(__ffs(iommu_domain->pgsize_bitmap)));
	struct iommu_iotlb_gather gather;
	bool remains = false;
	size_t step;

	iommu_iotlb_gather_init(&gather);
	/* What lies behind is another's, however much a driver says it unmapped. */
	for (; size; iova += step, size -= step) {
		step = page;
		if (iommu_iova_to_phys(iommu_domain, iova)) {
			step = max(step, iommu_unmap_fast(iommu_domain, iova, page,
							  &gather));
			remains = true;
		}
		step = min_t(u64, step, size);
		cond_resched();
	}
	if (remains)
		iommu_iotlb_sync(iommu_domain, &gather);
}

static int map_contiguous(struct t1p_domain *domain, u64 iova,
			  const struct t1p_run *run, int prot)
{
	u64 size = (u64)run->nr << PAGE_SHIFT;
	u64 step = READ_ONCE(t1p_disable_hugepages) ? PAGE_SIZE : size;
	u64 done;
	int ret;

	for (done = 0; done < size; done += step) {
		ret = iommu_map(domain->iommu_domain, iova + done,
				PFN_PHYS((phys_addr_t)run->pfn) + done, step,
				prot, GFP_KERNEL_ACCOUNT);
		if (ret) {
			if (done)
				iommu_unmap(domain->iommu_domain, iova, done);
			unmap_remains(domain, iova + done, step);
			return ret;
		}
		cond_resched();
	}
	return 0;
}

static int map_sg(struct t1p_domain *domain, u64 iova, struct scatterlist *sg,
		  unsigned int nents, int prot)
{
	ssize_t mapped;

	sg_mark_end(&sg[nents - 1]);
	mapped = iommu_map_sg(domain->iommu_domain, iova, sg, nents, prot,
			      GFP_KERNEL_ACCOUNT);
	sg_unmark_end(&sg[nents - 1]);
	if (mapped > 0)
		return 0;
	return mapped ?: -EINVAL;
}

/* Where t1p_domain_map() stands: what lies before iova is mapped, sg comes next. */
struct map_state {
	struct t1p_domain *domain;
	u64 iova;
	int prot;
	unsigned int nents;
	unsigned int max;
	u64 bytes;
	struct scatterlist *sg;
	struct scatterlist few[FEW_RUNS];
};

static void map_begin(struct map_state *state)
{
	state->max = MANY_RUNS;
	state->sg = kmalloc_array(MANY_RUNS, sizeof(*state->sg),
				  GFP_KERNEL | __GFP_NOWARN);
	if (!state->sg) {
		state->sg = state->few;
		state->max = FEW_RUNS;
	}
	sg_init_table(state->sg, state->max);
}

static void map_end(struct map_state *state)
{
	if (state->sg != state->few)
		kfree(state->sg);
}

static int map_flush(struct map_state *state)
{
	int ret;

	if (!state->nents)
		return 0;
	ret = map_sg(state->domain, state->iova, state->sg, state->nents,
		     state->prot);
	if (ret)
		return ret;
	state->iova += state->bytes;
	state->bytes = 0;
	state->nents = 0;
	cond_resched();
	return 0;
}

static int map_run(struct map_state *state, const struct t1p_run *run)
{
	u64 size = (u64)run->nr << PAGE_SHIFT;
	int ret;

	/* A scatterlist wants a struct page, and knows no page size limit. */
	if (run->kind == T1P_RUN_UNPINNED ||
	    READ_ONCE(t1p_disable_hugepages)) {
		ret = map_flush(state);
		if (!ret)
			ret = map_contiguous(state->domain, state->iova, run,
					     state->prot);
		if (!ret)
			state->iova += size;
		return ret;
	}

	sg_set_page(&state->sg[state->nents++], pfn_to_page(run->pfn), size, 0);
	state->bytes += size;
	return state->nents == state->max ? map_flush(state) : 0;
}

static int map_runs(struct t1p_domain *domain, u64 iova,
		    const struct t1p_runs *runs, int prot)
{
	struct map_state state = {
		.domain = domain,
		.iova = iova,
		.prot = prot,
	};
	struct t1p_runs_iter iter = {};
	struct t1p_run run;
	int ret = 0;

	map_begin(&state);
	while (!ret && t1p_runs_next(runs, &iter, &run))
		ret = map_run(&state, &run);
	if (!ret)
		ret = map_flush(&state);
	map_end(&state);
	if (ret && state.iova != iova)
		iommu_unmap(domain->iommu_domain, iova, state.iova - iova);
	if (ret)
		unmap_remains(domain, state.iova, state.bytes);
	return ret;
}

/**
 * t1p_domain_map() - map runs one after the other
 * @domain: the domain
 * @iova: where the first run goes
 * @runs: what to map; no run larger than 4 GiB less a page
 * @prot: IOMMU_READ, IOMMU_WRITE or both
 *
 * Context: may sleep; domains_sem held.
 * Return: 0; or an error of iommu_map(), with nothing mapped.
 */
int t1p_domain_map(struct t1p_domain *domain, u64 iova,
		   const struct t1p_runs *runs, int prot)
{
	prot |= IOMMU_CACHE;
	/* As most small requests are. */
	if (t1p_runs_single(runs))
		return map_contiguous(domain, iova, &runs->open, prot);
	return map_runs(domain, iova, runs, prot);
}

/**
 * t1p_domain_unmap() - unmap a stretch of iova
 * @domain: the domain, which maps all of it
 * @iova: where the stretch begins
 * @size: its size in bytes
 *
 * No device of the domain reaches the pages after this returns.
 *
 * Context: may sleep; domains_sem held.
 * Return: whether the IOMMU unmapped all of it.
 */
bool t1p_domain_unmap(struct t1p_domain *domain, u64 iova, u64 size)
{
	size_t unmapped = iommu_unmap(domain->iommu_domain, iova, size);

	cond_resched();
	return !WARN_ONCE(unmapped != size, "iova %#llx: unmapped %#zx of %#llx bytes\n",
			  iova, unmapped, size);
}
