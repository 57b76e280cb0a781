// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 5: UNMAP_DMA: its arguments, and the rules of type 1 v2. */

CONTAINER_FIXTURE(unmap_v2, VFIO_TYPE1v2_IOMMU)

struct unmap_request {
	struct vfio_iommu_type1_dma_unmap head;
	struct vfio_bitmap bitmap;
};

#define GET_BITMAP	VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP
#define UNMAP_ALL	VFIO_DMA_UNMAP_FLAG_ALL
#define UNMAP_VADDR	VFIO_DMA_UNMAP_FLAG_VADDR

/* @n mappings of @pages pages each, @stride pages apart, from iova 0 on. */
static void map_row(struct __test_metadata *_metadata, int fd, int n, int pages, int stride)
{
	char *mem = touched(_metadata, pages * PAGE_4K);
	int i;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, iova_map(fd, mem, i * stride * PAGE_4K, pages * PAGE_4K));
}

static void expect_unmap(struct __test_metadata *_metadata, int fd, u64 iova, u64 size,
			 u64 expected)
{
	u64 done = -1;

	EXPECT_EQ(0, iova_unmap(fd, iova, size, &done));
	EXPECT_EQ(expected, done);
}

TEST_F(unmap_v2, s5_bad_pointer)
{
	char *page = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, munmap(page + PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, NULL));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, (void *)KERNEL_ADDRESS));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, page + PAGE_4K - 23));
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, page + PAGE_4K - 24));
}

TEST_F(unmap_v2, s5_argsz)
{
	struct unmap_request req;
	u32 argsz;

	map_row(_metadata, self->fd, 2, 1, 1);
	for (argsz = 0; argsz < 24; argsz++) {
		req.head = (struct vfio_iommu_type1_dma_unmap){ .argsz = argsz, .size = PAGE_4K };
		EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &req));
	}
	req.head = (struct vfio_iommu_type1_dma_unmap){ .argsz = 24, .size = PAGE_4K };
	EXPECT_EQ(0, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &req));
	req.head = (struct vfio_iommu_type1_dma_unmap){ .argsz = -1, .iova = PAGE_4K,
							.size = PAGE_4K };
	EXPECT_EQ(0, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &req));
	EXPECT_EQ(PAGE_4K, req.head.size);
	EXPECT_EQ(-1U, req.head.argsz);
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

TEST_F(unmap_v2, s5_flags)
{
	int bit;

	map_row(_metadata, self->fd, 1, 1, 1);
	for (bit = 3; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, PAGE_4K, 1U << bit, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, 0, UNMAP_ALL | GET_BITMAP, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, PAGE_4K, UNMAP_VADDR | GET_BITMAP, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, 0, UNMAP_ALL | UNMAP_VADDR | GET_BITMAP,
					    NULL));
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
}

TEST_F(unmap_v2, s5_size_and_alignment)
{
	u64 off;

	map_row(_metadata, self->fd, 1, 4, 4);
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 0, 0, NULL));
	for (off = 1; off < PAGE_4K; off <<= 1) {
		EXPECT_EQ(-EINVAL, iova_unmap(self->fd, off, PAGE_4K, NULL));
		EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 0, off, NULL));
		EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 0, 4 * PAGE_4K + off, NULL));
		EXPECT_EQ(-EINVAL, iova_unmap(self->fd, off, 4 * PAGE_4K - off, NULL));
	}
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
}

TEST_F(unmap_v2, s5_wrapping)
{
	const int wrap = kernel_wrap_errno();

	map_row(_metadata, self->fd, 2, 1, 1);
	EXPECT_EQ(wrap, iova_unmap(self->fd, -PAGE_4K, 2 * PAGE_4K, NULL));
	EXPECT_EQ(wrap, iova_unmap(self->fd, 2 * PAGE_4K, -PAGE_4K, NULL));
	EXPECT_EQ(wrap, iova_unmap(self->fd, PAGE_4K * 4, -2 * PAGE_4K, NULL));
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
}

/* Better on purpose: an end of exactly 2^64, for which older in-tree drivers do nothing. */
TEST_F(unmap_v2, s0_s5_end_of_the_address_space)
{
	bool works = manages_the_end(variant->backend);

	map_row(_metadata, self->fd, 3, 1, 2);
	expect_unmap(_metadata, self->fd, PAGE_4K, -PAGE_4K, works ? 2 * PAGE_4K : 0);
	EXPECT_EQ(ENTRY_LIMIT - (works ? 1 : 3), dma_avail(self->fd));
	expect_unmap(_metadata, self->fd, -PAGE_4K, PAGE_4K, 0);
}

/* The same, of a mapping that itself ends there, on an IOMMU that reaches so far. */
TEST_F(unmap_v2, s0_s4_s5_mapping_at_the_end_of_the_address_space)
{
	char *mem = touched(_metadata, 4 * PAGE_4K);
	s64 pins = pins_held();
	struct container_info info;

	ASSERT_EQ(0, container_info(self->fd, &info));
	if (!container_iova_valid(&info, -4 * PAGE_4K, 4 * PAGE_4K))
		SKIP(return, "this IOMMU does not reach so far: --iommu amd does");
	if (!manages_the_end(variant->backend))
		SKIP(return, "this in-tree driver would never unpin it");
	EXPECT_EQ(0, iova_map(self->fd, mem, -4 * PAGE_4K, 4 * PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, -PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, -4 * PAGE_4K, 4 * PAGE_4K));
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, -8 * PAGE_4K, 8 * PAGE_4K));
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, -PAGE_4K, PAGE_4K, NULL));
	EXPECT_EQ(0, iova_map(self->fd, mem, -8 * PAGE_4K, 4 * PAGE_4K));
	expect_unmap(_metadata, self->fd, -4 * PAGE_4K, 4 * PAGE_4K, 4 * PAGE_4K);
	expect_unmap(_metadata, self->fd, PAGE_4K, -PAGE_4K, 4 * PAGE_4K);
	EXPECT_EQ(0, iova_map(self->fd, mem, -PAGE_4K, PAGE_4K));
	expect_unmap(_metadata, self->fd, PAGE_4K, -PAGE_4K, PAGE_4K);
	EXPECT_EQ(pins, pins_held());
	EXPECT_EQ(0, iova_map(self->fd, mem, -PAGE_4K, PAGE_4K));
	ASSERT_EQ(0, close(self->group));
	EXPECT_EQ(pins, pins_held());
}

TEST_F(unmap_v2, s5_one_mapping)
{
	map_row(_metadata, self->fd, 3, 4, 4);
	expect_unmap(_metadata, self->fd, 4 * PAGE_4K, 4 * PAGE_4K, 4 * PAGE_4K);
	expect_unmap(_metadata, self->fd, 4 * PAGE_4K, 4 * PAGE_4K, 0);
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
	EXPECT_EQ(8 * PAGE_4K, mem_locked());
}

TEST_F(unmap_v2, s5_nothing_there)
{
	expect_unmap(_metadata, self->fd, 0, PAGE_4K, 0);
	map_row(_metadata, self->fd, 2, 1, 16);
	expect_unmap(_metadata, self->fd, PAGE_4K, 15 * PAGE_4K, 0);
	expect_unmap(_metadata, self->fd, 1ULL << 50, 1ULL << 50, 0);
	/* Not valid for a MAP, but to unmap nothing is no offence. */
	expect_unmap(_metadata, self->fd, MSI_START, PAGE_4K, 0);
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
}

/* Several mappings and the holes between and around them. */
TEST_F(unmap_v2, s5_range_with_holes)
{
	map_row(_metadata, self->fd, 8, 2, 3);
	expect_unmap(_metadata, self->fd, 2 * PAGE_4K, 7 * PAGE_4K, 4 * PAGE_4K);
	EXPECT_EQ(ENTRY_LIMIT - 6, dma_avail(self->fd));
	expect_unmap(_metadata, self->fd, 0, 1ULL << 40, 12 * PAGE_4K);
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
	EXPECT_EQ(0, mem_locked());
}

/* A mapping is unmapped whole or not at all, and then nothing else is either. */
TEST_F(unmap_v2, s5_bisecting)
{
	map_row(_metadata, self->fd, 3, 4, 4);
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 4 * PAGE_4K, PAGE_4K, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 7 * PAGE_4K, PAGE_4K, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 5 * PAGE_4K, PAGE_4K, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 0, 5 * PAGE_4K, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, PAGE_4K, 7 * PAGE_4K, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 0, 11 * PAGE_4K, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap(self->fd, 11 * PAGE_4K, 8 * PAGE_4K, NULL));
	EXPECT_EQ(ENTRY_LIMIT - 3, dma_avail(self->fd));
	EXPECT_EQ(12 * PAGE_4K, mem_locked());
	expect_unmap(_metadata, self->fd, 0, 12 * PAGE_4K, 12 * PAGE_4K);
}

TEST_F(unmap_v2, s5_all)
{
	u64 done;

	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, UNMAP_ALL, &done));
	EXPECT_EQ(0, done);
	map_row(_metadata, self->fd, 8, 2, 5);
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, PAGE_4K, 0, UNMAP_ALL, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, PAGE_4K, UNMAP_ALL, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 1, 0, UNMAP_ALL, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, -1, UNMAP_ALL, NULL));
	EXPECT_EQ(ENTRY_LIMIT - 8, dma_avail(self->fd));
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, UNMAP_ALL, &done));
	EXPECT_EQ(16 * PAGE_4K, done);
	EXPECT_EQ(0, mem_locked());
}

/* Only size is written back, and only on success. */
TEST_F(unmap_v2, s5_what_is_written_back)
{
	struct unmap_request req, before;

	map_row(_metadata, self->fd, 2, 2, 2);
	memset(&req, 0xa5, sizeof(req));
	req.head = (struct vfio_iommu_type1_dma_unmap){ .argsz = sizeof(req),
							.size = 3 * PAGE_4K };
	before = req;
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &req));
	EXPECT_EQ(0, memcmp(&req, &before, sizeof(req)));
	req.head.size = 64 * PAGE_4K;
	before = req;
	EXPECT_EQ(0, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &req));
	before.head.size = 4 * PAGE_4K;
	EXPECT_EQ(0, memcmp(&req, &before, sizeof(req)));
}

/* The result cannot be stored, yet the mapping is gone. */
TEST_F(unmap_v2, s5_read_only_argument)
{
	struct unmap_request *req = touched(_metadata, PAGE_4K);

	map_row(_metadata, self->fd, 1, 1, 1);
	req->head = (struct vfio_iommu_type1_dma_unmap){ .argsz = 24, .size = PAGE_4K };
	ASSERT_EQ(0, mprotect(req, PAGE_4K, PROT_READ));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, req));
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

static int unmap_bitmap(int fd, u32 argsz, void *data, u64 bitmap_size, u64 pgsize)
{
	struct unmap_request req = {
		.head = { .argsz = argsz, .flags = GET_BITMAP, .size = 4 * PAGE_4K },
		.bitmap = { .pgsize = pgsize, .size = bitmap_size, .data = data },
	};

	return vfio_call(fd, VFIO_IOMMU_UNMAP_DMA, &req);
}

/* The bitmap's arguments are looked at first, even where nobody tracks dirty pages: EINVAL. */
TEST_F(unmap_v2, s5_bitmap_arguments)
{
	struct unmap_request *tail;
	u64 bits[8] = {};
	u32 argsz;

	map_row(_metadata, self->fd, 1, 4, 4);
	for (argsz = 24; argsz < 48; argsz++)
		EXPECT_EQ(-EINVAL, unmap_bitmap(self->fd, argsz, bits, 8, PAGE_4K));
	EXPECT_EQ(-EINVAL, unmap_bitmap(self->fd, 48, bits, 8, PAGE_4K));
	EXPECT_EQ(-EINVAL, unmap_bitmap(self->fd, 48, bits, 0, PAGE_4K));
	EXPECT_EQ(-EINVAL, unmap_bitmap(self->fd, 48, bits, -1, PAGE_4K));
	EXPECT_EQ(-EINVAL, unmap_bitmap(self->fd, 48, bits, 8, 2 * PAGE_4K));
	EXPECT_EQ(-EINVAL, unmap_bitmap(self->fd, 48, bits, 8, 1ULL << 63));
	EXPECT_EQ(-EINVAL, unmap_bitmap(self->fd, 48, bits, 8, 0));
	/* A kernel address is no EFAULT here. */
	EXPECT_EQ(-EINVAL, unmap_bitmap(self->fd, 48, (void *)KERNEL_ADDRESS, 8, PAGE_4K));
	EXPECT_EQ(-EINVAL, unmap_bitmap(self->fd, 48, NULL, 8, PAGE_4K));

	tail = (void *)((char *)touched(_metadata, 2 * PAGE_4K) + PAGE_4K - 32);
	tail->head = (struct vfio_iommu_type1_dma_unmap){ .argsz = 48, .flags = GET_BITMAP,
							  .size = 4 * PAGE_4K };
	ASSERT_EQ(0, munmap((char *)tail + 32, PAGE_4K));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, tail));
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
}

/* Pages of a range that was unmapped in one call may be pinned by others still. */
TEST_F(unmap_v2, s5_pins_and_charge_return)
{
	const u64 size = 16 * SZ_1M;
	s64 pins = pins_held();
	void *mem = touched(_metadata, size);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, size));
	ASSERT_EQ(0, iova_map(self->fd, mem, size, size / 2));
	expect_unmap(_metadata, self->fd, 0, size, size);
	EXPECT_EQ(size / 2, mem_locked());
	EXPECT_EQ(pins + size / 2 / PAGE_4K, pins_held());
	expect_unmap(_metadata, self->fd, 0, 2 * size, size / 2);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(pins, pins_held());
}
