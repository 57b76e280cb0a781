// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges, the tree in which they stand, and how to wait for one.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "type1p.h"

static struct kmem_cache *range_cache;

/**
 * t1p_ranges_init() - get ready for ranges
 *
 * There may be many of them, of a size that kmalloc() has not got.
 *
 * Return: 0 or -ENOMEM.
 */
int t1p_ranges_init(void)
{
	range_cache = KMEM_CACHE(t1p_range, SLAB_ACCOUNT);
	return range_cache ? 0 : -ENOMEM;
}

/**
 * t1p_ranges_exit() - undo t1p_ranges_init()
 *
 * No range is left.
 */
void t1p_ranges_exit(void)
{
	kmem_cache_destroy(range_cache);
}

/**
 * t1p_range_create() - make a range for the calling process
 * @iova: first iova
 * @last: last iova
 * @vaddr: user address that @iova translates to
 * @prot: IOMMU_READ, IOMMU_WRITE or both
 *
 * Return: a range in state MAPPING, in no tree, with one reference; or NULL.
 */
struct t1p_range *t1p_range_create(u64 iova, u64 last, unsigned long vaddr,
				   int prot)
{
	struct t1p_range *range;

	range = kmem_cache_zalloc(range_cache, GFP_KERNEL_ACCOUNT);
	if (!range)
		return NULL;
	kref_init(&range->ref);
	range->span.iova = iova;
	range->span.last = last;
	range->span.shift = t1p_piece_shift(iova, vaddr, last - iova + 1);
	range->vaddr = vaddr;
	range->prot = prot;
	range->state = T1P_MAPPING;
	init_waitqueue_head(&range->settled);
	range->pins = RB_ROOT;
	spin_lock_init(&range->pins_lock);
	xa_init(&range->pieces);
	t1p_owner_init(&range->owner);
	return range;
}

/* What most ranges do not have. */
static void free_extras(struct t1p_range *range)
{
	t1p_backing_put(range->backing);
	kfree(range->spare_pin);
	t1p_dirty_free(range);
}

/* Called by t1p_range_put(). */
void t1p_range_free(struct kref *ref)
{
	struct t1p_range *range = container_of(ref, struct t1p_range, ref);

	WARN_ON_ONCE(t1p_has_pieces(range) || t1p_has_pins(range));
	if (range->backing || range->spare_pin || rcu_access_pointer(range->dirty))
		free_extras(range);
	t1p_owner_release(&range->owner);
	kmem_cache_free(range_cache, range);
}

/**
 * t1p_range_first() - find the lowest range that overlaps a stretch of iova
 * @c: the container
 * @iova: first iova of the stretch
 * @last: last iova of the stretch
 *
 * Context: container->lock held, or domains_sem for writing.
 */
struct t1p_range *t1p_range_first(struct t1p_container *c, u64 iova, u64 last)
{
	t1p_assert_tree_stable(c);
	return t1p_range_of(t1p_span_first(&c->ranges, iova, last));
}

/**
 * t1p_range_insert() - put a range into the tree, which takes a reference
 * @c: a container with no range that overlaps it, and with one to spare
 * @range: the range
 *
 * Context: domains_sem held for reading, container->lock held.
 */
void t1p_range_insert(struct t1p_container *c, struct t1p_range *range)
{
	lockdep_assert_held_read(&c->domains_sem);
	lockdep_assert_held(&c->lock);
	t1p_span_insert(&c->ranges, &range->span);
	t1p_range_get(range);
	c->avail--;
}

/**
 * t1p_range_set_valid() - note whether the vaddr of a range is valid
 * @c: its container
 * @range: a range in the tree
 * @valid: whether it is
 *
 * Context: as t1p_range_set_state().
 */
void t1p_range_set_valid(struct t1p_container *c, struct t1p_range *range,
			 bool valid)
{
	lockdep_assert_held(&c->domains_sem);
	lockdep_assert_held(&c->lock);
	if (range->vaddr_invalid == !valid)
		return;
	range->vaddr_invalid = !valid;
	c->invalid += valid ? -1 : 1;
}

static void range_erase(struct t1p_container *c, struct t1p_range *range)
{
	rb_erase(&range->span.node, &c->ranges);
	c->avail++;
	t1p_range_set_valid(c, range, true);
	t1p_range_put(range);
}

/**
 * t1p_range_set_state() - take a range a step further in its life
 * @c: its container
 * @range: a range in the tree, on which the caller has a reference; it leaves
 *	the tree when it becomes GONE
 * @state: the new state
 *
 * Context: domains_sem and container->lock held.
 */
void t1p_range_set_state(struct t1p_container *c, struct t1p_range *range,
			 enum t1p_range_state state)
{
	lockdep_assert_held(&c->domains_sem);
	lockdep_assert_held(&c->lock);
	WARN_ON_ONCE(range->state == T1P_GONE);
	WRITE_ONCE(range->state, state);
	WRITE_ONCE(range->changes, range->changes + 1);
	if (wq_has_sleeper(&range->settled))
		wake_up_all(&range->settled);
	if (state == T1P_GONE)
		range_erase(c, range);
}

static bool range_settled(struct t1p_range *range)
{
	enum t1p_range_state state = READ_ONCE(range->state);

	return state == T1P_LIVE || state == T1P_GONE;
}

static struct t1p_range *next_unsettled(struct t1p_range *range, u64 last)
{
	while (range && range_settled(range))
		range = t1p_range_next(range, last);
	return range;
}

/**
 * t1p_ranges_lock() - lock the tree when a stretch of iova has settled
 * @c: the container
 * @iova: first iova of the stretch
 * @last: last iova of the stretch
 * @first: where to put the lowest range in it, or NULL if there is none
 *
 * What an ioctl decides from then on is what it would have decided had all the
 * others that touch this stretch run before it, or after.
 *
 * A request for much of the iova waits for a moment at which nothing in there is
 * unsettled. Threads that map and unmap there all the time can put that off for
 * long; newcomers do not queue behind it, for one slow MAP would stop them all.
 *
 * Context: may wait for other ioctls: hold no lock, and own no unsettled range.
 * Return: 0 with domains_sem held for reading and container->lock held, to be
 * dropped with t1p_ranges_unlock(); -EINTR on a fatal signal; -EINVAL when the
 * container has lost its last group.
 */
int t1p_ranges_lock(struct t1p_container *c, u64 iova, u64 last,
		    struct t1p_range **first)
{
	struct t1p_range *range;
	int ret;

	for (;;) {
		if (down_read_killable(&c->domains_sem))
			return -EINTR;
		if (c->dead) {
			up_read(&c->domains_sem);
			return -EINVAL;
		}
		mutex_lock(&c->lock);
		*first = t1p_range_first(c, iova, last);
		range = next_unsettled(*first, last);
		if (!range)
			return 0;

		t1p_range_get(range);
		t1p_ranges_unlock(c);
		ret = wait_event_killable(range->settled, range_settled(range));
		t1p_range_put(range);
		if (ret)
			return -EINTR;
	}
}

/**
 * t1p_ranges_unlock() - undo t1p_ranges_lock()
 * @c: the container
 */
void t1p_ranges_unlock(struct t1p_container *c)
{
	mutex_unlock(&c->lock);
	up_read(&c->domains_sem);
}
