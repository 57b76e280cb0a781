/* SPDX-License-Identifier: GPL-2.0-only */
/* IOMMUFD's own ioctls, in the kernels that have them. */
#ifndef TYPE1P_BENCH_IOMMUFD_H
#define TYPE1P_BENCH_IOMMUFD_H

#include "ktypes.h"

bool iommufd_there(void);
/*
 * An address space (*@ioas) with a device of vfio-pci's in it. Returns a descriptor of
 * /dev/iommu, puts the device's into *@device_fd; -errno.
 */
int iommufd_open(const char *bdf, int *device_fd, u32 *ioas);
int iommufd_map(int fd, u32 ioas, void *mem, u64 iova, u64 size);
int iommufd_unmap(int fd, u32 ioas, u64 iova, u64 size, u64 *done);

#endif
