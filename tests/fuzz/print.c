// SPDX-License-Identifier: GPL-2.0-only
/* Sequences as a reader wants them. */
#include "emulated.h"
#include "step.h"

static const char * const names[OPS] = {
	[OP_MAP] = "MAP",
	[OP_REPLACE] = "REPLACE",
	[OP_UNMAP] = "UNMAP",
	[OP_UNMAP_ALL] = "UNMAP all",
	[OP_UNMAP_BITS] = "UNMAP bitmap",
	[OP_INVALIDATE] = "INVALIDATE",
	[OP_START] = "START",
	[OP_STOP] = "STOP",
	[OP_GET_BITS] = "GET_BITMAP",
	[OP_INFO] = "GET_INFO",
	[OP_EXTENSION] = "CHECK_EXTENSION",
	[OP_NUMBER] = "other ioctl",
	[OP_SET_IOMMU] = "SET_IOMMU",
	[OP_ATTACH] = "attach",
	[OP_DETACH] = "detach",
	[OP_PIN] = "pin",
	[OP_UNPIN] = "unpin",
	[OP_READ] = "read",
	[OP_WRITE] = "write",
	[OP_CLOSE] = "close device",
	[OP_TOUCH] = "touch",
	[OP_MUNMAP] = "munmap",
	[OP_MMAP] = "mmap",
	[OP_DISCARD] = "discard",
	[OP_PROTECT] = "mprotect",
	[OP_LIMIT] = "limit",
	[OP_SWEEP] = "read all",
	[OP_DMA] = "device DMA",
};

static const char * const memories[MEMORIES] = {
	[MEMORY_ANON] = "anonymous",
	[MEMORY_THP] = "huge pages",
	[MEMORY_HUGETLB] = "hugetlb",
	[MEMORY_SHARED] = "shared memfd",
	[MEMORY_PRIVATE] = "private memfd",
};

const char *op_name(enum op op)
{
	return names[op];
}

static void print_place(FILE *to, const char *what, const struct place *place)
{
	static const char * const bases[] = {
		[AT_RAW] = "", [AT_BUFFER] = "buffer+", [AT_BITS] = "bits+",
	};

	fprintf(to, " %s %s%#llx", what, bases[place->at], place->offset);
}

static void print_span(FILE *to, const struct step *step)
{
	if (!(step->size % PAGE_4K) && step->size)
		fprintf(to, " %#llx + %llu pages", step->iova, step->size / PAGE_4K);
	else
		fprintf(to, " %#llx + %#llx", step->iova, step->size);
}

static void print_ioctl(FILE *to, const struct step *step)
{
	if (step->op <= OP_INVALIDATE || step->op == OP_GET_BITS)
		print_span(to, step);
	if (step->op <= OP_REPLACE)
		print_place(to, "vaddr", &step->vaddr);
	if (step->op == OP_UNMAP_BITS || step->op == OP_GET_BITS) {
		print_place(to, "bitmap", &step->bits);
		fprintf(to, " of %#llx, pgsize %#llx, filled with %#x", step->bits_size,
			step->pgsize, step->fill);
	}
	if (step->op == OP_NUMBER || step->op == OP_EXTENSION)
		fprintf(to, " %#llx", step->number);
	else
		fprintf(to, " flags %#x", step->flags);
	if (step->op != OP_EXTENSION)
		fprintf(to, " argsz %u", step->argsz);
	if (step->cut)
		fprintf(to, ", %u bytes beyond memory", step->cut);
	if (step->bad)
		fprintf(to, ", argument at %#llx", step->bad);
}

void step_print(FILE *to, const struct step *step)
{
	fprintf(to, "%s", names[step->op]);
	switch (step->op) {
	case OP_SET_IOMMU:
		fprintf(to, " %llu", step->number);
		break;
	case OP_ATTACH:
	case OP_DETACH:
	case OP_CLOSE:
		fprintf(to, " group %llu (%s)", step->number,
			step->number < EMULATED_0 ? "edu" : "emulated");
		break;
	case OP_PIN:
	case OP_UNPIN:
	case OP_READ:
	case OP_WRITE:
		fprintf(to, " by group %llu%s", step->number,
			step_by_thread(step) ? "'s thread" : "");
		print_span(to, step);
		if (step->op == OP_PIN)
			fprintf(to, " for %s%s", step->flags & EMULATED_READ ? "r" : "",
				step->flags & EMULATED_WRITE ? "w" : "");
		break;
	case OP_PROTECT:
		print_span(to, step);
		fprintf(to, " prot %#x", step->flags);
		break;
	case OP_TOUCH:
	case OP_MUNMAP:
	case OP_MMAP:
	case OP_DISCARD:
		print_span(to, step);
		break;
	case OP_LIMIT:
		if (step->size == ~0ULL)
			fputs(" none", to);
		else
			fprintf(to, " %llu pages", step->size / PAGE_4K);
		break;
	case OP_SWEEP:
	case OP_DMA:
		break;
	default:
		print_ioctl(to, step);
	}
	fputc('\n', to);
}

void setup_print(FILE *to, const struct setup *setup)
{
	int i;

	fprintf(to, "type %d, %u pages of memory (%s%s), groups", setup->type, setup->pages,
		memories[setup->memory], setup->touched ? ", touched" : "");
	for (i = 0; i < MEMBERS; i++)
		if (setup->members >> i & 1)
			fprintf(to, " %d (%s)", i, i < EMULATED_0 ? "edu" : "emulated");
	fprintf(to, ", dma_entry_limit %u%s%s\n", setup->entries,
		setup->small_pages ? ", disable_hugepages" : "",
		setup->verify ? ", verify_replace" : "");
}
