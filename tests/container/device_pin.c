// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 10: drivers pin and unpin pages, where no IOMMU pins them anyway. */

EMULATED_FIXTURE(device_pin, VFIO_TYPE1v2_IOMMU)

#define PIN_STAMP	0x7069000000000000ULL

static struct type1p_emulated_order pin_order(enum type1p_emulated_by by, u64 iova, int npages,
					      u64 *words)
{
	return (struct type1p_emulated_order){
		.op = TYPE1P_EMULATED_PIN, .by = by, .iova = iova, .npages = npages,
		.prot = PROT_RW_EMULATED, .data = (uintptr_t)words,
	};
}

/* The right pages, in order, whoever asks, over several ranges, as many as there may be. */
TEST_F(device_pin, s10_pins_the_right_pages)
{
	static const enum type1p_emulated_by by[] = {
		TYPE1P_EMULATED_CALLER, TYPE1P_EMULATED_KTHREAD, TYPE1P_EMULATED_WORK,
	};
	const u64 size = EMULATED_MAX_PAGES * PAGE_4K, half = size / 2;
	char *mem = stamped(_metadata, SZ_1M, size, PIN_STAMP);
	u64 words[EMULATED_MAX_PAGES];
	size_t who, i;

	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, half));
	ASSERT_EQ(0, iova_map(self->fd, mem + half, SZ_1M + half, half));
	for (who = 0; who < ARRAY_SIZE(by); who++) {
		struct type1p_emulated_order order = pin_order(by[who], SZ_1M, EMULATED_MAX_PAGES,
							       words);

		memset(words, 0, sizeof(words));
		ASSERT_EQ(EMULATED_MAX_PAGES, emulated_order(self->device, &order));
		for (i = 0; i < EMULATED_MAX_PAGES; i++)
			ASSERT_EQ(TYPE1P_EMULATED_WORD(PIN_STAMP, SZ_1M + i * PAGE_4K), words[i]);
		EXPECT_EQ(self->pins + EMULATED_MAX_PAGES, pins_held());
		EXPECT_EQ(size, mem_locked());
		order.op = TYPE1P_EMULATED_UNPIN;
		ASSERT_EQ(0, emulated_order(self->device, &order));
		EXPECT_EQ(self->pins, pins_held());
		EXPECT_EQ(0, mem_locked());
	}
}

TEST_F(device_pin, s10_number_of_pages)
{
	void *mem = touched(_metadata, SZ_1M);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	EXPECT_EQ(-EINVAL, emulated_pin(self->device, 0, 0, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(-E2BIG, emulated_pin(self->device, 0, EMULATED_MAX_PAGES + 1, PROT_RW_EMULATED,
				       NULL));
	EXPECT_EQ(-E2BIG, emulated_pin(self->device, 0, -1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(self->pins, pins_held());
}

TEST_F(device_pin, s10_v1_container)
{
	int group, device, fd;
	u64 word = 0;
	void *mem = stamped(_metadata, 0, PAGE_4K, PIN_STAMP);

	fd = emulated_served(_metadata, variant->backend, VFIO_TYPE1_IOMMU, 1, &group);
	device = emulated_open(group, 1);
	ASSERT_GE(device, 0);
	ASSERT_EQ(0, iova_map(fd, mem, 0, PAGE_4K));
	EXPECT_EQ(-EACCES, emulated_pin(device, 0, 1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(-EACCES, emulated_pin(device, SZ_1M, 1, PROT_RW_EMULATED, NULL));
	/* Reading is another matter. */
	EXPECT_EQ(0, emulated_read(device, 0, &word, sizeof(word)));
	EXPECT_EQ(TYPE1P_EMULATED_WORD(PIN_STAMP, 0), word);
	close(device);
	close(group);
	close(fd);
}

/* A driver that cannot be told of an unmap: refused by the backend, or by the core since 6.2. */
TEST_F(device_pin, s10_without_dma_unmap_callback)
{
	int group, device, fd, ret;
	void *mem = touched(_metadata, PAGE_4K);

	fd = emulated_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, EMULATED_DEAF,
			     &group);
	device = emulated_open(group, EMULATED_DEAF);
	ASSERT_GE(device, 0);
	ASSERT_EQ(0, iova_map(fd, mem, 0, PAGE_4K));
	EXPECT_EQ(-EINVAL, emulated_pin(device, 0, 1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(0, emulated_write(device, 0, "x", 1));
	close(device);
	close(group);
	close(fd);

	/* Where another device of the container has a callback, that was enough once. */
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	device = emulated_join(_metadata, self->fd, EMULATED_DEAF, &group);
	ret = emulated_pin(device, 0, 1, PROT_RW_EMULATED, NULL);
	EXPECT_EQ(kernel_pins_need_callback() ? -EINVAL : 1, ret);
	if (ret == 1)
		EXPECT_EQ(0, emulated_unpin(device, 0, 1));
	close(device);
	close(group);
}

TEST_F(device_pin, s10_nothing_mapped)
{
	void *mem = touched(_metadata, PAGE_4K);

	EXPECT_EQ(-EINVAL, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	EXPECT_EQ(-EINVAL, emulated_pin(self->device, SZ_1M - PAGE_4K, 1, EMULATED_READ, NULL));
	EXPECT_EQ(-EINVAL, emulated_pin(self->device, SZ_1M + PAGE_4K, 1, EMULATED_READ, NULL));
	EXPECT_EQ(-EINVAL, emulated_pin(self->device, -PAGE_4K, 1, EMULATED_READ, NULL));
}

/* All pages or none: what was pinned before the one that fails is given back. */
TEST_F(device_pin, s10_failure_unwinds)
{
	char *mem = touched(_metadata, 8 * PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 4 * PAGE_4K));
	ASSERT_EQ(0, iova_map_flags(self->fd, mem + 4 * PAGE_4K, 4 * PAGE_4K, 4 * PAGE_4K,
				    VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(1, emulated_pin(self->device, PAGE_4K, 1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(-EPERM, emulated_pin(self->device, 0, 8, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(-EINVAL, emulated_pin(self->device, 0, 9, EMULATED_READ, NULL));
	ASSERT_EQ(0, munmap(mem + 7 * PAGE_4K, PAGE_4K));
	EXPECT_EQ(-EFAULT, emulated_pin(self->device, 0, 8, EMULATED_READ, NULL));
	EXPECT_EQ(PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 1, pins_held());
	EXPECT_EQ(0, emulated_unpin(self->device, PAGE_4K, 1));
	EXPECT_EQ(self->pins, pins_held());
}

TEST_F(device_pin, s10_permissions)
{
	static const int flags[] = { 0, VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, PROT_DMA };
	char *mem = touched(_metadata, 4 * PAGE_4K);
	int has, wants, expected;

	for (has = 1; has < 4; has++)
		ASSERT_EQ(0, iova_map_flags(self->fd, mem, has * PAGE_4K, PAGE_4K, flags[has]));
	for (has = 1; has < 4; has++) {
		for (wants = 0; wants < 4; wants++) {
			expected = (has & wants) == wants ? 1 : -EPERM;
			EXPECT_EQ(expected, emulated_pin(self->device, has * PAGE_4K, 1, wants,
							 NULL))
				TH_LOG("range of %d, pin for %d", has, wants);
			/* A page that is pinned already is no exception. */
			EXPECT_EQ(expected, emulated_pin(self->device, has * PAGE_4K, 1, wants,
							 NULL));
		}
	}
}

/* What the range allows counts, not what the driver asks for: the page is the user's own. */
TEST_F(device_pin, s10_pinned_as_the_range_allows)
{
	u64 *mem = mem_alloc(PAGE_4K, MEM_4K), word = 1;

	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, *mem);		/* now it is the zero page */
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	ASSERT_EQ(1, emulated_pin(self->device, 0, 1, EMULATED_READ, &word));
	EXPECT_EQ(0, word);
	EXPECT_EQ(PAGE_4K, mem_locked());
	*mem = PIN_STAMP;
	ASSERT_EQ(1, emulated_pin(self->device, 0, 1, EMULATED_READ, &word));
	EXPECT_EQ(PIN_STAMP, word);
}

/* Each iova has a count of its own. */
TEST_F(device_pin, s10_counted_per_iova)
{
	void *mem = touched(_metadata, PAGE_4K);
	int i;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(1, emulated_pin(self->device, 0, 1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(PAGE_4K, mem_locked());
	ASSERT_EQ(1, emulated_pin(self->device, SZ_1M, 1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, emulated_unpin(self->device, 0, 1));
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 2, pins_held());
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 1));
	EXPECT_EQ(PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 1, pins_held());
	EXPECT_EQ(0, emulated_unpin(self->device, SZ_1M, 1));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

/* Counted for all devices together: one may undo what another did. */
TEST_F(device_pin, s10_counted_over_all_devices)
{
	void *mem = touched(_metadata, PAGE_4K);
	int group, device;

	device = emulated_join(_metadata, self->fd, 1, &group);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	ASSERT_EQ(1, emulated_pin(self->device, 0, 1, PROT_RW_EMULATED, NULL));
	ASSERT_EQ(1, emulated_pin(device, 0, 1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(PAGE_4K, mem_locked());
	close(device);
	EXPECT_EQ(PAGE_4K, mem_locked());
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 1));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	close(group);
}

/* The first word of an unaligned iova's page; and it is to be unpinned by that very iova. */
TEST_F(device_pin, s10_within_a_page)
{
	void *mem = stamped(_metadata, 0, 2 * PAGE_4K, PIN_STAMP);
	u64 word = 0;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	ASSERT_EQ(1, emulated_pin(self->device, PAGE_4K + 16, 1, EMULATED_READ, &word));
	EXPECT_EQ(TYPE1P_EMULATED_WORD(PIN_STAMP, PAGE_4K), word);
	EXPECT_EQ(self->pins + 1, pins_held());
	EXPECT_EQ(0, emulated_unpin(self->device, PAGE_4K + 16, 1));
	EXPECT_EQ(self->pins, pins_held());
}

/* What was not pinned is passed over. */
TEST_F(device_pin, s10_unpin_of_what_is_not_pinned)
{
	void *mem = touched(_metadata, 4 * PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 4 * PAGE_4K));
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 4));
	ASSERT_EQ(1, emulated_pin(self->device, 2 * PAGE_4K, 1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 2));
	EXPECT_EQ(self->pins + 1, pins_held());
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 4));
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 4));
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

TEST_F(device_pin, s10_memory_that_cannot_be_had)
{
	char *mem = touched(_metadata, 4 * PAGE_4K);

	ASSERT_EQ(0, munmap(mem, PAGE_4K));
	ASSERT_EQ(0, mprotect(mem + PAGE_4K, PAGE_4K, PROT_NONE));
	ASSERT_EQ(0, mprotect(mem + 2 * PAGE_4K, PAGE_4K, PROT_READ));
	/* MAP does not look at it. */
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 3 * PAGE_4K));
	ASSERT_EQ(0, iova_map_flags(self->fd, mem + 2 * PAGE_4K, SZ_1M, PAGE_4K,
				    VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, iova_map(self->fd, (void *)KERNEL_ADDRESS, 2 * SZ_1M, PAGE_4K));
	EXPECT_EQ(-EFAULT, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
	EXPECT_EQ(-EFAULT, emulated_pin(self->device, PAGE_4K, 1, EMULATED_READ, NULL));
	EXPECT_EQ(-EFAULT, emulated_pin(self->device, 2 * PAGE_4K, 1, EMULATED_READ, NULL));
	EXPECT_EQ(1, emulated_pin(self->device, SZ_1M, 1, EMULATED_READ, NULL));
	EXPECT_EQ(-EFAULT, emulated_pin(self->device, 2 * SZ_1M, 1, EMULATED_READ, NULL));
	EXPECT_EQ(PAGE_4K, mem_locked());
}

/* A device's registers can be mapped, but not pinned: they are no pages. */
TEST_F(device_pin, s10_memory_without_pages)
{
	struct pci_dev dev;
	struct bar bar;
	int fd, group, device;

	fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0, &group);
	test_device(_metadata, 0, &dev);
	device = device_open(group, dev.bdf);
	ASSERT_GE(device, 0);
	ASSERT_EQ(0, device_command(device, PCI_COMMAND_MEMORY, true));
	ASSERT_EQ(0, device_map_bar(device, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	ASSERT_EQ(0, iova_map(self->fd, bar.mem, 0, PAGE_4K));
	EXPECT_EQ(-EINVAL, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
	EXPECT_EQ(0, mem_locked());
	device_unmap_bar(&bar);
	close(device);
	close(group);
	close(fd);
}

/* As MAP found it: the limit of the mapper, whoever pins. */
TEST_F(device_pin, s10_s7_limit)
{
	struct type1p_emulated_order order = pin_order(TYPE1P_EMULATED_KTHREAD, 0, 3, NULL);
	void *mem = touched(_metadata, SZ_1M);

	drop_ipc_lock(_metadata, 2 * PAGE_4K);
	/* Nothing is charged for a MAP. */
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(-ENOMEM, emulated_order(self->device, &order));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	order.npages = 2;
	EXPECT_EQ(2, emulated_order(self->device, &order));
	EXPECT_EQ(-ENOMEM, emulated_pin(self->device, 2 * PAGE_4K, 1, EMULATED_READ, NULL));
	/* Once more is no more. */
	EXPECT_EQ(2, emulated_pin(self->device, 0, 2, EMULATED_READ, NULL));
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
}

TEST_F(device_pin, s10_s7_capability_at_the_time_of_the_map)
{
	void *mem = touched(_metadata, SZ_1M);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	drop_ipc_lock(_metadata, 0);
	EXPECT_EQ(4, emulated_pin(self->device, 0, 4, EMULATED_READ, NULL));
	EXPECT_EQ(4 * PAGE_4K, mem_locked());
}

/* The page outlives its mapping in the process. */
TEST_F(device_pin, s10_munmap_leaves_the_pin)
{
	u64 *mem = touched(_metadata, PAGE_4K), word = 0;

	*mem = PIN_STAMP;
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	ASSERT_EQ(1, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
	ASSERT_EQ(0, munmap(mem, PAGE_4K));
	EXPECT_EQ(1, emulated_pin(self->device, 0, 1, EMULATED_READ, &word));
	EXPECT_EQ(PIN_STAMP, word);
	EXPECT_EQ(PAGE_4K, mem_locked());
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 1));
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 1));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(-EFAULT, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
}

/* Pinned for another process, charged to it; and not any more when its memory is gone. */
TEST_F(device_pin, s10_memory_of_another_process)
{
	pid_t child = child_that_maps(_metadata, self->fd, 0, SZ_1M);

	ASSERT_EQ(2, emulated_pin(self->device, 0, 2, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(2 * PAGE_4K, locked_of(child));
	end(child);
	EXPECT_EQ(-ENODEV, emulated_pin(self->device, 2 * PAGE_4K, 1, EMULATED_READ, NULL));
	/* What is pinned is there. */
	EXPECT_EQ(2, emulated_pin(self->device, 0, 2, EMULATED_READ, NULL));
	EXPECT_EQ(-ENODEV, emulated_pin(self->device, 0, 3, EMULATED_READ, NULL));
	EXPECT_EQ(self->pins + 2, pins_held());
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 2));
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 2));
	EXPECT_EQ(self->pins, pins_held());
}
