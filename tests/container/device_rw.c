// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 10: drivers read and write memory by vfio_dma_rw(). */

EMULATED_FIXTURE(device_rw, VFIO_TYPE1v2_IOMMU)

#define RW_SEED		0x7277

static int rw_by(int device, enum type1p_emulated_by by, bool write, u64 iova, void *buf,
		 size_t size)
{
	struct type1p_emulated_order order = {
		.op = write ? TYPE1P_EMULATED_WRITE : TYPE1P_EMULATED_READ,
		.by = by, .iova = iova, .size = size, .data = (uintptr_t)buf,
	};

	return emulated_order(device, &order);
}

/* Both ways, at any offset, over the border between ranges, whoever asks. */
TEST_F(device_rw, s10_copies_what_it_should)
{
	static const struct {
		u64 offset;
		size_t size;
	} parts[] = {
		{ 0, 1 }, { 1, 1 }, { 4095, 2 }, { 0, PAGE_4K }, { 100, 3 * PAGE_4K },
		{ 8 * PAGE_4K - 1, 2 }, { 7 * PAGE_4K + 5, 2 * PAGE_4K }, { 0, 16 * PAGE_4K },
	};
	const u64 size = 16 * PAGE_4K;
	char *mem = touched(_metadata, size), *buf = touched(_metadata, size);
	char *model = touched(_metadata, size);
	enum type1p_emulated_by by;
	size_t i;

	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, size / 2));
	ASSERT_EQ(0, iova_map(self->fd, mem + size / 2, SZ_1M + size / 2, size / 2));
	for (by = TYPE1P_EMULATED_CALLER; by <= TYPE1P_EMULATED_WORK; by++) {
		for (i = 0; i < ARRAY_SIZE(parts); i++) {
			mem_fill(mem, size, RW_SEED + i);
			memcpy(model, mem, size);
			memset(buf, 0, size);
			EXPECT_EQ(0, rw_by(self->device, by, false, SZ_1M + parts[i].offset, buf,
					   parts[i].size));
			EXPECT_EQ(0, memcmp(buf, model + parts[i].offset, parts[i].size));
			EXPECT_EQ(0, memcmp(mem, model, size));

			mem_fill(buf, size, 100 + i);
			memcpy(model + parts[i].offset, buf, parts[i].size);
			EXPECT_EQ(0, rw_by(self->device, by, true, SZ_1M + parts[i].offset, buf,
					   parts[i].size));
			EXPECT_EQ(0, memcmp(mem, model, size))
				TH_LOG("part %zu by %d", i, by);
		}
	}
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

/* It copies as far as it gets. */
TEST_F(device_rw, s10_nothing_mapped)
{
	char *mem = touched(_metadata, PAGE_4K);
	char buf[16] = "0123456789abcde";

	EXPECT_EQ(-EINVAL, emulated_read(self->device, 0, buf, sizeof(buf)));
	ASSERT_EQ(0, iova_map(self->fd, mem, PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EINVAL, emulated_write(self->device, PAGE_4K - 8, buf, sizeof(buf)));
	EXPECT_EQ(0x5a, mem[0]);
	EXPECT_EQ(-EINVAL, emulated_write(self->device, 2 * PAGE_4K - 8, buf, sizeof(buf)));
	EXPECT_EQ(0, memcmp(buf, mem + PAGE_4K - 8, 8));
	EXPECT_EQ(-EINVAL, emulated_read(self->device, -8, buf, sizeof(buf)));
	EXPECT_EQ(-EINVAL, emulated_read(self->device, PAGE_4K, buf, 0));
}

/* Who may not be read may not be written to either. */
TEST_F(device_rw, s10_permissions)
{
	char *mem = touched(_metadata, 4 * PAGE_4K), byte = 0;
	int has;

	for (has = VFIO_DMA_MAP_FLAG_READ; has <= PROT_DMA; has++)
		ASSERT_EQ(0, iova_map_flags(self->fd, mem, has * PAGE_4K, PAGE_4K, has));
	EXPECT_EQ(0, emulated_read(self->device, VFIO_DMA_MAP_FLAG_READ * PAGE_4K, &byte, 1));
	EXPECT_EQ(-EPERM, emulated_write(self->device, VFIO_DMA_MAP_FLAG_READ * PAGE_4K, "x", 1));
	EXPECT_EQ(-EPERM, emulated_read(self->device, VFIO_DMA_MAP_FLAG_WRITE * PAGE_4K, &byte, 1));
	EXPECT_EQ(-EPERM, emulated_write(self->device, VFIO_DMA_MAP_FLAG_WRITE * PAGE_4K, "x", 1));
	EXPECT_EQ(0x5a, mem[0]);
	EXPECT_EQ(0, emulated_read(self->device, PROT_DMA * PAGE_4K, &byte, 1));
	EXPECT_EQ(0, emulated_write(self->device, PROT_DMA * PAGE_4K, "x", 1));
	EXPECT_EQ('x', mem[0]);
}

TEST_F(device_rw, s10_memory_that_cannot_be_had)
{
	char *mem = touched(_metadata, 4 * PAGE_4K), byte = 0;

	ASSERT_EQ(0, munmap(mem, PAGE_4K));
	ASSERT_EQ(0, mprotect(mem + PAGE_4K, PAGE_4K, PROT_NONE));
	ASSERT_EQ(0, mprotect(mem + 2 * PAGE_4K, PAGE_4K, PROT_READ));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 4 * PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, (void *)KERNEL_ADDRESS, SZ_1M, PAGE_4K));
	EXPECT_EQ(-EFAULT, emulated_read(self->device, 0, &byte, 1));
	EXPECT_EQ(-EFAULT, emulated_read(self->device, PAGE_4K, &byte, 1));
	EXPECT_EQ(0, emulated_read(self->device, 2 * PAGE_4K, &byte, 1));
	EXPECT_EQ(-EFAULT, emulated_write(self->device, 2 * PAGE_4K, "x", 1));
	EXPECT_EQ(0, emulated_write(self->device, 3 * PAGE_4K, "x", 1));
	EXPECT_EQ(-EFAULT, emulated_read(self->device, SZ_1M, &byte, 1));
	EXPECT_EQ(-EFAULT, emulated_write(self->device, SZ_1M, "x", 1));
}

/* What only a driver's kernel thread can do: to reach another process's memory. */
TEST_F(device_rw, s10_memory_of_another_process)
{
	pid_t child = child_that_maps(_metadata, self->fd, 0, SZ_1M);
	u64 word = PIN_STAMP;

	EXPECT_EQ(-EFAULT, emulated_read(self->device, 0, &word, sizeof(word)));
	EXPECT_EQ(-EFAULT, emulated_write(self->device, 0, &word, sizeof(word)));
	EXPECT_EQ(0, rw_by(self->device, TYPE1P_EMULATED_KTHREAD, true, 0, &word, sizeof(word)));
	word = 0;
	EXPECT_EQ(0, rw_by(self->device, TYPE1P_EMULATED_WORK, false, 0, &word, sizeof(word)));
	EXPECT_EQ(PIN_STAMP, word);
	end(child);
	EXPECT_EQ(-EPERM, emulated_read(self->device, 0, &word, sizeof(word)));
	EXPECT_EQ(-EPERM, rw_by(self->device, TYPE1P_EMULATED_KTHREAD, false, 0, &word,
				sizeof(word)));
}

/* Pages that are there only by a fault come. */
TEST_F(device_rw, s10_untouched_memory)
{
	u64 *mem = mem_alloc(2 * PAGE_4K, MEM_4K), word = 1;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	EXPECT_EQ(0, rw_by(self->device, TYPE1P_EMULATED_WORK, false, 0, &word, sizeof(word)));
	EXPECT_EQ(0, word);
	word = PIN_STAMP;
	EXPECT_EQ(0, rw_by(self->device, TYPE1P_EMULATED_WORK, true, PAGE_4K, &word, sizeof(word)));
	EXPECT_EQ(PIN_STAMP, mem[PAGE_4K / sizeof(*mem)]);
}

/* Beside an IOMMU it is the same. */
TEST_F(device_rw, s10_beside_an_iommu)
{
	char *mem = touched(_metadata, 4 * PAGE_4K), buf[32];
	int iommu = iommu_joins(_metadata, self->fd);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	ASSERT_EQ(0, iova_map_flags(self->fd, mem + 2 * PAGE_4K, 2 * PAGE_4K, 2 * PAGE_4K,
				    VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_EQ(0, emulated_write(self->device, PAGE_4K - 8, "0123456789abcdef", 16));
	EXPECT_EQ(0, memcmp("0123456789abcdef", mem + PAGE_4K - 8, 16));
	EXPECT_EQ(0, emulated_read(self->device, PAGE_4K - 8, buf, 16));
	EXPECT_EQ(0, memcmp("0123456789abcdef", buf, 16));
	EXPECT_EQ(-EPERM, emulated_write(self->device, 2 * PAGE_4K, "x", 1));
	EXPECT_EQ(-EINVAL, emulated_read(self->device, 4 * PAGE_4K, buf, 1));
	EXPECT_EQ(4 * PAGE_4K, mem_locked());
	close(iommu);
}
