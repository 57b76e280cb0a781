/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The floor: what the kernel's own calls cost that any backend needs to map
 * memory for a device, made one after the other and timed apart from everything
 * else. Orders are ioctls on /dev/type1p-floor. Kernel and user space share
 * this file.
 */
#ifndef TYPE1P_FLOOR_UAPI_H
#define TYPE1P_FLOOR_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TYPE1P_FLOOR_NAME	"type1p-floor"

/**
 * struct type1p_floor_device - the PCI device to map for; no driver does DMA with it
 * @domain: of its address
 * @bus: of its address
 * @devfn: of its address
 */
struct type1p_floor_device {
	__u32 domain;
	__u32 bus;
	__u32 devfn;
};

/* Pin through the file of a shared mapping, a folio at a time. */
#define TYPE1P_FLOOR_BY_FILE	0x1

/**
 * struct type1p_floor_call - one mapping to make or to take away again
 * @vaddr: MAP: page-aligned user address
 * @iova: where it goes
 * @size: in bytes; UNMAP: what MAP was told
 * @flags: MAP: TYPE1P_FLOOR_BY_FILE
 * @runs: MAP: physically contiguous runs that were found
 * @pin_ns: set to the time spent in the calls that pin or unpin
 * @map_ns: set to the time spent in the calls that map or unmap
 */
struct type1p_floor_call {
	__u64 vaddr;
	__u64 iova;
	__u64 size;
	__u32 flags;
	__u32 runs;
	__u64 pin_ns;
	__u64 map_ns;
};

/* Once per descriptor. */
#define TYPE1P_FLOOR_ATTACH	_IOW('f', 0x70, struct type1p_floor_device)
#define TYPE1P_FLOOR_MAP	_IOWR('f', 0x71, struct type1p_floor_call)
#define TYPE1P_FLOOR_UNMAP	_IOWR('f', 0x72, struct type1p_floor_call)

#endif /* TYPE1P_FLOOR_UAPI_H */
