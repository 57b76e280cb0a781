// SPDX-License-Identifier: GPL-2.0-only
/* Memory as the rows of the bench want it: in which pages, and how they lie. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_PFN	((1ULL << 55) - 1)

static void touch(void *mem, u64 offset)
{
	*(volatile u64 *)((char *)mem + offset) = offset;
}

/*
 * Of pages that are handed out one after the other, every second one goes to
 * somebody else, who gives them back at the end.
 */
static int scatter(struct memory *memory)
{
	void *other = mem_alloc(memory->size, memory->pages);
	u64 at;

	if (!other)
		return -errno;
	for (at = 0; at < memory->size; at += PAGE_4K) {
		touch(memory->mem, at);
		touch(other, at);
	}
	mem_free(other, memory->size, memory->pages);
	return 0;
}

int memory_get(struct memory *memory, enum mem_pages pages, u64 size, bool scattered)
{
	int ret;

	*memory = (struct memory){ .size = size, .pages = pages };
	memory->mem = mem_alloc(size, pages);
	if (!memory->mem)
		return -errno;
	ret = scattered ? scatter(memory) : 0;
	if (ret)
		memory_put(memory);
	return ret;
}

void memory_touch(const struct memory *memory)
{
	u64 at;

	for (at = 0; at < memory->size; at += PAGE_4K)
		touch(memory->mem, at);
}

void memory_put(struct memory *memory)
{
	mem_free(memory->mem, memory->size, memory->pages);
	memory->mem = NULL;
}

s64 memory_runs(const struct memory *memory)
{
	const u64 first = (uintptr_t)memory->mem / PAGE_4K, pages = memory->size / PAGE_4K;
	u64 entries[512], done, pfn, next = 0;
	s64 runs = 0;
	ssize_t got;
	int fd, i;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (done = 0; done < pages; done += i) {
		got = pread(fd, entries, sizeof(entries), (first + done) * sizeof(u64));
		got /= (ssize_t)sizeof(u64);
		if (got <= 0)
			break;
		for (i = 0; i < got && done + i < pages; i++) {
			pfn = entries[i] & PAGEMAP_PRESENT ? entries[i] & PAGEMAP_PFN : 0;
			runs += !pfn || pfn != next;
			next = pfn + 1;
		}
	}
	close(fd);
	return done < pages ? -EIO : runs;
}
