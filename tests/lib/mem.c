// SPDX-License-Identifier: GPL-2.0-only
/* Memory to map for DMA, patterns in it, and what the kernel counts of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/memfd.h>
#include <linux/mman.h>

#include "file.h"
#include "mem.h"

/* Pages that we have added to the pools of pages of 2 MiB and 1 GiB. */
static s64 pool_grown[2];

/* Finds "KEY VALUE" in a file of such lines. */
static s64 read_key(const char *path, const char *key)
{
	unsigned long long val;
	s64 ret = -ENOENT;
	char line[256];
	size_t len = strlen(key);
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	while (ret < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && sscanf(line + len, " %llu", &val) == 1)
			ret = val;
	fclose(f);
	return ret;
}

s64 mem_available(void)
{
	s64 kib = read_key("/proc/meminfo", "MemAvailable:");

	return kib < 0 ? kib : kib * 1024;
}

static FILE *open_pool(size_t page, const char *name, const char *mode)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/%s",
		 page >> 10, name);
	return fopen(path, mode);
}

static s64 read_pool(size_t page, const char *name)
{
	FILE *f = open_pool(page, name, "re");
	long long pages = 0;

	if (f) {
		if (fscanf(f, "%lld", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return pages;
}

static void add_to_pool(size_t page, s64 pages)
{
	s64 total = read_pool(page, "nr_hugepages") + pages;
	FILE *f = open_pool(page, "nr_hugepages", "we");

	if (f) {
		fprintf(f, "%lld\n", (long long)total);
		fclose(f);
		pool_grown[page == PAGE_1G] += pages;
	}
}

/* Best effort: the mmap() that follows tells whether it was enough. */
static void grow_pool(size_t page, size_t size)
{
	s64 missing = size / page - read_pool(page, "free_hugepages");

	if (missing > 0 && missing <= mem_available() / (s64)page)
		add_to_pool(page, missing);
}

static void shrink_pool(size_t page)
{
	if (pool_grown[page == PAGE_1G])
		add_to_pool(page, -pool_grown[page == PAGE_1G]);
}

/* Of the pool that it comes from; 0 if from none. */
static size_t pool_page(enum mem_pages pages)
{
	if (pages == MEM_HUGETLB_1G)
		return PAGE_1G;
	return pages == MEM_HUGETLB || pages == MEM_SHARED_HUGETLB ? PAGE_2M : 0;
}

static size_t round_up(size_t size, size_t align)
{
	return (size + align - 1) & -align;
}

static void *map_memory(void *at, size_t size, int flags, int fd)
{
	void *mem = mmap(at, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* A mapping of a new memory file, at @at if given. */
static void *map_file(void *at, size_t size, unsigned int flags)
{
	int fd = memfd_create("type1p", MFD_CLOEXEC | flags);
	void *mem = NULL;

	if (fd < 0)
		return NULL;
	if (!ftruncate(fd, size))
		mem = map_memory(at, size, MAP_SHARED | (at ? MAP_FIXED : 0), fd);
	close(fd);
	return mem;
}

static void *alloc_from_pool(size_t size, enum mem_pages pages)
{
	const size_t page = pool_page(pages);
	void *mem;

	size = round_up(size, page);
	grow_pool(page, size);
	if (pages == MEM_SHARED_HUGETLB)
		mem = map_file(NULL, size, MFD_HUGETLB | MFD_HUGE_2MB);
	else
		mem = map_memory(NULL, size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
				 (page == PAGE_1G ? MAP_HUGE_1GB : MAP_HUGE_2MB), -1);
	if (!mem)
		shrink_pool(page);
	return mem;
}

void *mem_alloc(size_t size, enum mem_pages pages)
{
	size_t head, padded = size + PAGE_2M;
	char *mem, *aligned;

	if (pool_page(pages))
		return alloc_from_pool(size, pages);
	mem = map_memory(NULL, padded, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!mem)
		return NULL;
	aligned = (char *)round_up((size_t)mem, PAGE_2M);
	head = aligned - mem;
	if (head)
		munmap(mem, head);
	munmap(aligned + size, padded - head - size);
	if (pages == MEM_SHARED && !map_file(aligned, size, 0)) {
		munmap(aligned, size);
		return NULL;
	}
	madvise(aligned, size, pages == MEM_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return aligned;
}

void mem_free(void *mem, size_t size, enum mem_pages pages)
{
	const size_t page = pool_page(pages);

	if (!mem)
		return;
	munmap(mem, page ? round_up(size, page) : size);
	if (page)
		shrink_pool(page);
}

/* Each step can be undone, so distinct (seed, index) give distinct words. */
static u64 pattern(u64 seed, u64 index)
{
	u64 x = (seed << 40 | index) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

void mem_fill(void *mem, size_t size, u64 seed)
{
	u64 word, i;

	for (i = 0; i < size; i += sizeof(word)) {
		word = pattern(seed, i / sizeof(word));
		memcpy((char *)mem + i, &word, size - i < sizeof(word) ? size - i : sizeof(word));
	}
}

size_t mem_check(const void *mem, size_t size, u64 seed)
{
	const unsigned char *bytes = mem;
	u64 word, i, j;

	for (i = 0; i < size; i += sizeof(word)) {
		word = pattern(seed, i / sizeof(word));
		for (j = 0; j < sizeof(word) && i + j < size; j++)
			if (bytes[i + j] != ((unsigned char *)&word)[j])
				return i + j;
	}
	return size;
}

s64 mem_locked(void)
{
	s64 kib = read_key("/proc/self/status", "VmLck:");

	return kib < 0 ? kib : kib * 1024;
}

s64 pins_held(void)
{
	s64 acquired, released;

	/* Counts that CPUs keep to themselves are added up first. */
	file_write("/proc/sys/vm/stat_refresh", "1");
	acquired = read_key("/proc/vmstat", "nr_foll_pin_acquired");
	released = read_key("/proc/vmstat", "nr_foll_pin_released");
	if (acquired < 0 || released < 0)
		return acquired < 0 ? acquired : released;
	return acquired - released;
}
