/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulated devices of tests/kmod: a group each, and calls into vfio as
 * ordered. Where a call into vfio was made, its result is the result.
 */
#ifndef TYPE1P_EMULATED_H
#define TYPE1P_EMULATED_H

#include "../kmod/type1p_emulated.h"
#include "ktypes.h"

#define EMULATED_MAX_PAGES	512

enum emulated_prot {
	EMULATED_READ = 1,
	EMULATED_WRITE = 2,
};

/* IOMMU group of the nth device; -ENODEV if there are not so many. */
int emulated_group(int nth);
/* The nth device, in its group: a descriptor. */
int emulated_open(int group_fd, int nth);

/* One call as @order says; @order->result is returned. */
int emulated_order(int device, struct type1p_emulated_order *order);

/* By the calling process. @words, if given, gets the first 8 bytes of each page. */
int emulated_pin(int device, u64 iova, int npages, int prot, u64 *words);
int emulated_unpin(int device, u64 iova, int npages);
int emulated_read(int device, u64 iova, void *buf, size_t size);
int emulated_write(int device, u64 iova, const void *buf, size_t size);

/* A call or a loop in the background: the job's id. */
int emulated_start(int device, const struct type1p_emulated_order *order);
int emulated_status(int device, int id, struct type1p_emulated_status *status);
/* The same, and begins all counts anew. */
int emulated_sample(int device, int id, struct type1p_emulated_status *status);
/* Waits up to @ms for the job to end: -ETIMEDOUT, or what its last call returned. */
int emulated_wait(int device, int id, int ms);
/* Ends the job; @status may be NULL. */
int emulated_stop(int device, int id, struct type1p_emulated_status *status);

int emulated_behave(int device, const struct type1p_emulated_manners *manners);
int emulated_unmaps(int device, struct type1p_emulated_unmaps *unmaps);

/* What a loop expects at @iova is put there: memory mapped from @mem on. */
void emulated_stamp(void *mem, u64 iova, u64 size, u64 stamp);

#endif
