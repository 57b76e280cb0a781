/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO containers and groups: thin calls that return -errno, and the choice of
 * the backend that serves them. Everything works on plain descriptors, so a
 * caller that wants a malformed request just makes it with vfio_call().
 */
#ifndef TYPE1P_CONTAINER_H
#define TYPE1P_CONTAINER_H

#include <linux/vfio.h>

#include "ktypes.h"

#define CONTAINER_MAX_RANGES	16

enum backend {
	BACKEND_TYPE1P,
	BACKEND_INTREE,
};

struct iova_range {
	u64 start;
	u64 end;			/* inclusive */
};

struct container_info {
	u32 flags;
	u64 pgsizes;
	bool has_ranges;
	u32 nr_ranges;		/* as told; at most CONTAINER_MAX_RANGES are stored */
	struct iova_range ranges[CONTAINER_MAX_RANGES];
	bool has_avail;
	u32 avail;
	bool has_migration;
	u64 dirty_pgsizes;
	u64 max_bitmap;
};

/* ioctl() that returns -errno instead of -1. */
int vfio_call(int fd, unsigned long request, void *arg);

const char *backend_name(enum backend backend);
/* Sets a parameter of the backend's module, or reads it. */
int backend_param(enum backend backend, const char *name, const char *value);
int backend_param_get(enum backend backend, const char *name, char *value, size_t len);
/*
 * Lets @backend answer to VFIO_TYPE1_IOMMU and VFIO_TYPE1v2_IOMMU from now on.
 * -ENOENT if that is type1p and its module is not loaded.
 */
int backend_select(enum backend backend);

int container_open(void);
int group_open(int group);
int group_viable(int group_fd);
int group_set_container(int group_fd, int container);
int group_unset_container(int group_fd);

/*
 * A container of @type with @group in it, served by @backend: -EXDEV if it is
 * the other one. Returns the container and puts the group into *@group_fd.
 */
int container_create(enum backend backend, int type, int group, int *group_fd);
int container_add_group(int container, int group);

/* Which backend serves a container that has one (BACKEND_...). */
int container_backend(int container);
int container_check(int container, int extension);
int container_set_iommu(int container, int type);
/* @flags: VFIO_DMA_MAP_FLAG_...; iova_map() is for reading and writing. */
int iova_map_flags(int container, const void *vaddr, u64 iova, u64 size,
		   u32 flags);
int iova_map(int container, const void *vaddr, u64 iova, u64 size);
/* *@done, if given, gets the bytes that the kernel says it unmapped. */
int iova_unmap_flags(int container, u64 iova, u64 size, u32 flags,
		     u64 *done);
int iova_unmap(int container, u64 iova, u64 size, u64 *done);

int container_info(int container, struct container_info *info);
/* Whether one of the valid ranges contains all of it. */
bool container_iova_valid(const struct container_info *info, u64 iova, u64 size);
/* Lowest such place that is aligned to 2 MiB, not below @from, and ends by @limit. */
int container_find_iova(const struct container_info *info, u64 from, u64 limit, u64 size,
			u64 *iova);

#endif
