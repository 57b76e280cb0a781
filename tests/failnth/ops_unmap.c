// SPDX-License-Identifier: GPL-2.0-only
/* UNMAP_DMA, which memory must never keep from its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dirty.h"
#include "failnth.h"

/**
 * struct what - what is mapped, and how it goes
 * @area: bytes of one range of other memory, or 0: the parts are mapped
 * @flags: of the call
 * @pins: the driver has pages pinned
 */
struct what {
	u64 area;
	u32 flags;
	bool pins;
};

static int do_map(struct world *w, const struct what *what)
{
	int ret;

	if (what->area)
		return iova_map(w->container, w->area, IOVA_OF(what->area), what->area);
	ret = map_parts(w, w->mem);
	if (!ret && what->pins && emulated_pin(w->device, IOVA + PART - PAGE_4K, 2, 3, NULL) != 2)
		ret = -EIO;
	return ret;
}

static int setup_unmap(struct world *w, const struct op *op)
{
	const struct what *what = op->arg;
	int ret = 0;

	if (what->area)
		ret = world_area(w, what->area, MEM_HUGETLB, true);
	return ret ? ret : do_map(w, what);
}

static int undo_unmap(struct world *w, const struct op *op)
{
	return do_map(w, op->arg);
}

static u64 unmapped;

static int act_unmap(struct world *w, const struct op *op)
{
	const struct what *what = op->arg;
	u64 size = what->area ? what->area : PARTS * PART;

	unmapped = 0;
	if (what->flags & UNMAP_ALL)
		return iova_unmap_flags(w->container, 0, 0, what->flags, &unmapped);
	return iova_unmap_flags(w->container, IOVA_OF(size), size, what->flags, &unmapped);
}

static bool check_unmap(struct world *w, const struct op *op)
{
	const struct what *what = op->arg;

	(void)w;
	return unmapped == (what->area ? what->area : PARTS * PART);
}

static int setup_bitmap(struct world *w, const struct op *op)
{
	int ret = dirty_call(w, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);

	return ret ? ret : setup_unmap(w, op);
}

static int act_bitmap(struct world *w, const struct op *op)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} arg = {
		.unmap = {
			.argsz = sizeof(arg),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = IOVA,
			.size = PARTS * PART,
		},
		.bitmap = {
			.pgsize = PAGE_4K, .size = sizeof(w->bitmap), .data = (void *)w->bitmap,
		},
	};

	(void)op;
	return vfio_call(w->container, VFIO_IOMMU_UNMAP_DMA, &arg);
}

#define UNMAP_OP(text, with, ...)					\
	{ .name = "unmap: " text, .needs = with, .arg = &(const struct what){ __VA_ARGS__ }, \
	  .setup = setup_unmap, .act = act_unmap, .check = check_unmap, .undo = undo_unmap, \
	  .late = true }

const struct op unmap_ops[] = {
	UNMAP_OP("one range", NEED_IOMMU, .area = 4UL << 20),
	UNMAP_OP("several ranges", NEED_IOMMU),
	UNMAP_OP("all", NEED_IOMMU, .flags = UNMAP_ALL),
	UNMAP_OP("several pieces", NEED_IOMMU, .area = LONG_SIZE),
	UNMAP_OP("two domains", NEED_IOMMU | NEED_TWO_DOMAINS),
	UNMAP_OP("pinned by a driver", NEED_EMULATED, .pins = true),
	UNMAP_OP("pinned by a driver and an IOMMU", NEED_IOMMU | NEED_EMULATED, .pins = true),
	UNMAP_OP("all, pinned by a driver", NEED_EMULATED, .pins = true, .flags = UNMAP_ALL),
	/* Where the second range fails, the first is gone, as with the in-tree driver. */
	{ .name = "unmap: dirty bitmap", .needs = NEED_EMULATED, .arg = &(const struct what){},
	  .setup = setup_bitmap, .ready = dirty_write, .act = act_bitmap, .check = dirty_written,
	  .undo = undo_unmap, .late = true, .partly = true },
	{ .name = "unmap: dirty bitmap, all dirty", .needs = NEED_IOMMU,
	  .arg = &(const struct what){}, .setup = setup_bitmap, .ready = dirty_clear,
	  .act = act_bitmap, .check = dirty_all, .undo = undo_unmap, .late = true,
	  .partly = true },
	{}
};
