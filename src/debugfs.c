// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers in debugfs: a directory for each, with files that type1pctl(8) reads and
 * vfio_iommu_type1p(4) describes.
 *
 * debugfs waits for who reads before it removes a file, so a container is there for
 * as long as one of its files is being read. Nobody here waits for anything but
 * container->lock, and its own page faults without that; and holds the lock for some
 * ranges at a time.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

#include "debugfs.h"
#include "job.h"
#include "type1p.h"

/* Ranges to look at before others may have the lock. */
#define BATCH	512

static struct dentry *root;

struct sums {
	u64 ranges;
	u64 mapped;		/* bytes */
	u64 pinned;		/* bytes that count as locked memory */
};

/* A hint: the owner's lock may be held for long. */
static u64 pinned_bytes(const struct t1p_range *range)
{
	return (u64)max(READ_ONCE(range->owner.needed), 0L) << PAGE_SHIFT;
}

/* Adds up some ranges from @iova on; returns where to go on, or 0. */
static u64 sum_some(struct t1p_container *c, u64 iova, struct sums *sums)
{
	struct t1p_range *range;
	unsigned int left = BATCH;
	u64 next = 0;

	mutex_lock(&c->lock);
	t1p_for_each_range(c, range, iova, U64_MAX) {
		sums->ranges++;
		sums->mapped += t1p_span_size(&range->span);
		sums->pinned += pinned_bytes(range);
		/* 0 after the last iova that there is. */
		next = range->span.last + 1;
		if (!--left)
			break;
	}
	mutex_unlock(&c->lock);
	return left ? 0 : next;
}

static unsigned int count_domains(struct t1p_container *c)
{
	struct t1p_domain *domain;
	unsigned int count = 0;

	lockdep_assert_held(&c->lock);
	list_for_each_entry(domain, &c->domains, node)
		count++;
	return count;
}

static int state_show(struct seq_file *m, void *unused)
{
	struct t1p_container *c = m->private;
	struct sums sums = {};
	u64 iova = 0;

	do {
		iova = sum_some(c, iova, &sums);
		cond_resched();
	} while (iova);

	seq_printf(m, "type %s\n", c->nesting ? "nesting" : c->v2 ? "v2" : "v1");
	seq_printf(m, "pid %d\n", c->pid);
	/* A process may call itself anything. */
	seq_puts(m, "comm ");
	seq_escape_str(m, c->comm, ESCAPE_ANY_NP, NULL);
	seq_putc(m, '\n');
	seq_printf(m, "ranges %llu\n", sums.ranges);
	mutex_lock(&c->lock);
	seq_printf(m, "ranges_left %u\n", c->avail);
	seq_printf(m, "mapped_bytes %llu\n", sums.mapped);
	seq_printf(m, "pinned_bytes %llu\n", sums.pinned);
	seq_printf(m, "invalid_ranges %u\n", c->invalid);
	seq_printf(m, "waiters %d\n", atomic_read(&c->waiters));
	seq_printf(m, "dirty_tracking %d\n", c->tracking);
	seq_printf(m, "domains %u\n", count_domains(c));
	mutex_unlock(&c->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static int groups_show(struct seq_file *m, void *unused)
{
	struct t1p_container *c = m->private;
	struct t1p_domain *domain;
	struct t1p_group *group;
	unsigned int index = 0;

	mutex_lock(&c->lock);
	list_for_each_entry(domain, &c->domains, node) {
		list_for_each_entry(group, &domain->groups, node)
			seq_printf(m, "iommu %d domain %u\n",
				   iommu_group_id(group->iommu_group), index);
		index++;
	}
	list_for_each_entry(group, &c->emulated, node)
		seq_printf(m, "emulated %d\n", iommu_group_id(group->iommu_group));
	mutex_unlock(&c->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(groups);

static int jobs_show(struct seq_file *m, void *unused)
{
	t1p_jobs_show(m, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(jobs);

/**
 * struct view - somebody reads the ranges of a container
 * @c: the container
 * @next: iova of the range to show next, or of none before it
 * @end: there is no other
 */
struct view {
	struct t1p_container *c;
	u64 next;
	bool end;
};

static void *ranges_start(struct seq_file *m, loff_t *pos)
{
	struct view *view = m->private;

	if (!*pos) {
		view->next = 0;
		view->end = false;
	}
	mutex_lock(&view->c->lock);
	return view->end ? NULL : t1p_range_first(view->c, view->next, U64_MAX);
}

static void *ranges_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct t1p_range *range = t1p_range_next(v, U64_MAX);
	struct view *view = m->private;

	++*pos;
	if (range)
		view->next = range->span.iova;
	else
		view->end = true;
	return range;
}

static void ranges_stop(struct seq_file *m, void *v)
{
	struct view *view = m->private;

	mutex_unlock(&view->c->lock);
}

static const char *state_name(enum t1p_range_state state)
{
	switch (state) {
	case T1P_MAPPING:
		return "mapping";
	case T1P_LIVE:
		return "live";
	case T1P_UNMAPPING:
		return "unmapping";
	case T1P_MOVING:
		return "moving";
	case T1P_GONE:
		break;
	}
	return "gone";
}

static int ranges_show(struct seq_file *m, void *v)
{
	struct t1p_range *range = v;

	seq_printf(m, "iova %#llx size %#llx prot %s%s state %s vaddr %s pinned_bytes %llu device_pins %ld dirty_bits %d\n",
		   range->span.iova, t1p_span_size(&range->span),
		   range->prot & IOMMU_READ ? "r" : "",
		   range->prot & IOMMU_WRITE ? "w" : "",
		   state_name(range->state),
		   range->vaddr_invalid ? "invalid" : "valid",
		   pinned_bytes(range), atomic_long_read(&range->pinned),
		   !!rcu_access_pointer(range->dirty));
	return 0;
}

static const struct seq_operations ranges_ops = {
	.start	= ranges_start,
	.next	= ranges_next,
	.stop	= ranges_stop,
	.show	= ranges_show,
};

static int ranges_open(struct inode *inode, struct file *file)
{
	struct view *view;

	view = __seq_open_private(file, &ranges_ops, sizeof(*view));
	if (!view)
		return -ENOMEM;
	view->c = inode->i_private;
	/* To look for a place in the middle would hold the lock for all that is before it. */
	return nonseekable_open(inode, file);
}

static const struct file_operations ranges_fops = {
	.owner		= THIS_MODULE,
	.open		= ranges_open,
	.read		= seq_read,
	.release	= seq_release_private,
};

/**
 * t1p_debugfs_add() - let root look into a container
 * @c: a new container, with its id
 */
void t1p_debugfs_add(struct t1p_container *c)
{
	char name[24];

	snprintf(name, sizeof(name), "%lu", c->id);
	c->debugfs = debugfs_create_dir(name, root);
	debugfs_create_file("state", 0400, c->debugfs, c, &state_fops);
	debugfs_create_file("groups", 0400, c->debugfs, c, &groups_fops);
	debugfs_create_file("ranges", 0400, c->debugfs, c, &ranges_fops);
	debugfs_create_file("jobs", 0400, c->debugfs, c, &jobs_fops);
}

/**
 * t1p_debugfs_remove() - undo t1p_debugfs_add()
 * @c: the container
 *
 * Context: may sleep; hold nothing. Nobody reads any more when this returns.
 */
void t1p_debugfs_remove(struct t1p_container *c)
{
	debugfs_remove(c->debugfs);
}

/**
 * t1p_debugfs_init() - make the directory of all containers
 *
 * Without it, as without debugfs, nobody can look at them, and that is all.
 */
void t1p_debugfs_init(void)
{
	root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

/**
 * t1p_debugfs_exit() - undo t1p_debugfs_init()
 */
void t1p_debugfs_exit(void)
{
	debugfs_remove(root);
}
