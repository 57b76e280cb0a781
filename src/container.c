// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers, and how the vfio core's word for one becomes a reference.
 *
 * The core calls most operations with no lock and no reference, so release()
 * may run while an ioctl does, or just before it. Hence the core gets an id that
 * is never used again, not a pointer.
 *
 * Its reference to the module ends with release(), too. From there on to the end of
 * the container, and so of whatever runs with a reference to that, we have our own.
 */
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "debugfs.h"
#include "type1p.h"

/* Changed under the lock, read under RCU. */
static DEFINE_HASHTABLE(containers, 6);
static DEFINE_SPINLOCK(containers_lock);
static unsigned long last_id;

/**
 * t1p_container_create() - make a container
 * @type: what user space gave to VFIO_SET_IOMMU
 *
 * Return: a container that its id holds; -EINVAL for a type we do not serve;
 * -ENOMEM.
 */
struct t1p_container *t1p_container_create(unsigned long type)
{
	struct t1p_container *c;

	switch (type) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_TYPE1P_IOMMU:
		break;
	case VFIO_TYPE1_NESTING_IOMMU:
		if (TYPE1P_HAS_NESTING)
			break;
		fallthrough;
	default:
		return ERR_PTR(-EINVAL);
	}

	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return ERR_PTR(-ENOMEM);
	kref_init(&c->ref);
	c->v2 = type != VFIO_TYPE1_IOMMU;
	c->nesting = type == VFIO_TYPE1_NESTING_IOMMU;
	init_rwsem(&c->domains_sem);
	mutex_init(&c->lock);
	INIT_LIST_HEAD(&c->domains);
	INIT_LIST_HEAD(&c->emulated);
	INIT_LIST_HEAD(&c->devices);
	INIT_LIST_HEAD(&c->orphans);
	mutex_init(&c->devices_lock);
	mutex_init(&c->dirty_lock);
	INIT_LIST_HEAD(&c->jobs);
	spin_lock_init(&c->jobs_lock);
	c->pid = task_tgid_nr(current);
	get_task_comm(c->comm, current->group_leader);
	c->ranges = RB_ROOT;
	c->pgsizes = PAGE_MASK;
	c->avail = READ_ONCE(t1p_entry_limit);

	spin_lock(&containers_lock);
	c->id = ++last_id;
	hash_add_rcu(containers, &c->node, c->id);
	spin_unlock(&containers_lock);
	t1p_debugfs_add(c);
	return c;
}

/**
 * t1p_container_handle() - what the vfio core knows a container by
 * @c: the container
 */
void *t1p_container_handle(const struct t1p_container *c)
{
	return (void *)c->id;
}

/**
 * t1p_container_get() - look a container up
 * @iommu_data: its handle, or that of one that was released
 *
 * Return: the container with a reference for the caller, or NULL.
 */
struct t1p_container *t1p_container_get(void *iommu_data)
{
	unsigned long id = (unsigned long)iommu_data;
	struct t1p_container *c;

	rcu_read_lock();
	hash_for_each_possible_rcu(containers, c, node, id)
		if (c->id == id)
			break;
	if (c && !kref_get_unless_zero(&c->ref))
		c = NULL;
	rcu_read_unlock();
	return c;
}

static void container_free(struct kref *ref)
{
	struct t1p_container *c = container_of(ref, struct t1p_container, ref);

	t1p_windows_free(&c->windows);
	kfree_rcu(c, rcu);
	module_put(THIS_MODULE);
}

void t1p_container_put(struct t1p_container *c)
{
	kref_put(&c->ref, container_free);
}

/* Empty the tree; the settled ranges are the caller's now, and the orphans. */
static void take_ranges(struct t1p_container *c, struct list_head *claimed)
{
	struct t1p_range *range;

	mutex_lock(&c->lock);
	while ((range = t1p_range_first(c, 0, U64_MAX))) {
		if (range->state == T1P_LIVE) {
			t1p_range_get(range);
			list_add_tail(&range->claimed, claimed);
		}
		t1p_range_set_state(c, range, T1P_GONE);
	}
	list_splice_tail_init(&c->orphans, claimed);
	mutex_unlock(&c->lock);
}

/**
 * t1p_container_kill() - the last group has left
 * @c: a container with a reference of the caller's; loses that of its id
 *
 * Ioctls may still run. They find the container dead, and those that own an
 * unsettled range find it GONE, and give its pages back themselves: nothing
 * here waits for them.
 */
void t1p_container_kill(struct t1p_container *c)
{
	struct t1p_range *range, *next;
	LIST_HEAD(claimed);

	__module_get(THIS_MODULE);
	spin_lock(&containers_lock);
	hash_del_rcu(&c->node);
	spin_unlock(&containers_lock);

	down_write(&c->domains_sem);
	WARN_ON_ONCE(!list_empty(&c->domains) || !list_empty(&c->emulated));
	c->dead = true;
	take_ranges(c, &claimed);
	up_write(&c->domains_sem);

	list_for_each_entry_safe(range, next, &claimed, claimed) {
		t1p_drop(c, range);
		t1p_range_put(range);
	}
	t1p_debugfs_remove(c);
	t1p_container_put(c);
}
