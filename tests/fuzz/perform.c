// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "limit.h"
#include "perform.h"

#define PAINT	0xa5

struct request {
	unsigned long nr;
	size_t len;
	u8 bytes[REQUEST_MAX];
};

static struct vfio_bitmap bitmap_of(const struct side *side, const struct step *step)
{
	return (struct vfio_bitmap){
		.pgsize = step->pgsize,
		.size = step->bits_size,
		.data = (void *)side_place(side, &step->bits),
	};
}

static void put(struct request *r, const void *from, size_t len)
{
	memcpy(r->bytes + r->len, from, len);
	r->len += len;
}

static void build_map(const struct side *side, const struct step *step, struct request *r)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = step->argsz,
		.flags = step->flags,
		.vaddr = side_place(side, &step->vaddr),
		.iova = step->iova,
		.size = step->size,
	};

	r->nr = VFIO_IOMMU_MAP_DMA;
	put(r, &map, sizeof(map));
}

static void build_unmap(const struct side *side, const struct step *step, struct request *r)
{
	struct vfio_bitmap bitmap = bitmap_of(side, step);
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = step->argsz,
		.flags = step->flags,
		.iova = step->iova,
		.size = step->size,
	};

	r->nr = VFIO_IOMMU_UNMAP_DMA;
	put(r, &unmap, sizeof(unmap));
	put(r, &bitmap, sizeof(bitmap));
}

static void build_dirty(const struct side *side, const struct step *step, struct request *r)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = step->argsz,
		.flags = step->flags,
	};
	struct vfio_iommu_type1_dirty_bitmap_get get = {
		.iova = step->iova,
		.size = step->size,
		.bitmap = bitmap_of(side, step),
	};

	r->nr = VFIO_IOMMU_DIRTY_PAGES;
	put(r, &dirty, sizeof(dirty));
	put(r, &get, sizeof(get));
}

static void build(const struct side *side, const struct step *step, struct request *r)
{
	*r = (struct request){};
	switch (step->op) {
	case OP_MAP:
	case OP_REPLACE:
		build_map(side, step, r);
		break;
	case OP_START:
	case OP_STOP:
	case OP_GET_BITS:
		build_dirty(side, step, r);
		break;
	case OP_INFO:
	case OP_NUMBER:
		r->nr = step->op == OP_INFO ? VFIO_IOMMU_GET_INFO : step->number;
		memset(r->bytes, PAINT, sizeof(r->bytes));
		memcpy(r->bytes, &step->argsz, sizeof(step->argsz));
		r->len = step->argsz < 24 ? 24 : step->argsz;
		if (r->len > REQUEST_MAX)
			r->len = REQUEST_MAX;
		break;
	default:
		build_unmap(side, step, r);
	}
}

bool step_has_bits(const struct step *step)
{
	switch (step->op) {
	case OP_GET_BITS:
	case OP_START:
	case OP_STOP:
		return step->flags & VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
	case OP_UNMAP:
	case OP_UNMAP_ALL:
	case OP_UNMAP_BITS:
	case OP_INVALIDATE:
		return step->flags & UNMAP_BITS;
	default:
		return false;
	}
}

/* The request stands so that @cut bytes of it are beyond the page's end. */
static void do_ioctl(struct side *side, const struct step *step, struct outcome *out)
{
	u8 *end = (u8 *)side->args + ARGS_SIZE, *at;
	struct request r;
	size_t there;

	build(side, step, &r);
	there = r.len > step->cut ? r.len - step->cut : 0;
	at = end - there;
	memset(end - REQUEST_MAX, PAINT, REQUEST_MAX);
	memcpy(at, r.bytes, there);
	memcpy(out->before, end - REQUEST_MAX, REQUEST_MAX);
	if (step_has_bits(step))
		memset(side->bits, step->fill, BITS_SIZE);
	out->ret = vfio_call(side->container, r.nr, step->bad ? (void *)step->bad : at);
	memcpy(out->after, end - REQUEST_MAX, REQUEST_MAX);
}

static int do_order(struct side *side, const struct step *step, enum type1p_emulated_op op,
		    struct outcome *out)
{
	struct type1p_emulated_order order = {
		.op = op,
		.by = step_by_thread(step) ? TYPE1P_EMULATED_KTHREAD : TYPE1P_EMULATED_CALLER,
		.prot = step->flags,
		.iova = step->iova,
		.npages = pages_of(step),
		.data = (uintptr_t)side->data,
	};
	int fd = side_device(side, step->number), ret;

	if (fd < 0)
		return fd;
	if (op == TYPE1P_EMULATED_READ || op == TYPE1P_EMULATED_WRITE)
		order.size = step->size;
	mem_fill(side->data, order.size, step->chance);
	ret = emulated_order(fd, &order);
	/* Which pages they are: their first words. */
	out->len = op == TYPE1P_EMULATED_PIN && ret > 0 ? ret * sizeof(u64) : order.size;
	return ret;
}

/* Everything that is mapped, as a driver reads it: a piece of each. */
static int do_sweep(struct side *side, struct model *model, const struct step *step,
		    struct outcome *out)
{
	u32 member = EMULATED_0 + step->number % (MEMBERS - EMULATED_0);
	size_t piece = DATA_SIZE / (model->count ?: 1) & ~(sizeof(int) - 1), size;
	int i, ret, fd = side_device(side, member);

	if (fd < 0)
		return fd;
	if (piece > 16 * PAGE_4K)
		piece = 16 * PAGE_4K;
	memset(side->data, PAINT, DATA_SIZE);
	for (i = 0; i < model->count; i++) {
		char *at = side->data + i * piece;
		u64 last = model->map[i].last - model->map[i].iova;

		size = last < piece - sizeof(int) ? last + 1 : piece - sizeof(int);
		ret = emulated_read(fd, model->map[i].iova, at + sizeof(int), size);
		memcpy(at, &ret, sizeof(ret));
	}
	out->len = DATA_SIZE;
	return model->count;
}

#define SCRATCH_IOVA	(EDU_IOVA_LIMIT - PAGE_4K)
#define DMA_SIZE	256

/* What the device reads there, what it writes, and whether that has arrived. */
static int transfers(struct edu *edu, struct side *side, u64 iova, u64 seed, struct outcome *out)
{
	int ret;

	memset(side->scratch, PAINT, PAGE_4K);
	ret = edu_from_memory(edu, iova, DMA_SIZE);
	if (!ret)
		ret = edu_to_memory(edu, SCRATCH_IOVA, DMA_SIZE);
	memcpy(side->data, side->scratch, DMA_SIZE);
	mem_fill(side->scratch, DMA_SIZE, seed);
	if (!ret)
		ret = edu_from_memory(edu, SCRATCH_IOVA, DMA_SIZE);
	if (!ret)
		ret = edu_to_memory(edu, iova, DMA_SIZE);
	memset(side->scratch, PAINT, PAGE_4K);
	if (!ret)
		ret = edu_from_memory(edu, iova, DMA_SIZE);
	if (!ret)
		ret = edu_to_memory(edu, SCRATCH_IOVA, DMA_SIZE);
	memcpy(side->data + DMA_SIZE, side->scratch, DMA_SIZE);
	out->len = 2 * DMA_SIZE;
	return ret;
}

static int do_dma(struct side *side, struct model *model, const struct step *step,
		  struct outcome *out)
{
	struct member *m = &side->member[step->number % EMULATED_0];
	const struct mapping *map;
	struct edu edu;
	int device, ret;
	u64 iova;

	if (!m->attached)
		m = &side->member[(step->number + 1) % EMULATED_0];
	if (!model->count || !m->attached)
		return -ENOENT;
	map = &model->map[step->chance % model->count];
	iova = map->iova + (step->number >> 8) % ((map->last - map->iova) / PAGE_4K + 1) * PAGE_4K;
	device = device_open(m->group_fd, m->bdf);
	if (device < 0)
		return device;
	ret = edu_open(device, &edu);
	if (ret)
		goto close;
	ret = iova_map(side->container, side->scratch, SCRATCH_IOVA, PAGE_4K);
	if (!ret) {
		ret = transfers(&edu, side, iova, step->number >> 40, out);
		iova_unmap(side->container, SCRATCH_IOVA, PAGE_4K, NULL);
	}
	edu_close(&edu);
close:
	close(device);
	return ret;
}

static int act(struct side *side, const struct setup *setup, struct model *model,
	       const struct step *step, struct outcome *out)
{
	switch (step->op) {
	case OP_EXTENSION:
		return vfio_call(side->container, VFIO_CHECK_EXTENSION, (void *)step->number);
	case OP_SET_IOMMU:
		return side_set_iommu(side, step->number);
	case OP_ATTACH:
		return side_attach(side, step->number);
	case OP_DETACH:
		return side_detach(side, step->number);
	case OP_PIN:
		return do_order(side, step, TYPE1P_EMULATED_PIN, out);
	case OP_UNPIN:
		return do_order(side, step, TYPE1P_EMULATED_UNPIN, out);
	case OP_READ:
		return do_order(side, step, TYPE1P_EMULATED_READ, out);
	case OP_WRITE:
		return do_order(side, step, TYPE1P_EMULATED_WRITE, out);
	case OP_CLOSE:
		side_close_device(side, step->number);
		return 0;
	case OP_TOUCH:
	case OP_MUNMAP:
	case OP_MMAP:
	case OP_DISCARD:
	case OP_PROTECT:
		return side_memory(side, setup, model, step);
	case OP_SWEEP:
		return do_sweep(side, model, step, out);
	case OP_DMA:
		return do_dma(side, model, step, out);
	default:
		return 0;
	}
}

void perform(struct side *side, const struct side *other, const struct setup *setup,
	     struct model *model, const struct step *step, struct outcome *out)
{
	out->len = 0;
	limit_set(model->limit, other->locked);
	if (step->op <= OP_NUMBER && step->op != OP_EXTENSION)
		do_ioctl(side, step, out);
	else
		out->ret = act(side, setup, model, step, out);
	limit_set(~0ULL, 0);
	out->charged = locked_now() - other->locked - side->locked;
	side->locked += out->charged;
}

void read_info(struct side *side, u8 info[INFO_SIZE])
{
	const u32 argsz = INFO_SIZE;

	memset(info, PAINT, INFO_SIZE);
	memcpy(info, &argsz, sizeof(argsz));
	vfio_call(side->container, VFIO_IOMMU_GET_INFO, info);
}

int info_avail(const u8 info[INFO_SIZE])
{
	const struct vfio_iommu_type1_info *head = (const void *)info;
	const struct vfio_info_cap_header *cap;
	u32 at = 0;

	if (head->flags & VFIO_IOMMU_INFO_CAPS)
		at = head->cap_offset;
	while (at && at < INFO_SIZE - sizeof(struct vfio_iommu_type1_info_dma_avail)) {
		cap = (const void *)(info + at);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
			return ((const struct vfio_iommu_type1_info_dma_avail *)cap)->avail;
		at = cap->next;
	}
	return -1;
}
