/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a guest: a memfd, of which each range lies elsewhere in the file
 * than its neighbour, and is mapped for DMA by a call of its own.
 *
 * Who does what there, by iova:
 *
 *   checked	drivers of emulated devices read; nobody writes
 *   stamped	drivers of emulated devices write
 *   DMA	real devices read and write, each in a part of its own
 */
#ifndef LIVEUPDATE_GUEST_H
#define LIVEUPDATE_GUEST_H

#include "../lib/mem.h"
#include "state.h"

#define GUEST_RANGES	8
#define GUEST_RANGE	(4UL << 20)
#define GUEST_SIZE	(GUEST_RANGES * GUEST_RANGE)
/* All of it is within what edu can address. */
#define GUEST_IOVA	(16UL << 20)

#define GUEST_CHECKED	0UL
#define GUEST_STAMPED	(2 * GUEST_RANGE)
#define GUEST_DMA	(4 * GUEST_RANGE)

#define GUEST_STAMP	0x6c69766500000000ULL

int guest_create(struct state *s);
/* All of it in one piece, in the order of iovas; not at @avoid. NULL: no memory. */
u8 *guest_map(const struct state *s, bool shared, u64 avoid);
void guest_unmap(u8 *mem);
/* Puts into the checked part what is expected there. */
void guest_fill(u8 *mem);
/* How many pages of it are not as they were. */
u64 guest_check(const u8 *mem);

/* For DMA; the second one gives what has been mapped a new vaddr. */
int guest_map_dma(const struct state *s, const u8 *mem);
int guest_replace(const struct state *s, const u8 *mem);

#endif
