// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 5 and 8: ranges whose vaddr is taken away and given back, without emulated groups. */

CONTAINER_FIXTURE(vaddr, VFIO_TYPE1v2_IOMMU)

#define MAP_VADDR	VFIO_DMA_MAP_FLAG_VADDR

static void expect_invalidate(struct __test_metadata *_metadata, int fd, u64 iova, u64 size,
			      u64 expected)
{
	u64 done = -1;

	EXPECT_EQ(0, iova_unmap_flags(fd, iova, size, UNMAP_VADDR, &done));
	EXPECT_EQ(expected, done);
}

TEST_F(vaddr, s5_invalidate_and_replace)
{
	const u64 size = 4 * PAGE_4K;
	void *mem = touched(_metadata, size);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, size));
	expect_invalidate(_metadata, self->fd, 0, size, size);
	EXPECT_EQ(size, mem_locked());
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, 2 * PAGE_4K, MAP_VADDR));
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 0, size, MAP_VADDR));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, size, MAP_VADDR));
	EXPECT_EQ(size, mem_locked());
	expect_unmap(_metadata, self->fd, 0, size, size);
}

/* One range already invalid: nothing changes. */
TEST_F(vaddr, s5_invalidate_twice)
{
	void *mem = touched(_metadata, PAGE_4K);
	u64 iova;

	for (iova = 0; iova < 3 * PAGE_4K; iova += PAGE_4K)
		ASSERT_EQ(0, iova_map(self->fd, mem, iova, PAGE_4K));
	expect_invalidate(_metadata, self->fd, PAGE_4K, PAGE_4K, PAGE_4K);
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, 3 * PAGE_4K, UNMAP_VADDR, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, 0, UNMAP_VADDR | UNMAP_ALL, NULL));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, PAGE_4K, MAP_VADDR));
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, PAGE_4K, PAGE_4K, MAP_VADDR));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 2 * PAGE_4K, PAGE_4K, MAP_VADDR));
}

TEST_F(vaddr, s5_invalidate_all)
{
	void *mem = touched(_metadata, PAGE_4K);
	u64 done;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, UNMAP_VADDR | UNMAP_ALL, &done));
	EXPECT_EQ(2 * PAGE_4K, done);
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 0, PAGE_4K, MAP_VADDR));
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, SZ_1M, PAGE_4K, MAP_VADDR));
}

TEST_F(vaddr, s5_v2_rule_and_empty_ranges)
{
	void *mem = touched(_metadata, 4 * PAGE_4K);

	expect_invalidate(_metadata, self->fd, 0, PAGE_4K, 0);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 4 * PAGE_4K));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, PAGE_4K, UNMAP_VADDR, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 3 * PAGE_4K, PAGE_4K, UNMAP_VADDR, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, 0, UNMAP_VADDR, NULL));
	expect_invalidate(_metadata, self->fd, SZ_1M, PAGE_4K, 0);
}

TEST_F(vaddr, s5_v1_head_invalidates_all_of_it)
{
	void *mem = touched(_metadata, SZ_1M);
	int group, fd;

	fd = container_served(_metadata, variant->backend, VFIO_TYPE1_IOMMU, 1, &group);
	ASSERT_EQ(0, iova_map(fd, mem, 0, SZ_1M));
	expect_invalidate(_metadata, fd, 0, PAGE_4K, SZ_1M);
	EXPECT_EQ(0, iova_map_flags(fd, mem, 0, SZ_1M, MAP_VADDR));
}

TEST_F(vaddr, s5_map_and_unmap_while_invalid)
{
	void *mem = touched(_metadata, PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	expect_invalidate(_metadata, self->fd, 0, PAGE_4K, PAGE_4K);
	EXPECT_EQ(0, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, 0, PAGE_4K));
	expect_unmap(_metadata, self->fd, 0, PAGE_4K, PAGE_4K);
	EXPECT_EQ(PAGE_4K, mem_locked());
	EXPECT_EQ(-ENOENT, iova_map_flags(self->fd, mem, 0, PAGE_4K, MAP_VADDR));
}

/* SPEC 9: no group may join while a range is invalid. */
TEST_F(vaddr, s9_attach_while_invalid)
{
	void *mem = touched(_metadata, PAGE_4K);
	int group = test_group(_metadata, 1);
	int second;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	expect_invalidate(_metadata, self->fd, 0, PAGE_4K, PAGE_4K);
	EXPECT_EQ(-EBUSY, container_add_group(self->fd, group));
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 0, PAGE_4K, MAP_VADDR));
	second = container_add_group(self->fd, group);
	EXPECT_GE(second, 0);
	close(second);
}
