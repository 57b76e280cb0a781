// SPDX-License-Identifier: GPL-2.0-only
/*
 * Usage: type1p-guard-test, in a guest with the module at /modules and not in use
 *
 * Has the module loaded beside a vfio core that seems to be another one: a doctored
 * copy of its type information (BTF) lies over the real one. It must not load then, and
 * must say why; and whatever rubbish stands there, nothing may happen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/btf.h>

#include "kselftest_harness.h"

#define MODULE		"vfio_iommu_type1p"
#define MODULE_FILE	"/modules/" MODULE ".ko"
#define KERNELS_BTF	"/sys/kernel/btf/vmlinux"
#define VFIOS_BTF	"/sys/kernel/btf/vfio"
#define DOCTORED	"/tmp/btf"
#define ROOM		4096
/* Newer headers have more behind that. */
#define HEADER_LEN	24

FIXTURE(guard) {
	char *btf;			/* vfio's, with room for more */
	size_t size;
	char *kernels;			/* the kernel's own */
	int log;
};

static char *slurp(struct __test_metadata *_metadata, const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;
	ssize_t got;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	data = calloc(1, st.st_size + ROOM);
	ASSERT_NE(NULL, data);
	for (*size = 0; *size < (size_t)st.st_size; *size += got) {
		got = read(fd, data + *size, st.st_size - *size);
		ASSERT_LT(0, got);
	}
	close(fd);
	return data;
}

FIXTURE_SETUP(guard)
{
	size_t kernels_size;

	self->btf = slurp(_metadata, VFIOS_BTF, &self->size);
	self->kernels = slurp(_metadata, KERNELS_BTF, &kernels_size);
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	lseek(self->log, 0, SEEK_END);
	syscall(SYS_delete_module, MODULE, O_NONBLOCK);
	ASSERT_NE(0, access("/sys/module/" MODULE, F_OK));
}

/* Loaded in the end, as the guest had it. */
FIXTURE_TEARDOWN(guard)
{
	int fd = open(MODULE_FILE, O_RDONLY | O_CLOEXEC);

	umount(VFIOS_BTF);
	syscall(SYS_finit_module, fd, "", 0);
	close(fd);
}

static struct btf_header *header_of(char *btf)
{
	return (struct btf_header *)btf;
}

static char *types_of(char *btf)
{
	return btf + header_of(btf)->hdr_len + header_of(btf)->type_off;
}

static const char *name_at(struct _test_data_guard *self, __u32 offset)
{
	struct btf_header *kernels = header_of(self->kernels), *vfios = header_of(self->btf);

	if (offset < kernels->str_len)
		return self->kernels + kernels->hdr_len + kernels->str_off + offset;
	return self->btf + vfios->hdr_len + vfios->str_off + offset - kernels->str_len;
}

/* For the kinds that stand in a vfio.ko. */
static size_t tail_size(const struct btf_type *type)
{
	unsigned int vlen = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return 12;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return vlen * 12UL;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return vlen * 8UL;
	default:
		return 0;
	}
}

/* The struct that all this is about. */
static struct btf_type *find_ops(struct __test_metadata *_metadata,
				 struct _test_data_guard *self)
{
	char *at = types_of(self->btf), *end = at + header_of(self->btf)->type_len;
	struct btf_type *type;

	for (; at < end; at += sizeof(*type) + tail_size(type)) {
		type = (struct btf_type *)at;
		if (BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT &&
		    !strcmp(name_at(self, type->name_off), "vfio_iommu_driver_ops"))
			return type;
	}
	ASSERT_LT(at, end)
		TH_LOG("no struct vfio_iommu_driver_ops in " VFIOS_BTF);
	return NULL;
}

static struct btf_member *member_of(struct __test_metadata *_metadata,
				    struct _test_data_guard *self, struct btf_type *ops,
				    const char *name)
{
	struct btf_member *member = (struct btf_member *)(ops + 1);
	unsigned int i;

	for (i = 0; i < BTF_INFO_VLEN(ops->info); i++, member++)
		if (!strcmp(name_at(self, member->name_off), name))
			return member;
	ASSERT_EQ(NULL, name);
	return NULL;
}

/* Another number of members, the last ones being added or taken off. */
static void change_count(struct _test_data_guard *self, struct btf_type *ops, int by)
{
	unsigned int vlen = BTF_INFO_VLEN(ops->info);
	char *end = (char *)(ops + 1) + vlen * sizeof(struct btf_member);
	struct btf_header *header = header_of(self->btf);
	int bytes = by * (int)sizeof(struct btf_member);

	memmove(end + bytes, end, self->btf + self->size - end);
	if (by > 0) {
		memcpy(end, end - bytes, bytes);
		((struct btf_member *)end)->offset += 64;
	}
	ops->info += by;
	ops->size += by * 8;
	header->type_len += bytes;
	header->str_off += bytes;
	self->size += bytes;
}

static void doctored(struct __test_metadata *_metadata, const char *data, size_t size)
{
	int fd = open(DOCTORED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);

	ASSERT_LE(0, fd);
	ASSERT_EQ((ssize_t)size, write(fd, data, size));
	close(fd);
	umount(VFIOS_BTF);
	ASSERT_EQ(0, mount(DOCTORED, VFIOS_BTF, NULL, MS_BIND, NULL));
}

/* 0 or -errno; loaded, it is unloaded again. */
static int try_load(void)
{
	int fd = open(MODULE_FILE, O_RDONLY | O_CLOEXEC);
	int ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;

	close(fd);
	if (!ret && syscall(SYS_delete_module, MODULE, O_NONBLOCK))
		ret = -errno;
	return ret;
}

static bool said(struct _test_data_guard *self, const char *what)
{
	char line[1024];
	bool found = false;
	ssize_t len;

	for (;;) {
		len = read(self->log, line, sizeof(line) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len <= 0)
			return found;
		line[len] = 0;
		found |= strstr(line, MODULE ": ") && strstr(line, what);
	}
}

static void expect_refused(struct __test_metadata *_metadata, struct _test_data_guard *self,
			   const char *what)
{
	doctored(_metadata, self->btf, self->size);
	EXPECT_EQ(-ENOEXEC, try_load());
	EXPECT_TRUE(said(self, what))
		TH_LOG("the log does not say: %s", what);
}

TEST_F(guard, as_it_is)
{
	find_ops(_metadata, self);
	doctored(_metadata, self->btf, self->size);
	EXPECT_EQ(0, try_load());
	EXPECT_FALSE(said(self, "not loaded"));
}

TEST_F(guard, operations_reordered)
{
	struct btf_type *ops = find_ops(_metadata, self);
	struct btf_member *open = member_of(_metadata, self, ops, "open");
	struct btf_member *release = member_of(_metadata, self, ops, "release");
	__u32 name = open->name_off;

	open->name_off = release->name_off;
	release->name_off = name;
	expect_refused(_metadata, self, "another operation where open was");
}

TEST_F(guard, operation_moved)
{
	struct btf_type *ops = find_ops(_metadata, self);

	member_of(_metadata, self, ops, "dma_rw")->offset += 64;
	expect_refused(_metadata, self, "another operation where dma_rw was");
}

TEST_F(guard, operation_added)
{
	change_count(self, find_ops(_metadata, self), 1);
	expect_refused(_metadata, self, "build it anew for this kernel");
}

TEST_F(guard, operation_dropped)
{
	change_count(self, find_ops(_metadata, self), -1);
	expect_refused(_metadata, self, "build it anew for this kernel");
}

TEST_F(guard, larger_struct)
{
	find_ops(_metadata, self)->size += 8;
	expect_refused(_metadata, self, "build it anew for this kernel");
}

TEST_F(guard, no_such_struct)
{
	struct btf_type *ops = find_ops(_metadata, self);

	ops->name_off = member_of(_metadata, self, ops, "open")->name_off;
	expect_refused(_metadata, self, "knows no struct");
}

TEST_F(guard, empty)
{
	self->size = 0;
	expect_refused(_metadata, self, "cannot read how this vfio core looks");
}

TEST_F(guard, cut_short)
{
	while (self->size > HEADER_LEN) {
		self->size /= 2;
		doctored(_metadata, self->btf, self->size);
		EXPECT_EQ(-ENOEXEC, try_load());
	}
}

/* Half of it random words, or lengths; the other half a few wrong bits. */
static void spoil(char *data, size_t size)
{
	unsigned int n, i;

	for (n = 1 + rand() % 8; n; n--) {
		i = rand() % (rand() % 2 ? size : HEADER_LEN + size / 4);
		if (rand() % 2)
			data[i] ^= 1 << rand() % 8;
		else
			data[i] = rand();
	}
}

/* It loads or it does not. The kernel, or its KASAN, would say if more happened. */
TEST_F_TIMEOUT(guard, spoiled, 120)
{
	char *spoiled = malloc(self->size);
	int i, ret, loaded = 0;

	ASSERT_NE(NULL, spoiled);
	srand(1);
	for (i = 0; i < 100; i++) {
		memcpy(spoiled, self->btf, self->size);
		spoil(spoiled, self->size);
		doctored(_metadata, spoiled, self->size);
		ret = try_load();
		if (ret)
			EXPECT_EQ(-ENOEXEC, ret);
		loaded += !ret;
	}
	ksft_print_msg("%d of %d spoiled ones were good enough\n", loaded, i);
	EXPECT_GT(i, loaded);
}

TEST_HARNESS_MAIN
