/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One operation of the backend at a time, in which the kernel makes the first
 * allocation or user copy fail, then the second, and so on to the end; and the world
 * in which it is done, whose state has to be as before, or as after a success.
 */
#ifndef TYPE1P_FAILNTH_H
#define TYPE1P_FAILNTH_H

#include <sys/types.h>

#include "container.h"
#include "device.h"
#include "edu.h"
#include "emulated.h"
#include "ktypes.h"
#include "mem.h"

#define IOVA		0x100000ULL
/* Three ranges of that size stand side by side: a bitmap has them within a word. */
#define PART		(16 * PAGE_4K)
#define PARTS		3
/* A long range stands where huge pages stay whole; a short one where they are cut. */
#define LONG_SIZE	(384UL << 20)
#define IOVA_OF(size)	((size) == LONG_SIZE ? 2 * IOVA : IOVA)
#define PROT_DMA	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define UNMAP_VADDR	VFIO_DMA_UNMAP_FLAG_VADDR
#define UNMAP_ALL	VFIO_DMA_UNMAP_FLAG_ALL

/* What a world has when an operation's own setup begins. */
enum need {
	NEED_IOMMU = 1,			/* a group behind the IOMMU */
	NEED_TWO_DOMAINS = 2,		/* another one, in a domain of its own */
	NEED_EMULATED = 4,		/* an emulated device, opened */
	NEED_BARE = 8,			/* the group, but no backend yet */
	NEED_PCI = 16,			/* the device behind the IOMMU, opened */
};

struct world {
	int container;
	int group[2];
	int egroup[2];
	int device;			/* emulated */
	int pci;
	struct edu edu;
	char bdf[2][32];
	int number[2];			/* of the IOMMU's groups */
	char *mem;			/* anonymous: no two pages side by side */
	char *file;			/* of a memory file */
	char *area;			/* of the operation's own */
	u64 area_size;
	enum mem_pages area_pages;
	pid_t other;			/* who did the operation, if not this process */
	unsigned int checks;
	u64 bitmap[2];
};

#define MEM_SIZE	(2UL << 20)

/**
 * struct op - an operation
 * @name: what the table calls it
 * @needs: enum need
 * @arg: for its functions
 * @setup: makes the state before it, once
 * @ready: what else must be so before each time
 * @act: the operation, whose result is its errno or what it gives
 * @check: whether it has done what it should, after a success
 * @undo: makes the state before it from the one after it
 * @late: its result may fail to reach user space when all is done: EFAULT
 * @partly: EFAULT may come when some of it is done; done again, it is whole
 * @other: it is done by another process
 * @ours: only points that our module is on the stack of
 * @vary: beginnings of lines of the state that may differ after a success
 */
struct op {
	const char *name;
	unsigned int needs;
	const void *arg;
	int (*setup)(struct world *w, const struct op *op);
	int (*ready)(struct world *w, const struct op *op);
	int (*act)(struct world *w, const struct op *op);
	bool (*check)(struct world *w, const struct op *op);
	int (*undo)(struct world *w, const struct op *op);
	bool late;
	bool partly;
	bool other;
	bool ours;
	const char *vary[4];		/* ends with NULL */
};

/* ops_*.c; each list ends with an entry without a name */
extern const struct op map_ops[], unmap_ops[], dirty_ops[], vaddr_ops[], group_ops[],
	device_ops[], access_ops[], view_ops[];

/* inject.c */
/* NULL, or why there can be no injection here. */
const char *inject_init(void);
/* In each process anew. */
int inject_open(void);
void inject_arm(unsigned int nth);
/* Whether the nth point was met. */
bool inject_disarm(void);
/* Whether only what our module calls is to fail; a kernel may have to stand the rest. */
void inject_ours(bool ours);

/* What allocates, as debugfs calls it. */
enum kind {
	SLABS,				/* counts bytes */
	PAGES,				/* counts pages */
	KINDS,
};

/* One failure when this thread and its helpers have allocated so much more. */
void inject_after(enum kind kind, u64 amount);
/* Whether it came; *@left is what there was to allocate till then. No more from now on. */
bool inject_over(enum kind kind, u64 *left);

/* state.c */
#define STATE_SIZE	16384
struct state {
	char text[STATE_SIZE];
};

void state_take(struct state *state, struct world *w);
/* Prints the lines that differ, but for those that begin as in @vary. */
bool state_same(const struct state *want, const struct state *is, const char *const *vary,
		bool quiet);
/* The number behind a key, or -1. */
s64 state_number(const struct state *state, const char *key);

/* world.c */
int world_open(struct world *w, unsigned int needs);
void world_close(struct world *w);
int world_devices(struct world *w);
/* Memory for the operation alone. */
int world_area(struct world *w, u64 size, enum mem_pages pages, bool touch);
/* So many parts mapped side by side from @mem. */
int map_parts(struct world *w, char *mem);
int unmap_parts(struct world *w);
/* A device's DMA, now and then; a driver's access; each finds what is in @mem. */
bool dma_sees(struct world *w, u64 iova, char *mem);
bool driver_sees(struct world *w, u64 iova, char *mem);

/* helped.c: long operations with helpers; results as tests */
void helped_run(unsigned int seed, unsigned int rounds);

/* main.c */
void result(bool ok, const char *what, const char *skip);
void note(const char *format, ...) __printf(1, 2);

#endif
