// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 6: the arguments of VFIO_IOMMU_DIRTY_PAGES, and when bits are kept at all. */

#define DIRTY_START	VFIO_IOMMU_DIRTY_PAGES_FLAG_START
#define DIRTY_STOP	VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP
#define DIRTY_GET	VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP

struct dirty_request {
	struct vfio_iommu_type1_dirty_bitmap head;
	struct vfio_iommu_type1_dirty_bitmap_get get;
};

static int dirty_set(int fd, u32 flags)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = flags };

	return vfio_call(fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

static struct dirty_request dirty_request(u64 iova, u64 size, void *bits, u64 bytes)
{
	return (struct dirty_request){
		.head = { .argsz = sizeof(struct dirty_request), .flags = DIRTY_GET },
		.get = {
			.iova = iova, .size = size,
			.bitmap = { .pgsize = PAGE_4K, .size = bytes, .data = bits },
		},
	};
}

/* A bitmap of just as many words as it takes. */
static int dirty_get(int fd, u64 iova, u64 size, void *bits)
{
	struct dirty_request get = dirty_request(iova, size, bits,
						 (size / PAGE_4K + 63) / 64 * 8);

	return vfio_call(fd, VFIO_IOMMU_DIRTY_PAGES, &get);
}

/* UNMAP that reports what was dirty. */
static int dirty_unmap(int fd, u64 iova, u64 size, void *bits, u64 *done)
{
	struct unmap_request unmap = {
		.head = { .argsz = sizeof(unmap), .flags = GET_BITMAP, .iova = iova, .size = size },
		.bitmap = { .pgsize = PAGE_4K, .size = (size / PAGE_4K + 63) / 64 * 8,
			    .data = bits },
	};
	int ret = vfio_call(fd, VFIO_IOMMU_UNMAP_DMA, &unmap);

	*done = unmap.head.size;
	return ret;
}

CONTAINER_FIXTURE(dirty, VFIO_TYPE1v2_IOMMU)

/* A v1 container has no dirty pages, whatever is asked. */
TEST_F(dirty, s6_v1_container)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {};
	int group, fd;

	fd = container_served(_metadata, variant->backend, VFIO_TYPE1_IOMMU, 1, &group);
	EXPECT_EQ(-EACCES, dirty_set(fd, DIRTY_START));
	EXPECT_EQ(-EACCES, vfio_call(fd, VFIO_IOMMU_DIRTY_PAGES, &dirty));
	EXPECT_EQ(-EACCES, vfio_call(fd, VFIO_IOMMU_DIRTY_PAGES, NULL));
	close(group);
	close(fd);
}

TEST_F(dirty, s6_bad_pointer)
{
	char *page = between_holes(_metadata, PAGE_4K);
	struct dirty_request get = dirty_request(0, PAGE_4K, page, 8);
	size_t len;

	ASSERT_EQ(0, iova_map(self->fd, page, 0, PAGE_4K));
	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, NULL));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, (void *)KERNEL_ADDRESS));
	for (len = 0; len < sizeof(get); len++) {
		memcpy(page + PAGE_4K - len, &get, len);
		EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES,
					     page + PAGE_4K - len));
	}
	memcpy(page + PAGE_4K - len, &get, len);
	EXPECT_EQ(0, vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, page + PAGE_4K - len));
}

TEST_F(dirty, s6_argsz)
{
	struct dirty_request get = dirty_request(0, PAGE_4K, touched(_metadata, 8), 8);
	u32 argsz;

	for (argsz = 0; argsz < 64; argsz++) {
		get.head.argsz = argsz;
		get.head.flags = DIRTY_START;
		EXPECT_EQ(argsz < 8 ? -EINVAL : 0,
			  vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get));
		get.head.flags = DIRTY_GET;
		EXPECT_EQ(argsz < 48 ? -EINVAL : 0,
			  vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get));
	}
}

/* Exactly one of three. */
TEST_F(dirty, s6_flags)
{
	struct dirty_request get = dirty_request(0, PAGE_4K, touched(_metadata, 8), 8);
	u32 flags;

	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	for (flags = 0; flags < 32; flags++) {
		get.head.flags = flags;
		EXPECT_EQ(flags == DIRTY_START || flags == DIRTY_GET || flags == DIRTY_STOP ?
			  0 : -EINVAL, vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get))
			TH_LOG("flags %#x", flags);
		if (flags == DIRTY_STOP)
			ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	}
	get.head.flags = DIRTY_GET | 1U << 31;
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get));
}

TEST_F(dirty, s6_start_and_stop_repeat)
{
	u64 bits = 0;
	int i;

	EXPECT_EQ(0, dirty_set(self->fd, DIRTY_STOP));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, 0, PAGE_4K, &bits));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, dirty_set(self->fd, DIRTY_START));
	EXPECT_EQ(0, dirty_get(self->fd, 0, PAGE_4K, &bits));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, dirty_set(self->fd, DIRTY_STOP));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, 0, PAGE_4K, &bits));
}

TEST_F(dirty, s6_size_alignment_and_wrap)
{
	static const struct {
		u64 iova, size;
		bool wraps;
	} bad[] = {
		{ 0, 0 }, { PAGE_4K, 0 }, { 0, 1 }, { 0, PAGE_4K - 1 }, { 0, PAGE_4K + 1 },
		{ 1, PAGE_4K }, { PAGE_4K / 2, PAGE_4K }, { PAGE_4K / 2, PAGE_4K / 2 },
		{ -PAGE_4K, 2 * PAGE_4K, true }, { -PAGE_4K, PAGE_4K + 1, true },
	};
	u64 *bits = touched(_metadata, PAGE_4K);
	struct dirty_request get;
	size_t i;

	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		get = dirty_request(bad[i].iova, bad[i].size, bits, PAGE_4K);
		EXPECT_EQ(bad[i].wraps ? kernel_wrap_errno() : -EINVAL,
			  vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get))
			TH_LOG("iova %#llx, size %#llx", bad[i].iova, bad[i].size);
	}
	/* What ends at 2^64 does not wrap; old in-tree drivers think it does. */
	get = dirty_request(-PAGE_4K, PAGE_4K, bits, 8);
	EXPECT_EQ(manages_the_end(variant->backend) ? 0 : -EINVAL,
		  vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get));
}

/* At least a word per 64 pages, at most what 2^31 pages take; more than enough is fine. */
TEST_F(dirty, s6_bitmap_size)
{
	static const struct {
		u64 pages, bytes;
		bool good;
	} sizes[] = {
		{ 1, 0 }, { 1, 1 }, { 1, 7 }, { 1, 8, true }, { 1, 9, true }, { 64, 8, true },
		{ 65, 8 }, { 65, 15 }, { 65, 16, true }, { 1, 1ULL << 28, true },
		{ 1, (1ULL << 28) + 1 }, { 1, (1ULL << 28) + 8 }, { 1, 1ULL << 40 },
		{ 1, 1ULL << 63 }, { 1, -8ULL }, { 1, -1ULL }, { 1ULL << 31, 1ULL << 28, true },
		{ (1ULL << 31) + 1, 1ULL << 28 }, { (1ULL << 31) + 1, (1ULL << 28) + 8 },
		{ 1ULL << 51, 1ULL << 28 },
	};
	u64 *bits = touched(_metadata, PAGE_4K);
	struct dirty_request get;
	size_t i;

	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		get = dirty_request(0, sizes[i].pages * PAGE_4K, bits, sizes[i].bytes);
		EXPECT_EQ(sizes[i].good ? 0 : -EINVAL,
			  vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get))
			TH_LOG("%llu pages in %llu bytes", sizes[i].pages, sizes[i].bytes);
	}
}

/* The smallest page of the IOMMU, and no other. 0 is undefined in the in-tree driver. */
TEST_F(dirty, s6_page_size)
{
	struct dirty_request get = dirty_request(0, SZ_1M, touched(_metadata, PAGE_4K), PAGE_4K);
	int bit;

	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	for (bit = 0; bit < 64; bit++) {
		get.get.bitmap.pgsize = 1ULL << bit;
		EXPECT_EQ(bit == 12 ? 0 : -EINVAL,
			  vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get));
	}
	get.get.bitmap.pgsize = PAGE_4K | 2 * PAGE_4K;
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get));
	get.get.bitmap.pgsize = 0;
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &get));
}

/* Where the kernel lives is no argument; where nothing is, is no memory. */
TEST_F(dirty, s6_bitmap_pointer)
{
	char *mem = between_holes(_metadata, PAGE_4K), *hole = mem + PAGE_4K;
	char *constant = mmap(NULL, PAGE_4K, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	EXPECT_EQ(0, dirty_get(self->fd, 0, PAGE_4K, hole));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, 0, PAGE_4K, (void *)KERNEL_ADDRESS));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, 0, PAGE_4K, (void *)-8UL));
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, 0, PAGE_4K, NULL));
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, 0, PAGE_4K, hole));
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, 0, PAGE_4K, hole - 4));
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, 0, PAGE_4K, constant));
	EXPECT_EQ(0, dirty_get(self->fd, 0, PAGE_4K, hole - 8));
	EXPECT_EQ(0, dirty_get(self->fd, 0, PAGE_4K, hole - 13));
}

TEST_F(dirty, s6_bisecting)
{
	u64 bits[4] = { 0, 0, 0, 0x5a };
	void *mem = touched(_metadata, 4 * PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, 4 * PAGE_4K, 4 * PAGE_4K));
	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, 4 * PAGE_4K, PAGE_4K, bits));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, 5 * PAGE_4K, 3 * PAGE_4K, bits));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, 5 * PAGE_4K, PAGE_4K, bits));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, 0, 5 * PAGE_4K, bits));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, 7 * PAGE_4K, 4 * PAGE_4K, bits));
	EXPECT_EQ(0, bits[0]);
	/* Where nothing is mapped, nothing is written. */
	EXPECT_EQ(0, dirty_get(self->fd, SZ_1M, 64 * PAGE_4K, &bits[3]));
	EXPECT_EQ(0x5a, bits[3]);
	EXPECT_EQ(0, dirty_get(self->fd, 0, SZ_1M, bits));
	EXPECT_EQ(0xf0, bits[0]);
}

/* A range of more pages than the ABI has bits for: neither START nor MAP takes it. */
TEST_F(dirty, s6_s4_too_many_pages)
{
	const u64 most = 0x7fffffffULL * PAGE_4K;
	u64 bits = 0, done;
	int group, fd;

	fd = emulated_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0, &group);
	ASSERT_EQ(0, iova_map(fd, (void *)PAGE_4K, 0, PAGE_4K));
	ASSERT_EQ(0, iova_map(fd, (void *)PAGE_4K, 1ULL << 44, most + PAGE_4K));
	EXPECT_EQ(-EINVAL, dirty_set(fd, DIRTY_START));
	EXPECT_EQ(-EINVAL, dirty_get(fd, 0, PAGE_4K, &bits));
	EXPECT_EQ(0, iova_unmap(fd, 1ULL << 44, most + PAGE_4K, &done));
	EXPECT_EQ(0, dirty_set(fd, DIRTY_START));
	EXPECT_EQ(-EINVAL, iova_map(fd, (void *)PAGE_4K, 1ULL << 44, most + PAGE_4K));
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(fd));
	EXPECT_EQ(0, dirty_get(fd, 0, PAGE_4K, &bits));
	close(group);
	close(fd);
}

/* With UNMAP: only of a range that it could report. */
TEST_F(dirty, s5_s6_unmap_arguments)
{
	u64 bits = 0, done, *word = touched(_metadata, PAGE_4K);
	struct unmap_request unmap = {
		.head = { .argsz = sizeof(unmap), .flags = GET_BITMAP, .size = PAGE_4K },
		.bitmap = { .pgsize = PAGE_4K, .size = 8, .data = &bits },
	};

	ASSERT_EQ(0, iova_map(self->fd, word, 0, PAGE_4K));
	EXPECT_EQ(-EINVAL, dirty_unmap(self->fd, 0, PAGE_4K, &bits, &done));
	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	unmap.bitmap.pgsize = 2 * PAGE_4K;
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	unmap.bitmap.pgsize = 0;
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	unmap.bitmap.pgsize = PAGE_4K;
	unmap.bitmap.size = 7;
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	unmap.bitmap.size = (1ULL << 28) + 8;
	EXPECT_EQ(-EINVAL, vfio_call(self->fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	EXPECT_EQ(-EINVAL, dirty_unmap(self->fd, 0, PAGE_4K, (void *)KERNEL_ADDRESS, &done));
	EXPECT_EQ(-EFAULT, dirty_unmap(self->fd, 0, PAGE_4K, NULL, &done));
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
	EXPECT_EQ(0, dirty_unmap(self->fd, 0, PAGE_4K, &bits, &done));
	EXPECT_EQ(PAGE_4K, done);
	EXPECT_EQ(1, bits);
}

/* Requests of any shape, side by side with the in-tree driver's answers. */
TEST_F_TIMEOUT(hostile, s6_dirty_pages, 60)
{
	static u64 bits[2][64];
	struct dirty_request get = dirty_request(BASE_IOVA, MEM_SIZE, bits[0], 8);
	int start;

	for (start = 0; start < 2; start++) {
		if (start) {
			dirty_set(self->side[0].fd, DIRTY_START);
			dirty_set(self->side[1].fd, DIRTY_START);
		}
		reset_sides(_metadata, self);
		each_field(_metadata, self, "DIRTY", VFIO_IOMMU_DIRTY_PAGES, &get, sizeof(get));
		field_pairs(_metadata, self, "DIRTY", VFIO_IOMMU_DIRTY_PAGES, &get, sizeof(get), 8,
			    16);
		field_pairs(_metadata, self, "DIRTY", VFIO_IOMMU_DIRTY_PAGES, &get, sizeof(get),
			    24, 32);
		cut_short(_metadata, self, "DIRTY", VFIO_IOMMU_DIRTY_PAGES, &get, sizeof(get));
	}
	all_flags(_metadata, self, "DIRTY", VFIO_IOMMU_DIRTY_PAGES, &get, sizeof(get));
	EXPECT_EQ(0, self->differ);
}
