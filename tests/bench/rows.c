// SPDX-License-Identifier: GPL-2.0-only
/* What the bench can measure: a table of rows. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "run.h"

#define MiB	(1ULL << 20)
#define GiB	(1ULL << 30)

/* Memory that is to be contiguous comes first, while the kernel has much of it. */
const struct row rows[] = {
	{ "table", "4k", "4 KiB pages, mostly contiguous", &map_operation, MEM_4K },
	{ "table", "thp", "transparent huge pages", &map_operation, MEM_THP },
	{ "table", "hugetlb", "hugetlbfs 2 MiB, private", &map_operation, MEM_HUGETLB },
	{ "table", "shared-hugetlb", "hugetlbfs 2 MiB, shared (memfd)", &map_operation,
	  MEM_SHARED_HUGETLB },
	{ "table", "one-page", "one page per ioctl", &map_operation, MEM_4K, .size = 64 * MiB,
	  .piece = PAGE_4K },
	{ "table", "one-page-of-65000", "the same, 65,000 ranges in place", &map_operation, MEM_4K,
	  .size = 2 * MiB, .piece = PAGE_4K, .standing = 65000 },
	{ "table", "scattered", "4 KiB pages, scattered", &map_operation, MEM_4K,
	  .scattered = true },

	{ "memory", "hugetlb-1g", "hugetlbfs 1 GiB, private", &map_operation, MEM_HUGETLB_1G },
	{ "memory", "shared", "4 KiB pages, shared (memfd)", &map_operation, MEM_SHARED },
	{ "memory", "many-2m", "2 MiB per ioctl, hugetlbfs", &map_operation, MEM_HUGETLB,
	  .piece = PAGE_2M },

	{ "fresh", "4k-fresh", "4 KiB pages, fresh", &map_operation, MEM_4K, .fresh = true },
	{ "fresh", "thp-fresh", "transparent huge pages, fresh", &map_operation, MEM_THP,
	  .fresh = true },
	{ "fresh", "hugetlb-fresh", "hugetlbfs 2 MiB, fresh", &map_operation, MEM_HUGETLB,
	  .fresh = true },
	{ "fresh", "shared-fresh", "4 KiB pages, shared (memfd), fresh", &map_operation, MEM_SHARED,
	  .fresh = true },

	{ "size", "size-4k", "4 KiB", &map_operation, MEM_4K, .size = PAGE_4K },
	{ "size", "size-64k", "64 KiB of 4 KiB pages", &map_operation, MEM_4K,
	  .size = 16 * PAGE_4K },
	{ "size", "size-1m", "1 MiB of 4 KiB pages", &map_operation, MEM_4K, .size = MiB },
	{ "size", "size-16m", "16 MiB of 4 KiB pages", &map_operation, MEM_4K, .size = 16 * MiB },
	{ "size", "size-256m", "256 MiB of 4 KiB pages", &map_operation, MEM_4K,
	  .size = 256 * MiB },
	{ "size", "size-1g", "1 GiB of 4 KiB pages", &map_operation, MEM_4K, .size = GiB },
	{ "size", "size-8g", "8 GiB of 4 KiB pages", &map_operation, MEM_4K, .size = 8 * GiB },

	{ "ranges", "ranges-1", "1 range in place", &map_operation, MEM_4K, .size = 2 * MiB,
	  .piece = PAGE_4K, .standing = 1 },
	{ "ranges", "ranges-32", "32 ranges in place", &map_operation, MEM_4K, .size = 2 * MiB,
	  .piece = PAGE_4K, .standing = 32 },
	{ "ranges", "ranges-1024", "1,024 ranges in place", &map_operation, MEM_4K,
	  .size = 2 * MiB, .piece = PAGE_4K, .standing = 1024 },
	{ "ranges", "ranges-8192", "8,192 ranges in place", &map_operation, MEM_4K,
	  .size = 2 * MiB, .piece = PAGE_4K, .standing = 8192 },
	{ "ranges", "ranges-65023", "65,023 ranges in place", &map_operation, MEM_4K,
	  .size = 2 * MiB, .piece = PAGE_4K, .standing = 65023 },

	{ "ioctls", "bitmap", "dirty bits of 64 GiB", &bitmap_operation, MEM_HUGETLB_1G,
	  .size = GiB },
	{ "ioctls", "vaddr", "vaddr of 10,000 ranges", &vaddr_operation, MEM_4K,
	  .size = PAGE_4K, .standing = 10000 },
	{ "ioctls", "replay", "device attached to mapped memory", &replay_operation, MEM_4K },

	{ "pins", "pins-1", "driver pins, 1 thread", &pin_operation, MEM_4K, .size = 64 * MiB,
	  .threads = 1 },
	{ "pins", "pins-2", "driver pins, 2 threads", &pin_operation, MEM_4K, .size = 64 * MiB,
	  .threads = 2 },
	{ "pins", "pins-3", "driver pins, 3 threads", &pin_operation, MEM_4K, .size = 64 * MiB,
	  .threads = 3 },
	{ "pins", "pins-4", "driver pins, 4 threads", &pin_operation, MEM_4K, .size = 64 * MiB,
	  .threads = 4 },
	{ "latency", "latency", "driver pins during a MAP of 4 GiB", &latency_operation, MEM_4K,
	  .size = 4 * GiB },

	{ "cpus", "cpus-fresh", "4 KiB pages, fresh, by 2 CPUs", &cpus_operation, MEM_4K,
	  .fresh = true, .threads = 2 },
	{ "cpus", "cpus-thp", "transp. huge, fresh, by 2 CPUs", &cpus_operation, MEM_THP,
	  .fresh = true, .threads = 2 },
	{ "cpus", "cpus-scattered", "4 KiB, scattered, by 2 CPUs", &cpus_operation, MEM_4K,
	  .scattered = true, .threads = 2 },

	{ "threads", "touch-1", "touching fresh memory, 1 thread", &touch_operation, MEM_4K,
	  .fresh = true, .threads = 1 },
	{ "threads", "touch-2", "touching fresh memory, 2 threads", &touch_operation, MEM_4K,
	  .fresh = true, .threads = 2 },
	{ "threads", "fresh-1", "fresh memory, 1 thread", &threads_operation, MEM_4K,
	  .fresh = true, .threads = 1 },
	{ "threads", "fresh-2", "fresh memory, 2 threads", &threads_operation, MEM_4K,
	  .fresh = true, .threads = 2 },
	{ "threads", "scattered-1", "scattered pages, 1 thread", &threads_operation, MEM_4K,
	  .scattered = true, .threads = 1 },
	{ "threads", "scattered-2", "scattered pages, 2 threads", &threads_operation, MEM_4K,
	  .scattered = true, .threads = 2 },
	{}
};

bool row_wanted(const struct row *row, const char *wanted)
{
	char list[512], *word, *rest;

	snprintf(list, sizeof(list), "%s", wanted);
	for (word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
		if (!fnmatch(word, row->name, 0) || !fnmatch(word, row->set, 0))
			return true;
	return false;
}
