// SPDX-License-Identifier: GPL-2.0-only
/* DIRTY_PAGES: start, get, stop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dirty.h"

int dirty_call(struct world *w, u32 flags)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = flags };

	return vfio_call(w->container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

int dirty_clear(struct world *w, const struct op *op)
{
	(void)op;
	memset(w->bitmap, 0, sizeof(w->bitmap));
	return 0;
}

/* The page after as many as the part's number. */
int dirty_write(struct world *w, const struct op *op)
{
	u64 word = 1;
	int ret = 0, i;

	for (i = 0; i < PARTS && !ret; i++)
		ret = emulated_write(w->device, IOVA + i * (PART + PAGE_4K), &word, sizeof(word));
	return ret ? ret : dirty_clear(w, op);
}

bool dirty_written(struct world *w, const struct op *op)
{
	u64 want = 0;
	int i;

	(void)op;
	for (i = 0; i < PARTS; i++)
		want |= 1ULL << (i * 17);
	return w->bitmap[0] == want && !w->bitmap[1];
}

bool dirty_all(struct world *w, const struct op *op)
{
	(void)op;
	return w->bitmap[0] == (1ULL << (PARTS * 16)) - 1 && !w->bitmap[1];
}

/* What an earlier call has told counts, whatever has become of that call. */
static int act_get(struct world *w, const struct op *op)
{
	u64 bitmap[2] = {};
	struct {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg = {
		.dirty = {
			.argsz = sizeof(arg), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		},
		.get = {
			.iova = IOVA,
			.size = PARTS * PART,
			.bitmap = {
				.pgsize = PAGE_4K, .size = sizeof(bitmap), .data = (void *)bitmap,
			},
		},
	};
	int ret = vfio_call(w->container, VFIO_IOMMU_DIRTY_PAGES, &arg);

	(void)op;
	w->bitmap[0] |= bitmap[0];
	w->bitmap[1] |= bitmap[1];
	return ret;
}

static int act_start(struct world *w, const struct op *op)
{
	(void)op;
	return dirty_call(w, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
}

static int act_stop(struct world *w, const struct op *op)
{
	(void)op;
	return dirty_call(w, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static int setup_parts(struct world *w, const struct op *op)
{
	int ret = map_parts(w, w->mem);

	if (!ret && op->arg && emulated_pin(w->device, IOVA + PART - PAGE_4K, 2, 3, NULL) != 2)
		ret = -EIO;
	return ret;
}

static int setup_on(struct world *w, const struct op *op)
{
	int ret = setup_parts(w, op);

	return ret ? ret : act_start(w, op);
}

/* Pinned pages are dirty for as long as they are pinned. */
static bool check_pinned(struct world *w, const struct op *op)
{
	w->bitmap[0] &= ~(3ULL << 15);
	return dirty_written(w, op);
}

static int ready_pinned(struct world *w, const struct op *op)
{
	return dirty_write(w, op);
}

static const bool pins = true;

const struct op dirty_ops[] = {
	{ .name = "dirty: start", .needs = NEED_IOMMU, .setup = setup_parts, .act = act_start,
	  .undo = act_stop },
	{ .name = "dirty: start, with pins", .needs = NEED_EMULATED, .arg = &pins,
	  .setup = setup_parts, .act = act_start, .undo = act_stop },
	{ .name = "dirty: get", .needs = NEED_EMULATED, .setup = setup_on, .ready = dirty_write,
	  .act = act_get, .check = dirty_written },
	{ .name = "dirty: get, with pins", .needs = NEED_EMULATED, .arg = &pins,
	  .setup = setup_on, .ready = ready_pinned, .act = act_get, .check = check_pinned },
	{ .name = "dirty: get, all dirty", .needs = NEED_IOMMU, .setup = setup_on,
	  .ready = dirty_clear, .act = act_get, .check = dirty_all },
	{ .name = "dirty: stop", .needs = NEED_IOMMU, .setup = setup_on, .act = act_stop,
	  .undo = act_start },
	{ .name = "dirty: stop, with pins", .needs = NEED_EMULATED, .arg = &pins,
	  .setup = setup_on, .act = act_stop, .undo = act_start },
	{}
};
