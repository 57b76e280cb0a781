// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "model.h"

void model_begin(struct model *m, const struct setup *setup)
{
	memset(m, 0, sizeof(*m));
	m->limit = ~0ULL;
	m->entries = setup->entries;
	m->pages = setup->pages;
	memset(m->page, PAGE_WRITE, setup->pages);
}

struct mapping *model_at(struct model *m, u64 iova)
{
	int i;

	for (i = 0; i < m->count; i++)
		if (m->map[i].iova <= iova && m->map[i].last >= iova)
			return &m->map[i];
	return NULL;
}

bool model_may_unpin(struct model *m, u32 member, u64 iova, u32 pages)
{
	bool own, other;
	u32 i;
	int k;

	for (i = 0; i < pages; i++, iova += PAGE_4K) {
		if (!model_at(m, iova))
			return false;
		own = false;
		other = false;
		for (k = 0; k < m->pins; k++) {
			if (m->pinned[k].iova / PAGE_4K != iova / PAGE_4K)
				continue;
			own |= m->pinned[k].member == member;
			other |= m->pinned[k].member != member;
		}
		if (other && !own)
			return false;
	}
	return pages;
}

static void add_mapping(struct model *m, const struct step *step)
{
	int i = m->count;

	if (i == MODEL_MAPPINGS)
		return;
	for (; i && m->map[i - 1].iova > step->iova; i--)
		m->map[i] = m->map[i - 1];
	m->map[i] = (struct mapping){
		.iova = step->iova,
		.last = last_of(step->iova, step->size),
		.flags = step->flags,
	};
	m->count++;
}

/* Pins of a member (or of anybody: MEMBERS) in a range. */
static void forget_pins(struct model *m, u32 member, u64 iova, u64 last)
{
	int i, n = 0;

	for (i = 0; i < m->pins; i++) {
		const struct pinned *p = &m->pinned[i];

		if (p->iova < iova || p->iova > last || (member != MEMBERS && p->member != member))
			m->pinned[n++] = *p;
	}
	m->pins = n;
}

static void remove_mapping(struct model *m, int i)
{
	forget_pins(m, MEMBERS, m->map[i].iova, m->map[i].last);
	m->count--;
	memmove(&m->map[i], &m->map[i + 1], (m->count - i) * sizeof(m->map[0]));
}

/*
 * Which mappings an UNMAP is about, first and one past the last: with version 1,
 * those that begin in the range, and none if something reaches into it from below.
 */
static void affected(struct model *m, u64 iova, u64 last, int *from, int *to)
{
	int i;

	*from = 0;
	while (*from < m->count && m->map[*from].last < iova)
		(*from)++;
	for (i = *from; i < m->count && m->map[i].iova <= last; i++)
		if (m->map[i].iova < iova)
			break;
	*to = i;
}

static void unmap(struct model *m, const struct step *step, const struct effect *effect)
{
	bool all = step->flags & UNMAP_ALL;
	int from, to, gone;

	affected(m, step->iova, all ? ~0ULL : last_of(step->iova, step->size), &from, &to);
	if (step->flags & UNMAP_VADDR)
		return;
	/* Of what failed half way, the lower ones are gone. */
	gone = to - from;
	if (effect->ret)
		gone = effect->left < 0 ? 0 : m->count - effect->left;
	while (gone-- > 0 && from < m->count)
		remove_mapping(m, from);
}

static void get_bits(struct model *m, const struct step *step)
{
	int i;

	for (i = 0; i < m->count; i++)
		m->map[i].moved |= moves_bits(&m->map[i], step);
}

static void pin(struct model *m, const struct step *step, int pages)
{
	int i;

	for (i = 0; i < pages && m->pins < MODEL_PINS; i++)
		m->pinned[m->pins++] = (struct pinned){
			.member = step->number,
			.iova = (step->iova & ~(PAGE_4K - 1)) + i * PAGE_4K,
		};
}

static void unpin(struct model *m, const struct step *step)
{
	u64 iova = step->iova & ~(PAGE_4K - 1);
	u32 i;
	int k;

	for (i = 0; i < pages_of(step); i++, iova += PAGE_4K) {
		for (k = 0; k < m->pins; k++)
			if (m->pinned[k].iova == iova && m->pinned[k].member == step->number)
				break;
		if (k < m->pins)
			m->pinned[k] = m->pinned[--m->pins];
	}
}

static void dirty(struct model *m, const struct step *step)
{
	int i;

	if (step->flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP) {
		get_bits(m, step);
		return;
	}
	m->tracking = step->flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
	for (i = 0; i < m->count && !m->tracking; i++)
		m->map[i].moved = false;
}

/* The last group takes all with it, as does the last with an IOMMU if it is alone. */
static void detach(struct model *m, const struct step *step)
{
	m->attached &= ~(1U << step->number);
	forget_pins(m, step->number, 0, ~0ULL);
	if (m->attached)
		return;
	m->count = 0;
	m->pins = 0;
	m->type = 0;
	m->tracking = false;
}

static void memory(struct model *m, const struct step *step)
{
	u64 page = step->iova / PAGE_4K, last = last_of(step->iova, step->size) / PAGE_4K;
	u8 *state;

	for (; page <= last && page < m->pages; page++) {
		state = &m->page[page];
		if (step->op == OP_MUNMAP)
			*state = PAGE_HOLE;
		else if (step->op == OP_MMAP)
			*state = PAGE_WRITE;
		else if (step->op == OP_PROTECT && *state != PAGE_HOLE)
			*state = PAGE_NONE + __builtin_popcount(step->flags);
	}
}

void model_step(struct model *m, const struct step *step, const struct effect *effect)
{
	bool ok = effect->ret >= 0;

	switch (step->op) {
	case OP_MAP:
	case OP_REPLACE:
		if (ok && !(step->flags & MAP_VADDR))
			add_mapping(m, step);
		m->refused |= effect->ret == -ENOMEM;
		break;
	case OP_UNMAP:
	case OP_UNMAP_ALL:
	case OP_UNMAP_BITS:
	case OP_INVALIDATE:
		unmap(m, step, effect);
		break;
	case OP_START:
	case OP_STOP:
	case OP_GET_BITS:
		if (ok)
			dirty(m, step);
		break;
	case OP_SET_IOMMU:
		if (ok)
			m->type = step->number;
		break;
	case OP_ATTACH:
		if (ok)
			m->attached |= 1U << step->number;
		break;
	case OP_DETACH:
		if (ok)
			detach(m, step);
		break;
	case OP_PIN:
		if (ok)
			pin(m, step, effect->ret);
		break;
	case OP_UNPIN:
		if (ok)
			unpin(m, step);
		break;
	case OP_CLOSE:
		forget_pins(m, step->number, 0, ~0ULL);
		break;
	case OP_MUNMAP:
	case OP_MMAP:
	case OP_PROTECT:
		if (ok)
			memory(m, step);
		break;
	case OP_LIMIT:
		m->limit = step->size;
		break;
	default:
		break;
	}
}
