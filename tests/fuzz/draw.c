// SPDX-License-Identifier: GPL-2.0-only
/* Random numbers, and random stretches of iova space. */
#include "generate.h"

u64 draw64(struct generator *g)
{
	u64 x = g->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

u32 draw(struct generator *g, u32 below)
{
	return (draw64(g) >> 32) * below >> 32;
}

bool percent(struct generator *g, u32 p)
{
	return draw(g, 100) < p;
}

u64 strange(struct generator *g)
{
	static const u64 words[] = {
		0, 1, 7, 8, 23, 24, 31, 32, 47, 48, 64, 4095, 4097, 0x100000, 0x200000,
		0xfedff000, 0xfee00000, 0xfeeff000, 0xfef00000, 0x7fffffff, 0x80000000,
		0xfffff000, 0xffffffff, 1ULL << 32, (1ULL << 39) - PAGE_4K, 1ULL << 39,
		1ULL << 47, 1ULL << 48, 1ULL << 57, 0x7ffffffffffff000, 1ULL << 63,
		0xffff888000000000, 0xffffffff81000000, -(64 * PAGE_4K), -2 * PAGE_4K,
		-PAGE_4K, -4095, -8, -1,
	};
	u64 word = words[draw(g, ARRAY_SIZE(words))];

	if (percent(g, 20))
		word += draw(g, 5) - 2;
	return word;
}

static u64 some_pages(struct generator *g)
{
	u32 most = g->setup->area < 64 ? 4 : 12;

	if (g->setup->pages > 512 && percent(g, 15))
		return 512 * PAGE_4K;
	if (percent(g, 8))
		most = 100;
	return (1 + draw(g, most)) * PAGE_4K;
}

u64 some_iova(struct generator *g)
{
	u64 page = draw(g, g->setup->area);

	if (percent(g, 25))
		page &= ~63ULL;
	return page * PAGE_4K;
}

struct span any_span(struct generator *g)
{
	struct span span = { some_iova(g), some_pages(g) };

	if (percent(g, 94))
		return span;
	if (percent(g, 60))
		span.iova = strange(g);
	if (percent(g, 60))
		span.size = strange(g);
	return span;
}

static struct span guessed_span(struct generator *g)
{
	const struct guess_span *span = &g->guess.span[draw(g, g->guess.count)];

	return (struct span){ span->iova, span->size };
}

struct span known_span(struct generator *g)
{
	struct span span, other;

	if (!g->guess.count || percent(g, 12))
		return any_span(g);
	span = guessed_span(g);
	switch (draw(g, 24)) {
	case 0:
		span.iova += draw(g, 3) * PAGE_4K;
		break;
	case 1:
		span.size += PAGE_4K;
		break;
	case 2:
		span.size -= PAGE_4K;
		break;
	case 3:
		span.iova &= ~(64 * PAGE_4K - 1);
		span.size = draw(g, 200) * PAGE_4K;
		break;
	case 4:
	case 5:
		other = guessed_span(g);
		if (other.iova > span.iova)
			span.size = other.iova + other.size - span.iova;
		break;
	}
	return span;
}

struct span free_span(struct generator *g)
{
	struct span span = any_span(g);
	int tries = 6;

	while (tries-- && guess_overlaps(&g->guess, span.iova, span.size))
		span = any_span(g);
	return span;
}
