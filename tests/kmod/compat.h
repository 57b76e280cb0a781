/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that this module is built for. */
#ifndef EMULATED_COMPAT_H
#define EMULATED_COMPAT_H

#include <linux/version.h>
#include <linux/vfio.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)

/* The core wants to be told that IOMMUFD may serve the device as well. */
#define EMULATED_IOMMUFD_OPS					\
	.bind_iommufd = vfio_iommufd_emulated_bind,		\
	.unbind_iommufd = vfio_iommufd_emulated_unbind,		\
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,	\
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,

static inline void emulated_free(struct vfio_device *vdev)
{
	/* The core frees it itself. */
}

#else

#define EMULATED_IOMMUFD_OPS

static inline void emulated_free(struct vfio_device *vdev)
{
	vfio_free_device(vdev);
}

#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)

/* One pin per folio. Gives the first pages of up to @max of them, and how many. */
static inline long compat_pin_folios(struct file *file, u64 start, u64 end,
				     struct page **pages, unsigned int max)
{
	pgoff_t offset;

	/* The first page of a folio stands where the folio does. */
	return memfd_pin_folios(file, start, end, (struct folio **)pages, max, &offset);
}

#else

static inline long compat_pin_folios(struct file *file, u64 start, u64 end,
				     struct page **pages, unsigned int max)
{
	return -EOPNOTSUPP;
}

#endif

#endif /* EMULATED_COMPAT_H */
