// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 1: which types a container can be given, and when. */

FIXTURE(open) {
	int fd;
	int group;
};

TWO_BACKENDS(open);

FIXTURE_SETUP(open)
{
	self->fd = container_bare(_metadata, variant->backend, 0, &self->group);
}

TEARDOWN_CONTAINER(open)

TEST_F(open, s1_type1_is_served)
{
	EXPECT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(variant->backend, container_backend(self->fd));
}

TEST_F(open, s1_type1v2_is_served)
{
	EXPECT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(variant->backend, container_backend(self->fd));
}

/* Refusals leave the container as it was: the last line still succeeds. */
TEST_F(open, s1_other_types_are_refused)
{
	const struct {
		unsigned long type;
		int error;
	} types[] = {
		{ 0, -ENODEV },
		{ 2, -ENODEV },
		{ VFIO_DMA_CC_IOMMU, -ENODEV },
		{ 5, -ENODEV },
		{ VFIO_TYPE1_NESTING_IOMMU, kernel_nesting_errno() },
		{ 7, -ENODEV },
		{ VFIO_NOIOMMU_IOMMU, -ENODEV },
		{ VFIO_UNMAP_ALL, -EINVAL },
		{ VFIO_UPDATE_VADDR, -ENODEV },
		{ 11, -ENODEV },
		{ 0x7fffffff, -ENODEV },
		{ 0x80000001, -ENODEV },
		{ 1UL << 32 | VFIO_TYPE1v2_IOMMU, -ENODEV },
		{ -1UL, -ENODEV },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		unsigned long type = types[i].type;

		if (!types[i].error)
			continue;
		EXPECT_EQ(types[i].error, vfio_call(self->fd, VFIO_SET_IOMMU, (void *)type))
			TH_LOG("type %#lx", type);
	}
	EXPECT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
}

TEST_F(open, s1_second_set_iommu)
{
	ASSERT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-EINVAL, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-EINVAL, container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(variant->backend, container_backend(self->fd));
}

TEST_F(open, s1_set_iommu_without_group)
{
	ASSERT_EQ(0, group_unset_container(self->group));
	EXPECT_EQ(-EINVAL, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-EINVAL, container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
}

/* A container can be given another type once its groups have left. */
TEST_F(open, s1_type_can_change_between_lives)
{
	void *mem = touched(_metadata, 2 * PAGE_4K);
	int life, type;

	for (life = 0; life < 4; life++) {
		type = life & 1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU;
		ASSERT_EQ(0, container_set_iommu(self->fd, type));
		ASSERT_EQ(variant->backend, container_backend(self->fd));
		EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
		EXPECT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
		/* Only v2 objects to half a mapping. */
		EXPECT_EQ(life & 1 ? 0 : -EINVAL, iova_unmap(self->fd, 0, PAGE_4K, NULL));
		ASSERT_EQ(0, group_unset_container(self->group));
		EXPECT_EQ(0, mem_locked());
		ASSERT_EQ(0, group_set_container(self->group, self->fd));
	}
}

/* Our own number: v2, always ours, whoever claims types 1 and 3. */
TEST(s1_own_number_chooses_type1p)
{
	enum backend claimed;
	int fd, group;

	for (claimed = BACKEND_TYPE1P; claimed <= BACKEND_INTREE; claimed++) {
		fd = container_bare(_metadata, claimed, 0, &group);
		EXPECT_EQ(1, container_check(fd, VFIO_TYPE1P_IOMMU));
		ASSERT_EQ(0, container_set_iommu(fd, VFIO_TYPE1P_IOMMU));
		EXPECT_EQ(BACKEND_TYPE1P, container_backend(fd));
		EXPECT_EQ(1, container_check(fd, VFIO_TYPE1v2_IOMMU));
		close(group);
		close(fd);
	}
}
