// SPDX-License-Identifier: GPL-2.0-only
/* MAP_DMA of all kinds of memory, SET_IOMMU, CHECK_EXTENSION and GET_INFO. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/vfio_type1p.h>

#include "failnth.h"

static int act_set_iommu(struct world *w, const struct op *op)
{
	(void)op;
	return container_set_iommu(w->container, VFIO_TYPE1P_IOMMU);
}

/* It works, and it is ours. */
static bool check_set_iommu(struct world *w, const struct op *op)
{
	(void)op;
	return container_backend(w->container) == BACKEND_TYPE1P &&
	       !iova_map(w->container, w->mem, IOVA, PAGE_4K) && dma_sees(w, IOVA, w->mem) &&
	       !iova_unmap(w->container, IOVA, PAGE_4K, NULL);
}

static int undo_set_iommu(struct world *w, const struct op *op)
{
	world_close(w);
	return world_open(w, op->needs);
}

static const long extensions[] = {
	VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_TYPE1P_IOMMU, VFIO_DMA_CC_IOMMU,
	VFIO_UPDATE_VADDR, VFIO_UNMAP_ALL,
};

/* As a number with a bit for each. */
static int act_check(struct world *w, const struct op *op)
{
	int ret, has = 0;
	unsigned int i;

	(void)op;
	for (i = 0; i < ARRAY_SIZE(extensions); i++) {
		ret = container_check(w->container, extensions[i]);
		if (ret < 0)
			return ret;
		has |= ret << i;
	}
	return has;
}

/* What GET_INFO gives, with all capabilities. */
static struct {
	struct vfio_iommu_type1_info info;
	char caps[512];
} info, first_info;

static int act_info(struct world *w, const struct op *op)
{
	(void)op;
	memset(&info, 0, sizeof(info));
	info.info.argsz = sizeof(info);
	return vfio_call(w->container, VFIO_IOMMU_GET_INFO, &info);
}

static bool check_info(struct world *w, const struct op *op)
{
	(void)w;
	(void)op;
	if (!first_info.info.argsz)
		first_info = info;
	return info.info.cap_offset && !memcmp(&info, &first_info, sizeof(info));
}

/**
 * struct area - what is to be mapped
 * @size: in bytes; 0: a part of the memory that all operations have
 * @pages: what it is of
 * @fresh: its pages are not there before
 * @read_only: map it for reading
 * @tracking: dirty tracking is on
 */
struct area {
	u64 size;
	enum mem_pages pages;
	bool fresh;
	bool read_only;
	bool tracking;
};

static int setup_map(struct world *w, const struct op *op)
{
	const struct area *area = op->arg;
	struct vfio_iommu_type1_dirty_bitmap start = {
		.argsz = sizeof(start), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};
	int ret = 0;

	if (area->tracking)
		ret = vfio_call(w->container, VFIO_IOMMU_DIRTY_PAGES, &start);
	if (!ret && area->size)
		ret = world_area(w, area->size, area->pages, !area->fresh);
	return ret;
}

static char *map_memory(struct world *w)
{
	return w->area ? w->area : w->mem;
}

static u64 map_size(const struct op *op)
{
	const struct area *area = op->arg;

	return area->size ? area->size : PAGE_4K;
}

static int ready_map(struct world *w, const struct op *op)
{
	const struct area *area = op->arg;

	if (!area->fresh)
		return 0;
	return madvise(w->area, area->size,
		       area->pages == MEM_SHARED ? MADV_REMOVE : MADV_DONTNEED) ? -errno : 0;
}

static int act_map(struct world *w, const struct op *op)
{
	const struct area *area = op->arg;

	return iova_map_flags(w->container, map_memory(w), IOVA_OF(map_size(op)), map_size(op),
			      area->read_only ? VFIO_DMA_MAP_FLAG_READ : PROT_DMA);
}

static bool check_map(struct world *w, const struct op *op)
{
	const struct area *area = op->arg;

	if (w->device >= 0 && !driver_sees(w, IOVA, map_memory(w)))
		return false;
	return area->read_only || w->group[0] < 0 ||
	       dma_sees(w, IOVA_OF(map_size(op)), map_memory(w));
}

static int undo_map(struct world *w, const struct op *op)
{
	return iova_unmap(w->container, IOVA_OF(map_size(op)), map_size(op), NULL);
}

static int act_bar(struct world *w, const struct op *op)
{
	(void)op;
	return iova_map(w->container, w->edu.bar.mem, IOVA, w->edu.bar.size);
}

static int undo_bar(struct world *w, const struct op *op)
{
	(void)op;
	return iova_unmap(w->container, IOVA, w->edu.bar.size, NULL);
}

/* The page tables of the BAR are filled by the MAP. */
static int ready_bar(struct world *w, const struct op *op)
{
	(void)op;
	device_unmap_bar(&w->edu.bar);
	return device_map_bar(w->pci, VFIO_PCI_BAR0_REGION_INDEX, &w->edu.bar);
}

#define MAP_OP(what, with, ...)						\
	{ .name = "map: " what, .needs = with, .arg = &(const struct area){ __VA_ARGS__ }, \
	  .setup = setup_map, .ready = ready_map, .act = act_map, .check = check_map, \
	  .undo = undo_map }

const struct op map_ops[] = {
	/*
	 * A container that cannot have its views goes without. An IOMMU driver that cannot
	 * tell of its reserved regions does not say so.
	 */
	{ .name = "set iommu", .needs = NEED_IOMMU | NEED_BARE, .act = act_set_iommu,
	  .check = check_set_iommu, .undo = undo_set_iommu, .vary = { "view: ", "window " } },
	{ .name = "set iommu: and an emulated group",
	  .needs = NEED_IOMMU | NEED_BARE | NEED_EMULATED, .act = act_set_iommu,
	  .check = check_set_iommu, .undo = undo_set_iommu, .vary = { "view: ", "window " } },
	{ .name = "check extension", .needs = NEED_IOMMU, .act = act_check },
	{ .name = "get info", .needs = NEED_IOMMU, .act = act_info, .check = check_info },
	MAP_OP("a page", NEED_IOMMU),
	MAP_OP("scattered pages", NEED_IOMMU, .size = 2UL << 20),
	MAP_OP("fresh pages", NEED_IOMMU, .size = PART, .fresh = true),
	MAP_OP("fresh pages, read only", NEED_IOMMU, .size = PART, .fresh = true,
	       .read_only = true),
	MAP_OP("memory file", NEED_IOMMU, .size = PART, .pages = MEM_SHARED),
	MAP_OP("fresh memory file", NEED_IOMMU, .size = PART, .pages = MEM_SHARED, .fresh = true),
	MAP_OP("huge pages", NEED_IOMMU, .size = 4UL << 20, .pages = MEM_HUGETLB),
	MAP_OP("file of huge pages", NEED_IOMMU, .size = 4UL << 20, .pages = MEM_SHARED_HUGETLB),
	MAP_OP("fresh file of huge pages", NEED_IOMMU, .size = 4UL << 20,
	       .pages = MEM_SHARED_HUGETLB, .fresh = true),
	MAP_OP("several pieces", NEED_IOMMU, .size = LONG_SIZE, .pages = MEM_HUGETLB),
	{ .name = "map: a device's memory", .needs = NEED_IOMMU | NEED_PCI, .ready = ready_bar,
	  .act = act_bar, .undo = undo_bar },
	MAP_OP("dirty tracking", NEED_IOMMU, .size = PART, .tracking = true),
	MAP_OP("two domains", NEED_IOMMU | NEED_TWO_DOMAINS, .size = 1UL << 20),
	MAP_OP("several pieces, two domains", NEED_IOMMU | NEED_TWO_DOMAINS, .size = LONG_SIZE,
	       .pages = MEM_HUGETLB),
	MAP_OP("with an emulated group", NEED_IOMMU | NEED_EMULATED),
	MAP_OP("only an emulated group", NEED_EMULATED),
	MAP_OP("only an emulated group, dirty tracking", NEED_EMULATED, .tracking = true),
	{}
};
