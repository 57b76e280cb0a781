// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 12: the in-tree driver's module parameters, under the same names. */

FIXTURE(params) {
};

TWO_BACKENDS(params);

FIXTURE_SETUP(params)
{
}

FIXTURE_TEARDOWN(params)
{
	params_reset(variant->backend);
}

/* First of all tests: later ones change values. */
TEST_F(params, s12_names_modes_defaults)
{
	static const char * const params[][2] = {
		{ "allow_unsafe_interrupts", "N" },
		{ "disable_hugepages", "N" },
		{ "dma_entry_limit", "65535" },
	};
	struct stat st;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(params); i++) {
		ASSERT_EQ(0, stat(param_path(variant->backend, params[i][0]), &st))
			TH_LOG("no parameter %s", params[i][0]);
		EXPECT_EQ(0644, st.st_mode & 07777);
		/* Where MSIs are not isolated, the machine was started with it set. */
		if (i || msi_isolated())
			EXPECT_STREQ(params[i][1], param_read(variant->backend, params[i][0]));
	}
}

TEST_F(params, s12_types)
{
	enum backend b = variant->backend;

	EXPECT_EQ(0, param_write(b, "disable_hugepages", "1"));
	EXPECT_STREQ("Y", param_read(b, "disable_hugepages"));
	EXPECT_EQ(0, param_write(b, "disable_hugepages", "n"));
	EXPECT_STREQ("N", param_read(b, "disable_hugepages"));
	EXPECT_EQ(-EINVAL, param_write(b, "disable_hugepages", "2"));
	EXPECT_EQ(0, param_write(b, "allow_unsafe_interrupts", "y"));
	EXPECT_STREQ("Y", param_read(b, "allow_unsafe_interrupts"));

	EXPECT_EQ(0, param_write(b, "dma_entry_limit", "4294967295"));
	EXPECT_STREQ("4294967295", param_read(b, "dma_entry_limit"));
	EXPECT_EQ(-ERANGE, param_write(b, "dma_entry_limit", "4294967296"));
	EXPECT_EQ(-EINVAL, param_write(b, "dma_entry_limit", "-1"));
}

TEST_F(params, s12_dma_entry_limit_read_at_open)
{
	void *mem = touched(_metadata, PAGE_4K);
	int bare, fd, group, i;

	bare = container_bare(_metadata, variant->backend, 0, &group);
	ASSERT_EQ(0, param_write(variant->backend, "dma_entry_limit", "3"));
	ASSERT_EQ(0, container_set_iommu(bare, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(variant->backend, container_backend(bare));
	fd = bare;
	EXPECT_EQ(3, dma_avail(fd));

	ASSERT_EQ(0, param_write(variant->backend, "dma_entry_limit", "5"));
	EXPECT_EQ(3, dma_avail(fd));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, iova_map(fd, mem, i * PAGE_4K, PAGE_4K));
	EXPECT_EQ(0, dma_avail(fd));
	EXPECT_EQ(-ENOSPC, iova_map(fd, mem, 3 * PAGE_4K, PAGE_4K));
	EXPECT_EQ(0, iova_unmap(fd, PAGE_4K, PAGE_4K, NULL));
	EXPECT_EQ(0, iova_map(fd, mem, 3 * PAGE_4K, PAGE_4K));
	EXPECT_EQ(-ENOSPC, iova_map(fd, mem, PAGE_4K, PAGE_4K));
	close(group);
	close(fd);
}

TEST_F(params, s12_dma_entry_limit_zero)
{
	void *mem = touched(_metadata, PAGE_4K);
	int fd, group;

	fd = container_bare(_metadata, variant->backend, 0, &group);
	ASSERT_EQ(0, param_write(variant->backend, "dma_entry_limit", "0"));
	ASSERT_EQ(0, container_set_iommu(fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(variant->backend, container_backend(fd));
	EXPECT_EQ(0, dma_avail(fd));
	EXPECT_EQ(-ENOSPC, iova_map(fd, mem, 0, PAGE_4K));
}

#define TRACING	"/sys/kernel/tracing"

/*
 * Whether the kernel traces each iommu_map(). That is not turned on here: QEMU 7.2
 * hangs now and then when the kernel patches code that other CPUs are in.
 */
static bool iommu_map_is_traced(void)
{
	FILE *f = fopen(TRACING "/events/iommu/map/enable", "re");
	bool traced = f && fgetc(f) == '1';

	if (f)
		fclose(f);
	return traced;
}

/* The biggest iommu_map() of one MAP, in bytes. */
static u64 biggest_iommu_map(struct __test_metadata *_metadata, int fd, void *mem, u64 size)
{
	unsigned long long len, biggest = 0;
	char line[512], *at;
	FILE *trace;

	ASSERT_EQ(0, file_write(TRACING "/trace", ""));
	EXPECT_EQ(0, iova_map(fd, mem, 0, size));
	EXPECT_EQ(0, iova_unmap(fd, 0, size, NULL));
	trace = fopen(TRACING "/trace", "re");
	ASSERT_NE(NULL, trace);
	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, " size=");
		if (at && sscanf(at, " size=%llu", &len) == 1 && len > biggest)
			biggest = len;
	}
	fclose(trace);
	return biggest;
}

TEST_F(params, s12_disable_hugepages_read_at_pin)
{
	const size_t size = 2 * PAGE_2M;
	void *mem = mem_alloc(size, MEM_HUGETLB);
	int fd, group;

	if (!iommu_map_is_traced())
		SKIP(return, "needs trace_event=iommu:map on the kernel's command line");
	ASSERT_NE(NULL, mem);
	memset(mem, 1, size);
	fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0, &group);
	EXPECT_LE(PAGE_2M, biggest_iommu_map(_metadata, fd, mem, size));
	ASSERT_EQ(0, param_write(variant->backend, "disable_hugepages", "Y"));
	EXPECT_EQ(PAGE_4K, biggest_iommu_map(_metadata, fd, mem, size));
	ASSERT_EQ(0, param_write(variant->backend, "disable_hugepages", "N"));
	EXPECT_LE(PAGE_2M, biggest_iommu_map(_metadata, fd, mem, size));
}

/* SPEC 9: without isolated MSIs a group is let in only on the administrator's word. */
TEST_F(params, s12_s9_allow_unsafe_interrupts_read_at_attach)
{
	int expected = msi_isolated() ? 0 : -EPERM;
	int fd, group;

	fd = container_bare(_metadata, variant->backend, 0, &group);
	param_write(BACKEND_TYPE1P, "allow_unsafe_interrupts", "N");
	param_write(BACKEND_INTREE, "allow_unsafe_interrupts", "N");
	EXPECT_EQ(expected, container_set_iommu(fd, VFIO_TYPE1v2_IOMMU));
	if (!expected)
		return;
	ASSERT_EQ(0, param_write(variant->backend, "allow_unsafe_interrupts", "Y"));
	EXPECT_EQ(0, container_set_iommu(fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(variant->backend, container_backend(fd));
}
