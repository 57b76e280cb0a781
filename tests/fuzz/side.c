// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "side.h"

/*
 * Far from where the kernel puts what it chooses the place of, so that nothing
 * ever gets into the holes.
 */
#define SIDE_BASE(backend)	((char *)(0x100000000000 + ((u64)(backend) << 40)))

static int open_edu(struct member *m, int nth)
{
	struct pci_binding unused[PCI_GROUP_MAX];
	char driver[PCI_NAME_LEN];
	struct pci_dev dev;
	int group, ret;

	ret = pci_find_id(EDU_VENDOR, EDU_DEVICE, nth, &dev);
	if (ret)
		return ret;
	group = pci_group_make(dev.bdf);
	if (group < 0)
		return group;
	ret = pci_driver(dev.bdf, driver);
	if (!ret && strcmp(driver, "vfio-pci"))
		ret = pci_group_take(group, unused, PCI_GROUP_MAX);
	memcpy(m->bdf, dev.bdf, sizeof(m->bdf));
	return ret < 0 ? ret : group_open(group);
}

static int open_members(struct side *side)
{
	int i, group;

	for (i = 0; i < MEMBERS; i++) {
		struct member *m = &side->member[i];

		m->device = -1;
		m->nth = side->backend * (MEMBERS - EMULATED_0) + i - EMULATED_0;
		if (i < EMULATED_0) {
			m->group_fd = open_edu(m, side->backend * EMULATED_0 + i);
		} else {
			group = emulated_group(m->nth);
			m->group_fd = group < 0 ? group : group_open(group);
		}
		if (m->group_fd < 0) {
			fprintf(stderr, "type1p-fuzz: needs %s: %s\n",
				i < EMULATED_0 ? "4 edu devices" :
				"type1p_emulated.ko with devices=4", strerror(-m->group_fd));
			return m->group_fd;
		}
	}
	return 0;
}

static char *map_at(char *at, size_t size, int flags, int fd)
{
	char *mem = mmap(at, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

int side_open(struct side *side, enum backend backend)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	char *base = SIDE_BASE(backend);

	*side = (struct side){ .backend = backend, .container = -1, .memfd = -1 };
	/* Each at a gigabyte of its own. */
	side->mem = base;
	side->bits = map_at(base + (1UL << 30), BITS_SIZE, flags, -1);
	side->args = map_at(base + (2UL << 30), ARGS_SIZE, flags, -1);
	side->scratch = map_at(base + (3UL << 30), PAGE_4K, flags, -1);
	side->data = map_at(base + (4UL << 30), DATA_SIZE, flags, -1);
	if (!side->bits || !side->args || !side->scratch || !side->data)
		return -ENOMEM;
	return open_members(side);
}

static int map_pages(struct side *side, const struct setup *setup, u64 first, u64 size)
{
	static const int flags[MEMORIES] = {
		[MEMORY_ANON] = MAP_PRIVATE | MAP_ANONYMOUS,
		[MEMORY_THP] = MAP_PRIVATE | MAP_ANONYMOUS,
		[MEMORY_HUGETLB] = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		[MEMORY_SHARED] = MAP_SHARED,
		[MEMORY_PRIVATE] = MAP_PRIVATE,
	};
	int fd = flags[setup->memory] & MAP_ANONYMOUS ? -1 : side->memfd;

	if (mmap(side->mem + first, size, PROT_READ | PROT_WRITE, flags[setup->memory] | MAP_FIXED,
		 fd, fd < 0 ? 0 : first) == MAP_FAILED)
		return -errno;
	if (setup->memory == MEMORY_ANON || setup->memory == MEMORY_THP)
		madvise(side->mem + first, size, setup->memory == MEMORY_THP ? MADV_HUGEPAGE :
			MADV_NOHUGEPAGE);
	return 0;
}

/* Far more than both buffers take. */
#define HUGE_PAGES	24

/* Best effort: mmap() tells whether it was enough. */
static void reserve_huge_pages(void)
{
	int fd = open("/proc/sys/vm/nr_hugepages", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "%d", HUGE_PAGES);
	close(fd);
}

static int fill_memory(struct side *side, const struct setup *setup)
{
	u64 size = setup->pages * PAGE_4K;
	int ret;

	munmap(side->mem, BUFFER_MAX);
	if (setup->memory == MEMORY_HUGETLB)
		reserve_huge_pages();
	if (setup->memory == MEMORY_SHARED || setup->memory == MEMORY_PRIVATE) {
		side->memfd = memfd_create("type1p-fuzz", MFD_CLOEXEC);
		if (side->memfd < 0 || ftruncate(side->memfd, size))
			return -errno;
	}
	ret = map_pages(side, setup, 0, size);
	if (!ret && setup->touched)
		mem_fill(side->mem, size, 1);
	return ret;
}

static int set_params(struct side *side, const struct setup *setup)
{
	const char *small = setup->small_pages ? "Y" : "N", *verify = setup->verify ? "Y" : "N";
	char entries[16];
	int ret;

	snprintf(entries, sizeof(entries), "%u", setup->entries);
	ret = backend_param(side->backend, "dma_entry_limit", entries);
	if (!ret)
		ret = backend_param(side->backend, "disable_hugepages", small);
	if (!ret && side->backend == BACKEND_TYPE1P)
		ret = backend_param(side->backend, "verify_replace", verify);
	return ret;
}

int side_begin(struct side *side, const struct setup *setup)
{
	int i, ret;

	ret = set_params(side, setup);
	if (!ret)
		ret = fill_memory(side, setup);
	if (ret)
		return ret;
	side->container = container_open();
	if (side->container < 0)
		return side->container;
	for (i = 0; i < MEMBERS && !ret; i++)
		if (setup->members >> i & 1)
			ret = side_attach(side, i);
	return ret ? ret : side_set_iommu(side, setup->type);
}

void side_end(struct side *side)
{
	int i;

	for (i = 0; i < MEMBERS; i++)
		if (side->member[i].attached)
			side_detach(side, i);
	close(side->container);
	side->container = -1;
	munmap(side->mem, BUFFER_MAX);
	if (side->memfd >= 0)
		close(side->memfd);
	side->memfd = -1;
}

int side_attach(struct side *side, int nth)
{
	struct member *m = &side->member[nth];
	int ret = group_set_container(m->group_fd, side->container);

	if (!ret)
		m->attached = true;
	return ret;
}

int side_detach(struct side *side, int nth)
{
	struct member *m = &side->member[nth];
	int ret;

	side_close_device(side, nth);
	ret = group_unset_container(m->group_fd);
	if (!ret)
		m->attached = false;
	return ret;
}

int side_set_iommu(struct side *side, int type)
{
	int ret = backend_select(side->backend);

	if (!ret)
		ret = container_set_iommu(side->container, type);
	if (!ret && container_backend(side->container) != (int)side->backend)
		ret = -EXDEV;
	return ret;
}

int side_device(struct side *side, int nth)
{
	struct member *m = &side->member[nth];
	int fd;

	if (m->device >= 0)
		return m->device;
	fd = emulated_open(m->group_fd, m->nth);
	if (fd >= 0)
		m->device = fd;
	return fd;
}

void side_close_device(struct side *side, int nth)
{
	struct member *m = &side->member[nth];

	if (m->device >= 0)
		close(m->device);
	m->device = -1;
}

static int change_page(struct side *side, const struct setup *setup, u8 state,
		       const struct step *step, u64 at)
{
	char *page = side->mem + at;
	int ret = 0;

	switch (step->op) {
	case OP_TOUCH:
		if (state == PAGE_WRITE)
			mem_fill(page, PAGE_4K, step->number + at);
		break;
	case OP_MUNMAP:
		ret = munmap(page, PAGE_4K);
		break;
	case OP_MMAP:
		return map_pages(side, setup, at, PAGE_4K);
	case OP_PROTECT:
		if (state != PAGE_HOLE)
			ret = mprotect(page, PAGE_4K, step->flags);
		break;
	default:
		if (state == PAGE_WRITE)
			ret = madvise(page, PAGE_4K, setup->memory == MEMORY_SHARED ?
				      MADV_REMOVE : MADV_DONTNEED);
	}
	return ret ? -errno : 0;
}

int side_memory(struct side *side, const struct setup *setup, const struct model *model,
		const struct step *step)
{
	u64 at, end = step->iova + step->size;
	int ret = 0;

	for (at = step->iova; at < end && at < setup->pages * PAGE_4K && !ret; at += PAGE_4K)
		ret = change_page(side, setup, model->page[at / PAGE_4K], step, at);
	return ret;
}

u64 side_place(const struct side *side, const struct place *place)
{
	switch (place->at) {
	case AT_BUFFER:
		return (uintptr_t)side->mem + place->offset;
	case AT_BITS:
		return (uintptr_t)side->bits + place->offset;
	default:
		return place->offset;
	}
}
