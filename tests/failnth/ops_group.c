// SPDX-License-Identifier: GPL-2.0-only
/* Groups that join and leave, with memory mapped; and the end of the container. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "dirty.h"

enum who {
	FIRST,				/* group behind the IOMMU */
	SECOND,
	EMULATED,			/* the second such group */
};

/**
 * struct coming - a group that comes or goes
 * @who: which one
 * @pins: the driver of the emulated device has pages pinned
 * @fresh: the memory is not there before
 * @tracking: dirty tracking is on
 */
struct coming {
	enum who who;
	bool pins;
	bool fresh;
	bool tracking;
};

static int *group_of(struct world *w, const struct op *op)
{
	const struct coming *coming = op->arg;

	return coming->who == EMULATED ? &w->egroup[1] : &w->group[coming->who];
}

static int open_group(struct world *w, const struct op *op)
{
	const struct coming *coming = op->arg;
	int *group = group_of(w, op);

	*group = group_open(coming->who == EMULATED ? emulated_group(1) : w->number[coming->who]);
	return *group < 0 ? *group : 0;
}

static int pin_two(struct world *w)
{
	return emulated_pin(w->device, IOVA + PART - PAGE_4K, 2, 3, NULL) == 2 ? 0 : -EIO;
}

static int act_attach(struct world *w, const struct op *op)
{
	return group_set_container(*group_of(w, op), w->container);
}

static int act_detach(struct world *w, const struct op *op)
{
	return group_unset_container(*group_of(w, op));
}

static int setup_attach(struct world *w, const struct op *op)
{
	const struct coming *coming = op->arg;
	int ret;

	ret = open_group(w, op);
	/* The windows are what they are after a group has left. */
	if (!ret)
		ret = act_attach(w, op);
	if (!ret)
		ret = act_detach(w, op);
	if (!ret)
		ret = map_parts(w, w->mem);
	if (!ret && coming->pins)
		ret = pin_two(w);
	if (!ret && coming->tracking)
		ret = dirty_call(w, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
	if (!ret && coming->fresh)
		ret = world_area(w, PART, MEM_SHARED, false);
	if (!ret && coming->fresh)
		ret = iova_map(w->container, w->area, IOVA + PARTS * PART, PART);
	return ret;
}

static bool check_attach(struct world *w, const struct op *op)
{
	const struct coming *coming = op->arg;

	if (w->device >= 0 && !driver_sees(w, IOVA + PART, w->mem + PART))
		return false;
	return coming->who == EMULATED || dma_sees(w, IOVA, w->mem);
}

static int setup_detach(struct world *w, const struct op *op)
{
	int ret = setup_attach(w, op);

	return ret ? ret : act_attach(w, op);
}

static bool check_detach(struct world *w, const struct op *op)
{
	(void)op;
	return w->device < 0 || driver_sees(w, IOVA + PART, w->mem + PART);
}

/* All that a container may have when it ends. */
static int setup_end(struct world *w, const struct op *op)
{
	int ret;

	(void)op;
	ret = map_parts(w, w->mem);
	if (!ret)
		ret = dirty_call(w, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
	if (!ret && w->device >= 0)
		ret = pin_two(w);
	if (!ret)
		ret = iova_unmap_flags(w->container, IOVA, PART, UNMAP_VADDR, NULL);
	if (ret)
		return ret;
	close(w->container);
	w->container = -1;
	if (w->device >= 0) {
		close(w->egroup[0]);
		w->egroup[0] = -1;
	}
	return 0;
}

static int act_close(struct world *w, const struct op *op)
{
	int *last = w->device >= 0 ? &w->device : &w->group[0];
	int ret = close(*last) ? -errno : 0;

	(void)op;
	*last = -1;
	return ret;
}

static int undo_end(struct world *w, const struct op *op)
{
	int ret;

	world_close(w);
	ret = world_open(w, op->needs);
	return ret ? ret : setup_end(w, op);
}

static int act_unset(struct world *w, const struct op *op)
{
	(void)op;
	return group_unset_container(w->group[0]);
}

#define ATTACH_OP(what, with, ...)					\
	{ .name = "attach: " what, .needs = with, .arg = &(const struct coming){ __VA_ARGS__ }, \
	  .setup = setup_attach, .act = act_attach, .check = check_attach, .undo = act_detach
#define DETACH_OP(what, with, ...)					\
	{ .name = "detach: " what, .needs = with, .arg = &(const struct coming){ __VA_ARGS__ }, \
	  .setup = setup_detach, .act = act_detach, .check = check_detach, .undo = act_attach, \
	  .ours = true
/*
 * The IOMMU layer has no way out (it warns) where it lacks the memory to give the kernel a
 * group back that has left us: a detach has failures while we are on the stack, no more.
 */
/* A group that no other domain takes, for want of memory, has one of its own. */
#define OWN_DOMAIN	.vary = { "view: domains ", "view: iommu ", "window " } }
/* Windows that are too narrow do no harm; nor are reserved regions that are not told of ours. */
#define OLD_WINDOWS	.vary = { "window " } }

const struct op group_ops[] = {
	ATTACH_OP("a second group", NEED_IOMMU, .who = SECOND), OWN_DOMAIN,
	ATTACH_OP("a second group, dirty tracking", NEED_IOMMU, .who = SECOND,
		  .tracking = true), OWN_DOMAIN,
	ATTACH_OP("the first group, memory mapped", NEED_EMULATED, .who = FIRST), OLD_WINDOWS,
	ATTACH_OP("the first group, memory pinned", NEED_EMULATED, .who = FIRST,
		  .pins = true), OLD_WINDOWS,
	ATTACH_OP("the first group, fresh memory file", NEED_EMULATED, .who = FIRST,
		  .fresh = true), OLD_WINDOWS,
	ATTACH_OP("an emulated group", NEED_IOMMU, .who = EMULATED) },
	ATTACH_OP("a second emulated group", NEED_EMULATED, .who = EMULATED) },
	DETACH_OP("a second group", NEED_IOMMU, .who = SECOND), OLD_WINDOWS,
	DETACH_OP("the last IOMMU group", NEED_EMULATED, .who = FIRST), OLD_WINDOWS,
	DETACH_OP("the last IOMMU group, memory pinned", NEED_EMULATED, .who = FIRST,
		  .pins = true), OLD_WINDOWS,
	DETACH_OP("the last IOMMU group, dirty tracking", NEED_EMULATED, .who = FIRST,
		  .pins = true, .tracking = true), OLD_WINDOWS,
	DETACH_OP("an emulated group", NEED_IOMMU, .who = EMULATED) },
	{ .name = "end: the last group leaves", .needs = NEED_IOMMU, .setup = setup_end,
	  .act = act_unset, .undo = undo_end, .ours = true },
	{ .name = "end: close", .needs = NEED_IOMMU, .setup = setup_end, .act = act_close,
	  .undo = undo_end, .ours = true },
	{ .name = "end: close of an emulated device", .needs = NEED_EMULATED,
	  .setup = setup_end, .act = act_close, .undo = undo_end },
	{}
};
