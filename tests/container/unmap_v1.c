// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPEC 5: UNMAP_DMA as type 1 v1 has it: no objection to parts of mappings;
 * the walk begins at the first mapping that ends behind the start, stops at
 * the first that begins before it, and takes all that begin inside, whole.
 */

CONTAINER_FIXTURE(unmap_v1, VFIO_TYPE1_IOMMU)

TEST_F(unmap_v1, s5_head_takes_the_whole_mapping)
{
	void *mem = touched(_metadata, SZ_1M);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	expect_unmap(_metadata, self->fd, 0, PAGE_4K, SZ_1M);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

TEST_F(unmap_v1, s5_middle_and_tail_take_nothing)
{
	void *mem = touched(_metadata, SZ_1M);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	expect_unmap(_metadata, self->fd, SZ_1M / 2, PAGE_4K, 0);
	expect_unmap(_metadata, self->fd, SZ_1M - PAGE_4K, PAGE_4K, 0);
	expect_unmap(_metadata, self->fd, PAGE_4K, 4 * SZ_1M, 0);
	EXPECT_EQ(SZ_1M, mem_locked());
}

/* The walk stops at the first mapping, so the second stays though it begins inside. */
TEST_F(unmap_v1, s5_tail_of_one_and_head_of_the_next_take_nothing)
{
	map_row(_metadata, self->fd, 2, 4, 4);
	expect_unmap(_metadata, self->fd, 2 * PAGE_4K, 4 * PAGE_4K, 0);
	expect_unmap(_metadata, self->fd, 3 * PAGE_4K, 5 * PAGE_4K, 0);
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
}

TEST_F(unmap_v1, s5_range_that_ends_inside_a_mapping)
{
	map_row(_metadata, self->fd, 3, 4, 4);
	expect_unmap(_metadata, self->fd, 0, 5 * PAGE_4K, 8 * PAGE_4K);
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
	EXPECT_EQ(4 * PAGE_4K, mem_locked());
}

TEST_F(unmap_v1, s5_hole_then_head)
{
	map_row(_metadata, self->fd, 3, 2, 8);
	/* Begins in the hole behind the first, ends in the head of the second. */
	expect_unmap(_metadata, self->fd, 4 * PAGE_4K, 5 * PAGE_4K, 2 * PAGE_4K);
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
}

TEST_F(unmap_v1, s5_whole_mappings_and_holes)
{
	u64 done;

	map_row(_metadata, self->fd, 6, 2, 3);
	expect_unmap(_metadata, self->fd, 3 * PAGE_4K, 6 * PAGE_4K, 4 * PAGE_4K);
	expect_unmap(_metadata, self->fd, 2 * PAGE_4K, PAGE_4K, 0);
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, UNMAP_ALL, &done));
	EXPECT_EQ(8 * PAGE_4K, done);
}

TEST_F(unmap_v1, s5_arguments_are_checked_as_in_v2)
{
	map_row(_metadata, self->fd, 2, 4, 4);
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 0, 0, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 1, PAGE_4K, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 0, PAGE_4K + 1, NULL));
	EXPECT_EQ(kernel_wrap_errno(), iova_unmap(self->fd, 2 * PAGE_4K, -PAGE_4K, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, PAGE_4K, UNMAP_ALL, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, PAGE_4K, 8, NULL));
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
}

TEST_F(unmap_v1, s0_s5_end_of_the_address_space)
{
	bool works = manages_the_end(variant->backend);

	map_row(_metadata, self->fd, 3, 1, 2);
	expect_unmap(_metadata, self->fd, PAGE_4K, -PAGE_4K, works ? 2 * PAGE_4K : 0);
	EXPECT_EQ(ENTRY_LIMIT - (works ? 1 : 3), dma_avail(self->fd));
}
