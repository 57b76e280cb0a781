// SPDX-License-Identifier: GPL-2.0-only
/*
 * Give a new domain what the container maps already, and let go of what the last
 * one needed.
 *
 * All of this runs with domains_sem held for writing: ranges, states and mapped
 * pieces stand still. A range that is unsettled is its own thread's business,
 * but for the pieces that it has mapped so far.
 */
#include <linux/iommu.h>

#include "job.h"
#include "type1p.h"

static int map_piece(struct t1p_job *job, unsigned long index)
{
	struct t1p_piece *piece = t1p_piece(job->range, index);
	int ret;

	if (job->range->state != T1P_LIVE && !piece->mapped)
		return 0;
	ret = t1p_piece_map(job->range, index, job->domain);
	if (!ret)
		piece->mapped = true;
	return ret;
}

static int pin_and_map_piece(struct t1p_job *job, unsigned long index)
{
	int ret = t1p_piece_pin(job, index);

	return ret ?: map_piece(job, index);
}

static int replay_range(struct t1p_container *c, struct t1p_range *range,
			struct t1p_domain *domain)
{
	struct t1p_job job = {
		.c = c,
		.range = range,
		.domain = domain,
		.what = "attach",
		.work = map_piece,
	};

	if (t1p_has_pieces(range))
		return t1p_job_run(&job);
	if (range->state != T1P_LIVE)
		return 0;
	/* It was mapped while there was no domain. */
	job.work = pin_and_map_piece;
	return t1p_pieces_pin(&job);
}

/**
 * t1p_replay() - map all ranges in a new domain
 * @c: the container
 * @domain: the domain, not in its list yet
 *
 * Pins and charges the memory if this is the first domain. That may take page
 * faults, but does not wait for userfaultfd.
 *
 * Context: domains_sem held for writing; takes owners' mmap_locks.
 * Return: 0; or an error, after which @domain may map some ranges: detach its
 * group, then t1p_unpin_all() if there is no other domain.
 */
int t1p_replay(struct t1p_container *c, struct t1p_domain *domain)
{
	struct t1p_range *range;
	int ret;

	lockdep_assert_held_write(&c->domains_sem);
	t1p_for_each_range(c, range, 0, U64_MAX) {
		ret = replay_range(c, range, domain);
		if (ret)
			return ret;
	}
	return 0;
}

static void unmap_range(struct t1p_range *range, struct t1p_domain *domain)
{
	unsigned long index, nr = t1p_span_pieces(&range->span);
	u64 iova;

	for (index = 0; index < nr; index++) {
		t1p_span_piece(&range->span, index, &iova);
		/* A replay that failed has mapped some. */
		if (iommu_iova_to_phys(domain->iommu_domain, iova))
			t1p_piece_unmap(range, index, domain);
	}
}

/**
 * t1p_unmap_all() - empty a domain that is about to be freed
 * @c: the container
 * @domain: a domain with no group attached
 *
 * An IOMMU does not need that, and it would take long. But a kernel that counts how
 * often each page is mapped (iommu.debug_pagealloc) looks at unmaps only.
 *
 * Context: domains_sem held for writing.
 */
void t1p_unmap_all(struct t1p_container *c, struct t1p_domain *domain)
{
	struct t1p_range *range;

	lockdep_assert_held_write(&c->domains_sem);
	if (!IS_ENABLED(CONFIG_IOMMU_DEBUG_PAGEALLOC))
		return;
	t1p_for_each_range(c, range, 0, U64_MAX)
		if (t1p_has_pieces(range))
			unmap_range(range, domain);
}

static int unpin_piece(struct t1p_job *job, unsigned long index)
{
	t1p_piece_unpin(job, index);
	return 0;
}

/**
 * t1p_unpin_all() - unpin the settled ranges, for no domain is left
 * @c: a container whose ranges stay, for the emulated groups that it has
 *
 * Unsettled ranges find out for themselves when they are published.
 *
 * Context: domains_sem held for writing; takes owners' mmap_locks.
 */
void t1p_unpin_all(struct t1p_container *c)
{
	struct t1p_range *range;

	lockdep_assert_held_write(&c->domains_sem);
	t1p_for_each_range(c, range, 0, U64_MAX) {
		struct t1p_job job = {
			.c = c,
			.range = range,
			.what = "detach",
			.work = unpin_piece,
		};

		if (range->state != T1P_LIVE)
			continue;
		t1p_pieces_unpin(&job);
		t1p_pieces_free(range);
		/*
		 * Also one that no domain has got to: while device pins did not
		 * count, drivers that pin and unpin have found it charged too much.
		 */
		t1p_settle(&range->owner);
	}
}
