/* SPDX-License-Identifier: GPL-2.0-only */
/* A stretch of iova with memory of its own, and what must be true of it. */
#ifndef TYPE1P_RACE_SLOT_H
#define TYPE1P_RACE_SLOT_H

#include <stdatomic.h>

#include "race.h"

enum slot_state {
	UNMAPPED,
	VALID,
	INVALID,
};

/* What a page's first word begins with. */
#define TAG_STAMP	0x5354ULL	/* put there by the slot's owner */
#define TAG_RACE	0x5243ULL	/* by a device, into the last page */
#define TAG_UNUSED	0x554eULL	/* nobody may write there, or read */
#define TAG_FIGHT	0x4654ULL
#define TAG_KID		0x4b49ULL

static inline u64 word_tag(u64 word)
{
	return word >> 48;
}

/**
 * struct slot - see there
 * @lock: of all; one thread at a time makes calls on it
 * @box: its container
 * @iova: first iova
 * @pages: how many
 * @shared: its memory is a file's, @fd from its beginning
 * @view: where we see its memory
 * @at: its vaddr: @view, or another mapping of the file
 * @other: as much memory, unused
 * @state: as known at @sweep of the box
 * @prot: VFIO_DMA_MAP_FLAG_...
 * @gen: makes stamps differ
 * @split: the user has other pages now than the IOMMU
 * @held: a device has pages pinned
 * @ours: this process pays for it
 * @owner: another process that replaced its vaddr, and is alive; or 0
 * @orphan: that one died while the vaddr was its own
 * @pinners: devices that pin the last page, or are about to; without the lock
 * @wiped: how often memory of it was marked unused
 */
struct slot {
	pthread_mutex_t lock;
	struct box *box;
	u64 iova;
	unsigned int pages;
	bool shared;
	int fd;
	char *view;
	char *at;
	char *other;
	enum slot_state state;
	u32 prot;
	u32 gen;
	bool split;
	bool held;
	bool ours;
	pid_t owner;
	bool orphan;
	atomic_uint pinners;
	atomic_uint wiped;
	unsigned int sweep;
};

int slots_setup(void);
void slots_free(void);
struct slot *slot_of(int box, unsigned int nr);
struct slot *slot_lock_random(struct box *box, unsigned int *seed);
void slot_lock(struct slot *s);
/* What others have done to all slots since it was last locked. */
void slot_catch_up(struct seat *seat, struct slot *s);
void slot_unlock(struct slot *s);

static inline u64 slot_size(const struct slot *s)
{
	return s->pages * PAGE_4K;
}

static inline u64 slot_race_iova(const struct slot *s)
{
	return s->iova + slot_size(s) - PAGE_4K;
}

/* Nobody has swept the box since the slot was locked, so results are exact. */
bool slot_exact(const struct slot *s);
/* If not, unmaps it and goes on from there: returns true. */
bool slot_lost(struct seat *seat, struct slot *s);
/* @ret must be @want, if that is exact. */
int slot_expect(struct seat *seat, struct slot *s, int ret, int want);

u64 slot_stamp(const struct slot *s, u64 tag);
void slot_mark_used(struct slot *s);
void slot_mark_unused(struct slot *s, char *mem);
/* Nobody has written to it since. */
void slot_check_unused(struct seat *seat, struct slot *s, char *mem);
/* All pages as they were stamped, for the user. */
void slot_check_view(struct seat *seat, struct slot *s);
void slot_gone(struct seat *seat, struct slot *s);
/* Maps the file at another place, or moves the memory there. */
void slot_move(struct slot *s);
void slot_release_owner(struct slot *s);

#endif
