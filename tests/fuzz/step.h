/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sequence, made from its seed alone: how it begins, and its steps. Nothing in
 * it depends on what the kernel answers, so that any step can be left out.
 */
#ifndef TYPE1P_FUZZ_STEP_H
#define TYPE1P_FUZZ_STEP_H

#include <stdio.h>
#include <linux/vfio.h>

#include "ktypes.h"
#include "mem.h"

#define SEQUENCE_MAX	4096

/* Sizes of what each side has: its buffer at most, its room for a bitmap. */
#define BUFFER_MAX	(1024 * PAGE_4K)
#define BITS_SIZE	(4 * PAGE_4K)

#define UNMAP_BITS	VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP
#define UNMAP_ALL	VFIO_DMA_UNMAP_FLAG_ALL
#define UNMAP_VADDR	VFIO_DMA_UNMAP_FLAG_VADDR
#define MAP_VADDR	VFIO_DMA_MAP_FLAG_VADDR
#define MAP_RW		(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

enum op {
	OP_MAP,
	OP_REPLACE,
	OP_UNMAP,
	OP_UNMAP_ALL,
	OP_UNMAP_BITS,
	OP_INVALIDATE,
	OP_START,
	OP_STOP,
	OP_GET_BITS,
	OP_INFO,
	OP_EXTENSION,
	OP_NUMBER,
	OP_SET_IOMMU,
	OP_ATTACH,
	OP_DETACH,
	OP_PIN,
	OP_UNPIN,
	OP_READ,
	OP_WRITE,
	OP_CLOSE,
	OP_TOUCH,
	OP_MUNMAP,
	OP_MMAP,
	OP_DISCARD,
	OP_PROTECT,
	OP_LIMIT,
	OP_SWEEP,
	OP_DMA,
	OPS
};

/* An address that each side has its own of, or the same number for both. */
struct place {
	enum { AT_RAW, AT_BUFFER, AT_BITS } at;
	u64 offset;
};

/**
 * struct step - what is done to both sides
 * @op: what
 * @argsz: of ioctls
 * @flags: of ioctls; PROTECT: PROT_...; PIN: which permissions
 * @iova: first byte; the memory operations: first byte in the buffer
 * @size: bytes; LIMIT: what may be locked
 * @vaddr: MAP, REPLACE
 * @pgsize: of a bitmap, as are:
 * @bits_size: what is said of its size
 * @bits: where it is
 * @fill: what is in it before
 * @cut: bytes of the request that lie where nothing is mapped
 * @bad: the request's own address, if not 0
 * @number: extension, IOMMU type, request number, group, device
 * @chance: random, for what is to happen only now and then
 */
struct step {
	enum op op;
	u32 argsz;
	u32 flags;
	u64 iova;
	u64 size;
	struct place vaddr;
	u64 pgsize;
	u64 bits_size;
	struct place bits;
	u8 fill;
	u32 cut;
	u64 bad;
	u64 number;
	u32 chance;
};

/* Who calls into vfio: mostly this process, now and then a kernel thread. */
static inline bool step_by_thread(const struct step *step)
{
	return !(step->chance % 8);
}

enum memory {
	MEMORY_ANON,
	MEMORY_THP,
	MEMORY_HUGETLB,
	MEMORY_SHARED,		/* of a memfd */
	MEMORY_PRIVATE,		/* the same, copy on write */
	MEMORIES
};

/* The groups that a side has: with an IOMMU behind them, then emulated ones. */
#define MEMBERS		4
#define EMULATED_0	2
#define IOMMU_MEMBERS	0x3
#define EMULATED_MEMBERS 0xc

/**
 * struct setup - how a sequence begins
 * @type: of the containers
 * @members: who is attached, by bit
 * @allowed: who may be, later
 * @memory: what the buffers are
 * @pages: how large they are
 * @touched: they are written to before
 * @area: pages of iova space in which most happens
 * @entries: dma_entry_limit
 * @small_pages: disable_hugepages
 * @verify: our verify_replace
 */
struct setup {
	int type;
	u32 members;
	u32 allowed;
	enum memory memory;
	u32 pages;
	bool touched;
	u32 area;
	u32 entries;
	bool small_pages;
	bool verify;
};

struct sequence {
	u64 seed;
	struct setup setup;
	int count;
	struct step steps[SEQUENCE_MAX];
};

/* Fills in all but @count, which is given. */
void sequence_make(struct sequence *q, u64 seed, int count);

const char *op_name(enum op op);
void step_print(FILE *to, const struct step *step);
void setup_print(FILE *to, const struct setup *setup);

#endif
