// SPDX-License-Identifier: GPL-2.0-only
/* What it is all for: the device reaches what is mapped, as it is mapped, and nothing else. */

#define DMA_LEN		1024	/* bytes of one transfer */

FIXTURE(dma) {
	int fd;
	int group;
	int device;
	struct edu edu;
};

TWO_BACKENDS(dma);

FIXTURE_SETUP(dma)
{
	struct pci_dev dev;

	self->fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group);
	test_device(_metadata, 0, &dev);
	self->device = device_open(self->group, dev.bdf);
	ASSERT_GE(self->device, 0);
	ASSERT_EQ(0, edu_open(self->device, &self->edu));
}

FIXTURE_TEARDOWN(dma)
{
	edu_close(&self->edu);
	close(self->device);
	close(self->group);
	close(self->fd);
}

/* The device carries DMA_LEN bytes from one iova to another. */
static void carry(struct __test_metadata *_metadata, struct edu *edu, u64 from, u64 to)
{
	ASSERT_EQ(0, edu_from_memory(edu, from, DMA_LEN));
	ASSERT_EQ(0, edu_to_memory(edu, to, DMA_LEN));
}

static bool holds(const void *mem, u64 seed)
{
	return mem_check(mem, DMA_LEN, seed) == DMA_LEN;
}

TEST_F(dma, s4_both_directions)
{
	char *mem = touched(_metadata, 2 * PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, 2 * PAGE_4K));
	mem_fill(mem, DMA_LEN, 1);
	carry(_metadata, &self->edu, SZ_1M, SZ_1M + PAGE_4K);
	EXPECT_TRUE(holds(mem + PAGE_4K, 1));
	EXPECT_EQ(0x5a, mem[PAGE_4K + DMA_LEN]);
}

/* iova 0 is as good as any other. */
TEST_F(dma, s4_iova_zero)
{
	char *mem = touched(_metadata, PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	mem_fill(mem, DMA_LEN, 2);
	carry(_metadata, &self->edu, 0, 2048);
	EXPECT_TRUE(holds(mem + 2048, 2));
}

/* Pages of a file in reverse order: no two of the range are in physical order. */
TEST_F(dma, s4_scattered_pages)
{
	enum { PAGES = 64 };
	int file = memfd_create("scattered", 0);
	char *mem, *page;
	int i;

	ASSERT_EQ(0, ftruncate(file, PAGES * PAGE_4K));
	mem = mmap(NULL, PAGES * PAGE_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < PAGES; i++) {
		page = mmap(mem + i * PAGE_4K, PAGE_4K, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, file, (PAGES - 1 - i) * PAGE_4K);
		ASSERT_NE(MAP_FAILED, page);
	}
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGES * PAGE_4K));
	mem_fill(mem + PAGE_4K - DMA_LEN / 2, DMA_LEN, 3);
	carry(_metadata, &self->edu, PAGE_4K - DMA_LEN / 2, 40 * PAGE_4K - 8);
	EXPECT_TRUE(holds(mem + 40 * PAGE_4K - 8, 3));
}

/* The pin for writing breaks copy-on-write first: the device never writes to the file. */
TEST_F(dma, s4_private_file_is_not_written)
{
	int file = memfd_create("private", 0);
	char *mem, *shared;

	ASSERT_EQ(0, ftruncate(file, 2 * PAGE_4K));
	shared = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	mem = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	ASSERT_NE(MAP_FAILED, mem);
	mem_fill(shared, DMA_LEN, 13);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	carry(_metadata, &self->edu, 0, PAGE_4K);
	EXPECT_TRUE(holds(mem + PAGE_4K, 13));
	EXPECT_EQ(0, shared[PAGE_4K]);
	EXPECT_EQ(0, shared[PAGE_4K + 8]);
}

/* First, last and inner bytes of each kind of page, at an iova that suits none of them. */
TEST_F(dma, s4_big_ranges)
{
	const u64 size = 8 * PAGE_2M, iova = 3 * PAGE_4K;
	enum mem_pages pages;
	char *mem;

	for (pages = MEM_4K; pages <= MEM_HUGETLB; pages++) {
		mem = mem_alloc(size, pages);
		ASSERT_NE(NULL, mem);
		ASSERT_EQ(0, iova_map(self->fd, mem, iova, size));
		mem_fill(mem, DMA_LEN, pages);
		carry(_metadata, &self->edu, iova, iova + size - DMA_LEN);
		EXPECT_TRUE(holds(mem + size - DMA_LEN, pages));
		carry(_metadata, &self->edu, iova + size - DMA_LEN, iova + 5 * PAGE_2M - 100);
		EXPECT_TRUE(holds(mem + 5 * PAGE_2M - 100, pages));
		ASSERT_EQ(0, iova_unmap(self->fd, iova, size, NULL));
		mem_free(mem, size, pages);
	}
}

TEST_F(dma, s12_huge_pages_disabled)
{
	const u64 size = 2 * PAGE_2M;
	char *mem = mem_alloc(size, MEM_HUGETLB);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, param_write(variant->backend, "disable_hugepages", "Y"));
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, size));
	mem_fill(mem, DMA_LEN, 4);
	carry(_metadata, &self->edu, 0, size - DMA_LEN);
	EXPECT_TRUE(holds(mem + size - DMA_LEN, 4));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, size, NULL));
	params_reset(variant->backend);
}

/* One page at two iovas is one page. */
TEST_F(dma, s4_same_memory_twice)
{
	char *mem = touched(_metadata, PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	mem_fill(mem, DMA_LEN, 5);
	carry(_metadata, &self->edu, 0, SZ_1M + 2048);
	EXPECT_TRUE(holds(mem + 2048, 5));
	ASSERT_EQ(0, iova_unmap(self->fd, 0, PAGE_4K, NULL));
	mem_fill(mem, DMA_LEN, 6);
	carry(_metadata, &self->edu, SZ_1M, SZ_1M + 2048);
	EXPECT_TRUE(holds(mem + 2048, 6));
}

TEST_F(dma, s4_read_only_range_is_not_written)
{
	char *mem = touched(_metadata, 2 * PAGE_4K);

	ASSERT_EQ(0, iova_map_flags(self->fd, mem, 0, PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, iova_map(self->fd, mem + PAGE_4K, PAGE_4K, PAGE_4K));
	mem_fill(mem, DMA_LEN, 7);
	carry(_metadata, &self->edu, 0, PAGE_4K);
	EXPECT_TRUE(holds(mem + PAGE_4K, 7));
	mem_fill(mem + PAGE_4K, DMA_LEN, 8);
	carry(_metadata, &self->edu, PAGE_4K, 0);
	EXPECT_TRUE(holds(mem, 7));
}

/* That it cannot be read is more than QEMU's VT-d enforces. */
TEST_F(dma, s4_write_only_range_is_written)
{
	char *mem = touched(_metadata, 2 * PAGE_4K);

	ASSERT_EQ(0, iova_map_flags(self->fd, mem, 0, PAGE_4K, VFIO_DMA_MAP_FLAG_WRITE));
	ASSERT_EQ(0, iova_map(self->fd, mem + PAGE_4K, PAGE_4K, PAGE_4K));
	mem_fill(mem + PAGE_4K, DMA_LEN, 9);
	carry(_metadata, &self->edu, PAGE_4K, 0);
	EXPECT_TRUE(holds(mem, 9));
}

TEST_F(dma, s5_nothing_after_unmap)
{
	char *mem = touched(_metadata, 3 * PAGE_4K);
	u64 iova;

	for (iova = 0; iova < 3 * PAGE_4K; iova += PAGE_4K)
		ASSERT_EQ(0, iova_map(self->fd, mem + iova, iova, PAGE_4K));
	mem_fill(mem, DMA_LEN, 11);
	carry(_metadata, &self->edu, 0, PAGE_4K);
	ASSERT_TRUE(holds(mem + PAGE_4K, 11));

	ASSERT_EQ(0, iova_unmap(self->fd, PAGE_4K, PAGE_4K, NULL));
	mem_fill(mem, DMA_LEN, 12);
	carry(_metadata, &self->edu, 0, PAGE_4K);
	EXPECT_TRUE(holds(mem + PAGE_4K, 11));
	carry(_metadata, &self->edu, PAGE_4K, 2 * PAGE_4K);
	EXPECT_FALSE(holds(mem + 2 * PAGE_4K, 11));
	/* Its neighbours are still there. */
	carry(_metadata, &self->edu, 0, 2 * PAGE_4K);
	EXPECT_TRUE(holds(mem + 2 * PAGE_4K, 12));
}

/* Another page at the same iova: no stale translation. */
TEST_F(dma, s5_iova_can_be_used_again)
{
	char *mem = touched(_metadata, 3 * PAGE_4K);
	int i;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	for (i = 0; i < 4; i++) {
		char *target = mem + PAGE_4K * (1 + i % 2);

		mem_fill(mem, DMA_LEN, 20 + i);
		ASSERT_EQ(0, iova_map(self->fd, target, PAGE_4K, PAGE_4K));
		carry(_metadata, &self->edu, 0, PAGE_4K);
		EXPECT_TRUE(holds(target, 20 + i));
		ASSERT_EQ(0, iova_unmap(self->fd, PAGE_4K, PAGE_4K, NULL));
	}
	EXPECT_TRUE(holds(mem + PAGE_4K, 22));
}

/* A MAP that failed half-way has given the device nothing. */
TEST_F(dma, s4_nothing_after_failed_map)
{
	const u64 size = 4 * SZ_1M, good = 8 * SZ_1M;
	char *page = touched(_metadata, PAGE_4K);
	char *mem = touched(_metadata, size);

	ASSERT_EQ(0, munmap(mem + size - PAGE_4K, PAGE_4K));
	ASSERT_EQ(-EFAULT, iova_map(self->fd, mem, 0, size));
	ASSERT_EQ(0, iova_map(self->fd, page, good, PAGE_4K));
	mem_fill(page, DMA_LEN, 30);
	carry(_metadata, &self->edu, good, 0);
	EXPECT_EQ(0x5a, mem[0]);
	EXPECT_EQ(0x5a, mem[DMA_LEN - 1]);
}

/* SPEC 7: munmap() of the memory leaves the pin, and the device its page. */
TEST_F(dma, s7_pages_outlive_munmap)
{
	int file = memfd_create("kept", 0);
	char *mem, *other;

	ASSERT_EQ(0, ftruncate(file, 2 * PAGE_4K));
	mem = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	other = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, other);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	ASSERT_EQ(0, munmap(mem, 2 * PAGE_4K));
	mem_fill(other, DMA_LEN, 31);
	carry(_metadata, &self->edu, 0, PAGE_4K);
	EXPECT_TRUE(holds(other + PAGE_4K, 31));
}

/* A pinned page stays the parent's when fork() makes its memory copy-on-write. */
TEST_F(dma, s7_pages_stay_the_parents_after_fork)
{
	char *mem = touched(_metadata, 2 * PAGE_4K);
	pid_t child;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		pause();
		_exit(0);
	}
	mem_fill(mem, DMA_LEN, 32);
	carry(_metadata, &self->edu, 0, PAGE_4K);
	EXPECT_TRUE(holds(mem + PAGE_4K, 32));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* SPEC 11: closing the container does not end the device's use of it. */
TEST_F(dma, s11_goes_on_after_close_of_the_container)
{
	char *mem = touched(_metadata, 2 * PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	ASSERT_EQ(0, close(self->fd));
	mem_fill(mem, DMA_LEN, 33);
	carry(_metadata, &self->edu, 0, PAGE_4K);
	EXPECT_TRUE(holds(mem + PAGE_4K, 33));
}
