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
 * enum t1p_faults - whom page faults may have to wait for
 * @T1P_FAULTS_ALL: anybody, userfaultfd too; for one's own address space, and with
 *	nothing held
 * @T1P_FAULTS_FILES: who serves a file, be it a process of the user's, killably
 * @T1P_FAULTS_KERNEL: the kernel alone; other memory is not to be had
 */
enum t1p_faults {
	T1P_FAULTS_ALL,
	T1P_FAULTS_FILES,
	T1P_FAULTS_KERNEL,
};

/**
 * struct t1p_pinner - one thread's means to pin pages of one address space
 * @mm: the address space; the user keeps it alive
 * @faults: what it may pin
 * @pages: room for one batch
 * @max: pages in a batch
 * @by_folio: memory may be in hugetlb folios, for which one pin will do
 * @few: @pages when there is no memory, or no use, for more
 */
struct t1p_pinner {
	struct mm_struct *mm;
	enum t1p_faults faults;
	struct page **pages;
	unsigned int max;
	bool by_folio;
	struct page *few[T1P_FEW_PAGES];
};

void t1p_pinner_init(struct t1p_pinner *pinner, struct mm_struct *mm,
		     unsigned long nr, enum t1p_faults faults);
void t1p_pinner_fini(struct t1p_pinner *pinner);
long t1p_pin(struct t1p_pinner *pinner, unsigned long vaddr, unsigned long nr,
	     int prot, struct t1p_runs *runs, unsigned long *charge);
int t1p_pin_one(struct mm_struct *mm, unsigned long vaddr, int prot,
		struct t1p_run *run);
void t1p_unpin_run(const struct t1p_run *run, int prot);
unsigned long t1p_unpin(struct t1p_runs *runs, int prot);

#endif /* TYPE1P_PIN_H */
