// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 4: MAP_DMA of memory without pages: the BAR of another device. */

#define EDU_BAR_SIZE	SZ_1M

FIXTURE(map_pfnmap) {
	int fd;
	int group[2];
	int device[2];
	s64 pins;
};

TWO_BACKENDS(map_pfnmap);

/* Both devices stand in one container; the second one's BAR is what is mapped. */
FIXTURE_SETUP(map_pfnmap)
{
	struct pci_dev dev;
	int i;

	self->fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group[0]);
	self->group[1] = container_add_group(self->fd, test_device(_metadata, 1, &dev));
	ASSERT_GE(self->group[1], 0);
	for (i = 0; i < 2; i++) {
		test_device(_metadata, i, &dev);
		self->device[i] = device_open(self->group[i], dev.bdf);
		ASSERT_GE(self->device[i], 0);
		ASSERT_EQ(0, device_command(self->device[i],
					    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, true));
	}
	self->pins = pins_held();
}

FIXTURE_TEARDOWN(map_pfnmap)
{
	close(self->device[0]);
	close(self->device[1]);
	close(self->group[0]);
	close(self->group[1]);
	close(self->fd);
}

static void *map_bar(struct __test_metadata *_metadata, int device, int prot)
{
	struct vfio_region_info info;
	void *bar;

	ASSERT_EQ(0, device_region(device, VFIO_PCI_BAR0_REGION_INDEX, &info));
	ASSERT_EQ(EDU_BAR_SIZE, info.size);
	bar = mmap(NULL, info.size, prot, MAP_SHARED, device, info.offset);
	ASSERT_NE(MAP_FAILED, bar);
	return bar;
}

TEST_F(map_pfnmap, s4_bar_is_not_accounted_or_pinned)
{
	void *bar = map_bar(_metadata, self->device[1], PROT_READ | PROT_WRITE);
	u64 done;

	EXPECT_EQ(0, iova_map(self->fd, bar, 0, EDU_BAR_SIZE));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, EDU_BAR_SIZE, &done));
	EXPECT_EQ(EDU_BAR_SIZE, done);
}

TEST_F(map_pfnmap, s4_part_of_a_bar)
{
	char *bar = map_bar(_metadata, self->device[1], PROT_READ | PROT_WRITE);

	EXPECT_EQ(0, iova_map(self->fd, bar + 3 * PAGE_4K, 0, 5 * PAGE_4K));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, 5 * PAGE_4K, NULL));
}

/* One device reads and writes the other's registers: DMA through the mapping. */
TEST_F(map_pfnmap, s4_dma_from_device_to_device)
{
	void *bar = map_bar(_metadata, self->device[1], PROT_READ | PROT_WRITE);
	struct bar target = { bar, EDU_BAR_SIZE };
	const u64 memory = SZ_1M, registers = 2 * SZ_1M;
	u32 *mem = touched(_metadata, PAGE_4K);
	struct edu edu;

	ASSERT_EQ(0, edu_open(self->device[0], &edu));
	ASSERT_EQ(0, iova_map(self->fd, mem, memory, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, bar, registers, EDU_BAR_SIZE));
	mem[0] = 0x600df00d;
	ASSERT_EQ(0, edu_from_memory(&edu, memory, 4));
	ASSERT_EQ(0, edu_to_memory(&edu, registers + 4, 4));
	/* The register reads as the complement of what was written. */
	EXPECT_EQ(~0x600df00d, bar_read32(&target, 4));
	bar_write32(&target, 4, 0x12345678);
	ASSERT_EQ(0, edu_from_memory(&edu, registers + 4, 4));
	ASSERT_EQ(0, edu_to_memory(&edu, memory + 8, 4));
	EXPECT_EQ(~0x12345678, mem[2]);

	ASSERT_EQ(0, iova_unmap(self->fd, registers, EDU_BAR_SIZE, NULL));
	ASSERT_EQ(0, edu_from_memory(&edu, memory, 4));
	ASSERT_EQ(0, edu_to_memory(&edu, registers + 4, 4));
	EXPECT_EQ(~0x12345678, bar_read32(&target, 4));
	edu_close(&edu);
}

TEST_F(map_pfnmap, s4_write_to_read_only_bar)
{
	void *bar = map_bar(_metadata, self->device[1], PROT_READ);

	EXPECT_EQ(-EFAULT, iova_map(self->fd, bar, 0, EDU_BAR_SIZE));
	EXPECT_EQ(-EFAULT, iova_map_flags(self->fd, bar, 0, EDU_BAR_SIZE,
					  VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_EQ(0, iova_map_flags(self->fd, bar, 0, EDU_BAR_SIZE, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(0, mem_locked());
}

TEST_F(map_pfnmap, s4_memory_disabled_bar)
{
	void *bar = map_bar(_metadata, self->device[1], PROT_READ | PROT_WRITE);

	ASSERT_EQ(0, device_command(self->device[1], PCI_COMMAND_MEMORY, false));
	EXPECT_EQ(-EFAULT, iova_map(self->fd, bar, 0, EDU_BAR_SIZE));
	ASSERT_EQ(0, device_command(self->device[1], PCI_COMMAND_MEMORY, true));
	EXPECT_EQ(0, iova_map(self->fd, bar, 0, EDU_BAR_SIZE));
}

/* Pages and a BAR in one range: only the pages are counted. */
TEST_F(map_pfnmap, s4_bar_beside_memory)
{
	const size_t half = 4 * PAGE_4K;
	char *mem = touched(_metadata, 2 * half);
	struct vfio_region_info info;

	ASSERT_EQ(0, device_region(self->device[1], VFIO_PCI_BAR0_REGION_INDEX, &info));
	ASSERT_EQ(mem + half, mmap(mem + half, half, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->device[1], info.offset));
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, 2 * half));
	EXPECT_EQ(half, mem_locked());
	EXPECT_EQ(self->pins + 4, pins_held());
	EXPECT_EQ(0, iova_unmap(self->fd, 0, 2 * half, NULL));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

TEST_F(map_pfnmap, s4_bar_needs_no_memlock_limit)
{
	void *bar = map_bar(_metadata, self->device[1], PROT_READ | PROT_WRITE);

	drop_ipc_lock(_metadata, 0);
	EXPECT_EQ(0, iova_map(self->fd, bar, 0, EDU_BAR_SIZE));
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, touched(_metadata, PAGE_4K), SZ_1M, PAGE_4K));
}

/* A BAR of plain memory, so large that the kernel may map it by large pages. */
FIXTURE(map_large_bar) {
	int fd;
	int group[2];
	int device[2];
	struct edu edu;
	char *bar;
};

TWO_BACKENDS(map_large_bar);

#define LARGE_BAR_SIZE	(16 * SZ_1M)
/* Where a large page, if there is any, is cut. */
#define LARGE_BAR_SKIP	(3 * PAGE_4K)

FIXTURE_SETUP(map_large_bar)
{
	struct vfio_region_info info;
	struct pci_dev display, dev;
	char *area;

	if (pci_find_id(0x1234, 0x1111, 0, &display))
		SKIP(return, "needs --device bochs-display");
	self->fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group[0]);
	self->group[1] = container_add_group(self->fd, bound_device(_metadata, &display));
	ASSERT_GE(self->group[1], 0);
	test_device(_metadata, 0, &dev);
	self->device[0] = device_open(self->group[0], dev.bdf);
	ASSERT_GE(self->device[0], 0);
	ASSERT_EQ(0, edu_open(self->device[0], &self->edu));
	self->device[1] = device_open(self->group[1], display.bdf);
	ASSERT_GE(self->device[1], 0);
	ASSERT_EQ(0, device_command(self->device[1], PCI_COMMAND_MEMORY, true));

	ASSERT_EQ(0, device_region(self->device[1], VFIO_PCI_BAR0_REGION_INDEX, &info));
	ASSERT_EQ(LARGE_BAR_SIZE, info.size);
	area = mmap(NULL, 2 * info.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	area += -(uintptr_t)area & (info.size - 1);
	self->bar = mmap(area, info.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 self->device[1], info.offset);
	ASSERT_EQ(area, self->bar);
}

FIXTURE_TEARDOWN(map_large_bar)
{
	edu_close(&self->edu);
	close(self->device[0]);
	close(self->device[1]);
	close(self->group[0]);
	close(self->group[1]);
	close(self->fd);
	params_reset(BACKEND_TYPE1P);
	params_reset(BACKEND_INTREE);
}

/* A device finds at each place what was written there, around the ends of large pages too. */
static void expect_large_bar(struct __test_metadata *_metadata,
			     struct _test_data_map_large_bar *self)
{
	static const u64 places[] = {
		0, 2 * SZ_1M - LARGE_BAR_SKIP - 4, 2 * SZ_1M - LARGE_BAR_SKIP,
		4 * SZ_1M, LARGE_BAR_SIZE - LARGE_BAR_SKIP - 4,
	};
	const u64 iova = 65 * SZ_1M, memory = SZ_1M;
	const size_t size = LARGE_BAR_SIZE - LARGE_BAR_SKIP;
	char *bar = self->bar + LARGE_BAR_SKIP;
	u32 *mem = touched(_metadata, PAGE_4K);
	size_t i;
	u64 at;

	ASSERT_EQ(0, iova_map(self->fd, mem, memory, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, bar, iova, size));
	EXPECT_EQ(PAGE_4K, mem_locked());
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		at = places[i];
		*(volatile u32 *)(bar + at) = 0x1a46e000 + i;
		ASSERT_EQ(0, edu_from_memory(&self->edu, iova + at, 4));
		ASSERT_EQ(0, edu_to_memory(&self->edu, memory, 4));
		EXPECT_EQ(0x1a46e000 + i, mem[0]);
	}
	ASSERT_EQ(0, iova_unmap(self->fd, iova, size, NULL));
	ASSERT_EQ(0, iova_unmap(self->fd, memory, PAGE_4K, NULL));
}

TEST_F(map_large_bar, s4_dma)
{
	expect_large_bar(_metadata, self);
}

TEST_F(map_large_bar, s4_s12_dma_page_by_page)
{
	ASSERT_EQ(0, param_write(variant->backend, "disable_hugepages", "Y"));
	expect_large_bar(_metadata, self);
}
