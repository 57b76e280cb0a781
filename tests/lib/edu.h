/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's edu device: a DMA engine in front of a buffer of 4 KiB. */
#ifndef TYPE1P_EDU_H
#define TYPE1P_EDU_H

#include "device.h"

#define EDU_VENDOR		0x1234
#define EDU_DEVICE		0x11e8

/*
 * It drops address bits above these. On arm64 the window for interrupts lies amid what is
 * left then: the device is to have dma_mask=-1.
 */
#ifdef __aarch64__
#define EDU_IOVA_LIMIT		(1ULL << 40)
#else
#define EDU_IOVA_LIMIT		0x10000000ULL
#endif
/* QEMU 7.2 aborts when a transfer reaches the end of the buffer. */
#define EDU_MAX_TRANSFER	2048

struct edu {
	struct bar bar;
};

int edu_open(int device, struct edu *edu);
void edu_close(struct edu *edu);
/*
 * One transfer of up to EDU_MAX_TRANSFER bytes at the start of its buffer.
 * Each takes QEMU 0.1 s. -EINVAL for what the device cannot do, -ETIMEDOUT.
 */
int edu_from_memory(struct edu *edu, u64 iova, size_t len);
int edu_to_memory(struct edu *edu, u64 iova, size_t len);

#endif
