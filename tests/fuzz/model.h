/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What both sides should have by now: enough of it to know which steps are not
 * to be made, and which differences are explained.
 */
#ifndef TYPE1P_FUZZ_MODEL_H
#define TYPE1P_FUZZ_MODEL_H

#include "step.h"

#define MODEL_MAPPINGS	1024
#define MODEL_PINS	4096

/**
 * struct mapping - what a successful MAP made
 * @moved: the in-tree driver has moved its dirty bits up since tracking began
 */
struct mapping {
	u64 iova;
	u64 last;
	u32 flags;
	bool moved;
};

/* A page that a device holds. */
struct pinned {
	u32 member;
	u64 iova;
};

enum page_state {
	PAGE_HOLE,
	PAGE_NONE,
	PAGE_READ,
	PAGE_WRITE,
};

struct model {
	int type;			/* 0: no IOMMU is set */
	bool tracking;
	u32 attached;
	u64 limit;
	bool refused;			/* a MAP was beyond it */
	u32 entries;
	int count;
	struct mapping map[MODEL_MAPPINGS];	/* by iova */
	int pins;
	struct pinned pinned[MODEL_PINS];
	u32 pages;
	u8 page[BUFFER_MAX / PAGE_4K];
};

/* Of what a side did with a step, as far as the model must know. */
struct effect {
	int ret;
	int left;		/* mappings afterwards, by dma_avail; -1 if not known */
};

void model_begin(struct model *m, const struct setup *setup);
/* The step has been done, with that effect on both sides. */
void model_step(struct model *m, const struct step *step, const struct effect *effect);

/* The mapping around @iova. */
struct mapping *model_at(struct model *m, u64 iova);
/* Whether each page of the range is mapped, and held by that device or nobody. */
bool model_may_unpin(struct model *m, u32 member, u64 iova, u32 pages);

/* The last byte of a range; it may wrap. */
static inline u64 last_of(u64 iova, u64 size)
{
	return iova + size - 1;
}

/* The in-tree driver moves bits of what does not begin at a word of the bitmap. */
static inline bool moves_bits(const struct mapping *mapping, const struct step *step)
{
	return mapping->iova >= step->iova &&
	       mapping->iova <= last_of(step->iova, step->size) &&
	       (mapping->iova - step->iova) / PAGE_4K % 64;
}

static inline u32 pages_of(const struct step *step)
{
	return step->size / PAGE_4K > 600 ? 600 : step->size / PAGE_4K;
}

#endif
