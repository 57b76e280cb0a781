/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UNIT_LINUX_SLAB_H
#define UNIT_LINUX_SLAB_H

#include <stdlib.h>

#include <linux/types.h>

#define GFP_KERNEL_ACCOUNT	0

#define struct_size(p, member, n) \
	(sizeof(*(p)) + sizeof((p)->member[0]) * (n))

/* Allocations until one fails; negative: none does. */
static long allocs_left = -1;

/* What was asked for since the test set it to 0. */
static size_t bytes_allocated;

static inline void *kmalloc(size_t size, int gfp)
{
	(void)gfp;
	if (!allocs_left)
		return NULL;
	if (allocs_left > 0)
		allocs_left--;
	bytes_allocated += size;
	return malloc(size);
}

static inline void *kmalloc_array(size_t n, size_t size, int gfp)
{
	return kmalloc(n * size, gfp);
}

static inline void kfree(const void *p)
{
	free((void *)p);
}

#endif /* UNIT_LINUX_SLAB_H */
