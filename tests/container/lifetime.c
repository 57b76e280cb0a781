// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 11: what keeps a container's backend alive, and what is left when it ends. */

FIXTURE(lifetime) {
	int fd;
	int group;
	long users;		/* references to the backend's module before all */
	struct pci_dev dev;
};

TWO_BACKENDS(lifetime);

static long module_users(enum backend backend)
{
	char path[64], value[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/vfio_iommu_type1%s/refcnt",
		 backend == BACKEND_TYPE1P ? "p" : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, value, sizeof(value) - 1) <= 0)
		return -1;
	close(fd);
	return atol(value);
}

FIXTURE_SETUP(lifetime)
{
	self->fd = container_bare(_metadata, variant->backend, 0, &self->group);
	self->users = module_users(variant->backend);
	ASSERT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(variant->backend, container_backend(self->fd));
	test_device(_metadata, 0, &self->dev);
}

TEARDOWN_CONTAINER(lifetime)

/* Nothing, or something, of a mapping of SZ_1M is left. */
static void expect_held(struct __test_metadata *_metadata, struct _test_data_lifetime *self,
			enum backend backend, bool held)
{
	EXPECT_EQ(held ? SZ_1M : 0, mem_locked());
	EXPECT_EQ(self->users + held, module_users(backend));
}

static void map_1m(struct __test_metadata *_metadata, int fd)
{
	ASSERT_EQ(0, iova_map(fd, touched(_metadata, SZ_1M), 0, SZ_1M));
}

TEST_F(lifetime, s11_group_keeps_the_mappings)
{
	map_1m(_metadata, self->fd);
	close(self->fd);
	expect_held(_metadata, self, variant->backend, true);
	close(self->group);
	expect_held(_metadata, self, variant->backend, false);
}

TEST_F(lifetime, s11_device_keeps_the_mappings)
{
	int device = device_open(self->group, self->dev.bdf);

	ASSERT_GE(device, 0);
	map_1m(_metadata, self->fd);
	close(self->group);
	expect_held(_metadata, self, variant->backend, true);
	close(self->fd);
	expect_held(_metadata, self, variant->backend, true);
	close(device);
	expect_held(_metadata, self, variant->backend, false);
}

TEST_F(lifetime, s11_mapped_bar_keeps_the_mappings)
{
	int device = device_open(self->group, self->dev.bdf);
	struct bar bar;

	ASSERT_GE(device, 0);
	ASSERT_EQ(0, device_map_bar(device, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	map_1m(_metadata, self->fd);
	close(self->group);
	close(self->fd);
	close(device);
	expect_held(_metadata, self, variant->backend, true);
	device_unmap_bar(&bar);
	expect_held(_metadata, self, variant->backend, false);
}

TEST_F(lifetime, s11_unset_container_returns_all)
{
	map_1m(_metadata, self->fd);
	EXPECT_EQ(0, group_unset_container(self->group));
	expect_held(_metadata, self, variant->backend, false);
	EXPECT_EQ(-EINVAL, group_unset_container(self->group));
}

TEST_F(lifetime, s11_unset_container_with_an_open_device)
{
	int device = device_open(self->group, self->dev.bdf);

	ASSERT_GE(device, 0);
	map_1m(_metadata, self->fd);
	EXPECT_EQ(-EBUSY, group_unset_container(self->group));
	expect_held(_metadata, self, variant->backend, true);
	close(device);
	EXPECT_EQ(0, group_unset_container(self->group));
	expect_held(_metadata, self, variant->backend, false);
}

static void expect_no_backend(struct __test_metadata *_metadata, int fd)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = 1 };
	struct container_info info;
	void *mem = touched(_metadata, PAGE_4K);

	EXPECT_EQ(-EINVAL, container_info(fd, &info));
	EXPECT_EQ(-EINVAL, iova_map(fd, mem, 0, PAGE_4K));
	EXPECT_EQ(-EINVAL, iova_unmap(fd, 0, PAGE_4K, NULL));
	EXPECT_EQ(-EINVAL, vfio_call(fd, VFIO_IOMMU_DIRTY_PAGES, &dirty));
	EXPECT_EQ(-EINVAL, vfio_call(fd, VFIO_IOMMU_ENABLE, NULL));
	EXPECT_EQ(1, container_check(fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, container_check(fd, VFIO_UPDATE_VADDR));
	EXPECT_EQ(VFIO_API_VERSION, vfio_call(fd, VFIO_GET_API_VERSION, NULL));
}

TEST_F(lifetime, s11_ioctls_without_a_backend)
{
	int fresh = container_open();

	ASSERT_GE(fresh, 0);
	expect_no_backend(_metadata, fresh);
	ASSERT_EQ(0, group_unset_container(self->group));
	expect_no_backend(_metadata, self->fd);
	ASSERT_EQ(0, group_set_container(self->group, self->fd));
	expect_no_backend(_metadata, self->fd);
	EXPECT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	map_1m(_metadata, self->fd);
}

/* Every number of the VFIO ioctls that is not a container's. */
TEST_F(lifetime, s6_s11_unknown_ioctls)
{
	const int known[] = { 0, 1, 2, 12, 13, 14, 17 };
	unsigned long nr;
	size_t i;

	for (nr = 0; nr < 156; nr++) {
		for (i = 0; i < ARRAY_SIZE(known); i++)
			if (nr == (_IOC_NR(VFIO_GET_API_VERSION) + known[i]))
				break;
		if (i < ARRAY_SIZE(known))
			continue;
		EXPECT_EQ(-ENOTTY, vfio_call(self->fd, _IO(VFIO_TYPE, nr), NULL))
			TH_LOG("ioctl %lu", nr);
	}
	EXPECT_EQ(-ENOTTY, vfio_call(self->fd, _IO(VFIO_TYPE + 1, VFIO_BASE + 13), NULL));
	EXPECT_EQ(-ENOTTY, vfio_call(self->fd, 0xffffff00, NULL));
	/* Size and direction bits are part of a request's number. */
	EXPECT_EQ(-ENOTTY, vfio_call(self->fd, VFIO_IOMMU_MAP_DMA | 32 << _IOC_SIZESHIFT, NULL));
}

/* The driver that registered last, ours, is asked first; if it does not answer, the other is. */
TEST(s11_who_is_asked)
{
	enum backend backend;
	int fd, group;

	for (backend = BACKEND_TYPE1P; backend <= BACKEND_INTREE; backend++) {
		fd = container_bare(_metadata, backend, 0, &group);
		ASSERT_EQ(0, container_set_iommu(fd, VFIO_TYPE1v2_IOMMU));
		EXPECT_EQ(backend, container_backend(fd));
		/* It stays that one's, whoever claims new containers meanwhile. */
		ASSERT_EQ(0, backend_select(!backend));
		EXPECT_EQ(backend, container_backend(fd));
		map_1m(_metadata, fd);
		EXPECT_EQ(0, iova_unmap(fd, 0, SZ_1M, NULL));
		close(group);
		close(fd);
	}
}

/* A backend that refuses the group leaves it to the next one. */
TEST(s11_fallback)
{
	int fd, group;

	if (msi_isolated())
		SKIP(return, "this machine's IOMMU gives no reason to refuse: --iommu virtio does");
	fd = container_bare(_metadata, BACKEND_TYPE1P, 0, &group);
	ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "allow_unsafe_interrupts", "N"));
	EXPECT_EQ(0, container_set_iommu(fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(BACKEND_INTREE, container_backend(fd));
	params_reset(BACKEND_TYPE1P);
}
