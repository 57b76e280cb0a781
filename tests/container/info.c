// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 3: GET_INFO, byte by byte. */

#define INFO_SIZE	24	/* of the struct in every kernel's layout, pad included */
#define PAINT		0xa5

struct info_bytes {
	union {
		struct vfio_iommu_type1_info head;
		u8 bytes[1024];
	};
};

CONTAINER_FIXTURE(info, VFIO_TYPE1v2_IOMMU)

static int get_info(int fd, struct info_bytes *info, u32 argsz)
{
	memset(info, PAINT, sizeof(*info));
	info->head.argsz = argsz;
	return vfio_call(fd, VFIO_IOMMU_GET_INFO, info);
}

static bool painted(const struct info_bytes *info, size_t from, size_t to)
{
	while (from < to && info->bytes[from] == PAINT)
		from++;
	return from >= to;
}

/* Where the ranges stand, and how long all of it is with @ranges of them. */
static u32 ranges_offset(void)
{
	return kernel_aligns_info() ? 72 : 68;
}

static u32 full_size(int fd)
{
	struct container_info info;

	return container_info(fd, &info) ? 0 : ranges_offset() + 16 + 16 * info.nr_ranges;
}

TEST_F(info, s3_bad_pointer)
{
	char *page = mmap(NULL, 2 * PAGE_4K, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_iommu_type1_info *tail = (void *)(page + PAGE_4K - 12);

	ASSERT_EQ(0, munmap(page + PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_GET_INFO, NULL));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_GET_INFO, (void *)KERNEL_ADDRESS));
	/* 16 bytes are read even where argsz says fewer, so no EINVAL here. */
	tail->argsz = 12;
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_GET_INFO, tail));
}

TEST_F(info, s3_read_only_argument)
{
	void *page = touched(_metadata, PAGE_4K);

	*(u32 *)page = 1024;
	ASSERT_EQ(0, mprotect(page, PAGE_4K, PROT_READ));
	EXPECT_EQ(-EFAULT, vfio_call(self->fd, VFIO_IOMMU_GET_INFO, page));
}

TEST_F(info, s3_short_argsz)
{
	struct info_bytes info;
	u32 argsz;

	for (argsz = 0; argsz < 16; argsz++) {
		EXPECT_EQ(-EINVAL, get_info(self->fd, &info, argsz));
		EXPECT_EQ(argsz, info.head.argsz);
		EXPECT_TRUE(painted(&info, 4, sizeof(info)));
	}
}

TEST_F(info, s3_flags_and_page_sizes)
{
	struct info_bytes info;

	ASSERT_EQ(0, get_info(self->fd, &info, sizeof(info)));
	EXPECT_EQ(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, info.head.flags);
	EXPECT_EQ(PAGE_4K, info.head.iova_pgsizes & -info.head.iova_pgsizes);
}

/* The hardware decides the page sizes; the in-tree driver, beside us, says which. */
TEST_F(info, s3_page_sizes_and_ranges_as_in_tree)
{
	struct info_bytes ours, theirs;
	int reference, group;

	reference = container_served(_metadata, BACKEND_INTREE, VFIO_TYPE1v2_IOMMU, 1, &group);
	ASSERT_EQ(0, get_info(self->fd, &ours, sizeof(ours)));
	ASSERT_EQ(0, get_info(reference, &theirs, sizeof(theirs)));
	EXPECT_EQ(theirs.head.iova_pgsizes, ours.head.iova_pgsizes);
	EXPECT_EQ(0, memcmp(&ours, &theirs, sizeof(ours)));
}

/* Too little room: told how much it takes, no capabilities. */
TEST_F(info, s3_argsz_without_room)
{
	u32 argsz, need = full_size(self->fd);
	struct info_bytes info;

	for (argsz = 16; argsz < need; argsz++) {
		ASSERT_EQ(0, get_info(self->fd, &info, argsz));
		EXPECT_EQ(need, info.head.argsz)
			TH_LOG("argsz %u", argsz);
		EXPECT_EQ(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, info.head.flags);
		if (argsz >= 20)
			EXPECT_EQ(0, info.head.cap_offset);
	}
}

TEST_F(info, s3_bytes_written_without_room)
{
	u32 argsz, end, need = full_size(self->fd);
	struct info_bytes info;

	for (argsz = 16; argsz < need; argsz++) {
		ASSERT_EQ(0, get_info(self->fd, &info, argsz));
		end = argsz < INFO_SIZE ? argsz : INFO_SIZE;
		if (!kernel_aligns_info())
			end = argsz < 20 ? 16 : 20;
		EXPECT_TRUE(painted(&info, end, sizeof(info)))
			TH_LOG("argsz %u: bytes from %u on were written", argsz, end);
		EXPECT_FALSE(painted(&info, 8, 16));
		for (; end > 20; end--)
			EXPECT_EQ(0, info.bytes[end - 1]);
	}
}

TEST_F(info, s3_argsz_with_room)
{
	u32 need = full_size(self->fd);
	struct info_bytes info;

	ASSERT_EQ(0, get_info(self->fd, &info, need));
	EXPECT_EQ(need, info.head.argsz);
	EXPECT_EQ(INFO_SIZE, info.head.cap_offset);
	EXPECT_TRUE(painted(&info, need, sizeof(info)));

	ASSERT_EQ(0, get_info(self->fd, &info, need + 100));
	EXPECT_EQ(need + 100, info.head.argsz);
	EXPECT_EQ(INFO_SIZE, info.head.cap_offset);
	EXPECT_TRUE(painted(&info, need, sizeof(info)));

	ASSERT_EQ(0, get_info(self->fd, &info, -1));
	EXPECT_EQ(-1U, info.head.argsz);
	EXPECT_TRUE(painted(&info, need, sizeof(info)));
}

#define CAP(type, info, offset)	((const struct type *)((info)->bytes + (offset)))

static void expect_header(struct __test_metadata *_metadata, const struct info_bytes *info,
			  u32 offset, int id, u32 next)
{
	const struct vfio_info_cap_header *header = CAP(vfio_info_cap_header, info, offset);

	EXPECT_EQ(id, header->id);
	EXPECT_EQ(1, header->version);
	EXPECT_EQ(next, header->next);
}

static void expect_capabilities(struct __test_metadata *_metadata, int fd)
{
	const struct vfio_iommu_type1_info_cap_migration *migration;
	const struct vfio_iommu_type1_info_dma_avail *avail;
	const struct vfio_iommu_type1_info_cap_iova_range *ranges;
	struct info_bytes info;
	u32 i;

	ASSERT_EQ(0, get_info(fd, &info, sizeof(info)));
	expect_header(_metadata, &info, 24, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, 56);
	migration = CAP(vfio_iommu_type1_info_cap_migration, &info, 24);
	EXPECT_EQ(0, migration->flags);
	EXPECT_EQ(PAGE_4K, migration->pgsize_bitmap);
	EXPECT_EQ(0x10000000, migration->max_dirty_bitmap_size);

	expect_header(_metadata, &info, 56, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, ranges_offset());
	avail = CAP(vfio_iommu_type1_info_dma_avail, &info, 56);
	EXPECT_EQ(ENTRY_LIMIT, avail->avail);

	expect_header(_metadata, &info, ranges_offset(), VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 0);
	ranges = CAP(vfio_iommu_type1_info_cap_iova_range, &info, ranges_offset());
	ASSERT_LE(1, ranges->nr_iovas);
	EXPECT_EQ(0, ranges->reserved);
	EXPECT_TRUE(painted(&info, ranges_offset() + 16 + 16 * ranges->nr_iovas, sizeof(info)));
	for (i = 0; i < ranges->nr_iovas; i++)
		EXPECT_LT(ranges->iova_ranges[i].start, ranges->iova_ranges[i].end);
	for (i = 1; i < ranges->nr_iovas; i++)
		EXPECT_LT(ranges->iova_ranges[i - 1].end, ranges->iova_ranges[i].start);
}

TEST_F(info, s3_capability_chain)
{
	expect_capabilities(_metadata, self->fd);
}

TEST_F(info, s3_capability_chain_v1)
{
	int group, fd;

	fd = container_served(_metadata, variant->backend, VFIO_TYPE1_IOMMU, 1, &group);
	expect_capabilities(_metadata, fd);
}

/* Ends are inclusive, and the MSI window is not for DMA. */
TEST_F(info, s3_s9_ranges_leave_the_msi_window_out)
{
	struct container_info info;
	u32 i;

	ASSERT_EQ(0, container_info(self->fd, &info));
	ASSERT_LE(2, info.nr_ranges);
	EXPECT_EQ(0, info.ranges[0].start);
	EXPECT_EQ(MSI_START - 1, info.ranges[0].end);
	EXPECT_EQ(MSI_END, info.ranges[1].start);
	for (i = 0; i < info.nr_ranges; i++)
		EXPECT_EQ(PAGE_4K - 1, info.ranges[i].end % PAGE_4K);
}

TEST_F(info, s3_avail_follows_the_mappings)
{
	void *mem = touched(_metadata, 4 * PAGE_4K);
	int i;

	for (i = 0; i < 4; i++) {
		EXPECT_EQ(ENTRY_LIMIT - i, dma_avail(self->fd));
		ASSERT_EQ(0, iova_map(self->fd, mem, 2 * i * PAGE_4K, PAGE_4K));
	}
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, 0, PAGE_4K));
	EXPECT_EQ(ENTRY_LIMIT - 4, dma_avail(self->fd));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, 3 * PAGE_4K, NULL));
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL));
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}
