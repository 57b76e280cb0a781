/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that can be done to containers, at random, by many at once; and what
 * must be true of it at any moment.
 *
 * The iova of a container is cut into slots, each with memory of its own. A thread
 * that has locked a slot knows exactly what every call on it must return, and what a
 * device must find there, whatever others do meanwhile. The last page of a slot is
 * the exception: devices write to it at any time. But once a slot is unmapped, its
 * memory is marked as unused, all of it: then nothing may change there any more.
 *
 * Beyond the slots there is a stretch for which threads fight without a lock, where
 * every iova has a page of its own and so a device finds that or nothing; and one for
 * each of the processes that are killed.
 */
#ifndef TYPE1P_RACE_H
#define TYPE1P_RACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "container.h"
#include "edu.h"
#include "emulated.h"
#include "ktypes.h"
#include "mem.h"

#define MAX_BOXES	5
#define MAX_SEATS	96
#define SLOTS		24
#define SLOT_STRIDE	(8UL << 20)
#define FIGHT_IOVA	0x20000000ULL
#define FIGHT_PAGES	256
/* What most calls there are about: so they meet. */
#define FIGHT_CHUNK	64
#define KIDS		6
#define KID_IOVA	0x100000000ULL
#define KID_STRIDE	0x20000000ULL
#define KID_PAGES	512
/* For one that maps so much that several CPUs work on it. */
#define BIG_SIZE	(256UL << 20)

/* Emulated devices: one for each box, and two that come and go. */
#define VISITOR		6
#define LODGER		7

/* What --only and --without name; the first ones are done to slots by their owners. */
enum operation {
	OP_MAP,
	OP_UNMAP,
	OP_BITMAP,
	OP_INVALIDATE,
	OP_REPLACE,
	OP_SWAP,
	OP_ADOPT,
	OP_WRONG,
	OP_READ,
	OP_WRITE,
	OP_PIN,
	OP_HOLD,
	OP_MEMORY,
	OP_DIRTY,
	OP_INFO,
	OP_SWEEP,
	OP_SWEEP_VADDR,
	OP_TRACK,
	OP_RACE,
	OP_FIGHT,
	OP_EDU,
	OP_EDU_RACE,
	OP_VISIT,
	OP_VISIT_IOMMU,
	OP_LIFE,
	OP_KID,
	OP_KID_MAP,
	OP_KID_USE,
	OP_KILL,
	OP_KID_FAULT,
	OP_KID_LIMIT,
	OP_KID_MEMCG,
	OP_KID_FORK,
	OP_KID_EXEC,
	OP_KID_MOVE,
	OP_KID_BIG,
	OP_PARAM,
	OP_UNLOAD,
	OP_LOOK,
	OP_BIND,
	OP_HOTPLUG,
	NR_OPS,
};

#define NR_ERRNOS	134

/* What is known of an operation's calls. */
struct record {
	atomic_ullong calls;
	atomic_ullong errors[NR_ERRNOS];
	atomic_uint longest_ms;
};

/* Somebody who makes calls; all processes see it. */
struct seat {
	char name[16];
	pid_t pid;
	pid_t tid;
	atomic_uint busy;		/* odd in a call */
	enum operation op;
	int box;
	u64 iova;
	double began_ms;
};

/**
 * struct box - a container
 * @fd: its descriptor
 * @nr: its number
 * @device: descriptor of its emulated device, or -1
 * @group: of that
 * @edu: its PCI device, if @has_edu: so an IOMMU is always there
 * @edu_device: descriptor of that
 * @edu_group: of that
 * @quiet: no IOMMU ever comes to it, and all of it is unmapped at times
 * @limit: ranges that it may have
 * @debug_id: its name in debugfs
 * @sweep: odd while somebody unmaps or invalidates all slots at once
 * @unmapped: the value of @sweep after the last time that all were unmapped
 * @invalid: likewise, invalidated
 * @sweep_lock: one at a time
 * @track: odd while dirty tracking is being turned on or off; on if bit 1 is set
 * @mapped: bytes mapped less bytes unmapped in the stretch to fight for
 * @fight: memory for that
 */
struct box {
	int fd;
	int nr;
	int device;
	int group;
	int edu_device;
	int edu_group;
	struct edu edu;
	bool has_edu;
	bool quiet;
	u32 limit;
	u64 debug_id;
	atomic_uint sweep;
	atomic_uint unmapped;
	atomic_uint invalid;
	pthread_mutex_t sweep_lock;
	atomic_uint track;
	atomic_llong mapped;
	char *fight;
};

/**
 * struct race - what all share, processes as well
 * @over: the run is to end
 * @failed: a violation was found
 * @pause: all threads are to stand still
 * @paused: how many do
 * @kids_pause: there are to be no kids
 * @kids_paused: there are none
 * @checks: what was compared with what must be
 * @checkpoints: how often all stood still
 * @pins: pages that were pinned at first
 */
struct race {
	unsigned int seed;
	unsigned int seconds;
	unsigned int threads;
	unsigned int boxes;
	unsigned int patience_ms;
	bool enabled[NR_OPS];
	atomic_bool over;
	atomic_bool failed;
	atomic_bool pause;
	atomic_bool kids_pause;
	atomic_bool kids_paused;
	atomic_uint paused;
	atomic_uint seats_taken;
	atomic_ullong checks;
	atomic_uint checkpoints;
	struct seat seats[MAX_SEATS];
	struct record records[NR_OPS];
	struct box box[MAX_BOXES];
	s64 pins;
};

extern struct race *r;
extern const char * const op_names[NR_OPS];

double now_ms(void);
unsigned int draw(unsigned int *seed, unsigned int below);

/* seat.c */
struct seat *seat_take(const char *name);
void begin(struct seat *seat, enum operation op, int box, u64 iova);
/* Records @ret and returns it. */
int end(struct seat *seat, int ret);
/* Violations if it is neither 0 or more, nor one of the negative errnos up to a 0. */
int judge(struct seat *seat, int ret, ...);
__printf(2, 3) void violation(struct seat *seat, const char *format, ...);
/* Between calls: stands still while the others are looked at. */
void rest(void);
/* Whoever has been in a call for too long. */
struct seat *seat_lost(void);
void seats_dump(void);
void records_print(void);
u64 records_calls(void);

struct worker {
	struct seat *seat;
	unsigned int seed;
	pthread_t thread;
	int nr;
};

/* run in threads */
void *act_run(void *worker);
void *racer_run(void *worker);
void *fighter_run(void *worker);
void *sweeper_run(void *worker);
void *tracker_run(void *worker);
void *edu_run(void *worker);
void *visitor_run(void *worker);
void *visitor_iommu_run(void *worker);
void *params_run(void *worker);
void *unloader_run(void *worker);
void *reader_run(void *worker);
void *binder_run(void *worker);
void *hotplug_run(void *worker);

/* Whether replaces are verified: held for reading while one relies on it. */
extern pthread_rwlock_t verify_lock;
/* Held for writing to fork a child that stays. */
extern pthread_rwlock_t fork_lock;
extern bool verify_on;

int boxes_open(void);
void boxes_close(void);
int fight_setup(void);

int nursery_run(void);
int reborn(int argc, char **argv);
void checkpoint(struct seat *seat, bool empty);

#endif
