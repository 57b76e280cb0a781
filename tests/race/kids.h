/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that are killed, whatever they are at. */
#ifndef TYPE1P_RACE_KIDS_H
#define TYPE1P_RACE_KIDS_H

#include "race.h"

#define PARTS		4
#define PART_PAGES	(KID_PAGES / PARTS)
#define PART_SIZE	(PART_PAGES * PAGE_4K)

/**
 * struct kid - a process, and its stretch of iova
 * @mem: its memory, a part of it for each part of the iova
 * @mapped: pages of each part that are mapped
 */
struct kid {
	struct seat *seat;
	struct box *box;
	unsigned int nr;
	unsigned int seed;
	u64 iova;
	char *mem;
	unsigned int mapped[PARTS];
};

static inline u64 kid_part_iova(const struct kid *k, unsigned int part)
{
	return k->iova + part * PART_SIZE;
}

static inline char *kid_part(const struct kid *k, unsigned int part)
{
	return k->mem + part * PART_SIZE;
}

/* Never returns. @mode: what kind of life. */
void kid_run(struct kid *k, enum operation mode);
/* Containers of its own, likewise. */
void lodger_run(struct kid *k);

/* trouble.c: prepare a life, and a step in it. */
int fault_begin(struct kid *k, unsigned int part);
int limit_begin(void);
int limit_draw(struct kid *k);
int memcg_begin(struct kid *k);
void memcg_draw(struct kid *k);
void move_begin(struct kid *k, unsigned int part);

#endif
