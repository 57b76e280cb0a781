/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests with emulated devices share: a container with one of them, opened. */
#ifndef TYPE1P_TEST_EMULATED_FIXTURE_H
#define TYPE1P_TEST_EMULATED_FIXTURE_H

#include "fixture.h"

#include "emulated.h"

#define PROT_RW_EMULATED	(EMULATED_READ | EMULATED_WRITE)
/* The devices of tests/kmod as scripts/vm loads it. */
#define EMULATED_DEAF		2

static int emulated_test_group(struct __test_metadata *_metadata, int nth)
{
	int group = emulated_group(nth);

	ASSERT_GE(group, 0)
		TH_LOG("needs the devices of tests/kmod: scripts/build-module --emulated");
	return group;
}

/* The nth emulated device joins a container: group and device. */
static int emulated_join(struct __test_metadata *_metadata, int fd, int nth, int *group)
{
	int device;

	*group = container_add_group(fd, emulated_test_group(_metadata, nth));
	ASSERT_GE(*group, 0);
	device = emulated_open(*group, nth);
	ASSERT_GE(device, 0);
	return device;
}

/* A container of an emulated group alone, known to be served by @backend. */
static int emulated_served(struct __test_metadata *_metadata, enum backend backend, int type,
			   int nth, int *group)
{
	int fd;

	params_reset(BACKEND_TYPE1P);
	params_reset(BACKEND_INTREE);
	ASSERT_EQ(0, backend_select(backend))
		TH_LOG("backend %s is not there", backend_name(backend));
	fd = container_open();
	ASSERT_GE(fd, 0);
	*group = container_add_group(fd, emulated_test_group(_metadata, nth));
	ASSERT_GE(*group, 0);
	ASSERT_EQ(0, container_set_iommu(fd, type));
	ASSERT_EQ(backend, container_backend(fd))
		TH_LOG("served by the other backend");
	return fd;
}

/*
 * Of a kernel with lockdep: it reports, rightly, that the in-tree driver takes its
 * two locks in one order to register a device and in the other when it unpins in a
 * callback. After that it would have nothing to say about us.
 */
static bool kernel_has_lockdep(void)
{
	return !access("/proc/lockdep_stats", F_OK);
}

/* A container of an emulated device, in two variants. */
#define EMULATED_FIXTURE(fixture, type)					\
	FIXTURE(fixture) {						\
		int fd;							\
		int group;						\
		int device;						\
		s64 pins;						\
	};								\
	TWO_BACKENDS(fixture);						\
	FIXTURE_SETUP(fixture) {					\
		if (variant->backend == BACKEND_INTREE && kernel_has_lockdep()) \
			SKIP(return, "in-tree, lockdep reports a known deadlock"); \
		self->fd = emulated_served(_metadata, variant->backend, \
					   type, 0, &self->group);	\
		self->device = emulated_open(self->group, 0);		\
		ASSERT_GE(self->device, 0);				\
		self->pins = pins_held();				\
	}								\
	FIXTURE_TEARDOWN(fixture) {					\
		close(self->device);					\
		close(self->group);					\
		close(self->fd);					\
	}

/* Adds a group with a real IOMMU behind it. */
static int iommu_joins(struct __test_metadata *_metadata, int fd)
{
	int group = container_add_group(fd, test_group(_metadata, 0));

	EXPECT_GE(group, 0);
	return group;
}

/* Memory that says of each of its pages where it is mapped. */
static void *stamped(struct __test_metadata *_metadata, u64 iova, u64 size, u64 stamp)
{
	void *mem = touched(_metadata, size);

	emulated_stamp(mem, iova, size, stamp);
	return mem;
}

#endif
