/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many who wait for the vaddrs of many ranges, which are taken and given back,
 * unmapped and mapped, while groups leave and join and waiters are killed.
 *
 * No time limit of the module's helps: it is so long that a waiter whom nobody
 * wakes is found missing.
 */
#ifndef TYPE1P_WAITERS_STRESS_H
#define TYPE1P_WAITERS_STRESS_H

#include <pthread.h>
#include <stdatomic.h>

#include "emulated.h"
#include "ktypes.h"
#include "mem.h"

#define MAX_RANGES	1024
#define RANGE_PAGES	4
#define RANGE_SIZE	(RANGE_PAGES * PAGE_4K)
#define STAMP		0x7374000000000000ULL

enum waiter_kind {
	BY_KTHREAD,		/* of a device */
	BY_WORK,		/* a work item of a device */
	BY_THREAD,		/* of this process, in an ioctl of the device */
	BY_PROCESS,		/* likewise, but one that gets killed */
	WAITER_KINDS,
};

/* How a call of a waiter's ended. */
enum ending {
	BY_REPLACE,		/* it got what it wanted */
	BY_UNMAP,
	BY_STOP,
	BY_KILL,
	BY_CLOSE,
	BY_TIME,
	ENDINGS,
};

/**
 * struct waiter - one that makes calls which may wait; shared by processes
 * @kind: what it is
 * @turn: odd while it is in a call
 * @range: of that call
 * @began_ms: when that call began
 * @calls: calls, by how they ended
 * @waits: of them, those that took WAIT_MS and more
 * @longest_ms: the longest of them
 */
struct waiter {
	enum waiter_kind kind;
	atomic_uint turn;
	atomic_uint range;
	double began_ms;
	u64 calls[ENDINGS];
	u64 waits[ENDINGS];
	double longest_ms;
};

#define WAIT_MS		5

/* A device whose descriptor may be taken away; each life of it has its number. */
struct device {
	pthread_rwlock_t lock;
	int fd;
	int group;
	unsigned int life;
};

/**
 * struct stress - what all share
 * @seed: of everything random
 * @ranges: how many
 * @waiters: how many
 * @patience_ms: who ought to have returned for so long is lost
 * @over: the run is to end
 * @failed: something was wrong
 * @container: its descriptor
 * @devices: the first stays, the second comes and goes
 * @waiter: all of them
 * @quiet: ranges for which nobody may begin a call: whoever uses a range may wake
 *	others, which would hide that they were forgotten
 * @slowest_kill_ms: from a signal to the end of the process
 * @slowest_stop_ms: of kthread_stop()
 * @kills: how many
 */
struct stress {
	unsigned int seed;
	unsigned int ranges;
	unsigned int waiters;
	double patience_ms;
	atomic_bool over;
	atomic_bool failed;
	int container;
	struct device devices[2];
	struct waiter *waiter;
	atomic_bool quiet[MAX_RANGES];
	double slowest_kill_ms;
	atomic_uint slowest_stop_ms;
	u64 kills;
};

double now_ms(void);
void pause_us(unsigned int *seed, unsigned int us);
void raise_to(atomic_uint *highest, double ms);
/* One for which writers need not wait till there happens to be no reader. */
void lock_init(pthread_rwlock_t *lock);
/* Says what is wrong, and ends the run. */
__printf(2, 3) void fail(struct stress *s, const char *format, ...);

static inline u64 range_iova(unsigned int range)
{
	return (u64)range * 2 * RANGE_SIZE;
}

/* Joins a thread that is to end now; without it the run ends. */
void join_in_time(struct stress *s, pthread_t thread, const char *who);

/* waiters.c */
struct waiter_thread {
	struct stress *s;
	struct waiter *waiter;
	unsigned int seed;
	pthread_t thread;
};

void *waiter_run(void *arg);
const char *waiter_name(enum waiter_kind kind);

/* nursery.c: runs till the end of the stress; exit status of a process */
int nursery_run(struct stress *s);

/* ranges.c */
int ranges_start(struct stress *s);
void ranges_stop(struct stress *s);
/* All that are invalid are replaced, and all that are valid then made invalid. */
void ranges_all_valid(struct stress *s);
void ranges_all_invalid(struct stress *s);
void ranges_lock(void);
void ranges_unlock(void);
/* The bytes that are mapped. */
u64 ranges_mapped(const struct stress *s);
void ranges_report(void);

/* groups.c */
int groups_start(struct stress *s);
void groups_stop(struct stress *s);
void groups_report(void);

#endif
