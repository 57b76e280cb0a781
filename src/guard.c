// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last look before the vfio core gets our operations: does the core that runs lay
 * them out as we do? The build has compared ours with a vfio.ko on disk, by the same
 * kind of type information (BTF). Here it is that of the vfio which is loaded.
 *
 * The numbers that a BTF gives to its types and strings go on from the kernel's own, so
 * a name may stand in either file. Both come from the kernel, yet nothing in them is
 * believed without a look at how long they are.
 */
#include <linux/btf.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "guard.h"
#include "type1p.h"

#define KERNELS_BTF	"/sys/kernel/btf/vmlinux"
#define VFIOS_BTF	"/sys/kernel/btf/vfio"
#define BTF_MAX		SZ_16M
#define NAME_MAX_LEN	64
/* Headers may have more behind that, as the newest kernels know them. */
#define HEADER_LEN	offsetofend(struct btf_header, str_len)

struct btf_data {
	void *data;
	const void *types;
	const void *types_end;
	const char *strings;
	u32 strings_len;
	struct file *kernels;		/* where the strings before ours are */
	loff_t kernels_strings;
	u32 kernels_len;
};

static const struct member {
	const char *name;
	u32 offset;
} members[] = {
#define MEMBER(name) { #name, offsetof(struct vfio_iommu_driver_ops, name) }
	MEMBER(name),
	MEMBER(owner),
	MEMBER(open),
	MEMBER(release),
	MEMBER(ioctl),
	MEMBER(attach_group),
	MEMBER(detach_group),
	MEMBER(pin_pages),
	MEMBER(unpin_pages),
	MEMBER(register_device),
	MEMBER(unregister_device),
	MEMBER(dma_rw),
	MEMBER(group_iommu_domain),
#if TYPE1P_VFIO_OPS_NOTIFY
	MEMBER(notify),
#endif
};

static int read_at(struct file *file, loff_t pos, void *to, size_t size)
{
	ssize_t got;

	while (size) {
		got = kernel_read(file, to, size, &pos);
		if (got <= 0)
			return got ?: -ENODATA;
		to += got;
		size -= got;
	}
	return 0;
}

static int read_header(struct file *file, struct btf_header *header)
{
	int ret = read_at(file, 0, header, HEADER_LEN);

	if (ret)
		return ret;
	if (header->magic != BTF_MAGIC || header->hdr_len < HEADER_LEN ||
	    header->type_off > BTF_MAX || header->type_len > BTF_MAX ||
	    header->str_off > BTF_MAX || header->str_len > BTF_MAX ||
	    header->hdr_len > SZ_4K)
		return -EINVAL;
	return 0;
}

/* The kernel's own strings are looked up where they are: they are megabytes. */
static int open_kernels(struct btf_data *btf)
{
	struct file *file = filp_open(KERNELS_BTF, O_RDONLY, 0);
	struct btf_header header;
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	btf->kernels = file;
	ret = read_header(file, &header);
	if (ret)
		return ret;
	btf->kernels_strings = (loff_t)header.hdr_len + header.str_off;
	btf->kernels_len = header.str_len;
	return 0;
}

static int read_vfios(struct btf_data *btf)
{
	struct file *file = filp_open(VFIOS_BTF, O_RDONLY, 0);
	struct btf_header header;
	size_t size;
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = read_header(file, &header);
	if (ret)
		goto out;
	size = header.hdr_len + max(header.type_off + header.type_len,
				    header.str_off + header.str_len);
	btf->data = kvmalloc(size, GFP_KERNEL);
	ret = btf->data ? read_at(file, 0, btf->data, size) : -ENOMEM;
	if (ret)
		goto out;
	btf->types = btf->data + header.hdr_len + header.type_off;
	btf->types_end = btf->types + header.type_len;
	btf->strings = btf->data + header.hdr_len + header.str_off;
	btf->strings_len = header.str_len;
out:
	filp_close(file, NULL);
	return ret;
}

static void forget(struct btf_data *btf)
{
	if (btf->kernels)
		filp_close(btf->kernels, NULL);
	kvfree(btf->data);
}

static bool name_is(const struct btf_data *btf, u32 offset, const char *name)
{
	size_t len = strlen(name) + 1;
	char theirs[NAME_MAX_LEN];

	if (offset >= btf->kernels_len) {
		offset -= btf->kernels_len;
		return offset < btf->strings_len && len <= btf->strings_len - offset &&
		       !memcmp(btf->strings + offset, name, len);
	}
	return len <= sizeof(theirs) && len <= btf->kernels_len - offset &&
	       !read_at(btf->kernels, btf->kernels_strings + offset, theirs, len) &&
	       !memcmp(theirs, name, len);
}

/* What follows a type of some kind, in bytes; U32_MAX for a kind that is news to us. */
static u32 tail_size(u32 info)
{
	u32 vlen = BTF_INFO_VLEN(info);

	switch (BTF_INFO_KIND(info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(u32);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return vlen * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return vlen * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return vlen * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return vlen * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return vlen * sizeof(struct btf_var_secinfo);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	default:
		return U32_MAX;
	}
}

/* The struct of that name, with its members behind it; or NULL. */
static const struct btf_type *find_struct(const struct btf_data *btf, const char *name)
{
	const void *at = btf->types;
	const struct btf_type *type;
	size_t left;
	u32 tail;

	for (;;) {
		left = btf->types_end - at;
		if (left < sizeof(*type))
			return NULL;
		type = at;
		tail = tail_size(type->info);
		if (tail > left - sizeof(*type))
			return NULL;
		if (BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT &&
		    name_is(btf, type->name_off, name))
			return type;
		at += sizeof(*type) + tail;
	}
}

/* Offsets are in bits. */
static bool member_is(const struct btf_data *btf, const struct btf_type *type,
		      const struct btf_member *theirs, const struct member *ours)
{
	u32 offset = theirs->offset;

	if (BTF_INFO_KFLAG(type->info))
		offset = BTF_MEMBER_BIT_OFFSET(offset);
	return offset == 8 * ours->offset && name_is(btf, theirs->name_off, ours->name);
}

static int compare(const struct btf_data *btf)
{
	const struct btf_member *theirs;
	const struct btf_type *type;
	unsigned int i, count;

	type = find_struct(btf, "vfio_iommu_driver_ops");
	if (!type) {
		pr_err("not loaded: %s knows no struct vfio_iommu_driver_ops\n", VFIOS_BTF);
		return -ENOEXEC;
	}
	theirs = (const void *)(type + 1);
	count = BTF_INFO_VLEN(type->info);
	for (i = 0; i < ARRAY_SIZE(members); i++) {
		if (i < count && member_is(btf, type, &theirs[i], &members[i]))
			continue;
		pr_err("not loaded: the vfio core that runs has another operation where %s was when this was built; build it anew for this kernel\n",
		       members[i].name);
		return -ENOEXEC;
	}
	if (count != i || type->size != sizeof(struct vfio_iommu_driver_ops)) {
		pr_err("not loaded: the vfio core that runs has %u operations in %u bytes, %u in %zu were known when this was built; build it anew for this kernel\n",
		       count, type->size, i, sizeof(struct vfio_iommu_driver_ops));
		return -ENOEXEC;
	}
	return 0;
}

/**
 * t1p_guard() - whether the vfio core that runs may have our operations
 *
 * Context: may sleep; reads files below /sys.
 * Return: 0; -ENOEXEC, said in the log, when its struct differs from ours, or when that
 * cannot be told.
 */
int t1p_guard(void)
{
	struct btf_data btf = {};
	int ret;

	if (TYPE1P_UNCHECKED_OPS) {
		pr_warn("built, and loaded, without a look at whether this vfio core fits\n");
		return 0;
	}
	ret = open_kernels(&btf);
	if (!ret)
		ret = read_vfios(&btf);
	if (ret) {
		pr_err("not loaded: cannot read how this vfio core looks from %s and %s (%d)\n",
		       VFIOS_BTF, KERNELS_BTF, ret);
		ret = -ENOEXEC;
	} else {
		ret = compare(&btf);
	}
	forget(&btf);
	return ret;
}
