// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 4: the memory behind a MAP_DMA: what can be pinned, and what a failure leaves: nothing. */

FIXTURE(map_memory) {
	int fd;
	int group;
	void *good;
	s64 pins;
};

TWO_BACKENDS(map_memory);

FIXTURE_SETUP(map_memory)
{
	self->fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group);
	self->good = touched(_metadata, PAGE_4K);
	self->pins = pins_held();
}

TEARDOWN_CONTAINER(map_memory)

/* A MAP that fails with @error, of which nothing remains. */
static void expect_refused(struct __test_metadata *_metadata,
			   struct _test_data_map_memory *self, void *mem, u64 size,
			   u32 prot, int error)
{
	s64 locked = mem_locked();
	u32 avail = dma_avail(self->fd);

	EXPECT_EQ(error, iova_map_flags(self->fd, mem, 0, size, prot));
	EXPECT_EQ(locked, mem_locked());
	EXPECT_EQ(avail, dma_avail(self->fd));
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, iova_map(self->fd, self->good, 0, PAGE_4K))
		TH_LOG("its iova is not free");
	EXPECT_EQ(0, iova_map(self->fd, self->good, size - PAGE_4K ?: PAGE_4K, PAGE_4K));
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL));
}

TEST_F(map_memory, s4_not_mapped)
{
	void *mem = touched(_metadata, PAGE_4K);

	ASSERT_EQ(0, munmap(mem, PAGE_4K));
	expect_refused(_metadata, self, mem, PAGE_4K, PROT_DMA, -EFAULT);
	expect_refused(_metadata, self, NULL, PAGE_4K, PROT_DMA, -EFAULT);
	expect_refused(_metadata, self, NULL, PAGE_4K, VFIO_DMA_MAP_FLAG_READ, -EFAULT);
}

TEST_F(map_memory, s4_kernel_and_noncanonical_addresses)
{
	expect_refused(_metadata, self, (void *)KERNEL_ADDRESS, PAGE_4K, PROT_DMA, -EFAULT);
	expect_refused(_metadata, self, (void *)-PAGE_4K, PAGE_4K, PROT_DMA, -EFAULT);
	expect_refused(_metadata, self, (void *)(1UL << 47), PAGE_4K, PROT_DMA, -EFAULT);
	expect_refused(_metadata, self, (void *)(1UL << 62), PAGE_4K, PROT_DMA, -EFAULT);
	expect_refused(_metadata, self, (void *)((1UL << 47) - PAGE_4K), PAGE_4K, PROT_DMA,
		       -EFAULT);
}

/* The hole is met after 4 MiB of pins, which all have to go again. */
TEST_F(map_memory, s4_hole)
{
	const size_t size = 8 * SZ_1M;
	char *mem = touched(_metadata, size);

	ASSERT_EQ(0, munmap(mem + size / 2, PAGE_4K));
	expect_refused(_metadata, self, mem, size, PROT_DMA, -EFAULT);
	expect_refused(_metadata, self, mem, size, VFIO_DMA_MAP_FLAG_READ, -EFAULT);
}

TEST_F(map_memory, s4_hole_at_either_end)
{
	const size_t size = 4 * SZ_1M;
	char *mem = touched(_metadata, size);

	ASSERT_EQ(0, munmap(mem + size - PAGE_4K, PAGE_4K));
	expect_refused(_metadata, self, mem, size, PROT_DMA, -EFAULT);
	ASSERT_EQ(0, munmap(mem, PAGE_4K));
	expect_refused(_metadata, self, mem, size - PAGE_4K, PROT_DMA, -EFAULT);
	EXPECT_EQ(0, iova_map(self->fd, mem + PAGE_4K, 0, size - 2 * PAGE_4K));
}

TEST_F(map_memory, s4_prot_none)
{
	char *mem = touched(_metadata, 4 * PAGE_4K);

	ASSERT_EQ(0, mprotect(mem + 2 * PAGE_4K, PAGE_4K, PROT_NONE));
	expect_refused(_metadata, self, mem, 4 * PAGE_4K, PROT_DMA, -EFAULT);
	expect_refused(_metadata, self, mem, 4 * PAGE_4K, VFIO_DMA_MAP_FLAG_READ, -EFAULT);
}

TEST_F(map_memory, s4_write_to_read_only_memory)
{
	char *mem = touched(_metadata, 4 * PAGE_4K);

	ASSERT_EQ(0, mprotect(mem + PAGE_4K, PAGE_4K, PROT_READ));
	expect_refused(_metadata, self, mem, 4 * PAGE_4K, PROT_DMA, -EFAULT);
	expect_refused(_metadata, self, mem, 4 * PAGE_4K, VFIO_DMA_MAP_FLAG_WRITE, -EFAULT);
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 0, 4 * PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
}

TEST_F(map_memory, s4_beyond_end_of_file)
{
	int file = memfd_create("short", 0);
	char *mem;

	ASSERT_EQ(0, ftruncate(file, 2 * PAGE_4K));
	mem = mmap(NULL, 4 * PAGE_4K, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, mem);
	expect_refused(_metadata, self, mem, 4 * PAGE_4K, PROT_DMA, -EFAULT);
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
}

/* Fresh memory of each kind is faulted in by the MAP itself. We pin a huge page once. */
TEST_F(map_memory, s4_untouched_memory)
{
	const bool by_folio = variant->backend == BACKEND_TYPE1P;
	const size_t size = 2 * PAGE_2M;
	enum mem_pages pages;
	s64 pins;
	u64 done;
	void *mem;

	for (pages = MEM_4K; pages <= MEM_HUGETLB; pages++) {
		mem = mem_alloc(size, pages);
		ASSERT_NE(NULL, mem);
		EXPECT_EQ(0, iova_map(self->fd, mem, 0, size));
		EXPECT_EQ(size, mem_locked());
		pins = size / (pages == MEM_HUGETLB && by_folio ? PAGE_2M : PAGE_4K);
		EXPECT_EQ(self->pins + pins, pins_held());
		EXPECT_EQ(0, iova_unmap(self->fd, 0, size, &done));
		EXPECT_EQ(size, done);
		EXPECT_EQ(0, mem_locked());
		EXPECT_EQ(self->pins, pins_held());
		mem_free(mem, size, pages);
	}
}

TEST_F(map_memory, s4_shared_memory)
{
	const size_t size = 2 * SZ_1M;
	int file = memfd_create("shared", 0);
	char *mem;

	ASSERT_EQ(0, ftruncate(file, size));
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, size));
	EXPECT_EQ(size, mem_locked());
	/* Its pages are pinned, but the file lets go of them. */
	EXPECT_EQ(0, ftruncate(file, 0));
	EXPECT_EQ(size, mem_locked());
	EXPECT_EQ(0, iova_unmap(self->fd, 0, size, NULL));
	EXPECT_EQ(self->pins, pins_held());
}

/* Several kinds of memory side by side, in one range. */
TEST_F(map_memory, s4_range_over_several_vmas)
{
	char *mem = touched(_metadata, 8 * PAGE_4K);
	int file = memfd_create("part", 0);

	ASSERT_EQ(0, ftruncate(file, PAGE_4K));
	ASSERT_EQ(mem + 2 * PAGE_4K, mmap(mem + 2 * PAGE_4K, PAGE_4K, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_FIXED, file, 0));
	ASSERT_EQ(mem + 5 * PAGE_4K, mmap(mem + 5 * PAGE_4K, PAGE_4K, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_FIXED, file, 0));
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, 8 * PAGE_4K));
	EXPECT_EQ(8 * PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 8, pins_held());
}

TEST_F(map_memory, s4_secret_memory)
{
	int file = syscall(__NR_memfd_secret, 0);
	char *mem;

	if (file < 0)
		SKIP(return, "no memfd_secret(): boot with secretmem.enable=1");
	ASSERT_EQ(0, ftruncate(file, 2 * PAGE_4K));
	mem = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, mem);
	munlock(mem, 2 * PAGE_4K);
	mem[0] = 1;
	mem[PAGE_4K] = 1;
	EXPECT_EQ(-EFAULT, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	EXPECT_EQ(-EFAULT, iova_map_flags(self->fd, mem, 0, 2 * PAGE_4K,
					  VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

/* A block device's page cache is written back: newer kernels refuse writable long-term pins. */
TEST_F(map_memory, s4_file_with_writeback)
{
	int disk = open("/dev/nvme0n1", O_RDWR | O_CLOEXEC);
	void *mem;

	if (disk < 0)
		SKIP(return, "no /dev/nvme0n1: run with --device nvme");
	mem = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE, MAP_SHARED, disk, 0);
	ASSERT_NE(MAP_FAILED, mem);
	if (kernel_protects_writeback())
		expect_refused(_metadata, self, mem, 2 * PAGE_4K, PROT_DMA, -EFAULT);
	else
		EXPECT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, SZ_1M, 2 * PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
}

/* The process has its own copy of a page of a file, and shared that with a child for a while. */
TEST_F(map_memory, s4_copy_of_a_file)
{
	const char *dir = "/tmp/type1p-ramfs", *file = "/tmp/type1p-ramfs/file";
	char *mem;
	pid_t child;
	int fd;

	mkdir(dir, 0700);
	ASSERT_EQ(0, mount("none", dir, "ramfs", 0, NULL));
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_EQ(0, ftruncate(fd, 2 * PAGE_4K));
	mem = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	mem[0] = 1;
	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(0);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 0, 2 * PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(self->pins + 2, pins_held());
	EXPECT_EQ(0, iova_unmap(self->fd, 0, 2 * PAGE_4K, NULL));
	EXPECT_EQ(self->pins, pins_held());
	munmap(mem, 2 * PAGE_4K);
	close(fd);
	umount2(dir, MNT_DETACH);
}

static void survive(int __attribute__((unused)) sig)
{
}

/* A page that the machine lost is refused, and its neighbours unpinned again. */
TEST_F(map_memory, s4_poisoned_page)
{
	char *mem = touched(_metadata, 8 * PAGE_4K);
	int ret;

	signal(SIGBUS, survive);
	if (madvise(mem + 4 * PAGE_4K, PAGE_4K, MADV_HWPOISON))
		SKIP(return, "no MADV_HWPOISON: %s", strerror(errno));
	ret = iova_map(self->fd, mem, 0, 8 * PAGE_4K);
	EXPECT_EQ(-EFAULT, ret);
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

TEST_F(map_memory, s4_same_memory_twice_counts_twice)
{
	const size_t size = 4 * PAGE_4K;
	void *mem = touched(_metadata, size);

	EXPECT_EQ(0, iova_map(self->fd, mem, 0, size));
	EXPECT_EQ(size, mem_locked());
	EXPECT_EQ(0, iova_map(self->fd, mem, SZ_1M, size));
	EXPECT_EQ(2 * size, mem_locked());
	EXPECT_EQ(self->pins + 8, pins_held());
	EXPECT_EQ(0, iova_unmap(self->fd, 0, size, NULL));
	EXPECT_EQ(size, mem_locked());
	EXPECT_EQ(self->pins + 4, pins_held());
}

/* The shared zero page is not accounted; newer kernels give the reader a page of its own. */
TEST_F(map_memory, s4_s7_zero_page)
{
	void *mem = mem_alloc(PAGE_4K, MEM_4K);

	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 0, PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(kernel_unshares_zero_page() ? PAGE_4K : 0, mem_locked());
	EXPECT_EQ(0, iova_unmap(self->fd, 0, PAGE_4K, NULL));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

/* Zero pages in between others: what is not counted must not be given back either. */
TEST_F(map_memory, s4_s7_zero_pages_between_others)
{
	char *mem = mem_alloc(8 * PAGE_4K, MEM_4K);
	int i;

	for (i = 0; i < 8; i += 2)
		mem[i * PAGE_4K] = 1;
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 0, 8 * PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ((kernel_unshares_zero_page() ? 8 : 4) * PAGE_4K, mem_locked());
	EXPECT_EQ(0, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, 8 * PAGE_4K, NULL));
	EXPECT_EQ(PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 1, pins_held());
}
