/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects of a container, and the locks that guard them.
 *
 * Locks, outermost first:
 *
 *  1. container->domains_sem. Readers map, unmap, and add or remove ranges;
 *     writers attach and detach groups, or give a range up that drivers do not
 *     let go of. A writer therefore sees a tree, range states, device pins and
 *     pieces that stand still. Readers hold it for one piece at a time, and never
 *     across page faults or a wait: only a writer that must pin memory for a new
 *     domain faults under it.
 *  2. container->lock. The tree, range states, counters, windows: short sections
 *     that touch no user memory and no IOMMU, so that nothing waits long here.
 *  3. mmap_lock of an owner: taken with neither of the above held, but by a
 *     writer that pins for a new domain, or unpins after the last one. An owner's
 *     own lock is held around it.
 *
 * devices_lock and dirty_lock lie outside of all these, a range's pins_lock and
 * jobs_lock inside.
 *
 * Data flows one way: ioctl.c -> map.c, unmap.c -> job.c -> piece.c -> pin.c, domain.c.
 */
#ifndef TYPE1P_TYPE1P_H
#define TYPE1P_TYPE1P_H

#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <uapi/linux/vfio_type1p.h>

#include "account.h"
#include "backing.h"
#include "pin.h"
#include "runs.h"
#include "span.h"
#include "vfio_core.h"
#include "windows.h"

/**
 * struct t1p_container - what one VFIO_SET_IOMMU made
 * @ref: held by the id, and by each operation that runs
 * @rcu: for the look-up by id
 * @node: in the table of containers by id
 * @id: what the vfio core knows us by
 * @v2: rules of VFIO_TYPE1v2_IOMMU; constant
 * @nesting: domains are to be nesting ones; constant
 * @domains_sem: see the top of this file
 * @lock: see the top of this file
 * @domains: list of &struct t1p_domain; changed under domains_sem (write) and
 *	lock, read under either
 * @emulated: &struct t1p_group of mediated devices; as @domains
 * @unpinned_groups: groups that may write to any memory that is mapped, for they
 *	have not said by pinning what they use; lock, or READ_ONCE()
 * @devices: of &struct vfio_device whose drivers use memory; devices_lock
 * @devices_lock: held while drivers are told of an unmap, so that none goes away
 *	meanwhile. Outermost, with whatever a driver takes in its callback inside:
 *	so not to be taken in what drivers call
 * @dirty_lock: outermost; start, stop and reading of dirty tracking
 * @tracking: dirty tracking is on; changed under dirty_lock and lock, read under
 *	either, or by READ_ONCE()
 * @orphans: ranges that are GONE while a driver still has pages pinned, or might;
 *	domains_sem (write)
 * @ranges: tree of &struct t1p_range by iova; changed under domains_sem and lock,
 *	read under lock or domains_sem (write)
 * @windows: valid iova; as @domains
 * @pgsizes: page sizes that every domain knows; as @domains, or READ_ONCE()
 * @avail: how many more ranges may be made; lock
 * @invalid: how many ranges have no valid vaddr; as the state of a range
 * @dead: release() was here; changed under domains_sem (write), read under
 *	domains_sem
 * @waiters: how many operations of device drivers wait for a valid vaddr
 * @jobs: of &struct t1p_job, the long ones that run; jobs_lock
 * @jobs_lock: innermost
 * @pid: the process that set it up, if it still is; constant, as is @comm
 * @comm: what that process was called
 * @debugfs: its directory there
 */
struct t1p_container {
	struct kref ref;
	struct rcu_head rcu;
	struct hlist_node node;
	unsigned long id;
	bool v2;
	bool nesting;
	struct rw_semaphore domains_sem;
	struct mutex lock;		/* see the top of this file */
	struct list_head domains;
	struct list_head emulated;
	unsigned int unpinned_groups;
	struct list_head devices;
	struct mutex devices_lock;	/* devices */
	struct mutex dirty_lock;	/* dirty tracking */
	bool tracking;
	struct list_head orphans;
	struct rb_root ranges;
	struct t1p_windows windows;
	u64 pgsizes;
	unsigned int avail;
	unsigned int invalid;
	bool dead;
	atomic_t waiters;
	struct list_head jobs;
	spinlock_t jobs_lock;		/* jobs */
	pid_t pid;
	char comm[TASK_COMM_LEN];
	struct dentry *debugfs;
};

/* A group that is attached: through a domain, or emulated. */
struct t1p_group {
	struct list_head node;
	struct iommu_group *iommu_group;
	bool pins;		/* it has said what it uses; container->lock */
};

/**
 * struct t1p_domain - a distinct set of IOMMU page tables
 * @node: in container->domains
 * @iommu_domain: the IOMMU layer's object
 * @groups: list of &struct t1p_group that use it; as container->domains
 * @coherent: it enforces cache coherency; constant
 */
struct t1p_domain {
	struct list_head node;
	struct iommu_domain *iommu_domain;
	struct list_head groups;
	bool coherent;
};

/**
 * struct t1p_piece - one piece of a range: the unit of work
 * @runs: its pinned pages; belongs to the thread that settles the range, or to the
 *	helper that has taken the piece from its job
 * @mapped: every domain maps all of it; changed by that thread under
 *	domains_sem (read), so that a writer may rely on it, or by a writer
 * @stuck: an IOMMU refused to unmap it, so its pages must stay pinned
 */
struct t1p_piece {
	struct t1p_runs runs;
	bool mapped;
	bool stuck;
};

/**
 * struct t1p_dirty - the dirty bits of a range
 * @rcu: for those who set bits
 * @shift: what a bit stands for, as a shift
 * @bits: how many there are
 * @words: the bits; set atomically, read by exchange
 */
struct t1p_dirty {
	struct rcu_head rcu;
	unsigned int shift;
	unsigned long bits;
	unsigned long words[];
};

/**
 * enum t1p_range_state - where in its life a range is
 * @T1P_MAPPING: the thread in MAP_DMA is pinning and mapping it
 * @T1P_LIVE: settled
 * @T1P_UNMAPPING: some thread is taking it apart
 * @T1P_MOVING: some thread takes its vaddr away, or gives it another
 * @T1P_GONE: no longer in the tree
 *
 * MAPPING, UNMAPPING and MOVING are unsettled: one thread owns such a range's
 * pieces, and whoever else meets it waits. A container that dies meanwhile makes
 * it GONE, and leaves it to that thread to give the pages back.
 */
enum t1p_range_state {
	T1P_MAPPING,
	T1P_LIVE,
	T1P_UNMAPPING,
	T1P_MOVING,
	T1P_GONE,
};

/**
 * struct t1p_range - what one MAP_DMA made
 * @ref: held by the tree, by the thread that settles it, and by each waiter
 * @span: its iova, constant; and its place in container->ranges, as that
 * @claimed: in the list of the thread that settles it, or in orphans
 * @vaddr: user address of the first byte; as @owner
 * @vaddr_invalid: the user has taken @vaddr back, for the time being; as @state,
 *	and a change of state comes with it, which wakes who waits
 * @backing: the file that was mapped at @vaddr when it was taken back, or NULL;
 *	changed under lock by the thread that settles the range
 * @prot: IOMMU_READ, IOMMU_WRITE; constant
 * @state: changed under domains_sem and lock, read under either
 * @changes: how often the state has changed; lock, or READ_ONCE()
 * @settled: wakes who waits for the range to settle, to get a valid vaddr, or to
 *	be used no more
 * @users: operations of device drivers that work from its pages or its file, and
 *	from its vaddr; raised under lock while it is LIVE, the first also while it
 *	is MOVING. Whoever takes its vaddr away waits for 0, and so does UNMAP, till
 *	it is killed
 * @pins: tree of what device drivers have pinned, see access.c; pins_lock
 * @spare_pin: an entry for @pins that is not used, or NULL; exchanged
 * @pins_lock: innermost
 * @pinned: how many entries of @pins count as locked memory
 * @orphan: it is one of container->orphans, or was; set under domains_sem (write)
 * @dirty: dirty bits, or NULL; changed under lock, freed after a grace period
 * @owner: who pays for its pages
 * @has_pieces: there are pieces, pinned for a domain, or about to be; belongs to the
 *	thread that settles the range, or a domains_sem writer; unset under
 *	domains_sem
 * @piece0: the first piece, for most ranges have no other; as @has_pieces
 * @pieces: the others, of &struct t1p_piece by index; as @has_pieces
 */
struct t1p_range {
	struct kref ref;
	struct t1p_span span;
	struct list_head claimed;
	unsigned long vaddr;
	bool vaddr_invalid;
	struct t1p_backing *backing;
	int prot;
	enum t1p_range_state state;
	unsigned int changes;
	wait_queue_head_t settled;
	atomic_t users[2];
	struct rb_root pins;
	void *spare_pin;
	spinlock_t pins_lock;		/* pins */
	atomic_long_t pinned;
	bool orphan;
	struct t1p_dirty __rcu *dirty;
	struct t1p_owner owner;
	bool has_pieces;
	struct t1p_piece piece0;
	struct xarray pieces;
};

/**
 * struct t1p_use - one operation's use of one range
 * @range: the range, with a reference
 * @vaddr: its vaddr may be used
 * @backing: its file may be used, with a reference; or NULL. Without either, only
 *	its pinned pages may be
 */
struct t1p_use {
	struct t1p_range *range;
	struct t1p_backing *backing;
	bool vaddr;
};

struct t1p_job;

/* The largest dirty bitmap that the ABI knows, in bytes: 2^31 pages. */
#define T1P_DIRTY_BITMAP_MAX	BIT_ULL(28)

/* params: main.c */
extern bool t1p_allow_unsafe_interrupts;
extern bool t1p_disable_hugepages;
extern unsigned int t1p_entry_limit;
extern bool t1p_claim_type1;
extern unsigned int t1p_vaddr_timeout_ms;
extern bool t1p_verify_replace;
extern unsigned int t1p_max_threads;

/* container.c */
struct t1p_container *t1p_container_create(unsigned long type);
struct t1p_container *t1p_container_get(void *iommu_data);
void t1p_container_put(struct t1p_container *c);
void *t1p_container_handle(const struct t1p_container *c);
void t1p_container_kill(struct t1p_container *c);

/* The smallest page that every domain knows. */
static inline u64 t1p_container_pgsize(struct t1p_container *c)
{
	u64 pgsizes = READ_ONCE(c->pgsizes);

	return pgsizes & -pgsizes;
}

/* ioctl.c */
long t1p_ioctl(struct t1p_container *c, unsigned int cmd, unsigned long arg);

/* info.c */
long t1p_check_extension(struct t1p_container *c, unsigned long extension);
int t1p_get_info(struct t1p_container *c, void __user *arg);

/* map.c */
int t1p_map(struct t1p_container *c,
	    const struct vfio_iommu_type1_dma_map *map);
int t1p_publish(struct t1p_container *c, struct t1p_range *range, bool valid);
int t1p_publish_all(struct t1p_container *c, struct list_head *claimed, bool valid);

/* unmap.c */
int t1p_unmap(struct t1p_container *c,
	      struct vfio_iommu_type1_dma_unmap *unmap,
	      const struct vfio_bitmap *bitmap);
int t1p_unmap_lock(struct t1p_container *c,
		   const struct vfio_iommu_type1_dma_unmap *unmap,
		   struct t1p_range **first, u64 *last);
bool t1p_bisects(struct t1p_container *c, const struct t1p_range *first,
		 u64 iova, u64 last);
void t1p_depopulate(struct t1p_container *c, struct t1p_range *range);
void t1p_drop(struct t1p_container *c, struct t1p_range *range);

/* vaddr.c */
int t1p_invalidate(struct t1p_container *c,
		   struct vfio_iommu_type1_dma_unmap *unmap);
int t1p_replace(struct t1p_container *c,
		const struct vfio_iommu_type1_dma_map *map);

/* access.c */
int t1p_device_pin(struct t1p_container *c, struct iommu_group *iommu_group,
		   u64 iova, int npage, int prot, struct page **pages);
void t1p_device_unpin(struct t1p_container *c, u64 iova, int npage);
void t1p_pins_mark(struct t1p_range *range);
void t1p_pins_release(struct t1p_range *range);
void t1p_pins_orphan(struct t1p_container *c, struct t1p_range *range);
void t1p_pins_count(struct t1p_container *c, bool count);

/* Whether device drivers have pages of it pinned. */
static inline bool t1p_has_pins(const struct t1p_range *range)
{
	return !RB_EMPTY_ROOT(&range->pins);
}

/* rw.c */
int t1p_device_rw(struct t1p_container *c, u64 iova, void *data, size_t count,
		  bool write);

/* hold.c */
int t1p_hold(struct t1p_container *c, const struct t1p_use *use, u64 iova,
	     int prot, enum t1p_want want, struct t1p_run *run);

/* device.c */
void t1p_device_register(struct t1p_container *c, struct vfio_device *vdev);
void t1p_device_unregister(struct t1p_container *c, struct vfio_device *vdev);
void t1p_devices_let_go(struct t1p_container *c, struct t1p_range *range);

/* use.c */
int t1p_use(struct t1p_container *c, u64 iova, enum t1p_want want,
	    struct t1p_use *use);
void t1p_unuse(struct t1p_use *use);
int t1p_use_wait(struct t1p_container *c, u64 iova, enum t1p_want want,
		 unsigned long *deadline);
int t1p_drain(struct list_head *claimed, enum t1p_range_state state);

/* Whether device drivers use it. What they did is visible when they no longer do. */
static inline bool t1p_in_use(const struct t1p_range *range)
{
	return atomic_read_acquire(&range->users[true]) ||
	       atomic_read_acquire(&range->users[false]);
}

/* dirty.c */
int t1p_dirty_start(struct t1p_container *c);
int t1p_dirty_stop(struct t1p_container *c);
int t1p_dirty_get(struct t1p_container *c, u64 iova, u64 size,
		  const struct vfio_bitmap *bitmap);
int t1p_dirty_report(struct t1p_container *c, struct t1p_range *range, u64 base,
		     const struct vfio_bitmap *bitmap);
int t1p_dirty_prepare(struct t1p_container *c, struct t1p_range *range);
void t1p_dirty_mark(struct t1p_range *range, u64 offset, u64 size);
void t1p_dirty_mark_all(struct t1p_container *c);
void t1p_dirty_free(struct t1p_range *range);

/* group.c */
int t1p_attach_group(struct t1p_container *c, struct iommu_group *iommu_group,
		     enum vfio_group_type type);
void t1p_detach_group(struct t1p_container *c, struct iommu_group *iommu_group);
void t1p_group_pins(struct t1p_container *c, struct iommu_group *iommu_group);

/* replay.c */
int t1p_replay(struct t1p_container *c, struct t1p_domain *domain);
void t1p_unmap_all(struct t1p_container *c, struct t1p_domain *domain);
void t1p_unpin_all(struct t1p_container *c);

/* range.c */
int t1p_ranges_init(void);
void t1p_ranges_exit(void);
struct t1p_range *t1p_range_create(u64 iova, u64 last, unsigned long vaddr,
				   int prot);
void t1p_range_free(struct kref *ref);
void t1p_range_insert(struct t1p_container *c, struct t1p_range *range);
void t1p_range_set_state(struct t1p_container *c, struct t1p_range *range,
			 enum t1p_range_state state);
void t1p_range_set_valid(struct t1p_container *c, struct t1p_range *range,
			 bool valid);
struct t1p_range *t1p_range_first(struct t1p_container *c, u64 iova, u64 last);
int t1p_ranges_lock(struct t1p_container *c, u64 iova, u64 last,
		    struct t1p_range **first);
void t1p_ranges_unlock(struct t1p_container *c);

static inline void t1p_range_get(struct t1p_range *range)
{
	kref_get(&range->ref);
}

static inline void t1p_range_put(struct t1p_range *range)
{
	kref_put(&range->ref, t1p_range_free);
}

static inline struct t1p_range *t1p_range_of(struct t1p_span *span)
{
	return span ? container_of(span, struct t1p_range, span) : NULL;
}

/* The next one that still begins before @last; as t1p_range_first(). */
static inline struct t1p_range *t1p_range_next(struct t1p_range *range, u64 last)
{
	if (range->span.last >= last)
		return NULL;
	return t1p_range_of(t1p_span_next(&range->span, last));
}

#define t1p_for_each_range(c, range, iova, last)			\
	for ((range) = t1p_range_first(c, iova, last); (range);		\
	     (range) = t1p_range_next(range, last))

/* Nobody adds or removes ranges meanwhile. */
static inline void t1p_assert_tree_stable(struct t1p_container *c)
{
	lockdep_assert(lockdep_is_held(&c->lock) ||
		       lockdep_is_held_type(&c->domains_sem, 0));
}

/* piece.c */
unsigned int t1p_piece_shift(u64 iova, unsigned long vaddr, u64 size);
int t1p_piece_pin(struct t1p_job *job, unsigned long index);
void t1p_piece_unpin(struct t1p_job *job, unsigned long index);
int t1p_pieces_pin(struct t1p_job *job);
void t1p_pieces_unpin(struct t1p_job *job);
int t1p_piece_map(struct t1p_range *range, unsigned long index,
		  struct t1p_domain *domain);
void t1p_piece_unmap(struct t1p_range *range, unsigned long index,
		     struct t1p_domain *domain);
void t1p_pieces_free(struct t1p_range *range);

static inline bool t1p_has_pieces(const struct t1p_range *range)
{
	/* Pairs with create_pieces(): all of them can be seen. */
	return smp_load_acquire(&range->has_pieces);
}

/* A piece of a range, or NULL if it is not there. */
static inline struct t1p_piece *t1p_piece(struct t1p_range *range,
					  unsigned long index)
{
	if (index)
		return xa_load(&range->pieces, index);
	return t1p_has_pieces(range) ? &range->piece0 : NULL;
}

#endif /* TYPE1P_TYPE1P_H */
