// SPDX-License-Identifier: GPL-2.0-only
/* What the one who has locked a slot does to it, and must find. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slot.h"

#define LOOK_PAGES	16

/* How often one does what, where a slot's state does not say. */
static const unsigned int weights[OP_INFO + 1] = {
	[OP_MAP] = 10,
	[OP_UNMAP] = 8,
	[OP_BITMAP] = 2,
	[OP_INVALIDATE] = 6,
	[OP_REPLACE] = 3,
	[OP_SWAP] = 4,
	[OP_ADOPT] = 2,
	[OP_WRONG] = 2,
	[OP_READ] = 8,
	[OP_WRITE] = 6,
	[OP_PIN] = 6,
	[OP_HOLD] = 2,
	[OP_MEMORY] = 2,
	[OP_DIRTY] = 3,
	[OP_INFO] = 1,
};

struct act {
	struct seat *seat;
	struct slot *s;
	unsigned int *seed;
};

static int call_map(struct act *a, enum operation op, char *mem, u32 flags, int want)
{
	struct slot *s = a->s;

	begin(a->seat, op, s->box->nr, s->iova);
	return slot_expect(a->seat, s,
			   iova_map_flags(s->box->fd, mem, s->iova, slot_size(s), flags), want);
}

/* @want: bytes or an error. */
static int call_unmap(struct act *a, enum operation op, u64 size, u32 flags, s64 want)
{
	struct slot *s = a->s;
	u64 done = 0;
	int ret;

	begin(a->seat, op, s->box->nr, s->iova);
	ret = iova_unmap_flags(s->box->fd, s->iova, size, flags, &done);
	ret = slot_expect(a->seat, s, ret, want < 0 ? want : 0);
	if (!ret && want >= 0 && done != (u64)want && slot_exact(s))
		violation(a->seat, "%llu bytes done, not %lld", done, want);
	return ret;
}

static enum type1p_emulated_by draw_by(struct act *a)
{
	static const enum type1p_emulated_by by[] = {
		TYPE1P_EMULATED_KTHREAD, TYPE1P_EMULATED_WORK, TYPE1P_EMULATED_CALLER,
	};

	return by[draw(a->seed, a->s->owner || a->s->orphan ? 2 : 3)];
}

/* Some of the pages that are the owner's alone. */
static void draw_pages(struct act *a, unsigned int *first, unsigned int *pages)
{
	unsigned int most = a->s->pages - 1;

	*first = draw(a->seed, most);
	*pages = 1 + draw(a->seed, most - *first < LOOK_PAGES ? most - *first : LOOK_PAGES);
}

/* The words that a device has found, if it was to find anything. */
static void check_found(struct act *a, const u64 *words, unsigned int first, unsigned int pages)
{
	u64 stamp = slot_stamp(a->s, TAG_STAMP), iova = a->s->iova + first * PAGE_4K;
	unsigned int i;

	for (i = 0; i < pages; i++, iova += PAGE_4K) {
		if (a->s->split ? word_tag(words[i]) != TAG_UNUSED : words[i] == stamp + iova)
			continue;
		violation(a->seat, "a device finds %#llx at %#llx, not %#llx", words[i], iova,
			  stamp + iova);
		return;
	}
	r->checks++;
}

static int access_want(const struct slot *s)
{
	return s->state == UNMAPPED ? -EINVAL : 0;
}

/* One whose owner has just died may still be there, or not. */
static int expect_access(struct act *a, int ret, int want)
{
	if (a->s->orphan && (ret == -EPERM || ret == -ENODEV))
		return judge(a->seat, ret, -EPERM, -ENODEV, 0);
	return slot_expect(a->seat, a->s, ret, want);
}

static void act_read(struct act *a)
{
	char buf[(LOOK_PAGES + 1) * PAGE_4K];
	struct type1p_emulated_order order = { .op = TYPE1P_EMULATED_READ, .by = draw_by(a) };
	unsigned int first, pages, i;
	u64 words[LOOK_PAGES + 1];
	int ret;

	draw_pages(a, &first, &pages);
	order.iova = a->s->iova + first * PAGE_4K;
	order.size = pages * PAGE_4K - draw(a->seed, PAGE_4K - 8);
	order.data = (uintptr_t)buf;
	begin(a->seat, OP_READ, a->s->box->nr, order.iova);
	ret = expect_access(a, emulated_order(a->s->box->device, &order), access_want(a->s));
	for (i = 0; i < pages; i++)
		memcpy(&words[i], buf + i * PAGE_4K, 8);
	if (!ret && slot_exact(a->s) && a->s->state != UNMAPPED)
		check_found(a, words, first, pages);
}

static void act_pin(struct act *a)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_PIN, .by = draw_by(a), .prot = EMULATED_READ,
	};
	unsigned int first, pages;
	u64 words[LOOK_PAGES + 1];
	int ret, want;

	draw_pages(a, &first, &pages);
	order.iova = a->s->iova + first * PAGE_4K;
	order.npages = pages;
	order.data = (uintptr_t)words;
	want = access_want(a->s) ?: (int)pages;
	if (a->s->state != UNMAPPED && !(a->s->prot & VFIO_DMA_MAP_FLAG_WRITE) &&
	    !draw(a->seed, 4)) {
		order.prot |= EMULATED_WRITE;
		want = -EPERM;
	}
	begin(a->seat, OP_PIN, a->s->box->nr, order.iova);
	ret = emulated_order(a->s->box->device, &order);
	expect_access(a, ret, want);
	if (ret <= 0)
		return;
	if (slot_exact(a->s))
		check_found(a, words, first, ret);
	if (a->seat->op == OP_PIN && !draw(a->seed, 4) && r->enabled[OP_HOLD])
		a->s->held = true;
	else
		emulated_unpin(a->s->box->device, order.iova, ret);
}

/* A device writes a word, and the user sees it there. */
static void act_write_page(struct act *a, unsigned int page)
{
	struct type1p_emulated_order order = { .op = TYPE1P_EMULATED_WRITE, .by = draw_by(a) };
	struct slot *s = a->s;
	u64 old = slot_stamp(s, TAG_STAMP) + s->iova + page * PAGE_4K, word = ~old;
	u64 *at = (u64 *)(s->view + page * PAGE_4K);
	int ret, want = access_want(s);

	if (!want && !(s->prot & VFIO_DMA_MAP_FLAG_WRITE))
		want = -EPERM;
	order.iova = s->iova + page * PAGE_4K;
	order.size = 8;
	order.data = (uintptr_t)&word;
	begin(a->seat, OP_WRITE, s->box->nr, order.iova);
	ret = expect_access(a, emulated_order(s->box->device, &order), want);
	if (slot_exact(s) && s->state != UNMAPPED && !s->split &&
	    *(volatile u64 *)at != (ret ? old : word) && !s->orphan)
		violation(a->seat, "write returned %d, and the user finds %#llx, not %#llx", ret,
			  *(volatile u64 *)at, ret ? old : word);
	if (slot_exact(s) && s->state != UNMAPPED && !s->split)
		*(volatile u64 *)at = old;
	r->checks++;
}

static void act_write(struct act *a)
{
	act_write_page(a, draw(a->seed, a->s->pages - 1));
}

static void act_map(struct act *a)
{
	struct slot *s = a->s;
	bool fresh = !draw(a->seed, 2);

	if (s->state != UNMAPPED) {
		call_map(a, OP_MAP, s->at, VFIO_DMA_MAP_FLAG_READ, -EEXIST);
		return;
	}
	slot_check_unused(a->seat, s, s->view);
	s->prot = VFIO_DMA_MAP_FLAG_READ | (draw(a->seed, 4) ? VFIO_DMA_MAP_FLAG_WRITE : 0);
	/* Untouched memory that is only to be read may be the zero page, on 6.1. */
	if (fresh && s->prot & VFIO_DMA_MAP_FLAG_WRITE)
		madvise(s->view, slot_size(s), s->shared ? MADV_REMOVE : MADV_DONTNEED);
	else
		slot_mark_used(s);
	if (s->shared && draw(a->seed, 2))
		slot_move(s);
	if (call_map(a, OP_MAP, s->at, s->prot, 0) == 0) {
		s->state = VALID;
		s->ours = true;
		if (fresh && s->prot & VFIO_DMA_MAP_FLAG_WRITE)
			slot_mark_used(s);
	}
}

static void act_unmap(struct act *a)
{
	struct slot *s = a->s;

	if (s->state != UNMAPPED && !draw(a->seed, 4)) {
		call_unmap(a, OP_UNMAP, slot_size(s) - PAGE_4K, 0, -EINVAL);
		return;
	}
	if (call_unmap(a, OP_UNMAP, slot_size(s), 0, s->state == UNMAPPED ? 0 : slot_size(s)) == 0)
		slot_gone(a->seat, s);
}

static void act_invalidate(struct act *a)
{
	struct slot *s = a->s;
	s64 want = s->state == INVALID ? -EINVAL : s->state == UNMAPPED ? 0 : (s64)slot_size(s);
	int ret = call_unmap(a, OP_INVALIDATE, slot_size(s), VFIO_DMA_UNMAP_FLAG_VADDR, want);

	if (ret || want <= 0)
		return;
	s->state = INVALID;
	slot_release_owner(s);
	/* Whoever uses its vaddr now finds nothing. */
	if (draw(a->seed, 2))
		slot_move(s);
}

static void replaced(struct slot *s)
{
	s->state = VALID;
	s->ours = true;
	s->owner = 0;
	s->orphan = false;
}

static void act_replace(struct act *a)
{
	static const int wants[] = { [UNMAPPED] = -ENOENT, [VALID] = -EINVAL, [INVALID] = 0 };
	struct slot *s = a->s;
	int want = wants[s->state];

	if (call_map(a, OP_REPLACE, s->at, VFIO_DMA_MAP_FLAG_VADDR, want) == 0)
		replaced(s);
}

/* Other memory, where devices reach it by its vaddr only. */
static void act_swap(struct act *a)
{
	struct slot *s = a->s;
	char *old = s->view;

	if (s->shared || !s->box->quiet || s->held || s->state != INVALID)
		return;
	/* What is pinned stays pinned, for whoever pins it again. */
	if (s->pinners)
		return;
	/* The vaddr is invalid: nobody may use it. */
	slot_check_view(a->seat, s);
	slot_mark_unused(s, old);
	slot_check_unused(a->seat, s, s->other);
	s->view = s->other;
	s->at = s->view;
	s->other = old;
	s->split = false;
	slot_mark_used(s);
	if (call_map(a, OP_SWAP, s->at, VFIO_DMA_MAP_FLAG_VADDR, 0) == 0)
		replaced(s);
	slot_check_unused(a->seat, s, old);
}

static void act_wrong(struct act *a)
{
	struct slot *s = a->s;

	/* Of one whose owner was dead nobody knew what was mapped there. */
	if (!s->shared || s->state != INVALID || s->orphan)
		return;
	pthread_rwlock_rdlock(&verify_lock);
	if (verify_on)
		call_map(a, OP_WRONG, s->other, VFIO_DMA_MAP_FLAG_VADDR, -EINVAL);
	pthread_rwlock_unlock(&verify_lock);
}

/* In a child: not even malloc() may be called. */
static void adopt(struct slot *s, atomic_int *result)
{
	char *mem;
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mem = mmap(NULL, slot_size(s), PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	ret = iova_map_flags(s->box->fd, mem, s->iova, slot_size(s), VFIO_DMA_MAP_FLAG_VADDR);
	/* What we have open keeps devices and groups from leaving. */
	close_range(0, ~0U, 0);
	*result = ret;
	for (;;)
		pause();
}

static void act_adopt(struct act *a)
{
	struct slot *s = a->s;
	atomic_int *result;
	pid_t child;
	int ret;

	if (!s->shared || s->state != INVALID)
		return;
	result = mmap(NULL, PAGE_4K, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		return;
	*result = 1;
	begin(a->seat, OP_ADOPT, s->box->nr, s->iova);
	pthread_rwlock_wrlock(&fork_lock);
	child = fork();
	if (!child)
		adopt(s, result);
	pthread_rwlock_unlock(&fork_lock);
	while (child > 0 && *result > 0)
		usleep(500);
	ret = child < 0 ? -EAGAIN : *result;
	munmap(result, PAGE_4K);
	if (slot_expect(a->seat, s, ret, 0) == 0) {
		s->state = VALID;
		s->ours = false;
		s->owner = child;
	}
	if (child > 0 && (s->owner != child || !draw(a->seed, 2))) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		s->orphan = s->owner == child;
		s->owner = 0;
	}
}

static void act_memory(struct act *a)
{
	struct slot *s = a->s;

	begin(a->seat, OP_MEMORY, s->box->nr, s->iova);
	if (s->shared || s->state != VALID) {
		end(a->seat, 0);
		return;
	}
	end(a->seat, madvise(s->view, slot_size(s), MADV_DONTNEED) ? -errno : 0);
	slot_mark_used(s);
	/* What is pinned stays what the device sees. */
	if (!s->box->quiet || s->held)
		s->split = true;
}

static bool bit(const u64 *bits, unsigned int nr)
{
	return bits[nr / 64] >> nr % 64 & 1;
}

static void check_dirty(struct act *a, const u64 *bits, int written)
{
	struct slot *s = a->s;
	unsigned int i;

	for (i = 0; i < s->pages; i++)
		if (!bit(bits, i) && (s->box->has_edu || (int)i == written)) {
			violation(a->seat, "page %u of %u is not dirty", i, s->pages);
			return;
		}
	r->checks++;
}

/* A page that a device has written to is dirty. */
static void act_dirty(struct act *a)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg = { { sizeof(arg), VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP } };
	struct slot *s = a->s;
	unsigned int track = s->box->track;
	u64 bits[1100 / 64 + 1] = {};
	int page = -1, ret;

	if (s->state == VALID && s->prot & VFIO_DMA_MAP_FLAG_WRITE && s->box->device >= 0 &&
	    !s->orphan) {
		page = draw(a->seed, s->pages - 1);
		act_write_page(a, page);
	}
	arg.get = (struct vfio_iommu_type1_dirty_bitmap_get){
		s->iova, slot_size(s), { PAGE_4K, (s->pages + 63) / 64 * 8, (void *)bits },
	};
	begin(a->seat, OP_DIRTY, s->box->nr, s->iova);
	ret = vfio_call(s->box->fd, VFIO_IOMMU_DIRTY_PAGES, &arg);
	if (s->box->track != track || track % 2) {
		judge(a->seat, ret, -EINVAL, 0);
		return;
	}
	ret = slot_expect(a->seat, s, ret, track & 2 ? 0 : -EINVAL);
	if (!ret && slot_exact(s) && s->state != UNMAPPED)
		check_dirty(a, bits, page);
}

static void act_bitmap(struct act *a)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} arg = { { sizeof(arg), VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP } };
	struct slot *s = a->s;
	unsigned int track = s->box->track;
	u64 bits[1100 / 64 + 1] = {};
	int ret;

	arg.unmap.iova = s->iova;
	arg.unmap.size = slot_size(s);
	arg.bitmap = (struct vfio_bitmap){ PAGE_4K, (s->pages + 63) / 64 * 8, (void *)bits };
	begin(a->seat, OP_BITMAP, s->box->nr, s->iova);
	ret = vfio_call(s->box->fd, VFIO_IOMMU_UNMAP_DMA, &arg);
	if (s->box->track != track || track % 2) {
		ret = judge(a->seat, ret, -EINVAL, 0);
	} else {
		ret = slot_expect(a->seat, s, ret, track & 2 ? 0 : -EINVAL);
		if (!ret && slot_exact(s) && s->state != UNMAPPED)
			check_dirty(a, bits, -1);
	}
	if (!ret && slot_exact(s))
		slot_gone(a->seat, s);
}

static void act_info(struct act *a)
{
	struct container_info info;
	int ret;

	begin(a->seat, OP_INFO, a->s->box->nr, 0);
	ret = judge(a->seat, container_info(a->s->box->fd, &info), 0);
	if (!ret && (info.pgsizes & -info.pgsizes) != PAGE_4K)
		violation(a->seat, "page sizes %#llx", info.pgsizes);
}

/* Drivers would wait for one that is invalid, unless its pages are pinned. */
static bool may_access(const struct slot *s)
{
	return s->box->device >= 0 && (s->state != INVALID || s->box->has_edu);
}

static void act_on(struct act *a, enum operation op)
{
	switch (op) {
	case OP_MAP:
		return act_map(a);
	case OP_UNMAP:
		return act_unmap(a);
	case OP_BITMAP:
		return act_bitmap(a);
	case OP_INVALIDATE:
		return act_invalidate(a);
	case OP_REPLACE:
		return act_replace(a);
	case OP_SWAP:
		return act_swap(a);
	case OP_ADOPT:
		return act_adopt(a);
	case OP_WRONG:
		return act_wrong(a);
	case OP_READ:
		return may_access(a->s) ? act_read(a) : (void)0;
	case OP_WRITE:
		return may_access(a->s) ? act_write(a) : (void)0;
	case OP_PIN:
		return may_access(a->s) ? act_pin(a) : (void)0;
	case OP_MEMORY:
		return act_memory(a);
	case OP_DIRTY:
		return act_dirty(a);
	case OP_INFO:
		return act_info(a);
	default:
		return;
	}
}

/* What brings a slot on: otherwise too many would have nothing to be found. */
static enum operation draw_next(const struct slot *s, unsigned int *seed)
{
	static const enum operation file_ops[] = { OP_REPLACE, OP_ADOPT, OP_WRONG };
	enum operation op = OP_MAP;

	if (s->state == INVALID && s->shared)
		op = file_ops[draw(seed, ARRAY_SIZE(file_ops))];
	else if (s->state == INVALID)
		op = s->box->quiet && !s->held ? OP_SWAP : OP_REPLACE;
	return r->enabled[op] ? op : OP_REPLACE;
}

static enum operation draw_op(const struct slot *s, unsigned int *seed)
{
	unsigned int total = 0, at;
	enum operation op;

	if (s->state != VALID && draw(seed, 2))
		return draw_next(s, seed);
	for (op = 0; op <= OP_INFO; op++)
		total += r->enabled[op] ? weights[op] : 0;
	at = draw(seed, total);
	for (op = 0; op <= OP_INFO; op++) {
		if (!r->enabled[op])
			continue;
		if (at < weights[op])
			break;
		at -= weights[op];
	}
	return op;
}

void *act_run(void *arg)
{
	struct worker *w = arg;
	struct act a = { w->seat, NULL, &w->seed };
	unsigned int steps;

	while (!r->over) {
		rest();
		a.s = slot_lock_random(&r->box[draw(&w->seed, r->boxes)], &w->seed);
		slot_catch_up(w->seat, a.s);
		for (steps = 1 + draw(&w->seed, 6); steps && !r->over; steps--) {
			if (slot_lost(w->seat, a.s))
				break;
			act_on(&a, draw_op(a.s, &w->seed));
		}
		slot_lost(w->seat, a.s);
		/* As long as there is one without a vaddr no group can come. */
		if (a.s->state == INVALID && draw(&w->seed, 4))
			act_replace(&a);
		slot_lost(w->seat, a.s);
		slot_unlock(a.s);
	}
	return NULL;
}
