/* SPDX-License-Identifier: GPL-2.0-only */
/* A PCI device behind VFIO: its regions, configuration space and BARs. */
#ifndef TYPE1P_DEVICE_H
#define TYPE1P_DEVICE_H

#include <linux/vfio.h>

#include "ktypes.h"

struct bar {
	void *mem;
	size_t size;
};

int device_open(int group_fd, const char *bdf);
int device_info(int device, struct vfio_device_info *info);
int device_region(int device, unsigned int index, struct vfio_region_info *info);
/* -ENODEV if the BAR is absent or not to be mapped. */
int device_map_bar(int device, unsigned int index, struct bar *bar);
void device_unmap_bar(struct bar *bar);

int device_config_read(int device, unsigned int offset, void *buf, size_t len);
int device_config_write(int device, unsigned int offset, const void *buf, size_t len);
/* Bits of the PCI command register: PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY. */
int device_command(int device, u16 bits, bool on);
int device_reset(int device);

/* Single accesses of that width, never torn, merged or left out. */
static inline u32 bar_read32(const struct bar *bar, size_t offset)
{
	return __atomic_load_n((u32 *)((char *)bar->mem + offset), __ATOMIC_ACQUIRE);
}

static inline u64 bar_read64(const struct bar *bar, size_t offset)
{
	return __atomic_load_n((u64 *)((char *)bar->mem + offset), __ATOMIC_ACQUIRE);
}

/* All earlier stores are visible to the device before this one. */
static inline void bar_write32(const struct bar *bar, size_t offset, u32 val)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n((u32 *)((char *)bar->mem + offset), val, __ATOMIC_RELEASE);
}

static inline void bar_write64(const struct bar *bar, size_t offset, u64 val)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n((u64 *)((char *)bar->mem + offset), val, __ATOMIC_RELEASE);
}

#endif
