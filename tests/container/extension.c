// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 2: CHECK_EXTENSION, before and after a backend is chosen. */

FIXTURE(extension) {
	int fd;
	int group;
};

TWO_BACKENDS(extension);

FIXTURE_SETUP(extension)
{
	self->fd = container_bare(_metadata, variant->backend, 0, &self->group);
}

TEARDOWN_CONTAINER(extension)

/* What does not depend on the container's state. */
static int fixed_extension(unsigned long ext)
{
	switch (ext) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_TYPE1_NESTING_IOMMU:
		return kernel_has_nesting();
	default:
		return 0;
	}
}

static const unsigned long strange_extensions[] = {
	0x7fffffff, 0x80000000, 0x80000003, 0xffffffff, 1UL << 32 | VFIO_TYPE1v2_IOMMU,
	1UL << 63 | VFIO_TYPE1_IOMMU, -1UL, 1000, 4096,
};

TEST_F(extension, s2_unset)
{
	unsigned long ext;
	size_t i;

	for (ext = 0; ext < 64; ext++)
		EXPECT_EQ(fixed_extension(ext), container_check(self->fd, ext))
			TH_LOG("extension %lu", ext);
	for (i = 0; i < ARRAY_SIZE(strange_extensions); i++)
		EXPECT_EQ(0, vfio_call(self->fd, VFIO_CHECK_EXTENSION,
				       (void *)strange_extensions[i]))
			TH_LOG("extension %#lx", strange_extensions[i]);
}

static int set_extension(unsigned long ext)
{
	return ext == VFIO_UPDATE_VADDR ? 1 : fixed_extension(ext);
}

/* With and without v2, a container with a backend answers alike. */
TEST_F(extension, s2_set)
{
	unsigned long ext;
	int type;
	size_t i;

	for (type = VFIO_TYPE1_IOMMU; type <= VFIO_TYPE1v2_IOMMU; type += 2) {
		ASSERT_EQ(0, container_set_iommu(self->fd, type));
		ASSERT_EQ(variant->backend, container_backend(self->fd));
		for (ext = 0; ext < 64; ext++)
			if (ext != VFIO_DMA_CC_IOMMU)
				EXPECT_EQ(set_extension(ext), container_check(self->fd, ext))
					TH_LOG("type %d extension %lu", type, ext);
		for (i = 0; i < ARRAY_SIZE(strange_extensions); i++)
			EXPECT_EQ(0, vfio_call(self->fd, VFIO_CHECK_EXTENSION,
					       (void *)strange_extensions[i]))
				TH_LOG("extension %#lx", strange_extensions[i]);
		ASSERT_EQ(0, group_unset_container(self->group));
		ASSERT_EQ(0, group_set_container(self->group, self->fd));
	}
}

/* The hardware decides; the in-tree driver, on the second device, says how. */
TEST_F(extension, s2_dma_cc_as_in_tree)
{
	int reference, group, cc;

	EXPECT_EQ(0, container_check(self->fd, VFIO_DMA_CC_IOMMU));
	reference = container_served(_metadata, BACKEND_INTREE, VFIO_TYPE1v2_IOMMU, 1, &group);
	cc = container_check(reference, VFIO_DMA_CC_IOMMU);
	ASSERT_EQ(0, backend_select(variant->backend));
	ASSERT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(variant->backend, container_backend(self->fd));
	EXPECT_EQ(cc, container_check(self->fd, VFIO_DMA_CC_IOMMU));
	ksft_print_msg("VFIO_DMA_CC_IOMMU is %d here\n", cc);
}

TEST_F(extension, s2_api_version)
{
	EXPECT_EQ(VFIO_API_VERSION, vfio_call(self->fd, VFIO_GET_API_VERSION, NULL));
	ASSERT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(VFIO_API_VERSION, vfio_call(self->fd, VFIO_GET_API_VERSION, NULL));
}
