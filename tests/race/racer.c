// SPDX-License-Identifier: GPL-2.0-only
/*
 * Those who lock nothing: devices that use the last pages of slots, threads that fight
 * for a stretch of iova, and those who change all slots at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "slot.h"

/* A container with an emulated device. */
static struct box *draw_box(unsigned int *seed)
{
	struct box *box;

	do
		box = &r->box[draw(seed, r->boxes)];
	while (box->device < 0);
	return box;
}

/*
 * A read is over before an unmap is. What is pinned is looked at afterwards, when it may
 * have been taken back.
 */
static void check_word(struct worker *w, struct slot *s, bool pin, u64 word, unsigned int wiped)
{
	r->checks++;
	if (word_tag(word) == TAG_UNUSED && (!pin || s->wiped == wiped))
		violation(w->seat, "a device has found unused memory by a %s",
			  pin ? "pin" : "read");
}

void *racer_run(void *arg)
{
	static const enum type1p_emulated_op ops[] = {
		TYPE1P_EMULATED_READ, TYPE1P_EMULATED_WRITE, TYPE1P_EMULATED_PIN,
	};
	struct worker *w = arg;
	struct type1p_emulated_order order;
	unsigned int wiped;
	struct slot *s;
	struct box *box;
	bool pin;
	u64 word;
	int ret;

	while (!r->over) {
		rest();
		box = draw_box(&w->seed);
		s = slot_of(box->nr, draw(&w->seed, SLOTS));
		word = TAG_RACE << 48;
		order = (struct type1p_emulated_order){
			.op = ops[draw(&w->seed, 3)], .by = draw(&w->seed, 3),
			.prot = EMULATED_READ, .npages = 1, .size = 8, .data = (uintptr_t)&word,
			.iova = slot_race_iova(s),
		};
		pin = order.op == TYPE1P_EMULATED_PIN;
		s->pinners += pin;
		wiped = s->wiped;
		begin(w->seat, OP_RACE, box->nr, order.iova);
		ret = emulated_order(box->device, &order);
		judge(w->seat, ret, -EINVAL, -EAGAIN, -EPERM,
		      pin ? -ENODEV :
		      order.by == TYPE1P_EMULATED_CALLER ? -EFAULT : -EINVAL, 0);
		if (order.op != TYPE1P_EMULATED_WRITE && ret >= 0)
			check_word(w, s, pin, word, wiped);
		if (pin && ret > 0)
			emulated_unpin(box->device, order.iova, 1);
		s->pinners -= pin;
		usleep(draw(&w->seed, 5000));
	}
	return NULL;
}

static u64 fight_word(const struct box *box, u64 iova)
{
	return TAG_FIGHT << 48 | (u64)box->nr << 32 | iova;
}

int fight_setup(void)
{
	struct box *box;
	u64 at;

	for (box = r->box; box < r->box + r->boxes; box++) {
		box->fight = mem_alloc(FIGHT_PAGES * PAGE_4K, box->nr % 2 ? MEM_SHARED : MEM_4K);
		if (!box->fight)
			return -ENOMEM;
		for (at = 0; at < FIGHT_PAGES * PAGE_4K; at += PAGE_4K)
			*(u64 *)(box->fight + at) = fight_word(box, FIGHT_IOVA + at);
	}
	return 0;
}

static void fight_access(struct worker *w, struct box *box, u64 iova)
{
	struct type1p_emulated_order order = { .by = draw(&w->seed, 3), .prot = EMULATED_READ };
	u64 word = 0;
	int ret;

	if (box->device < 0)
		return;
	order.op = draw(&w->seed, 2) ? TYPE1P_EMULATED_READ : TYPE1P_EMULATED_PIN;
	order.iova = iova;
	order.npages = 1;
	order.size = 8;
	order.data = (uintptr_t)&word;
	begin(w->seat, OP_FIGHT, box->nr, iova);
	ret = judge(w->seat, emulated_order(box->device, &order), -EINVAL, -EAGAIN, 0);
	if (ret < 0)
		return;
	r->checks++;
	if (word != fight_word(box, iova))
		violation(w->seat, "a device has found %#llx", word);
	if (order.op == TYPE1P_EMULATED_PIN)
		emulated_unpin(box->device, iova, ret);
}

/* What was invalid for a while; of two ranges, each. */
static void fight_replace(struct worker *w, struct box *box, u64 first, u64 size)
{
	u64 half = FIGHT_CHUNK * PAGE_4K, at, step;

	usleep(draw(&w->seed, 2000));
	for (step = size; step >= half; step -= half)
		for (at = first; at + step <= first + size; at += half) {
			begin(w->seat, OP_FIGHT, box->nr, FIGHT_IOVA + at);
			judge(w->seat, iova_map_flags(box->fd, box->fight + at, FIGHT_IOVA + at,
						      step, VFIO_DMA_MAP_FLAG_VADDR),
			      -EINVAL, -ENOENT, 0);
		}
}

void *fighter_run(void *arg)
{
	struct worker *w = arg;
	u64 first, size, iova, done;
	struct box *box;
	int ret;

	while (!r->over) {
		rest();
		box = &r->box[draw(&w->seed, 2) ? 0 : draw(&w->seed, r->boxes)];
		size = (1 + draw(&w->seed, 2)) * FIGHT_CHUNK * PAGE_4K;
		first = draw(&w->seed, FIGHT_PAGES / FIGHT_CHUNK - 1) * FIGHT_CHUNK * PAGE_4K;
		if (!draw(&w->seed, 16) && first)
			first -= draw(&w->seed, 8) * PAGE_4K;
		iova = FIGHT_IOVA + first;
		done = 0;
		begin(w->seat, OP_FIGHT, box->nr, iova);
		switch (draw(&w->seed, 6)) {
		case 0:
		case 1:
			ret = judge(w->seat, iova_map(box->fd, box->fight + first, iova, size),
				    -EEXIST, 0);
			box->mapped += ret ? 0 : size;
			break;
		case 2:
			judge(w->seat, iova_unmap(box->fd, iova, size, &done), -EINVAL, 0);
			box->mapped -= done;
			break;
		case 3:
			if (!judge(w->seat, iova_unmap_flags(box->fd, iova, size,
							     VFIO_DMA_UNMAP_FLAG_VADDR, &done),
				   -EINVAL, 0) && done)
				fight_replace(w, box, first, size);
			break;
		case 4:
			fight_replace(w, box, first, size);
			break;
		default:
			end(w->seat, 0);
			fight_access(w, box, iova + draw(&w->seed, FIGHT_CHUNK) * PAGE_4K);
		}
		if (!draw(&w->seed, 4))
			usleep(draw(&w->seed, 5000));
	}
	return NULL;
}

static void sweep(struct worker *w, struct box *box)
{
	bool vaddr = r->enabled[OP_SWEEP_VADDR] && (!r->enabled[OP_SWEEP] || draw(&w->seed, 2));
	u32 flags = vaddr ? VFIO_DMA_UNMAP_FLAG_VADDR : 0;
	u64 iova = SLOT_STRIDE, size = SLOTS * SLOT_STRIDE;
	int ret;

	if (box->quiet) {
		flags |= VFIO_DMA_UNMAP_FLAG_ALL;
		iova = 0;
		size = 0;
	}
	pthread_mutex_lock(&box->sweep_lock);
	box->sweep++;
	begin(w->seat, vaddr ? OP_SWEEP_VADDR : OP_SWEEP, box->nr, iova);
	ret = judge(w->seat, iova_unmap_flags(box->fd, iova, size, flags, NULL),
		    vaddr ? -EINVAL : 0, 0);
	if (!ret && vaddr)
		box->invalid = box->sweep + 1;
	else if (!ret)
		box->unmapped = box->sweep + 1;
	box->sweep++;
	pthread_mutex_unlock(&box->sweep_lock);
}

void *sweeper_run(void *arg)
{
	struct worker *w = arg;

	while (!r->over) {
		rest();
		sweep(w, &r->box[draw(&w->seed, r->boxes)]);
		usleep(draw(&w->seed, 1000000));
	}
	return NULL;
}

/* Not for long: all ranges have bits meanwhile. */
void *tracker_run(void *arg)
{
	struct vfio_iommu_type1_dirty_bitmap request = { .argsz = sizeof(request) };
	struct worker *w = arg;
	struct box *box;

	while (!r->over) {
		rest();
		box = &r->box[draw(&w->seed, r->boxes)];
		request.flags = box->track & 2 ? VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP :
						 VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
		box->track++;
		begin(w->seat, OP_TRACK, box->nr, 0);
		judge(w->seat, vfio_call(box->fd, VFIO_IOMMU_DIRTY_PAGES, &request), 0);
		box->track++;
		usleep(draw(&w->seed, 300000));
	}
	return NULL;
}
