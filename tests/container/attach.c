// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 9: groups that join and leave a container with mappings in it. */

FIXTURE(attach) {
	int fd;
	int group[2];
	int device[2];
	struct edu edu[2];
	s64 pins;
};

TWO_BACKENDS(attach);

FIXTURE_SETUP(attach)
{
	self->group[1] = -1;
	self->device[0] = -1;
	self->device[1] = -1;
	self->fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group[0]);
	self->pins = pins_held();
}

FIXTURE_TEARDOWN(attach)
{
	int i;

	for (i = 0; i < 2; i++) {
		edu_close(&self->edu[i]);
		close(self->device[i]);
		close(self->group[i]);
	}
	close(self->fd);
}

static void join(struct __test_metadata *_metadata, struct _test_data_attach *self)
{
	self->group[1] = container_add_group(self->fd, test_group(_metadata, 1));
	ASSERT_GE(self->group[1], 0);
}

static void leave(struct _test_data_attach *self, int nth)
{
	edu_close(&self->edu[nth]);
	close(self->device[nth]);
	close(self->group[nth]);
	self->device[nth] = -1;
	self->group[nth] = -1;
}

static void start(struct __test_metadata *_metadata, struct _test_data_attach *self, int nth)
{
	struct pci_dev dev;

	test_device(_metadata, nth, &dev);
	self->device[nth] = device_open(self->group[nth], dev.bdf);
	ASSERT_GE(self->device[nth], 0);
	ASSERT_EQ(0, edu_open(self->device[nth], &self->edu[nth]));
}

/* Both devices see what was mapped before and after the second came. */
TEST_F(attach, s9_second_group_shares_the_mappings)
{
	char *mem = touched(_metadata, 4 * PAGE_4K);
	int i;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	join(_metadata, self);
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 2, pins_held());
	ASSERT_EQ(0, iova_map(self->fd, mem + 2 * PAGE_4K, 2 * PAGE_4K, 2 * PAGE_4K));
	for (i = 0; i < 2; i++) {
		start(_metadata, self, i);
		mem_fill(mem, DMA_LEN, 40 + i);
		carry(_metadata, &self->edu[i], 0, 3 * PAGE_4K);
		EXPECT_TRUE(holds(mem + 3 * PAGE_4K, 40 + i));
	}
	ASSERT_EQ(0, iova_unmap(self->fd, 2 * PAGE_4K, 2 * PAGE_4K, NULL));
	mem_fill(mem, DMA_LEN, 50);
	for (i = 0; i < 2; i++)
		carry(_metadata, &self->edu[i], 0, 3 * PAGE_4K);
	EXPECT_TRUE(holds(mem + 3 * PAGE_4K, 41));
}

/* Whichever group leaves first, the other goes on. */
TEST_F(attach, s9_one_group_leaves)
{
	char *mem = touched(_metadata, 2 * PAGE_4K);
	int i;

	join(_metadata, self);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
		leave(self, i);
		EXPECT_EQ(2 * PAGE_4K, mem_locked());
		EXPECT_EQ(self->pins + 2, pins_held());
		EXPECT_EQ(variant->backend, container_backend(self->fd));
		start(_metadata, self, !i);
		mem_fill(mem, DMA_LEN, 60 + i);
		carry(_metadata, &self->edu[!i], 0, PAGE_4K);
		EXPECT_TRUE(holds(mem + PAGE_4K, 60 + i));
		ASSERT_EQ(0, iova_unmap(self->fd, 0, 2 * PAGE_4K, NULL));
		self->group[i] = container_add_group(self->fd, test_group(_metadata, i));
		ASSERT_GE(self->group[i], 0);
	}
}

TEST_F(attach, s9_last_group_takes_the_mappings_along)
{
	void *mem = touched(_metadata, SZ_1M);
	int order;

	for (order = 0; order < 2; order++) {
		join(_metadata, self);
		ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
		leave(self, order);
		EXPECT_EQ(SZ_1M, mem_locked());
		leave(self, !order);
		EXPECT_EQ(0, mem_locked());
		EXPECT_EQ(self->pins, pins_held());
		self->group[0] = container_add_group(self->fd, test_group(_metadata, 0));
		ASSERT_GE(self->group[0], 0);
		ASSERT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
		ASSERT_EQ(variant->backend, container_backend(self->fd));
		EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
	}
}

TEST_F(attach, s9_info_with_one_and_two_groups)
{
	struct info_bytes one, two, again;

	ASSERT_EQ(0, get_info(self->fd, &one, sizeof(one)));
	join(_metadata, self);
	ASSERT_EQ(0, get_info(self->fd, &two, sizeof(two)));
	leave(self, 1);
	ASSERT_EQ(0, get_info(self->fd, &again, sizeof(again)));
	EXPECT_EQ(0, memcmp(&one, &two, sizeof(one)));
	EXPECT_EQ(0, memcmp(&one, &again, sizeof(one)));
}

TEST_F(attach, s9_same_group_twice)
{
	EXPECT_EQ(-EINVAL, group_set_container(self->group[0], self->fd));
	EXPECT_EQ(-EBUSY, group_open(test_group(_metadata, 0)));
	EXPECT_EQ(variant->backend, container_backend(self->fd));
}

/* Two containers, one iova: each device has its own memory there. */
TEST_F(attach, s9_two_containers_are_apart)
{
	char *mem = touched(_metadata, 4 * PAGE_4K);
	int second, i;

	second = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 1,
				  &self->group[1]);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	ASSERT_EQ(0, iova_map(second, mem + 2 * PAGE_4K, 0, 2 * PAGE_4K));
	for (i = 0; i < 2; i++) {
		start(_metadata, self, i);
		mem_fill(mem + 2 * i * PAGE_4K, DMA_LEN, 70 + i);
		carry(_metadata, &self->edu[i], 0, PAGE_4K);
	}
	EXPECT_TRUE(holds(mem + PAGE_4K, 70));
	EXPECT_TRUE(holds(mem + 3 * PAGE_4K, 71));
	close(second);
}

/* Many mappings of all protections are there for a group that comes and goes. */
TEST_F(attach, s9_group_comes_and_goes)
{
	enum { RANGES = 200, ROUNDS = 10 };
	char *mem = touched(_metadata, RANGES * PAGE_4K);
	u64 at;
	int i;

	for (i = 0; i < RANGES; i++) {
		at = i * PAGE_4K;
		ASSERT_EQ(0, iova_map_flags(self->fd, mem + at, 2 * at, PAGE_4K,
					    i % 3 ? PROT_DMA : VFIO_DMA_MAP_FLAG_READ));
	}
	for (i = 0; i < ROUNDS; i++) {
		join(_metadata, self);
		EXPECT_EQ(RANGES * PAGE_4K, mem_locked());
		if (i == ROUNDS - 1)
			break;
		leave(self, 1);
	}
	start(_metadata, self, 1);
	mem_fill(mem, DMA_LEN, 80);
	carry(_metadata, &self->edu[1], 0, 2 * (RANGES - 1) * PAGE_4K);
	EXPECT_TRUE(holds(mem + (RANGES - 1) * PAGE_4K, 80));
	EXPECT_EQ(ENTRY_LIMIT - RANGES, dma_avail(self->fd));
}

/* The group is let in by a process other than the one whose memory is mapped. */
TEST_F(attach, s9_group_joins_from_another_process)
{
	char *mem = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t child;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		munmap(mem, 2 * PAGE_4K);
		join(_metadata, self);
		start(_metadata, self, 1);
		_exit(edu_from_memory(&self->edu[1], 0, DMA_LEN) ||
		      edu_to_memory(&self->edu[1], PAGE_4K, DMA_LEN) || mem_locked());
	}
	mem_fill(mem, DMA_LEN, 90);
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_TRUE(holds(mem + PAGE_4K, 90));
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 2, pins_held());
}
