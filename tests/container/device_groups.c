// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 2, 3, 7, 9: what differs in a container with emulated groups. */

EMULATED_FIXTURE(device_groups, VFIO_TYPE1v2_IOMMU)

TEST_F(device_groups, s2_extensions)
{
	bool ours = variant->backend == BACKEND_TYPE1P;
	int iommu, real, real_group, cc;

	EXPECT_EQ(1, container_check(self->fd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(1, container_check(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(1, container_check(self->fd, VFIO_UNMAP_ALL));
	/* Better on purpose: type1p updates vaddrs with emulated groups present. */
	EXPECT_EQ(ours, container_check(self->fd, VFIO_UPDATE_VADDR));
	/* Whatever is not there is coherent. */
	EXPECT_EQ(1, container_check(self->fd, VFIO_DMA_CC_IOMMU));

	real = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 1, &real_group);
	cc = container_check(real, VFIO_DMA_CC_IOMMU);
	close(real_group);
	close(real);
	iommu = iommu_joins(_metadata, self->fd);
	EXPECT_EQ(cc, container_check(self->fd, VFIO_DMA_CC_IOMMU));
	EXPECT_EQ(ours, container_check(self->fd, VFIO_UPDATE_VADDR));
	close(iommu);
	EXPECT_EQ(1, container_check(self->fd, VFIO_DMA_CC_IOMMU));
}

/* No IOMMU, no limits: and none are told. */
TEST_F(device_groups, s3_info_without_an_iommu)
{
	struct vfio_iommu_type1_info probe = { .argsz = sizeof(probe) };
	struct container_info info;

	ASSERT_EQ(0, container_info(self->fd, &info));
	EXPECT_FALSE(info.has_ranges);
	EXPECT_EQ(-PAGE_4K, info.pgsizes);
	EXPECT_TRUE(info.has_migration);
	EXPECT_EQ(PAGE_4K, info.dirty_pgsizes);
	EXPECT_TRUE(info.has_avail);
	EXPECT_EQ(ENTRY_LIMIT, info.avail);
	ASSERT_EQ(0, vfio_call(self->fd, VFIO_IOMMU_GET_INFO, &probe));
	EXPECT_EQ(kernel_aligns_info() ? 72 : 68, probe.argsz);
}

/* Limits come with an IOMMU; when it leaves, one range remains that has none. */
TEST_F(device_groups, s3_s9_info_with_an_iommu)
{
	int iommu = iommu_joins(_metadata, self->fd);
	struct container_info info, alone;
	int fd, group;

	ASSERT_EQ(0, container_info(self->fd, &info));
	close(iommu);
	fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0, &group);
	ASSERT_EQ(0, container_info(fd, &alone));
	EXPECT_EQ(0, memcmp(&info, &alone, sizeof(info)));
	close(group);
	close(fd);

	ASSERT_EQ(0, container_info(self->fd, &info));
	EXPECT_EQ(1, info.nr_ranges);
	EXPECT_EQ(0, info.ranges[0].start);
	EXPECT_EQ(~0ULL, info.ranges[0].end);
	EXPECT_EQ(-PAGE_4K, info.pgsizes & -PAGE_4K);
}

/* MAP takes anything, anywhere, for nothing. */
TEST_F(device_groups, s4_s7_map_without_an_iommu)
{
	drop_ipc_lock(_metadata, 0);
	EXPECT_EQ(0, iova_map(self->fd, (void *)PAGE_4K, 0, 1ULL << 40));
	EXPECT_EQ(0, iova_map(self->fd, (void *)KERNEL_ADDRESS, 1ULL << 62, SZ_1M));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, (void *)PAGE_4K, PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EINVAL, iova_map(self->fd, (void *)PAGE_4K, 1ULL << 50, 100));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
	expect_unmap(_metadata, self->fd, 0, 1ULL << 40, 1ULL << 40);
	if (!manages_the_end(variant->backend))
		return;
	EXPECT_EQ(0, iova_map(self->fd, (void *)PAGE_4K, -PAGE_4K, PAGE_4K));
	expect_unmap(_metadata, self->fd, -PAGE_4K, PAGE_4K, PAGE_4K);
}

/* The first IOMMU pins, charges and maps all that is mapped already. */
TEST_F(device_groups, s7_s9_first_iommu_pins_all)
{
	char *mem = touched(_metadata, 16 * PAGE_4K);
	int iommu;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 8 * PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, mem + 8 * PAGE_4K, SZ_1M, 8 * PAGE_4K));
	ASSERT_EQ(2, emulated_pin(self->device, 0, 2, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	iommu = iommu_joins(_metadata, self->fd);
	/* What was pinned is not charged twice. */
	EXPECT_EQ(16 * PAGE_4K, mem_locked());
	EXPECT_LE(self->pins + 16, pins_held());
	/* Nor is what is pinned now. */
	ASSERT_EQ(2, emulated_pin(self->device, SZ_1M, 2, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(16 * PAGE_4K, mem_locked());
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 2));
	EXPECT_EQ(16 * PAGE_4K, mem_locked());
	/* The last IOMMU leaves: only what a driver has pinned stays so. */
	close(iommu);
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 2, pins_held());
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
	EXPECT_EQ(0, emulated_unpin(self->device, SZ_1M, 2));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

/* Its devices reach what was mapped before, and go on reaching it. */
TEST_F(device_groups, s9_first_iommu_maps_all)
{
	char *mem = touched(_metadata, 2 * PAGE_4K);
	struct pci_dev dev;
	struct edu edu;
	int iommu, device;

	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, 2 * PAGE_4K));
	ASSERT_EQ(1, emulated_pin(self->device, SZ_1M, 1, PROT_RW_EMULATED, NULL));
	iommu = iommu_joins(_metadata, self->fd);
	EXPECT_EQ(0, emulated_unpin(self->device, SZ_1M, 1));
	test_device(_metadata, 0, &dev);
	device = device_open(iommu, dev.bdf);
	ASSERT_GE(device, 0);
	ASSERT_EQ(0, edu_open(device, &edu));
	mem_fill(mem, DMA_LEN, 7);
	carry(_metadata, &edu, SZ_1M, SZ_1M + PAGE_4K);
	EXPECT_TRUE(holds(mem + PAGE_4K, 7));
	edu_close(&edu);
	close(device);
	close(iommu);
}

/* Charged to who mapped, within the limit; else nothing happens. */
TEST_F(device_groups, s7_s9_first_iommu_beyond_the_limit)
{
	void *mem = touched(_metadata, 16 * PAGE_4K);
	int group = test_group(_metadata, 0), iommu;

	drop_ipc_lock(_metadata, 9 * PAGE_4K);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 8 * PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, 8 * PAGE_4K));
	ASSERT_EQ(1, emulated_pin(self->device, 0, 1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(-ENOMEM, container_add_group(self->fd, group));
	EXPECT_EQ(PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 1, pins_held());
	expect_unmap(_metadata, self->fd, SZ_1M, 8 * PAGE_4K, 8 * PAGE_4K);
	iommu = container_add_group(self->fd, group);
	EXPECT_GE(iommu, 0);
	EXPECT_EQ(8 * PAGE_4K, mem_locked());
	close(iommu);
	EXPECT_EQ(PAGE_4K, mem_locked());
}

/*
 * A driver may hold other pages than the IOMMU: memory that nobody had written to
 * was the zero page, which is not charged. What the driver holds counts in the end.
 */
TEST_F(device_groups, s7_s9_last_iommu_leaves_other_pages)
{
	char *mem = mem_alloc(4 * PAGE_4K, MEM_4K);
	int iommu = iommu_joins(_metadata, self->fd);

	ASSERT_EQ(0, iova_map_flags(self->fd, mem, 0, 4 * PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
	memset(mem, 1, 4 * PAGE_4K);
	ASSERT_EQ(3, emulated_pin(self->device, 0, 3, EMULATED_READ, NULL));
	close(iommu);
	EXPECT_EQ(3 * PAGE_4K, mem_locked());
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 3));
	EXPECT_EQ(0, mem_locked());
}

TEST_F(device_groups, s9_first_iommu_meets_bad_memory)
{
	void *mem = touched(_metadata, 8 * PAGE_4K);
	int group = test_group(_metadata, 0), iommu;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 8 * PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, (void *)KERNEL_ADDRESS, SZ_1M, PAGE_4K));
	EXPECT_EQ(-EFAULT, container_add_group(self->fd, group));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	expect_unmap(_metadata, self->fd, SZ_1M, PAGE_4K, PAGE_4K);
	iommu = container_add_group(self->fd, group);
	EXPECT_GE(iommu, 0);
	close(iommu);
}

struct joining {
	int fd;
	int group;		/* its number */
	int ret;
};

static void *join_thread(void *arg)
{
	struct joining *joining = arg;

	joining->ret = container_add_group(joining->fd, joining->group);
	return NULL;
}

/* A driver pins meanwhile: that counts in the end, as what was pinned before does. */
TEST_F_TIMEOUT(device_groups, s7_s9_pins_while_the_first_iommu_fails, 60)
{
	struct joining joining = { self->fd, test_group(_metadata, 0) };
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_PIN, .by = TYPE1P_EMULATED_KTHREAD, .prot = EMULATED_READ,
		.iova = SZ_1M + 8 * PAGE_4K, .npages = 4,
	};
	struct slow_file slow;
	pthread_t thread;
	char *mem, *page;
	int job;

	page = slow_file_map(_metadata, &slow, 2 * PAGE_4K);
	if (!page)
		SKIP(return, "no FUSE");
	ASSERT_EQ(0, munmap(page + PAGE_4K, PAGE_4K));
	mem = touched(_metadata, 16 * PAGE_4K);
	ASSERT_EQ(0, iova_map_flags(self->fd, page, 0, 2 * PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, 16 * PAGE_4K));
	ASSERT_EQ(8, emulated_pin(self->device, SZ_1M, 8, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(8 * PAGE_4K, mem_locked());

	ASSERT_EQ(0, pthread_create(&thread, NULL, join_thread, &joining));
	sem_wait(&slow.asked);
	job = emulated_start(self->device, &order);
	ASSERT_GE(job, 0);
	EXPECT_EQ(-ETIMEDOUT, emulated_wait(self->device, job, 200));
	sem_post(&slow.let);
	pthread_join(thread, NULL);
	EXPECT_EQ(-EFAULT, joining.ret);
	EXPECT_EQ(4, emulated_wait(self->device, job, 10000));
	emulated_stop(self->device, job, NULL);
	EXPECT_EQ(12 * PAGE_4K, mem_locked());
	EXPECT_EQ(0, emulated_unpin(self->device, SZ_1M, 12));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

/* Nor may a range lie where the IOMMU has something else. */
TEST_F(device_groups, s9_first_iommu_with_a_reserved_region)
{
	int group = test_group(_metadata, 0);
	struct container_info info;
	void *mem = touched(_metadata, PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, MSI_START, PAGE_4K));
	EXPECT_EQ(-EINVAL, container_add_group(self->fd, group));
	ASSERT_EQ(0, container_info(self->fd, &info));
	EXPECT_FALSE(info.has_ranges);
	EXPECT_EQ(0, mem_locked());
}

/* The replay pins the mapper's memory, whoever brings the group; in-tree, the bringer's. */
TEST_F(device_groups, s0_s9_first_iommu_brought_by_another_process)
{
	char *mem = touched(_metadata, 4 * PAGE_4K);
	int group = test_group(_metadata, 0), ready[2];
	char byte;
	pid_t child;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, "in-tree pins from the wrong process");
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 4 * PAGE_4K));
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		munmap(mem, 4 * PAGE_4K);
		if (container_add_group(self->fd, group) < 0 || mem_locked() ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	EXPECT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(4 * PAGE_4K, mem_locked());
	end(child);
	EXPECT_EQ(0, mem_locked());
}

/* Groups come and go in any order; what is mapped stays till the last one leaves. */
TEST_F(device_groups, s9_order_of_leaving)
{
	void *mem = touched(_metadata, SZ_1M);
	int iommu;

	iommu = iommu_joins(_metadata, self->fd);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	EXPECT_EQ(SZ_1M, mem_locked());
	close(self->device);
	close(self->group);
	self->device = -1;
	self->group = -1;
	EXPECT_EQ(SZ_1M, mem_locked());
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
	self->group = container_add_group(self->fd, emulated_test_group(_metadata, 0));
	ASSERT_GE(self->group, 0);
	close(iommu);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
	EXPECT_EQ(variant->backend, container_backend(self->fd));
	close(self->group);
	self->group = container_add_group(self->fd, emulated_test_group(_metadata, 0));
	ASSERT_GE(self->group, 0);
	/* All is over: the container has no backend. */
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 0, SZ_1M, NULL));
	ASSERT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

TEST_F(device_groups, s9_same_group_twice)
{
	int again = group_open(emulated_group(0));

	EXPECT_EQ(-EBUSY, again);
	EXPECT_EQ(-EINVAL, group_set_container(self->group, self->fd));
}
