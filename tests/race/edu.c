// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real DMA. What the device has read shows when it writes that elsewhere, so a check
 * takes two slots, and the 0.1 s that QEMU takes for each transfer.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "edu_check.h"
#include "slot.h"

static void transfer(struct seat *seat, struct edu *edu, enum operation op, struct box *box,
		     u64 iova, bool to_memory)
{
	begin(seat, op, box->nr, iova);
	judge(seat, to_memory ? edu_to_memory(edu, iova, 8) : edu_from_memory(edu, iova, 8), 0);
}

static volatile u64 *word_of(struct slot *s, unsigned int page)
{
	return (volatile u64 *)(s->view + page * PAGE_4K);
}

static u64 stamp_of(struct slot *s, unsigned int page)
{
	return slot_stamp(s, TAG_STAMP) + s->iova + page * PAGE_4K;
}

/* From a page of one slot into a page of another. */
static void check_copy(struct seat *seat, struct edu *edu, struct slot *from, struct slot *to,
		       unsigned int *seed)
{
	unsigned int p = draw(seed, from->pages - 1), q = draw(seed, to->pages - 1);
	u64 wanted = stamp_of(from, p), found;

	transfer(seat, edu, OP_EDU, from->box, from->iova + p * PAGE_4K, false);
	if (!slot_exact(from))
		return;
	transfer(seat, edu, OP_EDU, to->box, to->iova + q * PAGE_4K, true);
	if (!slot_exact(to) || !slot_exact(from))
		return;
	found = *word_of(to, q);
	*word_of(to, q) = stamp_of(to, q);
	r->checks++;
	if (from->state == UNMAPPED || from->split ? word_tag(found) == TAG_UNUSED :
						     found != wanted)
		violation(seat, "DMA from %#llx (state %d%s) to %#llx: found %#llx, not %#llx",
			  from->iova + p * PAGE_4K, from->state, from->split ? ", split" : "",
			  to->iova + q * PAGE_4K, found, wanted);
}

/* To what is not mapped, or only for reading. */
static void check_refused(struct seat *seat, struct edu *edu, struct slot *s, unsigned int *seed)
{
	u64 iova = s->iova + draw(seed, s->pages - 1) * PAGE_4K;

	transfer(seat, edu, OP_EDU, s->box, iova, true);
	if (!slot_exact(s))
		return;
	if (s->state == UNMAPPED)
		slot_check_unused(seat, s, s->view);
	else if (!s->split)
		slot_check_view(seat, s);
}

static bool writable(const struct slot *s)
{
	return s->state != UNMAPPED && s->prot & VFIO_DMA_MAP_FLAG_WRITE && !s->split;
}

void edu_check(struct seat *seat, struct edu *edu, struct box *box, unsigned int *seed)
{
	struct slot *a = slot_lock_random(box, seed), *b = NULL;
	unsigned int tries = 30;

	slot_catch_up(seat, a);
	if (slot_lost(seat, a))
		goto unlock;
	if (!writable(a) && !a->split && draw(seed, 2)) {
		check_refused(seat, edu, a, seed);
		goto unlock;
	}
	while (tries--) {
		b = slot_lock_random(box, seed);
		slot_catch_up(seat, b);
		if (!slot_lost(seat, b) && writable(b))
			break;
		slot_unlock(b);
		b = NULL;
	}
	if (b)
		check_copy(seat, edu, a, b, seed);
unlock:
	if (b) {
		slot_lost(seat, b);
		slot_unlock(b);
	}
	slot_lost(seat, a);
	slot_unlock(a);
}

/* Into the last page of any slot, whatever its state: that is as it happens. */
void edu_race(struct seat *seat, struct edu *edu, struct box *box, unsigned int *seed)
{
	u64 from = slot_race_iova(slot_of(box->nr, draw(seed, SLOTS)));
	u64 to = slot_race_iova(slot_of(box->nr, draw(seed, SLOTS)));

	transfer(seat, edu, OP_EDU_RACE, box, from, false);
	transfer(seat, edu, OP_EDU_RACE, box, to, true);
}

void *edu_run(void *arg)
{
	struct worker *w = arg;
	struct box *box = &r->box[w->nr];

	while (!r->over) {
		rest();
		if (r->enabled[OP_EDU])
			edu_check(w->seat, &box->edu, box, &w->seed);
		rest();
		if (r->enabled[OP_EDU_RACE] && draw(&w->seed, 2))
			edu_race(w->seat, &box->edu, box, &w->seed);
	}
	return NULL;
}
