// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 4: what MAP_DMA accepts and refuses before it looks at the memory. */

CONTAINER_FIXTURE(map, VFIO_TYPE1v2_IOMMU)

static struct vfio_iommu_type1_dma_map map_request(u32 argsz, void *mem, u64 iova)
{
	return (struct vfio_iommu_type1_dma_map){
		.argsz = argsz,
		.flags = PROT_DMA,
		.vaddr = (uintptr_t)mem,
		.iova = iova,
		.size = PAGE_4K,
	};
}

static int map_argsz(int fd, u32 argsz, void *mem, u64 iova)
{
	struct vfio_iommu_type1_dma_map map = map_request(argsz, mem, iova);

	return vfio_call(fd, VFIO_IOMMU_MAP_DMA, &map);
}

TEST_F(map, s4_bad_pointer)
{
	char *page = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, munmap(page + PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_MAP_DMA, NULL));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_MAP_DMA, (void *)KERNEL_ADDRESS));
	/* argsz 0 would be EINVAL, but all of the struct is read first. */
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_MAP_DMA, page + PAGE_4K - 31));
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_MAP_DMA, page + PAGE_4K - 32));
}

TEST_F(map, s4_argsz)
{
	void *mem = touched(_metadata, PAGE_4K);
	u32 argsz;

	for (argsz = 0; argsz < 32; argsz++)
		EXPECT_EQ(-EINVAL, map_argsz(self->fd, argsz, mem, 0));
	EXPECT_EQ(0, map_argsz(self->fd, 32, mem, 0));
	EXPECT_EQ(0, map_argsz(self->fd, 33, mem, PAGE_4K));
	EXPECT_EQ(0, map_argsz(self->fd, -1, mem, 2 * PAGE_4K));
}

TEST_F(map, s4_flags)
{
	void *mem = touched(_metadata, PAGE_4K);
	const u32 vaddr = VFIO_DMA_MAP_FLAG_VADDR;
	int bit;

	for (bit = 3; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, PAGE_4K,
						  PROT_DMA | 1U << bit));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, PAGE_4K, 0));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, PAGE_4K,
					  vaddr | VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, PAGE_4K,
					  vaddr | VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, PAGE_4K, vaddr | PROT_DMA));
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

TEST_F(map, s4_each_protection)
{
	char *mem = touched(_metadata, PAGE_4K);

	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 0, PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, PAGE_4K, PAGE_4K, VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 2 * PAGE_4K, PAGE_4K, PROT_DMA));
}

TEST_F(map, s4_size_zero)
{
	void *mem = touched(_metadata, PAGE_4K);

	EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, 0, 0));
	EXPECT_EQ(-EINVAL, iova_map(self->fd, NULL, 0, 0));
	EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, -PAGE_4K, 0));
}

TEST_F(map, s4_alignment)
{
	char *mem = touched(_metadata, 2 * PAGE_4K);
	u64 off;

	for (off = 1; off < PAGE_4K; off <<= 1) {
		EXPECT_EQ(-EINVAL, iova_map(self->fd, mem + off, 0, PAGE_4K));
		EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, off, PAGE_4K));
		EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, 0, off));
		EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, 0, PAGE_4K + off));
		/* All three off by as much is no better. */
		EXPECT_EQ(-EINVAL, iova_map(self->fd, mem + off, off, PAGE_4K + off));
	}
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

TEST_F(map, s4_wrapping)
{
	void *mem = touched(_metadata, PAGE_4K);
	const int wrap = kernel_wrap_errno();
	struct container_info info;

	EXPECT_EQ(wrap, iova_map(self->fd, mem, -PAGE_4K, 2 * PAGE_4K));
	EXPECT_EQ(wrap, iova_map(self->fd, mem, 2 * PAGE_4K, -PAGE_4K));
	EXPECT_EQ(wrap, iova_map(self->fd, (void *)-PAGE_4K, 0, 2 * PAGE_4K));
	EXPECT_EQ(wrap, iova_map(self->fd, mem, 0, -PAGE_4K));
	/* Ending at exactly 2^64 is no wrap, but seldom valid. */
	ASSERT_EQ(0, container_info(self->fd, &info));
	if (!container_iova_valid(&info, -PAGE_4K, PAGE_4K))
		EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, -PAGE_4K, PAGE_4K));
}

TEST_F(map, s4_overlap_eexist)
{
	char *mem = touched(_metadata, 16 * PAGE_4K);
	const u64 at = 16 * PAGE_4K, size = 4 * PAGE_4K, end = at + size;

	ASSERT_EQ(0, iova_map(self->fd, mem, at, size));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, at, size));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, at, PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, end - PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, at + PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, at - PAGE_4K, 2 * PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, end - PAGE_4K, 2 * PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, at - PAGE_4K, 6 * PAGE_4K));
	/* Neighbours are none of its business. */
	EXPECT_EQ(0, iova_map(self->fd, mem, at - PAGE_4K, PAGE_4K));
	EXPECT_EQ(0, iova_map(self->fd, mem, end, PAGE_4K));
	EXPECT_EQ(3, ENTRY_LIMIT - dma_avail(self->fd));
	EXPECT_EQ(6 * PAGE_4K, mem_locked());
}

/* The checks have an order: an overlap, then the limit, then the valid ranges, then the memory. */
TEST_F(map, s4_order_of_checks)
{
	char *mem = touched(_metadata, PAGE_4K);
	const u64 msi = MSI_START;
	void *bad = (void *)KERNEL_ADDRESS;

	ASSERT_EQ(0, group_unset_container(self->group));
	ASSERT_EQ(0, param_write(variant->backend, "dma_entry_limit", "1"));
	ASSERT_EQ(0, group_set_container(self->group, self->fd));
	ASSERT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(variant->backend, container_backend(self->fd));

	EXPECT_EQ(-EINVAL, iova_map(self->fd, bad, msi, PAGE_4K));
	EXPECT_EQ(-EFAULT, iova_map(self->fd, bad, PAGE_4K, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, bad, 0, PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, 0, 1ULL << 60));
	EXPECT_EQ(-ENOSPC, iova_map(self->fd, mem, msi, PAGE_4K));
	EXPECT_EQ(-ENOSPC, iova_map(self->fd, bad, PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, 1, PAGE_4K));
}

/* Each valid range, to its very edges, and nothing beyond or between. */
TEST_F(map, s4_valid_ranges)
{
	char *mem = touched(_metadata, 2 * PAGE_4K);
	struct container_info info;
	struct iova_range *range;
	u32 i;

	ASSERT_EQ(0, container_info(self->fd, &info));
	ASSERT_LE(1, info.nr_ranges);
	for (i = 0; i < info.nr_ranges; i++) {
		range = &info.ranges[i];
		EXPECT_EQ(0, iova_map(self->fd, mem, range->start, PAGE_4K));
		if (range->end + 1 || manages_the_end(variant->backend))
			EXPECT_EQ(0, iova_map(self->fd, mem, range->end + 1 - PAGE_4K, PAGE_4K));
		if (range->start)
			EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, range->start - PAGE_4K,
						    PAGE_4K));
		if (range->end + 1)
			EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, range->end + 1, PAGE_4K));
	}
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL));
	for (i = 0; i < info.nr_ranges; i++) {
		range = &info.ranges[i];
		if (range->end + 1)
			EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, range->end + 1 - PAGE_4K,
						    2 * PAGE_4K));
		if (range->start)
			EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, range->start - PAGE_4K,
						    2 * PAGE_4K));
	}
	/* One mapping from one range into the next: the hole between forbids it. */
	if (info.nr_ranges > 1)
		EXPECT_EQ(-EINVAL, iova_map(self->fd, mem, info.ranges[0].end + 1 - PAGE_4K,
					    info.ranges[1].start - info.ranges[0].end - 1 +
					    2 * PAGE_4K));
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

TEST_F(map, s4_writes_nothing_back)
{
	struct vfio_iommu_type1_dma_map map, before;

	map = map_request(1000, touched(_metadata, PAGE_4K), 0);
	before = map;
	EXPECT_EQ(0, vfio_call(self->fd, VFIO_IOMMU_MAP_DMA, &map));
	EXPECT_EQ(0, memcmp(&map, &before, sizeof(map)));
	EXPECT_EQ(-EEXIST, vfio_call(self->fd, VFIO_IOMMU_MAP_DMA, &map));
	EXPECT_EQ(0, memcmp(&map, &before, sizeof(map)));
}

TEST_F(map, s4_read_only_argument)
{
	struct vfio_iommu_type1_dma_map *map = touched(_metadata, PAGE_4K);

	*map = map_request(sizeof(*map), touched(_metadata, PAGE_4K), 0);
	ASSERT_EQ(0, mprotect(map, PAGE_4K, PROT_READ));
	EXPECT_EQ(0, vfio_call(self->fd, VFIO_IOMMU_MAP_DMA, map));
}

/* Replacing a vaddr that was not invalidated. */
TEST_F(map, s4_vaddr_flag_needs_an_invalid_range)
{
	char *mem = touched(_metadata, 4 * PAGE_4K);
	const u32 vaddr = VFIO_DMA_MAP_FLAG_VADDR;

	EXPECT_EQ(-ENOENT, iova_map_flags(self->fd, mem, 0, PAGE_4K, vaddr));
	ASSERT_EQ(0, iova_map(self->fd, mem, PAGE_4K, 2 * PAGE_4K));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, PAGE_4K, 2 * PAGE_4K, vaddr));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, PAGE_4K, PAGE_4K, vaddr));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, 4 * PAGE_4K, vaddr));
	EXPECT_EQ(-ENOENT, iova_map_flags(self->fd, mem, 4 * PAGE_4K, PAGE_4K, vaddr));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 1, PAGE_4K, vaddr));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, mem, 0, 0, vaddr));
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
}

/* Fill the table to the limit of entries, and empty it again in one call. */
TEST_F_TIMEOUT(map, s4_entry_limit, 120)
{
	char *mem = touched(_metadata, PAGE_4K);
	u64 done;
	long i;

	for (i = 0; i < ENTRY_LIMIT; i++)
		ASSERT_EQ(0, iova_map(self->fd, mem, ROOM_IOVA + i * 2 * PAGE_4K, PAGE_4K));
	EXPECT_EQ(0, dma_avail(self->fd));
	EXPECT_EQ(-ENOSPC, iova_map(self->fd, mem, ROOM_IOVA + PAGE_4K, PAGE_4K));
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &done));
	EXPECT_EQ(ENTRY_LIMIT * PAGE_4K, done);
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
	EXPECT_EQ(0, mem_locked());
}
