// SPDX-License-Identifier: GPL-2.0-only
/* Containers, groups, devices and memory for an operation. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/vfio_type1p.h>

#include "failnth.h"
#include "pci.h"

/* Each transfer takes QEMU 0.1 s. */
#define DMA_EVERY	16

int world_devices(struct world *w)
{
	struct pci_binding unused[PCI_GROUP_MAX];
	struct pci_dev dev;
	int i, ret;

	for (i = 0; i < 2; i++) {
		ret = pci_find_id(EDU_VENDOR, EDU_DEVICE, i, &dev);
		if (ret)
			return ret;
		memcpy(w->bdf[i], dev.bdf, sizeof(dev.bdf));
		w->number[i] = pci_group_make(dev.bdf);
		if (w->number[i] < 0)
			return w->number[i];
		ret = pci_group_take(w->number[i], unused, PCI_GROUP_MAX);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * A group that cannot be moved to a domain that is there, for want of memory, stays in
 * its own: so both being behind one IOMMU, there are two.
 */
static bool try_second_domain(struct world *w, unsigned int nth, bool *met)
{
	struct state state;
	int ret;

	inject_arm(nth);
	ret = group_set_container(w->group[1], w->container);
	*met = inject_disarm();
	if (ret)
		return false;
	state_take(&state, w);
	if (state_number(&state, "domains ") == 2)
		return true;
	group_unset_container(w->group[1]);
	return false;
}

static int add_second_domain(struct world *w)
{
	unsigned int tries, nth;
	bool met;

	w->group[1] = group_open(w->number[1]);
	if (w->group[1] < 0)
		return w->group[1];
	/* The kernel has a page at hand now and then: that time there is no such point. */
	for (tries = 0; tries < 20; tries++)
		for (nth = 1, met = true; met; nth++)
			if (try_second_domain(w, nth, &met))
				return 0;
	return -ENOENT;
}

static int add_emulated(struct world *w)
{
	w->egroup[0] = container_add_group(w->container, emulated_group(0));
	return w->egroup[0] < 0 ? w->egroup[0] : 0;
}

static int open_groups(struct world *w, unsigned int needs)
{
	int ret = 0;

	if (needs & NEED_IOMMU) {
		w->group[0] = container_add_group(w->container, w->number[0]);
		if (w->group[0] < 0)
			return w->group[0];
	}
	if (needs & NEED_EMULATED)
		ret = add_emulated(w);
	if (!ret && !(needs & NEED_BARE))
		ret = container_set_iommu(w->container, VFIO_TYPE1P_IOMMU);
	return ret;
}

static int open_pci(struct world *w)
{
	w->pci = device_open(w->group[0], w->bdf[0]);
	return w->pci < 0 ? w->pci : edu_open(w->pci, &w->edu);
}

static int alloc_memory(struct world *w)
{
	size_t at;

	if (w->mem)
		return 0;
	w->mem = mem_alloc(MEM_SIZE, MEM_4K);
	w->file = mem_alloc(MEM_SIZE, MEM_SHARED);
	if (!w->mem || !w->file)
		return -ENOMEM;
	for (at = MEM_SIZE; at; at -= PAGE_4K)
		mem_fill(w->mem + at - PAGE_4K, PAGE_4K, at);
	mem_fill(w->file, MEM_SIZE, 1);
	return 0;
}

int world_open(struct world *w, unsigned int needs)
{
	int ret = alloc_memory(w);

	w->group[0] = -1;
	w->group[1] = -1;
	w->egroup[0] = -1;
	w->egroup[1] = -1;
	w->device = -1;
	w->pci = -1;
	w->other = 0;
	if (ret)
		return ret;
	w->container = container_open();
	if (w->container < 0)
		return w->container;
	ret = open_groups(w, needs);
	if (!ret && needs & NEED_EMULATED && !(needs & NEED_BARE)) {
		w->device = emulated_open(w->egroup[0], 0);
		ret = w->device < 0 ? w->device : 0;
	}
	if (!ret && needs & NEED_TWO_DOMAINS)
		ret = add_second_domain(w);
	if (!ret && needs & NEED_PCI)
		ret = open_pci(w);
	return ret;
}

void world_close(struct world *w)
{
	int i;

	edu_close(&w->edu);
	close_fd(&w->pci);
	close_fd(&w->device);
	for (i = 0; i < 2; i++) {
		close_fd(&w->group[i]);
		close_fd(&w->egroup[i]);
	}
	close_fd(&w->container);
	if (w->area)
		mem_free(w->area, w->area_size, w->area_pages);
	w->area = NULL;
}

int world_area(struct world *w, u64 size, enum mem_pages pages, bool touch)
{
	w->area = mem_alloc(size, pages);
	w->area_size = size;
	w->area_pages = pages;
	if (!w->area)
		return -ENOMEM;
	if (touch)
		memset(w->area, 0x5a, size);
	return 0;
}

int map_parts(struct world *w, char *mem)
{
	int ret = 0, i;

	for (i = 0; i < PARTS && !ret; i++)
		ret = iova_map(w->container, mem + i * PART, IOVA + i * PART, PART);
	return ret;
}

int unmap_parts(struct world *w)
{
	return iova_unmap(w->container, IOVA, PARTS * PART, NULL);
}

/* To the device's buffer, and from there to another place in the page. */
static bool dma_copies(struct edu *edu, u64 iova, char *mem)
{
	const size_t len = 64;

	memset(mem + len, 0, len);
	return !edu_from_memory(edu, iova, len) && !edu_to_memory(edu, iova + len, len) &&
	       !memcmp(mem, mem + len, len);
}

bool dma_sees(struct world *w, u64 iova, char *mem)
{
	struct edu edu = {};
	bool sees;
	int pci;

	if (w->checks++ % DMA_EVERY)
		return true;
	if (w->pci >= 0)
		return dma_copies(&w->edu, iova, mem);
	pci = device_open(w->group[0], w->bdf[0]);
	if (pci < 0)
		return false;
	sees = !edu_open(pci, &edu) && dma_copies(&edu, iova, mem);
	edu_close(&edu);
	close(pci);
	return sees;
}

bool driver_sees(struct world *w, u64 iova, char *mem)
{
	u64 word = 0;

	return !emulated_read(w->device, iova, &word, sizeof(word)) &&
	       !memcmp(&word, mem, sizeof(word));
}
