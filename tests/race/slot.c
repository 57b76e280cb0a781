// SPDX-License-Identifier: GPL-2.0-only
/* Slots: their memory, and what is known of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slot.h"

/* From a few pages to more than a batch, and more than 2 MiB. */
static const unsigned int sizes[SLOTS] = {
	8, 4, 16, 8, 2, 600, 32, 8, 4, 8, 64, 4, 2, 16, 5, 8, 3, 8, 1100, 6, 4, 8, 20, 4,
};

static struct slot slots[MAX_BOXES][SLOTS];

struct slot *slot_of(int box, unsigned int nr)
{
	return &slots[box][nr];
}

u64 slot_stamp(const struct slot *s, u64 tag)
{
	return tag << 48 | (u64)(s->gen & 0xfff) << 36 | (u64)s->box->nr << 32;
}

static void stamp(const struct slot *s, char *mem, u64 tag)
{
	emulated_stamp(mem, s->iova, slot_size(s), slot_stamp(s, tag));
}

static int slot_setup(struct slot *s, struct box *box, unsigned int nr)
{
	*s = (struct slot){ .box = box, .shared = nr % 3 == 1, .fd = -1,
			    .iova = (nr + 1) * SLOT_STRIDE,
			    .pages = sizes[nr] };
	pthread_mutex_init(&s->lock, NULL);
	if (s->shared) {
		s->fd = memfd_create("race", MFD_CLOEXEC);
		if (s->fd < 0 || ftruncate(s->fd, slot_size(s)))
			return -errno;
		s->view = mmap(NULL, slot_size(s), PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	} else {
		s->view = mem_alloc(slot_size(s), MEM_4K);
	}
	s->other = mem_alloc(slot_size(s), MEM_4K);
	if (!s->view || s->view == MAP_FAILED || !s->other)
		return -ENOMEM;
	s->at = s->view;
	stamp(s, s->view, TAG_UNUSED);
	stamp(s, s->other, TAG_UNUSED);
	return 0;
}

int slots_setup(void)
{
	unsigned int box, nr;
	int ret;

	for (box = 0; box < r->boxes; box++)
		for (nr = 0; nr < SLOTS; nr++) {
			ret = slot_setup(&slots[box][nr], &r->box[box], nr);
			if (ret)
				return ret;
		}
	return 0;
}

bool slot_exact(const struct slot *s)
{
	return s->box->sweep == s->sweep;
}

void slot_mark_used(struct slot *s)
{
	s->gen++;
	stamp(s, s->view, TAG_STAMP);
}

void slot_mark_unused(struct slot *s, char *mem)
{
	s->wiped++;
	stamp(s, mem, TAG_UNUSED);
}

static void check_words(struct seat *seat, struct slot *s, char *mem, unsigned int pages,
			u64 tag, const char *what)
{
	u64 first = slot_stamp(s, tag), at, word;

	for (at = 0; at < pages * PAGE_4K; at += PAGE_4K) {
		word = *(volatile u64 *)(mem + at);
		if (word == first + s->iova + at ||
		    (tag == TAG_UNUSED && word_tag(word) == TAG_UNUSED))
			continue;
		violation(seat, "%s: page %llu has %#llx, not %#llx", what, at / PAGE_4K, word,
			  first + s->iova + at);
		return;
	}
	r->checks++;
}

void slot_check_unused(struct seat *seat, struct slot *s, char *mem)
{
	check_words(seat, s, mem, s->pages, TAG_UNUSED, "written to when it was unused");
}

void slot_check_view(struct seat *seat, struct slot *s)
{
	check_words(seat, s, s->view, s->pages - 1, TAG_STAMP, "memory of the user's");
}

void slot_release_owner(struct slot *s)
{
	if (!s->owner)
		return;
	kill(s->owner, SIGKILL);
	waitpid(s->owner, NULL, 0);
	s->owner = 0;
}

void slots_free(void)
{
	unsigned int box, nr;

	for (box = 0; box < r->boxes; box++)
		for (nr = 0; nr < SLOTS; nr++)
			slot_release_owner(slot_of(box, nr));
}

/* It is unmapped, so nobody may use its memory from now on. */
void slot_gone(struct seat *seat, struct slot *s)
{
	if (s->state != UNMAPPED && !s->split)
		slot_check_view(seat, s);
	s->state = UNMAPPED;
	s->split = false;
	s->held = false;
	s->orphan = false;
	slot_release_owner(s);
	if (s->at != s->view)
		munmap(s->at, slot_size(s));
	s->at = s->view;
	slot_mark_unused(s, s->view);
}

/* What others have done to all slots since. */

void slot_catch_up(struct seat *seat, struct slot *s)
{
	unsigned int now = s->box->sweep;

	if (now == s->sweep || now % 2)
		return;
	if (s->box->unmapped > s->sweep)
		slot_gone(seat, s);
	else if (s->box->invalid > s->sweep && s->state == VALID)
		s->state = INVALID;
	s->sweep = now;
}

bool slot_lost(struct seat *seat, struct slot *s)
{
	u64 done;
	int ret;

	if (slot_exact(s))
		return false;
	do {
		while (s->box->sweep % 2 && !r->failed)
			usleep(200);
		s->sweep = s->box->sweep;
		done = 0;
		begin(seat, OP_UNMAP, s->box->nr, s->iova);
		ret = judge(seat, iova_unmap(s->box->fd, s->iova, slot_size(s), &done), 0);
		if (!ret && done && done != slot_size(s))
			violation(seat, "unmapped %llu bytes", done);
	} while (!slot_exact(s) && !r->failed);
	/* Its memory may be half way between two states. */
	s->split = true;
	slot_gone(seat, s);
	return true;
}

void slot_lock(struct slot *s)
{
	pthread_mutex_lock(&s->lock);
}

struct slot *slot_lock_random(struct box *box, unsigned int *seed)
{
	struct slot *s;

	do
		s = &slots[box->nr][draw(seed, SLOTS)];
	while (pthread_mutex_trylock(&s->lock));
	return s;
}

void slot_unlock(struct slot *s)
{
	pthread_mutex_unlock(&s->lock);
}

int slot_expect(struct seat *seat, struct slot *s, int ret, int want)
{
	end(seat, ret);
	if (!slot_exact(s)) {
		if (ret < 0 && ret != want && ret != -EINVAL && ret != -ENOENT && ret != -EEXIST &&
		    ret != -EAGAIN)
			violation(seat, "error %d, but for a sweep of all it should be %d",
				  ret, want);
		return -ESTALE;
	}
	r->checks++;
	if (ret != want)
		violation(seat, "%s of %u pages (state %d, prot %u%s%s%s): returned %d, not %d",
			  s->shared ? "file" : "memory", s->pages, s->state, s->prot,
			  s->split ? ", split" : "", s->held ? ", held" : "",
			  s->owner ? ", of another process" : "", ret, want);
	return ret;
}

void slot_move(struct slot *s)
{
	char *to;

	if (s->shared) {
		to = mmap(NULL, slot_size(s), PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
		if (to == MAP_FAILED)
			return;
		if (s->at != s->view)
			munmap(s->at, slot_size(s));
		s->at = to;
		return;
	}
	to = mmap(NULL, slot_size(s), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (to == MAP_FAILED)
		return;
	to = mremap(s->view, slot_size(s), slot_size(s), MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (to == MAP_FAILED)
		return;
	s->view = to;
	s->at = to;
}
