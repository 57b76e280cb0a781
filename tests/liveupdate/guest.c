// SPDX-License-Identifier: GPL-2.0-only
/* The memory of a guest. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/container.h"
#include "guest.h"

int guest_create(struct state *s)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, GUEST_SIZE))
		return -errno;
	s->fds[FD_MEMORY] = fd;
	return 0;
}

static u8 *reserve(void)
{
	u8 *mem = mmap(NULL, GUEST_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

u8 *guest_map(const struct state *s, bool shared, u64 avoid)
{
	const int flags = MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE);
	u8 *at, *taken, *mem = reserve();
	int i;

	if (mem && (uintptr_t)mem == avoid) {
		taken = mem;
		mem = reserve();
		guest_unmap(taken);
	}
	if (!mem)
		return NULL;
	for (i = 0; i < GUEST_RANGES; i++) {
		at = mem + i * GUEST_RANGE;
		if (mmap(at, GUEST_RANGE, PROT_READ | PROT_WRITE, flags, s->fds[FD_MEMORY],
			 (GUEST_RANGES - 1 - i) * GUEST_RANGE) == MAP_FAILED)
			return NULL;
	}
	return mem;
}

void guest_unmap(u8 *mem)
{
	munmap(mem, GUEST_SIZE);
}

void guest_fill(u8 *mem)
{
	u64 at;

	for (at = GUEST_CHECKED; at < GUEST_STAMPED; at += PAGE_4K)
		mem_fill(mem + at, PAGE_4K, at / PAGE_4K);
	emulated_stamp(mem + GUEST_CHECKED, GUEST_IOVA + GUEST_CHECKED,
		       GUEST_STAMPED - GUEST_CHECKED, GUEST_STAMP);
}

u64 guest_check(const u8 *mem)
{
	u8 expected[PAGE_4K];
	u64 at, wrong = 0;

	for (at = GUEST_CHECKED; at < GUEST_STAMPED; at += PAGE_4K) {
		mem_fill(expected, PAGE_4K, at / PAGE_4K);
		emulated_stamp(expected, GUEST_IOVA + at, PAGE_4K, GUEST_STAMP);
		wrong += !!memcmp(expected, mem + at, PAGE_4K);
	}
	return wrong;
}

static int each_range(const struct state *s, const u8 *mem, u32 flags)
{
	int i, ret = 0;

	for (i = 0; i < GUEST_RANGES && !ret; i++)
		ret = iova_map_flags(s->fds[FD_CONTAINER], mem + i * GUEST_RANGE,
				     GUEST_IOVA + i * GUEST_RANGE, GUEST_RANGE, flags);
	return ret;
}

int guest_map_dma(const struct state *s, const u8 *mem)
{
	return each_range(s, mem, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

int guest_replace(const struct state *s, const u8 *mem)
{
	return each_range(s, mem, VFIO_DMA_MAP_FLAG_VADDR);
}
