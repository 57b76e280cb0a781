// SPDX-License-Identifier: GPL-2.0-only
/* One step of each kind: what a sane program might ask for, mostly. */
#include <sys/mman.h>

#include "emulated.h"
#include "generate.h"

static void set_span(struct step *step, struct span span)
{
	step->iova = span.iova;
	step->size = span.size;
}

static void make_vaddr(struct generator *g, struct step *step)
{
	u32 pages = g->setup->pages, need = step->size / PAGE_4K;
	u32 room = percent(g, 90) && need < pages ? pages - need + 1 : pages;

	step->vaddr = (struct place){ AT_BUFFER, draw(g, room) * PAGE_4K };
	if (!(step->iova % PAGE_2M) && percent(g, 60))
		step->vaddr.offset &= ~(PAGE_2M - 1);
	if (percent(g, 2))
		step->vaddr.offset += draw(g, PAGE_4K);
	if (percent(g, 2))
		step->vaddr = (struct place){ AT_RAW, strange(g) };
}

void make_map(struct generator *g, struct step *step)
{
	set_span(step, percent(g, 10) ? known_span(g) : free_span(g));
	step->argsz = sizeof(struct vfio_iommu_type1_dma_map);
	step->flags = percent(g, 70) ? MAP_RW : 1 + draw(g, 2);
	make_vaddr(g, step);
}

void make_replace(struct generator *g, struct step *step)
{
	int i, at = g->guess.count ? draw(g, g->guess.count) : 0;

	set_span(step, known_span(g));
	for (i = 0; i < g->guess.count && percent(g, 95); i++) {
		const struct guess_span *span = &g->guess.span[(at + i) % g->guess.count];

		if (span->invalid) {
			set_span(step, (struct span){ span->iova, span->size });
			break;
		}
	}
	step->argsz = sizeof(struct vfio_iommu_type1_dma_map);
	step->flags = MAP_VADDR | (percent(g, 4) ? 1 + draw(g, 3) : 0);
	make_vaddr(g, step);
}

static void make_bits(struct generator *g, struct step *step)
{
	step->pgsize = PAGE_4K;
	step->bits = (struct place){ AT_BITS, 0 };
	step->bits_size = (step->size / PAGE_4K + 63) / 64 * 8;
	step->fill = percent(g, 15) ? draw(g, 256) : 0;
	switch (draw(g, 60)) {
	case 0:
		/* Never 0: see the list of what is avoided. */
		step->pgsize = 1ULL << draw(g, 64);
		break;
	case 1:
		step->pgsize = strange(g) | 1;
		break;
	case 2:
		step->bits_size = strange(g);
		break;
	case 3:
		step->bits_size -= 8;
		break;
	case 4:
		step->bits = (struct place){ AT_RAW, strange(g) };
		break;
	case 5:
		step->bits.offset = BITS_SIZE - draw(g, 4) * 8;
		break;
	case 6:
		step->bits_size += draw(g, 20);
		step->bits.offset = draw(g, 64);
		break;
	}
}

void make_unmap(struct generator *g, struct step *step)
{
	step->argsz = sizeof(struct vfio_iommu_type1_dma_unmap);
	set_span(step, known_span(g));
	switch (step->op) {
	case OP_UNMAP_ALL:
		step->flags = UNMAP_ALL | (percent(g, 30) ? UNMAP_VADDR : 0);
		if (percent(g, 85))
			set_span(step, (struct span){});
		break;
	case OP_UNMAP_BITS:
		step->argsz += sizeof(struct vfio_bitmap);
		step->flags = UNMAP_BITS;
		make_bits(g, step);
		break;
	case OP_INVALIDATE:
		step->flags = UNMAP_VADDR;
		break;
	default:
		break;
	}
}

void make_dirty(struct generator *g, struct step *step)
{
	step->argsz = sizeof(struct vfio_iommu_type1_dirty_bitmap);
	switch (step->op) {
	case OP_START:
		step->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
		break;
	case OP_STOP:
		step->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
		break;
	default:
		step->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
		step->argsz += sizeof(struct vfio_iommu_type1_dirty_bitmap_get);
		set_span(step, percent(g, 40) ? known_span(g) :
			 (struct span){ some_iova(g), some_iova(g) + PAGE_4K });
		if (percent(g, 30))
			set_span(step, (struct span){ 0, g->setup->area * PAGE_4K * 2 });
		make_bits(g, step);
	}
}

void make_number(struct generator *g, struct step *step)
{
	switch (step->op) {
	case OP_INFO:
		step->argsz = draw(g, 256);
		break;
	case OP_EXTENSION:
		step->number = percent(g, 80) ? draw(g, 14) : draw(g, 300) | strange(g) << 8;
		break;
	case OP_SET_IOMMU:
		step->number = percent(g, 60) ? (u32)g->setup->type : draw(g, 12);
		break;
	default:
		step->number = percent(g, 50) ? draw(g, 256) : draw64(g);
		step->argsz = sizeof(struct vfio_iommu_type1_dma_map);
	}
}

static u32 some_member(struct generator *g, u32 among)
{
	u32 nth = draw(g, MEMBERS);

	while (!(among >> nth & 1))
		nth = (nth + 1) % MEMBERS;
	return nth;
}

void make_member(struct generator *g, struct step *step)
{
	u32 wanted = step->op == OP_ATTACH ? ~g->guess.attached : g->guess.attached;

	wanted &= g->setup->allowed;
	step->number = some_member(g, wanted && percent(g, 90) ? wanted : g->setup->allowed);
}

void make_device(struct generator *g, struct step *step)
{
	u32 among = g->guess.attached & EMULATED_MEMBERS;

	step->number = some_member(g, among ? among : EMULATED_MEMBERS);
	set_span(step, known_span(g));
	if (percent(g, 30)) {
		step->iova += draw(g, 4) * PAGE_4K;
		step->size = (1 + draw(g, 3)) * PAGE_4K;
	}
	switch (step->op) {
	case OP_PIN:
		step->flags = percent(g, 50) ? EMULATED_READ | EMULATED_WRITE : 1 + draw(g, 2);
		break;
	case OP_READ:
	case OP_WRITE:
		step->iova += draw(g, PAGE_4K);
		step->size = draw(g, 3 * PAGE_4K);
		break;
	default:
		break;
	}
	/* Drivers pin whole pages. */
	if (step->op == OP_PIN || step->op == OP_UNPIN)
		step->iova &= ~(PAGE_4K - 1);
}

void make_memory(struct generator *g, struct step *step)
{
	u32 most = g->setup->memory == MEMORY_THP && percent(g, 20) ? 512 : 8;
	static const int prot[] = {
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
	};

	step->iova = draw(g, g->setup->pages) * PAGE_4K;
	step->size = (1 + draw(g, most)) * PAGE_4K;
	step->number = draw(g, 1U << 30);
	step->flags = prot[draw(g, ARRAY_SIZE(prot))];
}

void make_limit(struct generator *g, struct step *step)
{
	static const u32 pages[] = { 0, 1, 3, 8, 16, 50, 100, 1024 };

	step->size = percent(g, 55) ? ~0ULL : pages[draw(g, ARRAY_SIZE(pages))] * PAGE_4K;
}

void make_check(struct generator *g, struct step *step)
{
	step->number = draw64(g);
}
