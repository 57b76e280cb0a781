/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory as the rows of the bench want it: in which pages, and how they lie. */
#ifndef TYPE1P_BENCH_MEMORY_H
#define TYPE1P_BENCH_MEMORY_H

#include "mem.h"

struct memory {
	void *mem;
	u64 size;
	enum mem_pages pages;
};

/*
 * Memory for one row, NULL in @memory->mem with errno set if there is none.
 * @scattered: no two pages one after the other in physical memory; then it is
 * touched as well.
 */
int memory_get(struct memory *memory, enum mem_pages pages, u64 size, bool scattered);
void memory_touch(const struct memory *memory);
void memory_put(struct memory *memory);

/* Physically contiguous runs of touched memory; -errno. */
s64 memory_runs(const struct memory *memory);

#endif
