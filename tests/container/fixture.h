/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all tests of the container ABI share: a fixture in two variants, one
 * per backend, on a real device, with the module parameters at their defaults.
 */
#ifndef TYPE1P_TEST_FIXTURE_H
#define TYPE1P_TEST_FIXTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/pci_regs.h>
#include <linux/userfaultfd.h>
#include <linux/vfio_type1p.h>

#include "container.h"
#include "device.h"
#include "edu.h"
#include "kernel.h"
#include "ktypes.h"
#include "file.h"
#include "mem.h"
#include "pci.h"

#include "kselftest_harness.h"

#define PROT_DMA	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define ENTRY_LIMIT	65535
#define KERNEL_ADDRESS	0xffff888000000000ULL
#define SZ_1M		(1UL << 20)

/* What is not for DMA: where devices write for an interrupt. */
#ifdef __aarch64__
#define MSI_START	0x08000000ULL
#define MSI_END		0x08100000ULL
/* The first address behind which there is room for a gigabyte and more. */
#define ROOM_IOVA	(1ULL << 32)
#else
#define MSI_START	0xfee00000ULL
#define MSI_END		0xfef00000ULL
#define ROOM_IOVA	0ULL
#endif

static const char *param_path(enum backend backend, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "/sys/module/vfio_iommu_type1%s/parameters/%s",
		 backend == BACKEND_TYPE1P ? "p" : "", name);
	return path;
}

static int param_write(enum backend backend, const char *name, const char *value)
{
	return file_write(param_path(backend, name), value);
}

/* The value without its newline, "" if there is no such parameter. */
static const char *param_read(enum backend backend, const char *name)
{
	static char value[32];
	int fd = open(param_path(backend, name), O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, value, sizeof(value) - 1);

	if (fd >= 0)
		close(fd);
	value[len > 0 ? len : 0] = 0;
	value[strcspn(value, "\n")] = 0;
	return value;
}

static bool iommu_is(const char *prefix)
{
	DIR *dir = opendir("/sys/class/iommu");
	struct dirent *entry;
	bool found = false;

	while (dir && (entry = readdir(dir)))
		found |= !strncmp(entry->d_name, prefix, strlen(prefix));
	if (dir)
		closedir(dir);
	return found;
}

/* Whether the machine's IOMMU isolates MSIs: of QEMU's, virtio-iommu does not. */
static bool msi_isolated(void)
{
	return iommu_is("dmar") || iommu_is("smmu3") ||
	       (iommu_is("ivhd") && kernel_isolates_amd_msi());
}

static void params_reset(enum backend backend)
{
	param_write(backend, "dma_entry_limit", "65535");
	param_write(backend, "disable_hugepages", "N");
	param_write(backend, "vaddr_timeout_ms", "30000");
	param_write(backend, "verify_replace", "Y");
	param_write(backend, "max_threads", "0");
	param_write(backend, "allow_unsafe_interrupts", msi_isolated() ? "N" : "Y");
}

/* Binds a device to vfio-pci: its IOMMU group. */
static int bound_device(struct __test_metadata *_metadata, const struct pci_dev *dev)
{
	struct pci_binding unused[PCI_GROUP_MAX];
	char driver[PCI_NAME_LEN];
	int group;

	group = pci_group_make(dev->bdf);
	ASSERT_GE(group, 0)
		TH_LOG("%s: no IOMMU group", dev->bdf);
	ASSERT_EQ(0, pci_driver(dev->bdf, driver));
	if (strcmp(driver, "vfio-pci"))
		ASSERT_GE(pci_group_take(group, unused, PCI_GROUP_MAX), 0)
			TH_LOG("%s: cannot bind to vfio-pci", dev->bdf);
	return group;
}

/* The nth test device, bound to vfio-pci: its IOMMU group. */
static int test_device(struct __test_metadata *_metadata, int nth, struct pci_dev *dev)
{
	ASSERT_EQ(0, pci_find_id(EDU_VENDOR, EDU_DEVICE, nth, dev))
		TH_LOG("needs %d edu devices", nth + 1);
	return bound_device(_metadata, dev);
}

static int test_group(struct __test_metadata *_metadata, int nth)
{
	struct pci_dev dev;

	return test_device(_metadata, nth, &dev);
}

/* A container with the nth test device in it, and no backend yet. */
static int container_bare(struct __test_metadata *_metadata, enum backend backend, int nth,
			  int *group)
{
	int fd;

	params_reset(BACKEND_TYPE1P);
	params_reset(BACKEND_INTREE);
	ASSERT_EQ(0, backend_select(backend))
		TH_LOG("backend %s is not there", backend_name(backend));
	fd = container_open();
	ASSERT_GE(fd, 0);
	*group = container_add_group(fd, test_group(_metadata, nth));
	ASSERT_GE(*group, 0);
	return fd;
}

/* A container that is known to be served by @backend. */
static int container_served(struct __test_metadata *_metadata, enum backend backend, int type,
			    int nth, int *group)
{
	int fd = container_bare(_metadata, backend, nth, group);

	ASSERT_EQ(0, container_set_iommu(fd, type));
	ASSERT_EQ(backend, container_backend(fd))
		TH_LOG("served by the other backend");
	return fd;
}

/*
 * Functions that take a fixture call its type struct _test_data_NAME: checkpatch
 * takes FIXTURE_DATA(NAME) * for a product.
 */
#define TWO_BACKENDS(fixture)						\
	FIXTURE_VARIANT(fixture) {					\
		enum backend backend;					\
	};								\
	FIXTURE_VARIANT_ADD(fixture, type1p) {				\
		.backend = BACKEND_TYPE1P,				\
	};								\
	FIXTURE_VARIANT_ADD(fixture, in_tree) {				\
		.backend = BACKEND_INTREE,				\
	}

#define TEARDOWN_CONTAINER(fixture)					\
	FIXTURE_TEARDOWN(fixture) {					\
		close(self->group);					\
		close(self->fd);					\
	}

/* A container of one device, in two variants. */
#define CONTAINER_FIXTURE(fixture, type)				\
	FIXTURE(fixture) {						\
		int fd;							\
		int group;						\
	};								\
	TWO_BACKENDS(fixture);						\
	FIXTURE_SETUP(fixture) {					\
		self->fd = container_served(_metadata, variant->backend, \
					    type, 0, &self->group);	\
	}								\
	TEARDOWN_CONTAINER(fixture)

/* Memory of its own pages, written, so that nothing about it is lazy. */
static void *touched(struct __test_metadata *_metadata, size_t size)
{
	char *mem = mem_alloc(size, MEM_4K);

	ASSERT_NE(NULL, mem);
	memset(mem, 0x5a, size);
	return mem;
}

static u32 dma_avail(int fd)
{
	struct container_info info;

	return container_info(fd, &info) ? ~0U : info.avail;
}

/* Of what is random here; said, so that a failure can be repeated. */
static unsigned int random_seed(void)
{
	const char *given = getenv("TYPE1P_SEED");
	unsigned int seed = given ? strtoul(given, NULL, 0) : (unsigned long)time(NULL);

	ksft_print_msg("TYPE1P_SEED=%u repeats this\n", seed);
	return seed;
}

/*
 * Whether the backend can live with a mapping that ends at 2^64: older in-tree
 * drivers neither find it again nor ever unpin it, not even at their end.
 */
static bool manages_the_end(enum backend backend)
{
	return backend == BACKEND_TYPE1P || kernel_manages_the_end();
}

/* This process may lock no more than @limit bytes from now on. */
static void drop_ipc_lock(struct __test_metadata *_metadata, size_t limit)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	struct rlimit rlimit = { limit, limit };

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &rlimit));
	ASSERT_EQ(0, syscall(SYS_capget, &header, data));
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	ASSERT_EQ(0, syscall(SYS_capset, &header, data));
}

#endif
