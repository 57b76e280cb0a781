// SPDX-License-Identifier: GPL-2.0-only
#include "guess.h"

void guess_begin(struct guess *g, const struct setup *setup)
{
	*g = (struct guess){ .attached = setup->members, .served = true };
}

static bool meet(const struct guess_span *s, u64 iova, u64 size)
{
	return s->iova <= iova + size - 1 && s->iova + s->size - 1 >= iova;
}

static bool within(const struct guess_span *s, u64 iova, u64 size)
{
	return s->iova >= iova && s->iova + s->size - 1 <= iova + size - 1;
}

bool guess_any_invalid(const struct guess *g)
{
	int i;

	for (i = 0; i < g->count; i++)
		if (g->span[i].invalid)
			return true;
	return false;
}

bool guess_overlaps(const struct guess *g, u64 iova, u64 size)
{
	int i;

	for (i = 0; i < g->count; i++)
		if (meet(&g->span[i], iova, size))
			return true;
	return false;
}

static void map(struct guess *g, const struct setup *setup, const struct step *step)
{
	const u64 bytes = setup->pages * PAGE_4K;

	if (!step->size || (step->iova | step->size | step->vaddr.offset) % PAGE_4K ||
	    step->vaddr.at != AT_BUFFER || step->size > bytes ||
	    step->vaddr.offset > bytes - step->size || step->iova + step->size < step->iova ||
	    g->count == GUESS_SPANS || guess_overlaps(g, step->iova, step->size))
		return;
	g->span[g->count++] = (struct guess_span){ step->iova, step->size };
}

/* What it would cut in two, or invalidate twice, keeps it from doing anything. */
static void unmap(struct guess *g, const struct step *step)
{
	const bool all = step->flags & UNMAP_ALL, invalidate = step->flags & UNMAP_VADDR;
	const u64 iova = all ? 0 : step->iova, size = all ? ~0ULL : step->size;
	int i, n = 0;

	if (!size || (invalidate && g->attached & EMULATED_MEMBERS))
		return;
	for (i = 0; i < g->count; i++)
		if (meet(&g->span[i], iova, size) &&
		    (!within(&g->span[i], iova, size) || (invalidate && g->span[i].invalid)))
			return;
	for (i = 0; i < g->count; i++) {
		if (!within(&g->span[i], iova, size)) {
			g->span[n++] = g->span[i];
		} else if (invalidate) {
			g->span[n] = g->span[i];
			g->span[n++].invalid = true;
		}
	}
	g->count = n;
}

static void replace(struct guess *g, const struct step *step)
{
	int i;

	for (i = 0; i < g->count; i++)
		if (g->span[i].iova == step->iova && g->span[i].size == step->size)
			g->span[i].invalid = false;
}

void guess_step(struct guess *g, const struct setup *setup, const struct step *step)
{
	switch (step->op) {
	case OP_MAP:
		map(g, setup, step);
		break;
	case OP_REPLACE:
		replace(g, step);
		break;
	case OP_UNMAP:
	case OP_UNMAP_ALL:
	case OP_UNMAP_BITS:
	case OP_INVALIDATE:
		unmap(g, step);
		break;
	case OP_START:
	case OP_STOP:
		g->tracking = step->op == OP_START;
		break;
	case OP_SET_IOMMU:
		g->served |= g->attached && step->number == (u64)setup->type;
		break;
	case OP_ATTACH:
		g->attached |= 1U << step->number;
		break;
	case OP_DETACH:
		g->attached &= ~(1U << step->number);
		if (!g->attached)
			*g = (struct guess){};
		break;
	default:
		break;
	}
}
