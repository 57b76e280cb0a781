/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory to map for DMA, patterns in it, and what the kernel counts of it. */
#ifndef TYPE1P_MEM_H
#define TYPE1P_MEM_H

#include "ktypes.h"

#define PAGE_4K		4096UL
#define PAGE_2M		(2UL << 20)
#define PAGE_1G		(1UL << 30)

enum mem_pages {
	MEM_4K,			/* anonymous, huge pages forbidden */
	MEM_THP,		/* anonymous, 2 MiB aligned, huge pages asked for */
	/* hugetlbfs: the pool is raised if need be, till freed */
	MEM_HUGETLB,		/* 2 MiB */
	MEM_HUGETLB_1G,
	/* of a memory file */
	MEM_SHARED,		/* 4 KiB */
	MEM_SHARED_HUGETLB,	/* 2 MiB */
};

/*
 * Memory of whole pages, private unless said otherwise, not touched yet; NULL with
 * errno set.
 */
void *mem_alloc(size_t size, enum mem_pages pages);
void mem_free(void *mem, size_t size, enum mem_pages pages);

/* A pattern of which no two 8-byte words are alike, within or between seeds. */
void mem_fill(void *mem, size_t size, u64 seed);
/* Offset of the first wrong byte, or @size if all is well. */
size_t mem_check(const void *mem, size_t size, u64 seed);

/* Bytes that could be had without swapping, or -errno. */
s64 mem_available(void);
/* Bytes of locked memory (VmLck) of this process, or -errno. */
s64 mem_locked(void);
/* Pages pinned for DMA now, system-wide, or -errno. */
s64 pins_held(void);

#endif
