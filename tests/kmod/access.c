// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins, the record of them, and the callback that must let them go.
 *
 * A callback may come while a pin of the same page is under way, or an unpin. Real
 * drivers hold a lock across vfio_pin_pages() that their callback takes; so here
 * the callback waits for such a call, and a new pin waits for the callback. But
 * not for ever: where a backend makes one wait for the other, that is counted.
 */
#include <linux/delay.h>

#include "emulated.h"

static bool emulated_overlaps(struct emulated *emu, struct list_head *spans,
			      const struct emulated_span *with)
{
	struct emulated_span *span;
	bool found = false;

	spin_lock(&emu->lock);
	list_for_each_entry(span, spans, node)
		if (span->first <= with->last && with->first <= span->last)
			found = true;
	spin_unlock(&emu->lock);
	return found;
}

static bool emulated_await(struct emulated *emu, struct list_head *spans,
			   const struct emulated_span *with)
{
	return wait_event_timeout(emu->moved,
				  !emulated_overlaps(emu, spans, with), HZ);
}

static void emulated_enter(struct emulated *emu, struct list_head *spans,
			   struct emulated_span *span)
{
	spin_lock(&emu->lock);
	list_add(&span->node, spans);
	spin_unlock(&emu->lock);
}

static void emulated_leave(struct emulated *emu, struct emulated_span *span)
{
	spin_lock(&emu->lock);
	list_del(&span->node);
	spin_unlock(&emu->lock);
	wake_up_all(&emu->moved);
}

/* Adds @change to what is known of a page; returns what was known. */
static int emulated_count(struct emulated *emu, unsigned long index, int change,
			  int *before)
{
	void *entry;
	int count;

	mutex_lock(&emu->pins_lock);
	entry = xa_load(&emu->pins, index);
	*before = entry ? xa_to_value(entry) : 0;
	count = max(*before + change, 0);
	entry = xa_store(&emu->pins, index, count ? xa_mk_value(count) : NULL,
			 GFP_KERNEL);
	mutex_unlock(&emu->pins_lock);
	return xa_err(entry);
}

static int emulated_record(struct emulated *emu, u64 iova, int npages)
{
	int i, before, err;

	for (i = 0; i < npages; i++) {
		err = emulated_count(emu, (iova >> PAGE_SHIFT) + i, 1, &before);
		if (err)
			break;
	}
	if (i == npages)
		return 0;
	while (i--)
		emulated_count(emu, (iova >> PAGE_SHIFT) + i, -1, &before);
	vfio_unpin_pages(&emu->vdev, iova, npages);
	return err;
}

int emulated_pin(struct emulated *emu, u64 iova, int npages, int prot,
		 struct page **pages)
{
	struct emulated_span span = {
		.first = iova,
		.last = iova + ((u64)max(npages, 1) << PAGE_SHIFT) - 1,
	};
	int ret, err;

	emulated_await(emu, &emu->landings, &span);
	emulated_enter(emu, &emu->flights, &span);
	ret = vfio_pin_pages(&emu->vdev, iova, npages, prot, pages);
	if (ret > 0) {
		err = emulated_record(emu, iova, ret);
		if (err)
			ret = err;
	}
	emulated_leave(emu, &span);
	return ret;
}

/* Whether there is anything to unpin is for the backend to see. */
void emulated_unpin(struct emulated *emu, u64 iova, int npages)
{
	struct emulated_span span = {
		.first = iova,
		.last = iova + ((u64)npages << PAGE_SHIFT) - 1,
	};
	int i, before;

	emulated_enter(emu, &emu->flights, &span);
	for (i = 0; i < npages; i++)
		emulated_count(emu, (iova >> PAGE_SHIFT) + i, -1, &before);
	vfio_unpin_pages(&emu->vdev, iova, npages);
	emulated_leave(emu, &span);
}

static void emulated_unpin_span(struct emulated *emu, u64 first, u64 last)
{
	unsigned long index;
	void *entry;
	int count;

	xa_for_each_range(&emu->pins, index, entry, first >> PAGE_SHIFT,
			  last >> PAGE_SHIFT) {
		emulated_count(emu, index, INT_MIN, &count);
		while (count--)
			vfio_unpin_pages(&emu->vdev, (u64)index << PAGE_SHIFT,
					 1);
	}
}

void emulated_unpin_all(struct emulated *emu)
{
	emulated_unpin_span(emu, 0, U64_MAX);
}

/* Whether the device is to look away this time. */
static bool emulated_called(struct emulated *emu, u64 iova, u64 size)
{
	struct type1p_emulated_unmaps *unmaps = &emu->unmaps;
	bool ignore;

	spin_lock(&emu->lock);
	unmaps->calls++;
	unmaps->inside++;
	unmaps->iova = iova;
	unmaps->size = size;
	unmaps->total += size;
	ignore = emu->manners.ignore;
	if (ignore && emu->manners.ignore != U32_MAX)
		emu->manners.ignore--;
	spin_unlock(&emu->lock);
	return ignore;
}

void emulated_dma_unmap(struct vfio_device *vdev, u64 iova, u64 size)
{
	struct emulated *emu = container_of(vdev, struct emulated, vdev);
	struct emulated_span span = { .first = iova, .last = iova + size - 1 };
	bool stalled = false;

	if (!emulated_called(emu, iova, size)) {
		emulated_enter(emu, &emu->landings, &span);
		msleep(READ_ONCE(emu->manners.delay_ms));
		stalled = !emulated_await(emu, &emu->flights, &span);
		emulated_unpin_span(emu, span.first, span.last);
		emulated_leave(emu, &span);
	}

	spin_lock(&emu->lock);
	emu->unmaps.stalls += stalled;
	emu->unmaps.inside--;
	spin_unlock(&emu->lock);
}
