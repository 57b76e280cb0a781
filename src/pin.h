/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From user addresses to pinned pages.
 */
#ifndef TYPE1P_PIN_H
#define TYPE1P_PIN_H

#include <linux/types.h>

#include "runs.h"

struct mm_struct;
struct page;

#define T1P_FEW_PAGES	16

/**
 * struct t1p_pinner - one thread's means to pin pages of one address space
 * @mm: the address space; the user keeps it alive
 * @may_wait: page faults may wait for user space; only for one's own @mm
 * @pages: room for one batch
 * @max: pages in a batch
 * @by_folio: memory may be in hugetlb folios, for which one pin will do
 * @few: @pages when there is no memory, or no use, for more
 */
struct t1p_pinner {
	struct mm_struct *mm;
	bool may_wait;
	struct page **pages;
	unsigned int max;
	bool by_folio;
	struct page *few[T1P_FEW_PAGES];
};

void t1p_pinner_init(struct t1p_pinner *pinner, struct mm_struct *mm,
		     unsigned long nr, bool may_wait);
void t1p_pinner_fini(struct t1p_pinner *pinner);
long t1p_pin(struct t1p_pinner *pinner, unsigned long vaddr, unsigned long nr,
	     int prot, struct t1p_runs *runs, unsigned long *charge);
int t1p_pin_one(struct mm_struct *mm, unsigned long vaddr, int prot,
		struct t1p_run *run);
void t1p_unpin_run(const struct t1p_run *run, int prot);
unsigned long t1p_unpin(struct t1p_runs *runs, int prot);

#endif /* TYPE1P_PIN_H */
