// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages: which ones may have been written to since they were last read.
 *
 * Bits are set atomically by whoever writes, and read by exchange: reading stops
 * nobody. What device drivers have pinned counts as written to all the time, and
 * everything does that a device can reach whose driver does not pin.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "type1p.h"

/* Words to look at before others may have the CPU. */
#define CHUNK	512UL

static struct t1p_dirty *dirty_of(struct t1p_container *c,
				  struct t1p_range *range)
{
	return rcu_dereference_protected(range->dirty,
					 lockdep_is_held(&c->lock) ||
					 lockdep_is_held(&c->dirty_lock));
}

/* To store a word of ones loses nothing, whoever takes it out meanwhile. */
static void set_bits(struct t1p_dirty *dirty, u64 bit, u64 last)
{
	while (bit <= last) {
		if (bit % BITS_PER_LONG || last - bit < BITS_PER_LONG - 1) {
			set_bit(bit++, dirty->words);
		} else {
			WRITE_ONCE(dirty->words[bit / BITS_PER_LONG], ~0UL);
			bit += BITS_PER_LONG;
		}
	}
}

/**
 * t1p_dirty_mark() - note that memory may have been written to
 * @range: the range
 * @offset: where in it, in bytes
 * @size: how many bytes, at least 1
 *
 * Context: any.
 */
void t1p_dirty_mark(struct t1p_range *range, u64 offset, u64 size)
{
	struct t1p_dirty *dirty;

	rcu_read_lock();
	dirty = rcu_dereference(range->dirty);
	if (dirty) {
		/* Whoever reads the bits then reads what was written. */
		smp_wmb();
		set_bits(dirty, offset >> dirty->shift,
			 (offset + size - 1) >> dirty->shift);
	}
	rcu_read_unlock();
}

/**
 * t1p_dirty_mark_all() - note that any memory may have been written to
 * @c: the container
 *
 * Context: domains_sem held for writing.
 */
void t1p_dirty_mark_all(struct t1p_container *c)
{
	struct t1p_range *range;
	u64 offset, size, step = (u64)CHUNK * BITS_PER_LONG << PAGE_SHIFT;

	lockdep_assert_held_write(&c->domains_sem);
	t1p_for_each_range(c, range, 0, U64_MAX) {
		size = t1p_span_size(&range->span);
		for (offset = 0; offset < size; offset += step) {
			t1p_dirty_mark(range, offset, min(step, size - offset));
			cond_resched();
		}
	}
}

/**
 * t1p_dirty_free() - forget the dirty bits of a range
 * @range: the range; the caller may change its bits, or is the last who knows it
 */
void t1p_dirty_free(struct t1p_range *range)
{
	struct t1p_dirty *dirty = rcu_replace_pointer(range->dirty, NULL, true);

	if (dirty)
		kvfree_rcu(dirty, rcu);
}

/**
 * t1p_dirty_prepare() - give a range its dirty bits, all clear
 * @c: its container
 * @range: the range
 *
 * Context: may sleep; hold no lock but dirty_lock. Charged to the caller's memcg.
 * Return: 0; -EINVAL when the ABI knows no bitmap so large; -ENOMEM.
 */
int t1p_dirty_prepare(struct t1p_container *c, struct t1p_range *range)
{
	unsigned int shift = __ffs(t1p_container_pgsize(c));
	u64 bits = t1p_span_size(&range->span) >> shift;
	struct t1p_dirty *dirty;

	if (bits > INT_MAX)
		return -EINVAL;
	dirty = kvzalloc(struct_size(dirty, words, BITS_TO_LONGS(bits)),
			 GFP_KERNEL_ACCOUNT);
	if (!dirty)
		return -ENOMEM;
	dirty->shift = shift;
	dirty->bits = bits;

	mutex_lock(&c->lock);
	if (!dirty_of(c, range)) {
		rcu_assign_pointer(range->dirty, dirty);
		dirty = NULL;
	}
	mutex_unlock(&c->lock);
	kvfree(dirty);
	return 0;
}

/* The lowest range from an iova on that lives without dirty bits. */
static struct t1p_range *lacking(struct t1p_container *c, u64 from)
{
	struct t1p_range *range;

	lockdep_assert_held(&c->lock);
	t1p_for_each_range(c, range, from, U64_MAX)
		if (range->state != T1P_MAPPING && !dirty_of(c, range))
			return range;
	return NULL;
}

/* Start tracking if nothing is lacking; else tell what is. */
static struct t1p_range *try_start(struct t1p_container *c, u64 from)
{
	struct t1p_range *range;

	mutex_lock(&c->lock);
	range = lacking(c, from);
	if (!range && from)
		range = lacking(c, 0);
	if (range)
		t1p_range_get(range);
	else
		WRITE_ONCE(c->tracking, true);
	mutex_unlock(&c->lock);
	return range;
}

static void forget_all(struct t1p_container *c)
{
	struct t1p_range *range;

	mutex_lock(&c->lock);
	WRITE_ONCE(c->tracking, false);
	t1p_for_each_range(c, range, 0, U64_MAX)
		t1p_dirty_free(range);
	mutex_unlock(&c->lock);
}

/**
 * t1p_dirty_start() - start dirty tracking, unless it is on
 * @c: the container
 *
 * Return: 0 or the errno for user space.
 */
int t1p_dirty_start(struct t1p_container *c)
{
	struct t1p_range *range;
	u64 from = 0;
	int ret = 0;

	if (mutex_lock_killable(&c->dirty_lock))
		return -EINTR;
	while (!c->tracking && !ret && (range = try_start(c, from))) {
		ret = fatal_signal_pending(current) ? -EINTR :
			t1p_dirty_prepare(c, range);
		from = range->span.last;
		t1p_range_put(range);
	}
	if (ret)
		forget_all(c);
	mutex_unlock(&c->dirty_lock);
	return ret;
}

/**
 * t1p_dirty_stop() - stop dirty tracking
 * @c: the container
 *
 * Return: 0 or -EINTR.
 */
int t1p_dirty_stop(struct t1p_container *c)
{
	if (mutex_lock_killable(&c->dirty_lock))
		return -EINTR;
	if (c->tracking)
		forget_all(c);
	mutex_unlock(&c->dirty_lock);
	return 0;
}

/* Whether a device may have written to any page of the range. */
static bool all_dirty(struct t1p_container *c, const struct t1p_range *range)
{
	bool all;

	mutex_lock(&c->lock);
	all = c->unpinned_groups && t1p_has_pieces(range);
	mutex_unlock(&c->lock);
	return all;
}

static void put_back(struct t1p_dirty *dirty, unsigned long i, u64 word)
{
	unsigned long old = READ_ONCE(dirty->words[i]);

	while (!try_cmpxchg(&dirty->words[i], &old, old | word))
		;
}

/**
 * struct report - where the bits of a range go
 * @user: where the word with the first of them goes
 * @shift: where in that word it goes
 * @carry: what of the word before goes into the next
 */
struct report {
	u64 __user *user;
	unsigned int shift;
	u64 carry;
};

/* User space gets neither this word nor the rest of the one before. */
static int report_failed(struct t1p_dirty *dirty, const struct report *r,
			 unsigned long i, u64 word)
{
	if (word)
		put_back(dirty, i, word);
	if (i && r->shift)
		put_back(dirty, i - 1, r->carry << (64 - r->shift));
	return -EFAULT;
}

/* Some words, with those bits set that are in @ones too. */
static __always_inline int
report_shifted(struct t1p_dirty *dirty, struct report *r, unsigned long i,
	       unsigned long end, u64 ones, unsigned int shift)
{
	u64 out, word = 0, carry = r->carry;
	u64 __user *user = r->user;

	if (!user_access_begin(user + i, (end - i) * sizeof(out)))
		return report_failed(dirty, r, i, 0);
	for (; i < end; i++) {
		/* An exchange costs much, and most words have no bits. */
		word = READ_ONCE(dirty->words[i]);
		if (word)
			word = xchg(&dirty->words[i], 0);
		word |= ones;
		out = word << shift | carry;
		unsafe_put_user(out, user + i, failed);
		carry = word >> 1 >> (63 - shift);
	}
	user_access_end();
	r->carry = carry;
	return 0;
failed:
	user_access_end();
	r->carry = carry;
	return report_failed(dirty, r, i, word);
}

/* Most ranges begin with a word: a short loop for those. */
static int report_words(struct t1p_dirty *dirty, struct report *r,
			unsigned long i, unsigned long end, u64 ones)
{
	return r->shift ? report_shifted(dirty, r, i, end, ones, r->shift) :
			  report_shifted(dirty, r, i, end, ones, 0);
}

static int report_all(struct t1p_dirty *dirty, struct report *r, bool all)
{
	unsigned long i, end, tail = dirty->bits % BITS_PER_LONG;
	unsigned long full = dirty->bits / BITS_PER_LONG;
	int ret = 0;

	for (i = 0; i < full && !ret; i = end) {
		end = min(i + CHUNK, full);
		ret = report_words(dirty, r, i, end, all ? U64_MAX : 0);
		cond_resched();
	}
	if (!ret && tail)
		ret = report_words(dirty, r, i++, full + 1,
				   all ? BIT(tail) - 1 : 0);
	/* What is carried out of the last word may be no bits at all. */
	if (!ret && r->shift + (tail ?: BITS_PER_LONG) > BITS_PER_LONG &&
	    put_user(r->carry, r->user + i))
		ret = report_failed(dirty, r, i, 0);
	return ret;
}

/**
 * t1p_dirty_report() - hand the dirty bits of one range to user space
 * @c: its container
 * @range: the range, with a reference
 * @base: the iova that bit 0 stands for
 * @bitmap: the user's bitmap
 *
 * The bits are clear afterwards. A word that the range shares with what lies
 * before it keeps the bits that user space has in it.
 *
 * Context: dirty_lock held.
 * Return: 0; -EFAULT, and what was not handed over is still dirty; -EINVAL when
 * the page size has changed since tracking began.
 */
int t1p_dirty_report(struct t1p_container *c, struct t1p_range *range, u64 base,
		     const struct vfio_bitmap *bitmap)
{
	struct t1p_dirty *dirty = dirty_of(c, range);
	struct report r = { .user = (u64 __user *)bitmap->data };
	bool all = all_dirty(c, range);
	u64 first;

	lockdep_assert_held(&c->dirty_lock);
	if (!dirty)
		return 0;
	if (bitmap->pgsize != BIT_ULL(dirty->shift))
		return -EINVAL;
	t1p_pins_mark(range);

	first = (range->span.iova - base) >> dirty->shift;
	r.user += first / 64;
	r.shift = first % 64;
	if (r.shift && copy_from_user(&r.carry, r.user, sizeof(r.carry)))
		return -EFAULT;
	return report_all(dirty, &r, all);
}

/* The next range that lies in a stretch of iova, with a reference. */
static struct t1p_range *reportable(struct t1p_container *c, u64 iova, u64 last)
{
	struct t1p_range *range;

	mutex_lock(&c->lock);
	t1p_for_each_range(c, range, iova, last) {
		if (range->span.iova >= iova && range->span.last <= last) {
			t1p_range_get(range);
			break;
		}
	}
	mutex_unlock(&c->lock);
	return range;
}

static int report_ranges(struct t1p_container *c, u64 iova, u64 last,
			 const struct vfio_bitmap *bitmap)
{
	struct t1p_range *range;
	u64 from = iova;
	int ret = 0;

	while (!ret && from <= last && (range = reportable(c, from, last))) {
		ret = t1p_dirty_report(c, range, iova, bitmap);
		from = range->span.last + 1;
		t1p_range_put(range);
		if (!from)
			break;
	}
	return ret;
}

/**
 * t1p_dirty_get() - serve VFIO_IOMMU_DIRTY_PAGES with GET_BITMAP
 * @c: the container
 * @iova: where to begin
 * @size: how many bytes of iova
 * @bitmap: the user's bitmap, large enough
 *
 * Context: may wait for ioctls on the same iova.
 * Return: 0 or the errno for user space.
 */
int t1p_dirty_get(struct t1p_container *c, u64 iova, u64 size,
		  const struct vfio_bitmap *bitmap)
{
	u64 pgsize = t1p_container_pgsize(c), last = iova + size - 1;
	struct t1p_range *first;
	bool bisected;
	int ret;

	if (bitmap->pgsize != pgsize || (iova | size) & (pgsize - 1) ||
	    !READ_ONCE(c->tracking))
		return -EINVAL;
	ret = t1p_ranges_lock(c, iova, last, &first);
	if (ret)
		return ret;
	bisected = t1p_bisects(c, first, iova, last);
	t1p_ranges_unlock(c);
	if (bisected)
		return -EINVAL;

	if (mutex_lock_killable(&c->dirty_lock))
		return -EINTR;
	ret = c->tracking ? report_ranges(c, iova, last, bitmap) : -EINVAL;
	mutex_unlock(&c->dirty_lock);
	return ret;
}
