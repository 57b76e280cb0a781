// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace points. On one CPU only: QEMU 7.2 hangs now and then when the kernel patches
 * code that other CPUs are in, as it does to turn them on.
 */

#define EVENTS	TRACING "/events/vfio_type1p"

FIXTURE(traces) {
	int fd;
	int group;
	int emulated_group;
	int device;
};

FIXTURE_SETUP(traces)
{
	if (has_two_cpus())
		SKIP(return, "needs one CPU: QEMU does not survive patched code on more");
	ASSERT_EQ(0, file_write(TRACING "/trace", ""));
	ASSERT_EQ(0, file_write(EVENTS "/enable", "1"));
	self->fd = container_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group);
	self->device = emulated_join(_metadata, self->fd, 0, &self->emulated_group);
}

FIXTURE_TEARDOWN(traces)
{
	close(self->device);
	close(self->emulated_group);
	close(self->group);
	close(self->fd);
	file_write(EVENTS "/enable", "0");
	params_reset(BACKEND_TYPE1P);
}

/*
 * How often an event was traced with these fields, and a duration of at least @ns.
 * The container's number stands before the fields, the duration behind.
 */
static int traced(struct __test_metadata *_metadata, const char *event, const char *fields,
		  u64 ns)
{
	char line[512], head[64];
	const char *at, *took;
	int count = 0;
	FILE *trace;

	snprintf(head, sizeof(head), " type1p_%s: container=", event);
	trace = fopen(TRACING "/trace", "re");
	ASSERT_NE(NULL, trace);
	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, head);
		if (!at || !strstr(at, fields))
			continue;
		took = strstr(at, " ns=");
		count += took && strtoull(took + 4, NULL, 10) >= ns;
	}
	fclose(trace);
	return count;
}

TEST_F(traces, ioctls)
{
	void *mem = touched(_metadata, PAGE_4K);
	u64 iova = 16 * SZ_1M;

	ASSERT_EQ(0, iova_map(self->fd, mem, iova, PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, iova, PAGE_4K));
	ASSERT_EQ(0, iova_unmap_flags(self->fd, iova, PAGE_4K, VFIO_DMA_UNMAP_FLAG_VADDR, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, iova, PAGE_4K, VFIO_DMA_UNMAP_FLAG_VADDR,
					    NULL));
	ASSERT_EQ(0, iova_map_flags(self->fd, mem, iova, PAGE_4K, VFIO_DMA_MAP_FLAG_VADDR));
	ASSERT_EQ(0, iova_unmap(self->fd, iova, 2 * PAGE_4K, NULL));

	EXPECT_EQ(1, traced(_metadata, "map", " iova=0x1000000 size=0x1000 ret=0 ", 1));
	EXPECT_EQ(1, traced(_metadata, "map", " iova=0x1000000 size=0x1000 ret=-17 ", 1));
	EXPECT_EQ(1, traced(_metadata, "invalidate", " iova=0x1000000 size=0x1000 ret=0 ", 1));
	EXPECT_EQ(1, traced(_metadata, "invalidate", " iova=0x1000000 size=0x0 ret=-22 ", 1));
	EXPECT_EQ(1, traced(_metadata, "replace", " iova=0x1000000 size=0x1000 ret=0 ", 1));
	EXPECT_EQ(1, traced(_metadata, "unmap", " iova=0x1000000 size=0x1000 ret=0 ", 1));
}

TEST_F(traces, groups)
{
	char fields[64];

	snprintf(fields, sizeof(fields), " group=%d emulated=0 ret=0 ",
		 test_group(_metadata, 0));
	EXPECT_EQ(1, traced(_metadata, "attach", fields, 1));
	EXPECT_EQ(0, traced(_metadata, "detach", fields, 0));
	close(self->group);
	self->group = -1;
	EXPECT_EQ(1, traced(_metadata, "detach", fields, 1));
	snprintf(fields, sizeof(fields), " group=%d emulated=1 ret=0 ", emulated_group(0));
	EXPECT_EQ(1, traced(_metadata, "attach", fields, 1));
}

TEST_F(traces, drivers)
{
	void *mem = touched(_metadata, 2 * PAGE_4K);
	u64 iova = 16 * SZ_1M;
	char byte;

	/* Else its pages would do without the vaddr. */
	close(self->group);
	self->group = -1;
	ASSERT_EQ(0, iova_map(self->fd, mem, iova, 2 * PAGE_4K));
	ASSERT_EQ(2, emulated_pin(self->device, iova, 2, EMULATED_READ, NULL));
	EXPECT_EQ(-EINVAL, emulated_pin(self->device, 2 * iova, 1, EMULATED_READ, NULL));
	ASSERT_EQ(0, emulated_unpin(self->device, iova, 2));
	ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "vaddr_timeout_ms", "50"));
	ASSERT_EQ(0, iova_unmap_flags(self->fd, iova, 2 * PAGE_4K, VFIO_DMA_UNMAP_FLAG_VADDR,
				      NULL));
	EXPECT_EQ(-EAGAIN, emulated_read(self->device, iova, &byte, 1));

	EXPECT_EQ(1, traced(_metadata, "pin", " iova=0x1000000 npages=2 ret=2 ", 1));
	EXPECT_EQ(1, traced(_metadata, "pin", " iova=0x2000000 npages=1 ret=-22 ", 1));
	EXPECT_EQ(1, traced(_metadata, "unpin", " iova=0x1000000 npages=2 ", 1));
	EXPECT_EQ(1, traced(_metadata, "wait", " iova=0x1000000 ret=-11 ", 45000000));
}

/* Who asks for them gets them, and nobody else: nothing is left of the last test's. */
TEST_F(traces, disabled)
{
	void *mem = touched(_metadata, PAGE_4K);

	ASSERT_EQ(0, file_write(EVENTS "/enable", "0"));
	ASSERT_EQ(0, file_write(TRACING "/trace", ""));
	ASSERT_EQ(0, iova_map(self->fd, mem, 16 * SZ_1M, PAGE_4K));
	EXPECT_EQ(0, traced(_metadata, "map", "", 0));
}
