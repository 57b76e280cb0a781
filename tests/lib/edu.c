// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's edu device: a DMA engine in front of a buffer of 4 KiB. */
#include <errno.h>
#include <time.h>
#include <linux/pci_regs.h>

#include "edu.h"

#define EDU_REG_ID		0x00
#define EDU_REG_DMA_SRC		0x80
#define EDU_REG_DMA_DST		0x88
#define EDU_REG_DMA_COUNT	0x90
#define EDU_REG_DMA_CMD		0x98

#define EDU_ID_MASK		0xffff
#define EDU_ID			0x00ed
#define EDU_CMD_START		1
#define EDU_CMD_TO_MEMORY	2
#define EDU_BUFFER		0x40000

#define EDU_TIME_LIMIT		20	/* seconds; far more than even a starved host takes */

int edu_open(int device, struct edu *edu)
{
	int ret;

	ret = device_command(device, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, true);
	if (!ret)
		ret = device_map_bar(device, VFIO_PCI_BAR0_REGION_INDEX, &edu->bar);
	if (!ret && (bar_read32(&edu->bar, EDU_REG_ID) & EDU_ID_MASK) != EDU_ID) {
		edu_close(edu);
		ret = -ENODEV;
	}
	return ret;
}

void edu_close(struct edu *edu)
{
	device_unmap_bar(&edu->bar);
}

static int wait_idle(struct edu *edu)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (bar_read64(&edu->bar, EDU_REG_DMA_CMD) & EDU_CMD_START) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > EDU_TIME_LIMIT)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int transfer(struct edu *edu, u64 iova, size_t len, bool to_memory)
{
	if (!len || len > EDU_MAX_TRANSFER || iova + len > EDU_IOVA_LIMIT)
		return -EINVAL;
	bar_write64(&edu->bar, EDU_REG_DMA_SRC, to_memory ? EDU_BUFFER : iova);
	bar_write64(&edu->bar, EDU_REG_DMA_DST, to_memory ? iova : EDU_BUFFER);
	bar_write64(&edu->bar, EDU_REG_DMA_COUNT, len);
	bar_write64(&edu->bar, EDU_REG_DMA_CMD, EDU_CMD_START |
		    (to_memory ? EDU_CMD_TO_MEMORY : 0));
	return wait_idle(edu);
}

int edu_from_memory(struct edu *edu, u64 iova, size_t len)
{
	return transfer(edu, iova, len, false);
}

int edu_to_memory(struct edu *edu, u64 iova, size_t len)
{
	return transfer(edu, iova, len, true);
}
