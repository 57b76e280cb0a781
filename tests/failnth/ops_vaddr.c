// SPDX-License-Identifier: GPL-2.0-only
/* Invalidate and replace, by the process that mapped and by another. */
#include <errno.h>
#include <stdlib.h>

#include "failnth.h"

struct moved {
	bool file;			/* the memory is a file's */
	bool all;			/* invalidate by UNMAP_ALL */
};

static char *memory(struct world *w, const struct op *op)
{
	const struct moved *moved = op->arg;

	return moved->file ? w->file : w->mem;
}

static int act_invalidate(struct world *w, const struct op *op)
{
	const struct moved *moved = op->arg;

	if (moved->all)
		return iova_unmap_flags(w->container, 0, 0, UNMAP_VADDR | UNMAP_ALL, NULL);
	return iova_unmap_flags(w->container, IOVA, PARTS * PART, UNMAP_VADDR, NULL);
}

static int replace_part(struct world *w, const struct op *op, int i)
{
	return iova_map_flags(w->container, memory(w, op) + i * PART, IOVA + i * PART, PART,
			      VFIO_DMA_MAP_FLAG_VADDR);
}

static int replace_all(struct world *w, const struct op *op)
{
	int ret = 0, i;

	for (i = 0; i < PARTS && !ret; i++)
		ret = replace_part(w, op, i);
	return ret;
}

static int setup_valid(struct world *w, const struct op *op)
{
	return map_parts(w, memory(w, op));
}

static int setup_invalid(struct world *w, const struct op *op)
{
	int ret = setup_valid(w, op);

	return ret ? ret : act_invalidate(w, op);
}

static int act_replace(struct world *w, const struct op *op)
{
	return replace_part(w, op, 1);
}

/* The range is this process's again, whosever it was. */
static int undo_replace(struct world *w, const struct op *op)
{
	int ret = iova_unmap_flags(w->container, IOVA + PART, PART, UNMAP_VADDR, NULL);

	if (ret || !op->other)
		return ret;
	ret = replace_part(w, op, 1);
	return ret ? ret : iova_unmap_flags(w->container, IOVA + PART, PART, UNMAP_VADDR, NULL);
}

/* A driver that needs no vaddr, for a file or the IOMMU has the pages. */
static bool check_driver(struct world *w, const struct op *op)
{
	/* Another process's memory is not for a driver's call from this one. */
	return w->device < 0 || op->other || driver_sees(w, IOVA + PART, memory(w, op) + PART);
}

#define INVALIDATE_OP(what, with, ...)					\
	{ .name = "invalidate: " what, .needs = with, .arg = &(const struct moved){ __VA_ARGS__ }, \
	  .setup = setup_valid, .act = act_invalidate, .check = check_driver, \
	  .undo = replace_all, .late = true }
#define REPLACE_OP(what, with, by_other, ...)				\
	{ .name = "replace: " what, .needs = with, .arg = &(const struct moved){ __VA_ARGS__ }, \
	  .setup = setup_invalid, .act = act_replace, .check = check_driver, \
	  .undo = undo_replace, .other = by_other }

const struct op vaddr_ops[] = {
	INVALIDATE_OP("anonymous memory", NEED_IOMMU),
	INVALIDATE_OP("all, with an emulated group", NEED_IOMMU | NEED_EMULATED, .all = true),
	INVALIDATE_OP("memory file", NEED_IOMMU, .file = true),
	INVALIDATE_OP("all, memory file", NEED_EMULATED, .file = true, .all = true),
	REPLACE_OP("anonymous memory", NEED_IOMMU, false),
	REPLACE_OP("with an emulated group", NEED_IOMMU | NEED_EMULATED, false),
	REPLACE_OP("memory file", NEED_IOMMU, false, .file = true),
	REPLACE_OP("memory file, emulated group", NEED_EMULATED, false, .file = true),
	REPLACE_OP("by another process", NEED_IOMMU, true),
	REPLACE_OP("by another process, memory file", NEED_IOMMU | NEED_EMULATED, true,
		   .file = true),
	{}
};
