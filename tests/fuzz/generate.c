// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences. Mostly sensible requests near each other in a small iova
 * space, so that they meet; now and then one that no sane program makes.
 */
#include "generate.h"

/* In thousandths. REPLACE and INVALIDATE need each other, and few groups allow them. */
static const struct {
	u32 weight;
	void (*make)(struct generator *g, struct step *step);
} ops[OPS] = {
	[OP_MAP]	= { 270, make_map },
	[OP_REPLACE]	= { 90, make_replace },
	[OP_UNMAP]	= { 120, make_unmap },
	[OP_UNMAP_ALL]	= { 6, make_unmap },
	[OP_UNMAP_BITS]	= { 35, make_unmap },
	[OP_INVALIDATE]	= { 45, make_unmap },
	[OP_START]	= { 25, make_dirty },
	[OP_STOP]	= { 6, make_dirty },
	[OP_GET_BITS]	= { 70, make_dirty },
	[OP_INFO]	= { 12, make_number },
	[OP_EXTENSION]	= { 12, make_number },
	[OP_NUMBER]	= { 8, make_number },
	[OP_SET_IOMMU]	= { 3, make_number },
	[OP_ATTACH]	= { 16, make_member },
	[OP_DETACH]	= { 10, make_member },
	[OP_PIN]	= { 90, make_device },
	[OP_UNPIN]	= { 50, make_device },
	[OP_READ]	= { 40, make_device },
	[OP_WRITE]	= { 40, make_device },
	[OP_CLOSE]	= { 4, make_device },
	[OP_TOUCH]	= { 12, make_memory },
	[OP_MUNMAP]	= { 8, make_memory },
	[OP_MMAP]	= { 20, make_memory },
	[OP_DISCARD]	= { 10, make_memory },
	[OP_PROTECT]	= { 14, make_memory },
	[OP_LIMIT]	= { 8, make_limit },
	[OP_SWEEP]	= { 16, make_check },
};

/* One transfer of the device's takes as long as thousands of steps. */
#define DMA_ONE_IN	2000

/* Whether the step could do anything at all. */
static bool makes_sense(const struct guess *guess, const struct setup *setup, enum op op)
{
	switch (op) {
	case OP_REPLACE:
		return guess_any_invalid(guess);
	case OP_INVALIDATE:
		return !(guess->attached & EMULATED_MEMBERS);
	case OP_ATTACH:
		return setup->allowed & ~guess->attached;
	case OP_PIN:
	case OP_UNPIN:
	case OP_READ:
	case OP_WRITE:
	case OP_CLOSE:
	case OP_SWEEP:
		return guess->attached & EMULATED_MEMBERS;
	case OP_UNMAP_BITS:
	case OP_GET_BITS:
	case OP_STOP:
		return guess->tracking;
	case OP_START:
		return !guess->tracking;
	default:
		return true;
	}
}

static enum op any_op(struct generator *g)
{
	u32 total = 0, at;
	enum op op;

	for (op = 0; op < OPS; op++)
		total += ops[op].weight;
	at = draw(g, total);
	for (op = 0; at >= ops[op].weight; op++)
		at -= ops[op].weight;
	return op;
}

static enum op some_op(struct generator *g)
{
	enum op op;

	if (!draw(g, DMA_ONE_IN) && g->guess.attached & IOMMU_MEMBERS && g->guess.count)
		return OP_DMA;
	if (!g->guess.attached && percent(g, 80))
		return OP_ATTACH;
	if (!g->guess.served && percent(g, 80))
		return OP_SET_IOMMU;
	do {
		op = any_op(g);
	} while (!makes_sense(&g->guess, g->setup, op) && percent(g, 90));
	return op;
}

/* What no sane program does to an ioctl's argument. */
static void spoil(struct generator *g, struct step *step)
{
	if (step->op > OP_NUMBER || percent(g, 97))
		return;
	switch (draw(g, 5)) {
	case 0:
		step->argsz = percent(g, 50) ? draw(g, 64) : strange(g);
		break;
	case 1:
		step->flags ^= 1U << draw(g, percent(g, 70) ? 4 : 32);
		break;
	case 2:
		step->cut = 1 + draw(g, 48);
		break;
	case 3:
		step->bad = strange(g) ?: 1;
		break;
	case 4:
		step->iova += draw(g, PAGE_4K);
		break;
	}
}

static void make_setup(struct generator *g, struct setup *setup)
{
	static const u32 areas[] = { 16, 64, 64, 256, 256, 1024 };
	static const u32 allowed[] = { 0x3, 0x3, 0x1, 0xf, 0xf, 0xf, 0x5, 0xd, 0xc, 0x8 };

	*setup = (struct setup){
		.type = percent(g, 12) ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU,
		.allowed = allowed[draw(g, ARRAY_SIZE(allowed))],
		.memory = percent(g, 50) ? MEMORY_ANON : (enum memory)draw(g, MEMORIES),
		.touched = percent(g, 60),
		.area = areas[draw(g, ARRAY_SIZE(areas))],
		.entries = percent(g, 10) ? draw(g, 12) : 65535,
		.small_pages = percent(g, 10),
		.verify = percent(g, 15),
	};
	setup->pages = setup->memory == MEMORY_THP || setup->memory == MEMORY_HUGETLB ? 1024 : 64;
	if (setup->pages > 512 && percent(g, 50))
		setup->area = 2048;
	setup->members = setup->allowed & draw(g, 1 << MEMBERS);
	if (!setup->members)
		setup->members = setup->allowed;
}

void sequence_make(struct sequence *q, u64 seed, int count)
{
	struct generator g = { .state = seed * 0xd1342543de82ef95ULL, .setup = &q->setup };
	int i;

	q->seed = seed;
	q->count = count;
	make_setup(&g, &q->setup);
	guess_begin(&g.guess, &q->setup);
	for (i = 0; i < count; i++) {
		struct step *step = &q->steps[i];

		*step = (struct step){
			.op = some_op(&g),
			.chance = draw(&g, 1U << 31),
			.pgsize = PAGE_4K,
			.bits = { AT_BITS },
		};
		if (step->op == OP_DMA)
			make_check(&g, step);
		else
			ops[step->op].make(&g, step);
		spoil(&g, step);
		guess_step(&g.guess, &q->setup, step);
	}
}
