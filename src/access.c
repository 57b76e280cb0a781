// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device drivers' access to memory: pin and unpin pages by iova.
 *
 * range->pins has an entry for each page that drivers have pinned: how it is held,
 * and how often it was pinned at this iova. Not an xarray: where few pages are
 * pinned at a time, most pins would make nodes, and have RCU free them. Entries
 * come and go with domains_sem held for reading, so that whoever attaches or
 * detaches may count them.
 */
#include <linux/slab.h>

#include "type1p.h"

/* Entries to look at before others may have the lock. */
#define BATCH	512

/**
 * struct pin - a page that device drivers have pinned
 * @node: in range->pins
 * @index: which page of the range
 * @run: the page; constant
 * @refs: how often it was pinned; pins_lock
 */
struct pin {
	struct rb_node node;
	unsigned long index;
	struct t1p_run run;
	unsigned int refs;
};

static struct pin *pin_of(struct rb_node *node)
{
	return rb_entry_safe(node, struct pin, node);
}

/* The first one from a page on. */
static struct pin *pin_from(struct t1p_range *range, unsigned long index)
{
	struct rb_node *node = range->pins.rb_node;
	struct pin *pin, *first = NULL;

	lockdep_assert_held(&range->pins_lock);
	while (node) {
		pin = pin_of(node);
		if (pin->index == index)
			return pin;
		if (pin->index > index) {
			first = pin;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return first;
}

static struct pin *pin_find(struct t1p_range *range, unsigned long index)
{
	struct pin *pin = pin_from(range, index);

	return pin && pin->index == index ? pin : NULL;
}

static bool pin_insert(struct t1p_range *range, struct pin *new)
{
	struct rb_node **link = &range->pins.rb_node, *parent = NULL;
	struct pin *pin;

	lockdep_assert_held(&range->pins_lock);
	while (*link) {
		parent = *link;
		pin = pin_of(parent);
		if (pin->index == new->index)
			return false;
		link = new->index < pin->index ? &parent->rb_left :
						 &parent->rb_right;
	}
	rb_link_node(&new->node, parent, link);
	rb_insert_color(&new->node, &range->pins);
	return true;
}

static bool pin_charged(const struct pin *pin)
{
	return pin->run.kind == T1P_RUN_PINNED || pin->run.kind == T1P_RUN_HELD;
}

static unsigned long pin_index(const struct t1p_range *range, u64 iova)
{
	return (iova - range->span.iova) >> PAGE_SHIFT;
}

static void mark_page(struct t1p_range *range, unsigned long index)
{
	if (rcu_access_pointer(range->dirty))
		t1p_dirty_mark(range, (u64)index << PAGE_SHIFT, PAGE_SIZE);
}

/*
 * Device pins count as locked memory only where no IOMMU pins everything, as it does
 * not of a range that is gone. Sure to stay so only with domains_sem held.
 */
static bool pins_count(struct t1p_container *c, struct t1p_range *range)
{
	return list_empty(&c->domains) || READ_ONCE(range->orphan);
}

/* One more pin of a page that is pinned already; -ENOENT if it is not. */
static int pin_again(struct t1p_range *range, unsigned long index,
		     struct page **page)
{
	struct pin *pin;
	int ret = 0;

	if (!t1p_has_pins(range))
		return -ENOENT;
	spin_lock(&range->pins_lock);
	pin = pin_find(range, index);
	if (!pin) {
		ret = -ENOENT;
	} else if (pin->refs == UINT_MAX) {
		ret = -EOVERFLOW;
	} else {
		pin->refs++;
		*page = pfn_to_page(pin->run.pfn);
	}
	spin_unlock(&range->pins_lock);
	return ret;
}

/*
 * Once it is entered it is no more the caller's: whoever unpins the page frees it.
 * -ERESTART: what the page's place or its charge depend on has changed.
 */
static int pin_enter(struct t1p_container *c, struct t1p_range *range,
		     struct pin *pin, bool counts)
{
	bool charged = pin_charged(pin), done = false;

	down_read(&c->domains_sem);
	if (counts == pins_count(c, range)) {
		spin_lock(&range->pins_lock);
		done = pin_insert(range, pin);
		spin_unlock(&range->pins_lock);
	}
	if (done && charged)
		atomic_long_inc(&range->pinned);
	up_read(&c->domains_sem);
	return done ? 0 : -ERESTART;
}

static int pin_hold(struct t1p_container *c, struct t1p_use *use, u64 iova,
		    struct pin *pin, struct page **page)
{
	struct t1p_range *range = use->range;
	bool counts = pins_count(c, range);
	unsigned long charge;
	int ret;

	ret = t1p_hold(c, use, iova, range->prot, T1P_WANT_PIN, &pin->run);
	if (ret)
		return ret;
	/* A device's memory, so nothing to give back. */
	if (!pfn_valid(pin->run.pfn))
		return -EINVAL;
	*page = pfn_to_page(pin->run.pfn);
	charge = counts && pin_charged(pin);
	ret = charge ? t1p_charge(&range->owner, charge, 0) : 0;
	if (!ret)
		ret = pin_enter(c, range, pin, counts);
	if (ret) {
		t1p_unpin_run(&pin->run, 0);
		t1p_uncharge(&range->owner, charge);
	}
	return ret;
}

/* Many a driver pins a page, uses it, and unpins it: one entry stays at hand. */
static struct pin *pin_alloc(struct t1p_range *range)
{
	return xchg(&range->spare_pin, NULL) ?:
		kmalloc(sizeof(struct pin), GFP_KERNEL_ACCOUNT);
}

static void pin_free(struct t1p_range *range, struct pin *pin)
{
	kfree(xchg(&range->spare_pin, pin));
}

static int pin_new(struct t1p_container *c, struct t1p_use *use, u64 iova,
		   struct page **page)
{
	struct pin *pin = pin_alloc(use->range);
	int ret;

	if (!pin)
		return -ENOMEM;
	pin->index = pin_index(use->range, iova);
	pin->refs = 1;
	ret = pin_hold(c, use, iova, pin, page);
	if (ret) {
		*page = NULL;
		pin_free(use->range, pin);
	}
	return ret;
}

static int pin_page(struct t1p_container *c, struct t1p_use *use, u64 iova,
		    struct page **page)
{
	unsigned long index = pin_index(use->range, iova);
	int ret;

	do {
		ret = pin_again(use->range, index, page);
		if (ret == -ENOENT)
			ret = pin_new(c, use, iova, page);
	} while (ret == -ERESTART);
	if (!ret)
		mark_page(use->range, index);
	return ret;
}

/* Take one pin off a page; gives its entry to the caller if that was the last. */
static struct pin *pin_leave(struct t1p_range *range, unsigned long index)
{
	struct pin *pin;

	spin_lock(&range->pins_lock);
	pin = pin_find(range, index);
	if (pin) {
		/* A reader of dirty bits sees the one or the other. */
		mark_page(range, index);
		if (--pin->refs)
			pin = NULL;
		else
			rb_erase(&pin->node, &range->pins);
	}
	spin_unlock(&range->pins_lock);
	return pin;
}

static void unpin_page(struct t1p_container *c, struct t1p_range *range,
		       unsigned long index)
{
	struct pin *pin;
	bool counts;

	down_read(&c->domains_sem);
	counts = pins_count(c, range);
	pin = pin_leave(range, index);
	if (pin && pin_charged(pin))
		atomic_long_dec(&range->pinned);
	up_read(&c->domains_sem);

	if (!pin)
		return;
	t1p_unpin_run(&pin->run, range->prot);
	if (counts && pin_charged(pin))
		t1p_uncharge(&range->owner, 1);
	pin_free(range, pin);
}

/* Pin as many of the pages as there is a use for; returns how many. */
static int pin_some(struct t1p_container *c, u64 iova, int npage, int prot,
		    struct page **pages, struct t1p_use *uses, int *nr_uses,
		    int *error)
{
	struct t1p_use *use = NULL;
	int i;

	for (i = 0; i < npage; i++, iova += PAGE_SIZE) {
		if (!use || iova > use->range->span.last) {
			*error = t1p_use(c, iova, T1P_WANT_PIN, &uses[*nr_uses]);
			if (*error)
				return i;
			use = &uses[(*nr_uses)++];
		}
		if ((use->range->prot & prot) != prot) {
			*error = -EPERM;
			return i;
		}
		*error = pin_page(c, use, iova, &pages[i]);
		if (*error)
			return i;
	}
	return i;
}

static struct t1p_use *use_of(struct t1p_use *uses, u64 iova)
{
	while (iova > uses->range->span.last)
		uses++;
	return uses;
}

/*
 * All pages or none. Ranges stay in use to the end of the call: their drivers do
 * not know yet what they would have to unpin. Not across a wait, though.
 */
static int pin_all(struct t1p_container *c, u64 iova, int npage, int prot,
		   struct page **pages, struct t1p_use *uses,
		   unsigned long *deadline)
{
	int i, done, nr_uses = 0, error = 0;
	struct t1p_use *use;
	u64 at;

	done = pin_some(c, iova, npage, prot, pages, uses, &nr_uses, &error);
	if (error) {
		for (i = 0, at = iova; i < done; i++, at += PAGE_SIZE) {
			use = use_of(uses, at);
			unpin_page(c, use->range, pin_index(use->range, at));
			pages[i] = NULL;
		}
	}
	for (i = 0; i < nr_uses; i++)
		t1p_unuse(&uses[i]);
	if (error == -EAGAIN)
		return t1p_use_wait(c, iova + (u64)done * PAGE_SIZE,
				    T1P_WANT_PIN, deadline) ?: -ERESTART;
	return error;
}

/**
 * t1p_device_pin() - serve vfio_pin_pages()
 * @c: the container
 * @iommu_group: the group of the device whose driver asks
 * @iova: first iova
 * @npage: how many pages
 * @prot: what the driver wants to do with them
 * @pages: where to put them
 *
 * Context: any thread, kernel threads too. May wait for a valid vaddr, as
 * t1p_use_wait() says.
 * Return: @npage; -EACCES in a v1 container; -EINVAL without a range, or when no
 * driver can be told of an unmap; -EPERM; -ENODEV when the owner is gone; -EAGAIN
 * and -EINTR from a wait; -EOVERFLOW for a page that was pinned 2^32 - 1 times;
 * errors of pinning.
 */
int t1p_device_pin(struct t1p_container *c, struct iommu_group *iommu_group,
		   u64 iova, int npage, int prot, struct page **pages)
{
	struct t1p_use few[4], *uses = few;
	unsigned long deadline = 0;
	int ret;

	if (!pages || npage <= 0)
		return -EINVAL;
	if (!c->v2)
		return -EACCES;
	if (iova + (u64)npage * PAGE_SIZE - 1 < iova)
		return -TYPE1P_EWRAP;
	/* Without a lock: a driver that asks has its own device in there. */
	if (list_empty(&c->devices))
		return -EINVAL;
	iova &= PAGE_MASK;

	if (npage > ARRAY_SIZE(few)) {
		uses = kvmalloc_array(npage, sizeof(*uses), GFP_KERNEL);
		if (!uses)
			return -ENOMEM;
	}
	do {
		ret = pin_all(c, iova, npage, prot, pages, uses, &deadline);
	} while (ret == -ERESTART);
	if (uses != few)
		kvfree(uses);
	if (ret)
		return ret;
	/* Without a lock: only its first pin takes this very group off. */
	if (READ_ONCE(c->unpinned_groups))
		t1p_group_pins(c, iommu_group);
	return npage;
}

/**
 * t1p_device_unpin() - serve vfio_unpin_pages()
 * @c: the container
 * @iova: first iova
 * @npage: how many pages; those that are not pinned are passed over
 *
 * Context: any thread, also a driver's callback for an unmap.
 */
void t1p_device_unpin(struct t1p_container *c, u64 iova, int npage)
{
	struct t1p_range *range;
	unsigned long i, n;

	iova &= PAGE_MASK;
	for (; npage > 0; npage -= n, iova += (u64)n << PAGE_SHIFT) {
		mutex_lock(&c->lock);
		range = t1p_range_first(c, iova, iova);
		if (range)
			t1p_range_get(range);
		mutex_unlock(&c->lock);
		if (!range)
			return;
		n = min_t(u64, npage, ((range->span.last - iova) >> PAGE_SHIFT) + 1);
		for (i = 0; i < n; i++)
			unpin_page(c, range, pin_index(range, iova) + i);
		t1p_range_put(range);
	}
}

/**
 * t1p_pins_mark() - what device drivers have pinned counts as written to
 * @range: the range
 *
 * Context: may sleep.
 */
void t1p_pins_mark(struct t1p_range *range)
{
	unsigned long next = 0;
	struct pin *pin;
	unsigned int n;

	if (!t1p_has_pins(range))
		return;
	do {
		spin_lock(&range->pins_lock);
		pin = pin_from(range, next);
		for (n = 0; pin && n < BATCH; n++) {
			mark_page(range, pin->index);
			next = pin->index + 1;
			pin = pin_of(rb_next(&pin->node));
		}
		spin_unlock(&range->pins_lock);
		cond_resched();
	} while (pin);
}

/**
 * t1p_pins_release() - give back what drivers have left pinned
 * @range: a range without pieces, in a container that has lost its devices
 *
 * Context: may sleep; hold nothing.
 */
void t1p_pins_release(struct t1p_range *range)
{
	struct pin *pin;

	for (;;) {
		spin_lock(&range->pins_lock);
		pin = pin_of(rb_first(&range->pins));
		if (pin)
			rb_erase(&pin->node, &range->pins);
		spin_unlock(&range->pins_lock);
		if (!pin)
			break;
		t1p_unpin_run(&pin->run, range->prot);
		kfree(pin);
		cond_resched();
	}
	t1p_uncharge(&range->owner, range->owner.needed);
}

/**
 * t1p_pins_orphan() - keep a range that drivers do not let go of
 * @c: the container
 * @range: a range of the caller's that it takes out of the tree
 *
 * What they have pinned counts, whether an IOMMU is there or not: t1p_settle()
 * is to follow.
 *
 * Context: domains_sem held for writing.
 */
void t1p_pins_orphan(struct t1p_container *c, struct t1p_range *range)
{
	lockdep_assert_held_write(&c->domains_sem);
	if (!pins_count(c, range))
		t1p_count(&range->owner, atomic_long_read(&range->pinned));
	WRITE_ONCE(range->orphan, true);
	t1p_range_get(range);
	list_add_tail(&range->claimed, &c->orphans);
}

/**
 * t1p_pins_count() - whether device pins count as locked memory has changed
 * @c: the container
 * @count: they do from now on
 *
 * Context: domains_sem held for writing.
 */
void t1p_pins_count(struct t1p_container *c, bool count)
{
	struct t1p_range *range;
	long pinned;

	lockdep_assert_held_write(&c->domains_sem);
	t1p_for_each_range(c, range, 0, U64_MAX) {
		pinned = atomic_long_read(&range->pinned);
		t1p_count(&range->owner, count ? pinned : -pinned);
	}
}
