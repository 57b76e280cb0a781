/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What type1p adds to linux/vfio.h.
 *
 * Everything else about a container that type1p serves is as linux/vfio.h says.
 */
#ifndef _UAPI_LINUX_VFIO_TYPE1P_H
#define _UAPI_LINUX_VFIO_TYPE1P_H

/*
 * An extension and an IOMMU type in one, well away from the numbers that the
 * kernel gives out.
 *
 * VFIO_CHECK_EXTENSION before VFIO_SET_IOMMU: 1 if type1p is loaded.
 * VFIO_CHECK_EXTENSION afterwards: 1 if type1p serves this container, else 0.
 * VFIO_SET_IOMMU: a container with the rules of VFIO_TYPE1v2_IOMMU that type1p
 * serves, whatever its parameter claim_type1 says.
 */
#define VFIO_TYPE1P_IOMMU	0x74317000

#endif /* _UAPI_LINUX_VFIO_TYPE1P_H */
