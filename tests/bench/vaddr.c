// SPDX-License-Identifier: GPL-2.0-only
/* Ioctls about ranges that are there: dirty bits read, vaddrs taken and given. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

#define BITMAP_RANGES	64

/* The same memory again and again: 64 times as much iova. */
static int bitmap_begin(struct run *run)
{
	struct stretch *s = &run->stretch;

	s->count = BITMAP_RANGES;
	s->mem_step = 0;
	run_metric(run, "GET_BITMAP", "4 KiB", s->count * s->size / PAGE_4K);
	return 0;
}

static int dirty_call(const struct side *side, u32 flags)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = flags };

	return vfio_call(side->fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

static int bitmap_prepare(struct run *run, struct side *side)
{
	struct cost unused;
	int ret = side_map(side, &run->stretch, &unused);

	return ret ? ret : dirty_call(side, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
}

static int bitmap_undo(struct run *run, struct side *side)
{
	struct cost unused;
	int ret = dirty_call(side, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);

	return ret ? ret : side_unmap(side, &run->stretch, &unused);
}

static int get_bitmap(const struct side *side, u64 iova, u64 size, u64 *bits)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} call = {
		.dirty.argsz = sizeof(call),
		.dirty.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		.get.iova = iova,
		.get.size = size,
		.get.bitmap.pgsize = PAGE_4K,
		.get.bitmap.size = size / PAGE_4K / 8,
		.get.bitmap.data = (void *)bits,
	};

	return vfio_call(side->fd, VFIO_IOMMU_DIRTY_PAGES, &call);
}

static int bitmap_turn(struct run *run, struct side *side)
{
	const u64 size = run->stretch.count * run->stretch.size;
	const u64 words = size / PAGE_4K / 64;
	u64 *bits = malloc(words * sizeof(*bits));
	u64 start, took;
	int ret;

	if (!bits)
		return -ENOMEM;
	/* Page faults are not to be measured. */
	memset(bits, 0x55, words * sizeof(*bits));
	start = now_ns();
	ret = get_bitmap(side, RUN_IOVA, size, bits);
	took = now_ns() - start;
	/* A device that pins nothing itself may have written anywhere. */
	if (!ret && (~bits[0] || ~bits[words - 1]))
		ret = -EPROTO;
	free(bits);
	if (!ret)
		run_sample(run, 0, side->id, took);
	return ret;
}

/* The ranges are those that stand. */
static int vaddr_begin(struct run *run)
{
	run_metric(run, "INVALIDATE", "range", run->row->standing);
	run_metric(run, "REPLACE", "range", run->row->standing);
	return 0;
}

static int vaddr_prepare(struct run *run, struct side *side)
{
	struct cost unused;

	return side_map(side, &run->standing, &unused);
}

static int vaddr_undo(struct run *run, struct side *side)
{
	struct cost unused;

	return side_unmap(side, &run->standing, &unused);
}

static int vaddr_turn(struct run *run, struct side *side)
{
	const struct stretch *s = &run->standing;
	u64 i, start = now_ns(), invalid;
	int ret;

	ret = iova_unmap_flags(side->fd, 0, 0, VFIO_DMA_UNMAP_FLAG_VADDR |
			       VFIO_DMA_UNMAP_FLAG_ALL, NULL);
	invalid = now_ns();
	for (i = 0; !ret && i < s->count; i++)
		ret = iova_map_flags(side->fd, s->mem, s->iova + i * s->iova_step, s->size,
				     VFIO_DMA_MAP_FLAG_VADDR);
	if (ret)
		return ret;
	run_sample(run, 1, side->id, now_ns() - invalid);
	run_sample(run, 0, side->id, invalid - start);
	return 0;
}

const struct operation bitmap_operation = {
	.sides = BACKENDS,
	.begin = bitmap_begin,
	.prepare = bitmap_prepare,
	.turn = bitmap_turn,
	.undo = bitmap_undo,
};

const struct operation vaddr_operation = {
	.sides = BACKENDS,
	.begin = vaddr_begin,
	.prepare = vaddr_prepare,
	.turn = vaddr_turn,
	.undo = vaddr_undo,
};
