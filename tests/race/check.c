// SPDX-License-Identifier: GPL-2.0-only
/* When all stand still: what the module says against what must be. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "slot.h"

#define DEBUGFS	"/sys/kernel/debug/vfio_iommu_type1p"
#define LINE	"iova %llx size %llx prot %3s state %11s vaddr %11s pinned_bytes %llu " \
		"device_pins %ld"

struct line {
	u64 iova;
	u64 size;
	char prot[4];
	char state[12];
	char vaddr[12];
	u64 pinned;
	long device_pins;
};

struct sum {
	u32 ranges;
	u64 fight;		/* bytes */
	char pages[FIGHT_PAGES];	/* of those: 'v', 'i' for valid and invalid, or 0 */
	u64 locked;		/* bytes that this process pays for */
};

static void check_slot(struct seat *seat, struct slot *s, const struct line *line)
{
	bool writes = s->prot & VFIO_DMA_MAP_FLAG_WRITE;

	if (s->state == UNMAPPED)
		violation(seat, "a range is still there");
	else if (line->size != slot_size(s) || strcmp(line->state, "live") ||
		 strcmp(line->vaddr, s->state == VALID ? "valid" : "invalid") ||
		 strcmp(line->prot, writes ? "rw" : "r"))
		violation(seat, "range of %llu bytes, %s, %s, vaddr %s; want %llu, %s, state %d",
			  line->size, line->prot, line->state, line->vaddr, slot_size(s),
			  writes ? "rw" : "r", s->state);
	r->checks++;
}

static void check_line(struct seat *seat, struct box *box, const struct line *line,
		       struct sum *sum)
{
	u64 pinned = box->has_edu ? line->size : line->device_pins * PAGE_4K;
	struct slot *s = NULL;

	seat->iova = line->iova;
	sum->ranges++;
	if (line->iova >= FIGHT_IOVA) {
		sum->fight += line->size;
		if (line->iova + line->size > FIGHT_IOVA + FIGHT_PAGES * PAGE_4K)
			violation(seat, "a range that nobody has mapped");
		else
			memset(sum->pages + (line->iova - FIGHT_IOVA) / PAGE_4K, line->vaddr[0],
			       line->size / PAGE_4K);
	} else {
		s = slot_of(box->nr, line->iova / SLOT_STRIDE - 1);
		check_slot(seat, s, line);
	}
	if (line->pinned != pinned)
		violation(seat, "%llu of %llu bytes count as pinned; %ld device pins",
			  line->pinned, line->size, line->device_pins);
	if (!s || s->ours)
		sum->locked += line->pinned;
}

static unsigned int slots_mapped(struct box *box, u64 *fight)
{
	unsigned int nr, mapped = 0;

	for (nr = 0; nr < SLOTS; nr++)
		mapped += slot_of(box->nr, nr)->state != UNMAPPED;
	*fight = box->mapped;
	return mapped;
}

static void check_ranges(struct seat *seat, struct box *box, struct sum *sum)
{
	unsigned int in_slots = 0;
	struct line line;
	char path[100], text[256];
	FILE *file;
	u64 fight;

	snprintf(path, sizeof(path), DEBUGFS "/%llu/ranges", box->debug_id);
	file = fopen(path, "re");
	if (!file) {
		violation(seat, "%s: error %d", path, errno);
		return;
	}
	while (fgets(text, sizeof(text), file)) {
		if (sscanf(text, LINE, &line.iova, &line.size, line.prot, line.state,
			   line.vaddr, &line.pinned, &line.device_pins) != 7)
			violation(seat, "not understood: %s", text);
		check_line(seat, box, &line, sum);
		in_slots += line.iova < FIGHT_IOVA;
	}
	fclose(file);
	seat->iova = 0;
	if (in_slots != slots_mapped(box, &fight))
		violation(seat, "%u ranges in slots, not %u", in_slots, slots_mapped(box, &fight));
	if (!box->quiet && sum->fight != fight)
		violation(seat, "%llu bytes are mapped where threads fight; maps less unmaps: %llu",
			  sum->fight, fight);
}

/* Whether a device finds a word, or nothing. */
static void probe(struct seat *seat, struct box *box, u64 iova, bool mapped, u64 want)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_READ, .by = TYPE1P_EMULATED_WORK, .iova = iova, .size = 8,
	};
	u64 word = 0;
	int ret;

	order.data = (uintptr_t)&word;
	seat->iova = iova;
	ret = emulated_order(box->device, &order);
	if (ret != (mapped ? 0 : -EINVAL) || (!ret && word != want))
		violation(seat, "%s, but a read returned %d and found %#llx, not %#llx",
			  mapped ? "mapped" : "not mapped", ret, word, want);
	r->checks++;
}

static void probe_box(struct seat *seat, struct box *box, const struct sum *sum)
{
	unsigned int i;
	struct slot *s;

	for (i = 0; i < FIGHT_PAGES; i += 5)
		if (sum->pages[i] != 'i' || box->has_edu)
			probe(seat, box, FIGHT_IOVA + i * PAGE_4K, sum->pages[i],
			      *(u64 *)(box->fight + i * PAGE_4K));
	for (i = 0; i < SLOTS; i++) {
		s = slot_of(box->nr, i);
		if (!s->orphan && !s->split && (s->state != INVALID || box->has_edu))
			probe(seat, box, s->iova, s->state != UNMAPPED,
			      slot_stamp(s, TAG_STAMP) + s->iova);
	}
}

/* Who is in a container in which something is wrong. */
static void print_groups(const struct box *box)
{
	char path[100], text[256];
	FILE *file;

	snprintf(path, sizeof(path), DEBUGFS "/%llu/groups", box->debug_id);
	file = fopen(path, "re");
	while (file && fgets(text, sizeof(text), file))
		printf("# group: %s", text);
	if (file)
		fclose(file);
}

static void check_box(struct seat *seat, struct box *box, u64 *locked)
{
	struct container_info info;
	struct sum sum = {};

	begin(seat, OP_INFO, box->nr, 0);
	check_ranges(seat, box, &sum);
	if (box->device >= 0)
		probe_box(seat, box, &sum);
	if (container_info(box->fd, &info) || info.avail != box->limit - sum.ranges)
		violation(seat, "%u of %u entries left, but %u ranges", info.avail, box->limit,
			  sum.ranges);
	r->checks++;
	if (r->failed)
		print_groups(box);
	end(seat, 0);
	*locked += sum.locked;
}

/* What the killed held is given back a moment after they are gone. */
static bool settles(s64 (*now)(void), s64 want, s64 *last)
{
	unsigned int tries = 100;

	do {
		*last = now();
		if (*last == want)
			return true;
		usleep(50000);
	} while (tries--);
	return false;
}

static void empty_all(struct seat *seat)
{
	struct slot *s;
	unsigned int i, nr;

	for (i = 0; i < r->boxes; i++) {
		begin(seat, OP_SWEEP, i, 0);
		judge(seat, iova_unmap_flags(r->box[i].fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL), 0);
		r->box[i].mapped = 0;
		for (nr = 0; nr < SLOTS; nr++) {
			s = slot_of(i, nr);
			slot_gone(seat, s);
		}
	}
}

void checkpoint(struct seat *seat, bool empty)
{
	unsigned int i, nr;
	u64 locked = 0;
	s64 now;

	for (i = 0; i < r->boxes; i++)
		for (nr = 0; nr < SLOTS; nr++) {
			slot_catch_up(seat, slot_of(i, nr));
			seat->box = i;
			seat->iova = slot_of(i, nr)->iova;
			slot_lost(seat, slot_of(i, nr));
			if (slot_of(i, nr)->state == UNMAPPED)
				slot_check_unused(seat, slot_of(i, nr), slot_of(i, nr)->view);
			slot_check_unused(seat, slot_of(i, nr), slot_of(i, nr)->other);
		}
	if (empty)
		empty_all(seat);
	for (i = 0; i < r->boxes && !r->failed; i++)
		check_box(seat, &r->box[i], &locked);
	if (r->failed)
		return;
	begin(seat, OP_INFO, -1, 0);
	if (!settles(mem_locked, locked, &now))
		violation(seat, "%lld bytes of locked memory, but ranges have %llu", now, locked);
	if (empty && !settles(pins_held, r->pins, &now))
		violation(seat, "%lld pages are pinned, all ranges being unmapped; %lld at first",
			  now, r->pins);
	end(seat, 0);
	r->checks += 2;
	r->checkpoints++;
}
